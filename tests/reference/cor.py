"""Centre of rotation, one step of gamma-camera QC at a time: slow, and obviously right.

The fast code is compared with this. It is told roughly where each source is, looks for nothing, and loops in plain
Python; NumPy only holds the images. Lengths are millimetres from the centre of the matrix, x along the columns, y
down the rows; a pixel size is the pair (down, along). Angles are radians, 0 with the head behind the patient's back,
growing counter-clockwise as seen from the feet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

Counts = NDArray[Any]
RING = 1.5  # half side of the ring of the background over that of the square
OPPOSED = 1e-6  # radians


@dataclass(frozen=True)
class Centroid:
    """Where a source is in one view, and its counts over the background."""

    x: float
    y: float
    counts: float


@dataclass(frozen=True)
class Sinusoid:
    """x = offset + cosine cos(theta) + sine sin(theta)."""

    offset: float
    cosine: float
    sine: float

    @property
    def radius(self) -> float:
        return math.hypot(self.cosine, self.sine)

    @property
    def phase(self) -> float:
        """The angle alpha of x = offset + radius cos(theta - alpha)."""
        return math.atan2(self.sine, self.cosine)

    def at(self, theta: float) -> float:
        return self.offset + self.cosine * math.cos(theta) + self.sine * math.sin(theta)

    def towards_the_head(self, theta: float) -> float:
        """Return how far the source is from the plane through the axis, towards the head.

        s = -x cos(theta) + y sin(theta), so that the source lies at x = -cosine, y = sine.
        """
        return -self.cosine * math.sin(theta) + self.sine * math.cos(theta)


def angles(start: float, step: float, views: int, *, clockwise: bool, moving: bool) -> list[float]:
    """Return the angle of the head in the middle of each view."""
    sign = -1 if clockwise else 1
    return [start + sign * step * (view + (0.5 if moving else 0.0)) for view in range(views)]


def centroid(
    image: Counts, pixel_mm: tuple[float, float], near_mm: tuple[float, float], side_mm: float
) -> Centroid:
    """Return X = sum x (n - b) / sum (n - b) over the square about a place, b the mean of the ring around it.

    The square is of whole pixels, those whose centres lie in it; nothing is clipped.
    """
    rows, columns = image.shape
    inside, ring = [], []
    for row in range(rows):
        y = (row - (rows - 1) / 2) * pixel_mm[0]
        if abs(y - near_mm[1]) > RING * side_mm / 2:
            continue
        for column in range(columns):
            x = (column - (columns - 1) / 2) * pixel_mm[1]
            away = max(abs(x - near_mm[0]), abs(y - near_mm[1]))
            if away <= side_mm / 2:
                inside.append((x, y, float(image[row, column])))
            elif away <= RING * side_mm / 2:
                ring.append(float(image[row, column]))
    background = sum(ring) / len(ring)
    total = sum(n - background for _, _, n in inside)
    return Centroid(
        sum(x * (n - background) for x, _, n in inside) / total,
        sum(y * (n - background) for _, y, n in inside) / total,
        total,
    )


def least_squares(columns: Sequence[Sequence[float]], values: Sequence[float]) -> list[float]:
    """Return the coefficients of some columns by the normal equations, solved by elimination."""
    count = len(columns)
    table = [
        [sum(a * b for a, b in zip(columns[row], columns[other], strict=True)) for other in range(count)]
        + [sum(a * b for a, b in zip(columns[row], values, strict=True))]
        for row in range(count)
    ]
    for row in range(count):
        pivot = max(range(row, count), key=lambda one: abs(table[one][row]))
        table[row], table[pivot] = table[pivot], table[row]
        for other in range(count):
            if other != row:
                factor = table[other][row] / table[row][row]
                table[other] = [a - factor * b for a, b in zip(table[other], table[row], strict=True)]
    return [table[row][count] / table[row][row] for row in range(count)]


def sinusoid(theta: Sequence[float], x: Sequence[float]) -> Sinusoid:
    """Return the sinusoid that fits the centroids, all views counting alike."""
    ones = [1.0] * len(theta)
    return Sinusoid(
        *least_squares([ones, [math.cos(one) for one in theta], [math.sin(one) for one in theta]], x)
    )


def residuals(fit: Sinusoid, theta: Sequence[float], x: Sequence[float]) -> list[float]:
    """Return what the sinusoid leaves of each centroid."""
    return [one - fit.at(angle) for angle, one in zip(theta, x, strict=True)]


def opposed(theta: Sequence[float], x: Sequence[float]) -> float:
    """Return the mean of (x(theta) + x(theta + 180 degrees)) / 2 over all pairs of opposed views."""
    found = []
    for one in range(len(theta)):
        for other in range(one):
            if abs((theta[one] - theta[other]) % (2 * math.pi) - math.pi) < OPPOSED:
                found.append((x[one] + x[other]) / 2)
    return sum(found) / len(found)


def sag_and_drift(theta: Sequence[float], x: Sequence[float]) -> tuple[float, float, float]:
    """Return the amplitudes of cos(2 theta) and sin(2 theta), and the slope with the view, fitted together."""
    columns = [
        [function(order * angle) for angle in theta] for order in (1, 2) for function in (math.cos, math.sin)
    ]
    views = [float(view) for view in range(len(theta))]
    _, drift, _, _, cosine, sine = least_squares([[1.0] * len(theta), views, *columns], x)
    return cosine, sine, drift


def along_the_axis(fit: Sinusoid, theta: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Return the row of the axis at the source, and the tilt in degrees.

    The tilt is the slope of the rows against the distance from the head. A turned image adds a part of the columns.
    """
    away = [-fit.towards_the_head(angle) for angle in theta]
    sideways = [fit.at(angle) - fit.offset for angle in theta]
    row, slope, _ = least_squares([[1.0] * len(theta), away, sideways], y)
    return row, math.degrees(math.atan(slope))


def nema_head(sources: Sequence[Sequence[Centroid]]) -> tuple[float, float]:
    """Return the largest |mean X| and the largest max Y - min Y of the sources (NEMA NU 1, 4.1)."""
    offsets, ranges = [], []
    for views in sources:
        offsets.append(abs(sum(one.x for one in views) / len(views)))
        ranges.append(max(one.y for one in views) - min(one.y for one in views))
    return max(offsets), max(ranges)


def nema_pair(
    first: Sequence[Sequence[Centroid]], second: Sequence[Sequence[Centroid]]
) -> tuple[float, float]:
    """Return the largest differences of mean X and of mean Y of a source between two heads (NEMA NU 1, 4.1)."""
    offsets, shifts = [], []
    for one, other in zip(first, second, strict=True):
        offsets.append(abs(sum(a.x for a in one) / len(one) - sum(a.x for a in other) / len(other)))
        shifts.append(abs(sum(a.y for a in one) / len(one) - sum(a.y for a in other) / len(other)))
    return max(offsets), max(shifts)
