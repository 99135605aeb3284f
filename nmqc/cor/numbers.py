"""The measurements of one detector, and of a pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np

from nmqc.cor import detector, pairs
from nmqc.cor.blur import Blur
from nmqc.cor.detector import Value
from nmqc.cor.metrics import HEAD_METRICS, METRICS, PAIR_METRICS
from nmqc.cor.nema import nema_head, nema_pair
from nmqc.cor.sinusoid import Turn
from nmqc.cor.views import Floats
from nmqc.errors import CannotMeasure
from nmqc.measure.chance import largest_magnitude, ranges_of_normals
from nmqc.measure.frames import Findings
from nmqc.model import Measurement, NoiseFloor

ALL = ""
AT_200_MM = "200 mm"


def source_name(number: int) -> str:
    """Return the name of a source, counted from 0."""
    return f"source {number + 1}"


def give_head(turns: Sequence[Turn], blur: Blur | CannotMeasure, findings: Findings) -> None:
    """Give everything that is said of one detector."""
    each = list(enumerate(turns))
    pixel_mm = turns[0].head.first.spacing_mm[1]
    offsets = [detector.offset(turn) for turn in turns]
    for name, scale in (("offset", 1.0), ("offset_px", 1 / pixel_mm)):
        _give(findings, name, ALL, _scaled(detector.mean_of(offsets), scale))
        for number, value in enumerate(offsets):
            _give(findings, name, source_name(number), _scaled(value, scale))
    _give_residuals(turns, findings)
    for number, turn in each:
        findings.attempt(["radius"], source_name(number), partial(_radius, turn, source_name(number)))
    _give_axial(turns, findings)
    _each_and_mean(turns, "tilt", detector.tilt, detector.weighted_mean_of, findings)
    findings.attempt(["sag"], ALL, lambda: [_sag(turns)])
    _each_and_mean(turns, "drift", detector.drift, detector.mean_of, findings)
    _each_and_mean(turns, "offset_opposed", detector.opposed, detector.mean_of, findings)
    findings.attempt(
        ["offset_slope"], ALL, lambda: [_measurement("offset_slope", ALL, detector.offset_slope(turns))]
    )
    _give_resolution(blur, findings)
    findings.attempt(["nema_offset", "nema_axial"], ALL, lambda: _named(nema_head(turns)))


def give_pair(first: Sequence[Turn], second: Sequence[Turn], name: str, findings: Findings) -> None:
    """Give everything that is said of two detectors beside each other."""
    try:
        both = pairs.matched(first, second)
    except CannotMeasure as reason:
        findings.absent(PAIR_METRICS, name, reason.code, reason.reason)
        return
    for short, measure in (
        ("axial_shift", pairs.axial_shift),
        ("offset_difference", pairs.offset_difference),
        ("phase_difference", pairs.phase_difference),
    ):
        findings.attempt([short], name, partial(_pair_value, short, measure, both, name))
    findings.attempt(["nema_pair_offset", "nema_pair_axial"], name, lambda: _named(nema_pair(both), name))


def _pair_value(
    short: str, measure: Callable[[pairs.Pairs], Value], both: pairs.Pairs, name: str
) -> list[Measurement]:
    value = measure(both)
    return [Measurement(PAIR_METRICS[short], value.value, name, _known(value))]


def _scaled(value: Value, scale: float) -> Value:
    return Value(value.value * scale, {name: part * scale for name, part in value.parts.items()})


def _known(value: Value) -> dict[str, float]:
    return {name: part for name, part in value.parts.items() if part > 0}


def _measurement(name: str, of: str, value: Value, floor: NoiseFloor | None = None) -> Measurement:
    return Measurement(HEAD_METRICS[name], value.value, of, _known(value), floor)


def _give(findings: Findings, name: str, of: str, value: Value, floor: NoiseFloor | None = None) -> None:
    findings.measurements.append(_measurement(name, of, value, floor))


def _named(values: dict[str, Value], of: str = ALL) -> list[Measurement]:
    return [Measurement(METRICS[name], value.value, of, _known(value)) for name, value in values.items()]


def _each_and_mean(
    turns: Sequence[Turn],
    name: str,
    measure: Callable[[Turn], Value],
    mean: Callable[[Sequence[Value]], Value],
    findings: Findings,
) -> None:
    """Give a quantity of every source, and its mean over those that tell it."""
    values, reasons = {}, {}
    for number, turn in enumerate(turns):
        try:
            values[number] = measure(turn)
        except CannotMeasure as reason:
            reasons[number] = reason
    if values:
        _give(findings, name, ALL, mean(list(values.values())))
    else:
        findings.absent([name], ALL, reasons[0].code, reasons[0].reason)
    for number in range(len(turns)):
        if number in values:
            _give(findings, name, source_name(number), values[number])
        else:
            findings.absent([name], source_name(number), reasons[number].code, reasons[number].reason)


def _radius(turn: Turn, of: str) -> Iterable[Measurement]:
    value = detector.radius(turn)
    if value.value < 3 * value.sigma:
        raise CannotMeasure("on_axis", "the source lies on the axis, as far as counts tell")
    return [_measurement("radius", of, value)]


def _sag(turns: Sequence[Turn]) -> Measurement:
    value, _ = detector.sag(turns)
    return _measurement("sag", ALL, value)


# --- residuals ------------------------------------------------------------------------------------------


def _give_residuals(turns: Sequence[Turn], findings: Findings) -> None:
    """Give largest residual and RMS, of all sources and of each, beside what noise alone gives."""
    everything = [(ALL, turns), *((source_name(number), [turn]) for number, turn in enumerate(turns))]
    for of, some in everything:
        residuals = np.concatenate([turn.residuals_mm for turn in some])
        sigma = np.concatenate([_left(turn) for turn in some])
        counting = some[0].counting
        value = detector.with_noise(residuals, sigma, counting, lambda some: np.abs(some).max(axis=1))
        _give(findings, "residual_max", of, value, largest_magnitude(sigma) if counting else None)
        freedom = residuals.size - 3 * len(some)
        _give(findings, "residual_rms", of, *_rms(residuals, sigma, freedom, counting))


def _left(turn: Turn) -> Floats:
    """Return the standard deviations of residuals by counting: three numbers are taken out of them."""
    views = turn.x_mm.size
    return np.asarray(turn.sigma_x_mm * (1 - 3 / views) ** 0.5)


def _rms(residuals: Floats, sigma: Floats, freedom: int, counting: bool) -> tuple[Value, NoiseFloor | None]:
    """Return the RMS with its uncertainty, and what noise alone gives: chi-squared, by Wilson and Hilferty."""
    value = detector.with_noise(residuals, sigma, counting, lambda some: np.sqrt((some**2).mean(axis=1)))
    if not counting:
        return value, None
    square = float((sigma**2).mean())
    left = 2 / (9 * freedom * float((sigma**2).sum()) ** 2 / float((sigma**4).sum()) / residuals.size)
    high = (square * (1 - left + 1.645 * left**0.5) ** 3) ** 0.5
    return value, NoiseFloor(square**0.5, high)


# --- along the axis, and the blur -----------------------------------------------------------------------


def _give_axial(turns: Sequence[Turn], findings: Findings) -> None:
    means = [detector.axial_mean(turn) for turn in turns]
    ranges = [detector.axial_range(turn) for turn in turns]
    floors: Sequence[NoiseFloor | None] = [None] * len(turns)
    largest: NoiseFloor | None = None
    if turns[0].counting:
        floors, largest = ranges_of_normals([turn.sigma_y_mm for turn in turns])
    _give(findings, "axial_mean", ALL, detector.mean_of(means))
    _give(findings, "axial_range", ALL, max(ranges, key=lambda one: one.value), largest)
    for number, (mean, extent, floor) in enumerate(zip(means, ranges, floors, strict=True)):
        _give(findings, "axial_mean", source_name(number), mean)
        _give(findings, "axial_range", source_name(number), extent, floor)


def _give_resolution(blur: Blur | CannotMeasure, findings: Findings) -> None:
    if isinstance(blur, CannotMeasure):
        findings.absent(["resolution"], AT_200_MM, blur.code, blur.reason)
        return
    value = Value(float(blur.line.values[0]), blur.line.parts(float(blur.line.covariance[0, 0])))
    _give(findings, "resolution", AT_200_MM, value)
