"""Rows of the tables as results, refusals and marks fill them, and text that both engines can keep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from nmqc.history.conditions import Conditions, Judgement
from nmqc.history.engines import Database
from nmqc.history.files import FileMark
from nmqc.history.key import Key
from nmqc.model import EnergyWindow, Refusal, Remark, Result

Columns = dict[str, Any]
_JUDGED = tuple(field.name for field in fields(Judgement))


def append(database: Database, table: str, rows: Sequence[Columns]) -> None:
    """Append rows that have the same columns."""
    if not rows:
        return
    columns = ", ".join(f'"{name}"' for name in rows[0])
    places = ", ".join("?" for _ in rows[0])
    statement = f"INSERT INTO {table} ({columns}) VALUES ({places})"
    database.run_each(statement, [tuple(row.values()) for row in rows])


def result_facts(result: Result) -> Columns:
    """Return the columns of a result that can be asked for."""
    return {
        "test": result.test,
        "algorithm": result.algorithm,
        "system": storable(result.source.system.name),
        "system_unit": storable(result.source.system.unit),
        "detector": result.detector,
        "energy_window": window_name(result.energy_window),
        "acquired": result.source.acquired,
        "verdict": result.verdict,
        "collimator": storable(result.collimator),
        "nuclide": storable(result.source.radionuclide),
    }


def input_rows(number: int, key: Key) -> list[Columns]:
    """Return a row for each input of a result."""
    return [
        {"result": number, "uid": one.uid, "pixels": one.pixels, "sha256": one.sha256} for one in key.inputs
    ]


def measurement_rows(number: int, result: Result) -> list[Columns]:
    """Return a row for each measurement of a result, in their order."""
    return [
        {
            "result": number,
            "position": position,
            "name": measurement.metric.name,
            "of": measurement.of,
            "value": float(measurement.value),
            "unit": measurement.metric.unit,
            "uncertainty": measurement.uncertainty,
            "verdict": measurement.verdict,
        }
        for position, measurement in enumerate(result.measurements)
    ]


def condition_row(number: int, conditions: Conditions) -> Columns:
    """Return the row of how a result was acquired and analysed."""
    return {"result": number, "setting": conditions.setting, "counts": conditions.counts}


def judgement_rows(number: int, conditions: Conditions) -> list[Columns]:
    """Return a row for each measurement of a result that has a noise floor or limits."""
    return [
        {"result": number, "position": position, **{name: getattr(judgement, name) for name in _JUDGED}}
        for position, judgement in conditions.judgements.items()
    ]


def payload_text(payload: Mapping[str, Any], remark: Remark | None = None) -> str:
    """Return the JSON text that is stored: in ASCII, so that no encoding of a database can change it."""
    stored = {**payload, "history": None}
    if remark is not None:
        stored["remarks"] = [*payload.get("remarks", []), {"code": remark.code, "text": remark.text}]
    return json.dumps(stored, allow_nan=False)


def refusal_identity(refusal: Refusal, sha256: str, tool: str, configuration: str) -> Columns:
    """Return the columns that make a refusal the same one."""
    return {
        "sha256": sha256,
        "detector": refusal.detector,
        "energy_window": window_name(refusal.energy_window),
        "code": refusal.code,
        "tool": tool,
        "configuration": configuration,
    }


def mark_row(mark: FileMark) -> Columns:
    """Return the columns of a mark; `mark_of` is the way back."""
    columns: Columns = {name: getattr(mark, name) for name in MARK_COLUMNS}
    return columns | {"results": json.dumps(mark.results)}


def mark_of(values: Sequence[Any]) -> FileMark:
    """Return the mark that a row of `MARK_COLUMNS` holds."""
    columns = dict(zip(MARK_COLUMNS, values, strict=True))
    return FileMark(**columns | {"results": tuple(json.loads(columns["results"]))})


MARK_COLUMNS = (
    "path", "size", "modified_ns", "group", "state", "code", "reason", "sha256", "tool", "configuration",
    "results",
)  # fmt: skip


def window_name(window: EnergyWindow | None) -> str | None:
    """Return the name of an energy window, else its ranges; None where there is none."""
    if window is None:
        return None
    return storable(window.name) or ", ".join(f"{low:g} to {high:g} keV" for low, high in window.ranges_kev)


def storable(text: str) -> str:
    """Return text that both engines can keep: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
