"""Intrinsic resolution and spatial linearity by a slit mask: NEMA NU 1, 2.1 and 2.2.

One image measures the axis across its slits. Lengths are by the spacing of the slits, as the standard has it, not by
the header's pixel size; docs/methods/slits.md gives every step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.measure.frames import Findings, each_frame, refused_frames, require_counts, result_of
from nmqc.model import Acquisition, Analysis, Frame, Measurement, NoiseFloor, Position, Refusal, Result
from nmqc.resolution.metrics import SLITS, SLITS_METRICS
from nmqc.resolution.slit_evidence import as_displayed, evidence
from nmqc.resolution.slit_mask import find_mask
from nmqc.resolution.slit_noise import highest_channel, noise_floor, thinning
from nmqc.resolution.slit_remarks import remarks
from nmqc.resolution.slit_study import FEWEST_COUNTS, FEWEST_LINES, Study, study, too_bright

__all__ = ["Options", "analyse", "check", "warm_up"]

ALGORITHM = f"{SLITS}/1"
FIELD_NAMES = ("ufov", "cfov")
IN_FIELDS = ("fwhm", "fwtm", "linearity_differential", "linearity_absolute")
WIDTHS = ("fwhm", "fwtm")
Parts = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller may ask for.

    Attributes
    ----------
    only_detector : analyse this detector alone
    spacing_mm : distance of neighbouring slits; the standard's mask has 30 mm
    """

    only_detector: int | None = None
    spacing_mm: float = 30.0


def analyse(acquisition: Acquisition, options: Options) -> Analysis:
    """Analyse every frame of an acquisition of a slit mask, each detector and energy window by itself.

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
    NEMA NU 1, 2.1 and 2.2 (text of the 2007 edition).
    """

    def measure(frame: Frame) -> Result:
        require_counts(frame, acquisition.kind, "not_a_slit_mask", "a slit mask")
        return _result(study(frame, options.spacing_mm), acquisition, options)

    return each_frame(acquisition, options.only_detector, measure)


def check(acquisition: Acquisition) -> tuple[Refusal, ...]:
    """Say which frames show no slit mask of 30 mm spacing, without measuring anything."""

    def require(frame: Frame) -> None:
        require_counts(frame, acquisition.kind, "not_a_slit_mask", "a slit mask")
        find_mask(frame, Options().spacing_mm)

    return refused_frames(acquisition, require)


def warm_up() -> None:
    """Do nothing: this test compiles nothing."""


def _result(found: Study, acquisition: Acquisition, options: Options) -> Result:
    findings = Findings(SLITS_METRICS, remarks=[*acquisition.remarks, *found.field.remarks])
    fields = tuple(name for name in FIELD_NAMES if _measurable(found, name, findings))
    values = {name: float(value) for name, value in found.figures(fields).items()}
    parts = _parts(found, fields)
    _pixel_size(found, values, parts, findings)
    for name in fields:
        _in_field(found, name, values, parts, findings)
    findings.remarks += remarks(found, findings.measurements)
    frame = found.frame
    return result_of(
        frame,
        replace(acquisition.source, inputs=(frame.input,)),
        findings,
        algorithm=ALGORITHM,
        parameters=_parameters(found, values),
        asked=_asked(frame, options),
        evidence=evidence(found),
    )


def _measurable(found: Study, name: str, findings: Findings) -> bool:
    """Say whether a field can be measured; if not, say why of all its figures."""
    if name == "ufov" and found.field.clipped:
        reason = "the matrix cuts the field off: acquire the mask without zoom"
        findings.absent(IN_FIELDS, name, "zoomed_field", reason)
        return False
    if found.is_bright(name):
        part = float(np.median(found.cells.between_part[found.expected[name]]))
        findings.absent(IN_FIELDS, name, "high_background", too_bright(part))
        return False
    if not found.has_lines(name):
        reason = (
            f"fewer than {FEWEST_LINES} slits have five strips that could be measured in the field: "
            "give a mask that covers it, with enough counts"
        )
        findings.absent(IN_FIELDS, name, "too_few_strips", reason)
        return False
    if found.lacks_counts(name):
        mean = float(found.spread.height[found.used[name]].mean())
        reason = (
            f"{mean:.0f} counts in the mean peak channel: at least {FEWEST_COUNTS} are needed in nine of ten strips "
            "(the standard asks for 1,000), or noise decides the widths: acquire longer"
        )
        findings.absent(IN_FIELDS, name, "too_few_counts", reason)
        return False
    return True


def _parts(found: Study, fields: tuple[str, ...]) -> Parts:
    """Return the parts of the uncertainty of each figure; nothing where counts are not raw."""
    if not found.frame.raw_counts or not np.issubdtype(found.cells.counts.dtype, np.integer):
        return {}

    def figures(counts: NDArray[Any]) -> dict[str, Any]:
        return found.figures(fields, counts)

    counting = thinning(found.cells.counts, figures)
    raised = highest_channel(found.cells, found.spread, found.usable, figures)
    parts = {name: {"counting": part} for name, part in counting.items() if part > 0}
    for name in parts:
        if name.split(".")[0] in WIDTHS and raised[name] > 0:
            parts[name]["highest channel"] = raised[name]
    return parts


def _pixel_size(found: Study, values: Mapping[str, float], parts: Parts, findings: Findings) -> None:
    """Give the pixel size across the slits; the other axis needs another image."""
    across = found.mask.across
    other = "y" if across == "x" else "x"
    findings.measurements.append(
        Measurement(SLITS_METRICS["pixel_size"], values["pixel_size"], across, parts.get("pixel_size", {}))
    )
    reason = (
        f"the slits run along {other}, so that this image measures {across} alone: "
        f"turn the mask by 90 degrees for {other}"
    )
    findings.absent(["pixel_size"], other, "one_orientation", reason)


def _in_field(
    found: Study,
    name: str,
    values: Mapping[str, float],
    parts: Parts,
    findings: Findings,
) -> None:
    """Give the figures of one field."""
    floor = _floor(found, name, values)
    at = _places(found, name)
    for short in IN_FIELDS:
        if short == "fwtm" and found.lacks_tenth(name):
            reason = (
                "a third of the way to the next slit the profile has not fallen to a tenth of its height: "
                "check the mask for penetration and the energy window for scatter"
            )
            findings.absent([short], name, "no_tenth_level", reason)
            continue
        key = f"{short}.{name}"
        findings.measurements.append(
            Measurement(
                SLITS_METRICS[short],
                values[key],
                name,
                parts.get(key, {}),
                floor.get(short),
                at.get(short, ()),
            )
        )


def _floor(found: Study, name: str, values: Mapping[str, float]) -> dict[str, NoiseFloor]:
    """Return what a perfectly linear detector would read; nothing where counts are not raw."""
    if not found.frame.raw_counts:
        return {}
    scale_mm = found.scale_mm
    floor = noise_floor(
        found.spread, values[f"fwhm.{name}"] / scale_mm, scale_mm, found.used[name], fine=found.fine
    )
    return {f"linearity_{which}": one for which, one in floor.items()}


def _places(found: Study, name: str) -> dict[str, tuple[Position, ...]]:
    """Return where the widest line-spread function and the largest displacement are."""
    used = found.used[name]
    widest = np.where(used, found.spread.fwhm, 0.0)
    farthest = np.abs(found.residuals_px(used))
    return {
        "fwhm": (_position(found, "widest", widest),),
        "linearity_absolute": (_position(found, "farthest", farthest),),
    }


def _position(found: Study, what: str, of_cells: Any) -> Position:
    slit, strip = np.unravel_index(int(np.argmax(of_cells)), of_cells.shape)
    u = found.mask.across_position_mm(found.spread.position[slit, strip])
    v = found.mask.along_position_mm(found.cells.along_px[strip])
    x, y = as_displayed(found, np.array([u, v]))
    return Position(what, float(x), float(y))


def _parameters(found: Study, values: Mapping[str, float]) -> dict[str, Any]:
    """Return everything used, as JSON values; lengths rounded to what they are good for."""
    mask, field, frame = found.mask, found.field, found.frame
    extents = as_displayed(found, np.array(field.extents_mm))
    centre = as_displayed(found, np.array([field.centre_u_mm, field.middle_mm]))
    return {
        "slits_along": "y" if mask.across == "x" else "x",
        "spacing_mm": mask.spacing_mm,
        "scale": "spacing of the slits",
        "pixel_by_slits_mm": round(values["pixel_size"], 5),
        "native_pixel_mm": [round(pitch, 6) for pitch in frame.spacing_mm],
        "matrix": list(frame.counts.shape),
        "strip_pixels": found.cells.pixels,
        "strip_mm": round(found.cells.pixels * mask.along_mm, 3),
        "strips": int(found.cells.along_px.size),
        "slits": mask.slits,
        "peak_height": "highest channel" if found.fine else "parabola",
        "pixel_over_fwhm": round(found.sampling, 4),
        "tilt_deg": round(mask.tilt_deg if mask.across == "x" else -mask.tilt_deg, 3),
        "field_source": field.source,
        "field_mm": [round(float(extent), 2) for extent in extents],
        "centre_x_mm": round(float(centre[0]), 2),
        "centre_y_mm": round(float(centre[1]), 2),
    } | {
        f"{key}_{name}": value
        for name in FIELD_NAMES
        if found.used[name].any()
        for key, value in _field_parameters(found, name).items()
    }


def _field_parameters(found: Study, name: str) -> dict[str, Any]:
    """Return how many line-spread functions a field has, of how many, and how they scatter."""
    used, expected = found.used[name], found.expected[name]
    fwhm, fwtm = (
        values[used & np.isfinite(values)] * found.scale_mm
        for values in (found.spread.fwhm, found.spread.fwtm)
    )
    return {
        "line_spread_functions": int(used.sum()),
        "coverage": round(float(used.sum() / expected.sum()), 4),
        "least_peak_counts": round(float(found.spread.height[used].min()), 1),
        "mean_peak_counts": round(float(found.spread.height[used].mean()), 1),
        "fwhm_worst_mm": round(float(fwhm.max()), 4),
        "fwhm_sd_mm": round(float(fwhm.std(ddof=1)), 4) if fwhm.size > 1 else None,
        "light_between": round(float(found.cells.between_part[used].mean()), 4),
        "fwtm_worst_mm": round(float(fwtm.max()), 4) if fwtm.size else None,
    }


def _asked(frame: Frame, options: Options) -> dict[str, Any]:
    """Return what was asked for that changes a value: part of the history's key."""
    return {
        "pixel_mm": [round(pitch, 6) for pitch in frame.spacing_mm],
        "spacing_mm": options.spacing_mm,
        "field": [[hint.shape, *hint.extents_mm] for hint in frame.field_hints],
    }
