"""Maximum, mean of the isocontour and peak of one hot sphere, and how much of each is noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.discs import Floats
from nmqc.model import Volume
from nmqc.pet.coarse import axes_of
from nmqc.pet.isocontour import Isocontour, isocontour, mean_above
from nmqc.pet.metrics import SPHERES_MM
from nmqc.pet.peak import Peak, peak
from nmqc.pet.phantom import Sphere
from nmqc.pet.placed import Placed
from nmqc.pet.scatter import box_about, require_finite

SEARCH_MM, PEAK_REACH_MM = 8.0, 4.0  # beyond the sphere's radius
TOP = 0.9  # of the maximum above the background: the voxels that it is the highest of


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """What was measured of one hot sphere, in Bq/mL.

    Attributes
    ----------
    contour : the 50 % isocontour; its values in the volume's own unit
    peak : None where no sphere of 1 mL fits into the volume
    noise : standard deviations by noise: "rc_mean", "rc_max", "rc_peak"; "threshold" of the mean by its threshold
    """

    contour: Isocontour
    peak: Peak | None
    noise: dict[str, float]

    def parameters(self, voxel_ml: float) -> dict[str, Any]:
        """Return what was found, as JSON values."""
        place = None if self.peak is None else [round(one, 2) for one in self.peak.centre_mm]
        return {
            "voxels": self.contour.voxels,
            "volume_ml": round(self.contour.voxels * voxel_ml, 3),
            "threshold": float(f"{self.contour.threshold:.6g}"),
            "mean_without_connection": float(f"{self.contour.mean_of_all:.6g}"),
            "reaches_search_volume": self.contour.leaks,
            "peak_at_voxel": None if self.peak is None else float(f"{self.peak.at_voxel:.6g}"),
            "peak_centre_mm": place,
        }


def measure_recovered(volume: Volume, sphere: Sphere, placed: Placed) -> Recovered:
    """Measure one hot sphere: see `recovery.recovery`.

    Raises
    ------
    CannotMeasure
        ``sphere_cold``, ``sphere_absent``, ``roi_outside``, ``not_numbers``, ``no_maximum``.
    """
    if sphere.state != "hot":
        raise CannotMeasure(
            f"sphere_{sphere.state}",
            f"the {sphere.diameter_mm:g} mm sphere is {sphere.state} in the image: recovery is of hot spheres",
        )
    centre, reach_mm = (sphere.x_mm, sphere.y_mm, sphere.z_mm), sphere.diameter_mm / 2 + SEARCH_MM
    _require_whole(volume, centre, reach_mm)
    box, distance = box_about(volume, centre, reach_mm)
    values, within = np.asarray(volume.values[box], np.float64), distance <= reach_mm
    require_finite(values[within])
    contour = isocontour(values, within, placed.scatter.level)
    try:
        highest = peak(volume, centre, sphere.diameter_mm / 2 + PEAK_REACH_MM)
    except CannotMeasure:
        highest = None
    return Recovered(contour, highest, _noise(volume, values, within, contour, highest, placed))


def _require_whole(volume: Volume, centre_mm: tuple[float, float, float], reach_mm: float) -> None:
    for middle, pitch, count in zip(reversed(centre_mm), volume.spacing_mm, volume.values.shape, strict=True):
        if abs(middle) + reach_mm > pitch * count / 2:
            raise CannotMeasure(
                "roi_outside",
                "the search volume of the sphere leaves the image: move the phantom into the field of view",
            )


def _noise(
    volume: Volume,
    values: Floats,
    within: NDArray[np.bool_],
    contour: Isocontour,
    highest: Peak | None,
    placed: Placed,
) -> dict[str, float]:
    """Return the standard deviations by noise of maximum, mean and peak, and of the mean by its threshold."""
    background = placed.scatter.level
    top = background + TOP * (contour.highest - background)
    spread = partial(_spread, volume, placed)
    gain = placed.scatter.gain
    of_max = gain(contour.highest) * spread(np.max, int((within & (values > top)).sum()))
    found = {
        "rc_max": of_max,
        "rc_mean": gain(contour.mean) * spread(np.mean, contour.voxels),
        "threshold": _by_threshold(values, within, contour, of_max),
    }
    if highest is not None:
        voxels = max(round(1 / voxel_ml_of(volume)), 1)
        found["rc_peak"] = gain(highest.value) * spread(np.mean, voxels)
    return found


def _by_threshold(values: Floats, within: NDArray[np.bool_], contour: Isocontour, of_max: float) -> float:
    """Return what a maximum that is off by its uncertainty changes in the mean, by the threshold alone."""
    means = [mean_above(values, within, contour.threshold + sign * 0.5 * of_max) for sign in (-1.0, 1.0)]
    return max((abs(mean - contour.mean) for mean in means if mean is not None), default=0.0)


def _spread(volume: Volume, placed: Placed, statistic: Callable[..., Any], voxels: int) -> float:
    """Return the standard deviation of a statistic over balls of so many voxels at the places of the background."""
    _, rows, columns = axes_of(volume)
    middles = [
        (index, int(np.abs(rows.centres_mm - y).argmin()), int(np.abs(columns.centres_mm - x).argmin()))
        for index in placed.placement.slices
        for x, y in placed.placement.centres_mm
    ]
    places = np.array(middles)[:, None] + _ball_of(volume, voxels)
    places = np.clip(places, 0, np.array(volume.values.shape) - 1)
    values = np.asarray(volume.values[places[..., 0], places[..., 1], places[..., 2]], np.float64)
    return float(np.std(statistic(values, axis=1), ddof=1))


def _ball_of(volume: Volume, voxels: int) -> NDArray[np.intp]:
    """Return the voxels of a ball of about so many, but no larger than the largest sphere, from its middle."""
    radius_mm = min((3 * voxels * voxel_ml_of(volume) * 1000 / (4 * math.pi)) ** (1 / 3), SPHERES_MM[-1] / 2)
    reach = [int(radius_mm / pitch) for pitch in volume.spacing_mm]
    steps = [np.arange(-most, most + 1) for most in reach]
    off = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.asarray(off[((off * volume.spacing_mm) ** 2).sum(axis=1) <= radius_mm**2])


def voxel_ml_of(volume: Volume) -> float:
    """Return the volume of a voxel."""
    return math.prod(volume.spacing_mm) / 1000
