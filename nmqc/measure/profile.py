"""Peaks of profiles: their height, and where they cross a level. NEMA NU 1, 2.1.

A profile is sampled at channels 0, 1, 2, ...; positions are in channels and may lie between two of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure

FINE_SAMPLING = 0.2  # pixel over FWHM up to which the highest channel is the height of a peak


def peak(profile: NDArray[Any], index: int, *, fine: bool) -> tuple[float, float]:
    """Return where the peak of one profile is, in channels, and how high.

    Parameters
    ----------
    profile : shape (channels,)
    index : the highest channel; the first of several that are equally high
    fine : the pixel is at most 0.2 FWHM
        True: the highest channel itself. False: the vertex of the parabola through it and its two neighbours;
        still the channel itself where these three do not bend downwards, or where it is the first or the last.

    References
    ----------
    NEMA NU 1, 2.1.
    """
    position, height = peaks(profile, np.asarray(index), fine=fine)
    return float(position), float(height)


def peaks(
    profiles: NDArray[Any], index: NDArray[np.integer[Any]], *, fine: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return position and height of the peak of each profile, as `peak` does.

    Parameters
    ----------
    profiles : shape (..., channels)
    index : shape (...), the highest channel of each

    Returns
    -------
    position_px, height : shape (...)
    """
    middle = _at(profiles, index)
    position = index.astype(np.float64)
    if fine or profiles.shape[-1] < 3:
        return position, middle
    before, after = _at(profiles, np.maximum(index - 1, 0)), _at(profiles, index + 1)
    bend = before - 2 * middle + after
    inside = (index > 0) & (index < profiles.shape[-1] - 1) & (bend < 0)
    shift = np.where(inside, 0.5 * (before - after) / np.where(inside, bend, 1.0), 0.0)
    return position + shift, middle - 0.25 * (before - after) * shift


def crossings(profile: NDArray[Any], index: int, level: float) -> tuple[float, float]:
    """Return where one profile crosses a level, nearest to a channel on the left and on the right, in channels.

    Parameters
    ----------
    profile : shape (channels,)
    index : the channel to walk outwards from; the profile stands above the level there
    level : counts

    Raises
    ------
    CannotMeasure
        ``no_half_level``, if the profile does not come down to the level on both sides.

    References
    ----------
    NEMA NU 1, 2.1: linear interpolation between the neighbouring channels.
    """
    left, right = all_crossings(profile, np.asarray(index), np.asarray(level, np.float64))
    if np.isnan(left) or np.isnan(right):
        raise CannotMeasure(
            "no_half_level",
            "a peak does not come down to the wanted part of its height on both sides: "
            "acquire it clear of the border of the image and of its neighbours",
        )
    return float(left), float(right)


def all_crossings(
    profiles: NDArray[Any], index: NDArray[np.integer[Any]], level: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the crossings of each profile, as `crossings` does, but NaN on a side where the level is not reached.

    Parameters
    ----------
    profiles : shape (..., channels)
    index, level : shape (...)

    Returns
    -------
    left_px, right_px : shape (...)
        Both NaN where the profile does not stand above the level at the index.
    """
    channels = profiles.shape[-1]
    channel = np.arange(channels)
    down = profiles <= level[..., None]
    left = np.where(down & (channel < index[..., None]), channel, -1).max(axis=-1)
    right = np.where(down & (channel > index[..., None]), channel, channels).min(axis=-1)
    above = _at(profiles, index) > level
    return (
        np.where(above & (left >= 0), _between(profiles, left, left + 1, level), np.nan),
        np.where(above & (right < channels), _between(profiles, right, right - 1, level), np.nan),
    )


def _between(
    profiles: NDArray[Any], low: NDArray[Any], high: NDArray[Any], level: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where the line from one channel to its neighbour crosses the level."""
    start = _at(profiles, low)
    rise = _at(profiles, high) - start
    return np.asarray(low + (high - low) * (level - start) / np.where(rise == 0, 1.0, rise))


def _at(profiles: NDArray[Any], index: NDArray[Any]) -> NDArray[np.float64]:
    """Return the value of each profile at its channel; of a channel beyond an end, the value at that end."""
    inside = np.clip(index, 0, profiles.shape[-1] - 1)
    return np.take_along_axis(profiles, inside[..., None], axis=-1)[..., 0].astype(np.float64)
