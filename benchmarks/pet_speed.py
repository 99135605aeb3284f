"""How long the analysis of an IEC volume of 89 x 192 x 192 voxels takes in process, step by step, kernels warm."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.pet_scans import truth_of, volume
from nmqc.measure.frames import Findings
from nmqc.model import Volume
from nmqc.pet.fit import fit_spheres
from nmqc.pet.metrics import IMAGE_QUALITY_METRICS, RECOVERY_METRICS
from nmqc.pet.nema import image_quality
from nmqc.pet.options import Options
from nmqc.pet.phantom import Hints, find_phantom
from nmqc.pet.recovery import recovery
from nmqc.pet.truth import Truth
from phantoms.pet import IecBody

SEED, ROUNDS = 20_260_509, 7
DEMAND_S = 1.2
STEPS = ("localisation", "NEMA image quality", "EARL recovery", "model fit")


@dataclass(frozen=True, slots=True)
class Step:
    """Seconds of one step in every round: on the wall, and of the processor."""

    what: str
    wall_s: tuple[float, ...]
    cpu_s: tuple[float, ...]


def phantom() -> IecBody:
    """Return the phantom in the matrix of the demand."""
    return IecBody(
        matrix=(192, 192),
        slices=89,
        voxel_mm=(2.78, 2.0833, 2.0833),
        fwhm_mm=(5.0, 5.0),
        tilt_deg=(0.6, -0.4),
        noise=0.08,
        noise_fwhm_mm=(4.5, 4.5),
    )


def steps(rounds: int = ROUNDS) -> list[Step]:
    """Return how long each step took, after one round that is not counted, and all together last."""
    body = phantom()
    scan, truth = volume(body, body.noisy(SEED)), truth_of(body)
    taken = [_round(scan, truth) for _ in range(rounds + 1)][1:]
    each = [
        Step(what, tuple(one[at][0] for one in taken), tuple(one[at][1] for one in taken))
        for at, what in enumerate(STEPS)
    ]
    whole = Step(
        "all",
        tuple(sum(step[0] for step in one) for one in taken),
        tuple(sum(step[1] for step in one) for one in taken),
    )
    return [*each, whole]


def _round(scan: Volume, truth: Truth) -> list[tuple[float, float]]:
    """Return seconds on the wall and of the processor of each step."""
    taken: list[tuple[float, float]] = []

    def timed(work: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        taken.append((time.perf_counter() - wall, time.process_time() - cpu))
        return result

    options = Options()
    found = timed(lambda: find_phantom(scan, Hints()))
    placed = timed(lambda: image_quality(scan, found, truth, options, Findings(IMAGE_QUALITY_METRICS)))
    timed(lambda: recovery(scan, found, truth, options, Findings(RECOVERY_METRICS), placed))
    timed(lambda: fit_spheres(scan, found))
    return taken


def total_s(found: list[Step]) -> tuple[float, float]:
    """Return the median of all steps together: on the wall, and of the processor."""
    return median(found[-1].wall_s), median(found[-1].cpu_s)


def table(found: list[Step]) -> str:
    """Return the steps as a table."""
    lines = [
        "| step | median on the wall / s | median of the processor / s | least of the processor / s |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {one.what} | {median(one.wall_s):.3f} | {median(one.cpu_s):.3f} | {min(one.cpu_s):.3f} |"
        for one in found
    ]
    return "\n".join(lines) + "\n"
