"""Recovery coefficients of the hot spheres as EARL defines them, and the calibration of the background.

docs/methods/pet.md gives every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.discs import Floats
from nmqc.measure.frames import Findings
from nmqc.model import Measurement, Remark, Volume
from nmqc.pet.bands import Band, judging, load_bands
from nmqc.pet.isocontour import Isocontour, isocontour, mean_above
from nmqc.pet.metrics import RECOVERY_METRICS, SPHERES_MM
from nmqc.pet.nema import ALL, Placed
from nmqc.pet.options import Options
from nmqc.pet.peak import RADIUS_MM as PEAK_RADIUS_MM
from nmqc.pet.peak import Peak, peak
from nmqc.pet.phantom import IecPhantom, Sphere
from nmqc.pet.scatter import Scatter, axes_of, box_about
from nmqc.pet.truth import Truth, sphere_name

COEFFICIENTS = ("rc_mean", "rc_max", "rc_peak")
SEARCH_MM, PEAK_REACH_MM = 8.0, 4.0  # beyond the sphere's radius
FEWEST_VOXELS = 8
TOP = 0.9  # of the maximum above the background: the voxels that it is the highest of
EARL_RATIO, EARL_RATIO_OFF = (
    10.0,
    0.1,
)  # of fills that the bands are for, and the relative difference remarked upon


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """What was measured of one hot sphere, in Bq/mL.

    Attributes
    ----------
    contour : the 50 % isocontour; its values in the volume's own unit
    peak : None where no sphere of 1 mL fits into the volume
    parts : of each coefficient's uncertainty by noise: "rc_mean", "rc_max", "rc_peak"
    """

    contour: Isocontour
    peak: Peak | None
    noise: dict[str, float]

    def parameters(self, voxel_ml: float) -> dict[str, Any]:
        """Return what was found, as JSON values."""
        place = None if self.peak is None else [round(one, 2) for one in self.peak.centre_mm]
        return {
            "voxels": self.contour.voxels,
            "volume_ml": round(self.contour.voxels * voxel_ml, 3),
            "threshold": float(f"{self.contour.threshold:.6g}"),
            "mean_without_connection": float(f"{self.contour.mean_of_all:.6g}"),
            "reaches_search_volume": self.contour.leaks,
            "peak_at_voxel": None if self.peak is None else float(f"{self.peak.at_voxel:.6g}"),
            "peak_centre_mm": place,
        }


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
    _give_suv(volume, placed.scatter, options, findings)
    try:
        factor = bqml_per_unit(volume)
    except CannotMeasure as reason:
        findings.absent([*COEFFICIENTS, "calibration"], ALL, reason.code, reason.reason)
        return None
    findings.attempt(["calibration"], ALL, partial(_calibration, placed.scatter, factor, truth))
    if truth.sphere_bqml is None:
        reason_ = "the true concentration was not given: give a fill sheet, or --sphere-bqml"
        findings.absent(COEFFICIENTS, ALL, "no_fill_sheet", reason_)
        return Recovery((None,) * len(SPHERES_MM), (), _voxel_ml(volume))
    found: list[Recovered | None] = []
    for index, sphere in enumerate(phantom.spheres):
        try:
            one = _sphere(volume, sphere, placed)
            _give_coefficients(one, sphere_name(index), factor, truth, findings)
            found.append(one)
        except CannotMeasure as reason:
            findings.absent(COEFFICIENTS, sphere_name(index), reason.code, reason.reason)
            found.append(None)
    bands = () if options.earl is None else judging(load_bands(), options.earl)
    result = Recovery(tuple(found), bands, _voxel_ml(volume))
    findings.remarks += _remarks(result, truth, options)
    return result


def bqml_per_unit(volume: Volume) -> float:
    """Return what turns the values of a volume into Bq/mL.

    1, or for g/mL (SUV by body weight) the activity at the reference time over the weight: the scanner divided by it.

    Raises
    ------
    CannotMeasure
        ``relative_units``.
    """
    if volume.quantitative and volume.unit == "Bq/mL":
        return 1.0
    if volume.quantitative and volume.unit == "g/mL":
        return _bq_per_g(volume)
    raise CannotMeasure(
        "relative_units",
        "the image holds no activity concentrations: export it in Bq/mL; contrast and variability need none",
    )


# --- background -----------------------------------------------------------------------------------------


def _give_suv(volume: Volume, scatter: Scatter, options: Options, findings: Findings) -> None:
    findings.attempt(["suv_background"], ALL, partial(_suv, volume, scatter, options))


def _suv(volume: Volume, scatter: Scatter, options: Options) -> list[Measurement]:
    """Return the background as an SUV: as the image holds it, or by the header's activity where asked for."""
    largest = len(SPHERES_MM) - 1
    if volume.unit == "g/mL":
        scale = 1.0
    elif not options.header_dose:
        raise CannotMeasure(
            "no_header_dose",
            "the header's activity and weight are seldom a phantom's: give --header-dose where they are",
        )
    else:
        scale = bqml_per_unit(volume) / _bq_per_g(volume)
    parts = _known({"background": scale * scatter.background_error(largest)})
    return [Measurement(RECOVERY_METRICS["suv_background"], scale * scatter.background(largest), ALL, parts)]


def _bq_per_g(volume: Volume) -> float:
    """Return the header's activity over its weight, at the time that the values refer to."""
    tracer = volume.tracer
    activity_bq, weight_g, half_life_s = tracer.activity_bq, tracer.weight_g, tracer.half_life_s
    if not activity_bq or not weight_g or not half_life_s or not tracer.measured or not tracer.reference:
        raise CannotMeasure(
            "relative_units",
            "the header lacks activity, weight, half-life or a time that SUV goes by: export the image in Bq/mL",
        )
    times = [
        datetime.fromisoformat(text).replace(tzinfo=None) for text in (tracer.reference, tracer.measured)
    ]
    passed_s = (times[0] - times[1]).total_seconds()
    return activity_bq * math.exp2(-passed_s / half_life_s) / weight_g


def _calibration(scatter: Scatter, factor: float, truth: Truth) -> list[Measurement]:
    """Return the measured over the true concentration of the background."""
    if truth.background_bqml is None:
        raise CannotMeasure(
            "no_fill_sheet",
            "the true concentration of the background was not given: give a fill sheet, or --background-bqml",
        )
    largest = len(SPHERES_MM) - 1
    value = factor * scatter.background(largest) / truth.background_bqml
    parts = {
        "background": factor * scatter.background_error(largest) / truth.background_bqml,
        "fill": value * (truth.background_uncertainty_bqml or 0.0) / truth.background_bqml,
    }
    return [Measurement(RECOVERY_METRICS["calibration"], value, ALL, _known(parts))]


# --- spheres --------------------------------------------------------------------------------------------


def _sphere(volume: Volume, sphere: Sphere, placed: Placed) -> Recovered:
    """Measure one hot sphere."""
    if sphere.state != "hot":
        raise CannotMeasure(
            f"sphere_{sphere.state}",
            f"the {sphere.diameter_mm:g} mm sphere is {sphere.state} in the image: recovery is of hot spheres",
        )
    centre, reach_mm = (sphere.x_mm, sphere.y_mm, sphere.z_mm), sphere.diameter_mm / 2 + SEARCH_MM
    _require_whole(volume, centre, reach_mm)
    box, distance = box_about(volume, centre, reach_mm)
    values, within = np.asarray(volume.values[box], np.float64), distance <= reach_mm
    if not np.isfinite(values[within]).all():
        raise CannotMeasure(
            "not_numbers", "the image holds values that are no numbers: give it as reconstructed"
        )
    background = placed.scatter.background(len(SPHERES_MM) - 1)
    contour = isocontour(values, within, background)
    try:
        highest = peak(volume, centre, sphere.diameter_mm / 2 + PEAK_REACH_MM)
    except CannotMeasure:
        highest = None
    return Recovered(contour, highest, _noise(volume, values, within, contour, highest, placed))


def _require_whole(volume: Volume, centre_mm: tuple[float, float, float], reach_mm: float) -> None:
    for middle, pitch, count in zip(reversed(centre_mm), volume.spacing_mm, volume.values.shape, strict=True):
        if abs(middle) + reach_mm > pitch * count / 2:
            raise CannotMeasure(
                "roi_outside",
                "the search volume of the sphere leaves the image: move the phantom into the field of view",
            )


def _noise(
    volume: Volume,
    values: Floats,
    within: NDArray[np.bool_],
    contour: Isocontour,
    highest: Peak | None,
    placed: Placed,
) -> dict[str, float]:
    """Return the standard deviations by noise of maximum, mean and peak, and of the mean by its threshold."""
    background = placed.scatter.background(len(SPHERES_MM) - 1)
    top = background + TOP * (contour.highest - background)
    spread = partial(_spread, volume, placed)
    gain = placed.scatter.gain
    of_max = gain(contour.highest) * spread(np.max, int((within & (values > top)).sum()))
    found = {
        "rc_max": of_max,
        "rc_mean": gain(contour.mean) * spread(np.mean, contour.voxels),
        "threshold": _by_threshold(values, within, contour, of_max),
    }
    if highest is not None:
        voxels = max(round(1 / _voxel_ml(volume)), 1)
        found["rc_peak"] = gain(highest.value) * spread(np.mean, voxels)
    return found


def _by_threshold(values: Floats, within: NDArray[np.bool_], contour: Isocontour, of_max: float) -> float:
    """Return what a maximum that is off by its uncertainty changes in the mean, by the threshold alone."""
    means = [mean_above(values, within, contour.threshold + sign * 0.5 * of_max) for sign in (-1.0, 1.0)]
    return max((abs(mean - contour.mean) for mean in means if mean is not None), default=0.0)


def _spread(volume: Volume, placed: Placed, statistic: Callable[..., Any], voxels: int) -> float:
    """Return the standard deviation of a statistic over balls of so many voxels at the places of the background."""
    radius_mm = min((3 * voxels * _voxel_ml(volume) * 1000 / (4 * math.pi)) ** (1 / 3), SPHERES_MM[-1] / 2)
    reach = [int(radius_mm / pitch) for pitch in volume.spacing_mm]
    steps = [np.arange(-most, most + 1) for most in reach]
    off = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    off = off[((off * volume.spacing_mm) ** 2).sum(axis=1) <= radius_mm**2]
    rows, columns = axes_of(volume)
    middles = [
        (index, int(np.abs(rows.centres_mm - y).argmin()), int(np.abs(columns.centres_mm - x).argmin()))
        for index in placed.placement.slices
        for x, y in placed.placement.centres_mm
    ]
    places = np.clip(np.array(middles)[:, None] + off, 0, np.array(volume.values.shape) - 1)
    values = np.asarray(volume.values[places[..., 0], places[..., 1], places[..., 2]], np.float64)
    return float(np.std(statistic(values, axis=1), ddof=1))


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
        findings.measurements.append(Measurement(RECOVERY_METRICS[name], scale * value, of, _known(parts)))


def _known(parts: dict[str, float]) -> dict[str, float]:
    return {name: part for name, part in parts.items() if part > 0}


def _voxel_ml(volume: Volume) -> float:
    return math.prod(volume.spacing_mm) / 1000


# --- remarks --------------------------------------------------------------------------------------------


def _remarks(result: Recovery, truth: Truth, options: Options) -> list[Remark]:
    remarks = []
    leaking = _named(result.spheres, lambda one: one.contour.leaks)
    if leaking:
        text = f"the 50 % isocontour reaches the end of the search volume: {leaking}; its mean may be too low"
        remarks.append(Remark("leak", text))
    few = _named(result.spheres, lambda one: one.contour.voxels < FEWEST_VOXELS)
    if few:
        text = f"fewer than {FEWEST_VOXELS} voxels in the 50 % isocontour: {few}; use smaller voxels"
        remarks.append(Remark("few_voxels", text))
    ratio = EARL_RATIO if options.earl is None or truth.ratio is None else truth.ratio
    if abs(ratio / EARL_RATIO - 1) > EARL_RATIO_OFF:
        text = f"the bands are for fills of about 10:1, this one is {ratio:.1f}:1"
        remarks.append(Remark("ratio_off", text))
    return remarks


def _named(spheres: Sequence[Recovered | None], holds: Callable[[Recovered], bool]) -> str:
    names = [sphere_name(i) for i, one in enumerate(spheres) if one is not None and holds(one)]
    return ", ".join(names)
