"""Since when a series is not as its baseline, what is told together, and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from nmqc.trend.changes import Change
from nmqc.trend.drift import Drift
from nmqc.trend.rules import Notice
from nmqc.trend.standing import findings, since
from tests.trend.stories import NONE, START, scattered, watched


def on(place):
    return START + timedelta(days=place)


def step(place, low=None, high=None, sigma=3.0):
    low, high = on(place - 1 if low is None else low), on(place if high is None else high)
    return Change(on(place), place, low, high, 2.9, 3.9, sigma)


def drift(place, low=None, high=None, per_month=0.3):
    low, high = on(place if low is None else low), on(place if high is None else high)
    return Drift(per_month, per_month, per_month, on(place), low, high, None)


def notice(place, until=None):
    return Notice("ewma", place, on(place), "is high", 1.0, None if until is None else on(until))


def one(changes=(), drift=None, notices=(), state="changed", **key):
    """A series of 60 values, the last one excluded, of which only this was found."""
    made = watched(scattered(60), excluded={59: "leak"}, **key)
    found = replace(made.now, changes=tuple(changes), drift=drift, notices=tuple(notices), state=state)
    return replace(made, parts=(found,))


@pytest.mark.parametrize(
    ("found", "place"),
    [
        (one([step(30), step(40)], drift(50), [notice(35)]), 40),
        (one([step(0)], drift(50), [notice(35)]), 50),  # not after the baseline began
        (one((), None, [notice(25, 28), notice(35), notice(45)]), 35),
        (one(state="watch"), 58),
        (one([step(30)], state="steady"), None),
    ],
)
def test_since_when_is_its_last_step_its_drift_or_what_was_noticed_first_and_lasts(found, place):
    assert since(found.now) == (None if place is None else on(place))


@pytest.mark.parametrize(
    ("first", "other", "told"),
    [
        (one([step(30)]), one([step(44)]), 1),  # a fortnight
        (one([step(30)]), one([step(45)]), 2),
        (one([step(30)]), one([step(50, low=30)]), 1),
        (one([step(30)]), one([step(50, low=31)]), 2),
        (one([step(30, high=50)]), one([step(50)]), 1),
        (one([step(30, high=49)]), one([step(50)]), 2),
        (one([step(30)]), one((), drift(50, low=29)), 1),
        (one([step(30), step(50)]), one((), drift(29, high=35)), 2),  # an earlier step is not meant
    ],
)
def test_what_may_have_changed_at_the_same_time_is_told_once(first, other, told):
    assert len(findings([first, other], {})) == told
    assert len(findings([other, first], {})) == told


def test_the_largest_drift_in_sigmas_is_told_also_where_the_baseline_is_of_logarithms():
    values = np.exp(np.random.default_rng(2).standard_normal(60) * 0.3 + 5)
    skewed = watched(list(values), metric="skewed", limits=NONE, uncertainty=None)
    baseline = skewed.now.baselines[0]
    assert baseline.transform == "log"
    gentle = drift(30, per_month=baseline.centre * baseline.sigma)  # hardly a sigma in its 29 days
    skewed = replace(skewed, parts=(replace(skewed.now, changes=(), drift=gentle, state="watch"),))
    steep = one((), drift(30, per_month=0.6), state="watch", metric="steep", limits=NONE)  # four
    (told,) = findings([skewed, steep], {})
    assert (told["metric"], told["also"]) == ("steep", ["skewed"])
