"""The dividing cross to a part of a millimetre: where the bars of each quadrant end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmqc.resolution.bar_image import BarImage, Floats
from nmqc.resolution.bar_layout import SIGNS, Cross, Mask
from nmqc.resolution.modulation import Disc, Modulation

EDGE_SIGMA_MM = 1.8  # over which bars fade at their end: the blur of a usual camera
SEARCHED_MM, STEP_MM = 12.0, 0.05
INSIDE_MM = 20.0  # where it is looked up whether bars lie behind a piece of the border
CLEAR_MM = 12.0  # from the other line of the cross
UNKNOWN_MM = 5.0  # standard deviation of a line of which no end tells: a cell
# Parts of a bar to which the end of bars is known that cross the border, and that run along it.
ACROSS_PART, ALONG_PART = 0.1, 0.4


@dataclass(frozen=True, slots=True)
class Pattern:
    """The bars of one quadrant: their wave, its modulation, and the disc that these come from."""

    quadrant: int
    fx: float
    fy: float
    found: Modulation
    disc: Disc

    def excess(self, x_mm: Floats, y_mm: Floats) -> Floats:
        """Return the fundamental at positions, as a part of the mean."""
        turns = self.fx * (x_mm - self.disc.x_mm) + self.fy * (y_mm - self.disc.y_mm)
        return np.asarray(
            min(self.found.value, 0.95) * np.cos(2 * np.pi * turns + self.found.phase_rad), np.float64
        )


def refine_cross(
    image: BarImage, cross: Cross, bars: Mask, patterns: tuple[Pattern, ...]
) -> tuple[Cross, float, float]:
    """Return the cross, and the standard deviations of its centre along u and v in mm.

    For each side of each line the log-likelihood of the counts is greatest for the place t at which the bars there
    end: bars fade as Phi((t - u) / s). The line lies in the middle of the two ends. Bars that cross the border tell
    best; the end of those that run along it is known to a part of a bar only.
    """
    lines = [_line(image, cross, bars, patterns, axis) for axis in (0, 1)]
    (u_mm, half_u, sigma_u), (v_mm, half_v, sigma_v) = lines
    x_mm, y_mm = cross.position(u_mm, v_mm)
    half_mm = max(0.0, (half_u + half_v) / 2)
    return replace(cross, x_mm=x_mm, y_mm=y_mm, half_mm=half_mm), sigma_u, sigma_v


def _line(
    image: BarImage, cross: Cross, bars: Mask, patterns: tuple[Pattern, ...], axis: int
) -> tuple[float, float, float]:
    """Return middle, half width and standard deviation of one line: axis 0 divides u, axis 1 divides v."""
    ends: list[float] = []
    sigmas: list[float] = []
    for side in (-1, 1):
        there = [one for one in patterns if SIGNS[one.quadrant][axis] == side]
        found = [_end_and_sigma(image, cross, bars, one, axis, side) for one in there]
        end, sigma = _weighted([one for one in found if np.isfinite(one[1])])
        if np.isfinite(sigma):
            ends.append(side * end)
            sigmas.append(sigma)
    if not ends:
        return 0.0, 0.0, UNKNOWN_MM
    if len(ends) == 1:
        return ends[0], 0.0, float(np.hypot(sigmas[0], UNKNOWN_MM / 2))
    return (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2, float(np.hypot(sigmas[0], sigmas[1]) / 2)


def _end_and_sigma(
    image: BarImage, cross: Cross, bars: Mask, pattern: Pattern, axis: int, side: int
) -> tuple[float, float]:
    """Return the end of one quadrant's bars, and its uncertainty with the part of a bar to which it is known."""
    end, sigma = _end(image, cross, bars, pattern, axis, side)
    part = ALONG_PART if _runs_along(pattern, cross, axis) else ACROSS_PART
    return end, float(np.hypot(sigma, part * 0.5 / np.hypot(pattern.fx, pattern.fy)))


def _weighted(found: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the mean weighted by the inverse variances, and its standard deviation; infinite where there is none."""
    if not found:
        return 0.0, float("inf")
    values, sigmas = np.array(found).T
    weight = sigmas**-2
    return float((weight * values).sum() / weight.sum()), float(weight.sum() ** -0.5)


def _runs_along(pattern: Pattern, cross: Cross, axis: int) -> bool:
    """Say whether the bars run along the line: their wave then points across it."""
    origin = replace(cross, x_mm=0.0, y_mm=0.0)
    along = [abs(float(one)) for one in origin.turned(np.array(pattern.fx), np.array(pattern.fy))]
    return along[axis] > along[1 - axis] * 1.5


def _end(
    image: BarImage, cross: Cross, bars: Mask, pattern: Pattern, axis: int, side: int
) -> tuple[float, float]:
    """Return how far outside the line the bars of a quadrant end (negative: inside it), and its uncertainty."""
    at = np.arange(-SEARCHED_MM, SEARCHED_MM + STEP_MM / 2, STEP_MM)
    depth, linear, square = _pieces(image, cross, bars, pattern, axis, side)
    fade = _fading(at[:, None] + depth[None, :])
    score = fade @ linear - fade**2 @ square
    best = int(score.argmax())
    if not 2 <= best <= at.size - 3:
        return 0.0, float("inf")
    reach = max(2, round(0.5 / STEP_MM))
    low, high = max(best - reach, 0), min(best + reach, at.size - 1)
    curve = np.polyfit(at[low : high + 1] - at[best], score[low : high + 1], 2)
    if curve[0] >= 0:
        return float(-at[best]), float("inf")
    end = at[best] + float(np.clip(-curve[1] / (2 * curve[0]), -STEP_MM, STEP_MM))
    return float(-end), float((-2 * curve[0]) ** -0.5)


def _fading(t: Floats) -> Floats:
    """Return Phi(t / s), by a logistic: the part of the bars left t mm inside their end."""
    return np.asarray(1 / (1 + np.exp(-np.clip(1.702 * t / EDGE_SIGMA_MM, -40, 40))))


def _pieces(
    image: BarImage, cross: Cross, bars: Mask, pattern: Pattern, axis: int, side: int
) -> tuple[Floats, Floats, Floats]:
    """Return depth inside the line, and the two sums of the log-likelihood, for slices of 0.5 mm."""
    x, y = np.meshgrid(image.columns.centres_mm, image.rows.centres_mm)
    turned = cross.turned(x, y)
    depth, across = side * turned[axis], SIGNS[pattern.quadrant][1 - axis] * turned[1 - axis]
    near = (depth > -SEARCHED_MM - 6) & (depth < SEARCHED_MM + 14) & (across > CLEAR_MM)
    depth, across = depth[near], across[near]
    places = (side * INSIDE_MM, SIGNS[pattern.quadrant][1 - axis] * across)
    inner = _positions(cross, *(places if axis == 0 else places[::-1]))
    used = _looked_up(image, bars, *inner)
    level, counts = image.smooth_level()[near][used], image.counts[near][used]
    usual = float(np.median(level)) if level.size else 0.0  # of the bars: more than half of the pixels
    excess = pattern.excess(x[near][used], y[near][used])
    slices = np.round(depth[used] / 0.5).astype(int)
    first = int(slices.min()) if slices.size else 0
    slices -= first
    if not _runs_along(
        pattern, cross, axis
    ):  # what is even along the border says nothing of bars that cross it
        excess = excess - _mean_of(slices, excess)
    linear = np.bincount(slices, (counts - level) * excess).astype(np.float64)
    square = np.bincount(slices, usual * excess**2 / 2).astype(np.float64)
    depths = 0.5 * (first + np.arange(linear.size, dtype=np.float64))
    return depths, linear, square


def _mean_of(slices: NDArray[np.intp], values: Floats) -> Floats:
    """Return, for every value, the mean of its slice."""
    number = np.bincount(slices)
    return np.asarray((np.bincount(slices, values) / np.maximum(number, 1))[slices])


def _positions(cross: Cross, u_mm: Floats | float, v_mm: Floats | float) -> tuple[Floats, Floats]:
    cos, sin = np.cos(np.radians(cross.angle_deg)), np.sin(np.radians(cross.angle_deg))
    u, v = np.broadcast_arrays(np.asarray(u_mm, float), np.asarray(v_mm, float))
    return cross.x_mm + u * cos + v * sin, cross.y_mm - u * sin + v * cos


def _looked_up(image: BarImage, bars: Mask, x_mm: Floats, y_mm: Floats) -> Mask:
    """Return the cell mask at positions; False outside the cells."""
    rows, columns = image.cell_rows, image.cell_columns
    row = np.floor((y_mm - rows.start_mm) / rows.pitch_mm).astype(int)
    column = np.floor((x_mm - columns.start_mm) / columns.pitch_mm).astype(int)
    within = (row >= 0) & (row < rows.count) & (column >= 0) & (column < columns.count)
    found = np.zeros(x_mm.shape, bool)
    found[within] = bars[row[within], column[within]]
    return found
