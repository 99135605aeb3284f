"""Which limit a series is held against."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nmqc.model import Ends
from nmqc.trend.watch import Found, Judged, watch
from tests.trend.stories import found

MAGNITUDE = Judged(Ends(high=1.0), Ends(high=2.0), "magnitude")


def mirrored(limits: Judged) -> Judged:
    if limits.of == "magnitude":
        return limits
    warn, fail = (
        Ends(*(None if end is None else -end for end in (one.high, one.low)))
        for one in (limits.warn, limits.fail)
    )
    return Judged(warn, fail)


@pytest.mark.parametrize(
    ("metric", "limits", "level", "slope"),
    [
        ("cor.offset", MAGNITUDE, 0.2, -0.006),
        ("cor.offset", Judged(warn=Ends(high=2.0), of="magnitude"), 0.2, -0.006),
        ("pet.calibration", Judged(Ends(0.5, 2.0), Ends(-1.8, 2.8)), 1.0, -0.01),
    ],
)
def test_the_other_way_round_a_story_is_told_the_other_way_round(metric, limits, level, slope):
    noise = 0.05 * np.random.default_rng(3).standard_normal(200)
    values = level + noise + slope * np.maximum(np.arange(200) - 60, 0)
    values[-1] = 1.9  # one acquisition does not tell where the quantity is now
    falls = watch([found(list(values), metric=metric, limits=limits)]).now
    rises = watch([found(list(-values), metric=metric, limits=mirrored(limits))]).now
    assert falls.drift is not None
    assert rises.drift is not None
    assert falls.drift.reaches_limit is not None
    assert falls.drift.reaches_limit == rises.drift.reaches_limit
    assert (falls.state, len(falls.notices)) == (rises.state, len(rises.notices))


def test_a_series_is_held_against_the_limits_that_judged_its_last_value():
    noise = 0.02 * np.random.default_rng(3).standard_normal(200)
    made = found(list(2 + noise + 0.005 * np.maximum(np.arange(200) - 60, 0)))
    wide, narrow = Judged(fail=Ends(high=9.0)), Judged(fail=Ends(high=4.0))
    parts = [Found(made.series, limits) for limits in ((wide,) * 100 + (narrow,) * 100, (narrow,) * 200)]
    changed, always = (watch([one]).now.drift for one in parts)
    assert changed is not None
    assert changed == always
    assert watch([replace(made, judged=(wide,) * 200)]).now.drift != changed
