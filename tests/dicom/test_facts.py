"""When an image was made, with what, and how a value is cleaned."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import Dataset

from nmqc.dicom.acquired import acquisition_time, parse_moment
from nmqc.dicom.nuclides import nuclide_in, radionuclide
from nmqc.dicom.values import Header, as_number, clean
from nmqc.errors import UnusableInput
from tests.dicom.build import acquisition, item, nm, patch, save, window

ACQUISITION = {"AcquisitionDate": "20261116", "AcquisitionTime": "071200"}
SERIES = {"SeriesDate": "20261115", "SeriesTime": "080910"}
CONTENT = {"ContentDate": "20261114", "ContentTime": "111213"}


def time_of(asked: str | None = None, **values: str | None) -> tuple[str | None, str | None]:
    return acquisition_time(Header(item(**values)), asked)


# --- time -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected", "source"),
    [
        (
            {"AcquisitionDateTime": "20261117010203", **ACQUISITION},
            "2026-11-17T01:02:03",
            "AcquisitionDateTime",
        ),
        ({**ACQUISITION, **SERIES, **CONTENT}, "2026-11-16T07:12:00", "AcquisitionDate"),
        ({**SERIES, **CONTENT}, "2026-11-15T08:09:10", "SeriesDate"),
        (CONTENT, "2026-11-14T11:12:13", "ContentDate"),
        ({"StudyDate": "20261113", "StudyTime": "101010"}, None, None),
        ({"AcquisitionDate": "20261116", **SERIES}, "2026-11-15T08:09:10", "SeriesDate"),
        ({"AcquisitionDateTime": "20261117", **SERIES}, "2026-11-15T08:09:10", "SeriesDate"),
        (
            {"AcquisitionDateTime": "20261117010203.25+0100"},
            "2026-11-17T01:02:03.250000",
            "AcquisitionDateTime",
        ),
        (
            {"AcquisitionDate": "00010101", "AcquisitionTime": "000000.00", **SERIES},
            "2026-11-15T08:09:10",
            "SeriesDate",
        ),
        ({"AcquisitionDate": "00010101", "AcquisitionTime": "000000"}, None, None),
        ({}, None, None),
    ],
)
def test_the_time_of_acquisition(values: dict[str, str], expected: str | None, source: str | None) -> None:
    assert time_of(**values) == (expected, source)


def test_a_date_of_zeros(tmp_path: Path) -> None:
    path = save(tmp_path / "flood.dcm", nm())
    patch(path, b"20261116", b"00000000")
    assert acquisition(path).source.acquired is None


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("07", "07:00:00"),
        ("0715", "07:15:00"),
        ("071502", "07:15:02"),
        ("07:15:02", "07:15:02"),
        ("071502.000000", "07:15:02"),
        ("170629.578", "17:06:29.578000"),
        ("071502.1234567", "07:15:02.123456"),
        ("240000", None),
        ("0", None),
        ("", None),
        ("071502.", None),
        ("noon", None),
    ],
)
def test_times_of_day(time: str, expected: str | None) -> None:
    moment = parse_moment("20261116", time)
    assert (moment and moment.isoformat()) == (expected and f"2026-11-16T{expected}")


@pytest.mark.parametrize("date", ["", "2026", "20261301", "18991231", "2026-11-16", "202611160"])
def test_dates_that_are_none(date: str) -> None:
    assert parse_moment(date, "0715") is None


@pytest.mark.parametrize(
    ("offset", "suffix"), [("+0100", "+01:00"), ("-0330", "-03:30"), ("+9900", ""), ("0100", ""), ("", "")]
)
def test_the_offset_is_given_only_by_its_own_attribute(offset: str, suffix: str) -> None:
    assert time_of(**ACQUISITION, TimezoneOffsetFromUTC=offset)[0] == f"2026-11-16T07:12:00{suffix}"


def test_the_users_time() -> None:
    assert time_of("2026-11-16T07:15") == ("2026-11-16T07:15:00", "user")
    assert time_of("2026-11-16T07:12:59", **ACQUISITION) == ("2026-11-16T07:12:00", "AcquisitionDate")
    local = {**ACQUISITION, "TimezoneOffsetFromUTC": "+0100"}
    assert time_of("2026-11-16T07:12", **local)[0] == "2026-11-16T07:12:00+01:00"
    with pytest.raises(UnusableInput, match="leave out --acquired") as caught:
        time_of("2026-11-16T07:13:01", **ACQUISITION)
    assert caught.value.code == "acquired_conflict"


# --- radionuclide ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "nuclide"),
    [
        ("99m Technetium", "Tc-99m"),
        ("57 Cobalt", "Co-57"),
        ("131 Iodine", "I-131"),
        ("I131_EM", "I-131"),
        ("I131_SC", "I-131"),
        ("Y90_EM", "Y-90"),
        ("Tc-99m 140 keV", "Tc-99m"),
        ("TC99M", "Tc-99m"),
        ("^99m^Technetium", "Tc-99m"),
        ("In111_EM2", "In-111"),
        ("99Mo", ""),
        ("NaI 131", ""),
        ("Tc99m + I123", ""),
        ("Photopeak 140", ""),
        ("", ""),
    ],
)
def test_a_radionuclide_in_a_name(text: str, nuclide: str) -> None:
    assert nuclide_in(text) == nuclide


def code(value: str, scheme: str) -> Dataset:
    return item(RadionuclideCodeSequence=[item(CodeValue=value, CodingSchemeDesignator=scheme)])


@pytest.mark.parametrize(
    ("value", "scheme", "nuclide"),
    [
        ("C-163A8", "99SDM", "Tc-99m"),
        ("C-163A8", "SNM3", "Tc-99m"),
        ("C-144A3", "SRT", "Co-57"),
        ("27054007", "SCT", "Co-57"),
        ("C-114B1", "99SDM", "I-131"),
        ("C-101ED", "SRT", "Lu-177"),
        ("C-111A1", "SRT", "F-18"),
        ("C-163A8", "99OUR", "Ga-67"),  # a private scheme may mean anything: then the window's name tells
        ("C-XXXXX", "SRT", "Ga-67"),
    ],
)
def test_a_radionuclide_by_its_code(value: str, scheme: str, nuclide: str) -> None:
    header = item(
        RadiopharmaceuticalInformationSequence=[code(value, scheme)],
        EnergyWindowInformationSequence=[window("Ga67_EM", 84, 102)],
    )
    assert radionuclide(Header(header)) == nuclide


def test_codes_are_those_of_the_standard() -> None:
    """Against the tables of PS3.16 that come with pydicom."""
    from pydicom.sr._concepts_dict import concepts
    from pydicom.sr._snomed_dict import mapping

    from nmqc.dicom.nuclides import _CODES

    meanings = {value: meaning for entry in concepts["SCT"].values() for value, (meaning, _) in entry.items()}
    for nuclide, (srt, sct) in _CODES.items():
        assert mapping["SCT"][sct] == srt
        assert meanings[sct].startswith(f"^{nuclide.split('-')[1]}^")
        assert nuclide_in(meanings[sct]) == nuclide


def test_two_radionuclides_are_both_named() -> None:
    items = [code("C-163A8", "SRT"), code("C-138A9", "SRT"), code("C-163A8", "SRT")]
    assert radionuclide(Header(item(RadiopharmaceuticalInformationSequence=items))) == "Tc-99m+Tl-201"


# --- values ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (2.5, 2.5),
        (True, None),
        ("179,99", None),
        ("1", None),
        (float("nan"), None),
        (float("-inf"), None),
        (10**400, None),
        (None, None),
        (b"1", None),
    ],
)
def test_what_is_a_number(value: object, number: float | None) -> None:
    assert as_number(value) == number


def test_a_whole_number_of_fifteen_digits_is_exact() -> None:
    assert as_number(2**53 + 1) == 2**53 + 1


def test_text_is_made_safe() -> None:
    assert clean("a\x1b[31m\tb\x00\u202ec\n\nd ") == "a [31m b c d"
    assert clean("x" * 1000) == "x" * 64
    assert clean("Kobalt-Prüfstrahler µ") == "Kobalt-Prüfstrahler µ"
