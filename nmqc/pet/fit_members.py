"""The spheres of a fit: their voxels, where they start, within what bounds, and what they share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nmqc.measure.gaussian import FWHM_PER_SIGMA
from nmqc.model import Volume
from nmqc.pet.correlation import Noise, noise_of
from nmqc.pet.fit_regions import near_lung, quiet_background, shell_median
from nmqc.pet.fits import FitOptions
from nmqc.pet.least_squares import Fitted, Member
from nmqc.pet.phantom import IecPhantom, Sphere
from nmqc.pet.sphere import Floats
from nmqc.pet.sphere_image import BACKGROUND, LOG_ACROSS, PARAMETERS, SIGNAL, Window, image, window

FWHM_START_MM, FWHM_BOUNDS_MM = 6.0, (1.0, 20.0)
WANDERS_MM = 8.0  # of a centre, from where it was found
LEAST_NOISE = 1e-7  # of the largest value: that of rounding


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What the fits share. Values are divided by `scale`; `variance` is that of a voxel of the background."""

    volume: Volume
    phantom: IecPhantom
    options: FitOptions
    noise: Noise
    scale: float
    variance: float


def scene_of(volume: Volume, phantom: IecPhantom, options: FitOptions) -> Scene:
    """Return what the fits of a volume share.

    Raises
    ------
    CannotMeasure
        ``no_background``.
    """
    noise = noise_of(volume.values, quiet_background(volume, phantom), volume.spacing_mm)
    scale = float(np.abs(volume.values).max()) or 1.0
    return Scene(volume, phantom, options, noise, scale, max(noise.sd / scale, LEAST_NOISE) ** 2)


def member_of(scene: Scene, sphere: Sphere) -> Member:
    """Return a sphere with its voxels and where to start."""
    options, radius_mm = scene.options, sphere.diameter_mm / 2
    around = _window(scene, sphere)
    inner_mm = radius_mm + options.reach_mm
    level, level_sigma = shell_median(scene.volume, scene.phantom, sphere, inner_mm, scene.noise)
    free = sphere.diameter_mm >= options.free_background_from_mm
    columns = np.array([0, 1, 2, 3, 6 if free else -1, 4, 5])
    sigma = math.log(FWHM_START_MM / FWHM_PER_SIGMA)
    start = np.array([sphere.x_mm, sphere.y_mm, sphere.z_mm, 0.0, level / scene.scale, sigma, sigma])
    _, slopes = image(around, start)
    shape, left = slopes[SIGNAL], around.values - start[BACKGROUND] * slopes[BACKGROUND]
    start[SIGNAL] = float((left * shape * around.used).sum() / (shape**2 * around.used).sum())
    return Member(around, start, columns, 0.0 if free else (level_sigma / scene.scale) ** 2)


def _window(scene: Scene, sphere: Sphere) -> Window:
    """Return the voxels about a sphere, without those that the lung insert reaches."""
    options = scene.options
    around = window(
        scene.volume,
        (sphere.x_mm, sphere.y_mm, sphere.z_mm),
        sphere.diameter_mm / 2,
        reach_mm=options.reach_mm,
        wall_mm=options.wall_mm,
        voxels=options.voxels,
    )
    lung = near_lung(scene.phantom.lung, around.x_mm[:, None], around.y_mm[:, None], around.z_mm)
    return replace(around, values=around.values / scene.scale, used=around.used & ~lung)


def bounds_of(members: Sequence[Member], hot: bool) -> list[tuple[Floats, Floats]]:
    """Return the lowest and the highest values of each sphere's seven parameters."""
    sigma = [math.log(fwhm / FWHM_PER_SIGMA) for fwhm in FWHM_BOUNDS_MM]
    below, above = (np.array([side * WANDERS_MM] * 3 + [side * np.inf] * 2 + [0.0] * 2) for side in (-1, 1))
    bounds = []
    for one in members:
        low, high = one.start + below, one.start + above
        low[LOG_ACROSS:], high[LOG_ACROSS:] = sigma
        low[SIGNAL] = 0.0 if hot else -np.inf
        bounds.append((low, high))
    return bounds


def joined(alone: Sequence[Fitted], common_signal: bool) -> list[Member]:
    """Return the spheres with sigma across and along in common (parameters 0 and 1), and if asked the signal (2)."""
    members, used = [], 3 if common_signal else 2
    for one in alone:
        columns = np.full(PARAMETERS, -1)
        columns[LOG_ACROSS:] = 0, 1
        own = [number for number in range(BACKGROUND + 1) if one.member.columns[number] >= 0]
        if common_signal:
            columns[SIGNAL] = 2
            own.remove(SIGNAL)
        columns[own] = used + np.arange(len(own))
        used += len(own)
        members.append(replace(one.member, start=one.own, columns=columns))
    return members
