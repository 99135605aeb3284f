"""An acceptance as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nmqc.acceptance import words
from nmqc.acceptance.outcome import Finding, Outcome
from nmqc.acceptance.protocol import Part
from nmqc.report import wording

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
        several = len({words.window(one) for one in present}) > 1
        yield from wording.columns([_HEADER, *(_row(one, several) for one in present)], _GAP)
    absent = [one for one in findings if one.measurement is None]
    for where, reason in dict.fromkeys((words.place(one), one.reason) for one in absent):
        yield f"{_GAP}missing{f' ({where})' if where else ''}: {reason}"
    for one in findings:
        if one.said == "undecided":
            yield f"{_GAP}undecided: {words.label(one)}{_of(one)}: {one.reason}"


def _of(finding: Finding) -> str:
    place = words.place(finding)
    return f", {place}" if place else ""


def _row(finding: Finding, several_windows: bool) -> tuple[str, ...]:
    window = words.window(finding) if several_windows else ""
    return (
        ", ".join(part for part in (words.label(finding), window) if part),
        words.place(finding),
        words.specification(finding.requirement.specification),
        words.measured(finding),
        words.margin(finding),
        words.probability(finding),
        words.WORDS[finding.said],
    )
