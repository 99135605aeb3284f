"""Kill nmqc at every moment at which it changes something: around each file opened for writing, before each renaming
and each statement of the history.

Run as a program: `python -m tests.faults.killing FOLDER EVERY COMMAND...`. For each moment a child is forked into a
folder of its own, FOLDER/0, FOLDER/1, ..., with a copy of FOLDER/start, and kills itself then; the last one ends by
itself. "{}" in the command is that folder. What is printed: the exit statuses, as JSON.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from nmqc.history.engines import Database
from nmqc.validate.agreement import Compared
from nmqc.validate.outcome import Outcome

MOST = 400
_CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Countdown:
    """Kills this process at the n-th moment."""

    def __init__(self, folder: Path, moments: int) -> None:
        self.folder = str(folder)
        self.left = moments

    def moment(self) -> None:
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        path = os.fsdecode(arguments[0]) if arguments and isinstance(arguments[0], str | bytes | Path) else ""
        opened = event == "open" and isinstance(arguments[2], int) and arguments[2] & _CHANGING
        if path.startswith(self.folder) and (opened or event in ("os.rename", "os.remove", "os.mkdir")):
            self.moment()

    def watch(self) -> None:
        sys.addaudithook(self.audit)
        for name in ("run", "run_each"):
            setattr(Database, name, self._before(getattr(Database, name)))
        io.open = self._after(io.open)  # which pathlib uses

    def _before(self, original: Any) -> Any:
        def run(*arguments: Any) -> Any:
            self.moment()
            return original(*arguments)

        return run

    def _after(self, original: Any) -> Any:
        """An empty file stands there then, where one was opened for writing."""

        def opened(path: Any, mode: str = "r", *arguments: Any, **settings: Any) -> Any:
            file = original(path, mode, *arguments, **settings)
            if set(mode) & set("wxa+") and os.fspath(path).startswith(self.folder):
                self.moment()
            return file

        return opened


def validated(*_: object) -> Outcome:
    """What a validation found, without its minutes: real files that agree with another program."""
    one = Compared(
        "f.dcm", "nmqc cor", "cor.offset", "", "mm", "another", 1.0, 1.0, None, 0.1, "the same", ""
    )
    return Outcome("quick", (), (), (), tuple(replace(one, file=f"{n}.dcm") for n in range(500)))


def child(folder: Path, moments: int, arguments: list[str]) -> None:
    from nmqc.cli import run, validate

    validate._outcome = validated
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)
    Countdown(folder, moments).watch()
    status = run([one.replace("{}", str(folder)) for one in arguments])
    sys.stdout.flush()
    os._exit(status)


def main(folder: Path, every: int, arguments: list[str]) -> None:
    # Imported once, in the parent. It never runs anything itself: no thread of its own is there when it forks.
    import matplotlib.figure  # noqa: F401
    import scipy.ndimage  # noqa: F401
    import typst  # noqa: F401

    statuses = []
    for number in range(MOST):
        place = folder / str(number)
        shutil.copytree(folder / "start", place)
        process = os.fork()
        if process == 0:
            child(place, number * every, arguments)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
        if statuses[-1] >= 0:
            break
    print(json.dumps(statuses))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
