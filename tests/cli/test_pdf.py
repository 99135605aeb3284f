"""`--pdf`: written, whole, and never over somebody else's file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pikepdf
import pytest

from tests.cli.conftest import Floods
from tests.cli.running import Run, call, child, finished, validator

QUICK = ("--replicates", "0", "--no-record", "--json")


def report(flood: Path, out: Path, *options: str) -> Run:
    return call("uniformity", flood, "--pdf", out, *QUICK, *options)


def attached(path: Path) -> dict[str, object]:
    """The results that a report carries."""
    with pikepdf.open(path) as file:
        (name,) = file.attachments
        return dict(json.loads(file.attachments[name].get_file().read_bytes()))


def test_a_report_carries_the_results(floods: Floods, tmp_path: Path) -> None:
    out = tmp_path / "report.pdf"
    run = report(floods.heads, out)
    assert (run.status, run.err) == (0, "")
    document = attached(out)
    validator("nmqc.results/1").validate(document)
    assert document["results"] == run.results
    with pikepdf.open(out) as file:
        assert len(file.pages) >= 3  # a summary, and a page for each detector
    assert [path.name for path in tmp_path.iterdir()] == ["report.pdf"]


def test_the_same_flood_gives_the_same_bytes(floods: Floods, tmp_path: Path) -> None:
    report(floods.good, tmp_path / "one.pdf")
    report(floods.good, tmp_path / "other.pdf")
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "other.pdf").read_bytes()


def test_a_report_of_ours_is_replaced(floods: Floods, tmp_path: Path) -> None:
    out = tmp_path / "report.pdf"
    report(floods.good, out)
    first = out.read_bytes()
    assert report(floods.good, out, "--rebin", "2").status == 0
    assert out.read_bytes() != first


def test_a_file_that_is_not_ours_stays(floods: Floods, tmp_path: Path) -> None:
    out = tmp_path / "report.pdf"
    out.write_bytes(b"%PDF-1.7 a letter")
    run = call("uniformity", floods.good, "--pdf", out, "--replicates", "0")
    assert run.status == 3
    assert out.read_bytes() == b"%PDF-1.7 a letter"
    assert "--force" in run.said[-1]


def test_force_replaces_it(floods: Floods, tmp_path: Path) -> None:
    out = tmp_path / "report.pdf"
    out.write_text("a letter")
    assert report(floods.good, out, "--force").status == 0
    assert attached(out)["schema"] == "nmqc.results/1"


@pytest.mark.parametrize("where", ["missing/report.pdf", "."])
def test_a_place_where_no_report_can_be(floods: Floods, tmp_path: Path, where: str) -> None:
    run = call("uniformity", floods.good, "--pdf", tmp_path / where, "--replicates", "0")
    assert run.status == 3
    assert len(run.said) == 1
    assert "folder" in run.said[0]
    assert list(tmp_path.iterdir()) == []


def test_json_is_there_also_where_the_report_cannot_be(floods: Floods, tmp_path: Path) -> None:
    """Status 3 or not: standard output holds exactly one object."""
    run = report(floods.good, tmp_path / "missing" / "report.pdf")
    assert run.status == 3
    assert run.document["schema"] == "nmqc.results/1"


def test_what_is_refused_is_in_the_report(tmp_path: Path) -> None:
    text, out = tmp_path / "text.dcm", tmp_path / "report.pdf"
    text.write_text("no image")
    run = report(text, out)
    assert run.status == 3
    assert attached(out)["refused"] == run.refused != []


@pytest.mark.skipif(os.name != "posix", reason="a FIFO is of POSIX")
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_report_is_not_written_over_what_is_no_file(
    floods: Floods, tmp_path: Path, force: tuple[str, ...]
) -> None:
    """A pipe would be read for ever, or replaced; a device (`/dev/null`) replaced by a file."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = child("uniformity", floods.good, "--pdf", fifo, *QUICK, *force, timeout=60)
    assert finished(process).status == 3
    assert fifo.is_fifo()
