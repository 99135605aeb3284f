"""`nmqc batch` when something goes wrong: nothing is lost, one clear line, and the next run mends it."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from nmqc.batch import pool
from nmqc.history import History
from tests.cli.disks import grown, mounted
from tests.cli.nights import (
    ARGUMENTS,
    aged,
    descendants,
    floods,
    items,
    kill,
    marked,
    needs_proc,
    recorded,
    rows,
    running,
    until,
)
from tests.cli.running import Run, call, child, unprivileged

SEED = 20261122
KILLS = 50


@pytest.fixture(scope="module")
def incoming(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults") / "incoming"
    floods(folder, 24)
    (folder / "note.txt").write_text("the technician's")
    (folder / "cut.dcm").write_bytes((folder / "flood000.dcm").read_bytes()[:-500])
    aged(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(incoming: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("undisturbed") / "history.sqlite"
    assert child("batch", incoming, "--db", db, *ARGUMENTS).returncode == 3
    assert len(rows(db)) == 24
    return db


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


def batch(folder: Path, db: Path, *arguments: str | Path) -> Run:
    return call("batch", folder, "--db", db, "--json", *ARGUMENTS, *arguments)


def same(db: Path, undisturbed: Path) -> None:
    """The histories hold the same results and say the same of every file."""
    assert rows(db) == rows(undisturbed)
    assert marked(db) == marked(undisturbed)


# --- killed ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_killed_at_fifty_moments_and_run_again(incoming: Path, undisturbed: Path, tmp_path: Path) -> None:
    """kill -9 from before the first import to the last recording."""
    start = time.monotonic()
    child("batch", incoming, "--db", tmp_path / "timed.sqlite", *ARGUMENTS)
    whole_s = time.monotonic() - start
    chance = random.Random(SEED)
    done = []
    for number in range(KILLS):
        db = tmp_path / f"{number}.sqlite"
        with running("batch", incoming, "--db", db, *ARGUMENTS):
            time.sleep(chance.uniform(0, whole_s))
        done.append(recorded(db))
        batch(incoming, db)
        same(db, undisturbed)
    assert min(done) == 0  # some were killed before anything stood there, ...
    assert any(one > 0 for one in done)  # ... and others later


@needs_proc
def test_a_worker_that_is_killed_costs_nothing(incoming: Path, undisturbed: Path, db: Path) -> None:
    with running("batch", incoming, "--db", db, *ARGUMENTS) as process:
        until(lambda: len(descendants(process.pid)) >= 4)  # the tracker, the server, and two workers
        kill(descendants(process.pid)[-1])
        process.wait(180)
        assert process.returncode == 3
    same(db, undisturbed)


# --- the history --------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that is full after some results; root alone can make one."""
    with mounted(tmp_path / "disk", "200k") as folder:
        yield folder


def test_a_full_disk(incoming: Path, undisturbed: Path, small_disk: Path) -> None:
    db = small_disk / "history.sqlite"
    run = batch(incoming, db)
    assert run.status == 3
    full = [line for line in run.said if "is full" in line]
    assert len(full) == 1
    assert "done again by the next run" in full[0]
    assert run.document["analysed"] == recorded(db) < 24  # nothing is told that was not recorded
    grown(small_disk, "64m")
    batch(incoming, db)
    same(db, undisturbed)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locked history is waited for a moment, not half a minute."""
    original = History.open.__func__  # type: ignore[attr-defined]

    def open_history(cls: type[History], address: Any, **settings: Any) -> History:
        opened: History = original(cls, address, **{"timeout_s": 0.3, **settings})
        return opened

    monkeypatch.setattr(History, "open", classmethod(open_history))


@pytest.mark.usefixtures("impatient")
def test_a_history_that_another_program_has_locked(incoming: Path, undisturbed: Path, db: Path) -> None:
    batch(incoming, db, "--since", "2100-01-01")
    with sqlite3.connect(db, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        run = batch(incoming, db)
        other.execute("ROLLBACK")
    assert run.status == 3
    assert len(run.said) == 1
    assert "locked by another program" in run.said[0]
    batch(incoming, db)
    same(db, undisturbed)


@pytest.mark.usefixtures("impatient")
def test_a_history_that_is_locked_in_the_middle(
    incoming: Path, undisturbed: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was analysed and not recorded is not told as done."""
    from nmqc.batch import night

    other = sqlite3.connect(db, isolation_level=None, check_same_thread=False)
    original = night._recorded

    def recorded_once(*arguments: Any) -> Any:
        told = original(*arguments)
        other.execute("BEGIN IMMEDIATE")
        return told

    monkeypatch.setattr(night, "RECORD_EVERY", 5)
    with monkeypatch.context() as patch:
        patch.setattr(night, "_recorded", recorded_once)
        run = batch(incoming, db)
    other.execute("ROLLBACK")
    other.close()
    assert run.status == 3
    assert [line for line in run.said if line.startswith("nmqc: not recorded: ")]
    assert 0 < run.document["analysed"] == len(rows(db)) < 24
    batch(incoming, db)
    same(db, undisturbed)


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in threads of this process: it alone can become somebody without privileges, who may not start Python.

    What is imported late is imported now: it may lie where that person may not look.
    """
    monkeypatch.setattr(pool, "processes", ThreadPoolExecutor)
    floods(tmp_path / "first", 1)
    call("batch", tmp_path / "first", "--db", tmp_path / "first.sqlite", *ARGUMENTS)


@pytest.mark.usefixtures("in_threads")
def test_a_read_only_history() -> None:
    with unprivileged() as home:
        folder = home / "qc"
        folder.mkdir()
        db = folder / "history.sqlite"
        floods(home / "incoming", 2)
        for mode, path in ((0o444, db), (0o555, folder)):
            folder.chmod(0o755)
            db.unlink(missing_ok=True)
            if path == db:
                History.open(_address(db)).close()
            path.chmod(mode)
            run = call("batch", home / "incoming", "--db", db, *ARGUMENTS)
            path.chmod(0o755)
            assert (run.status, len(run.said)) == (3, 1), run.err
            assert b"analysed" not in run.out
            assert "--db" in run.said[0]
        assert call("batch", home / "incoming", "--db", db, *ARGUMENTS).status == 0
        assert len(rows(db)) == 2


def _address(db: Path) -> Any:
    from nmqc.history import find_address

    return find_address(str(db))


# --- the folder ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_threads")
def test_a_folder_that_cannot_be_written() -> None:
    """Nothing is ever written there, so nothing is missed."""
    with unprivileged() as home:
        folder = home / "incoming"
        floods(folder, 2)
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)
        before = sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir())
        run = call("batch", folder, "--db", home / "history.sqlite", *ARGUMENTS)
        assert (run.status, run.said) == (0, [])
        assert sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir()) == before
        assert len(rows(home / "history.sqlite")) == 2
        folder.chmod(0o755)


@pytest.mark.usefixtures("in_threads")
def test_a_file_that_cannot_be_read_is_tried_again_at_every_run() -> None:
    with unprivileged() as home:
        folder, db = home / "incoming", home / "history.sqlite"
        floods(folder, 2)
        closed = folder / "flood001.dcm"
        closed.chmod(0)
        arguments = ("batch", folder, "--db", db, "--json", *ARGUMENTS)
        for number in range(2):
            run = call(*arguments)
            found = items(run)["flood001.dcm"]
            assert (found["status"], found["code"], run.status) == ("refused", "unreadable", 3)
            assert run.said == ["nmqc: flood001.dcm: cannot be opened: permission denied; check the file"]
            assert items(run)["flood000.dcm"]["status"] == ("already_done" if number else "analysed")
        closed.chmod(0o644)  # its size and time are as they were
        run = call(*arguments)
        assert (items(run)["flood001.dcm"]["status"], run.status) == ("analysed", 0)


@pytest.mark.usefixtures("in_threads")
def test_a_folder_in_it_that_cannot_be_looked_into_is_told_at_every_run() -> None:
    with unprivileged() as home:
        folder, db = home / "incoming", home / "history.sqlite"
        floods(folder, 1)
        floods(folder / "closed", 1, first=1)
        (folder / "closed").chmod(0)
        for _ in range(2):
            run = call("batch", folder, "--db", db, "--json", *ARGUMENTS)
            assert run.status == 3
            assert run.document["problems"] == [
                "closed: the folder cannot be looked into (permission denied)"
            ]
            assert run.document["found"] == 1
        (folder / "closed").chmod(0o755)


def test_a_file_that_vanishes_after_it_was_seen(
    tmp_path: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nmqc.batch import night

    floods(tmp_path / "in", 3)
    original = night.plan

    def plan(*arguments: Any, **settings: Any) -> Any:
        made = original(*arguments, **settings)
        (tmp_path / "in" / "flood001.dcm").unlink()
        return made

    with monkeypatch.context() as patch:
        patch.setattr(night, "plan", plan)
        run = batch(tmp_path / "in", db)
    assert [(name, item["status"], item["code"]) for name, item in items(run).items()] == [
        ("flood000.dcm", "analysed", None),
        ("flood001.dcm", "refused", "missing"),
        ("flood002.dcm", "analysed", None),
    ]
    assert batch(tmp_path / "in", db).document["found"] == 2
