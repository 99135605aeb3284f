"""Image quality of the IEC body phantom: contrast, background variability and lung residual, NEMA NU 2, 7.

docs/methods/pet.md gives every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from nmqc.errors import CannotMeasure
from nmqc.measure.discs import disc_mean
from nmqc.measure.frames import Findings
from nmqc.model import Measurement, Remark, Volume
from nmqc.pet.background import Placement, nearest_slice, place, plane_mm, slice_mm
from nmqc.pet.insert import Insert, measure_insert
from nmqc.pet.metrics import IMAGE_QUALITY_METRICS, SPHERES_MM
from nmqc.pet.options import Options
from nmqc.pet.phantom import IecPhantom, Sphere, State
from nmqc.pet.scatter import Scatter, axes_of, measure_background, require_finite
from nmqc.pet.truth import EDITIONS, Truth, sphere_name

MOST_TILTED_DEG = 3.0  # up to which the standard's numbers are given
OWN_FROM_DEG = 1.0  # tilt from which every sphere is measured on its own slice
CONTRAST_RANGE = (0.0, 130.0)  # %, outside of which a contrast is remarked upon
ALL = ""
CONTRASTS = {"hot": "contrast_hot", "cold": "contrast_cold"}
OF_THE_STANDARD = ("contrast_hot", "contrast_cold", "background_variability", "lung_residual")
EVERYTHING = (*OF_THE_STANDARD, "background", "sphere_to_background")


@dataclass(frozen=True, slots=True)
class Region:
    """What is measured of one sphere.

    Attributes
    ----------
    slice : index of the slice
    off_plane_mm : z of the slice minus that of the sphere's centre
    mean : C_H or C_C, over a circle of the sphere's inner diameter
    parts : of its uncertainty, in the same unit: "counting", "localisation"
    background, background_error, deviation : C_B, its standard error, and SD, of circles of the same diameter
    """

    slice: int
    off_plane_mm: float
    mean: float
    parts: dict[str, float]
    background: float
    background_error: float
    deviation: float

    @property
    def ratio(self) -> float:
        """Return C_H / C_B."""
        return self.mean / self.background

    def ratio_parts(self) -> dict[str, float]:
        """Return the parts of the uncertainty of C_H / C_B."""
        parts = {name: part / self.background for name, part in self.parts.items()}
        return parts | {"background": abs(self.ratio) * self.background_error / self.background}


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Where everything was measured, and what the report draws.

    Attributes
    ----------
    regions : of the spheres from 10 to 37 mm; None where a sphere could not be measured
    states : that were expected of the spheres, or else found
    edition : "2007", "2012", "2018"
    own_slices : True where every sphere was measured on the slice nearest to it
    insert : None where the lung insert could not be measured
    """

    placement: Placement
    scatter: Scatter
    regions: tuple[Region | None, ...]
    states: tuple[State, ...]
    edition: str
    own_slices: bool
    insert: Insert | None

    def parameters(self) -> dict[str, Any]:
        """Return what was used, as JSON values; lengths rounded to what they are good for."""
        place_ = self.placement
        return {
            "edition": self.edition,
            "slice": "own" if self.own_slices else "common",
            "slices": [None if region is None else region.slice + 1 for region in self.regions],
            "slice_off_sphere_mm": [
                None if region is None else round(region.off_plane_mm, 2) for region in self.regions
            ],
            "background_slices": [index + 1 for index in place_.slices],
            "background_offsets_mm": [round(offset, 2) for offset in place_.offsets_mm],
            "background_centres_mm": [[round(x, 2), round(y, 2)] for x, y in place_.centres_mm],
            "background_centres_with_spheres_mm": [[round(u, 2), round(v, 2)] for u, v in place_.turned_mm],
            "background_from_wall_mm": round(place_.from_wall_mm, 1),
            "background_from_spheres_mm": round(place_.from_spheres_mm, 1),
            "background_apart_mm": round(place_.apart_mm, 1),
            "background_regions": int(self.scatter.means[0].size),
            "noise_exponent": round(self.scatter.exponent, 2),
            "lung": None if self.insert is None else self.insert.parameters(),
        }


def image_quality(
    volume: Volume,
    phantom: IecPhantom,
    truth: Truth,
    options: Options,
    findings: Findings,
    placement: Placement | None = None,
) -> Placed | None:
    """Measure contrast, background variability and lung residual into `findings`.

    With C_H, C_C the means over circles of the spheres' inner diameters, C_B, SD mean and standard deviation (K - 1)
    over the K = 60 background circles of the same diameter, and r the true ratio::

        Q_H = (C_H / C_B - 1) / (r - 1)      Q_C = 1 - C_C / C_B      N = SD / C_B
        residual in the lung insert = mean over the slices of C_lung / C_B,37

    Uncertainties: "counting", SD of the circles of the same diameter, times (C_H / C_B)^p with p as the scatter of
    voxels well inside the large hot spheres tells it (`scatter`); "localisation", what moving the circle by the
    uncertainty of the centre changes; "background", the standard error of C_B; "fill", Q dr / (r - 1). Of N:
    "scatter", 1 / sqrt(2 (K_e - 1)) of itself, with K_e the number of independent circles.

    Parameters
    ----------
    findings : takes measurements, what could not be measured, and remarks
    placement : of the background, where it is known from a replicate; None: place it

    Returns
    -------
    Placed or None
        None where not even the background could be measured: everything is then under `not_measured`.

    References
    ----------
    NEMA NU 2, 7 (image quality); docs/methods/pet.md.
    """
    _give_places(phantom, findings)
    try:
        placement = placement or place(volume, phantom, options.background_rois)
        scatter = measure_background(volume, phantom, placement)
    except CannotMeasure as reason:
        findings.absent(EVERYTHING, ALL, reason.code, reason.reason)
        return None
    states, edition = _expected(phantom, truth, options)
    tilt = math.hypot(phantom.ring.tilt_x_deg, phantom.ring.tilt_y_deg)
    own = options.slice == "own" or (options.slice is None and tilt > OWN_FROM_DEG)
    regions = _regions(volume, phantom, scatter, own, findings)
    insert = None
    _give_background(volume, scatter, findings)
    _give_ratios(regions, findings)
    if tilt > MOST_TILTED_DEG:
        reason_ = (
            f"the ring of the spheres is tilted by {tilt:.1f} degrees, {MOST_TILTED_DEG:g} at most leave the "
            "standard's numbers right: lay the phantom along the axis"
        )
        findings.absent(OF_THE_STANDARD, ALL, "tilted", reason_)
    else:
        _give_contrasts(regions, phantom, states, truth, findings)
        _give_variability(scatter, findings)
        insert = _give_lung(volume, phantom, scatter, placement, options, edition, findings)
    placed = Placed(placement, scatter, regions, states, edition, own, insert)
    findings.remarks += _remarks(volume, placed, tilt, truth, findings)
    return placed


# --- where ----------------------------------------------------------------------------------------------


def _give_places(phantom: IecPhantom, findings: Findings) -> None:
    for index, sphere in enumerate(phantom.spheres):
        parts = {"fit": sphere.sigma_mm} if sphere.sigma_mm > 0 else {}
        for axis, value in (("x", sphere.x_mm), ("y", sphere.y_mm), ("z", sphere.z_mm)):
            metric = IMAGE_QUALITY_METRICS[f"sphere_{axis}"]
            findings.measurements.append(Measurement(metric, value, sphere_name(index), parts))


def _expected(phantom: IecPhantom, truth: Truth, options: Options) -> tuple[tuple[State, ...], str]:
    """Return the state that every sphere should have, or else has, and the edition that goes with it."""
    found = tuple(sphere.state for sphere in phantom.spheres)
    if options.edition is not None:
        return truth.states or EDITIONS[options.edition], options.edition
    states = truth.states or found
    return states, "2012" if "cold" in states else "2018"


def _regions(
    volume: Volume, phantom: IecPhantom, scatter: Scatter, own: bool, findings: Findings
) -> tuple[Region | None, ...]:
    """Measure every sphere, or say why not."""
    common = nearest_slice(volume, plane_mm(phantom))
    regions: list[Region | None] = []
    for index, sphere in enumerate(phantom.spheres):
        chosen = nearest_slice(volume, sphere.z_mm) if own else common
        try:
            regions.append(_region(volume, index, sphere, chosen, scatter))
        except CannotMeasure as reason:
            regions.append(None)
            findings.absent(["sphere_to_background"], sphere_name(index), reason.code, reason.reason)
    return tuple(regions)


def _region(volume: Volume, index: int, sphere: Sphere, chosen: int, scatter: Scatter) -> Region:
    """Measure the circle of one sphere."""
    if not 0 <= chosen < volume.values.shape[0]:
        raise CannotMeasure(
            "spheres_cut", "the plane of the spheres lies outside the volume: move the phantom into the field"
        )
    rows, columns = axes_of(volume)
    image, radius_mm = volume.values[chosen], sphere.diameter_mm / 2

    def mean_at(right_mm: float, down_mm: float) -> float:
        return disc_mean(image, rows, columns, (sphere.x_mm + right_mm, sphere.y_mm + down_mm), radius_mm)

    mean, deviation = mean_at(0.0, 0.0), scatter.deviation(index)
    require_finite(np.array([mean]))
    parts = {
        "counting": deviation * scatter.gain(mean),
        "localisation": _localisation(mean_at, mean, sphere.sigma_mm),
    }
    return Region(
        slice=chosen,
        off_plane_mm=slice_mm(volume, chosen) - sphere.z_mm,
        mean=mean,
        parts={name: part for name, part in parts.items() if part > 0},
        background=scatter.background(index),
        background_error=scatter.background_error(index),
        deviation=deviation,
    )


def _localisation(mean_at: Callable[[float, float], float], mean: float, sigma_mm: float) -> float:
    """Return the root mean square change of a mean when its centre is off by sigma along x and along y.

    By slope g and curvature c in either direction: the mean of (g d + c d^2 / 2)^2 over normal d. At a sphere's
    centre the slope vanishes and the curvature alone is left.
    """
    if sigma_mm <= 0:
        return 0.0
    slopes, curves = [], []
    for right, down in ((sigma_mm, 0.0), (0.0, sigma_mm)):
        ahead, behind = mean_at(right, down) - mean, mean_at(-right, -down) - mean
        slopes.append((ahead - behind) / 2)
        curves.append((ahead + behind) / 2)
    square = sum(slope**2 for slope in slopes) + 2 * sum(curve**2 for curve in curves) + sum(curves) ** 2
    return math.sqrt(square)


# --- what -----------------------------------------------------------------------------------------------


def _give_background(volume: Volume, scatter: Scatter, findings: Findings) -> None:
    largest = len(SPHERES_MM) - 1
    metric = replace(IMAGE_QUALITY_METRICS["background"], unit=volume.unit)
    parts = _known({"background": scatter.background_error(largest)})
    findings.measurements.append(Measurement(metric, scatter.background(largest), ALL, parts))


def _give_ratios(regions: Sequence[Region | None], findings: Findings) -> None:
    metric = IMAGE_QUALITY_METRICS["sphere_to_background"]
    for index, region in enumerate(regions):
        if region is not None:
            parts = _known(region.ratio_parts())
            findings.measurements.append(Measurement(metric, region.ratio, sphere_name(index), parts))


def _give_contrasts(
    regions: Sequence[Region | None],
    phantom: IecPhantom,
    states: Sequence[State],
    truth: Truth,
    findings: Findings,
) -> None:
    """Give Q_H of the hot and Q_C of the cold spheres."""
    for state, name in CONTRASTS.items():
        if state not in states:
            findings.absent([name], ALL, f"no_{state}_spheres", f"no sphere of the phantom is {state}")
        elif state == "hot" and truth.ratio is None:
            reason = (
                "no true ratio was given: give --ratio, --sphere-bqml and --background-bqml, or a fill sheet"
            )
            findings.absent([name], ALL, "no_ratio", reason)
    for index, (region, sphere, state) in enumerate(zip(regions, phantom.spheres, states, strict=True)):
        of = sphere_name(index)
        if state == "absent":
            reason = f"the {of} sphere cannot be told from the background: acquire longer, or state the fill"
            findings.absent(["contrast_hot"], of, "sphere_absent", reason)
        elif state == "cold" or truth.ratio is not None:
            findings.attempt([CONTRASTS[state]], of, partial(_contrast, region, sphere, state, truth, of))


def _contrast(
    region: Region | None, sphere: Sphere, state: State, truth: Truth, of: str
) -> list[Measurement]:
    """Return Q_H or Q_C of one sphere."""
    if sphere.state != state:
        seen = "cannot be told from the background" if sphere.state == "absent" else f"is {sphere.state}"
        raise CannotMeasure(
            "state_contradicts",
            f"the {of} sphere should be {state}, and {seen} in the image: check the fill sheet or the edition, and "
            "that the spheres were filled",
        )
    if region is None:
        raise CannotMeasure(
            "roi_outside", f"the {of} sphere could not be measured: see its ratio to the background"
        )
    metric = IMAGE_QUALITY_METRICS[CONTRASTS[state]]
    if state == "cold":
        parts = {name: 100 * part for name, part in region.ratio_parts().items()}
        return [Measurement(metric, 100 * (1 - region.ratio), of, _known(parts))]
    assert truth.ratio is not None
    value = 100 * (region.ratio - 1) / (truth.ratio - 1)
    parts = {name: 100 * part / (truth.ratio - 1) for name, part in region.ratio_parts().items()}
    parts["fill"] = abs(value) * (truth.ratio_uncertainty or 0.0) / (truth.ratio - 1)
    return [Measurement(metric, value, of, _known(parts))]


def _give_variability(scatter: Scatter, findings: Findings) -> None:
    for index in range(len(SPHERES_MM)):
        findings.attempt(
            ["background_variability"], sphere_name(index), partial(_variability, scatter, index)
        )


def _variability(scatter: Scatter, index: int) -> list[Measurement]:
    """Return N of one diameter."""
    value = 100 * scatter.deviation(index) / scatter.background(index)
    if value == 0:
        raise CannotMeasure(
            "no_noise",
            "all background regions are equal, as in no acquired image: give the image as reconstructed",
        )
    parts = {"scatter": value / math.sqrt(2 * (scatter.independent(index) - 1))}
    return [Measurement(IMAGE_QUALITY_METRICS["background_variability"], value, sphere_name(index), parts)]


def _give_lung(
    volume: Volume,
    phantom: IecPhantom,
    scatter: Scatter,
    placement: Placement,
    options: Options,
    edition: str,
    findings: Findings,
) -> Insert | None:
    try:
        insert = measure_insert(volume, phantom, scatter, placement, options, edition)
    except CannotMeasure as reason:
        findings.absent(["lung_residual"], ALL, reason.code, reason.reason)
        return None
    metric = IMAGE_QUALITY_METRICS["lung_residual"]
    findings.measurements.append(Measurement(metric, insert.mean, ALL, _known(insert.parts)))
    return insert


def _known(parts: dict[str, float]) -> dict[str, float]:
    return {name: part for name, part in parts.items() if part > 0}


# --- remarks --------------------------------------------------------------------------------------------


def _remarks(
    volume: Volume, placed: Placed, tilt_deg: float, truth: Truth, findings: Findings
) -> list[Remark]:
    remarks = []
    if tilt_deg > OWN_FROM_DEG:
        text = f"the ring of the spheres is tilted by {tilt_deg:.1f} degrees"
        remarks.append(
            Remark("tilt", text + (", each sphere is measured on its own slice" if placed.own_slices else ""))
        )
    if not placed.placement.standard:
        count = placed.scatter.means[0].size
        text = f"{count} background regions of each size, the standard asks for 60: slices lie outside the phantom"
        remarks.append(Remark("nonstandard", text))
    if truth.ratio is not None and truth.ratio_uncertainty is None:
        text = "the uncertainty of the ratio was not given (--ratio-uncertainty): that of the contrast is without it"
        remarks.append(Remark("no_fill_uncertainty", text))
    return remarks + _off_plane(volume, placed) + _out_of_range(findings)


def _off_plane(volume: Volume, placed: Placed) -> list[Remark]:
    half_mm = volume.spacing_mm[0] / 2
    off = [
        f"{sphere_name(index)} by {abs(region.off_plane_mm):.1f} mm"
        for index, region in enumerate(placed.regions)
        if region is not None and abs(region.off_plane_mm) > half_mm * (1 + 1e-9)
    ]
    if not off:
        return []
    text = f"spheres lie more than half a slice off the slice they are measured on: {', '.join(off)}"
    return [Remark("off_plane", text + "; see also --slice own")]


def _out_of_range(findings: Findings) -> list[Remark]:
    low, high = CONTRAST_RANGE
    names = [IMAGE_QUALITY_METRICS[name] for name in CONTRASTS.values()]
    odd = [m for m in findings.measurements if m.metric in names and not low <= m.value <= high]
    if not odd:
        return []
    text = ", ".join(f"{m.of} {m.value:.1f} %" for m in odd)
    return [
        Remark(
            "contrast_out_of_range",
            f"contrasts that are hardly possible: {text}; check the ratio and the fill",
        )
    ]
