"""Is this a flood? A bar phantom or a source in the air would give a number too, and a wrong one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.edges import Coarse
from nmqc.measure.field import Field
from nmqc.measure.outline import Outline, whole_pixels

SOFT_EDGE_MM = 3.0
TILE_MM = 40.0
LAG_MM = 4.8
FINE_PATTERN = 0.15  # structure between points 4.8 mm apart, as a part of the counts; of raw counts
FINE_PATTERN_NOISY = 0.5  # the same where counting noise cannot be taken off
TILES = 0.2  # part of the field with such structure that makes it no flood
RIM_MM = 4.0
EVEN = 0.75  # of the counts of the middle, which one of two opposite sides at least must have


def require_flood(image: Coarse, found: Field, *, raw_counts: bool) -> None:
    """Refuse an image that is not a flood.

    Three looks: the edge (a source smaller than the detector ends softly, a detector does not), opposite
    sides against the middle (a source in the air or a cylinder is bright in the middle), and the structure between
    points 4.8 mm apart, counting noise taken off, in tiles of 40 mm: bars show it over much of the field, a defect
    in a few tiles, the pattern of the photomultipliers hardly at all.

    Raises
    ------
    CannotMeasure
        ``not_a_flood``.
    """
    field = found.lit
    if found.edge_sigma_mm > SOFT_EDGE_MM:
        raise CannotMeasure(
            "not_a_flood",
            f"this is not a flood: the lit area ends softly (sigma {found.edge_sigma_mm:.1f} mm), as a source "
            "smaller than the detector does; give an image that lights the whole detector",
        )
    _require_even_light(image, field)
    inside = whole_pixels(field.inset(RIM_MM), image.rows, image.columns)
    if (part := patterned_part(image, inside, raw_counts=raw_counts)) > TILES:
        raise CannotMeasure(
            "not_a_flood",
            f"this is not a flood: {100 * part:.0f} % of the field shows a fine pattern, as bars do; "
            "give a flood without a phantom",
        )


def _require_even_light(image: Coarse, field: Outline) -> None:
    """Refuse a field whose opposite sides are both darker than its middle, or all brighter."""
    inside = whole_pixels(field.inset(RIM_MM), image.rows, image.columns)
    middle = whole_pixels(field.scaled(0.7), image.rows, image.columns)
    rim = inside & ~whole_pixels(field.scaled(0.85), image.rows, image.columns)
    width, height = field.extents_mm()
    x = (image.columns.centres_mm[None, :] - field.centre_mm[0]) / width
    y = (image.rows.centres_mm[:, None] - field.centre_mm[1]) / height
    sides = [rim & (x < -0.4), rim & (x > 0.4), rim & (y < -0.4), rim & (y > 0.4)]
    if not middle.any() or not all(side.any() for side in sides):
        raise CannotMeasure("not_a_flood", "this is not a flood: the lit field is too small")
    level = max(float(np.median(image.counts[middle])), 1e-12)
    left, right, top, bottom = (float(np.median(image.counts[side])) / level for side in sides)
    darker, brighter = min(max(left, right), max(top, bottom)), max(min(left, right), min(top, bottom))
    if darker < EVEN or brighter > 1 / EVEN:
        shown = darker if darker < EVEN else brighter
        raise CannotMeasure(
            "not_a_flood",
            f"this is not a flood: opposite sides of the lit field have {100 * shown:.0f} % of the counts of its "
            "middle; give an image of a source that lights the detector evenly",
        )


def patterned_part(image: Coarse, inside: NDArray[np.bool_], *, raw_counts: bool) -> float:
    """Return the part of the tiles in which structure between points 4.8 mm apart exceeds 15 % of the counts."""
    lags = [max(1, round(LAG_MM / axis.pitch_mm)) for axis in (image.rows, image.columns)]
    tiles = [max(4, round(TILE_MM / axis.pitch_mm)) for axis in (image.rows, image.columns)]
    near, far = image.counts[: -lags[0], : -lags[1]], image.counts[lags[0] :, lags[1] :]
    other = image.counts[: -lags[0], lags[1] :]
    valid = inside[lags[0] :, lags[1] :] & inside[: -lags[0], : -lags[1]] & inside[: -lags[0], lags[1] :]
    squares = ((other - near) ** 2 + (other - far) ** 2) / 2
    number = _tile_sums(valid.astype(float), tiles)
    mean = _tile_sums(near * valid, tiles) / np.maximum(number, 1)
    square = _tile_sums(squares * valid, tiles) / np.maximum(number, 1)
    used = (number >= 0.5 * tiles[0] * tiles[1]) & (mean > 0)
    if not used.any():
        return 0.0
    noise = 2 * mean if raw_counts else 0 * mean
    excess = square - noise - 3 * np.maximum(noise, 0) * np.sqrt(2 / np.maximum(number, 1))
    limit = FINE_PATTERN if raw_counts else FINE_PATTERN_NOISY
    return float(np.mean(excess[used] > 2 * (limit * mean[used]) ** 2))


def _tile_sums(values: NDArray[np.float64], tiles: list[int]) -> NDArray[np.float64]:
    rows, columns = (size // tile for size, tile in zip(values.shape, tiles, strict=True))
    cut = values[: rows * tiles[0], : columns * tiles[1]]
    return np.asarray(cut.reshape(rows, tiles[0], columns, tiles[1]).sum(axis=(1, 3)))
