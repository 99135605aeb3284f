"""Another program's numbers in a CSV table, and which of our results each of them is of."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nmqc.errors import UnusableInput

if TYPE_CHECKING:
    from nmqc.history import Point

COLUMNS = ("date", "system", "detector", "metric", "of", "value", "unit")
NEEDED = ("date", "system", "metric", "value")
SAME_TIME = timedelta(minutes=5)
_DAY = len("2026-11-16")
_NONE = ("", "-", "null")


@dataclass(frozen=True, slots=True)
class Row:
    """One number of the other program; `line` of the file, `day` with the time of day where the table has it."""

    line: int
    day: datetime
    timed: bool
    system: str
    detector: int | None
    metric: str
    of: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A row that stands for none of our results, and why."""

    line: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One number of ours beside one of theirs."""

    ours: Point
    theirs: float
    line: int


@dataclass(frozen=True, slots=True)
class Matched:
    """Pairs in the order of the table, and what could not be matched."""

    pairs: tuple[Pair, ...]
    unmatched: tuple[Unmatched, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many rows could not be matched, by code."""
        return Counter(one.code for one in self.unmatched)


# --- the table ------------------------------------------------------------------------------------------


def read_table(
    content: bytes, given: Mapping[str, str], metrics: Sequence[str] = ()
) -> tuple[list[Row], list[Unmatched]]:
    """Return the rows of a CSV table, and those that cannot be read.

    Parameters
    ----------
    content : UTF-8; the first line names the columns (`COLUMNS`); with semicolons between cells a comma is a decimal
        point
    given : what every row has, for columns that the table has not
    metrics : the metrics that are asked for; () for all

    Raises
    ------
    UnusableInput
        ``bad_table``: no text, no such columns.
    """
    lines, decimal_comma = _lines(content)
    first, *others = lines or [(1, [])]
    names = [name.strip().lower() for name in first[1]]
    missing = [name for name in NEEDED if name not in names and name not in given]
    if missing or len(set(names)) < len(names):
        raise UnusableInput("bad_table", _no_columns(missing))
    rows: list[Row] = []
    bad: list[Unmatched] = []
    for line, cells in others:
        if not any(cell.strip() for cell in cells):
            continue
        try:
            row = _row(line, {**given, **_named(names, cells)}, decimal_comma)
        except ValueError as mistake:
            bad.append(Unmatched(line, "bad_row", str(mistake)))
            continue
        if not metrics or row.metric in metrics:
            rows.append(row)
    return rows, bad


def _lines(content: bytes) -> tuple[list[tuple[int, list[str]]], bool]:
    """Return the cells of each row with its line, and whether a comma may be a decimal point."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnusableInput("bad_table", "the table is no UTF-8 text: save it as CSV UTF-8") from None
    first = text.split("\n", 1)[0]
    mark = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
    try:
        return [(reader.line_num, cells) for cells in reader], mark != ","
    except csv.Error:
        raise UnusableInput("bad_table", "the table is no CSV: save it as CSV UTF-8") from None


def _named(names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """Return the cells of a row by the names of their columns; "" where the row is too short."""
    stripped = [cell.strip() for cell in cells]
    if any(stripped[len(names) :]):
        raise ValueError(
            "it has more cells than the first line names: a decimal comma needs semicolons between cells"
        )
    return dict.fromkeys(names, "") | dict(zip(names, stripped, strict=False))


def _no_columns(missing: Sequence[str]) -> str:
    if not missing:
        return "two columns of the table have the same name: name each once in its first line"
    options = [f"--{name}" for name in missing if name in ("system", "metric")]
    instead = f", or give {' and '.join(options)}" if options else ""
    return (
        f"the table has no column {', '.join(missing)}: name the columns in its first line "
        f"({', '.join(COLUMNS)}){instead}"
    )


def _row(line: int, cells: Mapping[str, str], decimal_comma: bool) -> Row:
    day, timed = _moment(cells["date"])
    if not cells["system"] or not cells["metric"]:
        raise ValueError("system or metric is empty")
    return Row(
        line=line,
        day=day,
        timed=timed,
        system=cells["system"],
        detector=_detector(cells.get("detector", "")),
        metric=cells["metric"],
        of=cells.get("of", ""),
        value=_number(cells["value"], decimal_comma),
        unit=cells.get("unit", ""),
    )


def _moment(text: str) -> tuple[datetime, bool]:
    try:
        found = datetime.fromisoformat(text.replace(" ", "T", 1))
    except ValueError:
        raise ValueError("the date is not written as 2026-11-16 or 2026-11-16 07:12") from None
    return found.replace(tzinfo=None), len(text) > _DAY


def _detector(text: str) -> int | None:
    if text.lower() in _NONE:
        return None
    if not text.isdecimal() or not text.isascii() or not 1 <= int(text) <= 9999:
        raise ValueError("the detector is no number from 1")
    return int(text)


def _number(text: str, decimal_comma: bool) -> float:
    try:
        value = float(text.replace(",", ".") if decimal_comma else text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError("the value is no number")
    return value


def acquired_within(row: Row, first: str | None, last: str | None) -> bool:
    """Say whether a row is of a span; one without a time of day is of its whole day.

    Parameters
    ----------
    first, last : the beginning of an ISO date and time, or None; both belong to the span, so that "2026-11" as the
        last holds the whole month
    """
    moment = row.day.isoformat()[: None if row.timed else _DAY]
    return _reaches(moment, first) and _reaches(last or moment, moment)


def _reaches(later: str, earlier: str | None) -> bool:
    """Say whether one beginning of a date and time can be as late as the other, or later."""
    length = min(len(later), len(earlier or ""))
    return later[:length] >= (earlier or "")[:length]


# --- matching -------------------------------------------------------------------------------------------


def matched(rows: Iterable[Row], points: Iterable[Point]) -> Matched:
    """Return each row with the result that it is of: by day (and time, where it has one), system, detector, metric.

    A row's system is our unit, or our kind of system. With a time of day the acquisition within five minutes counts;
    without one there must be a single acquisition on that day. Of one acquisition that was analysed more than once
    the last result recorded counts. Excluded results and results without a date match nothing.

    Parameters
    ----------
    points : measurements of the history
    """
    known = _by_day(points)
    pairs: list[Pair] = []
    unmatched: list[Unmatched] = []
    used: dict[tuple[int, str, str], int] = {}
    for row in rows:
        found = _found(row, known)
        if isinstance(found, Unmatched):
            unmatched.append(found)
        elif (key := (found.number, found.metric, found.of)) in used:
            reason = f"the same result as line {used[key]}"
            unmatched.append(Unmatched(row.line, "given_twice", reason))
        else:
            used[key] = row.line
            pairs.append(Pair(found, row.value, row.line))
    return Matched(tuple(pairs), tuple(unmatched))


Days = dict[tuple[str, str, str, int | None], dict[str, list["Point"]]]


def _by_day(points: Iterable[Point]) -> Days:
    """Return points by (system, metric, of, detector), then day; a point stands under its unit and under its kind."""
    found: Days = {}
    for point in points:
        if point.acquired is None or point.excluded is not None:
            continue
        for name in {point.system_unit, point.system}:
            days = found.setdefault((name, point.metric, point.of, point.detector), {})
            days.setdefault(point.acquired[:_DAY], []).append(point)
    return found


def _found(row: Row, known: Days) -> Point | Unmatched:
    days = known.get((row.system, row.metric, row.of, row.detector))
    if days is None:
        where = "no detector" if row.detector is None else f"detector {row.detector}"
        reason = f"the history holds no {row.metric} of {row.system}, {where}"
        return Unmatched(row.line, "no_series", reason)
    points = [one for one in days.get(row.day.date().isoformat(), []) if not row.timed or _near(one, row.day)]
    acquisitions = {(one.system_unit, one.acquired, one.energy_window) for one in points}
    if not points:
        return Unmatched(row.line, "no_result", "no result of that day" + (" and time" if row.timed else ""))
    if len(acquisitions) > 1:
        reason = f"{len(acquisitions)} results of that day: give date and time, and the unit as system"
        return Unmatched(row.line, "several_results", reason)
    point = max(points, key=lambda one: one.number)
    if row.unit and row.unit != point.unit:
        reason = f"the table gives {row.unit}, nmqc {point.unit or 'no unit'}"
        return Unmatched(row.line, "other_unit", reason)
    return point


def _near(point: Point, moment: datetime) -> bool:
    acquired = datetime.fromisoformat(point.acquired or "").replace(tzinfo=None)
    return abs(acquired - moment) <= SAME_TIME
