"""The slit-mask analysis against the truth of digital masks and the closed forms of its rules."""

from __future__ import annotations

import os
from dataclasses import replace
from math import cos, radians
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.model import FieldHint, Measurement, Refusal, Result
from nmqc.resolution.metrics import SLITS_METRICS
from nmqc.resolution.slits import Options, analyse, check
from phantoms.bars import Bars
from phantoms.defects import DeadPatch
from phantoms.fields import Circle, CutCorners, Octagon, Outline, Rectangle
from phantoms.flood import Flood, Head
from phantoms.lines import Lines, LineSource
from phantoms.planar import Planar, Wave
from phantoms.slits import Slits
from tests.resolution.slit_images import (
    SITE,
    acquisition,
    codes,
    measured,
    of_counts,
    result,
    slits,
    values,
)

FIELDS = ("ufov", "cfov")
STRIP_MM = 30.0
EXACT = 1e-9  # no noise: arithmetic only


# --- resolution -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fwhm_mm", [3.1, 4.4])
@pytest.mark.parametrize(
    ("along", "pixel_mm", "matrix"), [("y", (2.0, 0.2), (125, 1650)), ("x", (0.2, 2.0), (1400, 150))]
)
def test_widths_are_those_of_slit_camera_and_pixel(
    along: str, pixel_mm: tuple[float, float], matrix: tuple[int, int], fwhm_mm: float
) -> None:
    """With pixels of 0.05 FWHM the rule has next to no bias; the truth is the top-hat's convolution, in closed form.

    The camera is 2 mm worse the other way: a figure of the wrong axis would show.
    """
    fwhm = (fwhm_mm, fwhm_mm + 2) if along == "y" else (fwhm_mm + 2, fwhm_mm)
    phantom = slits(along=along, pixel_mm=pixel_mm, matrix=matrix, fwhm_mm=fwhm)
    truth, found = phantom.truth(), values(result(phantom))
    # the highest channel of 0.05 FWHM is too low by (0.05 / 2)^2 / 3 x 4 ln 2 / 2 at most: 0.03 % of the width
    for name in FIELDS:
        assert found[f"fwhm.{name}"] == pytest.approx(truth.fwhm_mm, rel=1e-3)
        # straight lines across the bend of a Gaussian at its tenth: 2 x 0.2^2 / 8 x 1.2 / mm = 0.012 mm
        assert found[f"fwtm.{name}"] == pytest.approx(truth.fwtm_mm, rel=3e-3)


def test_a_slit_of_1_mm_widens_a_camera_of_3_70_to_3_76() -> None:
    """The published example of what the standard's rule does not correct for."""
    phantom = slits(pixel_mm=(2.0, 0.2), matrix=(125, 1650), fwhm_mm=(3.7, 3.7))
    # 0.01 of the pixel, 0.1 % of the rule, and the rounding of the figure
    assert values(result(phantom))["fwhm.ufov"] == pytest.approx(3.76, abs=0.01)


def test_a_coarse_pixel_takes_the_parabola_and_says_so() -> None:
    phantom = slits(pixel_mm=(1.3, 1.2), matrix=(190, 280), tilt_deg=0.9, fwhm_mm=(3.7, 3.7))
    found = result(phantom)
    assert found.parameters["peak_height"] == "parabola"
    assert "coarse_sampling" in codes(found)
    sampling = found.parameters["pixel_over_fwhm"]
    assert sampling == pytest.approx(1.2 / values(found)["fwhm.ufov"], abs=1e-4)  # its rounding
    # 4.4 % at 0.33 for a Gaussian that the pixel is part of; over its width of 3.76 without: 0.31 gives 3.5 to 4.4 %
    assert values(found)["fwhm.ufov"] / 3.76 == pytest.approx(1.04, abs=0.01)


def test_a_background_is_not_subtracted() -> None:
    """Half of the height stands over zero, not over what the mask lets through."""
    phantom = slits(pixel_mm=(2.0, 0.2), matrix=(125, 1650), transmission=0.008, tail_part=0.1)
    truth, found = phantom.truth(), values(result(phantom))
    bare = replace(phantom, transmission=0.0, tail_part=0.0).truth()
    assert found["fwhm.cfov"] == pytest.approx(truth.fwhm_mm, rel=1e-3)
    assert found["fwtm.cfov"] == pytest.approx(truth.fwtm_mm, rel=3e-3)
    assert truth.fwtm_mm > 1.1 * bare.fwtm_mm  # the phantom is one that tells


def test_widths_beyond_the_window_leave_the_fwtm_unmeasured() -> None:
    """A tenth of the height of a Gaussian of 11.5 mm lies 10.5 mm off, the window ends at 10 mm."""
    found = result(slits(fwhm_mm=(11.5, 11.5)), SITE)
    absent = {(one.name, one.of): one.code for one in found.not_measured}
    for name in FIELDS:
        assert absent["resolution.slits.fwtm", name] == "no_tenth_level"
        assert f"fwhm.{name}" in values(found)


def test_light_between_all_the_slits_is_refused() -> None:
    """3 % through the lead is 11 % of the peak, of a slit of 1 mm blurred to 3.8: FWHM would read 4.17, not 3.80."""
    for part in (0.02, 0.03):
        refused = refusal(slits(transmission=part).expected())
        assert refused.code == "high_background"
        assert "3 mm of lead" in refused.reason


def test_some_light_between_the_slits_is_said_with_what_it_does() -> None:
    phantom = slits(transmission=0.01)
    found, bare = result(phantom, SITE), values(result(slits(), SITE))
    (said,) = [one.text for one in found.remarks if one.code == "background"]
    widened = {
        name: 100 * (values(found)[f"{name}.ufov"] / bare[f"{name}.ufov"] - 1) for name in ("fwhm", "fwtm")
    }
    # over a Gaussian of this width: the profile is one but for slit and pixel
    fwhm, fwtm = (float(part.split(" %")[0]) for part in said.split("adds about ")[1].split(" and "))
    assert fwhm == pytest.approx(widened["fwhm"], abs=0.4)
    assert fwtm == pytest.approx(widened["fwtm"], abs=1.0)
    assert widened["fwtm"] > 5  # the phantom is one that tells
    assert "background" not in codes(result(slits(), SITE))


@pytest.mark.parametrize("part", [0.1, 0.3, 1.0])
def test_strips_with_open_light_between_the_slits_are_left_out(part: float) -> None:
    """At both ends the mask lets light through, to a part of the peak: the other strips are as without."""
    phantom = slits()
    counts, plain = phantom.expected(), values(result(phantom, SITE))
    x, y = (np.arange(560) - 279.5) * 0.6 - 1.3, (np.arange(190) - 94.5) * 1.3 + 2.1
    open_there = (np.abs(x) < 131) & ((np.abs(y) > 75) & (np.abs(y) < 109))[:, None]
    found = of_counts(counts + part * counts.max() * open_there, (1.3, 0.6), SITE)
    for name, value in values(found).items():
        assert value == pytest.approx(plain[name], abs=0.002), name  # fewer phases of the pixel
    assert found.parameters["coverage_ufov"] == pytest.approx(5 / 7, abs=1e-4)  # rounded
    (said,) = [one.text for one in found.remarks if one.code == "background"]
    assert "left out of every figure" in said
    assert "field_incomplete" not in codes(found)


def test_light_in_a_few_strips_is_said() -> None:
    phantom = slits()
    counts = phantom.expected()
    counts[150:] += 0.03 * counts.max()
    assert "background" in codes(of_counts(counts, (1.3, 0.6), SITE))


# --- linearity ------------------------------------------------------------------------------------------


def strip_truth(
    phantom: Slits, numbers: list[int], middles_mm: list[float], strip_mm: float
) -> NDArray[np.float64]:
    """Return true positions averaged over strips: shape (slits, strips)."""
    part = (np.arange(64) + 0.5) / 64 - 0.5
    return np.array(
        [[phantom.positions_mm(n, m + part * strip_mm).mean() for m in middles_mm] for n in numbers],
        np.float64,
    )


def linearity_of(position: NDArray[np.float64]) -> tuple[float, float]:
    """Return differential and absolute linearity by numpy's own fits."""
    strip = np.arange(position.shape[1])
    spreads = []
    for row in position:
        left = row - np.polyval(np.polyfit(strip, row, 1), strip)
        spreads.append((left @ left / (row.size - 2)) ** 0.5)
    slit, column = np.indices(position.shape)
    terms = np.column_stack([np.ones(position.size), slit.ravel(), column.ravel()])
    fitted = terms @ np.linalg.lstsq(terms, position.ravel(), rcond=None)[0]
    return float(np.mean(spreads)), float(np.abs(position.ravel() - fitted).max())


@pytest.mark.parametrize("along", ["y", "x"])
def test_a_wave_gives_its_own_linearity(along: str) -> None:
    """A sine of 0.6 mm and 170 mm, aslant: both figures from the true positions, averaged over each strip."""
    direction = 0.0 if along == "y" else 90.0
    phantom = slits(
        along=along, matrix=(560, 560), pixel_mm=(0.6, 0.6), wave=Wave(0.6, 170.0, direction, 40.0, 60.0)
    )
    found = result(phantom)
    strips, pixels = found.parameters["strips"], found.parameters["strip_pixels"]
    middle = found.parameters["centre_y_mm" if along == "y" else "centre_x_mm"]
    strip_mm = 0.6 * pixels
    middles = [middle + strip_mm * (one - (strips - 1) / 2) for one in range(strips)]
    numbers = list(range(-4, 5)) if along == "y" else list(range(-3, 4))
    assert found.parameters["line_spread_functions_ufov"] == len(numbers) * strips
    differential, absolute = linearity_of(strip_truth(phantom, numbers, middles, strip_mm))
    # the strips lie on whole pixels, half a pixel off at most: 0.3 mm x 0.6 x 2 pi / 170; interpolation 0.001
    assert values(found)["linearity_differential.ufov"] == pytest.approx(differential, abs=0.004)
    assert values(found)["linearity_absolute.ufov"] == pytest.approx(absolute, abs=0.009)
    assert absolute > 0.4  # the phantom is one that tells


def test_a_slit_out_of_place_shows_in_the_absolute_figure_alone() -> None:
    """Its strips lie on a straight line of their own: a fit of each line by itself would not see it."""
    phantom = slits(shifts_mm=((1, 0.5),))
    found = values(result(phantom))
    numbers = [-4, -3, -2, -1, 0, 1, 2, 3, 4]
    position = strip_truth(phantom, numbers, [0.0, 30.0, 60.0], STRIP_MM)
    _, absolute = linearity_of(position)
    assert found["linearity_differential.ufov"] < 1e-6
    assert found["linearity_absolute.ufov"] == pytest.approx(
        absolute, abs=0.006
    )  # interpolation, by the pixel's phase
    assert absolute > 0.4


@pytest.mark.parametrize("along", ["y", "x"])
@pytest.mark.parametrize("tilt_deg", [0.5, -0.5])
def test_a_tilted_mask_is_as_straight_as_any(along: str, tilt_deg: float) -> None:
    phantom = slits(along=along, matrix=(560, 560), pixel_mm=(0.6, 0.6), tilt_deg=tilt_deg)
    found = result(phantom)
    assert values(found)["linearity_differential.ufov"] < 0.01  # interpolation between channels
    assert values(found)["linearity_absolute.ufov"] < 0.02
    assert found.parameters["tilt_deg"] == pytest.approx(tilt_deg, abs=0.01)
    assert "tilt" in codes(found)
    # 30 mm of a slit at 0.5 degrees are a top-hat of 0.26 mm: 0.1 % of the width
    level = values(result(replace(phantom, tilt_deg=0.05)))["fwhm.ufov"]
    assert values(found)["fwhm.ufov"] == pytest.approx(level, rel=0.01)


# --- pixel size -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pitch_mm", [29.1, 30.0, 31.2])
def test_the_pixel_size_is_by_the_spacing_of_the_slits(pitch_mm: float) -> None:
    """Slits that are 30 mm apart by the maker but 29.1 by the header: its pixels are 30 / 29.1 too small."""
    phantom = slits(pitch_mm=pitch_mm, offset_mm=1.3)
    found = values(result(phantom))
    assert found["pixel_size.x"] == pytest.approx(0.6 * 30 / pitch_mm, rel=1e-4)  # phase of the pixel
    header = phantom.truth().fwhm_mm
    assert found["fwhm.ufov"] / header == pytest.approx(30 / pitch_mm, rel=0.02)  # bias of the rule at 0.16


@pytest.mark.parametrize("along", ["y", "x"])
def test_one_image_measures_the_axis_across_its_slits(along: str) -> None:
    found = result(slits(along=along, matrix=(440, 560), pixel_mm=(0.65, 0.6)))
    across = "x" if along == "y" else "y"
    assert values(found)[f"pixel_size.{across}"] == pytest.approx({"x": 0.6, "y": 0.65}[across], rel=1e-4)
    (absent,) = found.not_measured
    assert (absent.name, absent.of, absent.code) == ("resolution.slits.pixel_size", along, "one_orientation")


def test_another_mask_is_measured_with_its_spacing_stated() -> None:
    phantom = slits(pitch_mm=25.0)
    (refused,) = analyse(acquisition(phantom.expected(), phantom.spacing_mm), Options()).refused
    assert refused.code == "not_a_slit_mask"
    assert "every 25.0 mm" in refused.reason
    found = result(phantom, options=Options(spacing_mm=25.0))
    assert values(found)["pixel_size.x"] == pytest.approx(0.6, rel=1e-4)
    assert "nonstandard" in codes(found)


# --- axes -----------------------------------------------------------------------------------------------


def test_a_transposed_image_gives_the_transposed_answer() -> None:
    counts = slits(tilt_deg=0.3, wave=Wave(0.3, 150.0, 0.0, 10.0, 50.0)).noisy(3)
    plain = of_counts(counts, (1.3, 0.6), SITE)
    turned = of_counts(counts.T.copy(), (0.6, 1.3), (FieldHint("RECTANGLE", (218.0, 262.0), "site"),))
    for one, other in zip(plain.measurements, turned.measurements, strict=True):
        assert (one.value, one.uncertainty, one.noise_floor) == (
            other.value,
            other.uncertainty,
            other.noise_floor,
        )
        assert [(at.x_mm, at.y_mm) for at in one.at] == [(at.y_mm, at.x_mm) for at in other.at]
        assert {one.of, other.of} in ({"x", "y"}, {"ufov"}, {"cfov"})
    assert turned.parameters["tilt_deg"] == -plain.parameters["tilt_deg"]


def test_where_the_farthest_strip_is() -> None:
    """The slit at +33 mm is out of place by 0.5 mm: every one of its strips is the farthest."""
    found = measured(result(slits(shifts_mm=((1, 0.5),))))
    (at,) = found["linearity_absolute.ufov"].at
    assert at.x_mm == pytest.approx(2.7 + 30 + 0.5, abs=0.1)  # the rounding is none; the pixel's phase 0.001


# --- field ----------------------------------------------------------------------------------------------


def cells_inside(outline: Outline, phantom: Slits, found: Result, scale: float) -> int:
    """Count the strips in a field scaled about its centre: their whole length, or their middle in the CFOV."""
    offset_x, offset_y = phantom.field_offset_mm
    strips, strip_mm = found.parameters["strips"], found.parameters["strip_mm"]
    total = 0
    for number in phantom.truth().numbers:
        for strip in range(strips):
            middle = offset_y + strip_mm * (strip - (strips - 1) / 2)
            ends = (middle,) if scale < 1 else (middle - strip_mm / 2, middle + strip_mm / 2)
            x = phantom.positions_mm(number, middle) - offset_x
            total += all(outline.contains(x / scale, (end - offset_y) / scale) for end in ends)
    return total


@pytest.mark.parametrize(
    ("outline", "hint"),
    [
        (Rectangle(262.0, 218.0), ()),
        (Rectangle(262.0, 218.0), SITE),
        (CutCorners(300.0, 222.0, 60.0), ()),
        (Octagon(260.0), ()),
        (Circle(270.0), (FieldHint("ROUND", (270.0,), "header"),)),
    ],
)
def test_the_strips_that_count_lie_in_the_field(outline: Outline, hint: tuple[FieldHint, ...]) -> None:
    matrix = (220, 620)
    # no slit near the border of a stated rectangle, whose place is known to 2 mm
    phantom = slits(field=outline, matrix=matrix, offset_mm=1.3 if hint == SITE else -4.3)
    found = result(phantom, hint)
    # the ends of a slit are read to a pixel, so that a strip that ends there may belong or not
    for name, scale in (("ufov", 1.0), ("cfov", 0.75)):
        wanted = cells_inside(outline, phantom, found, scale)
        assert abs(found.parameters[f"line_spread_functions_{name}"] - wanted) <= 1, name
        assert wanted > 15
    assert found.parameters["coverage_ufov"] == 1.0


def test_strips_tile_the_field_in_whole_pixels_of_at_most_30_mm() -> None:
    found = result(slits())
    assert found.parameters["strip_pixels"] == 23  # 23 x 1.3 = 29.9 mm
    assert found.parameters["strips"] == 7  # of 209.3 mm, in 218
    assert found.parameters["line_spread_functions_ufov"] == 9 * 7


def test_a_stated_field_is_used_where_the_image_agrees() -> None:
    agreeing, wrong = (
        FieldHint("RECTANGLE", (220.0, 264.0), "table"),
        FieldHint("RECTANGLE", (533.0, 387.0), "header"),
    )
    phantom = slits()
    found = result(phantom, (wrong, agreeing))
    assert found.parameters["field_source"] == "table"
    assert found.parameters["field_mm"] == [264.0, 220.0]  # in the other order: headers do not agree on it
    assert any("533 x 387" in remark.text and "not used" in remark.text for remark in found.remarks)
    alone = result(phantom, (wrong,))
    assert alone.parameters["field_source"] == "image"
    # along the slits by their ends, blurred alike on both sides; across by the outermost slits, to 30 mm
    assert alone.parameters["field_mm"][1] == pytest.approx(218.0, abs=1.3)
    assert 240 <= alone.parameters["field_mm"][0] <= 300


def test_light_through_the_mask_shows_where_the_field_ends() -> None:
    found = result(slits(transmission=0.01, counts=2e7))
    assert found.parameters["field_mm"][0] == pytest.approx(
        262.0, abs=3.0
    )  # 3 mm: it is averaged over as much


@pytest.mark.parametrize("inside_mm", [-1.0, 0.5, 2.0, 4.0])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_slit_that_the_border_cuts_is_left_out(inside_mm: float, side: str) -> None:
    """Half of its line-spread function is missing: its middle would be up to 1 mm further in than the slit."""
    outwards = 1 if side == "right" else -1
    phantom = slits(offset_mm=1.3 + outwards * (131 - inside_mm - 120))
    found = result(phantom, SITE)
    assert values(found)["linearity_absolute.ufov"] < 0.005  # interpolation between channels
    assert values(found)["pixel_size.x"] == pytest.approx(0.6, rel=1e-4)
    assert found.parameters["line_spread_functions_ufov"] == 8 * 7
    if inside_mm > 1:  # nearer, it may as well lie outside, as far as the field's centre is known
        assert "edge_limited" in codes(found)
    assert values(result(phantom))["linearity_absolute.ufov"] < (0.005 if inside_mm < 3 else 0.05)


@pytest.mark.parametrize("along", ["y", "x"])
def test_a_field_cut_off_by_the_matrix_is_not_measured(along: str) -> None:
    """Along the slits, then across them: the UFOV never, the CFOV where the site states the field."""
    phantom = slits(along=along, matrix=(560, 560), pixel_mm=(0.6, 0.6), field_offset_mm=(0.0, 0.0))
    counts = phantom.expected()
    wide = counts[100:-100, :]  # the field, 218 mm high, is cut to 216 mm
    narrow = counts[:, 70:-70]  # 262 mm wide, cut to 252 mm
    for image, cut_off in ((wide, (262.0, 216.0)), (narrow, (252.0, 218.0))):
        (refused,) = analyse(acquisition(image, (0.6, 0.6)), Options()).refused
        assert refused.code == "zoomed_field"
        # a header's pair that was cut off with the image, or is hardly larger, proves nothing
        for pair in (cut_off, (cut_off[0] + 2, cut_off[1] + 2)):
            header = FieldHint("RECTANGLE", pair, "header")
            (refused,) = analyse(acquisition(image, (0.6, 0.6), (header,)), Options()).refused
            assert refused.code == "zoomed_field"
        found = of_counts(image, (0.6, 0.6), SITE)
        absent = {one.of: one.code for one in found.not_measured if one.of in FIELDS}
        assert absent == {"ufov": "zoomed_field"}
        whole = values(of_counts(counts, (0.6, 0.6), SITE))
        for name in ("fwhm.cfov", "fwtm.cfov"):
            assert values(found)[name] == pytest.approx(
                whole[name], rel=2e-3
            )  # strips elsewhere, and the scale


# --- what is missing ------------------------------------------------------------------------------------


def test_a_slit_dark_over_part_of_its_length_is_missed_and_said() -> None:
    """From y = -60 to +20 mm the slit at +33 mm gives nothing: strips there are missing, no other."""
    dead = DeadPatch(Rectangle(20.0, 80.0), 33 - 1.3, -20 + 2.1)
    found = result(slits(defects=(dead,)), SITE)
    strips = [-2.1 + 29.9 * (one - 3) for one in range(7)]
    # of a strip with a quarter of its counts, or more, there is still a line-spread function
    lit = [1 - (min(m + 14.95, 20) - max(m - 14.95, -60)) / 29.9 for m in strips]
    missing = sum(part < 0.25 for part in lit)
    assert missing == 2
    assert found.parameters["line_spread_functions_ufov"] == 63 - missing
    assert found.parameters["coverage_ufov"] == pytest.approx(1 - missing / 63, abs=1e-4)  # rounded
    (said,) = [one.text for one in found.remarks if one.code == "field_incomplete"]
    assert "2 of 63" in said
    assert "x = +33 mm" in said
    assert values(found)["linearity_absolute.ufov"] < 0.01


def test_a_slit_that_is_dark_altogether_leaves_the_others_in_their_places() -> None:
    """The numbering of the slits goes on over the gap: the pixel size and the lines are as without."""
    dead = DeadPatch(Rectangle(20.0, 400.0), 33 - 1.3, 0.0)
    found = result(slits(defects=(dead,)), SITE)
    assert found.parameters["line_spread_functions_ufov"] == 56
    assert found.parameters["coverage_ufov"] == pytest.approx(56 / 63, abs=1e-4)
    assert values(found)["pixel_size.x"] == pytest.approx(0.6, rel=1e-4)
    assert values(found)["linearity_absolute.ufov"] < 0.005


@pytest.mark.parametrize(("slit_mm", "middles_mm"), [(122.7, (-90.0,)), (32.7, (-99.0, 95.0))])
def test_a_dark_end_of_a_slit_is_missing_not_the_end_of_the_field(
    slit_mm: float, middles_mm: tuple[float, ...]
) -> None:
    """The outermost slit at one end, where the other end tells; a middle one at both, where its neighbours do."""
    dead = tuple(DeadPatch(Rectangle(20.0, 80.0), slit_mm - 1.3, middle + 2.1) for middle in middles_mm)
    found = result(slits(defects=dead))
    used = found.parameters["line_spread_functions_ufov"]
    assert 57 <= used <= 61
    assert found.parameters["coverage_ufov"] == pytest.approx(used / 63, abs=1e-4)  # rounded
    said = [one.text for one in found.remarks if one.code == "field_incomplete"]
    assert any("ends short" in text for text in said)
    assert any(f"{63 - used} of 63" in text for text in said)


def test_every_figure_is_delivered_or_listed() -> None:
    declared = {metric.name for metric in SLITS_METRICS.values()}
    for phantom, hints in ((slits(), ()), (slits(fwhm_mm=(11.5, 11.5)), SITE)):
        found = result(phantom, hints)
        given = {(one.metric.name, one.of) for one in found.measurements}
        given |= {(one.name, one.of) for one in found.not_measured}
        wanted = {(name, field) for name in declared if "pixel" not in name for field in FIELDS}
        assert given == wanted | {("resolution.slits.pixel_size", axis) for axis in "xy"}


# --- how sure -------------------------------------------------------------------------------------------


SEEDS = 60


def runs_of(phantom: Slits, seed: int) -> list[dict[str, Measurement]]:
    """Return what 60 acquisitions of a phantom give."""
    expected, random = phantom.expected(), np.random.default_rng(seed)
    return [measured(of_counts(random.poisson(expected), phantom.spacing_mm, SITE)) for _ in range(SEEDS)]


def require_stated_scatter(runs: list[dict[str, Measurement]]) -> None:
    """Compare the scatter of every figure, known to 1 / sqrt(120) = 9 %, with what it says itself."""
    ratios = {}
    for name in runs[0]:
        scatter = np.std([run[name].value for run in runs], ddof=1)
        ratios[name] = float(np.mean([run[name].uncertainty_parts["counting"] for run in runs]) / scatter)
    outside = [name for name, ratio in ratios.items() if not 0.85 <= ratio <= 1.15]
    # nine figures, each outside by chance in 1 of 10: three at most, and none by more than 3.5 sigmas
    assert len(outside) <= 3, ratios
    assert all(0.70 <= ratio <= 1.32 for ratio in ratios.values()), ratios
    assert 0.9 <= np.mean(list(ratios.values())) <= 1.1, ratios


def test_figures_of_a_distorted_mask_scatter_as_they_say() -> None:
    phantom = slits(matrix=(56, 560), pixel_mm=(5.0, 0.6), wave=Wave(0.2, 150.0, 0.0, 40.0, 60.0))
    require_stated_scatter(runs_of(phantom, 11))


def test_a_straight_mask_reads_the_noise_floor_and_scatters_as_it_says() -> None:
    """A perfectly linear camera: the mean of the figures is that of the floor, and 1 in 20 exceeds its p95."""
    phantom = slits(matrix=(56, 560), pixel_mm=(5.0, 0.6), counts=1.5e6)
    runs = runs_of(phantom, 5)
    require_stated_scatter(runs)
    for name in ("linearity_differential.ufov", "linearity_absolute.ufov", "linearity_differential.cfov"):
        found = np.array([run[name].value for run in runs])
        floors = [run[name].noise_floor for run in runs]
        mean = np.mean([floor.mean for floor in floors if floor])
        # the profile is a Gaussian but for slit and pixel, and the noise of its height does not cancel quite: 4 %
        error = 3 * found.std(ddof=1) / SEEDS**0.5
        assert found.mean() == pytest.approx(mean, abs=error + 0.04 * mean), name
        beyond = sum(value > floor.p95 for value, floor in zip(found, floors, strict=True) if floor)
        assert beyond <= 10, name  # 3 expected: 11 or more in 1 of 10,000, with 4 % more in 1 of 50


def test_linearity_no_larger_than_noise_is_said() -> None:
    assert "not_distinguishable_from_noise" in codes(result(slits(), SITE, seed=2))
    waved = slits(wave=Wave(0.6, 150.0, 0.0, 40.0, 60.0))
    assert "not_distinguishable_from_noise" not in codes(result(waved, SITE, seed=2))


def test_values_that_are_no_counts_have_no_uncertainty() -> None:
    found = result(slits())
    assert "not_raw_counts" in codes(found)
    assert all(one.uncertainty is None and one.noise_floor is None for one in found.measurements)


def test_whole_numbers_that_are_no_counts_have_no_uncertainty_either() -> None:
    phantom = slits()
    taken = acquisition(phantom.noisy(6), phantom.spacing_mm, SITE)
    scaled = replace(taken, frames=(replace(taken.frames[0], raw_counts=False),))
    (found,) = analyse(scaled, Options()).results
    assert all(one.uncertainty is None and one.noise_floor is None for one in found.measurements)
    assert found.total_counts is None


def test_few_counts_are_said() -> None:
    plenty, few = result(slits(counts=2e6), SITE, seed=4), result(slits(counts=4e5), SITE, seed=4)
    assert plenty.parameters["least_peak_counts_ufov"] > 1000
    assert "low_counts" not in codes(plenty)
    assert few.parameters["least_peak_counts_ufov"] < 1000
    assert "low_counts" in codes(few)
    (said,) = [one.text for one in few.remarks if one.code == "low_counts"]
    assert f"{measured(few)['fwhm.ufov'].uncertainty_parts['highest channel']:.3f} mm" in said


@pytest.mark.parametrize(("counts", "pixel_mm"), [(1.7e5, 0.6), (4e5, 0.6), (1e5, 1.3)])
def test_widths_at_few_counts_are_as_sure_as_they_say(counts: float, pixel_mm: float) -> None:
    """Noise raises the highest channel: without the part that says so widths are off by up to 4 sigma."""
    phantom = slits(matrix=(56, round(336 / pixel_mm)), pixel_mm=(5.0, pixel_mm), counts=counts)
    expected, random = phantom.expected(), np.random.default_rng(2)
    exact = values(of_counts(expected, phantom.spacing_mm, SITE))
    runs = [measured(of_counts(random.poisson(expected), phantom.spacing_mm, SITE)) for _ in range(15)]
    for name in ("fwhm.ufov", "fwtm.ufov", "fwhm.cfov", "fwtm.cfov"):
        off = np.array([run[name].value - exact[name] for run in runs])
        # 1 in 200 exceeds 3 by chance: 60 widths of three masks, none of them by more than 3.5
        assert (np.abs(off) <= 3.5 * np.array([run[name].uncertainty for run in runs])).all(), name
        # the mean is off by what is said, to a factor of 2 and its own error
        raised = np.mean([run[name].uncertainty_parts["highest channel"] for run in runs])
        error = 3 * off.std(ddof=1) / 15**0.5
        assert abs(off.mean()) <= 2 * raised + error, name
        assert raised <= 2 * abs(off.mean()) + error, name


def test_too_few_counts_are_refused() -> None:
    """Below 300 in the peak the width would be that of the noise: 4 % too small at 140."""
    found = result(slits(counts=7e4), SITE, seed=4)
    absent = {(one.name.rsplit(".", 1)[1], one.of): one.code for one in found.not_measured}
    for name in FIELDS:
        assert {absent[short, name] for short in ("fwhm", "fwtm", "linearity_absolute")} == {"too_few_counts"}
    assert set(values(found)) == {"pixel_size.x"}


def test_the_same_image_gives_the_same_result_and_is_left_alone() -> None:
    counts = slits().noisy(8)
    kept = counts.copy()
    one, other = (of_counts(counts, (1.3, 0.6), SITE) for _ in range(2))
    assert one.measurements == other.measurements
    assert (counts == kept).all()


# --- what is refused ------------------------------------------------------------------------------------


def lines(*sources: LineSource, **changed: Any) -> Lines:
    usual: dict[str, Any] = {"matrix": (500, 560), "pixel_mm": (0.6, 0.6), "field": Rectangle(300.0, 262.0)}
    return Lines(lines=sources, fwhm_mm=(4.0, 4.5), **(usual | changed))


def bars(*widths: float) -> Bars:
    return Bars(widths_mm=widths, matrix=512, pixel_mm=(0.8, 0.8), field=Rectangle(380.0, 360.0))


def flood() -> Flood:
    return Flood(matrix=512, pixel_mm=(0.8, 0.8), heads=(Head(field=Rectangle(380.0, 360.0), counts=4e6),))


NO_MASKS: dict[str, Planar] = {
    "one line": lines(LineSource(4.0, 3.0, length_mm=220.0, angle_deg=90.0)),
    "line aslant": lines(LineSource(4.0, 3.0, length_mm=220.0, angle_deg=62.0)),
    "crossed lines": lines(
        LineSource(4.0, 3.0, length_mm=220.0, angle_deg=90.0),
        LineSource(4.0, 3.0, length_mm=220.0, angle_deg=0.0),
    ),
    "three parallel lines": lines(
        *(LineSource(at, 3.0, length_mm=220.0, angle_deg=90.0) for at in (-60.0, 0.0, 60.0))
    ),
    "three slits": slits(field=Rectangle(88.0, 218.0), offset_mm=0.0),
    "fine bars": bars(3.5, 3.0, 2.5, 2.0),
    "coarse bars": bars(7.0, 6.0, 5.0, 4.0),
    "aliased bars": replace(bars(1.5, 1.6, 1.8, 2.0), pixel_mm=(1.6, 1.6), matrix=256),
}


@pytest.mark.parametrize("what", NO_MASKS)
def test_what_is_no_mask_is_refused(what: str) -> None:
    counts, spacing = NO_MASKS[what].noisy(1), NO_MASKS[what].spacing_mm
    refused = analyse(acquisition(counts, spacing, full_scale=None), Options()).refused
    assert [one.code for one in refused] == ["not_a_slit_mask"]
    assert check(acquisition(counts, spacing, full_scale=None)) == refused


@pytest.mark.parametrize("what", ["flood", "point", "corner", "empty", "tiny", "noise"])
def test_what_has_no_slits_at_all_is_refused(what: str) -> None:
    random = np.random.default_rng(3)
    images = {
        "flood": random.poisson(20.0, (256, 300)),
        "point": np.pad(np.full((9, 9), 500), 140),
        "corner": np.pad([[500]], ((0, 259), (0, 299))),  # in none of the strips
        "empty": np.zeros((300, 300), int),
        "tiny": np.ones((8, 9), int),
        "noise": random.poisson(0.02, (256, 300)),
    }
    (refused,) = check(acquisition(images[what], (1.2, 1.2)))
    assert refused.code == ("no_counts" if what == "empty" else "not_a_slit_mask")
    assert analyse(acquisition(images[what], (1.2, 1.2)), Options()).refused == (refused,)


def test_a_flood_on_its_own_field_is_refused() -> None:
    phantom = flood()
    (refused,) = check(acquisition(phantom.noisy(1)[0, 0], (0.8, 0.8)))
    assert refused.code == "not_a_slit_mask"


def test_a_mask_passes_the_check() -> None:
    for phantom in (
        slits(),
        slits(along="x", matrix=(420, 280), pixel_mm=(0.6, 1.3), tilt_deg=0.9),
        slits(counts=1e5),
    ):
        assert check(acquisition(phantom.noisy(1), phantom.spacing_mm)) == ()


def refusal(counts: NDArray[Any], spacing_mm: tuple[float, float] = (1.3, 0.6), **about: Any) -> Refusal:
    (refused,) = analyse(acquisition(counts, spacing_mm, **about), Options()).refused
    return refused


def test_further_refusals_say_what_to_do_next() -> None:
    counts = slits().noisy(1)
    saturated = counts.copy()
    saturated[100, 200] = 65535
    assert refusal(saturated).code == "saturated"
    assert refusal(counts, kind="TOMO").code == "not_a_slit_mask"
    steep = refusal(slits(tilt_deg=1.4).noisy(1))
    assert steep.code == "mask_tilted"
    assert "degrees off" in steep.reason
    assert "turn the mask" in steep.reason
    coarse = slits(pixel_mm=(2.4, 2.4), matrix=(110, 140), tilt_deg=0.4)
    refused = refusal(coarse.noisy(1), coarse.spacing_mm)
    assert refused.code == "coarse_pixels"
    assert "finer matrix" in refused.reason


# --- a real mask ----------------------------------------------------------------------------------------

ROOT = os.environ.get("NMQC_REFERENCE_DATA")


@pytest.mark.skipif(not ROOT, reason="NMQC_REFERENCE_DATA does not name the folder of real files")
def test_a_real_mask_of_an_octagonal_detector() -> None:
    """Beside what another program reads; the differences are explained in docs/methods/slits.md."""
    from nmqc.dicom import ReadOptions, read_nm

    (taken,) = read_nm([Path(ROOT or ".") / "nm" / "slit-mask-mediso.dcm"], ReadOptions()).acquisitions
    assert check(taken) == ()
    (found,) = analyse(taken, Options()).results
    figures = values(found)
    # another program fits a Gaussian: 3.171 and 3.115 mm
    assert figures["fwhm.ufov"] == pytest.approx(3.171, rel=0.02)
    assert figures["fwhm.cfov"] == pytest.approx(3.115, rel=0.02)
    # its FWTM is 1.8226 times that, 5.779 mm; ours has the tails
    assert 5.9 < figures["fwtm.cfov"] < figures["fwtm.ufov"] < 6.5
    # it fits each line by a constant: 0.376 and 0.694 mm with the mask's tilt of 0.09 degrees in them
    assert 0.15 < figures["linearity_differential.ufov"] < 0.376
    assert 0.4 < figures["linearity_absolute.ufov"] < 0.75
    assert figures["pixel_size.y"] == pytest.approx(0.59, rel=0.005)
    assert found.parameters["slits"] == 13
    assert found.parameters["field_mm"] == pytest.approx([532.0, 392.0], abs=2.0)
    assert found.parameters["coverage_ufov"] == 1.0


def test_the_tilt_of_the_image_of_a_slit_widens_it_as_is_said() -> None:
    """Distances across tilted slits grow by 1 / cos alike for widths and for the spacing: they cancel."""
    phantom = slits(pixel_mm=(0.5, 0.25), matrix=(500, 1300), tilt_deg=1.0, counts=2e7)
    found = result(phantom)
    truth = phantom.truth()
    # 30 mm of a slit at 1 degree are a top-hat of 0.52 mm: FWHM of the Gaussian of the summed variances
    smeared = (truth.fwhm_mm**2 + 8 * np.log(2) * (STRIP_MM * np.tan(radians(1.0))) ** 2 / 12) ** 0.5
    assert values(found)["fwhm.ufov"] == pytest.approx(smeared, rel=2e-3)  # the sum is no Gaussian quite
    assert values(found)["pixel_size.x"] == pytest.approx(0.25 * cos(radians(1.0)), rel=1e-3)
    (said,) = [one.text for one in found.remarks if one.code == "tilt"]
    widened = float(said.split("FWHM by ")[1].split(" mm")[0])
    # the angle of the search is right to 0.05 degrees, twice 5 % of what it adds; and the rounding
    assert widened == pytest.approx(smeared - truth.fwhm_mm, abs=0.0025)
    assert widened > 0.01


@pytest.mark.parametrize("tilt_deg", [0.5, -1.0])
@pytest.mark.parametrize("inside_mm", [-2.0, 3.0])
def test_the_border_cuts_a_tilted_slit_at_one_end_alone(inside_mm: float, tilt_deg: float) -> None:
    """Two strips of a slit outside the field are lit, or one end of a slit inside is cut: 1.2 mm off, if used."""
    phantom = slits(
        offset_mm=1.3 + (131 - inside_mm - 120), tilt_deg=tilt_deg, matrix=(56, 560), pixel_mm=(5.0, 0.6)
    )
    found = result(phantom)
    assert values(found)["linearity_absolute.ufov"] < 0.01  # interpolation between channels
    assert "edge_limited" in codes(found)


def test_a_tilted_slit_near_a_border_that_is_not_known_is_said() -> None:
    phantom = slits(offset_mm=1.3 + (131 - 4.0 - 120), tilt_deg=1.0, matrix=(56, 560), pixel_mm=(5.0, 0.6))
    assert "edge_limited" in codes(result(phantom))
    assert "edge_limited" not in codes(result(slits(tilt_deg=1.0, offset_mm=1.3)))


def test_a_slit_counts_only_where_the_border_leaves_room_wherever_it_may_be() -> None:
    """The site's field is taken about the centre of the matrix; it lies 2 mm off, the slit 4.7 mm inside."""
    phantom = slits(field_offset_mm=(-2.0, 0.0), offset_mm=4.3)  # at 124.3 mm, the border at 129.0
    found = result(phantom, SITE)
    assert found.parameters["line_spread_functions_ufov"] == 8 * 7
    assert "edge_limited" in codes(found)


# --- one side dark --------------------------------------------------------------------------------------


@pytest.mark.parametrize("along", ["y", "x"])
def test_a_detector_of_which_one_side_is_dark_is_refused(along: str) -> None:
    """A third of it, across the slits and along them: what is left is no UFOV."""
    dark = (
        (DeadPatch(Rectangle(162.0, 400.0), 131.0, 0.0), "right"),
        (DeadPatch(Rectangle(400.0, 162.0), 0.0, 131.0), "bottom"),
    )
    for dead, side in dark:
        phantom = slits(along=along, matrix=(560, 560), pixel_mm=(0.6, 0.6), field=Rectangle(262.0, 262.0))
        turned = replace(phantom, defects=(dead,), field_offset_mm=(0.0, 0.0), offset_mm=0.0)
        for hints in ((), (FieldHint("RECTANGLE", (262.0, 262.0), "site"),)):
            refused = refusal(turned.expected(), (0.6, 0.6), hints=hints)
            assert refused.code == "field_incomplete"
            assert f"the {side} of the detector" in refused.reason


def test_a_field_off_the_centre_of_the_matrix_is_said() -> None:
    found = result(slits(field_offset_mm=(0.0, 7.0)))
    (said,) = [one.text for one in found.remarks if one.code == "field_off_centre"]
    assert "+7.0 mm (y)" in said
    assert "field_off_centre" not in codes(result(slits()))


# --- the header's pixel ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("pitch_mm", "off"), [(28.5, "+5.3 %"), (30.9, "-2.9 %"), (29.8, ""), (30.0, "")])
def test_a_header_pixel_that_is_wrong_is_said(pitch_mm: float, off: str) -> None:
    found = result(slits(pitch_mm=pitch_mm))
    said = [one.text for one in found.remarks if one.code == "pixel_scale_off"]
    assert len(said) == (1 if off else 0)
    if off:
        assert off in said[0]
        assert "0.6000 mm" in said[0]
        assert f"it is {0.6 * 30 / pitch_mm:.4f}"[:-1] in said[0]  # 1e-4, by the pixel's phase
