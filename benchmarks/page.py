"""The figures as text, as JSON, and as docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.clock import Timing
from benchmarks.comparison import (
    Comparison,
    as_json,
    milliseconds,
    ratio_text,
    target_text,
    three_digits,
    timing_json,
)
from benchmarks.engines import EngineRun, break_even

HEAD = """# Performance

Made by `python -m benchmarks uniformity --write docs/performance.md`: nmqc beside pylinac on the same floods of
`phantoms/` (30 million counts in each detector, Poisson noise), in one run on one machine. Only the ratios mean
something elsewhere.
"""

METHOD = """## How it is measured

* What is compared runs in turn, round after round, after one run of each to warm up (which also compiles, and fills
  the caches of bytecode and of fonts).
* Times are given as *median CPU / least CPU / median wall*, in milliseconds. CPU time counts all threads, and for a
  command all its processes. The ratio of the median CPU times decides; the ratio of the least CPU times and that of
  the median wall times stand beside it.
* **analysis** of pylinac: `analyze()` and `results_data()` of a file that has been read. `analyze()` alone leaves the
  differential uniformity to be computed when it is asked for; as a process it is listed too.
  Its work goes with the number of its pixels: it re-bins by powers of two, so that the Intevo's pixels become 4.8 mm
  and the Brivo's 8.8 mm (nmqc: 6.6 mm for both).
* **NEMA arithmetic**: re-binning by whole-number sums, nine-point smoothing, and the eight indices, by one edge
  policy, with the masks given.
* **`analyse` without bootstrap**: all else too: field and outline, flood test, both edge policies, grid phases,
  structure, positions, evidence; no splits, and the noise floor known from the call before. pylinac has none of
  these but the field.
* **noise floor simulated anew**: as a fresh process does it, from 1,000 floods of pure noise.
* **with 200 splits too**: the whole of what the command does by default.
* Every nmqc command has an empty home and a fresh history; that results were recorded is checked.
"""

ENGINES = """`nmqc uniformity FILE --json --no-record --replicates N` as a whole process on the Intevo's 1024 matrix,
by `NMQC_ENGINE`; the kernels were compiled before. Pixels: those that the splits go through, two halves each. Both
give the same numbers.
"""

COLUMNS = ("nmqc", "ms", "pylinac, or other", "ms", "ratio", "of least", "of walls", "target")


@dataclass(frozen=True, slots=True)
class Report:
    """Everything measured in one run."""

    machine: dict[str, Any]
    loop: Timing
    comparisons: tuple[Comparison, ...]
    engines: tuple[EngineRun, ...]


def machine_text(report: Report) -> str:
    """Return the machine in words."""
    machine = report.machine
    return (
        f"{machine['cores']} cores ({machine['architecture']}, {machine['system']}); nmqc {machine['nmqc']} "
        f"with Python {machine['python']} and NumPy {machine['numpy']}; pylinac {machine['peer']['pylinac']} "
        f"with NumPy {machine['peer']['numpy']} and pydicom {machine['peer']['pydicom']}."
    )


def noise_text(report: Report) -> str:
    """Return how evenly the machine worked: the spread of a loop that always does the same."""
    loop = report.loop
    return (
        f"Noise of the machine: a loop that always does the same took {loop.cpu_s / loop.least_cpu_s:.2f} times its "
        f"least CPU time in the median, {_most_over_least(loop):.2f} times at worst, and "
        f"{loop.wall_s / loop.cpu_s:.2f} times its CPU time on the wall (above 1: other programs had the processor)."
    )


def _most_over_least(timing: Timing) -> float:
    return max(sample.cpu_s for sample in timing.samples) / timing.least_cpu_s


def rows(report: Report) -> list[tuple[str, ...]]:
    """Return the comparisons as table rows, in the order of `COLUMNS`."""
    return [
        (
            one.what,
            milliseconds(one.ours),
            one.beside,
            milliseconds(one.theirs),
            ratio_text(one, one.ratio),
            three_digits(one.ratio_of_least),
            three_digits(one.ratio_of_walls),
            target_text(one),
        )
        for one in report.comparisons
    ]


def engine_rows(report: Report) -> list[tuple[str, ...]]:
    """Return the runs of the two engines as table rows."""
    return [
        (
            f"{run.replicates:,}",
            f"{run.pixels / 1e6:.1f}",
            milliseconds(run.numpy),
            milliseconds(run.numba),
            f"{run.numba.cpu_s / run.numpy.cpu_s:.2f}",
        )
        for run in report.engines
    ]


def engine_text(report: Report) -> str:
    """Return from how many pixels on the kernels win."""
    pixels = break_even(report.engines)
    if pixels is None:
        most = report.engines[-1].pixels
        return f"The kernels win nowhere up to {most / 1e6:.1f} million pixels."
    if pixels == report.engines[0].pixels:
        return f"The kernels win from the smallest run on, {pixels / 1e6:.1f} million pixels or fewer."
    return f"The kernels win from about {pixels / 1e6:.0f} million pixels on."


def text(report: Report) -> str:
    """Return the figures for a terminal."""
    lines = [machine_text(report), noise_text(report), "Times: median CPU / least CPU / median wall, ms.", ""]
    for what, ours, beside, theirs, ratio, least, walls, target in rows(report):
        lines.append(what)
        lines.append(f"    {ours}  beside {beside}: {theirs}")
        lines.append(f"    {ratio} (least CPU {least}, wall {walls})  {target}".rstrip())
    lines.append("")
    for replicates, pixels, numpy, numba, ratio in engine_rows(report):
        lines.append(
            f"--replicates {replicates} ({pixels} Mpixel): NumPy {numpy}; Numba {numba}; {ratio} of it"
        )
    return "\n".join([*lines, engine_text(report)])


def markdown(report: Report) -> str:
    """Return the page."""
    return "\n".join(
        [
            HEAD,
            "## Result\n",
            machine_text(report) + "\n",
            noise_text(report) + "\n",
            _table(COLUMNS, rows(report)),
            METHOD,
            "## NumPy and Numba\n",
            ENGINES,
            _table(("N", "million pixels", "NumPy, ms", "Numba, ms", "Numba / NumPy"), engine_rows(report)),
            engine_text(report)
            + " `auto` changes over at `WORTHWHILE_PIXELS` in\n`nmqc/measure/engine.py`.\n",
        ]
    )


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    head = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return "\n".join([*head, *(f"| {' | '.join(line)} |" for line in lines)]) + "\n"


def document(report: Report) -> dict[str, Any]:
    """Return everything as JSON values, every sample in seconds."""
    return {
        "schema": "nmqc.benchmark/1",
        "machine": report.machine,
        "loop": timing_json(report.loop),
        "comparisons": [as_json(one) for one in report.comparisons],
        "engines": [
            {
                "replicates": run.replicates,
                "pixels": run.pixels,
                "numpy": timing_json(run.numpy),
                "numba": timing_json(run.numba),
            }
            for run in report.engines
        ],
        "numba_wins_from_pixels": break_even(report.engines) if report.engines else None,
    }
