"""Floods for the exam, of which the truth is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from nmqc.model import Acquisition, Result
from phantoms.defects import DeadPatch, LinearGradient, NearSource, WeakTube
from phantoms.fields import Circle, CutCorners, Hexagon, Outline, Rectangle
from phantoms.flood import Flood, Head
from tests.exam.acquisitions import acquisition
from tests.exam.examination import Candidate, Examination, Expected, Key, between


class FloodExamination(Examination):
    """Floods of two heads: one has a weak photomultiplier, the other stands under a source 0.5 to 0.8 m away."""

    test = "uniformity.planar"
    quick: ClassVar[Mapping[str, Any]] = {"replicates": 0}
    noisy: ClassVar[Mapping[str, Any]] = {"replicates": 10}
    # cut off at zero
    irregular: ClassVar[frozenset[str]] = frozenset(
        {"uniformity.structural_cov.ufov", "uniformity.structural_cov.cfov"}
    )
    swapped: ClassVar[Mapping[str, str]] = {
        "differential_x": "differential_y",
        "differential_y": "differential_x",
        "rows": "columns",
        "columns": "rows",
    }

    def draw(self, random: np.random.Generator) -> Candidate:
        """Return a flood of two heads, the lowest counts of one of them at its weak tube."""
        outline = self._outline(random)
        distance_mm = between(random, 500.0, 800.0)
        inner = 0.45 * min(outline.extents_mm) / 2
        tube = WeakTube(
            between(random, -inner, inner), between(random, -inner, inner), between(random, 0.20, 0.25), 15.0
        )
        foot_mm = (between(random, -20.0, 20.0), between(random, -20.0, 20.0))
        weak = self._head(random, outline, LinearGradient(2e-4, -1e-4), tube)
        other = self._head(random, outline, NearSource(distance_mm, *foot_mm))
        heads = (weak, other) if random.random() < 0.5 else (other, weak)
        return Candidate(self._flood(random, outline, heads), {"source_distance_mm": distance_mm})

    def on_other_pixels(self, candidate: Candidate, random: np.random.Generator) -> Candidate:
        """Return the flood with other pixels, other rows and columns, and the same millimetres."""
        flood: Flood = candidate.phantom
        return replace(candidate, phantom=self._flood(random, flood.field(0), flood.heads))

    def acquire(self, candidate: Candidate, seed: int | None = None) -> Acquisition:
        """Return the flood of a camera whose crystal is not known to be thick."""
        return acquisition(candidate.phantom, seed, system="unknown")

    def lengths(self, candidate: Candidate, result: Result) -> Iterator[tuple[str, float, float, float]]:
        """Yield field, place of the tube, and distance of the source, on the head that has them."""
        flood: Flood = candidate.phantom
        head = flood.heads[(result.detector or 1) - 1]
        width, height = flood.field(0).extents_mm
        for number, (what, true) in enumerate((("width", width), ("height", height))):
            # No noise. Under a near source the light still rises inside the border: half of it is reached up to half
            # a millimetre further in, on either side.
            yield what, result.parameters["field_mm"][number], true, 1.0
        yield "centre, x", result.parameters["centre_x_mm"], head.offset_mm[0], 0.3
        yield "centre, y", result.parameters["centre_y_mm"], head.offset_mm[1], 0.3
        if isinstance(head.defects[-1], WeakTube):
            yield from self._place_of_tube(head, head.defects[-1], result)
            return
        (distance,) = [
            m.value for m in result.measurements if m.metric.name == "uniformity.near_source_distance"
        ]
        given = candidate.options["source_distance_mm"]
        yield "distance of the source", distance, given, 0.01 * given  # no noise; the edge is two pixels away

    def _place_of_tube(
        self, head: Head, tube: WeakTube, result: Result
    ) -> Iterator[tuple[str, float, float, float]]:
        (lowest,) = [
            place
            for m in result.measurements
            if (m.metric.name, m.of) == ("uniformity.integral.ufov", "")
            for place in m.at
            if place.what == "min"
        ]
        down, along = result.parameters["pixel_mm"]
        # The pixel that holds the tube's centre, or on a slope the next one.
        yield "tube, x", lowest.x_mm, tube.x_mm + head.offset_mm[0], along
        yield "tube, y", lowest.y_mm, tube.y_mm + head.offset_mm[1], down

    def sweep(self, random: np.random.Generator) -> Iterator[tuple[Candidate, Expected, float]]:
        """Yield a patch of 32 mm, more than three re-binned pixels wherever the grid lies, losing its gain."""
        outline = Rectangle(between(random, 220.0, 300.0), between(random, 160.0, 210.0))
        place = between(random, -60.0, 60.0), between(random, -30.0, 30.0)
        base = replace(self._head(random, outline), edge_fwhm_mm=0.0)
        flood = self._flood(random, outline, (base,))
        for gain in (1.0, 0.99, 0.9, 0.6, 0.3, 0.05, 0.0):
            patch = DeadPatch(Rectangle(32.0, 32.0), *place, gain)
            swept = replace(flood, heads=(replace(base, defects=(patch,)),))
            expected = 100 * (1 - gain) / (1 + gain)
            # No noise: arithmetic only.
            yield Candidate(swept), {("uniformity.integral.ufov", ""): expected}, 1e-9

    def noise(self, random: np.random.Generator) -> Candidate:
        """Return a flat flood of 900 counts a re-binned pixel, or thereabouts."""
        outline = Rectangle(between(random, 220.0, 300.0), between(random, 160.0, 210.0))
        head = replace(self._head(random, outline), edge_fwhm_mm=0.0, counts_per_pixel=100.0)
        return Candidate(self._flood(random, outline, (head,)), {"replicates": 30})

    def predicted(self, candidate: Candidate, result: Result) -> Mapping[Key, tuple[float, float]]:
        """Return Poisson statistics of n pixels of N counts: independent of each other."""
        flood: Flood = candidate.phantom
        factor = np.prod(result.parameters["pixel_mm"]) / np.prod(flood.spacing_mm)
        counts = 100.0 * float(factor)
        pixels, central = result.parameters["pixels_ufov"], result.parameters["pixels_cfov"]
        one = 100 / counts**0.5
        return {
            ("uniformity.cov.ufov", ""): (one, one / (2 * pixels) ** 0.5),
            ("uniformity.cov.cfov", ""): (one, one / (2 * central) ** 0.5),
            ("uniformity.centre_to_edge", ""): (0.0, one * (1 / central + 1 / (pixels - central)) ** 0.5),
            # The median of 25: its error over that of one is sqrt(pi / 2 / 25), less 2 % for so few.
            ("uniformity.counts_per_pixel", ""): (counts, (counts * math.pi / 50) ** 0.5),
        }

    def _outline(self, random: np.random.Generator) -> Outline:
        width, height = between(random, 240.0, 300.0), between(random, 170.0, 220.0)
        choices: tuple[Outline, ...] = (
            Rectangle(width, height),
            Rectangle(height, width),
            CutCorners(width, height, between(random, 30.0, 50.0)),
            Circle(width),
            Hexagon(width),
            Hexagon(width, 30.0),
        )
        return choices[int(random.integers(len(choices)))]

    def _head(self, random: np.random.Generator, outline: Outline, *defects: Any) -> Head:
        return Head(
            field=outline,
            offset_mm=(between(random, -15.0, 15.0), between(random, -15.0, 15.0)),
            edge_fwhm_mm=between(random, 3.0, 4.5),
            counts_per_pixel=between(random, 150.0, 600.0),
            defects=defects,
        )

    def _flood(self, random: np.random.Generator, outline: Outline, heads: tuple[Head, ...]) -> Flood:
        """Return a flood on pixels of 2.1 to 2.45 mm, or half of that, with room about the field."""
        scale = 1 if random.random() < 0.7 else 2
        down, along = (round(between(random, 2.10, 2.45) / scale, 4) for _ in range(2))
        width, height = outline.extents_mm
        rows = math.ceil((height + 2 * between(random, 28.0, 45.0)) / down)
        columns = math.ceil((width + 2 * between(random, 28.0, 45.0)) / along)
        return Flood(system="intevo", matrix=(rows, columns), pixel_mm=(down, along), heads=heads)
