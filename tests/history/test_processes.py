"""Several processes at once lose nothing; a process that is killed leaves a good history."""

from __future__ import annotations

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

from nmqc.history import Address, Batched, Filters, History, find_address
from nmqc.model import Refusal
from tests.history.samples import INTEGRAL, a_mark, a_result, payload_of, sha

PROJECT = Path(__file__).parents[2]
WRITER = """
import sys
from nmqc.history import History, find_address
from tests.history.samples import a_result, payload_of

numbers = range(int(sys.argv[1]), int(sys.argv[2]))
sys.stdin.readline()
for number in numbers:
    with History.open(find_address(), timeout_s=120) as history:
        result = a_result(number, software=sys.argv[3])
        history.record(result, payload_of(result))
    print(number, flush=True)
"""


def start(url: str, first: int, end: int, name: str = "") -> subprocess.Popen[str]:
    """A process that records results, one history opened for each, once it is told to go."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(first), str(end), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "NMQC_DB": url},
    )


def go(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def ended_well(*processes: subprocess.Popen[str]) -> bool:
    return all(process.communicate()[0] is not None and process.returncode == 0 for process in processes)


def whole(history: History) -> None:
    """Numbers without a gap, and each result with all of its measurements and inputs."""
    entries = history.select(Filters())
    assert sorted(entry.number for entry in entries) == list(range(1, len(entries) + 1))
    each = len(a_result(1).measurements)
    for table, expected in (("nmqc_measurements", each), ("nmqc_inputs", 1)):
        counts = history._database.rows(
            f"SELECT result, COUNT(*) FROM {table} GROUP BY result ORDER BY result"
        )
        assert counts == [(number, expected) for number in range(1, len(entries) + 1)]


def test_eight_processes_at_once_lose_nothing(url: str) -> None:
    """The history does not exist yet: making it is part of the race."""
    processes = [start(url, 10 * n, 10 * n + 10) for n in range(8)]
    go(*processes)
    assert ended_well(*processes)
    with History.open(find_address(url)) as history:
        whole(history)
        values = {point.value for point in history.points(Filters(metric=INTEGRAL.name)) if point.of == ""}
    assert values == {a_result(n).measurements[0].value for n in range(80)}


def test_the_same_files_from_four_processes_are_one_entry_each(url: str) -> None:
    processes = [start(url, 0, 20, f"writer {n}") for n in range(4)]
    go(*processes)
    assert ended_well(*processes)
    with History.open(find_address(url)) as history:
        whole(history)
        assert history.count() == 20


def test_altered_files_recorded_at_once_know_of_each_other(url: str) -> None:
    """Whichever is second carries the remark: none of them may look before the other has written."""
    code = WRITER.replace(
        "a_result(number, ", "a_result(number, inputs=(an_input(number, pixels=sys.argv[3]),), "
    )
    code = code.replace("import a_result", "import a_result, an_input")
    processes = []
    for name in ("as acquired", "altered"):
        arguments = [sys.executable, "-c", code, "0", "25", name]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT), "NMQC_DB": url}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        processes.append(subprocess.Popen(arguments, text=True, cwd=PROJECT, env=environment, **pipes))
    go(*processes)
    assert ended_well(*processes)
    with History.open(find_address(url)) as history:
        remarks = [remark["code"] for entry in history.select() for remark in entry.payload["remarks"]]
        assert history.count() == 50
    assert remarks.count("same_uid_other_pixels") == 25


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is of POSIX systems")
def test_a_killed_process_leaves_a_good_history(url: str) -> None:
    """Killed at six different moments of writing; what it had reported as recorded is there."""
    reported: set[int] = set()
    for attempt in range(6):
        process = start(url, 1000 * attempt, 1000 * attempt + 1000)
        go(process)
        assert process.stdout is not None
        reported.add(int(process.stdout.readline()))
        time.sleep(0.005 * attempt)
        process.send_signal(signal.SIGKILL)
        reported |= {int(line) for line in process.communicate()[0].splitlines()}
        assert process.returncode == -signal.SIGKILL
    with History.open(find_address(url), timeout_s=60) as history:
        whole(history)
        values = {point.value for point in history.points(Filters(metric=INTEGRAL.name))}
        assert {a_result(n).measurements[0].value for n in reported} <= values
        recorded = history.record(a_result(10**6), payload_of(a_result(10**6)))
        assert recorded.number == history.count()


CHUNK = 6
CHUNKS = """
import sys
from nmqc.history import History, find_address
from tests.history.test_processes import chunk

with History.open(find_address(), timeout_s=120) as history:
    for number in range(int(sys.argv[1]), 10**6):
        history.record_batch(chunk(number))
        print(number, flush=True)
"""


def chunk(number: int) -> list[Batched]:
    """Six acquisitions with their marks, as long as those of a flood are, and a refusal."""
    refusal = (Refusal("x.dcm", "not_dicom", "no DICOM"), sha(f"{number}"), "nmqc 0.1.0", "")
    results = [a_result(n, software="x" * 12_000) for n in range(CHUNK * number, CHUNK * (number + 1))]
    items = [
        Batched(
            results=((r, payload_of(r) | {"summary": "x" * 12_000}),), marks=(a_mark(CHUNK * number + n),)
        )
        for n, r in enumerate(results)
    ]
    return [*items, Batched(refusals=(refusal,))]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is of POSIX systems")
def test_a_process_that_is_killed_leaves_whole_chunks(url: str) -> None:
    """Killed at twenty random moments; each of the children begins where the next chunk is new."""
    moments = random.Random(20261122)
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "NMQC_DB": url}
    reported = -1
    for attempt in range(20):
        process = subprocess.Popen(
            [sys.executable, "-c", CHUNKS, str(max(0, reported))],
            stdout=subprocess.PIPE, text=True, cwd=PROJECT, env=environment,
        )  # fmt: skip
        assert process.stdout is not None
        first = int(process.stdout.readline())
        time.sleep(moments.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        reported = max(first, *(int(line) for line in process.communicate()[0].splitlines()), reported)
        assert process.returncode == -signal.SIGKILL
        with History.open(find_address(url), timeout_s=60, read_only=attempt % 2 == 0) as history:
            whole(history)
            chunks = len(history.refusals())
            assert chunks >= reported + 1
            assert history.count() == CHUNK * chunks
            marks = history.marks()
    expected = {
        one.marks[0].path: n for n, one in enumerate(o for c in range(chunks) for o in chunk(c) if o.marks)
    }
    assert {path: mark.results for path, mark in marks.items()} == {
        path: (n + 1,) for path, n in expected.items()
    }
    if "sqlite" in url:
        with History.open(find_address(url)) as history:
            assert history._database.rows("PRAGMA integrity_check") == [("ok",)]
            assert history._database.rows("PRAGMA journal_mode") == [("delete",)]


def test_four_processes_that_record_the_same_chunks_make_them_once(url: str) -> None:
    code = CHUNKS.replace("10**6", "8")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "NMQC_DB": url}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, "0"], stdout=subprocess.PIPE, text=True, cwd=PROJECT, env=environment
        )
        for _ in range(4)
    ]
    assert ended_well(*processes)
    with History.open(find_address(url)) as history:
        whole(history)
        assert (history.count(), len(history.refusals())) == (8 * CHUNK, 8)
        assert history._database.rows("SELECT COUNT(*) FROM nmqc_files") == [(8 * CHUNK,)]


def test_a_journal_left_behind_is_rolled_back_even_when_only_reading(
    file_address: Address, tmp_path: Path
) -> None:
    """The copy of a file in the middle of a transaction is what a power cut leaves."""
    with History.open(file_address) as history:
        for number in range(40):
            history.record(a_result(number), payload_of(a_result(number)))
    connection = sqlite3.connect(file_address.target, isolation_level=None)
    connection.execute("PRAGMA cache_size = 1")  # so that changed pages reach the file before the commit
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DROP TABLE nmqc_measurements")
    connection.execute("CREATE TABLE other (text TEXT)")
    connection.executemany("INSERT INTO other VALUES (?)", [("x" * 3000,)] * 200)
    cut = tmp_path / "cut.sqlite"
    for suffix in ("", "-journal"):
        shutil.copy(file_address.target + suffix, str(cut) + suffix)
    connection.execute("ROLLBACK")
    connection.close()
    assert b"x" * 3000 in cut.read_bytes()  # the cut did come in the middle
    with History.open(find_address(str(cut)), read_only=True) as history:
        whole(history)
        assert history.count() == 40
