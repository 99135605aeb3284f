"""Limits: what is permitted of a measurement, who says so, and the verdict that follows.

Judging is not measuring. Limits live in TOML: those that come with nmqc in `data/limits.toml`, a site's own
in a file that its configuration names. An entry holds for one metric and may be narrowed to a kind of system,
one camera, a detector, a collimator or a nuclide. Of the entries that apply to a result the narrowest counts,
and it alone; nothing of a wider one is kept. At equal narrowness, or where neither is narrower, the site's
entry goes before the built-in one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations
from pathlib import Path
from typing import Literal

from nmqc.errors import BadConfiguration
from nmqc.model import Ends, Limits, Measurement, Remark, Result, Verdict
from nmqc.toml_reader import BadFile, Document, Mistake, Table, nearest, shown

#: A condition on the collimator that holds for whichever is mounted: an extrinsic acquisition.
ANY_COLLIMATOR = "ANY"
#: What the header says of an acquisition without a collimator: an intrinsic one.
NO_COLLIMATOR = "NONE"
#: What the 95th percentile of the noise floor should be, as a part of the fail limit (docs/interface.md).
WANTED_FLOOR = 0.7

#: How a nuclide is written.
NUCLIDE = re.compile(r"[A-Z][a-z]?-[0-9]{1,3}m?")
#: What ends may hold for: the value, or its magnitude.
JUDGED: tuple[Literal["value", "magnitude"], ...] = ("value", "magnitude")

Origin = Literal["built-in", "site"]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What narrows an entry, and equally what is known of a result; None: no condition, or not known.

    Text is compared without regard to case.

    Attributes
    ----------
    system : str or None
        Kind of system: "intevo".
    unit_name : str or None
        One camera: the site's name for it, or the 8 hexadecimal digits that `nmqc identify` shows.
    detector : int or None
        Number of the head, from 1.
    collimator : str or None
        As the header names it; "NONE": intrinsic; in an entry also "ANY": whichever is mounted.
    nuclide : str or None
        "Tc-99m".
    """

    system: str | None = None
    unit_name: str | None = None
    detector: int | None = None
    collimator: str | None = None
    nuclide: str | None = None

    def items(self) -> Iterator[tuple[str, str | int]]:
        """Yield name and value of each condition that is given."""
        for name in (known.name for known in fields(self)):
            value = getattr(self, name)
            if value is not None:
                yield name, value

    def apply_to(self, facts: Conditions) -> bool:
        """Say whether every condition is met by what is known; what is not known meets none."""
        known = dict(facts.items())
        return all(name in known and _meets(known[name], value) for name, value in self.items())

    def cover(self, other: Conditions) -> bool:
        """Say whether these apply wherever the other conditions do: they are as wide, or wider.

        One camera is of one kind, so that a condition on the camera is narrower than one on the system.
        """
        if other.unit_name is not None and other.system is None:
            other = replace(other, system=self.system)
        return self.apply_to(other)

    def can_meet(self, other: Conditions) -> bool:
        """Say whether both can apply to one result."""
        theirs = dict(other.items())
        return all(
            _meets(theirs[name], value) or _meets(value, theirs[name])
            for name, value in self.items()
            if name in theirs
        )

    def together(self, other: Conditions) -> Conditions:
        """Return the conditions that hold where both do; the two must be able to meet."""
        mine, theirs = dict(self.items()), dict(other.items())
        narrower = {n: v for n, v in theirs.items() if n not in mine or _meets(v, mine[n])}
        return replace(self, **narrower)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self.items()) or "everything"


@dataclass(frozen=True, slots=True)
class Limit:
    """One entry of a limits file: the limits of one metric, under conditions; `line` is where it stands."""

    metric: str
    of: str
    limits: Limits
    conditions: Conditions
    origin: Origin
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class LimitSet:
    """Entries that judge together: built-in ones, a site's, or both."""

    entries: tuple[Limit, ...] = ()

    def with_site(self, site: LimitSet) -> LimitSet:
        """Return these entries together with a site's."""
        return LimitSet(self.entries + site.entries)

    def find(self, metric: str, of: str, facts: Conditions) -> Limits | None:
        """Return the limits that judge a measurement, or None where there are none.

        Parameters
        ----------
        metric, of : str
            Name and variant of the measurement; an entry without `of` holds for the variant "" alone.
        facts : Conditions
            What is known of the result (see `facts_of`).

        Raises
        ------
        BadConfiguration
            If two entries of one file apply and neither is narrower. `load` refuses such a file.
        """
        alike = [e for e in self.entries if (e.metric, e.of) == (metric, of) and e.conditions.apply_to(facts)]
        narrowest = [e for e in alike if not any(_strictly_narrower(other, e) for other in alike)]
        chosen = [e for e in narrowest if e.origin == "site"] or narrowest
        if len(chosen) > 1:
            lines = " and ".join(f"{entry.file}:{entry.line}" for entry in chosen)
            raise BadConfiguration("bad_limits", f"{metric}: {lines} both apply and neither is narrower")
        return chosen[0].limits if chosen else None

    def possible(self, known: Conditions) -> tuple[Limit, ...]:
        """Return the entries that can judge a result of which only so much is known, in their order.

        Left out is what cannot apply, and what an entry that applies in any case goes before.
        """
        able = [entry for entry in self.entries if entry.conditions.can_meet(known)]
        certain = [entry for entry in able if entry.conditions.apply_to(known)]
        return tuple(entry for entry in able if not any(_goes_before(sure, entry) for sure in certain))


def load_builtin() -> LimitSet:
    """Return the limits that come with nmqc. None is narrowed, so that any entry of a site goes before."""
    return _read(Document.open(Path(__file__).parent / "data" / "limits.toml"), None, "built-in")


def load(path: Path, units: Mapping[str, str] | None = None) -> LimitSet:
    """Return the limits in a site's file.

    Parameters
    ----------
    path : Path
        A TOML file of `[[limit]]` tables.
    units : mapping of metric name to unit, or None
        The metrics that nmqc knows; None leaves names and units to `judge`.

    Raises
    ------
    BadFile
        If the file holds mistakes: all of them, each with its line.
    BadConfiguration
        If it cannot be read.
    """
    return _read(Document.open(path), units, "site")


def check(path: Path, units: Mapping[str, str]) -> tuple[Mistake, ...]:
    """Return every mistake in a limits file, in order of the lines; () where there is none.

    Raises
    ------
    BadConfiguration
        If the file cannot be read at all.
    """
    try:
        load(path, units)
    except BadFile as bad:
        return bad.mistakes
    return ()


def facts_of(result: Result) -> Conditions:
    """Return what is known of a result that can narrow its limits."""
    return Conditions(
        system=result.source.system.name or None,
        unit_name=result.source.system.unit or None,
        detector=result.detector,
        collimator=result.collimator or None,
        nuclide=result.source.radionuclide or None,
    )


def judge(result: Result, limits: LimitSet, counts_metric: str | None = None) -> Result:
    """Return the result with the limits and the verdict of each measurement.

    A value beyond a fail end is "fail", beyond a warn end "warn", else "pass"; both ends are permitted; no
    limit: "unjudged". Values are judged unrounded. Where the 95th percentile of the noise floor exceeds the
    fail limit, a value above both is "fail" and any other "unjudged": these are named in one remark,
    `limit_below_noise`, with the counts that would do. Limits are never widened.

    Parameters
    ----------
    result : Result
        An earlier judgement in it is replaced.
    limits : LimitSet
        Which limits there are.
    counts_metric : str or None
        The measurement that gives the counts per pixel; None: `counts_per_pixel` of the metric's own family.

    Raises
    ------
    BadConfiguration
        If a limit is in another unit than its metric.

    References
    ----------
    docs/interface.md, "Verdicts".
    """
    facts = facts_of(result)
    judged = tuple(_judged(m, limits.find(m.metric.name, m.of, facts)) for m in result.measurements)
    hidden = [m for m in judged if m.verdict == "unjudged" and _floor_hides(m)]
    remarks = tuple(remark for remark in result.remarks if remark.code != "limit_below_noise")
    if hidden:
        counts = _counts_per_pixel(judged, counts_metric or _family(hidden[0]) + ".counts_per_pixel")
        remarks += (Remark("limit_below_noise", _noise_text(hidden, counts, result)),)
    return replace(result, measurements=judged, remarks=remarks)


# --- judging one measurement ----------------------------------------------------------------------------


def _judged(measurement: Measurement, limits: Limits | None) -> Measurement:
    if limits is None:
        return replace(measurement, limits=None, verdict="unjudged")
    metric = measurement.metric
    if limits.unit != metric.unit:
        reason = (
            f"{metric.name} is in {metric.unit or 'no unit'}, its limit in {limits.unit}: correct the limit"
        )
        raise BadConfiguration("bad_limits", reason)
    against = replace(measurement, limits=limits)
    return replace(against, verdict=_verdict(against, limits))


def _verdict(measurement: Measurement, limits: Limits) -> Verdict:
    value = _judged_value(measurement, limits)
    if _floor_hides(measurement):
        assert measurement.noise_floor is not None
        return "fail" if value > measurement.noise_floor.p95 else "unjudged"
    if not limits.fail.holds(value):
        return "fail"
    return "pass" if limits.warn.holds(value) else "warn"


def _judged_value(measurement: Measurement, limits: Limits) -> float:
    return abs(measurement.value) if limits.of == "magnitude" else measurement.value


def _floor_hides(measurement: Measurement) -> bool:
    """Say whether noise alone would exceed the fail limit."""
    floor, limits = measurement.noise_floor, measurement.limits
    if floor is None or limits is None or limits.fail.high is None:
        return False
    return floor.p95 > limits.fail.high


# --- the remark on a limit below the noise floor --------------------------------------------------------


def _family(measurement: Measurement) -> str:
    return measurement.metric.name.partition(".")[0]


def _counts_per_pixel(measurements: Sequence[Measurement], metric: str) -> float | None:
    return next((m.value for m in measurements if m.metric.name == metric and m.of == ""), None)


def _noise_text(hidden: Sequence[Measurement], counts: float | None, result: Result) -> str:
    """Return what noise would read, for each metric concerned, and the counts that would do for all."""
    each = ", ".join(_floor_text(measurement) for measurement in hidden)
    at = "these counts" if counts is None else f"{counts:,.0f} counts a pixel"
    factors = [factor for factor in map(_factor, hidden) if factor is not None]
    if len(factors) < len(hidden):
        return f"at {at} a perfect detector would read up to {each}: no number of counts would do"
    wanted = _wanted_text(max(factors), counts, result)
    return (
        f"at {at} a perfect detector would read up to {each}: "
        f"{wanted} would bring that to {WANTED_FLOOR:g} of the limit"
    )


def _floor_text(measurement: Measurement) -> str:
    assert measurement.noise_floor is not None
    assert measurement.limits is not None
    unit, name = measurement.metric.unit, measurement.metric.label or measurement.metric.name
    variant = f", {measurement.of}" if measurement.of else ""
    limit = measurement.limits.fail.high
    return f"{measurement.noise_floor.p95:.3g} {unit} ({name}{variant}; limit {limit:g} {unit})"


def _factor(measurement: Measurement) -> float | None:
    """Return how many times the counts bring the floor to the wanted part of the limit: it goes as 1/sqrt."""
    assert measurement.noise_floor is not None
    assert measurement.limits is not None
    limit = measurement.limits.fail.high
    if limit is None or limit <= 0:
        return None
    return float((measurement.noise_floor.p95 / (WANTED_FLOOR * limit)) ** 2)


def _wanted_text(factor: float, counts: float | None, result: Result) -> str:
    """Return the counts that would do: per pixel, in all, and the minutes at this rate, as far as known."""
    rest = []
    if result.total_counts:
        rest.append(f"{_rounded_up(factor * result.total_counts)} in all")
    if result.duration_s:
        rest.append(f"{_rounded_up(factor * result.duration_s / 60)} minutes at this rate")
    per_pixel = f"{_rounded_up(factor)} times the counts"
    if counts is not None:
        per_pixel = f"{_rounded_up(factor * counts)} counts a pixel"
    return per_pixel + (f" ({', '.join(rest)})" if rest else "")


def _rounded_up(value: float) -> str:
    """Return a positive number rounded up to two digits: "2,100", "11 million", "8.4"."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    rounded = math.ceil(round(value / step, 6)) * step
    return f"{rounded / 1e6:,g} million" if rounded >= 1e6 else f"{rounded:,g}"


# --- which entry goes before which ----------------------------------------------------------------------


def _meets(value: str | int, condition: str | int) -> bool:
    """Say whether a known value meets a condition; "ANY" is met by every collimator that is mounted."""
    wanted, given = str(condition).casefold(), str(value).casefold()
    if wanted == ANY_COLLIMATOR.casefold():
        return given not in (NO_COLLIMATOR.casefold(), "unkn", "unknown")
    return wanted == given


def _strictly_narrower(one: Limit, other: Limit) -> bool:
    return other.conditions.cover(one.conditions) and not one.conditions.cover(other.conditions)


def _goes_before(one: Limit, other: Limit) -> bool:
    """Say whether an entry is chosen over another wherever it applies."""
    if (one.metric, one.of) != (other.metric, other.of) or _strictly_narrower(other, one):
        return False
    return _strictly_narrower(one, other) or (one.origin, other.origin) == ("site", "built-in")


# --- reading a file -------------------------------------------------------------------------------------


def _read(document: Document, units: Mapping[str, str] | None, origin: Origin) -> LimitSet:
    entries = []
    tables = document.root.tables("limit")
    for table in tables:
        before = len(document.mistakes)
        entry = _entry(table, units, origin, document.file)
        if len(document.mistakes) == before:
            entries.append((entry, table))
    _refuse_ties(entries)
    document.finish()
    return LimitSet(tuple(entry for entry, _ in entries))


def _entry(table: Table, units: Mapping[str, str] | None, origin: Origin, file: str) -> Limit:
    metric, unit = table.text("metric", required=True), table.text("unit", required=True, blank=True)
    if units is not None and metric is not None:
        _check_metric(table, metric, unit, units)
    of = table.text("of") or ""
    on = table.choice("on", JUDGED) or JUDGED[0]
    warn, fail = _ends(table, "warn"), _ends(table, "fail")
    _check_ends(table, warn, fail, on)
    source = table.text("source", required=True) or ""
    limits = Limits(warn, fail, on, unit or "", source, table.flag("verified", default=False))
    return Limit(metric or "", of, limits, _conditions(table), origin, Path(file).name, table.line())


def _check_metric(table: Table, metric: str, unit: str | None, units: Mapping[str, str]) -> None:
    if metric not in units:
        table.mistake("metric", f"unknown metric {shown(metric)}{nearest(metric, list(units))}")
    elif unit is not None and unit != units[metric]:
        table.mistake("unit", f'unit: {metric} is in "{units[metric]}", not in {shown(unit)}')


def _conditions(table: Table) -> Conditions:
    nuclide = table.text("nuclide")
    if nuclide and not NUCLIDE.fullmatch(nuclide):
        table.mistake("nuclide", 'nuclide: expected it written as "Tc-99m" or "Co-57"')
    return Conditions(
        system=table.text("system"),
        unit_name=table.text("unit_name"),
        detector=table.from_one("detector"),
        collimator=table.text("collimator"),
        nuclide=nuclide,
    )


def _ends(table: Table, key: str) -> Ends:
    inner = table.table(key, "{ high = 4.0 }")
    if inner is None:
        return Ends()
    ends = Ends(inner.number("low"), inner.number("high"))
    if not (inner.holds("low") or inner.holds("high")):
        table.mistake(key, f"{key}: expected low or high or both, such as {key} = {{ high = 4.0 }}")
    if ends.low is not None and ends.high is not None and ends.low > ends.high:
        table.mistake(key, f"{key}: low {ends.low:g} is above high {ends.high:g}")
        return Ends()
    return ends


def _check_ends(table: Table, warn: Ends, fail: Ends, on: str) -> None:
    """Note what makes two pairs of ends senseless: at most one mistake an entry."""
    highs = [end for end in (warn.high, fail.high) if end is not None]
    lows = [end for end in (warn.low, fail.low) if end is not None]
    if not (table.holds("warn") or table.holds("fail")):
        table.mistake(
            None, "nothing is limited: expected warn or fail or both, such as fail = { high = 5.0 }"
        )
    elif warn.high is not None and fail.high is not None and warn.high > fail.high:
        table.mistake("warn", f"warn: high {warn.high:g} is beyond the fail limit {fail.high:g}")
    elif warn.low is not None and fail.low is not None and warn.low < fail.low:
        table.mistake("warn", f"warn: low {warn.low:g} is beyond the fail limit {fail.low:g}")
    elif highs and lows and max(lows) > min(highs):
        table.mistake("fail", "warn and fail exclude each other: no value could pass")
    elif on == "magnitude" and highs and min(highs) < 0:
        table.mistake("on", "a magnitude is never negative: no value could pass")


def _refuse_ties(entries: Sequence[tuple[Limit, Table]]) -> None:
    """Note every two entries that can apply to one result where neither is narrower and none settles it."""
    for (first, _), (second, table) in combinations(entries, 2):
        if (first.metric, first.of) != (second.metric, second.of):
            continue
        one, other = first.conditions, second.conditions
        if one.cover(other) and other.cover(one):
            table.mistake(None, f"the same metric with the same conditions as in line {first.line}")
        elif one.can_meet(other) and not one.cover(other) and not other.cover(one):
            both = one.together(other)
            if not any(_settles(entry, first, both) for entry, _ in entries):
                text = f"neither this nor line {first.line} is narrower where both apply ({both})"
                table.mistake(None, f"{text}: narrow one, or add an entry with these conditions")


def _settles(entry: Limit, alike: Limit, both: Conditions) -> bool:
    if (entry.metric, entry.of) != (alike.metric, alike.of):
        return False
    return entry.conditions.cover(both) and both.cover(entry.conditions)
