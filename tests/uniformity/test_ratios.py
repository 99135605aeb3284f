"""A near source's fall-off taken out, and the ratio to a reference flood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from nmqc.errors import CannotMeasure
from nmqc.model import Acquisition, Measurement, Result
from nmqc.uniformity import near_source, ratios
from nmqc.uniformity.flood import prepare
from nmqc.uniformity.indices import INDEX_NAMES
from nmqc.uniformity.planar import Options, analyse
from phantoms.defects import DeadPatch, Defect, NearSource, TubeLattice, WeakTube
from phantoms.fields import Rectangle
from phantoms.flood import Flood, Head
from tests.exam.acquisitions import acquisition, with_counts

NAMES = [f"uniformity.{index}.{field}" for field in ("ufov", "cfov") for index in INDEX_NAMES]
FOOT_MM = (13.0, -9.0)  # of the source, from the field's centre
UNKNOWN = "unknown"  # a camera whose crystal is not known to be thick: the effective distance is the true one


def flood(*defects: Defect, counts: float = 40_000.0, heads: int = 1, sharp: bool = False) -> Flood:
    """Return a 533 x 387 mm field, off centre, on native pixels of 2.4 x 2.3 mm (down x along)."""
    head = Head(
        field=Rectangle(533.0, 387.0),
        offset_mm=(2.6, -3.1),
        edge_fwhm_mm=0.0 if sharp else 3.4,
        counts_per_pixel=counts,
        defects=defects,
    )
    return Flood(matrix=(180, 250), pixel_mm=(2.4, 2.3), heads=(head,) * heads)


def one_result(made: Acquisition, options: Options) -> Result:
    analysis = analyse(made, options)
    assert analysis.refused == ()
    (result,) = analysis.results
    return result


def measured(result: Result, of: str) -> dict[str, Measurement]:
    return {m.metric.name: m for m in result.measurements if m.of == of}


def values(result: Result, of: str) -> dict[str, float]:
    return {name: m.value for name, m in measured(result, of).items() if name in NAMES}


@cache
def far_values(defects: tuple[Defect, ...] = ()) -> dict[str, float]:
    """Return the indices of a flood with a far source."""
    return values(one_result(acquisition(flood(*defects)), Options(replicates=0)), "")


# --- a near source --------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance_mm", [700.0, 1000.0, 2665.0])
def test_fall_off_is_taken_out_and_its_distance_found(distance_mm: float) -> None:
    made = acquisition(flood(NearSource(distance_mm, *FOOT_MM)), system=UNKNOWN)
    result = one_result(made, Options(replicates=0, source_distance_mm=distance_mm))
    raw, corrected = values(result, ""), values(result, "near-source")
    # A corner of the 533 x 387 mm field falls off as the table of the closed form says; whole pixels and the
    # smoothing stay 10 mm inside it, and the source stands to one side.
    truth = {700.0: 14.9, 1000.0: 7.7, 2665.0: 1.14}[distance_mm]
    assert raw["uniformity.integral.ufov"] == pytest.approx(truth, rel=0.08)
    # Flat again but for what the edge's blur leaves two sigmas inside, which a far source leaves too.
    assert list(corrected) == NAMES
    for name, value in corrected.items():
        assert value == pytest.approx(far_values()[name], abs=0.01)
    assert corrected["uniformity.integral.cfov"] < 0.005
    (found,) = [m for m in result.measurements if m.metric.name == "uniformity.near_source_distance"]
    assert found.value == pytest.approx(
        distance_mm, rel=1e-3
    )  # no noise; the blurred edge is two pixels away
    assert not [remark for remark in result.remarks if remark.code == "near_source_mismatch"]


@pytest.mark.parametrize("distance_mm", [700.0, 1000.0, 2665.0])
def test_defect_is_left_as_under_a_far_source(distance_mm: float) -> None:
    tube = WeakTube(-81.0, 52.0, 0.05, 25.0)
    made = acquisition(flood(NearSource(distance_mm, *FOOT_MM), tube), system=UNKNOWN)
    corrected = values(one_result(made, Options(replicates=0, source_distance_mm=distance_mm)), "near-source")
    for name, value in corrected.items():
        # 2.56 % or so; the fit of the foot of the source leans on the tube by a few hundredths.
        assert value == pytest.approx(far_values((tube,))[name], abs=0.05), name


def test_thick_crystal_has_a_longer_effective_distance() -> None:
    # 9.5 mm of NaI at 140 keV: the curve of a source 4.5 % further off.
    made = acquisition(flood(NearSource(1.045 * 800.0, *FOOT_MM)))
    result = one_result(made, Options(replicates=0, source_distance_mm=800.0))
    assert result.source.system.name == "intevo"
    (found,) = [m for m in result.measurements if m.metric.name == "uniformity.near_source_distance"]
    assert found.value == pytest.approx(800.0, rel=1e-3)  # as above
    assert values(result, "near-source")["uniformity.integral.cfov"] < 0.005
    assert near_source.effective_over_true("brivo") == 1.0


@pytest.mark.parametrize(("given_mm", "said"), [(700.0, True), (900.0, True), (1080.0, False)])
def test_wrong_distance_is_remarked(given_mm: float, said: bool) -> None:
    made = acquisition(flood(NearSource(1000.0, *FOOT_MM)), system=UNKNOWN)
    result = one_result(made, Options(replicates=0, source_distance_mm=given_mm))
    remarks = [remark.text for remark in result.remarks if remark.code == "near_source_mismatch"]
    assert bool(remarks) is said
    if said:
        assert "1000 mm" in remarks[0]
        assert f"{given_mm:.0f} mm was given" in remarks[0]
    corrected = values(result, "near-source")["uniformity.integral.ufov"]
    # Far too short a distance takes out more than there is.
    assert (corrected > 3) is (given_mm == 700.0)


def test_source_far_to_one_side_is_remarked_with_its_place() -> None:
    made = acquisition(flood(NearSource(900.0, -75.0, 31.0)), system=UNKNOWN)
    result = one_result(made, Options(replicates=0, source_distance_mm=900.0))
    (text,) = [remark.text for remark in result.remarks if remark.code == "near_source_mismatch"]
    # From the matrix's centre: the field's own offset added.
    assert "-72 mm (x) and +28 mm (y)" in text
    assert values(result, "near-source")["uniformity.integral.cfov"] < 0.005


def test_flood_that_does_not_fall_off_is_not_measured() -> None:
    result = one_result(acquisition(flood(), system=UNKNOWN), Options(replicates=0, source_distance_mm=900.0))
    absent = {(item.name, item.of): item.code for item in result.not_measured}
    assert absent["uniformity.near_source_distance", ""] == "near_source"
    assert not [m for m in result.measurements if m.metric.name == "uniformity.near_source_distance"]


def test_without_a_distance_nothing_is_corrected() -> None:
    result = one_result(acquisition(flood(NearSource(900.0))), Options(replicates=0))
    absent = {(item.name, item.of): item.code for item in result.not_measured}
    assert {absent[name, "near-source"] for name in NAMES} == {"no_source_distance"}
    assert absent["uniformity.near_source_distance", ""] == "no_source_distance"
    assert measured(result, "near-source") == {}


def test_error_of_the_fitted_distance_is_its_scatter() -> None:
    # On pixels without an edge: 30 x 41 of 12.8 mm, 8,000 counts each.
    x, y = np.meshgrid((np.arange(41) - 20) * 12.8 + 2.0, (np.arange(30) - 14.5) * 12.8 - 3.0)
    gain = NearSource(1000.0, *FOOT_MM).gain(x, y, Rectangle(533.0, 387.0))
    found, errors, places = [], [], []
    for seed in range(200):
        counts = np.random.default_rng(seed).poisson(8_000.0 * gain).ravel().astype(float)
        fall = near_source.fit(counts, x.ravel(), y.ravel(), 900.0, free=True)
        assert fall.distance_error_mm is not None
        found.append(fall.distance_mm)
        errors.append(fall.distance_error_mm)
        places.append((fall.x_mm, fall.y_mm))
    spread = float(np.std(found, ddof=1))
    # 200 floods: the scatter to 5 %, three times that; the mean to a fourteenth of it, three times that.
    assert np.mean(errors) == pytest.approx(spread, rel=3 / (2 * 200) ** 0.5)
    assert np.mean(found) == pytest.approx(1000.0, abs=3 * spread / 200**0.5 + 0.3)  # 0.3: curvature
    error_mm = np.std(places, axis=0) / 200**0.5
    assert np.all(np.abs(np.mean(places, axis=0) - FOOT_MM) <= 3 * error_mm)


def test_distance_of_noisy_floods_and_its_stated_uncertainty() -> None:
    made = flood(NearSource(900.0, *FOOT_MM), counts=60.0)
    pulls = []
    for seed in range(12):
        result = one_result(
            acquisition(made, seed, system=UNKNOWN), Options(replicates=0, source_distance_mm=900.0)
        )
        (found,) = [m for m in result.measurements if m.metric.name == "uniformity.near_source_distance"]
        assert set(found.uncertainty_parts) == {"counting"}
        assert found.uncertainty is not None
        pulls.append((found.value - 900.0) / found.uncertainty)
    # Twelve standard normal numbers: their mean and mean square, three standard errors.
    assert abs(np.mean(pulls)) < 3 / 12**0.5
    assert np.mean(np.square(pulls)) == pytest.approx(1.0, abs=3 * (2 / 12) ** 0.5)


def test_dead_spot_does_not_move_the_fitted_distance() -> None:
    x, y = np.meshgrid((np.arange(83) - 41) * 6.4, (np.arange(60) - 29.5) * 6.4)
    gain = NearSource(1000.0, *FOOT_MM).gain(x, y, Rectangle(533.0, 387.0))
    gain = np.where((np.abs(x + 150) < 20) & (np.abs(y - 90) < 20), 0.0, gain)
    counts = np.random.default_rng(1).poisson(5_000.0 * gain).ravel().astype(float)
    fall = near_source.fit(counts, x.ravel(), y.ravel(), 900.0, free=True)
    assert fall.distance_error_mm is not None
    assert fall.distance_mm == pytest.approx(1000.0, abs=4 * fall.distance_error_mm)


def test_counting_part_of_the_corrected_indices() -> None:
    made = flood(NearSource(900.0, *FOOT_MM), counts=200.0)
    result = one_result(
        acquisition(made, 5, system=UNKNOWN), Options(replicates=40, source_distance_mm=900.0)
    )
    far = one_result(acquisition(flood(counts=190.0), 6), Options(replicates=40))
    for name in NAMES:
        corrected, flat = measured(result, "near-source")[name], measured(far, "")[name]
        assert set(corrected.uncertainty_parts) == {"counting"}
        # Two floods of about the same counts, each thinned 40 times: 11 % each, and one flood's own luck.
        ratio = corrected.uncertainty_parts["counting"] / flat.uncertainty_parts["counting"]
        assert 0.5 < ratio < 2.0


# --- a reference flood ----------------------------------------------------------------------------------

LATTICE = TubeLattice(0.03, 76.0, 9.0, -5.0)


def over(made: Acquisition, reference: Acquisition, replicates: int = 0) -> Result:
    return one_result(made, Options(replicates=replicates, reference=reference))


def seen(depth: float, sigma_mm: float) -> float:
    """Return the integral uniformity of a Gaussian spot on pixels of 7.2 x 6.9 mm, smoothed: right to 4 %.

    The pixel and the weights 1 2 1 widen it by p^2 (1/12 + 1/2) along each axis; 4 %: its centre lies up to half
    a pixel beside one.
    """
    down, along = (sigma_mm**2 / (sigma_mm**2 + 7 / 12 * pitch**2) for pitch in (7.2, 6.9))
    left = depth * (down * along) ** 0.5
    return 100 * left / (2 - left)


def test_ratio_removes_a_fixed_structure() -> None:
    result = over(acquisition(flood(LATTICE, counts=900.0)), acquisition(flood(LATTICE, counts=40_000.0)))
    assert values(result, "")["uniformity.integral.ufov"] > 1.5
    for name, value in values(result, "reference").items():
        assert value == pytest.approx(0.0, abs=1e-9), name  # no noise: arithmetic only
    assert list(values(result, "reference")) == NAMES


def test_ratio_to_a_flat_reference_is_the_flood_itself() -> None:
    # Deep and smaller than the smoothing, so that a flood over its reference and the reverse read differently.
    spot = DeadPatch(Rectangle(8.0, 7.0), -58.0, 33.0, 0.1)
    result = over(acquisition(flood(LATTICE, spot, sharp=True)), acquisition(flood(sharp=True)))
    assert values(result, "reference") == pytest.approx(values(result, ""), rel=1e-9)  # arithmetic only


def test_changed_spot_shows_beneath_the_structure() -> None:
    spot = WeakTube(-58.0, 33.0, 0.02, 18.0)
    result = over(acquisition(flood(LATTICE, spot)), acquisition(flood(LATTICE)))
    alone = over(acquisition(flood(spot)), acquisition(flood()))
    # Within a re-binned pixel the lattice and the spot are both nearly even: mean of product and product of means.
    for name, value in values(result, "reference").items():
        assert value == pytest.approx(values(alone, "reference")[name], abs=2e-3), name
    found = values(result, "reference")["uniformity.integral.ufov"]
    assert found == pytest.approx(seen(0.02, 18.0), rel=0.04)


def test_dead_patch_reaches_a_hundred_in_the_ratio_too() -> None:
    patch = DeadPatch(Rectangle(40.0, 40.0), 31.0, -22.0)
    result = over(acquisition(flood(LATTICE, patch)), acquisition(flood(LATTICE)))
    assert values(result, "reference")["uniformity.integral.ufov"] == pytest.approx(100.0, abs=1e-9)


def test_ratio_of_two_noisy_floods_has_the_noise_of_both() -> None:
    made = flood(LATTICE, counts=700.0)
    result = over(acquisition(made, 1), acquisition(flood(LATTICE, counts=1400.0), 2), replicates=60)
    flat = one_result(acquisition(flood(counts=700 / 1.5), 3), Options(replicates=0))
    ratio, floor = measured(result, "reference"), measured(flat, "")
    for name in NAMES:
        # N1 N2 / (N1 + N2) counts a pixel: a flat flood of two thirds of the counts; 10 % is one flood's luck,
        # three times that.
        noise = floor[name].noise_floor
        assert noise is not None
        assert ratio[name].value == pytest.approx(noise.mean, rel=0.3)
        assert set(ratio[name].uncertainty_parts) == {"counting"}


def test_uncertainty_of_a_ratio_is_its_scatter() -> None:
    small = Head(
        field=Rectangle(180.0, 150.0), offset_mm=(4.0, -7.0), counts_per_pixel=150.0, defects=(LATTICE,)
    )
    made = Flood(matrix=(90, 98), pixel_mm=(2.3, 2.4), heads=(small,))
    found: dict[str, list[float]] = {}
    stated: dict[str, list[float]] = {}
    for seed in range(60):
        options = Options(reference=acquisition(made, 1000 + seed), replicates=20)
        one = acquisition(made, seed)
        for m in ratios.over_reference(prepare(one.frames[0], options), one.source, options):
            found.setdefault(m.metric.name, []).append(m.value)
            stated.setdefault(m.metric.name, []).append(m.uncertainty_parts["counting"])
    ratio = [np.mean(stated[name]) / np.std(found[name], ddof=1) for name in NAMES]
    # As in test_noise.py: 0.85 to 1.15, wider by three times the 11 % to which the scatter of 60 floods is known.
    assert all(0.85 * 0.67 <= one <= 1.15 * 1.33 for one in ratio)
    assert 0.85 * 0.84 <= np.mean(ratio) <= 1.15 * 1.16


def not_measured(result: Result) -> dict[str, tuple[str, str]]:
    return {item.name: (item.code, item.reason) for item in result.not_measured if item.of == "reference"}


def references() -> Sequence[tuple[str, Acquisition, str]]:
    good = flood(LATTICE)
    whole = acquisition(good)
    other_matrix = Flood(matrix=(176, 250), pixel_mm=(2.4, 2.3), heads=good.heads)
    other_pixels = Flood(matrix=(180, 250), pixel_mm=(2.41, 2.3), heads=good.heads)
    frame = whole.frames[0]
    holes = frame.counts.copy()
    holes[85:95, 120:130] = 0
    return (
        ("matrix", acquisition(other_matrix), "another matrix or pixel size"),
        ("pixels", acquisition(other_pixels), "another matrix or pixel size"),
        ("transposed", with_counts(whole, frame.counts.T), "another matrix or pixel size"),
        ("detector", replace(whole, frames=(replace(frame, detector=2),)), "no image of this detector"),
        ("window", replace(whole, frames=(replace(frame, window_number=2),)), "no image of this detector"),
        ("nothing", replace(whole, frames=()), "no image of this detector"),
        ("dead patch", with_counts(whole, holes), "without counts"),
    )


@pytest.mark.parametrize(("_what", "reference", "reason"), [pytest.param(*r, id=r[0]) for r in references()])
def test_reference_of_another_kind_is_not_measured(_what: str, reference: Acquisition, reason: str) -> None:
    result = over(acquisition(flood(LATTICE)), reference)
    said = not_measured(result)
    assert list(said) == NAMES
    assert {code for code, _ in said.values()} == {"reference_mismatch"}
    assert all(reason in text for _, text in said.values())
    assert values(result, "reference") == {}
    assert len(values(result, "")) == 8  # the flood itself is measured all the same


def test_without_a_reference_there_is_no_ratio() -> None:
    result = one_result(acquisition(flood()), Options(replicates=0))
    assert {code for code, _ in not_measured(result).values()} == {"no_reference"}


def test_each_detector_has_its_own_reference() -> None:
    good = flood(LATTICE, heads=2)
    spot = WeakTube(40.0, -20.0, 0.04, 20.0)
    second = replace(good.heads[1], defects=(LATTICE, spot))
    changed = replace(good, heads=(good.heads[0], second))
    results = analyse(acquisition(changed), Options(replicates=0, reference=acquisition(good))).results
    first, other = (values(result, "reference")["uniformity.integral.ufov"] for result in results)
    assert first == pytest.approx(0.0, abs=1e-9)  # no noise: arithmetic only
    assert other == pytest.approx(seen(0.04, 20.0), rel=0.04)


def test_fit_that_runs_away_is_refused() -> None:
    x, y = np.meshgrid(np.arange(-200.0, 200.0, 6.4), np.arange(-150.0, 150.0, 6.4))
    rising = 1_000.0 * (1 + 1e-6 * (x**2 + y**2))  # brighter towards the rim: no source in front does that
    with pytest.raises(CannotMeasure) as refusal:
        near_source.fit(rising.ravel(), x.ravel(), y.ravel(), 1000.0, free=True)
    assert refusal.value.code == "near_source"


@pytest.mark.parametrize(
    ("width_mm", "height_mm", "x_per_mm", "y_per_mm", "distance_mm"),
    [
        (415.42211042619016, 283.4717608859431, -3.4652903442502375e-05, 0.00016639475816653448, 942.55),
        (
            415.42211042619016,
            283.4717608859431,
            -3.4652903442502375e-05,
            0.00016639475816653448,
            942.5534473235057,
        ),
        (
            458.2638979415621,
            374.0461914437196,
            0.00013971513532931725,
            0.00010403136222347071,
            624.9298292937051,
        ),
        (399.3, 267.1, -2.75e-4, -2.9e-4, 2533.0),
    ],
)
def test_fit_to_a_plane_is_refused_however_it_ends(
    width_mm: float, height_mm: float, x_per_mm: float, y_per_mm: float, distance_mm: float
) -> None:
    x, y = np.meshgrid(
        np.arange(-width_mm / 2, width_mm / 2, 6.6), np.arange(-height_mm / 2, height_mm / 2, 6.6)
    )
    plane = 1_000.0 * (1 + x_per_mm * x + y_per_mm * y)  # of the kind that sends the steps to infinity
    with pytest.raises(CannotMeasure) as refusal:
        near_source.fit(plane.ravel(), x.ravel(), y.ravel(), distance_mm, free=True)
    assert refusal.value.code == "near_source"


def test_a_flood_is_no_reference_of_itself_nor_of_another_camera() -> None:
    made = Flood(matrix=(112, 117), pixel_mm=(2.2, 2.3), heads=(Head(field=Rectangle(201.0, 133.0)),))
    one = acquisition(made, seed=1)
    pixels = replace(one.frames[0].input, pixels="same")
    one = replace(one, frames=(replace(one.frames[0], input=pixels),))
    other = replace(
        acquisition(made, seed=2), source=replace(one.source, system=replace(one.source.system, unit="b"))
    )
    for reference, word in ((one, "this very flood"), (other, "another camera")):
        (found,) = analyse(one, Options(reference=reference, replicates=0)).results
        reasons = {item.reason for item in found.not_measured if item.of == "reference"}
        assert len(reasons) == 1
        assert word in reasons.pop()
