"""Point sources on orbits of heads whose faults are known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from nmqc.model import Acquisition
from nmqc.validate import files
from nmqc.validate.acquisitions import turning
from nmqc.validate.case import Case, Family, Level, Seen, Taken, Truth
from phantoms.cor import Orbit, OrbitHead, OrbitTruth, PointSource, SourceTruth

COR = "cor"
#: NEMA's arrangement: one on the axis, the others on either side of it
THREE = (
    PointSource(75.0, -6.0, 64.0, 20_000.0),
    PointSource(1.7, 2.2, 1.0, 21_000.0),
    PointSource(-71.0, 19.0, -66.0, 19_000.0),
)


class Orbits(Family):
    """One head or two, full circles and arcs, with an offset, a tilt, a turn, sag and drift."""

    test: ClassVar[str] = "cor.point-sources"

    def cases(self, level: Level) -> Iterator[Case]:
        """Yield orbits without noise, then with noise, then arcs and sources that are refused."""
        grid = list(_grid())
        for name, orbit in grid[:3] if level == "least" else grid:
            yield Case(self.test, name, orbit, {}, _about(orbit, "none"))
        times = {"least": 4, "quick": 10, "whole": 40}[level]
        for name, orbit in grid[:1] if level != "whole" else grid:
            for part in (1.0,) if level != "whole" else (0.25, 1.0):
                made = replace(
                    orbit, sources=tuple(replace(one, counts=part * one.counts) for one in orbit.sources)
                )
                about = _about(made, f"{made.sources[0].counts:,.0f} counts of a source in a view")
                yield Case(self.test, f"{name}, {made.sources[0].counts:,.0f} counts", made, {}, about, times)
        _, first = grid[0]
        short = replace(first, arc_deg=150.0, views=50)
        yield Case(self.test, "arc of 150 deg", short, {}, _about(short, "none"), refused="arc_too_short")
        beyond = replace(first, sources=(PointSource(172.0, 10.0, 5.0),))
        yield Case(self.test, "source outside", beyond, {}, _about(beyond, "none"), refused="source_outside")

    def acquire(self, case: Case, seed: int | None) -> Acquisition:
        """Return the views."""
        return turning(case.phantom) if seed is None else files.orbit(case.phantom, seed)

    def due(self, taken: Taken) -> frozenset[int | None]:
        """Return the heads, and the pair that two of them are."""
        heads = Family.due(self, taken)
        return heads | {None} if len(heads) == 2 else heads

    def truths(self, seen: Seen) -> Iterator[Truth]:
        """Yield what is true of a head, or of the pair."""
        orbit: Orbit = seen.case.phantom
        heads = orbit.truth()
        if seen.result.detector is None:
            if len(heads) == 2:
                yield from _of_pair(orbit, heads)
            return
        truth = heads[seen.result.detector - 1]
        sources = named(truth, {(m.metric.name, m.of): m.value for m in seen.result.measurements})
        yield from _of_head(orbit, truth)
        yield from _of_views(orbit, truth)
        for name, source in sources.items():
            for metric, value in _of_source(orbit, truth.head, source).items():
                yield Truth(f"{COR}.{metric}", name, value, "closed form", "each source")


def named(truth: OrbitTruth, found: Mapping[tuple[str, str], float]) -> dict[str, SourceTruth]:
    """Return the truth of every source under the name that the result gives it, by level and radius.

    One that the result does not name is called by its place, and will not be found in it.
    """
    names = [of for name, of in found if name == f"{COR}.axial_mean" and of]
    known = {
        name: min(
            truth.sources,
            key=lambda one: math.hypot(
                one.axial_mm - found[f"{COR}.axial_mean", name],
                one.radius_mm - found.get((f"{COR}.radius", name), 0.0),
            ),
        )
        for name in names
    }
    left = (one for one in truth.sources if one not in known.values())
    return known | {f"source at {one.axial_mm:.4g}, {one.radius_mm:.4g} mm": one for one in left}


# --- the grid -------------------------------------------------------------------------------------------


def _grid() -> Iterator[tuple[str, Orbit]]:
    """Yield orbits whose closed forms hold: full circles where heads sag or drift."""
    heads = (
        OrbitHead(start_deg=33.0, offset_mm=-6.4, axial_mm=3.1, tilt_deg=0.85, sensitivity=0.95),
        OrbitHead(start_deg=213.0, offset_mm=4.7, axial_mm=-2.6, tilt_deg=-0.7, angle_error_deg=0.8),
    )
    base = Orbit(system="symbia-t2", sources=THREE, heads=heads, views=60, background=0.5)
    yield "symbia-t2, two heads", replace(base, **_pixels((4.6, 4.3)))
    sagging = (
        OrbitHead(
            start_deg=120.0, offset_mm=5.2, sag_mm=0.9, sag_phase_deg=50.0, drift_mm=0.012, axial_mm=-1.9
        ),
        OrbitHead(
            start_deg=210.0, offset_mm=-3.9, sag_mm=0.7, sag_phase_deg=140.0, drift_mm=-0.01, axial_mm=2.4
        ),
    )
    yield (
        "intevo, sag and drift",
        replace(base, system="intevo", heads=sagging, clockwise=False, views=64, **_pixels((4.1, 4.7))),
    )
    turned = replace(heads[0], turn_deg=1.2, tilt_deg=0.0)
    yield (
        "brivo, image turned",
        replace(base, system="brivo", heads=(turned,), views=72, **_pixels((4.4, 4.4))),
    )
    far = replace(
        base, fwhm_per_mm=0.01, fwhm_mm=9.0, radius_mm=230.0, continuous=True, **_pixels((4.0, 4.4))
    )
    yield "symbia-t2, in motion", far
    one = replace(heads[0], tilt_deg=-0.9)
    single = (PointSource(62.0, -38.0, 27.0, 25_000.0),)
    yield (
        "brivo, one source, 270 deg",
        replace(
            base, system="brivo", sources=single, heads=(one,), arc_deg=270.0, views=54, **_pixels((4.5, 4.1))
        ),
    )


def _pixels(size_mm: tuple[float, float]) -> dict[str, Any]:
    return {"pixel_mm": size_mm, "matrix": (math.ceil(340.0 / size_mm[0]), math.ceil(320.0 / size_mm[1]))}


def _about(orbit: Orbit, noise: str) -> dict[str, str]:
    down, along = orbit.spacing_mm
    first = orbit.sources[0]
    sense = "clockwise" if orbit.clockwise else "counter-clockwise"
    return {
        "system": orbit.system,
        "pixels": f"{orbit.shape[0]} x {orbit.shape[1]} of {down:.3g} x {along:.3g} mm",
        "noise": noise,
        "position": f"{len(orbit.sources)} sources, the first at {first.radius_mm:.0f} mm",
        "rotation": f"{orbit.views} views over {orbit.arc_deg:g} deg, {sense}, from {orbit.heads[0].start_deg:g} deg",
    }


# --- what is true ---------------------------------------------------------------------------------------


def _of_head(orbit: Orbit, truth: OrbitTruth) -> Iterator[Truth]:
    head, sources = truth.head, truth.sources
    offset = _mean(one.offset_mm for one in sources)
    whole = orbit.arc_deg == 360
    yield Truth(f"{COR}.offset", "", offset, "closed form")
    yield Truth(f"{COR}.offset_px", "", offset / orbit.spacing_mm[1], "closed form")
    yield Truth(f"{COR}.axial_mean", "", _mean(one.axial_mm for one in sources), "closed form")
    if not orbit.continuous:
        yield Truth(f"{COR}.resolution", "200 mm", orbit.fwhm_mm, "parameter")
    if head.turn_deg == 0:
        yield Truth(f"{COR}.tilt", "", head.tilt_deg, "parameter")
    if head.turn_deg and len(sources) > 1:
        yield Truth(f"{COR}.offset_slope", "", math.tan(math.radians(head.turn_deg)), "closed form")
    if whole:
        yield Truth(f"{COR}.drift", "", head.drift_mm, "parameter")
        yield Truth(f"{COR}.sag", "", head.sag_mm, "parameter")
        yield Truth(f"{COR}.offset_opposed", "", offset, "closed form")


def _of_source(orbit: Orbit, head: OrbitHead, source: SourceTruth) -> dict[str, float]:
    """Return what is true of one source; a drift adds to the amplitude, and there is no radius then."""
    values = {
        "offset": source.offset_mm,
        "offset_px": source.offset_mm / orbit.spacing_mm[1],
        "axial_mean": source.axial_mm,
    }
    if head.drift_mm == 0:
        values["radius"] = source.radius_mm * math.cos(math.radians(head.turn_deg))
    return values


def _of_views(orbit: Orbit, truth: OrbitTruth) -> Iterator[Truth]:
    """Yield what the true positions in all views say: residuals of a sinusoid, ranges, and NEMA's figures."""
    positions = orbit.positions_mm(truth.detector - 1)
    across, down = positions[:, :, 0], positions[:, :, 1]
    largest = float(np.ptp(down, axis=1).max())
    yield Truth(f"{COR}.axial_range", "", largest, "closed form")
    if orbit.sources == THREE or len(orbit.sources) == 3:
        worst = float(np.abs(across.mean(axis=1)).max())
        yield Truth(f"{COR}.nema_offset", "", worst, "closed form")
        yield Truth(f"{COR}.nema_axial", "", largest, "closed form")
    if truth.head.sag_mm or truth.head.drift_mm:
        left = _residuals(orbit, truth, across)
        yield Truth(f"{COR}.residual_max", "", float(np.abs(left).max()), "independent reading")
        yield Truth(f"{COR}.residual_rms", "", float(np.sqrt((left**2).mean())), "independent reading")


def _residuals(orbit: Orbit, truth: OrbitTruth, across: Any) -> Any:
    """Return what a sinusoid leaves of the true columns of every source, by ordinary least squares."""
    theta = np.radians(orbit.theta_deg(truth.detector - 1))
    design = np.column_stack([np.ones(theta.size), np.cos(theta), np.sin(theta)])
    return across - (design @ np.linalg.lstsq(design, across.T, rcond=None)[0]).T


def _of_pair(orbit: Orbit, heads: tuple[OrbitTruth, ...]) -> Iterator[Truth]:
    first, second = heads
    pairs = list(zip(first.sources, second.sources, strict=True))
    offsets = [one.offset_mm - other.offset_mm for one, other in pairs]
    shifts = [one.axial_mm - other.axial_mm for one, other in pairs]
    turned = second.head.angle_error_deg - first.head.angle_error_deg
    yield Truth(f"{COR}.offset_difference", "1-2", _mean(offsets), "closed form")
    yield Truth(f"{COR}.axial_shift", "1-2", _mean(shifts), "closed form")
    if not (first.head.drift_mm or second.head.drift_mm):
        yield Truth(f"{COR}.phase_difference", "1-2", -turned, "parameter")
    if len(orbit.sources) == 3 and orbit.arc_deg == 360:
        each = [orbit.positions_mm(number).mean(axis=1) for number in (0, 1)]
        apart = np.abs(each[0] - each[1]).max(axis=0)
        yield Truth(f"{COR}.nema_pair_offset", "1-2", float(apart[0]), "closed form")
        yield Truth(f"{COR}.nema_pair_axial", "1-2", float(apart[1]), "closed form")


def _mean(values: Any) -> float:
    listed = list(values)
    return float(sum(listed) / len(listed))
