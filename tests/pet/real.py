"""The real series of $NMQC_REFERENCE_DATA, and where other programs found their spheres (its README)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.dicom import ReadOptions, read_pet
from nmqc.model import Volume

#: series -> x, y, z in the patient's axes of the spheres of 10 to 37 mm, by another program's fits, to 0.1 mm
CENTRES = {
    "iec-recon": (
        (28.7, -46.8, -4.8),
        (-29.0, -48.8, -4.0),
        (-59.3, -0.4, -4.1),
        (-32.1, 49.8, -4.9),
        (25.2, 51.7, -2.1),
        (55.0, 3.7, -5.5),
    ),
    "earl-mct": (
        (-59.1, -205.0, 284.6),
        (-28.7, -256.8, 284.3),
        (29.7, -255.7, 284.4),
        (57.8, -205.6, 283.6),
        (28.4, -156.3, 284.2),
        (-30.3, -154.4, 284.2),
    ),
}


def read(series: str) -> Volume:
    """Return a series; skip the test where the files are not there."""
    folder = Path(os.environ.get("NMQC_REFERENCE_DATA", "")) / "pet" / series
    if not folder.is_dir():
        pytest.skip("NMQC_REFERENCE_DATA does not name a folder with real PET series")
    (volume,) = read_pet([folder], ReadOptions()).volumes
    return volume


def centres_in(volume: Volume, series: str) -> NDArray[np.float64]:
    """Return the known centres in the volume's own axes, shape (6, 3): both series lie along the patient's."""
    steps = (np.array(volume.values.shape) - 1) / 2 * volume.spacing_mm
    return np.array(CENTRES[series]) - (np.array(volume.origin_mm) + steps[::-1])
