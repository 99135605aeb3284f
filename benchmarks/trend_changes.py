"""Planted steps and drifts: what is found, when, and whether the intervals hold the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.trend_series import Floats, every, noise, series_of, structural, weakening
from nmqc.trend.changes import explained
from nmqc.trend.drift import DAYS_A_MONTH, Drift
from nmqc.trend.partition import signal_of
from nmqc.trend.points import Series

#: mean integral uniformity, in percent, of the fields of `weakening` without fault
NOISE_FLOOR = 1.57
Draw = Callable[[np.random.Generator], Floats]


def nothing(runs: int) -> Iterator[tuple[str, ...]]:
    """Yield rows: how often steps and drifts are found where there is none."""
    for count, correlation, skew in (
        (30, 0, 0), (60, 0, 0), (60, 0.3, 0), (250, 0, 0), (250, 0.3, 0), (250, 0.5, 0), (250, 0, 0.7), (1250, 0, 0),
    ):  # fmt: skip
        random = np.random.default_rng(count)
        seen = [
            explained(series_of(noise(random, count, correlation=correlation, skew=skew), every(1, count)))
            for _ in range(runs)
        ]
        steps, drifts = (100 * float(np.mean([bool(one[place]) for one in seen])) for place in (0, 1))
        yield str(count), f"{correlation:g}", f"{skew:g}", f"{steps:.1f}", f"{drifts:.1f}"


def steps(runs: int) -> Iterator[tuple[str, ...]]:
    """Yield rows: how often a step is found and dated within three values, and what its interval holds."""
    for size, place, count, correlation in (
        (1, 150, 250, 0), (2, 150, 250, 0), (2, 150, 250, 0.3), (2, 240, 250, 0), (3, 150, 250, 0), (4, 150, 250, 0),
        (2, 35, 60, 0), (4, 35, 60, 0),
    ):  # fmt: skip
        random = np.random.default_rng(1000 * size + count + place)
        outcomes = [_step(random, size, place, count, correlation) for _ in range(runs)]
        dated = [one for one in outcomes if one is not None]
        within = _percent([near for near, _ in dated])
        covered = _percent([held for _, held in dated])
        yield (
            f"{size:g}", f"{place} of {count}", f"{correlation:g}", _percent([one is not None for one in outcomes]),
            within, covered,
        )  # fmt: skip


def _step(
    random: np.random.Generator, size: float, place: int, count: int, correlation: float
) -> tuple[bool, bool] | None:
    values = noise(random, count, correlation=correlation)
    values[place:] += size
    series = series_of(values, every(1, count))
    near = [one for one in explained(series)[0] if abs(one.index - place) < 25]
    if not near:
        return None
    one = min(near, key=lambda one: abs(one.index - place))
    before, after = (series.values[at].acquired for at in (place - 1, place))
    return abs(one.index - place) <= 3, one.low <= before and after <= one.high


@dataclass(frozen=True, slots=True)
class Planted:
    """A drift from a value on.

    `slope` is in the unit of the values a day; None where it is none in the end alone.
    """

    words: str
    draw: Draw
    place: int
    slope: float | None
    floored: bool
    noise_floor: float | None = None


def planted() -> Iterator[Planted]:
    """Yield drifts: straight ones, and those of values on a floor."""
    for slope, place, count, correlation in (
        (0.02, 100, 250, 0), (0.05, 100, 250, 0), (0.05, 100, 250, 0.3), (0.05, 200, 250, 0), (0.1, 100, 250, 0),
        (0.05, 60, 120, 0), (0.02, 0, 250, 0), (0.2, 30, 57, 0),
    ):  # fmt: skip
        rising = slope * _since(place, count)
        words = f"{slope:g} sigma a value from {place} of {count}, correlation {correlation:g}"
        yield Planted(
            words,
            lambda random, r=rising, c=correlation: noise(random, r.size, correlation=c) + r,
            place,
            slope,
            False,
        )
        if slope == 0.05 and correlation == 0 and count == 250:
            yield Planted(
                f"{words}, taken as on a floor",
                lambda random, r=rising: 50 + noise(random, r.size) + r,
                place,
                slope,
                True,
            )
    for slope in (0.015, 0.03):
        depths = slope * _since(100, 286)
        yield Planted(
            f"integral uniformity, cells weaker by {slope:g} % a day from 100 of 286",
            lambda random, d=depths: weakening(random, d),
            100,
            None,
            True,
            NOISE_FLOOR,
        )
    for slope in (0.002, 0.005):
        depths = slope * _since(100, 286)
        yield Planted(
            f"root of 0.25^2 + ({slope:g} days)^2 from 100 of 286",
            lambda random, d=depths: structural(random, d),
            100,
            None,
            True,
        )


def _since(place: int, count: int) -> Floats:
    return np.maximum(np.arange(count) - place, 0).astype(np.float64)


def drifts(runs: int) -> Iterator[tuple[str, ...]]:
    """Yield rows: how often a drift is found, and how often its intervals hold the onset and the slope."""
    for number, one in enumerate(planted()):
        random = np.random.default_rng(number)
        outcomes = [_drift(one, random) for _ in range(runs)]
        seen = [pair for pair in outcomes if pair is not None]
        onsets = [
            found.onset_low <= series.values[one.place].acquired <= found.onset_high for series, found in seen
        ]
        widths = [(found.onset_high - found.onset_low).days for _, found in seen]
        slopes = (
            "" if one.slope is None
            else _percent([found.low <= one.slope * DAYS_A_MONTH <= found.high for _, found in seen])
        )  # fmt: skip
        yield (
            one.words, _percent([pair is not None for pair in outcomes]), _percent(onsets), slopes,
            f"{np.median(widths):.0f}" if widths else "",
        )  # fmt: skip


def _drift(one: Planted, random: np.random.Generator) -> tuple[Series, Drift] | None:
    values = one.draw(random)
    series = series_of(values, every(1, values.size), floor=one.noise_floor)
    found = explained(series, floored=one.floored)[1]
    return None if found is None else (series, found)


def _percent(which: list[bool]) -> str:
    return f"{100 * float(np.mean(which)):.1f}" if which else ""


def lines(runs: int) -> Iterator[tuple[str, ...]]:
    """Yield rows: the scatter of a slope by least squares without lone outliers, plain ones, and Theil and Sen's."""
    days = np.arange(100.0)
    for words, correlation, outliers in (
        ("normal", 0, 0),
        ("correlation 0.3", 0.3, 0),
        ("5 % outliers of 6 sigma", 0, 5),
    ):
        random = np.random.default_rng(11)
        slopes: list[tuple[float, float, float]] = []
        for _ in range(runs):
            values = noise(random, days.size, correlation=correlation) + 0.02 * days
            values[random.choice(days.size, outliers, replace=False)] += 6
            signal = signal_of(series_of(values, every(1, days.size)).values)
            assert signal is not None
            slopes.append((_least(days, signal.values), _least(days, values), _theil_sen(days, values)))
        yield (words, *(f"{1000 * float(one):.2f}" for one in np.std(slopes, axis=0)))


def _least(days: Floats, values: Floats) -> float:
    away = days - days.mean()
    return float(away @ values / (away @ away))


def _theil_sen(days: Floats, values: Floats) -> float:
    first, second = np.triu_indices(days.size, 1)
    return float(np.median((values[second] - values[first]) / (days[second] - days[first])))
