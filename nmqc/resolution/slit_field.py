"""The field of view in the image of a slit mask.

Along the slits the field ends where the slits end. Across them the image says little: the field ends between the
outermost slit that is seen and the next, which is not; where the mask lets some light through, that light shows the
end. A stated field that fits both settles it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.field import FARTHEST_OFF_MM
from nmqc.measure.shape import DEFECT_MM
from nmqc.model import FieldHint, Remark
from nmqc.resolution.slit_mask import Mask
from nmqc.resolution.slit_seen import CUT_MM, SMOOTHING_MM, Seen, look

CENTRAL = 0.75  # linear size of the CFOV over that of the UFOV
AGREE_FRACTION, AGREE_PIXELS = 0.03, 2.0  # a stated field agrees with the image within the larger of the two
LEAST_TRUSTED = "header"  # a header's pair that was cut off with the image proves nothing


@dataclass(frozen=True, slots=True, eq=False)
class SlitField:
    """The UFOV, in mm from the centre of the matrix by the header's pixel size, across (u) and along (v) the slits.

    Attributes
    ----------
    u_mm, half_mm : shape (knots,)
        Positions across, increasing, the first and the last on the border; half of the field's length along the
        slits at each, about `middle_mm`. Straight in between.
    source : where it is from, in words
    known : whether the border across is known at its low and at its high end, to a few millimetres
    border_error_mm : by how much it may lie further in than said there, where it is known
    clipped : True where the matrix cuts the field off, so that nothing can be said of the whole UFOV
    """

    u_mm: NDArray[np.float64]
    half_mm: NDArray[np.float64]
    middle_mm: float
    source: str
    known: tuple[bool, bool] = (True, True)
    border_error_mm: tuple[float, float] = (CUT_MM, CUT_MM)
    clipped: bool = False
    remarks: tuple[Remark, ...] = ()

    @property
    def centre_u_mm(self) -> float:
        """The middle of the field across the slits."""
        return float(self.u_mm[0] + self.u_mm[-1]) / 2

    @property
    def extents_mm(self) -> tuple[float, float]:
        """The extents of the field across and along the slits."""
        return float(np.ptp(self.u_mm)), 2 * float(self.half_mm.max())

    def holds(
        self, u_mm: NDArray[Any], v_mm: NDArray[Any], scale: float, slack_mm: float
    ) -> NDArray[np.bool_]:
        """Say which points lie inside the field scaled about its centre; `slack_mm` outside it still do."""
        u = self.centre_u_mm + (u_mm - self.centre_u_mm) / scale
        half = scale * np.interp(u, self.u_mm, self.half_mm)
        within = (u >= self.u_mm[0] - slack_mm) & (u <= self.u_mm[-1] + slack_mm)
        return np.asarray(within & (np.abs(v_mm - self.middle_mm) <= half + slack_mm))

    def clear_of_border(self, u_mm: NDArray[Any], margin_mm: float) -> NDArray[np.bool_]:
        """Say which positions across lie so far inside the border, wherever it may be, where that is known."""
        low, high = (margin_mm + error for error in self.border_error_mm)
        clear_low = u_mm - self.u_mm[0] >= low if self.known[0] else np.ones(u_mm.shape, np.bool_)
        clear_high = self.u_mm[-1] - u_mm >= high if self.known[1] else np.ones(u_mm.shape, np.bool_)
        return np.asarray(clear_low & clear_high)

    def outline_mm(self, scale: float) -> NDArray[np.float64]:
        """Return the closed outline of the field scaled about its centre: shape (points, 2), u and v."""
        u = np.concatenate([self.u_mm, self.u_mm[::-1], self.u_mm[:1]]) - self.centre_u_mm
        v = np.concatenate([self.half_mm, -self.half_mm[::-1], self.half_mm[:1]])
        return np.column_stack([self.centre_u_mm + scale * u, self.middle_mm + scale * v])


def find_slit_field(mask: Mask, hints: tuple[FieldHint, ...]) -> SlitField:
    """Return the field of view: as stated where the image agrees, else as the image shows it.

    Raises
    ------
    CannotMeasure
        ``zoomed_field``, if the matrix cuts the field off and nothing stated tells where its centre is;
        ``field_incomplete``, if what is lit lies so far off the centre that one side must be dark.
    """
    seen = look(mask)
    said = _dark_end(seen)
    for hint in hints:
        stated = _stated(hint, seen, mask)
        if stated is not None:
            return _with_statement(hint, stated, seen, mask, said)
        said += (_not_used(hint, seen),)
    _require_ends(seen)
    _require_both_sides(seen, mask)
    return _from_image(seen, mask, said)


def _require_ends(seen: Seen) -> None:
    """Refuse an image that does not show where the field ends, and of which nothing is stated."""
    if seen.cut_along:
        raise CannotMeasure(
            "zoomed_field", "the matrix cuts the field off along the slits: acquire the mask without zoom"
        )
    if seen.cut_across:
        raise CannotMeasure(
            "zoomed_field",
            "a further slit would lie outside the matrix, so that nothing shows where the field ends across them: "
            "acquire the mask without zoom, or state the camera's field of view in the site's configuration",
        )


def _require_both_sides(seen: Seen, mask: Mask) -> None:
    """Refuse slits that lie as if one side of the detector, or of the mask, were dark; a flood is judged alike."""
    for name, off in zip(_axes(mask), (_least_off_mm(seen), seen.middle_mm), strict=True):
        if abs(off) > FARTHEST_OFF_MM:
            dark = {"x": ("right", "left"), "y": ("bottom", "top")}[name][off > 0]
            raise CannotMeasure(
                "field_incomplete",
                f"the lit slits lie {abs(off):.0f} mm or more off the centre of the matrix, as if the {dark} of the "
                "detector were dark or not covered by the mask: look at the image and at a flood; if neither is so, "
                "state the camera's field of view in the site's configuration",
            )


def _axes(mask: Mask) -> tuple[str, str]:
    """Return the names of the axes across and along the slits."""
    return ("x", "y") if mask.across == "x" else ("y", "x")


def _least_off_mm(seen: Seen) -> float:
    """Return how far the field's middle across the slits lies off the centre of the matrix, at least."""
    low, high = (sum(ends) / 2 for ends in zip(seen.low, seen.high, strict=True))
    return max(low, 0.0) + min(high, 0.0)


def _off_centre(off_mm: tuple[float, float], mask: Mask) -> tuple[Remark, ...]:
    """Say so where the field's middle, across and along the slits, lies off the centre of the matrix."""
    if max(map(abs, off_mm)) <= max(2 * DEFECT_MM, mask.across_mm, mask.along_mm):
        return ()
    by = dict(zip(_axes(mask), off_mm, strict=True))
    return (
        Remark(
            "field_off_centre",
            f"the field's centre is {by['x']:+.1f} mm (x) and {by['y']:+.1f} mm (y) off the centre of the matrix, "
            f"{_axes(mask)[0]} at least",
        ),
    )


def _from_image(seen: Seen, mask: Mask, said: tuple[Remark, ...]) -> SlitField:
    """Return the field that the image shows: across, symmetric about the middle of the matrix if it may be."""
    least, most = max(-seen.low[1], seen.high[0]), min(-seen.low[0], seen.high[1])
    if least <= most and least > 0:
        low, high = -(least + most) / 2, (least + most) / 2
    else:
        low, high = sum(seen.low) / 2, sum(seen.high) / 2
    field = _spanned(seen, low, high, seen.middle_mm, 1.0, "image")
    across, along = field.extents_mm
    unknown = (np.ptp(seen.low) + np.ptp(seen.high)) / 2
    how = f"to +-{unknown / 2:.0f} mm" if unknown else "by the light through the mask"
    remark = Remark(
        "field_from_image",
        f"the field of view is read from the image: {along:.1f} mm along the slits by their ends, {across:.0f} mm "
        f"across them {how}",
    )
    known = bool(np.ptp(seen.low) <= 2 * CUT_MM), bool(np.ptp(seen.high) <= 2 * CUT_MM)
    error = max(seen.low[1] - low, SMOOTHING_MM / 2), max(high - seen.high[0], SMOOTHING_MM / 2)
    off = _off_centre((_least_off_mm(seen), seen.middle_mm), mask)
    return replace(field, known=known, border_error_mm=error, remarks=(*said, remark, *off))


def _spanned(seen: Seen, low: float, high: float, middle: float, factor: float, source: str) -> SlitField:
    """Return the field between two borders; beyond the outermost slits its sides go on as between the last two."""
    u, half = seen.slits_u_mm, seen.half_mm * factor
    first = half[0] + (half[1] - half[0]) / (u[1] - u[0]) * (low - u[0])
    last = half[-1] + (half[-1] - half[-2]) / (u[-1] - u[-2]) * (high - u[-1])
    ends = np.maximum([first, last], 0.0)
    inside = (u > low) & (u < high)
    knots = np.concatenate([[low], u[inside], [high]])
    return SlitField(knots, np.concatenate([ends[:1], half[inside], ends[1:]]), middle, source)


def _stated(hint: FieldHint, seen: Seen, mask: Mask) -> tuple[float, float] | None:
    """Return the stated extents across and along the slits in the order that agrees with the image, if one does."""
    orders = [_turned(pair, mask) for pair in hint.widths_and_heights_mm()]
    found = [(_misfit(pair, seen, mask, hint.source), pair) for pair in orders]
    misfit, pair = min(found, key=lambda one: one[0])
    return pair if misfit <= 1 else None


def _turned(pair: tuple[float, float], mask: Mask) -> tuple[float, float]:
    """Return a width and a height as extents across and along the slits."""
    return pair if mask.across == "x" else (pair[1], pair[0])


def _misfit(pair: tuple[float, float], seen: Seen, mask: Mask, source: str) -> float:
    """Return by how much stated extents differ from the image, over what is tolerated: 1 or less agrees."""
    across, along = pair
    tolerance = max(AGREE_FRACTION * along, AGREE_PIXELS * mask.along_mm)
    beyond = (along - 2 * float(seen.half_mm.max())) / tolerance
    if seen.cut_along:
        misfit = 0.0 if beyond > (1.0 if source == LEAST_TRUSTED else 0.0) else np.inf
    else:
        misfit = abs(beyond)
    slack = max(AGREE_FRACTION * across, AGREE_PIXELS * mask.across_mm)
    proves = source != LEAST_TRUSTED or abs(across - mask.counts.shape[1] * mask.across_mm) > slack
    possible = seen.high[0] - seen.low[1] - slack <= across <= seen.high[1] - seen.low[0] + slack
    return float(misfit) if possible and (proves or not seen.cut_across) else float("inf")


def _with_statement(
    hint: FieldHint, stated: tuple[float, float], seen: Seen, mask: Mask, said: tuple[Remark, ...]
) -> SlitField:
    """Return the stated field, about the middle of what is seen as far as that is known.

    Raises
    ------
    CannotMeasure
        ``zoomed_field``, if not even the CFOV lies within the matrix.
    """
    across, along = stated
    middle_u = _middle(across, seen)
    middle_v = 0.0 if seen.cut_along else seen.middle_mm
    factor = along / (2 * float(seen.half_mm.max()))
    field = _spanned(seen, middle_u - across / 2, middle_u + across / 2, middle_v, factor, hint.source)
    edges = mask.counts.shape[1] * mask.across_mm / 2, mask.counts.shape[0] * mask.along_mm / 2
    reach = abs(middle_u) + across / 2 - edges[0], abs(middle_v) + along / 2 - edges[1]
    central = reach[0] - (1 - CENTRAL) * across / 2, reach[1] - (1 - CENTRAL) * along / 2
    if max(central) > 0:
        raise CannotMeasure(
            "zoomed_field",
            "the matrix cuts the field off, UFOV and CFOV: acquire the mask without zoom",
        )
    clipped = seen.cut_along or max(reach) > 0
    return replace(field, clipped=clipped, remarks=(*said, *_off_centre((middle_u, middle_v), mask)))


def _middle(across_mm: float, seen: Seen) -> float:
    """Return the middle of a field of this extent across the slits: that of the matrix as far as the slits allow."""
    low = max(seen.high[0] - CUT_MM - across_mm / 2, seen.low[0] + across_mm / 2)
    high = min(seen.high[1] - across_mm / 2, seen.low[1] + CUT_MM + across_mm / 2)
    return float(np.clip(0.0, low, high)) if low <= high else (low + high) / 2


def _not_used(hint: FieldHint, seen: Seen) -> Remark:
    """Say that a statement does not fit; where it is trusted more than a header, that something may be dark."""
    wanted = " x ".join(f"{extent:.0f}" for extent in hint.extents_mm)
    said = (
        f"the {hint.source} says {wanted} mm, the slits are lit over {2 * seen.half_mm.max():.1f} mm along them and "
        f"the outermost are {seen.high[0] - seen.low[1]:.0f} mm apart: not used"
    )
    if hint.source == LEAST_TRUSTED or max(hint.extents_mm) < 2 * seen.half_mm.max():
        return Remark("field_from_image", said)
    return Remark("field_incomplete", f"{said}; if it is right, part of the field is dark and not measured")


def _dark_end(seen: Seen) -> tuple[Remark, ...]:
    if not seen.dark_end:
        return ()
    return (
        Remark(
            "field_incomplete",
            "a slit ends short of where its other end and its neighbours say that the field ends: a defect, or lead",
        ),
    )
