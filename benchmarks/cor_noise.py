"""Noisy orbits of known truth for the validation: cells of many seeds, and whether their sigmas hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from benchmarks.cor_orbits import analysed, offs
from nmqc.model import Analysis, Result
from phantoms.cor import Orbit, OrbitHead, nema_sources, one_source

SEED = 20_260_201
SEEDS, BLOCK = 200, 25
STARTS_DEG = (180.0, 197.37)
BIAS_MM, COVERED, COVERED_BY = 0.01, 68.0, 7.0
FLOORS = ("residual_max", "residual_rms", "axial_range")
UPRIGHT = 2  # the detector without tilt: what its axial range reads is noise
MATRIX, PIXEL_MM = (72, 128), (4.6, 4.8)


@dataclass(frozen=True, slots=True)
class Cell:
    """One orbit that is acquired many times. `plain`: nothing but offsets, tilts and axial shifts is wrong."""

    what: str
    orbit: Orbit
    plain: bool = True


def _heads(start_deg: float, separation_deg: float = 180.0, **faults: Any) -> tuple[OrbitHead, OrbitHead]:
    """Return two heads that are unlike each other."""
    return (
        OrbitHead(start_deg=start_deg, offset_mm=2.31, axial_mm=0.7, tilt_deg=0.3, **faults),
        OrbitHead(start_deg=start_deg + separation_deg, offset_mm=-1.18, axial_mm=-0.4),
    )


def cells() -> tuple[Cell, ...]:
    """Return the cells of the validation, always the same."""
    found = []
    for arc_deg, clockwise, start_deg in product((360.0, 180.0), (True, False), STARTS_DEG):
        sense = "clockwise" if clockwise else "counter-clockwise"
        orbit = _orbit(_heads(start_deg), arc_deg=arc_deg, clockwise=clockwise)
        found.append(Cell(f"{arc_deg:g} degrees, {sense}, from {start_deg:g}", orbit))
    three = _orbit(_heads(33.3, 76.0), sources=nema_sources(), clockwise=False, continuous=True, views=120)
    found.append(Cell("three sources, heads at 76 degrees, continuous", replace(three, fwhm_per_mm=0.02)))
    faults = _orbit(_heads(11.9, 90.0, sag_mm=0.6, drift_mm=0.01))
    found.append(Cell("detector 1 with sag and drift, heads at 90 degrees", faults, plain=False))
    return tuple(found)


def _orbit(heads: tuple[OrbitHead, OrbitHead], **settings: Any) -> Orbit:
    """Return an orbit of 60 views and one source of 20,000 counts a view, unless `settings` say otherwise."""
    usual: dict[str, Any] = {"sources": one_source(), "views": 60, "matrix": MATRIX, "pixel_mm": PIXEL_MM}
    return Orbit(heads=heads, **(usual | settings))


@dataclass(frozen=True, slots=True)
class Value:
    """One value of one acquisition: which cell and head (0 for a pair), how far off, and the sigma given with it."""

    cell: int
    head: int
    metric: str
    of: str
    off: float
    sigma: float


@dataclass(frozen=True, slots=True)
class Floor:
    """Whether a value that is noise alone exceeds the 95th percentile given with it."""

    metric: str
    exceeds: bool


@dataclass(frozen=True, slots=True)
class Block:
    """What some acquisitions of a cell gave; `refused` counts those that gave less than all results."""

    values: tuple[Value, ...]
    floors: tuple[Floor, ...]
    refused: int


def blocks(seeds: int = SEEDS) -> int:
    """Return how many blocks there are in all."""
    return len(cells()) * math.ceil(seeds / BLOCK)


def block(number: int) -> Block:
    """Return the outcome of a block of acquisitions, always the same for the same number."""
    at, part = number % len(cells()), number // len(cells())
    cell = cells()[at]
    expected = cell.orbit.expected()
    values: list[Value] = []
    floors: list[Floor] = []
    refused = 0
    for seed in range(part * BLOCK, (part + 1) * BLOCK):
        random = np.random.default_rng([SEED, at, seed])
        analysis = analysed(cell.orbit, random.poisson(expected).astype(np.uint16))
        refused += len(analysis.results) != len(cell.orbit.heads) + 1
        values += _values(at, cell.orbit, analysis)
        floors += _floors(analysis) if cell.plain else []
    return Block(tuple(values), tuple(floors), refused)


def _values(at: int, orbit: Orbit, analysis: Analysis) -> Iterator[Value]:
    for head, one, short, off in offs(orbit, analysis):
        if one.uncertainty:
            yield Value(at, head, short, one.of, off, one.uncertainty)


def _floors(analysis: Analysis) -> Iterator[Floor]:
    for result in analysis.results:
        yield from _floors_of(result)


def _floors_of(result: Result) -> Iterator[Floor]:
    for one in result.measurements:
        short = one.metric.name.removeprefix("cor.")
        mine = short != "axial_range" or result.detector == UPRIGHT
        if short in FLOORS and mine and not one.of and one.noise_floor:
            yield Floor(short, one.value > one.noise_floor.p95)


# --- tables ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean of off and its standard error, scatter, mean sigma given, and shares in per cent."""

    count: int
    bias: float
    error: float
    scatter: float
    stated: float
    within: float
    beyond: float


def summary(values: Sequence[Value]) -> Summary:
    """Return what some values of one kind have in common."""
    off = np.array([one.off for one in values])
    sigma = np.array([one.sigma for one in values])
    scatter = float(off.std(ddof=1))
    away = np.abs(off / sigma)
    return Summary(
        count=off.size,
        bias=float(off.mean()),
        error=scatter / math.sqrt(off.size),
        scatter=scatter,
        stated=float(np.sqrt((sigma**2).mean())),
        within=100 * float((away <= 1).mean()),
        beyond=100 * float((away > 3).mean()),
    )


def offsets(found: Sequence[Value]) -> str:
    """Return the table of the offsets, cell by cell and head by head."""
    lines = [
        "| orbit | detector | seeds | bias / um | scatter / um | stated / um | within 1 sigma | beyond 3 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for number, cell in enumerate(cells()):
        for head in (1, 2):
            mine = [
                one
                for one in found
                if (one.cell, one.head, one.metric, one.of) == (number, head, "offset", "")
            ]
            one = summary(mine)
            lines.append(
                f"| {cell.what} | {head} | {one.count} | {1000 * one.bias:+.2f} +- {1000 * one.error:.2f} | "
                f"{1000 * one.scatter:.1f} | {1000 * one.stated:.1f} | {one.within:.0f} % | {one.beyond:.1f} % |"
            )
    return "\n".join(lines) + "\n"


def metrics(found: Sequence[Value], units: dict[str, str]) -> str:
    """Return the table of every metric, all cells in which it has an uncertainty together.

    The offsets of a head that sags are left out: their uncertainty is widened by what the sag leaves.
    """
    lines = [
        "| metric | values | mean off / mean sigma | RMS of off / sigma | within 1 | beyond 3 | mean sigma |",
        "|---|---|---|---|---|---|---|",
    ]
    is_plain = [cell.plain for cell in cells()]
    plain = [one for one in found if is_plain[one.cell]]
    sagging = [one for one in found if not is_plain[one.cell] and one.head == 1]
    groups = [(metric, "", plain) for metric in dict.fromkeys(one.metric for one in plain)]
    groups += [(metric, ", head that sags and drifts", sagging) for metric in ("offset", "sag", "drift")]
    for metric, note, some in groups:
        one = [value for value in some if value.metric == metric]
        rows = summary(one)
        bias, error = rows.bias / rows.stated, rows.error / rows.stated
        ratio = np.sqrt(np.mean([(value.off / value.sigma) ** 2 for value in one]))
        lines.append(
            f"| `{metric}`{note} | {rows.count:,} | {bias:+.2f} +- {error:.2f} | {ratio:.2f} | "
            f"{rows.within:.0f} % | {rows.beyond:.1f} % | {rows.stated:.2g} {units[metric]} |"
        )
    return "\n".join(lines) + "\n"


def floors(found: Sequence[Floor]) -> str:
    """Return the table of the noise floors."""
    lines = ["| metric | values | above the 95th percentile given |", "|---|---|---|"]
    for metric in dict.fromkeys(one.metric for one in found):
        mine = [one.exceeds for one in found if one.metric == metric]
        lines.append(f"| `{metric}` | {len(mine):,} | {100 * sum(mine) / len(mine):.1f} % |")
    return "\n".join(lines) + "\n"


def required(found: Sequence[Block]) -> list[tuple[str, str, bool]]:
    """Return what is required of the noisy orbits, what was found, and whether that is enough."""
    each, everything = _offsets_by_head(found)
    worst = max(abs(one.bias) for one in each)
    odd = max(each, key=lambda one: abs(one.within - COVERED))
    refused = sum(one.refused for one in found)
    chance = 3 * math.sqrt(COVERED * (100 - COVERED) / odd.count)
    return [
        ("no acquisition refused", f"{refused} of {BLOCK * len(found):,}", not refused),
        (
            f"offset: bias below {BIAS_MM:g} mm, on every head of every orbit",
            f"at most {worst:.4f} mm",
            worst < BIAS_MM,
        ),
        (
            f"offset: within one sigma {COVERED:g} +- {COVERED_BY:g} %, all heads together",
            f"{everything.within:.1f} %",
            abs(everything.within - COVERED) <= COVERED_BY,
        ),
        (
            f"the same to {chance:.0f} % on every head of every orbit (three standard errors)",
            f"{odd.within:.0f} % on the oddest of {len(each)}",
            abs(odd.within - COVERED) <= chance,
        ),
    ]


def _offsets_by_head(found: Sequence[Block]) -> tuple[list[Summary], Summary]:
    """Return the offsets of each head of the plain orbits, and all of them together."""
    mine: dict[tuple[int, int], list[Value]] = {}
    plain = [cell.plain for cell in cells()]
    for one in (value for part in found for value in part.values):
        if one.metric == "offset" and plain[one.cell]:
            mine.setdefault((one.cell, one.head), []).append(one)
    return [summary(some) for some in mine.values()], summary([one for some in mine.values() for one in some])
