"""Nothing that names a person leaves a file: not on a stream, not in a report, not into the history."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pikepdf
import pytest
from pydicom import dcmwrite

from phantoms.flood import Flood
from phantoms.nm import datasets
from tests.cli.conftest import TWO, brivo
from tests.cli.planted import write_planted
from tests.cli.running import call, child, environment, finished

FLOODS = {
    "siemens": Flood("intevo", matrix=128, heads=TWO[:1], collimator="LEHR"),
    "ge": brivo(collimator="LEHR"),
}


@dataclass(frozen=True)
class Written:
    """Everything that nmqc wrote about a file, by what wrote it; and what must not be found in it."""

    outputs: dict[str, bytes]
    marks: list[str]


@pytest.fixture(scope="module", params=FLOODS)
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, caches: Path
) -> Written:
    """The commands in processes of their own: pydicom's warnings quote values on standard error."""
    folder = tmp_path_factory.mktemp("private")
    home = {name: str(folder / "home") for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    env = environment(**home, XDG_CACHE_HOME=str(caches), MPLCONFIGDIR=str(caches), NMQC_CONFIG="")
    env |= {"NMQC_DB": str(folder / "history.sqlite"), "PYTHONWARNINGS": "always"}
    flood, report = folder / "flood.dcm", folder / "report.pdf"
    marks = write_planted(FLOODS[request.param], flood)
    cut = folder / "cut.dcm"
    cut.write_bytes(flood.read_bytes()[:-5000])
    commands = {
        "text": ("uniformity", flood, cut, "--rebin", "2", "--replicates", "0", "--pdf", report),
        "json": (
            "uniformity",
            flood,
            cut,
            "--rebin",
            "2",
            "--replicates",
            "9",
            "--reference",
            flood,
            "--json",
        ),
        "identify": ("identify", flood, cut),
        "identify json": ("identify", flood, cut, "--json"),
        "history": ("history", "show", "1"),
        "csv": ("history", "export", "--csv", "-", "--json", folder / "export.json"),
    }
    outputs = {}
    for name, command in commands.items():
        process = child(*map(str, command), env=env)
        assert process.returncode in (0, 3, 4), process.stderr
        outputs |= {name: process.stdout, f"{name}, standard error": process.stderr}
    outputs |= {
        path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.suffix != ".dcm"
    }
    outputs |= dict(_parts_of(report))
    return Written(outputs, marks)


def _parts_of(report: Path) -> Iterator[tuple[str, bytes]]:
    """The streams of a PDF without their compression, its metadata, and its text where poppler is installed."""
    with pikepdf.open(report) as file:
        yield "report, metadata", repr(file.docinfo).encode() + bytes(file.Root.Metadata.read_bytes())
        streams = [item for item in file.objects if isinstance(item, pikepdf.Stream)]
        for number, stream in enumerate(streams):
            if stream.get("/Subtype") != "/Image":
                yield f"report, stream {number}", stream.read_bytes()
    if program := shutil.which("pdftotext"):
        done = subprocess.run([program, "-raw", str(report), "-"], capture_output=True, check=True)
        yield "report, text", done.stdout


def test_the_file_was_analysed_and_everything_written(written: Written) -> None:
    """That there is something to look through."""
    for name in ("text", "json", "identify", "identify json", "history", "csv", "report.pdf", "export.json"):
        assert len(written.outputs[name]) > 500, name
    assert b"uniformity.integral.ufov" in written.outputs["history.sqlite"]
    assert any(
        b'"nmqc.results/1"' in content for name, content in written.outputs.items() if "stream" in name
    )
    assert len(written.marks) > 150


def test_no_patient_data_is_written_anywhere(written: Written) -> None:
    found = {
        (name, mark)
        for name, content in written.outputs.items()
        for mark in written.marks
        if mark.encode().lower() in content.lower() or mark.encode("utf-16-be") in content
    }
    assert found == set()


def test_standard_error_holds_what_nmqc_says_and_nothing_else(written: Written) -> None:
    """No warning of a library."""
    for name, content in written.outputs.items():
        if name.endswith("standard error"):
            lines = content.decode().splitlines()
            assert [line for line in lines if not line.startswith("nmqc: ") and "exported" not in line] == []


#: What the reader uses, each made unusable by a text that could be a person's name.
USED = (
    "ImageType",
    "PixelSpacing",
    "NumberOfFrames",
    "Rows",
    "BitsStored",
    "SamplesPerPixel",
    "FrameIncrementPointer",
    "DetectorVector",
    "EnergyWindowVector",
    "NumberOfDetectors",
    "ActualFrameDuration",
    "CountsAccumulated",
    "CorrectedImage",
    "TimezoneOffsetFromUTC",
    "AcquisitionDateTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "RescaleSlope",
    "RescaleIntercept",
    "LossyImageCompression",
    "SOPClassUID",
)
MARK = "Mueller"


@pytest.mark.parametrize("keyword", USED)
def test_no_unusable_value_is_quoted(tmp_path: Path, keyword: str) -> None:
    (ds,) = datasets(brivo(), seed=1)
    dcmwrite(tmp_path / "flood.dcm", ds, enforce_file_format=True)
    _replace(tmp_path / "flood.dcm", keyword)
    for command in ("uniformity", "identify"):
        options = ("--replicates", "0", "--db", tmp_path / "h.sqlite") if command == "uniformity" else ()
        for form in ((), ("--json",)):
            run = call(command, tmp_path / "flood.dcm", *options, *form)
            assert run.status in (0, 3)
            assert MARK.lower() not in (run.text + run.err).lower()
    assert MARK.encode() not in (tmp_path / "h.sqlite").read_bytes()


@pytest.mark.parametrize(
    ("sequence", "keyword"),
    [
        ("DetectorInformationSequence", "FieldOfViewShape"),
        ("DetectorInformationSequence", "FieldOfViewDimensions"),
        ("DetectorInformationSequence", "ZoomFactor"),
        ("RadiopharmaceuticalInformationSequence", "Radiopharmaceutical"),
    ],
)
def test_no_unusable_value_of_an_item_is_quoted(tmp_path: Path, sequence: str, keyword: str) -> None:
    (ds,) = datasets(brivo(), seed=1)
    dcmwrite(tmp_path / "flood.dcm", ds, enforce_file_format=True)
    _replace(tmp_path / "flood.dcm", keyword, sequence)
    for command in (("uniformity", "--replicates", "0", "--no-record"), ("identify",)):
        run = call(*command, tmp_path / "flood.dcm")
        assert run.status in (0, 3)
        assert MARK.lower() not in (run.text + run.err).lower()


def _replace(path: Path, keyword: str, sequence: str = "") -> None:
    """Write a text into an element of the file, whatever its VR, as no library would."""
    from pydicom import dcmread
    from pydicom.datadict import dictionary_VR, tag_for_keyword
    from pydicom.tag import Tag

    ds, tag = dcmread(path), Tag(tag_for_keyword(keyword))
    item = ds[sequence].value[0] if sequence else ds
    item.pop(tag, None)
    item.add_new(tag, "LO", MARK + "s")
    dcmwrite(path, ds)
    head = tag.group.to_bytes(2, "little") + tag.element.to_bytes(2, "little")
    data = path.read_bytes()
    assert data.count(head + b"LO") == 1
    path.write_bytes(data.replace(head + b"LO", head + dictionary_VR(tag).encode()))


def test_the_unusable_values_were_there(tmp_path: Path) -> None:
    (ds,) = datasets(brivo(), seed=1)
    dcmwrite(tmp_path / "flood.dcm", ds, enforce_file_format=True)
    _replace(tmp_path / "flood.dcm", "PixelSpacing")
    run = finished(child("identify", tmp_path / "flood.dcm", "--json"))
    assert run.document["files"][0]["spacing_mm"] is None
    assert MARK.encode() in (tmp_path / "flood.dcm").read_bytes()
