"""The object of the trend report: what it says of what happened, and that it says it in every case."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from nmqc.model import Ends
from nmqc.report.trend_lists import lists
from nmqc.trend.baseline import Stated
from nmqc.trend.drift import DAYS_A_MONTH
from nmqc.trend.report import Logged, document, mark
from nmqc.trend.table import COLUMNS, csv_text
from nmqc.trend.watch import Judged, in_turn, side_of, watch
from tests.trend.stories import INTEGRAL, LIMITS, NONE, START, TILT, asked, found, scattered, watched

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/nmqc.trend-1.json").read_text())


def report(*series, logged=(), overdue=(), **wanted):
    made = document(list(series), asked(**wanted), "0.1.0", logged, overdue)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(made, allow_nan=False)))
    return made


def only_test(made):
    ((test,),) = (system["tests"] for system in made["systems"])
    return test


def step(at=120, size=0.9, count=250):
    return scattered(count, lambda place: 2.9 + (size if place >= at else 0))


# --- what is told ---------------------------------------------------------------------------------------


def test_a_step_is_a_finding_with_its_date_and_the_limit_stays_a_verdict_of_its_own():
    test = only_test(report(watched(step())))
    (told,) = test["findings"]
    begun = datetime.fromisoformat(told["since"])
    assert abs(begun - (START + timedelta(days=120))) <= timedelta(days=3)  # within three acquisitions
    assert (test["state"], test["verdict"], test["out_of_limits"]["count"]) == ("changed", "pass", 0)
    assert test["next"].endswith("find the cause, or state a new baseline")


def test_a_value_out_of_limits_is_told_though_nothing_changed():
    values = scattered(100)
    values[40], values[-1] = 5.5, 5.2
    test = only_test(report(watched(values)))
    assert test["verdict"] == "fail"
    assert test["out_of_limits"] == {"count": 2, "last": (START + timedelta(days=99)).isoformat()}
    assert test["next"].startswith("repeat it; if it is out of limits again")


def test_what_changed_together_is_one_finding_and_what_changed_apart_another():
    first, other = step(120, 0.9), scattered(250, lambda place: 0.1 + (0.9 if place >= 200 else 0), seed=3)
    together = watched(step(121, 0.9), metric="uniformity.cov.ufov", limits=NONE)
    apart = watched(other, limits=NONE, metric=TILT)
    test = only_test(report(watched(first), together, apart))
    assert [one["metric"] for one in test["findings"]] == [INTEGRAL, TILT]  # what has limits first
    assert test["findings"][0]["also"] == ["uniformity.cov.ufov"]


def test_detectors_are_never_told_together():
    test = only_test(report(watched(step()), watched(step(), detector=2)))
    assert sorted(one["detector"] for one in test["findings"]) == [1, 2]


def test_an_excluded_value_stays_among_the_points_and_out_of_the_figures():
    values = scattered(60)
    values[30] = 50.0
    series = only_test(report(watched(values, excluded={30: "source leaked"})))["series"][0]
    assert series["points"]["excluded"][30] == "source leaked"
    assert series["summary"]["excluded"] == 1
    assert series["summary"]["high"] < 4


def test_a_value_that_is_left_out_for_its_counts_says_why_and_is_not_excluded():
    values = scattered(60)
    other = (30, 40)
    made = report(
        watched(values, counts=lambda place: 300.0 if place in other else 100.0, excluded={40: "leak"})
    )
    points = only_test(made)["series"][0]["points"]
    reason = "its counts are not those of the values about it"
    assert [(place, one) for place, one in enumerate(points["left_out"]) if one] == [(30, reason)]
    assert [(place, one) for place, one in enumerate(points["excluded"]) if one] == [(40, "leak")]
    rows = list(csv.DictReader(io.StringIO(csv_text(made))))
    assert [(rows[place]["left_out"], rows[place]["excluded"]) for place in (29, 30, 40)] == [
        ("", ""),
        (reason, ""),
        ("", "leak"),
    ]
    assert ("Left out of the trend", reason) in [
        (part["title"], row[1].removeprefix("detector 1: "))
        for part in lists(only_test(made), "iso")[1]
        for row in part["rows"]
    ]


def test_a_gap_of_a_year_is_named_and_weekends_are_not():
    working = [day for day in range(200) if day % 7 < 5]
    days = [*working[:80], *(day + 365 for day in working[80:])]
    test = only_test(report(watched(scattered(len(days)), days=days)))
    (gap,) = test["gaps"]
    assert gap["days"] == days[80] - days[79]


def test_what_has_not_come_for_long_is_said_and_what_is_overdue_by_the_configuration_before_it():
    values = scattered(60)
    assert (
        only_test(report(watched(values)))["silent_days"]
        == (date(2026, 11, 22) - (START.date() + timedelta(days=59))).days
    )
    fresh = report(watched(values), today=START.date() + timedelta(days=61))
    assert only_test(fresh)["silent_days"] is None
    late = {
        "unit": "Gamma 1",
        "test": "uniformity.planar",
        "last": "2026-01-01",
        "due": "2026-01-02",
        "days_late": 3,
    }
    assert "due since 2026-01-02" in only_test(report(watched(values), overdue=[late]))["next"]


def test_a_test_without_any_result_is_on_the_page_where_it_is_expected():
    late = {"unit": "PET 1", "test": "pet.uniformity", "last": None, "due": "2026-11-20", "days_late": 0}
    made = report(watched(scattered(30)), overdue=[late])
    assert [one["unit"] for one in made["systems"]] == ["Gamma 1", "PET 1"]
    (test,) = made["systems"][1]["tests"]
    assert (test["last"], test["series"], test["overdue"]["due"]) == (None, [], "2026-11-20")


def test_the_acceptance_baseline_stays_beside_the_current_one():
    stated = [
        Stated(START, START + timedelta(days=25), "accepted", "acceptance"),
        Stated(START + timedelta(days=130), None, "tuned", "tune"),
    ]
    made = report(watch([found(step())], stated))
    roles = {one["role"]: one for one in only_test(made)["series"][0]["baselines"]}
    assert roles["acceptance"]["centre"] == pytest.approx(2.9, abs=3 * 0.15 / 26**0.5)  # 26 values
    assert roles["current"]["centre"] == pytest.approx(3.8, abs=3 * 0.15 / 20**0.5)  # 20 values
    assert roles["current"]["from"] >= (START + timedelta(days=130)).isoformat()


def test_the_line_of_a_drift_goes_through_the_middle_of_its_values():
    values = scattered(200, lambda place: 2.9 + 0.01 * max(place - 80, 0))
    series = only_test(report(watched(values)))["series"][0]
    drift = series["drift"]
    (begun, low), (ended, high) = drift["from"], drift["to"]
    assert (begun, ended) == (drift["onset"], series["points"]["acquired"][-1])
    days = (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).days
    assert (high - low) / days == pytest.approx(drift["per_month"] / DAYS_A_MONTH)
    since = values[-days - 1 :]
    line = [low + (high - low) * day / days for day in range(days + 1)]
    assert sum(since) == pytest.approx(sum(line), rel=1e-12)  # arithmetic only


def test_from_shows_less_and_assesses_all():
    late = START + timedelta(days=150)
    series = only_test(report(watched(step()), first=late))["series"][0]
    assert series["state"] == "changed"
    assert series["summary"]["count"] == 100
    assert series["changes"] == []


def test_settings_in_turn_are_one_quantity_and_side_by_side_two():
    values = scattered(40)
    first, later = found(values), found(values, days=range(50, 90), setting="s2")
    beside = found(values, days=[day + 0.2 for day in range(40)], setting="s3")
    assert [len(group) for group in in_turn([later, first])] == [2]
    assert sorted(len(group) for group in in_turn([first, beside])) == [1, 1]
    both = [watch(group) for group in in_turn([first, beside])]
    assert all(one["beside"] for one in only_test(report(*both))["series"])
    joined = only_test(report(watch([first, later])))["series"][0]
    assert [part["setting"] for part in joined["parts"]] == ["s1", "s2"]


def test_limits_are_shown_as_they_judged():
    wider = Judged(Ends(high=4.5), Ends(high=6.0))
    one, other = found(scattered(20)), found(scattered(20), days=range(20, 40), limits=wider, setting="s2")
    spans = only_test(report(watch([one, other])))["series"][0]["limits"]
    assert [span["fail"] for span in spans] == [[None, 5.0], [None, 6.0]]


@pytest.mark.parametrize(
    ("metric", "limits", "side"),
    [
        (INTEGRAL, LIMITS, "high"),
        (INTEGRAL, NONE, "high"),
        (TILT, NONE, "both"),
        ("cor.offset", Judged(Ends(high=1.0), Ends(high=2.0), "magnitude"), "both"),
        ("pet.rc_mean", Judged(Ends(low=0.7), Ends(low=0.6)), "low"),
        ("pet.rc_mean", Judged(fail=Ends(0.6, 0.9)), "both"),
    ],
)
def test_the_side_that_is_watched_is_that_of_the_limit(metric, limits, side):
    assert side_of(metric, limits) == side


def test_events_are_named_in_order_of_their_dates():
    logged = [
        Logged("Gamma 1", "2026-02-01", "service", "later"),
        Logged("Gamma 1", "2025-12-01", "tune", "first"),
        Logged("Gamma 9", "2025-12-01", "tune", "elsewhere"),
    ]
    (system,) = report(watched(scattered(30)), logged=logged)["systems"]
    assert [(one["mark"], one["text"]) for one in system["events"]] == [("a", "first"), ("b", "later")]
    assert [mark(number) for number in (0, 25, 26, 51, 52, 701, 702)] == [
        "a",
        "z",
        "aa",
        "az",
        "ba",
        "zz",
        "aaa",
    ]


# --- little or odd --------------------------------------------------------------------------------------


def test_nothing_one_value_and_all_equal():
    assert report()["systems"] == []
    (one,) = only_test(report(watched([2.9])))["series"]
    assert (one["state"], one["summary"]["count"], one["baselines"][0]["state"]) == (
        "collecting",
        1,
        "collecting",
    )
    (equal,) = only_test(report(watched([2.9] * 60)))["series"]
    baseline = equal["baselines"][0]
    assert (equal["state"], baseline["sigma"]) == ("steady", 0.12)  # the values' own uncertainty
    (sure,) = only_test(report(watched([2.9] * 60, uncertainty=None)))["series"]
    baseline = sure["baselines"][0]
    assert (sure["state"], baseline["sigma"], baseline["low"], baseline["high"]) == (
        "steady",
        0.0,
        None,
        None,
    )


def test_all_values_excluded():
    (one,) = only_test(report(watched([2.9, 3.0], excluded={0: "leak", 1: "leak"})))["series"]
    assert (one["summary"]["median"], one["baselines"]) == (None, [])


def test_a_system_without_limits_is_unjudged_and_its_trend_is_told():
    test = only_test(report(watched(step(), limits=NONE)))
    assert (test["verdict"], test["state"], test["series"][0]["limits"]) == ("unjudged", "changed", [])


# --- the table ------------------------------------------------------------------------------------------


def test_the_table_has_a_row_for_each_value_with_its_limits_baseline_and_notices():
    made = report(watched(step()))
    rows = list(csv.DictReader(io.StringIO(csv_text(made))))
    series = only_test(made)["series"][0]
    assert tuple(rows[0]) == COLUMNS
    assert [float(row["value"]) for row in rows] == series["points"]["value"]
    assert {row["fail_high"] for row in rows} == {"5.0"}
    assert [row["acquired"] for row in rows if row["change"]] == [
        one["acquired"] for one in series["changes"]
    ]
    assert {int(row["result"]) for row in rows if row["notices"]} == {
        one["number"] for one in series["notices"]
    }
    assert float(rows[-1]["baseline"]) == series["baselines"][0]["centre"]


def test_in_the_table_the_first_value_of_another_setting_has_its_own_baseline():
    first, later = found(scattered(40)), found(scattered(40, lambda _: 3.5), days=range(40, 80), setting="s2")
    made = report(watch([first, later]))
    rows = list(csv.DictReader(io.StringIO(csv_text(made))))
    earlier, own = (one["centre"] for one in only_test(made)["series"][0]["baselines"])
    assert [float(rows[place]["baseline"]) for place in (39, 40)] == [earlier, own]


def test_no_cell_of_the_table_is_a_formula():
    text = csv_text(report(watched(scattered(3), excluded={0: "=HYPERLINK(1)"}, unit="@Gamma", window="+A1")))
    row = next(csv.DictReader(io.StringIO(text)))
    assert (row["system_unit"], row["energy_window"], row["excluded"]) == (
        "'@Gamma",
        "'+A1",
        "'=HYPERLINK(1)",
    )


def test_a_variant_that_no_limit_judges_makes_no_state_beside_the_whole():
    whole, jump = watched(scattered(250)), step(size=1.5)
    strict = {"limits": NONE, "of": "strict"}
    test = only_test(report(whole, watched(jump, **strict)))
    assert (test["state"], test["findings"]) == ("steady", [])
    assert [one["state"] for one in test["series"]] == ["steady", "changed"]
    alone, judged = watched(jump, **strict), watched(jump, of="strict")
    elsewhere = watched(jump, **strict, detector=2)
    for series in ([alone], [whole, judged], [whole, elsewhere]):
        assert only_test(report(*series))["state"] == "changed"
