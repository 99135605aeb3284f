"""Baselines: how a quantity scatters while all is well. Frozen once made: limits do not creep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import exp, log, sqrt
from statistics import fmean, median, stdev
from typing import Literal

from nmqc.trend.points import Series, Value, period_of

State = Literal["collecting", "provisional", "frozen"]
Source = Literal["stated", "first"]
Transform = Literal["none", "log"]

PROVISIONAL_FROM, FROZEN_FROM = 10, 20
SKEWED_ABOVE, AUTOCORRELATED_ABOVE = 0.5, 1.3
#: mean of the range of two normal values of standard deviation 1
RANGE_OF_TWO = 1.128
LONGEST_GAP_PERIODS = 4
#: scatter below this fraction of the values is rounding of the arithmetic, none of the camera
ROUNDING = 1e-12
ACCEPTANCE, FIRST = "acceptance", "first"


@dataclass(frozen=True, slots=True)
class Stated:
    """A span of time that somebody named as the baseline.

    Attributes
    ----------
    first, last : both belong to it; without a last one the first 20 valid results from `first` on
    note : why, in the person's words
    kind : "acceptance", "service", "tune", "source change", "software", ...
    """

    first: datetime
    last: datetime | None
    note: str
    kind: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """Centre and scatter of a quantity.

    Attributes
    ----------
    centre : float or None
        In the unit of the values: mean, with logarithms the geometric mean. None without any value.
    sigma : float or None
        Standard deviation of the values, or of their natural logarithms; never below `uncertainty`. 0 where all
        values are equal. None below two values.
    count : of the values it is made of
    state : "collecting" below 10 values, "provisional" below 20: neither raises a notice; "frozen"
    first, last : times of the first and the last of its values; before `stated_from` there are none
    source, kind, note : whether it was stated, and as what; kind "first" where it was not
    autocorrelated : the standard deviation is above 1.3 times that by moving ranges
    skewed : the skewness of the values is above 0.5
    transform : "log" where the values are skewed, all above 0, and less skewed as logarithms
    moving_sigma : mean moving range / 1.128, in the scale of sigma; None where there is no range
    correlation : of neighbours, 0 where not autocorrelated
    uncertainty : median of the values' own uncertainties in the scale of sigma; None where fewer than half have one
    stated_from : beginning of the stated span; None for the first results
    across : the first event within its span; None without: such a baseline is of two states
    """

    centre: float | None
    sigma: float | None
    count: int
    state: State
    first: datetime | None
    last: datetime | None
    source: Source
    kind: str
    autocorrelated: bool = False
    skewed: bool = False
    transform: Transform = "none"
    moving_sigma: float | None = None
    correlation: float = 0.0
    uncertainty: float | None = None
    stated_from: datetime | None = None
    across: datetime | None = None
    note: str = ""

    def distance(self, value: float) -> float:
        """Return how far a value is above the centre, in the scale of sigma.

        Of logarithms ln(value / centre); for values of 0 and less, which have none, the straight line that touches
        the logarithm at the centre.

        Raises
        ------
        ValueError
            If the baseline has no value.
        """
        if self.centre is None:
            raise ValueError("a baseline without values has no centre")
        if self.transform == "none":
            return value - self.centre
        return log(value / self.centre) if value > 0 else value / self.centre - 1

    def at(self, distance: float) -> float:
        """Return the value at a distance from the centre in the scale of sigma: the way back of `distance`."""
        if self.centre is None:
            raise ValueError("a baseline without values has no centre")
        return self.centre + distance if self.transform == "none" else self.centre * exp(distance)


def baseline_of(
    series: Series, stated: Sequence[Stated] = (), events: Sequence[datetime] = ()
) -> tuple[Baseline, ...]:
    """Return the baseline that holds now, then, where it is another, the one to be kept beside it.

    The latest stated one holds; where nothing is stated, the first 20 valid results. Kept beside it is the latest
    acceptance, else the first 20 valid results.

    Parameters
    ----------
    events : datetimes, such as of repairs: a baseline with one after its first value and not after its last says so
    """
    spans = sorted(stated, key=lambda one: one.first)
    accepted = [one for one in spans if one.kind == ACCEPTANCE]
    wanted: list[Stated | None] = [*spans[-1:], *(accepted[-1:] if accepted else (None,))]
    made = [_baseline(series.valid, span, events) for span in dict.fromkeys(wanted)]
    return tuple(one for place, one in enumerate(made) if place == 0 or one.count)


def _baseline(values: Sequence[Value], span: Stated | None, events: Sequence[datetime]) -> Baseline:
    """Return the baseline of a stated span, else of the first results."""
    chosen = _chosen(values, span)
    transform, skewed = _transform([one.value for one in chosen])
    scaled = [_scaled(one.value, transform) for one in chosen]
    uncertainty = _uncertainty(chosen, transform)
    scatter, moving = _scatter(scaled), moving_range_sigma(chosen, scaled)
    correlation = _correlation(scatter, moving, len(chosen))
    first, last = (chosen[0].acquired, chosen[-1].acquired) if chosen else (None, None)
    inside = [one for one in events if first and last and first < one.replace(tzinfo=None) <= last]
    return Baseline(
        centre=_unscaled(fmean(scaled), transform) if scaled else None,
        sigma=None if scatter is None else max(scatter, uncertainty or 0.0),
        count=len(chosen),
        state=_state(len(chosen)),
        first=first,
        last=last,
        source="first" if span is None else "stated",
        kind=FIRST if span is None else span.kind,
        autocorrelated=correlation > 0,
        skewed=skewed,
        transform=transform,
        moving_sigma=moving,
        correlation=correlation,
        uncertainty=uncertainty,
        stated_from=None if span is None else span.first.replace(tzinfo=None),
        across=min(inside, default=None),
        note="" if span is None else span.note,
    )


def _chosen(values: Sequence[Value], span: Stated | None) -> Sequence[Value]:
    if span is None:
        return values[:FROZEN_FROM]
    first = span.first.replace(tzinfo=None)
    later = [one for one in values if one.acquired >= first]
    if span.last is None:
        return later[:FROZEN_FROM]
    last = span.last.replace(tzinfo=None)
    return [one for one in later if one.acquired <= last]


def _state(count: int) -> State:
    if count < PROVISIONAL_FROM:
        return "collecting"
    return "provisional" if count < FROZEN_FROM else "frozen"


# --- scatter --------------------------------------------------------------------------------------------


def skewness(values: Sequence[float]) -> float:
    """Return the third central moment over the second to the power of 3/2; 0 where all values are equal."""
    middle = fmean(values)
    sigma = sqrt(fmean((one - middle) ** 2 for one in values))
    if sigma <= ROUNDING * abs(middle):
        return 0.0
    return fmean(((one - middle) / sigma) ** 3 for one in values)


def moving_range_sigma(values: Sequence[Value], scaled: Sequence[float]) -> float | None:
    """Return the mean moving range over 1.128; None where there is none.

    No range is formed across a gap of more than four times the usual time between values.

    Parameters
    ----------
    scaled : the values, or their logarithms
    """
    ranges = [one for one in moving_ranges(values, scaled) if one is not None]
    return fmean(ranges) / RANGE_OF_TWO if ranges else None


def moving_ranges(values: Sequence[Value], scaled: Sequence[float]) -> list[float | None]:
    """Return |x_i - x_(i-1)| for each value but the first; None across a gap."""
    period = period_of(values)
    return [
        None
        if period is not None and values[i].acquired - values[i - 1].acquired > LONGEST_GAP_PERIODS * period
        else abs(scaled[i] - scaled[i - 1])
        for i in range(1, len(values))
    ]


def _scatter(scaled: Sequence[float]) -> float | None:
    if len(scaled) < 2:
        return None
    found = stdev(scaled)
    return 0.0 if found <= ROUNDING * max(map(abs, scaled)) else found


def _correlation(scatter: float | None, moving: float | None, count: int) -> float:
    """Return the correlation of neighbours that explains both estimates: MR^2 / SD^2 = 1 - r."""
    if count < PROVISIONAL_FROM or not scatter or not moving or scatter <= AUTOCORRELATED_ABOVE * moving:
        return 0.0
    return min(1 - (moving / scatter) ** 2, 0.9)


# --- logarithms -----------------------------------------------------------------------------------------


def _transform(values: Sequence[float]) -> tuple[Transform, bool]:
    """Return the scale that makes skewed values less so, and whether they are skewed."""
    if len(values) < PROVISIONAL_FROM or skewness(values) <= SKEWED_ABOVE:
        return "none", False
    if min(values) <= 0 or abs(skewness([log(one) for one in values])) >= skewness(values):
        return "none", True
    return "log", True


def _scaled(value: float, transform: Transform) -> float:
    return value if transform == "none" else log(value)


def _unscaled(value: float, transform: Transform) -> float:
    return value if transform == "none" else exp(value)


def _uncertainty(values: Sequence[Value], transform: Transform) -> float | None:
    known = [
        one.uncertainty if transform == "none" else one.uncertainty / one.value
        for one in values
        if one.uncertainty is not None
    ]
    return median(known) if known and 2 * len(known) >= len(values) else None
