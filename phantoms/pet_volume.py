"""The volume of a PET phantom: its voxels, its blur and its noise."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from phantoms.pet_blur import Axes, Sigmas, sigmas_of, sphere_at_points, sphere_in_voxels
from phantoms.pet_body import Prism, Vector
from phantoms.pet_noise import correlated_noise
from phantoms.pixels import TAIL_SIGMAS, FloatArray, centres
from phantoms.planar import require_positive

VOXELS = ("averaged", "sampled")
NOISE_FOLLOWS = ("background", "activity")
_LARGEST_SIDE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class PetPhantom(ABC):
    """An object in a volume of voxels, blurred by a Gaussian, with noise.

    Attributes
    ----------
    matrix : rows and columns
    slices : how many
    voxel_mm : (between slices, down, along)
    fwhm_mm : full widths at half maximum of the scanner's Gaussian, transaxial and axial
    voxels_are : "averaged": a voxel is the mean over its volume; "sampled": the value at its centre
    background_bqml : the activity concentration that noise and ratios refer to
    noise : standard deviation of a voxel as a part of the background
    noise_fwhm_mm : of the Gaussian that correlates the noise, transaxial and axial; 0: white
    noise_follows : "background": the same everywhere; "activity": grows with the root of the local value, equal in
        the background, 0 in air
    end_noise : in the first and last slice the noise is so many times as large; it rises with the fourth power of the
        distance from the middle
    """

    matrix: tuple[int, int] = (176, 192)
    slices: int = 89
    voxel_mm: tuple[float, float, float] = (2.75, 2.1, 2.0)
    fwhm_mm: tuple[float, float] = (6.0, 5.5)
    voxels_are: str = "averaged"
    background_bqml: float = 5300.0
    noise: float = 0.06
    noise_fwhm_mm: tuple[float, float] = (5.0, 4.5)
    noise_follows: str = "background"
    end_noise: float = 1.0

    def __post_init__(self) -> None:
        if not all(1 <= side <= _LARGEST_SIDE for side in self.shape):
            raise ValueError(f"the volume must have 1 to {_LARGEST_SIDE} slices, rows and columns")
        require_positive("the voxel size", *self.voxel_mm)
        require_positive("the background", self.background_bqml)
        sigmas_of(self.fwhm_mm)
        if self.voxels_are not in VOXELS:
            raise ValueError(f"voxels: one of {', '.join(VOXELS)}")
        if self.noise_follows not in NOISE_FOLLOWS:
            raise ValueError(f"noise follows: one of {', '.join(NOISE_FOLLOWS)}")
        if not all(0 <= size < math.inf for size in (self.noise, *self.noise_fwhm_mm, self.end_noise)):
            raise ValueError("noise, its FWHM and its rise at the ends must be 0 or positive numbers")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        return (self.slices, *self.matrix)

    @property
    def sigmas_mm(self) -> Sigmas:
        """Standard deviations of the scanner's Gaussian, transaxial and axial."""
        return sigmas_of(self.fwhm_mm)

    def edges_mm(self) -> Axes:
        """Return the edges of the voxels in z, y and x."""
        z, y, x = (_edges(count, size) for count, size in zip(self.shape, self.voxel_mm, strict=True))
        return z, y, x

    def centres_mm(self) -> Axes:
        """Return the centres of the voxels in z, y and x."""
        z, y, x = (centres(edges) for edges in self.edges_mm())
        return z, y, x

    @abstractmethod
    def voxels(self) -> FloatArray:
        """Return the values without noise, shape (slices, rows, columns), Bq/mL."""

    def noisy(self, seed: int) -> FloatArray:
        """Return the values with noise, the same for the same seed. They can be negative."""
        return self.with_noise(self.voxels(), seed)

    def with_noise(self, voxels: FloatArray, seed: int) -> FloatArray:
        """Return the values of ``voxels()`` with noise: for many seeds, without computing them each time."""
        if self.noise == 0:
            return voxels.copy()
        noise = correlated_noise(self.shape, self.voxel_mm, self.noise_fwhm_mm, seed)
        return np.asarray(voxels + noise * self.noise_sd(voxels))

    def noise_sd(self, voxels: FloatArray) -> FloatArray:
        """Return the standard deviation of each voxel, Bq/mL; its shape spreads over (slices, rows, columns)."""
        z = self.centres_mm()[0]
        rise = 1 + (self.end_noise - 1) * (z / max(float(np.abs(z).max()), self.voxel_mm[0])) ** 4
        size = self.noise * self.background_bqml * rise[:, np.newaxis, np.newaxis]
        if self.noise_follows == "background":
            return np.asarray(size)
        return np.asarray(size * np.sqrt(np.maximum(voxels, 0) / self.background_bqml))

    def _prism(self, prism: Prism) -> FloatArray:
        """Return the values of a long object in the voxels."""
        averaged = self.voxels_are == "averaged"
        return prism.averaged(self.edges_mm()) if averaged else prism.sampled(self.centres_mm())

    def _add_ball(self, values: FloatArray, place_mm: Vector, radius_mm: float, height: float) -> None:
        """Add a blurred sphere of the given height to the voxels that it reaches, in place."""
        reach = radius_mm + TAIL_SIGMAS * max(self.sigmas_mm)
        edges, window = [], []
        for axis, centre in zip(self.edges_mm(), place_mm[::-1], strict=True):
            near = np.flatnonzero((axis[1:] > centre - reach) & (axis[:-1] < centre + reach))
            if near.size == 0:
                return
            window.append(slice(int(near[0]), int(near[-1]) + 1))
            edges.append(axis[near[0] : near[-1] + 2] - centre)
        grid = (edges[0], edges[1], edges[2])
        if self.voxels_are == "averaged":
            sphere = sphere_in_voxels(grid, radius_mm, self.sigmas_mm)
        else:
            points = (centres(grid[0]), centres(grid[1]), centres(grid[2]))
            sphere = sphere_at_points(points, radius_mm, self.sigmas_mm)
        values[tuple(window)] += height * sphere


def _edges(count: int, size_mm: float) -> FloatArray:
    """Return the edges of so many intervals about 0."""
    return np.asarray((np.arange(count + 1) - count / 2) * size_mm, dtype=np.float64)
