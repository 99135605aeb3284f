"""Pairs of parallel lines: how far apart they are, and the pixel size that a known distance gives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.resolution.line_search import PARALLEL_DEG, angle_between
from nmqc.resolution.line_study import MeasuredLine

AXES = ("x", "y")
_OVERLAP = 0.5  # of the shorter line's length beside the other
_SIGNIFICANT = 3.0  # standard deviations from which two lines are not parallel
_FURTHEST = 0.2  # between the separation given and the distance measured
_INDEPENDENT = 0.5  # determinant: pairs within 30 degrees of the axes tell both pixel sizes apart


@dataclass(frozen=True, slots=True)
class Pair:
    """Two parallel lines. `distance_mm` is across them, at the middle of where they lie side by side.

    `parts` are its standard deviations; (`nx`, `ny`) is the direction across, of length 1; `turn_deg` the angle
    between the lines.
    """

    names: tuple[str, str]
    distance_mm: float
    parts: Mapping[str, float]
    nx: float
    ny: float
    turn_deg: float

    @property
    def axis(self) -> str:
        """The axis most nearly across the pair."""
        return "x" if abs(self.nx) >= abs(self.ny) else "y"

    @property
    def tilt_deg(self) -> float:
        """The angle between the direction across and the nearest axis."""
        return math.degrees(math.asin(min(abs(self.nx), abs(self.ny), 1.0)))

    @property
    def error_mm(self) -> float:
        """Standard deviation of the distance."""
        return math.sqrt(sum(part**2 for part in self.parts.values()))


def pairs(lines: Sequence[MeasuredLine]) -> dict[str, list[Pair]]:
    """Return the pairs of parallel lines that lie side by side, by the axis most nearly across them."""
    found: dict[str, list[Pair]] = {axis: [] for axis in AXES}
    for one, other in combinations(lines, 2):
        pair = _pair(one, other)
        if pair is not None:
            found[pair.axis].append(pair)
    return found


def _pair(one: MeasuredLine, other: MeasuredLine) -> Pair | None:
    """Return two lines as a pair; None where they are not parallel, or do not lie side by side."""
    if one.straight is None or other.straight is None:
        return None
    first, second = one.straight, other.straight
    turn = angle_between(first.angle_deg, second.angle_deg)
    if turn > PARALLEL_DEG:
        return None
    sense = 1.0 if first.dx * second.dx + first.dy * second.dy > 0 else -1.0
    dx, dy = first.dx + sense * second.dx, first.dy + sense * second.dy
    length = math.hypot(dx, dy)
    dx, dy = dx / length, dy / length
    spans = []
    for line in (one.segment, other.segment):
        middle = line.x_mm * dx + line.y_mm * dy
        spans.append((middle - line.half_mm, middle + line.half_mm))
    start, end = max(span[0] for span in spans), min(span[1] for span in spans)
    if end - start < _OVERLAP * 2 * min(one.segment.half_mm, other.segment.half_mm):
        return None
    points, variances = [], np.zeros(2)
    for straight in (first, second):
        ahead = (start + end) / 2 - straight.x_mm * dx - straight.y_mm * dy
        along = ahead / (straight.dx * dx + straight.dy * dy)
        points.append((straight.x_mm + along * straight.dx, straight.y_mm + along * straight.dy))
        variances += straight.variances_mm2(along)
    distance = (points[1][1] - points[0][1]) * dx - (points[1][0] - points[0][0]) * dy
    counting, bending = (math.sqrt(float(variance)) for variance in variances)
    parts = {"counting": counting, "bending": bending, "not parallel": _uneven(one, other, turn, end - start)}
    return Pair((one.name, other.name), abs(distance), parts, -dy, dx, turn)


def _uneven(one: MeasuredLine, other: MeasuredLine, turn_deg: float, length_mm: float) -> float:
    """Return the SD of the distance along lines that are not parallel, beyond what counting explains; else 0."""
    assert one.straight is not None
    assert other.straight is not None
    error = math.sqrt(float(one.straight.counting[1, 1] + other.straight.counting[1, 1]))
    turn = math.radians(turn_deg)
    return turn * length_mm / math.sqrt(12) if turn > _SIGNIFICANT * error else 0.0


def pixel_scales(chosen: Mapping[str, Pair], separation_mm: float) -> dict[str, tuple[float, float]]:
    """Return, by axis, the true pixel size over the header's, and its standard deviation.

    Parameters
    ----------
    chosen : the pair across each axis that has one
    separation_mm : their true distance

    Raises
    ------
    CannotMeasure
        ``separation_conflict``, if a distance by the header is off by more than 20 %.

    Notes
    -----
    With true pixel sizes fx and fy times the header's, a distance D by the header across (nx, ny) is truly S, where
    (D / S)^2 = nx^2 / fx^2 + ny^2 / fy^2. Pairs across both axes give both; a single pair gives f = S / D, taken to
    hold for both pixel sizes, which matters only where it is tilted.
    """
    for pair in chosen.values():
        if abs(separation_mm / pair.distance_mm - 1) > _FURTHEST:
            raise CannotMeasure(
                "separation_conflict",
                f"{' and '.join(pair.names)} lie {pair.distance_mm:.1f} mm apart by the header's pixel size, "
                f"{separation_mm:g} mm were given: check --separation and what was imaged",
            )
    if len(chosen) == len(AXES):
        design = np.array([[chosen[axis].nx ** 2, chosen[axis].ny ** 2] for axis in AXES])
        if np.linalg.det(design) >= _INDEPENDENT:
            return _both(design, chosen, separation_mm)
    return {
        axis: (separation_mm / pair.distance_mm, separation_mm * pair.error_mm / pair.distance_mm**2)
        for axis, pair in chosen.items()
    }


def _both(
    design: NDArray[np.float64], chosen: Mapping[str, Pair], separation_mm: float
) -> dict[str, tuple[float, float]]:
    """Solve the two equations of two pairs for both pixel sizes."""
    ratio = np.array([chosen[axis].distance_mm / separation_mm for axis in AXES])
    error = np.array([chosen[axis].error_mm / separation_mm for axis in AXES])
    inverse = np.linalg.inv(design)
    scale = (inverse @ ratio**2) ** -0.5
    errors = np.sqrt((inverse * (2 * ratio * error)) ** 2 @ np.ones(2)) * scale**3 / 2
    return {axis: (float(scale[at]), float(errors[at])) for at, axis in enumerate(AXES)}
