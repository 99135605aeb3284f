"""An acceptance as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nmqc.acceptance import words
from nmqc.acceptance.outcome import Finding, Outcome
from nmqc.acceptance.protocol import Part

_HEADER = ("requirement", "", "limit", "measured ± U", "margin %", "conforms %", "")
_GAP = "  "


def text(outcome: Outcome) -> str:
    """Return what the acceptance says: a table for each test, then what is open, and the sum."""
    lines = [f"{outcome.protocol.title}, {outcome.unit}: {words.OVERALL[outcome.said]}"]
    for part in outcome.protocol.parts:
        lines += ["", *_part(part, [one for one in outcome.findings if one.part is part])]
    lines += ["", outcome.sentence(), *words.notices(outcome)]
    return "\n".join(lines)


def _part(part: Part, findings: Sequence[Finding]) -> Iterator[str]:
    yield f"{part.title} ({part.clause}): {words.WORDS[words.worst(findings)]}"
    present = [one for one in findings if one.candidate is not None]
    if present:
        yield from _columns([_HEADER, *(_row(one) for one in present)])
    absent = [one for one in findings if one.measurement is None]
    for where, reason in dict.fromkeys((words.place(one), one.reason) for one in absent):
        yield f"{_GAP}missing{f' ({where})' if where else ''}: {reason}"
    for one in findings:
        if one.said == "undecided":
            yield f"{_GAP}undecided: {words.label(one)}{_of(one)}: {one.reason}"


def _of(finding: Finding) -> str:
    place = words.place(finding)
    return f", {place}" if place else ""


def _row(finding: Finding) -> tuple[str, ...]:
    return (
        words.label(finding),
        words.place(finding),
        words.specification(finding.requirement.specification),
        words.measured(finding),
        words.margin(finding),
        words.probability(finding),
        words.WORDS[finding.said],
    )


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield (_GAP + _GAP.join(cells)).rstrip()
