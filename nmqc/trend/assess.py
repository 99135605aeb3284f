"""What is said of a series: its state, and a line for the first page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from nmqc.trend.baseline import Baseline, Stated, baseline_of
from nmqc.trend.changes import Change, explained
from nmqc.trend.control import Side
from nmqc.trend.drift import Drift
from nmqc.trend.facts import Facts, State
from nmqc.trend.points import Series
from nmqc.trend.rules import Notice, notices
from nmqc.trend.words import line_of


@dataclass(frozen=True, slots=True)
class Assessment:
    """All that is known of the trend of a series.

    Attributes
    ----------
    baselines : the one that holds, then the one kept beside it, if it is another (`baseline_of`)
    notices : of the rules, after the baseline that holds, in order of time
    changes, drift : of all valid values, whatever the baseline (`explained`)
    state : "collecting", the baseline is not frozen; "changed", a notice lasts, or a step that matters was not
        followed by a baseline; "watch", a drift that matters, or a last value that is to be repeated; "steady"
    words : one line: since when, how much, what next
    """

    series: Series
    baselines: tuple[Baseline, ...]
    notices: tuple[Notice, ...]
    changes: tuple[Change, ...]
    drift: Drift | None
    state: State
    words: str


def assess(
    series: Series,
    stated: Sequence[Stated] = (),
    fail: float | None = None,
    warn: float | None = None,
    side: Side = "both",
    rules: Sequence[str] | None = None,
    events: Sequence[datetime] = (),
) -> Assessment:
    """Return the state of a series. It informs: limits alone decide.

    Parameters
    ----------
    stated, events : as of `baseline_of`
    fail, warn : the limits on the side that is watched, in the unit of the values; a drift is followed to the fail
        limit, to the warn limit where there is no other
    side, rules : as of `notices`; values of which high ones alone are bad are taken to lie on a floor (`drift_of`)
    """
    baselines = baseline_of(series, stated, events)
    limit = warn if fail is None else fail
    found, drift = explained(series, limit, floored=side == "high")
    noticed = notices(series, baselines[0], rules, side, fail)
    facts = Facts(series, baselines[0], noticed, found, drift, side, fail, limit)
    return Assessment(series, baselines, noticed, found, drift, facts.state, line_of(facts))
