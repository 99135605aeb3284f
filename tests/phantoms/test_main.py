"""``python -m phantoms``."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from phantoms import nm
from phantoms.__main__ import main, parser
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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "required"),
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
