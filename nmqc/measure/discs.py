"""Means over discs, every pixel weighted by the exact part of it that the disc covers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.grid import Axis

Floats = NDArray[np.float64]


def disc_weights(
    x_edges_mm: Floats, y_edges_mm: Floats, centre_mm: tuple[float, float], radius_mm: float
) -> tuple[slice, slice, Floats]:
    """Return which pixels a disc touches, and the part of each that it covers.

    The area of the disc left of x and above y is known in closed form; a pixel's share is the difference of it over
    its four corners, divided by the pixel's area. Shares times areas add up to pi R^2 to rounding.

    Parameters
    ----------
    x_edges_mm : shape (columns + 1,), rising
    y_edges_mm : shape (rows + 1,), rising
    centre_mm : (x, y), anywhere; a part of the disc beyond the edges is left out
    radius_mm : of the disc

    Returns
    -------
    rows, columns, weights
        `weights` has the shape of `image[rows, columns]`; each in [0, 1].
    """
    columns, rows = (
        _touched(edges, middle, radius_mm)
        for edges, middle in zip((x_edges_mm, y_edges_mm), centre_mm, strict=True)
    )
    x_mm = x_edges_mm[columns.start : columns.stop + 1] - centre_mm[0]
    y_mm = y_edges_mm[rows.start : rows.stop + 1] - centre_mm[1]
    corners = _area_before(x_mm[None, :], y_mm[:, None], radius_mm)
    areas = np.diff(np.diff(corners, axis=0), axis=1)
    weights = areas / (np.diff(y_mm)[:, None] * np.diff(x_mm)[None, :])
    return rows, columns, np.clip(weights, 0.0, 1.0)


def disc_mean(
    image: NDArray[Any], rows: Axis, columns: Axis, centre_mm: tuple[float, float], radius_mm: float
) -> float:
    """Return the mean over a disc, weighted by covered area; of several images at once see `disc_means`.

    Parameters
    ----------
    image : shape (rows, columns)
    rows, columns : the axes of the image, in the same millimetres as the centre
    centre_mm : (x, y)

    Raises
    ------
    CannotMeasure
        ``roi_outside``: the disc touches the border of the image.

    References
    ----------
    NEMA NU 2, 7: regions take account of partial pixels.
    """
    return float(disc_means(image[None], rows, columns, centre_mm, radius_mm)[0])


def disc_means(
    images: NDArray[Any], rows: Axis, columns: Axis, centre_mm: tuple[float, float], radius_mm: float
) -> Floats:
    """Return the mean over the same disc of every image, shape (images,); see `disc_mean`."""
    require_inside(rows, columns, centre_mm, radius_mm)
    down, along, weights = disc_weights(columns.edges_mm, rows.edges_mm, centre_mm, radius_mm)
    part = np.asarray(images[:, down, along], np.float64)
    # element by element, so that a mean does not depend on how many images are given
    return np.asarray((part * weights).sum(axis=(1, 2)) / weights.sum())


def require_inside(rows: Axis, columns: Axis, centre_mm: tuple[float, float], radius_mm: float) -> None:
    """Refuse a disc that touches the border of the image: its mean would be that of a part.

    Raises
    ------
    CannotMeasure
        ``roi_outside``.
    """
    for axis, middle in zip((columns, rows), centre_mm, strict=True):
        first, last = axis.start_mm, axis.start_mm + axis.count * axis.pitch_mm
        if not first < middle - radius_mm <= middle + radius_mm < last:
            raise CannotMeasure(
                "roi_outside",
                f"a region of {2 * radius_mm:g} mm at ({centre_mm[0]:.1f}, {centre_mm[1]:.1f}) mm touches the border "
                "of the image: centre the phantom, or reconstruct a larger field of view",
            )


def _touched(edges_mm: Floats, middle_mm: float, radius_mm: float) -> slice:
    """Return the pixels between whose edges any of the disc lies; at least one."""
    last = edges_mm.size - 2
    low = int(np.searchsorted(edges_mm, middle_mm - radius_mm, side="right")) - 1
    high = int(np.searchsorted(edges_mm, middle_mm + radius_mm, side="left")) - 1
    low = min(max(low, 0), last)
    return slice(low, max(min(high, last), low) + 1)


def _area_before(x_mm: Floats, y_mm: Floats, radius_mm: float) -> Floats:
    """Return the area of the disc about the origin left of x and above y; x and y broadcast.

    With h(t) = sqrt(R^2 - t^2), the integral over t from -R to x of clip(y, -h, h) + h. The clipped value is y where
    |t| < c = sqrt(R^2 - y^2), elsewhere h with the sign of y.
    """
    x, y = np.clip(x_mm, -radius_mm, radius_mm), np.clip(y_mm, -radius_mm, radius_mm)
    c = np.sqrt(radius_mm**2 - y**2)
    within = np.clip(x, -c, c)
    whole = _half_area(x, radius_mm) + 0.25 * np.pi * radius_mm**2
    middle = _half_area(within, radius_mm) + _half_area(c, radius_mm)
    return np.asarray(whole + y * (within + c) + np.sign(y) * (whole - middle))


def _half_area(x_mm: Floats, radius_mm: float) -> Floats:
    """Return the integral of sqrt(R^2 - t^2) over t from 0 to x."""
    root = np.sqrt(np.maximum(radius_mm**2 - x_mm**2, 0.0))
    return np.asarray(0.5 * (x_mm * root + radius_mm**2 * np.arcsin(np.clip(x_mm / radius_mm, -1.0, 1.0))))
