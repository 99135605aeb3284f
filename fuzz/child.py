"""One call of nmqc in a process of its own, bounded and measured.

The child is forked from a process that has imported everything, so that thousands of calls can be made. It has a
home of its own, a limit on its address space, and is ended where it does not end by itself.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ADDRESS_SPACE = 8 << 30  # bytes: libraries and their threads reserve some of it
_TICK_S = 0.005


@dataclass(frozen=True)
class Outcome:
    """What came of a call; `signal` ended it where it is not 0, `hung` says that it was we who did."""

    arguments: tuple[str, ...]
    status: int
    signal: int
    out: bytes
    err: bytes
    wall_s: float
    cpu_s: float
    peak_bytes: int
    hung: bool


def warm() -> None:
    """Import what the commands import, and let the numerical libraries build what they keep."""
    import matplotlib.backends.backend_svg
    import numba
    import scipy.ndimage
    import scipy.optimize
    import scipy.special
    import skimage.measure
    import typst

    import nmqc.acceptance.protocol
    import nmqc.batch.night
    import nmqc.catalogue
    import nmqc.cli
    import nmqc.dicom.identity
    import nmqc.dicom.pet
    import nmqc.history
    import nmqc.report.pdf
    import nmqc.report.terminal

    for name in nmqc.cli.COMMANDS.values():
        __import__(name[0])
    assert all((matplotlib, numba, scipy, skimage, typst, nmqc))


def call(arguments: Sequence[str], folder: Path, home: Path, hang_s: float) -> Outcome:
    """Run nmqc in a folder with a home, and return what came of it; it is ended after `hang_s` of wall time."""
    out, err = home / "stdout", home / "stderr"
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _become(arguments, folder, home, out, err)
    hung = False
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() - began > hang_s and not hung:
            hung = True
            os.kill(pid, signal.SIGKILL)
        time.sleep(_TICK_S)
    return Outcome(
        tuple(arguments),
        os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1,
        os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        out.read_bytes(),
        err.read_bytes(),
        time.monotonic() - began,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * 1024,
        hung,
    )


def _become(arguments: Sequence[str], folder: Path, home: Path, out: Path, err: Path) -> None:
    """Be nmqc, and never come back."""
    import sys

    status = 1
    try:
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
        os.chdir(folder)
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.update(
            HOME=str(home), XDG_CONFIG_HOME=str(home), XDG_DATA_HOME=str(home), TMPDIR=str(home)
        )
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(number, mode) for number, mode in ((0, "r"), (1, "w"), (2, "w"))
        )
        sys.argv = ["nmqc", *arguments]
        from nmqc.__main__ import main

        main()
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # what a child must never do: it is looked for in what it says
        import traceback

        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
