"""The quantities of the resolution tests. Cheap to import: the catalogue and the limits need the names alone."""

from __future__ import annotations

from nmqc.model import Metric

BARS, SLITS, LINES = "resolution.bars", "resolution.slits", "resolution.lines"

_BARS_PAGE = "nmqc, docs/methods/bars.md"
_HANDER = "Hander et al., Med Phys 1997;24:327"


def _metrics(test: str, about: dict[str, tuple[str, str, str]]) -> dict[str, Metric]:
    return {name: Metric(f"{test}.{name}", *rest) for name, rest in about.items()}


#: short name ("fwhm") -> Metric
BARS_METRICS: dict[str, Metric] = _metrics(
    BARS,
    {
        "fwhm": ("mm", _BARS_PAGE, "FWHM, joint fit"),
        "contrast": ("ratio", _BARS_PAGE, "input contrast, joint fit"),
        "modulation": ("ratio", _BARS_PAGE, "modulation"),
        "mtf": ("ratio", _BARS_PAGE, "MTF"),
        "fwhm_moments": ("mm", _HANDER, "FWHM, moments as published"),
        "fwhm_moments_pi4": ("mm", f"{_HANDER}, with pi/4", "FWHM, moments with pi/4"),
        "width": ("mm", _BARS_PAGE, "bar width"),
        "smallest_resolved": ("mm", _BARS_PAGE, "smallest resolved bars"),
        "limit": ("mm", _BARS_PAGE, "resolution limit, bar width"),
        "rotation": ("deg", _BARS_PAGE, "rotation of the phantom"),
        "centre_x": ("mm", _BARS_PAGE, "centre of the phantom, x"),
        "centre_y": ("mm", _BARS_PAGE, "centre of the phantom, y"),
        "pixel_scale": ("ratio", _BARS_PAGE, "pixel scale by the bars"),
        "linearity_sd": ("mm", _BARS_PAGE, "bar straightness, SD"),
        "linearity_max": ("mm", _BARS_PAGE, "bar straightness, largest"),
    },
)
SLITS_METRICS: dict[str, Metric] = _metrics(
    SLITS,
    {
        "fwhm": ("mm", "NEMA NU 1, 2.1", "intrinsic FWHM"),
        "fwtm": ("mm", "NEMA NU 1, 2.1", "intrinsic FWTM"),
        "linearity_differential": ("mm", "NEMA NU 1, 2.2", "differential linearity"),
        "linearity_absolute": ("mm", "NEMA NU 1, 2.2", "absolute linearity"),
        "pixel_size": ("mm", "NEMA NU 1, 2.1", "pixel size by the slits"),
    },
)
LINES_METRICS: dict[str, Metric] = _metrics(
    LINES,
    {
        "fwhm": ("mm", "NEMA NU 1, 3.1", "FWHM"),
        "fwtm": ("mm", "NEMA NU 1, 3.1", "FWTM"),
        "fwhm_gauss": ("mm", "nmqc, docs/methods/lines.md", "FWHM, Gaussian fit"),
        "angle": ("deg", "nmqc, docs/methods/lines.md", "angle of the line"),
        "separation": ("mm", "nmqc, docs/methods/lines.md", "distance of parallel lines"),
        "pixel_size": ("mm", "IAEA Human Health Series 6, 4.3.2", "pixel size by the lines"),
    },
)
