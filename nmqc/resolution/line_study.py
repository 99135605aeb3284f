"""What is measured on each line source of one image, before it becomes metrics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nmqc.errors import CannotMeasure
from nmqc.measure.gaussian import GaussianFit
from nmqc.model import Frame
from nmqc.resolution.line_fit import Straight, Turned, fitted_line, is_clear, midpoints
from nmqc.resolution.line_search import Segment, find_segments
from nmqc.resolution.line_spread import (
    Spread,
    Strip,
    Widths,
    aperture_mm,
    background,
    gaussian_of,
    line_spread,
    nema_widths,
    strips,
)

COARSEST = 0.65  # pixel over FWHM above which nothing is measured: the lines' angles are off by more than 0.1 degrees
LEAST_RATIO = 1.6  # of FWTM to FWHM
NOT_THIN = (
    "the profile across it is not that of a thin source: use a tube of 1 mm bore, and nothing beside it"
)


@dataclass(frozen=True, slots=True)
class MeasuredStrip:
    """A strip of a line and what was measured on it.

    `along_mm` is where its middle lies along the whole line, from its point. `background` is that of the image beside
    it, over the height of the line; `gaussian` is None where none fits.
    """

    strip: Strip
    along_mm: float
    spread: Spread
    widths: Widths
    gaussian: GaussianFit | None
    background: float


@dataclass(frozen=True, slots=True)
class MeasuredLine:
    """A line source: where it is, its strips, or why it has none."""

    name: str
    segment: Segment
    straight: Straight | None
    strips: tuple[MeasuredStrip, ...]
    cut: bool
    refused: CannotMeasure | None = None

    @property
    def fwhm_mm(self) -> float:
        """About its FWHM: that of the Gaussians, where there are any."""
        fits = [one.gaussian.fwhm for one in self.strips if one.gaussian is not None]
        return sum(fits) / len(fits) if fits else self.segment.fwhm_mm

    def sampling(self, frame: Frame) -> float:
        """Return the pixel, seen across the line, over the FWHM."""
        return aperture_mm(Turned.of(frame, self.segment), self.segment) / self.fwhm_mm


def study(frame: Frame) -> tuple[MeasuredLine, ...]:
    """Find and measure the line sources of a frame.

    Returns
    -------
    tuple of MeasuredLine
        First those that run down the image (more than 45 degrees off the x axis), from left to right, then the others
        from top to bottom: "line 1", "line 2", ...

    Raises
    ------
    CannotMeasure
        ``not_lines``; ``coarse_sampling``, if pixels are more than 0.65 of the FWHM; ``no_clear_strip`` or
        ``not_thin``, if that holds for every line.
    """
    segments = sorted(find_segments(frame), key=_place)
    lines = [_measured(frame, f"line {number}", one, segments) for number, one in enumerate(segments, 1)]
    sampling = max(line.sampling(frame) for line in lines)
    if sampling > COARSEST:
        raise CannotMeasure(
            "coarse_sampling",
            f"the pixel is {sampling:.2f} of the lines' FWHM, {COARSEST:g} at most can be measured: "
            "use a finer matrix or a zoom",
        )
    refusals = [line.refused for line in lines if line.refused is not None]
    if len(refusals) == len(lines):
        raise CannotMeasure(
            refusals[0].code, f"no line can be measured: {lines[0].name}: {refusals[0].reason}"
        )
    return tuple(lines)


def _place(segment: Segment) -> tuple[bool, float, float]:
    """Return what lines are numbered by."""
    down = abs(segment.dy) > abs(segment.dx)
    return (False, segment.x_mm, segment.y_mm) if down else (True, segment.y_mm, segment.x_mm)


def _measured(frame: Frame, name: str, segment: Segment, segments: Sequence[Segment]) -> MeasuredLine:
    image = Turned.of(frame, segment)
    others = [other for other in segments if other is not segment]
    pieces = midpoints(image, segment)
    pieces = pieces.where(is_clear(image, segment, others, pieces.along_mm))
    cut = _reaches_border(frame, segment)
    try:
        straight = fitted_line(segment, pieces)
        found = strips(image, segment, others, pieces)
    except CannotMeasure as refusal:
        return MeasuredLine(name, segment, None, (), cut, refusal)
    measured = tuple(_measured_strip(frame, image, strip, straight, others) for strip in found)
    if not _is_thin(measured):
        return MeasuredLine(name, segment, None, (), cut, CannotMeasure("not_thin", NOT_THIN))
    return MeasuredLine(name, segment, straight, measured, cut)


def _is_thin(found: Sequence[MeasuredStrip]) -> bool:
    """Say whether FWTM over FWHM is that of a thin source, 1.8 or more; an evenly filled box has 1.1.

    It is 1.6 where the source is 1.75 times as wide as the camera's FWHM.
    """
    both = [(one.widths.fwtm, one.widths.fwhm) for one in found]
    ratios = [fwtm.value_mm / fwhm.value_mm for fwtm, fwhm in both if fwtm is not None and fwhm is not None]
    return not ratios or sum(ratios) / len(ratios) >= LEAST_RATIO


def _measured_strip(
    frame: Frame, image: Turned, strip: Strip, straight: Straight, others: Sequence[Segment]
) -> MeasuredStrip:
    spread = line_spread(image, strip)
    widths = nema_widths(spread, strip.segment.fwhm_mm, counting=frame.raw_counts)
    try:
        gaussian = gaussian_of(image, strip, counting=frame.raw_counts)
    except CannotMeasure:
        gaussian = None
    beside = background(image, strip, others)
    if beside is None:
        beside = 0.0 if gaussian is None else max(gaussian.background, 0.0)
    height = widths.peak / spread.rows
    along = straight.along_mm(strip.segment.x_mm, strip.segment.y_mm)
    return MeasuredStrip(strip, along, spread, widths, gaussian, beside / height)


def _reaches_border(frame: Frame, segment: Segment) -> bool:
    """Say whether a line reaches the border of the image."""
    down_mm, along_mm = (
        count * pitch / 2 for count, pitch in zip(frame.counts.shape, frame.spacing_mm, strict=True)
    )
    reach = segment.half_mm + segment.fwhm_mm
    ends = [(segment.x_mm + s * segment.dx, segment.y_mm + s * segment.dy) for s in (-reach, reach)]
    return any(abs(x) >= along_mm or abs(y) >= down_mm for x, y in ends)


def mean_and_error(values: Sequence[float], errors: Sequence[float]) -> tuple[float, float]:
    """Return the mean of independent values, and its standard deviation."""
    count = len(values)
    return sum(values) / count, math.sqrt(sum(error**2 for error in errors)) / count
