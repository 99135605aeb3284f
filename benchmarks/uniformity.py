"""Speed of flood uniformity beside pylinac: `python -m benchmarks uniformity`.

Floods of `phantoms/`, one detector unless said otherwise. pylinac runs in a virtual environment of its own, which
is made at the first call. Everything is timed in one run, in turn. Takes about a quarter of an hour; --quick, some
minutes. Linux and macOS alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import nmqc
from benchmarks import page, peer
from benchmarks.clock import CommandFailed, Timing, Work, call, command, fixed_loop, in_turn
from benchmarks.comparison import Comparison
from benchmarks.engines import EngineRun
from nmqc.dicom import ReadOptions, read_nm
from nmqc.measure.grid import sum_blocks
from nmqc.model import Acquisition
from nmqc.uniformity import noise, planar
from nmqc.uniformity.flood import prepare
from nmqc.uniformity.indices import all_indices, smooth
from phantoms import nm
from phantoms.flood import Flood, default_heads

MATRICES = (256, 512, 1024)
COUNTS = 30e6
ARITHMETIC_FASTER = 50.0
ANALYSE_FASTER = 10.0
PROCESS_PART = 0.3
HELP_PART = 2.0
REPLICATES = (200, 2000, 20_000)
SEED = 1
DONE = (0, 3, 4)  # exit statuses of nmqc with results on standard output

BARE = "from pylinac.nuclear import PlanarUniformity as P; p = P({flood!r}); p.analyze()"
SHOWN = BARE + "; print(p.results_data(as_json=True))"


@dataclass(frozen=True, slots=True)
class Effort:
    """How often each kind of work is run."""

    analyses: int
    processes: int
    engines: int
    replicates: tuple[int, ...]


USUAL = Effort(analyses=9, processes=9, engines=3, replicates=REPLICATES)
QUICK = Effort(analyses=3, processes=3, engines=1, replicates=REPLICATES[:2])


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the work is done: a temporary folder with the floods, and the environment of the commands."""

    folder: Path
    environment: Mapping[str, str]
    floods: Mapping[str, Path]
    python_of_peer: Path

    def nmqc(
        self, *arguments: str | Callable[[], str], check: Callable[[bytes], None], **variables: str
    ) -> Work:
        """Return the work of a whole nmqc command; an argument that is a function is called for each run."""

        def make() -> list[str]:
            given = [one if isinstance(one, str) else one() for one in arguments]
            return [sys.executable, "-m", "nmqc", *given]

        return command(make, {**self.environment, **variables}, self.folder, check, DONE)

    def python(self, python: Path | str, code: str) -> Work:
        """Return the work of a whole `python -c code`."""
        return command(
            lambda: [str(python), "-W", "ignore", "-c", code], self.environment, self.folder, lambda _: None
        )


@contextmanager
def bench(python_of_peer: Path, matrices: Sequence[int] = MATRICES) -> Iterator[Bench]:
    """Make the floods and an environment in which no settings of the user count, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="nmqc-benchmark-") as name:
        folder = Path(name)
        floods = {str(matrix): write_flood(folder, matrix, 1) for matrix in matrices}
        floods["two heads"] = write_flood(folder, max(matrices), 2)
        yield Bench(folder, own_environment(folder), floods, python_of_peer)


def write_flood(folder: Path, matrix: int, heads: int) -> Path:
    """Write an Intevo flood of 30 million counts a head with Poisson noise, and return its path."""
    flood = Flood(system="intevo", matrix=matrix, heads=default_heads("intevo")[:heads], collimator="LEHR")
    return nm.write(flood, folder / f"flood-{matrix}-{heads}.dcm", seed=SEED)[0]


def own_environment(folder: Path) -> dict[str, str]:
    """Return the environment of the commands: this nmqc, and a home of its own."""
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
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "MPLBACKEND": "Agg",
    }


def read(flood: Path) -> Acquisition:
    """Return the acquisition in a file."""
    return read_nm([flood], ReadOptions()).acquisitions[0]


def arithmetic(acquisition: Acquisition) -> Callable[[], object]:
    """Return the NEMA arithmetic of a frame: re-binning, smoothing, all eight indices; the masks are given."""
    frame = acquisition.frames[0]
    flood = prepare(frame, planar.Options())

    def measure() -> object:
        return all_indices(smooth(sum_blocks(frame.counts, *flood.blocks), flood.fields.ufov), flood.fields)

    return measure


def analyses(acquisition: Acquisition, times: int) -> dict[str, Work]:
    """Return the work of `analyse`: bare, with its noise floor simulated, and with 200 splits too."""

    def forgetting(replicates: int) -> Callable[[], object]:
        def measure() -> object:
            noise._simulated_floor.cache_clear()
            return planar.analyse(acquisition, planar.Options(replicates=replicates))

        return measure

    bare = call(lambda: planar.analyse(acquisition, planar.Options(replicates=0)), times)
    return {"bare": bare, "floor": call(forgetting(0)), "whole": call(forgetting(200))}


def compare_analyses(bench: Bench, rounds: int, matrices: Sequence[int] = MATRICES) -> list[Comparison]:
    """Compare the analysis of a file that has been read with pylinac's."""
    found: list[Comparison] = []
    with peer.Pylinac(bench.python_of_peer, peer_environment(bench)) as pylinac:
        for matrix in matrices:
            flood = bench.floods[str(matrix)]
            acquisition = read(flood)
            timings = in_turn(
                {
                    "arithmetic": call(arithmetic(acquisition), times=20),
                    **analyses(acquisition, times=3),
                    "pylinac": pylinac.work(flood),
                },
                rounds,
            )
            found += _analysis_rows(matrix, timings)
    return found


def _analysis_rows(matrix: int, timings: Mapping[str, Timing]) -> Iterator[Comparison]:
    largest = matrix == max(MATRICES)
    for name, what, target in (
        ("arithmetic", "NEMA arithmetic", ARITHMETIC_FASTER if largest else None),
        ("bare", "`analyse` without bootstrap", ANALYSE_FASTER),
        ("floor", "`analyse` without bootstrap, noise floor simulated anew", None),
        ("whole", "`analyse` with 200 splits, noise floor simulated anew", None),
    ):
        yield Comparison(
            f"{what}, {matrix} x {matrix}", "analysis", timings[name], timings["pylinac"], True, target
        )


def peer_environment(bench: Bench) -> dict[str, str]:
    """Return the environment for pylinac: as the commands', without the way to nmqc."""
    return {name: value for name, value in bench.environment.items() if name != "PYTHONPATH"}


def compare_processes(bench: Bench, rounds: int, matrix: int = max(MATRICES)) -> list[Comparison]:
    """Compare whole processes: morning run and help."""
    one, two = str(bench.floods[str(matrix)]), str(bench.floods["two heads"])
    numbers = count()

    def fresh() -> str:
        return str(bench.folder / f"history-{next(numbers)}.sqlite")

    timings = in_turn(
        {
            "one": bench.nmqc("uniformity", one, "--json", "--db", fresh, check=_recorded(1)),
            "two": bench.nmqc("uniformity", two, "--json", "--db", fresh, check=_recorded(2)),
            "one bare": bench.python(bench.python_of_peer, BARE.format(flood=one)),
            "one shown": bench.python(bench.python_of_peer, SHOWN.format(flood=one)),
            "two shown": bench.python(bench.python_of_peer, SHOWN.format(flood=two)),
            "help": bench.nmqc("--help", check=lambda _: None),
            "click": bench.python(sys.executable, "import click"),
        },
        rounds,
    )
    size = f"{matrix} x {matrix}"
    whole = "`nmqc uniformity FILE --json`, 200 splits, fresh history, "
    return [
        Comparison(
            f"{whole}{size}",
            "process, indices computed",
            timings["one"],
            timings["one shown"],
            False,
            PROCESS_PART,
        ),
        Comparison(
            f"{whole}{size}",
            "process, `analyze()` alone",
            timings["one"],
            timings["one bare"],
            False,
            PROCESS_PART,
        ),
        Comparison(
            f"{whole}two heads",
            "process, indices computed",
            timings["two"],
            timings["two shown"],
            False,
            PROCESS_PART,
        ),
        Comparison(
            "`nmqc --help`", "`python -c 'import click'`", timings["help"], timings["click"], False, HELP_PART
        ),
    ]


def _recorded(results: int) -> Callable[[bytes], None]:
    """Return a check that the command gave so many results and recorded them."""

    def check(output: bytes) -> None:
        numbers = [one["history"] for one in json.loads(output)["results"]]
        if len(numbers) != results or None in numbers:
            raise CommandFailed("nmqc uniformity did not record its results")

    return check


def compare_engines(
    bench: Bench, rounds: int, replicates: Sequence[int] = REPLICATES, matrix: int = max(MATRICES)
) -> list[EngineRun]:
    """Time `nmqc uniformity --replicates N` under NumPy and under Numba, compiled before."""
    flood = bench.floods[str(matrix)]
    size = prepare(read(flood).frames[0], planar.Options()).counts.size
    found = []
    for number in replicates:
        works = {
            engine: bench.nmqc(
                "uniformity",
                str(flood),
                "--json",
                "--no-record",
                "--replicates",
                str(number),
                check=lambda output: None,
                NMQC_ENGINE=engine,
            )
            for engine in ("numpy", "numba")
        }
        timings = in_turn(works, rounds)
        found.append(EngineRun(number, 2 * number * size, timings["numpy"], timings["numba"]))
    return found


def machine(python_of_peer: Path) -> dict[str, Any]:
    """Return what the figures depend on, without the machine's name."""
    import numpy as np

    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "nmqc": nmqc.__version__,
        "peer": peer.versions(python_of_peer),
    }


def measure(python_of_peer: Path, effort: Effort) -> page.Report:
    """Run everything and return the figures."""
    with bench(python_of_peer) as ready:
        print("analyses ...", file=sys.stderr)
        before = in_turn({"loop": fixed_loop()}, 25)["loop"]
        comparisons = compare_analyses(ready, effort.analyses)
        print("whole processes ...", file=sys.stderr)
        comparisons += compare_processes(ready, effort.processes)
        print("engines ...", file=sys.stderr)
        engines = compare_engines(ready, effort.engines, effort.replicates)
        after = in_turn({"loop": fixed_loop()}, 25)["loop"]
    loop = Timing(before.samples + after.samples)
    return page.Report(machine(python_of_peer), loop, tuple(comparisons), tuple(engines))


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; return 0, or 3 where something could not be measured."""
    options = _parser().parse_args(arguments)
    try:
        python = peer.python_with_pylinac(options.venv or peer.default_folder())
        report = measure(python, QUICK if options.quick else USUAL)
    except (peer.NoPeer, CommandFailed) as reason:
        print(f"benchmarks: {reason}", file=sys.stderr)
        return 3
    print(page.text(report))
    if options.json is not None:
        options.json.write_text(json.dumps(page.document(report), indent=1) + "\n", encoding="utf-8")
    if options.write is not None:
        options.write.write_text(page.markdown(report), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks uniformity", description=__doc__)
    parser.add_argument(
        "--venv",
        type=Path,
        metavar="DIR",
        help="virtual environment of pylinac (default: in the user's cache)",
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds: rough figures in some minutes")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every sample as JSON")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the page docs/performance.md")
    return parser
