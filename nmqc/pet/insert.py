"""What the image shows in the lung insert of the IEC phantom, which holds no activity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmqc.errors import CannotMeasure
from nmqc.measure.discs import Floats, disc_mean, disc_means
from nmqc.model import Volume
from nmqc.pet.background import RADIUS_MM as BACKGROUND_RADIUS_MM
from nmqc.pet.background import Placement, slice_mm
from nmqc.pet.coarse import axes_of
from nmqc.pet.options import Options
from nmqc.pet.phantom import IecPhantom, LungAxis
from nmqc.pet.scatter import Scatter, require_finite

RADIUS_MM = 15.0
EXCLUSION_MM = {"2007": 10.0, "2012": 10.0, "2018": 30.0}
LEAST_EXCLUSION_CUT_MM = 10.0  # where the volume cuts the body, whose outer slices are noisy
FEWEST_SLICES = 3


@dataclass(frozen=True, slots=True, eq=False)
class Insert:
    """The residual in the lung insert, slice by slice.

    Attributes
    ----------
    slices : indices, rising
    z_mm, x_mm, y_mm : of the circles' centres
    residuals : % of the background
    parts : of the uncertainty of their mean: "slices", "background"
    exclusion_mm : left out at either end
    """

    slices: tuple[int, ...]
    z_mm: Floats
    x_mm: Floats
    y_mm: Floats
    residuals: Floats
    parts: dict[str, float]
    exclusion_mm: float

    @property
    def mean(self) -> float:
        """Return the mean over the slices, in percent."""
        return float(self.residuals.mean())

    def parameters(self) -> dict[str, Any]:
        """Return what was used and found, as JSON values."""
        return {
            "slices": [self.slices[0] + 1, self.slices[-1] + 1],
            "exclusion_mm": self.exclusion_mm,
            "least": round(float(self.residuals.min()), 2),
            "most": round(float(self.residuals.max()), 2),
            "each": [round(float(one), 2) for one in self.residuals],
        }


def measure_insert(
    volume: Volume,
    phantom: IecPhantom,
    scatter: Scatter,
    placement: Placement,
    options: Options,
    edition: str,
) -> Insert:
    """Measure circles of 30 mm along the axis of the insert, on every slice but those near its ends.

    Each is divided by the mean of all 37 mm background circles, or (`lung_background` "per-slice") of the twelve at
    the same places on its own slice. The standard error of the mean over n slices takes the correlation f of
    neighbouring ones into account: SD sqrt((1 + f) / (1 - f) / n).

    Raises
    ------
    CannotMeasure
        ``no_lung_insert``, ``lung_too_short``, ``roi_outside``, ``not_numbers``.

    References
    ----------
    NEMA NU 2, 7: circles of 30 +- 2 mm. How much is left out at the ends differs between editions.
    """
    if phantom.lung is None:
        raise CannotMeasure(
            "no_lung_insert", "no lung insert is seen in the phantom: put it in, or go without"
        )
    exclusion_mm = _exclusion(phantom, options, edition)
    slices = _slices(volume, phantom.lung, exclusion_mm)
    z_mm = np.array([slice_mm(volume, index) for index in slices])
    centres = [phantom.lung.at(float(z)) for z in z_mm]
    _, rows, columns = axes_of(volume)
    means = np.array(
        [
            disc_mean(volume.values[index], rows, columns, centre, RADIUS_MM)
            for index, centre in zip(slices, centres, strict=True)
        ]
    )
    background = _background(volume, scatter, placement, slices, options)
    require_finite(means / background)
    residuals = np.asarray(100 * means / background)
    share = scatter.level_error / scatter.level
    parts = {"slices": _standard_error(residuals), "background": abs(float(residuals.mean())) * share}
    x_mm, y_mm = np.array(centres).T
    return Insert(slices, z_mm, x_mm, y_mm, residuals, parts, exclusion_mm)


def _exclusion(phantom: IecPhantom, options: Options, edition: str) -> float:
    asked = EXCLUSION_MM[edition] if options.lung_exclusion_mm is None else options.lung_exclusion_mm
    return max(asked, LEAST_EXCLUSION_CUT_MM) if phantom.truncated else asked


def _slices(volume: Volume, lung: LungAxis, exclusion_mm: float) -> tuple[int, ...]:
    low, high = lung.first_z_mm + exclusion_mm, lung.last_z_mm - exclusion_mm
    slices = tuple(k for k in range(volume.values.shape[0]) if low <= slice_mm(volume, k) <= high)
    if len(slices) < FEWEST_SLICES:
        raise CannotMeasure(
            "lung_too_short",
            f"{len(slices)} slices of the lung insert are left after {exclusion_mm:g} mm at either end, "
            f"{FEWEST_SLICES} are needed: image more of the phantom, or give a smaller --lung-exclusion",
        )
    return slices


def _background(
    volume: Volume, scatter: Scatter, placement: Placement, slices: tuple[int, ...], options: Options
) -> Floats:
    """Return C_B,37 for every slice."""
    if options.lung_background == "all":
        return np.full(len(slices), scatter.level)
    _, rows, columns = axes_of(volume)
    images = volume.values[list(slices)]
    each = [
        disc_means(images, rows, columns, centre, BACKGROUND_RADIUS_MM) for centre in placement.centres_mm
    ]
    background = np.mean(each, axis=0)
    if background.min() <= 0:
        raise CannotMeasure(
            "no_background_activity",
            "a slice of the lung insert has no activity in the background: take --lung-background all",
        )
    return np.asarray(background)


def _standard_error(values: Floats) -> float:
    """Return the standard error of the mean of neighbouring values."""
    off = values - values.mean()
    square = float(off @ off)
    if square == 0:
        return 0.0
    following = min(max(float(off[1:] @ off[:-1]) / square, 0.0), 1 - 1 / values.size)
    return math.sqrt(square / (values.size - 1) / values.size * (1 + following) / (1 - following))
