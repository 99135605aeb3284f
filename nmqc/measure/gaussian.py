"""A Gaussian on a constant background, fitted to pixels by their positions: each sums over its width."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.chance import normal_exactly

FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))
_STEPS = 60
_CONVERGED = 1e-7  # relative change of the sum of squares at which a fit has settled
_FAINTEST = 1e-3  # about the height over the background
_HOPELESS = 1e8  # damping at which no step makes the fit better


@dataclass(frozen=True, slots=True)
class GaussianFit:
    """A fitted Gaussian. Lengths are in the unit of the positions; `background` in counts per pixel.

    `area` is the integral over the position of the counts per pixel above the background. `centre_error` and
    `sigma_error` are one standard deviation by counting; 0 where the values are not counts.
    """

    centre: float
    sigma: float
    area: float
    background: float
    centre_error: float
    sigma_error: float

    @property
    def fwhm(self) -> float:
        """Full width at half maximum of the Gaussian, without the pixels' share."""
        return FWHM_PER_SIGMA * self.sigma

    @property
    def fwhm_error(self) -> float:
        """Its standard deviation by counting."""
        return FWHM_PER_SIGMA * self.sigma_error

    def expected(self, positions: NDArray[np.float64], aperture: float) -> NDArray[np.float64]:
        """Return the counts that the fit expects in pixels of some width at some positions."""
        at = np.array([self.area, self.centre, math.log(self.sigma), self.background])
        return _model(at, positions, np.ones_like(positions), aperture)[0]


def fit_gaussian(
    values: NDArray[Any],
    positions: NDArray[np.float64],
    centre: float,
    sigma: float,
    *,
    aperture: float,
    pixels: NDArray[np.float64] | None = None,
    counts: bool = True,
) -> GaussianFit:
    """Fit area, centre, sigma and constant background to pixels by least squares, every pixel alike.

    Parameters
    ----------
    values, positions : shape (n,)
        Any order, any spacing; of a profile, the positions of its channels.
    centre, sigma : where to start
    aperture : width over which a pixel sums, across; a profile's pitch
    pixels : shape (n,), number of pixels at about the same position of which each value is the sum; None: one
    counts : the values are counts: errors are those that the counting noise of the fit's own expectation makes

    Raises
    ------
    CannotMeasure
        ``no_gaussian``, if no Gaussian inside the range of the positions describes the values.

    Notes
    -----
    Expected of a pixel at x: b + A [cdf((x + w/2 - c) / s) - cdf((x - w/2 - c) / s)] / w, w the aperture. The sigma
    is that of the line-spread function itself, without the blur by the pixel. Weights by the counts are not used:
    they let the tails of what is no Gaussian decide its width. Levenberg-Marquardt.
    """
    n = np.ones(values.size) if pixels is None else pixels
    held = np.asarray(values, np.float64)
    at, damping = _start(held / n, centre, sigma), 1e-3
    for _ in range(_STEPS):
        expected, slopes = _model(at, positions, n, aperture)
        misfit, pull = float((held - expected) ** 2 @ (1 / n)), slopes / n @ (held - expected)
        trial = at + _step(slopes / n @ slopes.T, pull, damping, at)
        gain = misfit - float((held - _model(trial, positions, n, aperture)[0]) ** 2 @ (1 / n))
        if gain >= 0:
            at = trial
        damping = damping / 10 if gain >= 0 else damping * 10
        if 0 <= gain <= _CONVERGED * misfit or damping > _HOPELESS:
            break
    return _fitted(at, positions, n, aperture, counts)


def _start(values: NDArray[np.float64], centre: float, sigma: float) -> NDArray[np.float64]:
    """Return area, centre, logarithm of sigma and background to start from."""
    background = float(np.quantile(values, 0.1))
    height = float(np.quantile(values, 0.95)) - background
    return np.array([max(height, 1e-6) * sigma * math.sqrt(2 * math.pi), centre, math.log(sigma), background])


def _step(
    matrix: NDArray[np.float64], pull: NDArray[np.float64], damping: float, at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a damped step; the centre moves by one sigma, and sigma by a third, at the most."""
    diagonal = np.maximum(np.diag(matrix), 1e-300)
    scale = 1 / np.sqrt(diagonal)
    scaled = matrix * scale[:, None] * scale + damping * np.eye(4)
    step = scale * np.linalg.solve(scaled, scale * pull)
    most = np.array([np.inf, math.exp(at[2]), 0.3, np.inf])
    return np.asarray(np.clip(step, -most, most))


def _model(
    at: NDArray[np.float64], positions: NDArray[np.float64], pixels: NDArray[np.float64], aperture: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the expected values, and their slopes with respect to the four parameters, shape (4, n)."""
    area, centre, sigma = float(at[0]), float(at[1]), math.exp(float(at[2]))
    low, high = ((positions + side * aperture / 2 - centre) / sigma for side in (-1, 1))
    part = pixels * (normal_exactly(high) - normal_exactly(low)) / aperture
    density_low, density_high = (pixels * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) for z in (low, high))
    to_centre = -area * (density_high - density_low) / (aperture * sigma)
    to_sigma = -area * (high * density_high - low * density_low) / aperture
    return at[3] * pixels + area * part, np.stack([part, to_centre, to_sigma, pixels])


def _fitted(
    at: NDArray[np.float64],
    positions: NDArray[np.float64],
    pixels: NDArray[np.float64],
    aperture: float,
    counts: bool,
) -> GaussianFit:
    """Return the fit with its errors, or refuse what is no peak inside the range of the positions."""
    area, centre, sigma, background = float(at[0]), float(at[1]), math.exp(float(at[2])), float(at[3])
    low, high = float(positions.min()), float(positions.max())
    stands_out = area > _FAINTEST * sigma * abs(background)
    if not (stands_out and low <= centre <= high and aperture / 10 < sigma < high - low):
        raise CannotMeasure(
            "no_gaussian",
            "no Gaussian describes the profile across it: look at the profile; it may be cut off, or have two peaks",
        )
    if not counts:
        return GaussianFit(centre, sigma, area, background, 0.0, 0.0)
    expected, slopes = _model(at, positions, pixels, aperture)
    gain = np.linalg.solve(slopes / pixels @ slopes.T, slopes / pixels)
    covariance = (gain * np.maximum(expected, 0.0)) @ gain.T
    errors = float(covariance[1, 1]) ** 0.5, sigma * float(covariance[2, 2]) ** 0.5
    return GaussianFit(centre, sigma, area, background, *errors)
