"""How sure the figures of a slit mask are, and what noise alone makes of its linearity.

Linearity is a standard deviation and a largest value: noise makes both larger, never smaller. The spread of a figure
over repeated acquisitions comes from binomial thinning, the noise floor from a perfectly linear detector with the
same line-spread functions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.model import NoiseFloor
from nmqc.resolution.slit_spread import (
    Bools,
    Cells,
    Floats,
    Spread,
    largest,
    mean_over,
    residuals,
    straightness,
)

SPLITS, CHUNK = 64, 16
FLOOR_TRIALS = 1000
DRAWS = 32
STEPS_PER_FWHM = 16
SIGMA = 1 / (8 * np.log(2)) ** 0.5  # of a Gaussian, over its FWHM


def thinning(
    counts: NDArray[np.integer[Any]], figures: Callable[[NDArray[Any]], dict[str, Floats]]
) -> dict[str, float]:
    """Return the standard deviation of figures over repeated acquisitions at these counts.

    Each split sends every count to one of two halves by the toss of a coin. The halves are independent acquisitions
    at half the counts, so that u = sqrt(mean over splits of (I1 - I2)^2) / 2. Seeded from the counts.

    Parameters
    ----------
    counts : shape (slits, strips, channels), raw counts
    figures : name -> values, for windows of shape (n, slits, strips, channels)
    """
    random = np.random.default_rng(_seed(counts))
    squares: dict[str, float] = {}
    for size in _chunks():
        half = random.binomial(counts, 0.5, (size, *counts.shape))
        first, second = figures(half), figures(counts - half)
        for name, values in first.items():
            squares[name] = squares.get(name, 0.0) + float(((values - second[name]) ** 2).sum())
    return {name: float((total / SPLITS) ** 0.5 / 2) for name, total in squares.items()}


def _chunks() -> Iterator[int]:
    for start in range(0, SPLITS, CHUNK):
        yield min(CHUNK, SPLITS - start)


def highest_channel(
    cells: Cells, spread: Spread, used: Bools, figures: Callable[[NDArray[Any]], dict[str, Floats]]
) -> dict[str, float]:
    """Return by how much noise shifts figures on average.

    The highest of several channels that are about as high is one that noise has raised: widths read too small.
    Poisson draws about profiles without noise show it; thinning cannot, for its halves are shifted alike.

    Parameters
    ----------
    used : shape (slits, strips)
    figures : name -> values, for windows of shape (n, slits, strips, channels)
    """
    quiet = _without_noise(cells, spread, used)
    random = np.random.default_rng(_seed(cells.counts))
    noisy, plain = figures(random.poisson(quiet, (DRAWS, *quiet.shape))), figures(quiet[None])
    return {name: abs(float(values.mean() - plain[name][0])) for name, values in noisy.items()}


def _without_noise(cells: Cells, spread: Spread, used: Bools) -> Floats:
    """Return the mean line-spread function in the place and with the counts of each: shape as the windows."""
    channel = cells.first_px[..., None] + np.arange(cells.counts.shape[-1])
    away = channel - np.where(used, spread.position, cells.expected_px)[..., None]
    total = cells.counts.sum(axis=-1)
    part = (cells.counts / np.maximum(total, 1)[..., None])[used].ravel()
    step = float(mean_over(spread.fwhm, used)) / STEPS_PER_FWHM
    index = np.rint(away[used].ravel() / step).astype(np.int64)
    first = int(index.min())
    number = np.bincount(index - first)
    filled, every = np.flatnonzero(number), np.arange(number.size)
    mean = np.interp(every, filled, np.bincount(index - first, part)[filled] / number[filled])
    return np.asarray(total[..., None] * np.interp(away, (every + first) * step, _smoothed(mean)))


def _smoothed(values: Floats) -> Floats:
    """Return the value in its middle of the parabola that fits best within a quarter of the FWHM of each."""
    reach = STEPS_PER_FWHM // 4
    at = np.arange(-reach, reach + 1)
    weights = np.linalg.pinv(np.vander(at, 3))[-1]
    smooth = np.convolve(np.pad(values, reach, mode="edge"), weights, mode="valid")
    return np.asarray(np.maximum(smooth, 0.0))


def noise_floor(
    spread: Spread, fwhm_px: float, scale_mm: float, used: Bools, *, fine: bool
) -> dict[str, NoiseFloor]:
    """Return the linearity that a perfectly linear detector would read, in mm: "differential" and "absolute".

    Slits on the lines fitted, whose line-spread functions are Gaussians of the mean FWHM with the counts found. The
    position is the middle of two half-height points, each with the variance of its two channels (`_point_variance`);
    the noise of the peak's height moves the two apart and leaves their middle where it is.

    Parameters
    ----------
    spread : the line-spread functions, shape (slits, strips), in channels
    fwhm_px : their mean FWHM
    scale_mm : millimetres of a channel
    used : shape (slits, strips)
    fine : the highest channel was taken for the height of a peak
    """
    lines = np.where(used, spread.position, 0.0) - residuals(spread.position, used)
    variance = sum(_point_variance(side * lines, fwhm_px * SIGMA, fine=fine) for side in (-1, 1)) / 4
    noise = scale_mm * np.sqrt(np.where(used, variance / np.maximum(spread.height, 1.0), 0.0))
    positions = _standard_noise(used.tobytes(), used.shape) * noise
    found = {
        "differential": straightness(positions, used),
        "absolute": largest(residuals(positions, used)),
    }
    return {
        name: NoiseFloor(float(values.mean()), float(np.quantile(values, 0.95)))
        for name, values in found.items()
    }


def _point_variance(middle_px: Floats, sigma_px: float, *, fine: bool) -> Floats:
    """Return the variance of the half-height point beyond a Gaussian's middle, in channels^2, at a peak of 1.

    Between channels of heights y and z, a part a of the way: [(1 - a)^2 y + a^2 z] / (y - z)^2.
    """
    off = middle_px - np.rint(middle_px)
    level = 0.5 * np.exp(-((off / sigma_px) ** 2) / 2) if fine else np.full(off.shape, 0.5)
    point = middle_px + sigma_px * np.sqrt(-2 * np.log(level))
    channel = np.floor(point)
    before, after = (np.exp(-(((one - middle_px) / sigma_px) ** 2) / 2) for one in (channel, channel + 1))
    part = (before - level) / (before - after)
    return np.asarray(((1 - part) ** 2 * before + part**2 * after) / (before - after) ** 2)


@lru_cache(maxsize=8)
def _standard_noise(used: bytes, shape: tuple[int, ...]) -> Floats:
    """Return normal deviates for the trials of a noise floor, seeded from which cells are used."""
    random = np.random.default_rng(_seed(np.frombuffer(used, np.uint8)))
    deviates = random.standard_normal((FLOOR_TRIALS, *shape))
    deviates.flags.writeable = False
    return deviates


def _seed(array: NDArray[Any]) -> int:
    digest = hashlib.sha256(np.ascontiguousarray(array).tobytes())
    return int.from_bytes(digest.digest()[:8], "little")
