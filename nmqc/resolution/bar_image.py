"""A bar image made ready for the search: pixels fine enough for every bar, the local level, and where it is lit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.grid import Axis, Blocks, sum_blocks
from nmqc.model import Frame

SEARCH_PIXEL_MM = 1.3  # re-binned up to this: the finest bars of 1.5 mm keep 2.3 pixels a period
CELL_MM, SMOOTHED_MM = 5.0, 5.0
LIT = 0.3  # of the 95th percentile of the level
SMALLEST_MM = 100.0  # of an image that can hold four quadrants of bars

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class BarImage:
    """One frame in the pixels of the search, and its local level.

    Attributes
    ----------
    counts : shape (rows, columns)
    rows, columns : axes of `counts`
    cell_rows, cell_columns : axes of the cells of about 5 mm
    level : shape of the cells: counts per pixel, smoothed by a sigma of 5 mm
    lit : shape of the cells: True where the level exceeds 0.3 of its 95th percentile
    blocks : pixels to a cell, (down, along)
    """

    counts: Floats
    rows: Axis
    columns: Axis
    cell_rows: Axis
    cell_columns: Axis
    level: Floats
    lit: NDArray[np.bool_]
    blocks: tuple[Blocks, Blocks]

    def smooth_level(self) -> Floats:
        """Return the level of each pixel's cell, shape of the counts; 0 outside the cells."""
        down, along = self.blocks
        level = np.zeros(self.counts.shape)
        part = np.repeat(np.repeat(self.level, down.factor, axis=0), along.factor, axis=1)
        level[down.first : down.first + part.shape[0], along.first : along.first + part.shape[1]] = part
        return level


def bar_image(frame: Frame) -> BarImage:
    """Re-bin a frame for the search and smooth its level.

    Raises
    ------
    CannotMeasure
        ``not_bars``: the image is too small to hold a bar phantom.
    """
    height, width = (size * pitch for size, pitch in zip(frame.counts.shape, frame.spacing_mm, strict=True))
    if min(height, width) < SMALLEST_MM:
        raise CannotMeasure(
            "not_bars",
            f"this is not a bar phantom: the image is {width:.0f} x {height:.0f} mm in all; is the pixel size right?",
        )
    fine = [_blocks(size, pitch, SEARCH_PIXEL_MM) for size, pitch in _axes(frame)]
    counts = sum_blocks(frame.counts, *fine).astype(np.float64)
    rows, columns = (block.axis(size, pitch) for block, (size, pitch) in zip(fine, _axes(frame), strict=True))
    down, along = (_blocks(axis.count, axis.pitch_mm, CELL_MM) for axis in (rows, columns))
    cell_rows, cell_columns = (
        Axis(block.count, block.factor * axis.pitch_mm, axis.start_mm + block.first * axis.pitch_mm)
        for block, axis in ((down, rows), (along, columns))
    )
    cells = sum_blocks(counts, down, along) / (down.factor * along.factor)
    level = _smoothed(cells, (cell_rows.pitch_mm, cell_columns.pitch_mm))
    lit = level > LIT * np.percentile(level[level > 0], 95) if (level > 0).any() else level > 0
    return BarImage(counts, rows, columns, cell_rows, cell_columns, level, lit, (down, along))


def _axes(frame: Frame) -> tuple[tuple[int, float], tuple[int, float]]:
    (rows, columns), (down, along) = frame.counts.shape, frame.spacing_mm
    return (rows, down), (columns, along)


def _blocks(count: int, pitch_mm: float, wanted_mm: float) -> Blocks:
    """Return blocks of at most `wanted_mm`, or single pixels, about the middle of an axis."""
    factor = max(1, int(wanted_mm / pitch_mm + 1e-9))
    return Blocks(factor, count % factor // 2, count // factor)


def _smoothed(values: Floats, pitch_mm: tuple[float, float]) -> Floats:
    """Return values smoothed by 1-2-1 as often as gives a sigma of 5 mm or more, the border repeated.

    Bars of 7 mm then ripple by a tenth of their modulation.
    """
    for axis, pitch in enumerate(pitch_mm):
        for _ in range(int(np.ceil(2 * (SMOOTHED_MM / pitch) ** 2))):
            wide = np.pad(values, [(1, 1) if axis == one else (0, 0) for one in (0, 1)], mode="edge")
            before, here, after = (
                np.take(wide, range(first, first + values.shape[axis]), axis=axis) for first in (0, 1, 2)
            )
            values = (before + 2 * here + after) / 4
    return values
