"""The values of one quantity over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice, pairwise
from math import isfinite
from statistics import median

#: a level of counts is that of so many first values, and begins anew after so many others in turn
LEVEL_VALUES, NEW_LEVEL_VALUES = 20, 3


@dataclass(frozen=True, slots=True)
class Value:
    """One measurement of a series.

    Attributes
    ----------
    number : of its entry in the history
    acquired : the scanner's local time; an offset from UTC is dropped
    value : finite
    uncertainty : one standard deviation in the unit of the value; None where it is not known
    floor_mean, floor_p95 : what noise alone gives, mean and 95th percentile; None where it does not apply
    counts : what the noise of the value depends on, such as counts per pixel; None where it does not apply
    verdict : by the limits
    excluded : why it is left out of baselines and trends; None where it is not

    Raises
    ------
    ValueError
        If the value is not finite.
    """

    number: int
    acquired: datetime
    value: float
    uncertainty: float | None = None
    floor_mean: float | None = None
    floor_p95: float | None = None
    counts: float | None = None
    verdict: str = "unjudged"
    excluded: str | None = None

    def __post_init__(self) -> None:
        if not isfinite(self.value):
            raise ValueError(f"result {self.number}: the value is not finite; exclude the result")
        object.__setattr__(self, "acquired", self.acquired.replace(tzinfo=None))


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one metric of one camera, acquired and analysed alike.

    Attributes
    ----------
    unit : of the camera: one physical system
    system, test, detector, window, metric, of : as in the history
    unit_of_value : such as "%"
    setting : digest of the parameters that change a value
    values : brought into order of time, then of number, however they are given
    """

    unit: str
    system: str
    test: str
    detector: int | None
    window: str | None
    metric: str
    of: str
    unit_of_value: str
    setting: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.values, key=lambda one: (one.acquired, one.number)))
        object.__setattr__(self, "values", ordered)

    @property
    def valid(self) -> tuple[Value, ...]:
        """The values that are not excluded."""
        return tuple(one for one in self.values if one.excluded is None)


def period_of(values: Sequence[Value]) -> timedelta | None:
    """Return the usual time between values: the median of what is above 0; None where nothing is."""
    gaps = [(b.acquired - a.acquired).total_seconds() for a, b in pairwise(values)]
    later = [gap for gap in gaps if gap > 0]
    return timedelta(seconds=median(later)) if later else None


def split_by_counts(series: Series, ratio: float = 1.5) -> tuple[Series, ...]:
    """Return a series as the parts whose counts are alike: extremes of noise depend on counts.

    The level of a part is the median of its first 20 counts. Three values in turn whose counts are more than
    `ratio` times as many, or as few, begin a new part. Fewer are excluded in the part where they stand. Values
    without counts, and excluded ones, stay where they are. An empty series is one part.

    Parameters
    ----------
    ratio : above 1
    """
    parts: list[list[Value]] = [[]]
    waiting: list[Value] = []
    for value in series.values:
        if _unlike(value, parts[-1], ratio) and (not waiting or not _unlike(value, waiting, ratio)):
            waiting.append(value)
            if len(waiting) == NEW_LEVEL_VALUES:
                parts.append(waiting)
                waiting = []
        elif _unlike(value, parts[-1], ratio):
            parts[-1] += _left_out(waiting)
            waiting = [value]
        else:
            parts[-1] += [*_left_out(waiting), value]
            waiting = []
    parts[-1] += _left_out(waiting)
    return tuple(replace(series, values=tuple(part)) for part in parts)


def _unlike(value: Value, part: Sequence[Value], ratio: float) -> bool:
    known = list(islice((one.counts for one in part if one.counts and one.excluded is None), LEVEL_VALUES))
    if not known or not value.counts or value.excluded is not None:
        return False
    times = value.counts / median(known)
    return times > ratio or times < 1 / ratio


def _left_out(values: Sequence[Value]) -> list[Value]:
    reason = "its counts are not those of the values about it"
    return [replace(one, excluded=reason) for one in values]
