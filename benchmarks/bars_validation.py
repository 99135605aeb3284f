"""The figures of docs/methods/bars-validation.md: `python -m benchmarks bars-validation --write FILE`.

Bar phantoms of `phantoms/`, whose truth is known in closed form, drawn at random over a grid; and a real image where
the variable NMQC_REFERENCE_DATA names its folder. Two processes; some minutes.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks import bars_closed, bars_grid, bars_real, bars_rotations, bars_tables

PROCESSES = 2
CELLS, STUDIES = 300, 16

HEAD = """# Validation of four-quadrant bars

Made by `python -m benchmarks bars-validation --write docs/methods/bars-validation.md`. The images are of `phantoms/`,
which shares no code with nmqc: the stripes are exact, the pixel means of a square wave that is blurred by a Gaussian.
Random numbers are seeded; `python -m benchmarks bars-validation --cell N` shows one cell by its number. The method:
[bars](bars.md).
"""


def in_processes(function: Callable[[int], Any], count: int, what: str) -> list[Any]:
    """Return function(0), function(1), ... from two processes, with a bar on standard error."""
    from rich.console import Console
    from rich.progress import track

    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        found = pool.map(function, range(count), chunksize=2)
        return list(track(found, f"{what} ...", count, console=Console(stderr=True)))


def page(cells: int, studies: int) -> str:
    """Measure everything and return the page."""
    outcomes = in_processes(bars_grid.outcome, cells, "grid")
    rotated = in_processes(bars_rotations.study, studies, "rotations")
    return HEAD + "".join(f"\n## {title}\n\n{text}" for title, text in _sections(outcomes, rotated))


def _sections(
    outcomes: Sequence[bars_grid.Outcome], rotated: Sequence[bars_rotations.Study]
) -> Iterator[tuple[str, str]]:
    yield "The grid", bars_tables.drawn(outcomes)
    yield "What is required of it", bars_tables.required(outcomes)
    yield "Every metric in the good cells", bars_tables.metrics(outcomes)
    yield "The joint FWHM, part by part", bars_tables.parts(outcomes)
    yield "The other cells", bars_tables.others(outcomes)
    yield "Straightness of straight bars", bars_tables.straightness(outcomes)
    yield "Another FWHM in x than in y: four rotations", bars_rotations.table(rotated)
    yield "Moments beside the joint fit, in closed form", bars_closed.table()
    yield "A real image", bars_real.table()


def show(number: int) -> str:
    """Return one cell in words: what it is, and every value that is off by more than two of its sigmas."""
    outcome = bars_grid.outcome(number)
    lines = [str(outcome.cell), *outcome.codes, *outcome.wrong]
    if outcome.refused:
        lines.append(f"refused: {outcome.refused}")
    lines += [
        f"{one.metric} {one.of}: off by {one.off:+.4f} of {one.truth:.4f}, {one.sigmas:+.1f} sigma"
        for one in outcome.values
        if abs(one.sigmas) > 2
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Measure every table and print or write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks bars-validation", description=__doc__)
    parser.add_argument("--cells", type=int, default=CELLS, metavar="N", help="cells of the grid")
    parser.add_argument(
        "--rotations", type=int, default=STUDIES, metavar="N", help="studies of four rotations"
    )
    parser.add_argument("--cell", type=int, metavar="N", help="show one cell instead")
    parser.add_argument("--write", type=Path, metavar="FILE")
    asked = parser.parse_args(arguments)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the processes to come: they are as many as the processors
    if asked.cell is not None:
        print(show(asked.cell))
        return 0
    made = page(asked.cells, asked.rotations)
    if asked.write:
        asked.write.write_text(made, encoding="utf-8")
    else:
        print(made)
    return 0
