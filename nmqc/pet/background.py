"""Where the background of the IEC body phantom is measured: twelve places, the same on five slices.

The standard asks for twelve circles of 37 mm, 15 mm from the wall and from every sphere. Beside six spheres on
their ring no twelve such circles fit without overlapping. The distance from the spheres is therefore given up first,
in steps of half a millimetre, and what was reached is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from nmqc.errors import CannotMeasure
from nmqc.measure.discs import Floats
from nmqc.model import Volume
from nmqc.pet.packing import COUNT, RADIUS_MM, Room, from_turned, packed, to_turned
from nmqc.pet.phantom import IecPhantom, Ring
from nmqc.toml_reader import Document, Table

__all__ = [
    "COUNT",
    "RADIUS_MM",
    "Placement",
    "Regions",
    "nearest_slice",
    "place",
    "plane_mm",
    "read_regions",
    "slice_mm",
]

OFFSETS_MM = (-20.0, -10.0, 0.0, 10.0, 20.0)  # of the slices from the plane of the spheres
FROM_END_MM = 10.0  # of a slice from the end of the body, at least

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
    sha256 : of the file that they are from; "" where they are from none
    """

    relative_to: Frame
    centres_mm: Pairs
    sha256: str = field(default="", compare=False)


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
    return Regions(frame, centres, document.sha256)


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
    room = Room(volume, phantom, slices)
    turned = packed(room) if regions is None else _given(regions, phantom.ring)
    wall, spheres = float(room.from_wall(turned).min()), float(room.from_spheres(turned).min())
    if wall < 0 or spheres < 0:
        raise CannotMeasure(
            "background_blocked",
            "a background region of the file given reaches over the wall of the phantom or into a sphere: correct "
            'its places, or state them relative_to = "spheres"',
        )
    apart = np.hypot(*(turned[:, None] - turned[None, :]).transpose(2, 0, 1))
    return Placement(
        centres_mm=_pairs(from_turned(turned, phantom.ring)),
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


# --- a site's own places --------------------------------------------------------------------------------


def _given(regions: Regions, ring: Ring) -> Floats:
    """Return a site's places in the frame of the spheres."""
    centres = np.array(regions.centres_mm)
    if regions.relative_to == "spheres":
        return centres
    origin = np.array((ring.x_mm, ring.y_mm) if regions.relative_to == "axis" else (0.0, 0.0))
    return to_turned(centres + origin, ring)


def _centre(table: Table) -> tuple[float, float]:
    found = []
    for key in ("x_mm", "y_mm"):
        value = table.number(key)
        if value is None and not table.holds(key):
            table.mistake(None, f"{key} is missing: expected a number")
        found.append(value or 0.0)
    return found[0], found[1]


def _pairs(places: Floats) -> Pairs:
    return tuple((float(x), float(y)) for x, y in places)
