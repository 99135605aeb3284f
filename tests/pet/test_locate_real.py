"""The finder on real IEC phantoms, without telling it where anything is."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest

from nmqc.model import InputFile, Source, System, Tracer, Volume
from nmqc.pet.phantom import Hints, find_phantom

# x, y, z in the patient's axes of the spheres of 10 to 37 mm, by another program's fits; see its page
RECON = [
    (28.7, -46.8, -4.8),
    (-29.0, -48.8, -4.0),
    (-59.3, -0.4, -4.1),
    (-32.1, 49.8, -4.9),
    (25.2, 51.7, -2.1),
    (55.0, 3.7, -5.5),
]
MCT = [
    (-59.1, -205.0, 284.6),
    (-28.7, -256.8, 284.3),
    (29.7, -255.7, 284.4),
    (57.8, -205.6, 283.6),
    (28.4, -156.3, 284.2),
    (-30.3, -154.4, 284.2),
]


def read(folder):
    where = os.environ.get("NMQC_REFERENCE_DATA")
    if not where or not (Path(where) / "pet" / folder).is_dir():
        pytest.skip("NMQC_REFERENCE_DATA does not name a folder with real PET series")
    files = [
        pydicom.dcmread(path) for path in sorted((Path(where) / "pet" / folder).iterdir()) if path.is_file()
    ]
    files.sort(key=lambda one: float(one.ImagePositionPatient[2]))
    values = np.stack([f.pixel_array * float(f.RescaleSlope) + float(f.RescaleIntercept) for f in files])
    z = np.array([float(f.ImagePositionPatient[2]) for f in files])
    spacing = (float(np.median(np.diff(z))), *(float(one) for one in files[0].PixelSpacing))
    first = np.array([float(one) for one in files[0].ImagePositionPatient])
    middle = first + (np.array(values.shape[::-1]) - 1) / 2 * np.array(spacing[::-1])
    source = Source((InputFile("x.dcm", "0" * 64),), System("unknown", "0" * 8, "", ""), None, None)
    axes = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    where_mm = (float(first[0]), float(first[1]), float(first[2]))
    held = Volume(
        source, values.astype(np.float32), spacing, "relative", False, Tracer(), "0" * 8, axes, where_mm
    )
    return held, middle


@pytest.mark.parametrize(
    ("folder", "centres", "radius_mm", "phase_deg", "sense", "truncated"),
    [("iec-recon", RECON, 57.1, 2.0, 1, True), ("earl-mct", MCT, 58.37, 120.0, -1, False)],
)
def test_centres_of_real_spheres(folder, centres, radius_mm, phase_deg, sense, truncated):
    volume, middle = read(folder)
    found = find_phantom(volume, Hints())
    there = np.array([(one.x_mm, one.y_mm, one.z_mm) for one in found.spheres]) + middle
    assert (
        np.linalg.norm(there - centres, axis=1).max() < 0.5
    )  # the requirement; the figures are rounded to 0.1 mm
    assert found.ring.radius_mm == pytest.approx(radius_mm, abs=0.1)
    assert found.ring.phase_deg == pytest.approx(phase_deg, abs=0.5)
    assert (found.ring.sense, found.truncated, found.upside_down) == (sense, truncated, False)
    assert [one.state for one in found.spheres] == ["hot"] * 6
    assert found.lung is not None
