"""Recorded numbers beside those of today, and what counts as the same."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nmqc.model import Measurement, Result
from nmqc.report.document import plain

#: What another processor or library may change in the last digits: of the larger of the two numbers, and of nothing.
RELATIVE, ABSOLUTE = 1e-6, 1e-9

Status = Literal["same", "differs", "not_compared"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A number that is not what was recorded; `now` is None where it can no longer be had.

    `what` is "value", "uncertainty", "noise_floor.mean" or "noise_floor.p95"; `uncertainty` is the recorded one.
    """

    metric: str
    of: str
    unit: str
    what: str
    recorded: float | None
    now: float | None
    uncertainty: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """A recorded result, and how it stands today.

    Attributes
    ----------
    number : of the entry in the history
    algorithm, now : versions of the algorithm, then and today; `now` is "" where there is no result today
    metrics, units : that were compared, by name; the unit of each
    new : measurements of today that were not recorded
    code, reason : why it was not compared; ""
    """

    number: int
    test: str
    algorithm: str
    now: str
    status: Status
    metrics: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    new: tuple[str, ...] = ()
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OfMetric:
    """How often a metric was compared, how many numbers differ and are gone, and the largest change of a value."""

    metric: str
    unit: str
    compared: int
    differ: int
    gone: int
    largest: float | None
    largest_sigmas: float | None


def not_compared(stored: Mapping[str, Any], code: str, reason: str) -> Compared:
    """Return that a recorded result could not be compared."""
    return Compared(
        stored["history"], stored["test"], stored["algorithm"], "", "not_compared", code=code, reason=reason
    )


def compared(stored: Mapping[str, Any], results: Sequence[Result]) -> Compared:
    """Return a recorded result beside that of today: of the same files, detector, window and options.

    A result that was recorded and can no longer be had differs, in all its numbers. Where the same result is there
    with other options, such as another field of view in the site's configuration, the two are not comparable.
    """
    same = [one for one in results if place_of(one) == place_of_stored(stored)]
    alike = [one for one in same if plain(one.asked) == stored["asked"]]
    if same and not alike:
        return not_compared(stored, "asked_differs", _other_options(stored["asked"], plain(same[0].asked)))
    now = alike[0] if alike else None
    today = {(one.metric.name, one.of): one for one in now.measurements} if now else {}
    recorded = {(one["name"], one["of"]): one for one in stored["measurements"]}
    differences = [one for key, then in recorded.items() for one in _differences(then, today.get(key))]
    return Compared(
        number=stored["history"],
        test=stored["test"],
        algorithm=stored["algorithm"],
        now=now.algorithm if now else "",
        status="differs" if differences or now is None else "same",
        metrics=tuple(name for name, _ in recorded),
        units=tuple(one["unit"] for one in recorded.values()),
        differences=tuple(differences),
        new=tuple(f"{name} {of}".strip() for name, of in today if (name, of) not in recorded),
    )


def place_of(result: Result) -> tuple[object, ...]:
    """Return which result of an analysis it is: detector, energy window, files, pair of detectors."""
    window = result.energy_window
    ranges = None if window is None else [list(one) for one in window.ranges_kev]
    return result.detector, ranges, sorted({one.sha256 for one in result.source.inputs}), _pair(result.asked)


def place_of_stored(stored: Mapping[str, Any]) -> tuple[object, ...]:
    """Return the same of a recorded result."""
    window = stored["energy_window"]
    ranges = None if window is None else window["ranges_kev"]
    return (
        stored["detector"],
        ranges,
        sorted({one["sha256"] for one in stored["inputs"]}),
        _pair(stored["asked"]),
    )


def _pair(asked: Mapping[str, Any]) -> list[int]:
    return list(asked.get("detectors") or [])


def _other_options(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    return f"it was measured with another {', '.join(names)} than today: by the site's configuration or this version"


def _differences(then: Mapping[str, Any], now: Measurement | None) -> Iterable[Difference]:
    floor = then["noise_floor"] or {}
    recorded = {
        "value": then["value"],
        "uncertainty": then["uncertainty"],
        "noise_floor.mean": floor.get("mean"),
        "noise_floor.p95": floor.get("p95"),
    }
    today = _numbers(now)
    for what, number in recorded.items():
        if now is None and what != "value":
            continue  # what is gone is told once
        if not alike(number, today[what]):
            yield Difference(
                then["name"], then["of"], then["unit"], what, number, today[what], then["uncertainty"]
            )


def _numbers(now: Measurement | None) -> dict[str, float | None]:
    floor = now.noise_floor if now else None
    return {
        "value": now.value if now else None,
        "uncertainty": now.uncertainty if now else None,
        "noise_floor.mean": floor.mean if floor else None,
        "noise_floor.p95": floor.p95 if floor else None,
    }


def alike(one: float | None, other: float | None) -> bool:
    """Say whether two numbers differ in their last digits at most, or neither is there."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def by_metric(found: Iterable[Compared]) -> list[OfMetric]:
    """Return for each metric how often it differs and how far, in the order in which they come."""
    units: dict[str, list[str]] = {}
    different: dict[str, list[Difference]] = {}
    for one in found:
        for name, unit in zip(one.metrics, one.units, strict=True):
            units.setdefault(name, []).append(unit)
        for difference in one.differences:
            different.setdefault(difference.metric, []).append(difference)
    return [_of_metric(name, each[0], len(each), different.get(name, [])) for name, each in units.items()]


def _of_metric(name: str, unit: str, count: int, differences: Sequence[Difference]) -> OfMetric:
    values = [one for one in differences if one.what == "value"]
    steps = [
        (abs(one.now - one.recorded), one.uncertainty)
        for one in values
        if one.now is not None and one.recorded is not None
    ]
    sigmas = [step / sigma for step, sigma in steps if sigma]
    return OfMetric(
        metric=name,
        unit=unit,
        compared=count,
        differ=len({id(one) for one in differences}),
        gone=sum(one.now is None for one in values),
        largest=max((step for step, _ in steps), default=None),
        largest_sigmas=max(sigmas, default=None),
    )
