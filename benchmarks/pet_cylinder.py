"""Uniform cylinders of known truth for the validation: faults without noise, and whether sigmas and floors hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.pet_scans import Floats, volume
from nmqc.measure.frames import Findings
from nmqc.pet.cylinder import CylinderOptions, give, measure_cylinder
from nmqc.pet.metrics import UNIFORMITY_METRICS
from phantoms.pet import Cylinder

SEED = 20_260_507
SEEDS = 100
NOISE = 0.08
EXPECTED = 5000.0
#: metric -> difference from the truth without noise that is accepted: the truth by hand goes by voxels' centres
EXACT = {"uniformity_axial": 0.02, "uniformity_transaxial": 0.02, "calibration": 0.0002}


def plain() -> Cylinder:
    """Return a cylinder without faults: tilted, off the centre, its noise correlated."""
    return Cylinder(
        matrix=(68, 74),
        slices=62,
        voxel_mm=(3.27, 3.5, 3.4),
        fwhm_mm=(6.0, 5.5),
        noise=NOISE,
        noise_fwhm_mm=(7.0, 6.0),
    )


def faults() -> tuple[tuple[str, Cylinder], ...]:
    """Return cylinders with one fault each, and one without."""
    return (
        ("none", plain()),
        ("0.05 % a mm along the axis", replace(plain(), slope_per_mm=0.0005)),
        ("a dip of 4 % at 12 mm, 20 mm wide", replace(plain(), dip=(12.0, 0.04, 20.0))),
        ("cupping of 5 %", replace(plain(), cupping=0.05, centre_mm=(0.0, 0.0, 0.0), tilt_deg=(0.0, 0.0))),
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """One value of one seed; `floor` is the mean that noise alone gives by the result, and its 95th percentile."""

    metric: str
    value: float
    sigma: float
    floor: tuple[float, float] | None


def measured(scan_of: Cylinder, values: Floats) -> list[Seen]:
    """Return what nmqc says of a cylinder."""
    findings = Findings(UNIFORMITY_METRICS)
    figures = measure_cylinder(volume(scan_of, values), CylinderOptions(expected=EXPECTED))
    give(figures, True, findings)
    return [
        Seen(
            one.metric.name.removeprefix("pet."),
            one.value,
            one.uncertainty or 0.0,
            (one.noise_floor.mean, one.noise_floor.p95) if one.noise_floor else None,
        )
        for one in findings.measurements
    ]


def used_slices(scan_of: Cylinder, values: Floats) -> list[int]:
    """Return the slices that nmqc uses: those 10 mm or more from the ends as it finds them."""
    used = measure_cylinder(volume(scan_of, values)).profile.z_mm
    return [int(np.abs(scan_of.centres_mm()[0] - z).argmin()) for z in used]


def run(number: int, seeds: int = SEEDS) -> list[list[Seen]]:
    """Return what the seeds of one fault gave."""
    _, cylinder = faults()[number]
    exact = cylinder.voxels()
    return [
        measured(cylinder, cylinder.with_noise(exact, SEED + 1000 * number + seed)) for seed in range(seeds)
    ]


# --- what is true ---------------------------------------------------------------------------------------


def true_of(number: int, slices: Sequence[int]) -> dict[str, float]:
    """Return what is true of a cylinder with a fault: axial and transaxial uniformity, and calibration.

    From the scanner's sensitivity over the slices used and the discs of the definition, by hand: voxels whose centres
    lie in them.
    """
    _, cylinder = faults()[number]
    z, y, x = cylinder.centres_mm()
    truth, factor = cylinder.truth(), cylinder.factor()
    slopes = truth.axis[0] / truth.axis[2], truth.axis[1] / truth.axis[2]
    middle = np.add(truth.first_mm, truth.last_mm) / 2
    radius = truth.diameter_mm / 2

    def mean(slice_: int, right: float, down: float, reach: float) -> float:
        along = z[slice_] - middle[2]
        far = np.hypot(
            x - middle[0] - slopes[0] * along - right, y[:, None] - middle[1] - slopes[1] * along - down
        )
        return float(factor[slice_][far <= reach].mean())

    profile = np.array([mean(k, 0.0, 0.0, 0.7 * radius) for k in slices])
    out = radius - 25
    discs = [
        np.mean([mean(k, right, down, 15.0) for k in slices])
        for right, down in ((0, 0), (out, 0), (0, out), (-out, 0), (0, -out))
    ]
    return {
        "uniformity_axial": 100 * float(np.abs(profile / profile.mean() - 1).max()),
        "uniformity_transaxial": 100 * float((max(discs) - min(discs)) / (max(discs) + min(discs))),
        "calibration": float(profile.mean()) * cylinder.background_bqml / EXPECTED,
    }


@dataclass(frozen=True, slots=True)
class Row:
    """Summary of one metric of one fault."""

    fault: str
    metric: str
    count: int
    true: float | None
    clean: float
    mean: float
    scatter: float
    stated: float
    within: float
    floor: float | None
    above: float | None

    @property
    def ratio(self) -> float:
        """Return the scatter over the sigma given."""
        return self.scatter / self.stated


def rows(found: Sequence[Sequence[Sequence[Seen]]]) -> list[Row]:
    """Return the summary of the seeds of every fault: `found[fault][seed]`.

    `within`: share within one sigma of the mean over the seeds, in per cent; `above`: share above the 95th percentile
    of the noise floor.
    """
    made = []
    for number, ((what, cylinder), seeds) in enumerate(zip(faults(), found, strict=True)):
        exact = cylinder.voxels()
        clean = {one.metric: one.value for one in measured(cylinder, exact)}
        true = true_of(number, used_slices(cylinder, exact)) | {"noise": 100 * NOISE}
        for metric in clean:
            mine = [one for seed in seeds for one in seed if one.metric == metric]
            values = np.array([one.value for one in mine])
            sigmas = np.array([one.sigma for one in mine])
            floors = [one.floor for one in mine if one.floor]
            made.append(
                Row(
                    what,
                    metric,
                    values.size,
                    true.get(metric),
                    clean[metric],
                    float(values.mean()),
                    float(values.std(ddof=1)),
                    math.sqrt(float((sigmas**2).mean())),
                    100 * float((np.abs(values - values.mean()) <= sigmas).mean()),
                    float(np.mean([one[0] for one in floors])) if floors else None,
                    100 * float(np.mean([v > f[1] for v, f in zip(values, floors, strict=True)]))
                    if floors
                    else None,
                )
            )
    return made


# --- in words -------------------------------------------------------------------------------------------


def required(made: Sequence[Row]) -> Iterator[tuple[str, str, bool]]:
    """Yield what is required of cylinders, what was measured, and whether that is enough."""
    off = [abs(one.clean - one.true) for one in made if one.true is not None and one.metric in EXACT]
    yield (
        "cylinder without noise: axial and transaxial uniformity to 0.02 points, calibration to 0.0002",
        f"largest difference {max(off):.4f}",
        all(
            abs(one.clean - one.true) <= EXACT[one.metric]
            for one in made
            if one.true is not None and one.metric in EXACT
        ),
    )
    for metric in dict.fromkeys(one.metric for one in made):
        mine = [one for one in made if one.metric == metric]
        low, high = min(one.ratio for one in mine), max(one.ratio for one in mine)
        yield (
            f"`{metric}` of a cylinder: scatter at most 1.25 sigma",
            f"{low:.2f} to {high:.2f} of {len(mine)} cylinders" + (": wider than needed" * (low < 0.75)),
            high <= 1.25,
        )
    for metric in ("uniformity_axial", "uniformity_transaxial"):
        alone = [one for one in made if one.metric == metric and one.true is not None and one.true < 0.01]
        count = sum(one.count for one in alone)
        above = sum((one.above or 0.0) * one.count for one in alone) / count
        chance = 3 * math.sqrt(5 * 95 / count)
        yield (
            f"noise floor of `{metric}`: 5 +- {chance:.1f} % (three standard errors) of what is noise alone above "
            "its 95th percentile",
            f"{above:.1f} % of {count}",
            above <= 5 + chance,
        )


def table(made: Sequence[Row]) -> str:
    """Return the summaries as a table."""
    lines = [
        "| fault | metric | true | without noise | mean of the seeds | scatter | sigma given | scatter / sigma "
        "| floor, mean | above its 95th percentile |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in made:
        true = "" if one.true is None else f"{one.true:.3f}"
        floor = "" if one.floor is None else f"{one.floor:.2f}"
        above = "" if one.above is None else f"{one.above:.0f} %"
        lines.append(
            f"| {one.fault} | `{one.metric}` | {true} | {one.clean:.3f} | {one.mean:.3f} | {one.scatter:.4f} | "
            f"{one.stated:.4f} | {one.ratio:.2f} | {floor} | {above} |"
        )
    return "\n".join(lines) + "\n"
