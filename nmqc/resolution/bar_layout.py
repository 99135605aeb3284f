"""Where the quadrants of a bar phantom are: the cross that divides them, and which wave fills each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.resolution.bar_image import BarImage, Floats
from nmqc.resolution.bar_waves import Wave, Waves

BARS_LEVEL = (0.55, 1.35)  # of the median level where waves are seen: less is lead, more is open
SPREAD_MM = 10.0  # sigma over which the strength of a wave is averaged
SMALLEST_MM2 = 6000.0  # of the area of bars: four quadrants of five periods of 4 mm, and their margins
SMALLEST_SHARE = 0.06  # of the bars' area, which a quadrant's own wave must fill
NAMES = ("top left", "top right", "bottom right", "bottom left")
SIGNS = ((-1, -1), (1, -1), (1, 1), (-1, 1))  # of (u, v) in each quadrant, clockwise from the top left

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cross:
    """The dividing cross: its centre in mm, its angle counter-clockwise as displayed, and its half width.

    u runs along the turned x axis and v along the turned y axis, downwards, both from the centre.
    """

    x_mm: float
    y_mm: float
    angle_deg: float
    half_mm: float = 0.0

    def turned(self, x_mm: Floats, y_mm: Floats) -> tuple[Floats, Floats]:
        """Return (u, v) of positions."""
        cos, sin = np.cos(np.radians(self.angle_deg)), np.sin(np.radians(self.angle_deg))
        dx, dy = x_mm - self.x_mm, y_mm - self.y_mm
        return dx * cos - dy * sin, dx * sin + dy * cos

    def position(self, u_mm: float, v_mm: float) -> tuple[float, float]:
        """Return (x, y) of a place in the turned frame."""
        cos, sin = np.cos(np.radians(self.angle_deg)), np.sin(np.radians(self.angle_deg))
        return float(self.x_mm + u_mm * cos + v_mm * sin), float(self.y_mm - u_mm * sin + v_mm * cos)

    def inside(self, quadrant: int, x_mm: Floats, y_mm: Floats, margin_mm: float) -> Mask:
        """Return which positions lie in a quadrant, a margin and the half width away from the cross's lines."""
        u, v = self.turned(x_mm, y_mm)
        far = self.half_mm + margin_mm
        su, sv = SIGNS[quadrant]
        return np.asarray((su * u > far) & (sv * v > far))


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """A cross, the wave of each quadrant (None: no wave is seen), and the cells that bars cover."""

    cross: Cross
    waves: tuple[Wave | None, Wave | None, Wave | None, Wave | None]
    bars: Mask


def common_angle(waves: tuple[Wave, ...]) -> float:
    """Return the direction common to all waves, modulo 90 degrees, in [-45, 45): counter-clockwise as displayed."""
    first = waves[0].angle_deg
    total = sum(wave.windows for wave in waves)
    off = sum(wave.windows * ((wave.angle_deg - first + 45) % 90 - 45) for wave in waves) / total
    return float((first + off + 45) % 90 - 45)


def find_layout(image: BarImage, found: Waves) -> Layout:
    """Find the cross from the strength of every wave in every cell.

    Over all places of two lines at right angles, parallel to the bars or at 45 degrees to them, the sum over the four
    quadrants of the excess of the best wave's strength (in parts of its usual strength, less a half) is largest for
    the true cross.

    Raises
    ------
    CannotMeasure
        ``not_bars``: the area is too small. ``too_few_quadrants``: fewer than three quadrants show bars of their own.
    """
    waves = found.waves
    bars = (
        image.lit & (image.level > BARS_LEVEL[0] * found.level) & (image.level < BARS_LEVEL[1] * found.level)
    )
    if not waves or bars.sum() * image.cell_rows.pitch_mm * image.cell_columns.pitch_mm < SMALLEST_MM2:
        raise CannotMeasure(
            "not_bars",
            "this is not a bar phantom: what is lit evenly is too small to hold four quadrants of bars",
        )
    excess = np.stack([_excess(image, wave, bars) for wave in waves])
    angle = common_angle(waves)
    tried = [_best_cross(image, excess, bars, turned) for turned in (angle, (angle + 90) % 90 - 45)]
    _, cross, labels = max(tried, key=lambda one: one[0])
    seen = [None if label < 0 else waves[label] for label in labels]
    if sum(wave is not None for wave in seen) < 3:
        raise _too_few(seen)
    first, second, third, fourth = seen
    return Layout(cross, (first, second, third, fourth), bars)


def _too_few(seen: list[Wave | None]) -> CannotMeasure:
    there = ", ".join(name for name, wave in zip(NAMES, seen, strict=True) if wave is not None) or "none"
    return CannotMeasure(
        "too_few_quadrants",
        f"bars are seen in fewer than three quadrants ({there}): acquire more counts, a finer matrix or wider bars, "
        "with the whole phantom in the field",
    )


def strength(image: BarImage, wave: Wave) -> Floats:
    """Return the amplitude of a wave about every cell, in counts a pixel: a Gaussian of 10 mm is averaged over."""
    down, along = image.blocks
    turn_x = np.exp(-2j * np.pi * wave.fx * image.columns.centres_mm)
    turn_y = np.exp(-2j * np.pi * wave.fy * image.rows.centres_mm)
    turned = (image.counts - image.smooth_level()) * turn_y[:, None] * turn_x[None, :]
    cells = turned[
        down.first : down.first + down.count * down.factor,
        along.first : along.first + along.count * along.factor,
    ]
    cells = cells.reshape(down.count, down.factor, along.count, along.factor).mean(axis=(1, 3))
    kernels = [_gaussian(axis.count, axis.pitch_mm) for axis in (image.cell_rows, image.cell_columns)]
    return np.asarray(2 * np.abs(kernels[0] @ cells @ kernels[1]))


def _gaussian(count: int, pitch_mm: float) -> Floats:
    """Return the matrix that averages over a Gaussian of 10 mm; outside there is nothing."""
    apart = pitch_mm * (np.arange(count)[:, None] - np.arange(count)[None, :])
    weight = np.exp(-0.5 * (apart / SPREAD_MM) ** 2)
    return np.asarray(weight * pitch_mm / (SPREAD_MM * np.sqrt(2 * np.pi)))


def _excess(image: BarImage, wave: Wave, bars: Mask) -> Floats:
    """Return the strength of a wave over its usual strength, less a half, from -1/2 to 1/2; 0 where no bars are.

    The usual strength is what the best cells show that could fill a quarter of the bars' area.
    """
    modulation = strength(image, wave) / np.maximum(image.level, 1e-12)
    inside = modulation[bars]
    usual = float(np.quantile(inside, 0.88)) if inside.size else 1.0
    return np.where(bars, np.clip(modulation / max(usual, 1e-12) - 0.5, -0.5, 0.5), 0.0)


def _best_cross(
    image: BarImage, excess: Floats, bars: Mask, angle_deg: float
) -> tuple[float, Cross, tuple[int, ...]]:
    """Return score, cross and label of each quadrant for lines at one angle, to the size of a cell."""
    x, y = np.meshgrid(image.cell_columns.centres_mm, image.cell_rows.centres_mm)
    u, v = Cross(0.0, 0.0, angle_deg).turned(x, y)
    step = min(image.cell_rows.pitch_mm, image.cell_columns.pitch_mm)
    at = [np.floor((one - one.min()) / step).astype(int) for one in (v, u)]
    shape = tuple(int(one.max()) + 1 for one in at)
    sums = np.zeros((len(excess), shape[0] + 1, shape[1] + 1))
    for number, one in enumerate(excess):
        binned = np.zeros(shape)
        np.add.at(binned, (at[0], at[1]), one)
        sums[number, 1:, 1:] = binned.cumsum(axis=0).cumsum(axis=1)
    above, before, whole = sums[:, :, -1:], sums[:, -1:, :], sums[:, -1:, -1:]
    quarters = np.stack([sums, above - sums, whole - above - before + sums, before - sums])
    best = np.maximum(quarters.max(axis=1), 0.0)
    score = best.sum(axis=0)
    top = np.argwhere(score >= score.max() - 1e-9 * abs(score.max()))
    row, column = top.mean(axis=0)
    place = tuple(top[np.abs(top - (row, column)).sum(axis=1).argmin()])
    labels = _labels(quarters[:, :, place[0], place[1]], SMALLEST_SHARE * bars.sum() / 2)
    cross = Cross(0.0, 0.0, angle_deg)
    x_mm, y_mm = cross.position(float(u.min()) + column * step, float(v.min()) + row * step)
    return float(score.max()), Cross(x_mm, y_mm, angle_deg), labels


def _labels(quarters: Floats, fewest: float) -> tuple[int, ...]:
    """Return the best wave of each quadrant; -1 where none fills enough of it."""
    return tuple(int(one.argmax()) if one.max() >= fewest else -1 for one in quarters)
