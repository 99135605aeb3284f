"""The finder on real IEC phantoms, without telling it where anything is."""

from __future__ import annotations

import numpy as np
import pytest

from nmqc.pet.phantom import Hints, find_phantom
from tests.pet.real import centres_in, read


@pytest.mark.parametrize(
    ("series", "radius_mm", "phase_deg", "sense", "truncated"),
    [("iec-recon", 57.1, 2.0, 1, True), ("earl-mct", 58.37, 120.0, -1, False)],
)
def test_centres_of_real_spheres(series, radius_mm, phase_deg, sense, truncated):
    volume = read(series)
    found = find_phantom(volume, Hints())
    there = np.array([(one.x_mm, one.y_mm, one.z_mm) for one in found.spheres])
    off_mm = np.linalg.norm(there - centres_in(volume, series), axis=1)
    assert off_mm.max() < 0.5  # the requirement; the figures are rounded to 0.1 mm
    assert found.ring.radius_mm == pytest.approx(radius_mm, abs=0.1)
    assert found.ring.phase_deg == pytest.approx(phase_deg, abs=0.5)
    assert (found.ring.sense, found.truncated, found.upside_down) == (sense, truncated, False)
    assert [one.state for one in found.spheres] == ["hot"] * 6
    assert found.lung is not None
