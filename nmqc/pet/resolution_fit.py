"""The test ``pet.resolution-fit``: the spheres as a blurred model give resolution and recovered activity.

docs/methods/pet.md gives the method and its limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nmqc.errors import CannotMeasure
from nmqc.measure.frames import Findings
from nmqc.model import Analysis, Measurement, Refusal, Remark, Scan, Volume
from nmqc.pet import image_quality
from nmqc.pet.fit import Estimate, FitOptions, JointFit, NotFitted, SphereFit, SphereFits, fit_spheres
from nmqc.pet.fit_evidence import fit_evidence
from nmqc.pet.metrics import RESOLUTION, RESOLUTION_METRICS, SPHERES_MM
from nmqc.pet.options import Options
from nmqc.pet.results import refused, result_of
from nmqc.pet.study import Study, image_remarks, study_of
from nmqc.pet.truth import sphere_name

__all__ = ["Options", "analyse", "check", "warm_up"]

ALGORITHM = f"{RESOLUTION}/1"
TOGETHER = ""
UNEXPLAINED = 1.5  # residuals over those of noise, from which the model is said not to fit


def analyse(scan: Scan, options: Options) -> Analysis:
    """Find the phantom and fit its spheres, each alone and the hot ones together.

    Parameters
    ----------
    scan : the phantom, once or several times in one place
    options : see `Options`

    Returns
    -------
    Analysis
        One result, whose values are means over replicates; or one refusal.

    References
    ----------
    Hofheinz et al., Z Med Phys 2010;20:64; docs/methods/pet.md.
    """
    if not scan.volumes:
        return Analysis((), ())
    study, settings = study_of(scan, options), FitOptions()
    try:
        fits = [fit_spheres(volume, study.phantom, settings) for volume in study.volumes]
    except CannotMeasure as reason:
        return refused(scan, reason)
    result = result_of(
        scan,
        [_findings(fit, volume) for fit, volume in zip(fits, study.volumes, strict=True)],
        algorithm=ALGORITHM,
        parameters={**study.parameters(), **_parameters(fits[0], settings)},
        asked=_asked(study),
        remarks=image_remarks(study.volumes),
        evidence=fit_evidence(study.volumes[0], study.phantom, fits[0], settings),
        summary=_summary(fits[0]),
    )
    return Analysis((result,), ())


def check(scan: Scan) -> tuple[Refusal, ...]:
    """Say whether a scan is none of the IEC body phantom."""
    return image_quality.check(scan)


def warm_up() -> None:
    """Do nothing: this test compiles nothing."""


def _findings(fits: SphereFits, volume: Volume) -> Findings:
    findings = Findings(RESOLUTION_METRICS)
    _give(fits.joint, TOGETHER, volume, findings)
    for index, fit in enumerate(fits.spheres):
        _give(fit, sphere_name(index), volume, findings)
    odd = [sphere_name(index) for index, fit in enumerate(fits.spheres) if _unexplained(fit)]
    if odd:
        text = (
            f"the model leaves more than noise explains: {', '.join(odd)}; edges that overshoot, a wall of another "
            "thickness, or activity beside the sphere; its uncertainties are widened by it"
        )
        findings.remarks.append(Remark("fit_residuals", text))
    return findings


def _unexplained(fit: SphereFit | NotFitted) -> bool:
    return isinstance(fit, SphereFit) and fit.excess > UNEXPLAINED


def _give(fit: SphereFit | JointFit | NotFitted, of: str, volume: Volume, findings: Findings) -> None:
    """Give the widths, and of one sphere its activity."""
    if isinstance(fit, NotFitted):
        names = RESOLUTION_METRICS if of != TOGETHER else ("fwhm_transaxial", "fwhm_axial")
        findings.absent(names, of, fit.code, fit.reason)
        return
    for name, estimate in _estimates(fit):
        metric = RESOLUTION_METRICS[name]
        if name == "fit_signal":
            metric = replace(metric, unit=volume.unit)
        parts = {"counting": estimate.sigma} if estimate.sigma > 0 else {}
        findings.measurements.append(Measurement(metric, estimate.value, of, parts))


def _estimates(fit: SphereFit | JointFit) -> Iterator[tuple[str, Estimate]]:
    yield "fwhm_transaxial", fit.fwhm_transaxial_mm
    yield "fwhm_axial", fit.fwhm_axial_mm
    if isinstance(fit, SphereFit):
        yield "fit_signal", fit.signal


def _asked(study: Study) -> dict[str, Any]:
    """Return what was asked for that changes a value: part of the history's key."""
    hints = study.options.hints
    return {
        "voxel_mm": [round(pitch, 6) for pitch in study.whole.spacing_mm],
        "hints": [hints.phase_deg, hints.sense],
    }


def _parameters(fits: SphereFits, settings: FitOptions) -> dict[str, Any]:
    return {
        "wall_mm": settings.wall_mm,
        "voxels": settings.voxels,
        "reach_mm": settings.reach_mm,
        "free_background_from_mm": settings.free_background_from_mm,
        "noise_of_a_voxel": float(f"{fits.noise.sd:.4g}"),
        "excess": {
            f"{diameter:g} mm": round(fit.excess, 2)
            for diameter, fit in zip(SPHERES_MM, fits.spheres, strict=True)
            if isinstance(fit, SphereFit)
        },
    }


def _summary(fits: SphereFits) -> str:
    fitted = [sphere_name(i) for i, fit in enumerate(fits.spheres) if isinstance(fit, SphereFit)]
    return f"spheres fitted: {', '.join(fitted)}" if fitted else "no sphere could be fitted"
