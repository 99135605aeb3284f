"""What every family does with the frames of an acquisition: choose them, refuse them, gather what is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from nmqc.errors import CannotMeasure
from nmqc.model import (
    Acquisition,
    Analysis,
    Frame,
    Measurement,
    Metric,
    NotMeasured,
    Refusal,
    Remark,
    Result,
    Source,
)

FEWEST_PIXELS = 64

Found = TypeVar("Found")


@dataclass(slots=True)
class Findings:
    """What has been found so far of one frame. `metrics` are the test's, by short name."""

    metrics: Mapping[str, Metric]
    measurements: list[Measurement] = field(default_factory=list)
    not_measured: list[NotMeasured] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def attempt(self, names: Iterable[str], of: str, measure: Callable[[], Iterable[Measurement]]) -> None:
        """Measure, or say of every name why it could not be."""
        try:
            self.measurements += measure()
        except CannotMeasure as refusal:
            self.absent(names, of, refusal.code, refusal.reason)

    def absent(self, names: Iterable[str], of: str, code: str, reason: str) -> None:
        """Say of every name why it could not be measured."""
        self.not_measured += [NotMeasured(self.metrics[name].name, of, code, reason) for name in names]


def each_frame(
    acquisition: Acquisition, only_detector: int | None, measure: Callable[[Frame], Result]
) -> Analysis:
    """Measure the frames of one detector, or of all, each by itself; a frame that cannot be measured is refused."""
    results, refused = measured_frames(acquisition, only_detector, measure)
    return Analysis(tuple(results), tuple(refused))


def measured_frames(
    acquisition: Acquisition, only_detector: int | None, measure: Callable[[Frame], Found]
) -> tuple[list[Found], list[Refusal]]:
    """Return what is measured of the frames of one detector, or of all, and the refusals of the others."""
    found, refused = [], []
    chosen = frames_of(acquisition, only_detector)
    if acquisition.frames and not chosen:
        refused.append(no_such_detector(acquisition, only_detector))
    for frame in chosen:
        try:
            found.append(measure(frame))
        except CannotMeasure as reason:
            refused.append(refusal(frame, reason))
    return found, refused


def result_of(
    frame: Frame,
    source: Source,
    findings: Findings,
    *,
    algorithm: str,
    parameters: Mapping[str, Any],
    asked: Mapping[str, Any],
    evidence: tuple[Any, ...],
    summary: str = "",
) -> Result:
    """Return the result of one frame, or of several whose first is given; `algorithm` is "test/version"."""
    return Result(
        test=algorithm.split("/")[0],
        algorithm=algorithm,
        source=source,
        detector=frame.detector,
        detector_source=frame.detector_source,
        energy_window=frame.energy_window,
        parameters=parameters,
        asked=asked,
        measurements=tuple(findings.measurements),
        not_measured=tuple(findings.not_measured),
        remarks=tuple(findings.remarks),
        evidence=evidence,
        collimator=frame.collimator,
        duration_s=frame.duration_s,
        total_counts=int(frame.counts.sum()) if frame.raw_counts else None,
        summary=summary,
    )


def refused_frames(acquisition: Acquisition, require: Callable[[Frame], object]) -> tuple[Refusal, ...]:
    """Return a refusal of every frame for which `require` raises CannotMeasure."""
    refused = []
    for frame in acquisition.frames:
        try:
            require(frame)
        except CannotMeasure as reason:
            refused.append(refusal(frame, reason))
    return tuple(refused)


def frames_of(acquisition: Acquisition, detector: int | None) -> tuple[Frame, ...]:
    """Return the frames of one detector, or all of them."""
    return tuple(frame for frame in acquisition.frames if detector is None or frame.detector == detector)


def no_such_detector(acquisition: Acquisition, wanted: int | None) -> Refusal:
    """Return the refusal of an acquisition that has no frame of the detector asked for."""
    first = acquisition.source.inputs[0]
    there = sorted({str(frame.detector or "unknown") for frame in acquisition.frames})
    reason = f"there is no image of detector {wanted} in it, only of detector {', '.join(there)}: choose one of these"
    return Refusal(first.file, "no_such_detector", reason, wanted, sha256=first.sha256, place=first.place)


def refusal(frame: Frame, reason: CannotMeasure) -> Refusal:
    """Return the refusal of one frame."""
    return Refusal(
        file=frame.input.file,
        code=reason.code,
        reason=reason.reason,
        detector=frame.detector,
        energy_window=frame.energy_window,
        sha256=frame.input.sha256,
        place=frame.input.place,
    )


def require_counts(frame: Frame, kind: str, code: str, what: str) -> None:
    """Refuse what no analysis of a planar image can use.

    Parameters
    ----------
    kind : third value of ImageType; "" where it is unknown
    code, what : of the refusal of something else than the image wanted: "not_a_flood", "a flood"

    Raises
    ------
    CannotMeasure
        `code`, ``not_numbers``, ``negative_counts``, ``no_counts``, ``saturated``.
    """
    counts = frame.counts
    if kind not in ("STATIC", ""):
        raise CannotMeasure(
            code,
            f"this is a {kind} acquisition: give a static planar image of {what}; `nmqc identify` says which "
            "command is for it",
        )
    if counts.size < FEWEST_PIXELS:
        raise CannotMeasure(code, f"this is not {what}: the image has fewer than {FEWEST_PIXELS} pixels")
    whole = np.issubdtype(counts.dtype, np.integer)
    if not whole and not np.isfinite(counts).all():
        raise CannotMeasure(
            "not_numbers", "the image holds values that are no numbers: give it as it was acquired"
        )
    if not np.issubdtype(counts.dtype, np.unsignedinteger) and counts.min() < 0:
        raise CannotMeasure(
            "negative_counts",
            "the image holds negative values: give it as it was acquired, without background subtraction",
        )
    highest = counts.max()
    if highest == 0:
        raise CannotMeasure("no_counts", "the image holds no counts: check that the source was there")
    if frame.full_scale is not None and highest >= frame.full_scale:
        raise CannotMeasure(
            "saturated",
            f"a pixel stands at {frame.full_scale:g}, the largest value the file can store: counts are lost; "
            "acquire fewer counts or use a finer matrix",
        )
