"""Bar phantoms for the exam, of which the truth is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from nmqc.model import Acquisition, Measurement, Result
from phantoms.bars import Bars
from phantoms.fields import Rectangle
from tests.exam.acquisitions import countless, planar
from tests.exam.examination import Candidate, Examination, Expected, Key, between

BARS = "resolution.bars"


class BarsExamination(Examination):
    """Fine bars in any order, turned, shifted and mirrored, on a small field."""

    test = BARS
    draws = 8
    place_mm = 1e-3  # the cross is laid by a grid that begins at another corner
    # The largest displacement scatters less than the one that it is of. Moments change with the disc that noise
    # chooses: a part of a period more or less.
    irregular = frozenset(
        {f"{BARS}.{name}" for name in ("linearity_max", "fwhm_moments", "fwhm_moments_pi4")}
    )

    def draw(self, random: np.random.Generator) -> Candidate:
        """Return bars of 2 to 3.5 mm of a camera of 2.7 to 3.5 mm."""
        fwhm = between(random, 2.7, 3.5)
        widths = random.permutation([2.0, 2.5, 3.0, 3.5])
        upright = bool(random.random() < 0.5)
        phantom = Bars(
            system="symbia-t2",
            detector=int(random.integers(1, 3)),
            field=Rectangle(between(random, 190.0, 205.0), between(random, 175.0, 185.0)),
            field_offset_mm=(between(random, -3.0, 3.0), between(random, -3.0, 3.0)),
            widths_mm=(float(widths[0]), float(widths[1]), float(widths[2]), float(widths[3])),
            across=(upright, not upright, upright, not upright),
            # not where noise decides which quadrant is the first
            rotation_deg=90.0 * int(random.integers(4)) + between(random, -40.0, 40.0),
            centre_mm=(between(random, -6.0, 6.0), between(random, -5.0, 5.0)),
            mirrored=bool(random.random() < 0.5),
            fwhm_mm=(fwhm, fwhm),
            phases=(0.1, 0.35, 0.7, 0.85),
            cross_mm=float(random.choice([0.0, 6.0])),
            scatter=between(random, 0.0, 0.2),
            counts=between(random, 2.5e6, 4e6),
            collimator=None if random.random() < 0.5 else "LEHR",
        )
        return Candidate(self._pixelled(phantom, random))

    def on_other_pixels(self, candidate: Candidate, random: np.random.Generator) -> Candidate:
        return replace(candidate, phantom=self._pixelled(candidate.phantom, random))

    def acquire(self, candidate: Candidate, seed: int | None = None) -> Acquisition:
        return countless(candidate.phantom) if seed is None else planar(candidate.phantom, seed)

    def lengths(self, candidate: Candidate, result: Result) -> Iterator[tuple[str, float, float, float]]:
        """Yield place, rotation, widths of the bars and FWHM."""
        phantom: Bars = candidate.phantom
        truth, found = phantom.truth(), {(m.metric.name, m.of): m.value for m in result.measurements}
        for axis, true in zip("xy", truth.centre_mm, strict=True):
            # As promised. At the cross the phantom is an approximation.
            yield f"centre, {axis}", found[f"{BARS}.centre_{axis}", ""], true, 1.0
        # No noise: least squares of waves, which leave out harmonics from the fourth on.
        yield "rotation", found[f"{BARS}.rotation", ""], truth.rotation_deg, 1e-3
        yield "FWHM", found[f"{BARS}.fwhm", ""], phantom.fwhm_mm[0], 1e-3
        for quadrant in truth.quadrants:
            name = f"{quadrant.width_mm:.2f} mm"
            yield name, found[f"{BARS}.width", name], quadrant.width_mm, 1e-4

    def sweep(self, random: np.random.Generator) -> Iterator[tuple[Candidate, Expected, float]]:
        """Yield cameras from sharp to blurred: the FWHM, and two modulations by their closed form."""
        phantom: Bars = self.draw(random).phantom
        for fwhm in (2.4, 2.8, 3.2, 3.6):
            swept = replace(phantom, fwhm_mm=(fwhm, fwhm))
            expected: dict[Key, float] = {(f"{BARS}.fwhm", ""): fwhm}
            for quadrant in swept.truth().quadrants:
                if quadrant.width_mm in (2.5, 3.5):
                    expected[f"{BARS}.modulation", f"{quadrant.width_mm:.2f} mm"] = quadrant.modulation
            # No noise: as above.
            yield Candidate(swept), expected, 1e-3

    def noise(self, random: np.random.Generator) -> Candidate:
        """Return such a phantom on a larger field, where fewer of the displacements lie at a border."""
        larger = replace(self.draw(random).phantom, field=Rectangle(240.0, 215.0), counts=4e6)
        return Candidate(self._pixelled(larger, random))

    def predicted(self, candidate: Candidate, result: Result) -> Mapping[Key, tuple[float, float]]:
        """Return modulations with sigma^2 = (2 - m^2) / N of N counts in the disc, and the FWHM as it says."""
        phantom: Bars = candidate.phantom
        counts = {one["bars"]: one["counts"] for one in result.parameters["quadrants"]}
        predicted: dict[Key, tuple[float, float]] = {}
        for quadrant in phantom.truth().quadrants:
            name, m = f"{quadrant.width_mm:.2f} mm", quadrant.modulation
            predicted[f"{BARS}.modulation", name] = (m, math.sqrt((2 - m**2) / counts[name]))
        (stated,) = [
            m.uncertainty for m in result.measurements if (m.metric.name, m.of) == (f"{BARS}.fwhm", "")
        ]
        assert stated is not None
        predicted[f"{BARS}.fwhm", ""] = (phantom.fwhm_mm[0], stated)
        return predicted

    def mirrored(self, key: Key, m: Measurement, others: Mapping[Key, Measurement]) -> tuple[Key, float]:
        """Return the rotation with the other sense; all else as it is named."""
        place, value = Examination.mirrored(self, key, m, others)
        return place, -value if key[0] == f"{BARS}.rotation" else value

    def symmetry(self, key: Key) -> float:
        """Return half a per cent for moments: of two discs as large the other one may be taken."""
        return 5e-3 if "moments" in key[0] else 1e-4

    def steadiness(self, key: Key) -> Mapping[str, float]:
        """Return a tenth of a millimetre for the centre: its likelihood is the sharper, the more counts there are.

        Displacements of straight bars are nothing but rounding; the two steps of the frequency end within 1e-6.
        """
        if key[0].startswith(f"{BARS}.centre"):
            return {"abs": 0.1}
        return {"abs": 1e-6} if ".linearity" in key[0] else {"rel": 2e-6, "abs": 2e-6}

    def _pixelled(self, phantom: Bars, random: np.random.Generator) -> Bars:
        """Return the phantom on pixels of 0.85 to 1.15 mm, with room about its field."""
        width, height = phantom.outline.extents_mm
        down, along = (round(between(random, 0.85, 1.15), 4) for _ in range(2))
        rows = math.ceil((height + 2 * between(random, 8.0, 14.0)) / down)
        columns = math.ceil((width + 2 * between(random, 8.0, 14.0)) / along)
        return replace(phantom, matrix=(rows, columns), pixel_mm=(down, along))
