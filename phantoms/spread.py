"""The blur of a camera with tails, and the widths of what it makes of slits and lines."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from phantoms.fields import Point
from phantoms.pixels import FWHM_PER_SIGMA, BoolArray, FloatArray, centres, normal_cdf

_RELATIVE_ERROR = 1e-10
_MOST_NODES = 40
_NODES_FOR_WIDTHS = 24
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Spread:
    """A Gaussian of the given full widths at half maximum along x and y, and a second, round one: the tails.

    The part ``tail_part`` of the counts lies in the second.
    """

    fwhm_mm: Point
    tail_part: float = 0.0
    tail_fwhm_mm: float = 12.0

    def __post_init__(self) -> None:
        if not all(0 < width < math.inf for width in (*self.fwhm_mm, self.tail_fwhm_mm)):
            raise ValueError("the FWHM of the camera and of its tails must be positive numbers")
        if not 0 <= self.tail_part < 1:
            raise ValueError("the tails hold a part of the counts from 0 to below 1")

    def parts(self) -> tuple[tuple[float, float, float], ...]:
        """Return (part of the counts, sigma along x, sigma along y) of each Gaussian, in mm."""
        x, y = (width / FWHM_PER_SIGMA for width in self.fwhm_mm)
        tail = self.tail_fwhm_mm / FWHM_PER_SIGMA
        core = (1 - self.tail_part, x, y)
        return (core, (self.tail_part, tail, tail)) if self.tail_part > 0 else (core,)

    def along(self, axis: Point) -> tuple[tuple[float, float], ...]:
        """Return (part of the counts, sigma) of each Gaussian along a unit vector."""
        return tuple((part, math.hypot(axis[0] * x, axis[1] * y)) for part, x, y in self.parts())

    def slit(self, distance_mm: ArrayLike, width_mm: float, axis: Point) -> FloatArray:
        """Return the blurred top-hat of a slit across which ``axis`` points, at distances from its middle."""
        distance = np.asarray(distance_mm, dtype=np.float64)
        return np.asarray(
            sum(part * blurred_slit(distance, width_mm, sigma) for part, sigma in self.along(axis))
        )

    def line(self, distance_mm: ArrayLike, axis: Point) -> FloatArray:
        """Return the density (1 / mm) across a long thin line across which ``axis`` points."""
        distance = np.asarray(distance_mm, dtype=np.float64)
        return np.asarray(
            sum(
                part * np.exp(-((distance / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))
                for part, sigma in self.along(axis)
            )
        )


def blurred_slit(distance_mm: FloatArray, width_mm: float, sigma_mm: float) -> FloatArray:
    """Return a top-hat of height 1 blurred by a Gaussian, at distances from its middle."""
    half = width_mm / 2
    return normal_cdf((distance_mm + half) / sigma_mm) - normal_cdf((distance_mm - half) / sigma_mm)


def node_count(sigmas: float) -> int:
    """Return how many Gauss-Legendre nodes average a Gaussian over so many sigmas: right to 1e-10 of its peak.

    The error of n nodes over a length h is h^(2n) (n!)^4 / ((2n + 1) (2n)!^3) times the derivative of order
    2n, which for a Gaussian is at most (2n - 1)!! / sigma^(2n) of the peak.

    Raises
    ------
    ValueError
        If more than 40 nodes are needed: a length of some 20 sigmas.
    """
    for nodes in range(1, _MOST_NODES + 1):
        derivative = math.factorial(2 * nodes) / (2**nodes * math.factorial(nodes))
        factor = math.factorial(nodes) ** 4 / ((2 * nodes + 1) * math.factorial(2 * nodes) ** 3)
        if sigmas ** (2 * nodes) * factor * derivative < _RELATIVE_ERROR:
            return nodes
    raise ValueError("the FWHM is too small for these pixels: at least an eighth of one")


def pixel_means(
    profile: Callable[[FloatArray, FloatArray], FloatArray],
    edges_mm: tuple[FloatArray, FloatArray],
    where: BoolArray,
    nodes: tuple[int, int],
) -> FloatArray:
    """Return the mean of ``profile(x, y)`` over each pixel that ``where`` marks.

    Parameters
    ----------
    edges_mm : edges of the pixels in x and in y, shapes (columns + 1,) and (rows + 1,)
    where : shape (rows, columns)
    nodes : number of Gauss-Legendre nodes along x and along y

    Returns
    -------
    shape (number of marked pixels,), in the order of ``np.nonzero(where)``
    """
    rows, columns = np.nonzero(where)
    (x_middle, x_half), (y_middle, y_half) = (_halves(edges) for edges in edges_mm)
    total = np.zeros(rows.size)
    for at_y, weight_y in zip(*np.polynomial.legendre.leggauss(nodes[1]), strict=True):
        y = (y_middle + at_y * y_half)[rows]
        for at_x, weight_x in zip(*np.polynomial.legendre.leggauss(nodes[0]), strict=True):
            total += weight_x * weight_y / 4 * profile((x_middle + at_x * x_half)[columns], y)
    return total


def _halves(edges_mm: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the middles and the half widths of intervals."""
    return centres(edges_mm), np.diff(edges_mm) / 2


def full_width_mm(profile: Callable[[FloatArray], FloatArray], part: float, reach_mm: float) -> float | None:
    """Return the full width of an even profile, falling from 0 outwards, at a part of its peak.

    By bisection, to rounding. None where the profile does not fall that low within ``reach_mm``.
    """
    level = part * float(profile(np.zeros(())))
    low, high = 0.0, reach_mm
    if float(profile(np.asarray(high))) >= level:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if float(profile(np.asarray(middle))) > level:
            low = middle
        else:
            high = middle
    return low + high


def over_pixel(
    profile: Callable[[FloatArray], FloatArray], axis: Point, spacing_mm: tuple[float, float]
) -> Callable[[FloatArray], FloatArray]:
    """Return a profile along ``axis`` averaged over pixels of the given size (down, along) centred on it."""
    at, weight = np.polynomial.legendre.leggauss(_NODES_FOR_WIDTHS)
    x, y = at / 2 * spacing_mm[1] * axis[0], at / 2 * spacing_mm[0] * axis[1]
    offsets, weights = np.add.outer(x, y).ravel(), np.multiply.outer(weight, weight).ravel() / 4

    def averaged(distance_mm: FloatArray) -> FloatArray:
        return np.asarray(profile(np.add.outer(distance_mm, offsets)) @ weights)

    return averaged
