"""Means over pixels: Gauss-Legendre nodes, and integrals of the Gaussian over intervals.

Pixels are given by their edges: ``x_edges_mm`` has one entry more than there are columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
BoolArray = NDArray[np.bool_]

FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))  # full width at half maximum of exp(-t^2 / 2)
TAIL_SIGMAS = 6.5  # beyond it a Gaussian edge is taken as 0 or 1: the normal tail there is 4e-11
_FEWEST_NODES, _NODES_PER_SCALE = 2, 1.5
_MOST_SCALES_IN_A_PIXEL = 40.0


def normal_cdf(t: ArrayLike) -> FloatArray:
    """Return the cumulative distribution of the standard normal, element by element."""
    from scipy.special import ndtr

    return np.asarray(ndtr(np.asarray(t, dtype=np.float64)), dtype=np.float64)


def owens_t(h: FloatArray, a: FloatArray) -> FloatArray:
    """Return Owen's T(h, a): the normal probability of X > h and 0 < Y < a X (Owen, 1956)."""
    from scipy.special import owens_t as function

    return np.asarray(function(h, a), dtype=np.float64)


def centres(edges_mm: FloatArray) -> FloatArray:
    """Return the middle of each pixel."""
    return (edges_mm[:-1] + edges_mm[1:]) / 2


def gaussian_means(edges_mm: FloatArray, centre_mm: float, sigma_mm: float) -> tuple[FloatArray, FloatArray]:
    """Return the means over each interval of g = exp(-t^2 / 2) and of t^2 g, t = (x - centre) / sigma.

    Exact: the integral of g is sigma sqrt(2 pi) times the normal cumulative distribution, and that of
    t^2 g is the same less sigma t g at the ends.
    """
    t = (edges_mm - centre_mm) / sigma_mm
    width = np.diff(t)
    plain = math.sqrt(2 * math.pi) * np.diff(_centred_cdf(t))
    squared = plain - np.diff(t * np.exp(-t * t / 2))
    return plain / width, squared / width


def _centred_cdf(t: FloatArray) -> FloatArray:
    """Return the normal cumulative distribution less one half, exact to rounding near zero."""
    from scipy.special import erf

    return np.asarray(erf(t / math.sqrt(2)) / 2, dtype=np.float64)


def smoothed_interval(edges_mm: FloatArray, width_mm: float, sigma_mm: float) -> FloatArray:
    """Return the part of each pixel inside the interval [-width/2, width/2] blurred by a Gaussian.

    The blurred interval is cdf(x + w/2) - cdf(x - w/2); its mean over a pixel is a difference of the
    antiderivative of the cumulative distribution, x cdf(x/s) + s pdf(x/s). With ``sigma_mm`` 0 it is the
    overlap of two intervals. Exact in both cases.
    """
    if sigma_mm == 0:
        clipped = np.clip(edges_mm, -width_mm / 2, width_mm / 2)
        return np.diff(clipped) / np.diff(edges_mm)
    rise = _cdf_integral((edges_mm + width_mm / 2) / sigma_mm)
    fall = _cdf_integral((edges_mm - width_mm / 2) / sigma_mm)
    return np.clip(sigma_mm * np.diff(rise - fall) / np.diff(edges_mm), 0, 1)


def _cdf_integral(t: FloatArray) -> FloatArray:
    """Return the antiderivative of the standard normal's cumulative distribution."""
    return t * normal_cdf(t) + np.exp(-t * t / 2) / math.sqrt(2 * math.pi)


def node_count(x_edges_mm: FloatArray, y_edges_mm: FloatArray, scale_mm: float) -> int:
    """Return how many Gauss-Legendre nodes a pixel needs along each side for a profile of this scale.

    Two, and three more for every two ``scale_mm`` (the sigma of an edge or line) that fit into a pixel: the
    mean of a Gaussian edge or line over a pixel is then right to 1e-7.

    Raises
    ------
    ValueError
        If a pixel is more than 40 times as large as the profile's scale.
    """
    scales = max(float(np.max(np.diff(x_edges_mm))), float(np.max(np.diff(y_edges_mm)))) / scale_mm
    if scales > _MOST_SCALES_IN_A_PIXEL:
        raise ValueError(
            f"a profile of {scale_mm:.3g} mm is too fine for pixels {scales:.0f} times as large: widen it"
        )
    return _FEWEST_NODES + math.ceil(_NODES_PER_SCALE * scales)


def mean_where(
    profile: Callable[[FloatArray, FloatArray], FloatArray],
    x_edges_mm: FloatArray,
    y_edges_mm: FloatArray,
    where: BoolArray,
    nodes: int,
) -> FloatArray:
    """Return the mean of ``profile(x, y)`` over each pixel that ``where`` marks, by Gauss-Legendre nodes.

    Parameters
    ----------
    where : shape (rows, columns)
    nodes : number of nodes along each side of a pixel

    Returns
    -------
    shape (number of marked pixels,), in the order of ``np.nonzero(where)``
    """
    rows, columns = np.nonzero(where)
    at, weight = np.polynomial.legendre.leggauss(nodes)
    part = (at + 1) / 2
    total = np.zeros(rows.size)
    x_start, x_step = x_edges_mm[columns], np.diff(x_edges_mm)[columns]
    y_start, y_step = y_edges_mm[rows], np.diff(y_edges_mm)[rows]
    for part_y, weight_y in zip(part, weight, strict=True):
        y = y_start + part_y * y_step
        for part_x, weight_x in zip(part, weight, strict=True):
            total += weight_x * weight_y / 4 * profile(x_start + part_x * x_step, y)
    return total
