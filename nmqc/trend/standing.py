"""How a test of a camera stands: its last results by the limits, its trend, since when, and what to do next.

Two verdicts, never merged: the limit decides, the trend informs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from nmqc.model import VERDICTS
from nmqc.trend.assess import Assessment
from nmqc.trend.baseline import FROZEN_FROM, LONGEST_GAP_PERIODS
from nmqc.trend.watch import Watched

Json = dict[str, Any]
#: from the best to the worst
STATES = ("steady", "collecting", "watch", "changed")
#: changes of one detector that are no farther apart are told as one
TOGETHER = timedelta(days=14)


def standing(
    watched: Sequence[Watched],
    first: datetime | None,
    today: date,
    late: Json | None,
    labels: Mapping[str, str],
) -> Json:
    """Return the standing of one test of one camera.

    Parameters
    ----------
    watched : its series; none where it was only expected
    first : begin of the period that is counted
    today : by which something is overdue
    late : what should have arrived by the configuration; None where nothing is late
    labels : words for metrics
    """
    times = sorted({value.acquired for one in watched for value in one.series.values})
    last = times[-1] if times else None
    verdict = _last_verdict(watched)
    told = main_readings(watched)
    state = _state(told)
    return {
        "last": None if last is None else last.isoformat(),
        "verdict": verdict,
        "out_of_limits": _out_of_limits(watched, first),
        "results": len(
            {v.number for one in watched for v in one.series.values if first is None or v.acquired >= first}
        ),
        "state": state,
        "findings": findings(told, labels),
        "gaps": _gaps([one for one in times if first is None or one >= first]),
        "silent_days": _silent(times, today),
        "next": _next(verdict, state, late, _silent(times, today), watched),
    }


def main_readings(watched: Sequence[Watched]) -> list[Watched]:
    """Return the series that make the standing: all but unjudged variants of a quantity that is there as a whole.

    By the literal reading of the standard, such as "strict", a flood jumps where a row of pixels comes or goes.
    """
    wholes = {_quantity(one) for one in watched if not one.series.of}
    return [one for one in watched if one.judged or not one.series.of or _quantity(one) not in wholes]


def _quantity(one: Watched) -> tuple[str, int | None, str | None]:
    return one.series.metric, one.series.detector, one.series.window


def _last_verdict(watched: Sequence[Watched]) -> str:
    """Return the worst verdict of the last valid values of each series that has limits."""
    judged = [one for one in watched if one.judged and one.series.valid]
    return max((one.series.valid[-1].verdict for one in judged), key=VERDICTS.index, default="unjudged")


def _state(watched: Sequence[Watched]) -> str:
    """Return the worst state; "collecting" where no series has a baseline yet."""
    states = [one.now.state for one in watched]
    told = [one for one in states if one in ("watch", "changed")]
    if told:
        return max(told, key=STATES.index)
    return "steady" if "steady" in states else "collecting"


def _out_of_limits(watched: Sequence[Watched], first: datetime | None) -> Json:
    """Return how many results of the period were out of limits, and when the last of them was."""
    failed = {
        value.number: value.acquired
        for one in watched
        for value in one.series.valid
        if value.verdict == "fail" and (first is None or value.acquired >= first)
    }
    return {"count": len(failed), "last": max(failed.values()).isoformat() if failed else None}


def _gaps(times: Sequence[datetime]) -> list[Json]:
    """Return the times without results that are more than four times as long as is usual, the longest first."""
    pairs = list(pairwise(times))
    usual = _usual(times)
    if usual is None:
        return []
    long = [(a, b) for a, b in pairs if b - a > LONGEST_GAP_PERIODS * usual]
    long.sort(key=lambda pair: pair[0] - pair[1])
    return [{"from": a.isoformat(), "to": b.isoformat(), "days": (b.date() - a.date()).days} for a, b in long]


def _usual(times: Sequence[datetime]) -> timedelta | None:
    """Return the usual time between the days with results, a day or more; None with fewer than two such days."""
    days = sorted({one.date() for one in times})
    gaps = sorted(b - a for a, b in pairwise(days))
    return gaps[len(gaps) // 2] if gaps else None


def _silent(times: Sequence[datetime], today: date) -> int | None:
    """Return the days since the last result where they are more than four times as many as is usual."""
    usual = _usual(times)
    if usual is None:
        return None
    since = today - times[-1].date()
    return since.days if since > LONGEST_GAP_PERIODS * usual else None


# --- what was found -------------------------------------------------------------------------------------


def since(one: Assessment) -> datetime | None:
    """Return since when a series is not as its baseline: its last step, its drift's onset, or a notice that lasts."""
    if one.state not in ("watch", "changed"):
        return None
    first = one.baselines[0].first
    steps = [change.acquired for change in one.changes if first is not None and change.acquired > first]
    lasting = [notice.acquired for notice in one.notices if notice.until is None]
    drifts = [one.drift.onset] if one.drift is not None else []
    for found in (steps[-1:], drifts, lasting[:1]):
        if found:
            return found[0]
    return one.series.valid[-1].acquired if one.series.valid else None


def findings(watched: Sequence[Watched], labels: Mapping[str, str]) -> list[Json]:
    """Return what is not as the baselines, the most important first.

    What one detector showed at the same time is told once, by the series that shows it best: one with limits, by the
    largest step or drift in sigmas. At the same time: the dates differ by a fortnight or less, or one lies in the
    95 % interval of the other.
    """
    left = sorted((one for one in watched if since(one.now)), key=_weight, reverse=True)
    told = []
    while left:
        best = left[0]
        members = [one for one in left if _where(one) == _where(best) and _at_once(one.now, best.now)]
        told.append(_told(best, members, labels))
        left = [one for one in left if not any(one is other for other in members)]
    return told


def _weight(one: Watched) -> tuple[bool, int, bool, float]:
    return one.judged, STATES.index(one.now.state), not one.series.of, _sigmas(one.now)


def _at_once(one: Assessment, other: Assessment) -> bool:
    """Say whether two series may have changed at the same time."""
    first, second = since(one), since(other)
    assert first is not None
    assert second is not None
    if abs(first - second) <= TOGETHER:
        return True
    return any(
        low <= time <= high for time, (low, high) in ((first, _interval(other)), (second, _interval(one)))
    )


def _interval(one: Assessment) -> tuple[datetime, datetime]:
    """Return the 95 % interval of the time since when a series is not as its baseline."""
    begun = since(one)
    assert begun is not None
    spans = [(change.low, change.high) for change in one.changes if change.acquired == begun]
    if one.drift is not None and one.drift.onset == begun:
        spans.append((one.drift.onset_low, one.drift.onset_high))
    return spans[0] if spans else (begun, begun)


def _where(one: Watched) -> tuple[int | None, str | None]:
    return one.series.detector, one.series.window


def _told(best: Watched, members: Sequence[Watched], labels: Mapping[str, str]) -> Json:
    series, begun = best.series, since(best.now)
    assert begun is not None
    label = labels.get(series.metric, series.metric)
    others = dict.fromkeys(labels.get(one.series.metric, one.series.metric) for one in members)
    return {
        "detector": series.detector,
        "window": series.window,
        "metric": series.metric,
        "label": label,
        "of": series.of,
        "state": max((one.now.state for one in members), key=STATES.index),
        "since": begun.isoformat(),
        "words": best.now.words,
        "also": [one for one in others if one != label],
    }


def _sigmas(one: Assessment) -> float:
    """Return how large the last step is in sigmas, or how far a drift has come."""
    step = abs(one.changes[-1].sigma or 0.0) if one.changes else 0.0
    base = one.baselines[0]
    if one.drift is None or base.centre is None or not base.sigma:
        return step
    come = one.drift.come_by(one.series.valid[-1].acquired)
    return max(step, abs(base.distance(base.centre + come)) / base.sigma)


# --- what to do next ------------------------------------------------------------------------------------


def _next(
    verdict: str,
    state: str,
    late: Json | None,
    silent: int | None,
    watched: Sequence[Watched],
) -> str:
    steps = []
    if verdict == "fail":
        steps.append("repeat it; if it is out of limits again, call the service")
    if late is not None:
        steps.append(f"acquire it: due since {late['due']}")
    elif silent is not None:
        steps.append(f"acquire it, or say why not: nothing for {silent} days")
    if state == "changed":
        steps.append("find the cause, or state a new baseline")
    elif state == "watch":
        steps.append("repeat it, and look at the chart")
    elif verdict == "warn":
        steps.append("look at the chart")
    if not steps and state == "collecting":
        most = max((one.now.baselines[0].count for one in watched), default=0)
        steps.append(
            f"go on: {FROZEN_FROM - most} more results for a baseline" if most < FROZEN_FROM else "go on"
        )
    return "; ".join(steps) or "none"
