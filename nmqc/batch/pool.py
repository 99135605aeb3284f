"""Work done by other processes, one of which may die: it costs only the piece that it was at."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from typing import Any, Generic, TypeVar

Piece = TypeVar("Piece")
Done = TypeVar("Done")
AHEAD = 2  # pieces for each process that wait or are worked on: results that wait are few
PIECES_OF_A_PROCESS = 500
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Died:
    """A piece of work that killed its process, or stopped with an error that nobody foresaw: its name alone."""

    error: str


@dataclass(slots=True)
class Pool(Generic[Piece, Done]):
    """An executor that is made again when one of its processes dies.

    Attributes
    ----------
    make : returns a new executor
    workers : how many pieces it does at a time
    work : a function that the executor's processes can import
    """

    make: Callable[[], Executor]
    workers: int
    work: Callable[..., Done]

    def each(self, pieces: Sequence[Piece], *common: Any) -> Iterator[tuple[Piece, Done | Died]]:
        """Yield each piece with what came of it, as it comes."""
        waiting = deque(pieces)
        running: dict[Future[Done], Piece] = {}
        executor = self.make()
        try:
            while waiting or running:
                while waiting and len(running) < AHEAD * self.workers:
                    piece = waiting.popleft()
                    running[executor.submit(self.work, piece, *common)] = piece
                finished, broken = self._finished(running)
                yield from finished
                if broken:
                    executor.shutdown(wait=False, cancel_futures=True)
                    suspects, running = list(running.values()), {}
                    yield from self._one_by_one(suspects, *common)
                    executor = self.make()
        finally:
            executor.shutdown(wait=False, cancel_futures=True)

    def _finished(self, running: dict[Future[Done], Piece]) -> tuple[list[tuple[Piece, Done | Died]], bool]:
        """Return what has ended, taken out of `running`, and whether the executor is broken."""
        ended, _ = wait(running, return_when=FIRST_COMPLETED)
        finished: list[tuple[Piece, Done | Died]] = []
        broken = False
        for future in ended:
            outcome = _outcome(future)
            if outcome is None:
                broken = True
            else:
                finished.append((running.pop(future), outcome))
        return finished, broken

    def _one_by_one(self, suspects: Sequence[Piece], *common: Any) -> Iterator[tuple[Piece, Done | Died]]:
        """Do pieces alone, each in an executor that may die: the one that kills it is found."""
        executor = self.make()
        for piece in suspects:
            outcome = _outcome(executor.submit(self.work, piece, *common))
            if outcome is None:
                executor.shutdown(wait=False, cancel_futures=True)
                executor = self.make()
            yield piece, Died("the process died") if outcome is None else outcome
        executor.shutdown(wait=False)


def _outcome(future: Future[Done]) -> Done | Died | None:
    """Return what came of a piece; None where its executor is broken, by this piece or another."""
    try:
        return future.result()
    except BrokenExecutor:
        return None
    except Exception as error:
        return Died(type(error).__name__)


def processes(workers: int) -> Executor:
    """Return an executor of processes of this machine, which begin clean: nothing of this one is copied."""
    for name in THREADS:  # one thread each: there are as many processes as cores
        os.environ.setdefault(name, "1")
    method = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
    return ProcessPoolExecutor(workers, get_context(method), max_tasks_per_child=PIECES_OF_A_PROCESS)


def dask(address: str) -> tuple[Executor, Callable[[], None], int]:
    """Return an executor of a Dask cluster, what closes it, and how many threads its workers have.

    Raises
    ------
    BadConfiguration
        ``no_dask``, ``dask_unreachable``.
    """
    from nmqc.errors import BadConfiguration

    try:
        from distributed import Client
    except ImportError:
        raise BadConfiguration(
            "no_dask", "--dask needs distributed: type `python -m pip install 'nmqc[cluster]'`"
        ) from None
    connect: Any = Client
    try:
        client = connect(address, timeout=10)
    except (OSError, TimeoutError, ValueError):
        raise BadConfiguration(
            "dask_unreachable",
            "no Dask scheduler answers at this address: start one (`dask scheduler`), or correct --dask",
        ) from None
    workers = sum(client.nthreads().values())
    return client.get_executor(pure=False, retries=1), client.close, max(workers, 1)
