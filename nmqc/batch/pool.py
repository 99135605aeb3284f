"""Work done by other processes, one of which may die: it costs only the piece that it was at."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from typing import Any, Generic, TypeVar

from nmqc.errors import BadConfiguration, NmqcError

Piece = TypeVar("Piece")
Done = TypeVar("Done")
AHEAD = 2  # pieces for each process that wait or are worked on: results that wait are few
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Died:
    """A piece of work that killed its process, or stopped with an error that nobody foresaw: its name alone."""

    error: str


class _Broken:
    """Stands for what a broken executor did not give."""


class ClusterLost(NmqcError):
    """The cluster cannot go on: what it was at says nothing of the files."""


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
        """Yield each piece with what came of it, as it comes.

        Where the caller stops early, or is interrupted, what is being worked on is given up at once.

        Raises
        ------
        ClusterLost
            Where the executor gives work back undone.
        """
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
                    _give_up(executor)
                    suspects, running = list(running.values()), {}
                    yield from self._one_by_one(suspects, *common)
                    executor = self.make()
        finally:
            _give_up(executor)

    def _finished(self, running: dict[Future[Done], Piece]) -> tuple[list[tuple[Piece, Done | Died]], bool]:
        """Return what has ended, taken out of `running`, and whether the executor is broken."""
        ended, _ = wait(running, return_when=FIRST_COMPLETED)
        finished: list[tuple[Piece, Done | Died]] = []
        broken = False
        for future in ended:
            outcome = _outcome(future)
            if isinstance(outcome, _Broken):
                broken = True
            else:
                finished.append((running.pop(future), outcome))
        return finished, broken

    def _one_by_one(self, suspects: Sequence[Piece], *common: Any) -> Iterator[tuple[Piece, Done | Died]]:
        """Do pieces alone, each in an executor that may die: the one that kills it is found."""
        executor = self.make()
        try:
            for piece in suspects:
                outcome = _outcome(executor.submit(self.work, piece, *common))
                if isinstance(outcome, _Broken):
                    _give_up(executor)
                    executor = self.make()
                    outcome = Died("the process died")
                yield piece, outcome
        finally:
            _give_up(executor)


def _outcome(future: Future[Done]) -> Done | Died | _Broken:
    """Return what came of a piece, unless its executor is broken, by this piece or another."""
    try:
        return future.result()
    except BrokenExecutor:
        return _Broken()
    except CancelledError:
        raise ClusterLost(
            "cluster_lost",
            "the Dask cluster went away: see whether its scheduler runs, and start batch again",
        ) from None
    except Exception as error:
        return Died(type(error).__name__)


def _give_up(executor: Executor) -> None:
    """Let an executor go, with whatever it is still at."""
    executor.shutdown(wait=False)
    if isinstance(executor, Processes):
        executor.end()


# --- processes of this machine --------------------------------------------------------------------------


class Processes(ProcessPoolExecutor):
    """Processes of this machine, which begin clean: nothing of this one is copied.

    They end when this one does, however it ends, and leave Ctrl-C to it.
    """

    def __init__(self, workers: int, preload: Sequence[str] = ()) -> None:
        for name in THREADS:  # one thread each: there are as many processes as cores
            os.environ.setdefault(name, "1")
        method = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
        context = get_context(method)
        if method == "forkserver":
            _start_server(preload)
        held, self._held = context.Pipe(duplex=False)
        super().__init__(workers, context, initializer=_held_by, initargs=(held,))

    def end(self) -> None:
        """End the processes at once, whatever they are at."""
        self._held.close()


def processes(workers: int, preload: Sequence[str] = ()) -> Executor:
    """Return an executor of processes of this machine.

    Parameters
    ----------
    preload : modules that are imported once for all of them, where the system can do that
    """
    return Processes(workers, preload)


def _start_server(preload: Sequence[str]) -> None:
    """Start the process that the others are copies of, deaf to Ctrl-C as they shall be."""
    from multiprocessing import forkserver

    forkserver.set_forkserver_preload(["__main__", *preload])
    with _deaf(), _silent_tracker():
        forkserver.ensure_running()


@contextmanager
def _silent_tracker() -> Iterator[None]:
    """Keep the process that clears away after a sudden end from saying so on standard error."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (before, "ignore:resource_tracker:UserWarning")))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


@contextmanager
def _deaf() -> Iterator[None]:
    """Be deaf to Ctrl-C: a process that is started meanwhile stays so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _held_by(other_end: Any) -> None:
    """Prepare a process: it ends when the other end of a pipe is closed, as the death of its holder does too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(other_end,), daemon=True).start()


def _end_with(other_end: Any) -> None:
    try:
        other_end.poll(None)
    finally:
        sys.stderr = None
        os._exit(1)


# --- a cluster ------------------------------------------------------------------------------------------


def dask(address: str) -> tuple[Callable[[], Executor], Callable[[], None], int]:
    """Return what makes an executor of a Dask cluster, what closes it, and how many threads its workers have.

    Raises
    ------
    BadConfiguration
        ``no_dask``, ``dask_unreachable``, ``dask_empty``.
    """
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
    if not workers:
        client.close()
        raise BadConfiguration(
            "dask_empty", "the Dask cluster has no workers: start some (`dask worker ADDRESS`)"
        )
    return lambda: client.get_executor(pure=False, retries=1), client.close, workers
