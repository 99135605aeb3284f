"""Baselines and notes in the tables: what is appended, what is refused, what stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from nmqc import __version__
from nmqc.errors import UnusableInput
from nmqc.history.engines import Database, Row
from nmqc.history.query import cameras
from nmqc.history.rows import append
from nmqc.history.schema import now
from nmqc.history.sense import (
    check_baseline,
    check_note,
    check_results,
    covered_by,
    no_such_unit,
    valid_results,
    within,
    words,
)
from nmqc.history.stated import BaselineEntry, BaselineSet, Covered, Note

_BASELINES = (
    'SELECT b.number, b.system_unit, b.test, b.metric, b.detector, b."first", b."last", b.kind, b.note, '
    "b.recorded, w.reason FROM nmqc_baselines b LEFT JOIN nmqc_withdrawals w ON w.baseline = b.number"
)
_NOTES = (
    "SELECT n.number, n.system_unit, n.date, n.kind, n.text, n.recorded, w.reason "
    "FROM nmqc_notes n LEFT JOIN nmqc_withdrawals w ON w.note = n.number"
)


# --- reading --------------------------------------------------------------------------------------------


def unit_of(database: Database, name: str) -> str:
    """Return the camera of this name, else the only one of this kind of system.

    Raises
    ------
    UnusableInput
        If there is none, or several.
    """
    known = cameras(database)
    if name in {unit for unit, _ in known}:
        return name
    alike = [unit for unit, system in known if system == name]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise UnusableInput(
            "several_units", f"{len(alike)} cameras are of the kind {name!r}, name one: {', '.join(alike)}"
        )
    raise no_such_unit(name, [unit for unit, _ in known])


def baselines(database: Database, unit: str | None, *, ended: bool) -> list[BaselineEntry]:
    """Return the baselines in the order in which they were set: of one camera or all, ended ones if asked for."""
    rows = _of_unit(database, _BASELINES, "b", unit)
    return [BaselineEntry(*row) for row in rows if ended or row[-1] is None]


def notes(database: Database, unit: str | None, *, withdrawn: bool) -> list[Note]:
    """Return the notes in the order of their dates: of one camera or all, withdrawn ones if asked for."""
    found = [Note(*row) for row in _of_unit(database, _NOTES, "n", unit) if withdrawn or row[-1] is None]
    return sorted(found, key=lambda note: (note.at, note.number))


def _of_unit(database: Database, statement: str, table: str, unit: str | None) -> list[Row]:
    where, values = ("", ()) if unit is None else (f"WHERE {table}.system_unit = ?", (unit,))
    return database.rows(f"{statement} {where} ORDER BY {table}.number", values)


# --- writing: each within a transaction that holds the write lock -----------------------------------------


def add_baseline(database: Database, wanted: BaselineEntry) -> BaselineSet:
    """Append a baseline, unless this very one holds already; its number and time are filled in.

    Raises
    ------
    UnusableInput
        If it makes no sense (`nmqc.history.sense`).
    """
    check_baseline(database, wanted)
    wanted = replace(wanted, note=words(wanted.note, "no_note", "why there is a new baseline, with --note"))
    valid = valid_results(database, wanted)
    check_results(wanted, valid)
    same = [one for one in baselines(database, wanted.unit, ended=False) if _facts(one) == _facts(wanted)]
    entry = same[0] if same else _append_baseline(database, wanted)
    covered = covered_by(wanted, valid)
    told = tuple(Covered(test, detector, len(moments)) for (test, detector), moments in covered.items())
    return BaselineSet(entry, not same, told, within(notes(database, wanted.unit, withdrawn=False), covered))


def add_note(database: Database, wanted: Note) -> int:
    """Append a note, unless this very one stands there already; return its number.

    Raises
    ------
    UnusableInput
        If it makes no sense (`nmqc.history.sense`).
    """
    check_note(database, wanted)
    text = words(wanted.text, "no_text", "what happened, with --text")
    for note in notes(database, wanted.unit, withdrawn=False):
        if (note.date, note.kind, note.text) == (wanted.date, wanted.kind, text):
            return note.number
    facts = {"system_unit": wanted.unit, "date": wanted.date, "kind": wanted.kind, "text": text}
    return _append(database, "nmqc_notes", facts)


def withdraw(database: Database, what: Literal["baseline", "note"], number: int, reason: str) -> bool:
    """Append that a "baseline" or a "note" no longer holds; return False where that is so already.

    Raises
    ------
    UnusableInput
        If there is none of this number, or no reason is given.
    """
    said = {"baseline": "baseline", "note": "event"}[what]
    reason = words(reason, "no_reason", f"why the {said} no longer holds, with --note")
    if not database.rows(f"SELECT 1 FROM nmqc_{what}s WHERE number = ?", (number,)):
        raise UnusableInput(
            f"no_such_{said}",
            f"the history holds no {said} {number}: `nmqc {said} list` shows those it holds",
        )
    if database.rows(f"SELECT 1 FROM nmqc_withdrawals WHERE {what} = ?", (number,)):
        return False
    _append(database, "nmqc_withdrawals", {what: number, "reason": reason})
    return True


def _append(database: Database, table: str, facts: dict[str, Any]) -> int:
    number = int(database.rows(f"SELECT COALESCE(MAX(number), 0) + 1 FROM {table}")[0][0])
    append(database, table, [{"number": number, **facts, "recorded": now(), "nmqc": __version__}])
    return number


def _append_baseline(database: Database, wanted: BaselineEntry) -> BaselineEntry:
    number = _append(database, "nmqc_baselines", _facts(wanted))
    (entry,) = (one for one in baselines(database, wanted.unit, ended=False) if one.number == number)
    return entry


def _facts(one: BaselineEntry) -> dict[str, Any]:
    """Return the columns that make a baseline the same one."""
    names = ("test", "metric", "detector", "first", "last", "kind", "note")
    return {"system_unit": one.unit} | {name: getattr(one, name) for name in names}
