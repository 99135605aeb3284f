"""What a report draws of a bar phantom: its quadrants, the MTF with its fit, profiles, displacements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nmqc.model import Curve, Evidence, Frame, Label, Line, Picture, Region
from nmqc.resolution.bar_fit import GAUSSIAN, JointFit, Point
from nmqc.resolution.bar_layout import Cross
from nmqc.resolution.bar_quadrants import Bars, Quadrant
from nmqc.resolution.modulation import Disc, Patch
from nmqc.resolution.straightness import Displacements

PROFILE_PERIODS = 4
CELL_MM = 6.0


def evidence(
    frame: Frame,
    bars: Bars,
    points: Sequence[Point],
    fit: JointFit | None,
    moved: Sequence[Displacements],
    names: Mapping[int, str],
) -> tuple[Evidence, ...]:
    """Return the image with what was found on it, the MTF, a profile of each quadrant, and the displacements."""
    drawn: list[Evidence] = [_image(frame, bars, names), mtf_curve(points, fit)]
    drawn += [_profile(frame, one, names[one.number]) for one in bars.quadrants]
    if moved:
        drawn.append(_displacements(frame, moved))
    return tuple(drawn)


def _image(frame: Frame, bars: Bars, names: Mapping[int, str]) -> Picture:
    discs = tuple(_circle(one.disc) for one in bars.quadrants)
    regions = [Region("cross", _cross(bars.cross, frame), "second")]
    if discs:
        regions.insert(0, Region("analysed", discs, "main"))
    return Picture(
        title="image",
        image=frame.counts,
        spacing_mm=frame.spacing_mm,
        unit="counts",
        regions=tuple(regions),
        labels=tuple(Label(names[one.number], one.disc.x_mm, one.disc.y_mm) for one in bars.quadrants),
    )


def _circle(disc: Disc) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, 73)
    return np.column_stack(
        [disc.x_mm + disc.radius_mm * np.cos(angle), disc.y_mm + disc.radius_mm * np.sin(angle)]
    )


def _cross(cross: Cross, frame: Frame) -> tuple[NDArray[np.float64], ...]:
    """Return the two lines of the cross, as long as the image is wide, within it."""
    height, width = (size * pitch for size, pitch in zip(frame.counts.shape, frame.spacing_mm, strict=True))
    lines = []
    for u, v in ((1, 0), (0, 1)):
        way = np.linspace(-1, 1, 401) * np.hypot(width, height)
        places = np.array([cross.position(u * one, v * one) for one in way])
        inside = (np.abs(places[:, 0]) <= width / 2) & (np.abs(places[:, 1]) <= height / 2)
        if inside.any():
            lines.append(places[inside][[0, -1]])
    return tuple(lines)


def mtf_curve(points: Sequence[Point], fit: JointFit | None) -> Curve:
    """Return the measured transfer with the fitted Gaussian and its band; without a fit the contrast stays in it."""
    contrast = fit.contrast if fit is not None else 1.0
    shown = [one for one in points if one.quadrant.found.squared > 0]
    frequency = np.array([one.quadrant.frequency for one in shown])
    factor = np.array([np.pi / 4 / contrast / one.aperture for one in shown])
    value = factor * np.array([one.quadrant.found.value for one in shown])
    error = factor * np.array([one.quadrant.found.sigma for one in shown])
    lines = [Line("measured", frequency, value, "points", error)]
    if fit is not None:
        grid = np.linspace(0.0, 1.15 * float(max(frequency, default=0.3)), 120)
        for number, name in enumerate(("fit",) if fit.fwhm_mm.size == 1 else ("fit, x", "fit, y")):
            lines.append(_fitted(name, grid, fit, number))
    return Curve("modulation transfer", "frequency (1/mm)", "MTF", tuple(lines))


def _fitted(name: str, grid: NDArray[np.float64], fit: JointFit, number: int) -> Line:
    fwhm = float(fit.fwhm_mm[number])
    curve = np.exp(-GAUSSIAN * (fwhm * grid) ** 2)
    return Line(
        name,
        grid,
        curve,
        "main" if number == 0 else "second",
        2 * GAUSSIAN * fwhm * grid**2 * curve * fit.sigma(number),
    )


def _profile(frame: Frame, quadrant: Quadrant, name: str) -> Curve:
    """Return the counts across the bars, averaged along them within the disc, over their mean."""
    counts, x, y = Patch.of(frame, quadrant.disc).values()
    across = (quadrant.fx * x + quadrant.fy * y) / quadrant.frequency
    reach = PROFILE_PERIODS / quadrant.frequency
    step = max(min(frame.spacing_mm), 0.1 / quadrant.frequency)
    near = np.abs(across) <= reach
    place = np.round(across[near] / step).astype(int)
    first = int(place.min())
    number = np.bincount(place - first)
    level = np.bincount(place - first, counts[near])[number > 0] / number[number > 0]
    at = np.asarray(step * (first + np.flatnonzero(number)), np.float64)
    error = np.sqrt(level / number[number > 0]) / counts.mean() if frame.raw_counts else None
    return Curve(
        f"profile across the {name} bars",
        "distance from the middle of the disc (mm)",
        "counts over mean",
        (
            Line("counts", at, level / counts.mean(), "main", error),
            Line("mean", at[[0, -1]], np.array([1.0, 1.0]), "guide"),
        ),
    )


def _displacements(frame: Frame, moved: Sequence[Displacements]) -> Picture:
    """Return the map of displacements, in cells of 6 mm; each quadrant shows those across its own bars alone."""
    height, width = (size * pitch for size, pitch in zip(frame.counts.shape, frame.spacing_mm, strict=True))
    shape = max(1, int(height / CELL_MM)), max(1, int(width / CELL_MM))
    total, number = np.zeros(shape), np.zeros(shape)
    for one in moved:
        size = np.sqrt(one.area_mm2)
        steps = (np.arange(max(1, round(size / CELL_MM) + 1)) - max(0, round(size / CELL_MM)) / 2) * CELL_MM
        for dy in steps:
            for dx in steps:
                row = np.floor((one.y_mm + dy + shape[0] * CELL_MM / 2) / CELL_MM).astype(int)
                column = np.floor((one.x_mm + dx + shape[1] * CELL_MM / 2) / CELL_MM).astype(int)
                inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
                np.add.at(total, (row[inside], column[inside]), one.moved_mm[inside])
                np.add.at(number, (row[inside], column[inside]), 1.0)
    return Picture(
        title="displacement across the bars, right or down",
        image=total / np.maximum(number, 1),
        spacing_mm=(CELL_MM, CELL_MM),
        unit="mm",
        shown=number > 0,
        scale="diverging",
        regions=(),
    )
