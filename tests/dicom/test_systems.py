"""Which camera, which one of its kind, which head, and what is known of its field of view."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pydicom import FileDataset

from nmqc.dicom import ReadOptions, read_nm
from nmqc.errors import BadConfiguration
from nmqc.model import FieldHint, HeadPattern, SiteSystem
from tests.dicom.build import acquisition, codes, detector, distinct, ge, item, nm, refusal, save

TABLE = "table of recognised systems"


def camera(manufacturer: str, model: str, software: list[str]) -> FileDataset:
    ds = nm()
    ds.Manufacturer, ds.ManufacturerModelName, ds.SoftwareVersions = manufacturer, model, software
    return ds


# --- the kind of camera ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manufacturer", "model", "software", "name", "shown"),
    [
        (
            "SIEMENS NM",
            "Encore2",
            ["10.7", "10.6", "syngo CT VC50>Symbia Intevo Bold>VB22A", "VB22A"],
            "intevo",
            "Symbia Intevo Bold",
        ),
        (
            "SIEMENS NM",
            "Encore2",
            ["8.5", "10.5", "syngo CT 2007E>Symbia T2>8.5.10.9 SP2>VA60C", "VA60D"],
            "symbia-t2",
            "Symbia T2",
        ),
        ("SIEMENS NM", "Encore2", ["8.5", "10.5", "syngo>Symbia T>8", "VA"], "unknown", "Symbia T"),
        ("SIEMENS NM", "Encore2", ["8.5", "10.5", "syngo>Symbia T16>8", "VA"], "unknown", "Symbia T16"),
        ("SIEMENS NM", "IP2", ["6.5", "8.5", "VE31F  SL04P09>E.Cam>6.5"], "unknown", "E.Cam"),
        ("SIEMENS NM", "Encore2", ["10.7"], "unknown", "Encore2"),
        ("GE MEDICAL SYSTEMS", "Tandem_Brivo_615", ["1.0"], "brivo", "Tandem_Brivo_615"),
        ("GE MEDICAL SYSTEMS", "BRIVO NM", ["1.0"], "brivo", "BRIVO NM"),
        ("GE MEDICAL SYSTEMS", "Tandem_Discovery_670", ["1.0"], "unknown", "Tandem_Discovery_670"),
        ("MEDISO", "NUCLINE 615", ["2.09"], "unknown", "NUCLINE 615"),
        ("Philips Medical Systems", "Vereos PET/CT", ["2.0"], "vereos", "Vereos PET/CT"),
    ],
)
def test_recognised(
    tmp_path: Path, manufacturer: str, model: str, software: list[str], name: str, shown: str
) -> None:
    found = acquisition(save(tmp_path / "flood.dcm", camera(manufacturer, model, software)))
    system = found.source.system
    assert (system.name, system.model, system.manufacturer) == (name, shown, manufacturer)
    assert found.source.software == " / ".join(" ".join(text.split()) for text in software)


def test_the_user_overrides_the_name_and_what_follows_from_it(tmp_path: Path) -> None:
    path = save(tmp_path / "flood.dcm", camera("MEDISO", "NUCLINE", ["2.09"]))
    found = acquisition(path, system="brivo")
    assert found.source.system.name == "brivo"
    assert found.source.system.unit == acquisition(path).source.system.unit
    assert found.frames[0].detector == 1
    assert found.frames[0].field_hints == (FieldHint("RECTANGLE", (540.0, 400.0), TABLE),)
    assert acquisition(path, system="our own").source.system.name == "our own"


@pytest.mark.parametrize(
    ("keyword", "value"), [("InstitutionName", "NMQC SIM"), ("StationName", "NMQC"), (None, "")]
)
def test_synthetic(tmp_path: Path, keyword: str | None, value: str) -> None:
    ds = nm()
    if keyword:
        setattr(ds, keyword, value)
    assert acquisition(save(tmp_path / "flood.dcm", ds)).source.synthetic is (keyword is not None)


# --- one camera -----------------------------------------------------------------------------------------


def test_the_unit_is_a_hash_of_what_names_one_camera(tmp_path: Path) -> None:
    text = "SIEMENS NM\nSymbia Intevo Bold\nSERIAL9\nSTATION7"
    found = acquisition(save(tmp_path / "flood.dcm", nm()))
    assert found.source.system.unit == hashlib.sha256(text.encode()).hexdigest()[:8]
    assert "SERIAL9" not in repr(found)
    assert "STATION7" not in repr(found)


@pytest.mark.parametrize("keyword", ["DeviceSerialNumber", "StationName", "Manufacturer"])
def test_another_camera_has_another_unit(tmp_path: Path, keyword: str) -> None:
    one, ds = acquisition(save(tmp_path / "one.dcm", nm())), nm()
    setattr(ds, keyword, "OTHER")
    other = acquisition(save(tmp_path / "other.dcm", ds))
    assert one.source.system.unit != other.source.system.unit


def test_without_serial_and_station_a_camera_is_unidentified(tmp_path: Path) -> None:
    ds = nm()
    ds.StationName, ds.DeviceSerialNumber = "", None
    path = save(tmp_path / "flood.dcm", ds)
    found = acquisition(path)
    assert found.source.system.unit == "unidentified"
    assert "unit_unidentified" in codes(found)
    named = acquisition(path, site=(SiteSystem("NM-1", model="Intevo"),))
    assert named.source.system.unit == "NM-1"
    assert "unit_unidentified" not in codes(named)
    assert acquisition(path, site=(SiteSystem("NM-1", unit_id="unidentified"),)).source.system.unit == "NM-1"


def test_the_sites_cameras(tmp_path: Path) -> None:
    """Every given condition must hold; the first that fits is taken; one without conditions fits nothing."""
    path = save(tmp_path / "flood.dcm", nm())
    unit = acquisition(path).source.system.unit
    for site, expected in (
        ([SiteSystem("A", unit_id=unit)], "A"),
        ([SiteSystem("A", unit_id=unit.upper())], "A"),
        ([SiteSystem("A", model="intevo b")], "A"),
        ([SiteSystem("A", model="T2"), SiteSystem("B", model="Bold")], "B"),
        ([SiteSystem("A", unit_id=unit, model="T2")], unit),
        ([SiteSystem("A", unit_id="00000000", model="Bold")], unit),
        ([SiteSystem("A")], unit),
        ([SiteSystem("A", model="Bold"), SiteSystem("B", model="Bold")], "A"),
    ):
        assert acquisition(path, site=tuple(site)).source.system.unit == expected


def test_the_site_names_the_kind_and_the_user_picks_a_camera(tmp_path: Path) -> None:
    path = save(tmp_path / "flood.dcm", nm())
    site = (SiteSystem("NM-1", name="bold", model="Bold"), SiteSystem("NM-2", name="brivo", model="nothing"))
    found = acquisition(path, site=site).source.system
    assert (found.name, found.unit) == ("bold", "NM-1")
    picked = acquisition(path, site=site, system="NM-2").source.system
    assert (picked.name, picked.unit) == ("brivo", "NM-2")
    kind = acquisition(path, site=site, system="intevo").source.system
    assert (kind.name, kind.unit) == ("intevo", "NM-1")


@pytest.mark.parametrize(
    "entry", [SiteSystem("A", model="("), SiteSystem("A", heads=(HeadPattern(1, "ImageID", "*"),))]
)
def test_a_pattern_that_is_no_regular_expression(entry: SiteSystem) -> None:
    with pytest.raises(BadConfiguration, match="of A is no regular expression"):
        read_nm([], ReadOptions(site=(entry,)))


# --- the head -------------------------------------------------------------------------------------------


def test_the_vector_tells_the_head_where_there_are_several(tmp_path: Path) -> None:
    ds = nm(distinct(2), EnergyWindowVector=[1, 1], DetectorVector=[2, 1])
    found = acquisition(save(tmp_path / "flood.dcm", ds))
    assert [(f.detector, f.detector_source, int(f.counts[0, 0])) for f in found.frames] == [
        (1, "vector", 200),
        (2, "vector", 100),
    ]


def test_a_vector_of_ones_is_no_evidence(tmp_path: Path) -> None:
    found = acquisition(save(tmp_path / "flood.dcm", nm()))
    assert (found.frames[0].detector, found.frames[0].detector_source) == (None, None)
    assert "head_unknown" in codes(found)


@pytest.mark.parametrize("number", [1, 2])
def test_two_detectors_announced_in_a_file_of_one_head(tmp_path: Path, number: int) -> None:
    ds = nm(detectors=[detector(), detector()], EnergyWindowVector=[1], DetectorVector=[number])
    frame = acquisition(save(tmp_path / "flood.dcm", ds)).frames[0]
    assert (frame.detector, frame.detector_source) == (number, "vector")


def test_two_detectors_announced_without_a_vector(tmp_path: Path) -> None:
    ds = nm(detectors=[detector(), detector()])
    del ds.DetectorVector
    frame = acquisition(save(tmp_path / "flood.dcm", ds)).frames[0]
    assert frame.detector is None


def test_the_user_tells_the_head(tmp_path: Path) -> None:
    path = save(tmp_path / "one.dcm", nm())
    found = acquisition(path, detector=2)
    assert (found.frames[0].detector, found.frames[0].detector_source) == (2, "user")
    assert "head_unknown" not in codes(found)
    both = save(tmp_path / "both.dcm", nm(distinct(2), EnergyWindowVector=[1, 1], DetectorVector=[1, 2]))
    refused = refusal(both, detector=2)
    assert refused.code == "detector_conflict"
    assert "detector 1 and 2" in refused.reason
    second = nm(detectors=[detector(), detector()], EnergyWindowVector=[1], DetectorVector=[2])
    assert acquisition(save(tmp_path / "b.dcm", second), detector=2).frames[0].detector == 2
    assert refusal(save(tmp_path / "c.dcm", second), detector=1).code == "detector_conflict"


PATTERNS = (
    HeadPattern(1, "SeriesDescription", r"\bdet 1\b"),
    HeadPattern(2, "SeriesDescription", r"\bdet 2\b"),
    HeadPattern(2, "ImageID", "h2"),
    HeadPattern(2, "ViewCode", "posterior"),
)


@pytest.mark.parametrize(
    ("description", "image_id", "view", "head"),
    [
        ("Flood DET 1", "", "", 1),
        ("Flood det 2", "", "", 2),
        ("Flood det 21", "", "", None),
        ("", "UNIF_H2", "", 2),
        ("", "", "Posterior", 2),
        ("det 2", "UNIF_H2", "posterior", 2),
        ("det 1", "UNIF_H2", "", None),  # they contradict each other
        ("", "", "", None),
    ],
)
def test_the_sites_patterns(
    tmp_path: Path, description: str, image_id: str, view: str, head: int | None
) -> None:
    ds = nm(detectors=[detector(ViewCodeSequence=[item(CodeMeaning=view)])])
    ds.SeriesDescription, ds.ImageID = description, image_id
    site = (SiteSystem("NM-1", model="Bold", heads=PATTERNS),)
    found = acquisition(save(tmp_path / "flood.dcm", ds), site=site)
    assert found.frames[0].detector == head
    assert found.frames[0].detector_source == ("pattern" if head else None)
    assert ("head_unknown" in codes(found)) == (head is None)
    other = (SiteSystem("NM-2", model="T2", heads=PATTERNS),)
    assert acquisition(save(tmp_path / "flood.dcm", ds), site=other).frames[0].detector is None


def test_an_empty_attribute_matches_no_pattern(tmp_path: Path) -> None:
    site = (SiteSystem("NM-1", model="Bold", heads=(HeadPattern(2, "ImageID", "(h2)?"),)),)
    assert acquisition(save(tmp_path / "flood.dcm", nm()), site=site).frames[0].detector is None


def test_the_vector_goes_before_patterns_and_a_single_head_after(tmp_path: Path) -> None:
    rule = HeadPattern(2, "ImageID", "h2")
    ds = nm(distinct(2), EnergyWindowVector=[1, 1], DetectorVector=[1, 2])
    ds.ImageID = "H2"
    site = (SiteSystem("NM-1", model="Bold|615", heads=(rule,)),)
    found = acquisition(save(tmp_path / "two.dcm", ds), site=site)
    assert [frame.detector for frame in found.frames] == [1, 2]
    single = acquisition(save(tmp_path / "ge.dcm", ge())).frames[0]
    assert (single.detector, single.detector_source) == (1, "single-head")


# --- collimator, zoom, field of view --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "grid", "name"),
    [
        ("PARA", "@18894867", "LEHR"),
        ("PARA", "@30429647", "HE"),
        ("PARA", "@99912345", "PARA"),
        ("PARA", "LEHR", "LEHR"),
        ("PARA", None, "PARA"),
        ("NONE", None, "NONE"),
        ("NONE", "@18894867", "NONE"),
        ("", "INTR", "NONE"),
        ("", "HEGP", "HEGP"),
        ("", "", ""),
    ],
)
def test_collimators(tmp_path: Path, kind: str, grid: str | None, name: str) -> None:
    ds = nm(detectors=[detector(CollimatorType=kind, CollimatorGridName=grid)])
    assert acquisition(save(tmp_path / "flood.dcm", ds)).frames[0].collimator == name


def test_each_detector_has_its_own_item(tmp_path: Path) -> None:
    items = [
        detector(
            CollimatorGridName="LEHR",
            ZoomFactor=[1, 1],
            FieldOfViewShape="RECTANGLE",
            FieldOfViewDimensions=[533, 387],
        ),
        detector(
            CollimatorGridName="HEGP",
            ZoomFactor=[1.5, 1.25],
            FieldOfViewShape="ROUND",
            FieldOfViewDimensions=400,
        ),
    ]
    ds = nm(distinct(2), detectors=items, EnergyWindowVector=[1, 1], DetectorVector=[2, 1])
    one, two = acquisition(save(tmp_path / "flood.dcm", ds)).frames
    assert (one.collimator, one.zoom) == ("LEHR", (1.0, 1.0))
    assert (two.collimator, two.zoom) == ("HEGP", (1.5, 1.25))
    assert one.field_hints[-1] == FieldHint("RECTANGLE", (533.0, 387.0), "header")
    assert two.field_hints[-1] == FieldHint("ROUND", (400.0,), "header")


@pytest.mark.parametrize(
    ("zoom", "read"), [([0, 0], (1.0, 1.0)), (None, (1.0, 1.0)), ([1.2, 1.3], (1.2, 1.3))]
)
def test_zoom(tmp_path: Path, zoom: object, read: tuple[float, float]) -> None:
    ds = nm(detectors=[detector(ZoomFactor=zoom)])
    assert acquisition(save(tmp_path / "flood.dcm", ds)).frames[0].zoom == read


def test_hints_come_in_order_of_trust(tmp_path: Path) -> None:
    own = FieldHint("RECTANGLE", (531.0, 386.0), "site configuration")
    site = (SiteSystem("NM-1", model="Bold", field=own),)
    header = {"FieldOfViewShape": "RECTANGLE", "FieldOfViewDimensions": [421, 385]}
    plain = save(tmp_path / "plain.dcm", nm(detectors=[detector(ZoomFactor=[1, 1], **header)]))
    zoomed = save(tmp_path / "zoomed.dcm", nm(detectors=[detector(ZoomFactor=[1.455, 1.455], **header)]))
    table = FieldHint("RECTANGLE", (533.0, 387.0), TABLE)
    told = FieldHint("RECTANGLE", (421.0, 385.0), "header")
    assert acquisition(plain, site=site).frames[0].field_hints == (own, table, told)
    assert acquisition(zoomed, site=site).frames[0].field_hints == (own, told)
    assert acquisition(plain).frames[0].field_hints == (table, told)


@pytest.mark.parametrize(
    ("shape", "sides", "hint"),
    [
        ("", [0, 0], None),
        (None, None, None),
        ("RECTANGLE", [533, 0], None),
        ("RECTANGLE", 533, None),
        ("RECTANGLE", None, None),
        ("", [533, 387], FieldHint("", (533.0, 387.0), "header")),
        ("OVAL", [533, 387], FieldHint("", (533.0, 387.0), "header")),
        ("HEXAGONAL", 400, FieldHint("HEXAGONAL", (400.0,), "header")),
        ("ROUND", [400, 400], FieldHint("ROUND", (400.0,), "header")),
    ],
)
def test_the_field_of_view_by_the_header(
    tmp_path: Path, shape: str | None, sides: object, hint: FieldHint | None
) -> None:
    ds = nm(detectors=[detector(FieldOfViewShape=shape, FieldOfViewDimensions=sides)])
    ds.SoftwareVersions = "1"
    hints = acquisition(save(tmp_path / "flood.dcm", ds)).frames[0].field_hints
    assert hints == (() if hint is None else (hint,))


def test_missing_items_leave_the_facts_out(tmp_path: Path) -> None:
    ds = nm(distinct(2), EnergyWindowVector=[1, 1], DetectorVector=[1, 2])
    ds.DetectorInformationSequence, ds.EnergyWindowInformationSequence = [], []
    frames = acquisition(save(tmp_path / "flood.dcm", ds)).frames
    assert [(f.detector, f.collimator, f.energy_window) for f in frames] == [(1, "", None), (2, "", None)]
