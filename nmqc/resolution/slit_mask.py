"""Finding the slit mask in an image: which way the slits run, where each one is, and how they are tilted.

The image is turned so that the slits run down its first axis: an array (along, across) in which a position across
the slits is a channel of a profile. What follows knows no x and y.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.model import Frame

STRIP_MM = 30.0  # NEMA NU 1, 2.1: profiles are summed over at most this length
SCALE_ERROR = 0.15  # by which the header's pixel size, or the spacing of the slits, may be wrong
SOUGHT = (0.6, 1.5)  # of the spacing stated: where the spacing is sought
LEAST_COMB = 0.3  # part of the counts that follows the comb of the slits, below which there is no mask
LEAST_CONTRAST = 0.3  # of the counts about the slits against those between them
CUT = 0.9  # of the counts of the next slit, below which an outermost slit is cut by the border of the field
LIT = 0.25  # of the usual counts of a strip, from which a slit is lit there
FEWEST_SLITS, FEWEST_STRIPS = 4, 5
FEWEST_SHORT = 2  # strips that a slit beyond those needs
MOSTLY = 0.6  # of the slits between the first and the last have to be lit
STEEPEST_DEG = 1.1  # of which 0.1 is for the error of the angle: a strip of 30 mm is smeared over 0.6 mm
NEXT = (
    "give a static image of a mask of parallel slits that covers the detector, without collimator; "
    "for slits that are not 30 mm apart state their spacing"
)

Image = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A slit mask found in an image.

    Attributes
    ----------
    counts : shape (along, across)
        The image, turned so that the slits run down the first axis.
    across : "x" or "y", the axis of the image that runs across the slits
    along_mm, across_mm : pixel sizes by the header
    spacing_mm : distance of neighbouring slits, as stated
    pitch_px : the same in channels, as found
    first_px : channel of the first slit, half way down the image
    slope : channels that the slits shift by for each pixel along
    slits : number of slits, from the first that is lit to the last
    cut : whether the border of the field cuts the first and the last slit lengthwise: they are darker than the next
    """

    counts: Image
    across: Literal["x", "y"]
    along_mm: float
    across_mm: float
    spacing_mm: float
    pitch_px: float
    first_px: float
    slope: float
    slits: int
    cut: tuple[bool, bool] = (False, False)

    @property
    def tilt_deg(self) -> float:
        """The angle between the slits and the axis of the image, from this axis towards growing channels."""
        return float(np.rad2deg(np.arctan(self.slope * self.across_mm / self.along_mm)))

    def channels(self, along_px: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Return about where each slit is at positions along, in channels: shape (slits, positions)."""
        down = np.atleast_1d(along_px) - (self.counts.shape[0] - 1) / 2
        slit = self.first_px + self.pitch_px * np.arange(self.slits)
        return np.asarray(slit[:, None] + self.slope * down)

    def along_position_mm(self, along_px: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Return positions along the slits in mm from the centre of the matrix."""
        return np.asarray((np.asarray(along_px) - (self.counts.shape[0] - 1) / 2) * self.along_mm)

    def across_position_mm(self, channel: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Return positions across the slits in mm from the centre of the matrix, by the header's pixel size."""
        return np.asarray((np.asarray(channel) - (self.counts.shape[1] - 1) / 2) * self.across_mm)


def find_mask(frame: Frame, spacing_mm: float) -> Mask:
    """Find the slits of an image.

    In strips of 30 mm the profile across the slits is compared with combs: the one that holds most of the counts of
    all strips gives the orientation and the period, the phases of the strips the tilt and the place. By the header's
    pixel size the period has to be the spacing within 15 %.

    Raises
    ------
    CannotMeasure
        ``not_a_slit_mask``, ``mask_tilted``.
    """
    down_mm, along_mm = frame.spacing_mm
    turned = [
        (frame.counts, "x", down_mm, along_mm),
        (frame.counts.T, "y", along_mm, down_mm),
    ]
    found = [_comb(strip_sums(image, along), across, spacing_mm) for image, _, along, across in turned]
    best = int(found[1][0] > found[0][0])
    (strength, pitch_px, phase_px, step_px), (image, name, along, across) = found[best], turned[best]
    if strength < LEAST_COMB:
        raise CannotMeasure(
            "not_a_slit_mask", f"this is not a slit mask: nothing repeats every {spacing_mm:g} mm; {NEXT}"
        )
    _require_spacing(pitch_px * across, spacing_mm)
    slope = step_px / strip_pixels(along)
    mask = Mask(image, "x" if name == "x" else "y", along, across, spacing_mm, pitch_px, phase_px, slope, 0)
    return _with_slits(mask)


def strip_pixels(along_mm: float) -> int:
    """Return how many whole pixels along the slits make a strip of at most 30 mm; one at least."""
    return max(1, int(STRIP_MM / along_mm + 1e-6))


def strip_sums(image: Image, along_mm: float) -> NDArray[Any]:
    """Return the sums over strips of whole pixels about the middle of the matrix: shape (strips, across)."""
    pixels = min(strip_pixels(along_mm), image.shape[0])
    return sum_strips(image, (image.shape[0] % pixels) // 2, image.shape[0] // pixels, pixels)


def sum_strips(image: Image, first: int, count: int, pixels: int) -> NDArray[Any]:
    """Return the sums of `count` strips of so many pixels, from pixel `first` on: shape (count, across)."""
    kind = np.int64 if np.issubdtype(image.dtype, np.integer) else np.float64
    part = image[first : first + count * pixels].reshape(count, pixels, image.shape[1])
    return np.asarray(part.sum(axis=1, dtype=kind))


def _comb(strips: NDArray[Any], across_mm: float, spacing_mm: float) -> tuple[float, float, float, float]:
    """Compare strips with combs; return how much of the counts follows the best, its period, a tooth, its step.

    The step is by how many channels the teeth shift from one strip to the next. The strength is 0 where an image is
    too small to hold four slits, its pixels too large, or its strips empty.
    """
    too_small = strips.shape[1] * across_mm < FEWEST_SLITS * spacing_mm * (1 - SCALE_ERROR)
    if too_small or across_mm > spacing_mm / 4 or not strips.any():
        return 0.0, 1.0, 0.0, 0.0
    spacing_px = spacing_mm / across_mm
    coarse = _strengths(strips, spacing_px * np.linspace(*SOUGHT, 91))
    periods = coarse[0][coarse[1].argmax()] * np.linspace(0.985, 1.015, 31)
    periods, strength, amplitudes = _strengths(strips, periods)
    best = int(strength.argmax())
    pitch, wave = float(periods[best]), amplitudes[:, best]
    turn = np.angle((wave[1:] * wave[:-1].conj()).sum())
    middle = np.arange(wave.size) - (wave.size - 1) / 2
    phase = np.angle((wave * np.exp(-1j * turn * middle)).sum())
    return (
        float(strength[best]),
        pitch,
        float(-phase / (2 * np.pi) * pitch),
        float(-turn / (2 * np.pi) * pitch),
    )


def _strengths(
    strips: NDArray[Any], periods: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.complex128]]:
    """Return periods, the part of all counts that follows each, and the amplitudes: shape (strips, periods)."""
    waves = np.exp(-2j * np.pi * np.arange(strips.shape[1])[:, None] / periods)
    amplitudes = np.einsum("sc,cp->sp", strips, waves)
    return periods, np.abs(amplitudes).sum(axis=0) / float(strips.sum()), amplitudes


def _require_spacing(found_mm: float, spacing_mm: float) -> None:
    if abs(found_mm / spacing_mm - 1) > SCALE_ERROR:
        raise CannotMeasure(
            "not_a_slit_mask",
            f"what repeats in this image does so every {found_mm:.1f} mm by the header's pixel size, where slits "
            f"{spacing_mm:g} mm apart were expected: state the spacing of the mask, or check the pixel size",
        )


def _with_slits(mask: Mask) -> Mask:
    """Say which teeth of the comb are slits: from the first to the last that is lit over five strips or more."""
    before = int(np.ceil(mask.first_px / mask.pitch_px))
    teeth = int(mask.counts.shape[1] / mask.pitch_px) + 2
    every = replace(mask, first_px=mask.first_px - before * mask.pitch_px, slits=teeth)
    on, between = _on_and_between(every)
    usual = float(np.median(on[on > LIT * np.quantile(on, 0.9)])) if on.any() else 0.0
    lit = on > LIT * usual
    slits = np.flatnonzero(lit.sum(axis=1) >= FEWEST_STRIPS)
    if usual == 0 or slits.size < FEWEST_SLITS or slits.size < MOSTLY * (np.ptp(slits) + 1):
        raise CannotMeasure(
            "not_a_slit_mask",
            f"this is not a slit mask: parallel slits {mask.spacing_mm:g} mm apart that are seen: {slits.size}, "
            f"needed: {FEWEST_SLITS} in a row; {NEXT}",
        )
    contrast = float((on[lit] - between[lit]).sum() / (on[lit] + between[lit]).sum())
    if contrast < LEAST_CONTRAST:
        raise CannotMeasure(
            "not_a_slit_mask",
            f"this is not a slit mask: the slits cannot be told from what is between; {NEXT}",
        )
    _require_straight(mask)
    first, last = _outermost(lit, int(slits[0]), int(slits[-1]))
    cut = _is_cut(on, lit, first, first + 1), _is_cut(on, lit, last, last - 1)
    first_px = every.first_px + first * mask.pitch_px
    return replace(mask, first_px=first_px, slits=last - first + 1, cut=cut)


def _outermost(lit: NDArray[np.bool_], first: int, last: int) -> tuple[int, int]:
    """Return the first and the last slit, shorter ones beyond the long ones included: a round field has them."""
    short = lit.sum(axis=1) >= FEWEST_SHORT
    while first > 0 and short[first - 1]:
        first -= 1
    while last < len(short) - 1 and short[last + 1]:
        last += 1
    return first, last


def _is_cut(on: NDArray[np.float64], lit: NDArray[np.bool_], outermost: int, following: int) -> bool:
    """Say whether an outermost slit is darker than the slit that follows it, over a third of its length.

    A tilted slit is cut at one end alone. Its outermost strips, which may be filled in part, count only where it has
    no others.
    """
    both = np.flatnonzero(lit[outermost] & lit[following])
    both = both[1:-1] if both.size > 2 else both
    if not both.size:
        return False
    thirds = np.array_split(on[outermost, both] / on[following, both], min(3, both.size))
    return bool(min(float(np.median(third)) for third in thirds) < CUT)


def _on_and_between(mask: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the counts of each strip within a quarter of the pitch of each slit, and of the gap that follows."""
    pixels = strip_pixels(mask.along_mm)
    strips = strip_sums(mask.counts, mask.along_mm)
    first = (mask.counts.shape[0] % pixels) // 2
    middles = first + pixels * np.arange(strips.shape[0]) + (pixels - 1) / 2
    summed = np.concatenate([np.zeros((strips.shape[0], 1)), np.cumsum(strips, axis=1)], axis=1)
    rows = np.arange(strips.shape[0])

    def between(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
        low, high = (np.clip(np.rint(one), 0, strips.shape[1]).astype(int) for one in (start, end))
        return np.asarray(summed[rows, high] - summed[rows, low])

    slit = mask.channels(middles) + 0.5
    quarter = mask.pitch_px / 4
    return between(slit - quarter, slit + quarter), between(slit + quarter, slit + 3 * quarter)


def _require_straight(mask: Mask) -> None:
    """Refuse slits so far from the axis of the image that strips along the axis smear them."""
    if abs(mask.tilt_deg) > STEEPEST_DEG:
        raise CannotMeasure(
            "mask_tilted",
            f"the slits lie {abs(mask.tilt_deg):.1f} degrees off the axis of the image, more than {STEEPEST_DEG:g}, "
            "so that strips along this axis would smear them: turn the mask until its slits run along the detector's "
            "axis, to 1 mm over the field as the standard asks for, and acquire again",
        )
