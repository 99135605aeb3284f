"""Figures: everything where it is, told apart without colour, the same each time."""

import base64
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import typst

from nmqc.model import Band, Curve, Label, Line, Picture, Position
from nmqc.report import figures
from nmqc.report.figures import canvas, curve, legend, marks, polar, sinogram
from nmqc.report.figures import picture as pictures
from nmqc.report.figures.picture import drawn_values, edges_mm
from nmqc.report.figures.scale import colour_map, range_of
from nmqc.report.figures.sides import tick_words, ticks
from tests.report import samples, turning

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"
SPACING_MM = (14.0, 20.0)
CENTRE_MM = (35.0, -21.0)
# Row 2 and column 6 of 7 rows and 11 columns: one row above and one column right of the middle.
BRIGHT = (2, 6)
BRIGHT_MM = (35.0 + 20.0, -21.0 - 14.0)
PIXELS_PER_POINT = 4


def lone_pixel(**changes):
    """A coarse picture, not square, off the centre, with one bright pixel."""
    image = np.zeros((7, 11))
    image[BRIGHT] = 9.0
    return replace(Picture("one", image, SPACING_MM, "counts", CENTRE_MM), **changes)


def frame(svg):
    """Left, right, bottom and top of the image's frame, in points: the second patch of the figure."""
    found = ElementTree.fromstring(svg).find(f".//{SVG}g[@id='patch_2']/{SVG}path")
    numbers = np.array(re.findall(r"-?[\d.]+", found.get("d")), dtype=float).reshape(-1, 2)
    return numbers[:, 0].min(), numbers[:, 0].max(), numbers[:, 1].max(), numbers[:, 1].min()


def to_mm(svg, x, y):
    """A place in the SVG in mm, by the edges of the picture worked out by hand: 11 x 20 by 7 x 14 mm."""
    left, right, bottom, top = frame(svg)
    x_mm = CENTRE_MM[0] - 110 + 220 * (x - left) / (right - left)
    y_mm = CENTRE_MM[1] - 49 + 98 * (y - top) / (bottom - top)
    return x_mm, y_mm


def drawn(svg):
    """The figure as grey values, with so many pixels a point."""
    from PIL import Image

    files = {
        "main.typ": b'#set page(width: auto, height: auto, margin: 0pt)\n#image("f.svg")',
        "f.svg": svg.encode(),
    }
    png = typst.compile(files, format="png", ppi=72.0 * PIXELS_PER_POINT)
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=float)


def crosses(svg):
    """Where marks are drawn, in points: the middles of paths of two strokes."""
    paths = [
        path.get("d") for path in ElementTree.fromstring(svg).iter(f"{SVG}path") if path.get("clip-path")
    ]
    return {tuple(points(path).mean(axis=0).round(4)) for path in paths if path.count("M") == 2}


def points(path):
    """The points of a path of straight lines."""
    return np.array(re.findall(r"[ML] ([\d.-]+) ([\d.-]+)", path), dtype=float)


def test_edges_are_those_of_the_pixels():
    left, right, bottom, top = edges_mm(lone_pixel())
    assert (left, right) == (35 - 110, 35 + 110)
    assert (top, bottom) == (-21 - 49, -21 + 49)


def test_a_pixel_is_drawn_where_it_is():
    svg = figures.svg(lone_pixel())
    left, right, bottom, top = (edge * PIXELS_PER_POINT for edge in frame(svg))
    grey = drawn(svg)[int(top) + 8 : int(bottom) - 8, int(left) + 8 : int(right) - 8]
    rows, columns = np.nonzero(grey > 128)
    x = (columns.mean() + 0.5 + int(left) + 8) / PIXELS_PER_POINT
    y = (rows.mean() + 0.5 + int(top) + 8) / PIXELS_PER_POINT
    # 0.5 mm: a fortieth of the pixel; half a pixel off would be 10 or 7 mm
    assert to_mm(svg, x, y) == pytest.approx(BRIGHT_MM, abs=0.5)
    # The bright area is as large as the pixel: 1 % of the picture's width is 2.2 mm, a ninth of the pixel.
    assert np.ptp(columns) / (right - left) * 220 == pytest.approx(20, abs=1.0)
    assert np.ptp(rows) / (bottom - top) * 98 == pytest.approx(14, abs=1.0)


def test_a_mark_lands_right_and_below_for_positive_x_and_y():
    place = Position("max", 61.0, 13.0)
    svg = figures.svg(lone_pixel(marks=(place,)))
    (x, y) = crosses(svg).pop()
    left, right, bottom, top = frame(svg)
    assert to_mm(svg, x, y) == pytest.approx((61.0, 13.0), abs=1e-3)  # the SVG writes six decimals of a point
    assert x > (left + right) / 2
    assert y > (top + bottom) / 2


def test_regions_and_marks_share_the_image_s_millimetres():
    region = samples.rectangle("box", 20.0, 14.0, centre=BRIGHT_MM)
    svg = figures.svg(lone_pixel(regions=(region,), marks=(Position("x", *BRIGHT_MM),)))
    paths = [
        path.get("d") for path in ElementTree.fromstring(svg).iter(f"{SVG}path") if path.get("clip-path")
    ]
    corners = points(paths[0])
    assert to_mm(svg, *corners.min(axis=0)) == pytest.approx((BRIGHT_MM[0] - 10, BRIGHT_MM[1] - 7), abs=1e-3)
    assert to_mm(svg, *corners.max(axis=0)) == pytest.approx((BRIGHT_MM[0] + 10, BRIGHT_MM[1] + 7), abs=1e-3)
    assert to_mm(svg, *crosses(svg).pop()) == pytest.approx(BRIGHT_MM, abs=1e-3)


def test_a_millimetre_is_as_long_down_as_across():
    for picture in (lone_pixel(), samples.raw_picture(), samples.smooth_picture()):
        left, right, bottom, top = edges_mm(picture)
        across, _, down, up = frame(figures.svg(picture))
        wide = frame(figures.svg(picture))[1] - across
        assert (down - up) / (bottom - top) == pytest.approx(wide / (right - left), rel=1e-4)


def test_the_same_picture_gives_the_same_text():
    for evidence in (
        samples.raw_picture(),
        samples.profile("row"),
        turning.sinogram(),
        turning.polar(),
    ):
        first = figures.svg(evidence)
        figures.svg(lone_pixel())
        assert figures.svg(evidence) == first
        assert "<dc:date>" not in first


def test_a_reader_s_own_matplotlib_settings_change_nothing():
    import matplotlib

    first = figures.svg(samples.profile("row"))
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 20.0, "svg.fonttype": "none"}):
        assert figures.svg(samples.profile("row")) == first


def test_nothing_is_said_while_fonts_are_listed_for_the_first_time(tmp_path):
    """matplotlib says so where it takes more than five seconds: here at once."""
    program = (
        "import threading\n"
        "class Timer:\n"
        "    def __init__(self, after, say): self.start = say\n"
        "    def cancel(self): print('asked')\n"
        "threading.Timer = Timer\n"
        "from nmqc.report import figures\n"
        "from tests.report import samples\n"
        "figures.svg(samples.profile('row'))\n"
    )
    env = {**os.environ, "MPLCONFIGDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": "."}
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=env, cwd=root, check=True
    )
    assert (run.stdout, run.stderr) == ("asked\n", "")


def test_labels_neither_overlap_nor_leave_the_image(monkeypatch):
    boxes, inside = [], []
    draw = marks._draw_label

    def watched(axes, spot, taken):
        boxes.append(draw(axes, spot, taken))
        inside.append(axes.bbox)
        return boxes[-1]

    monkeypatch.setattr(marks, "_draw_label", watched)
    places = [
        Position(f"a longer mark {n}", *place)
        for n, place in enumerate([(140, 20), (138, 24), (-60, -60), (144, 27)])
    ]
    figures.svg(lone_pixel(marks=tuple(places)))
    assert len(boxes) == 4
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
        assert box.x0 >= inside[0].x0
        assert box.x1 <= inside[0].x1
        assert box.y0 >= inside[0].y0
        assert box.y1 <= inside[0].y1


def test_a_leader_ends_at_its_mark():
    svg = figures.svg(lone_pixel(marks=(Position("max", 61.0, 13.0),)))
    mark = np.array(crosses(svg).pop())
    paths = ElementTree.fromstring(svg).iter(f"{SVG}path")
    leader = next(path.get("d") for path in paths if "stroke-linecap: round" in path.get("style", ""))
    ends = np.array(re.findall(r"[\d.]+", leader), dtype=float).reshape(-1, 2)
    assert np.hypot(*(ends[-1] - mark)) < 3.0  # points: half the size of the cross


def test_marks_at_one_place_share_a_label():
    places = marks._spots(samples.raw_picture().marks)
    assert [spot.words for spot in places] == ["max UFOV, max CFOV", "min"]


def test_fine_images_are_averaged_and_keep_their_sum():
    image = np.random.default_rng(3).poisson(20.0, (1024, 2048))
    values = drawn_values(Picture("fine", image, (0.6, 0.6), "counts"))
    assert values.shape == (256, 512)
    assert values.mean() == pytest.approx(image.mean(), rel=1e-12)  # arithmetic only
    assert values[3, 7] == pytest.approx(image[12:16, 28:32].mean(), rel=1e-12)


def test_pixels_that_were_not_analysed_count_for_nothing():
    image = np.full((1024, 1024), 7.0)
    shown = np.ones(image.shape, dtype=bool)
    image[:3, :2], shown[:3, :2] = 1e6, False
    values = drawn_values(Picture("fine", image, (1.0, 1.0), "counts", shown=shown))
    assert values[0, 0] is np.ma.masked
    assert values[1, 0] == 7.0
    assert range_of(values, None) == (0.0, 7.0)


def test_an_image_whose_size_no_number_divides_is_drawn_whole():
    assert drawn_values(Picture("odd", np.ones((1021, 1019)), (1.0, 1.0), "counts")).shape == (
        1021,
        1019,
    )


def test_scales_start_at_zero_or_lie_about_their_midpoint():
    values = np.ma.masked_array([96.0, 101.0, np.nan], [False, False, True])
    assert range_of(values, None) == (0.0, 101.0)
    assert range_of(values, 100.0) == (96.0, 104.0)
    assert range_of(np.ma.masked_all(3), None) == (0.0, 1.0)


@pytest.mark.parametrize("midpoint", [None, 100.0])
def test_higher_is_lighter_also_in_black_and_white(midpoint):
    colours = colour_map(midpoint)(np.linspace(0, 1, 64))[:, :3]
    lightness = colours @ [0.2126, 0.7152, 0.0722]  # luminance of sRGB primaries, ITU-R BT.709
    assert (np.diff(lightness) > 0).all()


@pytest.mark.parametrize(
    ("limits", "expected", "words"),
    [
        ((-307.0, 307.0), [-200, 0, 200], ["−200", "0", "200"]),
        ((1.0, -1.0), [-1, -0.5, 0, 0.5, 1], ["−1.0", "−0.5", "0.0", "0.5", "1.0"]),
        ((0.0, 2.3e6), [0, 5e5, 1e6, 1.5e6, 2e6], ["0", "500000", "1e+06", "1.5e+06", "2e+06"]),
    ],
)
def test_ticks_are_round_numbers(limits, expected, words):
    assert ticks(limits) == pytest.approx(expected, abs=1e-9)
    assert tick_words(ticks(limits)) == words


def test_tiny_numbers_at_ticks_are_short():
    """Residuals of a phantom without noise: nine decimals and more would run into each other."""
    assert tick_words([-2e-9, -1e-9, 0.0, 1e-9]) == ["−2e−09", "−1e−09", "0", "1e−09"]
    assert tick_words([0.0, 1e-5]) == ["0.00000", "0.00001"]


def test_lines_of_a_curve_are_told_apart_without_colour():
    svg = figures.svg(samples.profile("row"))
    strokes = re.findall(r'clip-path="[^"]+" style="fill: none; ([^"]*)"', svg)
    dashes = [re.search(r"stroke-dasharray: ([^;]*)", stroke) for stroke in strokes]
    assert len({dash and dash.group(1) for dash in dashes} - {None}) >= 2
    assert None in dashes


def test_texts_are_never_formulas_nor_break_the_file():
    curve = Curve(
        "$x$ <&> --> \x07",
        "$x$ / mm",
        "a_b^{c} <&>",
        (Line("$\\alpha$ \x07 漢 -- <b>", np.arange(3.0), np.arange(3.0)),),
    )
    ElementTree.fromstring(figures.svg(curve))
    picture = lone_pixel(title="$]]><x>", unit="$%$", marks=(Position("$max$ <&>", 35.0, 0.0),))
    ElementTree.fromstring(figures.svg(picture))


def test_the_image_is_not_smoothed():
    svg = figures.svg(lone_pixel())
    href = ElementTree.fromstring(svg).find(f".//{SVG}image").get(LINK)
    from PIL import Image

    embedded = Image.open(io.BytesIO(base64.b64decode(href.partition(",")[2])))
    assert embedded.size == (11, 7)


@pytest.mark.parametrize("value", [0.0, -3.0, 5.0])
def test_images_of_one_value_are_drawn(value):
    for scale in ("counts", "diverging"):
        figures.svg(Picture("flat", np.full((3, 5), value), (1.0, 1.0), "counts", scale=scale))


def test_curves_of_one_point_are_drawn():
    figures.svg(Curve("one", "x / mm", "y / mm", (Line("", np.array([2.0]), np.array([3.0])),)))
    figures.svg(Curve("none", "x / mm", "y / mm", ()))


# --- texts, many regions, points, bands -----------------------------------------------------------------


@pytest.fixture
def axes_drawn(monkeypatch):
    """The axes of every figure that is drawn, with their contents."""
    kept = []
    draw = legend.draw_legend

    def watched(axes, listed):
        draw(axes, listed)
        kept.append(axes)

    for module in (curve, pictures, polar, sinogram):
        monkeypatch.setattr(module, "draw_legend", watched)
    return kept


def written(svg):
    """The texts of a figure: matplotlib keeps each in a comment beside its outlines."""
    return re.findall(r"<!-- (.*?) -->", svg)


@pytest.mark.parametrize("level", [0.0, 9.0], ids=["dark", "bright"])
def test_a_text_is_where_it_belongs_and_readable_on_dark_and_bright(level):
    """Light letters with a dark rim: both are seen, and their middle is the place in mm."""
    image = np.full((7, 11), level)
    image[0, 0] = 9.0  # so that the scale is the same
    plain = lone_pixel(image=image)
    place = (61.0, 13.0)
    label = Label("3.18 mm", *place)
    before = drawn(figures.svg(plain))
    svg = figures.svg(replace(plain, labels=(label,)))
    after = drawn(svg)
    changed = np.abs(after - before) > 40
    rows, columns = np.nonzero(changed)
    x = (columns.min() + columns.max() + 1) / 2 / PIXELS_PER_POINT
    y = (rows.min() + rows.max() + 1) / 2 / PIXELS_PER_POINT
    # 3 mm of the picture's 220 are 0.8 mm on paper: digits have no descenders, so the middle lies a little higher
    assert to_mm(svg, x, y) == pytest.approx(place, abs=3.0)
    area = after[rows.min() : rows.max(), columns.min() : columns.max()]
    assert area.min() < 40
    assert area.max() > 215


def test_many_regions_share_a_short_legend():
    """Forty boxes are not listed, nor regions without a name; a name of several regions stands once."""
    names = written(figures.svg(samples.bars_picture()))
    assert names.count("ROI") == 1
    assert names.count("quadrants") == 1
    assert not any(name.startswith("strip") for name in names)
    nameless = replace(
        lone_pixel(), regions=tuple(replace(one, label="") for one in samples.raw_picture().regions)
    )
    assert legend.legend_of([one.label for one in nameless.regions]).names == ()
    assert len(re.findall("<!-- ", figures.svg(nameless))) == len(
        re.findall("<!-- ", figures.svg(lone_pixel()))
    )


def test_all_outlines_of_all_regions_are_drawn():
    """Four discs, two lines of the cross, forty boxes."""
    svg = figures.svg(replace(samples.bars_picture(), labels=()))
    paths = [p.get("d") for p in ElementTree.fromstring(svg).iter(f"{SVG}path") if p.get("clip-path")]
    # each outline is stroked twice: its dark rim, and itself
    assert len(paths) == 2 * (4 + 2 + 40)


@pytest.mark.parametrize("number", [1, 4, 7, 12])
def test_a_legend_stays_inside_the_figure_and_above_the_axes(axes_drawn, number):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    x = np.arange(3.0)
    lines = tuple(Line(f"the line number {n}, a long name", x, x + n) for n in range(number))
    figures.svg(Curve("many", "x / mm", "y / mm", lines))
    (axes,) = axes_drawn
    with canvas.settings():
        renderer = FigureCanvasAgg(axes.figure).get_renderer()
        box = axes.get_legend().get_window_extent(renderer)
    assert len(axes.get_legend().get_texts()) == number
    assert box.x1 <= axes.figure.bbox.x1
    assert box.y1 <= axes.figure.bbox.y1 + 1.0  # points: the empty margin of the legend's box
    assert box.y0 >= axes.bbox.y1 - 0.5


def test_legends_use_the_width_that_there_is():
    assert legend.legend_of(["UFOV", "CFOV", "mean"]).rows == 1
    assert (
        legend.legend_of(["a rather long name of a line"] * 2 + ["another such name of a line"]).columns == 1
    )
    assert legend.legend_of([]).rows == 0


def test_points_have_no_line_and_bars_of_one_standard_deviation(axes_drawn):
    x, y, error = np.array([3.0, 1.0, 2.0]), np.array([0.5, 0.2, 0.4]), np.array([0.1, 0.02, 0.05])
    figures.svg(Curve("points", "x / mm", "y / mm", (Line("p", x, y, "points", error),)))
    (container,) = axes_drawn[0].containers
    markers, _, (bars,) = container
    assert markers.get_linestyle() == "None"
    assert markers.get_marker() != "None"
    assert np.array(bars.get_segments()) == pytest.approx(
        np.array([[(u, v - e), (u, v + e)] for u, v, e in zip(x, y, error, strict=True)]), rel=1e-12
    )
    low, high = axes_drawn[0].get_ylim()
    assert low < 0.18
    assert high > 0.6


def test_points_without_errors_are_drawn_and_differ_in_shape(axes_drawn):
    x = np.arange(3.0)
    figures.svg(Curve("p", "x / mm", "y / mm", tuple(Line(f"{n}", x, x + n, "points") for n in range(3))))
    shapes = [container[0].get_marker() for container in axes_drawn[0].containers]
    assert len(set(shapes)) == 3


@pytest.mark.parametrize("style", ["main", "second"])
def test_the_error_of_a_line_is_a_band_about_it(axes_drawn, style):
    x, y, error = np.array([0.0, 1.0, 4.0]), np.array([5.0, 7.0, 6.0]), np.array([0.5, 1.0, 0.25])
    figures.svg(Curve("band", "x / mm", "y / mm", (Line("fit", x, y, style, error),)))
    (band,) = axes_drawn[0].collections[:1]
    corners = {(float(u), float(v)) for u, v in band.get_paths()[0].vertices}
    assert corners == {(0.0, 4.5), (0.0, 5.5), (1.0, 6.0), (1.0, 8.0), (4.0, 5.75), (4.0, 6.25)}
    assert axes_drawn[0].get_ylim()[1] > 8.0


def test_axes_have_the_names_that_the_picture_gives_them():
    assert {"x / mm", "y / mm (down)"} <= set(written(figures.svg(lone_pixel())))
    names = written(figures.svg(lone_pixel(axes=("x", "z"))))
    assert {"x / mm", "z / mm (down)"} <= set(names)
    assert "y / mm (down)" not in names


def test_values_above_the_highest_are_as_light_and_the_scale_says_so(axes_drawn):
    image = lone_pixel().image.copy()
    image[4, 2] = 3.0
    capped = written(figures.svg(lone_pixel(image=image, highest=3.0)))
    assert axes_drawn[0].images[0].get_clim() == (0.0, 3.0)
    assert "counts (white: and more)" in capped
    axes_drawn.clear()
    whole = written(figures.svg(lone_pixel(image=image, highest=20.0)))
    assert axes_drawn[0].images[0].get_clim() == (0.0, 9.0)  # what is not there needs no room
    assert "counts" in whole


def test_a_thin_region_is_thinner_and_has_its_place_in_the_legend(axes_drawn):
    styles = ("main", "thin")
    regions = tuple(samples.rectangle(style, 20.0, 14.0, style) for style in styles)
    assert set(styles) <= set(written(figures.svg(lone_pixel(regions=regions))))
    main, thin = (next(line for line in axes_drawn[0].lines if line.get_label() == style) for style in styles)
    assert thin.get_linewidth() < main.get_linewidth() / 2
    assert main.get_linestyle() == thin.get_linestyle() == "-"


def test_a_band_lies_between_its_lines_and_in_the_legend(axes_drawn):
    x = np.array([10.0, 20.0, 37.0])
    band = Band("permitted", x, np.array([1.0, 2.0, 2.5]), np.array([3.0, 5.0, 4.0]))
    points = Line("measured", x, np.array([2.0, 6.0, 3.0]), "points")
    names = written(figures.svg(Curve("c", "x / mm", "y", (points,), (band,))))
    assert {"permitted", "measured"} <= set(names)
    (drawn_band,) = [one for one in axes_drawn[0].collections if one.get_label() == "permitted"]
    corners = {tuple(corner) for corner in drawn_band.get_paths()[0].vertices.tolist()}
    assert {(10.0, 1.0), (20.0, 2.0), (37.0, 2.5), (10.0, 3.0), (20.0, 5.0), (37.0, 4.0)} <= corners
    low, high = axes_drawn[0].get_ylim()
    assert low < 1.0
    assert high > 6.0


def test_two_bands_are_told_apart_without_colour(axes_drawn):
    x = np.array([0.0, 1.0])
    bands = tuple(Band(name, x, x, x + 1) for name in ("one", "other"))
    figures.svg(Curve("c", "x / mm", "y", (Line("line", x, x),), bands))
    hatches = [one.get_hatch() for one in axes_drawn[0].collections if one.get_label() in ("one", "other")]
    assert len(set(hatches)) == 2


def test_large_points_have_room_at_the_sides(axes_drawn):
    x = np.array([10.0, 37.0])
    figures.svg(Curve("c", "x / mm", "y", (Line("p", x, x, "points"),)))
    low, high = axes_drawn[0].get_xlim()
    width_mm = axes_drawn[0].bbox.width / 72 * 25.4
    assert (10.0 - low) / (high - low) * width_mm > 1.0  # a point is 1.06 mm wide
    assert (high - 37.0) / (high - low) * width_mm > 1.0


def test_a_legend_keeps_to_the_width_of_a_narrow_picture(axes_drawn):
    """A picture higher than wide leaves less room than the page."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    names = ("50 % isocontour", "peak, 1 mL", "searched", "another region")
    regions = tuple(samples.rectangle(name, 20.0, 14.0) for name in names)
    figures.svg(lone_pixel(image=np.ones((40, 11)), regions=regions))
    axes = axes_drawn[0]
    with canvas.settings():
        renderer = FigureCanvasAgg(axes.figure).get_renderer()
        box = axes.get_legend().get_window_extent(renderer)
    assert box.x1 <= axes.figure.bbox.x1
    assert legend.legend_of(names, 200.0).rows == 1
    assert legend.legend_of(names, 20.0).rows == 4
