"""The shape of a lit field: outlines that makers build, fitted to the border of the light.

Every fit is symmetric and leans on the lit parts: where a corner or a piece of a side is missing, its counterparts
tell where it should be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure import edges
from nmqc.measure.edges import Border, Coarse
from nmqc.measure.outline import Outline, circle, cut_rectangle, rectangle, regular

DEFECT_MM = 2.0  # corners or sides that differ by more are a defect, not a shape
SMALLEST_FIELD_MM = 100.0
SMALL_CUT_MM = 1.5  # along the diagonal: a corner cut by less cannot be told from a sharp one
LINE_MM = 12.0  # along the diagonal: from here on the slope of a cut is fitted, below it is 45 degrees
CORNERS = {"top left": (-1, -1), "top right": (1, -1), "bottom left": (-1, 1), "bottom right": (1, 1)}
FITTING, GOOD = 0.6, 0.9  # fraction of the border that an outline must explain; at which a rectangle is taken


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An outline from the image, its edge's blur, the fraction of the border it explains, what it lacks."""

    outline: Outline
    sigma_mm: float
    explains: float
    missing: tuple[str, ...] = ()


def found_outline(border: Border, coarse: Coarse) -> Found:
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


def tolerance_of(coarse: Coarse) -> float:
    """Return within how many mm a border point lies on an outline: 2 mm, or 0.6 of a coarse pixel."""
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


def _fit_rectangle(border: Border, coarse: Coarse) -> Found:
    """Fit four sides, then corners that are cut alike."""
    tolerance_mm = tolerance_of(coarse)
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
    return Found(outline, sigma_mm, explains, missing or _dents(outline, border, tolerance_mm))


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
    lines = [_line_cut(border, box, CORNERS[name], tolerance_of(coarse)) for name in alike]
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


def _fit_circle(border: Border, coarse: Coarse) -> Found:
    """Fit a circle to the outermost border points."""
    tolerance_mm = tolerance_of(coarse)
    centre = np.array(
        [np.ptp(border.x_mm) / 2 + border.x_mm.min(), np.ptp(border.y_mm) / 2 + border.y_mm.min()]
    )
    radius = float(np.quantile(np.hypot(border.x_mm - centre[0], border.y_mm - centre[1]), 0.8))
    for width_mm in (8.0, 4.0, tolerance_mm, tolerance_mm):
        x, y = border.x_mm - centre[0], border.y_mm - centre[1]
        distance = np.hypot(x, y)
        keep = np.abs(distance - radius) <= width_mm
        if keep.sum() < 12:
            return Found(circle((0.0, 0.0), 1.0), 0.0, -1.0)
        design = np.column_stack(
            [x[keep] / distance[keep], y[keep] / distance[keep], np.ones(int(keep.sum()))]
        )
        step = np.linalg.lstsq(design, distance[keep], rcond=None)[0]
        centre, radius = centre + step[:2], float(step[2])
    outline, sigma_mm = _sharpen(circle((float(centre[0]), float(centre[1])), 2 * radius), border, coarse)
    return Found(
        outline, sigma_mm, _explains(outline, border, tolerance_mm), _dents(outline, border, tolerance_mm)
    )


def _fit_regular(border: Border, coarse: Coarse, name: str, sides: int, first_deg: float) -> Found:
    """Fit a regular polygon to the outermost border points."""
    tolerance_mm = tolerance_of(coarse)
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
            return Found(circle((0.0, 0.0), 1.0), 0.0, -1.0)
        design = np.column_stack([normals[side[keep]], np.ones(int(keep.sum()))])
        step = np.linalg.lstsq(design, distance[keep], rcond=None)[0]
        centre, apothem = centre + step[:2], float(step[2])
    outline, sigma_mm = _sharpen(
        regular(name, (float(centre[0]), float(centre[1])), sides, first_deg, apothem), border, coarse
    )
    return Found(
        outline, sigma_mm, _explains(outline, border, tolerance_mm), _dents(outline, border, tolerance_mm)
    )


def _dents(outline: Outline, border: Border, tolerance_mm: float) -> tuple[str, ...]:
    """Say where the border lies inside the outline over three strips or more."""
    inside = outline.distance_mm(border.x_mm, border.y_mm) < -2 * tolerance_mm
    if inside.sum() < edges.FEWEST_STRIPS:
        return ()
    deepest = int(np.argmin(outline.distance_mm(border.x_mm, border.y_mm)))
    return (f"border about ({border.x_mm[deepest]:+.0f}, {border.y_mm[deepest]:+.0f}) mm",)
