"""The hot spots of every view: where point sources may be, to a millimetre or two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmqc.cor.views import Floats, Head, Ints
from nmqc.measure.gaussian import FWHM_PER_SIGMA
from nmqc.measure.grid import Axis, Blocks, sum_blocks

SEARCH_PIXEL_MM = 5.0  # pixels are summed to at most this for the search
APART_MM = 8.0  # of two spots in a view the brighter one is kept where they are nearer
FAINTEST = 0.04  # of the brightest spots of the views
SIGMAS = 7.0  # above the background
SMOOTHED_NOISE = 0.141  # variance that 1-2-1 along both axes leaves of one count: (6/16)^2
ADDED = 0.5 + 1 / 12  # variance that 1-2-1 and the pixel add, in square pixels
SAMPLED = 3  # every third pixel tells the background


@dataclass(frozen=True, slots=True, eq=False)
class Spots:
    """Local maxima, of all views: the view of each (from 0), its place in mm, its height in counts of a pixel.

    `fwhm_mm` and `counts` are first guesses, of a Gaussian through the highest pixel and its neighbours.
    """

    view: Ints
    x_mm: Floats
    y_mm: Floats
    height: Floats
    fwhm_mm: Floats
    counts: Floats


def find_spots(head: Head) -> Spots:
    """Return the local maxima of each view, smoothed by 1-2-1, that stand out from its background.

    A spot is the highest pixel within 8 mm, seven standard deviations above the median of the view, and above a
    25th of the brightest spots. Its place is that of a parabola through its neighbours.
    """
    counts, rows, columns = _smoothed(head)
    level = np.median(counts[:, ::SAMPLED, ::SAMPLED], axis=(1, 2))
    brightest = float(np.median(counts.max(axis=(1, 2)) - level))
    noise = np.sqrt(SMOOTHED_NOISE * np.maximum(level, 1.0))
    lowest = level + np.maximum(SIGMAS * noise, FAINTEST * brightest)
    view, row, column = np.nonzero(counts > lowest[:, None, None])
    view, row, column = _highest(counts, view, row, column, rows, columns)
    above = counts - level[:, None, None]
    down = [above[view, row + step, column] for step in (-1, 0, 1)]
    along = [above[view, row, column + step] for step in (-1, 0, 1)]
    x_mm = columns.start_mm + (column + 0.5 + _vertex(*along)) * columns.pitch_mm
    y_mm = rows.start_mm + (row + 0.5 + _vertex(*down)) * rows.pitch_mm
    spread_y, spread_x = (
        _variance(*three) * axis.pitch_mm**2 for three, axis in ((down, rows), (along, columns))
    )
    height = np.asarray(down[1], np.float64)
    area = 2 * np.pi * np.sqrt(spread_y * spread_x) / (rows.pitch_mm * columns.pitch_mm)
    own = (spread_y + spread_x - ADDED * (rows.pitch_mm**2 + columns.pitch_mm**2)) / 2
    fwhm_mm = FWHM_PER_SIGMA * np.sqrt(np.maximum(own, (min(rows.pitch_mm, columns.pitch_mm) / 4) ** 2))
    return Spots(view, x_mm, y_mm, height, np.asarray(fwhm_mm), np.asarray(height * area))


def _smoothed(head: Head) -> tuple[np.ndarray, Axis, Axis]:
    """Return the views summed to pixels of 5 mm or less and smoothed, with a border of zeros, and their axes."""
    blocks = [
        _blocks(axis.count, max(1, int(SEARCH_PIXEL_MM / axis.pitch_mm)))
        for axis in (head.rows, head.columns)
    ]
    rows, columns = (
        block.axis(axis.count, axis.pitch_mm)
        for block, axis in zip(blocks, (head.rows, head.columns), strict=True)
    )
    smooth = np.zeros((head.views, rows.count + 2, columns.count + 2), np.float32)
    for view, counts in zip(smooth, head.counts, strict=True):  # one by one: each stays in the cache
        view[1:-1, 1:-1] = (
            sum_blocks(counts, *blocks) if max(block.factor for block in blocks) > 1 else counts
        )
        view[1:-1] = (view[:-2] + 2 * view[1:-1] + view[2:]) / 4
        view[:, 1:-1] = (view[:, :-2] + 2 * view[:, 1:-1] + view[:, 2:]) / 4
    wide_rows, wide_columns = (
        Axis(axis.count + 2, axis.pitch_mm, axis.start_mm - axis.pitch_mm) for axis in (rows, columns)
    )
    return smooth, wide_rows, wide_columns


def _blocks(count: int, factor: int) -> Blocks:
    """Return blocks of so many pixels about the middle of an axis."""
    return Blocks(factor, count % factor // 2, count // factor)


def _highest(
    counts: np.ndarray, view: Ints, row: Ints, column: Ints, rows: Axis, columns: Axis
) -> tuple[Ints, Ints, Ints]:
    """Return those pixels that are the highest within 8 mm; of equal ones the first."""
    inside = (row > 0) & (row < rows.count - 1) & (column > 0) & (column < columns.count - 1)
    view, row, column = view[inside], row[inside], column[inside]
    here, top = counts[view, row, column], np.ones(view.size, bool)
    reach = [max(1, int(APART_MM / axis.pitch_mm)) for axis in (rows, columns)]
    for down in range(-reach[0], reach[0] + 1):
        for along in range(-reach[1], reach[1] + 1):
            if down == along == 0:
                continue
            other = counts[
                view, np.clip(row + down, 0, rows.count - 1), np.clip(column + along, 0, columns.count - 1)
            ]
            top &= here > other if (down, along) < (0, 0) else here >= other
    return view[top], row[top], column[top]


def _vertex(low: np.ndarray, middle: np.ndarray, high: np.ndarray) -> Floats:
    """Return where the parabola through three neighbours is highest, in pixels from the middle one."""
    bend = np.minimum(low - 2 * middle + high, -1e-6)
    return np.asarray(np.clip(0.5 * (low - high) / bend, -0.5, 0.5), np.float64)


def _variance(low: np.ndarray, middle: np.ndarray, high: np.ndarray) -> Floats:
    """Return the variance of the Gaussian through three neighbours, in square pixels."""
    logs = [np.log(np.maximum(one, 1e-3 * middle)) for one in (low, middle, high)]
    return np.asarray(1 / np.clip(2 * logs[1] - logs[0] - logs[2], 0.02, 4.0), np.float64)
