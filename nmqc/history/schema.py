"""The tables, in numbered steps. A step that was released is never changed: a new one is added at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from nmqc import __version__
from nmqc.errors import HistoryUnavailable
from nmqc.history.backfill import fill_conditions
from nmqc.history.engines import Database, no_history

_TABLES_1 = (
    """CREATE TABLE nmqc_schema (
        version INTEGER PRIMARY KEY,
        recorded TEXT NOT NULL,
        nmqc TEXT NOT NULL)""",
    """CREATE TABLE nmqc_results (
        number INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        recorded TEXT NOT NULL,
        nmqc TEXT NOT NULL,
        test TEXT NOT NULL,
        algorithm TEXT NOT NULL,
        system TEXT NOT NULL,
        system_unit TEXT NOT NULL,
        detector INTEGER,
        energy_window TEXT,
        acquired {sorted_text},
        verdict TEXT NOT NULL,
        collimator TEXT NOT NULL,
        nuclide TEXT NOT NULL,
        payload TEXT NOT NULL)""",
    "CREATE INDEX nmqc_results_by_unit ON nmqc_results (system_unit, test, acquired)",
    """CREATE TABLE nmqc_inputs (
        result INTEGER NOT NULL REFERENCES nmqc_results (number),
        uid TEXT,
        pixels TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        PRIMARY KEY (result, sha256, pixels))""",
    "CREATE INDEX nmqc_inputs_by_uid ON nmqc_inputs (uid)",
    """CREATE TABLE nmqc_measurements (
        result INTEGER NOT NULL REFERENCES nmqc_results (number),
        position INTEGER NOT NULL,
        name TEXT NOT NULL,
        "of" TEXT NOT NULL,
        value DOUBLE PRECISION NOT NULL,
        unit TEXT NOT NULL,
        uncertainty DOUBLE PRECISION,
        verdict TEXT NOT NULL,
        PRIMARY KEY (result, position))""",
    "CREATE INDEX nmqc_measurements_by_name ON nmqc_measurements (name, result)",
    """CREATE TABLE nmqc_events (
        number INTEGER PRIMARY KEY,
        result INTEGER NOT NULL REFERENCES nmqc_results (number),
        event TEXT NOT NULL CHECK (event IN ('excluded', 'included')),
        reason TEXT NOT NULL,
        recorded TEXT NOT NULL,
        nmqc TEXT NOT NULL)""",
    "CREATE INDEX nmqc_events_by_result ON nmqc_events (result, number)",
    """CREATE TABLE nmqc_refusals (
        number INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        recorded TEXT NOT NULL,
        nmqc TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        file TEXT NOT NULL,
        detector INTEGER,
        energy_window TEXT,
        code TEXT NOT NULL,
        reason TEXT NOT NULL,
        tool TEXT NOT NULL,
        configuration TEXT NOT NULL)""",
    "CREATE INDEX nmqc_refusals_by_file ON nmqc_refusals (sha256)",
)
_GUARDED_1 = ("schema", "results", "inputs", "measurements", "events", "refusals")
_TABLES_2 = (
    """CREATE TABLE nmqc_files (
        number INTEGER PRIMARY KEY,
        path TEXT NOT NULL,
        size BIGINT NOT NULL,
        modified_ns BIGINT NOT NULL,
        "group" TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('done', 'unknown', 'refused')),
        code TEXT NOT NULL,
        reason TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        tool TEXT NOT NULL,
        configuration TEXT NOT NULL,
        results TEXT NOT NULL,
        recorded TEXT NOT NULL,
        nmqc TEXT NOT NULL)""",
    "CREATE INDEX nmqc_files_by_path ON nmqc_files (path, number)",
    "CREATE INDEX nmqc_files_by_bytes ON nmqc_files (sha256)",
    "CREATE INDEX nmqc_inputs_by_bytes ON nmqc_inputs (sha256)",
)
_GUARDED_2 = ("files",)
_TABLES_3 = (
    """CREATE TABLE nmqc_conditions (
        result INTEGER PRIMARY KEY REFERENCES nmqc_results (number),
        setting TEXT NOT NULL,
        counts DOUBLE PRECISION)""",
    """CREATE TABLE nmqc_judgements (
        result INTEGER NOT NULL REFERENCES nmqc_results (number),
        position INTEGER NOT NULL,
        floor_mean DOUBLE PRECISION,
        floor_p95 DOUBLE PRECISION,
        warn_low DOUBLE PRECISION,
        warn_high DOUBLE PRECISION,
        fail_low DOUBLE PRECISION,
        fail_high DOUBLE PRECISION,
        limits_of TEXT,
        PRIMARY KEY (result, position))""",
    """CREATE TABLE nmqc_baselines (
        number INTEGER PRIMARY KEY,
        system_unit TEXT NOT NULL,
        test TEXT NOT NULL,
        metric TEXT NOT NULL,
        detector INTEGER,
        "first" TEXT NOT NULL,
        "last" TEXT,
        kind TEXT NOT NULL CHECK (kind IN ('acceptance', 'service', 'tune', 'source', 'software', 'other')),
        note TEXT NOT NULL,
        recorded TEXT NOT NULL,
        nmqc TEXT NOT NULL)""",
    "CREATE INDEX nmqc_baselines_by_unit ON nmqc_baselines (system_unit, number)",
    """CREATE TABLE nmqc_notes (
        number INTEGER PRIMARY KEY,
        system_unit TEXT NOT NULL,
        date TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('acceptance', 'service', 'tune', 'source', 'software', 'other')),
        text TEXT NOT NULL,
        recorded TEXT NOT NULL,
        nmqc TEXT NOT NULL)""",
    "CREATE INDEX nmqc_notes_by_unit ON nmqc_notes (system_unit, number)",
    """CREATE TABLE nmqc_withdrawals (
        number INTEGER PRIMARY KEY,
        baseline INTEGER UNIQUE REFERENCES nmqc_baselines (number),
        note INTEGER UNIQUE REFERENCES nmqc_notes (number),
        reason TEXT NOT NULL,
        recorded TEXT NOT NULL,
        nmqc TEXT NOT NULL,
        CHECK ((baseline IS NULL) <> (note IS NULL)))""",
)
_GUARDED_3 = ("conditions", "judgements", "baselines", "notes", "withdrawals")
_TABLES_4 = (
    """CREATE TABLE nmqc_pictures (
        result INTEGER PRIMARY KEY REFERENCES nmqc_results (number),
        png TEXT NOT NULL)""",
)
_GUARDED_4 = ("pictures",)
CONDITIONS_SINCE = 3  # version from which the tables hold what a trend asks of results
_REASON = "the history of nmqc is append-only"


def _sqlite_1() -> tuple[str, ...]:
    tables = tuple(statement.format(sorted_text="TEXT") for statement in _TABLES_1)
    return tables + _sqlite_guards(_GUARDED_1)


def _sqlite_2() -> tuple[str, ...]:
    return _TABLES_2 + _sqlite_guards(_GUARDED_2)


def _sqlite_3() -> tuple[str, ...]:
    return _TABLES_3 + _sqlite_guards(_GUARDED_3)


def _sqlite_4() -> tuple[str, ...]:
    return _TABLES_4 + _sqlite_guards(_GUARDED_4)


def _sqlite_guards(tables: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        f"CREATE TRIGGER nmqc_{table}_no_{change.lower()} BEFORE {change} ON nmqc_{table} "
        f"BEGIN SELECT RAISE(ABORT, '{_REASON}'); END"
        for table in tables
        for change in ("UPDATE", "DELETE")
    )


def _postgresql_1() -> tuple[str, ...]:
    function = (
        "CREATE FUNCTION nmqc_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REASON}'; END $$"
    )
    tables = tuple(statement.format(sorted_text='TEXT COLLATE "C"') for statement in _TABLES_1)
    return (*tables, function, *_postgresql_guards(_GUARDED_1))


def _postgresql_2() -> tuple[str, ...]:
    return _TABLES_2 + _postgresql_guards(_GUARDED_2)


def _postgresql_3() -> tuple[str, ...]:
    return _TABLES_3 + _postgresql_guards(_GUARDED_3)


def _postgresql_4() -> tuple[str, ...]:
    return _TABLES_4 + _postgresql_guards(_GUARDED_4)


def _postgresql_guards(tables: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        f"CREATE TRIGGER nmqc_{table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON nmqc_{table} "
        "EXECUTE FUNCTION nmqc_append_only()"
        for table in tables
    )


#: engine -> one function for each step, in order; the first makes version 1
STEPS: dict[str, tuple[Callable[[], tuple[str, ...]], ...]] = {
    "sqlite": (_sqlite_1, _sqlite_2, _sqlite_3, _sqlite_4),
    "postgresql": (_postgresql_1, _postgresql_2, _postgresql_3, _postgresql_4),
}
#: what a step adds to its tables of what is there already
FILLS: dict[int, Callable[[Database], None]] = {CONDITIONS_SINCE: fill_conditions}


def bring_up_to_date(database: Database, read_only: bool) -> None:
    """Make the tables, or add what newer versions of nmqc need; refuse what is newer still."""
    steps = STEPS[database.dialect.engine]
    version = version_of(database)
    if version == len(steps):
        return
    if read_only and version == 0:
        raise no_history(database.where)
    if read_only and version < len(steps):
        raise HistoryUnavailable(
            "history_older",
            f"the history {database.where} is of an older nmqc: record into it once with this version "
            "(`nmqc batch FOLDER`, or the analysis of any file) to upgrade it; nothing in it changes",
        )
    with database.writing():
        for number, step in enumerate(steps[version_of(database) :], start=version_of(database) + 1):
            for statement in step():
                database.run(statement)
            if number in FILLS:
                FILLS[number](database)
            database.run("INSERT INTO nmqc_schema VALUES (?, ?, ?)", (number, now(), __version__))


def version_of(database: Database) -> int:
    """Return the number of the last step taken, 0 for a place without tables.

    Raises
    ------
    HistoryUnavailable
        If it is a database of another program, or of a newer nmqc.
    """
    tables = {row[0] for row in database.rows(database.dialect.tables)}
    if "nmqc_schema" not in tables:
        if tables and database.dialect.engine == "sqlite":
            raise HistoryUnavailable(
                "history_not_a_history",
                f"{database.where} is a database of another program: choose another file with --db",
            )
        return 0
    version = int(database.rows("SELECT COALESCE(MAX(version), 0) FROM nmqc_schema")[0][0])
    if version > len(STEPS[database.dialect.engine]):
        raise HistoryUnavailable(
            "history_newer",
            f"the history {database.where} was written by a newer nmqc: upgrade this one "
            "(`python -m pip install --upgrade nmqc`), or choose another history with --db",
        )
    return version


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
