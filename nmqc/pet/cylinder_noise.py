"""The noise of a uniform cylinder, and what it makes of means over discs and of the largest of them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nmqc.model import NoiseFloor, Volume
from nmqc.pet.correlation import Noise, noise_of, toeplitz
from nmqc.pet.sphere import Floats

DRAWS, SEED = 2000, 20261122


def cylinder_noise(volume: Volume, used: slice, inside: NDArray[np.bool_]) -> Noise:
    """Return the noise of the voxels inside, without what is alike in all slices.

    The mean over the slices that is taken off takes off a part of the noise, too, the same at every lag: it is put
    back.
    """
    values = np.asarray(volume.values[used], np.float64)
    pattern = (values * inside).sum(axis=0) / np.maximum(inside.sum(axis=0), 1)
    found = noise_of(values - pattern, inside, volume.spacing_mm)
    taken = float(toeplitz(found.along[0], len(values)).sum()) / len(values) ** 2
    left = max(1 - taken, 0.1)
    between_slices = found.along[0] * left + (1 - left)
    return Noise(found.sd / math.sqrt(left), (between_slices, *found.along[1:]), found.voxels)


def voxel_sd(volume: Volume, used: slice, inside: NDArray[np.bool_]) -> float:
    """Return the standard deviation of the voxels inside about the mean of their slice."""
    values = np.asarray(volume.values[used], np.float64)
    count = inside.sum(axis=(1, 2))
    means = (values * inside).sum(axis=(1, 2)) / count
    squares = (((values - means[:, None, None]) * inside) ** 2).sum()
    return float(math.sqrt(squares / (count - 1).sum()))


def over_slices(noise: Noise, used: slice) -> float:
    """Return the standard deviation of a mean over all slices, over that of one slice."""
    count = used.stop - used.start
    return float(math.sqrt(float(toeplitz(noise.along[0], count).sum())) / count)


def disc_sigma(noise: Noise, weights: Floats) -> float:
    """Return the standard deviation, by noise, of the mean of one disc in one slice."""
    return math.sqrt(noise.variance((weights / weights.sum())[None]))


def deviation_floor(percent: float, between_slices: Floats, count: int) -> NoiseFloor:
    """Return mean and 95th percentile of the largest deviation from their mean of slices that differ by noise alone.

    By 2,000 draws, of one seed, of normal values with the correlation of the slices.
    """
    values, vectors = np.linalg.eigh(toeplitz(between_slices, count))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = np.random.default_rng(SEED).standard_normal((DRAWS, count)) @ root.T
    largest = percent * np.abs(draws - draws.mean(axis=1, keepdims=True)).max(axis=1)
    return NoiseFloor(float(largest.mean()), float(np.percentile(largest, 95)))


def range_by_noise(sigmas: Floats) -> NoiseFloor:
    """Return mean and 95th percentile of the range of normal values of mean 0, by 2,000 draws of one seed."""
    draws = np.random.default_rng(SEED).standard_normal((DRAWS, sigmas.size)) * sigmas
    ranges = np.ptp(draws, axis=1)
    return NoiseFloor(float(ranges.mean()), float(np.percentile(ranges, 95)))
