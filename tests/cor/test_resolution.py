"""Resolution against distance: Gaussians fitted to profiles, and the straight line through their widths."""

from __future__ import annotations

from dataclasses import replace
from math import erf, sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.cor.blur import gaussian_widths
from nmqc.cor.point_sources import analyse
from nmqc.cor.regions import Profile
from nmqc.errors import CannotMeasure
from phantoms.cor import OrbitHead, PointSource
from tests.cor.acquire import (
    USUAL,
    absent,
    acquisition,
    changed,
    head_and_pair,
    measured,
    one_head,
    orbit,
    remarks,
    results,
    value,
)

Floats = NDArray[np.float64]
EXACT_MM = 1e-3
APART = (PointSource(108.0, 48.0, 121.0), PointSource(-29.0, 92.0, 4.0), PointSource(-75.0, 21.0, -114.0))
FWHM_PER_SIGMA = 2 * sqrt(2 * np.log(2))


def profile(
    fwhm_mm: float, place_mm: float, pixel_mm: float, counts: float = 20_000, background: float = 0
) -> Profile:
    """Return a Gaussian integrated over pixels by the error function."""
    half = int(np.ceil(2.5 * fwhm_mm / pixel_mm))
    at: Floats = np.asarray(pixel_mm * np.arange(-half, half + 1), np.float64)
    sigma = fwhm_mm / FWHM_PER_SIGMA
    parts = [
        (
            erf((x + pixel_mm / 2 - place_mm) / sigma / sqrt(2))
            - erf((x - pixel_mm / 2 - place_mm) / sigma / sqrt(2))
        )
        / 2
        for x in at
    ]
    over: Floats = counts * np.array(parts, np.float64)[None]
    return Profile(at[None], over, over + background)


@pytest.mark.parametrize("pixel_mm", [1.2, 2.4, 4.8, 6.4])
@pytest.mark.parametrize("fwhm_mm", [6.0, 9.3, 17.0])
def test_the_width_is_that_of_the_gaussian_whatever_the_pixel(fwhm_mm: float, pixel_mm: float) -> None:
    """Catches a pixel left in (4.8 mm: 0.6 mm of 6), sampled for integrated, a fit that stops too early."""
    for place_mm in (0.0, 0.3 * pixel_mm, -0.5 * pixel_mm):
        fwhm, _ = gaussian_widths(profile(fwhm_mm, place_mm, pixel_mm), pixel_mm)
        assert fwhm[0] == pytest.approx(fwhm_mm, abs=EXACT_MM)


@pytest.mark.parametrize("background", [0.0, 40.0])
def test_the_uncertainty_of_a_width_is_its_scatter(background: float) -> None:
    """Of 2,000 profiles of 20,000 counts, fitted at once; sigma / sqrt(2 N) without background."""
    exact, rng = profile(9.3, 0.7, 4.8, background=background), np.random.default_rng(8)
    counts = rng.poisson(np.broadcast_to(exact.measured, (2000, exact.measured.shape[1]))).astype(np.float64)
    at = np.broadcast_to(exact.at_mm, counts.shape)
    fwhm, sigma = gaussian_widths(Profile(at, counts - background, counts), 4.8)
    # 1 / sqrt(2 x 2000) is 1.6 %, three times
    assert sigma.mean() == pytest.approx(fwhm.std(), rel=0.05)
    assert fwhm.mean() == pytest.approx(9.3, abs=3 * fwhm.std() / 2000**0.5 + EXACT_MM)
    if not background:
        # the pixels of half the width cost 8 % of it
        assert sigma.mean() == pytest.approx(9.3 / sqrt(2 * 20_000), rel=0.15)


def test_no_gaussian_is_refused() -> None:
    flat = np.full((1, 11), 50.0)
    at = 4.8 * np.arange(-5, 6.0)[None]
    with pytest.raises(CannotMeasure, match="acquire more counts"):
        gaussian_widths(Profile(at, flat * np.array([[1, -1] * 5 + [1]]), flat), 4.8)


@pytest.mark.parametrize("clockwise", [True, False])
@pytest.mark.parametrize("fwhm_per_mm", [0.012, 0.045])
def test_the_line_at_200_mm(fwhm_per_mm: float, clockwise: bool) -> None:
    """Of three sources at 140 to 380 mm. Catches the distance from the axis, D of the wrong sign, a plain mean."""
    heads = (OrbitHead(start_deg=197.37, tilt_deg=0.4), OrbitHead(start_deg=17.37, offset_mm=2.0))
    phantom = orbit(
        *heads,
        sources=APART,
        fwhm_mm=8.2,
        fwhm_per_mm=fwhm_per_mm,
        radius_mm=262.0,
        clockwise=clockwise,
        matrix=(120, 128),
    )
    for found in head_and_pair(phantom)[:2]:
        assert value(found, "resolution", "200 mm") == pytest.approx(8.2, abs=EXACT_MM)
        assert "depth_reversed" not in remarks(found)


def test_a_source_on_the_axis_tells_the_resolution_at_its_own_distance() -> None:
    """Nothing tells the slope: 12 mm from 200 mm, the FWHM is that at 212 mm."""
    phantom = orbit(sources=(PointSource(0.0, 0.0, 20.0),), radius_mm=212.0, fwhm_mm=8.2, fwhm_per_mm=0.03)
    found = one_head(phantom)
    key = ("resolution", "200 mm")
    assert key not in measured(found) or value(found, *key) == pytest.approx(8.2, abs=12 * 0.03 + EXACT_MM)


@pytest.mark.parametrize("radius_mm", [100.0, 330.0])
def test_200_mm_that_are_not_among_the_distances(radius_mm: float) -> None:
    """80 mm off the axis: 20 to 180, and 250 to 410 mm. 25 mm beyond it is followed: 180 mm is too far by 5."""
    found = one_head(orbit(sources=(PointSource(40.0, 40.0, 20.0),), radius_mm=radius_mm))
    assert absent(found)["resolution", "200 mm"] == "distance_not_reached"


def test_no_radius_no_resolution() -> None:
    phantom = orbit()
    told = changed(
        acquisition(phantom, phantom.expected()), gantry=lambda frame: replace(frame.gantry, radius_mm=None)
    )
    (found,) = results(analyse(told, USUAL))
    assert absent(found)["resolution", "200 mm"] == "no_radius"
    assert value(found, "offset") == pytest.approx(0, abs=EXACT_MM)
    assert found.parameters["radius_mm"] is None


def test_a_radius_missing_in_one_view_is_not_guessed() -> None:
    phantom = orbit()
    told = changed(
        acquisition(phantom, phantom.expected()),
        gantry=lambda frame: replace(frame.gantry, radius_mm=None) if frame.view == 9 else frame.gantry,
    )
    (found,) = results(analyse(told, USUAL))
    assert absent(found)["resolution", "200 mm"] == "no_radius"


def test_pixels_that_are_not_square_have_each_their_own_width() -> None:
    """Catches the pixel of x taken for that of y: 3.2 against 5.6 mm is 0.6 mm of 8."""
    phantom = orbit(OrbitHead(start_deg=70.0), pixel_mm=(5.6, 3.2), matrix=(90, 160), fwhm_mm=8.0)
    assert value(one_head(phantom), "resolution", "200 mm") == pytest.approx(8.0, abs=EXACT_MM)


@pytest.mark.parametrize("background", [0.0, 1.5])
def test_a_background_does_not_widen(background: float) -> None:
    assert value(one_head(orbit(background=background)), "resolution", "200 mm") == pytest.approx(
        9.0, abs=EXACT_MM
    )
