"""`nmqc resolution` on images of known resolution: that the whole way from the file to the answer is right.

How exact the figures are is examined with the tests themselves; here a wrong wiring has to show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest

from nmqc import catalogue
from nmqc.report.terminal import columns
from phantoms.bars import Bars
from phantoms.defects import LinearGradient
from phantoms.flood import Flood, Head
from phantoms.lines import Lines, LineSource, square_of_lines, two_parallel, two_perpendicular
from phantoms.nm import write, write_planar
from phantoms.slits import Slits
from tests.cli.running import Run, call, child, codes, finished, measured

WIDTHS = (3.18, 3.97, 4.76, 6.35)
FWHM_MM = (4.0, 4.4)
BARS = Bars(matrix=256, zoom=1.455, widths_mm=WIDTHS, fwhm_mm=FWHM_MM, rotation_deg=4.0, counts=6e6)
PARALLEL = Lines(lines=two_parallel(separation_mm=100.0, angle_deg=88.0), counts=4e6)

Made = Callable[..., Path]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Write an image once, and return its path."""
    folder, known = tmp_path_factory.mktemp("images"), {}

    def make(name: str, phantom: object, seed: int = 1) -> Path:
        if name not in known:
            path = folder / f"{name}.dcm"
            known[name] = (
                write(phantom, path, seed=seed)[0]
                if isinstance(phantom, Flood)
                else write_planar(phantom, path, seed=seed)
            )
        return known[name]

    return make


@pytest.fixture(scope="session")
def rotations(made: Made) -> list[Path]:
    """The same phantom, turned by about 90 degrees each time, laid down anew."""
    return [
        made(f"turned-{turn}", replace(BARS, widths_mm=WIDTHS[n:] + WIDTHS[:n], rotation_deg=4.0 + n), seed=n)
        for n, turn in enumerate((0, 90, 180, 270))
    ]


def resolution(*arguments: str | Path) -> Run:
    return call("resolution", "--no-record", "--json", *arguments)


def value(result: dict[str, object], name: str, of: str = "") -> float:
    return float(measured(result, name, of)["value"])


SHOWN = {
    "bars": (BARS, "bars"),
    "bars turned far": (replace(BARS, rotation_deg=38.0, mirrored=True), "bars"),
    "bars of another camera": (replace(BARS, system="brivo", centre_mm=(-21.0, 12.0)), "bars"),
    "slits along y": (Slits(matrix=512), "slits"),
    "slits along x": (Slits(matrix=512, along="x"), "slits"),
    "one line": (Lines(lines=(LineSource(12.0, -7.0, angle_deg=34.0),)), "lines"),
    "perpendicular lines": (Lines(lines=two_perpendicular()), "lines"),
    "parallel lines": (PARALLEL, "lines"),
    "square of lines": (Lines(lines=square_of_lines(), counts=4e6), "lines"),
}


@pytest.mark.parametrize(("phantom", "shows"), SHOWN.values(), ids=SHOWN)
def test_what_it_shows_is_recognised(
    made: Made, request: pytest.FixtureRequest, phantom: object, shows: str
) -> None:
    path = made(request.node.callspec.id.replace(" ", "-"), phantom)
    (found,) = call("identify", path, "--json").document["files"]
    assert (found["kind"], found["command"]) == (shows, "resolution")
    run = resolution(path)
    assert (run.refused, [result["test"] for result in run.results]) == ([], [f"resolution.{shows}"])
    (result,) = run.results
    assert "phantom_recognised" in codes(result["remarks"])
    told = {item["name"] for key in ("measurements", "not_measured") for item in result[key]}
    assert told == {metric.name for metric in catalogue.find(f"resolution.{shows}").metrics}


def test_a_flood_and_bars_that_cannot_be_seen_are_refused(made: Made) -> None:
    flood = made("flood", Flood("intevo", matrix=256, heads=(Head(counts=30e6),)))
    unseen = made("unseen", replace(BARS, matrix=128, zoom=1.0, widths_mm=(2.0, 2.5, 3.0, 3.5)))
    run = resolution(flood, unseen)
    assert (run.status, run.results) == (3, [])
    assert codes(run.refused) == ["not_recognised", "not_recognised"]
    assert all("nmqc uniformity" in one["reason"] and "--phantom" in one["reason"] for one in run.refused)


def test_four_rotations_tell_x_and_y(made: Made, rotations: list[Path]) -> None:
    """Each image by itself, then all together: x and y differ by 10 %, as they do in the phantom."""
    run = resolution(*rotations)
    assert [len(result["inputs"]) for result in run.results] == [1, 1, 1, 1, 4]
    together = run.results[-1]
    for of, true in zip(("x", "y"), FWHM_MM, strict=True):
        found = measured(together, "resolution.bars.fwhm", of)
        # four of its own standard deviations, and 1 % for what the model leaves out
        assert found["value"] == pytest.approx(true, abs=4 * found["uncertainty"] + 0.04)
    assert value(together, "resolution.bars.fwhm", "x") < value(together, "resolution.bars.fwhm", "y")
    assert "no_rotations" in codes(run.results[0]["not_measured"])
    assert "no_rotations" not in codes(together["not_measured"])


def test_the_widths_of_the_bars_are_the_users(made: Made) -> None:
    """Bars of 1 % less than a usual set: named as the user says."""
    path = made("bars", BARS)
    own = [round(0.99 * width, 3) for width in WIDTHS]
    (usual,), (typed,) = (
        resolution(path).results,
        resolution(path, "--bars", ",".join(map(str, reversed(own)))).results,
    )
    assert {m["of"] for m in usual["measurements"] if m["name"].endswith(".width")} == {
        f"{w:.2f} mm" for w in WIDTHS
    }
    assert {m["of"] for m in typed["measurements"] if m["name"].endswith(".width")} == {
        f"{w:.2f} mm" for w in own
    }
    ratio = value(typed, "resolution.bars.pixel_scale") / value(usual, "resolution.bars.pixel_scale")
    assert ratio == pytest.approx(1 / 0.99, rel=1e-3)  # the widths are rounded to 0.001 mm


def test_a_flood_corrects_the_moments(made: Made) -> None:
    """A gradient adds to the variance of the bars, and so to their contrast: the flood takes it off."""
    slope = (1.2e-3, -0.8e-3)
    tilted = made("tilted", replace(BARS, gradient_per_mm=slope))
    head = Head(counts=60e6, defects=(LinearGradient(*slope),))
    bare = made("tilted-flood", Flood("intevo", matrix=256, zoom=1.455, heads=(head,)))
    plain, corrected = (resolution(tilted, *typed).results[0] for typed in ((), ("--flood", bare)))
    name = "resolution.bars.fwhm_moments"
    assert value(corrected, name, "3.97 mm") > value(plain, name, "3.97 mm")
    assert value(corrected, "resolution.bars.fwhm") == value(plain, "resolution.bars.fwhm")
    assert corrected["asked"]["flood"] is not None


def test_a_flood_of_another_matrix_is_said(made: Made) -> None:
    flood = made("flood", Flood("intevo", matrix=256, heads=(Head(counts=30e6),)))
    run = resolution(made("bars", BARS), "--flood", flood)
    assert run.status == 3
    assert "flood_differs" in codes(run.results[0]["not_measured"])


def test_bars_are_no_flood(made: Made, rotations: list[Path]) -> None:
    run = resolution(rotations[0], "--flood", rotations[1])
    assert (run.status, codes(run.refused)) == (3, ["not_a_flood"])
    assert "without a phantom" in run.refused[0]["reason"]


def test_the_distance_of_the_lines_gives_the_pixel_size(made: Made) -> None:
    path = made("parallel-lines", PARALLEL)
    (without,), (told,) = resolution(path).results, resolution(path, "--separation", "100").results
    assert {m["of"] for m in told["measurements"] if m["name"] == "resolution.lines.pixel_size"} == {"x"}
    header_mm = PARALLEL.spacing_mm[1]
    # half a per cent: a pixel has 1.2 mm, 100 mm are 83 of them, and a line is found to a tenth of one
    assert value(told, "resolution.lines.pixel_size", "x") == pytest.approx(header_mm, rel=5e-3)
    assert "no_separation" in codes(without["not_measured"])


def test_the_phantom_typed_is_the_test_that_runs(made: Made) -> None:
    path = made("bars", BARS)
    assert [result["test"] for result in resolution(path, "--phantom", "bars").results] == ["resolution.bars"]
    for phantom, code in (("slits", "not_a_slit_mask"), ("lines", "not_lines")):
        run = resolution(path, "--phantom", phantom)
        assert (run.status, codes(run.refused)) == (3, [code])


def test_text_and_report(made: Made, tmp_path: Path) -> None:
    """All three tests in one call: within 80 columns, and a page or two for each."""
    paths = [
        made(name.replace(" ", "-"), SHOWN[name][0]) for name in ("bars", "slits along x", "square of lines")
    ]
    run = call("resolution", *paths, "--no-record", "--pdf", tmp_path / "report.pdf")
    assert [line for line in run.text.splitlines() if columns(line) > 80] == []
    assert run.err == ""
    for words in ("FWHM, joint fit", "intrinsic FWHM / mm", "line 4", "recognised as slit mask"):
        assert words in run.text
    with pikepdf.open(tmp_path / "report.pdf") as file:
        assert file.check_pdf_syntax() == []
        assert 4 <= len(file.pages) <= 7


def test_the_same_again_is_the_same_entry(made: Made, rotations: list[Path], tmp_path: Path) -> None:
    first, again = (
        call("resolution", *rotations[:2], "--db", tmp_path / "h.sqlite", "--json") for _ in range(2)
    )
    assert [result["history"] for result in first.results] == [1, 2, 3]
    assert [result["history"] for result in again.results] == [1, 2, 3]
    swapped = call("resolution", *rotations[1::-1], "--db", tmp_path / "h.sqlite", "--json")
    assert [result["history"] for result in swapped.results] == [2, 1, 3]


def test_json_needs_no_drawing(made: Made) -> None:
    typed = ("resolution", made("bars", BARS), "--json", "--no-record")
    run = finished(child(*map(str, typed), python=("-X", "importtime", "-m", "nmqc")))
    found = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in run.err.splitlines()}
    assert {"numpy", "pydicom"} <= found
    assert found & {"matplotlib", "typst", "rich", "sqlite3", "phantoms", "numba"} == set()
