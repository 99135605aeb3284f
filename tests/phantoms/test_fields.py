"""Outlines against areas, angles and distances known from geometry."""

import math

import numpy as np
import pytest

from phantoms.fields import Circle, CutCorners, Hexagon, Octagon, Outline, Rectangle

WIDE = Rectangle(91.0, 47.0)
OUTLINES = [
    WIDE,
    CutCorners(91.0, 47.0, 13.0),
    Hexagon(61.0, 7.0),
    Octagon(67.0),
    Octagon(67.0, 11.0),
    Circle(63.7),
]
# Areas by the textbook: w h; w h - 2 c^2; (sqrt 3 / 2) a^2; 2 (sqrt 2 - 1) a^2; pi d^2 / 4.
AREAS = [
    91.0 * 47.0,
    91.0 * 47.0 - 2 * 13.0**2,
    math.sqrt(3) / 2 * 61.0**2,
    2 * (math.sqrt(2) - 1) * 67.0**2,
    2 * (math.sqrt(2) - 1) * 67.0**2,
    math.pi * 63.7**2 / 4,
]


def edges(count: int, pixel_mm: float, offset_mm: float) -> np.ndarray:
    return (np.arange(count + 1) - count / 2) * pixel_mm - offset_mm


X_EDGES, Y_EDGES = edges(70, 1.7, 0.43), edges(90, 1.3, -0.71)
PIXEL_AREA = 1.7 * 1.3
KNOWN_AREAS = list(zip(OUTLINES, AREAS, strict=True))


def moments(part: np.ndarray) -> tuple[float, float, float]:
    x, y = (X_EDGES[:-1] + X_EDGES[1:]) / 2, (Y_EDGES[:-1] + Y_EDGES[1:]) / 2
    total = part.sum()
    return total * PIXEL_AREA, float(part.sum(axis=0) @ x / total), float(part.sum(axis=1) @ y / total)


@pytest.mark.parametrize(("outline", "area"), KNOWN_AREAS)
def test_sharp_coverage_sums_to_the_area(outline: Outline, area: float) -> None:
    total, _, _ = moments(outline.coverage(X_EDGES, Y_EDGES))
    assert total == pytest.approx(area, rel=1e-12)  # exact areas: arithmetic only
    assert outline.area_mm2 == pytest.approx(area, rel=1e-12)


@pytest.mark.parametrize(("outline", "area"), KNOWN_AREAS)
def test_blur_keeps_the_area(outline: Outline, area: float) -> None:
    total, _, _ = moments(outline.coverage(X_EDGES, Y_EDGES, 3.5))
    assert total == pytest.approx(area, rel=1e-9)  # the tail beyond 6.5 sigma is 4e-11


@pytest.mark.parametrize("outline", OUTLINES)
@pytest.mark.parametrize("edge_fwhm_mm", [0.0, 3.5])
def test_coverage_lies_between_none_and_all(outline: Outline, edge_fwhm_mm: float) -> None:
    part = outline.coverage(X_EDGES, Y_EDGES, edge_fwhm_mm)
    assert part.shape == (90, 70)
    assert part.min() == 0
    assert part.max() == pytest.approx(1, abs=1e-12)  # arithmetic only
    assert part.max() <= 1


@pytest.mark.parametrize("outline", OUTLINES)
def test_field_stays_where_it_is_put(outline: Outline) -> None:
    _, x, y = moments(outline.coverage(X_EDGES, Y_EDGES, 3.5))
    # A symmetric outline about (0, 0), in pixels that are not: what remains is the spread of the centroid of
    # each pixel's part, whose second order is the pixel squared over the field.
    assert (x, y) == (pytest.approx(0, abs=2e-3), pytest.approx(0, abs=2e-3))


@pytest.mark.parametrize("outline", OUTLINES)
@pytest.mark.parametrize("edge_fwhm_mm", [0.0, 2.6])
def test_coverage_of_a_pixel_is_the_mean_of_its_parts(outline: Outline, edge_fwhm_mm: float) -> None:
    coarse = outline.coverage(X_EDGES, Y_EDGES, edge_fwhm_mm)
    fine = outline.coverage(edges(350, 0.34, 0.43), edges(450, 0.26, -0.71), edge_fwhm_mm)
    # The Gauss-Legendre means are right to 1e-7.
    np.testing.assert_allclose(fine.reshape(90, 5, 70, 5).mean(axis=(1, 3)), coarse, rtol=0, atol=1e-7)


def test_x_runs_along_the_columns() -> None:
    part = WIDE.coverage(X_EDGES, Y_EDGES)
    rows, columns = np.nonzero(part == 1)
    assert len(set(columns)) == len([x for x in X_EDGES if abs(x) < 45.5]) - 1
    assert len(set(rows)) == len([y for y in Y_EDGES if abs(y) < 23.5]) - 1


@pytest.mark.parametrize("edge_fwhm_mm", [0.0, 3.5])
def test_turned_outline_gives_the_transposed_coverage(edge_fwhm_mm: float) -> None:
    lying = CutCorners(91.0, 47.0, 13.0).coverage(X_EDGES, Y_EDGES, edge_fwhm_mm)
    standing = CutCorners(47.0, 91.0, 13.0).coverage(Y_EDGES, X_EDGES, edge_fwhm_mm)
    np.testing.assert_allclose(standing.T, lying, rtol=0, atol=1e-12)  # arithmetic only


def test_pixel_on_the_edge_has_its_part() -> None:
    part = Rectangle(5.0, 3.0).coverage(np.array([0.0, 2.0, 3.0]), np.array([-2.0, -1.0, 1.0]))
    np.testing.assert_allclose(part, [[0.5, 0.25], [1.0, 0.5]], rtol=1e-15)


def test_pixel_on_a_cut_corner_has_its_triangle() -> None:
    # The cut runs from (10, 6) to (8, 8): all of the pixel [8, 9] x [6, 7] is inside, of the next one half.
    part = CutCorners(20.0, 16.0, 2.0).coverage(np.array([8.0, 9.0, 10.0]), np.array([6.0, 7.0, 8.0]))
    np.testing.assert_allclose(part, [[1.0, 0.5], [0.5, 0.0]], atol=1e-14)


def test_pixel_that_holds_a_whole_circle() -> None:
    part = Circle(2.0).coverage(np.array([-3.0, 1.0, 5.0]), np.array([-1.5, 2.5]))
    np.testing.assert_allclose(part, [[math.pi / 16, 0.0]], rtol=1e-14)


def test_quarter_of_a_circle() -> None:
    part = Circle(4.0).coverage(np.array([0.0, 2.0]), np.array([-2.0, 0.0, 2.0]))
    np.testing.assert_allclose(part, [[math.pi / 4], [math.pi / 4]], rtol=1e-14)


def test_fwhm_is_that_of_the_line_the_edge_blurs_to() -> None:
    # The derivative of the blurred edge is a Gaussian: at half the FWHM from the edge half of its height.
    step, fwhm = 1e-3, 3.5

    def slope(x_mm: float) -> float:
        at = np.array([x_mm - step, x_mm, x_mm + step])
        left, right = Rectangle(91.0, 47.0).coverage(at, np.array([-1.0, 1.0]), fwhm)[0]
        return float(left - right)

    assert slope(45.5 + fwhm / 2) / slope(45.5) == pytest.approx(0.5, rel=1e-5)  # differences of step 1e-3
    assert slope(45.5 - fwhm / 2) / slope(45.5) == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize(
    ("outline", "corner_deg"),
    [
        (Rectangle(91.0, 47.0), 90),
        (CutCorners(91.0, 47.0, 13.0), 135),
        (Hexagon(61.0, 7.0), 120),
        (Octagon(67.0), 135),
    ],
)
def test_blurred_corner_holds_its_angle(outline: Outline, corner_deg: float) -> None:
    # At a corner, the part of any round blur that lies inside is the corner's angle over the whole turn.
    x, y = outline.corners_mm()[0]
    around = np.array([-1e-4, 1e-4])
    part = outline.coverage(x + around, y + around, 3.5)
    assert part[0, 0] == pytest.approx(corner_deg / 360, abs=1e-8)  # pixel of 1e-4 sigma


def test_rectangle_as_a_polygon_is_the_same() -> None:
    # Owen's T over the sides against the product of two error functions.
    square = CutCorners(60.0, 50.0, 1e-9)
    exact = Rectangle(60.0, 50.0).coverage(X_EDGES, Y_EDGES, 3.5)
    np.testing.assert_allclose(square.coverage(X_EDGES, Y_EDGES, 3.5), exact, rtol=0, atol=1e-7)


def test_blurred_polygon_against_a_sum_of_shifted_sharp_ones() -> None:
    # Convolution done another way: the mean of sharp coverages, shifted by a normal distribution's quantiles.
    outline, sigma = Hexagon(61.0, 7.0), 3.5 / 2.3548200450309493
    at, weight = np.polynomial.hermite.hermgauss(40)
    total = sum(
        wx * wy / math.pi * outline.coverage(X_EDGES + x * sigma * 2**0.5, Y_EDGES + y * sigma * 2**0.5)
        for x, wx in zip(at, weight, strict=True)
        for y, wy in zip(at, weight, strict=True)
    )
    # Sharp pixels have kinks: 40 Gauss-Hermite nodes leave 2e-3.
    np.testing.assert_allclose(total, outline.coverage(X_EDGES, Y_EDGES, 3.5), rtol=0, atol=3e-3)


def test_blurred_circle_against_its_integral() -> None:
    # The blurred disc at radius r: the integral of u / s^2 exp(-(u - r)^2 / 2 s^2) I0e(u r / s^2) over u.
    from scipy.special import i0e

    sigma, radius, pixel = 3.5 / 2.3548200450309493, 31.85, 1e-3
    u = np.linspace(0, radius, 200_001)
    for r in (28.0, 31.0, 31.85, 34.5):
        ring = u / sigma**2 * np.exp(-((u - r) ** 2) / (2 * sigma**2)) * i0e(u * r / sigma**2)
        exact = float(np.trapezoid(ring, u))
        around = np.array([-pixel, pixel])
        part = Circle(2 * radius).coverage(r * 0.8 + around, r * 0.6 + around, 3.5)[0, 0]
        assert part == pytest.approx(exact, abs=0.05 * (3.5 / 63.7) ** 2)  # as documented


@pytest.mark.parametrize("outline", OUTLINES)
def test_extents_support_and_farthest_point_agree(outline: Outline) -> None:
    width, height = outline.extents_mm
    assert outline.support_mm(1, 0)[0] == pytest.approx(width / 2, rel=1e-12)
    assert outline.support_mm(0, -1)[1] == pytest.approx(-height / 2, rel=1e-12)
    far = outline.farthest_mm(3.0, -5.0)
    angles = np.linspace(0, 2 * math.pi, 721)
    boundary = [outline.support_mm(math.cos(angle), math.sin(angle)) for angle in angles]
    greatest = max(math.dist(point, (3.0, -5.0)) for point in boundary)
    assert math.dist(far, (3.0, -5.0)) == pytest.approx(greatest, rel=1e-4)  # steps of half a degree


@pytest.mark.parametrize("outline", OUTLINES)
def test_depth_and_containment(outline: Outline) -> None:
    x, y = outline.support_mm(0.8, -0.6)
    assert outline.contains(0.999 * x, 0.999 * y)
    assert not outline.contains(1.001 * x, 1.001 * y)
    assert outline.contains(np.array([0.0, 200.0]), 0.0).tolist() == [True, False]


def test_depth_is_the_distance_to_the_nearest_side() -> None:
    assert WIDE.depth_mm(40.0, -2.0) == pytest.approx(5.5)
    assert WIDE.depth_mm(2.0, 20.0) == pytest.approx(3.5)
    assert WIDE.depth_mm(-50.0, 0.0) == pytest.approx(-4.5)
    assert Hexagon(60.0).depth_mm(20.0, 0.0) == pytest.approx(10.0)  # a flat side faces right
    assert Hexagon(60.0, 30.0).depth_mm(0.0, -20.0) == pytest.approx(10.0)  # turned: a flat side is up


def test_hexagon_turns_counter_clockwise_as_displayed() -> None:
    # The middle of the right flat side goes up, to negative y.
    turn = math.radians(10)
    on_side = (30 * math.cos(turn), -30 * math.sin(turn))
    assert Hexagon(60.0, 10.0).depth_mm(*on_side) == pytest.approx(0, abs=1e-12)
    assert abs(float(Hexagon(60.0, -10.0).depth_mm(*on_side))) > 0.1


@pytest.mark.parametrize(
    "make",
    [
        lambda: Rectangle(0.0, 5.0),
        lambda: Rectangle(5.0, math.nan),
        lambda: CutCorners(20.0, 10.0, 5.0),
        lambda: Circle(-1.0),
        lambda: Hexagon(math.inf),
        lambda: Octagon(0.0),
    ],
)
def test_impossible_outlines_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"outline|corners"):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("outline", OUTLINES)
@pytest.mark.parametrize("blur", [-1.0, math.nan, math.inf])
def test_impossible_blurs_are_refused(outline: Outline, blur: float) -> None:
    with pytest.raises(ValueError, match="FWHM"):
        outline.coverage(X_EDGES, Y_EDGES, blur)


def test_blur_beyond_the_method_is_refused() -> None:
    with pytest.raises(ValueError, match="too wide for the circle"):
        Circle(10.0).coverage(X_EDGES, Y_EDGES, 3.5)
    with pytest.raises(ValueError, match="too fine for pixels"):
        Hexagon(60.0).coverage(X_EDGES, Y_EDGES, 0.05)
