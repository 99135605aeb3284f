"""A scan of the IEC body phantom, in which every test finds the same phantom and the same background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from nmqc.measure.frames import Findings
from nmqc.model import Remark, Scan, Volume
from nmqc.pet.metrics import IMAGE_QUALITY_METRICS
from nmqc.pet.nema import Placed, image_quality
from nmqc.pet.options import Options
from nmqc.pet.phantom import IecPhantom, find_phantom
from nmqc.pet.replicates import mean_of, require_in_place
from nmqc.pet.truth import Truth


class Study:
    """What the tests on one phantom share, worked out when it is first asked for.

    Parameters
    ----------
    volumes : replicates, or one volume
    options : see `Options`

    Attributes
    ----------
    whole : the mean of the replicates, in which the phantom is found
    """

    def __init__(self, volumes: Sequence[Volume], options: Options) -> None:
        self.volumes, self.options = tuple(volumes), options

    @cached_property
    def whole(self) -> Volume:
        """The mean of the replicates.

        Raises
        ------
        CannotMeasure
            ``replicates_differ``.
        """
        return mean_of(self.volumes)

    @cached_property
    def phantom(self) -> IecPhantom:
        """The phantom as it was found, in the mean of all replicates.

        Raises
        ------
        CannotMeasure
            As `find_phantom` says; ``replicates_moved``.
        """
        found = find_phantom(self.whole, self.options.hints)
        require_in_place(self.volumes, found)
        return found

    def take(self, other: Study) -> None:
        """Take over where another study of the same volumes, with the same hints, has found the phantom."""
        self.__dict__ |= {
            name: found for name, found in other.__dict__.items() if name in ("whole", "phantom")
        }

    @cached_property
    def quality(self) -> tuple[tuple[Findings, Placed | None], ...]:
        """What the test of image quality found in each replicate; the background has one place in all of them."""
        done: list[tuple[Findings, Placed | None]] = []
        placement = None
        for number, volume in enumerate(self.volumes):
            findings = Findings(IMAGE_QUALITY_METRICS)
            truth = self.options.truth_of(number)
            placed = image_quality(volume, self.phantom, truth, self.options, findings, placement)
            placement = placement or (placed.placement if placed else None)
            done.append((findings, placed))
        return tuple(done)

    def parameters(self) -> dict[str, Any]:
        """Return how the phantom lies and what is in it, as JSON values."""
        return {
            **image_parameters(self.whole, self.volumes),
            "phantom": _place(self.phantom),
            "truth": truth_parameters(self.options.truth, self.options.fill),
        }

    def remarks(self) -> list[Remark]:
        """Return what the reader tolerated, what there is to say of replicates, and what the caller says."""
        return [*image_remarks(self.volumes), *self.options.remarks]


_STUDIES: WeakKeyDictionary[Scan, Study] = WeakKeyDictionary()


def study_of(scan: Scan, options: Options) -> Study:
    """Return the study of a scan: the one that an earlier test with the same options has begun, else a new one.

    Where the phantom lies does not depend on the options but for the hints. A study is forgotten with its scan.
    """
    known = _STUDIES.get(scan)
    if known is None or known.options != options:
        fresh = _STUDIES[scan] = Study(scan.volumes, options)
        if known is not None and known.options.hints == options.hints:
            fresh.take(known)
        return fresh
    return known


# --- what every PET test tells ------------------------------------------------------------------------------


def image_parameters(volume: Volume, replicates: Sequence[Volume]) -> dict[str, Any]:
    """Return what the image is, as JSON values."""
    tracer = volume.tracer
    return {
        "matrix": list(volume.values.shape),
        "voxel_mm": [round(pitch, 6) for pitch in volume.spacing_mm],
        "series": [one.series for one in replicates],
        "unit": volume.unit,
        "reconstruction": volume.reconstruction,
        "half_life_s": tracer.half_life_s,
        "decay_correction": tracer.decay_correction,
        "reference": [one.tracer.reference for one in replicates],
        "reference_from": tracer.reference_from,
    }


def truth_parameters(truths: Sequence[Truth], fill: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what is really in the phantom, as JSON values."""
    first = truths[0]
    return {
        "source": first.source,
        "ratio": _short(first.ratio),
        "ratio_uncertainty": _short(first.ratio_uncertainty),
        "sphere_bqml": [_short(truth.sphere_bqml) for truth in truths],
        "background_bqml": [_short(truth.background_bqml) for truth in truths],
        "fill_sheet": fill,
    }


def image_remarks(volumes: Sequence[Volume]) -> list[Remark]:
    """Return what the reader tolerated of any volume, each once, and that there are replicates."""
    remarks = list(dict.fromkeys(remark for volume in volumes for remark in volume.remarks))
    if len(volumes) > 1:
        text = f"means over {len(volumes)} acquisitions of the phantom in one place; their scatter is a parameter"
        remarks.append(Remark("replicates", text))
    return remarks


def asked(volume: Volume, truths: Sequence[Truth]) -> dict[str, Any]:
    """Return what was said that changes a value: part of the history's key."""
    tracer = volume.tracer
    return {
        "voxel_mm": [round(pitch, 6) for pitch in volume.spacing_mm],
        "ratio": _short(truths[0].ratio),
        "sphere_bqml": [_short(truth.sphere_bqml) for truth in truths],
        "background_bqml": [_short(truth.background_bqml) for truth in truths],
        "states": truths[0].states,
        "reference": tracer.reference if tracer.reference_from == "user" else None,
    }


def _short(value: float | None) -> float | None:
    """Return a number with nine digits: no rounding of a decay may change a key."""
    return None if value is None else float(f"{value:.9g}")


def _place(phantom: IecPhantom) -> dict[str, Any]:
    ring = phantom.ring
    return {
        "ring_centre_mm": [round(one, 2) for one in (ring.x_mm, ring.y_mm, ring.z_mm)],
        "ring_radius_mm": round(ring.radius_mm, 2),
        "ring_residual_mm": round(ring.residual_mm, 2),
        "phase_deg": round(ring.phase_deg, 2),
        "sense": ring.sense,
        "tilt_deg": [round(ring.tilt_x_deg, 2), round(ring.tilt_y_deg, 2)],
        "body_mm": [round(phantom.first_z_mm, 1), round(phantom.last_z_mm, 1)],
        "cut_by_the_volume": phantom.truncated,
        "upside_down": phantom.upside_down,
        "spheres": [sphere.state for sphere in phantom.spheres],
        "predicted": [f"{sphere.diameter_mm:g} mm" for sphere in phantom.spheres if sphere.predicted],
    }
