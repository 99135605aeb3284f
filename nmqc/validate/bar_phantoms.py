"""Four-quadrant bars of which resolution, contrast, place and straightness are known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nmqc.model import Acquisition
from nmqc.validate import files
from nmqc.validate.acquisitions import countless, together
from nmqc.validate.case import Case, Family, Level, Seen, Taken, Truth
from phantoms.bars import Bars
from phantoms.bars import Quadrant as TrueQuadrant
from phantoms.fields import Rectangle
from phantoms.planar import Wave

BARS = "resolution.bars"
RESOLVED = 0.08  # modulation: the IAEA's rule of thumb as docs/methods/bars.md restates it
PUBLISHED = 1.058  # Hander et al., Med Phys 1997;24:327
MOMENTS_FROM, MOMENTS_TO = 0.15, 0.6  # of the modulation: where a part of a period matters little
SEEN_MODULATION = 0.02
SPREAD_PERIODS = (
    1.5  # sigma of the Gaussian over which the phase of the bars is averaged: docs/methods/bars.md
)
#: standard deviation and largest displacement that nmqc 0.1.0 itself read of the waves of `_bent`, by case, in mm
RECORDED: Mapping[str, tuple[float, float]] = {
    "symbia-t2, wave of 0.6 mm": (0.249066291963, 0.691890428255),
    "symbia-t2, wave of 0.5 mm": (0.214436510163, 0.524166486215),
}


class BarPhantoms(Family):
    """Bars of two sets, turned, mirrored and shifted, behind cameras that blur alike and unlike in x and y."""

    test: ClassVar[str] = BARS

    def cases(self, level: Level) -> Iterator[Case]:
        """Yield single images, quarter turns together, distortions; some with noise; and one that is refused."""
        grid = list(_grid())
        for phantom in grid[1:4:2] if level == "least" else grid:
            yield Case(self.test, _name(phantom), phantom, _nominal(phantom), _about(phantom, "none"))
        uneven = replace(grid[0], rotation_deg=4.0, fwhm_mm=(3.3, 2.9))
        yield Case(self.test, "four quarter turns", uneven, {"turns": 4}, _about(uneven, "none"))
        for phantom in list(_bent())[: 1 if level == "least" else None]:
            yield Case(self.test, _name(phantom), phantom, {}, _about(phantom, "none"))
        times = {"least": 4, "quick": 10, "whole": 40}[level]
        for phantom in grid[:1] if level != "whole" else grid:
            for counts in (4e6,) if level != "whole" else (2e6, 8e6):
                made = replace(phantom, counts=counts)
                about = _about(made, f"{counts / 1e6:g} million counts")
                name = f"{_name(made)}, {counts / 1e6:g} million"
                yield Case(self.test, name, made, _nominal(phantom), about, times)
        coarse = replace(grid[0], pixel_mm=(3.2, 3.2), matrix=(72, 76))
        yield Case(
            self.test, "pixels of 3.2 mm", coarse, {}, _about(coarse, "none"), refused="too_few_quadrants"
        )

    def acquire(self, case: Case, seed: int | None) -> Acquisition:
        """Return the image, or those of several turns."""
        turns = int(case.options.get("turns", 1))
        images = [
            replace(case.phantom, rotation_deg=case.phantom.rotation_deg + 90 * n) for n in range(turns)
        ]
        return together([countless(one) if seed is None else files.planar(one, seed) for one in images])

    def options(self, taken: Taken) -> Any:
        """Return the options, with the nominal widths where the phantom's are others."""
        chosen = {name: value for name, value in taken.case.options.items() if name == "bars"}
        return Family.options(self, replace(taken, case=replace(taken.case, options=chosen)))

    def truths(self, seen: Seen) -> Iterator[Truth]:
        """Yield the truth of one image; of several turns together the FWHM in x and in y."""
        phantom: Bars = seen.case.phantom
        if seen.case.options.get("turns"):
            if len(seen.result.source.inputs) == 1 and "images" not in seen.result.parameters:
                return
            for of, value in (("x", phantom.fwhm_mm[0]), ("y", phantom.fwhm_mm[1])):
                yield Truth(f"{BARS}.fwhm", of, value, "parameter")
            return
        if phantom.wave is not None:
            yield from _straightness(seen.case.name, phantom)
            return
        yield from self._of_phantom(seen.case, phantom)
        for quadrant in phantom.truth().quadrants:
            yield from self._of_quadrant(seen.case, phantom, quadrant)

    def _of_phantom(self, case: Case, phantom: Bars) -> Iterator[Truth]:
        truth = phantom.truth()
        contrast = truth.quadrants[0].contrast
        nominal: tuple[float, ...] = case.options.get("bars", phantom.widths_mm)
        seen = [one for one in truth.quadrants if one.modulation >= RESOLVED]
        smallest = min(one.width_mm for one in seen) * nominal[0] / phantom.widths_mm[0]
        yield Truth(f"{BARS}.fwhm", "", phantom.fwhm_mm[0], "parameter")
        yield Truth(f"{BARS}.contrast", "", contrast, "closed form")
        yield Truth(f"{BARS}.rotation", "", truth.rotation_deg, "parameter")
        yield Truth(f"{BARS}.centre_x", "", truth.centre_mm[0], "parameter")
        yield Truth(f"{BARS}.centre_y", "", truth.centre_mm[1], "parameter")
        yield Truth(f"{BARS}.pixel_scale", "", phantom.widths_mm[0] / nominal[0], "parameter")
        yield Truth(f"{BARS}.smallest_resolved", "", round(smallest, 6), "closed form")
        yield Truth(f"{BARS}.limit", "", _limit(phantom, contrast), "closed form")

    def _of_quadrant(self, case: Case, phantom: Bars, quadrant: TrueQuadrant) -> Iterator[Truth]:
        nominal: tuple[float, ...] = case.options.get("bars", phantom.widths_mm)
        name, family = f"{nominal[quadrant.given]:.2f} mm", "each quadrant"
        if quadrant.modulation < SEEN_MODULATION:
            return
        yield Truth(f"{BARS}.modulation", name, quadrant.modulation, "closed form", family)
        yield Truth(f"{BARS}.mtf", name, quadrant.mtf, "closed form", family)
        yield Truth(f"{BARS}.width", name, quadrant.width_mm, "parameter", family)
        spread = _root_mean_square(phantom, quadrant)
        if not MOMENTS_FROM <= spread <= MOMENTS_TO:
            return
        for metric, factor in (("fwhm_moments", 1.0), ("fwhm_moments_pi4", math.pi / 4)):
            width = PUBLISHED * quadrant.width_mm * math.sqrt(-math.log(factor * spread))
            yield Truth(f"{BARS}.{metric}", name, width, "closed form", family)


def _grid() -> Iterator[Bars]:
    """Yield phantoms on fields large enough for whole discs; the second's bars are 0.8 % wider than nominal."""
    common: dict[str, Any] = {
        "edge_fwhm_mm": 3.5,
        "phases": (0.1, 0.35, 0.7, 0.85),
        "cross_mm": 6.0,
        "counts": 4e6,
    }
    yield Bars(
        system="symbia-t2",
        field=Rectangle(222.0, 205.0),
        field_offset_mm=(1.3, -2.1),
        widths_mm=(3.5, 2.5, 2.0, 3.0),
        rotation_deg=23.0,
        centre_mm=(14.3, -11.7),
        fwhm_mm=(3.1, 3.1),
        scatter=0.12,
        **_pixels((0.9, 0.8), 222.0, 205.0),
        **common,
    )
    yield Bars(
        system="intevo",
        field=Rectangle(218.0, 208.0),
        field_offset_mm=(-2.2, 1.4),
        widths_mm=(3.0, 3.5, 2.5, 4.0),
        rotation_deg=-31.0,
        centre_mm=(-12.6, 9.8),
        fwhm_mm=(3.4, 3.4),
        mirrored=True,
        scatter=0.05,
        **_pixels((0.6, 0.6), 218.0, 208.0),
        **common,
    )
    yield Bars(
        system="brivo",
        field=Rectangle(258.0, 246.0),
        field_offset_mm=(2.0, 1.0),
        widths_mm=(6.35, 3.18, 4.76, 3.97),
        rotation_deg=12.5,
        centre_mm=(16.2, 13.4),
        fwhm_mm=(4.6, 4.6),
        collimator="LEHR",
        scatter=0.2,
        **_pixels((1.05, 1.15), 258.0, 246.0),
        **common,
    )
    yield Bars(
        system="symbia-t2",
        field=Rectangle(330.0, 290.0),
        field_offset_mm=(1.0, -1.5),
        widths_mm=(4.23, 2.54, 3.18, 2.12),
        rotation_deg=-8.0,
        centre_mm=(-46.0, 42.0),
        fwhm_mm=(3.3, 3.3),
        **_pixels((0.9, 0.9), 330.0, 290.0),
        **common,
    )


def _pixels(size_mm: tuple[float, float], width_mm: float, height_mm: float) -> dict[str, Any]:
    shape = (math.ceil((height_mm + 24) / size_mm[0]), math.ceil((width_mm + 24) / size_mm[1]))
    return {"pixel_mm": size_mm, "matrix": shape}


def _bent() -> Iterator[Bars]:
    base = Bars(
        system="symbia-t2",
        field=Rectangle(330.0, 250.0),
        widths_mm=(2.5, 3.5, 2.0, 3.0),
        rotation_deg=0.0,
        centre_mm=(5.3, -3.7),
        fwhm_mm=(3.0, 3.0),
        **_pixels((0.9, 1.05), 330.0, 250.0),
    )
    for wave in (Wave(0.6, 120.0, 45.0, 30.0), Wave(0.5, 90.0, 0.0, 30.0)):
        yield replace(base, wave=wave)


def _nominal(phantom: Bars) -> dict[str, Any]:
    """Return nominal widths that the second phantom is 0.8 % off; nothing for a known set."""
    if phantom.system != "intevo":
        return {}
    return {"bars": tuple(round(width / 1.008, 6) for width in phantom.widths_mm)}


def _name(phantom: Bars) -> str:
    if phantom.wave is not None:
        return f"{phantom.system}, wave of {phantom.wave.amplitude_mm:g} mm"
    widths = "/".join(f"{width:g}" for width in phantom.widths_mm)
    return f"{phantom.system}, {widths} mm"


def _about(phantom: Bars, noise: str) -> dict[str, str]:
    down, along = phantom.spacing_mm
    return {
        "system": phantom.system,
        "pixels": f"{phantom.shape[0]} x {phantom.shape[1]} of {down:.3g} x {along:.3g} mm",
        "noise": noise,
        "position": f"cross at {phantom.centre_mm[0]:g}, {phantom.centre_mm[1]:g} mm",
        "rotation": f"{phantom.rotation_deg:g} deg" + (", mirrored" if phantom.mirrored else ""),
    }


def _root_mean_square(phantom: Bars, quadrant: TrueQuadrant) -> float:
    """Return sqrt(2) SD / mean of the blurred square wave in its pixels: all odd harmonics, whole periods."""
    sigma = phantom.fwhm_mm[0] / (2 * math.sqrt(2 * math.log(2)))
    (fx, fy), (down, along) = quadrant.frequency_per_mm, phantom.spacing_mm
    order = np.arange(1, 60, 2)
    blur = np.exp(-2 * (math.pi * sigma * order * math.hypot(fx, fy)) ** 2)
    amplitude = (
        4
        / (math.pi * order)
        * quadrant.contrast
        * blur
        * np.sinc(order * fx * along)
        * np.sinc(order * fy * down)
    )
    return float(np.sqrt((amplitude**2).sum()))


def _limit(phantom: Bars, contrast: float) -> float:
    """Return the bar width at which the curve of the image reaches a modulation of 0.08, by halving.

    The curve is that of bars along the coarser of the two sides of a pixel.
    """
    sigma = phantom.fwhm_mm[0] / (2 * math.sqrt(2 * math.log(2)))
    pixel = max(phantom.spacing_mm)
    low, high = 1.0, 20.0
    for _ in range(80):
        width = (low + high) / 2
        f = 0.5 / width
        reached = (
            4 / math.pi * contrast * math.exp(-2 * (math.pi * sigma * f) ** 2) * float(np.sinc(f * pixel))
        )
        low, high = (low, width) if reached > RESOLVED else (width, high)
    return (low + high) / 2


def _straightness(name: str, phantom: Bars) -> Iterator[Truth]:
    """Yield the wave's own displacements, and what nmqc itself read of it when these numbers were recorded.

    The first differ by some per cent, since no formula knows exactly where nmqc reads.
    """
    moved = np.concatenate([one[2] for one in across_bars(phantom)])
    read = float(np.sqrt((moved**2).mean())), float(np.abs(moved).max())
    for metric, value, before in zip(("linearity_sd", "linearity_max"), read, RECORDED[name], strict=True):
        yield Truth(f"{BARS}.{metric}", "", value, "closed form", "by the wave")
        yield Truth(f"{BARS}.{metric}", "", before, "recorded number", "as recorded")


Places = list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]


def across_bars(phantom: Bars) -> Places:
    """Return x, y and the true displacement across the bars of each quadrant, on a grid of 1 mm.

    For bars along rows and columns: 10 mm inside the borders and the cross, the wave, damped by the Gaussian of one
    and a half periods over which its phase is averaged, less a plane for each quadrant.
    """
    assert phantom.wave is not None
    found = []
    (width, height), (middle_x, middle_y) = phantom.outline.extents_mm, phantom.field_offset_mm
    for quadrant in phantom.truth().quadrants:
        spread = SPREAD_PERIODS * 2 * quadrant.width_mm / phantom.wave.wavelength_mm
        along_x = abs(quadrant.frequency_per_mm[0]) > abs(quadrant.frequency_per_mm[1])
        x, y = np.meshgrid(np.arange(-width, width), np.arange(-height, height))
        sign_x, sign_y = (
            math.copysign(1, a - b) for a, b in zip(quadrant.centre_mm, phantom.centre_mm, strict=True)
        )
        inside = (sign_x * (x - phantom.centre_mm[0]) > 10) & (sign_y * (y - phantom.centre_mm[1]) > 10)
        inside &= (np.abs(x - middle_x) < width / 2 - 10) & (np.abs(y - middle_y) < height / 2 - 10)
        x, y = x[inside], y[inside]
        moved = (
            math.exp(-2 * (math.pi * spread) ** 2) * phantom.wave.displacement_mm(x, y)[0 if along_x else 1]
        )
        plane = np.column_stack([np.ones(x.size), x, y])
        found.append((x, y, moved - plane @ np.linalg.lstsq(plane, moved, rcond=None)[0]))
    return found
