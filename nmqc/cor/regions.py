"""Squares about the sources: their counts over a local background, without what neighbours leave in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.cor.views import Floats, Head, Ints
from nmqc.errors import CannotMeasure
from nmqc.measure.chance import normal
from nmqc.measure.gaussian import FWHM_PER_SIGMA

HALF_SIDE = 2.5  # of a square, in FWHM: a side of five, which cuts 4e-9 of a Gaussian off
CLEAR = (
    0.9  # FWHM of a neighbour, at least, from the edge of the square: 2 % of it reach in, and are subtracted
)
CLEAR_AT_FIRST = 2.0  # while the neighbours are not known well
REACH = 2.0  # FWHM, beyond which nothing of a source is left
TAIL = 1.9  # FWHM about a neighbour that do not belong to the background
RING = 1.5  # outer half side of the ring of the background, over the inner one
FEWEST_IN_RING = 20  # pixels
CLIPPED = 4.0  # standard deviations above the median, beyond which a pixel of the ring is no background


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The counts of a square summed along one axis, of the views used: places in mm, over the background, and all.

    Each has the shape (views used, pixels).
    """

    at_mm: Floats
    over: Floats
    measured: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A square in each of some views: profiles along x and y, the counts of its background, and their variance."""

    profiles: tuple[Profile, Profile]
    background: Floats
    background_variance: Floats

    def sigma(self, profile: Profile) -> Floats:
        """Return the standard deviation of the centroid of each view: of its counts, and of the background."""
        off = profile.at_mm - middle_mm(profile)[:, None]
        across = self.profiles[1 if profile is self.profiles[0] else 0].at_mm.shape[1]
        of_background = self.background_variance * (across * off.sum(axis=1)) ** 2
        variance = (off**2 * profile.measured).sum(axis=1) + of_background
        return np.asarray(np.sqrt(np.maximum(variance, 1e-12)) / profile.over.sum(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Square:
    """How far the region of a source and its ring reach, in pixels (down, along), and what neighbours keep off."""

    fwhm_mm: float
    pitch_mm: tuple[float, float]

    @property
    def half(self) -> tuple[int, int]:
        """Pixels on either side of the middle one."""
        down, along = (int(np.ceil(HALF_SIDE * self.fwhm_mm / pitch)) for pitch in self.pitch_mm)
        return down, along

    @property
    def ring(self) -> tuple[int, int]:
        """Pixels on either side of the middle one, with the ring."""
        down, along = (int(np.ceil(RING * half)) for half in self.half)
        return down, along


@dataclass(frozen=True, slots=True, eq=False)
class Neighbour:
    """Another source as a Gaussian: where it is in each view, its counts, and its width in each view."""

    x_mm: Floats
    y_mm: Floats
    counts: float
    fwhm_mm: Floats

    def of(self, views: Ints) -> Neighbour:
        """Return the source in some of the views."""
        return Neighbour(self.x_mm[views], self.y_mm[views], self.counts, self.fwhm_mm[views])

    def reaches(self, x_mm: Floats, y_mm: Floats, square: Square) -> bool:
        """Say whether it leaves counts in the square or the ring about a place, in any view."""
        far_mm = (RING * HALF_SIDE + 1.0) * square.fwhm_mm + REACH * self.fwhm_mm
        return bool(np.any((np.abs(self.x_mm - x_mm) < far_mm) & (np.abs(self.y_mm - y_mm) < far_mm)))

    def expected(self, x_mm: Floats, y_mm: Floats, spacing_mm: tuple[float, float]) -> Floats:
        """Return its counts in pixels, shape (views, rows, columns), given the places of columns and rows."""
        sigma = (self.fwhm_mm / FWHM_PER_SIGMA)[:, None]
        down, along = (
            _parts(at - middle[:, None], pitch, sigma)
            for at, middle, pitch in (
                (y_mm, self.y_mm, spacing_mm[0]),
                (x_mm, self.x_mm, spacing_mm[1]),
            )
        )
        return np.asarray(self.counts * down[:, :, None] * along[:, None, :])


def _parts(off_mm: Floats, pitch_mm: float, sigma_mm: Floats) -> Floats:
    """Return the parts of a Gaussian that fall into pixels."""
    (low, _), (high, _) = (normal((off_mm + side * pitch_mm / 2) / sigma_mm) for side in (-1, 1))
    return np.asarray(high - low)


def region_of(
    head: Head, views: Ints, row: Ints, column: Ints, neighbours: Sequence[Neighbour], square: Square
) -> Region:
    """Return the squares about a pixel of each view, over the background of the rings about them.

    Raises
    ------
    CannotMeasure
        ``too_few_counts``, ``sources_too_close``.
    """
    (down, along), (ring_down, ring_along) = square.half, square.ring
    rows, columns = head.counts.shape[1:]
    at_row = row[:, None] + np.arange(-ring_down, ring_down + 1)
    at_column = column[:, None] + np.arange(-ring_along, ring_along + 1)
    in_rows, in_columns = (at_row >= 0) & (at_row < rows), (at_column >= 0) & (at_column < columns)
    ring = in_rows[:, :, None] & in_columns[:, None, :]
    safe_row, safe_column = np.clip(at_row, 0, rows - 1), np.clip(at_column, 0, columns - 1)
    measured = head.counts[views[:, None, None], safe_row[:, :, None], safe_column[:, None, :]].astype(
        np.float64
    )
    y = np.asarray(head.rows.start_mm + (at_row + 0.5) * head.rows.pitch_mm)
    x = np.asarray(head.columns.start_mm + (at_column + 0.5) * head.columns.pitch_mm)
    inner = slice(ring_down - down, ring_down + down + 1), slice(ring_along - along, ring_along + along + 1)
    ring[:, *inner] = False
    own = measured.copy()
    for other in neighbours:
        far_x = np.abs(x - other.x_mm[:, None]) > TAIL * square.fwhm_mm
        far_y = np.abs(y - other.y_mm[:, None]) > TAIL * square.fwhm_mm
        ring &= far_y[:, :, None] | far_x[:, None, :]
        own -= other.expected(x, y, head.first.spacing_mm)
    background, pixels = _background(own, ring)
    over, measured = own[:, *inner] - background[:, None, None], measured[:, *inner]
    profile_x = Profile(x[:, inner[1]], over.sum(axis=1), measured.sum(axis=1))
    profile_y = Profile(y[:, inner[0]], over.sum(axis=2), measured.sum(axis=2))
    if (profile_x.over.sum(axis=1) <= 0).any():
        raise CannotMeasure(
            "too_few_counts", "a source has no counts over its background in a view: acquire longer views"
        )
    return Region((profile_x, profile_y), background, np.maximum(background, 0.0) / pixels)


def _background(counts: Floats, ring: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the mean of each ring without pixels that stick out, and how many pixels it is the mean of."""
    there = ring.sum(axis=(1, 2))
    if there.min() < FEWEST_IN_RING:
        raise CannotMeasure(
            "sources_too_close",
            "other sources leave no room for the background about a source: place them farther apart",
        )
    in_order = np.sort(np.where(ring, counts, np.inf).reshape(len(counts), -1), axis=1)
    middle = in_order[np.arange(len(counts)), there // 2]
    most = middle + CLIPPED * np.sqrt(np.maximum(middle, 0.0) + 1)
    kept = ring & (counts <= most[:, None, None])
    pixels = kept.sum(axis=(1, 2))
    return np.where(kept, counts, 0.0).sum(axis=(1, 2)) / pixels, pixels.astype(np.float64)


def middle_mm(profile: Profile) -> Floats:
    """Return the centroid of each view."""
    return np.asarray((profile.over * profile.at_mm).sum(axis=1) / profile.over.sum(axis=1))
