"""What is overdue: by hand for the calendar, and day by day for everything at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random

import pytest

from nmqc.batch.expect import Overdue, overdue
from nmqc.config import Expectation

FLOOD = "uniformity.planar"
WEEKEND = (5, 6)
DAY = timedelta(days=1)
# 2026-11-16 is a Monday
MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2026, 11, day) for day in (16, 17, 18, 19, 20))
SATURDAY, SUNDAY = date(2026, 11, 21), date(2026, 11, 22)


def expected(every: int = 1, grace: int = 0, off: tuple[int, ...] = ()) -> Expectation:
    return Expectation("Gamma 2", FLOOD, every, grace, off)


def always(last: date | None) -> Callable[[str, str], date | None]:
    """Whatever is asked for, the same day."""

    def latest(unit: str, test: str) -> date | None:
        return last

    return latest


def late(one: Expectation, last: date | None, today: date, *holidays: date) -> tuple[date, int] | None:
    """The day on which it was due, and the days since; None where it is not overdue."""
    found = overdue([one], always(last), today, holidays)
    return (found[0].due, found[0].days_late) if found else None


def test_what_is_due_today_may_still_come() -> None:
    assert late(expected(), MONDAY, MONDAY) is None
    assert late(expected(), MONDAY, TUESDAY) is None
    assert late(expected(), MONDAY, WEDNESDAY) == (TUESDAY, 1)
    assert late(expected(), MONDAY, FRIDAY) == (TUESDAY, 3)


def test_every_is_counted_in_days_of_the_calendar() -> None:
    assert late(expected(7), MONDAY, MONDAY + 7 * DAY) is None
    assert late(expected(7), MONDAY, MONDAY + 8 * DAY) == (MONDAY + 7 * DAY, 1)


def test_nothing_is_due_on_a_day_off() -> None:
    after = FRIDAY + 3 * DAY
    for today in (SATURDAY, SUNDAY, after):
        assert late(expected(off=WEEKEND), FRIDAY, today) is None
    assert late(expected(off=WEEKEND), FRIDAY, after + DAY) == (after, 1)


def test_what_was_due_before_the_weekend_is_overdue_on_it() -> None:
    assert late(expected(off=WEEKEND), THURSDAY, SATURDAY) == (FRIDAY, 1)
    assert late(expected(off=WEEKEND), THURSDAY, SUNDAY) == (FRIDAY, 2)


def test_an_acquisition_on_a_day_off_counts_as_any_other() -> None:
    """A flood of Saturday does for Sunday's, which is off: the next is due on Monday."""
    after = SUNDAY + DAY
    assert late(expected(off=WEEKEND), SATURDAY, after) is None
    assert late(expected(off=WEEKEND), SATURDAY, after + DAY) == (after, 1)


def test_holidays_join_weekends() -> None:
    """Christmas 2026 is a Friday: what is due on it is due on the Monday after."""
    christmas, monday = date(2026, 12, 25), date(2026, 12, 28)
    last = christmas - DAY
    assert late(expected(off=WEEKEND), last, monday, christmas) is None
    assert late(expected(off=WEEKEND), last, monday + DAY, christmas) == (monday, 1)
    assert late(expected(off=WEEKEND), last, monday) == (christmas, 3)


def test_grace_counts_working_days_and_the_days_late_begin_at_the_due_day() -> None:
    one = expected(7, grace=1, off=WEEKEND)
    last, monday = FRIDAY - 7 * DAY, FRIDAY + 3 * DAY
    for today in (FRIDAY, SATURDAY, SUNDAY, monday):
        assert late(one, last, today) is None
    assert late(one, last, monday + DAY) == (FRIDAY, 4)


def test_leap_years() -> None:
    """2028 has a 29 February, 2027 has none."""
    assert late(expected(), date(2028, 2, 28), date(2028, 3, 1)) == (date(2028, 2, 29), 1)
    assert late(expected(), date(2027, 2, 28), date(2027, 3, 1)) is None
    assert late(expected(366), date(2028, 2, 29), date(2029, 3, 2)) == (date(2029, 3, 1), 1)


def test_what_was_never_recorded_is_due_at_once() -> None:
    assert overdue([expected(7, grace=5)], always(None), TUESDAY) == (
        Overdue("Gamma 2", FLOOD, None, TUESDAY, 0),
    )
    assert late(expected(off=WEEKEND), None, SUNDAY) == (SUNDAY, 0)


def test_an_acquisition_of_the_future_is_not_taken_for_one() -> None:
    """Else one file with a wrong date would keep this quiet for years. Tomorrow's may be of another time zone."""
    future = date(2062, 11, 16)
    (found,) = overdue([expected(7)], always(future), WEDNESDAY)
    assert (found.last, found.due, found.days_late) == (future, WEDNESDAY, 0)
    assert late(expected(7), THURSDAY, WEDNESDAY) is None
    assert late(expected(7), FRIDAY, WEDNESDAY) == (WEDNESDAY, 0)


def test_each_is_asked_for_and_the_order_stays() -> None:
    asked = []
    days = {("b", "t1"): MONDAY, ("a", "t2"): THURSDAY, ("a", "t1"): None}

    def latest(unit: str, test: str) -> date | None:
        asked.append((unit, test))
        return days[unit, test]

    items = [Expectation(unit, test, 1) for unit, test in days]
    found = overdue(items, latest, FRIDAY)
    assert asked == list(days)
    assert [(one.unit, one.test, one.last) for one in found] == [("b", "t1", MONDAY), ("a", "t1", None)]


def test_a_week_without_a_working_day_is_refused_and_ends() -> None:
    with pytest.raises(ValueError, match="every day of the week is off"):
        late(expected(off=tuple(range(7))), MONDAY, FRIDAY)


def by_counting(one: Expectation, last: date, today: date, holidays: set[date]) -> tuple[date, int] | None:
    """The same, told by walking through the calendar day by day."""
    day, due, grace = last, None, one.grace_days
    while day < today:
        working = day.weekday() not in one.days_off and day not in holidays
        if due is None and (day - last).days >= one.every_days and working:
            due = day
        elif due is not None and working:
            grace -= 1
        if due is not None and grace <= 0:
            return due, (today - due).days
        day += DAY
    return None


@pytest.mark.parametrize("seed", range(4))
def test_the_same_as_by_walking_through_the_calendar(seed: int) -> None:
    random = Random(seed)
    overdue_ones = 0
    for _ in range(500):
        off = tuple(sorted(random.sample(range(7), random.randint(0, 6))))
        one = expected(random.randint(1, 40), random.randint(0, 5), off)
        last = date(2027, 12, 1) + random.randint(0, 120) * DAY
        today = last + random.randint(0, 90) * DAY
        holidays = {last + random.randint(0, 90) * DAY for _ in range(random.randint(0, 20))}
        counted = by_counting(one, last, today, holidays)
        assert late(one, last, today, *holidays) == counted, (one, last, today, sorted(holidays))
        overdue_ones += counted is not None
    assert 100 < overdue_ones < 400  # both answers are seen
