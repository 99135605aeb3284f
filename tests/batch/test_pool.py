"""What the processes are given comes back, whatever happens to one of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pytest

from nmqc.batch.pool import AHEAD, ClusterLost, Died, Pool, processes
from tests.batch.pieces import nothing, work
from tests.cli.running import ROOT, environment

WORKERS = 2
SOON_S = 20


def pool() -> Pool[str, str]:
    return Pool(lambda: processes(WORKERS), WORKERS, work)


def outcomes(pieces: list[str], folder: Path = Path()) -> dict[str, str | Died]:
    found = list(pool().each(pieces, str(folder)))
    assert len(found) == len(pieces)  # none is lost, none is done twice
    return dict(found)


def good(*pieces: str) -> dict[str, str]:
    return {piece: f"{piece} done" for piece in pieces}


def test_every_piece_comes_back() -> None:
    pieces = [f"piece {number}" for number in range(30)]
    assert outcomes(pieces) == good(*pieces)


def test_nothing_to_do() -> None:
    assert list(pool().each([])) == []


def test_work_that_gives_nothing_back_is_done_once() -> None:
    """None is an answer, not a broken executor."""
    counting = Counting()
    assert list(Pool[str, None](lambda: counting, 1, nothing).each(["a", "b"])) == [("a", None), ("b", None)]
    assert counting.submitted == 2


def test_an_error_costs_its_piece_and_says_no_more_than_its_kind() -> None:
    assert outcomes(["a", "raise", "b"]) == good("a", "b") | {"raise": Died("ValueError")}


@pytest.mark.parametrize("death", ["exit", "kill"])
def test_a_death_costs_its_piece_alone(death: str) -> None:
    others = [f"piece {number}" for number in range(9)]
    pieces = [*others[:3], death, *others[3:]]
    assert outcomes(pieces) == good(*others) | {death: Died("the process died")}


def test_two_deadly_pieces_beside_each_other() -> None:
    found = outcomes(["kill", "exit", "a", "b"])
    assert found == good("a", "b") | dict.fromkeys(("kill", "exit"), Died("the process died"))


def test_a_process_that_somebody_else_killed_costs_nothing(tmp_path: Path) -> None:
    pieces = ["a", "once x", "b", "c", "d", "e"]
    assert outcomes(pieces, tmp_path) == good(*pieces)


class Counting(ThreadPoolExecutor):
    """Counts the pieces that were handed in and not yet taken by the caller."""

    def __init__(self) -> None:
        super().__init__(WORKERS)
        self.lock, self.submitted = Lock(), 0

    def submit(self, *arguments: object, **further: object) -> Future[str]:  # type: ignore[override]
        with self.lock:
            self.submitted += 1
        return super().submit(*arguments, **further)  # type: ignore[arg-type]


def test_results_do_not_pile_up() -> None:
    """A caller that is slow to record is waited for: memory holds a few results, not all."""
    counting = Counting()
    taken = 0
    for _ in Pool[str, str](lambda: counting, WORKERS, work).each([f"{n}" for n in range(50)]):
        taken += 1
        # what has ended together is handed over together: so many more at most
        assert counting.submitted - taken <= 2 * AHEAD * WORKERS
        time.sleep(0.002)
    assert taken == 50


def test_a_cluster_that_goes_away_is_no_fault_of_the_files() -> None:
    class Gone(ThreadPoolExecutor):
        def submit(self, *arguments: object, **further: object) -> Future[str]:  # type: ignore[override]
            future: Future[str] = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    def gone() -> Executor:
        return Gone(1)

    with pytest.raises(ClusterLost) as lost:
        list(Pool[str, str](gone, 1, work).each(["a"]))
    assert lost.value.code == "cluster_lost"


# --- the end ---------------------------------------------------------------------------------------------

#: what a program of two processes does: each says again and again that it lives
PROGRAM = """
import sys
from nmqc.batch.pool import Pool, processes
from tests.batch.pieces import work

if __name__ == "__main__":
    for _ in Pool(lambda: processes(2), 2, work).each(["beat 1", "beat 2"], sys.argv[1]):
        pass
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    running = subprocess.Popen(
        [sys.executable, script, tmp_path], cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: (tmp_path / "1").exists() and (tmp_path / "2").exists())
    yield running
    running.kill()
    running.communicate()


def wait_until(true: object) -> None:
    for _ in range(10 * SOON_S):
        if true():  # type: ignore[operator]
            return
        time.sleep(0.1)
    pytest.fail("it did not happen")


def lives(process: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked after does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see processes")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_the_one_that_made_it(
    program: subprocess.Popen[str], tmp_path: Path, end: signal.Signals
) -> None:
    found = [int((tmp_path / name).read_text() or 0) for name in ("1", "2")]
    assert all(lives(process) for process in found)
    program.send_signal(end)
    wait_until(lambda: not any(lives(process) for process in found))


def test_a_caller_that_stops_early_waits_for_nothing(tmp_path: Path) -> None:
    start = time.monotonic()
    for _ in pool().each(["a", "slow 60", "slow 60"], str(tmp_path)):
        break
    assert time.monotonic() - start < 30  # not the minute that the others would take


def test_ctrl_c_reaches_the_first_process_alone(program: subprocess.Popen[str], tmp_path: Path) -> None:
    """The others end with it, and print nothing."""
    found = [int((tmp_path / name).read_text() or 0) for name in ("1", "2")]
    for process in found:
        os.kill(process, signal.SIGINT)
    time.sleep(0.5)
    assert all(lives(process) for process in found)
    program.send_signal(signal.SIGINT)
    wait_until(lambda: not any(lives(process) for process in found))
    program.wait(SOON_S)
    assert program.stderr is not None
    assert program.stderr.read().count("Traceback") == 1  # the program's own
