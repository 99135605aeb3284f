"""The figures of docs/methods/pet-validation.md: `python -m benchmarks pet-validation --write FILE`.

IEC phantoms and cylinders of `phantoms/`, whose truth is known in closed form: without noise, and many times with it;
and the real series of NMQC_REFERENCE_DATA, where it is set. Two processes; some minutes; --quick, about one.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import (
    pet_cylinder,
    pet_exact,
    pet_grid,
    pet_grid_tables,
    pet_invariance,
    pet_noise,
    pet_noise_tables,
    pet_real,
    pet_speed,
)
from benchmarks.bars_validation import in_processes
from benchmarks.pet_grid_tables import Required

HEAD = """# Validation of PET

Made by `python -m benchmarks pet-validation --write docs/methods/pet-validation.md`. The phantoms are of `phantoms/`,
which shares no code with nmqc: spheres, walls, body and lung insert blurred by a Gaussian, every voxel the mean over
its volume; noise is white noise through a Gaussian, of known size and correlation. nmqc is told the fill, never where
anything is. Random numbers are seeded. The method: [PET](pet.md).

| demand | measured | outcome |
|---|---|---|
"""

GRID = """{count} phantoms: twelve rotations in turn, either sense of the ring, tilts up to 3 degrees, off the
centre by up to 30 mm (every third by 30 mm), upside down every fifth, every fourth with cold spheres of 28 and 37 mm,
4:1. Contrast: nmqc's less that by hand, from the exact voxels with the same circles at the true places.

{table}
The same phantoms with noise, correlated by a Gaussian of 4 to 8 mm FWHM. Of a normal error in three dimensions
97.1 % lies within 3 sigma (of one axis), 99.7 % within 3.76.

{noisy}"""

FINE = """Voxels of a quarter of the FWHM, 4:1, wall of 1 mm. The closed form is that of the disc through the
spheres' centres in a continuous image. A mean over voxels blurs it; half-way between two slices both lie half a voxel
off the plane, and no region in these voxels has the closed form's value.

{table}"""

ORACLE = """{count} printed numbers of contrast (FWHM 4 to 8 mm; 4:1 with and without wall, 8:1, cold) and
{recoveries} of recovery (centre, 50 % isocontour, peak, at 10:1), beside the closed form of nmqc and that of the
phantoms, integrated by Gauss-Legendre. Contrast: {contrast_off} unlike in the printed digits. Recovery:
{recovery_off} unlike, by {most} in the third decimal at most: {which}. Half as many nodes change an integral by less
than 1e-9: there the printed number was made on a coarser grid.
"""

NOISE = """Noise of 8 % of the background in a voxel; {seeds} seeds of each.

{settings}
Noise that follows activity grows with its root: in spheres of 4:1 it is twice that of the background.

{absent}"""

PLACES = """68 % and 95 %: of the distances from the true place. Of a normal error in three dimensions 99.7 % lies
within 3.76 sigma of an axis.

{table}"""

VARIABILITY = """Predicted from the covariance of the noise over exact circles where nmqc put its own; +- is what the
sixty circles of one volume scatter by.

{table}"""

COVERAGE = """Share within one sigma, and in brackets the scatter over the sigma given. True: the fill; contrast and
ratios by hand from the voxels without noise, at the true places; recovery: what nmqc finds without noise. A maximum,
a region about it and a place of highest mean are biased by noise, by their definition: their shares are those about
their own mean. {together}: the hot spheres fitted together; or the one value that there is.

{table}
Bias: mean difference from the truth, in sigmas given (standard error {error:.2f}).

{bias}"""

CYLINDER = """{seeds} seeds of each, noise of 8 % in a voxel; true: by hand from the scanner's sensitivity. In per
cent, calibration as a ratio.

{table}"""

INVARIANCE = """One noisy phantom, with voxels of {voxels}, shown in other volumes. The largest change of any of its
numbers, in their unit and in the sigmas given:

{table}
Largest of all, by what was changed:

{variants}"""

SPEED = """89 x 192 x 192 voxels, in process after reading, everything warm; {rounds} rounds. The processor's time is
what counts where other programs run beside it.

{table}"""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: phantoms of the grid, seeds, seeds of a cylinder, fine phantoms, invariance."""

    cells: int
    seeds: int
    cylinders: int
    fine: int
    volumes: int


USUAL, QUICK = Effort(36, 100, 100, 6, 2), Effort(4, 4, 4, 2, 1)


OUTCOMES = {True: "met", False: "**missed**", None: "for information"}


def page(effort: Effort) -> str:
    """Measure everything and return the page."""
    demands: list[Required] = []
    sections = list(_sections(effort, demands))
    rows = "".join(f"| {what} | {measured} | {OUTCOMES[met]} |\n" for what, measured, met in demands)
    return HEAD + rows + "".join(f"\n## {title}\n\n{text}" for title, text in sections)


def _sections(effort: Effort, demands: list[Required]) -> Iterator[tuple[str, str]]:
    """Yield the sections, and add what is required to `demands`."""
    speed = pet_speed.steps()
    yield from _grid(effort, demands)
    yield "Tables in closed form", _oracle(demands)
    yield from _noise(effort, demands)
    yield "Uniform cylinder", _cylinder(effort, demands)
    yield "The same phantom in other volumes", _invariance(effort, demands)
    yield "Speed", _speed(speed, demands)
    where = pet_real.folder()
    if where:
        yield "Real series", _real(where, demands)


def _grid(effort: Effort, demands: list[Required]) -> Iterator[tuple[str, str]]:
    cells = in_processes(pet_grid.cell, effort.cells, "grid")
    fine = in_processes(pet_grid.continuous, effort.fine, "fine voxels")
    demands += pet_grid_tables.required(cells, fine)
    yield (
        "Where the spheres are, and contrast, without noise",
        GRID.format(
            count=len(cells),
            table=pet_grid_tables.grid_text(cells),
            noisy=pet_grid_tables.noisy_text(cells),
        ),
    )
    yield "Contrast in fine voxels", FINE.format(table=pet_grid_tables.fine_text(fine))


def _oracle(demands: list[Required]) -> str:
    counts = [table for table, *_ in pet_exact.differences(pet_exact.profiles()["nmqc"])]
    contrast, recoveries = (counts.count(table) for table in ("contrast", "recovery"))
    unlike = {name: pet_exact.unlike(of) for name, of in pet_exact.profiles().items()}
    same = unlike["nmqc"] and [one[:3] for one in unlike["nmqc"]] == [one[:3] for one in unlike["phantoms"]]
    off = [sum(one[0] == table for one in unlike["nmqc"]) for table in ("contrast", "recovery")]
    most = max((abs(one[3]) for one in unlike["nmqc"]), default=0.0)
    demands.append(
        (
            "printed contrasts of blurred spheres by the closed form, digit for digit",
            f"{contrast - off[0]} of {contrast}",
            not off[0],
        )
    )
    demands.append(
        (
            "printed recoveries (centre, isocontour, peak) by the closed form, to 0.001",
            f"{recoveries - off[1]} of {recoveries} digit for digit, the others to {most:.4f}; both closed forms "
            f"alike: {'yes' if same else 'no'}",
            most < 0.00105,
        )
    )
    which = ", ".join(f"{what} at {fwhm:g} mm ({1000 * by:+.2f})" for _, fwhm, what, by in unlike["nmqc"])
    return ORACLE.format(
        count=contrast,
        recoveries=recoveries,
        contrast_off=off[0],
        recovery_off=off[1],
        most=f"{1000 * most:.2f}",
        which=which or "none",
    )


def _noise(effort: Effort, demands: list[Required]) -> Iterator[tuple[str, str]]:
    size = min(effort.seeds, pet_noise.BLOCK)
    count = len(pet_noise.settings()) * -(-effort.seeds // size)
    blocks = in_processes(partial(pet_noise.block, seeds=size), count, "noise")
    groups = pet_noise_tables.grouped(blocks)
    demands += pet_noise_tables.required(blocks)
    seeds = size * count // len(pet_noise.settings())
    yield (
        "Noisy phantoms",
        NOISE.format(
            seeds=seeds,
            settings=pet_noise_tables.settings_text(),
            absent=pet_noise_tables.absent_text(blocks),
        ),
    )
    yield "Where the spheres are, with noise", PLACES.format(table=pet_noise_tables.places_text(groups))
    yield (
        "Background variability",
        VARIABILITY.format(table=pet_noise_tables.variability_text(blocks)),
    )
    yield (
        "Uncertainties",
        COVERAGE.format(
            together=pet_noise.TOGETHER,
            table=pet_noise_tables.coverage_text(groups),
            error=seeds**-0.5,
            bias=pet_noise_tables.bias_text(groups),
        ),
    )


def _cylinder(effort: Effort, demands: list[Required]) -> str:
    count = len(pet_cylinder.faults())
    made = pet_cylinder.rows(
        in_processes(partial(pet_cylinder.run, seeds=effort.cylinders), count, "cylinders")
    )
    demands += pet_cylinder.required(made)
    return CYLINDER.format(seeds=effort.cylinders, table=pet_cylinder.table(made))


def _invariance(effort: Effort, demands: list[Required]) -> str:
    found = [
        one for some in in_processes(pet_invariance.changes, effort.volumes, "other volumes") for one in some
    ]
    demands += pet_invariance.required(found)
    voxels = [" x ".join(f"{size:g}" for size in one) for one in pet_invariance.VOXELS_MM[: effort.volumes]]
    return INVARIANCE.format(
        voxels=" and ".join(voxels) + " mm",
        table=pet_invariance.metrics_table(found),
        variants=pet_invariance.variants_table(found),
    )


def _speed(found: list[pet_speed.Step], demands: list[Required]) -> str:
    wall, cpu = pet_speed.total_s(found)
    demands.append(
        (
            f"89 x 192 x 192 in process, warm: below {pet_speed.DEMAND_S:g} s",
            f"{cpu:.2f} s of the processor, {wall:.2f} s on the wall",
            cpu < pet_speed.DEMAND_S,
        )
    )
    return SPEED.format(rounds=pet_speed.ROUNDS, table=pet_speed.table(found))


def _real(where: Path, demands: list[Required]) -> str:
    texts, off = pet_real.tables(where)
    demands.append(
        (
            "real series found without a hint, centres within 0.5 mm of those recorded",
            f"largest distance {np.max(off):.2f} mm of {len(off)} spheres",
            bool(np.max(off) <= 0.5),
        )
    )
    return texts


def main(arguments: Sequence[str]) -> int:
    """Measure every table and print or write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks pet-validation", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="few phantoms and seeds: rough figures in a minute"
    )
    parser.add_argument("--write", type=Path, metavar="FILE")
    asked = parser.parse_args(arguments)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the processes to come: they are as many as the processors
    made = page(QUICK if asked.quick else USUAL)
    if asked.write:
        asked.write.write_text(made, encoding="utf-8")
    else:
        print(made)
    return 0
