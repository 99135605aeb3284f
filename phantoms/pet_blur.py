"""Spheres and discs blurred by a Gaussian that is round across the scanner's axis: sigma (transaxial, axial).

A sphere in a round Gaussian has a closed form. In one that is not, it has none: with u = R sin(t) the distance of a
chord from the axis and h = R cos(t) its half length, the value at the distance rho from the axis and the height z is

    integral of t from 0 to pi/2 of  u h / s^2 exp(-(rho - u)^2 / 2 s^2) I0e(rho u / s^2)
                                     (cdf((z + h) / s_z) - cdf((z - h) / s_z))

where I0e is the modified Bessel function of order 0 times exp(-argument): the angle about the axis is integrated
already. Its integrand is smooth up to both ends, so Gauss-Legendre nodes converge fast, and a product of what depends
on rho and what depends on z is summed: a matrix product gives all voxels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from phantoms.pixels import FWHM_PER_SIGMA, TAIL_SIGMAS, FloatArray, normal_cdf, smoothed_interval
from phantoms.spread import node_count

Sigmas = tuple[float, float]
Axes = tuple[FloatArray, FloatArray, FloatArray]

_FEWEST_NODES, _NODES_PER_SIGMA = 14, 2.2
_DISC_NODES = 48
_DISC_STEPS_PER_SIGMA = 64


def sigmas_of(fwhm_mm: tuple[float, float]) -> Sigmas:
    """Return the standard deviations (transaxial, axial) of a Gaussian of these full widths at half maximum."""
    if not all(0 < width < math.inf for width in fwhm_mm):
        raise ValueError("the FWHM must be two positive numbers of millimetres: transaxial, axial")
    return fwhm_mm[0] / FWHM_PER_SIGMA, fwhm_mm[1] / FWHM_PER_SIGMA


def blurred_sphere(rho_mm: ArrayLike, z_mm: ArrayLike, radius_mm: float, sigmas_mm: Sigmas) -> FloatArray:
    """Return a sphere of height 1 blurred by a Gaussian, at points.

    Parameters
    ----------
    rho_mm, z_mm : distance from the axis through the sphere's centre, and height above the centre
    sigmas_mm : (transaxial, axial)

    Returns
    -------
    of the shape of both together, from 0 to 1: the closed form where the sigmas are equal, else the integral,
    right to 1e-9
    """
    rho, z = np.broadcast_arrays(np.asarray(rho_mm, dtype=np.float64), np.asarray(z_mm, dtype=np.float64))
    if sigmas_mm[0] == sigmas_mm[1]:
        return sphere_profile(np.hypot(rho, z), radius_mm, sigmas_mm[0])
    chords = _chords(radius_mm, sigmas_mm)
    across = _across(rho, chords, sigmas_mm[0])
    return np.asarray(np.sum(across * _along(z, chords, sigmas_mm[1]), axis=0))


def sphere_profile(distance_mm: ArrayLike, radius_mm: float, sigma_mm: float) -> FloatArray:
    """Return a sphere of height 1 blurred by a round Gaussian, at distances from its centre.

    With a = r / (sqrt(2) sigma) and A = R / (sqrt(2) sigma):
    (erf(a + A) - erf(a - A)) / 2 - (exp(-(a - A)^2) - exp(-(a + A)^2)) / (2 sqrt(pi) a), which is
    erf(A) - 2 A exp(-A^2) / sqrt(pi) at a = 0. The second term is written with expm1: exact at small a.
    """
    from scipy.special import erf

    at = np.abs(np.asarray(distance_mm, dtype=np.float64)) / (math.sqrt(2) * sigma_mm)
    edge = radius_mm / (math.sqrt(2) * sigma_mm)
    safe = np.where(at == 0, 1.0, at)
    ratio = np.where(at == 0, 4 * edge, -np.expm1(-4 * safe * edge) / safe)
    lost = np.exp(-((at - edge) ** 2)) * ratio / (2 * math.sqrt(math.pi))
    return np.asarray((erf(at + edge) - erf(at - edge)) / 2 - lost)


def sphere_at_points(axes_mm: Axes, radius_mm: float, sigmas_mm: Sigmas) -> FloatArray:
    """Return a blurred sphere at the points of a grid.

    Parameters
    ----------
    axes_mm : z, y and x of the points, from the sphere's centre

    Returns
    -------
    shape (len(z), len(y), len(x))
    """
    z, y, x = axes_mm
    rho = np.hypot(y[:, np.newaxis], x[np.newaxis, :])
    if sigmas_mm[0] == sigmas_mm[1]:
        return blurred_sphere(rho, z[:, np.newaxis, np.newaxis], radius_mm, sigmas_mm)
    chords = _chords(radius_mm, sigmas_mm)
    return np.tensordot(_along(z, chords, sigmas_mm[1]), _across(rho, chords, sigmas_mm[0]), axes=(0, 0))


def sphere_in_voxels(edges_mm: Axes, radius_mm: float, sigmas_mm: Sigmas) -> FloatArray:
    """Return the mean of a blurred sphere over each voxel of a grid, right to 1e-8.

    By the integral for round Gaussians too: its mean along z is exact, and across the axis Gauss-Legendre nodes in
    each voxel take it.

    Parameters
    ----------
    edges_mm : edges of the voxels in z, y and x, from the sphere's centre

    Returns
    -------
    shape (slices, rows, columns)
    """
    z_edges, y_edges, x_edges = edges_mm
    chords = _chords(radius_mm, sigmas_mm)
    across = np.zeros((len(chords), y_edges.size - 1, x_edges.size - 1))
    for y, y_weight in _nodes(y_edges, sigmas_mm[0]):
        for x, x_weight in _nodes(x_edges, sigmas_mm[0]):
            rho = np.hypot(y[:, np.newaxis], x[np.newaxis, :])
            across += y_weight * x_weight * _across(rho, chords, sigmas_mm[0])
    along = np.array([smoothed_interval(z_edges, 2 * half, sigmas_mm[1]) for _, half, _ in chords])
    return np.tensordot(along, across, axes=(0, 0))


def _chords(radius_mm: float, sigmas_mm: Sigmas) -> FloatArray:
    """Return (distance from the axis, half length, weight) of a sphere's chords, shape (nodes, 3)."""
    count = _FEWEST_NODES + math.ceil(_NODES_PER_SIGMA * radius_mm / min(sigmas_mm))
    at, weight = np.polynomial.legendre.leggauss(count)
    turn = (at + 1) * math.pi / 4
    u, h = radius_mm * np.sin(turn), radius_mm * np.cos(turn)
    return np.stack([u, h, weight * math.pi / 4 * u * h], axis=1)


def _across(rho_mm: FloatArray, chords: FloatArray, sigma_mm: float) -> FloatArray:
    """Return the weight of each chord at distances from the axis, shape (chords, *shape of rho)."""
    from scipy.special import i0e

    u, weight = (chords[:, part].reshape(-1, *[1] * rho_mm.ndim) for part in (0, 2))
    near = np.exp(-((rho_mm - u) ** 2) / (2 * sigma_mm**2))
    return np.asarray(weight / sigma_mm**2 * near * i0e(rho_mm * u / sigma_mm**2))


def _along(z_mm: FloatArray, chords: FloatArray, sigma_mm: float) -> FloatArray:
    """Return each chord blurred along the axis, shape (chords, *shape of z)."""
    h = chords[:, 1].reshape(-1, *[1] * z_mm.ndim)
    return normal_cdf((z_mm + h) / sigma_mm) - normal_cdf((z_mm - h) / sigma_mm)


def _nodes(edges_mm: FloatArray, sigma_mm: float) -> list[tuple[FloatArray, float]]:
    """Return Gauss-Legendre nodes in each interval, and their weights, which sum to 1: right to 1e-8 of a peak."""
    size = np.diff(edges_mm)
    at, weight = np.polynomial.legendre.leggauss(node_count(float(size.max()) / sigma_mm) - 1)
    middle = (edges_mm[:-1] + edges_mm[1:]) / 2
    return [(middle + place * size / 2, float(part) / 2) for place, part in zip(at, weight, strict=True)]


class BlurredDisc:
    """A disc of height 1 blurred by a round Gaussian of two dimensions, tabulated by the distance from its centre.

    Its integral over the radius is taken with Gauss-Legendre nodes; between the entries of the table, 1/64 sigma
    apart, it is right to 1e-5.
    """

    def __init__(self, radius_mm: float, sigma_mm: float) -> None:
        reach = radius_mm + (TAIL_SIGMAS + 1) * sigma_mm
        self._rho = np.linspace(0, reach, 2 + math.ceil(reach / sigma_mm * _DISC_STEPS_PER_SIGMA))
        self._values = _disc(self._rho, radius_mm, sigma_mm)

    def at(self, rho_mm: FloatArray) -> FloatArray:
        """Return the disc at distances from its centre."""
        return np.asarray(np.interp(rho_mm, self._rho, self._values, right=0.0))


def _disc(rho_mm: FloatArray, radius_mm: float, sigma_mm: float) -> FloatArray:
    """Return the integral of u / s^2 exp(-(rho - u)^2 / 2 s^2) I0e(rho u / s^2) over the radii u near each rho."""
    from scipy.special import i0e

    low = np.clip(rho_mm - (TAIL_SIGMAS + 2) * sigma_mm, 0, radius_mm)
    high = np.clip(rho_mm + (TAIL_SIGMAS + 2) * sigma_mm, 0, radius_mm)
    total = np.zeros(rho_mm.shape)
    for at, weight in zip(*np.polynomial.legendre.leggauss(_DISC_NODES), strict=True):
        u = low + (high - low) * (at + 1) / 2
        density = np.exp(-((rho_mm - u) ** 2) / (2 * sigma_mm**2)) * i0e(rho_mm * u / sigma_mm**2)
        total += weight * (high - low) / 2 * u / sigma_mm**2 * density
    return total
