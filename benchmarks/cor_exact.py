"""Orbits without noise for the validation: every fault by itself, every phase, and what sampling and arcs do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from benchmarks.cor_orbits import codes, exact, measured, offs
from nmqc.model import Result
from phantoms.cor import Orbit, OrbitHead, PointSource, five_sources, one_source

SENSES = ("clockwise", "counter-clockwise")
RADII_MM, PHASES = (2.0, 10.0, 20.0, 40.0, 80.0, 120.0), 36
MATRIX, PIXEL_MM, FWHM_MM = (72, 128), (4.6, 4.8), 10.0
SLIPPED_VIEW, SLIP_MM = 17, 3.0
SAG_MM, SAG_VIEWS = 0.3, 64
#: clockwise, continuous, start of the first head, angle to the second
ARRANGEMENTS = tuple(
    (clockwise, continuous, start, separation)
    for (clockwise, continuous), (start, separation) in product(
        product((True, False), (False, True)), ((197.37, 180.0), (33.3, 90.0), (351.9, 76.0))
    )
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a group of orbits, and the metrics that say so or must not be moved by it."""

    what: str
    first: Mapping[str, Any]
    second: Mapping[str, Any]
    metrics: tuple[str, ...]
    orbit: Mapping[str, Any]

    def orbits(self) -> Iterator[Orbit]:
        """Yield an orbit for each arrangement."""
        for clockwise, continuous, start, separation in ARRANGEMENTS:
            heads = (
                OrbitHead(start_deg=start, **self.first),
                OrbitHead(start_deg=start + separation, **self.second),
            )
            settings: dict[str, Any] = {"sources": one_source(), "views": 60}
            settings |= {"matrix": MATRIX, "pixel_mm": PIXEL_MM}
            settings |= {"fwhm_mm": FWHM_MM, "clockwise": clockwise, "continuous": continuous}
            yield Orbit(heads=heads, **(settings | dict(self.orbit)))


def faults() -> tuple[Fault, ...]:
    """Return every fault, by itself."""
    five = {"sources": five_sources()}
    both = {"offset_mm": 6.0}, {"offset_mm": -3.4}
    return (
        Fault(
            "offsets of 6 and -3.4 mm",
            *both,
            ("offset", "offset_opposed", "radius", "offset_difference"),
            five,
        ),
        Fault(
            "axial 1.7 and -0.9 mm",
            {"axial_mm": 1.7},
            {"axial_mm": -0.9},
            ("axial_mean", "axial_shift"),
            five,
        ),
        Fault("tilts of 0.5 and -0.7 deg", {"tilt_deg": 0.5}, {"tilt_deg": -0.7}, ("tilt", "offset"), five),
        Fault("turned by 0.4 and -0.25 deg", {"turn_deg": 0.4}, {"turn_deg": -0.25}, ("offset_slope",), five),
        Fault(
            "sag of 0.8 mm at 50 deg and 0.5 mm at -120 deg",
            {"sag_mm": 0.8, "sag_phase_deg": 50.0},
            {"sag_mm": 0.5, "sag_phase_deg": -120.0},
            ("sag", "offset", "radius"),
            {},
        ),
        Fault(
            "drifts of 0.02 and -0.01 mm a view",
            {"drift_mm": 0.02},
            {"drift_mm": -0.01},
            ("drift", "offset"),
            {},
        ),
        Fault(
            "second head 1.5 deg farther than it says",
            {},
            {"angle_error_deg": 1.5, "offset_mm": 2.0},
            ("phase_difference", "offset"),
            {},
        ),
        Fault(
            "second head mirrored", {"offset_mm": 6.0}, {"offset_mm": -3.4, "mirrored": True}, ("offset",), {}
        ),
        Fault("FWHM growing by 0.04 mm a mm", *both, ("resolution", "offset"), five | {"fwhm_per_mm": 0.04}),
        Fault("background of 20 counts a pixel", *both, ("offset", "radius"), {"background": 20.0}),
        Fault("half-life of 10 minutes, 20 s a view", *both, ("offset",), {"half_life_s": 600.0}),
        Fault(
            "two sources that cross",
            *both,
            ("offset",),
            {"sources": (PointSource(60.0, 20.0, 14.0), PointSource(-35.0, 40.0, -14.0))},
        ),
    )


@dataclass(frozen=True, slots=True)
class Recovered:
    """How far a metric was off, at most, over the orbits of a fault: step and shoot, and continuous."""

    fault: str
    metric: str
    unit: str
    results: int
    stopping: float
    moving: float


def recovered(number: int) -> list[Recovered]:
    """Return what became of a fault, by number."""
    fault = faults()[number]
    found: dict[tuple[str, bool], list[float]] = {}
    units: dict[str, str] = {}
    for orbit in fault.orbits():
        for _, one, short, off in offs(orbit, exact(orbit)):
            found.setdefault((short, orbit.continuous), []).append(abs(off))
            units[short] = one.metric.unit
    rows = []
    for name in fault.metrics:
        stopping, moving = found[name, False], found[name, True]
        count = len(stopping) + len(moving)
        rows.append(Recovered(fault.what, name, units[name], count, max(stopping), max(moving)))
    return rows


def terms_table(found: Sequence[Sequence[Recovered]]) -> str:
    """Return the table of the faults."""
    lines = [
        "| what is wrong | metric | values | largest off, step and shoot | largest off, continuous |",
        "|---|---|---|---|---|",
    ]
    for one in (row for rows in found for row in rows):
        off = f"{one.stopping:.0e} | {one.moving:.0e}"
        lines.append(f"| {one.fault} | `{one.metric}` / {one.unit} | {one.results} | {off} |")
    return "\n".join(lines) + "\n"


# --- all phases, radii and senses -----------------------------------------------------------------------


def phases(number: int) -> tuple[float, str, float, int]:
    """Return radius, sense, and of 36 phases the largest error of the offset and how many were refused."""
    radius, sense = list(product(RADII_MM, SENSES))[number]
    worst, refused = 0.0, 0
    for alpha in np.radians(np.arange(PHASES) * 360 / PHASES):
        source = PointSource(radius * math.cos(alpha), radius * math.sin(alpha), 8.0)
        head = OrbitHead(start_deg=180.0, offset_mm=3.0)
        orbit = Orbit(
            sources=(source,), heads=(head,), views=24, clockwise=sense == SENSES[0], fwhm_mm=FWHM_MM
        )
        results = exact(orbit).results
        refused += not results
        worst = max([worst, *(abs(measured(one, "offset").value - 3.0) for one in results)])
    return radius, sense, worst, refused


def phases_table(found: Sequence[tuple[float, str, float, int]]) -> str:
    """Return the table of phases, radii and senses."""
    lines = [
        "| radius / mm | sense | phases | refused | largest error of the offset / mm |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {radius:g} | {sense} | {PHASES} | {refused} | {worst:.1e} |"
        for radius, sense, worst, refused in found
    ]
    return "\n".join(lines) + "\n"


# --- slips, arcs, sampling ------------------------------------------------------------------------------


def _single(**settings: Any) -> Orbit:
    usual: dict[str, Any] = {"sources": one_source(), "views": 60, "fwhm_mm": FWHM_MM, "matrix": 128}
    return Orbit(**({"heads": (OrbitHead(start_deg=197.37, offset_mm=1.2),)} | usual | settings))


def slip_text() -> str:
    """Return what is said of a slipped view."""
    slips = ((SLIPPED_VIEW, SLIP_MM, 0.0),)
    orbit = _single(heads=(OrbitHead(start_deg=197.37, offset_mm=1.2, slips=slips),))
    (result,) = exact(orbit).results
    said = " ".join(remark.text for remark in result.remarks if remark.code == "slipped_view")
    offset, views = measured(result, "offset"), orbit.views
    return (
        f"View {SLIPPED_VIEW} of {views} displaced by {SLIP_MM:g} mm, offset 1.2 mm. Remarks: "
        f'{", ".join(f"`{code}`" for code in codes(result))}: "{said}". The offset is {offset.value:.4f} +- '
        f"{offset.uncertainty:.3f} mm: the view stays in the fit, {SLIP_MM:g} / {views} = {SLIP_MM / views:.3f} mm.\n"
    )


def sag_bias_mm(phase_deg: float, clockwise: bool) -> float:
    """Return by how much a sag moves the offset on 180 degrees: the sinusoid's own least squares, angle by angle."""
    sign = -1 if clockwise else 1
    theta = sign * np.pi * np.arange(SAG_VIEWS) / SAG_VIEWS
    waves = np.column_stack([np.ones(SAG_VIEWS), np.cos(theta), np.sin(theta)])
    values = SAG_MM * np.cos(2 * theta - math.radians(phase_deg))
    return float(np.linalg.lstsq(waves, values, rcond=None)[0][0])


def sag_table() -> str:
    """Return the table of the bias of the offset by sag on an arc of 180 degrees."""
    lines = [
        "| phase / deg | sense | bias, least squares / mm | nmqc / mm | remarks |",
        "|---|---|---|---|---|",
    ]
    for phase, clockwise in product((0.0, 45.0, 90.0, 180.0), (False, True)):
        head = OrbitHead(start_deg=0.0, sag_mm=SAG_MM, sag_phase_deg=phase)
        orbit = _single(heads=(head,), views=SAG_VIEWS, arc_deg=180.0, clockwise=clockwise)
        (result,) = exact(orbit).results
        said = ", ".join(f"`{code}`" for code in codes(result))
        lines.append(
            f"| {phase:g} | {SENSES[not clockwise]} | {sag_bias_mm(phase, clockwise):+.4f} | "
            f"{measured(result, 'offset').value:+.4f} | {said} |"
        )
    return "\n".join(lines) + "\n"


def sampling_table() -> str:
    """Return the table of errors by coarse pixels, at 4.8 mm."""
    lines = [
        "| FWHM / mm | FWHM / pixels | largest error of the offset / mm | of the axial position / mm "
        "| of FWHM at 200 mm / mm |",
        "|---|---|---|---|---|",
    ]
    for fwhm in (4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0):
        found = list(_sampled(fwhm))
        worst = [max(abs(one[at]) for one in found) for at in range(3)]
        lines.append(f"| {fwhm:g} | {fwhm / 4.8:.2f} | " + " | ".join(f"{one:.1e}" for one in worst) + " |")
    return "\n".join(lines) + "\n"


def _sampled(fwhm_mm: float) -> Iterator[tuple[float, float, float]]:
    """Yield the errors of offset, axial position and FWHM for sources at several places between the pixels."""
    for offset, z in ((0.0, 0.0), (0.6, 1.2), (1.2, 2.4), (2.4, 3.6)):
        heads = (OrbitHead(start_deg=197.37, offset_mm=offset),)
        orbit = _single(
            heads=heads, fwhm_mm=fwhm_mm, sources=(PointSource(58.0, -33.0, z),), pixel_mm=(4.8, 4.8)
        )
        (result,) = exact(orbit).results
        yield (
            measured(result, "offset").value - offset,
            measured(result, "axial_mean").value + z,
            _resolution(result) - fwhm_mm,
        )


def _resolution(result: Result) -> float:
    return measured(result, "resolution", "200 mm").value
