"""What the trend report says, as plain data: the object of ``docs/schema/nmqc.trend-1.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from statistics import median
from typing import Any

from nmqc.trend import standing
from nmqc.trend.assess import Assessment
from nmqc.trend.baseline import Baseline
from nmqc.trend.changes import Change
from nmqc.trend.control import can_chart, single_limits
from nmqc.trend.drift import DAYS_A_MONTH, Drift
from nmqc.trend.points import Value
from nmqc.trend.rules import Notice
from nmqc.trend.watch import Judged, Span, Watched, side_of

SCHEMA = "nmqc.trend/1"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Logged:
    """What happened to a camera, as somebody noted it."""

    unit: str
    date: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the report is of.

    Attributes
    ----------
    first : day or time from which on values are shown; None: all. Assessed is what is before it too
    last : day or time up to which values were asked for; None: all
    today : by which something is overdue
    rules : names of the rules of the control charts
    labels, titles : words for metrics and tests, by their names
    """

    first: datetime | None
    last: datetime | None
    today: date
    rules: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)


def document(
    watched: Sequence[Watched],
    asked: Asked,
    nmqc: str,
    logged: Sequence[Logged] = (),
    overdue: Sequence[Mapping[str, Any]] = (),
    undated: int = 0,
) -> Json:
    """Return the report: of each camera and test the state, what was found, and every series with its values.

    Parameters
    ----------
    watched : in any order
    nmqc : its version
    logged : events of the cameras
    overdue : what should have arrived: "unit", "test", "last", "due", "days_late"
    undated : how many results have no date, so that they are not in the trend
    """
    shown = [one for one in watched if _inside(one, asked)]
    times = [value.acquired for one in shown for value in _inside(one, asked)]
    first, last = (
        (asked.first or min(times), asked.last or max(times)) if times else (asked.first, asked.last)
    )
    if first is not None and last is not None and times:
        last = max(min(last, max(times)), first)
    units = dict.fromkeys(sorted({*(one.series.unit for one in shown), *(one["unit"] for one in overdue)}))
    return {
        "schema": SCHEMA,
        "nmqc": nmqc,
        "today": asked.today.isoformat(),
        "period": {"from": _iso(first), "to": _iso(last)},
        "rules": list(asked.rules),
        "values": len(times),
        "entries": _entries(shown, asked),
        "undated": undated,
        "systems": [_system(unit, shown, asked, logged, overdue) for unit in units],
        "refused": [],
    }


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _inside(one: Watched, asked: Asked) -> list[Value]:
    """Return the values of a series in the period that is shown."""
    values = one.series.values
    return [value for value in values if asked.first is None or value.acquired >= asked.first]


def _entries(shown: Sequence[Watched], asked: Asked) -> list[int] | None:
    numbers = {value.number for one in shown for value in _inside(one, asked)}
    return [min(numbers), max(numbers)] if numbers else None


# --- systems and tests ----------------------------------------------------------------------------------


def _system(
    unit: str,
    shown: Sequence[Watched],
    asked: Asked,
    logged: Sequence[Logged],
    overdue: Sequence[Mapping[str, Any]],
) -> Json:
    own = [one for one in shown if one.series.unit == unit]
    late = {one["test"]: dict(one) for one in overdue if one["unit"] == unit}
    events = sorted((one for one in logged if one.unit == unit), key=lambda one: one.date)
    names = dict.fromkeys(sorted({*(one.series.test for one in own), *late}))
    return {
        "unit": unit,
        "system": own[0].series.system if own else None,
        "events": [
            {"mark": mark(number), "date": one.date, "kind": one.kind, "text": one.text}
            for number, one in enumerate(events)
            if asked.first is None or one.date[:10] >= asked.first.date().isoformat()
        ],
        "tests": [
            _test(name, [one for one in own if one.series.test == name], late.get(name), asked)
            for name in names
        ],
    }


def mark(number: int) -> str:
    """Return the letters by which an event is named: a, b, ..., z, aa, ab, ..."""
    letters = ""
    number += 1
    while number:
        number, place = divmod(number - 1, 26)
        letters = chr(ord("a") + place) + letters
    return letters


def _test(name: str, own: Sequence[Watched], late: Json | None, asked: Asked) -> Json:
    places = {metric: place for place, metric in enumerate(asked.labels)}
    ordered = sorted(own, key=lambda one: _order(one, places))
    return {
        "test": name,
        "title": asked.titles.get(name, name),
        **standing.standing(ordered, asked.first, asked.today, late, asked.labels),
        "overdue": late,
        "images": [],
        "series": [_series(one, asked, _beside(one, ordered)) for one in ordered],
    }


def _order(one: Watched, places: Mapping[str, int]) -> tuple[Any, ...]:
    """Return what series are ordered by: those with limits first, then as the metrics are, detectors side by side."""
    series = one.series
    metric = places.get(series.metric, len(places)), series.metric
    return not one.judged, metric, series.of, series.window or "", series.detector or 0, series.setting


# --- a series -------------------------------------------------------------------------------------------


def _beside(one: Watched, every: Sequence[Watched]) -> bool:
    """Say whether the same quantity was measured at the same time in another setting."""
    return sum(_quantity(other) == _quantity(one) for other in every) > 1


def _quantity(one: Watched) -> tuple[Any, ...]:
    series = one.series
    return series.metric, series.of, series.detector, series.window


def _series(one: Watched, asked: Asked, beside: bool) -> Json:
    series, now = one.series, one.now
    values = _inside(one, asked)
    limits = one.limits[-1].limits if one.judged else Judged()
    return {
        "metric": series.metric,
        "label": asked.labels.get(series.metric, series.metric),
        "of": series.of,
        "detector": series.detector,
        "window": series.window,
        "setting": series.setting,
        "conditions": one.conditions or series.setting,
        "beside": beside,
        "unit": series.unit_of_value,
        "side": side_of(series.metric, limits),
        "judged": one.judged,
        "state": now.state,
        "since": _iso(standing.since(now)),
        "words": now.words,
        "summary": _summary(values),
        "parts": [_part(part, after) for part, after in _followed(one.parts)],
        "limits": [_limits(span) for span in one.limits if _shown(span.last, asked)],
        "baselines": [
            found for part, after in _followed(one.parts) for found in _baselines(part, after, one)
        ],
        "notices": [_notice(n) for part in one.parts for n in part.notices if _shown(n.acquired, asked)],
        "changes": [_change(c) for part in one.parts for c in part.changes if _shown(c.acquired, asked)],
        "drift": _drift(now, now.drift),
        "points": _points(values, _left_out(one)),
    }


def _left_out(one: Watched) -> dict[int, str]:
    """Return why values are left out of the parts of a series though nobody excluded them, by their numbers."""
    excluded = {value.number for value in one.series.values if value.excluded is not None}
    return {
        value.number: value.excluded
        for part in one.parts
        for value in part.series.values
        if value.excluded is not None and value.number not in excluded
    }


def _shown(time: datetime, asked: Asked) -> bool:
    return asked.first is None or time >= asked.first


def _followed(parts: Sequence[Assessment]) -> list[tuple[Assessment, Assessment | None]]:
    return list(zip(parts, [*parts[1:], None], strict=True))


def _part(part: Assessment, after: Assessment | None) -> Json:
    first, last = part.series.values[0].acquired, part.series.values[-1].acquired
    known = [one.counts for one in part.series.valid if one.counts]
    return {
        "from": _iso(first),
        "to": _iso(last if after is None else after.series.values[0].acquired),
        "setting": part.series.setting,
        "counts": round(median(known)) if known else None,
    }


def _summary(values: Sequence[Value]) -> Json:
    valid = [one.value for one in values if one.excluded is None]
    last = values[-1]
    return {
        "count": len(values),
        "excluded": len(values) - len(valid),
        "warn": sum(one.verdict == "warn" for one in values),
        "fail": sum(one.verdict == "fail" for one in values),
        "median": median(valid) if valid else None,
        "low": min(valid, default=None),
        "high": max(valid, default=None),
        "last": {
            "number": last.number,
            "acquired": _iso(last.acquired),
            "value": last.value,
            "uncertainty": last.uncertainty,
            "verdict": last.verdict,
            "excluded": last.excluded,
        },
    }


def _points(values: Sequence[Value], left_out: Mapping[int, str]) -> Json:
    return {
        "number": [one.number for one in values],
        "acquired": [_iso(one.acquired) for one in values],
        "value": [one.value for one in values],
        "uncertainty": [one.uncertainty for one in values],
        "noise_floor_p95": [one.floor_p95 for one in values],
        "counts": [one.counts for one in values],
        "verdict": [one.verdict for one in values],
        "excluded": [one.excluded for one in values],
        "left_out": [left_out.get(one.number) for one in values],
    }


def _limits(span: Span) -> Json:
    warn, fail = span.limits.ends
    return {
        "from": _iso(span.first),
        "to": _iso(span.last),
        "warn": [warn.low, warn.high],
        "fail": [fail.low, fail.high],
        "of": span.limits.of,
    }


def _baselines(part: Assessment, after: Assessment | None, one: Watched) -> list[Json]:
    roles = ("current", "acceptance")
    span = _part(part, after)
    return [
        _baseline(base, role, span, one)
        for base, role in zip(part.baselines, roles, strict=False)
        if base.count
    ]


def _baseline(base: Baseline, role: str, span: Json, one: Watched) -> Json:
    """Return a baseline; the current one holds from its first value on, the other one over the whole part."""
    first = (
        base.first if role == "current" and base.first is not None else datetime.fromisoformat(span["from"])
    )
    limits = one.limits[-1].limits if one.limits else Judged()
    drawn = single_limits(base, side_of(one.series.metric, limits)) if can_chart(base) else None
    return {
        "role": role,
        "from": _iso(first),
        "to": span["to"],
        "centre": base.centre,
        "sigma": base.sigma,
        "low": drawn.low if drawn else None,
        "high": drawn.high if drawn else None,
        "count": base.count,
        "state": base.state,
        "first": _iso(base.first),
        "last": _iso(base.last),
        "source": base.source,
        "kind": base.kind,
        "note": base.note,
        "across": _iso(base.across),
        "logarithms": base.transform == "log",
        "autocorrelated": base.autocorrelated,
    }


def _notice(one: Notice) -> Json:
    return {
        "rule": one.rule,
        "number": one.number,
        "acquired": _iso(one.acquired),
        "until": _iso(one.until),
        "text": one.text,
        "size": one.size,
    }


def _change(one: Change) -> Json:
    return {
        "acquired": _iso(one.acquired),
        "low": _iso(one.low),
        "high": _iso(one.high),
        "before": one.before,
        "after": one.after,
        "sigma": one.sigma,
    }


def _drift(part: Assessment, found: Drift | None) -> Json | None:
    """Return a drift with the ends of its line, which goes through the middle of the values since its onset."""
    if found is None:
        return None
    since = [one for one in part.series.valid if one.acquired >= found.onset]
    days = [(one.acquired - found.onset).total_seconds() / 86400 for one in since]
    slope = found.per_month / DAYS_A_MONTH
    level = (sum(one.value for one in since) - slope * sum(days)) / len(since)
    return {
        "per_month": found.per_month,
        "low": found.low,
        "high": found.high,
        "onset": _iso(found.onset),
        "onset_low": _iso(found.onset_low),
        "onset_high": _iso(found.onset_high),
        "reaches_limit": None if found.reaches_limit is None else found.reaches_limit.isoformat(),
        "from": [_iso(found.onset), level],
        "to": [_iso(since[-1].acquired), level + slope * days[-1]],
    }
