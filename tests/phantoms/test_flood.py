"""Floods: counts, places, noise, and the truths they tell."""

import dataclasses
import math

import numpy as np
import pytest

from phantoms.defects import DeadPatch, HydrationSpots, LinearGradient, NearSource, WeakTube
from phantoms.fields import Circle, CutCorners, Hexagon, Octagon, Rectangle
from phantoms.flood import Flood, Head, Window, default_windows, demo_flood
from phantoms.systems import SYSTEMS

SMALL = (48, 70)  # rows, columns


def centroid_mm(flood: Flood, head: int) -> tuple[float, float]:
    image = flood.expected()[0, head]
    (rows, columns), (down, along) = flood.shape, flood.spacing_mm
    x, y = (np.arange(columns) - (columns - 1) / 2) * along, (np.arange(rows) - (rows - 1) / 2) * down
    return float(image.sum(axis=0) @ x / image.sum()), float(image.sum(axis=1) @ y / image.sum())


@pytest.mark.parametrize("system", SYSTEMS)
def test_shape_and_total_counts(system: str) -> None:
    flood = Flood(system=system, matrix=SMALL, windows=default_windows(system, "Co-57", 2))
    expected = flood.expected()
    assert expected.shape == (2, SYSTEMS[system].heads, *SMALL)
    for head, detector in enumerate(flood.heads):
        totals = [detector.counts * window.relative_counts for window in flood.windows]
        np.testing.assert_allclose(expected[:, head].sum(axis=(1, 2)), totals, rtol=1e-12)


@pytest.mark.parametrize("system", [name for name, profile in SYSTEMS.items() if profile.heads == 2])
def test_second_detector_is_unlike_the_first(system: str) -> None:
    first, second = Flood(system=system).heads
    assert first.offset_mm != second.offset_mm
    assert 0 not in first.offset_mm
    assert first.counts != second.counts


def test_counts_per_pixel_are_those_of_a_whole_pixel() -> None:
    head = Head(counts_per_pixel=1234.5, offset_mm=(3.1, -7.3), edge_fwhm_mm=3.5)
    flood = Flood(matrix=SMALL, pixel_mm=(9.3, 8.9), heads=(head,))
    image = flood.expected()[0, 0]
    assert image[24, 35] == pytest.approx(1234.5, rel=1e-12)  # far inside: 100 sigmas from the edge
    # The field holds 533 x 387 mm of pixels of 9.3 x 8.9 mm, all in the matrix.
    assert image.sum() == pytest.approx(1234.5 * 533 * 387 / (9.3 * 8.9), rel=1e-9)


@pytest.mark.parametrize(
    "field", [None, CutCorners(500.0, 350.0, 40.0), Circle(350.0), Hexagon(340.0), Octagon(350.0)]
)
@pytest.mark.parametrize("edge_fwhm_mm", [0.0, 4.0])
def test_offset_moves_the_field_right_and_down(field: object, edge_fwhm_mm: float) -> None:
    heads = (
        Head(field=field, offset_mm=(11.3, -4.7), edge_fwhm_mm=edge_fwhm_mm),
        Head(field=field, offset_mm=(-6.1, 8.9), edge_fwhm_mm=edge_fwhm_mm),
    )
    flood = Flood(matrix=SMALL, pixel_mm=(9.3, 8.9), heads=heads)
    # The centroid of a pixel's lit part is taken at its middle: p^2 / 24 over the field's half width.
    assert centroid_mm(flood, 0) == (pytest.approx(11.3, abs=0.05), pytest.approx(-4.7, abs=0.05))
    assert centroid_mm(flood, 1) == (pytest.approx(-6.1, abs=0.05), pytest.approx(8.9, abs=0.05))


def test_x_is_columns_and_y_is_rows() -> None:
    head = Head(
        counts_per_pixel=100.0,
        offset_mm=(40.0, 0.0),
        defects=(DeadPatch(Rectangle(24.0, 16.0), 79.0, -40.0),),
    )
    flood = Flood(matrix=SMALL, pixel_mm=(8.0, 8.0), heads=(head,))
    rows, columns = np.nonzero(flood.expected()[0, 0] == 0)
    inside = (rows > 3) & (rows < 44) & (columns > 8) & (columns < 70)
    x, y = (columns[inside] - 34.5) * 8.0, (rows[inside] - 23.5) * 8.0
    # The patch: x 107 to 131, y -48 to -32, from the matrix's centre; the pixels wholly inside.
    assert (x.min(), x.max()) == (116.0, 124.0)
    assert (y.min(), y.max()) == (-44.0, -36.0)


def test_transposed_flood_is_the_transposed_image() -> None:
    lying = Head(
        field=CutCorners(500.0, 350.0, 40.0),
        offset_mm=(3.3, -5.1),
        edge_fwhm_mm=3.5,
        counts_per_pixel=100.0,
        defects=(WeakTube(60.0, -40.0), LinearGradient(1e-4, -3e-4), NearSource(900.0, 10.0, -20.0)),
    )
    standing = Head(
        field=CutCorners(350.0, 500.0, 40.0),
        offset_mm=(-5.1, 3.3),
        edge_fwhm_mm=3.5,
        counts_per_pixel=100.0,
        defects=(WeakTube(-40.0, 60.0), LinearGradient(-3e-4, 1e-4), NearSource(900.0, -20.0, 10.0)),
    )
    one = Flood(matrix=SMALL, pixel_mm=(8.0, 7.9), heads=(lying,)).expected()[0, 0]
    other = Flood(matrix=SMALL[::-1], pixel_mm=(7.9, 8.0), heads=(standing,)).expected()[0, 0]
    np.testing.assert_allclose(other.T, one, rtol=1e-9, atol=1e-9)  # arithmetic only


def test_pixels_of_the_systems() -> None:
    # As in headers of public images: Symbia T2 at 256, Intevo 16 at zoom 1.455, Discovery 670 at 64.
    assert Flood(matrix=256).spacing_mm == (2.3975999355316, 2.3975999355316)
    assert Flood(matrix=128).spacing_mm == (4.7951998710632, 4.7951998710632)
    assert Flood(matrix=256, zoom=1.455).spacing_mm == (1.6478350162506, 1.6478350162506)
    assert Flood(matrix=(1024, 256)).spacing_mm == (2.3975999355316, 2.3975999355316)
    assert Flood(system="brivo", matrix=64).spacing_mm == (8.83612, 8.83612)
    assert Flood(system="brivo", matrix=256).spacing_mm == (2.20903, 2.20903)
    assert Flood(system="brivo", matrix=64, pixel_mm=(4.4, 4.2)).spacing_mm == (4.4, 4.2)


def test_zoom_cuts_the_field() -> None:
    flood = Flood(matrix=64, zoom=1.455, heads=(Head(counts=1e6, offset_mm=(0.4, 0.2)),))
    image = flood.expected()[0, 0]
    assert image.sum() == pytest.approx(1e6)
    assert image[32, 0] == image[32, 63] > 0  # the matrix of 421.8 mm is narrower than the field
    assert image[0, 32] == 0
    assert not flood.truth()[0].inside_matrix
    assert Flood(matrix=64).truth()[0].inside_matrix


def test_gain_is_from_the_centre_of_the_matrix() -> None:
    head = Head(offset_mm=(20.0, -10.0), defects=(WeakTube(60.0, -40.0, 0.08, 25.0), LinearGradient(1e-4)))
    flood = Flood(heads=(Head(), head))
    assert flood.gain(80.0, -50.0, 1) == pytest.approx(0.92 * 1.006)
    assert flood.gain(np.zeros((2, 1)), np.zeros(3), 0).tolist() == [[1.0] * 3] * 2


def test_image_follows_the_gain_inside_the_field() -> None:
    head = Head(
        counts_per_pixel=1.0, offset_mm=(20.0, -10.0), defects=(WeakTube(60.0, -40.0), LinearGradient(1e-4))
    )
    flood = Flood(matrix=1024, heads=(head,))
    image = flood.expected()[0, 0]
    for row, column in ((500, 520), (428, 645), (512, 300)):
        x, y = (column - 511.5) * flood.spacing_mm[1], (row - 511.5) * flood.spacing_mm[0]
        # The mean over a pixel differs from its centre by p^2 / 24 times the curvature, 2e-6.
        assert image[row, column] == pytest.approx(float(flood.gain(x, y, 0)), abs=4e-6)


def test_background_is_outside_only() -> None:
    with_it = Head(counts_per_pixel=100.0, background=0.02, defects=(WeakTube(0.0, 0.0),))
    image = Flood(matrix=SMALL, pixel_mm=(8.0, 8.0), heads=(with_it,)).expected()[0, 0]
    plain = Flood(
        matrix=SMALL, pixel_mm=(8.0, 8.0), heads=(dataclasses.replace(with_it, background=0.0),)
    ).expected()[0, 0]
    assert image[0, 0] == pytest.approx(2.0)
    assert image[24, 35] == plain[24, 35]


def test_noise_is_poisson() -> None:
    flood = Flood(
        matrix=SMALL, pixel_mm=(8.0, 8.0), heads=(Head(counts_per_pixel=50.0), Head(counts_per_pixel=9.0))
    )
    expected = flood.expected()
    lit = expected > 1
    draws = np.stack([flood.noisy(seed) for seed in range(40)]).astype(float)
    normal = ((draws - expected) / np.sqrt(np.where(lit, expected, 1)))[:, lit]
    size = normal.size
    assert normal.mean() == pytest.approx(0, abs=4 / math.sqrt(size))  # four standard errors
    assert (normal**2).mean() == pytest.approx(
        1, abs=4 * math.sqrt((2 + 1 / 9) / size)
    )  # var of a squared Poisson
    assert (draws[:, ~lit & (expected == 0)] == 0).all()
    # The two detectors, and neighbours, are independent.
    both = (expected[0] > 1).all(axis=0)
    first, second = ((draws - expected)[:, 0, head][:, both].ravel() for head in (0, 1))
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0, abs=4 / math.sqrt(first.size))


def test_noise_is_the_same_for_the_same_seed() -> None:
    flood = Flood(matrix=64)
    assert np.array_equal(flood.noisy(5), flood.noisy(5))
    assert not np.array_equal(flood.noisy(5), flood.noisy(6))


def test_integers_are_as_wide_as_needed() -> None:
    assert Flood(matrix=64, heads=(Head(counts=1e6),)).noisy(1).dtype == np.uint16
    bright = Flood(matrix=64, heads=(Head(counts=1e9),))
    assert bright.noisy(1).dtype == np.uint32
    assert bright.noisy(1).sum() == pytest.approx(1e9, rel=4 / math.sqrt(1e9))
    with pytest.raises(ValueError, match="32 bits"):
        Flood(matrix=64, heads=(Head(counts=1e14),)).rounded()


def test_rounded_counts_are_within_half_a_count() -> None:
    flood = Flood(matrix=64)
    assert np.abs(flood.rounded() - flood.expected()).max() <= 0.5


def test_truth_of_a_weak_tube() -> None:
    head = Head(
        offset_mm=(20.0, -10.0), counts=1e7, edge_fwhm_mm=3.5, defects=(WeakTube(60.0, -40.0, 0.05, 25.0),)
    )
    (truth,) = Flood(matrix=128, heads=(head,)).truth()
    # Highest gain: the far corner, 11 sigmas away.
    assert truth.integral_uniformity == pytest.approx(100 * 0.05 / (2 - 0.05), rel=1e-12)
    assert truth.low_at_mm == (80.0, -50.0)
    assert truth.centre_mm == (20.0, -10.0)
    assert truth.extents_mm == (533.0, 387.0)
    assert truth.counts == (pytest.approx(1e7),)


def test_truth_of_a_gradient_and_of_a_near_source() -> None:
    flood = Flood(heads=(Head(defects=(LinearGradient(1e-4, -2e-4),)), Head(defects=(NearSource(2665.0),))))
    gradient, source = flood.truth()
    assert gradient.integral_uniformity == pytest.approx(100 * (1e-4 * 533 + 2e-4 * 387) / 2)
    assert source.integral_uniformity == pytest.approx(1.14, abs=5e-3)  # as printed for 5 x 533 mm


def test_truth_of_nothing_and_of_too_much() -> None:
    flood = Flood(matrix=64, heads=(Head(), Head(defects=(WeakTube(0.0, 0.0), HydrationSpots()))))
    good, bad = flood.truth()
    assert good.integral_uniformity == 0
    assert bad.integral_uniformity is None
    cut = Flood(matrix=64, zoom=2.0, heads=(Head(defects=(LinearGradient(1e-4),)),))
    assert cut.truth()[0].integral_uniformity is None


def test_truth_counts_per_window() -> None:
    windows = (Window("one", ((126.0, 154.0),)), Window("two", ((90.0, 110.0), (70.0, 80.0)), 0.25))
    (truth,) = Flood(matrix=64, windows=windows, heads=(Head(counts_per_pixel=80.0),)).truth()
    assert truth.counts_per_pixel == (80.0, 20.0)
    assert truth.counts[1] == pytest.approx(truth.counts[0] / 4)


def test_demo_has_one_weak_tube_on_the_second_detector() -> None:
    flood = demo_flood()
    assert flood.shape == (1024, 1024)
    assert flood.gain(-96.37, 57.18, 1) < 0.93
    assert flood.gain(-96.0, 57.0, 0) > 0.99
    assert min(head.counts for head in flood.heads) > 55e6


@pytest.mark.parametrize(
    "make",
    [
        lambda: Flood(system="other"),
        lambda: Flood(matrix=0),
        lambda: Flood(matrix=5000),
        lambda: Flood(zoom=0.0),
        lambda: Flood(pixel_mm=(1.0, math.nan)),
        lambda: Flood(radionuclide="I-131"),
        lambda: Flood(system="brivo", heads=(Head(), Head())),
        lambda: Flood(windows=default_windows("intevo", "Tc-99m", 3)),
        lambda: Head(counts=1.0, counts_per_pixel=1.0),
        lambda: Head(counts=-1.0),
        lambda: Head(offset_mm=(math.nan, 0.0)),
        lambda: Window("", ()),
        lambda: Window("", ((150.0, 130.0),)),
        lambda: Window("", ((130.0, 150.0),), -1.0),
    ],
)
def test_impossible_floods_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        make()  # type: ignore[operator]


def test_a_flood_without_counts_is_refused() -> None:
    dead = Head(counts=1e6, defects=(DeadPatch(Rectangle(700.0, 700.0), 0.0, 0.0),))
    with pytest.raises(ValueError, match="no counts at all"):
        Flood(matrix=64, heads=(dead,)).expected()
    zero = dataclasses.replace(dead, counts=None, counts_per_pixel=100.0)
    assert Flood(matrix=64, heads=(zero,)).expected().sum() == 0


def test_negative_gains_are_refused() -> None:
    with pytest.raises(ValueError, match="detector 1: negative gain"):
        Flood(matrix=64, heads=(Head(defects=(LinearGradient(0.01),)),)).expected()
