"""PET phantoms, whose truth is known in closed form: the IEC body phantom with six spheres, and cylinders.

Geometry: arrays are (slice, row, column); x grows with columns, y with rows, z with slices, in mm from the centre
of the volume. Angles about the axis are measured from +x towards +y. Values are Bq/mL at the start of the scan.
Spheres come in the order 10, 13, 17, 22, 28, 37 mm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from phantoms.pet_blur import BlurredDisc
from phantoms.pet_body import CrossSection, Pose, Prism, Vector, blurred_outline
from phantoms.pet_volume import PetPhantom
from phantoms.pixels import FWHM_PER_SIGMA, FloatArray
from phantoms.planar import require_positive

# IEC 61675-1, as restated in NEMA NU 2, section 7: inner diameters; their centres lie 60 degrees apart on a ring.
SPHERES_MM = (10.0, 13.0, 17.0, 22.0, 28.0, 37.0)
HOT, COLD, ABSENT = "hot", "cold", "absent"
_MOST_TILT_DEG = 30.0
_HOT_SPOT_MM = 12.0


class SphereTruth(NamedTuple):
    """What is true of one sphere: its place, its state, and what is in it (None where there is no sphere)."""

    diameter_mm: float
    x_mm: float
    y_mm: float
    z_mm: float
    state: str
    bqml: float | None


class IecTruth(NamedTuple):
    """What is true of an IEC body phantom.

    Attributes
    ----------
    spheres : 10 to 37 mm
    centre_mm, radius_mm, phase_deg, sense, tilt_deg : of the ring, as built
    axis : unit vector along the body and its lung insert, through the ring's centre
    first_mm, last_mm : the middles of the body's ends, at low and high z
    background_bqml, ratio : ratio is that of the hot spheres if all have the same, else None
    lung_residual : part of the background that the lung insert shows; None without an insert
    """

    spheres: tuple[SphereTruth, ...]
    centre_mm: Vector
    radius_mm: float
    phase_deg: float
    sense: int
    tilt_deg: tuple[float, float]
    axis: Vector
    first_mm: Vector
    last_mm: Vector
    background_bqml: float
    ratio: float | None
    lung_residual: float | None


class CylinderTruth(NamedTuple):
    """What is true of a cylinder: its axis as a unit vector, the middles of its ends, and what it holds."""

    axis: Vector
    first_mm: Vector
    last_mm: Vector
    diameter_mm: float
    bqml: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IecBody(PetPhantom):
    """The body phantom of IEC 61675-1: six spheres on a ring about a lung insert. See ``PetPhantom`` for the volume.

    A voxel away from the body's walls is right to 1e-8 of the largest concentration: the spheres are summed as
    in ``pet_blur``. For the body's walls and the lung insert see ``pet_body``: at 12 mm or more from the spheres.

    Attributes
    ----------
    centre_mm : (x, y, z) of the ring's centre
    rotation_deg : phase of the 37 mm sphere from +x towards +y, in the ring's plane
    sense : +1: sizes descend from +x towards +y; -1: the other way
    tilt_deg : about x (z grows with y), then about y (z falls with x), right-handed, of the whole phantom
    body_rotation_deg : turn of the body, not of the ring, about its axis; at 0 its flat side is at +y
    upside_down : the flat side is at -y
    reversed : the lid, near which the spheres are, is at high z
    ratio : of the hot spheres to the background
    sphere_bqml : six concentrations, instead of the ratio; a cold sphere's is what is in it
    states : "hot", "cold" (ratio 0 unless ``sphere_bqml`` says otherwise) or "absent" of each sphere
    wall_mm : of the spheres, without activity
    ring_mm : radius of the ring
    shifts_mm : by how much each sphere lies off its place on the ring, x, y, z; () for none
    lid_mm : from the spheres' plane to the inner surface of the lid
    length_mm : of the interior
    lung_mm : outer diameter of the lung insert, which is as long as the interior; 0: no insert
    lung_residual : what the insert shows, as a part of the background
    """

    centre_mm: Vector = (7.3, -4.9, 3.6)
    rotation_deg: float = 37.0
    sense: int = -1
    tilt_deg: tuple[float, float] = (0.0, 0.0)
    body_rotation_deg: float = 0.0
    upside_down: bool = False
    reversed: bool = False
    ratio: float = 4.0
    sphere_bqml: tuple[float, ...] = ()
    states: tuple[str, ...] = (HOT,) * len(SPHERES_MM)
    wall_mm: float = 1.0
    ring_mm: float = 57.2
    shifts_mm: tuple[Vector, ...] = ()
    lid_mm: float = 70.0
    length_mm: float = 180.0
    lung_mm: float = 50.0
    lung_residual: float = 0.08

    def __post_init__(self) -> None:
        PetPhantom.__post_init__(self)
        if self.sense not in (-1, 1):
            raise ValueError("the sense is +1 (sizes descend from +x towards +y) or -1")
        _require_pose(self.centre_mm, self.tilt_deg, self.rotation_deg, self.body_rotation_deg)
        self._check_spheres()
        require_positive("radius of the ring, length and distance of the lid", self.ring_mm, self.length_mm)
        if not 0 < self.lid_mm < self.length_mm:
            raise ValueError("the spheres' plane must lie inside the body")
        if not (0 <= self.lung_mm < math.inf and 0 <= self.lung_residual <= 1):
            raise ValueError("the lung insert needs a diameter of 0 or more and a residual of 0 to 1")

    def concentrations_bqml(self) -> tuple[float | None, ...]:
        """Return what is in each sphere, None where there is none."""
        hot = self.ratio * self.background_bqml
        filled = self.sphere_bqml or tuple(hot if state == HOT else 0.0 for state in self.states)
        return tuple(
            None if state == ABSENT else value for state, value in zip(self.states, filled, strict=True)
        )

    def sphere_centres_mm(self) -> FloatArray:
        """Return x, y, z of each sphere, present or not, shape (6, 3)."""
        ring = Pose(self.centre_mm, 0.0, self.tilt_deg)
        places = []
        for step, shift in zip(range(5, -1, -1), self.shifts_mm or ((0.0, 0.0, 0.0),) * 6, strict=True):
            angle = math.radians(self.rotation_deg + self.sense * 60 * step)
            on_ring = ring.place(self.ring_mm * math.cos(angle), self.ring_mm * math.sin(angle), 0.0)
            places.append(np.add(on_ring, shift))
        return np.asarray(places, dtype=np.float64)

    def voxels(self) -> FloatArray:
        """Return the values without noise, shape (slices, rows, columns), Bq/mL."""
        values = self.background_bqml * self._prism(self._body())
        filled = zip(SPHERES_MM, self.sphere_centres_mm().tolist(), self.concentrations_bqml(), strict=True)
        for diameter, (x, y, z), bqml in filled:
            if bqml is not None:
                radius = diameter / 2
                self._add_ball(values, (x, y, z), radius + self.wall_mm, -self.background_bqml)
                self._add_ball(values, (x, y, z), radius, bqml)
        return values

    def sphere_values(self, diameter_mm: float) -> FloatArray:
        """Return one sphere alone, with height 1, without wall, background and noise, in all voxels."""
        values = np.zeros(self.shape)
        x, y, z = self.sphere_centres_mm()[SPHERES_MM.index(diameter_mm)].tolist()
        self._add_ball(values, (x, y, z), diameter_mm / 2, 1.0)
        return values

    def truth(self) -> IecTruth:
        """Return what is true of the phantom."""
        body = self._pose()
        first, last = self._ends_mm()
        x, y, z = body.axes()[:, 2].tolist()
        filled = self.concentrations_bqml()
        hot = {value for value, state in zip(filled, self.states, strict=True) if state == HOT}
        spheres = tuple(
            SphereTruth(diameter, x_mm, y_mm, z_mm, state, bqml)
            for diameter, (x_mm, y_mm, z_mm), state, bqml in zip(
                SPHERES_MM, self.sphere_centres_mm().tolist(), self.states, filled, strict=True
            )
        )
        return IecTruth(
            spheres=spheres,
            centre_mm=self.centre_mm,
            radius_mm=self.ring_mm,
            phase_deg=self.rotation_deg % 360,
            sense=self.sense,
            tilt_deg=self.tilt_deg,
            axis=(x, y, z),
            first_mm=body.place(0.0, 0.0, first),
            last_mm=body.place(0.0, 0.0, last),
            background_bqml=self.background_bqml,
            ratio=(hot.pop() or 0.0) / self.background_bqml if len(hot) == 1 else None,
            lung_residual=self.lung_residual if self.lung_mm > 0 else None,
        )

    def _check_spheres(self) -> None:
        if len(self.states) != 6 or any(state not in (HOT, COLD, ABSENT) for state in self.states):
            raise ValueError("states: six of hot, cold, absent, for 10 to 37 mm")
        if len(self.sphere_bqml) not in (0, 6) or not all(0 <= bqml < math.inf for bqml in self.sphere_bqml):
            raise ValueError("the spheres need six concentrations of 0 or more, for 10 to 37 mm")
        if not 0 <= self.ratio < math.inf:
            raise ValueError("the ratio must be 0 or a positive number")
        if not 0 <= self.wall_mm <= 5:
            raise ValueError("the wall of a sphere is 0 to 5 mm thick")
        if len(self.shifts_mm) not in (0, 6):
            raise ValueError("six shifts of spheres, for 10 to 37 mm, or none")

    def _pose(self) -> Pose:
        return Pose(
            self.centre_mm, self.body_rotation_deg + (180.0 if self.upside_down else 0.0), self.tilt_deg
        )

    def _ends_mm(self) -> tuple[float, float]:
        """Return the ends of the body along its axis, from the spheres' plane."""
        beyond = self.length_mm - self.lid_mm
        return (-beyond, self.lid_mm) if self.reversed else (-self.lid_mm, beyond)

    def _body(self) -> Prism:
        return Prism(self._pose(), self._section(), self._ends_mm(), self.sigmas_mm)

    def _section(self) -> CrossSection:
        """Return the body's cross-section, 1 in the background."""
        sigma = self.sigmas_mm[0]
        outline = blurred_outline(sigma)
        if self.lung_mm == 0:
            return outline.at
        insert, lost = BlurredDisc(self.lung_mm / 2, sigma), 1 - self.lung_residual
        return lambda x, y: outline.at(x, y) - lost * insert.at(np.hypot(x, y))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cylinder(PetPhantom):
    """A cylinder of uniform activity, seen by a scanner with faults. See ``PetPhantom`` for the volume.

    ``background_bqml`` is what it holds. The faults belong to the scanner: each multiplies the image by a factor
    of the place of the voxel's centre.

    Attributes
    ----------
    centre_mm : (x, y, z) of its middle
    tilt_deg : about x (z grows with y), then about y (z falls with x), right-handed
    diameter_mm, length_mm : of the activity
    slope_per_mm : the sensitivity rises by this part per mm of z
    dip : (z, depth, FWHM) of a Gaussian loss along z; a depth of 0.05 is 5 %
    ring : (radius, amplitude, FWHM) of a Gaussian ring about the scanner's axis; negative: dark
    cupping : loss on the scanner's axis as a part, less with the square of the distance, 0 at the cylinder's radius
    hot_spot : (x, y, z, Bq/mL) of a ball of 12 mm diameter somewhere else, such as a source left in the room; or ()
    """

    centre_mm: Vector = (-4.7, 6.2, -3.1)
    tilt_deg: tuple[float, float] = (0.4, -0.7)
    diameter_mm: float = 200.0
    length_mm: float = 186.0
    slope_per_mm: float = 0.0
    dip: tuple[float, float, float] = (0.0, 0.0, 10.0)
    ring: tuple[float, float, float] = (60.0, 0.0, 6.0)
    cupping: float = 0.0
    hot_spot: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        PetPhantom.__post_init__(self)
        _require_pose(self.centre_mm, self.tilt_deg)
        require_positive("diameter and length of the cylinder", self.diameter_mm, self.length_mm)
        require_positive("the FWHM of dip and ring", self.dip[2], self.ring[2])
        if len(self.hot_spot) not in (0, 4):
            raise ValueError("a hot spot is x, y, z and its concentration")
        if float(self.factor().min()) < 0:
            raise ValueError("the faults together must leave a sensitivity of 0 or more in every voxel")

    def voxels(self) -> FloatArray:
        """Return the values without noise, shape (slices, rows, columns), Bq/mL."""
        sigma = self.sigmas_mm[0]
        disc = BlurredDisc(self.diameter_mm / 2, sigma)
        half = self.length_mm / 2
        prism = Prism(self._pose(), lambda x, y: disc.at(np.hypot(x, y)), (-half, half), self.sigmas_mm)
        values = self.background_bqml * self._prism(prism)
        if self.hot_spot:
            x, y, z, bqml = self.hot_spot
            self._add_ball(values, (x, y, z), _HOT_SPOT_MM / 2, bqml)
        return np.asarray(values * self.factor())

    def factor(self) -> FloatArray:
        """Return the scanner's relative sensitivity at the voxels' centres, shape (slices, rows, columns)."""
        z, y, x = self.centres_mm()
        (dip_z, depth, dip_width), (radius, amplitude, ring_width) = self.dip, self.ring
        axial = (1 + self.slope_per_mm * z) * (1 - depth * _peak(z - dip_z, dip_width))
        rho = np.hypot(y[:, np.newaxis], x)
        fallen = np.maximum(1 - (2 * rho / self.diameter_mm) ** 2, 0)
        across = (1 + amplitude * _peak(rho - radius, ring_width)) * (1 - self.cupping * fallen)
        return np.asarray(axial[:, np.newaxis, np.newaxis] * across)

    def truth(self) -> CylinderTruth:
        """Return what is true of the cylinder."""
        pose, half = self._pose(), self.length_mm / 2
        x, y, z = pose.axes()[:, 2].tolist()
        ends = (pose.place(0.0, 0.0, -half), pose.place(0.0, 0.0, half))
        return CylinderTruth((x, y, z), *ends, self.diameter_mm, self.background_bqml)

    def _pose(self) -> Pose:
        return Pose(self.centre_mm, 0.0, self.tilt_deg)


def _peak(distance_mm: FloatArray, fwhm_mm: float) -> FloatArray:
    """Return a Gaussian of height 1."""
    return np.asarray(np.exp(-((distance_mm * FWHM_PER_SIGMA / fwhm_mm) ** 2) / 2))


def _require_pose(centre_mm: Vector, tilt_deg: tuple[float, float], *turns_deg: float) -> None:
    """Raise ValueError unless an object can lie so."""
    if not all(math.isfinite(value) for value in (*centre_mm, *turns_deg)):
        raise ValueError("places and turns must be numbers")
    if not all(abs(angle) <= _MOST_TILT_DEG for angle in tilt_deg):
        raise ValueError(f"the tilt must be two angles of at most {_MOST_TILT_DEG:g} degrees")
