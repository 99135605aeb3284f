"""Orbits as DICOM: angles, senses and radii as the standard and the makers write them."""

import dataclasses
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from phantoms import dicom, nm
from phantoms.cor import Orbit, OrbitHead, one_source
from phantoms.flood import Flood, default_windows
from phantoms.systems import SYSTEMS

needs_dciodvfy = pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="dciodvfy (Debian: dicom3tools) is not installed"
)
SMALL = Orbit(
    matrix=(48, 64),
    pixel_mm=(9.2, 8.9),
    heads=(OrbitHead(start_deg=198.0, offset_mm=4.0), OrbitHead(start_deg=-86.0, sensitivity=0.9)),
    sources=one_source(),
    views=5,
    arc_deg=180.0,
    windows=default_windows("symbia-t2", "Tc-99m", 2),
    rotations=2,
)
ONE_HEADED = dataclasses.replace(
    SMALL, system="brivo", heads=SMALL.heads[:1], windows=default_windows("brivo", "Tc-99m", 2)
)
CONTOURED = dataclasses.replace(
    SMALL, radius_mm=(210.0, 220.5, 230.0, 222.0, 211.25), continuous=True, clockwise=False, rotations=1
)


def angles_deg(read: pydicom.Dataset) -> list[float]:
    """Return each frame's angle as the standard and the files seen have it; 0 behind the patient's back."""
    angles = []
    for detector, rotation, view in zip(
        read.DetectorVector, read.RotationVector, read.AngularViewVector, strict=True
    ):
        turn = read.RotationInformationSequence[rotation - 1]
        sign = {"CC": 1, "CW": -1}[turn.RotationDirection]
        start = float(read.DetectorInformationSequence[detector - 1].StartAngle)
        angles.append((start + sign * float(turn.AngularStep) * (view - 1)) % 360)
    return angles


def frames_of(orbit: Orbit, seed: int) -> np.ndarray:
    return orbit.noisy(seed).reshape(-1, *orbit.shape)


@needs_dciodvfy
@pytest.mark.parametrize("split_heads", [False, True])
@pytest.mark.parametrize("transfer_syntax", ["explicit-le", "rle"])
@pytest.mark.parametrize("orbit", [SMALL, ONE_HEADED, CONTOURED], ids=["small", "one-headed", "contoured"])
def test_strict_files_conform(orbit: Orbit, transfer_syntax: str, split_heads: bool, tmp_path: Path) -> None:
    options = {"transfer_syntax": transfer_syntax, "split_heads": split_heads}
    for path in nm.write_cor(orbit, tmp_path / "cor.dcm", seed=1, **options):
        checked = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
        said = checked.stdout + checked.stderr
        assert "Error" not in said
        assert "NMImage" in said  # it was checked as what it is
        assert checked.returncode == 0


@needs_dciodvfy
@pytest.mark.parametrize("orbit", [SMALL, ONE_HEADED, CONTOURED], ids=["small", "one-headed", "contoured"])
def test_scanner_files_deviate_as_scanners_do(orbit: Orbit, tmp_path: Path) -> None:
    path = nm.write_cor(orbit, tmp_path / "cor.dcm", seed=1, flavour="scanner")[0]
    checked = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    errors = [line for line in (checked.stdout + checked.stderr).splitlines() if line.startswith("Error")]
    assert len(errors) == 2
    assert "Laterality" in errors[0]
    assert "PatientPosition" in errors[1]


def test_frames_are_in_order_of_window_detector_rotation_view(tmp_path: Path) -> None:
    (path,) = nm.write_cor(SMALL, tmp_path / "cor.dcm", seed=3)
    read = pydicom.dcmread(path)
    assert list(read.ImageType) == ["ORIGINAL", "PRIMARY", "TOMO", "EMISSION"]
    pointers = [0x00540010, 0x00540020, 0x00540050, 0x00540090]
    assert [int(tag) for tag in read.FrameIncrementPointer] == pointers
    assert (read.NumberOfFrames, read.NumberOfEnergyWindows) == (40, 2)
    assert (read.NumberOfDetectors, read.NumberOfRotations) == (2, 2)
    assert list(read.EnergyWindowVector) == [1] * 20 + [2] * 20
    assert list(read.DetectorVector) == ([1] * 10 + [2] * 10) * 2
    assert list(read.RotationVector) == ([1] * 5 + [2] * 5) * 4
    assert list(read.AngularViewVector) == [1, 2, 3, 4, 5] * 8
    assert np.array_equal(read.pixel_array, frames_of(SMALL, 3))
    assert [float(length) for length in read.PixelSpacing] == [9.2, 8.9]


@pytest.mark.parametrize("flavour", dicom.FLAVOURS)
@pytest.mark.parametrize("clockwise", [True, False])
def test_angles_of_the_header(clockwise: bool, flavour: str) -> None:
    orbit = dataclasses.replace(SMALL, clockwise=clockwise)
    (read,) = nm.cor_datasets(orbit, seed=1, flavour=flavour)
    there = {True: [198, 162, 126, 90, 54], False: [198, 234, 270, 306, 342]}
    other = {True: [274, 238, 202, 166, 130], False: [274, 310, 346, 22, 58]}
    by_hand = there[clockwise] + there[not clockwise] + other[clockwise] + other[not clockwise]
    assert angles_deg(read) == by_hand * 2
    by_orbit = [orbit.theta_deg(head, rotation) for head in (0, 1) for rotation in (0, 1)]
    assert np.concatenate(by_orbit) == pytest.approx(by_hand, abs=1e-12)
    first, second = read.RotationInformationSequence
    assert (first.RotationDirection, second.RotationDirection) == (
        ("CW", "CC") if clockwise else ("CC", "CW")
    )
    assert (float(first.StartAngle), float(first.AngularStep), float(first.ScanArc)) == (198, 36, 180)
    assert (first.NumberOfFramesInRotation, first.ActualFrameDuration) == (
        5,
        20_000,
    )  # milliseconds of a view
    assert "ActualFrameDuration" not in read  # only of static images
    assert read.TypeOfDetectorMotion == "STEP AND SHOOT"


def test_a_start_angle_that_is_not_tidy_keeps_its_digits() -> None:
    orbit = dataclasses.replace(SMALL, views=7, arc_deg=360.0, heads=(OrbitHead(start_deg=-179.99),))
    (read,) = nm.cor_datasets(orbit)
    assert str(read.DetectorInformationSequence[0].StartAngle) == "-179.99"
    assert angles_deg(read)[:7] == pytest.approx(orbit.theta_deg(0), abs=1e-10)  # 16 characters of 360 / 7


def test_siemens_writes_each_heads_radii_in_its_item() -> None:
    (read,) = nm.cor_datasets(CONTOURED, flavour="scanner")
    for item, angle in zip(read.DetectorInformationSequence, (198, -86), strict=True):
        assert [float(radius) for radius in item.RadialPosition] == list(CONTOURED.radius_mm)
        assert float(item.StartAngle) == angle
    (turn,) = read.RotationInformationSequence
    assert "RadialPosition" not in turn
    assert read.TypeOfDetectorMotion == "CONTINUOUS"
    (round_orbit,) = nm.cor_datasets(SMALL, flavour="scanner")
    assert round_orbit.DetectorInformationSequence[0].RadialPosition == [200.0] * 5
    # from the patient's right, half-way to the front: along the rows, (-cos 198, sin 198)
    directions = [float(part) for part in read.DetectorInformationSequence[0].ImageOrientationPatient]
    assert directions == pytest.approx([0.9510565, -0.3090170, 0, 0, 0, -1], abs=1e-7)
    assert read.private_block(0x0033, "SIEMENS MED NM")[0x31].value == 76.0  # between the heads: 198 and -86


@pytest.mark.parametrize(
    ("system", "flavour"), [("brivo", "scanner"), ("brivo", "strict"), ("intevo", "strict")]
)
def test_others_write_the_radii_in_the_rotation(system: str, flavour: str) -> None:
    heads = SMALL.heads[: SYSTEMS[system].heads]
    for orbit, radii in ((CONTOURED, list(CONTOURED.radius_mm)), (SMALL, 200.0)):
        orbit = dataclasses.replace(orbit, system=system, heads=heads)
        for read in nm.cor_datasets(orbit, flavour=flavour):
            assert all("RadialPosition" not in item for item in read.DetectorInformationSequence)
            for turn in read.RotationInformationSequence:
                assert turn.RadialPosition == radii
                assert ("TableHeight" in turn) == (flavour == "scanner")


def test_ge_writes_one_file_for_each_window(tmp_path: Path) -> None:
    paths = nm.write_cor(ONE_HEADED, tmp_path / "cor.dcm", seed=2, flavour="scanner")
    assert [path.name for path in paths] == ["cor-1.dcm", "cor-2.dcm"]
    counts = ONE_HEADED.noisy(2)
    for window, read in enumerate(pydicom.dcmread(path) for path in paths):
        assert np.array_equal(read.pixel_array, counts[window].reshape(-1, 48, 64))
        assert read.NumberOfEnergyWindows == 1
        assert read.CountRate == round(
            counts[window].sum(axis=(-2, -1)).max() / 20
        )  # the highest of all views
        assert float(read.DetectorInformationSequence[0].StartAngle) == 198


@pytest.mark.parametrize("flavour", dicom.FLAVOURS)
def test_split_heads(flavour: str, tmp_path: Path) -> None:
    """Each file has one detector numbered 1, its own start angle, and the study and time of both."""
    paths = nm.write_cor(SMALL, tmp_path / "cor.dcm", seed=4, flavour=flavour, split_heads=True)
    counts = SMALL.noisy(4)
    both = [pydicom.dcmread(path) for path in paths]
    assert len(both) == 2
    for head, read in enumerate(both):
        assert read.NumberOfDetectors == 1
        assert set(read.DetectorVector) == {1}
        assert np.array_equal(read.pixel_array, counts[:, head].reshape(-1, 48, 64))
        starts = [read.DetectorInformationSequence[0], *read.RotationInformationSequence]
        assert {float(item.StartAngle) for item in starts} == {(198.0, -86.0)[head]}
        assert read.SeriesDescription.endswith(f"det {head + 1}")
        assert read.DetectorInformationSequence[0].ViewCodeSequence[0].CodeMeaning == f"det {head + 1}"
    first, second = both
    assert first.StudyInstanceUID == second.StudyInstanceUID
    assert (first.AcquisitionDate, first.AcquisitionTime) == (second.AcquisitionDate, second.AcquisitionTime)
    assert first.SeriesInstanceUID != second.SeriesInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID


def test_heads_in_one_file_are_not_named() -> None:
    (read,) = nm.cor_datasets(SMALL)
    assert "det" not in read.SeriesDescription
    assert all("ViewCodeSequence" not in item for item in read.DetectorInformationSequence)


@pytest.mark.parametrize("flavour", dicom.FLAVOURS)
def test_every_file_says_that_it_is_synthetic(flavour: str) -> None:
    (read,) = nm.cor_datasets(SMALL, seed=1, flavour=flavour)
    said = (read.PatientName, read.PatientID, read.InstitutionName, read.StationName, read.DeviceSerialNumber)
    assert all("NMQC" in str(value) and "SIM" in str(value) for value in said)


@pytest.mark.parametrize("flavour", dicom.FLAVOURS)
def test_same_arguments_same_bytes(flavour: str, tmp_path: Path) -> None:
    paths = [nm.write_cor(SMALL, tmp_path / f"{n}.dcm", seed=1, flavour=flavour)[0] for n in (1, 2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    others = [(SMALL, 2), (dataclasses.replace(SMALL, clockwise=False), 1), (CONTOURED, 1)]
    read = [nm.cor_datasets(orbit, seed=seed, flavour=flavour)[0] for orbit, seed in [(SMALL, 1), *others]]
    assert len({dataset.SOPInstanceUID for dataset in read}) == 4
    assert len({dataset.StudyInstanceUID for dataset in read}) == 4


def test_existing_files_are_kept(tmp_path: Path) -> None:
    (tmp_path / "cor-2.dcm").write_text("mine")
    with pytest.raises(FileExistsError, match=r"cor-2\.dcm exists"):
        nm.write_cor(SMALL, tmp_path / "cor.dcm", split_heads=True)
    assert [path.name for path in tmp_path.iterdir()] == ["cor-2.dcm"]
    nm.write_cor(SMALL, tmp_path / "cor.dcm", split_heads=True, overwrite=True)
    assert pydicom.dcmread(tmp_path / "cor-2.dcm").Modality == "NM"


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(ValueError, match="flavour"):
        nm.cor_datasets(SMALL, flavour="other")
    bright = tuple(dataclasses.replace(source, counts=1e6) for source in SMALL.sources)
    with pytest.raises(ValueError, match="16 bits"):
        nm.cor_datasets(dataclasses.replace(SMALL, sources=bright))


def test_other_images_say_nothing_of_rotation() -> None:
    (read,) = nm.datasets(Flood(matrix=64), seed=1)
    assert "RotationInformationSequence" not in read
    assert "TypeOfDetectorMotion" not in read
    assert read.DetectorInformationSequence[0].RadialPosition == 0
