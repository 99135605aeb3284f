"""The test ``pet.recovery``: recovery coefficients as EARL defines them, and the calibration of the background.

docs/methods/pet.md gives the method and its limits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nmqc.errors import CannotMeasure
from nmqc.measure.frames import Findings
from nmqc.model import Analysis, Refusal, Scan
from nmqc.pet import image_quality
from nmqc.pet.metrics import RECOVERY, RECOVERY_METRICS
from nmqc.pet.options import Options
from nmqc.pet.recovery import Recovery, recovery
from nmqc.pet.recovery_evidence import recovery_evidence
from nmqc.pet.results import refused, result_of
from nmqc.pet.study import Study, asked, study_of

__all__ = ["Options", "analyse", "check", "warm_up"]

ALGORITHM = f"{RECOVERY}/1"


def analyse(scan: Scan, options: Options) -> Analysis:
    """Find the phantom and measure the recovery of its hot spheres.

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
    Boellaard et al., Eur J Nucl Med Mol Imaging 2015;42:328 (EANM guideline); docs/methods/pet.md.
    """
    if not scan.volumes:
        return Analysis((), ())
    study = study_of(scan, options)
    try:
        found = _measured(study)
    except CannotMeasure as reason:
        return refused(scan, reason)
    first = found[0][1]
    result = result_of(
        scan,
        [findings for findings, _ in found],
        algorithm=ALGORITHM,
        parameters={**study.parameters(), **({} if first is None else first.parameters())},
        asked=_asked(study),
        remarks=study.remarks(),
        evidence=(),
        summary=_summary(options),
    )
    drawn = () if first is None else recovery_evidence(study.whole, study.phantom, first, result.measurements)
    return Analysis((replace(result, evidence=drawn),), ())


def check(scan: Scan) -> tuple[Refusal, ...]:
    """Say whether a scan is none of the IEC body phantom."""
    return image_quality.check(scan)


def warm_up() -> None:
    """Do nothing: this test compiles nothing."""


def _measured(study: Study) -> list[tuple[Findings, Recovery | None]]:
    """Measure every replicate.

    Raises
    ------
    CannotMeasure
        Where the phantom is not found, or not even its background can be measured.
    """
    found = []
    for number, (volume, (quality, placed)) in enumerate(zip(study.volumes, study.quality, strict=True)):
        if placed is None:
            missing = next(one for one in quality.not_measured if one.name == "pet.background")
            raise CannotMeasure(missing.code, missing.reason)
        findings = Findings(RECOVERY_METRICS)
        truth = study.options.truth_of(number)
        found.append((findings, recovery(volume, study.phantom, truth, study.options, findings, placed)))
    return found


def _asked(study: Study) -> dict[str, Any]:
    """Return what was asked for that changes a value, or its judgement: part of the history's key."""
    options = study.options
    regions = options.background_rois
    return {
        **asked(study.whole, options.truth),
        "background_rois": None if regions is None else [regions.relative_to, *regions.centres_mm],
        "hints": [options.hints.phase_deg, options.hints.sense],
        "header_dose": options.header_dose,
        "earl": options.earl,
    }


def _summary(options: Options) -> str:
    judged = "not judged" if options.earl is None else f"judged by EARL standard {options.earl}"
    ratio = options.truth[0].ratio
    return judged if ratio is None else f"ratio {ratio:.3g}:1, {judged}"
