"""Results and limits for the tests, no larger than they need."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from nmqc.limits import Conditions, Limit, LimitSet
from nmqc.model import Ends, Limits, Measurement, Metric, NoiseFloor, Result, Source, System

INTEGRAL = "uniformity.integral.ufov"
OFFSET = "cor.offset"
NO_END = Ends()
UNITS = {
    INTEGRAL: "%",
    "uniformity.integral.cfov": "%",
    "uniformity.counts_per_pixel": "counts",
    OFFSET: "mm",
    "resolution.bars.contrast": "",
}


def measurement(
    value: float, name: str = INTEGRAL, of: str = "", p95: float | None = None, label: str = ""
) -> Measurement:
    """Return a measurement that is not judged."""
    metric = Metric(name, UNITS[name], "a clause", label)
    floor = None if p95 is None else NoiseFloor(mean=0.8 * p95, p95=p95)
    return Measurement(metric, value, of=of, noise_floor=floor)


def result(*measurements: Measurement, **facts: Any) -> Result:
    """Return a result of detector 2 of an Intevo called "Gamma 2", Tc-99m, without a collimator."""
    source = Source(
        (), System("intevo", "Gamma 2", "SIEMENS NM", "Symbia"), None, None, radionuclide="Tc-99m"
    )
    given = {"detector": 2, "collimator": "NONE", **facts}
    return Result(
        test="uniformity.planar",
        algorithm="uniformity.planar/1",
        source=source,
        detector_source="user",
        energy_window=None,
        parameters={},
        asked={},
        measurements=measurements,
        **given,
    )


def limit(
    fail: Ends,
    warn: Ends = NO_END,
    *,
    name: str = INTEGRAL,
    of: str = "",
    on: Literal["value", "magnitude"] = "value",
    origin: Literal["built-in", "site"] = "site",
    unit: str | None = None,
    line: int = 1,
    **conditions: Any,
) -> Limit:
    """Return an entry."""
    limits = Limits(warn, fail, on, UNITS[name] if unit is None else unit, "a source", verified=False)
    return Limit(name, of, limits, Conditions(**conditions), origin, "limits.toml", line)


def limit_set(*entries: Limit) -> LimitSet:
    """Return a set of entries."""
    return LimitSet(entries)


def written(folder: Path, lines: Sequence[str], name: str = "limits.toml") -> Path:
    """Write lines to a file, and return its path."""
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
