"""Where a uniform cylinder lies in a PET volume: its axis, radius and ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.discs import disc_weights
from nmqc.model import Volume
from nmqc.pet.coarse import Coarse, axes_of, coarse, require_numbers
from nmqc.pet.sphere import Floats

RADII_MM = (40.0, 200.0)
ROUND = 1.06  # largest ratio of the two widths of the cross-section
FILLED = 0.97  # of the cross-section, at least
APART_MM = 15.0  # from the wall: what lies farther out is no part of the cylinder
COMPLETE = 0.9  # of the usual area: a slice that the cylinder fills
STRAIGHT = 0.6  # of the slices with half of the usual area: those that it fills, at least
FEWEST_SLICES = 5  # on the coarse grid, about 4 mm each
MAD_TO_SIGMA, REJECTED_SIGMAS, LEAST_SCATTER_MM = 1.4826, 3.0, 0.1
BORDER_MM = 5.0  # of the matrix


@dataclass(frozen=True, slots=True)
class Cylinder:
    """A cylinder as it was found, in mm from the volume's centre: its axis is x = x_mm + x_slope z, y the same.

    Attributes
    ----------
    radius_mm : of the outline at half of its level, seen across the axis of the scanner
    first_z_mm, last_z_mm : its ends, at half of its level; the volume's where it is cut
    cut : (at the first, at the last slice) the volume ends before the cylinder does
    level : about its mean value
    """

    x_mm: float
    y_mm: float
    x_slope: float
    y_slope: float
    radius_mm: float
    first_z_mm: float
    last_z_mm: float
    cut: tuple[bool, bool]
    level: float

    def at(self, z_mm: float) -> tuple[float, float]:
        """Return (x, y) of the axis at some z, in mm."""
        return self.x_mm + self.x_slope * z_mm, self.y_mm + self.y_slope * z_mm

    @property
    def tilt_deg(self) -> float:
        """Angle between the axis and the axis of the scanner."""
        return math.degrees(math.atan(math.hypot(self.x_slope, self.y_slope)))


def find_cylinder(volume: Volume, central: float) -> Cylinder:
    """Find a uniform cylinder.

    Its outline is at half of its level in a smoothed volume. The axis is the straight line through the centroids of
    the slices that it fills; slices that lie more than three standard deviations off it are left out, and so is
    everything farther than 15 mm outside the wall, such as a spot of activity beside the cylinder.

    Parameters
    ----------
    central : part of the radius within which the mean of each slice tells the ends

    Raises
    ------
    CannotMeasure
        ``not_a_cylinder``, ``cylinder_cut``.
    """
    require_numbers(volume)
    image = coarse(volume)
    level = _level(image.values)
    mask = np.asarray(image.values > level / 2) if level > 0 else np.zeros(image.values.shape, bool)
    complete, radius_mm = _complete(mask, image)
    axis = _axis(mask, image, complete, radius_mm)
    radius_mm = _require_round(mask, image, complete, axis)
    _require_within(image, complete, axis, radius_mm)
    found = Cylinder(*axis, radius_mm, 0.0, 0.0, (False, False), level)
    first_z, last_z, cut = _ends(central_means(volume, found, central), volume, found)
    return Cylinder(*axis, radius_mm, first_z, last_z, cut, level)


def central_means(volume: Volume, cylinder: Cylinder, part: float) -> Floats:
    """Return the mean of every slice of a disc about the axis, of a part of the radius; shape (slices,)."""
    return means_along(volume, cylinder, slice(None), part * cylinder.radius_mm)


def means_along(
    volume: Volume,
    cylinder: Cylinder,
    used: slice,
    radius_mm: float,
    off_mm: tuple[float, float] = (0.0, 0.0),
) -> Floats:
    """Return the mean of every slice used of a disc that follows the axis, shape (slices,).

    Parameters
    ----------
    off_mm : of the disc's centre from the axis, (x, y)
    """
    slices, rows, columns = axes_of(volume)
    means = []
    for image, z_mm in zip(volume.values[used], slices.centres_mm[used], strict=True):
        x_mm, y_mm = cylinder.at(float(z_mm))
        centre_mm = x_mm + off_mm[0], y_mm + off_mm[1]
        down, along, weights = disc_weights(columns.edges_mm, rows.edges_mm, centre_mm, radius_mm)
        means.append(float((image[down, along] * weights).sum() / weights.sum()))
    return np.array(means)


def _level(values: NDArray[np.floating]) -> float:
    """Return the median of what lies above half of it, from half of the 99th percentile on; 0 where nothing does."""
    half = float(np.percentile(values, 99)) / 2
    for _ in range(3):
        high = values[values > half]
        if half <= 0 or high.size == 0:
            return 0.0
        half = float(np.median(high)) / 2
    return 2 * half


def _not_a_cylinder(why: str) -> CannotMeasure:
    return CannotMeasure(
        "not_a_cylinder",
        f"no uniform cylinder is seen: {why}; for the IEC body phantom leave --phantom cylinder away",
    )


def _complete(mask: NDArray[np.bool_], image: Coarse) -> tuple[NDArray[np.intp], float]:
    """Return the slices that the cylinder fills, and about its radius."""
    areas = mask.sum(axis=(1, 2)) * image.rows.pitch_mm * image.columns.pitch_mm
    usual = float(np.median(areas[areas > areas.max() / 2])) if areas.any() else 0.0
    radius_mm = math.sqrt(usual / math.pi)
    complete = (
        np.flatnonzero((areas > COMPLETE * usual) & (areas < usual / COMPLETE)) if usual else np.zeros(0, int)
    )
    if not RADII_MM[0] <= radius_mm <= RADII_MM[1]:
        raise _not_a_cylinder(f"the cross-section of what there is has {usual / 100:.0f} cm2")
    if complete.size < max(FEWEST_SLICES, STRAIGHT * np.count_nonzero(areas > usual / 2)):
        raise _not_a_cylinder("the cross-section changes from slice to slice")
    return complete, radius_mm


def _axis(
    mask: NDArray[np.bool_], image: Coarse, complete: NDArray[np.intp], radius_mm: float
) -> tuple[float, float, float, float]:
    """Return x and y at z = 0, and their slopes by z."""
    y, x = np.nonzero(mask[complete].sum(axis=0) > complete.size / 2)
    if x.size == 0:
        raise _not_a_cylinder("the cross-sections of its slices do not lie in one place")
    middle = float(np.median(image.columns.centres_mm[x])), float(np.median(image.rows.centres_mm[y]))
    axis = (*middle, 0.0, 0.0)
    for _ in range(3):
        kept = mask[complete] & (_distance(image, complete, axis) < radius_mm + APART_MM)
        count = kept.sum(axis=(1, 2))
        if not count.all():
            raise _not_a_cylinder("the cross-sections of its slices do not lie in one place")
        x_mm, y_mm = kept.sum(axis=1) @ image.columns.centres_mm, kept.sum(axis=2) @ image.rows.centres_mm
        z_mm = image.slices.centres_mm[complete]
        (x0, x1), (y0, y1) = (_line(z_mm, total / count) for total in (x_mm, y_mm))
        axis = (x0, y0, x1, y1)
    return axis


def _line(z_mm: Floats, places_mm: Floats) -> tuple[float, float]:
    """Return a straight line through places by least squares, without those that lie far off it."""
    kept = np.ones(z_mm.size, bool)
    for _ in range(2):
        slope, start = np.polynomial.polynomial.polyfit(z_mm[kept], places_mm[kept], 1)[::-1]
        off = np.abs(places_mm - start - slope * z_mm)
        kept = off <= REJECTED_SIGMAS * max(MAD_TO_SIGMA * float(np.median(off)), LEAST_SCATTER_MM)
    return float(start), float(slope)


def _distance(image: Coarse, complete: NDArray[np.intp], axis: tuple[float, float, float, float]) -> Floats:
    """Return the distance of every voxel of some slices from the axis, across the scanner's."""
    return np.asarray(np.hypot(*_from_axis(image, complete, axis)))


def _from_axis(
    image: Coarse, complete: NDArray[np.intp], axis: tuple[float, float, float, float]
) -> tuple[Floats, Floats]:
    """Return how far every voxel of some slices lies from the axis in x and in y."""
    z = image.slices.centres_mm[complete][:, None, None]
    x = image.columns.centres_mm - axis[0] - axis[2] * z
    y = image.rows.centres_mm[:, None] - axis[1] - axis[3] * z
    return x, y


def _require_round(
    mask: NDArray[np.bool_],
    image: Coarse,
    complete: NDArray[np.intp],
    axis: tuple[float, float, float, float],
) -> float:
    """Return the radius of a cross-section that is round and filled."""
    x, y = _from_axis(image, complete, axis)
    distance = np.hypot(x, y)
    inside = mask[complete]
    kept = inside & (distance < _radius(inside, image) + APART_MM)
    moments = np.array([[(a * b * kept).sum() for a in (x, y)] for b in (x, y)]) / kept.sum()
    low, high = np.linalg.eigvalsh(moments)
    ratio = math.sqrt(high / low)
    if ratio > ROUND:
        raise _not_a_cylinder(f"the cross-section is {ratio:.2f} times as wide as high")
    radius_mm = _radius(kept, image)
    well_inside = distance < radius_mm - image.rows.pitch_mm
    if float(kept[well_inside].mean()) < FILLED:
        raise _not_a_cylinder("the cross-section has cold parts")
    return radius_mm


def _radius(inside: NDArray[np.bool_], image: Coarse) -> float:
    """Return the radius of a circle as large as the median slice."""
    area = float(np.median(inside.sum(axis=(1, 2)))) * image.rows.pitch_mm * image.columns.pitch_mm
    return math.sqrt(area / math.pi)


def _require_within(
    image: Coarse, complete: NDArray[np.intp], axis: tuple[float, float, float, float], radius_mm: float
) -> None:
    """Refuse a cylinder that reaches the border of the matrix."""
    for z_mm in image.slices.centres_mm[complete[[0, -1]]]:
        for start, slope, one in ((axis[0], axis[2], image.columns), (axis[1], axis[3], image.rows)):
            middle = start + slope * float(z_mm)
            if (
                not one.start_mm + BORDER_MM
                < middle - radius_mm
                < middle + radius_mm
                < one.edges_mm[-1] - BORDER_MM
            ):
                raise CannotMeasure(
                    "cylinder_cut",
                    "the cylinder reaches the border of the matrix: reconstruct a larger field of view, or centre it",
                )


def _ends(means: Floats, volume: Volume, cylinder: Cylinder) -> tuple[float, float, tuple[bool, bool]]:
    """Return the z at which the central mean passes half of the level, and whether the volume ends before."""
    z = axes_of(volume)[0]
    half = cylinder.level / 2
    full = np.flatnonzero(means > half)
    if full.size == 0:
        raise _not_a_cylinder("its middle is cold")
    gaps = np.flatnonzero(np.diff(full) > 1)
    runs = np.split(full, gaps + 1)
    run = max(runs, key=len)
    first, last = int(run[0]), int(run[-1])
    cut = first == 0, last == means.size - 1
    low = z.start_mm if cut[0] else _crossing(means, z.centres_mm, first - 1, half)
    high = float(z.edges_mm[-1]) if cut[1] else _crossing(means, z.centres_mm, last, half)
    return low, high, cut


def _crossing(means: Floats, z_mm: Floats, before: int, half: float) -> float:
    """Return where the means pass a value between a slice and the next."""
    part = (half - means[before]) / (means[before + 1] - means[before])
    return float(z_mm[before] + part * (z_mm[before + 1] - z_mm[before]))
