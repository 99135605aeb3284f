"""Ridges of an image: where it is highest across a bright line, and which way the line runs there.

Works on an image of about 2.4 mm pixels, summed from the native ones, and its smoothed derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.measure.grid import Axis, Blocks, sum_blocks
from nmqc.model import Frame

COARSE_MM = 2.4
SMOOTHING_MM, SMOOTHING_PX = 4.0, 0.9  # sigma of the smoothing: the larger of the two
SIGNIFICANT = 5.0  # strength of a ridge over its counting noise
WEAKEST = 0.05  # of the strongest ridge: weaker ones are penetration and scatter
SHORTEST_MM = 30.0  # between the outermost ridge points of a line
ROUNDEST = 0.35  # curvature along a ridge over that across it: rounder is the top of a spot
# fall along a ridge over one sigma of the smoothing, over its height: steeper is the side of a spot
STEEPEST = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Coarse:
    """An image summed to pixels of about 2.4 mm."""

    counts: NDArray[np.float64]
    rows: Axis
    columns: Axis

    @property
    def pitch_mm(self) -> float:
        """The longer side of a pixel."""
        return max(self.rows.pitch_mm, self.columns.pitch_mm)

    @property
    def fewest_points(self) -> int:
        """How many ridge points the shortest line has at least."""
        return max(3, int(SHORTEST_MM / self.pitch_mm))

    def at(self, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return counts per pixel at positions, interpolated linearly; beyond the border those at the border."""
        row, down = _cell(self.rows, y_mm)
        column, along = _cell(self.columns, x_mm)
        upper = self.counts[row, column] * (1 - along) + self.counts[row, column + 1] * along
        lower = self.counts[row + 1, column] * (1 - along) + self.counts[row + 1, column + 1] * along
        return np.asarray(upper * (1 - down) + lower * down)


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Ridge points: where, along which direction (degrees from x towards y, in [0, 180)), how strong."""

    x_mm: NDArray[np.float64]
    y_mm: NDArray[np.float64]
    degrees: NDArray[np.float64]
    strength: NDArray[np.float64]

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.x_mm.size)

    def where(self, chosen: NDArray[np.bool_]) -> Points:
        """Return some of the points."""
        return Points(self.x_mm[chosen], self.y_mm[chosen], self.degrees[chosen], self.strength[chosen])


def coarse_image(frame: Frame) -> Coarse:
    """Sum a frame to pixels of at most 2.4 mm where its own are finer."""
    blocks, axes = [], []
    for native, pitch_mm in zip(frame.counts.shape, frame.spacing_mm, strict=True):
        factor = max(1, min(int(COARSE_MM / pitch_mm + 1e-9), native // 8))
        blocks.append(Blocks(factor, 0, native // factor))
        axes.append(blocks[-1].axis(native, pitch_mm))
    return Coarse(sum_blocks(frame.counts, *blocks).astype(np.float64), *axes)


def ridge_points(image: Coarse, counting: bool) -> Points:
    """Return the points of all ridges that stand out of noise and are at least 5 % as strong as the strongest.

    The strongest are as many as the shortest line has: hot pixels and bright spots have fewer.

    Parameters
    ----------
    counting : the values are counts, and ridges must exceed their counting noise

    Notes
    -----
    With the image smoothed by a Gaussian of sigma s, a ridge is where the second derivative across it is the most
    negative one and the first derivative across it is zero (Steger, IEEE Trans Pattern Anal Mach Intell 1998;20:113);
    its strength is -s^2 times the second derivative.
    """
    sigma_mm = max(SMOOTHING_MM, SMOOTHING_PX * image.pitch_mm)
    smooth, to_x, to_y, to_xx, to_xy, to_yy = _derivatives(image, sigma_mm)
    middle, half = (to_xx + to_yy) / 2, np.hypot((to_xx - to_yy) / 2, to_xy)
    across = middle - half
    chosen = (across < 0) & (np.abs(middle + half) < ROUNDEST * np.abs(across))
    if counting:
        chosen &= -across * sigma_mm**2 > SIGNIFICANT * _noise(image, smooth, sigma_mm)
    row, column = np.nonzero(chosen)
    along = 0.5 * np.arctan2(2 * to_xy, to_xx - to_yy)[row, column]
    normal_x, normal_y = -np.sin(along), np.cos(along)
    shift_mm = -(to_x[row, column] * normal_x + to_y[row, column] * normal_y) / across[row, column]
    points = Points(
        image.columns.centres_mm[column] + shift_mm * normal_x,
        image.rows.centres_mm[row] + shift_mm * normal_y,
        np.degrees(along) % 180,
        -across[row, column] * sigma_mm**2,
    )
    fall = np.abs(to_x[row, column] * normal_y - to_y[row, column] * normal_x) * sigma_mm
    own = fall <= STEEPEST * smooth[row, column]
    own &= np.abs(shift_mm * normal_x) <= 0.55 * image.columns.pitch_mm
    own &= np.abs(shift_mm * normal_y) <= 0.55 * image.rows.pitch_mm
    points = points.where(own)
    fewest = image.fewest_points
    if points.count < fewest:
        return points.where(np.zeros(points.count, bool))
    strong = np.partition(points.strength, -fewest)[-fewest]
    return points.where(points.strength >= WEAKEST * strong)


def _derivatives(image: Coarse, sigma_mm: float) -> list[NDArray[np.float64]]:
    """Return the image smoothed by a Gaussian, and its derivatives by x, y, xx, xy and yy (per mm, mm^2)."""
    pad = [int(np.ceil(4 * sigma_mm / axis.pitch_mm)) for axis in (image.rows, image.columns)]
    wide = np.pad(image.counts, [(width, width) for width in pad], mode="edge")
    v = 2j * np.pi * np.fft.fftfreq(wide.shape[0], image.rows.pitch_mm)[:, None]
    u = 2j * np.pi * np.fft.rfftfreq(wide.shape[1], image.columns.pitch_mm)[None, :]
    spectrum = np.fft.rfft2(wide) * np.exp(sigma_mm**2 * (u**2 + v**2).real / 2)
    inner = tuple(slice(width, width + size) for width, size in zip(pad, image.counts.shape, strict=True))
    factors = (1.0, u, v, u * u, u * v, v * v)
    return [np.fft.irfft2(spectrum * factor, s=wide.shape)[inner] for factor in factors]


def _noise(image: Coarse, smooth: NDArray[np.float64], sigma_mm: float) -> NDArray[np.float64]:
    """Return the counting noise of the strength: s^2 times the SD of a second derivative of white noise.

    The sum of squares of that filter is 3 a / (16 pi s^6), a the area of a pixel. One count in the area of the
    filter is expected at least.
    """
    area = image.rows.pitch_mm * image.columns.pitch_mm
    variance = np.maximum(smooth, area / (4 * np.pi * sigma_mm**2))
    return np.asarray(np.sqrt(variance * 3 * area / (16 * np.pi)) / sigma_mm)


def _cell(axis: Axis, at_mm: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the pixel before each position, and how far the position lies from its centre towards the next."""
    place = np.clip((at_mm - axis.start_mm) / axis.pitch_mm - 0.5, 0, axis.count - 1)
    first = np.minimum(place.astype(np.int64), axis.count - 2)
    return first, place - first
