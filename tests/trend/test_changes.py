"""Steps and drifts whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from nmqc.trend.changes import Change, explained
from nmqc.trend.drift import DAYS_A_MONTH, Drift, drift_of
from nmqc.trend.points import Series
from tests.trend.draw import day, holding, series

RUNS = 40


def drawn(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(count)


def since(place: int, count: int) -> np.ndarray:
    return np.maximum(np.arange(count) - place, 0)


def changes(made: Series) -> tuple[Change, ...]:
    return explained(made)[0]


def drift(made: Series, fail: float | None = None, *, floored: bool = False) -> Drift | None:
    return drift_of(made.values, fail, floored)


def test_a_step_without_noise_is_dated_to_the_value() -> None:
    (one,) = changes(series([4.0] * 17 + [6.0] * 12))
    assert (one.index, one.acquired, one.low, one.high) == (17, day(17), day(16), day(17))
    assert (one.before, one.after) == (pytest.approx(4), pytest.approx(6))
    assert one.sigma is None  # there is no noise to measure it by


def test_steps_of_two_sigma_are_dated_within_three_values() -> None:
    near = held = 0
    for seed in range(RUNS):
        values = drawn(seed, 250)
        values[150:] -= 2
        found = changes(series(values))
        assert len(found) == 1
        near += abs(found[0].index - 150) <= 3
        held += found[0].low <= day(149) and day(150) <= found[0].high
        assert found[0].after - found[0].before == pytest.approx(-2, abs=0.7)  # 5 sqrt(1/150 + 1/100)
        assert found[0].sigma == pytest.approx(-2, abs=0.8)
    assert near >= 37  # 99 % do: 3 or fewer of 40 miss with a chance of 99.9 %
    assert held >= 34  # 95 % or more do: 6 or fewer miss with 99.7 %


def test_several_steps_and_the_index_counts_excluded_values() -> None:
    values = drawn(1, 200) * 0.1
    values[60:120] += 1
    values[120:] -= 0.5
    made = series(values)
    excluded = holding([replace(one, excluded="x") if one.number < 111 else one for one in made.values])
    assert [one.index for one in changes(excluded)] == [60, 120]
    assert [one.acquired for one in changes(excluded)] == [day(60), day(120)]


def test_a_lone_value_or_two_make_no_step() -> None:
    values = drawn(2, 100)
    values[40] += 30
    values[70:72] -= 20
    assert explained(series(values)) == ((), None)


def test_nothing_is_found_where_there_is_nothing() -> None:
    for seed in range(RUNS):
        assert explained(series(drawn(seed, 250))) == ((), None)  # documented: below 1 % of series


def test_correlated_noise_is_not_taken_for_steps() -> None:
    found = 0
    for seed in range(RUNS):
        values = drawn(seed, 250)
        for place in range(1, 250):
            values[place] = 0.5 * values[place - 1] + 0.75**0.5 * values[place]
        found += explained(series(values)) != ((), None)
    assert found <= 3  # documented: about 1 %


def test_a_drift_is_no_step_and_its_intervals_hold() -> None:
    onsets = slopes = 0
    for seed in range(RUNS):
        steps, found = explained(series(20 + drawn(seed, 250) - 0.05 * since(100, 250)))
        assert found is not None
        assert steps == ()
        onsets += found.onset_low <= day(100) <= found.onset_high
        slopes += found.low <= -0.05 * DAYS_A_MONTH <= found.high
    assert onsets >= 34  # 95 % each: 6 or fewer of 40 miss with 99.7 %
    assert slopes >= 34


def test_a_drift_without_noise_is_as_it_was_made() -> None:
    made = series(3 + 0.25 * since(20, 61) + 1e-6 * drawn(3, 61), days=2)
    found = drift(made, fail=15.5)
    assert found is not None
    assert found.per_month == pytest.approx(0.125 * DAYS_A_MONTH, rel=1e-5)
    assert found.onset == made.values[20].acquired
    assert found.come_by(made.values[60].acquired) == pytest.approx(0.25 * 40, rel=1e-5)
    # 13 on day 120; 2.5 more take 20 days
    assert found.reaches_limit == date(2026, 1, 5) + timedelta(days=140)


def test_a_limit_is_reached_towards_it_alone_and_not_in_ten_years() -> None:
    made = series(3 + 0.01 * since(20, 300) + 0.001 * drawn(3, 300))
    end = made.values[-1].acquired.date()
    reached = {fail: drift(made, fail=fail) for fail in (2.0, 5.0, 42.0, 43.0)}
    dates = {fail: found.reaches_limit if found else "no drift" for fail, found in reached.items()}
    assert dates[2.0] is None  # it leads away from it
    assert dates[5.0] == end  # crossed
    assert dates[42.0] is not None
    assert dates[43.0] is None  # 3720 days
    falling = drift(series(3 - 0.01 * since(20, 300) + 0.001 * drawn(3, 300)), fail=5.0)
    assert falling is not None
    assert falling.reaches_limit is None


def test_values_before_the_last_step_do_not_belong_to_a_drift() -> None:
    values = drawn(4, 200) * 0.2 + 0.03 * since(100, 200)
    values[:50] += 5
    steps, found = explained(series(values))
    assert [one.index for one in steps] == [50]
    assert found is not None
    assert found.onset_low >= day(50)
    assert found.low <= 0.03 * DAYS_A_MONTH <= found.high


def test_a_root_of_squares_is_followed_back_to_its_onset() -> None:
    """Sharp bends date such a drift too late; soft ones hold its onset."""
    sharp = soft = slopes = 0
    true = 0.003**2 * 149 / (0.25**2 + (0.003 * 149) ** 2) ** 0.5  # on the last day, of 0.003 in the end
    for seed in range(RUNS):
        values = np.sqrt(0.25**2 + (0.003 * since(100, 250)) ** 2) + 0.03 * drawn(seed, 250)
        early, late = drift(series(values), floored=True), drift(series(values))
        assert early is not None
        assert late is not None
        soft += early.onset_low <= day(100) <= early.onset_high
        slopes += early.low <= true * DAYS_A_MONTH <= early.high
        sharp += late.onset_low <= day(100) <= late.onset_high
    assert soft >= 34  # 95 %
    assert slopes >= 34
    assert sharp <= 10


def test_what_noise_hides_of_an_extreme_widens_the_interval() -> None:
    values = 1.6 + 0.1 * drawn(5, 250) + 0.02 * since(100, 250)
    without = drift(series(values), floored=True)
    found = drift(series(values, floor_mean=1.5), floored=True)
    assert without is not None
    assert found is not None
    assert found.onset == without.onset
    hidden = (without.onset_low - found.onset_low).days
    assert hidden == pytest.approx(0.5 * 1.5 / 0.02, abs=6)  # 37.5 days, less what soft bends reach already
    assert drift(series(values, floor_mean=1.5)) == drift(series(values))  # on no floor
    deep = drift(series(values, floor_mean=150), floored=True)
    assert deep is not None
    assert deep.onset_low == day(0)  # and not before the first value


def test_a_drift_that_was_ended_by_a_step_is_over() -> None:
    values = drawn(6, 300) * 0.2 + 0.03 * since(100, 300)
    values[200:] = drawn(7, 100) * 0.2
    steps, found = explained(series(values))
    assert [one.index for one in steps][-1] == 200
    assert found is None


def test_five_years_are_partitioned_to_the_value() -> None:
    values = drawn(8, 1300)
    values[901:] += 4
    (one,) = changes(series(values))
    assert abs(one.index - 901) <= 1


def test_a_slope_that_ended_in_a_level_is_no_drift() -> None:
    rise = 0.1 * (since(100, 300) - since(160, 300))
    for seed in range(5):
        values = drawn(seed, 300) * 0.3 + rise
        assert drift(series(values)) is not None  # a bent line explains much of it
        assert explained(series(values)) == ((), None)  # lines that meet make no step either


def test_a_step_into_a_slope_is_one() -> None:
    for seed in range(5):
        values = drawn(seed, 200) * 0.3 + 0.03 * since(100, 200)
        values[100:] += 2
        steps, found = explained(series(values))
        assert [abs(one.index - 100) <= 1 for one in steps] == [True]
        assert steps[0].after - steps[0].before == pytest.approx(2, abs=0.5)
        assert found is not None
