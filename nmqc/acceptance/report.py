"""The report of an acceptance: a summary to sign, then the page of each result that it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any

from nmqc import __version__
from nmqc.acceptance import words
from nmqc.acceptance.folder import Candidate
from nmqc.acceptance.outcome import SCHEMA, Finding, Outcome, Said, as_judged, document
from nmqc.acceptance.protocol import Part, Requirement
from nmqc.report import acceptance as pdf
from nmqc.report import wording
from nmqc.report.document import dump, library_version, versions
from nmqc.report.header import Header
from nmqc.report.tables import Cell, Table

#: how a verdict looks, by the styles of the reports
LOOKS: dict[Said, Any] = {
    "pass": "pass",
    "fail": "fail",
    "undecided": "warn",
    "missing": "warn",
    "recorded": "unjudged",
}
OPEN: dict[Said, str] = {"fail": "Failed", "undecided": "Undecided", "missing": "Missing"}
SIGNATURES = ("Measured by", "For the operator", "For the maker")
_COLUMNS = ("measured ± U", "margin", "P", "verdict")


def write(path: Path, outcome: Outcome, header: Header, *, force: bool = False) -> None:
    """Write the report as PDF/A-3a, with the JSON of the acceptance attached.

    Raises
    ------
    NmqcError
        If it cannot be written there, or the header's logo cannot be drawn.
    """
    pairs = [(as_judged(one.result, outcome.of_result(one)), one.number) for one in outcome.chosen()]
    pages = [_page(outcome, one) for one in outcome.chosen()]
    summary = _summary(outcome, header.language)
    attached = dump(document(outcome, None)).encode()
    pdf.write(path, summary, attached, pairs, pages, header, force=force)


def _page(outcome: Outcome, candidate: Candidate) -> dict[str, Any]:
    """Return what the page of a result says otherwise than that of a report without a protocol."""
    findings = outcome.of_result(candidate)
    said = words.worst(findings)
    titles = dict.fromkeys(one.part.title for one in findings)
    where = wording.detector(candidate.result)
    broken = [one for one in findings if one.said not in ("pass", "recorded")]
    return {
        "title": ": ".join(part for part in (", ".join(titles), where) if part),
        "verdict": LOOKS[said],
        "verdict_word": words.WORDS[said],
        "reasons": [words.sentence(one) for one in broken] or [_met(findings)],
    }


def _met(findings: Sequence[Finding]) -> str:
    judged = sum(one.said == "pass" for one in findings)
    return (
        f"{judged} of {len(findings)} requirements are judged, and met" if judged else "recorded, not judged"
    )


def _summary(outcome: Outcome, language: str) -> dict[str, Any]:
    protocol, sources = outcome.protocol, _sources(outcome)
    return {
        "title": f"Acceptance: {protocol.title}",
        "subtitle": _subtitle(outcome, language),
        "keywords": [SCHEMA],
        "attachment": f"The acceptance as a JSON object, {SCHEMA}",
        "verdict": LOOKS[outcome.said],
        "verdict_word": words.OVERALL[outcome.said],
        "sentence": outcome.sentence(),
        "notices": words.notices(outcome),
        "rule": words.rule(protocol.confidence),
        "parts": [_part(part, outcome, sources) for part in protocol.parts],
        "sources": [_source(number, *about) for about, number in sources.items()],
        "open": [
            {"title": title, "rows": words.open_points(outcome, said)}
            for said, title in OPEN.items()
            if outcome.count(said)
        ],
        "elsewhere": list(protocol.elsewhere),
        "refused": [f"{', '.join(one.files)}: {one.reason}" for one in outcome.refused],
        "signatures": list(SIGNATURES),
        "provenance": _provenance(outcome),
    }


def _subtitle(outcome: Outcome, language: str) -> str:
    chosen = [one.result for one in outcome.chosen()]
    cameras = ", ".join(dict.fromkeys(wording.camera(result) for result in chosen)) or outcome.unit
    days = sorted({result.source.acquired[:10] for result in chosen if result.source.acquired})
    if not days:
        return f"{cameras}."
    from nmqc.report.dates import date_words

    span = " to ".join(date_words(day, language) for day in dict.fromkeys((days[0], days[-1])))
    synthetic = " Synthetic data." if any(result.source.synthetic for result in chosen) else ""
    return f"{cameras}. Acquired {span}.{synthetic}"


# --- tables ---------------------------------------------------------------------------------------------

Sources = dict[tuple[str, bool], int]


def _sources(outcome: Outcome) -> Sources:
    wanted = [one.requirement.specification for one in outcome.findings]
    known = dict.fromkeys((one.source, one.verified) for one in wanted if one is not None)
    return {about: number for number, about in enumerate(known, 1)}


def _source(number: int, source: str, verified: bool) -> tuple[str, str]:
    return f"[{number}]", f"{source} ({'verified' if verified else 'NOT VERIFIED'})"


def _part(part: Part, outcome: Outcome, sources: Sources) -> dict[str, Any]:
    findings = [one for one in outcome.findings if one.part is part]
    said = words.worst(findings)
    heads: list[int | None] = [*outcome.protocol.heads]
    of_heads = [one for one in part.requirements if heads and not one.of_a_pair]
    others = [one for one in part.requirements if not heads or one.of_a_pair]
    absent = all(one.candidate is None for one in findings)
    tables = [_table(of_heads, findings, heads, sources), _table(others, findings, [None], sources)]
    return {
        "title": part.title,
        "clause": part.clause,
        "acquire": part.acquire,
        "verdict": LOOKS[said],
        "verdict_word": words.WORDS[said],
        "absent": _required(part, sources) if absent else "",
        "tables": [asdict(table) for table in tables if table.rows and not absent],
    }


def _required(part: Part, sources: Sources) -> str:
    """Return what a test that is missing requires, and how it is acquired."""
    each = [
        f"{words.required(one)} {_limit(one, sources)}".removesuffix(f" {words.NOTHING}")
        for one in part.requirements
    ]
    return "; ".join(each) + (f". To be acquired: {part.acquire}" if part.acquire else "")


def _limit(requirement: Requirement, sources: Sources) -> str:
    wanted = requirement.specification
    number = "" if wanted is None else f" [{sources[(wanted.source, wanted.verified)]}]"
    return words.specification(wanted) + number


def _table(
    requirements: Sequence[Requirement],
    findings: Sequence[Finding],
    heads: Sequence[int | None],
    sources: Sources,
) -> Table:
    rows = [row for one in requirements for row in _rows(one, findings, heads, sources)]
    groups = [("", 2), *((f"detector {head}", len(_COLUMNS)) for head in heads)]
    named = tuple(groups) if len(heads) > 1 else ()
    return Table(("requirement", "limit", *_COLUMNS * len(heads)), tuple(rows), named)


def _rows(
    requirement: Requirement, findings: Sequence[Finding], heads: Sequence[int | None], sources: Sources
) -> list[tuple[Cell, ...]]:
    """Return the row of a requirement; a row for each energy window where there are several.

    A head without any result is missing in each of them; one that has none of this window has empty cells.
    """
    mine = [one for one in findings if one.requirement is requirement]
    windows = list(dict.fromkeys(words.window(one) for one in mine if one.candidate is not None)) or [""]
    rows = []
    for window in windows:
        here = [one for one in mine if one.candidate is None or words.window(one) == window]
        by_head = [[one for one in here if one.detector == head] for head in heads]
        name = ", ".join(part for part in (words.required(requirement), window) if part)
        label = Cell(name if len(windows) > 1 else words.required(requirement))
        for together in zip_longest(*by_head):
            cells = [cell for one in together for cell in _cells(one)]
            rows.append((label, Cell(_limit(requirement, sources)), *cells))
    return rows


def _cells(finding: Finding | None) -> tuple[Cell, ...]:
    if finding is None:
        return tuple(Cell("") for _ in _COLUMNS)
    return (
        Cell(words.measured(finding)),
        Cell(words.margin(finding)),
        Cell(words.probability(finding)),
        Cell(words.WORDS[finding.said], LOOKS[finding.said]),
    )


def _provenance(outcome: Outcome) -> list[tuple[str, str]]:
    protocol = outcome.protocol
    installed = {"nmqc": __version__, **versions(), "typst": library_version("typst")}
    numbers = [one.number for one in outcome.chosen()]
    entries = ", ".join(str(number) for number in numbers if number is not None) or "not recorded"
    return [
        ("protocol", f"{protocol.file}, SHA-256 {protocol.sha256}"),
        ("software", ", ".join(f"{name} {version}" for name, version in installed.items())),
        ("history", entries),
        ("images", "the files of each result and their SHA-256 stand on its page"),
        ("unknown", f"files in the folder that show nothing that nmqc knows: {outcome.unknown}"),
    ]
