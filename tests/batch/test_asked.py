"""What a rule of the site asks becomes the options of the test: each option that is offered, and no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmqc import catalogue
from nmqc.batch.asked import options_of, said_of
from nmqc.cli.rule_options import OPTIONS
from nmqc.dicom import ReadOptions
from nmqc.errors import BadConfiguration
from nmqc.scans import Said
from phantoms.flood import Flood, Head
from phantoms.nm import write

READ = ReadOptions()
FLOOD, BARS, LINES = (
    catalogue.find(name) for name in ("uniformity.planar", "resolution.bars", "resolution.lines")
)


@pytest.fixture
def flood(tmp_path: Path) -> Path:
    write(Flood("brivo", matrix=64, heads=(Head(counts=5e6),)), tmp_path / "flood.dcm", seed=1)
    return tmp_path / "flood.dcm"


def test_each_option_goes_where_it_belongs(flood: Path) -> None:
    asked = {
        "reference": str(flood),
        "source_distance": 2000.0,
        "edge_policy": "strict",
        "edge_margin": 4.0,
        "rebin": 3,
        "replicates": 17,
    }
    made = options_of(FLOOD, asked, None, READ)
    assert [one.file for one in made.reference.source.inputs] == ["flood.dcm"]
    assert replace(made, reference=None) == FLOOD.options(
        source_distance_mm=2000.0, edge_policy="strict", edge_margin_mm=4.0, rebin=3, replicates=17
    )
    bars = options_of(BARS, {"bars": [2.0, 2.5, 3.0, 3.5], "flood": str(flood)}, None, READ)
    assert (bars.bars, bars.flood.kind) == ((2.0, 2.5, 3.0, 3.5), "STATIC")
    assert options_of(LINES, {"separation": 50.0}, None, READ) == LINES.options(separation_mm=50.0)


def test_without_wishes_the_options_are_the_usual_ones() -> None:
    for test in catalogue.TESTS:
        if test.kinds:
            assert options_of(test, {}, None, READ) == test.options()
    assert said_of({}) == Said()


def test_the_replicates_of_the_command_line_go_before_those_of_a_rule() -> None:
    assert options_of(FLOOD, {"replicates": 17}, 0, READ).replicates == 0
    assert options_of(FLOOD, {}, 5, READ).replicates == 5
    assert options_of(BARS, {}, 5, READ) == BARS.options()


def test_every_option_that_a_rule_may_have_is_known_here(flood: Path) -> None:
    """The configuration accepts it: then it must have an effect, not end the night."""
    values: dict[str, Any] = {
        "number": 2,
        "text": "strict",
        "flag": True,
        "numbers": [2.0],
        "file": str(flood),
    }
    for name, options in OPTIONS.items():
        test = catalogue.find(name)
        for option, kind in options.items():
            asked = {option: values[kind]}
            if test.kinds:
                assert options_of(test, asked, None, READ) != test.options(), f"{name} {option}"
            else:
                assert said_of(asked) != Said(), f"{name} {option}"


def test_a_file_that_cannot_be_read_is_the_fault_of_the_rule(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no flood")
    with pytest.raises(BadConfiguration, match=r"reference = note\.txt: is not a DICOM file") as found:
        options_of(FLOOD, {"reference": str(tmp_path / "note.txt")}, None, READ)
    assert found.value.code == "bad_rule"


def test_the_files_of_a_pet_rule_are_paths(tmp_path: Path) -> None:
    said = said_of({"fill": str(tmp_path / "fill.toml"), "ratio": 4.0, "earl": 2})
    assert (said.fill, said.ratio, said.earl) == (tmp_path / "fill.toml", 4.0, 2)
