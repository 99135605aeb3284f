"""`nmqc validate` as it is typed: its exit status, its object, its report, its refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmqc.cli import validate as command
from nmqc.cor import point_sources
from nmqc.model import Acquisition, Analysis
from nmqc.validate.grid import pieces
from nmqc.validate.run import Collected, work
from nmqc.whole_file import write_whole
from tests.cli.running import call

COR = "cor.point-sources"


def measuring(monkeypatch: pytest.MonkeyPatch, collected: Collected) -> None:
    """Let the command find what was measured already."""
    cases = {(piece.case.test, piece.case.name): piece.case for piece in pieces("least")}
    monkeypatch.setattr(command, "_measured", lambda *_: (collected, tuple(cases.values()), []))


def test_all_that_holds_is_status_0(
    least: Collected, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    measuring(monkeypatch, least)
    page, report = tmp_path / "page.md", tmp_path / "validation.pdf"
    run = call("validate", "--quick", "--json", "--markdown", page, "-o", report)
    assert run.status == 0
    assert run.document["verdict"] == "met"
    assert report.read_bytes().startswith(b"%PDF-")
    assert "| FWHM, Gaussian fit, mm [P] |" in page.read_text(encoding="utf-8")
    assert "every requirement is met" in call("validate", "--quick").text


def test_an_analysis_that_is_off_by_one_per_cent_is_status_4(
    least: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """End to end: the code of a test is changed, measured, judged and told."""
    right = point_sources.analyse

    def wrong(acquisition: Acquisition, options: Any) -> Analysis:
        found = right(acquisition, options)
        changed = [
            replace(
                result,
                measurements=tuple(
                    replace(m, value=1.01 * m.value) if m.metric.name == "cor.tilt" else m
                    for m in result.measurements
                ),
            )
            for result in found.results
        ]
        return replace(found, results=tuple(changed))

    monkeypatch.setattr(point_sources, "analyse", wrong)
    again = Collected([one for one in least.readings if one.test != COR], least.absent, least.trials)
    for piece in pieces("least"):
        if piece.case.test == COR and piece.seeds == (None,):
            again.readings += work(piece).readings
    again.readings += [one for one in least.readings if one.test == COR and one.seed is not None]
    measuring(monkeypatch, again)
    run = call("validate", "--quick", "--json")
    assert run.status == 4
    assert {line.split()[1].rstrip(":") for line in run.document["not_met"]} == {"cor.tilt"}


def test_a_report_that_could_not_be_written_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    run = call("validate", "--quick", "--json", "-o", tmp_path / "none" / "validation.pdf")
    assert run.status == 3
    assert [one["code"] for one in run.refused] == ["pdf_no_folder"]
    run = call("validate", "--markdown", tmp_path / "none" / "page.md")
    assert run.status == 3
    assert "make it first" in run.err


@pytest.mark.parametrize("written", ["page", "report"])
def test_what_could_not_be_written_is_told_beside_what_was_found(
    least: Collected, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: str
) -> None:
    """One object, with all that took half an hour; what else there is to write is written."""
    measuring(monkeypatch, least)
    page, report = tmp_path / "page.md", tmp_path / "validation.pdf"

    def full(path: Path, content: bytes) -> None:
        if path == {"page": page, "report": report}[written]:
            raise OSError(28, "No space left on device")
        write_whole(path, content)

    for where in ("nmqc.whole_file", "nmqc.report.pdf"):
        monkeypatch.setattr(f"{where}.write_whole", full)
    run = call("validate", "--quick", "--json", "--markdown", page, "-o", report)
    assert (run.status, run.document["verdict"]) == (3, "met")
    assert [one["code"] for one in run.refused] == [
        {"page": "not_written", "report": "pdf_not_written"}[written]
    ]
    assert len(run.said) == 1
    assert (page.exists(), report.exists()) == (written != "page", written != "report")
    run = call("validate", "--quick", "--markdown", page, "-o", report)
    assert (run.status, "every requirement is met" in run.text) == (3, True)


def test_a_page_of_somebody_else_is_not_replaced(
    least: Collected, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Our own validation\n")
    run = call("validate", "--quick", "--json", "--markdown", page)
    assert (run.status, [one["code"] for one in run.refused]) == (3, ["file_exists"])
    assert page.read_text() == "# Our own validation\n"
    measuring(monkeypatch, least)
    assert call("validate", "--quick", "--markdown", page, "--force").status == 0
    made = page.read_bytes()
    kept = b"<!-- what follows is not made by nmqc validate, and stays -->\n## What we did besides\n"
    page.write_bytes(made + kept)
    assert call("validate", "--quick", "--markdown", page).status == 0  # it is ours now
    assert page.read_bytes().endswith(b"\n" + kept)
    assert page.read_bytes().count(b"## ") == made.count(b"## ") + 1
    assert call("validate", "--quick", "--markdown", page, "-o", page).status == 2


def test_an_unknown_metric_in_the_requirements_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        '[[requirement]]\nmetric = "cor.ofset"\nof = ""\nwhat = "exact"\nbound = 1\nunit = "mm"\nwhy = "x"\n'
    )
    run = call("validate", "--requirements", file)
    assert run.status == 3
    assert "there is no cor.ofset" in run.err


def test_a_folder_without_numbers_of_other_programs_is_refused(tmp_path: Path) -> None:
    run = call("validate", "--data", tmp_path, "--json")
    assert run.status == 3
    assert [one["code"] for one in run.refused] == ["no_agreement"]


def test_no_workers_is_wrong_usage() -> None:
    assert call("validate", "--workers", "0").status == 2
