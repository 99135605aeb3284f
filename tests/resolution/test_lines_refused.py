"""Numbers of line sources that would be wrong: each is refused, with what to do."""

import numpy as np
import pytest

from phantoms.lines import LineSource, two_parallel
from tests.resolution.test_lines import absent, acquisition, ideal, measured, phantom, values


@pytest.mark.parametrize("apart_deg", [4.0, 10.0])
def test_lines_that_cross_at_a_small_angle_are_not_one_wide_line(apart_deg: float) -> None:
    """Taken for one, they read up to 25 % too wide."""
    crossed = phantom(
        LineSource(3.0, 5.0, 160.0, 90 - apart_deg / 2), LineSource(3.0, 5.0, 160.0, 90 + apart_deg / 2)
    )
    result = measured(crossed)
    found = [value for (name, _), value in values(result).items() if name == "fwhm"]
    assert all(value == pytest.approx(8.0, rel=0.06) for value in found)  # two lines, or none that is wrong
    assert found or "strips_disagree" in absent(result).values()


def test_half_a_line_in_the_dark_is_not_half_as_wide() -> None:
    """Half of the profile cut off along half of the line: the strips there read far too sharp."""
    line = phantom(LineSource(3.0, 5.0, 120.0, 88.0), counts=3e6)
    counts = np.random.default_rng(3).poisson(line.expected())
    rows, columns = counts.shape
    y, x = np.indices(counts.shape)
    counts[(x - (columns - 1) / 2 > 5) & (y - (rows - 1) / 2 > 0)] = 0
    result = measured(acquisition(counts, line.spacing_mm))
    assert "fwhm" not in {name for name, _ in values(result)}
    assert absent(result)["fwhm", "line 1"] == "strips_disagree"


def test_a_single_pair_on_a_slant_tells_no_pixel_size() -> None:
    """Its distance mixes both pixel sizes: which of them is wrong it cannot say."""
    slanted = ideal(phantom(*two_parallel(60.0, angle_deg=40.0)))
    result = measured(slanted, separation_mm=60.0)
    assert {code for (name, _), code in absent(result).items() if name == "pixel_size"} >= {"tilted_pair"}
    assert "pixel_size" not in {name for name, _ in values(result)}


def test_a_separation_that_nothing_can_use_is_said() -> None:
    result = measured(phantom(LineSource(3.0, 5.0, 120.0, 88.0)), separation_mm=60.0)
    assert {absent(result)["pixel_size", axis] for axis in "xy"} == {"separation_unused"}
