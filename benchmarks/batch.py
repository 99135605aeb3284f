"""Speed and memory of `nmqc batch`: `python -m benchmarks batch`.

Floods of one detector, 512 x 512, are written into a temporary folder and analysed, beside as many processes that
merely read them, decode them with pydicom and hash their bytes with SHA-256. All times are those of whole processes,
their start included: on the wall, which is what is demanded, and of the processor, which other work on the machine
disturbs least. Takes some minutes; --quick, one or two. --kills N: instead, a batch is killed (SIGKILL) at N random
moments and run again, and its history is compared with that of an undisturbed run. Linux alone.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from phantoms.flood import Flood, Head
from phantoms.nm import write

FLOODS, QUICK_FLOODS = 2000, 200
PART, QUICK_PART = 2000, 100  # analysed with the usual uncertainties
OF_READING, IMAGES_A_SECOND, AGAIN_MS = 0.35, 15.0, 0.3
SEED = 20261122

#: reads, decodes and hashes the files named on standard input
READER = """
import hashlib, sys
from pydicom import dcmread
for line in sys.stdin:
    path = line.rstrip("\\n")
    with open(path, "rb") as stream:
        hashlib.sha256(stream.read()).hexdigest()
    dcmread(path).pixel_array
"""


@dataclass(frozen=True, slots=True)
class Timed:
    """A run: its time on the wall and of the processor; peak memory of its first process and of the largest other."""

    wall_s: float
    cpu_s: float
    first_mb: float
    largest_mb: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured; `demanded` of three of them stands at the top of this module."""

    floods: int
    processes: int
    reading_per_s: float
    batch_per_s: float
    of_reading: float
    of_reading_cpu: float
    with_uncertainties_per_s: float
    with_uncertainties_cpu_ms: float
    again_ms: float
    first_mb: float
    largest_mb: float

    def lines(self) -> Iterator[str]:
        """Yield each figure in words."""
        yield f"{self.floods} floods of 512 x 512, {self.processes} processes"
        yield f"merely read, decoded and hashed:   {self.reading_per_s:7.1f} a second"
        yield f"nmqc batch --replicates 0:         {self.batch_per_s:7.1f} a second, {_part(self.of_reading)}"
        yield f"    by time of the processor:      {100 * self.of_reading_cpu:7.1f} %"
        yield (
            f"nmqc batch:                        {self.with_uncertainties_per_s:7.1f} a second"
            f" ({_met(self.with_uncertainties_per_s >= IMAGES_A_SECOND)}: {IMAGES_A_SECOND:g})"
        )
        yield f"    by time of the processor:      {self.with_uncertainties_cpu_ms:7.1f} ms an image"
        yield (
            f"a second run:                      {self.again_ms:7.3f} ms a file"
            f" ({_met(self.again_ms < AGAIN_MS)}: under {AGAIN_MS:g})"
        )
        yield f"peak memory: {self.first_mb:.0f} MB of the first process, {self.largest_mb:.0f} MB of the largest"


def _part(part: float) -> str:
    return f"{100 * part:.1f} % of that ({_met(part >= OF_READING)}: {100 * OF_READING:g} %)"


def _met(met: bool) -> str:
    return "met" if met else "NOT MET"


# --- the floods -----------------------------------------------------------------------------------------


def write_floods(folder: Path, count: int, matrix: int, workers: int) -> list[Path]:
    """Write floods, each of its own seed, and return their paths; none is so new that it could be half written."""
    folder.mkdir()
    paths = [folder / f"flood{number:05d}.dcm" for number in range(count)]
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(_write, paths, range(count), [matrix] * count, chunksize=20))
    return paths


def _write(path: Path, seed: int, matrix: int) -> None:
    head = Head(offset_mm=(2.2, -1.4), edge_fwhm_mm=3.6, counts=30e6)
    write(Flood("brivo", matrix=matrix, heads=(head,)), path, seed=seed)
    then = time.time() - 3600
    os.utime(path, (then, then))


# --- what is timed --------------------------------------------------------------------------------------


def read_all(paths: Sequence[Path], workers: int) -> Timed:
    """Return the time that processes take to read, decode and hash files, each its share of them."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    running = [
        subprocess.Popen([sys.executable, "-c", READER], stdin=subprocess.PIPE, text=True, env=_environment())
        for _ in range(workers)
    ]
    for number, process in enumerate(running):
        assert process.stdin is not None
        process.stdin.write("".join(f"{path}\n" for path in paths[number::workers]))
        process.stdin.close()
    for process in running:
        if process.wait():
            raise RuntimeError("a file could not be read")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Timed(time.perf_counter() - start, cpu_s, 0.0, after.ru_maxrss / 1024)


def run_batch(folder: Path, db: Path, workers: int, *options: str) -> Timed:
    """Run `nmqc batch` and return its time and memory, as last seen of each of its processes."""
    start = time.perf_counter()
    process = _started(folder, db, workers, *options)
    first, largest, cpu_s = 0.0, 0.0, dict[int, float]()
    while process.poll() is None:
        first = max(first, _peak_mb(process.pid))
        others = _descendants(process.pid)
        largest = max([largest, *map(_peak_mb, others)])
        cpu_s |= {one: max(_cpu_s(one), cpu_s.get(one, 0.0)) for one in (process.pid, *others)}
        time.sleep(0.05)
    wall_s = time.perf_counter() - start
    if process.returncode != 0:
        raise RuntimeError(f"nmqc batch ended with {process.returncode}")
    return Timed(wall_s, sum(cpu_s.values()), first, largest)


def _cpu_s(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _started(folder: Path, db: Path, workers: int, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "nmqc", "batch", str(folder), "--db", str(db), "--jobs", str(workers)]
    return subprocess.Popen([*command, "--quiet", *options], env=_environment())


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OPENBLAS_NUM_THREADS": "1"}


def _peak_mb(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def _descendants(process: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            for child in map(int, task.read_text().split()):
                found += [child, *_descendants(child)]
        except OSError:
            continue
    return found


def measure(folder: Path, count: int, part: int, workers: int) -> Figures:
    """Measure everything on floods in a folder."""
    _say(f"writing {count} floods ...")
    paths = write_floods(folder / "floods", count, 512, workers)
    (folder / "part").mkdir()
    (folder / "nothing").mkdir()
    for path in paths[:part]:
        os.link(path, folder / "part" / path.name)
    subprocess.run(
        [sys.executable, "-m", "nmqc", "warm-up"], env=_environment(), check=True, capture_output=True
    )
    _say("reading ...")
    reading = min((read_all(paths, workers) for _ in range(2)), key=lambda one: one.wall_s)
    _say("batch ...")
    db = folder / "history.sqlite"
    first = run_batch(folder / "floods", db, workers, "--replicates", "0")
    again = min(run_batch(folder / "floods", db, workers).wall_s for _ in range(3))
    empty = min(run_batch(folder / "nothing", db, workers).wall_s for _ in range(3))
    usual = run_batch(folder / "part", folder / "usual.sqlite", workers)
    return Figures(
        floods=count,
        processes=workers,
        reading_per_s=count / reading.wall_s,
        batch_per_s=count / first.wall_s,
        of_reading=reading.wall_s / first.wall_s,
        of_reading_cpu=reading.cpu_s / first.cpu_s,
        with_uncertainties_per_s=part / usual.wall_s,
        with_uncertainties_cpu_ms=1000 * usual.cpu_s / part,
        again_ms=1000 * max(again - empty, 0.0) / count,
        first_mb=max(first.first_mb, usual.first_mb),
        largest_mb=max(first.largest_mb, usual.largest_mb),
    )


# --- kills ----------------------------------------------------------------------------------------------


def killed(folder: Path, kills: int, workers: int) -> tuple[int, int]:
    """Kill a batch at random moments and run it again; return how many histories were as undisturbed, of how many.

    Each batch is killed once, on its way from nothing to the end: from the first import to the last recording.
    """
    write_floods(folder / "floods", 48, 64, workers)
    start = time.perf_counter()
    run_batch(folder / "floods", folder / "undisturbed.sqlite", workers, "--replicates", "20")
    whole_s = time.perf_counter() - start
    wanted, chance = _held(folder / "undisturbed.sqlite"), random.Random(SEED)
    alike = 0
    for number in range(kills):
        db = folder / f"{number}.sqlite"
        process = _started(folder / "floods", db, workers, "--replicates", "20")
        time.sleep(chance.uniform(0, whole_s))
        process.kill()
        process.wait()
        run_batch(folder / "floods", db, workers, "--replicates", "20")
        alike += _held(db) == wanted
        _say(f"killed {number + 1} times, {alike} histories as undisturbed")
    return alike, kills


def _held(db: Path) -> set[tuple[Any, ...]]:
    """Return what a history holds, without numbers and times."""
    with sqlite3.connect(db) as opened:
        results = set(opened.execute("SELECT key, payload FROM nmqc_results"))
        return results | set(opened.execute("SELECT path, state, code FROM nmqc_files"))


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; return 0, or 4 where histories differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks batch", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_FLOODS} floods instead of {FLOODS}")
    parser.add_argument("--kills", type=int, metavar="N", help="kill at N random moments instead")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="nmqc-batch-") as name:
        if asked.kills:
            alike, kills = killed(Path(name), asked.kills, asked.jobs)
            print(
                f"killed at {kills} random moments and run again: {alike} of {kills} histories as undisturbed"
            )
            return 0 if alike == kills else 4
        count, part = (QUICK_FLOODS, QUICK_PART) if asked.quick else (FLOODS, PART)
        figures = measure(Path(name), count, part, asked.jobs)
    print("\n".join(figures.lines()))
    if asked.json is not None:
        asked.json.write_text(json.dumps(asdict(figures), indent=1) + "\n", encoding="utf-8")
    return 0
