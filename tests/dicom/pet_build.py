"""PET series made for the tests of the reader, and short ways to read them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import FileDataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from nmqc.dicom import ReadOptions, VolumeOutcome, read_pet
from nmqc.model import Refusal, Volume
from tests.dicom.build import item

PET = "1.2.840.10008.5.1.4.1.1.128"
SERIES = "2.25.201"
ROWS, COLUMNS, STEP_MM = 8, 10, 3.0
DOWN_MM, ALONG_MM = 4.0, 2.5
FIRST_MM = (-40.0, 25.0, -100.5)

Change = Callable[[FileDataset, int], None]


def stored(k: int) -> np.ndarray:
    """Stored pixels of a slice: no two of a series alike, rows and columns told apart."""
    return (np.arange(ROWS * COLUMNS, dtype="u2") + 1000 * (k + 1)).reshape(ROWS, COLUMNS)


def slope(k: int) -> float:
    return 0.25 + 0.125 * k


def intercept(k: int) -> float:
    return -2.0 * k


def values(slices: int) -> np.ndarray:
    """Rescaled values of a series as `pet_slice` makes it, in order of z."""
    return np.stack([stored(k) * slope(k) + intercept(k) for k in range(slices)])


def pet_slice(k: int, slices: int = 6) -> FileDataset:
    """Slice k of a whole series of a Vereos in Bq/mL; instance numbers run against z."""
    ds = FileDataset(None, {}, preamble=b"\0" * 128, file_meta=FileMetaDataset())
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = PET
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = f"2.25.{300 + k}"
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "2.25.200", SERIES, "2.25.202"
    ds.Modality, ds.ImageType = "PT", ["ORIGINAL", "PRIMARY"]
    ds.Manufacturer, ds.ManufacturerModelName = "Philips Medical Systems", "Vereos PET/CT"
    ds.StationName, ds.DeviceSerialNumber, ds.SoftwareVersions = "STATION7", "SERIAL9", "2.0"
    ds.InstanceNumber, ds.NumberOfSlices = slices - k, slices
    ds.ImagePositionPatient = [FIRST_MM[0], FIRST_MM[1], FIRST_MM[2] + STEP_MM * k]
    ds.ImageOrientationPatient, ds.PixelSpacing = [1, 0, 0, 0, 1, 0], [DOWN_MM, ALONG_MM]
    ds.SliceThickness = 5
    _add_pixels(ds, k)
    _add_pet(ds)
    return ds


def _add_pixels(ds: FileDataset, k: int) -> None:
    ds.Rows, ds.Columns = ROWS, COLUMNS
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
    ds.RescaleSlope, ds.RescaleIntercept = slope(k), intercept(k)
    ds.PixelData = stored(k).tobytes()
    ds["PixelData"].VR = "OW"


def _add_pet(ds: FileDataset) -> None:
    ds.Units, ds.DecayCorrection, ds.SeriesType = "BQML", "START", ["STATIC", "IMAGE"]
    ds.CorrectedImage = ["DECY", "RADL", "ATTN", "SCAT", "DTIM", "RAN", "NORM"]
    ds.ReconstructionMethod = "OSEM:i3s15"
    ds.SeriesDate = ds.AcquisitionDate = "20261116"
    ds.SeriesTime, ds.AcquisitionTime, ds.ActualFrameDuration = "101500", "101500", 600_000
    ds.PatientWeight = 10
    ds.RadiopharmaceuticalInformationSequence = [
        item(
            RadiopharmaceuticalStartDateTime="20261116093000",
            RadionuclideTotalDose=50e6,
            RadionuclideHalfLife=6586.2,
            RadionuclideCodeSequence=[item(CodeValue="C-111A1", CodingSchemeDesignator="SRT")],
        )
    ]


def tracer_item(ds: FileDataset) -> Any:
    return ds.RadiopharmaceuticalInformationSequence[0]


def philips(ds: FileDataset, *, concentration: Any = None, suv: Any = None, vr: str = "DS") -> None:
    """Add the private factors of Philips."""
    block = ds.private_block(0x7053, "Philips PET Private Group", create=True)
    for element, factor in ((0x00, suv), (0x09, concentration)):
        if factor is not None:
            block.add_new(element, vr, factor)


def write(ds: FileDataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(path, ds, enforce_file_format=True)
    return path


def series(folder: Path, slices: int = 6, change: Change | None = None, skip: tuple[int, ...] = ()) -> Path:
    """Write a series, its file names in no order of z, each slice changed on the way; return the folder."""
    for k in range(slices):
        ds = pet_slice(k, slices)
        if change is not None:
            change(ds, k)
        if k not in skip:
            write(ds, folder / f"IM{(k * 5 + 2) % 97:03d}")
    return folder


def always(**elements: Any) -> Change:
    """Return a change that sets elements in every slice; None deletes one."""

    def change(ds: FileDataset, _k: int) -> None:
        for keyword, value in elements.items():
            if value is None:
                delattr(ds, keyword)
            else:
                setattr(ds, keyword, value)

    return change


def read(*paths: Path, series: Sequence[str] = (), all_series: bool = False, **options: Any) -> VolumeOutcome:
    return read_pet(list(paths), ReadOptions(**options), series, all_series)


def volume(*paths: Path, **options: Any) -> Volume:
    """The one volume of what must be read."""
    outcome = read(*paths, **options)
    assert outcome.refused == ()
    (found,) = outcome.volumes
    return found


def refusal(*paths: Path, **options: Any) -> Refusal:
    """The one refusal of what must be refused."""
    outcome = read(*paths, **options)
    assert outcome.volumes == ()
    (refused,) = outcome.refused
    assert "\n" not in refused.reason
    assert re.search(r"; [a-z]", refused.reason)  # and what to do next
    return refused


def codes(found: Volume) -> list[str]:
    return [remark.code for remark in found.remarks]
