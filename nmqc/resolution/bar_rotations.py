"""Several images of one bar phantom by one camera, its rotations, fitted together: FWHM in x and in y."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nmqc.measure.frames import Findings, result_of
from nmqc.model import Acquisition, Measurement, Result
from nmqc.resolution import bar_remarks
from nmqc.resolution.bar_evidence import mtf_curve
from nmqc.resolution.bar_fit import JointFit, averaged, joint_fit, smallest_resolved
from nmqc.resolution.bar_study import (
    ALGORITHM,
    Image,
    Options,
    asked,
    fit_parameters,
    fitted,
    give_camera,
    pixel_scale,
)
from nmqc.resolution.metrics import BARS_METRICS as METRICS

PER_IMAGE = "given with each image by itself"
NOT_TOGETHER = (
    "modulation",
    "mtf",
    "fwhm_moments",
    "fwhm_moments_pi4",
    "width",
    "rotation",
    "centre_x",
    "centre_y",
    "linearity_sd",
    "linearity_max",
)


def groups(images: Sequence[Image]) -> list[list[Image]]:
    """Return the images of one detector, energy window, collimator and bar phantom that there are several of."""
    groups: dict[tuple[Any, ...], list[Image]] = {}
    for one in images:
        frame = one.frame
        setting = (frame.detector, frame.energy_window, frame.collimator, one.bars.match.widths_mm_sorted)
        groups.setdefault(setting, []).append(one)
    return [group for group in groups.values() if len(group) > 1]


def together(group: Sequence[Image], acquisition: Acquisition, options: Options) -> Result:
    """Fit the images of several rotations together: FWHM, and its x and y apart."""
    findings = Findings(METRICS, remarks=list(acquisition.remarks))
    points = [one for image in group for one in image.points]
    apart = fitted(points, lambda all_points: joint_fit(all_points, apart=True))
    fit = averaged(apart) if isinstance(apart, JointFit) else fitted(points)
    give_camera(fit, group[0].frame, findings)
    for number, axis in enumerate("xy"):
        if isinstance(apart, JointFit):
            value, parts = float(apart.fwhm_mm[number]), apart.parts(apart.sigma(number))
            findings.measurements.append(Measurement(METRICS["fwhm"], value, axis, parts))
        else:
            findings.absent(["fwhm"], axis, apart.code, apart.reason)
    findings.attempt(["smallest_resolved"], "", lambda: [_smallest_of_all(group)])
    every = [one for image in group for one in image.bars.quadrants]
    findings.attempt(["pixel_scale"], "", lambda: [pixel_scale(every)])
    said = bar_remarks.fit_remark(apart)
    findings.remarks += [said] if said else []
    findings.absent(NOT_TOGETHER, "", "per_image", PER_IMAGE)
    first = group[0].frame
    files = tuple(dict.fromkeys(one.frame.input for one in group))
    parameters = {
        "images": len(group),
        "rotations_deg": [round(one.bars.rotation_deg, 2) for one in group],
        "bars_from": "known set" if options.bars is None else "user",
        **fit_parameters(fit),
    }
    drawn = (mtf_curve(points, apart if isinstance(apart, JointFit) else None),)
    result = result_of(
        first,
        replace(acquisition.source, inputs=files),
        findings,
        algorithm=ALGORITHM,
        parameters=parameters,
        asked=asked(first, options),
        evidence=drawn,
        summary=f"{len(group)} images fitted together",
    )
    raw = all(one.frame.raw_counts for one in group)
    total = sum(int(one.frame.counts.sum()) for one in group) if raw else None
    return replace(result, total_counts=total, duration_s=None)


def _smallest_of_all(group: Sequence[Image]) -> Measurement:
    """Return the smallest bars that every image resolves."""
    return Measurement(
        METRICS["smallest_resolved"],
        max(smallest_resolved(one.bars.quadrants, one.bars.unmeasured_mm) for one in group),
    )
