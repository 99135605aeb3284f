"""The trend as a CSV table: one row for each value, with the limits, the baseline and what was noticed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from nmqc.csv_cells import cell

COLUMNS = (
    "system_unit", "system", "test", "detector", "energy_window", "conditions", "metric", "of", "unit",
    "acquired", "value", "uncertainty", "noise_floor_p95", "counts", "verdict", "excluded", "result",
    "warn_low", "warn_high", "fail_low", "fail_high", "baseline", "control_low", "control_high", "change", "notices",
    "trend", "left_out",
)  # fmt: skip
BEGINNING = ",".join(COLUMNS[:3])
_POINTS = {
    "acquired": "acquired",
    "value": "value",
    "uncertainty": "uncertainty",
    "noise_floor_p95": "noise_floor_p95",
    "counts": "counts",
    "verdict": "verdict",
    "excluded": "excluded",
    "number": "result",
    "left_out": "left_out",
}


def csv_text(document: Mapping[str, Any]) -> str:
    """Return the values of an object of `nmqc.trend/1` in the columns of `COLUMNS`.

    Numbers are written in full; what does not apply is empty. Text that a spreadsheet would take for a formula gets
    an apostrophe in front.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    for system in document["systems"]:
        for test in system["tests"]:
            for series in test["series"]:
                shared = _shared(system, test, series)
                writer.writerows([cell(row[name]) for name in COLUMNS] for row in _rows(series, shared))
    return table.getvalue()


def _shared(system: Mapping[str, Any], test: Mapping[str, Any], series: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "system_unit": system["unit"],
        "system": system["system"],
        "test": test["test"],
        "energy_window": series["window"],
        "trend": series["state"],
        **{name: series[name] for name in ("detector", "conditions", "metric", "of", "unit")},
    }


def _rows(series: Mapping[str, Any], shared: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    points = series["points"]
    noticed: dict[int, list[str]] = {}
    for notice in series["notices"]:
        noticed.setdefault(notice["number"], []).append(notice["rule"])
    changed = {change["acquired"] for change in series["changes"]}
    for values in zip(*(points[name] for name in _POINTS), strict=True):
        row = dict(zip(_POINTS.values(), values, strict=True))
        at = row["acquired"]
        yield {
            **shared,
            **row,
            **_limits(series["limits"], at),
            **_baseline(series["baselines"], at),
            "change": "step" if at in changed else None,
            "notices": "; ".join(noticed.get(row["result"], ())) or None,
        }


def _limits(spans: list[Mapping[str, Any]], at: str) -> dict[str, float | None]:
    span = next((one for one in spans if one["from"] <= at <= one["to"]), None)
    ends = {level: span[level] if span else (None, None) for level in ("warn", "fail")}
    return {
        f"{level}_{end}": ends[level][place] for level in ends for place, end in enumerate(("low", "high"))
    }


def _baseline(baselines: list[Mapping[str, Any]], at: str) -> dict[str, float | None]:
    current = [one for one in baselines if one["role"] == "current" and one["from"] <= at <= one["to"]]
    base = current[-1] if current else {}
    return {
        "baseline": base.get("centre"),
        "control_low": base.get("low"),
        "control_high": base.get("high"),
    }
