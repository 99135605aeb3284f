"""PET scans made from phantoms without a file between, and what the exam has to know of tests that take them."""

from __future__ import annotations

import hashlib
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nmqc.model import EnergyWindow, InputFile, Measurement, Scan, Source, System, Tracer, Volume
from phantoms.pet_scan import ISOTOPES, PET_SYSTEMS
from phantoms.pet_volume import PetPhantom
from tests.exam.examination import Candidate, Examination, Made
from tests.exam.unusable import VOLUMES

#: parts of an uncertainty that are of what was given, not of what was acquired
GIVEN = frozenset({"fill"})
TRACER = Tracer(
    radionuclide="F-18",
    half_life_s=ISOTOPES["F-18"].half_life_s,
    activity_bq=61.3e6,
    measured="2026-01-05T08:43:07",
    weight_g=9700.0,
    reference="2026-01-05T09:41:07",
    reference_from="series",
    decay_correction="START",
)


@lru_cache(maxsize=24)  # more than are drawn once for all tests
def voxels(phantom: PetPhantom) -> NDArray[np.float64]:
    """Return the values without noise: the phantom's own, kept for the next scan of it."""
    return phantom.voxels()


def scan(phantom: PetPhantom, seed: int | None = None, times: int = 1) -> Scan:
    """Return a phantom as it is scanned once, or several times in one place.

    Without a seed there is no noise. Values are float32, as the reader gives them.
    """
    clean = voxels(phantom)
    each = [clean if seed is None else phantom.with_noise(clean, 100 * seed + time) for time in range(times)]
    return Scan(tuple(volume(phantom, values, time) for time, values in enumerate(each)), "iec")


def volume(phantom: PetPhantom, values: NDArray[Any], time: int = 0) -> Volume:
    """Return values as the volume of a series of one file for each slice."""
    profile = PET_SYSTEMS["vereos"]
    source = Source(
        inputs=inputs_of(values, [f"{time + 1}-{number + 1:03}.dcm" for number in range(len(values))]),
        system=System(profile.name, "12345678", profile.manufacturer, profile.model),
        acquired="2026-01-05T09:41:07",
        acquired_from="AcquisitionDateTime",
        radionuclide=TRACER.radionuclide,
        synthetic=True,
    )
    step, down, along = phantom.voxel_mm
    slices, rows, columns = phantom.shape
    return Volume(
        source=source,
        values=np.asarray(values, np.float32),
        spacing_mm=phantom.voxel_mm,
        unit="Bq/mL",
        quantitative=True,
        tracer=TRACER,
        series=f"{time + 1:08x}",
        directions=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
        origin_mm=((1 - columns) / 2 * along, (1 - rows) / 2 * down, (1 - slices) / 2 * step),
        duration_s=300.0,
        reconstruction=profile.reconstruction,
        corrections=profile.corrections[0],
    )


def inputs_of(values: NDArray[Any], names: list[str]) -> tuple[InputFile, ...]:
    """Return files that hold a slice each; a file beyond the last slice holds none."""
    files = []
    for number, name in enumerate(names):
        digest = hashlib.sha256(np.ascontiguousarray(values[number : number + 1]).tobytes()).hexdigest()
        unique = hashlib.sha256(f"{name} {digest}".encode()).hexdigest()
        files.append(InputFile(name, digest, digest, f"2.25.{int(unique[:24], 16)}"))
    return tuple(files)


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
