"""Control charts and what their rules notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import sqrt

import numpy as np
import pytest

from nmqc.trend.baseline import Baseline, Stated, baseline_of
from nmqc.trend.control import (
    EWMA_SIGMAS,
    average_distance,
    averages,
    can_chart,
    relevant_distance,
    score,
    single_limits,
    watched,
    widening,
)
from nmqc.trend.points import Series
from nmqc.trend.rules import RULES, notices
from tests.trend.draw import day, holding, series, swinging

SIGMA = sqrt(20 / 19)  # of twenty values 10 - 1 and 10 + 1


def chart(after: list[float], **of_each: float) -> tuple[Series, Baseline]:
    made = series([*swinging(20), *after], **of_each)
    return made, baseline_of(made)[0]


def test_students_quantiles_over_the_normal_one() -> None:
    # scipy.stats.t.ppf(0.998650, n - 1); the expansion is off by 1 in 400 for 10 values
    assert [3 * widening(count) for count in (10, 20, 30, 60)] == pytest.approx(
        [4.0942, 3.4471, 3.2797, 3.1321], abs=0.01
    )


def test_limits_of_single_values_carry_the_uncertainty_of_the_baseline() -> None:
    _, baseline = chart([])
    limits = single_limits(baseline, "both")
    size = 3 * SIGMA * widening(20) * sqrt(1 + 1 / 20)
    assert (limits.low, limits.high) == (pytest.approx(10 - size), pytest.approx(10 + size))
    one_sided = single_limits(baseline, "high")
    assert (one_sided.low, one_sided.high) == (None, pytest.approx(10 + 1.15 * size))
    assert single_limits(baseline, "low").high is None


def test_a_value_beyond_is_noticed_with_its_repeat_and_not_without() -> None:
    assert notices(*chart([10, 15, 10, 10])) == ()
    (found,) = notices(*chart([10, 15, 14.5, 10]), ["three-sigma"])
    assert (found.rule, found.number, found.acquired) == ("three-sigma", 123, day(22))
    assert found.size == pytest.approx(4.5)
    assert "15 %" in found.text
    assert "14.5 %" in found.text


def test_a_repeat_on_the_other_side_or_after_36_hours_is_none() -> None:
    assert notices(*chart([10, 15, 5, 10]), ["three-sigma"]) == ()
    made, baseline = chart([10, 15, 15])
    for hours, count in ((36, 1), (36.1, 0)):
        later = replace(made.values[-1], acquired=made.values[-2].acquired + timedelta(hours=hours))
        assert len(notices(holding([*made.values[:-1], later]), baseline, ["three-sigma"])) == count


def test_the_repeat_is_the_next_valid_value() -> None:
    made, baseline = chart([15, 15, 10, 15])
    values = [replace(one, excluded="phantom moved") if one.number == 122 else one for one in made.values]
    assert notices(holding(values), baseline, ["three-sigma"]) == ()


def test_one_notice_for_an_excursion_and_it_ends() -> None:
    long = [15.0, 15.0, 10.0, 15.0, 15.0, *[10.0] * 12]
    (found,) = notices(*chart(long), ["three-sigma"])
    assert found.acquired == day(21)
    assert found.until == day(20 + 4 + 11)  # ten quiet values, and one more
    (lasting,) = notices(*chart(long[:8]), ["three-sigma"])
    assert lasting.until is None
    for quiet, count in ((9, 1), (10, 2)):  # the first of the pair that follows is quiet, too
        again = [15.0, 15.0, *[10.0] * quiet, 15.0, 15.0]
        assert len(notices(*chart(again), ["three-sigma"])) == count


def test_the_side_that_is_not_watched_raises_nothing() -> None:
    low = [5.0] * 30
    assert {one.rule for one in notices(*chart(low))} == {"three-sigma", "ewma"}
    assert notices(*chart(low), side="high") == ()
    for rule in RULES:
        if rule != "nelson":  # three of its patterns have no side
            assert notices(*chart(low), [rule], side="high") == ()
    assert all(one.size < 0 for one in notices(*chart(low), side="low"))


def test_the_ewma_is_noticed_where_it_crosses_and_ends_where_it_is_back() -> None:
    made, baseline = chart([12.0] * 30 + [10.0] * 30)
    (found,) = notices(made, baseline, ["ewma"])
    average, step = 0.0, 0
    while average <= EWMA_SIGMAS * widening(20) * SIGMA * sqrt(1 / 9 * (1 - 0.8 ** (2 * step)) + 1 / 20):
        average, step = 0.2 * 2 + 0.8 * average, step + 1
    assert found.number == 120 + step
    assert found.size == pytest.approx(average)
    back, average = 30, 2 * (1 - 0.8**30)
    limit = EWMA_SIGMAS * widening(20) * SIGMA * sqrt(1 / 9 + 1 / 20)  # after 30 values and more
    while average >= limit / 2:
        back, average = back + 1, 0.8 * average
    assert found.until == day(20 + back - 1)


def test_one_value_alone_does_not_carry_the_ewma_across() -> None:
    assert notices(*chart([1e6, 10.0, 10.0, -1e6])) == ()
    made, baseline = chart([1e6] * 4)
    (found,) = notices(made, baseline, ["ewma"])
    # at most 2 x 0.2, 0.36, 0.488 ... of limits that grow: 0.96 of the fourth by its own 2 (1 - 0.8^4) = 1.18
    assert found.number == 124


def test_the_gate_keeps_back_what_does_not_matter() -> None:
    made, baseline = chart([12.2] * 100)
    assert notices(made, baseline, ["ewma"])
    assert notices(made, baseline, ["ewma"], fail=18.5)  # a quarter of the way is 2.125
    assert notices(made, baseline, ["ewma"], fail=19.5) == ()  # 2.375
    assert relevant_distance(baseline, None) == pytest.approx(SIGMA)
    assert relevant_distance(baseline, 4.0) == pytest.approx(1.5)  # a limit below counts alike


def test_correlated_values_widen_the_ewma() -> None:
    made = series([1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0] * 3)
    baseline = baseline_of(made, [Stated(day(0), day(23), "", "x")])[0]
    r = baseline.correlation
    calm = replace(baseline, correlation=0.0)
    inflation = (1 / 9 * (1 + 0.8 * r) / (1 - 0.8 * r) + (1 + r) / (1 - r) / 24) / (1 / 9 + 1 / 24)
    assert average_distance(baseline, 1000, "both", None) == pytest.approx(
        average_distance(calm, 1000, "both", None) * sqrt(inflation)
    )


def test_a_value_less_certain_than_those_of_the_baseline_counts_less() -> None:
    made, baseline = chart([16.0, 16.0], uncertainty=0.5)
    assert notices(made, baseline, ["three-sigma"])
    unsure = [replace(one, uncertainty=4.0) if one.number > 120 else one for one in made.values]
    assert notices(holding(unsure), baseline, ["three-sigma"]) == ()
    assert score(unsure[-1], baseline) == pytest.approx(6 / sqrt(20 / 19 + 16 - 0.25))
    sure = [replace(one, uncertainty=0.1) for one in made.values]
    assert score(sure[-1], baseline) == pytest.approx(6 / SIGMA)


def test_only_a_frozen_baseline_notices() -> None:
    made = series([*swinging(19), *[30.0] * 10])
    for count in (9, 19):
        baseline = baseline_of(made, [Stated(day(0), day(count - 1), "", "x")])[0]
        assert notices(made, baseline) == ()
        assert can_chart(baseline) == (count == 19)
    with pytest.raises(ValueError, match="no limits"):
        averages(made, baseline_of(series([1.0]))[0], "both")


def test_values_of_the_baseline_are_not_judged_by_it() -> None:
    made, baseline = chart([10.0])
    assert [one.number for one in watched(made, baseline)] == [121]


def test_equal_values_then_others_are_noticed_by_their_repeat_alone() -> None:
    made = series([2.5] * 25 + [3.0] + [2.5] + [3.0] * 3)
    (found,) = notices(made, baseline_of(made)[0], list(RULES))
    assert (found.rule, found.number, found.size) == ("three-sigma", 129, 0.5)
    assert "all equal" in found.text
    same = series([0.1 + 0.2] * 25 + [0.3] * 5)  # 5e-17 apart: rounding
    assert notices(same, baseline_of(same)[0], list(RULES)) == ()


def test_cusum_by_hand() -> None:
    made, baseline = chart([12.0] * 4 + [10.0] * 20)
    (found,) = notices(made, baseline, ["cusum"])
    # 2 / 1.026 - 0.5 = 1.449 a value: 5.797 after the fourth; then 0.5 less a value, 0 after twelve
    assert (found.number, found.until) == (124, day(20 + 3 + 12))


def test_a_moving_range_is_noticed_but_not_across_a_gap() -> None:
    made, baseline = chart([10.0, 10.0])
    jump = replace(made.values[-1], value=17.0)
    assert "moving range" in notices(holding([*made.values[:-1], jump]), baseline, ["xmr"])[-1].text
    late = replace(jump, value=15.0, acquired=jump.acquired + timedelta(days=300))
    assert notices(holding([*made.values[:-1], late]), baseline, ["xmr"]) == ()


def test_run_rules_by_name() -> None:
    made, baseline = chart([11.2] * 10)
    assert {one.text for one in notices(made, baseline, ["western-electric"])} == {
        "four of five beyond 1 sigma", "eight on one side",
    }  # fmt: skip
    assert "eight beyond 1 sigma" in {one.text for one in notices(made, baseline, ["nelson"])}


def test_a_rule_that_there_is_not_is_refused() -> None:
    made, baseline = chart([10.0])
    with pytest.raises(ValueError, match=r"'westgard'.*three-sigma"):
        notices(made, baseline, ["westgard"])


def test_healthy_years_give_less_than_a_notice_a_camera() -> None:
    """Documented: 0.44 a year of 20 metrics: 4.4 in ten years, with twice Poisson's variance 13 at three sigma."""
    random = np.random.default_rng(2026)
    total = 0
    for _ in range(200):
        made = series(20 + random.standard_normal(270))
        total += len(notices(made, baseline_of(made)[0]))
    assert total < 14
