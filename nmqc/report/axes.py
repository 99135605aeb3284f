"""Axes of charts over time: ranges, the places of ticks and their words."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil, floor, log10

from nmqc.report.dates import ISO, MONTHS

EPOCH = datetime(1970, 1, 1)
#: ends of what an axis of time may show: calendars go no farther than from year 1 to 9999
EARLIEST, LATEST = ((datetime(year, 1, 1) - EPOCH) / timedelta(days=1) for year in (100, 9990))
DAY = timedelta(days=1)
#: letters of a month that tell it from all others of its language
LETTERS = {"fr": 4}
#: part of the values that may lie outside the axis at each end, and what it is longer by
TAIL, ROOM = 0.01, 0.12
#: limits may make the axis so many times as long as the values alone do
LONGEST = 4.0


def days_of(moment: str) -> float:
    """Return the days from 1970 to an ISO date or time, an offset dropped."""
    return (datetime.fromisoformat(moment).replace(tzinfo=None) - EPOCH) / DAY


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight scale: `low` and `high` lie at `start` and `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return where a value lies."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Say whether a value lies between the ends, ends included."""
        return self.low <= value <= self.high


def value_range(values: Sequence[float], wanted: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis of values.

    It holds the middle 98 % of the values, of less than 100 all; and of the limits and levels that are `wanted`
    those that do not make it more than four times as long.

    Parameters
    ----------
    values : one or more
    """
    ordered = sorted(values)
    tail = floor(TAIL * len(ordered))
    low, high = ordered[tail], ordered[-1 - tail]
    length = (high - low) or abs(high) or 1.0
    for one in sorted(wanted, key=lambda one: max(low - one, one - high)):
        if max(high, one) - min(low, one) <= LONGEST * length:
            low, high = min(low, one), max(high, one)
    room = ROOM * ((high - low) or abs(high) or 1.0)
    return low - room, high + room


def value_ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Return round numbers between two ends, `most` of them or fewer: multiples of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** floor(log10((high - low) / most))
    steps = [factor * power for factor in (1, 2, 5, 10, 20, 50)]
    step = next(step for step in steps if floor(high / step) - ceil(low / step) < most)
    return [number * step + 0.0 for number in range(ceil(low / step), floor(high / step) + 1)]


def tick_words(ticks: Sequence[float]) -> list[str]:
    """Return ticks in words, with as many decimals as tell them apart."""
    step = min((b - a for a, b in pairwise(ticks)), default=abs(ticks[0]) if ticks else 1.0)
    places = max(0, -floor(log10(step) + 1e-9)) if step else 0
    return [f"{one:.{places}f}" for one in ticks]


# --- dates ----------------------------------------------------------------------------------------------


def date_ticks(low: float, high: float, most: int, language: str = ISO) -> list[tuple[float, str]]:
    """Return days since 1970 with their words, `most` of them or fewer: first days of years, months, or some days.

    Parameters
    ----------
    language : one of `nmqc.report.dates.LANGUAGES`
    """
    for months in (1, 2, 3, 6, 12, 24, 60, 120):
        places = list(_months(low, high, months))
        if len(places) <= most and (len(places) > 1 or months > 1):
            break
    if len(places) > 1:
        yearly = months >= 12
        return [((day - EPOCH) / DAY, str(day.year) if yearly else _month(day, language)) for day in places]
    step = max(1, ceil((high - low) / most))
    days = [EPOCH + number * DAY for number in range(ceil(low), floor(high) + 1, step)]
    return [((day - EPOCH) / DAY, _day(day, language)) for day in days[:most]]


def _months(low: float, high: float, step: int) -> Iterator[datetime]:
    first, last = EPOCH + low * DAY, EPOCH + high * DAY
    for number in range(first.year * 12 // step * step, last.year * 12 + 12, step):
        day = datetime(number // 12, number % 12 + 1, 1)
        if first <= day <= last:
            yield day


def _month(day: datetime, language: str) -> str:
    return f"{day:%Y-%m}" if language == ISO else f"{month_word(day, language)} {day.year}"


def _day(day: datetime, language: str) -> str:
    return f"{day:%m-%d}" if language == ISO else f"{day.day} {month_word(day, language)}"


def month_word(day: datetime, language: str) -> str:
    """Return the beginning of a month's name."""
    return MONTHS[language].split()[day.month - 1][: LETTERS.get(language, 3)]


# --- many points on few columns -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """The values that print cannot show apart: their place, extremes, median, and the ends of their error bars."""

    x: float
    low: float
    high: float
    middle: float
    bar_low: float
    bar_high: float


def columns(
    days: Sequence[float], values: Sequence[float], bars: Sequence[float], scale: Scale, width: float
) -> list[Column]:
    """Return the columns of a scale, each so wide, that hold a value.

    Parameters
    ----------
    days : in order
    bars : half the length of the error bar of each value, 0 for none
    """
    count = ceil((scale.end - scale.start) / width)
    edges = [scale.low + (scale.high - scale.low) * number / count for number in range(count + 1)]
    found = []
    for number in range(count):
        start = bisect_left(days, edges[number])
        end = bisect_right(days, edges[-1]) if number == count - 1 else bisect_left(days, edges[number + 1])
        if start < end:
            inside = sorted(values[start:end])
            ends = [(v - u, v + u) for v, u in zip(values[start:end], bars[start:end], strict=True)]
            found.append(
                Column(
                    x=scale.start + (number + 0.5) * (scale.end - scale.start) / count,
                    low=inside[0],
                    high=inside[-1],
                    middle=(inside[(len(inside) - 1) // 2] + inside[len(inside) // 2]) / 2,
                    bar_low=min(low for low, _ in ends),
                    bar_high=max(high for _, high in ends),
                )
            )
    return found
