"""Recovery coefficients of the hot spheres as EARL defines them, and the calibration of the background.

docs/methods/pet.md gives every step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from nmqc.errors import CannotMeasure
from nmqc.measure.frames import Findings
from nmqc.model import Measurement, Remark, Volume
from nmqc.pet.bands import Band, judging, load_bands
from nmqc.pet.calibration import bqml_per_unit, calibration, doubtful, require_credible, suv_background
from nmqc.pet.metrics import RECOVERY_METRICS, SPHERES_MM
from nmqc.pet.nema import ALL, Placed
from nmqc.pet.options import Options
from nmqc.pet.parts import known
from nmqc.pet.peak import RADIUS_MM as PEAK_RADIUS_MM
from nmqc.pet.phantom import IecPhantom, Sphere
from nmqc.pet.recovered import SEARCH_MM, Recovered, measure_recovered, voxel_ml_of
from nmqc.pet.truth import NO_FILL_UNCERTAINTY, Truth, sphere_name

__all__ = ["COEFFICIENTS", "SEARCH_MM", "Recovered", "Recovery", "bqml_per_unit", "recovery"]

COEFFICIENTS = ("rc_mean", "rc_max", "rc_peak")
FEWEST_VOXELS = 8
EARL_RATIO, EARL_RATIO_OFF = 10.0, 0.1  # of fills that the bands are for; relative difference remarked upon


@dataclass(frozen=True, slots=True, eq=False)
class Recovery:
    """What the report draws of recovery.

    Attributes
    ----------
    spheres : from 10 to 37 mm; None where one was not measured
    bands : of the standard that was asked for, those that judge; () where none was
    voxel_ml : volume of a voxel
    """

    spheres: tuple[Recovered | None, ...]
    bands: tuple[Band, ...]
    voxel_ml: float

    def parameters(self) -> dict[str, Any]:
        """Return what was used and found, as JSON values."""
        return {
            "search_beyond_mm": SEARCH_MM,
            "connected": "faces",
            "peak_radius_mm": round(PEAK_RADIUS_MM, 4),
            "bands": [band.set for band in self.bands],
            "spheres": [None if one is None else one.parameters(self.voxel_ml) for one in self.spheres],
        }


def recovery(
    volume: Volume, phantom: IecPhantom, truth: Truth, options: Options, findings: Findings, placed: Placed
) -> Recovery | None:
    """Measure recovery coefficients and calibration into `findings`.

    RC = X / c, with c the true concentration in the spheres at the time that the image's values refer to and X the
    maximum of the voxels within 8 mm of the sphere's surface; the mean of the voxels above half-way from the
    background to it that faces connect to it; or the highest mean over 1 mL. Calibration: background over its true
    concentration.

    Uncertainties: "counting", the scatter of the same statistic (mean over a ball of the same volume; maximum of a
    ball of as many voxels as stand above 90 %) over the places of the background, times (X / B)^p as for contrast;
    for the mean also what a maximum off by its own uncertainty changes, by the threshold ("threshold"); "fill".

    Parameters
    ----------
    placed : by `image_quality` of the same volume

    Returns
    -------
    Recovery or None
        None where the values cannot be turned into Bq/mL.

    References
    ----------
    Boellaard et al., Eur J Nucl Med Mol Imaging 2015;42:328 (EANM guideline); docs/methods/pet.md.
    """
    findings.attempt(["suv_background"], ALL, partial(suv_background, volume, placed.scatter, options))
    try:
        factor = bqml_per_unit(volume)
    except CannotMeasure as reason:
        findings.absent([*COEFFICIENTS, "calibration"], ALL, reason.code, reason.reason)
        return None
    findings.attempt(["calibration"], ALL, partial(calibration, placed.scatter, factor, truth))
    if truth.sphere_bqml is None:
        reason_ = "the true concentration was not given: give a fill sheet, or --sphere-bqml"
        findings.absent(COEFFICIENTS, ALL, "no_fill_sheet", reason_)
        return Recovery((None,) * len(SPHERES_MM), (), voxel_ml_of(volume))
    try:
        require_credible(
            factor * placed.scatter.level * (1 + phantom.contrast) / truth.sphere_bqml, "the hot spheres"
        )
    except CannotMeasure as reason:
        findings.absent(COEFFICIENTS, ALL, reason.code, reason.reason)
        return Recovery((None,) * len(SPHERES_MM), (), voxel_ml_of(volume))
    found = tuple(_give_sphere(volume, sphere, placed, factor, truth, findings) for sphere in phantom.spheres)
    bands = () if options.earl is None else judging(load_bands(), options.earl)
    result = Recovery(found, bands, voxel_ml_of(volume))
    findings.remarks += _remarks(result, truth, options, 1 + phantom.contrast)
    findings.remarks += [
        remark
        for m in findings.measurements
        if m.metric == RECOVERY_METRICS["calibration"]
        for remark in doubtful(m.value)
    ]
    return result


def _give_sphere(
    volume: Volume, sphere: Sphere, placed: Placed, factor: float, truth: Truth, findings: Findings
) -> Recovered | None:
    """Measure the three coefficients of one sphere, or say why not."""
    of = f"{sphere.diameter_mm:g} mm"
    try:
        found = measure_recovered(volume, sphere, placed)
    except CannotMeasure as reason:
        findings.absent(COEFFICIENTS, of, reason.code, reason.reason)
        return None
    _give_coefficients(found, of, factor, truth, findings)
    return found


def _give_coefficients(found: Recovered, of: str, factor: float, truth: Truth, findings: Findings) -> None:
    assert truth.sphere_bqml is not None
    scale = factor / truth.sphere_bqml
    fill = (truth.sphere_uncertainty_bqml or 0.0) / truth.sphere_bqml
    values = {"rc_mean": found.contour.mean, "rc_max": found.contour.highest}
    if found.peak is not None:
        values["rc_peak"] = found.peak.value
    else:
        reason = "no sphere of 1 mL fits into the volume here: image more slices about the spheres"
        findings.absent(["rc_peak"], of, "roi_outside", reason)
    for name, value in values.items():
        parts = {"counting": scale * found.noise[name], "fill": scale * value * fill}
        if name == "rc_mean":
            parts["threshold"] = scale * found.noise["threshold"]
        findings.measurements.append(Measurement(RECOVERY_METRICS[name], scale * value, of, known(parts)))


def _remarks(result: Recovery, truth: Truth, options: Options, seen: float) -> list[Remark]:
    remarks = []
    leaking = _named(result.spheres, lambda one: one.contour.leaks)
    if leaking:
        text = f"the 50 % isocontour reaches the end of the search volume: {leaking}; its mean may be too low"
        remarks.append(Remark("leak", text))
    few = _named(result.spheres, lambda one: one.contour.voxels < FEWEST_VOXELS)
    if few:
        text = f"fewer than {FEWEST_VOXELS} voxels in the 50 % isocontour: {few}; use smaller voxels"
        remarks.append(Remark("few_voxels", text))
    ratio = EARL_RATIO if options.earl is None else truth.ratio or seen
    if abs(ratio / EARL_RATIO - 1) > EARL_RATIO_OFF:
        text = f"the bands are for fills of about 10:1, this one is {ratio:.1f}:1"
        remarks.append(Remark("ratio_off", text))
    if truth.sphere_uncertainty_bqml is None:
        remarks.append(NO_FILL_UNCERTAINTY)
    return remarks


def _named(spheres: Sequence[Recovered | None], holds: Callable[[Recovered], bool]) -> str:
    names = [sphere_name(i) for i, one in enumerate(spheres) if one is not None and holds(one)]
    return ", ".join(names)
