"""Image quality against closed forms: oracle tables, noise of known size, and every reason not to give a number."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.measure.discs import disc_weights
from nmqc.measure.frames import Findings
from nmqc.model import Volume
from nmqc.pet.background import Placement, place
from nmqc.pet.metrics import IMAGE_QUALITY_METRICS
from nmqc.pet.nema import Placed, image_quality
from nmqc.pet.options import Options
from nmqc.pet.phantom import IecPhantom
from nmqc.pet.scatter import measure_background
from nmqc.pet.truth import Truth, given
from tests.pet.by_hand import COLD, HOT, ByHand, noise, of, table, tilted
from tests.pet.simulate import DIAMETERS, FWHM_PER_SIGMA, ball

FOUR, USUAL = given(ratio=4.0), Options()
FINE = {"spacing_mm": (2.5, 1.0, 1.0), "shape": (25, 260, 324)}


def measured(
    hand: ByHand, truth: Truth = FOUR, options: Options = USUAL, **more: object
) -> tuple[Findings, Placed | None]:
    findings = Findings(IMAGE_QUALITY_METRICS)
    volume, phantom = more.pop("volume", None) or hand.volume(), more.pop("phantom", None) or hand.phantom()
    return findings, image_quality(volume, phantom, truth, options, findings, **more)


def absent(findings: Findings) -> set[tuple[str, str, str]]:
    return {(one.name.removeprefix("pet."), one.of, one.code) for one in findings.not_measured}


def contrast(fwhm: float, ratio: float, wall: float, cold: bool = False) -> list[float]:
    """Return Q of the disc through a blurred sphere's middle, by 4,000 rings of equal width."""
    sigma, found = fwhm / FWHM_PER_SIGMA, []
    for diameter in DIAMETERS:
        radius = diameter / 2
        r = (np.arange(4000) + 0.5) / 4000 * radius
        inner = ball(r, radius, sigma) * (0.0 if cold else ratio)
        mean = ((1 + inner - ball(r, radius + wall, sigma)) * r).sum() / r.sum()
        found.append(100 * ((1 - mean) if cold else (mean - 1) / (ratio - 1)))
    return found


# --- contrast ---------------------------------------------------------------------------------------------

#: (FWHM, ratio, wall, cold) -> Q of 10, 13, 17, 22, 28, 37 mm, computed elsewhere
ORACLE = {
    (4.0, 4.0, 0.0, False): (67.2, 75.7, 82.1, 86.5, 89.6, 92.3),
    (4.0, 4.0, 1.0, False): (61.6, 71.5, 78.9, 84.1, 87.7, 90.8),
    (6.0, 8.0, 1.0, False): (46.2, 59.4, 70.1, 77.7, 82.9, 87.4),
    (8.0, 4.0, 1.0, False): (28.5, 42.9, 56.9, 67.8, 75.5, 82.0),
    (4.0, 4.0, 1.0, True): (84.0, 88.4, 91.6, 93.8, 95.3, 96.5),
    (8.0, 4.0, 1.0, True): (48.1, 60.6, 71.3, 79.0, 84.2, 88.6),
}


@pytest.mark.parametrize("case", ORACLE)
def test_the_oracle_itself(case: tuple[float, float, float, bool]) -> None:
    assert contrast(*case) == pytest.approx(ORACLE[case], abs=0.06)  # the table has one decimal


@pytest.mark.parametrize(("fwhm", "ratio"), [(4.0, 4.0), (6.0, 8.0), (8.0, 4.0)])
def test_contrast_of_fine_voxels_is_the_oracle(fwhm: float, ratio: float) -> None:
    """Sampled voxels of 1 mm: a mean over square pixels adds 8 ln2 / 12 of their size squared to the blur."""
    hand = ByHand(**FINE, ratio=ratio, fwhm_mm=fwhm, centre_mm=(3.3, -2.6, 0.0), phase_deg=71.0, sense=-1)
    findings, _ = measured(hand, given(ratio=ratio))
    effective = math.sqrt(fwhm**2 + 8 * math.log(2) / 12)
    # the pixels blur in the plane alone, by a box and not by a Gaussian: half of 0.6 points of the whole effect
    assert table(findings, "pet.contrast_hot") == pytest.approx(contrast(effective, ratio, 1.0), abs=0.35)
    assert ("contrast_cold", "", "no_cold_spheres") in absent(findings)


def test_cold_spheres_of_the_older_editions() -> None:
    hand = ByHand(**FINE, fwhm_mm=5.0, states=COLD, phase_deg=200.0)
    findings, placed = measured(hand, FOUR, Options(edition="2012"))
    effective = math.sqrt(25 + 8 * math.log(2) / 12)
    assert table(findings, "pet.contrast_hot") == pytest.approx(contrast(effective, 4.0, 1.0)[:4], abs=0.35)
    assert table(findings, "pet.contrast_cold") == pytest.approx(
        contrast(effective, 4.0, 1.0, True)[4:], abs=0.35
    )
    assert placed is not None
    assert placed.edition == "2012"
    assert [m.of for m in findings.measurements if m.metric.name == "pet.contrast_cold"] == ["28 mm", "37 mm"]


@pytest.mark.parametrize(
    ("voxel", "shape"), [((2.0, 2.0, 2.0), (45, 130, 162)), ((3.0, 4.0, 2.5), (31, 66, 131))]
)
def test_contrast_is_that_of_the_same_circle_over_the_voxels(
    voxel: tuple[float, float, float], shape: tuple[int, int, int]
) -> None:
    """The mean by 60 x 60 sub-samples of every pixel, at places on no grid; a transposed image would tell."""
    hand = ByHand(
        spacing_mm=voxel,
        shape=shape,
        averaged=True,
        centre_mm=(4.37, -3.11, 1.3),
        phase_deg=113.0,
        fwhm_mm=5.0,
    )
    findings, placed = measured(hand)
    assert placed is not None
    z, y, x = hand.axes()
    index = int(np.abs(z - 1.3).argmin())
    image = hand.values()[index]
    steps = (np.arange(60) + 0.5) / 60 - 0.5
    expected = []
    for (right, down, _), diameter in zip(hand.corners(), DIAMETERS, strict=True):
        columns, rows = (np.flatnonzero(np.abs(a - at) < diameter) for a, at in ((x, right), (y, down)))
        fine_x = (x[columns, None] + steps * voxel[2] - right).ravel()
        fine_y = (y[rows, None] + steps * voxel[1] - down).ravel()
        inside = fine_x[None] ** 2 + fine_y[:, None] ** 2 <= diameter**2 / 4
        share = inside.reshape(rows.size, 60, columns.size, 60).mean(axis=(1, 3))
        part = image[np.ix_(rows, columns)]
        expected.append(100 * ((part * share).sum() / share.sum() / 1000 - 1) / 3)
    # the background is flat there to 1e-4 (tails of the spheres); sub-samples are good to 0.05 % of a mean
    assert table(findings, "pet.contrast_hot") == pytest.approx(expected, abs=0.1)
    assert {region.slice for region in placed.regions if region} == {index}


def test_the_same_phantom_elsewhere_gives_the_same_numbers() -> None:
    """Shifted by 24 mm; transposed; in another matrix."""
    hand = ByHand(phase_deg=70.0, shape=(45, 156, 156))
    here = table(measured(hand)[0], "pet.contrast_hot")
    shifted = replace(hand, centre_mm=(-24.0, 8.0, 4.0), shape=(49, 160, 190))
    assert table(measured(shifted)[0], "pet.contrast_hot") == pytest.approx(here, abs=1e-6)
    values = np.ascontiguousarray(hand.values().transpose(0, 2, 1))
    flipped = replace(hand, phase_deg=20.0, sense=-1)
    phantom = replace(flipped.phantom(), body=np.ascontiguousarray(hand.body().transpose(0, 2, 1)))
    turned = measured(hand, volume=hand.volume(values), phantom=phantom)[0]
    assert table(turned, "pet.contrast_hot") == pytest.approx(here, abs=1e-9)


def test_own_slices_of_spheres_that_lie_apart() -> None:
    moved = ((0.0, 0.0, 3.0), *((0.0, 0.0, 0.0),) * 4, (0.0, 0.0, -2.0))
    hand = ByHand(moved_mm=moved)
    common, own = (measured(hand, options=Options(slice=choice)) for choice in ("common", "own"))
    assert common[1] is not None
    assert own[1] is not None
    assert [region.slice for region in own[1].regions if region] == [24, 22, 22, 22, 22, 21]
    assert {region.slice for region in common[1].regions if region} == {22}
    flat = table(measured(ByHand())[0], "pet.contrast_hot")
    apart = table(own[0], "pet.contrast_hot")
    assert apart[5] == pytest.approx(flat[5], abs=1e-6)  # a whole slice off: the same voxels
    assert apart[0] < flat[0] - 1  # 1 mm off its slice: 2.2 points by the closed form
    assert table(common[0], "pet.contrast_hot")[0] < apart[0] - 10  # 3 mm off: 18 points
    assert [r.code for r in common[0].remarks if r.code == "off_plane"] == ["off_plane"]
    assert "10 mm by 3.0 mm, 37 mm by 2.0 mm" in next(
        r.text for r in common[0].remarks if r.code == "off_plane"
    )


# --- what is not given ------------------------------------------------------------------------------------


def test_without_a_ratio_the_spheres_are_compared_with_the_background() -> None:
    findings, _ = measured(ByHand(), Truth())
    assert ("contrast_hot", "", "no_ratio") in absent(findings)
    ratios = table(findings, "pet.sphere_to_background")
    assert ratios == pytest.approx(
        [1 + 0.03 * q for q in table(measured(ByHand())[0], "pet.contrast_hot")], rel=1e-9
    )


def test_cold_contrast_needs_no_ratio() -> None:
    findings, _ = measured(ByHand(states=COLD), Truth())
    assert len(table(findings, "pet.contrast_cold")) == 2


def test_spheres_that_contradict_the_fill_are_not_measured() -> None:
    findings, _ = measured(ByHand(), replace(FOUR, states=COLD))
    assert absent(findings) == {("contrast_cold", f"{d} mm", "state_contradicts") for d in (28, 37)}
    assert len(table(findings, "pet.contrast_hot")) == 4
    findings, _ = measured(ByHand(states=COLD), FOUR, Options(edition="2018"))
    assert ("contrast_hot", "37 mm", "state_contradicts") in absent(findings)
    unseen = ("absent", *HOT[1:])
    findings, _ = measured(ByHand(states=unseen), FOUR, Options(edition="2018"))
    assert ("contrast_hot", "10 mm", "state_contradicts") in absent(findings)
    findings, _ = measured(ByHand(states=unseen))
    assert ("contrast_hot", "10 mm", "sphere_absent") in absent(findings)


def test_a_tilted_ring_has_no_numbers_of_the_standard() -> None:
    hand = ByHand()
    findings, placed = measured(hand, phantom=tilted(hand.phantom(), -3.2))
    assert {name for name, _, code in absent(findings) if code == "tilted"} == {
        "contrast_hot",
        "contrast_cold",
        "background_variability",
        "lung_residual",
    }
    assert table(findings, "pet.background") == pytest.approx([1000.0], rel=1e-3)
    findings, placed = measured(hand, phantom=tilted(hand.phantom(), 1.5))
    assert placed is not None
    assert placed.own_slices
    assert "tilt" in {remark.code for remark in findings.remarks}
    assert len(table(findings, "pet.contrast_hot")) == 6
    _, placed = measured(hand, options=Options(slice="common"), phantom=tilted(hand.phantom(), 1.5))
    assert placed is not None
    assert not placed.own_slices


@pytest.mark.parametrize(("value", "code"), [(np.nan, "not_numbers"), (-1.0, "no_background_activity")])
def test_a_background_that_is_none(value: float, code: str) -> None:
    hand = ByHand()
    findings, placed = measured(hand, volume=hand.volume(np.full(hand.shape, value)))
    assert placed is None
    assert {one[2] for one in absent(findings)} == {code}
    assert len(table(findings, "pet.sphere_z")) == 6


def test_an_image_without_any_noise_has_no_variability() -> None:
    """Tails of the spheres are cut off: every background circle is exactly 1,000."""
    hand = ByHand()
    findings, _ = measured(hand, volume=hand.volume(np.full(hand.shape, 1024.0)))
    assert {("background_variability", f"{d:g} mm", "no_noise") for d in DIAMETERS} <= absent(findings)


def test_every_metric_is_given_or_missed() -> None:
    for hand, truth in (
        (ByHand(), FOUR),
        (ByHand(states=COLD), Truth()),
        (ByHand(shape=(9, 130, 162)), FOUR),
    ):
        findings, _ = measured(hand, truth)
        given_ = {m.metric.name for m in findings.measurements} | {m.name for m in findings.not_measured}
        assert {metric.name for metric in IMAGE_QUALITY_METRICS.values()} <= given_


def test_the_unit_of_the_background_is_the_volumes() -> None:
    hand = ByHand()
    volume = replace(hand.volume(), unit="relative")
    assert of(measured(hand, volume=volume)[0], "pet.background").metric.unit == "relative"


def test_a_contrast_that_cannot_be_is_remarked_upon() -> None:
    unsure = replace(ByHand().phantom(), contrast=0.0)  # the image says nothing of the ratio
    findings, _ = measured(ByHand(), given(ratio=2.0), phantom=unsure)
    assert "contrast_out_of_range" in {remark.code for remark in findings.remarks}
    assert "contrast_out_of_range" not in {remark.code for remark in measured(ByHand())[0].remarks}


@pytest.mark.parametrize("ratio", [2.0, 10.0])
def test_a_ratio_that_the_image_contradicts_gives_no_contrast(ratio: float) -> None:
    findings, _ = measured(ByHand(), given(ratio=ratio))
    assert [m for m in findings.measurements if m.metric.name == "pet.contrast_hot"] == []
    assert {one.code for one in findings.not_measured if one.name == "pet.contrast_hot"} == {
        "ratio_contradicts"
    }


# --- lung -------------------------------------------------------------------------------------------------


def lung(residual: float = 0.07, **options: object) -> tuple[Findings, Placed | None]:
    hand = ByHand(lung=residual, shape=(61, 130, 162))
    return measured(hand, options=Options(**options))


def test_the_residual_in_the_lung_insert() -> None:
    """Filled with 7 % from -40 to 40 mm: of the slices every 2 mm, 11 lie 30 mm off the ends, 31 lie 10 mm off."""
    findings, placed = lung()
    assert table(findings, "pet.lung_residual") == pytest.approx(
        [7.0], abs=0.01
    )  # tails of the spheres in C_B
    assert placed is not None
    assert placed.insert is not None
    assert placed.insert.z_mm.tolist() == [-10.0, -8.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    older = lung(edition="2012")[1]
    assert older is not None
    assert older.insert is not None
    assert len(older.insert.slices) == 31
    asked = lung(lung_exclusion_mm=36.0)[1]
    assert asked is not None
    assert asked.insert is not None
    assert len(asked.insert.slices) == 5


def test_the_circle_follows_a_slanted_insert() -> None:
    hand = ByHand(shape=(61, 130, 162), lung=0.0)
    axis = replace(hand.phantom().lung, x_slope=0.3, y_slope=-0.2)
    values = hand.values()
    z, y, x = hand.axes()
    for k, height in enumerate(z):
        right, down = axis.at(height)
        near = np.hypot(x[None] - right, y[:, None] - down) < 20
        values[k] = np.where(near, 30.0 + height, 500.0)
    values[:, np.hypot(x[None], y[:, None]) > 60] = 1000.0
    slanted = replace(hand.phantom(), lung=axis)
    _, placed = measured(hand, options=Options(edition="2012"), volume=hand.volume(values), phantom=slanted)
    assert placed is not None
    assert placed.insert is not None
    # 37 mm circles of the background lie beyond 60 mm in part only: divide by what was found
    level = placed.scatter.background(5)
    assert placed.insert.residuals == pytest.approx(100 * (30.0 + placed.insert.z_mm) / level, rel=1e-9)


def test_the_background_of_every_slice() -> None:
    hand = ByHand(shape=(61, 130, 162), lung=0.1)
    z, _, _ = hand.axes()
    values = hand.values() * (1 + 0.01 * z)[:, None, None]
    alone = measured(hand, options=Options(lung_background="per-slice"), volume=hand.volume(values))[1]
    both = measured(hand, volume=hand.volume(values))[1]
    assert alone is not None
    assert alone.insert is not None
    assert both is not None
    assert both.insert is not None
    # to the tails of the spheres that reach a background circle on some of the slices
    assert alone.insert.residuals == pytest.approx(np.full(11, 10.0), abs=0.01)
    assert both.insert.residuals == pytest.approx(10 * (1 + 0.01 * both.insert.z_mm), abs=0.01)


def test_no_insert_and_too_short_a_one() -> None:
    hand = ByHand()
    findings, _ = measured(hand, phantom=replace(hand.phantom(), lung=None))
    assert ("lung_residual", "", "no_lung_insert") in absent(findings)
    findings, _ = measured(replace(hand, lung_length_mm=62.0))
    assert ("lung_residual", "", "lung_too_short") in absent(findings)


def test_of_a_cut_phantom_ten_millimetres_are_always_left_out() -> None:
    hand = ByHand(shape=(61, 130, 162))
    phantom = replace(hand.phantom(), truncated=True)
    _, placed = measured(hand, options=Options(lung_exclusion_mm=0.0), phantom=phantom)
    assert placed is not None
    assert placed.insert is not None
    assert placed.insert.z_mm[0] == -30.0


# --- noise ------------------------------------------------------------------------------------------------

QUIET = ByHand(shape=(45, 130, 162), fwhm_mm=5.0)
PART = 0.08  # standard deviation of a voxel over the background


@cache
def quiet() -> tuple[NDArray[np.float64], IecPhantom, Placement]:
    return QUIET.values(), QUIET.phantom(), place(QUIET.volume(), QUIET.phantom())


def noisy(seed: int, voxels: float, grows: float = 0.0) -> Volume:
    """Return the phantom with noise of PART of the background, growing as activity to a power."""
    values, _, _ = quiet()
    size = 1000 * PART * np.maximum(values / 1000, 1.0) ** grows
    return QUIET.volume(values + size * noise(values.shape, voxels, seed))


def predicted(diameter: float, voxels: float) -> float:
    """Return N in percent: the scatter of a circle's mean for noise that was filtered by a Gaussian."""
    edges = (np.arange(41) - 20.5) * 2.0 + 0.37
    _, _, weights = disc_weights(edges, edges, (0.0, 0.0), diameter / 2)
    row, column = np.indices(weights.shape).reshape(2, -1)
    apart = (row[:, None] - row) ** 2 + (column[:, None] - column) ** 2
    along = np.exp(-apart * (FWHM_PER_SIGMA / voxels) ** 2 / 4) if voxels else (apart == 0)
    flat = weights.ravel() / weights.sum()
    return float(100 * PART * math.sqrt(flat @ along @ flat))


@pytest.mark.parametrize("voxels", [0.0, 2.5])
def test_variability_of_noise_of_known_size_and_correlation(voxels: float) -> None:
    seeds = range(10)
    _, phantom, placement = quiet()
    every = [measure_background(noisy(seed, voxels), phantom, placement) for seed in seeds]
    for index, diameter in enumerate(DIAMETERS):
        found = np.array([100 * one.deviation(index) / one.background(index) for one in every])
        expected = predicted(diameter, voxels)
        error = expected / math.sqrt(2 * 59)
        assert np.abs(found - expected).max() < 3.5 * error  # 120 values: 3.5 standard errors
        assert found.mean() == pytest.approx(expected, abs=3 * error / math.sqrt(len(seeds)))
        stated = [1 / math.sqrt(2 * (one.independent(index) - 1)) for one in every]
        assert np.median(stated) == pytest.approx(
            0.092, abs=0.012
        )  # 1 / sqrt(2 x 59) of 60 independent circles


def test_circles_that_share_noise_count_less() -> None:
    """The same plane of noise on every slice: twelve independent circles, five times each."""
    _, phantom, placement = quiet()
    plane = noise((1, 130, 162), 0.0, 3)
    same = QUIET.volume(1000 + 80 * np.repeat(plane, 45, axis=0))
    one = measure_background(same, phantom, placement)
    # 59 x 60 over 12 x 25 equal pairs, and one
    assert one.independent(5) == pytest.approx(1 + 59 * 60 / 300)
    # on top of each other in pairs: every circle has a twin
    twice = replace(placement, centres_mm=placement.centres_mm[:6] * 2)
    alone = measure_background(noisy(5, 0.0), phantom, twice)
    assert alone.independent(5) == pytest.approx(1 + 59 / 2)


@pytest.mark.parametrize(("voxels", "grows"), [(2.5, 0.0), (1.5, 0.5), (2.5, 1.0)])
def test_stated_uncertainties_cover(voxels: float, grows: float) -> None:
    """Deviations from the noise-free value over the stated uncertainty have a mean square of 1."""
    _, phantom, placement = quiet()
    truth = table(measured(QUIET)[0], "pet.contrast_hot")
    squares, exponents = [], []
    for seed in range(10):
        findings, placed = measured(
            QUIET, volume=noisy(seed + 40, voxels, grows), phantom=phantom, placement=placement
        )
        assert placed is not None
        exponents.append(placed.scatter.exponent)
        for diameter, value in zip(DIAMETERS, truth, strict=True):
            one = of(findings, "pet.contrast_hot", f"{diameter:g} mm")
            assert set(one.uncertainty_parts) == {"counting", "background"}
            assert one.uncertainty is not None
            squares.append(((one.value - value) / one.uncertainty) ** 2)
    # 60 values: 1 +- sqrt(2 / 60); the exponent is told by few independent voxels, and stays within 0 and 1
    assert math.sqrt(float(np.mean(squares))) == pytest.approx(1.0, abs=0.35)
    assert float(np.mean(exponents)) == pytest.approx(grows, abs=0.2)


def test_localisation_is_what_a_wrong_centre_changes() -> None:
    sigma, random = 0.8, np.random.default_rng(11)
    volume, placement = QUIET.volume(), quiet()[2]
    phantom = replace(QUIET, sigma_mm=sigma).phantom()
    findings, _ = measured(QUIET, volume=volume, phantom=phantom, placement=placement)
    right = table(findings, "pet.contrast_hot")
    changes = []
    for _ in range(80):
        off = random.normal(0, sigma, (6, 2))
        spheres = tuple(
            replace(sphere, x_mm=sphere.x_mm + float(x), y_mm=sphere.y_mm + float(y), sigma_mm=0.0)
            for sphere, (x, y) in zip(phantom.spheres, off, strict=True)
        )
        moved = measured(
            QUIET, volume=volume, phantom=replace(phantom, spheres=spheres), placement=placement
        )[0]
        changes.append(np.array(table(moved, "pet.contrast_hot")) - right)
    rms = np.sqrt((np.array(changes) ** 2).mean(axis=0))
    stated = [
        of(findings, "pet.contrast_hot", f"{diameter:g} mm").uncertainty_parts["localisation"]
        for diameter in DIAMETERS
    ]
    # 80 draws of a squared deviation: each root mean square is known to about 10 %
    assert rms == pytest.approx(stated, rel=0.35)
    assert stated[0] > 2 * stated[5]
    assert of(findings, "pet.sphere_x", "10 mm").uncertainty == sigma


def test_the_uncertainty_of_the_ratio() -> None:
    findings, _ = measured(ByHand(), given(ratio=4.0, ratio_uncertainty=0.08))
    more, _ = measured(ByHand(), given(ratio=4.001))
    for diameter in DIAMETERS:
        one, other = (of(some, "pet.contrast_hot", f"{diameter:g} mm") for some in (findings, more))
        slope = (other.value - one.value) / 0.001
        assert one.uncertainty_parts["fill"] == pytest.approx(
            abs(slope) * 0.08, rel=1e-3
        )  # a finite difference
    assert "no_fill_uncertainty" in {remark.code for remark in more.remarks}
    assert "no_fill_uncertainty" not in {remark.code for remark in findings.remarks}
