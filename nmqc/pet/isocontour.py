"""The 50 % isocontour about the maximum of a sphere, its threshold half-way between background and maximum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.discs import Floats

LEVEL = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Isocontour:
    """A region of voxels and its mean.

    Attributes
    ----------
    mean : of the region's voxels
    highest : the maximum
    threshold : background + (maximum - background) / 2
    region : True in it, shape of the values
    leaks : True where it reaches the border of the search volume: it may go on beyond
    mean_of_all : of all voxels above the threshold, connected to the maximum or not
    """

    mean: float
    highest: float
    threshold: float
    region: NDArray[np.bool_]
    leaks: bool
    mean_of_all: float

    @property
    def voxels(self) -> int:
        """Return how many voxels the region has."""
        return int(self.region.sum())


def isocontour(values: Floats, within: NDArray[np.bool_], background: float) -> Isocontour:
    """Return the region that exceeds the threshold and touches the maximum face to face.

    The maximum is that of the voxels `within`; of equal ones the first by slice, row, column. The threshold itself
    does not belong to the region.

    Parameters
    ----------
    values : shape (slices, rows, columns)
    within : same shape
        The search volume.
    background : in the unit of the values

    Raises
    ------
    CannotMeasure
        ``no_maximum``: nothing in the search volume exceeds the background. ``roi_outside``: it holds no voxel.

    References
    ----------
    Boellaard et al., Eur J Nucl Med Mol Imaging 2015;42:328: background-adapted 50 % isocontour.
    """
    if not within.any():
        raise CannotMeasure(
            "roi_outside", "no voxel lies in the search volume of the sphere: use smaller voxels"
        )
    start = int(np.argmax(np.where(within, values, -np.inf)))
    highest = float(values.ravel()[start])
    if not highest > background:
        raise CannotMeasure(
            "no_maximum",
            "nothing in the place of the sphere exceeds the background: check that it was filled",
        )
    threshold = background + LEVEL * (highest - background)
    above = within & (values > threshold)
    region = _connected(above, start)
    return Isocontour(
        mean=float(values[region].mean()),
        highest=highest,
        threshold=threshold,
        region=region,
        leaks=bool((_grown(region) & ~within).any()) or _at_border(region),
        mean_of_all=float(values[above].mean()),
    )


def mean_above(values: Floats, within: NDArray[np.bool_], threshold: float) -> float | None:
    """Return the mean of the region about the maximum that exceeds a given threshold; None where nothing does."""
    start = int(np.argmax(np.where(within, values, -np.inf)))
    above = within & (values > threshold)
    return float(values[_connected(above, start)].mean()) if above.ravel()[start] else None


def _connected(above: NDArray[np.bool_], start: int) -> NDArray[np.bool_]:
    """Return the voxels that faces connect to the one at a flat index."""
    region = np.zeros(above.shape, bool)
    region.ravel()[start] = True
    count = 0
    while count < (count := int(region.sum())):
        region = _grown(region) & above
    return region


def _grown(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the region with every voxel that shares a face with it."""
    grown = region.copy()
    for axis in range(3):
        ahead, behind = [slice(None)] * 3, [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        grown[tuple(ahead)] |= region[tuple(behind)]
        grown[tuple(behind)] |= region[tuple(ahead)]
    return grown


def _at_border(region: NDArray[np.bool_]) -> bool:
    """Say whether the region reaches the first or the last voxel along any axis."""
    return any(bool(region.take([0, -1], axis).any()) for axis in range(3))
