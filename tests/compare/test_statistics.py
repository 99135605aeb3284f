"""Medians and whether they are alike: closed forms, and how often the truth is met."""

from __future__ import annotations

from math import pi, sqrt
from statistics import median

import numpy as np
import pytest

from nmqc.compare import statistics
from nmqc.compare.statistics import Level, chance_alike, from_the_mean, level_of


def level(middle: float, sigma: float | None, count: int = 50) -> Level:
    return Level(count, float(count), middle, 0.1, sigma, 0.0)


def series(rng: np.random.Generator, count: int, phi: float = 0.0) -> list[float]:
    """Values of standard deviation 1 about 10 whose neighbours correlate by phi."""
    values = [rng.normal()]
    while len(values) < count:
        values.append(phi * values[-1] + sqrt(1 - phi**2) * rng.normal())
    return [10 + value for value in values]


@pytest.mark.parametrize(
    ("count", "phi", "low", "high"),
    [(5, 0.0, 0.85, 1.25), (20, 0.0, 0.9, 1.25), (100, 0.0, 0.9, 1.15), (100, 0.5, 0.85, 1.2)],
)
def test_the_uncertainty_is_the_scatter_of_the_median(
    count: int, phi: float, low: float, high: float
) -> None:
    rng = np.random.default_rng(3)
    levels = [level_of(series(rng, count, phi), [None] * count) for _ in range(500)]
    stated = sqrt(sum((one.uncertainty or 0) ** 2 for one in levels) / len(levels))
    scatter = float(np.std([one.median for one in levels]))
    # a standard deviation of 500 is known to 3 %; clipping, and chance correlation of few values, are in the bounds
    assert low < stated / scatter < high


@pytest.mark.parametrize(("count", "cameras", "phi"), [(10, 2, 0.0), (30, 4, 0.0), (60, 4, 0.4)])
def test_cameras_that_are_alike_differ_by_chance_as_seldom_as_said(
    count: int, cameras: int, phi: float
) -> None:
    rng = np.random.default_rng(5)
    trials = 600
    chances = [
        chance_alike([level_of(series(rng, count, phi), [None] * count) for _ in range(cameras)])
        for _ in range(trials)
    ]
    found = sum(chance is not None and chance < 0.05 for chance in chances) / trials
    # 5 %, three binomial standard deviations of 0.9 % up; chance correlation of few values makes it rarer
    assert 0.005 <= found <= 0.05 + 3 * 0.009


def test_cameras_that_differ_by_a_standard_deviation_are_told_apart() -> None:
    rng = np.random.default_rng(8)
    first, second = (level_of(series(rng, 40), [None] * 40) for _ in range(2))
    shifted = level_of([value + 1 for value in series(rng, 40)], [None] * 40)
    alike, apart = chance_alike([first, second]), chance_alike([first, second, shifted])
    assert alike is not None
    assert apart is not None
    assert apart < 0.01 < alike


def test_two_of_known_uncertainty_are_a_test_of_their_difference() -> None:
    # with many values the ratio is the square of a normal deviate: 1.96 standard deviations are 5 %
    far = 1.959964 * 0.1 * sqrt(2)
    found = chance_alike([level(1.0, 0.1, 10**7), level(1.0 + far, 0.1, 10**7)])
    assert found == pytest.approx(0.05, abs=1e-5)


@pytest.mark.parametrize(
    ("count", "independent"),
    [(6, 6.0), (40, 6.0)],  # the degrees of freedom are those of the independent values
)
def test_welch_s_test_of_three_by_hand(count: int, independent: float) -> None:
    """Medians 0, 2 and 4 with squared uncertainties 1, 1 and 2, five degrees of freedom each.

    Weights 1, 1, 1/2, sum 5/2: mean (2 + 2) / (5/2) = 1.6; between 1.6^2 + 0.4^2 + 2.4^2 / 2 = 5.6, half of it 2.8.
    Lambda = (2 (3/5)^2 + (4/5)^2) / 5 = 0.272; F = 2.8 / (1 + 2 / 8 * 0.272) with 2 and 8 / (3 * 0.272) degrees of
    freedom. With 2 in the numerator the tail of F is (1 + 2 F / m)^(-m / 2).
    """
    levels = [
        Level(count, independent, middle, 1.0, sigma, 0.0)
        for middle, sigma in ((0.0, 1.0), (2.0, 1.0), (4.0, sqrt(2)))
    ]
    ratio, freedom = 2.8 / (1 + 0.272 / 4), 8 / (3 * 0.272)
    expected = (1 + 2 * ratio / freedom) ** (-freedom / 2)
    assert chance_alike(levels) == pytest.approx(expected, rel=1e-9)  # arithmetic only


def test_two_of_five_values_are_student_s_test() -> None:
    """Equal uncertainties: t with 4 + 4 degrees of freedom, whose 5 % are 2.306004 by tables."""
    far = 2.306004 * 0.1 * sqrt(2)
    assert chance_alike([level(1.0, 0.1, 5), level(1.0 + far, 0.1, 5)]) == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize(("count", "scatter"), [(3, 0.83), (5, 0.58)])
def test_the_spread_of_few_values_is_right_on_average(
    count: int, scatter: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 2,000 normal samples the robust spread, by which values are clipped, is on average the true one.

    Croux and Rousseeuw's factors make the mean of the median absolute deviation that of the standard deviation.
    """
    robust: list[float] = []
    monkeypatch.setattr(
        statistics, "_clip", lambda values, _middle, spread: robust.append(spread) or list(values)
    )
    rng = np.random.default_rng(12)
    for values in rng.normal(10, 1, (2000, count)):
        level_of(list(values), [None] * count)
    # four standard errors, of the scatter that 200,000 samples have
    assert np.mean(robust) == pytest.approx(1.0, abs=4 * scatter / sqrt(2000))


def test_an_outlier_moves_nothing_much() -> None:
    rng = np.random.default_rng(1)
    values = series(rng, 60)
    calm, wild = level_of(values, [None] * 60), level_of([*values[:-1], 1e6], [None] * 60)
    assert wild.median == pytest.approx(calm.median, abs=0.1)
    assert wild.spread == pytest.approx(calm.spread, rel=0.2)


def test_few_values_know_their_own_uncertainty_alone() -> None:
    assert level_of([2.0], [0.3]).uncertainty == pytest.approx(0.3)
    assert level_of([2.0], [0.3]).spread is None
    assert level_of([2.0, 2.2], [0.3, 0.3]).uncertainty == pytest.approx(0.3 / sqrt(2))
    assert level_of([2.0, 2.2], [None, None]).uncertainty is None
    assert chance_alike([level_of([2.0], [0.3]), level_of([9.0], [0.3])]) is None


def test_equal_values_are_as_uncertain_as_each_is() -> None:
    found = level_of([2.0] * 20, [0.1] * 20)
    assert (found.spread, found.correlation) == (0.0, 0.0)
    assert found.uncertainty == pytest.approx(sqrt(pi / 2) * 0.1 / sqrt(20))
    bare = level_of([2.0] * 20, [None] * 20)
    assert chance_alike([bare, bare]) is None


def test_differences_from_the_mean_carry_their_uncertainties() -> None:
    levels = [level(1.0, 0.3), level(2.0, 0.4), level(6.0, 1.2)]
    found = from_the_mean(levels)
    assert [one for one, _ in found] == pytest.approx([-2.0, -1.0, 3.0])
    # d1 = 2/3 m1 - 1/3 m2 - 1/3 m3, written out
    assert found[0][1] == pytest.approx(sqrt((2 * 0.3) ** 2 + 0.4**2 + 1.2**2) / 3)
    assert from_the_mean([level(1.0, None), level(2.0, 0.1)])[0] == (-0.5, None)


def test_a_drift_makes_fewer_independent_values() -> None:
    drifting = [0.1 * day for day in range(60)]
    found = level_of(drifting, [None] * 60)
    assert found.median == median(drifting)
    assert found.correlation > 0.8
    assert found.independent < 60 / 8
