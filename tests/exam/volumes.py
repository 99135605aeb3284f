"""What the exam has to know of tests that take PET scans."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nmqc.model import EnergyWindow, Measurement, Scan
from nmqc.validate.volumes import inputs_of, volume, voxels
from phantoms.pet_volume import PetPhantom
from tests.exam.examination import Candidate, Examination, Made
from tests.exam.unusable import VOLUMES

__all__ = ["GIVEN", "VolumeExamination", "inputs_of", "scan", "volume", "voxels"]

#: parts of an uncertainty that are of what was given, not of what was acquired
GIVEN = frozenset({"fill"})


def scan(phantom: PetPhantom, seed: int | None = None, times: int = 1) -> Scan:
    """A phantom as it is scanned once, or several times in one place: a series each."""
    clean = voxels(phantom)
    volumes = []
    for time in range(times):
        values = clean if seed is None else phantom.with_noise(clean, 100 * seed + time)
        one = volume(phantom, values)
        names = [f"{time + 1}-{each.file}" for each in one.source.inputs]
        source = replace(one.source, inputs=inputs_of(values, names))
        volumes.append(replace(one, source=source, series=f"{time + 1:08x}"))
    return Scan(tuple(volumes), "iec")


class VolumeExamination(Examination):
    """What the exam has to know of a test that takes PET scans.

    Attributes
    ----------
    doubled : metrics that are in the unit of the image, or such a value over one that was given
    """

    unusable: ClassVar[Mapping[str, Callable[[NDArray[Any]], NDArray[Any]]]] = VOLUMES
    sweeps: ClassVar[int] = 1
    swapped: ClassVar[Mapping[str, str]] = {"sphere_x": "sphere_y", "sphere_y": "sphere_x"}
    doubled: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def pixelled(self, phantom: Any, random: np.random.Generator) -> Any:
        """Return the phantom in another matrix of other voxels."""

    def acquire(self, candidate: Candidate, seed: int | None = None) -> Scan:
        return scan(candidate.phantom, seed, candidate.times)

    def on_other_pixels(self, candidate: Candidate, random: np.random.Generator) -> Candidate:
        return replace(candidate, phantom=self.pixelled(candidate.phantom, random))

    def arrays(self, made: Any) -> tuple[NDArray[Any], ...]:
        return tuple(one.values for one in made.volumes)

    def spacings_mm(self, made: Any) -> tuple[tuple[float, ...], ...]:
        return tuple(one.spacing_mm for one in made.volumes)

    def parts(self, made: Any) -> list[tuple[str, EnergyWindow | None, int | None]]:
        """Return the scan: replicates are refused together."""
        return [(made.name, None, None)]

    def with_arrays(self, made: Any, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Made:
        volumes = []
        for one in made.volumes:
            values = change(one.values)
            inputs = inputs_of(values, [each.file for each in one.source.inputs])
            volumes.append(replace(one, values=values, source=replace(one.source, inputs=inputs)))
        return replace(made, volumes=tuple(volumes))

    def emptied(self, made: Any) -> Made:
        return replace(made, volumes=())

    def in_mirror(self, made: Any) -> Made:
        """Return the scan with rows as columns: x and y change places, and every turn its sense."""
        volumes = []
        for one in made.volumes:
            values = np.ascontiguousarray(one.values.transpose(0, 2, 1))
            step, down, along = one.spacing_mm
            x, y, z = one.origin_mm
            inputs = inputs_of(values, [each.file for each in one.source.inputs])
            volumes.append(
                replace(
                    one,
                    values=values,
                    spacing_mm=(step, along, down),
                    origin_mm=(y, x, z),
                    source=replace(one.source, inputs=inputs),
                )
            )
        return replace(made, volumes=tuple(volumes))

    def when_doubled(self, m: Measurement) -> float:
        return 2.0 if m.metric.name in self.doubled else 1.0

    def by_noise(self, m: Measurement) -> float | None:
        """Return the quadrature sum of all parts but those of what was given."""
        parts = [part for name, part in m.uncertainty_parts.items() if name not in GIVEN]
        return math.hypot(*parts) if parts else None
