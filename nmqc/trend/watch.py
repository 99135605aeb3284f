"""Series with their judgements: what the history holds of a quantity, assessed in the parts that belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from statistics import median
from typing import Literal

from nmqc.model import Ends
from nmqc.trend.assess import Assessment, assess
from nmqc.trend.baseline import Stated
from nmqc.trend.control import Side
from nmqc.trend.points import Series, split_by_counts

#: metrics of which the low side is good, where no limit tells: extremes, residuals and spreads
HIGH_IS_BAD = (
    "uniformity.integral.", "uniformity.differential", "uniformity.cov.", "uniformity.structural_cov.",
    "resolution.slits.linearity_", "resolution.bars.linearity_", "cor.residual_", "cor.axial_range", "cor.nema_",
    "pet.background_variability", "pet.noise",
)  # fmt: skip

#: counts that differ by more begin a new part
COUNTS_RATIO = 1.5
#: where a quantity is now: the median of so many last values
LAST_VALUES = 5
_OPEN = Ends()


@dataclass(frozen=True, slots=True)
class Judged:
    """The limits that judged a value."""

    warn: Ends = _OPEN
    fail: Ends = _OPEN
    of: Literal["value", "magnitude"] = "value"

    @property
    def any(self) -> bool:
        """Say whether there is any."""
        return any(end is not None for ends in (self.warn, self.fail) for end in (ends.low, ends.high))

    @property
    def ends(self) -> tuple[Ends, Ends]:
        """The ends of warning and failure of the value itself."""
        if self.of == "value":
            return self.warn, self.fail
        warn, fail = (
            Ends(None if one.high is None else -one.high, one.high) for one in (self.warn, self.fail)
        )
        return warn, fail


@dataclass(frozen=True, slots=True)
class Span:
    """Limits, and the first and last of the values in turn that they judged."""

    first: datetime
    last: datetime
    limits: Judged


@dataclass(frozen=True, slots=True)
class Watched:
    """A quantity of one camera over time.

    Attributes
    ----------
    series : all its values
    parts : assessments in order of time, one for each level of counts and each setting: the last one holds now
    limits : in order of time; none where nothing was judged
    conditions : nuclide and collimator, in words
    """

    series: Series
    parts: tuple[Assessment, ...]
    limits: tuple[Span, ...]
    conditions: str = ""

    @property
    def now(self) -> Assessment:
        """The assessment that holds now."""
        return self.parts[-1]

    @property
    def judged(self) -> bool:
        """Say whether its last value has limits."""
        return bool(self.limits) and self.limits[-1].last == self.series.values[-1].acquired


@dataclass(frozen=True, slots=True)
class Found:
    """The values of one setting, one or more, each with the limits that judged it."""

    series: Series
    judged: tuple[Judged, ...]
    conditions: str = ""


def watch(
    found: Sequence[Found],
    stated: Sequence[Stated] = (),
    events: Sequence[datetime] = (),
    rules: Sequence[str] | None = None,
) -> Watched:
    """Return a quantity with its assessment.

    Parameters
    ----------
    found : of each setting, in order of time
    stated, events, rules : as of `assess`
    """
    every = [pair for one in found for pair in zip(one.series.values, one.judged, strict=True)]
    spans = _spans([(value.acquired, limits) for value, limits in every])
    parts = [part for one in found for part in _levels(one.series)]
    joined = replace(found[-1].series, values=tuple(value for value, _ in every))
    assessed = tuple(_assessed(part, spans, stated, events, rules) for part in parts)
    return Watched(joined, assessed, spans, found[-1].conditions)


def _levels(series: Series) -> tuple[Series, ...]:
    """Return the parts of a series whose counts are alike; where all of them are, that is known at once."""
    known = [value.counts for value in series.valid if value.counts]
    if not known or max(known) <= COUNTS_RATIO * min(known):
        return (series,)
    return split_by_counts(series, COUNTS_RATIO)


def _spans(judged: Sequence[tuple[datetime, Judged]]) -> tuple[Span, ...]:
    found = []
    for limits, members in groupby(judged, key=lambda one: one[1]):
        times = [time for time, _ in members]
        if limits.any:
            found.append(Span(times[0], times[-1], limits))
    return tuple(found)


def _assessed(
    series: Series,
    spans: Sequence[Span],
    stated: Sequence[Stated],
    events: Sequence[datetime],
    rules: Sequence[str] | None,
) -> Assessment:
    limits = _limits_of(series, spans)
    side = side_of(series.metric, limits)
    warn, fail = limits.ends
    end = _end_watched(series, side, fail if fail != _OPEN else warn)
    return assess(series, stated, getattr(fail, end), getattr(warn, end), side, rules, events)


def _end_watched(series: Series, side: Side, ends: Ends) -> Literal["low", "high"]:
    """Return the end that a quantity is held against: where both sides are bad the one that it is nearer to now."""
    last = [one.value for one in series.valid[-LAST_VALUES:]]
    if side != "both" or ends.low is None or ends.high is None or not last:
        return "low" if side == "low" else "high"
    now = median(last)
    return "low" if now - ends.low < ends.high - now else "high"


def _limits_of(series: Series, spans: Sequence[Span]) -> Judged:
    """Return the last limits that judged a value of a series."""
    last = series.values[-1].acquired
    earlier = [one for one in spans if one.first <= last and one.last >= series.values[0].acquired]
    return earlier[-1].limits if earlier else Judged()


def side_of(metric: str, limits: Judged) -> Side:
    """Return which side of a quantity is watched: those that have a limit, else both, or the high one of extremes."""
    warn, fail = limits.ends
    low, high = (any(getattr(one, end) is not None for one in (warn, fail)) for end in ("low", "high"))
    if low != high:
        return "high" if high else "low"
    return "high" if not high and metric.startswith(HIGH_IS_BAD) else "both"


def in_turn(found: Sequence[Found]) -> list[list[Found]]:
    """Return the settings of one quantity in groups: those that follow each other in time are of one quantity.

    Settings that were used side by side are quantities of their own.

    Parameters
    ----------
    found : what differs in its setting alone
    """
    groups: list[list[Found]] = []
    for one in sorted(found, key=lambda one: one.series.values[0].acquired):
        begun = one.series.values[0].acquired
        home = next((group for group in groups if group[-1].series.values[-1].acquired < begun), None)
        if home is None:
            groups.append([one])
        else:
            home.append(one)
    return groups
