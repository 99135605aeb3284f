"""The mean over a circle in every sphere of the IEC phantom, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nmqc.errors import CannotMeasure
from nmqc.measure.discs import disc_mean
from nmqc.measure.frames import Findings
from nmqc.model import Volume
from nmqc.pet.background import nearest_slice, plane_mm, slice_mm
from nmqc.pet.coarse import axes_of
from nmqc.pet.parts import known
from nmqc.pet.phantom import IecPhantom, Sphere
from nmqc.pet.placed import Region
from nmqc.pet.scatter import Scatter, require_finite
from nmqc.pet.truth import sphere_name


def measure_regions(
    volume: Volume, phantom: IecPhantom, scatter: Scatter, own: bool, findings: Findings
) -> tuple[Region | None, ...]:
    """Measure every sphere, or say why not."""
    common = nearest_slice(volume, plane_mm(phantom))
    regions: list[Region | None] = []
    for index, sphere in enumerate(phantom.spheres):
        chosen = nearest_slice(volume, sphere.z_mm) if own else common
        try:
            regions.append(_region(volume, index, sphere, chosen, scatter))
        except CannotMeasure as reason:
            regions.append(None)
            findings.absent(["sphere_to_background"], sphere_name(index), reason.code, reason.reason)
    return tuple(regions)


def _region(volume: Volume, index: int, sphere: Sphere, chosen: int, scatter: Scatter) -> Region:
    """Measure the circle of one sphere."""
    if not 0 <= chosen < volume.values.shape[0]:
        raise CannotMeasure(
            "spheres_cut", "the plane of the spheres lies outside the volume: move the phantom into the field"
        )
    _, rows, columns = axes_of(volume)
    image, radius_mm = volume.values[chosen], sphere.diameter_mm / 2

    def mean_at(right_mm: float, down_mm: float) -> float:
        return disc_mean(image, rows, columns, (sphere.x_mm + right_mm, sphere.y_mm + down_mm), radius_mm)

    mean, deviation = mean_at(0.0, 0.0), scatter.deviation(index)
    require_finite(np.array([mean]))
    parts = {
        "counting": deviation * scatter.gain(mean),
        "localisation": _localisation(mean_at, mean, sphere.sigma_mm),
    }
    return Region(
        slice=chosen,
        off_plane_mm=slice_mm(volume, chosen) - sphere.z_mm,
        mean=mean,
        parts=known(parts),
        background=scatter.background(index),
        background_error=scatter.background_error(index),
        deviation=deviation,
    )


def _localisation(mean_at: Callable[[float, float], float], mean: float, sigma_mm: float) -> float:
    """Return the root mean square change of a mean when its centre is off by sigma along x and along y.

    By slope g and curvature c in either direction: the mean of (g d + c d^2 / 2)^2 over normal d. At a sphere's
    centre the slope vanishes and the curvature alone is left.
    """
    if sigma_mm <= 0:
        return 0.0
    slopes, curves = [], []
    for right, down in ((sigma_mm, 0.0), (0.0, sigma_mm)):
        ahead, behind = mean_at(right, down) - mean, mean_at(-right, -down) - mean
        slopes.append((ahead - behind) / 2)
        curves.append((ahead + behind) / 2)
    square = sum(slope**2 for slope in slopes) + 2 * sum(curve**2 for curve in curves) + sum(curves) ** 2
    return math.sqrt(square)
