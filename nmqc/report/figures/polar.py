"""Polar figures: values around the gantry as seen from the feet, 0 degrees at the bottom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nmqc.model import Line, Polar
from nmqc.report import fonts
from nmqc.report.figures.canvas import settings, sheet, svg_text
from nmqc.report.figures.legend import draw_legend, legend_of
from nmqc.report.figures.looks import BAND_ALPHA, COLOURS, GUIDE_COLOUR, GUIDE_DASHES, MARKERS, in_turn
from nmqc.report.figures.paper import GANTRY_MM, LEFT_MM, WIDTH_MM
from nmqc.report.figures.sides import GRID_COLOUR, label_side, rings, tick_words

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_RIGHT_MM = 3.0
_DISC_MM, _ANGLES_MM = 17.2, 19.8
_HOLE = 0.35
_NUMBERS_DEG, _FREE_DEG = 157.5, 45.0
_STEEP_DEG, _CLEAR_DEG = (202.5, 337.5, 157.5, 22.5), 15.0
_ZERO_COLOUR = "#808080"
_STEP_DEG = 2.0
_DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (2, 2.5)))


def polar_svg(polar: Polar) -> str:
    """Return values around the gantry as an SVG document.

    Rings are numbered in the unit of the values, that of 0 is darker. Lines are joined in order of angle, the value
    between two angles growing evenly with the angle, and left open at the widest gap unless they go all the way
    round. They are told apart by colour and dashes, points by shape.
    """
    with settings():
        legend = legend_of([line.label for line in polar.lines])
        width_mm = WIDTH_MM - LEFT_MM - _RIGHT_MM
        figure, axes = sheet(width_mm, GANTRY_MM, legend, _RIGHT_MM)
        axes.set(xlim=(-width_mm / 2, width_mm / 2), ylim=(-GANTRY_MM / 2, GANTRY_MM / 2), frame_on=False)
        dial = _dial(polar)
        _draw_dial(axes, dial)
        _number_rings(axes, dial, _free_deg(polar))
        _draw_lines(axes, polar, dial)
        label_side(axes, "bottom", polar.label)
        draw_legend(axes, legend)
        return svg_text(figure, polar.title)


# --- the dial -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Dial:
    """The values of the rings; the first is drawn as a ring too, with a hole inside it."""

    rings: tuple[float, ...]

    def place(self, angle_deg: Any, value: Any) -> tuple[Any, Any]:
        """Return where a value at an angle lies, in mm to the right of the middle and above it."""
        import numpy as np

        low, high = self.rings[0], self.rings[-1]
        hole = _HOLE * (high - low)
        radius_mm = _DISC_MM * (np.asarray(value) - low + hole) / (high - low + hole)
        return at_angle(angle_deg, radius_mm)


def at_angle(angle_deg: Any, radius_mm: Any) -> tuple[Any, Any]:
    """Return the place at a radius: 0 degrees at the bottom, growing counter-clockwise, 90 at the right."""
    import numpy as np

    angle = np.radians(angle_deg)
    return radius_mm * np.sin(angle), -radius_mm * np.cos(angle)


def _dial(polar: Polar) -> _Dial:
    """Return rings that hold every value with its error, and 0."""
    ends = [0.0]
    for line in polar.lines:
        error = 0.0 if line.error is None else line.error
        ends += [float(value) for sign in (-1, 1) for value in line.y + sign * error]
    low, high = min(ends), max(ends)
    return _Dial(tuple(rings(low, high) if low < high else rings(-1.0, 1.0)))


def _draw_dial(axes: Axes, dial: _Dial) -> None:
    import numpy as np

    round_deg = np.linspace(0.0, 360.0, 181)
    for value in dial.rings:
        zero = value == 0
        style: dict[str, Any] = {
            "color": _ZERO_COLOUR if zero else GRID_COLOUR,
            "linewidth": 0.7 if zero else 0.4,
        }
        axes.plot(*dial.place(round_deg, value), zorder=1.0, **style)
    spokes = np.arange(0.0, 360.0, 45.0)
    ends = [dial.place(spokes, value) for value in (dial.rings[0], dial.rings[-1])]
    axes.plot(*np.stack(ends, axis=1), color=GRID_COLOUR, linewidth=0.4, zorder=0.9)
    for spoke in spokes:
        axes.text(*at_angle(spoke, _ANGLES_MM), f"{spoke:g}°", ha="center", va="center")


def _free_deg(polar: Polar) -> float:
    """Return where to write the numbers: in the widest gap between the angles of all lines, if it is wide.

    There on a steep radius, along which they stand above each other, or else in the middle.
    """
    import numpy as np

    angles = np.sort(np.mod(np.concatenate([[], *(line.x for line in polar.lines)]), 360.0))
    if angles.size == 0:
        return _NUMBERS_DEG
    gaps = np.diff(angles, append=angles[0] + 360.0)
    widest = int(gaps.argmax())
    if gaps[widest] <= _FREE_DEG:
        return _NUMBERS_DEG
    into = [(steep - angles[widest]) % 360.0 for steep in _STEEP_DEG]
    inside = [one for one in into if _CLEAR_DEG <= one <= gaps[widest] - _CLEAR_DEG]
    return float(angles[widest] + (inside[0] if inside else gaps[widest] / 2)) % 360.0


def _number_rings(axes: Axes, dial: _Dial, angle_deg: float) -> None:
    """Write the values of the rings on them, with a light rim, so that they are read across lines."""
    from matplotlib.patheffects import withStroke

    for value, words in zip(dial.rings, tick_words(dial.rings), strict=True):
        axes.text(
            *dial.place(angle_deg, value),
            words,
            ha="center",
            va="center",
            zorder=5.0,
            path_effects=[withStroke(linewidth=2.0, foreground="white")],
        )


# --- lines ----------------------------------------------------------------------------------------------


def _draw_lines(axes: Axes, polar: Polar, dial: _Dial) -> None:
    own = [line for line in polar.lines if line.style != "guide"]
    looks = iter(in_turn(own, tuple(zip(COLOURS, _DASHES, MARKERS, strict=True))))
    for line in polar.lines:
        guide = line.style == "guide"
        colour, dashes, marker = (GUIDE_COLOUR, GUIDE_DASHES, "") if guide else next(looks)
        if line.style == "points":
            _draw_points(axes, line, dial, colour, marker)
        else:
            _draw_line(axes, line, dial, colour, dashes)


def _draw_line(axes: Axes, line: Line, dial: _Dial, colour: str, dashes: Any) -> None:
    """Draw the values joined in order of angle; their error as a band about them."""
    import numpy as np

    label = fonts.printable(line.label) or "_"
    axes.plot(
        *dial.place(*joined(line.x, line.y)), color=colour, linestyle=dashes, linewidth=0.8, label=label
    )
    if line.error is None:
        return
    inner, outer = (dial.place(*joined(line.x, line.y + sign * line.error)) for sign in (-1, 1))
    axes.fill(
        *np.concatenate([outer, np.flip(inner, axis=1)], axis=1), color=colour, alpha=BAND_ALPHA, linewidth=0
    )


def _draw_points(axes: Axes, line: Line, dial: _Dial, colour: str, marker: str) -> None:
    """Draw the values alone; their errors as bars along the radius."""
    import numpy as np

    style: dict[str, Any] = {"linestyle": "none", "marker": marker, "markersize": 2.5, "markeredgewidth": 0.0}
    label = fonts.printable(line.label) or "_"
    axes.plot(*dial.place(line.x, line.y), color=colour, label=label, **style)
    if line.error is not None:
        ends = [dial.place(line.x, line.y + sign * line.error) for sign in (-1, 1)]
        axes.plot(*np.stack(ends, axis=1), color=colour, linewidth=0.6)


def joined(angle_deg: Floats, value: Floats) -> tuple[Floats, Floats]:
    """Return angles and values of a line through all points, in small steps of angle."""
    import numpy as np

    if angle_deg.size == 0:
        return angle_deg, value
    angles, order = _in_order(angle_deg)
    parts = np.maximum(np.ceil(np.diff(angles) / _STEP_DEG), 1).astype(int)
    places = np.concatenate([*(start + np.arange(n) / n for start, n in enumerate(parts)), [len(angles) - 1]])
    numbers = np.arange(len(angles))
    return np.interp(places, numbers, angles), np.interp(places, numbers, value[order])


def _in_order(angle_deg: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Return the angles in growing order from behind the widest gap, and the number of the point at each.

    Where the widest gap is no wider than the next, but for a half, the line goes all the way round: the first point
    is its last as well.
    """
    import numpy as np

    turned = np.mod(angle_deg, 360.0)
    order = np.argsort(turned, kind="stable")
    gaps = np.diff(turned[order], append=turned[order[0]] + 360.0)
    order = np.roll(order, -int(gaps.argmax()) - 1)
    widest = np.sort(gaps)[-2:]
    if len(widest) == 2 and widest[1] <= 1.5 * widest[0]:
        order = np.append(order, order[0])
    steps = np.mod(np.diff(turned[order]), 360.0)
    return turned[order[0]] + np.concatenate([[0.0], np.cumsum(steps)]), order
