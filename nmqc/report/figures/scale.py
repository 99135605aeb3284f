"""From values to greys and colours, and the bar that tells which is which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nmqc.report.figures.canvas import bare_axes
from nmqc.report.figures.paper import MM_PER_INCH
from nmqc.report.figures.sides import number_side

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from numpy.typing import NDArray

_NOT_ANALYSED = "#ffffff"


def range_of(values: np.ma.MaskedArray[Any, Any], midpoint: float | None) -> tuple[float, float]:
    """Return the values that are darkest and lightest: from zero, or as far below a midpoint as above."""
    found: NDArray[np.float64] = values.compressed()
    if found.size == 0:
        return 0.0, 1.0
    low, high = float(found.min()), float(found.max())
    if midpoint is None:
        return min(low, 0.0), high if high > 0 else 1.0
    half = max(high - midpoint, midpoint - low) or 1.0
    return midpoint - half, midpoint + half


def colour_map(midpoint: float | None) -> Any:
    """Return the colours: both maps grow lighter all the way, and that about a midpoint runs from blue to yellow."""
    import matplotlib

    name = "gray" if midpoint is None else "cividis"
    return matplotlib.colormaps[name].with_extremes(bad=_NOT_ANALYSED)


def draw_scale(figure: Figure, axes: Axes, image: AxesImage, unit: str, midpoint: float | None) -> None:
    """Draw the colour bar beside the image, as high as the image itself."""
    import numpy as np

    across_mm = figure.get_figwidth() * MM_PER_INCH
    box = axes.get_position()
    bar = bare_axes(figure, (box.x1 + 2.0 / across_mm, box.y0, 2.5 / across_mm, box.height))
    low, high = image.get_clim()
    ramp = np.linspace(low, high, 256)[:, np.newaxis]
    bar.imshow(ramp, cmap=image.cmap, extent=(0.0, 1.0, low, high), origin="lower", aspect="auto")
    bar.set_facecolor(image.cmap(0.0))
    if midpoint is not None:
        bar.axhline(midpoint, color="black", linewidth=0.8)
    number_side(bar, "right", unit)
