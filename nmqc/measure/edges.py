"""The border of a lit field: where it is, strip by strip, how deep its corners are cut, and how blurred it is.

Works on an image of about 2.4 mm pixels, summed from the native ones. The border is the outermost position, from
each of the four sides, at which the counts cross half of the plateau just inside (half height).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.chance import normal
from nmqc.measure.grid import Axis, Blocks, sum_blocks
from nmqc.measure.outline import Outline

COARSE_MM = 2.4
STRIP_MM = 10.0
PLATEAU_MM = (7.0, 36.0)  # inside the border: where the plateau is read
EDGE_OF_MATRIX = (
    0.9  # light of the outermost pixel over the plateau from which a strip is cut off by the matrix
)
FACING_DEG = (
    10.0,
    20.0,
)  # parts of an outline that are taken to run along an axis; the second for small circles
FIRST_SIGMAS_MM = (0.7, 2.5)  # from which the fit of the edge starts
CONVERGED_MM = 1e-3  # step of a fit of the edge below which it ends
FEWEST_STRIPS = 3
FEWEST_SAMPLES = 8  # across the edge, below which its blur cannot be fitted
USUAL_SIGMA_MM = 1.5  # of a camera's edge: taken where it cannot be fitted
SHARPER = 9.0  # chi-squared by which a blurred edge must fit better than a sharp one
NEXT = "give an image of a source that lights the whole detector"
SIDES = ("left", "right", "top", "bottom")
NORMALS = np.array([(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0)])


@dataclass(frozen=True, slots=True, eq=False)
class Coarse:
    """An image of about 2.4 mm pixels with its axes.

    `level` is the median of the middle of the lit box; `native_mm` the pixel (down, along) that it was made from.
    """

    counts: NDArray[np.float64]
    rows: Axis
    columns: Axis
    level: float
    native_mm: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Border:
    """Points on the border, one for each strip and side.

    `side` is an index into SIDES. `profiles` has shape (points, samples): the strip's counts per pixel over the
    plateau, from `reach` pixels outside the border pixel to `reach` inside; `depth_mm` of the same shape: the
    position of each sample along the inward direction, on the axis of the side.
    """

    x_mm: NDArray[np.float64]
    y_mm: NDArray[np.float64]
    side: NDArray[np.int64]
    profiles: NDArray[np.float64]
    depth_mm: NDArray[np.float64]
    plateau: NDArray[np.float64]
    clipped: tuple[str, ...]

    @property
    def clipped_axes(self) -> tuple[bool, bool]:
        """Say whether the field runs into the border of the matrix along x and along y."""
        return clipped_axes(self.clipped)


def clipped_axes(clipped: tuple[str, ...]) -> tuple[bool, bool]:
    """Say of sides that are cut off along which axes they lie: x, y."""
    return "left" in clipped or "right" in clipped, "top" in clipped or "bottom" in clipped


def coarse(counts: NDArray[Any], spacing_mm: tuple[float, float]) -> Coarse:
    """Sum an image to pixels of at most 2.4 mm (its own, where they are larger) and read the level of the light.

    Raises
    ------
    CannotMeasure
        ``no_counts``, if nothing is lit.
    """
    blocks = [_centred_blocks(n, pitch) for n, pitch in zip(counts.shape, spacing_mm, strict=True)]
    summed = sum_blocks(counts, *blocks).astype(float)
    axes = [b.axis(n, pitch) for b, n, pitch in zip(blocks, counts.shape, spacing_mm, strict=True)]
    if summed.size == 0 or summed.max() <= 0:
        raise CannotMeasure("no_counts", "the image holds no counts: check that the source was there")
    return Coarse(summed, axes[0], axes[1], _level(summed), spacing_mm)


def _centred_blocks(native: int, pitch_mm: float) -> Blocks:
    factor = min(max(1, int(COARSE_MM / pitch_mm + 1e-6)), native)
    return Blocks(factor, (native % factor) // 2, native // factor)


def _level(counts: NDArray[np.float64]) -> float:
    """Return the median over the central half, both ways, of the box that holds more than a tenth of the light."""
    lit = counts > 0.1 * np.quantile(counts, 0.99)
    rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    if rows.size == 0:
        raise CannotMeasure(
            "not_a_flood", f"this is not a flood: less than a hundredth of the image is lit; {NEXT}"
        )
    (top, bottom), (left, right) = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
    quarter_rows, quarter_columns = (bottom - top) // 4, (right - left) // 4
    middle = counts[
        top + quarter_rows : bottom - quarter_rows, left + quarter_columns : right - quarter_columns
    ]
    level = float(np.median(middle))
    if level <= 0:
        raise CannotMeasure("not_a_flood", f"this is not a flood: the middle of what is lit is dark; {NEXT}")
    return level


def find_border(image: Coarse) -> Border:
    """Find the border, from the left, the right, the top and the bottom, in strips of about 10 mm.

    Raises
    ------
    CannotMeasure
        ``not_a_flood``, if a side has fewer than five strips of light.
    """
    parts = [part for sideways in (False, True) for part in _scan_both(image, sideways)]
    x, y, side, profiles, depths, plateaus = (
        np.concatenate(column) for column in zip(*(p[:6] for p in parts), strict=True)
    )
    clipped = tuple(name for name, part in zip(SIDES, parts, strict=True) if part[6])
    return Border(x, y, side, profiles, depths, plateaus, clipped)


def _scan_both(image: Coarse, sideways: bool) -> list[tuple[Any, ...]]:
    """Scan from left and right, or, `sideways`, from the top and the bottom, with the image turned."""
    along = image.columns if sideways else image.rows
    strips = max(1, round(STRIP_MM / along.pitch_mm))
    count = along.count // strips
    first = (along.count - count * strips) // 2
    lines = image.counts.T if sideways else image.counts
    profiles = np.zeros((count, lines.shape[1]))
    for line in range(strips):
        profiles += lines[first + line :: strips][:count]
    middles = along.start_mm + along.pitch_mm * (first + strips * (np.arange(count) + 0.5))
    profiles /= strips
    return [
        _scan(image, profiles, middles, 2 * sideways),
        _scan(image, profiles[:, ::-1], middles, 2 * sideways + 1),
    ]


def _scan(image: Coarse, profiles: NDArray[np.float64], middles: NDArray[Any], index: int) -> tuple[Any, ...]:
    """Scan from one side: every strip's outermost crossing of half the plateau, seen as from the left."""
    sideways, mirrored = index >= 2, index % 2 == 1
    across = image.rows if sideways else image.columns
    lit = profiles > 0.5 * image.level
    keep = lit.any(axis=1)
    if keep.sum() < 5:
        raise CannotMeasure(
            "not_a_flood", f"this is not a flood: the lit area is too small or too ragged; {NEXT}"
        )
    profiles, first, middles = profiles[keep], lit[keep].argmax(axis=1), middles[keep]
    crossing, plateau = _crossings(profiles, first, across.pitch_mm, image.level)
    reach = max(3, round(12.0 / min(image.rows.pitch_mm, image.columns.pitch_mm)))
    samples, depths = _cut_out(profiles, crossing, plateau, across.pitch_mm, reach)
    clipped = bool((profiles[:, 0] / plateau > EDGE_OF_MATRIX).sum() >= FEWEST_STRIPS)
    outer = across.edges_mm[-1] if mirrored else across.edges_mm[0]
    position = outer + (-1 if mirrored else 1) * crossing
    x, y = (middles, position) if sideways else (position, middles)
    return x, y, np.full(x.size, index), samples, depths, plateau, clipped


def _crossings(
    profiles: NDArray[np.float64], first: NDArray[np.int64], pitch_mm: float, level: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the depth, in mm from the matrix border, of each half-height crossing, and each plateau."""
    near, far = (max(1, round(mm / pitch_mm)) for mm in PLATEAU_MM)
    columns = np.minimum(first[:, None] + np.arange(near, far + 1), profiles.shape[1] - 1)
    plateau = np.median(np.take_along_axis(profiles, columns, axis=1), axis=1)
    plateau = np.clip(plateau, 0.5 * level, 1.5 * level)
    half = plateau[:, None] / 2
    inside = profiles >= half
    pixel = np.where(inside.any(axis=1), inside.argmax(axis=1), first)
    rows = np.arange(pixel.size)
    here = profiles[rows, pixel]
    before = np.where(pixel > 0, profiles[rows, np.maximum(pixel - 1, 0)], 0.0)
    rise = np.maximum(here - before, 1e-12)
    crossing = (pixel - 0.5 + np.clip((plateau / 2 - before) / rise, 0.0, 1.0)) * pitch_mm
    return np.maximum(crossing, 0.0), plateau


def _cut_out(
    profiles: NDArray[np.float64],
    crossing: NDArray[np.float64],
    plateau: NDArray[np.float64],
    pitch_mm: float,
    reach: int,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return each profile over its plateau, `reach` pixels to either side of the crossing, and the samples' depth.

    Beyond the border of the matrix there is no light.
    """
    columns = np.floor(crossing / pitch_mm).astype(int)[:, None] + np.arange(-reach, reach + 1)
    inside = np.clip(columns, 0, profiles.shape[1] - 1)
    samples = np.take_along_axis(profiles, inside, axis=1) / plateau[:, None]
    return np.where(columns < 0, 0.0, samples), (columns + 0.5) * pitch_mm


def corner_depth(image: Coarse, box: Outline, corner: tuple[int, int]) -> float:
    """Return how far inwards along the diagonal the light begins at a corner of a box, in mm.

    The light is the mean over a band along the diagonal: see `sharp_corner_depth` for an uncut corner.
    """
    half_band = _half_band(image)
    reach = 0.6 * float(min(box.supports_mm[:2]))
    x = box.supports_mm[0] - corner[0] * (image.columns.centres_mm - box.centre_mm[0])
    y = box.supports_mm[1] - corner[1] * (image.rows.centres_mm - box.centre_mm[1])
    columns, rows = np.flatnonzero(np.abs(x) <= 1.5 * reach), np.flatnonzero(np.abs(y) <= 1.5 * reach)
    counts = image.counts[np.ix_(rows, columns)]
    inwards = (x[columns] + y[rows][:, None]) / 2**0.5
    across = (x[columns] - y[rows][:, None]) / 2**0.5
    band = (np.abs(across) <= half_band) & (np.abs(inwards) <= reach)
    step = 0.75 * max(image.rows.pitch_mm, image.columns.pitch_mm)
    bins = np.floor((inwards[band] + reach) / step).astype(int)
    pixels = np.bincount(bins)
    depth = step * (np.flatnonzero(pixels) + 0.5) - reach
    light = (np.bincount(bins, counts[band]) / np.maximum(pixels, 1))[pixels > 0]
    return _first_light(depth, light, image.level)


def sharp_corner_depth(image: Coarse, sigma_mm: float) -> float:
    """Return where, along the diagonal, the light begins at a sharp corner, in mm."""
    pixel_mm = max(image.rows.pitch_mm, image.columns.pitch_mm)
    return _band_crossing(_half_band(image), float(np.hypot(sigma_mm, pixel_mm / 12**0.5)))


def _half_band(image: Coarse) -> float:
    return max(6.0, 1.5 * max(image.rows.pitch_mm, image.columns.pitch_mm))


def _band_crossing(half_band_mm: float, sigma_mm: float) -> float:
    """Return where the mean over a band along the diagonal crosses one half at an uncut corner."""
    depth = np.linspace(0.0, half_band_mm + 3 * sigma_mm, 41)
    across = np.linspace(-half_band_mm, half_band_mm, 25)
    first, _ = normal((depth[:, None] + across) / (2**0.5 * sigma_mm))
    second, _ = normal((depth[:, None] - across) / (2**0.5 * sigma_mm))
    return float(np.interp(0.5, (first * second).mean(axis=1), depth))


def _first_light(depth_mm: NDArray[Any], light: NDArray[Any], level: float) -> float:
    """Return the depth at which the light first crosses half of the level."""
    lit = np.flatnonzero((light > 0.5 * level) & (depth_mm > 0))
    if lit.size == 0:
        return float(depth_mm.max(initial=0.0))
    at = int(lit[0])
    before = max(at - 1, 0)
    rise = light[at] - light[before]
    part = float(np.clip((0.5 * level - light[before]) / rise, 0.0, 1.0)) if rise > 0 else 1.0
    return float(depth_mm[before] + part * (depth_mm[at] - depth_mm[before]))


def edge_width(border: Border, image: Coarse, lit: Outline) -> tuple[float, NDArray[np.float64]]:
    """Return the sigma of the edge's blur, and how far out of the outline each side's edge lies, in mm.

    The mean profile across those parts of the border that run along an axis is fitted by a step blurred by a Gaussian
    and averaged over each pixel; the sigma is 0 where a sharp step fits as well within the counting noise, and 1.5 mm
    where no part of the border can be fitted.
    """
    profiles = [_mean_edge(border, image, lit, side) for side in range(4)]
    side = np.concatenate([np.full(profile[0].size, index) for index, profile in enumerate(profiles)])
    pitches = np.array([_across(image, index).pitch_mm for index in range(4)])
    pitch_mm = pitches[side]
    depth, light, error = (np.concatenate([profile[item] for profile in profiles]) for item in range(3))
    if depth.size < FEWEST_SAMPLES:
        return USUAL_SIGMA_MM, np.zeros(4)
    sharp_shifts = np.array(
        [_sharp_shift(*profile, float(pitch)) for profile, pitch in zip(profiles, pitches, strict=True)]
    )
    sharp_misfit = _misfit(depth + sharp_shifts[side], 0.0, pitch_mm, light, error)
    fits = [_fit_edges(depth, light, error, side, pitch_mm, start) for start in FIRST_SIGMAS_MM]
    misfit, sigma_mm, shifts = min(fits, key=lambda fit: fit[0])
    if sharp_misfit - misfit < SHARPER or sigma_mm < 0.05:
        return 0.0, sharp_shifts
    return sigma_mm, shifts


def _sharp_shift(
    depth_mm: NDArray[np.float64], light: NDArray[np.float64], error: NDArray[np.float64], pitch_mm: float
) -> float:
    """Return by how much the outline lies inside the edge, if the edge is a sharp step."""
    if depth_mm.size < 4:
        return 0.0
    shifts = np.linspace(-0.8, 0.8, 65) * max(1.0, pitch_mm / COARSE_MM)
    moved = depth_mm + shifts[:, None]
    misfits = (((light - blurred_step(moved, 0.0, pitch_mm)) / error) ** 2).sum(axis=1)
    return float(shifts[int(misfits.argmin())])


def _across(image: Coarse, side: int) -> Axis:
    """Return the axis that runs across a side."""
    return image.columns if side < 2 else image.rows


def _misfit(
    depth_mm: NDArray[np.float64],
    sigma_mm: float,
    pitch_mm: NDArray[np.float64],
    light: NDArray[np.float64],
    error: NDArray[np.float64],
) -> float:
    return float(np.sum(((light - blurred_step(depth_mm, sigma_mm, pitch_mm)) / error) ** 2))


def _fit_edges(
    depth_mm: NDArray[np.float64],
    light: NDArray[np.float64],
    error: NDArray[np.float64],
    side: NDArray[np.int64],
    pitch_mm: NDArray[np.float64],
    sigma_mm: float,
) -> tuple[float, float, NDArray[np.float64]]:
    """Fit one sigma and a shift for each side by Gauss-Newton steps; return chi-squared, sigma and shifts.

    The mean of the blurred step over a pixel from a to b, s [R(b / s) - R(a / s)] / (b - a), has the derivatives
    [F(b / s) - F(a / s)] / (b - a) by the shift and [f(b / s) - f(a / s)] / (b - a) by s.
    """
    shifts = np.zeros(4)
    belongs = side[:, None] == np.arange(4)
    for _ in range(12):
        low = (depth_mm + shifts[side] - pitch_mm / 2) / sigma_mm
        high = low + pitch_mm / sigma_mm
        (low_f, low_d), (high_f, high_d) = normal(low), normal(high)
        model = (high * high_f + high_d - low * low_f - low_d) * sigma_mm / pitch_mm
        design = np.column_stack([belongs * (high_f - low_f)[:, None], high_d - low_d])
        missing = (light - model) / error
        step = np.linalg.lstsq(design / (pitch_mm * error)[:, None], missing, rcond=None)[0]
        shifts = np.clip(shifts + step[:4], -3.0, 3.0)
        sigma_mm = float(np.clip(sigma_mm + np.clip(step[4], -sigma_mm / 2, 1.0), 0.01, 8.0))
        if np.abs(step).max() < CONVERGED_MM:
            break
    return _misfit(depth_mm + shifts[side], sigma_mm, pitch_mm, light, error), sigma_mm, shifts


def blurred_step(
    depth_mm: NDArray[np.float64], sigma_mm: float, pitch_mm: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Return the mean over pixels of a unit step at depth 0, blurred by a Gaussian.

    The integral of the normal distribution function, R(t) = t F(t) + f(t), differenced over the pixel.
    """
    low, high = depth_mm - pitch_mm / 2, depth_mm + pitch_mm / 2
    if sigma_mm <= 0:
        return np.asarray((np.maximum(high, 0.0) - np.maximum(low, 0.0)) / pitch_mm)
    low, high = low / sigma_mm, high / sigma_mm
    (low_f, low_d), (high_f, high_d) = normal(low), normal(high)
    return np.asarray((high * high_f + high_d - low * low_f - low_d) * sigma_mm / pitch_mm)


def _mean_edge(
    border: Border, image: Coarse, lit: Outline, side: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return depth inside the outline, mean light over the plateau and its standard error, across one side."""
    axis = _across(image, side)
    on_line = np.abs(lit.distance_mm(border.x_mm, border.y_mm)) <= max(2.0, 0.6 * axis.pitch_mm)
    on_line &= border.side == side
    empty = np.zeros(0)
    for within_deg in FACING_DEG:
        chosen = on_line & _facing(lit, border, side, within_deg)
        if chosen.sum() >= FEWEST_STRIPS:
            break
    if SIDES[side] in border.clipped or chosen.sum() < FEWEST_STRIPS:
        return empty, empty, empty
    position = axis.edges_mm[0] + border.depth_mm[chosen]
    if side % 2:
        position = axis.edges_mm[-1] - border.depth_mm[chosen]
    fixed = (border.y_mm if side < 2 else border.x_mm)[chosen][:, None]
    depth = -(lit.distance_mm(position, fixed) if side < 2 else lit.distance_mm(fixed, position))
    strip = max(1, round(STRIP_MM / (image.rows if side < 2 else image.columns).pitch_mm))
    counted = border.plateau[chosen][:, None] * strip
    error = np.sqrt(np.maximum(border.profiles[chosen], 0.02) / counted)
    reach = max(9.0, 1.6 * axis.pitch_mm)
    outside = border.profiles[chosen][depth < -reach]
    scatter = min(float(np.mean(outside)), 0.5) if outside.size else 0.0
    light = (border.profiles[chosen] - scatter) / (1 - scatter)
    near = np.abs(depth) <= reach
    return _grouped(depth[near], light[near], error[near])


def _facing(lit: Outline, border: Border, side: int, within_deg: float) -> NDArray[np.bool_]:
    """Say which border points lie on a part of the outline that faces a side within an angle."""
    normal = NORMALS[side]
    x, y = border.x_mm - lit.centre_mm[0], border.y_mm - lit.centre_mm[1]
    if lit.is_circle:
        radius = np.maximum(np.hypot(x, y), 1e-9)
        cosine = (x * normal[0] + y * normal[1]) / radius
    else:
        reach = np.column_stack([x, y]) @ lit.normals.T - lit.supports_mm
        cosine = lit.normals[reach.argmax(axis=1)] @ normal
    return np.asarray(cosine > np.cos(np.deg2rad(within_deg)))


def _grouped(
    depth: NDArray[np.float64], light: NDArray[np.float64], error: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Average samples of nearly the same depth (0.05 mm)."""
    key = np.round(depth / 0.05).astype(np.int64)
    _, index = np.unique(key, return_inverse=True)
    weight = np.bincount(index)
    mean_error = np.sqrt(np.bincount(index, error**2)) / weight
    return (
        np.bincount(index, depth) / weight,
        np.bincount(index, light) / weight,
        np.maximum(mean_error, 1e-4),
    )
