"""Healthy years and planted shifts, looked at by the default rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np

from benchmarks.trend_series import Floats, noise, series_of, working_days
from nmqc.trend.baseline import Stated, baseline_of
from nmqc.trend.control import Side
from nmqc.trend.points import Series
from nmqc.trend.rules import notices

YEAR = 250
CENTRE = 20.0


@dataclass(frozen=True, slots=True)
class Kind:
    """So many metrics of a camera that are alike; values of mean 20 and standard deviation 1."""

    metrics: int
    side: Side
    skew: float = 0.0
    correlation: float = 0.0
    known: bool = False  # the uncertainty of each value
    fail: float | None = None


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera in words, and its metrics."""

    words: str
    kinds: tuple[Kind, ...]
    demanded: bool = True


CAMERAS = (
    Camera(
        "two heads, 16 metrics: 8 with a fail limit 8 sigma away and 4 without, skewed (0.7), uncertainty known; "
        "4 normal, without either",
        (
            Kind(8, "high", skew=0.7, known=True, fail=CENTRE + 8),
            Kind(4, "high", skew=0.7, known=True),
            Kind(4, "both"),
        ),
    ),
    Camera("20 normal metrics, no limit, no uncertainty known", (Kind(20, "both"),)),
    Camera(
        "20 metrics of skewness 0.7, high side, no limit, no uncertainty known", (Kind(20, "high", skew=0.7),)
    ),
    Camera(
        "20 normal metrics whose neighbours correlate by 0.3, no limit, no uncertainty known",
        (Kind(20, "both", correlation=0.3),),
        demanded=False,
    ),
)


def of_days(values: Floats, count: int, kind: Kind) -> tuple[Series, tuple[Stated, ...]]:
    """Return values of working days, and the span of their first `count` as the baseline."""
    times = working_days(values.size)
    series = series_of(values + CENTRE, times, 1.0 if kind.known else None)
    return series, (Stated(times[0], times[count - 1], "", "acceptance"),)


def found(values: Floats, count: int, kind: Kind) -> list[int]:
    """Return how many values after the baseline of `count` values each notice of the default rules came."""
    series, stated = of_days(values, count, kind)
    baseline = baseline_of(series, stated)[0]
    return [one.number - count for one in notices(series, baseline, None, kind.side, kind.fail)]


def healthy(camera: Camera, count: int, years: int, seed: int) -> list[int]:
    """Return the number of notices in each healthy year, over all metrics of a camera."""
    random = np.random.default_rng(seed)
    return [
        sum(
            len(found(noise(random, count + YEAR, correlation=kind.correlation, skew=kind.skew), count, kind))
            for kind in camera.kinds
            for _ in range(kind.metrics)
        )
        for _ in range(years)
    ]


def poisson_interval(mean: float) -> tuple[int, int]:
    """Return the counts between which a Poisson number of a mean lies with a chance of 95 %."""
    chances = np.cumsum(
        [
            exp(k * log(mean) - mean - sum(map(log, range(2, k + 1))))
            for k in range(int(mean + 10 * sqrt(mean) + 20))
        ]
    )
    return int(np.searchsorted(chances, 0.025)), int(np.searchsorted(chances, 0.975))


def false_notices(years: int, checked: int) -> Iterator[tuple[str, ...]]:
    """Yield a row for each camera and baseline: the rate, and whether other years agree with it."""
    for number, camera in enumerate(CAMERAS):
        for count in (20, 30):
            counted = years if camera.demanded else years // 5
            rate = float(np.mean(healthy(camera, count, counted, 100 + 10 * number + count)))
            others = sum(healthy(camera, count, checked, 5000 + 10 * number + count))
            low, high = poisson_interval(max(rate, 1e-3) * checked)
            yield (
                camera.words,
                str(count),
                f"{rate:.2f}",
                ("met" if rate <= 1 else "missed") if camera.demanded else "not demanded",
                f"{others}",
                f"{low} to {high}",
                "yes" if low <= others <= high else "no",
            )


def as_advised(years: int) -> float:
    """Return notices a metric and year of an EWMA of 3.3 sigma whose baseline of 20 counts as the truth.

    Sigma by moving ranges, and a gate of a sigma.
    """
    random = np.random.default_rng(7)
    total = 0
    for _ in range(years):
        values = random.standard_normal(20 + YEAR)
        sigma = np.abs(np.diff(values[:20])).mean() / 1.128
        average, beyond = 0.0, False
        for one in values[20:] - values[:20].mean():
            average = 0.8 * average + 0.2 * one
            limit = sigma * max(3.3 / 3, 1)
            total += not beyond and abs(average) > limit
            beyond = abs(average) > limit or (beyond and abs(average) >= limit / 2)
    return total / years


def detection(runs: int, horizon: int = 500) -> Iterator[tuple[str, ...]]:
    """Yield rows: the mean time until a shift is noticed, by the number of values of the baseline."""
    shifts = {
        "step of 1 sigma": np.ones(horizon),
        "step of 2 sigma": np.full(horizon, 2.0),
        "step of 4 sigma": np.full(horizon, 4.0),
        "drift of 0.02 sigma a day": 0.02 * np.arange(1, horizon + 1),
    }
    for what, shift in shifts.items():
        yield (what, *(_mean_time(shift, count, kind, runs) for count, kind in DETECTED))


DETECTED = (
    (20, Kind(1, "both")),
    (30, Kind(1, "both")),
    (60, Kind(1, "both")),
    (20, Kind(1, "high", skew=0.7, known=True)),
    (20, Kind(1, "high", skew=0.7, known=True, fail=CENTRE + 8)),
)
DETECTED_WORDS = ("20", "30", "60", "20, skewed, high side", "20, the same, fail limit 8 sigma away")


def _mean_time(shift: Floats, count: int, kind: Kind, runs: int) -> str:
    random = np.random.default_rng(count)
    times = []
    for _ in range(runs):
        values = noise(random, count + shift.size, skew=kind.skew)
        values[count:] += shift
        times.append(min(found(values, count, kind), default=shift.size + 1))
    missed = float(np.mean(np.array(times) > shift.size))
    mean = f"{np.mean(np.minimum(times, shift.size)):.0f}"
    return mean if missed == 0 else f"{mean} ({100 * missed:.0f} % not)"
