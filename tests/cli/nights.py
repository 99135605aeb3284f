"""Folders of a night, and what batch made of them: shared by the tests of `nmqc batch`."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from phantoms.flood import Flood, Head
from phantoms.nm import write
from tests.cli.running import Run, environment

OLD_S = 3600
SOON_S = 60
#: of floods that take little time; their uncertainties are part of what must be the same
ARGUMENTS = ("--jobs", "2", "--replicates", "20")


def floods(folder: Path, count: int, matrix: int = 64, first: int = 0) -> None:
    """Write floods of one detector, each of its own seed and minute, as old as files of a night are."""
    folder.mkdir(exist_ok=True, parents=True)
    for number in range(first, first + count):
        head = Head(counts=20e6 + number, offset_mm=(2.2, -1.4), edge_fwhm_mm=3.6)
        write(Flood("brivo", matrix=matrix, heads=(head,)), folder / f"flood{number:03d}.dcm", seed=number)
    aged(folder)


def aged(folder: Path) -> None:
    """Make files as old as those of a night: nobody is writing them any more."""
    then = time.time() - OLD_S
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def rows(db: Path) -> set[tuple[str, str]]:
    """What the history holds, without numbers and times."""
    with sqlite3.connect(db) as opened:
        return set(opened.execute("SELECT key, payload FROM nmqc_results").fetchall())


def marked(db: Path) -> set[tuple[str, str, str]]:
    """What it says of files: the latest of each path."""
    asked = "SELECT path, state, code FROM nmqc_files ORDER BY number"
    with sqlite3.connect(db) as opened:
        return {(row[0], *row[1:]) for row in {one[0]: one for one in opened.execute(asked)}.values()}


def items(run: Run) -> dict[str, dict[str, Any]]:
    """The items by their first file."""
    return {item["files"][0]: item for item in run.document["items"]}


@contextmanager
def running(*arguments: str | Path, **settings: Any) -> Iterator[subprocess.Popen[str]]:
    """A process of nmqc, ended at the end whatever it does."""
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment(), **settings}
    process = subprocess.Popen(
        [sys.executable, "-m", "nmqc", *map(str, arguments)], text=True, encoding="utf-8", **settings
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(true: Callable[[], object]) -> None:
    """Wait for something that happens soon."""
    for _ in range(20 * SOON_S):
        if true():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen")


def recorded(db: Path) -> int:
    """How many results stand in a history that another process is writing; 0 where there is none yet."""
    try:
        with sqlite3.connect(f"file:{db}?mode=ro", uri=True, timeout=5) as opened:
            return int(opened.execute("SELECT COUNT(*) FROM nmqc_results").fetchone()[0])
    except sqlite3.Error:
        return 0


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see processes")


def descendants(process: int) -> list[int]:
    """The processes that a process has started, and those that they have; each after its parent."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            parent = _parent(folder)
            children.setdefault(parent, []).append(int(folder.name))
    found, queue = [], [process]
    while queue:
        queue += (new := children.get(queue.pop(0), []))
        found += new
    return found


def _parent(folder: Path) -> int:
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # ended meanwhile
        return -1


def kill(process: int) -> None:
    """Kill a process, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
