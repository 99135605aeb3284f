"""Baselines and events: kept as they were stated, refused where they make no sense."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from nmqc.errors import UnusableInput
from nmqc.history import FIRST_RESULTS, Address, BaselineEntry, Covered, History
from nmqc.trend.baseline import FROZEN_FROM
from tests.history.samples import INTEGRAL, an_item

#: text that no database can keep as it is, and that could be taken for SQL
ODD = "PMT 23; Größe \u2265 5 %, 'quoted', \"twice\", {x} %s ? \ud800"
KEPT = ODD.replace("\ud800", "?")


@pytest.fixture
def history(address: Address) -> Iterator[History]:
    """Of two heads of NM-1 a flood each day of November 2026, but for 8 days; of NM-2 and NM-3 one each."""
    days = [day for day in range(1, 31) if not 12 <= day <= 19]
    items = [
        an_item(100 * head + day, acquired=f"2026-11-{day:02d}T07:12:0{head}", detector=head)
        for day in days
        for head in (1, 2)
    ]
    items += [
        an_item(1000, unit="NM-2", name="brivo"),
        an_item(1001, unit="NM-3", name="vereos", detector=None),
    ]
    with History.open(address) as opened:
        opened.record_batch(items)
        yield opened


def stated(history: History, first: str, last: str | None = None, **changes: Any) -> Any:
    return history.set_baseline("NM-1", first, last, **{"kind": "service", "note": "PMT 23"} | changes)


def code_of(call: Any, *arguments: Any, **options: Any) -> str:
    with pytest.raises(UnusableInput) as refusal:
        call(*arguments, **options)
    return refusal.value.code


# --- baselines ------------------------------------------------------------------------------------------


def test_a_baseline_comes_back_as_it_was_stated(history: History) -> None:
    done = history.set_baseline(
        "NM-1", "2026-11-02T07:12", "2026-11-20", kind="acceptance", note=f" {ODD} ", test="uniformity.planar",
        metric=INTEGRAL.name, detector=2,
    )  # fmt: skip
    recorded = done.entry.recorded
    assert done.new
    assert done.entry == BaselineEntry(
        1, "NM-1", "uniformity.planar", INTEGRAL.name, 2, "2026-11-02T07:12", "2026-11-20", "acceptance", KEPT,
        recorded,
    )  # fmt: skip
    assert len(recorded) == len("2026-11-16T07:15:02Z")
    whole = stated(history, "2026-11-21").entry
    assert (whole.number, whole.test, whole.metric, whole.detector, whole.last) == (2, "", "", None, None)
    assert history.baselines() == history.baselines("NM-1") == [done.entry, whole]
    assert history.baselines("NM-2") == []


def test_both_ends_belong_to_a_baseline() -> None:
    def entry(first: str, last: str | None) -> BaselineEntry:
        return BaselineEntry(1, "NM-1", "", "", None, first, last, "other", "x", "")

    whole = entry("2026-11-02", "2026-11-03")
    assert whole.begins == datetime(2026, 11, 2)
    assert whole.ends == datetime(2026, 11, 4) - timedelta(microseconds=1)
    times = entry("2026-11-02T07:12", "2026-11-02T08:30")
    assert times.begins == datetime(2026, 11, 2, 7, 12)
    assert times.ends == datetime(2026, 11, 2, 8, 31) - timedelta(microseconds=1)
    assert entry("2026-11-02", "2026-11-02T08").ends == datetime(2026, 11, 2, 9) - timedelta(microseconds=1)
    assert entry("2026-11-02", "2026-11-02T08:30:05").ends == datetime(2026, 11, 2, 8, 30, 5, 999999)
    assert entry("2026-11-02", None).ends is None


@pytest.mark.parametrize(
    ("scope", "for_it"),
    [
        (("", "", None), True),
        (("t", "", None), True),
        (("t", "m", 2), True),
        (("", "m", None), True),
        (("u", "", None), False),
        (("t", "n", None), False),
        (("t", "m", 1), False),
    ],
)
def test_what_a_baseline_is_for(scope: tuple[str, str, int | None], for_it: bool) -> None:
    entry = BaselineEntry(1, "NM-1", *scope, "2026-11-01", None, "other", "x", "")
    assert entry.is_for("t", "m", 2) is for_it


def test_the_same_baseline_again_adds_nothing_until_it_has_ended(history: History) -> None:
    first = stated(history, "2026-11-02", "2026-11-10")
    again = stated(history, "2026-11-02", "2026-11-10")
    assert (again.new, again.entry) == (False, first.entry)
    assert stated(history, "2026-11-02", "2026-11-10", detector=1).entry.number == 2
    assert history.end_baseline(1, "wrong") is True
    assert stated(history, "2026-11-02", "2026-11-10").entry.number == 3


def test_an_ended_baseline_stays_and_says_why(history: History) -> None:
    stated(history, "2026-11-02")
    stated(history, "2026-11-20")
    assert history.end_baseline(1, f" {ODD} ") is True
    assert history.end_baseline(1, "again") is False
    assert [one.number for one in history.baselines()] == [2]
    assert [(one.number, one.ended) for one in history.baselines(ended=True)] == [(1, KEPT), (2, None)]
    assert code_of(history.end_baseline, 2, " ") == "no_reason"
    assert code_of(history.end_baseline, 9, "x") == "no_such_baseline"


def test_the_results_of_a_baseline_are_counted(history: History) -> None:
    """A day counts as a whole; of a baseline without an end the first 20 of each head; excluded ones do not."""
    assert stated(history, "2026-11-02", "2026-11-10").covered == (
        Covered("uniformity.planar", 1, 9),
        Covered("uniformity.planar", 2, 9),
    )
    assert [one.results for one in stated(history, "2026-11-01").covered] == [20, 20]
    history.exclude(1, "leak")  # the first of head 1
    assert [one.results for one in stated(history, "2026-11-01", "2026-11-02").covered] == [1, 2]
    assert [one.results for one in stated(history, "2026-11-01T07:12:02", "2026-11-01").covered] == [1]
    assert stated(history, "2026-11-01", detector=2, metric=INTEGRAL.name).covered[0].detector == 2
    assert FIRST_RESULTS == FROZEN_FROM == 20


def test_a_baseline_may_wait_for_its_first_result(history: History) -> None:
    assert history.set_baseline("NM-3", "2026-11-23", kind="source", note="x").covered == ()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"first": "2099-01-01"}, "baseline_in_future"),
        ({"last": "2099-01-01"}, "baseline_in_future"),
        ({"first": "2026-11-03", "last": "2026-11-02"}, "baseline_backwards"),
        ({"first": "2026-11-02T08:00", "last": "2026-11-02T07:00"}, "baseline_backwards"),
        ({"first": "2026-11-12", "last": "2026-11-19"}, "baseline_without_results"),
        ({"first": "2020-01-01", "last": "2020-12-31"}, "baseline_without_results"),
        ({"first": "2026-02-30"}, "bad_date"),
        ({"first": "2026-11"}, "bad_date"),
        ({"last": "yesterday"}, "bad_date"),
        ({"unit": "NM-4"}, "no_such_unit"),
        ({"unit": ""}, "no_such_unit"),
        ({"test": "uniformity.planer"}, "no_such_test"),
        ({"metric": "uniformity.integral"}, "no_such_metric"),
        ({"detector": 3}, "no_such_detector"),
        ({"kind": "party"}, "no_such_kind"),
        ({"note": " \n"}, "no_note"),
    ],
    ids=str,
)
def test_a_baseline_that_makes_no_sense_is_refused(
    history: History, changes: dict[str, Any], code: str
) -> None:
    wanted = {"unit": "NM-1", "first": "2026-11-02", "last": "2026-11-10", "kind": "service", "note": "x"}
    assert code_of(history.set_baseline, **wanted | changes) == code
    assert history.baselines(ended=True) == []


def test_excluded_results_alone_are_none(history: History) -> None:
    for number in (1, 2):  # both heads of the first day
        history.exclude(number, "leak")
    assert code_of(stated, history, "2026-11-01", "2026-11-01") == "baseline_without_results"


def test_a_refusal_says_what_the_history_knows(history: History) -> None:
    with pytest.raises(UnusableInput, match="NM-1, NM-2, NM-3"):
        history.set_baseline("NM-4", "2026-11-02", kind="service", note="x")
    with pytest.raises(UnusableInput, match=r"history knows uniformity\.integral\.ufov, uniformity\.tilt"):
        stated(history, "2026-11-02", metric="uniformity.integral")
    with pytest.raises(UnusableInput, match="from 2026-11-01 to 2026-11-30"):
        stated(history, "2026-10-12", "2026-10-19")
    with pytest.raises(UnusableInput, match="leave out --to"):
        stated(history, "2026-11-02", "2099-01-01")


# --- events ---------------------------------------------------------------------------------------------


def test_an_event_comes_back_as_it_was_stated(history: History) -> None:
    later = history.add_note("NM-1", "2026-11-14T09:30", f" {ODD} ", "tune")
    earlier = history.add_note("NM-2", "2026-11-03", "new software")
    assert (later, earlier) == (1, 2)
    first, second = history.notes()
    assert (first.unit, first.date, first.kind, first.text) == (
        "NM-2",
        "2026-11-03",
        "service",
        "new software",
    )
    assert (second.kind, second.text, second.at) == ("tune", KEPT, datetime(2026, 11, 14, 9, 30))
    assert history.notes("NM-1") == [second]
    assert history.add_note("NM-1", "2026-11-14T09:30", ODD, "tune") == 1  # the same again adds nothing
    assert history.add_note("NM-1", "2026-11-14T09:30", ODD, "other") == 3


def test_a_withdrawn_event_stays_and_says_why(history: History) -> None:
    history.add_note("NM-1", "2026-11-14", "x")
    stated(history, "2026-11-02")  # number 1 of its own kind
    assert history.withdraw_note(1, "wrong camera") is True
    assert history.withdraw_note(1, "again") is False
    assert history.notes() == []
    assert [one.withdrawn for one in history.notes(withdrawn=True)] == ["wrong camera"]
    assert [one.number for one in history.baselines()] == [1]
    assert history.add_note("NM-1", "2026-11-14", "x") == 2
    assert code_of(history.withdraw_note, 9, "x") == "no_such_event"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("NM-1", "2099-01-01", "x"), "event_in_future"),
        (("NM-1", "2026-13-01", "x"), "bad_date"),
        (("NM-1", "2026-11-01", "  "), "no_text"),
        (("NM-4", "2026-11-01", "x"), "no_such_unit"),
        (("NM-1", "2026-11-01", "x", "party"), "no_such_kind"),
    ],
    ids=str,
)
def test_an_event_that_makes_no_sense_is_refused(
    history: History, arguments: tuple[str, ...], code: str
) -> None:
    assert code_of(history.add_note, *arguments) == code
    assert history.notes(withdrawn=True) == []


@pytest.mark.parametrize(
    ("unit", "date", "across"),
    [
        ("NM-1", "2026-11-05", True),
        ("NM-1", "2026-11-05T12:00", True),
        ("NM-1", "2026-11-02", False),  # the results of that day are of after
        ("NM-1", "2026-11-02T07:12:01", False),
        ("NM-1", "2026-11-02T08:00", True),
        ("NM-1", "2026-11-10T07:12:02", True),  # of head 2
        ("NM-1", "2026-11-10T07:12:03", False),
        ("NM-1", "2026-11-11", False),
        ("NM-2", "2026-11-05", False),
    ],
)
def test_a_baseline_across_an_event_says_so(history: History, unit: str, date: str, across: bool) -> None:
    number = history.add_note(unit, date, "PMT 23")
    done = stated(history, "2026-11-02", "2026-11-10")
    assert done.new
    assert [note.number for note in done.across] == ([number] if across else [])
    history.withdraw_note(number, "no")
    assert stated(history, "2026-11-02", "2026-11-10").across == ()


def test_an_event_after_the_first_twenty_results_is_not_within_a_baseline_without_an_end(
    history: History,
) -> None:
    history.add_note("NM-1", "2026-11-29", "x")  # days 1 to 28 without 8: twenty
    assert stated(history, "2026-11-01").across == ()
    assert [one.number for one in stated(history, "2026-11-02").across] == [1]


# --- names ----------------------------------------------------------------------------------------------


def test_a_camera_by_its_name_or_by_its_kind_where_there_is_one(history: History) -> None:
    assert history.cameras() == [("NM-1", "intevo"), ("NM-2", "brivo"), ("NM-3", "vereos")]
    assert [history.unit_of(name) for name in ("NM-2", "brivo", "intevo")] == ["NM-2", "NM-2", "NM-1"]
    history.record_batch(
        [an_item(2000, unit="NM-9", name="brivo"), an_item(2001, unit="intevo", name="symbia-t2")]
    )
    assert code_of(history.unit_of, "brivo") == "several_units"
    assert history.unit_of("intevo") == "intevo"  # a name goes before a kind
    assert code_of(history.unit_of, "Brivo") == "no_such_unit"


def test_an_empty_history_knows_no_camera(address: Address) -> None:
    with History.open(address) as history:
        with pytest.raises(UnusableInput, match="knows none"):
            history.unit_of("NM-1")
        assert (history.cameras(), history.baselines(), history.notes()) == ([], [], [])


def test_who_stated_it_is_not_stored(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(variable, "mallory")
    stated(history, "2026-11-02")
    history.add_note("NM-1", "2026-11-02", "x")
    tables = ("baselines", "notes", "withdrawals")
    assert "mallory" not in str([history._database.rows(f"SELECT * FROM nmqc_{table}") for table in tables])
