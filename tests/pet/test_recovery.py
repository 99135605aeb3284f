"""Recovery coefficients, calibration, SUV and the published bands."""

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.measure.frames import Findings
from nmqc.model import Volume
from nmqc.pet.bands import BUILT_IN, judging, load_bands
from nmqc.pet.metrics import IMAGE_QUALITY_METRICS, RECOVERY_METRICS
from nmqc.pet.nema import Placed, image_quality
from nmqc.pet.options import Options
from nmqc.pet.recovery import Recovery, recovery
from nmqc.pet.truth import Truth, given
from nmqc.toml_reader import BadFile
from tests.pet.by_hand import COLD, ByHand, noise, of, table
from tests.pet.simulate import DIAMETERS

TEN = ByHand(ratio=10.0, background=2000.0, fwhm_mm=6.0, shape=(45, 130, 162), spacing_mm=(2.0, 2.0, 2.0))
KNOWN = given(sphere_bqml=20000.0, background_bqml=2000.0)
#: A50 and peak of FWHM 6 mm, as in test_isocontour
MEAN = (0.530, 0.665, 0.750, 0.800, 0.837, 0.872)
PEAK = (0.390, 0.611, 0.852, 0.977, 0.999, 1.0)


@cache
def clean() -> NDArray[np.float64]:
    return TEN.values()


def placed_in(volume: Volume, hand: ByHand = TEN) -> Placed:
    placed = image_quality(volume, hand.phantom(), KNOWN, Options(), Findings(IMAGE_QUALITY_METRICS))
    assert placed is not None
    return placed


def measured(
    volume: Volume, truth: Truth = KNOWN, hand: ByHand = TEN, **options: object
) -> tuple[Findings, Recovery | None]:
    findings = Findings(RECOVERY_METRICS)
    return findings, recovery(
        volume, hand.phantom(), truth, Options(**options), findings, placed_in(volume, hand)
    )


def absent(findings: Findings) -> set[tuple[str, str, str]]:
    return {(one.name.removeprefix("pet."), one.of, one.code) for one in findings.not_measured}


# --- coefficients -----------------------------------------------------------------------------------------


def test_recovery_of_a_blurred_phantom() -> None:
    findings, found = measured(TEN.volume(clean()))
    # voxels of 2 mm, their centres anywhere: the surface of the region, and 0.5 of 2 mm more blur in the peak
    assert table(findings, "pet.rc_mean") == pytest.approx(MEAN, abs=0.035)
    assert table(findings, "pet.rc_peak") == pytest.approx(PEAK, abs=0.025)
    assert of(findings, "pet.calibration").value == pytest.approx(1.0, abs=1e-4)
    assert found is not None
    assert found.bands == ()
    assert [one.contour.leaks for one in found.spheres if one] == [False] * 6


def test_recovery_is_by_the_true_concentration() -> None:
    one, other = (
        measured(TEN.volume(clean()), given(sphere_bqml=level, background_bqml=2500.0))[0]
        for level in (20000.0, 25000.0)
    )
    assert table(one, "pet.rc_max") == pytest.approx(
        [1.25 * rc for rc in table(other, "pet.rc_max")], rel=1e-12
    )
    assert of(one, "pet.calibration").value == pytest.approx(0.8, abs=1e-4)


def test_cold_and_unseen_spheres_have_no_recovery() -> None:
    hand = replace(TEN, states=("absent", *COLD[1:]))
    findings, found = measured(hand.volume(), hand=hand)
    assert {(of_, code) for _, of_, code in absent(findings) if of_} == {
        ("10 mm", "sphere_absent"),
        ("28 mm", "sphere_cold"),
        ("37 mm", "sphere_cold"),
    }
    assert len(table(findings, "pet.rc_peak")) == 3
    assert found is not None
    assert [one is None for one in found.spheres] == [True, False, False, False, True, True]


def test_without_a_true_concentration() -> None:
    findings, _ = measured(TEN.volume(clean()), given(ratio=10.0))
    assert absent(findings) == {
        ("suv_background", "", "no_header_dose"),
        ("calibration", "", "no_fill_sheet"),
        *((name, "", "no_fill_sheet") for name in ("rc_mean", "rc_max", "rc_peak")),
    }


def test_relative_values_have_no_recovery() -> None:
    relative = replace(TEN.volume(clean()), unit="relative", quantitative=False)
    findings, found = measured(relative)
    assert found is None
    names = ("rc_mean", "rc_max", "rc_peak", "calibration")
    assert {(name, "", "relative_units") for name in names} <= absent(findings)


def test_a_search_volume_that_leaves_the_image() -> None:
    hand = replace(TEN, shape=(25, 130, 162))  # +-25 mm: the 37 mm sphere is searched for in +-26.5 mm
    findings, _ = measured(hand.volume(), hand=hand)
    assert {(name, "37 mm", "roi_outside") for name in ("rc_mean", "rc_max", "rc_peak")} <= absent(findings)
    assert len(table(findings, "pet.rc_max")) == 5


def test_values_that_are_no_numbers() -> None:
    values = clean().copy()
    x, y, _ = TEN.corners()[5]
    values[35, round(y / 2 + 64.5), round(x / 2 + 80.5)] = (
        np.nan
    )  # 26 mm above the 37 mm sphere, out of its circle
    findings, _ = measured(TEN.volume(values))
    assert ("rc_max", "37 mm", "not_numbers") in absent(findings)


def test_what_to_look_at_is_remarked_upon() -> None:
    coarse = ByHand(
        ratio=10.0, background=2000.0, spacing_mm=(4.0, 4.0, 4.0), shape=(23, 65, 81), averaged=True
    )
    findings, _ = measured(coarse.volume(), given(sphere_bqml=8000.0, background_bqml=2000.0), coarse, earl=1)
    assert {remark.code for remark in findings.remarks} == {"few_voxels", "ratio_off", "no_fill_uncertainty"}
    assert "4.0:1" in next(remark.text for remark in findings.remarks if remark.code == "ratio_off")
    values = clean().copy()
    x, y, _ = TEN.corners()[2]
    values[:, round(y / 2 + 64.5), round(x / 2 + 80.5)] = (
        20000.0  # a line of activity through the 17 mm sphere
    )
    findings, _ = measured(TEN.volume(values))
    assert "17 mm" in next(remark.text for remark in findings.remarks if remark.code == "leak")


def test_every_metric_is_given_or_missed() -> None:
    for truth in (KNOWN, Truth()):
        findings, _ = measured(TEN.volume(clean()), truth)
        named = {m.metric.name for m in findings.measurements} | {m.name for m in findings.not_measured}
        assert named == {metric.name for metric in RECOVERY_METRICS.values()}


# --- uncertainties ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("grows", [0.0, 0.7])
def test_stated_uncertainties_cover(grows: float) -> None:
    """The scatter over acquisitions beside the stated uncertainty, noise of 6 %, correlated over 5 mm."""
    found: dict[str, list[list[float]]] = {}
    stated: dict[str, list[list[float]]] = {}
    for seed in range(10):
        size = 120 * np.maximum(clean() / 2000, 1.0) ** grows
        findings, _ = measured(TEN.volume(clean() + size * noise(clean().shape, 2.5, 700 + seed)))
        for name in ("rc_mean", "rc_max", "rc_peak"):
            one = [of(findings, f"pet.{name}", f"{diameter:g} mm") for diameter in DIAMETERS]
            found.setdefault(name, []).append([m.value for m in one])
            stated.setdefault(name, []).append([m.uncertainty or 0.0 for m in one])
    for name in found:
        scatter = np.array(found[name]).std(axis=0, ddof=1)
        ratio = scatter / np.sqrt((np.array(stated[name]) ** 2).mean(axis=0))
        # 54 degrees of freedom: 10 %. By the scatter in the background of a maximum and of a mean over a region of
        # the same size, not of the same shape: half of it again in either direction
        assert 0.6 < math.sqrt(float((ratio**2).mean())) < 1.5, name


def test_the_uncertainty_of_the_fill() -> None:
    truth = replace(KNOWN, sphere_uncertainty_bqml=400.0, background_uncertainty_bqml=20.0)
    findings, _ = measured(TEN.volume(clean()), truth)
    one = of(findings, "pet.rc_max", "37 mm")
    assert one.uncertainty_parts["fill"] == pytest.approx(0.02 * one.value)
    assert of(findings, "pet.calibration").uncertainty_parts["fill"] == pytest.approx(0.01, rel=1e-3)


# --- SUV --------------------------------------------------------------------------------------------------


def with_dose(volume: Volume) -> Volume:
    """Return it with 40 MBq measured 2 half-lives before the reference time, and 5 kg: 2,000 Bq/g then."""
    tracer = replace(
        volume.tracer, activity_bq=4.0e7, weight_g=5000.0, half_life_s=1800.0, measured="2026-11-16T09:00:00"
    )
    return replace(volume, tracer=tracer)


def test_the_header_gives_an_suv_where_it_was_asked_for() -> None:
    volume = with_dose(TEN.volume(clean()))
    findings, _ = measured(volume, header_dose=True)
    assert of(findings, "pet.suv_background").value == pytest.approx(1.0, abs=1e-4)
    findings, _ = measured(volume)
    assert ("suv_background", "", "no_header_dose") in absent(findings)
    findings, _ = measured(TEN.volume(clean()), header_dose=True)
    assert ("suv_background", "", "header_incomplete") in absent(findings)


def test_values_in_suv_are_turned_into_concentrations() -> None:
    bqml = with_dose(TEN.volume(clean()))
    suv = replace(bqml, values=clean() / 2000.0, unit="g/mL")
    one, other = measured(bqml, header_dose=True)[0], measured(suv)[0]
    for name in ("rc_mean", "rc_max", "rc_peak", "calibration", "suv_background"):
        assert table(other, f"pet.{name}") == pytest.approx(table(one, f"pet.{name}"), rel=1e-9), name
    lost = replace(suv, tracer=replace(suv.tracer, weight_g=None))
    assert ("rc_max", "", "header_incomplete") in absent(measured(lost)[0])


# --- bands ------------------------------------------------------------------------------------------------


def test_the_bands_that_come_with_nmqc() -> None:
    bands = load_bands()
    assert {(band.set, band.metric.removeprefix("pet.")) for band in bands} == {
        ("earl1-2017", "rc_mean"),
        ("earl1-2017", "rc_max"),
        ("earl2-2019", "rc_mean"),
        ("earl2-2019", "rc_max"),
        ("earl2-2019", "rc_peak"),
        ("earl-2026", "rc_peak"),
    }
    for band in bands:
        assert all(low < high for low, high in zip(band.low, band.high, strict=True))
        # a larger sphere recovers no less, but for the maximum's plateau, where bands fall by 0.06 at the most
        assert min(np.diff(band.high)) > -0.07
    one = {band.metric: band for band in judging(bands, 1)}
    assert set(one) == {"pet.rc_mean", "pet.rc_max"}
    assert one["pet.rc_mean"].limits()["10 mm"].fail.low == 0.27
    assert one["pet.rc_mean"].limits()["37 mm"].fail.high == 0.89
    assert one["pet.rc_max"].limits()["13 mm"].fail.holds(0.85)
    assert not one["pet.rc_max"].limits()["13 mm"].fail.holds(0.8501)
    # of the two published peak bands neither judges
    assert {band.metric for band in judging(bands, 2)} == {"pet.rc_mean", "pet.rc_max"}


def test_only_the_standard_asked_for_is_beside_the_values() -> None:
    for standard, sets in ((None, set()), (1, {"earl1-2017"}), (2, {"earl2-2019"})):
        _, found = measured(TEN.volume(clean()), earl=standard)
        assert found is not None
        assert {band.set for band in found.bands} == sets


def test_a_sites_own_bands(tmp_path: Path) -> None:
    path = tmp_path / "bands.toml"
    text = BUILT_IN.read_text(encoding="utf-8").replace("[0.27, 0.44,", "[0.47, 0.44,", 1)
    path.write_text(text.replace("0.34, 0.59, ", "", 1), encoding="utf-8")
    with pytest.raises(BadFile) as bad:
        load_bands(path)
    told = [mistake.text for mistake in bad.value.mistakes]
    assert any("low end is above" in one for one in told)
    assert any("found 4" in one for one in told)
