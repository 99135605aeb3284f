"""What is done again, and what is not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmqc.batch.groups import groups_of
from nmqc.batch.plan import Plan, Versions, plan
from nmqc.batch.walk import FoundFile, walk
from nmqc.batch.work import Item
from nmqc.dicom import Card
from nmqc.history import FileMark
from nmqc.model import System

NOW = Versions("nmqc 2", "rules 2")
CAMERA = System("intevo", "Gamma 2", "SIEMENS", "Symbia Intevo")
CARD = Card("nm", "an NM image", "STATIC", CAMERA, "2026-11-16T07:12:00", "study", "series")
BROKEN = Item((0,), "other", "refused", code="truncated", reason="is cut short", sha256=("0" * 64,))


class Cards:
    """Gives the card of a file by its name, and remembers which were asked for."""

    def __init__(self, **given: Card | Item) -> None:
        self.given, self.opened = given, list[str]()

    def __call__(self, paths: Sequence[Path]) -> list[Card | Item]:
        self.opened += [path.name for path in paths]
        return [self.given.get(path.stem, replace(CARD, study=path.stem)) for path in paths]


@pytest.fixture
def files(tmp_path: Path) -> list[FoundFile]:
    for name in "abc":
        (tmp_path / name).write_text(f"bytes of {name}")
    return walk(tmp_path, [])


def marked(file: FoundFile, **changes: Any) -> dict[str, FileMark]:
    sha256 = hashlib.sha256(file.path.read_bytes()).hexdigest()
    mark = FileMark(
        file.key, file.size, file.modified_ns, "", "done", "", "", sha256, NOW.tool, NOW.configuration, (7,)
    )
    return {file.key: replace(mark, **changes)}


def opened(files: list[FoundFile], marks: dict[str, FileMark], **asked: bool) -> list[str]:
    cards = Cards()
    made = plan(files, marks, NOW, cards, **asked)
    assert len(made.known) + sum(len(group.files) for group in made.groups) == len(files)
    return cards.opened


def test_everything_is_new_at_first(files: list[FoundFile]) -> None:
    assert opened(files, {}) == ["a", "b", "c"]


def test_what_the_history_holds_is_not_opened(files: list[FoundFile]) -> None:
    marks = marked(files[0]) | marked(files[1], state="unknown") | marked(files[2], state="refused")
    assert opened(files, marks) == []


@pytest.mark.parametrize("change", [{"size": 1}, {"modified_ns": 1}])
def test_another_size_or_time_is_another_file(files: list[FoundFile], change: dict[str, int]) -> None:
    for state in ("done", "unknown", "refused"):
        assert opened(files[:1], marked(files[0], state=state, **change)) == ["a"]


@pytest.mark.parametrize("change", [{"tool": "nmqc 1"}, {"configuration": "rules 1"}])
def test_what_gave_nothing_is_tried_again_by_another_version_or_rule(
    files: list[FoundFile], change: dict[str, str]
) -> None:
    for state, done in (("done", []), ("unknown", ["a"]), ("refused", ["a"])):
        assert opened(files[:1], marked(files[0], state=state, **change)) == done


def test_what_gave_a_result_is_done_again_when_asked(files: list[FoundFile]) -> None:
    marks = marked(files[0]) | marked(files[1], state="unknown") | marked(files[2], state="refused")
    assert opened(files, marks, again=True) == ["a"]


def test_what_could_not_even_be_read_is_tried_at_every_run(files: list[FoundFile]) -> None:
    """Permissions and shares change without a trace in size and time."""
    assert opened(files[:1], marked(files[0], state="refused", code="unreadable", sha256="")) == ["a"]
    assert opened(files[:1], marked(files[0], state="unknown", sha256="")) == []


def test_rehash_goes_by_the_bytes(files: list[FoundFile]) -> None:
    marks = marked(files[0]) | marked(files[1], sha256="f" * 64)
    assert opened(files[:2], marks) == []
    assert opened(files[:2], marks, rehash=True) == ["b"]


def test_a_late_file_takes_those_that_it_belongs_to_along(files: list[FoundFile]) -> None:
    """The last slice of a series makes another result of all of them; what else was done stays so."""
    series = replace(CARD, study="one")
    cards = Cards(a=series, c=series)
    (alone,) = groups_of([(files[0], series)])
    marks = marked(files[0], group=alone.digest) | marked(files[1], group="another")
    made = plan(files, marks, NOW, cards)
    assert [[file.name for file in group.files] for group in made.groups] == [["a", "c"]]
    assert [file.name for file, _ in made.known] == ["b"]
    assert sorted(cards.opened) == ["a", "c"]


def test_what_is_no_image_of_a_camera_is_put_aside(files: list[FoundFile]) -> None:
    made: Plan = plan(files, {}, NOW, Cards(a=Card("other", "a CT image"), b=BROKEN))
    found = {file.name: (item.status, item.code, item.reason) for file, item in made.aside}
    assert found == {
        "a": ("unknown", "not_an_nm_image", "is a CT image"),
        "b": ("refused", "truncated", "is cut short"),
    }
    assert [[file.name for file in group.files] for group in made.groups] == [["c"]]
