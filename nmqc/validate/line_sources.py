"""Line sources whose widths, directions and distances are known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nmqc.model import Acquisition, Result
from nmqc.validate import files
from nmqc.validate.acquisitions import planar
from nmqc.validate.case import Case, Family, Level, Seen, Truth
from nmqc.validate.widths import ON_A_CHANNEL, rule_width
from phantoms.lines import Lines, LineTruth, square_of_lines, two_perpendicular
from phantoms.planar import direction
from phantoms.spread import over_pixel

LINES = "resolution.lines"
REACH_MM = 30.0  # beyond it a line-spread function is nothing


class LineSources(Family):
    """Squares of four lines and single ones, at small and large angles, with tails and without."""

    test: ClassVar[str] = LINES

    def cases(self, level: Level) -> Iterator[Case]:
        """Yield lines without noise, then with noise, then a flood-like image that shows none."""
        grid = list(_grid())
        for separation, phantom in grid[:2] if level == "least" else grid:
            yield Case(self.test, _name(phantom), phantom, _known(separation), _about(phantom, "none"))
        times = {"least": 4, "quick": 10, "whole": 40}[level]
        for separation, phantom in grid[:1] if level != "whole" else grid:
            for counts in (2e6,) if level != "whole" else (5e5, 2e6):
                made = replace(phantom, counts=counts)
                about = _about(made, f"{counts / 1e6:g} million counts")
                name = f"{_name(made)}, {counts / 1e6:g} million"
                yield Case(self.test, name, made, _known(separation), about, times)
        _, phantom = grid[0]
        faint = replace(phantom, counts=300.0)
        yield Case(self.test, "300 counts", faint, {}, _about(faint, "300 counts"), 1, refused="not_lines")

    def acquire(self, case: Case, seed: int | None) -> Acquisition:
        """Return the image."""
        return planar(case.phantom) if seed is None else files.planar(case.phantom, seed)

    def truths(self, seen: Seen) -> Iterator[Truth]:
        """Yield each line's widths and direction, the distance of parallel ones, and the pixels by it."""
        phantom: Lines = seen.case.phantom
        for name, line in named(phantom, seen.result).items():
            yield Truth(f"{LINES}.fwhm_gauss", name, line.fwhm_without_pixel_mm, "parameter", "each line")
            yield Truth(f"{LINES}.angle", name, line.angle_deg, "parameter", "each line")
            for metric, part in (("fwhm", 0.5), ("fwtm", 0.1)):
                width = _width(phantom, line, part)
                yield Truth(f"{LINES}.{metric}", name, width, "independent reading", "each line")
        separation = seen.case.options.get("separation_mm")
        if separation is not None:
            for number, axis in enumerate("yx"):
                yield Truth(f"{LINES}.separation", axis, separation, "parameter")
                yield Truth(f"{LINES}.pixel_size", axis, phantom.spacing_mm[number], "parameter")


def named(phantom: Lines, result: Result) -> dict[str, LineTruth]:
    """Return the truth of every line under the name that the result gives it, by its place.

    One that the result does not name is called by its place, and will not be found in it.
    """
    lines = phantom.truth().lines
    known = {
        one["name"]: min(lines, key=lambda line: math.dist(line.middle_mm, (one["x_mm"], one["y_mm"])))
        for one in result.parameters["lines"]
    }
    left = (line for line in lines if line not in known.values())
    return known | {"line at {:.4g}, {:.4g} mm".format(*line.middle_mm): line for line in left}


def _known(separation_mm: float | None) -> dict[str, float]:
    return {} if separation_mm is None else {"separation_mm": separation_mm}


def _grid() -> Iterator[tuple[float | None, Lines]]:
    """Yield squares, with the distance of their lines, and two single lines."""
    for system, separation, rotation, fwhm, pixel in (
        ("symbia-t2", 112.0, 4.0, (7.4, 7.4), (1.15, 1.04)),
        ("intevo", 106.0, -8.0, (7.9, 7.9), (1.2, 1.2)),
        ("brivo", 118.0, 2.5, (8.6, 8.6), (1.02, 1.18)),
    ):
        lines = square_of_lines(
            separation,
            length_mm=82.0,
            centre_mm=(7.3, -5.9),
            rotation_deg=rotation,
            activities=(1.0, 0.9, 0.8, 1.1),
        )
        yield separation, _lines(system, lines, fwhm, pixel)
    apart = two_perpendicular(length_mm=110.0, centres_mm=((-48.0, 34.0), (51.0, -27.0)), angle_deg=33.0)
    yield None, _lines("symbia-t2", apart, (8.0, 8.0), (1.1, 1.1))


def _lines(
    system: str, lines: tuple[object, ...], fwhm: tuple[float, float], pixel: tuple[float, float]
) -> Lines:
    shape = (math.ceil(236.0 / pixel[0]), math.ceil(248.0 / pixel[1]))
    return Lines(system=system, lines=lines, fwhm_mm=fwhm, pixel_mm=pixel, matrix=shape)  # type: ignore[arg-type]


def _name(phantom: Lines) -> str:
    return f"{phantom.system}, {len(phantom.lines)} lines at {phantom.lines[0].angle_deg % 90:g} deg"


def _about(phantom: Lines, noise: str) -> dict[str, str]:
    down, along = phantom.spacing_mm
    first = phantom.lines[0]
    return {
        "system": phantom.system,
        "pixels": f"{phantom.shape[0]} x {phantom.shape[1]} of {down:.3g} x {along:.3g} mm",
        "noise": noise,
        "position": f"first line at {first.x_mm:.0f}, {first.y_mm:.0f} mm",
        "rotation": f"{first.angle_deg:g} deg",
    }


def _width(phantom: Lines, line: LineTruth, part: float) -> float:
    """Return the width that the standard's rule reads where the line runs straight down the middle of a channel."""
    axis = direction(line.angle_deg - 90)
    upright = abs(axis[0]) > abs(axis[1])
    lean, pitch = (abs(axis[0]), phantom.spacing_mm[1]) if upright else (abs(axis[1]), phantom.spacing_mm[0])
    profile = over_pixel(lambda at: phantom.spread.line(at, axis), axis, phantom.spacing_mm)

    def along_the_channels(at: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(profile(at * lean))

    return lean * rule_width(along_the_channels, pitch, part, REACH_MM, min(phantom.fwhm_mm), ON_A_CHANNEL)
