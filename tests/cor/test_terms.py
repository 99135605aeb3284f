"""Every term of an orbit recovered without noise, against the geometry of DICOM (PS3.3, C.8.4.11) in closed form."""

from __future__ import annotations

from dataclasses import replace
from math import atan2, cos, degrees, hypot, radians, sin, tan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmqc.cor.point_sources import analyse
from nmqc.model import Result
from phantoms.cor import Orbit, OrbitHead, PointSource, five_sources, nema_sources
from tests.cor.acquire import (
    USUAL,
    absent,
    acquisition,
    circular,
    from_files,
    head_and_pair,
    measured,
    one_head,
    orbit,
    remarks,
    results,
    value,
)

EXACT_MM = (
    1e-3  # what is asked; a square of five FWHM cuts 4e-9 of a Gaussian off, its pixels sample it to 1e-5 mm
)
EXACT_DEG = 1e-3  # EXACT_MM at a lever of 57 mm
ONE = (PointSource(71.0, -38.0, 23.0),)
TWO = (PointSource(-64.0, 31.0, 81.0), PointSource(12.0, 93.0, -57.0, 13_000.0))


def two_heads(start_deg: float, separation_deg: float) -> tuple[OrbitHead, OrbitHead]:
    """Return heads with faults that differ in size and sign."""
    return (
        OrbitHead(start_deg=start_deg, offset_mm=2.3, axial_mm=-1.7, tilt_deg=0.5),
        OrbitHead(start_deg=start_deg + separation_deg, offset_mm=-0.9, axial_mm=2.2, tilt_deg=-0.35),
    )


def from_top(phantom: Orbit) -> list[PointSource]:
    """Return the sources from the top of the image down."""
    return sorted(phantom.sources, key=lambda source: -source.z_mm)


def phase_deg(source: PointSource) -> float:
    """Return alpha of x = a + r cos(theta - alpha): -x cos(theta) + y sin(theta) = r cos(theta - alpha)."""
    return degrees(atan2(source.y_mm, -source.x_mm))


def assert_head(found: Result, phantom: Orbit, head: OrbitHead) -> None:
    """Compare all that is said of a head that is displaced and tilted, and nothing else."""
    assert value(found, "offset") == pytest.approx(head.offset_mm, abs=EXACT_MM)
    assert value(found, "offset_px") == pytest.approx(head.offset_mm / phantom.spacing_mm[1], abs=EXACT_MM)
    assert value(found, "tilt") == pytest.approx(head.tilt_deg, abs=EXACT_DEG)
    assert value(found, "drift") == pytest.approx(0, abs=1e-4)  # EXACT_MM over ten views
    assert len(found.parameters["sources"]) == len(phantom.sources)
    for number, source in enumerate(from_top(phantom), start=1):
        name = f"source {number}"
        said = found.parameters["sources"][number - 1]
        assert value(found, "offset", name) == pytest.approx(head.offset_mm, abs=EXACT_MM)
        assert value(found, "radius", name) == pytest.approx(source.radius_mm, abs=EXACT_MM)
        assert value(found, "axial_mean", name) == pytest.approx(head.axial_mm - source.z_mm, abs=EXACT_MM)
        assert said["x_mm"] == pytest.approx(source.x_mm, abs=0.006)  # rounded to 0.01
        assert said["y_mm"] == pytest.approx(source.y_mm, abs=0.006)
        if source.radius_mm > 10:
            assert circular(said["phase_deg"] - phase_deg(source)) == pytest.approx(0, abs=2e-3)
            assert value(found, "tilt", name) == pytest.approx(head.tilt_deg, abs=EXACT_DEG)


ORBITS: dict[str, dict[str, Any]] = {
    "opposed-clockwise": {"heads": two_heads(197.37, 180)},
    "opposed-counter-clockwise": {"heads": two_heads(197.37, 180), "clockwise": False},
    "L-clockwise": {"heads": two_heads(41.9, 90), "sources": TWO, "pixel_mm": (4.8, 4.2)},
    "L-counter-clockwise": {"heads": two_heads(-93.6, 90), "sources": TWO, "clockwise": False, "views": 45},
    "76-degrees": {"heads": two_heads(359.98, 76), "clockwise": False, "fwhm_mm": 8.0, "views": 64},
    "continuous": {"heads": two_heads(12.3, 180), "continuous": True},
    "continuous-counter-clockwise": {
        "heads": two_heads(303.1, 76),
        "continuous": True,
        "clockwise": False,
        "sources": TWO,
        "views": 72,
    },
    "half-circle": {"heads": two_heads(197.37, 90), "arc_deg": 180.0, "sources": TWO},
    "half-circle-continuous": {
        "heads": two_heads(55.5, 90),
        "arc_deg": 180.0,
        "continuous": True,
        "clockwise": False,
    },
    "204-degrees": {"heads": two_heads(300.3, 180), "arc_deg": 204.0, "views": 68},
    "three-sources": {"heads": two_heads(180.0, 180), "sources": nema_sources(), "views": 40},
    "four-sources-fine-pixels": {
        "heads": two_heads(7.7, 180)[:1],
        "sources": five_sources()[:4],
        "matrix": (190, 208),
        "pixel_mm": (2.2, 2.4),
        "views": 24,
    },
    "five-sources": {
        "heads": two_heads(270.02, 180),
        "sources": five_sources(),
        "views": 40,
        "clockwise": False,
    },
    "eight-views": {"heads": two_heads(22.5, 180), "views": 8},
    "odd-views": {"heads": two_heads(197.37, 180), "views": 31, "background": 2.0},
    "several-turns-in-the-header": {"heads": (OrbitHead(start_deg=-360.0, offset_mm=3.0, tilt_deg=-0.2),)},
}


@pytest.mark.parametrize("name", ORBITS)
def test_offset_radius_phase_axial_and_tilt_of_every_orbit(name: str) -> None:
    """Catches a sense taken the wrong way, a head's angle taken for another's, axes or pixels exchanged, the middle
    of a moving view taken for its start, the sinusoid's loss in it (0.05 % at 6 degrees), the sign of each tilt."""
    phantom = orbit(**ORBITS[name])
    found = head_and_pair(phantom)
    for number, head in enumerate(phantom.heads):
        assert found[number].detector == number + 1
        assert_head(found[number], phantom, head)
    assert len(found) == (3 if len(phantom.heads) == 2 else 1)


@pytest.mark.parametrize("name", [name for name in ORBITS if len(ORBITS[name]["heads"]) == 2])
def test_pairs_of_every_orbit(name: str) -> None:
    """Catches a difference taken the other way, views matched by number instead of angle, a phase that wraps."""
    phantom = orbit(**ORBITS[name])
    first, second = phantom.heads
    pair = head_and_pair(phantom)[2]
    assert pair.detector is None
    shift_mm = first.axial_mm - second.axial_mm
    assert value(pair, "axial_shift", "1-2") == pytest.approx(shift_mm, abs=EXACT_MM * 2**0.5)
    difference_mm = first.offset_mm - second.offset_mm
    assert value(pair, "offset_difference", "1-2") == pytest.approx(difference_mm, abs=EXACT_MM * 2**0.5)
    assert value(pair, "phase_difference", "1-2") == pytest.approx(0, abs=EXACT_DEG)
    assert "half_turn" not in remarks(pair)
    assert pair.parameters["separation_deg"] == pytest.approx(
        (second.start_deg - first.start_deg) % 360, abs=0.01
    )


@pytest.mark.parametrize("clockwise", [True, False])
@pytest.mark.parametrize("start_deg", [180.0, 0.0, 90.0, 256.0])
def test_an_axis_drawn_by_hand_at_column_66_is_12_mm(start_deg: float, clockwise: bool) -> None:
    """The contract. Drawn here, point by point, without the phantom's projection: only its header is used.

    Catches columns counted from 1, N / 2 for (N - 1) / 2, a sign that turns with the head or the sense.
    """
    phantom = orbit(OrbitHead(start_deg=start_deg), matrix=128, clockwise=clockwise, views=32)
    rows, columns = np.mgrid[:128, :128]
    views = []
    for view in range(32):
        theta = radians(start_deg + (-1 if clockwise else 1) * 360 / 32 * view)
        column = 66.0 + (-61.0 * cos(theta) + 44.0 * sin(theta)) / 4.8
        far = ((columns - column) ** 2 + (rows - 51.25) ** 2) / 2  # sigma of one pixel: sampled to 1e-8 of it
        views.append(20_000 * np.exp(-far))
    (found,) = results(analyse(acquisition(phantom, np.array(views)[None, None, None]), USUAL))
    assert value(found, "offset") == pytest.approx(12.0, abs=EXACT_MM)
    assert value(found, "offset_px") == pytest.approx(2.5, abs=EXACT_MM)
    assert value(found, "radius", "source 1") == pytest.approx(hypot(61, 44), abs=EXACT_MM)
    assert value(found, "axial_mean") == pytest.approx((51.25 - 63.5) * 4.8, abs=EXACT_MM)


def test_columns_or_rows_mirrored_turn_the_sign() -> None:
    """Metamorphic: stored the other way round, the offset and the axial position change sign, the radius does not."""
    phantom = orbit(OrbitHead(start_deg=31.0, offset_mm=4.1, axial_mm=2.4))
    counts = phantom.expected()
    (found,) = results(analyse(acquisition(phantom, counts), USUAL))
    (across,) = results(analyse(acquisition(phantom, counts[..., ::-1].copy()), USUAL))
    (along,) = results(analyse(acquisition(phantom, counts[..., ::-1, :].copy()), USUAL))
    for name, of, signs in (
        ("offset", "", (-1, 1)),
        ("axial_mean", "", (1, -1)),
        ("radius", "source 1", (1, 1)),
    ):
        for mirrored, sign in zip((across, along), signs, strict=True):
            assert value(mirrored, name, of) == pytest.approx(sign * value(found, name, of), abs=1e-6)


# --- one term at a time ---------------------------------------------------------------------------------


@pytest.mark.parametrize("clockwise", [True, False])
@pytest.mark.parametrize("continuous", [True, False])
@pytest.mark.parametrize(("sag_mm", "sag_deg"), [(0.31, 77.0), (1.6, -140.0)])
def test_sag(sag_mm: float, sag_deg: float, continuous: bool, clockwise: bool) -> None:
    """Catches an amplitude halved, a phase of the wrong sense, and the loss of a moving head (0.2 % at 6 degrees)."""
    head = OrbitHead(start_deg=197.37, offset_mm=1.1, sag_mm=sag_mm, sag_phase_deg=sag_deg, tilt_deg=0.2)
    found = one_head(orbit(head, sources=TWO, continuous=continuous, clockwise=clockwise))
    assert value(found, "sag") == pytest.approx(sag_mm, abs=EXACT_MM)
    assert circular(found.parameters["sag_phase_deg"] - sag_deg) == pytest.approx(
        0, abs=0.2
    )  # rounded to 0.1
    assert ("sag" in remarks(found)) == (sag_mm > 0.5)
    if not continuous:
        assert value(found, "residual_max") == pytest.approx(
            sag_mm, rel=1 - cos(radians(6))
        )  # a view near the crest
        assert value(found, "residual_rms") == pytest.approx(sag_mm / 2**0.5, abs=EXACT_MM)


@pytest.mark.parametrize("continuous", [True, False])
def test_sag_on_a_whole_circle_does_not_move_the_offset(continuous: bool) -> None:
    head = OrbitHead(start_deg=197.37, offset_mm=1.1, sag_mm=1.6, sag_phase_deg=-140.0)
    found = one_head(orbit(head, sources=TWO, continuous=continuous))
    for name in ("source 1", "source 2"):
        assert value(found, "offset", name) == pytest.approx(1.1, abs=EXACT_MM)


def test_sag_on_half_a_circle_moves_the_offset_as_known() -> None:
    """The closed form of 64 views, end point excluded: +0.4277 mm for 0.3 mm; and it is said that this can be."""
    found = one_head(
        orbit(OrbitHead(start_deg=0.0, sag_mm=0.3), arc_deg=180.0, views=64, clockwise=False, sources=ONE)
    )
    assert value(found, "offset") == pytest.approx(0.4277, abs=EXACT_MM)
    assert "1.43 times" in remarks(found)["arc_180"]
    assert absent(found)["sag", ""] == "partial_arc"
    assert absent(found)["offset_opposed", ""] == "partial_arc"


def test_half_a_circle_is_said_with_what_it_costs() -> None:
    """2.3 sigma / sqrt(n) against sigma / sqrt(n); 60 views of 3 degrees span 177 end to end and are 180."""
    phantom = orbit(arc_deg=180.0, views=60)
    counts = phantom.noisy(3)
    (found,) = results(analyse(acquisition(phantom, counts), USUAL))
    assert "180 degrees" in remarks(found)["arc_180"]
    assert "2.3 times as uncertain" in remarks(found)["arc_180"]
    assert "arc_180" not in remarks(one_head(orbit(arc_deg=360.0, views=60)))


def test_half_a_circle_costs_the_same_where_the_values_are_no_counts() -> None:
    phantom = orbit(arc_deg=180.0, views=60)
    (found,) = results(analyse(acquisition(phantom, phantom.noisy(3), raw_counts=False), USUAL))
    assert "2.3 times as uncertain" in remarks(found)["arc_180"]


@pytest.mark.parametrize("clockwise", [True, False])
@pytest.mark.parametrize("arc_deg", [360.0, 180.0])
def test_drift(arc_deg: float, clockwise: bool) -> None:
    """Right by 0.021 mm in each view, in the order of acquisition, whatever the sense; 0 in the middle."""
    head = OrbitHead(start_deg=197.37, offset_mm=-1.4, drift_mm=0.021)
    found = one_head(orbit(head, sources=TWO, arc_deg=arc_deg, clockwise=clockwise))
    assert value(found, "drift") == pytest.approx(0.021, abs=1e-5)
    for name in ("source 1", "source 2"):
        assert value(found, "drift", name) == pytest.approx(0.021, abs=1e-5)
    assert "+1.26 mm over all views" in remarks(found)["drift"]
    if arc_deg == 360:
        # the mean of a drift over whole turns is 0
        assert value(found, "offset") == pytest.approx(-1.4, abs=EXACT_MM)


@pytest.mark.parametrize(
    ("slip", "side"), [((17, 3.0, 0.0), "right"), ((1, -3.0, 1.0), "left"), ((60, 0.8, 0.0), "right")]
)
def test_a_slipped_view_is_found_and_named(slip: tuple[int, float, float], side: str) -> None:
    """Also the first and the last view. The other terms are told as if it were not there."""
    head = OrbitHead(start_deg=197.37, offset_mm=2.3, slips=(slip,))
    found = one_head(orbit(head))
    text = remarks(found)["slipped_view"]
    assert text.startswith(f"view {slip[0]} stands out by {abs(slip[1]):.2f} mm to the {side}")
    assert [remark.code for remark in found.remarks].count("slipped_view") == 1
    assert found.parameters["sources"][0]["views_that_stand_out"] == [slip[0]]
    assert value(found, "drift") == pytest.approx(0, abs=1e-4)
    assert value(found, "sag") == pytest.approx(0, abs=EXACT_MM)
    # the slip takes part in the fit: by least squares a view of 60 moves the offset by 1 / 60
    assert value(found, "offset") == pytest.approx(2.3 + slip[1] / 60, abs=EXACT_MM)
    # and leaves of itself 1 - 3 / 60
    assert value(found, "residual_max") == pytest.approx(abs(slip[1]) * (1 - 3 / 60), abs=EXACT_MM)


def test_two_slipped_views_of_one_head_alone() -> None:
    heads = (
        OrbitHead(start_deg=10.1, slips=((9, 3.0, 0.0), (30, -1.5, 0.0))),
        OrbitHead(start_deg=190.1, offset_mm=1.0),
    )
    first, second, _ = head_and_pair(orbit(*heads, sources=TWO))
    texts = [remark.text for remark in first.remarks if remark.code == "slipped_view"]
    assert [text.split(" (")[0] for text in texts] == [
        "view 9 stands out by 3.00 mm to the right",
        "view 30 stands out by 1.50 mm to the left",
    ]
    assert all("(2 of 2 sources)" in text for text in texts)
    assert "slipped_view" not in remarks(second)


@pytest.mark.parametrize("turn_deg", [0.7, -0.4])
def test_turned_image_gives_a_slope_of_the_offset_along_the_axis(turn_deg: float) -> None:
    """Counter-clockwise as displayed: what lies lower moves right. A source at the middle row keeps its offset."""
    head = OrbitHead(start_deg=17.0, offset_mm=1.5, turn_deg=turn_deg, tilt_deg=0.3)
    phantom = orbit(head, sources=nema_sources())
    found = one_head(phantom)
    # sources at -z cos(turn) are at -z sin(turn)
    assert value(found, "offset_slope") == pytest.approx(tan(radians(turn_deg)), abs=EXACT_MM / 50)
    for number, source in enumerate(from_top(phantom), start=1):
        truth_mm = 1.5 - source.z_mm * sin(radians(turn_deg))
        assert value(found, "offset", f"source {number}") == pytest.approx(truth_mm, abs=EXACT_MM)
        axial_mm = -source.z_mm * cos(radians(turn_deg))
        assert value(found, "axial_mean", f"source {number}") == pytest.approx(axial_mm, abs=EXACT_MM)
    # tan(tilt) cos(turn), and what the sideways term takes of it: 1e-4 of 0.3 degrees
    assert value(found, "tilt") == pytest.approx(0.3, abs=EXACT_DEG)


def test_one_level_tells_no_slope() -> None:
    assert absent(one_head(orbit()))["offset_slope", ""] == "one_level"


@pytest.mark.parametrize("clockwise", [True, False])
@pytest.mark.parametrize("error_deg", [0.9, -0.35])
def test_a_head_that_stands_elsewhere_than_its_header_says(error_deg: float, clockwise: bool) -> None:
    """Farther counter-clockwise by e, its sources have a phase less by e, for both senses. The offset holds."""
    first, second = two_heads(197.37, 90)
    heads = (first, replace(second, angle_error_deg=error_deg, tilt_deg=0.0))
    found = head_and_pair(orbit(*heads, sources=TWO, clockwise=clockwise))
    assert value(found[2], "phase_difference", "1-2") == pytest.approx(-error_deg, abs=EXACT_DEG)
    assert value(found[1], "offset") == pytest.approx(second.offset_mm, abs=EXACT_MM)
    assert value(found[1], "radius", "source 1") == pytest.approx(hypot(64, 31), abs=EXACT_MM)


@pytest.mark.parametrize("separation_deg", [180.0, 90.0])
def test_a_mirrored_second_head_is_half_a_turn_off(separation_deg: float) -> None:
    """s reversed is s half a turn on: the depth, and with it the tilt, have the wrong sign, and it is said."""
    first, second = two_heads(20.0, separation_deg)
    found = head_and_pair(orbit(first, replace(second, mirrored=True), sources=TWO))
    assert abs(value(found[2], "phase_difference", "1-2")) == pytest.approx(180, abs=EXACT_DEG)
    assert "half_turn" in remarks(found[2])
    assert value(found[1], "offset") == pytest.approx(second.offset_mm, abs=EXACT_MM)
    assert value(found[1], "tilt") == pytest.approx(-second.tilt_deg, abs=EXACT_DEG)
    assert value(found[0], "tilt") == pytest.approx(first.tilt_deg, abs=EXACT_DEG)


NEAR_AND_FAR = {"fwhm_per_mm": 0.03, "sources": (PointSource(21.0, 90.0, 5.0),)}


def as_told(truth: Orbit, told: Orbit) -> Result:
    """Analyse the counts of one orbit under the header of another."""
    (found,) = results(analyse(acquisition(told, truth.expected()), USUAL))
    return found


def test_a_sense_that_is_not_that_of_the_header_is_seen_by_the_blur() -> None:
    """Of theta and 180 degrees - theta: s is that of a source mirrored in x, and D has the other sign."""
    truth = orbit(OrbitHead(start_deg=90.0, offset_mm=2.0, tilt_deg=0.6), **NEAR_AND_FAR)
    found = as_told(truth, replace(truth, clockwise=False))
    assert "depth_reversed" in remarks(found)
    assert value(found, "offset") == pytest.approx(2.0, abs=EXACT_MM)
    assert "depth_reversed" not in remarks(as_told(truth, truth))


def test_a_mirrored_head_is_seen_by_the_blur() -> None:
    truth = orbit(OrbitHead(start_deg=90.0, offset_mm=2.0, tilt_deg=0.6, mirrored=True), **NEAR_AND_FAR)
    found = as_told(truth, truth)
    assert "depth_reversed" in remarks(found)
    assert value(found, "tilt") == pytest.approx(-0.6, abs=EXACT_DEG)


def half_a_turn_off() -> tuple[OrbitHead, tuple[Result, ...]]:
    """Return the second head, and all results under a header that has it 181.5 degrees off: beside the first head.

    Not 180: two heads may not be said to share an angle.
    """
    heads = two_heads(90.0, 180)
    truth = orbit(*heads, **NEAR_AND_FAR)
    told = replace(truth, heads=(heads[0], replace(heads[1], start_deg=heads[1].start_deg + 181.5)))
    return heads[1], results(analyse(acquisition(told, truth.expected()), USUAL))


def test_a_start_half_a_turn_off_keeps_the_sign_of_the_tilt() -> None:
    """Of theta and theta + 180 degrees: s is that of a source on the other side of the axis, and D is the same."""
    head, (_, second, pair) = half_a_turn_off()
    assert "half_turn" in remarks(pair)
    assert value(pair, "phase_difference", "1-2") == pytest.approx(-178.5, abs=EXACT_DEG)
    assert "depth_reversed" not in remarks(second)
    # cos(1.5 degrees) of the tilt is told by D: 0.35 degrees x 3e-4
    assert value(second, "tilt") == pytest.approx(head.tilt_deg, abs=EXACT_DEG)


def test_the_tilt_of_a_head_half_a_turn_off_is_not_said_to_be_wrong() -> None:
    _, (_, _, pair) = half_a_turn_off()
    assert not remarks(pair)["half_turn"].endswith("its tilt has the wrong sign")


# --- the orbit and what is beside it --------------------------------------------------------------------


@pytest.mark.parametrize("continuous", [True, False])
def test_resolution_at_200_mm_on_a_contoured_orbit(continuous: bool) -> None:
    """The distance is R - D with the radius of each view: 8.4 mm at 200 mm and 0.021 mm more for each mm.

    Catches R + D (2 x 0.021 x D wrong), one radius for all views, pixels left in the width (0.5 mm here).
    """
    radii = tuple(
        float(radius) for radius in 232 + 21 * np.cos(np.linspace(0, 4 * np.pi, 60, endpoint=False))
    )
    phantom = orbit(
        OrbitHead(start_deg=64.2), radius_mm=radii, fwhm_mm=8.4, fwhm_per_mm=0.021, continuous=continuous
    )
    found = one_head(phantom)
    # the width of a view that moves is the mean over the view: 0.021 x 80 mm x (1 - sinc) = 8e-4 mm
    assert value(found, "resolution", "200 mm") == pytest.approx(8.4, abs=EXACT_MM)
    assert value(found, "offset") == pytest.approx(0, abs=EXACT_MM)


def test_rotations_to_and_fro_are_one_head() -> None:
    """The second rotation turns the other way: its angles fall where the first's grow."""
    phantom = orbit(OrbitHead(start_deg=33.3, offset_mm=1.9, tilt_deg=0.4), views=24, rotations=2)
    found = one_head(phantom)
    assert_head(found, phantom, phantom.heads[0])
    assert found.parameters["rotations"] == 2
    assert found.parameters["views"] == 48


def test_rotations_that_do_not_agree_are_said() -> None:
    phantom = orbit(OrbitHead(start_deg=33.3), views=24, rotations=2)
    counts = phantom.expected()
    counts[:, :, 1] = orbit(OrbitHead(start_deg=33.3, offset_mm=1.0), views=24, rotations=2).expected()[
        :, :, 1
    ]
    (found,) = results(analyse(acquisition(phantom, counts), USUAL))
    assert "1.00 mm apart" in remarks(found)["rotations_differ"]
    assert value(found, "offset") == pytest.approx(0.5, abs=EXACT_MM)


def test_energy_windows_are_measured_each_by_itself() -> None:
    """In order of window, then detector, each window followed by its pair."""
    phantom = orbit(*two_heads(197.37, 180))
    counts = np.concatenate([phantom.expected(), 0.2 * orbit(*two_heads(197.37, 180)[::-1]).expected()])
    found = results(analyse(acquisition(phantom, counts), USUAL))
    assert [one.detector for one in found] == [1, 2, None] * 2
    # the second window shows the heads' faults exchanged, half a turn off in one with the other
    assert [value(one, "offset") for one in found if one.detector] == pytest.approx(
        [2.3, -0.9, -0.9, 2.3], abs=EXACT_MM
    )


def test_decay_and_background_change_nothing() -> None:
    """Half of the counts are gone at the end, and each pixel holds three counts of background."""
    head = OrbitHead(start_deg=197.37, offset_mm=2.3, tilt_deg=0.5)
    phantom = orbit(head, half_life_s=1200.0, background=3.0)
    found = one_head(phantom)
    assert_head(found, phantom, head)
    assert found.parameters["sources"][0]["background"] == pytest.approx(3.0, abs=0.01)  # rounded
    # the median of a decay is its middle: 20,000 x 2^-0.5 but for half a view of 60
    assert found.parameters["sources"][0]["counts"] == pytest.approx(20_000 / 2**0.5, rel=0.01)


def test_the_background_under_noise_is_its_mean() -> None:
    """Catches the median, or a mean without its brighter half: 2.7 and less of 3.4 counts a pixel."""
    phantom = orbit(OrbitHead(start_deg=197.37), background=3.4)
    (found,) = results(analyse(acquisition(phantom, phantom.noisy(6)), USUAL))
    # of a ring of 200 pixels sqrt(3.4 / 200) = 0.13 in a view, 1.25 / sqrt(60) of it in their median, three times
    assert found.parameters["sources"][0]["background"] == pytest.approx(3.4, abs=0.065)


@pytest.mark.parametrize("clockwise", [True, False])
def test_sources_that_cross_in_projection(clockwise: bool) -> None:
    """At one level on different orbits: their spots merge and part. The views in which they are near are left out."""
    sources = (PointSource(96.0, 11.0, 20.0), PointSource(-31.0, 66.0, 16.0, 14_000.0))
    head = OrbitHead(start_deg=197.37, offset_mm=-2.1, axial_mm=0.8)
    found = one_head(orbit(head, sources=sources, views=96, fwhm_mm=8.0, clockwise=clockwise))
    assert "crossing_views" in remarks(found)
    outwards = sorted(sources, key=lambda source: source.radius_mm)  # at one level from the axis outwards
    for number, source in enumerate(outwards, start=1):
        # a tail of 3e-6 of the neighbour's counts, 32 mm off, at worst in a few views
        assert value(found, "offset", f"source {number}") == pytest.approx(-2.1, abs=EXACT_MM)
        assert value(found, "radius", f"source {number}") == pytest.approx(source.radius_mm, abs=EXACT_MM)
        used = found.parameters["sources"][number - 1]["views_used"]
        assert 40 < used < 90
    assert value(found, "axial_mean") == pytest.approx(0.8 - 18.0, abs=EXACT_MM)


def test_a_source_on_the_axis_tells_the_offset_and_says_what_it_does_not() -> None:
    found = one_head(
        orbit(OrbitHead(start_deg=44.0, offset_mm=3.3, tilt_deg=0.7), sources=(PointSource(0, 0, 31.0),))
    )
    assert value(found, "offset") == pytest.approx(3.3, abs=EXACT_MM)
    assert value(found, "axial_mean") == pytest.approx(-31, abs=EXACT_MM)
    codes = absent(found)
    assert codes["tilt", ""] == codes["tilt", "source 1"] == "on_axis"
    assert ("tilt", "") not in measured(found)
    assert found.parameters["sources"][0]["phase_deg"] is None


@pytest.mark.parametrize("flavour", ["strict", "scanner"])
@pytest.mark.parametrize("clockwise", [True, False])
def test_through_a_file(flavour: str, clockwise: bool, tmp_path: Path) -> None:
    """Written by one program, read by the other, which do not know each other: angles, senses, heads and radii."""
    sources = (PointSource(71.0, -38.0, 23.0, 90_000.0),)
    phantom = orbit(*two_heads(197.37, 76), sources=sources, clockwise=clockwise, fwhm_per_mm=0.02)
    first, second, pair = results(from_files(phantom, tmp_path, flavour=flavour))
    # rounded counts: 0.29 sqrt(169 pixels) x 18 mm / 90,000 counts is 8e-4 mm a view, 1e-4 mm in the mean of 60
    assert_head(first, phantom, phantom.heads[0])
    assert_head(second, phantom, phantom.heads[1])
    assert value(first, "resolution", "200 mm") == pytest.approx(9.0, abs=2e-3)
    assert value(pair, "axial_shift", "1-2") == pytest.approx(-3.9, abs=EXACT_MM)
    assert value(pair, "phase_difference", "1-2") == pytest.approx(0, abs=EXACT_DEG)
