"""Broken TOML and CSV, many in this process: mistakes in words, with their lines, and nothing else."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from fuzz.corpus import Corpus
from fuzz.text_mutators import mutated_text
from tests.cli.running import call

COMMANDS = {
    "nmqc.toml": ("config", "check", "bad"),
    "limits.toml": ("limits", "check", "bad"),
    "protocol.toml": ("acceptance", "check", "bad"),
    "table.csv": ("agree", "--with", "bad", "--db", "h.sqlite"),
}
QUICK, LONG = 25, 2000


def hold(corpus: Corpus, folder: Path, name: str, seeds: range) -> None:
    good = corpus.texts[name].read_bytes()
    for seed in seeds:
        (folder / "bad").write_bytes(mutated_text(good, Random(f"{name} {seed}")))
        run = call(*COMMANDS[name])
        assert run.status in (0, 2, 3), seed
        assert run.status == 0 or (run.err + run.text).strip(), seed
        assert all(line.isprintable() for line in run.said), seed


@pytest.mark.parametrize("name", COMMANDS)
def test_broken_texts(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    hold(corpus, tmp_path, name, range(QUICK))


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_broken_texts_for_long(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    hold(corpus, tmp_path, name, range(QUICK, LONG))


@pytest.mark.parametrize("name", ["fill.toml", "fill-cylinder.toml"])
def test_broken_fill_sheets(corpus: Corpus, tmp_path: Path, name: str) -> None:
    """Read, and held against a moment: a sheet, or a reason."""
    from datetime import datetime

    from nmqc.errors import NmqcError
    from nmqc.fill import read_fill

    good = corpus.texts[name].read_bytes()
    refused: list[str] = []
    for seed in range(4 * QUICK):
        (tmp_path / "bad").write_bytes(mutated_text(good, Random(f"{name} {seed}")))
        try:
            truth = read_fill(tmp_path / "bad").truth(datetime(2026, 1, 5, 9, 41), 6586.2)
        except NmqcError as reason:
            refused.append(reason.reason)
            continue
        known = (truth.ratio, truth.sphere_bqml, truth.background_bqml)
        assert all(value is None or 0 < value < 1e300 for value in known), seed
    assert all(reason.isprintable() for reason in refused)
    assert 0 < len(refused) < 4 * QUICK
