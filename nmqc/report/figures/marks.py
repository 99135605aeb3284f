"""Marks on a picture: crosses, and labels that cover neither each other nor a cross."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nmqc.model import Position
from nmqc.report import fonts
from nmqc.report.figures.legend import text_size_pt
from nmqc.report.figures.paper import FONT_PT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox


@dataclass(frozen=True, slots=True)
class _Spot:
    """A marked place and what is there."""

    x_mm: float
    y_mm: float
    words: str


def draw_marks(axes: Axes, marks: Sequence[Position]) -> None:
    """Draw crosses with their labels beside them, moved along a leader line where they would overlap."""
    from matplotlib.patheffects import withStroke

    spots = _spots(marks)
    rim = [withStroke(linewidth=2.2, foreground="black")]
    for spot in spots:
        axes.plot(
            [spot.x_mm],
            [spot.y_mm],
            marker="+",
            markersize=5.5,
            markeredgewidth=1.0,
            color="white",
            linestyle="none",
            path_effects=rim,
            scalex=False,
            scaley=False,
        )
    taken = [_around(_on_paper(axes, spot), 3.0, 3.0) for spot in spots]
    for spot in spots:
        taken.append(_draw_label(axes, spot, taken))


def _spots(marks: Sequence[Position]) -> list[_Spot]:
    """Return the marked places, each once, with all that is there."""
    found: dict[tuple[float, float], list[str]] = {}
    for mark in marks:
        found.setdefault((float(mark.x_mm), float(mark.y_mm)), []).append(mark.what)
    return [_Spot(*place, fonts.printable(", ".join(dict.fromkeys(words)))) for place, words in found.items()]


def _draw_label(axes: Axes, spot: _Spot, taken: Sequence[Bbox]) -> Bbox:
    """Draw the label of one mark where nothing else is, and return the room it takes, in points."""
    place = _on_paper(axes, spot)
    size = text_size_pt(spot.words)
    free = _free_place(place, size, taken, axes.bbox)
    label = axes.annotate(
        spot.words,
        (spot.x_mm, spot.y_mm),
        xytext=(free[0] - place[0], free[1] - place[1]),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=FONT_PT,
        color="black",
        bbox={"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "black", "linewidth": 0.4},
        arrowprops={"arrowstyle": "-", "linewidth": 0.7, "color": "white", "shrinkA": 0.0, "shrinkB": 2.0},
        annotation_clip=False,
    )
    _rim_leader(label)
    return _around(free, size[0] / 2, size[1] / 2)


def _on_paper(axes: Axes, spot: _Spot) -> tuple[float, float]:
    """Return where a place lies in the figure, in points from its lower left corner."""
    x, y = axes.transData.transform((spot.x_mm, spot.y_mm))
    return float(x), float(y)


def _rim_leader(label: Any) -> None:
    from matplotlib.patheffects import withStroke

    label.arrow_patch.set_path_effects([withStroke(linewidth=1.6, foreground="black")])


def _free_place(
    place: tuple[float, float], size: tuple[float, float], taken: Sequence[Bbox], inside: Bbox
) -> tuple[float, float]:
    """Return the nearest centre for a label of this size that lies inside and covers nothing taken."""
    from math import cos, pi, sin

    width, height = size
    for distance in range(6, 120, 4):
        for angle in (pi / 4 * turn for turn in (0, 4, 1, 3, 7, 5, 2, 6)):
            x = place[0] + cos(angle) * (distance + width / 2)
            y = place[1] + sin(angle) * (distance + height / 2)
            box = _around((x, y), width / 2, height / 2)
            if _within(box, inside) and not any(box.overlaps(other) for other in taken):
                return x, y
    return place[0], place[1] + 8.0


def _around(place: tuple[float, float], half_width: float, half_height: float) -> Bbox:
    from matplotlib.transforms import Bbox

    x, y = place
    return Bbox.from_extents(x - half_width, y - half_height, x + half_width, y + half_height)


def _within(box: Bbox, outer: Bbox) -> bool:
    return bool(box.x0 >= outer.x0 and box.x1 <= outer.x1 and box.y0 >= outer.y0 and box.y1 <= outer.y1)
