"""What a reader of the figures of a slit mask has to know of the image that they come from."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, radians, sqrt, tan

import numpy as np

from nmqc.measure.profile import FINE_SAMPLING
from nmqc.model import Measurement, Remark
from nmqc.resolution.slit_spread import HIGHEST_BETWEEN, Bools, Floats
from nmqc.resolution.slit_study import Study

NEMA_COUNTS = 1000
NEMA_SPACING_MM = 30.0
ALIGNED_MM = 1.0
BETWEEN = 0.02  # of the peak
SCALE_OFF = 0.01
SKEW_MM, SKEW_FACTOR = 0.1, 4.0  # at least so much, and so many times what the other slits show


def remarks(study: Study, found: Sequence[Measurement]) -> list[Remark]:
    """Return the remarks on one image of a slit mask.

    Parameters
    ----------
    found : everything measured
    """
    said = [
        _low_counts(study, found),
        _not_raw(study),
        _coarse(study),
        _tilt(study),
        _background(study),
        _missing(study),
        _edge(study),
        _spacing(study),
        _scale(study),
        _noise(found),
    ]
    return [remark for remark in said if remark is not None]


def _low_counts(study: Study, found: Sequence[Measurement]) -> Remark | None:
    heights = study.spread.height[study.usable]
    few = int((heights < NEMA_COUNTS).sum())
    if not study.frame.raw_counts or few == 0:
        return None
    return Remark(
        "low_counts",
        f"{few} of {heights.size} line-spread functions have fewer than {NEMA_COUNTS:,d} counts in the peak channel, "
        f"as the standard asks for: {heights.min():,.0f} in the lowest, {heights.mean():,.0f} on average"
        + _too_small(found),
    )


def _too_small(found: Sequence[Measurement]) -> str:
    """Return by how much noise makes the widths read too small."""
    by = [
        f"{one.metric.label}, {one.of.upper()}, by {one.uncertainty_parts['highest channel']:.3f} mm"
        for one in found
        if "highest channel" in one.uncertainty_parts
    ]
    return f"; noise raises the highest channel, so that widths read too small: {'; '.join(by)}" if by else ""


def _not_raw(study: Study) -> Remark | None:
    if study.frame.raw_counts:
        return None
    return Remark(
        "not_raw_counts", "the values are not raw counts: no uncertainties and no noise floor can be given"
    )


def _coarse(study: Study) -> Remark | None:
    if study.fine:
        return None
    return Remark(
        "coarse_sampling",
        f"the pixel is {study.sampling:.2f} of the FWHM, the standard asks for {FINE_SAMPLING:g} at most: the FWHM "
        "reads too large, by 2 to 4 % at 0.33 and 5 to 11 % at 0.5",
    )


def _tilt(study: Study) -> Remark | None:
    angle = abs(study.mask.tilt_deg)
    off_mm = study.field.extents_mm[1] * tan(radians(angle))
    if off_mm <= ALIGNED_MM:
        return None
    return Remark(
        "tilt",
        f"the slits lie {angle:.2f} degrees off the axis of the image, {off_mm:.1f} mm over the field: the standard "
        f"asks for {ALIGNED_MM:g} mm. Within a strip this widens the FWHM by {_smearing_mm(study):.3f} mm",
    )


def _smearing_mm(study: Study) -> float:
    """Return by how much the tilt widens the FWHM: the variance of a top hat, the shift over a strip, is added."""
    fwhm = study.scale_mm / study.sampling
    shift = study.cells.pixels * study.mask.along_mm * tan(radians(abs(study.mask.tilt_deg)))
    return float(fwhm - sqrt(max(fwhm**2 - 8 * log(2) * shift**2 / 12, 0.0)))


def _background(study: Study) -> Remark | None:
    """Say how much light there is between the slits, what it does to the widths, and what was left out for it."""
    used, left_out = study.usable, study.expected["ufov"] & study.bright
    parts = study.cells.between_part[used]
    part = float(parts.mean())
    said = []
    if parts.max() > BETWEEN:
        half, tenth = -log(1 - part) / log(2), -log(max(1 - 9 * part, 1e-9)) / log(10)
        said.append(
            f"the light between the slits is {100 * part:.1f} % of their peak on average and "
            f"{100 * parts.max():.1f} % at most; the standard subtracts nothing: on average it adds about "
            f"{100 * (sqrt(1 + half) - 1):.1f} % to FWHM and {100 * (sqrt(1 + tenth) - 1):.1f} % to FWTM"
        )
    if left_out.any():
        said.append(
            f"{int(left_out.sum())} of {int(study.expected['ufov'].sum())} strips in the UFOV are left out of every "
            f"figure, for beside them is more light than {100 * HIGHEST_BETWEEN:.0f} % of their peak: on the slits "
            f"at {study.mask.across} = {_where(study, left_out)} mm"
        )
    return Remark("background", "; ".join(said)) if said else None


def _missing(study: Study) -> Remark | None:
    """Say how many strips hold no line-spread function, and where the first of them is."""
    missing = study.expected["ufov"] & ~study.usable & ~study.bright
    if not missing.any():
        return None
    return Remark(
        "field_incomplete",
        f"{int(missing.sum())} of {int(study.expected['ufov'].sum())} strips in the UFOV hold no line that could be "
        f"measured, on the slits at {study.mask.across} = {_where(study, missing)} mm: they are left out of "
        "every figure",
    )


def _where(study: Study, cells: Bools) -> str:
    """Return where across the first four slits are that have such cells."""
    slits = np.flatnonzero(cells.any(axis=1))
    positions = ", ".join(f"{one:+.0f}" for one in _across_mm(study)[slits][:4])
    return f"{positions} ..." if slits.size > 4 else positions


def _across_mm(study: Study) -> Floats:
    return study.mask.across_position_mm(study.cells.expected_px.mean(axis=1))


def _edge(study: Study) -> Remark | None:
    """Say which outermost slits the border of the field cuts, or seems to cut."""
    at_mm = _across_mm(study)
    said = []
    if study.cut.any():
        places = " and ".join(f"{one:+.0f}" for one in at_mm[study.cut.any(axis=1)])
        said.append(
            f"the slit at {study.mask.across} = {places} mm lies so near to the border of the field that this cuts "
            f"its line-spread functions: {int(study.cut.sum())} strips are left out"
        )
    said += [
        f"the outermost slit at {study.mask.across} = {at_mm[slit]:+.0f} mm is skewed inwards by {inwards:.2f} mm, "
        "as if the border of the field cut it: the figures of the UFOV hang on it"
        for slit, inwards in _skewed(study)
    ]
    return Remark("edge_limited", "; ".join(said)) if said else None


def _skewed(study: Study) -> list[tuple[int, float]]:
    """Return the outermost slits used that are skewed inwards as no other slit is, and by how much in mm.

    Judged by thirds of a slit, since the border cuts a tilted one at one end alone.
    """
    used = study.usable & np.isfinite(study.spread.skew)
    slits = np.flatnonzero(used.any(axis=1))
    if slits.size < 3:
        return []
    skew = [study.scale_mm * _thirds(study.spread.skew[slit, used[slit]]) for slit in slits]
    usual = max(SKEW_MM, SKEW_FACTOR * float(np.sqrt((np.concatenate(skew[1:-1]) ** 2).mean())))
    outermost = ((int(slits[0]), float(skew[0].max())), (int(slits[-1]), float((-skew[-1]).max())))
    return [(slit, inwards) for slit, inwards in outermost if inwards > usual]


def _thirds(values: Floats) -> Floats:
    """Return the means of the thirds of a slit."""
    return np.array([third.mean() for third in np.array_split(values, min(3, values.size))])


def _spacing(study: Study) -> Remark | None:
    if study.mask.spacing_mm == NEMA_SPACING_MM:
        return None
    return Remark(
        "nonstandard",
        f"slits {study.mask.spacing_mm:g} mm apart, where the standard has {NEMA_SPACING_MM:g} mm: not a NEMA figure",
    )


def _scale(study: Study) -> Remark | None:
    """Say so where the header's pixel is not that of the slits' spacing."""
    off = study.scale_mm / study.mask.across_mm - 1
    if abs(off) <= SCALE_OFF:
        return None
    return Remark(
        "pixel_scale_off",
        f"the header's pixel is {study.mask.across_mm:.4f} mm across the slits, by their spacing of "
        f"{study.mask.spacing_mm:g} mm it is {study.scale_mm:.4f} mm, {100 * off:+.1f} %: check the camera's "
        "calibration, or the mask's spacing; widths and linearity are by the slits, positions by the header",
    )


def _noise(found: Sequence[Measurement]) -> Remark | None:
    floors = [(one, one.noise_floor) for one in found if one.noise_floor is not None]
    quiet = [f"{one.metric.label}, {one.of.upper()}" for one, floor in floors if one.value <= floor.p95]
    if not quiet:
        return None
    return Remark(
        "not_distinguishable_from_noise",
        "no larger than what a perfectly linear detector gives in 95 of 100 images at these counts: "
        + "; ".join(quiet),
    )
