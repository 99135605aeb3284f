"""Sinograms: an image of views and columns, with tracks drawn over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nmqc.model import Line, Sinogram
from nmqc.report import fonts
from nmqc.report.figures.canvas import settings, sheet, svg_text
from nmqc.report.figures.legend import draw_legend, legend_of
from nmqc.report.figures.looks import GUIDE_DASHES, in_turn
from nmqc.report.figures.paper import BAR_MM, GANTRY_MM, LEFT_MM, WIDTH_MM
from nmqc.report.figures.scale import colour_map, draw_scale, range_of
from nmqc.report.figures.sides import number_side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

#: Light colours, each with dashes of its own: the black rim shows them on light.
_TRACKS: tuple[tuple[str, Any], ...] = (
    ("#ffffff", "-"),
    ("#6cc5ff", (0, (4.5, 1.6))),
    ("#ffb000", (0, (1.8, 1.6))),
    ("#4be3a4", (0, (7, 1.6, 1.8, 1.6))),
    ("#ff9bd8", (0, (9, 3.5))),
)
_GUIDE: tuple[str, Any] = ("#ffffff", GUIDE_DASHES)
_TRACK_PT, _RIM_PT, _POINT_PT = 0.8, 0.7, 1.6


def sinogram_svg(sinogram: Sinogram) -> str:
    """Return a sinogram as an SVG document: x in mm to the right, the views downwards from the first.

    The outer edges of the image are those of its columns and views: view j reaches from j - 1/2 to j + 1/2. Tracks
    are told apart by colour and dashes, whatever their style; those of style "points" are dots without a line.
    """
    with settings():
        legend = legend_of([track.label for track in sinogram.tracks])
        figure, axes = sheet(WIDTH_MM - LEFT_MM - BAR_MM, GANTRY_MM, legend, BAR_MM)
        image = _draw_image(axes, sinogram)
        draw_scale(figure, axes, image, sinogram.unit, None)
        _draw_tracks(axes, sinogram)
        draw_legend(axes, legend)
        return svg_text(figure, sinogram.title)


def _draw_image(axes: Axes, sinogram: Sinogram) -> AxesImage:
    import numpy as np

    views, columns = sinogram.image.shape
    half_mm = columns * sinogram.spacing_mm / 2
    values = np.ma.masked_invalid(np.asarray(sinogram.image, dtype=np.float64))
    low, high = range_of(values, None)
    image = axes.imshow(
        values,
        extent=(-half_mm, half_mm, views + 0.5, 0.5),
        cmap=colour_map(None),
        vmin=low,
        vmax=high,
        interpolation="none",
        origin="upper",
        aspect="auto",
    )
    number_side(axes, "bottom", "x / mm")
    number_side(axes, "left", "view (down)", whole=True)
    return image


def _draw_tracks(axes: Axes, sinogram: Sinogram) -> None:
    own = [track for track in sinogram.tracks if track.style != "guide"]
    looks = iter(in_turn(own, _TRACKS))
    for track in sinogram.tracks:
        _draw_track(axes, track, *(_GUIDE if track.style == "guide" else next(looks)))


def _draw_track(axes: Axes, track: Line, colour: str, dashes: Any) -> None:
    """Draw a track, light with a dark rim, so that it is seen on dark and on light."""
    from matplotlib.patheffects import withStroke

    dotted = track.style == "points"
    axes.plot(
        track.x,
        track.y,
        linestyle="none" if dotted else dashes,
        linewidth=_TRACK_PT,
        marker="o" if dotted else "",
        markersize=_POINT_PT,
        markeredgewidth=0.0,
        color=colour,
        label=fonts.printable(track.label) or "_",
        path_effects=[withStroke(linewidth=_TRACK_PT + _RIM_PT, foreground="black")],
        scalex=False,
        scaley=False,
    )
