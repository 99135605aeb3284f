"""pylinac, the program to compare with, in a virtual environment of its own: it cannot share one with nmqc.

Its analyses run in a child process that stays, so that they can be timed in turn with nmqc's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.clock import Sample, Work

PYLINAC = "3.49.0"
CHILD = Path(__file__).with_name("pylinac_child.py")
_VERSIONS = "from importlib.metadata import version as v; print(v('pylinac'), v('numpy'), v('pydicom'))"


class NoPeer(Exception):
    """pylinac cannot be had. The message says why, and what to do."""


def default_folder() -> Path:
    """Return the folder of the environment: in the user's cache."""
    from platformdirs import user_cache_path

    return user_cache_path("nmqc") / "benchmarks" / f"pylinac-{PYLINAC}"


def python_with_pylinac(folder: Path) -> Path:
    """Return a Python that has pylinac, made in `folder` if it is not there.

    Raises
    ------
    NoPeer
        If the folder holds something else, or pip cannot install pylinac.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if versions(python).get("pylinac") == PYLINAC:
        return python
    if folder.exists() and any(folder.iterdir()):
        raise NoPeer(
            f"{folder} exists, but holds no Python with pylinac {PYLINAC}: delete it or give another --venv"
        )
    print(
        f"Installing pylinac {PYLINAC}, to compare with, into a virtual environment of its own: {folder}\n"
        "(once; about 500 MB and some minutes; delete the folder when you no longer need it)",
        file=sys.stderr,
    )
    try:
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", f"pylinac=={PYLINAC}"])
    except NoPeer:
        shutil.rmtree(folder, ignore_errors=True)  # it was empty, or not there
        raise
    return python


def versions(python: Path) -> dict[str, str]:
    """Return the versions of pylinac and of what it rests on; nothing where it is not installed."""
    try:
        done = subprocess.run([str(python), "-c", _VERSIONS], capture_output=True, text=True, check=False)
    except OSError:
        return {}
    return dict(zip(("pylinac", "numpy", "pydicom"), done.stdout.split(), strict=False))


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "WARNING" not in line]
        raise NoPeer(
            f"{' '.join(errors[-3:]) or 'the command failed'}\n"
            f"pip needs the network or a local index: set PIP_INDEX_URL or PIP_FIND_LINKS, or give --venv a "
            f"virtual environment that has pylinac=={PYLINAC}"
        )


class Pylinac:
    """A running child that analyses images and times itself."""

    def __init__(self, python: Path, environment: Mapping[str, str]) -> None:
        self._child = subprocess.Popen(
            [str(python), "-P", "-W", "ignore", str(CHILD)],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.communicate()

    def analyse(
        self, path: Path, test: str = "PlanarUniformity", *, reading: bool = False, **options: Any
    ) -> dict[str, Any]:
        """Analyse an image once: CPU and wall time of the analysis, with or without reading, and the results.

        `test` is a class of pylinac.nuclear, `options` go to its `analyze()`.

        Raises
        ------
        NoPeer
            If pylinac fails.
        """
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps([str(path), test, reading, options]) + "\n")
        self._child.stdin.flush()
        answer = self._child.stdout.readline()
        if not answer:
            raise NoPeer("pylinac ended without an answer; its own message stands above")
        found: dict[str, Any] = json.loads(answer)
        return found

    def work(
        self, path: Path, test: str = "PlanarUniformity", *, reading: bool = False, **options: Any
    ) -> Work:
        """Return the work of analysing an image; see `analyse`."""

        def work() -> Sample:
            found = self.analyse(path, test, reading=reading, **options)
            return Sample(found["cpu_s"], found["wall_s"])

        return work
