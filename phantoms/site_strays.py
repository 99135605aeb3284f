"""What lies in a synthetic site's folder beside good acquisitions: damaged, mislabelled and foreign files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from phantoms.site_cameras import CAMERAS, PET_SERIAL, PET_STATION, PET_SYSTEM, Sent
from phantoms.site_plan import Plan, at
from phantoms.site_truth import OTHER, REFUSED, UNKNOWN, Fault, Item

Planted = tuple[tuple[Sent, ...], Fault]

_SYNTHETIC = "NMQC-SIM"
_KEPT = 0.6  # of a truncated file
_CT_SLICES, _CT_SIDE = 8, 64
_NOTE = """\
Synthetic note of a synthetic site.
Flood started late: the Co-57 sheet was still in the hot lab.
"""


def encoded(content: Dataset | bytes) -> bytes:
    """Return what stands in a file."""
    if isinstance(content, bytes):
        return content
    buffer = DicomBytesIO()
    dcmwrite(buffer, content, enforce_file_format=True)
    return buffer.getvalue()


def spoiled(sent: Sent, plan: Plan) -> Planted | None:
    """Return what became of something that a camera sent, and the fault; None where nothing happened to it."""
    if sent.item.acquired is None:
        return None
    item, day = sent.item, sent.item.acquired.date()
    spoil = _spoilers(plan).get((item.system, item.kind, item.detectors, day))
    return None if spoil is None else spoil(sent)


def strays(plan: Plan) -> Iterator[Planted]:
    """Yield the foreign files."""
    yield _ct_series(plan.iec_days[0])
    yield _screen(plan.day_at(0.25))
    yield _note(plan.day_at(0.3))
    yield _empty(plan.day_at(0.4))
    yield _directory(plan.day_at(0.6))


# --- what happens to good files --------------------------------------------------------------------------


def _spoilers(plan: Plan) -> dict[tuple[str, str, tuple[int, ...], date], Callable[[Sent], Planted]]:
    """Return what happens to what: by camera, kind, detectors and day."""
    return {
        ("intevo", "flood", (1, 2), plan.day_at(0.1)): _copied,
        ("symbia-t2", "flood", (1,), plan.day_at(0.2)): _truncated,
        ("symbia-t2", "flood", (2,), plan.day_at(0.45)): _renamed,
        ("intevo", "bars", (1,), at(plan.bars_days, 0.5)): _relabelled,
    }


def _copied(sent: Sent) -> Planted:
    """Return the same file, and twice again in other folders under other names."""
    (file,), day = sent.item.files, _day(sent)
    names = (f"usb/{day.isoformat()}/IM0001", "intevo/sent-again/flood-copy.dcm")
    copies = tuple(sent._replace(item=replace(sent.item, files=(name,), duplicate_of=file)) for name in names)
    what = "the same file lies in two other folders, under other names"
    seen = "one acquisition in the history; of the three files one is analysed, the others are already done"
    return (sent, *copies), _fault("duplicate", sent, (file, *names), what, seen)


def _truncated(sent: Sent) -> Planted:
    content = encoded(sent.contents[0])
    cut = sent._replace(
        item=replace(sent.item, kind=OTHER, status=REFUSED), contents=(content[: int(_KEPT * len(content))],)
    )
    what = f"the file ends after {_KEPT:.0%} of its bytes, in the middle of its pixels"
    return (cut,), _fault(
        "truncated", cut, cut.item.files, what, "refused; no flood of this detector that day"
    )


def _renamed(sent: Sent) -> Planted:
    name = str(PurePosixPath(sent.item.files[0]).with_suffix(".txt"))
    renamed = sent._replace(item=replace(sent.item, files=(name,)))
    what = "a flood whose name ends in .txt"
    return (renamed,), _fault("wrong_extension", renamed, (name,), what, "analysed as the flood that it is")


def _relabelled(sent: Sent) -> Planted:
    (dataset,) = sent.contents
    assert isinstance(dataset, Dataset)
    dataset.SeriesDescription = "NMQC SIM Intrinsic Flood det 1"
    what = "bars whose series description says flood"
    seen = "analysed as the bars that they are"
    return (sent,), _fault("mislabelled", sent, sent.item.files, what, seen)


def _fault(name: str, sent: Sent, files: tuple[str, ...], what: str, seen: str) -> Fault:
    detector = sent.item.detectors[0] if len(sent.item.detectors) == 1 else None
    return Fault(name, sent.item.system, detector, _day(sent), _day(sent), files, what, seen)


def _day(sent: Sent) -> date:
    assert sent.item.acquired is not None
    return sent.item.acquired.date()


# --- foreign files ---------------------------------------------------------------------------------------


def _foreign(
    name: str,
    system: str,
    day: date,
    files: dict[str, Dataset | bytes],
    what: str,
    *,
    status: str = UNKNOWN,
    seen: str = "listed as unknown, no error",
) -> Planted:
    """Return files that are no acquisitions, each an item of its own, in a camera's folder of a day."""
    written = datetime.combine(day, time(12, 5))
    paths = {f"{system}/{day.isoformat()}/{file}": content for file, content in files.items()}
    sent = tuple(
        Sent(Item((path,), OTHER, status, system), (content,), written) for path, content in paths.items()
    )
    return sent, Fault(name, system, None, day, day, tuple(paths), what, seen)


def _ct_series(day: date) -> Planted:
    files: dict[str, Dataset | bytes] = {
        f"SE0002/IM{number:04d}": _ct_slice(day, number) for number in range(1, _CT_SLICES + 1)
    }
    return _foreign("ct_series", PET_SYSTEM, day, files, "the CT of the IEC body phantom")


def _screen(day: date) -> Planted:
    what = "a picture of a report's page, as a screen saved it"
    return _foreign("report_screen", "intevo", day, {"IM0099": _picture(day)}, what)


def _note(day: date) -> Planted:
    return _foreign("note", "brivo", day, {"note.txt": _NOTE.encode()}, "a text that somebody left")


def _empty(day: date) -> Planted:
    seen = "refused: something was to be sent, and has to be sent again"
    return _foreign(
        "empty", "brivo", day, {"IM0009": b""}, "a file without a byte", status=REFUSED, seen=seen
    )


def _directory(day: date) -> Planted:
    what = "the table of contents of a medium"
    return _foreign("dicomdir", "symbia-t2", day, {"DICOMDIR": _dicomdir(day)}, what)


def _ct_slice(day: date, number: int) -> Dataset:
    """Return one slice: a disc of water in air."""
    y, x = np.mgrid[:_CT_SIDE, :_CT_SIDE] - (_CT_SIDE - 1) / 2
    pixels = np.where(np.hypot(x, y) < _CT_SIDE / 3, 0, -1000).astype(np.int16)
    dataset = _object(CTImageStorage, f"CT {day.isoformat()}", number, "CT", day, pixels)
    dataset.Manufacturer, dataset.ManufacturerModelName = "Philips Medical Systems", "Vereos PET/CT"
    dataset.DeviceSerialNumber, dataset.StationName = PET_SERIAL, PET_STATION
    dataset.SeriesDescription = "NMQC SIM AC CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.ImagePositionPatient = ["-96", "-96", f"{3 * number}"]
    dataset.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    dataset.PixelSpacing, dataset.SliceThickness = ["3", "3"], "3"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.KVP = "0", "1", "120"
    return dataset


def _picture(day: date) -> Dataset:
    """Return a page with lines that stand for text, in a flood's words."""
    pixels = np.full((320, 240), 255, dtype=np.uint8)
    for row in range(20, 300, 14):
        pixels[row : row + 4, 18 : 60 + 7 * row % 160] = 0
    dataset = _object(SecondaryCaptureImageStorage, f"screen {day.isoformat()}", 1, "NM", day, pixels)
    camera = CAMERAS[0]
    dataset.Manufacturer, dataset.ManufacturerModelName = "SIEMENS NM", "Encore2"
    dataset.DeviceSerialNumber, dataset.StationName = camera.serial, camera.station
    dataset.SeriesDescription = "NMQC SIM Intrinsic Flood Report"
    dataset.ImageType = ["DERIVED", "SECONDARY", "SCREEN SAVE"]
    dataset.ConversionType = "WSD"
    return dataset


def _dicomdir(day: date) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = _file_meta(MediaStorageDirectoryStorage, f"DICOMDIR {day.isoformat()}")
    dataset.FileSetID = "NMQC_SIM"
    dataset.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    dataset.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    dataset.FileSetConsistencyFlag = 0
    dataset.DirectoryRecordSequence = []
    return dataset


def _object(
    sop_class: UID, series: str, number: int, modality: str, day: date, pixels: NDArray[np.integer]
) -> Dataset:
    """Return an image that no gamma camera or PET scanner acquired."""
    dataset = Dataset()
    dataset.file_meta = _file_meta(sop_class, f"{series} {number}")
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["site study", series])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["site series", series])
    dataset.PatientName, dataset.PatientID = "NMQC^SIM", _SYNTHETIC
    dataset.PatientBirthDate, dataset.PatientSex = "", "O"
    dataset.InstitutionName = "NMQC SIM"
    dataset.Modality = modality
    dataset.StudyDescription = "NMQC SIM phantom"
    dataset.SeriesNumber, dataset.InstanceNumber = 2, number
    for event in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{event}Date", day.strftime("%Y%m%d"))
        setattr(dataset, f"{event}Time", "091500")
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    bits = 8 * pixels.itemsize
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    dataset.add_new("PixelData", "OB" if bits == 8 else "OW", pixels.tobytes())
    return dataset


def _file_meta(sop_class: UID, name: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["site", name])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = generate_uid(entropy_srcs=["nmqc phantoms"])
    meta.ImplementationVersionName = "NMQC_SIM"
    return meta
