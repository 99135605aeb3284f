"""What is refused, with which code, and that the reason says what to do next; what is not refused is said.

Nothing is dropped in silence: each detector of an acquisition is in a result or in a refusal, and each quantity
of a result is measured or listed as not measured.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.cor.metrics import HEAD_METRICS, PAIR_METRICS
from nmqc.cor.point_sources import Options, analyse, check, warm_up
from nmqc.model import Acquisition, Analysis, Refusal
from phantoms.cor import Orbit, OrbitHead, PointSource
from tests.cor.acquire import (
    USUAL,
    absent,
    acquisition,
    changed,
    measured,
    one_head,
    orbit,
    remarks,
    results,
    the_refusal,
    value,
)

#: what each reason must say to do
NEXT = {
    "not_cor": "give",
    "too_few_views": "acquire 8 or more over 360 degrees",
    "arc_too_short": "acquire 360 degrees",
    "no_angles": "export the acquisition anew",
    "heads_share_angle": "export the acquisition anew",
    "not_numbers": "give them as they were acquired",
    "negative_counts": "without background subtraction",
    "no_counts": "acquire",
    "saturated": "use a weaker source or shorter views",
    "stray_spots": "remove it, and acquire anew",
    "source_outside": "move it nearer to the axis",
    "source_lost": "acquire anew",
    "source_cut_off": "acquire anew",
    "source_at_edge": "move it nearer to the axis",
    "sources_too_close": "place them farther apart",
    "sources_disagree": "acquire anew",
    "too_few_counts": "acquire longer views",
    "no_such_detector": "choose one of these",
}
USUAL_ORBIT = orbit()
TWO_HEADS = orbit(OrbitHead(start_deg=197.37, offset_mm=2.0), OrbitHead(start_deg=17.37))


def refused(acquired: Acquisition, code: str) -> Refusal:
    """Return the only refusal, of a code, with a reason that says what to do next."""
    found = the_refusal(analyse(acquired, USUAL))
    assert found.code == code, found
    assert NEXT[code] in found.reason, found
    return found


def altered(alter: Callable[[NDArray[np.float64]], None], phantom: Orbit = USUAL_ORBIT) -> Acquisition:
    """Return the acquisition of an orbit whose counts, shape (views, rows, columns), were altered in place."""
    counts = phantom.expected()
    alter(counts[0, 0, 0])
    return acquisition(phantom, counts)


# --- what the acquisition is ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["STATIC", "DYNAMIC", "WHOLE BODY", "GATED TOMO", "RECON TOMO", ""])
def test_another_kind_of_acquisition(kind: str) -> None:
    said = refused(acquisition(USUAL_ORBIT, USUAL_ORBIT.expected(), kind=kind), "not_cor")
    assert kind in said.reason


def test_seven_views() -> None:
    said = refused(acquisition(phantom := orbit(views=7), phantom.expected()), "too_few_views")
    assert said.reason.startswith("7 views")
    assert value(one_head(orbit(OrbitHead(offset_mm=1.0), views=8)), "offset") == pytest.approx(1.0, abs=1e-3)


def test_an_arc_below_180_degrees() -> None:
    """Views times step: 59 x 3 degrees are 177, 60 x 3 are 180."""
    said = refused(
        acquisition(phantom := orbit(arc_deg=177.0, views=59), phantom.expected()), "arc_too_short"
    )
    assert "cover 177 degrees" in said.reason
    assert value(one_head(orbit(arc_deg=180.0, views=60)), "offset") == pytest.approx(0, abs=1e-3)


def test_views_that_repeat_an_arc_do_not_lengthen_it() -> None:
    """Twice the same 120 degrees are 120, though 240 degrees of views."""
    once = acquisition(phantom := orbit(arc_deg=120.0, views=20), phantom.expected())
    twice = replace(once, frames=once.frames + changed(once, rotation=lambda _: 2).frames)
    assert "cover 120 degrees" in refused(twice, "arc_too_short").reason


@pytest.mark.parametrize("missing", [range(1, 61), [17]])
def test_angles_that_are_not_told(missing: range | list[int]) -> None:
    """Of all views, or of one."""
    told = acquisition(USUAL_ORBIT, USUAL_ORBIT.expected())
    refused(changed(told, gantry=lambda frame: None if frame.view in missing else frame.gantry), "no_angles")


@pytest.mark.parametrize("start_deg", [197.37, 197.37 - 360, 197.9])
def test_two_heads_at_one_angle_are_both_refused(start_deg: float) -> None:
    """Also a turn apart, and within what headers are off."""
    told = replace(TWO_HEADS, heads=(TWO_HEADS.heads[0], OrbitHead(start_deg=start_deg)))
    analysis = analyse(acquisition(told, TWO_HEADS.expected()), USUAL)
    assert not analysis.results
    assert [(one.detector, one.code) for one in analysis.refused] == [
        (1, "heads_share_angle"),
        (2, "heads_share_angle"),
    ]
    assert all(NEXT["heads_share_angle"] in one.reason for one in analysis.refused)


def test_two_heads_at_one_angle_on_either_side_of_0() -> None:
    heads = (OrbitHead(start_deg=359.9), OrbitHead(start_deg=0.2))
    told = replace(TWO_HEADS, heads=heads)
    refused_heads = analyse(acquisition(told, TWO_HEADS.expected()), USUAL).refused
    assert [one.code for one in refused_heads] == ["heads_share_angle"] * 2


def test_check_refuses_two_heads_at_one_angle() -> None:
    told = replace(TWO_HEADS, heads=(TWO_HEADS.heads[0], OrbitHead(start_deg=197.37)))
    assert {one.code for one in check(acquisition(told, TWO_HEADS.expected()))} == {"heads_share_angle"}


def test_a_detector_that_is_not_there() -> None:
    analysis = analyse(acquisition(TWO_HEADS, TWO_HEADS.expected()), Options(only_detector=3))
    said = the_refusal(analysis)
    assert said.code == "no_such_detector"
    assert "only of detector 1, 2" in said.reason


# --- what the counts are --------------------------------------------------------------------------------


def test_values_that_are_no_numbers() -> None:
    def spoil(views: NDArray[np.float64]) -> None:
        views[3, 4, 4] = np.nan

    refused(altered(spoil), "not_numbers")


def test_negative_values() -> None:
    def subtract(views: NDArray[np.float64]) -> None:
        views[7] -= 0.5

    refused(altered(subtract), "negative_counts")


@pytest.mark.parametrize("empty", [[0], [4], [10, 59]])
def test_empty_views_are_named(empty: list[int]) -> None:
    def spoil(views: NDArray[np.float64]) -> None:
        views[empty] = 0

    said = refused(altered(spoil), "no_counts")
    for view in empty:
        assert f"{view + 1}" in said.reason


def test_a_saturated_pixel_names_its_view() -> None:
    def spoil(views: NDArray[np.float64]) -> None:
        views[41, 55, 60] = 65535

    assert "view 42" in refused(altered(spoil), "saturated").reason


def test_all_zero_and_tiny_images() -> None:
    zeros = np.zeros((1, 1, 1, 60, 112, 128), np.uint16)
    refused(acquisition(USUAL_ORBIT, zeros), "no_counts")
    small = orbit(matrix=(8, 8))
    refused(acquisition(small, np.ones((1, 1, 1, 60, 8, 8), np.uint16)), "not_cor")


def test_a_flood_in_the_clothes_of_a_tomographic_acquisition() -> None:
    counts = np.random.default_rng(1).poisson(50, (1, 1, 1, 60, 112, 128)).astype(np.uint16)
    refused(acquisition(USUAL_ORBIT, counts), "not_cor")


def test_a_cylinder_is_no_point_source() -> None:
    """100 mm across: its noise has maxima everywhere."""
    row, column = np.mgrid[:112, :128]
    profile = 100 * np.sqrt(np.maximum(0, 1 - ((column - 63) / 10.4) ** 2)) * (np.abs(row - 55) < 20)
    counts = np.random.default_rng(1).poisson(np.broadcast_to(profile, (1, 1, 1, 60, 112, 128)))
    (said,) = analyse(acquisition(USUAL_ORBIT, counts.astype(np.uint16)), USUAL).refused
    assert said.code in ("not_cor", "stray_spots", "no_point_source", "sources_too_close")


# --- the sources ----------------------------------------------------------------------------------------


def test_a_source_outside_the_field_in_some_views() -> None:
    """At a radius of 316 mm of a field that reaches 307 mm to the side."""
    phantom = orbit(
        OrbitHead(start_deg=197.37), sources=(PointSource(316.0, 0.0, 0.0), PointSource(40.0, 0.0, 90.0))
    )
    analysis = analyse(acquisition(phantom, phantom.expected()), USUAL)
    said = the_refusal(analysis)
    assert said.code in ("source_outside", "source_at_edge")
    assert "move it nearer to the axis" in said.reason


def test_every_view_in_which_a_source_is_at_the_edge_is_named() -> None:
    """No view that is not named has the source nearer to the edge than one that is."""
    phantom = orbit(OrbitHead(start_deg=183.0), sources=(PointSource(282.0, 0.0, 0.0),), views=60)
    said = refused(acquisition(phantom, phantom.expected()), "source_at_edge")
    named = [int(view) - 1 for view in re.findall(r"[0-9]+", said.reason.split(":")[0])]
    from_axis_mm = np.abs(phantom.positions_mm(0)[0, :, 0])
    assert len(named) <= 8  # more are not shown
    assert np.delete(from_axis_mm, named).max() < from_axis_mm[named].min()


def test_a_source_whose_own_square_lies_in_the_field_is_not_at_the_edge() -> None:
    """FWHM of 6 mm in pixels of 2.4 mm: a square of 36 mm, 24 mm from the border at the nearest."""
    phantom = orbit(
        OrbitHead(start_deg=183.0, offset_mm=1.0),
        sources=(PointSource(128.0, 0.0, 0.0),),
        matrix=128,
        pixel_mm=(2.4, 2.4),
        fwhm_mm=6.0,
    )
    assert value(one_head(phantom), "offset") == pytest.approx(1.0, abs=1e-3)


def test_a_source_at_the_end_of_the_bed() -> None:
    phantom = orbit(sources=(PointSource(71.0, -38.0, 259.0),))
    refused(acquisition(phantom, phantom.expected()), "source_at_edge")


@pytest.mark.parametrize("noisy", [False, True])
def test_a_source_lost_in_some_views_names_them(noisy: bool) -> None:
    """The other source is there: it must not take its place."""
    phantom = orbit(sources=(PointSource(71.0, -38.0, 63.0), PointSource(-44.0, 70.0, -48.0)), background=0.4)
    counts = phantom.expected()
    counts[0, 0, 0, [4, 5, 11], :56] = 0.4  # the upper half: the source above the middle
    given = np.random.default_rng(3).poisson(counts).astype(np.uint16) if noisy else counts
    said = refused(acquisition(phantom, given), "source_lost")
    assert "views 5, 6 and 12," in said.reason


def test_a_source_behind_something_in_some_views_names_them() -> None:
    def absorb(views: NDArray[np.float64]) -> None:
        views[[20, 33]] *= 0.4

    assert "views 21 and 34" in refused(altered(absorb), "source_cut_off").reason


def test_a_view_that_slipped_farther_than_a_source_is_looked_for() -> None:
    phantom = orbit(OrbitHead(start_deg=10.0, slips=((5, 50.0, 0.0),)))
    assert "view 5," in refused(acquisition(phantom, phantom.expected()), "source_lost").reason


def test_too_few_counts() -> None:
    phantom = orbit(sources=(PointSource(71.0, -38.0, 23.0, 150.0),))
    assert "1" in refused(acquisition(phantom, phantom.noisy(1)), "too_few_counts").reason


@pytest.mark.parametrize(
    "apart_mm",
    [
        18.0,
        27.0,
        34.0,
    ],
)
def test_sources_too_close(apart_mm: float) -> None:
    """One above the other: two spots, whose squares of five FWHM overlap in all views."""
    sources = (PointSource(71.0, -38.0, 23.0), PointSource(71.0, -36.0, 23.0 - apart_mm))
    said = refused(acquisition(phantom := orbit(sources=sources), phantom.expected()), "sources_too_close")
    assert "60 of 60 views" in said.reason


def test_sources_on_the_axis_57_mm_apart_are_not_too_close_for_8_mm() -> None:
    """Seven times their FWHM apart: farther than the five times that the reason of the refusal asks for."""
    phantom = orbit(
        OrbitHead(start_deg=20.0, offset_mm=1.0),
        sources=(PointSource(1.0, 0.0, 30.0), PointSource(0.0, 2.0, -27.0)),
        fwhm_mm=8.0,
    )
    assert value(one_head(phantom), "offset") == pytest.approx(1.0, abs=1e-3)


def test_two_sources_in_one_spot_give_no_resolution() -> None:
    sources = (PointSource(71.0, -38.0, 23.0), PointSource(70.0, -36.0, 35.0))
    phantom = orbit(sources=sources)
    analysis = analyse(acquisition(phantom, phantom.noisy(1)), USUAL)
    for found in analysis.results:
        assert ("resolution", "200 mm") not in measured(found) or value(found, "resolution", "200 mm") < 9.2


# --- what is no source ----------------------------------------------------------------------------------


def contaminated(column: int, counts: float = 1350.0, part: slice = slice(None)) -> Acquisition:
    """Return an orbit with an offset of 1 mm, and a spot that rests on the detector in some of the views."""
    phantom = orbit(OrbitHead(start_deg=197.37, offset_mm=1.0))
    expected = phantom.expected()
    expected[0, 0, 0, part, 90:93, column - 1 : column + 2] += counts / 9
    return acquisition(phantom, np.random.default_rng(2).poisson(expected).astype(np.uint16))


@pytest.mark.parametrize("part", [slice(None), slice(5, 30)])
def test_contamination_beside_the_axis(part: slice) -> None:
    refused(contaminated(101, part=part), "stray_spots")


def test_contamination_near_the_axis_that_puts_it_elsewhere() -> None:
    said = refused(contaminated(66), "sources_disagree")
    assert "1.0, 12.0 mm" in said.reason


@pytest.mark.parametrize("column", [65, 64])
def test_contamination_on_the_axis_does_not_move_the_offset(column: int) -> None:
    """At +7.2 and +2.4 mm. A source on the axis would say what the other says, to its uncertainty."""
    analysis = analyse(contaminated(column), USUAL)
    for found in analysis.results:
        said = measured(found)["offset", ""]
        assert said.uncertainty is not None
        agrees = abs(said.value - 1.0) < 4 * said.uncertainty
        assert agrees or "offsets_differ" in remarks(found)


def test_a_hot_pixel_is_no_source() -> None:
    phantom = orbit(OrbitHead(start_deg=197.37, offset_mm=1.0))
    expected = phantom.expected()
    expected[..., 90, 65] += 1500
    counts = np.random.default_rng(2).poisson(expected).astype(np.uint16)
    for found in analyse(acquisition(phantom, counts), USUAL).results:
        assert value(found, "offset") == pytest.approx(1.0, abs=0.05)


def test_a_source_that_was_moved_half_way() -> None:
    """22 mm: it is on two orbits. 3 mm: the residuals, drift and second harmonic say it."""
    moved = orbit(sources=(PointSource(50.0, -30.0, 23.0),)).expected()
    counts = USUAL_ORBIT.expected()
    counts[0, 0, 0, 30:] = moved[0, 0, 0, 30:]
    analysis = analyse(acquisition(USUAL_ORBIT, counts), USUAL)
    assert not analysis.results
    moved = orbit(sources=(PointSource(68.0, -38.0, 23.0),)).expected()
    counts = USUAL_ORBIT.expected()
    counts[0, 0, 0, 30:] = moved[0, 0, 0, 30:]
    (found,) = results(analyse(acquisition(USUAL_ORBIT, counts), USUAL))
    assert {"drift", "sag"} <= set(remarks(found))
    assert value(found, "residual_rms") > 0.5


def test_a_source_that_was_moved_along_the_axis_is_no_tilt() -> None:
    moved = orbit(sources=(PointSource(71.0, -38.0, 0.0),)).expected()
    counts = USUAL_ORBIT.expected()
    counts[0, 0, 0, 30:] = moved[0, 0, 0, 30:]
    for found in analyse(acquisition(USUAL_ORBIT, counts), USUAL).results:
        assert ("tilt", "") not in measured(found) or set(remarks(found)) - {"tilt"}


def test_a_view_that_slipped_along_the_axis_is_named() -> None:
    found = one_head(orbit(OrbitHead(start_deg=10.0, slips=((5, 0.0, 6.0),))))
    assert "view 5" in remarks(found)["slipped_view"]


# --- nothing in silence ---------------------------------------------------------------------------------


def assert_complete(analysis: Analysis, detectors: set[int | None]) -> None:
    """Require each detector in a result or a refusal, and each metric measured or not, never both."""
    given = {one.detector for one in analysis.results} | {one.detector for one in analysis.refused}
    assert detectors <= given
    for found in analysis.results:
        metrics = PAIR_METRICS if found.detector is None else HEAD_METRICS
        said = [(one.metric.name, one.of) for one in found.measurements]
        said += [(one.name, one.of) for one in found.not_measured]
        assert {name for name, _ in said} == {metric.name for metric in metrics.values()}
        assert len(said) == len(set(said))
        assert all(len(one.reason) > 30 for one in found.not_measured)
        for one in found.measurements:
            assert one.uncertainty is None or 0 < one.uncertainty < np.inf, one


ODD: dict[str, dict[str, Any]] = {
    "usual": {},
    "half": {"arc_deg": 180.0},
    "on-axis": {"sources": (PointSource(0.0, 0.0, 31.0),)},
    "odd-views": {"views": 31},
    "crossing": {
        "sources": (PointSource(96.0, 11.0, 20.0), PointSource(-31.0, 66.0, 16.0)),
        "views": 96,
        "fwhm_mm": 8.0,
    },
    "eight-views": {"views": 8},
}


@pytest.mark.parametrize("name", ODD)
def test_every_metric_is_given_or_listed(name: str) -> None:
    phantom = orbit(*TWO_HEADS.heads, **ODD[name])
    assert_complete(analyse(acquisition(phantom, phantom.noisy(4)), USUAL), {1, 2, None})


def test_one_detector_refused_leaves_the_other() -> None:
    counts = TWO_HEADS.expected()
    counts[0, 1, 0, 7] = 0
    analysis = analyse(acquisition(TWO_HEADS, counts), USUAL)
    assert [one.detector for one in analysis.results] == [1]
    assert [(one.detector, one.code) for one in analysis.refused] == [(2, "no_counts")]
    assert_complete(analysis, {1, 2})


def test_as_many_views_as_unknowns_that_are_no_counts() -> None:
    """Eight views, two of them left out for a crossing, of values that are not raw counts."""
    sources = (PointSource(95.0, 10.0, 20.0), PointSource(-60.0, 0.0, 20.0))
    phantom = orbit(OrbitHead(start_deg=5.0), sources=sources, views=8, fwhm_mm=8.0)
    assert_complete(analyse(acquisition(phantom, phantom.expected()), USUAL), {1})


def test_check_agrees_with_the_analysis_about_what_is_no_image_of_it() -> None:
    assert check(acquisition(TWO_HEADS, TWO_HEADS.expected())) == ()
    static = check(acquisition(TWO_HEADS, TWO_HEADS.expected(), kind="STATIC"))
    assert {one.code for one in static} == {"not_cor"}
    assert {one.detector for one in static} == {1, 2}
    warm_up()


@pytest.mark.parametrize("name", ["on-axis", "half"])
def test_what_cannot_be_had_says_why(name: str) -> None:
    codes = absent(one_head(orbit(**ODD[name])))
    wanted = {
        "on-axis": {
            ("tilt", ""): "on_axis",
            ("tilt", "source 1"): "on_axis",
            ("offset_slope", ""): "one_level",
        },
        "half": {("sag", ""): "partial_arc", ("offset_opposed", ""): "partial_arc"},
    }[name]
    for key, code in wanted.items():
        assert codes[key] == code
