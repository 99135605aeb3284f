"""A history that cannot be used is refused in one line that says what to do."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from nmqc.errors import HistoryUnavailable
from nmqc.history import Address, History, find_address
from tests.history.conftest import PASSWORD, Server
from tests.history.samples import UID, a_result, an_input, payload_of

AsUser = Callable[[], AbstractContextManager[None]]


def refused(code: str, address: Address, **options: object) -> HistoryUnavailable:
    """Open the history and record one result: one of the two must be refused, with this code, in one line."""
    with pytest.raises(HistoryUnavailable) as refusal, History.open(address, **options) as history:  # type: ignore[arg-type]
        history.record(a_result(1), payload_of(a_result(1)))
    assert refusal.value.code == code, refusal.value.reason
    assert "\n" not in refusal.value.reason
    assert refusal.value.__cause__ is None
    return refusal.value


def filled(address: Address, results: int = 1) -> Address:
    with History.open(address) as history:
        for number in range(100, 100 + results):
            history.record(a_result(number), payload_of(a_result(number)))
    return address


# --- files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"not a database at all, but text\n" * 100, b"\x00" * 127 + b"\x80DICM" * 300]
)
def test_a_file_that_is_no_database(file_address: Address, content: bytes) -> None:
    Path(file_address.target).write_bytes(content)
    assert "--db" in refused("history_not_a_database", file_address).reason
    refused("history_not_a_database", file_address, read_only=True)
    assert Path(file_address.target).read_bytes() == content


def test_the_database_of_another_program(file_address: Address) -> None:
    connection = sqlite3.connect(file_address.target)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    content = Path(file_address.target).read_bytes()
    refused("history_not_a_history", file_address)
    refused("history_not_a_history", file_address, read_only=True)
    assert Path(file_address.target).read_bytes() == content


def test_a_damaged_history(file_address: Address) -> None:
    path = Path(filled(file_address, 60).target)
    content = bytearray(path.read_bytes())
    content[8192:] = os.urandom(len(content) - 8192)
    path.write_bytes(content)
    assert "copy" in refused("history_damaged", file_address).reason


def test_a_truncated_history(file_address: Address) -> None:
    path = Path(filled(file_address, 60).target)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    refused("history_damaged", file_address)


def test_an_empty_file_becomes_a_history(file_address: Address) -> None:
    Path(file_address.target).touch()
    assert "nothing is recorded" in refused("history_missing", file_address, read_only=True).reason
    filled(file_address)


def test_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "no" / "such"
    assert str(folder) in refused("history_no_folder", find_address(str(folder / "history.sqlite"))).reason
    assert not folder.exists()


def test_a_folder_is_no_history(tmp_path: Path) -> None:
    assert "folder" in refused("history_not_a_database", find_address(str(tmp_path))).reason


def test_a_file_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused("history_no_folder", find_address(str(tmp_path / "file" / "history.sqlite")))


def test_the_default_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NMQC_DB", raising=False)
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(tmp_path / "share" / "nmqc"))
    refused("history_missing", find_address(), read_only=True)
    assert not (tmp_path / "share").exists()  # looking makes nothing
    filled(find_address())
    assert (tmp_path / "share" / "nmqc" / "history.sqlite").is_file()


def test_a_read_only_file_can_be_read_and_says_so_when_written(
    open_folder: Path, as_ordinary_user: AsUser
) -> None:
    address = filled(find_address(str(open_folder / "history.sqlite")))
    Path(address.target).chmod(0o444)
    with as_ordinary_user():
        assert "--no-record" in refused("history_read_only", address).reason
        with History.open(address, read_only=True) as history:
            assert history.count() == 1


def test_a_read_only_folder(open_folder: Path, as_ordinary_user: AsUser) -> None:
    address = filled(find_address(str(open_folder / "history.sqlite")))
    Path(address.target).chmod(0o666)
    open_folder.chmod(0o555)
    with as_ordinary_user():
        assert refused("history_no_permission", find_address(str(open_folder / "new.sqlite")))
        reason = refused("history_read_only", address).reason
        assert "folder" in reason
        with History.open(address, read_only=True) as history:
            assert history.count() == 1


def test_a_file_that_may_not_be_read(open_folder: Path, as_ordinary_user: AsUser) -> None:
    address = filled(find_address(str(open_folder / "history.sqlite")))
    Path(address.target).chmod(0o000)
    with as_ordinary_user():
        refused("history_no_permission", address, read_only=True)


def test_a_folder_that_may_not_be_entered(open_folder: Path, as_ordinary_user: AsUser) -> None:
    address = filled(find_address(str(open_folder / "history.sqlite")))
    open_folder.chmod(0o700)
    with as_ordinary_user():
        refused("history_no_permission", address)
        refused("history_no_permission", address, read_only=True)


def test_no_uid_is_in_the_bytes_of_the_file(file_address: Address) -> None:
    altered = a_result(1, inputs=(an_input(1, pixels="altered"),))
    with History.open(file_address) as history:
        for result in (a_result(1), altered):
            history.record(result, payload_of(result))
    content = Path(file_address.target).read_bytes()
    assert b"same_uid_other_pixels" in content
    assert UID[:20].encode() not in content
    assert UID[:20].encode("utf-16-le") not in content


def test_a_write_ahead_log_is_put_back(file_address: Address) -> None:
    connection = sqlite3.connect(filled(file_address).target)
    assert connection.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    connection.close()
    with History.open(file_address) as history:
        assert history._database.rows("PRAGMA journal_mode") == [("delete",)]
        assert history.count() == 1


# --- locks ----------------------------------------------------------------------------------------------

HOLD = {
    "sqlite": """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
""",
    "postgresql": """
import psycopg, sys
connection = psycopg.connect(sys.argv[1])
connection.execute("LOCK TABLE nmqc_results IN ACCESS EXCLUSIVE MODE")
""",
    "postgresql, another writer": """
import psycopg, sys
connection = psycopg.connect(sys.argv[1])
connection.execute("SELECT pg_advisory_xact_lock(1852666211)")
""",
}
UNTIL_TOLD = "print('held', flush=True)\nsys.stdin.readline()\n"


def held(address: Address, code: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code + UNTIL_TOLD, address.target],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def codes(address: Address) -> list[str]:
    return [code for name, code in HOLD.items() if name.startswith(address.engine)]


def test_a_locked_history_says_so_after_the_time_it_was_given(address: Address) -> None:
    filled(address)
    for code in codes(address):
        process = held(address, code)
        try:
            reason = refused("history_locked", address, timeout_s=0.2).reason
        finally:
            process.communicate("go\n")
        assert "for 0.2 s" in reason
        assert "try again" in reason


def test_a_locked_history_is_waited_for(address: Address) -> None:
    filled(address)
    for number, code in enumerate(codes(address)):
        process = held(address, code.replace("import ", "import threading, os, ", 1) + RELEASES_ITSELF)
        with History.open(address, timeout_s=60) as history:
            assert history.record(a_result(number), payload_of(a_result(number))).new
        process.communicate("")
    with History.open(address, read_only=True) as history:
        assert history.count() == 1 + len(codes(address))


RELEASES_ITSELF = "threading.Timer(0.4, lambda: os._exit(0)).start()\n"


# --- servers --------------------------------------------------------------------------------------------


def test_a_wrong_password_is_not_repeated(server: Server) -> None:
    address = find_address(f"postgresql://nmqc:hunter2@127.0.0.1:{server.port}/postgres")
    reason = refused("history_unreachable", address).reason
    assert "hunter2" not in reason
    assert "password" in reason
    assert f"postgresql://127.0.0.1:{server.port}/postgres" in reason


def test_the_right_password_works(server: Server) -> None:
    address = find_address(f"postgresql://nmqc:{PASSWORD}@127.0.0.1:{server.port}/{server.new_database()}")
    assert filled(address).shown.startswith("postgresql://127.0.0.1")


def test_no_server_and_no_database(server: Server) -> None:
    refused("history_unreachable", find_address("postgresql://bob:hunter2@127.0.0.1:1/nmqc"))
    refused("history_unreachable", find_address(server.url("no_such_database")))


def test_a_user_who_may_only_read_and_append_is_enough(server: Server) -> None:
    import psycopg

    database = server.new_database()
    filled(find_address(server.url(database)))
    with psycopg.connect(server.url(database), autocommit=True) as owner:
        owner.execute(f"CREATE ROLE clerk_{database} LOGIN")
        owner.execute(f"CREATE ROLE guest_{database} LOGIN")
        owner.execute(f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO clerk_{database}")
    clerk = find_address(server.url(database).replace("user=nmqc", f"user=clerk_{database}"))
    with History.open(clerk) as history:
        assert history.record(a_result(1), payload_of(a_result(1))).number == 2
        assert history.exclude(2, "leak")
    guest = find_address(server.url(database).replace("user=nmqc", f"user=guest_{database}"))
    assert "INSERT" in refused("history_no_permission", guest).reason


def test_a_server_that_goes_away(server: Server) -> None:
    address = find_address(server.url(server.new_database()))
    with History.open(address) as history:
        history.record(a_result(1), payload_of(a_result(1)))
        with History.open(address) as other:
            me = history._database.rows("SELECT pg_backend_pid()")[0][0]
            other._database.rows("SELECT pg_terminate_backend(?)", (me,))
        with pytest.raises(HistoryUnavailable) as refusal:
            history.record(a_result(2), payload_of(a_result(2)))
    assert refusal.value.code == "history_unreachable"


def test_other_tables_in_the_database_do_no_harm(server: Server) -> None:
    import psycopg

    address = find_address(server.url(server.new_database()))
    with psycopg.connect(address.target, autocommit=True) as connection:
        connection.execute("CREATE TABLE results (number TEXT)")
    filled(address)


def test_without_psycopg_the_command_to_type_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install" in refused("history_no_driver", find_address("postgresql://db/nmqc")).reason
