"""Speed of flood uniformity beside pylinac: `python -m benchmarks uniformity`.

Floods of `phantoms/`. pylinac runs in a virtual environment of its own, which is made at the first call. Everything
is timed in one run, in turn. Takes about a quarter of an hour; --quick, some minutes. Linux and macOS alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import page, peer, runner
from benchmarks.bench import Bench, Case
from benchmarks.clock import CommandFailed, Timing, Work, call, in_turn
from benchmarks.comparison import Comparison
from benchmarks.engines import EngineRun
from nmqc.measure.grid import sum_blocks
from nmqc.model import Acquisition
from nmqc.uniformity import noise, planar
from nmqc.uniformity.flood import prepare
from nmqc.uniformity.indices import all_indices, smooth

CASES = tuple(Case(system, matrix) for system in ("intevo", "brivo") for matrix in (256, 512, 1024))
ONE, TWO = Case("intevo", 1024), Case("intevo", 1024, heads=2)
REPLICATES = (200, 2000, 20_000)
ARITHMETIC_FASTER = 50.0
ANALYSE_FASTER = 10.0
PROCESS_PART = 0.3
HELP_PART = 2.0

ABOUT = "Floods of 30 million counts in each detector."

METHOD = """* **analysis** of pylinac, floods: `analyze()` and `results_data()` of a file that has been read.
  `analyze()` alone leaves the differential uniformity to be computed when it is asked for; as a process it is
  listed too.
  Its work goes with the number of its pixels: it re-bins by powers of two, so that the Intevo's pixels become 4.8 mm
  and the Brivo's 8.8 mm (nmqc: 6.6 mm for both).
* **NEMA arithmetic**: re-binning by whole-number sums, nine-point smoothing, and the eight indices, by one edge
  policy, with the masks given.
* **`analyse` without bootstrap**: all else too: field and outline, flood test, both edge policies, grid phases,
  structure, positions, evidence; no splits, and the noise floor known from the call before. pylinac has none of
  these but the field.
* **noise floor simulated anew**: as a fresh process does it, from 1,000 floods of pure noise.
* **with 200 splits too**: the whole of what the command does by default.
"""

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


def arithmetic(acquisition: Acquisition) -> Callable[[], object]:
    """Return the NEMA arithmetic of a frame: re-binning, smoothing, all eight indices; the masks are given."""
    frame = acquisition.frames[0]
    flood = prepare(frame, planar.Options())

    def measure() -> object:
        return all_indices(smooth(sum_blocks(frame.counts, *flood.blocks), flood.fields.ufov), flood.fields)

    return measure


def analyses(acquisition: Acquisition) -> dict[str, Work]:
    """Return the work of `analyse`: bare, with its noise floor simulated, and with 200 splits too."""

    def analyse(replicates: int) -> object:
        return planar.analyse(acquisition, planar.Options(replicates=replicates))

    def forgetting(replicates: int) -> object:
        noise._simulated_floor.cache_clear()
        return analyse(replicates)

    return {
        "bare": call(lambda: analyse(0), times=3),
        "floor": call(lambda: forgetting(0)),
        "whole": call(lambda: forgetting(200)),
    }


def compare_analyses(bench: Bench, rounds: int, cases: Sequence[Case] = CASES) -> list[Comparison]:
    """Compare the analysis of a file that has been read with pylinac's."""
    found: list[Comparison] = []
    with peer.Pylinac(bench.python_of_peer, bench.environment_of_peer) as pylinac:
        for case in cases:
            acquisition = bench.acquisition(case)
            works = {
                "arithmetic": call(arithmetic(acquisition), times=20),
                **analyses(acquisition),
                "pylinac": pylinac.work(bench.path(case)),
            }
            found += _analysis_rows(case, in_turn(works, rounds))
    return found


def _analysis_rows(case: Case, timings: Mapping[str, Timing]) -> Iterator[Comparison]:
    largest = case.matrix == max(one.matrix for one in CASES)
    for name, what, target in (
        ("arithmetic", "NEMA arithmetic", ARITHMETIC_FASTER if largest else None),
        ("bare", "`analyse` without bootstrap", ANALYSE_FASTER),
        ("floor", "the same, noise floor simulated anew", None),
        ("whole", "the same, with 200 splits too", None),
    ):
        yield Comparison(f"{what}; {case}", "analysis", timings[name], timings["pylinac"], True, target)


def compare_processes(bench: Bench, rounds: int) -> list[Comparison]:
    """Compare whole processes: the morning run and the help."""
    one, two = str(bench.path(ONE)), str(bench.path(TWO))
    timings = in_turn(
        {
            "one": bench.nmqc_recording(["uniformity", one, "--json"], recorded(1)),
            "two": bench.nmqc_recording(["uniformity", two, "--json"], recorded(2)),
            "one peer": bench.python(bench.python_of_peer, SHOWN.format(flood=one)),
            "two peer": bench.python(bench.python_of_peer, SHOWN.format(flood=two)),
            "one bare": bench.python(bench.python_of_peer, BARE.format(flood=one)),
            "help": bench.nmqc(["--help"], lambda _: None),
            "click": bench.python(Path(sys.executable), "import click"),
        },
        rounds,
    )
    return list(_process_rows(timings))


def _process_rows(timings: Mapping[str, Timing]) -> Iterator[Comparison]:
    shown, bare = "process that prints its indices", "process of `analyze()` alone"
    for name, other, what, beside, target in (
        ("one", "one peer", f"`nmqc uniformity FILE --json`; {ONE}", shown, PROCESS_PART),
        ("two", "two peer", f"`nmqc uniformity FILE --json`; {TWO}", shown, PROCESS_PART),
        ("one", "one bare", f"`nmqc uniformity FILE --json`; {ONE}", bare, None),
        ("help", "click", "`nmqc --help`", "`python -c 'import click'`", HELP_PART),
    ):
        yield Comparison(what, beside, timings[name], timings[other], False, target)


def recorded(results: int) -> Callable[[bytes], None]:
    """Return a check that a command gave so many results and recorded them."""

    def check(output: bytes) -> None:
        numbers = [one["history"] for one in json.loads(output)["results"]]
        if len(numbers) != results or None in numbers:
            raise CommandFailed("nmqc uniformity did not record its results")

    return check


def compare_engines(bench: Bench, rounds: int, replicates: Sequence[int] = REPLICATES) -> list[EngineRun]:
    """Time `nmqc uniformity --replicates N` under NumPy and under Numba, compiled before."""
    size = prepare(bench.acquisition(ONE).frames[0], planar.Options()).counts.size
    found = []
    for number in replicates:
        works = {engine: _with_engine(bench, number, engine) for engine in ("numpy", "numba")}
        timings = in_turn(works, rounds, warm_up=number == replicates[0])
        found.append(EngineRun(number, 2 * number * size, timings["numpy"], timings["numba"]))
    return found


def _with_engine(bench: Bench, replicates: int, engine: str) -> Work:
    def check(output: bytes) -> None:
        if not json.loads(output)["results"]:
            raise CommandFailed("nmqc uniformity gave no result")

    arguments = ["uniformity", str(bench.path(ONE)), "--json", "--no-record", "--replicates", str(replicates)]
    return bench.nmqc(arguments, check, NMQC_ENGINE=engine)


def part(bench: Bench, quick: bool) -> page.Part:
    """Measure everything about floods."""
    effort = QUICK if quick else USUAL
    print("floods: analyses ...", file=sys.stderr)
    comparisons = compare_analyses(bench, effort.analyses)
    print("floods: whole processes ...", file=sys.stderr)
    comparisons += compare_processes(bench, effort.processes)
    print("floods: engines ...", file=sys.stderr)
    engines = compare_engines(bench, effort.engines, effort.replicates)
    return page.Part("Flood uniformity", ABOUT, tuple(comparisons), METHOD, tuple(engines))


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; return 0, or 3 where something could not be measured."""
    return runner.run("uniformity", __doc__, (part,), arguments)
