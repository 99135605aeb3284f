"""Charts as SVG: where things stand, what is drawn by itself, and that little is drawn of much."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from nmqc.report import chart
from nmqc.report.axes import (
    Scale,
    columns,
    date_ticks,
    days_of,
    month_word,
    tick_words,
    value_range,
    value_ticks,
)

START = datetime(2024, 1, 1, 7)
SVG = "{http://www.w3.org/2000/svg}"


def series(values, days=None, **changes):
    days = range(len(values)) if days is None else days
    acquired = [(START + timedelta(days=day)).isoformat() for day in days]
    made = {
        "points": {
            "number": list(range(len(values))),
            "acquired": acquired,
            "value": list(values),
            "uncertainty": [0.1] * len(values),
            "verdict": ["pass"] * len(values),
            "excluded": [None] * len(values),
            "left_out": [None] * len(values),
        },
        "limits": [],
        "baselines": [],
        "changes": [],
        "notices": [],
        "parts": [{"from": acquired[0]}],
        "drift": None,
    }
    return made | changes


def drawn(one, events=(), **wanted):
    ends = one["points"]["acquired"][0], one["points"]["acquired"][-1]
    return ET.fromstring(chart.chart(one, ends, events, **wanted)), chart.frame_of(one, ends, chart.Size())


def paths(root, attribute, value):
    return [path.get("d") for path in root.iter(f"{SVG}path") if path.get(attribute) == value]


def places(d):
    return [(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)", d)]


def words(root):
    return [text.text for text in root.iter(f"{SVG}text")]


def test_values_stand_where_their_date_and_size_put_them():
    root, frame = drawn(series([1.0, 3.0, 2.0], days=[0, 10, 40]))
    ((first, middle, last),) = [places(d) for d in paths(root, "stroke-linecap", "round")]
    assert first[0] < middle[0] < last[0]
    assert (last[0] - middle[0]) == pytest.approx(
        3 * (middle[0] - first[0]), abs=0.4
    )  # tenths of a point, four
    assert middle[1] < last[1] < first[1]  # up is more
    assert middle[1] == pytest.approx(frame.y.at(3.0), abs=0.05)  # tenths of a point are written


def test_out_of_limits_excluded_and_noticed_are_drawn_by_themselves_even_among_thousands():
    values = [2.0 + 0.001 * (place % 7) for place in range(3000)]
    one = series(values, notices=[{"number": 2000}])
    one["points"]["verdict"][700] = "fail"
    one["points"]["verdict"][1400] = "warn"
    one["points"]["excluded"][100] = "leak"
    one["points"]["left_out"][2500] = "other counts"
    root, frame = drawn(one)
    drawn_places = (("fail", 700), ("warn", 1400), ("excluded", 100), ("noticed", 2000), ("left out", 2500))
    for name, place in drawn_places:
        (found,) = [
            d
            for d in paths(root, "d", None) or [p.get("d") for p in root.iter(f"{SVG}path")]
            if chart._MARKS[name][0] in d
        ]
        ((x, y),) = places(found)
        wanted = frame.x.at(days_of(one["points"]["acquired"][place])), frame.y.at(values[place])
        assert (x, y) == pytest.approx(wanted, abs=0.06)  # tenths of a point are written


def test_what_is_left_out_has_a_cross_instead_of_a_dot_and_its_mark_by_the_limits():
    one = series([1.0, 3.0, 2.0])
    one["points"]["left_out"][1], one["points"]["verdict"][1] = "other counts", "fail"
    root, _ = drawn(one)
    (dots,) = paths(root, "stroke-linecap", "round")
    assert len(places(dots)) == 2
    marks = [path.get("d") for path in root.iter(f"{SVG}path")]
    assert [sum(chart._MARKS[name][0] in d for d in marks) for name in ("left out", "fail")] == [1, 1]


@pytest.mark.parametrize("years", [(1, 1), (1, 9999), (9999, 9999), (2024, 9999)])
def test_years_at_the_ends_of_the_calendar_are_drawn(years):
    first, last = (f"{year:04d}-0{number}-02" for number, year in enumerate(years, 1))
    one = series([1.0, 3.0])
    one["points"]["acquired"] = [first, last]
    x = chart.frame_of(one, (first, last), chart.Size()).x
    assert x.low < x.high
    assert "NaN" not in chart.chart(one, (first, last))


def test_little_is_drawn_of_much_and_its_extremes_are_kept():
    values = [2.0] * 20_000
    values[9_999] = 2.4  # within the axis by its limits
    one = series(values, days=[place / 10 for place in range(20_000)])
    one["limits"] = [
        {
            "from": one["points"]["acquired"][0],
            "to": one["points"]["acquired"][-1],
            "warn": [None, None],
            "fail": [None, 5.0],
        }
    ]
    text = chart.chart(one, (one["points"]["acquired"][0], one["points"]["acquired"][-1]))
    assert len(text) < 60_000
    root, frame = drawn(one)
    (strokes,) = paths(root, "stroke", chart.MIDDLE)
    tops = [float(y) for y in re.findall(r"V([\d.]+)", strokes)]
    assert min(tops) == pytest.approx(frame.y.at(2.4) - 0.2, abs=0.06)  # tenths of a point are written


def test_what_lies_beyond_the_axis_stands_at_its_end():
    values = [2.0 + 0.01 * (place % 9) for place in range(200)]
    values[50] = 100.0
    one = series(values)
    one["points"]["verdict"][50] = "fail"
    root, frame = drawn(one)
    (found,) = [p.get("d") for p in root.iter(f"{SVG}path") if chart._MARKS["above"][0] in p.get("d")]
    assert places(found)[0][1] == pytest.approx(frame.y.end, abs=0.06)  # tenths of a point are written


def test_a_limit_far_away_is_named_with_an_arrow_and_does_not_flatten_the_values():
    one = series([2.0, 2.1, 2.05] * 5)
    span = {"from": one["points"]["acquired"][0], "to": one["points"]["acquired"][-1]}
    one["limits"] = [{**span, "warn": [None, 2.3], "fail": [None, 9.0]}]
    root, frame = drawn(one)
    assert "fail 9 ↑" in words(root)
    assert "warn 2.3" in words(root)
    assert frame.y.high < 3


def test_each_kind_of_line_has_strokes_of_its_own():
    """In black and white the lines are told apart: no two have the same width and dashes."""
    looks = [re.sub(r'stroke="[^"]*"', "", look) for look in chart.LINES.values()]
    assert len(set(looks)) == len(looks)


def test_baselines_that_are_collected_are_not_drawn_and_provisional_ones_have_no_band():
    span = {"from": START.isoformat(), "to": (START + timedelta(days=30)).isoformat()}
    level = {**span, "role": "current", "centre": 2.0, "low": None, "high": 2.3, "kind": "first"}
    shown = {}
    for state in ("collecting", "provisional", "frozen"):
        root, _ = drawn(series([2.0, 2.1] * 15, baselines=[{**level, "state": state}]))
        shown[state] = (
            set(words(root)) & {"baseline", "provisional", "control"},
            len(list(root.iter(f"{SVG}rect"))),
        )
    assert shown == {
        "collecting": (set(), 0),
        "provisional": ({"provisional", "control"}, 0),
        "frozen": ({"baseline", "control"}, 1),
    }


def test_words_at_the_right_never_cover_each_other():
    one = series([2.0, 2.1, 2.05] * 5)
    span = {"from": one["points"]["acquired"][0], "to": one["points"]["acquired"][-1]}
    one["limits"] = [{**span, "warn": [None, 2.12], "fail": [None, 2.121]}]
    one["baselines"] = [
        {
            **span,
            "role": "current",
            "state": "frozen",
            "kind": "first",
            "centre": 2.05,
            "low": 2.0,
            "high": 2.122,
        }
    ]
    root, frame = drawn(one)
    heights = sorted(
        float(text.get("y")) for text in root.iter(f"{SVG}text") if float(text.get("x")) > frame.x.end
    )
    assert all(b - a >= chart.APART - 0.11 for a, b in pairwise(heights))  # tenths are written


def test_text_of_people_is_text():
    one = series([2.0, 2.1])
    root, _ = drawn(one, [{"date": START.isoformat(), "mark": "<b>&"}])
    assert "<b>&" in words(root)


@pytest.mark.parametrize("values", [[2.0], [2.0, 2.0], [0.0, 0.0, 0.0], [-1.0, 1e-9], [1e6, 1e6 + 1]])
def test_few_equal_and_odd_values_are_drawn(values):
    root, frame = drawn(series(values))
    assert frame.y.low < frame.y.high
    assert "nan" not in ET.tostring(root, encoding="unicode").lower().replace("tenance", "")
    assert chart.spark(series(values), (START.isoformat(), START.isoformat())).startswith("<svg")


# --- axes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (2.1, 5.3, ["3", "4", "5"]),
        (0, 1, ["0.0", "0.5", "1.0"]),
        (-0.07, 0.05, ["-0.05", "0.00", "0.05"]),
        (14_200, 15_700, ["14500", "15000", "15500"]),
    ],
)
def test_ticks_of_values_are_round(low, high, ticks):
    assert tick_words(value_ticks(low, high)) == ticks


@pytest.mark.parametrize(
    ("first", "last", "language", "ticks"),
    [
        ("2022-03-01", "2026-11-20", "iso", ["2023", "2024", "2025", "2026"]),
        ("2025-10-16", "2026-11-19", "en", ["Jan 2026", "Apr 2026", "Jul 2026", "Oct 2026"]),
        ("2025-10-16", "2026-11-19", "iso", ["2026-01", "2026-04", "2026-07", "2026-10"]),
        ("2026-11-01", "2026-11-05", "de", ["1 Nov", "2 Nov", "3 Nov", "4 Nov", "5 Nov"]),
    ],
)
def test_ticks_of_dates_are_first_days(first, last, language, ticks):
    assert [word for _, word in date_ticks(days_of(first), days_of(last), 5, language)] == ticks


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "it", "nl", "pt"])
def test_short_months_are_told_apart(language):
    assert len({month_word(datetime(2026, month, 1), language) for month in range(1, 13)}) == 12


def test_a_range_leaves_out_the_tails_of_many_values_alone():
    many = [float(place % 10) for place in range(1000)] + [500.0]
    assert value_range(many, [])[1] < 12
    assert value_range([1.0, 2.0, 500.0], [])[1] > 500


def test_columns_hold_every_value_once():
    days = [0.0, 0.1, 0.2, 5.0, 9.9, 10.0]
    found = columns(days, [1.0, 3.0, 2.0, 4.0, 5.0, 6.0], [0.5] * 6, Scale(0, 10, 0, 100), 10)
    assert [(one.low, one.high, one.middle) for one in found] == [(1, 3, 2), (4, 4, 4), (5, 6, 5.5)]
    assert (found[0].bar_low, found[0].bar_high) == (0.5, 3.5)
