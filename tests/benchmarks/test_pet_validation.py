"""The validation of PET: volumes without a file, regions and predictions by hand, what it says was missed."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import pet_cylinder, pet_exact, pet_grid, pet_grid_tables, pet_invariance, pet_noise
from benchmarks.pet_noise_tables import grouped, summary
from benchmarks.pet_scans import disc_mean, disc_weights, volume
from nmqc.dicom import ReadOptions, read_pet
from nmqc.pet.background import Placement
from phantoms import pt
from phantoms.pet import Cylinder, IecBody

SMALL = IecBody(matrix=(70, 92), slices=13, voxel_mm=(5.0, 4.2, 4.0), noise=0.1, noise_fwhm_mm=(9.0, 11.0))


def test_a_volume_without_a_file_is_the_one_that_is_read(tmp_path: Path) -> None:
    phantom = Cylinder(matrix=(60, 66), slices=21, voxel_mm=(5.0, 4.2, 4.0), length_mm=70.0)
    pt.write_series(phantom, tmp_path / "series", units="BQML")
    (read,) = read_pet([tmp_path / "series"], ReadOptions()).volumes
    made = volume(phantom, phantom.voxels())
    assert (read.unit, read.quantitative) == (made.unit, made.quantitative)
    assert read.spacing_mm == pytest.approx(made.spacing_mm)
    assert np.abs(read.values - made.values).max() < 1e-4 * made.values.max()  # whole numbers of 15 bits


def test_a_disc_by_hand_has_its_area_and_its_place() -> None:
    weights = disc_weights(SMALL, (13.7, -41.2), 18.5)
    pixel = SMALL.voxel_mm[1] * SMALL.voxel_mm[2]
    assert weights.sum() * pixel == pytest.approx(math.pi * 18.5**2, rel=1e-4)  # 96 lines a pixel
    _, y, x = SMALL.centres_mm()
    along, down = (np.broadcast_to(one, SMALL.matrix) for one in (x, y[:, None]))
    assert disc_mean(np.asarray(along), weights) == pytest.approx(13.7, abs=0.02)  # pixels at the rim
    assert disc_mean(np.asarray(down), weights) == pytest.approx(-41.2, abs=0.02)


def test_contrasts_are_the_printed_ones_and_recoveries_to_a_thousandth() -> None:
    for of in pet_exact.profiles().values():
        unlike = pet_exact.unlike(of)
        assert {table for table, *_ in unlike} <= {"recovery"}
        assert max(abs(off) for *_, off in unlike) < 0.0011


def test_variability_is_predicted_as_it_scatters() -> None:
    """One hundred volumes of noise alone, measured by the same circles."""
    flat = np.full(SMALL.shape, SMALL.background_bqml)
    places = ((-60.0, -20.0), (-22.0, -20.0), (10.0, 24.0), (48.0, 24.0), (60.0, -30.0))
    placement = Placement(places, places, (2, 4, 8, 10), (0.0,) * 4, 15.0, 10.0, 38.0)
    predicted = pet_noise.predicted_variability(SMALL, flat, placement)
    found = []
    weights = [disc_weights(SMALL, place, 18.5) for place in places]
    for seed in range(100):
        noisy = SMALL.with_noise(flat, seed)
        means = [disc_mean(noisy[k], one) for k in placement.slices for one in weights]
        found.append(100 * np.std(means, ddof=1) / np.mean(means))
    mean, error = predicted[5]
    assert np.mean(found) == pytest.approx(mean, abs=3 * error / 10)  # three standard errors of 100
    assert np.std(found, ddof=1) == pytest.approx(error, rel=0.25)  # 7 % for 100, and a normal SD assumed


def test_the_grid_is_what_is_required() -> None:
    bodies = [pet_grid.body(number) for number in range(36)]
    assert {one.sense for one in bodies} == {-1, 1}
    assert {int(one.rotation_deg + 15) // 30 for one in bodies} >= set(range(12))
    assert {one.fwhm_mm[0] for one in bodies} >= {4.0, 8.0}
    assert max(math.hypot(*one.centre_mm[:2]) for one in bodies) == pytest.approx(30.0)
    assert max(math.hypot(*one.tilt_deg) for one in bodies) <= 3.0
    assert {min(one.voxel_mm) for one in bodies} >= {2.0, 4.0}


def cell(**changes: Any) -> pet_grid.Cell:
    noisy = pet_grid.Noisy(0.15, 1.0, "", False, (0.3,) * 6, (0.2,) * 6)
    good = pet_grid.Cell(0, "", False, (0.01,) * 6, ((10.0, 40.0, 40.1),) * 6, 0, (noisy,))
    return replace(good, **changes)


FAR = pet_grid.Noisy(0.15, 1.0, "", False, (2.5, *(0.3,) * 5), (0.6, *(0.2,) * 5))


@pytest.mark.parametrize(
    ("outcome", "missed"),
    [
        (cell(), []),
        (cell(errors_mm=(0.31, *(0.0,) * 5)), [0]),
        (cell(swapped=True), [1]),
        (cell(noisy=(FAR,)), [2]),
        (cell(noisy=(replace(FAR, sigmas_mm=(0.9,) * 6),)), []),  # within 3.76 sigma
        (cell(noisy=(replace(FAR, errors_mm=(1.9, *(0.3,) * 5), sigmas_mm=(0.1,) * 6),)), []),  # within 2 mm
        (cell(contrasts=((10.0, 40.0, 40.4),)), [3]),
    ],
)
def test_what_is_missed_is_said(outcome: pet_grid.Cell, missed: list[int]) -> None:
    fine = [pet_grid.Continuous(8.0, 2.0, between, ((40.0, 40.5),) * 6) for between in (False, True)]
    met = [enough for _, _, enough in pet_grid_tables.required([outcome], fine)]
    assert [number for number, enough in enumerate(met) if enough is False] == missed


def test_a_sphere_far_from_the_closed_form_is_missed_from_13_mm_on() -> None:
    small, large = ((40.0, 44.0), *((60.0, 60.0),) * 5), ((40.0, 40.0), (60.0, 62.0), *((60.0, 60.0),) * 4)
    for pairs, enough in ((small, True), (large, False)):
        fine = [pet_grid.Continuous(8.0, 2.0, False, pairs), pet_grid.Continuous(8.0, 2.0, True, small)]
        assert [one for *_, one in pet_grid_tables.required([cell()], fine)][4:] == [enough, None]


def test_values_are_grouped_and_summed_up() -> None:
    values = tuple(pet_noise.Value(0, "rc_max", "10 mm", off, 1.0) for off in (1.0, 2.0, 3.0, 2.5))
    block = pet_noise.Block(values, (), (), 0, 0, (), ())
    one = summary(grouped([block, block])[0, "rc_max", "10 mm"])
    assert (one.count, one.bias, one.within, one.within_of_mean) == (8, 2.125, 25.0, 75.0)
    assert one.scatter == pytest.approx(np.std([1, 2, 3, 2.5] * 2, ddof=1))


def test_truth_of_a_cylinder_by_hand() -> None:
    """A slope: the deviation of the last slice from the middle one."""
    slices = list(range(10, 51))
    true = pet_cylinder.true_of(1, slices)
    reach = 20 * pet_cylinder.plain().voxel_mm[0]
    # the tilt moves the discs along z by nothing; the mean sensitivity differs from 1 by the middle's place
    assert true["uniformity_axial"] == pytest.approx(100 * 0.0005 * reach, rel=0.01)
    assert true["uniformity_transaxial"] == pytest.approx(0.0, abs=1e-9)


def test_other_volumes_show_the_same_voxels() -> None:
    phantom, whole = pet_invariance._whole((12.0, 12.0, 12.0))
    variants = list(pet_invariance._variants(phantom, whole))
    assert len(variants) == 1 + len(pet_invariance.WHAT)
    at = np.unravel_index(int(whole[4:-4, 4:-4, 4:-4].argmax()), [side - 8 for side in whole.shape])
    value = np.float32(whole[4:-4, 4:-4, 4:-4].max())
    place = (np.array(at[::-1]) + 4 - (np.array(whole.shape[::-1]) - 1) / 2) * 12.0
    for scan, (order, signs, middle) in variants:
        (index,) = np.argwhere(np.asarray(scan.values) == value)
        own = (index[::-1] - (np.array(scan.values.shape[::-1]) - 1) / 2) * np.array(scan.spacing_mm[::-1])
        assert own[list(order)] * signs + middle == pytest.approx(place)
