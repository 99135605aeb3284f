"""`--dicom`: the report as a DICOM object in the study of its images."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from tests.cli.conftest import Floods
from tests.cli.running import Run, call

QUICK = ("--replicates", "0", "--no-record")
PDF_STORAGE = "1.2.840.10008.5.1.4.1.1.104.1"


def report(out: Path, *arguments: str | Path) -> Run:
    return call("uniformity", *arguments, "--dicom", out, *QUICK)


def pdf_inside(made: Dataset) -> bytes:
    return bytes(made.EncapsulatedDocument[: made.EncapsulatedDocumentLength])


@pytest.fixture
def named(floods: Floods, tmp_path: Path) -> Path:
    """A flood of somebody with a name that ASCII cannot write, in a study with a number."""
    made = pydicom.dcmread(floods.good)
    made.SpecificCharacterSet = "ISO_IR 100"
    made.PatientName, made.PatientID, made.PatientBirthDate = "Müller^Änne", "4711-X", "19500101"
    made.AccessionNumber, made.ReferringPhysicianName, made.IssuerOfPatientID = "A77", "Groß^J", "KLINIK"
    path = tmp_path / "named.dcm"
    made.save_as(path)
    return path


def test_it_belongs_to_the_study_and_the_patient_of_the_image(named: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.dcm"
    run = report(out, named)
    assert (run.status, run.err) == (0, "")
    source, made = pydicom.dcmread(named), pydicom.dcmread(out)
    for name in (
        *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "IssuerOfPatientID"),
        *(
            "StudyInstanceUID",
            "StudyDate",
            "StudyTime",
            "StudyID",
            "AccessionNumber",
            "ReferringPhysicianName",
        ),
    ):
        assert made[name].value == source[name].value, name
    assert str(made.PatientName) == "Müller^Änne"
    assert made.SOPClassUID == PDF_STORAGE
    assert made.SeriesInstanceUID not in (source.SeriesInstanceUID, source.StudyInstanceUID)
    assert made.SOPInstanceUID != source.SOPInstanceUID
    (reference,) = made.SourceInstanceSequence
    assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert "PixelData" not in made


def test_nobody_is_named_on_the_streams_or_in_the_pdf(named: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.dcm"
    run = report(out, named, "--json")
    inside = pdf_inside(pydicom.dcmread(out))
    for mark in ("Müller", "Änne", "4711-X", "19500101", "A77", "Groß"):
        assert mark not in run.text + run.err
        assert mark.encode() not in inside
        assert mark.encode("latin-1") not in inside


@pytest.mark.parametrize("options", [(), ("--rebin", "2"), ("--rebin", "3")])
def test_the_pdf_inside_is_the_same_byte_for_byte(
    floods: Floods, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Of odd length it is padded: the length says how much is the PDF."""
    pdf, out = tmp_path / "report.pdf", tmp_path / "report.dcm"
    report(out, floods.good, "--pdf", pdf, *options)
    made = pydicom.dcmread(out)
    assert pdf_inside(made) == pdf.read_bytes()
    assert len(made.EncapsulatedDocument) % 2 == 0


def test_the_same_report_is_the_same_object(floods: Floods, tmp_path: Path) -> None:
    one, other, third = (tmp_path / f"{name}.dcm" for name in ("one", "other", "third"))
    report(one, floods.good)
    report(other, floods.good)
    report(third, floods.good, "--rebin", "2")
    assert one.read_bytes() == other.read_bytes()
    assert pydicom.dcmread(one).SOPInstanceUID != pydicom.dcmread(third).SOPInstanceUID


def test_dciodvfy_finds_no_error(named: Path, tmp_path: Path) -> None:
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy of dicom3tools is not installed")
    out = tmp_path / "report.dcm"
    report(out, named)
    said = subprocess.run([program, str(out)], capture_output=True, check=False).stderr.decode("latin-1")
    assert "EncapsulatedPDF" in said
    assert "Error" not in said


def test_several_files_of_one_study_are_all_named(floods: Floods, tmp_path: Path) -> None:
    out = tmp_path / "report.dcm"
    assert report(out, *floods.pair).status == 0
    named = {one.ReferencedSOPInstanceUID for one in pydicom.dcmread(out).SourceInstanceSequence}
    assert named == {pydicom.dcmread(path).SOPInstanceUID for path in floods.pair}


def test_a_pet_series_in_a_folder(tmp_path: Path) -> None:
    folder, out = tmp_path / "cylinder", tmp_path / "report.dcm"
    assert call("phantom", "cylinder", "-o", folder).status == 0
    files = sorted(path for path in folder.iterdir() if path.suffix == ".dcm")
    run = call("pet", folder, "--phantom", "cylinder", "--no-record", "--dicom", out)
    assert run.status in (0, 3, 4), run.err
    made, first = pydicom.dcmread(out), pydicom.dcmread(files[0])
    assert made.StudyInstanceUID == first.StudyInstanceUID
    assert len(made.SourceInstanceSequence) == len(files)


# --- what is refused ------------------------------------------------------------------------------------


def test_images_of_several_studies(floods: Floods, tmp_path: Path) -> None:
    out = tmp_path / "report.dcm"
    run = report(out, floods.good, floods.heads)
    assert run.status == 3
    assert "several studies" in run.err
    assert not out.exists()


def test_images_of_one_study_and_several_patients(floods: Floods, tmp_path: Path) -> None:
    """A number of the study that was given twice: the report would stand with the wrong one."""
    out, other = tmp_path / "report.dcm", pydicom.dcmread(floods.pair[1])
    assert other.StudyInstanceUID == pydicom.dcmread(floods.pair[0]).StudyInstanceUID
    other.PatientID = "another"
    other.save_as(tmp_path / "other.dcm")
    run = report(out, floods.pair[0], tmp_path / "other.dcm")
    assert (run.status, "several studies" in run.err) == (3, True)
    assert not out.exists()


def test_an_image_without_a_study(floods: Floods, tmp_path: Path) -> None:
    flood, out = pydicom.dcmread(floods.good), tmp_path / "report.dcm"
    del flood.StudyInstanceUID
    flood.save_as(tmp_path / "alone.dcm")
    run = report(out, tmp_path / "alone.dcm")
    assert run.status == 3
    assert "which study" in run.err
    assert not out.exists()


def test_nothing_measured(tmp_path: Path) -> None:
    text, out = tmp_path / "text.dcm", tmp_path / "report.dcm"
    text.write_text("no image")
    run = report(out, text)
    assert run.status == 3
    assert "nothing was measured" in run.err
    assert not out.exists()


def test_an_object_of_ours_is_replaced_and_no_other(floods: Floods, tmp_path: Path) -> None:
    out, image = tmp_path / "report.dcm", tmp_path / "image.dcm"
    report(out, floods.good)
    assert report(out, floods.good, "--rebin", "2").status == 0
    shutil.copy(floods.heads, image)
    before = image.read_bytes()
    assert report(image, floods.good).status == 3
    assert image.read_bytes() == before
    assert report(image, floods.good, "--force").status == 0
    assert pydicom.dcmread(image).SOPClassUID == PDF_STORAGE


def test_an_image_is_never_written_over(floods: Floods, tmp_path: Path) -> None:
    image = tmp_path / "image.dcm"
    shutil.copy(floods.good, image)
    before = image.read_bytes()
    assert report(image, image, "--force").status == 2
    assert report(tmp_path / "a", floods.good, "--pdf", str(tmp_path / "a")).status == 2
    assert image.read_bytes() == before
