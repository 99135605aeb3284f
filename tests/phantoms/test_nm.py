"""Floods as DICOM: what the headers say, in both flavours, and that the standard's checker agrees."""

import dataclasses
import math
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest

from phantoms import dicom, nm
from phantoms.bars import Bars
from phantoms.fields import Circle, CutCorners, Hexagon, Octagon, Outline, Rectangle
from phantoms.flood import Flood, Head, default_windows
from phantoms.lines import Lines
from phantoms.planar import Planar
from phantoms.slits import Slits
from phantoms.systems import SYSTEMS

MATRIX = (64, 96)  # rows, columns
needs_dciodvfy = pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="dciodvfy (Debian: dicom3tools) is not installed"
)


def small(system: str = "intevo", windows: int = 1, **changes: object) -> Flood:
    flood = Flood(system=system, matrix=MATRIX, windows=default_windows(system, "Tc-99m", windows))
    return dataclasses.replace(flood, **changes)


def write_and_read(flood: Flood, folder: Path, **options: object) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(path) for path in nm.write(flood, folder / "flood.dcm", **options)]


@needs_dciodvfy
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("windows", "collimator", "options"),
    [
        (1, None, {}),
        (2, "LEHR", {}),
        (2, "UNKNOWN ONE", {"split_heads": True}),
        (1, None, {"field_tags": False}),
        (1, None, {"transfer_syntax": "implicit-le"}),
        (2, None, {"transfer_syntax": "explicit-be"}),
        (2, None, {"transfer_syntax": "rle"}),
        (1, None, {"seed": None}),
    ],
)
def test_strict_files_conform(
    system: str, windows: int, collimator: str | None, options: dict[str, object], tmp_path: Path
) -> None:
    flood = small(system, windows, collimator=collimator)
    for path in nm.write(flood, tmp_path / "flood.dcm", **{"seed": 1, **options}):
        checked = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
        said = checked.stdout + checked.stderr
        assert "Error" not in said
        assert "NMImage" in said  # it was checked as what it is
        assert checked.returncode == 0


@needs_dciodvfy
@pytest.mark.parametrize(
    "field", [Circle(350.0), Hexagon(340.0), Octagon(350.0), CutCorners(500.0, 350.0, 40.0)]
)
def test_strict_files_of_other_fields_conform(field: Outline, tmp_path: Path) -> None:
    (path,) = nm.write(small(heads=(Head(field=field),)), tmp_path / "flood.dcm", seed=1)
    assert subprocess.run(["dciodvfy", path], capture_output=True, check=False).returncode == 0


@needs_dciodvfy
def test_strict_file_with_a_pixel_scale_conforms(tmp_path: Path) -> None:
    (path,) = nm.write(small("brivo"), tmp_path / "flood.dcm", seed=1, pixel_scale=2.5)
    assert subprocess.run(["dciodvfy", path], capture_output=True, check=False).returncode == 0


@needs_dciodvfy
@pytest.mark.parametrize("system", SYSTEMS)
def test_scanner_files_deviate_as_scanners_do(system: str, tmp_path: Path) -> None:
    (path,) = nm.write(small(system), tmp_path / "flood.dcm", seed=1, flavour="scanner")
    checked = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    errors = [line for line in (checked.stdout + checked.stderr).splitlines() if line.startswith("Error")]
    assert len(errors) == 2
    assert "Laterality" in errors[0]
    assert "PatientPosition" in errors[1]


@pytest.mark.parametrize("flavour", dicom.FLAVOURS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_file_says_that_it_is_synthetic(system: str, flavour: str, tmp_path: Path) -> None:
    (read,) = write_and_read(small(system), tmp_path, seed=1, flavour=flavour)
    said = (read.PatientName, read.PatientID, read.InstitutionName, read.StationName, read.DeviceSerialNumber)
    assert all("NMQC" in str(value) and "SIM" in str(value) for value in said)
    uids = (read.SOPInstanceUID, read.StudyInstanceUID, read.SeriesInstanceUID, read.FrameOfReferenceUID)
    assert all(uid.startswith(pydicom.uid.PYDICOM_ROOT_UID) and uid.is_valid for uid in uids)
    assert len(set(uids)) == 4
    assert read.preamble == b"\0" * 128


@pytest.mark.parametrize("syntax", dicom.TRANSFER_SYNTAXES)
@pytest.mark.parametrize("flavour", dicom.FLAVOURS)
def test_pixels_survive_every_transfer_syntax(syntax: str, flavour: str, tmp_path: Path) -> None:
    flood = small(windows=2)
    (read,) = write_and_read(flood, tmp_path, seed=3, flavour=flavour, transfer_syntax=syntax)
    assert read.file_meta.TransferSyntaxUID == dicom.TRANSFER_SYNTAXES[syntax]
    # Frames in order of window, then detector.
    assert np.array_equal(read.pixel_array, flood.noisy(3).reshape(4, *MATRIX))
    assert list(read.EnergyWindowVector) == [1, 1, 2, 2]
    assert list(read.DetectorVector) == [1, 2, 1, 2]
    assert [int(tag) for tag in read.FrameIncrementPointer] == [0x00540010, 0x00540020]
    assert (read.NumberOfFrames, read.NumberOfEnergyWindows, read.NumberOfDetectors) == (4, 2, 2)


@pytest.mark.parametrize("syntax", ["explicit-le", "explicit-be"])
def test_siemens_totals_agree_with_the_pixels(syntax: str, tmp_path: Path) -> None:
    flood = small(windows=2)
    (read,) = write_and_read(flood, tmp_path, seed=3, flavour="scanner", transfer_syntax=syntax)
    words = np.frombuffer(
        read.private_block(0x7FE3, "SIEMENS MED NM")[0x16].value, ">u2" if syntax == "explicit-be" else "<u2"
    ).astype(np.int64)
    totals = words[0::2] * 65536 + words[1::2]  # the high word first
    assert totals.tolist() == flood.noisy(3).sum(axis=(2, 3), dtype=np.int64).ravel().tolist()
    assert totals.min() > 65535


def test_siemens_header(tmp_path: Path) -> None:
    flood = small(acquired=datetime(2026, 3, 4, 5, 6, 7, 890000), duration_s=1234.5, collimator="LEHR")
    (read,) = write_and_read(flood, tmp_path, seed=1, flavour="scanner")
    assert (read.Manufacturer, read.ManufacturerModelName) == ("SIEMENS NM", "Encore2")
    assert read.SoftwareVersions[2].split(">")[1] == "Symbia Intevo Bold"
    assert list(read.ImageType) == ["ORIGINAL", "PRIMARY", "STATIC", "EMISSION"]
    assert (read.AcquisitionDate, read.AcquisitionTime) == ("20260304", "050607.890000")
    assert read.ActualFrameDuration == 1234500  # milliseconds
    assert read.CountsAccumulated is None
    assert list(read.CorrectedImage) == ["UNIF"] * 3
    assert read.PatientPosition == "HFS"
    assert "Laterality" not in read
    (window,) = read.EnergyWindowInformationSequence
    assert window.EnergyWindowName == "99m Technetium"
    (limits,) = window.EnergyWindowRangeSequence
    assert (limits.EnergyWindowLowerLimit, limits.EnergyWindowUpperLimit) == (129.139, 150.081)
    code = read.RadiopharmaceuticalInformationSequence[0].RadionuclideCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("C-163A8", "99SDM")
    first, second = read.DetectorInformationSequence
    assert (first.StartAngle, second.StartAngle) == (180, 0)
    assert [float(part) for part in first.ImageOrientationPatient] == [1, 0, 0, 0, 0, -1]
    assert [float(part) for part in second.ImageOrientationPatient] == [-1, 0, 0, 0, 0, -1]
    assert (first.CollimatorType, first.CollimatorGridName[:4]) == ("PARA", "@188")


def test_intrinsic_flood_has_no_collimator(tmp_path: Path) -> None:
    (read,) = write_and_read(small(), tmp_path, seed=1, flavour="scanner")
    assert all(item.CollimatorType == "NONE" for item in read.DetectorInformationSequence)
    assert all("CollimatorGridName" not in item for item in read.DetectorInformationSequence)
    assert "Intrinsic" in read.SeriesDescription


def test_strict_header_has_standard_codes_and_counts(tmp_path: Path) -> None:
    flood = Flood(system="symbia-t2", matrix=MATRIX, radionuclide="Co-57")
    (read,) = write_and_read(flood, tmp_path, seed=1)
    assert read.CountsAccumulated == flood.noisy(1).sum(dtype=np.int64)
    code = read.RadiopharmaceuticalInformationSequence[0].RadionuclideCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) == (
        "27054007",
        "SCT",
        "^57^Cobalt",
    )
    assert read.Laterality == ""
    assert "PatientPosition" not in read
    assert not [element for element in read if element.tag.is_private]
    assert read.SoftwareVersions[2].split(">")[1] == "Symbia T2"


def test_ge_writes_one_file_for_each_window(tmp_path: Path) -> None:
    flood = small("brivo", 2)
    paths = nm.write(flood, tmp_path / "flood.dcm", seed=2, flavour="scanner")
    assert [path.name for path in paths] == ["flood-1.dcm", "flood-2.dcm"]
    first, second = (pydicom.dcmread(path) for path in paths)
    assert (first.Manufacturer, first.ManufacturerModelName) == ("GE MEDICAL SYSTEMS", "Brivo NM615")
    assert (first.NumberOfDetectors, first.NumberOfEnergyWindows, first.EnergyWindowVector) == (1, 1, 1)
    assert first.StudyInstanceUID == second.StudyInstanceUID
    assert first.SeriesInstanceUID != second.SeriesInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    names = [read.EnergyWindowInformationSequence[0].EnergyWindowName for read in (first, second)]
    assert names == ["Tc99m_EM", "Tc99m_SC"]
    counts = flood.noisy(2)
    for window, read in enumerate((first, second)):
        assert np.array_equal(read.pixel_array, counts[window, 0])
        assert read.CountsAccumulated == counts[window].sum(dtype=np.int64)
        assert read.private_block(0x0011, "GEMS_GENIE_1")[0x3B].value == 1.0
    assert "StartAngle" not in first.DetectorInformationSequence[0]
    assert [str(length) for length in first.PixelSpacing] == ["8.836120", "8.836120"]


def test_ge_pixel_scale_gives_the_counts_back(tmp_path: Path) -> None:
    flood = small("brivo")
    (read,) = write_and_read(flood, tmp_path, seed=2, pixel_scale=2.5, pixel_offset=-50.0)
    group = read.private_block(0x0011, "GEMS_GENIE_1")
    scale, offset = group[0x3B].value, group[0x3C].value
    assert (scale, offset) == (2.5, -50.0)
    restored = read.pixel_array * scale + offset
    assert np.abs(restored - flood.noisy(2)[0, 0].astype(float)).max() <= 1.25  # half a step of 2.5


def test_split_heads_do_not_say_which_they_are_in_any_number(tmp_path: Path) -> None:
    flood = small(windows=2)
    paths = nm.write(flood, tmp_path / "flood.dcm", seed=4, split_heads=True, flavour="scanner")
    counts = flood.noisy(4)
    assert len(paths) == 2
    for head, path in enumerate(paths):
        read = pydicom.dcmread(path)
        assert read.NumberOfDetectors == 1
        assert list(read.DetectorVector) == [1, 1]
        assert list(read.EnergyWindowVector) == [1, 2]
        assert len(read.DetectorInformationSequence) == 1
        assert read.SeriesDescription.endswith(f"det {head + 1}")
        assert read.DetectorInformationSequence[0].ViewCodeSequence[0].CodeMeaning == f"det {head + 1}"
        assert np.array_equal(read.pixel_array, counts[:, head])


@pytest.mark.parametrize(
    ("system", "matrix", "zoom", "field", "shape", "dimensions"),
    [
        # As in headers of public images: T2 at 512 and 256, E.Cam at 128, Intevo 16 at zoom 1.455.
        ("symbia-t2", 512, 1.0, None, "RECTANGLE", [532, 386]),
        ("symbia-t2", 256, 1.0, None, "RECTANGLE", [532, 388]),
        ("intevo", 128, 1.0, None, "RECTANGLE", [537, 383]),
        ("intevo", 256, 1.455, None, "RECTANGLE", [421, 385]),
        ("brivo", 256, 1.0, None, "RECTANGLE", [540, 400]),
        ("brivo", 256, 1.6, None, "RECTANGLE", [353, 353]),
        ("intevo", 128, 1.0, CutCorners(500.0, 350.0, 40.0), "RECTANGLE", [498, 345]),
        ("brivo", 128, 1.0, Circle(391.4), "ROUND", 391),
        ("brivo", 128, 1.0, Hexagon(340.0), "HEXAGONAL", 392),
    ],
)
def test_field_of_view(
    system: str,
    matrix: int,
    zoom: float,
    field: Outline | None,
    shape: str,
    dimensions: object,
    tmp_path: Path,
) -> None:
    flood = Flood(system=system, matrix=matrix, zoom=zoom, heads=(Head(field=field),))
    (read,) = write_and_read(flood, tmp_path)
    (item,) = read.DetectorInformationSequence
    assert item.FieldOfViewShape == shape
    assert item.FieldOfViewDimensions == dimensions
    assert float(item.ZoomFactor[0]) == pytest.approx(zoom, rel=1e-7)  # written in single precision


def test_field_of_view_of_pixels_that_are_not_square() -> None:
    profile = SYSTEMS["brivo"]
    assert nm.field_of_view(Rectangle(500.0, 300.0), profile, (50, 60), (4.0, 7.0)) == (
        "RECTANGLE",
        (420, 200),
    )


def test_octagon_and_on_request_every_field_are_left_out(tmp_path: Path) -> None:
    for flood, options in (
        (small(heads=(Head(field=Octagon(350.0)),)), {}),
        (small(), {"field_tags": False}),
    ):
        (read,) = write_and_read(flood, tmp_path, overwrite=True, **options)
        assert all("FieldOfViewShape" not in item for item in read.DetectorInformationSequence)
        assert all("FieldOfViewDimensions" not in item for item in read.DetectorInformationSequence)


def test_siemens_field_box_surrounds_the_field(tmp_path: Path) -> None:
    flood = Flood(matrix=128, heads=(Head(), Head()))
    (read,) = write_and_read(flood, tmp_path, flavour="scanner")
    # As in the header of an E.Cam with 128 x 128 pixels: row, column, end row, end column of each detector.
    assert list(read.private_block(0x0055, "SIEMENS MED NM")[0xC0].value) == [24, 8, 104, 120] * 2


def test_pixel_spacing_is_down_then_along(tmp_path: Path) -> None:
    (read,) = write_and_read(small(pixel_mm=(6.1, 5.75)), tmp_path)
    assert [float(length) for length in read.PixelSpacing] == [6.1, 5.75]
    assert (read.Rows, read.Columns) == MATRIX
    (read,) = write_and_read(small(pixel_mm=(math.pi, 5.75)), tmp_path, overwrite=True)
    assert float(read.PixelSpacing[0]) == pytest.approx(math.pi, rel=1e-14)  # 16 characters of a DS
    (read,) = write_and_read(Flood(matrix=256), tmp_path, overwrite=True)
    assert str(read.PixelSpacing[0]) == "2.3975999355316"


@pytest.mark.parametrize("syntax", dicom.TRANSFER_SYNTAXES)
@pytest.mark.parametrize("flavour", dicom.FLAVOURS)
def test_same_arguments_same_bytes(flavour: str, syntax: str, tmp_path: Path) -> None:
    options = {"seed": 1, "flavour": flavour, "transfer_syntax": syntax}
    paths = [nm.write(small(), tmp_path / f"{n}.dcm", **options)[0] for n in (1, 2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_other_acquisitions_have_other_uids(tmp_path: Path) -> None:
    floods = [(small(), 1), (small(), 2), (small("symbia-t2"), 1), (small(duration_s=60.0), 1)]
    read = [nm.datasets(flood, seed=seed)[0] for flood, seed in floods]
    assert len({dataset.SOPInstanceUID for dataset in read}) == 4
    assert len({dataset.StudyInstanceUID for dataset in read}) == 4
    scaled = nm.datasets(small("brivo"), seed=1, pixel_scale=2.0)[0]
    assert scaled.SOPInstanceUID != nm.datasets(small("brivo"), seed=1)[0].SOPInstanceUID


def test_without_a_seed_the_expected_counts_are_rounded() -> None:
    flood = small()
    (dataset,) = nm.datasets(flood)
    frames = np.frombuffer(dataset.PixelData, "<u2").reshape(2, *MATRIX)
    assert np.abs(frames - flood.expected()[0]).max() <= 0.5


def test_counts_that_do_not_fit_are_refused_or_saturated(tmp_path: Path) -> None:
    flood = small(heads=(Head(counts_per_pixel=70_000.0), Head(counts_per_pixel=60_000.0)))
    with pytest.raises(ValueError, match="16 bits hold 65535"):
        nm.write(flood, tmp_path / "flood.dcm")
    assert list(tmp_path.iterdir()) == []
    (read,) = write_and_read(flood, tmp_path, saturate=True)
    assert read.pixel_array[0].max() == 65535
    assert read.pixel_array[1].max() == 60_000
    (scaled,) = write_and_read(
        small("brivo", heads=(Head(counts_per_pixel=70_000.0),)), tmp_path, pixel_scale=2.0, overwrite=True
    )
    assert scaled.pixel_array.max() == 35_000


def test_file_size(tmp_path: Path) -> None:
    (path,) = nm.write(small(windows=2), tmp_path / "flood.dcm", seed=1)
    pixels = 4 * 64 * 96 * 2
    assert pixels < path.stat().st_size < pixels + 8000  # 16 bits a pixel, and the header
    (packed,) = nm.write(small(windows=2), tmp_path / "packed.dcm", seed=1, transfer_syntax="deflated")
    assert packed.stat().st_size < pixels


def test_existing_files_are_kept(tmp_path: Path) -> None:
    flood = small("brivo", 2)
    (tmp_path / "flood-2.dcm").write_text("mine")
    with pytest.raises(FileExistsError, match=r"flood-2\.dcm exists"):
        nm.write(flood, tmp_path / "flood.dcm")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flood-2.dcm"]
    assert (tmp_path / "flood-2.dcm").read_text() == "mine"
    nm.write(flood, tmp_path / "flood.dcm", overwrite=True)
    assert pydicom.dcmread(tmp_path / "flood-2.dcm").Modality == "NM"


def test_saving_leaves_the_object_as_it_was(tmp_path: Path) -> None:
    (dataset,) = nm.datasets(small(), seed=1)
    before = dataset.PixelData
    dicom.save(dataset, tmp_path / "big.dcm", transfer_syntax="explicit-be")
    dicom.save(dataset, tmp_path / "rle.dcm", transfer_syntax="rle")
    assert dataset.PixelData == before
    assert dataset.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian


def test_vectors_count_with_the_last_fastest() -> None:
    vectors = dicom.counting_vectors(("EnergyWindowVector", 2), ("DetectorVector", 3))
    assert vectors == (
        ("EnergyWindowVector", (1, 1, 1, 2, 2, 2)),
        ("DetectorVector", (1, 2, 3, 1, 2, 3)),
    )


def test_wrong_choices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="flavour"):
        nm.datasets(small(), flavour="other")
    with pytest.raises(ValueError, match="transfer syntax"):
        nm.write(small(), tmp_path / "flood.dcm", transfer_syntax="jpeg")
    with pytest.raises(ValueError, match="only GE"):
        nm.datasets(small(), pixel_scale=2.0)
    with pytest.raises(ValueError, match="positive"):
        nm.datasets(small("brivo"), pixel_scale=-1.0)
    with pytest.raises(ValueError, match="pixel offset"):
        nm.datasets(small("brivo"), pixel_scale=1.5, pixel_offset=10.0)


def test_vectors_of_the_wrong_length_are_refused() -> None:
    profile = SYSTEMS["intevo"]
    header = dicom.Header(
        system=profile,
        flavour="strict",
        image_type="STATIC",
        vectors=(("DetectorVector", (1, 2)),),
        windows=(),
        heads=(),
        pixel_mm=(1.0, 1.0),
        zoom=1.0,
        acquired=datetime(2026, 1, 5),
        duration_s=1.0,
        radionuclide="Tc-99m",
        study_description="",
        series_description="",
        series_number=1,
        uid_sources=("test",),
    )
    with pytest.raises(ValueError, match="3 frames"):
        dicom.image(np.zeros((3, 4, 5), np.uint16), header)
    with pytest.raises(ValueError, match="flavour"):
        dicom.image(np.zeros((2, 4, 5), np.uint16), dataclasses.replace(header, flavour="other"))


PLANAR = (
    Bars(system="intevo", detector=2, matrix=MATRIX, pixel_mm=(2.1, 1.9), fwhm_mm=(6.0, 6.5), counts=3e5),
    Slits(system="symbia-t2", matrix=MATRIX, zoom=1.5, radionuclide="Co-57", counts=3e5),
    Lines(system="brivo", matrix=MATRIX, field=Circle(300.0), collimator="LEHR", counts=3e5),
)


@needs_dciodvfy
@pytest.mark.parametrize("phantom", PLANAR, ids=lambda phantom: type(phantom).__name__)
@pytest.mark.parametrize("transfer_syntax", ["explicit-le", "rle"])
def test_images_of_one_detector_conform(phantom: Planar, transfer_syntax: str, tmp_path: Path) -> None:
    path = nm.write_planar(phantom, tmp_path / "a.dcm", seed=1, transfer_syntax=transfer_syntax)
    checked = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    said = checked.stdout + checked.stderr
    assert "Error" not in said
    assert "NMImage" in said
    assert checked.returncode == 0


@pytest.mark.parametrize("flavour", ["strict", "scanner"])
@pytest.mark.parametrize("phantom", PLANAR, ids=lambda phantom: type(phantom).__name__)
def test_images_of_one_detector_say_what_they_are(phantom: Planar, flavour: str, tmp_path: Path) -> None:
    read = pydicom.dcmread(nm.write_planar(phantom, tmp_path / "a.dcm", seed=4, flavour=flavour))
    assert np.array_equal(read.pixel_array, phantom.noisy(4))
    assert read.pixel_array.dtype == np.uint16
    assert read.PixelSpacing == pytest.approx(phantom.spacing_mm, abs=1e-12)
    assert (read.NumberOfFrames, read.NumberOfDetectors, list(read.ImageType)) == (
        1,
        1,
        ["ORIGINAL", "PRIMARY", "STATIC", "EMISSION"],
    )
    assert (str(read.PatientName), read.PatientID, read.StationName) == ("NMQC^SIM", "NMQC-SIM", "NMQC-SIM")
    assert read.Manufacturer == SYSTEMS[phantom.system].manufacturer
    item = read.DetectorInformationSequence[0]
    assert item.CollimatorType == ("PARA" if phantom.collimator else "NONE")
    window = read.EnergyWindowInformationSequence[0].EnergyWindowName
    assert ("Co" in window) == (phantom.radionuclide == "Co-57")
    assert read.SeriesDescription.startswith("NMQC SIM ")
    assert type(phantom).__name__ in read.SeriesDescription
    assert ("det 2" in read.SeriesDescription) == (phantom.detector == 2)
    if phantom.system != "brivo":
        assert item.ViewCodeSequence[0].CodeMeaning == f"det {phantom.detector}"
        assert item.StartAngle == {1: 180.0, 2: 0.0}[phantom.detector]


def test_zoom_of_the_header_leads_to_the_pixel_size(tmp_path: Path) -> None:
    for phantom, expected in zip(PLANAR, (613.7855835 / 64 / 1.9, 1.5, 1.0), strict=True):
        read = pydicom.dcmread(nm.write_planar(phantom, tmp_path / f"{phantom.system}.dcm"))
        zoom = read.DetectorInformationSequence[0].ZoomFactor
        assert [float(factor) for factor in zoom] == pytest.approx([expected] * 2, rel=1e-6)
        width = SYSTEMS[phantom.system].base_field_mm / 64
        assert width / float(zoom[1]) == pytest.approx(float(read.PixelSpacing[1]), rel=1e-6)


def test_field_tags_and_identity_of_images_of_one_detector() -> None:
    bars = PLANAR[0]
    first, again = (nm.planar_dataset(bars, seed=1) for _ in range(2))
    assert first == again
    assert nm.planar_dataset(bars, seed=2).SOPInstanceUID != first.SOPInstanceUID
    other = dataclasses.replace(bars, rotation_deg=4.0)
    assert nm.planar_dataset(other, seed=1).StudyInstanceUID != first.StudyInstanceUID
    assert nm.planar_dataset(PLANAR[2]).DetectorInformationSequence[0].FieldOfViewShape == "ROUND"
    without = nm.planar_dataset(bars, field_tags=False)
    assert "FieldOfViewShape" not in without.DetectorInformationSequence[0]


def test_images_of_one_detector_refuse(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_text("mine")
    with pytest.raises(FileExistsError):
        nm.write_planar(PLANAR[0], tmp_path / "a.dcm")
    assert (tmp_path / "a.dcm").read_text() == "mine"
    with pytest.raises(ValueError, match="flavour"):
        nm.planar_dataset(PLANAR[0], flavour="other")
    bright = dataclasses.replace(PLANAR[0], counts=3e9)
    with pytest.raises(ValueError, match="16 bits"):
        nm.planar_dataset(bright)
    assert nm.planar_dataset(bright, saturate=True).pixel_array.max() == 65535
