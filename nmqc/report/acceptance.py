"""The report of an acceptance as PDF/A-3a: a summary page to sign, then a page for each result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nmqc.model import Result
from nmqc.report.header import Header
from nmqc.report.pdf import check_target, compiled, contents, latest_acquisition, save

ATTACHMENT = "acceptance.json"
_TEMPLATE = Path(__file__).with_name("acceptance.typ")


def write(
    path: Path,
    summary: Mapping[str, Any],
    attached: bytes,
    results: Sequence[tuple[Result, int | None]],
    pages: Sequence[Mapping[str, Any]],
    header: Header,
    *,
    force: bool = False,
) -> None:
    """Write the report, whole or not at all.

    Parameters
    ----------
    summary : what the first page says, as `acceptance.typ` reads it
    attached : the JSON object of the acceptance
    results : with their evidence, and the numbers of their entries in the history
    pages : of each result, what its page says otherwise than a report of it alone
    force : replace a file that nmqc did not write

    Raises
    ------
    NmqcError
        If it cannot be written there, or the header's logo cannot be drawn.
    """
    check_target(path, force=force)
    save(path, build(summary, attached, results, pages, header))


def build(
    summary: Mapping[str, Any],
    attached: bytes,
    results: Sequence[tuple[Result, int | None]],
    pages: Sequence[Mapping[str, Any]],
    header: Header,
) -> bytes:
    """Return the report as the bytes of a PDF/A-3a file; the parameters are those of `write`."""
    figures, data = contents(results, (), header)
    data["results"] = [{**one, **page} for one, page in zip(data["results"], pages, strict=True)]
    files = {ATTACHMENT: attached, **figures}
    time = latest_acquisition([result for result, _ in results])
    return compiled(_TEMPLATE, files, {**data, **summary}, header, time)
