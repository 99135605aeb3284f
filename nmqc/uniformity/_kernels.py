"""The compiled twin of the uniformity indices. Importing this module imports Numba.

The same steps in the same order as in `nmqc.uniformity.indices` and `nmqc.uniformity.structure`: the same numbers,
bit for bit (tests/uniformity/test_engines.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.engine import compiled
from nmqc.uniformity.indices import INDEX_NAMES, Fields, inverse_weights, windows
from nmqc.uniformity.structure import Sums

HUNDRED = np.float32(100)


@compiled
def _smooth(
    counts: Any, inside: Any, inverse: Any, lit: Any, down: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Smooth what of one image lies inside its mask; `down` has a column of zeros on either side.

    Loops without branches: the compiler's.
    """
    rows, columns = inverse.shape
    for row in range(rows):
        for column in range(columns):
            lit[row, column] = counts[row, column] if inside[row, column] else 0
    for row in range(rows):
        above, below = max(row - 1, 0), min(row + 1, rows - 1)
        has_above, has_below = lit.dtype.type(row > 0), lit.dtype.type(row < rows - 1)
        for column in range(columns):
            down[column + 1] = (
                2 * lit[row, column] + has_above * lit[above, column] + has_below * lit[below, column]
            )
        for column in range(columns):
            total = 2 * down[column + 1] + down[column] + down[column + 2]
            out[row, column] = out.dtype.type(total) * inverse[row, column]


@compiled
def _larger(a: Any, b: Any) -> Any:  # pragma: no cover - compiled
    return a if a > b else b


@compiled
def _smaller(a: Any, b: Any) -> Any:  # pragma: no cover - compiled
    return a if a < b else b


@compiled
def _integral(smoothed: Any, inside: Any, high: Any, low: Any) -> Any:  # pragma: no cover - compiled
    """Return the integral uniformity over a mask; -100 where nothing in it is above 0."""
    high[:], low[:] = 0, np.inf
    nothing = smoothed.dtype.type(np.inf)
    for row in range(smoothed.shape[0]):
        for column in range(smoothed.shape[1]):
            value, counts = smoothed[row, column], inside[row, column]
            high[column] = _larger(high[column], value if counts else smoothed.dtype.type(0))
            low[column] = _smaller(low[column], value if counts else nothing)
    top, bottom = high.max(), low.min()
    return HUNDRED * (top - bottom) / (top + bottom) if top > 0 else -HUNDRED


@compiled
def _worst(
    smoothed: Any, starts: Any, down: int, along: int, best: Any, central: Any
) -> Any:  # pragma: no cover - compiled
    """Return the worst windows of UFOV and CFOV; `starts` says where a run of five begins in each."""
    best[:], central[:] = 0, 0
    zero = smoothed.dtype.type(0)
    for row in range(starts.shape[1]):
        for column in range(starts.shape[2]):
            a, b = smoothed[row, column], smoothed[row + down, column + along]
            c, d = smoothed[row + 2 * down, column + 2 * along], smoothed[row + 3 * down, column + 3 * along]
            e = smoothed[row + 4 * down, column + 4 * along]
            high = _larger(_larger(_larger(a, b), _larger(c, d)), e)
            low = _smaller(_smaller(_smaller(a, b), _smaller(c, d)), e)
            total = high + low
            total = total if total > 0 else smoothed.dtype.type(1)
            spread = HUNDRED * (high - low) / total
            best[column] = _larger(best[column], spread if starts[0, row, column] else zero)
            central[column] = _larger(central[column], spread if starts[1, row, column] else zero)
    return best.max(), central.max()


@compiled
def _stack(
    stack: Any, inverse: Any, masks: Any, along: Any, down: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Images with one mask, or with one each: all but `stack` and `out` have one entry, or one for each image.

    `masks`, and where runs along x and down begin, are of UFOV and CFOV: shape (entries, 2, rows, columns).
    """
    _, rows, columns = inverse.shape
    smoothed, lit = np.empty((rows, columns), out.dtype), np.empty((rows, columns), stack.dtype)
    lines = np.zeros(columns + 2, stack.dtype)
    first, second = np.empty(columns, out.dtype), np.empty(columns, out.dtype)
    for image in range(stack.shape[0]):
        mask = image if inverse.shape[0] > 1 else 0
        _smooth(stack[image], masks[mask, 0], inverse[mask], lit, lines, smoothed)
        out[0, image] = _integral(smoothed, masks[mask, 0], first, second)
        out[4, image] = _integral(smoothed, masks[mask, 1], first, second)
        out[1, image], out[5, image] = _worst(smoothed, along[mask], 0, 1, first, second)
        out[2, image], out[6, image] = _worst(smoothed, down[mask], 1, 0, first, second)


@compiled
def _add(
    stack: Any, inside: Any, central: Any, rows: Any, columns: Any, middle: Any
) -> None:  # pragma: no cover - compiled
    """Add up rows, columns and the central field of images that share their mask; all start from zero."""
    for image in range(stack.shape[0]):
        for row in range(inside.shape[0]):
            whole, part = np.int64(0), np.int64(0)
            for column in range(inside.shape[1]):
                lit = stack[image, row, column] * inside[row, column]
                whole += lit
                part += lit * central[row, column]
                columns[image, column] += lit
            rows[image, row] = whole
            middle[image] += part


def sums_numba(stack: NDArray[np.integer[Any]], fields: Fields) -> Sums:
    """Return the sums of images of whole numbers, as `structure.sums` does."""
    images, rows, columns = stack.shape
    found = [
        np.zeros((images, rows), np.int64),
        np.zeros((images, columns), np.int64),
        np.zeros(images, np.int64),
    ]
    _add(np.ascontiguousarray(stack), *(mask.astype(stack.dtype) for _, mask in fields.each()), *found)
    return Sums(*(one.astype(np.float64) for one in found))


class CompiledIndices:
    """Every uniformity index of images on the same fields: what depends on the masks alone is made once.

    Raises
    ------
    CannotMeasure
        As `indices.all_indices`.
    """

    def __init__(self, fields: Fields, kind: type[np.floating[Any]]) -> None:
        masks = np.stack([fields.ufov, fields.cfov], axis=-3)
        masks = masks.reshape(-1, *masks.shape[-3:])
        along, down = windows(masks, 1), windows(masks, 0)
        if not all(starts.any(axis=(0, 2, 3)).all() for starts in (along, down)):
            raise CannotMeasure(
                "no_window", "differential uniformity: no run of five pixels lies in the field of view"
            )
        self._kind = kind
        self._arrays = inverse_weights(masks[:, 0], kind), masks, along, down

    def __call__(self, stack: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the indices of a stack of images."""
        out = np.empty((8, len(stack)), self._kind)
        _stack(np.ascontiguousarray(stack), *self._arrays, out)
        out[3], out[7] = np.maximum(out[1], out[2]), np.maximum(out[5], out[6])
        if out.min() < 0:
            raise CannotMeasure("no_counts", "integral uniformity: the field of view holds no count")
        names = [f"{index}.{field}" for field in ("ufov", "cfov") for index in INDEX_NAMES]
        return dict(zip(names, out, strict=True))
