"""Correlated Gaussian noise of known size: white noise through a Gaussian filter, scaled by the filter's own gain."""

from __future__ import annotations

import math

import numpy as np

from phantoms.pixels import FWHM_PER_SIGMA, FloatArray


def correlated_noise(
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    fwhm_mm: tuple[float, float],
    seed: int,
) -> FloatArray:
    """Return noise of mean 0 and standard deviation 1 in every voxel.

    White noise convolved with a Gaussian of the given widths, so that the correlation of two voxels is a Gaussian of
    their distance, sqrt(2) times as wide (as long as the width is at least two voxels). The filter wraps around at
    the borders, so the standard deviation is the same everywhere; opposite borders are correlated.

    Parameters
    ----------
    shape, spacing_mm : (slices, rows, columns)
    fwhm_mm : of the filter, transaxial and axial; 0: not filtered
    seed : the same seed gives the same noise
    """
    noise = np.random.default_rng(seed).standard_normal(shape)
    transaxial, axial = fwhm_mm
    for axis, width in enumerate((axial, transaxial, transaxial)):
        noise = _filtered(noise, axis, width / FWHM_PER_SIGMA / spacing_mm[axis])
    return noise


def _filtered(values: FloatArray, axis: int, sigma_px: float) -> FloatArray:
    """Return values filtered along an axis, divided by the root of the filter's mean squared gain."""
    count = values.shape[axis]
    if sigma_px == 0 or count == 1:
        return values
    gain = np.exp(-2 * (math.pi * sigma_px * np.fft.fftfreq(count)) ** 2)
    gain /= math.sqrt(float(np.mean(gain**2)))
    half = gain[: count // 2 + 1].reshape([-1 if axis == this else 1 for this in range(values.ndim)])
    return np.asarray(np.fft.irfft(np.fft.rfft(values, axis=axis) * half, n=count, axis=axis))
