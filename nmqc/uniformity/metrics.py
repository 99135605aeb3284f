"""The quantities of flood uniformity. Cheap to import: the catalogue and the limits need the names alone."""

from __future__ import annotations

from nmqc.model import Metric

TEST = "uniformity.planar"

_CLAUSE = "NEMA NU 1, 2.4"
_BESIDE = "nmqc, docs/methods/uniformity.md"
_INDICES = {
    "integral": "integral uniformity",
    "differential_x": "differential, x",
    "differential_y": "differential, y",
    "differential": "differential uniformity",
}
_SPREADS = {"cov": "coefficient of variation", "structural_cov": "structural variation"}
_SHAPES = {
    "rows": "row uniformity",
    "columns": "column uniformity",
    "tilt": "tilt of the fitted plane",
    "centre_to_edge": "centre to edge",
}


def _all() -> dict[str, Metric]:
    metrics = {}
    for field in ("ufov", "cfov"):
        for name, label in _INDICES.items():
            metrics[f"{name}.{field}"] = ("%", _CLAUSE, f"{label}, {field.upper()}")
        for name, label in _SPREADS.items():
            metrics[f"{name}.{field}"] = ("%", _BESIDE, f"{label}, {field.upper()}")
    for name, label in _SHAPES.items():
        metrics[name] = ("%", _BESIDE, label)
    metrics["counts_per_pixel"] = ("counts", _CLAUSE, "counts per pixel, middle of the field")
    metrics["near_source_distance"] = ("mm", _BESIDE, "source distance by the fall-off")
    return {name: Metric(f"uniformity.{name}", *about) for name, about in metrics.items()}


#: short name ("integral.ufov") -> Metric
METRICS: dict[str, Metric] = _all()
