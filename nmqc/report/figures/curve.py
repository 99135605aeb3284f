"""Curves: lines and points against an axis, both with their units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nmqc.model import Band, Curve, Line
from nmqc.report import fonts
from nmqc.report.figures.canvas import settings, sheet, svg_text
from nmqc.report.figures.legend import draw_legend, legend_of
from nmqc.report.figures.looks import (
    BAND_ALPHA,
    BAND_COLOUR,
    COLOURS,
    GUIDE_COLOUR,
    GUIDE_DASHES,
    MARKERS,
    in_turn,
)
from nmqc.report.figures.paper import BOTTOM_MM, LEFT_MM, TOP_MM, WIDTH_MM
from nmqc.report.figures.sides import draw_grid, number_side

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHT_MM = 35.0
_RIGHT_MM = 3.0
_HATCHES = ("", "//////", "......")
_POINT_PT, _SMALL_POINT_PT, _MANY_POINTS = 3.0, 2.0, 40


def curve_svg(curve: Curve) -> str:
    """Return a curve as an SVG document: lines told apart by colour and dashes, points by shape, axes with units.

    Lines and points of one name share a colour and one place in the legend.
    """
    with settings():
        legend = legend_of([*(line.label for line in curve.lines), *(band.label for band in curve.bands)])
        height_mm = _HEIGHT_MM - BOTTOM_MM - TOP_MM
        figure, axes = sheet(WIDTH_MM - LEFT_MM - _RIGHT_MM, height_mm, legend, _RIGHT_MM)
        for number, band in enumerate(curve.bands):
            _draw_band(axes, band, _HATCHES[number % len(_HATCHES)])
        _draw_lines(axes, curve)
        axes.margins(x=0.03 if _has_few_points(curve) else 0.01, y=0.08)
        draw_grid(axes)
        number_side(axes, "bottom", curve.x_label)
        number_side(axes, "left", curve.y_label)
        draw_legend(axes, legend)
        return svg_text(figure, curve.title)


def _has_few_points(curve: Curve) -> bool:
    """Say whether it has points that are drawn large: they need room at the edges."""
    return any(line.style == "points" and line.x.size <= _MANY_POINTS for line in curve.lines)


def _draw_band(axes: Axes, band: Band, hatch: str) -> None:
    """Draw what lies between two lines in grey, its ends as thin lines; others than the first are hatched."""
    label = fonts.printable(band.label) or "_"
    axes.fill_between(
        band.x,
        band.low,
        band.high,
        facecolor=BAND_COLOUR,
        edgecolor="white",
        hatch=hatch,
        linewidth=0,
        label=label,
    )
    for end in (band.low, band.high):
        axes.plot(band.x, end, color=GUIDE_COLOUR, linewidth=0.6, label="_")


def _draw_lines(axes: Axes, curve: Curve) -> None:
    own = [line for line in curve.lines if line.style != "guide"]
    points = [line for line in curve.lines if line.style == "points"]
    markers = iter(in_turn(points, MARKERS))
    colours = iter(in_turn(own, COLOURS))
    for line in curve.lines:
        colour = GUIDE_COLOUR if line.style == "guide" else next(colours)
        if line.style == "points":
            _draw_points(axes, line, colour, next(markers))
        else:
            _draw_line(axes, line, colour)


def _draw_line(axes: Axes, line: Line, colour: str) -> None:
    """Draw one line: main ones solid, second ones dashed, guides thin and dotted; its error as a band about it."""
    styles: dict[str, Any] = {"main": "-", "second": (0, (4, 2)), "guide": GUIDE_DASHES}
    axes.plot(
        line.x,
        line.y,
        color=colour,
        linestyle=styles[line.style],
        linewidth=0.9,
        label=fonts.printable(line.label) or "_",
    )
    if line.error is not None:
        low, high = line.y - line.error, line.y + line.error
        axes.fill_between(line.x, low, high, color=colour, alpha=BAND_ALPHA, linewidth=0)


def _draw_points(axes: Axes, line: Line, colour: str, marker: str) -> None:
    """Draw points without a line between them, small ones where there are many; their errors as bars."""
    axes.errorbar(
        line.x,
        line.y,
        yerr=line.error,
        color=colour,
        linestyle="none",
        marker=marker,
        markersize=_POINT_PT if line.x.size <= _MANY_POINTS else _SMALL_POINT_PT,
        markeredgewidth=0.0,
        elinewidth=0.7,
        capsize=1.4,
        capthick=0.7,
        label=fonts.printable(line.label) or "_",
    )
