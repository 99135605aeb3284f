"""Measurements as the series of a trend: those of one quantity of one camera, acquired and analysed alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from nmqc.history.conditions import Conditions, Judgement, conditions_of
from nmqc.history.engines import Database, Row
from nmqc.history.entries import Filters, stored_object
from nmqc.history.query import LATEST_EVENT, rows_of, where_clause
from nmqc.model import Ends, Verdict

_RESULTS = (
    "SELECT r.number, r.acquired, CASE WHEN e.event = 'excluded' THEN e.reason END, r.system_unit, r.system, "
    "r.test, r.algorithm, r.detector, r.energy_window, r.collimator, r.nuclide, c.setting, c.counts "
    f"FROM nmqc_results r LEFT JOIN nmqc_conditions c ON c.result = r.number {LATEST_EVENT}"
)
_JUDGEMENT = ", ".join(f"j.{name}" for name in Judgement.__slots__)
_MEASUREMENTS = (
    f'SELECT m.result, m.position, m.name, m."of", m.unit, m.value, m.uncertainty, m.verdict, {_JUDGEMENT} '
    "FROM nmqc_results r JOIN nmqc_measurements m ON m.result = r.number "
    "LEFT JOIN nmqc_judgements j ON j.result = m.result AND j.position = m.position"
)


class SeriesPoint(NamedTuple):
    """One measurement of a series: a tuple, since there are many.

    Attributes
    ----------
    number : of the result
    acquired : the scanner's local time; an offset from UTC is dropped
    value, uncertainty : in the unit of the series; an uncertainty of None is not estimated
    verdict : of this measurement, as it was judged
    excluded : why the result is excluded; None where it is not
    counts : per pixel, of the same result; None where its test measures none
    floor_mean, floor_p95 : what noise alone gives; None where it does not apply
    warn, fail : the ends of the limits that judged it; None where no limit did
    limits_of : whether they hold for the value or its magnitude
    """

    number: int
    acquired: datetime
    value: float
    uncertainty: float | None
    verdict: Verdict
    excluded: str | None
    counts: float | None
    floor_mean: float | None
    floor_p95: float | None
    warn: Ends | None
    fail: Ends | None
    limits_of: Literal["value", "magnitude"] | None


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """What the values of a series have in common.

    Attributes
    ----------
    unit, system : the one physical camera, and its kind
    test, algorithm, detector, window, collimator, nuclide : as in the history
    metric, of, unit_of_value : what was measured, which of several alike, and in which unit
    setting : digest of all that makes values comparable (`nmqc.history.conditions.setting_of`)
    """

    unit: str
    system: str
    test: str
    algorithm: str
    detector: int | None
    window: str | None
    collimator: str
    nuclide: str
    metric: str
    of: str
    unit_of_value: str
    setting: str


@dataclass(frozen=True, slots=True)
class SeriesRows:
    """The values of one quantity of one camera, acquired and analysed alike.

    Attributes
    ----------
    points : in order of acquisition, then of number; excluded ones too
    undated : numbers of the results without a date, but for excluded ones; they are not among the points
    """

    key: SeriesKey
    points: tuple[SeriesPoint, ...]
    undated: tuple[int, ...]


#: what the results of some series share: the first columns of their keys, then the setting
Group = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Result:
    """A result as all of its measurements share it.

    `judgements` are those of a result without rows of its own, by position; else None.
    """

    number: int
    acquired: datetime | None
    excluded: str | None
    group: Group
    counts: float | None
    judgements: Mapping[int, Judgement] | None


def read_series(database: Database, filters: Filters) -> list[SeriesRows]:
    """Return the series that the filters let through, by camera and test, in the order of their measurements."""
    results = _results(database, filters)
    where, values = where_clause(replace(filters, excluded=None, limit=None), metric_column="m.name")
    found: defaultdict[tuple[Group, str, str, str], list[tuple[_Result, Row]]] = defaultdict(list)
    for row in database.rows(f"{_MEASUREMENTS} {where} ORDER BY m.result, m.position", values):
        result = results.get(row[0])
        if result is not None:  # one that was recorded between the two queries waits for the next time
            found[(result.group, *row[2:5])].append((result, row))
    series = [_series(key, members) for key, members in found.items()]
    return sorted(series, key=lambda one: _place(one.key))


def _place(key: SeriesKey) -> tuple[object, ...]:
    """Return what series are ordered by; those of one result stay in the order of its measurements."""
    return (
        key.unit,
        key.test,
        key.detector or 0,
        key.window or "",
        key.algorithm,
        key.collimator,
        key.nuclide,
    )


# --- results --------------------------------------------------------------------------------------------


def _results(database: Database, filters: Filters) -> dict[int, _Result]:
    """Return the results that the filters let through by their numbers; a limit keeps the latest."""
    where, values = where_clause(filters)
    order = ""
    if filters.limit is not None:
        order, values = (
            "ORDER BY COALESCE(r.acquired, '') DESC, r.number DESC LIMIT ?",
            (*values, filters.limit),
        )
    rows = database.rows(f"{_RESULTS} {where} {order}", values)
    bare = _without_rows(database, [row[0] for row in rows if row[-2] is None])
    return {row[0]: _result(row, bare.get(row[0])) for row in rows}


def _result(row: Row, bare: Conditions | None) -> _Result:
    number, acquired, excluded, *facts, setting, counts = row
    if bare is not None:
        setting, counts = bare.setting, bare.counts
    moment = None if acquired is None else datetime.fromisoformat(acquired).replace(tzinfo=None)
    return _Result(number, moment, excluded, (*facts, setting), counts, bare.judgements if bare else None)


def _without_rows(database: Database, numbers: Collection[int]) -> Mapping[int, Conditions]:
    """Return the conditions of results that an older nmqc recorded while a newer one upgraded the history."""
    asked = "SELECT number, payload FROM nmqc_results WHERE number IN ({})"
    return {
        number: conditions_of(stored_object(text, f"result {number}"))
        for number, text in rows_of(database, asked, numbers)
    }


# --- points ---------------------------------------------------------------------------------------------


def _series(key: tuple[Group, str, str, str], members: Collection[tuple[_Result, Row]]) -> SeriesRows:
    (*facts, setting), *measured = key
    points = [_point(result, result.acquired, row) for result, row in members if result.acquired is not None]
    points.sort(key=itemgetter(1, 0))
    undated = [one.number for one, _ in members if one.acquired is None and one.excluded is None]
    return SeriesRows(_key(*facts, *measured, setting), tuple(points), tuple(undated))


def _key(*columns: Any) -> SeriesKey:
    return SeriesKey(*columns)


def _point(result: _Result, acquired: datetime, row: Row) -> SeriesPoint:
    judged = row[8:]
    if result.judgements is not None:
        judged = _columns(result.judgements.get(row[1]))
    mean, p95, warn_low, warn_high, fail_low, fail_high, limits_of = judged
    warn = fail = None
    if limits_of is not None:
        warn, fail = _ends(warn_low, warn_high), _ends(fail_low, fail_high)
    return SeriesPoint(
        result.number,
        acquired,
        row[5],
        row[6],
        row[7],
        result.excluded,
        result.counts,
        mean,
        p95,
        warn,
        fail,
        limits_of,
    )


def _columns(judgement: Judgement | None) -> tuple[Any, ...]:
    return tuple(getattr(judgement, name, None) for name in Judgement.__slots__)


@lru_cache(maxsize=1024)
def _ends(low: float | None, high: float | None) -> Ends:
    return Ends(low, high)
