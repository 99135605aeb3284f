"""QuAAC documents, as the package `quaac` reads them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from nmqc.history import Entry, History, find_address
from nmqc.model import Measurement, NoiseFloor
from nmqc.neighbours.quaac import JSON_BEGINS, YAML_BEGINS, exported, json_text, yaml_text
from tests.history.samples import INTEGRAL, LIMITS, TILT, a_result, payload_of

NASTY = 'say "no": \\ # - [x] \u2028 \U0001f9ea \x7f é'


@pytest.fixture
def entries(tmp_path: Path) -> list[Entry]:
    """Five results: two cameras, one without a date, one excluded, one PET with parts of a second and an offset."""
    results = [
        a_result(1),
        a_result(
            2, detector=2, parameters={"10 mm": [1e-05, 1e20, 5.0], "no": NASTY, "empty": [], "none": {}}
        ),
        a_result(3, acquired=None, acquired_from=None),
        a_result(4, unit="Süd 4", name="symbia-t2", collimator=NASTY),
        a_result(
            5,
            test="pet.uniformity",
            algorithm="pet.uniformity/1",
            detector=None,
            detector_source=None,
            energy_window=None,
            acquired="2026-11-20T07:12:00.5+00:00",
            unit="PET",
            measurements=(
                Measurement(INTEGRAL, 1e-07, "", {"counting": 0.1}, NoiseFloor(1.5, 1.7), (), LIMITS, "fail"),
                Measurement(TILT, 3.0),
            ),
        ),
    ]
    with History.open(find_address(f"sqlite:///{tmp_path}/h.sqlite")) as history:
        for result in results:
            history.record(result, payload_of(result))
        history.exclude(2, NASTY)
        return history.select()


def read(entries: list[Entry], tmp_path: Path, ending: str) -> Any:
    quaac = pytest.importorskip("quaac", reason="the package quaac is not installed")
    path = tmp_path / f"export{ending}"
    document = exported(entries).document
    path.write_text((json_text if ending == ".json" else yaml_text)(document), encoding="utf-8")
    reader = quaac.Document.from_json_file if ending == ".json" else quaac.Document.from_yaml_file
    return reader(str(path))


@pytest.mark.parametrize("ending", [".json", ".yaml"])
def test_the_package_reads_it_with_all_its_hashes(entries: list[Entry], tmp_path: Path, ending: str) -> None:
    """The hashes are the package's own, computed from what it has read: a value that changed would not agree."""
    ours = exported(entries).document
    theirs = read(entries, tmp_path, ending)
    assert [point["hash"] for point in ours["datapoints"]] == [point.hash for point in theirs.datapoints]
    assert {one["hash"] for one in ours["equipment"]} == {one.hash for one in theirs.equipment}
    assert {one["hash"] for one in ours["users"]} == {one.hash for one in theirs.users}


def test_the_package_notices_an_edited_value(entries: list[Entry], tmp_path: Path) -> None:
    quaac = pytest.importorskip("quaac", reason="the package quaac is not installed")
    document = exported(entries).document
    document["datapoints"][0]["measurement value"] += 0.001
    path = tmp_path / "edited.json"
    path.write_text(json_text(document))
    with pytest.raises(ValueError, match="edited"):
        quaac.Document.from_json_file(str(path))


def test_a_point_holds_time_uncertainty_limits_and_verdict(entries: list[Entry]) -> None:
    points = exported(entries).document["datapoints"]
    (first,) = [one for one in points if one["measurement value"] == 2.1 + 1 / 3]
    assert datetime.fromisoformat(first["perform datetime"]) == datetime(2026, 11, 2, 7, 12, 1)
    assert (first["name"], first["measurement unit"]) == ("integral uniformity, UFOV, detector 1", "%")
    said = first["parameters"]
    assert (said["status"], said["warn"], said["fail"]) == (
        "pass",
        {"low": None, "high": 4.0},
        {"low": None, "high": 5.0},
    )
    assert (said["limits_source"], said["limits_verified"]) == ("site, 2026", False)
    assert said["uncertainty"] == pytest.approx((0.11**2 + 0.08**2) ** 0.5, rel=1e-12)  # arithmetic only
    assert said["recipe"]["edge_policy"] == "whole-pixels"
    assert said["sha256"] == [payload_of(a_result(1))["inputs"][0]["sha256"]]


def test_times_are_written_as_the_package_writes_them(entries: list[Entry]) -> None:
    times = {point["perform datetime"] for point in exported(entries).document["datapoints"]}
    assert "2026-11-20T07:12:00.500000Z" in times


def test_what_has_no_date_is_left_out_and_told(entries: list[Entry]) -> None:
    found = exported(entries)
    assert found.undated == (3,)
    assert {point["parameters"]["result"] for point in found.document["datapoints"]} == {1, 2, 4, 5}


def test_an_excluded_result_says_so(entries: list[Entry]) -> None:
    points = exported(entries).document["datapoints"]
    assert {p["parameters"]["excluded"] is None for p in points if p["parameters"]["result"] == 2} == {False}
    assert {p["parameters"]["excluded"] for p in points if p["parameters"]["result"] != 2} == {None}


def test_equipment_stands_once(entries: list[Entry]) -> None:
    equipment = exported(entries).document["equipment"]
    kinds = sorted((one["name"], one["type"], one["serial number"]) for one in equipment)
    assert kinds == [("NM-1", "gamma camera", ""), ("PET", "PET scanner", ""), ("Süd 4", "gamma camera", "")]


def test_one_metric_alone(entries: list[Entry]) -> None:
    document = exported(entries, "uniformity.tilt").document
    assert {point["parameters"]["metric"] for point in document["datapoints"]} == {"uniformity.tilt"}


def test_nothing_to_export() -> None:
    document = exported([]).document
    assert (document["datapoints"], document["equipment"], document["users"]) == ([], [], [])


def test_no_name_of_a_file_is_in_it(entries: list[Entry]) -> None:
    text = json_text(exported(entries).document)
    assert ".dcm" not in text


def test_yaml_and_json_are_the_same(entries: list[Entry]) -> None:
    """PyYAML reads YAML 1.1, where 1e-05 and unquoted "no" would be something else."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    document = exported(entries).document
    assert yaml.safe_load(yaml_text(document)) == json.loads(json_text(document)) == document
    assert json_text(document).encode().startswith(JSON_BEGINS)
    assert yaml_text(document).encode().startswith(YAML_BEGINS)
