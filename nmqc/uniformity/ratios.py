"""The indices of a flood after a multiplication: without a near source's fall-off, or over a reference flood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.grid import sum_blocks
from nmqc.model import Frame, Measurement, Remark, Source
from nmqc.uniformity import near_source
from nmqc.uniformity.flood import Flood, Options
from nmqc.uniformity.indices import all_indices, outer_ring, smooth
from nmqc.uniformity.metrics import METRICS
from nmqc.uniformity.near_source import FallOff
from nmqc.uniformity.noise import Numbers, thinning

DISTANCE_AGREES = 0.10
OFFSET_AGREES_MM = 50.0
RATIO_COUNTS = 1e-9  # stands for no counts where a pixel outside the field is divided by


def without_fall_off(flood: Flood, effective_mm: float, options: Options) -> list[Measurement]:
    """Measure the indices with the fall-off of a source at an effective distance taken out."""
    fall = near_source.fit(*_inner_pixels(flood), effective_mm, free=False)
    relative = fall.relative(*_places(flood))
    weights = relative[flood.fields.cfov].mean() / relative

    def measure(stack: NDArray[Any]) -> Numbers:
        return all_indices(smooth(stack * weights, flood.fields.ufov), flood.fields)

    spread = _spread(flood, flood.counts, measure, options, raw=True)
    return _measurements(flood, measure(flood.counts), spread, "near-source")


def source_distance(flood: Flood, factor: float, given_mm: float) -> tuple[Measurement, tuple[Remark, ...]]:
    """Measure the distance of the source by the fall-off; say so where it is not the one given.

    `factor` is the effective over the true distance.
    """
    fall = near_source.fit(*_inner_pixels(flood), factor * given_mm, free=True)
    found_mm, error_mm = fall.distance_mm / factor, fall.distance_error_mm
    parts = {"counting": error_mm / factor} if error_mm is not None and flood.frame.raw_counts else {}
    return (
        Measurement(METRICS["near_source_distance"], found_mm, "", parts),
        _mismatch(found_mm, fall, given_mm),
    )


def _mismatch(found_mm: float, fall: FallOff, given_mm: float) -> tuple[Remark, ...]:
    agrees = abs(found_mm / given_mm - 1) <= DISTANCE_AGREES
    if agrees and max(abs(fall.x_mm), abs(fall.y_mm)) <= OFFSET_AGREES_MM:
        return ()
    return (
        Remark(
            "near_source_mismatch",
            f"the fall-off is that of a source at {found_mm:.0f} mm, {fall.x_mm:+.0f} mm (x) and {fall.y_mm:+.0f} mm "
            f"(y) off the centre; {given_mm:.0f} mm was given",
        ),
    )


def over_reference(flood: Flood, source: Source, options: Options) -> list[Measurement]:
    """Measure the indices of the ratio to a reference flood, both over their means in the CFOV.

    Raises
    ------
    CannotMeasure
        ``reference_mismatch``: the reference is of another camera or this very flood, no frame of it is alike, or
        it has pixels without counts in the field.
    """
    other = _matching(flood.frame, source, options)
    counts = sum_blocks(other.counts, *flood.blocks)
    if (counts[flood.fields.ufov] <= 0).any():
        raise CannotMeasure(
            "reference_mismatch",
            "the reference flood has pixels without counts in the field: give a good one",
        )

    def measure(stack: NDArray[Any]) -> Numbers:
        own, divided_by = np.split(stack, 2, axis=-2)
        return all_indices(
            smooth(own / np.maximum(divided_by, RATIO_COUNTS), flood.fields.ufov), flood.fields
        )

    both = np.concatenate([flood.counts, counts])
    spread = _spread(flood, both, measure, options, raw=other.raw_counts)
    return _measurements(flood, measure(both), spread, "reference")


def _matching(frame: Frame, source: Source, options: Options) -> Frame:
    """Return the reference's frame of the same camera, detector, window and geometry."""
    if options.reference and options.reference.source.system.unit != source.system.unit:
        raise CannotMeasure(
            "reference_mismatch", "the reference flood is of another camera: give one of this camera"
        )
    for other in options.reference.frames if options.reference else ():
        if (other.detector, other.window_number) != (frame.detector, frame.window_number):
            continue
        if other.input.pixels and other.input.pixels == frame.input.pixels:
            raise CannotMeasure("reference_mismatch", "the reference is this very flood: give an earlier one")
        same_pixels = np.allclose(other.spacing_mm, frame.spacing_mm, rtol=1e-3)
        if other.counts.shape == frame.counts.shape and same_pixels:
            return other
        raise CannotMeasure(
            "reference_mismatch",
            "the reference flood has another matrix or pixel size: give one acquired alike",
        )
    raise CannotMeasure(
        "reference_mismatch", "the reference flood has no image of this detector and energy window"
    )


def _spread(
    flood: Flood,
    counts: NDArray[Any],
    measure: Callable[[NDArray[Any]], Numbers],
    options: Options,
    *,
    raw: bool,
) -> dict[str, float]:
    if not (flood.frame.raw_counts and raw) or options.replicates < 2:
        return {}
    return thinning(counts, measure, options.replicates)


def _measurements(flood: Flood, values: Numbers, spread: dict[str, float], of: str) -> list[Measurement]:
    return [
        Measurement(
            METRICS[name], float(value), of, {"counting": spread[name]} if spread.get(name, 0.0) > 0 else {}
        )
        for name, value in values.items()
        if not (flood.clipped and name.endswith(".ufov"))
    ]


def _places(flood: Flood) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of every re-binned pixel, in mm."""
    x, y = np.meshgrid(flood.columns.centres_mm, flood.rows.centres_mm)
    return x, y


def _inner_pixels(flood: Flood) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return counts, x and y of the pixels at least two inside the field's edge."""
    inner = flood.fields.ufov & ~outer_ring(flood.fields.ufov)
    inner &= ~outer_ring(inner)
    x, y = _places(flood)
    return flood.counts[inner].astype(float), x[inner], y[inner]
