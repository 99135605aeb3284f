"""A PET volume on voxels of about 4 mm, smoothed: what a phantom is looked for in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.gaussian import FWHM_PER_SIGMA
from nmqc.measure.grid import Axis, Blocks
from nmqc.model import Volume

VOXEL_MM = 4.0
SMOOTHED_MM = 8.0  # FWHM: about that of the smallest sphere as it is seen

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Coarse:
    """A smoothed, re-binned volume, shape (slices, rows, columns), and its axes in mm from the volume's centre."""

    values: Floats
    slices: Axis
    rows: Axis
    columns: Axis

    @property
    def axes(self) -> tuple[Axis, Axis, Axis]:
        """The axes in the order of the array: z, y, x."""
        return self.slices, self.rows, self.columns


def axes_of(volume: Volume) -> tuple[Axis, Axis, Axis]:
    """Return the axes of a volume in the order of its array: z, y, x."""
    pairs = zip(volume.values.shape, volume.spacing_mm, strict=True)
    slices, rows, columns = (Axis.of_matrix(count, pitch) for count, pitch in pairs)
    return slices, rows, columns


def coarse(volume: Volume) -> Coarse:
    """Return the means over blocks of voxels, smoothed by a Gaussian of 8 mm FWHM.

    Blocks are the whole numbers of voxels nearest to 4 mm, placed about the volume's centre; what is left over at the
    borders is left out. The smoothing takes nothing from beyond the borders.
    """
    held = np.asarray(volume.values)
    axes = []
    for number, native in enumerate(axes_of(volume)):
        factor = max(1, min(round(VOXEL_MM / native.pitch_mm), native.count))
        blocks = Blocks(factor, native.count % factor // 2, native.count // factor)
        axes.append(blocks.axis(native.count, native.pitch_mm))
        held = _binned(held, number, blocks)
    for number, axis in enumerate(axes):
        held = along(smoother(axis, SMOOTHED_MM), held, number)
    return Coarse(held, *axes)


def _binned(values: NDArray[np.floating], number: int, blocks: Blocks) -> NDArray[np.floating]:
    """Return the means over blocks along one axis."""
    if blocks.factor == 1:
        return values
    places = [
        slice(blocks.first + k, blocks.first + blocks.count * blocks.factor, blocks.factor)
        for k in range(blocks.factor)
    ]
    whole = (slice(None),) * number
    total = values[(*whole, places[0])] + values[(*whole, places[1])]
    for place in places[2:]:
        total += values[(*whole, place)]
    return np.asarray(total / values.dtype.type(blocks.factor))


def smoother(axis: Axis, fwhm_mm: float) -> Floats:
    """Return the matrix that smooths along an axis by a Gaussian; every row sums to 1."""
    apart = axis.pitch_mm * (np.arange(axis.count)[:, None] - np.arange(axis.count)[None, :])
    weight = np.exp(-0.5 * (apart * FWHM_PER_SIGMA / fwhm_mm) ** 2)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def along(matrix: Floats, values: NDArray[np.floating], number: int) -> NDArray[np.floating]:
    """Return the values with a matrix applied along one axis of three, in the precision of the values.

    One product of two matrices each: a product per slice makes the threads of the library wait for each other.
    """
    used = matrix.astype(values.dtype)
    return np.moveaxis(np.tensordot(used, values, axes=(1, number)), 0, number)


def require_numbers(volume: Volume) -> None:
    """Refuse a volume without voxels, or with values that are no numbers.

    Raises
    ------
    CannotMeasure
        ``no_voxels``, ``not_numbers``.
    """
    if volume.values.size == 0:
        raise CannotMeasure("no_voxels", "the volume holds no voxels: give the images of a whole series")
    if not np.isfinite(volume.values).all():
        raise CannotMeasure(
            "not_numbers", "the volume holds values that are no numbers: give it as it was reconstructed"
        )
