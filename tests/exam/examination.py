"""What the exam has to know of a row of the catalogue."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nmqc.model import Acquisition, EnergyWindow, Measurement, Result, Scan
from tests.exam.acquisitions import input_of
from tests.exam.unusable import IMAGES

Made: TypeAlias = Acquisition | Scan
Key = tuple[str, str]
Expected = Mapping[Key, float]
#: how far all values, or each of them, may be off
Within = float | Mapping[Key, float]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object as drawn, the options that go with it, and how many times it is acquired in one place."""

    phantom: Any
    options: Mapping[str, Any] = field(default_factory=dict)
    times: int = 1


class Examination(ABC):
    """What the exam has to know of one row of the catalogue.

    Here for tests of acquisitions, which are made of frames; `VolumeExamination` says the same of volumes.

    Attributes
    ----------
    test : the name of the row
    quick : options that spare replicates where nothing is learnt from them
    noisy : options for a few replicates
    draws : how many objects are drawn for it
    sweeps : how many objects are drawn whose defect grows from none to total
    place_mm : how far places in the answer to an image in a mirror may be off: rounding
    irregular : metrics that do not scatter as they say where there is nothing but noise
    swapped : parts of names and variants that change places when the image is mirrored at its diagonal
    unusable : what it is, and what makes it of an array: input in which there is nothing to measure
    """

    test: str
    quick: ClassVar[Mapping[str, Any]] = {}
    noisy: ClassVar[Mapping[str, Any]] = {}
    draws: ClassVar[int] = 20
    sweeps: ClassVar[int] = 3
    place_mm: ClassVar[float] = 1e-6
    irregular: ClassVar[frozenset[str]] = frozenset()
    swapped: ClassVar[Mapping[str, str]] = {
        "x": "y",
        "y": "x",
        "centre_x": "centre_y",
        "centre_y": "centre_x",
    }
    unusable: ClassVar[Mapping[str, Callable[[NDArray[Any]], NDArray[Any]]]] = IMAGES

    @abstractmethod
    def draw(self, random: np.random.Generator) -> Candidate:
        """Return an object with a defect, off centre, on pixels that are not square."""

    def nth(self, number: int, random: np.random.Generator) -> Candidate:
        """Return the object that is drawn as the nth, from 0: any that can be drawn."""
        return self.draw(random)

    @abstractmethod
    def on_other_pixels(self, candidate: Candidate, random: np.random.Generator) -> Candidate:
        """Return the same object, in the same millimetres, on other pixels."""

    @abstractmethod
    def acquire(self, candidate: Candidate, seed: int | None = None) -> Made:
        """Return the object without noise, or with noise of a seed: Poisson noise where there are counts."""

    @abstractmethod
    def lengths(self, candidate: Candidate, result: Result) -> Iterator[tuple[str, float, float, float]]:
        """Yield what a result says in mm or degrees: what, found, true, and how far the two may be apart."""

    @abstractmethod
    def sweep(self, random: np.random.Generator) -> Iterator[tuple[Candidate, Expected, Within]]:
        """Yield an object with its defect from none to total, the closed forms, and their tolerance."""

    @abstractmethod
    def noise(self, random: np.random.Generator) -> Candidate:
        """Return an object with nothing but noise of a known size."""

    @abstractmethod
    def predicted(self, candidate: Candidate, result: Result) -> Mapping[Key, tuple[float, float]]:
        """Return the mean and the standard deviation of metrics over acquisitions of such an object."""

    def arrays(self, made: Any) -> tuple[NDArray[Any], ...]:
        """Return what was acquired."""
        return tuple(frame.counts for frame in made.frames)

    def spacings_mm(self, made: Any) -> tuple[tuple[float, ...], ...]:
        """Return the spacing of each array along its axes."""
        return tuple(frame.spacing_mm for frame in made.frames)

    def parts(self, made: Any) -> list[tuple[str, EnergyWindow | None, int | None]]:
        """Return file, energy window and detector of all that is refused by itself."""
        return [(frame.input.file, frame.energy_window, frame.detector) for frame in made.frames]

    def with_arrays(self, made: Any, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Made:
        """Return the same with each array changed, as from other files of the same names."""
        frames = []
        for frame in made.frames:
            counts = change(frame.counts)
            frames.append(replace(frame, counts=counts, input=input_of(counts, frame.input.file)))
        return replace(made, frames=tuple(frames))

    def emptied(self, made: Any) -> Made:
        """Return the same without any image."""
        return replace(made, frames=())

    def in_mirror(self, made: Any) -> Made:
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

    def when_doubled(self, m: Measurement) -> float:
        """Return what a value is multiplied by when the input is doubled: counts are, and nothing else."""
        return 2.0 if m.metric.unit == "counts" else 1.0

    def steadiness(self, key: Key) -> Mapping[str, float]:
        """Return by how much a value without noise may be off that when the input is doubled, but for rounding."""
        return {"rel": 1e-9, "abs": 1e-9}

    def by_noise(self, m: Measurement) -> float | None:
        """Return how far a value says that it scatters between acquisitions; None where it does not say."""
        return m.uncertainty_parts.get("counting")


def between(random: np.random.Generator, low: float, high: float) -> float:
    return float(random.uniform(low, high))
