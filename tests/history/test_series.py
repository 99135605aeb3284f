"""Series for trends: what belongs together, what each point says, and that none of it is read from payloads."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from nmqc.errors import HistoryUnavailable
from nmqc.history import (
    Address,
    Batched,
    Filters,
    History,
    SeriesPoint,
    SeriesRows,
    without_superseded,
)
from nmqc.history import schema as schema_module
from nmqc.history.conditions import conditions_of, setting_of
from nmqc.model import Ends, Limits, Measurement, Metric, NoiseFloor, Result
from tests.history.samples import INTEGRAL, TILT, a_result, payload_of

COUNTS = Metric("uniformity.counts_per_pixel", "counts", "nmqc", "counts per pixel")
#: no two ends, and neither end and noise floor, are alike: a column in the wrong place shows
JUDGED = Limits(Ends(0.25, 4.0), Ends(0.125, 5.5), "magnitude", "%", "site", verified=False)
FLOOR = NoiseFloor(1.5, 1.75)


@pytest.fixture
def history(address: Address) -> Iterator[History]:
    with History.open(address) as opened:
        yield opened


def measured(value: float, **changes: Any) -> tuple[Measurement, ...]:
    """An index with everything, the same of the literal reading with nothing, a tilt, and the counts."""
    parts = {"counting": 0.3, "grid": 0.4}
    judged = Measurement(INTEGRAL, value, "", parts, FLOOR, limits=JUDGED, verdict="warn")
    return (
        replace(judged, **changes),
        Measurement(INTEGRAL, value + 10, of="strict"),
        Measurement(TILT, value + 20, noise_floor=FLOOR),
        Measurement(COUNTS, 1000 * value),
    )


def a_flood(number: int, **changes: Any) -> Result:
    """A flood of day `number` of November 2026 with values made from its number."""
    acquired = f"2026-11-{number:02d}T07:12:00"
    return a_result(number, **{"acquired": acquired, "measurements": measured(float(number))} | changes)


def record(history: History, *results: Result) -> None:
    history.record_batch([Batched(results=tuple((one, payload_of(one)) for one in results))])


def values(series: SeriesRows) -> list[float]:
    return [point.value for point in series.points]


def named(history: History, metric: str, of: str = "", **filters: Any) -> list[SeriesRows]:
    return [one for one in history.series(Filters(**filters)) if (one.key.metric, one.key.of) == (metric, of)]


# --- points ---------------------------------------------------------------------------------------------


def test_a_point_says_everything_of_its_measurement(history: History) -> None:
    record(history, a_flood(3), a_flood(2))
    history.exclude(1, "source leaked")
    judged, literal, tilt, counts = history.series(Filters())
    whole = SeriesPoint(
        2, datetime(2026, 11, 2, 7, 12), 2.0, 0.5, "warn", None, 2000.0, 1.5, 1.75, Ends(0.25, 4.0), Ends(0.125, 5.5),
        "magnitude",
    )  # fmt: skip
    assert judged.points[0] == whole
    assert judged.points[1].excluded == "source leaked"
    bare = whole._replace(
        value=12.0, uncertainty=None, verdict="unjudged", floor_mean=None, floor_p95=None, warn=None, fail=None,
        limits_of=None,
    )  # fmt: skip
    assert literal.points[0] == bare
    assert tilt.points[0] == bare._replace(value=22.0, floor_mean=1.5, floor_p95=1.75)
    assert counts.points[0] == bare._replace(value=2000.0)


def test_the_key_says_what_the_values_have_in_common(history: History) -> None:
    record(history, a_flood(1, unit="NM-7", name="brivo", detector=2))
    key = history.series(Filters())[3].key
    assert (key.unit, key.system, key.test, key.algorithm) == (
        "NM-7",
        "brivo",
        "uniformity.planar",
        "uniformity.planar/1",
    )
    assert (key.detector, key.window, key.collimator, key.nuclide) == (2, "99m Technetium", "LEHR", "Tc-99m")
    assert (key.metric, key.of, key.unit_of_value) == ("uniformity.counts_per_pixel", "", "counts")


def test_points_are_in_order_of_time_then_of_number(history: History) -> None:
    """By the time itself: text would put "07:12:00.5" before "07:12:00+01:00", whose offset does not count."""
    times = [
        "2026-11-03T07:12:01",
        "2026-11-03T07:12:00.5",
        "2026-11-03T07:12:00+01:00",
        "2026-11-02T23:59:00",
    ]
    record(history, *(a_flood(n, acquired=t) for n, t in enumerate(times, 1)), a_flood(5, acquired=times[0]))
    (series,) = named(history, INTEGRAL.name)
    assert [point.number for point in series.points] == [4, 3, 2, 1, 5]
    assert series.points[1].acquired == datetime(2026, 11, 3, 7, 12)


def test_results_without_a_date_are_named_and_no_points(history: History) -> None:
    record(history, a_flood(1), a_flood(2, acquired=None), a_flood(3, acquired=None, unit="NM-2"))
    record(history, a_flood(4, acquired=None))
    history.exclude(4, "no such flood")
    found = {one.key.unit: (len(one.points), one.undated) for one in named(history, INTEGRAL.name)}
    assert found == {"NM-1": (1, (2,)), "NM-2": (0, (3,))}


# --- what belongs together ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"unit": "NM-2"},
        {"detector": 2},
        {"energy_window": None},
        {"collimator": "NONE"},
        {"radionuclide": "Co-57"},
        {"algorithm": "uniformity.planar/2"},
        {"asked": {"edge_policy": "strict", "edge_margin_mm": None}},
        {"parameters": {"reconstruction": "OSEM 2i 21s"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_is_acquired_or_analysed_otherwise_is_another_series(
    history: History, change: dict[str, Any]
) -> None:
    record(history, a_flood(1), a_flood(2, **change), a_flood(3))
    assert sorted(values(one) for one in named(history, INTEGRAL.name)) == [[1.0, 3.0], [2.0]]


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"rebin": 11, "edge_margin_mm": 3.7}},
        {"software": "VB21"},
        {"asked": {"edge_margin_mm": None, "edge_policy": "whole-pixels"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_changes_no_value_is_the_same_series(history: History, change: dict[str, Any]) -> None:
    record(history, a_flood(1), a_flood(2, **change))
    assert [values(one) for one in named(history, INTEGRAL.name)] == [[1.0, 2.0]]


def test_each_acquisition_of_a_phantom_has_its_own_fill_and_they_are_one_series() -> None:
    """Contrast of 9.8:1 and of 10.3:1 is one series; of a fill that was not given, another."""
    asked = {"voxel_mm": [2.0, 2.0, 2.0], "ratio": 9.8, "sphere_bqml": [20000.0], "background_bqml": [None]}
    settings = [
        setting_of({"asked": asked | change})
        for change in (
            {},
            {"ratio": 10.3, "sphere_bqml": [19000.0]},
            {"ratio": None},
            {"voxel_mm": [2.0, 2.0, 4.0]},
        )
    ]
    assert settings[0] == settings[1]
    assert len(set(settings)) == 3


def test_series_come_by_camera_then_in_the_order_of_the_measurements(history: History) -> None:
    record(history, a_flood(1, unit="NM-2"), a_flood(2, unit="NM-1", detector=2), a_flood(3, unit="NM-1"))
    found = [
        (one.key.unit, one.key.detector, one.key.metric, one.key.of) for one in history.series(Filters())
    ]
    quantities = [(INTEGRAL.name, ""), (INTEGRAL.name, "strict"), (TILT.name, ""), (COUNTS.name, "")]
    cameras = [("NM-1", 1), ("NM-1", 2), ("NM-2", 1)]
    assert found == [camera + quantity for camera in cameras for quantity in quantities]


# --- filters --------------------------------------------------------------------------------------------


def test_filters_of_series(history: History) -> None:
    record(history, *(a_flood(n) for n in (1, 2, 3, 4)), a_flood(5, unit="NM-2"))
    history.exclude(2, "leak")
    (one,) = named(
        history, INTEGRAL.name, system_unit="NM-1", acquired_from="2026-11-02", acquired_to="2026-11-03"
    )
    assert values(one) == [2.0, 3.0]
    assert [values(one) for one in history.series(Filters(metric=TILT.name, system_unit="NM-2"))] == [[25.0]]
    assert [values(one) for one in named(history, TILT.name, excluded=False, system_unit="NM-1")] == [
        [21.0, 23.0, 24.0]
    ]
    assert [values(one) for one in named(history, TILT.name, excluded=True)] == [[22.0]]
    assert [values(one) for one in named(history, TILT.name, limit=2)] == [
        [24.0],
        [25.0],
    ]  # the latest results
    assert history.series(Filters(test="no.test")) == []


# --- histories of an older nmqc -------------------------------------------------------------------------


ADDED = ("nmqc_conditions", "nmqc_judgements")


@pytest.fixture
def second(address: Address, monkeypatch: pytest.MonkeyPatch) -> Address:
    """A history of the second version with 600 results: more than an upgrade reads at a time."""
    with monkeypatch.context() as patch:
        patch.setitem(schema_module.STEPS, address.engine, schema_module.STEPS[address.engine][:2])
        patch.setattr("nmqc.history.store.append", _append_known)
        with History.open(address) as history:
            record(history, *(a_flood(n % 28 + 1, inputs=a_result(n).source.inputs) for n in range(600)))
    return address


def _append_known(database: Any, table: str, rows: Any) -> None:
    from nmqc.history.rows import append

    if table not in ADDED:
        append(database, table, rows)


def test_an_upgrade_fills_what_trends_ask_of_the_results_that_are_there(second: Address) -> None:
    with History.open(second) as history:
        versions = [row[0] for row in history._database.rows("SELECT version FROM nmqc_schema ORDER BY 1")]
        (count,) = history._database.rows("SELECT COUNT(*) FROM nmqc_conditions")
        (judged,) = history._database.rows("SELECT COUNT(*) FROM nmqc_judgements")
        upgraded = history.series(Filters())
        record(history, a_flood(15, inputs=a_result(1000).source.inputs))
        assert len(history.series(Filters())) == len(upgraded) == 4  # the new one goes on with the old ones
    assert (versions, count, judged) == ([1, 2, 3, 4], (600,), (1200,))
    point = upgraded[0].points[0]
    assert (point.value, point.counts, point.floor_p95) == (1.0, 1000.0, 1.75)
    assert (point.warn, point.fail, point.limits_of) == (Ends(0.25, 4.0), Ends(0.125, 5.5), "magnitude")


def test_what_an_older_process_records_after_the_upgrade_is_in_the_series_too(
    second: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    with History.open(second) as history:
        before = history.series(Filters())
        with monkeypatch.context() as patch:  # it opened the history before it was upgraded
            patch.setattr("nmqc.history.store.append", _append_known)
            record(history, a_flood(28, inputs=a_result(1000).source.inputs, acquired="2026-12-01T07:12:00"))
        after = history.series(Filters())
    assert [one.key for one in after] == [one.key for one in before]
    point = after[0].points[-1]
    assert (len(after[0].points), point.number, point.counts) == (601, 601, 28000.0)
    assert (point.warn, point.fail, point.floor_mean) == (Ends(0.25, 4.0), Ends(0.125, 5.5), 1.5)


@pytest.mark.parametrize("version", [2, 4])
def test_a_stored_object_that_is_damaged_is_named(
    file_address: Address, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    """Where an upgrade reads it, and where a trend does since an older process recorded it after the upgrade."""
    with monkeypatch.context() as patch:
        patch.setattr("nmqc.history.store.append", _append_known)
        patch.setitem(schema_module.STEPS, "sqlite", schema_module.STEPS["sqlite"][:version])
        with History.open(file_address) as history:
            record(history, a_flood(1), a_flood(2))
    connection = sqlite3.connect(file_address.target)
    connection.execute("DROP TRIGGER nmqc_results_no_update")
    connection.execute("UPDATE nmqc_results SET payload = substr(payload, 1, 99) WHERE number = 2")
    connection.commit()
    connection.close()
    unreadable = pytest.raises(HistoryUnavailable, match="result 2 cannot be read")
    with unreadable as refusal, History.open(file_address) as history:
        history.series(Filters())
    assert refusal.value.code == "history_damaged"


def test_conditions_of_the_stored_object_are_those_of_the_object() -> None:
    payload = payload_of(a_flood(1))
    assert conditions_of(json.loads(json.dumps(payload))) == conditions_of(payload)


def test_reading_series_reads_no_payload(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    record(history, a_flood(1))
    monkeypatch.setattr("nmqc.history.series.stored_object", None)
    assert len(history.series(Filters())) == 4


def test_of_an_acquisition_analysed_by_two_versions_the_latest_result_counts(history: History) -> None:
    """Whatever excluded the older one; two acquisitions, or two cameras, stay two."""
    floods = [a_flood(number, measurements=measured(float(number))) for number in (1, 2, 3, 4)]
    other = {"unit": "NM-2", "acquired": "2026-11-01T07:12:00", "measurements": measured(9.0)}
    record(history, *floods, a_flood(5, **other))
    history.exclude(1, "leak")
    newer = {"algorithm": "uniformity.planar/2"}
    record(history, *(a_flood(number, measurements=measured(10.0 + number), **newer) for number in (1, 3)))
    found = [
        (one.key.unit, one.key.algorithm[-1], point.value, point.excluded)
        for one in without_superseded(named(history, INTEGRAL.name))
        for point in one.points
    ]
    assert sorted(found) == [
        ("NM-1", "1", 2.0, None),
        ("NM-1", "1", 4.0, None),
        ("NM-1", "2", 11.0, "leak"),
        ("NM-1", "2", 13.0, None),
        ("NM-2", "1", 9.0, None),
    ]
