"""Contrast of the hot and the cold spheres of the IEC phantom: Q_H and Q_C."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from nmqc.errors import CannotMeasure
from nmqc.measure.frames import Findings
from nmqc.model import Measurement
from nmqc.pet.metrics import IMAGE_QUALITY_METRICS
from nmqc.pet.parts import known
from nmqc.pet.phantom import IecPhantom, Sphere, State
from nmqc.pet.placed import Region
from nmqc.pet.truth import Truth, sphere_name

MOST_OFF = 1.5  # of the true contrast from that of the image, either way
CONTRASTS = {"hot": "contrast_hot", "cold": "contrast_cold"}


def give_contrasts(
    regions: Sequence[Region | None],
    phantom: IecPhantom,
    states: Sequence[State],
    truth: Truth,
    findings: Findings,
) -> None:
    """Give Q_H of the hot and Q_C of the cold spheres: see `nema.image_quality`.

    Parameters
    ----------
    states : that are expected of the spheres
    """
    _give_absent(states, truth, findings)
    contradiction = _contradiction(truth, phantom.contrast)
    for index, (region, sphere, state) in enumerate(zip(regions, phantom.spheres, states, strict=True)):
        of = sphere_name(index)
        if state == "absent":
            reason = f"the {of} sphere cannot be told from the background: acquire longer, or state the fill"
            findings.absent(["contrast_hot"], of, "sphere_absent", reason)
        elif state == "hot" and contradiction:
            findings.absent(["contrast_hot"], of, "ratio_contradicts", contradiction)
        elif state == "cold" or truth.ratio is not None:
            findings.attempt([CONTRASTS[state]], of, partial(_contrast, region, sphere, state, truth, of))


def _contradiction(truth: Truth, contrast: float) -> str:
    """Return what is wrong with a ratio that the image contradicts; "" where it does not.

    The image's own estimate is of what all spheres hold together: blur leaves it as it is.
    """
    if truth.ratio is None or contrast <= 0 or 1 / MOST_OFF <= (truth.ratio - 1) / contrast <= MOST_OFF:
        return ""
    return (
        f"the ratio is {truth.ratio:.3g}:1 by what was given and about {1 + contrast:.2g}:1 by the image: check the "
        "ratio, or activities, volumes and times of the fill sheet"
    )


def _give_absent(states: Sequence[State], truth: Truth, findings: Findings) -> None:
    """Say which contrast no sphere can have."""
    for state, name in CONTRASTS.items():
        if state not in states:
            findings.absent([name], "", f"no_{state}_spheres", f"no sphere of the phantom is {state}")
        elif state == "hot" and truth.ratio is None:
            reason = (
                "no true ratio was given: give --ratio, --sphere-bqml and --background-bqml, or a fill sheet"
            )
            findings.absent([name], "", "no_ratio", reason)


def _contrast(
    region: Region | None, sphere: Sphere, state: State, truth: Truth, of: str
) -> list[Measurement]:
    """Return Q_H or Q_C of one sphere."""
    _require_state(sphere, state, of)
    if region is None:
        raise CannotMeasure(
            "roi_outside", f"the {of} sphere could not be measured: see its ratio to the background"
        )
    metric, ratio_parts = IMAGE_QUALITY_METRICS[CONTRASTS[state]], region.ratio_parts()
    if state == "cold":
        parts = {name: 100 * part for name, part in ratio_parts.items()}
        return [Measurement(metric, 100 * (1 - region.ratio), of, known(parts))]
    assert truth.ratio is not None
    value = 100 * (region.ratio - 1) / (truth.ratio - 1)
    parts = {name: 100 * part / (truth.ratio - 1) for name, part in ratio_parts.items()}
    parts["fill"] = abs(value) * (truth.ratio_uncertainty or 0.0) / (truth.ratio - 1)
    return [Measurement(metric, value, of, known(parts))]


def _require_state(sphere: Sphere, state: State, of: str) -> None:
    """Refuse a sphere that the image shows in another state than it should be in."""
    if sphere.state != state:
        seen = "cannot be told from the background" if sphere.state == "absent" else f"is {sphere.state}"
        raise CannotMeasure(
            "state_contradicts",
            f"the {of} sphere should be {state}, and {seen} in the image: check the fill sheet or the edition, and "
            "that the spheres were filled",
        )
