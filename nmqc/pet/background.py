"""Where the background of the IEC body phantom is measured: twelve places, the same on five slices.

The standard asks for twelve circles of 37 mm, 15 mm from the wall and from every sphere. Beside six spheres on
their ring no twelve such circles fit without overlapping. The distance from the spheres is therefore given up first,
in steps of half a millimetre, and what was reached is told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.depth import depth_mm
from nmqc.measure.discs import Floats
from nmqc.measure.grid import Axis
from nmqc.model import Volume
from nmqc.pet.phantom import IecPhantom, Ring
from nmqc.toml_reader import Document, Table

COUNT = 12
RADIUS_MM = 18.5
OFFSETS_MM = (-20.0, -10.0, 0.0, 10.0, 20.0)  # of the slices from the plane of the spheres
FROM_END_MM = 10.0  # of a slice from the end of the body, at least
FROM_LUNG_MM = 5.0  # of a circle from the lung insert; the standard gives none
LUNG_RADIUS_MM = 25.5
#: (from the wall, from the spheres) in mm, in the order in which they are given up
MARGINS_MM = (
    *((15.0, 15.0 - 0.5 * step) for step in range(21)),
    *((15.0 - 0.5 * step, 5.0) for step in range(1, 11)),
)
GRID_MM, GRID_REACH_MM = 2.0, 130.0
STARTS = 36

Frame = Literal["spheres", "axis", "volume"]
FRAMES: tuple[Frame, ...] = ("spheres", "axis", "volume")
Pairs = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Regions:
    """A site's own places of the background.

    Attributes
    ----------
    relative_to : "spheres": from the ring's centre, the first coordinate towards the 37 mm sphere, the second at
        right angles to it on the side of the 28 mm sphere; "axis": from the ring's centre, along x and y;
        "volume": from the volume's centre, along x and y
    centres_mm : twelve
    """

    relative_to: Frame
    centres_mm: Pairs


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the background is measured.

    Attributes
    ----------
    centres_mm : (x, y) in the volume, the same on every slice
    turned_mm : the same in the frame of the spheres: see `Regions`
    slices : indices, rising
    offsets_mm : of the slices from the plane of the spheres, along z
    from_wall_mm, from_spheres_mm, apart_mm : least distance of a 37 mm circle's edge from the wall, and from a
        sphere's inner surface; least distance of two centres
    """

    centres_mm: Pairs
    turned_mm: Pairs
    slices: tuple[int, ...]
    offsets_mm: tuple[float, ...]
    from_wall_mm: float
    from_spheres_mm: float
    apart_mm: float

    @property
    def standard(self) -> bool:
        """True with twelve circles on each of five slices."""
        return len(self.slices) == len(OFFSETS_MM)


def read_regions(path: Path) -> Regions:
    """Return a site's own places, from a TOML file.

    ::

        relative_to = "spheres"

        [[region]]
        x_mm = -111.0
        y_mm = 19.0

    and so on, twelve times; `relative_to` is "spheres", "axis" or "volume": see `Regions`.

    Raises
    ------
    BadFile
        If the file holds mistakes: all of them, each with its line.
    BadConfiguration
        If it cannot be read.
    """
    document = Document.open(path)
    root = document.root
    frame = root.choice("relative_to", FRAMES) or FRAMES[0]
    tables = root.tables("region")
    centres = tuple(_centre(table) for table in tables)
    if len(centres) != COUNT:
        root.mistake(None, f"expected {COUNT} tables [[region]] with x_mm and y_mm, found {len(centres)}")
    document.finish()
    return Regions(frame, centres)


def place(volume: Volume, phantom: IecPhantom, regions: Regions | None = None) -> Placement:
    """Place the twelve circles and choose the slices.

    Without a site's own places: points of a grid of 2 mm that lies with the ring, so that a turned, mirrored or
    shifted phantom has turned, mirrored or shifted places. From one of 36 directions on, always the next free point
    in the sense in which the spheres' diameters descend; the first direction that gives twelve is taken, at the
    widest margins at which any does.

    Parameters
    ----------
    regions : a site's own places; None: by the rule

    Raises
    ------
    CannotMeasure
        ``slices_too_thick``, ``no_background``, ``background_blocked``.

    References
    ----------
    NEMA NU 2, 7: twelve regions, on the slices nearest to 0, +-10 and +-20 mm.
    """
    slices, offsets = _slices(volume, phantom)
    room = _Room(volume, phantom, slices)
    turned = _packed(room) if regions is None else _given(regions, phantom.ring)
    wall, spheres = float(room.from_wall(turned).min()), float(room.from_spheres(turned).min())
    if wall < 0 or spheres < 0:
        raise CannotMeasure(
            "background_blocked",
            "a background region of the file given reaches over the wall of the phantom or into a sphere: correct "
            'its places, or state them relative_to = "spheres"',
        )
    apart = np.hypot(*(turned[:, None] - turned[None, :]).transpose(2, 0, 1))
    return Placement(
        centres_mm=_pairs(_from_turned(turned, phantom.ring)),
        turned_mm=_pairs(turned),
        slices=slices,
        offsets_mm=offsets,
        from_wall_mm=wall,
        from_spheres_mm=spheres,
        apart_mm=float(apart[np.triu_indices(len(turned), 1)].min()),
    )


def plane_mm(phantom: IecPhantom) -> float:
    """Return z of the plane of the spheres: the median of their centres."""
    return float(np.median([sphere.z_mm for sphere in phantom.spheres]))


def nearest_slice(volume: Volume, z_mm: float) -> int:
    """Return the index of the slice nearest to some z; of two equally near the higher. It may lie outside."""
    slices = volume.values.shape[0]
    return math.floor(float(z_mm) / volume.spacing_mm[0] + (float(slices) - 1) / 2 + 0.5)


def slice_mm(volume: Volume, index: int) -> float:
    """Return z of a slice."""
    return float(index - (volume.values.shape[0] - 1) / 2) * volume.spacing_mm[0]


# --- the slices -----------------------------------------------------------------------------------------


def _slices(volume: Volume, phantom: IecPhantom) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the slices nearest to 0, +-10 and +-20 mm that lie well inside the body, and their offsets."""
    plane = plane_mm(phantom)
    wanted = [nearest_slice(volume, plane + offset) for offset in OFFSETS_MM]
    if len(set(wanted)) < len(wanted):
        raise CannotMeasure(
            "slices_too_thick",
            f"slices are {volume.spacing_mm[0]:g} mm apart, so that two of the five for the background are the same: "
            "reconstruct slices of at most 10 mm",
        )
    inside = [index for index in wanted if _well_inside(volume, phantom, index)]
    if not inside:
        raise CannotMeasure(
            "no_background",
            "no slice within 20 mm of the spheres lies 10 mm inside the phantom: move the phantom into the field",
        )
    return tuple(inside), tuple(slice_mm(volume, index) - plane for index in inside)


def _well_inside(volume: Volume, phantom: IecPhantom, index: int) -> bool:
    z_mm = slice_mm(volume, index)
    there = 0 <= index < volume.values.shape[0]
    return there and phantom.first_z_mm + FROM_END_MM <= z_mm <= phantom.last_z_mm - FROM_END_MM


# --- the room there is ----------------------------------------------------------------------------------


class _Room:
    """How far the edge of a 37 mm circle is from what it must not reach; places in the frame of the spheres."""

    def __init__(self, volume: Volume, phantom: IecPhantom, slices: Sequence[int]) -> None:
        _, down, along = volume.spacing_mm
        body = np.logical_and.reduce(phantom.body[list(slices)])
        self._ring = phantom.ring
        self._rows, self._columns = Axis.of_matrix(body.shape[0], down), Axis.of_matrix(body.shape[1], along)
        # the wall lies half-way between the last centre inside and the first outside
        self._depth_mm = depth_mm(body, (down, along)) - 0.25 * (down + along)
        places = np.array([(sphere.x_mm, sphere.y_mm) for sphere in phantom.spheres])
        self._spheres_mm = _to_turned(places, phantom.ring)
        self._radii_mm = np.array([sphere.diameter_mm / 2 for sphere in phantom.spheres])

    def from_wall(self, turned: Floats) -> Floats:
        """Return the distance from the wall on the narrowest slice."""
        places = _from_turned(turned, self._ring)
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


# --- packing --------------------------------------------------------------------------------------------


def _packed(room: _Room) -> Floats:
    """Return twelve places at the widest margins at which they are found, by halving the list of margins."""
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


# --- frames ---------------------------------------------------------------------------------------------


def _axes(ring: Ring) -> Floats:
    """Return the unit vectors of the frame of the spheres, as rows: towards the 37 mm sphere, and along the sense."""
    phase = math.radians(ring.phase_deg)
    cosine, sine = math.cos(phase), math.sin(phase)
    return np.array([[cosine, sine], [-ring.sense * sine, ring.sense * cosine]])


def _to_turned(places: Floats, ring: Ring) -> Floats:
    return np.asarray((places - (ring.x_mm, ring.y_mm)) @ _axes(ring).T)


def _from_turned(turned: Floats, ring: Ring) -> Floats:
    return np.asarray(turned @ _axes(ring) + (ring.x_mm, ring.y_mm))


def _given(regions: Regions, ring: Ring) -> Floats:
    """Return a site's places in the frame of the spheres."""
    centres = np.array(regions.centres_mm)
    if regions.relative_to == "spheres":
        return centres
    origin = np.array((ring.x_mm, ring.y_mm) if regions.relative_to == "axis" else (0.0, 0.0))
    return _to_turned(centres + origin, ring)


def _pairs(places: Floats) -> Pairs:
    return tuple((float(x), float(y)) for x, y in places)


def _centre(table: Table) -> tuple[float, float]:
    found = []
    for key in ("x_mm", "y_mm"):
        value = table.number(key)
        if value is None and not table.holds(key):
            table.mistake(None, f"{key} is missing: expected a number")
        found.append(value or 0.0)
    return found[0], found[1]
