"""``python -m phantoms cor``."""

import dataclasses
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest

from phantoms.__main__ import main
from phantoms.cor import Orbit, OrbitHead, PointSource, default_orbit_heads, five_sources, one_source
from phantoms.flood import default_windows


def read_back(arguments: str, path: Path) -> pydicom.Dataset:
    assert main(["cor", *arguments.split(), "-o", str(path)]) == 0
    return pydicom.dcmread(path)


def test_writes_what_was_asked_for(tmp_path: Path) -> None:
    read = read_back(
        "--source 9,-7 --source=-20,31,14 --counts 900 --half-life 400 --views 6 --arc 270 --counter-clockwise"
        " --continuous --radius 210,211,212,213,214,215 --rotations 2 --start 198.4 --separation 76"
        " --offset=-3,4 --axial 0.5 --tilt 1,-2 --turn 3 --sag 0.5 --sag-phase 20,30 --drift 0.01 --angle-error 2"
        " --sensitivity 1,0.8 --slip 3,2.5 --slip 4,1,-2,2 --mirrored 2 --system intevo --matrix 40x64"
        " --pixel-mm 9,8 --fwhm 11 --fwhm-per-mm 0.01 --background 0.2 --windows 2 --radionuclide Co-57"
        " --collimator LEAP --duration 30 --acquired 2026-02-03T04:05:06 --seed 7 --flavour scanner",
        tmp_path / "a.dcm",
    )
    shared = {"axial_mm": 0.5, "turn_deg": 3.0, "sag_mm": 0.5, "drift_mm": 0.01, "angle_error_deg": 2.0}
    first = OrbitHead(
        start_deg=198.4, offset_mm=-3.0, tilt_deg=1.0, sag_phase_deg=20.0, slips=((3, 2.5, 0.0),), **shared
    )
    second = OrbitHead(
        start_deg=198.4 + 76,
        offset_mm=4.0,
        tilt_deg=-2.0,
        sag_phase_deg=30.0,
        sensitivity=0.8,
        slips=((4, 1.0, -2.0),),
        mirrored=True,
        **shared,
    )
    orbit = Orbit(
        system="intevo",
        matrix=(40, 64),
        pixel_mm=(9.0, 8.0),
        sources=(PointSource(9.0, -7.0, 0.0, 900.0), PointSource(-20.0, 31.0, 14.0, 900.0)),
        heads=(first, second),
        views=6,
        arc_deg=270.0,
        clockwise=False,
        continuous=True,
        radius_mm=(210.0, 211.0, 212.0, 213.0, 214.0, 215.0),
        rotations=2,
        fwhm_mm=11.0,
        fwhm_per_mm=0.01,
        background=0.2,
        half_life_s=400.0,
        duration_s=30.0,
        acquired=datetime(2026, 2, 3, 4, 5, 6),
        radionuclide="Co-57",
        collimator="LEAP",
        windows=default_windows("intevo", "Co-57", 2),
    )
    assert np.array_equal(read.pixel_array, orbit.noisy(7).reshape(-1, 40, 64))
    assert (read.AcquisitionDate, read.AcquisitionTime) == ("20260203", "040506.000000")
    assert [float(item.StartAngle) for item in read.DetectorInformationSequence] == [198.4, 274.4]
    assert read.DetectorInformationSequence[0].CollimatorGridName.startswith("@199")
    turns = read.RotationInformationSequence
    assert [turn.RotationDirection for turn in turns] == ["CC", "CW"]
    assert read.TypeOfDetectorMotion == "CONTINUOUS"


def test_without_options_it_is_the_default(tmp_path: Path) -> None:
    read = read_back("--noise-free", tmp_path / "a.dcm")
    assert np.array_equal(read.pixel_array, Orbit().rounded().reshape(-1, 128, 128))
    assert [float(item.StartAngle) for item in read.DetectorInformationSequence] == [180.0, 0.0]


@pytest.mark.parametrize(("name", "sources"), [("one", one_source()), ("five", five_sources())])
def test_sets_of_sources_on_one_head(name: str, sources: tuple[PointSource, ...], tmp_path: Path) -> None:
    read = read_back(f"--sources {name} --heads 1 --views 3 --counts 5000 --seed 2", tmp_path / "a.dcm")
    dimmed = tuple(dataclasses.replace(source, counts=5000.0) for source in sources)
    orbit = Orbit(sources=dimmed, heads=default_orbit_heads("symbia-t2")[:1], views=3)
    assert np.array_equal(read.pixel_array, orbit.noisy(2).reshape(-1, 128, 128))


def test_split_heads_and_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = f"cor --views 2 --matrix 64 --split-heads --separation 90 -o {tmp_path / 'a.dcm'}".split()
    assert main(arguments) == 0
    read = [pydicom.dcmread(tmp_path / f"a-{number}.dcm") for number in (1, 2)]
    assert [float(item.RotationInformationSequence[0].StartAngle) for item in read] == [180, 270]
    assert main(arguments) == 2
    assert "--force" in capsys.readouterr().err
    assert main([*arguments, "--force"]) == 0


def test_truth_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read_back(
        "--pixel-mm 4.8,4.8 --offset 12 --axial 0,1 --tilt 0 --source=-60,0,25 --views 90 --counter-clockwise"
        " --sag 0.5,0 --sag-phase 40 --slip 9,3 --drift 0,0.01 --mirrored 2 --turn 0,2 --angle-error 0,1",
        tmp_path / "a.dcm",
    )
    first, second = capsys.readouterr().out.split("detector 2")
    assert "128 x 128 pixels of 4.8 x 4.8 mm (down x along), 90 views of 4 deg counter-clockwise" in first
    assert (
        "detector 1: starts at 180 deg, axis at column 66.0000 (offset 12 mm), axial 0 mm, tilt 0 deg"
        in first
    )
    assert "\n  sag 0.5 mm at 40 deg, view 9 displaced by (3, 0) mm\n" in first
    assert "source 1: radius 60.000 mm, phase 0.000 deg, mean at (12.000, -25.000) mm" in first
    assert "starts at 0 deg" in second
    assert "turned 2 deg, drift 0.01 mm a view, stands 1 deg further than it says, mirrored" in second
    assert "phase 179.000 deg, mean at (11.128, -23.985) mm" in second  # 12 - 25 sin 2, 1 - 25 cos 2


def test_example_of_the_help_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["cor", "--help"], prog="phantoms")
    text = capsys.readouterr().out
    assert "default: 360" in text
    example = text.rsplit("phantoms cor", 1)[1].split()
    example[-1] = str(tmp_path / "a.dcm")
    assert main(["cor", *example, "--matrix", "32"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "-o"),
        ("-o a.dcm --sources six", "invalid choice"),
        ("-o a.dcm --sources one --source 1,2", "not allowed"),
        ("-o a.dcm --source 1", "expected 2 to 3 number"),
        ("-o a.dcm --counts 0", "counts"),
        ("-o a.dcm --clockwise --counter-clockwise", "not allowed"),
        ("-o a.dcm --heads 3", "has 2"),
        ("-o a.dcm --heads 1 --offset 1,2", "2 numbers for 1 detector"),
        ("-o a.dcm --heads 1 --slip 1,2,0,2", "HEAD must be 1 to 1"),
        ("-o a.dcm --slip 61,2", "1 to 60"),
        ("-o a.dcm --slip 2", "expected 2 to 4 number"),
        ("-o a.dcm --slip 2.5,1", "whole numbers"),
        ("-o a.dcm --radius 200,201", "2 radii for 60 views"),
        ("-o a.dcm --system other", "no such system"),
        ("-o a.dcm --system brivo --mirrored 3", "invalid choice"),
        ("-o a.dcm --system brivo --mirrored 2", "no detector 2"),
        ("-o a.dcm --windows 3", "energy windows"),
        ("-o a.dcm --counts 1e9", "16 bits"),
        ("-o there.dcm --matrix 32 --views 1", "--force"),
    ],
)
def test_mistakes_are_one_line_and_status_2(
    arguments: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.dcm").write_text("mine")
    assert main(["cor", *arguments.split()], prog="nmqc phantom") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nmqc phantom")
    assert err.count("\n") == 1
    assert said in err
    assert [path.name for path in tmp_path.iterdir()] == ["there.dcm"]
