"""Acquisitions made from phantoms without a file between, as `nmqc validate` makes them."""

from __future__ import annotations

from nmqc.validate.acquisitions import (
    acquisition,
    countless,
    gantry_of,
    input_of,
    planar,
    together,
    turning,
    with_counts,
)

__all__ = [
    "acquisition",
    "countless",
    "gantry_of",
    "input_of",
    "planar",
    "together",
    "turning",
    "with_counts",
]
