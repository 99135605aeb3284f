"""Twelve circles between the wall of the IEC body phantom, its spheres and its lung insert."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.depth import depth_mm
from nmqc.measure.discs import Floats
from nmqc.measure.grid import Axis
from nmqc.model import Volume
from nmqc.pet.coarse import axes_of
from nmqc.pet.phantom import IecPhantom, Ring

COUNT = 12
RADIUS_MM = 18.5
FROM_LUNG_MM = 5.0  # of a circle from the lung insert; the standard gives none
LUNG_RADIUS_MM = 25.5
#: (from the wall, from the spheres) in mm, in the order in which they are given up
MARGINS_MM = (
    *((15.0, 15.0 - 0.5 * step) for step in range(21)),
    *((15.0 - 0.5 * step, 5.0) for step in range(1, 11)),
)
GRID_MM, GRID_REACH_MM = 2.0, 130.0
STARTS = 36


class Room:
    """How far the edge of a 37 mm circle is from what it must not reach; places in the frame of the spheres."""

    def __init__(self, volume: Volume, phantom: IecPhantom, slices: Sequence[int]) -> None:
        _, down, along = volume.spacing_mm
        body = np.logical_and.reduce(phantom.body[list(slices)])
        self._ring = phantom.ring
        _, self._rows, self._columns = axes_of(volume)
        # the wall lies half-way between the last centre inside and the first outside
        self._depth_mm = depth_mm(body, (down, along)) - 0.25 * (down + along)
        places = np.array([(sphere.x_mm, sphere.y_mm) for sphere in phantom.spheres])
        self._spheres_mm = to_turned(places, phantom.ring)
        self._radii_mm = np.array([sphere.diameter_mm / 2 for sphere in phantom.spheres])

    def from_wall(self, turned: Floats) -> Floats:
        """Return the distance from the wall on the narrowest slice."""
        places = from_turned(turned, self._ring)
        return _interpolated(self._depth_mm, self._rows, self._columns, places) - RADIUS_MM

    def from_spheres(self, turned: Floats) -> Floats:
        """Return the distance from the nearest sphere's inner surface."""
        apart = np.hypot(*(turned[:, None] - self._spheres_mm[None]).transpose(2, 0, 1))
        return np.asarray((apart - self._radii_mm).min(axis=1) - RADIUS_MM)

    def from_lung(self, turned: Floats) -> Floats:
        """Return the distance from the lung insert, which lies on the ring's axis."""
        return np.asarray(np.hypot(turned[:, 0], turned[:, 1]) - LUNG_RADIUS_MM - RADIUS_MM)


def _interpolated(image: Floats, rows: Axis, columns: Axis, places: Floats) -> Floats:
    """Return the image at (x, y) between the centres of four pixels; 0 beyond the outermost centres."""
    column = (places[:, 0] - columns.centres_mm[0]) / columns.pitch_mm
    row = (places[:, 1] - rows.centres_mm[0]) / rows.pitch_mm
    inside = (column >= 0) & (column < columns.count - 1) & (row >= 0) & (row < rows.count - 1)
    column, row = np.where(inside, column, 0.0), np.where(inside, row, 0.0)
    left, top = column.astype(int), row.astype(int)
    right, low = column - left, row - top
    upper = (1 - right) * image[top, left] + right * image[top, left + 1]
    lower = (1 - right) * image[top + 1, left] + right * image[top + 1, left + 1]
    return np.asarray(np.where(inside, (1 - low) * upper + low * lower, 0.0))


def packed(room: Room) -> Floats:
    """Return twelve places at the widest margins at which they are found, by halving the list of margins.

    Raises
    ------
    CannotMeasure
        ``background_blocked``.
    """
    steps = np.arange(-GRID_REACH_MM, GRID_REACH_MM + GRID_MM / 2, GRID_MM)
    points = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    points = points[room.from_lung(points) >= FROM_LUNG_MM]
    wall, spheres = room.from_wall(points), room.from_spheres(points)
    widest, narrowest = 0, len(MARGINS_MM) - 1
    best = _greedy(points[_far(wall, spheres, narrowest)])
    if best is None:
        raise CannotMeasure(
            "background_blocked",
            "no twelve background regions of 37 mm fit between the wall of the phantom and its spheres: the outline "
            "or the ring was not found rightly, or the phantom is another one; give the regions in a file",
        )
    while widest < narrowest:
        middle = (widest + narrowest) // 2
        found = _greedy(points[_far(wall, spheres, middle)])
        if found is None:
            widest = middle + 1
        else:
            best, narrowest = found, middle
    return best


def _far(wall: Floats, spheres: Floats, step: int) -> NDArray[np.bool_]:
    """Say which points keep both margins, to a millionth of a millimetre."""
    from_wall, from_spheres = MARGINS_MM[step]
    return np.asarray((wall >= from_wall - 1e-6) & (spheres >= from_spheres - 1e-6))


def _greedy(points: Floats) -> Floats | None:
    """Return twelve points at least 37 mm apart, or None where no direction to start from gives them."""
    angle = np.arctan2(points[:, 1], points[:, 0]) % (2 * math.pi)
    order = np.lexsort((np.hypot(points[:, 0], points[:, 1]), angle))
    points, angle = points[order], angle[order]
    for start in np.searchsorted(angle, np.arange(STARTS) * 2 * math.pi / STARTS):
        chosen = _chain(points, int(start))
        if len(chosen) == COUNT:
            return np.asarray(points[chosen])
    return None


def _chain(points: Floats, start: int) -> list[int]:
    """Return up to twelve points in turn, each the first after `start` that all before it leave free."""
    chosen: list[int] = []
    x, y = points.T
    left = np.ones(len(points), bool)
    while len(chosen) < COUNT and left.any():
        after = left[start:]
        following = start + int(after.argmax()) if after.any() else int(left.argmax())
        chosen.append(following)
        left &= (x - x[following]) ** 2 + (y - y[following]) ** 2 >= (2 * RADIUS_MM) ** 2
    return chosen


# --- the frame of the spheres ---------------------------------------------------------------------------


def _axes(ring: Ring) -> Floats:
    """Return the unit vectors of the frame of the spheres, as rows: towards the 37 mm sphere, and along the sense."""
    phase = math.radians(ring.phase_deg)
    cosine, sine = math.cos(phase), math.sin(phase)
    return np.array([[cosine, sine], [-ring.sense * sine, ring.sense * cosine]])


def to_turned(places: Floats, ring: Ring) -> Floats:
    """Return places (x, y) in the volume in the frame of the spheres: see `background.Regions`."""
    return np.asarray((places - (ring.x_mm, ring.y_mm)) @ _axes(ring).T)


def from_turned(turned: Floats, ring: Ring) -> Floats:
    """Return places in the frame of the spheres in the volume."""
    return np.asarray(turned @ _axes(ring) + (ring.x_mm, ring.y_mm))
