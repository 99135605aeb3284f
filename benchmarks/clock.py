"""Timing pieces of work in turn, by process CPU time and by the clock on the wall.

On a machine with other work the wall tells what else was going on; CPU time of the process (all its threads, and of
a command all its children) disturbs least. Pieces that are to be compared are run in turn, round after round, so
that a slow spell of the machine meets them all.
"""

from __future__ import annotations

import resource  # Linux and macOS alone
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

LOOP = 300_000  # passes of the loop whose time tells how evenly the machine works


class CommandFailed(Exception):
    """A command that was to be timed did not do its work."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The time that one piece of work took once, in seconds."""

    cpu_s: float
    wall_s: float


Work = Callable[[], Sample]


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of several runs of one piece of work."""

    samples: tuple[Sample, ...]

    @property
    def cpu_s(self) -> float:
        """Median of the CPU time."""
        return median(sample.cpu_s for sample in self.samples)

    @property
    def least_cpu_s(self) -> float:
        """Least CPU time."""
        return min(sample.cpu_s for sample in self.samples)

    @property
    def wall_s(self) -> float:
        """Median of the wall time."""
        return median(sample.wall_s for sample in self.samples)

    @property
    def least_wall_s(self) -> float:
        """Least wall time."""
        return min(sample.wall_s for sample in self.samples)


def in_turn(works: Mapping[str, Work], rounds: int, *, warm_up: bool = True) -> dict[str, Timing]:
    """Run every piece of work once to warm up (or not), then all of them in turn, `rounds` times.

    Every other round goes backwards, so that none always follows the same one.
    """
    for work in works.values() if warm_up else ():
        work()
    samples: dict[str, list[Sample]] = {name: [] for name in works}
    for turn in range(rounds):
        for name in list(works)[:: -1 if turn % 2 else 1]:
            samples[name].append(works[name]())
    return {name: Timing(tuple(found)) for name, found in samples.items()}


def call(function: Callable[[], object], times: int = 1) -> Work:
    """Return the work of calling a function, timed as the mean of several calls."""

    def work() -> Sample:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(times):
            function()
        return Sample((time.process_time() - cpu) / times, (time.perf_counter() - wall) / times)

    return work


def command(
    make: Callable[[], Sequence[str]],
    environment: Mapping[str, str],
    folder: Path,
    check: Callable[[bytes], None],
    statuses: Sequence[int] = (0,),
) -> Work:
    """Return the work of running a command to its end.

    Parameters
    ----------
    make : gives the command anew for each run
    environment, folder : where it runs
    check : called with its standard output, after the clocks have stopped; raises where the work was not done
    statuses : exit statuses that mean that it was done

    Raises
    ------
    CommandFailed
        When run, if it ends with another status.
    """

    def work() -> Sample:
        arguments = list(make())
        cpu, wall = _cpu_of_children(), time.perf_counter()
        done = subprocess.run(arguments, env=dict(environment), cwd=folder, capture_output=True, check=False)
        sample = Sample(_cpu_of_children() - cpu, time.perf_counter() - wall)
        if done.returncode not in statuses:
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise CommandFailed(
                f"{' '.join(arguments[:4])} ... ended with {done.returncode}: {' '.join(last)}"
            )
        check(done.stdout)
        return sample

    return work


def fixed_loop() -> Work:
    """Return a loop that always does the same: the spread of its times is the noise of the machine."""

    def loop() -> int:
        total = 0
        for number in range(LOOP):
            total += number & 7
        return total

    return call(loop)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
