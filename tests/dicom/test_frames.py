"""Each frame must be what the vectors say, in whatever order the file stores them."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from nmqc.model import Acquisition
from tests.dicom.build import CO, TC, acquisition, codes, detector, distinct, item, nm, refusal, save, turn

Place = tuple[int, int | None, int, int]


def stored(found: Acquisition) -> dict[Place, int]:
    """Which stored frame (counted from 0) is at each place: `distinct` starts frame f at 100 (f + 1)."""
    return {
        (frame.window_number, frame.detector, frame.rotation, frame.view): int(frame.counts[0, 0]) // 100 - 1
        for frame in found.frames
    }


def four(tmp_path: Path, windows: list[int], detectors: list[int], pointers: str = "WD") -> Acquisition:
    vectors = {"EnergyWindowVector": windows, "DetectorVector": detectors}
    if pointers == "DW":
        vectors = dict(reversed(vectors.items()))
    return acquisition(save(tmp_path / "flood.dcm", nm(distinct(4), windows=(TC, CO), **vectors)))


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_two_heads_and_two_windows_in_every_order(tmp_path: Path, order: tuple[int, ...]) -> None:
    """All 24 orders: detector fastest, window fastest, shuffled; frames come sorted by window, detector."""
    places = [(1, 1), (1, 2), (2, 1), (2, 2)]
    told = [places[index] for index in order]
    found = four(tmp_path, [w for w, _ in told], [d for _, d in told])
    assert stored(found) == {(w, d, 1, 0): told.index((w, d)) for w, d in places}
    assert [(frame.window_number, frame.detector) for frame in found.frames] == places
    names = [frame.energy_window.name for frame in found.frames if frame.energy_window]
    assert names == ["99m Technetium"] * 2 + ["57 Cobalt"] * 2
    assert codes(found) == []


def test_the_order_of_the_pointers_does_not_matter_where_the_vectors_are_there(tmp_path: Path) -> None:
    found = four(tmp_path, [1, 1, 2, 2], [1, 2, 1, 2], pointers="DW")
    assert stored(found) == {(1, 1, 1, 0): 0, (1, 2, 1, 0): 1, (2, 1, 1, 0): 2, (2, 2, 1, 0): 3}


@pytest.mark.parametrize("first", ["EnergyWindowVector", "DetectorVector"])
def test_missing_vectors_are_rebuilt_last_pointer_fastest(tmp_path: Path, first: str) -> None:
    """Three detectors and two windows: a reader that takes the wrong pointer as the fastest mixes them up."""
    names = ["EnergyWindowVector", "DetectorVector"]
    vectors = {"EnergyWindowVector": [1] * 6, "DetectorVector": [1] * 6}
    ds = nm(distinct(6), windows=(TC, CO), detectors=[detector() for _ in range(3)], **vectors)
    order = names if first == names[0] else names[::-1]
    ds.FrameIncrementPointer = order
    del ds.EnergyWindowVector, ds.DetectorVector
    found = acquisition(save(tmp_path / "flood.dcm", ds))
    places = list(itertools.product((1, 2), (1, 2, 3)))
    fastest_detector = {(w, d, 1, 0): 3 * (w - 1) + d - 1 for w, d in places}
    fastest_window = {(w, d, 1, 0): 2 * (d - 1) + w - 1 for w, d in places}
    assert stored(found) == (fastest_detector if first == names[0] else fastest_window)
    assert codes(found) == ["order_inferred"]
    assert all(frame.detector_source == "vector" for frame in found.frames)


def test_one_missing_vector_is_rebuilt_in_agreement_with_the_other(tmp_path: Path) -> None:
    ds = nm(distinct(4), windows=(TC, CO), EnergyWindowVector=[1] * 4, DetectorVector=[1, 2, 1, 2])
    del ds.EnergyWindowVector
    found = acquisition(save(tmp_path / "flood.dcm", ds))
    assert stored(found) == {(1, 1, 1, 0): 0, (1, 2, 1, 0): 1, (2, 1, 1, 0): 2, (2, 2, 1, 0): 3}
    assert "EnergyWindowVector" in found.remarks[0].text
    ds.DetectorVector = [1, 1, 2, 2]
    assert refusal(save(tmp_path / "other.dcm", ds)).code == "vector_mismatch"


def test_a_missing_vector_of_the_only_window_is_no_guess(tmp_path: Path) -> None:
    ds = nm(distinct(2), EnergyWindowVector=[1, 1], DetectorVector=[2, 1])
    del ds.EnergyWindowVector
    ds.DetectorVector = [1, 2]
    assert codes(acquisition(save(tmp_path / "flood.dcm", ds))) == []


def test_missing_vectors_of_one_frame_are_ones(tmp_path: Path) -> None:
    ds = nm()
    del ds.EnergyWindowVector, ds.DetectorVector, ds.FrameIncrementPointer
    found = acquisition(save(tmp_path / "flood.dcm", ds))
    assert stored(found) == {(1, None, 1, 0): 0}
    assert codes(found) == ["head_unknown"]


def test_missing_vectors_that_do_not_multiply_are_refused_with_the_numbers(tmp_path: Path) -> None:
    ds = nm(
        distinct(3), detectors=[detector(), detector()], EnergyWindowVector=[1] * 3, DetectorVector=[1] * 3
    )
    del ds.DetectorVector
    refused = refusal(save(tmp_path / "flood.dcm", ds))
    assert refused.code == "vector_mismatch"
    assert "3 frames" in refused.reason
    assert "1 energy windows x 2 detectors" in refused.reason


@pytest.mark.parametrize(
    ("vector", "words"),
    [([1, 2, 1], "3 entries"), ([1], "1 entries"), ([0, 1], "1 to 2"), ([1, 3], "1 to 2")],
)
def test_a_vector_of_the_wrong_length_or_values(tmp_path: Path, vector: list[int], words: str) -> None:
    ds = nm(distinct(2), EnergyWindowVector=[1, 1], DetectorVector=[1, 2])
    ds.DetectorVector = vector
    refused = refusal(save(tmp_path / "flood.dcm", ds))
    assert refused.code == "vector_mismatch"
    assert "2 frames" in refused.reason
    assert words in refused.reason


def test_duplicate_frames_are_refused(tmp_path: Path) -> None:
    ds = nm(
        distinct(3), detectors=[detector(), detector()], EnergyWindowVector=[1] * 3, DetectorVector=[1, 2, 2]
    )
    refused = refusal(save(tmp_path / "flood.dcm", ds))
    assert refused.code == "duplicate_frames"
    assert "3 frames" in refused.reason
    assert "only 2" in refused.reason


def test_announced_numbers_that_do_not_fit_are_remarked(tmp_path: Path) -> None:
    """A file that lost a head: the vectors stand, and the loss is said."""
    ds = nm(
        distinct(2),
        windows=(TC, CO),
        detectors=[detector(), detector()],
        EnergyWindowVector=[1, 2],
        DetectorVector=[2, 2],
    )
    found = acquisition(save(tmp_path / "flood.dcm", ds))
    assert stored(found) == {(1, 2, 1, 0): 0, (2, 2, 1, 0): 1}
    assert codes(found) == ["nonstandard"]
    assert "2 energy windows x 2 detectors, the file holds 2 frames" in found.remarks[0].text


def tomo_vectors(views: int, rotations: int, heads: int) -> tuple[dict[str, list[int]], list[Place]]:
    """Vectors of a TOMO stack stored with the views slowest, and the place of each stored frame."""
    numbers = itertools.product(range(1, views + 1), range(1, rotations + 1), range(1, heads + 1))
    places = [(1, d, r, v) for v, r, d in numbers]
    vectors = {
        "EnergyWindowVector": [w for w, _, _, _ in places],
        "DetectorVector": [d for _, d, _, _ in places],
        "RotationVector": [r for _, _, r, _ in places],
        "AngularViewVector": [v for _, _, _, v in places],
    }
    return vectors, places


def test_tomo(tmp_path: Path) -> None:
    vectors, places = tomo_vectors(views=5, rotations=2, heads=2)
    heads = [detector(StartAngle=30), detector(StartAngle=106)]
    ds = nm(distinct(20), kind="TOMO", detectors=heads, **vectors)
    ds.NumberOfRotations = 2
    ds.RotationInformationSequence = [
        turn(NumberOfFramesInRotation=5, ActualFrameDuration=20_000),
        turn(NumberOfFramesInRotation=5, ActualFrameDuration=25_000),
    ]
    found = acquisition(save(tmp_path / "tomo.dcm", ds))
    assert stored(found) == {place: index for index, place in enumerate(places)}
    assert [(f.detector, f.rotation, f.view) for f in found.frames] == sorted(
        (d, r, v) for _, d, r, v in places
    )
    assert {f.rotation: f.duration_s for f in found.frames} == {1: 20.0, 2: 25.0}
    assert codes(found) == []
    del ds.RotationVector, ds.AngularViewVector, ds.DetectorVector, ds.EnergyWindowVector
    inferred = acquisition(save(tmp_path / "inferred.dcm", ds))
    truth = itertools.product((1,), (1, 2), (1, 2), range(1, 6))
    assert stored(inferred) == {place: index for index, place in enumerate(truth)}
    assert codes(inferred) == ["order_inferred"]


def test_tomo_with_only_one_head_of_two_announced_twice(tmp_path: Path) -> None:
    """240 frames, 60 views a head, 2 heads, 2 windows: every frame is kept."""
    places = list(itertools.product((1, 2), (1, 2), range(1, 61)))
    ds = nm(
        np.stack([np.full((6, 8), number, "u2") for number in range(240)]),
        kind="TOMO",
        windows=(TC, CO),
        detectors=[detector(StartAngle=30), detector(StartAngle=106)],
        EnergyWindowVector=[w for w, _, _ in places],
        DetectorVector=[d for _, d, _ in places],
        RotationVector=[1] * 240,
        AngularViewVector=[v for _, _, v in places],
    )
    ds.RotationInformationSequence = [turn(NumberOfFramesInRotation=60)]
    found = acquisition(save(tmp_path / "tomo.dcm", ds))
    assert [int(frame.counts[0, 0]) for frame in found.frames] == list(range(240))
    assert codes(found) == []


def test_dynamic_phases_have_their_own_durations(tmp_path: Path) -> None:
    ds = nm(
        distinct(5),
        kind="DYNAMIC",
        EnergyWindowVector=[1] * 5,
        DetectorVector=[1] * 5,
        PhaseVector=[2, 2, 2, 1, 1],
        TimeSliceVector=[1, 2, 3, 1, 2],
    )
    ds.NumberOfPhases = 2
    ds.PhaseInformationSequence = [
        item(NumberOfFramesInPhase=2, ActualFrameDuration=1000),
        item(NumberOfFramesInPhase=3, ActualFrameDuration=60_000),
    ]
    found = acquisition(save(tmp_path / "dynamic.dcm", ds))
    assert [int(frame.counts[0, 0]) // 100 - 1 for frame in found.frames] == [3, 4, 0, 1, 2]
    assert [frame.duration_s for frame in found.frames] == [1.0, 1.0, 60.0, 60.0, 60.0]
    assert [frame.view for frame in found.frames] == [1, 2, 4, 5, 6]


def test_gated_slots_have_the_frame_time(tmp_path: Path) -> None:
    ds = nm(
        distinct(3),
        kind="GATED",
        EnergyWindowVector=[1] * 3,
        DetectorVector=[1] * 3,
        RRIntervalVector=[1] * 3,
        TimeSlotVector=[3, 1, 2],
    )
    ds.NumberOfRRIntervals, ds.NumberOfTimeSlots = 1, 3
    ds.GatedInformationSequence = [item(DataInformationSequence=[item(FrameTime=62.5)])]
    found = acquisition(save(tmp_path / "gated.dcm", ds))
    assert [int(frame.counts[0, 0]) // 100 - 1 for frame in found.frames] == [1, 2, 0]
    assert {frame.duration_s for frame in found.frames} == {0.0625}


def test_reconstructed_slices(tmp_path: Path) -> None:
    ds = nm(distinct(3), kind="RECON TOMO", SliceVector=[3, 2, 1])
    ds.NumberOfSlices = 3
    found = acquisition(save(tmp_path / "recon.dcm", ds))
    assert stored(found) == {(1, None, 1, 1): 2, (1, None, 1, 2): 1, (1, None, 1, 3): 0}
    assert codes(found) == ["not_raw_counts"]
    assert not any(frame.raw_counts for frame in found.frames)


def test_the_running_number_tells_all_gated_views_apart(tmp_path: Path) -> None:
    slots, views = 3, 4
    places = list(itertools.product(range(1, slots + 1), range(1, views + 1)))
    frames = math.prod((slots, views))
    ds = nm(
        distinct(frames),
        kind="GATED TOMO",
        EnergyWindowVector=[1] * frames,
        DetectorVector=[1] * frames,
        RotationVector=[1] * frames,
        RRIntervalVector=[1] * frames,
        TimeSlotVector=[s for s, _ in places],
        AngularViewVector=[v for _, v in places],
    )
    found = acquisition(save(tmp_path / "gated.dcm", ds))
    assert [frame.view for frame in found.frames] == list(range(1, frames + 1))
    assert [int(frame.counts[0, 0]) // 100 - 1 for frame in found.frames] == list(range(frames))


def test_whole_body_keeps_its_two_sides_and_its_total_time(tmp_path: Path) -> None:
    ds = nm(
        distinct(2, rows=16, columns=4), kind="WHOLE BODY", EnergyWindowVector=[1, 1], DetectorVector=[2, 1]
    )
    ds.ActualFrameDuration = 1_195_274
    found = acquisition(save(tmp_path / "wb.dcm", ds))
    assert stored(found) == {(1, 1, 1, 0): 1, (1, 2, 1, 0): 0}
    assert found.frames[0].counts.shape == (16, 4)
    assert found.frames[0].duration_s == pytest.approx(1195.274, rel=1e-12)  # a division by 1000


def test_an_unknown_kind_is_taken_as_static(tmp_path: Path) -> None:
    ds = nm()
    ds.ImageType = ["ORIGINAL", "PRIMARY", "DOE JANE"]
    found = acquisition(save(tmp_path / "flood.dcm", ds))
    assert found.kind == ""
    assert "DOE" not in repr(found)
    assert "nonstandard" in codes(found)
