"""The fill sheet: its arithmetic by hand, and every mistake in it told with its line."""

import json
import math
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from nmqc.errors import BadConfiguration
from nmqc.fill import FillSheet, read_fill
from nmqc.pet.truth import Truth, given
from nmqc.toml_reader import BadFile
from tests.pet.by_hand import ByHand

HALF_LIFE_S = 6586.2
SHEET = """
radionuclide = "F-18"
half_life_s = 6586.2
calibrator_percent = 2.0

[background]
volume_ml = 9700.0
volume_percent = 0.3
activity_percent = 0.4

[[background.syringe]]
activity_mbq = 24.0
measured = 2026-11-15 23:30:00
residual_mbq = 0.5
residual_measured = 2026-11-15 23:50:00

[[background.syringe]]
activity_mbq = 1.5
measured = 2026-11-16 00:05:00

[spheres]
volume_ml = 500.0
volume_percent = 1.2
cold_mm = [28, 37]

[[spheres.syringe]]
activity_mbq = 5.2
measured = "2026-11-15T23:40:30"
"""


def sheet(folder: Path, text: str = SHEET) -> FillSheet:
    path = folder / "fill.toml"
    path.write_text(text, encoding="utf-8")
    return read_fill(path)


def mistakes(folder: Path, old: str, new: str) -> str:
    assert old in SHEET
    with pytest.raises(BadFile) as bad:
        sheet(folder, SHEET.replace(old, new, 1))
    return "; ".join(str(one).split("/")[-1] for one in bad.value.mistakes)


def left(minutes: float) -> float:
    return math.exp(-math.log(2) * 60 * minutes / HALF_LIFE_S)


def test_concentrations_over_midnight(tmp_path: Path) -> None:
    """At 00:30: 60, 40 and 25 minutes after the background's three activities, 49.5 after the spheres'."""
    truth = sheet(tmp_path).truth(datetime(2026, 11, 16, 0, 30), HALF_LIFE_S)
    background = 1e6 * (24.0 * left(60) - 0.5 * left(40) + 1.5 * left(25)) / 9700
    spheres = 1e6 * 5.2 * left(49.5) / 500
    assert truth.background_bqml == pytest.approx(background, rel=1e-12)
    assert truth.sphere_bqml == pytest.approx(spheres, rel=1e-12)
    assert truth.ratio == pytest.approx(spheres / background, rel=1e-12)
    # and to three digits on paper: 24 x 0.6847 - 0.5 x 0.7768 + 1.5 x 0.8540 = 17.33 MBq in 9.7 L
    assert truth.background_bqml == pytest.approx(1786, abs=1)
    assert truth.states == ("hot",) * 4 + ("cold",) * 2
    assert truth.source == "fill sheet"


def test_a_sheet_as_json_says_all_of_it(tmp_path: Path) -> None:
    described = sheet(tmp_path).described()
    assert json.loads(json.dumps(described)) == described
    assert described["radionuclide"] == "F-18"
    assert described["half_life_s"] == 6586.2
    assert described["calibrator_percent"] == 2.0
    assert described["cold_mm"] == [28.0, 37.0]
    background = described["background"]
    assert (background["volume_ml"], background["volume_percent"], background["activity_percent"]) == (
        9700,
        0.3,
        0.4,
    )
    first, second = background["syringes"]
    assert first == {
        "activity_mbq": 24.0,
        "measured": "2026-11-15T23:30:00",
        "residual_mbq": 0.5,
        "residual_measured": "2026-11-15T23:50:00",
    }
    assert (second["activity_mbq"], second["residual_mbq"], second["residual_measured"]) == (1.5, None, None)
    assert described["spheres"]["activity_percent"] is None


def test_what_a_sheet_does_not_say_is_null(tmp_path: Path) -> None:
    alone = sheet(tmp_path, SHEET[SHEET.index("[spheres]") :].replace("cold_mm = [28, 37]", "")).described()
    assert alone["background"] is alone["radionuclide"] is alone["half_life_s"] is None
    assert alone["cold_mm"] == []  # spheres were filled, and none was left cold


def test_the_ratio_does_not_depend_on_the_time(tmp_path: Path) -> None:
    filled = sheet(tmp_path)
    early, late = (filled.truth(datetime(2026, 11, 16, hour), HALF_LIFE_S).ratio for hour in (0, 6))
    unknown = filled.truth(None, HALF_LIFE_S)
    assert early == pytest.approx(late, rel=1e-12)
    assert unknown.ratio == pytest.approx(late, rel=1e-12)
    assert unknown.sphere_bqml is None
    assert unknown.background_bqml is None


def test_uncertainties(tmp_path: Path) -> None:
    """What both share cancels in the ratio: sqrt(0.3^2 + 0.4^2) and 1.2 % make 1.3 %."""
    truth = sheet(tmp_path).truth(datetime(2026, 11, 16, 0, 30), HALF_LIFE_S)
    assert truth.ratio is not None
    assert truth.ratio_uncertainty == pytest.approx(0.013 * truth.ratio)
    assert truth.background_bqml is not None
    assert truth.background_uncertainty_bqml == pytest.approx(truth.background_bqml * math.hypot(0.005, 0.02))
    assert truth.sphere_bqml is not None
    assert truth.sphere_uncertainty_bqml == pytest.approx(truth.sphere_bqml * math.hypot(0.012, 0.02))
    text = "\n".join(line for line in SHEET.splitlines() if "percent" not in line)
    assert sheet(tmp_path, text).truth(datetime(2026, 11, 16), HALF_LIFE_S).ratio_uncertainty is None


def test_of_a_volume(tmp_path: Path) -> None:
    volume = ByHand(shape=(3, 4, 5)).volume()  # refers to 2026-11-16 10:00:00, F-18
    truth = sheet(tmp_path).truth_of(volume)
    assert truth == sheet(tmp_path).truth(datetime(2026, 11, 16, 10), HALF_LIFE_S)
    offset = replace(volume, tracer=replace(volume.tracer, reference="2026-11-16T10:00:00+0100"))
    assert sheet(tmp_path).truth_of(offset) == truth
    without = SHEET.replace("half_life_s = 6586.2", "")
    assert sheet(tmp_path, without).truth_of(volume) == truth
    silent = replace(volume, tracer=replace(volume.tracer, half_life_s=None, reference=None))
    assert sheet(tmp_path).truth_of(silent).background_bqml is None
    with pytest.raises(BadConfiguration) as refusal:
        sheet(tmp_path, without).truth_of(silent)
    assert refusal.value.code == "no_half_life"


@pytest.mark.parametrize(("nuclide", "half_life_s"), [("Ga-68", 6586.2), ("F-18", 4062.6), ("", 6800.0)])
def test_another_nuclide_is_refused(tmp_path: Path, nuclide: str, half_life_s: float) -> None:
    volume = ByHand(shape=(3, 4, 5)).volume()
    other = replace(volume, tracer=replace(volume.tracer, radionuclide=nuclide, half_life_s=half_life_s))
    with pytest.raises(BadConfiguration) as refusal:
        sheet(tmp_path).truth_of(other)
    assert refusal.value.code == "other_nuclide"


def test_a_half_life_to_another_digit_is_the_same(tmp_path: Path) -> None:
    volume = ByHand(shape=(3, 4, 5)).volume()
    near = replace(volume, tracer=replace(volume.tracer, half_life_s=6588.0))
    # the sheet's own counts
    assert sheet(tmp_path).truth_of(near) == sheet(tmp_path).truth_of(volume)


def test_a_date_that_cannot_be_right(tmp_path: Path) -> None:
    """A day off is 13 half-lives of F-18."""
    with pytest.raises(BadConfiguration, match=r"13\.\d half-lives"):
        sheet(tmp_path).truth(datetime(2026, 11, 17, 0, 5), HALF_LIFE_S)
    with pytest.raises(BadConfiguration, match="half-lives"):
        sheet(tmp_path).truth(datetime(2026, 11, 15, 0, 5), HALF_LIFE_S)


def test_more_left_than_there_was(tmp_path: Path) -> None:
    text = SHEET.replace("residual_mbq = 0.5", "residual_mbq = 50.0")
    with pytest.raises(BadConfiguration, match="left in the syringes"):
        sheet(tmp_path, text).truth(datetime(2026, 11, 16), HALF_LIFE_S)


def test_a_ratio_that_no_contrast_can_be_had_from(tmp_path: Path) -> None:
    text = SHEET.replace("activity_mbq = 5.2", "activity_mbq = 0.8")
    with pytest.raises(BadConfiguration, match="expected above 1"):
        sheet(tmp_path, text).truth(datetime(2026, 11, 16), HALF_LIFE_S)


def test_one_compartment_alone(tmp_path: Path) -> None:
    background = sheet(tmp_path, SHEET.split("[spheres]")[0]).truth(datetime(2026, 11, 16), HALF_LIFE_S)
    assert background.ratio is None
    assert background.sphere_bqml is None
    assert background.background_bqml is not None
    assert background.states is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("2026-11-15 23:30:00", "23:30:00", "fill.toml:13: measured: expected a date and a time"),
        ("2026-11-15 23:30:00", "23:30:00", "(a time without its date)"),
        ("2026-11-15 23:30:00", '"23:30"', "(a time without its date)"),
        ("2026-11-15 23:30:00", "2026-11-15", "fill.toml:13: measured: expected a date and a time"),
        ("2026-11-15 23:30:00", '"2026-11-15"', "fill.toml:13: measured: expected a date and a time"),
        ("2026-11-15 23:30:00", "2026-11-15 23:30:00+01:00", "without an offset from UTC"),
        ("2026-11-15 23:30:00", "17", "measured: expected a date and a time"),
        ("residual_measured = 2026-11-15 23:50:00", "", "residual_measured is missing"),
        ("residual_mbq = 0.5", "", "residual_mbq is missing"),
        (
            "activity_mbq = 24.0",
            "activity_mbq = -24.0",
            "fill.toml:12: activity_mbq: expected a number above 0",
        ),
        (
            "volume_ml = 9700.0",
            "volume_ml = 9.7",
            "fill.toml:7: volume_ml: expected mL, at least 1000, found 9.7",
        ),
        ("volume_ml = 500.0", "", "volume_ml is missing"),
        ("volume_ml = 500.0", "volume_l = 0.5", 'unknown key "volume_l"'),
        ("cold_mm = [28, 37]", "cold_mm = [28, 36]", "cold_mm: expected some of 10, 13, 17, 22, 28 and 37"),
        ("[[spheres.syringe]]", "[[spheres.syringes]]", "no activity: expected tables"),
        ("half_life_s = 6586.2", "half_life_s = 0", "half_life_s: expected a number above 0"),
    ],
)
def test_mistakes_are_told_with_their_lines(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert told in mistakes(tmp_path, old, new)


def test_an_empty_sheet(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="nothing is filled"):
        sheet(tmp_path, "")


# --- options in place of a sheet ----------------------------------------------------------------------------


def test_options_in_place_of_a_sheet() -> None:
    assert given() == Truth()
    assert given(ratio=4.0, ratio_uncertainty=0.1) == Truth(4.0, 0.1, source="options")
    both = given(sphere_bqml=20000.0, background_bqml=2000.0)
    assert both.ratio == 10.0
    assert both.source == "options"
    assert given(background_bqml=2000.0).ratio is None


@pytest.mark.parametrize(
    "bad",
    [
        {"ratio": 1.0},
        {"ratio": -4.0},
        {"ratio": math.nan},
        {"ratio": math.inf},
        {"ratio": 4.0, "sphere_bqml": 8.0, "background_bqml": 2.0},
        {"sphere_bqml": 2.0, "background_bqml": 8.0},
        {"sphere_bqml": -1.0},
        {"ratio": 4.0, "ratio_uncertainty": 0.0},
        {"ratio_uncertainty": 0.1},
    ],
)
def test_options_that_cannot_be(bad: dict[str, float]) -> None:
    with pytest.raises(BadConfiguration) as refusal:
        given(**bad)
    assert refusal.value.code == "bad_fill"
