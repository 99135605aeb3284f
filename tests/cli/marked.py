"""Images that are marked with what they show, and tests that go by the mark alone.

The first pixel of an image says what it shows. So the command is examined by itself: which frames it gives to which
test, with which options, and what it makes of the results.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmwrite

from nmqc import catalogue
from nmqc.errors import CannotMeasure
from nmqc.measure.frames import each_frame, refused_frames, require_counts
from nmqc.model import Acquisition, Analysis, Frame, Measurement, Refusal, Result
from nmqc.resolution import metrics
from phantoms.flood import Flood
from phantoms.nm import datasets
from tests.cli.conftest import TWO, brivo

TITLES = {"bars": "four-quadrant bars", "slits": "slit mask", "lines": "line sources"}
METRICS = {"bars": metrics.BARS_METRICS, "slits": metrics.SLITS_METRICS, "lines": metrics.LINES_METRICS}
MARKS = {"bars": 60001, "slits": 60002, "lines": 60003}
AMISS = 100


@dataclass(frozen=True, slots=True)
class BarsOptions:
    bars: tuple[float, ...] | None = None
    flood: Acquisition | None = None
    only_detector: int | None = None


@dataclass(frozen=True, slots=True)
class SlitsOptions:
    only_detector: int | None = None
    spacing_mm: float = 30.0


@dataclass(frozen=True, slots=True)
class LinesOptions:
    separation_mm: float | None = None
    only_detector: int | None = None


OPTIONS = {"bars": BarsOptions, "slits": SlitsOptions, "lines": LinesOptions}


class MarkedTest(ModuleType):
    """A test of what is marked; its results say with which options it was called."""

    def __init__(self, shows: str) -> None:
        super().__init__(f"tests.marked.{shows}")
        self.shows = shows
        self.Options = OPTIONS[shows]

    def check(self, acquisition: Acquisition) -> tuple[Refusal, ...]:
        return refused_frames(acquisition, self._require)

    def warm_up(self) -> None:
        pass

    def analyse(self, acquisition: Acquisition, options: Any) -> Analysis:
        def measure(frame: Frame) -> Result:
            self._require(frame)
            return self._result(acquisition, frame, options)

        found = each_frame(acquisition, options.only_detector, measure)
        if self.shows != "bars" or len(found.results) < 2:
            return found
        files = tuple(file for result in found.results for file in result.source.inputs)
        first = found.results[0]
        return replace(
            found, results=(replace(first, source=replace(first.source, inputs=files)), *found.results)
        )

    def _require(self, frame: Frame) -> None:
        require_counts(frame, "STATIC", f"not_{self.shows}", TITLES[self.shows])
        if frame.counts[0, 0] == MARKS[self.shows] + AMISS:
            raise CannotMeasure(
                f"{self.shows}_amiss", f"these {self.shows} cannot be measured: acquire them anew"
            )
        if frame.counts[0, 0] != MARKS[self.shows]:
            raise CannotMeasure(
                f"not_{self.shows}", f"this does not show {TITLES[self.shows]}: give an image that does"
            )

    def _result(self, acquisition: Acquisition, frame: Frame, options: Any) -> Result:
        asked = {field.name: getattr(options, field.name) for field in fields(options)}
        flood = asked.get("flood")
        asked["flood"] = flood.source.inputs[0].file if flood else None
        return Result(
            test=f"resolution.{self.shows}",
            algorithm=f"resolution.{self.shows}/1",
            source=replace(acquisition.source, inputs=(frame.input,)),
            detector=frame.detector,
            detector_source=frame.detector_source,
            energy_window=frame.energy_window,
            parameters=asked,
            asked={},
            measurements=(Measurement(METRICS[self.shows]["fwhm"], 4.0 + frame.counts[0, 1] / 100),),
            remarks=acquisition.remarks,
        )


def use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the tests that go by the mark into the catalogue, in the place of those that measure."""
    rows = []
    for shows, title in TITLES.items():
        module = MarkedTest(shows)
        monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
        found = tuple(METRICS[shows].values())
        rows.append(
            catalogue.Test(
                f"resolution.{shows}", "resolution", title, ("STATIC",), shows, found, module.__name__
            )
        )
    others = tuple(test for test in catalogue.TESTS if test.command != "resolution")
    monkeypatch.setattr(catalogue, "TESTS", (*rows, *others))


def image(path: Path, *shows: str, value: int = 0, system: str = "brivo", **header: object) -> Path:
    """Write an image of one head, or of two, each marked with what it shows.

    "bars", "bars amiss" (seen, but not measurable), "flood", "nothing", "dark".
    """
    heads = TWO[: len(shows)]
    flood = brivo() if system == "brivo" and len(shows) == 1 else Flood("intevo", matrix=128, heads=heads)
    ds: Dataset
    (ds,) = datasets(flood, seed=3)
    counts = np.frombuffer(ds.PixelData, "<u2").reshape(len(shows), 128, 128).copy()
    for frame, what in zip(counts, shows, strict=True):
        if what == "nothing":
            frame[:, :64] //= 4
        elif what == "dark":
            frame[:] = 0
        elif what != "flood":
            frame[:, 64:] = 0  # no flood either
            frame[0, 0] = MARKS[what.removesuffix(" amiss")] + (AMISS if what.endswith("amiss") else 0)
            frame[0, 1] = value
    ds.PixelData = counts.tobytes()
    for keyword, content in header.items():
        setattr(ds, keyword, content)
    dcmwrite(path, ds, enforce_file_format=True)
    return path
