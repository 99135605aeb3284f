"""Polar figures: which way round, where zero is, and what is joined with what."""

from xml.etree import ElementTree

import numpy as np
import pytest

from nmqc.model import Line, Polar
from nmqc.report import figures
from nmqc.report.figures import polar
from nmqc.report.figures.polar import joined
from tests.report import turning
from tests.report.test_figures import PIXELS_PER_POINT, SVG, drawn, written


def line(label, angle_deg, value, style="main", error=None):
    given = None if error is None else np.array(error, float)
    return Line(label, np.array(angle_deg, float), np.array(value, float), style, given)


def figure(*lines):
    return Polar("residuals", "residual / mm", lines)


@pytest.fixture
def axes_drawn(monkeypatch):
    """The axes of every polar figure that is drawn, with their contents: their units are mm on paper."""
    kept = []
    draw = polar.draw_legend

    def watched(axes, listed):
        draw(axes, listed)
        kept.append(axes)

    monkeypatch.setattr(polar, "draw_legend", watched)
    return kept


def named(axes, label):
    """Where the points of a line are, in mm to the right of the middle and above it."""
    (found,) = (one for one in axes.lines if one.get_label() == label)
    return np.stack(found.get_data())


def radius_of_zero(axes):
    (zero,) = (one for one in axes.lines if one.get_color() == polar._ZERO_COLOUR)
    return np.hypot(*zero.get_data())


# --- which way round ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("angle", "right", "above"),
    [(0, 0, -1), (90, 1, 0), (180, 0, 1), (270, -1, 0), (30, 0.5, -(0.75**0.5)), (-60, -(0.75**0.5), -0.5)],
)
def test_zero_is_at_the_bottom_and_angles_grow_counter_clockwise(axes_drawn, angle, right, above):
    figures.svg(figure(line("a", [angle], [2.0], "points")))
    place = named(axes_drawn[0], "a")[:, 0]
    assert place / np.hypot(*place) == pytest.approx((right, above), abs=1e-12)


def test_on_paper_it_is_the_same_way_round_and_round():
    """Wrong: an axis turned over, or drawn wider than high."""
    near, far = (
        figures.svg(figure(line("a", [60], [place], "points"), line("", [60], [-place], "guide")))
        for place in (-9.0, 10.0)
    )
    found = ElementTree.fromstring(far).find(f".//{SVG}clipPath/{SVG}rect")
    left, top, width, height = (float(found.get(name)) for name in ("x", "y", "width", "height"))
    rows, columns = np.nonzero(abs(drawn(near) - drawn(far)) > 60)
    x = columns - (left + width / 2) * PIXELS_PER_POINT
    y = rows - (top + height / 2) * PIXELS_PER_POINT
    outer = np.hypot(x, y) > 0.9 * np.hypot(x, y).max()
    # to the right and below; the marker is 10 pixels wide, and 195 from the middle
    assert np.degrees(np.arctan2(x[outer].mean(), y[outer].mean())) == pytest.approx(60, abs=1.5)


def test_angles_are_written_at_the_rim():
    texts = written(figures.svg(figure()))
    assert [text for text in texts if text.endswith("°")] == [f"{angle}°" for angle in range(0, 360, 45)]


# --- values ---------------------------------------------------------------------------------------------


def test_zero_is_a_circle_and_negative_values_lie_inside_it(axes_drawn):
    figures.svg(figure(line("a", [10, 130, 250], [-0.3, 0.0, 0.7], "points")))
    (axes,) = axes_drawn
    circle = radius_of_zero(axes)
    assert circle == pytest.approx(circle[0], rel=1e-12)  # arithmetic only
    inside, on, outside = np.hypot(*named(axes, "a"))
    assert 0 < inside < circle[0] < outside
    assert on == pytest.approx(circle[0], rel=1e-12)
    # the scale is the same in and out
    assert (outside - on) / 0.7 == pytest.approx((on - inside) / 0.3, rel=1e-9)


def test_rings_hold_all_values_with_their_errors_and_are_numbered(axes_drawn):
    """Of -0.3 to 0.7, with an error of 0.45 on the largest: rings from -0.5 to 1.5, the last beyond 1.15."""
    svg = figures.svg(figure(line("a", [10, 130, 250], [-0.3, 0.0, 0.7], "points", [0.01, 0.01, 0.45])))
    (axes,) = axes_drawn
    assert [text.get_text() for text in axes.texts][8:13] == ["−0.5", "0.0", "0.5", "1.0", "1.5"]
    limits = {text.get_text(): np.hypot(*text.get_position()) for text in axes.texts}
    top = [one.get_data() for one in axes.lines if one.get_label().startswith("_")]
    assert max(np.hypot(*np.stack(data)).max() for data in top) <= limits["1.5"] + 1e-9
    assert limits["0.0"] == pytest.approx(radius_of_zero(axes)[0], rel=1e-12)
    assert "residual / mm" in written(svg)


@pytest.mark.parametrize(
    ("angles", "expected"),
    [
        (np.arange(30.0, 210.0, 6.0), 337.5),
        (np.arange(200.0, 380.0, 6.0), 157.5),
        (np.arange(110.0, 422.0, 6.0), 83.0),
        (np.arange(0.0, 360.0, 6.0), 157.5),
    ],
)
def test_the_numbers_of_the_rings_stand_where_an_arc_leaves_room(axes_drawn, angles, expected):
    """By hand: an arc from 30 to 204 leaves the gap 204 to 390, with the steep radius of 337.5; 110 to 416 leaves
    56 to 110 without one: its middle."""
    figures.svg(figure(line("a", angles, np.sin(angles))))
    x, y = axes_drawn[0].texts[-2].get_position()
    assert np.degrees(np.arctan2(x, -y)) % 360 == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("values", [[0.0] * 8, [], [3.0], [-2.0] * 9, [1e-9, -1e-9, 0.0]])
def test_values_all_alike_none_and_tiny_ones_are_drawn(axes_drawn, values):
    svg = figures.svg(figure(line("a", np.linspace(0, 300, len(values)), values)))
    assert radius_of_zero(axes_drawn[0])[0] > 0
    numbers = [text.get_text() for text in axes_drawn[0].texts][8:-1]
    assert len(numbers) in (3, 4, 5)
    if not np.any(values):
        assert numbers == ["−1.0", "−0.5", "0.0", "0.5", "1.0"]
    assert "nan" not in svg.lower()


def test_errors_of_points_are_bars_along_the_radius(axes_drawn):
    figures.svg(
        figure(line("a", [20.0], [0.5], "points", [0.2]), line("b", [20.0, 20.0], [0.3, 0.7], "points"))
    )
    (axes,) = axes_drawn
    bars = [np.stack(one.get_data()) for one in axes.lines if one.get_linewidth() == 0.6]
    assert bars[0] == pytest.approx(named(axes, "b"), rel=1e-12)


def test_the_error_of_a_line_is_a_band_about_it(axes_drawn):
    angle = np.arange(0.0, 360.0, 30.0)
    value, error = 0.3 * np.cos(np.radians(angle)), 0.02 + angle / 3600
    figures.svg(
        figure(
            line("a", angle, value, "main", error),
            line("low", angle, value - error),
            line("high", angle, value + error),
        )
    )
    (axes,) = axes_drawn
    (band,) = axes.patches
    corners = {tuple(corner) for corner in band.get_xy().round(9)}
    expected = np.concatenate([named(axes, "low"), named(axes, "high")], axis=1).T
    assert corners == {tuple(corner) for corner in expected.round(9)}


# --- joining --------------------------------------------------------------------------------------------


def test_points_are_joined_in_order_of_angle_whatever_their_order():
    angle, value = joined(np.array([200.0, 10.0, 90.0]), np.array([3.0, 1.0, 2.0]))
    assert (np.diff(angle) > 0).all()
    assert [value[np.argmin(abs(angle - at))] for at in (10.0, 90.0, 200.0)] == [1.0, 2.0, 3.0]


def test_between_two_angles_the_value_grows_evenly_so_that_a_constant_is_an_arc():
    angle, value = joined(np.arange(0.0, 360.0, 45.0), np.full(8, 0.25))
    assert value == pytest.approx(0.25, rel=1e-12)
    assert np.diff(angle).max() <= 2.0 + 1e-9
    angle, value = joined(np.array([0.0, 90.0]), np.array([0.0, 9.0]))
    assert value == pytest.approx(angle / 10, abs=1e-12)


@pytest.mark.parametrize("start", [0.0, 13.7, 350.0])
@pytest.mark.parametrize("sense", [1, -1])
def test_a_full_circle_is_closed_and_an_arc_is_open_at_its_gap(start, sense):
    """An arc over 0 degrees that is sorted by angle alone would be joined straight across its gap."""
    full = start + sense * np.arange(0, 360, 6.0)
    angle, value = joined(full, np.arange(60.0))
    assert angle[-1] - angle[0] == pytest.approx(360, abs=1e-9)
    assert value[0] == value[-1]
    arc = start + sense * np.arange(0, 180, 6.0)
    angle, value = joined(arc, np.arange(30.0))
    assert angle[-1] - angle[0] == pytest.approx(174, abs=1e-9)
    assert {value[0], value[-1]} == {0.0, 29.0}
    assert np.mod(angle[value == 0][0] - start + 1, 360) == pytest.approx(1, abs=1e-9)


def test_a_view_that_is_missing_opens_the_circle_there():
    kept = np.delete(np.arange(0.0, 360.0, 6.0), 20)
    angle, _ = joined(kept, kept)
    assert angle[0] == 126.0
    assert angle[-1] == 114.0 + 360


def test_two_rotations_keep_every_value():
    """Each angle twice: interpolation over the angle would keep one of the two."""
    angle, value = joined(np.tile(np.arange(0.0, 360.0, 30.0), 2), np.arange(24.0))
    assert set(np.arange(24.0)) <= set(value)
    assert angle[-1] - angle[0] == pytest.approx(360, abs=1e-9)


def test_few_points_are_joined():
    assert joined(np.array([400.0]), np.array([2.0])) == (pytest.approx(40.0), pytest.approx(2.0))
    assert joined(np.array([]), np.array([]))[0].size == 0


# --- looks ----------------------------------------------------------------------------------------------


def test_lines_differ_in_colour_and_dashes_and_parts_of_one_share_them(axes_drawn):
    angle = np.arange(0.0, 360.0, 10.0)
    lines = [line(f"source {n}", angle, np.cos(angle) + n) for n in range(5)]
    figures.svg(
        figure(line("mean", angle, 0 * angle, "guide"), *lines, line("source 2", angle, np.sin(angle)))
    )
    drawn_lines = {}
    for one in axes_drawn[0].lines:
        drawn_lines.setdefault(one.get_label(), []).append((one.get_color(), str(one._dash_pattern)))
    looks = [drawn_lines[f"source {n}"][0] for n in range(5)]
    assert len({colour for colour, _ in looks}) == len({dashes for _, dashes in looks}) == 5
    assert looks[0][0] == "#000000"
    assert drawn_lines["source 2"][0] == drawn_lines["source 2"][1]
    texts = [text.get_text() for text in axes_drawn[0].get_legend().get_texts()]
    assert texts == ["mean", *(f"source {n}" for n in range(5))]


def test_points_of_several_lines_differ_in_shape(axes_drawn):
    figures.svg(figure(*(line(f"{n}", [0.0, 90.0], [n, n], "points") for n in range(3))))
    shapes = {one.get_marker() for one in axes_drawn[0].lines if one.get_label() in "012"}
    assert len(shapes) == 3


def test_texts_are_never_formulas_nor_break_the_file():
    nasty = Polar("$x$ <&> --> \x07", "a_b^{c} <&>", (line("$\\alpha$ \x07 漢 -- <b>", [0, 90], [1, 2]),))
    ElementTree.fromstring(figures.svg(nasty))


def test_the_sample_is_drawn_with_all_its_names():
    assert set(turning.NAMES) <= set(written(figures.svg(turning.polar())))
