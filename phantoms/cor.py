"""Point sources seen by a head that turns about them: for the centre of rotation and the heads' alignment.

Angles are those of DICOM (PS3.3, C.8.4.11): 0 with the head behind the patient's back, growing counter-clockwise as
seen from the feet. A source has the patient's coordinates: x to the left, y to the back, z to the head, in mm
from the axis of rotation and the middle of the matrix. With the head at theta it is projected to

    s = -x cos(theta) + y sin(theta)         along the rows, from the axis
    t = -z - D tan(tilt)                     down the columns
    D = x sin(theta) + y cos(theta)          its way towards the head

The image is then turned, and displaced in columns and rows by what is wrong with the head (``OrbitHead``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from phantoms.flood import CountArray, Window, default_windows, whole_counts
from phantoms.pixels import FWHM_PER_SIGMA, FloatArray, normal_cdf
from phantoms.planar import require_positive
from phantoms.raster import Raster, known_system
from phantoms.spread import node_count
from phantoms.systems import RADIONUCLIDES

FWHM_DISTANCE_MM = 200.0
_TAIL_SIGMAS = 8.0  # beyond it a Gaussian is taken as 0: its tail there is 6e-16
_SIGMAS_IN_A_PANEL = 2.0


@dataclass(frozen=True, slots=True)
class PointSource:
    """A point source that rests.

    Attributes
    ----------
    x_mm, y_mm, z_mm : to the patient's left, back and head
    counts : expected in the first view of a head of sensitivity 1, in an energy window of relative counts 1
    """

    x_mm: float
    y_mm: float
    z_mm: float = 0.0
    counts: float = 20_000.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(place) for place in (self.x_mm, self.y_mm, self.z_mm)):
            raise ValueError("the place of a point source must be three numbers of millimetres")
        require_positive("counts of a point source", self.counts)

    @property
    def radius_mm(self) -> float:
        """Distance from the axis."""
        return math.hypot(self.x_mm, self.y_mm)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrbitHead:
    """A head, and what is wrong with it. Displacements are of the image, to the right and down.

    Theta is the angle at which the head stands.

    Attributes
    ----------
    start_deg : its angle at the start, as the header gives it
    offset_mm : right: the centre-of-rotation offset
    axial_mm : down
    tilt_deg : a source farther from the head than the axis by d appears lower by d tan(tilt)
    turn_deg : the image is turned counter-clockwise as displayed, about the axis at the middle of the matrix
    sag_mm, sag_phase_deg : right by sag cos(2 theta - phase)
    drift_mm : right by as much more in each view, 0 in the middle of the views
    slips : (view from 1, right, down): views that are displaced, in each rotation alike
    angle_error_deg : the head stands at the header's angle plus this
    mirrored : s is reversed before all other terms
    sensitivity : its counts, relative to those of the sources
    """

    start_deg: float = 0.0
    offset_mm: float = 0.0
    axial_mm: float = 0.0
    tilt_deg: float = 0.0
    turn_deg: float = 0.0
    sag_mm: float = 0.0
    sag_phase_deg: float = 0.0
    drift_mm: float = 0.0
    slips: tuple[tuple[int, float, float], ...] = ()
    angle_error_deg: float = 0.0
    mirrored: bool = False
    sensitivity: float = 1.0

    def __post_init__(self) -> None:
        angles = (self.start_deg, self.tilt_deg, self.turn_deg, self.sag_phase_deg, self.angle_error_deg)
        lengths = (self.offset_mm, self.axial_mm, self.sag_mm, self.drift_mm)
        slipped = [length for _, *both in self.slips for length in both]
        if not all(math.isfinite(value) for value in (*angles, *lengths, *slipped)):
            raise ValueError("the angles and displacements of a head must be numbers")
        if abs(self.tilt_deg) >= 90:
            raise ValueError("a head is tilted by less than 90 degrees")
        require_positive("sensitivity of a head", self.sensitivity)


class SourceTruth(NamedTuple):
    """What is true of one source in the images of one head, over a full circle.

    In each view its column lies at ``offset_mm + amplitude_mm cos(theta - phase_deg)``, plus the head's sag, drift
    and slips, where theta is the header's angle; that of the middle of the view where the head moves.

    Attributes
    ----------
    radius_mm : from the axis to the source
    amplitude_mm : of the sinusoid; half of the way across, shorter than the radius where the head moves in a view
    phase_deg : from 0 to below 360
    offset_mm : column of its mean, from the middle of the matrix
    axial_mm : row of its mean, down, from the middle of the matrix
    """

    radius_mm: float
    amplitude_mm: float
    phase_deg: float
    offset_mm: float
    axial_mm: float


class OrbitTruth(NamedTuple):
    """What is true of one head.

    Attributes
    ----------
    detector : 1, 2
    head : what is wrong with it
    axis_column : of the projected axis at the middle row of the matrix, counted from 0
    sources : in the order of the sources
    """

    detector: int
    head: OrbitHead
    axis_column: float
    sources: tuple[SourceTruth, ...]


def default_orbit_heads(system: str) -> tuple[OrbitHead, ...]:
    """Return a system's heads, opposed, with small faults; one unlike the other."""
    heads = (
        OrbitHead(start_deg=180.0, offset_mm=0.62, axial_mm=0.31, tilt_deg=0.11),
        OrbitHead(start_deg=0.0, offset_mm=-0.47, axial_mm=-0.26, tilt_deg=-0.08, sensitivity=0.94),
    )
    return heads[: known_system(system).heads]


def one_source() -> tuple[PointSource, ...]:
    """Return a single source off the axis."""
    return (PointSource(58.0, -33.0, 12.0),)


def nema_sources() -> tuple[PointSource, ...]:
    """Return three sources: one near the axis, the others 75 mm to its sides and 50 mm along it."""
    return (
        PointSource(75.0, -6.0, 50.0),
        PointSource(1.7, 2.2, 1.0, 21_000.0),
        PointSource(-75.0, 9.0, -50.0, 19_000.0),
    )


def five_sources() -> tuple[PointSource, ...]:
    """Return five sources apart along the axis, 30 to 120 mm from it in all directions."""
    placed = (
        (118.0, 24.0, 112.0),
        (30.0, 97.0, 58.0),
        (76.0, 163.0, 3.0),
        (52.0, 231.0, -61.0),
        (97.0, 312.0, -118.0),
    )
    return tuple(
        PointSource(radius * math.cos(math.radians(angle)), radius * math.sin(math.radians(angle)), z)
        for radius, angle, z in placed
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Orbit(Raster):
    """Point sources on a tomographic orbit of one head or several, in one or more energy windows.

    Each source gives a round Gaussian, integrated over the pixels. What falls outside the matrix is lost.

    Attributes
    ----------
    system : a name in ``SYSTEMS``
    matrix : pixels along each side, or (rows, columns)
    zoom : the pixels are the system's, for the smaller side of the matrix, divided by the zoom
    pixel_mm : (down, along), instead of the system's
    sources : () for ``nema_sources``
    heads : () for ``default_orbit_heads``
    views : of each head in each rotation
    arc_deg : over which the views are spread: views times the step
    clockwise : the sense of the first rotation; every second one turns the other way, from the same start
    continuous : the head moves while it counts, from the angle of its view to that of the next
    radius_mm : from the axis to the collimator's face; a tuple: of each view, in each rotation alike
    rotations : how many
    fwhm_mm, fwhm_per_mm : blur 200 mm from the collimator's face, and how much it grows with the distance
    background : counts in each pixel of each view, head and window
    half_life_s : the sources decay from view to view, not within one; None: they do not
    duration_s : of a view
    acquired : local time at the start
    radionuclide : "Tc-99m" or "Co-57"
    collimator : "LEHR", ...
    windows : () for the photopeak of the radionuclide
    """

    system: str = "symbia-t2"
    matrix: int | tuple[int, int] = 128
    zoom: float = 1.0
    pixel_mm: tuple[float, float] | None = None
    sources: tuple[PointSource, ...] = ()
    heads: tuple[OrbitHead, ...] = ()
    views: int = 60
    arc_deg: float = 360.0
    clockwise: bool = True
    continuous: bool = False
    radius_mm: float | tuple[float, ...] = 200.0
    rotations: int = 1
    fwhm_mm: float = 8.0
    fwhm_per_mm: float = 0.0
    background: float = 0.0
    half_life_s: float | None = None
    duration_s: float = 20.0
    acquired: datetime = datetime(2026, 1, 5, 7, 12, 0)
    radionuclide: str = "Tc-99m"
    collimator: str | None = "LEHR"
    windows: tuple[Window, ...] = ()

    def __post_init__(self) -> None:
        profile = known_system(self.system)
        if self.radionuclide not in RADIONUCLIDES:
            raise ValueError(f"radionuclide: one of {', '.join(RADIONUCLIDES)}")
        if not all(1 <= side <= 4096 for side in self.shape):
            raise ValueError("the matrix must have 1 to 4096 rows and columns")
        require_positive("zoom, duration and pixel size", self.zoom, self.duration_s, *(self.pixel_mm or ()))
        if len(self.heads) > profile.heads:
            raise ValueError(f"{self.system} has {profile.heads} detector(s), not {len(self.heads)}")
        object.__setattr__(self, "sources", self.sources or nema_sources())
        object.__setattr__(self, "heads", self.heads or default_orbit_heads(self.system))
        object.__setattr__(self, "windows", self.windows or default_windows(self.system, self.radionuclide))
        self._check_orbit()
        self._check_counts()

    @property
    def step_deg(self) -> float:
        """The angle from one view to the next, positive."""
        return self.arc_deg / self.views

    @property
    def radii_mm(self) -> FloatArray:
        """From the axis to the collimator's face, shape (views,)."""
        return np.broadcast_to(np.asarray(self.radius_mm, dtype=np.float64), (self.views,)).copy()

    def turns_clockwise(self, rotation: int = 0) -> bool:
        """Return the sense of a rotation, counted from 0."""
        return self.clockwise if rotation % 2 == 0 else not self.clockwise

    def theta_deg(self, head: int, rotation: int = 0) -> FloatArray:
        """Return the header's angles, shape (views,), reduced to one turn; ``head`` and ``rotation`` from 0."""
        turned = self._signed_step(rotation) * np.arange(self.views, dtype=np.float64)
        return np.asarray(np.mod(self.heads[head].start_deg + turned, 360.0))

    def positions_mm(self, head: int, rotation: int = 0) -> FloatArray:
        """Return where the sources appear: (right, down) from the middle of the matrix.

        Where the head moves in a view it is the mean over the view.

        Returns
        -------
        shape (sources, views, 2)
        """
        angles, weights = self._angles(head, rotation)
        right, down, _ = self._projected(head, angles)
        return np.stack([right @ weights, down @ weights], axis=-1)

    def decay(self, rotation: int = 0) -> FloatArray:
        """Return the sources' strength in each view relative to the first of all, shape (views,)."""
        if self.half_life_s is None:
            return np.ones(self.views)
        passed_s = self.duration_s * (rotation * self.views + np.arange(self.views))
        return np.asarray(0.5 ** (passed_s / self.half_life_s))

    def expected(self) -> FloatArray:
        """Return the expected counts, shape (windows, heads, rotations, views, rows, columns)."""
        groups = (len(self.windows), len(self.heads), self.rotations)
        counts = np.empty((*groups, self.views, *self.shape))
        for head in range(len(self.heads)):
            for rotation in range(self.rotations):
                seen = self._seen(head, rotation)
                for window, energy in enumerate(self.windows):
                    counts[window, head, rotation] = energy.relative_counts * seen + self.background
        return counts

    def noisy(self, seed: int) -> CountArray:
        """Return one acquisition: Poisson counts about the expected ones, the same for the same seed.

        Returns
        -------
        shape (windows, heads, rotations, views, rows, columns)
            uint16 if all counts fit, else uint32.
        """
        return whole_counts(np.random.default_rng(seed).poisson(self.expected()))

    def rounded(self) -> CountArray:
        """Return the expected counts rounded to whole numbers: each pixel is off by at most half a count."""
        return whole_counts(np.rint(self.expected()))

    def truth(self) -> tuple[OrbitTruth, ...]:
        """Return what is true of each head."""
        return tuple(self._head_truth(number, head) for number, head in enumerate(self.heads, start=1))

    def _check_orbit(self) -> None:
        if self.views < 1 or self.rotations < 1:
            raise ValueError("an orbit has at least one view and one rotation")
        require_positive("the arc", self.arc_deg)
        if isinstance(self.radius_mm, tuple) and len(self.radius_mm) != self.views:
            raise ValueError(
                f"{len(self.radius_mm)} radii for {self.views} views: give one, or one for each view"
            )
        require_positive("the radius of the orbit", *self.radii_mm)
        if any(not 1 <= view <= self.views for head in self.heads for view, _, _ in head.slips):
            raise ValueError(f"the view that slipped must be 1 to {self.views}")
        least, at = min((self._fwhm_at(distance), distance) for distance in self._extreme_distances_mm())
        if not 0 < least < math.inf:
            raise ValueError(
                f"the FWHM must be positive everywhere: it is {least:g} mm at {at:g} mm from the collimator"
            )

    def _check_counts(self) -> None:
        if not 0 <= self.background < math.inf:
            raise ValueError("the background must be 0 or a positive number of counts per pixel")
        if self.half_life_s is not None:
            require_positive("the half-life", self.half_life_s)

    def _fwhm_at(self, distance_mm: float) -> float:
        return self.fwhm_mm + self.fwhm_per_mm * (distance_mm - FWHM_DISTANCE_MM)

    def _extreme_distances_mm(self) -> tuple[float, float]:
        """Return the shortest and longest way from a source to the collimator, on a full circle."""
        reach = max(source.radius_mm for source in self.sources)
        return float(self.radii_mm.min()) - reach, float(self.radii_mm.max()) + reach

    def _signed_step(self, rotation: int) -> float:
        return -self.step_deg if self.turns_clockwise(rotation) else self.step_deg

    def _angles(self, head: int, rotation: int) -> tuple[FloatArray, FloatArray]:
        """Return where a head stands in radians, shape (views, nodes), and the nodes' weights, which sum to 1."""
        start = self.heads[head].start_deg + self.heads[head].angle_error_deg
        parts, weights = self._nodes() if self.continuous else (np.zeros(1), np.ones(1))
        steps = np.arange(self.views)[:, np.newaxis] + parts
        return np.radians(start + self._signed_step(rotation) * steps), weights

    def _nodes(self) -> tuple[FloatArray, FloatArray]:
        """Return Gauss-Legendre nodes over a step, from 0 to 1, and weights: so many that no source blurs wrongly.

        In each of several panels a source moves by two sigmas of its blur at most, where ``node_count`` says
        how many nodes average it to 1e-10 of its peak.
        """
        sag = max(2 * abs(head.sag_mm) for head in self.heads)
        reach = max(source.radius_mm for source in self.sources) + sag
        sigma = min(self._fwhm_at(distance) for distance in self._extreme_distances_mm()) / FWHM_PER_SIGMA
        panels = math.ceil(math.radians(self.step_deg) * max(reach, sigma) / sigma / _SIGMAS_IN_A_PANEL)
        at, weights = np.polynomial.legendre.leggauss(node_count(_SIGMAS_IN_A_PANEL))
        parts: FloatArray = np.add.outer(np.arange(panels), (at + 1) / 2).ravel() / panels
        return parts, np.asarray(np.tile(weights / 2 / panels, panels), dtype=np.float64)

    def _projected(self, head: int, angles: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return right and down on the image, and D, each of shape (sources, views, nodes)."""
        fault = self.heads[head]
        x, y, z = (self._of_sources(name) for name in ("x_mm", "y_mm", "z_mm"))
        across = (y * np.sin(angles) - x * np.cos(angles)) * (-1 if fault.mirrored else 1)
        depth = x * np.sin(angles) + y * np.cos(angles)
        down = -z - depth * math.tan(math.radians(fault.tilt_deg))
        turn = math.radians(fault.turn_deg)
        right = across * math.cos(turn) + down * math.sin(turn)
        down = down * math.cos(turn) - across * math.sin(turn)
        moved_right, moved_down = self._displaced(fault)
        sag = fault.sag_mm * np.cos(2 * angles - math.radians(fault.sag_phase_deg))
        return right + sag + moved_right, down + moved_down, depth

    def _of_sources(self, name: str) -> FloatArray:
        return np.array([getattr(source, name) for source in self.sources], dtype=np.float64)[
            :, np.newaxis, np.newaxis
        ]

    def _displaced(self, fault: OrbitHead) -> tuple[FloatArray, FloatArray]:
        """Return by how much each view is displaced, right and down, shape (views, 1)."""
        from_middle = np.arange(self.views, dtype=np.float64) - (self.views - 1) / 2
        right: FloatArray = fault.offset_mm + fault.drift_mm * from_middle
        down: FloatArray = np.full(self.views, fault.axial_mm, dtype=np.float64)
        for view, slip_right, slip_down in fault.slips:
            right[view - 1] += slip_right
            down[view - 1] += slip_down
        return right[:, np.newaxis], down[:, np.newaxis]

    def _seen(self, head: int, rotation: int) -> FloatArray:
        """Return the sources' expected counts, shape (views, rows, columns)."""
        angles, weights = self._angles(head, rotation)
        right, down, depth = self._projected(head, angles)
        distance = self.radii_mm[:, np.newaxis] - depth
        sigma = (self.fwhm_mm + self.fwhm_per_mm * (distance - FWHM_DISTANCE_MM)) / FWHM_PER_SIGMA
        strength = self._of_sources("counts") * self.decay(rotation)[:, np.newaxis] * weights
        (rows, columns), (size_down, size_along) = self.shape, self.spacing_mm
        along = _parts(columns, size_along, right, sigma)
        lines = _parts(rows, size_down, down, sigma) * _by_view(strength)[:, :, np.newaxis]
        return np.asarray(np.matmul(lines.transpose(0, 2, 1), along) * self.heads[head].sensitivity)

    def _head_truth(self, detector: int, head: OrbitHead) -> OrbitTruth:
        column = (self.shape[1] - 1) / 2 + head.offset_mm / self.spacing_mm[1]
        return OrbitTruth(
            detector, head, column, tuple(self._source_truth(head, source) for source in self.sources)
        )

    def _source_truth(self, head: OrbitHead, source: PointSource) -> SourceTruth:
        """Return the sinusoid of a source.

        With the phase a of (-x, y), s = r cos(theta - a) and D = -r sin(theta - a); turned, the column is
        s cos(turn) + (-z + r tan(tilt) sin(theta - a)) sin(turn). A motion over the step h shrinks every sine of
        theta by sin(h / 2) / (h / 2).
        """
        turn, half = math.radians(head.turn_deg), math.radians(self.step_deg) / 2
        shrunk = math.sin(half) / half if self.continuous else 1.0
        cosine = -math.cos(turn) if head.mirrored else math.cos(turn)
        sine = math.tan(math.radians(head.tilt_deg)) * math.sin(turn)
        phase = math.atan2(source.y_mm, -source.x_mm) + math.atan2(sine, cosine)
        return SourceTruth(
            radius_mm=source.radius_mm,
            amplitude_mm=source.radius_mm * math.hypot(cosine, sine) * shrunk,
            phase_deg=(math.degrees(phase) - head.angle_error_deg) % 360,
            offset_mm=head.offset_mm - source.z_mm * math.sin(turn),
            axial_mm=head.axial_mm - source.z_mm * math.cos(turn),
        )


def _parts(count: int, size_mm: float, place_mm: FloatArray, sigma_mm: FloatArray) -> FloatArray:
    """Return which part of each Gaussian falls into each pixel of a row.

    Parameters
    ----------
    count, size_mm : of the pixels; the row is centred on 0
    place_mm, sigma_mm : shape (sources, views, nodes)

    Returns
    -------
    shape (views, sources x nodes, count)
    """
    edges = (np.arange(count + 1) - count / 2) * size_mm
    t = (edges - _by_view(place_mm)[..., np.newaxis]) / _by_view(sigma_mm)[..., np.newaxis]
    return np.asarray(np.diff(normal_cdf(np.clip(t, -_TAIL_SIGMAS, _TAIL_SIGMAS)), axis=-1))


def _by_view(values: ArrayLike) -> FloatArray:
    """Return values of shape (sources, views, nodes) as (views, sources x nodes)."""
    moved = np.moveaxis(np.asarray(values, dtype=np.float64), 1, 0)
    return moved.reshape(len(moved), -1)
