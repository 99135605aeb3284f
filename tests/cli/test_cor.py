"""`nmqc cor`: that the whole way from the files to the answer is right, and what it says where there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
import pytest
from pydicom import Dataset, dcmread, dcmwrite

from nmqc.report.terminal import columns
from phantoms.bars import Bars
from phantoms.cor import Orbit, OrbitHead, PointSource, one_source
from phantoms.flood import default_windows
from phantoms.nm import write_cor, write_planar
from tests.cli.bad import EXPORT, Bad
from tests.cli.conftest import Floods
from tests.cli.running import Run, call, child, codes, finished, measured
from tests.exam.cor import PER_DETECTOR, PER_PAIR

HEADS = (
    OrbitHead(start_deg=201.0, offset_mm=0.71, axial_mm=0.4, tilt_deg=0.2),
    OrbitHead(start_deg=21.0, offset_mm=-0.52, axial_mm=-0.3, tilt_deg=-0.1),
)
THREE = (
    PointSource(75.0, -6.0, 64.0),
    PointSource(1.7, 2.2, 1.0, 21_000.0),
    PointSource(-71.0, 19.0, -66.0, 19_000.0),
)
SMALL: dict[str, Any] = {"views": 24, "matrix": (68, 64), "pixel_mm": (4.6, 4.8)}
TWO = Orbit(sources=THREE, heads=HEADS, **SMALL)
ONE = Orbit(system="brivo", sources=one_source(), heads=HEADS[:1], **SMALL)


def turned(*offsets_mm: float) -> Orbit:
    """One source before heads with other offsets."""
    heads = (replace(head, offset_mm=offset) for head, offset in zip(HEADS, offsets_mm, strict=False))
    return Orbit(sources=one_source(), heads=tuple(heads), **SMALL)


Made = Callable[..., Path]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Write an acquisition once, and return its path."""
    folder = tmp_path_factory.mktemp("orbits")

    def make(name: str, orbit: Orbit) -> Path:
        path = folder / f"{name}.dcm"
        if not path.exists():
            write_cor(orbit, path, seed=1)
        return path

    return make


@pytest.fixture(scope="session")
def two(made: Made) -> Path:
    return made("two", TWO)


@pytest.fixture(scope="session")
def split(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same acquisition, one file for each detector; both say detector 1."""
    first, second = write_cor(TWO, tmp_path_factory.mktemp("split") / "split.dcm", seed=1, split_heads=True)
    return first, second


def cor(*arguments: str | Path) -> Run:
    return call("cor", "--no-record", "--json", *arguments)


def detectors(run: Run) -> list[int | None]:
    return [result["detector"] for result in run.results]


def value(result: dict[str, Any], name: str, of: str = "") -> float:
    return float(measured(result, f"cor.{name}", of)["value"])


# --- what is measured ------------------------------------------------------------------------------------


def test_each_detector_then_the_pair(two: Path) -> None:
    run = cor(two)
    assert (run.status, run.err, run.refused) == (0, "", [])
    assert detectors(run) == [1, 2, None]
    assert [result["detector_source"] for result in run.results] == ["vector", "vector", None]
    assert {(result["test"], result["verdict"]) for result in run.results} == {("cor.point-sources", "pass")}
    for result, declared in zip(run.results, (PER_DETECTOR, PER_DETECTOR, PER_PAIR), strict=True):
        told = {item["name"] for key in ("measurements", "not_measured") for item in result[key]}
        assert told == declared
        assert [file["file"] for file in result["inputs"]] == ["two.dcm"]


def test_the_figures_are_those_of_the_phantom(two: Path) -> None:
    """Each within four of its own standard deviations; both detectors wrong in their own way."""
    *heads, pair = cor(two).results
    first, second = TWO.truth()
    for result, truth in zip(heads, (first, second), strict=True):
        for name, of, true in (
            ("offset", "", truth.head.offset_mm),
            ("offset_opposed", "", truth.head.offset_mm),
            ("tilt", "", truth.head.tilt_deg),
            ("radius", "source 1", truth.sources[0].radius_mm),
            ("axial_mean", "source 3", truth.sources[2].axial_mm),
            ("resolution", "200 mm", TWO.fwhm_mm),
            ("nema_offset", "", abs(truth.head.offset_mm)),
        ):
            m = measured(result, f"cor.{name}", of)
            assert m["value"] == pytest.approx(true, abs=4 * m["uncertainty"]), (result["detector"], name)
    for name, true in (
        ("offset_difference", first.head.offset_mm - second.head.offset_mm),
        ("axial_shift", first.head.axial_mm - second.head.axial_mm),
        ("phase_difference", 0.0),
        ("nema_pair_offset", abs(first.head.offset_mm - second.head.offset_mm)),
    ):
        m = measured(pair, f"cor.{name}", "1-2")
        assert m["value"] == pytest.approx(true, abs=4 * m["uncertainty"]), name


@pytest.mark.parametrize("clockwise", [True, False])
def test_the_sign_of_the_contract(made: Made, clockwise: bool) -> None:
    """The axis at column 66.0 of 128 pixels of 4.8 mm is +12.0 mm, on either head and for either sense."""
    heads = tuple(replace(head, offset_mm=(66.0 - 63.5) * 4.8) for head in HEADS)
    orbit = Orbit(
        sources=one_source(), heads=heads, views=24, matrix=128, pixel_mm=(4.8, 4.8), clockwise=clockwise
    )
    run = cor(made(f"column-66-{clockwise}", orbit))
    assert (run.status, detectors(run)) == (4, [1, 2, None])
    for result in run.results[:2]:
        assert value(result, "offset") == pytest.approx(12.0, abs=0.02)  # four standard deviations
        assert value(result, "offset_px") == pytest.approx(2.5, abs=0.004)
        assert result["verdict"] == "fail"


def test_what_one_detector_cannot_tell_is_said(made: Made) -> None:
    """One source, one head: no pair, no slope along the axis, no figures of NEMA; and nobody's fault."""
    run = cor(made("one", ONE))
    assert (run.status, detectors(run)) == (0, [1])
    (result,) = run.results
    absent = {item["name"]: item["code"] for item in result["not_measured"]}
    assert absent == {
        "cor.offset_slope": "one_level",
        "cor.nema_offset": "not_nema_arrangement",
        "cor.nema_axial": "not_nema_arrangement",
    }


def test_half_a_circle_is_remarked_on(made: Made) -> None:
    (result,) = cor(made("half", replace(ONE, arc_deg=180.0))).results
    assert "arc_180" in codes(result["remarks"])
    assert "partial_arc" in codes(result["not_measured"])


# --- which files, which detectors ------------------------------------------------------------------------


def test_only_one_detector(two: Path) -> None:
    whole, run = cor(two).results, cor(two, "--only-detector", "2")
    assert detectors(run) == [2]
    assert run.results[0]["measurements"] == whole[1]["measurements"]
    run = cor(two, "--only-detector", "3")
    assert (run.status, run.results, codes(run.refused)) == (3, [], ["no_such_detector"])
    assert "choose one of these" in run.refused[0]["reason"]


def test_two_files_of_one_acquisition(two: Path, split: tuple[Path, Path]) -> None:
    """Told which head made each they are as one file."""
    run = cor(*split, "--detector", "1,2")
    assert (run.status, detectors(run)) == (0, [1, 2, None])
    assert [len(result["inputs"]) for result in run.results] == [1, 1, 2]
    assert [result["measurements"] for result in run.results] == [
        result["measurements"] for result in cor(two).results
    ]


def test_two_files_that_do_not_tell_their_head(split: tuple[Path, Path]) -> None:
    """Each is measured; no pair is made of heads that nobody knows; the remark says what to type."""
    run = cor(*split)
    assert (run.status, detectors(run)) == (0, [None, None])
    for result in run.results:
        (remark,) = (one for one in result["remarks"] if one["code"] == "head_unknown")
        assert "--detector" in remark["text"]


def test_results_are_in_order_of_the_arguments(made: Made, two: Path) -> None:
    one = made("one", ONE)
    for order in ([one, two], [two, one]):
        files = [result["inputs"][0]["file"] for result in cor(*order).results]
        assert list(dict.fromkeys(files)) == [path.name for path in order]


def test_each_energy_window_has_its_results(made: Made) -> None:
    orbit = replace(TWO, windows=default_windows(TWO.system, TWO.radionuclide, 2))
    run = cor(made("windows", orbit))
    assert detectors(run) == [1, 2, None, 1, 2, None]
    names = [result["energy_window"]["name"] for result in run.results]
    assert names == [orbit.windows[0].name] * 3 + [orbit.windows[1].name] * 3


def test_windows_in_files_of_their_own_are_one_acquisition(tmp_path: Path) -> None:
    orbit = replace(ONE, windows=default_windows("brivo", "Tc-99m", 2))
    paths = write_cor(orbit, tmp_path / "window.dcm", seed=1)
    run = cor(*paths)
    assert (run.status, detectors(run)) == (0, [1, 1])
    assert [[file["file"] for file in result["inputs"]] for result in run.results] == [
        ["window-1.dcm"],
        ["window-2.dcm"],
    ]


# --- how it is shown -------------------------------------------------------------------------------------


def test_text(two: Path) -> None:
    run = call("cor", two, "--no-record")
    assert (run.status, run.err) == (0, "")
    assert [line for line in run.text.splitlines() if columns(line) > 80] == []
    for words in ("3 point sources, 24 views over 360 degrees, clockwise", "source 3", "detectors 1 and 2"):
        assert words in run.text


def test_quiet(made: Made, two: Path) -> None:
    """A line for each result that is not within limits."""
    run = call("cor", two, "--no-record", "--quiet")
    assert (run.status, run.out, run.err) == (0, b"", "")
    run = call("cor", made("off", turned(0.3, 2.6)), "--no-record", "--quiet")
    assert run.status == 4
    (line,) = run.text.splitlines()
    assert line.startswith("off.dcm")
    assert "fail" in line


def test_a_warning_alone_is_no_failure(made: Made) -> None:
    path = made("nearly", turned(1.5))
    assert [result["verdict"] for result in cor(path).results] == ["warn"]
    assert (cor(path).status, cor(path, "--strict-exit").status) == (0, 4)


def test_the_report_holds_every_result(made: Made, two: Path, tmp_path: Path) -> None:
    run = cor(two, made("one", ONE), "--pdf", tmp_path / "report.pdf")
    assert (run.status, run.err) == (0, "")
    with pikepdf.open(tmp_path / "report.pdf") as file:
        assert file.check_pdf_syntax() == []
        # A summary, and each of four results on one page to three.
        assert 5 <= len(file.pages) <= 13


def test_the_same_again_is_the_same_entry(two: Path, tmp_path: Path) -> None:
    first, again = (call("cor", two, "--db", tmp_path / "h.sqlite", "--json") for _ in range(2))
    assert [result["history"] for result in first.results] == [1, 2, 3]
    assert [result["history"] for result in again.results] == [1, 2, 3]
    assert "already in the history" in again.err
    listed = call("history", "list", "--db", tmp_path / "h.sqlite")
    assert (listed.status, listed.text.count("cor.point-sources")) == (0, 3)


def test_json_needs_no_drawing(two: Path) -> None:
    run = finished(child("cor", str(two), "--json", "--no-record", python=("-X", "importtime", "-m", "nmqc")))
    found = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in run.err.splitlines()}
    assert {"numpy", "pydicom"} <= found
    assert (
        found & {"matplotlib", "typst", "rich", "sqlite3", "phantoms", "numba", "scipy", "skimage"} == set()
    )


# --- which command is for which file ---------------------------------------------------------------------


def test_identify(two: Path) -> None:
    (found,) = call("identify", two, "--json").document["files"]
    assert (found["kind"], found["command"], found["image_type"]) == ("cor", "cor", "TOMO")
    assert (found["frames"], found["matrix"]) == (48, [68, 64])
    assert [one["detector"] for one in found["detectors"]] == [1, 2]
    assert found["refused"] == []


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("uniformity",), "not_a_flood"),
        (("resolution",), "not_recognised"),
        (("resolution", "--phantom", "bars"), "not_bars"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else one,
)
def test_an_orbit_is_not_for_other_commands(two: Path, command: tuple[str, ...], code: str) -> None:
    """One line for each detector, not for each view; it says what to type."""
    run = call(*command, two, "--no-record", "--json")
    assert (run.status, run.results) == (3, [])
    assert [refusal["detector"] for refusal in run.refused] == [1, 2]
    assert codes(run.refused) == [code] * 2
    for refusal in run.refused:
        assert "TOMO" in refusal["reason"]
        assert "nmqc identify" in refusal["reason"]
    assert len(run.said) == 2


def test_other_images_are_no_orbit(floods: Floods, tmp_path: Path) -> None:
    bars = write_planar(Bars(matrix=256, zoom=1.455, counts=2e6), tmp_path / "bars.dcm", seed=1)
    run = cor(floods.heads, bars)
    assert (run.status, run.results, codes(run.refused)) == (3, [], ["not_cor"] * 3)
    for refusal in run.refused:
        assert "STATIC" in refusal["reason"]
        assert "nmqc identify" in refusal["reason"]


# --- bad input -------------------------------------------------------------------------------------------


def orbit_of(orbit: Orbit) -> Callable[[Path, Path], Path]:
    """A file of another orbit."""

    def make(folder: Path, _good: Path) -> Path:
        (path,) = write_cor(orbit, folder / "bad.dcm", seed=1)
        return path

    return make


def header_of(change: Callable[[Dataset], None]) -> Callable[[Path, Path], Path]:
    """The good file with a header that was changed."""

    def make(folder: Path, good: Path) -> Path:
        ds = dcmread(good)
        change(ds)
        dcmwrite(folder / "bad.dcm", ds)
        return folder / "bad.dcm"

    return make


def views_of(change: Callable[[np.ndarray], None]) -> Callable[[Path, Path], Path]:
    """The good file with other counts: `change` takes (views of both heads, rows, columns)."""

    def changed(ds: Dataset) -> None:
        counts = ds.pixel_array.copy()
        change(counts)
        ds.PixelData = counts.astype("<u2").tobytes()

    return header_of(changed)


def _no_start(ds: Dataset) -> None:
    for item in (*ds.RotationInformationSequence, *ds.DetectorInformationSequence):
        if "StartAngle" in item:
            del item.StartAngle


def _no_start_of_heads(ds: Dataset) -> None:
    for item in ds.DetectorInformationSequence:
        del item.StartAngle


def _no_step(ds: Dataset) -> None:
    del ds.RotationInformationSequence[0].AngularStep


def _no_sense(ds: Dataset) -> None:
    ds.RotationInformationSequence[0].RotationDirection = ""


def _one_start(ds: Dataset) -> None:
    ds.DetectorInformationSequence[1].StartAngle = ds.DetectorInformationSequence[0].StartAngle


def _dark_view(counts: np.ndarray) -> None:
    counts[[8, 32]] = 0


def _flat(counts: np.ndarray) -> None:
    counts[:] = np.random.default_rng(3).poisson(60, counts.shape)


def _covered(counts: np.ndarray) -> None:
    counts[[4, 5, 6, 28, 29, 30]] //= 400


OUTSIDE, AT_EDGE = (
    replace(TWO, sources=(PointSource(40.0, 30.0, -60.0), PointSource(20.0, y_mm, 3.0)), background=1.0)
    for y_mm in (170.0, 140.0)
)
BAD = {
    "few views": Bad(orbit_of(replace(TWO, views=7)), "too_few_views", "7 views", "acquire 8 or more"),
    "short arc": Bad(orbit_of(replace(TWO, arc_deg=150.0)), "arc_too_short", "150 degrees", "acquire 360"),
    "no start": Bad(header_of(_no_start), "no_angles", "angle", EXPORT),
    "no start of each head": Bad(header_of(_no_start_of_heads), "no_angles", "angle", EXPORT),
    "no step": Bad(header_of(_no_step), "no_angles", "angle", EXPORT),
    "no sense": Bad(header_of(_no_sense), "no_angles", "direction", EXPORT),
    "one start": Bad(header_of(_one_start), "heads_share_angle", "same angle", EXPORT),
    "dark view": Bad(views_of(_dark_view), "no_counts", "view 9", EXPORT),
    "no sources": Bad(views_of(_flat), "not_cor", "no point source", "give"),
    "covered": Bad(views_of(_covered), "source_lost", "views 5, 6 and 7", "acquire"),
    "outside": Bad(orbit_of(OUTSIDE), "source_outside", "views 7, 8, 9", "move"),
    "at the edge": Bad(orbit_of(AT_EDGE), "source_at_edge", "edge of the field", "move"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_bad_input(case: Bad, made: Made, two: Path, tmp_path: Path) -> None:
    """A line for each detector that says what is wrong and what to do; the other files are analysed."""
    run = cor(case.make(tmp_path, two), made("one", ONE))
    assert (run.status, [result["inputs"][0]["file"] for result in run.results]) == (3, ["one.dcm"])
    assert codes(run.refused) == [case.code] * 2
    for refusal in run.refused:
        assert refusal["file"] == "bad.dcm"
        assert case.wrong in refusal["reason"]
        assert any(step in refusal["reason"] for step in case.next_step.split("|"))


def test_one_bad_detector_of_two(two: Path, tmp_path: Path) -> None:
    """The other is measured; there is no pair."""

    def dark(counts: np.ndarray) -> None:
        counts[24:] = 0

    run = cor(views_of(dark)(tmp_path, two))
    assert (run.status, detectors(run)) == (3, [1])
    assert [(refusal["detector"], refusal["code"]) for refusal in run.refused] == [(2, "no_counts")]


def test_a_single_missing_path_is_2(tmp_path: Path) -> None:
    run = call("cor", tmp_path / "missing.dcm")
    assert (run.status, run.out) == (2, b"")
    assert "missing.dcm" in run.said[-1]


@pytest.mark.parametrize(
    "options",
    [("--only-detector", "0"), ("--detector", "1,2"), ("--pixel-mm", "inf"), ("--phantom", "bars")],
    ids=" ".join,
)
def test_wrong_usage(two: Path, options: tuple[str, ...]) -> None:
    run = cor(two, *options)
    assert (run.status, run.out) == (2, b"")
    assert options[0] in run.said[-1]
