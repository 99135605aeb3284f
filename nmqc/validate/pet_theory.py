"""Closed forms for PET: discs and balls over voxels, and what correlated noise makes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phantoms.pet_volume import PetPhantom

Floats = NDArray[np.float64]
FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))
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


@dataclass(frozen=True, slots=True, eq=False)
class Correlation:
    """The noise of a phantom: its standard deviation, and the correlation along z, y and x of voxels by their lag.

    White noise through a Gaussian filter has the filter's squared gain for its spectrum.
    """

    sd: float
    along: tuple[Floats, Floats, Floats]

    @classmethod
    def of(cls, phantom: PetPhantom) -> Correlation:
        """Return the noise of a phantom."""
        transaxial, axial = phantom.noise_fwhm_mm
        widths = (axial, transaxial, transaxial)
        along = [
            _matrix(count, width / FWHM_PER_SIGMA / size)
            for count, width, size in zip(phantom.shape, widths, phantom.voxel_mm, strict=True)
        ]
        return cls(phantom.noise * phantom.background_bqml, (along[0], along[1], along[2]))

    def within(self, first: Floats, second: Floats) -> float:
        """Return the covariance of two weighted sums over one slice, in parts of a voxel's variance."""
        _, down, right = self.along
        return float((first * (down @ second @ right)).sum())

    def of_discs(self, discs: list[Floats], slices: tuple[int, ...]) -> Floats:
        """Return the covariance of means over discs, the same on several slices, slice by slice."""
        each = np.array([[self.within(one, other) for other in discs] for one in discs])
        return self.sd**2 * np.kron(self.along[0][np.ix_(slices, slices)], each)


def _matrix(count: int, sigma_px: float) -> Floats:
    """Return the correlation of voxels along an axis that closes upon itself."""
    gain = np.exp(-2 * (math.pi * sigma_px * np.fft.fftfreq(count)) ** 2)
    by_lag = np.fft.ifft(gain**2).real
    lag = np.subtract.outer(np.arange(count), np.arange(count)) % count
    return np.asarray((by_lag / by_lag[0])[lag])


def spread_of_deviation(covariance: Floats) -> tuple[float, float]:
    """Return mean and standard deviation of the sample standard deviation of normal values of some covariance.

    From s^2 = x' P x / (K - 1) with P = 1 - 11'/K: its mean is tr(PC) / (K - 1), its variance 2 tr(PCPC) / (K - 1)^2;
    the root's by a Taylor series to the second order.
    """
    count = len(covariance)
    centred = covariance - covariance.mean(axis=0)
    mean = float(np.trace(centred)) / (count - 1)
    variance = 2 * float((centred * centred.T).sum()) / (count - 1) ** 2
    return math.sqrt(mean) * (1 - variance / (8 * mean**2)), math.sqrt(variance / (4 * mean))


def contour_mean(values: Floats, near: NDArray[np.bool_], background: float) -> float:
    """Return the mean of the voxels above half-way from the background to the highest near a place."""
    from scipy.ndimage import label

    highest = float(values[near].max())
    above = near & (values > (background + highest) / 2)
    parts, _ = label(above)
    (own,) = set(parts[above & (values == highest)].tolist())
    return float(values[parts == own].mean())
