"""Where the background is measured: margins against the nominal outline, whatever way the phantom lies."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmqc.errors import CannotMeasure
from nmqc.pet.background import Placement, Regions, place, read_regions
from nmqc.toml_reader import BadFile
from tests.pet.by_hand import COLD, ByHand
from tests.pet.simulate import DIAMETERS

FLAT = ByHand(shape=(31, 130, 162))


def placed(hand: ByHand, regions: Regions | None = None) -> Placement:
    blank = np.ones(hand.shape, np.float32)
    return place(hand.volume(blank), hand.phantom(), regions)


def depth(hand: ByHand, x: float, y: float) -> float:
    """Return the depth below the nominal wall, flat side towards +y before the turn."""
    turn = math.radians(hand.turned_deg)
    right, down = x - hand.centre_mm[0], y - hand.centre_mm[1]
    u = abs(right * math.cos(turn) + down * math.sin(turn))
    q = 35 - (down * math.cos(turn) - right * math.sin(turn))
    if q >= 0:
        return 147 - math.hypot(u, q)
    return 77 - math.hypot(u - 70, q) if u > 70 else 77 + q


@pytest.mark.parametrize("sense", [1, -1])
@pytest.mark.parametrize(
    ("phase", "turn"), [(0.0, 0.0), (38.0, 5.0), (93.0, 180.0), (152.0, 0.0), (275.0, -90.0)]
)
def test_twelve_places_keep_their_margins(phase: float, turn: float, sense: int) -> None:
    shape = (31, 130, 162) if turn != -90.0 else (31, 162, 130)
    hand = replace(
        FLAT, shape=shape, phase_deg=phase, sense=sense, turned_deg=turn, centre_mm=(3.0, -2.0, 1.0)
    )
    found = placed(hand)
    assert len(found.centres_mm) == 12
    # of the mask's outline a place is known to half a pixel, here 1 mm, and to a diagonal at a slant
    walls = [depth(hand, x, y) - 18.5 for x, y in found.centres_mm]
    assert min(walls) >= 15.0 - 1.5
    assert found.from_wall_mm == pytest.approx(min(walls), abs=1.5)
    spheres = [
        math.hypot(x - place_[0], y - place_[1]) - diameter / 2 - 18.5
        for x, y in found.centres_mm
        for place_, diameter in zip(hand.corners(), DIAMETERS, strict=True)
    ]
    assert found.from_spheres_mm == pytest.approx(min(spheres), abs=1e-9)
    assert min(spheres) >= 8.0  # on real phantoms 9 to 12.5 mm were reached by another packer
    lungs = [math.hypot(x - 3.0, y + 2.0) - 25.5 - 18.5 for x, y in found.centres_mm]
    assert min(lungs) >= 5.0
    apart = [
        math.dist(one, other) for i, one in enumerate(found.centres_mm) for other in found.centres_mm[:i]
    ]
    assert found.apart_mm == pytest.approx(min(apart), abs=1e-9)
    assert min(apart) >= 37.0 - 1e-9


def test_they_turn_and_mirror_with_the_phantom() -> None:
    hand = replace(FLAT, shape=(31, 151, 151), phase_deg=33.0)
    here = placed(hand)
    # a quarter turn maps the pixels of a square matrix onto each other: x, y -> -y, x
    turned = placed(replace(hand, phase_deg=123.0, turned_deg=90.0))
    assert np.array(turned.turned_mm) == pytest.approx(np.array(here.turned_mm), abs=1e-9)
    assert np.array(turned.centres_mm) == pytest.approx(
        np.array([(-y, x) for x, y in here.centres_mm]), abs=1e-9
    )
    # mirrored in x: the spheres ascend where they descended
    mirrored = placed(replace(hand, phase_deg=147.0, sense=-1))
    assert np.array(mirrored.centres_mm) == pytest.approx(
        np.array([(-x, y) for x, y in here.centres_mm]), abs=1e-9
    )


def test_a_shift_and_another_matrix_move_them_along() -> None:
    here = placed(FLAT)
    there = placed(replace(FLAT, shape=(31, 154, 186), centre_mm=(24.0, -24.0, 0.0)))
    assert np.array(there.turned_mm) == pytest.approx(np.array(here.turned_mm), abs=1e-9)
    assert np.array(there.centres_mm) - np.array(here.centres_mm) == pytest.approx(
        np.tile([24.0, -24.0], (12, 1)), abs=1e-9
    )


def test_the_narrowest_slice_counts() -> None:
    hand = replace(FLAT, phase_deg=0.0)
    body = hand.body()
    body[5, :, :40] = False  # on the lowest of the five slices alone, x below -82 mm
    found = place(hand.volume(np.ones(hand.shape)), replace(hand.phantom(), body=body))
    assert found.slices[0] == 5
    assert min(x for x, _ in found.centres_mm) >= -82 + 18.5 + 10


def test_the_slices_nearest_to_the_five_heights() -> None:
    hand = ByHand(shape=(89, 30, 30), spacing_mm=(2.78, 10.0, 10.0), centre_mm=(0.0, 0.0, 1.1))
    found = placed(hand)
    # the plane lies 1.1 mm above the middle slice: multiples of 2.78 mm less 1.1
    assert found.offsets_mm == pytest.approx((-20.56, -9.44, -1.1, 10.02, 21.14))
    assert found.slices == (37, 41, 44, 48, 52)
    assert found.standard


def test_the_plane_is_the_middle_of_the_spheres() -> None:
    """The 37 mm sphere lies 9 mm off: it does not move the plane."""
    moved = ((0.0, 0.0, 0.0),) * 5 + ((0.0, 0.0, 9.0),)
    assert placed(replace(FLAT, moved_mm=moved)).slices == placed(FLAT).slices


def test_slices_outside_the_body_are_left_out() -> None:
    hand = replace(FLAT, shape=(31, 130, 162))
    phantom = replace(hand.phantom(), first_z_mm=-19.0, last_z_mm=40.0)
    found = place(hand.volume(np.ones(hand.shape)), phantom)
    # -20 lies outside, -10 is 9 mm from the end
    assert found.offsets_mm == pytest.approx((0.0, 10.0, 20.0))
    assert not found.standard


@pytest.mark.parametrize(
    ("hand", "ends", "code"),
    [
        (replace(FLAT, shape=(9, 130, 162), spacing_mm=(15.0, 2.0, 2.0)), (-50.0, 50.0), "slices_too_thick"),
        (FLAT, (-29.0, -25.0), "no_background"),
        (replace(FLAT, spacing_mm=(2.0, 1.3, 1.3)), (-25.0, 25.0), "background_blocked"),
    ],
)
def test_it_says_why_there_is_no_place(hand: ByHand, ends: tuple[float, float], code: str) -> None:
    """The last: a matrix of 169 mm by 211 mm cuts the body all round."""
    phantom = replace(hand.phantom(), first_z_mm=ends[0] - 10.0, last_z_mm=ends[1] + 10.0)
    if code == "no_background":
        phantom = replace(phantom, first_z_mm=40.0, last_z_mm=70.0)
    with pytest.raises(CannotMeasure) as refusal:
        place(hand.volume(np.ones(hand.shape)), phantom)
    assert refusal.value.code == code


# --- a site's own places --------------------------------------------------------------------------------

TEMPLATE = placed(FLAT)


def sheet(folder: Path, frame: str, places: tuple[tuple[float, float], ...]) -> Path:
    path = folder / "regions.toml"
    regions = "".join(f"[[region]]\nx_mm = {x!r}\ny_mm = {y!r}\n" for x, y in places)
    path.write_text(f'relative_to = "{frame}"\n{regions}', encoding="utf-8")
    return path


def test_a_file_gives_the_same_places_in_each_frame(tmp_path: Path) -> None:
    hand = replace(FLAT, centre_mm=(6.0, -4.0, 0.0))
    here = placed(hand)
    axis = tuple((x - 6.0, y + 4.0) for x, y in here.centres_mm)
    for frame, places in (("spheres", here.turned_mm), ("axis", axis), ("volume", here.centres_mm)):
        found = placed(hand, read_regions(sheet(tmp_path, frame, places)))
        assert np.array(found.centres_mm) == pytest.approx(np.array(here.centres_mm), abs=1e-9), frame
        assert found.from_spheres_mm == pytest.approx(here.from_spheres_mm)


def test_places_with_the_spheres_turn_with_them() -> None:
    found = placed(
        replace(FLAT, shape=(31, 160, 162), phase_deg=140.0, turned_deg=120.0),
        Regions("spheres", TEMPLATE.turned_mm),
    )
    turn = math.radians(120.0)
    expected = [
        (x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn))
        for x, y in TEMPLATE.centres_mm
    ]
    assert np.array(found.centres_mm) == pytest.approx(np.array(expected), abs=1e-9)


def test_places_in_a_sphere_or_beyond_the_wall_are_refused() -> None:
    for bad in ((45.0, 30.0), (0.0, -105.0)):
        places = (tuple(map(float, bad)), *TEMPLATE.centres_mm[1:])
        with pytest.raises(CannotMeasure) as refusal:
            placed(FLAT, Regions("volume", places))
        assert refusal.value.code == "background_blocked"


def test_mistakes_in_a_file_are_told_with_their_lines(tmp_path: Path) -> None:
    path = sheet(tmp_path, "ring", TEMPLATE.turned_mm[:11])
    path.write_text(path.read_text().replace("x_mm", "x_nm", 1))
    with pytest.raises(BadFile) as bad:
        read_regions(path)
    told = [(mistake.line, mistake.text) for mistake in bad.value.mistakes]
    assert any(line == 1 and "relative_to" in text for line, text in told)
    assert any(line == 2 and "x_mm is missing" in text for line, text in told)
    assert any(line == 3 and 'unknown key "x_nm"' in text for line, text in told)
    assert any("found 11" in text for _, text in told)


def test_cold_spheres_are_kept_away_from_too() -> None:
    assert placed(replace(FLAT, states=COLD)).turned_mm == TEMPLATE.turned_mm
