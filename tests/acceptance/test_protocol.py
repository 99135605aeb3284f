"""Protocols: the built-in ones, and every mistake of one's own with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmqc.acceptance.protocol import Options, built_in, built_in_file, check, load
from nmqc.cli import rule_options
from nmqc.errors import BadConfiguration
from nmqc.model import Ends

GOOD = """title = "Gamma 2"
system = "intevo"
heads = [1, 2]
confidence = 0.9

[[test]]
name = "cor"
title = "Centre of rotation"
test = "cor.point-sources"
clause = "NEMA NU 1, 4.1"
collimator = "ANY"

[[test.requirement]]
metric = "cor.offset"
unit = "mm"
on = "magnitude"
limit = { high = 2.0 }
source = "contract"
verified = true
further_uncertainty = 0.1

[[test.requirement]]
metric = "cor.axial_shift"
of = "1-2"
unit = "mm"
"""


def options(folder: Path) -> Options:
    return Options(rule_options.known(), rule_options.reader(folder))


def written(folder: Path, text: str) -> Path:
    path = folder / "contract.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", built_in())
def test_a_built_in_protocol_has_no_mistakes_and_says_that_its_figures_are_not_verified(name: str) -> None:
    path = built_in_file(name)
    assert check(path, options(path.parent)) == ()
    protocol = load(path, options(path.parent))
    assert protocol.system == name
    wanted = [one.specification for part in protocol.parts for one in part.requirements]
    assert not any(one.verified for one in wanted if one is not None)
    assert all(one.source for one in wanted if one is not None)
    assert all(part.clause and part.acquire for part in protocol.parts)


def test_the_four_systems_have_one() -> None:
    assert set(built_in()) == {"intevo", "symbia-t2", "brivo", "vereos"}


def test_the_figures_of_the_intevo_stand_at_their_fields_of_view() -> None:
    path = built_in_file("intevo")
    protocol = load(path, options(path.parent))
    limits = {
        (part.name, one.metric.name, one.of): one.specification.ends.high
        for part in protocol.parts
        for one in part.requirements
        if one.specification is not None
    }
    uniformity = [v for (part, *_), v in limits.items() if part == "intrinsic-uniformity"]
    assert uniformity == [3.7, 2.9, 2.7, 2.5]
    assert limits[("intrinsic-resolution-x", "resolution.slits.fwhm", "ufov")] == 3.9
    assert limits[("intrinsic-resolution-y", "resolution.slits.fwhm", "cfov")] == 3.8
    assert limits[("intrinsic-resolution-y", "resolution.slits.linearity_absolute", "ufov")] == 0.7
    assert not any(part == "system-uniformity" for part, *_ in limits)


def test_a_protocol_says_what_is_written(tmp_path: Path) -> None:
    protocol = load(written(tmp_path, GOOD), options(tmp_path))
    (part,) = protocol.parts
    offset, shift = part.requirements
    assert (protocol.heads, protocol.confidence) == ((1, 2), 0.9)
    assert offset.specification is not None
    assert (offset.specification.ends, offset.specification.of) == (Ends(high=2.0), "magnitude")
    assert (offset.further_uncertainty, offset.specification.verified) == (0.1, True)
    assert (shift.of_a_pair, shift.specification) == (True, None)
    assert protocol.rules() == ()


def test_options_become_a_rule_for_the_acquisitions_of_a_description(tmp_path: Path) -> None:
    flood = GOOD.split("[[test]]")[0] + (
        '[[test]]\nname = "flood"\ntitle = "Flood"\ntest = "uniformity.planar"\nclause = "NEMA"\n'
        "description = 'intrinsic'\n[test.options]\nrebin = 11\n"
        '[[test.requirement]]\nmetric = "uniformity.integral.ufov"\nunit = "%"\n'
    )
    (rule,) = load(written(tmp_path, flood), options(tmp_path)).rules()
    assert (rule.test, rule.system, rule.description) == ("uniformity.planar", "intevo", "intrinsic")
    assert rule.options == {"rebin": 11}


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        (
            'metric = "cor.offset"',
            'metric = "cor.ofset"',
            14,
            'unknown metric "cor.ofset"; did you mean "cor.offset"?',
        ),
        (
            'metric = "cor.offset"',
            'metric = "resolution.bars.fwhm"',
            14,
            "measured by resolution.bars, not by",
        ),
        ('unit = "mm"\non', 'unit = "cm"\non', 15, 'cor.offset is in "mm", not in "cm"'),
        ('test = "cor.point-sources"', 'test = "cor.points"', 9, "there is no test"),
        ("{ high = 2.0 }", "{ low = 3.0, high = 2.0 }", 17, "low 3 is above high 2"),
        ("{ high = 2.0 }", "{}", 17, "expected low or high"),
        ("{ high = 2.0 }", "{ high = -1.0 }", 17, "a magnitude is never negative"),
        ('source = "contract"\n', "", 13, "source is missing"),
        ("limit = { high = 2.0 }\n", "", 13, "without a limit there is nothing to be verified"),
        ('"magnitude"', '"magnitud"', 16, 'did you mean "magnitude"?'),
        ("further_uncertainty = 0.1", "further_uncertainty = -0.1", 20, "a number of 0 or more"),
        ('of = "1-2"\n', "", 22, "is of two detectors"),
        ('of = "1-2"', 'of = "1-3"', 24, "detectors that heads does not name"),
        ('"cor.axial_shift"', '"cor.sag"', 24, "cor.sag is not of two detectors"),
        ("confidence = 0.9", "confidence = 0.4", 4, "above 0.5 and below 1"),
        ("heads = [1, 2]", "heads = [1, 2, 2]", 3, "numbers of its detectors"),
        ('clause = "NEMA NU 1, 4.1"\n', "", 6, "clause is missing"),
        ('name = "cor"', 'name = "COR 1"', 7, "small letters"),
        ('collimator = "ANY"', "description = '('", 11, "no regular expression"),
        ('collimator = "ANY"', 'nuclide = "99mTc"', 11, "Tc-99m"),
        ('collimator = "ANY"', 'colimator = "ANY"', 11, 'did you mean "collimator"?'),
        ('title = "Gamma 2"', 'title = "Gamma 2"\ntests = 1', 2, "unknown key"),
    ],
)
def test_every_mistake_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    assert old in GOOD
    mistakes = check(written(tmp_path, GOOD.replace(old, new, 1)), options(tmp_path))
    assert [one.line for one in mistakes if words in one.text] == [line], [str(one) for one in mistakes]
    assert len(mistakes) == 1


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("cor.offset", "cor.ofset").replace("confidence = 0.9", "confidence = 2")
    assert [one.line for one in check(written(tmp_path, text), options(tmp_path))] == [4, 14]


def test_what_is_required_twice_is_a_mistake(tmp_path: Path) -> None:
    again = GOOD + '\n[[test.requirement]]\nmetric = "cor.offset"\nunit = "mm"\n'
    (mistake,) = check(written(tmp_path, again), options(tmp_path))
    assert "required in line 13 already" in mistake.text
    twice = GOOD + GOOD[GOOD.index("[[test]]") :]
    (mistake,) = check(written(tmp_path, twice), options(tmp_path))
    assert (mistake.line, "the test of line 6 already" in mistake.text) == (27, True)


@pytest.mark.parametrize(
    ("options_text", "words"),
    [
        ("description = 'x'\n[test.options]\nrebin = 3\n", 'cor.point-sources has no option "rebin"'),
        ("[test.options]\nrebin = 3\n", "they need a description"),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, options_text: str, words: str) -> None:
    text = GOOD.replace('collimator = "ANY"\n', options_text)
    assert any(words in one.text for one in check(written(tmp_path, text), options(tmp_path)))


def test_a_protocol_of_nothing_is_a_mistake(tmp_path: Path) -> None:
    head = GOOD.split("[[test]]")[0]
    assert "there is no test" in check(written(tmp_path, head), options(tmp_path))[0].text
    bare = GOOD.split("[[test.requirement]]")[0]
    assert "requires nothing" in check(written(tmp_path, bare), options(tmp_path))[0].text


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="cannot be read"):
        check(tmp_path / "none.toml", options(tmp_path))
