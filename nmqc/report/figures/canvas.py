"""The sheet that a figure is drawn on: its size on paper, its settings, and how it becomes text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nmqc.report import fonts
from nmqc.report.figures.legend import Legend
from nmqc.report.figures.paper import BOTTOM_MM, FONT_PT, LEFT_MM, MM_PER_INCH, TOP_MM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SETTINGS: dict[str, Any] = {
    "font.family": [fonts.FAMILY],
    "font.size": FONT_PT,
    "axes.linewidth": 0.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "nmqc",
    "text.parse_math": False,
    "text.usetex": False,
    "path.sketch": None,
    "savefig.bbox": None,
}


@contextmanager
def settings() -> Iterator[None]:
    """Draw with these settings alone, whatever a user's own matplotlibrc says."""
    import matplotlib

    fonts.prepare()
    current: Any = matplotlib.rcParams
    with matplotlib.rc_context():
        current.update(matplotlib.rcParamsDefault)
        current.update(_SETTINGS)
        yield


def sheet(width_mm: float, height_mm: float, legend: Legend, right_mm: float) -> tuple[Figure, Axes]:
    """Return a figure whose axes are so large on paper, with room for labels and legend around them."""
    from matplotlib.figure import Figure

    top_mm = TOP_MM + legend.extra_mm
    across_mm, down_mm = LEFT_MM + width_mm + right_mm, BOTTOM_MM + height_mm + top_mm
    size = (across_mm / MM_PER_INCH, down_mm / MM_PER_INCH)
    figure = Figure(figsize=size, dpi=72, facecolor="none")
    box = (LEFT_MM / across_mm, BOTTOM_MM / down_mm, width_mm / across_mm, height_mm / down_mm)
    return figure, bare_axes(figure, box)


def bare_axes(figure: Figure, box: tuple[float, float, float, float]) -> Axes:
    """Return axes with a frame alone; `sides.number_side` draws the numbers."""
    axes = figure.add_axes(box)
    axes.xaxis.set_visible(False)
    axes.yaxis.set_visible(False)
    return axes


def svg_text(figure: Figure, title: str) -> str:
    """Return the figure as SVG text: the same figure gives the same text."""
    from io import StringIO

    from matplotlib.backends.backend_svg import FigureCanvasSVG

    stream = StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(stream, metadata={"Date": None, "Creator": "nmqc", "Title": fonts.printable(title)})
    return stream.getvalue()
