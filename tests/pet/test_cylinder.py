from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from nmqc.errors import CannotMeasure
from nmqc.measure.frames import Findings
from nmqc.pet.cylinder import CylinderFigures, CylinderOptions, give, measure_cylinder
from nmqc.pet.metrics import UNIFORMITY_METRICS
from phantoms.pet import Cylinder
from tests.exam.volumes import volume as pet_volume
from tests.pet.simulate import HOT, Body, volume_of
from tests.pet.simulate_cylinder import Tube

TUBE = Tube(shape=(66, 82, 96), spacing=(3.27, 3.0, 2.9), slopes=(0.03, -0.02))
USED_MM = 160.0  # of a cylinder of 180 mm


def measured(tube: Tube, options: CylinderOptions | None = None, **shown) -> CylinderFigures:
    return measure_cylinder(tube.volume(**shown), options)


def refused(volume, options: CylinderOptions | None = None) -> str:
    with pytest.raises(CannotMeasure) as refusal:
        measure_cylinder(volume, options)
    return refusal.value.code


# --- where it is ---------------------------------------------------------------------------------------------


def place(figures: CylinderFigures, tube: Tube) -> tuple[float, ...]:
    """The axis at the cylinder's middle, its slopes in mm over its length, the radius and the ends."""
    found = figures.cylinder
    slopes = found.x_slope * tube.length, found.y_slope * tube.length
    return (*found.at(tube.centre[2]), *slopes, found.radius_mm, found.first_z_mm, found.last_z_mm)


def truth(tube: Tube) -> tuple[float, ...]:
    x, y, z = tube.centre
    slopes = tube.slopes[0] * tube.length, tube.slopes[1] * tube.length
    return (x, y, *slopes, tube.radius, z - tube.length / 2, z + tube.length / 2)


@pytest.mark.parametrize("noise", [0.0, 0.15])
@pytest.mark.parametrize(
    "tube",
    [
        TUBE,
        replace(TUBE, slopes=(0.0, 0.0), centre=(-20.0, 12.0, -4.0)),
        replace(TUBE, slopes=(-0.08, 0.09), radius=90.0),
        replace(TUBE, radius=60.0, length=140.0),
    ],
)
def test_the_cylinder_is_found(tube: Tube, noise: float) -> None:
    found = place(measured(tube, noise=noise, seed=3), tube)
    # a tenth of the 4 mm grid that it is looked for on; with noise 0.2 mm over the length, three of them
    assert found == pytest.approx(truth(tube), abs=0.7 if noise else 0.4)


def test_a_spot_beside_it_changes_nothing() -> None:
    spots = ((120.0, -60.0, 30.0, 60_000.0), (-112.0, 20.0, -20.0, 15_000.0))
    without, with_spots = measured(TUBE, noise=0.05), measured(TUBE, noise=0.05, spots=spots)
    assert place(with_spots, TUBE) == pytest.approx(
        place(without, TUBE), abs=0.3
    )  # their skirts reach the wall
    assert with_spots.mean == pytest.approx(without.mean, rel=1e-4)
    assert with_spots.profile.largest_percent == pytest.approx(without.profile.largest_percent, abs=0.05)


def test_a_rod_beside_it_changes_nothing() -> None:
    rod = tuple((-112.0, 57.0, z, 12_000.0) for z in range(-90, 100, 10))
    without, with_rod = measured(TUBE), measured(TUBE, spots=rod)
    assert place(with_rod, TUBE) == pytest.approx(place(without, TUBE), abs=0.3)
    assert with_rod.discs.percent < 0.02


def test_ends_beyond_the_field_are_said() -> None:
    long = measured(replace(TUBE, length=400.0))
    assert long.cylinder.cut == (True, True)
    half = 66 * 3.27 / 2
    assert (long.cylinder.first_z_mm, long.cylinder.last_z_mm) == pytest.approx((-half, half))
    assert np.abs(long.profile.z_mm).max() <= half - 10
    one_end = measured(replace(TUBE, centre=(0.0, 0.0, 60.0)))
    assert one_end.cylinder.cut == (False, True)


# --- the figures against closed forms ------------------------------------------------------------------------


def test_nothing_but_a_cylinder_is_uniform() -> None:
    figures = measured(TUBE)
    assert figures.mean == pytest.approx(5000, rel=1e-5)
    assert figures.profile.largest_percent < 0.01  # the ends' blur at 10 mm: four sigma
    assert figures.discs.percent < 0.002  # the wall's blur at 10 mm
    assert figures.noise_percent < 0.002
    left = 10 + figures.cylinder.radius_mm * math.tan(math.radians(figures.cylinder.tilt_deg))
    assert figures.profile.z_mm[0] >= figures.cylinder.first_z_mm + left
    assert figures.profile.z_mm[0] < figures.cylinder.first_z_mm + left + 3.27
    assert figures.profile.z_mm[-1] > figures.cylinder.last_z_mm - left - 3.27


@pytest.mark.parametrize("tilt_deg", [(6.0, 0.0), (-7.0, 7.0)])
def test_a_tilted_end_is_no_fault(tilt_deg: tuple[float, float]) -> None:
    """The end of a tilted cylinder rises over its radius: no slice that it cuts is used."""
    cylinder = Cylinder(tilt_deg=tilt_deg, matrix=(100, 106), slices=80, voxel_mm=(3.4, 3.3, 3.1), noise=0.0)
    figures = measure_cylinder(pet_volume(cylinder, cylinder.voxels()), CylinderOptions())
    assert figures.profile.largest_percent < 0.1
    assert figures.discs.worst_slice_percent < 1.0


def test_an_axial_slope() -> None:
    figures = measured(replace(TUBE, axial_percent_per_mm=0.05))
    z = figures.profile.z_mm - TUBE.centre[2]
    off = 0.05 * (z - z.mean()) / (1 + 0.0005 * z.mean())
    assert figures.profile.deviations_percent == pytest.approx(off, abs=0.01)  # the ends' blur, as above
    assert figures.profile.largest_percent == pytest.approx(np.abs(off).max(), abs=0.01)
    assert figures.profile.sd_percent == pytest.approx(off.std(ddof=1), abs=0.01)
    assert figures.discs.percent < 0.002


def test_one_bright_slice_is_where_it_is() -> None:
    at = TUBE.axes()[0][40]
    figures = measured(replace(TUBE, bump=(at, 1.0, 7.0)))
    count = figures.profile.means.size
    assert figures.profile.at_mm == pytest.approx(at)
    assert figures.profile.largest_percent == pytest.approx(
        7 * (1 - 1 / count) / (1 + 0.07 / count), abs=0.01
    )


@pytest.mark.parametrize("turned", [False, True])
def test_a_transaxial_slope(turned: bool) -> None:
    tube = replace(TUBE, across_percent_per_mm=0.04)
    volume = tube.volume()
    if turned:
        volume = volume_of(np.swapaxes(volume.values, 1, 2), (3.27, 2.9, 3.0))
    figures = measure_cylinder(volume)
    out = figures.cylinder.radius_mm - 25
    means = 5000 * (1 + 0.0004 * out * np.array([0, 1, 0, -1, 0]))
    order = [0, 2, 1, 4, 3] if turned else [0, 1, 2, 3, 4]
    assert figures.discs.means[order] == pytest.approx(means, rel=1e-4)  # the centre, to 0.3 mm
    assert figures.discs.percent == pytest.approx(0.04 * out, abs=0.005)
    assert figures.discs.worst_slice_percent == pytest.approx(0.04 * out, abs=0.02)
    assert figures.profile.largest_percent < 0.02


def test_a_ring_is_no_noise() -> None:
    ring = replace(TUBE, ring=(45.0, 9.0, 8.0))
    plain, ringed = measured(TUBE, noise=0.03, seed=4), measured(ring, noise=0.03, seed=4)
    assert ringed.profile.floor.p95 == pytest.approx(
        plain.profile.floor.p95, rel=0.1
    )  # the tilt moves the ring
    share = (49.5**2 - 40.5**2) / (0.7 * 100) ** 2  # of the disc that the ring covers
    structure = 8 * np.sqrt(share * (1 - share))
    expected = np.hypot(plain.noise_percent, structure) / (1 + 0.08 * share)
    assert ringed.noise_percent == pytest.approx(expected, rel=0.03)  # voxels of 3 mm in a ring of 9 mm


def test_squares_of_a_slope() -> None:
    figures = measured(replace(TUBE, slopes=(0.0, 0.0), across_percent_per_mm=0.04))
    squares = figures.squares
    # one square on the axis, wholly within 87.5 mm: at most 8 to either side
    assert squares.above_percent == pytest.approx(0.04 * 80, abs=0.02)  # the centre, to 0.3 mm
    assert squares.below_percent == pytest.approx(0.04 * 80, abs=0.02)
    slices = figures.profile.z_mm.size
    columns = [
        sum(np.hypot(abs(i) * 10 + 5, abs(j) * 10 + 5) <= 87.5 for j in range(-9, 10)) for i in range(-9, 10)
    ]
    assert squares.count == slices * sum(columns) == slices * 213  # 213 is what the standard's circle holds
    spread = np.sqrt(np.average((np.arange(-9, 10) * 10.0) ** 2, weights=columns))
    assert squares.cv_percent == pytest.approx(0.04 * spread, rel=0.01)


def test_calibration_and_what_is_given() -> None:
    figures = measured(TUBE, CylinderOptions(expected=4800.0, expected_uncertainty=120.0), noise=0.1, seed=1)
    assert figures.calibration == pytest.approx(5000 / 4800, abs=4 * figures.mean_sigma / 4800)
    assert figures.calibration_parts["fill"] == pytest.approx(figures.calibration * 120 / 4800)
    assert figures.calibration_parts["counting"] == pytest.approx(figures.mean_sigma / 4800)
    names = {metric.name for metric in UNIFORMITY_METRICS.values()}
    for quantitative, expected, code in (
        (True, 4800.0, None),
        (True, None, "no_reference"),
        (False, 4800.0, "relative_units"),
    ):
        findings = Findings(UNIFORMITY_METRICS)
        give(measured(TUBE, CylinderOptions(expected=expected)), quantitative, findings)
        absent = {one.name: one.code for one in findings.not_measured}
        assert absent == ({"pet.calibration": code} if code else {})
        assert {one.metric.name for one in findings.measurements} | set(absent) == names


# --- noise ---------------------------------------------------------------------------------------------------


def test_uncertainties_and_floors_hold() -> None:
    seeds, base = 12, TUBE.values()
    scores, means, largest, transaxial = [], [], [], []
    for seed in range(seeds):
        figures = measure_cylinder(TUBE.noisy(base, 0.1, seed, correlation=10.0))
        scores.append((figures.mean - 5000) / figures.mean_sigma)
        scores.append((figures.noise_percent - 10) / figures.noise_sigma)
        scores += list((figures.discs.means - 5000) / figures.discs.sigmas)
        means += list((figures.profile.means[::6] - 5000) / figures.profile.sigmas[::6])
        largest.append(figures.profile.largest_percent / figures.profile.floor.mean)
        transaxial.append(figures.discs.percent / figures.discs.floor.mean)
    assert 0.8 < np.sqrt(np.mean(np.square(scores))) < 1.3  # 84 values: 0.08, three of them
    assert 0.8 < np.sqrt(np.mean(np.square(means))) < 1.3  # about 100 values, neighbours alike
    assert (
        0.8 < np.median(largest) < 1.3
    )  # the spread of one is 25 %, of 16 6 %; the floor treats lags roughly
    assert 0.75 < np.mean(transaxial) < 1.3  # the range of five: 37 %, of 12 11 %


def test_the_floor_knows_that_neighbouring_slices_go_together() -> None:
    figures = measured(TUBE, noise=0.1, seed=2, correlation=10.0)
    count = figures.profile.means.size
    lag = (np.arange(count)[:, None] - np.arange(count)) * 3.27
    together = np.exp(-((lag * 2.3548 / 10) ** 2) / 4)  # white noise filtered by a Gaussian of 10 mm
    draws = np.random.default_rng(1).multivariate_normal(np.zeros(count), together, 4000)
    largest = np.abs(draws - draws.mean(axis=1, keepdims=True)).max(axis=1).mean()
    sigma = 100 * figures.profile.sigmas[0] / figures.mean
    # 4000 and 2000 draws: 0.7 %, and the correlation as it was found; independent slices are 10 % off
    assert figures.profile.floor.mean / sigma == pytest.approx(largest, rel=0.04)


# --- refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lung", [0.0, None])
def test_the_iec_body_is_no_cylinder(lung: float | None) -> None:
    body = Body(shape=(56, 100, 112), ratios=HOT, lung=lung)
    assert refused(body.volume()) == "not_a_cylinder"


def test_what_is_no_cylinder() -> None:
    assert refused(replace(TUBE, widened=1.12).volume()) == "not_a_cylinder"
    assert refused(volume_of(np.zeros((40, 40, 40)), (3.0, 3.0, 3.0))) == "not_a_cylinder"
    assert refused(volume_of(np.full((40, 60, 60), -3.0), (3.0, 3.0, 3.0))) == "not_a_cylinder"
    assert refused(volume_of(np.ones((1, 1, 1)), (3.0, 3.0, 3.0))) == "not_a_cylinder"
    noise = np.random.default_rng(1).standard_normal((40, 60, 60))
    assert refused(volume_of(noise, (3.0, 3.0, 3.0))) == "not_a_cylinder"
    z, y, x = TUBE.axes()
    ball = 1000.0 * (x**2 + y[:, None] ** 2 + z[:, None, None] ** 2 < 90**2)
    assert refused(volume_of(ball, TUBE.spacing)) == "not_a_cylinder"
    cold = TUBE.values() * (np.hypot(x, y[:, None] - 20) > 25)
    assert refused(volume_of(cold, TUBE.spacing)) == "not_a_cylinder"


def test_a_cylinder_that_the_matrix_cuts() -> None:
    assert refused(replace(TUBE, centre=(50.0, 0.0, 0.0)).volume()) in {"cylinder_cut", "not_a_cylinder"}
    assert refused(replace(TUBE, centre=(0.0, -22.0, 0.0)).volume()) == "cylinder_cut"


def test_too_little_of_it() -> None:
    assert refused(TUBE.volume(), CylinderOptions(end_mm=80.0)) == "too_short"
    assert refused(replace(TUBE, length=36.0).volume()) == "too_short"
