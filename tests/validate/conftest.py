"""The smallest grid, measured once for all tests, by all processes of a test run together."""

from __future__ import annotations

import pickle
import time
from pathlib import Path

import pytest

from nmqc.validate.grid import pieces
from nmqc.validate.run import Collected, work


@pytest.fixture(scope="session")
def least(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Collected:
    """Every metric of every test on the smallest grid."""
    own = tmp_path_factory.getbasetemp()
    shared = (own if worker_id == "master" else own.parent) / "least-grid"
    shared.mkdir(exist_ok=True)
    every = list(pieces("least"))
    for number, piece in enumerate(every):
        if _claimed(shared / f"{number}.claim"):
            made = shared / f"{number}.made"
            made.write_bytes(pickle.dumps(work(piece)))
            made.rename(shared / f"{number}.done")
    collected = Collected()
    for number in range(len(every)):
        collected.add(_awaited(shared / f"{number}.done"))
    return collected.in_order()


def _claimed(path: Path) -> bool:
    """Say whether this process is the first to ask."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _awaited(path: Path, longest_s: float = 300.0) -> object:
    end = time.monotonic() + longest_s
    while not path.exists():
        assert time.monotonic() < end, f"{path.name}: the process that measures it is gone"
        time.sleep(0.2)
    return pickle.loads(path.read_bytes())
