"""Bias, precision and coverage of readings whose statistics are known."""

from __future__ import annotations

import numpy as np
import pytest

from nmqc.validate.run import Absent, Reading
from nmqc.validate.statistics import Summary, summarised

GROUP = ("cor.point-sources", "cor.offset", "")


def reading(measured: float, **further: object) -> Reading:
    values = {
        "test": GROUP[0],
        "metric": GROUP[1],
        "family": "",
        "of": "",
        "case": "one",
        "seed": None,
        "detector": 1,
        "true": 10.0,
        "measured": measured,
        "uncertainty": None,
        "basis": "parameter",
        **further,
    }
    return Reading(**values)  # type: ignore[arg-type]


def summary(*readings: Reading, absent: tuple[Absent, ...] = ()) -> Summary:
    return summarised(readings, absent)[GROUP]


def test_without_noise_the_largest_error_counts() -> None:
    found = summary(reading(10.1), reading(9.7, case="two"), reading(-5.2, true=-5.0, case="three")).exact
    assert found is not None
    assert found.largest == pytest.approx(0.3)  # arithmetic only, here and below
    assert found.case == "two"
    assert found.largest_percent == pytest.approx(4.0)
    assert found.mean == pytest.approx((0.1 - 0.3 - 0.2) / 3)
    assert found.mean_percent == pytest.approx((1 - 3 - 4) / 3)


def test_a_truth_of_nothing_has_no_per_cent() -> None:
    found = summary(reading(0.2, true=0.0)).exact
    assert found is not None
    assert (found.largest, found.largest_percent) == (0.2, None)


def test_bias_and_its_error_over_seeds() -> None:
    values = np.array([10.2, 9.9, 10.4, 10.1])
    found = summary(*(reading(float(v), seed=n + 1) for n, v in enumerate(values))).noisy
    assert found is not None
    assert found.bias == pytest.approx(values.mean() - 10)
    assert found.bias_error == pytest.approx(values.std(ddof=1) / 2)
    assert found.bias_percent == pytest.approx(10 * (values.mean() - 10))
    assert found.sd == pytest.approx(values.std(ddof=1))
    assert (found.count, found.acquisitions, found.freedom) == (4, 4, 3)


def test_readings_of_one_acquisition_are_no_more_than_one() -> None:
    """Five sources that a displaced head moves alike do not make its bias better known."""
    once = summary(*(reading(10 + 0.1 * n, seed=n) for n in (1, 2, 3))).noisy
    alike = summary(
        *(reading(10 + 0.1 * n, seed=n, of=f"source {k}") for n in (1, 2, 3) for k in range(5))
    ).noisy
    assert once is not None
    assert alike is not None
    assert alike.bias_error == pytest.approx(once.bias_error)
    assert alike.sd == pytest.approx(once.sd)
    assert alike.count == 15


def test_scatter_between_cases_is_no_imprecision() -> None:
    found = summary(
        *(reading(10 + 0.1 * n, seed=n) for n in (1, 2, 3)),
        *(reading(50 + 0.1 * n, true=48.0, seed=n, case="two") for n in (1, 2, 3)),
    ).noisy
    assert found is not None
    assert found.sd == pytest.approx(0.1)
    assert found.bias_error == pytest.approx(0.1 * 3**0.5 * 2**0.5 / 6)
    assert found.freedom == 4


def test_coverage_counts_the_truths_within_the_stated_uncertainty() -> None:
    errors = (0.05, -0.09, 0.15, -0.25)
    found = summary(*(reading(10 + e, seed=n, uncertainty=0.1) for n, e in enumerate(errors, 1))).noisy
    assert found is not None
    assert (found.within_1, found.within_2) == (0.5, 0.75)
    assert found.stated == pytest.approx(0.1)
    assert found.ratio == pytest.approx(0.1 / np.std(errors, ddof=1))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_normal_errors_are_covered_as_they_must_be(seed: int) -> None:
    random = np.random.default_rng(seed)
    found = summary(
        *(reading(10 + float(e), seed=n, uncertainty=1.0) for n, e in enumerate(random.normal(size=2000), 1))
    ).noisy
    assert found is not None
    assert found.within_1 == pytest.approx(
        0.6827, abs=3 * (0.68 * 0.32 / 2000) ** 0.5
    )  # three binomial sigmas
    assert found.within_2 == pytest.approx(0.9545, abs=3 * (0.95 * 0.05 / 2000) ** 0.5)
    assert abs(found.bias) < 3.5 * found.bias_error
    assert found.ratio == pytest.approx(1.0, abs=3 / 4000**0.5)


def test_what_is_absent_lowers_the_part_that_was_measured() -> None:
    gone = Absent(*GROUP, case="two", seed=None, code="on_axis", reason="it is on the axis")
    found = summary(reading(10.0), reading(10.0, case="three"), absent=(gone,))
    assert found.measured_part == pytest.approx(2 / 3)
    assert found.absent == {"on_axis": (1, "it is on the axis")}
