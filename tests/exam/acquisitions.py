"""Acquisitions made from phantoms without a file between, as `nmqc validate` makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from nmqc.model import Acquisition
from nmqc.validate.acquisitions import acquisition, countless, gantry_of, input_of, planar, together, turning

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


def with_counts(made: Acquisition, counts: NDArray[Any], **further: Any) -> Acquisition:
    """Return an acquisition whose every frame holds other counts."""
    frames = (
        replace(frame, counts=counts, input=input_of(counts, frame.input.file), **further)
        for frame in made.frames
    )
    return replace(made, frames=tuple(frames))
