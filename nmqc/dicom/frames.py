"""What each frame of a multi-frame image is: energy window, detector, rotation, view (PS3.3, C.8.4.8)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from nmqc import bounds
from nmqc.dicom.values import Header
from nmqc.errors import UnusableInput
from nmqc.model import Remark

_VECTOR_OF_TAG = {
    0x00540010: "EnergyWindowVector",
    0x00540020: "DetectorVector",
    0x00540030: "PhaseVector",
    0x00540050: "RotationVector",
    0x00540060: "RRIntervalVector",
    0x00540070: "TimeSlotVector",
    0x00540080: "SliceVector",
    0x00540090: "AngularViewVector",
    0x00540100: "TimeSliceVector",
}
_NUMBER_OF = {
    "EnergyWindowVector": ("NumberOfEnergyWindows", "EnergyWindowInformationSequence", "energy windows"),
    "DetectorVector": ("NumberOfDetectors", "DetectorInformationSequence", "detectors"),
    "PhaseVector": ("NumberOfPhases", "PhaseInformationSequence", "phases"),
    "RotationVector": ("NumberOfRotations", "RotationInformationSequence", "rotations"),
    "RRIntervalVector": ("NumberOfRRIntervals", "", "RR intervals"),
    "TimeSlotVector": ("NumberOfTimeSlots", "", "time slots"),
    "SliceVector": ("NumberOfSlices", "", "slices"),
}
_NUMBER_WITHIN = {
    "AngularViewVector": ("RotationInformationSequence", "NumberOfFramesInRotation", "views"),
    "TimeSliceVector": ("PhaseInformationSequence", "NumberOfFramesInPhase", "time slices"),
}
# Slow to fast, by the third value of ImageType: PS3.3, table C.8-8.
_POINTERS = {
    "DYNAMIC": ("EnergyWindowVector", "DetectorVector", "PhaseVector", "TimeSliceVector"),
    "GATED": ("EnergyWindowVector", "DetectorVector", "RRIntervalVector", "TimeSlotVector"),
    "TOMO": ("EnergyWindowVector", "DetectorVector", "RotationVector", "AngularViewVector"),
    "GATED TOMO": (
        "EnergyWindowVector",
        "DetectorVector",
        "RotationVector",
        "RRIntervalVector",
        "TimeSlotVector",
        "AngularViewVector",
    ),
    "RECON TOMO": ("SliceVector",),
    "RECON GATED TOMO": ("RRIntervalVector", "TimeSlotVector", "SliceVector"),
}
_STATIC_POINTERS = ("EnergyWindowVector", "DetectorVector")
_INNER = (
    "PhaseVector",
    "RRIntervalVector",
    "TimeSlotVector",
    "TimeSliceVector",
    "AngularViewVector",
    "SliceVector",
)

Columns = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """The place of a frame: numbers from 1; `view` is 0 in a static image, `phase` 1 outside dynamic ones.

    `view` is the angular view, the time slice or the slice; where several of phase, interval, slot and view
    vary, it is a running number over them, in this order. `angular_view` is the entry of the AngularViewVector
    itself, 0 without one.
    """

    window: int
    detector: int
    rotation: int
    view: int
    phase: int = 1
    angular_view: int = 0


@dataclass(frozen=True, slots=True)
class Split:
    """The slot of each frame, in stored order; whether the file itself tells which detector a frame is of."""

    slots: tuple[Slot, ...]
    detector_told: bool
    remarks: tuple[Remark, ...]


def split_frames(header: Header, kind: str, frames: int) -> Split:
    """Return what each frame is, by the vectors that the FrameIncrementPointer names.

    A vector that is missing is rebuilt from the numbers of windows, detectors, ... only where they multiply
    to the number of frames, last pointer fastest; the order is then remarked as inferred.

    Raises
    ------
    UnusableInput
        ``vector_mismatch``, ``duplicate_frames`` or ``too_large``.
    """
    pointers = _pointers(header, kind)
    given = {name: _vector(header, name, frames, name in pointers) for name in _VECTOR_OF_TAG.values()}
    told = {name: vector for name, vector in given.items() if vector}
    missing = [name for name in pointers if name not in told]
    inferred: Columns = _rebuilt(header, pointers, told, frames) if missing and frames > 1 else {}
    columns = {**dict.fromkeys(missing, (1,) * frames), **inferred, **told}
    slots = _slots(columns, frames)
    _refuse_duplicates(slots)
    _refuse_many(slots, kind)
    remarks = [*_order_remark(inferred, missing), *_count_remark(header, pointers, frames)]
    return Split(slots, "DetectorVector" in told or "DetectorVector" in inferred, tuple(remarks))


def number_of(header: Header, vector: str) -> int | None:
    """Return how many windows, detectors, views, ... the header announces; None where it does not tell."""
    if vector in _NUMBER_WITHIN:
        sequence, keyword, _ = _NUMBER_WITHIN[vector]
        numbers = {item.integer(keyword, 1, bounds.FRAMES) for item in header.items(sequence)}
        return numbers.pop() if len(numbers) == 1 else None
    keyword, sequence, _ = _NUMBER_OF[vector]
    return header.integer(keyword, 0, bounds.FRAMES) or len(header.items(sequence)) or None


def _pointers(header: Header, kind: str) -> tuple[str, ...]:
    """Return the vectors that order the frames, slow to fast; by the kind of image where none is named."""
    tags = [int(tag) for tag in header.values("FrameIncrementPointer") if isinstance(tag, int)]
    named = tuple(_VECTOR_OF_TAG[tag] for tag in dict.fromkeys(tags) if tag in _VECTOR_OF_TAG)
    return named or _POINTERS.get(kind, _STATIC_POINTERS)


def _vector(header: Header, name: str, frames: int, pointed_at: bool) -> tuple[int, ...]:
    """Return a vector whose length and values fit; () where it is absent."""
    values = header.values(name)
    if not values or (not pointed_at and len(values) != frames):
        return ()
    if len(values) != frames:
        raise UnusableInput(
            "vector_mismatch",
            f"has {frames} frames, but {len(values)} entries in its {name}; export the file anew",
        )
    announced = number_of(header, name) if name in _NUMBER_OF else None
    highest = announced or frames
    if not all(isinstance(value, int) and 1 <= value <= highest for value in values):
        raise UnusableInput(
            "vector_mismatch",
            f"has entries outside 1 to {highest} in its {name} ({frames} frames); export the file anew",
        )
    return tuple(int(value) for value in values)


def _rebuilt(header: Header, pointers: tuple[str, ...], told: Columns, frames: int) -> Columns:
    """Return all pointed vectors by the announced numbers, last fastest; those told must agree with it."""
    numbers = {name: number_of(header, name) for name in pointers}
    if math.prod(number or 0 for number in numbers.values()) != frames:
        raise UnusableInput(
            "vector_mismatch",
            f"has {frames} frames without the vectors that tell what they are, and announces "
            f"{_words(numbers)}; export the file anew",
        )
    rebuilt: dict[str, tuple[int, ...]] = {}
    repeat = frames
    for name, number in numbers.items():
        repeat //= number or 1
        rebuilt[name] = tuple(frame // repeat % (number or 1) + 1 for frame in range(frames))
    if any(rebuilt[name] != told[name] for name in pointers if name in told):
        raise UnusableInput(
            "vector_mismatch",
            f"lacks a vector for its {frames} frames, and the others contradict the order of its "
            "FrameIncrementPointer; export the file anew",
        )
    return rebuilt


def _slots(columns: Columns, frames: int) -> tuple[Slot, ...]:
    ones = (1,) * frames
    views = _running_number([columns[name] for name in _INNER if name in columns], frames)
    outer = (columns.get(name, ones) for name in ("EnergyWindowVector", "DetectorVector", "RotationVector"))
    angular = columns.get("AngularViewVector", (0,) * frames)
    return tuple(map(Slot, *outer, views, columns.get("PhaseVector", ones), angular))


def _running_number(inner: list[tuple[int, ...]], frames: int) -> tuple[int, ...]:
    """Return one number per frame that counts several vectors, last fastest; 0 without any."""
    numbers = [0] * frames
    for vector in inner:
        highest = max(vector)
        pairs = zip(numbers, vector, strict=True)
        numbers = [(max(number, 1) - 1) * highest + entry for number, entry in pairs]
    return tuple(numbers)


def _refuse_duplicates(slots: tuple[Slot, ...]) -> None:
    twice = len(slots) - len(set(slots))
    if twice:
        raise UnusableInput(
            "duplicate_frames",
            f"has {len(slots)} frames, but its vectors tell only {len(set(slots))} of them apart; "
            "export the file anew",
        )


def _refuse_many(slots: tuple[Slot, ...], kind: str) -> None:
    """Refuse more images than any camera puts into one file: each would be analysed and recorded by itself."""
    images = len({(slot.window, slot.detector) for slot in slots}) if kind in _POINTERS else len(slots)
    if images > bounds.IMAGES:
        raise UnusableInput(
            "too_large",
            f"holds {images} images that are no views of one acquisition, more than {bounds.IMAGES}; export fewer in "
            "one file",
        )


def _order_remark(inferred: Columns, missing: list[str]) -> list[Remark]:
    guessed = [name for name in missing if max(inferred.get(name, (1,))) > 1]
    if not guessed:
        return []
    text = f"the order of the frames was inferred: the file lacks its {' and '.join(guessed)}"
    return [Remark("order_inferred", text)]


def _count_remark(header: Header, pointers: tuple[str, ...], frames: int) -> list[Remark]:
    """Remark where windows, detectors, ... are announced that do not multiply to the number of frames."""
    numbers = {name: number_of(header, name) for name in pointers}
    if None in numbers.values() or math.prod(number or 0 for number in numbers.values()) == frames:
        return []
    return [Remark("nonstandard", f"the header announces {_words(numbers)}, the file holds {frames} frames")]


def _words(numbers: Mapping[str, int | None]) -> str:
    """Return "2 detectors x 60 views" for the numbers behind some vectors."""
    names = {name: row[2] for name, row in (_NUMBER_OF | _NUMBER_WITHIN).items()}
    return " x ".join(f"{number or 'unknown'} {names[name]}" for name, number in numbers.items())
