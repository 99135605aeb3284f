"""Frames as an NM DICOM object, in two flavours, and objects as files.

``strict`` conforms to the standard (dciodvfy finds no error). ``scanner`` writes as the maker does: code
values of 99SDM, PatientPosition beside the orientation codes, no Laterality, an empty CountsAccumulated
(Siemens), private groups.

Every object says that it is synthetic: NMQC and SIM in the names of patient, institution and station and in
the serial number, and UIDs under pydicom's root. No clock and no host name: the same arguments give the same
bytes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread, dcmwrite
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    NuclearMedicineImageStorage,
    RLELossless,
    generate_uid,
)
from pydicom.valuerep import format_number_as_ds

from phantoms.flood import Window
from phantoms.systems import SystemProfile

FLAVOURS = ("strict", "scanner")
TRANSFER_SYNTAXES: dict[str, UID] = {
    "explicit-le": ExplicitVRLittleEndian,
    "implicit-le": ImplicitVRLittleEndian,
    "explicit-be": ExplicitVRBigEndian,
    "rle": RLELossless,
    "deflated": DeflatedExplicitVRLittleEndian,
}
Pixels = NDArray[np.uint16]

_SYNTHETIC = "NMQC-SIM"
_GE_CREATOR, _SIEMENS_CREATOR = "GEMS_GENIE_1", "SIEMENS MED NM"

# Codes of SNOMED CT (DICOM PS3.16, CID 18 to 21), and the 99SDM ones seen in headers of Siemens files.
_CODES = {
    "strict": {
        "Tc-99m": ("72454006", "SCT", "^99m^Technetium"),
        "Co-57": ("27054007", "SCT", "^57^Cobalt"),
        "recumbent": ("102538003", "SCT", "recumbent"),
        "supine": ("40199007", "SCT", "supine"),
        "headfirst": ("102540008", "SCT", "headfirst"),
    },
    "scanner": {
        "Tc-99m": ("C-163A8", "99SDM", "99m Technetium"),
        "Co-57": ("C-144A3", "99SDM", "57 Cobalt"),
        "recumbent": ("F-10450", "99SDM", "Recumbent"),
        "supine": ("F-10340", "99SDM", "Supine position"),
        "headfirst": ("G-5190", "99SDM", "Headfirst"),
    },
}
_COUNT_KEYWORDS = {
    "EnergyWindowVector": "NumberOfEnergyWindows",
    "DetectorVector": "NumberOfDetectors",
    "RotationVector": "NumberOfRotations",
}


@dataclass(frozen=True, slots=True)
class HeadItem:
    """What the header says of one detector.

    Attributes
    ----------
    field_shape, field_dimensions_mm : None, () to say nothing of the field of view
    field_box_px : (first row, first column, end row, end column) of the field, or None
    start_angle_deg : None for no angle
    collimator : its name in the header, or None for an intrinsic acquisition
    view : free text
    radii_mm : from the axis of rotation to its face: one, one for each view, or () to say nothing
    """

    field_shape: str | None
    field_dimensions_mm: tuple[int, ...]
    field_box_px: tuple[int, int, int, int] | None
    start_angle_deg: float | None
    collimator: str | None
    view: str
    radii_mm: tuple[float, ...] = (0.0,)


@dataclass(frozen=True, slots=True)
class RotationItem:
    """What the header says of one rotation of a tomographic acquisition.

    Attributes
    ----------
    start_angle_deg : of the first head
    step_deg, arc_deg : positive
    clockwise : angles decrease
    views : of each head
    radii_mm : from the axis to the heads' faces: one, one for each view, or () to say nothing
    """

    start_angle_deg: float
    step_deg: float
    arc_deg: float
    clockwise: bool
    views: int
    radii_mm: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says beside its pixels.

    Attributes
    ----------
    flavour : "strict" or "scanner"
    image_type : "STATIC", ...
    vectors : the vectors that number the frames, slowest first: keyword, and one entry per frame from 1
    pixel_mm : (down, along)
    duration_s : of a frame
    pixel_scale : None, or GE's (scale, offset), where counts are stored value x scale + offset
    uid_sources : texts that the UIDs are made of; the first alone makes the study's
    rotations : of a tomographic acquisition, else ()
    continuous : the heads moved while they counted
    """

    system: SystemProfile
    flavour: str
    image_type: str
    vectors: tuple[tuple[str, tuple[int, ...]], ...]
    windows: tuple[Window, ...]
    heads: tuple[HeadItem, ...]
    pixel_mm: tuple[float, float]
    zoom: float
    acquired: datetime
    duration_s: float
    radionuclide: str
    study_description: str
    series_description: str
    series_number: int
    uid_sources: tuple[str, ...]
    pixel_scale: tuple[float, float] | None = None
    rotations: tuple[RotationItem, ...] = ()
    continuous: bool = False

    @property
    def like_siemens(self) -> bool:
        """Return True if the file is to be as a Siemens scanner writes it."""
        return self.flavour == "scanner" and self.system.is_siemens


def image(frames: Pixels, header: Header) -> Dataset:
    """Return an NM object of the given frames, ready for ``save``.

    Parameters
    ----------
    frames : shape (frames, rows, columns), uint16, in the order of the header's vectors
    header : what to say of them

    Raises
    ------
    ValueError
        If a vector does not have one entry for each frame, or the flavour is unknown.
    """
    if header.flavour not in FLAVOURS:
        raise ValueError(f"flavour: one of {', '.join(FLAVOURS)}")
    if any(len(entries) != len(frames) for _, entries in header.vectors):
        raise ValueError(f"each vector needs one entry for each of the {len(frames)} frames")
    dataset = Dataset()
    dataset.file_meta = _file_meta()
    _add_identity(dataset, header, frames)
    _add_times(dataset, header)
    _add_equipment(dataset, header)
    _add_acquisition(dataset, header, frames)
    _add_orientation(dataset, header)
    _add_vectors(dataset, header)
    if header.rotations:
        _add_rotations(dataset, header)
    _add_windows(dataset, header)
    _add_detectors(dataset, header)
    _add_pixels(dataset, header, frames)
    if header.like_siemens:
        _add_siemens_groups(dataset, header, frames)
    if header.pixel_scale is not None:
        _add_ge_groups(dataset, header)
    return dataset


def save(
    dataset: Dataset, path: Path, *, transfer_syntax: str = "explicit-le", overwrite: bool = False
) -> None:
    """Write an object of ``image`` to a file; the object itself is left as it is.

    Parameters
    ----------
    transfer_syntax : a key of ``TRANSFER_SYNTAXES``

    Raises
    ------
    ValueError
        If the transfer syntax is unknown.
    FileExistsError
        If the file exists and may not be overwritten.
    """
    if transfer_syntax not in TRANSFER_SYNTAXES:
        raise ValueError(f"transfer syntax: one of {', '.join(TRANSFER_SYNTAXES)}")
    syntax = TRANSFER_SYNTAXES[transfer_syntax]
    written = _copy(dataset)
    if syntax == RLELossless:
        written.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    elif syntax == ExplicitVRBigEndian:
        _swap_words(written)
    written.file_meta.TransferSyntaxUID = syntax
    dcmwrite(path, written, enforce_file_format=True, overwrite=overwrite)


def _copy(dataset: Dataset) -> Dataset:
    """Return an independent copy, by writing and reading it."""
    buffer = DicomBytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    buffer.seek(0)
    return dcmread(buffer)


def _swap_words(dataset: Dataset) -> None:
    """Turn every value of 16-bit words (OW) from little to big endian: it is written as it stands."""
    for element in dataset:
        if element.VR == "OW":
            element.value = np.frombuffer(element.value, "<u2").astype(">u2").tobytes()


def _file_meta() -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = generate_uid(entropy_srcs=["nmqc phantoms"])
    meta.ImplementationVersionName = "NMQC_SIM"
    return meta


def _add_identity(dataset: Dataset, header: Header, frames: Pixels) -> None:
    """Add what identifies the object; the instance's UID depends on the pixels too."""
    study, *others = header.uid_sources
    pixels = hashlib.sha256(frames.astype("<u2").tobytes()).hexdigest()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = NuclearMedicineImageStorage
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["instance", study, *others, pixels])
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study", study])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series", study, *others])
    dataset.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame", study])
    dataset.PositionReferenceIndicator = "unknown" if header.like_siemens else ""
    dataset.PatientName = "NMQC^SIM"
    dataset.PatientID = _SYNTHETIC
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.ReferringPhysicianName = ""
    dataset.AccessionNumber = ""
    dataset.StudyID = "1"
    dataset.StudyDescription = header.study_description
    dataset.SeriesDescription = header.series_description
    dataset.SeriesNumber = header.series_number
    dataset.InstanceNumber = 1
    if header.flavour == "strict":
        dataset.Laterality = ""


def _add_times(dataset: Dataset, header: Header) -> None:
    date, time = header.acquired.strftime("%Y%m%d"), header.acquired.strftime("%H%M%S.%f")
    for event in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{event}Date", date)
        setattr(dataset, f"{event}Time", time)


def _add_equipment(dataset: Dataset, header: Header) -> None:
    dataset.Modality = "NM"
    dataset.Manufacturer = header.system.manufacturer
    dataset.ManufacturerModelName = header.system.model
    dataset.SoftwareVersions = list(header.system.software_versions)
    dataset.InstitutionName = "NMQC SIM"
    dataset.StationName = _SYNTHETIC
    dataset.DeviceSerialNumber = f"{_SYNTHETIC}-{header.system.name}"


def _add_acquisition(dataset: Dataset, header: Header, frames: Pixels) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY", header.image_type, "EMISSION"]
    dataset.AcquisitionTerminationCondition = "TIME"
    if not header.rotations:
        dataset.ActualFrameDuration = _milliseconds(header)
    dataset.CountsAccumulated = None if header.like_siemens else int(frames.sum(dtype=np.int64))
    dataset.AcquisitionContextSequence = []
    corrected = len(header.heads) + 1 if header.like_siemens else 1
    dataset.CorrectedImage = ["UNIF"] * corrected
    substance = Dataset()
    substance.RadionuclideTotalDose = "0"
    substance.RadionuclideCodeSequence = [_code(header, header.radionuclide)]
    dataset.RadiopharmaceuticalInformationSequence = [substance]
    if not header.system.is_siemens:
        dataset.ImageID = header.windows[0].name
        dataset.CountRate = round(int(frames.sum(axis=(1, 2), dtype=np.int64).max()) / header.duration_s)


def _milliseconds(header: Header) -> int:
    return round(header.duration_s * 1000)


def _add_orientation(dataset: Dataset, header: Header) -> None:
    orientation = _code(header, "recumbent")
    orientation.PatientOrientationModifierCodeSequence = [_code(header, "supine")]
    dataset.PatientOrientationCodeSequence = [orientation]
    dataset.PatientGantryRelationshipCodeSequence = [_code(header, "headfirst")]
    if header.flavour == "scanner":
        dataset.PatientPosition = "HFS"


def _code(header: Header, name: str) -> Dataset:
    """Return a code item."""
    return _code_item(*_CODES[header.flavour][name])


def _code_item(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _add_vectors(dataset: Dataset, header: Header) -> None:
    """Add the vectors, the pointer to them, and how many of each thing there are."""
    dataset.FrameIncrementPointer = [tag_for_keyword(keyword) for keyword, _ in header.vectors]
    for keyword, entries in header.vectors:
        setattr(dataset, keyword, list(entries))
        if keyword in _COUNT_KEYWORDS:
            setattr(dataset, _COUNT_KEYWORDS[keyword], max(entries))


def _add_rotations(dataset: Dataset, header: Header) -> None:
    """Add how the heads turned: what the module NM TOMO Acquisition asks for."""
    dataset.TypeOfDetectorMotion = "CONTINUOUS" if header.continuous else "STEP AND SHOOT"
    dataset.RotationInformationSequence = [_rotation_item(header, turn) for turn in header.rotations]


def _rotation_item(header: Header, rotation: RotationItem) -> Dataset:
    item = Dataset()
    item.RotationDirection = "CW" if rotation.clockwise else "CC"
    item.StartAngle = format_number_as_ds(float(rotation.start_angle_deg))
    item.AngularStep = format_number_as_ds(float(rotation.step_deg))
    item.ScanArc = format_number_as_ds(float(rotation.arc_deg))
    item.NumberOfFramesInRotation = rotation.views
    item.ActualFrameDuration = _milliseconds(header)
    if rotation.radii_mm:
        item.RadialPosition = _decimals(rotation.radii_mm)
    if header.flavour == "scanner" and not header.system.is_siemens:
        item.TableHeight, item.TableTraverse = "0", "0"
    return item


def _decimals(values: Sequence[float]) -> list[str]:
    return [f"{value:.12g}" for value in values]


def _add_windows(dataset: Dataset, header: Header) -> None:
    dataset.EnergyWindowInformationSequence = [_window_item(window) for window in header.windows]


def _window_item(window: Window) -> Dataset:
    item = Dataset()
    item.EnergyWindowName = window.name
    ranges = []
    for low, high in window.ranges_kev:
        limits = Dataset()
        limits.EnergyWindowLowerLimit = format_number_as_ds(float(low))
        limits.EnergyWindowUpperLimit = format_number_as_ds(float(high))
        ranges.append(limits)
    item.EnergyWindowRangeSequence = ranges
    return item


def _add_detectors(dataset: Dataset, header: Header) -> None:
    dataset.DetectorInformationSequence = [_detector_item(header, head) for head in header.heads]


def _detector_item(header: Header, head: HeadItem) -> Dataset:
    item = Dataset()
    item.CollimatorType = "PARA" if head.collimator else "NONE"
    if head.collimator:
        item.CollimatorGridName = head.collimator
    if head.field_shape is not None:
        item.FieldOfViewShape = head.field_shape
        item.FieldOfViewDimensions = list(head.field_dimensions_mm)
    item.FocalDistance = 0
    item.XFocusCenter, item.YFocusCenter = ["0", "0"], ["0", "0"]
    item.ZoomFactor = [header.system.decimal(header.zoom)] * 2
    if not header.system.is_siemens:
        item.ZoomCenter = ["0", "0"]
    item.CenterOfRotationOffset = "0"
    if head.radii_mm:
        item.RadialPosition = _decimals(head.radii_mm)
    item.ImagePositionPatient = []
    item.ImageOrientationPatient = []
    if head.start_angle_deg is not None:
        item.StartAngle = format_number_as_ds(float(head.start_angle_deg))
        if header.like_siemens:
            item.ImageOrientationPatient = _row_and_column_directions(head.start_angle_deg)
    if head.view:
        item.ViewCodeSequence = [_code_item(head.view[:16], "99NMG", head.view)]
    return item


def _row_and_column_directions(angle_deg: float) -> list[str]:
    """Return (-cos, sin, 0) and (0, 0, -1): along the rows and down the columns of a detector at an angle."""
    turn = math.radians(angle_deg)
    return [
        format_number_as_ds(round(part, 12))
        for part in (-math.cos(turn), math.sin(turn), 0.0, 0.0, 0.0, -1.0)
    ]


def _add_pixels(dataset: Dataset, header: Header, frames: Pixels) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = (int(side) for side in frames.shape)
    dataset.PixelSpacing = [_length(header, length) for length in header.pixel_mm]
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    low, high = int(frames.min()), int(frames.max())
    if header.flavour == "scanner":
        dataset.SmallestImagePixelValue, dataset.LargestImagePixelValue = low, high
    dataset.WindowCenter, dataset.WindowWidth = str(max(high // 2, 1)), str(max(high, 1))
    dataset.add_new("PixelData", "OW", frames.astype("<u2").tobytes())


def _length(header: Header, length_mm: float) -> str:
    """Return a pixel size as the maker writes it, if that is exactly the number; else with all its digits."""
    written = header.system.decimal(length_mm)
    return written if float(written) == length_mm else format_number_as_ds(float(length_mm))


def _add_siemens_groups(dataset: Dataset, header: Header, frames: Pixels) -> None:
    """Add the private values of a Siemens file: the crystal, the field in pixels, and each frame's counts."""
    heads = len(header.heads)
    dataset.private_block(0x0019, _SIEMENS_CREATOR, create=True).add_new(0x0F, "SL", 10)
    crystal = dataset.private_block(0x0033, _SIEMENS_CREATOR, create=True)
    crystal.add_new(0x29, "FL", [9.525] * heads)
    crystal.add_new(0x31, "FL", _configuration_deg(header))
    crystal.add_new(0x32, "LO", "Solid")
    dataset.private_block(0x0035, _SIEMENS_CREATOR, create=True).add_new(0x01, "LO", "Photopeak")
    boxes = [head.field_box_px for head in header.heads if head.field_box_px is not None]
    if boxes:
        group = dataset.private_block(0x0055, _SIEMENS_CREATOR, create=True)
        group.add_new(0xC0, "SS", [edge for box in boxes for edge in box])
    frame_group = dataset.private_block(0x7FE3, _SIEMENS_CREATOR, create=True)
    flat = frames.reshape(len(frames), -1)
    frame_group.add_new(0x14, "OW", _long_words(flat.min(axis=1)))
    frame_group.add_new(0x15, "OW", _long_words(flat.max(axis=1)))
    frame_group.add_new(0x16, "OW", _long_words(flat.sum(axis=1, dtype=np.int64)))


def _configuration_deg(header: Header) -> float:
    """Return the angle between the first two heads; 180 where only one is told of."""
    angles = [head.start_angle_deg for head in header.heads[:2] if head.start_angle_deg is not None]
    return abs((angles[0] - angles[1] + 180) % 360 - 180) if len(angles) > 1 else 180.0


def _long_words(values: Iterable[int]) -> bytes:
    """Return 32-bit numbers as pairs of 16-bit words, the high word first."""
    words = [(int(value) >> shift) & 0xFFFF for value in values for shift in (16, 0)]
    return np.array(words, dtype="<u2").tobytes()


def _add_ge_groups(dataset: Dataset, header: Header) -> None:
    """Add the private values of a GE file: the data set's name, and the scale of the stored values."""
    assert header.pixel_scale is not None
    scale, offset = header.pixel_scale
    dataset.private_block(0x0009, _GE_CREATOR, create=True).add_new(0x27, "SL", len(header.heads))
    group = dataset.private_block(0x0011, _GE_CREATOR, create=True)
    for element in (0x12, 0x30, 0x50):
        group.add_new(element, "LO", f"NMQC SIM {header.windows[0].name}")
    group.add_new(0x3B, "FD", float(scale))
    group.add_new(0x3C, "FD", float(offset))
    down, along = (float(length) for length in header.pixel_mm)
    field = dataset.private_block(0x0013, _GE_CREATOR, create=True)
    field.add_new(0x10, "FD", [along * dataset.Columns, down * dataset.Rows])


def counting_vectors(*lengths: tuple[str, int]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return the vectors of frames that run over all combinations, the last one fastest.

    Parameters
    ----------
    lengths : (keyword, how many) of each, slowest first

    Returns
    -------
    (keyword, one entry per frame, from 1) of each
    """
    index = np.indices([count for _, count in lengths]).reshape(len(lengths), -1) + 1
    return tuple((keyword, _integers(row)) for (keyword, _), row in zip(lengths, index, strict=True))


def _integers(values: Sequence[int] | NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)
