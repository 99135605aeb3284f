"""Which acquisition counts, and what is said where none does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmqc.acceptance.choose import of_camera, taken
from nmqc.acceptance.folder import Candidate
from nmqc.acceptance.outcome import Outcome, assess
from nmqc.acceptance.protocol import Options, Protocol, load
from nmqc.acceptance.words import notices
from nmqc.errors import NmqcError
from nmqc.model import EnergyWindow, Measurement, NotMeasured, Remark
from nmqc.uniformity.metrics import METRICS
from tests.history.samples import a_result, an_input

PROTOCOL = """title = "Gamma"
system = "intevo"
heads = [1, 2]
[[test]]
name = "flood"
title = "Flood"
test = "uniformity.planar"
clause = "NEMA NU 1, 2.4"
collimator = "NONE"
nuclide = "Tc-99m"
description = 'intrinsic'
parameters = { rebin = 11 }
[[test.need]]
metric = "uniformity.counts_per_pixel"
unit = "counts"
low = 10000
[[test.requirement]]
metric = "uniformity.integral.ufov"
unit = "%"
limit = { high = 3.7 }
source = "contract"
[[test.requirement]]
metric = "uniformity.tilt"
unit = "%"
"""


@pytest.fixture
def protocol(tmp_path: Path) -> Protocol:
    path = tmp_path / "p.toml"
    path.write_text(PROTOCOL)
    return load(path, Options())


def flood(number: int = 1, integral: float = 3.0, counts: float = 12000, **changes: Any) -> Candidate:
    """A flood that the protocol takes, but for what is changed."""
    description = changes.pop("description", "Intrinsic flood")
    excluded = changes.pop("excluded", None)
    about = {"collimator": "NONE", "acquired": f"2026-03-{number:02d}T08:00:00", **changes}
    values = (("integral.ufov", integral), ("tilt", 0.4), ("counts_per_pixel", counts))
    measurements = tuple(Measurement(METRICS[n], v, uncertainty_parts={"counting": 0.1}) for n, v in values)
    return Candidate(a_result(number, measurements=measurements, **about), description, number, excluded)


def numbers(protocol: Protocol, *candidates: Candidate, detector: int = 1) -> tuple[list[Any], list[Any]]:
    found = taken(protocol.parts[0], detector, candidates)
    return [one.number for one in found.chosen], [one.number for one in found.others]


def test_the_latest_acquisition_counts_and_the_others_are_told(protocol: Protocol) -> None:
    assert numbers(protocol, flood(2), flood(3), flood(1)) == ([3], [2, 1])
    assert numbers(protocol, flood(2), flood(3), detector=2) == ([], [])
    findings = assess(protocol, [flood(1, 3.1), flood(3, 3.3), flood(2, 3.2)])
    assert findings[0].measurement is not None
    assert findings[0].measurement.value == 3.3
    assert [one.value for one in findings[0].others] == [3.2, 3.1]


def test_what_the_history_excludes_does_not_count(protocol: Protocol) -> None:
    late = flood(3, excluded="source leaked")
    assert numbers(protocol, flood(2), late) == ([2], [])
    found = taken(protocol.parts[0], 1, [late])
    assert found.why_not == ("flood-3.dcm: excluded in the history (source leaked)",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"collimator": "LEHR"}, "not with collimator NONE, nuclide Tc-99m"),
        ({"collimator": ""}, "not with collimator NONE"),
        ({"radionuclide": "Co-57"}, "not with collimator NONE, nuclide Tc-99m"),
        ({"description": "extrinsic"}, ""),
        ({"description": "daily"}, "its series description is another"),
        ({"parameters": {"rebin": 3}}, "rebin is not 11"),
        ({"counts": 9999.9}, "counts per pixel, middle of the field is 9999.9 counts, where 10000 is needed"),
    ],
)
def test_what_is_no_acquisition_of_the_test_is_missing_with_the_reason(
    protocol: Protocol, changes: dict[str, Any], words: str
) -> None:
    found = taken(protocol.parts[0], 1, [flood(1, **changes)])
    assert found.chosen == ()
    assert any(words in reason for reason in found.why_not)
    finding = assess(protocol, [flood(1, **changes)])[0]
    assert finding.said == "missing"
    assert words in finding.reason


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"counts": 9999.9}, "counts per pixel, middle of the field is 9999.9 counts, where 10000 is needed"),
        ({"excluded": "source leaked"}, "excluded in the history (source leaked)"),
        ({"description": "daily"}, "its series description is another"),
    ],
)
def test_a_later_acquisition_that_does_not_count_is_told(
    protocol: Protocol, changes: dict[str, Any], words: str
) -> None:
    findings = assess(protocol, [flood(1), flood(2, 9.0, **changes)])
    assert findings[0].measurement is not None
    assert (findings[0].measurement.value, findings[0].passed_over) == (3.0, (f"flood-2.dcm: {words}",))
    told = [words for words in notices(Outcome(protocol, "NM-1", findings)) if "Left aside" in words]
    assert told == [f"Left aside for Flood: flood-2.dcm: {words}"]  # once for its two requirements


def test_what_another_test_takes_is_not_left_aside(tmp_path: Path) -> None:
    """But a repeat of few counts is, whichever test takes it."""
    test = PROTOCOL[PROTOCOL.index("[[test]]") :]
    extrinsic = test.replace('"NONE"', '"LEHR"').replace('"flood"', '"lehr"')
    daily = test.replace("low = 10000", "low = 1000").replace('"flood"', '"daily"')
    path = tmp_path / "several.toml"
    path.write_text(PROTOCOL + extrinsic + daily)
    lehr, copy = (flood(2, collimator="LEHR", inputs=(an_input(2),)) for _ in range(2))
    findings = assess(load(path, Options()), [flood(1), lehr, copy, flood(3, counts=9000)])
    told = {one.part.name: one.passed_over for one in findings if one.detector == 1}
    assert {name: [words.partition(":")[0] for words in each] for name, each in told.items()} == {
        "flood": ["flood-3.dcm"],
        "lehr": [],
        "daily": [],
    }


def test_what_is_needed_and_not_measured_is_missing(protocol: Protocol) -> None:
    bare = flood(1)
    without = replace(bare, result=replace(bare.result, measurements=bare.result.measurements[:2]))
    assert numbers(protocol, without) == ([], [])


def test_a_file_that_lies_there_twice_is_one_and_two_windows_are_two(protocol: Protocol) -> None:
    same = flood(2, acquired="2026-03-01T08:00:00", inputs=(an_input(1),))
    assert numbers(protocol, flood(1), same) == ([1], [])
    other = EnergyWindow("scatter", ((110.0, 125.0),))
    assert (
        len(numbers(protocol, flood(1), replace(same, result=replace(same.result, energy_window=other)))[0])
        == 2
    )


def test_a_head_that_no_file_names_is_told(protocol: Protocol) -> None:
    headless = flood(1, detector=None, remarks=(Remark("head_unknown", ""),))
    assert "[[system.head]]" in assess(protocol, [headless])[0].reason


def test_a_quantity_that_could_not_be_measured_is_missing_and_never_passed(protocol: Protocol) -> None:
    bare = flood(1)
    absent = NotMeasured("uniformity.integral.ufov", "", "field_incomplete", "the field is cut")
    result = replace(bare.result, measurements=bare.result.measurements[1:], not_measured=(absent,))
    findings = assess(protocol, [replace(bare, result=result), flood(1, detector=2)])
    assert [one.said for one in findings] == ["missing", "pass", "recorded", "recorded"]
    assert findings[0].reason == "not measured: the field is cut"
    assert Outcome(protocol, "NM-1", findings).status == 3


def test_the_worst_decides_in_all(protocol: Protocol) -> None:
    def said(*candidates: Candidate) -> tuple[str, int]:
        outcome = Outcome(protocol, "NM-1", assess(protocol, candidates))
        return outcome.said, outcome.status

    both = flood(1), flood(1, detector=2)
    assert said(*both) == ("pass", 0)
    assert said(both[0], flood(1, 3.72, detector=2)) == ("undecided", 3)
    assert said(both[0], flood(1, 4.1, detector=2)) == ("fail", 4)
    assert said(both[0]) == ("missing", 3)
    assert said(flood(1, 4.1)) == ("fail", 4)


def test_the_camera_is_the_only_one_of_its_kind_or_has_to_be_named(protocol: Protocol) -> None:
    one, two = flood(1, unit="Gamma 1"), flood(2, unit="Gamma 2")
    other = flood(3, unit="X", name="brivo")
    assert of_camera(protocol, None, [one, other]) == ("Gamma 1", [one])
    assert of_camera(protocol, "gamma 2", [one, two])[1] == [two]
    for unit, there, code, words in (
        (None, [one, two], "several_cameras", "Gamma 1, Gamma 2"),
        ("Gamma 3", [one, two], "no_such_camera", "it holds Gamma 1, Gamma 2"),
        (None, [other], "no_such_camera", "results of brivo"),
        (None, [], "no_such_camera", "nothing in it could be measured"),
    ):
        with pytest.raises(NmqcError, match=words) as refused:
            of_camera(protocol, unit, there)
        assert refused.value.code == code
