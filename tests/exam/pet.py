"""PET phantoms for the exam, of which the truth is known: the IEC body phantom, and a uniform cylinder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from nmqc.model import Result
from nmqc.pet.truth import given
from phantoms.pet import COLD, HOT, SPHERES_MM, Cylinder, IecBody
from tests.exam.examination import Candidate, Expected, Key, Within, between
from tests.exam.pet_theory import Correlation, Floats, ball_mean, contour_mean, disc, spread_of_deviation
from tests.exam.volumes import VolumeExamination, voxels

Lengths = Iterator[tuple[str, float, float, float]]
NAMES = tuple(f"{diameter:g} mm" for diameter in SPHERES_MM)
CIRCLE_MM = SPHERES_MM[-1] / 2  # the radius of the background's circles that alone give the background
LUNG_MM = 15.0  # the radius of the circle in the lung insert
PLACE_MM = 0.3  # no noise: what is promised of the spheres' places


class IecExamination(VolumeExamination):
    """The IEC body phantom off the centre, its ring turned anyhow, upside down, back to front, or tilted."""

    draws: ClassVar[int] = 3

    def draw(self, random: np.random.Generator) -> Candidate:
        return self.nth(0, random)

    def nth(self, number: int, random: np.random.Generator) -> Candidate:
        """Return a tilted phantom, then one with two cold spheres, then such a one scanned twice."""
        body = self._body(random, cold=number > 0)
        if number == 0:
            body = replace(body, tilt_deg=(between(random, 1.5, 2.0), between(random, -1.5, -0.5)))
        return Candidate(self.pixelled(body, random), self._known(body), times=2 if number == 2 else 1)

    def lengths(self, candidate: Candidate, result: Result) -> Lengths:
        """Yield where the ring is."""
        truth, found = candidate.phantom.truth(), result.parameters["phantom"]
        for axis, where, true in zip("xyz", found["ring_centre_mm"], truth.centre_mm, strict=True):
            yield f"ring, {axis}", where, true, PLACE_MM
        yield "radius", found["ring_radius_mm"], truth.radius_mm, PLACE_MM
        within = math.degrees(PLACE_MM / truth.radius_mm)
        yield "phase", math.remainder(found["phase_deg"] - truth.phase_deg, 360), 0.0, within
        for axis, where, true in zip("xy", found["tilt_deg"], truth.tilt_deg, strict=True):
            yield f"tilt, {axis}", where, true, within
        assert found["sense"] == truth.sense

    def noise(self, random: np.random.Generator) -> Candidate:
        """Return six hot spheres of 6:1, with noise of 6 % that is the same everywhere."""
        body = replace(self._body(random, cold=False), ratio=6.0, noise=0.06)
        return Candidate(self.pixelled(body, random), self._known(body))

    def symmetry(self, key: Key) -> float:
        return 1e-4  # centres are fitted, until a step is small enough

    def steadiness(self, key: Key) -> Mapping[str, float]:
        return {"rel": 1e-6, "abs": 1e-6}  # as above

    def pixelled(self, phantom: IecBody, random: np.random.Generator) -> IecBody:
        """Return the phantom in voxels of 3.5 to 4.1 mm, with room about it."""
        step, down, along = (round(between(random, 3.5, 4.1), 4) for _ in range(3))
        rows = math.ceil(between(random, 280.0, 295.0) / down)
        columns = math.ceil(between(random, 350.0, 365.0) / along)
        slices = math.ceil(between(random, 198.0, 206.0) / step)
        return replace(phantom, matrix=(rows, columns), slices=slices, voxel_mm=(step, down, along))

    def _body(self, random: np.random.Generator, cold: bool) -> IecBody:
        back_to_front = bool(random.random() < 0.5)
        return IecBody(
            centre_mm=(
                between(random, -20.0, 20.0),
                between(random, -15.0, 15.0),
                (20.0 if back_to_front else -20.0) + between(random, -4.0, 4.0),
            ),
            rotation_deg=between(random, 0.0, 360.0),
            sense=int(random.choice([-1, 1])),
            body_rotation_deg=between(random, -4.0, 4.0),
            upside_down=bool(random.random() < 0.5),
            reversed=back_to_front,
            ratio=between(random, 4.0, 9.0),
            states=(HOT,) * 4 + (COLD if cold else HOT,) * 2,
            ring_mm=between(random, 56.6, 58.2),
            lung_residual=between(random, 0.05, 0.2),
            background_bqml=between(random, 3000.0, 6000.0),
            fwhm_mm=((5.5, 5.0), (6.5, 6.0))[int(random.integers(2))],
            noise=between(random, 0.03, 0.05),
        )

    def _known(self, body: IecBody) -> dict[str, Any]:
        """Return the options of somebody who knows what is in the phantom, and how well."""
        truth = given(sphere_bqml=body.ratio * body.background_bqml, background_bqml=body.background_bqml)
        truth = replace(
            truth,
            ratio_uncertainty=0.02 * body.ratio,
            sphere_uncertainty_bqml=0.02 * body.ratio * body.background_bqml,
            background_uncertainty_bqml=0.01 * body.background_bqml,
        )
        return {"truth": (truth,)}

    def _filling(self, random: np.random.Generator) -> Iterator[tuple[IecBody, Candidate]]:
        """Yield a phantom that is filled more and more, with the options of the fullest.

        From 0.7 of it on: with less, the image contradicts what was said of the fill, and nothing is made of it.
        The spheres' plane is near the middle of a slice, where it is the nearest in any case.
        """
        full = self.pixelled(replace(self._body(random, cold=False), ratio=8.0), random)
        x, y, z = full.centre_mm
        levels = full.centres_mm()[0]
        z = float(levels[np.abs(levels - z).argmin()]) + between(random, -0.3, 0.3) * full.voxel_mm[0]
        full = replace(full, centre_mm=(x, y, z), background_bqml=5000.0)
        for part in (0.7, 0.85, 1.0):
            less = 5000.0 * (0.7 + 0.3 * part)
            body = replace(
                full,
                background_bqml=less,
                sphere_bqml=(part * 40000.0,) * 6,
                lung_residual=0.35 * part,
                fwhm_mm=(5.0 + 2 * part, 4.5 + 2 * part),
            )
            yield body, Candidate(body, self._known(full))

    def _nearest(self, body: IecBody) -> int:
        """Return the slice nearest to the spheres' plane."""
        return int(np.abs(body.centres_mm()[0] - body.centre_mm[2]).argmin())


class ImageQualityExamination(IecExamination):
    """Contrast, variability and lung residual."""

    test = "pet.image-quality"
    doubled: ClassVar[frozenset[str]] = frozenset({"pet.background"})
    # One uncertainty stands for all three axes: see `predicted`.
    irregular: ClassVar[frozenset[str]] = frozenset(f"pet.sphere_{axis}" for axis in "xyz")

    def nth(self, number: int, random: np.random.Generator) -> Candidate:
        """Return such a phantom, the second measured in the less usual ways."""
        candidate = IecExamination.nth(self, number, random)
        unusual = {"slice": "own", "lung_background": "per-slice"} if number == 1 else {}
        return replace(candidate, options={**candidate.options, **unusual})

    def lengths(self, candidate: Candidate, result: Result) -> Lengths:
        yield from IecExamination.lengths(self, candidate, result)
        found = {(m.metric.name, m.of): m.value for m in result.measurements}
        for name, sphere in zip(NAMES, candidate.phantom.truth().spheres, strict=True):
            for axis, true in zip("xyz", (sphere.x_mm, sphere.y_mm, sphere.z_mm), strict=True):
                yield f"{name}, {axis}", found[f"pet.sphere_{axis}", name], true, PLACE_MM

    def sweep(self, random: np.random.Generator) -> Iterator[tuple[Candidate, Expected, Within]]:
        """Yield the means over discs of the phantom's own voxels, and the lung insert's residual."""
        for body, candidate in self._filling(random):
            image = voxels(body)[self._nearest(body)]
            expected: dict[Key, float] = {("pet.lung_residual", ""): 100 * body.lung_residual}
            for name, sphere in zip(NAMES, body.truth().spheres, strict=True):
                weights = disc(body, (sphere.x_mm, sphere.y_mm), sphere.diameter_mm / 2)
                ratio = float((weights * image).sum()) / body.background_bqml
                expected["pet.contrast_hot", name] = 100 * (ratio - 1) / (8.0 - 1)
                expected["pet.sphere_to_background", name] = ratio
            # No noise: what is promised of contrast; skirts of the spheres in the background, and in the insert.
            yield candidate, expected, {key: 0.02 if "ratio" in key[0] else 0.3 for key in expected}

    def predicted(self, candidate: Candidate, result: Result) -> Mapping[Key, tuple[float, float]]:
        """Return what the noise's own covariance makes of discs at the places that the result tells.

        Contrast of large spheres alone: that of small ones suffers from the errors of their places, too.
        """
        body: IecBody = candidate.phantom
        level, noise, used = body.background_bqml, Correlation.of(body), result.parameters
        slices = tuple(number - 1 for number in used["background_slices"])
        image, centres = voxels(body)[self._nearest(body)], used["background_centres_mm"]
        predicted: dict[Key, tuple[float, float]] = {}
        for name, sphere in zip(NAMES, body.truth().spheres, strict=True):
            discs = [disc(body, (x, y), sphere.diameter_mm / 2) for x, y in centres]
            covariance = noise.of_discs(discs, slices)
            mean, spread = spread_of_deviation(covariance)
            predicted["pet.background_variability", name] = (100 * mean / level, 100 * spread / level)
            predicted["pet.background", ""] = (level, math.sqrt(float(covariance.mean())))
            if sphere.diameter_mm >= 22.0:
                weights = disc(body, (sphere.x_mm, sphere.y_mm), sphere.diameter_mm / 2)
                ratio = float((weights * image).sum()) / level
                own = noise.sd**2 * noise.within(weights, weights)
                spread = math.sqrt(own + ratio**2 * float(covariance.mean())) / level
                steps = 100 / (body.ratio - 1)
                predicted["pet.contrast_hot", name] = (steps * (ratio - 1), steps * spread)
                predicted["pet.sphere_to_background", name] = (ratio, spread)
        predicted["pet.lung_residual", ""] = self._of_lung(body, noise, used["lung"]["slices"])
        return predicted | self._of_places(body, result)

    def _of_places(self, body: IecBody, result: Result) -> dict[Key, tuple[float, float]]:
        """Return the places of the spheres, with what is said of their uncertainty."""
        stated = {(m.metric.name, m.of): m.uncertainty or 0.0 for m in result.measurements}
        places = [
            (("pet.sphere_" + axis, name), true)
            for name, sphere in zip(NAMES, body.truth().spheres, strict=True)
            for axis, true in zip("xyz", (sphere.x_mm, sphere.y_mm, sphere.z_mm), strict=True)
        ]
        return {key: (true, stated[key]) for key, true in places}

    def _of_lung(self, body: IecBody, noise: Correlation, ends: list[int]) -> tuple[float, float]:
        inside = disc(body, body.centre_mm[:2], LUNG_MM)
        slices = tuple(range(ends[0] - 1, ends[1]))
        variance = float(noise.of_discs([inside], slices).mean())
        return 100 * body.lung_residual, 100 * math.sqrt(variance) / body.background_bqml


class RecoveryExamination(IecExamination):
    """Recovery and calibration."""

    test = "pet.recovery"
    doubled: ClassVar[frozenset[str]] = frozenset(
        f"pet.{name}" for name in ("rc_mean", "rc_max", "rc_peak", "suv_background", "calibration")
    )

    def nth(self, number: int, random: np.random.Generator) -> Candidate:
        """Return such a phantom, the first with the activity of the header as its own, and beside EARL's bands."""
        candidate = IecExamination.nth(self, number, random)
        further = {"header_dose": True, "earl": 2} if number == 0 else {}
        return replace(candidate, options={**candidate.options, **further})

    def sweep(self, random: np.random.Generator) -> Iterator[tuple[Candidate, Expected, Within]]:
        """Yield maxima, means and peaks of the phantom's own voxels."""
        for body, candidate in self._filling(random):
            values, level = voxels(body), body.background_bqml
            expected: dict[Key, float] = {("pet.calibration", ""): level / 5000.0}
            within: dict[Key, float] = {("pet.calibration", ""): 1e-3}  # skirts of the spheres
            for name, sphere in zip(NAMES, body.truth().spheres, strict=True):
                place = (sphere.x_mm, sphere.y_mm, sphere.z_mm)
                near = self._near(body, place, sphere.diameter_mm / 2 + 8.0)
                found = {
                    "rc_max": (float(values[near].max()), 1e-6),
                    "rc_mean": (
                        contour_mean(values, near, level),
                        2e-3,
                    ),  # a voxel that the background's error moves
                    "rc_peak": (ball_mean(body, values, place), 0.015),  # moved to where it is highest
                }
                for metric, (value, off) in found.items():
                    expected[f"pet.{metric}", name], within[f"pet.{metric}", name] = value / 40000.0, off
            yield candidate, expected, within

    def predicted(self, candidate: Candidate, result: Result) -> Mapping[Key, tuple[float, float]]:
        """Return the calibration: what noise makes of maxima, and of regions that it shapes, has no closed form.

        By twelve discs on the five slices nearest to the plane and 10 and 20 mm off it; wherever they are, they lie
        too far apart to share noise.
        """
        body: IecBody = candidate.phantom
        levels = body.centres_mm()[0]
        offsets = (-20.0, -10.0, 0.0, 10.0, 20.0)
        slices = tuple(int(np.abs(levels - body.centre_mm[2] - off).argmin()) for off in offsets)
        one = Correlation.of(body).of_discs([disc(body, body.centre_mm[:2], CIRCLE_MM)], slices)
        return {("pet.calibration", ""): (1.0, math.sqrt(float(one.mean()) / 12) / body.background_bqml)}

    def _near(self, body: IecBody, place_mm: tuple[float, float, float], reach_mm: float) -> Any:
        z, y, x = (axis - middle for axis, middle in zip(body.centres_mm(), place_mm[::-1], strict=True))
        return z[:, np.newaxis, np.newaxis] ** 2 + y[:, np.newaxis] ** 2 + x**2 <= reach_mm**2


class ResolutionExamination(IecExamination):
    """Widths and activities of the spheres, fitted."""

    test = "pet.resolution-fit"
    doubled: ClassVar[frozenset[str]] = frozenset({"pet.fit_signal"})

    def lengths(self, candidate: Candidate, result: Result) -> Lengths:
        yield from IecExamination.lengths(self, candidate, result)
        found = {(m.metric.name, m.of): m.value for m in result.measurements}
        for number, metric in enumerate(("pet.fwhm_transaxial", "pet.fwhm_axial")):
            true = candidate.phantom.fwhm_mm[number]
            widths = {of: value for (name, of), value in found.items() if name == metric}
            assert widths.keys() == {"", *NAMES}
            for of, value in widths.items():
                yield f"{metric}, {of}", value, true, 0.02

    def sweep(self, random: np.random.Generator) -> Iterator[tuple[Candidate, Expected, Within]]:
        """Yield scanners from sharp to blurred, and spheres from lukewarm to hot."""
        for body, candidate in self._filling(random):
            expected: dict[Key, float] = {}
            within: dict[Key, float] = {}
            for of in ("", *NAMES):
                for number, metric in enumerate(("pet.fwhm_transaxial", "pet.fwhm_axial")):
                    expected[metric, of], within[metric, of] = body.fwhm_mm[number], 0.02
                if of:
                    expected["pet.fit_signal", of] = body.sphere_bqml[0]
                    within["pet.fit_signal", of] = 0.01 * body.sphere_bqml[0]
            yield candidate, expected, within

    def predicted(self, candidate: Candidate, result: Result) -> Mapping[Key, tuple[float, float]]:
        """Return widths and activities, with what is said of their uncertainty."""
        body: IecBody = candidate.phantom
        true = {"pet.fwhm_transaxial": body.fwhm_mm[0], "pet.fwhm_axial": body.fwhm_mm[1]}
        true["pet.fit_signal"] = body.ratio * body.background_bqml
        return {
            (m.metric.name, m.of): (true[m.metric.name], m.uncertainty or 0.0) for m in result.measurements
        }


class CylinderExamination(VolumeExamination):
    """A uniform cylinder off the centre, tilted, in a scanner with faults."""

    test = "pet.uniformity"
    draws: ClassVar[int] = 3
    doubled: ClassVar[frozenset[str]] = frozenset({"pet.calibration"})

    def draw(self, random: np.random.Generator) -> Candidate:
        """Return a cylinder of 180 to 216 mm with a slope along it, a dark axis and a ring."""
        cylinder = Cylinder(
            centre_mm=(
                between(random, -12.0, 12.0),
                between(random, -12.0, 12.0),
                between(random, -6.0, 6.0),
            ),
            tilt_deg=(between(random, -1.5, 1.5), between(random, -1.5, 1.5)),
            diameter_mm=between(random, 180.0, 216.0),
            length_mm=between(random, 120.0, 150.0),
            fwhm_mm=(between(random, 5.0, 7.0), between(random, 4.5, 6.5)),
            background_bqml=between(random, 3000.0, 8000.0),
            slope_per_mm=between(random, 1e-4, 4e-4),
            cupping=between(random, 0.01, 0.05),
            ring=(between(random, 40.0, 60.0), between(random, 0.0, 0.03), 8.0),
            noise=between(random, 0.03, 0.08),
        )
        return Candidate(self.pixelled(cylinder, random), self._known(cylinder))

    def nth(self, number: int, random: np.random.Generator) -> Candidate:
        """Return the last of them scanned twice."""
        return replace(self.draw(random), times=2 if number == self.draws - 1 else 1)

    def lengths(self, candidate: Candidate, result: Result) -> Lengths:
        """Yield axis, radius and ends; found on a grid of 4 mm."""
        truth, found = candidate.phantom.truth(), result.parameters
        along = np.subtract(truth.last_mm, truth.first_mm)
        tilt = math.degrees(math.atan2(math.hypot(along[0], along[1]), along[2]))
        # As the axis, at either end.
        yield "tilt", found["tilt_deg"], tilt, math.degrees(2 * 0.4 / candidate.phantom.length_mm)
        yield "radius", found["radius_mm"], truth.diameter_mm / 2, 0.7
        for number, axis in enumerate("xy"):
            middle = truth.first_mm[number] - along[number] / along[2] * truth.first_mm[2]
            yield f"axis, {axis}", found["axis_mm"][number], middle, 0.4
        ends = (truth.first_mm[2], truth.last_mm[2])
        for what, where, true in zip(("first", "last"), found["ends_mm"], ends, strict=True):
            yield f"{what} end", where, true, 0.4

    def sweep(self, random: np.random.Generator) -> Iterator[tuple[Candidate, Expected, Within]]:
        """Yield a scanner whose sensitivity rises along its axis, and falls towards it, more and more."""
        plain = replace(self.draw(random).phantom, tilt_deg=(0.0, 0.0), fwhm_mm=(5.0, 5.0), noise=0.0)
        x, y, z = plain.centre_mm
        sound = replace(plain, ring=(50.0, 0.0, 8.0), centre_mm=(x / 3, y / 3, z), diameter_mm=200.0)
        for part in (0.0, 0.1, 0.4, 1.0):
            faulty = replace(sound, slope_per_mm=1.5e-3 * part, cupping=0.2 * part)
            expected = self._faults(faulty)
            # No noise; skirts of the ends. The outer discs lie by the radius: at half of a level that a dark axis
            # lowers it is up to 0.9 mm too large, for discs 75 mm out.
            within = dict.fromkeys(expected, 0.02)
            within["pet.uniformity_transaxial", ""] = 2e-3 + 0.024 * expected["pet.uniformity_transaxial", ""]
            yield Candidate(faulty, self._known(faulty)), expected, within

    def _faults(self, faulty: Cylinder) -> Expected:
        """Return closed forms: the mean of the squared distance from the scanner's axis over a disc is simple."""
        x, y, z = faulty.centre_mm
        radius = faulty.diameter_mm / 2
        levels = faulty.centres_mm()[0]
        levels = levels[np.abs(levels - z) <= faulty.length_mm / 2 - 10.0]
        slices = 1 + faulty.slope_per_mm * levels
        out = radius - 25.0
        places = ((x, y), (x + out, y), (x, y + out), (x - out, y), (x, y - out))
        means = [self._sensitivity(faulty, math.hypot(*place), 15.0) for place in places]
        mean = float(slices.mean()) * self._sensitivity(faulty, math.hypot(x, y), 0.7 * radius)
        return {
            ("pet.uniformity_axial", ""): 100 * float(np.abs(slices / slices.mean() - 1).max()),
            ("pet.uniformity_transaxial", ""): 100 * (max(means) - min(means)) / (max(means) + min(means)),
            ("pet.calibration", ""): mean,
        }

    def _sensitivity(self, faulty: Cylinder, off_mm: float, radius_mm: float) -> float:
        square = off_mm**2 + radius_mm**2 / 2
        return 1 - faulty.cupping * (1 - square / (faulty.diameter_mm / 2) ** 2)

    def noise(self, random: np.random.Generator) -> Candidate:
        """Return a cylinder without any fault."""
        cylinder = replace(
            self.draw(random).phantom,
            slope_per_mm=0.0,
            cupping=0.0,
            ring=(50.0, 0.0, 8.0),
            tilt_deg=(0.0, 0.0),
        )
        return Candidate(self.pixelled(cylinder, random), self._known(cylinder))

    def predicted(self, candidate: Candidate, result: Result) -> Mapping[Key, tuple[float, float]]:
        """Return noise and calibration by the noise's own correlation."""
        cylinder: Cylinder = candidate.phantom
        noise, level = Correlation.of(cylinder), cylinder.background_bqml
        z, y, x = (
            axis - middle
            for axis, middle in zip(cylinder.centres_mm(), cylinder.centre_mm[::-1], strict=True)
        )
        central = 0.7 * cylinder.diameter_mm / 2
        slices = np.flatnonzero(np.abs(z) <= cylinder.length_mm / 2 - 10.0)
        inside = (np.hypot(y[:, np.newaxis], x) <= central).astype(np.float64)
        along = noise.along[0][np.ix_(slices, slices)]
        mean, spread = self._voxels(noise, inside, along)
        weights = disc(cylinder, cylinder.centre_mm[:2], central)
        error = noise.sd * math.sqrt(noise.within(weights, weights) * float(along.mean())) / level
        return {
            ("pet.noise", ""): (100 * mean / level, 100 * spread / level),
            ("pet.calibration", ""): (1.0, error),
        }

    def _voxels(self, noise: Correlation, inside: Floats, along: Floats) -> tuple[float, float]:
        """Return mean and spread of the standard deviation of voxels about the mean of their slice.

        A slice's mean takes off what its voxels share; the rest of s^2 varies by the squared correlations of all
        pairs of voxels.
        """
        count = float(inside.sum())
        shared = noise.within(inside, inside) / count
        square = noise.sd**2 * (count - shared) / (count - 1)
        down, right = (one**2 for one in noise.along[1:])
        pairs = float((inside * (down @ inside @ right)).sum()) * float((along**2).sum())
        spread = noise.sd**2 * math.sqrt(2 * pairs) / (count * len(along))
        return math.sqrt(square), spread / (2 * math.sqrt(square))

    def symmetry(self, key: Key) -> float:
        return 1e-6

    def steadiness(self, key: Key) -> Mapping[str, float]:
        return {"rel": 1e-6, "abs": 1e-6}  # float32 throughout

    def pixelled(self, phantom: Cylinder, random: np.random.Generator) -> Cylinder:
        """Return the cylinder in voxels of 3.2 to 4 mm, with room about it."""
        step, down, along = (round(between(random, 3.2, 4.0), 4) for _ in range(3))
        rows, columns = (math.ceil(between(random, 268.0, 290.0) / size) for size in (down, along))
        slices = math.ceil(between(random, 180.0, 190.0) / step)
        return replace(phantom, matrix=(rows, columns), slices=slices, voxel_mm=(step, down, along))

    def _known(self, cylinder: Cylinder) -> dict[str, Any]:
        truth = given(background_bqml=cylinder.background_bqml)
        return {"truth": (replace(truth, background_uncertainty_bqml=50.0),)}
