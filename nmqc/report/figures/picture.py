"""Pictures: an image in millimetres with its regions, texts and marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nmqc.model import Label, Picture, Region
from nmqc.report import fonts
from nmqc.report.figures.canvas import settings, sheet, svg_text
from nmqc.report.figures.legend import draw_legend, legend_of
from nmqc.report.figures.marks import draw_marks
from nmqc.report.figures.paper import BAR_MM, LEFT_MM, TALL_MM, WIDTH_MM
from nmqc.report.figures.scale import colour_map, draw_scale, range_of
from nmqc.report.figures.sides import number_side

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

_LOWEST_MM = 30.0
_PIXELS_DRAWN = 512


def picture_svg(picture: Picture) -> str:
    """Return a picture as an SVG document: the image in mm, its scale, its regions and its marks.

    The outer edges of the image are the outer edges of its pixels: a pixel is drawn as large as it is. Its axes
    grow to the right and downwards, both from the centre of the acquisition's matrix.
    """
    with settings():
        width_mm, height_mm = _size_mm(picture)
        names = [region.label for region in picture.regions if region.style != "box"]
        legend = legend_of(names, width_mm + BAR_MM)
        figure, axes = sheet(width_mm, height_mm, legend, BAR_MM)
        image = _draw_image(axes, picture)
        draw_scale(figure, axes, image, _unit(picture), _midpoint(picture))
        for region in picture.regions:
            _draw_region(axes, region)
        draw_legend(axes, legend)
        for label in picture.labels:
            _draw_text(axes, label)
        draw_marks(axes, picture.marks)
        return svg_text(figure, picture.title)


def edges_mm(picture: Picture) -> tuple[float, float, float, float]:
    """Return the outer edges of the image: left, right, bottom and top, in mm; bottom has the larger y."""
    rows, columns = picture.image.shape
    down_mm, along_mm = picture.spacing_mm
    x_mm, y_mm = picture.centre_mm
    half_width_mm, half_height_mm = columns * along_mm / 2, rows * down_mm / 2
    return x_mm - half_width_mm, x_mm + half_width_mm, y_mm + half_height_mm, y_mm - half_height_mm


def _size_mm(picture: Picture) -> tuple[float, float]:
    """Return the size of the axes on paper: as wide as a column, or as high as allowed, true to scale."""
    left, right, bottom, top = edges_mm(picture)
    width_mm = WIDTH_MM - LEFT_MM - BAR_MM
    height_mm = width_mm * (bottom - top) / (right - left)
    if height_mm > TALL_MM:
        return max(width_mm * TALL_MM / height_mm, _LOWEST_MM), TALL_MM
    return width_mm, max(height_mm, _LOWEST_MM)


def _unit(picture: Picture) -> str:
    """Return the unit, with a word on values that are higher than the scale."""
    highest = picture.highest
    beyond = highest is not None and bool((picture.image > highest).any())
    return f"{picture.unit} (white: and more)" if beyond else picture.unit


def _midpoint(picture: Picture) -> float | None:
    return picture.midpoint if picture.scale == "diverging" else None


def _draw_image(axes: Axes, picture: Picture) -> AxesImage:
    values = drawn_values(picture)
    low, high = range_of(values, _midpoint(picture))
    if picture.highest is not None and picture.highest > low:
        high = min(high, picture.highest)
    image = axes.imshow(
        values,
        extent=edges_mm(picture),
        cmap=colour_map(_midpoint(picture)),
        vmin=low,
        vmax=high,
        interpolation="none",
        origin="upper",
        aspect="equal",
    )
    along, down = picture.axes
    number_side(axes, "bottom", f"{along} / mm")
    number_side(axes, "left", f"{down} / mm (down)")
    return image


def drawn_values(picture: Picture) -> np.ma.MaskedArray[Any, Any]:
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


def _draw_region(axes: Axes, region: Region) -> None:
    """Draw the outlines of a region, light with a dark rim, so that they are seen on dark and on light."""
    from matplotlib.patheffects import withStroke

    styles: dict[str, tuple[Any, float]] = {
        "main": ("-", 1.1),
        "second": ((0, (4, 2.5)), 1.1),
        "thin": ("-", 0.5),
        "box": ("-", 0.6),
    }
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
