"""What a report draws of line sources: the image with its lines, their line-spread functions, FWHM along them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nmqc.model import Curve, Evidence, Frame, Label, Line, Picture, Region
from nmqc.resolution.line_fit import Turned
from nmqc.resolution.line_search import Segment
from nmqc.resolution.line_spread import aperture_mm
from nmqc.resolution.line_study import MeasuredLine, MeasuredStrip

_STEPS_PER_CHANNEL = 8
_AROUND_MM = 40.0  # about the lines, on the image
_LABEL_FWHM = 3.0  # from a line to its number


def evidence(frame: Frame, lines: Sequence[MeasuredLine]) -> tuple[Evidence, ...]:
    """Return the image, the line-spread function of each line that was measured, and FWHM along the lines."""
    measured = [line for line in lines if line.strips]
    spreads = [_line_spread(frame, line) for line in measured]
    return _image(frame, lines), *spreads, *_along(measured)


def _image(frame: Frame, lines: Sequence[MeasuredLine]) -> Picture:
    """Return the part of the image that holds the lines, and 40 mm about it."""
    ends = np.concatenate([_ends(line.segment) for line in lines])
    parts, centres = [], []
    for axis, count, pitch_mm in zip((1, 0), frame.counts.shape, frame.spacing_mm, strict=True):
        bounds = np.array([ends[:, axis].min() - _AROUND_MM, ends[:, axis].max() + _AROUND_MM])
        first, last = np.clip(np.rint(bounds / pitch_mm + count / 2), 0, count).astype(int)
        parts.append(slice(first, last))
        centres.append(float((first + last - count) / 2 * pitch_mm))
    boxes = [_box(strip.strip.segment) for line in lines for strip in line.strips]
    return Picture(
        title="image",
        image=frame.counts[parts[0], parts[1]],
        spacing_mm=frame.spacing_mm,
        unit="counts",
        centre_mm=(centres[1], centres[0]),
        regions=(
            Region("lines", tuple(_ends(line.segment) for line in lines), "second"),
            Region("strips", tuple(boxes), "box"),
        ),
        labels=tuple(_number(line, ends.mean(axis=0)) for line in lines),
    )


def _ends(segment: Segment) -> NDArray[np.float64]:
    step = np.array([segment.dx, segment.dy]) * segment.half_mm
    middle = np.array([segment.x_mm, segment.y_mm])
    return np.array([middle - step, middle + step])


def _box(segment: Segment) -> NDArray[np.float64]:
    start, end = _ends(segment)
    aside = np.array([-segment.dy, segment.dx]) * 2 * segment.fwhm_mm
    return np.array([start - aside, end - aside, end + aside, start + aside, start - aside])


def _number(line: MeasuredLine, centre: NDArray[np.float64]) -> Label:
    """Return the number of a line, beside its middle, on the side away from the centre of all lines."""
    segment = line.segment
    middle = np.array([segment.x_mm, segment.y_mm])
    aside = np.array([-segment.dy, segment.dx])
    outwards = aside if float((middle - centre) @ aside) >= 0 else -aside
    x, y = middle + outwards * _LABEL_FWHM * segment.fwhm_mm
    return Label(line.name.removeprefix("line "), float(x), float(y))


def _line_spread(frame: Frame, line: MeasuredLine) -> Curve:
    """Return the line-spread function of the brightest strip, in % of its highest channel, and its Gaussian."""
    shown = max(line.strips, key=lambda one: one.widths.peak)
    offsets, scale = shown.spread.offsets_mm, 100 / shown.widths.peak
    values = scale * shown.spread.counts
    errors = scale * np.sqrt(np.maximum(shown.spread.counts, 0.0)) if frame.raw_counts else None
    drawn = [Line("line-spread function", offsets, values, "points", errors)]
    drawn += _gaussian(frame, line, shown)
    for name, level in (("half", 50.0), ("tenth", 10.0)):
        drawn.append(Line(name, offsets[[0, -1]], np.array([level, level]), "guide"))
    return Curve(f"{line.name}, brightest strip", "off the line / mm", "% of the peak", tuple(drawn))


def _gaussian(frame: Frame, line: MeasuredLine, shown: MeasuredStrip) -> list[Line]:
    """Return the fitted Gaussian, blurred by the pixel, over the same channels."""
    if shown.gaussian is None:
        return []
    offsets = shown.spread.offsets_mm
    fine = np.linspace(offsets[0], offsets[-1], _STEPS_PER_CHANNEL * offsets.size)
    image = Turned.of(frame, line.segment)
    expected = shown.gaussian.expected(fine, aperture_mm(image, shown.strip.segment))
    return [Line("Gaussian fit", fine, 100 * shown.spread.rows * expected / shown.widths.peak, "main")]


def _along(lines: Sequence[MeasuredLine]) -> list[Curve]:
    """Return FWHM by the rule of the standard against the place along each line; nothing where none was had."""
    drawn = []
    for line in lines:
        found = [(one.along_mm, one.widths.fwhm) for one in line.strips if one.widths.fwhm is not None]
        places = np.array([place for place, _ in found])
        widths = np.array([width.value_mm for _, width in found])
        errors = np.array([width.error_mm for _, width in found])
        if found:
            drawn.append(Line(line.name, places, widths, "points", errors if errors.any() else None))
    if not drawn:
        return []
    return [Curve("FWHM along the lines", "along the line / mm", "FWHM / mm", tuple(drawn))]
