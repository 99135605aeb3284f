"""The figures of NEMA NU 1, 4.1: where the arrangement is NEMA's they are, elsewhere they are listed as absent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nmqc.cor.point_sources import analyse
from phantoms.cor import OrbitHead, PointSource, five_sources, nema_sources
from tests.cor.acquire import (
    USUAL,
    absent,
    acquisition,
    head_and_pair,
    measured,
    one_head,
    orbit,
    results,
    value,
)

EXACT_MM = 1e-3
HEADS = (
    OrbitHead(start_deg=180.0, offset_mm=0.8, axial_mm=0.4, turn_deg=0.6),
    OrbitHead(start_deg=0.0, offset_mm=-1.4, axial_mm=-1.2),
)
NEMA: dict[str, Any] = {"sources": nema_sources(), "views": 40, "fwhm_mm": 8.0}


def test_each_is_that_of_the_worst_source() -> None:
    """Turned by 0.6 degrees, the sources at z = 50, 1, -50 mm lie 0.52 mm to the left, at and to the right of it."""
    first, second, pair = head_and_pair(orbit(*HEADS, **NEMA))
    assert value(first, "nema_offset") == pytest.approx(0.8 + 50 * 0.010472, abs=EXACT_MM)
    assert value(second, "nema_offset") == pytest.approx(1.4, abs=EXACT_MM)  # a magnitude
    assert value(pair, "nema_pair_offset", "1-2") == pytest.approx(
        0.8 + 50 * 0.010472 + 1.4, abs=2 * EXACT_MM
    )
    assert value(pair, "nema_pair_axial", "1-2") == pytest.approx(1.6 + 50 * 5.5e-5, abs=2 * EXACT_MM)


def test_the_axial_range_is_that_of_the_tilt() -> None:
    """2 r tan(0.7 degrees) of the outermost source, over all views; 40 views come within 4.5 degrees of the crest."""
    found = one_head(orbit(OrbitHead(start_deg=180.0, tilt_deg=0.7), **NEMA))
    farthest_mm = max(source.radius_mm for source in nema_sources())
    # 1 - cos(4.5 degrees)
    assert value(found, "nema_axial") == pytest.approx(2 * farthest_mm * 0.012218, rel=3.1e-3)


def test_a_mean_of_all_views_is_what_is_asked_for() -> None:
    """A view that slipped by 3 mm moves a mean of 40 by 0.075 mm: the standard knows no outliers."""
    head = OrbitHead(start_deg=180.0, offset_mm=0.8, slips=((7, 3.0, 0.0),))
    found = one_head(orbit(head, **NEMA))
    assert value(found, "nema_offset") == pytest.approx(0.8 + 3 / 40, abs=EXACT_MM)


NOT_NEMA: dict[str, tuple[dict[str, Any], str]] = {
    "one": ({"sources": (PointSource(75.0, 0.0, 0.0),)}, "3 sources, not 1"),
    "five": ({"sources": five_sources()}, "3 sources, not 5"),
    "half": ({"arc_deg": 180.0}, "an even number of views over 360 degrees"),
    "odd": ({"views": 41}, "an even number of views over 360 degrees"),
    "middle-off": (
        {
            "sources": (
                PointSource(75.0, -6.0, 68.0),
                PointSource(9.0, 4.0, 0.0),
                PointSource(-75.0, 9.0, -68.0),
            )
        },
        "the middle source within 5 mm of the axis",
    ),
    "all-on": (
        {"sources": tuple(PointSource(1.0, 2.0, z) for z in (70.0, 0.0, -70.0))},
        "the others off it",
    ),
}


@pytest.mark.parametrize("name", NOT_NEMA)
def test_another_arrangement_says_what_is_asked_for(name: str) -> None:
    options, wanted = NOT_NEMA[name]
    found = head_and_pair(orbit(*HEADS, **(NEMA | options)))
    for one, names in (
        (found[0], ("nema_offset", "nema_axial")),
        (found[2], ("nema_pair_offset", "nema_pair_axial")),
    ):
        for short in names:
            of = "1-2" if one.detector is None else ""
            assert absent(one)[short, of] == "not_nema_arrangement"
            assert (short, of) not in measured(one)
        reasons = [said.reason for said in one.not_measured if said.code == "not_nema_arrangement"]
        assert wanted in reasons[0]


def test_the_arrangement_at_the_blur_of_a_real_collimator() -> None:
    """High resolution at 20 cm: about 11 mm, and 0.04 mm more for each mm."""
    found = one_head(
        orbit(
            OrbitHead(start_deg=180.0, offset_mm=0.8),
            **(NEMA | {"fwhm_mm": 11.0, "fwhm_per_mm": 0.04, "radius_mm": 200.0}),
        )
    )
    assert value(found, "nema_offset") == pytest.approx(0.8, abs=0.01)


def test_their_uncertainties_are_their_scatter() -> None:
    """Over 24 acquisitions the scatter is known to 15 %, three times that; and noise alone has an upper end.

    Where no source is plainly the worst one, the largest of several scatters less than each of them.
    """
    phantom = orbit(*HEADS, **NEMA)
    expected = phantom.expected()
    drawn = [np.random.default_rng(seed).poisson(expected).astype(np.uint16) for seed in range(24)]
    found = [results(analyse(acquisition(phantom, counts), USUAL)) for counts in drawn]
    for number, name, of, plain in (
        *((0, "nema_offset", "", True), (1, "nema_offset", "", False), (0, "nema_axial", "", False)),
        *((2, "nema_pair_offset", "1-2", True), (2, "nema_pair_axial", "1-2", False)),
    ):
        several = [measured(one[number])[name, of] for one in found]
        stated = np.mean([one.uncertainty or 0.0 for one in several])
        ratio = stated / np.std([one.value for one in several], ddof=1)
        assert 1 / 1.45 < ratio < (1.45 if plain else 3.0), (name, number)
    for one in found:
        floor = measured(one[0])["residual_rms", ""].noise_floor
        assert floor is not None
        assert 0 < floor.mean < floor.p95
