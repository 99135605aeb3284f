"""Bar phantoms: four quadrants of lead bars, with the resolution of the camera known in closed form.

The stripes are exact: the pixel means of a square wave blurred by a Gaussian, as a Fourier series in which
every harmonic is multiplied by the transfer of the Gaussian and by the two sinc functions of the pixel's
sides. The series is cut off where its terms are below 1e-14. With a distortion they are exact for pixels that
are displaced as a whole: their change of size within a pixel is left out.

Within 3 sigma of the cross between the quadrants, of the phantom's edge and of the field's edge the image is
an approximation, off by as much as a third of the mean: there the stripes are multiplied by blurred masks, though a
camera blurs the product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from phantoms.fields import Point
from phantoms.pixels import FloatArray
from phantoms.planar import Planar, blurred_step, direction, require_positive, sigmas_mm

_SMALLEST_TERM = 1e-14
_MOST_HARMONICS = 2000
_SIGNS = ((-1, -1), (1, -1), (1, 1), (-1, 1))  # of the quadrants in the frame of the cross, clockwise


@dataclass(frozen=True, slots=True)
class Quadrant:
    """What is true of one quadrant, as it appears in the image.

    Attributes
    ----------
    given : its place (from 0) in the phantom's ``widths_mm``
    width_mm : of a bar and a gap each, for a duty of one half; half a period
    frequency_per_mm : (x, y), the wave vector of the bars, over 2 pi, turned so that x is positive, or y if x is 0
    bars_deg : direction along which the bars run, in [0, 180), counter-clockwise as displayed from the x axis
    modulation : amplitude of the fundamental over the mean, in the image, at ``centre_mm``:
        (4 / pi) contrast x mtf x pixel_mtf
    contrast : pi / 4 of the modulation that an ideal camera would show; 1 for opaque bars as wide as their
        gaps, without scatter
    mtf : of the camera at this frequency and direction, without the pixels:
        exp(-2 pi^2 (fx^2 sx^2 + fy^2 sy^2))
    pixel_mtf : sinc(fx px) sinc(fy py), sinc(t) = sin(pi t) / (pi t); negative where a pixel holds more than
        a period
    centre_mm : (x, y) from the centre of the matrix: the middle of the quadrant's bisector, inside field and
        matrix
    """

    given: int
    width_mm: float
    frequency_per_mm: Point
    bars_deg: float
    modulation: float
    contrast: float
    mtf: float
    pixel_mtf: float
    centre_mm: Point


@dataclass(frozen=True, slots=True)
class BarsTruth:
    """What is true of a bar phantom's image.

    Attributes
    ----------
    quadrants : clockwise as displayed, from the top left one in the frame turned by ``cross_deg``
    centre_mm : (x, y) of the cross, from the centre of the matrix
    rotation_deg : of the bars, counter-clockwise as displayed, in [-45, 45)
    cross_deg : of the dividing cross, likewise
    counts : expected total
    """

    quadrants: tuple[Quadrant, Quadrant, Quadrant, Quadrant]
    centre_mm: Point
    rotation_deg: float
    cross_deg: float
    counts: float


@dataclass(frozen=True, slots=True)
class _Stripes:
    """The bars of a quadrant: open at t = 1 - duty/2 + whole numbers, t = position . (fx, fy) - start."""

    frequency_x: float
    frequency_y: float
    start: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars(Planar):
    """A four-quadrant bar phantom in front of a uniform source.

    The frame of the phantom is mirrored, then turned, then shifted. See ``Planar`` for the acquisition.

    Attributes
    ----------
    widths_mm : half a period of each quadrant: clockwise from top left, before mirroring and rotation
    across : True where the modulation runs along x, so that the bars stand upright, before rotation
    rotation_deg : of the bars, counter-clockwise as displayed
    centre_mm : (x, y) of the cross, from the centre of the matrix
    mirrored : left and right exchanged before rotation
    fwhm_mm : (x, y), full widths at half maximum of the camera's Gaussian along the image's x and y
    duty : open part of a period
    transmission : of the lead
    phases : distance, in periods, from the cross's middle to the first bar of each quadrant; None: 0 for all.
        The first bar is lead. With a cross at an angle, bars are counted from the cross's centre
    cross_mm : width of the strip between the quadrants
    cross_open : True for a strip without lead
    dividing_deg : angle of the cross, and of a square phantom's sides, to the bars, before mirroring
    size_mm : side of the square, or diameter; None for a phantom that covers the field
    round_phantom : True for a round phantom
    surround_open : True if there is no lead outside the phantom
    scatter : uniform background over the field, as a part of the mean counts behind the bars of a quadrant:
        divides the contrast by 1 + scatter
    broad_scatter, broad_fwhm_mm : a Gaussian background about the cross, likewise, and its width; the
        contrast is then that at the quadrant's centre
    """

    widths_mm: tuple[float, float, float, float] = (3.5, 3.0, 2.5, 2.0)
    across: tuple[bool, bool, bool, bool] = (True, False, True, False)
    rotation_deg: float = 3.0
    centre_mm: Point = (5.3, -3.7)
    mirrored: bool = False
    fwhm_mm: tuple[float, float] = (3.7, 3.9)
    duty: float = 0.5
    transmission: float = 0.0
    phases: tuple[float, float, float, float] | None = None
    cross_mm: float = 0.0
    cross_open: bool = True
    dividing_deg: float = 0.0
    size_mm: float | None = None
    round_phantom: bool = False
    surround_open: bool = True
    scatter: float = 0.0
    broad_scatter: float = 0.0
    broad_fwhm_mm: float = 250.0

    def __post_init__(self) -> None:
        Planar.__post_init__(self)
        require_positive("bar widths and FWHM", *self.widths_mm, *self.fwhm_mm, self.broad_fwhm_mm)
        if self.size_mm is not None:
            require_positive("the size of a bar phantom, less its cross", self.size_mm - 2 * self.cross_mm)
        if not (0 < self.duty < 1 and 0 <= self.transmission < 1):
            raise ValueError("the duty must lie between 0 and 1, and the transmission from 0 to below 1")
        if not all(0 <= part < math.inf for part in (self.cross_mm, self.scatter, self.broad_scatter)):
            raise ValueError("the cross's width and the scatter must be 0 or positive numbers")
        places = (self.rotation_deg, self.dividing_deg, *self.centre_mm, *(self.phases or ()))
        if not all(math.isfinite(place) for place in places):
            raise ValueError("angles, centre and phases must be finite numbers")
        if any(len(four) != 4 for four in (self.widths_mm, self.across, self.phases or (0,) * 4)):
            raise ValueError("widths, directions and phases: one for each of the four quadrants")

    def truth(self) -> BarsTruth:
        """Return what is true of the image."""
        cross_deg = self._cross_deg()
        turns = math.floor((cross_deg + 45) / 90)
        order = [(place + turns) % 4 for place in range(4)]
        given = [(1, 0, 3, 2)[place] if self.mirrored else place for place in order]
        first, second, third, fourth = (self._quadrant(index) for index in given)
        return BarsTruth(
            quadrants=(first, second, third, fourth),
            centre_mm=self.centre_mm,
            rotation_deg=_within_45(self.rotation_deg),
            cross_deg=_within_45(cross_deg),
            counts=self.counts,
        )

    def _cross_deg(self) -> float:
        """Return the angle of the cross in the image."""
        return self.rotation_deg + (-self.dividing_deg if self.mirrored else self.dividing_deg)

    def _axis(self, dividing_deg: float, *, down: bool) -> Point:
        """Return a unit vector of the phantom's frame, turned by an angle, as it lies in the image."""
        angle = -dividing_deg if self.mirrored else dividing_deg
        x, y = direction(self.rotation_deg + angle - (90 if down else 0))
        return (-x, -y) if self.mirrored and not down else (x, y)

    def _stripes(self, index: int) -> _Stripes:
        """Return the bars of a quadrant, counted from the cross outwards, in the image."""
        turn = math.radians(self.dividing_deg)
        sign_x, sign_y = _SIGNS[index]
        outwards_x = sign_x * math.cos(turn) + sign_y * math.sin(turn)
        outwards_y = sign_y * math.cos(turn) - sign_x * math.sin(turn)
        outwards = outwards_x if self.across[index] else outwards_y
        x, y = self._axis(0, down=not self.across[index])
        frequency = math.copysign(1 / (2 * self.widths_mm[index]), 1 if outwards > -1e-9 else -1)
        centre_x, centre_y = self.centre_mm
        at_centre = (centre_x * x + centre_y * y) * frequency
        phase = self.phases[index] if self.phases else 0.0
        return _Stripes(frequency * x, frequency * y, at_centre + phase)

    def _object(self) -> FloatArray:
        x, y = self._places_mm()
        parts = [self._part(index, x, y) for index in range(4)]
        strip = np.clip(1 - sum(parts), 0, 1)
        seen = strip * (1.0 if self.cross_open else self.transmission)
        for index, part in enumerate(parts):
            seen += part * (self.transmission + (1 - self.transmission) * self._wave_of(index, x, y))
        if self.size_mm is not None:
            inside = self._phantom(x, y)
            seen = seen * inside + (1 - inside) * (1.0 if self.surround_open else self.transmission)
        return np.asarray(seen + self._mean() * self._scatter(x, y))

    def _mean(self) -> float:
        """Return the mean transmission of the bars."""
        return self.duty + (1 - self.duty) * self.transmission

    def _scatter(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the background at points, as a part of the mean behind the bars."""
        squared = (x - self.centre_mm[0]) ** 2 + (y - self.centre_mm[1]) ** 2
        broad = np.exp(-4 * math.log(2) * squared / self.broad_fwhm_mm**2)
        return np.asarray(self.scatter + self.broad_scatter * broad)

    def _wave_of(self, index: int, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the blurred square wave, 0 to 1, of a quadrant's bars, averaged over each pixel."""
        stripes = self._stripes(index)
        weights = self._harmonics(stripes)
        shift = stripes.start - self.duty / 2
        if self.wave is not None:
            cycles = x * stripes.frequency_x + y * stripes.frequency_y - shift
            return np.clip(self.duty + _cosines(weights, cycles), 0, 1)
        along = _angles(x.ravel() * stripes.frequency_x - shift, weights.size)
        down = _angles(y.ravel() * stripes.frequency_y, weights.size)
        wave = (np.cos(down) * weights) @ np.cos(along).T - (np.sin(down) * weights) @ np.sin(along).T
        return np.clip(self.duty + wave, 0, 1)

    def _harmonics(self, stripes: _Stripes) -> FloatArray:
        """Return the amplitudes of the harmonics 1, 2, ... of the square wave in the image."""
        exponent = -math.log(self._mtf(stripes))
        count = math.ceil(math.sqrt(-math.log(_SMALLEST_TERM) / exponent))
        if count > _MOST_HARMONICS:
            raise ValueError("the FWHM is too small for these bars: at least 0.001 of a bar's width")
        order = np.arange(1, count + 1)
        sharp = 2 * np.sin(math.pi * order * self.duty) / (math.pi * order)
        down, along = self.spacing_mm
        pixel = np.sinc(order * stripes.frequency_x * along) * np.sinc(order * stripes.frequency_y * down)
        return np.asarray(sharp * np.exp(-exponent * order**2) * pixel)

    def _mtf(self, stripes: _Stripes) -> float:
        sigma_x, sigma_y = sigmas_mm(self.fwhm_mm)
        squared = (stripes.frequency_x * sigma_x) ** 2 + (stripes.frequency_y * sigma_y) ** 2
        return math.exp(-2 * math.pi**2 * squared)

    def _part(self, index: int, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the part of each pixel in a quadrant: the product of two blurred half-planes."""
        part: FloatArray = np.ones(())
        for sign, axis in zip(_SIGNS[index], self._cross_axes(), strict=True):
            distance = sign * self._along(axis, x, y) - self.cross_mm / 2
            part = part * blurred_step(distance, self._sigma_mm(axis))
        return part

    def _phantom(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the part of each pixel that the phantom covers."""
        assert self.size_mm is not None
        half = self.size_mm / 2
        if self.round_phantom:
            radius = np.hypot(x - self.centre_mm[0], y - self.centre_mm[1])
            return blurred_step(half - radius, self._sigma_mm((math.sqrt(0.5), math.sqrt(0.5))))
        part: FloatArray = np.ones(())
        for axis in self._cross_axes():
            distance, sigma = self._along(axis, x, y), self._sigma_mm(axis)
            part = part * (blurred_step(distance + half, sigma) - blurred_step(distance - half, sigma))
        return part

    def _cross_axes(self) -> tuple[Point, Point]:
        """Return the directions across and along the upright arm of the cross, in the image."""
        return self._axis(self.dividing_deg, down=False), self._axis(self.dividing_deg, down=True)

    def _along(self, axis: Point, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the positions along a direction, from the cross."""
        return np.asarray((x - self.centre_mm[0]) * axis[0] + (y - self.centre_mm[1]) * axis[1])

    def _sigma_mm(self, axis: Point) -> float:
        """Return the standard deviation of camera and pixel together along a direction."""
        (sigma_x, sigma_y), (down, along) = sigmas_mm(self.fwhm_mm), self.spacing_mm
        squared = (axis[0] ** 2 * (sigma_x**2 + along**2 / 12), axis[1] ** 2 * (sigma_y**2 + down**2 / 12))
        return math.sqrt(sum(squared))

    def _quadrant(self, index: int) -> Quadrant:
        stripes = self._stripes(index)
        x, y = stripes.frequency_x, stripes.frequency_y
        down, along = self.spacing_mm
        pixel = float(np.sinc(x * along) * np.sinc(y * down))
        centre = self._middle(index)
        contrast, mtf = self._contrast(centre), self._mtf(stripes)
        turned = (-x, -y) if (x, y) < (0, 0) else (x, y)
        return Quadrant(
            given=index,
            width_mm=self.widths_mm[index],
            frequency_per_mm=turned,
            bars_deg=(math.degrees(math.atan2(-turned[1], turned[0])) + 90) % 180,
            modulation=4 / math.pi * contrast * mtf * pixel,
            contrast=contrast,
            mtf=mtf,
            pixel_mtf=pixel,
            centre_mm=centre,
        )

    def _contrast(self, place_mm: Point) -> float:
        """Return the contrast at a place: (1 - t) sin(pi duty) / 2 over the mean with its background."""
        background = float(self._scatter(np.asarray(place_mm[0]), np.asarray(place_mm[1])))
        lead = (1 - self.transmission) * math.sin(math.pi * self.duty) / 2
        return lead / (self._mean() * (1 + background))

    def _middle(self, index: int) -> Point:
        """Return the middle of a quadrant's bisector, from the cross to the first edge that it meets."""
        (across, along), (sign_x, sign_y) = self._cross_axes(), _SIGNS[index]
        step_x = (sign_x * across[0] + sign_y * along[0]) / math.sqrt(2)
        step_y = (sign_x * across[1] + sign_y * along[1]) / math.sqrt(2)
        way = np.arange(self.cross_mm, self._reach_mm(), 0.25)
        inside = self._inside(self.centre_mm[0] + way * step_x, self.centre_mm[1] + way * step_y)
        outside = np.flatnonzero(~inside)
        middle = float(way[0] + (way[outside[0]] if outside.size else way[-1])) / 2
        return self.centre_mm[0] + middle * step_x, self.centre_mm[1] + middle * step_y

    def _reach_mm(self) -> float:
        """Return how far from the cross the phantom, or what it covers, can extend along a bisector."""
        if self.size_mm is None:
            x_edges, y_edges = self.edges_mm()
            return 2 * math.hypot(x_edges[-1], y_edges[-1])
        return self.size_mm / 2 * (1 if self.round_phantom else math.sqrt(2))


def _angles(cycles: FloatArray, harmonics: int) -> FloatArray:
    """Return 2 pi n times the given cycles, n from 1, shape (cycles, harmonics)."""
    return np.asarray(2 * math.pi * np.outer(cycles, np.arange(1, harmonics + 1)))


def _cosines(weights: FloatArray, cycles: FloatArray) -> FloatArray:
    """Return the sum of weight n times cos(2 pi n cycles), n from 1, by Clenshaw's recurrence."""
    twice = 2 * np.cos(2 * math.pi * cycles)
    later, last = np.zeros(twice.shape), np.zeros(twice.shape)
    for weight in weights[::-1]:
        later, last = last, weight + twice * last - later
    return np.asarray(last * twice / 2 - later)


def _within_45(angle_deg: float) -> float:
    """Return an angle less the quarter turns that bring it into [-45, 45)."""
    return angle_deg - 90 * math.floor((angle_deg + 45) / 90)
