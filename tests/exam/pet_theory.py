"""Closed forms for PET: what correlated noise makes of means over discs; the means as `nmqc validate` has them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nmqc.validate.pet_theory import Floats, ball_mean, contour_mean, disc
from phantoms.pet_volume import PetPhantom

__all__ = ["Correlation", "Floats", "ball_mean", "contour_mean", "disc", "spread_of_deviation"]

FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))


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
