"""Steps of a series, each with its date and the interval of the date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nmqc.trend.drift import MOST_PLACES, Drift, bends_of, drift_of
from nmqc.trend.partition import (
    NO_NOISE,
    Noise,
    Signal,
    Stretch,
    Sums,
    change_penalty,
    residuals_of,
    signal_of,
    slope_penalty,
    stretches_of,
)
from nmqc.trend.points import Series, Value

if TYPE_CHECKING:
    from nmqc.trend.partition import Floats

LIKELY = 0.95


@dataclass(frozen=True, slots=True)
class Change:
    """A step.

    Attributes
    ----------
    acquired : of the first value after it
    index : of that value in `Series.values`, excluded ones counted
    low, high : the step came after `low` and not after `high`, with a chance of 95 %
    before, after : levels on both sides, at the step
    sigma : after less before, in standard deviations of the noise; None where there is none
    """

    acquired: datetime
    index: int
    low: datetime
    high: datetime
    before: float
    after: float
    sigma: float | None


def explained(
    series: Series, fail: float | None = None, *, floored: bool = False
) -> tuple[tuple[Change, ...], Drift | None]:
    """Return the steps of a series in order of time, and the drift that goes on after the last: None where none does.

    An optimal partition of the valid values into level and straight stretches of three values and more, against noise
    whose correlation is taken into account. Values that stand alone are left out. A drift is no step: the last steps
    are taken for a drift where a bent line, level and then straight, costs less than they do.

    Parameters
    ----------
    fail, floored : as of `drift_of`
    """
    values = series.valid
    signal = signal_of(values)
    if signal is None:
        return (), None
    stretches, noise = stretches_of(signal)
    steps = [
        place
        for place in range(1, len(stretches))
        if _is_step(signal, stretches[place - 1 : place + 1], noise)
    ]
    bent = _bent_from(signal, stretches, steps, noise, floored)
    drifting = bent is not None or stretches[-1].slope != 0
    kept = [place for place in steps if bent is None or stretches[place].start <= bent]
    found = [_change(signal, stretches[place - 1], stretches[place], noise, series) for place in kept]
    since = stretches[kept[-1]].start if kept else 0
    return tuple(found), drift_of(values[since:], fail, floored) if drifting else None


def _is_step(signal: Signal, pair: Sequence[Stretch], noise: Noise) -> bool:
    """Say whether two stretches meet at a step: two levels do, other lines where no bend joins them as well."""
    left, right = pair
    if left.slope == 0 and right.slope == 0:
        return True
    within = slice(left.start, right.end)
    joined = _joined_square(signal.days[within], signal.values[within])
    residuals = residuals_of(signal, pair)
    gained = joined - float(residuals @ residuals)
    worth = slope_penalty(signal.values.size) * noise.variance
    return gained > worth and abs(_jump(signal, left, right)) > noise.sigma


def _joined_square(days: Floats, values: Floats) -> float:
    """Return the least squared residuals of two lines that meet in a point, wherever that is."""
    import numpy as np

    places = np.arange(1, days.size - 1, -(-days.size // MOST_PLACES))
    risen = np.maximum(days[None, :] - days[places, None], 0)
    basis, _ = np.linalg.qr(np.column_stack([np.ones(days.size), days - days.mean()]))
    beside = risen - (risen @ basis) @ basis.T
    left = values - values.mean()
    left = left - basis @ (basis.T @ left)
    spreads = np.maximum((beside**2).sum(axis=1), 1e-12 * float((days - days.mean()) @ (days - days.mean())))
    return float(left @ left - ((beside @ left) ** 2 / spreads).max())


def _meeting(signal: Signal, right: Stretch) -> float:
    return float(signal.days[right.start - 1] + signal.days[right.start]) / 2


def _jump(signal: Signal, left: Stretch, right: Stretch) -> float:
    day = _meeting(signal, right)
    return right.at(day) - left.at(day)


def _bent_from(
    signal: Signal, stretches: Sequence[Stretch], steps: Sequence[int], noise: Noise, floored: bool
) -> int | None:
    """Return the value from which on a bent line costs least, if it costs less than the stretches do.

    It may begin at the first value or at any step.
    """
    residuals, count = residuals_of(signal, stretches), signal.values.size
    best, gain = None, 0.0
    for place in (0, *steps):
        start = stretches[place].start
        bends = bends_of(signal.days[start:], signal.values[start:], floored and len(stretches) > 1)
        if bends is None:
            continue
        tail = stretches[place:]
        slopes = slope_penalty(count) * sum(one.slope != 0 for one in tail)
        cost = float(residuals[start:] @ residuals[start:]) / noise.variance + slopes
        cost += change_penalty(count) * (len(tail) - 1)
        less = cost - float(bends.squares.min()) / noise.variance - change_penalty(count)
        if less > gain:
            best, gain = start, less
    return best


def _change(signal: Signal, left: Stretch, right: Stretch, noise: Noise, series: Series) -> Change:
    values = series.valid
    first, last = _interval(Sums(signal), left, right, noise)
    day = _meeting(signal, right)
    value = values[right.start]
    return Change(
        acquired=value.acquired,
        index=_index(series, value),
        low=values[first - 1].acquired,
        high=values[last].acquired,
        before=left.at(day),
        after=right.at(day),
        sigma=_jump(signal, left, right) / noise.sigma if noise.sigma > NO_NOISE * signal.sigma else None,
    )


def _index(series: Series, value: Value) -> int:
    return next(place for place, one in enumerate(series.values) if one is value)


def _interval(sums: Sums, left: Stretch, right: Stretch, noise: Noise) -> tuple[int, int]:
    """Return the first and last of the likeliest places of a step that have a chance of 95 % together.

    The chance of a place is proportional to exp(-squares / (2 variance)), both levels fitted anew.
    """
    import numpy as np

    squares = sums.meeting(left.start, left, right)
    chances = np.exp(-(squares - squares.min()) / (2 * noise.variance))
    order = np.argsort(-chances, kind="stable")
    enough = int(np.searchsorted(np.cumsum(chances[order]) / chances.sum(), LIKELY)) + 1
    places = order[:enough] + left.start + 1
    return int(places.min()), int(places.max())
