"""What recording adds to the tables: the rows that are new, on top of what they hold already.

A chunk is prepared without the write lock, since hashing and JSON take most of the time. What the tables hold of
it is asked for in a few queries for the whole chunk, not in some for each result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nmqc import __version__
from nmqc.history import rows
from nmqc.history.conditions import Conditions, conditions_of
from nmqc.history.engines import Database
from nmqc.history.entries import Recorded
from nmqc.history.files import Batched, Filed, FileMark
from nmqc.history.key import Key, digest_of, key_of
from nmqc.history.query import latest_marks, rows_of
from nmqc.history.rows import Columns
from nmqc.history.schema import now
from nmqc.model import Refusal, Remark, Result
from nmqc.thumbnail import thumbnail

#: in the order in which rows refer to each other
_TABLES = (
    "nmqc_results",
    "nmqc_inputs",
    "nmqc_measurements",
    "nmqc_conditions",
    "nmqc_judgements",
    "nmqc_pictures",
    "nmqc_refusals",
    "nmqc_files",
)
_NUMBERED = ("nmqc_results", "nmqc_refusals", "nmqc_files")


@dataclass(frozen=True, slots=True, eq=False)
class PreparedResult:
    """A result with its key, conditions and image, and the JSON text stored of it where it needs no remark."""

    key: Key
    result: Result
    payload: Mapping[str, Any]
    text: str
    conditions: Conditions
    png: str | None


@dataclass(frozen=True, slots=True, eq=False)
class PreparedRefusal:
    """A refusal with its key, and the columns that make it the same one."""

    key: str
    refusal: Refusal
    identity: Columns


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A `Batched`, ready to be written."""

    results: tuple[PreparedResult, ...]
    refusals: tuple[PreparedRefusal, ...]
    marks: tuple[FileMark, ...]


def prepare(item: Batched) -> Prepared:
    """Do all that needs no database.

    Raises
    ------
    ValueError
        If a payload holds NaN or an infinity.
    """
    results = (_result(*pair) for pair in item.results)
    refusals = (_refusal(*refused) for refused in item.refusals)
    return Prepared(tuple(results), tuple(refusals), tuple(_mark(mark) for mark in item.marks))


def _result(result: Result, payload: Mapping[str, Any]) -> PreparedResult:
    text, png = rows.payload_text(payload), thumbnail(result.evidence)
    return PreparedResult(key_of(result), result, payload, text, conditions_of(payload), png)


def _refusal(refusal: Refusal, sha256: str, tool: str, configuration: str) -> PreparedRefusal:
    identity = rows.refusal_identity(refusal, sha256, tool, configuration)
    return PreparedRefusal(digest_of(identity), refusal, identity)


def _mark(mark: FileMark) -> FileMark:
    return replace(mark, code=rows.storable(mark.code), reason=rows.storable(mark.reason))


class Chunk:
    """The rows that items add to a history, and what adding did.

    What is read here holds until the end of a transaction that holds the write lock. Without the lock it still
    holds that nothing is new where nothing is: nothing is ever taken out.
    """

    def __init__(self, database: Database, items: Sequence[Prepared]) -> None:
        results = [one for item in items for one in item.results]
        self._numbers = _numbers(database, [one.key.digest for one in results])
        self._pixels = _pixels(database, [i.uid for one in results for i in one.key.inputs if i.uid])
        self._refused = _refused(database, [one.key for item in items for one in item.refusals])
        self._marks = latest_marks(database, [mark.path for item in items for mark in item.marks])
        self._last = _last_numbers(database)
        self._stamp = {"recorded": now(), "nmqc": __version__}
        self.rows: dict[str, list[Columns]] = {table: [] for table in _TABLES}
        self.filed = [self._add(item) for item in items]

    @property
    def empty(self) -> bool:
        """Say whether the history holds all of it already."""
        return not any(self.rows.values())

    def _add(self, item: Prepared) -> Filed:
        recorded = tuple(self._add_result(one) for one in item.results)
        refused = tuple(self._add_refusal(one) for one in item.refusals)
        numbers = tuple(one.number for one in recorded)
        return Filed(recorded, refused, tuple(self._add_mark(mark, numbers) for mark in item.marks))

    def _add_result(self, one: PreparedResult) -> Recorded:
        known, remark = self._numbers.get(one.key.digest), self._remark(one.key)
        if known is not None:
            return Recorded(known, False, remark)
        text = rows.payload_text(one.payload, remark) if remark else one.text
        number = self._number("nmqc_results")
        row = {"number": number, "key": one.key.digest, **self._stamp}
        self.rows["nmqc_results"].append(row | rows.result_facts(one.result) | {"payload": text})
        self.rows["nmqc_inputs"] += rows.input_rows(number, one.key)
        self.rows["nmqc_measurements"] += rows.measurement_rows(number, one.result)
        self.rows["nmqc_conditions"].append(rows.condition_row(number, one.conditions))
        self.rows["nmqc_judgements"] += rows.judgement_rows(number, one.conditions)
        if one.png is not None:
            self.rows["nmqc_pictures"].append({"result": number, "png": one.png})
        self._numbers[one.key.digest] = number
        for source in one.key.inputs:
            if source.uid:
                self._pixels[source.uid].append((source.pixels, number))
        return Recorded(number, True, remark)

    def _remark(self, key: Key) -> Remark | None:
        """Return the remark for inputs whose UID is known with other pixels."""
        others = [
            number
            for one in key.inputs
            if one.uid
            for pixels, number in self._pixels[one.uid]
            if pixels != one.pixels
        ]
        if not others:
            return None
        text = (
            f"result {min(others)} in the history was made from a file with the same SOP instance UID and "
            "other pixels: one of the two files was changed after the acquisition"
        )
        return Remark("same_uid_other_pixels", text)

    def _add_refusal(self, one: PreparedRefusal) -> bool:
        if one.key in self._refused:
            return False
        self._refused.add(one.key)
        said = {"file": rows.storable(one.refusal.file), "reason": rows.storable(one.refusal.reason)}
        row = {"number": self._number("nmqc_refusals"), "key": one.key, **self._stamp}
        self.rows["nmqc_refusals"].append(row | one.identity | said)
        return True

    def _add_mark(self, mark: FileMark, numbers: tuple[int, ...]) -> FileMark:
        whole = replace(mark, results=tuple(dict.fromkeys((*mark.results, *numbers))))
        if self._marks.get(mark.path) != whole:
            self._marks[mark.path] = whole
            row = {"number": self._number("nmqc_files"), **self._stamp}
            self.rows["nmqc_files"].append(row | rows.mark_row(whole))
        return whole

    def _number(self, table: str) -> int:
        self._last[table] += 1
        return self._last[table]


def _numbers(database: Database, keys: Sequence[str]) -> dict[str, int]:
    """Return the numbers of the results that are there already, by their keys."""
    return dict(rows_of(database, "SELECT key, number FROM nmqc_results WHERE key IN ({})", keys))


def _pixels(database: Database, uids: Sequence[str]) -> defaultdict[str, list[tuple[str, int]]]:
    """Return (pixels, number of a result) of all inputs with these UIDs, by UID."""
    found: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in rows_of(database, "SELECT uid, pixels, result FROM nmqc_inputs WHERE uid IN ({})", uids):
        found[row[0]].append((row[1], row[2]))
    return found


def _refused(database: Database, keys: Sequence[str]) -> set[str]:
    return {row[0] for row in rows_of(database, "SELECT key FROM nmqc_refusals WHERE key IN ({})", keys)}


def _last_numbers(database: Database) -> dict[str, int]:
    asked = ", ".join(f"(SELECT COALESCE(MAX(number), 0) FROM {table})" for table in _NUMBERED)
    return dict(zip(_NUMBERED, database.rows(f"SELECT {asked}")[0], strict=True))
