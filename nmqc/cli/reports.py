"""The report of an analysis, as a PDF file and as a DICOM object in the study of its images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nmqc.cli import common
from nmqc.errors import NmqcError, UnusableInput
from nmqc.model import Refusal, Result

if TYPE_CHECKING:
    from nmqc.cli.analysis import Call

NOTHING_MEASURED = "nothing was measured, so that the report belongs to no study: no DICOM object was written"


def check(call: Call) -> None:
    """Make sure, before any work, that the reports may be written where they were asked for.

    Raises
    ------
    NmqcError
        As `nmqc.report.pdf.check_target` says.
    """
    from nmqc.dicom import is_report
    from nmqc.report.pdf import check_target

    if call.pdf is not None:
        check_target(call.pdf, force=call.force)
    if call.dicom is not None:
        target = call.dicom.resolve()
        if call.pdf is not None and target == call.pdf.resolve():
            raise click.UsageError("--pdf and --dicom name the same file: give them different names")
        if target in [path.resolve() for path in call.files]:
            raise click.UsageError("--dicom names one of the images: give another name")
        check_target(call.dicom, force=call.force or is_report(call.dicom))


def written(
    call: Call, kept: Sequence[common.Recorded], refused: Sequence[Refusal], site: common.Site
) -> list[str]:
    """Write the reports that were asked for; return the reasons where one could not be."""
    from nmqc.report.pdf import build_pdf, save

    try:
        check(call)
        content = build_pdf(kept, refused, common.header_of(site.config))
        if call.pdf is not None:
            save(call.pdf, content)
        if call.dicom is not None:
            save(call.dicom, _object(content, [result for result, _ in kept], call.files))
    except NmqcError as problem:
        return [problem.reason]
    return []


def _object(content: bytes, results: Sequence[Result], files: Sequence[Path]) -> bytes:
    from nmqc.dicom import encapsulated_pdf

    images = list(_images(results, files))
    if not images:
        raise UnusableInput("no_study", NOTHING_MEASURED)
    tests = ", ".join(dict.fromkeys(result.test for result in results))
    acquired = max((result.source.acquired or "" for result in results), default="")
    return encapsulated_pdf(content, images, f"Quality control: {tests}", acquired or None)


def _images(results: Sequence[Result], files: Sequence[Path]) -> Iterator[Path]:
    """Yield the files that results were made from, those in a folder too: as they are now, by their SHA-256."""
    wanted = {one.sha256 for result in results for one in result.source.inputs}
    places = sorted({one.place for result in results for one in result.source.inputs})
    for path in (files[place - 1] for place in places):
        inside = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        yield from (one for one in inside if _sha256(one) in wanted)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
