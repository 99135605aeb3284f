"""What else a flood tells: spread and its structural part, rows and columns, tilt, centre against edge.

All on the re-binned image, not smoothed. Functions take stacks, shape (..., rows, columns), so that replicates go
through the same code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.uniformity.indices import Fields, outer_ring

Mask = NDArray[np.bool_]


def row_uniformity(counts: NDArray[Any], mask: Mask) -> NDArray[np.float64]:
    """Return 100 (max - min) / (max + min) of the means of rows, in percent.

    Rows count in which at least half of the mask's width lies in the mask.

    Raises
    ------
    CannotMeasure
        If there are fewer than two such rows, or no counts.
    """
    return _spread_of_rows(_sums(_lit(counts, mask))[0], mask)


def column_uniformity(counts: NDArray[Any], mask: Mask) -> NDArray[np.float64]:
    """Return the same as `row_uniformity`, for columns."""
    return _spread_of_rows(_sums(_lit(counts, mask))[1], mask.T)


def tilt(counts: NDArray[Any], mask: Mask) -> NDArray[np.float64]:
    """Return the peak-to-peak, over the pixels of the mask, of the fitted plane, in percent of the mean."""
    return _tilt(*_sums(_lit(counts, mask)), mask)


def centre_to_edge(counts: NDArray[Any], ufov: Mask, cfov: Mask) -> NDArray[np.float64]:
    """Return by how much, in percent, the mean of the central field exceeds the mean of the rest."""
    rest = ufov & ~cfov
    if not cfov.any() or not rest.any():
        raise CannotMeasure(
            "empty_field", "centre to edge: the central field, or what lies about it, is empty"
        )
    outside = _mean(counts, rest)
    if np.any(outside <= 0):
        raise CannotMeasure("no_counts", "centre to edge: there are no counts outside the central field")
    return np.asarray(100 * (_mean(counts, cfov) / outside - 1))


def _lit(counts: NDArray[Any], mask: Mask) -> NDArray[np.float64]:
    """Return the counts inside a mask, and zero outside."""
    return np.asarray(np.multiply(counts, mask.astype(np.float64)))


def _sums(inside: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sums of rows and of columns: products with ones, which are quick; whole numbers stay exact."""
    rows, columns = inside.shape[-2:]
    return inside @ np.ones(columns), np.ones(rows) @ inside


def _spread_of_rows(sums: NDArray[np.float64], mask: Mask) -> NDArray[np.float64]:
    """Return the spread of the means of rows, from their sums over a mask."""
    pixels = mask.sum(axis=1)
    width = int(np.ptp(np.flatnonzero(mask.any(axis=0)))) + 1 if mask.any() else 0
    rows = pixels * 2 >= max(width, 1)
    if rows.sum() < 2:
        raise CannotMeasure("empty_field", "row uniformity: fewer than two rows lie in the field of view")
    means = sums[..., rows] / pixels[rows]
    high, low = means.max(axis=-1), means.min(axis=-1)
    if np.any(high <= 0):
        raise CannotMeasure("no_counts", "row uniformity: the field of view holds no count")
    return np.asarray(100 * (high - low) / (high + low))


def _tilt(rows: NDArray[np.float64], columns: NDArray[np.float64], mask: Mask) -> NDArray[np.float64]:
    """Return the tilt from the sums of rows and of columns: the plane's normal equations ask for no more."""
    row, column = np.nonzero(mask)
    if row.size < 3:
        raise CannotMeasure("empty_field", "tilt: the field of view holds fewer than three pixels")
    design = np.column_stack([np.ones(row.size), row - row.mean(), column - column.mean()])
    down, along = np.arange(mask.shape[0]) - row.mean(), np.arange(mask.shape[1]) - column.mean()
    moments = np.stack([rows.sum(axis=-1), rows @ down, columns @ along], axis=-1)
    plane = moments @ np.linalg.pinv(design.T @ design)
    if np.any(plane[..., 0] <= 0):
        raise CannotMeasure("no_counts", "tilt: the field of view holds no count")
    rim = design[outer_ring(mask)[mask], 1:]  # a plane is highest and lowest at the rim
    return np.asarray(100 * np.ptp(plane[..., 1:] @ rim.T, axis=-1) / plane[..., 0])


def _mean(counts: NDArray[Any], mask: Mask) -> NDArray[np.float64]:
    """Return the mean over the pixels of a mask, of each image of a stack."""
    flat = counts.reshape(*counts.shape[:-2], -1).astype(np.float64, copy=False)
    return np.asarray(flat @ mask.ravel().astype(np.float64) / np.count_nonzero(mask))


def variation(counts: NDArray[Any], mask: Mask) -> tuple[float, float]:
    """Return the coefficient of variation, in percent, and its standard error.

    100 SD / mean, the SD with n - 1. With P = 1 / mean the relative variance of counting and T the structural part
    of the relative variance q = P + T, the standard error of q over repeated acquisitions (the structure stays as
    it is) is sqrt((2 P^2 + 4 P T) / n), that of sqrt(q) half of it over sqrt(q).
    """
    values = counts[mask].astype(float)
    if values.size < 2 or values.mean() <= 0:
        raise CannotMeasure("no_counts", "coefficient of variation: fewer than two pixels, or no counts")
    relative = float(values.var(ddof=1) / values.mean() ** 2)
    if relative <= 0:
        return 0.0, 0.0
    error = _variance_error(relative, float(values.mean()), values.size)
    return 100 * relative**0.5, 100 * error / (2 * relative**0.5)


def structural_variation(counts: NDArray[Any], mask: Mask) -> tuple[float, float]:
    """Return the part of the coefficient of variation that counting does not explain, and its standard error.

    100 sqrt(max(0, q - 1 / mean)), in percent, for raw counts. Where the spread is no larger than counting makes it
    the value is 0, and its error is the structure that would still have been missed: 100 sqrt(error of q).
    """
    values = counts[mask].astype(float)
    cov, _ = variation(counts, mask)
    structure = (cov / 100) ** 2 - 1 / float(values.mean())
    error = _variance_error((cov / 100) ** 2, float(values.mean()), values.size)
    if structure <= error:
        return 100 * max(structure, 0.0) ** 0.5, 100 * error**0.5
    return 100 * structure**0.5, 100 * error / (2 * structure**0.5)


def _variance_error(relative: float, mean: float, pixels: int) -> float:
    counting = 1 / mean
    structure = max(relative - counting, 0.0)
    return float(((2 * counting**2 + 4 * counting * structure) / pixels) ** 0.5)


def shapes(counts: NDArray[Any], fields: Fields) -> dict[str, NDArray[np.float64]]:
    """Return row and column uniformity, tilt, and centre against edge, of each image of a stack.

    Raises
    ------
    CannotMeasure
        If one of them cannot be had.
    """
    inside = _lit(counts, fields.ufov)
    rows, columns = _sums(inside)
    return {
        "rows": _spread_of_rows(rows, fields.ufov),
        "columns": _spread_of_rows(columns, fields.ufov.T),
        "tilt": _tilt(rows, columns, fields.ufov),
        "centre_to_edge": centre_to_edge(inside, fields.ufov, fields.cfov),
    }
