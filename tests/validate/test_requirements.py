"""Requirements as data: what may stand in the file, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmqc.catalogue import metric_units
from nmqc.errors import BadConfiguration
from nmqc.toml_reader import BadFile
from nmqc.validate.requirements import load

GOOD = """
[[requirement]]
metric = "cor.offset"
of = "*"
what = "exact"
bound = 0.001
unit = "mm"
why = "arithmetic"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "requirements.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_those_that_come_with_nmqc_ask_something_exact_of_every_metric() -> None:
    asked = {name for one in load() if one.what == "exact" for name in one.metrics}
    assert asked == set(metric_units())
    assert all(len(one.why) > 15 for one in load())


def test_what_is_read(tmp_path: Path) -> None:
    (one,) = load(written(tmp_path, GOOD))
    assert (one.metrics, one.ofs, one.what, one.low, one.high) == (("cor.offset",), (), "exact", None, 0.001)
    assert one.bound == "at most 0.001 mm"
    assert one.is_of(("cor.point-sources", "cor.offset", "source 1"))
    assert not one.is_of(("cor.point-sources", "cor.offset_px", ""))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"cor.offset"', '"cor.ofset"', "there is no cor.ofset"),
        ('"cor.offset"', '["cor.offset", 3]', "names in brackets"),
        ('"mm"', '"%"', '"mm", that of cor.offset'),
        ("0.001", '"small"', "a number of 0 or more"),
        ("0.001", "-1", "a number of 0 or more"),
        ('"exact"', '"exactly"', "did you mean"),
        ('why = "arithmetic"', "", "why is missing"),
        ('of = "*"', "", "of is missing"),
        ('what = "exact"', 'what = "stated"', "lowest and the highest ratio"),
        ('what = "exact"', 'what = "within_2"', '"part"'),
        ('"cor.offset"', '"*"', 'for "measured" alone'),
        ('why = "arithmetic"', 'why = "arithmetic"\nreason = "x"', "unknown key"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(BadFile) as refusal:
        load(written(tmp_path, GOOD.replace(old, new)))
    assert said in refusal.value.reason
    assert "requirements.toml:" in refusal.value.reason


@pytest.mark.parametrize(
    ("what", "bound", "said"),
    [
        ("within_1", "68", "a part from 0 to 1"),
        ("within_2", "85", "a part from 0 to 1"),
        ("measured", "1.01", "a part from 0 to 1"),
        ("within_2", "[0.8, 0.9]", "a number of 0 or more"),
        ("stated", "[1.5, 0.7]", "lowest and the highest ratio"),
        ("stated", "[-0.7, 1.5]", "lowest and the highest ratio"),
        ("stated", "[false, true]", "lowest and the highest ratio"),
    ],
)
def test_ends_that_nothing_can_be_held_against(tmp_path: Path, what: str, bound: str, said: str) -> None:
    unit = "ratio" if what == "stated" else "part"
    text = GOOD.replace('"exact"', f'"{what}"').replace("0.001", bound).replace('"mm"', f'"{unit}"')
    with pytest.raises(BadFile) as refusal:
        load(written(tmp_path, text))
    assert said in refusal.value.reason


@pytest.mark.parametrize("bound", ["0", "1", "0.85"])
def test_a_part_from_0_to_1(tmp_path: Path, bound: str) -> None:
    text = GOOD.replace('"exact"', '"within_2"').replace("0.001", bound).replace('"mm"', '"part"')
    (one,) = load(written(tmp_path, text))
    assert (one.low, one.high) == (float(bound), None)


def test_a_file_without_requirements_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration) as refusal:
        load(written(tmp_path, "# nothing\n"))
    assert refusal.value.code == "no_requirements"


def test_ends_of_a_ratio(tmp_path: Path) -> None:
    text = GOOD.replace('"exact"', '"stated"').replace("0.001", "[0.7, 1.5]").replace('"mm"', '"ratio"')
    (one,) = load(written(tmp_path, text))
    assert (one.low, one.high, one.bound) == (0.7, 1.5, "0.7 to 1.5")
