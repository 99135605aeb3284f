"""What there is to say of an image quality measurement beside its numbers."""

from __future__ import annotations

from nmqc.measure.frames import Findings
from nmqc.model import Remark, Volume
from nmqc.pet.contrast import CONTRASTS
from nmqc.pet.metrics import IMAGE_QUALITY_METRICS
from nmqc.pet.placed import Placed
from nmqc.pet.truth import Truth, sphere_name

MOST_TILTED_DEG = 3.0  # up to which the standard's numbers are given
OWN_FROM_DEG = 1.0  # tilt from which every sphere is measured on its own slice
CONTRAST_RANGE = (0.0, 130.0)  # %, outside of which a contrast is remarked upon


def remarks_on(
    volume: Volume, placed: Placed, tilt_deg: float, truth: Truth, findings: Findings
) -> list[Remark]:
    """Return the remarks on what `nema.image_quality` measured.

    Parameters
    ----------
    tilt_deg : of the ring of the spheres
    """
    return [
        *_of_tilt(placed, tilt_deg),
        *_of_background(placed),
        *_of_fill(truth, findings),
        *_of_edition(placed),
        *_off_plane(volume, placed),
        *_out_of_range(findings),
    ]


def _of_tilt(placed: Placed, tilt_deg: float) -> list[Remark]:
    if tilt_deg <= OWN_FROM_DEG:
        return []
    text = f"the ring of the spheres is tilted by {tilt_deg:.1f} degrees"
    on_own = placed.own_slices and tilt_deg <= MOST_TILTED_DEG
    return [Remark("tilt", text + (", each sphere is measured on its own slice" if on_own else ""))]


def _of_edition(placed: Placed) -> list[Remark]:
    if placed.edition != "2018" or "cold" not in placed.states:
        return []
    text = "NEMA NU 2-2018 fills all six spheres hot, this phantom has cold ones: the edition asked for does not fit"
    return [Remark("edition_contradicts", text)]


def _of_background(placed: Placed) -> list[Remark]:
    if placed.placement.standard:
        return []
    count = placed.scatter.means[0].size
    text = (
        f"{count} background regions of each size, the standard asks for 60: slices lie outside the phantom"
    )
    return [Remark("nonstandard", text)]


def _of_fill(truth: Truth, findings: Findings) -> list[Remark]:
    if truth.ratio is None:
        text = (
            "no true ratio was given: the contrast recovery of hot spheres is not computed; give --ratio, or a "
            "fill sheet"
        )
        return [Remark("no_ratio", text)]
    contrast = IMAGE_QUALITY_METRICS["contrast_hot"]
    if truth.ratio_uncertainty is not None or all(m.metric != contrast for m in findings.measurements):
        return []
    text = (
        "the uncertainty of the ratio was not given (--ratio-uncertainty): that of the contrast is without it"
    )
    return [Remark("no_fill_uncertainty", text)]


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
