"""Results for people at a terminal: coloured tables there, plain text where the output is redirected."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TextIO

from nmqc.model import Refusal, Result
from nmqc.report import tables, wording
from nmqc.report.dates import ISO
from nmqc.report.tables import Cell, Table

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDEST = 140
_ABREAST = 132
_INDENT = 2
_GAP = 2
_NARROWEST = 5
_STYLES = {"pass": "green", "warn": "bold yellow", "fail": "bold white on red", "unjudged": "bold cyan"}
_SIGNS = {
    "±": "+/-",
    "≤": "<=",
    "≥": ">=",
    "§": "section ",
    "µ": "u",
    "μ": "u",
    "°": " deg",
    "×": "x",
    "σ": "sigma",
    "–": "-",
    "—": "-",
    "−": "-",
    "…": "...",
    "²": "^2",
    "³": "^3",
    "·": "*",
    "’": "'",
    "‘": "'",
    "“": '"',
    "”": '"',
}


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A text that wraps beside its lead. `lead` is shown as its verdict, or dimmed where it has none."""

    lead: Cell
    text: str
    indent: int = _INDENT


Part = Paragraph | Table


@dataclass(frozen=True, slots=True)
class Screen:
    """What the output can show: columns, colour, and signs beyond ASCII."""

    width: int
    colour: bool
    unicode: bool


def screen_of(stream: TextIO, environment: Mapping[str, str]) -> Screen:
    """Return what a stream can show.

    Colour is for terminals alone, and not where NO_COLOR is set to anything or TERM is "dumb". A stream whose
    encoding is not a form of Unicode gets ASCII.
    """
    import shutil

    person = stream.isatty()
    width = shutil.get_terminal_size((80, 24)).columns if person else 80
    colour = person and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    encoding = (stream.encoding or "ascii").lower().replace("-", "").replace("_", "")
    return Screen(min(width, WIDEST), colour, encoding.startswith("utf"))


def show(
    results: Sequence[tuple[Result, int | None]],
    refused: Sequence[Refusal],
    *,
    width: int = 80,
    colour: bool = False,
    unicode: bool = True,
    language: str = ISO,
) -> str:
    """Return results as text for people: one block for each, then what was refused.

    Parameters
    ----------
    results : pairs of a result and the number of its entry in the history, or None
    width : int
        Columns to fit into.
    colour : bool
        True draws with colours (ANSI sequences); False gives the same as plain text.
    unicode : bool
        False gives ASCII alone, with a stand-in for each sign.
    language : str
        Of dates, one of `nmqc.report.dates.LANGUAGES`.
    """
    sign = wording.clean if unicode else ascii_only
    parts = [_signed(part, sign) for part in _compose(results, refused, width, language)]
    return _coloured(parts, width, unicode) if colour else _plain(parts, width)


def ascii_only(text: str) -> str:
    """Return the text in ASCII: a stand-in for each known sign, letters without accents, else "?"."""
    known = "".join(_SIGNS.get(character, character) for character in wording.clean(text))
    letters = unicodedata.normalize("NFKD", known)
    bare = "".join(character for character in letters if not unicodedata.combining(character))
    return bare.encode("ascii", "replace").decode("ascii")


def _signed(part: Part, sign: Callable[[str], str]) -> Part:
    if isinstance(part, Paragraph):
        return replace(part, lead=_signed_cell(part.lead, sign), text=sign(part.text))
    rows = tuple(tuple(_signed_cell(cell, sign) for cell in row) for row in part.rows)
    groups = tuple((sign(words), span) for words, span in part.groups)
    return Table(tuple(sign(words) for words in part.header), rows, groups)


def _signed_cell(cell: Cell, sign: Callable[[str], str]) -> Cell:
    return Cell(sign(cell.text), cell.verdict)


# --- what is said ---------------------------------------------------------------------------------------

_SPACE = Paragraph(Cell(""), "", 0)


def _compose(
    results: Sequence[tuple[Result, int | None]], refused: Sequence[Refusal], width: int, language: str
) -> list[Part]:
    parts: list[Part] = []
    for result, history in results:
        parts += [*_block(result, history, width >= _ABREAST, language), _SPACE]
    if len(results) > 1:
        parts += [*(_in_short(result) for result, _ in results), _SPACE]
    parts += [Paragraph(Cell("refused", "fail"), wording.refusal(item), 0) for item in refused]
    return parts[:-1] if parts and parts[-1] is _SPACE else parts


def _block(result: Result, history: int | None, abreast: bool, language: str) -> list[Part]:
    return [
        *_heading(result),
        *_facts(result, history, language),
        *_measured(result, abreast),
        *_compared(result, abreast),
        *_listed("where (mm from the centre, x right, y down)", tables.places(result)),
        *_listed("not measured", tables.not_measured(result)),
        *_listed("remarks", [(remark.code, remark.text) for remark in result.remarks]),
    ]


def _heading(result: Result) -> list[Part]:
    names = [wording.detector(result), result.test, result.source.system.unit]
    synthetic = ["SYNTHETIC DATA"] if result.source.synthetic else []
    words = "   ".join(part for part in (*names, *synthetic) if part)
    verdict = Cell(wording.VERDICT_WORDS[result.verdict], result.verdict)
    reasons = [Paragraph(Cell(" " * len(verdict.text)), reason, 0) for reason in wording.reasons(result)]
    return [Paragraph(verdict, words, 0), *reasons]


def _in_short(result: Result) -> Paragraph:
    named = result.energy_window.name if result.energy_window else ""
    names = ", ".join(
        part for part in (wording.detector(result), result.test, named, wording.files(result)) if part
    )
    verdict = Cell(wording.VERDICT_WORDS[result.verdict], result.verdict)
    return Paragraph(verdict, f"{names}: {'; '.join(wording.reasons(result))}", 0)


def _facts(result: Result, history: int | None, language: str) -> list[Part]:
    rows = wording.facts(result, language)
    if result.summary:
        rows.append(("summary", result.summary))
    rows.append(("history", "not recorded" if history is None else f"entry {history}"))
    width = max(len(name) for name, _ in rows)
    return [_SPACE, *(Paragraph(Cell(name.ljust(width)), words) for name, words in rows)]


def _measured(result: Result, abreast: bool) -> list[Part]:
    found = tables.measurements(result, abreast)
    unverified = wording.limit_sources(result, verified=False)
    note = [Paragraph(Cell("*"), f"limit not verified: {'; '.join(unverified)}")] if unverified else []
    parts: list[Part] = []
    for number, table in enumerate(found):
        parts += [_SPACE, table, *(note if number == 0 else [])]
    return parts


def _compared(result: Result, abreast: bool) -> list[Part]:
    parts: list[Part] = []
    for table in tables.comparisons(result, abreast):
        parts += [_SPACE, Paragraph(Cell("for comparison, not judged"), ""), table]
    return parts


def _listed(title: str, rows: Sequence[tuple[str, str]]) -> list[Part]:
    if not rows:
        return []
    items = [Paragraph(Cell(f"{name}:"), words, 2 * _INDENT) for name, words in rows]
    return [_SPACE, Paragraph(Cell(title), ""), *items]


# --- plain text -----------------------------------------------------------------------------------------


def _plain(parts: Sequence[Part], width: int) -> str:
    lines: list[str] = []
    for part in parts:
        lines += _plain_table(part, width) if isinstance(part, Table) else _plain_paragraph(part, width)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _plain_paragraph(part: Paragraph, width: int) -> list[str]:
    margin = " " * part.indent
    if not part.text:
        return [margin + line for line in _wrapped(part.lead.text, width - part.indent)]
    lead = f"{part.lead.text}{' ' * _GAP}"
    if columns(lead) > width // 2:
        return [*_plain_paragraph(Paragraph(part.lead, "", part.indent), width), *_hung(part, width)]
    first, *others = _wrapped(part.text, width - part.indent - columns(lead))
    return [margin + lead + first, *(margin + " " * columns(lead) + line for line in others)]


def _hung(part: Paragraph, width: int) -> list[str]:
    indent = part.indent + 2 * _INDENT
    return [" " * indent + line for line in _wrapped(part.text, width - indent)]


def _plain_table(table: Table, width: int) -> list[str]:
    header = [Cell(words) for words in table.header]
    widths = _fitted([header, *table.rows], width)
    rule = "-" * (sum(widths) + _GAP * (len(widths) - 1))
    lines = [_grouped(table.groups, widths)] if table.groups else []
    lines += [*_plain_row(header, widths), rule]
    for row in table.rows:
        lines += _plain_row(row, widths)
    return lines


def _fitted(rows: Sequence[Sequence[Cell]], available: int) -> list[int]:
    """Return the widths of the columns: as wide as their text, the widest narrowed until all fit.

    A word is broken only where narrowing the others is not enough.
    """
    texts = [[cell.text for cell in column] for column in zip(*rows, strict=True)]
    widths = [max(map(columns, column)) for column in texts]
    least = [
        max(_NARROWEST, *(columns(word) for text in column for word in text.split(" "))) for column in texts
    ]
    while sum(widths) + _GAP * (len(widths) - 1) > available and max(widths) > _NARROWEST:
        whole = [width for width, enough in zip(widths, least, strict=True) if width > enough]
        widest = next(
            number
            for number, (width, enough) in enumerate(zip(widths, least, strict=True))
            if width == max(whole or widths) and (width > enough or not whole)
        )
        widths[widest] -= 1
    return widths


def _plain_row(row: Sequence[Cell], widths: Sequence[int]) -> list[str]:
    cells = [_wrapped(cell.text, width) for cell, width in zip(row, widths, strict=True)]
    lines = []
    for number in range(max(len(cell) for cell in cells)):
        words = [cell[number] if number < len(cell) else "" for cell in cells]
        padded = [word + " " * (width - columns(word)) for word, width in zip(words, widths, strict=True)]
        lines.append((" " * _GAP).join(padded))
    return lines


def _grouped(groups: Sequence[tuple[str, int]], widths: Sequence[int]) -> str:
    line, first = "", 0
    for words, span in groups:
        width = sum(widths[first : first + span]) + _GAP * span
        line += words.ljust(width)
        first += span
    return line


def _wrapped(text: str, width: int) -> list[str]:
    """Return the text in lines of so many columns, broken at spaces, and inside a word that is too long."""
    lines, width = [""], max(width, 2)
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if columns(joined) <= width:
            lines[-1] = joined
        else:
            lines += _cut(word, width)
    return lines if lines[0] else lines[1:] or [""]


def _cut(word: str, width: int) -> list[str]:
    pieces = [""]
    for character in word:
        if columns(pieces[-1] + character) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: two for wide characters, none for accents."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(character) for character in text)


def _columns_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


# --- colour ---------------------------------------------------------------------------------------------


def _coloured(parts: Sequence[Part], width: int, unicode: bool) -> str:
    from io import StringIO

    from rich.console import Console

    stream = StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
        no_color=False,
    )
    for part in parts:
        _draw(console, part, unicode)
    return stream.getvalue()


def _draw(console: Console, part: Part, unicode: bool) -> None:
    from rich.padding import Padding

    if isinstance(part, Paragraph) and not part.text and not part.lead.text:
        console.print()
    elif isinstance(part, Paragraph):
        console.print(Padding(_rich_paragraph(part), (0, 0, 0, part.indent)))
    else:
        console.print(_rich_table(part, console.width, unicode))


def _rich_paragraph(part: Paragraph) -> RenderableType:
    from rich.table import Table as Grid
    from rich.text import Text

    title = not part.text or part.indent == 0
    style = _STYLES[part.lead.verdict] if part.lead.verdict else "bold" if title else "dim"
    if not part.text:
        return Text(part.lead.text, style)
    grid = Grid.grid(padding=(0, _GAP, 0, 0))
    grid.add_column(no_wrap=part.lead.verdict is not None)
    grid.add_column(overflow="fold")
    heading = part.lead.verdict is not None and part.indent == 0
    grid.add_row(Text(part.lead.text, style), Text(part.text, "bold" if heading else ""))
    return grid


def _rich_table(table: Table, width: int, unicode: bool) -> RenderableType:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    header = [Cell(words) for words in table.header]
    widths = _fitted([header, *table.rows], width)
    shape = box.SIMPLE_HEAD if unicode else box.ASCII_DOUBLE_HEAD
    grid = Grid(box=shape, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0), header_style="bold")
    for words, columns_wide in zip(_rich_header(table), widths, strict=True):
        grid.add_column(words, width=columns_wide, overflow="fold")
    for row in table.rows:
        styles = [_STYLES[cell.verdict] if cell.verdict else "" for cell in row]
        grid.add_row(*(Text(cell.text, style) for cell, style in zip(row, styles, strict=True)))
    return grid


def _rich_header(table: Table) -> list[RenderableType]:
    from rich.text import Text

    above = [words if place == 0 else "" for words, span in table.groups for place in range(span)]
    if not above:
        return [Text(words) for words in table.header]
    return [Text(f"{group}\n{words}") for group, words in zip(above, table.header, strict=True)]
