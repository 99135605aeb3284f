"""Finding the field of view in a flood: its outline, how sharp its edge is, and whether the image is a flood.

The outline found is one that makers build: a rectangle, a rectangle with equally cut corners, a circle, a regular
hexagon or octagon. What is dark inside such an outline is a defect and stays inside. Every fit is therefore
symmetric and leans on the lit parts: where a corner or a piece of a side is missing, its counterparts tell where
it should be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure import edges
from nmqc.measure.edges import Border, Coarse
from nmqc.measure.outline import Outline, circle, cut_rectangle, rectangle, regular
from nmqc.model import FieldHint, Remark

DEFECT_MM = 2.0  # corners or sides that differ by more are a defect, not a shape
AGREE_FRACTION, AGREE_PIXELS = 0.03, 2.0  # a stated field agrees with the image within the larger of the two
SMALLEST_FIELD_MM = 100.0
FARTHEST_OFF_MM = 21.0  # off the centre of the matrix, for a field of which nothing is stated
OFF_MM = 3.0  # off the centre of the matrix, at least, from which one side is taken to lack what is lacking
ONE_SIDED = 0.35  # and at least this part of what is lacking: half of it, if one side alone lacks it
UNEVEN_MM = 1.0  # by which a slanted side may lie further in than the common outline
SMALL_CUT_MM = 1.5  # along the diagonal: a corner cut by less cannot be told from a sharp one
LINE_MM = 12.0  # along the diagonal: from here on the slope of a cut is fitted, below it is 45 degrees
CORNERS = {"top left": (-1, -1), "top right": (1, -1), "bottom left": (-1, 1), "bottom right": (1, 1)}
LEAST_TRUSTED = "header"  # a header's field of view that disagrees says nothing of the detector
FITTING, GOOD = 0.6, 0.9  # fraction of the border that an outline must explain; at which a rectangle is taken


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """The field of view of one image.

    Attributes
    ----------
    outline : Outline
        The field as stated (by the site, a table or the header) or, failing that, as found: UFOV and CFOV are
        made from it.
    lit : Outline
        Where the light ends: the same figure, its sides no further out than the half-height of the image. Whole
        pixels are counted from here.
    edge_sigma_mm : float
        Standard deviation of the Gaussian that blurs the edge; 0 for an edge cut digitally.
    source : str
        Where the outline is from, in words.
    clipped : tuple of str
        Sides ("left", ...) where the lit field runs into the border of the matrix.
    stated : bool
        False where the outline is known from the image alone.
    lit_centre_mm : (x, y)
        The middle of what is lit, from the centre of the matrix.
    """

    outline: Outline
    lit: Outline
    edge_sigma_mm: float
    source: str
    clipped: tuple[str, ...]
    stated: bool
    lit_centre_mm: tuple[float, float]
    remarks: tuple[Remark, ...] = ()

    @property
    def clipped_axes(self) -> tuple[bool, bool]:
        """Say whether the matrix cuts the field off along x and along y."""
        return edges.clipped_axes(self.clipped)


def find_field(coarse: Coarse, hints: tuple[FieldHint, ...] = ()) -> Field:
    """Find the field of view of a flood.

    Parameters
    ----------
    coarse : the image, in pixels of about 2.4 mm
    hints : fields of view as stated, the most trusted first
        Each is used only where the half-height extents of the image agree with it within 3 % or 2 pixels.

    Raises
    ------
    CannotMeasure
        ``not_a_flood``: what is lit is no field that makers build, or is too small.
    """
    _require_room(coarse)
    border = edges.find_border(coarse)
    found = _found_outline(border, coarse)
    chosen, source, stated, remarks = _choose(found, border, hints, coarse.native_mm)
    lit = _no_further(chosen, _side_by_side(found.outline, border, _tolerance_mm(coarse)))
    said = (*remarks, *_shape_remarks(found, coarse))
    centre = found.outline.centre_mm
    return Field(chosen, lit, found.sigma_mm, source, border.clipped, stated, centre, said)


def _require_room(coarse: Coarse) -> None:
    """Refuse an image that is too small to hold a field."""
    height, width = (axis.count * axis.pitch_mm for axis in (coarse.rows, coarse.columns))
    if min(width, height) < SMALLEST_FIELD_MM:
        raise CannotMeasure(
            "not_a_flood",
            f"this is not a flood: the image is {width:.0f} x {height:.0f} mm in all; is the pixel size right?",
        )


def require_whole(field: Field, hints: tuple[FieldHint, ...]) -> None:
    """Refuse a lit field of which a strip along one whole side may be dark.

    Such a strip draws the lit field's centre to the other side by half its width. It is seen where a stated field,
    the one in use or the first of those that were not, is larger than what is lit and the centre is off by a third of
    the difference or more; without any, where the centre is more than 21 mm off that of the matrix.

    Raises
    ------
    CannotMeasure
        ``field_incomplete``.
    """
    wanted = _orders(hints[0])[0] if hints else (0.0, 0.0)
    wanted = field.outline.extents_mm() if field.stated else wanted
    for name, off, seen, stated, clipped in zip(
        "xy", field.lit_centre_mm, field.lit.extents_mm(), wanted, field.clipped_axes, strict=True
    ):
        one_sided = abs(off) > max(OFF_MM, ONE_SIDED * (stated - seen)) and stated - seen > 2 * DEFECT_MM
        if clipped or not (one_sided or (not field.stated and abs(off) > FARTHEST_OFF_MM)):
            continue
        dark = {"x": ("right", "left"), "y": ("bottom", "top")}[name][off > 0]
        raise CannotMeasure(
            "field_incomplete",
            f"the lit field lies {abs(off):.1f} mm off the centre of the matrix, as if a strip at the {dark} of the "
            "detector were dark; if none is, state the camera's lit field of view in the site's configuration",
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """An outline from the image, its edge's blur, the fraction of the border it explains, what it lacks."""

    outline: Outline
    sigma_mm: float
    explains: float
    missing: tuple[str, ...] = ()


def _found_outline(border: Border, coarse: Coarse) -> _Found:
    """Return the simplest outline that explains the border best."""
    best = _fit_rectangle(border, coarse)
    if not best.outline.is_rectangle or best.explains < GOOD:
        others = [_fit_circle(border, coarse)]
        others += [_fit_regular(border, coarse, "regular hexagon", 6, first) for first in (0.0, 30.0)]
        best = max([best, *others], key=lambda one: one.explains)
    if best.explains < FITTING:
        raise CannotMeasure(
            "not_a_flood",
            "this is not a flood: what is lit has no outline that makers build (rectangle, cut corners, circle, "
            "hexagon, octagon); if the camera's field has another shape, state it in the site's configuration",
        )
    return best


def _tolerance_mm(coarse: Coarse) -> float:
    return max(DEFECT_MM, 0.6 * max(coarse.rows.pitch_mm, coarse.columns.pitch_mm))


def _explains(outline: Outline, border: Border, tolerance_mm: float) -> float:
    """Return the fraction of border points on the outline; light beyond it counts against it."""
    beyond = outline.distance_mm(border.x_mm, border.y_mm)
    return float(np.mean(np.abs(beyond) <= tolerance_mm) - np.mean(beyond > tolerance_mm))


def _misfit(outline: Outline, border: Border) -> float:
    """Return the mean distance of border points from the outline, in mm; a dent counts 4 mm at most."""
    return float(np.minimum(np.abs(outline.distance_mm(border.x_mm, border.y_mm)), 2 * DEFECT_MM).mean())


def _outward(values: NDArray[np.float64], tolerance_mm: float) -> float:
    """Return the position of a side from points along it, measured outwards: dents do not count.

    The outermost position that three strips, and a tenth of them, support within the tolerance: however much of the
    side is dark, what is lit further out tells where it is. Of a figure that has a corner there, and no side, the
    80th percentile.
    """
    fewest = max(edges.FEWEST_STRIPS, values.size // 10)
    for position in np.sort(values)[::-1]:
        near = values[(values <= position) & (values >= position - tolerance_mm)]
        if near.size >= fewest:
            return float(np.median(near))
    return float(np.quantile(values, 0.8))


def _fit_rectangle(border: Border, coarse: Coarse) -> _Found:
    """Fit four sides, then corners that are cut alike."""
    tolerance_mm = _tolerance_mm(coarse)
    sides = {side: _side(border, side, tolerance_mm) for side in edges.SIDES}
    centre = ((sides["right"] - sides["left"]) / 2, (sides["bottom"] - sides["top"]) / 2)
    width, height = sides["right"] + sides["left"], sides["bottom"] + sides["top"]
    if min(width, height) < SMALLEST_FIELD_MM:
        raise CannotMeasure(
            "not_a_flood",
            f"this is not a flood: only {width:.0f} x {height:.0f} mm is lit; "
            "give an image that lights the whole detector",
        )
    box, sigma_mm = _sharpen(rectangle(centre, width, height), border, coarse)
    cuts, missing = _corner_cuts(border, coarse, box, sigma_mm)
    outlines = [_with_cuts(box, *cut) for cut in cuts]
    outline = min(outlines, key=lambda one: _misfit(one, border))
    explains = _explains(outline, border, tolerance_mm)
    return _Found(outline, sigma_mm, explains, missing or _dents(outline, border, tolerance_mm))


def _sharpen(outline: Outline, border: Border, coarse: Coarse) -> tuple[Outline, float]:
    """Move each side to where the blurred step fits best; return the outline and the sigma of its edge."""
    sigma_mm, shifts = edges.edge_width(border, coarse, outline)
    centre = outline.centre_mm
    if outline.is_rectangle:
        (left, right, top, bottom) = shifts
        centre = (float(centre[0] + (right - left) / 2), float(centre[1] + (bottom - top) / 2))
        supports = (
            outline.supports_mm + np.array([left + right, top + bottom, left + right, top + bottom]) / 2
        )
    else:
        supports = outline.supports_mm + float(shifts.mean())
    return replace(outline, centre_mm=centre, supports_mm=supports), sigma_mm


def _with_cuts(box: Outline, cut_x_mm: float, cut_y_mm: float) -> Outline:
    """Return a box with its corners cut; the same box where the cut is nothing, an octagon where it is one."""
    if min(cut_x_mm, cut_y_mm) <= 0:
        return box
    width, height = box.extents_mm()
    outline = cut_rectangle(box.centre_mm, width, height, cut_x_mm, cut_y_mm)
    if _is_regular_octagon(width, height, cut_x_mm, cut_y_mm):
        return replace(outline, name="regular octagon")
    return outline


def _side(border: Border, side: str, tolerance_mm: float) -> float:
    """Return how far a side of the box lies from the centre of the matrix, outwards positive."""
    chosen = border.side == edges.SIDES.index(side)
    outwards = {"left": -border.x_mm, "right": border.x_mm, "top": -border.y_mm, "bottom": border.y_mm}[side]
    return _outward(outwards[chosen], tolerance_mm)


def _is_regular_octagon(width_mm: float, height_mm: float, cut_x_mm: float, cut_y_mm: float) -> bool:
    expected = width_mm / (2 + 2**0.5)
    return all(
        abs(value - wanted) < 3 * DEFECT_MM
        for value, wanted in ((height_mm, width_mm), (cut_x_mm, expected), (cut_y_mm, expected))
    )


def _corner_cuts(
    border: Border, coarse: Coarse, box: Outline, sigma_mm: float
) -> tuple[list[tuple[float, float]], tuple[str, ...]]:
    """Return how the corners may be cut, along x and along y, and which of them are dark beyond that: defects.

    What the corner that is cut least shows is the shape; corners within 2 mm of it, along the diagonal, are alike.
    """
    tolerance_mm = max(DEFECT_MM, 0.9 * max(coarse.rows.pitch_mm, coarse.columns.pitch_mm))
    depths = {name: edges.corner_depth(coarse, box, signs) for name, signs in CORNERS.items()}
    least = min(depths.values())
    missing = tuple(name for name, depth in depths.items() if depth - least > tolerance_mm)
    alike = [name for name in depths if name not in missing]
    depth = float(np.mean([depths[name] for name in alike]))
    if depth < edges.sharp_corner_depth(coarse, sigma_mm) + SMALL_CUT_MM:
        return [(0.0, 0.0)], missing
    lines = [_line_cut(border, box, CORNERS[name], _tolerance_mm(coarse)) for name in alike]
    fitted = [line for line in lines if line is not None]
    if depth < LINE_MM or not fitted:
        return [(2**0.5 * depth, 2**0.5 * depth)], missing
    mean = (float(np.mean([a for a, _ in fitted])), float(np.mean([b for _, b in fitted])))
    return [mean, *fitted], missing


def _line_cut(
    border: Border, box: Outline, corner: tuple[int, int], tolerance_mm: float
) -> tuple[float, float] | None:
    """Fit x / a + y / b = 1 to the border of a cut corner, x and y measured inwards from the corner of the box.

    Strips that reach beyond an end of the cut are left out. None, where fewer than four strips are left.
    """
    half_width, half_height = box.supports_mm[0], box.supports_mm[1]
    x = half_width - corner[0] * (border.x_mm - box.centre_mm[0])
    y = half_height - corner[1] * (border.y_mm - box.centre_mm[1])
    across_rows = border.side < 2
    keep = (x < 0.7 * half_width) & (y < 0.7 * half_height) & (x > tolerance_mm) & (y > tolerance_mm)
    cut = None
    for _ in range(6):
        if keep.sum() < 4:
            return cut
        design = np.column_stack([x[keep], y[keep]])
        inverse = np.linalg.lstsq(design, np.ones(int(keep.sum())), rcond=None)[0]
        if min(inverse) <= 0:
            return cut
        cut = 1 / float(inverse[0]), 1 / float(inverse[1])
        distance = (x / cut[0] + y / cut[1] - 1) / np.hypot(1 / cut[0], 1 / cut[1])
        along, length = np.where(across_rows, y, x), np.where(across_rows, cut[1], cut[0])
        keep = np.abs(distance) < max(tolerance_mm, float(np.median(np.abs(distance[keep]))))
        keep &= (along > edges.STRIP_MM / 2) & (along < length - edges.STRIP_MM / 2)
    return cut


def _fit_circle(border: Border, coarse: Coarse) -> _Found:
    """Fit a circle to the outermost border points."""
    tolerance_mm = _tolerance_mm(coarse)
    centre = np.array(
        [np.ptp(border.x_mm) / 2 + border.x_mm.min(), np.ptp(border.y_mm) / 2 + border.y_mm.min()]
    )
    radius = float(np.quantile(np.hypot(border.x_mm - centre[0], border.y_mm - centre[1]), 0.8))
    for width_mm in (8.0, 4.0, tolerance_mm, tolerance_mm):
        x, y = border.x_mm - centre[0], border.y_mm - centre[1]
        distance = np.hypot(x, y)
        keep = np.abs(distance - radius) <= width_mm
        if keep.sum() < 12:
            return _Found(circle((0.0, 0.0), 1.0), 0.0, -1.0)
        design = np.column_stack(
            [x[keep] / distance[keep], y[keep] / distance[keep], np.ones(int(keep.sum()))]
        )
        step = np.linalg.lstsq(design, distance[keep], rcond=None)[0]
        centre, radius = centre + step[:2], float(step[2])
    outline, sigma_mm = _sharpen(circle((float(centre[0]), float(centre[1])), 2 * radius), border, coarse)
    return _Found(
        outline, sigma_mm, _explains(outline, border, tolerance_mm), _dents(outline, border, tolerance_mm)
    )


def _fit_regular(border: Border, coarse: Coarse, name: str, sides: int, first_deg: float) -> _Found:
    """Fit a regular polygon to the outermost border points."""
    tolerance_mm = _tolerance_mm(coarse)
    centre = np.array(
        [np.ptp(border.x_mm) / 2 + border.x_mm.min(), np.ptp(border.y_mm) / 2 + border.y_mm.min()]
    )
    normals = regular(name, (0.0, 0.0), sides, first_deg, 1.0).normals
    points = np.column_stack([border.x_mm, border.y_mm])
    apothem = float(np.median(((points - centre) @ normals.T).max(axis=1)))
    for width_mm in (20.0, 10.0, 5.0, tolerance_mm, tolerance_mm):
        reach = (points - centre) @ normals.T
        side, distance = reach.argmax(axis=1), reach.max(axis=1)
        keep = np.abs(distance - apothem) <= width_mm
        if keep.sum() < 12:
            return _Found(circle((0.0, 0.0), 1.0), 0.0, -1.0)
        design = np.column_stack([normals[side[keep]], np.ones(int(keep.sum()))])
        step = np.linalg.lstsq(design, distance[keep], rcond=None)[0]
        centre, apothem = centre + step[:2], float(step[2])
    outline, sigma_mm = _sharpen(
        regular(name, (float(centre[0]), float(centre[1])), sides, first_deg, apothem), border, coarse
    )
    return _Found(
        outline, sigma_mm, _explains(outline, border, tolerance_mm), _dents(outline, border, tolerance_mm)
    )


def _dents(outline: Outline, border: Border, tolerance_mm: float) -> tuple[str, ...]:
    """Say where the border lies inside the outline over three strips or more."""
    inside = outline.distance_mm(border.x_mm, border.y_mm) < -2 * tolerance_mm
    if inside.sum() < edges.FEWEST_STRIPS:
        return ()
    deepest = int(np.argmin(outline.distance_mm(border.x_mm, border.y_mm)))
    return (f"border about ({border.x_mm[deepest]:+.0f}, {border.y_mm[deepest]:+.0f}) mm",)


def _choose(
    found: _Found, border: Border, hints: tuple[FieldHint, ...], spacing_mm: tuple[float, float]
) -> tuple[Outline, str, bool, tuple[Remark, ...]]:
    """Take the first stated field that the image agrees with, else the field found in the image."""
    remarks: list[Remark] = []
    for hint in hints:
        stated = _agreeing(hint, found, border, spacing_mm)
        if stated is not None:
            return stated, hint.source, True, (*remarks, *_narrower(stated, found))
        remarks += _not_used(hint, found, border)
    width, height = found.outline.extents_mm()
    said = Remark(
        "field_from_image",
        f"the field of view is read from the image: {found.outline.name}, {width:.1f} x {height:.1f} mm",
    )
    return found.outline, "image", False, (*remarks, said)


def _not_used(hint: FieldHint, found: _Found, border: Border) -> tuple[Remark, ...]:
    """Say that a stated field is not used, and that something may be dark, where it is the larger one."""
    width, height = found.outline.extents_mm()
    wanted = " x ".join(f"{extent:.0f}" for extent in hint.extents_mm)
    said = f"the {hint.source} says {wanted} mm, the image is lit over {width:.1f} x {height:.1f} mm"
    unused = Remark("field_from_image", f"{said}: not used")
    wide, high = _orders(hint)[0]
    larger = wide - width > DEFECT_MM or high - height > DEFECT_MM
    if not larger or border.clipped or hint.source == LEAST_TRUSTED:
        return (unused,)
    return (
        unused,
        Remark(
            "field_incomplete",
            f"{said}: if that statement is right, part of the field is dark and not measured",
        ),
    )


def _agreeing(
    hint: FieldHint, found: _Found, border: Border, spacing_mm: tuple[float, float]
) -> Outline | None:
    """Return the stated outline about the centre of the lit field if the extents agree, else None."""
    best: tuple[float, Outline] | None = None
    for width, height in _orders(hint):
        disagreement = _disagreement(hint, (width, height), found, border, spacing_mm)
        if disagreement <= 1 and (best is None or disagreement < best[0]):
            best = (disagreement, _stated_outline(found.outline, width, height, border))
    return None if best is None else best[1]


def _disagreement(
    hint: FieldHint,
    stated_mm: tuple[float, float],
    found: _Found,
    border: Border,
    spacing_mm: tuple[float, float],
) -> float:
    """Return the larger difference of two extents over what is tolerated: 1 or less agrees.

    Where the matrix cuts the field off, a statement has to be larger than what is seen; a header's has to be so
    beyond doubt, for a pair that was cut off with the image proves nothing.
    """
    worst = 0.0
    beyond = 1.0 if hint.source == LEAST_TRUSTED else 0.0
    for stated, seen, pixel, clipped in zip(
        stated_mm, found.outline.extents_mm(), spacing_mm[::-1], border.clipped_axes, strict=True
    ):
        difference = (stated - seen) / max(AGREE_FRACTION * stated, AGREE_PIXELS * pixel)
        if not clipped:
            worst = max(worst, abs(difference))
        elif difference <= beyond:
            return float("inf")
    return worst


def _orders(hint: FieldHint) -> tuple[tuple[float, float], ...]:
    """Return the (width, height) that a stated pair can mean: headers do not agree on its order."""
    if len(hint.extents_mm) == 2:
        first, second = hint.extents_mm
        return ((first, second), (second, first))
    (diameter,) = hint.extents_mm
    if hint.shape == "HEXAGONAL":
        return ((diameter, diameter * 3**0.5 / 2), (diameter * 3**0.5 / 2, diameter))
    return ((diameter, diameter),)


def _stated_outline(found: Outline, width: float, height: float, border: Border) -> Outline:
    """Return the stated figure; corners that are all cut alike in the image are cut in it too."""
    at = (
        _middle(found.centre_mm[0], found.extents_mm()[0], width, "left", "right", border),
        _middle(found.centre_mm[1], found.extents_mm()[1], height, "top", "bottom", border),
    )
    if found.is_circle or found.name == "regular hexagon":
        factor = width / found.extents_mm()[0]
        return replace(found.scaled(factor), centre_mm=at)
    if found.is_rectangle or any(border.clipped_axes):
        return rectangle(at, width, height)
    found_width, found_height = found.extents_mm()
    cut_x, cut_y = cuts_of(found)
    return cut_rectangle(at, width, height, cut_x * width / found_width, cut_y * height / found_height)


def _middle(seen_mm: float, lit_mm: float, stated_mm: float, low: str, high: str, border: Border) -> float:
    """Return the middle of a stated field along an axis: from the sides that are seen, else that of the matrix."""
    if low in border.clipped and high in border.clipped:
        return 0.0
    if high in border.clipped:
        return seen_mm - lit_mm / 2 + stated_mm / 2
    if low in border.clipped:
        return seen_mm + lit_mm / 2 - stated_mm / 2
    return seen_mm


def cuts_of(outline: Outline) -> tuple[float, float]:
    """Return how much of a cut rectangle's corners is cut, along x and along y."""
    nx, ny = outline.normals[4]
    missing = nx * outline.supports_mm[0] + ny * outline.supports_mm[1] - outline.supports_mm[4]
    return float(missing / nx), float(missing / ny)


def _side_by_side(outline: Outline, border: Border, tolerance_mm: float) -> Outline:
    """Return the outline with each side drawn in to where the border itself lies along it, where that is further in.

    Sides that a maker builds alike differ by parts of a millimetre and bend at their ends: up to 1 mm, for the
    innermost point of each. Dents take no part.
    """
    if outline.is_rectangle or outline.is_circle:
        return outline
    points = np.column_stack([border.x_mm - outline.centre_mm[0], border.y_mm - outline.centre_mm[1]])
    reach = points @ outline.normals.T - outline.supports_mm
    nearest, beyond = reach.argmax(axis=1), reach.max(axis=1)
    supports = outline.supports_mm.copy()
    for side in range(len(supports)):
        own = beyond[(nearest == side) & (np.abs(beyond) <= tolerance_mm)]
        if own.size >= edges.FEWEST_STRIPS:
            supports[side] += min(0.0, max(float(own.min()), -UNEVEN_MM))
    return replace(outline, supports_mm=supports)


def _no_further(stated: Outline, found: Outline) -> Outline:
    """Return the stated outline with no side further out than the image's, where the two have the same sides."""
    if len(stated.normals) != len(found.normals):
        return stated
    offset = np.asarray(found.centre_mm) - np.asarray(stated.centre_mm)
    reach = found.supports_mm + found.normals @ offset
    return replace(stated, supports_mm=np.minimum(stated.supports_mm, reach))


def _narrower(stated: Outline, found: _Found) -> tuple[Remark, ...]:
    """Say so where the lit field is more than 2 mm smaller, a side, than the field stated."""
    lacking = [
        (wanted - seen) / 2
        for wanted, seen in zip(stated.extents_mm(), found.outline.extents_mm(), strict=True)
    ]
    if max(lacking) <= DEFECT_MM:
        return ()
    return (
        Remark(
            "field_incomplete",
            f"the lit field is {2 * max(lacking[0], 0):.1f} mm narrower and {2 * max(lacking[1], 0):.1f} mm lower "
            "than stated: analysed as far as it is lit",
        ),
    )


def _shape_remarks(found: _Found, coarse: Coarse) -> tuple[Remark, ...]:
    remarks = []
    if found.missing:
        where = " and ".join(found.missing)
        remarks.append(
            Remark(
                "field_incomplete",
                f"the field is dark at the {where}: a defect; the outline is completed by symmetry",
            )
        )
    off_x, off_y = found.outline.centre_mm
    limit_mm = max(2 * DEFECT_MM, coarse.rows.pitch_mm, coarse.columns.pitch_mm)
    if max(abs(off_x), abs(off_y)) > limit_mm:
        remarks.append(
            Remark(
                "field_off_centre",
                f"the field's centre is {off_x:+.1f} mm (x) and {off_y:+.1f} mm (y) off the centre of the matrix",
            )
        )
    return tuple(remarks)
