"""Finding the field of view in a flood: its outline, how sharp its edge is, and whether the image is a flood.

The outline found is one that makers build: a rectangle, a rectangle with equally cut corners, a circle, a regular
hexagon or octagon. What is dark inside such an outline is a defect and stays inside. Every fit is therefore
symmetric and leans on the lit parts: where a corner or a piece of a side is missing, its counterparts tell where
it should be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nmqc.errors import CannotMeasure
from nmqc.measure import edges
from nmqc.measure.edges import Border, Coarse
from nmqc.measure.outline import Outline, cut_rectangle, rectangle
from nmqc.measure.shape import DEFECT_MM, SMALLEST_FIELD_MM, Found, found_outline, tolerance_of
from nmqc.model import FieldHint, Remark

AGREE_FRACTION, AGREE_PIXELS = 0.03, 2.0  # a stated field agrees with the image within the larger of the two
FARTHEST_OFF_MM = 21.0  # off the centre of the matrix, for a field of which nothing is stated
OFF_MM = 3.0  # off the centre of the matrix, at least, from which one side is taken to lack what is lacking
ONE_SIDED = 0.35  # and at least this part of what is lacking: half of it, if one side alone lacks it
UNEVEN_MM = 1.0  # by which a slanted side may lie further in than the common outline
LEAST_TRUSTED = "header"  # a header's field of view that disagrees says nothing of the detector


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
    found = found_outline(border, coarse)
    chosen, source, stated, remarks = _choose(found, border, hints, coarse.native_mm)
    lit = _no_further(chosen, _side_by_side(found.outline, border, tolerance_of(coarse)))
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
    wanted = hints[0].widths_and_heights_mm()[0] if hints else (0.0, 0.0)
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


def _choose(
    found: Found, border: Border, hints: tuple[FieldHint, ...], spacing_mm: tuple[float, float]
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


def _not_used(hint: FieldHint, found: Found, border: Border) -> tuple[Remark, ...]:
    """Say that a stated field is not used, and that something may be dark, where it is the larger one."""
    width, height = found.outline.extents_mm()
    wanted = " x ".join(f"{extent:.0f}" for extent in hint.extents_mm)
    said = f"the {hint.source} says {wanted} mm, the image is lit over {width:.1f} x {height:.1f} mm"
    unused = Remark("field_from_image", f"{said}: not used")
    wide, high = hint.widths_and_heights_mm()[0]
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
    hint: FieldHint, found: Found, border: Border, spacing_mm: tuple[float, float]
) -> Outline | None:
    """Return the stated outline about the centre of the lit field if the extents agree, else None."""
    best: tuple[float, Outline] | None = None
    for width, height in hint.widths_and_heights_mm():
        disagreement = _disagreement(hint, (width, height), found, border, spacing_mm)
        if disagreement <= 1 and (best is None or disagreement < best[0]):
            best = (disagreement, _stated_outline(found.outline, width, height, border))
    return None if best is None else best[1]


def _disagreement(
    hint: FieldHint,
    stated_mm: tuple[float, float],
    found: Found,
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


def _narrower(stated: Outline, found: Found) -> tuple[Remark, ...]:
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


def _shape_remarks(found: Found, coarse: Coarse) -> tuple[Remark, ...]:
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
