"""Whether a history is whole, and a copy of it that is."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from nmqc.errors import HistoryUnavailable, UnusableInput
from nmqc.history.address import Address, find_address
from nmqc.history.engines import Database, connect, no_history
from nmqc.history.schema import STEPS, version_of
from nmqc.history.whole import disagreeing

_MOST_SAID = 20
_NUMBERED = ("results", "events", "refusals")


def problems(address: Address, timeout_s: float = 30) -> tuple[int, list[str]]:
    """Return how many results a history holds, and what is wrong with it, most of all in its pages.

    SQLite's own check of all pages, the rows that refer to none, the guards that keep it append-only; in either
    engine, gaps in what is numbered, and results whose stored object says something else than their rows.

    Raises
    ------
    HistoryUnavailable
        If it cannot be read at all, or there is none.
    """
    with closing(connect(address, timeout_s, read_only=True)) as database:
        if version_of(database) == 0:
            raise no_history(address.shown)
        found = [*_of_file(database), *_of_numbers(database), *_of_results(database)]
        (count,) = database.rows("SELECT COUNT(*) FROM nmqc_results")[0]
    more = [f"and {len(found) - _MOST_SAID} more"] if len(found) > _MOST_SAID else []
    return int(count), found[:_MOST_SAID] + more


def _of_file(database: Database) -> Iterator[str]:
    """Yield what SQLite finds; its words name tables and pages, never what stands in them."""
    if database.dialect.engine != "sqlite":
        return
    yield from (f"page: {row[0]}" for row in database.rows("PRAGMA integrity_check") if row[0] != "ok")
    for row in database.rows("PRAGMA foreign_key_check"):
        yield f"{row[0]}: row {row[1]} refers to a row of {row[2]} that is not there"
    there = {row[0] for row in database.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    statements = [one for step in STEPS["sqlite"][: version_of(database)] for one in step()]
    guards = {found[1] for one in statements if (found := re.match(r"CREATE TRIGGER (\w+)", one))}
    yield from (f"{name}: this guard against changes is missing" for name in sorted(guards - there))


def _of_numbers(database: Database) -> Iterator[str]:
    """Yield the tables whose numbers, which nothing ever takes out, have a gap."""
    for name in _NUMBERED:
        last, count = database.rows(f"SELECT COALESCE(MAX(number), 0), COUNT(*) FROM nmqc_{name}")[0]
        if last != count:
            yield f"nmqc_{name}: {count} rows, the last of which has the number {last}"


def _of_results(database: Database) -> Iterator[str]:
    """Yield the results whose object is none, or differs from their rows."""
    for number in disagreeing(database):
        yield f"result {number}: its stored object and its rows do not agree"


# --- a copy ---------------------------------------------------------------------------------------------


def back_up(address: Address, target: Path, *, force: bool = False, timeout_s: float = 30) -> int:
    """Copy a history as it is at one moment, while others may write; return how many results are in the copy.

    The copy is checked before it takes its name. What was there before stays where anything goes wrong, and where
    it holds more results than the history, unless `force` is given.

    Raises
    ------
    HistoryUnavailable
        If the history is damaged, on a server, or cannot be read.
    UnusableInput
        ``file_exists`` or ``cannot_write``.
    """
    if address.engine != "sqlite":
        raise HistoryUnavailable(
            "history_on_server",
            f"the history {address.shown} is on a server: copy it with pg_dump --table='nmqc_*'",
        )
    count = require_whole(address, timeout_s)
    final = target.resolve()
    _check_target(address, final, count, force=force)
    unfinished = final.with_name(f".{final.name}.{os.getpid()}")
    try:
        _copy(address, unfinished, timeout_s)
        count = require_whole(find_address(str(unfinished)), timeout_s)
        unfinished.replace(final)
    except OSError as problem:
        raise _not_written(target, problem.strerror or "unknown error") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def require_whole(address: Address, timeout_s: float) -> int:
    """Return how many results a history holds.

    Raises
    ------
    HistoryUnavailable
        ``history_damaged``, with what to do.
    """
    count, found = problems(address, timeout_s)
    if found:
        raise HistoryUnavailable(
            "history_damaged",
            f"the history {address.shown} is damaged ({found[0]}): see `nmqc history check`; keep it as it is, and "
            "put its last copy back under its name",
        )
    return count


def _check_target(address: Address, target: Path, count: int, *, force: bool) -> None:
    """Refuse to replace what is no earlier copy, or holds more than the new one would."""
    if not target.exists():
        return
    if target.samefile(address.target):
        raise UnusableInput("file_exists", f"{target} is the history itself: give another file")
    if force:
        return
    try:
        before, _ = problems(find_address(str(target)))
    except HistoryUnavailable:
        raise UnusableInput(
            "file_exists", f"{target} is no earlier copy: choose another file, or give --force"
        ) from None
    if before > count:
        raise UnusableInput(
            "file_exists",
            f"{target} holds {before} results and the history {count}: keep it, and choose another file; or give "
            "--force",
        )


def _copy(address: Address, target: Path, timeout_s: float) -> None:
    target.unlink(missing_ok=True)
    try:
        with (
            closing(sqlite3.connect(address.target, timeout=timeout_s)) as history,
            closing(sqlite3.connect(target)) as copy,
        ):
            history.backup(copy)
    except sqlite3.Error as problem:
        name = getattr(problem, "sqlite_errorname", type(problem).__name__)
        raise _not_written(target, name) from None


def _not_written(target: Path, why: str) -> UnusableInput:
    return UnusableInput(
        "cannot_write", f"{target} cannot be written ({why}): choose another file, or make room"
    )
