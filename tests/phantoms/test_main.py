"""``python -m phantoms``."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest

from phantoms import nm
from phantoms.__main__ import main, parser
from phantoms.bars import Bars
from phantoms.defects import (
    Crack,
    DeadPatch,
    DriftedTube,
    EdgePacking,
    FailedTube,
    HydrationSpots,
    LinearGradient,
    NearSource,
    TubeLattice,
    WeakTube,
)
from phantoms.fields import Circle, CutCorners, Rectangle
from phantoms.flood import Flood, Head, default_windows
from phantoms.lines import Lines, LineSource, square_of_lines, two_parallel, two_perpendicular
from phantoms.planar import Planar, Wave
from phantoms.slits import Slits


def written(arguments: str, path: Path) -> bytes:
    assert main(["flood", *arguments.split(), "-o", str(path)]) == 0
    return path.read_bytes()


def test_writes_what_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (
        "--system symbia-t2 --matrix 64x96 --pixel-mm 7.1,6.9 --counts 2e6 --seed 7 --radionuclide Co-57"
        " --collimator LEHR --windows 2 --duration 300 --acquired 2026-02-03T04:05:06 --edge-fwhm 4.5"
        " --field cut:500x380x30 --offset 1,3,-4 --offset 2,-5,6 --background 0.01 --flavour scanner"
        " --weak-tube 2,-96,57,0.08 --gradient all,1e-5,-2e-5"
    )
    shared = {"field": CutCorners(500.0, 380.0, 30.0), "edge_fwhm_mm": 4.5, "counts": 2e6, "background": 0.01}
    slope = LinearGradient(1e-5, -2e-5)
    flood = Flood(
        system="symbia-t2",
        matrix=(64, 96),
        pixel_mm=(7.1, 6.9),
        heads=(
            Head(offset_mm=(3.0, -4.0), defects=(slope,), **shared),
            Head(offset_mm=(-5.0, 6.0), defects=(WeakTube(-96.0, 57.0, 0.08), slope), **shared),
        ),
        windows=default_windows("symbia-t2", "Co-57", 2),
        duration_s=300.0,
        acquired=pydicom.valuerep.DT("20260203040506"),
        radionuclide="Co-57",
        collimator="LEHR",
    )
    written(arguments, tmp_path / "a.dcm")
    read = pydicom.dcmread(tmp_path / "a.dcm")
    assert np.array_equal(read.pixel_array, flood.noisy(7).reshape(4, 64, 96))
    assert (read.AcquisitionDate, read.ActualFrameDuration) == ("20260203", 300000)
    out = capsys.readouterr().out
    assert out.startswith("wrote ")
    assert "detector 1: field 500 x 380 mm centred on (3.00, -4.00) mm" in out
    assert "no closed form" in out.split("detector 2")[1]
    assert "2,000,000, 620,000" in out


def test_says_the_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written("--matrix 64 --weak-tube 2,-96,57,0.08 --zoom 1.1 --noise-free", tmp_path / "a.dcm")
    out = capsys.readouterr().out
    assert "64 x 64 pixels of" in out
    assert "integral uniformity of the gain over the field: 4.1667 %; lowest at (-96.37, 57.18) mm" in out
    assert "0.0000 %" in out.split("detector 2")[0]
    written("--matrix 64 --zoom 1.5 --gradient 1,1e-4,0", tmp_path / "b.dcm")
    assert "cut off by the matrix" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "defect"),
    [
        ("--weak-tube 1,9,-7,0.1,30", WeakTube(9.0, -7.0, 0.1, 30.0)),
        ("--failed-tube 1,9,-7", FailedTube(9.0, -7.0)),
        ("--failed-tube 1,9,-7,0.5,30", FailedTube(9.0, -7.0, 0.5, 30.0)),
        ("--drifted-tube 1,9,-7,0.1", DriftedTube(9.0, -7.0, 0.1)),
        ("--dead-patch 1,9,-7,40,60,0.2", DeadPatch(Rectangle(40.0, 60.0), 9.0, -7.0, 0.2)),
        ("--dead-disc 1,9,-7,40", DeadPatch(Circle(40.0), 9.0, -7.0)),
        ("--gradient 1,1e-4,-2e-4", LinearGradient(1e-4, -2e-4)),
        ("--lattice 1,0.02", TubeLattice(0.02)),
        ("--edge-packing 1,0.04,9", EdgePacking(0.04, 9.0)),
        ("--crack 1,9,-7,30,0.4", Crack(9.0, -7.0, 30.0, 0.4)),
        ("--spots 1,8,0.2,12,3", HydrationSpots(8, 0.2, 12.0, 3)),
        ("--point-source 1,900,9,-7", NearSource(900.0, 9.0, -7.0)),
        ("--near-source 900", NearSource(900.0)),
    ],
)
def test_every_defect_has_an_option(option: str, defect: object, tmp_path: Path) -> None:
    written(f"--system brivo --matrix 64 --counts-per-pixel 1000 --edge-fwhm 4 {option}", tmp_path / "a.dcm")
    head = Head(offset_mm=(0.23, -0.41), edge_fwhm_mm=4.0, counts_per_pixel=1000.0, defects=(defect,))
    flood = Flood(system="brivo", matrix=64, heads=(head,))
    assert np.array_equal(pydicom.dcmread(tmp_path / "a.dcm").pixel_array, flood.noisy(1)[0, 0])


def test_file_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.dcm"
    arguments = [
        "flood",
        "--matrix",
        "64",
        "--split-heads",
        "--no-field-tags",
        "--transfer-syntax",
        "implicit-le",
    ]
    assert main([*arguments, "-o", str(path)]) == 0
    names = sorted(found.name for found in tmp_path.iterdir())
    assert names == ["a-1.dcm", "a-2.dcm"]
    read = pydicom.dcmread(tmp_path / "a-2.dcm")
    assert read.file_meta.TransferSyntaxUID == pydicom.uid.ImplicitVRLittleEndian
    assert "FieldOfViewShape" not in read.DetectorInformationSequence[0]
    written("--matrix 64 --detectors 1 --seed 1", path)
    assert pydicom.dcmread(path).NumberOfDetectors == 1
    written("--system brivo --matrix 64 --pixel-scale 2 --force", path)
    assert pydicom.dcmread(path).private_block(0x0011, "GEMS_GENIE_1")[0x3B].value == 2
    written("--matrix 64 --counts 3e9 --saturate --force", path)
    assert pydicom.dcmread(path).pixel_array.max() == 65535


def test_same_arguments_same_bytes(tmp_path: Path) -> None:
    assert written("--matrix 64 --seed 3", tmp_path / "a.dcm") == written(
        "--matrix 64 --seed 3", tmp_path / "b.dcm"
    )


ACQUIRED = (
    "--system symbia-t2 --detector 2 --matrix 64x96 --pixel-mm 2.1,1.9 --counts 2e5 --radionuclide Co-57"
    " --collimator LEHR --duration 300 --acquired 2026-02-03T04:05:06 --edge-fwhm 4.5 --field cut:150x110x30"
    " --field-offset=3,-4 --gradient 1e-4,-2e-4 --wave 0.5,90,20,30,80"
)
SHARED = {
    "system": "symbia-t2",
    "detector": 2,
    "matrix": (64, 96),
    "pixel_mm": (2.1, 1.9),
    "counts": 2e5,
    "radionuclide": "Co-57",
    "collimator": "LEHR",
    "duration_s": 300.0,
    "acquired": datetime(2026, 2, 3, 4, 5, 6),
    "edge_fwhm_mm": 4.5,
    "field": CutCorners(150.0, 110.0, 30.0),
    "field_offset_mm": (3.0, -4.0),
    "gradient_per_mm": (1e-4, -2e-4),
    "wave": Wave(0.5, 90.0, 20.0, 30.0, 80.0),
}


@pytest.mark.parametrize(
    ("arguments", "phantom"),
    [
        (
            "bars --widths 6,5,4.5,4 --across yxxy --rotation 33 --centre=-4,7 --mirrored --fwhm 5,6 --duty 0.4"
            " --transmission 0.1 --phases 0.1,0.2,0.3,0.4 --cross 3 --cross-lead --dividing 45 --size 90 --round"
            " --surround-lead --scatter 0.2 --broad-scatter 0.1",
            Bars(
                widths_mm=(6.0, 5.0, 4.5, 4.0),
                across=(False, True, True, False),
                rotation_deg=33.0,
                centre_mm=(-4.0, 7.0),
                mirrored=True,
                fwhm_mm=(5.0, 6.0),
                duty=0.4,
                transmission=0.1,
                phases=(0.1, 0.2, 0.3, 0.4),
                cross_mm=3.0,
                cross_open=False,
                dividing_deg=45.0,
                size_mm=90.0,
                round_phantom=True,
                surround_open=False,
                scatter=0.2,
                broad_scatter=0.1,
                **SHARED,
            ),
        ),
        (
            "slits --along x --pitch 28 --slit 1.2 --tilt -3 --offset 5 --fwhm 4 --tails 0.1,13 --transmission 0.02"
            " --shift 1,0.4 --shift=-1,-0.3 --dead-patch 9,-7,20,30",
            Slits(
                along="x",
                pitch_mm=28.0,
                slit_mm=1.2,
                tilt_deg=-3.0,
                offset_mm=5.0,
                fwhm_mm=(4.0, 4.0),
                tail_part=0.1,
                tail_fwhm_mm=13.0,
                transmission=0.02,
                shifts_mm=((1, 0.4), (-1, -0.3)),
                defects=(DeadPatch(Rectangle(20.0, 30.0), 9.0, -7.0),),
                **SHARED,
            ),
        ),
        (
            "lines --line 9,-7,60,20 --line=-9,20,50,100,0.7,-0.4 --fwhm 7,8 --tails 0.1,19 --background 0.3",
            Lines(
                lines=(LineSource(9.0, -7.0, 60.0, 20.0), LineSource(-9.0, 20.0, 50.0, 100.0, 0.7, -0.4)),
                fwhm_mm=(7.0, 8.0),
                tail_part=0.1,
                tail_fwhm_mm=19.0,
                background=0.3,
                **SHARED,
            ),
        ),
        (
            "lines --square 50 --turned 9",
            Lines(lines=square_of_lines(50, length_mm=40, rotation_deg=9), **SHARED),
        ),
        ("lines --parallel 60 --turned 9", Lines(lines=two_parallel(60, angle_deg=9), **SHARED)),
        ("lines --perpendicular --turned 9", Lines(lines=two_perpendicular(angle_deg=9), **SHARED)),
    ],
)
def test_images_of_one_detector(
    arguments: str, phantom: Planar, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = f"--seed 6 --flavour scanner --no-field-tags -o {tmp_path / 'a.dcm'}"
    assert main(f"{arguments} {ACQUIRED} {file}".split()) == 0
    read = pydicom.dcmread(tmp_path / "a.dcm")
    assert np.array_equal(read.pixel_array, phantom.noisy(6))
    assert (read.AcquisitionDate, read.ActualFrameDuration) == ("20260203", 300000)
    assert "FieldOfViewShape" not in read.DetectorInformationSequence[0]
    out = capsys.readouterr().out
    assert "64 x 96 pixels of 2.1 x 1.9 mm (down x along), detector 2, 200,000 counts expected" in out


def test_truth_of_each_kind_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(arguments: str) -> str:
        assert main([*arguments.split(), "--force", "-o", str(tmp_path / "a.dcm")]) == 0
        return capsys.readouterr().out

    bars = said("bars --matrix 256 --widths 6.35,4.76,3.97,3.18 --rotation 100")
    assert "cross at (5.30, -3.70) mm, turned 10 deg" in bars
    assert "top left: bars of 4.76 mm at 100 deg" in bars  # it was at the top right, with level bars
    slits = said("slits --matrix 512 --tilt 0 --offset 2 --shift 1,0.25 --fwhm 3.7")
    assert "slits -8 to 8, 30 mm apart, x at the middle: -238.000" in slits
    assert "2.000, 32.250, 62.000" in slits
    assert "FWTM not reached" in said("slits --matrix 512 --transmission 0.05")
    assert "FWHM not reached" in said("slits --matrix 512 --fwhm 40")
    lines = said("lines --matrix 256 --line 9,-7,60,20 --fwhm 8")
    assert "line 1: FWHM 8." in lines
    assert "at 20 deg, middle at (9.00, -7.00) mm" in lines


@pytest.mark.parametrize("name", ["bars", "slits", "lines"])
def test_defaults_and_examples_of_the_help_work(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([name, "--help"], prog="phantoms")
    text = capsys.readouterr().out
    assert "default: 3.5" in text
    example = text.rsplit(f"phantoms {name}", 1)[1].split()
    example[-1] = str(tmp_path / "a.dcm")
    assert main([name, *example, "--matrix", "128"]) == 0
    assert main([name, "-o", str(tmp_path / "b.dcm"), "--matrix", "128", "--noise-free"]) == 0
    kind = {"bars": Bars, "slits": Slits, "lines": Lines}[name]
    assert np.array_equal(pydicom.dcmread(tmp_path / "b.dcm").pixel_array, kind(matrix=128).rounded())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "required"),
        ("bars", "-o"),
        ("bars -o a.dcm --widths 3,3,3", "expected 4 number"),
        ("bars -o a.dcm --across xyz", "four letters"),
        ("bars -o a.dcm --fwhm 1,2,3", "expected 1 to 2 number"),
        ("bars -o a.dcm --matrix 64 --duty 2", "duty"),
        ("bars -o a.dcm --system other", "no such system"),
        ("bars -o a.dcm --system brivo --detector 2", "1 detector"),
        ("bars -o a.dcm --matrix 64 --wave 1,2", "expected 3 to 5 number"),
        ("bars -o there.dcm --matrix 64", "--force"),
        ("bars -o nowhere/a.dcm --matrix 64", "cannot write"),
        ("slits -o a.dcm --along z", "invalid choice"),
        ("slits -o a.dcm --matrix 64 --fwhm 0.01", "too small"),
        ("slits -o a.dcm --dead-patch 1,1,0,5", "positive"),
        ("lines -o a.dcm --line 1,2,0,5", "length"),
        ("lines -o a.dcm --square 100 --perpendicular", "not allowed"),
        ("lines -o a.dcm --matrix 64 --counts 1e9", "16 bits"),
        ("flood", "-o"),
        ("flood -o a.dcm --system other", "invalid choice"),
        ("flood -o a.dcm --matrix 3x4x5", "ROWSxCOLUMNS"),
        ("flood -o a.dcm --matrix many", "ROWSxCOLUMNS"),
        ("flood -o a.dcm --field square:3", "one of rectangle"),
        ("flood -o a.dcm --field circle:0", "positive"),
        ("flood -o a.dcm --field rectangle:30", "expected 2 number"),
        ("flood -o a.dcm --weak-tube x,1,2,0.1", "HEAD"),
        ("flood -o a.dcm --weak-tube 1,1,2", "expected 3 to 4 number"),
        ("flood -o a.dcm --weak-tube 1,1,2,three", "not a number"),
        ("flood -o a.dcm --weak-tube 1,1,2,1.5", "depth"),
        ("flood -o a.dcm --weak-tube 3,1,2,0.1", "HEAD must be 1 to 2"),
        ("flood -o a.dcm --detectors 3", "has 2"),
        ("flood -o a.dcm --counts 1e6 --counts-per-pixel 5", "not allowed"),
        ("flood -o a.dcm --counts -1e6", "counts"),
        ("flood -o a.dcm --matrix 64 --counts 3e9", "16 bits"),
        ("flood -o a.dcm --matrix 64 --pixel-scale 2", "only GE"),
        ("flood -o nowhere/a.dcm --matrix 64", "cannot write"),
        ("flood -o there.dcm --matrix 64", "--force"),
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
    assert main(arguments.split(), prog="nmqc phantom") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nmqc phantom")
    assert err.count("\n") == 1
    assert said in err
    assert [path.name for path in tmp_path.iterdir()] == ["there.dcm"]
    assert (tmp_path / "there.dcm").read_text() == "mine"


def test_help_names_units_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flood", "--help"], prog="nmqc phantom") == 0
    text = capsys.readouterr().out
    assert "millimetres" in text
    assert "nmqc phantom flood --system intevo" in text
    assert parser("some name").prog == "some name"


def test_example_of_the_help_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["flood", "--help"], prog="phantoms")
    example = capsys.readouterr().out.rsplit("phantoms flood", 1)[1].split()
    example[example.index("flood.dcm")] = str(tmp_path / "flood.dcm")
    assert main(["flood", *example, "--matrix", "64"]) == 0


def test_runs_as_a_module_without_nmqc(tmp_path: Path) -> None:
    program = (
        "import runpy, sys; sys.argv = ['phantoms', 'flood', '--matrix', '64', '-o', sys.argv[1]]\n"
        "try: runpy.run_module('phantoms', run_name='__main__')\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "assert 'nmqc' not in sys.modules"
    )
    root = Path(nm.__file__).parents[1]
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.dcm")], check=True, cwd=root, timeout=60)
    assert pydicom.dcmread(tmp_path / "a.dcm").NumberOfDetectors == 2
