"""Weighted least squares and the sinusoid of a source, on centroids that are given: vectors and closed forms."""

from __future__ import annotations

from math import cos, degrees, pi, radians, sin, tan
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.cor import detector
from nmqc.cor.centroids import Source
from nmqc.cor.regions import Profile
from nmqc.cor.sinusoid import Turn, fitted
from nmqc.cor.views import Head, head_of
from phantoms.cor import OrbitHead
from tests.cor.acquire import acquisition, orbit

Floats = NDArray[np.float64]
EXACT = 1e-9  # arithmetic only


def head(views: int = 64, raw: bool = True, **changed: Any) -> Head:
    """Return a head of an orbit with something in each view: its angles are what is used."""
    phantom = orbit(OrbitHead(start_deg=0.0), views=views, matrix=128, clockwise=False, **changed)
    counts = np.ones((1, 1, 1, views, 128, 128), np.uint8)
    return head_of(acquisition(phantom, counts, raw_counts=raw).frames, "TOMO")


def turn(where: Head, x_mm: Floats, y_mm: Floats | None = None, sigma_mm: float | Floats = 0.03) -> Turn:
    """Return a source at given places in all views."""
    sigma = np.broadcast_to(np.asarray(sigma_mm, np.float64), x_mm.shape)
    nothing = Profile(*(np.ones((x_mm.size, 3)) for _ in range(3)))
    source = Source(
        x_mm=x_mm,
        y_mm=np.zeros(x_mm.size) if y_mm is None else y_mm,
        sigma_x_mm=sigma,
        sigma_y_mm=sigma,
        counts=np.full(x_mm.size, 2e4),
        background=np.zeros(x_mm.size),
        fwhm_mm=np.full(x_mm.size, 9.0),
        used=np.ones(x_mm.size, bool),
        profiles=(nothing, nothing),
    )
    return Turn(where, source)


def test_the_vector_of_the_method() -> None:
    """x = 63.5 + 0.25 + 20 cos(theta - 0.3) pixels of 4.8 mm, 64 views: 1.2 mm, to 1e-9."""
    where = head()
    found = turn(where, 4.8 * (0.25 + 20 * np.cos(where.theta - 0.3)))
    assert detector.offset(found).value == pytest.approx(1.2, abs=EXACT)
    assert found.radius_mm == pytest.approx(96, abs=EXACT)
    assert found.phase_rad == pytest.approx(0.3, abs=EXACT)
    assert np.abs(found.residuals_mm).max() < EXACT
    assert detector.drift(found).value == pytest.approx(0, abs=EXACT)
    assert detector.opposed(found).value == pytest.approx(1.2, abs=EXACT)


def test_the_weights_do_not_move_what_fits() -> None:
    where = head()
    sigma = np.linspace(0.01, 0.9, 64)
    found = turn(where, 1.2 + 96 * np.cos(where.theta - 0.3), sigma_mm=sigma)
    assert detector.offset(found).value == pytest.approx(1.2, abs=EXACT)


@pytest.mark.parametrize("arc_deg", [360.0, 180.0])
def test_the_uncertainty_of_the_offset_is_that_of_the_arc(arc_deg: float) -> None:
    """sigma / sqrt(n) on a whole circle.

    On half of one, of n views with the end point excluded, 1 and sin share 4 / pi^2 of half: with the matrix of 1,
    sin alone ((1, 2 / pi), (2 / pi, 1 / 2)) the inverse's first element is 1 / (1 - 8 / pi^2) = 5.28 = 2.298^2.
    """
    where = head(arc_deg=arc_deg)
    sigma = detector.offset(turn(where, 96 * np.cos(where.theta - 0.3))).sigma
    widening = {360.0: 1.0, 180.0: (1 - 8 / pi**2) ** -0.5}[arc_deg]
    # the excluded end point: 1 / n
    assert sigma * 64**0.5 / 0.03 == pytest.approx(widening, rel=1 / 64 if arc_deg == 180 else EXACT)


@pytest.mark.parametrize("alpha_deg", [0.0, 73.0, -120.0])
def test_radius_and_phase_have_the_uncertainty_of_a_harmonic(alpha_deg: float) -> None:
    """sqrt(2 / n) sigma, and that over the radius, whatever the phase."""
    where = head()
    found = turn(where, 1.2 + 80 * np.cos(where.theta - radians(alpha_deg)))
    assert found.radius_variance == pytest.approx(0.03**2 * 2 / 64, rel=EXACT)
    assert found.phase_variance == pytest.approx(0.03**2 * 2 / 64 / 80**2, rel=EXACT)


def test_tilt_of_half_a_degree_at_100_mm_is_1_745_mm_from_peak_to_peak() -> None:
    where = head()
    x_mm, y_mm = 100 * np.cos(where.theta - 0.3), 100 * np.sin(where.theta - 0.3) * tan(radians(0.5))
    assert np.ptp(y_mm) == pytest.approx(1.745, abs=2e-3)  # 64 views, near the crest
    # s = r cos(theta - alpha) has D = -r sin(theta - alpha), and what is farther, at -D, lies lower
    found = detector.tilt(turn(where, x_mm, y_mm))
    assert found.value == pytest.approx(0.5, abs=EXACT)
    # u = sigma sqrt(2 / n) / r, in degrees; the derivative of the arc tangent takes (tan 0.5)^2 = 8e-5 of it
    assert found.sigma == pytest.approx(degrees(0.03 * (2 / 64) ** 0.5 / 100), rel=1e-4)


def test_residuals_beyond_counting_widen_the_uncertainty() -> None:
    """Noise five times what counts explain: the uncertainty is five times as large, and says why."""
    where, rng = head(), np.random.default_rng(7)
    found = turn(where, 80 * np.cos(where.theta) + rng.normal(0, 0.15, 64))
    parts = detector.offset(found).parts
    assert parts["counting"] == pytest.approx(0.03 / 8, rel=EXACT)
    # chi of 61 degrees: 1 / sqrt(2 x 61) = 9 %, three times
    assert detector.offset(found).sigma == pytest.approx(0.15 / 8, rel=0.27)
    assert set(parts) == {"counting", "scatter of the views"}
    assert set(detector.offset(turn(where, 80 * np.cos(where.theta) + rng.normal(0, 0.03, 64))).parts) == {
        "counting"
    }


def test_without_counting_noise_the_residuals_tell_the_uncertainty() -> None:
    where, rng = head(raw=False), np.random.default_rng(7)
    found = turn(where, 80 * np.cos(where.theta) + rng.normal(0, 0.15, 64))
    assert detector.offset(found).sigma == pytest.approx(0.15 / 8, rel=0.27)


def test_fitted_is_least_squares() -> None:
    """Against the normal equations, by another route: QR of the scaled design."""
    rng = np.random.default_rng(3)
    design, values, sigma = rng.normal(size=(20, 4)), rng.normal(size=20), rng.uniform(0.5, 2, 20)
    found = fitted(design, values, sigma)
    q, r = np.linalg.qr(design / sigma[:, None])
    assert found.values == pytest.approx(np.linalg.solve(r, q.T @ (values / sigma)), rel=1e-9)
    assert found.covariance == pytest.approx(np.linalg.inv(r) @ np.linalg.inv(r).T, rel=1e-9)


@pytest.mark.parametrize("clockwise", [True, False])
def test_the_loss_of_a_moving_head_is_given_back(clockwise: bool) -> None:
    """Averaged over D = 12 degrees a sinusoid keeps sin(D / 2) / (D / 2) of itself: 0.18 % less."""
    phantom = orbit(OrbitHead(start_deg=40.0), views=30, matrix=128, clockwise=clockwise, continuous=True)
    frames = acquisition(phantom, np.ones((1, 1, 1, 30, 128, 128), np.uint8)).frames
    where = head_of(frames, "TOMO")
    half, middle = radians(6), radians(40 - 6 if clockwise else 40 + 6)
    assert where.theta[0] == pytest.approx(middle, abs=1e-12)
    found = turn(where, 80 * sin(half) / half * np.cos(where.theta - 0.3))
    assert found.radius_mm == pytest.approx(80, abs=EXACT)
    assert np.abs(found.depth_mm).max() == pytest.approx(80 * sin(half) / half, rel=1 - cos(half))


# --- views that stand out -------------------------------------------------------------------------------


def test_views_stand_out_one_after_the_other() -> None:
    """Two of 64: the larger first, which hides the other one in the first fit."""
    where, rng = head(), np.random.default_rng(1)
    x_mm = 2 + 80 * np.cos(where.theta) + rng.normal(0, 0.03, 64)
    x_mm[[12, 50]] += [3.0, -0.6]
    found = turn(where, x_mm)
    assert found.spikes.tolist() == [12, 50]
    # the sinusoid of the others, to its 0.03 / 8, and the view's own 0.03
    assert found.slips_mm == pytest.approx([3.0, -0.6], abs=0.1)


def test_noise_alone_makes_no_view_stand_out() -> None:
    """Five standard deviations: 6e-7 x 64 x 200 = 0.7 % of 200 acquisitions of 64 views."""
    where, rng = head(), np.random.default_rng(2)
    for _ in range(200):
        assert not turn(where, 80 * np.cos(where.theta) + rng.normal(0, 0.2, 64), sigma_mm=0.2).spikes.size


@pytest.mark.parametrize("sag_mm", [0.3, 2.0])
def test_a_sag_makes_no_view_stand_out(sag_mm: float) -> None:
    where, rng = head(), np.random.default_rng(2)
    x_mm = 80 * np.cos(where.theta) + sag_mm * np.cos(2 * where.theta - 1) + rng.normal(0, 0.03, 64)
    assert not turn(where, x_mm).spikes.size


@pytest.mark.parametrize("drift_mm", [0.01, 0.05])
def test_a_drift_makes_no_view_stand_out(drift_mm: float) -> None:
    where, rng = head(), np.random.default_rng(2)
    x_mm = 80 * np.cos(where.theta) + drift_mm * np.arange(64) + rng.normal(0, 0.03, 64)
    assert not turn(where, x_mm).spikes.size


def test_a_slip_beside_a_sag_is_found() -> None:
    where, rng = head(), np.random.default_rng(2)
    x_mm = 80 * np.cos(where.theta) + 0.4 * np.cos(2 * where.theta) + rng.normal(0, 0.03, 64)
    x_mm[20] += 3
    assert turn(where, x_mm).spikes.tolist() == [20]


# --- angles ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arc_deg", "views", "whole"),
    [(360, 64, True), (360, 8, True), (342, 57, False), (180, 60, False), (270, 30, False)],
)
def test_a_full_circle_has_no_gap_of_more_than_two_steps(arc_deg: float, views: int, whole: bool) -> None:
    where = head(views=views, arc_deg=float(arc_deg))
    assert where.full_circle is whole
    assert where.arc_deg == pytest.approx(arc_deg, abs=1e-6)


def test_opposed_views_that_are_not_there() -> None:
    """Of 31 views no two are opposed; of 64 all are."""
    where = head(views=31)
    with pytest.raises(Exception, match="no two views are opposed"):
        detector.opposed(turn(where, 80 * np.cos(where.theta)))
