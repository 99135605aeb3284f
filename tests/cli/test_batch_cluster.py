"""`nmqc batch --dask --db postgresql://...`: the same history as that of one computer, whoever dies."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.nights import ARGUMENTS, descendants, floods, kill, needs_proc, rows, running, until
from tests.cli.running import ROOT, call, child, environment, finished
from tests.history.conftest import Server, server

__all__ = ["server"]
COUNT = 70  # more than one piece of headers, too
NUMPY = environment(NMQC_ENGINE="numpy")  # nothing is compiled here: the engine never changes a number


@pytest.fixture(scope="module")
def incoming(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cluster") / "incoming"
    floods(folder, COUNT)
    return folder


@pytest.fixture(scope="module")
def local(incoming: Path, tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """What one computer records in SQLite."""
    db = tmp_path_factory.mktemp("local") / "history.sqlite"
    assert child("batch", incoming, "--db", db, *ARGUMENTS, env=NUMPY).returncode == 0
    assert len(rows(db)) == COUNT
    return rows(db)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    pytest.importorskip("distributed", reason="the package distributed is not installed")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.cluster"],
        cwd=ROOT,
        env=environment(DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="10s"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield process
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(30)
    finally:
        process.kill()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def address(cluster: subprocess.Popen[str]) -> str:
    assert cluster.stdout is not None
    return cluster.stdout.readline().strip()


def held(url: str) -> set[tuple[str, str]]:
    """What a history in PostgreSQL holds, without numbers and times."""
    import psycopg

    with psycopg.connect(url) as connection:
        return set(connection.execute("SELECT key, payload FROM nmqc_results").fetchall())


def count(url: str) -> int:
    import psycopg

    try:
        with psycopg.connect(url) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM nmqc_results").fetchall()[0][0])
    except psycopg.errors.UndefinedTable:
        return 0


@pytest.fixture
def url(server: Server) -> str:
    return server.url(server.new_database())


def test_a_cluster_and_a_server_give_the_same_history(
    incoming: Path, local: set[tuple[str, str]], address: str, url: str
) -> None:
    arguments = ("batch", incoming, "--db", url, "--dask", address, "--json", "--replicates", "20")
    run = finished(child(*arguments))
    assert (run.status, run.document["analysed"]) == (0, COUNT), run.err
    assert held(url) == local
    again = finished(child(*arguments))
    assert (again.status, again.document["already_done"]) == (0, COUNT)
    assert held(url) == local


@needs_proc
def test_a_worker_of_the_cluster_that_is_killed_costs_nothing(
    incoming: Path, local: set[tuple[str, str]], cluster: subprocess.Popen[str], address: str, url: str
) -> None:
    with running("batch", incoming, "--db", url, "--dask", address, "--replicates", "20") as process:
        until(lambda: count(url) > 0)
        kill(workers(cluster)[-1])
        out, said = process.communicate(timeout=180)
    assert (process.returncode, said) == (0, "")
    assert f"{COUNT} analysed" in out
    assert held(url) == local


def workers(cluster: subprocess.Popen[str]) -> list[int]:
    found = [
        one for one in descendants(cluster.pid) if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()
    ]
    assert len(found) >= 2
    return found


def test_one_computer_with_a_server_gives_the_same_history_too(
    incoming: Path, local: set[tuple[str, str]], url: str
) -> None:
    assert child("batch", incoming, "--db", url, *ARGUMENTS, env=NUMPY).returncode == 0
    assert held(url) == local


def test_two_computers_do_not_do_the_same_work_twice(incoming: Path, url: str) -> None:
    """The second finds the server's lock taken, and says so at once."""
    from nmqc.history import exclusive, find_address

    with exclusive(find_address(url), "batch"):
        run = finished(child("batch", incoming, "--db", url, *ARGUMENTS))
    assert (run.status, len(run.said)) == (3, 1)
    assert "running already" in run.said[0]


def test_no_scheduler_answers(incoming: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the package distributed is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    run = finished(
        child("batch", incoming, "--db", tmp_path / "h.sqlite", "--dask", f"tcp://127.0.0.1:{port}")
    )
    assert (run.status, len(run.said)) == (3, 1), run.err
    assert "no Dask scheduler answers" in run.said[0]


def test_without_the_package(incoming: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    run = call("batch", incoming, "--db", tmp_path / "h.sqlite", "--dask", "tcp://127.0.0.1:8786")
    assert (run.status, len(run.said)) == (3, 1)
    assert "nmqc[cluster]" in run.said[0]
