"""The test ``pet.image-quality``: the IEC body phantom by NEMA NU 2, section 7.

docs/methods/pet.md gives the method and its limits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nmqc.errors import CannotMeasure
from nmqc.model import Analysis, Refusal, Scan
from nmqc.pet.evidence import image_quality_evidence
from nmqc.pet.fill_table import fill_table
from nmqc.pet.metrics import IMAGE_QUALITY
from nmqc.pet.nema import Placed
from nmqc.pet.options import Options
from nmqc.pet.results import refused, result_of
from nmqc.pet.study import Study, asked, study_of

__all__ = ["Options", "analyse", "check", "warm_up"]

ALGORITHM = f"{IMAGE_QUALITY}/1"


def analyse(scan: Scan, options: Options) -> Analysis:
    """Find the phantom and measure contrast, background variability and lung residual.

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
    NEMA NU 2, 7; docs/methods/pet.md.
    """
    if not scan.volumes:
        return Analysis((), ())
    study = study_of(scan, options)
    try:
        phantom, found = study.phantom, study.quality
    except CannotMeasure as reason:
        return refused(scan, reason)
    placed = found[0][1]
    result = result_of(
        scan,
        [findings for findings, _ in found],
        algorithm=ALGORITHM,
        parameters={**study.parameters(), **({} if placed is None else placed.parameters())},
        asked=_asked(study),
        remarks=study.remarks(),
        evidence=(),
        summary=_summary(study, placed),
    )
    drawn = image_quality_evidence(study.whole, phantom, placed, result.measurements)
    references = [volume.tracer.reference for volume in scan.volumes]
    table = fill_table(options.fill, options.truth, references)
    return Analysis((replace(result, evidence=(*drawn, table)),), ())


def check(scan: Scan) -> tuple[Refusal, ...]:
    """Say whether a scan is none of the IEC body phantom."""
    if not scan.volumes:
        return ()
    try:
        study_of(scan, Options()).phantom  # noqa: B018
    except CannotMeasure as reason:
        return refused(scan, reason).refused
    return ()


def warm_up() -> None:
    """Do nothing: this test compiles nothing."""


def _asked(study: Study) -> dict[str, Any]:
    """Return what was asked for that changes a value: part of the history's key."""
    options = study.options
    regions = options.background_rois
    return {
        **asked(study.whole, options.truth),
        "edition": options.edition,
        "slice": options.slice,
        "lung_exclusion_mm": options.lung_exclusion_mm,
        "lung_background": options.lung_background,
        "background_rois": None if regions is None else [regions.relative_to, *regions.centres_mm],
        "hints": [options.hints.phase_deg, options.hints.sense],
    }


def _summary(study: Study, placed: Placed | None) -> str:
    ring, truth = study.phantom.ring, study.options.truth[0]
    ratio = "no true ratio" if truth.ratio is None else f"ratio {truth.ratio:.3g}:1"
    edition = "" if placed is None else f"NEMA NU 2-{placed.edition}, "
    return (
        f"{edition}{ratio}, 37 mm sphere at {ring.phase_deg:.0f} degrees, ring of {ring.radius_mm:.1f} mm fits to "
        f"{ring.residual_mm:.1f} mm"
    )
