"""What the exam has to know of a row of the catalogue."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from nmqc.model import Acquisition, Measurement, Result

Key = tuple[str, str]
Expected = Mapping[Key, float]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object as drawn, and the options that go with it."""

    phantom: Any
    options: Mapping[str, Any] = field(default_factory=dict)


class Examination(ABC):
    """What the exam has to know of one row of the catalogue.

    Attributes
    ----------
    test : the name of the row
    quick : options that spare replicates where nothing is learnt from them
    noisy : options for a few replicates
    draws : how many objects are drawn for it
    place_mm : how far places in the answer to an image in a mirror may be off: rounding
    irregular : metrics that do not scatter as they say where there is nothing but noise
    swapped : parts of names and variants that change places when the image is mirrored at its diagonal
    """

    test: str
    quick: ClassVar[Mapping[str, Any]] = {}
    noisy: ClassVar[Mapping[str, Any]] = {}
    draws: ClassVar[int] = 20
    place_mm: ClassVar[float] = 1e-6
    irregular: ClassVar[frozenset[str]] = frozenset()
    swapped: ClassVar[Mapping[str, str]] = {
        "x": "y",
        "y": "x",
        "centre_x": "centre_y",
        "centre_y": "centre_x",
    }

    @abstractmethod
    def draw(self, random: np.random.Generator) -> Candidate:
        """Return an object with a defect, off centre, on pixels that are not square."""

    @abstractmethod
    def on_other_pixels(self, candidate: Candidate, random: np.random.Generator) -> Candidate:
        """Return the same object, in the same millimetres, on other pixels."""

    @abstractmethod
    def acquire(self, candidate: Candidate, seed: int | None = None) -> Acquisition:
        """Return the object without noise, or with Poisson noise of a seed."""

    @abstractmethod
    def lengths(self, candidate: Candidate, result: Result) -> Iterator[tuple[str, float, float, float]]:
        """Yield what a result says in mm or degrees: what, found, true, and how far the two may be apart."""

    @abstractmethod
    def sweep(self, random: np.random.Generator) -> Iterator[tuple[Candidate, Expected, float]]:
        """Yield an object with its defect from none to total, the closed forms, and their tolerance."""

    @abstractmethod
    def noise(self, random: np.random.Generator) -> Candidate:
        """Return an object with nothing but noise of a known size."""

    @abstractmethod
    def predicted(self, candidate: Candidate, result: Result) -> Mapping[Key, tuple[float, float]]:
        """Return the mean and the standard deviation of metrics over acquisitions of such an object."""

    def in_mirror(self, made: Acquisition) -> Acquisition:
        """Return what a camera in a mirror acquires: images mirrored at their diagonal, rows as columns.

        A test whose images have an axis takes a mirror that keeps it.
        """
        frames = tuple(
            replace(frame, counts=np.ascontiguousarray(frame.counts.T), spacing_mm=frame.spacing_mm[::-1])
            for frame in made.frames
        )
        return replace(made, frames=frames)

    def mirrored(self, key: Key, m: Measurement, others: Mapping[Key, Measurement]) -> tuple[Key, float]:
        """Return what takes the place of a measurement in the mirror, where the measurements are `others`."""
        name = ".".join(self.swapped.get(part, part) for part in key[0].split("."))
        return (name, self.swapped.get(key[1], key[1])), m.value

    def declared(self, result: Result, metrics: frozenset[str]) -> frozenset[str]:
        """Return which of the row's metrics a result delivers or says to be absent: all of them."""
        return metrics

    def symmetry(self, key: Key) -> float:
        """Return how far the answer in the mirror may be off, as a part of it: rounding."""
        return 1e-6

    def steadiness(self, key: Key) -> Mapping[str, float]:
        """Return by how much a value without noise may change, but for rounding, when the counts are doubled."""
        return {"rel": 1e-9, "abs": 1e-9}


def between(random: np.random.Generator, low: float, high: float) -> float:
    return float(random.uniform(low, high))
