"""Image quality of the IEC body phantom: contrast, background variability and lung residual, NEMA NU 2, 7.

docs/methods/pet.md gives every step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from nmqc.errors import CannotMeasure
from nmqc.measure.frames import Findings
from nmqc.model import Measurement, Volume
from nmqc.pet.background import Placement, place
from nmqc.pet.contrast import give_contrasts
from nmqc.pet.insert import Insert, measure_insert
from nmqc.pet.metrics import IMAGE_QUALITY_METRICS, SPHERES_MM
from nmqc.pet.nema_remarks import MOST_TILTED_DEG, OWN_FROM_DEG, remarks_on
from nmqc.pet.options import Options
from nmqc.pet.parts import known
from nmqc.pet.phantom import IecPhantom, State
from nmqc.pet.placed import Placed, Region
from nmqc.pet.scatter import Scatter, measure_background
from nmqc.pet.sphere_regions import measure_regions
from nmqc.pet.truth import EDITIONS, Truth, sphere_name

__all__ = ["ALL", "Placed", "Region", "image_quality"]

ALL = ""
OF_THE_STANDARD = ("contrast_hot", "contrast_cold", "background_variability", "lung_residual")
EVERYTHING = (*OF_THE_STANDARD, "background", "sphere_to_background")


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
    try:
        placement = placement or place(volume, phantom, options.background_rois)
        scatter = measure_background(volume, phantom, placement)
    except CannotMeasure as reason:
        findings.absent(EVERYTHING, ALL, reason.code, reason.reason)
        _give_places(phantom, findings)
        return None
    states, edition = _expected(phantom, truth, options)
    tilt_deg = math.hypot(phantom.ring.tilt_x_deg, phantom.ring.tilt_y_deg)
    own = options.slice == "own" or (options.slice is None and tilt_deg > OWN_FROM_DEG)
    regions = measure_regions(volume, phantom, scatter, own, findings)
    insert = None
    if tilt_deg > MOST_TILTED_DEG:
        _give_tilted(tilt_deg, findings)
    else:
        give_contrasts(regions, phantom, states, truth, findings)
        _give_variability(scatter, findings)
        insert = _give_lung(volume, phantom, scatter, placement, options, edition, findings)
    _give_background(volume, scatter, findings)
    _give_ratios(regions, findings)
    _give_places(phantom, findings)
    placed = Placed(placement, scatter, regions, states, edition, own, insert)
    findings.remarks += remarks_on(volume, placed, tilt_deg, truth, findings)
    return placed


def _give_places(phantom: IecPhantom, findings: Findings) -> None:
    for index, sphere in enumerate(phantom.spheres):
        parts = known({"fit": sphere.sigma_mm})
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


def _give_background(volume: Volume, scatter: Scatter, findings: Findings) -> None:
    metric = replace(IMAGE_QUALITY_METRICS["background"], unit=volume.unit)
    parts = known({"background": scatter.level_error})
    findings.measurements.append(Measurement(metric, scatter.level, ALL, parts))


def _give_ratios(regions: Sequence[Region | None], findings: Findings) -> None:
    metric = IMAGE_QUALITY_METRICS["sphere_to_background"]
    for index, region in enumerate(regions):
        if region is not None:
            parts = known(region.ratio_parts())
            findings.measurements.append(Measurement(metric, region.ratio, sphere_name(index), parts))


def _give_tilted(tilt_deg: float, findings: Findings) -> None:
    reason = (
        f"the ring of the spheres is tilted by {tilt_deg:.1f} degrees, {MOST_TILTED_DEG:g} at most leave the "
        "standard's numbers right: lay the phantom along the axis"
    )
    findings.absent(OF_THE_STANDARD, ALL, "tilted", reason)


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
    findings.measurements.append(Measurement(metric, insert.mean, ALL, known(insert.parts)))
    return insert
