"""Histories that several computers share: on a server, and in a file that is locked, slow or read-only."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from nmqc.history import History, find_address
from nmqc.history.care import problems
from phantoms.flood import Flood, Head
from phantoms.nm import write
from tests.cli.running import ROOT, call, environment, unprivileged
from tests.history.conftest import Server
from tests.history.samples import a_result, payload_of

QUICK = ("--replicates", "0")
ZONES = ("Pacific/Kiritimati", "America/St_Johns")


@pytest.fixture(scope="module")
def floods(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder, found = tmp_path_factory.mktemp("floods"), []
    for number in range(6):
        head = Head(counts=20e6, offset_mm=(2.2, -1.4))
        flood = Flood("brivo", matrix=64, heads=(head,), acquired=datetime(2026, 3, 1 + number, 7, 12))
        found += write(flood, folder / f"{number}.dcm", seed=number)
    return found


def test_two_hosts_in_two_zones_record_into_one_server(server: Server, floods: list[Path]) -> None:
    """At once, some of the same files: each result stands there once, whole, with its time in UTC."""
    url = server.url(server.new_database())
    processes = []
    for zone, own in zip(ZONES, (floods[:4], floods[2:]), strict=True):
        typed = [sys.executable, "-m", "nmqc", "uniformity", *map(str, own), *QUICK, "--quiet"]
        env = environment(TZ=zone, NMQC_DB=url)
        processes.append(subprocess.Popen(typed, env=env, cwd=ROOT, stderr=subprocess.PIPE, text=True))
    for process in processes:
        _, said = process.communicate()
        assert process.returncode == 0, said
    assert problems(find_address(url)) == (len(floods), [])
    with History.open(find_address(url), read_only=True) as history:
        entries = history.select()
    assert [entry.acquired for entry in entries] == [f"2026-03-0{day}T07:12:00" for day in range(6, 0, -1)]
    recorded = [datetime.fromisoformat(entry.recorded) for entry in entries]
    assert (
        max(recorded) - min(recorded)
    ).total_seconds() < 3600  # hours apart, had each host used its own clock


HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(2)
"""


def test_a_share_that_is_locked_for_seconds_is_waited_for(floods: list[Path], tmp_path: Path) -> None:
    db = tmp_path / "h.sqlite"
    assert call("uniformity", floods[0], *QUICK, "--db", db).status == 0
    with subprocess.Popen([sys.executable, "-c", HOLD, str(db)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert call("uniformity", floods[1], *QUICK, "--db", db).status == 0
        assert call("history", "check", "--db", db).text.endswith("whole, 2 results\n")


def _filled(db: Path, results: int = 3) -> None:
    with History.open(find_address(str(db))) as history:
        for number in range(1, results + 1):
            history.record(a_result(number), payload_of(a_result(number)))


READING = (("history", "list"), ("history", "check"), ("trend",), ("history", "export", "--csv", "-"))


def _import_all(db: Path) -> None:
    """What is imported late is imported now: it may lie where somebody without privileges may not look."""
    for command in (*READING, ("history", "backup", db.with_name("first.sqlite"))):
        assert call(*command, "--db", db).status == 0


def test_a_share_that_others_may_only_read(floods: list[Path], tmp_path: Path) -> None:
    """Reading, checking and copying work; numbers are told, and that they were not recorded."""
    content = floods[0].read_bytes()
    assert call("uniformity", floods[0], *QUICK, "--db", tmp_path / "h.sqlite").status == 0
    _import_all(tmp_path / "h.sqlite")
    with unprivileged() as home:
        share, flood = home / "share", home / "flood.dcm"
        share.mkdir()
        _filled(share / "h.sqlite")
        flood.write_bytes(content)
        (share / "h.sqlite").chmod(0o444)
        share.chmod(0o555)
        db = ("--db", share / "h.sqlite")
        before = (share / "h.sqlite").read_bytes()
        for command in READING:
            assert call(*command, *db).status == 0, command
        assert call("history", "backup", home / "copy.sqlite", *db).status == 0
        assert problems(find_address(str(home / "copy.sqlite"))) == (3, [])
        for command in (("uniformity", flood, *QUICK), ("history", "exclude", "1", "--reason", "x")):
            run = call(*command, *db)
            assert run.status == 3
            (line,) = run.said
            assert "read-only" in line
        assert (share / "h.sqlite").read_bytes() == before
        assert [path.name for path in share.iterdir()] == ["h.sqlite"]
        share.chmod(0o755)


def test_what_was_cut_off_on_a_read_only_share_is_not_read_as_if_it_were_whole(tmp_path: Path) -> None:
    """A journal that cannot be rolled back there: half of a transaction is never shown."""
    db = tmp_path / "h.sqlite"
    _filled(db, 40)
    _import_all(db)
    connection = sqlite3.connect(db, isolation_level=None)
    connection.execute("PRAGMA cache_size = 1")  # so that changed pages reach the file before the commit
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DROP TABLE nmqc_measurements")
    connection.execute("CREATE TABLE other (text TEXT)")
    connection.executemany("INSERT INTO other VALUES (?)", [("x" * 3000,)] * 200)
    parts = {suffix: Path(f"{db}{suffix}").read_bytes() for suffix in ("", "-journal")}
    with unprivileged() as home:
        share = home / "share"
        share.mkdir()
        for suffix, content in parts.items():
            (share / f"h.sqlite{suffix}").write_bytes(content)
            (share / f"h.sqlite{suffix}").chmod(0o444)
        share.chmod(0o555)
        for command in READING:
            run = call(*command, "--db", share / "h.sqlite")
            assert run.status == 3
            assert len(run.said) == 1
            assert "xxx" not in run.text
        share.chmod(0o755)
        for suffix in ("", "-journal"):
            (share / f"h.sqlite{suffix}").chmod(0o644)
        assert call("history", "check", "--db", share / "h.sqlite").text.endswith("whole, 40 results\n")
    connection.execute("ROLLBACK")
    connection.close()
