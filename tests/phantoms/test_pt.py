"""PET phantoms as DICOM: each maker's signs, slopes, order and units, and the times of the decay."""

import dataclasses
import math
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest

from phantoms import pt
from phantoms.pet import Cylinder, IecBody
from phantoms.pet_scan import ISOTOPES, PET_SYSTEMS, Scan

needs_dciodvfy = pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="dciodvfy (Debian: dicom3tools) is not installed"
)
SMALL = Cylinder(
    matrix=(20, 26),
    slices=7,
    voxel_mm=(9.0, 12.0, 11.0),
    fwhm_mm=(14.0, 12.0),
    diameter_mm=150.0,
    noise=0.1,
    noise_fwhm_mm=(10.0, 10.0),
)
VENDORS = sorted(PET_SYSTEMS)
F18_S = 6586.2


def values_of(read: list[pydicom.Dataset]) -> np.ndarray:
    return np.stack([d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in read])


def steps_of(read: list[pydicom.Dataset]) -> np.ndarray:
    """Return by how much a stored value can be off: half a slope, for each slice."""
    return np.array([float(d.RescaleSlope) for d in read])[:, np.newaxis, np.newaxis] * 0.5000001


@needs_dciodvfy
@pytest.mark.parametrize("vendor", VENDORS)
def test_strict_files_conform(vendor: str, tmp_path: Path) -> None:
    for units in PET_SYSTEMS[vendor].units:
        paths = pt.write_series(SMALL, tmp_path / units, vendor, seed=1, units=units)
        checked = subprocess.run(["dciodvfy", paths[3]], capture_output=True, text=True, check=False)
        said = checked.stdout + checked.stderr
        assert "Error" not in said
        assert "PETImage" in said  # it was checked as what it is


@needs_dciodvfy
@pytest.mark.parametrize("vendor", VENDORS)
def test_scanner_files_deviate_as_scanners_do(vendor: str, tmp_path: Path) -> None:
    path = pt.write_series(SMALL, tmp_path, vendor, seed=1, flavour="scanner")[0]
    checked = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    said = (checked.stdout + checked.stderr).splitlines()
    (error,) = [line for line in said if line.startswith("Error")]
    assert "Laterality" in error
    terms = [line for line in said if "Unrecognized defined term" in line]
    assert len(terms) == (2 if vendor == "ge" else 0)  # RANSNG, SLSENS


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("transfer_syntax", ["explicit-le", "implicit-le", "explicit-be", "rle"])
def test_values_come_back(vendor: str, transfer_syntax: str, tmp_path: Path) -> None:
    paths = pt.write_series(SMALL, tmp_path, vendor, seed=5, transfer_syntax=transfer_syntax)
    read = [pydicom.dcmread(path) for path in paths]
    values = values_of(read) * (Scan().factor if vendor == "vereos" else 1)
    noisy = SMALL.noisy(5)
    assert noisy.min() < -500  # there is something to lose
    expected = noisy if vendor == "ge" else np.maximum(noisy, 0)
    factor = Scan().factor if vendor == "vereos" else 1
    assert np.all(np.abs(values - expected) <= steps_of(read) * factor)
    assert values.max() / 5300 == pytest.approx(noisy.max() / 5300, rel=1e-3)
    assert steps_of(read).max() < 1  # of 16 bits, all are used


def test_what_each_maker_does() -> None:
    vereos, siemens, ge = (pt.datasets(SMALL, vendor=name, seed=1) for name in ("vereos", "siemens", "ge"))
    assert {d.Manufacturer for d in vereos} == {"Philips Medical Systems"}
    assert len({d.RescaleSlope for d in vereos}) == 1
    assert len({d.RescaleSlope for d in siemens}) == len({d.RescaleSlope for d in ge}) == 7
    assert [d.PixelRepresentation for d in (vereos[0], siemens[0], ge[0])] == [0, 0, 1]
    assert [int(d.InstanceNumber) for d in siemens] == [1, 2, 3, 4, 5, 6, 7]
    assert [int(d.InstanceNumber) for d in ge] == [7, 6, 5, 4, 3, 2, 1]
    for series in (vereos, siemens, ge):
        heights = [float(d.ImagePositionPatient[2]) for d in series]
        assert np.diff(heights) == pytest.approx(np.full(6, 9.0))
        assert [int(d.ImageIndex) for d in series] == [1, 2, 3, 4, 5, 6, 7]
        assert {d.NumberOfSlices for d in series} == {7}
    assert [d.Units for d in (vereos[0], siemens[0], ge[0])] == ["CNTS", "BQML", "BQML"]
    thick = pt.datasets(SMALL, vendor="siemens", flavour="scanner")[0]
    assert (float(thick.SliceThickness), float(siemens[0].SliceThickness)) == (11.0, 9.0)
    assert "RANSNG" in pt.datasets(SMALL, vendor="ge", flavour="scanner")[0].CorrectedImage


def test_philips_factors() -> None:
    """Counts times one factor are Bq/mL, times the other SUV; in BQML neither is to be applied."""
    scan = Scan(activity_mbq=50.0, weight_kg=8.0, measured=datetime(2026, 1, 5, 8, 41, 7), factor=2.5)
    counts, bqml = (pt.datasets(SMALL, vendor="vereos", scan=scan, units=units) for units in ("CNTS", "BQML"))
    block = counts[0].private_block(0x7053, "Philips PET Private Group")
    suv, activity = float(block[0x00].value), float(block[0x09].value)
    assert activity == 2.5
    assert values_of(counts).max() * 2.5 == pytest.approx(values_of(bqml).max(), rel=1e-4)
    left_bq = 50e6 * 0.5 ** (3600 / F18_S)
    assert suv == pytest.approx(2.5 * 8000 / left_bq, rel=1e-9)
    gml = pt.datasets(SMALL, vendor="vereos", scan=scan, units="GML")
    assert gml[0].SUVType == "BW"
    assert values_of(gml).max() == pytest.approx(values_of(bqml).max() * 8000 / left_bq, rel=1e-4)
    later = pt.datasets(
        SMALL, vendor="vereos", scan=scan, units="GML", replicate=2
    )  # dose and image decay alike
    assert values_of(later) == pytest.approx(values_of(gml), abs=2 * float(gml[0].RescaleSlope))
    assert bqml[0].private_block(0x7053, "Philips PET Private Group")[0x09].value == 2.5
    bare = pt.datasets(SMALL, vendor="vereos", scan=dataclasses.replace(scan, factors=False))
    assert all(element.tag.group != 0x7053 for element in bare[0])


def test_times_are_those_of_a_real_scan() -> None:
    """A Biograph mCT wrote for a bed position of 300 s of F-18: 149605.34445734 ms and 1.01587."""
    read = pt.datasets(SMALL, vendor="siemens", scan=Scan(duration_s=300.0))
    assert float(read[0].FrameReferenceTime) == pytest.approx(149605.34445734, abs=1e-3)
    assert float(read[0].DecayFactor) == pytest.approx(1.01587, abs=5e-6)
    assert int(read[0].ActualFrameDuration) == 300000
    assert read[0].SeriesTime == read[0].AcquisitionTime < read[0].ContentTime


@pytest.mark.parametrize("correction", ["START", "ADMIN", "NONE"])
def test_decay(correction: str) -> None:
    """From what the file says, each bed position's values lead back to the phantom's at the start of the first."""
    scan = Scan(
        acquired=datetime(2026, 3, 1, 0, 12, 0),
        measured=datetime(2026, 2, 28, 23, 20, 0),
        beds=2,
        duration_s=420.0,
        decay_correction=correction,
        radionuclide="Ga-68",
    )
    half_life = 4062.6
    truth = SMALL.voxels()
    for replicate in (0, 2):
        read = pt.datasets(SMALL, vendor="siemens", scan=scan, replicate=replicate)
        assert {d.DecayCorrection for d in read} == {correction}
        begun = [pydicom.valuerep.DT(d.AcquisitionDate + d.AcquisitionTime) for d in read]
        start = pydicom.valuerep.DT(read[0].SeriesDate + read[0].SeriesTime)
        assert start == begun[0]
        assert [(at - start).total_seconds() for at in begun] == [0] * 4 + [436] * 3
        for dataset, values, at, wanted in zip(read, values_of(read), begun, truth, strict=True):
            passed = (start - scan.acquired).total_seconds()
            back = {"START": passed, "ADMIN": -52 * 60, "NONE": (at - scan.acquired).total_seconds()}
            factor = 2 ** (back[correction] / half_life)
            if correction == "NONE":
                exponent = 420 * math.log(2) / half_life
                factor *= exponent / (1 - math.exp(-exponent))
                assert "DecayFactor" not in dataset
            assert values * factor == pytest.approx(wanted, abs=0.6 * factor * float(dataset.RescaleSlope))
        tracer = read[0].RadiopharmaceuticalInformationSequence[0]
        assert tracer.RadiopharmaceuticalStartDateTime == "20260228232000.000000"
        assert float(tracer.RadionuclideHalfLife) == half_life


def test_decay_factor_corrects_the_measured_mean() -> None:
    scan = Scan(beds=3, duration_s=200.0, decay_correction="ADMIN")
    none = dataclasses.replace(scan, decay_correction="NONE")
    for bed in range(3):
        corrected = scan.concentration_factor(1, bed)
        assert corrected == pytest.approx(none.concentration_factor(1, bed) * scan.decay_factor(1, bed))
        assert corrected == pytest.approx(2 ** (58 * 60 / F18_S))  # the same in every bed and replicate


def test_time_of_the_activity() -> None:
    for how, clock, date in (("both", True, True), ("time", True, False), ("datetime", False, True)):
        item = pt.datasets(SMALL, scan=Scan(start_as=how))[0].RadiopharmaceuticalInformationSequence[0]
        assert ("RadiopharmaceuticalStartTime" in item, "RadiopharmaceuticalStartDateTime" in item) == (
            clock,
            date,
        )
    assert item.RadiopharmaceuticalStartDateTime == "20260105084307.000000"
    assert float(item.RadionuclideTotalDose) == 61.3e6


def test_replicates_are_series_of_their_own() -> None:
    series = [pt.datasets(SMALL, vendor="siemens", seed=4, replicate=number) for number in range(3)]
    assert len({s[0].SeriesInstanceUID for s in series}) == 3
    assert len({s[0].StudyInstanceUID for s in series}) == 1
    assert len({d.SOPInstanceUID for s in series for d in s}) == 21
    assert [s[0].AcquisitionTime for s in series] == ["094107.000000", "094623.000000", "095139.000000"]
    assert values_of(series[2]) == pytest.approx(np.maximum(SMALL.noisy(6), 0) * 2 ** (-632 / F18_S), abs=0.1)


def test_orientation() -> None:
    """Columns grow to the patient's back, rows to the feet: the slices then go to the right."""
    scan = Scan(directions=((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)), middle_mm=(10.0, 20.0, 30.0))
    read = pt.datasets(SMALL, scan=scan)
    assert [float(part) for part in read[0].ImageOrientationPatient] == [0, 1, 0, 0, 0, -1]
    # x of the first column: -137.5 mm, y of the first row: -114 mm, z of the first slice: -27 mm
    assert [float(part) for part in read[0].ImagePositionPatient] == [10 + 27, 20 - 137.5, 30 + 114]
    assert [float(part) for part in read[6].ImagePositionPatient] == [10 - 27, 20 - 137.5, 30 + 114]
    assert [float(part) for part in read[0].PixelSpacing] == [12.0, 11.0]
    assert (read[0].Rows, read[0].Columns) == (20, 26)


def test_every_object_says_that_it_is_synthetic() -> None:
    for vendor in VENDORS:
        for dataset in pt.datasets(SMALL, vendor=vendor, seed=1, flavour="scanner"):
            said = [dataset.PatientName, dataset.PatientID, dataset.InstitutionName, dataset.StationName]
            said += [dataset.DeviceSerialNumber]
            assert all("NMQC" in str(text) and "SIM" in str(text) for text in said)
            assert dataset.SOPInstanceUID.startswith("1.2.826.0.1.3680043.8.498.")


def test_same_arguments_same_bytes(tmp_path: Path) -> None:
    first, second = (pt.write_series(SMALL, tmp_path / name, "ge", seed=2) for name in "ab")
    assert [path.name for path in first] == [f"PT000{number}.dcm" for number in (7, 6, 5, 4, 3, 2, 1)]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))
    other = pt.datasets(dataclasses.replace(SMALL, noise=0.11), vendor="ge", seed=2)
    assert other[0].SeriesInstanceUID != pydicom.dcmread(first[0]).SeriesInstanceUID


def test_existing_files_are_kept(tmp_path: Path) -> None:
    (tmp_path / "PT0004.dcm").write_text("mine")
    with pytest.raises(FileExistsError, match=r"PT0004\.dcm exists"):
        pt.write_series(SMALL, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["PT0004.dcm"]
    pt.write_series(SMALL, tmp_path, overwrite=True)
    assert len(list(tmp_path.iterdir())) == 7


def test_an_empty_slice_has_a_slope() -> None:
    """A slice without activity: zeros, and a slope that is not 0."""
    empty = IecBody(matrix=(24, 28), slices=10, voxel_mm=(40.0, 15.0, 14.0), fwhm_mm=(16.0, 12.0))
    read = pt.datasets(empty, vendor="siemens")
    assert read[0].pixel_array.max() <= 1
    assert all(float(d.RescaleSlope) > 0 for d in read)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: pt.datasets(SMALL, vendor="other"), "vereos, siemens, ge"),
        (lambda: pt.datasets(SMALL, vendor="siemens", units="CNTS"), "siemens writes BQML, GML"),
        (lambda: pt.datasets(SMALL, flavour="other"), "flavour"),
        (lambda: pt.datasets(SMALL, replicate=-1), "counted from 0"),
        (lambda: Scan(duration_s=0.0), "duration"),
        (lambda: Scan(weight_kg=math.inf), "weight"),
        (lambda: Scan(beds=0), "bed"),
        (lambda: Scan(radionuclide="Tc-99m"), ", ".join(ISOTOPES)),
        (lambda: Scan(decay_correction="LATER"), "START, ADMIN, NONE"),
        (lambda: Scan(start_as="never"), "datetime"),
        (lambda: Scan(directions=((1.0, 0.0, 0.0), (0.1, 1.0, 0.0))), "right angle"),
        (lambda: Scan(directions=((1.1, 0.0, 0.0), (0.0, 1.0, 0.0))), "unit vectors"),
    ],
)
def test_mistakes_are_refused(make: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()
