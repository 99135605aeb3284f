"""Line sources: thin tubes at any angle, for the resolution with a collimator and for the pixel size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from phantoms.fields import Point
from phantoms.pixels import TAIL_SIGMAS, FloatArray, normal_cdf
from phantoms.planar import Planar, direction
from phantoms.spread import Spread, full_width_mm, node_count, over_pixel, pixel_means


@dataclass(frozen=True, slots=True)
class LineSource:
    """A thin straight tube.

    Attributes
    ----------
    x_mm, y_mm : of its middle, from the centre of the matrix
    length_mm : of the tube
    angle_deg : its direction, 0 along x, counter-clockwise as displayed
    activity : per length, relative to the other tubes
    slope : uneven filling: the activity per length is 1 - slope at its start and 1 + slope at its end, which
        ``angle_deg`` points to
    gaps_mm : (from, to): empty stretches, from its middle towards its end, not overlapping
    """

    x_mm: float
    y_mm: float
    length_mm: float = 120.0
    angle_deg: float = 0.0
    activity: float = 1.0
    slope: float = 0.0
    gaps_mm: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if not (0 < self.length_mm < math.inf and 0 < self.activity < math.inf):
            raise ValueError("the length and activity of a line source must be positive numbers")
        if not -1 <= self.slope <= 1:
            raise ValueError("the slope of a line source's filling lies between -1 and 1")
        edges = [edge for gap in sorted(self.gaps_mm) for edge in gap]
        if edges != sorted(edges) or any(abs(edge) > self.length_mm / 2 for edge in edges):
            raise ValueError("the gaps of a line source must lie inside it and apart from one another")

    def filled_mm(self) -> tuple[tuple[float, float], ...]:
        """Return the stretches between the gaps, from the middle."""
        edges = [edge for gap in sorted(self.gaps_mm) for edge in gap]
        bounds = [-self.length_mm / 2, *edges, self.length_mm / 2]
        return tuple(zip(bounds[::2], bounds[1::2], strict=True))


@dataclass(frozen=True, slots=True)
class LineTruth:
    """What is true of one line, across it and far from its ends.

    Attributes
    ----------
    fwhm_mm, fwtm_mm : full widths at half and tenth maximum, of the camera and the pixel together
    fwhm_without_pixel_mm, fwtm_without_pixel_mm : of the camera alone
    angle_deg : in [-90, 90), counter-clockwise as displayed, 0 along x
    middle_mm : (x, y), without distortion
    """

    fwhm_mm: float
    fwtm_mm: float
    fwhm_without_pixel_mm: float
    fwtm_without_pixel_mm: float
    angle_deg: float
    middle_mm: Point


@dataclass(frozen=True, slots=True)
class LinesTruth:
    """What is true of an image of line sources: ``lines`` in the order given, and the expected total."""

    lines: tuple[LineTruth, ...]
    counts: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines(Planar):
    """Line sources before a camera. See ``Planar`` for the acquisition.

    A straight line convolved with the camera's Gaussian has a closed form: a Gaussian across times a
    difference of error functions along it, in lengths divided by the sigmas of x and y. It is averaged over
    each pixel with Gauss-Legendre nodes: right to 1e-9 of the peak, at any angle and distortion.

    Attributes
    ----------
    lines : the tubes
    fwhm_mm : (x, y), full widths at half maximum of the camera's Gaussian along the image's x and y
    tail_part, tail_fwhm_mm : part of the counts in a second Gaussian, and its width
    background : part of the counts of the lines, added evenly over the field
    """

    counts: float = 2e6
    lines: tuple[LineSource, ...] = (
        LineSource(11.3, -24.7, 120.0, 3.0),
        LineSource(-6.1, 78.2, 110.0, 4.5, 0.8),
    )
    fwhm_mm: tuple[float, float] = (7.4, 7.7)
    tail_part: float = 0.0
    tail_fwhm_mm: float = 20.0
    background: float = 0.0
    collimator: str | None = "LEHR"

    def __post_init__(self) -> None:
        Planar.__post_init__(self)
        if not self.lines:
            raise ValueError("there must be at least one line source")
        if not 0 <= self.background < math.inf:
            raise ValueError("the background must be 0 or a positive part of the counts of the lines")
        for _, sigma_x, sigma_y in self.spread.parts():
            self._nodes((sigma_x, sigma_y))

    @property
    def spread(self) -> Spread:
        """The camera's blur."""
        return Spread(self.fwhm_mm, self.tail_part, self.tail_fwhm_mm)

    def truth(self) -> LinesTruth:
        """Return what is true of the image."""
        return LinesTruth(tuple(self._line_truth(line) for line in self.lines), self.counts)

    def _line_truth(self, line: LineSource) -> LineTruth:
        axis = direction(line.angle_deg - 90)

        def profile(distance_mm: FloatArray) -> FloatArray:
            return self.spread.line(distance_mm, axis)

        shapes = (over_pixel(profile, axis, self.spacing_mm), profile)
        widest = max(sigma for _, sigma in self.spread.along(axis))
        reach = TAIL_SIGMAS * widest + sum(self.spacing_mm)
        widths = [full_width_mm(shape, part, reach) for shape in shapes for part in (0.5, 0.1)]
        fwhm, fwtm, sharp_fwhm, sharp_fwtm = (width for width in widths if width is not None)
        angle = (line.angle_deg + 90) % 180 - 90
        return LineTruth(fwhm, fwtm, sharp_fwhm, sharp_fwtm, angle, (line.x_mm, line.y_mm))

    def _object(self) -> FloatArray:
        image = np.zeros(self.shape)
        for part, *sigmas in self.spread.parts():
            for line in self.lines:
                self._add_line(image, line, part, (sigmas[0], sigmas[1]))
        if self.background > 0:
            seen = self._sensitivity()
            image += self.background * float((image * seen).sum()) / float(seen.sum())
        return image

    def _add_line(self, image: FloatArray, line: LineSource, part: float, sigmas_mm: Point) -> None:
        """Add a part of a line's density, averaged over each pixel that it reaches, in place."""
        x, y = self._places_mm()
        along_x, along_y = direction(line.angle_deg)
        margin = TAIL_SIGMAS * max(sigmas_mm) + sum(self.spacing_mm)
        along = (x - line.x_mm) * along_x + (y - line.y_mm) * along_y
        across = (x - line.x_mm) * along_y - (y - line.y_mm) * along_x
        where = np.asarray((np.abs(along) < line.length_mm / 2 + margin) & (np.abs(across) < margin))

        def profile(at_x: FloatArray, at_y: FloatArray) -> FloatArray:
            if self.wave is not None:
                moved_x, moved_y = self.wave.displacement_mm(at_x, at_y)
                return _blurred_line(line, at_x - moved_x, at_y - moved_y, sigmas_mm)
            return _blurred_line(line, at_x, at_y, sigmas_mm)

        if where.any():
            means = pixel_means(profile, self.edges_mm(), where, self._nodes(sigmas_mm))
            image[where] += part * line.activity * means

    def _nodes(self, sigmas_mm: Point) -> tuple[int, int]:
        """Return the nodes along x and y that a pixel needs."""
        down, along = self.spacing_mm
        steepest = 0.0 if self.wave is None else self.wave.steepest
        x, y = along / sigmas_mm[0], down / sigmas_mm[1]
        return node_count(x + steepest * max(x, y)), node_count(y + steepest * max(x, y))


def square_of_lines(
    separation_mm: float = 100.0,
    *,
    length_mm: float = 80.0,
    centre_mm: Point = (6.2, -9.4),
    rotation_deg: float = 1.5,
    activities: tuple[float, float, float, float] = (1.0, 0.9, 0.8, 1.1),
) -> tuple[LineSource, ...]:
    """Return four lines on the sides of a square: right, upper, left, lower, then turned.

    Opposite lines are ``separation_mm`` apart; ``rotation_deg`` is counter-clockwise as displayed.
    """
    lines = []
    for side, activity in enumerate(activities):
        away_x, away_y = direction(rotation_deg + 90 * side)
        x, y = centre_mm[0] + separation_mm / 2 * away_x, centre_mm[1] + separation_mm / 2 * away_y
        lines.append(LineSource(x, y, length_mm, rotation_deg + 90 * side - 90, activity))
    return tuple(lines)


def two_parallel(
    separation_mm: float = 100.0,
    *,
    length_mm: float = 120.0,
    centre_mm: Point = (6.2, -9.4),
    angle_deg: float = 1.5,
    activities: tuple[float, float] = (1.0, 0.8),
) -> tuple[LineSource, LineSource]:
    """Return two parallel lines, ``separation_mm`` apart across them, about a centre.

    The first lies to the left of the direction ``angle_deg``, seen along it.
    """
    away_x, away_y = direction(angle_deg + 90)
    first, second = (
        LineSource(
            centre_mm[0] + sign * separation_mm / 2 * away_x,
            centre_mm[1] + sign * separation_mm / 2 * away_y,
            length_mm,
            angle_deg,
            activity,
        )
        for sign, activity in zip((1, -1), activities, strict=True)
    )
    return first, second


def two_perpendicular(
    *,
    length_mm: float = 120.0,
    centres_mm: tuple[Point, Point] = ((-58.0, 24.0), (61.0, -17.0)),
    angle_deg: float = 1.5,
    activities: tuple[float, float] = (1.0, 0.8),
) -> tuple[LineSource, LineSource]:
    """Return two lines at a right angle: the first at ``angle_deg``, the second 90 degrees more."""
    (first_x, first_y), (second_x, second_y) = centres_mm
    return (
        LineSource(first_x, first_y, length_mm, angle_deg, activities[0]),
        LineSource(second_x, second_y, length_mm, angle_deg + 90, activities[1]),
    )


def _blurred_line(line: LineSource, x: FloatArray, y: FloatArray, sigmas_mm: Point) -> FloatArray:
    """Return a line of activity 1 per mm convolved with a Gaussian of the given sigmas, at points.

    With lengths divided by the sigmas the Gaussian is round, the line's unit vector has the length k, and
    with u along and v across it the integral over its stretches of (1 + c t) exp(-(v^2 + (u - t)^2) / 2) is
    exp(-v^2 / 2) times (1 + c u) (cdf(b - u) - cdf(a - u)) + c (pdf(a - u) - pdf(b - u)), times sqrt(2 pi).
    """
    sigma_x, sigma_y = sigmas_mm
    along_x, along_y = direction(line.angle_deg)
    unit_x, unit_y = along_x / sigma_x, along_y / sigma_y
    scale = math.hypot(unit_x, unit_y)
    to_x, to_y = (x - line.x_mm) / sigma_x, (y - line.y_mm) / sigma_y
    u, v = (to_x * unit_x + to_y * unit_y) / scale, (to_x * unit_y - to_y * unit_x) / scale
    rise = 2 * line.slope / line.length_mm / scale
    held = np.zeros(x.shape)
    for start, end in line.filled_mm():
        a, b = start * scale - u, end * scale - u
        held += (1 + rise * u) * (normal_cdf(b) - normal_cdf(a)) + rise * (_density(a) - _density(b))
    return np.asarray(held * np.exp(-v * v / 2) / (math.sqrt(2 * math.pi) * sigma_x * sigma_y * scale))


def _density(t: FloatArray) -> FloatArray:
    """Return the density of the standard normal."""
    return np.asarray(np.exp(-t * t / 2) / math.sqrt(2 * math.pi))
