"""Control charts of a baseline: limits of single values, the EWMA and the CUSUM.

Limits are those of a prediction: the baseline is of few values, so that its centre and its sigma are uncertain
themselves. Constants are chosen by simulation: docs/methods/trend-validation.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from nmqc.trend.baseline import Baseline
from nmqc.trend.points import Series, Value

Side = Literal["both", "high", "low"]

SIGMAS = 3.0
WEIGHT, EWMA_SIGMAS = 0.2, 3.9
#: no value moves the EWMA by more than one at so many times its limit
MOST_OF_ONE = 2.0
#: after so many values the limits of the EWMA are what they remain, to 2e-10
SETTLED_STEPS = 50
#: values of which one side alone is bad are extremes or magnitudes, skewed by nature: their limits are wider
ONE_SIDED = 1.15
RELEVANT_PART, RELEVANT_SIGMAS = 0.25, 1.0
CUSUM_SLACK, CUSUM_LIMIT = 0.5, 4.77


@dataclass(frozen=True, slots=True)
class Limits:
    """Two ends in the unit of the values; None: that side is not bad."""

    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Average:
    """The EWMA after a value, in the unit of the values, with its limits on that day (the gate included).

    `part` is its distance from the centre over that of the limit on its side; 0 on a side that is not bad.
    """

    value: Value
    average: float
    limits: Limits
    part: float


def watched(series: Series, baseline: Baseline) -> tuple[Value, ...]:
    """Return the valid values that a baseline judges: those after its last one, or after a stated span began."""
    last = baseline.last or baseline.stated_from
    return tuple(one for one in series.valid if last is None or one.acquired > last)


def can_chart(baseline: Baseline) -> bool:
    """Say whether there are limits to draw: some scatter, of ten values or more (dashed below twenty)."""
    return baseline.state != "collecting" and bool(baseline.sigma)


def widening(count: int) -> float:
    """Return what the limits are widened by for a sigma of few values: Student's quantile over the normal one.

    At 99.865 %, by the expansion of Cornish and Fisher (Abramowitz and Stegun 26.7.5): 1.149 for 20 values.
    """
    z, v = SIGMAS, count - 1
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    first, second, third = terms
    return 1 + (first / v + second / (v * v) + third / (v * v * v)) / z


def single_distance(baseline: Baseline, side: Side) -> float:
    """Return how far a single value may be from the centre, in the scale of sigma: 3 s widening sqrt(1 + 1/n)."""
    assert baseline.sigma is not None
    wide = 1.0 if side == "both" else ONE_SIDED
    return SIGMAS * wide * baseline.sigma * widening(baseline.count) * sqrt(1 + 1 / baseline.count)


def single_limits(baseline: Baseline, side: Side) -> Limits:
    """Return the control limits of single values, in their unit."""
    return _limits(baseline, single_distance(baseline, side), side)


def score(value: Value, baseline: Baseline) -> float:
    """Return the distance of a value from the centre in sigmas, those of this value.

    A value less certain than those of the baseline has a larger sigma: sqrt(sigma^2 + u^2 - u_b^2), u its
    uncertainty and u_b that of the baseline.
    """
    assert baseline.sigma
    return baseline.distance(value.value) / sqrt(baseline.sigma**2 + _excess(value, baseline))


def _excess(value: Value, baseline: Baseline) -> float:
    if value.uncertainty is None or baseline.uncertainty is None:
        return 0.0
    own = value.uncertainty
    if baseline.transform == "log":
        own = own / value.value if value.value > 0 else 0.0
    return max(own**2 - baseline.uncertainty**2, 0.0)


# --- EWMA -----------------------------------------------------------------------------------------------


def smoothed(scores: Sequence[float], weight: float = WEIGHT, start: float = 0.0) -> list[float]:
    """Return the exponentially weighted moving average: z_t = w x_t + (1 - w) z_(t-1)."""
    made, now = [], start
    for one in scores:
        now = weight * one + (1 - weight) * now
        made.append(now)
    return made


def smoothed_sigma(steps: int, correlation: float = 0.0, weight: float = WEIGHT) -> float:
    """Return the standard deviation of the EWMA of values of sigma 1 after some steps.

    sqrt(w / (2 - w) (1 - (1 - w)^(2 t))); where neighbours correlate by r, w / (2 - w) is multiplied by
    (1 + r (1 - w)) / (1 - r (1 - w)), exact for an autoregressive series after many steps.
    """
    left = 1 - weight
    wider = (1 + correlation * left) / (1 - correlation * left)
    return sqrt(weight / (2 - weight) * (1 - left ** (2 * steps)) * wider)


def averages(series: Series, baseline: Baseline, side: Side, fail: float | None = None) -> list[Average]:
    """Return the EWMA of the values that a baseline judges, each with its limits.

    Limits: 3.9 sigma sqrt(variance of the EWMA + variance of the centre), widened for few values, and never nearer
    to the centre than what matters (`relevant_distance`). A value farther from the centre than twice the limit counts
    as that far: one alone, which is to be repeated, does not carry the average across.

    Raises
    ------
    ValueError
        If the baseline has no limits (`can_chart`).
    """
    if not can_chart(baseline) or not baseline.sigma:
        raise ValueError("the baseline has no limits: too few values, or no scatter")
    made, now = [], 0.0
    for value, distance in _judged(series, baseline, side, fail):
        most = MOST_OF_ONE * distance / baseline.sigma
        now = smoothed([min(max(score(value, baseline), -most), most)], start=now)[0]
        away = now * baseline.sigma
        part = 0.0 if (side == "high" and away < 0) or (side == "low" and away > 0) else abs(away) / distance
        made.append(Average(value, baseline.at(away), _limits(baseline, distance, side), part))
    return made


def _judged(
    series: Series, baseline: Baseline, side: Side, fail: float | None
) -> Iterator[tuple[Value, float]]:
    """Yield the values that a baseline judges, each with the distance of the EWMA's limit after it."""
    values = watched(series, baseline)
    settled = average_distance(baseline, SETTLED_STEPS, side, fail)
    for step, value in enumerate(values, 1):
        yield value, settled if step >= SETTLED_STEPS else average_distance(baseline, step, side, fail)


def average_distance(baseline: Baseline, step: int, side: Side, fail: float | None) -> float:
    """Return how far the EWMA may be from the centre after some steps, in the scale of sigma."""
    assert baseline.sigma is not None
    r = baseline.correlation
    of_centre = (1 + r) / (1 - r) / baseline.count
    spread = sqrt(smoothed_sigma(step, r) ** 2 + of_centre)
    wide = 1.0 if side == "both" else ONE_SIDED
    by_chance = EWMA_SIGMAS * wide * widening(baseline.count) * baseline.sigma * spread
    return max(by_chance, relevant_distance(baseline, fail))


def relevant_distance(baseline: Baseline, fail: float | None) -> float:
    """Return the least shift that matters, in the scale of sigma.

    A quarter of the way from the centre to the fail limit; without one a sigma.
    """
    assert baseline.centre is not None
    assert baseline.sigma is not None
    if fail is None:
        return RELEVANT_SIGMAS * baseline.sigma
    quarter = baseline.centre + RELEVANT_PART * (fail - baseline.centre)
    return abs(baseline.distance(quarter))


def _limits(baseline: Baseline, distance: float, side: Side) -> Limits:
    return Limits(
        None if side == "high" else baseline.at(-distance), None if side == "low" else baseline.at(distance)
    )


# --- CUSUM ----------------------------------------------------------------------------------------------


def cumulated(scores: Sequence[float], slack: float = CUSUM_SLACK) -> Iterator[tuple[float, float]]:
    """Yield the tabular CUSUM after each score: C+ = max(0, C+ + x - k) and C- = max(0, C- - x - k)."""
    high = low = 0.0
    for one in scores:
        high, low = max(0.0, high + one - slack), max(0.0, low - one - slack)
        yield high, low
