"""Entries for other programs: the JSON object and the rows of the CSV table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from nmqc import __version__
from nmqc.csv_cells import cell
from nmqc.errors import NmqcError
from nmqc.history.entries import Entry

SCHEMA = "nmqc.history/1"
COLUMNS = (
    "result", "recorded", "nmqc", "test", "algorithm", "system", "system_unit", "detector", "energy_window",
    "acquired", "nuclide", "collimator", "files", "result_verdict", "excluded",
    "metric", "of", "value", "unit", "uncertainty", "noise_floor_mean", "noise_floor_p95", "verdict",
    "warn_low", "warn_high", "fail_low", "fail_high", "limits_of", "limits_source",
)  # fmt: skip


def document(
    where: str | None, entries: Sequence[Entry], found: int, refused: Sequence[NmqcError] = ()
) -> dict[str, Any]:
    """Return the object of the JSON Schema ``docs/schema/nmqc.history-1.json``.

    Parameters
    ----------
    where : str or None
        Where the history is, without credentials; None where that is not known.
    found : int
        How many results the filters let through; there are fewer entries where a limit cut them off.
    refused : what could not be done
    """
    return {
        "schema": SCHEMA,
        "nmqc": __version__,
        "history": where,
        "found": found,
        "entries": [entry_json(entry) for entry in entries],
        "refused": [{"code": refusal.code, "reason": refusal.reason} for refusal in refused],
    }


def entry_json(entry: Entry) -> dict[str, Any]:
    """Return the JSON object of one entry."""
    events = [{"event": e.event, "reason": e.reason, "recorded": e.recorded} for e in entry.events]
    return {
        "number": entry.number,
        "recorded": entry.recorded,
        "nmqc": entry.nmqc,
        "excluded": entry.excluded,
        "events": events,
        "result": entry.payload,
    }


def csv_text(entries: Iterable[Entry], metric: str | None = None) -> str:
    """Return a CSV table with one row for each measurement, in the columns of `COLUMNS`.

    Numbers are written in full; what does not apply is empty. Text that a spreadsheet would take for a
    formula gets an apostrophe in front.

    Parameters
    ----------
    metric : str or None
        Keep the measurements of this name alone.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        payload = entry.payload
        for measurement in payload["measurements"]:
            if metric in (None, measurement["name"]):
                row = _result_cells(entry, payload) | _measurement_cells(measurement)
                writer.writerow([cell(row[column]) for column in COLUMNS])
    return table.getvalue()


def _result_cells(entry: Entry, payload: dict[str, Any]) -> dict[str, Any]:
    stored = [name for name in COLUMNS if hasattr(entry, name)]
    return {name: getattr(entry, name) for name in stored} | {
        "result": entry.number,
        "result_verdict": entry.verdict,
        "files": "; ".join(source["file"] for source in payload["inputs"]),
    }


def _measurement_cells(measurement: dict[str, Any]) -> dict[str, Any]:
    noise, limits = measurement["noise_floor"] or {}, measurement["limits"] or {}
    ends = {
        f"{level}_{end}": limits[level][end] if limits else None
        for level in ("warn", "fail")
        for end in ("low", "high")
    }
    return ends | {
        "metric": measurement["name"],
        **{name: measurement[name] for name in ("of", "value", "unit", "uncertainty", "verdict")},
        "noise_floor_mean": noise.get("mean"),
        "noise_floor_p95": noise.get("p95"),
        "limits_of": limits.get("of"),
        "limits_source": limits.get("source"),
    }
