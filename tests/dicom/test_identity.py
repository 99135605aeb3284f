"""What a file is, and that nothing of a person or a place comes out of it anywhere."""

from __future__ import annotations

import logging
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, FileDataset

from nmqc.dicom import Identity, ReadOptions, identify
from tests.dicom.build import CO, TC, codes, detector, distinct, ge, item, nm, patch, read, save

SECRET = "DOE^JANE"
# PS3.15, table E.1-1, and the private tags of GE and Siemens that repeat a name.
PLANTED = (
    "PatientName",
    "PatientID",
    "OtherPatientIDs",
    "OtherPatientNames",
    "PatientComments",
    "PatientAddress",
    "EthnicGroup",
    "InstitutionName",
    "InstitutionAddress",
    "InstitutionalDepartmentName",
    "StationName",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "NameOfPhysiciansReadingStudy",
    "OperatorsName",
    "RequestingPhysician",
    "AccessionNumber",
    "StudyID",
    "StudyDescription",
    "SeriesDescription",
    "PerformedProcedureStepDescription",
    "PerformedProcedureStepID",
    "ProtocolName",
    "ImageComments",
    "DeviceSerialNumber",
    "ImageID",
    "AcquisitionComments",
    "RequestedProcedureDescription",
)


def one(path: Path, **options: object) -> Identity:
    (found,) = identify([path], ReadOptions(**options))  # type: ignore[arg-type]
    return found


def with_secrets(ds: FileDataset) -> FileDataset:
    for keyword in PLANTED:
        setattr(ds, keyword, SECRET)
    block = ds.private_block(0x0009, "GEMS_GENIE_1", create=True)
    block.add_new(0x40, "LO", SECRET)
    ds.private_block(0x0011, "GEMS_GENIE_1", create=True).add_new(0x12, "LO", SECRET)
    ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", SECRET.encode())
    ds.DetectorInformationSequence[0].ViewCodeSequence = [item(CodeMeaning=SECRET, CodeValue=SECRET)]
    ds.RadiopharmaceuticalInformationSequence = [
        item(
            Radiopharmaceutical=SECRET, RadionuclideCodeSequence=[item(CodeValue=SECRET, CodeMeaning=SECRET)]
        )
    ]
    return ds


# --- what is said ---------------------------------------------------------------------------------------


def test_all_that_is_said_of_a_flood(tmp_path: Path) -> None:
    pixels = distinct(4)
    items = [detector(CollimatorGridName="LEHR"), detector(CollimatorGridName="HEGP")]
    vectors = {"EnergyWindowVector": [1, 1, 2, 2], "DetectorVector": [1, 2, 1, 2]}
    found = one(save(tmp_path / "flood.dcm", nm(pixels, windows=(TC, CO), detectors=items, **vectors)))
    assert found.file == "flood.dcm"
    assert found.content == "an NM image"
    assert found.refused is None
    assert found.system is not None
    assert (found.system.name, found.kind) == ("intevo", "STATIC")
    assert (found.matrix, found.spacing_mm, found.frames) == ((6, 8), (2.5, 2.4), 4)
    assert found.counts == int(pixels.sum())
    assert found.detectors == ((1, "vector"), (2, "vector"))
    assert [window.name for window in found.energy_windows] == ["99m Technetium", "57 Cobalt"]
    assert found.durations_s == (300.0,)
    assert found.collimators == ("LEHR", "HEGP")
    assert (found.acquired, found.acquired_from) == ("2026-11-16T07:12:00", "AcquisitionDate")
    assert not found.synthetic
    assert found.remarks == ()


def test_scaled_counts(tmp_path: Path) -> None:
    ds = ge()
    ds.private_block(0x0011, "GEMS_GENIE_1", create=True).add_new(0x3B, "FD", 0.5)
    found = one(save(tmp_path / "flood.dcm", ds))
    assert found.counts == pytest.approx(distinct(1).sum() / 2, rel=1e-12)  # a sum of 48 numbers
    assert [remark.code for remark in found.remarks] == ["not_raw_counts"]


def test_a_pet_slice(tmp_path: Path) -> None:
    ds = nm()
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.128"
    ds.Manufacturer, ds.ManufacturerModelName = "Philips Medical Systems", "Vereos PET/CT"
    ds.SoftwareVersions = "2.0"
    found = one(save(tmp_path / "slice.dcm", ds))
    assert found.content == "a PET image"
    assert found.system is not None
    assert (found.system.name, found.matrix, found.spacing_mm) == ("vereos", (6, 8), (2.5, 2.4))
    assert found.refused is not None
    assert found.refused.code == "not_an_nm_image"
    assert found.counts is None


def test_what_would_be_refused_is_still_described(tmp_path: Path) -> None:
    ds = nm(distinct(2), EnergyWindowVector=[1, 1], DetectorVector=[1, 2])
    ds.PixelSpacing = None
    found = one(save(tmp_path / "flood.dcm", ds))
    assert found.refused is not None
    assert found.refused.code == "pixel_size_missing"
    assert (found.content, found.matrix, found.frames, found.spacing_mm) == ("an NM image", (6, 8), 2, None)


def test_what_is_no_image(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_bytes(b"hello")
    found = identify([text, tmp_path, tmp_path / "none"], ReadOptions())
    assert [entry.content for entry in found] == ["not DICOM", "a folder", "no file"]
    assert [entry.refused.code for entry in found if entry.refused] == ["not_dicom", "folder", "missing"]


def test_names_are_hidden_here_too(tmp_path: Path) -> None:
    found = one(save(tmp_path / "DOE.dcm", nm()), show_file_names=False)
    assert found.file == found.sha256[:12]


# --- what is never said ---------------------------------------------------------------------------------


def test_no_planted_value_comes_out(tmp_path: Path) -> None:
    path = save(tmp_path / "flood.dcm", with_secrets(nm()))
    assert SECRET.encode() in path.read_bytes()
    outcome = read(path)
    said = repr(outcome) + repr(asdict(one(path)))
    assert outcome.refused == ()
    assert "DOE" not in said
    assert "JANE" not in said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"2.5\\2.4 ", SECRET.encode()),
        (b"300000", b"DOEJAN"),
        (b"129.5 ", b"DOEJAN"),
        (b"20261116", SECRET.encode()),
        (b"\x28\x00\x08\x00IS\x02\x001 ", b"\x28\x00\x08\x00IS\x02\x00DO"),
        (b"2.25.100", SECRET.encode()),
        (b"STATIC", b"DOE^JA"),
        (b"MONOCHROME2 ", b"DOE^JANEJOHN"),
        (b"ISO_IR 100", b"DOE^JANE  "),
        (b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00DO"),
    ],
)
def test_nothing_comes_out_of_warnings_and_exceptions(
    tmp_path: Path,
    old: bytes,
    new: bytes,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """pydicom quotes what it cannot read, in warnings, in its log and in exceptions."""
    ds = nm()
    ds.SpecificCharacterSet = "ISO_IR 100"
    path = patch(save(tmp_path / "flood.dcm", ds), old, new)
    capfd.readouterr()
    caplog.clear()
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        outcome = read(path)
        said = repr(outcome.refused) + repr(asdict(one(path)))
        said += repr([acquired.remarks for acquired in outcome.acquisitions])
    said += "".join(str(warning.message) for warning in caught) + caplog.text + "".join(capfd.readouterr())
    assert "DOE" not in said
    assert "JANE" not in said


def test_the_secrets_would_have_come_out(tmp_path: Path) -> None:
    """The test above can fail: pydicom itself does quote the value."""
    from pydicom import dcmread

    path = patch(save(tmp_path / "flood.dcm", nm()), b"2.25.100", SECRET.encode())
    with pytest.warns(UserWarning, match="DOE"):
        _ = dcmread(path).StudyInstanceUID


def test_warnings_and_the_log_are_as_before_afterwards(tmp_path: Path) -> None:
    logger = logging.getLogger("pydicom")
    before = (logger.disabled, list(warnings.filters))
    read(save(tmp_path / "flood.dcm", nm()), tmp_path / "none")
    assert (logger.disabled, list(warnings.filters)) == before


def test_control_characters_in_shown_values(tmp_path: Path) -> None:
    path = save(tmp_path / "flood.dcm", nm())
    patch(path, b"SIEMENS NM", b"SIE\x1b[31m\x07 ")
    found = one(path)
    assert found.system is not None
    assert found.system.manufacturer == "SIE [31m"


def test_uids_are_kept_for_hashing_alone(tmp_path: Path) -> None:
    ds = nm()
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "2.25.987654321"
    ds.StudyInstanceUID = "2.25.123456789"
    outcome = read(save(tmp_path / "flood.dcm", ds))
    assert outcome.acquisitions[0].source.inputs[0].uid == "2.25.987654321"
    assert "987654321" not in repr(outcome)
    assert "123456789" not in repr(outcome)


def test_the_header_is_not_changed_by_private_data_of_other_makers(tmp_path: Path) -> None:
    ds: Dataset = nm()
    ds.private_block(0x0011, "SOMEONE ELSE", create=True).add_new(0x3B, "FD", 4.0)
    ds.private_block(0x0033, "SOMEONE ELSE", create=True).add_new(0x38, "FL", 4.0)
    outcome = read(save(tmp_path / "flood.dcm", ds))  # type: ignore[arg-type]
    assert np.array_equal(outcome.acquisitions[0].frames[0].counts, distinct(1)[0])
    assert codes(outcome.acquisitions[0]) == ["head_unknown"]
