"""The history as text for people: a list of results, and one result with where it comes from."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from nmqc.history import Entry
from nmqc.model import Result, Verdict
from nmqc.report import terminal, wording
from nmqc.report.document import result_from_json
from nmqc.report.terminal import Screen

_WIDTH = 80
_GAP = "  "
_NARROWEST = 4
#: The columns that may be cut; numbers, dates and verdicts never are.
_NAMES = ("unit", "system", "test", "of")


def listing(entries: Sequence[Entry], metric: str | None, screen: Screen) -> str:
    """Return a table of results within 80 columns; with a metric, of that metric's values.

    The verdict of an excluded result stands in brackets.
    """
    rows = [row for entry in entries for row in (_values(entry, metric) if metric else [_result(entry)])]
    last = ["of", "value", "verdict"] if metric else ["system", "test", "verdict"]
    header = ["number", "acquired", "unit", "det", *last]
    lines = _table([header, *rows], screen)
    if any(entry.excluded is not None for entry in entries):
        lines += ["", "In brackets: excluded; `nmqc history show NUMBER` says why."]
    return "".join(f"{line}\n" for line in lines)


def _result(entry: Entry) -> list[str]:
    return [*_which(entry), entry.system, entry.test, _verdict(entry, entry.verdict)]


def _values(entry: Entry, metric: str) -> list[list[str]]:
    measured = [m for m in result_from_json(entry.payload).measurements if m.metric.name == metric]
    return [[*_which(entry), m.of, wording.quantity(m), _verdict(entry, m.verdict)] for m in measured]


def _which(entry: Entry) -> list[str]:
    acquired = (entry.acquired or "unknown").replace("T", " ")[: len("2026-11-16 07:12")]
    detector = "-" if entry.detector is None else str(entry.detector)
    return [str(entry.number), acquired, entry.system_unit, detector]


def _verdict(entry: Entry, verdict: Verdict) -> str:
    words = wording.VERDICT_WORDS[verdict]
    return words if entry.excluded is None else f"({words})"


def _table(rows: Sequence[Sequence[str]], screen: Screen) -> list[str]:
    """Return lines with the columns aligned, the first to the right; long names are cut off with "~"."""
    signed = [[_signed(cell, screen) for cell in row] for row in rows]
    widths = _fitted(signed)
    lines = []
    for row in signed:
        cut = [_cut(cell, width) for cell, width in zip(row, widths, strict=True)]
        padded = [
            cell + " " * (width - terminal.columns(cell)) for cell, width in zip(cut, widths, strict=True)
        ]
        lines.append(_GAP.join([cut[0].rjust(widths[0]), *padded[1:]]).rstrip())
    return lines


def _fitted(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the widths of the columns: as wide as their text, the widest names narrowed until all fit."""
    widths = [max(terminal.columns(cell) for cell in column) for column in zip(*rows, strict=True)]
    names = [place for place, name in enumerate(rows[0]) if name in _NAMES]
    while sum(widths) + len(_GAP) * (len(widths) - 1) > _WIDTH:
        widest = max(names, key=lambda place: widths[place])
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
    return widths


def _cut(text: str, width: int) -> str:
    if terminal.columns(text) <= width:
        return text
    while terminal.columns(text) > width - 1:
        text = text[:-1]
    return f"{text}~"


def page(entry: Entry, screen: Screen) -> str:
    """Return one result with all of its measurements, limits and remarks, and where it comes from."""
    result = result_from_json(entry.payload)
    shown = terminal.show(
        [(result, entry.number)], [], width=screen.width, colour=screen.colour, unicode=screen.unicode
    )
    rows = [*_happened(entry), *_provenance(result, entry)]
    width = max(len(name) for name, _ in rows) + 4
    lines = [line for name, words in rows for line in wrapped(name, words, width, screen)]
    return "".join(f"{line}\n" for line in [shown.rstrip("\n"), "", "  record", *lines])


def _happened(entry: Entry) -> list[tuple[str, str]]:
    rows = [("recorded", f"{entry.recorded} by nmqc {entry.nmqc}")]
    return rows + [(event.event, f"{event.recorded}: {event.reason}") for event in entry.events]


def _provenance(result: Result, entry: Entry) -> list[tuple[str, str]]:
    source = result.source
    files = wording.file_hashes(result)
    limits = [("limits from", name) for name in wording.limit_sources(result, verified=True)]
    parameters = [("parameter", f"{wording.parameter(name, v)}") for name, v in result.parameters.items()]
    asked = [("asked for", f"{wording.parameter(name, v)}") for name, v in result.asked.items()]
    time = [("time from", source.acquired_from)] if source.acquired_from else []
    software = [("software", source.software)] if source.software else []
    return [("algorithm", entry.algorithm), *time, *software, *limits, *parameters, *asked, *files]


def wrapped(name: str, words: str, width: int, screen: Screen) -> list[str]:
    """Return a row of a name and words, which go on under each other from a column on."""
    lead = f"    {name}".ljust(width + 2)
    return textwrap.wrap(
        _signed(words, screen), screen.width, initial_indent=lead, subsequent_indent=" " * len(lead)
    ) or [lead.rstrip()]


def _signed(text: str, screen: Screen) -> str:
    return wording.clean(text) if screen.unicode else terminal.ascii_only(text)
