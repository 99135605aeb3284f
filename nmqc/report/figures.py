"""Evidence drawn as vector graphics: the only module that draws with matplotlib.

One function for each kind of evidence; no test is known by name. Sizes are those on paper. Dark is low and
light is high in every image, so that a print in black and white reads the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

from nmqc.model import Curve, Label, Line, Picture, Position, Region
from nmqc.report import fonts

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.transforms import Bbox
    from numpy.typing import NDArray

WIDTH_MM = 88.0
CURVE_HEIGHT_MM = 35.0
MM_PER_INCH = 25.4

_POINTS_PER_MM = 72 / MM_PER_INCH
_LEFT_MM, _BOTTOM_MM, _TOP_MM, _BAR_MM = 12.5, 7.8, 5.0, 18.0
_PICTURE_HEIGHTS_MM = (30.0, 46.0)
_PIXELS_DRAWN = 512
_FONT_PT = 6.5
_LARGEST_PLAIN = 1e5
_COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7")
_MARKERS = ("o", "s", "^", "D", "v")
_BAND_ALPHA = 0.2
_LEGEND_ROW_MM = 3.4
_LEGEND_HANDLE_PT, _LEGEND_GAP_PT = 14.5, 8.0
_NOT_ANALYSED = "#ffffff"
_SETTINGS: dict[str, Any] = {
    "font.family": [fonts.FAMILY],
    "font.size": _FONT_PT,
    "axes.linewidth": 0.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "nmqc",
    "text.parse_math": False,
    "text.usetex": False,
    "path.sketch": None,
    "savefig.bbox": None,
}


def picture_svg(picture: Picture) -> str:
    """Return a picture as an SVG document: the image in mm, its scale, its regions and its marks.

    The outer edges of the image are the outer edges of its pixels: a pixel is drawn as large as it is. x
    grows to the right and y downwards, both from the centre of the acquisition's matrix.
    """
    with _settings():
        width_mm, height_mm = _picture_size(picture)
        legend = _legend([region.label for region in picture.regions if region.style != "box"])
        figure, axes = _figure(width_mm, height_mm, legend, _BAR_MM)
        image = _draw_image(axes, picture)
        _draw_scale(figure, axes, image, picture)
        for region in picture.regions:
            _draw_region(axes, region)
        _draw_legend(axes, legend)
        for label in picture.labels:
            _draw_text(axes, label)
        _draw_marks(axes, picture.marks)
        return _svg(figure, picture.title)


def curve_svg(curve: Curve) -> str:
    """Return a curve as an SVG document: lines told apart by colour and dashes, points by shape, axes with units."""
    with _settings():
        width_mm = WIDTH_MM - _LEFT_MM - 3.0
        legend = _legend([line.label for line in curve.lines])
        figure, axes = _figure(width_mm, CURVE_HEIGHT_MM - _BOTTOM_MM - _TOP_MM, legend, 3.0)
        colours, markers = cycle(_COLOURS), cycle(_MARKERS)
        for line in curve.lines:
            colour = "#555555" if line.style == "guide" else next(colours)
            if line.style == "points":
                _draw_points(axes, line, colour, next(markers))
            else:
                _draw_line(axes, line, colour)
        axes.margins(x=0.01, y=0.08)
        _draw_grid(axes)
        _number_side(axes, "bottom", curve.x_label)
        _number_side(axes, "left", curve.y_label)
        _draw_legend(axes, legend)
        return _svg(figure, curve.title)


@contextmanager
def _settings() -> Iterator[None]:
    """Draw with these settings alone, whatever a user's own matplotlibrc says."""
    import matplotlib

    fonts.prepare()
    settings: Any = matplotlib.rcParams
    with matplotlib.rc_context():
        settings.update(matplotlib.rcParamsDefault)
        settings.update(_SETTINGS)
        yield


# --- canvas ---------------------------------------------------------------------------------------------


def _figure(width_mm: float, height_mm: float, legend: _Legend, right_mm: float) -> tuple[Figure, Axes]:
    """Return a figure whose axes are so large on paper, with room for labels and legend around them."""
    from matplotlib.figure import Figure

    top_mm = _TOP_MM + _LEGEND_ROW_MM * max(0, legend.rows - 1)
    across_mm, down_mm = _LEFT_MM + width_mm + right_mm, _BOTTOM_MM + height_mm + top_mm
    size = (across_mm / MM_PER_INCH, down_mm / MM_PER_INCH)
    figure = Figure(figsize=size, dpi=72, facecolor="none")
    box = (_LEFT_MM / across_mm, _BOTTOM_MM / down_mm, width_mm / across_mm, height_mm / down_mm)
    return figure, _bare_axes(figure, box)


def _bare_axes(figure: Figure, box: tuple[float, float, float, float]) -> Axes:
    """Return axes with a frame alone; `_number_side` draws the numbers."""
    axes = figure.add_axes(box)
    axes.xaxis.set_visible(False)
    axes.yaxis.set_visible(False)
    return axes


def _svg(figure: Figure, title: str) -> str:
    """Return the figure as SVG text: the same figure gives the same text."""
    from io import StringIO

    from matplotlib.backends.backend_svg import FigureCanvasSVG

    stream = StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(stream, metadata={"Date": None, "Creator": "nmqc", "Title": fonts.printable(title)})
    return stream.getvalue()


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
    "left": _Side(0, "right", "center", 90.0, 1.0, 9.4),
    "right": _Side(1, "left", "center", 90.0, 1.0, 10.0),
}


def _number_side(axes: Axes, name: str, label: str) -> None:
    """Draw ticks, numbers and the label of one side of the axes.

    matplotlib's own axis objects take most of the time of a whole figure to draw the same.
    """
    side, across = _SIDES[name], name == "bottom"
    ticks = _ticks(axes.get_xlim() if across else axes.get_ylim())
    transform = axes.get_xaxis_transform() if across else axes.get_yaxis_transform()
    edge, step = _outwards(axes, name)
    edges = [edge] * len(ticks)
    axes.plot(
        *((ticks, edges) if across else (edges, ticks)),
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
    for tick, words in zip(ticks, _tick_words(ticks), strict=True):
        place = edge + step * side.number_mm
        axes.text(
            *((tick, place) if across else (place, tick)), words, transform=transform, ha=side.ha, va=side.va
        )
    middle, beyond = 0.5, edge + step * side.label_mm
    axes.text(
        *((middle, beyond) if across else (beyond, middle)),
        fonts.printable(label),
        transform=axes.transAxes,
        rotation=side.rotation,
        ha="center",
        va="top" if across else "center",
    )


def _outwards(axes: Axes, name: str) -> tuple[float, float]:
    """Return where a side lies in fractions of the axes, and the fraction that is one mm outwards."""
    width_mm, height_mm = axes.bbox.width / _POINTS_PER_MM, axes.bbox.height / _POINTS_PER_MM
    return {"bottom": (0.0, -1 / height_mm), "left": (0.0, -1 / width_mm), "right": (1.0, 1 / width_mm)}[name]


def _ticks(limits: tuple[float, float]) -> list[float]:
    """Return a few round numbers between two limits, in whichever order these are."""
    from matplotlib.ticker import MaxNLocator

    low, high = min(limits), max(limits)
    margin = 1e-9 * (high - low)
    found = MaxNLocator(nbins=6, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [float(tick) for tick in found if low - margin <= tick <= high + margin]


def _tick_words(ticks: Sequence[float]) -> list[str]:
    """Return the numbers at the ticks: as many decimals as their step needs, a true minus sign."""
    from math import floor, log10

    if max((abs(tick) for tick in ticks), default=0.0) >= _LARGEST_PLAIN:
        return [f"{tick:g}".replace("-", "\u2212") for tick in ticks]
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    places = max(0, -floor(log10(step) + 1e-6))
    return [f"{round(tick, places) + 0.0:.{places}f}".replace("-", "\u2212") for tick in ticks]


@dataclass(frozen=True, slots=True)
class _Legend:
    """What a legend lists, each name once, and in how many columns it fits."""

    names: tuple[str, ...]
    columns: int

    @property
    def rows(self) -> int:
        return -(-len(self.names) // self.columns)


def _legend(labels: Sequence[str]) -> _Legend:
    """Return the legend of some labels: as many columns as fit above the axes."""
    names = tuple(dict.fromkeys(fonts.printable(label) for label in labels if label))
    columns = len(names)
    while columns > 1 and _legend_width(names, columns) > (WIDTH_MM - _LEFT_MM) * _POINTS_PER_MM:
        columns -= 1
    return _Legend(names, max(columns, 1))


def _legend_width(names: Sequence[str], columns: int) -> float:
    """Return the width in points; matplotlib fills the columns one after the other, the first ones longer."""
    rows, longer = divmod(len(names), columns)
    sizes = [rows + (number < longer) for number in range(columns)]
    starts = [sum(sizes[:number]) for number in range(columns)]
    widest = [
        max(_text_size(name)[0] for name in names[start : start + size])
        for start, size in zip(starts, sizes, strict=True)
    ]
    return sum(widest) + columns * (_LEGEND_HANDLE_PT + _LEGEND_GAP_PT)


def _draw_legend(axes: Axes, legend: _Legend) -> None:
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


# --- pictures -------------------------------------------------------------------------------------------


def edges_mm(picture: Picture) -> tuple[float, float, float, float]:
    """Return the outer edges of the image: left, right, bottom and top, in mm; bottom has the larger y."""
    rows, columns = picture.image.shape
    down_mm, along_mm = picture.spacing_mm
    x_mm, y_mm = picture.centre_mm
    half_width_mm, half_height_mm = columns * along_mm / 2, rows * down_mm / 2
    return x_mm - half_width_mm, x_mm + half_width_mm, y_mm + half_height_mm, y_mm - half_height_mm


def _picture_size(picture: Picture) -> tuple[float, float]:
    """Return the size of the axes on paper: as wide as a column, or as high as allowed, true to scale."""
    left, right, bottom, top = edges_mm(picture)
    low, high = _PICTURE_HEIGHTS_MM
    width_mm = WIDTH_MM - _LEFT_MM - _BAR_MM
    height_mm = width_mm * (bottom - top) / (right - left)
    if height_mm > high:
        return max(width_mm * high / height_mm, low), high
    return width_mm, max(height_mm, low)


def _draw_image(axes: Axes, picture: Picture) -> AxesImage:
    values = _drawn_values(picture)
    low, high = _range(values, picture)
    image = axes.imshow(
        values,
        extent=edges_mm(picture),
        cmap=_colour_map(picture),
        vmin=low,
        vmax=high,
        interpolation="none",
        origin="upper",
        aspect="equal",
    )
    _number_side(axes, "bottom", "x / mm")
    _number_side(axes, "left", "y / mm (down)")
    return image


def _drawn_values(picture: Picture) -> np.ma.MaskedArray[Any, Any]:
    """Return the image to draw: what was not analysed masked, and averaged where it is finer than print."""
    import numpy as np

    image = np.asarray(picture.image, dtype=np.float64)
    shown = np.isfinite(image) if picture.shown is None else picture.shown & np.isfinite(image)
    factor = _averaging(image.shape)
    if factor == 1:
        return np.ma.masked_array(image, ~shown)
    rows, columns = image.shape[0] // factor, image.shape[1] // factor
    blocks = np.where(shown, image, 0.0).reshape(rows, factor, columns, factor).sum(axis=(1, 3))
    pixels = shown.reshape(rows, factor, columns, factor).sum(axis=(1, 3))
    return np.ma.masked_array(blocks / np.maximum(pixels, 1), pixels == 0)


def _averaging(shape: tuple[int, ...]) -> int:
    """Return how many pixels make one drawn pixel, each way: a whole number that divides the image."""
    enough = max(1, -(-max(shape) // _PIXELS_DRAWN))
    divisors = (
        factor for factor in range(enough, 2 * enough + 1) if all(size % factor == 0 for size in shape)
    )
    return next(divisors, 1)


def _range(values: np.ma.MaskedArray[Any, Any], picture: Picture) -> tuple[float, float]:
    """Return the values that are darkest and lightest."""
    found: NDArray[np.float64] = values.compressed()
    if found.size == 0:
        return 0.0, 1.0
    low, high = float(found.min()), float(found.max())
    if picture.scale == "counts":
        return min(low, 0.0), high if high > 0 else 1.0
    half = max(high - picture.midpoint, picture.midpoint - low) or 1.0
    return picture.midpoint - half, picture.midpoint + half


def _colour_map(picture: Picture) -> Any:
    """Return the colours: both maps grow lighter all the way, and one runs from blue to yellow."""
    import matplotlib

    name = "gray" if picture.scale == "counts" else "cividis"
    return matplotlib.colormaps[name].with_extremes(bad=_NOT_ANALYSED)


def _draw_scale(figure: Figure, axes: Axes, image: AxesImage, picture: Picture) -> None:
    """Draw the colour bar beside the image, as high as the image itself."""
    import numpy as np

    across_mm = figure.get_figwidth() * MM_PER_INCH
    box = axes.get_position()
    bar = _bare_axes(figure, (box.x1 + 2.0 / across_mm, box.y0, 2.5 / across_mm, box.height))
    low, high = image.get_clim()
    ramp = np.linspace(low, high, 256)[:, np.newaxis]
    bar.imshow(ramp, cmap=image.cmap, extent=(0.0, 1.0, low, high), origin="lower", aspect="auto")
    bar.set_facecolor(image.cmap(0.0))
    if picture.scale == "diverging":
        bar.axhline(picture.midpoint, color="black", linewidth=0.8)
    _number_side(bar, "right", picture.unit)


def _draw_region(axes: Axes, region: Region) -> None:
    """Draw the outlines of a region, light with a dark rim, so that they are seen on dark and on light."""
    from matplotlib.patheffects import withStroke

    styles = {"main": ("-", 1.1), "second": ((0, (4, 2.5)), 1.1), "box": ("-", 0.6)}
    dashes, width = styles[region.style]
    for number, outline in enumerate(region.outlines_mm):
        axes.plot(
            [*outline[:, 0], outline[0, 0]],
            [*outline[:, 1], outline[0, 1]],
            linestyle=dashes,
            linewidth=width,
            color="#ffffff" if region.style != "box" else "#ffe37a",
            label=fonts.printable(region.label) if number == 0 and region.label else "_",
            path_effects=[withStroke(linewidth=width + 1.2, foreground="black")],
            scalex=False,
            scaley=False,
        )


def _draw_text(axes: Axes, label: Label) -> None:
    """Write a short text on the picture, light with a dark rim."""
    from matplotlib.patheffects import withStroke

    axes.text(
        label.x_mm,
        label.y_mm,
        fonts.printable(label.text),
        color="white",
        ha="center",
        va="center",
        path_effects=[withStroke(linewidth=1.8, foreground="black")],
        clip_on=True,
    )


# --- marks ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Spot:
    """A marked place and what is there."""

    x_mm: float
    y_mm: float
    words: str


def _draw_marks(axes: Axes, marks: Sequence[Position]) -> None:
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
    size = _text_size(spot.words)
    free = _free_place(place, size, taken, axes.bbox)
    label = axes.annotate(
        spot.words,
        (spot.x_mm, spot.y_mm),
        xytext=(free[0] - place[0], free[1] - place[1]),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=_FONT_PT,
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


def _text_size(words: str) -> tuple[float, float]:
    """Return width and height of a label with its frame, in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=[fonts.FAMILY], size=_FONT_PT)
    width, height, _ = text_to_path.get_text_width_height_descent(words, font, ismath=False)
    return width + 4.0, height + 4.0


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


# --- curves ---------------------------------------------------------------------------------------------


def _draw_grid(axes: Axes) -> None:
    style: dict[str, Any] = {"color": "#dddddd", "linewidth": 0.3, "zorder": 0.5}
    axes.vlines(_ticks(axes.get_xlim()), 0, 1, transform=axes.get_xaxis_transform(), **style)
    axes.hlines(_ticks(axes.get_ylim()), 0, 1, transform=axes.get_yaxis_transform(), **style)


def _draw_line(axes: Axes, line: Line, colour: str) -> None:
    """Draw one line: main ones solid, second ones dashed, guides thin and dotted; its error as a band about it."""
    styles: dict[str, Any] = {"main": "-", "second": (0, (4, 2)), "guide": (0, (1, 1.5))}
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
        axes.fill_between(line.x, low, high, color=colour, alpha=_BAND_ALPHA, linewidth=0)


def _draw_points(axes: Axes, line: Line, colour: str, marker: str) -> None:
    """Draw points without a line between them; their errors as bars."""
    axes.errorbar(
        line.x,
        line.y,
        yerr=line.error,
        color=colour,
        linestyle="none",
        marker=marker,
        markersize=3.0,
        markeredgewidth=0.0,
        elinewidth=0.7,
        capsize=1.4,
        capthick=0.7,
        label=fonts.printable(line.label) or "_",
    )
