"""What the phantoms of one planar image share: the matrix, the detector's field, the counts and their noise."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from phantoms.defects import Defect, multiply_gain
from phantoms.fields import Outline, Point
from phantoms.flood import CountArray, Window, default_windows, whole_counts
from phantoms.pixels import FWHM_PER_SIGMA, FloatArray, centres, normal_cdf
from phantoms.raster import Raster, known_system
from phantoms.systems import RADIONUCLIDES


class Wave(NamedTuple):
    """A distortion of the image: a sine by which everything is displaced.

    At the image position r the displacement is

        amplitude_mm sin(2 pi (r . k) / wavelength_mm + phase_deg)

    along ``direction_deg``, where k points along ``travel_deg``: what appears at r is what an undistorted
    camera would show at r less the displacement. Angles are counter-clockwise as displayed, from the x axis;
    r is measured from the centre of the matrix. ``travel_deg`` None: along the displacement itself.
    """

    amplitude_mm: float
    wavelength_mm: float
    direction_deg: float
    phase_deg: float = 0.0
    travel_deg: float | None = None

    def displacement_mm(self, x_mm: ArrayLike, y_mm: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the displacement (x, y) at image positions, from the centre of the matrix."""
        along_x, along_y = direction(self.direction_deg)
        k_x, k_y = direction(self.direction_deg if self.travel_deg is None else self.travel_deg)
        turns = (np.asarray(x_mm) * k_x + np.asarray(y_mm) * k_y) / self.wavelength_mm
        size = self.amplitude_mm * np.sin(2 * math.pi * turns + math.radians(self.phase_deg))
        return np.asarray(size * along_x), np.asarray(size * along_y)

    @property
    def steepest(self) -> float:
        """The largest change of the displacement per length."""
        return 2 * math.pi * abs(self.amplitude_mm) / self.wavelength_mm


@dataclass(frozen=True, slots=True, kw_only=True)
class Planar(Raster, ABC):
    """One image of one detector, in one energy window.

    Attributes
    ----------
    system : a name in ``SYSTEMS``
    detector : 1 or 2
    matrix : pixels along each side, or (rows, columns)
    zoom : the pixels are the system's, for the smaller side of the matrix, divided by the zoom
    pixel_mm : (down, along), instead of the system's
    field : the outline that the detector sees; None for the system's own
    field_offset_mm : (x, y) of the field's centre from the centre of the matrix
    edge_fwhm_mm : blur of the field's edge (full width at half maximum of a Gaussian), 0 for a sharp one
    defects : their gains multiply; positions are from the centre of the field
    gradient_per_mm : (x, y), rise of the source's strength per mm to the right and down, as a part of that
        at the matrix's centre
    counts : expected total in the matrix
    wave : distortion of the image, or None
    duration_s : of the acquisition
    acquired : local time at the start
    radionuclide : "Tc-99m" or "Co-57"
    collimator : "LEHR", ... or None for an intrinsic image
    """

    system: str = "intevo"
    detector: int = 1
    matrix: int | tuple[int, int] = 512
    zoom: float = 1.0
    pixel_mm: tuple[float, float] | None = None
    field: Outline | None = None
    field_offset_mm: Point = (0.23, -0.41)
    edge_fwhm_mm: float = 3.5
    defects: tuple[Defect, ...] = ()
    gradient_per_mm: tuple[float, float] = (0.0, 0.0)
    counts: float = 5e6
    wave: Wave | None = None
    duration_s: float = 600.0
    acquired: datetime = datetime(2026, 1, 5, 7, 12, 0)
    radionuclide: str = "Tc-99m"
    collimator: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.detector <= known_system(self.system).heads:
            raise ValueError(f"{self.system} has {self.profile.heads} detector(s), not {self.detector}")
        if self.radionuclide not in RADIONUCLIDES:
            raise ValueError(f"radionuclide: one of {', '.join(RADIONUCLIDES)}")
        if not all(1 <= side <= 4096 for side in self.shape):
            raise ValueError("the matrix must have 1 to 4096 rows and columns")
        require_positive("zoom, duration, counts and pixel size", self.zoom, self.duration_s, self.counts)
        require_positive("zoom, duration, counts and pixel size", *(self.pixel_mm or ()))
        if self.wave is not None:
            object.__setattr__(self, "wave", Wave(*self.wave))
            require_positive("the wavelength of a distortion", self.wave[1])

    @property
    def window(self) -> Window:
        """The photopeak of the radionuclide."""
        return default_windows(self.system, self.radionuclide)[0]

    @property
    def outline(self) -> Outline:
        """The outline of the detector's field."""
        return self.field or self.profile.outline()

    @abstractmethod
    def _object(self) -> FloatArray:
        """Return what a flawless detector without edges would see, per unit of area, shape (rows, columns)."""

    def expected(self) -> FloatArray:
        """Return the expected counts, shape (rows, columns); their sum is ``counts``.

        Raises
        ------
        ValueError
            If a pixel would be negative, or no count falls into the matrix.
        """
        pattern = self._object() * self._sensitivity()
        total = float(pattern.sum())
        if pattern.min() < 0:
            raise ValueError("negative counts: make the gradient or the defects shallower")
        if total == 0:
            raise ValueError("no counts at all: the object lies outside the field or the matrix")
        return pattern * (self.counts / total)

    def noisy(self, seed: int) -> CountArray:
        """Return one acquisition: Poisson counts about the expected ones, the same for the same seed.

        Returns
        -------
        shape (rows, columns)
            uint16 if all counts fit, else uint32.
        """
        return whole_counts(np.random.default_rng(seed).poisson(self.expected()))

    def rounded(self) -> CountArray:
        """Return the expected counts rounded to whole numbers: each pixel is off by at most half a count."""
        return whole_counts(np.rint(self.expected()))

    def edges_mm(self) -> tuple[FloatArray, FloatArray]:
        """Return the pixels' edges in x and y, from the centre of the matrix."""
        (rows, columns), (down, along) = self.shape, self.spacing_mm
        x: FloatArray = (np.arange(columns + 1, dtype=np.float64) - columns / 2) * along
        y: FloatArray = (np.arange(rows + 1, dtype=np.float64) - rows / 2) * down
        return x, y

    def displacement_mm(self, x_mm: ArrayLike, y_mm: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return by how much (x, y) what appears at image positions is displaced."""
        if self.wave is None:
            still = np.zeros(np.broadcast_shapes(np.shape(x_mm), np.shape(y_mm)))
            return still, still
        return self.wave.displacement_mm(x_mm, y_mm)

    def _places_mm(self) -> tuple[FloatArray, FloatArray]:
        """Return where the pixels' centres would lie without distortion, shapes that broadcast."""
        x_edges, y_edges = self.edges_mm()
        x, y = centres(x_edges)[np.newaxis, :], centres(y_edges)[:, np.newaxis]
        if self.wave is None:
            return x, y
        moved_x, moved_y = self.wave.displacement_mm(x, y)
        return x - moved_x, y - moved_y

    def _sensitivity(self) -> FloatArray:
        """Return the part of each pixel inside the field, times the source's gradient and the defects' gains."""
        x_edges, y_edges = self.edges_mm()
        offset_x, offset_y = self.field_offset_mm
        seen = self.outline.coverage(x_edges - offset_x, y_edges - offset_y, self.edge_fwhm_mm)
        rise_x, rise_y = self.gradient_per_mm
        if (rise_x, rise_y) != (0, 0):
            seen *= 1 + rise_x * centres(x_edges)[np.newaxis, :] + rise_y * centres(y_edges)[:, np.newaxis]
        for defect in self.defects:
            multiply_gain(seen, defect, x_edges - offset_x, y_edges - offset_y, self.outline)
        return seen

    def _inside(self, x_mm: ArrayLike, y_mm: ArrayLike) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Return True for points inside both the field and the matrix."""
        x, y = np.asarray(x_mm, dtype=np.float64), np.asarray(y_mm, dtype=np.float64)
        (rows, columns), (down, along) = self.shape, self.spacing_mm
        offset_x, offset_y = self.field_offset_mm
        in_matrix = (np.abs(x) <= columns * along / 2) & (np.abs(y) <= rows * down / 2)
        return np.asarray(in_matrix & self.outline.contains(x - offset_x, y - offset_y))


def direction(angle_deg: float) -> tuple[float, float]:
    """Return the unit vector (x, y) at an angle, counter-clockwise as displayed; exact at right angles."""
    quarters, rest = divmod(angle_deg, 90.0)
    vector = math.cos(math.radians(rest)), -math.sin(math.radians(rest))
    for _ in range(int(quarters) % 4):
        vector = vector[1], -vector[0]
    return vector


def sigmas_mm(fwhm_mm: tuple[float, float]) -> tuple[float, float]:
    """Return the standard deviations of a Gaussian blur given by its widths at half height."""
    return fwhm_mm[0] / FWHM_PER_SIGMA, fwhm_mm[1] / FWHM_PER_SIGMA


def blurred_step(distance_mm: FloatArray, sigma_mm: float) -> FloatArray:
    """Return the part of a blurred half-plane at points, by their distance inside its edge."""
    return normal_cdf(distance_mm / sigma_mm)


def require_positive(what: str, *values: float) -> None:
    """Raise ValueError unless all values are positive numbers."""
    if not all(0 < value < math.inf for value in values):
        raise ValueError(f"{what}: positive numbers expected")
