"""Parts of the finder: the hexagon, the nominal outline, and the variance of a fit in correlated noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from nmqc.measure.grid import Axis
from nmqc.pet.background_noise import background_noise
from nmqc.pet.body import TOWARDS_FLAT_MM, Body, nominal_depth
from nmqc.pet.coarse import Coarse
from nmqc.pet.correlation import Noise
from nmqc.pet.ring import circle, fit_hexagon, sphere_angles
from tests.pet.simulate import FWHM_PER_SIGMA, field, volume_of


@pytest.mark.parametrize("sense", [1, -1])
def test_a_hexagon_turned_and_moved_is_found_exactly(sense):
    angles = sphere_angles(sense)
    flat = 58.3 * np.stack([np.cos(np.radians(angles)), np.sin(np.radians(angles)), 0 * angles], axis=1)
    turn = Rotation.from_euler("zyx", [130, 7, -4], degrees=True).as_matrix()
    there = flat @ turn.T + (10.0, -20.0, 30.0)
    weights = np.array([1.0, 0.0, 2.0, 1.0, 0.0, 3.0])
    spoiled = there + 50 * (weights == 0)[:, None]  # without weight it must not matter
    found = fit_hexagon(spoiled, angles, weights)
    assert found.centre_mm == pytest.approx((10, -20, 30), abs=1e-9)  # arithmetic only
    assert found.radius_mm == pytest.approx(58.3, abs=1e-9)
    assert np.abs(found.turn - turn).max() < 1e-12
    assert np.abs(found.corners_mm - there).max() < 1e-9


def test_the_outline_has_the_area_and_the_centroid_of_its_arcs():
    grid = np.arange(-160, 160.0, 0.5) + 0.25
    x, y = np.meshgrid(grid, grid)
    for flat_deg in (90.0, 33.0):
        inside = nominal_depth(x, y, flat_deg) > 0
        # pi 147^2 / 2 + pi 77^2 / 2 + 140 x 77; a boundary of 850 mm in cells of 0.5 mm
        assert inside.sum() * 0.25 == pytest.approx(54037, rel=1e-3)
        towards = np.cos(np.radians(flat_deg)), np.sin(np.radians(flat_deg))
        assert (x[inside].mean(), y[inside].mean()) == pytest.approx(
            tuple(TOWARDS_FLAT_MM * one for one in towards), abs=0.1
        )


def test_depth_below_the_wall_at_places_known_by_hand():
    x, y = np.array([0.0, 0.0, 147.0, -140.0, 147.0]), np.array([-112.0, 112.0, 35.0, 35.0, 112.0])
    # top, flat side, widest point, 7 mm from it, beyond the corner: hypot(77, 77) - 77
    assert nominal_depth(x, y, 90.0) == pytest.approx([0, 0, 0, 7, 77 - np.hypot(77, 77)], abs=1e-9)


def test_variance_of_a_weighted_sum_in_correlated_noise():
    sigma_px = (1.2, 0.9, 1.5)
    along = tuple(np.exp(-((np.arange(9) / one) ** 2) / 4) for one in sigma_px)
    gain = np.random.default_rng(4).standard_normal((6, 7, 8)).cumsum(axis=2)
    draws = []
    for seed in range(12):
        field = gaussian_filter(
            np.random.default_rng(seed).standard_normal((48, 70, 80)), sigma_px, mode="wrap"
        )
        blocks = (5.0 * field / field.std()).reshape(8, 6, 10, 7, 10, 8)
        draws.append(np.einsum("aibjck,ijk->abc", blocks, gain).ravel())
    predicted = Noise(5.0, along, 1).variance(gain)
    # 9600 sums, neighbours correlated: at least a fifth of them count; three standard errors
    assert np.var(draws) == pytest.approx(predicted, rel=3 * np.sqrt(2 / 1900))
    assert Noise(5.0, (np.ones(1),) * 3, 1).variance(gain) == pytest.approx(25 * (gain**2).sum())


def test_the_circle_that_is_searched_is_square_to_the_axis():
    axes = Axis.of_matrix(40, 3.0), Axis.of_matrix(80, 4.0), Axis.of_matrix(84, 4.0)
    image = Coarse(np.zeros((40, 80, 84)), *axes)
    found = Body(
        np.zeros((40, 80, 84), bool), 1.0, 5.0, -8.0, 0.12, -0.15, 90.0, (0, 40), -60.0, 60.0, (True, True)
    )
    places = circle(image, found, np.array([7, 31]), (3.0, -6.0))
    for k, ring in zip((7, 31), places, strict=True):
        z_mm = axes[0].centres_mm[k]
        from_centre = ring - (5.0 + 0.12 * z_mm + 3.0, -8.0 - 0.15 * z_mm - 6.0, z_mm)
        assert np.abs(from_centre @ (0.12, -0.15, 1.0)).max() < 1e-9  # arithmetic only
        assert np.hypot(from_centre[:, 0], from_centre[:, 1]) == pytest.approx(57.2)


def test_noisy_slices_do_not_count_in_the_noise_of_the_background():
    shape, spacing = (40, 90, 100), (3.0, 3.5, 3.3)
    size = np.full(40, 50.0)
    size[14:18] = 400.0  # four slices of the 20 within 30 mm of the plane
    volume = volume_of(1000 + size[:, None, None] * field(shape, spacing, 7.0, 2), spacing)
    mask = np.zeros((40, 80, 84), bool)
    around = Body(mask, 1000.0, 0.0, 0.0, 0.0, 0.0, 90.0, (0, 40), -60.0, 60.0, (False, False))
    level, noise = background_noise(volume, around, 4.0)
    # of about 3,000 voxels of 36 mm2 in a slice 180 are independent: 5 %, in a median of 16 a third of it
    assert noise.sd == pytest.approx(50.0, rel=0.05)
    assert level == pytest.approx(1000.0, abs=4.0)
    for pitch, one in zip(spacing, noise.along, strict=True):
        assert one[1] == pytest.approx(np.exp(-((pitch * FWHM_PER_SIGMA / 7.0) ** 2) / 4), abs=0.05)
