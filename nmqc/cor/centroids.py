"""Where each source is in each view: its centroid over a local background, and how sure that is by the counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.cor.paths import Path
from nmqc.cor.regions import (
    CLEAR,
    CLEAR_AT_FIRST,
    HALF_SIDE,
    Neighbour,
    Profile,
    Square,
    middle_mm,
    region_of,
)
from nmqc.cor.spots import Spots
from nmqc.cor.views import Floats, Head, Ints, waves
from nmqc.errors import CannotMeasure
from nmqc.measure.gaussian import FWHM_PER_SIGMA

SAMPLED_VIEWS, MOST_SIZES = 16, 6  # to find the size of the squares
ROUNDS_BESIDE = 3  # at least, where there are neighbours to subtract
FEWEST_FOR_WAVE = 6  # views that tell how the width changes with the angle
SPARE = 1.03  # of the widest source
MOST_STEPS = 6  # of the square towards the pixel that holds the centroid
WIDEST_MM = 40.0  # FWHM: more is no point source
NARROWEST_PX = 0.6  # FWHM, second moments: less is a hot pixel
HIGHEST_BACKGROUND = 0.25  # of the height of a source
LEAST_PART = 0.5  # of the median counts: less, and a source is cut off
FEWEST_COUNTS = 200.0
FEWEST_LEFT = 6  # views without a neighbour
LEAST_LEFT = 0.3  # part of the views without a neighbour, on a full circle
LEAST_LEFT_OF_ARC = 0.6  # on a shorter one, which hangs on every part of it


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One source as measured, in all views; NaN in views where a neighbour is too near.

    Attributes
    ----------
    x_mm, y_mm : centroids from the centre of the matrix, right and down
    sigma_x_mm, sigma_y_mm : standard deviations by counting
    counts : over the background
    background : counts of a pixel
    fwhm_mm : by the second moments of each view, as a sinusoid of the angle: near sources are sharper; in all views
    used : False where a neighbour is too near
    profiles : along x, and along y
    """

    x_mm: Floats
    y_mm: Floats
    sigma_x_mm: Floats
    sigma_y_mm: Floats
    counts: Floats
    background: Floats
    fwhm_mm: Floats
    used: NDArray[np.bool_]
    profiles: tuple[Profile, Profile]


def measure_sources(head: Head, spots: Spots, paths: Sequence[Path]) -> list[Source]:
    """Return the centroids of all sources.

    X = sum(x (n - b)) / sum(n - b) over a square of five FWHM about the source, nothing clipped; b is the mean of
    the ring from 1 to 1.5 times its half side, pixels that stick out left out. The variance of X is that of its
    counts, sum((x - X)^2 n) / sum(n - b)^2, and that of the background. What other sources leave in the square is
    subtracted, as of Gaussians; views in which one of them comes nearer than 0.9 of its FWHM to it are left out.

    Raises
    ------
    CannotMeasure
        ``sources_too_close``, ``source_at_edge``, ``source_cut_off``, ``no_point_source``, ``too_few_counts``,
        ``high_background``.
    """
    others = [_first_guess(head, spots, path) for path in paths]
    fwhm_mm = SPARE * max(float(other.fwhm_mm.max()) for other in others)
    fewest = 1 if len(paths) == 1 else ROUNDS_BESIDE
    for number in range(MOST_SIZES):
        found = _sources(head, spots, paths, others, Square(fwhm_mm, head.first.spacing_mm), sampled=True)
        _require_width(head, found)
        others = [_as_neighbour(head, path, source) for path, source in zip(paths, found, strict=True)]
        widest = max(float(source.fwhm_mm.max()) for source in found)
        if fwhm_mm >= widest > 0.9 * fwhm_mm and number + 1 >= fewest:
            break
        fwhm_mm = SPARE * widest
    found = _sources(head, spots, paths, others, Square(fwhm_mm, head.first.spacing_mm))
    for source in found:
        _require_counts(head, source)
        _require_height(head, source)
    return found


def _first_guess(head: Head, spots: Spots, path: Path) -> Neighbour:
    """Return a source as the spots show it."""
    mine = path.spot[path.spot >= 0]
    fwhm_mm = np.full(head.views, np.median(spots.fwhm_mm[mine]))
    return Neighbour(*path.places_mm(head), float(np.median(spots.counts[mine])), fwhm_mm)


def _as_neighbour(head: Head, path: Path, source: Source) -> Neighbour:
    """Return a source as measured, on a sinusoid through its centroids; its second moment less that of a pixel."""
    pixel = sum(pitch**2 for pitch in head.first.spacing_mm) / 24 * FWHM_PER_SIGMA**2
    fwhm_mm = np.sqrt(np.maximum(source.fwhm_mm**2 - pixel, 0.1 * source.fwhm_mm**2))
    x_mm, y_mm = path.places_mm(head)
    if source.used.sum() >= FEWEST_FOR_WAVE:
        x_mm, y_mm = (_wave(head, source.used, at[source.used]) for at in (source.x_mm, source.y_mm))
    return Neighbour(x_mm, y_mm, float(np.nanmedian(source.counts)), fwhm_mm)


def _wave(head: Head, used: NDArray[np.bool_], values: Floats) -> Floats:
    """Return the sinusoid of the angle through values of some views, in all views."""
    columns = waves(head.theta)
    return np.asarray(columns @ np.linalg.lstsq(columns[used], values, rcond=None)[0])


def _sources(
    head: Head,
    spots: Spots,
    paths: Sequence[Path],
    others: Sequence[Neighbour],
    square: Square,
    *,
    sampled: bool = False,
) -> list[Source]:
    """Measure all sources in all views that show them alone, or in a sample of those that do so best."""
    found = []
    for number, path in enumerate(paths):
        neighbours = [*others[:number], *others[number + 1 :]]
        used = (path.spot >= 0) & _alone(others[number], neighbours, square, CLEAR)
        _require_alone(head, used)
        if sampled:
            best = used & _alone(others[number], neighbours, square, CLEAR_AT_FIRST)
            used = _sample(head, spots, path, square, best if best.sum() >= FEWEST_FOR_WAVE else used)
        found.append(_source(head, spots, path, neighbours, square, used))
    return found


def _sample(
    head: Head, spots: Spots, path: Path, square: Square, views: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return some of the views, of those in which the square lies in the matrix if there are any."""
    inside = _inside(head, *_first_pixels(head, spots, path, views), square)
    numbers = np.flatnonzero(views)[inside] if inside.any() else np.flatnonzero(views)
    chosen = np.zeros(head.views, bool)
    chosen[numbers[:: max(1, numbers.size // SAMPLED_VIEWS)]] = True
    return chosen


def _first_pixels(head: Head, spots: Spots, path: Path, used: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Return row and column of the spots of some views."""
    spot = path.spot[used]
    row = _pixel(spots.y_mm[spot], head.rows.start_mm, head.rows.pitch_mm)
    return row, _pixel(spots.x_mm[spot], head.columns.start_mm, head.columns.pitch_mm)


def _source(
    head: Head,
    spots: Spots,
    path: Path,
    neighbours: Sequence[Neighbour],
    square: Square,
    used: NDArray[np.bool_],
) -> Source:
    """Measure one source in the views in which no neighbour is near."""
    views = np.flatnonzero(used)
    at_x, at_y = path.places_mm(head)
    there = [
        near for other in neighbours if (near := other.of(views)).reaches(at_x[views], at_y[views], square)
    ]
    row, column = _first_pixels(head, spots, path, used)
    for _ in range(MOST_STEPS):
        _require_inside(head, views, row, column, square)
        region = region_of(head, views, row, column, there, square)
        x_mm, y_mm = (middle_mm(profile) for profile in region.profiles)
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
        fwhm_mm=_fwhm(head, used, region.profiles),
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


def _alone(place: Neighbour, others: Sequence[Neighbour], square: Square, clear: float) -> NDArray[np.bool_]:
    """Say in which views no other source comes nearer to the square about a source than so many of its FWHM."""
    alone = np.ones(place.x_mm.size, bool)
    for other in others:
        clear_mm = HALF_SIDE * square.fwhm_mm + clear * other.fwhm_mm
        alone &= (np.abs(other.x_mm - place.x_mm) > clear_mm) | (np.abs(other.y_mm - place.y_mm) > clear_mm)
    return alone


def _require_alone(head: Head, used: NDArray[np.bool_]) -> None:
    least = LEAST_LEFT if head.full_circle else LEAST_LEFT_OF_ARC
    if used.sum() < max(FEWEST_LEFT, least * head.views):
        raise CannotMeasure(
            "sources_too_close",
            f"two sources lie so close that {used.size - used.sum()} of {used.size} views do not show them apart: "
            "place them farther apart along the axis, at least four times the FWHM",
        )


def _inside(head: Head, row: Ints, column: Ints, square: Square) -> NDArray[np.bool_]:
    """Say which squares lie in the matrix."""
    (down, along), (rows, columns) = square.half, head.counts.shape[1:]
    return np.asarray((row >= down) & (row < rows - down) & (column >= along) & (column < columns - along))


def _require_inside(head: Head, views: Ints, row: Ints, column: Ints, square: Square) -> None:
    outside = ~_inside(head, row, column, square)
    if outside.any():
        raise CannotMeasure(
            "source_at_edge",
            f"a source lies at the edge of the field in {head.names(views[outside])}: the square about it is cut "
            "off; move it nearer to the axis or the middle of the bed, or use no zoom",
        )


def _fwhm(head: Head, used: NDArray[np.bool_], profiles: tuple[Profile, Profile]) -> Floats:
    """Return the FWHM by the mean second moment along x and y, as a sinusoid through the views used, in all views."""
    variance = np.zeros(len(profiles[0].over))
    for profile in profiles:
        off = profile.at_mm - middle_mm(profile)[:, None]
        variance += (off**2 * profile.over).sum(axis=1) / profile.over.sum(axis=1) / 2
    fwhm_mm = FWHM_PER_SIGMA * np.sqrt(np.maximum(variance, 1e-3))
    if used.sum() < FEWEST_FOR_WAVE:
        return np.full(head.views, np.median(fwhm_mm))
    return np.asarray(np.clip(_wave(head, used, fwhm_mm), fwhm_mm.min(), fwhm_mm.max()))


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
    fwhm_mm = float(np.median(source.fwhm_mm))
    area = 2 * np.pi * (fwhm_mm / FWHM_PER_SIGMA) ** 2 / (down * along)  # in pixels
    part = float(np.nanmedian(source.background)) / (float(np.nanmedian(source.counts)) / area)
    if part > HIGHEST_BACKGROUND:
        raise CannotMeasure(
            "high_background",
            f"the background about a spot is {100 * part:.0f} % of its height, {100 * HIGHEST_BACKGROUND:.0f} % at "
            "most leave a point source: give point sources in air, and take other activity away",
        )


def _require_width(head: Head, found: Sequence[Source]) -> None:
    """Refuse what is too wide for a point source, or as narrow as a pixel."""
    widths = [float(np.median(source.fwhm_mm)) for source in found]
    if max(widths) > WIDEST_MM:
        raise CannotMeasure(
            "no_point_source",
            f"a spot is {max(widths):.0f} mm wide (FWHM), which no point source is: give point sources in air",
        )
    if min(widths) < NARROWEST_PX * min(head.first.spacing_mm):
        narrowest = found[widths.index(min(widths))]
        x_mm, y_mm = (float(np.nanmedian(at)) for at in (narrowest.x_mm, narrowest.y_mm))
        raise CannotMeasure(
            "no_point_source",
            f"a spot at ({x_mm:.0f}, {y_mm:.0f}) mm is narrower than a pixel: a hot pixel of the detector; have it "
            "corrected, and acquire anew",
        )
