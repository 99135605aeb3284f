from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf, i0e, i1e
from scipy.stats import maxwell

from nmqc.pet.anisotropic import bessel_scaled, blurred_sphere
from nmqc.pet.sphere import error_function, profile

FWHM = 2.3548200450309493
RADII = (5.0, 6.5, 18.5)


def shells(r: float, radius: float, sigma: float) -> float:
    """The same by the blurred shells of the ball: a quadrature that shares no formula with the closed form."""

    def shell(s: float) -> float:
        return s * (np.exp(-(((r - s) / sigma) ** 2) / 2) - np.exp(-(((r + s) / sigma) ** 2) / 2))

    total = quad(shell, 0, radius, epsabs=1e-13, epsrel=1e-12, points=[min(r, radius)], limit=200)[0]
    return total / (r * sigma * np.sqrt(2 * np.pi))


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("fwhm", [3.0, 5.0, 8.0])
def test_a_blurred_sphere_is_the_sum_of_its_shells(radius: float, fwhm: float) -> None:
    sigma = fwhm / FWHM
    for r in (0.01, 0.6, radius / 2, radius, radius + 5):
        assert profile(r, radius, sigma) == pytest.approx(shells(r, radius, sigma), abs=1e-10)  # as promised


@pytest.mark.parametrize("radius", RADII)
def test_the_centre_is_a_maxwell_distribution(radius: float) -> None:
    for sigma in (0.5, 2.0, 9.0):
        truth = maxwell.cdf(radius / sigma)
        near = profile(np.array([0.0, 1e-300, 1e-14, 1e-9, 1e-6, 1e-4]), radius, sigma)
        assert near == pytest.approx(
            truth, abs=1e-9
        )  # the profile is flat there: (r / sigma)^2 is below 4e-8


def test_blurring_keeps_the_activity() -> None:
    r = np.linspace(0, 40, 8001)
    held = 4 * np.pi * np.trapezoid(r**2 * profile(r, 8.5, 2.3), r)
    assert held == pytest.approx(4 / 3 * np.pi * 8.5**3, rel=1e-6)  # the trapezoid rule's own step, 5 um


@pytest.mark.parametrize(
    ("fwhm", "centres"),
    [
        (4, (0.966, 0.998, 1, 1, 1, 1)),
        (5, (0.869, 0.976, 0.999, 1, 1, 1)),
        (6, (0.736, 0.914, 0.989, 1, 1, 1)),
        (7, (0.607, 0.821, 0.959, 0.997, 1, 1)),
        (8, (0.499, 0.718, 0.905, 0.986, 0.999, 1)),
    ],
)
def test_the_oracle_of_centre_values(fwhm: float, centres: tuple[float, ...]) -> None:
    # 10:1, wall 1 mm: the table of noise-free expectations
    for diameter, truth in zip((10, 13, 17, 22, 28, 37), centres, strict=True):
        radius, sigma = diameter / 2, fwhm / FWHM
        value = profile(0.0, radius, sigma) + 0.1 * (1 - profile(0.0, radius + 1, sigma))
        assert value == pytest.approx(truth, abs=0.00051)  # the table has three digits


def test_the_functions_without_scipy() -> None:
    t = np.linspace(-8, 8, 40_001)
    assert error_function(t) == pytest.approx(erf(t), abs=2e-11)  # as promised
    x = np.concatenate([np.linspace(0, 30, 30_001), np.geomspace(30, 1e5, 1000)])
    for found, truth in zip(bessel_scaled(x), (i0e(x), i1e(x)), strict=True):
        assert found == pytest.approx(truth, abs=1e-9)  # as promised


def test_equal_blur_is_the_closed_form() -> None:
    d, z = np.linspace(0, 33, 41), np.linspace(-31, 33, 37)
    for radius in RADII:
        for sigma in (0.6, 1.7, 3.4, 8.5):
            closed = profile(np.hypot(d[:, None], z), radius, sigma)
            assert blurred_sphere(d, z, radius, sigma, sigma) == pytest.approx(
                closed, abs=1e-8
            )  # as promised


def hermite(sigma: float) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    return nodes * sigma, weights / weights.sum()


@pytest.mark.parametrize("radius", RADII)
def test_more_blur_along_the_axis_is_that_much_more_along_it(radius: float) -> None:
    across, along = 2.0, 2.6
    d, z = np.linspace(0, radius + 8, 9), np.linspace(-radius - 8, radius + 7, 11)
    shifts, weights = hermite(np.sqrt(along**2 - across**2))
    brute = sum(
        w * profile(np.hypot(d[:, None], z + t), radius, across) for t, w in zip(shifts, weights, strict=True)
    )
    assert blurred_sphere(d, z, radius, across, along) == pytest.approx(brute, abs=1e-8)


@pytest.mark.parametrize("radius", RADII)
def test_more_blur_across_the_axis_is_that_much_more_across_it(radius: float) -> None:
    across, along = 2.6, 2.0
    d, z = np.linspace(0, radius + 8, 9), np.linspace(-radius - 8, radius + 7, 11)
    shifts, weights = hermite(np.sqrt(across**2 - along**2))
    brute = sum(
        w * v * profile(np.sqrt((d[:, None] + t) ** 2 + s**2 + z**2), radius, along)
        for t, w in zip(shifts, weights, strict=True)
        for s, v in zip(shifts, weights, strict=True)
    )
    assert blurred_sphere(d, z, radius, across, along) == pytest.approx(brute, abs=1e-8)
