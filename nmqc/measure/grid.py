"""Grids of pixels in millimetres, and re-binning by whole-number sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEMA_PIXEL_MM = 6.4
NEMA_PIXEL_RANGE_MM = (4.48, 8.32)  # 6.4 mm +- 30 %, ends included


@dataclass(frozen=True, slots=True)
class Axis:
    """Equal pixels along one axis: `count` of them, `pitch_mm` wide, the first one starting at `start_mm`.

    Millimetres are measured from the centre of the matrix.
    """

    count: int
    pitch_mm: float
    start_mm: float

    @classmethod
    def of_matrix(cls, count: int, pitch_mm: float) -> Axis:
        """Return the axis of a whole matrix, whose centre is at 0 mm."""
        return cls(count, pitch_mm, -count * pitch_mm / 2)

    @property
    def edges_mm(self) -> NDArray[np.float64]:
        """Pixel boundaries, shape (count + 1,)."""
        return np.asarray(self.start_mm + self.pitch_mm * np.arange(self.count + 1), np.float64)

    @property
    def centres_mm(self) -> NDArray[np.float64]:
        """Pixel centres, shape (count,)."""
        return np.asarray(self.start_mm + self.pitch_mm * (np.arange(self.count) + 0.5), np.float64)

    @property
    def middle_mm(self) -> float:
        """The middle between the first and the last boundary."""
        return self.start_mm + self.count * self.pitch_mm / 2


@dataclass(frozen=True, slots=True)
class Blocks:
    """How native pixels are summed along one axis: `count` blocks of `factor` pixels, from pixel `first` on."""

    factor: int
    first: int
    count: int

    def axis(self, native: int, pitch_mm: float) -> Axis:
        """Return the axis of the blocks, for `native` pixels of `pitch_mm`."""
        start_mm = (self.first - native / 2) * pitch_mm
        return Axis(self.count, self.factor * pitch_mm, start_mm)


def nema_factor(pitch_mm: float) -> int:
    """Return the whole number k for which k times the pixel is nearest to 6.4 mm; of two equally near the smaller.

    The range of the standard lies evenly about 6.4 mm, so that the nearest is in it if any is. Where none is the
    caller has to say that the pixel is not a standard one.

    References
    ----------
    NEMA NU 1, 2.4: pixels of 6.4 mm +- 30 %. The standard leaves the choice within the range open.
    """
    candidates = range(1, int(NEMA_PIXEL_RANGE_MM[1] / pitch_mm) + 2)
    return min(candidates, key=lambda k: (round(abs(k * pitch_mm - NEMA_PIXEL_MM), 9), k))


def is_nema_pixel(pitch_mm: float) -> bool:
    """Say whether a pixel lies within 6.4 mm +- 30 %, ends included (to a millionth of a millimetre)."""
    low, high = NEMA_PIXEL_RANGE_MM
    return low - 1e-6 <= pitch_mm <= high + 1e-6


def blocks_about(centre_mm: float, native: int, pitch_mm: float, factor: int, shift: int = 0) -> Blocks:
    """Place blocks symmetrically about a centre, on the grid of native pixels.

    For an odd factor a block's centre, for an even one a block's edge, falls on the native position nearest to
    `centre_mm`, taken to half a pixel: noise does not move the grid of a camera whose field lies in the middle of
    its matrix. Incomplete blocks at the borders of the matrix are left out.

    Parameters
    ----------
    centre_mm : centre of the active field, from the centre of the matrix
    native : number of native pixels along the axis
    pitch_mm : native pixel
    factor : native pixels per block
    shift : the grid is moved by this many native pixels (to study its phase)
    """
    centre = np.round(2 * (centre_mm / pitch_mm + native / 2)) / 2  # in pixels from the border of the matrix
    if factor % 2:
        anchor = int(np.ceil(centre - 0.5 - 0.5 - 1e-9)) - (factor - 1) // 2
    else:
        anchor = int(np.ceil(centre - 0.5 - 1e-9))
    first = (anchor + shift) % factor
    return Blocks(factor, first, (native - first) // factor)


def sum_blocks(image: NDArray[Any], rows: Blocks, columns: Blocks) -> NDArray[Any]:
    """Return the sums over blocks: int64 for integer images, float64 for others.

    Sums, never means or interpolated values: the sum of Poisson counts is a Poisson count.
    """
    kind = np.int64 if np.issubdtype(image.dtype, np.integer) else np.float64
    part = image[
        rows.first : rows.first + rows.count * rows.factor,
        columns.first : columns.first + columns.count * columns.factor,
    ]
    down: NDArray[Any] = part[:: rows.factor].astype(kind)
    for row in range(1, rows.factor):
        down += part[row :: rows.factor]
    along = down[:, :: columns.factor].copy()
    for column in range(1, columns.factor):
        along += down[:, column :: columns.factor]
    return along
