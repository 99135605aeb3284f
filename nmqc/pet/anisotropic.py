"""A uniform sphere, blurred by a Gaussian that is wider or narrower along the axis than across it."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nmqc.pet.sphere import Floats, error_function, hermite

_FEWEST, _PER_SIGMA = 20, 5  # nodes: a few, and so many for each sigma in the radius
_LARGE = 20.0  # argument from which the Bessel functions are their asymptotic series
_STEPS_PER_UNIT = 64
_TERMS = 60  # of the power series: the last is below 1e-40 of the sum at 20


@lru_cache(maxsize=1)
def _knots() -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Return exp(-x) I0(x) and exp(-x) I1(x) at equal steps by their power series, each with its slope per step."""
    x = np.arange(int(_LARGE * _STEPS_PER_UNIT) + 2) / _STEPS_PER_UNIT
    term = np.exp(-x)
    zero, half = np.zeros_like(x), np.zeros_like(x)  # the second is I1 / (x / 2)
    for order in range(_TERMS):
        zero, half = zero + term, half + term / (order + 1)
        term = term * (x / 2) ** 2 / (order + 1) ** 2
    one = half * x / 2
    return (zero, (one - zero) / _STEPS_PER_UNIT), (one, (zero - half / 2 - one) / _STEPS_PER_UNIT)


def _hankel(x: Floats, order: int) -> Floats:
    """Return exp(-x) I of order 0 or 1 for large x: nine terms of Abramowitz and Stegun 9.7.1."""
    total, term = np.ones_like(x), np.ones_like(x)
    for k in range(1, 9):
        term = term * ((2 * k - 1) ** 2 - 4 * order**2) / (8 * k * x)
        total = total + term
    return np.asarray(total / np.sqrt(2 * math.pi * x))


def bessel_scaled(x: Floats) -> tuple[Floats, Floats]:
    """Return exp(-x) I0(x) and exp(-x) I1(x) for x >= 0, to 1e-9.

    Below 20 between exact values in steps of 1/64, above by Hankel's series.
    """
    at = np.minimum(x, _LARGE) * _STEPS_PER_UNIT
    large = x > _LARGE
    found = tuple(hermite(at, *knots) for knots in _knots())
    for order, values in enumerate(found):
        values[large] = _hankel(x[large], order)
    return found[0], found[1]


@lru_cache(maxsize=64)
def _legendre(count: int) -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return nodes, weights


def shells(radius_mm: float, narrowest_mm: float) -> tuple[Floats, Floats, Floats]:
    """Return the quadrature of a sphere by coaxial cylinders: their radii s, half-lengths h, and weights.

    s = R sin(a), h = R cos(a), with Gauss-Legendre nodes in a from 0 to a right angle: the half-length is then a
    smooth function, and the error falls exponentially with the number of nodes.

    Parameters
    ----------
    radius_mm : R
    narrowest_mm : the smallest sigma for which the nodes are to do
    """
    count = _FEWEST + math.ceil(_PER_SIGMA * radius_mm / narrowest_mm)
    nodes, weights = _legendre(count)
    angle = math.pi / 4 * (nodes + 1)
    s, h = radius_mm * np.sin(angle), radius_mm * np.cos(angle)
    return s, h, math.pi / 4 * weights * h


def across(distance_mm: Floats, s_mm: Floats, sigma_mm: float) -> tuple[Floats, Floats]:
    """Return the blurred ring of radius s, per mm of s, at distances d from the axis, and its slope by ln sigma.

    s / sigma^2 exp(-(s^2 + d^2) / (2 sigma^2)) I0(s d / sigma^2). Shapes (distances, rings).
    """
    d, s = distance_mm[:, None] / sigma_mm, s_mm / sigma_mm
    product = s * d
    i0, i1 = bessel_scaled(product)
    size = s / sigma_mm * np.exp(-((s - d) ** 2) / 2)
    return size * i0, size * ((s * s + d * d - 2) * i0 - 2 * product * i1)


def along(height_mm: Floats, half_length_mm: Floats, sigma_mm: float) -> Floats:
    """Return a blurred segment of half-length h at heights above its middle: shape (half-lengths, heights)."""
    scale = math.sqrt(2) * sigma_mm
    h = half_length_mm[:, None]
    return 0.5 * (error_function((height_mm + h) / scale) - error_function((height_mm - h) / scale))


def blurred_sphere(
    distance_mm: NDArray[np.floating],
    height_mm: NDArray[np.floating],
    radius_mm: float,
    sigma_across_mm: float,
    sigma_along_mm: float,
) -> Floats:
    """Return a sphere of value 1 blurred by an axially symmetric Gaussian, at every distance and every height.

    The sphere is cut into coaxial cylinders: one integral over their radius s, of a ring blurred in the plane times
    a segment of half-length sqrt(R^2 - s^2) blurred along the axis.

    Parameters
    ----------
    distance_mm : shape (n,), from the axis through the centre
    height_mm : shape (m,), from the plane through the centre
    radius_mm, sigma_across_mm, sigma_along_mm : above 0

    Returns
    -------
    shape (n, m), to 1e-8
    """
    s, h, weights = shells(radius_mm, min(sigma_across_mm, sigma_along_mm))
    rings, _ = across(np.asarray(distance_mm, np.float64), s, sigma_across_mm)
    return np.asarray((rings * weights) @ along(np.asarray(height_mm, np.float64), h, sigma_along_mm))
