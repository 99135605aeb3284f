"""Which voxels tell a sphere, its background, and the noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.model import Volume
from nmqc.pet.coarse import axes_of
from nmqc.pet.correlation import Noise
from nmqc.pet.phantom import IecPhantom, LungAxis, Sphere
from nmqc.pet.sphere import Floats

LUNG_MM = 25.5 + 10.0  # about the axis of the lung insert: its surface, and its blur
SHELL_MM = 5.0  # thickness of the shell that tells the background of a small sphere
QUIET_MM = 12.0  # from what borders on the background to the voxels that tell its noise
ABOUT_PLANE_MM = 40.0
FEWEST = 100
MEDIAN_VARIANCE = 1.3  # of a median, over that of a mean


def near_lung(lung: LungAxis | None, x_mm: Floats, y_mm: Floats, z_mm: Floats) -> NDArray[np.bool_]:
    """Say which places lie so near to the lung insert that its blur reaches them; the arguments broadcast."""
    shape = np.broadcast_shapes(x_mm.shape, y_mm.shape, z_mm.shape)
    if lung is None:
        return np.zeros(shape, bool)
    off_x = x_mm - (lung.x_mm + lung.x_slope * z_mm)
    off_y = y_mm - (lung.y_mm + lung.y_slope * z_mm)
    return np.asarray(np.hypot(off_x, off_y) < LUNG_MM)


def quiet_background(volume: Volume, phantom: IecPhantom) -> NDArray[np.bool_]:
    """Return the voxels that show background alone, shape (slices, rows, columns).

    In the body, 12 mm from its wall, 15 mm from the spheres, 10 mm from the lung insert, within 40 mm of the plane of
    the spheres and 12 mm from the body's ends.

    Raises
    ------
    CannotMeasure
        ``no_background``.
    """
    z, y, x = (axis.centres_mm for axis in axes_of(volume))
    z, y = z[:, None, None], y[:, None]
    ends = phantom.first_z_mm + QUIET_MM, phantom.last_z_mm - QUIET_MM
    near = (np.abs(z - phantom.ring.z_mm) <= ABOUT_PLANE_MM) & (z >= ends[0]) & (z <= ends[1])
    slices = np.flatnonzero(near.ravel())
    quiet = np.zeros(volume.values.shape, bool)
    part = slice(slices[0], slices[-1] + 1) if slices.size else slice(0)
    kept = phantom.body[part] & ~near_lung(phantom.lung, x, y, z[part])
    for row, column in _around(volume.spacing_mm):
        kept &= np.roll(phantom.body[part], (row, column), axis=(1, 2))
    for sphere in phantom.spheres:
        far = sphere.diameter_mm / 2 + 15.0
        kept &= _squared(sphere, x, y, z[part]) > far**2
    quiet[part] = kept
    if int(kept.sum()) < FEWEST:
        raise CannotMeasure(
            "no_background",
            "there is too little background between spheres, lung insert and wall to tell the noise: scan with the "
            "whole phantom in the field",
        )
    return quiet


def shell_median(
    volume: Volume, phantom: IecPhantom, sphere: Sphere, inner_mm: float, noise: Noise
) -> tuple[float, float]:
    """Return the median of a shell 5 mm thick about a sphere, without the lung insert, and its standard deviation.

    The variance is 1.3 times that of the shell's mean: the factor is pi / 2 for white noise, and 1 for noise that is
    the same all over the shell.

    Raises
    ------
    CannotMeasure
        ``no_background``.
    """
    outer = inner_mm + SHELL_MM
    places = [axis.centres_mm for axis in axes_of(volume)]
    middles = sphere.z_mm, sphere.y_mm, sphere.x_mm
    near = [
        np.flatnonzero(np.abs(one - middle) <= outer) for one, middle in zip(places, middles, strict=True)
    ]
    z, y, x = (one[kept] for one, kept in zip(places, near, strict=True))
    z, y = z[:, None, None], y[:, None]
    squared = _squared(sphere, x, y, z)
    shell = (squared > inner_mm**2) & (squared <= outer**2) & ~near_lung(phantom.lung, x, y, z)
    if int(shell.sum()) < FEWEST:
        raise CannotMeasure("no_background", "too few voxels lie about the sphere to tell its background")
    variance = MEDIAN_VARIANCE * noise.variance(shell / shell.sum())
    return float(np.median(volume.values[np.ix_(*near)][shell])), variance**0.5


def _squared(sphere: Sphere, x_mm: Floats, y_mm: Floats, z_mm: Floats) -> Floats:
    return np.asarray((x_mm - sphere.x_mm) ** 2 + (y_mm - sphere.y_mm) ** 2 + (z_mm - sphere.z_mm) ** 2)


def _around(spacing_mm: tuple[float, float, float]) -> Iterator[tuple[int, int]]:
    """Yield the shifts, rows and columns, by 12 mm in eight directions."""
    for angle in np.arange(8) * np.pi / 4:
        yield (
            round(QUIET_MM * float(np.sin(angle)) / spacing_mm[1]),
            round(QUIET_MM * float(np.cos(angle)) / spacing_mm[2]),
        )
