"""PET phantoms whose contrast, recovery, resolution and uniformity are known."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nmqc.model import Result, Scan
from nmqc.scans import Said, tests_for
from nmqc.validate import files, volumes
from nmqc.validate.case import Case, Family, Level, Seen, Taken, Truth
from nmqc.validate.pet_theory import ball_mean, contour_mean, disc
from phantoms.pet import COLD, HOT, SPHERES_MM, Cylinder, IecBody
from phantoms.pet_volume import PetPhantom

NAMES = tuple(f"{diameter:g} mm" for diameter in SPHERES_MM)
#: NEMA NU 2, 7: the background's circles are of the sizes of the spheres; the largest alone give the background
LARGEST_MM = SPHERES_MM[-1]
END_MM, CENTRAL = (
    10.0,
    0.7,
)  # of the cylinder: left out at the ends; part of the radius that the mean is taken over
NOISES = (0.05, 0.09, 0.04, 0.07)  # of a voxel, as a part of the background: phantom by phantom
SEARCH_BEYOND_MM = 8.0  # a sphere's surface: where its maximum is searched
ROI_MM, ROI_FROM_WALL_MM = 15.0, 10.0  # radius of the outer discs, and their distance from the wall


@dataclass(frozen=True, slots=True, kw_only=True)
class SlopingBody(IecBody):
    """The IEC body phantom in a scanner whose sensitivity changes evenly along x and y.

    A slope changes the mean over a circle by what it is at the circle's centre, whatever the circle's size.

    Attributes
    ----------
    slope_per_mm : along x and along y, as a part of that on the axis of the volume
    """

    slope_per_mm: tuple[float, float] = (0.0, 0.0)

    def voxels(self) -> NDArray[np.float64]:
        """Return the values without noise, shape (slices, rows, columns), Bq/mL."""
        _, y, x = self.centres_mm()
        rise = 1 + self.slope_per_mm[0] * x + self.slope_per_mm[1] * y[:, np.newaxis]
        return np.asarray(IecBody.voxels(self) * rise)


class Scans(Family):
    """What the tests of PET scans share."""

    def acquire(self, case: Case, seed: int | None) -> Scan:
        """Return the scan; the first with noise through files of the Vereos, the others without."""
        if seed is None:
            return volumes.scan(case.phantom)
        if seed == 1 and case.options.get("files"):
            return files.scan(case.phantom, seed)
        return volumes.scan(case.phantom, seed)

    def options(self, taken: Taken) -> Any:
        """Return the options of somebody who knows what is in the phantom."""
        assert isinstance(taken.made, Scan)
        said, shows = self._said(taken.case), "iec" if isinstance(taken.case.phantom, IecBody) else "cylinder"
        return next(
            options for test, options in tests_for(taken.made, shows, said, None) if test.name == self.test
        )

    @abstractmethod
    def _said(self, case: Case) -> Said: ...


class IecBodies(Scans):
    """The IEC body phantom, turned, shifted, tilted, back to front, in fine and coarse voxels of the Vereos."""

    def cases(self, level: Level) -> Iterator[Case]:
        """Yield phantoms without noise, then with noise; one whose spheres nobody can see is refused."""
        grid = list(_bodies())
        for name, body in grid[:3] if level == "least" else grid:
            yield Case(self.test, name, body, {}, _about(body, "none"))
        times = {"least": 3, "quick": 8, "whole": 16}[level]
        sound = [(name, body) for name, body in grid if not isinstance(body, SlopingBody)]
        for (name, body), noise in zip(sound[: 1 if level != "whole" else None], NOISES, strict=False):
            yield _with_noise(self.test, name, body, noise, level, times)
        _, first = grid[0]
        flat = replace(first, sphere_bqml=(first.background_bqml,) * 6, wall_mm=0.0)
        yield Case(
            self.test,
            "spheres like the background",
            flat,
            {},
            _about(flat, "none"),
            refused="too_few_spheres",
        )

    def _said(self, case: Case) -> Said:
        body: IecBody = case.phantom
        hot = next(
            one for one, state in zip(body.concentrations_bqml(), body.states, strict=True) if state == HOT
        )
        if hot is None or hot <= body.background_bqml:
            return Said(background_bqml=body.background_bqml)
        return Said(sphere_bqml=hot, background_bqml=body.background_bqml, header_dose=True)


class ImageQuality(IecBodies):
    """Contrast, variability, lung residual, background, places."""

    test: ClassVar[str] = "pet.image-quality"

    def truths(self, seen: Seen) -> Iterator[Truth]:
        """Yield readings of the phantom's own voxels, on the slices that were measured, and the true places."""
        assert isinstance(seen.made, Scan)
        body: IecBody = seen.case.phantom
        truth, level, used = body.truth(), body.background_bqml, seen.result.parameters
        values, slices = volumes.voxels(body), [int(one) - 1 for one in used["slices"]]
        background = self._background(body, used)
        yield Truth("pet.background", "", background, "closed form")
        yield Truth("pet.lung_residual", "", 100 * body.lung_residual, "parameter")
        for name, sphere, index in zip(NAMES, truth.spheres, slices, strict=True):
            for axis, place in zip("xyz", (sphere.x_mm, sphere.y_mm, sphere.z_mm), strict=True):
                yield Truth(f"pet.sphere_{axis}", name, place, "parameter")
            mean = float(
                (disc(body, (sphere.x_mm, sphere.y_mm), sphere.diameter_mm / 2) * values[index]).sum()
            )
            yield Truth("pet.sphere_to_background", name, mean / background, "independent reading")
            if sphere.state == COLD:
                yield Truth("pet.contrast_cold", name, 100 * (1 - mean / background), "independent reading")
            else:
                ratio = (sphere.bqml or 0.0) / level
                contrast = 100 * (mean / background - 1) / (ratio - 1)
                yield Truth("pet.contrast_hot", name, contrast, "independent reading")
            if isinstance(body, SlopingBody) and seen.case.acquisitions == 0:
                yield Truth("pet.background_variability", name, self._variability(body, used), "closed form")
            elif seen.case.acquisitions:
                value = _variability_read(body, seen.made, used, sphere.diameter_mm / 2)
                yield Truth("pet.background_variability", name, value, "independent reading")

    def _background(self, body: IecBody, used: Any) -> float:
        return float(self._levels(body, used).mean())

    def _variability(self, body: IecBody, used: Any) -> float:
        """Return 100 SD / mean of the circles: five slices alike, and K - 1 for K circles."""
        levels = self._levels(body, used)
        return 100 * float(levels.std(ddof=1) / levels.mean())

    def _levels(self, body: IecBody, used: Any) -> NDArray[np.float64]:
        """Return the mean over each circle of the background: what the slope is at its centre."""
        slope = body.slope_per_mm if isinstance(body, SlopingBody) else (0.0, 0.0)
        each = [1 + slope[0] * x + slope[1] * y for x, y in used["background_centres_mm"]]
        return body.background_bqml * np.tile(each, len(used["background_slices"]))


class Recovery(IecBodies):
    """Recovery and calibration."""

    test: ClassVar[str] = "pet.recovery"

    def truths(self, seen: Seen) -> Iterator[Truth]:
        """Yield maxima, means and peaks of the voxels without noise; calibration and SUV of the background."""
        assert isinstance(seen.made, Scan)
        body: IecBody = seen.case.phantom
        level, slope = body.background_bqml, isinstance(body, SlopingBody)
        if not slope:
            yield Truth("pet.calibration", "", 1.0, "parameter")
            yield Truth("pet.suv_background", "", level / _bq_per_g(seen.made), "closed form")
        for name, sphere in zip(NAMES, body.truth().spheres, strict=True):
            if sphere.state == COLD or slope:
                continue
            place, hot = (sphere.x_mm, sphere.y_mm, sphere.z_mm), sphere.bqml or 1.0
            for metric, value in _recovered(body, place, sphere.diameter_mm).items():
                yield Truth(f"pet.{metric}", name, value / hot, "independent reading")


class Resolution(IecBodies):
    """Widths and activities of the spheres, fitted."""

    test: ClassVar[str] = "pet.resolution-fit"

    def truths(self, seen: Seen) -> Iterator[Truth]:
        """Yield the scanner's widths, of each sphere and of all, and what is in the spheres."""
        body: IecBody = seen.case.phantom
        if isinstance(body, SlopingBody):
            return
        hot = [name for name, state in zip(NAMES, body.states, strict=True) if state == HOT]
        for of in ("", *hot):
            family = "each sphere" if of else None
            for metric, width in zip(("fwhm_transaxial", "fwhm_axial"), body.fwhm_mm, strict=True):
                yield Truth(f"pet.{metric}", of, width, "parameter", family)
        for name, sphere in zip(NAMES, body.truth().spheres, strict=True):
            if sphere.state == HOT:
                yield Truth("pet.fit_signal", name, sphere.bqml or 0.0, "parameter", "each sphere")


class Cylinders(Scans):
    """A uniform cylinder off the centre in a scanner with faults."""

    test: ClassVar[str] = "pet.uniformity"

    def cases(self, level: Level) -> Iterator[Case]:
        """Yield faults without noise, then a sound and a faulty scanner with noise; a short one is refused."""
        grid = list(_cylinders())
        for name, cylinder in grid[:2] if level == "least" else grid:
            yield Case(self.test, name, cylinder, {}, _about(cylinder, "none"))
        times = {"least": 4, "quick": 10, "whole": 20}[level]
        for (name, cylinder), noise in zip(grid[: 1 if level != "whole" else None], NOISES, strict=False):
            yield _with_noise(self.test, name, cylinder, noise, level, times)
        short = replace(grid[0][1], length_mm=40.0)
        yield Case(self.test, "40 mm long", short, {}, _about(short, "none"), refused="too_short")

    def _said(self, case: Case) -> Said:
        return Said(background_bqml=case.phantom.background_bqml)

    def truths(self, seen: Seen) -> Iterator[Truth]:
        """Yield closed forms of the faults, and the spread of the voxels by another reading."""
        assert isinstance(seen.made, Scan)
        cylinder: Cylinder = seen.case.phantom
        if cylinder.tilt_deg == (0.0, 0.0):
            for metric, value in _faults(cylinder, seen.result).items():
                yield Truth(f"pet.{metric}", "", value, "closed form")
        values = np.asarray(seen.made.volumes[0].values, np.float64)
        yield Truth("pet.noise", "", _noise(cylinder, values, seen.result), "independent reading")


# --- the grid -------------------------------------------------------------------------------------------


def _bodies() -> Iterator[tuple[str, IecBody]]:
    """Yield phantoms, the spheres' plane near the middle of a slice."""
    first = IecBody(
        centre_mm=(17.4, -9.3, -18.0),
        rotation_deg=112.0,
        sense=1,
        ratio=8.0,
        background_bqml=5200.0,
        fwhm_mm=(5.0, 4.5),
        lung_residual=0.24,
        noise=0.0,
        **_voxels((3.9, 3.6, 3.7)),
    )
    yield "hot, 4 mm", _levelled(first)
    cold = replace(
        first,
        states=(HOT,) * 4 + (COLD,) * 2,
        ratio=4.0,
        reversed=True,
        upside_down=True,
        centre_mm=(-14.2, 11.7, 17.0),
        rotation_deg=251.0,
        sense=-1,
        fwhm_mm=(6.0, 5.5),
        **_voxels((4.0, 4.0, 4.0)),
    )
    yield "two cold, back to front", _levelled(cold)
    sloping = SlopingBody(
        **{name: getattr(_levelled(first), name) for name in IecBody.__dataclass_fields__},
        slope_per_mm=(6e-4, -9e-4),
    )
    yield "sensitivity that slopes", sloping
    tilted = replace(first, tilt_deg=(1.4, -0.9), ratio=6.0, rotation_deg=17.0, **_voxels((3.0, 3.1, 2.9)))
    yield "tilted, 3 mm", tilted


def _with_noise(
    test: str, name: str, phantom: IecBody | Cylinder, noise: float, level: Level, times: int
) -> Case:
    made = replace(phantom, noise=noise)
    shown = f"{100 * noise:g} %"
    options = {"files": level != "least"}
    return Case(test, f"{name}, noise {shown}", made, options, _about(made, f"{shown} in a voxel"), times)


def _voxels(size_mm: tuple[float, float, float]) -> dict[str, Any]:
    step, down, along = size_mm
    matrix = (math.ceil(288.0 / down), math.ceil(358.0 / along))
    return {"voxel_mm": size_mm, "matrix": matrix, "slices": math.ceil(202.0 / step)}


def _levelled(body: IecBody) -> IecBody:
    """Return the phantom with its spheres' plane a fifth of a voxel off the middle of a slice."""
    x, y, z = body.centre_mm
    levels = body.centres_mm()[0]
    return replace(
        body, centre_mm=(x, y, float(levels[np.abs(levels - z).argmin()]) + 0.2 * body.voxel_mm[0])
    )


def _cylinders() -> Iterator[tuple[str, Cylinder]]:
    base = Cylinder(
        centre_mm=(5.3, -7.1, 3.4),
        tilt_deg=(0.0, 0.0),
        diameter_mm=204.0,
        length_mm=148.0,
        fwhm_mm=(5.0, 5.0),
        background_bqml=6100.0,
        slope_per_mm=1.2e-3,
        cupping=0.16,
        noise=0.0,
        **_cylinder_voxels((3.4, 3.6, 3.3)),
    )
    yield "slope and cupping", base
    yield (
        "cupping alone, 4 mm",
        replace(
            base,
            slope_per_mm=4e-4,
            cupping=0.3,
            centre_mm=(-6.2, 4.8, -2.7),
            **_cylinder_voxels((4.0, 4.0, 4.0)),
        ),
    )
    yield "steep slope", replace(base, slope_per_mm=-2.2e-3, cupping=0.08, diameter_mm=190.0)
    yield "tilted", replace(base, tilt_deg=(1.1, -0.7), slope_per_mm=0.0, cupping=0.1)


def _cylinder_voxels(size_mm: tuple[float, float, float]) -> dict[str, Any]:
    step, down, along = size_mm
    return {
        "voxel_mm": size_mm,
        "matrix": (math.ceil(268.0 / down), math.ceil(280.0 / along)),
        "slices": math.ceil(184.0 / step),
    }


def _about(phantom: PetPhantom, noise: str) -> dict[str, str]:
    slices, rows, columns = phantom.shape
    step, down, along = phantom.voxel_mm
    x, y, z = phantom.centre_mm  # type: ignore[attr-defined]
    turned = f"{phantom.rotation_deg:g} deg, " if isinstance(phantom, IecBody) else ""
    tilt = phantom.tilt_deg  # type: ignore[attr-defined]
    return {
        "system": "vereos",
        "pixels": f"{slices} x {rows} x {columns} of {step:.3g} x {down:.3g} x {along:.3g} mm",
        "noise": noise,
        "position": f"centre at {x:.3g}, {y:.3g}, {z:.3g} mm",
        "rotation": f"{turned}tilted by {tilt[0]:g} and {tilt[1]:g} deg",
    }


# --- what is true ---------------------------------------------------------------------------------------


@lru_cache(maxsize=64)  # the spheres of the phantoms that are acquired many times
def _recovered(body: IecBody, place_mm: tuple[float, float, float], diameter_mm: float) -> dict[str, float]:
    """Return maximum, mean of the isocontour, and peak of a sphere, of the voxels without noise."""
    values = np.asarray(volumes.voxels(body), np.float32).astype(np.float64)
    near = _near(body, place_mm, diameter_mm / 2 + SEARCH_BEYOND_MM)
    return {
        "rc_max": float(values[near].max()),
        "rc_mean": contour_mean(values, near, body.background_bqml),
        "rc_peak": _peak(body, values, place_mm),
    }


def _near(body: IecBody, place_mm: tuple[float, float, float], reach_mm: float) -> NDArray[np.bool_]:
    z, y, x = (axis - middle for axis, middle in zip(body.centres_mm(), place_mm[::-1], strict=True))
    return np.asarray(z[:, np.newaxis, np.newaxis] ** 2 + y[:, np.newaxis] ** 2 + x**2 <= reach_mm**2)


def _variability_read(body: IecBody, made: Scan, used: Any, radius_mm: float) -> float:
    """Return 100 SD / mean over the circles of a size in an image as it is; the mean is that of the largest ones."""
    values = np.asarray(made.volumes[0].values, np.float64)[
        [int(one) - 1 for one in used["background_slices"]]
    ]
    spread, level = (
        np.array(
            [(values * disc(body, (x, y), radius)).sum(axis=(1, 2)) for x, y in used["background_centres_mm"]]
        )
        for radius in (radius_mm, LARGEST_MM / 2)
    )
    return 100 * float(spread.std(ddof=1) / level.mean())


def _peak(body: IecBody, values: NDArray[np.float64], place_mm: tuple[float, float, float]) -> float:
    """Return the highest mean over 1 mL near a place, by steps of a fifth of a voxel along each axis in turn."""
    place, best = place_mm, ball_mean(body, values, place_mm)
    step_z, step_y, step_x = (size / 5 for size in body.voxel_mm)
    for _ in range(12):
        trials = [
            (place[0] + i * step_x, place[1] + j * step_y, place[2] + k * step_z)
            for i, j, k in ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))
        ]
        found = [(ball_mean(body, values, trial), trial) for trial in trials]
        highest, there = max(found)
        if highest <= best:
            break
        best, place = highest, there
    return best


def _bq_per_g(made: Scan) -> float:
    """Return the header's activity at the reference time over the weight: 58 minutes of F-18 lie between."""
    tracer = made.volumes[0].tracer
    assert tracer.activity_bq
    assert tracer.weight_g
    assert tracer.half_life_s
    apart = [
        datetime.fromisoformat(one or "").replace(tzinfo=None) for one in (tracer.reference, tracer.measured)
    ]
    passed_s = (apart[0] - apart[1]).total_seconds()
    return tracer.activity_bq * math.exp2(-passed_s / tracer.half_life_s) / tracer.weight_g


def _faults(cylinder: Cylinder, result: Result) -> dict[str, float]:
    """Return closed forms: over a disc the mean of the squared distance from the scanner's axis is simple.

    The discs are those about the axis and the radius that were found.
    """
    z = cylinder.centre_mm[2]
    x, y = result.parameters["axis_mm"]
    radius = float(result.parameters["radius_mm"])
    levels = cylinder.centres_mm()[0]
    levels = levels[np.abs(levels - z) <= cylinder.length_mm / 2 - END_MM]
    slices = 1 + cylinder.slope_per_mm * levels
    out = radius - ROI_MM - ROI_FROM_WALL_MM
    places = ((x, y), (x + out, y), (x, y + out), (x - out, y), (x, y - out))
    means = [_sensitivity(cylinder, math.hypot(*place), ROI_MM) for place in places]
    return {
        "uniformity_axial": 100 * float(np.abs(slices / slices.mean() - 1).max()),
        "uniformity_transaxial": 100 * (max(means) - min(means)) / (max(means) + min(means)),
        "calibration": float(slices.mean()) * _sensitivity(cylinder, math.hypot(x, y), CENTRAL * radius),
    }


def _sensitivity(cylinder: Cylinder, off_mm: float, radius_mm: float) -> float:
    """Return the mean over a disc of the sensitivity across the axis."""
    square = off_mm**2 + radius_mm**2 / 2
    return 1 - cylinder.cupping * (1 - square / (cylinder.diameter_mm / 2) ** 2)


def _noise(cylinder: Cylinder, values: NDArray[np.float64], result: Result) -> float:
    """Return 100 SD / mean of the voxels about the means of their slices, inside the central part, ends left out."""
    z, y, x = cylinder.centres_mm()
    ends, (at_x, at_y) = result.parameters["ends_mm"], result.parameters["axis_mm"]
    rise = float(result.parameters["radius_mm"]) * math.tan(
        math.radians(float(result.parameters["tilt_deg"]))
    )
    used = values[(z >= ends[0] + END_MM + rise) & (z <= ends[1] - END_MM - rise)]
    inside = np.hypot(y[:, np.newaxis] - at_y, x - at_x) <= CENTRAL * float(result.parameters["radius_mm"])
    each = [one[inside] for one in used]
    squares = sum(float(((one - one.mean()) ** 2).sum()) for one in each)
    freedom = sum(one.size - 1 for one in each)
    return 100 * math.sqrt(squares / freedom) / float(np.mean([one.mean() for one in each]))
