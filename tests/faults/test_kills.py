"""kill -9 during a single command: the history is whole, and each output is there whole or as it was before."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nmqc.cli import validate
from nmqc.history import History, find_address
from nmqc.history.care import problems
from tests.cli.nights import running
from tests.cli.running import HANGS_S, ROOT, call, child, environment
from tests.faults.killing import validated
from tests.history.samples import a_result, payload_of

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 and fork are of POSIX systems")
OLD = b'{"schema": "nmqc.history/1"} as it was'
RESULTS = 12
RANDOM_KILLS = 60


@pytest.fixture
def start(tmp_path: Path, flood: Path) -> Path:
    """What stands there before: a history with results, the flood, and earlier outputs."""
    folder = tmp_path / "start"
    folder.mkdir()
    shutil.copy(flood, folder / "flood.dcm")
    with History.open(find_address(str(folder / "h.sqlite"))) as history:
        for number in range(1, RESULTS + 1):
            history.record(a_result(number, unit="Gamma 2"), payload_of(a_result(number, unit="Gamma 2")))
    for name in (
        "old.json",
        "old.csv",
        "old.toml",
        "old.pdf",
        "old.html",
        "old.md",
        "old.dcm",
        "copy.sqlite",
    ):
        (folder / name).write_bytes(OLD)
    return folder


#: command -> (arguments, its outputs, which had been there before, every how many moments it is killed)
COMMANDS = {
    "uniformity": (
        ("uniformity", "{}/flood.dcm", "--replicates", "0", "--json", "--force"),
        ("--pdf", "{}/old.pdf", "--dicom", "{}/old.dcm"),
        6,
    ),
    "uniformity, new": (
        ("uniformity", "{}/flood.dcm", "--replicates", "0", "--json"),
        ("--pdf", "{}/new.pdf"),
        6,
    ),
    "trend": (("trend", "--force"), ("--html", "{}/old.html", "--csv", "{}/old.csv"), 2),
    "export": (("history", "export", "--force"), ("--json", "{}/old.json", "--csv", "{}/new.csv"), 1),
    "exclude": (("history", "exclude", "1", "--reason", "leak"), (), 1),
    "baseline": (
        ("baseline", "set", "--unit", "Gamma 2", "--from", "2026-11-01", "--kind", "other", "--note", "x"),
        (),
        1,
    ),
    "backup": (("history", "backup", "--force"), ("{}/copy.sqlite",), 1),
    "validate": (
        ("validate", "--quick", "--force"),
        ("--markdown", "{}/old.md", "-o", "{}/old.pdf"),
        1,
    ),
    "config": (("config", "init", "--force"), ("{}/old.toml",), 1),
}


COMMANDS["uniformity, every moment"] = (*COMMANDS["uniformity"][:2], 1)


@pytest.mark.parametrize(
    "name", [*list(COMMANDS)[:-1], pytest.param(list(COMMANDS)[-1], marks=pytest.mark.slow)]
)
def test_killed_whenever_it_changes_something(
    name: str, start: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validate, "_outcome", validated)
    arguments, outputs, every = COMMANDS[name]
    db = () if name in ("config", "validate") else ("--db", "{}/h.sqlite")
    typed = [
        sys.executable,
        "-m",
        "tests.faults.killing",
        str(start.parent),
        str(every),
        *arguments,
        *outputs,
        *db,
    ]
    done = subprocess.run(
        typed, env=environment(), cwd=ROOT, capture_output=True, timeout=HANGS_S, check=True, text=True
    )
    statuses = json.loads(done.stdout)
    assert statuses[-1] in (0, 4)  # the last one was not killed, and shows how all should end
    assert set(statuses[:-1]) == {-signal.SIGKILL}
    assert len(statuses) >= 3
    last = start.parent / str(len(statuses) - 1)
    for number in range(len(statuses) - 1):
        folder = start.parent / str(number)
        _whole(folder / "h.sqlite", last / "h.sqlite")
        for output in (folder / Path(one).name for one in outputs if one.startswith("{}")):
            _whole_or_as_before(output, last / output.name)
    # the same again mends everything
    killed = start.parent / str(len(statuses) // 2)
    run = call(*(one.replace("{}", str(killed)) for one in (*arguments, *outputs, *db)))
    assert run.status == statuses[-1]
    _whole(killed / "h.sqlite", last / "h.sqlite", done=True)


def _whole(db: Path, undisturbed: Path, *, done: bool = False) -> None:
    """All of a command is recorded or nothing."""
    count, found = problems(find_address(str(db)))
    assert found == []
    (all_of_it, _), events = problems(find_address(str(undisturbed))), _stated(undisturbed)
    assert count in ((all_of_it,) if done else (RESULTS, all_of_it))
    assert _stated(db) in ((events,) if done else ((0, 0), events))


def _stated(db: Path) -> tuple[int, int]:
    with sqlite3.connect(db) as opened:
        tables = ("nmqc_events", "nmqc_baselines")
        found = tuple(opened.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in tables)
    opened.close()
    return found[0], found[1]


def _whole_or_as_before(output: Path, undisturbed: Path) -> None:
    if not output.exists():
        assert output.name.startswith("new")
        return
    content = output.read_bytes()
    if output.suffix == ".sqlite" and content != OLD:
        assert problems(find_address(str(output))) == (RESULTS, [])
    elif content != OLD:
        names = {bytes(output.parent): b"", bytes(undisturbed.parent): b""}
        wanted = undisturbed.read_bytes()
        for name in names:
            content, wanted = content.replace(name, b""), wanted.replace(name, b"")
        assert content == wanted


@pytest.mark.slow
def test_killed_at_random_moments(start: Path) -> None:
    """From before the first import to after the last output."""
    chance = random.Random(20261123)
    arguments = (
        "uniformity",
        "{}/flood.dcm",
        "--replicates",
        "0",
        "--pdf",
        "{}/new.pdf",
        "--dicom",
        "{}/new.dcm",
    )
    undisturbed = Path(shutil.copytree(start, start.parent / "undisturbed"))
    begun = time.monotonic()
    assert child(*_in(undisturbed, arguments)).returncode == 0
    whole_s, ends = time.monotonic() - begun, set()
    for number in range(RANDOM_KILLS):
        folder = Path(shutil.copytree(start, start.parent / f"random{number}"))
        with running(*_in(folder, arguments)):
            time.sleep(chance.uniform(0.3, 1.05) * whole_s)
        _whole(folder / "h.sqlite", undisturbed / "h.sqlite")
        for name in ("new.pdf", "new.dcm"):
            _whole_or_as_before(folder / name, undisturbed / name)
        ends.add(((folder / "new.pdf").exists(), (folder / "new.dcm").exists()))
        assert call(*_in(folder, (*arguments, "--force"))).status == 0
        _whole(folder / "h.sqlite", undisturbed / "h.sqlite", done=True)
    assert len(ends) > 1


def _in(folder: Path, arguments: tuple[str, ...]) -> list[str]:
    return [one.replace("{}", str(folder)) for one in (*arguments, "--db", "{}/h.sqlite")]
