"""The fit of a near source's fall-off: the same distance at any level of counts."""

from __future__ import annotations

import numpy as np
import pytest

from nmqc.uniformity.near_source import fit


@pytest.mark.parametrize("level", [1e2, 1e5, 1e9, 1e13])
def test_the_distance_does_not_depend_on_the_counts(level: float) -> None:
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(-260, 261, 6.4), np.arange(-190, 191, 6.4)))
    counts = level * (1 + ((x - 21.0) ** 2 + (y + 13.0) ** 2) / 1850.0**2) ** -1.5
    found = fit(counts, x, y, 1500.0, free=True)
    # without noise: what twelve steps leave
    assert (found.distance_mm, found.x_mm, found.y_mm) == pytest.approx((1850.0, 21.0, -13.0), rel=1e-6)
    assert found.distance_error_mm is not None


def test_the_standard_error_is_the_scatter() -> None:
    """4,900 pixels of 10,000 counts; the spread of forty fits is known to 11 %."""
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(-260, 261, 6.4), np.arange(-190, 191, 6.4)))
    mean = 10_000 * (1 + ((x - 21.0) ** 2 + (y + 13.0) ** 2) / 1850.0**2) ** -1.5
    random = np.random.default_rng(5)
    fits = [fit(random.poisson(mean).astype(float), x, y, 1500.0, free=True) for _ in range(40)]
    errors = [one.distance_error_mm or 0.0 for one in fits]
    scatter = np.std([one.distance_mm for one in fits], ddof=1)
    # 3 standard deviations of the scatter's own, and what clipping at three sigma takes away
    assert scatter / np.mean(errors) == pytest.approx(1.0, abs=0.38)
    assert np.mean([one.distance_mm for one in fits]) == pytest.approx(1850.0, abs=4 * scatter / 40**0.5)
