"""The numbers of a small phantom of each test are those that were kept: what an upgrade of a library moves shows.

Where a change was meant: `python -m tests.golden`, and a new version of the algorithm.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nmqc import catalogue
from tests.cli.running import SETTINGS
from tests.golden.made import CASES, golden_path, made

#: a millionth, as `nmqc revalidate` has it: other processors and libraries round otherwise, and methods do not
SAME = 1e-6
#: of quantities that are zero but for rounding, in their units
NOTHING = 1e-9


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))


def test_every_test_of_the_catalogue_has_its_numbers() -> None:
    tests = {test.name for test in catalogue.TESTS}
    assert {test for case in CASES.values() for test in case.tests} == tests
    assert {path.stem for path in golden_path("x").parent.glob("*.json")} == tests


@pytest.mark.parametrize("case", CASES)
def test_the_numbers_are_those_that_were_kept(case: str, tmp_path: Path) -> None:
    for test, today in made(case, tmp_path).items():
        kept = json.loads(golden_path(test).read_text(encoding="utf-8"))
        assert kept["results"], test
        other = list(differences(kept["results"], today["results"]))
        assert not other, f"{test}, kept with {kept['versions']}, today {today['versions']}: {other}"


def differences(kept: Any, today: Any, where: str = "") -> Iterator[str]:
    """Yield where two JSON values differ: numbers by more than a millionth, all else at all."""
    if isinstance(kept, dict) and isinstance(today, dict) and kept.keys() == today.keys():
        for name in kept:
            yield from differences(kept[name], today[name], f"{where}.{name}")
    elif isinstance(kept, list) and isinstance(today, list) and len(kept) == len(today):
        for number, pair in enumerate(zip(kept, today, strict=True)):
            yield from differences(
                *pair, f"{where}[{kept[number]['name'] if _named(kept[number]) else number}]"
            )
    elif isinstance(kept, float) and isinstance(today, float):
        if abs(kept - today) > max(SAME * max(abs(kept), abs(today)), NOTHING):
            yield f"{where}: {kept!r} is {today!r} today"
    elif kept != today:
        yield f"{where}: {kept!r} is {today!r} today"


def _named(value: Any) -> bool:
    return isinstance(value, dict) and "name" in value


@pytest.mark.parametrize(
    ("today", "seen"),
    [
        ([{"name": "a", "value": 2.0, "of": ""}], False),
        ([{"name": "a", "value": 2.0 * (1 + 2e-6), "of": ""}], True),
        ([{"name": "a", "value": 2.0 * (1 + 2e-7), "of": ""}], False),
        ([{"name": "a", "value": None, "of": ""}], True),
        ([{"name": "b", "value": 2.0, "of": ""}], True),
        ([], True),
    ],
)
def test_a_number_that_moved_is_seen(today: Any, seen: bool) -> None:
    assert bool(list(differences([{"name": "a", "value": 2.0, "of": ""}], today))) is seen
