"""How deep inside a region every cell lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def depth_mm(inside: NDArray[np.bool_], pitch_mm: tuple[float, float]) -> NDArray[np.float64]:
    """Return the distance of every cell from the nearest cell that is not inside, both taken at their centres.

    Beyond the border of the array nothing is inside. Exact, along the rows first, then along the columns: for regions
    of up to some hundred cells a side, where it costs less than importing `scipy.ndimage`.

    Parameters
    ----------
    inside : shape (rows, columns)
    pitch_mm : (down, along)

    Returns
    -------
    shape (rows, columns)
        0 outside.
    """
    depth = np.zeros(inside.shape)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not rows.size:
        return depth
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    along = np.minimum(_run(inside[box]), _run(inside[box][:, ::-1])[:, ::-1]) * pitch_mm[1]
    squares = along**2
    nearest, size = squares.copy(), squares.shape[0]
    for step in range(1, size + 1):
        apart = (step * pitch_mm[0]) ** 2
        if apart >= nearest.max():
            break
        np.minimum(nearest[step:], squares[:-step] + apart, out=nearest[step:])
        np.minimum(nearest[:-step], squares[step:] + apart, out=nearest[:-step])
        nearest[:step], nearest[-step:] = (
            np.minimum(nearest[:step], apart),
            np.minimum(nearest[-step:], apart),
        )
    depth[box] = np.sqrt(nearest)
    return depth


def _run(inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how many cells lie between each cell and the last one before it in its row that is not inside."""
    place = np.arange(1, inside.shape[1] + 1)[None, :]
    last = np.maximum.accumulate(np.where(inside, 0, place), axis=1)
    return np.asarray(place - last, np.float64)
