"""Two detectors beside each other: which source is which, and what is said where they cannot be compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nmqc.cor.point_sources import Options, analyse
from phantoms.cor import OrbitHead, PointSource, five_sources
from tests.cor.acquire import (
    USUAL,
    absent,
    acquisition,
    changed,
    head_and_pair,
    measured,
    orbit,
    results,
    value,
)

HEADS = (
    OrbitHead(start_deg=190.2, offset_mm=1.2, axial_mm=0.4, tilt_deg=0.2),
    OrbitHead(start_deg=10.2, offset_mm=-0.7, axial_mm=-1.1, tilt_deg=-0.1),
)
EXACT_MM = 2e-3  # of two numbers of 1e-3


def test_sources_at_one_level_are_matched_by_their_place() -> None:
    """At 88 and 91 mm from the axis: by radius they would be exchanged, by angle they are 130 degrees apart."""
    sources = (PointSource(88.0, 0.0, 20.0), PointSource(-58.0, 70.0, 17.0))
    _, _, pair = head_and_pair(orbit(*HEADS, sources=sources, views=96, fwhm_mm=8.0))
    assert value(pair, "axial_shift", "1-2") == pytest.approx(1.5, abs=EXACT_MM)
    assert value(pair, "offset_difference", "1-2") == pytest.approx(1.9, abs=EXACT_MM)
    assert value(pair, "phase_difference", "1-2") == pytest.approx(0, abs=EXACT_MM)


def test_a_large_axial_shift_is_not_another_source() -> None:
    """11 mm, of sources 54 to 64 mm apart."""
    heads = (HEADS[0], replace(HEADS[1], axial_mm=11.4))
    _, _, pair = head_and_pair(orbit(*heads, sources=five_sources(), views=40, fwhm_mm=8.0))
    assert value(pair, "axial_shift", "1-2") == pytest.approx(-11.0, abs=EXACT_MM)
    assert value(pair, "phase_difference", "1-2") == pytest.approx(0, abs=EXACT_MM)


def test_the_sum_of_the_separation_wraps() -> None:
    _, _, pair = head_and_pair(orbit(*HEADS[::-1]))
    assert pair.parameters["separation_deg"] == pytest.approx(180, abs=0.01)
    assert pair.parameters["detectors"] == [1, 2]
    assert value(pair, "axial_shift", "1-2") == pytest.approx(-1.5, abs=EXACT_MM)


def test_another_number_of_sources_is_not_compared() -> None:
    """The second detector misses one, which lies beside its field: all of the pair is listed, with the counts."""
    sources = (PointSource(71.0, -38.0, 63.0), PointSource(-44.0, 70.0, -48.0))
    phantom = orbit(*HEADS, sources=sources)
    counts = phantom.expected()
    counts[0, 1] = orbit(*HEADS, sources=sources[:1]).expected()[0, 1]
    first, second, pair = results(analyse(acquisition(phantom, counts), USUAL))
    assert not pair.measurements
    assert set(absent(pair).values()) == {"sources_differ"}
    assert "2 sources, the other 1" in pair.not_measured[0].reason
    assert value(first, "offset") == pytest.approx(1.2, abs=EXACT_MM)
    assert value(second, "offset") == pytest.approx(-0.7, abs=EXACT_MM)


def test_sources_that_were_moved_between_the_heads_are_not_compared() -> None:
    phantom = orbit(*HEADS)
    counts = phantom.expected()
    counts[0, 1] = orbit(*HEADS, sources=(PointSource(30.0, 60.0, 23.0),)).expected()[0, 1]
    *_, pair = results(analyse(acquisition(phantom, counts), USUAL))
    assert set(absent(pair).values()) == {"sources_differ"}


def test_a_source_on_the_axis_tells_the_axial_shift_and_no_phase() -> None:
    _, _, pair = head_and_pair(orbit(*HEADS, sources=(PointSource(0.5, 1.0, 23.0),)))
    assert value(pair, "axial_shift", "1-2") == pytest.approx(1.5, abs=EXACT_MM)
    assert absent(pair)["phase_difference", "1-2"] == "on_axis"
    assert ("phase_difference", "1-2") not in measured(pair)


def test_one_detector_asked_for_is_no_pair() -> None:
    phantom = orbit(*HEADS)
    found = results(analyse(acquisition(phantom, phantom.expected()), Options(only_detector=2)))
    assert [one.detector for one in found] == [2]
    assert value(found[0], "offset") == pytest.approx(-0.7, abs=1e-3)


def test_one_head_refused_is_no_pair() -> None:
    phantom = orbit(*HEADS)
    counts = phantom.expected()
    counts[0, 0, 0, 3] = 0
    analysis = analyse(acquisition(phantom, counts), USUAL)
    assert [one.detector for one in analysis.results] == [2]


def test_a_head_that_is_not_known_is_measured_and_not_paired() -> None:
    phantom = orbit(HEADS[0])
    told = changed(acquisition(phantom, phantom.expected()), detector=lambda _: None)
    (found,) = results(analyse(told, USUAL))
    assert found.detector is None
    assert value(found, "offset") == pytest.approx(1.2, abs=1e-3)


def test_three_heads_are_three_pairs() -> None:
    """A third head of the header's: frames of the second under another angle."""
    phantom = orbit(*HEADS)
    two = acquisition(phantom, phantom.expected())
    again = acquisition(orbit(OrbitHead(start_deg=100.2)), orbit(OrbitHead(start_deg=100.2)).expected())
    third = changed(again, detector=lambda _: 3)
    found = results(analyse(replace(two, frames=two.frames + third.frames), USUAL))
    named = [one.of for result in found if result.detector is None for one in result.measurements]
    assert sorted(set(named)) == ["1-2", "1-3", "2-3"]
    assert value(found[4], "offset_difference", "1-3") == pytest.approx(1.2, abs=EXACT_MM)


def test_the_order_of_the_frames_is_not_relied_on() -> None:
    """Shuffled frames: window, detector, rotation and view say which they are."""
    phantom = orbit(*HEADS, rotations=2, views=24)
    told = acquisition(phantom, phantom.expected())
    order = np.random.default_rng(5).permutation(len(told.frames))
    shuffled = results(analyse(replace(told, frames=tuple(told.frames[number] for number in order)), USUAL))
    plain = results(analyse(told, USUAL))
    by_detector = {one.detector: one for one in shuffled}
    for one in plain[:2]:
        assert {key: said.value for key, said in measured(by_detector[one.detector]).items()} == {
            key: said.value for key, said in measured(one).items()
        }


def test_eight_sources_are_each_matched_once() -> None:
    """A shift of 19 mm along the axis, sources 36 mm apart: along it the neighbour's is nearer than a source's own.

    Catches a match along the axis alone, and one that lets each source choose its side of the axis.
    """
    sources = tuple(
        PointSource(60.0 * (-1) ** number, 25.0 * number - 90.0, 36.0 * number - 126.0) for number in range(8)
    )
    heads = (OrbitHead(start_deg=180.0, axial_mm=9.5), OrbitHead(start_deg=0.0, axial_mm=-9.5))
    *_, pair = head_and_pair(orbit(*heads, sources=sources, views=40, matrix=(112, 128)))
    assert value(pair, "axial_shift", "1-2") == pytest.approx(19.0, abs=2e-3)
