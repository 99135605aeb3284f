"""Bias and limits of agreement."""

from __future__ import annotations

import numpy as np
import pytest

from nmqc.errors import CannotMeasure
from nmqc.neighbours.agreement import WIDTH, agreement

#: peak expiratory flow, first readings (l/min): Bland JM, Altman DG, Lancet 1986;327:307, table 1
WRIGHT = (494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427)
MINI_WRIGHT = (512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451)


def test_the_published_example() -> None:
    """Printed there: difference -2.1, standard deviation 38.8, interval of the bias -22.0 to 17.8."""
    found = agreement(MINI_WRIGHT, WRIGHT)
    assert found.count == 17
    assert found.bias.value == pytest.approx(-2.1, abs=0.05)  # one decimal is printed
    assert found.sd == pytest.approx(38.8, abs=0.05)
    # printed with 2.12 and 9.4 for t and the standard error, rounded before they were multiplied
    assert found.bias.low == pytest.approx(-22.0, abs=0.1)
    assert found.bias.high == pytest.approx(17.8, abs=0.1)
    # printed -79.7 and 75.5 with 2 standard deviations, where these are 1.96
    assert found.lower.value == pytest.approx(-79.7 + (2 - WIDTH) * 38.8, abs=0.1)
    assert found.upper.value == pytest.approx(75.5 - (2 - WIDTH) * 38.8, abs=0.1)


def test_the_difference_is_theirs_minus_ours() -> None:
    found = agreement([1.0, 2.0, 4.0], [2.0, 3.5, 5.5])
    assert found.bias.value == pytest.approx(4 / 3, rel=1e-12)  # no noise: arithmetic only


def test_the_intervals_are_those_of_the_noncentral_t() -> None:
    """By another library's distribution, for the two limits, which are mirror images."""
    from scipy.stats import nct

    found = agreement(MINI_WRIGHT, WRIGHT)
    ends = nct.ppf([0.025, 0.975], 16, WIDTH * 17**0.5) / 17**0.5 * found.sd
    assert (found.upper.low, found.upper.high) == pytest.approx(found.bias.value + ends, rel=1e-9)
    assert (found.lower.low, found.lower.high) == pytest.approx(found.bias.value - ends[::-1], rel=1e-9)


@pytest.mark.parametrize("count", [3, 8, 40])
def test_the_intervals_hold_95_times_in_100(count: int) -> None:
    """2,000 samples of a known distribution: the share that holds the truth scatters by 0.5 %."""
    truth, sigma, draws = 0.3, 2.0, 2000
    rng = np.random.default_rng(20261116 + count)
    held = np.zeros(3)
    wanted = (truth, truth - WIDTH * sigma, truth + WIDTH * sigma)
    for differences in rng.normal(truth, sigma, (draws, count)):
        found = agreement(np.zeros(count), differences)
        estimates = (found.bias, found.lower, found.upper)
        held += [one.low <= true <= one.high for one, true in zip(estimates, wanted, strict=True)]
    assert held / draws == pytest.approx([0.95] * 3, abs=4 * (0.95 * 0.05 / draws) ** 0.5)  # 4 sigma


def test_a_difference_that_grows_with_the_value_is_seen() -> None:
    rng = np.random.default_rng(7)
    ours = np.linspace(1, 9, 60)
    found = agreement(ours, ours * 1.2 + rng.normal(0, 0.1, 60))
    assert found.slope is not None
    # b = 1.2 a: the difference is 0.2 a, the mean 1.1 a
    assert found.slope.low < 0.2 / 1.1 < found.slope.high
    assert found.slope.low > 0


def test_no_slope_is_seen_where_there_is_none() -> None:
    """By 1,000 samples: an interval of 95 % is off 5 times in 100."""
    rng = np.random.default_rng(11)
    ours = rng.normal(5, 1, (1000, 25))
    off = 0
    for sample in ours:
        noise = rng.normal(0, 0.3, (2, 25))  # alike in both: unlike scatter makes a slope of its own
        slope = agreement(sample + noise[0], sample + noise[1]).slope
        off += slope is not None and not slope.low <= 0 <= slope.high
    assert off / 1000 == pytest.approx(0.05, abs=4 * (0.05 * 0.95 / 1000) ** 0.5)  # 4 sigma


def test_the_slope_and_its_interval_by_hand() -> None:
    """Means 1 to 5; differences 0, 2, 1, 3, 4, their regression worked out on paper.

    Sxx = 10, Sxy = 9, Syy = 10: slope 0.9, residual sum of squares 10 - 81 / 10 = 1.9 with 3 degrees of freedom,
    standard error sqrt(1.9 / 3 / 10); t(0.975; 3) = 3.182446 from tables.
    """
    means, differences = np.arange(1.0, 6.0), np.array([0.0, 2.0, 1.0, 3.0, 4.0])
    slope = agreement(means - differences / 2, means + differences / 2).slope
    assert slope is not None
    half = 3.182446 * (1.9 / 3 / 10) ** 0.5
    assert (slope.value, slope.low, slope.high) == pytest.approx((0.9, 0.9 - half, 0.9 + half), rel=1e-6)


def test_equal_programs() -> None:
    found = agreement([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0])
    assert (found.bias.value, found.sd, found.lower.value, found.upper.high) == (0, 0, 0, 0)


def test_the_same_value_every_time_tells_no_slope() -> None:
    assert agreement([5.0] * 6, [5.1] * 6).slope is None


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few(count: int) -> None:
    with pytest.raises(CannotMeasure) as reason:
        agreement([1.0] * count, [2.0] * count)
    assert reason.value.code == "too_few_pairs"
