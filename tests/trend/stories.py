"""Cameras over time, made by code: what was found of a quantity, and histories that hold it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from nmqc.history import Batched, History, find_address
from nmqc.model import Ends, InputFile, Limits, Measurement, Metric, Result, Source, System
from nmqc.report.document import result_json
from nmqc.trend.points import Series, Value
from nmqc.trend.report import Asked
from nmqc.trend.rules import DEFAULT_RULES
from nmqc.trend.watch import Found, Judged, watch

START = datetime(2025, 11, 3, 7, 12)
INTEGRAL, TILT = "uniformity.integral.ufov", "uniformity.tilt"
LIMITS = Judged(Ends(high=4.0), Ends(high=5.0))
NONE = Judged()


def verdict(value: float, limits: Judged = LIMITS) -> str:
    if limits is NONE:
        return "unjudged"
    return "fail" if value > 5 else "warn" if value > 4 else "pass"


def scattered(count: int, level: Callable[[int], float] = lambda _: 2.9, seed: int = 1) -> list[float]:
    draw = random.Random(seed)
    return [level(place) + draw.gauss(0, 0.15) for place in range(count)]


def found(
    values: Sequence[float],
    days: Sequence[float] | None = None,
    limits: Judged = LIMITS,
    excluded: dict[int, str] | None = None,
    uncertainty: float | None = 0.12,
    counts: Callable[[int], float] | None = None,
    **key: Any,
) -> Found:
    """The values of one quantity, one a day unless other days are given."""
    days = range(len(values)) if days is None else days
    made = tuple(
        Value(
            number=number,
            acquired=START + timedelta(days=day),
            value=value,
            uncertainty=uncertainty,
            counts=None if counts is None else counts(number - 1),
            verdict=verdict(value, limits),
            excluded=(excluded or {}).get(number - 1),
        )
        for number, (day, value) in enumerate(zip(days, values, strict=True), 1)
    )
    facts = {
        "unit": "Gamma 1", "system": "intevo", "test": "uniformity.planar", "detector": 1, "window": "Tc-99m",
        "metric": INTEGRAL, "of": "", "unit_of_value": "%", "setting": "s1", **key,
    }  # fmt: skip
    return Found(Series(**facts, values=made), (limits,) * len(made))


def watched(*args: Any, **kwargs: Any) -> Any:
    return watch([found(*args, **kwargs)])


def asked(**changes: Any) -> Asked:
    facts = {
        "first": None,
        "last": None,
        "today": date(2026, 11, 22),
        "rules": DEFAULT_RULES,
        "labels": {INTEGRAL: "integral uniformity, UFOV", TILT: "tilt"},
        "titles": {"uniformity.planar": "flood uniformity"},
    }
    return Asked(**{**facts, **changes})


# --- histories ------------------------------------------------------------------------------------------

_JUDGED = Limits(Ends(high=4.0), Ends(high=5.0), "value", "%", "site", verified=True)


def result(
    number: int, acquired: datetime | None, value: float, unit: str = "Gamma 1", **facts: Any
) -> Result:
    """A flood with one judged value and one without limits."""
    digest = hashlib.sha256(f"{unit} {number} {facts}".encode()).hexdigest()
    limited = facts.pop("limited", True)
    measured = Measurement(
        Metric(INTEGRAL, "%", "NEMA NU 1, 2.4"),
        value,
        uncertainty_parts={"counting": 0.12},
        limits=_JUDGED if limited else None,
        verdict=verdict(value, LIMITS if limited else NONE),  # type: ignore[arg-type]
    )
    source = Source(
        (InputFile(f"f{number}.dcm", digest, digest, f"1.2.{digest[:8]}"),),
        System("intevo", unit, "SIEMENS NM", "Symbia Intevo Bold"),
        None if acquired is None else acquired.isoformat(),
        "AcquisitionDateTime",
    )
    made = {
        "test": "uniformity.planar", "algorithm": "uniformity.planar/1", "source": source, "detector": 1,
        "detector_source": "vector", "energy_window": None, "parameters": {}, "asked": {},
        "measurements": (measured, Measurement(Metric(TILT, "%", "nmqc"), 0.1 + 0.01 * (number % 7))),
        "not_measured": (), "remarks": (), **facts,
    }  # fmt: skip
    return Result(**made)


def record(path: Path, results: Sequence[Result]) -> Path:
    """Write a history with some results, and return where it is."""
    with History.open(find_address(str(path))) as history:
        history.record_batch([Batched(results=((one, result_json(one, None)),)) for one in results])
    return path


def daily(values: Sequence[float], unit: str = "Gamma 1", **facts: Any) -> list[Result]:
    return [result(n, START + timedelta(days=n), value, unit, **facts) for n, value in enumerate(values)]
