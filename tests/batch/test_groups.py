"""Which files belong together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from nmqc.batch.groups import Group, groups_of
from nmqc.batch.walk import FoundFile
from nmqc.dicom import Card
from nmqc.model import System

GAMMA = System("intevo", "Gamma 2", "SIEMENS", "Symbia Intevo")
NM = Card("nm", "an NM image", "STATIC", GAMMA, "2026-11-16T07:12:00", "study", "series")
PET = Card("pet", "a PET image", "", GAMMA, "2026-11-16T07:12:00", "study", "series")


def file(name: str) -> FoundFile:
    return FoundFile(Path("/qc") / name, name, 100, 1, f"key of {name}")


def grouped(*given: tuple[str, Card]) -> list[list[str]]:
    return [[one.name for one in group.files] for group in made(*given)]


def made(*given: tuple[str, Card]) -> list[Group]:
    return groups_of([(file(name), card) for name, card in given])


def test_a_pet_series_in_one_folder_is_one() -> None:
    other = replace(PET, series="another")
    given = [("a/3", PET), ("a/1", PET), ("b/1", PET), ("a/2", other)]
    assert grouped(*given) == [["a/1", "a/3"], ["b/1"], ["a/2"]]


def test_windows_and_heads_of_one_acquisition_are_one() -> None:
    assert grouped(("a/1", NM), ("a/2", replace(NM, series="another"))) == [["a/1", "a/2"]]


def test_whatever_differs_makes_another_acquisition() -> None:
    changes: list[dict[str, Any]] = [
        {"study": "other"},
        {"acquired": "2026-11-16T07:13:00"},
        {"system": replace(GAMMA, unit="Gamma 3")},
        {"kind": "TOMO"},
    ]
    for change in changes:
        assert grouped(("a/1", NM), ("a/2", replace(NM, **change))) == [["a/1"], ["a/2"]], change
    assert grouped(("a/1", NM), ("b/1", NM)) == [["a/1"], ["b/1"]]


def test_without_study_or_time_a_file_is_alone() -> None:
    """Two cameras without a clock did not acquire together."""
    for change in ({"study": ""}, {"acquired": None}):
        card = replace(NM, **change)  # type: ignore[arg-type]
        assert grouped(("a/1", card), ("a/2", card)) == [["a/1"], ["a/2"]]
    card = replace(PET, series="", study="")
    assert grouped(("a/1", card), ("a/2", card)) == [["a/1"], ["a/2"]]


def test_other_files_are_in_no_group() -> None:
    assert grouped(("a", Card("other", "a CT image")), ("b", NM)) == [["b"]]


def test_the_digest_tells_what_belongs_together_and_nothing_else() -> None:
    (first,), (second,), (third,) = made(("a/1", NM)), made(("a/2", NM)), made(("b/1", NM))
    assert first.digest == second.digest != third.digest
    assert (first.family, first.card) == ("nm", NM)
    (series,) = made(("a/1", PET))
    assert series.family == "pet"
    assert len({first.digest, third.digest, series.digest}) == 3
