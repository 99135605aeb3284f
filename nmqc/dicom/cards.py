"""The little of a header that tells which files belong together: read without the pixels."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from nmqc import bounds
from nmqc.dicom.acquired import acquisition_time
from nmqc.dicom.interface import Card, ReadOptions
from nmqc.dicom.nm import image_kind
from nmqc.dicom.safe import (
    NM_CLASSES,
    PET_CLASS,
    check_transfer_syntax,
    class_name,
    opening,
    parsed,
    read_content,
    read_meta,
    refusing,
    silence,
)
from nmqc.dicom.systems import recognise
from nmqc.dicom.values import Header
from nmqc.errors import UnusableInput

if TYPE_CHECKING:
    from pydicom import Dataset

_HEAD = 1 << 18  # bytes that hold a header as a rule
_TAGS = (
    *("SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesDescription", "ImageType", "Modality"),
    *("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "DeviceSerialNumber", "StationName"),
    *("AcquisitionDateTime", "TimezoneOffsetFromUTC"),
    *(f"{event}{what}" for event in ("Acquisition", "Series", "Content") for what in ("Date", "Time")),
)


def read_card(path: Path, options: ReadOptions) -> Card:
    """Return what the header of a file tells.

    Raises
    ------
    UnusableInput
        ``missing``, ``unreadable``, ``too_large``, ``not_dicom``, ``truncated``, ``deflated``, ``compressed``, ...
    """
    with refusing(), silence():
        data = _head(path)
        meta = read_meta(data)
        if meta.sop_class not in (*NM_CLASSES, PET_CLASS):
            return Card("other", class_name(meta.sop_class))
        check_transfer_syntax(meta, lambda _: None)
        return _card(Header(_parsed(data, path)), meta.sop_class, options)


def _head(path: Path) -> bytes:
    """Return the beginning of a file that is DICOM."""
    with opening(), bounds.opened(path) as stream:
        data = stream.read(_HEAD)
    if data[:2] == b"\x1f\x8b":
        raise UnusableInput("not_dicom", "is a compressed archive; unpack it")
    if not data:
        raise UnusableInput("truncated", "is empty; copy or export it again")
    if data[128:132] != b"DICM":
        raise UnusableInput("not_dicom", "is not a DICOM file (no DICM mark at byte 128); export it as DICOM")
    return data


def _parsed(data: bytes, path: Path) -> Dataset:
    """Return the elements that a card needs; the whole file is read where its header is longer than usual."""
    try:
        return parsed(data, _TAGS, whole=len(data) < _HEAD)
    except Exception:
        if len(data) < _HEAD:
            raise
    return parsed(read_content(path).data, _TAGS)


def _card(header: Header, sop_class: str, options: ReadOptions) -> Card:
    acquired, _ = acquisition_time(header, None)
    return Card(
        family="pet" if sop_class == PET_CLASS else "nm",
        content=class_name(sop_class),
        kind=image_kind(header),
        system=recognise(header, options).system,
        acquired=acquired,
        study=_digest(header.text("StudyInstanceUID", 128)),
        series=_digest(header.text("SeriesInstanceUID", 128)),
        description=header.text("SeriesDescription", 128),
    )


def _digest(uid: str) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()[:16] if uid else ""
