"""A uniform sphere, blurred by an isotropic Gaussian: a closed form, with NumPy alone."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEPS_PER_UNIT = 256
_LAST = 6.0  # beyond it 1 - erf is below 2.2e-17


@lru_cache(maxsize=1)
def _knots() -> tuple[Floats, Floats]:
    """Return erf and its slope per step at equal steps from 0 to a step beyond the last that is used."""
    t = np.arange(int(_LAST * _STEPS_PER_UNIT) + 2) / _STEPS_PER_UNIT
    values = np.array([math.erf(one) for one in t.tolist()])
    return values, 2 / math.sqrt(math.pi) * np.exp(-(t**2)) / _STEPS_PER_UNIT


def hermite(at: Floats, values: Floats, slopes: Floats) -> Floats:
    """Return a function between its knots, 0, 1, 2, ..., by cubic Hermite interpolation.

    Parameters
    ----------
    at : any shape, from 0 to below the last knot
    values, slopes : shape (knots,); slopes per knot
    """
    knot = at.astype(np.intp)
    u = at - knot
    rise = values[knot + 1] - values[knot]
    first, second = slopes[knot] - rise, slopes[knot + 1] - rise
    return np.asarray(values[knot] + u * rise + u * (1 - u) * (first * (1 - u) - second * u))


def error_function(t: NDArray[np.floating]) -> Floats:
    """Return erf of every value, to 2e-11.

    Cubic Hermite interpolation between exact values in steps of 1/256: its error is at most the fourth derivative
    (below 21) times (1/256)^4 / 384. `scipy.special.erf` is exact, and costs more to import than a fit of six
    spheres takes.
    """
    at = np.minimum(np.abs(t), _LAST) * _STEPS_PER_UNIT
    return np.asarray(np.copysign(hermite(at, *_knots()), t))


def profile(distance_mm: NDArray[np.floating] | float, radius_mm: float, sigma_mm: float) -> Floats:
    """Return the value at some distances from the centre of a sphere of value 1 blurred by a Gaussian.

    With z = r / (sqrt(2) sigma) and Z = R / (sqrt(2) sigma)::

        P = [erf(z + Z) - erf(z - Z)] / 2 - [exp(-(z - Z)^2) - exp(-(z + Z)^2)] / (2 sqrt(pi) z)

    The second term is computed as exp(-(z - Z)^2) (1 - exp(-4 z Z)) / (2 sqrt(pi) z) by `expm1`, which loses no
    digits at small z; at z = 0 its limit, 2 Z exp(-Z^2) / sqrt(pi), is taken.

    Parameters
    ----------
    distance_mm : any shape, at least 0
    radius_mm : R, above 0
    sigma_mm : standard deviation of the Gaussian in each direction, above 0

    Returns
    -------
    array of the same shape
        In [0, 1], to 1e-10.

    References
    ----------
    Hofheinz et al., Z Med Phys 2010;20:64.
    """
    scale = math.sqrt(2) * sigma_mm
    z = np.asarray(distance_mm, np.float64) / scale
    edge = radius_mm / scale
    inside = 0.5 * (error_function(z + edge) - error_function(z - edge))
    near = np.maximum(z, 1e-12)  # below it the quotient is its limit to the last bit
    quotient = -np.expm1(-4 * near * edge) / near
    return np.asarray(inside - np.exp(-((z - edge) ** 2)) * quotient / (2 * math.sqrt(math.pi)))
