"""Sources near each other, hot pixels beside them, and the uncertainty of what is the largest of many."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from nmqc import catalogue
from nmqc.model import Acquisition, Analysis, Measurement
from phantoms.cor import Orbit, OrbitHead, PointSource, nema_sources
from tests.exam.acquisitions import turning

HEAD = OrbitHead(start_deg=33.0, offset_mm=0.8)
THREE = (
    PointSource(75.0, -6.0, 64.0),
    PointSource(1.7, 2.2, 1.0, 21_000.0),
    PointSource(-71.0, 19.0, -66.0, 19_000.0),
)
SMALL = Orbit(sources=THREE, heads=(HEAD,), views=24, matrix=(68, 64), pixel_mm=(4.6, 4.8), background=1.0)


def analysed(made: Acquisition) -> Analysis:
    test = catalogue.find("cor.point-sources")
    return test.analyse(made, test.options())


def measured(made: Acquisition) -> dict[tuple[str, str], Measurement]:
    analysis = analysed(made)
    assert analysis.refused == ()
    return {(m.metric.name, m.of): m for m in analysis.results[0].measurements}


def with_hot_pixel(made: Acquisition, counts: int, *, alone: bool = False) -> Acquisition:
    """Return an acquisition with one pixel that counts too much in every view, near the axis."""
    frames = []
    for frame in made.frames:
        hot = np.zeros_like(frame.counts) if alone else frame.counts.copy()
        hot[20, 33] += counts
        frames.append(replace(frame, counts=hot))
    return replace(made, frames=tuple(frames))


def test_a_hot_pixel_beside_the_sources_is_no_source() -> None:
    """Refused with its reason, or left out: a point source is wider than a pixel of 5 mm."""
    analysis = analysed(with_hot_pixel(turning(SMALL, 1), 900))
    for result in analysis.results:
        assert len(result.parameters["sources"]) == len(THREE)
    assert analysis.results or analysis.refused


def test_a_hot_pixel_alone_is_no_source() -> None:
    analysis = analysed(with_hot_pixel(turning(SMALL, 1), 900, alone=True))
    assert [refusal.code for refusal in analysis.refused] == ["no_point_source"]


@pytest.mark.parametrize("apart_mm", [50.0, 56.0])
def test_sources_in_a_row_along_the_axis_are_told_apart(apart_mm: float) -> None:
    """Six and seven FWHM."""
    row = tuple(PointSource(60.0, 20.0, part * apart_mm, 20_000.0) for part in (-0.5, 0.5))
    found = measured(turning(replace(SMALL, sources=row), 1))
    m = found["cor.offset", ""]
    assert m.uncertainty is not None
    assert m.value == pytest.approx(HEAD.offset_mm, abs=4 * m.uncertainty)


@pytest.mark.parametrize("fwhm_mm", [8.0, 9.0, 10.0])
def test_the_arrangement_of_nema_gives_the_figures_of_nema(fwhm_mm: float) -> None:
    """At 200 mm a high-resolution collimator blurs by 8 to 10 mm; 50 mm are five FWHM of these."""
    orbit = Orbit(sources=nema_sources(), heads=(HEAD,), views=40, fwhm_mm=fwhm_mm)
    assert measured(turning(orbit))["cor.nema_offset", ""].value == pytest.approx(0.8, abs=1e-3)  # no noise


@cache
def repeated() -> list[dict[tuple[str, str], Measurement]]:
    """Return one source, seen by a head with an offset alone, 100 times."""
    orbit = replace(SMALL, sources=THREE[:1], background=0.0)
    return [measured(turning(orbit, seed)) for seed in range(100)]


@pytest.mark.parametrize("metric", ["offset", "residual_max", "residual_rms", "axial_range"])
def test_uncertainty_is_the_spread_of_repeated_acquisitions(metric: str) -> None:
    """Of an index of extremes too: the mean of the uncertainties over the scatter lies within 0.85 and 1.15."""
    found = [one[f"cor.{metric}", ""] for one in repeated()]
    stated = np.mean([m.uncertainty for m in found])
    # The scatter of 100 numbers is known to 7 %: two of these.
    assert 0.85 / 1.14 < stated / np.std([m.value for m in found], ddof=1) < 1.15 * 1.14
