"""Re-binning: which factor, where the blocks lie, and that they are sums."""

from __future__ import annotations

import numpy as np
import pytest

from nmqc.measure.grid import Axis, Blocks, blocks_about, is_nema_pixel, nema_factor, sum_blocks
from nmqc.uniformity.flood import Options, prepare
from phantoms.fields import Rectangle
from phantoms.flood import Flood, Head
from tests.exam.acquisitions import acquisition
from tests.reference import uniformity as slow

CAMERAS = [
    # native pixel at zoom 1 (mm), whole number k nearest to 6.4 mm, k times the pixel (mm)
    (0.5994, 11, 6.593),
    (1.1988, 5, 5.994),
    (2.3976, 3, 7.193),
    (4.7952, 1, 4.795),
    (0.552257, 12, 6.627),
    (1.104515, 6, 6.627),
    (2.209030, 3, 6.627),
]
# Native matrices of both parities, fields off the centre, pixels that do not divide anything.
PLACES = [
    (native, pitch_mm, centre_mm, factor)
    for native, pitch_mm in ((1024, 0.5994), (511, 1.1988), (256, 2.209), (97, 2.31))
    for centre_mm in (0.0, 0.23, -4.71, 17.03)
    for factor in (1, 2, 3, 5, 8, 11)
]


@pytest.mark.parametrize(("pitch_mm", "factor", "pixel_mm"), CAMERAS)
def test_factor_of_each_camera(pitch_mm: float, factor: int, pixel_mm: float) -> None:
    assert nema_factor(pitch_mm) == factor
    assert factor * pitch_mm == pytest.approx(pixel_mm, abs=6e-4)  # the table is printed to 0.001 mm
    assert is_nema_pixel(factor * pitch_mm)


@pytest.mark.parametrize("pitch_mm", [4.418, 8.836])
def test_pixels_that_no_factor_brings_into_the_range(pitch_mm: float) -> None:
    assert nema_factor(pitch_mm) == 1
    assert not is_nema_pixel(pitch_mm)


@pytest.mark.parametrize(
    ("pitch_mm", "inside"), [(4.48, True), (8.32, True), (4.4799, False), (8.3201, False)]
)
def test_ends_of_the_range_belong_to_it(pitch_mm: float, inside: bool) -> None:
    assert is_nema_pixel(pitch_mm) is inside


def test_of_two_factors_equally_near_the_smaller() -> None:
    assert nema_factor(2.56) == 2  # 5.12 and 7.68 mm, both 1.28 mm off


def test_factor_agrees_with_the_slow_twin_for_any_pixel() -> None:
    random = np.random.default_rng(20)
    for pitch_mm in random.uniform(0.2, 9.0, 500):
        try:
            expected = slow.choose_rebin(float(pitch_mm))
        except ValueError:
            assert not is_nema_pixel(nema_factor(pitch_mm) * pitch_mm)
        else:
            assert nema_factor(pitch_mm) == expected


@pytest.mark.parametrize(("native", "pitch_mm", "centre_mm", "factor"), PLACES)
def test_blocks_lie_about_the_centre_of_the_field(
    native: int, pitch_mm: float, centre_mm: float, factor: int
) -> None:
    axis = blocks_about(centre_mm, native, pitch_mm, factor).axis(native, pitch_mm)
    places_mm = axis.centres_mm if factor % 2 else axis.edges_mm
    # The native position nearest to the centre, half a pixel away at most, the centre being taken to half a pixel,
    # a quarter away at most.
    assert np.abs(places_mm - centre_mm).min() <= 0.75 * pitch_mm + 1e-9


@pytest.mark.parametrize(
    ("native", "factor"), [(256, 3), (256, 2), (255, 3), (255, 2), (1024, 11), (1024, 12)]
)
def test_grid_stays_where_it_is_while_the_centre_is_known_to_a_fifth_of_a_pixel(
    native: int, factor: int
) -> None:
    grids = {blocks_about(shift * 2.4, native, 2.4, factor) for shift in (-0.2, -0.05, 0.0, 0.05, 0.2)}
    assert len(grids) == 1


@pytest.mark.parametrize("offset_mm", [(0.0, 0.0), (11.3, -4.2), (-7.9, 13.6)])
def test_grid_of_an_analysis_lies_about_the_field(offset_mm: tuple[float, float]) -> None:
    head = Head(field=Rectangle(241.0, 187.0), offset_mm=offset_mm, edge_fwhm_mm=3.5, counts_per_pixel=500.0)
    made = Flood(matrix=(110, 131), pixel_mm=(2.2, 2.3), heads=(head,))
    flood = prepare(acquisition(made).frames[0], Options())
    for axis, pitch_mm, middle_mm in ((flood.columns, 2.3, offset_mm[0]), (flood.rows, 2.2, offset_mm[1])):
        assert axis.pitch_mm == pytest.approx(3 * pitch_mm)
        # As above; the outline is found to a tenth of a millimetre.
        assert np.abs(axis.centres_mm - middle_mm).min() <= 0.75 * pitch_mm + 0.1


@pytest.mark.parametrize(("native", "pitch_mm", "centre_mm", "factor"), PLACES)
def test_blocks_are_complete_and_none_is_missing(
    native: int, pitch_mm: float, centre_mm: float, factor: int
) -> None:
    blocks = blocks_about(centre_mm, native, pitch_mm, factor)
    left = native - blocks.first - blocks.count * blocks.factor
    assert 0 <= blocks.first < factor
    assert 0 <= left < factor


@pytest.mark.parametrize(("native", "factor"), [(1024, 8), (1024, 12), (511, 5), (97, 11), (96, 2), (95, 3)])
def test_grid_of_a_centred_field_is_symmetric(native: int, factor: int) -> None:
    axis = blocks_about(0.0, native, 0.7, factor).axis(native, 0.7)
    assert axis.start_mm == pytest.approx(-axis.edges_mm[-1], abs=1e-9)  # arithmetic only
    assert axis.middle_mm == pytest.approx(0.0, abs=1e-9)


def is_undecided(native: int, pitch_mm: float, centre_mm: float, factor: int) -> bool:
    """Say whether the centre, taken to half a pixel, lies between two places: then it has no mirror image."""
    halves = round(2 * (centre_mm / pitch_mm + native / 2))
    return (halves % 2 == 0) is (factor % 2 == 1)


@pytest.mark.parametrize(
    ("native", "pitch_mm", "centre_mm", "factor"), [place for place in PLACES if not is_undecided(*place)]
)
def test_mirrored_field_has_the_mirrored_grid(
    native: int, pitch_mm: float, centre_mm: float, factor: int
) -> None:
    axis = blocks_about(centre_mm, native, pitch_mm, factor).axis(native, pitch_mm)
    mirrored = blocks_about(-centre_mm, native, pitch_mm, factor).axis(native, pitch_mm)
    assert mirrored.count == axis.count
    np.testing.assert_allclose(mirrored.edges_mm, -axis.edges_mm[::-1], atol=1e-9)  # arithmetic only


def test_phases_move_by_native_pixels_and_come_round() -> None:
    still = blocks_about(3.3, 200, 1.2, 5)
    firsts = [blocks_about(3.3, 200, 1.2, 5, shift).first for shift in range(5)]
    assert sorted(firsts) == [0, 1, 2, 3, 4]
    assert blocks_about(3.3, 200, 1.2, 5, 5) == still
    assert firsts[1] == (still.first + 1) % 5


def test_axis_of_blocks_in_millimetres() -> None:
    # 10 native pixels of 2 mm begin at -10 mm; blocks of 3 from pixel 1 on begin at -8 mm.
    axis = Blocks(3, 1, 3).axis(10, 2.0)
    assert axis == Axis(3, 6.0, -8.0)
    np.testing.assert_array_equal(axis.centres_mm, [-5.0, 1.0, 7.0])
    np.testing.assert_array_equal(axis.edges_mm, [-8.0, -2.0, 4.0, 10.0])
    assert Axis.of_matrix(10, 2.0).edges_mm[[0, -1]].tolist() == [-10.0, 10.0]


@pytest.mark.parametrize(
    ("rows", "columns"), [((3, 1, 10), (3, 2, 13)), ((2, 0, 16), (5, 4, 7)), ((1, 0, 33), (4, 3, 9))]
)
def test_sums_are_those_of_the_slow_twin(rows: tuple[int, int, int], columns: tuple[int, int, int]) -> None:
    image = np.random.default_rng(3).integers(0, 65536, (33, 42), dtype=np.uint16)
    sums = sum_blocks(image, Blocks(*rows), Blocks(*columns))
    assert sums.dtype == np.int64
    assert sums.shape == (rows[2], columns[2])
    for row in range(rows[2]):
        for column in range(columns[2]):
            top, left = rows[1] + row * rows[0], columns[1] + column * columns[0]
            part = image[top : top + rows[0], left : left + columns[0]]
            assert sums[row, column] == sum(int(value) for value in part.ravel())


def test_equal_blocks_are_those_of_the_slow_twin() -> None:
    image = np.random.default_rng(4).integers(0, 5000, (31, 47))
    expected = slow.rebin(image, 4, 2, 3)
    np.testing.assert_array_equal(sum_blocks(image, Blocks(4, 2, 7), Blocks(4, 3, 11)), expected)


def test_full_sixteen_bit_pixels_do_not_overflow() -> None:
    image = np.full((22, 33), 65535, np.uint16)
    assert sum_blocks(image, Blocks(11, 0, 2), Blocks(11, 0, 3)).tolist() == [[65535 * 121] * 3] * 2


def test_values_that_are_no_integers_stay_so() -> None:
    image = np.full((4, 6), 0.25, np.float32)
    sums = sum_blocks(image, Blocks(2, 0, 2), Blocks(3, 0, 2))
    assert sums.dtype == np.float64
    assert (sums == 1.5).all()


def test_image_is_left_as_it_was() -> None:
    image = np.arange(35).reshape(5, 7)
    image.flags.writeable = False
    for factor in (1, 2):
        sums = sum_blocks(image, Blocks(factor, 0, 5 // factor), Blocks(factor, 0, 7 // factor))
        assert not np.shares_memory(sums, image)
    np.testing.assert_array_equal(image, np.arange(35).reshape(5, 7))
