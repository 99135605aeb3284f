"""Outlines: their areas, which pixels they hold, how they scale and shrink."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.measure.grid import Axis
from nmqc.measure.outline import (
    Outline,
    circle,
    covered,
    cut_rectangle,
    half_inside,
    rectangle,
    regular,
    whole_pixels,
)
from phantoms import fields
from tests.reference import uniformity as slow

CENTRE_MM = (13.7, -8.9)
# Pixels that are not square, on a matrix that is not square either, and not about the centre of the outline.
ROWS, COLUMNS = Axis(71, 6.1, -221.4), Axis(88, 6.7, -287.1)
WIDTH_MM, HEIGHT_MM, CUT_MM, FLATS_MM = 471.3, 358.7, 83.1, 361.7

OUTLINES: dict[str, tuple[Outline, fields.Outline]] = {
    "rectangle": (rectangle(CENTRE_MM, WIDTH_MM, HEIGHT_MM), fields.Rectangle(WIDTH_MM, HEIGHT_MM)),
    "cut corners": (
        cut_rectangle(CENTRE_MM, WIDTH_MM, HEIGHT_MM, CUT_MM, CUT_MM),
        fields.CutCorners(WIDTH_MM, HEIGHT_MM, CUT_MM),
    ),
    "circle": (circle(CENTRE_MM, FLATS_MM), fields.Circle(FLATS_MM)),
    "hexagon": (regular("hexagon", CENTRE_MM, 6, 0.0, FLATS_MM / 2), fields.Hexagon(FLATS_MM)),
    "hexagon, turned": (regular("hexagon", CENTRE_MM, 6, 30.0, FLATS_MM / 2), fields.Hexagon(FLATS_MM, 30.0)),
    "octagon": (regular("octagon", CENTRE_MM, 8, 0.0, FLATS_MM / 2), fields.Octagon(FLATS_MM)),
}
AREAS_MM2: dict[str, float] = {
    "rectangle": WIDTH_MM * HEIGHT_MM,
    "cut corners": WIDTH_MM * HEIGHT_MM - 2 * CUT_MM**2,
    "circle": math.pi * FLATS_MM**2 / 4,
    "hexagon": 3**0.5 / 2 * FLATS_MM**2,
    "hexagon, turned": 3**0.5 / 2 * FLATS_MM**2,
    "octagon": 2 * (2**0.5 - 1) * FLATS_MM**2,
}
PIXEL = 1e-3  # of a pixel: what `covered` promises where it samples


def truth(name: str, factor: float = 1.0, inset_mm: float = 0.0) -> NDArray[np.float64]:
    """Return the exact part of each pixel inside, by the phantoms' own formulas."""
    x, y = COLUMNS.edges_mm - CENTRE_MM[0], ROWS.edges_mm - CENTRE_MM[1]
    if inset_mm:
        smaller: Callable[[], fields.Outline] = {
            "rectangle": lambda: fields.Rectangle(WIDTH_MM - 2 * inset_mm, HEIGHT_MM - 2 * inset_mm),
            "cut corners": lambda: fields.CutCorners(
                WIDTH_MM - 2 * inset_mm, HEIGHT_MM - 2 * inset_mm, CUT_MM - (2 - 2**0.5) * inset_mm
            ),
            "circle": lambda: fields.Circle(FLATS_MM - 2 * inset_mm),
            "hexagon": lambda: fields.Hexagon(FLATS_MM - 2 * inset_mm),
            "hexagon, turned": lambda: fields.Hexagon(FLATS_MM - 2 * inset_mm, 30.0),
            "octagon": lambda: fields.Octagon(FLATS_MM - 2 * inset_mm),
        }[name]
        return smaller().coverage(x, y)
    return OUTLINES[name][1].coverage(x / factor, y / factor)


@pytest.mark.parametrize("name", OUTLINES)
def test_area_is_that_of_the_closed_form(name: str) -> None:
    area = covered(OUTLINES[name][0], ROWS, COLUMNS).sum() * ROWS.pitch_mm * COLUMNS.pitch_mm
    # The rectangle is arithmetic only. The others are sampled: some 200 pixels on the edge, each right to a
    # thousandth of a pixel, of 40 mm^2.
    tolerance = 1e-9 if name == "rectangle" else 200 * PIXEL * 40
    assert area == pytest.approx(AREAS_MM2[name], abs=tolerance)


@pytest.mark.parametrize("name", OUTLINES)
def test_part_of_every_pixel_inside(name: str) -> None:
    found = covered(OUTLINES[name][0], ROWS, COLUMNS)
    np.testing.assert_allclose(found, truth(name), atol=1e-9 if name == "rectangle" else PIXEL)


@pytest.mark.parametrize("name", OUTLINES)
@pytest.mark.parametrize("factor", [1.0, 0.75])
def test_half_the_area_decides(name: str, factor: float) -> None:
    exact = truth(name, factor)
    expected = exact >= 0.5 - 1e-9
    found = half_inside(OUTLINES[name][0].scaled(factor), ROWS, COLUMNS)
    undecided = np.abs(exact - 0.5) < (1e-9 if name == "rectangle" else PIXEL)
    np.testing.assert_array_equal(found[~undecided], expected[~undecided])
    assert undecided.sum() < 5


@pytest.mark.parametrize("name", OUTLINES)
@pytest.mark.parametrize("inset_mm", [0.0, 3.1, 40.0])
def test_whole_pixels_are_those_wholly_inside(name: str, inset_mm: float) -> None:
    found = whole_pixels(OUTLINES[name][0].inset(inset_mm), ROWS, COLUMNS)
    # The phantoms' areas are right to 1e-10.
    np.testing.assert_array_equal(found, truth(name, inset_mm=inset_mm) > 1 - 1e-9)
    assert found.any()
    assert not found.all()


@pytest.mark.parametrize("name", OUTLINES)
def test_distance_is_how_far_beyond_the_nearest_side(name: str) -> None:
    outline, phantom = OUTLINES[name]
    x, y = np.random.default_rng(1).uniform(-300, 300, (2, 400))
    expected = -phantom.depth_mm(x - CENTRE_MM[0], y - CENTRE_MM[1])
    np.testing.assert_allclose(outline.distance_mm(x, y), expected, atol=1e-9)  # arithmetic only
    grid = outline.distance_mm(x[None, :50], y[:40, None])
    each = outline.distance_mm(np.tile(x[:50], (40, 1)), np.tile(y[:40, None], (1, 50)))
    np.testing.assert_array_equal(grid, each)


@pytest.mark.parametrize("name", OUTLINES)
def test_extents(name: str) -> None:
    width, height = OUTLINES[name][1].extents_mm
    # 96 sides stand for a circle: their corners lie 1 / cos(pi / 96) out.
    tolerance = FLATS_MM * (1 / math.cos(math.pi / 96) - 1) if name == "circle" else 1e-9
    assert OUTLINES[name][0].extents_mm() == pytest.approx((width, height), abs=tolerance)


def test_corners_of_a_cut_rectangle_whose_cuts_differ_along_x_and_y() -> None:
    outline = cut_rectangle((1.0, -2.0), 100.0, 60.0, 20.0, 10.0)
    corners = {(round(float(x), 9), round(float(y), 9)) for x, y in outline.vertices_mm()}
    quarter = {(50.0, 20.0), (30.0, 30.0)}
    assert corners == {(sx * x + 1, sy * y - 2) for x, y in quarter for sx in (1, -1) for sy in (1, -1)}
    assert covered(outline, Axis(40, 2.0, -40.0), Axis(60, 2.0, -60.0)).sum() * 4 == pytest.approx(
        100 * 60 - 4 * 100, abs=200 * PIXEL * 4
    )


@pytest.mark.parametrize("name", OUTLINES)
def test_scaling_is_about_the_centre_of_the_outline(name: str) -> None:
    outline = OUTLINES[name][0]
    expected = 0.75 * (outline.vertices_mm() - CENTRE_MM) + CENTRE_MM
    np.testing.assert_allclose(outline.scaled(0.75).vertices_mm(), expected, atol=1e-9)  # arithmetic only


def test_half_area_of_a_polygon_is_that_of_the_slow_twin() -> None:
    # The twin clips the polygon with each pixel; centred matrix, as it knows no other.
    outline = regular("hexagon", (3.7, -5.9), 6, 0.0, 101.3)
    vertices = [(float(x), float(y)) for x, y in outline.scaled(0.75).vertices_mm()]
    expected = slow.polygon_coverage((37, 31), (6.1, 6.7), vertices)
    rows, columns = Axis.of_matrix(37, 6.1), Axis.of_matrix(31, 6.7)
    np.testing.assert_allclose(covered(outline.scaled(0.75), rows, columns), expected, atol=PIXEL)


def test_vector_1_central_field_of_a_hundred_pixels() -> None:
    axis = Axis.of_matrix(100, 6.4)
    field = rectangle((0.0, 0.0), 640.0, 640.0)
    assert half_inside(field, axis, axis).all()
    central = half_inside(field.scaled(0.75), axis, axis)
    expected = np.zeros((100, 100), bool)
    expected[12:88, 12:88] = True
    expected[[12, 12, 87, 87], [12, 87, 12, 87]] = False
    assert central.sum() == 5772
    np.testing.assert_array_equal(central, expected)


@pytest.mark.parametrize(("extent_px", "first", "last", "part"), [(7.2, 1, 8, 0.6), (6.8, 2, 7, 0.4)])
@pytest.mark.parametrize("along", [True, False])
def test_vector_7_half_area_rule(extent_px: float, first: int, last: int, part: float, along: bool) -> None:
    line, across = Axis.of_matrix(10, 1.0), Axis.of_matrix(1, 1.0)
    sides = (extent_px, 1.0) if along else (1.0, extent_px)
    axes = (across, line) if along else (line, across)
    outline = rectangle((0.0, 0.0), *sides)
    assert covered(outline, *axes).ravel()[1] == pytest.approx(part, rel=1e-12)  # arithmetic only
    assert np.flatnonzero(half_inside(outline, *axes).ravel()).tolist() == list(range(first, last + 1))


def test_exactly_half_is_inside() -> None:
    axis = Axis.of_matrix(6, 2.0)
    assert half_inside(rectangle((0.0, 0.0), 6.0, 12.0), axis, axis).sum(axis=1).tolist() == [4] * 6


@pytest.mark.parametrize("along", [True, False])
@pytest.mark.parametrize(("part", "pixels"), [(0.49, 6), (0.51, 8)])
def test_half_area_rule_at_the_straight_sides_of_a_field_with_cut_corners(
    part: float, pixels: int, along: bool
) -> None:
    line, across = Axis.of_matrix(10, 1.0), Axis.of_matrix(8, 1.0)
    extent = 6 + 2 * part
    if along:
        found = half_inside(cut_rectangle((0.0, 0.0), extent, 8.0, 2.0, 2.0), across, line)[4]
    else:
        found = half_inside(cut_rectangle((0.0, 0.0), 8.0, extent, 2.0, 2.0), line, across)[:, 4]
    assert found.sum() == pixels


def test_corners_on_the_outline_are_inside() -> None:
    rows, columns = Axis.of_matrix(8, 1.1), Axis.of_matrix(10, 0.9)
    found = whole_pixels(rectangle((0.0, 0.0), 6 * 0.9, 4 * 1.1), rows, columns)
    expected = np.zeros((8, 10), bool)
    expected[2:6, 2:8] = True
    np.testing.assert_array_equal(found, expected)
    slightly_less = rectangle((0.0, 0.0), 6 * 0.9 - 1e-5, 4 * 1.1)
    assert whole_pixels(slightly_less, rows, columns).sum() == 4 * 4


def test_nothing_is_inside_an_outline_that_shrank_to_nothing() -> None:
    axis = Axis.of_matrix(20, 5.0)
    for outline, _ in OUTLINES.values():
        assert not whole_pixels(outline.inset(300.0), axis, axis).any()


def test_transposed_outline_holds_the_transposed_pixels() -> None:
    x, y = CENTRE_MM
    pairs = [
        (rectangle((x, y), 471.0, 357.0), rectangle((y, x), 357.0, 471.0)),
        (cut_rectangle((x, y), 471.0, 357.0, 90.0, 60.0), cut_rectangle((y, x), 357.0, 471.0, 60.0, 90.0)),
        (regular("hexagon", (x, y), 6, 0.0, 180.0), regular("hexagon", (y, x), 6, 90.0, 180.0)),
    ]
    for one, other in pairs:
        np.testing.assert_array_equal(whole_pixels(one, ROWS, COLUMNS), whole_pixels(other, COLUMNS, ROWS).T)
        # Not the same code along x and y: sampled along x, exact along y.
        np.testing.assert_allclose(
            covered(one, ROWS, COLUMNS), covered(other, COLUMNS, ROWS).T, atol=2 * PIXEL
        )
