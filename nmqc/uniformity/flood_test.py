"""Is this a flood? A bar phantom or a source in the air would give a number too, and a wrong one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.edges import Coarse
from nmqc.measure.field import Field
from nmqc.measure.outline import whole_pixels

SOFT_EDGE_MM = 5.0
TILE_MM = 40.0
LAG_MM = 4.8
FINE_PATTERN = 0.15  # structure between points 4.8 mm apart, as a part of the counts; of raw counts
FINE_PATTERN_NOISY = 0.5  # the same where counting noise cannot be taken off
TILES = 0.2  # part of the field with such structure that makes it no flood
EVEN = 0.6  # the rim over the middle, or the middle over the rim


def require_flood(image: Coarse, found: Field, *, raw_counts: bool) -> None:
    """Refuse an image that is not a flood.

    Three looks: the edge (a source smaller than the detector ends softly, a detector does not), the rim against
    the middle (a source in the air or a cylinder is bright in the middle), and the structure between points 4.8 mm
    apart, counting noise taken off, in tiles of 40 mm: bars show it over much of the field, a defect in a few
    tiles, the pattern of the photomultipliers hardly at all.

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
    inside = whole_pixels(field.inset(4.0), image.rows, image.columns)
    middle = whole_pixels(field.scaled(0.7), image.rows, image.columns)
    rim = inside & ~whole_pixels(field.scaled(0.85), image.rows, image.columns)
    if not middle.any() or not rim.any():
        raise CannotMeasure("not_a_flood", "this is not a flood: the lit field is too small")
    ratio = float(np.median(image.counts[rim]) / max(np.median(image.counts[middle]), 1e-12))
    if not EVEN <= ratio <= 1 / EVEN:
        raise CannotMeasure(
            "not_a_flood",
            f"this is not a flood: the rim of the lit field has {100 * ratio:.0f} % of the counts of its middle; "
            "give an image of a source that lights the detector evenly",
        )
    if (part := patterned_part(image, inside, raw_counts=raw_counts)) > TILES:
        raise CannotMeasure(
            "not_a_flood",
            f"this is not a flood: {100 * part:.0f} % of the field shows a fine pattern, as bars do; "
            "give a flood without a phantom",
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
