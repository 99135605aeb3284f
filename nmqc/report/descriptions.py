"""What a figure shows, in words, for those who cannot see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nmqc.model import Curve, Figure, Line, Picture, Polar, Position, Sinogram
from nmqc.report import wording

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def describe(item: Figure) -> str:
    """Return the alternative text of a figure of any kind."""
    match item:
        case Picture():
            return _picture(item)
        case Sinogram():
            return _sinogram(item)
        case Polar():
            return _polar(item)
        case Curve():
            return _curve(item)


def _picture(picture: Picture) -> str:
    rows, columns = picture.image.shape
    down_mm, along_mm = picture.spacing_mm
    axes = (
        "" if picture.axes == ("x", "y") else f", {picture.axes[0]} to the right and {picture.axes[1]} down"
    )
    parts = [
        f"Image: {picture.title}, in {picture.unit}",
        f"{columns} columns by {rows} rows of {along_mm:.3g} by {down_mm:.3g} mm{axes}",
    ]
    if outlined := list(dict.fromkeys(region.label for region in picture.regions if region.label)):
        parts.append(f"Outlined: {', '.join(outlined)}")
    if picture.labels:
        written = (wording.position(Position(label.text, label.x_mm, label.y_mm)) for label in picture.labels)
        parts.append(f"Written, in mm from the centre: {', '.join(written)}")
    if picture.marks:
        marked = (wording.position(mark) for mark in picture.marks)
        parts.append(f"Marked, in mm from the centre: {', '.join(marked)}")
    return ". ".join(parts) + "."


def _sinogram(sinogram: Sinogram) -> str:
    views, columns = sinogram.image.shape
    parts = [
        f"Sinogram: {sinogram.title}, in {sinogram.unit}",
        f"{columns} columns of {sinogram.spacing_mm:.3g} mm by {views} views",
    ]
    if sinogram.tracks:
        tracks = (_range(track, track.x, 1) for track in sinogram.tracks)
        parts.append(f"Tracks, in mm from the centre: {', '.join(tracks)}")
    return ". ".join(parts) + "."


def _polar(polar: Polar) -> str:
    lines = ", ".join(_range(line, line.y, 2) for line in polar.lines)
    return f"Polar plot: {polar.title}. {polar.label} against the angle in degrees. Lines: {lines or 'none'}."


def _curve(curve: Curve) -> str:
    lines = ", ".join(line.label for line in curve.lines if line.label)
    bands = ", ".join(band.label for band in curve.bands)
    shaded = f" Bands: {bands}." if bands else ""
    return f"Curve: {curve.title}. {curve.y_label} against {curve.x_label}. Lines: {lines or 'one'}.{shaded}"


def _range(line: Line, values: NDArray[np.float64], places: int) -> str:
    name = line.label or "one"
    if values.size == 0:
        return f"{name} without points"
    low, high = (round(float(end), places) + 0.0 for end in (values.min(), values.max()))
    return f"{name} from {low:+.{places}f} to {high:+.{places}f}"
