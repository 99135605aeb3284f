"""The images that are timed, and the commands that run on them in an environment of their own."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

import nmqc
from benchmarks.clock import Work, command
from nmqc.dicom import ReadOptions, read_nm
from nmqc.model import Acquisition
from phantoms import nm
from phantoms.flood import Flood, default_heads

COUNTS = 30e6  # expected in each detector
SEED = 1
DONE = (0, 3, 4)  # exit statuses of nmqc with results on standard output
NAMES = {"intevo": "Intevo Bold", "brivo": "Brivo NM615"}


class Image(Protocol):
    """An image of `phantoms/` that can be timed."""

    @property
    def stem(self) -> str:
        """Name of its file, without the suffix."""

    def write(self, path: Path) -> None:
        """Write its file."""


@dataclass(frozen=True, slots=True)
class Case:
    """A flood of `phantoms/` with Poisson noise: its system, matrix and number of detectors."""

    system: str
    matrix: int
    heads: int = 1

    def __str__(self) -> str:
        heads = "" if self.heads == 1 else f", {self.heads} detectors"
        return f"{NAMES[self.system]}, {self.matrix} x {self.matrix}{heads}"

    @property
    def stem(self) -> str:
        """Name of its file, without the suffix."""
        return f"{self.system}-{self.matrix}-{self.heads}"

    def write(self, path: Path) -> None:
        """Write its file."""
        nm.write(self.flood(), path, seed=SEED)

    def flood(self) -> Flood:
        """Return the flood."""
        heads = default_heads(self.system)[: self.heads]
        return Flood(system=self.system, matrix=self.matrix, heads=heads, collimator="LEHR")


@dataclass(frozen=True, slots=True)
class Bench:
    """A temporary folder with images, and the environment of the commands: no settings of the user count."""

    folder: Path
    environment: Mapping[str, str]
    python_of_peer: Path
    _numbers: Iterator[int] = field(default_factory=count)

    def path(self, image: Image) -> Path:
        """Return the file of an image; it is written when first asked for."""
        path = self.folder / f"{image.stem}.dcm"
        if not path.exists():
            image.write(path)
        return path

    def acquisition(self, image: Image) -> Acquisition:
        """Return what nmqc reads from an image's file."""
        return read_nm([self.path(image)], ReadOptions()).acquisitions[0]

    def nmqc(self, arguments: Sequence[str], check: Callable[[bytes], None], **variables: str) -> Work:
        """Return the work of a whole nmqc command; see `clock.command`."""
        environment = {**self.environment, **variables}
        return command(
            lambda: [sys.executable, "-m", "nmqc", *arguments], environment, self.folder, check, DONE
        )

    def nmqc_recording(self, arguments: Sequence[str], check: Callable[[bytes], None]) -> Work:
        """Return the work of a whole nmqc command that records into a history made anew by each run."""

        def make() -> list[str]:
            history = self.folder / f"history-{next(self._numbers)}.sqlite"
            return [sys.executable, "-m", "nmqc", *arguments, "--db", str(history)]

        return command(make, self.environment, self.folder, check, DONE)

    def python(self, python: Path, code: str) -> Work:
        """Return the work of a whole `python -c code`."""
        arguments = [str(python), "-W", "ignore", "-c", code]
        return command(lambda: arguments, self.environment_of_peer, self.folder, lambda _: None)

    @property
    def environment_of_peer(self) -> dict[str, str]:
        """The environment without the way to nmqc."""
        return {name: value for name, value in self.environment.items() if name != "PYTHONPATH"}


@contextmanager
def opened(python_of_peer: Path) -> Iterator[Bench]:
    """Give a bench in a temporary folder, which is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="nmqc-benchmark-") as name:
        yield Bench(Path(name), _own_environment(Path(name)), python_of_peer)


def _own_environment(folder: Path) -> dict[str, str]:
    """Return the environment of the commands: this nmqc, with an empty home."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NMQC_", "XDG_", "PYTHON", "NUMBA_", "MPL"))
    }
    home = folder / "home"
    home.mkdir()
    return kept | {
        "HOME": str(home),
        "PYTHONPATH": str(Path(nmqc.__file__).parents[1]),
        "MPLBACKEND": "Agg",
    }
