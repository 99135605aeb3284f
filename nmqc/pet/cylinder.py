"""Uniformity, noise and calibration of a uniform cylinder in a PET volume.

Definitions, over the slices at least 10 mm from either end of the cylinder (or of the field, where that ends first),
every region following the axis from slice to slice:

* axial uniformity: the largest deviation of a slice's mean, over a disc of 0.7 of the radius, from the mean of all,
  in percent; their standard deviation beside it;
* transaxial uniformity: 100 (max - min) / (max + min) of five discs of 15 mm radius, one on the axis and four 25 mm
  inside the wall, each a mean over all slices; slice by slice beside it;
* noise: the standard deviation of voxels within 0.7 of the radius about their slice's mean, over the mean;
* calibration: the mean over the expected activity concentration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.discs import disc_weights
from nmqc.measure.frames import Findings
from nmqc.model import Measurement, NoiseFloor, Volume
from nmqc.pet.calibration import require_credible
from nmqc.pet.coarse import axes_of
from nmqc.pet.correlation import Noise
from nmqc.pet.cylinder_noise import (
    cylinder_noise,
    disc_sigma,
    of_largest_deviation,
    of_range,
    over_slices,
    voxel_sd,
)
from nmqc.pet.cylinder_place import Cylinder, find_cylinder, means_along
from nmqc.pet.cylinder_squares import Squares, measure_squares
from nmqc.pet.metrics import UNIFORMITY_METRICS
from nmqc.pet.parts import known
from nmqc.pet.sphere import Floats

FEWEST_SLICES, SHORTEST_MM = 5, 30.0


@dataclass(frozen=True, slots=True)
class CylinderOptions:
    """How a uniform cylinder is measured.

    Attributes
    ----------
    end_mm : slices nearer to an end are left out
    central : part of the radius of the disc for the axial profile, noise and calibration
    roi_radius_mm, roi_margin_mm : of the five discs; from the edge of the outer four to the wall
    square_mm : side of the squares
    expected : true activity concentration in the unit of the volume, at the time that its values refer to
    expected_uncertainty : its standard deviation
    """

    end_mm: float = 10.0
    central: float = 0.7
    roi_radius_mm: float = 15.0
    roi_margin_mm: float = 10.0
    square_mm: float = 10.0
    expected: float | None = None
    expected_uncertainty: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The mean of every slice used.

    Attributes
    ----------
    z_mm, means, sigmas : shape (slices,); one standard deviation of each by noise
    deviations_percent : from the mean of all
    largest_percent, at_mm : the largest magnitude of them, and where
    sd_percent : their standard deviation
    sigma : of the largest, by noise
    floor : what noise alone makes of the largest
    """

    z_mm: Floats
    means: Floats
    sigmas: Floats
    deviations_percent: Floats
    largest_percent: float
    at_mm: float
    sd_percent: float
    sigma: float
    floor: NoiseFloor


@dataclass(frozen=True, slots=True, eq=False)
class Discs:
    """The five discs: on the axis, and towards +x, +y, -x and -y.

    Attributes
    ----------
    means, sigmas : shape (5,), over all slices
    offsets_mm : of their centres from the axis, (x, y)
    percent : 100 (max - min) / (max + min) of the means; `sigma` is its standard deviation by noise
    floor : what noise alone makes of it
    worst_slice_percent, mean_slice_percent : the same of single slices
    """

    means: Floats
    sigmas: Floats
    offsets_mm: tuple[tuple[float, float], ...]
    percent: float
    sigma: float
    floor: NoiseFloor
    worst_slice_percent: float
    mean_slice_percent: float


@dataclass(frozen=True, slots=True, eq=False)
class CylinderFigures:
    """What was measured of a cylinder. `mean` and its sigma (by noise) are in the unit of the volume."""

    cylinder: Cylinder
    profile: Profile
    discs: Discs
    squares: Squares
    mean: float
    mean_sigma: float
    noise_percent: float
    noise_sigma: float
    calibration: float | None
    calibration_parts: dict[str, float]


def measure_cylinder(volume: Volume, options: CylinderOptions | None = None) -> CylinderFigures:
    """Find a uniform cylinder and measure it: see the module.

    Raises
    ------
    CannotMeasure
        ``not_a_cylinder``, ``cylinder_cut``, ``too_short``.

    Notes
    -----
    Uncertainties and noise floors are those that the noise of the voxels makes, with its correlation along the three
    axes. What is alike in all slices, such as a ring artefact, is taken out before the noise is estimated.

    References
    ----------
    AAPM TG-126 (five regions of interest); NEMA NU 2-1994 (squares).
    """
    options = options or CylinderOptions()
    cylinder = find_cylinder(volume, options.central)
    used = _used(volume, cylinder, options)
    inside = _inside(volume, cylinder, used, options.central)
    noise = cylinder_noise(volume, used, inside)
    profile = _profile(volume, cylinder, used, noise, options)
    mean = float(profile.means.mean())
    mean_sigma = float(profile.sigmas.mean()) * over_slices(noise, used)
    spread = voxel_sd(volume, used, inside)
    percent = 100 * spread / mean
    calibration, parts = _calibration(mean, mean_sigma, options)
    return CylinderFigures(
        cylinder=cylinder,
        profile=profile,
        discs=_discs(volume, cylinder, used, noise, options),
        squares=measure_squares(volume, cylinder, used, options.square_mm),
        mean=mean,
        mean_sigma=mean_sigma,
        noise_percent=percent,
        noise_sigma=percent / math.sqrt(2 * max(noise.independent, 1.0)),
        calibration=calibration,
        calibration_parts=parts,
    )


def give(figures: CylinderFigures, quantitative: bool, findings: Findings) -> None:
    """Add the measurements of the test ``pet.uniformity`` to what has been found.

    Parameters
    ----------
    quantitative : False where the values of the volume are no concentrations: no calibration then
    """
    profile, discs, metrics = figures.profile, figures.discs, UNIFORMITY_METRICS
    findings.measurements += [
        Measurement(
            metrics["uniformity_axial"], profile.largest_percent, "", _part(profile.sigma), profile.floor
        ),
        Measurement(metrics["uniformity_transaxial"], discs.percent, "", _part(discs.sigma), discs.floor),
        Measurement(metrics["noise"], figures.noise_percent, "", _part(figures.noise_sigma)),
    ]
    if not quantitative:
        reason = "the values of the series are no activity concentrations: export it in Bq/mL"
        findings.absent(["calibration"], "", "relative_units", reason)
    elif figures.calibration is None:
        reason = "the expected activity concentration was not given: give a fill sheet"
        findings.absent(["calibration"], "", "no_reference", reason)
    else:
        findings.attempt(
            ["calibration"], "", partial(_credible, figures.calibration, figures.calibration_parts)
        )


def _credible(calibration: float, parts: Mapping[str, float]) -> list[Measurement]:
    require_credible(calibration, "the cylinder")
    return [Measurement(UNIFORMITY_METRICS["calibration"], calibration, "", parts)]


def _part(sigma: float) -> dict[str, float]:
    return known({"counting": sigma})


def _used(volume: Volume, cylinder: Cylinder, options: CylinderOptions) -> slice:
    """Return the slices far enough from either end."""
    z = axes_of(volume)[0].centres_mm
    rise_mm = cylinder.radius_mm * math.tan(
        math.radians(cylinder.tilt_deg)
    )  # of a tilted end over the radius
    first = cylinder.first_z_mm + options.end_mm + rise_mm
    last = cylinder.last_z_mm - options.end_mm - rise_mm
    within = np.flatnonzero((z >= first - 1e-6) & (z <= last + 1e-6))
    if within.size < FEWEST_SLICES or z[within[-1]] - z[within[0]] < SHORTEST_MM:
        raise CannotMeasure(
            "too_short",
            f"less than {SHORTEST_MM:g} mm of the cylinder lie {options.end_mm:g} mm or more from its ends: "
            "scan more of it",
        )
    return slice(int(within[0]), int(within[-1]) + 1)


def _inside(volume: Volume, cylinder: Cylinder, used: slice, part: float) -> NDArray[np.bool_]:
    """Return the voxels of the slices used whose centres lie within a part of the radius."""
    slices, rows, columns = (one.centres_mm for one in axes_of(volume))
    z = slices[used][:, None, None]
    x = columns - cylinder.x_mm - cylinder.x_slope * z
    y = rows[:, None] - cylinder.y_mm - cylinder.y_slope * z
    return np.asarray(x * x + y * y <= (part * cylinder.radius_mm) ** 2)


def _profile(
    volume: Volume, cylinder: Cylinder, used: slice, noise: Noise, options: CylinderOptions
) -> Profile:
    z_mm = axes_of(volume)[0].centres_mm[used]
    radius_mm = options.central * cylinder.radius_mm
    means = means_along(volume, cylinder, used, radius_mm)
    sigma = _disc_sigma(volume, noise, cylinder.at(float(z_mm[z_mm.size // 2])), radius_mm)
    mean = float(means.mean())
    off = 100 * (means / mean - 1)
    worst = int(np.abs(off).argmax())
    extreme = of_largest_deviation(off, 100 * sigma / mean, noise.along[0])
    return Profile(
        z_mm,
        means,
        np.full(means.size, sigma),
        off,
        float(abs(off[worst])),
        float(z_mm[worst]),
        float(off.std(ddof=1)),
        extreme.sigma,
        extreme.floor,
    )


def _discs(volume: Volume, cylinder: Cylinder, used: slice, noise: Noise, options: CylinderOptions) -> Discs:
    out = cylinder.radius_mm - options.roi_radius_mm - options.roi_margin_mm
    offsets = ((0.0, 0.0), (out, 0.0), (0.0, out), (-out, 0.0), (0.0, -out))
    radius_mm, over = options.roi_radius_mm, over_slices(noise, used)
    x, y = cylinder.at(float(axes_of(volume)[0].centres_mm[used][-1]))
    each = np.array([means_along(volume, cylinder, used, radius_mm, off) for off in offsets])
    sigmas = np.array(
        [_disc_sigma(volume, noise, (x + to_x, y + to_y), radius_mm) * over for to_x, to_y in offsets]
    )
    means = each.mean(axis=1)
    high, low = int(means.argmax()), int(means.argmin())
    both = float(means[high] + means[low])
    by_slice = 100 * (each.max(axis=0) - each.min(axis=0)) / (each.max(axis=0) + each.min(axis=0))
    extreme, percent = of_range(means, sigmas), 100 / both
    return Discs(
        means,
        sigmas,
        offsets,
        100 * float(means[high] - means[low]) / both,
        percent * extreme.sigma,
        NoiseFloor(percent * extreme.floor.mean, percent * extreme.floor.p95),
        float(by_slice.max()),
        float(by_slice.mean()),
    )


def _disc_sigma(volume: Volume, noise: Noise, centre_mm: tuple[float, float], radius_mm: float) -> float:
    """Return the standard deviation, by noise, of the mean of a disc in one slice."""
    _, rows, columns = axes_of(volume)
    _, _, weights = disc_weights(columns.edges_mm, rows.edges_mm, centre_mm, radius_mm)
    return disc_sigma(noise, weights)


def _calibration(
    mean: float, mean_sigma: float, options: CylinderOptions
) -> tuple[float | None, dict[str, float]]:
    """Return measured over expected concentration, and the parts of its uncertainty."""
    if options.expected is None:
        return None, {}
    value = mean / options.expected
    parts = {
        "counting": mean_sigma / options.expected,
        "fill": value * options.expected_uncertainty / options.expected,
    }
    return value, known(parts)
