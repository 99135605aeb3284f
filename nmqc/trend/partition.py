"""A series as the stretches in which it is level or straight: optimal partition with a penalty for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING

from nmqc.trend.baseline import ROUNDING
from nmqc.trend.points import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

#: shortest stretch, and shortest one that is straight but not level
LEVEL_VALUES, STRAIGHT_VALUES = 3, 10
#: of a change, and of a slope, in units of the noise's variance, times the logarithm of the number of values, or of
#: 100 where they are fewer
CHANGE_PENALTY, SLOPE_PENALTY, FEW_VALUES = 4.0, 2.0, 100
#: noise below this part of the differences of neighbours is none: the values lie on the model
NO_NOISE = 1e-3
#: ends of stretches are looked for at so many places at most, for the noise, then for themselves; then to the value
MOST_PLACES = (100, 250)
#: a value so many sigmas from the median of the five about it counts as that median
ALONE_SIGMAS, MEDIAN_OF = 4.0, 5
LARGEST_CORRELATION = 0.8
SECONDS_A_DAY = 86400.0


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """The valid values of a series as arrays.

    Attributes
    ----------
    days : shape (values,), from the first value on
    values : shape (values,), lone outliers replaced
    sigma : of the noise, by the differences of neighbours; above 0
    """

    days: Floats
    values: Floats
    sigma: float


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise about a model: standard deviation, and how much neighbours make sums vary more.

    `inflation` is (1 + r) / (1 - r), r the correlation of neighbours; `variance` the product with sigma squared.
    """

    sigma: float
    inflation: float

    @property
    def variance(self) -> float:
        """What squared residuals of slow changes are measured by."""
        return self.sigma**2 * self.inflation


@dataclass(frozen=True, slots=True)
class Stretch:
    """Values `start` to `end` - 1 of a signal: level + slope (days - middle)."""

    start: int
    end: int
    level: float
    slope: float
    middle: float

    def at(self, day: float) -> float:
        """Return the value on a day."""
        return self.level + self.slope * (day - self.middle)


def change_penalty(count: int) -> float:
    """Return what a change, or a bend, must explain, in variances of the noise."""
    return CHANGE_PENALTY * log(max(count, FEW_VALUES))


def slope_penalty(count: int) -> float:
    """Return what the slope of a stretch must explain, in variances of the noise."""
    return SLOPE_PENALTY * log(max(count, FEW_VALUES))


def signal_of(values: Sequence[Value]) -> Signal | None:
    """Return values as arrays; None where they are fewer than six, or all equal."""
    import numpy as np

    if len(values) < 2 * LEVEL_VALUES:
        return None
    days = np.array([(one.acquired - values[0].acquired).total_seconds() / SECONDS_A_DAY for one in values])
    raw = np.array([one.value for one in values], np.float64)
    sigma = _by_differences(raw)
    if sigma <= ROUNDING * float(np.abs(raw).max()):
        return None
    return Signal(days, _without_lone(raw, sigma), sigma)


def _by_differences(raw: Floats) -> float:
    """Return sigma by the median difference of neighbours, by the mean one where most are equal."""
    import numpy as np

    differences = np.abs(np.diff(raw))
    middle = float(np.median(differences)) / 0.954
    return middle if middle > 0 else float(differences.mean()) / 1.128


def _without_lone(raw: Floats, sigma: float) -> Floats:
    import numpy as np

    half = MEDIAN_OF // 2
    padded = np.pad(raw, half, mode="reflect")
    medians = np.median(np.lib.stride_tricks.sliding_window_view(padded, MEDIAN_OF), axis=1)
    return np.where(np.abs(raw - medians) > ALONE_SIGMAS * sigma, medians, raw)


def noise_of(residuals: Floats, parameters: int) -> Noise:
    """Return the noise of residuals, the correlation of neighbours at least 0.

    The lag-1 correlation is raised by what fitting takes from it, (1 + parameters) / n, where it is above two of its
    standard deviations, 2 / sqrt(n); else 0.
    """
    import numpy as np

    count = residuals.size
    square = float(residuals @ residuals)
    if square == 0:
        return Noise(0.0, 1.0)
    raised = float(residuals[1:] @ residuals[:-1]) / square + (1 + parameters) / count
    r = min(raised, LARGEST_CORRELATION) if raised > 2 / count**0.5 else 0.0
    return Noise(float(np.sqrt(square / max(count - parameters, 1))), (1 + r) / (1 - r))


def stretches_of(signal: Signal) -> tuple[tuple[Stretch, ...], Noise]:
    """Return the stretches of a signal, and the noise about them.

    The sum over the stretches of squared residuals / variance, plus 4 ln n for each stretch and 2 ln n for each slope
    (n at least 100), is least. The variance is that of the differences of neighbours at first, then that of the
    residuals, widened by their correlation.
    """
    sums = Sums(signal)
    noise = Noise(signal.sigma, 1.0)
    found: tuple[Stretch, ...] = ()
    for most in MOST_PLACES:
        found = _refined(sums, _partition(sums, noise.variance, most), noise.variance)
        noise = noise_of(residuals_of(signal, found), sum(1 + (one.slope != 0) for one in found))
        noise = Noise(max(noise.sigma, NO_NOISE * signal.sigma), noise.inflation)
    return found, noise


def residuals_of(signal: Signal, stretches: Sequence[Stretch]) -> Floats:
    """Return the values of stretches that follow each other, less the stretches."""
    import numpy as np

    fitted = [one.level + one.slope * (signal.days[one.start : one.end] - one.middle) for one in stretches]
    return signal.values[stretches[0].start : stretches[-1].end] - np.concatenate(fitted)


def _partition(sums: Sums, variance: float, most: int) -> tuple[Stretch, ...]:
    """Return the cheapest partition: for each end the cheapest last stretch, by the cheapest ends before it.

    `most` is the number of places at which stretches may end.
    """
    import numpy as np

    step = -(-sums.count // most)
    places = np.unique(np.append(np.arange(0, sums.count, step), sums.count))
    change, slope = change_penalty(sums.count), slope_penalty(sums.count)
    starts = places[:-1, None]
    level, straight = sums.residuals(starts, np.maximum(places, starts + 1))
    costs = np.minimum(level / variance, straight / variance + slope) + change
    costs[places - starts < LEVEL_VALUES] = np.inf
    least = np.zeros(places.size)
    before = np.zeros(places.size, np.intp)
    for number in range(1, places.size):
        whole = least[:number] + costs[:number, number]
        before[number] = int(whole.argmin())
        least[number] = whole[before[number]]
    ends = [places.size - 1]
    while ends[-1]:
        ends.append(int(before[ends[-1]]))
    return _stretches(sums, [int(places[one]) for one in reversed(ends)], variance)


def _stretches(sums: Sums, edges: Sequence[int], variance: float) -> tuple[Stretch, ...]:
    worth = slope_penalty(sums.count) * variance
    return tuple(sums.stretch(start, end, worth) for start, end in pairwise(edges))


def _refined(sums: Sums, stretches: tuple[Stretch, ...], variance: float) -> tuple[Stretch, ...]:
    """Return stretches whose ends lie where they fit best, to the value."""
    edges = [0, *(one.end for one in stretches)]
    for place, (left, right) in enumerate(pairwise(stretches), 1):
        edges[place] = int(sums.meeting(edges[place - 1], left, right).argmin()) + edges[place - 1] + 1
    return _stretches(sums, edges, variance)


class Sums:
    """Running sums of a signal, from which straight lines through any stretch follow."""

    def __init__(self, signal: Signal) -> None:
        import numpy as np

        self.count = signal.values.size
        self.middle, self.level = float(signal.days.mean()), float(signal.values.mean())
        t, y = signal.days - self.middle, signal.values - self.level
        rows = np.vstack([np.ones(t.size), t, y, t * t, t * y, y * y])
        self.sums = np.concatenate([np.zeros((6, 1)), np.cumsum(rows, axis=1)], axis=1)

    def _within(self, starts: Places, ends: Places) -> Floats:
        """Return the sums over values from each start to each end, shape (6, ...)."""
        import numpy as np

        return np.asarray(self.sums[:, ends] - self.sums[:, starts])

    def residuals(self, starts: Places, ends: Places) -> tuple[Floats, Floats]:
        """Return the squared residuals of a level and of a straight line from starts to ends.

        Of fewer than ten values, or values of one time, a line counts as a level.
        """
        import numpy as np

        n, t, y, tt, ty, yy = self._within(starts, ends)
        square = np.maximum(yy - y * y / n, 0)
        spread = tt - t * t / n
        usable = (n >= STRAIGHT_VALUES) & (spread > 1e-9 * np.maximum(tt, 1e-30))
        gained = np.where(usable, (ty - t * y / n) ** 2 / np.where(usable, spread, 1), 0)
        return square, np.maximum(square - gained, 0)

    def meeting(self, start: int, left: Stretch, right: Stretch) -> Floats:
        """Return the squared residuals of two stretches that meet at each place from start + 1 to right's end - 1."""
        import numpy as np

        places = np.arange(start + 1, right.end)
        first = self.residuals(np.array([start]), places)[int(left.slope != 0)]
        second = self.residuals(places, np.array([right.end]))[int(right.slope != 0)]
        return first + second

    def stretch(self, start: int, end: int, worth: float) -> Stretch:
        """Return a stretch, straight where that lessens the squared residuals by more than it is `worth`."""
        import numpy as np

        level, straight = self.residuals(np.array(start), np.array(end))
        n, t, y, tt, ty, _ = (float(one) for one in self._within(np.array(start), np.array(end)))
        sloping = float(level - straight) > worth
        slope = (ty - t * y / n) / (tt - t * t / n) if sloping else 0.0
        return Stretch(start, end, y / n + self.level, slope, t / n + self.middle)
