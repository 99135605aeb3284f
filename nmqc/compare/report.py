"""The report of a comparison as plain data for the PDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nmqc import __version__
from nmqc.compare import words
from nmqc.compare.comparison import SCHEMA, Comparison, Said, document
from nmqc.report import comparison as pdf
from nmqc.report.comparison import Dot
from nmqc.report.document import dump, library_version
from nmqc.report.header import Header
from nmqc.report.tables import plain

LOOKS: dict[Said, str] = {
    "alike": "pass",
    "little": "pass",
    "differ": "warn",
    "not_comparable": "unjudged",
    "unsaid": "unjudged",
}


def write(
    path: Path,
    comparisons: Sequence[Comparison],
    cameras: Sequence[str],
    span: tuple[str | None, str | None],
    header: Header,
    *,
    force: bool = False,
) -> None:
    """Write the report as PDF/A-3a, with the JSON of the comparison attached.

    Raises
    ------
    NmqcError
        If it cannot be written there, or the header's logo cannot be drawn.
    """
    attached = dump(document(comparisons, cameras, *span)).encode()
    last = max((m.points[-1].acquired for one in comparisons for m in one.members), default=None)
    charts = [_dots(one) for one in comparisons]
    pdf.write(path, _data(comparisons, cameras, span), charts, attached, last, header, force=force)


def _data(
    comparisons: Sequence[Comparison], cameras: Sequence[str], span: tuple[str | None, str | None]
) -> dict[str, Any]:
    first, last = span
    period = " ".join(
        part for part in (f"from {first}" if first else "", f"to {last}" if last else "") if part
    )
    return {
        "title": f"Comparison of {', '.join(cameras)}",
        "subtitle": f"Results of the history {period or 'as far back as it goes'}.",
        "keywords": [SCHEMA],
        "attachment": f"The comparison as a JSON object, {SCHEMA}",
        "rule": words.RULE,
        "summary": _counts(comparisons),
        "comparisons": [_block(one) for one in comparisons],
        "provenance": f"nmqc {__version__}, typst {library_version('typst')}",
    }


def _counts(comparisons: Sequence[Comparison]) -> str:
    order: tuple[Said, ...] = ("differ", "little", "alike", "not_comparable", "unsaid")
    parts = [
        f"{n} {words.WORDS[said]}" for said in order if (n := sum(one.said == said for one in comparisons))
    ]
    return f"{len(comparisons)} quantities: {', '.join(parts)}"


def _block(one: Comparison) -> dict[str, Any]:
    rows = [words.row(member, *apart) for member, apart in zip(one.members, one.differences, strict=True)]
    return {
        "title": words.title(one),
        "about": words.about(one),
        "verdict": LOOKS[one.said],
        "verdict_word": words.WORDS[one.said],
        "sentence": words.sentence(one),
        "table": asdict(plain(words.HEADER, rows)),
        "alt": "; ".join(f"{cells[0]}: {cells[2]}" for cells in rows),
    }


def _dots(one: Comparison) -> tuple[list[Dot], list[float]]:
    dots = [Dot(m.level.median, m.level.spread or 0.0, 2 * (m.level.uncertainty or 0.0)) for m in one.members]
    limits = [end for end in (one.limit.low, one.limit.high) if end is not None] if one.limit else []
    return dots, limits
