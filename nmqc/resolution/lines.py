"""System resolution by line sources, NEMA NU 1, 3.1, and the pixel size by parallel lines, IAEA HHS 6, 4.3.2.

One or more thin tubes at any angle. Widths are across each line, in mm by the header's pixel size;
docs/methods/lines.md gives every step.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from nmqc.errors import CannotMeasure
from nmqc.measure.frames import Findings, each_frame, refused_frames, require_counts, result_of
from nmqc.model import Acquisition, Analysis, Frame, Measurement, Position, Refusal, Result
from nmqc.resolution.line_evidence import evidence
from nmqc.resolution.line_pairs import AXES, Pair, pairs, pixel_scales
from nmqc.resolution.line_remarks import remarks
from nmqc.resolution.line_search import find_segments
from nmqc.resolution.line_spread import Width
from nmqc.resolution.line_study import MeasuredLine, mean_and_error, study
from nmqc.resolution.metrics import LINES, LINES_METRICS

__all__ = ["Options", "analyse", "check", "warm_up"]

ALGORITHM = f"{LINES}/1"
OF_A_LINE = ("fwhm", "fwtm", "fwhm_gauss", "angle")
COARSEST_NEMA = 0.5  # pixel over FWHM above which the standard's widths are not given
FEWEST_COUNTS = 300  # in the peak channel of a strip
HIGHEST_BACKGROUND = {"fwhm": 0.10, "fwtm": 0.05}  # of a line's height: FWHM reads 8 %, FWTM 13 % too large
MOST_UNLIKE, UNLIKELY_SIGMAS = 0.05, 5.0  # of a strip's width off the median, from which strips disagree
MOST_TILTED_DEG = 5.0  # off an axis, up to which a single pair tells a pixel size


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller may ask for.

    Attributes
    ----------
    separation_mm : true distance of parallel lines, across them; the pixel size is measured by it
    only_detector : analyse this detector alone
    """

    separation_mm: float | None = None
    only_detector: int | None = None


def analyse(acquisition: Acquisition, options: Options) -> Analysis:
    """Analyse every frame of an acquisition of line sources, each detector and energy window by itself.

    Parameters
    ----------
    acquisition : a static acquisition of one or several frames
    options : see `Options`

    Returns
    -------
    Analysis
        Results in the order of the frames, and the frames that were refused with their reasons.

    References
    ----------
    NEMA NU 1, 2.1 and 3.1 (text of the 2007 edition); IAEA Human Health Series 6, 4.3.2.
    """

    def measure(frame: Frame) -> Result:
        require_counts(frame, acquisition.kind, "not_lines", "line sources")
        return _result(frame, study(frame), acquisition, options)

    return each_frame(acquisition, options.only_detector, measure)


def check(acquisition: Acquisition) -> tuple[Refusal, ...]:
    """Say which frames show no line sources, without measuring anything."""

    def require(frame: Frame) -> None:
        require_counts(frame, acquisition.kind, "not_lines", "line sources")
        find_segments(frame)

    return refused_frames(acquisition, require)


def warm_up() -> None:
    """Do nothing: this test compiles nothing."""


def _result(
    frame: Frame, lines: Sequence[MeasuredLine], acquisition: Acquisition, options: Options
) -> Result:
    findings = Findings(LINES_METRICS, remarks=list(acquisition.remarks))
    for line in lines:
        _of_line(frame, line, findings)
    found = pairs(lines)
    _of_pairs(frame, found, options, findings)
    findings.remarks += remarks(frame, lines, found)
    return result_of(
        frame,
        replace(acquisition.source, inputs=(frame.input,)),
        findings,
        algorithm=ALGORITHM,
        parameters=_parameters(frame, lines, options),
        asked={
            "pixel_mm": [round(pitch, 6) for pitch in frame.spacing_mm],
            "separation_mm": options.separation_mm,
        },
        evidence=evidence(frame, lines),
    )


def _of_line(frame: Frame, line: MeasuredLine, findings: Findings) -> None:
    """Measure the widths and the angle of one line."""
    if line.refused is not None:
        findings.absent(OF_A_LINE, line.name, line.refused.code, f"{line.name}: {line.refused.reason}")
        return
    findings.attempt(["fwhm"], line.name, lambda: [_nema(frame, line, "fwhm")])
    findings.attempt(["fwtm"], line.name, lambda: [_nema(frame, line, "fwtm")])
    findings.attempt(["fwhm_gauss"], line.name, lambda: [_gaussian(line)])
    findings.measurements.append(_angle(frame, line))


def _nema(frame: Frame, line: MeasuredLine, name: str) -> Measurement:
    """Return the mean over the strips of a width by the rule of the standard."""
    _require_good(frame, line, name)
    widths: list[Width] = []
    for one in line.strips:
        width = one.widths.fwhm if name == "fwhm" else one.widths.fwtm
        if width is None:
            level = "half" if name == "fwhm" else "tenth"
            raise CannotMeasure(
                f"no_{level}_level",
                f"the profile across {line.name} does not come down to the {level} of its height within 2 FWHM on "
                "both sides in every strip: lower the background, or move other sources away",
            )
        widths.append(width)
    values, errors = [one.value_mm for one in widths], [one.error_mm for one in widths]
    noise = sum(one.noise_mm for one in widths) / len(widths)
    _require_alike(line, values, [math.hypot(error, noise) for error in errors])
    value, counting = mean_and_error(values, errors)
    return _measurement(line, name, value, {"counting": counting, "highest channel": noise})


def _require_alike(line: MeasuredLine, values: Sequence[float], errors: Sequence[float]) -> None:
    """Refuse the mean of strips that disagree: something else than the line's own width is in some of them."""
    middle = statistics.median(values)
    for value, error in zip(values, errors, strict=True):
        off = abs(value - middle)
        if off > MOST_UNLIKE * middle and off > UNLIKELY_SIGMAS * error:
            raise CannotMeasure(
                "strips_disagree",
                f"the strips of {line.name} read {min(values):.2f} to {max(values):.2f} mm, more apart than counts "
                "explain: lines that cross at a small angle, a bent tube, or a part of the detector that is "
                "dark; image a single straight line",
            )


def _require_good(frame: Frame, line: MeasuredLine, name: str) -> None:
    """Refuse widths that pixels, counts or background would make wrong."""
    sampling, peak = line.sampling(frame), min(one.widths.peak for one in line.strips)
    if sampling > COARSEST_NEMA:
        raise CannotMeasure(
            "coarse_sampling",
            f"the pixel is {sampling:.2f} of the FWHM of {line.name}: beyond {COARSEST_NEMA:g} the standard's rule "
            "reads more than 11 % too large; use a finer matrix, or the Gaussian fit",
        )
    if frame.raw_counts and peak < FEWEST_COUNTS:
        raise CannotMeasure(
            "too_few_counts",
            f"{line.name} has {peak:.0f} counts in the peak channel of a strip, {FEWEST_COUNTS} are needed (the "
            "standard asks for 10,000): acquire longer, or use the Gaussian fit",
        )
    share, most = max(one.background for one in line.strips), HIGHEST_BACKGROUND[name]
    if share > most:
        raise CannotMeasure(
            "high_background",
            f"the background beside {line.name} is {100 * share:.0f} % of its height, {100 * most:.0f} % at most "
            "leaves the standard's width right: lower it, or use the Gaussian fit",
        )


def _gaussian(line: MeasuredLine) -> Measurement:
    """Return the mean over the strips of the FWHM of a Gaussian on a background."""
    fits = [one.gaussian for one in line.strips if one.gaussian is not None]
    if len(fits) < len(line.strips):
        raise CannotMeasure(
            "no_gaussian",
            f"no Gaussian describes the profile across every strip of {line.name}: look at the line-spread function",
        )
    values, errors = [fit.fwhm for fit in fits], [fit.fwhm_error for fit in fits]
    _require_alike(line, values, errors)
    value, counting = mean_and_error(values, errors)
    return _measurement(line, "fwhm_gauss", value, {"counting": counting})


def _angle(frame: Frame, line: MeasuredLine) -> Measurement:
    assert line.straight is not None
    counting, bending = (
        math.degrees(math.sqrt(float(covariance[1, 1])))
        for covariance in (line.straight.counting, line.straight.bending)
    )
    parts = {"counting": counting, "bending": bending} if frame.raw_counts else {}
    return _measurement(line, "angle", line.straight.angle_deg, parts)


def _measurement(line: MeasuredLine, name: str, value: float, parts: dict[str, float]) -> Measurement:
    """Return a measurement of a line, at its middle; without the counting part it has no uncertainty."""
    known = {part: size for part, size in parts.items() if size > 0} if parts.get("counting", 0.0) > 0 else {}
    middle = Position(line.name, line.segment.x_mm, line.segment.y_mm)
    return Measurement(LINES_METRICS[name], value, line.name, known, at=(middle,))


def _of_pairs(frame: Frame, found: dict[str, list[Pair]], options: Options, findings: Findings) -> None:
    """Measure the distances of parallel lines, and the pixel sizes if the true one was given."""
    chosen = {axis: found[axis][0] for axis in AXES if len(found[axis]) == 1}
    for axis in AXES:
        if axis in chosen:
            pair = chosen[axis]
            parts = {name: part for name, part in pair.parts.items() if part > 0} if frame.raw_counts else {}
            findings.measurements.append(
                Measurement(LINES_METRICS["separation"], pair.distance_mm, axis, parts)
            )
        else:
            findings.absent(["separation"], axis, *_no_pair(axis, len(found[axis])))
    if options.separation_mm is not None and not any(found.values()):
        reason = "--separation was given, and there is no pair of parallel lines: image two parallel lines"
        findings.absent(["pixel_size"], "x", "separation_unused", reason)
        findings.absent(["pixel_size"], "y", "separation_unused", reason)
        return
    if options.separation_mm is None:
        reason = "the true distance of parallel lines was not given (--separation)"
        for axis in AXES:
            findings.absent(["pixel_size"], axis, "no_separation", reason)
        return
    for axis in AXES:
        if axis not in chosen:
            findings.absent(["pixel_size"], axis, *_no_pair(axis, len(found[axis])))
    for axis in chosen:
        findings.attempt(["pixel_size"], axis, partial(_pixel_size, frame, chosen, axis, options))


def _no_pair(axis: str, count: int) -> tuple[str, str]:
    """Return the code and the reason of a missing pair."""
    if count == 0:
        return "no_pair", f"no two parallel lines lie side by side across {axis}"
    return "several_pairs", f"more than two parallel lines lie across {axis}: image two at a time"


def _pixel_size(frame: Frame, chosen: dict[str, Pair], axis: str, options: Options) -> list[Measurement]:
    assert options.separation_mm is not None
    scale, error = pixel_scales(chosen, options.separation_mm)[axis]
    if len(chosen) < len(AXES) and chosen[axis].tilt_deg > MOST_TILTED_DEG:
        raise CannotMeasure(
            "tilted_pair",
            f"the lines lie {chosen[axis].tilt_deg:.0f} degrees off the axis, so that their distance mixes both "
            "pixel sizes: turn them along an axis, or image pairs across both axes",
        )
    header_mm = frame.spacing_mm[1 if axis == "x" else 0]
    parts = {"line fits": error * header_mm} if frame.raw_counts else {}
    return [Measurement(LINES_METRICS["pixel_size"], scale * header_mm, axis, parts)]


def _parameters(frame: Frame, lines: Sequence[MeasuredLine], options: Options) -> dict[str, Any]:
    """Return everything used, as JSON values; lengths rounded to what they are good for."""
    return {
        "pixel_mm": [round(pitch, 6) for pitch in frame.spacing_mm],
        "matrix": list(frame.counts.shape),
        "separation_mm": options.separation_mm,
        "lines": [
            {
                "name": line.name,
                "x_mm": round(line.segment.x_mm, 2),
                "y_mm": round(line.segment.y_mm, 2),
                "length_mm": round(2 * line.segment.half_mm, 1),
                "strips": len(line.strips),
                "strip_mm": [round(2 * one.strip.segment.half_mm, 2) for one in line.strips],
                "peak_counts": [round(one.widths.peak) for one in line.strips],
                "sampling": round(line.sampling(frame), 3),
            }
            for line in lines
        ],
    }
