"""Line-spread functions: strips of a line, straightened and summed, and their widths by NEMA NU 1, 2.1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.gaussian import FWHM_PER_SIGMA, GaussianFit, fit_gaussian
from nmqc.measure.profile import FINE_SAMPLING, all_crossings, peaks
from nmqc.resolution.line_fit import (
    CLEAR_FWHM,
    NO_CLEAR_STRIP,
    REACH_FWHM,
    STRIP_MM,
    Pieces,
    Turned,
    fitted_line,
    is_clear,
)
from nmqc.resolution.line_search import Segment

SHORTEST_STRIP_MM = 10.0
_STEP_MM = 1.0
_FEWEST_LOCAL = 4  # midpoints of a strip that give it a line of its own
_DIMMEST = 0.2  # of the median height of a line: a strip that is not filled
_REPLICATES = 200
_TOP = 0.7
_TAPS, _KAISER = 8, 6.0
_SMOOTHING = np.array([0.25, 0.5, 0.25])
_GROUPS_PER_SIGMA = 16
_HALF, _TENTH = 0.5, 0.1


@dataclass(frozen=True, slots=True)
class Strip:
    """A stretch of a line, straight through its own midpoints, and its height in counts per pixel."""

    segment: Segment
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """A line-spread function: counts in channels of `pitch_mm` across the line, which lies at the middle one.

    `rows` pixels were summed in each channel.
    """

    counts: NDArray[np.float64]
    pitch_mm: float
    rows: float

    @property
    def middle(self) -> int:
        """The channel at which the line lies."""
        return self.counts.size // 2

    @property
    def offsets_mm(self) -> NDArray[np.float64]:
        """Positions of the channels, from the line."""
        return np.asarray((np.arange(self.counts.size) - self.middle) * self.pitch_mm, np.float64)


@dataclass(frozen=True, slots=True)
class Width:
    """A width in mm; its standard deviation by counting; and by how much noise makes it too small, on average.

    The highest of several channels that are about as high is one that noise has raised.
    """

    value_mm: float
    error_mm: float
    noise_mm: float


@dataclass(frozen=True, slots=True)
class Widths:
    """FWHM and FWTM by the rule of the standard, None where the profile does not come down to the level.

    `peak` are the counts in the highest channel; `fine`: it was taken for the height.
    """

    fwhm: Width | None
    fwtm: Width | None
    peak: float
    fine: bool


def strips(image: Turned, segment: Segment, others: Sequence[Segment], pieces: Pieces) -> tuple[Strip, ...]:
    """Return the strips of at most 30 mm into which the clear, filled stretches of a line are cut, equally long each.

    Raises
    ------
    CannotMeasure
        ``no_clear_strip``, if no stretch of 10 mm is clear.
    """
    if pieces.along_mm.size == 0:
        raise CannotMeasure("no_clear_strip", NO_CLEAR_STRIP)
    along = np.arange(-segment.half_mm, segment.half_mm, _STEP_MM)
    height = np.interp(along, pieces.along_mm, pieces.height)
    clear = is_clear(image, segment, others, along) & (height >= _DIMMEST * np.median(pieces.height))
    cuts = np.flatnonzero(np.diff(np.concatenate([[0], clear.astype(np.int8), [0]])))
    found = []
    for first, last in zip(along[cuts[::2]], along[cuts[1::2] - 1], strict=True):
        if last - first >= SHORTEST_STRIP_MM:
            edges = np.linspace(first, last, math.ceil((last - first) / STRIP_MM) + 1)
            found += [_strip(segment, pieces, *map(float, pair)) for pair in pairwise(edges)]
    if not found:
        raise CannotMeasure("no_clear_strip", NO_CLEAR_STRIP)
    return tuple(found)


def _strip(segment: Segment, pieces: Pieces, first_mm: float, last_mm: float) -> Strip:
    """Return a strip with the line through its own midpoints, for tubes bend; through all, if those are few."""
    near = (pieces.along_mm >= first_mm) & (pieces.along_mm <= last_mm)
    line = fitted_line(segment, pieces.where(near) if near.sum() >= _FEWEST_LOCAL else pieces)
    middle = (first_mm + last_mm) / 2
    along = line.along_mm(segment.x_mm + middle * segment.dx, segment.y_mm + middle * segment.dy)
    x, y = line.x_mm + along * line.dx, line.y_mm + along * line.dy
    own = Segment(x, y, line.dx, line.dy, (last_mm - first_mm) / 2, segment.fwhm_mm)
    return Strip(own, float(np.interp(middle, pieces.along_mm, pieces.height)))


def line_spread(image: Turned, strip: Strip) -> Spread:
    """Return the line-spread function of a strip, across its own line, 2 FWHM to both sides.

    Rows are shifted by band-limited interpolation so that the line runs straight down the middle channel: that
    broadens nothing. Each channel is then summed between the perpendiculars at the strip's two ends.
    """
    segment = strip.segment
    sine, cosine = image.swapped(segment.dx, segment.dy)
    sine, cosine = (sine, cosine) if cosine > 0 else (-sine, -cosine)
    across_mm, along_mm = image.swapped(segment.x_mm, segment.y_mm)
    pitch_mm = image.across.pitch_mm * cosine
    reach = math.ceil(REACH_FWHM * segment.fwhm_mm / pitch_mm)
    shear_mm = np.arange(-reach, reach + 1) * pitch_mm * sine
    half_mm = segment.half_mm * cosine
    margin_mm = half_mm + abs(float(shear_mm[0])) + image.along.pitch_mm
    row = np.flatnonzero(np.abs(image.along.centres_mm - along_mm) <= margin_mm)
    centres = across_mm + sine / cosine * (image.along.centres_mm[row] - along_mm)
    straight = _straightened(image, row, centres, reach)
    edges = image.along.edges_mm
    covered = np.minimum(edges[row + 1][:, None], along_mm + half_mm - shear_mm)
    covered = covered - np.maximum(edges[row][:, None], along_mm - half_mm - shear_mm)
    weight = np.clip(covered / image.along.pitch_mm, 0.0, 1.0)
    return Spread((weight * straight).sum(axis=0), pitch_mm, float(weight[:, reach].sum()))


def _straightened(
    image: Turned, row: NDArray[np.int64], across_mm: NDArray[np.float64], reach: int
) -> NDArray[np.float64]:
    """Return rows shifted so that given positions come to lie in the middle column of 2 reach + 1."""
    centre = (across_mm - image.across.start_mm) / image.across.pitch_mm - 0.5
    nearest = np.rint(centre).astype(np.int64)
    column = nearest[:, None] + np.arange(-reach - _TAPS, reach + _TAPS + 1)
    patch = image.counts[row[:, None], np.clip(column, 0, image.across.count - 1)].astype(np.float64)
    weight = _shift_weights(centre - nearest)
    width = 2 * reach + 1
    return np.asarray(sum(weight[:, tap, None] * patch[:, tap : tap + width] for tap in range(2 * _TAPS + 1)))


def _shift_weights(shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights that move rows by parts of a pixel, shape (rows, 17): a sinc in a Kaiser window.

    Within 6e-4 of the peak of a Gaussian where pixels are at most a third of its FWHM. A sinc without a window, as by
    Fourier transform, would carry the noise of the peak out to where there are few counts.
    """
    at = np.arange(-_TAPS, _TAPS + 1) - shift[:, None]
    inside = np.sqrt(np.maximum(1 - (at / (_TAPS + 0.5)) ** 2, 0.0))
    weight = np.sinc(at) * np.i0(_KAISER * inside)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def nema_widths(spread: Spread, about_mm: float, *, counting: bool) -> Widths:
    """Return the full widths of a line-spread function at half and at a tenth of its height.

    The height is the highest channel where channels are at most 0.2 FWHM, else the vertex of the parabola through it
    and its neighbours; nothing is subtracted; levels are crossed by linear interpolation between channels.

    Parameters
    ----------
    about_mm : about the FWHM: the highest channel is looked for within half of it
    counting : the channels hold counts. The errors are the scatter of the widths of 200 Poisson draws about the
        profile; where channels are fine its top is smoothed first, lest the channel that noise made the highest
        stay the highest in the draws too.

    References
    ----------
    NEMA NU 1, 2.1 and 3.1.
    """
    counts, near = spread.counts, max(1, round(about_mm / 2 / spread.pitch_mm))
    half = float(_widths_px(counts, near, _HALF, fine=False))
    fine = half * FINE_SAMPLING >= 1
    expected = _levelled(counts) if fine else counts
    rng = np.random.default_rng(round(abs(float(counts.sum()))))
    draws = rng.poisson(np.maximum(expected, 0.0), (_REPLICATES if counting else 0, counts.size))
    found = []
    for part in (_HALF, _TENTH):
        value = float(_widths_px(counts, near, part, fine=fine))
        spun = _widths_px(draws, near, part, fine=fine)
        shift = spun - _widths_px(expected, near, part, fine=fine)
        known = spun.size > 0 and np.isfinite(shift).all()
        error, noise = (float(spun.std(ddof=1)), abs(float(shift.mean()))) if known else (0.0, 0.0)
        width = Width(*(size * spread.pitch_mm for size in (value, error, noise)))
        found.append(None if math.isnan(value) or (spun.size and not known) else width)
    return Widths(
        found[0], found[1], float(counts[spread.middle - near : spread.middle + near + 1].max()), fine
    )


def _levelled(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a profile whose channels above 70 % of the highest are smoothed by 1 2 1."""
    smooth = np.convolve(np.pad(counts, 1, mode="edge"), _SMOOTHING, mode="valid")
    return np.where(counts > _TOP * counts.max(), smooth, counts)


def _widths_px(profiles: NDArray[Any], near: int, part: float, *, fine: bool) -> NDArray[np.float64]:
    """Return the widths of profiles, shape (..., channels), in channels; NaN where the level is not reached.

    The highest channel is the highest of the middle one and `near` to both sides.
    """
    first = profiles.shape[-1] // 2 - near
    index = first + np.argmax(profiles[..., first : first + 2 * near + 1], axis=-1)
    _, height = peaks(profiles, index, fine=fine)
    left, right = all_crossings(profiles, index, part * height)
    return np.asarray(right - left)


def aperture_mm(image: Turned, segment: Segment) -> float:
    """Return the width of the box whose variance is that of a pixel seen across a line."""
    along, across = image.swapped(segment.dx, segment.dy)
    return math.hypot(image.across.pitch_mm * across, image.along.pitch_mm * along)


def gaussian_of(image: Turned, strip: Strip, *, counting: bool) -> GaussianFit:
    """Return the Gaussian on a constant background that fits the pixels of a strip best, by their distances in mm.

    Nothing is interpolated. Pixels whose distances agree to a sixteenth of a sigma are summed first.
    """
    segment = strip.segment
    sigma_mm, reach_mm = segment.fwhm_mm / FWHM_PER_SIGMA, REACH_FWHM * segment.fwhm_mm
    x, y, counts = image.near(segment, reach_mm)
    off = segment.off_mm(x, y)
    inside = (np.abs(off) <= reach_mm) & (np.abs(segment.along_mm(x, y)) <= segment.half_mm)
    off, counts = off[inside], counts[inside]
    _, group = np.unique(np.rint(off * _GROUPS_PER_SIGMA / sigma_mm), return_inverse=True)
    pixels = np.bincount(group).astype(np.float64)
    return fit_gaussian(
        np.bincount(group, counts),
        np.bincount(group, off) / pixels,
        0.0,
        sigma_mm,
        aperture=aperture_mm(image, segment),
        pixels=pixels,
        counts=counting,
    )


def background(image: Turned, strip: Strip, others: Sequence[Segment]) -> float | None:
    """Return the mean counts per pixel at 4 to 6 FWHM from a strip, clear of other lines; None: nowhere.

    Mean of both sides, so that a slope across does not count.
    """
    segment = strip.segment
    along = np.arange(-segment.half_mm, segment.half_mm, image.along.pitch_mm)[:, None]
    off = np.arange(4 * segment.fwhm_mm, 6 * segment.fwhm_mm, image.across.pitch_mm)
    sides = []
    for sign in (-1, 1):
        x = segment.x_mm + along * segment.dx - sign * off * segment.dy
        y = segment.y_mm + along * segment.dy + sign * off * segment.dx
        clear = image.holds(x, y)
        for other in others:
            clear &= other.distance_mm(x, y) >= CLEAR_FWHM * other.fwhm_mm
        if clear.any():
            sides.append(float(image.value(x[clear], y[clear]).mean()))
    return float(np.mean(sides)) if sides else None
