"""Speed of the centre of rotation beside pylinac: `python -m benchmarks cor`.

Point sources of `phantoms/` on an orbit. pylinac runs in a virtual environment of its own, which is made at the first
call. Everything is timed in one run, in turn. Takes a minute or two; --quick, less. Linux and macOS alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import page, peer, runner
from benchmarks.bench import SEED, Bench
from benchmarks.clock import CommandFailed, Work, call, in_turn
from benchmarks.comparison import Comparison
from nmqc.cor import point_sources
from nmqc.dicom import ReadOptions, read_nm
from nmqc.model import Analysis
from phantoms import nm
from phantoms.cor import Orbit, OrbitHead, five_sources, one_source

FASTER = 5.0
ONE_S, FIVE_S = 0.3, 1.0
PROCESS_PART = 0.5
ROUNDS, QUICK_ROUNDS = 9, 3
TEST = "CenterOfRotation"

BARE = (
    "from pylinac.nuclear import CenterOfRotation as C; c = C({path!r}); c.analyze(); "
    "print(c.results_data(as_json=True))"
)

METHOD = """* **`read_nm` and `analyse`**, centre of rotation: from the file to all that nmqc says of it: hash of the
  file and of the pixels, header, angles, sources, sinusoids, evidence for the report. pylinac: the file,
  `analyze()` and `results_data()`: the centroid of each whole frame, and a sine.
* **`analyse`** alone, and pylinac's **analysis** alone, of a file that has been read. Most of pylinac's time is
  reading: it opens the file anew for each frame. It takes all sources for one, and both heads for one that goes on
  turning: its time counts, not its answer.
* Whole processes, centre of rotation: `nmqc cor FILE --no-record --json`, and a `python -c` that analyses and prints.
"""


@dataclass(frozen=True, slots=True)
class CorCase:
    """Point sources on an orbit, with Poisson noise, 128 x 128 pixels."""

    sources: int
    heads: int
    views: int

    def __str__(self) -> str:
        sources = "one source" if self.sources == 1 else f"{self.sources} sources"
        heads = "" if self.heads == 1 else f"{self.heads} detectors, "
        return f"{sources}, {heads}{self.views} views of 128 x 128"

    @property
    def stem(self) -> str:
        """Name of its file, without the suffix."""
        return f"cor-{self.sources}-{self.heads}-{self.views}"

    def orbit(self) -> Orbit:
        """Return the orbit: clockwise, a full circle, offsets of a millimetre or two."""
        heads = (OrbitHead(start_deg=180.0, offset_mm=1.2), OrbitHead(start_deg=0.0, offset_mm=-2.1))
        sources = one_source() if self.sources == 1 else five_sources()
        return Orbit(sources=sources, heads=heads[: self.heads], views=self.views, matrix=128)

    def write(self, path: Path) -> None:
        """Write its file."""
        nm.write_cor(self.orbit(), path, seed=SEED)


ONE, FIVE = CorCase(1, 1, 240), CorCase(5, 2, 120)


def read_and_analyse(path: Path) -> Analysis:
    """Return what nmqc says of a file."""
    outcome = read_nm([path], ReadOptions())
    return point_sources.analyse(outcome.acquisitions[0], point_sources.Options())


def compare_analyses(bench: Bench, rounds: int) -> list[Comparison]:
    """Compare what is done in process: with reading, and without."""
    with peer.Pylinac(bench.python_of_peer, bench.environment_of_peer) as pylinac:
        path = bench.path(ONE)
        works = {
            "read": call(lambda: read_and_analyse(path)),
            "read peer": pylinac.work(path, TEST, reading=True),
            "one": _analysis(bench, ONE),
            "one peer": pylinac.work(path, TEST),
            "five": _analysis(bench, FIVE),
            "five peer": pylinac.work(bench.path(FIVE), TEST),
        }
        timings = in_turn(works, rounds)
    return [
        Comparison(what, beside, timings[name], timings[f"{name} peer"], faster, target, most_s)
        for name, what, beside, faster, target, most_s in (
            ("read", f"`read_nm` and `analyse`; {ONE}", "reading and analysis", True, FASTER, None),
            ("one", f"`analyse`; {ONE}", "analysis", False, None, ONE_S),
            ("five", f"`analyse`; {FIVE}", "analysis", False, None, FIVE_S),
        )
    ]


def _analysis(bench: Bench, case: CorCase) -> Work:
    acquisition = bench.acquisition(case)
    return call(lambda: point_sources.analyse(acquisition, point_sources.Options()))


def compare_processes(
    bench: Bench, rounds: int, cases: Sequence[CorCase] = (ONE, FIVE)
) -> Iterator[Comparison]:
    """Compare whole processes."""
    for case in cases:
        path = str(bench.path(case))
        works = {
            "nmqc": bench.nmqc(["cor", path, "--no-record", "--json"], measured(case.heads)),
            "pylinac": bench.python(bench.python_of_peer, BARE.format(path=path)),
        }
        timings = in_turn(works, rounds)
        what = f"`nmqc cor FILE --no-record --json`; {case}"
        yield Comparison(
            what, "process that prints its results", timings["nmqc"], timings["pylinac"], False, PROCESS_PART
        )


def measured(detectors: int) -> Callable[[bytes], None]:
    """Return a check that a command gave the offset of so many detectors."""

    def check(output: bytes) -> None:
        named = [{one["name"] for one in result["measurements"]} for result in json.loads(output)["results"]]
        if sum("cor.offset" in names for names in named) != detectors:
            raise CommandFailed("nmqc cor did not give the offset of each detector")

    return check


def part(bench: Bench, quick: bool) -> page.Part:
    """Measure everything about the centre of rotation."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    print("centre of rotation: analyses ...", file=sys.stderr)
    found = compare_analyses(bench, rounds)
    print("centre of rotation: whole processes ...", file=sys.stderr)
    found += compare_processes(bench, rounds)
    about = (
        "Point sources of 20,000 counts a view, FWHM 8 mm, 4.8 mm pixels; step and shoot, clockwise, 360 degrees. Of "
        "five sources and two detectors, 120 views of each."
    )
    return page.Part("Centre of rotation", about, tuple(found), METHOD)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; return 0, or 3 where something could not be measured."""
    return runner.run("cor", __doc__, (part,), arguments)
