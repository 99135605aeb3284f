"""Blurred spheres and discs against brute force, other closed forms, and published tables."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import chndtr

from phantoms.pet_blur import (
    BlurredDisc,
    blurred_sphere,
    sigmas_of,
    sphere_at_points,
    sphere_in_voxels,
    sphere_profile,
)

SIGMA = 1 / math.sqrt(8 * math.log(2))  # standard deviation of a Gaussian of FWHM 1
DIAMETERS = (10.0, 13.0, 17.0, 22.0, 28.0, 37.0)
SIGMAS = [(2.1, 2.1), (1.3, 3.4), (3.1, 1.2)]
AT, WEIGHT = np.polynomial.legendre.leggauss(120)

# Contrast recovery in %, 10 to 37 mm: rows 4, 5, 6, 7, 8 mm FWHM; computed elsewhere, given to 0.1.
HOT_NO_WALL = (
    (67.2, 75.7, 82.1, 86.5, 89.6, 92.3),
    (57.7, 68.6, 76.9, 82.7, 86.7, 90.2),
    (48.6, 61.3, 71.6, 78.8, 83.8, 88.1),
    (40.4, 54.1, 66.1, 74.8, 80.8, 85.9),
    (33.4, 47.3, 60.5, 70.6, 77.7, 83.7),
)
HOT_4 = (
    (61.6, 71.5, 78.9, 84.1, 87.7, 90.8),
    (51.9, 64.2, 73.6, 80.2, 84.7, 88.7),
    (42.9, 56.8, 68.1, 76.2, 81.7, 86.5),
    (35.0, 49.6, 62.5, 72.0, 78.7, 84.3),
    (28.5, 42.9, 56.9, 67.8, 75.5, 82.0),
)
HOT_8 = (
    (64.8, 73.9, 80.7, 85.4, 88.8, 91.6),
    (55.2, 66.7, 75.5, 81.6, 85.9, 89.5),
    (46.2, 59.4, 70.1, 77.7, 82.9, 87.4),
    (38.1, 52.2, 64.5, 73.6, 79.9, 85.2),
    (31.3, 45.4, 58.9, 69.4, 76.8, 83.0),
)
COLD = (
    (84.0, 88.4, 91.6, 93.8, 95.3, 96.5),
    (75.1, 82.0, 87.1, 90.5, 92.8, 94.7),
    (65.7, 75.1, 82.1, 86.8, 90.1, 92.7),
    (56.6, 67.8, 76.8, 83.0, 87.2, 90.7),
    (48.1, 60.6, 71.3, 79.0, 84.2, 88.6),
)
OFF_CENTRE_Z = (  # FWHM 5, 4:1: 0, 1, 2, 3 mm off along z
    (51.9, 64.2, 73.6, 80.2, 84.7, 88.7),
    (49.7, 62.6, 72.7, 79.6, 84.4, 88.5),
    (43.2, 57.9, 69.8, 78.0, 83.4, 88.0),
    (33.8, 50.1, 64.9, 75.1, 81.7, 87.0),
)
OFF_CENTRE_IN_PLANE = (
    (51.9, 64.2, 73.6, 80.2, 84.7, 88.7),
    (50.4, 62.9, 72.6, 79.3, 84.1, 88.2),
    (46.4, 59.4, 69.7, 77.1, 82.3, 86.8),
    (40.3, 54.1, 65.3, 73.5, 79.4, 84.6),
)
CENTRE = (
    (0.966, 0.998, 1, 1, 1, 1),
    (0.869, 0.976, 0.999, 1, 1, 1),
    (0.736, 0.914, 0.989, 1, 1, 1),
    (0.607, 0.821, 0.959, 0.997, 1, 1),
    (0.499, 0.718, 0.905, 0.986, 0.999, 1),
)
A50 = (
    (0.716, 0.779, 0.824, 0.859, 0.886, 0.911),
    (0.628, 0.728, 0.787, 0.829, 0.861, 0.891),
    (0.530, 0.665, 0.750, 0.800, 0.837, 0.872),
    (0.441, 0.592, 0.708, 0.772, 0.814, 0.854),
    (0.368, 0.518, 0.657, 0.743, 0.793, 0.836),
)
PEAK = (
    (0.471, 0.746, 0.957, 0.999, 1, 1),
    (0.430, 0.677, 0.909, 0.993, 1, 1),
    (0.390, 0.611, 0.852, 0.977, 0.999, 1),
    (0.351, 0.549, 0.789, 0.951, 0.996, 1),
    (0.315, 0.492, 0.725, 0.913, 0.988, 1),
)


def brute_force(rho: float, z: float, radius: float, sigmas: tuple[float, float]) -> float:
    """Integrate the Gaussian about a point over the ball, in spherical coordinates: no error function, no Bessel."""
    r = (AT + 1) / 2 * radius
    shell = WEIGHT * radius / 2 * r**2
    turn = np.arange(160) * 2 * math.pi / 160
    r, cosine, turn = np.meshgrid(r, AT, turn, indexing="ij")
    across = r * np.sqrt(1 - cosine**2)
    square = (across * np.cos(turn) - rho) ** 2 + (across * np.sin(turn)) ** 2
    density = np.exp(-square / (2 * sigmas[0] ** 2) - (r * cosine - z) ** 2 / (2 * sigmas[1] ** 2))
    held = np.einsum("i,j,ijk->", shell, WEIGHT, density) * 2 * math.pi / 160
    return float(held / ((2 * math.pi) ** 1.5 * sigmas[0] ** 2 * sigmas[1]))


@pytest.mark.parametrize("sigmas", SIGMAS)
@pytest.mark.parametrize("radius", [5.0, 18.5])
def test_sphere_by_brute_force(radius: float, sigmas: tuple[float, float]) -> None:
    for rho, z in [(0, 0), (radius / 2, 0), (0, radius), (radius, 1.7), (3.3, radius + 5), (radius + 5, 0)]:
        found = float(blurred_sphere(rho, z, radius, sigmas))
        # 120 x 120 x 160 nodes over a Gaussian of sigma above radius / 16
        assert found == pytest.approx(brute_force(rho, z, radius, sigmas), abs=1e-10)


def test_closed_form_and_integral_are_one() -> None:
    rho, z = np.linspace(0, 30, 40)[:, np.newaxis], np.linspace(-28, 28, 33)
    for radius in (5.0, 19.5):
        for sigma in (1.3, 3.4):
            closed = blurred_sphere(rho, z, radius, (sigma, sigma))
            nearly = blurred_sphere(rho, z, radius, (sigma, sigma * (1 + 1e-12)))  # takes the integral
            assert np.abs(closed - nearly).max() < 1e-9


def test_profile_near_its_centre() -> None:
    """The quotient of the closed form loses all its digits below 1e-7 mm if it is written as it is printed."""
    middle = float(sphere_profile(0.0, 5.0, 2.0))
    edge = 5 / 2 / math.sqrt(2)
    assert middle == pytest.approx(
        math.erf(edge) - 2 * edge * math.exp(-(edge**2)) / math.sqrt(math.pi), rel=1e-14
    )
    for distance in (1e-300, 1e-12, 1e-8, 1e-6):
        assert float(sphere_profile(distance, 5.0, 2.0)) == pytest.approx(middle, rel=1e-12)
    assert float(sphere_profile(-7.0, 5.0, 2.0)) == float(sphere_profile(7.0, 5.0, 2.0))
    assert np.diff(sphere_profile(np.linspace(0, 30, 400), 5.0, 2.0)).max() < 1e-15  # rounding


@pytest.mark.parametrize("sigmas", SIGMAS)
def test_voxels_are_means(sigmas: tuple[float, float]) -> None:
    """Against 16 nodes a side in each voxel, at odd sizes; and no activity is lost."""
    z, y, x = (np.arange(-n, n + 1) * size + 0.37 for n, size in ((15, 3.3), (18, 2.1), (19, 1.7)))
    voxels = sphere_in_voxels((z, y, x), 8.5, sigmas)
    assert voxels.shape == (30, 36, 38)
    at, weight = np.polynomial.legendre.leggauss(16)
    for k, j, i in [(15, 18, 19), (17, 14, 15), (12, 18, 23), (15, 22, 19), (19, 18, 19)]:
        axes = [e[n] + (at + 1) / 2 * (e[n + 1] - e[n]) for e, n in ((z, k), (y, j), (x, i))]
        points = blurred_sphere(
            np.hypot(axes[1][:, None], axes[2])[None], axes[0][:, None, None], 8.5, sigmas
        )
        mean = np.einsum("i,j,k,ijk->", weight, weight, weight, points) / 8
        assert voxels[k, j, i] == pytest.approx(mean, abs=1e-8)
    assert voxels.sum() * 3.3 * 2.1 * 1.7 == pytest.approx(4 / 3 * math.pi * 8.5**3, rel=1e-7)


@pytest.mark.parametrize("sigmas", SIGMAS)
def test_points_of_a_grid(sigmas: tuple[float, float]) -> None:
    z, y, x = np.array([-4.0, 3.0]), np.array([1.0, 7.0, 9.0]), np.array([-2.0, 0.0, 5.0, 11.0])
    values = sphere_at_points((z, y, x), 8.5, sigmas)
    assert values.shape == (2, 3, 4)
    assert values[1, 2, 3] == pytest.approx(
        float(blurred_sphere(math.hypot(9, 11), 3, 8.5, sigmas)), abs=1e-9
    )
    assert values[0, 0, 2] == pytest.approx(
        float(blurred_sphere(math.hypot(1, 5), -4, 8.5, sigmas)), abs=1e-9
    )


@pytest.mark.parametrize(("radius", "sigma"), [(25.0, 2.0), (100.0, 1.5), (97.0, 4.0)])
def test_disc_is_a_noncentral_chi_square(radius: float, sigma: float) -> None:
    """The blurred disc is the chance that a point thrown at rho with a spread of sigma falls into it."""
    rho = np.linspace(0, radius + 30, 777)
    truth = chndtr((radius / sigma) ** 2, 2, (rho / sigma) ** 2)
    # linear between entries 1/64 sigma apart: (1/64)^2 / 8 x 0.24, the largest curvature of a blurred edge
    assert np.abs(BlurredDisc(radius, sigma).at(rho) - truth).max() < 1e-5


def test_widths_are_checked() -> None:
    assert sigmas_of((2 * math.sqrt(2 * math.log(2)), 4.0)) == pytest.approx((1.0, 4 * SIGMA))
    with pytest.raises(ValueError, match="transaxial, axial"):
        sigmas_of((5.0, 0.0))


def model(diameter: float, fwhm: float, ratio: float, wall: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return the radial profile of a sphere with its cold wall in a background of 1."""
    radius, sigma = diameter / 2, fwhm * SIGMA
    return lambda r: 1 + ratio * sphere_profile(r, radius, sigma) - sphere_profile(r, radius + wall, sigma)


def disc_mean(
    profile: Callable[[np.ndarray], np.ndarray], radius: float, off: float = 0.0, up: float = 0.0
) -> float:
    """Return the mean over a disc whose centre lies off the sphere's, in its plane and along z."""
    r = (AT + 1) / 2 * radius
    turn = np.arange(64) * 2 * math.pi / 64
    square = r[:, np.newaxis] ** 2 + off**2 + 2 * off * r[:, np.newaxis] * np.cos(turn) + up**2
    return float(np.sum(WEIGHT * r * profile(np.sqrt(square)).mean(axis=1)) / radius)


@pytest.mark.parametrize(
    ("table", "ratio", "wall"), [(HOT_NO_WALL, 4.0, 0.0), (HOT_4, 4.0, 1.0), (HOT_8, 8.0, 1.0)]
)
def test_published_contrast_of_hot_spheres(
    table: tuple[tuple[float, ...], ...], ratio: float, wall: float
) -> None:
    for fwhm, row in zip((4, 5, 6, 7, 8), table, strict=True):
        for diameter, published in zip(DIAMETERS, row, strict=True):
            mean = disc_mean(model(diameter, fwhm, ratio, wall), diameter / 2)
            assert 100 * (mean - 1) / (ratio - 1) == pytest.approx(published, abs=0.051)  # given to 0.1


def test_published_contrast_of_cold_spheres() -> None:
    for fwhm, row in zip((4, 5, 6, 7, 8), COLD, strict=True):
        for diameter, published in zip(DIAMETERS, row, strict=True):
            mean = disc_mean(model(diameter, fwhm, 0.0, 1.0), diameter / 2)
            assert 100 * (1 - mean) == pytest.approx(published, abs=0.051)


def test_published_contrast_off_the_centre() -> None:
    for off, along_z, in_plane in zip((0, 1, 2, 3), OFF_CENTRE_Z, OFF_CENTRE_IN_PLANE, strict=True):
        for diameter, up, aside in zip(DIAMETERS, along_z, in_plane, strict=True):
            profile = model(diameter, 5.0, 4.0, 1.0)
            assert 100 * (disc_mean(profile, diameter / 2, up=off) - 1) / 3 == pytest.approx(up, abs=0.051)
            # the row for 2 mm was never corrected: up to 0.1 too high, like the others before
            found = 100 * (disc_mean(profile, diameter / 2, off) - 1) / 3
            assert found == pytest.approx(aside, abs=0.11 if off == 2 else 0.051)


def ball_mean(profile: Callable[[np.ndarray], np.ndarray], radius: float) -> float:
    r = (AT + 1) / 2 * radius
    return float(np.sum(WEIGHT * radius / 2 * r**2 * profile(r)) * 3 / radius**3)


def test_published_recovery() -> None:
    """Centre, 50 % isocontour adapted to the background, and mean of 1 mL, over 10:1."""
    peak_radius = (3 / (4 * math.pi) * 1000) ** (1 / 3)
    for row, fwhm in enumerate((4, 5, 6, 7, 8)):
        for column, diameter in enumerate(DIAMETERS):
            profile = model(diameter, fwhm, 10.0, 1.0)
            middle = float(profile(np.zeros(1))[0])
            r = np.linspace(0, diameter, 20_001)
            border = r[np.argmax(profile(r) < (1 + middle) / 2)]
            # given to 0.001, and made on a fine grid: off by one in the last digit
            assert middle / 10 == pytest.approx(CENTRE[row][column], abs=0.0015)
            assert ball_mean(profile, border) / 10 == pytest.approx(A50[row][column], abs=0.0015)
            assert ball_mean(profile, peak_radius) / 10 == pytest.approx(PEAK[row][column], abs=0.0015)
