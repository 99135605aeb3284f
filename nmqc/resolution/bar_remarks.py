"""What a reader of a bar phantom's numbers has to know of the image they come from."""

from __future__ import annotations

from nmqc.errors import CannotMeasure
from nmqc.model import Frame, Remark
from nmqc.resolution import acr
from nmqc.resolution.bar_fit import JointFit, smallest_resolved
from nmqc.resolution.bar_quadrants import Bars
from nmqc.resolution.modulation import POISSON

FEWEST_COUNTS = 2e6
FINE = 0.5  # pixel over bar, up to which bars are sampled well
SCALE_OFF = 0.01


def remarks(
    frame: Frame,
    bars: Bars,
    fit: JointFit | CannotMeasure,
    radionuclide: str,
) -> list[Remark]:
    """Return the remarks on one image."""
    said = [
        _counts(frame),
        _sampling(frame, bars),
        _noise(bars),
        _unresolved(bars),
        _scale(bars),
        fit_remark(fit),
    ]
    said.append(_grade(bars, frame, radionuclide))
    return [remark for remark in said if remark is not None]


def _counts(frame: Frame) -> Remark | None:
    if not frame.raw_counts:
        return Remark(
            "not_raw_counts", "the values are not raw counts: the noise is taken from the image itself"
        )
    total = int(frame.counts.sum())
    if total >= FEWEST_COUNTS:
        return None
    return Remark("low_counts", f"{total:,d} counts in the image: {FEWEST_COUNTS:,.0f} are usual for bars")


def _sampling(frame: Frame, bars: Bars) -> Remark | None:
    smallest = min((one.nominal_mm for one in bars.quadrants), default=0.0)
    pixel = max(frame.spacing_mm)
    if pixel <= FINE * smallest:
        return None
    return Remark(
        "coarse_sampling",
        f"pixels of {pixel:.2f} mm are more than half of the smallest bars measured ({smallest:g} mm): use a finer "
        "matrix or a zoom",
    )


def _noise(bars: Bars) -> Remark | None:
    off = [one for one in bars.quadrants if not POISSON[0] <= one.found.noise <= POISSON[1]]
    if not off:
        return None
    where = ", ".join(f"{one.found.noise:.2f} at the {one.name}" for one in off)
    why = "the values were scaled, or there is more than the bars"
    if min(one.found.noise for one in off) < POISSON[0]:
        why = "the image was smoothed, interpolated or scaled down: give it as it was acquired"
    return Remark(
        "noise_not_poisson",
        f"after the bars are taken out the variance over the mean is {where}, not 0.9 to 1.1: {why}",
    )


def _unresolved(bars: Bars) -> Remark | None:
    unseen = [one for one in bars.quadrants if not one.seen]
    if not unseen:
        return None
    where = ", ".join(f"{one.nominal_mm:g} mm at the {one.name}" for one in unseen)
    return Remark(
        "quadrant_unresolved",
        f"no bars are seen where those of {where} must be: measured there at the frequency that the others tell",
    )


def _scale(bars: Bars) -> Remark | None:
    if abs(bars.match.scale - 1) <= SCALE_OFF:
        return None
    return Remark(
        "pixel_scale_off",
        f"the bars measure {100 * (bars.match.scale - 1):+.1f} % of their nominal width: check the pixel size or "
        "the widths of the phantom",
    )


def fit_remark(fit: JointFit | CannotMeasure) -> Remark | None:
    """Return what is to be said of the joint fit."""
    if isinstance(fit, CannotMeasure):
        return None
    if fit.widened:
        return Remark(
            "poor_fit",
            f"the modulations do not follow one Gaussian within their noise (chi-squared {fit.chi_squared:.1f} for "
            f"{fit.degrees} degrees of freedom): the uncertainties of the fit are widened accordingly",
        )
    if fit.apart:
        return Remark(
            "x_and_y_differ",
            "the modulations contradict one FWHM in all directions: x and y are fitted apart, and their mean is "
            "given; give images of four rotations together for x and y by themselves",
        )
    if fit.contrast - 3 * fit.sigma(fit.fwhm_mm.size) > 1:
        return Remark(
            "contrast_above_one",
            f"the input contrast of {fit.contrast:.2f} exceeds 1: the bars are wider than the gaps, or the values "
            "were processed",
        )
    return None


def _grade(bars: Bars, frame: Frame, radionuclide: str) -> Remark | None:
    try:
        smallest = smallest_resolved(bars.quadrants, bars.unmeasured_mm)
    except CannotMeasure:
        return None
    grade = acr.grade(smallest, radionuclide, frame.collimator)
    if grade is None:
        return None
    how = "intrinsic" if frame.collimator == "NONE" else "system"
    return Remark(
        "acr_grade",
        f"ACR criteria, {radionuclide}, {how}: {grade}, bars of {smallest:g} mm being resolved (by measurement, "
        "not by an observer)",
    )
