"""One PET image file to its slices: pixels, place and scale, each as the file has them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition
from typing import TYPE_CHECKING, Any

from nmqc import bounds
from nmqc.dicom.interface import ReadOptions
from nmqc.dicom.nm import pixel_spacing
from nmqc.dicom.pet_times import FrameTime, frame_time
from nmqc.dicom.pixels import pixel_bytes, pixels_sha256, read_layout, read_pixels
from nmqc.dicom.safe import OpenedFile, check_pet_class
from nmqc.dicom.values import Header
from nmqc.errors import UnusableInput
from nmqc.model import InputFile, Remark

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FARTHEST_MM = 1e5
_UNIT_VECTOR = 1e-3  # headers round direction cosines to 4 digits or more
_SERIES_DIGITS = 8

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class PetSlice:
    """One slice as stored.

    Attributes
    ----------
    input : the file it came from
    group : as in Candidate
    series : first 8 hexadecimal digits of the SHA-256 of the series' UID
    header : of its file
    stored : shape (rows, columns), integers as stored
    slope, intercept : value = stored x slope + intercept; `slope` is None where the header has none
    position_mm : centre of the first pixel in the patient's axes
    along, down : unit vectors of growing columns and of growing rows, in the patient's axes
    spacing_mm : (down, along)
    time : when it was acquired
    remarks : what was tolerated in this file
    """

    input: InputFile
    group: int
    series: str
    header: Header
    stored: NDArray[Any]
    slope: float | None
    intercept: float
    position_mm: Vector
    along: Vector
    down: Vector
    spacing_mm: tuple[float, float]
    time: FrameTime
    remarks: tuple[Remark, ...]

    @property
    def normal(self) -> Vector:
        """The unit vector along x down, in the direction of which slices are sorted."""
        return _cross(self.along, self.down)

    @property
    def at_mm(self) -> float:
        """The place of the slice along its normal."""
        return sum(one * other for one, other in zip(self.normal, self.position_mm, strict=True))


class NoRoom(UnusableInput):
    """The files of a call hold more than is read of all of them."""


@dataclass(slots=True)
class Allowance:
    """How many pixels may still be read in a call, whose files are read by several threads.

    They are taken in the order of the files, whichever thread is the first: the same call reads the same files.
    """

    pixels: int = bounds.CALL_PIXELS
    _turn: int = 0
    _changed: Condition = field(default_factory=Condition, repr=False)

    def take(self, number: int, pixels: int) -> None:
        """Take some for a file by its number, from 0, once those before it have had their turn, and end its own.

        Raises
        ------
        NoRoom
            Where so many are no longer there.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._turn == number)
            self._end()
            if pixels > self.pixels:
                raise NoRoom(
                    "too_large",
                    f"and the files before it hold more than {bounds.CALL_PIXELS // 10**6} million pixels, the most "
                    "that is read in one call; give the folder of one PET series",
                )
            self.pixels -= pixels

    def pass_by(self, number: int) -> None:
        """End the turn of a file, if it has not taken any."""
        with self._changed:
            self._changed.wait_for(lambda: self._turn >= number)
            if self._turn == number:
                self._end()

    def _end(self) -> None:
        self._turn += 1
        self._changed.notify_all()


def read_slices(
    file: OpenedFile, name: str, options: ReadOptions, place: int, group: int, take: Callable[[int], None]
) -> tuple[PetSlice, ...]:
    """Return the slices of one opened file: one, or all of a multi-frame image.

    `take` is told the number of its pixels before they are read, and refuses them where that is too many.

    Raises
    ------
    UnusableInput
        ``not_a_pet_image``, ``enhanced_pet``, ``no_position``, and the codes of pixels that `nmqc.dicom` lists.
    """
    check_pet_class(file.sop_class)
    header = Header(file.dataset)
    stored, remarks = _stored(header, file, take)
    uid = header.text("SOPInstanceUID", 128)
    input_file = InputFile(name, file.sha256, pixels_sha256(stored), uid, place)
    spacing_mm, spacing_remarks = _pixel_size(header, options)
    along, down = _directions(header)
    slope, intercept = (_scale(header, keyword) for keyword in ("RescaleSlope", "RescaleIntercept"))
    first = _vector(header, "ImagePositionPatient", 3)
    time = frame_time(header)
    everything = (*remarks, *spacing_remarks, *_unread(header, file))
    return tuple(
        PetSlice(
            input_file,
            group,
            series_name(header),
            header,
            frame,
            slope,
            intercept or 0.0,
            position,
            along,
            down,
            spacing_mm,
            time,
            everything,
        )
        for frame, position in zip(stored, _positions(header, first, along, down, len(stored)), strict=True)
    )


def _pixel_size(header: Header, options: ReadOptions) -> tuple[tuple[float, float], tuple[Remark, ...]]:
    """Return the pixel size as `pixel_spacing`; its advice to give one is for single images."""
    try:
        return pixel_spacing(header, options)
    except UnusableInput as refusal:
        if options.pixel_mm is not None:
            raise
        what = refusal.reason.split("; ")[0]
        raise UnusableInput(
            refusal.code, f"{what}; export the series anew, as the scanner stored it"
        ) from None


def series_name(header: Header) -> str:
    """Return the first 8 hexadecimal digits of the SHA-256 of the series' UID, which itself is never shown."""
    return hashlib.sha256(header.text("SeriesInstanceUID", 128).encode()).hexdigest()[:_SERIES_DIGITS]


def _stored(
    header: Header, file: OpenedFile, take: Callable[[int], None]
) -> tuple[NDArray[Any], tuple[Remark, ...]]:
    if header.integer("SamplesPerPixel", 1, 65535) not in (None, 1):
        raise UnusableInput("not_a_pet_image", "is a colour picture; give the images of one PET series alone")
    data = pixel_bytes(file)
    if header.text("LossyImageCompression") == "01":
        raise UnusableInput(
            "compressed",
            "was once compressed with loss: its values are not those reconstructed; export it uncompressed",
        )
    layout = read_layout(header)
    take(layout.rows * layout.columns * (layout.frames or 1))
    return read_pixels(file, layout, data)


def _scale(header: Header, keyword: str) -> float | None:
    """Return a slope or an intercept; None where the header has none."""
    numbers = header.numbers(keyword, -1e20, 1e20)
    if len(numbers) > 1:
        raise UnusableInput("bad_header_value", f"has several values of its {keyword}; export the file anew")
    return numbers[0] if numbers else None


def _vector(header: Header, keyword: str, length: int) -> tuple[Any, ...]:
    numbers = header.numbers(keyword, -_FARTHEST_MM, _FARTHEST_MM)
    if len(numbers) != length:
        raise UnusableInput(
            "no_position",
            f"does not tell where its slice lies ({keyword}); export the series anew, as the scanner stored it",
        )
    return numbers


def _directions(header: Header) -> tuple[Vector, Vector]:
    """Return the unit vectors of growing columns and of growing rows."""
    cosines = _vector(header, "ImageOrientationPatient", 6)
    along, down = _normalised(cosines[:3]), _normalised(cosines[3:])
    if abs(sum(one * other for one, other in zip(along, down, strict=True))) > _UNIT_VECTOR:
        raise UnusableInput(
            "bad_header_value",
            "has rows and columns that are not perpendicular (ImageOrientationPatient); export the series anew",
        )
    return along, down


def _normalised(vector: tuple[float, ...]) -> Vector:
    length = sum(part**2 for part in vector) ** 0.5
    if abs(length - 1) > _UNIT_VECTOR:
        raise UnusableInput(
            "bad_header_value",
            "has an ImageOrientationPatient that is not two unit vectors; export the series anew",
        )
    x, y, z = (part / length + 0.0 for part in vector)  # + 0.0: no negative zero
    return x, y, z


def _positions(header: Header, first: Vector, along: Vector, down: Vector, frames: int) -> list[Vector]:
    """Return the place of each frame: steps of SpacingBetweenSlices along the normal, in the order stored.

    The sign of the spacing counts: slices of a negative one lie against the normal. A thickness is never taken for
    a spacing.
    """
    if frames == 1:
        return [first]
    step = header.numbers("SpacingBetweenSlices", -50, 50)
    if len(step) != 1 or step[0] == 0:
        raise UnusableInput(
            "no_position",
            f"holds {frames} slices and not their distance (SpacingBetweenSlices); export it as one file a slice",
        )
    (x, y, z), (a, b, c) = first, _cross(along, down)
    return [(x + k * a, y + k * b, z + k * c) for k in (n * step[0] for n in _order(header, frames))]


def _cross(along: Vector, down: Vector) -> Vector:
    (a, b, c), (d, e, f) = along, down
    return (b * f - c * e + 0.0, c * d - a * f + 0.0, a * e - b * d + 0.0)  # + 0.0: no negative zero


def _order(header: Header, frames: int) -> tuple[int, ...]:
    """Return the number of each frame's slice, from 0, by the SliceVector where there is one."""
    vector = header.values("SliceVector") or tuple(range(1, frames + 1))
    if sorted(number for number in vector if isinstance(number, int)) != list(range(1, frames + 1)):
        raise UnusableInput(
            "vector_mismatch",
            f"has {frames} frames that its SliceVector does not number one by one; export it as one file a slice",
        )
    return tuple(number - 1 for number in vector)


def _unread(header: Header, file: OpenedFile) -> list[Remark]:
    """Remark what is odd in a file and was left out."""
    remarks = []
    if not file.transfer_syntax:
        remarks.append(Remark("nonstandard", "the transfer syntax is missing, and was told from the data"))
    if header.items("RealWorldValueMappingSequence"):
        text = (
            "RealWorldValueMappingSequence was not used: the values are those of RescaleSlope and -Intercept"
        )
        remarks.append(Remark("nonstandard", text))
    return remarks
