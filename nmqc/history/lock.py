"""One process at a time: a lock that the system itself gives back when its holder dies.

For a history in SQLite it is a lock on a small file beside it, which says who holds it and stays where it is; for
one in PostgreSQL a session's advisory lock, which holds for all machines.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nmqc.errors import HistoryUnavailable
from nmqc.history.address import Address, find_address
from nmqc.history.engines import Database, check_place, connect
from nmqc.history.schema import now

_HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
_UNLOCKABLE = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)
_SAID_BYTES = 200
_NAME_BYTES = 63  # PostgreSQL cuts longer names of applications off
#: so that a machine that lost its power or network holds a lock for a minute, not for hours
_LIVELINESS = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "idle_session_timeout": "0",
}


@contextmanager
def exclusive(place: Address | str | Path, name: str) -> Iterator[None]:
    """Be the only one that does a thing with a history, until the end or the death of this process.

    Parameters
    ----------
    place : Address, or what `find_address` takes: a path that needs not be there, or an address
    name : str
        What is done, as the command is called: "batch". Things of different names do not hinder each other.

    Raises
    ------
    HistoryUnavailable
        At once: ``batch_running`` (by the name) where another process holds it; else why it cannot be had.
    """
    address = place if isinstance(place, Address) else find_address(str(place))
    held = _file_lock(address, name) if address.engine == "sqlite" else _server_lock(address, name)
    with held:
        yield


def _running(name: str, where: str, who: str) -> HistoryUnavailable:
    return HistoryUnavailable(
        f"{name}_running",
        f"`nmqc {name}` is running already for {where}{who}: wait until it is done",
    )


def _me() -> str:
    return f"process {os.getpid()} on {platform.node() or 'this computer'}"


# --- beside a file --------------------------------------------------------------------------------------


@contextmanager
def _file_lock(address: Address, name: str) -> Iterator[None]:
    check_place(address, read_only=False)
    path = Path(f"{os.path.realpath(address.target)}.{name}-lock")
    file = _opened(path, address.shown)
    try:
        _share(file, address.target)
        _take(file, path, name, address.shown)
        _write_holder(file)
        yield
    finally:
        os.close(file)  # gives the lock back


def _opened(path: Path, where: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        return os.open(path, flags, 0o666)
    except OSError as error:
        raise HistoryUnavailable(
            "history_read_only",
            f"the lock file of the history {where} cannot be written ({error.strerror}): its folder needs "
            "write permission, or choose another history with --db",
        ) from None


def _share(file: int, history: str) -> None:
    """Let those who may write the history use its lock too, and whoever made it, whatever the history permits now."""
    if hasattr(os, "fchmod"):
        with suppress(OSError):
            os.fchmod(file, os.stat(history).st_mode & 0o666 | 0o600)  # noqa: PTH116


def _take(file: int, path: Path, name: str, where: str) -> None:
    try:
        _lock(file)
    except OSError as error:
        if error.errno in _HELD:
            raise _running(name, where, _holder(file)) from None
        code = "history_no_locks" if error.errno in _UNLOCKABLE else "history_failed"
        raise HistoryUnavailable(
            code,
            f"{path} cannot be locked ({error.strerror}): keep the history on a local disk, "
            "or in PostgreSQL, and name it with --db",
        ) from None


def _lock(file: int) -> None:
    """Lock a file at once or raise OSError. A child process that is started later does not inherit it."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, 2**30, os.SEEK_SET)  # a byte beyond the end: what stands in the file can still be read
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _write_holder(file: int) -> None:
    """Write who holds the lock, for the message to the next; a full disk takes nothing but that message."""
    with suppress(OSError):
        os.ftruncate(file, 0)
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, f"{_me()} since {now()}\n".encode("utf-8", "replace"))


def _holder(file: int) -> str:
    with suppress(OSError):
        os.lseek(file, 0, os.SEEK_SET)
        line = os.read(file, _SAID_BYTES).decode("utf-8", "replace").partition("\n")[0]
        said = "".join(character for character in line if character.isprintable())
        return f" ({said})" if said else ""
    return ""


# --- on a server ----------------------------------------------------------------------------------------


@contextmanager
def _server_lock(address: Address, name: str) -> Iterator[None]:
    database = connect(address, timeout_s=30, read_only=False)
    try:
        called = f"nmqc {name}: {_me()}".encode()[:_NAME_BYTES].decode("utf-8", "ignore")
        for setting, value in (_LIVELINESS | {"application_name": called}).items():
            database.run(
                "SELECT set_config(name, ?, false) FROM pg_settings WHERE name = ?", (value, setting)
            )
        key = int.from_bytes(hashlib.sha256(f"nmqc {name}".encode()).digest()[:8], signed=True)
        if not database.rows("SELECT pg_try_advisory_lock(?)", (key,))[0][0]:
            raise _running(name, address.shown, _holder_of(database, key))
        yield
    finally:
        database.close()  # ends the session, and with it the lock


def _holder_of(database: Database, key: int) -> str:
    """Return who holds an advisory lock: PostgreSQL keeps its number in two halves."""
    halves = (key >> 32 & 0xFFFFFFFF, key & 0xFFFFFFFF)
    found = database.rows(
        "SELECT a.application_name, to_char(a.backend_start AT TIME ZONE 'UTC', ?) "
        "FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted "
        "AND l.classid::bigint = ? AND l.objid::bigint = ? AND l.objsubid = 1 AND l.database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())",
        ('YYYY-MM-DD"T"HH24:MI:SS"Z"', *halves),
    )
    if not found:
        return ""
    who = found[0][0].partition(": ")[2] or found[0][0]
    since = f" since {found[0][1]}" if found[0][1] else ""
    return f" ({who}{since})"
