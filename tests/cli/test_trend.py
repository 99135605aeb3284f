"""`nmqc trend`: from a history to a page, files and exit statuses."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pikepdf
import pytest

from nmqc.errors import UnusableInput
from nmqc.history import History, find_address
from tests.cli.running import call
from tests.trend.stories import INTEGRAL, START, daily, record, result, scattered


def stepped(count=120, at=60):
    return scattered(count, lambda place: 2.9 + (0.9 if place >= at else 0))


@pytest.fixture
def step(tmp_path: Path) -> Path:
    """A camera with a step, and one that is steady."""
    return record(
        tmp_path / "h.sqlite", [*daily(stepped()), *daily(scattered(120, seed=4), unit="Gamma 2", detector=2)]
    )


def only(run):
    """The one test of the one system."""
    ((test,),) = (system["tests"] for system in run.document["systems"])
    return test


# --- what is told ---------------------------------------------------------------------------------------


def test_the_first_page_is_printed_and_a_step_has_its_date(step):
    run = call("trend", "--db", step)
    assert (run.status, run.said) == (0, [])
    after = [
        " ".join(part.split()) for part in run.text.split("Gamma 1, intevo\n")[1].split("Gamma 2, intevo\n")
    ]
    assert "trend CHANGED" in after[0]
    assert "trend steady" in after[1]
    begun = [(START + timedelta(days=60 + near)).date().isoformat() for near in range(-3, 4)]
    assert any(f"since {day}" in after[0] for day in begun)  # dated within three acquisitions


def test_it_exits_0_also_where_something_is_out_of_limits(tmp_path):
    db = record(tmp_path / "h.sqlite", daily([*scattered(40), 5.6]))
    run = call("trend", "--db", db, "--json")
    assert (run.status, only(run)["verdict"]) == (0, "fail")


def test_system_test_metric_and_time_narrow_it(step):
    run = call(
        "trend", "--db", step, "--system", "Gamma 2", "--metric", INTEGRAL, "--from", "2025-12", "--json"
    )
    test = only(run)
    (series,) = test["series"]
    assert (run.document["systems"][0]["unit"], series["metric"], series["detector"]) == (
        "Gamma 2",
        INTEGRAL,
        2,
    )
    assert series["points"]["acquired"][0].startswith("2025-12-01")
    assert call("trend", "--db", step, "--test", "cor.point-sources").text.startswith(
        "The history holds no result"
    )
    unknown = call("trend", "--db", step, "--system", "Gamma 9")
    assert unknown.status == 3
    assert "Gamma 1, Gamma 2" in unknown.said[0]


def test_to_shows_it_as_it_was_then(step):
    before = (START + timedelta(days=55)).date().isoformat()
    test = only(call("trend", "--db", step, "--system", "Gamma 1", "--to", before, "--json"))
    assert (test["state"], test["results"], test["silent_days"]) == ("steady", 56, None)


def test_to_leaves_out_what_was_stated_for_later(step):
    with History.open(find_address(str(step))) as history:
        for place in (5, 61):
            day = (START + timedelta(days=place)).date().isoformat()
            history.set_baseline("Gamma 1", day, kind="service", note=f"day {place}")
    before = (START + timedelta(days=55)).date().isoformat()
    test = only(call("trend", "--db", step, "--system", "Gamma 1", "--to", before, "--json"))
    assert [base["note"] for base in test["series"][0]["baselines"]] == ["day 5", ""]
    assert test["state"] == "steady"


def test_baselines_events_and_exclusions_of_a_camera_are_its_own(tmp_path):
    other = daily([*scattered(59, seed=4), 5.6], unit="Gamma 2", detector=2)
    db = record(tmp_path / "h.sqlite", [*daily(scattered(60)), *other])
    first, event, last = ((START + timedelta(days=place)).date().isoformat() for place in (5, 10, 30))
    with History.open(find_address(str(db))) as history:
        history.set_baseline("Gamma 1", first, last, kind="acceptance", note="new")
        history.add_note("Gamma 1", event, "PMT 23 replaced")
        history.exclude(120, "source leaked")
    told = {
        system["unit"]: (
            test["verdict"],
            [(one["source"], one["across"]) for one in test["series"][0]["baselines"]],
        )
        for system in call("trend", "--db", db, "--json").document["systems"]
        for test in system["tests"]
    }
    assert told == {
        "Gamma 1": ("pass", [("stated", f"{event}T00:00:00")]),
        "Gamma 2": ("pass", [("first", None)]),  # its last valid result passes
    }


def test_of_an_acquisition_that_was_analysed_again_the_later_result_alone_counts(tmp_path):
    later = {"algorithm": "uniformity.planar/2"}
    again = daily([5.9, *scattered(39), 3.1], **later)[1:]
    twice = result(99, START + timedelta(days=9), 3.0, **later)  # two acquisitions, by the same algorithm
    db = record(tmp_path / "h.sqlite", [*daily([*scattered(40), 5.6]), *again, twice])
    test = only(call("trend", "--db", db, "--json"))
    assert (test["verdict"], test["out_of_limits"]["count"], test["results"]) == ("pass", 0, 42)
    (points,) = [one["points"] for one in test["series"] if one["metric"] == INTEGRAL]
    assert points["number"] == [1, *range(42, 51), 82, *range(51, 82)]


def test_rules_are_chosen_by_name(step):
    run = call("trend", "--db", step, "--system", "Gamma 1", "--rules", "cusum, western-electric", "--json")
    rules = {notice["rule"] for series in only(run)["series"] for notice in series["notices"]}
    assert rules == {"cusum", "western-electric"}
    wrong = call("trend", "--db", step, "--rules", "sixsigma")
    assert wrong.status == 2
    assert "three-sigma, ewma" in wrong.err


def test_baselines_events_and_exclusions_of_the_history_count(step):
    with History.open(find_address(str(step))) as history:
        history.set_baseline(
            "Gamma 1", (START + timedelta(days=61)).date().isoformat(), kind="service", note="tuned"
        )
        history.add_note("Gamma 1", "2026-01-02", "PMT 23 replaced")
        history.exclude(5, "leak")
    run = call("trend", "--db", step, "--system", "Gamma 1", "--json")
    test = only(run)
    assert test["state"] == "steady"
    assert run.document["systems"][0]["events"] == [
        {"mark": "a", "date": "2026-01-02", "kind": "service", "text": "PMT 23 replaced"}
    ]
    assert {series["points"]["excluded"][4] for series in test["series"]} == {"leak"}
    assert {base["kind"] for base in test["series"][0]["baselines"]} == {"service", "first"}


def test_what_is_overdue_by_the_configuration_is_told(step, tmp_path):
    config = tmp_path / "nmqc.toml"
    config.write_text(
        '[[system]]\nunit = "Gamma 1"\nunit_id = "12345678"\n'
        '[[expect]]\nunit = "Gamma 1"\ntest = "uniformity.planar"\nevery = "1 day"\n'
    )
    run = call("trend", "--db", step, "--config", config, "--to", "2026-03-09", "--json")
    (test,) = run.document["systems"][0]["tests"]
    assert (test["overdue"]["due"], test["overdue"]["days_late"]) == ("2026-03-03", 6)
    with History.open(find_address(str(step))) as history:
        history.exclude(120, "leak")  # the last one
    asked = ("trend", "--db", step, "--config", config, "--to", "2026-03-09", "--json")
    (test,) = call(*asked).document["systems"][0]["tests"]
    assert (test["overdue"]["due"], test["overdue"]["days_late"]) == ("2026-03-02", 7)
    assert [one["unit"] for one in call(*asked, "--system", "Gamma 2").document["systems"]] == ["Gamma 2"]
    none = call(*asked, "--test", "cor.point-sources").document
    assert none["systems"] == []


# --- files ----------------------------------------------------------------------------------------------


def test_pdf_page_and_table_hold_the_same_values(step, tmp_path):
    pdf, page, table = (tmp_path / name for name in ("t.pdf", "t.html", "t.csv"))
    run = call("trend", "--db", step, "-o", pdf, "--html", page, "--csv", table, "--json")
    assert (run.status, run.said) == (0, [])
    with pikepdf.open(pdf) as file:
        assert json.loads(file.attachments["trend.json"].get_file().read_bytes()) == run.document
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert len(rows) == run.document["values"] == 480
    assert page.read_text().startswith("<!doctype html>")
    again = call("trend", "--db", step, "-o", pdf, "--html", page, "--csv", table)
    assert (again.status, again.out) == (0, b"")


@pytest.mark.parametrize(("option", "name"), [("-o", "t.pdf"), ("--html", "t.html"), ("--csv", "t.csv")])
def test_a_file_of_somebody_else_stays_unless_forced(step, tmp_path, option, name):
    mine = tmp_path / name
    mine.write_text("mine")
    assert call("trend", "--db", step, option, mine).status == 3
    assert mine.read_text() == "mine"
    assert call("trend", "--db", step, option, mine, "--force").status == 0
    assert b"mine" not in mine.read_bytes()[:4]


@pytest.mark.parametrize("option", ["-o", "--html", "--csv"])
def test_a_missing_folder_is_said_before_any_work(step, tmp_path, option):
    run = call("trend", "--db", step, option, tmp_path / "none" / "t", "--json")
    assert (run.status, len(run.said), len(run.refused), run.document["systems"]) == (3, 1, 1, [])
    assert "folder" in run.said[0]


def test_the_object_is_printed_also_where_a_report_cannot_be_written(step, tmp_path, monkeypatch):
    def full(path, content):
        raise UnusableInput("cannot_write", f"{path.name} cannot be written")

    monkeypatch.setattr("nmqc.report.pdf.save", full)
    run = call("trend", "--db", step, "--csv", tmp_path / "t.csv", "--json")
    assert (run.status, run.document["values"]) == (3, 480)
    assert run.said == ["nmqc: t.csv cannot be written"]


def test_two_reports_into_one_file_are_wrong_usage(step, tmp_path):
    assert call("trend", "--db", step, "--html", tmp_path / "a", "--csv", tmp_path / "a").status == 2


def test_dates_are_in_the_language_of_the_configuration(step, tmp_path):
    config = tmp_path / "nmqc.toml"
    config.write_text('[report]\ndates = "de"\n')
    assert "3. November 2025" in " ".join(call("trend", "--db", step, "--config", config).text.split())


def test_no_image_is_needed_and_nothing_is_written_into_the_history(step):
    before = step.read_bytes()
    assert call("trend", "--db", step).status == 0
    assert step.read_bytes() == before


# --- little or odd --------------------------------------------------------------------------------------


def test_no_history_is_status_3_and_an_empty_one_says_that_it_is_empty(tmp_path):
    missing = call("trend", "--db", tmp_path / "none.sqlite", "--json")
    assert (missing.status, missing.refused[0]["code"]) == (3, "history_missing")
    assert len(missing.said) == 1
    db = record(tmp_path / "h.sqlite", [])
    empty = call(
        "trend",
        "--db",
        db,
        "-o",
        tmp_path / "t.pdf",
        "--html",
        tmp_path / "t.html",
        "--csv",
        tmp_path / "t.csv",
        "--json",
    )
    assert (empty.status, empty.document["systems"]) == (0, [])


def odd():
    year = scattered(60)
    yield "one value", daily([2.9])
    yield "two values at one time", [result(1, START, 2.9), result(2, START, 3.0)]
    yield (
        "a gap of a year",
        [
            *daily(year[:30]),
            *(result(n, START + timedelta(days=n + 365), v) for n, v in enumerate(year[30:], 30)),
        ],
    )
    yield "all equal", daily([2.9] * 60)
    yield "all zero", daily([0.0] * 60)
    yield "no limits", daily(year, limited=False)
    yield "no dates", [result(n, None, 2.9) for n in range(3)]
    yield (
        "the ends of the calendar",
        [result(n, datetime(year, 12, 30), 2.9) for n, year in enumerate((1, 9999))],
    )
    yield "huge", daily([1e12, 2e12, -1e12] * 10)
    yield "tiny", daily([1e-12 * n for n in range(30)])
    yield "no detector", daily(year, detector=None)


@pytest.mark.parametrize(
    ("name", "results"), list(odd()), ids=lambda one: one if isinstance(one, str) else ""
)
def test_odd_histories_are_reported(tmp_path, name, results):
    db = record(tmp_path / "h.sqlite", results)
    run = call(
        "trend",
        "--db",
        db,
        "-o",
        tmp_path / "t.pdf",
        "--html",
        tmp_path / "t.html",
        "--csv",
        tmp_path / "t.csv",
        "--json",
    )
    assert (run.status, len(run.said)) == (0, int(name == "no dates")), name
    assert (run.document["systems"] == []) == (name == "no dates")


def test_results_without_a_date_are_told(tmp_path):
    without = [result(n, None, 2.9, unit) for n, unit in enumerate(["Gamma 1"] * 2 + ["Gamma 2"] * 2, 9)]
    db = record(tmp_path / "h.sqlite", [*daily([2.9, 3.0]), *without])
    with History.open(find_address(str(db))) as history:
        history.exclude(6, "never had one")
    run = call("trend", "--db", db, "--json")
    assert (run.document["undated"], run.document["values"]) == (3, 4)
    assert [line[:53] for line in run.said] == ["3 results without a date are not in the trend: `nmqc "]
    (one,) = call("trend", "--db", db, "--system", "Gamma 2").said
    assert one.startswith("1 result without a date is not in the trend")


def test_a_damaged_history_is_refused(tmp_path):
    db = tmp_path / "h.sqlite"
    db.write_bytes(b"no database at all" * 100)
    assert call("trend", "--db", db).status == 3
    sqlite3.connect(tmp_path / "other.sqlite").execute("CREATE TABLE t (a)")
    assert call("trend", "--db", tmp_path / "other.sqlite").status == 3
