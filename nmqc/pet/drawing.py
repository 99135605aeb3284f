"""What the pictures of the PET tests share: parts of a volume in mm, circles, and the outlines of masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.measure.grid import Axis
from nmqc.model import Line, Measurement, Volume
from nmqc.pet.metrics import SPHERES_MM
from nmqc.pet.truth import sphere_name

Floats = NDArray[np.float64]
MARGIN_MM = 12.0  # about what is shown
_POINTS = 73  # of a circle


@dataclass(frozen=True, slots=True)
class Part:
    """Neighbouring voxels along one axis.

    Attributes
    ----------
    at : their indices
    pitch_mm : of the axis
    middle_mm : the middle of what they cover, from the volume's centre
    """

    at: slice
    pitch_mm: float
    middle_mm: float


def axes_mm(volume: Volume) -> tuple[Axis, Axis, Axis]:
    """Return the axes of the slices, rows and columns, in mm from the volume's centre."""
    slices, rows, columns = (
        Axis.of_matrix(count, pitch)
        for count, pitch in zip(volume.values.shape, volume.spacing_mm, strict=True)
    )
    return slices, rows, columns


def part(axis: Axis, low_mm: float, high_mm: float) -> Part:
    """Return the voxels whose centres lie between two places, a margin beyond either included; at least one."""
    kept = np.flatnonzero((axis.centres_mm >= low_mm - MARGIN_MM) & (axis.centres_mm <= high_mm + MARGIN_MM))
    nearest = int(np.abs(axis.centres_mm - (low_mm + high_mm) / 2).argmin())
    first, last = (int(kept[0]), int(kept[-1])) if kept.size else (nearest, nearest)
    middle = float(axis.centres_mm[first] + axis.centres_mm[last]) / 2
    return Part(slice(first, last + 1), axis.pitch_mm, middle)


def circle(x_mm: float, y_mm: float, radius_mm: float) -> Floats:
    """Return a closed circle, shape (points, 2)."""
    turn = np.linspace(0, 2 * np.pi, _POINTS)
    return np.stack([x_mm + radius_mm * np.cos(turn), y_mm + radius_mm * np.sin(turn)], axis=1)


def level(z_mm: float, across: Part, slope: float = 0.0, about_mm: float = 0.0) -> Floats:
    """Return a line across a part of a picture, shape (2, 2): it lies at `z_mm` at the place `about_mm`."""
    half = (across.at.stop - across.at.start) * across.pitch_mm / 2
    x = np.array([across.middle_mm - half, across.middle_mm + half])
    return np.stack([x, z_mm + slope * (x - about_mm)], axis=1)


def outlines(mask: NDArray[np.bool_], rows: Axis, columns: Axis) -> tuple[Floats, ...]:
    """Return the closed outlines of a mask, shape (rows, columns), along the edges of its pixels.

    Each keeps the mask on the same hand, that of a hole runs the other way round; where two pixels touch at a corner
    alone they have one outline each, or share one.
    """
    following: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for start, end in _edges(mask):
        following.setdefault(start, []).append(end)
    loops = []
    while following:
        corner = next(iter(following))
        loop = [corner]
        while corner in following:
            ends = following[corner]
            end = ends.pop()
            if not ends:
                del following[corner]
            corner = end
            loop.append(corner)
        at = np.array(loop)
        loops.append(np.stack([columns.edges_mm[at[:, 1]], rows.edges_mm[at[:, 0]]], axis=1))
    return tuple(loops)


def _edges(mask: NDArray[np.bool_]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the edges between a pixel of the mask and one that is not, as (row, column) of their ends."""
    inside = np.pad(mask, 1)
    found = []
    for (rise, run), (start, end) in {
        (-1, 0): ((0, 0), (0, 1)),
        (0, 1): ((0, 1), (1, 1)),
        (1, 0): ((1, 1), (1, 0)),
        (0, -1): ((1, 0), (0, 0)),
    }.items():
        open_ = inside & ~np.roll(inside, (-rise, -run), axis=(0, 1))
        for row, column in np.argwhere(open_[1:-1, 1:-1]).tolist():
            found.append(((row + start[0], column + start[1]), (row + end[0], column + end[1])))
    return found


def with_sigma(value: float, sigma: float | None, most: int = 4) -> str:
    """Return a value and one standard deviation to two digits of the latter: "6.03 ± 0.12".

    With no fewer than 0 and no more than `most` decimals.
    """
    if not sigma:
        return f"{value:.5g}"
    places = min(max(1 - math.floor(math.log10(sigma)), 0), most)
    return f"{round(value, places) + 0.0:.{places}f} ± {sigma:.{places}f}"


def by_diameter(measurements: Sequence[Measurement], metric: str, label: str) -> Line | None:
    """Return what was measured of the spheres as points against their diameters; None where it was of none."""
    known = {m.of: m for m in measurements if m.metric.name == metric}
    found = [
        (diameter, known[sphere_name(index)])
        for index, diameter in enumerate(SPHERES_MM)
        if sphere_name(index) in known
    ]
    if not found:
        return None
    return Line(
        label,
        np.array([diameter for diameter, _ in found]),
        np.array([m.value for _, m in found]),
        "points",
        np.array([m.uncertainty or 0.0 for _, m in found]),
    )
