"""Line-spread functions of a slit mask, strip by strip, and the straightness of the slits.

Functions take arrays of shape (..., slits, strips): leading axes are repetitions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.measure.profile import all_crossings, peaks
from nmqc.resolution.slit_field import SlitField
from nmqc.resolution.slit_mask import FEWEST_STRIPS, LIT, Mask, strip_pixels, sum_strips

REACH = 1 / 3  # of the pitch, to either side of where a slit is expected: its window
CLEAR_FWHM = 1.5  # from the border across the slits, nearer than which a line-spread function is cut
BETWEEN = (
    0.1  # of the pitch, to either side of half way between two slits: where the light between them is read
)
HIGHEST_BETWEEN = 0.05  # of the height of a peak: FWHM reads 4 %, FWTM 13 % too large
SLACK_PIXELS = 0.5  # a strip reaches out of the field by less than this where it counts as inside

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Every slit in every strip: the counts of the profile about it.

    Attributes
    ----------
    counts : shape (slits, strips, channels)
    first_px : shape (slits, strips), channel in which each window starts
    along_px, pixels : middle of each strip along the slits, shape (strips,), and its length
    expected_px : shape (slits, strips), where the slit is expected, in channels
    between : shape (slits, strips), counts of a channel half way to the neighbours, on the brighter side
    """

    counts: NDArray[Any]
    first_px: NDArray[np.int64]
    along_px: Floats
    pixels: int
    expected_px: Floats
    between: Floats

    @property
    def between_part(self) -> Floats:
        """The light between the slits over the highest channel: shape (slits, strips)."""
        return np.asarray(self.between / np.maximum(self.counts.max(axis=-1), 1e-300))


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """What the line-spread functions are: shape (..., slits, strips), in channels; NaN where not measurable.

    `position` is the middle between the points of half height, `skew` how far the middle between those of a tenth
    lies beyond it.
    """

    height: Floats
    position: Floats
    fwhm: Floats
    fwtm: Floats
    skew: Floats


def cut_cells(mask: Mask, field: SlitField) -> Cells:
    """Sum the image over strips of at most 30 mm that tile the field along the slits; cut out every slit.

    The strips lie contiguous and evenly about the middle of the field, whole within it up to half a pixel. A window
    that reaches beyond the border of the matrix is filled with the outermost value there.
    """
    rows, channels = mask.counts.shape
    pixels = strip_pixels(mask.along_mm)
    length_px = field.extents_mm[1] / mask.along_mm
    count = min(int((length_px + 2 * SLACK_PIXELS) / pixels), rows // pixels)
    middle_px = field.middle_mm / mask.along_mm + rows / 2
    first = min(max(int(np.floor(middle_px - count * pixels / 2 + 0.5)), 0), rows - count * pixels)
    strips = sum_strips(mask.counts, first, count, pixels)
    along_px = first + pixels * np.arange(count) + (pixels - 1) / 2
    expected = mask.channels(along_px)
    reach = max(3, int(REACH * mask.pitch_px))
    start = np.rint(expected).astype(np.int64) - reach
    window = np.clip(start[..., None] + np.arange(2 * reach + 1), 0, channels - 1)
    between = np.maximum(*(_level(strips, expected + side * mask.pitch_px / 2, mask) for side in (-1, 1)))
    return Cells(strips[np.arange(count)[:, None], window], start, along_px, pixels, expected, between)


def _level(strips: NDArray[Any], at_px: Floats, mask: Mask) -> Floats:
    """Return the mean of the channels about positions in strips, shape (slits, strips): 0 beyond the matrix."""
    reach = max(1, int(BETWEEN * mask.pitch_px))
    channel = np.rint(at_px).astype(np.int64)[..., None] + np.arange(-reach, reach + 1)
    there = (channel >= 0) & (channel < strips.shape[1])
    counts = strips[np.arange(strips.shape[0])[:, None], np.clip(channel, 0, strips.shape[1] - 1)]
    return np.asarray((counts * there).sum(axis=-1) / np.maximum(there.sum(axis=-1), 1), np.float64)


def measure(counts: NDArray[Any], first_px: NDArray[np.int64], *, fine: bool) -> Spread:
    """Measure line-spread functions by the rule of NEMA NU 1, 2.1.

    Parameters
    ----------
    counts : shape (..., slits, strips, channels)
    first_px : shape (slits, strips), channel in which each window starts
    fine : take the highest channel for the height, not the vertex of a parabola

    References
    ----------
    NEMA NU 1, 2.1: half and tenth of the height, nearest crossings outwards from the peak, linear interpolation; no
    background is subtracted and the width of the slit is not corrected for. 2.2: the middle of the half heights is
    the position.
    """
    index = counts.argmax(axis=-1)
    _, height = peaks(counts, index, fine=fine)
    left, right = all_crossings(counts, index, height / 2)
    outer_left, outer_right = all_crossings(counts, index, height / 10)
    middle = (left + right) / 2
    skew = (outer_left + outer_right) / 2 - middle
    return Spread(height, first_px + middle, right - left, outer_right - outer_left, skew)


def lit_cells(cells: Cells, inside: Bools) -> Bools:
    """Say in which strips a slit is lit: with a quarter of the counts that are usual inside the field, or more."""
    summed = cells.counts.sum(axis=-1)
    return np.asarray(summed > LIT * np.median(summed[inside]))


def clear_cells(mask: Mask, field: SlitField, cells: Cells, fwhm_px: float) -> Bools:
    """Say which cells lie so far inside the border that it does not cut their line-spread functions.

    1.5 FWHM, more than half of the width at a tenth and the blur of the border, and the border's own error. Judged by
    where the slits are expected: a line-spread function that is cut seems to lie further in.
    """
    u = mask.across_position_mm(cells.expected_px)
    return field.clear_of_border(u, CLEAR_FWHM * fwhm_px * mask.across_mm)


def inside_field(mask: Mask, field: SlitField, cells: Cells, channels: Floats, scale: float) -> Bools:
    """Say which cells belong to a field: shape (slits, strips).

    UFOV (`scale` 1): the strip's whole length at the slit. CFOV (`scale` 0.75): the slit in the middle of the strip.

    Parameters
    ----------
    channels : shape (slits, strips), where each slit is
    """
    u = mask.across_position_mm(channels)
    v = mask.along_position_mm(cells.along_px)
    if scale < 1:
        return field.holds(u, v, scale, 0.0)
    half, slack = cells.pixels * mask.along_mm / 2, SLACK_PIXELS * mask.along_mm
    return field.holds(u, v - half, scale, slack) & field.holds(u, v + half, scale, slack)


def mean_over(values: Floats, used: Bools) -> Floats:
    """Return the mean over the cells used: shape (...). Cells that could not be measured do not count."""
    kept = used & np.isfinite(values)
    total = np.where(kept, values, 0.0).sum(axis=(-2, -1))
    return np.asarray(total / np.maximum(kept.sum(axis=(-2, -1)), 1))


def neighbour_distance(position: Floats, used: Bools) -> Floats:
    """Return the mean distance of neighbouring slits in the same strip, in channels: shape (...)."""
    both = used[..., 1:, :] & used[..., :-1, :]
    return mean_over(np.diff(position, axis=-2), both)


def straightness(position: Floats, used: Bools) -> Floats:
    """Return the differential linearity: shape (...), in the unit of the positions.

    The standard deviation of the positions within each slit about its own straight line (n - 2 degrees of freedom),
    averaged over the slits with at least five strips.

    References
    ----------
    NEMA NU 1, 2.2.
    """
    kept = used & np.isfinite(position)
    along = np.broadcast_to(np.arange(position.shape[-1], dtype=np.float64), position.shape)
    n = kept.sum(axis=-1)
    y = _about_mean(position, kept)
    x = _about_mean(along, kept)
    slope = (x * y).sum(axis=-1) / np.maximum((x * x).sum(axis=-1), 1e-300)
    squares = ((y - slope[..., None] * x) ** 2 * kept).sum(axis=-1)
    enough = n >= FEWEST_STRIPS
    spread = np.sqrt(squares / np.maximum(n - 2, 1))
    return np.asarray((spread * enough).sum(axis=-1) / np.maximum(enough.sum(axis=-1), 1))


def _about_mean(values: Floats, kept: Bools) -> Floats:
    filled = np.where(kept, values, 0.0)
    mean = filled.sum(axis=-1) / np.maximum(kept.sum(axis=-1), 1)
    return np.asarray((filled - mean[..., None]) * kept)


def residuals(position: Floats, used: Bools) -> Floats:
    """Return how far each position lies from the parallel, equally spaced lines that fit all best: 0 where unused.

    Least squares for x = x0 + slit D + strip t, with three parameters for all slits together: shape as `position`.

    References
    ----------
    NEMA NU 1, 2.2: absolute linearity is the largest of their magnitudes.
    """
    kept = used & np.isfinite(position)
    slits, strips = position.shape[-2:]
    slit = (np.arange(slits) - (slits - 1) / 2)[:, None] / slits
    strip = (np.arange(strips) - (strips - 1) / 2)[None, :] / strips
    terms = np.stack([np.ones((slits, strips)), slit + 0 * strip, strip + 0 * slit])
    products = terms[:, None] * terms
    filled = np.where(kept, position, 0.0)
    normal = np.einsum("...ij,abij->...ab", kept.astype(np.float64), products)
    right = np.einsum("...ij,aij->...a", filled, terms)
    fitted = np.linalg.solve(normal, right[..., None])
    line = sum(fitted[..., one, :, None] * terms[one] for one in range(3))
    return np.asarray((filled - line) * kept)


def largest(found: Floats) -> Floats:
    """Return the largest magnitude over slits and strips: shape (...)."""
    return np.asarray(np.abs(found).max(axis=(-2, -1)))


def measurable_lines(used: Bools) -> int:
    """Return how many slits have the five strips that a straight line needs."""
    return int((used.sum(axis=-1) >= FEWEST_STRIPS).sum())
