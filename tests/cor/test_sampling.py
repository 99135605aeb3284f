"""Pixels too coarse for the blur: centroids alias, and the uncertainties say so."""

from __future__ import annotations

import numpy as np
import pytest

from phantoms.cor import OrbitHead, PointSource
from tests.cor.acquire import measured, one_head, orbit

PIXEL_MM, FWHM_MM = 9.6, 7.2


def off(places: int) -> dict[str, list[float]]:
    """Return the errors over the stated uncertainties, of sources that lie somewhere in a pixel, without noise."""
    found: dict[str, list[float]] = {"offset": [], "axial_mean": []}
    random = np.random.default_rng(7)
    for z_mm, offset_mm in random.uniform(-PIXEL_MM, PIXEL_MM, (places, 2)):
        head = OrbitHead(start_deg=10.0, offset_mm=offset_mm)
        seen = orbit(
            head,
            sources=(PointSource(3.1, -2.2, z_mm, 4e4),),
            pixel_mm=(PIXEL_MM, PIXEL_MM),
            matrix=(64, 60),
            fwhm_mm=FWHM_MM,
            views=40,
        )
        result = measured(one_head(seen))
        for name, truth in (("offset", offset_mm), ("axial_mean", -z_mm)):
            m = result[name, ""]
            assert m.uncertainty is not None
            found[name].append((m.value - truth) / m.uncertainty)
    return found


def test_the_uncertainty_covers_what_coarse_pixels_do() -> None:
    """By counts alone, 40,000 a view, the errors of the axial position would be a hundred times what is stated."""
    for name, errors in off(30).items():
        size = float(np.sqrt(np.mean(np.square(errors))))
        # the RMS of a sine over its period is what is stated; the offset's bound is for the worst radius
        assert 0.05 < size < 1.3, name


@pytest.mark.parametrize(("fwhm_mm", "said"), [(7.2, True), (20.0, False)])
def test_it_is_said_only_where_it_is(fwhm_mm: float, said: bool) -> None:
    head = OrbitHead(start_deg=10.0)
    found = one_head(orbit(head, pixel_mm=(PIXEL_MM, PIXEL_MM), matrix=(64, 60), fwhm_mm=fwhm_mm))
    parts = measured(found)["axial_mean", ""].uncertainty_parts
    assert ("coarse pixels" in parts) is said
