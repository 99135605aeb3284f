"""Tails of distributions, beside scipy's."""

import numpy as np
import pytest
from scipy import stats

from nmqc.measure.chance import chi_squared_tail, normal, normal_exactly


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 12])
@pytest.mark.parametrize("value", [0.0, 1e-3, 0.7, 3.84, 11.0, 60.0])
def test_chi_squared_tail_is_that_of_scipy(degrees: int, value: float) -> None:
    assert chi_squared_tail(degrees, value) == pytest.approx(stats.chi2.sf(value, degrees), rel=1e-12)


def test_normal_distribution_is_that_of_scipy() -> None:
    t = np.array([-9.0, -2.5, -0.3, 0.0, 1.0, 1.96, 7.0])
    assert normal_exactly(t) == pytest.approx(stats.norm.cdf(t), rel=1e-12)
    function, density = normal(t.reshape(1, -1))
    assert function[0] == pytest.approx(stats.norm.cdf(t), abs=7.5e-8)
    assert density[0] == pytest.approx(stats.norm.pdf(t), rel=1e-12)
