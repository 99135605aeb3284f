"""What PET values refer to: decay correction, reference times, and the tracer's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from pydicom import FileDataset

from nmqc.dicom import ReadOptions
from nmqc.dicom.nuclides import HALF_LIVES_S
from nmqc.dicom.pet_times import FrameTime, decay_factors, mean_time_s
from nmqc.dicom.pet_units import suv_to_bqml
from nmqc.model import Volume
from tests.dicom.build import item
from tests.dicom.pet_build import always, codes, refusal, series, tracer_item, values, volume

F18 = 6586.2
RATE = math.log(2) / F18
ROUNDED = 1e-7  # relative: float32 rounds to 6e-8
Change = Callable[[FileDataset, int], None]


def with_tracer(**elements: object) -> Change:
    """Set elements of the radiopharmaceutical's item; None deletes one."""

    def change(ds: FileDataset, _k: int) -> None:
        for keyword, value in elements.items():
            if value is None:
                delattr(tracer_item(ds), keyword)
            else:
                setattr(tracer_item(ds), keyword, value)

    return change


def both(*changes: Change) -> Change:
    def change(ds: FileDataset, k: int) -> None:
        for one in changes:
            one(ds, k)

    return change


def clock(seconds: float) -> str:
    return f"{int(seconds // 3600):02d}{int(seconds % 3600 // 60):02d}{seconds % 60:06.3f}"


# --- formulas -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("half_life_s", [76.38, 6586.2, 23_410_080.0])
@pytest.mark.parametrize("duration_s", [30.0, 600.0])
def test_the_mean_activity_of_a_frame(half_life_s: float, duration_s: float) -> None:
    """Against a sum over the frame; and the factor of a frame is that mean turned back to its start."""
    rate = math.log(2) / half_life_s
    middles = (np.arange(200_000) + 0.5) * duration_s / 200_000
    mean = float(np.exp(-rate * middles).mean())
    assert math.exp(-rate * mean_time_s(duration_s, half_life_s)) == pytest.approx(mean, rel=1e-9)
    start = datetime(2026, 11, 16, 10)
    (factor,) = decay_factors([FrameTime(start, duration_s, None)], start, half_life_s) or []
    assert factor == pytest.approx(1 / mean, rel=1e-9)  # the sum's own error: (duration / 200,000)^2


def test_the_mean_time_of_a_slow_decay() -> None:
    assert mean_time_s(600.0, 1e12) == pytest.approx(300.0, abs=0.001)
    assert mean_time_s(600.0, None) == 300.0
    assert mean_time_s(600.0, F18) < 300.0  # more decays in the first half


def test_half_lives() -> None:
    """Against other evaluations, in hours and days as they are quoted: within 0.5 %, Rb-82 and Sc-44 within 2 %."""
    quoted = {"F-18": 109.77 / 60, "Ga-68": 67.7 / 60, "Cu-64": 12.70, "Zr-89": 78.4, "Y-90": 64.05}
    quoted |= {"I-124": 4.176 * 24, "Ge-68": 270.9 * 24, "Lu-177": 6.647 * 24, "Na-22": 2.602 * 365.25 * 24}
    quoted |= {"C-11": 20.36 / 60, "N-13": 9.965 / 60, "O-15": 122.24 / 3600}
    for nuclide, hours in quoted.items():
        assert HALF_LIVES_S[nuclide] == pytest.approx(hours * 3600, rel=0.005)
    assert HALF_LIVES_S["Rb-82"] == pytest.approx(75.45, rel=0.02)
    assert HALF_LIVES_S["Sc-44"] == pytest.approx(14_549, rel=0.02)


# --- START ----------------------------------------------------------------------------------------------


def frames_by_reference(ds: FileDataset, k: int, *, start_s: float = 36_900.0, bed_s: float = 0.0) -> None:
    """A series that began at 10:15 less `before`; each slice's own reference time, as Siemens writes it."""
    begun = start_s + bed_s * (k // 3)
    ds.AcquisitionTime = clock(begun)
    mean = math.log(RATE * 600 / (1 - math.exp(-RATE * 600))) / RATE
    ds.FrameReferenceTime = f"{(begun - 36_900.0 + mean) * 1000:.4f}"


def test_reference_by_the_frames(tmp_path: Path) -> None:
    """Two beds, the first 40 s after the series began: neither bed's start is the reference."""

    def change(ds: FileDataset, k: int) -> None:
        frames_by_reference(ds, k, start_s=36_940.0, bed_s=310.0)
        ds.SeriesTime = "110000"  # of the reconstruction

    found = volume(series(tmp_path, 6, change))
    assert found.tracer.reference == "2026-11-16T10:15:00"
    assert found.tracer.reference_from == "frame reference times"
    assert codes(found) == ["reference_time"]
    assert "+40 s by start of the first acquisition" in found.remarks[0].text
    assert found.source.acquired == "2026-11-16T10:15:40"


def test_reference_by_frames_of_whole_seconds(tmp_path: Path) -> None:
    def change(ds: FileDataset, k: int) -> None:
        frames_by_reference(ds, k, start_s=36_900.0 + 0.2 * k)
        ds.AcquisitionTime = clock(int(36_900.0 + 0.2 * k))

    found = volume(series(tmp_path, 6, change))
    reference = datetime.fromisoformat(found.tracer.reference or "")
    assert abs((reference - datetime(2026, 11, 16, 10, 15)).total_seconds()) <= 1  # whole seconds


@pytest.mark.parametrize(("milliseconds", "second_bed"), [(0, 9), (0, 3), (300_000, 4), (300_000, 3)])
def test_frame_reference_times_that_mean_something_else(
    tmp_path: Path, milliseconds: int, second_bed: int
) -> None:
    """Zero, or counted from each bed's own start: the reference would lie after the first slice, or differ."""

    def change(ds: FileDataset, k: int) -> None:
        ds.AcquisitionTime = clock(36_900 + 620 * (k // second_bed))
        ds.FrameReferenceTime = milliseconds

    found = volume(series(tmp_path, 6, change))
    assert (found.tracer.reference, found.tracer.reference_from) == (
        "2026-11-16T10:15:00",
        "series date and time",
    )


def test_reference_by_the_series(tmp_path: Path) -> None:
    found = volume(series(tmp_path, 3, always(SeriesTime="101330", AcquisitionTime="101500")))
    assert (found.tracer.reference, found.tracer.reference_from) == (
        "2026-11-16T10:13:30",
        "series date and time",
    )
    assert codes(found) == ["reference_time"]


@pytest.mark.parametrize(
    ("group", "creator", "element"), [(0x0009, "GEMS_PETD_01", 0x0D), (0x0071, "SIEMENS MED PT", 0x22)]
)
@pytest.mark.parametrize("vr", ["DT", "UN"])
def test_reference_by_the_maker(tmp_path: Path, group: int, creator: str, element: int, vr: str) -> None:
    def change(ds: FileDataset, _k: int) -> None:
        ds.SeriesTime = "110000"
        text = "20261116101458.00"
        value = text.encode() + b"\0" if vr == "UN" else text
        ds.private_block(group, creator, create=True).add_new(element, vr, value)

    found = volume(series(tmp_path, 3, change))
    assert (found.tracer.reference, found.tracer.reference_from) == (
        "2026-11-16T10:14:58",
        "the maker's private header",
    )


def test_reference_by_the_first_slice(tmp_path: Path) -> None:
    """A series time after the first slice is that of the reconstruction."""

    def change(ds: FileDataset, k: int) -> None:
        ds.SeriesTime, ds.AcquisitionTime = "110000", clock(36_900 + 60 * (5 - k))

    found = volume(series(tmp_path, 6, change))
    assert (found.tracer.reference, found.tracer.reference_from) == (
        "2026-11-16T10:15:00",
        "start of the first acquisition",
    )
    assert found.source.acquired == "2026-11-16T10:15:00"


def test_without_a_time(tmp_path: Path) -> None:
    found = volume(series(tmp_path, 3, always(AcquisitionTime=None)))
    assert (found.tracer.reference, codes(found)) == (None, ["no_reference_time"])


def test_what_the_values_refer_to_is_unknown(tmp_path: Path) -> None:
    found = volume(series(tmp_path, 3, always(DecayCorrection=None)))
    assert (found.tracer.reference, found.tracer.decay_correction) == (None, "")
    assert codes(found) == ["no_reference_time"]


# --- ADMIN, NONE ----------------------------------------------------------------------------------------


def test_correction_to_the_administration(tmp_path: Path) -> None:
    found = volume(series(tmp_path / "a", 3, always(DecayCorrection="ADMIN")))
    assert found.tracer.reference == found.tracer.measured == "2026-11-16T09:30:00"
    assert found.tracer.reference_from == "administration of the tracer"
    assert found.values == pytest.approx(values(3), rel=ROUNDED)
    without = both(always(DecayCorrection="ADMIN"), with_tracer(RadiopharmaceuticalStartDateTime=None))
    found = volume(series(tmp_path / "b", 3, without))
    assert (found.tracer.reference, codes(found)) == (None, ["no_reference_time"])


def two_beds(ds: FileDataset, k: int) -> None:
    """Uncorrected, 3 slices each of a bed of 10 minutes and one of 5 that begins 13 minutes later."""
    ds.DecayCorrection = "NONE"
    ds.CorrectedImage = ["ATTN", "SCAT", "DTIM", "RAN", "NORM"]
    ds.AcquisitionTime = clock(36_900 + 780 * (k // 3))
    ds.ActualFrameDuration = 300_000 if k // 3 else 600_000


def test_values_that_were_not_corrected(tmp_path: Path) -> None:
    found = volume(series(tmp_path, 6, two_beds))
    first = RATE * 600 / (1 - math.exp(-RATE * 600))
    second = RATE * 300 / (1 - math.exp(-RATE * 300)) * math.exp(RATE * 780)
    factors = np.array([first] * 3 + [second] * 3)[:, None, None]
    assert found.values == pytest.approx(values(6) * factors, rel=ROUNDED)
    assert (found.tracer.reference, found.tracer.reference_from) == (
        "2026-11-16T10:15:00",
        "start of the first acquisition",
    )
    assert (found.unit, found.quantitative, codes(found)) == ("Bq/mL", True, ["decay_corrected"])


@pytest.mark.parametrize(
    "change",
    [
        with_tracer(RadionuclideHalfLife=None, RadionuclideCodeSequence=None),
        with_tracer(RadionuclideHalfLife=4062.6),
        always(ActualFrameDuration=None),
        always(AcquisitionTime=None),
    ],
)
def test_values_that_cannot_be_corrected(tmp_path: Path, change: Change) -> None:
    refused = refusal(series(tmp_path, 6, both(two_beds, change)))
    assert refused.code == "not_decay_corrected"
    assert "lacks the half-life or the times" in refused.reason


def test_a_header_that_contradicts_itself_on_decay(tmp_path: Path) -> None:
    refused = refusal(series(tmp_path, 6, both(two_beds, always(CorrectedImage=["ATTN", "DECY"]))))
    assert refused.code == "not_decay_corrected"
    assert "both" in refused.reason


def test_uncorrected_values_of_one_time_are_good_for_ratios(tmp_path: Path) -> None:
    change = both(always(DecayCorrection="NONE"), with_tracer(RadionuclideHalfLife=4062.6))
    found = volume(series(tmp_path, 4, change))
    assert (found.unit, found.quantitative) == ("relative", False)
    assert codes(found) == ["not_decay_corrected", "half_life_mismatch"]
    assert found.values == pytest.approx(values(4), rel=ROUNDED)


def test_the_table_fills_a_half_life_that_is_missing(tmp_path: Path) -> None:
    found = volume(series(tmp_path, 6, both(two_beds, with_tracer(RadionuclideHalfLife=None))))
    assert found.tracer.half_life_s == 6586.2
    factor = RATE * 600 / (1 - math.exp(-RATE * 600))
    assert found.values[0] == pytest.approx(values(6)[0] * factor, rel=ROUNDED)


# --- the tracer -----------------------------------------------------------------------------------------


def test_the_tracer(tmp_path: Path) -> None:
    tracer = volume(series(tmp_path, 3)).tracer
    assert (tracer.radionuclide, tracer.half_life_s) == ("F-18", 6586.2)
    assert (tracer.activity_bq, tracer.measured, tracer.weight_g) == (50e6, "2026-11-16T09:30:00", 10_000.0)
    assert (tracer.decay_correction, tracer.reference) == ("START", "2026-11-16T10:15:00")


@pytest.mark.parametrize(
    ("codes_of", "half_life", "nuclide"),
    [
        (("C-131A3", "SRT"), 4062.6, "Ga-68"),
        (("3932008", "SCT"), 45_723.6, "Cu-64"),
        (("C-168A4", "SRT"), 282_276, "Zr-89"),
        (("40937006", "SCT"), 360_806, "I-124"),
        (("C-162A7", "SRT"), 230_550, "Y-90"),
        (("C-128A2", "SRT"), 23_400_000, "Ge-68"),
        (("422934004", "SCT"), 580, "Cu-62"),
    ],
)
def test_nuclides(tmp_path: Path, codes_of: tuple[str, str], half_life: float, nuclide: str) -> None:
    coded = [item(CodeValue=codes_of[0], CodingSchemeDesignator=codes_of[1])]
    change = with_tracer(RadionuclideCodeSequence=coded, RadionuclideHalfLife=half_life)
    found = volume(series(tmp_path, 3, change))
    assert found.tracer.radionuclide == found.source.radionuclide == nuclide
    assert "half_life_mismatch" not in codes(found)


def test_a_nuclide_by_its_name(tmp_path: Path) -> None:
    change = with_tracer(RadionuclideCodeSequence=None, Radiopharmaceutical="Jane's ^68^Gallium citrate")
    found = volume(series(tmp_path, 3, both(change, with_tracer(RadionuclideHalfLife=4062.6))))
    assert found.tracer.radionuclide == "Ga-68"
    assert "Jane" not in repr(found)


def test_a_half_life_that_is_not_the_nuclide_s(tmp_path: Path) -> None:
    found = volume(series(tmp_path / "a", 3, with_tracer(RadionuclideHalfLife=6588.0)))
    assert codes(found) == []
    found = volume(series(tmp_path / "b", 3, with_tracer(RadionuclideHalfLife=4057.0)))
    assert codes(found) == ["half_life_mismatch"]
    assert found.tracer.half_life_s is None


def test_an_activity_in_mbq(tmp_path: Path) -> None:
    found = volume(series(tmp_path / "a", 3, with_tracer(RadionuclideTotalDose=52.5)))
    assert (found.tracer.activity_bq, codes(found)) == (52.5e6, ["dose_in_mbq"])
    found = volume(series(tmp_path / "b", 3, with_tracer(RadionuclideTotalDose=0)))
    assert (found.tracer.activity_bq, codes(found)) == (None, [])


def administered(folder: Path, acquired: str, **elements: object) -> Volume:
    """A series that began at some time on 2026-11-16, with these times of the administration."""
    times = {"RadiopharmaceuticalStartDateTime": None, **elements}
    change = both(always(AcquisitionTime=acquired, SeriesTime=acquired), with_tracer(**times))
    return volume(series(folder, 3, change))


@pytest.mark.parametrize(
    ("acquired", "told", "measured", "said"),
    [
        ("101500", "093000", "2026-11-16T09:30:00", []),
        ("003000", "233000", "2026-11-15T23:30:00", []),  # over midnight
        ("101500", "104500", "2026-11-16T10:45:00", []),  # the console's clock: within an hour after
        ("101500", "060000", "2026-11-16T06:00:00", ["injection_time"]),  # two half-lives are 3.66 h
    ],
)
def test_a_clock_without_a_date(
    tmp_path: Path, acquired: str, told: str, measured: str, said: list[str]
) -> None:
    found = administered(tmp_path, acquired, RadiopharmaceuticalStartTime=told)
    assert (found.tracer.measured, codes(found)) == (measured, said)


def test_a_clock_of_a_slow_tracer_tells_no_day(tmp_path: Path) -> None:
    coded = [item(CodeValue="C-168A4", CodingSchemeDesignator="SRT")]
    slow = {"RadionuclideCodeSequence": coded, "RadionuclideHalfLife": 282_276}
    found = administered(tmp_path / "a", "101500", RadiopharmaceuticalStartTime="093000", **slow)
    assert (found.tracer.measured, codes(found)) == (None, ["injection_time"])
    whole = {"RadiopharmaceuticalStartDateTime": "20261112093000"}
    found = administered(tmp_path / "b", "101500", **slow, **whole)
    assert (found.tracer.measured, codes(found)) == ("2026-11-12T09:30:00", [])


def test_date_and_time_before_the_clock_alone(tmp_path: Path) -> None:
    whole = {"RadiopharmaceuticalStartDateTime": "20261116093000.50+0100"}
    found = administered(tmp_path / "a", "101500", RadiopharmaceuticalStartTime="091000", **whole)
    assert (found.tracer.measured, codes(found)) == ("2026-11-16T09:30:00.500", ["injection_time"])
    found = administered(tmp_path / "b", "101500", RadiopharmaceuticalStartTime="093000", **whole)
    assert codes(found) == []


def test_a_date_that_an_anonymiser_moved(tmp_path: Path) -> None:
    whole = {"RadiopharmaceuticalStartDateTime": "20190302233000"}
    found = administered(tmp_path, "003000", **whole)
    assert (found.tracer.measured, codes(found)) == ("2026-11-15T23:30:00", ["date_inferred"])


def test_a_date_that_an_anonymiser_blanked(tmp_path: Path) -> None:
    blank = always(AcquisitionDate="00010101", SeriesDate="00010101", StudyDate="00010101")
    found = volume(series(tmp_path / "a", 3, blank))
    assert (found.tracer.reference, codes(found)) == ("2026-11-16T10:15:00", ["date_inferred"])
    everything = both(blank, with_tracer(RadiopharmaceuticalStartDateTime=None))
    found = volume(series(tmp_path / "b", 3, everything))
    assert (found.tracer.reference, codes(found)) == (None, ["no_reference_time"])


def test_borrowed_dates_over_midnight_are_not_trusted(tmp_path: Path) -> None:
    def change(ds: FileDataset, k: int) -> None:
        two_beds(ds, k)
        ds.AcquisitionDate, ds.AcquisitionTime = "00010101", "235500" if k < 3 else "000800"

    assert refusal(series(tmp_path, 6, change)).code == "not_decay_corrected"


def test_a_series_over_midnight(tmp_path: Path) -> None:
    def change(ds: FileDataset, k: int) -> None:
        two_beds(ds, k)
        ds.AcquisitionDate, ds.AcquisitionTime = ("20261116", "235500") if k < 3 else ("20261117", "000800")
        tracer_item(ds).RadiopharmaceuticalStartDateTime = "20261116231000"

    found = volume(series(tmp_path, 6, change))
    assert found.tracer.reference == "2026-11-16T23:55:00"
    factor = RATE * 300 / (1 - math.exp(-RATE * 300)) * math.exp(RATE * 780)
    assert found.values[3] == pytest.approx(values(6)[3] * factor, rel=ROUNDED)


def test_the_user_s_time(tmp_path: Path) -> None:
    folder = series(tmp_path / "a", 3)
    assert refusal(folder, acquired="2026-11-16T12:00:00").code == "acquired_conflict"
    folder = series(tmp_path / "b", 3, always(AcquisitionTime=None, SeriesTime=None))
    found = volume(folder, acquired="2026-11-16T12:00:00")
    assert (found.source.acquired, found.source.acquired_from) == ("2026-11-16T12:00:00", "user")


# --- the reference time of the user ---------------------------------------------------------------------


def test_a_reference_of_the_user(tmp_path: Path) -> None:
    """It replaces the header's, which is said where the two differ, and no value changes."""
    folder = series(tmp_path, 3, frames_by_reference)
    told = volume(folder)
    assert told.tracer.reference == "2026-11-16T10:15:00"
    found = volume(folder, reference="2026-11-16T09:58:20.25")
    assert (found.tracer.reference, found.tracer.reference_from) == ("2026-11-16T09:58:20.250", "user")
    assert np.array_equal(found.values, told.values)
    assert codes(found) == ["reference_time"]
    assert "it would be +1000 s by frame reference times" in found.remarks[0].text
    assert codes(volume(folder, reference="2026-11-16 10:15:04")) == []  # nearer than the times are written


@pytest.mark.parametrize(
    "change", [always(DecayCorrection=None), always(DecayCorrection="ADMIN")], ids=["", "ADMIN"]
)
def test_a_reference_of_the_user_for_other_values(tmp_path: Path, change: Change) -> None:
    found = volume(series(tmp_path, 3, change), reference="2026-11-16T10:00:00")
    assert (found.tracer.reference, found.tracer.reference_from) == ("2026-11-16T10:00:00", "user")
    assert "no_reference_time" not in codes(found)


def test_a_reference_of_the_user_turns_suv_back(tmp_path: Path) -> None:
    """What SUV are in Bq/mL holds at the reference time: that of the user."""
    folder = series(tmp_path, 3, always(Units="GML"))
    early, late = (volume(folder, reference=f"2026-11-16T{clock}").tracer for clock in ("10:00", "10:45"))
    factors = [suv_to_bqml(tracer) for tracer in (early, late)]
    assert factors[1] == pytest.approx(
        (factors[0] or 0) * 2 ** (-2700 / 6586.2), rel=1e-12
    )  # arithmetic only


def test_a_reference_of_the_user_for_uncorrected_values(tmp_path: Path) -> None:
    """They refer to no one time; two beds of different times show that they cannot."""
    folder = series(tmp_path, 4, two_beds)
    assert codes(volume(folder)) == ["decay_corrected"]
    refused = refusal(folder, reference="2026-11-16T10:15:00")
    assert refused.code == "reference_conflict"
    assert "leave out --reference-time" in refused.reason


@pytest.mark.parametrize(
    "asked", ["", "yesterday", "2026-11-16", "20261116", "2026-11-16T10:15:00+01:00", "2026-11-16T10:15Z"]
)
def test_what_is_no_reference_time(asked: str) -> None:
    with pytest.raises(ValueError, match="date and time of day: 2026"):
        ReadOptions(reference=asked)
