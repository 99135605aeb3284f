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
            lit[row, column] = counts[row, column] * inside[row, column]
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
def _integral(
    smoothed: Any, outside: Any, inside: Any, high: Any, low: Any
) -> Any:  # pragma: no cover - compiled
    """`inside` is 1 in the mask and 0 elsewhere, `outside` infinite elsewhere and 0 in the mask."""
    high[:], low[:] = 0, np.inf
    for row in range(smoothed.shape[0]):
        for column in range(smoothed.shape[1]):
            value = smoothed[row, column]
            high[column] = _larger(high[column], value * inside[row, column])
            low[column] = _smaller(low[column], value + outside[row, column])
    top, bottom = high.max(), low.min()
    return HUNDRED * (top - bottom) / (top + bottom) if top > 0 else -HUNDRED


@compiled
def _worst(
    smoothed: Any, starts: Any, down: int, along: int, best: Any
) -> Any:  # pragma: no cover - compiled
    """`starts` is 1 where a run of five begins and 0 elsewhere."""
    best[:] = 0
    for row in range(starts.shape[0]):
        for column in range(starts.shape[1]):
            a, b = smoothed[row, column], smoothed[row + down, column + along]
            c, d = smoothed[row + 2 * down, column + 2 * along], smoothed[row + 3 * down, column + 3 * along]
            e = smoothed[row + 4 * down, column + 4 * along]
            high = _larger(_larger(_larger(a, b), _larger(c, d)), e)
            low = _smaller(_smaller(_smaller(a, b), _smaller(c, d)), e)
            total = high + low
            total = total if total > 0 else np.float32(1)
            best[column] = _larger(best[column], HUNDRED * (high - low) / total * starts[row, column])
    return best.max()


@compiled
def _stack(
    stack: Any, inside: Any, inverse: Any, outsides: Any, insides: Any, along: Any, down: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Images with one mask, or with one each: all but `stack` and `out` have one entry, or one for each image.

    `outsides`, `insides`, and where runs along x and down begin, of UFOV and CFOV.
    """
    _, rows, columns = inverse.shape
    smoothed, lit = np.empty((rows, columns), out.dtype), np.empty((rows, columns), stack.dtype)
    lines = np.zeros(columns + 2, stack.dtype)
    first, second = np.empty(columns, out.dtype), np.empty(columns, out.dtype)
    for image in range(stack.shape[0]):
        mask = image if inverse.shape[0] > 1 else 0
        _smooth(stack[image], inside[mask], inverse[mask], lit, lines, smoothed)
        for field in range(2):
            out[4 * field, image] = _integral(
                smoothed, outsides[field, mask], insides[field, mask], first, second
            )
            out[4 * field + 1, image] = _worst(smoothed, along[field, mask], 0, 1, first)
            out[4 * field + 2, image] = _worst(smoothed, down[field, mask], 1, 0, first)


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
        masks = np.stack([fields.ufov, fields.cfov])
        masks = masks.reshape(2, -1, *masks.shape[-2:])
        along, down = windows(masks, 1), windows(masks, 0)
        if not all(one.any(axis=(1, 2, 3)).all() for one in (along, down)):
            raise CannotMeasure(
                "no_window", "differential uniformity: no run of five pixels lies in the field of view"
            )
        self._kind, self._ufov = kind, masks[0]
        self._arrays = (
            inverse_weights(masks[0], kind),
            np.where(masks, 0, np.inf).astype(kind),
            masks.astype(kind),
            along.astype(kind),
            down.astype(kind),
        )

    def __call__(self, stack: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the indices of a stack of images."""
        out = np.empty((8, len(stack)), self._kind)
        _stack(np.ascontiguousarray(stack), self._ufov.astype(stack.dtype), *self._arrays, out)
        out[3], out[7] = np.maximum(out[1], out[2]), np.maximum(out[5], out[6])
        if out.min() < 0:
            raise CannotMeasure("no_counts", "integral uniformity: the field of view holds no count")
        names = [f"{index}.{field}" for field in ("ufov", "cfov") for index in INDEX_NAMES]
        return dict(zip(names, out, strict=True))
