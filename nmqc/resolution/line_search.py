"""Where the line sources of an image are, to about a millimetre: straight runs among its ridges.

Lines are found by the votes of ridge points for an angle and a distance (Hough), the strongest first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.model import Frame
from nmqc.resolution.ridges import SHORTEST_MM, Coarse, Points, coarse_image, ridge_points

MOST_LINES, MOST_PARALLEL = 8, 4
PARALLEL_DEG = 4.0
_VOTE_DEG, _BIN_MM = 8, 3.0
_BAND_MM = 5.0  # from a line, within which ridge points are its own
_TURN_DEG = 15.0  # by which the direction of a ridge point may be off its line's
_GAP_MM = 25.0  # without ridge points, that a line may bridge
_FILLED = 0.5  # part of a line's length that ridge points must cover
_STRAIGHT_MM = 2.0  # RMS of ridge points about a straight line
_TAKEN_MM = 8.0  # about a found line: what ridge is left there belongs to it
_EXPLAINED = 0.6  # part of all ridges that lines must explain
_REACH_MM = 30.0  # of the profile across a line
_CROSSING_DEG, _CROSSING_FWHM = 20.0, 6.0  # a line that parts another in two, and the widest such gap
_TRIES = 40

_NEXT = "give a planar image of one or more thin, filled tubes, well above the background"


@dataclass(frozen=True, slots=True)
class Segment:
    """A line source, about where it is: its middle, its direction, half its length and its FWHM.

    Millimetres from the centre of the matrix, x to the right, y down; (`dx`, `dy`) has length 1.
    """

    x_mm: float
    y_mm: float
    dx: float
    dy: float
    half_mm: float
    fwhm_mm: float

    @property
    def degrees(self) -> float:
        """Direction from x towards y (down), in [0, 180)."""
        return float(np.degrees(np.arctan2(self.dy, self.dx)) % 180)

    def along_mm(self, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far along the line positions lie, from its middle."""
        return (x_mm - self.x_mm) * self.dx + (y_mm - self.y_mm) * self.dy

    def off_mm(self, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far off the line positions lie, with a sign."""
        return (y_mm - self.y_mm) * self.dx - (x_mm - self.x_mm) * self.dy

    def distance_mm(self, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance of positions from the line, which ends at its ends."""
        beyond = np.maximum(np.abs(self.along_mm(x_mm, y_mm)) - self.half_mm, 0.0)
        return np.hypot(self.off_mm(x_mm, y_mm), beyond)


def find_segments(frame: Frame) -> tuple[Segment, ...]:
    """Return the line sources of an image, the most conspicuous first.

    Raises
    ------
    CannotMeasure
        ``not_lines``, where the image does not show a few line sources and little else: a flood, bars, a slit mask,
        a point source, nothing.
    """
    image = coarse_image(frame)
    points = ridge_points(image, frame.raw_counts)
    parts, explained = _segments(points, image)
    found = _joined(parts)
    if not found:
        raise CannotMeasure("not_lines", f"no straight line source stands out of this image: {_NEXT}")
    _require_few(found)
    if explained < _EXPLAINED:
        raise CannotMeasure(
            "not_lines",
            f"straight lines explain only {100 * explained:.0f} % of the bright ridges in this image: {_NEXT}",
        )
    return found


def angle_between(one_deg: float, other_deg: float) -> float:
    """Return the angle between two directions that have no sense, 0 to 90 degrees."""
    return abs((one_deg - other_deg + 90) % 180 - 90)


def _segments(points: Points, image: Coarse) -> tuple[tuple[Segment, ...], float]:
    """Return the lines found, and the part of all ridges that they explain."""
    found: list[Segment] = []
    if points.count == 0:
        return (), 0.0
    left, own = np.ones(points.count, bool), np.zeros(points.count, bool)
    votes = _Votes(points)
    for _ in range(_TRIES):
        few = left.sum() < _FILLED * image.fewest_points
        if few or len(found) > MOST_LINES or _most_parallel(found) > MOST_PARALLEL:
            break
        run = _strongest_run(points, left, votes)
        segment = _segment(points.where(run), image)
        if segment is not None:
            found.append(segment)
            run |= segment.distance_mm(points.x_mm, points.y_mm) <= max(_TAKEN_MM, segment.fwhm_mm)
            own |= run
        if not (run & left).any():
            break
        votes.withdraw(run & left)
        left &= ~run
    return tuple(found), float(votes.weight[own].sum() / votes.weight.sum())


def _joined(parts: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return the lines, with those made one that another line crosses: no ridge tells a direction at a crossing."""
    for one, other in combinations(parts, 2):
        joint, gap = _joint(one, other)
        crossed = any(
            angle_between(third.degrees, gap.degrees) > _CROSSING_DEG
            and float(third.distance_mm(np.array(gap.x_mm), np.array(gap.y_mm))) <= gap.half_mm
            for third in parts
        )
        off = joint.off_mm(np.array([one.x_mm, other.x_mm]), np.array([one.y_mm, other.y_mm]))
        straight = bool(_parallel(one, [other])) and float(np.abs(off).max()) <= _STRAIGHT_MM
        if crossed and straight and 2 * gap.half_mm <= _CROSSING_FWHM * joint.fwhm_mm:
            return _joined([*(part for part in parts if part not in (one, other)), joint])
    return tuple(parts)


def _joint(one: Segment, other: Segment) -> tuple[Segment, Segment]:
    """Return the line between the far ends of two lines, and that between their near ends."""
    pairs = product(_ends(one), _ends(other))
    near, *_, far = sorted(pairs, key=lambda pair: math.dist(*pair))
    fwhm_mm = (one.fwhm_mm + other.fwhm_mm) / 2
    return _through(*far, fwhm_mm), _through(*near, fwhm_mm)


def _ends(segment: Segment) -> list[tuple[float, float]]:
    steps = (-segment.half_mm, segment.half_mm)
    return [(segment.x_mm + step * segment.dx, segment.y_mm + step * segment.dy) for step in steps]


def _through(first: tuple[float, float], last: tuple[float, float], fwhm_mm: float) -> Segment:
    length = max(math.dist(first, last), 1e-9)
    x, y = (first[0] + last[0]) / 2, (first[1] + last[1]) / 2
    return Segment(x, y, (last[0] - first[0]) / length, (last[1] - first[1]) / length, length / 2, fwhm_mm)


def _parallel(one: Segment, found: Sequence[Segment]) -> list[Segment]:
    return [other for other in found if angle_between(one.degrees, other.degrees) <= PARALLEL_DEG]


def _most_parallel(found: Sequence[Segment]) -> int:
    return max((len(_parallel(one, found)) for one in found), default=0)


def _require_few(found: Sequence[Segment]) -> None:
    """Refuse patterns of many lines."""
    for one in found:
        alike = _parallel(one, found)
        if len(alike) > MOST_PARALLEL:
            raise CannotMeasure(
                "not_lines",
                f"there are {len(alike)} parallel lines or more, as a slit mask or bars give: "
                "analyse it with --phantom slits or --phantom bars, or image fewer tubes at a time",
            )
    if len(found) > MOST_LINES:
        raise CannotMeasure("not_lines", f"there are more than {MOST_LINES} lines in this image: {_NEXT}")


class _Votes:
    """Votes of ridge points for lines: for directions near their own, each for the distance it then lies at.

    A point weighs as the square root of its strength, up to the median: bright spots do not outweigh a line.
    """

    def __init__(self, points: Points) -> None:
        self.weight = np.sqrt(np.minimum(points.strength / np.median(points.strength), 1.0))
        turns = np.arange(-_VOTE_DEG, _VOTE_DEG + 1)
        degrees = (np.rint(points.degrees)[:, None] + turns).astype(np.int64) % 180
        angles = np.radians(np.arange(180))
        offset = (
            points.y_mm[:, None] * np.cos(angles)[degrees] - points.x_mm[:, None] * np.sin(angles)[degrees]
        )
        self._start_mm = float(offset.min())
        place = (offset - self._start_mm) / _BIN_MM
        first = place.astype(np.int64)
        self._bins = int(first.max()) + 2
        self._cell, self._share = degrees * self._bins + first, place - first
        self._table = self._counted(np.ones(points.count, bool))

    def withdraw(self, chosen: NDArray[np.bool_]) -> None:
        """Take the votes of some points back."""
        self._table -= self._counted(chosen)

    def winner(self) -> tuple[float, float]:
        """Return direction and offset of the line with the most votes."""
        best = int(np.argmax(self._table))
        return float(best // self._bins), self._start_mm + best % self._bins * _BIN_MM

    def _counted(self, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        cell, share = self._cell[chosen], self._share[chosen]
        weight, size = self.weight[chosen][:, None], 180 * self._bins
        here = np.bincount(cell.ravel(), (weight * (1 - share)).ravel(), size)
        return np.asarray(here + np.bincount(cell.ravel() + 1, (weight * share).ravel(), size))


def _strongest_run(points: Points, left: NDArray[np.bool_], votes: _Votes) -> NDArray[np.bool_]:
    """Return which of the points that are left lie along the line with the most votes, without a wide gap."""
    degrees, offset_mm = votes.winner()
    inliers = left
    for _ in range(3):
        cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        off = points.y_mm * cosine - points.x_mm * sine - offset_mm
        turned = np.abs((points.degrees - degrees + 90) % 180 - 90)
        inliers = left & (np.abs(off) <= _BAND_MM) & (turned <= _TURN_DEG)
        inliers = _fullest_run(points.x_mm * cosine + points.y_mm * sine, inliers, votes.weight)
        if inliers.sum() < 3:
            return np.asarray(left & (np.abs(off) <= _BAND_MM))
        degrees, offset_mm = _fitted(points.where(inliers), votes.weight[inliers])
    return inliers


def _fullest_run(
    along_mm: NDArray[np.float64], inliers: NDArray[np.bool_], weight: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return the heaviest of the runs into which gaps of more than 25 mm divide the inliers."""
    chosen = np.flatnonzero(inliers)
    chosen = chosen[np.argsort(along_mm[chosen], kind="stable")]
    run = np.concatenate([[0], np.cumsum(np.diff(along_mm[chosen]) > _GAP_MM)])[: chosen.size]
    result = np.zeros_like(inliers)
    if chosen.size:
        result[chosen[run == np.argmax(np.bincount(run.astype(np.int64), weight[chosen]))]] = True
    return np.asarray(result)


def _fitted(points: Points, weight: NDArray[np.float64]) -> tuple[float, float]:
    """Return direction and offset of the line with the least squared distances from the points."""
    x, y = np.average(points.x_mm, weights=weight), np.average(points.y_mm, weights=weight)
    dx, dy = points.x_mm - x, points.y_mm - y
    turn = np.arctan2(2 * (weight * dx * dy).sum(), (weight * (dx * dx - dy * dy)).sum()) / 2 % np.pi
    return float(np.degrees(turn)), float(y * np.cos(turn) - x * np.sin(turn))


def _segment(points: Points, image: Coarse) -> Segment | None:
    """Return the line through a run of points; None where they do not make one."""
    if points.count < 3:
        return None
    degrees, offset = _fitted(points, np.ones(points.count))
    dx, dy = float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
    along = points.x_mm * dx + points.y_mm * dy
    off = points.y_mm * dx - points.x_mm * dy
    offset = float(off.mean())
    middle, half = float(along.max() + along.min()) / 2, float(np.ptp(along)) / 2
    cells = np.unique(np.floor(along / (1.5 * image.pitch_mm))).size
    if 2 * half < SHORTEST_MM or off.std() > _STRAIGHT_MM:
        return None
    if cells < _FILLED * 2 * half / (1.5 * image.pitch_mm):
        return None
    bare = Segment(middle * dx - offset * dy, middle * dy + offset * dx, dx, dy, half, 0.0)
    fwhm_mm = _width(bare, image)
    return None if fwhm_mm is None else Segment(bare.x_mm, bare.y_mm, dx, dy, half, fwhm_mm)


def _width(segment: Segment, image: Coarse) -> float | None:
    """Return about the FWHM of a line, above its background; None where it does not fall to half on both sides."""
    along = np.arange(-0.8 * segment.half_mm, 0.8 * segment.half_mm, 2.0)
    off = np.arange(-_REACH_MM, _REACH_MM + 0.5, 1.0)
    x = segment.x_mm + along[:, None] * segment.dx - off * segment.dy
    y = segment.y_mm + along[:, None] * segment.dy + off * segment.dx
    profile = image.at(x, y).mean(axis=0)
    centre = off.size // 2
    top = centre - 5 + int(np.argmax(profile[centre - 5 : centre + 6]))
    sides = (profile[top::-1], profile[top:])
    background = float(np.mean([side.min() for side in sides]))
    level = (profile[top] + background) / 2
    if max(side.min() for side in sides) > profile[top] / 2:
        return None
    half_widths = [_first_below(side, level) for side in sides]
    blur = 5.545 * image.pitch_mm**2 / 4
    return float(np.sqrt(max(sum(half_widths) ** 2 - blur, image.pitch_mm**2)))


def _first_below(side: NDArray[np.float64], level: float) -> float:
    """Return where a side of a profile first comes down to a level, in steps from its start."""
    index = int(np.argmax(side <= level))
    return float(index - (level - side[index]) / (side[index - 1] - side[index])) if index else 0.0
