"""When a synthetic site does what, and when what is planted in it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np

FEWEST_DAYS, MOST_DAYS = 10, 4000
WEEK = 5  # working days
MONTH = 21
_DRIFT, _STEP, _MISSED = 0.35, 0.55, 0.75  # of the working days: where a fault begins


@dataclass(frozen=True)
class Plan:
    """The days of a site. Floods come on every working day; bars, centre of rotation and cylinder once a week.

    Attributes
    ----------
    start, days : from and for how long, weekends counted
    seed : of all noise and scatter

    Raises
    ------
    ValueError
        If there are fewer than 10 days, too few for every weekly test and every fault, or more than 4000.
    """

    start: date
    days: int
    seed: int

    def __post_init__(self) -> None:
        if not FEWEST_DAYS <= self.days <= MOST_DAYS:
            raise ValueError(f"a site has {FEWEST_DAYS} to {MOST_DAYS} days")
        if self.seed < 0:
            raise ValueError("the seed must be 0 or a positive number")

    @property
    def end(self) -> date:
        """The last day."""
        return self.start + timedelta(days=self.days - 1)

    @cached_property
    def working_days(self) -> tuple[date, ...]:
        """Monday to Friday."""
        every = (self.start + timedelta(days=count) for count in range(self.days))
        return tuple(day for day in every if day.weekday() < WEEK)

    @property
    def cor_days(self) -> tuple[date, ...]:
        """Once a week, from the first working day."""
        return self.working_days[0::WEEK]

    @property
    def bars_days(self) -> tuple[date, ...]:
        """Once a week, on the day after."""
        return self.working_days[1::WEEK]

    @property
    def cylinder_days(self) -> tuple[date, ...]:
        """Once a week, on the second day after."""
        return self.working_days[2::WEEK]

    @property
    def iec_days(self) -> tuple[date, ...]:
        """Every 21 working days: about once a month."""
        return self.working_days[3::MONTH]

    @property
    def drift_from(self) -> date:
        """The last day without drift; it is 0 on this day and grows with every day after."""
        return self.day_at(_DRIFT)

    @property
    def step_from(self) -> date:
        """The first day after service."""
        return self.day_at(_STEP)

    @property
    def jump_from(self) -> date:
        """The day of the first centre of rotation that has jumped."""
        return self.cor_days[(len(self.cor_days) + 1) // 2]

    @cached_property
    def missed_days(self) -> tuple[date, ...]:
        """The working days of one week, Monday to Friday."""
        day = self.day_at(_MISSED)
        monday = day - timedelta(days=day.weekday())
        return tuple(one for one in self.working_days if 0 <= (one - monday).days < WEEK)

    def day_at(self, part: float) -> date:
        """Return the working day at a part, 0 to below 1, of all."""
        return at(self.working_days, part)

    def drifted(self, day: date) -> float:
        """Return how far the drift has come on a day: 0 until it begins, 1 on the last day."""
        passed = (day - self.drift_from).days
        return max(passed, 0) / (self.end - self.drift_from).days

    def scatter(self, camera: int, day: date, kind: int) -> np.random.Generator:
        """Return the random numbers of what one camera acquires on one day, whatever else is made."""
        return np.random.default_rng([self.seed, camera, day.toordinal(), kind])


def at(days: Sequence[date], part: float) -> date:
    """Return the day at a part, 0 to below 1, of some days."""
    return days[int(part * len(days))]
