"""What else a flood tells: spread and its structural part, rows and columns, tilt, centre against edge.

All on the re-binned image, not smoothed. Functions take stacks, shape (..., rows, columns), so that replicates go
through the same code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.uniformity.indices import Fields, outer_ring

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What the figures of an image, or of each of a stack, are made of.

    Attributes
    ----------
    rows, columns : shape (..., rows) and (..., columns), the sums of lines over the pixels analysed
    central : shape (...), the sum over the central field
    """

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    central: NDArray[np.float64]


def sums(counts: NDArray[Any], fields: Fields) -> Sums:
    """Return the sums of images, by products with ones, which are quick; whole numbers stay exact."""
    inside = np.multiply(counts, fields.ufov.astype(np.float64))
    rows, columns = fields.ufov.shape
    central = inside.reshape(*inside.shape[:-2], -1) @ fields.cfov.ravel().astype(np.float64)
    return Sums(inside @ np.ones(columns), np.ones(rows) @ inside, np.asarray(central))


def shapes(counts: NDArray[Any], fields: Fields) -> dict[str, NDArray[np.float64]]:
    """Return row and column uniformity, tilt, and centre against edge, of each image of a stack.

    Raises
    ------
    CannotMeasure
        If one of them cannot be had.
    """
    return Shapes(fields).of(sums(counts, fields))


class Shapes:
    """The figures of a field: what depends on the masks alone is made once, for many images."""

    def __init__(self, fields: Fields) -> None:
        self._rows, self._columns = _Lines(fields.ufov), _Lines(fields.ufov.T)
        self._plane = _Plane(fields.ufov)
        self._central, self._rest = _sizes(fields.ufov, fields.cfov)

    def of(self, found: Sums) -> dict[str, NDArray[np.float64]]:
        """Return the figures of the images whose sums these are; CannotMeasure where there are no counts."""
        return {
            "rows": self._rows.spread(found.rows),
            "columns": self._columns.spread(found.columns),
            "tilt": self._plane.tilt(found.rows, found.columns),
            "centre_to_edge": _centre_to_edge(found, self._central, self._rest),
        }


def row_uniformity(counts: NDArray[Any], mask: Mask) -> NDArray[np.float64]:
    """Return 100 (max - min) / (max + min) of the means of rows, in percent.

    Rows count in which at least half of the mask's width lies in the mask.

    Raises
    ------
    CannotMeasure
        If there are fewer than two such rows, or no counts.
    """
    return _Lines(mask).spread(sums(counts, Fields(mask, mask)).rows)


def column_uniformity(counts: NDArray[Any], mask: Mask) -> NDArray[np.float64]:
    """Return the same as `row_uniformity`, for columns."""
    return _Lines(mask.T).spread(sums(counts, Fields(mask, mask)).columns)


def tilt(counts: NDArray[Any], mask: Mask) -> NDArray[np.float64]:
    """Return the peak-to-peak, over the pixels of the mask, of the fitted plane, in percent of the mean."""
    found = sums(counts, Fields(mask, mask))
    return _Plane(mask).tilt(found.rows, found.columns)


def centre_to_edge(counts: NDArray[Any], ufov: Mask, cfov: Mask) -> NDArray[np.float64]:
    """Return by how much, in percent, the mean of the central field exceeds the mean of the rest."""
    return _centre_to_edge(sums(counts, Fields(ufov, cfov)), *_sizes(ufov, cfov))


def _sizes(ufov: Mask, cfov: Mask) -> tuple[int, int]:
    """Return how many pixels lie in the central field, and how many about it."""
    central, rest = int(np.count_nonzero(cfov)), int(np.count_nonzero(ufov & ~cfov))
    if not central or not rest:
        raise CannotMeasure(
            "empty_field", "centre to edge: the central field, or what lies about it, is empty"
        )
    return central, rest


def _centre_to_edge(found: Sums, central: int, rest: int) -> NDArray[np.float64]:
    outside = found.rows.sum(axis=-1) - found.central
    if np.any(outside <= 0):
        raise CannotMeasure("no_counts", "centre to edge: there are no counts outside the central field")
    return np.asarray(100 * (found.central / central / (outside / rest) - 1))


class _Lines:
    """The rows of a mask that count: those of which at least half of its width lies in it."""

    def __init__(self, mask: Mask) -> None:
        pixels = mask.sum(axis=1)
        width = int(np.ptp(np.flatnonzero(mask.any(axis=0)))) + 1 if mask.any() else 0
        self._counted = pixels * 2 >= max(width, 1)
        self._pixels = pixels[self._counted]
        if self._pixels.size < 2:
            raise CannotMeasure("empty_field", "row uniformity: fewer than two rows lie in the field of view")

    def spread(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the spread of the means of rows, from their sums over the mask."""
        means = sums[..., self._counted] / self._pixels
        high, low = means.max(axis=-1), means.min(axis=-1)
        if np.any(high <= 0):
            raise CannotMeasure("no_counts", "row uniformity: the field of view holds no count")
        return np.asarray(100 * (high - low) / (high + low))


class _Plane:
    """A plane through the pixels of a mask: its normal equations ask for sums of rows and columns alone."""

    def __init__(self, mask: Mask) -> None:
        row, column = np.nonzero(mask)
        if row.size < 3:
            raise CannotMeasure("empty_field", "tilt: the field of view holds fewer than three pixels")
        design = np.column_stack([np.ones(row.size), row - row.mean(), column - column.mean()])
        self._down = np.arange(mask.shape[0]) - row.mean()
        self._along = np.arange(mask.shape[1]) - column.mean()
        self._inverse = np.linalg.pinv(design.T @ design)
        self._rim = design[outer_ring(mask)[mask], 1:].T  # a plane is highest and lowest at the rim

    def tilt(self, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
        moments = np.stack([rows.sum(axis=-1), rows @ self._down, columns @ self._along], axis=-1)
        plane = moments @ self._inverse
        if np.any(plane[..., 0] <= 0):
            raise CannotMeasure("no_counts", "tilt: the field of view holds no count")
        return np.asarray(100 * np.ptp(plane[..., 1:] @ self._rim, axis=-1) / plane[..., 0])


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
