"""Line sources to a small part of a pixel: midpoints of short pieces of each, and the straight line through them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.gaussian import FWHM_PER_SIGMA
from nmqc.measure.grid import Axis
from nmqc.model import Frame
from nmqc.resolution.line_search import Segment

END_FWHM = 2.0  # from the ends of a line, what is left out
CLEAR_FWHM = 3.5  # from another line
REACH_FWHM = 2.0  # of a line-spread function to both sides
STRIP_MM = 30.0
PIECE_MM, PIECE_PX = 5.0, 3.0  # of a line, for which one midpoint is taken: the longer of the two
NO_CLEAR_STRIP = (
    f"too little of it lies clear of its ends ({END_FWHM:g} FWHM), of other lines ({CLEAR_FWHM:g} FWHM) and of the "
    f"border of the image ({REACH_FWHM:g} FWHM): use longer lines, further apart and inside the image"
)
_FLOOR_MM = (
    0.1  # added to the counting error of a midpoint when it is weighed: bright pieces do not decide alone
)
_FEWEST_PIECES = 3
_ROUNDS = 5
_REACH_SIGMA, _REACH_MM = (
    3.0,
    5.0,
)  # of the pixels about a line that its midpoints are taken from: the sum of both
_POOREST = 0.5  # error of a midpoint over the line's sigma, from which it is left out


@dataclass(frozen=True, slots=True, eq=False)
class Turned:
    """An image turned so that a line runs down its rows, within 45 degrees.

    `along` are its rows, `across` its columns; `down` says that nothing had to be turned.
    """

    counts: NDArray[Any]
    along: Axis
    across: Axis
    down: bool

    @classmethod
    def of(cls, frame: Frame, segment: Segment) -> Turned:
        """Return a frame, transposed where the line runs along its rows."""
        rows, columns = (
            Axis.of_matrix(count, pitch)
            for count, pitch in zip(frame.counts.shape, frame.spacing_mm, strict=True)
        )
        if abs(segment.dy) > abs(segment.dx):
            return cls(frame.counts, rows, columns, True)
        return cls(frame.counts.T, columns, rows, False)

    def swapped(self, first: Any, second: Any) -> tuple[Any, Any]:
        """Return (across, along) as (x, y), or (x, y) as (across, along)."""
        return (first, second) if self.down else (second, first)

    def holds(self, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which positions lie inside the image."""
        across, along = self.swapped(x_mm, y_mm)
        return np.asarray((np.abs(along) <= -self.along.start_mm) & (np.abs(across) <= -self.across.start_mm))

    def value(self, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the counts of the pixels that hold some positions."""
        across, along = self.swapped(x_mm, y_mm)
        return np.asarray(self.counts[_pixel(self.along, along), _pixel(self.across, across)], np.float64)

    def near(self, segment: Segment, reach_mm: float) -> tuple[NDArray[np.float64], ...]:
        """Return x, y and counts of the pixels within some distance of a line, and some that lie further off."""
        across_mm, along_mm = self.swapped(segment.x_mm, segment.y_mm)
        d_across, d_along = self.swapped(segment.dx, segment.dy)
        half = segment.half_mm * abs(d_along) + reach_mm * abs(d_across)
        first, last = _pixel(self.along, np.array([along_mm - half, along_mm + half]))
        row = np.arange(int(first), int(last) + 1)
        along = self.along.centres_mm[row]
        centre = _pixel(self.across, across_mm + d_across / d_along * (along - along_mm))
        reach = math.ceil(reach_mm / abs(d_along) / self.across.pitch_mm) + 1
        column = centre[:, None] + np.arange(-reach, reach + 1)
        inside = (column >= 0) & (column < self.across.count)
        rows = np.broadcast_to(row[:, None], column.shape)[inside]
        x, y = self.swapped(self.across.centres_mm[column[inside]], self.along.centres_mm[rows])
        return x, y, self.counts[rows, column[inside]].astype(np.float64)


def _pixel(axis: Axis, at_mm: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the pixels that hold some positions; those at the border for what lies beyond."""
    return np.asarray(np.clip(np.floor((at_mm - axis.start_mm) / axis.pitch_mm), 0, axis.count - 1), np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Midpoints of pieces of a line: how far along it and off it, with their variance by counting.

    `height` is the brightness of the piece above its sides, in counts per pixel.
    """

    along_mm: NDArray[np.float64]
    off_mm: NDArray[np.float64]
    variance_mm2: NDArray[np.float64]
    height: NDArray[np.float64]

    def where(self, chosen: NDArray[np.bool_]) -> Pieces:
        """Return some of the pieces."""
        return Pieces(
            self.along_mm[chosen], self.off_mm[chosen], self.variance_mm2[chosen], self.height[chosen]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Straight:
    """A straight line: a point on it, and its direction, (`dx`, `dy`) of length 1.

    `counting` and `bending` are covariances of the offset at that point (mm) and of the direction (radians): by
    counting, and by how far the midpoints lie off the line beyond that, `bend_mm` (RMS).
    """

    x_mm: float
    y_mm: float
    dx: float
    dy: float
    counting: NDArray[np.float64]
    bending: NDArray[np.float64]
    bend_mm: float

    @property
    def angle_deg(self) -> float:
        """Angle from the x axis, counter-clockwise as displayed, in (-90, 90]."""
        angle = math.degrees(math.atan2(-self.dy, self.dx)) % 180
        return angle if angle <= 90 else angle - 180

    def along_mm(self, x_mm: float, y_mm: float) -> float:
        """Return how far along the line a position lies, from its point."""
        return (x_mm - self.x_mm) * self.dx + (y_mm - self.y_mm) * self.dy

    def variances_mm2(self, along_mm: float) -> tuple[float, float]:
        """Return the variances of the offset at a place along the line: by counting, and by bending."""
        step = np.array([1.0, along_mm])
        return float(step @ self.counting @ step), float(step @ self.bending @ step)


def midpoints(image: Turned, segment: Segment) -> Pieces:
    """Return the midpoints of pieces of about 5 mm of a line.

    The midpoint c of a piece solves sum w(d - c) (d - c) n = 0 over its pixels, d their distance from the line with a
    sign, w a Gaussian of the line's own sigma: a constant background drops out, and neighbours do not reach in. Its
    variance is sum w^2 (d - c)^2 n over the square of the sum's slope. A pixel on the border of two pieces belongs to
    both in parts; the variance is made larger by what that takes off it.
    """
    sigma_mm = segment.fwhm_mm / FWHM_PER_SIGMA
    x, y, counts = image.near(segment, _REACH_SIGMA * sigma_mm + _REACH_MM)
    pixel_mm = max(image.along.pitch_mm, image.across.pitch_mm)
    count = max(1, int(2 * segment.half_mm / max(PIECE_MM, PIECE_PX * pixel_mm)))
    length_mm = 2 * segment.half_mm / count
    piece, part, chosen = _shares(segment.along_mm(x, y) + segment.half_mm, length_mm, count, pixel_mm)
    off, counts = segment.off_mm(x, y)[chosen], counts[chosen]
    middle = np.zeros(count)
    for _ in range(_ROUNDS):
        z = (off - middle[piece]) / sigma_mm
        weight = part * np.exp(-(z**2) / 2)
        pull, slope = (np.bincount(piece, weight * shape * counts, count) for shape in (z, 1 - z**2))
        middle += np.where(slope > 0, np.clip(pull / np.where(slope > 0, slope, 1.0), -1, 1), 0.0) * sigma_mm
    variance = np.bincount(piece, (weight * z) ** 2 * counts, count) / np.where(slope > 0, slope, 1.0) ** 2
    variance /= 1 - pixel_mm / length_mm / 3
    along = np.asarray((np.arange(count) + 0.5) * length_mm - segment.half_mm, np.float64)
    pieces = Pieces(
        along, middle, np.maximum(variance, 1e-12) * sigma_mm**2, _heights(piece, part, z, counts, count)
    )
    return pieces.where((slope > 0) & (variance < _POOREST**2) & (np.abs(middle) < _REACH_MM))


def _shares(
    from_start_mm: NDArray[np.float64], length_mm: float, count: int, pixel_mm: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return which pieces hold a part of each pixel, which part, and of which pixel."""
    first = np.floor((from_start_mm - pixel_mm / 2) / length_mm).astype(np.int64)
    in_first = np.clip(((first + 1) * length_mm - from_start_mm) / pixel_mm + 0.5, 0.0, 1.0)
    piece, part = np.concatenate([first, first + 1]), np.concatenate([in_first, 1 - in_first])
    chosen = np.flatnonzero((part > 0) & (piece >= 0) & (piece < count))
    return piece[chosen], part[chosen], chosen % from_start_mm.size


def _heights(
    piece: NDArray[np.int64],
    part: NDArray[np.float64],
    z: NDArray[np.float64],
    counts: NDArray[np.float64],
    count: int,
) -> NDArray[np.float64]:
    """Return the mean counts per pixel within 0.7 sigma of the midpoint, less those from 2.6 sigma on."""
    means = []
    for zone in (np.abs(z) < 0.7, np.abs(z) > 2.6):
        held = np.bincount(piece[zone], part[zone] * counts[zone], count)
        means.append(held / np.maximum(np.bincount(piece[zone], part[zone], count), 1e-9))
    return np.asarray(means[0] - means[1])


def fitted_line(segment: Segment, pieces: Pieces) -> Straight:
    """Return the line with the least weighted squared distances from the midpoints.

    A midpoint weighs as one over its variance plus (0.1 mm)^2. Bends are taken to be the same within 30 mm.

    Raises
    ------
    CannotMeasure
        ``no_clear_strip``, if there are fewer than three midpoints.
    """
    if pieces.along_mm.size < _FEWEST_PIECES:
        raise CannotMeasure("no_clear_strip", NO_CLEAR_STRIP)
    weight = 1 / (pieces.variance_mm2 + _FLOOR_MM**2)
    middle = float(np.average(pieces.along_mm, weights=weight))
    design = np.stack([np.ones_like(weight), pieces.along_mm - middle])
    gain = np.linalg.solve((design * weight) @ design.T, design * weight)
    at, slope = (float(value) for value in gain @ pieces.off_mm)
    bend = _bend(pieces.off_mm - at - slope * design[1], pieces.variance_mm2)
    alike = max(1.0, STRIP_MM * pieces.along_mm.size / max(float(np.ptp(pieces.along_mm)), STRIP_MM))
    length = math.hypot(1.0, slope)
    return Straight(
        segment.x_mm + middle * segment.dx - at * segment.dy,
        segment.y_mm + middle * segment.dy + at * segment.dx,
        (segment.dx - slope * segment.dy) / length,
        (segment.dy + slope * segment.dx) / length,
        (gain * pieces.variance_mm2) @ gain.T,
        bend**2 * alike * gain @ gain.T,
        bend,
    )


def _bend(off_mm: NDArray[np.float64], variance_mm2: NDArray[np.float64]) -> float:
    """Return the RMS of midpoints about a line beyond counting; 0 where counting explains them."""
    freedom = off_mm.size - 2
    if float((off_mm**2 / variance_mm2).sum()) <= freedom + 3 * math.sqrt(2 * freedom):
        return 0.0
    return math.sqrt(max(0.0, float((off_mm**2 - variance_mm2).sum()) / freedom))


def is_clear(
    image: Turned, segment: Segment, others: Sequence[Segment], along_mm: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Say of places along a line whether they are clear of its ends, of other lines and of the image's border."""
    x, y = segment.x_mm + along_mm * segment.dx, segment.y_mm + along_mm * segment.dy
    clear = np.abs(along_mm) <= segment.half_mm - END_FWHM * segment.fwhm_mm
    for other in others:
        clear &= other.distance_mm(x, y) >= CLEAR_FWHM * max(segment.fwhm_mm, other.fwhm_mm)
    for reach_mm in (-REACH_FWHM * segment.fwhm_mm, REACH_FWHM * segment.fwhm_mm):
        clear &= image.holds(x - reach_mm * segment.dy, y + reach_mm * segment.dx)
    return np.asarray(clear)
