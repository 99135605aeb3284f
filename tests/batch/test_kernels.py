"""When the compiled kernels are used, and that they are compiled once, before all processes would."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from nmqc import catalogue
from nmqc.batch import kernels
from nmqc.batch.groups import Group
from nmqc.batch.kernels import MAKING, WORTHWHILE, are_worthwhile, make_ready
from nmqc.batch.walk import FoundFile
from nmqc.dicom import Card

STATIC = Card("nm", "an NM image", "STATIC")


def groups(count: int, card: Card = STATIC) -> list[Group]:
    file = FoundFile(Path("/qc/a"), "a", 1, 1, "key")
    return [Group("pet" if card.family == "pet" else "nm", (file,), str(n), card) for n in range(count)]


@pytest.fixture(autouse=True)
def no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NMQC_ENGINE", raising=False)


def test_they_pay_for_many_floods_with_uncertainties_alone() -> None:
    many = groups(WORTHWHILE)
    assert are_worthwhile(many, None)
    assert are_worthwhile(many, 200)
    assert not are_worthwhile(many[1:], None)
    assert not are_worthwhile(many, 0)
    assert not are_worthwhile(groups(WORTHWHILE, replace(STATIC, kind="TOMO")), None)
    assert not are_worthwhile(groups(WORTHWHILE, replace(STATIC, family="pet")), None)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_a_wish_for_an_engine_stands(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMQC_ENGINE", engine)
    assert not are_worthwhile(groups(WORTHWHILE), None)


def one_thread() -> Executor:
    return ThreadPoolExecutor(1)


@pytest.mark.parametrize(("warm", "said"), [(True, []), (False, [MAKING])])
def test_they_are_compiled_once_and_that_is_told(
    warm: bool, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(catalogue, "is_warm", lambda: warm)
    monkeypatch.setattr(catalogue.Test, "warm_up", lambda test: compiled.append(test.name))
    lines: list[str] = []
    make_ready(one_thread, lines.append)
    assert (lines, compiled) == (said, [] if warm else [test.name for test in catalogue.TESTS])


def test_what_cannot_be_compiled_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: catalogue.Test) -> None:
        raise RuntimeError("no compiler")

    monkeypatch.setenv("NMQC_ENGINE", "auto")
    monkeypatch.setattr(catalogue, "is_warm", lambda: False)
    monkeypatch.setattr(catalogue.Test, "warm_up", fails)
    say: Callable[[str], None] = [].append
    make_ready(one_thread, say)
    kernels.load()
    assert os.environ["NMQC_ENGINE"] == "numpy"
