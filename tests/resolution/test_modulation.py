"""The modulation of bars in a disc: exact without noise, and as uncertain as it says with it."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from nmqc.errors import CannotMeasure
from nmqc.model import Frame
from nmqc.resolution.modulation import (
    Disc,
    Modulation,
    Patch,
    _basis,
    frequency_sigma,
    modulation,
    refine,
    search,
)
from phantoms.bars import Bars, Quadrant
from phantoms.fields import Rectangle
from tests.exam.acquisitions import planar, with_counts

# No edge of a field nor of a quadrant near the discs: there the phantom is an approximation.
SPACIOUS = Bars(
    matrix=(175, 225),
    pixel_mm=(0.9, 0.7),
    field=Rectangle(4000.0, 4000.0),
    widths_mm=(3.97, 3.18, 4.76, 6.35),
    rotation_deg=17.0,
    fwhm_mm=(3.3, 4.4),
    transmission=0.06,
    scatter=0.12,
    phases=(0.1, 0.35, 0.7, 0.85),
    counts=3e6,
)
RADII_MM = (13.0, 17.4, 21.9)  # no whole number of periods of any bars


def disc_in(quadrant: Quadrant, radius_mm: float) -> Disc:
    """Return a disc on a quadrant's bisector, 15 mm or more from its borders and those of the matrix."""
    (x, y), (centre_x, centre_y) = quadrant.centre_mm, SPACIOUS.centre_mm
    far = 52.0 / math.hypot(x - centre_x, y - centre_y)
    return Disc(centre_x + far * (x - centre_x), centre_y + far * (y - centre_y), radius_mm)


@cache
def still(phantom: Bars) -> Frame:
    return planar(phantom).frames[0]


def frame_of(phantom: Bars, seed: int | None = None) -> Frame:
    """Return a phantom's frame; many seeds share the expected counts, which take longer than their noise."""
    frame = still(phantom)
    if seed is None:
        return frame
    counts = np.random.default_rng(seed).poisson(frame.counts).astype(np.uint16)
    return replace(frame, counts=counts, raw_counts=True)


def measured(frame: Frame, quadrant: Quadrant, radius_mm: float) -> Modulation:
    patch = Patch.of(frame, disc_in(quadrant, radius_mm))
    return modulation(patch, *quadrant.frequency_per_mm, raw_counts=frame.raw_counts)


@pytest.mark.parametrize("radius_mm", RADII_MM)
def test_modulation_without_noise_is_the_closed_form(radius_mm: float) -> None:
    """The mean of a disc is not that of the bars: a part of a period more or less is up to 2 % of it."""
    frame = frame_of(SPACIOUS)
    for quadrant in SPACIOUS.truth().quadrants:
        found = measured(frame, quadrant, radius_mm)
        # No noise. What is not fitted: harmonics from the fourth on, below 1e-6 of bars of 6 mm after this blur.
        assert found.value == pytest.approx(quadrant.modulation, rel=1e-6), quadrant.width_mm


def test_slopes_and_curvature_of_the_source_do_not_count() -> None:
    """A slope of 3e-3 per mm changes the level by 13 % over the disc; the bars' amplitude changes with it."""
    sloped = replace(SPACIOUS, gradient_per_mm=(3e-3, -2e-3))
    frame = frame_of(sloped)
    for quadrant in sloped.truth().quadrants:
        found = measured(frame, quadrant, 21.9)
        # The amplitude's own slope is not fitted: its part that looks like the wave is some 1e-3 of it.
        assert found.value == pytest.approx(quadrant.modulation, rel=5e-3), quadrant.width_mm


def flat(counts: float, seed: int) -> Frame:
    noise = np.random.default_rng(seed).poisson(counts, (60, 70)).astype(np.uint16)
    return replace(still(SPACIOUS), counts=noise, raw_counts=True)


def test_noise_alone_has_no_modulation_on_average_and_negative_squares_are_kept() -> None:
    """The squared amplitude of noise is exponentially distributed with the mean 4 / N, which is taken off."""
    disc, seeds = Disc(1.0, -2.0, 14.0), 300
    found = [
        modulation(Patch.of(flat(30.0, seed), disc), 0.11, -0.07, raw_counts=True) for seed in range(seeds)
    ]
    squared = np.array([one.squared for one in found])
    expected = 4 / (30.0 * found[0].pixels)
    assert abs(squared.mean()) < 3.5 * expected / seeds**0.5  # 3.5 standard errors of an exponential's mean
    # An exponential scatters by its mean; the scatter of 300 (kurtosis 9) is known to sqrt(8 / 4 / 300) = 8 %.
    assert squared.std() == pytest.approx(expected, rel=0.28)
    assert np.mean(squared < 0) == pytest.approx(
        1 - math.exp(-1), abs=0.09
    )  # below its mean: 63 %, 3.5 sigma
    assert all(one.value == 0.0 for one in found if one.squared < 0)
    # the stated variance, 4 sigma^4, is that of the square
    assert 2 * found[0].sigma ** 2 == pytest.approx(expected, rel=0.02)


SEEDS = 150


def repeated(phantom: Bars, radius_mm: float) -> dict[float, list[Modulation]]:
    frames = [frame_of(phantom, seed) for seed in range(SEEDS)]
    return {
        one.width_mm: [measured(frame, one, radius_mm) for frame in frames]
        for one in phantom.truth().quadrants
    }


def test_modulation_scatters_as_it_says() -> None:
    """sigma^2 = (2 - m^2) / N: a third less than 2 / N for the widest bars, whose m is 0.9."""
    phantom = replace(SPACIOUS, counts=4e5, scatter=0.0, transmission=0.0, fwhm_mm=(2.6, 3.1))
    for (width, found), quadrant in zip(
        repeated(phantom, 21.9).items(), phantom.truth().quadrants, strict=True
    ):
        values = np.array([one.value for one in found])
        stated = float(np.mean([one.sigma for one in found]))
        # The scatter of 150 is known to 1 / sqrt(300) = 6 %: 0.85 to 1.15 is 2.6 of these.
        assert values.std(ddof=1) / stated == pytest.approx(1.0, abs=0.15), width
        assert stated == pytest.approx(
            ((2 - quadrant.modulation**2) / (found[0].mean * found[0].pixels)) ** 0.5, rel=0.02
        )
        # the mean without bias: 3.5 standard errors
        assert values.mean() == pytest.approx(quadrant.modulation, abs=3.5 * stated / SEEDS**0.5), width
        # 68 % within one sigma: 3.5 binomial standard deviations of 150
        covered = np.mean(np.abs(values - quadrant.modulation) < [one.sigma for one in found])
        assert covered == pytest.approx(0.683, abs=3.5 * (0.683 * 0.317 / SEEDS) ** 0.5), width
        # raw counts: the residual scatters like the mean of the disc, which is up to 2 % off the level of the bars
        assert np.mean([one.noise for one in found]) == pytest.approx(1, abs=0.025)


def test_squares_of_faint_bars_are_right_on_average() -> None:
    """Bars of about the noise: cutting negative squares off, or leaving the noise in, would raise them."""
    phantom = replace(SPACIOUS, counts=4e5, fwhm_mm=(8.2, 8.2))
    quadrant = min(phantom.truth().quadrants, key=lambda one: abs(one.modulation - 0.02))
    squared = np.array([measured(frame_of(phantom, seed), quadrant, 17.4).squared for seed in range(SEEDS)])
    assert (squared < 0).any()
    assert squared.mean() == pytest.approx(quadrant.modulation**2, abs=3.5 * squared.std() / SEEDS**0.5)


@pytest.mark.parametrize("factor", [4.0, 0.37])
def test_scaled_values_have_the_same_modulation_and_uncertainty(factor: float) -> None:
    """What is no raw count takes its noise from the image: scaling must not change the answer."""
    frame = frame_of(SPACIOUS, 5)
    for quadrant in SPACIOUS.truth().quadrants:
        raw = measured(frame, quadrant, 21.9)
        other = measured(replace(frame, counts=factor * frame.counts, raw_counts=False), quadrant, 21.9)
        assert other.noise == pytest.approx(factor * raw.noise, rel=1e-9)  # arithmetic only
        # Poisson's 1 is taken for the raw counts, the residual over the mean for the others: arithmetic only
        corrected = 4 * (raw.noise - 1) / (raw.mean * raw.pixels)
        assert other.squared == pytest.approx(raw.squared - corrected, abs=1e-10)
        assert other.sigma == pytest.approx(raw.sigma, rel=0.06)
        # integers scaled by 4 and still called raw: found out by their residual
        undeclared = measured(replace(frame, counts=4 * frame.counts), quadrant, 21.9)
        assert undeclared.sigma == pytest.approx(raw.sigma, rel=0.06)


def test_frequency_is_found_and_scatters_as_it_says() -> None:
    phantom = replace(SPACIOUS, counts=4e5)
    for quadrant in phantom.truth().quadrants[:2]:
        disc = disc_in(quadrant, 21.9)
        fx, fy = quadrant.frequency_per_mm
        found, sigmas = [], []
        for seed in range(SEEDS):
            frame = frame_of(phantom, seed)
            patch = Patch.of(frame, disc)
            vector = refine(patch, fx + 5e-5, fy - 5e-5)
            found.append(vector)
            sigmas.append(frequency_sigma(modulation(patch, *vector, raw_counts=True), disc))
        stated = float(np.mean(sigmas))
        # The bound of Cramer and Rao; the scatter of 150 is known to 6 %.
        assert np.std(found, axis=0, ddof=1) / stated == pytest.approx(1.0, abs=0.2)
        assert np.mean(found, axis=0) == pytest.approx([fx, fy], abs=3.5 * stated / SEEDS**0.5)


def test_frequency_without_noise_is_exact() -> None:
    frame = frame_of(SPACIOUS)
    for quadrant in SPACIOUS.truth().quadrants:
        fx, fy = quadrant.frequency_per_mm
        patch = Patch.of(frame, disc_in(quadrant, 21.9))
        # A periodogram's bin is 1 / 96 mm, its peak known to a fifth of that; then least squares without noise.
        found = refine(patch, *search(patch, fx - 2e-3, fy + 2e-3))
        assert found == pytest.approx((fx, fy), abs=1e-7), quadrant.width_mm


def test_disc_without_counts_is_refused() -> None:
    frame = with_counts(planar(SPACIOUS), np.zeros(SPACIOUS.shape, np.uint16)).frames[0]
    with pytest.raises(CannotMeasure) as refusal:
        modulation(Patch.of(frame, Disc(0.0, 0.0, 20.0)), 0.1, 0.0, raw_counts=True)
    assert refusal.value.code == "no_counts"
    with pytest.raises(CannotMeasure):
        modulation(Patch.of(frame, Disc(500.0, 0.0, 20.0)), 0.1, 0.0, raw_counts=True)


def test_patch_is_the_pixels_whose_centres_lie_in_the_disc() -> None:
    frame = frame_of(SPACIOUS)
    (rows, columns), (down, along) = frame.counts.shape, frame.spacing_mm
    disc = Disc(11.3, -7.7, 9.1)
    x = (np.arange(columns) - (columns - 1) / 2) * along - disc.x_mm
    y = (np.arange(rows) - (rows - 1) / 2) * down - disc.y_mm
    within = np.hypot(x[None, :], y[:, None]) <= disc.radius_mm
    counts, at_x, at_y = Patch.of(frame, disc).values()
    assert counts.tolist() == frame.counts[within].tolist()
    assert at_x == pytest.approx(np.broadcast_to(x[None, :], within.shape)[within])
    assert at_y == pytest.approx(np.broadcast_to(y[:, None], within.shape)[within])


@pytest.mark.parametrize("cycles", [1 / 4, 1 / 6])
def test_harmonic_at_the_nyquist_frequency_leaves_the_regression_solvable(cycles: float) -> None:
    """Bars of 2 mm along the columns of 1 mm pixels, as near as they are measured: their second harmonic is there."""
    patch = Patch.of(still(SPACIOUS), Disc(40.0, 35.0, 14.0))
    _, x, y = patch.values()
    rows = _basis(x, y, (cycles - 1e-10) / SPACIOUS.spacing_mm[1], 0.0, patch)
    rows = rows / np.linalg.norm(rows, axis=1)[:, None]
    assert np.linalg.cond(rows @ rows.T) < 1e8  # of 1e16 that double precision has
