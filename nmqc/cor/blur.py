"""Resolution against distance: a Gaussian fitted to the profiles of each view, and a straight line through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmqc.cor.regions import Profile
from nmqc.cor.sinusoid import Fit, Turn, fitted
from nmqc.cor.views import Floats
from nmqc.errors import CannotMeasure
from nmqc.measure.chance import normal
from nmqc.measure.gaussian import FWHM_PER_SIGMA

DISTANCE_MM = 200.0
REACH_MM = 25.0  # beyond the distances measured, to which the line is followed
FEWEST_SPAN_MM = 20.0  # of the distances, for a slope
STEPS, SETTLED = 12, 1e-6  # of mm, and of the logarithm of sigma
REVERSED_SIGMAS = 5.0
ROUND = 1.3  # width over height of a spot, or the other way round, in nine views of ten


@dataclass(frozen=True, slots=True, eq=False)
class Blur:
    """FWHM of all sources in all views against the distance from the collimator, and the line through them.

    `line` has the FWHM at 200 mm first, then the slope in mm per mm; without slope where the distances hardly differ.
    """

    distance_mm: Floats
    fwhm_mm: Floats
    sigma_mm: Floats
    line: Fit


def blur_against_distance(turns: Sequence[Turn]) -> Blur:
    """Return the FWHM against distance.

    Raises
    ------
    CannotMeasure
        ``no_radius``, ``distance_not_reached``, ``no_gaussian``, ``not_round``.
    """
    radius_mm = turns[0].head.radius_mm
    if radius_mm is None:
        raise CannotMeasure(
            "no_radius",
            "the header does not tell the radius of the orbit: the distance from the collimator is unknown",
        )
    distances = [radius_mm[turn.source.used] - turn.depth_mm for turn in turns]
    widths = [_widths(turn) for turn in turns]
    distance_mm = np.concatenate(distances)
    fwhm_mm, sigma_mm = (np.concatenate([pair[part] for pair in widths]) for part in (0, 1))
    if not distance_mm.min() - REACH_MM <= DISTANCE_MM <= distance_mm.max() + REACH_MM:
        raise CannotMeasure(
            "distance_not_reached",
            f"the sources are {distance_mm.min():.0f} to {distance_mm.max():.0f} mm from the collimator: "
            f"{DISTANCE_MM:.0f} mm is not among these",
        )
    design = np.column_stack([np.ones(distance_mm.size), distance_mm - DISTANCE_MM])
    if np.ptp(distance_mm) < FEWEST_SPAN_MM:
        design = design[:, :1]
    return Blur(distance_mm, fwhm_mm, sigma_mm, fitted(design, fwhm_mm, sigma_mm, counting=turns[0].counting))


def is_reversed(blur: Blur) -> bool:
    """Say whether sources look sharper the farther they are: then far is near, and the angles are not as told."""
    line = blur.line
    return line.values.size > 1 and bool(line.values[1] < -REVERSED_SIGMAS * line.sigma(1))


def _widths(turn: Turn) -> tuple[Floats, Floats]:
    """Return FWHM and its standard deviation in each view: of x and y together, of y alone where the head moves."""
    down, along = turn.head.first.spacing_mm
    found = [gaussian_widths(turn.source.profiles[1], down)]
    if not turn.head.moving:
        found.append(gaussian_widths(turn.source.profiles[0], along))
        _require_round(*(width for width, _ in found))
    weights = [sigma**-2 for _, sigma in found]
    total = sum(weights)
    mean = sum(weight * width for weight, (width, _) in zip(weights, found, strict=True)) / total
    return np.asarray(mean), np.asarray(total**-0.5)


def _require_round(down: Floats, along: Floats) -> None:
    """Refuse a spot that is longer than it is wide: two sources beside each other, or a long one."""
    unlike = np.exp(np.percentile(np.abs(np.log(along / down)), 90))
    if unlike > ROUND:
        raise CannotMeasure(
            "not_round",
            f"a spot is {unlike:.1f} times as long as it is wide in some views: two sources close to each other, or "
            "a long one; give point sources, far apart",
        )


def gaussian_widths(profile: Profile, pixel_mm: float) -> tuple[Floats, Floats]:
    """Return the FWHM of a Gaussian, integrated over the pixels, that fits each profile, and its standard deviation.

    Least squares in counts, place and the logarithm of sigma, all profiles at once; the weights are those of the
    expected counts.

    Raises
    ------
    CannotMeasure
        ``no_gaussian``: no Gaussian fits.
    """
    background = np.maximum((profile.measured - profile.over).mean(axis=1), 0.0)
    total = profile.over.sum(axis=1)
    middle = (profile.over * profile.at_mm).sum(axis=1) / total
    variance = (profile.over * (profile.at_mm - middle[:, None]) ** 2).sum(axis=1) / total
    sigma = np.sqrt(np.maximum(variance - pixel_mm**2 / 12, (pixel_mm / 4) ** 2))
    at = np.stack([total, middle, np.log(sigma)], axis=1)
    for _ in range(STEPS):
        expected, slopes = _model(at, profile.at_mm, pixel_mm)
        weight = 1 / np.maximum(expected + background[:, None], 1.0)
        matrix = np.einsum("vip,vjp,vp->vij", slopes, slopes, weight)
        pull = np.einsum("vip,vp,vp->vi", slopes, weight, profile.over - expected)
        move = np.linalg.solve(matrix, pull[:, :, None])[:, :, 0]
        move[:, 1:] = np.clip(move[:, 1:], [-pixel_mm, -0.3], [pixel_mm, 0.3])
        at = at + move
        if np.abs(move[:, 1:]).max() < SETTLED:
            break
    good = (at[:, 0] > 0) & (np.abs(at[:, 1] - middle) < 2 * sigma) & (np.abs(move[:, 2]) < 1e-3)
    if not good.all():
        raise CannotMeasure(
            "no_gaussian", f"no Gaussian fits the profiles of {(~good).sum()} views: acquire more counts"
        )
    fwhm = FWHM_PER_SIGMA * np.exp(at[:, 2])
    return fwhm, fwhm * np.sqrt(np.linalg.inv(matrix)[:, 2, 2])


def _model(at: Floats, places_mm: Floats, pixel_mm: float) -> tuple[Floats, Floats]:
    """Return the expected counts, shape (views, pixels), and their slopes, shape (views, 3, pixels)."""
    counts, sigma = at[:, :1], np.exp(at[:, 2:])
    low, high = ((places_mm + side * pixel_mm / 2 - at[:, 1:2]) / sigma for side in (-1, 1))
    (below, density_low), (above, density_high) = normal(low), normal(high)
    to_middle = -counts * (density_high - density_low) / sigma
    to_width = -counts * (high * density_high - low * density_low)
    return counts * (above - below), np.stack([above - below, to_middle, to_width], axis=1)
