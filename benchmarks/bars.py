"""Speed of the bar phantom beside pylinac: `python -m benchmarks bars`.

Bar phantoms of `phantoms/`. nmqc finds everything by itself; pylinac is told where everything is. pylinac runs in a
virtual environment of its own, which is made at the first call. Everything is timed in one run, in turn. Takes some
minutes; --quick, two or three. Linux and macOS alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import page, peer, runner
from benchmarks.bench import SEED, Bench
from benchmarks.clock import CommandFailed, Timing, call, in_turn
from benchmarks.comparison import Comparison
from nmqc.resolution import bars
from phantoms import nm
from phantoms.bars import Bars

COUNTS = 5e6
WIDTHS_MM = (3.18, 3.97, 4.76, 6.35)  # clockwise from the top left
WIDTHS_OF_PEER_MM = (
    4.76,
    3.97,
    3.18,
    6.35,
)  # in pylinac's order: bottom right, top right, top left, bottom left
FWHM_MM = (4.1, 4.3)
ROTATION_DEG = 2.0
FROM_CENTRE_MM, RADIUS_MM = 140.0, 80.0
ANALYSE_S = 1.0
PROCESS_PART = 0.5
ROUNDS, QUICK_ROUNDS = 9, 3
TEST = "QuadrantResolution"

BARE = (
    "from pylinac.nuclear import QuadrantResolution as Q; q = Q({path!r}); q.analyze(**{options!r}); "
    "print(q.results_data(as_json=True))"
)

METHOD = """* **`analyse`**, bars: everything that nmqc says of a bar image: waves, cross, modulations, joint fit,
  moments, straightness, evidence for the report.
* **analysis** of pylinac, bars: `analyze()` and `results_data()` of a file that has been read: the variance in four
  discs, whose places, widths and order it is told. It looks for nothing: no part of its time answers to nmqc's
  search.
* Whole processes, bars: `nmqc resolution FILE --no-record`, without any option, and a `python -c` that analyses and
  prints.
"""


@dataclass(frozen=True, slots=True)
class BarCase:
    """A bar phantom with Poisson noise, on a matrix."""

    matrix: int

    def __str__(self) -> str:
        return f"bars, {self.matrix} x {self.matrix}"

    @property
    def stem(self) -> str:
        """Name of its file, without the suffix."""
        return f"bars-{self.matrix}"

    def phantom(self) -> Bars:
        """Return the phantom: about the centre, where pylinac has to have it."""
        return Bars(
            matrix=self.matrix,
            widths_mm=WIDTHS_MM,
            rotation_deg=ROTATION_DEG,
            centre_mm=(0.0, 0.0),
            fwhm_mm=FWHM_MM,
            scatter=0.1,
            counts=COUNTS,
            collimator="LEHR",
        )

    def write(self, path: Path) -> None:
        """Write its file."""
        nm.write_planar(self.phantom(), path, seed=SEED)

    def told(self) -> dict[str, Any]:
        """Return what pylinac is told: widths in its order, and its discs, which it takes in pixels."""
        pixel = self.phantom().spacing_mm[0]
        return {
            "bar_widths": list(WIDTHS_OF_PEER_MM),
            "roi_diameter_mm": round(RADIUS_MM / pixel, 2),
            "distance_from_center_mm": round(FROM_CENTRE_MM / pixel, 2),
        }


CASES = tuple(BarCase(matrix) for matrix in (256, 512, 1024))


def compare_analyses(bench: Bench, rounds: int, cases: Sequence[BarCase] = CASES) -> list[Comparison]:
    """Compare the analysis of a file that has been read with pylinac's."""
    found = []
    with peer.Pylinac(bench.python_of_peer, bench.environment_of_peer) as pylinac:
        for case in cases:
            acquisition = bench.acquisition(case)
            works = {
                "nmqc": call(lambda image=acquisition: bars.analyse(image, bars.Options())),  # type: ignore[misc]
                "pylinac": pylinac.work(bench.path(case), TEST, **case.told()),
            }
            timings = in_turn(works, rounds)
            most = ANALYSE_S if case == cases[-1] else None
            found.append(Comparison(f"`analyse`; {case}", "analysis", *_both(timings), False, None, most))
    return found


def _both(timings: Mapping[str, Timing]) -> tuple[Timing, Timing]:
    return timings["nmqc"], timings["pylinac"]


def compare_processes(bench: Bench, rounds: int, cases: Sequence[BarCase] = CASES) -> Iterator[Comparison]:
    """Compare whole processes."""
    for case in cases:
        path = str(bench.path(case))
        works = {
            "nmqc": bench.nmqc(["resolution", path, "--no-record"], measured),
            "pylinac": bench.python(bench.python_of_peer, BARE.format(path=path, options=case.told())),
        }
        timings = in_turn(works, rounds)
        what = f"`nmqc resolution FILE --no-record`; {case}"
        yield Comparison(what, "process that is told everything", *_both(timings), False, PROCESS_PART)


def measured(output: bytes) -> None:
    """Check that a command gave the FWHM.

    Raises
    ------
    CommandFailed
        If it did not.
    """
    if b"FWHM, joint fit" not in output:
        raise CommandFailed("nmqc resolution gave no joint FWHM")


def part(bench: Bench, quick: bool) -> page.Part:
    """Measure everything about bars."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    print("bars: analyses ...", file=sys.stderr)
    found = compare_analyses(bench, rounds)
    print("bars: whole processes ...", file=sys.stderr)
    found += compare_processes(bench, rounds)
    about = (
        f"Four-quadrant bars of {', '.join(f'{one:g}' for one in WIDTHS_MM)} mm, FWHM {FWHM_MM[0]:g} x "
        f"{FWHM_MM[1]:g} mm, {COUNTS / 1e6:g} million counts, turned by {ROTATION_DEG:g} degrees."
    )
    return page.Part("Four-quadrant bars", about, tuple(found), METHOD)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; return 0, or 3 where something could not be measured."""
    return runner.run("bars", __doc__, (part,), arguments)
