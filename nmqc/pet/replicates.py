"""Several acquisitions of the same phantom in the same place: mean, and scatter between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.model import Measurement, NotMeasured, Volume
from nmqc.pet.coarse import axes_of
from nmqc.pet.phantom import IecPhantom, Sphere
from nmqc.pet.scatter import box_about

#: parts of an uncertainty that are new in every acquisition; all others are common to them
INDEPENDENT = frozenset({"counting", "background", "scatter", "slices", "threshold"})
SAME_PLACE_MM = 0.05
SURE_MM, ABOUT_MM, MOVED_MM = (
    22.0,
    8.0,
    1.5,
)  # spheres whose centroids noise moves less; about them; from their place


@dataclass(frozen=True, slots=True)
class Together:
    """Replicates as one.

    Attributes
    ----------
    measurements : means, in the order of the first replicate
    not_measured : what any replicate lacks
    scatter : (metric, of) -> standard deviation (n - 1) of one replicate
    """

    measurements: tuple[Measurement, ...]
    not_measured: tuple[NotMeasured, ...]
    scatter: Mapping[tuple[str, str], float]


def mean_of(volumes: Sequence[Volume]) -> Volume:
    """Return the mean of replicates, in which the phantom is found once for all.

    Raises
    ------
    CannotMeasure
        ``replicates_differ``: they have not the same matrix, voxels, place and unit.
    """
    first = volumes[0]
    for other in volumes[1:]:
        if not _same(first, other):
            raise CannotMeasure(
                "replicates_differ",
                "the replicates differ in matrix, voxels, place or unit: reconstruct all of them alike",
            )
    if len(volumes) == 1:
        return first
    total = first.values.astype(np.float64)
    for other in volumes[1:]:
        total += other.values
    return replace(first, values=total / len(volumes))


def require_in_place(volumes: Sequence[Volume], phantom: IecPhantom) -> None:
    """Refuse replicates between which the phantom has moved: their mean is blurred.

    By the centroids of the spheres of 22 mm and more in each replicate.

    Raises
    ------
    CannotMeasure
        ``replicates_moved``.
    """
    if len(volumes) < 2:
        return
    seen = [one for one in phantom.spheres if one.diameter_mm >= SURE_MM and one.state != "absent"]
    if not seen:
        return
    for number, volume in enumerate(volumes, start=1):
        off = np.median([_off(volume, sphere, phantom.background) for sphere in seen], axis=0)
        if float(np.hypot.reduce(off)) > MOVED_MM:
            raise CannotMeasure(
                "replicates_moved",
                f"in acquisition {number} the spheres lie {np.hypot.reduce(off):.1f} mm off their places in the mean "
                "of all: the phantom was moved; give the acquisitions one by one",
            )


def _off(volume: Volume, sphere: Sphere, background: float) -> NDArray[np.float64]:
    """Return how far the centroid of a sphere is from where the sphere was found, along x, y and z."""
    centre = (sphere.x_mm, sphere.y_mm, sphere.z_mm)
    reach_mm = sphere.diameter_mm / 2 + ABOUT_MM
    box, distance = box_about(volume, centre, reach_mm)
    excess = np.where(distance <= reach_mm, volume.values[box] - background, 0.0)
    places = [axis.centres_mm[part] for axis, part in zip(axes_of(volume), box, strict=True)]
    total = float(excess.sum())
    if total == 0:
        return np.zeros(3)
    sums = [excess.sum(axis=others) @ at for others, at in zip(((1, 2), (0, 2), (0, 1)), places, strict=True)]
    return np.array(sums[::-1]) / total - centre


def together(measured: Sequence[Sequence[Measurement]], lacking: Sequence[Sequence[NotMeasured]]) -> Together:
    """Return the mean of each quantity over replicates.

    Parts of the uncertainty that are new in every acquisition (counting, background, ...) become their root mean
    square over sqrt(n); those that are common (localisation, fill) stay as they are on average.

    Parameters
    ----------
    measured, lacking : of every replicate
    """
    tables = [{(m.metric.name, m.of): m for m in one} for one in measured]
    means, scatter = [], {}
    for key, first in tables[0].items():
        each = [table[key] for table in tables if key in table]
        if len(each) == len(tables):
            values = np.array([m.value for m in each])
            means.append(replace(first, value=float(values.mean()), uncertainty_parts=_parts(each)))
            if len(each) > 1:
                scatter[key] = float(values.std(ddof=1))
    missing = {(one.name, one.of): one for several in lacking for one in several}
    return Together(tuple(means), tuple(missing.values()), scatter)


def _same(one: Volume, other: Volume) -> bool:
    place = np.abs(np.subtract(one.origin_mm, other.origin_mm)).max() <= SAME_PLACE_MM
    spacing = np.allclose(one.spacing_mm, other.spacing_mm, rtol=1e-4)
    return bool(place and spacing and one.values.shape == other.values.shape and one.unit == other.unit)


def _parts(each: Sequence[Measurement]) -> dict[str, float]:
    names = dict.fromkeys(name for m in each for name in m.uncertainty_parts)
    parts = {}
    for name in names:
        squares = [m.uncertainty_parts.get(name, 0.0) ** 2 for m in each]
        shared = len(each) if name in INDEPENDENT else 1
        parts[name] = (sum(squares) / len(each) / shared) ** 0.5
    return parts
