"""The arithmetic of NEMA NU 1, 2.4, on re-binned images: smoothing, integral and differential uniformity.

All functions take stacks, shape (..., rows, columns), so that one image and a thousand replicates go through the
same code; a mask has shape (rows, columns), or the stack's own. Which pixels belong to the field is said by masks
alone: a zero inside a mask is a dead detector and is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure

RUN = 5  # pixels of a differential window
EDGE_FRACTION = 0.75  # of the mean of the central field: the edge rule
NO_COUNTS = 1e-30  # stands for high + low where both are 0, and so is their difference
INDEX_NAMES = ("integral", "differential_x", "differential_y", "differential")

Axis = Literal[0, 1]
Counts = NDArray[Any]
Smoothed = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """The pixels that are analysed: all of them (`ufov`) and those also in the central field (`cfov`)."""

    ufov: Mask
    cfov: Mask

    @property
    def box(self) -> tuple[slice, slice]:
        """The smallest box of rows and columns about the pixels that are analysed."""
        return _box(self.ufov)

    def cropped(self) -> Fields:
        """Return the same fields within their box: on it no index changes, and replicates have less to do."""
        return Fields(self.ufov[self.box], self.cfov[self.box])

    def each(self) -> tuple[tuple[str, Mask], ...]:
        """Return the two masks with their names."""
        return (("ufov", self.ufov), ("cfov", self.cfov))


@dataclass(frozen=True, slots=True, eq=False)
class StrictFields:
    """What the literal reading leaves: the fields, and how many pixels each step removed."""

    fields: Fields
    removed_edge: int
    removed_neighbour: int


@dataclass(frozen=True, slots=True)
class Extremum:
    """Where an index comes from: (row, column) of the first and the last pixel concerned."""

    first: tuple[int, int]
    last: tuple[int, int]


def kernel_sum(values: Counts) -> Counts:
    """Return the sum of the nine pixels about each, weighted 1 2 1 / 2 4 2 / 1 2 1; nothing beyond the border.

    Integers stay integers.
    """
    down: Counts = values + values
    down[..., 1:, :] += values[..., :-1, :]
    down[..., :-1, :] += values[..., 1:, :]
    both: Counts = down + down
    both[..., :, 1:] += down[..., :, :-1]
    both[..., :, :-1] += down[..., :, 1:]
    return both


def smooth(counts: Counts, analysed: Mask, kind: type[np.floating[Any]] = np.float64) -> Smoothed:
    """Return the nine-point smoothed counts over a mask, 0 outside it.

    Only pixels of the mask enter; the sum is divided by the weights that entered: 16 inside, 12 on a straight
    edge, 9 in a corner.

    Parameters
    ----------
    counts : shape (..., rows, columns)
        Counts per re-binned pixel.
    analysed : shape (rows, columns)
        The mask.
    kind : type of the result; float32 is enough for replicates.

    References
    ----------
    NEMA NU 1, 2.4: once, after the removal of edge pixels.
    """
    return np.asarray(kernel_sum(counts * analysed).astype(kind) * inverse_weights(analysed, kind))


def inverse_weights(analysed: Mask, kind: type[np.floating[Any]]) -> Smoothed:
    """Return one over the weights that enter the smoothing of each pixel of a mask, 0 outside it."""
    weights = kernel_sum(analysed.astype(np.int16))
    return np.asarray(np.divide(1.0, weights, out=np.zeros(weights.shape), where=analysed).astype(kind))


def integral(smoothed: Smoothed, mask: Mask) -> Smoothed:
    """Return the integral uniformity, in percent, of each image of a stack.

    100 (max - min) / (max + min) of the smoothed counts in the mask.

    Raises
    ------
    CannotMeasure
        If the mask holds no pixel, or an image no count in it.

    References
    ----------
    NEMA NU 1, 2.4.
    """
    if not mask.any():
        raise CannotMeasure("empty_field", "integral uniformity: the field of view holds no pixel")
    part = _box(mask)
    image, inside = smoothed[(..., *part)], mask[(..., *part)]
    if inside.all():
        high, low = image.max(axis=(-2, -1)), image.min(axis=(-2, -1))
    else:
        high = np.max(image, axis=(-2, -1), where=inside, initial=-np.inf)
        low = np.min(image, axis=(-2, -1), where=inside, initial=np.inf)
    if np.any(high <= 0):
        raise CannotMeasure("no_counts", "integral uniformity: the field of view holds no count")
    return np.asarray(100 * (high - low) / (high + low))


def windows(mask: Mask, axis: Axis) -> Mask:
    """Return where five contiguous pixels along an axis (0 down, 1 along) lie wholly in a mask.

    The entry stands at the first pixel of the run; the axis is four shorter.
    """
    return _run_of_five(np.logical_and, mask, axis)


def window_spread(smoothed: Smoothed, axis: Axis) -> Smoothed:
    """Return 100 (high - low) / (high + low) of every run of five along an axis; 0 where there are no counts."""
    high, low = _run_of_five(np.maximum, smoothed, axis), _run_of_five(np.minimum, smoothed, axis)
    total = np.maximum(high + low, NO_COUNTS)
    high -= low
    high *= 100
    high /= total
    return high


def differential(smoothed: Smoothed, mask: Mask, axis: Axis) -> Smoothed:
    """Return the differential uniformity along an axis (0: y, down; 1: x, along), in percent, of each image.

    The largest 100 (high - low) / (high + low) over all runs of five contiguous pixels wholly in the mask, one
    pixel apart.

    Raises
    ------
    CannotMeasure
        If no run of five lies in the mask.

    References
    ----------
    NEMA NU 1, 2.4.
    """
    return _worst(window_spread(smoothed, axis), windows(mask, axis))


def _worst(spread: Smoothed, valid: Mask) -> Smoothed:
    if not valid.any():
        raise CannotMeasure(
            "no_window", "differential uniformity: no run of five pixels lies in the field of view"
        )
    part = _box(valid)
    inside = valid[(..., *part)]
    found = spread[(..., *part)] if inside.all() else spread[(..., *part)] * inside
    return np.asarray(found.max(axis=(-2, -1)))


def _box(mask: Mask) -> tuple[slice, slice]:
    """Return the smallest box about the pixels of a mask, or of all masks of a stack."""
    flat: Mask = np.any(mask.reshape(-1, *mask.shape[-2:]), axis=0)
    rows, columns = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def all_indices(smoothed: Smoothed, fields: Fields) -> dict[str, Smoothed]:
    """Return every index of a stack of smoothed images: "integral.ufov" ... "differential.cfov", in percent.

    Raises
    ------
    CannotMeasure
        As `integral` and `differential`.
    """
    along, down = window_spread(smoothed, 1), window_spread(smoothed, 0)
    found = {}
    for name, mask in fields.each():
        found[f"integral.{name}"] = integral(smoothed, mask)
        x, y = _worst(along, windows(mask, 1)), _worst(down, windows(mask, 0))
        found[f"differential_x.{name}"], found[f"differential_y.{name}"] = x, y
        found[f"differential.{name}"] = np.maximum(x, y)
    return found


def extremes(smoothed: Smoothed, mask: Mask) -> dict[str, Extremum]:
    """Return where the maximum, the minimum and the worst windows of one image are."""
    found = {}
    for what, values in (
        ("max", np.where(mask, smoothed, -np.inf)),
        ("min", np.where(mask, -smoothed, -np.inf)),
    ):
        row, column = divmod(int(values.argmax()), mask.shape[1])
        found[what] = Extremum((row, column), (row, column))
    directions: tuple[tuple[str, Axis], ...] = (("worst window, x", 1), ("worst window, y", 0))
    for what, axis in directions:
        spread = np.where(windows(mask, axis), window_spread(smoothed, axis), -1.0)
        row, column = divmod(int(spread.argmax()), spread.shape[1])
        last = (row, column + RUN - 1) if axis == 1 else (row + RUN - 1, column)
        found[what] = Extremum((row, column), last)
    return found


def outer_ring(mask: Mask) -> Mask:
    """Return the pixels of a mask of which at least one of the four neighbours is not in it."""
    inner = np.pad(mask, 1)
    return np.asarray(mask & ~(inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]))


def strict_fields(counts: Counts, ufov: Mask, cfov: Mask) -> StrictFields:
    """Return the pixels that the literal reading of the clause analyses.

    Pixels of the outer ring of the UFOV below 75 % of the mean of the CFOV are removed; then, once, every pixel
    of the UFOV of which one of the four neighbours was removed or holds no count (and it itself, if it holds
    none). A neighbour outside the UFOV removes nothing.

    This reading hides a dead spot: it takes a zero for something outside the field. It is for comparison.

    Parameters
    ----------
    counts : shape (rows, columns), re-binned, not smoothed
    ufov, cfov : shape (rows, columns)

    Raises
    ------
    CannotMeasure
        If the CFOV holds no pixel, or less than 80 % of the UFOV is left.

    References
    ----------
    NEMA NU 1, 2.4.
    """
    if not cfov.any():
        raise CannotMeasure("empty_field", "the central field of view holds no pixel")
    low = outer_ring(ufov) & (counts < EDGE_FRACTION * counts[cfov].mean())
    gone = low | (ufov & (counts == 0))
    around = np.pad(gone, 1)
    beside = around[:-2, 1:-1] | around[2:, 1:-1] | around[1:-1, :-2] | around[1:-1, 2:]
    removed = ufov & (beside | gone)
    left = ufov & ~removed
    if left.sum() < 0.8 * ufov.sum():
        raise CannotMeasure(
            "field_not_filled",
            f"the literal reading leaves {left.sum()} of {ufov.sum()} pixels, below 80 %: "
            "a large dead area, or an outline larger than the lit field",
        )
    return StrictFields(Fields(left, left & cfov), int(low.sum()), int((removed & ~low).sum()))


def _run_of_five(extreme: np.ufunc, values: NDArray[Any], axis: Axis) -> NDArray[Any]:
    """Combine every run of five along an axis (of the last two); the axis gets four shorter."""

    def part(array: NDArray[Any], start: int, stop: int | None) -> NDArray[Any]:
        return array[..., start:stop, :] if axis == 0 else array[..., start:stop]

    two = extreme(part(values, 0, -1), part(values, 1, None))
    four = extreme(part(two, 0, -2), part(two, 2, None))
    return np.asarray(extreme(part(four, 0, -1), part(values, 4, None)))
