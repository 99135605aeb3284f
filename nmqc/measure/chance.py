"""How likely chance alone is to give a value: tails of distributions, without importing `scipy.special`.

That import costs more than the analysis of a bar phantom.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import erfc, exp, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from nmqc.measure.roots import root
from nmqc.model import NoiseFloor

RANGE_TRIALS, SCATTER_TRIALS, SEED = 1000, 300, 20261122


def chi_squared_tail(degrees: int, value: float) -> float:
    """Return the chance that chi-squared of a whole number of degrees of freedom exceeds a value.

    For an even number exp(-v / 2) times the sum of (v / 2)^k / k!, for an odd one erfc(sqrt(v / 2)) and the like
    terms at half-integer k: Abramowitz and Stegun 26.4.4, 26.4.5.

    Parameters
    ----------
    degrees : at least 1
    value : at least 0
    """
    half = value / 2
    if degrees % 2:
        total, term, order = erfc(sqrt(half)), 2 * sqrt(half / pi) * exp(-half), 1.5
    else:
        total, term, order = 0.0, exp(-half), 1.0
    for _ in range(degrees // 2):
        total += term
        term *= half / order
        order += 1
    return total


def normal_exactly(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normal distribution function of a few values, to the last bit."""
    return np.array([0.5 * erfc(one) for one in (t / -sqrt(2)).tolist()])


def normal(t: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the normal distribution function F, to 7.5e-8, and its density f.

    Abramowitz and Stegun 26.2.17.
    """
    density = np.exp(-0.5 * t**2) / np.sqrt(2 * np.pi)
    k = 1 / (1 + 0.2316419 * np.abs(t))
    series = k * (0.319381530 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
    upper = density * series
    return np.where(t >= 0, 1 - upper, upper), density


def largest_magnitude(sigma: NDArray[np.float64], part: NDArray[np.float64] | None = None) -> NoiseFloor:
    """Return the median, as the mean, and the 95th percentile of the largest magnitude of normal values.

    Each value counts as `part` of an independent one (1 by default): P(all below t) is the product of
    (2 F(t / sigma) - 1)^part.
    """
    counted = np.ones(sigma.shape) if part is None else part

    def excess(t: float, chance: float) -> float:
        return float(
            counted @ np.log(np.maximum(2 * normal(np.asarray(t / sigma))[0] - 1, 1e-300)) - np.log(chance)
        )

    top = 10 * float(sigma.max())
    middle, high = (root(partial(excess, chance=chance), 1e-3 * top, top) for chance in (0.5, 0.95))
    return NoiseFloor(middle, high)


def ranges_of_normals(sigmas: Sequence[NDArray[np.float64]]) -> tuple[list[NoiseFloor], NoiseFloor]:
    """Return mean and 95th percentile of the range of each of several groups of normal values, and of the largest.

    By 1,000 draws of one seed.
    """
    random = np.random.default_rng(SEED)
    ranges = np.array(
        [
            np.ptp(
                random.standard_normal((RANGE_TRIALS, sigma.size), np.float32) * sigma.astype(np.float32),
                axis=1,
            )
            for sigma in sigmas
        ],
        np.float64,
    )
    floors = [
        NoiseFloor(float(one.mean()), float(np.percentile(one, 95))) for one in (*ranges, ranges.max(axis=0))
    ]
    return floors[:-1], floors[-1]


def scatter_by_noise(
    values: NDArray[np.float64],
    sigma: NDArray[np.float64],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> float:
    """Return the standard deviation of a statistic of values of mean 0 that noise of known size was added to.

    The values are shrunk by what noise adds to their mean square, then noise is drawn anew, 300 times with one seed.

    Parameters
    ----------
    statistic : of an array of the shape (draws, values), for each draw: the largest magnitude, the range, ...
    """
    square = float((values**2).mean())
    left = max(1 - float((sigma**2).mean()) / max(square, 1e-300), 0.0) ** 0.5
    draws = np.random.default_rng(SEED).standard_normal((SCATTER_TRIALS, values.size))
    return float(statistic(left * values + sigma * draws).std(ddof=1))
