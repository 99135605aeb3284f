"""The Gaussian fit to pixels, against its closed form: integrals of a Gaussian over pixels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from nmqc.errors import CannotMeasure
from nmqc.measure.gaussian import FWHM_PER_SIGMA, fit_gaussian


def held(
    positions: NDArray[np.float64],
    centre: float,
    sigma: float,
    area: float = 1e5,
    background: float = 40.0,
    aperture: float = 1.0,
) -> NDArray[np.float64]:
    """Return counts per pixel: the mean of a Gaussian over each pixel's width, and a background."""
    high, low = positions + aperture / 2, positions - aperture / 2
    return background + area * (norm.cdf(high, centre, sigma) - norm.cdf(low, centre, sigma)) / aperture


@pytest.mark.parametrize("start", [0.6, 1.7])
@pytest.mark.parametrize("sigma", [0.35, 0.7, 1.0, 3.3, 8.0])
def test_every_width_is_found_from_a_distant_start(sigma: float, start: float) -> None:
    positions = np.arange(int(10 * sigma) + 9, dtype=np.float64)
    centre = positions.mean() + 0.23
    fit = fit_gaussian(held(positions, centre, sigma), positions, round(centre), sigma * start, aperture=1.0)
    # no noise: where the fit stops
    assert [fit.sigma, fit.centre, fit.area, fit.background] == pytest.approx(
        [sigma, centre, 1e5, 40.0], rel=1e-5
    )
    assert fit.fwhm == pytest.approx(2.354820045 * sigma, rel=1e-5)


@pytest.mark.parametrize("pitch", [0.5, 2.0])
@pytest.mark.parametrize("aperture", [0.0625, 1.4])
def test_lengths_are_in_the_unit_of_the_positions(pitch: float, aperture: float) -> None:
    positions = (np.arange(41) - 17.0) * pitch
    values = held(positions, 0.3 * pitch, 2.1 * pitch, aperture=aperture * pitch)
    fit = fit_gaussian(values, positions, 0.0, 3 * pitch, aperture=aperture * pitch)
    assert fit.centre == pytest.approx(0.3 * pitch, rel=1e-5)  # no noise
    assert fit.sigma == pytest.approx(2.1 * pitch, rel=1e-5)
    assert fit.expected(positions, aperture * pitch) == pytest.approx(values, rel=1e-5)


def test_pixels_may_lie_in_any_order_and_be_summed_where_they_lie_alike() -> None:
    rng = np.random.default_rng(5)
    places = rng.uniform(-12, 14, 200)
    pixels = rng.integers(1, 6, 200)
    positions = np.repeat(places, pixels)
    counts = rng.poisson(held(positions, 0.4, 2.6, area=3000.0, background=2.0))
    sums = np.add.reduceat(counts, np.cumsum(pixels) - pixels)
    apart = fit_gaussian(counts, positions, 0.0, 2.0, aperture=1.0)
    summed = fit_gaussian(sums, places, 0.0, 2.0, aperture=1.0, pixels=pixels.astype(np.float64))
    assert apart.sigma == pytest.approx(2.6, abs=4 * apart.sigma_error)
    for name in ("sigma", "centre", "area", "background", "sigma_error", "centre_error"):
        assert getattr(summed, name) == pytest.approx(getattr(apart, name), rel=1e-5)  # where the fit stops


@pytest.mark.parametrize(("area", "background"), [(300.0, 1.0), (3e4, 100.0)])
def test_errors_are_the_scatter_and_few_counts_do_not_bias(area: float, background: float) -> None:
    positions = np.arange(31.0)
    expected = held(positions, 15.3, 3.4, area, background)
    rng = np.random.default_rng(11)
    fits = [fit_gaussian(rng.poisson(expected), positions, 15, 3, aperture=1.0) for _ in range(250)]
    for name, truth in (("sigma", 3.4), ("centre", 15.3)):
        values = np.array([getattr(fit, name) for fit in fits])
        stated = np.mean([getattr(fit, f"{name}_error") for fit in fits])
        scatter = values.std(ddof=1)
        assert stated / scatter == pytest.approx(1, abs=0.15)  # scatter of 250 is known to 4.5 %
        assert values.mean() == pytest.approx(truth, abs=3 * scatter / 250**0.5)


def test_values_that_are_no_counts_get_no_errors_and_scale_freely() -> None:
    positions = np.arange(33.0)
    fits = [
        fit_gaussian(scale * held(positions, 16.2, 3.0), positions, 16, 2, aperture=1.0, counts=False)
        for scale in (1.0, 1e-6)
    ]
    assert [fit.sigma for fit in fits] == pytest.approx([3.0, 3.0], rel=1e-5)  # no noise
    assert fits[0].sigma_error == fits[0].centre_error == fits[0].fwhm_error == 0


def test_the_error_of_the_width_is_that_of_sigma() -> None:
    positions = np.arange(31.0)
    fit = fit_gaussian(held(positions, 15.0, 3.0), positions, 15, 3, aperture=1.0)
    assert fit.fwhm_error == pytest.approx(FWHM_PER_SIGMA * fit.sigma_error, rel=1e-12)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(1000.0 - held(np.arange(31.0), 15, 3, 3000, 0), id="dip"),
        pytest.param(50.0 * np.arange(31.0), id="ramp"),
        pytest.param(np.full(31, 7.0), id="flat"),
        pytest.param(np.where(np.arange(31) == 15, 5000.0, 3.0), id="one hot channel"),
    ],
)
def test_what_is_no_peak_is_refused(values: NDArray[np.float64]) -> None:
    with pytest.raises(CannotMeasure) as refusal:
        fit_gaussian(values, np.arange(31.0), 15, 3, aperture=1.0)
    assert refusal.value.code == "no_gaussian"
