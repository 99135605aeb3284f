"""Peaks and crossings of profiles against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import erf

from nmqc.errors import CannotMeasure
from nmqc.measure.profile import all_crossings, crossings, peak, peaks

SIGMA = 1 / (8 * np.log(2)) ** 0.5  # of a Gaussian of FWHM 1
EXACT = 1e-12  # arithmetic only


def parabola(top: float, height: float, bend: float) -> NDArray[np.float64]:
    return np.asarray(height - bend * (np.arange(9) - top) ** 2)


@pytest.mark.parametrize("top", [3.7, 4.0, 4.3])
def test_the_vertex_of_a_parabola_is_found(top: float) -> None:
    position, height = peak(parabola(top, 50.0, 1.5), 4, fine=False)
    assert position == pytest.approx(top, rel=EXACT)
    assert height == pytest.approx(50.0, rel=EXACT)


def test_a_fine_profile_has_the_height_of_its_highest_channel() -> None:
    profile = parabola(4.3, 50.0, 1.5)
    assert peak(profile, 4, fine=True) == (4.0, profile[4])


@pytest.mark.parametrize("index", [0, 3, 6])
def test_what_does_not_bend_down_or_lies_at_an_end_has_no_vertex(index: int) -> None:
    profile = np.array([9.0, 5.0, 5.0, 5.0, 5.0, 5.0, 9.0])
    assert peak(profile, index, fine=False) == (float(index), profile[index])


def test_of_two_equal_channels_the_vertex_lies_between() -> None:
    profile = np.array([0.0, 4.0, 8.0, 8.0, 4.0, 0.0])
    assert peak(profile, int(profile.argmax()), fine=False) == (2.5, 8.5)


def test_crossings_of_straight_flanks() -> None:
    """Slopes of 4 and 2 a channel from a height of 20 at channel 6: the level 7 lies 13/4 and 13/2 away."""
    channel = np.arange(20.0)
    profile = 20 - np.where(channel < 6, 4 * (6 - channel), 2 * (channel - 6))
    left, right = crossings(profile, 6, 7.0)
    assert left == pytest.approx(6 - 13 / 4, rel=EXACT)
    assert right == pytest.approx(6 + 13 / 2, rel=EXACT)


def test_a_channel_at_the_level_is_the_crossing() -> None:
    assert crossings(np.array([0.0, 5.0, 10.0, 5.0, 0.0]), 2, 5.0) == (1.0, 3.0)


def test_the_nearest_crossing_counts_not_the_outermost() -> None:
    profile = np.array([0.0, 9.0, 3.0, 10.0, 4.0, 9.0, 0.0])
    assert crossings(profile, 3, 5.0) == pytest.approx((2 + 2 / 7, 4 - 1 / 6), rel=EXACT)


@pytest.mark.parametrize("profile", [[6.0, 8.0, 10.0, 2.0, 0.0], [0.0, 2.0, 10.0, 8.0, 6.0], [4.0, 4.0, 4.0]])
def test_a_level_that_is_not_reached_is_refused(profile: list[float]) -> None:
    with pytest.raises(CannotMeasure) as refusal:
        crossings(np.array(profile), int(np.argmax(profile)), 5.0)
    assert refusal.value.code == "no_half_level"


def test_many_profiles_at_once_are_each_by_itself() -> None:
    profiles = np.random.default_rng(7).poisson(50 * np.hanning(17), (3, 4, 17))
    index = profiles.argmax(axis=-1)
    for fine in (True, False):
        position, height = peaks(profiles, index, fine=fine)
        left, right = all_crossings(profiles, index, height / 2)
        for where in np.ndindex(3, 4):
            profile, top = profiles[where], int(index[where])
            assert peak(profile, top, fine=fine) == (position[where], height[where])
            assert crossings(profile, top, height[where] / 2) == (left[where], right[where])


def test_a_mirrored_profile_has_the_mirrored_crossings() -> None:
    profile = np.array([1.0, 2.0, 7.0, 30.0, 22.0, 9.0, 8.0, 1.0])
    left, right = crossings(profile, 3, 12.0)
    mirrored = crossings(profile[::-1], 4, 12.0)
    assert (7 - right, 7 - left) == pytest.approx(mirrored, rel=EXACT)


def mean_bias(pixel: float, *, integrated: bool, fine: bool) -> float:
    """Return by how many per cent the rule overestimates a Gaussian of FWHM 1, over all phases of the pixel."""
    phases = (np.arange(400) + 0.5) / 400 - 0.5
    centres = pixel * (np.arange(-60, 61) + phases[:, None])
    if integrated:
        edges = (centres - pixel / 2) / (SIGMA * 2**0.5), (centres + pixel / 2) / (SIGMA * 2**0.5)
        profiles = erf(edges[1]) - erf(edges[0])
    else:
        profiles = np.exp(-(centres**2) / (2 * SIGMA**2))
    index = profiles.argmax(axis=-1)
    _, height = peaks(profiles, index, fine=fine)
    left, right = all_crossings(profiles, index, height / 2)
    return float(100 * ((right - left).mean() * pixel - 1))


@pytest.mark.parametrize(
    ("integrated", "fine", "expected"),
    [
        (False, False, {0.1: 0.1, 0.2: 0.6, 0.33: 1.9, 0.5: 5.0}),
        (True, False, {0.1: 0.4, 0.2: 1.5, 0.33: 4.4, 0.5: 10.7}),
        (False, True, {0.1: 0.3, 0.2: 1.2}),
        (True, True, {0.1: 0.5, 0.2: 2.1}),
    ],
)
def test_what_the_rule_makes_of_a_gaussian(
    integrated: bool, fine: bool, expected: dict[float, float]
) -> None:
    """Figures from an independent simulation of the standard's rule, rounded to 0.1 %; at 0.5 to the whole."""
    for pixel, percent in expected.items():
        tolerance = 0.5 if pixel == 0.5 else 0.06  # the rounding of the figures
        assert mean_bias(pixel, integrated=integrated, fine=fine) == pytest.approx(percent, abs=tolerance)
