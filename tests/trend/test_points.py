"""Values in order, and parts of like counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from nmqc.trend.points import LEVEL_VALUES, Series, Value, _unlike, period_of, split_by_counts
from tests.trend.draw import FIRST, holding, series


def counted(counts: list[float | None]) -> Series:
    made = series(range(1, len(counts) + 1))
    return replace(
        made, values=tuple(replace(one, counts=n) for one, n in zip(made.values, counts, strict=True))
    )


def test_values_come_into_order_of_time_and_of_number() -> None:
    late, early = Value(1, FIRST + timedelta(1), 1.0), Value(3, FIRST, 2.0)
    twice = Value(2, FIRST, 3.0)
    assert [one.number for one in holding([late, early, twice]).values] == [2, 3, 1]


def test_an_offset_from_utc_is_dropped_not_converted() -> None:
    zone = timezone(timedelta(hours=5))
    value = Value(1, datetime(2026, 1, 5, 23, tzinfo=zone), 1.0)
    assert value.acquired == datetime(2026, 1, 5, 23)
    assert (
        holding([value, Value(2, FIRST, 1.0), Value(3, FIRST.replace(tzinfo=UTC), 1.0)]).values[-1] is value
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="result 7"):
        Value(7, FIRST, bad)


def test_the_period_is_the_median_and_repeats_do_not_count() -> None:
    times = [0.0, 0.0, 1.0, 2.0, 30.0]
    values = [Value(n, FIRST + timedelta(days=t), 1.0) for n, t in enumerate(times)]
    assert period_of(values) == timedelta(days=1)
    assert period_of(values[:2]) is None
    assert period_of([]) is None


def numbers(parts: tuple[Series, ...]) -> list[list[int]]:
    return [[one.number - 100 for one in part.values] for part in parts]


def test_three_values_of_other_counts_begin_a_series() -> None:
    parts = split_by_counts(counted([100, 110, 90, 151, 160, 155, 300, 150]))
    assert numbers(parts) == [[1, 2, 3], [4, 5, 6, 7, 8]]
    assert [one.excluded is None for one in parts[1].values] == [True, True, True, False, True]


def test_fewer_counts_begin_one_too_and_a_ratio_just_below_does_not() -> None:
    assert numbers(split_by_counts(counted([150, 150, 99, 98, 97]))) == [[1, 2], [3, 4, 5]]
    assert numbers(split_by_counts(counted([100, 100, 149, 149, 149]))) == [[1, 2, 3, 4, 5]]
    assert len(split_by_counts(counted([100, 100, 149, 149, 149]), ratio=1.4)) == 2


def test_values_that_wait_at_the_end_are_left_out_with_a_reason() -> None:
    (part,) = split_by_counts(counted([100, 100, 300, 300]))
    assert [one.excluded is None for one in part.values] == [True, True, False, False]
    assert "counts" in (part.values[-1].excluded or "")


def test_waiting_values_that_do_not_agree_with_each_other_begin_nothing() -> None:
    (part,) = split_by_counts(counted([100, 100, 300, 900, 300, 100]))
    assert [one.value for one in part.valid] == [1, 2, 6]
    assert len(part.values) == 6  # none is lost


def test_a_slow_decay_is_compared_with_the_first_values_not_the_last() -> None:
    decaying = [1000 * 0.995**day for day in range(200)]
    parts = split_by_counts(counted(list(decaying)))
    # the median of the first 20 is that of day 9.5; 1.5 times fewer after ln 1.5 / 0.005013 = 80.9 days: day 91
    assert [part.values[0].number - 101 for part in parts[:2]] == [0, 91]


def test_values_without_counts_stay_and_an_empty_series_is_one_part() -> None:
    assert numbers(split_by_counts(counted([None, 100, None, 300, None, 100]))) == [[1, 2, 3, 4, 5, 6]]
    assert numbers(split_by_counts(series([]))) == [[]]


def test_of_a_part_the_first_counts_alone_are_looked_at() -> None:
    class First(list[Value]):
        def __iter__(self) -> Iterator[Value]:
            yield from (self[place] for place in range(LEVEL_VALUES))
            pytest.fail("values after the first ones were read")

    part = First(counted([100.0] * 30).values)
    assert _unlike(counted([151.0]).values[0], part, 1.5) is True
