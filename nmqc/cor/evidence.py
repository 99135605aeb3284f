"""What the report draws of one detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmqc.cor.blur import Blur
from nmqc.cor.numbers import source_name
from nmqc.cor.sinusoid import Turn
from nmqc.cor.views import Floats
from nmqc.errors import CannotMeasure
from nmqc.model import Curve, Evidence, Line, Polar, Sinogram

DRAWN = 181  # points of a smooth line


def evidence(turns: Sequence[Turn], blur: Blur | CannotMeasure) -> tuple[Evidence, ...]:
    """Return sinogram, fits, residuals, axial positions, residuals about the gantry, and the blur."""
    drawn: list[Evidence] = [
        _sinogram(turns),
        _fits(turns),
        _residuals(turns),
        _axial(turns),
        _around(turns),
    ]
    if isinstance(blur, Blur):
        drawn.append(_blur(blur))
    return tuple(drawn)


def _views(turn: Turn) -> Floats:
    return np.asarray(np.flatnonzero(turn.source.used) + 1, np.float64)


def _angles(turn: Turn) -> Floats:
    return np.asarray(np.degrees(turn.theta) % 360)


def _broken(name: str, turn: Turn, x: Floats, y: Floats) -> list[Line]:
    """Return a line, broken where views are left out."""
    gaps = np.flatnonzero(np.diff(_views(turn)) > 1) + 1
    return [Line(name, *part) for part in zip(np.split(x, gaps), np.split(y, gaps), strict=True)]


def _sinogram(turns: Sequence[Turn]) -> Sinogram:
    head = turns[0].head
    tracks = [
        line
        for number, turn in enumerate(turns)
        for line in _broken(source_name(number), turn, turn.x_mm, _views(turn))
    ]
    summed = np.asarray(head.counts.sum(axis=1, dtype=np.float64))
    return Sinogram(
        "sinogram, with the centroids found", summed, head.first.spacing_mm[1], "counts", tuple(tracks)
    )


def _fits(turns: Sequence[Turn]) -> Curve:
    lines = []
    for number, turn in enumerate(turns):
        order = np.argsort(_angles(turn), kind="stable")
        angle = np.linspace(0, 360, DRAWN) if turn.head.full_circle else _angles(turn)[order]
        offset, b, c = turn.fit.values[:3]
        fit = offset + b * np.cos(np.radians(angle)) + c * np.sin(np.radians(angle))
        lines.append(Line(source_name(number), _angles(turn)[order], turn.x_mm[order], "points"))
        lines.append(Line(source_name(number), angle, fit))
    return Curve("position and fitted sinusoid", "angle of the head / deg", "x / mm", tuple(lines))


def _residuals(turns: Sequence[Turn]) -> Curve:
    if len(turns) == 1:
        turn = turns[0]
        error = turn.sigma_x_mm if turn.counting else None
        lines = [Line(source_name(0), _views(turn), turn.residuals_mm, error=error)]
    else:
        lines = [
            line
            for number, turn in enumerate(turns)
            for line in _broken(source_name(number), turn, _views(turn), turn.residuals_mm)
        ]
    return Curve("residuals of the sinusoid", "view", "residual / mm", tuple(lines))


def _axial(turns: Sequence[Turn]) -> Curve:
    lines = [
        line
        for number, turn in enumerate(turns)
        for line in _broken(source_name(number), turn, _views(turn), turn.y_mm - turn.y_mm.mean())
    ]
    return Curve("axial position, less its mean", "view", "y / mm", tuple(lines))


def _around(turns: Sequence[Turn]) -> Polar:
    lines = []
    for number, turn in enumerate(turns):
        order = np.argsort(_angles(turn), kind="stable")
        lines.append(Line(source_name(number), _angles(turn)[order], turn.residuals_mm[order]))
    return Polar("residuals about the gantry", "residual / mm", tuple(lines))


def _blur(blur: Blur) -> Curve:
    order = np.argsort(blur.distance_mm, kind="stable")
    ends = blur.distance_mm[order][[0, -1]]
    slope = float(blur.line.values[1]) if blur.line.values.size > 1 else 0.0
    line = float(blur.line.values[0]) + slope * (ends - 200.0)
    return Curve(
        "resolution against distance",
        "distance from the collimator / mm",
        "FWHM / mm",
        (
            Line("views", blur.distance_mm[order], blur.fwhm_mm[order], "points"),
            Line("straight line", ends, line),
        ),
    )
