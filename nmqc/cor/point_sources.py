"""Centre of rotation and detector alignment by point sources.

docs/methods/cor.md gives the method and its validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from nmqc.cor.blur import Blur, blur_against_distance
from nmqc.cor.detector import find_turns, sag
from nmqc.cor.evidence import evidence
from nmqc.cor.metrics import HEAD_METRICS, PAIR_METRICS, TEST
from nmqc.cor.numbers import give_head, give_pair, source_name
from nmqc.cor.pairs import HALF_TURN_DEG
from nmqc.cor.remarks import remarks
from nmqc.cor.sinusoid import Turn
from nmqc.cor.views import head_of, heads, require_own_angles
from nmqc.errors import CannotMeasure
from nmqc.measure.frames import Findings, no_such_detector, refusal, result_of
from nmqc.model import Acquisition, Analysis, Frame, Refusal, Remark, Result

__all__ = ["Options", "analyse", "check", "warm_up"]

ALGORITHM = f"{TEST}/1"


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller may ask for.

    Attributes
    ----------
    only_detector : analyse this detector alone
    """

    only_detector: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Detector:
    """One detector in one energy window, as measured."""

    frames: tuple[Frame, ...]
    turns: list[Turn]
    result: Result


def analyse(acquisition: Acquisition, options: Options) -> Analysis:
    """Analyse the views of each detector and energy window, then each pair of detectors.

    Parameters
    ----------
    acquisition : a tomographic acquisition of one or more point sources in air
    options : see `Options`

    Returns
    -------
    Analysis
        A result for each detector of each energy window, each window followed by its pairs of detectors; and a
        refusal for each detector that could not be measured.

    References
    ----------
    docs/methods/cor.md; NEMA NU 1, 4.1 (text of the 2007 edition); IAEA Human Health Series 6, 4.3.6.
    """
    groups = heads(acquisition, options.only_detector)
    if acquisition.frames and not groups:
        return Analysis((), (no_such_detector(acquisition, options.only_detector),))
    found: dict[int, list[_Detector]] = {}
    refused = []
    for frames in groups:
        try:
            require_own_angles(acquisition.frames)
            found.setdefault(frames[0].window_number, []).append(_measured(frames, acquisition))
        except CannotMeasure as reason:
            refused.append(refusal(frames[0], reason))
    results = []
    for detectors in found.values():
        results += [one.result for one in detectors]
        known = [one for one in detectors if one.result.detector is not None]
        results += [_pair(first, second, acquisition) for first, second in combinations(known, 2)]
    return Analysis(tuple(results), tuple(refused))


def check(acquisition: Acquisition) -> tuple[Refusal, ...]:
    """Say which frames are no views of point sources."""
    refused: list[Refusal] = []
    for frames in heads(acquisition, None):
        try:
            require_own_angles(acquisition.frames)
            find_turns(head_of(frames, acquisition.kind))
        except CannotMeasure as reason:
            refused += [refusal(frame, reason) for frame in frames]
    return tuple(refused)


def warm_up() -> None:
    """Do nothing: this test compiles nothing."""


def _measured(frames: Sequence[Frame], acquisition: Acquisition) -> _Detector:
    head = head_of(frames, acquisition.kind)
    turns = find_turns(head)
    blur = _blur(turns)
    findings = Findings(HEAD_METRICS, remarks=list(acquisition.remarks))
    give_head(turns, blur, findings)
    findings.remarks += remarks(turns, blur)
    result = result_of(
        head.first,
        _source_of(acquisition, frames),
        findings,
        algorithm=ALGORITHM,
        parameters=_parameters(turns),
        asked=_asked(head.first),
        evidence=evidence(turns, blur),
        summary=_summary(turns),
    )
    raw = all(frame.raw_counts for frame in frames)
    total = int(head.counts.sum(dtype=np.int64)) if raw else None
    durations = [frame.duration_s for frame in frames]
    whole = None if None in durations else float(sum(one for one in durations if one is not None))
    return _Detector(tuple(frames), turns, replace(result, total_counts=total, duration_s=whole))


def _blur(turns: Sequence[Turn]) -> Blur | CannotMeasure:
    try:
        return blur_against_distance(turns)
    except CannotMeasure as reason:
        return reason


def _source_of(acquisition: Acquisition, frames: Sequence[Frame]) -> Any:
    return replace(acquisition.source, inputs=tuple(dict.fromkeys(frame.input for frame in frames)))


def _pair(first: _Detector, second: _Detector, acquisition: Acquisition) -> Result:
    """Return the result of two detectors beside each other."""
    numbers = [first.result.detector, second.result.detector]
    findings = Findings(PAIR_METRICS, remarks=list(acquisition.remarks))
    give_pair(first.turns, second.turns, f"{numbers[0]}-{numbers[1]}", findings)
    findings.remarks += _half_turn(findings)
    result = result_of(
        first.frames[0],
        _source_of(acquisition, (*first.frames, *second.frames)),
        findings,
        algorithm=ALGORITHM,
        parameters={"detectors": numbers, "separation_deg": _separation(first, second)},
        asked=_asked(first.frames[0]) | {"detectors": numbers},
        evidence=(),
        summary=f"detectors {numbers[0]} and {numbers[1]} beside each other",
    )
    return replace(result, detector=None, detector_source=None, total_counts=None, duration_s=None)


def _separation(first: _Detector, second: _Detector) -> float:
    """Return the angle from the first to the second detector at their first views, by the header."""
    angles = [float(np.degrees(one.turns[0].head.theta[0])) for one in (first, second)]
    return round((angles[1] - angles[0]) % 360, 2)


def _half_turn(findings: Findings) -> list[Remark]:
    for one in findings.measurements:
        if one.metric is PAIR_METRICS["phase_difference"] and abs(one.value) > HALF_TURN_DEG:
            text = (
                "the detectors disagree by half a turn: the columns of one are stored mirrored, or its start angle "
                "in the header is 180 degrees off; the tilt of a mirrored one has the wrong sign"
            )
            return [Remark("half_turn", text)]
    return []


def _asked(frame: Frame) -> dict[str, Any]:
    """Return what was asked for that changes a value: part of the history's key."""
    return {"pixel_mm": [round(pitch, 6) for pitch in frame.spacing_mm]}


def _summary(turns: Sequence[Turn]) -> str:
    head = turns[0].head
    count = f"{len(turns)} point source{'s' if len(turns) > 1 else ''}"
    way = "clockwise" if head.clockwise else "counter-clockwise"
    return f"{count}, {head.views} views over {head.arc_deg:.0f} degrees, {way}"


def _parameters(turns: Sequence[Turn]) -> dict[str, Any]:
    """Return everything used, as JSON values; lengths rounded to what they are good for."""
    head = turns[0].head
    radius_mm = head.radius_mm
    return {
        "matrix": list(head.counts.shape[1:]),
        "pixel_mm": [round(pitch, 6) for pitch in head.first.spacing_mm],
        "views": head.views,
        "rotations": len({frame.rotation for frame in head.frames}),
        "arc_deg": round(head.arc_deg, 2),
        "step_deg": round(float(np.degrees(head.step)), 4),
        "direction": "clockwise" if head.clockwise else "counter-clockwise",
        "motion": "continuous" if head.moving else "step and shoot",
        "radius_mm": None
        if radius_mm is None
        else {"least": round(float(radius_mm.min()), 1), "most": round(float(radius_mm.max()), 1)},
        "square_px": [int(profile.at_mm.shape[1]) for profile in reversed(turns[0].source.profiles)],
        "sag_phase_deg": _sag_phase(turns),
        "sources": [_described(turn, source_name(number)) for number, turn in enumerate(turns)],
    }


def _sag_phase(turns: Sequence[Turn]) -> float | None:
    try:
        return round(sag(turns)[1], 1)
    except CannotMeasure:
        return None


def _described(turn: Turn, name: str) -> dict[str, Any]:
    source = turn.source
    x_mm, y_mm = turn.place_mm
    views = np.flatnonzero(source.used)
    return {
        "name": name,
        "x_mm": round(x_mm, 2),
        "y_mm": round(y_mm, 2),
        "phase_deg": None if turn.on_axis else round(float(np.degrees(turn.phase_rad)), 3),
        "counts": round(float(np.nanmedian(source.counts))),
        "background": round(float(np.nanmedian(source.background)), 2),
        "fwhm_mm": round(float(np.median(source.fwhm_mm)), 2),
        "views_used": int(views.size),
        "noise": round(float(((turn.residuals_mm / turn.sigma_x_mm) ** 2).mean()), 3)
        if turn.counting
        else None,
        "views_that_stand_out": [turn.head.frames[int(views[number])].view for number in turn.spikes],
    }
