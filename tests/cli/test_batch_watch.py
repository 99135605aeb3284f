"""`nmqc batch --watch`: pass after pass, each a line, and files when they are whole."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.nights import ARGUMENTS, aged, floods, needs_proc, recorded, running, until
from tests.cli.running import validator

WATCH = ("--watch", "1", "--json", *ARGUMENTS)


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    floods(tmp_path / "incoming", 2)
    return tmp_path / "incoming"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


def one_pass(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next object on standard output: one line."""
    assert process.stdout is not None
    line = process.stdout.readline()
    document = json.loads(line)
    validator("nmqc.batch/1").validate(document)
    assert isinstance(document, dict)
    return document


def counts(document: dict[str, Any]) -> tuple[int, int]:
    return document["analysed"], document["already_done"]


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def test_each_pass_is_one_line_and_ctrl_c_ends_it_silently(incoming: Path, db: Path) -> None:
    with running("batch", incoming, "--db", db, *WATCH) as process:
        passes = [one_pass(process) for _ in range(3)]
        assert [counts(one) for one in passes] == [(0, 0), (2, 0), (0, 2)]  # first seen, unchanged, done
        floods(incoming, 1, first=2)
        seen = [one_pass(process) for _ in range(3)]
        assert (1, 2) in [counts(one) for one in seen]
        assert ended(process) == (130, "")


@needs_proc
def test_ctrl_c_of_a_terminal_reaches_all_processes_and_none_says_a_word(tmp_path: Path, db: Path) -> None:
    """It goes to the whole group, the workers among them, in the middle of their work."""
    floods(tmp_path / "incoming", 50)
    arguments = ("batch", tmp_path / "incoming", "--db", db, "--jobs", "2", "--replicates", "3000")
    with running(*arguments, start_new_session=True) as process:
        until(lambda: recorded(db) > 0)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (130, "")


def test_a_file_that_grows_waits_until_it_is_still(incoming: Path, db: Path, tmp_path: Path) -> None:
    """Half of it was never analysed, and so never refused."""
    floods(tmp_path / "aside", 1, first=7)
    whole = (tmp_path / "aside" / "flood007.dcm").read_bytes()
    with running("batch", incoming, "--db", db, *WATCH) as process:
        while counts(one_pass(process)) != (0, 2):
            pass
        done = False
        with (incoming / "late.dcm").open("wb") as stream:
            for part in range(8):
                stream.write(whole[part * len(whole) // 8 : (part + 1) * len(whole) // 8])
                stream.flush()
                time.sleep(0.4)
        for _ in range(6):
            document = one_pass(process)
            assert document["refused"] == 0
            done = done or counts(document) == (1, 2)
        assert done
        assert ended(process) == (130, "")


def test_a_history_that_is_locked_for_a_while_does_not_end_it(incoming: Path, db: Path) -> None:
    """It is said once, not at every pass, and the files are done when it is free."""
    from nmqc.history import exclusive, find_address

    with exclusive(find_address(str(db)), "batch"), running("batch", incoming, "--db", db, *WATCH) as process:
        time.sleep(5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert said.startswith("nmqc: `nmqc batch` is running already")
    assert said.count("\n") == 1
    with running("batch", incoming, "--db", db, *WATCH) as process:
        with exclusive(find_address(str(db)), "batch"):
            time.sleep(4)
        while counts(one_pass(process)) != (0, 2):
            pass
    with sqlite3.connect(db) as opened:
        assert opened.execute("SELECT COUNT(*) FROM nmqc_results").fetchone() == (2,)


def test_a_file_that_is_written_at_this_moment_waits_without_watching_too(incoming: Path, db: Path) -> None:
    os.utime(incoming / "flood001.dcm")
    with running("batch", incoming, "--db", db, "--json", *ARGUMENTS) as process:
        assert counts(one_pass(process)) == (1, 0)
    aged(incoming)
    with running("batch", incoming, "--db", db, "--json", *ARGUMENTS) as process:
        assert counts(one_pass(process)) == (1, 1)
