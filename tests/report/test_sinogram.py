"""Sinograms: columns in mm, views downwards from the first, tracks seen on dark and on light."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from nmqc.model import Line, Sinogram
from nmqc.report import figures
from nmqc.report.figures import sinogram as module
from tests.report import turning
from tests.report.test_figures import PIXELS_PER_POINT, SVG, drawn, frame, points, written

VIEWS, COLUMNS, PIXEL_MM = 9, 12, 20.0
# View 3 and column 10 of 12: right of the middle and above it.
BRIGHT_VIEW, BRIGHT_COLUMN = 3, 9
BRIGHT_MM = (9 - 5.5) * 20.0


def lone(*tracks, level=0.0, views=VIEWS):
    image = np.full((views, COLUMNS), level)
    image[BRIGHT_VIEW - 1, BRIGHT_COLUMN] = 9.0
    return Sinogram("one", image, PIXEL_MM, "counts", tracks)


def track(label, x_mm, view, style="main"):
    return Line(label, np.array(x_mm, float), np.array(view, float), style)


def five(styles=("main",) * 5):
    return [track(f"source {n}", [-90.0 + 40 * n] * 2, [1, VIEWS], style) for n, style in enumerate(styles)]


def place(svg, x, y):
    """A place in the SVG in mm and views, by the edges worked out by hand: 12 x 20 mm, views 1/2 to 9 1/2."""
    left, right, bottom, top = frame(svg)
    return -120 + 240 * (x - left) / (right - left), 0.5 + VIEWS * (y - top) / (bottom - top)


def drawn_tracks(svg):
    """The paths inside the axes and their styles; each is stroked twice, its rim first."""
    paths = [path for path in ElementTree.fromstring(svg).iter(f"{SVG}path") if path.get("clip-path")]
    return [(points(path.get("d")), path.get("style")) for path in paths]


def looks(svg):
    """The styles of the tracks themselves, without their rims and without points."""
    return [
        style for _, style in drawn_tracks(svg) if "stroke: #" in style and "stroke: #000000" not in style
    ]


def test_a_view_and_a_column_are_drawn_where_they_are():
    """Wrong: views upwards, mirrored columns, half a column or half a view beside."""
    svg = figures.svg(lone())
    left, right, bottom, top = (edge * PIXELS_PER_POINT for edge in frame(svg))
    grey = drawn(svg)[int(top) + 8 : int(bottom) - 8, int(left) + 8 : int(right) - 8]
    rows, columns = np.nonzero(grey > 128)
    x = (columns.mean() + 0.5 + int(left) + 8) / PIXELS_PER_POINT
    y = (rows.mean() + 0.5 + int(top) + 8) / PIXELS_PER_POINT
    x_mm, view = place(svg, x, y)
    assert x_mm == pytest.approx(BRIGHT_MM, abs=0.5)  # a fortieth of a column, of which a half is 10 mm
    assert view == pytest.approx(BRIGHT_VIEW, abs=0.03)


def test_a_track_is_drawn_over_its_views():
    svg = figures.svg(lone(track("source 1", [70.0, -35.0], [3, 8])))
    ((path, _), (again, _)) = drawn_tracks(svg)
    for corners in (path, again):
        # the SVG writes six decimals of a point
        assert place(svg, *corners[0]) == pytest.approx((70.0, 3.0), abs=1e-3)
        assert place(svg, *corners[1]) == pytest.approx((-35.0, 8.0), abs=1e-3)


@pytest.mark.parametrize("level", [0.0, 9.0], ids=["dark", "bright"])
def test_every_track_is_seen_on_dark_and_on_bright(level):
    """A light line with a dark rim: the one is seen on a dark image, the other on a bright one."""
    svg = figures.svg(lone(*five(), level=level))
    left, right, bottom, top = (edge * PIXELS_PER_POINT for edge in frame(svg))
    grey = drawn(svg)[int(top) + 8 : int(bottom) - 8]
    for one in five():
        middle = left + (right - left) * (one.x[0] + 120) / 240
        beside = grey[:, int(middle) - 8 : int(middle) + 8]
        seen = beside < 60 if level else beside > 150
        assert seen.any(axis=1).mean() > 0.3  # the sparsest dashes take four tenths of their length


def test_tracks_differ_in_colour_and_in_dashes_and_both_are_in_the_legend():
    svg = figures.svg(lone(*five()))
    lines = looks(svg)
    assert len({re.search("stroke: (#[0-9a-f]+)", style).group(1) for style in lines}) == 5
    dashes = [re.search(r"stroke-dasharray: ([^;]*)", style) for style in lines]
    assert len({found and found.group(1) for found in dashes}) == 5
    assert {f"source {n}" for n in range(5)} <= set(written(svg))


def test_parts_of_a_track_share_a_look_and_a_place_in_the_legend():
    """A gap is two lines of one name: a cycle by line would draw them in two colours."""
    parts = [
        track("source 1", [10, 20], [1, 4]),
        track("source 2", [60, 60], [1, 9]),
        track("source 1", [30, 40], [6, 9]),
    ]
    svg = figures.svg(lone(*parts))
    lines = looks(svg)
    assert lines[0] == lines[2] != lines[1]
    assert written(svg).count("source 1") == 1


def test_points_have_no_line_and_guides_take_no_colour():
    svg = figures.svg(lone(*five(("guide", "main", "points", "main", "main"))))
    lines = looks(svg)
    assert len(lines) == 4
    assert "stroke: #ffffff" in lines[0]
    assert "stroke: #ffffff" in lines[1]
    assert "stroke-dasharray" in lines[0]
    assert "stroke-dasharray" not in lines[1]


@pytest.mark.parametrize(
    ("views", "numbers"), [(3, ["1", "2", "3"]), (120, ["20", "40", "60", "80", "100", "120"])]
)
def test_views_have_whole_numbers(views, numbers):
    texts = written(figures.svg(lone(views=views)))
    after = texts.index("x / mm") + 1
    assert texts[after : texts.index("view (down)")] == numbers


def test_the_scale_begins_at_zero_and_says_its_unit():
    texts = written(figures.svg(lone(level=5.0)))
    assert texts[texts.index("view (down)") + 1 :] == ["0", "2", "4", "6", "8", "counts"]


def test_the_sample_and_odd_ones_are_drawn():
    figures.svg(turning.sinogram())
    figures.svg(Sinogram("flat", np.zeros((8, 5), dtype=np.uint16), 4.8, "counts", ()))
    nasty = track("$x$ <&> --> \x07 漢", [0.0], [1.0])
    ElementTree.fromstring(figures.svg(replace(lone(nasty), title="$]]><x>", unit="$%$")))


def test_a_track_beyond_the_image_does_not_widen_it():
    svg = figures.svg(lone(track("far", [-500.0, 500.0], [-3.0, 14.0]), track("near", [70.0, -35.0], [3, 8])))
    path, _ = drawn_tracks(svg)[-1]
    assert place(svg, *path[0]) == pytest.approx((70.0, 3.0), abs=1e-3)  # six decimals of a point


def test_there_is_a_look_for_as_many_sources_as_are_usual():
    colours, dashes = zip(*module._TRACKS, strict=True)
    assert len(set(colours)) == len({str(one) for one in dashes}) == 5
