"""Where each source is in each view: its centroid over a local background, and how sure that is by the counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.cor.paths import Path
from nmqc.cor.spots import Spots
from nmqc.cor.views import Floats, Head, Ints
from nmqc.errors import CannotMeasure

FWHM_PER_SIGMA = 2.3548200450309493
FIRST_FWHM_MM = 12.0  # before it is measured
HALF_SIDE = 2.5  # of the region, in FWHM: a side of five, which cuts 4e-9 of a Gaussian off
TAIL = 1.9  # FWHM from its middle, at which a neighbour is no longer felt: 3e-6 of its counts lie beyond
RING = 1.5  # outer half side of the ring of the background, over the inner one
FEWEST_IN_RING = 20  # pixels
SAMPLED_VIEWS, MOST_SIZES = 16, 4  # to find the size of the squares
SPARE = 1.03  # of the widest source
MOST_STEPS = 6  # of the square towards the pixel that holds the centroid
CLIPPED = 4.0  # standard deviations above the median, beyond which a pixel of the ring is no background
WIDEST_MM = 40.0  # FWHM: more is no point source
HIGHEST_BACKGROUND = 0.25  # of the height of a source
LEAST_PART = 0.5  # of the median counts: less, and a source is cut off
FEWEST_COUNTS = 200.0
FEWEST_LEFT = 6  # views without a neighbour
LEAST_LEFT = 0.3  # part of the views without a neighbour


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The counts of a square summed along one axis, of the views used: places in mm, over the background, and all.

    Each has the shape (views used, pixels).
    """

    at_mm: Floats
    over: Floats
    measured: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One source as measured, in all views; NaN in views where a neighbour is too near.

    Attributes
    ----------
    x_mm, y_mm : centroids from the centre of the matrix, right and down
    sigma_x_mm, sigma_y_mm : standard deviations by counting
    counts : over the background
    background : counts of a pixel
    fwhm_mm : by the second moments, the median of the views
    used : False where a neighbour is too near
    profiles : along x, and along y
    """

    x_mm: Floats
    y_mm: Floats
    sigma_x_mm: Floats
    sigma_y_mm: Floats
    counts: Floats
    background: Floats
    fwhm_mm: float
    used: NDArray[np.bool_]
    profiles: tuple[Profile, Profile]


@dataclass(frozen=True, slots=True, eq=False)
class _Region:
    """A square in each of some views: profiles along x and y, the counts of its background, and their variance."""

    profiles: tuple[Profile, Profile]
    background: Floats
    background_variance: Floats

    def sigma(self, profile: Profile) -> Floats:
        """Return the standard deviation of the centroid of each view: of its counts, and of the background."""
        off = profile.at_mm - _middle(profile)[:, None]
        across = self.profiles[1 if profile is self.profiles[0] else 0].at_mm.shape[1]
        of_background = self.background_variance * (across * off.sum(axis=1)) ** 2
        variance = (off**2 * profile.measured).sum(axis=1) + of_background
        return np.asarray(np.sqrt(np.maximum(variance, 1e-12)) / profile.over.sum(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class _Square:
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

    @property
    def clear_mm(self) -> tuple[float, float]:
        """How far a neighbour must be, down or along."""
        down, along = (
            (half + 1) * pitch + TAIL * self.fwhm_mm
            for half, pitch in zip(self.half, self.pitch_mm, strict=True)
        )
        return down, along


def measure_sources(head: Head, spots: Spots, paths: Sequence[Path]) -> list[Source]:
    """Return the centroids of all sources.

    X = sum(x (n - b)) / sum(n - b) over a square of five FWHM about the source, nothing clipped; b is the mean of
    the ring from 1 to 1.5 times its half side, pixels that stick out left out. The variance of X is that of its
    counts, sum((x - X)^2 n) / sum(n - b)^2, and that of the background. Views in which another source comes near the
    square are left out.

    Raises
    ------
    CannotMeasure
        ``sources_too_close``, ``source_at_edge``, ``source_cut_off``, ``no_point_source``, ``too_few_counts``.
    """
    fwhm_mm = FIRST_FWHM_MM
    some = np.zeros(head.views, bool)
    some[:: max(1, head.views // SAMPLED_VIEWS)] = True
    for _ in range(MOST_SIZES):
        found = _sources(head, spots, paths, _Square(fwhm_mm, head.first.spacing_mm), some)
        widest = max(source.fwhm_mm for source in found)
        if widest > WIDEST_MM:
            raise CannotMeasure(
                "no_point_source",
                f"a spot is {widest:.0f} mm wide (FWHM), which no point source is: give point sources in air",
            )
        if fwhm_mm >= widest > 0.9 * fwhm_mm:
            break
        fwhm_mm = SPARE * widest
    found = _sources(head, spots, paths, _Square(fwhm_mm, head.first.spacing_mm), ~np.zeros(head.views, bool))
    for source in found:
        _require_counts(head, source)
        _require_height(head, source)
    return found


def _sources(
    head: Head, spots: Spots, paths: Sequence[Path], square: _Square, chosen: NDArray[np.bool_]
) -> list[Source]:
    """Measure all sources in some of the views."""
    expected = [path.places_mm(head) for path in paths]
    found = []
    for number, path in enumerate(paths):
        others = expected[:number] + expected[number + 1 :]
        alone = (path.spot >= 0) & _alone(expected[number], others, square)
        _require_alone(head, alone)
        used = alone & chosen if (alone & chosen).any() else alone
        found.append(_source(head, spots, path, others, square, used))
    return found


def _source(
    head: Head,
    spots: Spots,
    path: Path,
    others: Sequence[tuple[Floats, Floats]],
    square: _Square,
    used: NDArray[np.bool_],
) -> Source:
    """Measure one source in the views in which no neighbour is near."""
    views = np.flatnonzero(used)
    neighbours = [(x[views], y[views]) for x, y in others]
    spot = path.spot[views]
    row = _pixel(spots.y_mm[spot], head.rows.start_mm, head.rows.pitch_mm)
    column = _pixel(spots.x_mm[spot], head.columns.start_mm, head.columns.pitch_mm)
    for _ in range(MOST_STEPS):
        _require_inside(head, views, row, column, square)
        region = _region(head, views, row, column, neighbours, square)
        x_mm, y_mm = (_middle(profile) for profile in region.profiles)
        next_row = _pixel(y_mm, head.rows.start_mm, head.rows.pitch_mm)
        next_column = _pixel(x_mm, head.columns.start_mm, head.columns.pitch_mm)
        if (next_row == row).all() and (next_column == column).all():
            break
        row, column = next_row, next_column
    sigma_x, sigma_y = (region.sigma(profile) for profile in region.profiles)
    counts = region.profiles[0].over.sum(axis=1)
    return Source(
        x_mm=_in_all_views(x_mm, used),
        y_mm=_in_all_views(y_mm, used),
        sigma_x_mm=_in_all_views(sigma_x, used),
        sigma_y_mm=_in_all_views(sigma_y, used),
        counts=_in_all_views(counts, used),
        background=_in_all_views(region.background, used),
        fwhm_mm=_fwhm(region.profiles),
        used=used,
        profiles=region.profiles,
    )


def _in_all_views(values: Floats, used: NDArray[np.bool_]) -> Floats:
    """Return values of the views used, NaN in the others."""
    whole = np.full(used.shape, np.nan)
    whole[used] = values
    return whole


def _pixel(at_mm: Floats, start_mm: float, pitch_mm: float) -> Ints:
    return np.asarray(np.floor((at_mm - start_mm) / pitch_mm), np.intp)


def _alone(
    place: tuple[Floats, Floats], others: Sequence[tuple[Floats, Floats]], square: _Square
) -> NDArray[np.bool_]:
    """Say in which views no other source comes near the square about a source."""
    down_mm, along_mm = square.clear_mm
    alone = np.ones(place[0].size, bool)
    for x, y in others:
        alone &= (np.abs(x - place[0]) > along_mm) | (np.abs(y - place[1]) > down_mm)
    return alone


def _require_alone(head: Head, used: NDArray[np.bool_]) -> None:
    if used.sum() < max(FEWEST_LEFT, LEAST_LEFT * head.views):
        raise CannotMeasure(
            "sources_too_close",
            f"two sources lie so close that {used.size - used.sum()} of {used.size} views do not show them apart: "
            "place them farther apart along the axis, at least five times the FWHM",
        )


def _require_inside(head: Head, views: Ints, row: Ints, column: Ints, square: _Square) -> None:
    (down, along), (rows, columns) = square.half, head.counts.shape[1:]
    outside = (row < down) | (row >= rows - down) | (column < along) | (column >= columns - along)
    if outside.any():
        raise CannotMeasure(
            "source_at_edge",
            f"a source lies at the edge of the field in {head.names(views[outside])}: the square about it is cut "
            "off; move it nearer to the axis or the middle of the bed, or use no zoom",
        )


def _region(
    head: Head,
    views: Ints,
    row: Ints,
    column: Ints,
    neighbours: Sequence[tuple[Floats, Floats]],
    square: _Square,
) -> _Region:
    """Return the squares about a pixel of each view, over the background of the rings about them."""
    (down, along), (ring_down, ring_along) = square.half, square.ring
    rows, columns = head.counts.shape[1:]
    at_row = row[:, None] + np.arange(-ring_down, ring_down + 1)
    at_column = column[:, None] + np.arange(-ring_along, ring_along + 1)
    ring = ((at_row >= 0) & (at_row < rows))[:, :, None] & ((at_column >= 0) & (at_column < columns))[
        :, None, :
    ]
    safe_row, safe_column = np.clip(at_row, 0, rows - 1), np.clip(at_column, 0, columns - 1)
    counts = head.counts[views[:, None, None], safe_row[:, :, None], safe_column[:, None, :]].astype(
        np.float64
    )
    y = np.asarray(head.rows.start_mm + (at_row + 0.5) * head.rows.pitch_mm)
    x = np.asarray(head.columns.start_mm + (at_column + 0.5) * head.columns.pitch_mm)
    inner = slice(ring_down - down, ring_down + down + 1), slice(ring_along - along, ring_along + along + 1)
    ring[:, *inner] = False
    for other_x, other_y in neighbours:
        far_x = np.abs(x - other_x[:, None]) > TAIL * square.fwhm_mm
        far_y = np.abs(y - other_y[:, None]) > TAIL * square.fwhm_mm
        ring &= far_y[:, :, None] | far_x[:, None, :]
    background, pixels = _background(counts, ring)
    measured = counts[:, *inner]
    over = measured - background[:, None, None]
    profile_x = Profile(x[:, inner[1]], over.sum(axis=1), measured.sum(axis=1))
    profile_y = Profile(y[:, inner[0]], over.sum(axis=2), measured.sum(axis=2))
    if (profile_x.over.sum(axis=1) <= 0).any():
        raise CannotMeasure(
            "too_few_counts", "a source has no counts over its background in a view: acquire longer views"
        )
    return _Region((profile_x, profile_y), background, background / pixels)


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
    most = middle + CLIPPED * np.sqrt(middle + 1)
    kept = ring & (counts <= most[:, None, None])
    pixels = kept.sum(axis=(1, 2))
    return np.where(kept, counts, 0.0).sum(axis=(1, 2)) / pixels, pixels.astype(np.float64)


def _middle(profile: Profile) -> Floats:
    """Return the centroid of each view."""
    return np.asarray((profile.over * profile.at_mm).sum(axis=1) / profile.over.sum(axis=1))


def _fwhm(profiles: tuple[Profile, Profile]) -> float:
    """Return the FWHM by the mean second moment along x and y, the median of the views."""
    variance = np.zeros(len(profiles[0].over))
    for profile in profiles:
        off = profile.at_mm - _middle(profile)[:, None]
        variance += (off**2 * profile.over).sum(axis=1) / profile.over.sum(axis=1) / 2
    return float(FWHM_PER_SIGMA * max(float(np.median(variance)), 1e-3) ** 0.5)


def _require_counts(head: Head, source: Source) -> None:
    """Refuse a source that is cut off in some views, or too weak."""
    counts = source.counts
    middle = float(np.nanmedian(counts))
    if middle < FEWEST_COUNTS:
        raise CannotMeasure(
            "too_few_counts",
            f"a source has {middle:.0f} counts in a view: at least {FEWEST_COUNTS:.0f} are needed; acquire "
            "longer views",
        )
    cut = np.flatnonzero(counts < LEAST_PART * middle)
    if cut.size:
        raise CannotMeasure(
            "source_cut_off",
            f"a source has less than half of its counts in {head.names(cut)}: it leaves the field, something is in "
            "front of it, or the view was cut short; acquire anew",
        )


def _require_height(head: Head, source: Source) -> None:
    """Refuse a spot that hardly rises above what is about it: an organ, or a source in scatter."""
    down, along = head.first.spacing_mm
    area = 2 * np.pi * (source.fwhm_mm / FWHM_PER_SIGMA) ** 2 / (down * along)  # in pixels
    part = float(np.nanmedian(source.background)) / (float(np.nanmedian(source.counts)) / area)
    if part > HIGHEST_BACKGROUND:
        raise CannotMeasure(
            "high_background",
            f"the background about a spot is {100 * part:.0f} % of its height, {100 * HIGHEST_BACKGROUND:.0f} % at "
            "most leave a point source: give point sources in air, and take other activity away",
        )
