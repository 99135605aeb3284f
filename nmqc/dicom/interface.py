"""What callers give to the reader, and what they get."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from nmqc.model import (
    Acquisition,
    DetectorSource,
    EnergyWindow,
    Refusal,
    Remark,
    SiteSystem,
    System,
    Tracer,
    Volume,
)

SPACING_RANGE_MM = (0.05, 50.0)
_DATE_ALONE = len("2026-11-16")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the user and the site say about the files.

    Attributes
    ----------
    pixel_mm : (down, along) or None
        Pixel size for files whose PixelSpacing is missing or unusable; refused where the header has another.
    acquired : ISO 8601 date and time, or None
        For files without a time of acquisition; refused where the header has another.
    detector : the number of the head that acquired every frame of the files, or None
    detectors : instead, one number for each file, in their order; () for none
    system : name that replaces the recognised one, or a site's own name of one camera (its unit)
    site : the site's cameras
    show_file_names : False replaces each name by the start of the file's SHA-256
    reference : ISO 8601 date and time, the scanner's local time, or None
        Of a PET series: the time that its decay-corrected values refer to, instead of what the header tells. A series
        that was not corrected for decay is refused with it: nothing was corrected to that time.

    Raises
    ------
    ValueError
        If a pixel size is outside 0.05 to 50 mm, the detector is below 1, or a time is not ISO 8601; if the reference
        has no time of day, or an offset from UTC, which the header's times do not have.
    """

    pixel_mm: tuple[float, float] | None = None
    acquired: str | None = None
    detector: int | None = None
    detectors: tuple[int, ...] = ()
    system: str | None = None
    site: tuple[SiteSystem, ...] = ()
    show_file_names: bool = True
    reference: str | None = None

    def of_file(self, place: int) -> ReadOptions:
        """Return what is said of one file, by its place among the arguments, from 1."""
        if not self.detectors:
            return self
        return replace(self, detector=self.detectors[place - 1], detectors=())

    def __post_init__(self) -> None:
        low, high = SPACING_RANGE_MM
        if self.pixel_mm is not None and not all(low <= size <= high for size in self.pixel_mm):
            raise ValueError(f"a pixel size must be {low} to {high:.0f} mm")
        if any(one is not None and one < 1 for one in (self.detector, *self.detectors)):
            raise ValueError("detectors are numbered from 1")
        if self.acquired is not None:
            datetime.fromisoformat(self.acquired)
        if self.reference is not None:
            _check_local(self.reference)


def _check_local(moment: str) -> None:
    """Refuse what is no date with a time of day, or has an offset from UTC."""
    try:
        local = datetime.fromisoformat(moment).tzinfo is None
    except ValueError:
        local = False
    if not local or len(moment) <= _DATE_ALONE:
        raise ValueError("the reference time must be the scanner's date and time of day: 2026-11-16T10:15:00")


@dataclass(frozen=True, slots=True)
class Card:
    """What the header alone tells of a file, to sort files by.

    Attributes
    ----------
    family : "nm", "pet" or "other"
    content : what it is, in words
    kind : third value of ImageType, or ""
    system : None of another family
    acquired : ISO 8601, or None
    study, series : short digests of their UIDs, "" where they are missing
    description : of the series: for rules to search in, never shown and never stored
    """

    family: Literal["nm", "pet", "other"]
    content: str
    kind: str = ""
    system: System | None = None
    acquired: str | None = None
    study: str = ""
    series: str = ""
    description: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ReadOutcome:
    """What came of some files: acquisitions and refusals, each in the order of the arguments."""

    acquisitions: tuple[Acquisition, ...]
    refused: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class VolumeOutcome:
    """What came of some PET series: volumes and refusals, each in the order of the arguments."""

    volumes: tuple[Volume, ...]
    refused: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """What one file, or one PET series, is, in fields that may be shown.

    Attributes
    ----------
    file, sha256 : the name to show, and the SHA-256 of the bytes ("" where they cannot be read, and of a PET series)
    content : what it is, in words: "an NM image", "a PET image", "not DICOM", ...
    refused : why it would not be analysed, or None
    kind : third value of ImageType, or ""
    matrix : (rows, columns) or None
    spacing_mm : (down, along) or None
    counts : sum over all pixels, after any scale; None where pixels were not read
    detectors : each head once, as (number or None, source or None)
    durations_s : each duration of a frame once
    collimators : each collimator once
    series : of a PET image, the first 8 hexadecimal digits of the SHA-256 of its series' UID, else ""
    unit : of a PET series, the unit of its values, else ""
    step_mm : of a PET series, the distance between slices, else None
    reconstruction : of a PET series, the header's words on it, cleaned, else ""
    tracer : of a PET series, what its values refer to, else None
    places : the numbers of its arguments, from 1
    files : how many files it is
    volume : of a PET series that can be read, its volume, else None
    """

    file: str
    content: str
    sha256: str = ""
    refused: Refusal | None = None
    system: System | None = None
    software: str = ""
    kind: str = ""
    matrix: tuple[int, int] | None = None
    spacing_mm: tuple[float, float] | None = None
    frames: int | None = None
    counts: float | None = None
    detectors: tuple[tuple[int | None, DetectorSource | None], ...] = ()
    energy_windows: tuple[EnergyWindow, ...] = ()
    durations_s: tuple[float, ...] = ()
    radionuclide: str = ""
    collimators: tuple[str, ...] = ()
    acquired: str | None = None
    acquired_from: str | None = None
    synthetic: bool = False
    remarks: tuple[Remark, ...] = ()
    series: str = ""
    unit: str = ""
    step_mm: float | None = None
    reconstruction: str = ""
    tracer: Tracer | None = None
    places: tuple[int, ...] = ()
    files: int = 1
    volume: Volume | None = field(default=None, repr=False)
