"""Whether a value conforms, against integrals and guard bands worked out by other means."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import pytest

from nmqc.acceptance.judge import Specification, conformity, judge, margin_percent
from nmqc.model import Ends, Measurement, Metric, NoiseFloor

METRIC = Metric("cor.offset", "mm", "IAEA")
#: standard normal deviates, from tables
ONE_SIDED_95, ONE_SIDED_99 = 1.6448536, 2.3263479


def wanted(low: float | None = None, high: float | None = None, of: str = "value") -> Specification:
    return Specification(Ends(low, high), of, "mm", "contract", True)  # type: ignore[arg-type]


def measured(value: float, sigma: float | None = 0.1, floor: NoiseFloor | None = None) -> Measurement:
    return Measurement(
        METRIC, value, uncertainty_parts={} if sigma is None else {"counting": sigma}, noise_floor=floor
    )


def integral(value: float, sigma: float, inside: Specification) -> float:
    """The probability by summing the density over what is permitted, without the error function."""
    step = sigma / 500
    x = np.arange(value - 10 * sigma, value + 10 * sigma, step) + step / 2
    judged = np.abs(x) if inside.of == "magnitude" else x
    low = -np.inf if inside.ends.low is None else inside.ends.low
    high = np.inf if inside.ends.high is None else inside.ends.high
    density = np.exp(-((x - value) ** 2) / (2 * sigma**2)) / (sigma * sqrt(2 * pi))
    return float((density * ((judged >= low) & (judged <= high))).sum() * step)


@pytest.mark.parametrize(
    ("value", "sigma", "inside"),
    [
        (3.6, 0.13, wanted(high=3.7)),
        (3.9, 0.13, wanted(high=3.7)),
        (61.0, 2.2, wanted(low=60.0)),
        (0.93, 0.03, wanted(0.9, 1.1)),
        (1.02, 0.2, wanted(0.9, 1.1)),
        (-1.9, 0.3, wanted(high=2.0, of="magnitude")),
        (0.2, 1.7, wanted(high=2.0, of="magnitude")),
        (-1.2, 0.4, wanted(low=1.0, of="magnitude")),
        (0.3, 0.9, wanted(low=1.0, high=1.5, of="magnitude")),
    ],
)
def test_the_probability_is_the_integral(value: float, sigma: float, inside: Specification) -> None:
    # the sum has steps of sigma / 500: at each end at most half a step of the highest density, 0.4 / 1000
    assert conformity(value, sigma, inside) == pytest.approx(integral(value, sigma, inside), abs=1e-3)


@pytest.mark.parametrize("of", ["value", "magnitude"])
def test_guard_bands_lie_1_645_uncertainties_on_either_side(of: str) -> None:
    inside = wanted(high=2.0, of=of)
    for beyond, expected in ((-0.01, "pass"), (0.01, "undecided")):
        assert judge(measured(2.0 - ONE_SIDED_95 * 0.1 + beyond * 0.1), inside).decision == expected
    for beyond, expected in ((-0.01, "undecided"), (0.01, "fail")):
        assert judge(measured(2.0 + ONE_SIDED_95 * 0.1 + beyond * 0.1), inside).decision == expected


def test_the_confidence_is_the_one_asked_for() -> None:
    value = measured(2.0 - 2.0 * 0.1)
    assert judge(value, wanted(high=2.0), confidence=0.95).decision == "pass"
    assert judge(value, wanted(high=2.0), confidence=0.99).decision == "undecided"
    assert (
        judge(measured(2.0 - 1.01 * ONE_SIDED_99 * 0.1), wanted(high=2.0), confidence=0.99).decision == "pass"
    )


def test_of_cameras_on_the_limit_one_in_twenty_passes_and_one_in_twenty_fails() -> None:
    draws = np.random.default_rng(7).normal(2.0, 0.1, 4000)
    said = [judge(measured(float(value)), wanted(high=2.0)).decision for value in draws]
    for decision in ("pass", "fail"):
        # binomial: 0.05 of 4000, three standard deviations of sqrt(0.05 * 0.95 / 4000)
        assert said.count(decision) / 4000 == pytest.approx(0.05, abs=3 * 0.0034)


def test_further_uncertainty_is_added_in_quadrature() -> None:
    found = judge(measured(1.5, 0.3), wanted(high=2.0), further=0.4)
    assert found.uncertainty == pytest.approx(0.5)
    assert found.decision == "undecided"
    assert judge(measured(1.5, 0.3), wanted(high=2.0)).decision == "pass"


def test_without_an_uncertainty_nothing_is_decided_however_clear_it_seems() -> None:
    found = judge(measured(0.1, None), wanted(high=2.0))
    assert (found.decision, found.probability) == ("undecided", None)
    assert "state one in the protocol" in found.reason
    assert judge(measured(0.1, None), wanted(high=2.0), further=0.2).decision == "pass"


def test_the_end_itself_conforms_where_nothing_is_uncertain() -> None:
    assert judge(measured(2.0, 0.0), wanted(high=2.0)).decision == "pass"
    assert judge(measured(2.0 + 1e-12, 0.0), wanted(high=2.0)).decision == "fail"
    assert judge(measured(-2.0, 0.0), wanted(high=2.0, of="magnitude")).decision == "pass"


@pytest.mark.parametrize(
    ("value", "inside"),
    [
        (1.0, wanted(0.9, 1.1)),  # in the middle; 3 % of so wide a distribution lie within
        (0.5, wanted(high=2.0, of="magnitude")),
        (0.3, wanted(low=1.0, of="magnitude")),  # beyond its end; 85 % and more lie outside
    ],
)
def test_nothing_is_decided_against_what_the_value_itself_says(value: float, inside: Specification) -> None:
    found = judge(measured(value, 50.0), inside)
    assert found.decision == "undecided"
    assert "spans the limit" in found.reason
    assert not 0.05 < (found.probability or 0) < 0.95  # without that rule it would be decided


def test_a_value_that_noise_explains_is_undecided_and_one_above_it_fails() -> None:
    floor = NoiseFloor(1.8, 2.4)
    within, noise, above = (judge(measured(v, 0.01, floor), wanted(high=2.0)) for v in (1.5, 2.3, 2.6))
    assert (within.decision, noise.decision, above.decision) == ("undecided", "undecided", "fail")
    # counts go as the square: (2.4 / (0.7 * 2.0))^2
    assert "acquire 2.9 times the counts" in within.reason
    assert judge(measured(1.5, 0.01, NoiseFloor(1.0, 1.9)), wanted(high=2.0)).decision == "pass"


@pytest.mark.parametrize(
    ("value", "inside", "expected"),
    [
        (3.5, wanted(high=4.0), 12.5),
        (4.5, wanted(high=4.0), -12.5),
        (66.0, wanted(low=60.0), 10.0),
        (0.94, wanted(0.9, 1.1), 40.0),
        (1.15, wanted(0.9, 1.1), -50.0),
        (-1.5, wanted(high=2.0, of="magnitude"), 25.0),
        (-1.0, wanted(high=-0.5), 100.0),
        (0.1, wanted(high=0.0), None),
    ],
)
def test_the_margin_is_in_percent_of_the_tolerance(
    value: float, inside: Specification, expected: float | None
) -> None:
    found = margin_percent(value, inside)
    assert found == (None if expected is None else pytest.approx(expected))


def test_far_out_nothing_overflows() -> None:
    assert judge(measured(1e6, 1e-3), wanted(high=2.0)).probability == 0.0
    assert judge(measured(-1e6, 1e-3), wanted(high=2.0)).probability == 1.0
