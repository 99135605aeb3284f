"""The harness: it breaks what it should, and sees a broken promise."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from fuzz import promise
from fuzz.bombs import BOMBS
from fuzz.child import Outcome
from fuzz.corpus import Corpus, cut_to
from fuzz.elements import parse, write
from fuzz.mutators import BYTE_MUTATORS, TREE_MUTATORS, mutated
from nmqc.dicom import ReadOptions, read_nm
from tests.cli.running import ROOT, environment

GOOD = Outcome(
    ("uniformity",), 3, 0, b"{}", b"nmqc: bad.dcm: is empty; copy it again\n", 1.0, 0.9, 10**8, False
)
posix = pytest.mark.skipif(os.name != "posix", reason="children are forked")


def test_a_tree_is_written_as_it_was_read(corpus: Corpus) -> None:
    for content in corpus.contents():
        assert write(parse(content)) == content


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2"])
def test_a_tree_is_written_in_other_transfer_syntaxes(corpus: Corpus, tmp_path: Path, syntax: str) -> None:
    """The same counts: the writer itself breaks nothing."""
    tree = parse(corpus.images["flood.dcm"].read_bytes())
    for element in tree.meta:
        if element.tag == 0x00020010:
            element.value = syntax.encode() + b"\0" * (len(syntax) % 2)
    (tmp_path / "flood.dcm").write_bytes(write(tree, syntax))
    (other,), (one,) = (
        read_nm([path], ReadOptions()).acquisitions
        for path in (tmp_path / "flood.dcm", corpus.images["flood.dcm"])
    )
    assert other.source.inputs[0].pixels == one.source.inputs[0].pixels
    assert other.frames[0].spacing_mm == one.frames[0].spacing_mm


def test_every_way_to_break_a_file_changes_some(corpus: Corpus) -> None:
    content = corpus.images["flood.dcm"].read_bytes()
    for change in BYTE_MUTATORS:
        assert any(change(content, Random(seed)) != content for seed in range(20)), change.__name__
    for alter in TREE_MUTATORS:
        changed = set()
        for seed in range(20):
            tree = parse(content)
            alter(tree, Random(seed))
            changed.add(write(tree) != content)
        assert True in changed, alter.__name__


def test_the_same_seed_breaks_a_file_alike(corpus: Corpus) -> None:
    contents = corpus.contents()
    once, again = ([mutated(contents[0], contents, Random(seed)) for seed in range(30)] for _ in range(2))
    assert once == again
    assert len(set(once)) > 20


def test_a_cut_image_is_still_one(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "small.dcm").write_bytes(cut_to(corpus.images["flood.dcm"].read_bytes(), 8))
    (found,) = read_nm([tmp_path / "small.dcm"], ReadOptions()).acquisitions
    assert {frame.counts.shape for frame in found.frames} == {(8, 8)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, []),
        ({"status": 1}, ["status 1, signal 0"]),
        ({"status": -1, "signal": 11}, ["status -1, signal 11"]),
        ({"hung": True}, ["hangs"]),
        ({"err": b"Traceback (most recent call last):\n"}, ["traceback"]),
        ({"err": b"x.py:1: RuntimeWarning: divide by zero\n"}, ["a warning of a library"]),
        ({"cpu_s": 21.0}, ["21 s"]),
        ({"peak_bytes": 1_600_000_000}, ["1600 MB"]),
        ({"err": b"", "out": b""}, ["no reason is given"]),
        ({"err": b"nmqc: \x1b[31m: no\n"}, ["control characters"]),
        ({"err": b"nmqc: " + b"x" * 2000}, ["a line without end"]),
    ],
)
def test_a_broken_promise_is_seen(change: dict[str, object], words: list[str]) -> None:
    assert promise.broken(dataclasses.replace(GOOD, **change), 0) == words


def test_more_pixels_may_take_longer() -> None:
    slow = dataclasses.replace(GOOD, cpu_s=35.0, peak_bytes=2_900_000_000)
    assert promise.broken(slow, 64_000_000) == []
    assert len(promise.broken(slow, 40_000_000)) == 2


def test_what_strays_is_seen(tmp_path: Path) -> None:
    (tmp_path / "bad.dcm").write_bytes(b"1")
    before = promise.state(tmp_path)
    (tmp_path / "o.pdf").write_bytes(b"2")
    assert promise.strayed(before, promise.state(tmp_path), ["o.pdf"]) == []
    assert promise.strayed(before, promise.state(tmp_path), []) == ["wrote o.pdf"]
    (tmp_path / "bad.dcm").write_bytes(b"3")
    assert promise.strayed(before, promise.state(tmp_path), ["o.pdf"]) == ["wrote bad.dcm"]


def test_nan_is_no_json() -> None:
    with pytest.raises(ValueError, match="NaN"):
        promise.document(dataclasses.replace(GOOD, out=b'{"a": NaN}'))


@posix
@pytest.mark.slow
def test_a_campaign(tmp_path: Path) -> None:
    """Some calls in children, as anybody would make them."""
    run = campaign(tmp_path, calls=6)
    assert run.returncode == 0, run.stdout
    assert '"calls": 6' in run.stdout


@posix
@pytest.mark.slow
def test_a_longer_campaign(tmp_path: Path) -> None:
    run = campaign(tmp_path, calls=400, seed=500_000)
    assert run.returncode == 0, run.stdout


def campaign(folder: Path, calls: int, seed: int = 0) -> subprocess.CompletedProcess[str]:
    typed = ("--calls", str(calls), "--seed", str(seed), "--folder", str(folder))
    command = [sys.executable, "-m", "fuzz.commands", *typed]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_every_bomb(corpus: Corpus, tmp_path: Path, name: str) -> None:
    """Each with each command that it is for, in a child that is measured."""
    from fuzz import child

    child.warm()
    for number, command in enumerate(BOMBS[name].commands):
        folder, home = tmp_path / f"{number}", tmp_path / f"home{number}"
        folder.mkdir()
        home.mkdir()
        (folder / "good.dcm").write_bytes(corpus.images["good.dcm"].read_bytes())
        path, pixels = BOMBS[name].made(folder, corpus.images["flood.dcm"].read_bytes())
        outcome = child.call(command, folder, home, 240)
        assert promise.broken(outcome, pixels) == [], command
        if path.is_file() and not path.is_symlink():
            path.unlink()
