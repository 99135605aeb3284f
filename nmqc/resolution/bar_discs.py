"""Where a quadrant is measured: the largest disc that fits, and the wave that it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nmqc.measure.depth import depth_mm
from nmqc.measure.grid import Axis
from nmqc.resolution.bar_image import BarImage
from nmqc.resolution.bar_layout import Cross, Mask, common_angle
from nmqc.resolution.bar_waves import CHANCE, RIGHT_ANGLE_DEG, Wave, periodogram, searched_frequencies
from nmqc.resolution.modulation import Disc


def largest_disc(image: BarImage, bars: Mask, cross: Cross, quadrant: int, margin_mm: float) -> Disc | None:
    """Return the largest disc in a quadrant that keeps a margin from its borders and from where no bars are."""
    rows, columns = (
        Axis(2 * axis.count, axis.pitch_mm / 2, axis.start_mm)
        for axis in (image.cell_rows, image.cell_columns)
    )
    x, y = np.meshgrid(columns.centres_mm, rows.centres_mm)
    free = np.repeat(np.repeat(bars, 2, axis=0), 2, axis=1) & cross.inside(quadrant, x, y, 0.0)
    deep = depth_mm(free, (rows.pitch_mm, columns.pitch_mm))
    deepest = float(deep.max())
    if deepest <= margin_mm:
        return None
    top = deep >= deepest - 0.75 * max(rows.pitch_mm, columns.pitch_mm)
    middle = float(x[top].mean()), float(y[top].mean())
    nearest = np.hypot(x[top] - middle[0], y[top] - middle[1]).argmin()
    at = np.argwhere(top)[nearest]
    radius = float(deep[at[0], at[1]]) - margin_mm
    return Disc(float(x[at[0], at[1]]), float(y[at[0], at[1]]), radius)


def strongest_wave(
    image: BarImage, disc: Disc, waves: Sequence[Wave | None], *, raw_counts: bool
) -> tuple[float, float] | None:
    """Return the strongest wave of a disc at right angles to the others, or None where noise explains it."""
    there = [wave for wave in waves if wave is not None]
    angle = common_angle(tuple(there))
    y, x = image.rows.centres_mm - disc.y_mm, image.columns.centres_mm - disc.x_mm
    rows, columns = np.flatnonzero(np.abs(y) < disc.radius_mm), np.flatnonzero(np.abs(x) < disc.radius_mm)
    if min(rows.size, columns.size) < 8:
        return None
    part = image.counts[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    taper = np.clip(1 - np.hypot(y[rows][:, None], x[columns][None, :]) ** 2 / disc.radius_mm**2, 0, None)
    level = (part * taper).sum() / taper.sum()
    power, fx, fy = periodogram((part - level) * taper, image)
    allowed = searched_frequencies(fx[None, :], fy[:, None], image)
    off = (np.degrees(np.arctan2(-fy[:, None], fx[None, :])) - angle + 45) % 90 - 45
    allowed &= np.abs(off) <= RIGHT_ANGLE_DEG
    noise = float((part * taper**2).sum()) if raw_counts else float(np.median(power[allowed]) / np.log(2))
    power = np.where(allowed, power, 0.0)
    row, column = np.unravel_index(int(power.argmax()), power.shape)
    if power[row, column] <= noise * (np.log(max(allowed.sum() / 4, 2)) + CHANCE):
        return None
    return float(fx[column]), float(fy[row])


def whole_periods(disc: Disc, frequency: float) -> Disc:
    """Return the disc with the largest diameter that is a whole number of periods."""
    periods = max(1, int(2 * disc.radius_mm * frequency + 1e-6))
    return replace(disc, radius_mm=periods / frequency / 2)
