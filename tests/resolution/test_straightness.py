"""How straight the bars are: known waves of a distortion, and what noise makes of straight bars."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from nmqc.errors import CannotMeasure
from nmqc.model import Result
from nmqc.resolution.straightness import straightness
from nmqc.validate.bar_phantoms import across_bars
from phantoms.bars import Bars
from phantoms.fields import Rectangle
from phantoms.planar import Wave
from tests.resolution.barring import SMALL, ensemble, exact, found, noisy

BARS = Bars(
    matrix=(300, 335),
    pixel_mm=(0.9, 1.05),
    field=Rectangle(330.0, 250.0),
    widths_mm=(2.5, 3.5, 2.0, 3.0),
    rotation_deg=0.0,
    centre_mm=(5.3, -3.7),
    fwhm_mm=(3.0, 3.0),
    counts=8e6,
)


def displaced(phantom: Bars, wave: Wave) -> tuple[float, float]:
    """Return the true SD and largest displacement across the bars of all quadrants."""
    moved = np.concatenate([one[2] for one in across_bars(replace(phantom, wave=wave))])
    return float(np.sqrt((moved**2).mean())), float(np.abs(moved).max())


@pytest.mark.parametrize(
    "wave",
    [
        Wave(0.6, 120.0, 45.0, 30.0),
        Wave(0.5, 90.0, 0.0, 30.0),
        Wave(0.5, 90.0, 90.0, 200.0, 0.0),
        Wave(0.8, 220.0, 30.0, 110.0, 75.0),
    ],
    ids=["both ways", "along x", "along y, travelling along x", "long"],
)
def test_waves_of_a_distortion(wave: Wave) -> None:
    """Each quadrant sees what is across its bars: along x or y alone, half of them are straight."""
    phantom = replace(BARS, wave=wave)
    values = found(exact(phantom))
    sd, largest = displaced(phantom, wave)
    # The points lie where half of their Gaussian falls on bars, not exactly 10 mm from the borders, where a wave's
    # extremes are: some per cent of the displacement, most of all for the largest.
    assert values["linearity_sd", ""].value == pytest.approx(sd, rel=0.06)
    assert values["linearity_max", ""].value == pytest.approx(largest, rel=0.15)


def test_place_of_the_largest_displacement() -> None:
    wave = Wave(0.8, 220.0, 30.0, 110.0, 75.0)
    m = found(exact(replace(BARS, wave=wave)))["linearity_max", ""]
    (place,) = m.at
    x, y, moved = (
        np.concatenate(parts) for parts in zip(*across_bars(replace(BARS, wave=wave)), strict=True)
    )
    there = moved[np.hypot(x - place.x_mm, y - place.y_mm) < 4.0]
    # a point of the analysis within 4 mm of points of the grid; the wave changes by 0.02 mm a mm
    assert np.abs(there).max() == pytest.approx(np.abs(moved).max(), abs=0.1)


def test_straight_bars_without_noise_are_straight() -> None:
    values = found(exact(SMALL))
    # No noise. What the local fit leaves out, harmonics from the second on: a thousandth of a bar.
    assert values["linearity_sd", ""].value < 2e-3
    assert values["linearity_max", ""].value < 5e-3


def test_distortion_is_seen_through_noise() -> None:
    phantom = replace(BARS, wave=Wave(0.6, 120.0, 45.0, 30.0))
    m = found(noisy(phantom, 2))["linearity_sd", ""]
    sd, _ = displaced(phantom, Wave(0.6, 120.0, 45.0, 30.0))
    assert m.noise_floor is not None
    assert m.uncertainty is not None
    assert m.value > 10 * m.noise_floor.p95
    assert m.value == pytest.approx(math.hypot(sd, m.noise_floor.mean), abs=4 * m.uncertainty + 0.06 * sd)


def over_p95(results: tuple[Result, ...], name: str) -> int:
    count = 0
    for result in results:
        m = found(result)[name, ""]
        assert m.noise_floor is not None
        count += m.value > m.noise_floor.p95
    return count


@pytest.mark.parametrize("seeds", [24, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["linearity_sd", "linearity_max"])
def test_noise_of_straight_bars_stays_within_the_floor(name: str, seeds: int) -> None:
    results = ensemble(SMALL, seeds)
    # One in twenty, and what the floor's own error (10 % of it) makes of that: up to one in seven, 3 binomial sigmas.
    chance = 1 / 7
    assert over_p95(results, name) <= chance * seeds + 3 * (chance * (1 - chance) * seeds) ** 0.5
    values = np.array([found(one)[name, ""].value for one in results])
    floors = [found(one)[name, ""].noise_floor for one in results]
    means = np.array([one.mean for one in floors if one is not None])
    error = float(values.std(ddof=1)) / seeds**0.5
    assert values.mean() == pytest.approx(float(means.mean()), abs=3.5 * error + 0.12 * float(means.mean()))


def test_noise_of_faint_bars_stays_within_the_floor() -> None:
    results = ensemble(replace(SMALL, counts=1.2e5), 12)
    assert over_p95(results, "linearity_max") <= 4  # one in twenty; five or more of twelve once in 5,000


def test_bars_that_are_seen_nowhere_tell_nothing_of_straightness() -> None:
    with pytest.raises(CannotMeasure) as refusal:
        straightness([])
    assert refusal.value.code == "no_straightness"
    assert "more counts" in refusal.value.reason
