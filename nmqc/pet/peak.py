"""The highest mean over a sphere of 1 mL, placed anywhere: the peak."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.discs import Floats
from nmqc.model import Volume
from nmqc.pet.scatter import box_about

RADIUS_MM = (3 * 1000 / (4 * math.pi)) ** (1 / 3)  # of 1 mL: 6.2035 mm
LINES = 4  # lines of integration across a voxel, in either direction
STEPS = (0.5, 0.25, 0.125)  # of a voxel

Place = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest mean over 1 mL.

    Attributes
    ----------
    value : anywhere, to an eighth of a voxel
    at_voxel : with its centre on that of a voxel
    centre_mm : (x, y, z) of the first
    """

    value: float
    at_voxel: float
    centre_mm: Place


def peak(volume: Volume, centre_mm: Place, reach_mm: float) -> Peak:
    """Return the highest mean over a sphere of 1 mL whose centre lies within some reach of a point.

    First at the centres of voxels; from the best on by steps of 1/2, 1/4, 1/8 voxel along the axes, as long as the
    mean rises. Voxels count by the part of them that lies in the sphere. Places where it would leave the volume are
    left out.

    Parameters
    ----------
    centre_mm : (x, y, z)
    reach_mm : of the centre of the 1 mL sphere

    Raises
    ------
    CannotMeasure
        ``roi_outside``: there is no such place.

    References
    ----------
    Makris et al., J Nucl Med 2014;55: the 1 mL sphere is put where its mean is highest.
    """
    best, place = _at_voxels(volume, centre_mm, reach_mm)
    highest = best
    for step in STEPS:
        while (higher := _highest_about(volume, place, step, centre_mm, reach_mm)) is not None:
            if higher[0] <= highest:
                break
            highest, place = higher
    return Peak(highest, best, place)


def _highest_about(
    volume: Volume, place: Place, step: float, centre_mm: Place, reach_mm: float
) -> tuple[float, Place] | None:
    """Return the highest mean at a step (in voxels) along an axis, and where: no axis is asked before another."""
    found: list[tuple[float, Place]] = []
    for axis in range(3):
        for sign in (step, -step):
            trial = list(place)
            trial[axis] += sign * volume.spacing_mm[2 - axis]
            there = (trial[0], trial[1], trial[2])
            value = _mean_at(volume, there) if math.dist(there, centre_mm) <= reach_mm else None
            if value is not None:
                found.append((value, there))
    return max(found, default=None)


def ball_weights(spacing_mm: Place, radius_mm: float, off_mm: Place) -> Floats:
    """Return the part of every voxel that lies in a ball.

    The mean of two: along columns exact, by the chord's overlap with the voxel, and across it the mean over 4 x 4
    lines; and the same along rows, so that a transposed image has transposed weights.

    Parameters
    ----------
    spacing_mm : (slices, rows, columns)
    off_mm : of the ball's centre from that of the middle voxel, (slices, rows, columns)

    Returns
    -------
    shape (2 a + 1, 2 b + 1, 2 c + 1)
        About the middle voxel, as far as the ball can reach.
    """
    z, y, x = spacing_mm
    off_z, off_y, off_x = off_mm
    across = _weights_by_chords((z, x, y), radius_mm, (off_z, off_x, off_y))
    return (_weights_by_chords(spacing_mm, radius_mm, off_mm) + across.transpose(0, 2, 1)) / 2


def _weights_by_chords(spacing_mm: Place, radius_mm: float, off_mm: Place) -> Floats:
    """Return the part of every voxel that lies in a ball: exact along the last axis, by lines across it."""
    lines: list[Floats] = []
    for axis, (pitch, off) in enumerate(zip(spacing_mm, off_mm, strict=True)):
        reach = math.ceil((radius_mm + abs(off)) / pitch - 0.5)
        parts = 1 if axis == 2 else LINES
        at = np.arange((2 * reach + 1) * parts + (axis == 2)) + (0.0 if axis == 2 else 0.5)
        lines.append((at / parts - 0.5 - reach) * pitch - off)
    z, y, edges = lines[0].reshape(-1, LINES), lines[1].reshape(-1, LINES), lines[2]
    square = radius_mm**2 - z[:, :, None, None] ** 2 - y[None, None, :, :] ** 2
    half = np.sqrt(np.maximum(square, 0.0))[..., None]
    return np.asarray(np.diff(np.clip(edges, -half, half), axis=-1).mean(axis=(1, 3)) / spacing_mm[2])


def _at_voxels(volume: Volume, centre_mm: Place, reach_mm: float) -> tuple[float, Place]:
    """Return the highest mean at the centre of a voxel, and its place; all means at once by Fourier transform."""
    weights = ball_weights(volume.spacing_mm, RADIUS_MM, (0.0, 0.0, 0.0))
    box, distance = box_about(volume, centre_mm, reach_mm)
    part, fits = _around(volume, box, weights.shape)
    spectrum = np.fft.rfftn(part) * np.conj(np.fft.rfftn(weights, part.shape, axes=(0, 1, 2)))
    means = np.fft.irfftn(spectrum, part.shape, axes=(0, 1, 2))[tuple(slice(size) for size in distance.shape)]
    open_to = fits & (distance <= reach_mm)
    if not open_to.any() or not np.isfinite(means).all():
        raise CannotMeasure(
            "roi_outside",
            "no sphere of 1 mL fits into the volume at this place: image more slices about the spheres",
        )
    index = np.unravel_index(int(np.argmax(np.where(open_to, means, -np.inf))), means.shape)
    z, y, x = (
        (one.start + int(number) - (count - 1) / 2) * pitch
        for one, number, count, pitch in zip(box, index, volume.values.shape, volume.spacing_mm, strict=True)
    )
    best = _mean_at(volume, (x, y, z))
    assert best is not None
    return best, (x, y, z)


def _around(
    volume: Volume, box: tuple[slice, slice, slice], size: tuple[int, ...]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return a part of the volume with half a kernel more around it, and where in it the kernel stays in the volume.

    Beyond the volume the part holds zeros.
    """
    half = [one // 2 for one in size]
    inner, around, fits = [], [], []
    for one, more, count in zip(box, half, volume.values.shape, strict=True):
        cut = slice(max(one.start - more, 0), min(one.stop + more, count))
        inner.append(cut)
        around.append((cut.start - one.start + more, one.stop + more - cut.stop))
        index = np.arange(one.start, one.stop)
        fits.append((index >= more) & (index < count - more))
    part = np.pad(np.asarray(volume.values[tuple(inner)], np.float64), around)
    return part, np.asarray(fits[0][:, None, None] & fits[1][:, None] & fits[2])


def _mean_at(volume: Volume, centre_mm: Place) -> float | None:
    """Return the mean over 1 mL about a point; None where it leaves the volume."""
    middles, offs = [], []
    for place, pitch, count in zip(reversed(centre_mm), volume.spacing_mm, volume.values.shape, strict=True):
        at = place / pitch + (count - 1) / 2
        middles.append(math.floor(at + 0.5))
        offs.append((at - math.floor(at + 0.5)) * pitch)
    weights = ball_weights(volume.spacing_mm, RADIUS_MM, (offs[0], offs[1], offs[2]))
    used = [np.flatnonzero(weights.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    kept, box = [], []
    for middle, size, mine, count in zip(middles, weights.shape, used, volume.values.shape, strict=True):
        first, last = int(mine[0]), int(mine[-1]) + 1
        kept.append(slice(first, last))
        box.append(slice(middle - size // 2 + first, middle - size // 2 + last))
        if box[-1].start < 0 or box[-1].stop > count:
            return None
    inside = weights[tuple(kept)]
    value = float((np.asarray(volume.values[tuple(box)], np.float64) * inside).sum() / inside.sum())
    return value if math.isfinite(value) else None
