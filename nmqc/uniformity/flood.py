"""A flood made ready: its field found, refused where it is none, re-binned, its pixels chosen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure import edges
from nmqc.measure.field import Field, find_field, require_whole
from nmqc.measure.frames import require_counts
from nmqc.measure.grid import Axis, Blocks, blocks_about, nema_factor, sum_blocks
from nmqc.measure.outline import Outline, half_inside, whole_pixels
from nmqc.model import Acquisition, Frame, Position
from nmqc.uniformity.flood_test import require_flood
from nmqc.uniformity.indices import Extremum, Fields

CENTRAL = 0.75  # linear size of the CFOV over that of the UFOV
FEWEST_CENTRAL = 25  # re-binned pixels in the CFOV below which nothing is measured

EdgePolicy = Literal["whole-pixels", "strict"]


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller may ask for.

    Attributes
    ----------
    edge_policy : which reading of the edge is the judged one
    edge_margin_mm : how far inside the outline a pixel must lie; None: twice the sigma of the measured edge
    rebin : native pixels per re-binned pixel; None: nearest to 6.4 mm
    source_distance_mm : distance of a near point source from the crystal; None: no correction
    reference : a flood to divide by, frame by frame
    only_detector : analyse this detector alone
    replicates : splits for the uncertainty by thinning; below 2 there is none
    """

    edge_policy: EdgePolicy = "whole-pixels"
    edge_margin_mm: float | None = None
    rebin: int | None = None
    source_distance_mm: float | None = None
    reference: Acquisition | None = None
    only_detector: int | None = None
    replicates: int = 200


@dataclass(frozen=True, slots=True, eq=False)
class Flood:
    """One frame, re-binned, with its field: what all parts of the analysis share.

    Attributes
    ----------
    frame : the frame as read
    image : the same in pixels of about 2.4 mm
    field : its field of view
    inner : outline inside which the whole pixels lie
    margin_mm : how far `inner` lies inside the lit field
    blocks : how native pixels are summed, down and along
    counts : shape (rows, columns), re-binned
    rows, columns : the re-binned grid
    fields : the whole pixels, and those of them in the CFOV
    """

    frame: Frame
    image: edges.Coarse
    field: Field
    inner: Outline
    margin_mm: float
    blocks: tuple[Blocks, Blocks]
    counts: NDArray[Any]
    rows: Axis
    columns: Axis
    fields: Fields

    @property
    def clipped(self) -> bool:
        """Say whether the matrix cuts the field off, so that nothing can be said of the whole UFOV."""
        return bool(self.field.clipped)

    @property
    def central(self) -> Outline:
        """The outline of the CFOV."""
        return self.field.outline.scaled(CENTRAL)

    def geometric(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return UFOV and CFOV by the half-area rule of NEMA NU 1, 2.4."""
        return (
            half_inside(self.field.outline, self.rows, self.columns),
            half_inside(self.central, self.rows, self.columns),
        )

    def position(self, what: str, where: Extremum) -> Position:
        """Return a place on the re-binned grid in mm; the middle of a run."""
        x = (self.columns.centres_mm[where.first[1]] + self.columns.centres_mm[where.last[1]]) / 2
        y = (self.rows.centres_mm[where.first[0]] + self.rows.centres_mm[where.last[0]]) / 2
        return Position(what, float(x), float(y))

    def middle_counts(self) -> tuple[float, float]:
        """Return the median of the 5 x 5 pixels in the middle of the field, and the pixel in the middle."""
        row, column = (
            min(max(int((middle - axis.start_mm) / axis.pitch_mm), 2), axis.count - 3)
            for middle, axis in zip(self.field.lit.centre_mm[::-1], (self.rows, self.columns), strict=True)
        )
        part = self.counts[row - 2 : row + 3, column - 2 : column + 3]
        return float(np.median(part)), float(self.counts[row, column])


def require_usable(frame: Frame, kind: str) -> None:
    """Refuse what no flood analysis can use.

    Raises
    ------
    CannotMeasure
        ``not_a_flood``, ``not_numbers``, ``negative_counts``, ``no_counts``, ``saturated``.
    """
    require_counts(frame, kind, "not_a_flood", "a flood")


def prepare(frame: Frame, options: Options) -> Flood:
    """Find the field of a frame, refuse what is not a flood, re-bin, and choose the pixels.

    Raises
    ------
    CannotMeasure
        ``not_a_flood``, ``field_incomplete``, ``zoomed_field``, ``empty_field``.
    """
    image, found = _field_of(frame)
    blocks = _blocks(frame, found, options)
    rows, columns = (
        block.axis(native, pitch)
        for block, native, pitch in zip(blocks, frame.counts.shape, frame.spacing_mm, strict=True)
    )
    margin_mm = 2 * found.edge_sigma_mm if options.edge_margin_mm is None else options.edge_margin_mm
    inner = found.lit.inset(margin_mm)
    analysed = whole_pixels(inner, rows, columns)
    central = half_inside(found.outline.scaled(CENTRAL), rows, columns)
    fields = Fields(analysed, analysed & central)
    if found.clipped:
        _require_whole_central(found, inner, fields, central)
    if fields.cfov.sum() < FEWEST_CENTRAL:
        raise CannotMeasure(
            "empty_field",
            f"the central field holds fewer than {FEWEST_CENTRAL} re-binned pixels: "
            "use a finer matrix, or a smaller --rebin or --edge-margin",
        )
    counts = sum_blocks(frame.counts, *blocks)
    return Flood(frame, image, found, inner, margin_mm, blocks, counts, rows, columns, fields)


@lru_cache(maxsize=2)
def _field_of(frame: Frame) -> tuple[edges.Coarse, Field]:
    """Return the image in pixels of about 2.4 mm and its field, or refuse it; of the last images they are kept.

    To be checked and to be analysed needs the same: most of the time of a check.
    """
    image = edges.coarse(frame.counts, frame.spacing_mm)
    found = find_field(image, frame.field_hints)
    require_flood(image, found, raw_counts=frame.raw_counts)
    require_whole(found, frame.field_hints)
    return image, found


def _blocks(frame: Frame, found: Field, options: Options) -> tuple[Blocks, Blocks]:
    """Place the re-binning grid about the middle of the lit field."""
    down, along = (
        blocks_about(middle, native, pitch, options.rebin or nema_factor(pitch))
        for middle, native, pitch in zip(
            found.lit.centre_mm[::-1], frame.counts.shape, frame.spacing_mm, strict=True
        )
    )
    return down, along


def _require_whole_central(found: Field, inner: Outline, fields: Fields, central: NDArray[np.bool_]) -> None:
    """Refuse a field that the matrix cuts off, unless a stated outline proves its CFOV whole."""
    corners = found.outline.scaled(CENTRAL).vertices_mm()
    inside = (inner.distance_mm(corners[:, 0], corners[:, 1]) <= 0).all()
    if not (found.stated and inside and (fields.cfov == central).all()):
        sides = " and ".join(found.clipped)
        raise CannotMeasure(
            "zoomed_field",
            f"the lit field is cut off by the matrix ({sides}), and UFOV and CFOV with it: "
            "acquire the flood without zoom",
        )
