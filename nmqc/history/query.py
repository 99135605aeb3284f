"""What is asked of the tables: columns, joins, and the conditions that filters come down to."""

from __future__ import annotations

from typing import Any

from nmqc.history.entries import Filters

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
