"""One blurred sphere in its background, as the voxels about it show it, and what each parameter does to them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.model import Volume
from nmqc.pet.anisotropic import across, along, shells
from nmqc.pet.sphere import Floats

Voxels = Literal["averaged", "sampled"]

X, Y, Z, SIGNAL, BACKGROUND, LOG_ACROSS, LOG_ALONG = range(7)
PARAMETERS = 7
_WIDENING = 1 / 12 - 240**-0.5
_STEPS_PER_SIGMA = 6
_SMALL_PRODUCT = 262_144  # multiplications up to which OpenBLAS stays on one thread


def widening_mm2(pitch_mm: float, voxels: Voxels) -> float:
    """Return the variance to add to the blur for the mean over a voxel: see `nodes_mm`; 0 for samples."""
    return _WIDENING * pitch_mm**2 if voxels == "averaged" else 0.0


def nodes_mm(pitch_mm: float, wider_mm2: float, voxels: Voxels) -> tuple[Floats, Floats]:
    """Return places in a voxel, and weights, that stand for the mean over its width w, with v added to the blur.

    Places -a, 0, a with weights p / 2, 1 - p, p / 2: p a^2 = w^2 / 12 - v = V and p a^4 = 3 V^2 - w^4 / 120. The
    variance and the fourth cumulant are those of the width: the mean of a polynomial up to the fifth degree is exact.
    For v = (1 / 12 - 1 / sqrt(240)) w^2 the middle has no weight, and is left out.
    """
    if voxels == "sampled":
        return np.zeros(1), np.ones(1)
    variance = pitch_mm**2 / 12 - wider_mm2
    square = 3 * variance - pitch_mm**4 / 120 / variance
    weight = variance / square
    places, weights = np.array([-1.0, 0.0, 1.0]) * square**0.5, np.array([weight / 2, 1 - weight, weight / 2])
    kept = weights > 1e-9
    return places[kept], weights[kept]


def axis_mm(count: int, spacing_mm: float) -> Floats:
    """Return the positions of voxels along one axis, from the centre of the volume."""
    return np.asarray((np.arange(count) - (count - 1) / 2) * spacing_mm, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The voxels about one sphere: lines of them along z, at places (x, y) within reach of its centre.

    Attributes
    ----------
    at : slices of the volume: (slices, rows, columns)
    lines : shape (rows, columns) of the box, True where a line goes through; there are n
    x_mm, y_mm : shape (n,)
    z_mm : shape (m,)
    values : shape (n, m)
    used : shape (n, m), True within reach of the centre in three dimensions
    radius_mm, wall_mm : of the sphere
    spacing_mm : of the volume
    voxels : whether the values are means over voxels, or samples at their centres
    """

    at: tuple[slice, slice, slice]
    lines: NDArray[np.bool_]
    x_mm: Floats
    y_mm: Floats
    z_mm: Floats
    values: Floats
    used: NDArray[np.bool_]
    radius_mm: float
    wall_mm: float
    spacing_mm: tuple[float, float, float]
    voxels: Voxels

    def block(self, lines: Floats) -> Floats:
        """Return arrays of shape (..., n, m) as boxes (..., slices, rows, columns), 0 where no line goes through."""
        box = np.zeros((*lines.shape[:-2], *self.lines.shape, lines.shape[-1]))
        box[..., self.lines, :] = lines
        return np.moveaxis(box, -1, -3)


def window(
    volume: Volume,
    centre_mm: tuple[float, float, float],
    radius_mm: float,
    *,
    reach_mm: float,
    wall_mm: float,
    voxels: Voxels,
) -> Window:
    """Return the voxels within reach of a sphere's surface.

    Raises
    ------
    CannotMeasure
        ``sphere_cut``, where the volume ends within reach.
    """
    far = radius_mm + reach_mm
    at, axes = [], []
    for count, spacing, middle in zip(volume.values.shape, volume.spacing_mm, centre_mm[::-1], strict=True):
        places = axis_mm(count, spacing)
        if places[0] > middle - far or places[-1] < middle + far:
            raise CannotMeasure(
                "sphere_cut",
                f"the volume ends within {reach_mm:g} mm of the sphere's surface: scan with the "
                "whole phantom in the field",
            )
        near = np.flatnonzero(np.abs(places - middle) <= far)
        at.append(slice(int(near[0]), int(near[-1]) + 1))
        axes.append(places[near])
    z, y, x = axes
    squared = (y[:, None] - centre_mm[1]) ** 2 + (x - centre_mm[0]) ** 2
    lines = squared <= far**2
    values = np.moveaxis(np.asarray(volume.values[tuple(at)], np.float64), 0, -1)[lines]
    used = squared[lines][:, None] + (z - centre_mm[2]) ** 2 <= far**2
    rows, columns = np.nonzero(lines)
    box = (at[0], at[1], at[2])
    return Window(
        box, lines, x[columns], y[rows], z, values, used, radius_mm, wall_mm, volume.spacing_mm, voxels
    )


def image(around: Window, at: Floats) -> tuple[Floats, Floats]:
    """Return what the voxels should show, and its slopes.

    S P(R) + B (1 - P(R + wall)), P a sphere of value 1 blurred by an axially symmetric Gaussian.

    Parameters
    ----------
    at : shape (7,): x, y, z of the centre (mm), signal, background, and the logarithms of sigma across and along

    Returns
    -------
    expected : shape (n, m)
    slopes : shape (7, n, m), with respect to the parameters

    Notes
    -----
    P is computed exactly at distances from the axis in steps of a sixth of sigma (`anisotropic.blurred_sphere`) and
    interpolated between them by cubics: below 2e-5. In the mean over a voxel, see `nodes`.
    """
    wider = min(widening_mm2(pitch, around.voxels) for pitch in around.spacing_mm[1:])
    sigma_mm = math.exp(float(at[LOG_ACROSS]))
    blur_mm = math.sqrt(sigma_mm**2 + wider)
    distance_mm, place, to_x, to_y = _places(around, float(at[X]), float(at[Y]), blur_mm, wider)
    in_sphere, displaced = (
        _tables(around, at, radius_mm, distance_mm, blur_mm)
        for radius_mm in (around.radius_mm, around.radius_mm + around.wall_mm)
    )
    mixed = at[SIGNAL] * in_sphere - at[BACKGROUND] * displaced
    mixed[2] *= (sigma_mm / blur_mm) ** 2  # d ln blur / d ln sigma
    tables = np.concatenate([*mixed[1:], in_sphere[0], 1 - displaced[0]], axis=1)
    down, broad, long, hot, cold = np.split(product(place, tables), 5, axis=1)
    by_x, by_y = product(to_x, mixed[0]), product(to_y, mixed[0])
    slopes = np.stack([by_x, by_y, down, hot, cold, broad, long])
    return at[SIGNAL] * hot + at[BACKGROUND] * cold, slopes


def product(left: Floats, right: Floats) -> Floats:
    """Return a matrix product in pieces of a few rows.

    Each is too small for the linear algebra library to share among threads, which at this size costs more
    than it gains, and very much more where other programs have the processors.
    """
    rows = max(_SMALL_PRODUCT // right.size, 1)
    return np.concatenate([left[start : start + rows] @ right for start in range(0, len(left), rows)])


def _tables(around: Window, at: Floats, radius_mm: float, distance_mm: Floats, blur_mm: float) -> Floats:
    """Return a blurred sphere, and its slopes by z of the centre, by ln blur across and by ln sigma along.

    Shape (4, distances, m).
    """
    wider = widening_mm2(around.spacing_mm[0], around.voxels)
    sigma_mm = math.exp(float(at[LOG_ALONG]))
    long_mm = math.sqrt(sigma_mm**2 + wider)
    s, h, weights = shells(radius_mm, min(blur_mm, long_mm))
    rings, broader = (part * weights for part in across(distance_mm, s, blur_mm))
    offsets, parts = nodes_mm(around.spacing_mm[0], wider, around.voxels)
    segments, lower, longer = sum(
        part * _segments(around.z_mm - at[Z] + offset, h, long_mm)
        for offset, part in zip(offsets, parts, strict=True)
    )
    ratio = (sigma_mm / long_mm) ** 2
    value, down, long = np.split(product(rings, np.concatenate([segments, lower, longer], axis=1)), 3, axis=1)
    return np.stack([value, down, product(broader, segments), ratio * long])


def _segments(height_mm: Floats, h: Floats, sigma_mm: float) -> Floats:
    """Return blurred segments, and their slopes by the place of their middle and by ln sigma: shape (3, n, m)."""
    ends = height_mm + h[:, None], height_mm - h[:, None]
    upper, lower = (
        np.exp(-((end / sigma_mm) ** 2) / 2) / (sigma_mm * math.sqrt(2 * math.pi)) for end in ends
    )
    return np.stack([along(height_mm, h, sigma_mm), lower - upper, ends[1] * lower - ends[0] * upper])


def _places(
    around: Window, x_mm: float, y_mm: float, blur_mm: float, wider_mm2: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return distances from the axis, and the matrices that take what is known there to the lines of voxels.

    Shapes (distances,) and three times (n, distances): for the mean over the pixels, and for its slopes by x and y
    of the centre. Cubic interpolation between four neighbours; the first distance stands for its mirror image.
    """
    step_mm = blur_mm / _STEPS_PER_SIGMA
    (dy, down), (dx, right) = (nodes_mm(pitch, wider_mm2, around.voxels) for pitch in around.spacing_mm[1:])
    x = (around.x_mm - x_mm)[:, None] + np.tile(dx, dy.size)
    y = (around.y_mm - y_mm)[:, None] + np.repeat(dy, dx.size)
    r = np.maximum(np.hypot(x, y), 1e-9)
    knot = (r / step_mm).astype(np.intp)
    value, slope = _cubic(r / step_mm - knot)
    count = int(knot.max()) + 4
    cell = ((np.arange(len(r))[:, None] * count + knot)[..., None] + np.arange(4)).ravel()
    parts = np.outer(down, right).ravel()[:, None]
    slope = slope * (parts[:, 0] / r / step_mm)[..., None]
    place, to_x, to_y = (
        np.asarray(np.bincount(cell, size.ravel(), len(r) * count).reshape(len(r), count), np.float64)
        for size in (value * parts, slope * -x[..., None], slope * -y[..., None])
    )
    return np.abs(np.arange(count) - 1.0) * step_mm, place, to_x, to_y


def _cubic(t: Floats) -> tuple[Floats, Floats]:
    """Return the weights of the neighbours at -1, 0, 1 and 2 for a place t between 0 and 1, and their slopes."""
    value = [
        -t * (t - 1) * (t - 2) / 6,
        (t * t - 1) * (t - 2) / 2,
        -t * (t + 1) * (t - 2) / 2,
        t * (t * t - 1) / 6,
    ]
    slope = [
        (-3 * t * t + 6 * t - 2) / 6,
        (3 * t * t - 4 * t - 1) / 2,
        (-3 * t * t + 2 * t + 2) / 2,
        (3 * t * t - 1) / 6,
    ]
    return np.stack(value, axis=-1), np.stack(slope, axis=-1)
