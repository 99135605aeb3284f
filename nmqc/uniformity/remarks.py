"""What a reader of a uniformity index has to know of the flood it comes from."""

from __future__ import annotations

from collections.abc import Sequence

from nmqc.measure.grid import is_nema_pixel
from nmqc.model import Measurement, Remark
from nmqc.uniformity.flood import Flood
from nmqc.uniformity.indices import Extremum, outer_ring

NEMA_COUNTS = 10_000
DIFFERENCE_POINTS = 0.5  # between the two edge policies, from which the result is said to hang on the edge
MARGIN_MM = 1.0  # beyond twice the sigma of the edge, from which a margin asked for is remarked
SQUARE = 0.01  # relative difference of pixel sides up to which a pixel is square


def remarks(
    flood: Flood,
    places: dict[str, Extremum],
    whole: float,
    strict: float | None,
    found: Sequence[Measurement],
) -> list[Remark]:
    """Return the remarks on one frame.

    Parameters
    ----------
    places : where the extremes of the UFOV are
    whole, strict : integral uniformity of the UFOV by the two edge policies; None: not measured
    found : everything measured
    """
    said = [_low_counts(flood), _dead_pixels(flood), _pixel(flood), _margin(flood)]
    if not flood.clipped:
        said.append(_edge(flood, places, whole, strict))
    said.append(_noise(found))
    return [remark for remark in said if remark is not None]


def _low_counts(flood: Flood) -> Remark | None:
    median, centre = flood.middle_counts()
    if not flood.frame.raw_counts or median >= NEMA_COUNTS:
        return None
    return Remark(
        "low_counts",
        f"{median:,.0f} counts a pixel in the middle of the field (centre pixel {centre:,.0f}): "
        f"the standard asks for {NEMA_COUNTS:,d}",
    )


def _dead_pixels(flood: Flood) -> Remark | None:
    zeros = int((flood.counts[flood.fields.ufov] == 0).sum())
    if zeros == 0:
        return None
    which = "pixel inside the field holds" if zeros == 1 else "pixels inside the field hold"
    return Remark("dead_pixel", f"{zeros} re-binned {which} no count at all")


def _pixel(flood: Flood) -> Remark | None:
    down, along = flood.rows.pitch_mm, flood.columns.pitch_mm
    size = f"re-binned pixels of {down:.3f} x {along:.3f} mm (down x along)"
    if not (is_nema_pixel(down) and is_nema_pixel(along)):
        return Remark("nonstandard_pixel", f"{size} are outside 6.4 mm +- 30 %: not a NEMA figure")
    if abs(down - along) > SQUARE * (down + along) / 2:
        return Remark("nonstandard_pixel", f"{size} are not square: not a NEMA figure")
    return None


def _margin(flood: Flood) -> Remark | None:
    """Say so where the caller's margin leaves out more of the field than the edge asks for."""
    usual_mm = 2 * flood.field.edge_sigma_mm
    if flood.margin_mm <= usual_mm + MARGIN_MM:
        return None
    return Remark(
        "wide_margin",
        f"the margin asked for, {flood.margin_mm:g} mm, leaves {flood.margin_mm - usual_mm:.1f} mm of the field "
        "unexamined all around: not a figure of the whole UFOV",
    )


def _edge(flood: Flood, places: dict[str, Extremum], whole: float, strict: float | None) -> Remark | None:
    """Say so where the result hangs on how the edge is read."""
    said = []
    if strict is not None and abs(whole - strict) > DIFFERENCE_POINTS:
        said.append(f"integral uniformity is {whole:.2f} % over whole pixels, {strict:.2f} % strictly read")
        if strict < whole:
            said.append("the strict reading leaves out low pixels and so hides a defect")
    ring = outer_ring(flood.fields.ufov)
    outermost = [what for what in ("max", "min") if ring[places[what].first]]
    if outermost:
        said.append(f"the {' and the '.join(outermost)} lie in the outermost ring of pixels")
    return Remark("edge_limited", "; ".join(said)) if said else None


def _noise(found: Sequence[Measurement]) -> Remark | None:
    judged = [m for m in found if m.noise_floor is not None]
    quiet = [m.metric.label for m in judged if m.noise_floor is not None and m.value <= m.noise_floor.p95]
    if not quiet:
        return None
    which = "all indices" if len(quiet) == len(judged) else "; ".join(quiet)
    return Remark(
        "not_distinguishable_from_noise",
        f"no larger than what a perfect detector gives in 95 of 100 floods at these counts: {which}",
    )
