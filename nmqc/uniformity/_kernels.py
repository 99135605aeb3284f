"""The compiled twin of the uniformity indices. Importing this module imports Numba.

The same integers are added and the same float32 steps follow as in `nmqc.uniformity.indices`: the same numbers, bit
for bit (tests/uniformity/test_engines.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.engine import compiled
from nmqc.uniformity.indices import INDEX_NAMES, Axis, Fields, kernel_sum, windows

AXES: tuple[Axis, Axis] = (1, 0)
HUNDRED = np.float32(100)


@compiled
def _smooth(counts: Any, inverse: Any, down: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Smooth one image; `down` has a column of zeros on either side. Loops without branches: the compiler's."""
    rows, columns = inverse.shape
    for row in range(rows):
        above, below = max(row - 1, 0), min(row + 1, rows - 1)
        has_above, has_below = counts.dtype.type(row > 0), counts.dtype.type(row < rows - 1)
        for column in range(columns):
            down[column + 1] = (
                2 * counts[row, column]
                + has_above * counts[above, column]
                + has_below * counts[below, column]
            )
        for column in range(columns):
            total = 2 * down[column + 1] + down[column] + down[column + 2]
            out[row, column] = np.float32(total) * inverse[row, column]


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
    return HUNDRED * (top - bottom) / (top + bottom) if top > 0 else np.float32(-1)


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
    stack: Any, inverse: Any, outsides: Any, insides: Any, ux: Any, uy: Any, cx: Any, cy: Any, out: Any
) -> None:  # pragma: no cover - compiled
    rows, columns = inverse.shape
    smoothed = np.empty((rows, columns), np.float32)
    down = np.zeros(columns + 2, stack.dtype)
    first, second = np.empty(columns, np.float32), np.empty(columns, np.float32)
    for image in range(stack.shape[0]):
        _smooth(stack[image], inverse, down, smoothed)
        out[0, image] = _integral(smoothed, outsides[0], insides[0], first, second)
        out[1, image] = _worst(smoothed, ux, 0, 1, first)
        out[2, image] = _worst(smoothed, uy, 1, 0, first)
        out[4, image] = _integral(smoothed, outsides[1], insides[1], first, second)
        out[5, image] = _worst(smoothed, cx, 0, 1, first)
        out[6, image] = _worst(smoothed, cy, 1, 0, first)


def index_stack_numba(stack: NDArray[Any], fields: Fields) -> dict[str, NDArray[np.float32]]:
    """Return every uniformity index of a stack of integer images, as `indices.all_indices` does.

    Raises
    ------
    CannotMeasure
        As `indices.all_indices`.
    """
    weights = kernel_sum(fields.ufov.astype(np.int64))
    inverse = np.divide(1.0, weights, out=np.zeros(weights.shape), where=fields.ufov).astype(np.float32)
    starts = [windows(mask, axis).astype(np.float32) for _, mask in fields.each() for axis in AXES]
    if not all(one.any() for one in starts):
        raise CannotMeasure(
            "no_window", "differential uniformity: no run of five pixels lies in the field of view"
        )
    masks = np.stack([fields.ufov, fields.cfov])
    outsides = np.where(masks, 0, np.inf).astype(np.float32)
    out = np.empty((8, len(stack)), np.float32)
    _stack(
        np.ascontiguousarray(stack * fields.ufov), inverse, outsides, masks.astype(np.float32), *starts, out
    )
    out[3], out[7] = np.maximum(out[1], out[2]), np.maximum(out[5], out[6])
    if out.min() < 0:
        raise CannotMeasure("no_counts", "integral uniformity: the field of view holds no count")
    names = [f"{index}.{field}" for field in ("ufov", "cfov") for index in INDEX_NAMES]
    return dict(zip(names, out, strict=True))
