"""Another program's table, and which of our results each row is of."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from nmqc.errors import UnusableInput
from nmqc.history import Point
from nmqc.neighbours.vendor import acquired_within, matched, read_table

METRIC = "uniformity.integral.ufov"
HEAD = "date,system,detector,metric,value"
POINT = Point(
    number=1,
    test="uniformity.planar",
    algorithm="uniformity.planar/1",
    system="intevo",
    system_unit="Gamma 2",
    detector=1,
    energy_window="99m Technetium",
    acquired="2026-11-16T07:12:00",
    collimator="",
    nuclide="Tc-99m",
    metric=METRIC,
    of="",
    value=2.4,
    unit="%",
    uncertainty=0.14,
    verdict="pass",
    excluded=None,
)


def rows(*lines: str, head: str = HEAD, **given: str):
    found, bad = read_table("\n".join([head, *lines]).encode(), given)
    assert bad == []
    return found


# --- the table ------------------------------------------------------------------------------------------


def test_a_table_of_a_spreadsheet_with_semicolons_and_decimal_commas() -> None:
    text = "\ufeffDate;System;Detector;Metric;Value\r\n2026-11-16;Gamma 2;1;uniformity.integral.ufov;2,41\r\n"
    (row,), _ = read_table(text.encode(), {})
    assert (row.value, row.system, row.detector, row.line, row.timed) == (2.41, "Gamma 2", 1, 2, False)


def test_columns_in_any_order_and_others_beside() -> None:
    (row,) = rows("2.4,x,Gamma 2,2026-11-16 07:12", head="value,remark,system,date", metric=METRIC)
    assert (row.value, row.metric, row.detector, row.timed) == (2.4, METRIC, None, True)


def test_empty_cells_at_the_end_are_none() -> None:
    """As a spreadsheet writes them."""
    (row,) = rows(f"2026-11-16,Gamma 2,1,{METRIC},2.4,, ")
    assert row.value == 2.4


def test_what_the_table_says_goes_before_what_was_given() -> None:
    (row,) = rows("2026-11-16,Gamma 2,1,uniformity.tilt,2.4", metric=METRIC, system="x", detector="7")
    assert (row.metric, row.system, row.detector) == ("uniformity.tilt", "Gamma 2", 1)


def test_a_metric_that_was_not_asked_for_is_no_row() -> None:
    content = f"{HEAD}\n2026-11-16,Gamma 2,1,{METRIC},2.4\n2026-11-16,Gamma 2,1,uniformity.tilt,0.1\n"
    found, bad = read_table(content.encode(), {}, [METRIC])
    assert ([row.metric for row in found], bad) == ([METRIC], [])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"16.11.2026,Gamma 2,1,{METRIC},2.4", "date"),
        (f"03/04/2026,Gamma 2,1,{METRIC},2.4", "date"),
        (f"2026-11-16,Gamma 2,1,{METRIC},n/a", "value"),
        (f"2026-11-16,Gamma 2,1,{METRIC},nan", "value"),
        (f"2026-11-16,Gamma 2,1,{METRIC},inf", "value"),
        (f"2026-11-16,Gamma 2,1,{METRIC},", "value"),
        (f"2026-11-16,Gamma 2,one,{METRIC},2.4", "detector"),
        (f"2026-11-16,Gamma 2,0,{METRIC},2.4", "detector"),
        (f"2026-11-16,,1,{METRIC},2.4", "empty"),
        (f"2026-11-16,Gamma 2,1,{METRIC},2,41", "decimal comma"),
        (f"2026-11-16,Gamma 2,,{METRIC},2,41", "decimal comma"),
        ("2026-11-16", "empty"),
    ],
)
def test_rows_that_cannot_be_read_stop_no_other(line: str, words: str) -> None:
    content = f"{HEAD}\n{line}\n\n2026-11-17,Gamma 2,1,{METRIC},2.5\n".encode()
    found, (bad,) = read_table(content, {})
    assert [row.line for row in found] == [4]
    assert (bad.line, bad.code) == (2, "bad_row")
    assert words in bad.reason


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a,b\n1,2\n",
        b"\xff\xfe\x00",
        b'date,system,metric,value\n"' + b"x" * 200_000,
        f"{HEAD},value\n".encode(),
        b"date,system,value\n",
    ],
)
def test_tables_that_are_none(content: bytes) -> None:
    with pytest.raises(UnusableInput) as refusal:
        read_table(content, {})
    assert refusal.value.code == "bad_table"


# --- matching -------------------------------------------------------------------------------------------


def test_a_row_finds_the_result_of_its_day_system_detector_and_metric() -> None:
    """Every other point differs in one of them alone."""
    others = [
        replace(POINT, number=2, detector=2),
        replace(POINT, number=3, acquired="2026-11-17T07:12:00"),
        replace(POINT, number=4, system_unit="Gamma 3", system="brivo"),
        replace(POINT, number=5, metric="uniformity.integral.cfov"),
        replace(POINT, number=6, of="strict"),
    ]
    found = matched(rows(f"2026-11-16,Gamma 2,1,{METRIC},2.9"), [*others, POINT])
    ((pair,), unmatched) = found.pairs, found.unmatched
    assert (pair.ours.number, pair.theirs, unmatched) == (1, 2.9, ())


def test_the_kind_of_system_will_do_where_it_is_one() -> None:
    assert matched(rows(f"2026-11-16,intevo,1,{METRIC},2.9"), [POINT]).pairs[0].ours is POINT
    two = [POINT, replace(POINT, number=2, system_unit="Gamma 3")]
    assert matched(rows(f"2026-11-16,intevo,1,{METRIC},2.9"), two).counts == {"several_results": 1}


def test_a_variant_is_asked_for_by_of() -> None:
    strict = replace(POINT, number=6, of="strict")
    table = rows(f"2026-11-16,Gamma 2,1,{METRIC},strict,2.9", head="date,system,detector,metric,of,value")
    assert matched(table, [POINT, strict]).pairs[0].ours is strict


def test_two_floods_of_a_day_need_a_time() -> None:
    points = [POINT, replace(POINT, number=2, acquired="2026-11-16T13:05:00")]
    assert matched(rows(f"2026-11-16,Gamma 2,1,{METRIC},2.9"), points).counts == {"several_results": 1}
    (pair,) = matched(rows(f"2026-11-16 13:07,Gamma 2,1,{METRIC},2.9"), points).pairs
    assert pair.ours.number == 2
    assert matched(rows(f"2026-11-16 10:00,Gamma 2,1,{METRIC},2.9"), points).counts == {"no_result": 1}


@pytest.mark.parametrize(("minutes", "matches"), [("07:07", 1), ("07:17", 1), ("07:06", 0), ("07:18", 0)])
def test_five_minutes_are_the_same_time(minutes: str, matches: int) -> None:
    """Of an acquisition at 07:12."""
    found = matched(rows(f"2026-11-16 {minutes},Gamma 2,1,{METRIC},2.9"), [POINT])
    assert len(found.pairs) == matches
    assert found.counts == ({} if matches else {"no_result": 1})


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        (None, None, [15, 16, 17]),
        ("2026-11-16", None, [16, 17]),
        (None, "2026-11-16", [15, 16]),
        ("2026-11", "2026-11", [15, 16, 17]),
        ("2026-12", None, []),
        ("2026-11-16T10:00", None, [16, 17]),
        ("2026-11-15T10:01", "2026-11-17", [16, 17]),
        (None, "2026-11-15T09:59", []),
    ],
)
def test_the_rows_of_a_span(first: str | None, last: str | None, days: list[int]) -> None:
    """The first row has a time of day, the others have none: they are of their whole days."""
    when = ("2026-11-15 10:00", "2026-11-16", "2026-11-17")
    table = rows(*(f"{one},Gamma 2,1,{METRIC},2.9" for one in when))
    assert [row.day.day for row in table if acquired_within(row, first, last)] == days


def test_of_one_acquisition_the_last_result_counts() -> None:
    """Analysed again: the same acquisition, not another flood of the day."""
    again = replace(POINT, number=9, value=2.5)
    (pair,) = matched(rows(f"2026-11-16,Gamma 2,1,{METRIC},2.9"), [again, POINT]).pairs
    assert pair.ours.number == 9


def test_two_windows_of_one_acquisition_are_two_results() -> None:
    other = replace(POINT, number=2, energy_window="scatter")
    assert matched(rows(f"2026-11-16,Gamma 2,1,{METRIC},2.9"), [POINT, other]).counts == {
        "several_results": 1
    }


def test_what_cannot_be_matched_is_counted_with_its_line() -> None:
    points = [
        POINT,
        replace(POINT, number=2, acquired="2026-11-17T07:12:00", excluded="source leaked"),
        replace(POINT, number=3, acquired=None),
    ]
    table = rows(
        f"2026-11-16,Gamma 2,1,{METRIC},2.9,%",
        f"2026-11-16,Gamma 2,1,{METRIC},2.8,%",  # the same once more
        f"2026-11-17,Gamma 2,1,{METRIC},2.9,%",  # excluded
        f"2026-11-18,Gamma 2,1,{METRIC},2.9,%",
        f"2026-11-16,Gamma 2,2,{METRIC},2.9,%",
        f"2026-11-16,Gamma 2,,{METRIC},2.9,%",
        "2026-11-16,Gamma 2,1,nonsense,2.9,%",
        head="date,system,detector,metric,value,unit",
    )
    found = matched(table, points)
    assert len(found.pairs) == 1
    assert [(one.line, one.code) for one in found.unmatched] == [
        (3, "given_twice"),
        (4, "no_result"),
        (5, "no_result"),
        (6, "no_series"),
        (7, "no_series"),
        (8, "no_series"),
    ]
    assert found.counts == Counter(no_series=3, no_result=2, given_twice=1)


def test_another_unit_is_refused() -> None:
    table = rows(f"2026-11-16,Gamma 2,1,{METRIC},0.029,1", head="date,system,detector,metric,value,unit")
    assert matched(table, [POINT]).counts == {"other_unit": 1}
