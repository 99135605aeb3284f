"""How much the indices depend on where the re-binning grid happens to lie.

The standard leaves the position of the 6.4 mm grid on the detector open. On a smoothed copy of the flood (so that
noise takes no part) the indices are computed for grids moved by parts of a pixel; their standard deviation is the
part of the uncertainty that the grid contributes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.edges import Coarse
from nmqc.measure.grid import Axis
from nmqc.measure.outline import TIE_MM, Outline, boxes_inside, whole_pixels
from nmqc.uniformity.indices import Fields
from nmqc.uniformity.noise import index_measure

PHASES = 4  # along each axis
SMOOTHING_MM = 10.0  # side of the box that takes the noise out
ROUNDING = 1e-9  # of the level: what differences of sums leave where there is no light


def grid_spread(image: Coarse, inner: Outline, cfov: Outline, rows: Axis, columns: Axis) -> dict[str, float]:
    """Return the standard deviation of each index over 4 x 4 positions of the grid.

    Parameters
    ----------
    image : the flood in pixels of about 2.4 mm
    inner : the outline that holds the whole pixels analysed
    cfov : the outline of the central field; here a pixel belongs to it where its centre does
    rows, columns : the re-binned grid, whose pitch is kept
    """
    light = _smoothed(image, inner)
    x, y = (
        _about(_moved_edges(axis), side)
        for axis, side in zip((columns, rows), inner.vertices_mm().T, strict=True)
    )
    analysed = _wholly_inside(inner, y, x)
    centres_y, centres_x = (y[:, 1:] + y[:, :-1]) / 2, (x[:, 1:] + x[:, :-1]) / 2
    central = cfov.distance_mm(centres_x, centres_y[:, :, None, None]) <= TIE_MM
    fields = Fields(analysed, analysed & _stacked(central))
    means = _stacked(_sums(_summed_area(light), image, y, x))
    means[means < ROUNDING * image.level] = 0.0
    try:
        found = index_measure(fields, means.size, np.float64)(means)
    except CannotMeasure:
        return {}
    return {name: float(np.std(values)) for name, values in found.items()}


def _moved_edges(axis: Axis) -> NDArray[np.float64]:
    """Return the pixel boundaries of each position of the grid, shape (phases, pixels + 2).

    The grid is moved back by parts of a pixel, and is one pixel longer so that it covers no less.
    """
    edges = axis.start_mm + axis.pitch_mm * np.arange(axis.count + 2)
    return np.asarray(edges - axis.pitch_mm * np.arange(PHASES)[:, None] / PHASES)


def _about(edges_mm: NDArray[np.float64], field_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges, of every position of the grid, of the pixels that may lie in a field."""
    low, high = edges_mm[0] > field_mm.min(), edges_mm[-1] < field_mm.max()
    first, last = int(np.argmax(low)), int(high.size - np.argmax(high[::-1]))
    return edges_mm[:, max(first - 2, 0) : last + 2]


def _stacked(values: NDArray[Any]) -> NDArray[Any]:
    """Turn shape (phases, rows, phases, columns) into (phases x phases, rows, columns)."""
    turned = values.swapaxes(1, 2)
    return np.ascontiguousarray(turned).reshape(-1, *turned.shape[2:])


def _wholly_inside(outline: Outline, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.bool_]:
    y = y[:, :, None, None]
    return _stacked(boxes_inside(outline, (x[:, :-1], x[:, 1:]), (y[:, :-1], y[:, 1:])))


def _smoothed(image: Coarse, inner: Outline) -> NDArray[np.float64]:
    """Return the light, smoothed by a box over the pixels inside the outline alone.

    The box reaches beyond the outline, so that every pixel that lies partly inside it has its light.
    """
    inside = whole_pixels(inner, image.rows, image.columns).astype(float)
    half_rows, half_columns = (
        max(1, round(SMOOTHING_MM / axis.pitch_mm / 2)) for axis in (image.rows, image.columns)
    )
    light = _boxed(image.counts * inside, half_rows, half_columns)
    weight = _boxed(inside, half_rows, half_columns)
    return np.divide(light, weight, out=np.zeros(light.shape), where=weight > 0)


def _boxed(values: NDArray[np.float64], half_rows: int, half_columns: int) -> NDArray[np.float64]:
    """Return the sums over boxes of 2 h + 1 pixels each way, cut off at the border."""
    table = _summed_area(values)
    (rows, columns) = values.shape
    top, bottom = _span(rows, half_rows)
    left, right = _span(columns, half_columns)
    down = table[bottom] - table[top]
    return np.asarray(down[:, right] - down[:, left])


def _span(count: int, half: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    index = np.arange(count)
    return np.maximum(index - half, 0), np.minimum(index + half + 1, count)


def _summed_area(values: NDArray[np.float64]) -> NDArray[np.float64]:
    table = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    np.cumsum(values.cumsum(axis=0), axis=1, out=table[1:, 1:])
    return table


def _sums(
    table: NDArray[np.float64], image: Coarse, y: NDArray[np.float64], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return sums over pixels from a summed-area table, shape (phases, rows, phases, columns)."""
    down = _between(table, image.rows, y)
    corners = _between(down.reshape(-1, table.shape[1]).T, image.columns, x)
    corners = corners.reshape(*x.shape, *y.shape).transpose(2, 3, 0, 1)
    return np.asarray(np.diff(np.diff(corners, axis=1), axis=3))


def _between(table: NDArray[np.float64], own: Axis, edges_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rows of a table at the edges of a grid, linear between its own edges."""
    position = np.clip((edges_mm.ravel() - own.start_mm) / own.pitch_mm, 0, own.count)
    index = np.minimum(position.astype(int), own.count - 1)
    return np.asarray(table[index] + (table[index + 1] - table[index]) * (position - index)[:, None])
