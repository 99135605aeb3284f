"""Real files beside other programs' numbers: what may be written, and the real files themselves."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

import pytest

from nmqc.cli.validate import _compared
from nmqc.toml_reader import BadFile
from nmqc.validate.agreement import COMMANDS, FLAGS, OPTIONS, compared, read

GOOD = """
[[agreement]]
file = "nm/flood-mediso.dcm"
command = "uniformity"
metric = "uniformity.integral.cfov"
value = 3.03
unit = "%"
tolerance = 0.15
program = "a plain reading of NEMA"
why = "the same pixels of 6.195 mm; its field ends at half height"

[[agreement]]
file = "nm/slit-mask-mediso.dcm"
command = "resolution"
metric = "resolution.slits.fwhm"
of = "cfov"
value = 3.115
unit = "mm"
tolerance = 0.05
program = "NMQC toolkit (Java)"
why = "lengths in the header's millimetres; the rules agree to 1.5 %"
"""


def folder(tmp_path: Path, text: str) -> Path:
    (tmp_path / "agreement.toml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"uniformity.integral.cfov"', '"uniformity.integral"', "there is no uniformity.integral"),
        ('unit = "%"', 'unit = "mm"', 'expected "%"'),
        ('"nm/flood-mediso.dcm"', '"../flood.dcm"', "in the folder of this file"),
        ('"uniformity"', '"history list"', "one of uniformity"),
        ('"uniformity"', '"uniformity --pdf x.pdf"', "--pdf is not an option"),
        ('"uniformity"', '"uniformity nm/other.dcm"', "nm/other.dcm follows no option"),
        ('"uniformity"', '"uniformity --rebin 2 nm/other.dcm"', "nm/other.dcm follows no option"),
        ('"uniformity"', '"uniformity --rebin=2 nm/other.dcm"', "nm/other.dcm follows no option"),
        ('"uniformity"', '"pet --header-dose other"', "other follows no option"),
        ('"uniformity"', '"uniformity --rebin"', "--rebin has no value"),
        ("value = 3.03", "", "value is missing"),
        ("tolerance = 0.15", "tolerance = -0.15", "a number of 0 or more"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(BadFile) as refusal:
        read(folder(tmp_path, GOOD.replace(old, new, 1)))
    assert said in refusal.value.reason


@pytest.mark.parametrize(
    "command", ["uniformity", "uniformity --rebin=2", "uniformity --rebin 2 --edge-margin=3"]
)
def test_options_are_read_with_their_values(tmp_path: Path, command: str) -> None:
    first, _ = read(folder(tmp_path, GOOD.replace('"uniformity"', f'"{command}"', 1)))
    assert first.command == tuple(command.split())


def test_what_no_value_follows_is_what_the_commands_say() -> None:
    options = {
        name: parameter
        for command in COMMANDS
        for parameter in import_module(f"nmqc.cli.{command}").command.params
        for name in parameter.opts
        if name in OPTIONS
    }
    assert options.keys() == OPTIONS
    assert {name for name, one in options.items() if one.is_flag} == FLAGS


def test_a_number_is_found_held_and_missed(tmp_path: Path) -> None:
    first = read(folder(tmp_path, GOOD))[0]
    found = {"name": first.metric, "of": "", "value": 3.1, "uncertainty": 0.1}
    result = {"detector": 1, "measurements": [found], "not_measured": []}
    assert compared(first, {"results": [result], "refused": []}).said == "met"
    far = {**result, "measurements": [{**found, "value": 3.3}]}
    assert compared(first, {"results": [far], "refused": []}).said == "not met"
    twice = compared(first, {"results": [result, result], "refused": []})
    assert (twice.said, "name the detector" in twice.reason) == ("untested", True)
    refused = compared(first, {"results": [], "refused": [{"reason": "no counts"}]})
    assert (refused.said, refused.reason) == ("untested", "no counts")
    beside = compared(first, {"results": [result], "refused": [{"reason": "no counts"}]})
    assert (beside.said, beside.reason) == ("untested", "no counts")


def test_a_file_that_is_not_there_is_not_tested(tmp_path: Path) -> None:
    recorded = read(folder(tmp_path, GOOD))
    assert [one.said for one in _compared(recorded, tmp_path)] == ["untested"] * 2


def test_real_files_agree_with_what_others_say(tmp_path: Path) -> None:
    """Values of the README of the reference data."""
    where = os.environ.get("NMQC_REFERENCE_DATA")
    if not where:
        pytest.skip("NMQC_REFERENCE_DATA names no folder of real acquisitions")
    found = list(_compared(read(folder(tmp_path, GOOD)), Path(where)))
    assert [(one.metric, one.said) for one in found] == [
        ("uniformity.integral.cfov", "met"),
        ("resolution.slits.fwhm", "met"),
    ]
