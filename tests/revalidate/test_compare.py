"""Recorded numbers beside those of today."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nmqc.model import EnergyWindow, Measurement, NoiseFloor, Result
from nmqc.revalidate.compare import by_metric, compared
from nmqc.revalidate.rerun import Rerun
from tests.history.samples import INTEGRAL, TILT, a_result, payload_of


def stored(result: Result, number: int = 7) -> dict[str, Any]:
    return {**payload_of(result), "history": number}


def with_first(result: Result, **changes: Any) -> Result:
    return replace(
        result, measurements=(replace(result.measurements[0], **changes), *result.measurements[1:])
    )


def test_the_same_is_the_same() -> None:
    found = compared(stored(a_result(1)), [a_result(2), a_result(1)])
    assert (found.status, found.number, found.differences) == ("same", 7, ())
    assert found.metrics == (INTEGRAL.name, INTEGRAL.name, TILT.name)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"value": (2.1 + 1 / 3) * (1 + 2e-6)}, "value"),
        ({"uncertainty_parts": {"counting": 0.12, "grid": 0.08}}, "uncertainty"),
        ({"uncertainty_parts": {}}, "uncertainty"),
        ({"noise_floor": NoiseFloor(1.5, 1.71)}, "noise_floor.p95"),
        ({"noise_floor": NoiseFloor(1.49, 1.7)}, "noise_floor.mean"),
    ],
)
def test_a_number_that_differs(changes: dict[str, Any], what: str) -> None:
    found = compared(stored(a_result(1)), [with_first(a_result(1), **changes)])
    assert (found.status, [one.what for one in found.differences]) == ("differs", [what])


@pytest.mark.parametrize("factor", [1 + 0.5e-6, 1 - 0.5e-6])
def test_the_last_digits_are_rounding(factor: float) -> None:
    today = with_first(a_result(1), value=(2.1 + 1 / 3) * factor)
    assert compared(stored(a_result(1)), [today]).status == "same"


def test_what_is_nothing_stays_nothing() -> None:
    """A tilt of -1.25e-17 and one of 3e-16 are both no tilt: relative to each other they are far apart."""
    result = a_result(1)
    today = replace(result, measurements=(*result.measurements[:2], Measurement(TILT, 3e-16)))
    assert compared(stored(result), [today]).status == "same"


def test_a_verdict_of_other_limits_is_no_difference() -> None:
    assert compared(stored(a_result(1)), [with_first(a_result(1), verdict="fail")]).status == "same"


def test_a_number_that_is_gone_and_one_that_is_new() -> None:
    result = a_result(1)
    today = replace(result, measurements=(result.measurements[0], Measurement(TILT, -1.25e-17, of="x")))
    found = compared(stored(result), [today])
    assert [(one.metric, one.of, one.now) for one in found.differences] == [
        (INTEGRAL.name, "strict", None),
        (TILT.name, "", None),
    ]
    assert found.new == ("uniformity.tilt x",)


def test_a_result_that_is_refused_today() -> None:
    found = compared(stored(a_result(1)), [])
    assert (found.status, found.now, len(found.differences)) == ("differs", "", 3)


def test_a_result_without_numbers_that_is_refused_today_differs() -> None:
    """It held what could not be measured alone: there is nothing to compare, and no result."""
    found = compared(stored(a_result(1, measurements=())), [])
    assert (found.status, found.differences) == ("differs", ())
    assert compared(stored(a_result(1, measurements=())), [a_result(1, measurements=())]).status == "same"


def test_made_again_and_refused_it_differs() -> None:
    refused = Rerun(stored(a_result(1, measurements=())), None, (), 0, (), (), (), ())
    assert refused.status == "differs"
    assert replace(refused, result=a_result(1)).status == "identical"


@pytest.mark.parametrize(
    "changes",
    [
        {"detector": 2},
        {"energy_window": EnergyWindow("99m Technetium", ((120.0, 150.5),))},
        {"inputs": a_result(2).source.inputs},
    ],
)
def test_another_detector_window_or_file_is_another_result(changes: dict[str, Any]) -> None:
    found = compared(stored(a_result(1)), [a_result(1, **changes)])
    assert (found.status, found.now) == ("differs", "")


def test_other_options_cannot_be_compared() -> None:
    other = a_result(1, asked={"edge_policy": "strict", "edge_margin_mm": None})
    found = compared(stored(a_result(1)), [other])
    assert (found.status, found.code) == ("not_compared", "asked_differs")
    assert "edge_policy" in found.reason


def test_another_version_of_the_algorithm_is_compared() -> None:
    found = compared(stored(a_result(1)), [a_result(1, algorithm="uniformity.planar/2")])
    assert (found.status, found.algorithm, found.now) == (
        "same",
        "uniformity.planar/1",
        "uniformity.planar/2",
    )


def test_the_list_by_metric() -> None:
    today = with_first(a_result(1), value=2.1 + 1 / 3 + 0.5, uncertainty_parts={"counting": 0.2})
    gone = replace(a_result(2), measurements=a_result(2).measurements[1:])
    found = by_metric([compared(stored(a_result(1)), [today]), compared(stored(a_result(2)), [gone])])
    (integral, tilt) = found
    assert (integral.metric, integral.compared, integral.differ, integral.gone) == (INTEGRAL.name, 4, 3, 1)
    assert integral.largest == pytest.approx(0.5, rel=1e-9)  # arithmetic only
    assert integral.largest_sigmas == pytest.approx(0.5 / (0.11**2 + 0.08**2) ** 0.5, rel=1e-9)
    assert (tilt.compared, tilt.differ, tilt.largest) == (2, 0, None)
    assert (integral.unit, tilt.unit) == ("%", "%")  # of what does not differ too


def test_the_largest_change_is_told() -> None:
    """Of changes of 0.5, then 0.1; the second one's recorded uncertainty is ten times smaller."""
    sharp = with_first(a_result(2), uncertainty_parts={"counting": 0.01})
    pairs = (
        (a_result(1), with_first(a_result(1), value=2.1 + 1 / 3 + 0.5)),
        (sharp, with_first(sharp, value=2.2 + 1 / 3 + 0.1)),
    )
    (integral, _) = by_metric(compared(stored(then), [now]) for then, now in pairs)
    assert integral.largest == pytest.approx(0.5, rel=1e-9)  # arithmetic only
    assert integral.largest_sigmas == pytest.approx(10.0, rel=1e-9)
