"""Squares over the cross-section of a uniform cylinder, as in NEMA NU 2-1994."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from nmqc.measure.grid import Axis
from nmqc.model import Volume
from nmqc.pet.coarse import axes_of
from nmqc.pet.cylinder_place import Cylinder
from nmqc.pet.sphere import Floats

MARGIN_MM = 12.5  # from the wall: the circle of 175 mm in a cylinder of 200 mm


@dataclass(frozen=True, slots=True)
class Squares:
    """Squares wholly within a circle 12.5 mm inside the wall (its radius to the millimetre), in all slices.

    `above_percent` is 100 (max - mean) / mean, `below_percent` 100 (mean - min) / mean, `cv_percent` 100 SD / mean;
    `expected_percent` what normal noise of this SD alone makes of the first two.
    """

    count: int
    above_percent: float
    below_percent: float
    cv_percent: float
    expected_percent: float


def measure_squares(volume: Volume, cylinder: Cylinder, used: slice, side_mm: float) -> Squares:
    """Measure the squares, one of which is centred on the axis in every slice."""
    slices, rows, columns = axes_of(volume)
    reach = round(cylinder.radius_mm) - MARGIN_MM
    most = int(reach / side_mm)
    grid = np.arange(-most, most + 1) * side_mm
    corner = np.abs(grid) + side_mm / 2
    wholly = np.hypot(corner[:, None], corner) <= reach
    values = []
    for index in range(used.start, used.stop):
        x, y = cylinder.at(float(slices.centres_mm[index]))
        down, along = _overlaps(rows, y + grid, side_mm), _overlaps(columns, x + grid, side_mm)
        values.append((down @ np.asarray(volume.values[index], np.float64) @ along.T)[wholly])
    found = np.concatenate(values)
    mean, cv = float(found.mean()), 100 * float(found.std(ddof=1) / found.mean())
    chance = (found.size - 0.375) / (found.size + 0.25)
    return Squares(
        found.size,
        100 * (float(found.max()) / mean - 1),
        100 * (1 - float(found.min()) / mean),
        cv,
        NormalDist().inv_cdf(chance) * cv,
    )


def _overlaps(axis: Axis, middles_mm: NDArray[np.floating], width_mm: float) -> Floats:
    """Return the part of each interval that lies in each pixel, shape (intervals, pixels); rows sum to 1 inside."""
    low = np.maximum(axis.edges_mm[:-1], middles_mm[:, None] - width_mm / 2)
    high = np.minimum(axis.edges_mm[1:], middles_mm[:, None] + width_mm / 2)
    return np.asarray(np.maximum(high - low, 0.0) / width_mm)
