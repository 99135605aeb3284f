"""What is written is what is read, on both engines: the same tests run on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from nmqc.errors import HistoryUnavailable, UnusableInput
from nmqc.history import Address, Batched, Filters, History
from nmqc.history import schema as schema_module
from nmqc.model import EnergyWindow, Measurement, Metric, Refusal
from nmqc.report.document import result_from_json
from tests.history.samples import INTEGRAL, UID, a_mark, a_result, an_input, payload_of, sha

TABLES = (
    "schema", "results", "inputs", "measurements", "events", "refusals", "files", "conditions", "judgements",
    "baselines", "notes", "withdrawals",
)  # fmt: skip


@pytest.fixture
def history(address: Address) -> Any:
    with History.open(address) as opened:
        yield opened


def record(history: History, *results: Any) -> list[int]:
    return [history.record(result, payload_of(result)).number for result in results]


def numbers(history: History, **filters: Any) -> list[int]:
    found = [entry.number for entry in history.select(Filters(**filters))]
    assert history.count(Filters(**filters)) == len(found)
    return found


# --- recording ------------------------------------------------------------------------------------------


def test_the_payload_comes_back_number_for_number(history: History) -> None:
    result = a_result(1)
    text = 'Größe \u2265 5 %, tab\t, "quoted", \u0000, half of a pair \ud800, {braces} %s ? $1 \\'
    payload = payload_of(result) | {
        "summary": text,
        "duration_s": 5e-324,
        "parameters": {"x": 0.1 + 0.2, "n": 2**70},
    }
    (number,) = [history.record(result, payload).number]
    stored = history.get(number).payload
    assert stored == payload | {"history": number}
    assert list(stored) == list(payload)  # the order of the keys too
    assert type(stored["parameters"]["n"]) is int
    assert stored["measurements"][2]["value"] == -1.25e-17


def test_the_result_itself_comes_back(history: History) -> None:
    result = a_result(3)
    (number,) = record(history, result)
    again = result_from_json(history.get(number).payload)
    assert again.measurements == result.measurements
    assert (again.remarks, again.not_measured, again.verdict) == (
        result.remarks,
        result.not_measured,
        result.verdict,
    )


def test_the_columns_are_the_results_own(history: History) -> None:
    (number,) = record(history, a_result(2, detector=2, unit="NM-7", name="brivo", collimator="NONE"))
    entry = history.get(number)
    assert (entry.test, entry.algorithm) == ("uniformity.planar", "uniformity.planar/1")
    assert (entry.system, entry.system_unit, entry.detector) == ("brivo", "NM-7", 2)
    assert (entry.energy_window, entry.collimator, entry.nuclide) == ("99m Technetium", "NONE", "Tc-99m")
    assert (entry.acquired, entry.verdict) == ("2026-11-03T07:12:02", "pass")
    assert entry.recorded.endswith("Z")
    assert len(entry.recorded) == len("2026-11-16T07:15:02Z")


def test_what_is_unknown_stays_unknown(history: History) -> None:
    result = a_result(
        1, detector=None, detector_source=None, energy_window=None, acquired=None, measurements=()
    )
    (number,) = record(history, result)
    entry = history.get(number)
    assert (entry.detector, entry.energy_window, entry.acquired, entry.verdict) == (
        None,
        None,
        None,
        "unjudged",
    )


def test_an_energy_window_without_name_is_called_by_its_ranges(history: History) -> None:
    windows = [EnergyWindow("", ((68.0, 72.5), (79.0, 81.0))), EnergyWindow("", ((129.5, 150.5),))]
    found = [
        history.get(n).energy_window
        for n in record(history, *(a_result(1, energy_window=w) for w in windows))
    ]
    assert found == ["68 to 72.5 keV, 79 to 81 keV", "129.5 to 150.5 keV"]


def test_the_same_result_twice_is_one_entry(history: History) -> None:
    first = history.record(a_result(1), payload_of(a_result(1)))
    other = history.record(a_result(2), payload_of(a_result(2)))
    again = history.record(a_result(1), payload_of(a_result(1, remarks=())))
    assert (first.number, first.new) == (1, True)
    assert (other.number, other.new) == (2, True)
    assert (again.number, again.new, again.remark) == (1, False, None)
    assert len(history.points(Filters())) == 2 * len(a_result(1).measurements)
    assert history.get(1).payload["remarks"] != []  # the first stands


def test_two_detectors_of_one_file_are_two_entries_without_remark(history: History) -> None:
    one, two = (history.record(a_result(1, detector=d), payload_of(a_result(1, detector=d))) for d in (1, 2))
    assert (one.number, two.number) == (1, 2)
    assert not two.same_uid_other_pixels


def test_same_uid_with_other_pixels_is_kept_and_remarked(history: History) -> None:
    altered = a_result(1, inputs=(an_input(1, pixels="altered"),))
    record(history, a_result(7), a_result(1))
    recorded = history.record(altered, payload_of(altered))
    assert (recorded.number, recorded.new, recorded.same_uid_other_pixels) == (3, True, True)
    assert recorded.remark is not None
    stored = history.get(3).payload["remarks"]
    assert [remark["code"] for remark in stored] == ["edge_limited", "same_uid_other_pixels"]
    assert stored[1]["text"] == recorded.remark.text
    assert "result 2 " in recorded.remark.text
    assert history.record(altered, payload_of(altered)).remark == recorded.remark
    assert [remark["code"] for remark in history.get(2).payload["remarks"]] == ["edge_limited"]
    again = history.record(
        a_result(1), payload_of(a_result(1))
    )  # the first file, now that the other is known
    assert (again.new, again.same_uid_other_pixels) == (False, True)
    assert "result 3 " in (again.remark.text if again.remark else "")


def test_one_altered_file_among_several_is_found(history: History) -> None:
    record(history, a_result(1, inputs=(an_input(1), an_input(2))))
    altered = a_result(1, inputs=(an_input(3), an_input(2, pixels="altered")))
    assert history.record(altered, payload_of(altered)).same_uid_other_pixels


def test_files_without_uid_are_never_called_altered(history: History) -> None:
    from dataclasses import replace

    bare = [a_result(n, inputs=(replace(an_input(n), uid=""),)) for n in (1, 2)]
    assert not any(history.record(result, payload_of(result)).same_uid_other_pixels for result in bare)


def test_nan_is_refused_and_nothing_is_written(history: History) -> None:
    with pytest.raises(ValueError, match="JSON"):
        history.record(a_result(1), payload_of(a_result(1)) | {"parameters": {"x": float("nan")}})
    assert numbers(history) == []
    assert record(history, a_result(2)) == [1]


def test_a_result_of_many_measurements_that_fails_half_way_leaves_nothing(history: History) -> None:
    odd = Measurement(Metric("uniformity.tilt", None, "nmqc"), 1.0)  # type: ignore[arg-type]  # unit: NOT NULL
    result = a_result(1, measurements=(*a_result(1).measurements, odd))
    with pytest.raises(HistoryUnavailable):
        history.record(result, payload_of(result))
    assert numbers(history) == []
    assert history.points(Filters()) == []
    assert record(history, a_result(1)) == [1]  # the connection is still good


# --- exclusion ------------------------------------------------------------------------------------------


def test_an_excluded_result_stays_and_says_why(history: History) -> None:
    record(history, a_result(1), a_result(2))
    before = history.get(1).payload
    assert history.exclude(1, " source leaked ")
    assert history.get(1).excluded == "source leaked"
    assert history.get(1).payload == before
    assert history.get(2).excluded is None
    assert numbers(history, excluded=True) == [1]
    assert numbers(history, excluded=False) == [2]
    assert numbers(history) == [2, 1]
    assert [point.excluded for point in history.points(Filters(metric=INTEGRAL.name))] == [
        "source leaked"
    ] * 2 + [None] * 2


def test_including_again_is_a_further_event(history: History) -> None:
    record(history, a_result(1))
    history.exclude(1, "leak")
    history.exclude(1, "leak, confirmed")
    assert history.get(1).excluded == "leak, confirmed"
    assert history.include(1, "no leak after all")
    entry = history.get(1)
    assert entry.excluded is None
    assert [(event.event, event.reason) for event in entry.events] == [
        ("excluded", "leak"),
        ("excluded", "leak, confirmed"),
        ("included", "no leak after all"),
    ]
    assert numbers(history, excluded=False) == [1]


def test_what_changes_nothing_is_not_appended(history: History) -> None:
    record(history, a_result(1))
    assert not history.include(1, "never was excluded")
    assert history.exclude(1, "leak")
    assert not history.exclude(1, "leak")
    assert len(history.get(1).events) == 1


@pytest.mark.parametrize("number", [0, -1, 2, 10**6])
def test_an_unknown_number_is_refused(history: History, number: int) -> None:
    record(history, a_result(1))
    tries: list[Callable[[], object]] = [
        lambda: history.get(number),
        lambda: history.exclude(number, "leak"),
        lambda: history.include(number, "leak"),
    ]
    for one in tries:
        with pytest.raises(UnusableInput, match=f"no result {number}") as refusal:
            one()
        assert refusal.value.code == "no_such_result"


@pytest.mark.parametrize("reason", ["", "  \t"])
def test_no_exclusion_without_a_reason(history: History, reason: str) -> None:
    record(history, a_result(1))
    with pytest.raises(UnusableInput, match="--reason"):
        history.exclude(1, reason)
    assert history.get(1).events == ()


# --- refusals -------------------------------------------------------------------------------------------


def test_a_refusal_is_recorded_once_until_something_changes(history: History) -> None:
    refusal = Refusal("bars.dcm", "not_a_flood", "this is not a flood: \ud800 use `nmqc bars`")
    same = {"sha256": sha("bars"), "tool": "uniformity.planar/1", "configuration": sha("site")}
    assert history.record_refusal(refusal, **same)
    assert not history.record_refusal(refusal, **same)
    assert history.record_refusal(refusal, **same | {"tool": "uniformity.planar/2"})
    assert history.record_refusal(refusal, **same | {"configuration": ""})
    assert history.record_refusal(refusal, **same | {"sha256": sha("other")})
    assert history.record_refusal(Refusal("bars.dcm", "not_a_flood", "of one head", detector=2), **same)
    found = history.refusals(sha("bars"))
    assert [(r.number, r.tool[-1], r.configuration[:4], r.detector) for r in found] == [
        (1, "1", sha("site")[:4], None),
        (2, "2", sha("site")[:4], None),
        (3, "1", "", None),
        (5, "1", sha("site")[:4], 2),
    ]
    assert (found[0].file, found[0].code) == ("bars.dcm", "not_a_flood")
    assert found[0].reason == "this is not a flood: ? use `nmqc bars`"
    assert len(history.refusals()) == 5


# --- selecting ------------------------------------------------------------------------------------------


def test_filters(history: History) -> None:
    other = Measurement(Metric("resolution.bars.fwhm", "mm", "nmqc"), 3.9)
    record(
        history,
        a_result(1, acquired="2026-11-16T07:12:00"),
        a_result(2, acquired="2026-11-30T23:59:59.5+01:00", detector=2),
        a_result(3, acquired="2025-12-31", unit="NM-2", measurements=(other,), test="resolution.bars"),
        a_result(4, acquired=None, name="brivo", unit="NM-3"),
        a_result(5, acquired="2026-12-01T00:00:00", detector=None),
    )
    assert numbers(history) == [5, 2, 1, 3, 4]  # latest first, unknown dates last
    assert [entry.number for entry in history.select(Filters(limit=2))] == [5, 2]
    assert history.count(Filters(limit=2)) == 5
    assert numbers(history, test="resolution.bars") == [3]
    assert numbers(history, system="brivo") == [4]
    assert numbers(history, system_unit="NM-1") == [5, 2, 1]
    assert numbers(history, detector=2) == [2]
    assert numbers(history, metric="resolution.bars.fwhm") == [3]
    assert numbers(history, metric="resolution.bars") == []
    assert numbers(history, verdict="unjudged") == [3]
    assert numbers(history, acquired_from="2026-11-16") == [5, 2, 1]
    assert numbers(history, acquired_from="2026-11-16T08") == [5, 2]
    assert numbers(history, acquired_to="2026-11") == [2, 1, 3]
    assert numbers(history, acquired_to="2026-11-30") == [2, 1, 3]
    assert numbers(history, acquired_to="2026-11-29") == [1, 3]
    assert numbers(history, acquired_from="2026", acquired_to="2026") == [5, 2, 1]
    assert numbers(history, acquired_from="2026-12", detector=1) == []
    assert numbers(history, system_unit="' OR 1=1 --") == []


def test_points_are_measurements_in_order_of_acquisition(history: History) -> None:
    record(history, a_result(5), a_result(2), a_result(3, unit="NM-2"), a_result(4))
    points = history.points(Filters(metric=INTEGRAL.name, system_unit="NM-1"))
    assert [(point.number, point.of) for point in points] == [
        (2, ""), (2, "strict"), (4, ""), (4, "strict"), (1, ""), (1, "strict"),
    ]  # fmt: skip
    assert points[0].value == 2.0 + 0.2 + 1 / 3
    assert points[0].uncertainty == a_result(2).measurements[0].uncertainty
    assert points[1].uncertainty is None
    assert (points[0].unit, points[0].verdict, points[1].verdict) == ("%", "pass", "unjudged")
    assert (points[0].metric, points[0].system, points[0].acquired) == (
        INTEGRAL.name,
        "intevo",
        "2026-11-03T07:12:02",
    )
    latest = history.points(Filters(metric=INTEGRAL.name, system_unit="NM-1", limit=3))
    assert latest == points[-3:]


# --- what was written stays -----------------------------------------------------------------------------


def raw_rows(history: History) -> dict[str, list[Any]]:
    return {table: history._database.rows(f"SELECT * FROM nmqc_{table} ORDER BY 1, 2, 3") for table in TABLES}


def test_nothing_that_was_written_changes(history: History) -> None:
    record(history, a_result(1), a_result(2))
    history.record_refusal(Refusal("x.dcm", "not_a_flood", "no flood"), sha256=sha("x"), tool="1")
    history.exclude(1, "leak")
    state(history, "first")
    before = raw_rows(history)
    record(history, a_result(1), a_result(3), a_result(1, inputs=(an_input(1, pixels="altered"),)))
    history.exclude(2, "leak")
    history.include(1, "sound")
    history.record_refusal(Refusal("x.dcm", "not_a_flood", "otherwise said"), sha256=sha("x"), tool="2")
    state(history, "second")
    after = raw_rows(history)
    for table in TABLES:
        assert [row for row in after[table] if row in before[table]] == before[table], table
    assert {table: len(after[table]) - len(before[table]) for table in TABLES} == {
        "schema": 0, "results": 2, "inputs": 2, "measurements": 6, "events": 2, "refusals": 1, "files": 0,
        "conditions": 2, "judgements": 2, "baselines": 1, "notes": 1, "withdrawals": 2,
    }  # fmt: skip


def state(history: History, words: str) -> None:
    """Set and end a baseline, keep and withdraw a note."""
    done = history.set_baseline("NM-1", "2026-11-01", kind="other", note=words)
    history.end_baseline(done.entry.number, words)
    history.withdraw_note(history.add_note("NM-1", "2026-11-01", words), words)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", ["UPDATE nmqc_{} SET {} = 9", "DELETE FROM nmqc_{}"])
def test_the_database_itself_refuses_changes(history: History, table: str, change: str) -> None:
    record(history, a_result(1))
    history.record_refusal(Refusal("x.dcm", "not_a_flood", "no flood"), sha256=sha("x"), tool="1")
    history.exclude(1, "leak")
    history.record_batch([Batched(marks=(a_mark(1),))])
    state(history, "first")
    columns = {"schema": "version", "inputs": "result", "measurements": "result"}
    column = (columns | {"conditions": "result", "judgements": "result"}).get(table, "number")
    before = raw_rows(history)
    with pytest.raises(HistoryUnavailable):
        history._database.run(change.format(table, column))
    assert raw_rows(history) == before


def test_no_uid_is_stored(history: History) -> None:
    record(history, a_result(1), a_result(1, inputs=(an_input(1, pixels="altered"),)))
    assert UID[:20] not in json.dumps(raw_rows(history))


# --- versions of the tables -----------------------------------------------------------------------------


def test_a_history_of_an_older_nmqc_is_upgraded_and_keeps_everything(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    with History.open(address) as history:
        record(history, a_result(1))
    steps = {
        engine: (
            *known,
            lambda: ("CREATE TABLE nmqc_second (n INTEGER)", "CREATE TABLE nmqc_third (n INTEGER)"),
        )
        for engine, known in schema_module.STEPS.items()
    }
    monkeypatch.setattr(schema_module, "STEPS", steps)
    with pytest.raises(HistoryUnavailable) as refusal:
        History.open(address, read_only=True)
    assert refusal.value.code == "history_older"
    for _ in range(2):  # the second time there is nothing left to do
        with History.open(address) as history:
            assert history.get(1).payload == payload_of(a_result(1)) | {"history": 1}
            assert [
                row[0] for row in history._database.rows("SELECT version FROM nmqc_schema ORDER BY 1")
            ] == [1, 2, 3, 4, 5]
            assert history._database.rows("SELECT * FROM nmqc_second") == []


def test_an_upgrade_that_fails_leaves_the_history_as_it_was(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    with History.open(address) as history:
        record(history, a_result(1))
    with monkeypatch.context() as patch:
        steps = {
            engine: (
                *known,
                lambda: ("CREATE TABLE nmqc_second (n INTEGER)", "CREATE TABLE nmqc_schema (n INTEGER)"),
            )
            for engine, known in schema_module.STEPS.items()
        }
        patch.setattr(schema_module, "STEPS", steps)
        with pytest.raises(HistoryUnavailable):
            History.open(address)
    with History.open(address) as history:
        assert numbers(history) == [1]
        with pytest.raises(HistoryUnavailable):
            history._database.rows("SELECT * FROM nmqc_second")


def test_a_history_of_a_newer_nmqc_is_refused(address: Address) -> None:
    with History.open(address) as history:
        history._database.run("INSERT INTO nmqc_schema VALUES (?, ?, ?)", (99, "2031-01-01T00:00:00Z", "7.0"))
    for read_only in (False, True):
        with pytest.raises(HistoryUnavailable, match="newer nmqc: upgrade") as refusal:
            History.open(address, read_only=read_only)
        assert refusal.value.code == "history_newer"


def test_reading_makes_nothing(address: Address) -> None:
    for _ in range(2):
        with pytest.raises(HistoryUnavailable, match=r"nothing is recorded in .* yet") as refusal:
            History.open(address, read_only=True)
        assert refusal.value.code == "history_missing"


def test_a_history_opened_for_reading_cannot_be_written(address: Address) -> None:
    with History.open(address) as history:
        record(history, a_result(1))
    with History.open(address, read_only=True) as history:
        assert history.record(a_result(1), payload_of(a_result(1))).new is False  # known: nothing to write
        with pytest.raises(HistoryUnavailable) as refusal:
            history.record(a_result(2), payload_of(a_result(2)))
        assert refusal.value.code == "history_read_only"
        assert numbers(history) == [1]
