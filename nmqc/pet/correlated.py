"""The noise of a PET volume's background: how large it is, and over what distance neighbours share it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.model import Volume
from nmqc.pet.body import Body
from nmqc.pet.coarse import Floats, axes_of

REACH_MM = 30.0  # from the spheres' plane: the slices whose noise is taken
FROM_END_MM = 15.0  # kept from an end of the body
FARTHEST_MM = 9.0  # at which correlation is looked at
FEWEST = 500  # pairs of voxels
WHITE = 0.05  # correlation of neighbours below which they are independent


@dataclass(frozen=True, slots=True)
class Noise:
    """A level, and noise with the covariance sigma^2 exp(-(dx^2 / lx^2 + dy^2 / ly^2 + dz^2 / lz^2) / 2).

    `level` and `sigma` in the unit of the volume; `lengths_mm` (lz, ly, lx), 0 where neighbours are independent.
    """

    level: float
    sigma: float
    lengths_mm: tuple[float, float, float]

    def shared(self, spacing_mm: tuple[float, float, float]) -> float:
        """Return how many voxels share one independent value."""
        terms = zip(self.lengths_mm, spacing_mm, strict=True)
        return math.prod(max(1.0, math.sqrt(2 * math.pi) * length / pitch) for length, pitch in terms)

    def variance(self, gain: Floats, spacing_mm: tuple[float, float, float]) -> float:
        """Return the variance of the sum of gain times value over a box of voxels, shape (slices, rows, columns)."""
        spread = gain
        for number, (length, pitch) in enumerate(zip(self.lengths_mm, spacing_mm, strict=True)):
            if length > 0:
                apart = pitch * np.arange(gain.shape[number])
                matrix = np.exp(-0.5 * ((apart[:, None] - apart[None, :]) / length) ** 2)
                spread = np.moveaxis(np.tensordot(matrix, spread, axes=(1, number)), 0, number)
        return self.sigma**2 * float((gain * spread).sum())


def background_noise(volume: Volume, body: Body, z_mm: float) -> Noise:
    """Return level and noise of the background near the plane of the spheres, beside them.

    The medians over the slices within 30 mm of each slice's mean and variance: single noisy slices do not count.
    Along each axis the length for which
    a Gaussian agrees with the correlation at that distance, up to 9 mm, at which it is nearest to a half.
    """
    slices, rows, columns = axes_of(volume)
    z = slices.centres_mm
    low = body.first_z_mm + (0.0 if body.cut[0] else FROM_END_MM)
    high = body.last_z_mm - (0.0 if body.cut[1] else FROM_END_MM)
    first, last = np.searchsorted(z, (max(low, z_mm - REACH_MM), min(high, z_mm + REACH_MM)))
    cut, free = body.beside(slices, rows, columns, slice(int(first), int(last)))
    values = np.where(free, np.asarray(volume.values[cut], np.float32), np.float32(0))
    counts = free.sum(axis=(1, 2))
    levels = values.sum(axis=(1, 2), dtype=np.float64) / np.maximum(counts, 1)
    off = np.where(free, values - levels[:, None, None].astype(np.float32), np.float32(0))
    variances = (off**2).sum(axis=(1, 2), dtype=np.float64) / np.maximum(counts - 1, 1)
    full = counts > counts.max() / 2
    off *= (np.where(variances > 0, variances, np.inf) ** -0.5).astype(np.float32)[:, None, None]
    lengths = [_length(off, free, number, pitch) for number, pitch in enumerate(volume.spacing_mm)]
    sigma = math.sqrt(float(np.median(variances[full])))
    return Noise(float(np.median(levels[full])), sigma, (lengths[0], lengths[1], lengths[2]))


def _length(off: NDArray[np.float32], free: NDArray[np.bool_], number: int, pitch_mm: float) -> float:
    """Return the length of correlation along one axis."""
    lags = range(1, max(1, min(int(FARTHEST_MM / pitch_mm), off.shape[number] - 1)) + 1)
    seen = {lag: _correlation(off, free, number, lag) for lag in lags}
    if seen[1] < WHITE:
        return 0.0
    lag = min(seen, key=lambda one: abs(seen[one] - 0.5))
    return lag * pitch_mm / math.sqrt(-2 * math.log(min(max(seen[lag], 0.01), 0.99)))


def _correlation(off: NDArray[np.float32], free: NDArray[np.bool_], number: int, lag: int) -> float:
    """Return the correlation, at a distance of some voxels along one axis, of values of variance 1."""
    before, after = ((slice(None),) * number + (part,) for part in (slice(None, -lag), slice(lag, None)))
    pairs = int((free[before] & free[after]).sum())
    if pairs < FEWEST:
        return 0.0
    return float((off[before] * off[after]).sum()) / pairs
