"""The dividing cross to a part of a millimetre: where the bars of each quadrant end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmqc.resolution.bar_image import BarImage, Floats
from nmqc.resolution.bar_layout import SIGNS, Cross, Mask
from nmqc.resolution.modulation import Disc, Modulation

BLURS_MM = (1.2, 2.0, 3.2)  # sigmas over which bars fade at their end, of which the best is taken
STEP_MM = 0.25
MIDDLES_MM = np.arange(-12.0, 12.0 + STEP_MM / 2, STEP_MM)
HALVES_MM = np.arange(0.0, 10.0 + STEP_MM / 2, STEP_MM)
STRIP_MM = 3.0  # of the prior for the width of the strip
SEEN_MM, SLICE_MM = 20.0, 0.5  # how far from a line the image is looked at, and in what steps
LEVEL_MM = (12.0, 20.0)  # from a line: where the level of the bars is read
INSIDE_MM = 20.0  # where it is looked up whether bars lie behind a piece of the border
CLEAR_MM = 12.0  # from the other line of the cross
FEWEST_PIXELS = 200
BARS_PART = 0.06  # of a bar, to which its end is known: the model leaves the harmonics out


@dataclass(frozen=True, slots=True)
class Pattern:
    """The bars of one quadrant: their wave, its modulation, and the disc that these come from."""

    quadrant: int
    fx: float
    fy: float
    found: Modulation
    disc: Disc

    def excess(self, x_mm: Floats, y_mm: Floats) -> Floats:
        """Return the fundamental at positions, as a part of the mean."""
        turns = self.fx * (x_mm - self.disc.x_mm) + self.fy * (y_mm - self.disc.y_mm)
        return np.asarray(self.found.value * np.cos(2 * np.pi * turns + self.found.phase_rad))


@dataclass(frozen=True, slots=True, eq=False)
class _Arm:
    """One arm of a line of the cross: sums over the slices along it.

    `sums` has the rows 1, r, a, b, ra, rb, aa, bb, ab, summed over the pixels of each slice: r is the counts over
    the usual level, a and b are the fundamentals of the bars before and behind the line. `levels` are those of the
    bars before and behind it, over the usual level; `usual` are the counts of a pixel; `places_mm` the means of the
    slices.
    """

    sums: Floats
    places_mm: Floats
    levels: tuple[float, float]
    usual: float


def refine_cross(
    image: BarImage, cross: Cross, bars: Mask, patterns: tuple[Pattern, ...]
) -> tuple[Cross, float, float]:
    """Return the cross, and the standard deviations of its centre along u and v in mm.

    Along each line the bars before it end at t1 and those behind it begin at t2, each fading as Phi((t - u) / s),
    with a strip of any level between, as wide along both lines. The line lies at (t1 + t2) / 2: its mean over the
    likelihood of the image, with an exponential prior of 3 mm for the width of the strip.
    """
    lines = [[_arm(image, cross, bars, patterns, axis, side) for side in (-1, 1)] for axis in (0, 1)]
    there = [[arm for arm in arms if arm is not None] for arms in lines]
    tried = [[_likelihood(arms, blur) for arms in there] for blur in BLURS_MM]
    first, second = max(tried, key=lambda both: sum(float(one.max()) for one in both))
    prior = -2 * HALVES_MM / STRIP_MM
    widths = [_summed(one) for one in (first, second)]
    u_mm, sigma_u = _middle(first, widths[1] + prior)
    v_mm, sigma_v = _middle(second, widths[0] + prior)
    weight = np.exp(sum(widths) + prior - (sum(widths) + prior).max())
    half_mm = float(weight @ HALVES_MM / weight.sum())
    known = BARS_PART * float(np.mean([0.5 / np.hypot(one.fx, one.fy) for one in patterns]))
    x_mm, y_mm = cross.position(u_mm, v_mm)
    found = replace(cross, x_mm=x_mm, y_mm=y_mm, half_mm=half_mm)
    return found, float(np.hypot(sigma_u, known)), float(np.hypot(sigma_v, known))


def _summed(likelihood: Floats) -> Floats:
    """Return the logarithm of the likelihood of each width, summed over the places."""
    top = float(likelihood.max())
    return np.asarray(np.log(np.maximum(np.exp(likelihood - top).sum(axis=0), 1e-300)) + top)


def _middle(likelihood: Floats, prior: Floats) -> tuple[float, float]:
    """Return mean and standard deviation of the place of a line."""
    total = likelihood + prior[None, :]
    weight = np.exp(total - total.max()).sum(axis=1)
    mean = float(weight @ MIDDLES_MM / weight.sum())
    spread = float(weight @ (MIDDLES_MM - mean) ** 2 / weight.sum())
    return mean, (spread + STEP_MM**2 / 12) ** 0.5


def _arm(
    image: BarImage, cross: Cross, bars: Mask, patterns: tuple[Pattern, ...], axis: int, side: int
) -> _Arm | None:
    """Return the sums of one arm; None where there are no bars on both sides of it."""
    x, y = np.meshgrid(image.columns.centres_mm, image.rows.centres_mm)
    turned = cross.turned(x, y)
    at, across = turned[axis], side * turned[1 - axis]
    near = (np.abs(at) < SEEN_MM) & (across > CLEAR_MM)
    for inner in (-INSIDE_MM, INSIDE_MM):
        place = (np.full(int(near.sum()), inner), side * across[near])
        near[near] = _looked_up(image, bars, *_positions(cross, *(place if axis == 0 else place[::-1])))
    at = at[near]
    level = np.abs(at) > LEVEL_MM[0]
    if level.sum() < FEWEST_PIXELS:
        return None
    counts = image.counts[near]
    waves = [_excess(patterns, axis, side, sign, x[near], y[near]) for sign in (-1, 1)]
    levels = [
        _level(counts, wave, level & (sign * at > 0)) for sign, wave in zip((-1, 1), waves, strict=True)
    ]
    usual = sum(levels) / 2
    if min(levels) <= 0:
        return None
    slices = np.floor((at + SEEN_MM) / SLICE_MM).astype(int)
    sums = _sums(slices, counts / usual, waves[0], waves[1])
    places = np.bincount(slices, at, minlength=sums.shape[1]) / np.maximum(sums[0], 1)
    filled = sums[0] > 0
    return _Arm(sums[:, filled], places[filled], (levels[0] / usual, levels[1] / usual), usual)


def _level(counts: Floats, wave: Floats, chosen: Mask) -> float:
    """Return the mean counts of bars over some pixels, a part of a period not counting for more than it is."""
    whole = float((1 + wave[chosen]).sum())
    return float(counts[chosen].sum()) / whole if whole > 0 else 0.0


def _excess(
    patterns: tuple[Pattern, ...], axis: int, side: int, sign: int, x_mm: Floats, y_mm: Floats
) -> Floats:
    """Return the fundamental of the quadrant on one side of an arm; 0 where its bars are not seen."""
    wanted = (sign, side) if axis == 0 else (side, sign)
    for one in patterns:
        if SIGNS[one.quadrant] == wanted:
            return one.excess(x_mm, y_mm)
    return np.zeros(x_mm.shape)


def _sums(slices: NDArray[np.intp], r: Floats, a: Floats, b: Floats) -> Floats:
    number = round(2 * SEEN_MM / SLICE_MM)
    terms = (np.ones(r.size), r, a, b, r * a, r * b, a * a, b * b, a * b)
    return np.array([np.bincount(slices, term, minlength=number)[:number] for term in terms])


def _likelihood(arms: list[_Arm], blur_mm: float) -> Floats:
    """Return the log-likelihood, shape (middles, halves), the level of the strip being the best one of each."""
    ends = np.arange(MIDDLES_MM[0] - HALVES_MM[-1], MIDDLES_MM[-1] + HALVES_MM[-1] + STEP_MM / 2, STEP_MM)
    pairs = sum((_of_arm(arm, ends, blur_mm) for arm in arms), np.zeros((ends.size, ends.size)))
    middle, half = np.arange(MIDDLES_MM.size)[:, None], np.arange(HALVES_MM.size)[None, :]
    zero = HALVES_MM.size - 1  # the index at which the first middle lies
    return np.asarray(pairs[zero + middle - half, zero + middle + half])


def _of_arm(arm: _Arm, ends: Floats, blur_mm: float) -> Floats:
    """Return the log-likelihood of one arm, shape (ends of the bars before the line, of those behind it).

    The model of a slice is f (1 + a) + g (1 + b) + level * strip, where f and g are what the ends leave of the bars'
    levels: every sum over slices is one of f alone, of g alone, or a matrix product of the two.
    """
    before = _fading((ends[:, None] - arm.places_mm[None, :]) / blur_mm)
    behind = _fading((arm.places_mm[None, :] - ends[:, None]) / blur_mm)
    one, r, a, b, ra, rb, aa, bb, ab = arm.sums
    (p, p2), (q, q2) = ((part, part**2) for part in (before, behind))
    f, g = arm.levels

    def both(of_p: Floats, of_q: Floats, product: Floats, constant: float = 0.0) -> Floats:
        """Return sums of terms in `before`, terms in `behind`, and their product by its weights."""
        return np.asarray(constant + of_p[:, None] + of_q[None, :] + (p * product) @ q.T)

    none = np.zeros(one.size)
    strip_r = both(-p @ r, -q @ r, none, float(r.sum()))
    strip_bars = both(f * (p - p2) @ (one + a), g * (q - q2) @ (one + b), -f * (one + a) - g * (one + b))
    strip_strip = both((p2 - 2 * p) @ one, (q2 - 2 * q) @ one, 2 * one, float(one.sum()))
    bars_r = both(f * p @ (r + ra), g * q @ (r + rb), none)
    bars_bars = both(
        f * f * p2 @ (one + 2 * a + aa), g * g * q2 @ (one + 2 * b + bb), 2 * f * g * (one + a + b + ab)
    )
    level = np.clip((strip_r - strip_bars + 1) / (strip_strip + 1), 0, 4)
    linear = bars_r + level * strip_r
    square = bars_bars + 2 * level * strip_bars + level**2 * strip_strip
    return np.asarray(arm.usual * (linear - square / 2))


def _fading(t: Floats) -> Floats:
    """Return Phi(t) by a logistic: the part of the bars left t sigmas inside their end."""
    return np.asarray(1 / (1 + np.exp(-np.clip(1.702 * t, -40, 40))))


def _positions(cross: Cross, u_mm: Floats, v_mm: Floats) -> tuple[Floats, Floats]:
    cos, sin = np.cos(np.radians(cross.angle_deg)), np.sin(np.radians(cross.angle_deg))
    return (
        np.asarray(cross.x_mm + u_mm * cos + v_mm * sin),
        np.asarray(cross.y_mm - u_mm * sin + v_mm * cos),
    )


def _looked_up(image: BarImage, bars: Mask, x_mm: Floats, y_mm: Floats) -> Mask:
    """Return the cell mask at positions; False outside the cells."""
    rows, columns = image.cell_rows, image.cell_columns
    row = np.floor((y_mm - rows.start_mm) / rows.pitch_mm).astype(int)
    column = np.floor((x_mm - columns.start_mm) / columns.pitch_mm).astype(int)
    within = (row >= 0) & (row < rows.count) & (column >= 0) & (column < columns.count)
    found = np.zeros(x_mm.shape, bool)
    found[within] = bars[row[within], column[within]]
    return found
