"""The quantities of the centre-of-rotation test. Cheap to import: catalogue and limits need the names alone."""

from __future__ import annotations

from nmqc.model import Metric

TEST = "cor.point-sources"

_PAGE = "nmqc, docs/methods/cor.md"
_NEMA = "NEMA NU 1, 4.1"
_IAEA = "IAEA Human Health Series 6, 4.3.6"


def _metrics(about: dict[str, tuple[str, str, str]]) -> dict[str, Metric]:
    return {name: Metric(f"cor.{name}", *rest) for name, rest in about.items()}


#: of one detector: short name ("offset") -> Metric
HEAD_METRICS: dict[str, Metric] = _metrics(
    {
        "offset": ("mm", _IAEA, "centre-of-rotation offset"),
        "offset_px": ("px", _IAEA, "centre-of-rotation offset, pixels"),
        "residual_max": ("mm", _IAEA, "largest residual"),
        "residual_rms": ("mm", _IAEA, "residual, RMS"),
        "radius": ("mm", _PAGE, "distance from the axis"),
        "axial_mean": ("mm", _PAGE, "axial position, mean"),
        "axial_range": ("mm", _PAGE, "axial position, range"),
        "tilt": ("deg", _PAGE, "tilt of the detector"),
        "sag": ("mm", _PAGE, "sag, second harmonic"),
        "drift": ("mm/view", _PAGE, "drift"),
        "offset_opposed": ("mm", _IAEA, "offset by opposed views"),
        "offset_slope": ("mm/mm", _PAGE, "slope of the offset along the axis"),
        "resolution": ("mm", _PAGE, "FWHM"),
        "nema_offset": ("mm", _NEMA, "offset of the worst source"),
        "nema_axial": ("mm", _NEMA, "axial range of the worst source"),
    }
)
#: of a pair of detectors
PAIR_METRICS: dict[str, Metric] = _metrics(
    {
        "axial_shift": ("mm", _PAGE, "axial shift between detectors"),
        "offset_difference": ("mm", _PAGE, "difference of the offsets"),
        "phase_difference": ("deg", _PAGE, "relative phase of the detectors"),
        "nema_pair_offset": ("mm", _NEMA, "difference of the offsets, worst source"),
        "nema_pair_axial": ("mm", _NEMA, "axial difference, worst source"),
    }
)
METRICS: dict[str, Metric] = HEAD_METRICS | PAIR_METRICS
