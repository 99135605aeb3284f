"""Nothing that names a person leaves a file, whatever it is, by any command, in any form."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import zlib
from pathlib import Path

import pikepdf
import pytest
from pydicom import dcmread

from nmqc import catalogue
from tests.cli.planted import words
from tests.privacy.commands import READ_NOTHING, Written, forms_of, leaves, use
from tests.privacy.folder import IMAGES, Incoming, fill
from tests.privacy.planting import DAY, TEXT, UID
from tests.privacy.seeking import found_in, in_report

#: what a report that is a DICOM object says of patient, study and images (docs/neighbours/dicom.md)
COPIED = frozenset(
    words(
        "PatientName PatientID PatientBirthDate PatientSex IssuerOfPatientID QualityControlSubject StudyInstanceUID "
        "StudyDate StudyTime StudyID StudyDescription AccessionNumber ReferringPhysicianName "
        "ReferencedSOPInstanceUID ReferencedSOPClassUID"
    )
)
LEAST_MARKS = 30_000  # in the images alone


@pytest.fixture(scope="module", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A home of its own, with the caches of libraries shared by these tests."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"):
            patch.setenv(name, str(home))
        for name in ("NMQC_DB", "NMQC_CONFIG", "NO_COLOR", "FORCE_COLOR"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def incoming(_home: object, tmp_path_factory: pytest.TempPathFactory) -> Incoming:
    return fill(tmp_path_factory.mktemp("planted") / "incoming")


@pytest.fixture(scope="module")
def written(incoming: Incoming, tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("outputs") / "written"
    folder.mkdir()
    return use(incoming, folder)


def test_every_file_is_full_of_marks(incoming: Incoming) -> None:
    """Also those that are read for their pixels: nothing was planted in vain."""
    assert incoming.marks > LEAST_MARKS
    for path in [*incoming.path.rglob("*.dcm"), incoming.path / "other" / "DICOMDIR"]:
        content = path.read_bytes()
        if path.name == "packed-whole.dcm":
            content = gzip.decompress(content)
        assert path.name == "packed.dcm" or TEXT.encode() in content, path
        if path.parent.name == "usable":
            assert UID.encode() in content
            assert DAY.encode() in content


def test_every_command_has_a_row(written: Written) -> None:
    """A new command is examined here, or is one that reads nothing."""
    assert {name for name, _ in leaves()} == set(written.runs) | set(READ_NOTHING)
    assert not set(written.runs) & set(READ_NOTHING)


def test_every_form_in_which_something_is_written_is_examined(written: Written) -> None:
    """Flags, and options that name a file: JSON, CSV, PDF, HTML, a DICOM object."""
    for name, command in leaves():
        if name not in READ_NOTHING:
            assert forms_of(command) <= written.typed[name], name


def test_every_test_of_the_catalogue_was_done_on_both_fillings(written: Written) -> None:
    """That there is something to look through."""
    with sqlite3.connect(written.folder / "history.sqlite") as history:
        done = {row[0] for row in history.execute("SELECT DISTINCT test FROM nmqc_results")}
        (count,) = history.execute("SELECT COUNT(*) FROM nmqc_results").fetchone()
    assert done == {test.name for test in catalogue.TESTS}
    assert count >= 2 * len(IMAGES) - 1
    for name in (
        "told.json",
        "trend.html",
        "h.yaml",
        "h.csv",
        "pushed",
        "usable-iec.pdf",
        "usable-cor.dcm",
        "agree.pdf",
    ):
        assert len(written.parts[name]) > 1000, name
    assert json.loads(written.parts["pushed"])[0], "nothing was pushed"


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # of what the DICOM report copied, as it was
def test_nothing_that_was_planted_is_written_anywhere(written: Written) -> None:
    found, parts = [], {content: name for name, content in written.parts.items()}
    for content, name in parts.items():
        if content[128:132] == b"DICM":
            found += in_report(name, content, COPIED)
        else:
            found += found_in(name, content)
    assert found == []


def test_the_report_that_is_a_dicom_object_names_the_patient(written: Written) -> None:
    """What is copied on purpose is there, in that object and not in the PDF inside."""
    report = dcmread(io.BytesIO(written.parts["usable-intevo.dcm"]))
    assert str(report.PatientName).startswith(TEXT)
    assert report.StudyInstanceUID.startswith(UID)
    assert (
        report.EncapsulatedDocument[: report.EncapsulatedDocumentLength] == written.parts["usable-intevo.pdf"]
    )


# --- that leaks would be seen ---------------------------------------------------------------------------

NAME = f"x {TEXT}000017^Hans"


def _in_pdf(*, attached: bool) -> bytes:
    stream = io.BytesIO()
    with pikepdf.new() as file:
        file.add_blank_page()
        if attached:
            file.attachments["results.json"] = NAME.encode()
        else:
            file.docinfo["/Subject"] = pikepdf.String(NAME + "ü")  # in UTF-16
        file.save(stream, compress_streams=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return stream.getvalue()


def _in_database(tmp_path: Path) -> bytes:
    with sqlite3.connect(tmp_path / "x.sqlite") as opened:
        opened.execute("CREATE TABLE x (y TEXT)")
        opened.execute("INSERT INTO x VALUES (?)", (NAME,))
    opened.close()
    return (tmp_path / "x.sqlite").read_bytes()


def test_a_leak_is_found_wherever_it_is(tmp_path: Path) -> None:
    packed = base64.b64encode(zlib.compress(bytes(range(256)) + NAME.encode()))
    leaks = {
        "text": NAME.encode(),
        "other case": NAME.lower().encode(),
        "UTF-16": NAME.encode("utf-16-le"),
        "hexadecimal": NAME.encode().hex().encode(),
        **{f"base64 {n}": base64.b64encode(b"y" * n + NAME.encode()) for n in range(3)},
        "JSON": json.dumps({"a": [NAME]}).encode(),
        "day": b'"born": "1911-07-13"',
        "UID": f"<li>{UID}12</li>".encode(),
        "zlib": b"start" + zlib.compress(NAME.encode()) + b"end",
        "gzip": gzip.compress(NAME.encode()),
        "zlib in base64": b'<img src="data:' + packed + b'">',
        "attachment": _in_pdf(attached=True),
        "metadata": _in_pdf(attached=False),
        "database": _in_database(tmp_path),
    }
    assert [name for name, content in leaks.items() if not list(found_in(name, content))] == []
    assert list(found_in("x", b"nothing of anybody, 2026-07-13, 1.2.840.10008.1.2")) == []
