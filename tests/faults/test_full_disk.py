"""A full disk during a single command: one line, no half of a file, nothing lost that stood there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nmqc.cli import validate
from nmqc.errors import HistoryUnavailable
from nmqc.history import Batched, History, find_address
from nmqc.history.care import problems
from tests.cli.disks import grown, mounted
from tests.cli.running import Run, call, child, finished
from tests.faults.killing import validated
from tests.history.samples import a_result, payload_of

QUICK = ("--replicates", "0")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 96 kB; root alone can make one."""
    with mounted(tmp_path / "disk", "96k") as folder:
        yield folder


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A history that is larger than the disk."""
    path = tmp_path / "h.sqlite"
    with History.open(find_address(str(path))) as history:
        results = [a_result(number, unit="Gamma 2") for number in range(80)]
        history.record_batch([Batched(results=tuple((one, payload_of(one)) for one in results))])
    return path


def refused(run: Run, *words: str) -> None:
    assert run.status == 3, run.err
    (line,) = (one for one in run.said if one.startswith("nmqc: "))
    for word in words:
        assert word in line


OUTPUTS = {
    "pdf": ("uniformity", "{flood}", *QUICK, "--no-record", "--pdf", "{disk}/kept.pdf", "--force"),
    "dicom": ("uniformity", "{flood}", *QUICK, "--no-record", "--dicom", "{disk}/kept.dcm", "--force"),
    "html": ("trend", "--db", "{db}", "--html", "{disk}/kept.html", "--force"),
    "csv": ("history", "export", "--db", "{db}", "--csv", "{disk}/kept.csv", "--force"),
    "json": ("history", "export", "--db", "{db}", "--json", "{disk}/kept.json", "--force"),
    "markdown": ("validate", "--quick", "--markdown", "{disk}/kept.md", "--force"),
    "copy": ("history", "backup", "--db", "{db}", "{disk}/kept.sqlite", "--force"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_was_there_stays(
    name: str, small_disk: Path, db: Path, flood: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validate, "_outcome", validated)
    arguments = [one.format(flood=flood, disk=small_disk, db=db) for one in OUTPUTS[name]]
    (kept,) = (Path(one) for one in arguments if "/kept." in one)
    kept.write_bytes(b"as it was")
    (small_disk / "filler").write_bytes(bytes(84_000))
    run = call(*arguments)
    refused(run, "cannot be written")
    assert kept.read_bytes() == b"as it was"
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", kept.name]
    if name == "pdf":
        assert "integral" in run.text  # the numbers are told all the same


def test_a_history_on_a_full_disk_stays_whole(small_disk: Path, flood: Path) -> None:
    grown(small_disk, "400k")
    db = small_disk / "h.sqlite"
    with History.open(find_address(str(db))) as history:
        with pytest.raises(HistoryUnavailable, match="is full"):
            _record_on_and_on(history)
        results = history.count()
    run = call("uniformity", flood, *QUICK, "--db", db, "--json")
    refused(run, "not recorded", "is full", "make room")
    assert len(run.results) == 2  # the numbers are told all the same
    assert problems(find_address(str(db))) == (results, [])
    grown(small_disk, "8m")
    assert call("uniformity", flood, *QUICK, "--db", db, "--json").status == 0
    assert problems(find_address(str(db))) == (results + 2, [])


def _record_on_and_on(history: History) -> None:
    for number in range(1000):
        history.record(a_result(number), payload_of(a_result(number)))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_standard_output_on_a_full_disk(form: tuple[str, ...], flood: Path, tmp_path: Path) -> None:
    """What was to be recorded is recorded; the shell's script is told that it got nothing."""
    with Path("/dev/full").open("wb") as full:
        process = child("uniformity", flood, *QUICK, "--db", tmp_path / "h.sqlite", *form, stdout=full)
    run = finished(process)
    refused(run, "cannot be written")
    assert problems(find_address(str(tmp_path / "h.sqlite"))) == (2, [])
