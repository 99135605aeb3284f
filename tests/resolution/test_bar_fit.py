"""The joint fit over quadrants: exact without noise, unbiased with it, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from nmqc.errors import CannotMeasure
from nmqc.resolution.bar_fit import (
    GAUSSIAN,
    JointFit,
    Point,
    joint_fit,
    point,
    resolved_limit,
    smallest_resolved,
)
from nmqc.resolution.bar_quadrants import Quadrant
from nmqc.resolution.modulation import Disc, Modulation

INCH = (3.18, 3.97, 4.76, 6.35)
COUNTS = 4e5  # of a disc


def true_modulation(
    fx: float, fy: float, fwhm_mm: tuple[float, float], contrast: float, spacing_mm: tuple[float, float]
) -> float:
    """Return (4 / pi) C0 MTF pixels, written with standard deviations: exp(-2 pi^2 sigma^2 f^2)."""
    sigma_x, sigma_y = (one / 2.354820045 for one in fwhm_mm)
    blur = math.exp(-2 * math.pi**2 * ((fx * sigma_x) ** 2 + (fy * sigma_y) ** 2))
    pixels = 1.0
    for turns in (fx * spacing_mm[1], fy * spacing_mm[0]):
        pixels *= math.sin(math.pi * turns) / (math.pi * turns) if turns else 1.0
    return 4 / math.pi * contrast * blur * pixels


def quadrants(
    widths: Sequence[float] = INCH,
    fwhm_mm: tuple[float, float] = (4.4, 4.4),
    contrast: float = 0.84,
    spacing_mm: tuple[float, float] = (1.2, 1.2),
    rotation_deg: float = 12.0,
    random: np.random.Generator | None = None,
    counts: float = COUNTS,
) -> list[Quadrant]:
    """Return quadrants as measured: without noise, or cosine and sine each with the noise of `counts`."""
    found = []
    for number, width in enumerate(widths):
        angle = math.radians(rotation_deg + 90 * (number % 2))
        fx, fy = math.cos(angle) / (2 * width), -math.sin(angle) / (2 * width)
        true = true_modulation(fx, fy, fwhm_mm, contrast, spacing_mm)
        squared = true**2
        if random is not None:
            # along the wave the variance is (2 - m^2) / N, across it 2 / N
            along, across = random.normal(size=2) * np.sqrt([(2 - true**2) / counts, 2 / counts])
            squared = (true + along) ** 2 + across**2 - 4 / counts
        sigma = (max(2 - squared, 0.2) / counts) ** 0.5
        modulation = Modulation(float(squared), float(sigma), 100.0, int(counts / 100), 1.0, 0.0)
        found.append(Quadrant(number, width, fx, fy, True, Disc(0.0, 0.0, 40.0), modulation))
    return found


def points(found: Sequence[Quadrant], spacing_mm: tuple[float, float] = (1.2, 1.2)) -> list[Point]:
    return [point(one, spacing_mm) for one in found]


def test_constant_of_a_single_quadrant() -> None:
    """FWHM = 1.0600 w sqrt(ln(1 / MTF)) for bars and gaps of w."""
    constant = 2 / GAUSSIAN**0.5
    assert constant == pytest.approx(1.0600, abs=5e-5)  # given to four decimals
    assert constant == pytest.approx(4 * math.log(2) ** 0.5 / math.pi, rel=1e-12)


@pytest.mark.parametrize("fwhm", [3.0, 4.4, 7.1])
@pytest.mark.parametrize("spacing", [(0.6, 0.6), (2.4, 2.4), (2.1, 1.3)])
@pytest.mark.parametrize("contrast", [1.0, 0.8])
def test_fit_without_noise_is_exact(fwhm: float, spacing: tuple[float, float], contrast: float) -> None:
    widths = INCH if fwhm < 7 else (5.0, 6.0, 8.0, 10.0)
    made = quadrants(widths, (fwhm, fwhm), contrast, spacing)
    fit = joint_fit(points(made, spacing))
    assert fit.fwhm_mm[0] == pytest.approx(fwhm, rel=1e-8)  # no noise: Newton's steps have converged
    assert fit.contrast == pytest.approx(contrast, rel=1e-8)
    assert fit.chi_squared == pytest.approx(0, abs=1e-9)
    assert (fit.degrees, fit.widened) == (2, False)


@pytest.mark.parametrize(("pixel", "fwhm", "percent"), [(0.6, 4.4, 0.4), (2.4, 4.4, 6.9), (2.4, 3.0, 14.4)])
def test_pixels_left_in_would_bias_the_fit(pixel: float, fwhm: float, percent: float) -> None:
    """Bias where pixels are left in (gamma-camera.md, Corrections to 2.4); none where they are divided out."""
    spacing = (pixel, pixel)
    made = quadrants(INCH, (fwhm, fwhm), 1.0, spacing)
    left_in = joint_fit([Point(one, 1.0) for one in made])
    # The figures are of other orientations and counts of the bars, which weigh the quadrants differently.
    assert 100 * (left_in.fwhm_mm[0] / fwhm - 1) == pytest.approx(percent, abs=0.8 if percent > 1 else 0.06)
    assert joint_fit(points(made, spacing)).fwhm_mm[0] == pytest.approx(fwhm, rel=1e-8)


def test_aperture_is_that_of_the_sides_of_the_pixel() -> None:
    (one,) = quadrants((3.5,), rotation_deg=0.0)
    assert one.fy == 0
    wide = point(one, (0.1, 2.4)).aperture  # (down, along): the wave runs along x
    assert wide == pytest.approx(math.sin(math.pi * 2.4 / 7) / (math.pi * 2.4 / 7), rel=1e-12)
    assert point(one, (2.4, 0.1)).aperture == pytest.approx(1, abs=1e-3)


def test_x_and_y_apart() -> None:
    """Rotations by a quarter turn let every width look along both axes."""
    made = [
        one for turn in (3.0, 93.0, 183.0, 273.0) for one in quadrants(fwhm_mm=(3.6, 4.5), rotation_deg=turn)
    ]
    fit = joint_fit(points(made), apart=True)
    assert fit.fwhm_mm == pytest.approx([3.6, 4.5], rel=1e-8)  # no noise
    assert fit.contrast == pytest.approx(0.84, rel=1e-8)
    assert fit.covariance.shape == (3, 3)
    common = joint_fit(points(made))
    assert 3.6 < common.fwhm_mm[0] < 4.5


TRIALS = 400


def trials(counts: float, fwhm: float = 4.4, widths: Sequence[float] = INCH) -> list[JointFit]:
    random = np.random.default_rng(20)
    return [
        joint_fit(points(quadrants(widths, (fwhm, fwhm), random=random, counts=counts)))
        for _ in range(TRIALS)
    ]


@pytest.mark.parametrize("fwhm", [3.2, 4.4, 5.6])
def test_fit_is_unbiased_and_scatters_as_it_says(fwhm: float) -> None:
    """At 5.6 mm the smallest bars have a modulation of 0.03 and a third of the time a negative square."""
    fits = trials(4e4 if fwhm > 5 else 1e5, fwhm)
    for values, sigmas, true in (
        (np.array([float(one.fwhm_mm[0]) for one in fits]), np.array([one.sigma(0) for one in fits]), fwhm),
        (np.array([one.contrast for one in fits]), np.array([one.sigma(1) for one in fits]), 0.84),
    ):
        # Bias below 1 %, and no more than 3.5 standard errors with what is of second order in the noise.
        second_order = (values.std() / true) ** 2 * true
        assert values.mean() == pytest.approx(true, abs=3.5 * values.std() / TRIALS**0.5 + second_order)
        # A scatter of 400 is known to 3.5 %.
        assert values.std(ddof=1) / sigmas.mean() == pytest.approx(1, abs=0.15)
        covered = np.mean(np.abs(values - true) < sigmas)
        assert covered == pytest.approx(0.683, abs=0.07)  # as promised; 3 binomial standard deviations of 400
    # chi-squared has the mean of its degrees of freedom, scatter sqrt(2 * 2)
    assert np.mean([one.chi_squared for one in fits]) == pytest.approx(2, abs=3.5 * 2 / TRIALS**0.5 + 0.1)
    assert np.mean([one.widened for one in fits]) < 0.02


def test_quadrants_are_not_chosen_by_how_strong_they_look() -> None:
    """Negative squares left out, or cut off at nought, would raise the faint bars: the FWHM would read low."""
    random = np.random.default_rng(3)
    kept, chosen = [], []
    for _ in range(TRIALS):
        made = quadrants(INCH, (5.9, 5.9), 1.0, random=random, counts=1.5e4)
        kept.append(float(joint_fit(points(made)).fwhm_mm[0]))
        strong = [one for one in made if one.found.snr >= 5]
        if len(strong) >= 3:
            chosen.append(float(joint_fit(points(strong)).fwhm_mm[0]))
    assert np.mean(kept) == pytest.approx(5.9, rel=0.01)
    assert np.mean(chosen) < np.mean(kept)


def test_modulations_that_follow_no_gaussian_widen_the_uncertainty() -> None:
    made = quadrants()
    off = made[1].found
    wrong = Modulation(off.squared * 1.2, off.sigma, off.mean, off.pixels, off.noise, 0.0)
    made[1] = Quadrant(1, made[1].nominal_mm, made[1].fx, made[1].fy, True, made[1].disc, wrong)
    fit, plain = joint_fit(points(made)), joint_fit(points(quadrants()))
    assert fit.widened
    assert fit.sigma(0) == pytest.approx(plain.sigma(0) * (fit.chi_squared / 2) ** 0.5, rel=0.3)


def code_of(made: Sequence[Quadrant], *, apart: bool = False) -> str:
    with pytest.raises(CannotMeasure) as refusal:
        joint_fit(points(made), apart=apart)
    assert len(refusal.value.reason) > 20
    return refusal.value.code


def test_fewer_than_three_measurable_quadrants_are_refused() -> None:
    """Modulation of 0.1, and five times its uncertainty."""
    assert code_of(quadrants()[1:3]) == "too_few_quadrants"
    assert code_of(quadrants(fwhm_mm=(8.5, 8.5), contrast=1.0)) == "too_few_quadrants"  # 0.001 0.04 0.11 0.34
    assert code_of(quadrants(counts=150.0)) == "too_few_quadrants"  # noise of 0.11
    assert code_of([]) == "too_few_quadrants"


def test_one_width_does_not_tell_blur_from_contrast() -> None:
    assert code_of(quadrants((4.0, 4.0, 4.0, 4.0))) == "not_separable"


def test_one_rotation_does_not_always_tell_x_from_y() -> None:
    assert code_of(quadrants(rotation_deg=45.0), apart=True) == "not_separable"


def test_narrow_bars_better_than_wide_ones_are_no_blur() -> None:
    made = quadrants()
    squares = [one.found for one in made][::-1]
    swapped = [
        Quadrant(one.number, one.nominal_mm, one.fx, one.fy, True, one.disc, found)
        for one, found in zip(made, squares, strict=True)
    ]
    assert code_of(swapped) == "no_blur"


def test_limit_is_where_the_curve_crosses_eight_hundredths() -> None:
    fit = joint_fit(points(quadrants()))
    width, sigma = resolved_limit(fit, 1.2)
    at_limit = true_modulation(1 / (2 * width), 0.0, (4.4, 4.4), 0.84, (1.2, 1.2))
    assert at_limit == pytest.approx(0.08, rel=1e-7)  # a root found to 1e-10 mm
    random = np.random.default_rng(1)
    scattered = [resolved_limit(joint_fit(points(quadrants(random=random))), 1.2)[0] for _ in range(TRIALS)]
    assert np.std(scattered, ddof=1) / sigma == pytest.approx(
        1, abs=0.15
    )  # a scatter of 400 is known to 3.5 %


def test_limit_agrees_with_the_rule_of_the_iaea() -> None:
    """FWHM of 1.75 times the smallest resolved width, for full contrast and small pixels."""
    fit = joint_fit(points(quadrants(contrast=1.0, spacing_mm=(0.1, 0.1)), (0.1, 0.1)))
    # the rule is a modulation of 0.083 instead of 0.08
    assert 4.4 / resolved_limit(fit, 0.1)[0] == pytest.approx(1.75, rel=0.01)


@pytest.mark.parametrize(
    ("fwhm", "expected"), [(3.6, 3.18), (5.0, 3.18), (5.8, 3.97), (7.3, 4.76), (8.9, 6.35)]
)
def test_smallest_resolved_bars(fwhm: float, expected: float) -> None:
    made = quadrants(fwhm_mm=(fwhm, fwhm), contrast=1.0)
    values = {one.nominal_mm: one.found.value for one in made}
    assert min(width for width, value in values.items() if value >= 0.08) == expected
    assert smallest_resolved(made) == expected
    assert smallest_resolved(made[::-1]) == expected


def test_bars_count_as_resolved_only_below_wider_ones_that_are() -> None:
    made = quadrants()
    missing = made[2]  # 4.76 mm, wider than two that are resolved
    gone = Modulation(-1e-6, missing.found.sigma, 100.0, 4000, 1.0, 0.0)
    made[2] = Quadrant(2, 4.76, missing.fx, missing.fy, False, missing.disc, gone)
    assert smallest_resolved(made) == 6.35
    with pytest.raises(CannotMeasure) as refusal:
        smallest_resolved([made[2]])
    assert refusal.value.code == "none_resolved"
    # a modulation of 0.35 beside a noise of 0.11 is none
    with pytest.raises(CannotMeasure):
        smallest_resolved(quadrants((3.97,), counts=150.0))
