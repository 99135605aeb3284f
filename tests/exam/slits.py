"""Slit masks for the exam, of which the truth is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from nmqc.model import Acquisition, Result
from phantoms.fields import Rectangle
from phantoms.slits import Slits
from tests.exam.acquisitions import planar
from tests.exam.examination import Candidate, Examination, Expected, Key, between

SLITS = "resolution.slits"


class SlitsExamination(Examination):
    """Masks on a small field, along either axis, a little turned."""

    test = SLITS
    draws = 8

    def draw(self, random: np.random.Generator) -> Candidate:
        """Return a mask before a camera of 3.6 to 4.3 mm."""
        fwhm = between(random, 3.6, 4.3)
        phantom = Slits(
            system="symbia-t2",
            detector=int(random.integers(1, 3)),
            field=Rectangle(between(random, 190.0, 205.0), between(random, 170.0, 185.0)),
            field_offset_mm=(between(random, -4.0, 4.0), between(random, -4.0, 4.0)),
            along="y" if random.random() < 0.5 else "x",
            tilt_deg=between(random, -1.0, 1.0),
            offset_mm=between(random, -8.0, 8.0),
            fwhm_mm=(fwhm, fwhm),
            counts=between(random, 4e6, 6e6),
        )
        return Candidate(self._pixelled(phantom, random))

    def on_other_pixels(self, candidate: Candidate, random: np.random.Generator) -> Candidate:
        return replace(candidate, phantom=self._pixelled(candidate.phantom, random))

    def acquire(self, candidate: Candidate, seed: int | None = None) -> Acquisition:
        return planar(candidate.phantom, seed)

    def lengths(self, candidate: Candidate, result: Result) -> Iterator[tuple[str, float, float, float]]:
        """Yield widths, the size of a pixel across the slits, and the tilt."""
        phantom: Slits = candidate.phantom
        truth, found = phantom.truth(), {(m.metric.name, m.of): m.value for m in result.measurements}
        assert truth.fwhm_mm is not None
        fields = [of for name, of in found if name == f"{SLITS}.fwhm"]
        assert "ufov" in fields  # the central field may hold too few slits
        for field in fields:
            # The standard's rule takes the highest channel for the peak: 1.2 % too wide at pixels of 0.2 FWHM.
            yield f"FWHM, {field}", found[f"{SLITS}.fwhm", field], truth.fwhm_mm, 0.015 * truth.fwhm_mm
        yield "pixel", *self._pixel(phantom, found), 5e-4  # the phase of the pixels at each strip
        yield "tilt", result.parameters["tilt_deg"], phantom.tilt_deg, 0.05  # of the search, for people

    def sweep(self, random: np.random.Generator) -> Iterator[tuple[Candidate, Expected, float]]:
        """Yield cameras from sharp to blurred."""
        phantom: Slits = self.draw(random).phantom
        for fwhm in (3.6, 4.2, 5.0, 6.0):
            swept = replace(phantom, fwhm_mm=(fwhm, fwhm))
            true = swept.truth().fwhm_mm
            assert true is not None
            # As above.
            yield Candidate(swept), {(f"{SLITS}.fwhm", "ufov"): true}, 0.06

    def noise(self, random: np.random.Generator) -> Candidate:
        """Return a mask turned so far that every slit lies on pixels in every phase, which then averages out."""
        return Candidate(replace(self.draw(random).phantom, counts=1.2e6, tilt_deg=1.0))

    def predicted(self, candidate: Candidate, result: Result) -> Mapping[Key, tuple[float, float]]:
        """Return the size of a pixel across the slits, by their perpendicular distance, as uncertain as it says."""
        phantom: Slits = candidate.phantom
        axis = "x" if phantom.along == "y" else "y"
        (stated,) = [
            m.uncertainty
            for m in result.measurements
            if (m.metric.name, m.of) == (f"{SLITS}.pixel_size", axis)
        ]
        assert stated is not None
        size = phantom.spacing_mm["yx".index(axis)] * math.cos(math.radians(phantom.tilt_deg))
        return {(f"{SLITS}.pixel_size", axis): (size, stated)}

    def _pixel(self, phantom: Slits, found: Mapping[Key, float]) -> tuple[float, float]:
        down, along = phantom.spacing_mm
        if phantom.along == "y":
            return found[f"{SLITS}.pixel_size", "x"], along
        return found[f"{SLITS}.pixel_size", "y"], down

    def _pixelled(self, phantom: Slits, random: np.random.Generator) -> Slits:
        """Return the mask on pixels of 0.55 to 0.7 mm, with room for one more slit beside its field."""
        width, height = phantom.outline.extents_mm
        down, along = (round(between(random, 0.55, 0.7), 4) for _ in range(2))
        rows = math.ceil((height + 2 * between(random, 33.0, 38.0)) / down)
        columns = math.ceil((width + 2 * between(random, 33.0, 38.0)) / along)
        return replace(phantom, matrix=(rows, columns), pixel_mm=(down, along))
