"""What is said of a series in a line; and series that are none."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import timedelta
from itertools import product
from math import isfinite
from typing import Any

import numpy as np
import pytest

from nmqc.trend.assess import assess
from nmqc.trend.baseline import Stated
from nmqc.trend.drift import DAYS_A_MONTH
from nmqc.trend.points import Series, Value
from nmqc.trend.rules import RULES
from tests.trend.draw import FIRST, day, holding, series


def noise(count: int, seed: int = 1) -> np.ndarray:
    return 2 + 0.1 * np.random.default_rng(seed).standard_normal(count)


def test_steady() -> None:
    found = assess(series(noise(120)), fail=5.0, side="high")
    assert (found.state, found.notices, found.changes, found.drift) == ("steady", (), (), None)
    assert found.words.startswith("steady at ")
    assert "100 results after its baseline" in found.words


@pytest.mark.parametrize(("count", "words"), [(0, "no result yet"), (7, "7 of 20"), (15, "15 of 20")])
def test_collecting(count: int, words: str) -> None:
    found = assess(series(noise(count)))
    assert found.state == "collecting"
    assert words in found.words


def test_a_step_says_since_when_how_much_and_what_next() -> None:
    values = noise(120)
    values[80:] += 1.5
    found = assess(series(values), fail=5.0, side="high")
    assert found.state == "changed"
    assert f"higher since {day(80).date()} (between {day(79).date()} and {day(80).date()})" in found.words
    assert "1.5" in found.words
    assert "state a new baseline" in found.words
    assert found.notices
    assert "look at its images" not in found.words  # the step says it all


def test_a_stated_baseline_after_the_step_is_steady_again_and_keeps_the_acceptance() -> None:
    values = noise(120)
    values[80:] += 1.5
    spans = [Stated(day(0), day(29), "new", "acceptance"), Stated(day(80), None, "tubes tuned", "service")]
    found = assess(series(values), spans, fail=5.0, side="high")
    assert found.state == "steady"
    assert [one.kind for one in found.baselines] == ["service", "acceptance"]
    assert [one.index for one in found.changes] == [80]  # it stays in view


def test_a_drift_says_when_it_reaches_the_limit() -> None:
    values = noise(150) + 0.01 * np.maximum(np.arange(150) - 60, 0)
    found = assess(series(values), fail=5.0, side="high")
    assert found.drift is not None
    assert found.drift.reaches_limit is not None
    assert "rises by 0.3" in found.words
    assert f"reaches the limit of 5 % about {found.drift.reaches_limit}" in found.words
    below = assess(series(values), warn=4.0, side="high")
    assert "reaches the limit of 4 %" in below.words
    beyond = assess(series(values + 2.5), fail=5.0, side="high")
    assert "beyond the limit of 5 %" in beyond.words


def test_a_change_to_the_good_side_is_told_and_does_not_alarm() -> None:
    values = noise(120)
    values[80:] -= 0.8
    found = assess(series(values), fail=5.0, side="high")
    assert found.state == "steady"
    assert "lower since" in found.words
    drifting = assess(series(noise(150) - 0.01 * np.maximum(np.arange(150) - 60, 0)), fail=5.0, side="high")
    assert drifting.state == "steady"
    assert "good side" in drifting.words


def test_a_last_value_far_off_is_to_be_repeated() -> None:
    values = noise(60)
    values[-1] = 3.5
    found = assess(series(values), side="high")
    assert found.state == "watch"
    assert "repeat the acquisition" in found.words
    assert found.notices == ()


def test_an_excursion_that_is_over_is_remembered() -> None:
    values = noise(120)
    values[60:62] = 3.5
    found = assess(series(values), side="high")
    assert found.state == "steady"
    assert f"noticed on {day(61).date()}, and over" in found.words


def test_a_baseline_across_an_event_is_said() -> None:
    found = assess(series(noise(60)), events=[day(10)])
    assert f"across the event of {day(10).date()}" in found.words


@pytest.mark.parametrize(("months", "state"), [(11, "watch"), (13, "steady")])
def test_a_drift_is_watched_where_it_reaches_the_limit_within_a_year(months: int, state: str) -> None:
    slope = 3 / (100 + months * DAYS_A_MONTH)  # from 2 on day 30 to the limit of 5
    values = (
        2 + 0.02 * np.random.default_rng(1).standard_normal(131) + slope * np.maximum(np.arange(131) - 30, 0)
    )
    values[-1] = 2.0  # one that stands alone: no part of the drift, and nothing to repeat
    found = assess(series(values), fail=5.0, side="high", rules=())
    assert found.drift is not None
    assert found.drift.reaches_limit is not None
    left = (found.drift.reaches_limit - day(130).date()).days
    assert left == pytest.approx(
        months * DAYS_A_MONTH, abs=10
    )  # 3 standard deviations of the slope, 0.02 / 290
    assert found.state == state


def bad() -> dict[str, Series]:
    """Return series that nothing may break on."""
    random = np.random.default_rng(9)
    at_once = [Value(n, FIRST, float(v)) for n, v in enumerate(noise(60))]
    backwards = [Value(n, FIRST - timedelta(days=n), float(v)) for n, v in enumerate(noise(60))]
    gap = [Value(n, FIRST + timedelta(days=n + 365 * (n > 30)), float(v)) for n, v in enumerate(noise(60))]
    late = [Value(n, FIRST + timedelta(days=200 * (n > 52)), float(v)) for n, v in enumerate(noise(60))]
    return {
        "empty": series([]),
        "one": series([2.0]),
        "two": series([2.0, 3.0]),
        "equal": series([2.0] * 60),
        "nought": series([0.0] * 60),
        "nought then one": series([0.0] * 40 + [1.0] * 20),
        "two levels": series([2.5, 3.0, 2.5, 2.5] * 20),
        "at once": holding(at_once),
        "backwards": holding(backwards),
        "a gap of a year": holding(gap),
        "two moments": holding(late),
        "all excluded": series(noise(30), excluded="x"),
        "tiny": series(1e-60 * noise(60)),
        "huge": series(1e60 * noise(60)),
        "far from nought": series(1e9 + random.standard_normal(60)),
        "both signs, skewed": series(random.exponential(1, 80) ** 3 - 0.1),
        "negative": series(-np.exp(random.standard_normal(80))),
        "logarithms then nought": series([*np.exp(random.standard_normal(40)), *[0.0, -3.0] * 20]),
        "huge uncertainty": series(noise(60), uncertainty=1e6),
        "a straight line": series(np.arange(60.0)),
        "a parabola": series(np.arange(60.0) ** 2, floor_mean=1.0),
    }


@pytest.mark.parametrize("name", bad())
def test_nothing_breaks_and_every_number_is_finite(name: str) -> None:
    made = bad()[name]
    spans: tuple[tuple[Stated, ...], ...] = (
        (),
        (Stated(day(5), day(40), "", "service"),),
        (Stated(day(900), None, "", "x"),),
    )
    sides: tuple[Any, ...] = ("both", "high", "low")
    for stated, side, fail in product(spans, sides, (None, 2.0, -1.0)):
        found = assess(made, stated, fail, side=side, rules=tuple(RULES), events=[day(7)])
        assert found.words
        assert all(isfinite(one) for one in numbers(found))


def numbers(thing: Any) -> list[float]:
    if isinstance(thing, float):
        return [thing]
    if isinstance(thing, tuple):
        return [one for part in thing for one in numbers(part)]
    if is_dataclass(thing):
        return [one for field in fields(thing) for one in numbers(getattr(thing, field.name))]
    return []


def test_the_statistics_import_neither_numpy_nor_a_clock() -> None:
    import subprocess
    import sys

    program = "import sys; import nmqc.trend.assess; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
