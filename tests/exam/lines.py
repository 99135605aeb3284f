"""Line sources for the exam, of which the truth is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from nmqc.model import Acquisition, Measurement, Result
from nmqc.validate.line_sources import named
from phantoms.fields import Rectangle
from phantoms.lines import Lines, square_of_lines
from tests.exam.acquisitions import planar
from tests.exam.examination import Candidate, Examination, Expected, Key, between

LINES = "resolution.lines"


class LinesExamination(Examination):
    """Squares of four lines, turned and shifted."""

    test = LINES
    draws = 8
    place_mm = 0.5  # ends of lines are searched for from other ends, until a step is small enough

    def draw(self, random: np.random.Generator) -> Candidate:
        """Return a square of 105 to 120 mm of a camera of 7 to 8.5 mm."""
        fwhm, separation = between(random, 7.0, 8.5), between(random, 105.0, 120.0)
        lines = square_of_lines(
            separation,
            length_mm=between(random, 70.0, 80.0),
            centre_mm=(between(random, -10.0, 10.0), between(random, -10.0, 10.0)),
            rotation_deg=between(random, 0.5, 9.0) * float(random.choice([-1, 1])),
            activities=(1.0, 0.9, 0.8, 1.1),
        )
        phantom = Lines(
            system="symbia-t2",
            detector=int(random.integers(1, 3)),
            field=Rectangle(533.0, 387.0),
            lines=lines,
            fwhm_mm=(fwhm, fwhm),
            counts=between(random, 1.5e6, 2.5e6),
        )
        return Candidate(self._pixelled(phantom, random), {"separation_mm": separation})

    def on_other_pixels(self, candidate: Candidate, random: np.random.Generator) -> Candidate:
        return replace(candidate, phantom=self._pixelled(candidate.phantom, random))

    def acquire(self, candidate: Candidate, seed: int | None = None) -> Acquisition:
        return planar(candidate.phantom, seed)

    def lengths(self, candidate: Candidate, result: Result) -> Iterator[tuple[str, float, float, float]]:
        """Yield width and direction of every line, distances, and the sizes of a pixel."""
        phantom: Lines = candidate.phantom
        found = {(m.metric.name, m.of): m.value for m in result.measurements}
        for name, line in named(phantom, result).items():
            # No noise: the pixels along a line at an angle are a trapezoid, not the rectangle of the model.
            true = line.fwhm_without_pixel_mm
            yield f"FWHM, {name}", found[f"{LINES}.fwhm_gauss", name], true, 2e-3 * true
            turned = math.remainder(found[f"{LINES}.angle", name] - line.angle_deg, 180)
            yield f"angle, {name}", turned, 0.0, 0.1  # the tails of the other lines
        for number, axis in enumerate("yx"):
            distance = candidate.options["separation_mm"]
            yield f"distance, {axis}", found[f"{LINES}.separation", axis], distance, 0.02
            pixel = phantom.spacing_mm[number]
            yield f"pixel, {axis}", found[f"{LINES}.pixel_size", axis], pixel, 3e-4 * pixel

    def sweep(self, random: np.random.Generator) -> Iterator[tuple[Candidate, Expected, float]]:
        """Yield cameras from sharp to blurred: every line has the camera's FWHM."""
        candidate = self.draw(random)
        for fwhm in (6.0, 7.5, 9.0, 11.0):
            swept = replace(candidate.phantom, fwhm_mm=(fwhm, fwhm))
            expected = {(f"{LINES}.fwhm_gauss", f"line {number}"): fwhm for number in (1, 2, 3, 4)}
            yield replace(candidate, phantom=swept), expected, 0.02  # as above

    def noise(self, random: np.random.Generator) -> Candidate:
        return self.draw(random)

    def predicted(self, candidate: Candidate, result: Result) -> Mapping[Key, tuple[float, float]]:
        """Return widths and directions, with what is said of their uncertainty."""
        found = {(m.metric.name, m.of): m for m in result.measurements}
        predicted: dict[Key, tuple[float, float]] = {}
        for name, line in named(candidate.phantom, result).items():
            width, angle = found[f"{LINES}.fwhm_gauss", name], found[f"{LINES}.angle", name]
            assert width.uncertainty is not None
            predicted[f"{LINES}.fwhm_gauss", name] = (line.fwhm_without_pixel_mm, width.uncertainty)
            predicted[f"{LINES}.angle", name] = (line.angle_deg, angle.uncertainty_parts["counting"])
        return predicted

    def mirrored(self, key: Key, m: Measurement, others: Mapping[Key, Measurement]) -> tuple[Key, float]:
        """Return the line that lies at the exchanged place; its direction is mirrored at the diagonal."""
        if not key[1].startswith("line"):
            return Examination.mirrored(self, key, m, others)
        (place,) = m.at
        (other,) = [
            one
            for one, there in others.items()
            if one[0] == key[0]
            and math.dist((there.at[0].x_mm, there.at[0].y_mm), (place.y_mm, place.x_mm)) < 1.0
        ]
        return other, -m.value % 180 - 90 if key[0] == f"{LINES}.angle" else m.value

    def symmetry(self, key: Key) -> float:
        return 1e-4  # as of places

    def steadiness(self, key: Key) -> Mapping[str, float]:
        return {"rel": 1e-5, "abs": 3e-4}  # searches end where a step is small enough

    def _pixelled(self, phantom: Lines, random: np.random.Generator) -> Lines:
        """Return the lines on pixels of 1.0 to 1.3 mm."""
        down, along = (round(between(random, 1.0, 1.3), 4) for _ in range(2))
        rows = math.ceil(between(random, 215.0, 240.0) / down)
        columns = math.ceil(between(random, 215.0, 240.0) / along)
        return replace(phantom, matrix=(rows, columns), pixel_mm=(down, along))
