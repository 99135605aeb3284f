"""The numbers of one image of bars, quadrant by quadrant, and of the phantom as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmqc.errors import CannotMeasure
from nmqc.measure.frames import Findings
from nmqc.model import Acquisition, Frame, Measurement, Position
from nmqc.resolution.bar_fit import JointFit, Point, mtf_of, smallest_resolved
from nmqc.resolution.bar_quadrants import Bars, Quadrant
from nmqc.resolution.bar_study import pixel_scale
from nmqc.resolution.metrics import BARS_METRICS as METRICS
from nmqc.resolution.modulation import Patch
from nmqc.resolution.moments import fwhm_of_moments, moments
from nmqc.resolution.straightness import Displacements, straightness

ABOVE_NOISE = 3.0  # modulation over its uncertainty, below which it is not given


def give_modulation(
    points: Sequence[Point], number: int, name: str, fit: JointFit | CannotMeasure, findings: Findings
) -> None:
    """Give modulation and MTF of one quadrant, where they stand out from the noise."""
    found = points[number].quadrant.found
    if found.squared <= 0 or found.snr < ABOVE_NOISE:
        below = (max(found.squared, 0.0) + ABOVE_NOISE**2 * found.sigma**2) ** 0.5
        reason = f"no modulation above the noise (less than {below:.3f}): these bars are not resolved"
        findings.absent(["modulation", "mtf"], name, "not_resolved", reason)
        return
    counting = {"counting": found.sigma}
    findings.measurements.append(Measurement(METRICS["modulation"], found.value, name, counting))
    _mtf(points, number, name, fit, findings)


def _mtf(
    points: Sequence[Point], number: int, name: str, fit: JointFit | CannotMeasure, findings: Findings
) -> None:
    """Give (pi / 4) m / C0, the pixels divided out."""
    if isinstance(fit, CannotMeasure):
        findings.absent(["mtf"], name, fit.code, fit.reason)
        return
    value, sigma = mtf_of(points, number, fit)
    findings.measurements.append(Measurement(METRICS["mtf"], value, name, fit.parts(sigma)))


def give_width(quadrant: Quadrant, name: str, findings: Findings) -> None:
    """Give the width of the bars by their frequency, where that was measured."""
    if not quadrant.seen:
        reason = "these bars are not resolved: their width cannot be measured"
        findings.absent(["width"], name, "not_resolved", reason)
        return
    counting = {"counting": 0.5 / quadrant.frequency**2 * quadrant.frequency_sigma}
    findings.measurements.append(Measurement(METRICS["width"], quadrant.width_mm, name, counting))


def give_moments(
    quadrant: Quadrant, name: str, frame: Frame, flood: Acquisition | None, findings: Findings
) -> None:
    """Give FWHM by moments, as published and with pi / 4."""
    both = ("fwhm_moments", "fwhm_moments_pi4")
    findings.attempt(both, name, lambda: _moments(quadrant, name, frame, flood))


def _moments(quadrant: Quadrant, name: str, frame: Frame, flood: Acquisition | None) -> list[Measurement]:
    if not frame.raw_counts:
        raise CannotMeasure(
            "not_raw_counts", "the values are not raw counts: the method of moments does not hold"
        )
    even = None if flood is None else Patch.of(_flood_frame(flood, frame), quadrant.disc)
    found = moments(Patch.of(frame, quadrant.disc), quadrant.found.noise, even)
    measured = []
    for metric, pi4 in (("fwhm_moments", False), ("fwhm_moments_pi4", True)):
        value, sigma = fwhm_of_moments(found, quadrant.width_mm, pi4=pi4)
        measured.append(Measurement(METRICS[metric], value, name, {"counting": sigma}))
    return measured


def _flood_frame(flood: Acquisition, frame: Frame) -> Frame:
    """Return the flood's frame of the same detector and matrix.

    Raises
    ------
    CannotMeasure
        ``flood_differs``.
    """
    for one in flood.frames:
        same = one.detector == frame.detector and one.counts.shape == frame.counts.shape
        if same and np.allclose(one.spacing_mm, frame.spacing_mm, rtol=1e-3) and one.raw_counts:
            return one
    raise CannotMeasure(
        "flood_differs",
        "the flood has no raw image of this detector with the same matrix and pixels: acquire one like the bars",
    )


def has_frame(flood: Acquisition | None, frame: Frame) -> bool:
    """Say whether a flood was given that goes with a frame."""
    try:
        return flood is not None and _flood_frame(flood, frame).counts.size > 0
    except CannotMeasure:
        return False


def give_resolved(bars: Bars, findings: Findings) -> None:
    """Give the smallest resolved bars, and the pixel scale."""
    findings.attempt(
        ["smallest_resolved"],
        "",
        lambda: [
            Measurement(METRICS["smallest_resolved"], smallest_resolved(bars.quadrants, bars.unmeasured_mm))
        ],
    )
    findings.attempt(["pixel_scale"], "", lambda: [pixel_scale(bars.quadrants)])


def give_place(bars: Bars, findings: Findings) -> None:
    """Give rotation and centre."""
    cross = bars.cross
    at = (Position("centre", cross.x_mm, cross.y_mm),)
    findings.measurements += [
        Measurement(METRICS["rotation"], bars.rotation_deg, "", {"counting": bars.rotation_sigma_deg}),
        Measurement(METRICS["centre_x"], cross.x_mm, "", {"bars": bars.centre_sigma_mm[0]}, at=at),
        Measurement(METRICS["centre_y"], cross.y_mm, "", {"bars": bars.centre_sigma_mm[1]}, at=at),
    ]


def straightness_of(moved: Sequence[Displacements]) -> list[Measurement]:
    """Return standard deviation and largest magnitude of the displacements.

    Raises
    ------
    CannotMeasure
        ``no_straightness``.
    """
    found = straightness(moved)
    at = (Position("largest displacement", found.x_mm, found.y_mm),)
    sd, largest = {"counting": found.sd_sigma_mm}, {"counting": found.largest_sigma_mm}
    return [
        Measurement(METRICS["linearity_sd"], found.sd_mm, "", sd, found.sd_floor),
        Measurement(METRICS["linearity_max"], found.largest_mm, "", largest, found.largest_floor, at),
    ]
