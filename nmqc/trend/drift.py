"""Drifts: a line that is level and then straight, since when, how fast, and when it will reach the limit.

Values on a floor rise softly: a root mean square takes up a small part hardly at all. For these the line bends as
y = a + b (sqrt(w^2 + s^2) - w), s the days since the onset, w 0 for a sharp bend; b w, up to the level a, is what a
soft bend hides. An integral uniformity is that of noise until a fault stands out of it: where the values have a noise
floor f, the onset may be earlier by f / (2 b) than any bend shows, half of the range of noise being on either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from nmqc.trend.partition import NO_NOISE, Noise, Signal, change_penalty, noise_of, signal_of
from nmqc.trend.points import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DAYS_A_MONTH = 365.25 / 12
FEWEST_VALUES, FEWEST_RISING = 10, 5
#: bends are looked for at so many places at most, soft ones at fewer
MOST_PLACES, SOFT_PLACES = 250, 150
#: what soft bends hide, over the level (above 1 for the noise of both); how often the softness for it is found anew
HIDDEN_PARTS, SOFT_ROUNDS = (0.3, 0.6, 0.9, 1.15), 3
#: what noise hides of an extreme without a trace, over its floor
HIDDEN_BY_NOISE = 0.5
#: squared residuals over the noise's variance within which an onset and a slope are believed: chi-squared of one
#: degree of freedom at 95 %, 3.84, raised for the estimated noise and for finding the drift at all (simulated)
BELIEVED = 4.6
#: a limit that is farther away in time is not said to be reached
FARTHEST = timedelta(days=10 * 365.25)


@dataclass(frozen=True, slots=True)
class Drift:
    """A quantity that changes steadily.

    Attributes
    ----------
    per_month : change in 30.44 days by the end of the values, in their unit
    low, high : its 95 % interval, the uncertain onset and the correlation of neighbours included
    onset : acquisition from which on it drifts
    onset_low, onset_high : its 95 % interval; where `onset_low` is the first of the values it may be older
    reaches_limit : day on which the line reaches the fail limit; the last day of the values where it was
        crossed; None where there is no limit, the line leads away from it, or ten years are not enough
    """

    per_month: float
    low: float
    high: float
    onset: datetime
    onset_low: datetime
    onset_high: datetime
    reaches_limit: date | None

    def come_by(self, time: datetime) -> float:
        """Return how far the line has come since its onset, in the unit of the values."""
        return self.per_month * ((time - self.onset) / timedelta(days=1)) / DAYS_A_MONTH


@dataclass(frozen=True, slots=True, eq=False)
class Bends:
    """Level and then rising, for each place at which the line may bend and each softness.

    Attributes
    ----------
    places : shape (bends,), numbers of values
    hidden_days : shape (bends,), the softness w
    squares : shape (bends,), squared residuals
    slopes : shape (bends,), a day, in the end
    spreads : shape (bends,), sum of squares of the risen days about their mean
    levels : shape (bends,), the level before
    level_square : squared residuals of a level alone
    """

    places: NDArray[np.intp]
    hidden_days: Floats
    squares: Floats
    slopes: Floats
    spreads: Floats
    levels: Floats
    level_square: float

    @property
    def best(self) -> int:
        """The number of the bend that fits best."""
        return int(self.squares.argmin())

    def steepness(self, days: Floats) -> Floats:
        """Return the slope on the last day over that in the end, for each bend: 1 of sharp ones."""
        import numpy as np

        since = days[-1] - days[self.places]
        return np.asarray(since / np.sqrt(self.hidden_days**2 + since**2))

    def levels_of_best(self, days: Floats) -> tuple[float, float]:
        """Return the levels before the best bend and on the last day."""
        best = self.best
        before = float(self.levels[best])
        onset, hidden = float(days[self.places[best]]), float(self.hidden_days[best])
        return before, before + float(self.slopes[best] * _risen(days[-1], onset, hidden))


def drift_of(values: Sequence[Value], fail: float | None, floored: bool) -> Drift | None:
    """Return the drift of values in order of time that goes on to their end; None where there is none.

    Least squares, lone outliers left out. It is a drift where the bent line lessens the squared residuals by more
    than 4 ln n variances of the noise (n at least 100), correlation included.

    Parameters
    ----------
    values : of one level, none excluded
    fail : the limit
    floored : the values lie on a floor, as extremes, magnitudes and root mean squares do: soft bends are tried too
    """
    signal = signal_of(values)
    if signal is None:
        return None
    bends = bends_of(signal.days, signal.values, floored)
    if bends is None:
        return None
    noise = noise_about(bends, signal)
    if bends.level_square - bends.squares[bends.best] <= change_penalty(signal.values.size) * noise.variance:
        return None
    found = _drift(bends, noise, signal, values, fail)
    floors = [one.floor_mean for one in values if one.floor_mean is not None]
    if not floored or not floors:
        return found
    return _hidden_before(found, bends, noise, median(floors), values)


def bends_of(days: Floats, values: Floats, floored: bool = False) -> Bends | None:
    """Return the fit of a bent line for each place; None for fewer than ten values, or hardly any time.

    A bend has at least five values from it on, and lies at the time of a value.
    """
    import numpy as np

    count = values.size
    if count < FEWEST_VALUES or days[-1] <= days[-FEWEST_RISING]:
        return None
    most = SOFT_PLACES if floored else MOST_PLACES
    places = np.arange(0, count - FEWEST_RISING + 1, -(-count // most))
    parts = [_bent(days, values, places, np.zeros(places.size))]
    for hidden_part in HIDDEN_PARTS if floored else ():
        bends = parts[0]
        for _ in range(SOFT_ROUNDS):
            ratio = bends.levels / np.where(bends.slopes == 0, np.inf, bends.slopes)
            bends = _bent(days, values, places, hidden_part * np.clip(ratio, 0, days[-1]))
        parts.append(bends)
    return _joined(parts)


def _bent(days: Floats, values: Floats, places: NDArray[np.intp], hidden: Floats) -> Bends:
    """Return the fits of bends at places, each of its softness."""
    risen = _risen(days[None, :], days[places, None], hidden[:, None])
    away = risen - risen.mean(axis=1, keepdims=True)
    spreads = (away**2).sum(axis=1)
    level_square = float(((values - values.mean()) ** 2).sum())
    slopes = away @ (values - values.mean()) / spreads
    levels = values.mean() - slopes * risen.mean(axis=1)
    return Bends(places, hidden, level_square - slopes**2 * spreads, slopes, spreads, levels, level_square)


def _joined(parts: Sequence[Bends]) -> Bends:
    import numpy as np

    names = ("places", "hidden_days", "squares", "slopes", "spreads", "levels")
    arrays = {name: np.concatenate([getattr(one, name) for one in parts]) for name in names}
    return Bends(**arrays, level_square=parts[0].level_square)


def _risen(days: Floats, onset: Floats | float, hidden: Floats | float) -> Floats:
    import numpy as np

    since = np.maximum(days - onset, 0)
    return np.asarray(np.sqrt(hidden**2 + since**2) - hidden)


def noise_about(bends: Bends, signal: Signal) -> Noise:
    """Return the noise about the bend that fits best."""
    best = bends.best
    risen = _risen(signal.days, float(signal.days[bends.places[best]]), float(bends.hidden_days[best]))
    noise = noise_of(signal.values - bends.levels[best] - bends.slopes[best] * risen, 3)
    return Noise(max(noise.sigma, NO_NOISE * signal.sigma), noise.inflation)


def _drift(bends: Bends, noise: Noise, signal: Signal, values: Sequence[Value], fail: float | None) -> Drift:
    import numpy as np

    left = BELIEVED * noise.variance - (bends.squares - bends.squares.min())
    believed = np.flatnonzero(left >= 0)
    onset, first, last = (values[one].acquired for one in _ends(bends, believed))
    steepness = bends.steepness(signal.days)
    reach = np.sqrt(left[believed] / bends.spreads[believed])
    low, high = ((bends.slopes[believed] + sign * reach) * steepness[believed] for sign in (-1, 1))
    before, now = bends.levels_of_best(signal.days)
    slope = float(bends.slopes[bends.best] * steepness[bends.best])
    return Drift(
        per_month=slope * DAYS_A_MONTH,
        low=float(low.min()) * DAYS_A_MONTH,
        high=float(high.max()) * DAYS_A_MONTH,
        onset=onset,
        onset_low=first,
        onset_high=last,
        reaches_limit=_reached(before, now, slope, values[-1].acquired, fail),
    )


def _hidden_before(found: Drift, bends: Bends, noise: Noise, floor: float, values: Sequence[Value]) -> Drift:
    """Return a drift whose onset may be earlier than that of sharp bends by what noise hides.

    But not before the first value.
    """
    import numpy as np

    sharp = np.flatnonzero(bends.hidden_days == 0)
    squares = bends.squares[sharp]
    believed = sharp[squares - squares.min() <= BELIEVED * noise.variance]
    slope = abs(float(bends.slopes[sharp[squares.argmin()]]))
    hidden = timedelta(days=min(HIDDEN_BY_NOISE * floor / slope, FARTHEST.days))
    earlier = values[int(bends.places[believed].min())].acquired - hidden
    return replace(found, onset_low=max(values[0].acquired, min(found.onset_low, earlier)))


def _ends(bends: Bends, believed: NDArray[np.intp]) -> tuple[int, int, int]:
    """Return the places of the best bend, and the first and last of those that are believed."""
    places = bends.places[believed]
    return int(bends.places[bends.best]), int(places.min()), int(places.max())


def _reached(before: float, now: float, slope: float, last: datetime, fail: float | None) -> date | None:
    """Return the day on which a line that rises or falls from one level to another reaches a limit."""
    if fail is None or slope == 0:
        return None
    days = (fail - now) / slope
    crossed = (before - fail) * (now - fail) <= 0
    if days > FARTHEST.days or (days < 0 and not crossed):
        return None
    return (last + timedelta(days=max(days, 0.0))).date()
