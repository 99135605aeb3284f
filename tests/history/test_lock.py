"""One process at a time, with real processes: who dies gives the lock back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from nmqc.errors import HistoryUnavailable
from nmqc.history import Address, History, exclusive, find_address
from tests.history.conftest import Server
from tests.history.samples import an_item

PROJECT = Path(__file__).parents[2]
HOLDER = """
import subprocess, sys
from nmqc.errors import HistoryUnavailable
from nmqc.history import exclusive

try:
    with exclusive(sys.argv[1], sys.argv[2]):
        if len(sys.argv) > 3:
            none = subprocess.DEVNULL
            sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
            worker = subprocess.Popen(sleep, stdin=none, stdout=none, stderr=none)
            print(worker.pid, flush=True)
        print("held", flush=True)
        sys.stdin.readline()
except HistoryUnavailable as refusal:
    print(refusal.code, flush=True)
"""


def start(url: str, name: str = "batch", *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, url, name, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def holder(url: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock of the history for batch."""
    process = start(url)
    assert said(process) == "held"
    yield process
    process.kill()
    process.communicate()


def refused(place: Address | str, name: str = "batch") -> HistoryUnavailable:
    with pytest.raises(HistoryUnavailable) as refusal, exclusive(place, name):
        pass
    assert "\n" not in refusal.value.reason
    return refusal.value


def free(url: str, name: str = "batch") -> bool:
    """Whether the lock can be had, now or in a moment: a server has to notice that a connection has ended."""
    for _ in range(100 if "://" in url else 1):
        try:
            with exclusive(url, name):
                return True
        except HistoryUnavailable:
            time.sleep(0.1)
    return False


def test_a_second_one_is_told_at_once_who_holds_it(url: str, holder: subprocess.Popen[str]) -> None:
    refusal = refused(url)
    assert refusal.code == "batch_running"
    for words in ("nmqc batch", "running already", f"process {holder.pid} on ", " since 20", "wait"):
        assert words in refusal.reason
    other = start(url)
    assert other.communicate()[0] == "batch_running\n"


def test_it_is_free_after_its_end(url: str, holder: subprocess.Popen[str]) -> None:
    holder.communicate("done\n")
    assert holder.returncode == 0
    assert free(url)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is of POSIX systems")
def test_who_is_killed_gives_it_back(url: str, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert free(url)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is of POSIX systems")
def test_workers_that_outlive_it_do_not_hold_it(url: str) -> None:
    process = start(url, "batch", "with a worker")
    worker = int(said(process))
    assert said(process) == "held"
    try:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert free(url)
        os.kill(worker, 0)  # it does live on
    finally:
        os.kill(worker, signal.SIGKILL)


def test_an_error_inside_gives_it_back(url: str) -> None:
    with pytest.raises(KeyboardInterrupt), exclusive(url, "batch"):
        raise KeyboardInterrupt
    assert free(url)


def test_only_one_of_six_gets_it(url: str) -> None:
    processes = [start(url) for _ in range(6)]
    answers = sorted(said(process) for process in processes)
    for process in processes:
        process.communicate("done\n")
    assert answers == ["batch_running"] * 5 + ["held"]


def test_once_in_one_process_too(address: Address) -> None:
    with exclusive(address, "batch"):
        assert refused(address).code == "batch_running"
    with exclusive(address, "batch"):
        pass


def test_other_work_is_not_hindered(url: str, holder: subprocess.Popen[str]) -> None:
    with exclusive(url, "trend"):
        assert refused(url, "trend").code == "trend_running"
    with History.open(find_address(url)) as history:
        history.record_batch([an_item(1)])
        assert history.count() == 1


def test_another_history_is_not_hindered(
    url: str, holder: subprocess.Popen[str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with exclusive(tmp_path / "other.sqlite", "batch"):
        pass
    if "://" in url:
        server: Server = request.getfixturevalue("server")
        with exclusive(server.url(server.new_database()), "batch"):
            pass


# --- files ----------------------------------------------------------------------------------------------


def test_a_link_to_the_history_is_the_same_history(tmp_path: Path) -> None:
    history = tmp_path / "history.sqlite"
    history.touch()
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder" / "link.sqlite"
    link.symlink_to(history)
    with exclusive(history, "batch"):
        assert refused(str(link)).code == "batch_running"
        assert refused(str(tmp_path / "folder" / ".." / "history.sqlite")).code == "batch_running"


def test_what_it_leaves_is_a_small_file_beside_the_history(tmp_path: Path) -> None:
    with exclusive(tmp_path / "history.sqlite", "batch"):
        pass
    (left,) = tmp_path.iterdir()
    assert left.name == "history.sqlite.batch-lock"
    assert left.stat().st_size < 200


@pytest.mark.skipif(os.name != "posix", reason="locks as POSIX has them")
def test_what_stands_in_the_file_is_shown_clean(tmp_path: Path) -> None:
    import fcntl

    lock = tmp_path / "history.sqlite.batch-lock"
    lock.write_bytes(b"\x1b[31mprocess 1\x9b\xff\nsecond line" + b"x" * 1000)
    with lock.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        reason = refused(str(tmp_path / "history.sqlite")).reason
    assert "([31mprocess 1\ufffd\ufffd)" in reason
    assert "second" not in reason
    lock.write_bytes(b"")
    with lock.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "sqlite: wait" in refused(str(tmp_path / "history.sqlite")).reason


def test_the_default_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NMQC_DB", raising=False)
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(tmp_path / "share" / "nmqc"))
    with exclusive(find_address(), "batch"):
        assert (tmp_path / "share" / "nmqc").is_dir()


def test_a_place_where_no_history_can_be(tmp_path: Path) -> None:
    assert refused(str(tmp_path)).code == "history_not_a_database"
    assert refused(str(tmp_path / "none" / "history.sqlite")).code == "history_no_folder"


def test_a_folder_that_may_not_be_written(
    open_folder: Path, as_ordinary_user: Callable[[], AbstractContextManager[None]]
) -> None:
    with as_ordinary_user():
        refusal = refused(str(open_folder / "history.sqlite"))
    assert refusal.code == "history_read_only"
    assert "permission" in refusal.reason


def test_who_may_write_the_history_may_lock_it(
    open_folder: Path, as_ordinary_user: Callable[[], AbstractContextManager[None]]
) -> None:
    history = open_folder / "history.sqlite"
    history.touch()
    history.chmod(0o666)
    with exclusive(history, "batch"):
        pass
    with as_ordinary_user(), exclusive(history, "batch"):
        pass


def test_a_disk_that_does_not_lock_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    for number, code in ((errno.ENOLCK, "history_no_locks"), (errno.EIO, "history_failed")):

        def unable(_file: int, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("nmqc.history.lock._lock", unable)
        refusal = refused(str(tmp_path / "history.sqlite"))
        assert refusal.code == code
        assert "local disk" in refusal.reason


# --- servers --------------------------------------------------------------------------------------------


def test_a_server_that_cannot_be_reached(server: Server) -> None:
    assert refused("postgresql://bob:hunter2@127.0.0.1:1/nmqc").code == "history_unreachable"


def test_a_lock_on_a_server_notices_lost_machines(server: Server) -> None:
    """The server asks a silent connection after half a minute, and ends no quiet one by itself."""
    import psycopg

    address = find_address(f"postgresql://nmqc:s3cret-pass@127.0.0.1:{server.port}/{server.new_database()}")
    settings = []
    run = psycopg.Connection.execute

    def watched(self: psycopg.Connection[object], *arguments: object) -> object:
        found = run(self, *arguments)  # type: ignore[arg-type]
        if "pg_try_advisory_lock" in str(arguments[0]):
            names = (
                "tcp_keepalives_idle",
                "tcp_keepalives_interval",
                "tcp_keepalives_count",
                "idle_session_timeout",
            )
            settings.extend(run(self, f"SHOW {name}").fetchone()[0] for name in names)  # type: ignore[index]
        return found

    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(psycopg.Connection, "execute", watched)
        stack.enter_context(exclusive(address, "batch"))
    assert settings == ["30", "10", "3", "0"]
