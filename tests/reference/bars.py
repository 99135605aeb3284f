"""Bars, one step of gamma-camera QC at a time: slow, and obviously right.

The fast code is compared with this. In a disc the whole model is fitted to the counts by a general optimiser, the
frequency with it; the joint fit tries a grid of FWHM and contrast, then polishes the best. Lengths are millimetres
from the centre of the matrix, x along the columns, y down the rows; a pixel size is the pair (down, along).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brute, least_squares, minimize

Counts = NDArray[Any]
CONSTANT = 2 * math.sqrt(math.log(2)) * 2 / math.pi  # FWHM = 1.0600 w sqrt(ln(1 / MTF))


@dataclass(frozen=True)
class Bars:
    """Bars in a disc: frequency vector per mm, squared modulation less the noise, and the counts of the disc."""

    frequency: tuple[float, float]
    squared: float
    counts: float

    @property
    def modulation(self) -> float:
        return math.sqrt(max(self.squared, 0.0))

    @property
    def sigma(self) -> float:
        """sigma_m = sqrt((2 - m^2) / N)."""
        return math.sqrt((2 - self.squared) / self.counts)

    @property
    def width_mm(self) -> float:
        return 0.5 / math.hypot(*self.frequency)


def disc(
    image: Counts, pixel_mm: tuple[float, float], centre_mm: tuple[float, float], radius_mm: float
) -> tuple[Counts, Counts, Counts]:
    """Return counts, x and y of the pixels whose centres lie in a disc; x and y from its centre."""
    found = []
    rows, columns = image.shape
    for row in range(rows):
        y = (row - (rows - 1) / 2) * pixel_mm[0] - centre_mm[1]
        for column in range(columns):
            x = (column - (columns - 1) / 2) * pixel_mm[1] - centre_mm[0]
            if math.hypot(x, y) <= radius_mm:
                found.append((float(image[row, column]), x, y))
    counts, x_mm, y_mm = np.array(found).T
    return counts, x_mm, y_mm


def measure(
    image: Counts,
    pixel_mm: tuple[float, float],
    centre_mm: tuple[float, float],
    radius_mm: float,
    near: tuple[float, float],
) -> Bars:
    """Fit n = c0 + a cos + b sin + slopes + curvatures to a disc, the frequency starting `near` the true one.

    The second and third harmonics are fitted too, for a disc does not hold whole periods everywhere.
    """
    counts, x, y = disc(image, pixel_mm, centre_mm, radius_mm)
    u, v = x / radius_mm, y / radius_mm
    bin_per_mm = 1 / (2 * radius_mm)

    def model(found: Counts) -> Counts:
        level, cosine, sine, *rest, move_x, move_y = found
        turns = (near[0] + bin_per_mm * move_x) * x + (near[1] + bin_per_mm * move_y) * y
        slope_x, slope_y, bend_x, bend_mixed, bend_y, c2, s2, c3, s3 = rest
        value = level + cosine * np.cos(2 * np.pi * turns) + sine * np.sin(2 * np.pi * turns)
        value += slope_x * u + slope_y * v
        value += bend_x * (u * u - 0.25) + bend_mixed * u * v + bend_y * (v * v - 0.25)
        value += c2 * np.cos(4 * np.pi * turns) + s2 * np.sin(4 * np.pi * turns)
        return np.asarray(value + c3 * np.cos(6 * np.pi * turns) + s3 * np.sin(6 * np.pi * turns))

    mean = float(counts.mean())
    scale = [mean] * 12 + [0.1, 0.1]
    starts = [
        [mean, 0.4 * mean * math.cos(t), 0.4 * mean * math.sin(t)] + [0.0] * 11 for t in (0.5, 2.6, 4.7)
    ]
    fits = [
        least_squares(
            lambda one: model(one) - counts, start, x_scale=scale, xtol=1e-13, ftol=1e-15, gtol=1e-15
        )
        for start in starts
    ]
    best = min(fits, key=lambda fit: fit.cost)
    level, cosine, sine = best.x[:3]
    move_x, move_y = best.x[-2:]
    total = float(level * counts.size)
    return Bars(
        frequency=(near[0] + bin_per_mm * move_x, near[1] + bin_per_mm * move_y),
        squared=float((cosine**2 + sine**2) / level**2 - 4 / total),
        counts=total,
    )


def aperture(frequency: tuple[float, float], pixel_mm: tuple[float, float]) -> float:
    """Return sinc(fx px) sinc(fy py)."""
    factor = 1.0
    for turns in (frequency[0] * pixel_mm[1], frequency[1] * pixel_mm[0]):
        if turns != 0:
            factor *= math.sin(math.pi * turns) / (math.pi * turns)
    return factor


def modulation(fwhm_mm: float, contrast: float, bars: Bars, pixel_mm: tuple[float, float]) -> float:
    """Return (4 / pi) C0 MTF times the pixels, MTF = exp(-(FWHM / (1.0600 w))^2)."""
    mtf = math.exp(-((fwhm_mm / (CONSTANT * bars.width_mm)) ** 2))
    return 4 / math.pi * contrast * mtf * aperture(bars.frequency, pixel_mm)


def joint_fit(quadrants: Sequence[Bars], pixel_mm: tuple[float, float]) -> tuple[float, float]:
    """Return FWHM and contrast by weighted least squares of m^2, its variance 4 m^2 s^2 + 4 s^4 from the model.

    The weights are those of the last fit, until nothing changes.
    """
    variances = [4 * one.squared * one.sigma**2 + 4 * one.sigma**4 for one in quadrants]
    found = np.zeros(2)
    for _ in range(30):

        def misfit(at: Counts, variances: Sequence[float] = tuple(variances)) -> float:
            return sum(
                (one.squared - modulation(at[0], at[1], one, pixel_mm) ** 2) ** 2 / variance
                for one, variance in zip(quadrants, variances, strict=True)
            )

        start = brute(misfit, (slice(1.5, 12.0, 0.25), slice(0.3, 1.3, 0.05)), finish=None)
        options = {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 4000}
        new = minimize(misfit, start, method="Nelder-Mead", options=options).x
        done = bool(np.abs(new - found).max() < 1e-9)
        found = new
        if done:
            break
        variances = []
        for one in quadrants:
            m = modulation(found[0], found[1], one, pixel_mm)
            s = math.sqrt((2 - m**2) / one.counts)
            variances.append(4 * m**2 * s**2 + 4 * s**4)
    return float(found[0]), float(found[1])
