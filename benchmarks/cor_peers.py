"""Cases in which other programs were found wanting, measured by nmqc, beside the answers recorded of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.cor_orbits import analysed, exact, measured
from nmqc.model import Analysis
from phantoms.cor import Orbit, OrbitHead, PointSource, five_sources, nema_sources

SEED = 20_260_202
RADIUS_MM, FWHM_MM = 80.0, 10.0
ANGLE_DEG = 40.0  # of the source, from the patient's left


@dataclass(frozen=True, slots=True)
class Case:
    """An orbit, whether it has noise, and what is recorded of the others. `axial`: the shift is compared too."""

    what: str
    truth: str
    orbit: Orbit
    others: str
    noisy: bool = True
    axial: bool = False


def _orbit(*offsets: float, starts: tuple[float, ...] = (180.0, 0.0), **settings: Any) -> Orbit:
    """Return an orbit of a source of 20,000 counts a view, 80 mm from the axis, and a head for each offset."""
    axial = (0.0, 2.0)
    heads = tuple(
        OrbitHead(start_deg=starts[number], offset_mm=offset, axial_mm=axial[number])
        for number, offset in enumerate(offsets)
    )
    turned = math.radians(ANGLE_DEG)
    source = PointSource(RADIUS_MM * math.cos(turned), RADIUS_MM * math.sin(turned), 0.0)
    usual: dict[str, Any] = {"sources": (source,), "views": 60, "fwhm_mm": FWHM_MM, "pixel_mm": (4.8, 4.8)}
    return Orbit(heads=heads, **(usual | settings))


def cases() -> tuple[Case, ...]:
    """Return every case that is on record."""
    two, both = (1.0, -1.5), "1.0, -1.5 mm; axial shift -2.0 mm"
    counter: dict[str, Any] = {"clockwise": False}
    five = _orbit(*two, sources=five_sources(), views=120)
    return (
        Case(
            "360 degrees, clockwise", "0", _orbit(0.0), "pylinac: 0.091 mm; NMQC toolkit, conjugate: 2.47 mm"
        ),
        Case(
            "the same",
            "3 mm",
            _orbit(3.0),
            "pylinac: 0.069 mm; NMQC toolkit, sine: 0.063 mm; conjugate: -0.55 mm",
        ),
        Case("the same, no noise", "6 mm", _orbit(6.0), "pylinac: 0.0006 mm", noisy=False),
        Case("360 degrees, counter-clockwise", "0", _orbit(0.0, **counter), "pylinac: 88.74 mm"),
        Case("the same", "3 mm", _orbit(3.0, **counter), "pylinac: 88.73 mm; NMQC toolkit, sine: 0.076 mm"),
        Case("180 degrees", "3 mm", _orbit(3.0, arc_deg=180.0), "pylinac: 0.074 mm"),
        Case(
            "1 count a pixel of background",
            "3 mm",
            _orbit(3.0, background=1.0),
            "pylinac: 1.903 mm (1.490 in its fit)",
        ),
        Case("two detectors, 360 degrees each", both, _orbit(*two), "pylinac: 85.7 mm for both", axial=True),
        Case(
            "two detectors, 180 degrees each",
            both,
            _orbit(*two, arc_deg=180.0),
            "pylinac: 90.0 mm for both; NMQC toolkit, sine: 1.26 mm",
            axial=True,
        ),
        Case(
            "two detectors at 90 degrees, 180 degrees each",
            both,
            _orbit(*two, starts=(180.0, 270.0), arc_deg=180.0),
            "pylinac: 1.258 mm for both (L-mode)",
            axial=True,
        ),
        Case(
            "two detectors at 90 degrees, 90 degrees each",
            "not to be had",
            _orbit(*two, starts=(180.0, 270.0), arc_deg=90.0),
            "not recorded",
        ),
        Case("three sources", "3 mm", _orbit(3.0, sources=nema_sources()), "pylinac: 0.485 mm"),
        Case(
            "five sources, two detectors, 120 views",
            both,
            five,
            "pylinac: 19.1 mm; WAD: -0.996, 1.499 mm (sign reversed), axial shift 0.442 for half of -2.0",
            axial=True,
        ),
    )


def table() -> str:
    """Return the table of all cases."""
    lines = ["| orbit | true offset | nmqc | recorded of others |", "|---|---|---|---|"]
    for number, case in enumerate(cases()):
        lines.append(f"| {case.what} | {case.truth} | {_said(number, case)} | {case.others} |")
    return "\n".join(lines) + "\n"


def _said(number: int, case: Case) -> str:
    if case.noisy:
        counts = np.random.default_rng([SEED, number]).poisson(case.orbit.expected()).astype(np.uint16)
        analysis = analysed(case.orbit, counts)
    else:
        analysis = exact(case.orbit)
    said = list(_values(analysis, case.axial)) + [
        f"refused: `{code}`" for code in dict.fromkeys(one.code for one in analysis.refused)
    ]
    return "; ".join(said)


def _values(analysis: Analysis, axial: bool) -> Iterator[str]:
    for result in analysis.results:
        names = [("offset", "")] if result.detector else [("axial_shift", "1-2")] if axial else []
        for name, of in names:
            one = measured(result, name, of)
            words = "axial shift " if name == "axial_shift" else ""
            yield f"{words}{one.value:.4f} +- {one.uncertainty:.4f} mm"
