"""Where the image quality of the IEC phantom was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nmqc.pet.background import Placement
from nmqc.pet.insert import Insert
from nmqc.pet.phantom import State
from nmqc.pet.scatter import Scatter


@dataclass(frozen=True, slots=True)
class Region:
    """What is measured of one sphere.

    Attributes
    ----------
    slice : index of the slice
    off_plane_mm : z of the slice minus that of the sphere's centre
    mean : C_H or C_C, over a circle of the sphere's inner diameter
    parts : of its uncertainty, in the same unit: "counting", "localisation"
    background, background_error, deviation : C_B, its standard error, and SD, of circles of the same diameter
    """

    slice: int
    off_plane_mm: float
    mean: float
    parts: dict[str, float]
    background: float
    background_error: float
    deviation: float

    @property
    def ratio(self) -> float:
        """Return C_H / C_B."""
        return self.mean / self.background

    def ratio_parts(self) -> dict[str, float]:
        """Return the parts of the uncertainty of C_H / C_B."""
        parts = {name: part / self.background for name, part in self.parts.items()}
        return parts | {"background": abs(self.ratio) * self.background_error / self.background}


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Where everything was measured, and what the report draws.

    Attributes
    ----------
    regions : of the spheres from 10 to 37 mm; None where a sphere could not be measured
    states : that were expected of the spheres, or else found
    edition : "2007", "2012", "2018"
    own_slices : True where every sphere was measured on the slice nearest to it
    insert : None where the lung insert could not be measured
    """

    placement: Placement
    scatter: Scatter
    regions: tuple[Region | None, ...]
    states: tuple[State, ...]
    edition: str
    own_slices: bool
    insert: Insert | None

    def parameters(self) -> dict[str, Any]:
        """Return what was used, as JSON values; lengths rounded to what they are good for."""
        place_ = self.placement
        return {
            "edition": self.edition,
            "slice": "own" if self.own_slices else "common",
            "slices": [None if region is None else region.slice + 1 for region in self.regions],
            "slice_off_sphere_mm": [
                None if region is None else round(region.off_plane_mm, 2) for region in self.regions
            ],
            "background_slices": [index + 1 for index in place_.slices],
            "background_offsets_mm": [round(offset, 2) for offset in place_.offsets_mm],
            "background_centres_mm": [[round(x, 2), round(y, 2)] for x, y in place_.centres_mm],
            "background_centres_with_spheres_mm": [[round(u, 2), round(v, 2)] for u, v in place_.turned_mm],
            "background_from_wall_mm": round(place_.from_wall_mm, 1),
            "background_from_spheres_mm": round(place_.from_spheres_mm, 1),
            "background_apart_mm": round(place_.apart_mm, 1),
            "background_regions": int(self.scatter.means[0].size),
            "noise_exponent": round(self.scatter.exponent, 2),
            "lung": None if self.insert is None else self.insert.parameters(),
        }
