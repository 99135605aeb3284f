"""How noise in neighbouring voxels goes together: a correlation along each of the three axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.pet.sphere import Floats

FARTHEST_MM = 16.0  # lag up to which noise is followed
FAINT = 0.05  # a correlation below this, and all beyond it, is none


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """Noise of neighbouring voxels: its size, and its correlation as a product of three, one for each axis.

    The product is exact for white noise that was filtered by a Gaussian, or by any filter that is itself a product.

    Attributes
    ----------
    sd : standard deviation of a voxel
    along : correlation at lags of 0, 1, 2, ... voxels along slices, rows and columns; the first is 1
    voxels : how many told it
    """

    sd: float
    along: tuple[Floats, Floats, Floats]
    voxels: int

    @property
    def voxels_per_element(self) -> float:
        """Voxels that have the weight of one independent value in a mean over a large region."""
        return float(np.prod([2 * one.sum() - 1 for one in self.along]))

    @property
    def independent(self) -> float:
        """The number of independent values that would tell the standard deviation as well as the voxels did."""
        return self.voxels / float(np.prod([2 * (one**2).sum() - 1 for one in self.along]))

    def variance(self, gain: Floats) -> float:
        """Return the variance of the sum of gain times value over a box of voxels, shape (slices, rows, columns)."""
        return self.sd**2 * max(float(np.vdot(gain, self.spread(gain))), 0.0)

    def spread(self, block: Floats) -> Floats:
        """Return the correlation matrix of the last three axes (slices, rows, columns) times an array."""
        for axis, one in enumerate(self.along):
            matrix = toeplitz(one, block.shape[axis - 3])
            block = np.moveaxis(np.moveaxis(block, axis - 3, -1) @ matrix, -1, axis - 3)
        return block


def toeplitz(correlation: Floats, count: int) -> Floats:
    """Return the matrix of the correlation between `count` neighbours: 0 beyond the lags given."""
    lag = np.abs(np.arange(count)[:, None] - np.arange(count))
    padded = np.zeros(max(count, correlation.size))
    padded[: correlation.size] = correlation
    return np.asarray(padded[lag])


def noise_of(
    values: NDArray[np.floating], inside: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> Noise:
    """Return the noise of voxels whose true value is the same all over each slice.

    Parameters
    ----------
    values, inside : shape (slices, rows, columns)
        The mean of each slice's voxels inside is taken off it.
    spacing_mm : between slices, rows, columns

    Notes
    -----
    The correlation at a lag is the mean product of the pairs of voxels inside that lie so far apart, over the mean
    square. It ends where it first falls below 0.05, and at 16 mm.
    """
    count = inside.sum(axis=(1, 2), keepdims=True)
    mean = np.sum(values, axis=(1, 2), keepdims=True, where=inside, dtype=np.float64) / np.maximum(count, 1)
    off = np.where(inside, values - mean, 0.0)
    voxels = int(count.sum())
    variance = float((off**2).sum()) / max(voxels - int((count > 0).sum()), 1)
    if variance <= (1e-6 * float(np.abs(mean).max())) ** 2:  # no noise
        alone = np.ones(1)
        return Noise(variance**0.5, (alone, alone, alone), voxels)
    first, second, third = (
        _along(np.moveaxis(off, axis, 0), np.moveaxis(inside, axis, 0), variance, spacing_mm[axis])
        for axis in range(3)
    )
    return Noise(variance**0.5, (first, second, third), voxels)


def _along(off: Floats, inside: NDArray[np.bool_], variance: float, spacing_mm: float) -> Floats:
    """Return the correlation along the first axis."""
    found = [1.0]
    for lag in range(1, min(int(FARTHEST_MM / spacing_mm) + 1, len(off))):
        pairs = int(np.count_nonzero(inside[lag:] & inside[:-lag]))
        product = float(np.einsum("ijk,ijk->", off[lag:], off[:-lag])) / max(pairs, 1) / variance
        if product < FAINT:
            break
        found.append(product)
    return np.array(found)
