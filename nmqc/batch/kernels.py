"""The compiled kernels: where much is to be done they win back their own start."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from nmqc import catalogue
from nmqc.batch.groups import Group
from nmqc.batch.pool import Pool

WORTHWHILE = 60  # static images for which loading the kernels, in each process, pays
MAKING = "compiling the fast kernels, once on this computer (`nmqc warm-up` does it beforehand)"


def are_worthwhile(groups: Sequence[Group], replicates: int | None) -> bool:
    """Say whether so many images may be floods that the kernels pay; without replicates they do not."""
    wanted = os.environ.get("NMQC_ENGINE") or "auto"
    images = sum(group.family == "nm" and group.card.kind == "STATIC" for group in groups)
    return wanted == "auto" and (replicates is None or replicates > 1) and images >= WORTHWHILE


def make_ready(make: Callable[[], Executor], say: Callable[[str], None]) -> None:
    """Compile the kernels before many processes would, all at once, each for itself; and say that it takes a while.

    It is done by one process, whose failure is none of the files'.
    """
    if not catalogue.is_warm():
        say(MAKING)
        pool: Pool[int, None] = Pool(make, 1, compile_all)
        for _ in pool.each([0]):
            pass


def compile_all(_: int) -> None:
    """Compile every kernel, or load it where it is kept."""
    for test in catalogue.TESTS:
        test.warm_up()


def load() -> None:
    """Have the kernels of floods used in this process from now on; where they cannot be compiled, their twins."""
    try:
        catalogue.find("uniformity.planar").warm_up()
    except Exception:  # Numba raises whatever it likes, and no image is at fault
        os.environ["NMQC_ENGINE"] = "numpy"
