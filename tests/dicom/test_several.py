"""Files that are one acquisition, files that are not, and a file given twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import FileDataset

from nmqc.model import Acquisition
from tests.dicom.build import CO, TC, codes, detector, distinct, ge, nm, read, save, window

SCATTER = window("Tc99m_SC", 110.0, 125.0)


def pair(
    tmp_path: Path, change: Callable[[FileDataset], None] | None = None, **options: Any
) -> list[Acquisition]:
    """Two files of a Brivo, one for each window; `change` is made to the second."""
    first = ge(pixels=distinct(1), windows=(TC,))
    second = ge(pixels=distinct(1) + np.uint16(500), windows=(SCATTER,))
    second.SOPInstanceUID = second.file_meta.MediaStorageSOPInstanceUID = "2.25.2"
    if change is not None:
        change(second)
    outcome = read(save(tmp_path / "em.dcm", first), save(tmp_path / "sc.dcm", second), **options)
    assert outcome.refused == ()
    return list(outcome.acquisitions)


def test_one_file_for_each_window_is_one_acquisition(tmp_path: Path) -> None:
    (found,) = pair(tmp_path)
    assert [file.file for file in found.source.inputs] == ["em.dcm", "sc.dcm"]
    assert [(f.window_number, f.detector, int(f.counts[0, 0])) for f in found.frames] == [
        (1, 1, 100),
        (2, 1, 600),
    ]
    assert [f.energy_window.name for f in found.frames if f.energy_window] == ["99m Technetium", "Tc99m_SC"]
    assert [f.input.file for f in found.frames] == ["em.dcm", "sc.dcm"]
    assert found.source.radionuclide == "Tc-99m"


def test_windows_are_numbered_in_the_order_of_the_arguments(tmp_path: Path) -> None:
    pair(tmp_path)
    (found,) = read(tmp_path / "sc.dcm", tmp_path / "em.dcm").acquisitions
    assert [int(f.counts[0, 0]) for f in found.frames] == [600, 100]
    assert [f.window_number for f in found.frames] == [1, 2]


def test_three_windows_of_which_two_are_in_one_file(tmp_path: Path) -> None:
    two = ge(pixels=distinct(2), windows=(TC, SCATTER), EnergyWindowVector=[2, 1], DetectorVector=[1, 1])
    one = ge(pixels=distinct(1) + np.uint16(500), windows=(CO,))
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = "2.25.2"
    (found,) = read(save(tmp_path / "two.dcm", two), save(tmp_path / "one.dcm", one)).acquisitions
    assert [(f.window_number, int(f.counts[0, 0])) for f in found.frames] == [(1, 200), (2, 100), (3, 600)]


CHANGES: dict[str, Callable[[FileDataset], object]] = {
    "study": lambda ds: setattr(ds, "StudyInstanceUID", "2.25.999"),
    "no study": lambda ds: setattr(ds, "StudyInstanceUID", ""),
    "time": lambda ds: setattr(ds, "AcquisitionTime", "071201"),
    "no time": lambda ds: delattr(ds, "AcquisitionTime"),
    "camera": lambda ds: setattr(ds, "StationName", "OTHER"),
    "spacing": lambda ds: setattr(ds, "PixelSpacing", [2.4, 2.5]),
    "duration": lambda ds: setattr(ds, "ActualFrameDuration", 1000),
    "same window": lambda ds: setattr(ds, "EnergyWindowInformationSequence", [TC]),
    "no window": lambda ds: setattr(ds, "EnergyWindowInformationSequence", []),
    "collimator": lambda ds: setattr(
        ds, "DetectorInformationSequence", [detector(CollimatorGridName="HEGP")]
    ),
    "kind": lambda ds: setattr(ds, "ImageType", ["ORIGINAL", "PRIMARY", "WHOLE BODY", "EMISSION"]),
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_files_that_differ_in_more_than_the_window_stay_apart(tmp_path: Path, name: str) -> None:
    found = pair(tmp_path, lambda ds: CHANGES[name](ds) and None)
    assert [acquired.source.inputs[0].file for acquired in found] == ["em.dcm", "sc.dcm"]
    assert [len(acquired.frames) for acquired in found] == [1, 1]


def test_the_users_time_does_not_join_files(tmp_path: Path) -> None:
    first, second = ge(windows=(TC,)), ge(windows=(SCATTER,))
    second.SOPInstanceUID = "2.25.2"
    for ds in (first, second):
        del ds.AcquisitionDate
    paths = [save(tmp_path / "em.dcm", first), save(tmp_path / "sc.dcm", second)]
    assert len(read(*paths, acquired="2026-11-16T07:12").acquisitions) == 2


def test_files_of_two_heads_stay_two_acquisitions(tmp_path: Path) -> None:
    """As Siemens writes them: one detector in each file, and a vector of ones in both."""
    first, second = nm(), nm(distinct(1) + np.uint16(7))
    second.SOPInstanceUID = "2.25.2"
    found = read(save(tmp_path / "d1.dcm", first), save(tmp_path / "d2.dcm", second)).acquisitions
    assert [[frame.detector for frame in acquired.frames] for acquired in found] == [[None], [None]]


def test_the_same_image_twice_is_analysed_once(tmp_path: Path) -> None:
    path = save(tmp_path / "flood.dcm", ge())
    copy = tmp_path / "copy.dcm"
    shutil.copy(path, copy)
    outcome = read(path, copy, path)
    (found,) = outcome.acquisitions
    assert codes(found) == ["given_twice"]
    assert [file.file for file in found.source.inputs] == ["flood.dcm"]
    assert outcome.refused == ()


def test_without_a_uid_the_bytes_decide(tmp_path: Path) -> None:
    """Two heads at rest give the same pixels, all zero: without a UID only the same bytes are the same."""
    first, second = nm(np.zeros((1, 6, 8), "u2")), nm(np.zeros((1, 6, 8), "u2"))
    second.SeriesDescription = "det 2"
    paths = []
    for name, ds in (("first", first), ("second", second)):
        path = save(tmp_path / f"{name}.dcm", ds)
        path.write_bytes(path.read_bytes().replace(b"\x08\x00\x18\x00UI\x06\x002.25.1", b""))
        paths.append(path)
    found = read(*paths, paths[0]).acquisitions
    assert [codes(acquired) for acquired in found] == [["head_unknown", "given_twice"], ["head_unknown"]]


def test_files_without_a_study_stay_apart(tmp_path: Path) -> None:
    first, second = ge(windows=(TC,)), ge(windows=(SCATTER,))
    second.SOPInstanceUID = "2.25.2"
    first.StudyInstanceUID = second.StudyInstanceUID = ""
    paths = [save(tmp_path / "em.dcm", first), save(tmp_path / "sc.dcm", second)]
    assert len(read(*paths).acquisitions) == 2


def test_the_same_uid_with_other_pixels_keeps_both(tmp_path: Path) -> None:
    one, other = ge(), ge(pixels=distinct(1) + np.uint16(1))
    found = read(save(tmp_path / "one.dcm", one), save(tmp_path / "other.dcm", other)).acquisitions
    assert [codes(acquired) for acquired in found] == [["same_uid_other_pixels"]] * 2


def test_acquisitions_and_refusals_keep_the_order_of_the_arguments(tmp_path: Path) -> None:
    pair(tmp_path)
    other = ge(pixels=distinct(1) + np.uint16(9))
    other.SOPInstanceUID, other.StudyInstanceUID = "2.25.3", "2.25.4"
    save(tmp_path / "other.dcm", other)
    names = ["no1", "sc.dcm", "other.dcm", "no2", "em.dcm"]
    outcome = read(*(tmp_path / name for name in names))
    files = [[file.file for file in acquired.source.inputs] for acquired in outcome.acquisitions]
    assert files == [["sc.dcm", "em.dcm"], ["other.dcm"]]
    assert [refused.file for refused in outcome.refused] == ["no1", "no2"]
