"""Legends above the axes: what they list, and how many columns there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nmqc.report import fonts
from nmqc.report.figures.paper import FONT_PT, LEFT_MM, POINTS_PER_MM, WIDTH_MM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_MM = 3.4
_HANDLE_PT, _GAP_PT = 14.5, 8.0


@dataclass(frozen=True, slots=True)
class Legend:
    """What a legend lists, each name once, and in how many columns it fits."""

    names: tuple[str, ...]
    columns: int

    @property
    def rows(self) -> int:
        """How many rows it takes."""
        return -(-len(self.names) // self.columns)

    @property
    def extra_mm(self) -> float:
        """How much higher than one row it is."""
        return _ROW_MM * max(0, self.rows - 1)


def legend_of(labels: Sequence[str], width_mm: float = WIDTH_MM - LEFT_MM) -> Legend:
    """Return the legend of some labels: as many columns as fit into so much room from the axes on."""
    names = tuple(dict.fromkeys(fonts.printable(label) for label in labels if label))
    columns = len(names)
    while columns > 1 and _width_pt(names, columns) > width_mm * POINTS_PER_MM:
        columns -= 1
    return Legend(names, max(columns, 1))


def _width_pt(names: Sequence[str], columns: int) -> float:
    """Return the width; matplotlib fills the columns one after the other, the first ones longer."""
    rows, longer = divmod(len(names), columns)
    sizes = [rows + (number < longer) for number in range(columns)]
    starts = [sum(sizes[:number]) for number in range(columns)]
    widest = [
        max(text_size_pt(name)[0] for name in names[start : start + size])
        for start, size in zip(starts, sizes, strict=True)
    ]
    return sum(widest) + columns * (_HANDLE_PT + _GAP_PT)


def draw_legend(axes: Axes, legend: Legend) -> None:
    """Draw the legend above the axes, with the handles of what was drawn under each name first."""
    handles, labels = axes.get_legend_handles_labels()
    known = dict(zip(reversed(labels), reversed(handles), strict=True))
    if not legend.names:
        return
    axes.legend(
        [known[name] for name in legend.names],
        legend.names,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=legend.columns,
        frameon=False,
        borderaxespad=0.2,
        labelspacing=0.3,
        handlelength=2.2,
        columnspacing=1.2,
        handletextpad=0.5,
    )


def text_size_pt(words: str) -> tuple[float, float]:
    """Return width and height of a label with its frame."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=[fonts.FAMILY], size=FONT_PT)
    width, height, _ = text_to_path.get_text_width_height_descent(words, font, ismath=False)
    return width + 4.0, height + 4.0
