"""Baselines: which values, what state, how they scatter."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import exp, sqrt

import numpy as np
import pytest

from nmqc.trend.baseline import Stated, baseline_of, skewness
from nmqc.trend.points import Value
from tests.trend.draw import FIRST, day, holding, series, swinging


@pytest.mark.parametrize(
    ("count", "state"),
    [(0, "collecting"), (9, "collecting"), (10, "provisional"), (19, "provisional"), (20, "frozen")],
)
def test_states_by_count(count: int, state: str) -> None:
    assert baseline_of(series(swinging(count)))[0].state == state


def test_the_first_twenty_valid_results_where_nothing_is_stated() -> None:
    made = series([100.0, *swinging(20), 50.0, 60.0])
    values = (replace(made.values[0], excluded="source leaked"), *made.values[1:])
    (found,) = baseline_of(holding(values))
    assert (found.count, found.source, found.kind) == (20, "first", "first")
    assert (found.first, found.last) == (day(1), day(20))
    assert found.centre == pytest.approx(10, rel=1e-12)  # arithmetic only
    assert found.sigma == pytest.approx(sqrt(20 / 19), rel=1e-12)
    assert found.moving_sigma == pytest.approx(2 / 1.128, rel=1e-12)


def test_the_latest_stated_one_holds_beside_the_acceptance() -> None:
    made = series([*swinging(30), *swinging(30, centre=20), *swinging(30, centre=30)])
    spans = [
        Stated(day(30), day(59), "tubes", "service"),
        Stated(day(0), day(24), "new", "acceptance"),
        Stated(day(60), None, "tuned", "tune"),
    ]
    now, accepted = baseline_of(made, spans)
    assert (now.kind, now.centre, now.count, now.last) == ("tune", pytest.approx(30), 20, day(79))
    assert (accepted.kind, accepted.count) == ("acceptance", 25)  # a stated span holds all of its values
    now, first = baseline_of(made, spans[:1])
    assert (now.kind, now.count, first.kind, first.count) == ("service", 30, "first", 20)
    assert len(baseline_of(made, spans[1:2])) == 1


def test_a_span_without_values_collects_and_has_no_centre() -> None:
    now, first = baseline_of(series(swinging(30)), [Stated(day(100), None, "", "service")])
    assert (now.state, now.count, now.centre, now.sigma, now.first) == ("collecting", 0, None, None, None)
    assert now.stated_from == day(100)
    assert first.state == "frozen"
    with pytest.raises(ValueError, match="no centre"):
        now.distance(1.0)
    (one,) = baseline_of(series([3.0]))
    assert (one.centre, one.sigma) == (3.0, None)


def test_sigma_is_never_below_the_uncertainty_of_the_values() -> None:
    assert baseline_of(series(swinging(20), uncertainty=3.0))[0].sigma == 3.0
    assert baseline_of(series(swinging(20), uncertainty=0.5))[0].sigma == pytest.approx(sqrt(20 / 19))
    made = series(swinging(20), uncertainty=3.0)
    few = holding(
        [replace(one, uncertainty=None) if place > 8 else one for place, one in enumerate(made.values)]
    )
    assert baseline_of(few)[0].uncertainty is None


def test_skewed_values_are_taken_as_logarithms() -> None:
    logs = np.random.default_rng(4).standard_normal(40) * 0.4
    values = 2.5 * np.exp(logs - logs.mean())
    found = baseline_of(series(values), [Stated(day(0), day(39), "", "acceptance")])[0]
    assert skewness(list(values)) > 0.5
    assert (found.transform, found.skewed) == ("log", True)
    assert found.centre == pytest.approx(2.5, rel=1e-12)
    assert found.sigma == pytest.approx(float(logs.std(ddof=1)), rel=1e-12)
    assert found.distance(2.5 * exp(0.3)) == pytest.approx(0.3)
    assert found.at(0.3) == pytest.approx(2.5 * exp(0.3))
    assert found.distance(0.0) == -1  # no logarithm: the tangent at the centre
    below = baseline_of(series(values - values.min()), [Stated(day(0), day(39), "", "x")])[0]
    assert (below.transform, below.skewed) == ("none", True)


def test_uncertainties_are_relative_where_values_are_logarithms() -> None:
    values = 2.5 * np.exp(np.random.default_rng(4).standard_normal(20) * 0.4)
    made = series(values)
    relative = holding([replace(one, uncertainty=0.9 * one.value) for one in made.values])
    found = baseline_of(relative)[0]
    assert found.transform == "log"
    assert found.sigma == pytest.approx(0.9)


def test_correlated_values_are_seen_by_both_estimates_of_sigma() -> None:
    steps = [1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0] * 3
    found = baseline_of(series(steps), [Stated(day(0), day(23), "", "x")])[0]
    # 5 of 23 moving ranges are 2: their sigma is 10 / 23 / 1.128; the standard deviation is sqrt(24 / 23)
    moving = 10 / 23 / 1.128
    assert found.moving_sigma == pytest.approx(moving)
    assert found.autocorrelated
    assert found.correlation == pytest.approx(1 - moving**2 * 23 / 24)
    assert not baseline_of(series(swinging(20)))[0].autocorrelated


def test_no_moving_range_goes_across_a_gap() -> None:
    values = [1.0, 2.0, 1.0, 2.0, 9.0, 8.0, 9.0, 8.0]
    days = [0, 1, 2, 3, 365, 366, 367, 368]
    made = holding(
        [Value(n, FIRST + timedelta(days=d), v) for n, (d, v) in enumerate(zip(days, values, strict=True))]
    )
    assert baseline_of(made)[0].moving_sigma == pytest.approx(1 / 1.128)


def test_equal_values_have_a_sigma_of_nought() -> None:
    found = baseline_of(series([0.1 + 0.2] * 25))[0]
    assert (found.sigma, found.skewed, found.autocorrelated) == (0.0, False, False)


def test_an_event_within_the_span_is_said() -> None:
    made = series(swinging(30))
    assert baseline_of(made, events=[day(12)])[0].across == day(12)
    assert (
        baseline_of(made, events=[day(0), day(25)])[0].across is None
    )  # at its first value, and after its last


def test_skewness_of_a_known_sample() -> None:
    # 0, 0, 0, 4: mean 1, second moment 3, third 6
    assert skewness([0.0, 0.0, 0.0, 4.0]) == pytest.approx(6 / 3**1.5)
