"""What the image of a slit mask says of the field of view: where the slits end, and what lies beyond the outermost.

Positions are in mm from the centre of the matrix, across (u) and along (v) the slits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.resolution.slit_mask import LIT, Mask

SMOOTHING_MM = 3.0
#: by which the two ends of a slit differ, from which one of them is dark
UNEVEN_MM = 10.0
#: from the middle of a slit that the border cuts, to either side: there the border is
CUT_MM = 2.0
#: counts between two slits over 3 mm, from which the light through the mask shows the field
LEAST_LEAK = 400.0


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the image says of the field of view.

    On the side of the first slit the border across lies between the two values of `low`, on that of the last between
    those of `high`; infinite where the matrix ends first. `half_mm`: half the field's length at each slit.
    """

    slits_u_mm: NDArray[np.float64]
    low: tuple[float, float]
    high: tuple[float, float]
    half_mm: NDArray[np.float64]
    middle_mm: float
    cut_along: bool
    dark_end: bool

    @property
    def cut_across(self) -> bool:
        """Say whether a further slit on either side would lie outside the matrix, so that none need be the last."""
        return not np.isfinite([self.low[0], self.high[1]]).all()


def look(mask: Mask) -> Seen:
    """Read from the image what it says of the field."""
    bands = _bands(mask)
    low_px, high_px, whole = _ends(bands, mask.along_mm)
    whole[0] &= not mask.cut[0]
    whole[-1] &= not mask.cut[1]
    u = mask.across_position_mm(mask.channels((mask.counts.shape[0] - 1) / 2)[:, 0])
    cut_along = bool((low_px[whole] <= 0).sum() > 2 or (high_px[whole] >= mask.counts.shape[0] - 1).sum() > 2)
    low_mm, high_mm = mask.along_position_mm(low_px), mask.along_position_mm(high_px)
    middle = float(np.median((low_mm + high_mm)[whole])) / 2
    half, dark_end = _half_lengths(u, middle - low_mm, high_mm - middle, whole)
    low, high = _borders(mask, u)
    return Seen(u, low, high, half, middle, cut_along, dark_end)


def _bands(mask: Mask) -> NDArray[np.float64]:
    """Return the counts of each pixel along each slit, summed over half the pitch: shape (slits, along)."""
    rows = np.arange(mask.counts.shape[0])
    slit = mask.channels(rows.astype(np.float64)) + 0.5
    low, high = (
        np.clip(np.rint(slit + side * mask.pitch_px / 4), 0, mask.counts.shape[1]).astype(int)
        for side in (-1, 1)
    )
    summed = np.zeros((rows.size, mask.counts.shape[1] + 1))
    np.cumsum(mask.counts, axis=1, out=summed[:, 1:])
    return np.asarray(summed[rows, high] - summed[rows, low])


def _ends(
    bands: NDArray[np.float64], along_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return where each slit begins and ends along its length, at half of its own level, and which slits are lit."""
    smooth = max(1, 2 * int(SMOOTHING_MM / along_mm / 2) + 1)
    padded = np.pad(bands, ((0, 0), (smooth // 2, smooth // 2)), mode="edge")
    light = np.asarray(np.lib.stride_tricks.sliding_window_view(padded, smooth, axis=1).mean(axis=-1))
    lit = light > LIT * np.quantile(light, 0.9)
    level = np.array([np.median(one[on]) if on.any() else np.inf for one, on in zip(light, lit, strict=True)])
    inside: NDArray[np.bool_] = np.greater_equal(light, level[:, None] / 2)
    low = _first(light, inside, level)
    high = light.shape[1] - 1 - _first(light[:, ::-1], inside[:, ::-1], level)
    return low, high, np.asarray(inside.any(axis=1), np.bool_)


def _first(
    bands: NDArray[np.float64], inside: NDArray[np.bool_], level: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where each band first crosses half of its level, between two pixels."""
    rows = np.arange(level.size)
    first = inside.argmax(axis=1)
    here, before = bands[rows, first], bands[rows, np.maximum(first - 1, 0)]
    rise = here - before
    return np.asarray(first - np.where(rise > 0, (here - level / 2) / np.where(rise > 0, rise, 1.0), 0.0))


def _half_lengths(
    u_mm: NDArray[np.float64],
    low_mm: NDArray[np.float64],
    high_mm: NDArray[np.float64],
    whole: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], bool]:
    """Return half the field's length at each slit, and whether a slit is dark at an end.

    `low_mm` and `high_mm` reach from the middle to the two ends. Where they differ by more than 10 mm the longer one
    counts: a field is as long on either side. The field is convex, so that neighbours tell where a slit that is
    shorter should end.
    """
    uneven = np.abs(low_mm - high_mm) > UNEVEN_MM
    half = np.where(uneven, np.maximum(low_mm, high_mm), (low_mm + high_mm) / 2)
    hull = _upper_hull(u_mm[whole], half[whole])
    filled = np.interp(u_mm, u_mm[hull_index := np.flatnonzero(whole)[hull]], half[hull_index])
    return filled, bool((uneven & whole).any() or (filled - half > UNEVEN_MM)[whole].any())


def _upper_hull(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[int]:
    """Return which points lie on the upper convex hull; x increases."""
    kept: list[int] = []
    for index in range(x.size):
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            if (y[b] - y[a]) * (x[index] - x[a]) > (y[index] - y[a]) * (x[b] - x[a]):
                break
            kept.pop()
        kept.append(index)
    return kept


def _borders(mask: Mask, u_mm: NDArray[np.float64]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return between which positions the border lies on either side across the slits.

    It lies between the outermost slit and the place of the next one, and both are alike where the light through the
    mask shows it, or nearly so where it cuts the outermost slit. Where the matrix leaves no room for the next one it
    may lie anywhere beyond.
    """
    leak = _leak_borders(mask)
    first, last = float(u_mm[0]), float(u_mm[-1])
    edge = mask.counts.shape[1] * mask.across_mm / 2
    pitch = mask.pitch_px * mask.across_mm
    low = (first - pitch if first - pitch > -edge else -np.inf, first)
    high = (last, last + pitch if last + pitch < edge else np.inf)
    low = (first - CUT_MM, first + CUT_MM) if mask.cut[0] else low
    high = (last - CUT_MM, last + CUT_MM) if mask.cut[1] else high
    return low if leak[0] is None else (leak[0], leak[0]), high if leak[1] is None else (leak[1], leak[1])


def _leak_borders(mask: Mask) -> tuple[float | None, float | None]:
    """Return where the light through the mask ends beyond the first and beyond the last slit, where it shows."""
    rows = mask.counts.shape[0]
    profile = mask.counts[rows // 4 : rows - rows // 4].sum(axis=0, dtype=np.float64)
    slits = mask.channels((rows - 1) / 2)[:, 0]
    window = max(1, round(SMOOTHING_MM / mask.across_mm))
    light = np.convolve(profile, np.full(window, 1 / window), mode="same")
    level = float(np.median(light[np.rint((slits[1:] + slits[:-1]) / 2).astype(int)]))
    if level * window < LEAST_LEAK:
        return None, None
    pitch = mask.pitch_px
    before = _fall(light[::-1], light.size - 1 - slits[0], pitch, level / 2)
    after = _fall(light, slits[-1], pitch, level / 2)
    return (
        None if before is None else float(mask.across_position_mm(light.size - 1 - before)),
        None if after is None else float(mask.across_position_mm(after)),
    )


def _fall(light: NDArray[np.float64], slit_px: float, pitch_px: float, level: float) -> float | None:
    """Return the channel beyond a slit, and within its pitch, at which the light falls below a level."""
    start, end = int(slit_px), min(int(slit_px + pitch_px), light.size)
    below = np.flatnonzero(light[start:end] < level)
    return None if below.size == 0 else start + int(below[0]) - 0.5
