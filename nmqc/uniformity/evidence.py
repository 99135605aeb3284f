"""What a report draws of a flood: the image, the smoothed map, and profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmqc.measure.outline import Outline
from nmqc.model import Curve, Evidence, Label, Line, Picture, Position, Region
from nmqc.uniformity.indices import Extremum, extremes

if TYPE_CHECKING:
    from nmqc.uniformity.flood import Flood


def evidence(flood: Flood, smoothed: NDArray[Any]) -> tuple[Evidence, ...]:
    """Return the image with its fields and extrema, the smoothed map, and row and column profiles."""
    found = extremes(smoothed, flood.fields.ufov)
    marks = tuple(flood.position(what, found[what]) for what in ("max", "min"))
    labels = tuple(_label(flood, name, found[f"worst window, {name[-1]}"]) for name in ("worst x", "worst y"))
    regions = (
        *_fields(flood),
        _window(flood, "worst x", found["worst window, x"]),
        _window(flood, "worst y", found["worst window, y"]),
    )
    return (
        _image(flood, regions, marks, labels),
        _map(flood, smoothed, regions, marks, labels),
        *_profiles(flood),
    )


def _fields(flood: Flood) -> tuple[Region, ...]:
    outline = flood.field.outline
    return (
        Region("UFOV", (_closed(outline),), "main"),
        Region("CFOV", (_closed(outline.scaled(0.75)),), "second"),
    )


def _closed(outline: Outline) -> NDArray[np.float64]:
    corners = outline.vertices_mm()
    return np.vstack([corners, corners[:1]])


def _window(flood: Flood, what: str, run: Extremum) -> Region:
    x, y = flood.columns.edges_mm, flood.rows.edges_mm
    left, right, top, bottom = x[run.first[1]], x[run.last[1] + 1], y[run.first[0]], y[run.last[0] + 1]
    box = np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])
    return Region(what, (box,), "box")


def _label(flood: Flood, what: str, run: Extremum) -> Label:
    """Return the name of a window, written above it."""
    place = flood.position(what, run)
    return Label(what, place.x_mm, place.y_mm - flood.rows.pitch_mm * (1 + (run.last[0] - run.first[0]) / 2))


def _image(
    flood: Flood, regions: tuple[Region, ...], marks: tuple[Position, ...], labels: tuple[Label, ...]
) -> Picture:
    image = flood.image
    return Picture(
        title="image",
        image=image.counts,
        spacing_mm=(image.rows.pitch_mm, image.columns.pitch_mm),
        unit="counts",
        centre_mm=(image.columns.middle_mm, image.rows.middle_mm),
        regions=regions,
        marks=marks,
        labels=labels,
    )


def _map(
    flood: Flood,
    smoothed: NDArray[Any],
    regions: tuple[Region, ...],
    marks: tuple[Position, ...],
    labels: tuple[Label, ...],
) -> Picture:
    mask = flood.fields.ufov
    return Picture(
        title="smoothed, in per cent of the mean",
        image=np.where(mask, 100 * smoothed / smoothed[mask].mean(), 0.0),
        spacing_mm=(flood.rows.pitch_mm, flood.columns.pitch_mm),
        unit="%",
        centre_mm=(flood.columns.middle_mm, flood.rows.middle_mm),
        shown=mask,
        scale="diverging",
        midpoint=100.0,
        regions=regions,
        marks=marks,
        labels=labels,
    )


def _profiles(flood: Flood) -> tuple[Curve, Curve]:
    """Return the means of columns against x and of rows against y, in per cent of the mean of the field."""
    mask = flood.fields.ufov
    mean = flood.counts[mask].mean()
    curves = []
    for name, label, axis, positions in (
        ("column means", "x (mm)", 0, flood.columns.centres_mm),
        ("row means", "y (mm)", 1, flood.rows.centres_mm),
    ):
        pixels = mask.sum(axis=axis)
        used = pixels * 2 >= pixels.max()
        level = 100 * (flood.counts * mask).sum(axis=axis)[used] / pixels[used] / mean
        x = positions[used]
        guide = Line("mean", x[[0, -1]], np.array([100.0, 100.0]), "guide")
        curves.append(Curve(name, label, "% of the mean", (Line(name, x, level), guide)))
    return curves[0], curves[1]
