"""Two methods side by side as PDF/A-3a: the table of the bias, then a page for each metric with its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nmqc.model import Curve
from nmqc.report import pdf, tables
from nmqc.report.descriptions import describe
from nmqc.report.header import LOGO, Header

ATTACHMENT = "agreement.json"

_TEMPLATE = Path(__file__).with_name("agreement.typ")


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """One metric: the two pictures, what is said of them, and its pairs."""

    title: str
    curves: tuple[Curve, ...]
    facts: tuple[tuple[str, str], ...]
    pairs: tables.Table


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """What the report says.

    Attributes
    ----------
    subtitle : of what, and how many pairs
    overview : a row for each metric
    notes : what holds for all
    unmatched : rows of the other program that stand for none of our results
    attached : JSON text
    time : the time stamp
    """

    subtitle: str
    overview: tables.Table
    notes: tuple[str, ...]
    sections: tuple[Section, ...]
    unmatched: tables.Table
    attached: str
    time: datetime


def build(contents: Contents, header: Header | None = None) -> bytes:
    """Return the report as the bytes of a PDF/A-3a file.

    Raises
    ------
    NmqcError
        If the header's logo cannot be drawn.
    """
    header = header or Header()
    drawn = [curve for section in contents.sections for curve in section.curves]
    files = {f"{number}.svg": _svg(curve).encode() for number, curve in enumerate(drawn)}
    files[ATTACHMENT] = contents.attached.encode()
    return pdf.compiled(_TEMPLATE, files, _data(contents, header), header, contents.time)


def _svg(curve: Curve) -> str:
    from nmqc.report import figures

    return figures.svg(curve)


def _data(contents: Contents, header: Header) -> dict[str, Any]:
    numbers = iter(range(sum(len(section.curves) for section in contents.sections)))
    return {
        "lines": list(header.lines),
        "logo": None if header.logo is None else LOGO,
        "title": "Agreement with another program",
        "subtitle": contents.subtitle,
        "author": pdf.AUTHOR,
        "keywords": ["nmqc.agree/1"],
        "attachment": "The pairs and their statistics as a JSON object, nmqc.agree/1",
        "overview": asdict(contents.overview),
        "notes": list(contents.notes),
        "sections": [
            _section(section, [next(numbers) for _ in section.curves]) for section in contents.sections
        ],
        "unmatched": asdict(contents.unmatched),
    }


def _section(section: Section, numbers: Sequence[int]) -> dict[str, Any]:
    pictures = [
        {"file": f"{number}.svg", "caption": curve.title, "alt": describe(curve)}
        for number, curve in zip(numbers, section.curves, strict=True)
    ]
    return {
        "title": section.title,
        "pictures": pictures,
        "facts": section.facts,
        "pairs": asdict(section.pairs),
    }
