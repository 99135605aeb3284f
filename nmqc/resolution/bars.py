"""The four-quadrant bar phantom: where it is, what it resolves, and the resolution of the camera.

Nothing has to be told: the waves of the image tell the quadrants, the frequencies tell the bars. docs/methods/bars.md
gives the method and its validation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from nmqc.errors import CannotMeasure
from nmqc.measure.frames import Findings, measured_frames, refused_frames, require_counts, result_of
from nmqc.model import Acquisition, Analysis, Frame, Refusal, Source
from nmqc.resolution import acr, bar_remarks
from nmqc.resolution.bar_evidence import evidence
from nmqc.resolution.bar_fit import (
    JointFit,
    point,
    smallest_resolved,
)
from nmqc.resolution.bar_image import BarImage, bar_image
from nmqc.resolution.bar_layout import NAMES, Layout, find_layout
from nmqc.resolution.bar_numbers import (
    give_modulation,
    give_moments,
    give_place,
    give_resolved,
    give_width,
    has_frame,
    straightness_of,
)
from nmqc.resolution.bar_quadrants import Bars, Quadrant, find_bars
from nmqc.resolution.bar_rotations import groups, together
from nmqc.resolution.bar_study import ALGORITHM, Image, Options, asked, fit_parameters, fitted, give_camera
from nmqc.resolution.bar_waves import find_waves
from nmqc.resolution.metrics import BARS_METRICS as METRICS
from nmqc.resolution.straightness import displacements

__all__ = ["Options", "analyse", "check", "warm_up"]

FEWEST_WINDOWS = 0.05  # part of the windows in the lit field that must show bars
PER_QUADRANT = ("modulation", "mtf", "fwhm_moments", "fwhm_moments_pi4", "width")
STRAIGHT = ("linearity_sd", "linearity_max")
NO_ROTATIONS = "x and y are told apart by images of several rotations of the phantom: give them together"


def analyse(acquisition: Acquisition, options: Options) -> Analysis:
    """Analyse every frame by itself, and frames of one detector and window that show rotations of it together.

    Parameters
    ----------
    acquisition : static images of a bar phantom, from one file or several of the same camera
    options : see `Options`

    Returns
    -------
    Analysis
        A result for each frame, then one for all frames of a detector and energy window where there are several; and
        the frames that were refused.

    References
    ----------
    docs/methods/bars.md; Hander TA et al., Med Phys 1997;24:327, for the moments.
    """
    images, refused = measured_frames(
        acquisition, options.only_detector, lambda frame: _measured(frame, acquisition, options)
    )
    results = [one.result for one in images]
    for group in groups(images):
        results.append(together(group, acquisition, options))
    return Analysis(tuple(results), tuple(refused))


def check(acquisition: Acquisition) -> tuple[Refusal, ...]:
    """Say which frames show no bar phantom, without measuring it."""
    return refused_frames(acquisition, lambda frame: _recognised(frame, acquisition.kind))


def warm_up() -> None:
    """Compile nothing: there is no kernel here."""


@lru_cache(maxsize=1)
def _recognised(frame: Frame, kind: str) -> tuple[BarImage, Layout]:
    """Return the image and its first layout, or refuse what shows no bars; of the last image they are kept.

    Raises
    ------
    CannotMeasure
        ``not_bars``, ``too_few_quadrants``, and what no analysis can use.
    """
    require_counts(frame, kind, "not_bars", "a bar phantom")
    image = bar_image(frame)
    waves = find_waves(image, raw_counts=frame.raw_counts)
    if waves.part < FEWEST_WINDOWS:
        raise CannotMeasure(
            "not_bars",
            "this is not a bar phantom: no part of it shows bars of 1.5 to 7 mm; if it is one, acquire more counts "
            "or use a finer matrix",
        )
    return image, find_layout(image, waves)


def _measured(frame: Frame, acquisition: Acquisition, options: Options) -> Image:
    image, layout = _recognised(frame, acquisition.kind)
    bars = find_bars(frame, image, layout, options.bars)
    names = _names(bars)
    points = tuple(point(one, frame.spacing_mm) for one in bars.quadrants)
    fit = fitted(points)
    findings = Findings(METRICS, remarks=list(acquisition.remarks))
    give_camera(fit, frame, findings)
    for axis in "xy":
        findings.absent(["fwhm"], axis, "no_rotations", NO_ROTATIONS)
    for number, code, reason in bars.unmeasured:
        findings.absent(PER_QUADRANT, names[number], code, reason)
    for number, one in enumerate(points):
        name = names[one.quadrant.number]
        give_modulation(points, number, name, fit, findings)
        give_width(one.quadrant, name, findings)
        give_moments(one.quadrant, name, frame, options.flood, findings)
    give_resolved(bars, findings)
    give_place(bars, findings)
    moved = [displacements(image, bars.bars, bars.cross, one) for one in bars.quadrants]
    straight = [one for one in moved if one is not None]
    findings.attempt(STRAIGHT, "", lambda: straightness_of(straight))
    findings.remarks += bar_remarks.remarks(frame, bars, fit, acquisition.source.radionuclide)
    drawn = evidence(frame, bars, points, fit if isinstance(fit, JointFit) else None, straight, names)
    parameters = _parameters(frame, bars, fit, names, acquisition.source, options)
    result = result_of(
        frame,
        replace(acquisition.source, inputs=(frame.input,)),
        findings,
        algorithm=ALGORITHM,
        parameters=parameters,
        asked=asked(frame, options),
        evidence=drawn,
        summary=_summary(bars),
    )
    return Image(frame, bars, points, fit, result)


def _names(bars: Bars) -> dict[int, str]:
    """Return the name of each quadrant: its width, and its number among equals, clockwise from the top left."""
    names, count = {}, dict.fromkeys(bars.match.widths_mm, 0)
    for number, width in enumerate(bars.match.widths_mm):
        count[width] += 1
        names[number] = f"{width:.2f} mm" + (f" ({count[width]})" if count[width] > 1 else "")
    return names


def _summary(bars: Bars) -> str:
    widths = ", ".join(f"{width:g}" for width in bars.match.widths_mm)
    return f"bars of {widths} mm, clockwise from the top left; phantom turned by {bars.rotation_deg:.1f} deg"


def _parameters(
    frame: Frame,
    bars: Bars,
    fit: JointFit | CannotMeasure,
    names: Mapping[int, str],
    source: Source,
    options: Options,
) -> dict[str, Any]:
    """Return everything used, as JSON values; lengths rounded to what they are good for."""
    return {
        "matrix": list(frame.counts.shape),
        "native_pixel_mm": [round(pitch, 6) for pitch in frame.spacing_mm],
        "bars_mm": list(bars.match.widths_mm),
        "bars_from": "known set" if options.bars is None else "user",
        "match_rms": round(bars.match.rms, 5),
        "cross_deg": round(bars.cross.angle_deg, 3),
        "cross_width_mm": round(2 * bars.cross.half_mm, 1),
        "quadrants": [_described(one, names[one.number]) for one in bars.quadrants],
        "flood_used": has_frame(options.flood, frame),
        **fit_parameters(fit),
        "acr_grade": _grade(bars, frame, source),
    }


def _described(one: Quadrant, name: str) -> dict[str, Any]:
    return {
        "bars": name,
        "place": NAMES[one.number],
        "wave_deg": round(float(np.degrees(np.arctan2(-one.fy, one.fx)) % 180), 3),
        "x_mm": round(one.disc.x_mm, 1),
        "y_mm": round(one.disc.y_mm, 1),
        "diameter_mm": round(2 * one.disc.radius_mm, 2),
        "counts": round(one.found.mean * one.found.pixels),
        "noise": round(one.found.noise, 3),
        "seen": one.seen,
    }


def _grade(bars: Bars, frame: Frame, source: Source) -> str | None:
    try:
        smallest = smallest_resolved(bars.quadrants, bars.unmeasured_mm)
    except CannotMeasure:
        return None
    return acr.grade(smallest, source.radionuclide, frame.collimator)
