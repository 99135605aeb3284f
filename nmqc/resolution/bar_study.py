"""What one image of bars and several have in common: the options and the numbers of the camera."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmqc.errors import CannotMeasure
from nmqc.measure.frames import Findings
from nmqc.model import Acquisition, Frame, Measurement, Result
from nmqc.resolution.bar_fit import JointFit, Point, camera_fit, resolved_limit
from nmqc.resolution.bar_quadrants import Bars, Quadrant
from nmqc.resolution.metrics import BARS as TEST
from nmqc.resolution.metrics import BARS_METRICS as METRICS

ALGORITHM = f"{TEST}/1"


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
class Image:
    """One frame, measured."""

    frame: Frame
    bars: Bars
    points: tuple[Point, ...]
    fit: JointFit | CannotMeasure
    result: Result


def fitted(
    points: Sequence[Point], method: Callable[[Sequence[Point]], JointFit] = camera_fit
) -> JointFit | CannotMeasure:
    """Return the joint fit, or why there is none."""
    try:
        return method(points)
    except CannotMeasure as reason:
        return reason


def give_camera(fit: JointFit | CannotMeasure, frame: Frame, findings: Findings) -> None:
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


def pixel_scale(quadrants: Sequence[Quadrant]) -> Measurement:
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


def asked(frame: Frame, options: Options) -> dict[str, Any]:
    """Return what was asked for that changes a value: part of the history's key."""
    flood = options.flood
    return {
        "pixel_mm": [round(pitch, 6) for pitch in frame.spacing_mm],
        "bars": None if options.bars is None else sorted(options.bars),
        "flood": sorted(one.pixels for one in flood.source.inputs) if flood else None,
    }


def fit_parameters(fit: JointFit | CannotMeasure) -> dict[str, Any]:
    """Return how well the joint fit fits, as JSON values."""
    if isinstance(fit, CannotMeasure):
        return {"chi_squared": None, "degrees_of_freedom": None, "x_and_y": None}
    return {
        "chi_squared": round(fit.chi_squared, 2),
        "degrees_of_freedom": fit.degrees,
        "x_and_y": "apart" if fit.apart else "alike",
    }
