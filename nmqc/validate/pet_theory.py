"""Means over discs, balls and isocontours of voxels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from phantoms.pet_volume import PetPhantom

Floats = NDArray[np.float64]
PEAK_MM = (3 * 1000 / (4 * math.pi)) ** (1 / 3)  # of a ball of 1 mL
STRIPS = 200


def disc(phantom: PetPhantom, place_mm: tuple[float, float], radius_mm: float) -> Floats:
    """Return the weights of the pixels of a slice in the mean over a disc: of its area, shape (rows, columns).

    By 200 strips along y in every column, the chord of each cut at the rows' edges; right to 1e-4.
    """
    _, y_edges, x_edges = phantom.edges_mm()
    parts = (np.arange(STRIPS) + 0.5) / STRIPS
    x = x_edges[:-1, np.newaxis] + np.diff(x_edges)[:, np.newaxis] * parts - place_mm[0]
    half = np.sqrt(np.maximum(radius_mm**2 - x**2, 0))
    y = y_edges - place_mm[1]
    covered = np.clip(y[:, np.newaxis, np.newaxis], -half, half).mean(axis=2)
    weights = np.diff(covered, axis=0)
    return np.asarray(weights / weights.sum())


def ball_mean(phantom: PetPhantom, values: Floats, place_mm: tuple[float, ...]) -> float:
    """Return the mean over a ball of 1 mL, by 12 points along each side of a voxel."""
    parts = (np.arange(12) + 0.5) / 12 - 0.5
    squares = [
        (centres[:, np.newaxis] + size * parts - middle) ** 2
        for centres, size, middle in zip(phantom.centres_mm(), phantom.voxel_mm, place_mm[::-1], strict=True)
    ]
    near = [np.flatnonzero(one.min(axis=1) < PEAK_MM**2) for one in squares]
    z, y, x = (one[kept].ravel() for one, kept in zip(squares, near, strict=True))
    inside = (z[:, np.newaxis, np.newaxis] + y[:, np.newaxis] + x) < PEAK_MM**2
    sides = [side for kept in near for side in (kept.size, 12)]
    shares = inside.reshape(sides).sum(axis=(1, 3, 5))
    return float((shares * values[np.ix_(*near)]).sum() / shares.sum())


def contour_mean(values: Floats, near: NDArray[np.bool_], background: float) -> float:
    """Return the mean of the voxels above half-way from the background to the highest near a place."""
    from scipy.ndimage import label

    highest = float(values[near].max())
    above = near & (values > (background + highest) / 2)
    parts, _ = label(above)
    (own,) = set(parts[above & (values == highest)].tolist())
    return float(values[parts == own].mean())
