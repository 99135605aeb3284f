"""Telling a site's own program that something is wrong, or is mended: once for each change."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from nmqc.whole_file import write_whole

LONGEST_S = 60.0
#: What stands in the state file where nothing is wrong; a missing file says the same.
NOTHING_WRONG = ""
MOST_BYTES, MOST_LETTERS = 4096, 200


@dataclass(frozen=True, slots=True)
class Notified:
    """Whether the program was told, and in one line what went wrong with that; "" where nothing did."""

    told: bool
    problem: str = ""


def notify(command: Sequence[str], document: str, state_file: Path, state: str) -> Notified:
    """Run a program if the state is not the one that was told last, and keep the state where it ended well.

    The program gets the document on its standard input, in UTF-8, and nothing of the terminal; what it writes to
    standard error is read for the reason of a failure alone. No shell is involved. After `LONGEST_S` it is ended,
    with what it has started. A failure is never raised; the program is run again the next time.

    Parameters
    ----------
    command : the program and its arguments
    document : the JSON object of the batch
    state_file : where the state that was told last is kept
    state : a digest of what is wrong now, in ASCII; `NOTHING_WRONG` where nothing is
    """
    if state == _told_last(state_file):
        return Notified(False)
    problem = _run(command, document)
    if problem:
        return Notified(False, f"on_problem: {problem}: it will be told again")
    return Notified(True, _kept(state_file, state))


def _told_last(state_file: Path) -> str | None:
    """Return the state that was told last; None where it cannot be known, which no state equals."""
    try:
        return state_file.read_bytes()[:MOST_BYTES].decode("ascii", "replace").strip()
    except FileNotFoundError:
        return NOTHING_WRONG
    except OSError:
        return None


def _kept(state_file: Path, state: str) -> str:
    """Write the state, whole or not at all; return what went wrong."""
    try:
        write_whole(state_file, f"{state}\n".encode("ascii"))
    except OSError as problem:
        return f"on_problem: {state_file} cannot be written ({problem.strerror}): it will be told again"
    return ""


# --- the program ----------------------------------------------------------------------------------------


def _run(command: Sequence[str], document: str) -> str:
    """Run the program; return what went wrong. Files instead of pipes: a child of its own cannot hold us up."""
    program = _printable(Path(command[0]).name)
    try:
        with TemporaryFile() as told, TemporaryFile() as said:
            told.write(document.encode("utf-8", "backslashreplace"))
            told.seek(0)
            status = _status(command, told, said)
            said.seek(0)
            words = _printable(said.read(MOST_BYTES).decode("utf-8", "replace"))
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else None
        return f"{program} cannot be run ({reason or problem})"
    if status is None:
        return f"{program} was ended after {LONGEST_S:g} s"
    return f"{program} ended with status {status}{f' ({words})' if words else ''}" if status else ""


def _status(command: Sequence[str], told: IO[bytes], said: IO[bytes]) -> int | None:
    """Return the program's exit status; None where it took too long."""
    process = subprocess.Popen(
        list(command), stdin=told, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
    )
    try:
        return process.wait(LONGEST_S)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.returncode is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and, where the system has groups of processes, what it has started."""
    import signal

    if hasattr(os, "killpg"):
        with suppress(OSError):  # it ended by itself meanwhile
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _printable(text: str) -> str:
    """Return the first line of a text, with nothing that a terminal could take for a command."""
    line = text.strip().splitlines()[0] if text.strip() else ""
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:MOST_LETTERS]
