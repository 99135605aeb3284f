"""The centre of a sphere: least squares of a blurred sphere with a wall, and how sure it is in correlated noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nmqc.model import Volume
from nmqc.pet.coarse import Floats
from nmqc.pet.correlation import Noise
from nmqc.pet.identify import WALL_MM, box
from nmqc.pet.sphere import profile

MARGIN_MM = 10.0  # beyond the sphere: the voxels that are fitted
TABLE_STEP_MM = 0.05
STEPS, ROUNDS = 12, 2  # of the fit, and how often its voxels are chosen anew
SETTLED_MM = 1e-4
LARGEST_STEP_MM, FARTHEST_MM = 3.0, 12.0
GRID_PART = (
    0.003  # of a voxel: error of the centre that voxels leave without noise (tests/pet/test_locate.py)
)


@dataclass(frozen=True, slots=True, eq=False)
class Centre:
    """A fitted centre.

    Attributes
    ----------
    place_mm : shape (3,), x, y, z
    sigma_mm : one standard deviation of the place along any axis
    contrast : value of the fit in the centre less the background
    contrast_error : one standard deviation of it
    background : level about the sphere
    settled : True where the fit came to an end
    """

    place_mm: Floats
    sigma_mm: float
    contrast: float
    contrast_error: float
    background: float
    settled: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """Profiles of a sphere and of what its wall leaves of the background, and their slopes, every 0.05 mm."""

    sphere: Floats
    outside: Floats
    sphere_slope: Floats
    outside_slope: Floats

    def at(self, distance_mm: Floats) -> list[Floats]:
        """Return sphere, outside, and their slopes at some distances: linear between the entries."""
        place = distance_mm / TABLE_STEP_MM
        low = np.minimum(place.astype(np.intp), self.sphere.size - 2)
        part = place - low
        tables = (self.sphere, self.outside, self.sphere_slope, self.outside_slope)
        return [table[low] + part * (table[low + 1] - table[low]) for table in tables]


@dataclass(frozen=True, slots=True, eq=False)
class _Voxels:
    """The voxels that are fitted: values, and z, y, x in mm from the start; `inside` says which of their box."""

    values: Floats
    zyx_mm: Floats
    inside: Floats


def fit_centre(volume: Volume, start_mm: Floats, radius_mm: float, sigma_mm: float, noise: Noise) -> Centre:
    """Fit centre, signal and background of one sphere to the voxels within its radius and 10 mm.

    value = S P(r; R, sigma) + B [1 - P(r; R + 1 mm, sigma)], by Gauss-Newton from `start_mm`, all voxels alike. A
    blur that is not quite right, or not the same along all axes, is even about the centre and does not move it. The
    standard deviations follow from the covariance of the noise, correlation included, through the fit; where the fit
    leaves more than the background's noise, they grow with it.

    Parameters
    ----------
    start_mm : shape (3,), x, y, z
    sigma_mm : of the blur, voxels included
    """
    shape = _shape(radius_mm, sigma_mm)
    centre, settled = np.asarray(start_mm, np.float64)[::-1], False
    for _ in range(ROUNDS):
        voxels = _chosen(volume, centre, radius_mm + MARGIN_MM)
        moved, settled = _settled(voxels, shape)
        centre = centre + moved
    return _centre(volume, voxels, shape, centre, moved, settled, noise)


def fit_at(volume: Volume, place_mm: Floats, radius_mm: float, sigma_mm: float, noise: Noise) -> Centre:
    """Return what `fit_centre` does with the centre held at a place: how far a sphere there stands out."""
    shape, centre = _shape(radius_mm, sigma_mm), np.asarray(place_mm, np.float64)[::-1]
    voxels = _chosen(volume, centre, radius_mm + MARGIN_MM)
    return _centre(volume, voxels, shape, centre, np.zeros(3), True, noise)


def _settled(voxels: _Voxels, shape: _Shape) -> tuple[Floats, bool]:
    """Return how far the centre moves, z, y, x in mm, and whether it came to rest."""
    moved = np.zeros(3)
    for _ in range(STEPS):
        slopes, _, left = _linearised(voxels, shape, moved)
        step = np.linalg.lstsq(slopes.T @ slopes, slopes.T @ left, rcond=None)[0][:3]
        moved = moved + step * min(1.0, LARGEST_STEP_MM / max(float(np.linalg.norm(step)), 1e-12))
        if float(np.abs(step).max()) < SETTLED_MM:
            return moved, True
        if float(np.linalg.norm(moved)) > FARTHEST_MM:
            break
    return moved, False


def _centre(
    volume: Volume,
    voxels: _Voxels,
    shape: _Shape,
    centre_zyx_mm: Floats,
    moved_mm: Floats,
    settled: bool,
    noise: Noise,
) -> Centre:
    """Return the fit that ended at a centre, with its standard deviations."""
    slopes, (signal, level), left = _linearised(voxels, shape, moved_mm)
    inside, outside = float(shape.sphere[0]), float(shape.outside[0])
    gains = np.linalg.pinv(slopes.T @ slopes) @ slopes.T
    gains[3] = inside * gains[3] + (outside - 1) * gains[4]
    place, contrast = _errors(voxels, gains[:4], left, noise)
    sigma = math.hypot(place, GRID_PART * max(volume.spacing_mm))
    return Centre(
        centre_zyx_mm[::-1], sigma, inside * signal + (outside - 1) * level, contrast, level, settled
    )


def _shape(radius_mm: float, sigma_mm: float) -> _Shape:
    r = np.arange(0.0, radius_mm + MARGIN_MM + FARTHEST_MM + 2 * LARGEST_STEP_MM, TABLE_STEP_MM)
    sphere, outside = profile(r, radius_mm, sigma_mm), 1 - profile(r, radius_mm + WALL_MM, sigma_mm)
    return _Shape(sphere, outside, np.gradient(sphere, TABLE_STEP_MM), np.gradient(outside, TABLE_STEP_MM))


def _chosen(volume: Volume, centre_zyx_mm: Floats, reach_mm: float) -> _Voxels:
    cut, apart = box(volume, centre_zyx_mm[::-1], reach_mm)
    z, y, x = np.broadcast_arrays(*apart)
    inside = z**2 + y**2 + x**2 <= reach_mm**2
    values = np.asarray(volume.values[cut], np.float64)[inside]
    return _Voxels(values, np.stack([one[inside] for one in (z, y, x)]), inside)


def _linearised(
    voxels: _Voxels, shape: _Shape, moved_mm: Floats
) -> tuple[Floats, tuple[float, float], Floats]:
    """Return slopes by z, y, x, S and B, shape (n, 5), the best S and B at this centre, and what they leave."""
    apart = voxels.zyx_mm - moved_mm[:, None]
    distance = np.sqrt((apart**2).sum(axis=0))
    sphere, outside, sphere_slope, outside_slope = shape.at(distance)
    pair = np.stack([sphere, outside])
    signal, level = np.linalg.lstsq(pair @ pair.T, pair @ voxels.values, rcond=None)[0]
    outwards = (signal * sphere_slope + level * outside_slope) / np.maximum(distance, 1e-9)
    slopes = np.concatenate([-outwards * apart, pair]).T
    return slopes, (float(signal), float(level)), voxels.values - signal * sphere - level * outside


def _errors(voxels: _Voxels, gains: Floats, left: Floats, noise: Noise) -> tuple[float, float]:
    """Return the standard deviations of the centre along any axis, and of the contrast, by their gains.

    By the noise of the background; where the model leaves more than that in the voxels that a gain weighs, such as
    where noise grows with activity, by what it leaves there.
    """
    variances = []
    for gain in gains:
        whole = np.zeros(voxels.inside.shape)
        whole[voxels.inside] = gain
        square = float((gain**2 * left**2).sum() / (gain**2).sum())
        more = max(1.0, square / noise.sd**2) if noise.sd > 0 else 1.0
        variances.append(more * noise.variance(whole))
    return math.sqrt(sum(variances[:3]) / 3), math.sqrt(variances[3])
