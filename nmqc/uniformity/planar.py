"""Flood uniformity of planar images: NEMA NU 1, 2.4, with uncertainties and a noise floor.

The default edge policy, ``whole-pixels``, analyses the re-binned pixels that lie wholly inside the field's outline
moved inwards by a margin, and removes nothing inside it. ``strict`` is the literal reading of the clause. Both are
computed; docs/methods/uniformity.md says where and why they differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.engine import kernels_are_kept
from nmqc.measure.frames import Findings, each_frame, refused_frames, result_of
from nmqc.model import (
    Acquisition,
    Analysis,
    Frame,
    Measurement,
    NoiseFloor,
    Position,
    Refusal,
    Result,
    Source,
)
from nmqc.uniformity import near_source, ratios, structure
from nmqc.uniformity.evidence import evidence
from nmqc.uniformity.flood import Flood, Options, prepare, require_usable
from nmqc.uniformity.indices import (
    INDEX_NAMES,
    Extremum,
    Fields,
    all_indices,
    extremes,
    smooth,
    strict_fields,
)
from nmqc.uniformity.metrics import METRICS, TEST
from nmqc.uniformity.noise import index_measure, noise_floor, shape_measure, thinning
from nmqc.uniformity.phases import grid_spread
from nmqc.uniformity.remarks import remarks

__all__ = ["Options", "analyse", "check", "is_warm", "warm_up"]

ALGORITHM = f"{TEST}/1"
FIELD_NAMES = ("ufov", "cfov")
UFOV_NAMES = tuple(f"{index}.ufov" for index in INDEX_NAMES)
SHAPES = ("rows", "columns", "tilt", "centre_to_edge")
MEDIAN_OF_25 = 1.2533 / 5  # standard error of a median of 25 over the standard deviation of one

Parts = dict[str, dict[str, float]]


def analyse(acquisition: Acquisition, options: Options) -> Analysis:
    """Analyse every frame of a planar acquisition, each detector and energy window by itself.

    Parameters
    ----------
    acquisition : a static acquisition of one or several frames
    options : see `Options`

    Returns
    -------
    Analysis
        Results in the order of the frames, and the frames that were refused with their reasons.

    References
    ----------
    NEMA NU 1, 2.4 (text of the 2007 edition).
    """

    def measure(frame: Frame) -> Result:
        require_usable(frame, acquisition.kind)
        return _analyse_flood(prepare(frame, options), acquisition, options)

    return each_frame(acquisition, options.only_detector, measure)


def check(acquisition: Acquisition) -> tuple[Refusal, ...]:
    """Say which frames `analyse` would refuse, without measuring anything."""

    def require(frame: Frame) -> None:
        require_usable(frame, acquisition.kind)
        prepare(frame, Options())

    return refused_frames(acquisition, require)


def warm_up() -> None:
    """Compile the kernels and leave them in the cache."""
    from nmqc.uniformity._kernels import CompiledIndices, sums_numba

    mask = np.ones((2, 8, 9), bool)
    fields = Fields(mask[0], mask[0])
    for kind in (np.int32, np.int64):
        stack = np.full(mask.shape, 100, kind)
        CompiledIndices(fields, np.float32)(stack)
        sums_numba(stack, fields)
    CompiledIndices(Fields(mask, mask), np.float64)(mask.astype(np.float64))


def is_warm() -> bool:
    """Say whether kernels are in the cache: of which version of the code, only loading them tells."""
    return kernels_are_kept()


def _zoomed(names: Iterable[str], of: str, flood: Flood, findings: Findings) -> None:
    """Say of every name that the matrix cuts the field off."""
    sides = " and ".join(flood.field.clipped)
    reason = f"the lit field is cut off by the matrix ({sides}): acquire the flood without zoom"
    findings.absent(names, of, "zoomed_field", reason)


def _analyse_flood(flood: Flood, acquisition: Acquisition, options: Options) -> Result:
    findings = Findings(METRICS, remarks=[*acquisition.remarks, *flood.field.remarks])
    strictly = options.edge_policy == "strict"
    smoothed = smooth(flood.counts, flood.fields.ufov)
    counting = _counting(flood, flood.fields, options)
    whole = _whole_pixels(flood, smoothed, counting, "whole-pixels" if strictly else "", findings)
    strict, removed = _strict(flood, options, findings)
    _structure(flood, counting, findings)
    _near_source(flood, acquisition.source.system.name, options, findings)
    _reference(flood, acquisition.source, options, findings)
    places = extremes(smoothed, flood.fields.ufov)
    findings.remarks += remarks(flood, places, whole, strict, findings.measurements)
    return result_of(
        flood.frame,
        replace(acquisition.source, inputs=(flood.frame.input,)),
        findings,
        algorithm=ALGORITHM,
        parameters=_parameters(flood, options, removed),
        asked=_asked(flood.frame, acquisition.source.system.name, options),
        evidence=evidence(flood, smoothed),
    )


def _counting(flood: Flood, fields: Fields, options: Options) -> dict[str, float]:
    """Return the counting part of the uncertainties by thinning; nothing where counts are not raw."""
    if not flood.frame.raw_counts or options.replicates < 2:
        return {}
    counts, fields = (flood.counts * fields.ufov)[fields.box], fields.cropped()
    pixels = 2 * options.replicates * counts.size
    try:
        indices, shapes = index_measure(fields, pixels), shape_measure(fields, pixels)
        return thinning(counts, lambda stack: indices(stack) | shapes(stack), options.replicates)
    except CannotMeasure:  # so few counts that a half has none where one is needed
        return {}


def _parts(name: str, **spreads: Mapping[str, float]) -> dict[str, float]:
    """Return the parts of an uncertainty; without the counting part there is none.

    An index that stands at 100 % in every replicate has no spread: that is not estimated, not 0.
    """
    found = {part: spread[name] for part, spread in spreads.items() if spread.get(name, 0.0) > 0}
    return found if "counting" in found else {}


def _whole_pixels(
    flood: Flood,
    smoothed: NDArray[np.floating[Any]],
    counting: Mapping[str, float],
    of: str,
    findings: Findings,
) -> float:
    """Measure the indices over the whole pixels; return the integral uniformity of the UFOV."""
    values = {name: float(value) for name, value in all_indices(smoothed, flood.fields).items()}
    floor = _floor(flood, flood.fields)
    grid = _grid(flood) if counting else {}  # without the counting part there is no uncertainty
    for field_name, mask in flood.fields.each():
        names = [f"{index}.{field_name}" for index in INDEX_NAMES]
        if field_name == "ufov" and flood.clipped:
            _zoomed(names, of, flood, findings)
            continue
        at = _places(flood, extremes(smoothed, mask), values, field_name)
        findings.measurements += [
            Measurement(
                METRICS[name],
                values[name],
                of,
                _parts(name, counting=counting, grid=grid),
                floor.get(name),
                at[name],
            )
            for name in names
        ]
    return values["integral.ufov"]


def _grid(flood: Flood) -> dict[str, float]:
    return grid_spread(flood.image, flood.inner, flood.central, flood.rows, flood.columns)


def _floor(flood: Flood, fields: Fields) -> dict[str, NoiseFloor]:
    return noise_floor(fields, float(flood.counts[fields.ufov].mean())) if flood.frame.raw_counts else {}


def _places(
    flood: Flood, found: Mapping[str, Extremum], values: Mapping[str, float], field_name: str
) -> dict[str, tuple[Position, ...]]:
    """Return where each index of one field comes from."""
    at = {what: flood.position(what, where) for what, where in found.items()}
    x, y = at["worst window, x"], at["worst window, y"]
    x_is_worse = values[f"differential_x.{field_name}"] >= values[f"differential_y.{field_name}"]
    return {
        f"integral.{field_name}": (at["max"], at["min"]),
        f"differential_x.{field_name}": (x,),
        f"differential_y.{field_name}": (y,),
        f"differential.{field_name}": (x if x_is_worse else y,),
    }


def _strict(
    flood: Flood, options: Options, findings: Findings
) -> tuple[float | None, tuple[int, int] | None]:
    """Measure by the literal reading; return the integral uniformity of the UFOV, and the pixels removed.

    Where it is the judged reading it gets an uncertainty and a noise floor, on the pixels that it leaves.
    """
    of = "" if options.edge_policy == "strict" else "strict"
    names = [f"{index}.{field_name}" for field_name in FIELD_NAMES for index in INDEX_NAMES]
    if flood.clipped:
        _zoomed(names, of, flood, findings)
        return None, None
    try:
        left = strict_fields(flood.counts, *flood.geometric())
        smoothed = smooth(flood.counts, left.fields.ufov)
        values = {name: float(value) for name, value in all_indices(smoothed, left.fields).items()}
    except CannotMeasure as reason:
        findings.absent(names, of, reason.code, reason.reason)
        return None, None
    counting = _counting(flood, left.fields, options) if of == "" else {}
    floor = _floor(flood, left.fields) if of == "" else {}
    for field_name, mask in left.fields.each():
        at = _places(flood, extremes(smoothed, mask), values, field_name)
        findings.measurements += [
            Measurement(
                METRICS[name], values[name], of, _parts(name, counting=counting), floor.get(name), at[name]
            )
            for name in (f"{index}.{field_name}" for index in INDEX_NAMES)
        ]
    return values["integral.ufov"], (left.removed_edge, left.removed_neighbour)


def _structure(flood: Flood, counting: Mapping[str, float], findings: Findings) -> None:
    """Measure spread, rows, columns, tilt, centre against edge, and counts per pixel."""
    for field_name, mask in flood.fields.each():
        if field_name == "ufov" and flood.clipped:
            _zoomed(["cov.ufov", "structural_cov.ufov", *SHAPES], "", flood, findings)
            continue
        _variation(flood, field_name, mask, findings)
    if not flood.clipped:
        findings.attempt(SHAPES, "", lambda: _shapes(flood.counts, flood.fields, counting))
    if not flood.frame.raw_counts:
        _not_raw("counts_per_pixel", findings)
        return
    value, _ = flood.middle_counts()
    parts = {"counting": MEDIAN_OF_25 * value**0.5} if value > 0 else {}
    findings.measurements.append(Measurement(METRICS["counts_per_pixel"], value, "", parts))


def _variation(flood: Flood, field_name: str, mask: NDArray[np.bool_], findings: Findings) -> None:
    value, error = structure.variation(flood.counts, mask)
    parts = {"counting": error} if flood.frame.raw_counts and error > 0 else {}
    findings.measurements.append(Measurement(METRICS[f"cov.{field_name}"], value, "", parts))
    if not flood.frame.raw_counts:
        _not_raw(f"structural_cov.{field_name}", findings)
        return
    value, error = structure.structural_variation(flood.counts, mask)
    findings.measurements.append(
        Measurement(METRICS[f"structural_cov.{field_name}"], value, "", {"counting": error})
    )


def _shapes(counts: NDArray[Any], fields: Fields, counting: Mapping[str, float]) -> list[Measurement]:
    return [
        Measurement(METRICS[name], float(value), "", _parts(name, counting=counting))
        for name, value in structure.shapes(counts, fields).items()
    ]


def _not_raw(name: str, findings: Findings) -> None:
    reason = "the values are not raw counts: counting statistics do not hold"
    findings.absent([name], "", "not_raw_counts", reason)


def _near_source(flood: Flood, system: str, options: Options, findings: Findings) -> None:
    """Measure the indices with the fall-off of a near source taken out, if the distance was given."""
    names = [f"{index}.{field_name}" for field_name in FIELD_NAMES for index in INDEX_NAMES]
    given_mm = options.source_distance_mm
    if given_mm is None:
        reason = "the distance of the source was not given (--source-distance)"
        findings.absent(["near_source_distance"], "", "no_source_distance", reason)
        findings.absent(names, "near-source", "no_source_distance", reason)
        return
    factor = near_source.effective_over_true(system)
    if flood.clipped:
        _zoomed(UFOV_NAMES, "near-source", flood, findings)
        names = [name for name in names if name not in UFOV_NAMES]

    def distance() -> list[Measurement]:
        measured, said = ratios.source_distance(flood, factor, given_mm)
        findings.remarks += said
        return [measured]

    findings.attempt(names, "near-source", lambda: ratios.without_fall_off(flood, factor * given_mm, options))
    findings.attempt(["near_source_distance"], "", distance)


def _reference(flood: Flood, source: Source, options: Options, findings: Findings) -> None:
    """Measure the indices of the ratio to a reference flood, if one was given."""
    names = [f"{index}.{field_name}" for field_name in FIELD_NAMES for index in INDEX_NAMES]
    if options.reference is None:
        findings.absent(names, "reference", "no_reference", "no reference flood was given (--reference)")
        return
    if flood.clipped:
        _zoomed(UFOV_NAMES, "reference", flood, findings)
        names = [name for name in names if name not in UFOV_NAMES]
    findings.attempt(names, "reference", lambda: ratios.over_reference(flood, source, options))


def _parameters(flood: Flood, options: Options, removed: tuple[int, int] | None) -> dict[str, Any]:
    """Return everything used, as JSON values; lengths rounded to what they are good for."""
    down, along = (block.factor for block in flood.blocks)
    return {
        "rebin": down if down == along else [down, along],
        "pixel_mm": [round(flood.rows.pitch_mm, 4), round(flood.columns.pitch_mm, 4)],
        "native_pixel_mm": [round(pitch, 6) for pitch in flood.frame.spacing_mm],
        "matrix": list(flood.frame.counts.shape),
        "edge_policy": options.edge_policy,
        "edge_margin_mm": round(flood.margin_mm, 3),
        "edge_sigma_mm": round(flood.field.edge_sigma_mm, 3),
        "field": flood.field.outline.name,
        "field_source": flood.field.source,
        "field_mm": [round(extent, 2) for extent in flood.field.outline.extents_mm()],
        "lit_mm": [round(extent, 2) for extent in flood.field.lit.extents_mm()],
        "centre_x_mm": round(float(flood.field.lit.centre_mm[0]), 2),
        "centre_y_mm": round(float(flood.field.lit.centre_mm[1]), 2),
        "pixels_ufov": int(flood.fields.ufov.sum()),
        "pixels_cfov": int(flood.fields.cfov.sum()),
        "mean_counts": round(float(flood.counts[flood.fields.ufov].mean()), 3),
        "strict_removed_edge": None if removed is None else removed[0],
        "strict_removed_neighbours": None if removed is None else removed[1],
        "source_distance_mm": options.source_distance_mm,
        "replicates": options.replicates,
    }


def _asked(frame: Frame, system: str, options: Options) -> dict[str, Any]:
    """Return what was asked for, or follows from the system, that changes a value: part of the history's key."""
    reference, factor = options.reference, near_source.effective_over_true(system)
    given_mm = options.source_distance_mm
    return {
        "pixel_mm": [round(pitch, 6) for pitch in frame.spacing_mm],
        "edge_policy": options.edge_policy,
        "edge_margin_mm": options.edge_margin_mm,
        "rebin": options.rebin,
        "source_distance_mm": None if given_mm is None else round(factor * given_mm, 6),
        "reference": sorted(one.pixels for one in reference.source.inputs) if reference else None,
        "field": [[hint.shape, *hint.extents_mm] for hint in frame.field_hints],
    }
