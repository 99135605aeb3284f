"""The four-quadrant bar phantom: where it is, what it resolves, and the resolution of the camera.

Nothing has to be told: the waves of the image tell the quadrants, the frequencies tell the bars. docs/methods/bars.md
gives the method and its validation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from nmqc.errors import CannotMeasure
from nmqc.measure.frames import Findings, frames_of, no_such_detector, refusal, refused_frames, require_counts
from nmqc.model import Acquisition, Analysis, Frame, Measurement, Position, Refusal, Result, Source
from nmqc.resolution import acr, bar_remarks
from nmqc.resolution.bar_evidence import evidence, mtf_curve
from nmqc.resolution.bar_fit import (
    JointFit,
    Point,
    averaged,
    camera_fit,
    joint_fit,
    mtf_of,
    point,
    resolved_limit,
    smallest_resolved,
)
from nmqc.resolution.bar_image import BarImage, bar_image
from nmqc.resolution.bar_layout import NAMES, Layout, find_layout
from nmqc.resolution.bar_quadrants import Bars, Quadrant, find_bars
from nmqc.resolution.bar_waves import find_waves
from nmqc.resolution.metrics import BARS as TEST
from nmqc.resolution.metrics import BARS_METRICS as METRICS
from nmqc.resolution.modulation import Patch
from nmqc.resolution.moments import fwhm_of_moments, moments
from nmqc.resolution.straightness import displacements, straightness

__all__ = ["Options", "analyse", "check", "warm_up"]

ALGORITHM = f"{TEST}/1"
FEWEST_WINDOWS = 0.05  # part of the windows in the lit field that must show bars
ABOVE_NOISE = 3.0  # modulation over its uncertainty, below which it is not given
PER_QUADRANT = ("modulation", "mtf", "fwhm_moments", "fwhm_moments_pi4", "width")
STRAIGHT = ("linearity_sd", "linearity_max")
PLACE = ("rotation", "centre_x", "centre_y", *STRAIGHT)
NO_ROTATIONS = "x and y are told apart by images of several rotations of the phantom: give them together"
PER_IMAGE = "given with each image by itself"


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller may ask for.

    Attributes
    ----------
    bars : four bar widths in mm, in any order; None: one of the known sets
    flood : a flood of the same camera and matrix, for the non-uniformity correction of the moments
    only_detector : analyse this detector alone
    """

    bars: tuple[float, ...] | None = None
    flood: Acquisition | None = None
    only_detector: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Image:
    """One frame, measured."""

    frame: Frame
    bars: Bars
    points: tuple[Point, ...]
    fit: JointFit | CannotMeasure
    result: Result


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
    images, refused = [], []
    chosen = frames_of(acquisition, options.only_detector)
    if acquisition.frames and not chosen:
        refused.append(no_such_detector(acquisition, options.only_detector))
    for frame in chosen:
        try:
            images.append(_measured(frame, acquisition, options))
        except CannotMeasure as reason:
            refused.append(refusal(frame, reason))
    results = [one.result for one in images]
    for group in _groups(images):
        results.append(_together(group, acquisition, options))
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


def _measured(frame: Frame, acquisition: Acquisition, options: Options) -> _Image:
    image, layout = _recognised(frame, acquisition.kind)
    bars = find_bars(frame, image, layout, options.bars)
    names = _names(bars)
    points = tuple(point(one, frame.spacing_mm) for one in bars.quadrants)
    fit = _fit(points)
    findings = Findings(METRICS, remarks=list(acquisition.remarks))
    _camera(fit, frame, findings)
    for axis in "xy":
        findings.absent(["fwhm"], axis, "no_rotations", NO_ROTATIONS)
    for number, code, reason in bars.unmeasured:
        findings.absent(PER_QUADRANT, names[number], code, reason)
    for number, one in enumerate(points):
        name = names[one.quadrant.number]
        _modulation(points, number, name, fit, findings)
        _width(one.quadrant, name, findings)
        _by_moments(one.quadrant, name, frame, options.flood, findings)
    _resolved(bars, findings)
    _place(bars, findings)
    moved = [displacements(image, bars.bars, bars.cross, one) for one in bars.quadrants]
    straight = [one for one in moved if one is not None]
    findings.attempt(STRAIGHT, "", lambda: _straightness(straight))
    findings.remarks += bar_remarks.remarks(frame, bars, fit, acquisition.source.radionuclide)
    drawn = evidence(frame, bars, points, fit if isinstance(fit, JointFit) else None, straight, names)
    parameters = _parameters(frame, bars, fit, names, acquisition.source, options)
    source = replace(acquisition.source, inputs=(frame.input,))
    result = _result(frame, source, findings, parameters, options, drawn, _summary(bars))
    return _Image(frame, bars, points, fit, result)


def _names(bars: Bars) -> dict[int, str]:
    """Return the name of each quadrant: its width, and its number among equals, clockwise from the top left."""
    names, count = {}, dict.fromkeys(bars.match.widths_mm, 0)
    for number, width in enumerate(bars.match.widths_mm):
        count[width] += 1
        names[number] = f"{width:.2f} mm" + (f" ({count[width]})" if count[width] > 1 else "")
    return names


def _fit(
    points: Sequence[Point], method: Callable[[Sequence[Point]], JointFit] = camera_fit
) -> JointFit | CannotMeasure:
    """Return the joint fit, or why there is none."""
    try:
        return method(points)
    except CannotMeasure as reason:
        return reason


def _camera(fit: JointFit | CannotMeasure, frame: Frame, findings: Findings) -> None:
    """Give FWHM, contrast and limit of the camera."""
    if isinstance(fit, CannotMeasure):
        findings.absent(["fwhm", "contrast", "limit"], "", fit.code, fit.reason)
        return
    findings.measurements.append(
        Measurement(METRICS["fwhm"], float(fit.fwhm_mm[0]), "", fit.parts(fit.sigma(0)))
    )
    findings.measurements.append(Measurement(METRICS["contrast"], fit.contrast, "", fit.parts(fit.sigma(1))))
    findings.attempt(["limit"], "", lambda: [_limit(fit, frame)])


def _limit(fit: JointFit, frame: Frame) -> Measurement:
    width, sigma = resolved_limit(fit, max(frame.spacing_mm))
    return Measurement(METRICS["limit"], width, "", fit.parts(sigma))


def _modulation(
    points: Sequence[Point], number: int, name: str, fit: JointFit | CannotMeasure, findings: Findings
) -> None:
    """Give modulation and MTF of one quadrant, where they stand out from the noise."""
    found = points[number].quadrant.found
    if found.squared <= 0 or found.snr < ABOVE_NOISE:
        below = (max(found.squared, 0.0) + ABOVE_NOISE**2 * found.sigma**2) ** 0.5
        reason = f"no modulation above the noise (less than {below:.3f}): these bars are not resolved"
        findings.absent(["modulation", "mtf"], name, "not_resolved", reason)
        return
    counting = {"counting": found.sigma}
    findings.measurements.append(Measurement(METRICS["modulation"], found.value, name, counting))
    _mtf(points, number, name, fit, findings)


def _width(quadrant: Quadrant, name: str, findings: Findings) -> None:
    """Give the width of the bars by their frequency, where that was measured."""
    if not quadrant.seen:
        reason = "these bars are not resolved: their width cannot be measured"
        findings.absent(["width"], name, "not_resolved", reason)
        return
    counting = {"counting": 0.5 / quadrant.frequency**2 * quadrant.frequency_sigma}
    findings.measurements.append(Measurement(METRICS["width"], quadrant.width_mm, name, counting))


def _by_moments(
    quadrant: Quadrant, name: str, frame: Frame, flood: Acquisition | None, findings: Findings
) -> None:
    both = ("fwhm_moments", "fwhm_moments_pi4")
    findings.attempt(both, name, lambda: _moments(quadrant, name, frame, flood))


def _mtf(
    points: Sequence[Point], number: int, name: str, fit: JointFit | CannotMeasure, findings: Findings
) -> None:
    """Give (pi / 4) m / C0, the pixels divided out."""
    if isinstance(fit, CannotMeasure):
        findings.absent(["mtf"], name, fit.code, fit.reason)
        return
    value, sigma = mtf_of(points, number, fit)
    findings.measurements.append(Measurement(METRICS["mtf"], value, name, fit.parts(sigma)))


def _moments(quadrant: Quadrant, name: str, frame: Frame, flood: Acquisition | None) -> list[Measurement]:
    if not frame.raw_counts:
        raise CannotMeasure(
            "not_raw_counts", "the values are not raw counts: the method of moments does not hold"
        )
    even = None if flood is None else Patch.of(_flood_frame(flood, frame), quadrant.disc)
    found = moments(Patch.of(frame, quadrant.disc), quadrant.found.noise, even)
    measured = []
    for metric, pi4 in (("fwhm_moments", False), ("fwhm_moments_pi4", True)):
        value, sigma = fwhm_of_moments(found, quadrant.width_mm, pi4=pi4)
        measured.append(Measurement(METRICS[metric], value, name, {"counting": sigma}))
    return measured


def _flood_frame(flood: Acquisition, frame: Frame) -> Frame:
    """Return the flood's frame of the same detector and matrix.

    Raises
    ------
    CannotMeasure
        ``flood_differs``.
    """
    for one in flood.frames:
        same = one.detector == frame.detector and one.counts.shape == frame.counts.shape
        if same and np.allclose(one.spacing_mm, frame.spacing_mm, rtol=1e-3) and one.raw_counts:
            return one
    raise CannotMeasure(
        "flood_differs",
        "the flood has no raw image of this detector with the same matrix and pixels: acquire one like the bars",
    )


def _has_frame(flood: Acquisition | None, frame: Frame) -> bool:
    """Say whether a flood was given that goes with a frame."""
    try:
        return flood is not None and _flood_frame(flood, frame).counts.size > 0
    except CannotMeasure:
        return False


def _resolved(bars: Bars, findings: Findings) -> None:
    """Give the smallest resolved bars, and the pixel scale."""
    findings.attempt(
        ["smallest_resolved"],
        "",
        lambda: [
            Measurement(METRICS["smallest_resolved"], smallest_resolved(bars.quadrants, bars.unmeasured_mm))
        ],
    )
    findings.attempt(["pixel_scale"], "", lambda: [_pixel_scale(bars.quadrants)])


def _pixel_scale(quadrants: Sequence[Quadrant]) -> Measurement:
    """Return measured over nominal bar width: the weighted mean of the quadrants whose frequency was measured.

    Raises
    ------
    CannotMeasure
        ``not_all_measured``: there is none.
    """
    seen = [one for one in quadrants if one.seen]
    if not seen:
        raise CannotMeasure(
            "not_all_measured", "no quadrant's bars could be measured: centre the phantom, use a finer matrix"
        )
    logs = np.array([np.log(one.width_mm / one.nominal_mm) for one in seen])
    sigma = np.array([one.frequency_sigma / one.frequency for one in seen])
    weight = sigma**-2 / (sigma**-2).sum()
    mean, counting = float(weight @ logs), float((sigma**-2).sum() ** -0.5)
    spread = float(weight @ (logs - mean) ** 2) / max(len(seen) - 1, 1)
    scale = float(np.exp(mean))
    parts = {"counting": scale * counting, "bars": scale * max(spread - counting**2, 0.0) ** 0.5}
    return Measurement(
        METRICS["pixel_scale"], scale, "", {name: one for name, one in parts.items() if one > 0}
    )


def _place(bars: Bars, findings: Findings) -> None:
    """Give rotation and centre."""
    cross = bars.cross
    at = (Position("centre", cross.x_mm, cross.y_mm),)
    findings.measurements += [
        Measurement(METRICS["rotation"], bars.rotation_deg, "", {"counting": bars.rotation_sigma_deg}),
        Measurement(METRICS["centre_x"], cross.x_mm, "", {"bars": bars.centre_sigma_mm[0]}, at=at),
        Measurement(METRICS["centre_y"], cross.y_mm, "", {"bars": bars.centre_sigma_mm[1]}, at=at),
    ]


def _straightness(moved: Sequence[Any]) -> list[Measurement]:
    found = straightness(moved)
    at = (Position("largest displacement", found.x_mm, found.y_mm),)
    sd, largest = {"counting": found.sd_sigma_mm}, {"counting": found.largest_sigma_mm}
    return [
        Measurement(METRICS["linearity_sd"], found.sd_mm, "", sd, found.sd_floor),
        Measurement(METRICS["linearity_max"], found.largest_mm, "", largest, found.largest_floor, at),
    ]


def _summary(bars: Bars) -> str:
    widths = ", ".join(f"{width:g}" for width in bars.match.widths_mm)
    return f"bars of {widths} mm, clockwise from the top left; phantom turned by {bars.rotation_deg:.1f} deg"


def _result(
    frame: Frame,
    source: Source,
    findings: Findings,
    parameters: Mapping[str, Any],
    options: Options,
    drawn: tuple[Any, ...],
    summary: str,
) -> Result:
    return Result(
        test=TEST,
        algorithm=ALGORITHM,
        source=source,
        detector=frame.detector,
        detector_source=frame.detector_source,
        energy_window=frame.energy_window,
        parameters=parameters,
        asked=_asked(frame, options),
        measurements=tuple(findings.measurements),
        not_measured=tuple(findings.not_measured),
        remarks=tuple(findings.remarks),
        evidence=drawn,
        collimator=frame.collimator,
        duration_s=frame.duration_s,
        total_counts=int(frame.counts.sum()) if frame.raw_counts else None,
        summary=summary,
    )


def _asked(frame: Frame, options: Options) -> dict[str, Any]:
    """Return what was asked for that changes a value: part of the history's key."""
    flood = options.flood
    return {
        "pixel_mm": [round(pitch, 6) for pitch in frame.spacing_mm],
        "bars": None if options.bars is None else sorted(options.bars),
        "flood": sorted(one.pixels for one in flood.source.inputs) if flood else None,
    }


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
        "flood_used": _has_frame(options.flood, frame),
        **_fit_parameters(fit),
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


def _fit_parameters(fit: JointFit | CannotMeasure) -> dict[str, Any]:
    if isinstance(fit, CannotMeasure):
        return {"chi_squared": None, "degrees_of_freedom": None, "x_and_y": None}
    return {
        "chi_squared": round(fit.chi_squared, 2),
        "degrees_of_freedom": fit.degrees,
        "x_and_y": "apart" if fit.apart else "alike",
    }


def _grade(bars: Bars, frame: Frame, source: Source) -> str | None:
    try:
        smallest = smallest_resolved(bars.quadrants, bars.unmeasured_mm)
    except CannotMeasure:
        return None
    return acr.grade(smallest, source.radionuclide, frame.collimator)


# --- several images of one camera -----------------------------------------------------------------------


def _groups(images: Sequence[_Image]) -> list[list[_Image]]:
    """Return the images of one detector, energy window, collimator and bar phantom that there are several of."""
    groups: dict[tuple[Any, ...], list[_Image]] = {}
    for one in images:
        frame = one.frame
        setting = (frame.detector, frame.energy_window, frame.collimator, one.bars.match.widths_mm_sorted)
        groups.setdefault(setting, []).append(one)
    return [group for group in groups.values() if len(group) > 1]


def _together(group: Sequence[_Image], acquisition: Acquisition, options: Options) -> Result:
    """Fit the images of several rotations together: FWHM, and its x and y apart."""
    findings = Findings(METRICS, remarks=list(acquisition.remarks))
    points = [one for image in group for one in image.points]
    apart = _fit(points, lambda all_points: joint_fit(all_points, apart=True))
    fit = averaged(apart) if isinstance(apart, JointFit) else _fit(points)
    _camera(fit, group[0].frame, findings)
    for number, axis in enumerate("xy"):
        if isinstance(apart, JointFit):
            value, parts = float(apart.fwhm_mm[number]), apart.parts(apart.sigma(number))
            findings.measurements.append(Measurement(METRICS["fwhm"], value, axis, parts))
        else:
            findings.absent(["fwhm"], axis, apart.code, apart.reason)
    findings.attempt(["smallest_resolved"], "", lambda: [_smallest_of_all(group)])
    every = [one for image in group for one in image.bars.quadrants]
    findings.attempt(["pixel_scale"], "", lambda: [_pixel_scale(every)])
    said = bar_remarks.fit_remark(apart)
    findings.remarks += [said] if said else []
    findings.absent([*PER_QUADRANT, *PLACE], "", "per_image", PER_IMAGE)
    first = group[0].frame
    files = tuple(dict.fromkeys(one.frame.input for one in group))
    parameters = {
        "images": len(group),
        "rotations_deg": [round(one.bars.rotation_deg, 2) for one in group],
        "bars_from": "known set" if options.bars is None else "user",
        **_fit_parameters(fit),
    }
    drawn = (mtf_curve(points, apart if isinstance(apart, JointFit) else None),)
    summary = f"{len(group)} images fitted together"
    result = _result(
        first, replace(acquisition.source, inputs=files), findings, parameters, options, drawn, summary
    )
    raw = all(one.frame.raw_counts for one in group)
    total = sum(int(one.frame.counts.sum()) for one in group) if raw else None
    return replace(result, total_counts=total, duration_s=None)


def _smallest_of_all(group: Sequence[_Image]) -> Measurement:
    """Return the smallest bars that every image resolves."""
    return Measurement(
        METRICS["smallest_resolved"],
        max(smallest_resolved(one.bars.quadrants, one.bars.unmeasured_mm) for one in group),
    )
