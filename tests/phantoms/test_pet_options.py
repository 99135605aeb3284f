"""``python -m phantoms iec`` and ``cylinder``."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest

from phantoms import pt
from phantoms.__main__ import main
from phantoms.pet import Cylinder, IecBody
from phantoms.pet_scan import Scan

VOLUME = (
    "--matrix 24x28 --slices 8 --voxel-mm 24,15,14 --fwhm 16,18 --background 4000 --noise 0.09"
    " --noise-fwhm 20,25 --noise-follows activity --end-noise 2 --seed 7"
)
SHARED = {
    "matrix": (24, 28),
    "slices": 8,
    "voxel_mm": (24.0, 15.0, 14.0),
    "fwhm_mm": (16.0, 18.0),
    "background_bqml": 4000.0,
    "noise": 0.09,
    "noise_fwhm_mm": (20.0, 25.0),
    "noise_follows": "activity",
    "end_noise": 2.0,
}
SCAN = (
    "--vendor ge --units PROPCNTS --acquired 2026-02-03T00:05:06 --duration 250 --beds 2 --radionuclide Zr-89"
    " --activity 44 --measured 2026-02-02T23:00:00 --weight 11 --decay-correction ADMIN --start-as time"
    " --flavour scanner --transfer-syntax implicit-le"
)
SCANNED = Scan(
    acquired=datetime(2026, 2, 3, 0, 5, 6),
    duration_s=250.0,
    beds=2,
    radionuclide="Zr-89",
    activity_mbq=44.0,
    measured=datetime(2026, 2, 2, 23, 0, 0),
    weight_kg=11.0,
    decay_correction="ADMIN",
    start_as="time",
)


def same(phantom: IecBody | Cylinder, folder: Path) -> None:
    """Check that the files of a folder are those of a phantom, byte for byte."""
    other = folder.parent / "expected"
    options = {"units": "PROPCNTS", "flavour": "scanner", "transfer_syntax": "implicit-le"}
    for path in pt.write_series(phantom, other, "ge", scan=SCANNED, seed=7, **options):
        assert path.read_bytes() == (folder / path.name).read_bytes()
    assert len(list(folder.iterdir())) == 8


def test_iec_writes_what_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (
        "--centre=-8,9,10 --tilt 2,-3 --rotation 123 --sense 1 --body-rotation 5 --upside-down --reversed"
        " --ratio 9 --cold 28,37 --absent 10 --wall 1.5 --ring-radius 58 --lid 68 --length 194 --lung 51"
        " --lung-residual 0.2"
    )
    command = ["iec", *arguments.split(), *VOLUME.split(), *SCAN.split(), "-o", str(tmp_path / "a")]
    assert main(command) == 0
    phantom = IecBody(
        centre_mm=(-8.0, 9.0, 10.0),
        tilt_deg=(2.0, -3.0),
        rotation_deg=123.0,
        sense=1,
        body_rotation_deg=5.0,
        upside_down=True,
        reversed=True,
        ratio=9.0,
        states=("absent", "hot", "hot", "hot", "cold", "cold"),
        wall_mm=1.5,
        ring_mm=58.0,
        lid_mm=68.0,
        length_mm=194.0,
        lung_mm=51.0,
        lung_residual=0.2,
        **SHARED,
    )
    same(phantom, tmp_path / "a")
    out = capsys.readouterr().out
    assert f"wrote {tmp_path / 'a'} (8 files)" in out
    assert "8 x 24 x 28 voxels of 24 x 15 x 14 mm (slices, down, along), background 4000 Bq/mL" in out
    assert "37 mm sphere at 123 deg, sense +1, tilted by (2, -3) deg" in out
    assert "mm: absent" in out
    assert "mm: hot, 36000 Bq/mL" in out
    x, y, z = phantom.sphere_centres_mm()[5]
    assert f"  37 mm at ({x:.2f}, {y:.2f}, {z:.2f}) mm: cold, 0 Bq/mL" in out


def test_concentrations_and_samples(tmp_path: Path) -> None:
    arguments = (
        "--sphere-bqml 1e4,2e4,3e4,4e4,5e4,6e4 --sampled --noise-free --matrix 40 --slices 3 --units BQML"
    )
    assert main(["iec", *arguments.split(), "-o", str(tmp_path)]) == 0
    phantom = IecBody(
        sphere_bqml=(1e4, 2e4, 3e4, 4e4, 5e4, 6e4), voxels_are="sampled", matrix=(40, 40), slices=3
    )
    read = [pydicom.dcmread(tmp_path / f"PT000{number}.dcm") for number in (1, 2, 3)]
    values = np.stack([d.pixel_array * float(d.RescaleSlope) for d in read])
    assert values == pytest.approx(phantom.voxels(), abs=1)  # of 6e4, in 16 bits
    assert read[0].ManufacturerModelName == "Vereos PET/CT"


def test_cylinder_writes_what_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (
        "--centre 3,4,-5 --tilt=-1,2 --diameter 190 --length 170 --slope 1e-4 --dip 20,0.1,9 --ring 50,0.2,30"
        " --cupping 0.05 --hot-spot=-150,20,30,9e4"
    )
    command = ["cylinder", *arguments.split(), *VOLUME.split(), *SCAN.split(), "-o", str(tmp_path / "a")]
    assert main(command) == 0
    phantom = Cylinder(
        centre_mm=(3.0, 4.0, -5.0),
        tilt_deg=(-1.0, 2.0),
        diameter_mm=190.0,
        length_mm=170.0,
        slope_per_mm=1e-4,
        dip=(20.0, 0.1, 9.0),
        ring=(50.0, 0.2, 30.0),
        cupping=0.05,
        hot_spot=(-150.0, 20.0, 30.0, 9e4),
        **SHARED,
    )
    same(phantom, tmp_path / "a")
    assert "cylinder of 190 mm from (" in capsys.readouterr().out


def test_replicates(tmp_path: Path) -> None:
    small = "--matrix 24x28 --slices 3 --voxel-mm 24,15,14 --vendor siemens --seed 3 --replicates 3"
    assert main(["cylinder", *small.split(), "-o", str(tmp_path)]) == 0
    read = [pydicom.dcmread(tmp_path / f"replicate-{number}" / "PT0002.dcm") for number in (1, 2, 3)]
    assert len({d.SeriesInstanceUID for d in read}) == 3
    assert [d.AcquisitionTime[:6] for d in read] == ["094107", "094623", "095139"]


@pytest.mark.parametrize("name", ["iec", "cylinder"])
def test_examples_of_the_help_work(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([name, "--help"], prog="phantoms")
    text = capsys.readouterr().out
    assert "default: 176,192" in text
    assert "%(example)s" not in text
    example = text.rsplit(f"phantoms {name}", 1)[1].split()
    example[-1] = str(tmp_path / "a")
    coarse = ["--matrix", "30", "--slices", "6", "--voxel-mm", "30,12,12", "--fwhm", "12,20"]
    assert main([name, *example, *coarse]) == 0
    assert len(list((tmp_path / "a").iterdir())) == 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("iec", "-o"),
        ("iec -o a --cold 30", "10, 13, 17, 22, 28, 37"),
        ("iec -o a --absent many", "diameters of spheres"),
        ("iec -o a --sense 2", "sense"),
        ("iec -o a --sphere-bqml 1,2,3", "expected 6 number"),
        ("iec -o a --centre 1,2", "expected 3 number"),
        ("iec -o a --tilt 40,0", "tilt"),
        ("iec -o a --vendor other", "invalid choice"),
        ("iec -o a --slices 2 --vendor ge --units CNTS", "ge writes BQML, PROPCNTS"),
        ("iec -o a --radionuclide Tc-99m", "radionuclide"),
        ("iec -o a --slices 2 --replicates 0", "--replicates"),
        ("iec -o there --slices 2 --matrix 30", "--force"),
        ("cylinder -o a --seed 5 --noise-free", "not allowed"),
        ("cylinder -o a --dip 1,2", "expected 3 number"),
        ("cylinder -o a --noise-follows moon", "activity"),
        ("cylinder -o there/PT0001.dcm --slices 1 --matrix 30", "not a folder"),
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
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "PT0001.dcm").write_text("mine")
    assert main(arguments.split(), prog="nmqc phantom") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nmqc phantom")
    assert err.count("\n") == 1
    assert said in err
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert (tmp_path / "there" / "PT0001.dcm").read_text() == "mine"
