"""The waves of a bar image: which frequencies and directions its parts show, found in sliding windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from nmqc.resolution.bar_image import BarImage, Floats

WINDOW_MM, STEP_MM = 48.0, 16.0
WIDTHS_MM = (1.5, 8.0)
NYQUIST_PART = 0.45  # cycles a pixel up to which waves are searched
CHANCE = 6.0  # natural logarithm of one over the chance of a false wave in a window
SAME_WAVE_PER_MM = 0.012
RIGHT_ANGLE_DEG = 4.0  # by which a direction may be off a multiple of 90 degrees from the strongest
FEWEST_WINDOWS = 3
PIXELS_AT_ONCE = 1 << 20  # of all windows that are transformed together


@dataclass(frozen=True, slots=True)
class Wave:
    """A plane wave: frequency vector in cycles per mm, x to the right and y down; how many windows show it."""

    fx: float
    fy: float
    windows: int = 0

    @property
    def frequency(self) -> float:
        """Cycles per mm."""
        return float(np.hypot(self.fx, self.fy))

    @property
    def width_mm(self) -> float:
        """Width of a bar: half a period."""
        return 0.5 / self.frequency

    @property
    def angle_deg(self) -> float:
        """Direction of the vector, counter-clockwise as displayed from the x axis, in [0, 180)."""
        return float(np.degrees(np.arctan2(-self.fy, self.fx)) % 180)


@dataclass(frozen=True, slots=True, eq=False)
class Waves:
    """The waves of an image, the one seen in most windows first.

    `level` is that of the counts where waves are seen, `part` the part of the windows that show one of them.
    """

    waves: tuple[Wave, ...]
    level: float
    part: float


def find_waves(image: BarImage, *, raw_counts: bool) -> Waves:
    """Return the waves of a bar image.

    In windows of 48 mm, tapered by a Hann window, the largest peak of the periodogram between bar widths of 1.5 and
    8 mm is kept where it exceeds the noise by more than ln(independent frequencies) + 6: the power of noise is
    exponentially distributed. Peaks are gathered into waves; directions off the right angles of the strongest wave
    are dropped, for bars stand at right angles to each other.
    """
    windows = _lit_windows(image)
    if not len(windows):
        return Waves((), 0.0, 0.0)
    vectors, strength, means = _peaks(image, windows, raw_counts=raw_counts)
    level = float(np.median(means)) if means.size else 0.0
    waves = _at_right_angles(_gathered(vectors, strength))
    return Waves(waves, level, sum(wave.windows for wave in waves) / len(windows))


def _lit_windows(image: BarImage) -> NDArray[np.intp]:
    """Return the first (row, column) of every window that lies wholly in the lit field, shape (windows, 2)."""
    size, step = _pixels(image, WINDOW_MM), _pixels(image, STEP_MM)
    lit = np.zeros(image.counts.shape, bool)
    down, along = image.blocks
    part = np.repeat(np.repeat(image.lit, down.factor, axis=0), along.factor, axis=1)
    lit[down.first : down.first + part.shape[0], along.first : along.first + part.shape[1]] = part
    if image.rows.count < size[0] or image.columns.count < size[1]:
        return np.empty((0, 2), np.intp)
    total = np.pad(np.cumsum(np.cumsum(lit, axis=0), axis=1), ((1, 0), (1, 0)))
    inside = (
        total[size[0] :, size[1] :]
        - total[: -size[0], size[1] :]
        - total[size[0] :, : -size[1]]
        + total[: -size[0], : -size[1]]
    )
    rows, columns = np.nonzero(inside[:: step[0], :: step[1]] == size[0] * size[1])
    return np.column_stack([rows * step[0], columns * step[1]])


def _pixels(image: BarImage, length_mm: float) -> tuple[int, int]:
    return (
        max(1, round(length_mm / image.rows.pitch_mm)),
        max(1, round(length_mm / image.columns.pitch_mm)),
    )


def _peaks(image: BarImage, windows: NDArray[np.intp], *, raw_counts: bool) -> tuple[Floats, Floats, Floats]:
    """Return the vectors (windows, 2) of the significant peaks, power over noise, and the windows' means.

    Some windows after the other: a window is nine times as many numbers as there are pixels to each step of it.
    """
    several = max(1, PIXELS_AT_ONCE // int(np.prod(_pixels(image, WINDOW_MM))))
    parts = (windows[first : first + several] for first in range(0, len(windows), several))
    vectors, strength, means = zip(*(_some_peaks(image, part, raw_counts) for part in parts), strict=True)
    return np.concatenate(vectors), np.concatenate(strength), np.concatenate(means)


def _some_peaks(
    image: BarImage, windows: NDArray[np.intp], raw_counts: bool
) -> tuple[Floats, Floats, Floats]:
    """Return what `_peaks` does, of some windows."""
    size = _pixels(image, WINDOW_MM)
    taper = np.outer(*(np.hanning(one + 2)[1:-1] for one in size))
    parts = sliding_window_view(image.counts, size)[windows[:, 0], windows[:, 1]]
    power, fx, fy = periodogram(((parts - _plane(parts)) * taper).astype(np.float32), image)
    searched = searched_frequencies(fx[None, :], fy[:, None], image)
    if not searched.any():
        return np.empty((0, 2)), np.empty(0), np.empty(0)
    noise = (parts * taper**2).sum(axis=(1, 2)) if raw_counts else _median_noise(power, searched)
    power = np.where(searched, power, 0.0) / np.maximum(noise, 1e-12)[:, None, None]
    flat = power.reshape(len(power), -1)
    best = flat.argmax(axis=1)
    strength = flat[np.arange(len(flat)), best]
    seen = strength > np.log(searched.sum() / 4) + CHANCE
    row, column = np.unravel_index(best[seen], power.shape[1:])
    return _refined(power[seen], row, column, fx, fy), strength[seen], parts[seen].mean(axis=(1, 2))


def _plane(parts: Floats) -> Floats:
    """Return the plane of least squares through each window."""
    y, x = (np.arange(one) - (one - 1) / 2 for one in parts.shape[1:])
    mean = parts.mean(axis=(1, 2), keepdims=True)
    slope_x = parts.mean(axis=1) @ x / (x @ x)
    slope_y = parts.mean(axis=2) @ y / (y @ y)
    return np.asarray(
        mean + slope_x[:, None, None] * x[None, None, :] + slope_y[:, None, None] * y[None, :, None]
    )


def periodogram(values: NDArray[Any], image: BarImage) -> tuple[NDArray[Any], Floats, Floats]:
    """Return the power of parts of an image, padded to twice their size, with the frequencies (fx, fy).

    Along x, one frequency more than is searched: the others are left out before the second transform.
    """
    rows, columns = (2 * size for size in values.shape[-2:])
    fx, fy = np.fft.rfftfreq(columns, image.columns.pitch_mm), np.fft.fftfreq(rows, image.rows.pitch_mm)
    fx = fx[: int(np.searchsorted(fx, _highest(image), side="right")) + 1]
    transformed = np.fft.fft(np.fft.rfft(values, columns)[..., : fx.size], rows, axis=-2)
    return transformed.real**2 + transformed.imag**2, fx, fy


def searched_frequencies(fx: Floats, fy: Floats, image: BarImage) -> NDArray[np.bool_]:
    """Return which frequencies are searched: bar widths of 1.5 to 8 mm, below 0.45 cycles a pixel."""
    frequency = np.hypot(fx, fy)
    return np.asarray((frequency >= 0.5 / WIDTHS_MM[1]) & (frequency <= _highest(image)))


def _highest(image: BarImage) -> float:
    return min(0.5 / WIDTHS_MM[0], NYQUIST_PART / max(image.rows.pitch_mm, image.columns.pitch_mm))


def _median_noise(power: NDArray[np.floating], searched: NDArray[np.bool_]) -> Floats:
    """Return the mean of exponentially distributed noise, from its median."""
    return np.asarray(np.median(power[:, searched], axis=1) / np.log(2), np.float64)


def _refined(
    power: NDArray[np.floating], row: NDArray[np.intp], column: NDArray[np.intp], fx: Floats, fy: Floats
) -> Floats:
    """Return the peaks to a part of a bin, by parabolas through the logarithms of their neighbours."""
    each, rows, columns = np.arange(len(power)), power.shape[1], power.shape[2]
    logs = np.log(np.maximum(power, 1e-6))
    here = logs[each, row, column]
    mirrored = np.where(column == 0, -row % rows, row)  # the transform of real values: p(-f) = p(f)
    neighbours = (
        (logs[each, row - 1, column], logs[each, (row + 1) % rows, column]),
        (logs[each, mirrored, abs(column - 1)], logs[each, row, np.minimum(column + 1, columns - 1)]),
    )
    down, along = (
        np.clip(0.5 * (low - high) / np.minimum(low - 2 * here + high, -1e-3), -0.5, 0.5)
        for low, high in neighbours
    )
    return np.column_stack([fx[column] + along * fx[1], fy[row] + down * fy[1]])


def _gathered(vectors: Floats, strength: Floats) -> list[Wave]:
    """Gather peaks that are the same wave, about the strongest first; v and -v are one."""
    found = []
    left = np.arange(len(vectors))
    while left.size:
        centre = vectors[left[strength[left].argmax()]]
        sign = np.where(vectors[left] @ centre < 0, -1.0, 1.0)
        turned = vectors[left] * sign[:, None]
        near = np.hypot(*(turned - centre).T) < SAME_WAVE_PER_MM
        fx, fy = np.median(turned[near], axis=0)
        found.append(Wave(float(fx), float(fy), int(near.sum())))
        left = left[~near]
    return found


def _at_right_angles(waves: list[Wave]) -> tuple[Wave, ...]:
    """Return the waves of three windows or more whose directions agree with the one of most windows."""
    waves = sorted((wave for wave in waves if wave.windows >= FEWEST_WINDOWS), key=lambda wave: -wave.windows)
    return tuple(
        wave for wave in waves if abs((wave.angle_deg - waves[0].angle_deg + 45) % 90 - 45) <= RIGHT_ANGLE_DEG
    )
