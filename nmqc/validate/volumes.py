"""PET scans made from phantoms without a file between."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.model import InputFile, Scan, Source, System, Tracer, Volume
from phantoms.pet_scan import ISOTOPES, PET_SYSTEMS
from phantoms.pet_volume import PetPhantom

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


def scan(phantom: PetPhantom, seed: int | None = None) -> Scan:
    """Return a phantom as it is scanned once.

    Without a seed there is no noise. Values are float32, as the reader gives them.
    """
    clean = voxels(phantom)
    return Scan((volume(phantom, clean if seed is None else phantom.with_noise(clean, 100 * seed)),), "iec")


def volume(phantom: PetPhantom, values: NDArray[Any]) -> Volume:
    """Return values as the volume of a series of one file for each slice."""
    profile = PET_SYSTEMS["vereos"]
    source = Source(
        inputs=inputs_of(values, [f"{number + 1:03}.dcm" for number in range(len(values))]),
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
        series="00000001",
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
