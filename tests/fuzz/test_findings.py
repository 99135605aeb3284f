"""What fuzzing found outside the reader, each as the smallest input that shows it. Warnings are errors here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fuzz.corpus import Corpus
from nmqc.resolution import bar_waves
from tests.cli.running import call, child, finished


def test_pixels_too_coarse_for_any_bar(corpus: Corpus) -> None:
    """Pixels of 8.8 mm leave no frequency to search: the mean of nothing was taken, and a warning shown."""
    run = call("resolution", "--phantom", "bars", corpus.images["brivo.dcm"], "--no-record", "--json")
    assert (run.status, len(run.refused)) == (3, 1)
    shown = finished(child("identify", corpus.images["brivo.dcm"]))
    assert (shown.status, shown.err) == (0, "")


def test_windows_are_transformed_some_at_a_time(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once took 200 bytes a pixel, and 5 GB of an image of 2046 x 2046; the numbers are the same."""
    numbers = []
    shapes: list[list[tuple[int, ...]]] = []
    real = bar_waves.periodogram

    def noted(parts: np.ndarray, image: object) -> object:
        shapes[-1].append(parts.shape)
        return real(parts, image)

    monkeypatch.setattr(bar_waves, "periodogram", noted)
    for most in (bar_waves.PIXELS_AT_ONCE, 3000):
        shapes.append([])
        monkeypatch.setattr(bar_waves, "PIXELS_AT_ONCE", most)
        run = call("resolution", "--phantom", "bars", corpus.images["bars.dcm"], "--no-record", "--json")
        numbers.append(json.dumps([one["measurements"] for one in run.results]))
    assert numbers[0] == numbers[1] != "[]"
    at_once, few = ([shape for shape in part if len(shape) == 3] for part in shapes)
    assert len(few) > len(at_once)
    assert sum(shape[0] for shape in few) == sum(shape[0] for shape in at_once)


def test_the_good_file_beside_is_the_same_as_alone(corpus: Corpus, tmp_path: Path) -> None:
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(corpus.images["flood.dcm"].read_bytes()[:3000])
    good = corpus.images["good.dcm"]
    alone, beside = (call("uniformity", *paths, "--no-record", "--json") for paths in ((good,), (bad, good)))
    assert beside.status == 3
    assert beside.results == alone.results
