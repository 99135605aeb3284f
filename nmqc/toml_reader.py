"""Reading a TOML file that a person wrote: every mistake is found at once, each with its file and line.

`tomllib` gives values without lines. The lines are found again from the text: a statement (a table header, or
a key with its value) is the fewest lines from its start that parse on their own, so that a header inside a
string of several lines is not mistaken for one.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from nmqc import bounds
from nmqc.errors import BadConfiguration

#: Where a value lies in a document: keys, and indexes into arrays, from the root.
Place = tuple[str | int, ...]
Option = TypeVar("Option", bound=str)
_MOST_SHOWN = 80  # characters
#: characters that are parsed once more to find lines: a long array is parsed line by line
_MOST_PARSED = 1 << 20


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a file: `text` says what is wrong and what was expected."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


class BadFile(BadConfiguration):
    """A TOML file with mistakes: all of them in `mistakes`, in order of their lines."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("bad_configuration", "; ".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


class Document:
    """A TOML document that is being read, and the mistakes found so far.

    Read every table through `root`, then call `finish`. `sha256` is that of the file's bytes, "" without a file.

    Raises
    ------
    BadFile
        At once, where the text is not TOML: nothing after that place can be judged.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.sha256 = ""
        self.mistakes: list[Mistake] = []
        self.tables: list[Table] = []
        try:
            values = tomllib.loads(text)
        except (ValueError, RecursionError) as problem:
            raise BadFile([_not_toml(file, text, str(problem))]) from None
        if _depth(values) > bounds.TOML_NESTING:
            raise BadFile(
                [Mistake(file, 1, f"more than {bounds.TOML_NESTING} tables or arrays in each other")]
            )
        self._lines = _lines(text)
        self.root = Table(self, (), values)

    @classmethod
    def open(cls, path: Path) -> Document:
        """Return the document in a file, UTF-8 with or without a byte order mark."""
        content = read_text_file(path)
        try:
            document = cls(str(path), content.decode("utf-8-sig"))
        except UnicodeDecodeError as problem:
            line = content.count(b"\n", 0, problem.start) + 1
            raise BadFile([Mistake(str(path), line, "not UTF-8 text: save the file as UTF-8")]) from None
        document.sha256 = hashlib.sha256(content).hexdigest()
        return document

    def line(self, place: Place) -> int:
        """Return the line where the statement begins that says what is at a place, or what holds it."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def finish(self) -> None:
        """Add the keys that nothing asked for, and raise BadFile if there is any mistake."""
        for table in self.tables:
            table.report_unknown_keys()
        if self.mistakes:
            raise BadFile(sorted(self.mistakes, key=lambda mistake: mistake.line))

    def note(self, line: int, text: str) -> None:
        """Keep a mistake; of very many the first alone, and that there are more."""
        if len(self.mistakes) < bounds.TOML_MISTAKES:
            self.mistakes.append(Mistake(self.file, line, text))
        elif len(self.mistakes) == bounds.TOML_MISTAKES:
            self.mistakes.append(Mistake(self.file, line, "and more mistakes: correct these first"))

    @property
    def is_full(self) -> bool:
        """True where no more mistakes are kept."""
        return len(self.mistakes) > bounds.TOML_MISTAKES


class Table:
    """One table of a document. What is asked of it is what it may hold: any other key is a mistake.

    Where a value is missing or not what it must be, a reader returns None, or nothing to iterate over, and
    notes the mistake unless the key may be missing.
    """

    def __init__(self, document: Document, place: Place, values: Mapping[str, Any]) -> None:
        self._document = document
        self._place = place
        self._values = values
        self._known: list[str] = []
        document.tables.append(self)

    def line(self, key: str | None = None) -> int:
        """Return the line of a key, or of the table."""
        return self._document.line(self._place if key is None else (*self._place, key))

    def mistake(self, key: str | None, text: str) -> None:
        """Note a mistake at a key, or at the table itself."""
        self._document.note(self.line(key), text)

    def holds(self, key: str) -> bool:
        """Say whether the table has the key, be its value right or wrong."""
        return key in self._values

    def text(self, key: str, *, required: bool = False, blank: bool = False) -> str | None:
        """Return one line of text without blanks at its ends; with `blank`, "" may be written too."""
        value = self.value(key, str, "text", required)
        if value is None or (blank and value == ""):
            return None if value is None else ""
        if not value or value != value.strip() or not value.isprintable():
            self.mistake(key, f"{key}: expected one line of text, not empty, without blanks at its ends")
            return None
        return str(value)

    def choice(self, key: str, options: Sequence[Option]) -> Option | None:
        """Return one of the options; the key must be there."""
        listed = " or ".join(f'"{option}"' for option in options)
        value = self.value(key, str, listed, required=True)
        for option in options:
            if value == option:
                return option
        if value is not None:
            self.mistake(key, f"{key}: expected {listed}{nearest(value, options)}")
        return None

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self.value(key, bool, "true or false", required=False)
        return default if value is None else bool(value)

    def number(self, key: str) -> float | None:
        """Return a finite number."""
        value = self.value(key, (int, float), "a number", required=False)
        if value is not None and not _finite(value):
            self.mistake(key, f"{key}: expected a finite number")
            return None
        return None if value is None else float(value)

    def numbers(self, key: str, words: str) -> tuple[float, ...]:
        """Return an array of positive numbers, or () where there is none; `words` say what is expected."""
        values = self.value(key, list, words, required=True)
        if values is None:
            return ()
        if all(_is(value, (int, float)) and _finite(value) and value > 0 for value in values) and values:
            return tuple(float(value) for value in values)
        self.mistake(key, f"{key}: expected {words}")
        return ()

    def texts(self, key: str, words: str, *, most: int, blank: bool = False) -> tuple[str, ...]:
        """Return an array of lines of text, () where there is none; with `blank`, as they are written.

        At most so many; `words` say what is expected.
        """
        values = self.value(key, list, words, required=False)
        if values is None:
            return ()
        good = all(
            isinstance(v, str) and v.isprintable() and (blank or (v and v == v.strip())) for v in values
        )
        if good and 0 < len(values) <= most:
            return tuple(values)
        self.mistake(key, f"{key}: expected {words}")
        return ()

    def dates(self, key: str) -> tuple[date, ...]:
        """Return an array of dates without times, () where there is none."""
        words = "dates such as [2026-12-25, 2027-01-01], without quotes"
        values = self.value(key, list, words, required=False) or []
        if all(isinstance(value, date) and not isinstance(value, datetime) for value in values):
            return tuple(values)
        self.mistake(key, f"{key}: expected {words}")
        return ()

    def keys(self) -> tuple[str, ...]:
        """Return the keys of the table, for one that may hold any; each is then read by `plain`."""
        return tuple(self._values)

    def plain(self, key: str) -> str | bool | int | float | list[str | bool | int | float] | None:
        """Return text, true or false, a finite number, or an array of these."""
        self._known.append(key)
        value = self._values[key]
        if _is_plain(value) or (isinstance(value, list) and value and all(_is_plain(one) for one in value)):
            return value  # type: ignore[no-any-return]
        self.mistake(key, f"{key}: expected text, a number, true or false, or an array of these")
        return None

    def from_one(self, key: str, *, required: bool = False) -> int | None:
        """Return a whole number of 1 or more."""
        value = self.value(key, int, "a whole number from 1", required)
        if value is not None and value < 1:
            self.mistake(key, f"{key}: expected a whole number from 1, found {value}")
            return None
        return value if value is None else int(value)

    def table(self, key: str, words: str) -> Table | None:
        """Return the table at a key; `words` show what it looks like."""
        values = self.value(key, dict, f"a table such as {words}", required=False)
        return None if values is None else Table(self._document, (*self._place, key), values)

    def tables(self, key: str) -> list[Table]:
        """Return the tables `[[key]]`, in order."""
        words = f"tables [[{'.'.join(str(part) for part in (*self._place, key) if isinstance(part, str))}]]"
        values = self.value(key, list, words, required=False) or []
        if not all(isinstance(value, dict) for value in values):
            self.mistake(key, f"{key}: expected {words}")
            return []
        return [Table(self._document, (*self._place, key, i), value) for i, value in enumerate(values)]

    def report_unknown_keys(self) -> None:
        """Note each key that nothing asked for, with the nearest name that is known."""
        for key in self._values:
            if key not in self._known and not self._document.is_full:
                listed = nearest(key, self._known) or f"; known here: {', '.join(sorted(self._known))}"
                self.mistake(key, f"unknown key {shown(key)}{listed}")

    def value(self, key: str, kind: type | tuple[type, ...], words: str, required: bool) -> Any:
        """Return the value of a key as TOML has it, of one of some types; `words` say what is expected."""
        self._known.append(key)
        if key not in self._values:
            if required:
                self.mistake(None, f"{key} is missing: expected {words}")
            return None
        value = self._values[key]
        if _is(value, kind):
            return value
        self.mistake(key, f"{key}: expected {words}, found {_kind(value)}")
        return None


def read_text_file(path: Path) -> bytes:
    """Return the content of a regular file of bounded size, as it is.

    Raises
    ------
    BadConfiguration
        If it cannot be read, or is larger than any that a person writes.
    """
    try:
        return bounds.read(path, bounds.TOML_BYTES)
    except bounds.TooLarge as limit:
        reason = f"{path} is {limit}: give the file that was written by hand"
    except OSError as problem:
        reason = f"{path} cannot be read: {problem.strerror or type(problem).__name__}"
    raise BadConfiguration("bad_configuration", reason)


def nearest(name: str, known: Sequence[str]) -> str:
    """Return "; did you mean ...?" with the nearest known name, or "" where none is near."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def shown(text: str) -> str:
    """Return text in quotes, made safe to print on one line, its beginning where it is long."""
    safe = "".join(letter if letter.isprintable() else "?" for letter in text[:_MOST_SHOWN])
    return f'"{safe}..."' if len(text) > _MOST_SHOWN else f'"{safe}"'


def _is(value: object, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _is_plain(value: object) -> bool:
    return isinstance(value, str | bool) or (isinstance(value, int | float) and _finite(value))


def _finite(value: float) -> bool:
    return -1e300 < value < 1e300


def _kind(value: object) -> str:
    names = {bool: "true or false", str: "text", int: "a number", float: "a number", list: "an array"}
    return names.get(type(value), "a table" if isinstance(value, dict) else "a date or time")


def _not_toml(file: str, text: str, problem: str) -> Mistake:
    """Return the mistake that tomllib reports; its own words carry the line, or mean the end of the text."""
    found = re.search(r" \(at line (\d+), column \d+\)$", problem)
    line = int(found[1]) if found else text.rstrip("\n").count("\n") + 1
    return Mistake(file, line, f"not TOML: {problem[: found.start()] if found else problem}")


def _depth(values: object) -> int:
    """Return how many tables and arrays lie in each other, no further than one more than are read."""
    inside, depth = [values], 0
    while inside and depth <= bounds.TOML_NESTING:
        both = [one for one in inside if isinstance(one, dict | list)]
        inside = [inner for one in both for inner in (one.values() if isinstance(one, dict) else one)]
        depth += bool(both)
    return depth


def _lines(text: str) -> dict[Place, int]:
    """Return the line of every table and key of a document that is known to be valid TOML."""
    lines: dict[Place, int] = {}
    lengths: dict[Place, int] = {}
    table: Place = ()
    for line, statement in _statements(text):
        content = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _opened(lengths, list(_header(content)), statement.lstrip().startswith("[["))
            opened = [table[: i + 1] for i in range(len(table))]
        else:
            opened = [table + place for place in _places(content)]
        for place in opened:
            lines.setdefault(place, line)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each statement (or blank line, or comment) with the line where it begins.

    Where a statement of very many lines has cost too much work, what follows is left out.
    """
    pending, start, parsed = "", 1, 0
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        start = start if pending else number
        pending += line + "\n"
        parsed += len(pending)
        if parsed > _MOST_PARSED:
            return
        try:
            tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue
        yield start, pending
        pending = ""


def _header(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of a table header that was parsed alone."""
    while content:
        key, inner = next(iter(content.items()))
        yield key
        content = inner[0] if isinstance(inner, list) else inner


def _opened(lengths: dict[Place, int], keys: Sequence[str], in_array: bool) -> Place:
    """Return the place of the table that a header opens; `lengths` counts the tables of each array."""
    place: Place = ()
    for i, key in enumerate(keys):
        place = (*place, key)
        if in_array and i == len(keys) - 1:
            lengths[place] = lengths.get(place, 0) + 1
        if place in lengths:
            place = (*place, lengths[place] - 1)
    return place


def _places(content: object) -> Iterator[Place]:
    """Yield the place of everything inside a value, relative to it."""
    items: Any = ()
    if isinstance(content, dict):
        items = content.items()
    elif isinstance(content, list):
        items = enumerate(content)
    for key, inner in items:
        yield (key,)
        for place in _places(inner):
            yield (key, *place)
