"""NM files made for the tests of the reader, and short ways to read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, FileDataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

from nmqc.dicom import ReadOptions, ReadOutcome, read_nm
from nmqc.model import Acquisition, Refusal

NM = "1.2.840.10008.5.1.4.1.1.20"
STUDY = "2.25.100"


def item(**values: Any) -> Dataset:
    """A data set with these elements."""
    result = Dataset()
    for keyword, value in values.items():
        setattr(result, keyword, value)
    return result


def window(name: str, low: float, high: float) -> Dataset:
    limits = item(EnergyWindowLowerLimit=low, EnergyWindowUpperLimit=high)
    return item(EnergyWindowName=name, EnergyWindowRangeSequence=[limits])


def detector(**values: Any) -> Dataset:
    base = {"CollimatorType": "PARA", "FocalDistance": 0}
    return item(**{**base, **values})


def turn(**values: Any) -> Dataset:
    """One item of RotationInformationSequence; None leaves an element out."""
    base = {"StartAngle": 0, "AngularStep": 6, "RotationDirection": "CC"}
    return item(**{keyword: value for keyword, value in {**base, **values}.items() if value is not None})


TC = window("99m Technetium", 129.5, 150.5)
CO = window("57 Cobalt", 109.71, 134.09)


def distinct(frames: int, rows: int = 6, columns: int = 8) -> np.ndarray:
    """Frames that differ in every pixel, rows and columns told apart: frame f starts at 100 (f + 1)."""
    one = np.arange(rows * columns, dtype="u2").reshape(rows, columns)
    return np.stack([one + 100 * (frame + 1) for frame in range(frames)])


def nm(
    pixels: np.ndarray | None = None,
    *,
    kind: str = "STATIC",
    windows: Sequence[Dataset] = (TC,),
    detectors: Sequence[Dataset] = (),
    **vectors: Sequence[int],
) -> FileDataset:
    """One NM image; `vectors` are the vectors in order of the FrameIncrementPointer, slow to fast."""
    pixels = distinct(1) if pixels is None else pixels
    ds = FileDataset(None, {}, preamble=b"\0" * 128, file_meta=FileMetaDataset())
    _identify(ds, kind)
    ds.NumberOfFrames, ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = pixels.dtype.itemsize * 8
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.PixelSpacing = [2.5, 2.4]
    detectors = detectors or [detector()] * max(vectors.get("DetectorVector", [1]))
    ds.NumberOfEnergyWindows, ds.NumberOfDetectors = len(windows), len(detectors)
    ds.EnergyWindowInformationSequence, ds.DetectorInformationSequence = list(windows), list(detectors)
    ones = [1] * len(pixels)
    vectors = vectors or {"EnergyWindowVector": ones, "DetectorVector": ones}
    ds.FrameIncrementPointer = list(vectors)
    for keyword, vector in vectors.items():
        setattr(ds, keyword, list(vector))
    ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OB" if bits == 8 else "OW"
    return ds


def _identify(ds: FileDataset, kind: str) -> None:
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = NM
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = "2.25.1"
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.Modality = STUDY, "2.25.101", "NM"
    ds.ImageType = ["ORIGINAL", "PRIMARY", kind, "EMISSION"]
    ds.Manufacturer, ds.ManufacturerModelName = "SIEMENS NM", "Encore2"
    ds.SoftwareVersions = ["10.7", "10.6", "syngo CT VC50>Symbia Intevo Bold>VB22A", "VB22A"]
    ds.StationName, ds.DeviceSerialNumber = "STATION7", "SERIAL9"
    ds.AcquisitionDate, ds.AcquisitionTime = "20261116", "071200"
    ds.ActualFrameDuration = 300_000


def ge(**arguments: Any) -> FileDataset:
    """An image of a Brivo NM615."""
    ds = nm(**arguments)
    ds.Manufacturer, ds.ManufacturerModelName = "GE MEDICAL SYSTEMS", "Brivo NM615"
    ds.SoftwareVersions = "1.003.017.5"
    return ds


def save(path: Path, ds: FileDataset, syntax: str | None = None) -> Path:
    """Write a data set, in another native transfer syntax where one is given."""
    if syntax is None:
        dcmwrite(path, ds, enforce_file_format=True)
        return path
    ds.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian and ds["PixelData"].VR == "OW":
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    dcmwrite(path, ds, implicit_vr=syntax == "1.2.840.10008.1.2", little_endian=syntax != ExplicitVRBigEndian)
    return path


def patch(path: Path, old: bytes, new: bytes) -> Path:
    """Replace bytes of a file, once, keeping its length: for values that no library would write."""
    data = path.read_bytes()
    assert data.count(old) == 1
    assert len(old) == len(new)
    path.write_bytes(data.replace(old, new))
    return path


def read(*paths: Path, **options: Any) -> ReadOutcome:
    """What came of some files."""
    return read_nm(list(paths), ReadOptions(**options))


def refusal(path: Path, **options: Any) -> Refusal:
    """The refusal of a file that must be refused."""
    outcome = read(path, **options)
    assert outcome.acquisitions == ()
    (refused,) = outcome.refused
    assert refused.file == path.name
    assert "\n" not in refused.reason
    assert re.search(r"; [a-z]|: use |: pip install ", refused.reason)  # and what to do next
    return refused


def acquisition(path: Path, **options: Any) -> Acquisition:
    """The one acquisition in a file that must be read."""
    outcome = read(path, **options)
    assert outcome.refused == ()
    (found,) = outcome.acquisitions
    return found


def codes(found: Acquisition) -> list[str]:
    """The codes of what was remarked."""
    return [remark.code for remark in found.remarks]
