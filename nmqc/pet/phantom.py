"""The IEC body phantom as it lies in a volume: its spheres, their ring, its body and its lung insert.

All places are in mm from the centre of the volume: x along increasing columns, y along increasing rows, z along
increasing slices. Spheres are always in the order 10, 13, 17, 22, 28, 37 mm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nmqc.model import Volume

State = Literal["hot", "cold", "absent"]


@dataclass(frozen=True, slots=True)
class Hints:
    """What a person can say of the ring where the image cannot tell which sphere is which.

    Attributes
    ----------
    phase_deg : direction of the 37 mm sphere from the ring's centre, from +x towards +y; None: by the image
    sense : +1 where the diameters descend from +x towards +y, -1 where they ascend; None: by the image
    """

    phase_deg: float | None = None
    sense: int | None = None


@dataclass(frozen=True, slots=True)
class Sphere:
    """A sphere of the phantom.

    Attributes
    ----------
    diameter_mm : nominal inner diameter
    x_mm, y_mm, z_mm : its centre
    sigma_mm : one standard deviation of the centre along any one of the three axes
    state : "absent" where it cannot be told from the background
    predicted : True where the centre is where the other spheres' ring says, because the image does not show it well
    """

    diameter_mm: float
    x_mm: float
    y_mm: float
    z_mm: float
    sigma_mm: float
    state: State
    predicted: bool = False


@dataclass(frozen=True, slots=True)
class Ring:
    """The regular hexagon that the centres of the spheres lie on.

    Attributes
    ----------
    x_mm, y_mm, z_mm : its centre
    radius_mm : nominally 57.2
    phase_deg : in [0, 360), direction of the 37 mm sphere from the centre, from +x towards +y
    sense : +1 where the diameters descend from +x towards +y, else -1
    tilt_x_deg, tilt_y_deg : of its plane about the x and the y axis: about x positive where z grows with y, about y
        positive where z falls with x
    residual_mm : root mean square of the distances of the spheres that were measured from their corners
    residuals_mm : (x, y, z) of every sphere minus its corner, in the order of the spheres; zeros where predicted
    """

    x_mm: float
    y_mm: float
    z_mm: float
    radius_mm: float
    phase_deg: float
    sense: int
    tilt_x_deg: float
    tilt_y_deg: float
    residual_mm: float
    residuals_mm: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class LungAxis:
    """The axis of the lung insert: x = x_mm + x_slope z, y = y_mm + y_slope z, between two ends along z."""

    x_mm: float
    y_mm: float
    x_slope: float
    y_slope: float
    first_z_mm: float
    last_z_mm: float

    def at(self, z_mm: float) -> tuple[float, float]:
        """Return (x, y) of the axis at some z, in mm."""
        return self.x_mm + self.x_slope * z_mm, self.y_mm + self.y_slope * z_mm


@dataclass(frozen=True, slots=True, eq=False)
class IecPhantom:
    """The phantom as it was found.

    Attributes
    ----------
    spheres : of 10, 13, 17, 22, 28 and 37 mm
    ring : the hexagon through their centres
    background : level of the background, in the unit of the volume
    body : shape (slices, rows, columns)
        True inside the body's wall, spheres and lung insert included.
    first_z_mm, last_z_mm : the body's ends; the volume's, where it is cut
    truncated : True where the volume cuts the body at one end or both
    lung : None where no lung insert is seen
    upside_down : True where the flat side of the body faces -y
    contrast : estimate of (hot concentration / background) - 1 from the image alone; 0 where no sphere is hot
    """

    spheres: tuple[Sphere, Sphere, Sphere, Sphere, Sphere, Sphere]
    ring: Ring
    background: float
    body: NDArray[np.bool_]
    first_z_mm: float
    last_z_mm: float
    truncated: bool
    lung: LungAxis | None
    upside_down: bool
    contrast: float


def find_phantom(volume: Volume, hints: Hints) -> IecPhantom:
    """Find the IEC body phantom and its six spheres in a PET volume, wherever and however they lie.

    The body's outline gives the axis, the search of six places on a circle about it the ring (`ring`), the radial
    profiles of all six which is which (`identify`), and a fit of each its centre and how sure that is (`centres`).

    Raises
    ------
    CannotMeasure
        ``not_numbers``; ``not_an_iec_phantom``; ``ring_not_found``; ``too_few_spheres``, fewer than four are seen;
        ``sphere_order_unknown``, the hints are needed; ``ring_residual``, RMS above 3 mm; ``ring_radius``, not
        57.2 +- 3 mm; ``spheres_cut``, the volume ends within a sphere.
    """
    from nmqc.pet.locate import locate

    return locate(volume, hints)
