"""The families of all tests, and the pieces of work that a grid is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nmqc.validate.bar_phantoms import BarPhantoms
from nmqc.validate.case import Case, Family, Level
from nmqc.validate.floods import Floods
from nmqc.validate.line_sources import LineSources
from nmqc.validate.orbits import Orbits
from nmqc.validate.pet_scans import Cylinders, ImageQuality, Recovery, Resolution
from nmqc.validate.slit_masks import SlitMasks

FAMILIES: tuple[Family, ...] = (
    LineSources(),
    SlitMasks(),
    BarPhantoms(),
    Floods(),
    Orbits(),
    ImageQuality(),
    Recovery(),
    Resolution(),
    Cylinders(),
)
#: acquisitions with noise in one piece of work: some seconds of it
TOGETHER = 5


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A case, and the seeds of its noise; None: without noise."""

    case: Case
    seeds: tuple[int | None, ...]


def family_of(test: str) -> Family:
    """Return the family of a test."""
    return next(family for family in FAMILIES if family.test == test)


def pieces(level: Level) -> Iterator[Piece]:
    """Yield all that there is to do, always in the same order, with the same seeds."""
    for family in FAMILIES:
        for case in family.cases(level):
            if case.acquisitions == 0:
                yield Piece(case, (None,))
            for first in range(1, case.acquisitions + 1, TOGETHER):
                seeds = range(first, min(first + TOGETHER, case.acquisitions + 1))
                yield Piece(case, tuple(seeds))
