"""Convex outlines of a field of view, and which pixels they hold.

An outline is an intersection of half-planes about a centre: every point p with normal . (p - centre) <= support
for every side. Scaling the supports scales the figure about its centre; subtracting from them moves every side
inwards by that distance. A circle has many sides and is tested by its radius.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmqc.measure.grid import Axis

CIRCLE_SIDES = 96
TIE_MM = 1e-6  # by which a corner may lie beyond a side: for ties by rounding alone
PARALLEL = 1e-12  # component of a unit vector below which it runs along the other axis
Ends = tuple[NDArray[np.float64], NDArray[np.float64]]
_SAMPLES = 128  # across a pixel, for the area of slanted outlines: its error is below 1e-3 pixel


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A convex outline in mm from the centre of the matrix, x to the right and y down.

    `normals` has shape (sides, 2), unit vectors (x, y) outwards; `supports_mm` the distance of each side from
    the centre. `name` is a word for reports.
    """

    name: str
    centre_mm: tuple[float, float]
    normals: NDArray[np.float64]
    supports_mm: NDArray[np.float64]

    def scaled(self, factor: float) -> Outline:
        """Return the outline with every linear dimension scaled about the centre."""
        return replace(self, supports_mm=self.supports_mm * factor)

    def inset(self, margin_mm: float) -> Outline:
        """Return the outline with every side moved inwards by `margin_mm`."""
        return replace(self, supports_mm=self.supports_mm - margin_mm)

    @property
    def is_rectangle(self) -> bool:
        """Say whether the outline is a rectangle along the axes."""
        return len(self.normals) == 4

    @property
    def is_circle(self) -> bool:
        """Say whether the outline is a circle."""
        return self.name == "circle"

    def distance_mm(self, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far points are beyond the nearest side: negative inside. Any shapes that broadcast.

        For a point outside near a corner this is the distance to the side's line, not to the corner.
        """
        x = x_mm - self.centre_mm[0]
        y = y_mm - self.centre_mm[1]
        if self.is_circle:
            return np.asarray(np.hypot(x, y) - self.supports_mm[0])
        beyond = np.full((1,) * max(x.ndim, y.ndim), -np.inf)
        for (nx, ny), support in sorted(
            zip(self.normals.tolist(), self.supports_mm.tolist(), strict=True),
            key=lambda side: abs(side[0][1]),
        ):  # sides along one axis first: they need no array of both
            reach = nx * x if abs(ny) < PARALLEL else ny * y if abs(nx) < PARALLEL else nx * x + ny * y
            beyond = np.maximum(beyond, reach - support)
        return np.asarray(np.broadcast_to(beyond, np.broadcast_shapes(x.shape, y.shape)))

    def vertices_mm(self) -> NDArray[np.float64]:
        """Return the corners in order, shape (corners, 2), x and y: sides that do not show have none."""
        order = np.argsort(np.arctan2(self.normals[:, 1], self.normals[:, 0]))
        normals, supports = self.normals[order], self.supports_mm[order]
        following, next_supports = np.roll(normals, -1, axis=0), np.roll(supports, -1)
        determinant = normals[:, 0] * following[:, 1] - normals[:, 1] * following[:, 0]
        x = (supports * following[:, 1] - next_supports * normals[:, 1]) / determinant
        y = (normals[:, 0] * next_supports - following[:, 0] * supports) / determinant
        return np.column_stack([x + self.centre_mm[0], y + self.centre_mm[1]])

    def extents_mm(self) -> tuple[float, float]:
        """Return the width (x) and the height (y) of the box around the outline."""
        width, height = np.ptp(self.vertices_mm(), axis=0)
        return float(width), float(height)


def rectangle(centre_mm: tuple[float, float], width_mm: float, height_mm: float) -> Outline:
    """Return a rectangle along the axes: width along x, height along y."""
    normals = np.array([(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)])
    supports = np.array([width_mm, height_mm, width_mm, height_mm]) / 2
    return Outline("rectangle", centre_mm, normals, supports)


def cut_rectangle(
    centre_mm: tuple[float, float], width_mm: float, height_mm: float, cut_x_mm: float, cut_y_mm: float
) -> Outline:
    """Return a rectangle whose four corners are cut alike: by `cut_x_mm` along x and `cut_y_mm` along y."""
    length = np.hypot(cut_x_mm, cut_y_mm)
    slanted = np.array([cut_y_mm, cut_x_mm]) / length
    support = slanted[0] * width_mm / 2 + slanted[1] * (height_mm / 2 - cut_y_mm)
    box = rectangle(centre_mm, width_mm, height_mm)
    corners = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)]) * slanted
    return Outline(
        "rectangle with cut corners",
        centre_mm,
        np.vstack([box.normals, corners]),
        np.concatenate([box.supports_mm, np.full(4, support)]),
    )


def regular(
    name: str, centre_mm: tuple[float, float], sides: int, first_deg: float, apothem_mm: float
) -> Outline:
    """Return a regular polygon; the first side's normal points to `first_deg`, from x towards y."""
    angles = np.deg2rad(first_deg + 360.0 * np.arange(sides) / sides)
    normals = np.column_stack([np.cos(angles), np.sin(angles)])
    return Outline(name, centre_mm, normals, np.full(sides, apothem_mm))


def circle(centre_mm: tuple[float, float], diameter_mm: float) -> Outline:
    """Return a circle."""
    return regular("circle", centre_mm, CIRCLE_SIDES, 0.0, diameter_mm / 2)


def whole_pixels(outline: Outline, rows: Axis, columns: Axis) -> NDArray[np.bool_]:
    """Return the pixels, shape (rows, columns), that lie wholly inside an outline.

    A corner on the outline is inside.
    """
    x, y = columns.edges_mm[None, :], rows.edges_mm[:, None]
    return boxes_inside(outline, (x[:, :-1], x[:, 1:]), (y[:-1], y[1:]))


def boxes_inside(outline: Outline, x_mm: Ends, y_mm: Ends) -> NDArray[np.bool_]:
    """Return which boxes, from low to high ends along x and y, lie wholly inside; any shapes that broadcast.

    A side holds a box where it holds the corner that lies furthest out. Sides along one axis need no array of both.
    """
    (left, right), (top, bottom) = (
        [end - centre for end in ends] for ends, centre in zip((x_mm, y_mm), outline.centre_mm, strict=True)
    )
    if outline.is_circle:
        far = np.hypot(np.maximum(abs(left), abs(right)), np.maximum(abs(top), abs(bottom)))
        return np.asarray(far - outline.supports_mm[0] <= TIE_MM)
    inside = np.ones(np.broadcast_shapes(left.shape, top.shape), bool)
    for (nx, ny), support in zip(outline.normals.tolist(), outline.supports_mm.tolist(), strict=True):
        across, down = nx * (right if nx > 0 else left), ny * (bottom if ny > 0 else top)
        reach = across if abs(ny) < PARALLEL else down if abs(nx) < PARALLEL else across + down
        inside &= reach - support <= TIE_MM
    return inside


def covered(outline: Outline, rows: Axis, columns: Axis) -> NDArray[np.float64]:
    """Return the fraction of the area of each pixel, shape (rows, columns), that lies inside an outline.

    Exact for a rectangle. Otherwise the mean of two integrations: exact along y and by 128 samples across the part
    of each column that the outline reaches, and the same with the axes exchanged, so that a transposed outline holds
    the transposed pixels.
    """
    if outline.is_rectangle:
        return _covered_by_rectangle(outline, rows, columns)
    turned = replace(
        outline, centre_mm=(outline.centre_mm[1], outline.centre_mm[0]), normals=outline.normals[:, ::-1]
    )
    return (_covered_by_chords(outline, rows, columns) + _covered_by_chords(turned, columns, rows).T) / 2


def _covered_by_chords(outline: Outline, rows: Axis, columns: Axis) -> NDArray[np.float64]:
    corners = outline.vertices_mm()[:, 0]
    edges = np.clip(columns.edges_mm, corners.min(), corners.max())
    if outline.is_circle:
        radius = outline.supports_mm[0]
        edges = np.clip(columns.edges_mm, outline.centre_mm[0] - radius, outline.centre_mm[0] + radius)
    widths = np.diff(edges)
    step = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    low, high = _chord(outline, (edges[:-1, None] + widths[:, None] * step).ravel())
    y = rows.edges_mm[:, None]
    filled = np.clip(high, y[:-1], y[1:]) - np.clip(low, y[:-1], y[1:])
    mean = filled.reshape(rows.count, columns.count, _SAMPLES).mean(axis=2)
    return np.asarray(mean * widths / (rows.pitch_mm * columns.pitch_mm))


def half_inside(outline: Outline, rows: Axis, columns: Axis) -> NDArray[np.bool_]:
    """Return the pixels of which at least half the area lies inside an outline (NEMA NU 1, 2.4)."""
    return np.asarray(covered(outline, rows, columns) >= 0.5 - 1e-9)


def _covered_by_rectangle(outline: Outline, rows: Axis, columns: Axis) -> NDArray[np.float64]:
    right, bottom, left, top = outline.supports_mm
    x = np.clip(columns.edges_mm - outline.centre_mm[0], -left, right)
    y = np.clip(rows.edges_mm - outline.centre_mm[1], -top, bottom)
    return np.asarray(np.outer(np.diff(y) / rows.pitch_mm, np.diff(x) / columns.pitch_mm))


def _chord(outline: Outline, x_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the outline begins and ends along y at each x; nothing inside: both the same."""
    x = x_mm - outline.centre_mm[0]
    if outline.is_circle:
        half = np.sqrt(np.maximum(outline.supports_mm[0] ** 2 - x**2, 0.0))
        return outline.centre_mm[1] - half, outline.centre_mm[1] + half
    low, high = np.full_like(x, -np.inf), np.full_like(x, np.inf)
    outside = np.zeros(x.shape, bool)
    for (nx, ny), support in zip(outline.normals, outline.supports_mm, strict=True):
        if abs(ny) < PARALLEL:
            outside |= nx * x > support
            continue
        bound = (support - nx * x) / ny
        if ny > 0:
            high = np.minimum(high, bound)
        else:
            low = np.maximum(low, bound)
    empty = outside | (high < low)
    middle = np.where(np.isfinite(low + high), (low + high) / 2, 0.0)
    low, high = np.where(empty, middle, low), np.where(empty, middle, high)
    return low + outline.centre_mm[1], high + outline.centre_mm[1]
