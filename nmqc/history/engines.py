"""The two engines: connecting, transactions, and what their errors mean for the person who reads them.

Everything else is standard SQL with "?" for values. Writers take their turn: a transaction that writes holds
the one write lock of the history from its beginning (SQLite's own; an advisory lock in PostgreSQL, which
needs no privilege on the tables), so that what it read before it wrote still holds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmqc.errors import HistoryUnavailable
from nmqc.history.address import Address

Row = tuple[Any, ...]
_ADVISORY_LOCK = 0x6E6D7163  # "nmqc"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between the engines.

    Attributes
    ----------
    begin : statements that begin a transaction and take the write lock
    placeholder : what stands for a value
    tables : query for the names of the tables that are there
    error : base class of everything the driver raises
    explain : (error, where, seconds waited) -> what to tell the person
    """

    engine: str
    begin: tuple[str, ...]
    placeholder: str
    tables: str
    error: type[Exception]
    explain: Callable[[Any, str, float], HistoryUnavailable]


class Database:
    """An open connection. Each statement stands alone unless `writing` holds several together."""

    def __init__(self, connection: Any, dialect: Dialect, where: str, timeout_s: float) -> None:
        self._connection = connection
        self.dialect = dialect
        self.where = where
        self._timeout_s = timeout_s

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Return all rows that a query finds."""
        with self._explained():
            return list(self._connection.execute(self._written(statement), values).fetchall())

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run a statement that gives no rows."""
        with self._explained():
            self._connection.execute(self._written(statement), values)

    def run_each(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each sequence of values."""
        with self._explained():
            self._connection.cursor().executemany(self._written(statement), list(values))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the write lock; what is written becomes visible at the end, all of it or nothing."""
        try:
            for statement in self.dialect.begin:
                self.run(statement)
            yield
            self.run("COMMIT")
        except BaseException:
            with suppress(self.dialect.error):
                self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connection."""
        with suppress(self.dialect.error):
            self._connection.close()

    def _written(self, statement: str) -> str:
        return statement.replace("?", self.dialect.placeholder)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except self.dialect.error as error:
            raise self.dialect.explain(error, self.where, self._timeout_s) from None


def connect(address: Address, timeout_s: float, read_only: bool) -> Database:
    """Open a connection; `timeout_s` is how long a locked history is waited for.

    Raises
    ------
    HistoryUnavailable
        If there is no such place, or it cannot be opened.
    """
    opened = _connect_sqlite if address.engine == "sqlite" else _connect_postgresql
    return opened(address, timeout_s, read_only)


# --- SQLite ---------------------------------------------------------------------------------------------

_DAMAGED = (
    "history_damaged",
    "the history {where} is damaged: move it aside and put its last copy back (`nmqc history check` says more); "
    '`sqlite3 FILE ".recover"` may save the rest',
)
_READ_ONLY = (
    "history_read_only",
    "the history {where} cannot be written, it or its folder is read-only: change the permissions, "
    "choose another with --db, or record nothing with --no-record",
)
_SQLITE_ERRORS: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_BUSY: (
        "history_locked",
        "the history {where} was locked by another program for {seconds:g} s: "
        "close that program or try again later",
    ),
    sqlite3.SQLITE_NOTADB: (
        "history_not_a_database",
        "{where} is not a history, nor any database of SQLite: choose another file with --db",
    ),
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: (
        "history_no_permission",
        "the history {where} cannot be opened: check the permissions of the file and its folder, "
        "or choose another with --db",
    ),
    sqlite3.SQLITE_FULL: (
        "history_full",
        "the disk of the history {where} is full: nothing was recorded; make room and try again",
    ),
}


def _explain_sqlite(error: Any, where: str, seconds: float) -> HistoryUnavailable:
    undecodable = isinstance(error, sqlite3.OperationalError) and not hasattr(error, "sqlite_errorcode")
    number = sqlite3.SQLITE_CORRUPT if undecodable else getattr(error, "sqlite_errorcode", 0)
    number &= 0xFF  # the rest of the bits are details
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    general = (
        "history_failed",
        f"the history {{where}} failed ({name}): check its disk, or choose another with --db",
    )
    code, text = _SQLITE_ERRORS.get(number, general)
    return HistoryUnavailable(code, text.format(where=where, seconds=seconds))


_SQLITE = Dialect(
    engine="sqlite",
    begin=("BEGIN IMMEDIATE",),
    placeholder="?",
    tables="SELECT name FROM sqlite_master WHERE type = 'table'",
    error=sqlite3.Error,
    explain=_explain_sqlite,
)


def _connect_sqlite(address: Address, timeout_s: float, read_only: bool) -> Database:
    check_place(address, read_only)
    try:
        connection = sqlite3.connect(address.target, timeout=timeout_s, isolation_level=None)
    except sqlite3.Error as error:
        raise _explain_sqlite(error, address.shown, timeout_s) from None
    database = Database(connection, _SQLITE, address.shown, timeout_s)
    try:
        # A write-ahead log does not work on network shares: a file that has one goes back to a journal.
        database.run("PRAGMA query_only = ON" if read_only else "PRAGMA journal_mode = DELETE")
        database.run("PRAGMA foreign_keys = ON")
    except HistoryUnavailable:
        database.close()
        raise
    return database


def check_place(address: Address, read_only: bool) -> None:
    """Make the default folder; refuse a place where no file can be, or is, to be read."""
    path = Path(address.target)
    try:
        if address.makes_folder and not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        there, folder, parent = path.exists(), path.is_dir(), path.parent.is_dir()
    except OSError:
        code, text = _SQLITE_ERRORS[sqlite3.SQLITE_CANTOPEN]
        raise HistoryUnavailable(code, text.format(where=address.shown)) from None
    if folder:
        raise HistoryUnavailable(
            "history_not_a_database", f"{address.shown} is a folder: give the name of a file in it with --db"
        )
    if not parent and not address.makes_folder:
        raise HistoryUnavailable(
            "history_no_folder",
            f"the history {address.shown} has no folder: make {path.parent}, or correct --db",
        )
    if read_only and not there:
        raise no_history(address.shown)


def no_history(where: str) -> HistoryUnavailable:
    """Return the refusal for a place where nothing was recorded yet."""
    return HistoryUnavailable(
        "history_missing",
        f"nothing is recorded in {where} yet: analyse a file first (`nmqc uniformity FILE`), or correct --db",
    )


# --- PostgreSQL -----------------------------------------------------------------------------------------

_UNREACHABLE = (
    "history_unreachable",
    "the history's server {where} cannot be reached or refuses the login: check that it runs, the name of "
    "the database, the user, and the password (PGPASSWORD or the file .pgpass)",
)
_POSTGRESQL_ERRORS: dict[str, tuple[str, str]] = {
    "55P03": _SQLITE_ERRORS[sqlite3.SQLITE_BUSY],
    "42501": (
        "history_no_permission",
        "the history {where} does not permit this to its user: ask for SELECT and INSERT on the tables "
        "nmqc_*; for the first use, and the first of a newer nmqc, let the owner of the tables record once",
    ),
    "25006": (
        "history_read_only",
        "the history {where} is read-only, perhaps a standby server: choose the main one with --db, "
        "or record nothing with --no-record",
    ),
    "53100": _SQLITE_ERRORS[sqlite3.SQLITE_FULL],
}


def _explain_postgresql(error: Any, where: str, seconds: float) -> HistoryUnavailable:
    state = error.sqlstate or ""
    lost = type(error).__name__ in ("OperationalError", "ConnectionTimeout") or state[:2] in (
        "08",
        "28",
        "3D",
        "57",
    )
    name = state or type(error).__name__
    general = (
        "history_failed",
        f"the history {{where}} failed (PostgreSQL error {name}): ask who runs the server",
    )
    code, text = _POSTGRESQL_ERRORS.get(state, _UNREACHABLE if lost else general)
    return HistoryUnavailable(code, text.format(where=where, seconds=seconds))


def _connect_postgresql(address: Address, timeout_s: float, read_only: bool) -> Database:
    try:
        import psycopg
    except ImportError:
        raise HistoryUnavailable(
            "history_no_driver",
            "a history in PostgreSQL needs psycopg: type `python -m pip install 'nmqc[postgres]'`",
        ) from None
    dialect = Dialect(
        engine="postgresql",
        begin=("BEGIN", f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"),
        placeholder="%s",
        tables="SELECT tablename FROM pg_tables WHERE schemaname = ANY (current_schemas(false))",
        error=psycopg.Error,
        explain=_explain_postgresql,
    )
    try:
        connection = psycopg.connect(
            address.target, autocommit=True, connect_timeout=max(2, round(timeout_s)), client_encoding="UTF8"
        )
    except psycopg.Error as error:
        raise _explain_postgresql(error, address.shown, timeout_s) from None
    database = Database(connection, dialect, address.shown, timeout_s)
    database.run(f"SET lock_timeout = {max(1, round(1000 * timeout_s))}")
    if read_only:
        database.run("SET default_transaction_read_only = on")
    return database
