"""One NM image file to one acquisition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nmqc import bounds
from nmqc.dicom.acquired import acquisition_time
from nmqc.dicom.detectors import Detector, read_detectors
from nmqc.dicom.frames import Slot, Split, split_frames
from nmqc.dicom.interface import SPACING_RANGE_MM, ReadOptions
from nmqc.dicom.nuclides import radionuclide
from nmqc.dicom.pixels import (
    Scale,
    apply_scale,
    full_scale,
    pixel_bytes,
    pixels_sha256,
    read_layout,
    read_pixels,
    read_scale,
    siemens_scale_remark,
)
from nmqc.dicom.rotation import read_gantries
from nmqc.dicom.safe import OpenedFile, check_class
from nmqc.dicom.systems import UNIDENTIFIED, Recognised, is_synthetic, recognise
from nmqc.dicom.values import Header
from nmqc.errors import UnusableInput
from nmqc.model import Acquisition, EnergyWindow, Frame, Gantry, InputFile, Remark, Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = (
    "STATIC",
    "WHOLE BODY",
    "DYNAMIC",
    "GATED",
    "TOMO",
    "GATED TOMO",
    "RECON TOMO",
    "RECON GATED TOMO",
)
_CORRECTIONS = ("UNIF", "COR", "NCO", "DECY", "ATTN", "SCAT", "DTIM", "NRGY", "LIN", "MOTN", "CLIN")
_SCALING_CORRECTIONS = {"DECY": "decay", "ATTN": "attenuation", "SCAT": "scatter", "DTIM": "dead time"}
_CONFLICT = 0.01
_WEEK_MS = 7 * 24 * 3600 * 1000.0
_KEV_LIMIT = 10_000.0


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One file's acquisition, and the UID of its study: for comparing, never shown."""

    acquisition: Acquisition
    study: str


@dataclass(frozen=True, slots=True, eq=False)
class _Values:
    """Counts, shape (frames, rows, columns), and what a reader must know of them."""

    counts: NDArray[Any]
    sha256: str
    full_scale: float
    raw: bool
    remarks: tuple[Remark, ...]


def read_acquisition(file: OpenedFile, name: str, options: ReadOptions, place: int = 0) -> Reading:
    """Return the acquisition in one opened file.

    Parameters
    ----------
    file : any DICOM object
    name : how the file is called in results
    options : what the user and the site say
    place : number of the file among the arguments

    Raises
    ------
    UnusableInput
        With the codes that `nmqc.dicom` lists.
    """
    check_class(file.sop_class)
    header = Header(file.dataset)
    values = _values(header, file)
    kind = image_kind(header)
    split = split_frames(header, kind, len(values.counts))
    camera = recognise(header, options)
    detectors = read_detectors(header, split, camera, options)
    spacing_mm, spacing_remarks = pixel_spacing(header, options)
    input_file = InputFile(
        name,
        file.sha256,
        values.sha256,
        header.text("SOPInstanceUID", 128),
        place,
        head=options.detector,
        pixel_mm=options.pixel_mm if spacing_remarks else None,
    )
    source = _source(header, input_file, camera, options)
    gantries, rotation_remarks = read_gantries(header, kind, split)
    frames = _frames(header, kind, split, values, detectors, gantries, spacing_mm, input_file)
    remarks = (
        *values.remarks,
        *split.remarks,
        *rotation_remarks,
        *spacing_remarks,
        *_camera_remarks(camera, kind, detectors),
        *_header_remarks(header, file),
    )
    return Reading(Acquisition(source, kind, frames, remarks), header.text("StudyInstanceUID", 128))


def image_kind(header: Header) -> str:
    """Return the third value of ImageType, "" where it is none that the standard knows."""
    kind = next(iter(header.texts("ImageType")[2:3]), "")
    return kind if kind in KINDS else ""


def pixel_spacing(header: Header, options: ReadOptions) -> tuple[tuple[float, float], tuple[Remark, ...]]:
    """Return the pixel size in mm, (down, along), and a remark where it is the user's.

    PixelSpacing gives the spacing of the rows first. The user's size is for a header without a usable one.

    Raises
    ------
    UnusableInput
        ``pixel_size_missing``, ``pixel_size_conflict``, or ``bad_header_value``.
    """
    size, remarks = _told_spacing(header, options)
    sides_px = (header.integer(keyword, 1, bounds.SIDE_PX) or 1 for keyword in ("Rows", "Columns"))
    longest_mm = max(side * pitch for side, pitch in zip(sides_px, size, strict=True))
    if longest_mm > bounds.SIDE_MM:
        raise UnusableInput(
            "bad_header_value",
            f"is {longest_mm / 1000:.1f} m long by its PixelSpacing, which no image of a camera is; export it anew",
        )
    return size, remarks


def _told_spacing(header: Header, options: ReadOptions) -> tuple[tuple[float, float], tuple[Remark, ...]]:
    """Return the pixel size of the header, or the user's for a header without a usable one."""
    users = options.pixel_mm
    try:
        size = _header_spacing(header)
    except UnusableInput:
        if users is None:
            raise
        text = f"no usable PixelSpacing: the user's pixel size of {users[0]:g} x {users[1]:g} mm was taken"
        return users, (Remark("nonstandard", text),)
    if users is not None and not _agree(size, users):
        raise UnusableInput(
            "pixel_size_conflict",
            f"has pixels of {size[0]:g} x {size[1]:g} mm by its header, not {users[0]:g} x {users[1]:g} mm; "
            "leave out --pixel-mm",
        )
    return size, ()


def _agree(size: tuple[float, float], users: tuple[float, float]) -> bool:
    return all(abs(own / asked - 1) <= _CONFLICT for own, asked in zip(size, users, strict=True))


def _header_spacing(header: Header) -> tuple[float, float]:
    low, high = SPACING_RANGE_MM
    values = header.values("PixelSpacing")
    if not values or all(value == 0 for value in values):
        raise UnusableInput("pixel_size_missing", "does not tell its pixel size; give it with --pixel-mm")
    try:
        down, along = header.numbers("PixelSpacing", low, high)
    except (UnusableInput, ValueError):
        raise UnusableInput(
            "bad_header_value",
            f"has a PixelSpacing that is not two numbers between {low} and {high:g} mm; "
            "give the pixel size with --pixel-mm",
        ) from None
    return float(down), float(along)


def energy_windows(header: Header) -> tuple[EnergyWindow, ...]:
    """Return the energy windows in the order of the header; ranges that are unusable are left out."""
    return tuple(
        EnergyWindow(item.text("EnergyWindowName"), _ranges_kev(item))
        for item in header.items("EnergyWindowInformationSequence")
    )


def _ranges_kev(window: Header) -> tuple[tuple[float, float], ...]:
    ranges = []
    for item in window.items("EnergyWindowRangeSequence"):
        low = item.harmless("EnergyWindowLowerLimit", 0, _KEV_LIMIT)
        high = item.harmless("EnergyWindowUpperLimit", 0, _KEV_LIMIT)
        if len(low) == len(high) == 1 and low[0] < high[0]:
            ranges.append((float(low[0]), float(high[0])))
    return tuple(ranges)


def frame_duration_s(header: Header, kind: str, slot: Slot) -> float | None:
    """Return how long a frame was acquired, None where the header does not tell.

    At the top level for static and whole-body images, in the item of the rotation or of the phase, or per
    time slot of a gated image (PS3.3, C.8.4.8 to C.8.4.14).
    """
    if kind in ("STATIC", "WHOLE BODY", ""):
        return _milliseconds(header, "ActualFrameDuration")
    if kind == "TOMO":
        rotations = header.items("RotationInformationSequence")
        return _milliseconds(_nth(rotations, slot.rotation), "ActualFrameDuration")
    if kind == "DYNAMIC":
        phases = header.items("PhaseInformationSequence")
        return _milliseconds(_nth(phases, slot.phase), "ActualFrameDuration")
    if kind == "GATED":
        gated = _nth(header.items("GatedInformationSequence"), 1)
        return _milliseconds(_nth(gated.items("DataInformationSequence"), 1) if gated else None, "FrameTime")
    return None


def _nth(items: tuple[Header, ...], number: int) -> Header | None:
    return items[number - 1] if number <= len(items) else None


def _milliseconds(item: Header | None, keyword: str) -> float | None:
    """Return a duration in seconds; None where it is absent, zero or unusable."""
    found = item.harmless(keyword, 0, _WEEK_MS) if item else ()
    return found[0] / 1000 if len(found) == 1 and found[0] >= 1 else None


def corrections(header: Header) -> tuple[str, ...]:
    """Return the corrections of CorrectedImage that the standard defines, each once."""
    return tuple(dict.fromkeys(text for text in header.texts("CorrectedImage") if text in _CORRECTIONS))


def software(header: Header) -> str:
    """Return the versions of the software."""
    return " / ".join(header.texts("SoftwareVersions"))


def _values(header: Header, file: OpenedFile) -> _Values:
    data = pixel_bytes(file)
    layout = read_layout(header)
    if header.text("LossyImageCompression") == "01":
        raise UnusableInput(
            "compressed",
            "was once compressed with loss: its counts are not those detected; export it uncompressed",
        )
    stored, pixel_remarks = read_pixels(file, layout, data)
    scale = read_scale(header, stored)
    doubts = _doubts(header, layout.signed and bool(stored.min() < 0), scale)
    counts = apply_scale(stored, scale)
    remarks = (
        *pixel_remarks,
        *(Remark("not_raw_counts", f"not raw counts: {doubt}") for doubt in doubts),
        *siemens_scale_remark(header),
        *_total_remark(header, counts, scale),
    )
    return _Values(counts, pixels_sha256(stored), full_scale(layout, scale), not doubts, remarks)


def _doubts(header: Header, negative: bool, scale: Scale) -> list[str]:
    """Return why the values are not the counts of a detector: then they are no Poisson numbers."""
    doubts = []
    if not scale.is_identity:
        scaled = f"stored values times {scale.slope:g} plus {scale.intercept:g}"
        doubts.append(f"they are {scaled}, by the {scale.source}")
    if negative:
        doubts.append("there are values below zero")
    if image_kind(header).startswith("RECON"):
        doubts.append("the image is reconstructed")
    if header.texts("ImageType")[:1] == ("DERIVED",):
        doubts.append("the image is derived from others")
    named = [words for code, words in _SCALING_CORRECTIONS.items() if code in corrections(header)]
    if named:
        doubts.append(f"the image is corrected for {', '.join(named)}")
    return doubts


def _total_remark(header: Header, counts: NDArray[Any], scale: Scale) -> list[Remark]:
    """Remark where CountsAccumulated is there and is not the sum of all pixels."""
    announced = header.harmless("CountsAccumulated", 0, 1e15)
    total = int(counts.sum(dtype="i8")) if announced and scale.is_identity else None
    if total is None or announced[0] == total:
        return []
    text = f"CountsAccumulated is {announced[0]:.0f}, the sum of the pixels {total}"
    return [Remark("nonstandard", text)]


def _source(header: Header, input_file: InputFile, camera: Recognised, options: ReadOptions) -> Source:
    acquired, acquired_from = acquisition_time(header, options.acquired)
    return Source(
        (input_file,),
        camera.system,
        acquired,
        acquired_from,
        radionuclide(header),
        software(header),
        corrections(header),
        is_synthetic(header),
    )


def _frames(
    header: Header,
    kind: str,
    split: Split,
    values: _Values,
    detectors: Mapping[int, Detector],
    gantries: Sequence[Gantry | None],
    spacing_mm: tuple[float, float],
    input_file: InputFile,
) -> tuple[Frame, ...]:
    """Return the frames in order of energy window, detector, rotation and view."""
    windows = energy_windows(header)
    frames = []
    for index in sorted(range(len(split.slots)), key=split.slots.__getitem__):
        slot = split.slots[index]
        detector = detectors[slot.detector]
        frames.append(
            Frame(
                counts=values.counts[index],
                spacing_mm=spacing_mm,
                detector=detector.number,
                detector_source=detector.source,
                energy_window=windows[slot.window - 1] if slot.window <= len(windows) else None,
                input=input_file,
                window_number=slot.window,
                rotation=slot.rotation,
                view=slot.view,
                duration_s=frame_duration_s(header, kind, slot),
                raw_counts=values.raw,
                full_scale=values.full_scale,
                field_hints=detector.field_hints,
                collimator=detector.collimator,
                zoom=detector.zoom,
                gantry=gantries[index],
            )
        )
    return tuple(frames)


def _camera_remarks(camera: Recognised, kind: str, detectors: Mapping[int, Detector]) -> list[Remark]:
    remarks = []
    if camera.system.unit == UNIDENTIFIED:
        text = (
            "no serial number and no station tell which camera this is; name it in the site's configuration"
        )
        remarks.append(Remark("unit_unidentified", text))
    unknown = any(detector.number is None for detector in detectors.values())
    if unknown and not kind.startswith("RECON"):
        text = (
            "the file does not tell which head made it; say so with --detector (of several files: --detector 1,2) or "
            "a pattern of the site"
        )
        remarks.append(Remark("head_unknown", text))
    return remarks


def _header_remarks(header: Header, file: OpenedFile) -> list[Remark]:
    remarks = []
    if not file.transfer_syntax:
        remarks.append(Remark("nonstandard", "the transfer syntax is missing, and was told from the data"))
    if not image_kind(header):
        remarks.append(Remark("nonstandard", "ImageType does not tell the kind of image: taken as static"))
    if header.unusable:
        text = f"unusable values were left out: {', '.join(sorted(header.unusable))}"
        remarks.append(Remark("nonstandard", text))
    return remarks
