"""What `nmqc uniformity` leaves in the history, and what happens where it cannot."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nmqc.errors import HistoryUnavailable
from nmqc.history import History, find_address, store
from nmqc.history.address import Address
from nmqc.history.engines import Database
from tests.cli.conftest import Floods
from tests.cli.running import Run, call, codes, environment, finished, unprivileged

QUICK = ("--replicates", "0", "--json")


def uniformity(*arguments: str | Path) -> Run:
    return call("uniformity", *QUICK, *arguments)


def entries(db: Path | None = None) -> list[dict[str, Any]]:
    where = () if db is None else ("--db", db)
    return list(call("history", "list", "--json", "--limit", "0", *where).document["entries"])


def numbers(run: Run) -> list[int | None]:
    return [result["history"] for result in run.results]


# --- where -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the folder is that of XDG")
def test_the_default_is_in_the_users_data_folder(floods: Floods, home: Path) -> None:
    assert numbers(uniformity(floods.heads)) == [1, 2]
    assert (home / "data" / "nmqc" / "history.sqlite").is_file()
    assert len(entries()) == 2


def test_the_option_goes_before_the_variable_before_the_configuration(
    floods: Floods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed, variable, configured = (
        tmp_path / f"{name}.sqlite" for name in ("typed", "variable", "configured")
    )
    config = tmp_path / "nmqc.toml"
    config.write_text(f'database = "sqlite:///{configured.as_posix()}"\n')
    uniformity(floods.good, "--config", config)
    assert configured.is_file()
    monkeypatch.setenv("NMQC_DB", str(variable))
    uniformity(floods.good, "--config", config)
    assert variable.is_file()
    assert not typed.exists()
    uniformity(floods.good, "--config", config, "--db", typed)
    assert typed.is_file()
    monkeypatch.delenv("NMQC_DB")
    assert [len(entries(path)) for path in (typed, variable, configured)] == [1, 1, 1]


def test_no_record_leaves_the_history_alone(floods: Floods, home: Path, tmp_path: Path) -> None:
    run = uniformity(floods.good, "--no-record", "--db", tmp_path / "none.sqlite")
    assert (run.status, numbers(run)) == (0, [None])
    assert not (tmp_path / "none.sqlite").exists()
    assert list(home.rglob("*.sqlite")) == []


# --- what ------------------------------------------------------------------------------------------------


def test_what_is_recorded_is_what_was_printed(floods: Floods) -> None:
    run = uniformity(floods.heads)
    by_number = {entry["number"]: entry["result"] for entry in entries()}
    assert [by_number[result["history"]] for result in run.results] == run.results


def test_the_same_file_twice_is_one_entry_and_said_so(floods: Floods) -> None:
    first = uniformity(floods.heads)
    assert first.said == []
    second = uniformity(floods.heads)
    assert second.results == first.results
    assert [("already" in line, line.split()[-1]) for line in second.said] == [(True, "1"), (True, "2")]
    assert second.status == 0
    assert len(entries()) == 2


def test_another_name_and_other_replicates_are_the_same_result(floods: Floods, tmp_path: Path) -> None:
    uniformity(floods.good)
    copy = shutil.copy(floods.good, tmp_path / "another name.dcm")
    assert numbers(call("uniformity", copy, "--replicates", "10", "--json")) == [1]
    assert len(entries()) == 1


@pytest.mark.parametrize(
    "options",
    [("--rebin", "2"), ("--edge-margin", "9"), ("--edge-policy", "strict"), ("--source-distance", "2000")],
)
def test_what_changes_a_value_makes_another_entry(floods: Floods, options: tuple[str, str]) -> None:
    uniformity(floods.good)
    assert numbers(uniformity(floods.good, *options)) == [2]
    assert numbers(uniformity(floods.good, *options)) == [2]


def test_a_file_given_with_another_head_is_another_entry(floods: Floods) -> None:
    file = floods.split[0]
    assert [numbers(uniformity(file, *head)) for head in ((), ("--detector", "1"), ("--detector", "2"))] == [
        [1],
        [2],
        [3],
    ]


def test_an_excluded_result_stays_excluded_and_visible(floods: Floods) -> None:
    uniformity(floods.heads)
    assert call("history", "exclude", "2", "--reason", "source leaked").status == 0
    assert numbers(uniformity(floods.heads)) == [1, 2]
    assert {entry["number"]: entry["excluded"] for entry in entries()} == {1: None, 2: "source leaked"}
    assert "source leaked" in call("history", "show", "2").text


def test_a_command_records_everything_together_or_nothing(
    floods: Floods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal of the second file comes last: where it cannot be written, the results of the first are not."""
    text, db = tmp_path / "text.dcm", tmp_path / "history.sqlite"
    text.write_text("no image")
    append = store.append

    def failing(database: Database, table: str, rows: Any) -> None:
        append(database, table, rows)
        if table == "nmqc_refusals" and rows:
            raise HistoryUnavailable("history_full", "the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "append", failing)
        run = uniformity(floods.heads, text, "--db", db)
    assert (run.status, numbers(run)) == (3, [None, None])
    assert "not recorded: the disk is full" in run.err
    assert entries(db) == []
    assert numbers(uniformity(floods.heads, text, "--db", db)) == [1, 2]
    with History.open(find_address(str(db))) as history:
        assert [one.code for one in history.refusals()] == ["not_dicom"]


def test_refused_inputs_are_recorded_with_their_reason(floods: Floods, tmp_path: Path) -> None:
    text, db = tmp_path / "text.dcm", tmp_path / "history.sqlite"
    text.write_text("no image")
    run = uniformity(text, floods.good, "--db", db)
    with History.open(find_address(str(db)), read_only=True) as history:
        recorded = history.refusals()
    assert [(one.file, one.code, one.reason) for one in recorded] == [
        ("text.dcm", "not_dicom", run.refused[0]["reason"])
    ]


def test_refused_frames_are_recorded_with_their_reason(floods: Floods, tmp_path: Path) -> None:
    db = tmp_path / "history.sqlite"
    run = uniformity(floods.good, "--rebin", "64", "--db", db)
    assert codes(run.refused) == ["empty_field"]
    with History.open(find_address(str(db)), read_only=True) as history:
        assert [(one.file, one.code) for one in history.refusals()] == [("good.dcm", "empty_field")]


# --- where it cannot -------------------------------------------------------------------------------------


def unrecorded(run: Run, results: int = 1) -> str:
    """The one line about the history of a call that printed its results all the same."""
    assert run.status == 3
    assert numbers(run) == [None] * results
    (line,) = run.said
    assert line.startswith("nmqc: not recorded: ")
    return line


def test_a_history_that_is_a_folder(floods: Floods, tmp_path: Path) -> None:
    assert "is a folder" in unrecorded(uniformity(floods.good, "--db", tmp_path))


def test_a_history_without_its_folder(floods: Floods, tmp_path: Path) -> None:
    line = unrecorded(uniformity(floods.good, "--db", tmp_path / "missing" / "history.sqlite"))
    assert "make" in line


def test_a_history_that_is_another_file(floods: Floods, tmp_path: Path) -> None:
    other = tmp_path / "letter.txt"
    other.write_text("no database " * 100)
    assert "not a history" in unrecorded(uniformity(floods.good, "--db", other))
    assert other.read_text() == "no database " * 100


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc here")
def test_a_folder_in_which_nobody_can_write(floods: Floods) -> None:
    assert "/proc/" in unrecorded(uniformity(floods.good, "--db", "/proc/nmqc.sqlite"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locked history is waited for a tenth of a second."""

    def connect(address: Address, _timeout_s: float, read_only: bool) -> Database:
        return store_connect(address, 0.1, read_only)

    store_connect = store.connect
    monkeypatch.setattr(store, "connect", connect)


@pytest.fixture
def locked(floods: Floods, tmp_path: Path, impatient: None) -> Iterator[Path]:
    """A history that another program holds."""
    path = tmp_path / "history.sqlite"
    uniformity(floods.good, "--db", path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    yield path
    other.execute("ROLLBACK")
    other.close()


def test_a_locked_history(floods: Floods, locked: Path) -> None:
    line = unrecorded(uniformity(floods.heads, "--db", locked), results=2)
    assert "locked by another program" in line


def test_a_locked_history_in_text(floods: Floods, locked: Path) -> None:
    run = call("uniformity", floods.good, "--replicates", "0", "--db", locked)
    assert run.status == 3
    assert "integral uniformity" in run.text
    assert "not recorded" in run.text
    assert "not recorded" in run.said[0]


def test_a_locked_history_does_not_lower_a_fail(floods: Floods, locked: Path) -> None:
    run = uniformity(floods.weak, "--db", locked)
    assert run.status == 4
    assert numbers(run) == [None, None]
    assert len(run.said) == 1


def test_what_was_locked_is_recorded_the_next_time(floods: Floods, locked: Path) -> None:
    uniformity(floods.heads, "--db", locked)
    other = locked.with_name("copy.sqlite")
    shutil.copy(locked, other)
    assert numbers(uniformity(floods.heads, "--db", other)) == [2, 3]


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_folder_that_is_read_only(floods: Floods) -> None:
    uniformity(floods.good)  # so that all modules are there: nobody may read no other's installation
    flood = floods.good.read_bytes()
    with unprivileged() as folder:
        (folder / "flood.dcm").write_bytes(flood)
        folder.chmod(0o555)
        assert str(folder) in unrecorded(uniformity(folder / "flood.dcm", "--db", folder / "history.sqlite"))


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_history_that_is_read_only(floods: Floods) -> None:
    """What it holds is found in it; what is new is not recorded."""
    uniformity(floods.good)
    flood = floods.good.read_bytes()
    with unprivileged() as folder:
        (folder / "flood.dcm").write_bytes(flood)
        db = folder / "history.sqlite"
        assert numbers(uniformity(folder / "flood.dcm", "--db", db)) == [1]
        db.chmod(0o444)
        folder.chmod(0o555)
        assert numbers(uniformity(folder / "flood.dcm", "--db", db)) == [1]
        line = unrecorded(uniformity(folder / "flood.dcm", "--rebin", "2", "--db", db))
        assert "read-only" in line


def test_two_processes_at_once_lose_nothing(floods: Floods, tmp_path: Path) -> None:
    db = tmp_path / "history.sqlite"
    command = [sys.executable, "-m", "nmqc", "uniformity", *QUICK, "--db", str(db)]
    running = [
        subprocess.Popen(
            [*command, str(file)], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for file in (floods.heads, floods.good)
    ]
    runs = [finished(subprocess.CompletedProcess((), p.wait(), *p.communicate())) for p in running]
    assert [run.status for run in runs] == [0, 0]
    assert sorted(number or 0 for run in runs for number in numbers(run)) == [1, 2, 3]
    assert len(entries(db)) == 3
