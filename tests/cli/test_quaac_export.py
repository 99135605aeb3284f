"""`nmqc history export --quaac`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nmqc.history import History, find_address
from tests.cli.running import Run, call
from tests.history.samples import a_result, payload_of


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "h.sqlite"
    with History.open(find_address(f"sqlite:///{path}")) as history:
        for one in (a_result(1), a_result(2, unit="NM-2"), a_result(3, acquired=None, acquired_from=None)):
            history.record(one, payload_of(one))
    return path


def export(db: Path, *options: str | Path) -> Run:
    return call("history", "export", "--db", db, *options)


def test_the_ending_says_what_is_written(db: Path, tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    files = [tmp_path / name for name in ("a.json", "a.YAML", "a.yml")]
    for path in files:
        assert export(db, "--quaac", path).status == 0
    document = json.loads(files[0].read_text())
    assert len(document["datapoints"]) == 6
    for path in files[1:]:
        assert not path.read_text().startswith("{")
        assert yaml.safe_load(path.read_text()) == document


def test_standard_output_and_filters(db: Path) -> None:
    run = export(db, "--quaac", "-", "--unit", "NM-2", "--metric", "uniformity.tilt")
    (point,) = json.loads(run.text)["datapoints"]
    assert point["primary equipment"].startswith("(NM-2) ")


def test_what_has_no_date_is_told(db: Path, tmp_path: Path) -> None:
    assert "1 results without a date" in export(db, "--quaac", tmp_path / "a.json").err


def test_an_earlier_export_is_replaced_and_no_other_file(db: Path, tmp_path: Path) -> None:
    for ending in (".json", ".yaml"):
        path = tmp_path / f"a{ending}"
        assert [export(db, "--quaac", path).status for _ in range(2)] == [0, 0]
        path.write_text("version: my own notes")
        assert export(db, "--quaac", path).status == 3
        assert path.read_text() == "version: my own notes"
        assert export(db, "--quaac", path, "--force").status == 0


def test_the_performer(db: Path) -> None:
    run = export(db, "--quaac", "-", "--performer", " A. Physicist <physics@hospital.org> ")
    (user,) = json.loads(run.text)["users"]
    assert (user["name"], user["email"]) == ("A. Physicist", "physics@hospital.org")


@pytest.mark.parametrize("typed", ["A. Physicist", "<a@b.org>", "A <a@localhost>", "A <a b@c.org>", ""])
def test_a_performer_that_quaac_would_refuse(db: Path, typed: str) -> None:
    assert export(db, "--quaac", "-", "--performer", typed).status == 2


def test_two_exports_into_one_file(db: Path, tmp_path: Path) -> None:
    assert export(db, "--quaac", tmp_path / "a", "--csv", tmp_path / "a").status == 2
    assert export(db).status == 2
