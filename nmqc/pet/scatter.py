"""The background of the IEC phantom: means, their scatter, and how noise grows with activity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.discs import Floats, disc_means
from nmqc.model import Volume
from nmqc.pet.background import COUNT, Placement, plane_mm
from nmqc.pet.coarse import axes_of
from nmqc.pet.metrics import SPHERES_MM
from nmqc.pet.phantom import IecPhantom

FROM_SURFACE_MM = 8.0  # of voxels that stand for the inside of a sphere
FEWEST_VOXELS = 20
UNLIKELY = 3.0  # standard deviations from which a correlation is not chance
_LARGEST = len(SPHERES_MM) - 1
USUAL_EXPONENT = 0.5  # noise as the root of activity, where the image does not tell


@dataclass(frozen=True, slots=True, eq=False)
class Scatter:
    """Means over the background circles.

    Attributes
    ----------
    means : shape (6, slices, 12)
        Of circles with the diameters of the spheres.
    centres_mm : shape (12, 2), of the circles
    exponent : noise grows as activity to this power: 0 not at all, 1 in proportion
    """

    means: Floats
    centres_mm: Floats
    exponent: float

    def background(self, sphere: int) -> float:
        """Return C_B: the mean over all circles of a sphere's diameter."""
        return float(self.means[sphere].mean())

    def background_error(self, sphere: int) -> float:
        """Return the standard error of C_B, by the scatter of the twelve places.

        Places, not circles: circles of the same place on neighbouring slices share noise and shading.
        """
        places = self.means[sphere].mean(axis=0)
        return float(places.std(ddof=1) / math.sqrt(places.size))

    @property
    def level(self) -> float:
        """The background: C_B of the 37 mm circles."""
        return self.background(_LARGEST)

    @property
    def level_error(self) -> float:
        """Its standard error."""
        return self.background_error(_LARGEST)

    def deviation(self, sphere: int) -> float:
        """Return SD_j: the standard deviation of the means, with K - 1."""
        return float(self.means[sphere].std(ddof=1))

    def independent(self, sphere: int) -> float:
        """Return how many independent circles would tell SD_j as well.

        K_e - 1 = K (K - 1) / (sum of the squared correlations of all pairs, each circle with itself among them). Two
        circles of one slice are correlated by the part of their areas that overlaps, two slices as the means show.
        """
        squares = _overlap(self.centres_mm, SPHERES_MM[sphere] / 2) ** 2
        along = _axial_correlation(self.means[sphere]) ** 2
        count = self.means[sphere].size
        return 1.0 + int(count) * (int(count) - 1) / float(squares.sum() * along.sum())

    def gain(self, level: float) -> float:
        """Return the noise at a level over that in the background; at least 1, so that cold spheres have no less."""
        return float(max(level / self.level, 1.0) ** self.exponent)


def measure_background(volume: Volume, phantom: IecPhantom, placement: Placement) -> Scatter:
    """Measure the circles of all six diameters.

    Raises
    ------
    CannotMeasure
        ``roi_outside``; ``not_numbers``; ``no_background_activity``: the mean is not above zero.
    """
    images = volume.values[list(placement.slices)]
    _, rows, columns = axes_of(volume)
    means = np.array(
        [
            [disc_means(images, rows, columns, centre, diameter / 2) for centre in placement.centres_mm]
            for diameter in SPHERES_MM
        ]
    ).transpose(0, 2, 1)
    require_finite(means)
    if means.mean(axis=(1, 2)).min() <= 0:
        raise CannotMeasure(
            "no_background_activity",
            "the background regions hold no activity: give an image with activity in the phantom's background",
        )
    exponent = _exponent(volume, phantom, placement)
    return Scatter(means, np.array(placement.centres_mm), exponent)


def require_finite(values: Floats) -> None:
    """Refuse means that are no numbers.

    Raises
    ------
    CannotMeasure
        ``not_numbers``.
    """
    if not np.isfinite(values).all():
        raise CannotMeasure(
            "not_numbers", "the image holds values that are no numbers: give it as it was reconstructed"
        )


def ball(volume: Volume, centre_mm: tuple[float, float, float], radius_mm: float) -> tuple[Floats, Floats]:
    """Return the values of the voxels whose centres lie in a ball, and their distances from its centre.

    Parameters
    ----------
    centre_mm : (x, y, z)
    """
    box, distance = box_about(volume, centre_mm, radius_mm)
    inside = distance <= radius_mm
    return np.asarray(volume.values[box][inside], np.float64), distance[inside]


def box_about(
    volume: Volume, centre_mm: tuple[float, float, float], radius_mm: float
) -> tuple[tuple[slice, slice, slice], Floats]:
    """Return the part of a volume that holds a ball, and the distance of its voxels from the centre, in mm."""
    slices, squares = [], []
    for middle, pitch, count in zip(reversed(centre_mm), volume.spacing_mm, volume.values.shape, strict=True):
        place = middle / pitch + (count - 1) / 2
        first = min(max(math.ceil(place - radius_mm / pitch), 0), count)
        last = max(min(math.floor(place + radius_mm / pitch), count - 1), first - 1)
        slices.append(slice(first, last + 1))
        squares.append(((np.arange(first, last + 1) - place) * pitch) ** 2)
    z, y, x = squares
    distance = np.sqrt(z[:, None, None] + y[None, :, None] + x[None, None, :])
    return (slices[0], slices[1], slices[2]), distance


# --- correlation ----------------------------------------------------------------------------------------


def _overlap(centres_mm: Floats, radius_mm: float) -> Floats:
    """Return the part of the area that every two circles share, shape (12, 12)."""
    apart = np.hypot(*(centres_mm[:, None] - centres_mm[None, :]).transpose(2, 0, 1))
    half = np.minimum(apart / (2 * radius_mm), 1.0)
    return np.asarray(2 / math.pi * (np.arccos(half) - half * np.sqrt(1 - half**2)))


def _axial_correlation(means: Floats) -> Floats:
    """Return the correlation of every two slices: by lag, 0 where it is not above chance; shape (slices, slices)."""
    off = means - means.mean(axis=1, keepdims=True)
    count = off.shape[0]
    product = off @ off.T / max(float((off**2).mean()) * off.shape[1], 1e-300)
    lags = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    matrix = np.eye(count)
    for lag in range(1, count):
        same = lags == lag
        chance = UNLIKELY / math.sqrt((count - lag) * (COUNT - 1))
        found = float(product[same].mean())
        matrix[same] = min(found, 1.0) if found > chance else 0.0
    return matrix


# --- noise against activity -----------------------------------------------------------------------------


def _exponent(volume: Volume, phantom: IecPhantom, placement: Placement) -> float:
    """Return the power of activity that noise grows with, between 0 and 1.

    By the scatter of voxels well inside the large hot spheres beside that in balls of the same size in the
    background, after a parabola of the distance from the centre is taken out of each.
    """
    found, weights = [], []
    for sphere in phantom.spheres:
        radius_mm = sphere.diameter_mm / 2 - FROM_SURFACE_MM
        if sphere.state != "hot" or radius_mm <= 0:
            continue
        hot = _level_and_noise(volume, (sphere.x_mm, sphere.y_mm, sphere.z_mm), radius_mm)
        plane = plane_mm(phantom)
        rest = [_level_and_noise(volume, (x, y, plane), radius_mm) for x, y in placement.centres_mm]
        around = [one for one in rest if one is not None]
        if hot is None or not around:
            continue
        level = hot[0] / float(np.mean([one[0] for one in around]))
        noise = float(np.mean([one[1] for one in around]))
        if noise > 0 and hot[1] > 0 and level > 1:
            found.append(0.5 * math.log(hot[1] / noise) / math.log(level))
            weights.append(hot[2])
    if not found:
        return USUAL_EXPONENT
    return float(np.clip(np.average(found, weights=weights), 0.0, 1.0))


def _level_and_noise(
    volume: Volume, centre_mm: tuple[float, float, float], radius_mm: float
) -> tuple[float, float, int] | None:
    """Return mean, variance about a parabola of the distance, and number of the voxels in a ball."""
    values, distance = ball(volume, centre_mm, radius_mm)
    if values.size < FEWEST_VOXELS or not np.isfinite(values).all():
        return None
    square: NDArray[np.float64] = distance**2 - (distance**2).mean()
    off = values - values.mean()
    slope = float(off @ square) / float(square @ square)
    return float(values.mean()), float(((off - slope * square) ** 2).sum()) / (values.size - 2), values.size
