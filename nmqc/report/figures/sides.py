"""Numbers, ticks and labels at the sides of the axes, and the grid that continues them.

matplotlib's own axis objects take most of the time of a whole figure to draw the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nmqc.report import fonts
from nmqc.report.figures.paper import POINTS_PER_MM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID_COLOUR = "#dddddd"

_LARGEST_PLAIN = 1e5
_MOST_PLACES = 5


@dataclass(frozen=True, slots=True)
class _Side:
    """How the ticks and the numbers of one side of the axes are drawn."""

    marker: int
    ha: str
    va: str
    rotation: float
    number_mm: float
    label_mm: float


_SIDES = {
    "bottom": _Side(3, "center", "top", 0.0, 1.0, 4.6),
    "left": _Side(0, "right", "center", 90.0, 1.0, 10.4),
    "right": _Side(1, "left", "center", 90.0, 1.0, 10.0),
}


def number_side(axes: Axes, name: str, label: str, *, whole: bool = False) -> None:
    """Draw ticks, numbers and the label of one side of the axes; `whole`: at whole numbers alone."""
    side, across = _SIDES[name], name == "bottom"
    found = ticks(axes.get_xlim() if across else axes.get_ylim(), whole=whole)
    transform = axes.get_xaxis_transform() if across else axes.get_yaxis_transform()
    edge, step = _outwards(axes, name)
    edges = [edge] * len(found)
    axes.plot(
        *((found, edges) if across else (edges, found)),
        transform=transform,
        marker=side.marker,
        markersize=2.0,
        markeredgewidth=0.5,
        color="black",
        linestyle="none",
        clip_on=False,
        scalex=False,
        scaley=False,
    )
    for tick, words in zip(found, tick_words(found), strict=True):
        place = edge + step * side.number_mm
        axes.text(
            *((tick, place) if across else (place, tick)), words, transform=transform, ha=side.ha, va=side.va
        )
    label_side(axes, name, label)


def label_side(axes: Axes, name: str, label: str) -> None:
    """Write the label of one side of the axes, beyond the room for its numbers."""
    side, across = _SIDES[name], name == "bottom"
    edge, step = _outwards(axes, name)
    middle, beyond = 0.5, edge + step * side.label_mm
    axes.text(
        *((middle, beyond) if across else (beyond, middle)),
        fonts.printable(label),
        transform=axes.transAxes,
        rotation=side.rotation,
        ha="center",
        va="top" if across else "center",
    )


def draw_grid(axes: Axes) -> None:
    """Draw a line across the axes at each tick of the bottom and of the left."""
    style: dict[str, Any] = {"color": GRID_COLOUR, "linewidth": 0.3, "zorder": 0.5}
    axes.vlines(ticks(axes.get_xlim()), 0, 1, transform=axes.get_xaxis_transform(), **style)
    axes.hlines(ticks(axes.get_ylim()), 0, 1, transform=axes.get_yaxis_transform(), **style)


def _outwards(axes: Axes, name: str) -> tuple[float, float]:
    """Return where a side lies in fractions of the axes, and the fraction that is one mm outwards."""
    width_mm, height_mm = axes.bbox.width / POINTS_PER_MM, axes.bbox.height / POINTS_PER_MM
    return {"bottom": (0.0, -1 / height_mm), "left": (0.0, -1 / width_mm), "right": (1.0, 1 / width_mm)}[name]


def ticks(limits: tuple[float, float], *, whole: bool = False) -> list[float]:
    """Return a few round numbers between two limits, in whichever order these are."""
    low, high = min(limits), max(limits)
    margin = 1e-9 * (high - low)
    return [tick for tick in _round_numbers(low, high, 6, whole) if low - margin <= tick <= high + margin]


def rings(low: float, high: float) -> list[float]:
    """Return a few round numbers of which the first is not above `low`, the last not below `high`."""
    return _round_numbers(low, high, 4, whole=False)


def _round_numbers(low: float, high: float, most: int, whole: bool) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    locator = MaxNLocator(nbins=most, steps=[1, 2, 5, 10], integer=whole)
    return [float(tick) for tick in locator.tick_values(low, high)]


def tick_words(found: Sequence[float]) -> list[str]:
    """Return the numbers at the ticks: as many decimals as their step needs, a true minus sign."""
    from math import floor, log10

    step = found[1] - found[0] if len(found) > 1 else 1.0
    places = max(0, -floor(log10(step) + 1e-6))
    if places > _MOST_PLACES or max((abs(tick) for tick in found), default=0.0) >= _LARGEST_PLAIN:
        return [f"{round(tick, places) + 0.0:g}".replace("-", "\u2212") for tick in found]
    return [f"{round(tick, places) + 0.0:.{places}f}".replace("-", "\u2212") for tick in found]
