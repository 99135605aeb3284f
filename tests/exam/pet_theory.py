"""Closed forms for PET, as `nmqc validate` uses them."""

from __future__ import annotations

from nmqc.validate.pet_theory import (
    Correlation,
    Floats,
    ball_mean,
    contour_mean,
    disc,
    spread_of_deviation,
)

__all__ = ["Correlation", "Floats", "ball_mean", "contour_mean", "disc", "spread_of_deviation"]
