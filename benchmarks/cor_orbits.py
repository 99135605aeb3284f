"""Point sources on an orbit for the validation: how counts become an acquisition, and where its values are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.cor import point_sources
from nmqc.model import (
    Acquisition,
    Analysis,
    Frame,
    Gantry,
    InputFile,
    Measurement,
    Result,
    Source,
    System,
)
from phantoms.cor import Orbit, OrbitTruth

FILE = InputFile("orbit.dcm", "0" * 64, "0" * 64)


def acquisition(orbit: Orbit, counts: NDArray[Any]) -> Acquisition:
    """Return counts of the shape of `Orbit.expected` as an acquisition, with the angles that a header would give."""
    return Acquisition(
        Source((FILE,), System("unknown", "none", "", ""), None, None), "TOMO", tuple(_frames(orbit, counts))
    )


def _frames(orbit: Orbit, counts: NDArray[Any]) -> Iterator[Frame]:
    for window, head, rotation in np.ndindex(counts.shape[:3]):
        sense = -1.0 if orbit.turns_clockwise(rotation) else 1.0
        angles = orbit.theta_deg(head, rotation)
        for view in range(orbit.views):
            step_deg, radius_mm = sense * orbit.step_deg, float(orbit.radii_mm[view])
            yield Frame(
                counts[window, head, rotation, view],
                orbit.spacing_mm,
                head + 1,
                "vector",
                None,
                FILE,
                window_number=window + 1,
                rotation=rotation + 1,
                view=view + 1,
                gantry=Gantry(float(angles[view]), step_deg, orbit.continuous, radius_mm),
            )


def analysed(orbit: Orbit, counts: NDArray[Any]) -> Analysis:
    """Return what nmqc says of the counts of an orbit."""
    return point_sources.analyse(acquisition(orbit, counts), point_sources.Options())


def exact(orbit: Orbit) -> Analysis:
    """Return what nmqc says of the expected counts themselves: no noise, nothing rounded."""
    return analysed(orbit, orbit.expected())


def measured(result: Result, name: str, of: str = "") -> Measurement:
    """Return a measurement by its short name: "offset"."""
    return next(one for one in result.measurements if (one.metric.name, one.of) == (f"cor.{name}", of))


def codes(result: Result) -> list[str]:
    """Return the codes of a result's remarks, each once."""
    return list(dict.fromkeys(remark.code for remark in result.remarks))


def true_of_head(orbit: Orbit, truth: OrbitTruth) -> dict[tuple[str, str], float]:
    """Return what is true of a head, by short name of the metric and `of`, sources counted from the top down."""
    head, sources = truth.head, sorted(truth.sources, key=lambda one: one.axial_mm)
    true = {
        ("offset", ""): sum(one.offset_mm for one in sources) / len(sources),
        ("offset_slope", ""): math.tan(math.radians(head.turn_deg)),
        ("tilt", ""): head.tilt_deg,
        ("drift", ""): head.drift_mm,
        ("axial_mean", ""): sum(one.axial_mm for one in sources) / len(sources),
        ("resolution", "200 mm"): orbit.fwhm_mm,
    }
    true["offset_opposed", ""] = true["offset", ""]
    if head.sag_mm:
        true["sag", ""] = head.sag_mm
    for number, source in enumerate(sources, start=1):
        true["radius", f"source {number}"] = source.radius_mm
    return true


def true_of_pair(orbit: Orbit, truths: Sequence[OrbitTruth]) -> dict[tuple[str, str], float]:
    """Return what is true of two heads beside each other."""
    first, second = (true_of_head(orbit, truth) for truth in truths)
    one, other = (truth.head for truth in truths)
    return {
        ("axial_shift", "1-2"): first["axial_mean", ""] - second["axial_mean", ""],
        ("offset_difference", "1-2"): first["offset", ""] - second["offset", ""],
        ("phase_difference", "1-2"): one.angle_error_deg - other.angle_error_deg,
    }


def offs(orbit: Orbit, analysis: Analysis) -> Iterator[tuple[int, Measurement, str, float]]:
    """Yield every measurement whose truth is known: its head (0: the pair), itself, its short name, how far off."""
    truths = orbit.truth()
    for result in analysis.results:
        head = result.detector or 0
        true = true_of_head(orbit, truths[head - 1]) if head else true_of_pair(orbit, truths)
        for one in result.measurements:
            short = one.metric.name.removeprefix("cor.")
            if (short, one.of) in true:
                yield head, one, short, one.value - true[short, one.of]
