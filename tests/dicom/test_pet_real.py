"""PET series that real scanners wrote, against what is known of them."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from nmqc.model import Volume
from tests.dicom.pet_build import codes, refusal, volume

ROOT = os.environ.get("NMQC_REFERENCE_DATA")
pytestmark = pytest.mark.skipif(not ROOT, reason="NMQC_REFERENCE_DATA does not name the folder of real files")
FOLDER = Path(ROOT or ".") / "pet"


@pytest.fixture(scope="module")
def earl() -> Volume:
    return volume(FOLDER / "earl-mct")


@pytest.fixture(scope="module")
def recon() -> Volume:
    return volume(FOLDER / "iec-recon")


def by_pydicom(folder: Path, wanted_z: float) -> np.ndarray:
    """The rescaled slice at a height, by pydicom's own decoding."""
    files = [dcmread(path) for path in sorted(folder.iterdir())]
    ds = min(files, key=lambda one: abs(one.ImagePositionPatient[2] - wanted_z))
    pixels: np.ndarray = ds.pixel_array.astype("f8")
    return pixels * float(ds.RescaleSlope) + float(ds.RescaleIntercept)


def test_earl(earl: Volume) -> None:
    assert earl.values.shape == (85, 200, 200)
    assert earl.spacing_mm == pytest.approx((3.0, 4.07283, 4.07283), rel=1e-9)  # SliceThickness says 5
    assert earl.origin_mm == (-405.433, -633.929, 158.5)
    assert (earl.unit, earl.quantitative, earl.duration_s, codes(earl)) == ("Bq/mL", True, 300.0, [])
    assert (earl.source.system.model, earl.source.acquired) == ("Biograph64_mCT", "2025-07-09T12:28:52")
    assert earl.reconstruction == "PSF+TOF 2i21s, XYZ Gauss3.50"
    assert len(earl.source.inputs) == 85
    tracer = earl.tracer
    assert (tracer.radionuclide, tracer.activity_bq, tracer.weight_g) == ("F-18", 186e6, 5000.0)
    assert (tracer.measured, tracer.decay_correction) == ("2025-07-09T12:28:04", "START")


def test_reference_time_of_earl(earl: Volume) -> None:
    """The frame reference times of two beds and their overlap agree to a second with the series' time."""
    assert earl.tracer.reference_from == "frame reference times"
    reference = datetime.fromisoformat(earl.tracer.reference or "")
    assert -1 <= (reference - datetime(2025, 7, 9, 12, 28, 52)).total_seconds() <= 0


def test_each_slice_of_earl_has_its_own_slope(earl: Volume) -> None:
    for k in (0, 17, 42, 84):
        expected = by_pydicom(FOLDER / "earl-mct", 158.5 + 3 * k)
        assert earl.values[k] == pytest.approx(expected, rel=1e-7)  # float32 rounds to 6e-8
    assert earl.values.max() == pytest.approx(
        32_019, abs=1
    )  # the maximum in the 22 mm sphere: README of the data


def test_recon(recon: Volume) -> None:
    assert recon.values.shape == (89, 192, 192)
    assert recon.spacing_mm == pytest.approx((2.78, 2.0833332538605, 2.0833332538605), rel=1e-7)
    assert recon.origin_mm[2] == pytest.approx(-122.32, abs=0.001)
    assert recon.origin_mm[2] + 88 * recon.spacing_mm[0] == pytest.approx(122.32, abs=0.001)
    assert (recon.unit, recon.quantitative) == ("relative", False)
    assert codes(recon) == ["relative_units", "corrections_missing", "unit_unidentified"]
    assert recon.tracer.reference is None
    assert recon.values[40] == pytest.approx(
        by_pydicom(FOLDER / "iec-recon", recon.origin_mm[2] + 40 * 2.78), rel=1e-7
    )
    assert recon.values[np.s_[30:60]].max() == pytest.approx(
        26_466, abs=1
    )  # in the 28 mm sphere: pet.md, 7.1


def test_two_series_at_once() -> None:
    files = [*sorted((FOLDER / "earl-mct").iterdir())[:4], *sorted((FOLDER / "iec-recon").iterdir())[:3]]
    refused = refusal(*files)
    assert refused.code == "several_series"
    assert "9fbdb2dc (4 slices of 200 x 200, PSF+TOF 2i21s, XYZ Gauss3.50)" in refused.reason


def test_no_identifier_of_a_real_series_is_said(earl: Volume, recon: Volume) -> None:
    for found, name in ((earl, "earl-mct"), (recon, "iec-recon")):
        ds = dcmread(next((FOLDER / name).iterdir()))
        for keyword in ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID", "StudyDescription"):
            value = str(ds.get(keyword) or "")
            assert not value or value not in repr(found)
