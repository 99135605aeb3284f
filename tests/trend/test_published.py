"""Charts against published examples, and against another program's answers.

Examples: NIST/SEMATECH e-Handbook of Statistical Methods: 6.3.2.2 (individuals), 6.3.2.4 (EWMA) and 6.3.2.3 (CUSUM).
"""

from __future__ import annotations

import pytest

from nmqc.trend import runs
from nmqc.trend.baseline import Stated, baseline_of
from nmqc.trend.control import cumulated, smoothed, smoothed_sigma
from nmqc.trend.rules import notices
from tests.trend.draw import day, series

INDIVIDUALS = (49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1)


def test_individuals_and_moving_ranges() -> None:
    found = baseline_of(series(INDIVIDUALS))[0]
    assert found.centre is not None
    assert found.moving_sigma is not None
    assert found.centre == pytest.approx(50.81, abs=0.005)  # printed to two digits
    assert found.moving_sigma * 1.128 == pytest.approx(1.8778, abs=5e-5)
    assert found.centre + 3 * found.moving_sigma == pytest.approx(55.8041, abs=5e-5)
    assert found.centre - 3 * found.moving_sigma == pytest.approx(45.8159, abs=5e-5)


def test_xmr_limits_are_beyond_which_values_are_noticed() -> None:
    values = [*INDIVIDUALS, *INDIVIDUALS]
    made = series([*values, 55.79, 55.81, 45.83, 45.80])
    baseline = baseline_of(made, [Stated(day(0), day(19), "", "x")])[0]
    assert baseline.moving_sigma == pytest.approx((2 * 16.9 + 2.5) / 19 / 1.128)
    # with the moving range between both halves, 2.5: limits 50.81 +- 2.66 * 1.9105
    size = 2.66 * 36.3 / 19
    inside, beyond = 50.81 + size - 0.01, 50.81 + size + 0.01
    made = series([*values, inside, beyond])
    found = [one for one in notices(made, baseline, ["xmr"]) if "XmR" in one.text]
    assert [one.number for one in found] == [122]


EWMA = (
    52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5, 49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6,
    52.1,
)  # fmt: skip
EWMA_PRINTED = (
    50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33, 50.11, 49.36, 49.52, 50.05, 49.38, 49.92,
    50.73, 51.23, 51.94, 51.99,
)  # fmt: skip


def test_ewma() -> None:
    # printed to two digits
    assert smoothed(EWMA, 0.3, 50) == pytest.approx(EWMA_PRINTED, abs=0.006)
    limit = 3 * 2.0539 * smoothed_sigma(1000, weight=0.3)
    assert (50 + limit, 50 - limit) == pytest.approx((52.5884, 47.4115), abs=3e-4)  # its root has four digits


def test_the_ewma_of_few_values_scatters_less() -> None:
    assert smoothed_sigma(1) == pytest.approx(0.2)
    assert smoothed_sigma(2) == pytest.approx((0.2**2 + 0.16**2) ** 0.5)


CUSUM = (
    324.925, 324.675, 324.725, 324.350, 325.350, 325.225, 324.125, 324.525, 325.225, 324.600, 324.625, 325.150,
    328.325, 327.250, 327.825, 328.500, 326.675, 327.775, 326.875, 328.350,
)  # fmt: skip
CUSUM_HIGH = (
    0, 0, 0, 0, 0.03, 0, 0, 0, 0, 0, 0, 0, 3.01, 4.94, 7.45, 10.63, 11.99, 14.44, 16.00, 19.04,
)  # fmt: skip
CUSUM_LOW = (0, 0.01, 0, 0.33, 0, 0, 0.56, 0.72, 0.17, 0.25, 0.31, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def test_cusum() -> None:
    sigma = 0.635  # its slack of 0.3175 is half of it
    sums = list(cumulated([(one - 325) / sigma for one in CUSUM]))
    assert [sigma * high for high, _ in sums] == pytest.approx(CUSUM_HIGH, abs=0.006)  # printed to two digits
    assert [sigma * low for _, low in sums] == pytest.approx(CUSUM_LOW, abs=0.006)


#: normal scores, 1.6 higher from the 21st on and 1.5 lower from the 36th on
SCORES = (
    -1.74, -1.34, -1.36, -0.35, -2.31, -0.19, -0.96, 0.89, 0.96, 1.39, 0.77, -0.05, 0.86, 1.51, -0.65, 0.61, -0.04,
    1.44, -0.84, -0.3, 1.96, 1.86, -0.04, 1.96, 1.48, 1.36, 1.44, 1.82, -0.22, 3.15, 0.74, -0.64, 1.52, 3.06, 1.08,
    0.05, 0.06, -2.36, -3.97, -2.74, -0.31, -2.32, -3.01, -2.84, -1.5, -1.53, -0.63, -0.51, -2.43, -1.66,
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "sign", "needed", "answers"),
    [
        ("one beyond 3 sigma", 1, 1, [(29, 29), (33, 33)]),
        ("one beyond 3 sigma", -1, 1, [(38, 38), (42, 42)]),
        ("nine on one side", 1, 9, []),
        ("nine on one side", -1, 9, [(37, 49)]),
        ("two of three beyond 2 sigma", 1, 2, []),
        ("two of three beyond 2 sigma", -1, 2, [(37, 43)]),
    ],
)
def test_run_rules_beside_pycontrolcharts(
    name: str, sign: int, needed: int, answers: list[tuple[int, int]]
) -> None:
    """Answers of pycontrolcharts 0.1.2, limits 0 +- 1, 2 and 3: first and last value of each run, from 0.

    Its fourth and fifth rule are others: six rises in place of six values, and four of five only where the fifth is
    on the same side.
    """
    places = list(runs.NELSON[name]([sign * one for one in SCORES]))
    for start, end in answers:
        inside = [one for one in places if start <= one <= end]
        assert (inside[0], inside[-1]) == (start + needed - 1, end)
    assert all(any(start <= one <= end for start, end in answers) for one in places)


def test_patterns_by_hand() -> None:
    assert list(runs.rising([1, 2, 3, 4, 5, 6, 6, 7], 6)) == [5]
    assert list(runs.rising([1, 2, 3, 4, 5, 5, 6], 6)) == []
    assert list(runs.alternating([1, 2, 1, 2, 1, 1, 2], 5)) == [4]
    assert list(runs.alternating([1, 2] * 7, 14)) == [13]
    assert list(runs.within([0.9, -0.9, 1.0, 0.5, 0.5, 0.5], 1, 3)) == [5]
    assert list(runs.outside([1.1, -1.1, 1.1, 0.9], 1, 3)) == [2]
    assert list(runs.beyond([1.1, 1.1, -1.1, 1.1, 1.1], 1, 4, 5)) == [4]
    assert list(runs.beyond([1.1, 1.1, 1.1, 1.1, 0.0], 1, 4, 5)) == [3]  # the last one must be beyond itself


def test_western_electric_has_eight_and_nelson_nine_on_a_side() -> None:
    nine = [0.1] * 9
    assert list(runs.WESTERN_ELECTRIC["eight on one side"](nine)) == [7, 8]
    assert list(runs.NELSON["nine on one side"](nine)) == [8]
