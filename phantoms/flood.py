"""Floods of a gamma camera: what a uniform source gives on a detector with known defects."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phantoms.defects import Defect, TubeLattice, WeakTube, multiply_gain
from phantoms.fields import Outline, Point
from phantoms.pixels import FloatArray
from phantoms.raster import Raster, known_system
from phantoms.systems import RADIONUCLIDES

DEFAULT_COUNTS = 30e6
_LARGEST_UINT16 = 65535

CountArray = NDArray[np.uint16] | NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Window:
    """An energy window: its name, its ranges (low, high) in keV, and its counts relative to the first."""

    name: str
    ranges_kev: tuple[tuple[float, float], ...]
    relative_counts: float = 1.0

    def __post_init__(self) -> None:
        if not self.ranges_kev or not all(0 < low < high for low, high in self.ranges_kev):
            raise ValueError("an energy window needs ranges, each a lower and a higher energy in keV")
        if not 0 <= self.relative_counts < math.inf:
            raise ValueError("the counts of an energy window must be 0 or a positive number")


@dataclass(frozen=True, slots=True)
class Head:
    """A detector, the field that it sees, and what is wrong with it.

    Attributes
    ----------
    field : the outline; None for the system's own
    offset_mm : (x, y) of the field's centre from the centre of the matrix
    edge_fwhm_mm : blur of the field's edge (full width at half maximum of a Gaussian), 0 for a sharp one
    counts : expected total in the matrix, in an energy window of relative counts 1
    counts_per_pixel : expected counts of a whole pixel of gain 1 instead; give one of the two or neither
        (30 million in all)
    defects : their gains multiply; positions are from the centre of the field
    background : counts of a pixel outside the field, as a part of those of a whole pixel of gain 1
    """

    field: Outline | None = None
    offset_mm: Point = (0.0, 0.0)
    edge_fwhm_mm: float = 0.0
    counts: float | None = None
    counts_per_pixel: float | None = None
    defects: tuple[Defect, ...] = ()
    background: float = 0.0

    def __post_init__(self) -> None:
        if self.counts is not None and self.counts_per_pixel is not None:
            raise ValueError("give a detector's total counts or its counts per pixel, not both")
        amounts = (self.counts, self.counts_per_pixel, self.background)
        if not all(amount is None or 0 <= amount < math.inf for amount in amounts):
            raise ValueError("counts and background must be 0 or positive numbers")
        if not all(math.isfinite(offset) for offset in self.offset_mm):
            raise ValueError("the field's offset must be two numbers of millimetres")


@dataclass(frozen=True, slots=True)
class HeadTruth:
    """What is true of one detector of a flood, as if it had been measured without error.

    Attributes
    ----------
    detector : 1, 2
    centre_mm : (x, y) of the field's centre from the centre of the matrix
    extents_mm : full width and height of the field
    inside_matrix : False where the matrix cuts off a part of the field
    counts : expected total of each energy window
    counts_per_pixel : expected counts of a whole pixel of gain 1, in each energy window
    integral_uniformity : 100 (high - low) / (high + low) of the gain over the field, in percent, without
        pixels, blur or smoothing; None where several defects, one near the edge, or a field that the
        matrix cuts leave no closed form
    low_at_mm, high_at_mm : where the gain is lowest and highest, from the centre of the matrix, or None
    """

    detector: int
    centre_mm: Point
    extents_mm: Point
    inside_matrix: bool
    counts: tuple[float, ...]
    counts_per_pixel: tuple[float, ...]
    integral_uniformity: float | None
    low_at_mm: Point | None
    high_at_mm: Point | None


def default_heads(system: str) -> tuple[Head, ...]:
    """Return a system's detectors without defects: fields off the matrix's centre, one unlike the other."""
    heads = (
        Head(offset_mm=(0.23, -0.41), edge_fwhm_mm=3.5, counts=DEFAULT_COUNTS),
        Head(offset_mm=(-0.37, 0.18), edge_fwhm_mm=3.8, counts=0.94 * DEFAULT_COUNTS),
    )
    return heads[: known_system(system).heads]


def default_windows(system: str, radionuclide: str, count: int = 1) -> tuple[Window, ...]:
    """Return the photopeak window of a system and, for two, a scatter window with 0.31 of its counts."""
    known = known_system(system).windows_kev[radionuclide]
    if not 1 <= count <= len(known):
        raise ValueError(f"there are 1 or {len(known)} energy windows")
    shares = (1.0, 0.31)
    return tuple(
        Window(name, ((low, high),), share)
        for (name, low, high), share in zip(known[:count], shares[:count], strict=True)
    )


@dataclass(frozen=True, slots=True)
class Flood(Raster):
    """A flood, on one or more detectors and in one or more energy windows.

    The expected counts of a pixel are

        level (part inside the blurred outline x mean gain of each defect + background x part outside),

    where every mean is over the pixel's area.

    Attributes
    ----------
    system : a name in ``SYSTEMS``
    matrix : pixels along each side, or (rows, columns)
    zoom : the pixels are the system's, for the smaller side of the matrix, divided by the zoom
    pixel_mm : (down, along), instead of the system's
    heads : () for the flawless detectors of the system, ``default_heads``
    windows : () for the photopeak of the radionuclide
    duration_s : of the acquisition
    acquired : local time at the start
    radionuclide : "Tc-99m" or "Co-57"
    collimator : "LEHR", ... or None for an intrinsic flood
    """

    system: str = "intevo"
    matrix: int | tuple[int, int] = 1024
    zoom: float = 1.0
    pixel_mm: tuple[float, float] | None = None
    heads: tuple[Head, ...] = ()
    windows: tuple[Window, ...] = ()
    duration_s: float = 1500.0
    acquired: datetime = datetime(2026, 1, 5, 7, 12, 0)
    radionuclide: str = "Tc-99m"
    collimator: str | None = None

    def __post_init__(self) -> None:
        profile = known_system(self.system)
        if self.radionuclide not in RADIONUCLIDES:
            raise ValueError(f"radionuclide: one of {', '.join(RADIONUCLIDES)}")
        if not all(1 <= side <= 4096 for side in self.shape):
            raise ValueError("the matrix must have 1 to 4096 rows and columns")
        lengths = (self.zoom, self.duration_s, *(self.pixel_mm or ()))
        if not all(0 < length < math.inf for length in lengths):
            raise ValueError("zoom, duration and pixel size must be positive numbers")
        if len(self.heads) > profile.heads:
            raise ValueError(f"{self.system} has {profile.heads} detector(s), not {len(self.heads)}")
        object.__setattr__(self, "heads", self.heads or default_heads(self.system))
        object.__setattr__(self, "windows", self.windows or default_windows(self.system, self.radionuclide))

    def field(self, head: int) -> Outline:
        """Return the outline of a detector's field; ``head`` counts from 0."""
        return self.heads[head].field or self.profile.outline()

    def gain(self, x_mm: ArrayLike, y_mm: ArrayLike, head: int) -> FloatArray:
        """Return the relative sensitivity of a detector at points: the product of its defects' gains.

        Parameters
        ----------
        x_mm, y_mm : from the centre of the matrix; shapes that broadcast
        head : index of the detector, from 0

        Returns
        -------
        the shape of x and y together; 1 where nothing is wrong. It says nothing about the field's edge.
        """
        offset_x, offset_y = self.heads[head].offset_mm
        x, y = np.asarray(x_mm) - offset_x, np.asarray(y_mm) - offset_y
        gain = np.ones(np.broadcast_shapes(x.shape, y.shape))
        for defect in self.heads[head].defects:
            gain = gain * defect.gain(x, y, self.field(head))
        return gain

    def expected(self) -> FloatArray:
        """Return the expected counts, shape (windows, heads, rows, columns)."""
        patterns = [self._pattern(head) for head in range(len(self.heads))]
        counts = np.empty((len(self.windows), len(self.heads), *self.shape))
        for head, pattern in enumerate(patterns):
            level = self._level(head, pattern)
            for window, energy in enumerate(self.windows):
                np.multiply(pattern, level * energy.relative_counts, out=counts[window, head])
        return counts

    def noisy(self, seed: int) -> CountArray:
        """Return one acquisition: Poisson counts about the expected ones, the same for the same seed.

        Returns
        -------
        shape (windows, heads, rows, columns)
            uint16 if all counts fit, else uint32.
        """
        return whole_counts(np.random.default_rng(seed).poisson(self.expected()))

    def rounded(self) -> CountArray:
        """Return the expected counts rounded to whole numbers: each pixel is off by at most half a count."""
        return whole_counts(np.rint(self.expected()))

    def truth(self) -> tuple[HeadTruth, ...]:
        """Return what is true of each detector."""
        return tuple(self._head_truth(head) for head in range(len(self.heads)))

    def _edges_mm(self, head: int) -> tuple[FloatArray, FloatArray]:
        """Return the pixels' edges in x and y, from the centre of a detector's field."""
        (rows, columns), (down, along) = self.shape, self.spacing_mm
        offset_x, offset_y = self.heads[head].offset_mm
        x: FloatArray = (np.arange(columns + 1, dtype=np.float64) - columns / 2) * along - offset_x
        y: FloatArray = (np.arange(rows + 1, dtype=np.float64) - rows / 2) * down - offset_y
        return x, y

    def _pattern(self, head: int) -> FloatArray:
        """Return the expected counts relative to a whole pixel of gain 1."""
        detector, field = self.heads[head], self.field(head)
        x_edges, y_edges = self._edges_mm(head)
        pattern = field.coverage(x_edges, y_edges, detector.edge_fwhm_mm)
        outside = 1 - pattern if detector.background > 0 else None
        for defect in detector.defects:
            multiply_gain(pattern, defect, x_edges, y_edges, field)
        if outside is not None:
            pattern += detector.background * outside
        if pattern.min() < 0:
            raise ValueError(f"detector {head + 1}: negative gain: make its defects shallower")
        return pattern

    def _level(self, head: int, pattern: FloatArray) -> float:
        """Return the expected counts of a whole pixel of gain 1, in a window of relative counts 1."""
        detector = self.heads[head]
        if detector.counts_per_pixel is not None:
            return detector.counts_per_pixel
        total = float(pattern.sum())
        if total == 0:
            raise ValueError(f"detector {head + 1}: no counts at all; give counts per pixel, not a total")
        return (DEFAULT_COUNTS if detector.counts is None else detector.counts) / total

    def _head_truth(self, head: int) -> HeadTruth:
        detector, field = self.heads[head], self.field(head)
        pattern = self._pattern(head)
        level = self._level(head, pattern)
        uniformity, low_at, high_at = self._uniformity(head)
        return HeadTruth(
            detector=head + 1,
            centre_mm=detector.offset_mm,
            extents_mm=field.extents_mm,
            inside_matrix=self._inside_matrix(head),
            counts=tuple(level * float(pattern.sum()) * window.relative_counts for window in self.windows),
            counts_per_pixel=tuple(level * window.relative_counts for window in self.windows),
            integral_uniformity=uniformity,
            low_at_mm=low_at,
            high_at_mm=high_at,
        )

    def _uniformity(self, head: int) -> tuple[float | None, Point | None, Point | None]:
        """Return the integral uniformity of the gain over the field, and where its extremes are."""
        detector = self.heads[head]
        if not detector.defects:
            return 0.0, None, None
        extremes = detector.defects[0].extremes(self.field(head))
        if len(detector.defects) > 1 or extremes is None or not self._inside_matrix(head):
            return None, None, None
        low, high = extremes.low, extremes.high
        low_at = _moved(extremes.low_at_mm, detector.offset_mm)
        high_at = _moved(extremes.high_at_mm, detector.offset_mm)
        return 100 * (high - low) / (high + low), low_at, high_at

    def _inside_matrix(self, head: int) -> bool:
        """Return True if the outline, without its blur, lies wholly inside the matrix."""
        x_edges, y_edges = self._edges_mm(head)
        width, height = self.field(head).extents_mm
        across = x_edges[0] <= -width / 2 and width / 2 <= x_edges[-1]
        return bool(across and y_edges[0] <= -height / 2 and height / 2 <= y_edges[-1])


def demo_flood() -> Flood:
    """Return an Intevo flood to show: detector 1 is good, detector 2 has one photomultiplier 8 % weak."""
    good = Head(
        offset_mm=(0.23, -0.41), edge_fwhm_mm=3.5, counts=60e6, defects=(TubeLattice(amplitude=0.006),)
    )
    weak = Head(
        offset_mm=(-0.37, 0.18),
        edge_fwhm_mm=3.5,
        counts=57e6,
        defects=(
            TubeLattice(amplitude=0.005, x_mm=-14.0, y_mm=11.0),
            WeakTube(x_mm=-96.0, y_mm=57.0, depth=0.08, sigma_mm=25.0),
        ),
    )
    return Flood(system="intevo", matrix=1024, heads=(good, weak))


def whole_counts(counts: NDArray[np.float64] | NDArray[np.int64]) -> CountArray:
    """Return whole counts in the smallest of uint16 and uint32 that holds them all."""
    largest = counts.max()
    if largest <= _LARGEST_UINT16:
        return counts.astype(np.uint16)
    if largest > np.iinfo(np.uint32).max:
        raise ValueError("more counts in a pixel than 32 bits hold: ask for fewer")
    return counts.astype(np.uint32)


def _moved(place: Point | None, offset_mm: Point) -> Point | None:
    return None if place is None else (place[0] + offset_mm[0], place[1] + offset_mm[1])
