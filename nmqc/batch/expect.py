"""What should have arrived and did not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from nmqc.config import Expectation

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Overdue:
    """One thing that should have arrived.

    Attributes
    ----------
    unit, test : str
        As the configuration has them.
    last : date or None
        Day of the latest acquisition; None: there is none yet. In the future where a clock was wrong.
    due : date
        The day on which the next was due, grace aside.
    days_late : int
        Calendar days since then.
    """

    unit: str
    test: str
    last: date | None
    due: date
    days_late: int


def overdue(
    expected: Sequence[Expectation],
    latest: Callable[[str, str], date | None],
    today: date,
    holidays: Collection[date] = (),
) -> tuple[Overdue, ...]:
    """Return what is overdue, in the order of the expectations.

    The next acquisition is due `every_days` after the latest, and where that is a day off or a holiday on the first
    day after it that is neither. It is overdue from the day after; with grace, from the day after so many further
    days, of which days off and holidays are none. What was never recorded is due today, and listed at once. So is
    what has its latest acquisition later than tomorrow: a clock was wrong, and the time of the last one is not known.

    Parameters
    ----------
    expected : see `Expectation`
    latest : callable (unit, test) -> day of the latest acquisition, or None where there is none
    today : date
        In the site's own time.
    holidays : days on which nothing is due
    """
    found = (_overdue(one, latest(one.unit, one.test), today, frozenset(holidays)) for one in expected)
    return tuple(one for one in found if one is not None)


def _overdue(one: Expectation, last: date | None, today: date, holidays: frozenset[date]) -> Overdue | None:
    if last is None or last > today + DAY:
        return Overdue(one.unit, one.test, last, today, 0)
    due = _working(last + one.every_days * DAY, one, holidays)
    end = due
    for _ in range(one.grace_days):
        end = _working(end + DAY, one, holidays)
    return Overdue(one.unit, one.test, last, due, (today - due).days) if today > end else None


def _working(day: date, one: Expectation, holidays: frozenset[date]) -> date:
    """Return the first day, from this one on, on which something can be due.

    Raises
    ------
    ValueError
        If every day of the week is off.
    """
    if len(set(one.days_off)) == 7:
        raise ValueError(f"{one.test} of {one.unit}: every day of the week is off")
    while day.weekday() in one.days_off or day in holidays:
        day += DAY
    return day
