"""What the report draws of one detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmqc.cor.blur import Blur
from nmqc.cor.numbers import source_name
from nmqc.cor.sinusoid import Turn
from nmqc.cor.views import Floats, Head
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


def _sinogram(turns: Sequence[Turn]) -> Sinogram:
    head = turns[0].head
    tracks = tuple(Line(source_name(number), turn.x_mm, _views(turn)) for number, turn in enumerate(turns))
    return Sinogram(
        "sinogram, with the centroids found", _summed(head), head.first.spacing_mm[1], "counts", tracks
    )


def _summed(head: Head) -> np.ndarray:
    """Return the sum over the rows of each view."""
    return np.asarray(head.counts.sum(axis=1, dtype=np.float64))


def _fits(turns: Sequence[Turn]) -> Curve:
    lines = []
    for number, turn in enumerate(turns):
        order = np.argsort(_angles(turn), kind="stable")
        lines.append(Line(source_name(number), _angles(turn)[order], turn.x_mm[order], "points"))
        angle = np.linspace(0, 360, DRAWN) if turn.head.full_circle else _angles(turn)[order]
        turned = np.radians(angle)
        offset, b, c = turn.fit.values
        lines.append(Line("", angle, offset + b * np.cos(turned) + c * np.sin(turned), "guide"))
    return Curve("position and fitted sinusoid", "angle of the head / deg", "x / mm", tuple(lines))


def _residuals(turns: Sequence[Turn]) -> Curve:
    lines = [
        Line(
            source_name(number),
            _views(turn),
            turn.residuals_mm,
            error=turn.sigma_x_mm if len(turns) == 1 else None,
        )
        for number, turn in enumerate(turns)
    ]
    return Curve("residuals of the sinusoid", "view", "residual / mm", tuple(lines))


def _axial(turns: Sequence[Turn]) -> Curve:
    lines = [
        Line(source_name(number), _views(turn), turn.y_mm - turn.y_mm.mean())
        for number, turn in enumerate(turns)
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
