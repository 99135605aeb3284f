"""The reference against closed forms, and the fast code against the reference, on noisy phantoms."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from phantoms.bars import Bars
from tests.resolution.barring import SMALL, WIDE, found, noisy

from . import bars as reference


def near(frequency: tuple[float, float]) -> tuple[float, float]:
    """Return a frequency some per cent off."""
    return frequency[0] * 1.01 + 0.0008, frequency[1] * 0.99 - 0.0006


def test_reference_is_exact_without_noise() -> None:
    image, truth = WIDE.expected(), WIDE.truth()
    quadrants = []
    for one in truth.quadrants:
        x, y = (0.97 * part for part in one.centre_mm)
        bars = reference.measure(image, WIDE.spacing_mm, (x, y), 27.3, near(one.frequency_per_mm))
        assert bars.width_mm == pytest.approx(one.width_mm, rel=1e-6)  # no noise
        assert math.sqrt(bars.squared + 4 / bars.counts) == pytest.approx(one.modulation, rel=1e-4)
        quadrants.append(replace(bars, squared=bars.squared + 4 / bars.counts))
    fwhm, contrast = reference.joint_fit(quadrants, WIDE.spacing_mm)
    assert fwhm == pytest.approx(WIDE.fwhm_mm[0], rel=1e-4)
    assert contrast == pytest.approx(truth.quadrants[0].contrast, rel=1e-4)


@pytest.mark.parametrize(
    "phantom",
    [SMALL, replace(WIDE, rotation_deg=31.0, mirrored=True, gradient_per_mm=(8e-4, -5e-4), cross_mm=6.0)],
    ids=["fine bars", "inch bars"],
)
def test_fast_code_agrees_with_the_reference(phantom: Bars) -> None:
    result = noisy(phantom, 12)
    image, values = phantom.noisy(12), found(result)
    truth = {f"{one.width_mm:.2f} mm": one for one in phantom.truth().quadrants}
    quadrants = []
    for one in result.parameters["quadrants"]:
        start = near(truth[one["bars"]].frequency_per_mm)
        place, radius = (one["x_mm"], one["y_mm"]), one["diameter_mm"] / 2
        bars = reference.measure(image, phantom.spacing_mm, place, radius, start)
        # The discs are told rounded to 0.1 mm: some pixels of the border come or go, a few per cent of all.
        # The frequency may come from a disc that is a part of a period larger, with counts of its own.
        for name, there, within in (("modulation", bars.modulation, 0.5), ("width", bars.width_mm, 2.0)):
            m = values[name, one["bars"]]
            assert m.uncertainty is not None
            assert m.value == pytest.approx(there, abs=within * m.uncertainty), (name, one["bars"])
        assert values["modulation", one["bars"]].uncertainty == pytest.approx(bars.sigma, rel=0.02)
        quadrants.append(bars)
    fwhm, contrast = reference.joint_fit(quadrants, phantom.spacing_mm)
    for name, there in (("fwhm", fwhm), ("contrast", contrast)):
        m = values[name, ""]
        assert m.uncertainty is not None
        assert m.value == pytest.approx(there, abs=0.5 * m.uncertainty), name
