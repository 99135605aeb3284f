"""Evidence drawn as vector graphics: with the fonts, the only part that knows matplotlib.

One module for each kind of evidence; no test is known by name. Sizes are those on paper. Dark is low and
light is high in every image, so that a print in black and white reads the same.
"""

from __future__ import annotations

from nmqc.model import Curve, Figure, Picture, Polar, Sinogram
from nmqc.report.figures.curve import curve_svg
from nmqc.report.figures.picture import picture_svg
from nmqc.report.figures.polar import polar_svg
from nmqc.report.figures.sinogram import sinogram_svg


def svg(item: Figure) -> str:
    """Return a figure of any kind as an SVG document: the same evidence gives the same text."""
    match item:
        case Picture():
            return picture_svg(item)
        case Sinogram():
            return sinogram_svg(item)
        case Polar():
            return polar_svg(item)
        case Curve():
            return curve_svg(item)
