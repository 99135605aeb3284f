"""A series in one line: since when, how much, what next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from nmqc.trend.baseline import FROZEN_FROM
from nmqc.trend.changes import Change
from nmqc.trend.control import watched
from nmqc.trend.drift import Drift
from nmqc.trend.facts import Facts


def line_of(facts: Facts) -> str:
    """Return the line for the first page."""
    return "; ".join([*_parts(facts)] or [_steady(facts)])


def _parts(facts: Facts) -> Iterator[str]:
    if facts.baseline.state != "frozen":
        yield _collecting(facts)
    if facts.baseline.across is not None:
        yield f"the baseline goes across the event of {facts.baseline.across.date()}: state another"
    if facts.step is not None:
        yield _step(facts, facts.step)
    if facts.drift is not None:
        yield _drift(facts, facts.drift)
    if facts.step is None and facts.drift is None and facts.lasting:
        first = facts.lasting[0]
        yield f"since {first.acquired.date()} {first.text}: look at its images"
    if facts.unrepeated:
        last = _amount(facts, facts.series.valid[-1].value)
        yield f"the last value, {last}, is beyond three sigma: repeat the acquisition"


def _amount(facts: Facts, value: float) -> str:
    return f"{value:.3g} {facts.series.unit_of_value}".rstrip()


def _collecting(facts: Facts) -> str:
    count, source = facts.baseline.count, facts.baseline.source
    if not count:
        return "no result yet" if source == "first" else "no result since the baseline was stated"
    return f"collecting the baseline: {count} of {FROZEN_FROM} results"


def _steady(facts: Facts) -> str:
    baseline = facts.baseline
    assert baseline.centre is not None
    assert baseline.first is not None
    count = len(watched(facts.series, baseline))
    over = [one for one in facts.notices if one.until is not None]
    past = f"; noticed on {over[-1].acquired.date()}, and over" if over else ""
    about = f"steady at {_amount(facts, baseline.centre)} since {baseline.first.date()}"
    return f"{about}, {count} results after its baseline{past}"


def _step(facts: Facts, step: Change) -> str:
    way = "higher" if step.after > step.before else "lower"
    much = _amount(facts, abs(step.after - step.before))
    todo = (
        "find the cause, or state a new baseline if it was meant"
        if facts.step_matters
        else "too little to matter"
    )
    return f"{much} {way} since {step.acquired.date()} ({_between(step.low, step.high)}): {todo}"


def _drift(facts: Facts, drift: Drift) -> str:
    way = "rises" if drift.per_month > 0 else "falls"
    much = f"{way} by {_amount(facts, abs(drift.per_month))} a month since {drift.onset.date()}"
    return f"{much} ({_between(drift.onset_low, drift.onset_high)}): {_next(facts, drift)}"


def _next(facts: Facts, drift: Drift) -> str:
    if drift.reaches_limit is None or facts.limit is None:
        return "find the cause" if facts.drift_matters else "too little to matter, or to the good side"
    last: date = facts.series.valid[-1].acquired.date()
    limit = f"the limit of {_amount(facts, facts.limit)}"
    if drift.reaches_limit <= last:
        return f"it is beyond {limit}, have it serviced"
    return f"at this rate it reaches {limit} about {drift.reaches_limit}, plan its service"


def _between(low: datetime, high: datetime) -> str:
    return f"between {low.date()} and {high.date()}"
