"""The test ``pet.uniformity``: a uniform cylinder.

docs/methods/pet-cylinder.md gives the method and its limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nmqc.errors import CannotMeasure
from nmqc.measure.frames import Findings
from nmqc.model import Analysis, Refusal, Remark, Scan, Volume
from nmqc.pet.calibration import bqml_per_unit, doubtful
from nmqc.pet.cylinder import CylinderFigures, CylinderOptions, give, measure_cylinder
from nmqc.pet.cylinder_evidence import cylinder_evidence
from nmqc.pet.cylinder_place import find_cylinder
from nmqc.pet.fill_table import fill_table
from nmqc.pet.metrics import UNIFORMITY, UNIFORMITY_METRICS
from nmqc.pet.results import refused, result_of
from nmqc.pet.study import asked, image_parameters, image_remarks, truth_parameters
from nmqc.pet.truth import NO_FILL_UNCERTAINTY, Truth

__all__ = ["Options", "analyse", "check", "warm_up"]

ALGORITHM = f"{UNIFORMITY}/1"


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller may ask for.

    Attributes
    ----------
    truth : what is really in the cylinder, as the background of a phantom: one for all volumes, or one for each
    fill : the fill sheet that it is from, as JSON values, for the record; None where there is none
    remarks : what the caller has to say of all this
    """

    truth: tuple[Truth, ...] = (Truth(),)
    fill: Mapping[str, Any] | None = None
    remarks: tuple[Remark, ...] = ()


def analyse(scan: Scan, options: Options) -> Analysis:
    """Find the cylinder and measure uniformity, noise and calibration.

    Parameters
    ----------
    scan : the cylinder, once or several times in one place
    options : see `Options`

    Returns
    -------
    Analysis
        One result, whose values are means over replicates; or one refusal.

    References
    ----------
    AAPM TG-126; NEMA NU 2-1994; docs/methods/pet-cylinder.md.
    """
    if not scan.volumes:
        return Analysis((), ())
    settings = [
        _settings(volume, options.truth[number % len(options.truth)])
        for number, volume in enumerate(scan.volumes)
    ]
    try:
        figures = [measure_cylinder(*each) for each in zip(scan.volumes, settings, strict=True)]
    except CannotMeasure as reason:
        return refused(scan, reason)
    first, volume = figures[0], scan.volumes[0]
    references = [one.tracer.reference for one in scan.volumes]
    drawn = cylinder_evidence(volume, first, settings[0])
    result = result_of(
        scan,
        [_findings(one, volume, options.truth[0]) for one in figures],
        algorithm=ALGORITHM,
        parameters={
            **image_parameters(volume, scan.volumes),
            "truth": truth_parameters(options.truth, options.fill),
            **_parameters(first, settings[0]),
        },
        asked=asked(volume, options.truth),
        remarks=(*image_remarks(scan.volumes), *options.remarks),
        evidence=(*drawn, fill_table(options.fill, options.truth, references)),
        summary=_summary(first),
    )
    return Analysis((result,), ())


def check(scan: Scan) -> tuple[Refusal, ...]:
    """Say whether a scan is none of a uniform cylinder."""
    if not scan.volumes:
        return ()
    try:
        find_cylinder(scan.volumes[0], CylinderOptions().central)
    except CannotMeasure as reason:
        return refused(scan, reason).refused
    return ()


def warm_up() -> None:
    """Do nothing: this test compiles nothing."""


def _settings(volume: Volume, truth: Truth) -> CylinderOptions:
    """Return what is expected of a volume, in its own unit."""
    if truth.background_bqml is None:
        return CylinderOptions()
    try:
        factor = bqml_per_unit(volume)
    except CannotMeasure:
        return CylinderOptions()
    uncertainty = (truth.background_uncertainty_bqml or 0.0) / factor
    return CylinderOptions(expected=truth.background_bqml / factor, expected_uncertainty=uncertainty)


def _findings(figures: CylinderFigures, volume: Volume, truth: Truth) -> Findings:
    findings = Findings(UNIFORMITY_METRICS)
    give(figures, volume.quantitative, findings)
    given = [m for m in findings.measurements if m.metric == UNIFORMITY_METRICS["calibration"]]
    findings.remarks += [remark for m in given for remark in doubtful(m.value)]
    if given and truth.background_uncertainty_bqml is None:
        findings.remarks.append(NO_FILL_UNCERTAINTY)
    return findings


def _parameters(figures: CylinderFigures, settings: CylinderOptions) -> dict[str, Any]:
    cylinder, discs, squares = figures.cylinder, figures.discs, figures.squares
    return {
        "axis_mm": [round(cylinder.x_mm, 2), round(cylinder.y_mm, 2)],
        "tilt_deg": round(cylinder.tilt_deg, 2),
        "radius_mm": round(cylinder.radius_mm, 1),
        "ends_mm": [round(cylinder.first_z_mm, 1), round(cylinder.last_z_mm, 1)],
        "cut_by_the_volume": list(cylinder.cut),
        "end_mm": settings.end_mm,
        "central": settings.central,
        "slices": int(figures.profile.z_mm.size),
        "mean": float(f"{figures.mean:.6g}"),
        "axial_sd_percent": round(figures.profile.sd_percent, 3),
        "worst_slice_at_mm": round(figures.profile.at_mm, 2),
        "transaxial_worst_slice_percent": round(discs.worst_slice_percent, 3),
        "transaxial_mean_slice_percent": round(discs.mean_slice_percent, 3),
        "squares": {
            "count": squares.count,
            "above_percent": round(squares.above_percent, 2),
            "below_percent": round(squares.below_percent, 2),
            "cv_percent": round(squares.cv_percent, 3),
            "expected_of_noise_percent": round(squares.expected_percent, 2),
        },
    }


def _summary(figures: CylinderFigures) -> str:
    cylinder = figures.cylinder
    length = cylinder.last_z_mm - cylinder.first_z_mm
    cut = ", cut by the volume" if any(cylinder.cut) else ""
    return f"cylinder of {2 * cylinder.radius_mm:.0f} mm, {length:.0f} mm long{cut}"
