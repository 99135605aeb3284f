"""Slit masks: parallel slits in lead on the crystal, for intrinsic resolution and linearity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from phantoms.fields import Point
from phantoms.pixels import TAIL_SIGMAS, FloatArray, centres
from phantoms.planar import Planar, direction, require_positive
from phantoms.spread import Spread, blurred_slit, full_width_mm, node_count, over_pixel, pixel_means

_ROUNDS = 60


@dataclass(frozen=True, slots=True)
class SlitsTruth:
    """What is true of a slit mask's image.

    Attributes
    ----------
    fwhm_mm, fwtm_mm : full widths at half and tenth maximum across a slit, of the top-hat of the slit, the
        camera and the pixel together, with the penetration of the mask under it: perpendicular to the slit,
        without noise. None where the profile does not fall that low before the middle between slits
    fwhm_without_pixel_mm, fwtm_without_pixel_mm : the same without the pixel
    camera_fwhm_mm : of the camera's Gaussian alone, across the slits
    numbers : of the slits that cross the field inside the matrix; the middle one is 0
    positions_mm : of those slits, x (or y) where they cross y = 0 (or x = 0), with shifts and distortion
    spacing_mm : between slits, perpendicular
    tilt_deg : of the slits, counter-clockwise as displayed
    counts : expected total
    """

    fwhm_mm: float | None
    fwtm_mm: float | None
    fwhm_without_pixel_mm: float | None
    fwtm_without_pixel_mm: float | None
    camera_fwhm_mm: float
    numbers: tuple[int, ...]
    positions_mm: tuple[float, ...]
    spacing_mm: float
    tilt_deg: float
    counts: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slits(Planar):
    """A slit mask in front of a distant point source. See ``Planar`` for the acquisition.

    The image is the blurred top-hat of each slit, in closed form (a difference of error functions), averaged
    over each pixel with Gauss-Legendre nodes: right to 1e-9 of the peak, at any angle and distortion. The
    field's edge multiplies it. A patch of the crystal that is dead is one of the ``defects``.

    Attributes
    ----------
    along : "y" for slits down the image, "x" for slits along its rows
    pitch_mm : between slits
    slit_mm : width of a slit
    tilt_deg : by which the slits are turned, counter-clockwise as displayed, from -45 to 45
    offset_mm : perpendicular distance of the middle slit from the matrix's centre, to the right (or down)
    fwhm_mm : (x, y), full widths at half maximum of the camera's Gaussian along the image's x and y
    tail_part, tail_fwhm_mm : part of the counts in a second Gaussian, and its width
    transmission : of the mask's lead
    shifts_mm : (number, shift): slits that are out of place, to the right (or down)
    """

    matrix: int | tuple[int, int] = 1024
    counts: float = 16e6
    along: Literal["x", "y"] = "y"
    pitch_mm: float = 30.0
    slit_mm: float = 1.0
    tilt_deg: float = 0.4
    offset_mm: float = 2.7
    fwhm_mm: tuple[float, float] = (3.7, 3.9)
    tail_part: float = 0.0
    tail_fwhm_mm: float = 12.0
    transmission: float = 0.0
    shifts_mm: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        Planar.__post_init__(self)
        require_positive("slit width and spacing", self.slit_mm, self.pitch_mm - self.slit_mm)
        if self.along not in ("x", "y"):
            raise ValueError('slits run along "x" or "y"')
        if not (-45 <= self.tilt_deg <= 45 and math.isfinite(self.offset_mm)):
            raise ValueError("the tilt of slits lies between -45 and 45 degrees; their offset is a number")
        if not 0 <= self.transmission < 1:
            raise ValueError("the transmission of the mask lies from 0 to below 1")
        for _, sigma in self.spread.along(self.across):
            self._nodes(sigma)

    @property
    def spread(self) -> Spread:
        """The camera's blur."""
        return Spread(self.fwhm_mm, self.tail_part, self.tail_fwhm_mm)

    @property
    def across(self) -> Point:
        """The unit vector (x, y) perpendicular to the slits, to the right (or down)."""
        return direction(self.tilt_deg - (90 if self.along == "x" else 0))

    def positions_mm(self, number: int, along_mm: ArrayLike) -> FloatArray:
        """Return where a slit's middle line lies: x at the given y (or y at the given x).

        With a distortion, the image position whose displacement leads back to the slit.
        """
        along = np.asarray(along_mm, dtype=np.float64)
        across_x, across_y = self.across
        main, other = (across_x, across_y) if self.along == "y" else (across_y, across_x)
        straight = (self._distance_mm(number) - along * other) / main
        position = straight
        for _ in range(_ROUNDS if self.wave is not None else 0):
            x, y = (position, along) if self.along == "y" else (along, position)
            moved_x, moved_y = self.displacement_mm(x, y)
            position = straight + (moved_x * across_x + moved_y * across_y) / main
        return position

    def linearity_mm(self, numbers: ArrayLike, along_mm: ArrayLike) -> tuple[float, float]:
        """Return the true differential and absolute linearity of slits at places along them.

        Differential: the mean over the slits of the standard deviation (over n) of each slit's positions
        about its own straight line. Absolute: the largest distance from the equally spaced parallel lines
        that fit all positions best.
        """
        along = np.asarray(along_mm, dtype=np.float64)
        slits = [int(number) for number in np.asarray(numbers)]
        found = np.array([self.positions_mm(number, along) for number in slits])
        each = [row - np.polynomial.Polynomial.fit(along, row, 1)(along) for row in found]
        order = np.repeat(np.array(slits, dtype=np.float64), along.size)
        terms = np.column_stack([np.ones(found.size), order, np.tile(along, len(slits))])
        fitted = terms @ np.linalg.lstsq(terms, found.ravel(), rcond=None)[0]
        return float(np.mean([row.std() for row in each])), float(np.abs(found.ravel() - fitted).max())

    def truth(self) -> SlitsTruth:
        """Return what is true of the image."""
        axis, reach = self.across, self.pitch_mm / 2

        def profile(distance_mm: FloatArray) -> FloatArray:
            slit = self.spread.slit(distance_mm, self.slit_mm, axis)
            return self.transmission + (1 - self.transmission) * slit

        in_pixels = over_pixel(profile, axis, self.spacing_mm)
        widths = [full_width_mm(shape, part, reach) for shape in (in_pixels, profile) for part in (0.5, 0.1)]
        numbers = self._seen()
        return SlitsTruth(
            fwhm_mm=widths[0],
            fwtm_mm=widths[1],
            fwhm_without_pixel_mm=widths[2],
            fwtm_without_pixel_mm=widths[3],
            camera_fwhm_mm=math.hypot(axis[0] * self.fwhm_mm[0], axis[1] * self.fwhm_mm[1]),
            numbers=numbers,
            positions_mm=tuple(float(self.positions_mm(number, 0.0)) for number in numbers),
            spacing_mm=self.pitch_mm,
            tilt_deg=self.tilt_deg,
            counts=self.counts,
        )

    def _distance_mm(self, number: int) -> float:
        """Return a slit's distance from the centre of the matrix, perpendicular."""
        return (
            self.offset_mm
            + number * self.pitch_mm
            + sum(shift for shifted, shift in self.shifts_mm if shifted == number)
        )

    def _near(self) -> range:
        """Return the numbers of all slits that can be seen in the matrix."""
        x_edges, y_edges = self.edges_mm()
        widest = max(sigma for _, sigma in self.spread.along(self.across))
        reach = math.hypot(x_edges[-1], y_edges[-1]) + TAIL_SIGMAS * widest + self.slit_mm
        first = math.ceil((-reach - self.offset_mm) / self.pitch_mm)
        return range(first, math.floor((reach - self.offset_mm) / self.pitch_mm) + 1)

    def _seen(self) -> tuple[int, ...]:
        """Return the numbers of the slits whose middle line crosses the field inside the matrix."""
        x_edges, y_edges = self.edges_mm()
        along = centres(y_edges if self.along == "y" else x_edges)
        seen = []
        for number in self._near():
            across = self.positions_mm(number, along)
            x, y = (across, along) if self.along == "y" else (along, across)
            if self._inside(x, y).any():
                seen.append(number)
        return tuple(seen)

    def _object(self) -> FloatArray:
        x, y = self._places_mm()
        position = np.asarray(x * self.across[0] + y * self.across[1])
        opening = np.zeros(self.shape)
        for part, sigma in self.spread.along(self.across):
            for number in self._near():
                self._add_slit(opening, part, sigma, position - self._distance_mm(number), number)
        return self.transmission + (1 - self.transmission) * opening

    def _add_slit(
        self, image: FloatArray, part: float, sigma_mm: float, distance_mm: FloatArray, number: int
    ) -> None:
        """Add a part of a slit's blurred opening, averaged over each pixel that it reaches, in place."""
        (axis_x, axis_y), place = self.across, self._distance_mm(number)
        where = np.asarray(np.abs(distance_mm) < TAIL_SIGMAS * sigma_mm + self.slit_mm + sum(self.spacing_mm))

        def profile(x: FloatArray, y: FloatArray) -> FloatArray:
            distance = x * axis_x + y * axis_y - place
            if self.wave is not None:
                moved_x, moved_y = self.wave.displacement_mm(x, y)
                distance -= moved_x * axis_x + moved_y * axis_y
            return blurred_slit(distance, self.slit_mm, sigma_mm)

        if where.any():
            image[where] += part * pixel_means(profile, self.edges_mm(), where, self._nodes(sigma_mm))

    def _nodes(self, sigma_mm: float) -> tuple[int, int]:
        """Return the nodes along x and y that a pixel needs."""
        (down, along), (axis_x, axis_y) = self.spacing_mm, self.across
        steepest = 0.0 if self.wave is None else self.wave.steepest
        x, y = along * (abs(axis_x) + steepest), down * (abs(axis_y) + steepest)
        return node_count(x / sigma_mm), node_count(y / sigma_mm)
