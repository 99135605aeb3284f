"""What the report on another program's numbers says: groups of pairs, their statistics, pictures and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from nmqc import __version__
from nmqc.errors import CannotMeasure
from nmqc.model import Band, Curve, Line
from nmqc.neighbours.agreement import Agreement, Estimate, agreement
from nmqc.neighbours.vendor import Matched, Pair
from nmqc.report import tables, wording
from nmqc.report.agreement import Contents, Section
from nmqc.report.document import dump

SCHEMA = "nmqc.agree/1"
MOST_NAMED = 4  # series with a mark of their own in a picture
MOST_LISTED = 40  # pairs, and rows that could not be matched, in the report; all stand in the JSON
OTHER = "the other program"
_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Group:
    """The pairs of one metric, and how far they agree; None where they are too few."""

    metric: str
    of: str
    unit: str
    pairs: tuple[Pair, ...]
    agreement: Agreement | None

    @property
    def title(self) -> str:
        """The metric, and what it is of."""
        return f"{self.metric}, {self.of}" if self.of else self.metric


def groups_of(pairs: Sequence[Pair]) -> list[Group]:
    """Return pairs by metric, and what it is of, in the order of their first; all systems and detectors together."""
    found: dict[tuple[str, str, str], list[Pair]] = {}
    for pair in pairs:
        found.setdefault((pair.ours.metric, pair.ours.of, pair.ours.unit), []).append(pair)
    return [Group(*key, tuple(members), _agreement(members)) for key, members in found.items()]


def _agreement(pairs: Sequence[Pair]) -> Agreement | None:
    try:
        return agreement([pair.ours.value for pair in pairs], [pair.theirs for pair in pairs])
    except CannotMeasure:
        return None


# --- JSON -----------------------------------------------------------------------------------------------


def document(where: str | None, matched: Matched, groups: Sequence[Group], *refused: Any) -> dict[str, Any]:
    """Return the object of the JSON Schema ``docs/schema/nmqc.agree-1.json``."""
    return {
        "schema": SCHEMA,
        "nmqc": __version__,
        "history": where,
        "matched": len(matched.pairs),
        "groups": [_group_json(group) for group in groups],
        "unmatched": [asdict(one) for one in matched.unmatched],
        "refused": [{"code": reason.code, "reason": reason.reason} for reason in refused],
    }


def _group_json(group: Group) -> dict[str, Any]:
    return {
        "metric": group.metric,
        "of": group.of,
        "unit": group.unit,
        "agreement": None if group.agreement is None else asdict(group.agreement),
        "pairs": [_pair_json(pair) for pair in group.pairs],
    }


def _pair_json(pair: Pair) -> dict[str, Any]:
    ours = pair.ours
    return {
        "line": pair.line,
        "result": ours.number,
        "acquired": ours.acquired,
        "unit": ours.system_unit,
        "system": ours.system,
        "detector": ours.detector,
        "ours": ours.value,
        "uncertainty": ours.uncertainty,
        "theirs": pair.theirs,
    }


# --- the report -----------------------------------------------------------------------------------------


def contents(matched: Matched, groups: Sequence[Group], attached: dict[str, Any], table: str) -> Contents:
    """Return what the report says.

    Parameters
    ----------
    attached : the object of `document`
    table : how the other program's table is called
    """
    count, left = len(matched.pairs), len(matched.unmatched)
    times = [datetime.fromisoformat(pair.ours.acquired or "") for pair in matched.pairs]
    known = [time if time.tzinfo else time.replace(tzinfo=UTC) for time in times]
    return Contents(
        subtitle=f"{table}: {count} of {count + left} rows have a result of nmqc beside them.",
        overview=_overview(groups),
        notes=_notes(groups, left),
        sections=tuple(_section(group) for group in groups if group.agreement is not None),
        unmatched=_unmatched(matched),
        attached=dump(attached),
        time=max(known, default=_NO_TIME).replace(microsecond=0),
    )


def _overview(groups: Sequence[Group]) -> tables.Table:
    header = ("metric", "unit", "pairs", "bias (95 %)", "lower limit (95 %)", "upper limit (95 %)")
    return tables.plain(header, [_row(group) for group in groups])


def _row(group: Group) -> list[str]:
    found = group.agreement
    first = [group.title, group.unit, str(len(group.pairs))]
    if found is None:
        return [*first, "too few pairs", "", ""]
    return [*first, *(_interval(one, found) for one in (found.bias, found.lower, found.upper))]


def _interval(one: Estimate, found: Agreement) -> str:
    low, value, high = (_number(part, found) for part in (one.low, one.value, one.high))
    return f"{value} ({low} to {high})"


def _number(value: float, found: Agreement) -> str:
    """Return a number with as many decimals as the standard deviation of the differences has sense for."""
    return wording.number(
        value, wording.decimals(value, found.sd) if found.sd else wording.decimals(value, None)
    )


def _notes(groups: Sequence[Group], left: int) -> tuple[str, ...]:
    notes = [
        "Differences are the other program's value minus that of nmqc. 95 % of them are expected between the limits "
        "of agreement, bias -+ 1.96 standard deviations (Bland and Altman 1986); in brackets the exact 95 % "
        "confidence interval of each number (Carkeet 2015). Whether programs that agree so far can stand for "
        "each other is not a question of statistics: compare with the limits that judge the value.",
    ]
    if any(group.agreement and _depends(group.agreement) for group in groups):
        notes.append(
            "Where the difference depends on the value (see its page) one bias and one pair of limits do not "
            "describe all values alike."
        )
    if left:
        notes.append(f"{left} rows of the table were left out: they stand at the end of this page.")
    return tuple(notes)


def _depends(found: Agreement) -> bool:
    return found.slope is not None and not found.slope.low <= 0 <= found.slope.high


def _section(group: Group) -> Section:
    found = group.agreement
    assert found is not None
    facts = [
        ("pairs", str(found.count)),
        ("bias", f"{_interval(found.bias, found)} {group.unit}"),
        ("SD of the differences", f"{_number(found.sd, found)} {group.unit}"),
        (
            "limits of agreement",
            f"{_interval(found.lower, found)} and {_interval(found.upper, found)} {group.unit}",
        ),
        ("difference against value", _slope(found)),
    ]
    return Section(
        group.title, (_beside(group), _bland_altman(group, found)), tuple(facts), _pairs(group, found)
    )


def _slope(found: Agreement) -> str:
    if found.slope is None:
        return "not to be told from these pairs"
    words = "depends on the value" if _depends(found) else "no dependence seen"
    one = found.slope
    return f"{words}: slope {one.value:.3g} (95 %: {one.low:.3g} to {one.high:.3g})"


def _series(group: Group) -> dict[str, list[Pair]]:
    """Return the pairs by camera and detector; together where these are too many to have marks of their own."""
    found: dict[str, list[Pair]] = {}
    for pair in group.pairs:
        head = "" if pair.ours.detector is None else f", detector {pair.ours.detector}"
        found.setdefault(f"{pair.ours.system_unit}{head}", []).append(pair)
    return (
        dict(sorted(found.items()))
        if len(found) <= MOST_NAMED
        else {f"{len(found)} cameras and detectors": list(group.pairs)}
    )


def _beside(group: Group) -> Curve:
    """Return the other program's values against ours, with the line on which they would be equal."""
    values = [value for pair in group.pairs for value in (pair.ours.value, pair.theirs)]
    ends = np.array([min(values), max(values)])
    lines = [
        Line(
            name,
            np.array([pair.ours.value for pair in pairs]),
            np.array([pair.theirs for pair in pairs]),
            "points",
        )
        for name, pairs in _series(group).items()
    ]
    return Curve(
        "Value beside value",
        f"nmqc / {group.unit or '1'}",
        f"{OTHER} / {group.unit or '1'}",
        (*lines, Line("equal", ends, ends, "guide")),
    )


def _bland_altman(group: Group, found: Agreement) -> Curve:
    """Return the differences against the means, with bias, limits and their confidence intervals."""
    lines = [
        Line(
            name,
            np.array([(pair.ours.value + pair.theirs) / 2 for pair in pairs]),
            np.array([pair.theirs - pair.ours.value for pair in pairs]),
            "points",
        )
        for name, pairs in _series(group).items()
    ]
    means = np.concatenate([line.x for line in lines])
    x = np.array([means.min(), means.max()])
    if x[0] == x[1]:
        x = x + np.array([-0.5, 0.5]) * (abs(x[0]) or 1.0) * 0.1
    levels = (
        ("bias", found.bias, "main"),
        ("limits of agreement", found.lower, "second"),
        ("limits of agreement", found.upper, "second"),
    )
    return Curve(
        "Difference against mean",
        f"mean of both / {group.unit or '1'}",
        f"theirs - nmqc / {group.unit or '1'}",
        (
            *lines,
            *(Line(name, x, np.full(2, one.value), style) for name, one, style in levels),  # type: ignore[arg-type]
        ),
        tuple(
            Band(name, x, np.full(2, one.low), np.full(2, one.high))
            for name, one in (
                ("95 % confidence", found.bias),
                ("95 % confidence", found.lower),
                ("95 % confidence", found.upper),
            )
        ),
    )


def _pairs(group: Group, found: Agreement) -> tables.Table:
    header = ("acquired", "camera", "detector", "nmqc", OTHER, "difference", "line", "result")
    rows = [
        (
            (pair.ours.acquired or "").replace("T", " ")[:16],
            pair.ours.system_unit,
            "-" if pair.ours.detector is None else str(pair.ours.detector),
            _number(pair.ours.value, found),
            _number(pair.theirs, found),
            _number(pair.theirs - pair.ours.value, found),
            str(pair.line),
            str(pair.ours.number),
        )
        for pair in sorted(group.pairs, key=lambda one: abs(one.theirs - one.ours.value), reverse=True)
    ]
    return _shortened(header, rows, "the pairs that differ most")


def _unmatched(matched: Matched) -> tables.Table:
    rows = [(str(one.line), one.code, one.reason) for one in matched.unmatched]
    return _shortened(("line", "code", "why"), rows, "the first of them")


def _shortened(header: Sequence[str], rows: Sequence[Sequence[str]], which: str) -> tables.Table:
    shown = [list(row) for row in rows[:MOST_LISTED]]
    if len(rows) > MOST_LISTED:
        shown.append([f"{which}: {MOST_LISTED} of {len(rows)}", *[""] * (len(header) - 1)])
    return tables.plain(header, shown)
