"""Digital floods as nmqc takes them, without a file in between, and outlines that only these tests need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.measure import edges
from nmqc.measure.field import Field, find_field
from nmqc.measure.grid import Axis, blocks_about, sum_blocks
from nmqc.measure.outline import half_inside, whole_pixels
from nmqc.model import (
    Acquisition,
    Analysis,
    FieldHint,
    Frame,
    InputFile,
    Measurement,
    Refusal,
    Result,
    Source,
    System,
)
from nmqc.uniformity.flood import Flood as Prepared
from nmqc.uniformity.flood import prepare
from nmqc.uniformity.indices import Fields, all_indices, smooth
from nmqc.uniformity.planar import Options, analyse
from phantoms.defects import Defect
from phantoms.fields import Outline, Point, Polygon
from phantoms.flood import Flood, Head

NO_SPLITS = Options(replicates=0)
UINT16 = 65535
NOISE_FREE = 40_000.0  # counts of a native pixel where only the pattern matters


@dataclass(frozen=True, slots=True)
class SlantedCuts(Polygon):
    """A rectangle whose four corners are cut, ``cut_x_mm`` along x and ``cut_y_mm`` along y."""

    width_mm: float
    height_mm: float
    cut_x_mm: float
    cut_y_mm: float

    def corners_mm(self) -> tuple[Point, ...]:
        """Return the corners in turn."""
        x, y = self.width_mm / 2, self.height_mm / 2
        quarter = ((x, y - self.cut_y_mm), (x - self.cut_x_mm, y))
        half = (*quarter, *((-a, b) for a, b in quarter[::-1]))
        return half + tuple((-a, -b) for a, b in half)


def flood(
    field: Outline | None = None,
    matrix: int | tuple[int, int] = 256,
    pixel_mm: float | tuple[float, float] | None = None,
    defects: Sequence[Defect] = (),
    windows: int = 1,
    **head: Any,
) -> Flood:
    """Return a one-headed flood; the offset is not 0 and the edge blurred unless told otherwise."""
    head = {"offset_mm": (1.37, -2.21), "edge_fwhm_mm": 3.5} | head
    if head.get("counts_per_pixel") is None and head.get("counts") is None:
        head["counts_per_pixel"] = NOISE_FREE
    spacing = (pixel_mm, pixel_mm) if isinstance(pixel_mm, float) else pixel_mm
    return Flood(
        system="brivo" if field is None else "intevo",
        matrix=matrix,
        pixel_mm=spacing,
        heads=(Head(field=field, defects=tuple(defects), **head),),
    )


def frame(
    counts: NDArray[Any],
    spacing_mm: tuple[float, float],
    hints: Sequence[FieldHint] = (),
    **further: Any,
) -> Frame:
    """Return a frame of an unknown camera; raw counts where the array holds whole numbers."""
    return Frame(
        counts=counts,
        spacing_mm=spacing_mm,
        detector=2,
        detector_source="user",
        energy_window=None,
        input=InputFile("flood.dcm", "0" * 64),
        field_hints=tuple(hints),
        **{"raw_counts": bool(np.issubdtype(counts.dtype, np.integer))} | further,
    )


def acquisition(*frames: Frame, kind: str = "STATIC") -> Acquisition:
    """Return an acquisition of frames of an unknown camera."""
    source = Source((frames[0].input,), System("unknown", "unidentified", "", ""), None, None)
    return Acquisition(source, kind, frames)


def expected(made: Flood, hints: Sequence[FieldHint] = ()) -> Acquisition:
    """Return a flood without noise: expected counts, which are not raw ones."""
    return acquisition(frame(made.expected()[0, 0], made.spacing_mm, hints))


def noisy(made: Flood, seed: int, hints: Sequence[FieldHint] = ()) -> Acquisition:
    """Return one acquisition of a flood, Poisson counts."""
    return acquisition(frame(made.noisy(seed)[0, 0], made.spacing_mm, hints))


def field_of(one: Acquisition) -> Field:
    """Return the field that is found in the first frame."""
    first = one.frames[0]
    return find_field(edges.coarse(first.counts, first.spacing_mm), first.field_hints)


def result(one: Acquisition, options: Options = NO_SPLITS) -> Result:
    """Return the result of an acquisition of one frame."""
    found = analyse(one, options)
    assert found.refused == ()
    (only,) = found.results
    return only


def refusal(one: Acquisition, options: Options = NO_SPLITS) -> Refusal:
    """Return the refusal of an acquisition of one frame."""
    found: Analysis = analyse(one, options)
    assert found.results == ()
    (only,) = found.refused
    return only


def measurement(one: Result, name: str = "integral.ufov", of: str = "") -> Measurement:
    """Return one measurement of a result."""
    (only,) = [m for m in one.measurements if (m.metric.name, m.of) == (f"uniformity.{name}", of)]
    return only


def value(one: Result, name: str = "integral.ufov", of: str = "") -> float:
    """Return one value of a result."""
    return measurement(one, name, of).value


def codes(one: Result) -> set[str]:
    """Return the codes of a result's remarks."""
    return {remark.code for remark in one.remarks}


def texts(one: Result | Field, code: str) -> str:
    """Return the texts of all remarks of one code."""
    return " / ".join(remark.text for remark in one.remarks if remark.code == code)


def hint(shape: str, *extents_mm: float, source: str = "header") -> FieldHint:
    """Return a stated field."""
    return FieldHint(shape, tuple(float(extent) for extent in extents_mm), source)


def prepared(one: Acquisition) -> Prepared:
    """Return the first frame made ready for the analysis."""
    return prepare(one.frames[0], NO_SPLITS)


def at_phase(made: Prepared, down: int, along: int) -> tuple[NDArray[Any], Fields, tuple[Axis, Axis]]:
    """Return counts, whole pixels and grid with the re-binning grid moved by native pixels."""
    native, spacing = made.frame.counts.shape, made.frame.spacing_mm
    blocks = [
        blocks_about(middle, count, pitch, block.factor, shift)
        for middle, count, pitch, block, shift in zip(
            made.field.lit.centre_mm[::-1], native, spacing, made.blocks, (down, along), strict=True
        )
    ]
    rows, columns = (
        block.axis(count, pitch) for block, count, pitch in zip(blocks, native, spacing, strict=True)
    )
    ufov = whole_pixels(made.inner, rows, columns)
    cfov = half_inside(made.central, rows, columns)
    return sum_blocks(made.frame.counts, *blocks), Fields(ufov, ufov & cfov), (rows, columns)


def indices_at(made: Prepared, down: int = 0, along: int = 0) -> dict[str, float]:
    """Return the indices over whole pixels with the re-binning grid moved by native pixels."""
    counts, fields, _ = at_phase(made, down, along)
    found = all_indices(smooth(counts, fields.ufov), fields)
    return {name: float(index) for name, index in found.items()}
