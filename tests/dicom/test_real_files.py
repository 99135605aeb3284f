"""Files that real cameras wrote, against what is known of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nmqc.dicom import ReadOptions, identify
from nmqc.model import Acquisition, FieldHint
from tests.dicom.build import acquisition, codes, read, refusal

ROOT = os.environ.get("NMQC_REFERENCE_DATA")
pytestmark = pytest.mark.skipif(not ROOT, reason="NMQC_REFERENCE_DATA does not name the folder of real files")
FOLDER = Path(ROOT or ".")

# (system, model, matrix, spacing, counts), (nuclide, collimator, seconds, time of acquisition)
FACTS = {
    "flood-mediso": (
        ("unknown", "NUCLINE", 256, 2.064999816, 16_000_045),
        ("Tc-99m", "NONE", 812.39, "2013-04-02T14:34:30"),
    ),
    "bars-intevo16": (
        ("intevo", "Symbia Intevo 16", 256, 1.6478350162506, 2_009_039),
        ("Co-57", "LEHR", 897.097, "2021-06-24T08:46:04.960000"),
    ),
    "line-source-symbia-t2": (
        ("symbia-t2", "Symbia T2", 256, 2.3975999355316, 6_051_618),
        ("Tc-99m", "LEHR", 214.192, "2016-05-27T13:29:25.812000"),
    ),
    "four-line-mediso": (
        ("unknown", "NUCLINE", 512, 1.032499908, 533_338),
        ("Tc-99m", "LEHR", 100.0, "2014-09-23T18:06:56"),
    ),
    "slit-mask-mediso": (
        ("unknown", "NUCLINE", 1024, 0.5899999738, 15_991_433),
        ("Tc-99m", "NONE", 1579.9, "2013-04-02T16:54:17"),
    ),
    "two-line-mediso": (
        ("unknown", "NUCLINE", 512, 1.032499908, 1_497_463),
        ("Tc-99m", "LEHR", 180.59, "2013-04-04T16:29:49"),
    ),
    "petri-dish-ecam": (
        ("unknown", "E.Cam", 128, 4.7951998710632, 734_056),
        ("I-131", "HE", 299.993, "2012-10-02T16:33:17.265000"),
    ),
}


def real(name: str) -> Acquisition:
    return acquisition(FOLDER / "nm" / f"{name}.dcm")


@pytest.mark.parametrize("name", list(FACTS))
def test_files_of_one_head(name: str) -> None:
    (system, model, side, spacing, counts), (nuclide, collimator, seconds, acquired) = FACTS[name]
    found = real(name)
    (frame,) = found.frames
    assert (found.source.system.name, found.source.system.model, found.kind) == (system, model, "STATIC")
    assert frame.counts.shape == (side, side)
    assert frame.counts.dtype == "u2"
    assert frame.spacing_mm == (spacing, spacing)
    assert int(frame.counts.sum()) == counts
    assert (found.source.radionuclide, frame.collimator, frame.duration_s) == (nuclide, collimator, seconds)
    assert (found.source.acquired, found.source.acquired_from) == (acquired, "AcquisitionDate")
    assert codes(found) == ["head_unknown"]
    assert (frame.detector, frame.raw_counts, found.source.synthetic) == (None, True, False)


def test_two_heads_in_one_file() -> None:
    found = real("background-two-heads-ecam")
    one, two = found.frames
    assert [(f.detector, f.detector_source, f.duration_s) for f in (one, two)] == [
        (1, "vector", 299.994),
        (2, "vector", 299.994),
    ]
    assert int(one.counts.sum()) + int(two.counts.sum()) == 10_548
    assert (one.counts != two.counts).any()
    assert one.field_hints == (FieldHint("RECTANGLE", (537.0, 383.0), "header"),)
    assert one.energy_window is not None
    assert one.energy_window.name == "131 Iodine"
    assert one.energy_window.ranges_kev == ((339.75250244141, 394.84750366211),)
    assert codes(found) == []


def test_hints_of_real_files() -> None:
    table = FieldHint("RECTANGLE", (533.0, 387.0), "table of recognised systems")
    assert real("line-source-symbia-t2").frames[0].field_hints == (
        table,
        FieldHint("RECTANGLE", (532.0, 388.0), "header"),
    )
    zoomed = real("bars-intevo16").frames[0]
    assert zoomed.field_hints == (FieldHint("RECTANGLE", (421.0, 385.0), "header"),)
    assert zoomed.zoom == (1.4550000429153, 1.4550000429153)
    assert real("flood-mediso").frames[0].field_hints == ()


def test_one_camera_keeps_its_unit_over_years() -> None:
    names = ("flood-mediso", "four-line-mediso", "slit-mask-mediso", "two-line-mediso")
    assert len({real(name).source.system.unit for name in names}) == 1
    assert real("petri-dish-ecam").source.system.unit == real("background-two-heads-ecam").source.system.unit
    assert real("petri-dish-ecam").source.system.unit != real("flood-mediso").source.system.unit


def test_all_together_stay_apart() -> None:
    paths = sorted((FOLDER / "nm").glob("*.dcm"))
    outcome = read(*paths)
    assert [a.source.inputs[0].file for a in outcome.acquisitions] == [path.name for path in paths]
    assert all(len(a.source.inputs) == 1 for a in outcome.acquisitions)


def test_pet_is_named_and_refused() -> None:
    path = min((FOLDER / "pet" / "earl-mct").iterdir())
    assert refusal(path).reason.startswith("is a PET image")
    (found,) = identify([path], ReadOptions())
    assert (found.content, found.matrix, found.spacing_mm) == ("a PET image", (200, 200), (4.07283, 4.07283))
    assert (found.radionuclide, found.acquired) == ("F-18", "2025-07-09T12:28:52")
    assert refusal(FOLDER / "pet" / "iec-recon").code == "folder"


def test_no_identifier_of_a_real_file_is_said() -> None:
    from pydicom import dcmread

    for path in sorted((FOLDER / "nm").glob("*.dcm")):
        ds = dcmread(path)
        said = repr(identify([path], ReadOptions())) + repr(read(path))
        for keyword in (
            "SOPInstanceUID",
            "StudyInstanceUID",
            "DeviceSerialNumber",
            "SeriesDescription",
            "StudyDescription",
        ):
            value = str(ds.get(keyword) or "")
            assert not value or value not in said
