"""Series of values whose truth is known, for the validation of trends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from nmqc.trend.points import Series, Value

Floats = NDArray[np.float64]
FIRST = datetime(2026, 1, 5, 7)  # a Monday


def noise(random: np.random.Generator, count: int, *, correlation: float = 0.0, skew: float = 0.0) -> Floats:
    """Return values of mean 0 and standard deviation 1: normal, autoregressive, or of a skewed gamma."""
    if skew:
        shape = 4 / skew**2
        return (random.gamma(shape, 1, count) - shape) / shape**0.5
    values = random.standard_normal(count)
    for place in range(1, count) if correlation else ():
        values[place] = correlation * values[place - 1] + (1 - correlation**2) ** 0.5 * values[place]
    return values


def working_days(count: int) -> list[datetime]:
    """Return mornings from Monday to Friday."""
    return [FIRST + timedelta(days=7 * (place // 5) + place % 5) for place in range(count)]


def every(days: float, count: int) -> list[datetime]:
    """Return times that many days apart."""
    return [FIRST + timedelta(days=days * place) for place in range(count)]


def series_of(
    values: Sequence[float] | Floats,
    times: Sequence[datetime],
    uncertainty: float | None = None,
    floor: float | None = None,
) -> Series:
    """Return values as a series in percent."""
    made = tuple(
        Value(number, time, float(value), uncertainty, floor)
        for number, (time, value) in enumerate(zip(times, values, strict=True), 1)
    )
    return Series("NM-1", "intevo", "test", 1, None, "metric", "", "%", "", made)


def weakening(random: np.random.Generator, depths: Floats, cells: int = 700, weak: int = 12) -> Floats:
    """Return integral uniformities, in percent, of fields of independent cells of 0.5 % noise.

    The same cells grow weaker by so many percent each.
    """
    fields = 0.5 * random.standard_normal((depths.size, cells))
    fields[:, :weak] -= depths[:, None]
    high, low = fields.max(axis=1), fields.min(axis=1)
    return 100 * (high - low) / (200 + high + low)


def structural(
    random: np.random.Generator, depths: Floats, floor: float = 0.25, noise_of: float = 0.03
) -> Floats:
    """Return root sums of squares of a floor and a growing part, with noise."""
    return np.sqrt(floor**2 + depths**2) + noise_of * random.standard_normal(depths.size)
