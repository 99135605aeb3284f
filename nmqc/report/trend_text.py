"""The first page of the trend report as text for people at a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from nmqc.report import wording
from nmqc.report.dates import ISO
from nmqc.report.terminal import Screen, ascii_only
from nmqc.report.trend_words import TWO_VERDICTS, row, subtitle

Json = dict[str, Any]
_INDENT = "    "


def page(document: Json, screen: Screen, language: str = ISO) -> str:
    """Return the state of each test of each system, a paragraph each."""
    lines = [subtitle(document, language)]
    for system in document["systems"]:
        lines += ["", ", ".join(part for part in (system["unit"], system["system"]) if part)]
        for test in system["tests"]:
            lines += _test(row(system, test, language))
    if document["systems"]:
        lines += ["", TWO_VERDICTS]
    wrapped = [part for line in lines for part in _wrapped(line, screen)]
    return "".join(f"{line}\n" for line in wrapped)


def _test(told: Json) -> Iterator[str]:
    notes = "".join(f"; {note}" for note in told["notes"])
    yield f"  {told['test']}: limits {told['verdict_word']} ({told['last']}{notes}); trend {told['state_word']}"
    for finding in told["findings"]:
        yield f"{_INDENT}{finding}"
    if told["next"] != "none":
        yield f"{_INDENT}next: {told['next']}"


def _wrapped(line: str, screen: Screen) -> list[str]:
    words = wording.clean(line) if screen.unicode else ascii_only(line)
    indent = words[: len(words) - len(words.lstrip())]
    return textwrap.wrap(words, screen.width, subsequent_indent=f"{indent}  ") or [""]
