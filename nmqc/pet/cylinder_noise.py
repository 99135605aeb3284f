"""The noise of a uniform cylinder, and what it makes of means over discs and of the largest of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Extreme:
    """How an extreme of values scatters by their noise (one standard deviation), and what noise alone makes of it."""

    sigma: float
    floor: NoiseFloor


def of_largest_deviation(off: Floats, sigma: float, between_slices: Floats) -> Extreme:
    """Return how the largest deviation of slices from their mean scatters.

    By 2,000 draws, of one seed, of normal values with the correlation of the slices, added to what of their
    deviations is more than noise.

    Parameters
    ----------
    off : deviations of the slices from their mean
    sigma : standard deviation of a slice by noise
    """
    values, vectors = np.linalg.eigh(toeplitz(between_slices, off.size))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = sigma * (np.random.default_rng(SEED).standard_normal((DRAWS, off.size)) @ root.T)
    draws -= draws.mean(axis=1, keepdims=True)
    return _extreme(_more_than_noise(off, draws), draws, lambda one: np.abs(one).max(axis=1))


def of_range(means: Floats, sigmas: Floats) -> Extreme:
    """Return how the range of values scatters that are independent; see `of_largest_deviation`."""
    draws = np.random.default_rng(SEED).standard_normal((DRAWS, sigmas.size)) * sigmas
    return _extreme(_more_than_noise(means - means.mean(), draws), draws, lambda one: np.ptp(one, axis=1))


def _more_than_noise(off: Floats, draws: Floats) -> Floats:
    """Return deviations without the part of their variance that the noise makes."""
    by_noise = float(((draws - draws.mean(axis=1, keepdims=True)) ** 2).mean())
    variance = float((off**2).mean())
    return off * math.sqrt(max(0.0, 1 - by_noise / variance)) if variance > 0 else off


def _extreme(values: Floats, draws: Floats, extreme: Callable[[Floats], Floats]) -> Extreme:
    alone = extreme(draws)
    floor = NoiseFloor(float(alone.mean()), float(np.percentile(alone, 95)))
    return Extreme(float(extreme(values + draws).std(ddof=1)), floor)
