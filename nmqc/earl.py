"""The bands of EARL as limits: they judge recovery where a person asks for it, and nobody else."""

from __future__ import annotations

from nmqc.limits import Conditions, Limit, LimitSet
from nmqc.pet.bands import BUILT_IN, judging, load_bands


def earl_limits(standard: int) -> LimitSet:
    """Return the limits of EARL's standard 1 or 2: of each sphere, and each coefficient that has a judging band."""
    entries = [
        Limit(band.metric, of, limits, Conditions(), "built-in", BUILT_IN.name, 0)
        for band in judging(load_bands(), standard)
        for of, limits in band.limits().items()
    ]
    return LimitSet(tuple(entries))
