"""Gains of defects against their formulas, written out again, and their means over pixels."""

import math

import numpy as np
import pytest

from phantoms.defects import (
    Crack,
    DeadPatch,
    Defect,
    DriftedTube,
    EdgePacking,
    FailedTube,
    HydrationSpots,
    LinearGradient,
    NearSource,
    TubeLattice,
    WeakTube,
    multiply_gain,
)
from phantoms.fields import Circle, CutCorners, Rectangle

FIELD = CutCorners(533.0, 387.0, 30.0)
X_EDGES = (np.arange(65) - 32) * 9.1 - 0.3
Y_EDGES = (np.arange(53) - 26) * 8.3 + 0.7
SMOOTH = [
    # the defect; how exactly its mean over a pixel is known (its docstring); the largest curvature of its
    # gain along x and y together, 1 / mm^2, from its formula
    (LinearGradient(1e-4, -2e-4), 1e-12, 0.0),
    (WeakTube(30.0, -50.0, 0.08, 25.0), 1e-12, 2 * 0.08 / 25**2),
    (FailedTube(30.0, -50.0, 0.2), 1e-4, 0.8 / 2 * (math.pi / 15) ** 2),
    (DriftedTube(30.0, -50.0, 0.06, 22.0), 1e-12, 4 * 0.06 / 22**2),
    (TubeLattice(0.1, angle_deg=13.0), 1e-12, 0.1 * (4 * math.pi / math.sqrt(3) / 76) ** 2),
    (Crack(3.0, 9.0, 33.0, 0.3, 2.5), 1e-6, 0.3 / 2.5**2),
    (Crack(3.0, 9.0, 33.0, 0.3, 2.5, flanks=0.5, length_mm=100.0), 1e-6, 2 * 0.3 / 2.5**2),
    (NearSource(700.0, 20.0, 30.0), 1e-9, 6 / 700**2),
]


def pixel_gain(defect: Defect) -> np.ndarray:
    image = np.ones((52, 64))
    multiply_gain(image, defect, X_EDGES, Y_EDGES, FIELD)
    return image


def mean_of_samples(defect: Defect, parts: int = 60) -> np.ndarray:
    """Mean gain of each pixel by many samples: the midpoint rule."""
    x = (X_EDGES[:-1, None] + np.diff(X_EDGES)[:, None] * (np.arange(parts) + 0.5) / parts).ravel()
    y = (Y_EDGES[:-1, None] + np.diff(Y_EDGES)[:, None] * (np.arange(parts) + 0.5) / parts).ravel()
    samples = defect.gain(x[np.newaxis, :], y[:, np.newaxis], FIELD)
    return samples.reshape(52, parts, 64, parts).mean(axis=(1, 3))


@pytest.mark.parametrize(("defect", "exact_to", "curvature"), SMOOTH)
def test_pixel_gain_is_the_mean_gain(defect: Defect, exact_to: float, curvature: float) -> None:
    # The midpoint rule's own error: step squared over 24, times the curvature.
    tolerance = exact_to + (9.1 / 60) ** 2 / 24 * curvature
    np.testing.assert_allclose(pixel_gain(defect), mean_of_samples(defect), rtol=0, atol=tolerance)


def test_edge_packing_and_its_mean() -> None:
    defect = EdgePacking(0.05, 6.0)
    assert defect.gain(266.5, 10.0, FIELD) == pytest.approx(1.05)
    assert defect.gain(-260.5, 10.0, FIELD) == pytest.approx(1 + 0.05 * math.exp(-1))
    assert defect.gain(3.0, 193.5 - 12.0, FIELD) == pytest.approx(1 + 0.05 * math.exp(-2))
    # Kinks where the outline crosses a pixel, and on the diagonals: 0.02 of the amplitude, as documented.
    np.testing.assert_allclose(pixel_gain(defect), mean_of_samples(defect), rtol=0, atol=0.05 * 0.02)


def test_gradient() -> None:
    assert LinearGradient(2e-4, -1e-4).gain(100.0, 50.0, FIELD) == pytest.approx(1 + 0.02 - 0.005)


def test_weak_tube() -> None:
    tube = WeakTube(-96.0, 57.0, 0.08, 25.0)
    assert tube.gain(-96.0, 57.0, FIELD) == pytest.approx(0.92)
    assert tube.gain(-96.0 + 15.0, 57.0 + 20.0, FIELD) == pytest.approx(1 - 0.08 * math.exp(-0.5))
    # What is lost: the Gaussian's integral, 2 pi sigma^2 depth. The box ends at 8.6 sigma, in the matrix.
    lost = (1 - pixel_gain(WeakTube(-9.0, 5.0, 0.08, 20.0))).sum() * 9.1 * 8.3
    assert lost == pytest.approx(2 * math.pi * 400 * 0.08, rel=1e-12)


def test_failed_tube_is_exactly_dead_inside() -> None:
    image = pixel_gain(FailedTube(30.0, -50.0, radius_mm=38.0, edge_mm=15.0))
    assert image[np.searchsorted(Y_EDGES, -50.0) - 1, np.searchsorted(X_EDGES, 30.0) - 1] == 0
    tube = FailedTube(30.0, -50.0, 0.4, 38.0, 15.0)
    assert tube.gain(30.0, -50.0 + 38.0, FIELD) == pytest.approx(0.7)  # half way on the rim
    assert tube.gain(30.0 + 30.4, -50.0, FIELD) == pytest.approx(0.4)
    assert tube.gain(30.0 - 45.6, -50.0, FIELD) == 1


def test_drifted_tube_loses_no_counts() -> None:
    tube = DriftedTube(-9.0, 5.0, 0.06, 15.0)
    assert tube.gain(-9.0, 5.0, FIELD) == pytest.approx(0.94)
    assert tube.gain(-9.0, 5.0 - 30.0, FIELD) == pytest.approx(1 + 0.06 * math.exp(-2))
    moved = pixel_gain(tube) - 1
    assert moved.sum() == pytest.approx(0, abs=1e-12)  # arithmetic only: the box ends at 9 sigma
    # What moved: depth times the integral of |1 - u| exp(-u), 2 / e, less what pixels of 9 mm smear out.
    assert np.abs(moved).sum() * 9.1 * 8.3 == pytest.approx(0.06 * 2 * math.pi * 225 * 2 / math.e, rel=0.05)


def test_lattice_repeats_with_its_pitch() -> None:
    lattice = TubeLattice(0.1, 76.0, 9.0, -5.0, angle_deg=20.0)
    assert lattice.gain(9.0, -5.0, FIELD) == pytest.approx(1.1)
    for turn in (20, 80, 140):  # the six neighbours, counter-clockwise as displayed
        along, up = 76 * math.cos(math.radians(turn)), 76 * math.sin(math.radians(turn))
        assert lattice.gain(9.0 + along, -5.0 - up, FIELD) == pytest.approx(1.1)
    between = 76 / math.sqrt(3)
    along, up = between * math.cos(math.radians(50)), between * math.sin(math.radians(50))
    assert lattice.gain(9.0 + along, -5.0 - up, FIELD) == pytest.approx(0.95)


def test_crack_lies_at_its_angle() -> None:
    crack = Crack(3.0, 9.0, angle_deg=30.0, depth=0.3, sigma_mm=2.5)
    along, up = 80 * math.cos(math.radians(30)), 80 * math.sin(math.radians(30))
    assert crack.gain(3.0 + along, 9.0 - up, FIELD) == pytest.approx(0.7)  # up as displayed is -y
    assert crack.gain(3.0 + along, 9.0 + up, FIELD) == pytest.approx(1)
    across = 2.5 * math.sin(math.radians(30)), 2.5 * math.cos(math.radians(30))
    assert crack.gain(3.0 + across[0], 9.0 + across[1], FIELD) == pytest.approx(1 - 0.3 * math.exp(-0.5))


def test_crack_with_full_flanks_loses_no_counts() -> None:
    profile = Crack(0.0, 0.0, angle_deg=90.0, depth=0.3, sigma_mm=2.5, flanks=1.0)
    x = np.linspace(-40, 40, 8001)
    gain = profile.gain(x, 0.0, FIELD)
    assert np.trapezoid(gain - 1, x) == pytest.approx(0, abs=1e-9)  # the rule is exact for a smooth bump
    assert gain.max() == pytest.approx(1 + 0.3 * 2 * math.exp(-1.5), rel=1e-6)  # step of 0.004 sigma


def test_crack_of_finite_length_ends() -> None:
    crack = Crack(3.0, 9.0, angle_deg=0.0, depth=0.3, sigma_mm=2.5, length_mm=60.0)
    assert crack.gain(3.0 + 30.0, 9.0, FIELD) == pytest.approx(1 - 0.15)  # half at its end
    assert crack.gain(3.0 - 50.0, 9.0, FIELD) == pytest.approx(1)


def test_dead_patch_takes_its_exact_area() -> None:
    patch = DeadPatch(Rectangle(27.0, 31.0), 11.0, 22.0, 0.3)
    lost = (1 - pixel_gain(patch)).sum() * 9.1 * 8.3
    assert lost == pytest.approx(0.7 * 27 * 31, rel=1e-12)
    disc = DeadPatch(Circle(40.0), 11.0, 22.0)
    assert (1 - pixel_gain(disc)).sum() * 9.1 * 8.3 == pytest.approx(math.pi * 400, rel=1e-12)
    assert pixel_gain(disc).min() == 0
    assert patch.gain(np.array([11.0, 11.0 + 14.0]), 22.0, FIELD).tolist() == [0.3, 1.0]
    assert patch.gain(11.0, np.array([22.0 - 15.0, 22.0 - 16.0]), FIELD).tolist() == [0.3, 1.0]


def test_blurred_patch_keeps_its_area() -> None:
    patch = DeadPatch(Rectangle(27.0, 31.0), 11.0, 22.0, 0.3, edge_fwhm_mm=6.0)
    assert (1 - pixel_gain(patch)).sum() * 9.1 * 8.3 == pytest.approx(0.7 * 27 * 31, rel=1e-12)
    assert 0.3 < pixel_gain(patch).min() < 0.32


def test_near_source() -> None:
    source = NearSource(700.0, 20.0, -30.0)
    assert source.gain(20.0, -30.0, FIELD) == 1
    assert source.gain(20.0 + 700.0, -30.0, FIELD) == pytest.approx(2**-1.5)
    # The UFOV's corner at 1000 mm: 14.3 %, gamma-camera practice (table of near sources).
    assert 1 - NearSource(1000.0).gain(266.5, 193.5, FIELD) == pytest.approx(0.143, abs=5e-4)  # as printed


def test_hydration_spots_are_seeded_and_inside() -> None:
    spots = HydrationSpots(20, 0.08, 5.0, seed=3).spots(FIELD)
    assert spots == HydrationSpots(20, 0.08, 5.0, seed=3).spots(FIELD)
    assert spots != HydrationSpots(20, 0.08, 5.0, seed=4).spots(FIELD)
    assert len(spots) == 20
    assert all(FIELD.contains(spot.x_mm, spot.y_mm) for spot in spots)
    assert all(0.04 <= spot.depth <= 0.08 and 2.5 <= spot.sigma_mm <= 5 for spot in spots)
    product = math.prod(float(spot.gain(7.0, -3.0, FIELD)) for spot in spots)
    assert HydrationSpots(20, 0.08, 5.0, seed=3).gain(7.0, -3.0, FIELD) == pytest.approx(product)
    lost = sum(2 * math.pi * spot.sigma_mm**2 * spot.depth for spot in spots)
    image = pixel_gain(HydrationSpots(20, 0.08, 5.0, seed=3))
    # Overlapping spots lose a little less than the sum; none lies so near the matrix's edge as to be cut.
    assert (1 - image).sum() * 9.1 * 8.3 == pytest.approx(lost, rel=0.02)


EXTREMES = [
    LinearGradient(0.0, 0.0),
    LinearGradient(1e-4, -2e-4),
    WeakTube(-96.0, 57.0, 0.08, 60.0),
    WeakTube(-96.0, 57.0, -0.08, 25.0),
    FailedTube(-96.0, 57.0, 0.4),
    DriftedTube(-96.0, 57.0),
    DriftedTube(-96.0, 57.0, depth=-0.06),
    TubeLattice(0.01),
    TubeLattice(-0.01),
    EdgePacking(),
    EdgePacking(-0.05, 40.0),
    Crack(3.0, 9.0),
    Crack(3.0, 9.0, flanks=0.4),
    Crack(3.0, 9.0, length_mm=80.0),
    DeadPatch(Rectangle(27.0, 31.0), 11.0, 22.0, 0.3),
    NearSource(700.0, 20.0, 30.0),
]


@pytest.mark.parametrize("defect", EXTREMES)
def test_extremes_are_those_of_a_search(defect: Defect) -> None:
    x, y = np.linspace(-266.5, 266.5, 1067), np.linspace(-193.5, 193.5, 775)
    inside = FIELD.contains(x[np.newaxis, :], y[:, np.newaxis])
    gain = defect.gain(x[np.newaxis, :], y[:, np.newaxis], FIELD)[inside]
    extremes = defect.extremes(FIELD)
    assert extremes is not None
    # The grid of 0.5 mm misses the extreme by at most 0.36 mm: less than 0.01 of the gain's range.
    span = 0.01 * (extremes.high - extremes.low)
    assert extremes.low == pytest.approx(gain.min(), abs=span)
    assert extremes.high == pytest.approx(gain.max(), abs=span)
    for value, place in ((extremes.low, extremes.low_at_mm), (extremes.high, extremes.high_at_mm)):
        if place is not None:
            assert defect.gain(*place, FIELD) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "defect",
    [
        WeakTube(300.0, 0.0),
        FailedTube(0.0, 200.0),
        DriftedTube(250.0, 0.0),
        DeadPatch(Circle(30.0), 300.0, 0.0),
        DeadPatch(Circle(30.0), 3.0, 0.0, edge_fwhm_mm=3.0),
        DeadPatch(Circle(1000.0), 3.0, 0.0),
        NearSource(700.0, 400.0, 0.0),
        Crack(300.0, 0.0),
        Crack(0.0, 0.0, sigma_mm=80.0, length_mm=300.0),
        HydrationSpots(),
    ],
)
def test_no_closed_form_is_none(defect: Defect) -> None:
    assert defect.extremes(FIELD) is None


def test_lattice_wider_than_the_field_has_no_closed_form() -> None:
    assert TubeLattice(pitch_mm=400.0).extremes(FIELD) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: WeakTube(0.0, 0.0, 1.1),
        lambda: WeakTube(0.0, 0.0, 0.1, 0.0),
        lambda: FailedTube(0.0, 0.0, -0.1),
        lambda: FailedTube(0.0, 0.0, 0.0, 10.0, 25.0),
        lambda: DriftedTube(0.0, 0.0, 1.1),
        lambda: DriftedTube(0.0, 0.0, -8.0),
        lambda: TubeLattice(2.1),
        lambda: EdgePacking(-1.1),
        lambda: Crack(0.0, 0.0, depth=1.1),
        lambda: Crack(0.0, 0.0, length_mm=-1.0),
        lambda: HydrationSpots(0),
        lambda: DeadPatch(Circle(10.0), 0.0, 0.0, 1.1),
        lambda: NearSource(0.0),
    ],
)
def test_impossible_defects_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"must|at least"):
        make()  # type: ignore[operator]


def test_defect_outside_the_matrix_changes_nothing() -> None:
    assert np.array_equal(pixel_gain(FailedTube(1000.0, 0.0)), np.ones((52, 64)))
    assert np.array_equal(pixel_gain(FailedTube(0.0, -1000.0)), np.ones((52, 64)))
