"""The figures as text, as JSON, and as docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

Made by `python -m benchmarks performance --write docs/performance.md`: nmqc beside pylinac on the same images of
`phantoms/` (Poisson noise), in one run on one machine. Only the ratios mean something elsewhere.
"""

METHOD = """## How it is measured

* What is compared runs in turn, round after round, after one run of each to warm up (which also compiles, and fills
  the caches of bytecode and of fonts).
* Times are given as *median CPU / least CPU / median wall*, in milliseconds. CPU time counts all threads, and for a
  command all its processes. The ratio of the median CPU times decides; the ratio of the least CPU times and that of
  the median wall times stand beside it.
* Every nmqc command has an empty home; that it gave its results is checked.
* Linear algebra runs on one thread (`OPENBLAS_NUM_THREADS=1`, unless the environment says otherwise), as the nmqc
  command itself has it: in process too, and for pylinac too.
"""

ENGINES = """`nmqc uniformity FILE --json --no-record --replicates N` as a whole process on the Intevo's 1024 matrix,
by `NMQC_ENGINE`; the kernels were compiled before. Pixels: those that the splits go through, two halves each. Both
give the same numbers.
"""

COLUMNS = ("nmqc", "ms", "pylinac, or other", "ms", "ratio", "of least", "of walls", "target")


@dataclass(frozen=True, slots=True)
class Part:
    """The figures of one test.

    Attributes
    ----------
    title, about : heading, and what images were timed
    method : list in Markdown of what the rows mean
    engines : the runs of the two engines, where the test has compiled kernels
    """

    title: str
    about: str
    comparisons: tuple[Comparison, ...]
    method: str
    engines: tuple[EngineRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Everything measured in one run."""

    machine: dict[str, Any]
    loop: Timing
    parts: tuple[Part, ...]


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


def rows(part: Part) -> list[tuple[str, ...]]:
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
        for one in part.comparisons
    ]


def engine_rows(part: Part) -> list[tuple[str, ...]]:
    """Return the runs of the two engines as table rows."""
    return [
        (
            f"{run.replicates:,}",
            f"{run.pixels / 1e6:.1f}",
            milliseconds(run.numpy),
            milliseconds(run.numba),
            f"{run.numba.cpu_s / run.numpy.cpu_s:.2f}",
        )
        for run in part.engines
    ]


def engine_text(part: Part) -> str:
    """Return from how many pixels on the kernels win."""
    pixels = break_even(part.engines)
    if pixels is None:
        most = part.engines[-1].pixels
        return f"The kernels win nowhere up to {most / 1e6:.1f} million pixels."
    if pixels == part.engines[0].pixels:
        return f"The kernels win from the smallest run on, {pixels / 1e6:.1f} million pixels or fewer."
    return f"The kernels win from about {pixels / 1e6:.0f} million pixels on."


def text(report: Report) -> str:
    """Return the figures for a terminal."""
    lines = [machine_text(report), noise_text(report), "Times: median CPU / least CPU / median wall, ms."]
    for part in report.parts:
        lines += ["", part.title, *_lines(part)]
    return "\n".join(lines)


def _lines(part: Part) -> Iterator[str]:
    for what, ours, beside, theirs, ratio, least, walls, target in rows(part):
        yield what
        yield f"    {ours}  beside {beside}: {theirs}"
        yield f"    {ratio} (least CPU {least}, wall {walls})  {target}".rstrip()
    for replicates, pixels, numpy, numba, ratio in engine_rows(part):
        yield f"--replicates {replicates} ({pixels} Mpixel): NumPy {numpy}; Numba {numba}; {ratio} of it"
    if part.engines:
        yield engine_text(part)


def markdown(report: Report) -> str:
    """Return the page."""
    sections = [f"## {part.title}\n\n{part.about}\n\n{_table(COLUMNS, rows(part))}" for part in report.parts]
    sections += [METHOD + "".join(part.method for part in report.parts)]
    sections += [_engine_section(part) for part in report.parts if part.engines]
    return "\n".join([HEAD, machine_text(report) + "\n", noise_text(report) + "\n", *sections])


def _engine_section(part: Part) -> str:
    columns = ("N", "million pixels", "NumPy, ms", "Numba, ms", "Numba / NumPy")
    end = f"{engine_text(part)} `auto` changes over at `WORTHWHILE_PIXELS` in\n`nmqc/measure/engine.py`.\n"
    return f"## NumPy and Numba\n\n{ENGINES}\n{_table(columns, engine_rows(part))}\n{end}"


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    head = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return "\n".join([*head, *(f"| {' | '.join(line)} |" for line in lines)]) + "\n"


def document(report: Report) -> dict[str, Any]:
    """Return everything as JSON values, every sample in seconds."""
    return {
        "schema": "nmqc.benchmark/2",
        "machine": report.machine,
        "loop": timing_json(report.loop),
        "parts": [_part_json(part) for part in report.parts],
    }


def _part_json(part: Part) -> dict[str, Any]:
    return {
        "title": part.title,
        "comparisons": [as_json(one) for one in part.comparisons],
        "engines": [
            {
                "replicates": run.replicates,
                "pixels": run.pixels,
                "numpy": timing_json(run.numpy),
                "numba": timing_json(run.numba),
            }
            for run in part.engines
        ],
        "numba_wins_from_pixels": break_even(part.engines) if part.engines else None,
    }
