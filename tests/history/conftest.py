"""The engines that the history is tested on: a file of SQLite, and a PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from nmqc.history import Address, find_address

PASSWORD = "s3cret-pass"
_START_S = 60


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL server: by its socket anybody is trusted, by its port the password counts."""

    folder: Path
    port: int
    numbers: Iterator[int]

    def url(self, database: str) -> str:
        return f"postgresql:///{database}?host={self.folder}&port={self.port}&user=nmqc"

    def new_database(self) -> str:
        import psycopg

        name = f"history_{next(self.numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return name


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: path.parts[-3].zfill(4))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


def _user() -> str | None:
    """The account that runs the server, which refuses to run as root: None for one's own."""
    import pwd

    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run_as(user: str | None) -> dict[str, object]:
    return {"user": user, "group": _group(user), "extra_groups": []} if user else {}


def _group(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    programs = _programs()
    if os.name != "posix" or programs is None:
        pytest.skip("no PostgreSQL server is installed here (Debian: apt-get install postgresql)")
    pytest.importorskip("psycopg", reason="the package psycopg is not installed")
    folder, user = Path(tempfile.mkdtemp(prefix="nmqc-pg-")), _user()
    password = folder / "password"
    password.write_text(PASSWORD)
    if user:
        for path in (folder, password):
            shutil.chown(path, user, _group(user))
    settings = ["--auth-local=trust", "--auth-host=scram-sha-256", "--username=nmqc", f"--pwfile={password}"]
    settings += ["--encoding=UTF8", "--locale=C", "--no-sync", f"--pgdata={folder / 'data'}"]
    made = subprocess.run(
        [programs / "initdb", *settings],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        **_run_as(user),
    )
    if made.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"initdb does not run here: {made.stderr.strip().splitlines()[-1:]}")
    port = _free_port()
    arguments = ["-D", folder / "data", "-k", folder, "-h", "127.0.0.1", "-p", str(port), "-c", "fsync=off"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [programs / "postgres", *arguments], stdout=log, stderr=log, cwd=folder, **_run_as(user)
        )
    try:
        running = Server(folder, port, count())
        _wait_for(running, process)
        yield running
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL's "fast shutdown"
        process.wait(_START_S)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    import psycopg

    for _ in range(10 * _START_S):
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    pytest.fail(f"PostgreSQL did not start: {(server.folder / 'log').read_text()}")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a history that does not exist yet, as it is typed."""
    if request.param == "sqlite":
        return str(tmp_path / "history.sqlite")
    running = request.getfixturevalue("server")
    return running.url(running.new_database())


@pytest.fixture
def address(url: str) -> Address:
    return find_address(url)


@pytest.fixture
def file_address(tmp_path: Path) -> Address:
    """A history in SQLite, for what only files can suffer."""
    return find_address(str(tmp_path / "history.sqlite"))


@contextmanager
def _ordinary() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def as_ordinary_user() -> Callable[[], object]:
    """A context in which permissions count, also where the tests run as root."""
    if os.name != "posix":
        pytest.skip("permissions of files as POSIX has them")
    return _ordinary


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may look into, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="nmqc-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
