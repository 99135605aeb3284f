"""Whether the rows of a result say what its stored object says: a trend reads the rows, a report the object."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from nmqc.history.conditions import conditions_of
from nmqc.history.engines import Database
from nmqc.history.rows import condition_row, judgement_rows, storable, window_name
from nmqc.history.schema import CONDITIONS_SINCE, version_of
from nmqc.model import EnergyWindow

_AT_A_TIME = 500
_FACTS = (
    *("test", "algorithm", "system", "system_unit", "detector", "energy_window", "acquired", "verdict"),
    *("collimator", "nuclide"),
)
_RESULTS = (
    f"SELECT number, {', '.join(_FACTS)}, payload FROM nmqc_results "
    f"WHERE number > ? ORDER BY number LIMIT {_AT_A_TIME}"
)
_OF_MEASUREMENT = ("name", "of", "value", "unit", "uncertainty", "verdict")
#: table -> its columns and what its rows are ordered by; all begin with the number of the result
_TABLES = {
    "measurements": ('name, "of", value, unit, uncertainty, verdict', "position"),
    "inputs": ("sha256", "sha256"),
    "conditions": ("setting, counts", "result"),
    "judgements": (
        "position, floor_mean, floor_p95, warn_low, warn_high, fail_low, fail_high, limits_of",
        "position",
    ),
}
_OF_TRENDS = ("conditions", "judgements")
Rows = list[tuple[Any, ...]]


def disagreeing(database: Database) -> Iterator[int]:
    """Yield the numbers of the results whose object is none, or says something else than their rows."""
    tables = [name for name in _TABLES if name not in _OF_TRENDS or version_of(database) >= CONDITIONS_SINCE]
    last = 0
    while rows := database.rows(_RESULTS, (last,)):
        held = {name: _of_each(database, name, last, rows[-1][0]) for name in tables}
        for number, *facts, payload in rows:
            own = {name: found.get(number, []) for name, found in held.items()}
            if not _agrees(payload, tuple(facts), own):
                yield number
        last = rows[-1][0]


def _of_each(database: Database, name: str, after: int, until: int) -> dict[int, Rows]:
    """Return the rows of a table by their results."""
    columns, order = _TABLES[name]
    asked = (
        f"SELECT result, {columns} FROM nmqc_{name} WHERE result > ? AND result <= ? ORDER BY result, {order}"
    )
    found: dict[int, Rows] = {}
    for number, *values in database.rows(asked, (after, until)):
        found.setdefault(number, []).append(tuple(values))
    return found


def _agrees(payload: str, facts: tuple[Any, ...], held: Mapping[str, Rows]) -> bool:
    try:
        stored = json.loads(payload)
        said = _said(stored)
        same = _facts(stored) == facts and all(
            held[name] == said[name] for name in ("measurements", "inputs")
        )
        if held.get("conditions"):  # an older nmqc may have recorded a result without them
            same = same and all(held[name] == said[name] for name in _OF_TRENDS)
        return same and (bool(held.get("conditions")) or not held.get("judgements"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _facts(stored: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the columns of a result as its object has them."""
    system, window = stored["system"], stored["energy_window"]
    named = None if window is None else EnergyWindow(window["name"], tuple(map(tuple, window["ranges_kev"])))
    return (
        stored["test"],
        stored["algorithm"],
        storable(system["name"]),
        storable(system["unit"]),
        stored["detector"],
        window_name(named),
        stored["acquired"],
        stored["verdict"],
        storable(stored["collimator"] or ""),
        storable(stored["radionuclide"] or ""),
    )


def _said(stored: Mapping[str, Any]) -> dict[str, Rows]:
    """Return the rows of each table as the object has them."""
    conditions = conditions_of(stored)
    return {
        "measurements": [tuple(one[name] for name in _OF_MEASUREMENT) for one in stored["measurements"]],
        "inputs": [(one,) for one in sorted({one["sha256"] for one in stored["inputs"]})],
        "conditions": [tuple(condition_row(0, conditions).values())[1:]],
        "judgements": [tuple(row.values())[1:] for row in judgement_rows(0, conditions)],
    }
