"""The validation of the centre of rotation: its orbits, the truths beside nmqc's values, what it says was missed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks import cor, cor_exact, cor_noise, cor_peers
from benchmarks.clock import CommandFailed
from benchmarks.cor_noise import Block, Value
from benchmarks.cor_orbits import acquisition, exact, measured, offs
from nmqc.catalogue import find
from nmqc.dicom import ReadOptions, read_nm
from phantoms import nm
from phantoms.cor import Orbit, OrbitHead, PointSource

SMALL = Orbit(
    sources=(PointSource(44.0, -31.0, 21.0), PointSource(-20.0, 52.0, -37.0)),
    heads=(OrbitHead(start_deg=187.4, offset_mm=1.3, turn_deg=0.4), OrbitHead(start_deg=97.4, axial_mm=2.0)),
    views=16,
    arc_deg=240.0,
    continuous=True,
    matrix=(64, 80),
    pixel_mm=(4.4, 4.8),
)


def test_an_orbit_without_a_file_is_the_one_that_is_read(tmp_path: Path) -> None:
    (path,) = nm.write_cor(SMALL, tmp_path / "orbit.dcm")
    (read,) = read_nm([path], ReadOptions()).acquisitions
    made = acquisition(SMALL, SMALL.rounded())
    assert len(made.frames) == len(read.frames) == 32
    for ours, theirs in zip(made.frames, read.frames, strict=True):
        assert (ours.counts == theirs.counts).all()
        assert (ours.detector, ours.view, ours.rotation) == (theirs.detector, theirs.view, theirs.rotation)
        assert ours.gantry is not None
        assert theirs.gantry is not None
        assert ours.gantry.moving == theirs.gantry.moving
        # 1e-5: decimal strings of 16 characters in the file
        assert ours.gantry.angle_deg == pytest.approx(theirs.gantry.angle_deg, abs=1e-5)
        assert ours.gantry.step_deg == pytest.approx(theirs.gantry.step_deg, abs=1e-5)
        assert ours.gantry.radius_mm == theirs.gantry.radius_mm
        assert ours.spacing_mm == pytest.approx(theirs.spacing_mm)


def test_every_truth_lies_beside_its_own_value() -> None:
    found = {(head, short, one.of): off for head, one, short, off in offs(SMALL, exact(SMALL))}
    assert {(1, "offset_slope", ""), (2, "radius", "source 2"), (0, "axial_shift", "1-2")} <= set(found)
    # 0.002 mm: a turned image makes the radius seem smaller by 1 - cos(0.4 deg), 0.0014 mm of 56
    assert max(abs(off) for off in found.values()) < 0.002


def test_the_orbits_are_unlike_each_other_and_what_is_required_of_them() -> None:
    cells = cor_noise.cells()
    assert {cell.orbit.arc_deg for cell in cells} == {180.0, 360.0}
    assert {cell.orbit.clockwise for cell in cells} == {True, False}
    assert all(60 <= cell.orbit.views <= 120 for cell in cells)
    assert all(cell.orbit.heads[0].offset_mm != cell.orbit.heads[1].offset_mm for cell in cells)
    assert all(cell.orbit.heads[cor_noise.UPRIGHT - 1].tilt_deg == 0 for cell in cells)
    assert len(cor_exact.RADII_MM) * len(cor_exact.SENSES) * cor_exact.PHASES == 432


def block(off: float, *, refused: int = 0, far: float = 0.02) -> Block:
    """Return 20 offsets: 14 off by some, 6 off by far on either side; sigma 0.01."""
    offs_mm = [off] * 14 + [off + far] * 3 + [off - far] * 3
    return Block(tuple(Value(0, 1, "offset", "", one, 0.01) for one in offs_mm), (), refused)


@pytest.mark.parametrize(
    ("outcome", "missed"),
    [
        (block(0.001), []),
        (block(-0.0101), [1, 2]),  # biased, and so beyond one sigma
        (block(0.001, refused=1), [0]),
        (block(0.0, far=0.001), [2]),  # all within one sigma
    ],
)
def test_what_is_missed_is_said(outcome: Block, missed: list[int]) -> None:
    met = [enough for _, _, enough in cor_noise.required([outcome])]
    assert [number for number, enough in enumerate(met[:3]) if not enough] == missed


def test_the_bias_by_sag_is_that_of_the_science_page() -> None:
    for clockwise in (True, False):
        assert cor_exact.sag_bias_mm(0.0, clockwise) == pytest.approx(0.4277, abs=5e-5)  # four digits typed


def test_the_sources_of_the_peers_are_where_their_record_says() -> None:
    for case in cor_peers.cases():
        assert case.orbit.fwhm_mm == 10.0
        assert case.orbit.spacing_mm == (4.8, 4.8)
    first = cor_peers.cases()[0].orbit.sources[0]
    assert math.hypot(first.x_mm, first.y_mm) == pytest.approx(80.0)


def test_a_command_without_an_offset_is_found_out() -> None:
    def output(*names: str) -> bytes:
        return json.dumps({"results": [{"measurements": [{"name": name}]} for name in names]}).encode()

    cor.measured(2)(output("cor.offset", "cor.offset", "cor.axial_shift"))
    with pytest.raises(CommandFailed, match="each detector"):
        cor.measured(2)(output("cor.offset", "cor.axial_shift"))


def test_the_case_that_is_timed_is_measured() -> None:
    case = cor.CorCase(5, 2, 24)
    orbit = case.orbit()
    analysis = find("cor.point-sources").analyse(
        acquisition(orbit, orbit.rounded()), find("cor.point-sources").options()
    )
    assert not analysis.refused
    # 0.01: rounding to whole counts
    assert [measured(one, "offset").value for one in analysis.results[:2]] == pytest.approx(
        [1.2, -2.1], abs=0.01
    )
