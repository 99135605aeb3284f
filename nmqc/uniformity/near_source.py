"""The fall-off of an intrinsic flood with a near source, and its correction.

A point source at a distance D on the axis gives a flat thin detector the counts

    c(x, y) = C0 [1 + ((x - x0)^2 + (y - y0)^2) / De^2]^(-3/2)

inverse square times obliquity. The longer path in a thick crystal towards the edges makes up for some of it: for
9.5 mm of NaI at 140 keV the same curve holds with De 4.5 % longer than D.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure

THICK_CRYSTAL = 1.045  # effective over true distance, 9.5 mm NaI at 140 keV; computed
THICK_SYSTEMS = ("intevo", "symbia-t2")  # 9.5 mm crystals by their headers
DISTANCE_RANGE_MM = (300.0, 6000.0)
OFFSET_LIMIT_MM = 300.0
NO_FALL_OFF = (
    "the flood does not fall off as under a point source 0.3 to 6 m away: "
    "is --source-distance right, was the collimator off?"
)


@dataclass(frozen=True, slots=True)
class FallOff:
    """A fitted fall-off: source distance and offset in mm, the distance with its standard error."""

    distance_mm: float
    distance_error_mm: float | None
    x_mm: float
    y_mm: float

    def relative(self, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the counts over those below the source."""
        squared = (x_mm - self.x_mm) ** 2 + (y_mm - self.y_mm) ** 2
        return np.asarray((1 + squared / self.distance_mm**2) ** -1.5)


def fit(
    counts: NDArray[np.float64],
    x_mm: NDArray[np.float64],
    y_mm: NDArray[np.float64],
    distance_mm: float,
    *,
    free: bool,
) -> FallOff:
    """Fit the fall-off to re-binned pixels by least squares, weighted by 1 / c, outliers clipped twice.

    Parameters
    ----------
    counts, x_mm, y_mm : shape (pixels,)
    distance_mm : effective distance De to start from, kept as it is unless `free`
    free : whether the distance is fitted too

    Raises
    ------
    CannotMeasure
        ``near_source``: the fit leaves 0.3 m to 6 m, or the source lies more than 0.3 m off the centre.
    """
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            return _checked(*_fitted(counts, x_mm, y_mm, distance_mm, free=free), free=free)
    except (np.linalg.LinAlgError, FloatingPointError):
        raise CannotMeasure("near_source", NO_FALL_OFF) from None


def _fitted(
    counts: NDArray[np.float64],
    x_mm: NDArray[np.float64],
    y_mm: NDArray[np.float64],
    distance_mm: float,
    *,
    free: bool,
) -> tuple[float, float, float, float | None]:
    """Return curvature, offset and the curvature's standard error."""
    keep = np.ones(counts.size, bool)
    scale, curvature, x0, y0 = float(np.median(counts)), distance_mm**-2, 0.0, 0.0
    covariance: NDArray[Any] = np.zeros((4, 4))
    for clip in range(3):
        for _ in range(12):
            squared = (x_mm - x0) ** 2 + (y_mm - y0) ** 2
            base = 1 + squared * curvature
            model = scale * base**-1.5
            design = np.column_stack(
                [
                    model / scale,
                    3 * model / base * curvature * (x_mm - x0),
                    3 * model / base * curvature * (y_mm - y0),
                    -1.5 * model / base * squared,
                ]
            )[:, : 4 if free else 3]
            weight = 1 / np.sqrt(np.maximum(model, 1e-12))
            rows = design[keep] * weight[keep, None]
            sizes = np.maximum(
                np.linalg.norm(rows, axis=0), 1e-300
            )  # else the scale is lost beside the curvature
            step = np.linalg.lstsq(rows / sizes, (counts - model)[keep] * weight[keep], rcond=None)[0] / sizes
            scale, x0, y0 = scale + step[0], x0 + step[1], y0 + step[2]
            if free:
                curvature = max(curvature + step[3], 1e-12)
        residual = (counts - model) * weight
        spread = 1.4826 * float(np.median(np.abs(residual[keep])))
        if clip < 2 and spread > 0:
            keep = np.abs(residual) <= 3 * spread
    if free:
        scaled = rows / sizes
        covariance = np.linalg.inv(scaled.T @ scaled) / np.outer(sizes, sizes)
    return curvature, x0, y0, float(covariance[3, 3]) ** 0.5 if free else None


def _checked(curvature: float, x0: float, y0: float, error: float | None, *, free: bool) -> FallOff:
    distance = curvature**-0.5
    low, high = DISTANCE_RANGE_MM
    if (free and not low <= distance <= high) or max(abs(x0), abs(y0)) > OFFSET_LIMIT_MM:
        raise CannotMeasure("near_source", NO_FALL_OFF)
    return FallOff(distance, None if error is None else error * distance**3 / 2, float(x0), float(y0))


def effective_over_true(system: str) -> float:
    """Return the effective over the true distance of a source for a recognised system; 1 for any other."""
    return THICK_CRYSTAL if system in THICK_SYSTEMS else 1.0
