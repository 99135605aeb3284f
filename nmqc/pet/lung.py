"""The axis of the lung insert: a straight line through what is cold about the ring's axis."""

from __future__ import annotations

import numpy as np

from nmqc.pet.body import Body
from nmqc.pet.coarse import Coarse, Floats
from nmqc.pet.phantom import LungAxis, Ring

WITHIN_MM = 35.0  # of the ring's axis
LEVEL = 0.5  # of the background
SMALLEST_MM2 = 500.0
FEWEST = 5  # slices
FAR = 3.0  # standard deviations from the line at which a slice is left out


def find_lung(image: Coarse, body: Body, ring: Ring) -> LungAxis | None:
    """Return the axis of the lung insert, or None where no insert is seen.

    In every slice of the body the centroid of what lies below half of the background within 35 mm of the ring's axis,
    weighted by how far it lies below; at least 500 mm2 in at least five slices; a straight line, fitted again without
    slices that lie more than 3 standard deviations from it.
    """
    z = image.slices.centres_mm
    x_slope, y_slope = np.tan(np.radians(ring.tilt_y_deg)), -np.tan(np.radians(ring.tilt_x_deg))
    x_axis, y_axis = ring.x_mm + x_slope * (z - ring.z_mm), ring.y_mm + y_slope * (z - ring.z_mm)
    columns = np.abs(image.columns.centres_mm - ring.x_mm) < 3 * WITHIN_MM
    rows = np.abs(image.rows.centres_mm - ring.y_mm) < 3 * WITHIN_MM
    x, y = image.columns.centres_mm[columns], image.rows.centres_mm[rows]
    dx, dy = x[None, None, :] - x_axis[:, None, None], y[None, :, None] - y_axis[:, None, None]
    depth = LEVEL * body.background - image.values[:, rows][:, :, columns]
    weight = np.where((np.hypot(dx, dy) < WITHIN_MM) & (depth > 0), depth, 0.0)
    areas = (weight > 0).sum(axis=(1, 2)) * image.rows.pitch_mm * image.columns.pitch_mm
    good = (areas >= SMALLEST_MM2) & (z > body.first_z_mm) & (z < body.last_z_mm)
    good &= areas < 0.8 * np.pi * WITHIN_MM**2  # all of it is cold where the body has ended
    if good.sum() < FEWEST:
        return None
    total = weight[good].sum(axis=(1, 2))
    at = np.stack([weight[good].sum(axis=1) @ x / total, weight[good].sum(axis=2) @ y / total], axis=1)
    line = _line(z[good], at)
    half = image.slices.pitch_mm / 2
    first, last = float(z[good][0]) - half, float(z[good][-1]) + half
    return LungAxis(float(line[0, 0]), float(line[0, 1]), float(line[1, 0]), float(line[1, 1]), first, last)


def _line(z_mm: Floats, at_mm: Floats) -> Floats:
    """Return intercepts and slopes, shape (2, 2), of x and y by z, without what lies far off."""
    line = np.polynomial.polynomial.polyfit(z_mm, at_mm, 1)
    left = np.linalg.norm(at_mm - line[0] - np.outer(z_mm, line[1]), axis=1)
    near = left <= FAR * max(float(np.sqrt((left**2).mean())), 1e-9)
    return np.asarray(np.polynomial.polynomial.polyfit(z_mm[near], at_mm[near], 1))
