"""What the standard's rule makes of a Gaussian, beside numbers by hand and those of the method page."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.validate.widths import ON_A_CHANNEL, rule_width

SIGMA = 1 / (2 * math.sqrt(2 * math.log(2)))


def gaussian(at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return point samples of a Gaussian of 1 mm FWHM."""
    return np.asarray(np.exp(-((at / SIGMA) ** 2) / 2))


def triangle(at: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.maximum(1 - np.abs(at), 0.0))


def test_a_triangle_has_the_width_of_its_sides() -> None:
    # straight sides: linear interpolation is exact; the peak lies on a channel
    assert rule_width(triangle, 0.1, 0.5, 3.0, 1.0, ON_A_CHANNEL) == pytest.approx(1.0, abs=1e-12)
    assert rule_width(triangle, 0.1, 0.1, 3.0, 1.0, ON_A_CHANNEL) == pytest.approx(1.8, abs=1e-12)


@pytest.mark.parametrize(("pixel", "percent"), [(0.1, 0.3), (0.2, 1.2), (0.33, 1.9), (0.5, 5.1)])
def test_point_samples_of_a_gaussian_read_too_wide(pixel: float, percent: float) -> None:
    # docs/methods/slits.md, "What the rule itself does": printed to a tenth of a per cent, all phases
    assert 100 * (rule_width(gaussian, pixel, 0.5, 4.0, 1.0) - 1) == pytest.approx(percent, abs=0.06)


def test_a_peak_beside_the_channels_reads_wider_than_one_on_them() -> None:
    beside = rule_width(gaussian, 0.2, 0.5, 4.0, 1.0, (0.5,))
    assert beside > rule_width(gaussian, 0.2, 0.5, 4.0, 1.0, ON_A_CHANNEL) + 0.01
