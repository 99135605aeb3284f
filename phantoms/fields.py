"""Outlines of a field, and the part of each pixel that lies inside.

All are centred on (0, 0), the centre of the field; x to the right, y down, millimetres.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from phantoms.pixels import (
    FWHM_PER_SIGMA,
    TAIL_SIGMAS,
    BoolArray,
    FloatArray,
    centres,
    mean_where,
    node_count,
    normal_cdf,
    owens_t,
    smoothed_interval,
)

Point = tuple[float, float]
_LEAST_RADIUS_SIGMAS = 4.0


class Outline(ABC):
    """The edge of a field: convex and symmetric about its centre."""

    __slots__ = ()

    @property
    @abstractmethod
    def extents_mm(self) -> Point:
        """The full width and height."""

    @property
    @abstractmethod
    def area_mm2(self) -> float:
        """The area inside, in closed form."""

    @abstractmethod
    def depth_mm(self, x_mm: ArrayLike, y_mm: ArrayLike) -> FloatArray:
        """Return how far inside the edge points lie: the distance to the nearest side, negative outside.

        Outside, near a corner, it is the distance to the side's straight continuation.
        """

    @abstractmethod
    def support_mm(self, x: float, y: float) -> Point:
        """Return the point of the outline that lies farthest in the direction (x, y)."""

    @abstractmethod
    def farthest_mm(self, x_mm: float, y_mm: float) -> Point:
        """Return the point of the outline that lies farthest from (x_mm, y_mm)."""

    @abstractmethod
    def _sharp(self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, where: BoolArray) -> FloatArray: ...

    @abstractmethod
    def _blurred(
        self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, where: BoolArray, sigma_mm: float
    ) -> FloatArray: ...

    def contains(self, x_mm: ArrayLike, y_mm: ArrayLike) -> BoolArray:
        """Return True for the points inside or on the outline."""
        return np.asarray(self.depth_mm(x_mm, y_mm) >= 0)

    def coverage(
        self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, edge_fwhm_mm: float = 0.0
    ) -> FloatArray:
        """Return the part (0 to 1) of each pixel that lies inside.

        Parameters
        ----------
        x_edges_mm, y_edges_mm : shapes (columns + 1,) and (rows + 1,)
            Increasing edges of the pixels, from the centre of the field.
        edge_fwhm_mm
            Full width at half maximum of the Gaussian that blurs the field. 0: sharp, the exact area.

        Returns
        -------
        shape (rows, columns)
            Sharp: exact to 1e-10. Blurred: the convolution of the outline with the Gaussian, averaged over
            the pixel; exact for a rectangle, right to 1e-7 for other polygons, and for a circle of diameter
            D to 0.05 (fwhm / D)^2 (its blurred edge is taken as a normal distribution of the radius).

        Raises
        ------
        ValueError
            If the blur is negative, or too fine for the pixels, or as large as the field.
        """
        sigma_mm = _sigma_mm(edge_fwhm_mm)
        half_diagonal = math.hypot(np.max(np.diff(x_edges_mm)), np.max(np.diff(y_edges_mm))) / 2
        depth = self.depth_mm(centres(x_edges_mm)[np.newaxis, :], centres(y_edges_mm)[:, np.newaxis])
        part = (depth > 0).astype(np.float64)
        at_edge = np.abs(depth) <= half_diagonal + TAIL_SIGMAS * sigma_mm
        if sigma_mm == 0:
            part[at_edge] = self._sharp(x_edges_mm, y_edges_mm, at_edge)
        else:
            part[at_edge] = np.clip(self._blurred(x_edges_mm, y_edges_mm, at_edge, sigma_mm), 0, 1)
        return part


class Polygon(Outline):
    """A convex outline with straight sides."""

    __slots__ = ()

    @abstractmethod
    def corners_mm(self) -> tuple[Point, ...]:
        """Return the corners in turn, from the x axis towards the y axis (clockwise as displayed)."""

    def _sides(self) -> Iterator[tuple[Point, Point]]:
        corners = self.corners_mm()
        return zip(corners, corners[1:] + corners[:1], strict=True)

    @property
    def extents_mm(self) -> Point:
        """The full width and height."""
        x, y = zip(*self.corners_mm(), strict=True)
        return max(x) - min(x), max(y) - min(y)

    @property
    def area_mm2(self) -> float:
        """The area inside, in closed form."""
        return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in self._sides()) / 2

    def depth_mm(self, x_mm: ArrayLike, y_mm: ArrayLike) -> FloatArray:
        """Return how far inside the outline points lie."""
        x, y = np.asarray(x_mm, dtype=np.float64), np.asarray(y_mm, dtype=np.float64)
        depth = np.full(np.broadcast_shapes(x.shape, y.shape), math.inf)
        for side in self._sides():
            np.minimum(depth, _inside_mm(side, x, y), out=depth)
        return depth

    def support_mm(self, x: float, y: float) -> Point:
        """Return the point farthest in a direction."""
        return max(self.corners_mm(), key=lambda corner: corner[0] * x + corner[1] * y)

    def farthest_mm(self, x_mm: float, y_mm: float) -> Point:
        """Return the point farthest from another."""
        return max(self.corners_mm(), key=lambda corner: math.dist(corner, (x_mm, y_mm)))

    def _sharp(self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, where: BoolArray) -> FloatArray:
        """Area inside by Green's theorem: minus the sum over the sides of the integral of y dx.

        Within a pixel y is held between its lower and upper edge, and x between its left and right one.
        """
        rows, columns = np.nonzero(where)
        left, right = x_edges_mm[columns], x_edges_mm[columns + 1]
        low, height = y_edges_mm[rows], np.diff(y_edges_mm)[rows]
        area = np.zeros(rows.size)
        for side in self._sides():
            area -= _area_above_mm2(side, left, right, low, height)
        return np.clip(area / ((right - left) * height), 0, 1)

    def _blurred(
        self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, where: BoolArray, sigma_mm: float
    ) -> FloatArray:
        def profile(x: FloatArray, y: FloatArray) -> FloatArray:
            return self._blurred_at(x, y, sigma_mm)

        return mean_where(
            profile, x_edges_mm, y_edges_mm, where, node_count(x_edges_mm, y_edges_mm, sigma_mm)
        )

    def _blurred_at(self, x: FloatArray, y: FloatArray, sigma_mm: float) -> FloatArray:
        """Blurred outline at points: one side's normal distribution; near corners, the sum over all sides."""
        depths = [_inside_mm(side, x, y) for side in self._sides()]
        sides_near = sum((depth < TAIL_SIGMAS * sigma_mm).astype(np.int64) for depth in depths)
        nearest: FloatArray = np.min(depths, axis=0)
        value = normal_cdf(nearest / sigma_mm)
        at_corner = np.asarray(sides_near > 1)
        value[at_corner] = self._gaussian_inside(x[at_corner] / sigma_mm, y[at_corner] / sigma_mm, sigma_mm)
        return value

    def _gaussian_inside(self, x: FloatArray, y: FloatArray, sigma_mm: float) -> FloatArray:
        """Probability that a standard normal about (x, y) lies inside the polygon scaled by 1 / sigma.

        Sum over the sides of the probability of the triangle between the point and the side (Owen, 1956).
        """
        inside = np.zeros(x.shape)
        for (x0, y0), (x1, y1) in self._sides():
            length = math.hypot(x1 - x0, y1 - y0)
            along_x, along_y = (x1 - x0) / length, (y1 - y0) / length
            to_x, to_y = x0 / sigma_mm - x, y0 / sigma_mm - y
            distance = to_x * along_y - to_y * along_x
            start = to_x * along_x + to_y * along_y
            inside += _triangle(distance, start + length / sigma_mm) - _triangle(distance, start)
        return inside


def _inside_mm(side: tuple[Point, Point], x: FloatArray, y: FloatArray) -> FloatArray:
    """Return the distance of points from the line through a side, positive inside."""
    (x0, y0), (x1, y1) = side
    length = math.hypot(x1 - x0, y1 - y0)
    normal_x, normal_y = (y1 - y0) / length, (x0 - x1) / length
    return np.asarray((normal_x * x0 + normal_y * y0 - normal_x * x) - normal_y * y)


def _area_above_mm2(
    side: tuple[Point, Point], left: FloatArray, right: FloatArray, low: FloatArray, height: FloatArray
) -> FloatArray:
    """Return the integral of min(max(y - low, 0), height) dx along a side, between left and right."""
    (x0, y0), (x1, y1) = side
    if x0 == x1:
        return np.zeros(left.shape)
    begin = np.clip(x0, left, right)
    end = np.clip(x1, left, right)
    slope = (y1 - y0) / (x1 - x0)
    y_begin, y_end = y0 + slope * (begin - x0) - low, y0 + slope * (end - x0) - low
    return np.asarray(_mean_clipped(y_begin, y_end, height) * (end - begin))


def _mean_clipped(first: FloatArray, last: FloatArray, height: FloatArray) -> FloatArray:
    """Return the mean of min(max(y, 0), height) as y runs from first to last."""
    a, b = np.clip(first, 0, height), np.clip(last, 0, height)
    rise = (b - a) * (b + a) / 2 + height * (np.maximum(last, height) - np.maximum(first, height))
    run = last - first
    return np.where(run == 0, a, rise / np.where(run == 0, 1, run))


def _triangle(distance: FloatArray, along: FloatArray) -> FloatArray:
    """Return the normal probability of the right triangle with legs ``distance`` and ``along`` at the origin.

    atan(along / distance) / (2 pi) - T(distance, along / distance), signed like both legs. Owen's T is needed
    only near the corner: beyond the tail the triangle is infinite along the side, or has the whole angle.
    """
    leg = np.where(np.abs(distance) < 1e-12, 1e-12, distance)
    ratio = along / leg
    missed = np.copysign(normal_cdf(-np.abs(leg)) / 2, ratio)
    near = (np.abs(leg) < TAIL_SIGMAS) & (np.abs(along) < TAIL_SIGMAS)
    missed[near] = owens_t(leg[near], ratio[near])
    return np.asarray(np.arctan(ratio) / (2 * math.pi) - missed)


@dataclass(frozen=True, slots=True)
class Rectangle(Polygon):
    """A rectangle with its sides along the rows and columns."""

    width_mm: float
    height_mm: float

    def __post_init__(self) -> None:
        _require_positive(self.width_mm, self.height_mm)

    def corners_mm(self) -> tuple[Point, ...]:
        """Return the corners in turn."""
        x, y = self.width_mm / 2, self.height_mm / 2
        return (x, -y), (x, y), (-x, y), (-x, -y)

    def coverage(
        self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, edge_fwhm_mm: float = 0.0
    ) -> FloatArray:
        """Return the part of each pixel inside: the product of the parts of its two sides, exact."""
        sigma_mm = _sigma_mm(edge_fwhm_mm)
        along = smoothed_interval(x_edges_mm, self.width_mm, sigma_mm)
        down = smoothed_interval(y_edges_mm, self.height_mm, sigma_mm)
        return np.multiply.outer(down, along)


@dataclass(frozen=True, slots=True)
class CutCorners(Polygon):
    """A rectangle whose four corners are cut off at 45 degrees, ``cut_mm`` along each side."""

    width_mm: float
    height_mm: float
    cut_mm: float

    def __post_init__(self) -> None:
        _require_positive(self.width_mm, self.height_mm, self.cut_mm)
        if 2 * self.cut_mm >= min(self.width_mm, self.height_mm):
            raise ValueError("the cut corners must leave a part of every side")

    def corners_mm(self) -> tuple[Point, ...]:
        """Return the corners in turn."""
        x, y, cut = self.width_mm / 2, self.height_mm / 2, self.cut_mm
        quarter = ((x, y - cut), (x - cut, y), (cut - x, y), (-x, y - cut))
        return quarter + tuple((-a, -b) for a, b in quarter)


@dataclass(frozen=True, slots=True)
class Hexagon(Polygon):
    """A regular hexagon. At 0 degrees a flat side faces right; turned counter-clockwise as displayed."""

    across_flats_mm: float
    angle_deg: float = 0.0

    def __post_init__(self) -> None:
        _require_positive(self.across_flats_mm)

    def corners_mm(self) -> tuple[Point, ...]:
        """Return the corners in turn."""
        return _regular(6, self.across_flats_mm, self.angle_deg)


@dataclass(frozen=True, slots=True)
class Octagon(Polygon):
    """A regular octagon. At 0 degrees a flat side faces right; turned counter-clockwise as displayed."""

    across_flats_mm: float
    angle_deg: float = 0.0

    def __post_init__(self) -> None:
        _require_positive(self.across_flats_mm)

    def corners_mm(self) -> tuple[Point, ...]:
        """Return the corners in turn."""
        return _regular(8, self.across_flats_mm, self.angle_deg)


@dataclass(frozen=True, slots=True)
class Circle(Outline):
    """A circle."""

    diameter_mm: float

    def __post_init__(self) -> None:
        _require_positive(self.diameter_mm)

    @property
    def extents_mm(self) -> Point:
        """The full width and height."""
        return self.diameter_mm, self.diameter_mm

    @property
    def area_mm2(self) -> float:
        """The area inside, in closed form."""
        return math.pi * self.diameter_mm**2 / 4

    def depth_mm(self, x_mm: ArrayLike, y_mm: ArrayLike) -> FloatArray:
        """Return how far inside the outline points lie."""
        return np.asarray(self.diameter_mm / 2 - np.hypot(x_mm, y_mm), dtype=np.float64)

    def support_mm(self, x: float, y: float) -> Point:
        """Return the point farthest in a direction."""
        scale = self.diameter_mm / 2 / math.hypot(x, y)
        return x * scale, y * scale

    def farthest_mm(self, x_mm: float, y_mm: float) -> Point:
        """Return the point farthest from another."""
        return self.support_mm(-x_mm, -y_mm) if (x_mm, y_mm) != (0, 0) else (self.diameter_mm / 2, 0.0)

    def _sharp(self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, where: BoolArray) -> FloatArray:
        """Area inside: the integral over x of y held between the lower and the upper half circle."""
        rows, columns = np.nonzero(where)
        left, right = x_edges_mm[columns], x_edges_mm[columns + 1]
        top, bottom = y_edges_mm[rows], y_edges_mm[rows + 1]
        below = self._under(left, right, bottom) - self._under(left, right, top)
        above = self._under(left, right, -top) - self._under(left, right, -bottom)
        width, height = right - left, bottom - top
        return np.clip((below + above) / (width * height) - 1, 0, 1)

    def _under(self, left: FloatArray, right: FloatArray, y: FloatArray) -> FloatArray:
        """Return the integral from left to right of min(s, y), where s is the half circle, 0 outside."""
        radius = self.diameter_mm / 2
        level = np.clip(y, 0, radius)
        chord = np.sqrt((radius - level) * (radius + level))
        flat = level * (np.clip(right, -chord, chord) - np.clip(left, -chord, chord))
        wings = _segment(right, radius, chord) - _segment(left, radius, chord)
        return flat + wings + np.minimum(y, 0) * (right - left)

    def _blurred(
        self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, where: BoolArray, sigma_mm: float
    ) -> FloatArray:
        """Normal distribution of the distance to a circle of radius sqrt(R^2 - sigma^2): the area is kept."""
        radius = self.diameter_mm / 2
        if radius < _LEAST_RADIUS_SIGMAS * sigma_mm:
            raise ValueError("the edge blur is too wide for the circle: at most 0.29 of its diameter")
        reduced = math.sqrt(radius**2 - sigma_mm**2)

        def profile(x: FloatArray, y: FloatArray) -> FloatArray:
            return normal_cdf((reduced - np.hypot(x, y)) / sigma_mm)

        return mean_where(
            profile, x_edges_mm, y_edges_mm, where, node_count(x_edges_mm, y_edges_mm, sigma_mm)
        )


def _segment(x: FloatArray, radius: float, chord: FloatArray) -> FloatArray:
    """Return the integral of sqrt(radius^2 - x^2) from 0 to x, over the part with |x| beyond the chord."""
    beyond = np.clip(np.abs(x), chord, radius)
    return np.copysign(_quarter(beyond, radius) - _quarter(chord, radius), x)


def _quarter(x: FloatArray, radius: float) -> FloatArray:
    height = np.sqrt((radius - x) * (radius + x))
    return np.asarray((x * height + radius**2 * np.arctan2(x, height)) / 2)


def _regular(sides: int, across_flats_mm: float, angle_deg: float) -> tuple[Point, ...]:
    """Return the corners of a regular polygon, a flat side facing right at 0 degrees."""
    radius = across_flats_mm / 2 / math.cos(math.pi / sides)
    angles = ((2 * index + 1) * math.pi / sides - math.radians(angle_deg) for index in range(sides))
    return tuple((radius * math.cos(angle), radius * math.sin(angle)) for angle in angles)


def _sigma_mm(edge_fwhm_mm: float) -> float:
    if not 0 <= edge_fwhm_mm < math.inf:
        raise ValueError("the edge's FWHM must be 0 or a positive number of millimetres")
    return edge_fwhm_mm / FWHM_PER_SIGMA


def _require_positive(*lengths_mm: float) -> None:
    if not all(0 < length < math.inf for length in lengths_mm):
        raise ValueError("the lengths of an outline must be positive numbers of millimetres")
