"""What the report of a validation says, made of the object that the command prints."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nmqc.validate import words

MOST_OPEN = 40  # lines of what is not met: a first page that is one, not many


def data(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words and tables, as `nmqc/report/validation.typ` reads them."""
    verdict = words.verdict(document["verdict"])
    left_out = len(document["not_met"]) - MOST_OPEN
    further = [f"and {left_out} more, in the attached JSON"] if left_out > 0 else []
    return {
        "title": words.title(document),
        "subtitle": words.lead(document),
        "verdict": verdict.verdict,
        "verdict_word": verdict.text,
        "overview": asdict(words.overview(document)),
        "open": [*document["not_met"][:MOST_OPEN], *further],
        "rule": words.RULE,
        "provenance": _provenance(document),
        "tests": [_test(test) for test in document["tests"]],
        "agreement": asdict(words.agreement(document)),
    }


def _test(test: Mapping[str, Any]) -> dict[str, Any]:
    verdict = words.verdict(test["verdict"])
    return {
        "title": f"{test['test']}: {test['title']}",
        "verdict": verdict.verdict,
        "verdict_word": verdict.text,
        "about": f"{test['cases']} cases, {test['acquisitions']:,d} acquisitions.",
        "metrics": asdict(words.metrics(test)),
        "range": words.ranges(test),
        "reasons": words.reasons(test),
    }


def _provenance(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    return [
        ("program", f"nmqc {document['nmqc']}; {versions}"),
        ("machine", f"{platform.system()}, {platform.machine()}"),
        (
            "truth",
            "digital phantoms of the package `phantoms`, which shares no code with nmqc; seeds are fixed",
        ),
        ("requirements", "nmqc/data/requirements.toml; all of them, with values, in the attached JSON"),
    ]
