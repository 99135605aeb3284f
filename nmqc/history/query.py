"""What is asked of the tables: columns, joins, and the conditions that filters come down to."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from nmqc.history.engines import Database, Row
from nmqc.history.entries import Filters
from nmqc.history.files import FileMark
from nmqc.history.rows import MARK_COLUMNS, mark_of

ENTRY_COLUMNS = (
    "r.number, r.recorded, r.nmqc, r.test, r.algorithm, r.system, r.system_unit, r.detector, "
    "r.energy_window, r.acquired, r.verdict, r.collimator, r.nuclide, r.payload"
)
POINT_COLUMNS = (
    "r.number, r.test, r.algorithm, r.system, r.system_unit, r.detector, r.energy_window, r.acquired, "
    'r.collimator, r.nuclide, m.name, m."of", m.value, m.unit, m.uncertainty, m.verdict, '
    "CASE WHEN e.event = 'excluded' THEN e.reason END"
)
LATEST_EVENT = (
    "LEFT JOIN nmqc_events e ON e.number = (SELECT MAX(number) FROM nmqc_events WHERE result = r.number)"
)
FILE_COLUMNS = ", ".join(f'"{name}"' for name in MARK_COLUMNS)
_LATEST_OF_PATH = (
    f"SELECT {FILE_COLUMNS} FROM nmqc_files WHERE number IN "
    "(SELECT MAX(number) FROM nmqc_files {} GROUP BY path)"
)
_PIECE = 500  # SQLite takes no more than 999 values in the versions of before 2020
_HOLDS_METRIC = "EXISTS (SELECT 1 FROM nmqc_measurements h WHERE h.name = ? AND h.result = r.number)"
_EXCLUDED = {True: "e.event = 'excluded'", False: "COALESCE(e.event, 'included') = 'included'"}


def where_clause(filters: Filters, metric_column: str = "") -> tuple[str, tuple[Any, ...]]:
    """Return the WHERE clause of the filters with its values.

    Parameters
    ----------
    metric_column : str
        The column that must hold the metric; "" asks that the result has such a measurement.
    """
    equal = {
        "r.test = ?": filters.test,
        "r.system = ?": filters.system,
        "r.system_unit = ?": filters.system_unit,
        "r.detector = ?": filters.detector,
        "r.verdict = ?": filters.verdict,
        "r.acquired >= ?": filters.acquired_from,
        f"{metric_column} = ?" if metric_column else _HOLDS_METRIC: filters.metric,
    }
    asked: list[tuple[str, tuple[Any, ...]]] = [
        (c, (value,)) for c, value in equal.items() if value is not None
    ]
    if filters.acquired_to is not None:
        asked.append(("SUBSTR(r.acquired, 1, ?) <= ?", (len(filters.acquired_to), filters.acquired_to)))
    if filters.excluded is not None:
        asked.append((_EXCLUDED[filters.excluded], ()))
    clause = " AND ".join(condition for condition, _ in asked)
    return f"WHERE {clause}" if clause else "", tuple(value for _, values in asked for value in values)


def rows_of(database: Database, statement: str, values: Collection[Any]) -> Iterator[Row]:
    """Yield the rows that a query finds for values of any number; "{}" in it stands for their list.

    Each value counts once, and no query is made for none.
    """
    distinct = sorted(set(values))
    for start in range(0, len(distinct), _PIECE):
        piece = distinct[start : start + _PIECE]
        yield from database.rows(statement.format(", ".join("?" * len(piece))), piece)


def latest_marks(database: Database, paths: Collection[str] | None) -> dict[str, FileMark]:
    """Return the latest mark of each path that has one; of all paths where None are given."""
    if paths is None:
        found: Iterator[Row] = iter(database.rows(_LATEST_OF_PATH.format("")))
    else:
        found = rows_of(database, _LATEST_OF_PATH.format("WHERE path IN ({})"), paths)
    return {row[0]: mark_of(row) for row in found}


def cameras(database: Database) -> list[tuple[str, str]]:
    """Return (unit, kind of system) of every camera with a result, sorted."""
    asked = "SELECT DISTINCT system_unit, system FROM nmqc_results ORDER BY system_unit, system"
    return [(row[0], row[1]) for row in database.rows(asked)]
