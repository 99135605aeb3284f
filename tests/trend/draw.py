"""Series of known values for the tests of trends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from nmqc.trend.points import Series, Value

FIRST = datetime(2026, 1, 5, 7, 30)


def series(values: Sequence[float] | np.ndarray, days: float = 1.0, **of_each: Any) -> Series:
    """Return values that many days apart, numbered from 101; `of_each` are further attributes of all of them."""
    made = tuple(
        Value(101 + place, FIRST + timedelta(days=days * place), float(value), **of_each)
        for place, value in enumerate(values)
    )
    return holding(made)


def holding(values: Sequence[Value]) -> Series:
    return Series("NM-1", "intevo", "t", 2, "Tc", "m", "", "%", "", tuple(values))


def day(place: int) -> datetime:
    """Return the time of a value of `series` that are a day apart."""
    return FIRST + timedelta(days=place)


def swinging(count: int, size: float = 1.0, centre: float = 10.0) -> list[float]:
    """Return centre - size and centre + size in turn: standard deviation size sqrt(n / (n - 1))."""
    return [centre + (size if place % 2 else -size) for place in range(count)]
