"""One small phantom for each test of the catalogue, and the numbers that it gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phantoms.bars import Bars
from phantoms.cor import Orbit, one_source
from phantoms.flood import Flood, Head
from phantoms.lines import Lines, two_parallel
from phantoms.nm import write, write_cor, write_planar
from phantoms.pet import Cylinder, IecBody
from phantoms.pt import write_series
from phantoms.slits import Slits
from tests.cli.running import call

FOLDER = Path(__file__).parent
_PET: dict[str, Any] = {"matrix": (84, 90), "slices": 54, "voxel_mm": (4.0, 3.9, 3.7)}
_HEADS = (Head(counts=20e6, offset_mm=(1.3, -2.1)), Head(counts=15e6, offset_mm=(-2.7, 1.6)))
_ORBIT = Orbit(sources=one_source(), views=24, matrix=(68, 64), pixel_mm=(4.6, 4.8), system="intevo")


@dataclass(frozen=True)
class Case:
    """What is drawn, and what is typed to measure it; several tests may be of one case."""

    draw: Callable[[Path], object]
    command: tuple[str, ...]
    tests: tuple[str, ...]


CASES: dict[str, Case] = {
    "flood": Case(
        lambda path: write(Flood("intevo", matrix=64, heads=_HEADS), path, seed=1),
        ("uniformity", "--replicates", "20"),
        ("uniformity.planar",),
    ),
    "bars": Case(
        lambda path: write_planar(Bars(matrix=512), path, seed=1), ("resolution",), ("resolution.bars",)
    ),
    "slits": Case(
        lambda path: write_planar(Slits(matrix=512), path, seed=1), ("resolution",), ("resolution.slits",)
    ),
    "lines": Case(
        lambda path: write_planar(Lines(lines=two_parallel()), path, seed=1),
        ("resolution",),
        ("resolution.lines",),
    ),
    "orbit": Case(lambda path: write_cor(_ORBIT, path, seed=1), ("cor",), ("cor.point-sources",)),
    "iec": Case(
        lambda path: write_series(IecBody(**_PET), path, seed=1),
        ("pet", "--sphere-bqml", "20400", "--background-bqml", "5100"),
        ("pet.image-quality", "pet.recovery", "pet.resolution-fit"),
    ),
    "cylinder": Case(
        lambda path: write_series(Cylinder(**_PET), path, "ge", seed=1),
        ("pet", "--phantom", "cylinder", "--background-bqml", "5300"),
        ("pet.uniformity",),
    ),
}


def made(case: str, folder: Path) -> dict[str, Any]:
    """Return what each test says of a case: test -> versions and results, as far as they are numbers."""
    path = folder / (case if CASES[case].command[0] == "pet" else f"{case}.dcm")
    CASES[case].draw(path)
    command, *options = CASES[case].command
    document = call(command, path, *options, "--no-record", "--json").document
    versions = {"nmqc": document["nmqc"], **document["versions"]}
    return {
        test: {
            "versions": versions,
            "results": [_numbers(one) for one in document["results"] if one["test"] == test],
        }
        for test in CASES[case].tests
    }


def _numbers(result: dict[str, Any]) -> dict[str, Any]:
    measured = ("name", "of", "unit", "value", "uncertainty", "noise_floor")
    return {
        "algorithm": result["algorithm"],
        "detector": result["detector"],
        "measurements": [{name: one[name] for name in measured} for one in result["measurements"]],
        "not_measured": [[one["name"], one["of"], one["code"]] for one in result["not_measured"]],
        "remarks": sorted({one["code"] for one in result["remarks"]}),
    }


def golden_path(test: str) -> Path:
    """Return where the numbers of a test are kept."""
    return FOLDER / f"{test}.json"


def write_golden(case: str, folder: Path) -> list[Path]:
    """Keep the numbers of today."""
    paths = []
    for test, numbers in made(case, folder).items():
        golden_path(test).write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
        paths.append(golden_path(test))
    return paths
