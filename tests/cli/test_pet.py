"""`nmqc pet`: that the whole way from the files to the answer is right, and what it says where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from pydicom import Dataset, dcmread

from nmqc.pet.metrics import (
    IMAGE_QUALITY,
    IMAGE_QUALITY_METRICS,
    RECOVERY,
    RECOVERY_METRICS,
    RESOLUTION,
    RESOLUTION_METRICS,
    UNIFORMITY,
    UNIFORMITY_METRICS,
)
from phantoms.pet import Cylinder, IecBody
from phantoms.pet_scan import Scan
from phantoms.pt import write_series
from tests.cli.running import Run, call, child, codes, finished, measured

COARSE: dict[str, Any] = {"matrix": (100, 106), "slices": 62, "voxel_mm": (3.4, 3.3, 3.1)}
BODY = IecBody(**COARSE, noise=0.04)
TUBE = Cylinder(**COARSE, noise=0.04)
DIAMETERS = (10, 13, 17, 22, 28, 37)
SPHERES = tuple(f"{diameter} mm" for diameter in DIAMETERS)
HOT_BQML = BODY.ratio * BODY.background_bqml
KNOWN = ("--sphere-bqml", f"{HOT_BQML:g}", "--background-bqml", f"{BODY.background_bqml:g}")

Made = Callable[..., Path]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Write a series once, and return its folder."""
    folder = tmp_path_factory.mktemp("series")

    def make(name: str, phantom: IecBody | Cylinder = BODY, **how: Any) -> Path:
        path = folder / name
        if not path.exists():
            write_series(phantom, path, **{"vendor": "vereos", "seed": 1, **how})
        return path

    return make


@pytest.fixture(scope="session")
def iec(made: Made) -> Path:
    return made("iec")


@pytest.fixture
def own(made: Made, tmp_path: Path) -> Path:
    """A series that a test may spoil."""
    return Path(shutil.copytree(made("iec"), tmp_path / "own"))


def pet(*arguments: str | Path) -> Run:
    return call("pet", "--no-record", "--json", *arguments)


def ran(run: Run) -> list[str]:
    return [result["test"] for result in run.results]


def absent(result: dict[str, Any]) -> set[tuple[str, str]]:
    return {(item["name"], item["code"]) for item in result["not_measured"]}


def changed(folder: Path, change: Callable[[Dataset], None], *names: str) -> None:
    """Change the headers of some files of a series, or of all."""
    for path in sorted(folder.iterdir()):
        if not names or path.name in names:
            dataset = dcmread(path)
            change(dataset)
            dataset.save_as(path)


# --- what is measured ------------------------------------------------------------------------------------


def test_contrast_and_resolution_always_and_recovery_where_the_truth_is_known(iec: Path) -> None:
    alone, known = pet(iec, "--ratio", "4"), pet(iec, *KNOWN)
    assert (alone.status, alone.err, alone.refused) == (0, "", [])
    assert ran(alone) == [IMAGE_QUALITY, RESOLUTION]
    assert ran(known) == [IMAGE_QUALITY, RECOVERY, RESOLUTION]
    declared = (IMAGE_QUALITY_METRICS, RECOVERY_METRICS, RESOLUTION_METRICS)
    for result, metrics in zip(known.results, declared, strict=True):
        told = {item["name"] for key in ("measurements", "not_measured") for item in result[key]}
        assert told == {metric.name for metric in metrics.values()}
        assert len(result["inputs"]) == BODY.slices
        assert (result["detector"], result["energy_window"], result["verdict"]) == (None, None, "unjudged")


def test_the_figures_are_those_of_the_phantom(iec: Path) -> None:
    """Each within four of its own standard deviations, and no sphere taken for another."""
    quality, recovery, fit = pet(iec, *KNOWN).results
    for sphere in BODY.truth().spheres:
        of = f"{sphere.diameter_mm:g} mm"
        for axis, true in (("x", sphere.x_mm), ("y", sphere.y_mm), ("z", sphere.z_mm)):
            m = measured(quality, f"pet.sphere_{axis}", of)
            assert m["value"] == pytest.approx(true, abs=4 * m["uncertainty"] + 0.05), (of, axis)
    background = measured(quality, "pet.background")
    assert background["unit"] == "Bq/mL"
    assert background["value"] == pytest.approx(BODY.background_bqml, abs=4 * background["uncertainty"])
    lung = measured(quality, "pet.lung_residual")
    assert lung["value"] == pytest.approx(100 * BODY.lung_residual, abs=1.5)  # blur from the wall: 1 point
    calibration = measured(recovery, "pet.calibration")
    assert calibration["value"] == pytest.approx(1.0, abs=4 * calibration["uncertainty"])
    for name, true in (("fwhm_transaxial", BODY.fwhm_mm[0]), ("fwhm_axial", BODY.fwhm_mm[1])):
        m = measured(fit, f"pet.{name}")
        assert m["value"] == pytest.approx(true, abs=4 * m["uncertainty"])
    signal = measured(fit, "pet.fit_signal", "37 mm")
    assert signal["value"] == pytest.approx(HOT_BQML, abs=4 * signal["uncertainty"])


@pytest.mark.parametrize(
    "how", [{"vendor": "siemens"}, {"vendor": "ge"}, {"vendor": "vereos", "units": "BQML"}]
)
def test_every_maker_gives_the_same_figures(made: Made, iec: Path, how: dict[str, Any]) -> None:
    """Slopes, signs and the order of the slices are the makers' own; the volume is the same to its rounding."""
    other = made("-".join(how.values()), **how)
    ours, theirs = (pet(folder, "--ratio", "4").results[0] for folder in (iec, other))
    for of in SPHERES:
        one, two = (measured(result, "pet.contrast_hot", of)["value"] for result in (ours, theirs))
        assert one == pytest.approx(two, abs=0.3)


def test_without_a_ratio_the_contrast_is_not_computed(iec: Path) -> None:
    run = pet(iec)
    quality = run.results[0]
    assert run.status == 0
    assert ("pet.contrast_hot", "no_ratio") in absent(quality)
    assert [measured(quality, "pet.sphere_to_background", of)["value"] > 1.5 for of in SPHERES] == [True] * 6


def test_cold_spheres_make_the_older_edition(made: Made) -> None:
    body = replace(BODY, states=("hot",) * 4 + ("cold",) * 2)
    quality = pet(made("cold", body), "--ratio", "4").results[0]
    assert quality["parameters"]["edition"] == "2012"
    for of in SPHERES[4:]:
        assert 70 < measured(quality, "pet.contrast_cold", of)["value"] < 100
    assert {
        of for m in quality["measurements"] if m["name"] == "pet.contrast_hot" for of in [m["of"]]
    } == set(SPHERES[:4])


def test_options_change_what_they_say(iec: Path) -> None:
    usual = pet(iec, "--ratio", "4").results[0]
    spread = pet(iec, "--ratio", "4", "--ratio-uncertainty", "0.2").results[0]
    m = measured(spread, "pet.contrast_hot", "37 mm")
    assert m["uncertainty_parts"]["fill"] == pytest.approx(m["value"] * 0.2 / 3)
    assert "fill" not in measured(usual, "pet.contrast_hot", "37 mm")["uncertainty_parts"]
    own = pet(
        iec, "--ratio", "4", "--slice", "own", "--lung-exclusion", "50", "--lung-background", "per-slice"
    )
    assert own.results[0]["parameters"]["slice"] == "own"
    assert own.results[0]["parameters"]["lung"]["exclusion_mm"] == 50
    assert own.results[0]["asked"] != usual["asked"]


def test_the_sites_own_background(iec: Path, tmp_path: Path) -> None:
    """Places that nmqc has chosen, given as the site's own, give the same figures; places elsewhere do not."""
    usual = pet(iec, "--ratio", "4").results[0]
    places = usual["parameters"]["background_centres_with_spheres_mm"]
    file = tmp_path / "rois.toml"

    def written(turn: float) -> Path:
        regions = "".join(f"[[region]]\nx_mm = {x}\ny_mm = {y + turn}\n" for x, y in places)
        file.write_text('relative_to = "spheres"\n' + regions)
        return file

    same = pet(iec, "--ratio", "4", "--bg-rois", written(0.0)).results[0]
    other = pet(iec, "--ratio", "4", "--bg-rois", written(2.0)).results[0]
    value = measured(usual, "pet.background_variability", "37 mm")["value"]
    assert measured(same, "pet.background_variability", "37 mm")["value"] == pytest.approx(value, rel=1e-3)
    assert measured(other, "pet.background_variability", "37 mm")["value"] != pytest.approx(value, rel=1e-3)


def test_earl_judges_only_where_it_is_asked_for(iec: Path) -> None:
    known = pet(iec, *KNOWN).results[1]
    judged = pet(iec, *KNOWN, "--earl", "1")
    recovery = judged.results[1]
    assert {m["verdict"] for m in known["measurements"]} == {"unjudged"}
    verdicts = {name: set() for name in ("pet.rc_mean", "pet.rc_max", "pet.rc_peak")}
    for m in recovery["measurements"]:
        if m["name"] in verdicts:
            verdicts[m["name"]].add(m["limits"] is not None)
    assert verdicts == {"pet.rc_mean": {True}, "pet.rc_max": {True}, "pet.rc_peak": {False}}
    assert recovery["verdict"] in ("pass", "fail")
    assert judged.status == (4 if recovery["verdict"] == "fail" else 0)
    assert "ratio_off" in codes(recovery["remarks"])


def test_earl_without_the_truth_is_a_problem(iec: Path) -> None:
    run = pet(iec, "--ratio", "4", "--earl", "2")
    assert run.status == 3
    assert run.said == [line for line in run.said if "--earl was not used" in line and "fill sheet" in line]


# --- the fill sheet --------------------------------------------------------------------------------------

SHEET = """
radionuclide = "F-18"

[background]
volume_ml = 9700.0

[[background.syringe]]
activity_mbq = {background}
measured = 2026-01-05 09:41:07

[spheres]
volume_ml = 500.0
{cold}

[[spheres.syringe]]
activity_mbq = {spheres}
measured = 2026-01-05 09:41:07
"""


def sheet(ratio: float, cold: str = "") -> str:
    """The fill of the phantom at the start of its scan."""
    background = BODY.background_bqml
    return SHEET.format(background=background * 9700 / 1e6, spheres=ratio * background * 500 / 1e6, cold=cold)


@pytest.mark.parametrize("place", ["in the folder", "around the folder", "named"])
def test_the_fill_sheet_gives_the_truth(own: Path, tmp_path: Path, place: str) -> None:
    path = {"in the folder": own, "around the folder": tmp_path, "named": tmp_path / "sheets"}[place]
    path.mkdir(exist_ok=True)
    (path / "fill.toml").write_text(sheet(4.0))
    run = pet(own, *(["--fill", path / "fill.toml"] if place == "named" else []))
    assert ran(run) == [IMAGE_QUALITY, RECOVERY, RESOLUTION]
    assert measured(run.results[1], "pet.calibration")["value"] == pytest.approx(1.0, abs=0.01)
    truth = run.results[0]["parameters"]["truth"]
    assert (truth["source"], truth["ratio"]) == ("fill sheet", pytest.approx(4.0))
    assert truth["fill_sheet"] is not None


def test_what_is_typed_goes_before_a_sheet_beside_the_series(own: Path) -> None:
    (own / "fill.toml").write_text(sheet(8.0))
    assert pet(own, "--ratio", "4").results[0]["parameters"]["truth"]["ratio"] == 4.0


@pytest.mark.parametrize(
    ("arguments", "test", "name", "code"),
    [
        (("--ratio", "10"), IMAGE_QUALITY, "pet.contrast_hot", "ratio_contradicts"),
        (("--sphere-bqml", "21.2", "--background-bqml", "5.3"), RECOVERY, "pet.rc_max", "fill_contradicts"),
        (
            ("--sphere-bqml", "21.2", "--background-bqml", "5.3"),
            RECOVERY,
            "pet.calibration",
            "fill_contradicts",
        ),
    ],
)
def test_a_truth_that_cannot_be(
    iec: Path, arguments: tuple[str, ...], test: str, name: str, code: str
) -> None:
    """kBq for Bq, another fill's ratio: no number, and a reason."""
    run = pet(iec, *arguments)
    (result,) = (one for one in run.results if one["test"] == test)
    assert run.status == 3
    assert (name, code) in absent(result)
    assert [m for m in result["measurements"] if m["name"] == name] == []


def test_an_hour_of_summer_time_is_remarked_upon(iec: Path) -> None:
    known = ("--sphere-bqml", f"{HOT_BQML / 1.46:g}", "--background-bqml", f"{BODY.background_bqml / 1.46:g}")
    recovery = pet(iec, *known).results[1]
    assert "calibration_off" in codes(recovery["remarks"])
    assert measured(recovery, "pet.calibration")["value"] == pytest.approx(1.46, abs=0.02)


def test_ratio_and_one_concentration_make_the_other(iec: Path) -> None:
    recovery = pet(iec, "--ratio", "4", "--background-bqml", f"{BODY.background_bqml:g}").results[1]
    assert recovery["parameters"]["truth"]["sphere_bqml"] == [HOT_BQML]


def test_a_sphere_that_was_filled_otherwise_is_no_other_sphere(made: Made) -> None:
    """The 37 mm sphere at 1.3 times the background: no order of the six describes that, and none is guessed."""
    leaked = replace(BODY, sphere_bqml=(HOT_BQML,) * 5 + (1.3 * BODY.background_bqml,))
    folder = made("leaked", leaked)
    run = pet(folder, "--ratio", "4")
    assert (run.status, [one["code"] for one in run.refused]) == (3, ["sphere_order_unknown"])
    told = pet(folder, "--sphere-phase", f"{BODY.rotation_deg:g}", "--sense", f"{BODY.sense}")
    for sphere in BODY.truth().spheres[1:5]:
        found = measured(told.results[0], "pet.sphere_x", f"{sphere.diameter_mm:g} mm")
        assert found["value"] == pytest.approx(sphere.x_mm, abs=1.5)


def test_a_corrected_sheet_is_recorded_beside_the_wrong_one(made: Made, tmp_path: Path) -> None:
    cold = replace(BODY, states=("hot",) * 4 + ("cold",) * 2)
    folder = Path(shutil.copytree(made("cold", cold), tmp_path / "own"))
    recorded = []
    for text in (sheet(4.0), sheet(4.0, "cold_mm = [28, 37]")):
        (folder / "fill.toml").write_text(text)
        run = call("pet", "--db", tmp_path / "history.sqlite", "--json", folder)
        recorded.append(run.results[0]["history"])
    assert recorded[0] != recorded[1]


def test_a_sheet_that_the_image_contradicts(own: Path) -> None:
    """Cold by the sheet, hot in the image: no contrast of these two."""
    (own / "fill.toml").write_text(sheet(4.0, "cold_mm = [28, 37]"))
    run = pet(own)
    assert run.status == 3
    assert ("pet.contrast_cold", "state_contradicts") in absent(run.results[0])


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("volume = 3", "bad_fill", "fill.toml"),
        (sheet(4.0).replace("F-18", "Ga-68"), "other_nuclide", "Ga-68"),
        (sheet(4.0).replace("2026-01-05", "2026-02-05"), "bad_fill", "half-lives"),
    ],
)
def test_a_sheet_with_mistakes_refuses_the_series(own: Path, text: str, code: str, said: str) -> None:
    (own / "fill.toml").write_text(text)
    run = pet(own)
    assert (run.status, run.results) == (3, [])
    assert [refusal["code"] for refusal in run.refused] == [code]
    assert said in run.refused[0]["reason"]


# --- several series --------------------------------------------------------------------------------------


def test_replicates_are_one_result_with_their_scatter(made: Made) -> None:
    folders = [made(f"replicate-{number}", seed=7, replicate=number) for number in range(3)]
    run = pet(*folders, "--ratio", "4")
    assert run.status == 0
    quality = run.results[0]
    assert ran(run) == [IMAGE_QUALITY, RESOLUTION]
    assert "replicates" in codes(quality["remarks"])
    assert len(quality["inputs"]) == 3 * BODY.slices
    alone = [
        measured(pet(folder, "--ratio", "4").results[0], "pet.contrast_hot", "22 mm") for folder in folders
    ]
    mean = measured(quality, "pet.contrast_hot", "22 mm")
    assert mean["value"] == pytest.approx(sum(m["value"] for m in alone) / 3, abs=0.5)
    assert mean["uncertainty"] < min(m["uncertainty"] for m in alone)
    assert quality["parameters"]["replicates"]["count"] == 3
    assert quality["parameters"]["replicates"]["sd"]["pet.contrast_hot 22 mm"] > 0


def test_concentrations_that_were_typed_are_those_of_the_first_replicate(made: Made) -> None:
    """Ten minutes between the scans: 6 % of F-18 decays from one to the next."""
    scan = Scan(duration_s=600.0)
    folders = [made(f"long-{number}", seed=7, replicate=number, scan=scan) for number in range(3)]
    _, recovery, _ = pet(*folders, *KNOWN).results
    calibration = measured(recovery, "pet.calibration")
    assert calibration["value"] == pytest.approx(1.0, abs=0.005)
    first, _, last = recovery["parameters"]["truth"]["background_bqml"]
    assert last < 0.9 * first


def test_replicates_between_which_the_phantom_moved(made: Made) -> None:
    x, y, z = BODY.centre_mm
    moved = replace(BODY, centre_mm=(x + 5.0, y, z))
    later = Scan(acquired=Scan().acquired + timedelta(minutes=7))
    run = pet(made("iec"), made("moved", moved, scan=later), "--ratio", "4")
    assert (run.status, run.results) == (3, [])
    assert [refusal["code"] for refusal in run.refused] == ["replicates_moved"]


def test_another_reconstruction_is_no_replicate(made: Made) -> None:
    fine = replace(BODY, slices=60)
    run = pet(made("iec"), made("sixty", fine), "--ratio", "4")
    assert ran(run) == [IMAGE_QUALITY, RESOLUTION] * 2


def test_a_folder_with_several_series(made: Made, tmp_path: Path) -> None:
    both = tmp_path / "both"
    for number in range(2):
        for path in made(f"replicate-{number}", seed=7, replicate=number).iterdir():
            both.mkdir(exist_ok=True)
            shutil.copy(path, both / f"{number}-{path.name}")
    run = pet(both)
    assert (run.status, [refusal["code"] for refusal in run.refused]) == (3, ["several_series"])
    names = [word for word in run.refused[0]["reason"].replace("(", " ").split() if len(word) == 8]
    names = [word for word in names if set(word) <= set("0123456789abcdef")]
    assert len(names) == 2
    assert len(pet(both, "--series", names[0]).results[0]["inputs"]) == BODY.slices
    assert len(pet(both, "--series", ",".join(names)).results[0]["inputs"]) == 2 * BODY.slices


# --- the cylinder ----------------------------------------------------------------------------------------


def test_the_cylinder(made: Made) -> None:
    folder = made("cylinder", TUBE)
    run = pet(folder, "--phantom", "cylinder", "--background-bqml", f"{TUBE.background_bqml:g}")
    assert (run.status, run.err) == (0, "")
    (result,) = run.results
    assert result["test"] == UNIFORMITY
    assert {m["name"] for m in result["measurements"]} == {m.name for m in UNIFORMITY_METRICS.values()}
    calibration = measured(result, "pet.calibration")
    assert calibration["value"] == pytest.approx(1.0, abs=4 * calibration["uncertainty"])
    assert absent(pet(folder, "--phantom", "cylinder").results[0]) == {("pet.calibration", "no_reference")}


def test_the_sheet_of_another_phantom_is_not_used(made: Made, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made("cylinder", TUBE), tmp_path / "day" / "cylinder"))
    (tmp_path / "day" / "fill.toml").write_text(sheet(4.0))
    run = pet(folder, "--phantom", "cylinder")
    assert (run.status, [one["code"] for one in run.refused]) == (3, ["bad_fill"])


def test_one_phantom_taken_for_the_other(made: Made, iec: Path) -> None:
    wrong = pet(made("cylinder", TUBE), "--ratio", "4")
    assert (wrong.status, [one["code"] for one in wrong.refused]) == (3, ["not_an_iec_phantom"])
    assert "--phantom cylinder" in wrong.refused[0]["reason"]
    wrong = pet(iec, "--phantom", "cylinder")
    assert (wrong.status, [one["code"] for one in wrong.refused]) == (3, ["not_a_cylinder"])


# --- bad input -------------------------------------------------------------------------------------------


def slope_of_zero(dataset: Dataset) -> None:
    dataset.RescaleSlope = "0"


def taken_for_ct(dataset: Dataset) -> None:
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.Modality = "CT"


def moved_along(dataset: Dataset) -> None:
    x, y, z = dataset.ImagePositionPatient
    dataset.ImagePositionPatient = [x, y, float(z) + 1.2]


def without_slices(folder: Path) -> None:
    for number in (20, 21):
        (folder / f"PT{number:04d}.dcm").unlink()


def with_a_slice_twice(folder: Path) -> None:
    dataset = dcmread(folder / "PT0020.dcm")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "2.25.77"
    dataset.PixelData = dcmread(folder / "PT0024.dcm").PixelData
    dataset.save_as(folder / "again.dcm")


def end_of_the_spheres(folder: Path) -> None:
    """Only slices on one side of the plane of the spheres and a little beyond."""
    places = {path: float(dcmread(path).ImagePositionPatient[2]) for path in folder.iterdir()}
    middle = sum(places.values()) / len(places)
    for path, z in places.items():
        if z < middle + BODY.centre_mm[2] - 6:
            path.unlink()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda folder: changed(folder, taken_for_ct), "not_a_pet_image"),
        (without_slices, "missing_slices"),
        (with_a_slice_twice, "duplicate_slices"),
        (lambda folder: changed(folder, slope_of_zero, "PT0030.dcm"), "zero_slope"),
        (lambda folder: changed(folder, moved_along, "PT0030.dcm"), "unequal_spacing"),
        (end_of_the_spheres, "spheres_cut"),
    ],
    ids=["ct", "missing", "twice", "slope 0", "unequal", "cut"],
)
def test_what_cannot_be_measured_is_refused(own: Path, spoil: Callable[[Path], None], code: str) -> None:
    spoil(own)
    run = pet(own, "--ratio", "4")
    assert (run.status, run.results) == (3, [])
    (refusal,) = run.refused
    assert refusal["code"] == code
    assert len(refusal["reason"]) > 30
    assert "\n" not in refusal["reason"]
    assert run.said == [f"nmqc: {refusal['file']}: {refusal['reason']}"]


def test_a_ct_among_the_slices_is_refused_and_the_series_read(own: Path) -> None:
    shutil.copy(own / "PT0001.dcm", own / "CT0001.dcm")
    changed(own, taken_for_ct, "CT0001.dcm")
    run = pet(own, "--ratio", "4")
    assert [one["code"] for one in run.refused] == ["not_a_pet_image"]
    assert (run.status, ran(run)) == (3, [IMAGE_QUALITY, RESOLUTION])


def test_counts_without_factors_give_ratios_alone(made: Made) -> None:
    run = pet(made("no-factors", scan=Scan(factors=False)), *KNOWN)
    assert ran(run) == [IMAGE_QUALITY, RESOLUTION]
    assert "relative_units" in codes(run.results[0]["remarks"])
    assert measured(run.results[0], "pet.background")["unit"] == "counts"
    assert measured(run.results[0], "pet.contrast_hot", "37 mm")["value"] > 60


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--phantom", "cylinder", "--ratio", "4"), "--ratio belongs to --phantom iec"),
        (("--ratio", "4", *KNOWN), "which make the ratio"),
        (("--sense", "1"), "--sphere-phase"),
        (("--series", "xyz"), "8 hexadecimal digits"),
        (("--ratio", "nan"), "give a number"),
        (("--ratio", "0"), "--ratio"),
        (("--reference-time", "yesterday"), "the reference time must be"),
    ],
)
def test_wrong_usage(iec: Path, arguments: tuple[str, ...], said: str) -> None:
    run = pet(iec, *arguments)
    assert run.status == 2
    assert said in " ".join(run.err.split())


def test_a_ratio_of_one_is_no_fill(iec: Path) -> None:
    run = pet(iec, "--ratio", "1")
    assert (run.status, [one["code"] for one in run.refused]) == (3, ["bad_fill"])


# --- what is written -------------------------------------------------------------------------------------


def test_recorded_once_and_again_with_another_ratio(iec: Path, tmp_path: Path) -> None:
    history = tmp_path / "history.sqlite"
    first, again, other = (
        call("pet", "--db", history, "--json", "--ratio", ratio, iec) for ratio in ("4", "4", "5")
    )
    assert [result["history"] for result in first.results] == [1, 2]
    assert [result["history"] for result in again.results] == [1, 2]
    assert [result["history"] for result in other.results] == [3, 2]  # the fit knows no ratio


def test_the_report_holds_every_test(iec: Path, tmp_path: Path) -> None:
    report = tmp_path / "iec.pdf"
    assert call("pet", "--no-record", *KNOWN, "--earl", "2", "--pdf", report, iec).status in (0, 4)
    with pikepdf.open(report) as pdf:
        assert 4 <= len(pdf.pages) <= 12


def test_as_a_process_of_its_own(iec: Path) -> None:
    run = finished(child("pet", "--no-record", "--json", "--ratio", "4", iec))
    assert (run.status, run.err) == (0, "")
    assert ran(run) == [IMAGE_QUALITY, RESOLUTION]


@pytest.mark.parametrize("series", ["iec-recon", "earl-mct"])
def test_real_series_without_telling_it_where_anything_is(series: str) -> None:
    root = os.environ.get("NMQC_REFERENCE_DATA")
    if not root:
        pytest.skip("NMQC_REFERENCE_DATA does not name the folder of real files")
    run = pet(Path(root) / "pet" / series, "--ratio", "9.8")
    assert ran(run) == [IMAGE_QUALITY, RESOLUTION]
    assert run.status == 0
