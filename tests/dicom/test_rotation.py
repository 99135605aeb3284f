"""Where each head stood: angles and radii against tables written by hand from the formula.

Seen from the feet angles grow counter-clockwise (CC): angle = start + step (view - 1); clockwise (CW) they fall.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, FileDataset

from nmqc.dicom.frames import split_frames
from nmqc.dicom.rotation import read_gantries
from nmqc.dicom.values import Header
from nmqc.model import Acquisition, Gantry, HeadPattern, SiteSystem
from tests.dicom.build import (
    CO,
    TC,
    acquisition,
    codes,
    detector,
    distinct,
    ge,
    item,
    nm,
    patch,
    read,
    save,
    turn,
    window,
)

Place = tuple[int, int, int, int]  # window, detector, rotation, view
AXES = ("EnergyWindowVector", "DetectorVector", "RotationVector", "AngularViewVector")


def tomo(
    places: Sequence[Place],
    turns: Sequence[Dataset],
    detectors: Sequence[Dataset],
    make: Callable[..., FileDataset] = nm,
    **arguments: Any,
) -> FileDataset:
    """A TOMO image whose stored frames are at these places, in this order."""
    vectors = {name: [place[axis] for place in places] for axis, name in enumerate(AXES)}
    pixels = distinct(len(places), rows=2, columns=3)
    ds = make(pixels=pixels, **{"kind": "TOMO", "detectors": detectors, **arguments, **vectors})
    ds.NumberOfRotations, ds.RotationInformationSequence = len(turns), list(turns)
    ds.TypeOfDetectorMotion = "STEP AND SHOOT"
    return ds


def one_head(views: int, **values: Any) -> FileDataset:
    """A head and a rotation with these values; the detector has no angle of its own."""
    return tomo([(1, 1, 1, view) for view in range(1, views + 1)], [turn(**values)], [detector()])


def two_heads(views: int, starts: Sequence[Any], **values: Any) -> FileDataset:
    heads = [detector(StartAngle=start) if start is not None else detector() for start in starts]
    places = [(1, head, 1, view) for head in (1, 2) for view in range(1, views + 1)]
    return tomo(places, [turn(**values)], heads)


def gantries(found: Acquisition) -> list[Gantry]:
    """The gantry of every frame, in order of window, detector, rotation and view."""
    there = [frame.gantry for frame in found.frames if frame.gantry is not None]
    assert len(there) == len(found.frames)
    return there


def angles(tmp_path: Path, ds: FileDataset) -> list[float]:
    found = acquisition(save(tmp_path / "tomo.dcm", ds))
    assert "no_angles" not in codes(found)
    return [gantry.angle_deg for gantry in gantries(found)]


def missing(tmp_path: Path, ds: FileDataset) -> tuple[str, Acquisition]:
    """Why there are no angles, of a file that is read all the same."""
    found = acquisition(save(tmp_path / "tomo.dcm", ds))
    return reason(found), found


def reason(found: Acquisition) -> str:
    assert all(frame.gantry is None for frame in found.frames)
    (text,) = [remark.text for remark in found.remarks if remark.code == "no_angles"]
    assert text.endswith("; export the acquisition anew, as the camera wrote it")
    return text


def texts(found: Acquisition, code: str) -> list[str]:
    return [remark.text for remark in found.remarks if remark.code == code]


# --- angles ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "step", "sense", "expected"),
    [
        (180, 6, "CC", [180, 186, 192, 198]),
        (180, 6, "CW", [180, 174, 168, 162]),
        (349.5, 5.625, "CC", [349.5, 355.125, 0.75, 6.375]),
        (10, 4.5, "CW", [10, 5.5, 1, 356.5]),
        (0, 90, "CW", [0, 270, 180, 90]),
        (354, 6, "CC", [354, 0, 6, 12]),
        (6, 6, "CW", [6, 0, 354, 348]),
    ],
)
def test_angles_of_one_head_in_both_senses(
    tmp_path: Path, start: float, step: float, sense: str, expected: list[float]
) -> None:
    ds = one_head(4, StartAngle=start, AngularStep=step, RotationDirection=sense)
    found = gantries(acquisition(save(tmp_path / "tomo.dcm", ds)))
    assert [gantry.angle_deg for gantry in found] == expected
    assert {gantry.step_deg for gantry in found} == {step if sense == "CC" else -step}


@pytest.mark.parametrize(
    ("starts", "sense", "first", "second"),
    [
        ((180, 0), "CC", [180, 186, 192], [0, 6, 12]),
        ((180, 0), "CW", [180, 174, 168], [0, 354, 348]),
        ((135, 225), "CC", [135, 141, 147], [225, 231, 237]),
        ((45, -45), "CW", [45, 39, 33], [315, 309, 303]),
        ((270.5, 346.5), "CC", [270.5, 276.5, 282.5], [346.5, 352.5, 358.5]),
        ((76, 0), "CW", [76, 70, 64], [0, 354, 348]),
    ],
)
def test_each_head_has_its_own_start(
    tmp_path: Path, starts: tuple[float, float], sense: str, first: list[float], second: list[float]
) -> None:
    """180, 90 and 76 degrees apart; the start of the rotation, 33, is neither head's."""
    assert angles(tmp_path, two_heads(3, starts, StartAngle=33, RotationDirection=sense)) == first + second


def test_the_own_start_of_an_only_head_stands_over_that_of_the_rotation(tmp_path: Path) -> None:
    ds = one_head(2, StartAngle=33)
    ds.DetectorInformationSequence[0].StartAngle = 198
    assert angles(tmp_path, ds) == [198, 204]


TWO_TURNS = (turn(AngularStep=6), turn(AngularStep=4.5, RotationDirection="CW"))
BY_PLACE = {  # (detector, rotation): view 1, 2, 3
    (1, 1): [20, 26, 32],
    (1, 2): [20, 15.5, 11],
    (2, 1): [96, 102, 108],
    (2, 2): [96, 91.5, 87],
}


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_every_order_of_the_vectors(tmp_path: Path, order: tuple[int, ...]) -> None:
    """Windows, heads, rotations and views, each nested in the others, and pointers in the same order."""
    ranges = (range(1, 3), range(1, 3), range(1, 3), range(1, 4))
    nested = itertools.product(*(ranges[axis] for axis in order))
    places = [tuple(numbers[order.index(axis)] for axis in range(4)) for numbers in nested]
    heads = [detector(StartAngle=20), detector(StartAngle=96)]
    ds = tomo(places, TWO_TURNS, heads, windows=(TC, CO))
    ds.FrameIncrementPointer = [AXES[axis] for axis in order]
    found = acquisition(save(tmp_path / "tomo.dcm", ds))
    assert codes(found) == []
    for frame, gantry in zip(found.frames, gantries(found), strict=True):
        assert frame.detector is not None
        place = (frame.window_number, frame.detector, frame.rotation, frame.view)
        assert int(frame.counts[0, 0]) == 100 * (places.index(place) + 1)
        assert gantry.angle_deg == BY_PLACE[frame.detector, frame.rotation][frame.view - 1]
        assert gantry.step_deg == {1: 6, 2: -4.5}[frame.rotation]


def test_shuffled_frames(tmp_path: Path) -> None:
    places = [(1, head, 1, view) for head in (1, 2) for view in range(1, 6)]
    random.Random(4).shuffle(places)
    heads = [detector(StartAngle=100), detector(StartAngle=190)]
    ds = tomo(places, [turn(AngularStep=10, RotationDirection="CW")], heads)
    assert angles(tmp_path, ds) == [100, 90, 80, 70, 60, 190, 180, 170, 160, 150]


def test_each_rotation_has_its_own_start_step_and_sense(tmp_path: Path) -> None:
    """One head, to and fro; a reader that always takes the first item gives 40, 46 twice."""
    turns = [turn(StartAngle=40), turn(StartAngle=46, RotationDirection="CW", AngularStep=3)]
    places = [(1, 1, 2, 1), (1, 1, 2, 2), (1, 1, 1, 1), (1, 1, 1, 2)]
    assert angles(tmp_path, tomo(places, turns, [detector()])) == [40, 46, 46, 43]


def test_a_view_that_is_not_there_leaves_the_angles_of_the_others(tmp_path: Path) -> None:
    places = [(one, 1, 1, view) for one in (1, 2) for view in (1, 2, 5)]
    ds = tomo(places, [turn(NumberOfFramesInRotation=6)], [detector()], windows=(TC, CO))
    assert angles(tmp_path, ds) == [0, 6, 24, 0, 6, 24]


def test_gated_views_have_the_angle_of_their_view(tmp_path: Path) -> None:
    """Slot 1 and 2 of views 1 to 3: the frames count through to 6, the angles do not."""
    places = [(slot, view) for slot in (1, 2) for view in (1, 2, 3)]
    ones = [1] * 6
    ds = nm(
        distinct(6),
        kind="GATED TOMO",
        EnergyWindowVector=ones,
        DetectorVector=ones,
        RotationVector=ones,
        RRIntervalVector=ones,
        TimeSlotVector=[slot for slot, _ in places],
        AngularViewVector=[view for _, view in places],
    )
    ds.NumberOfRRIntervals, ds.NumberOfTimeSlots = 1, 2
    ds.RotationInformationSequence = [turn(StartAngle=90, NumberOfFramesInRotation=3)]
    assert angles(tmp_path, ds) == [90, 96, 102, 90, 96, 102]


def test_other_vectors_do_not_change_the_angles(tmp_path: Path) -> None:
    """A vector that no pointer names takes part in the running number of the frame, and not in its angle."""
    ds = one_head(4)
    ds.TimeSliceVector = [1, 2, 1, 2]
    found = acquisition(save(tmp_path / "tomo.dcm", ds))
    stored = [int(frame.counts[0, 0]) // 100 - 1 for frame in found.frames]
    assert stored == [0, 2, 1, 3]
    assert [gantry.angle_deg for gantry in gantries(found)] == [6 * number for number in stored]


@pytest.mark.parametrize(
    "kind", ["STATIC", "WHOLE BODY", "DYNAMIC", "GATED", "RECON TOMO", "RECON GATED TOMO"]
)
def test_other_images_have_no_angles_and_nothing_is_said(tmp_path: Path, kind: str) -> None:
    ds = nm(kind=kind)
    ds.RotationInformationSequence = [turn()]
    ds.DetectorInformationSequence[0].StartAngle = 180
    found = acquisition(save(tmp_path / "image.dcm", ds))
    assert found.frames[0].gantry is None
    assert "no_angles" not in codes(found)


# --- untidy numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("-0", 0),
        ("540", 180),
        ("360", 0),
        ("-360", 0),
        ("-1080.0", 0),
        ("-90", 270),
        ("179.99", 179.99),
        ("180.041", 180.041),
        (" 1.98E2 ", 198),
        ("-1E-15", 0),
    ],
)
def test_untidy_starts(tmp_path: Path, start: str, expected: float) -> None:
    angle_deg = angles(tmp_path, two_heads(1, (start, 77)))[0]
    assert 0 <= angle_deg < 360
    assert angle_deg == pytest.approx(expected, abs=1e-12)  # no noise: arithmetic only
    assert str(angle_deg) != "-0.0"


def test_any_numbers_against_exact_arithmetic() -> None:
    chance = random.Random(20261116)
    for _ in range(300):
        start = f"{chance.uniform(-1080, 1080):.{chance.randint(0, 9)}f}"
        step = f"{chance.uniform(0.01, 180):.{chance.randint(2, 10)}f}"
        sense = chance.choice(("CC", "CW"))
        ds = one_head(7, StartAngle=start, AngularStep=step, RotationDirection=sense)
        found, remarks = read_gantries(Header(ds), "TOMO", split_frames(Header(ds), "TOMO", 7))
        assert remarks == ()
        for view, gantry in enumerate(found):
            truth = Fraction(start) + (1 if sense == "CC" else -1) * Fraction(step) * view
            assert gantry is not None
            assert 0 <= gantry.angle_deg < 360
            off = (Fraction(gantry.angle_deg) - truth + 180) % 360 - 180
            assert abs(off) < 1e-11  # a few units in the last place of numbers of up to 2500


@pytest.mark.parametrize("keyword", ["StartAngle", "AngularStep"])
@pytest.mark.parametrize("text", ["12,345678", "abcdefghi", "NaN      ", "inf      ", "1e9      "])
def test_values_that_are_no_numbers_are_not_zero(tmp_path: Path, keyword: str, text: str) -> None:
    """Written into the file byte by byte: no library would write them."""
    path = save(tmp_path / "tomo.dcm", one_head(3, **{keyword: "12.345678"}))
    found = acquisition(patch(path, b"12.345678", text.encode()))
    assert f"{keyword} is not one usable number" in reason(found)
    assert texts(found, "nonstandard") == [f"unusable values were left out: {keyword}"]


def test_an_unusable_own_start_is_not_replaced_by_another(tmp_path: Path) -> None:
    ds = one_head(3, StartAngle=90)
    ds.DetectorInformationSequence[0].StartAngle = "12.345678"
    found = acquisition(patch(save(tmp_path / "tomo.dcm", ds), b"12.345678", b"12,345678"))
    assert "StartAngle is not one usable number" in reason(found)


# --- what is missing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"StartAngle": None}, "StartAngle is missing"),
        ({"StartAngle": ""}, "StartAngle is missing"),
        ({"StartAngle": [0, 90]}, "StartAngle is not one usable number"),
        ({"AngularStep": None}, "AngularStep is missing"),
        ({"AngularStep": 0}, "AngularStep is zero"),
        ({"AngularStep": -6}, "AngularStep is negative"),
        ({"AngularStep": 200}, "AngularStep is not one usable number"),
        ({"RotationDirection": None}, "RotationDirection is missing"),
        ({"RotationDirection": ""}, "RotationDirection is missing"),
        ({"RotationDirection": "LEFT"}, "RotationDirection is neither CC nor CW"),
        ({"RotationDirection": ["CC", "CW"]}, "RotationDirection is neither CC nor CW"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, values: dict[str, Any], words: str) -> None:
    text, found = missing(tmp_path, one_head(3, **values))
    assert words in text
    assert "LEFT" not in repr(found)


def test_no_rotation_at_all(tmp_path: Path) -> None:
    ds = one_head(3)
    del ds.RotationInformationSequence
    assert "RotationInformationSequence has no item for rotation 1" in missing(tmp_path, ds)[0]


def test_a_rotation_without_an_item_leaves_the_other_its_angles(tmp_path: Path) -> None:
    places = [(1, 1, rotation, view) for rotation in (1, 2) for view in (1, 2)]
    ds = tomo(places, [turn(StartAngle=40)], [detector()])
    del ds.NumberOfRotations
    ds.RotationInformationSequence = [turn(StartAngle=40)]
    ds.NumberOfRotations = 2
    found = acquisition(save(tmp_path / "tomo.dcm", ds))
    there = [frame.gantry.angle_deg if frame.gantry else None for frame in found.frames]
    assert there == [40, 46, None, None]
    assert "has no item for rotation 2" in texts(found, "no_angles")[0]


def test_no_angular_views(tmp_path: Path) -> None:
    ds = one_head(3)
    del ds.AngularViewVector
    ds.TimeSliceVector = [1, 2, 3]
    ds.FrameIncrementPointer = [*AXES[:3], "TimeSliceVector"]
    assert "AngularViewVector is missing" in missing(tmp_path, ds)[0]


def test_half_a_turn_between_heads_is_not_guessed(tmp_path: Path) -> None:
    """The rotation's start is one head's, and nothing says whose: neither gets it."""
    assert "StartAngle of detector 1 is missing" in missing(tmp_path, two_heads(3, (None, None)))[0]


def test_one_head_of_two_without_a_start(tmp_path: Path) -> None:
    found = acquisition(save(tmp_path / "tomo.dcm", two_heads(2, (200, None))))
    there = [frame.gantry.angle_deg if frame.gantry else None for frame in found.frames]
    assert there == [200, 206, None, None]
    assert "StartAngle of detector 2 is missing" in texts(found, "no_angles")[0]


def test_one_head_in_a_file_that_announces_two(tmp_path: Path) -> None:
    ds = one_head(3)
    ds.NumberOfDetectors = 2
    assert "StartAngle of detector 1 is missing" in missing(tmp_path, ds)[0]


def test_heads_that_only_the_vector_tells(tmp_path: Path) -> None:
    ds = two_heads(2, (None, None))
    del ds.NumberOfDetectors, ds.DetectorInformationSequence
    assert "StartAngle of detector 1 is missing" in missing(tmp_path, ds)[0]


def test_the_number_of_detectors_may_be_absent(tmp_path: Path) -> None:
    ds = one_head(3, StartAngle=90)
    del ds.NumberOfDetectors
    assert angles(tmp_path, ds) == [90, 96, 102]


def test_private_angles_are_not_used(tmp_path: Path) -> None:
    ds = two_heads(2, (None, None))
    block = ds.private_block(0x0013, "GEMS_GENIE_1", create=True)
    block.add_new(0x1B, "FD", 180.0)
    assert "StartAngle of detector 1 is missing" in missing(tmp_path, ds)[0]


def test_views_numbered_through_the_heads_have_no_angles(tmp_path: Path) -> None:
    """Views 1 to 3 of head 1, 4 to 6 of head 2: by the formula head 2 would be half a turn off."""
    places = [(1, 1 if view < 4 else 2, 1, view) for view in range(1, 7)]
    ds = tomo(places, [turn(AngularStep=60)], [detector(StartAngle=0), detector(StartAngle=180)])
    found = acquisition(save(tmp_path / "tomo.dcm", ds))
    there = [frame.gantry.angle_deg if frame.gantry else None for frame in found.frames]
    assert there == [0, 60, 120, None, None, None]
    assert "AngularViewVector does not number" in texts(found, "no_angles")[0]


def test_more_views_than_the_rotation_has(tmp_path: Path) -> None:
    """Two heads interleaved into one set: views 1 to 6 of a rotation of 3."""
    assert (
        "AngularViewVector does not number" in missing(tmp_path, one_head(6, NumberOfFramesInRotation=3))[0]
    )


def test_a_start_for_one_of_two_rotations_that_start_apart(tmp_path: Path) -> None:
    """To and fro, and one start of the detector: nothing says which rotation it is for."""
    turns = [turn(StartAngle=40), turn(StartAngle=52, RotationDirection="CW")]
    places = [(1, 1, rotation, view) for rotation in (1, 2) for view in (1, 2, 3)]
    ds = tomo(places, turns, [detector(StartAngle=40)])
    assert "several values of StartAngle" in missing(tmp_path, ds)[0]


def test_rotations_that_start_a_turn_apart_start_together(tmp_path: Path) -> None:
    turns = [turn(StartAngle=359.9), turn(StartAngle=-360)]
    places = [(1, 1, rotation, view) for rotation in (1, 2) for view in (1, 2)]
    assert angles(tmp_path, tomo(places, turns, [detector(StartAngle=40)])) == [40, 46, 40, 46]


# --- what is tolerated ----------------------------------------------------------------------------------


def test_ccw_is_taken_as_cc(tmp_path: Path) -> None:
    found = acquisition(save(tmp_path / "tomo.dcm", one_head(2, RotationDirection="CCW")))
    assert [gantry.angle_deg for gantry in gantries(found)] == [0, 6]
    assert texts(found, "nonstandard") == ["RotationDirection is CCW: taken as CC, counter-clockwise"]


def test_a_direction_in_small_letters(tmp_path: Path) -> None:
    ds = one_head(2, StartAngle=90, RotationDirection="XX")
    path = patch(save(tmp_path / "tomo.dcm", ds), b"XX", b"cw")
    assert [gantry.angle_deg for gantry in gantries(acquisition(path))] == [90, 84]


@pytest.mark.parametrize(
    ("views", "step", "arc", "remarked"),
    [
        (4, 90, 360, False),
        (60, 3, 180, False),  # an arc is views x step, not from the first view to the last
        (128, 2.81, 360, False),
        (4, 45, -180, False),
        (4, 90, 0, False),
        (4, 90, 180, True),
        (60, 3, 177, True),
        (4, 45, 360, True),
    ],
)
def test_an_arc_that_is_not_step_times_views(
    tmp_path: Path, views: int, step: float, arc: float, remarked: bool
) -> None:
    ds = one_head(views, StartAngle=10, AngularStep=step, ScanArc=arc)
    found = acquisition(save(tmp_path / "tomo.dcm", ds))
    assert gantries(found)[1].angle_deg == 10 + step
    told = f"ScanArc is {arc} degrees, but {views} views with an AngularStep of {step} degrees make {step * views}"
    assert texts(found, "nonstandard") == ([f"{told}: the step was taken"] if remarked else [])


def test_an_arc_that_is_no_number_is_left_out(tmp_path: Path) -> None:
    path = save(tmp_path / "tomo.dcm", one_head(2, ScanArc="12.345678"))
    found = acquisition(patch(path, b"12.345678", b"12,345678"))
    assert [gantry.angle_deg for gantry in gantries(found)] == [0, 6]
    assert texts(found, "nonstandard") == ["unusable values were left out: ScanArc"]


@pytest.mark.parametrize(
    ("motion", "moving", "remarks"),
    [
        ("CONTINUOUS", True, []),
        ("continuous ", True, []),
        ("STEP AND SHOOT", False, []),
        ("", False, []),
        ("ACQ DURING STEP", False, ["acquired_during_step"]),
        ("SLOWLY", False, ["nonstandard"]),
    ],
)
def test_the_motion_of_the_head(tmp_path: Path, motion: str, moving: bool, remarks: list[str]) -> None:
    """The angle is that of the start of the view, also where the head moves."""
    ds = one_head(2, StartAngle=50, RotationDirection="CW")
    ds.TypeOfDetectorMotion = "M" * 16
    path = patch(save(tmp_path / "tomo.dcm", ds), b"M" * 16, motion.ljust(16).encode())
    found = acquisition(path)
    assert {gantry.moving for gantry in gantries(found)} == {moving}
    assert [gantry.angle_deg for gantry in gantries(found)] == [50, 44]
    assert [code for code in codes(found) if code != "head_unknown"] == remarks
    assert "SLOWLY" not in repr(found)


def test_no_motion_told(tmp_path: Path) -> None:
    ds = one_head(2)
    del ds.TypeOfDetectorMotion
    assert not any(gantry.moving for gantry in gantries(acquisition(save(tmp_path / "tomo.dcm", ds))))


# --- radii ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "rotation", "expected"),
    [
        ([150, 160.5, 170], [200, 210, 220], [150, 160.5, 170]),
        (150, [200, 210, 220], [150, 150, 150]),
        (None, [200, 210, 220], [200, 210, 220]),
        (None, 200, [200, 200, 200]),
        ([150, 160], [200, 210, 220], [200, 210, 220]),
        ([150, 160], 200, [200, 200, 200]),
        ([150, 160, 170, 180], 200, [200, 200, 200]),  # whose are four radii of three views?
        ([150, 160], None, [None, None, None]),
        (None, None, [None, None, None]),
        (0, None, [None, None, None]),
        ([150, 0, 170], [200, 210, 220], [150, None, 170]),
        ([150, -160, 170], None, [None, None, None]),
        ([150, 2500, 170], [200, 210, 220], [None, None, None]),
        ("", 200, [200, 200, 200]),
    ],
)
def test_radii(tmp_path: Path, head: Any, rotation: Any, expected: list[float | None]) -> None:
    ds = one_head(3, RadialPosition=rotation)
    if head is not None:
        ds.DetectorInformationSequence[0].RadialPosition = head
    found = gantries(acquisition(save(tmp_path / "tomo.dcm", ds)))
    assert [gantry.radius_mm for gantry in found] == expected


def test_each_head_and_rotation_has_its_own_radii(tmp_path: Path) -> None:
    """Head 1 tells its own, head 2 none; the frames are stored with the views falling."""
    turns = [turn(RadialPosition=[201, 202]), turn(RadialPosition=300)]
    heads = [detector(StartAngle=0, RadialPosition=[101, 102]), detector(StartAngle=76)]
    places = [(1, head, rotation, view) for view in (2, 1) for rotation in (1, 2) for head in (2, 1)]
    found = gantries(acquisition(save(tmp_path / "tomo.dcm", tomo(places, turns, heads))))
    assert [gantry.radius_mm for gantry in found] == [101, 102, 101, 102, 201, 202, 300, 300]


@pytest.mark.parametrize(
    ("radii", "expected"),
    [
        ([201, 202, 203, 204], [201, 203]),
        ([201, 202, 203], [201, 203]),
        ([201, 202], [None, None]),
        ([201, 202, 203, 204, 205], [None, None]),
    ],
)
def test_radii_where_the_last_view_of_four_is_missing(
    tmp_path: Path, radii: list[float], expected: list[float | None]
) -> None:
    """And the second: a list must be as long as the rotation, or reach to the last view that is there."""
    rotation = turn(NumberOfFramesInRotation=4, RadialPosition=radii)
    places = [(one, 1, 1, view) for one in (1, 2) for view in (1, 3)]
    ds = tomo(places, [rotation], [detector()], windows=(TC, CO))
    found = gantries(acquisition(save(tmp_path / "tomo.dcm", ds)))
    assert [gantry.radius_mm for gantry in found] == expected * 2


def test_a_radius_that_is_no_number_leaves_the_angle(tmp_path: Path) -> None:
    path = save(tmp_path / "tomo.dcm", one_head(2, RadialPosition=["12.345678", 250]))
    found = acquisition(patch(path, b"12.345678", b"12,345678"))
    assert [(gantry.angle_deg, gantry.radius_mm) for gantry in gantries(found)] == [(0, None), (6, None)]
    assert texts(found, "nonstandard") == ["unusable values were left out: RadialPosition"]


# --- several files --------------------------------------------------------------------------------------

SCATTER = window("Tc99m_SC", 110.0, 125.0)
SITE = (
    SiteSystem(
        "NM-1",
        model="Intevo",
        heads=(HeadPattern(1, "SeriesDescription", "det 1"), HeadPattern(2, "SeriesDescription", "det 2")),
    ),
)
VIEWS = range(1, 4)


def test_windows_in_files_of_their_own_are_one_acquisition(tmp_path: Path) -> None:
    places = [(1, 1, 1, view) for view in VIEWS]
    made = [
        tomo(places, [turn(StartAngle=90, RadialPosition=200)], [detector()], ge, windows=(one,))
        for one in (TC, SCATTER)
    ]
    made[1].SOPInstanceUID = made[1].file_meta.MediaStorageSOPInstanceUID = "2.25.2"
    paths = [save(tmp_path / f"{number}.dcm", ds) for number, ds in enumerate(made)]
    (found,) = read(*paths).acquisitions
    assert [frame.window_number for frame in found.frames] == [1, 1, 1, 2, 2, 2]
    assert gantries(found)[:3] == gantries(found)[3:] == [Gantry(a, 6, False, 200) for a in (90, 96, 102)]
    made[1].RotationInformationSequence[0].StartAngle = 96
    save(tmp_path / "1.dcm", made[1])
    assert len(read(*paths).acquisitions) == 2


def head_file(
    path: Path, head: int, change: Callable[[FileDataset], object] | None = None, **arguments: Any
) -> Path:
    """A file of one head of an Intevo, which its series description tells; pixels start at 1000 x head."""
    number = {1: 198, 2: 18}.get(head, 100)
    windows, views = len(arguments.get("windows", (TC,))), arguments.pop("views", max(VIEWS))
    places = list(itertools.product(range(1, windows + 1), (1,), (1,), range(1, views + 1)))
    ds = tomo(places, [turn()], [detector(StartAngle=number)], **arguments)
    pixels = np.frombuffer(ds.PixelData, "u2") + np.uint16(1000 * head)
    ds.PixelData = pixels.tobytes()
    ds.SeriesDescription = f"COR det {head}"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"2.25.{sum(path.name.encode())}"
    if change is not None:
        change(ds)
    return save(path, ds)


def test_heads_in_files_of_their_own_are_one_acquisition(tmp_path: Path) -> None:
    """Given second head first: frames come by detector, files as given."""
    paths = [head_file(tmp_path / "b.dcm", 2), head_file(tmp_path / "a.dcm", 1)]
    (found,) = read(*paths, site=SITE).acquisitions
    assert [file.file for file in found.source.inputs] == ["b.dcm", "a.dcm"]
    assert [(frame.detector, frame.view, frame.input.file) for frame in found.frames] == [
        *((1, view, "a.dcm") for view in VIEWS),
        *((2, view, "b.dcm") for view in VIEWS),
    ]
    assert [gantry.angle_deg for gantry in gantries(found)] == [198, 204, 210, 18, 24, 30]
    assert [int(frame.counts[0, 0]) // 1000 for frame in found.frames] == [1, 1, 1, 2, 2, 2]
    assert codes(found) == []


def test_heads_whose_windows_come_in_another_order(tmp_path: Path) -> None:
    """Windows are told apart by what they are, not by their number in their file."""
    paths = [
        head_file(tmp_path / "1.dcm", 1, windows=(TC, CO)),
        head_file(tmp_path / "2.dcm", 2, windows=(CO, TC)),
    ]
    (found,) = read(*paths, site=SITE).acquisitions
    assert [frame.window_number for frame in found.frames] == [1] * 6 + [2] * 6
    names = [frame.energy_window.name for frame in found.frames if frame.energy_window]
    assert names == ["99m Technetium"] * 6 + ["57 Cobalt"] * 6
    # head 2 stores Co-57 first: 2100, 2200, 2300, then Tc-99m: 2400, 2500, 2600
    assert [int(frame.counts[0, 0]) for frame in found.frames[3:6]] == [2400, 2500, 2600]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_heads_and_windows_each_in_a_file_of_its_own(tmp_path: Path, order: tuple[int, ...]) -> None:
    paths = [
        head_file(tmp_path / f"{head}{one.EnergyWindowName[:2]}.dcm", head, windows=(one,))
        for head in (1, 2)
        for one in (TC, CO)
    ]
    (found,) = read(*(paths[index] for index in order), site=SITE).acquisitions
    assert [(frame.window_number, frame.detector) for frame in found.frames] == [
        (one, head) for one in (1, 2) for head in (1, 2) for _ in VIEWS
    ]
    for frame in found.frames:
        assert frame.energy_window is not None
        assert frame.input.file == f"{frame.detector}{frame.energy_window.name[:2]}.dcm"


def test_unknown_heads_stay_apart(tmp_path: Path) -> None:
    paths = [head_file(tmp_path / "1.dcm", 1), head_file(tmp_path / "2.dcm", 2)]
    found = read(*paths).acquisitions
    assert [len(acquired.frames) for acquired in found] == [3, 3]
    assert [codes(acquired) for acquired in found] == [["head_unknown"]] * 2
    known = (SiteSystem("NM-1", model="Intevo", heads=SITE[0].heads[1:]),)
    found = read(*paths, site=known).acquisitions
    assert [{frame.detector for frame in acquired.frames} for acquired in found] == [{None}, {2}]


def test_heads_without_a_known_window_stay_apart(tmp_path: Path) -> None:
    """Nothing says that both are of the same window."""
    paths = [head_file(tmp_path / f"{head}.dcm", head, CHANGES["no window"]) for head in (1, 2)]
    assert len(read(*paths, site=SITE).acquisitions) == 2


def test_files_of_several_heads_each_stay_apart(tmp_path: Path) -> None:
    paths = []
    for number, pair in enumerate(((1, 2), (2, 3))):
        places = [(1, head, 1, view) for head in pair for view in VIEWS]
        ds = tomo(places, [turn()], [detector(StartAngle=start) for start in (0, 120, 240)])
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"2.25.{number + 1}"
        paths.append(save(tmp_path / f"{number}.dcm", ds))
    assert [len(acquired.frames) for acquired in read(*paths).acquisitions] == [6, 6]


def test_the_same_head_twice_stays_apart(tmp_path: Path) -> None:
    paths = [head_file(tmp_path / "1.dcm", 1), head_file(tmp_path / "2.dcm", 2)]
    assert len(read(*paths, detector=2).acquisitions) == 2
    again = head_file(tmp_path / "3.dcm", 1)
    found = read(*paths, again, site=SITE).acquisitions
    assert [[file.file for file in acquired.source.inputs] for acquired in found] == [
        ["1.dcm", "2.dcm"],
        ["3.dcm"],
    ]


CHANGES: dict[str, Callable[[FileDataset], object]] = {
    "study": lambda ds: setattr(ds, "StudyInstanceUID", "2.25.999"),
    "no study": lambda ds: setattr(ds, "StudyInstanceUID", ""),
    "time": lambda ds: setattr(ds, "AcquisitionTime", "071201"),
    "camera": lambda ds: setattr(ds, "Manufacturer", "SIEMENS"),
    "spacing": lambda ds: setattr(ds, "PixelSpacing", [2.4, 2.5]),
    "window": lambda ds: setattr(ds, "EnergyWindowInformationSequence", [CO]),
    "no window": lambda ds: setattr(ds, "EnergyWindowInformationSequence", []),
    "kind": lambda ds: setattr(ds, "ImageType", ["ORIGINAL", "PRIMARY", "GATED TOMO", "EMISSION"]),
    "rotation": lambda ds: ds.update(
        {"RotationVector": [2, 2, 2], "NumberOfRotations": 2, "RotationInformationSequence": [turn(), turn()]}
    ),
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_heads_that_differ_in_more_than_the_angle_stay_apart(tmp_path: Path, name: str) -> None:
    paths = [head_file(tmp_path / "1.dcm", 1), head_file(tmp_path / "2.dcm", 2, CHANGES[name])]
    found = read(*paths, site=SITE).acquisitions
    assert [acquired.source.inputs[0].file for acquired in found] == ["1.dcm", "2.dcm"]


def test_heads_with_other_numbers_of_views_stay_apart(tmp_path: Path) -> None:
    paths = [head_file(tmp_path / "1.dcm", 1), head_file(tmp_path / "2.dcm", 2, views=4)]
    assert [len(acquired.frames) for acquired in read(*paths, site=SITE).acquisitions] == [3, 4]


def test_other_kinds_of_two_heads_stay_apart(tmp_path: Path) -> None:
    """Floods: each head is judged on its own."""
    for head in (1, 2):
        ds = nm(distinct(1) + np.uint16(head))
        ds.SeriesDescription, ds.SOPInstanceUID = f"flood det {head}", f"2.25.{head}"
        save(tmp_path / f"{head}.dcm", ds)
    assert len(read(tmp_path / "1.dcm", tmp_path / "2.dcm", site=SITE).acquisitions) == 2


def test_windows_that_the_header_describes_alike_stay_two(tmp_path: Path) -> None:
    """Two windows of one name and range in each file: nothing says which of them belong together."""
    paths = [head_file(tmp_path / f"{head}.dcm", head, windows=(TC, TC)) for head in (1, 2)]
    found = read(*paths, site=SITE).acquisitions
    assert [[frame.window_number for frame in acquired.frames] for acquired in found] == [
        [1] * 3 + [2] * 3
    ] * 2
    one = item(EnergyWindowName="", EnergyWindowRangeSequence=[])
    assert len(read(head_file(tmp_path / "3.dcm", 1, windows=(one, one))).acquisitions[0].frames) == 6
