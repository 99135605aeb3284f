"""From what was found in every replicate of a scan to the result of a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from nmqc.errors import CannotMeasure
from nmqc.measure.frames import Findings
from nmqc.model import Analysis, Evidence, InputFile, Refusal, Remark, Result, Scan, Source
from nmqc.pet.replicates import together


def result_of(
    scan: Scan,
    found: Sequence[Findings],
    *,
    algorithm: str,
    parameters: Mapping[str, Any],
    asked: Mapping[str, Any],
    remarks: Sequence[Remark],
    evidence: tuple[Evidence, ...],
    summary: str,
) -> Result:
    """Return the result of a scan: what was found in its volume, or the means over replicates.

    Parameters
    ----------
    found : of each volume
    algorithm : "test/version"
    remarks : what there is to say before the findings' own
    """
    means = together([one.measurements for one in found], [one.not_measured for one in found])
    own = [remark for one in found for remark in one.remarks]
    durations = {volume.duration_s for volume in scan.volumes}
    return Result(
        test=algorithm.split("/")[0],
        algorithm=algorithm,
        source=source_of(scan),
        detector=None,
        detector_source=None,
        energy_window=None,
        parameters={**parameters, "replicates": _replicates(len(found), means.scatter)},
        asked=asked,
        measurements=means.measurements,
        not_measured=means.not_measured,
        remarks=tuple(dict.fromkeys([*remarks, *own])),
        evidence=evidence,
        duration_s=durations.pop() if len(durations) == 1 else None,
        summary=summary,
    )


def refused(scan: Scan, reason: CannotMeasure) -> Analysis:
    """Return that a scan could not be measured at all, called by its first file.

    The SHA-256 of several files is that of theirs, one after the other.
    """
    inputs = _inputs(scan)
    digest = inputs[0].sha256
    if len(inputs) > 1:
        digest = sha256("".join(one.sha256 for one in inputs).encode()).hexdigest()
    first = inputs[0]
    return Analysis(
        (), (Refusal(scan.name or first.file, reason.code, reason.reason, sha256=digest, place=first.place),)
    )


def source_of(scan: Scan) -> Source:
    """Return where a scan is from: the first volume's facts, and the files of all."""
    return replace(scan.volumes[0].source, inputs=_inputs(scan))


def _inputs(scan: Scan) -> tuple[InputFile, ...]:
    return tuple(one for volume in scan.volumes for one in volume.source.inputs)


def _replicates(count: int, scatter: Mapping[tuple[str, str], float]) -> dict[str, Any]:
    """Return how many there are, and the standard deviation of one of them, by metric and variant."""
    sd = {f"{name} {of}".strip(): float(f"{value:.4g}") for (name, of), value in scatter.items()}
    return {"count": count, "sd": sd}
