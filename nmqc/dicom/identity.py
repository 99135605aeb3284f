"""What a file is, for people: allow-listed facts, also of files that would be refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nmqc.dicom.acquired import acquisition_time
from nmqc.dicom.interface import SPACING_RANGE_MM, Identity, ReadOptions
from nmqc.dicom.nm import image_kind, read_acquisition, software
from nmqc.dicom.nuclides import radionuclide
from nmqc.dicom.pet_files import is_folder
from nmqc.dicom.pet_identity import identify_folder, with_series_together
from nmqc.dicom.pet_slices import series_name
from nmqc.dicom.safe import (
    PET_CLASS,
    Content,
    OpenedFile,
    class_name,
    open_dicom,
    read_content,
    refusing,
    silence,
)
from nmqc.dicom.several import shown_name
from nmqc.dicom.systems import check_patterns, is_synthetic, recognise
from nmqc.dicom.values import Header
from nmqc.errors import UnusableInput
from nmqc.model import Acquisition, Refusal

_UNKNOWN_CONTENT = {
    "missing": "no file",
    "folder": "a folder",
    "not_dicom": "not DICOM",
}


def identify_files(paths: Sequence[Path], options: ReadOptions) -> tuple[Identity, ...]:
    """Return what each file is, in the order of the arguments; a PET series as one, a folder by its PET series."""
    check_patterns(options.site)
    found: list[Identity] = []
    slices: list[Identity] = []
    for number, path in enumerate(paths, start=1):
        of_folder = identify_folder(path, number, options) if is_folder(path) else []
        found += of_folder or [_identify_one(path, number, options)]
        if not of_folder and found[-1].series:
            slices.append(found[-1])
    return tuple(with_series_together(found, slices, paths, options))


def _identify_one(path: Path, number: int, options: ReadOptions) -> Identity:
    content: Content | None = None
    name = shown_name(path, number, None, options)
    known = Identity(name, "a file that cannot be read", places=(number,))
    try:
        with refusing(), silence():
            content = read_content(path)
            known = replace(known, file=shown_name(path, number, content, options), sha256=content.sha256)
            file = open_dicom(content)
            known = replace(known, content=class_name(file.sop_class))
            known = replace(known, **_header_facts(file, options))
            acquisition = read_acquisition(file, known.file, options).acquisition
            return replace(known, **_acquisition_facts(acquisition))
    except UnusableInput as refusal:
        refused = Refusal(known.file, refusal.code, refusal.reason, sha256=known.sha256)
        return replace(known, content=_UNKNOWN_CONTENT.get(refusal.code, known.content), refused=refused)


def _header_facts(file: OpenedFile, options: ReadOptions) -> dict[str, Any]:
    """Return what the header of any image tells; what is unusable there is left out."""
    header = Header(file.dataset)
    rows, columns = header.harmless("Rows", 1, 65535), header.harmless("Columns", 1, 65535)
    spacing = header.harmless("PixelSpacing", *SPACING_RANGE_MM)
    frames = header.harmless("NumberOfFrames", 1, 2**31)
    acquired, acquired_from = acquisition_time(header, None)
    return {
        "system": recognise(header, options).system,
        "software": software(header),
        "kind": image_kind(header),
        "matrix": (int(rows[0]), int(columns[0])) if rows and columns else None,
        "spacing_mm": (float(spacing[0]), float(spacing[1])) if len(spacing) == 2 else None,
        "frames": int(frames[0]) if frames else None,
        "radionuclide": radionuclide(header),
        "acquired": acquired,
        "acquired_from": acquired_from,
        "synthetic": is_synthetic(header),
        "series": series_name(header) if file.sop_class == PET_CLASS else "",
    }


def _acquisition_facts(acquisition: Acquisition) -> dict[str, Any]:
    """Return what only reading the whole file tells."""
    frames = acquisition.frames
    windows = (frame.energy_window for frame in frames)
    return {
        "spacing_mm": frames[0].spacing_mm,
        "frames": len(frames),
        "counts": sum(frame.counts.sum().item() for frame in frames),
        "detectors": tuple(dict.fromkeys((frame.detector, frame.detector_source) for frame in frames)),
        "energy_windows": tuple(dict.fromkeys(window for window in windows if window)),
        "durations_s": tuple(dict.fromkeys(frame.duration_s for frame in frames if frame.duration_s)),
        "collimators": tuple(dict.fromkeys(frame.collimator for frame in frames if frame.collimator)),
        "acquired": acquisition.source.acquired,
        "acquired_from": acquisition.source.acquired_from,
        "remarks": acquisition.remarks,
    }
