"""The IEC body phantom and the cylinder as volumes: where things are, what is in them, and their noise."""

import dataclasses
import math

import numpy as np
import pytest

from phantoms.pet import SPHERES_MM, Cylinder, IecBody
from phantoms.pet_blur import sphere_in_voxels, sphere_profile
from phantoms.pet_noise import correlated_noise
from phantoms.pet_volume import PetPhantom

SIGMA = 1 / math.sqrt(8 * math.log(2))
SMALL = IecBody(
    matrix=(82, 104), slices=40, voxel_mm=(4.6, 3.4, 3.1), fwhm_mm=(6.5, 5.5), centre_mm=(7.3, -4.9, -16.0)
)
PLATEAU = dataclasses.replace(SMALL, fwhm_mm=(4.0, 3.7))


def value_at(phantom: PetPhantom, values: np.ndarray, place: tuple[float, float, float]) -> float:
    """Return the value of the voxel nearest to x, y, z."""
    rows, columns = phantom.matrix
    step, down, along = phantom.voxel_mm
    x, y, z = place
    index = (
        z / step + (phantom.slices - 1) / 2,
        y / down + (rows - 1) / 2,
        x / along + (columns - 1) / 2,
    )
    return float(values[tuple(round(part) for part in index)])


def test_spheres_lie_on_the_ring() -> None:
    """37 mm at the phase, then descending; straight from the sines."""
    for sense in (1, -1):
        phantom = dataclasses.replace(SMALL, rotation_deg=110.0, sense=sense)
        for step, diameter in enumerate((37.0, 28.0, 22.0, 17.0, 13.0, 10.0)):
            angle = math.radians(110 + sense * 60 * step)
            sphere = next(s for s in phantom.truth().spheres if s.diameter_mm == diameter)
            there = (7.3 + 57.2 * math.cos(angle), -4.9 + 57.2 * math.sin(angle), -16.0)
            assert (sphere.x_mm, sphere.y_mm, sphere.z_mm) == pytest.approx(there, abs=1e-9)
    assert [sphere.diameter_mm for sphere in SMALL.truth().spheres] == [10, 13, 17, 22, 28, 37]


def test_tilted_and_shifted_spheres() -> None:
    shifts = ((0.0, 0.0, 0.0),) * 4 + ((0.3, -0.2, 2.1), (0.0, 0.0, 0.0))
    phantom = dataclasses.replace(SMALL, tilt_deg=(3.0, -7.0), shifts_mm=shifts, ring_mm=58.4)
    places = phantom.sphere_centres_mm() - np.array(shifts)
    from_centre = places - np.array(SMALL.centre_mm)
    assert np.hypot.reduce(from_centre, axis=1) == pytest.approx(np.full(6, 58.4))
    axis = np.array(phantom.truth().axis)
    assert from_centre @ axis == pytest.approx(np.zeros(6), abs=1e-9)
    # about x by 3 degrees z grows with y, about y by -7 degrees with x
    slope = np.linalg.lstsq(from_centre[:, :2], from_centre[:, 2], rcond=None)[0]
    b = math.tan(math.radians(3)) / math.cos(math.radians(-7))
    assert slope == pytest.approx([math.tan(math.radians(7)), b])


@pytest.mark.parametrize("tilt_deg", [(0.0, 0.0), (4.0, -3.0)])
def test_each_sphere_is_where_the_truth_says(tilt_deg: tuple[float, float]) -> None:
    phantom = dataclasses.replace(
        SMALL, tilt_deg=tilt_deg, voxel_mm=(2.6, 3.4, 3.1), centre_mm=(7.3, -4.9, 0.8)
    )
    z, y, x = phantom.centres_mm()
    for sphere in phantom.truth().spheres:
        values = phantom.sphere_values(sphere.diameter_mm)
        total = values.sum()
        volume = math.pi / 6 * sphere.diameter_mm**3
        assert total * 2.6 * 3.4 * 3.1 == pytest.approx(volume, rel=1e-7)  # voxel means, cut at 6.5 sigma
        place = [
            float((values * axis).sum() / total)
            for axis in (x, y[:, np.newaxis], z[:, np.newaxis, np.newaxis])
        ]
        # voxels of up to 1.25 sigma leave exp(-2 (pi / 1.25)^2) = 3e-6 of the moments unseen
        assert place == pytest.approx([sphere.x_mm, sphere.y_mm, sphere.z_mm], abs=2e-5)


def test_what_is_where() -> None:
    """Levels in spheres, background, lung insert and air, far from edges; upside down and reversed too."""
    for upside_down, reversed_ in ((False, False), (True, False), (False, True)):
        phantom = dataclasses.replace(PLATEAU, upside_down=upside_down, reversed=reversed_)
        if reversed_:
            phantom = dataclasses.replace(phantom, centre_mm=(7.3, -4.9, 16.0))
        values = phantom.voxels()
        side, end = (-1 if upside_down else 1), (-1 if reversed_ else 1)
        x, y, z = phantom.centre_mm

        def at(right: float, down: float, up: float, phantom: IecBody = phantom) -> float:
            place = tuple(np.add(phantom.centre_mm, (right, down, up)))
            return value_at(phantom, values, place) / 5300  # noqa: B023

        largest = phantom.truth().spheres[-1]
        assert at(largest.x_mm - x, largest.y_mm - y, largest.z_mm - z) == pytest.approx(4, abs=1e-4)
        assert at(0, 0, 15) == pytest.approx(0.08, abs=1e-4)
        assert at(110, -20 * side, 0) == pytest.approx(1, abs=1e-4)
        assert at(-75, 100 * side, 0) == pytest.approx(1, abs=1e-4)  # beside the flat side
        assert at(-118, -88 * side, 0) == pytest.approx(0, abs=1e-4)  # beside the semicircle
        assert at(110, 10, -60 * end) == pytest.approx(1, abs=1e-4)
        assert at(110, 10, -75 * end) < 0.05  # beyond the lid, 70 mm from the spheres
        assert at(110, 10, 102 * end) == pytest.approx(1, abs=1e-3)  # 180 mm long
        first, last = phantom.truth().first_mm[2] - z, phantom.truth().last_mm[2] - z
        assert (first, last) == ((-110, 70) if reversed_ else (-70, 110))


def test_total_activity() -> None:
    phantom = dataclasses.replace(SMALL, matrix=(88, 112), slices=48, centre_mm=(3.0, -2.0, -12.0))
    outline = math.pi * 147**2 / 2 + 140 * 77 + math.pi * 77**2 / 2
    held = (outline - 0.92 * math.pi * 25**2) * 180
    for diameter in SPHERES_MM:
        held += math.pi / 6 * (4 * diameter**3 - (diameter + 2) ** 3)
    total = phantom.voxels().sum() * 4.6 * 3.4 * 3.1 / 5300
    assert total == pytest.approx(held, rel=3e-4)  # the tabulated outline
    assert held / 1e3 == pytest.approx(9700, rel=0.05)  # millilitres, as phantoms hold


def test_voxels_are_the_sum_of_closed_forms() -> None:
    """A sphere's surroundings, sampled with a round Gaussian: background less the wall's ball plus the sphere."""
    phantom = dataclasses.replace(SMALL, voxels_are="sampled", fwhm_mm=(6.0, 6.0), ratio=8.0)
    values = phantom.voxels()
    z, y, x = phantom.centres_mm()
    for sphere in phantom.truth().spheres:
        distance = np.sqrt(
            (x - sphere.x_mm) ** 2
            + (y[:, np.newaxis] - sphere.y_mm) ** 2
            + (z[:, np.newaxis, np.newaxis] - sphere.z_mm) ** 2
        )
        near = distance < sphere.diameter_mm / 2 + 1
        radius = sphere.diameter_mm / 2
        expected = 8 * sphere_profile(distance[near], radius, 6 * SIGMA) + 1
        expected -= sphere_profile(distance[near], radius + 1, 6 * SIGMA)
        # the lung insert begins 12.7 mm beyond the largest sphere's wall: 5 sigma
        assert values[near] / 5300 == pytest.approx(expected, abs=1e-6)


def test_states() -> None:
    plain = dataclasses.replace(SMALL, states=("absent",) * 6).voxels()
    mixed = dataclasses.replace(SMALL, states=("hot", "absent", "cold", "hot", "hot", "absent"), ratio=8.0)
    difference = mixed.voxels() - plain
    cold, hot = mixed.truth().spheres[2], mixed.truth().spheres[3]
    assert value_at(mixed, difference, (cold.x_mm, cold.y_mm, cold.z_mm)) < -0.7 * 5300
    assert value_at(mixed, difference, (hot.x_mm, hot.y_mm, hot.z_mm)) > 6 * 5300
    for absent in (mixed.truth().spheres[1], mixed.truth().spheres[5]):
        assert absent.bqml is None
        assert value_at(mixed, difference, (absent.x_mm, absent.y_mm, absent.z_mm)) == 0
    assert mixed.truth().ratio == 8
    given = dataclasses.replace(SMALL, sphere_bqml=(1e4, 2e4, 3e4, 4e4, 5e4, 6e4))
    assert [sphere.bqml for sphere in given.truth().spheres] == [1e4, 2e4, 3e4, 4e4, 5e4, 6e4]
    assert given.truth().ratio is None
    assert dataclasses.replace(SMALL, states=("cold",) * 6).truth().ratio is None


def test_transposed() -> None:
    """Rows and columns exchanged: a phase p becomes 90 - p, the sense is the other, and a tilt changes its axis."""
    turned = dataclasses.replace(SMALL, tilt_deg=(2.0, 0.0), upside_down=True, rotation_deg=20.0)
    other = dataclasses.replace(
        turned,
        matrix=(104, 82),
        voxel_mm=(4.6, 3.1, 3.4),
        centre_mm=(-4.9, 7.3, -16.0),
        rotation_deg=70.0,
        sense=1,
        tilt_deg=(0.0, -2.0),
        upside_down=False,
        body_rotation_deg=90.0,
    )
    assert np.allclose(other.voxels(), turned.voxels().transpose(0, 2, 1), atol=1e-7 * 5300)


def test_cut_by_the_ends_of_the_field() -> None:
    """A short volume is the middle of a long one."""
    short = dataclasses.replace(SMALL, slices=10)
    assert np.allclose(short.voxels(), SMALL.voxels()[15:25], atol=1e-9)
    nowhere = dataclasses.replace(SMALL, centre_mm=(900.0, 0.0, 0.0))
    assert nowhere.voxels().max() < 1e-6


@pytest.mark.parametrize(("fwhm", "lowest", "highest"), [(4.0, 47.3, 52.7), (5.0, 40.8, 44.6)])
def test_published_contrast_of_10_mm_in_4_mm_voxels(fwhm: float, lowest: float, highest: float) -> None:
    """By where the sphere lies among the pixels, its plane in a slice. Made elsewhere with sub-sampled voxels."""
    found = []
    for x_part in np.linspace(0, 0.5, 5):
        for y_part in np.linspace(0, 0.5, 5):
            x, y = (4 * (np.arange(-6, 8) - 0.5 + part) for part in (x_part, y_part))
            grid = (np.array([-2.0, 2.0]), y, x)
            sigmas = (fwhm * SIGMA, fwhm * SIGMA)
            values = 1 + 4 * sphere_in_voxels(grid, 5.0, sigmas) - sphere_in_voxels(grid, 6.0, sigmas)
            parts = (np.arange(60) + 0.5) / 60 * 4
            fine_x, fine_y = (np.add.outer(axis[:-1], parts).ravel() for axis in (x, y))
            inside = np.hypot(fine_y[:, np.newaxis], fine_x) < 5
            weights = inside.reshape(13, 60, 13, 60).mean(axis=(1, 3))
            found.append(100 * (float((weights * values[0]).sum() / weights.sum()) - 1) / 3)
    # four sub-samples a side see 1 / 16 less of the voxel's own blur: 0.5 points
    assert (min(found), max(found)) == pytest.approx((lowest, highest), abs=0.7)


def test_noise_has_its_size_and_correlation() -> None:
    """A Gaussian filter of FWHM w correlates two voxels by a Gaussian of FWHM sqrt(2) w."""
    spacing, fwhm = (2.5, 2.0, 1.8), (7.0, 5.5)
    seeds = [correlated_noise((24, 60, 70), spacing, fwhm, seed) for seed in range(6)]
    correlated_mm3 = (2 * math.pi) ** 1.5 * 2**1.5 * (7 * SIGMA) ** 2 * (5.5 * SIGMA)
    cells = 6 * 24 * 60 * 70 * 2.5 * 2.0 * 1.8 / correlated_mm3
    spread = 3 * math.sqrt(2 / cells)  # of a variance from so many independent cells, three times
    assert np.mean([noise.var() for noise in seeds]) == pytest.approx(1, abs=spread)
    for axis, (step, width) in enumerate(zip(spacing, (5.5, 7.0, 7.0), strict=True)):
        for lag in (1, 2):
            products = [np.mean(noise * np.roll(noise, lag, axis=axis)) for noise in seeds]
            expected = math.exp(-((lag * step / (width * SIGMA)) ** 2) / 4)
            assert np.mean(products) == pytest.approx(expected, abs=spread)
    white = correlated_noise((24, 60, 70), spacing, (0.0, 0.0), 1)
    assert np.mean(white[:, :, 1:] * white[:, :, :-1]) == pytest.approx(0, abs=4 / math.sqrt(white.size))


def test_noise_of_a_phantom() -> None:
    noisy = dataclasses.replace(SMALL, noise=0.1)
    voxels = noisy.voxels()
    assert np.array_equal(noisy.noisy(3), noisy.with_noise(voxels, 3))
    assert not np.array_equal(noisy.noisy(3), noisy.noisy(4))
    assert (noisy.noisy(3) - voxels).std() == pytest.approx(530, rel=0.03)  # about 12,000 cells
    assert np.array_equal(dataclasses.replace(noisy, noise=0.0).noisy(3), voxels)
    by_activity = dataclasses.replace(noisy, noise_follows="activity")
    size = by_activity.noise_sd(voxels)
    assert value_at(noisy, size, (-155.0, -130.0, 0.0)) < 1e-9  # air
    assert value_at(noisy, size, (117.0, -25.0, -16.0)) == pytest.approx(530, rel=1e-4)
    largest = noisy.truth().spheres[-1]
    assert value_at(noisy, size, largest[1:4]) == pytest.approx(1060, rel=1e-3)  # four times the activity
    at_ends = dataclasses.replace(noisy, end_noise=3.0).noise_sd(voxels)
    assert (at_ends[0], at_ends[-1]) == (pytest.approx(1590), pytest.approx(1590))
    assert at_ends[20] < 531


def test_cylinder_is_where_it_should_be() -> None:
    cylinder = Cylinder(
        matrix=(70, 84), slices=44, voxel_mm=(5.0, 3.6, 3.3), tilt_deg=(2.0, -3.0), diameter_mm=194.0
    )
    values = cylinder.voxels()
    held = math.pi * 97**2 * 186
    assert values.sum() * 5 * 3.6 * 3.3 / 5300 == pytest.approx(held, rel=3e-4)
    z, y, x = cylinder.centres_mm()
    middle = [
        float((values * axis).sum() / values.sum())
        for axis in (x, y[:, np.newaxis], z[:, np.newaxis, np.newaxis])
    ]
    assert middle == pytest.approx(cylinder.centre_mm, abs=0.01)
    ends = cylinder.truth()
    assert np.subtract(ends.last_mm, ends.first_mm) == pytest.approx(np.multiply(ends.axis, 186))
    rows = [float((values[k] * y[:, np.newaxis]).sum() / values[k].sum()) for k in (10, 33)]
    rise = (rows[1] - rows[0]) / (z[33] - z[10])
    assert rise == pytest.approx(ends.axis[1] / ends.axis[2], abs=1e-4)
    assert ends.axis[1] < 0  # about x by +2 degrees: the axis leans to -y


def test_faults_of_the_scanner() -> None:
    """Each is its own closed form, at the voxels' centres."""
    plain = Cylinder(matrix=(70, 84), slices=44, voxel_mm=(5.0, 3.6, 3.3), tilt_deg=(0.0, 0.0))
    flat = plain.voxels()
    z, y, x = plain.centres_mm()
    rho = np.hypot(y[:, np.newaxis], x)
    faults = {
        "slope_per_mm": (2e-4, (1 + 2e-4 * z)[:, None, None] * np.ones_like(rho)),
        "dip": (
            (20.0, 0.05, 12.0),
            (1 - 0.05 * 2.0 ** -(((z - 20) / 6) ** 2))[:, None, None] * np.ones_like(rho),
        ),
        "ring": ((60.0, -0.1, 8.0), (1 - 0.1 * 2.0 ** -(((rho - 60) / 4) ** 2))[None] * np.ones((44, 1, 1))),
        "cupping": (0.08, (1 - 0.08 * np.clip(1 - (rho / 100) ** 2, 0, None))[None] * np.ones((44, 1, 1))),
    }
    for name, (value, factor) in faults.items():
        assert np.allclose(dataclasses.replace(plain, **{name: value}).voxels(), flat * factor, rtol=1e-12)
    spot = dataclasses.replace(plain, hot_spot=(-120.0, 60.0, 40.0, 9e4)).voxels() - flat
    assert spot.sum() * 5 * 3.6 * 3.3 == pytest.approx(9e4 * math.pi / 6 * 12**3, rel=1e-6)
    assert np.unravel_index(spot.argmax(), spot.shape) == (30, 51, 5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: IecBody(slices=0), "slices"),
        (lambda: IecBody(voxel_mm=(2.0, 0.0, 2.0)), "voxel size"),
        (lambda: IecBody(fwhm_mm=(5.0, -1.0)), "FWHM"),
        (lambda: IecBody(voxels_are="guessed"), "averaged"),
        (lambda: IecBody(noise=-0.1), "noise"),
        (lambda: IecBody(noise_follows="moon"), "activity"),
        (lambda: IecBody(background_bqml=0.0), "background"),
        (lambda: IecBody(sense=0), "sense"),
        (lambda: IecBody(tilt_deg=(31.0, 0.0)), "tilt"),
        (lambda: IecBody(rotation_deg=math.nan), "turns"),
        (lambda: IecBody(states=("hot",)), "six of"),
        (lambda: IecBody(states=("warm",) * 6), "six of"),
        (lambda: IecBody(sphere_bqml=(1.0,)), "six concentrations"),
        (lambda: IecBody(ratio=-1.0), "ratio"),
        (lambda: IecBody(wall_mm=9.0), "wall"),
        (lambda: IecBody(shifts_mm=((0.0, 0.0, 0.0),)), "six shifts"),
        (lambda: IecBody(ring_mm=0.0), "ring"),
        (lambda: IecBody(lid_mm=200.0), "inside the body"),
        (lambda: IecBody(lung_residual=1.5), "lung"),
        (lambda: Cylinder(diameter_mm=0.0), "diameter"),
        (lambda: Cylinder(dip=(0.0, 0.1, 0.0)), "FWHM of dip"),
        (lambda: Cylinder(hot_spot=(1.0, 2.0, 3.0)), "hot spot"),
        (lambda: Cylinder(slope_per_mm=0.1), "faults"),
    ],
)
def test_mistakes_are_refused(make: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()
