"""What NEMA's rule of half and tenth heights makes of a known profile in pixels: NU 1, 2.1.

The rule reads a peak a little too wide, the more so the coarser the pixels are: the highest channel lies beside the
peak. It is the standard's, so the truth of a width is what the rule makes of the exact profile, not the profile's own
width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Profile = Callable[[NDArray[np.float64]], NDArray[np.float64]]

#: places of the peak between two channels, in channels: all alike, and on a channel
ALL_PHASES = tuple((number + 0.5) / 16 - 0.5 for number in range(16))
ON_A_CHANNEL = (0.0,)
FINE = 0.2  # pixel over FWHM up to which the highest channel is the height; beyond it, the parabola through three


def rule_width(
    profile: Profile,
    pitch_mm: float,
    part: float,
    reach_mm: float,
    fwhm_mm: float,
    phases: Sequence[float] = ALL_PHASES,
) -> float:
    """Return the full width at a part of the height, the mean over phases of the channels.

    Parameters
    ----------
    profile : the means over the pixels, by the distance of the pixel's middle from the peak's
    pitch_mm : of the channels
    reach_mm : channels up to so far from the peak are looked at
    fwhm_mm : by which the channels are fine or coarse
    """
    return float(np.mean([_width(profile, pitch_mm, part, reach_mm, fwhm_mm, phase) for phase in phases]))


def _width(
    profile: Profile, pitch_mm: float, part: float, reach_mm: float, fwhm_mm: float, phase: float
) -> float:
    channels = int(reach_mm / pitch_mm)
    at = np.asarray((np.arange(-channels, channels + 1) + phase) * pitch_mm, np.float64)
    values = profile(at)
    peak = int(values.argmax())
    level = part * _height(values, peak, pitch_mm <= FINE * fwhm_mm)
    left = peak
    while values[left] > level:
        left -= 1
    right = peak
    while values[right] > level:
        right += 1
    low = np.interp(level, values[left : left + 2], at[left : left + 2])
    high = np.interp(-level, -values[right - 1 : right + 1], at[right - 1 : right + 1])
    return float(high - low)


def _height(values: NDArray[np.float64], peak: int, fine: bool) -> float:
    if fine:
        return float(values[peak])
    before, middle, after = values[peak - 1 : peak + 2]
    bend = before - 2 * middle + after
    return float(middle - (before - after) ** 2 / (8 * bend))
