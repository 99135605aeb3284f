"""PET phantoms for the validation: how voxels become a volume, what nmqc says of it, and regions by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.measure.frames import Findings
from nmqc.model import InputFile, Measurement, Source, System, Tracer, Volume
from nmqc.pet.fit import SphereFits, fit_spheres
from nmqc.pet.metrics import IMAGE_QUALITY_METRICS, RECOVERY_METRICS
from nmqc.pet.nema import Placed, image_quality
from nmqc.pet.options import Options
from nmqc.pet.phantom import Hints, IecPhantom, find_phantom
from nmqc.pet.recovery import Recovery, recovery
from nmqc.pet.truth import Truth, given
from phantoms.pet import HOT, IecBody
from phantoms.pet_volume import PetPhantom

Floats = NDArray[np.float64]

SPHERES = tuple(f"{diameter} mm" for diameter in (10, 13, 17, 22, 28, 37))
_SOURCE = Source(
    (InputFile("phantom.dcm", "0" * 64),), System("vereos", "none", "PHILIPS", "Vereos"), None, None
)
_LINES = 96  # across a pixel, each with its exact chord


def volume(phantom: PetPhantom, values: NDArray[Any]) -> Volume:
    """Return voxels as a volume in Bq/mL, in the precision that a series of files has."""
    directions = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    held = np.asarray(values, np.float32)
    return Volume(
        _SOURCE, held, phantom.voxel_mm, "Bq/mL", True, Tracer(), "0" * 8, directions, (0.0, 0.0, 0.0)
    )


def truth_of(body: IecBody) -> Truth:
    """Return what a person would state of the fill: both concentrations, exactly."""
    hot = [bqml for bqml, state in zip(body.concentrations_bqml(), body.states, strict=True) if state == HOT]
    return given(sphere_bqml=hot[0], background_bqml=body.background_bqml)


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What nmqc says of a volume.

    Attributes
    ----------
    values : (short name, `of`) -> measurement, of image quality and recovery
    absent : (short name, `of`, code) of what was not measured
    fits : None where no fit was asked for
    """

    found: IecPhantom
    placed: Placed | None
    recovered: Recovery | None
    values: dict[tuple[str, str], Measurement]
    absent: tuple[tuple[str, str, str], ...]
    fits: SphereFits | None

    def value(self, name: str, of: str = "") -> float:
        """Return one value by its short name: "contrast_hot"."""
        return self.values[name, of].value


def looked_at(scan: Volume, truth: Truth, options: Options | None = None, *, fit: bool = False) -> Looked:
    """Return everything that nmqc measures on a volume; the phantom is found without a hint.

    Raises
    ------
    CannotMeasure
        If the phantom is not found.
    """
    asked = options or Options()
    found = find_phantom(scan, Hints())
    quality, recovering = Findings(IMAGE_QUALITY_METRICS), Findings(RECOVERY_METRICS)
    placed = image_quality(scan, found, truth, asked, quality)
    recovered = None if placed is None else recovery(scan, found, truth, asked, recovering, placed)
    return Looked(
        found=found,
        placed=placed,
        recovered=recovered,
        values=_by_name([*quality.measurements, *recovering.measurements]),
        absent=tuple(
            (one.name.removeprefix("pet."), one.of, one.code)
            for one in (*quality.not_measured, *recovering.not_measured)
        ),
        fits=fit_spheres(scan, found) if fit else None,
    )


def _by_name(measurements: Iterable[Measurement]) -> dict[tuple[str, str], Measurement]:
    return {(one.metric.name.removeprefix("pet."), one.of): one for one in measurements}


def places_mm(found: IecPhantom) -> Floats:
    """Return x, y, z of the six spheres, shape (6, 3)."""
    return np.array([(one.x_mm, one.y_mm, one.z_mm) for one in found.spheres])


def sigmas_mm(found: IecPhantom) -> Floats:
    """Return the standard deviation of each sphere along any axis, shape (6,)."""
    return np.array([one.sigma_mm for one in found.spheres])


def disc_weights(phantom: PetPhantom, centre_mm: tuple[float, float], radius_mm: float) -> Floats:
    """Return the part of every pixel of a slice that a disc covers, shape of the matrix.

    By lines across each pixel, each with its exact chord: to 1e-5 of a disc. It shares nothing with nmqc.

    Parameters
    ----------
    centre_mm : (x, y) from the centre of the volume
    """
    _, y_edges, x_edges = phantom.edges_mm()
    weights = np.zeros(phantom.matrix)
    touched = (x_edges[1:] > centre_mm[0] - radius_mm) & (x_edges[:-1] < centre_mm[0] + radius_mm)
    first = x_edges[:-1][touched]
    step = phantom.voxel_mm[2]
    at = first[:, None] + (np.arange(_LINES) + 0.5) / _LINES * step - centre_mm[0]
    half = np.sqrt(np.maximum(radius_mm**2 - at**2, 0.0))[..., None]
    covered = np.diff(np.clip(y_edges - centre_mm[1], -half, half), axis=-1).mean(axis=1)
    weights[:, touched] = covered.T / phantom.voxel_mm[1]
    return weights


def disc_mean(image: Floats, weights: Floats) -> float:
    """Return the mean of an image over a disc by its weights."""
    return float((image * weights).sum() / weights.sum())
