"""The pixels: how they are laid out, decoding them, and what a stored value is worth."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nmqc import bounds
from nmqc.dicom.codestream import require_within
from nmqc.dicom.safe import BIG_ENDIAN, PIXEL_DATA, OpenedFile
from nmqc.dicom.values import Header
from nmqc.errors import UnusableInput
from nmqc.model import Remark

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OTHER_PIXEL_DATA = (0x7FE00008, 0x7FE00009)
_PADDING = 1  # bytes: an odd number of bytes is padded to an even one
_SAME_SCALE = 1e-6  # relative: headers write scales as decimal text of 7 digits or more


@dataclass(frozen=True, slots=True)
class Layout:
    """Rows, columns and the stored type; `frames` is None where the header does not tell."""

    rows: int
    columns: int
    frames: int | None
    bits_allocated: int
    bits_stored: int
    signed: bool

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame, uncompressed."""
        return self.rows * self.columns * self.bits_allocated // 8

    @property
    def stored_range(self) -> tuple[int, int]:
        """The smallest and the largest value that can be stored."""
        if self.signed:
            return -(1 << (self.bits_stored - 1)), (1 << (self.bits_stored - 1)) - 1
        return 0, (1 << self.bits_stored) - 1

    @property
    def type_code(self) -> str:
        """NumPy's name of the stored type, without byte order: "u2", "i1", ..."""
        return f"{'i' if self.signed else 'u'}{self.bits_allocated // 8}"


@dataclass(frozen=True, slots=True)
class Scale:
    """What a stored value is worth: value = stored x slope + intercept."""

    slope: float = 1.0
    intercept: float = 0.0
    source: str = ""

    @property
    def is_identity(self) -> bool:
        """True where stored values are the values."""
        return self.slope == 1 and self.intercept == 0


def read_layout(header: Header) -> Layout:
    """Return the layout of the pixels, within bounds.

    Raises
    ------
    UnusableInput
        ``bad_header_value``, ``too_large``, or ``not_an_nm_image`` for a colour picture.
    """
    if header.integer("SamplesPerPixel", 1, 65535) not in (None, 1):
        raise UnusableInput(
            "not_an_nm_image", "is a colour picture, not an image of counts; give the image itself"
        )
    rows, columns = (_required(header, keyword) for keyword in ("Rows", "Columns"))
    frames = header.integer("NumberOfFrames", 0, 2**31)
    _require_size(rows, columns, frames or 1)
    return Layout(rows, columns, frames or None, *_sample_type(header))


def _require_size(rows: int, columns: int, frames: int) -> None:
    """Refuse more pixels than are read."""
    if max(rows, columns) > bounds.SIDE_PX or frames > bounds.FRAMES:
        raise UnusableInput(
            "too_large",
            f"announces {frames} frames of {rows} x {columns} pixels, more than {bounds.FRAMES} frames of "
            f"{bounds.SIDE_PX} x {bounds.SIDE_PX}; export the file anew",
        )
    if rows * columns * frames > bounds.PIXELS:
        raise UnusableInput(
            "too_large",
            f"holds {frames} frames of {rows} x {columns} pixels, more than the {bounds.PIXELS // 10**6} million "
            "pixels that are read; export fewer frames in one file",
        )


def _required(header: Header, keyword: str) -> int:
    number = header.integer(keyword, 1, 65535)
    if number is None:
        raise UnusableInput("bad_header_value", f"does not tell its {keyword}; export the file anew")
    return number


def _sample_type(header: Header) -> tuple[int, int, bool]:
    """Return (bits allocated, bits stored, signed)."""
    allocated = _required(header, "BitsAllocated")
    stored = header.integer("BitsStored", 1, 65535) or allocated
    high_bit = header.integer("HighBit", 0, 65535)
    if allocated not in (8, 16) or stored > allocated or high_bit not in (None, stored - 1):
        raise UnusableInput(
            "bad_header_value",
            f"stores {stored} of {allocated} bits a pixel in a way no image of a camera may; export it anew",
        )
    return allocated, stored, header.integer("PixelRepresentation", 0, 1) == 1


def read_pixels(file: OpenedFile, layout: Layout, data: bytes) -> tuple[NDArray[Any], tuple[Remark, ...]]:
    """Return the stored values, shape (frames, rows, columns), in the stored type and native byte order.

    Raises
    ------
    UnusableInput
        ``truncated``, or ``bad_header_value`` where a value does not fit into the stored bits.
    """
    remarks: tuple[Remark, ...] = ()
    if file.encapsulated:
        stored = _decoded(file, layout, data)
    else:
        frames, remarks = _number_of_frames(layout, len(data))
        stored = _native(file, layout, data[: frames * layout.frame_bytes])
    if layout.bits_stored < layout.bits_allocated:
        _check_range(stored, layout)
    return stored, remarks


def pixel_bytes(file: OpenedFile) -> bytes:
    """Return the pixels as they are stored.

    Raises
    ------
    UnusableInput
        ``no_pixels``.
    """
    if PIXEL_DATA not in file.dataset:
        floating = any(tag in file.dataset for tag in _OTHER_PIXEL_DATA)
        found = "floating-point pixels alone" if floating else "no pixels, or was cut short before them"
        raise UnusableInput("no_pixels", f"holds {found}; export it again")
    data = file.dataset.get_item(PIXEL_DATA).value
    if not data:
        raise UnusableInput("no_pixels", "holds no pixels; export it again")
    return bytes(data)


def _number_of_frames(layout: Layout, available: int) -> tuple[int, tuple[Remark, ...]]:
    """Return the number of frames of uncompressed pixels, and what is odd about it."""
    frames, rest = divmod(available, layout.frame_bytes)
    if layout.frames is None:
        if rest > _PADDING or not 1 <= frames <= bounds.FRAMES:
            raise UnusableInput(
                "truncated",
                f"does not tell its number of frames, and holds {available} bytes of pixels, which is no "
                f"whole number of {layout.rows} x {layout.columns} frames; copy or export it again",
            )
        _require_size(layout.rows, layout.columns, frames)
        text = f"NumberOfFrames is missing: {frames} frames by the length of the pixels"
        return frames, (Remark("nonstandard", text),) if frames > 1 else ()
    expected = layout.frames * layout.frame_bytes
    if available < expected:
        raise UnusableInput(
            "truncated",
            f"announces {expected} bytes of pixels and holds {available}; copy or export it again",
        )
    excess = available - expected
    text = f"{excess} bytes after the last pixel were left out"
    return layout.frames, (Remark("nonstandard", text),) if excess > _PADDING else ()


def _native(file: OpenedFile, layout: Layout, data: bytes) -> NDArray[Any]:
    import numpy as np

    big_endian = file.transfer_syntax == BIG_ENDIAN or not file.dataset.original_encoding[1]
    if big_endian and layout.bits_allocated == 8 and file.dataset.get_item(PIXEL_DATA).VR == "OW":
        data = np.frombuffer(data, ">u2").astype("<u2").tobytes()
    stored = np.frombuffer(data, (">" if big_endian else "<") + layout.type_code)
    shape = (-1, layout.rows, layout.columns)
    return stored.reshape(shape).astype(stored.dtype.newbyteorder("="), copy=False)


def _decoded(file: OpenedFile, layout: Layout, data: bytes) -> NDArray[Any]:
    """Return compressed pixels, decoded without loss."""
    from pydicom.pixels.decoders.base import get_decoder

    if layout.frames is None:
        raise UnusableInput(
            "bad_header_value", "is compressed without a number of frames; export it uncompressed"
        )
    expected = layout.frames * layout.frame_bytes
    if len(data) > bounds.COMPRESSED_EXCESS * expected + bounds.COMPRESSED_FRAME_BYTES * layout.frames:
        raise UnusableInput(
            "bad_header_value", "holds more compressed pixels than its frames have; copy it again"
        )
    try:
        require_within(file.transfer_syntax, data, layout.frames, layout.rows, layout.columns)
        decoded, _ = get_decoder(file.transfer_syntax).as_array(file.dataset, raw=True)
    except UnusableInput:
        raise
    except Exception as error:  # decoders raise whatever they like, and quote what they met
        raise UnusableInput(
            "truncated",
            f"holds compressed pixels that are cut short or damaged ({type(error).__name__}); copy it again",
        ) from None
    shape = (-1, layout.rows, layout.columns)
    stored: NDArray[Any] = decoded.reshape(shape).astype(layout.type_code, copy=False)
    if len(stored) != layout.frames:
        raise UnusableInput(
            "truncated", f"announces {layout.frames} frames and holds {len(stored)}; export it again"
        )
    return stored


def _check_range(stored: NDArray[Any], layout: Layout) -> None:
    low, high = layout.stored_range
    if stored.min() < low or stored.max() > high:
        raise UnusableInput(
            "bad_header_value",
            f"holds pixels beyond the {layout.bits_stored} bits that it announces; export it anew",
        )


def pixels_sha256(stored: NDArray[Any]) -> str:
    """Return the SHA-256 of shape, type and values, the same for every transfer syntax and machine."""
    portable = stored.astype(stored.dtype.newbyteorder("<"), copy=False)
    digest = hashlib.sha256(f"{stored.shape} {portable.dtype.str}".encode())
    digest.update(portable.data)
    return digest.hexdigest()


def read_scale(header: Header, stored: NDArray[Any]) -> Scale:
    """Return what a stored value is worth, by whichever scale the header gives.

    GE's private pixel scale and offset, RescaleSlope and RescaleIntercept, and the items of
    RealWorldValueMappingSequence: those that are not 1 and 0 must agree.

    Raises
    ------
    UnusableInput
        ``pixel_scale`` where they differ, or a mapping is not one straight line over all pixels;
        ``bad_header_value`` where one is not a usable number.
    """
    found = [_ge_scale(header), _rescale(header), *_mappings(header, stored)]
    scales = [scale for scale in found if not scale.is_identity]
    for scale in scales:
        if not scale.slope > 0:
            raise UnusableInput(
                "bad_header_value", f"has a {scale.source} that is not above zero; export it unscaled"
            )
        if not _alike(scale, scales[0]):
            raise UnusableInput(
                "pixel_scale",
                f"has two scales of its pixel values that differ ({scales[0].source}, {scale.source}); "
                "export it without scaling",
            )
    return scales[0] if scales else Scale()


def _alike(one: Scale, other: Scale) -> bool:
    return math.isclose(one.slope, other.slope, rel_tol=_SAME_SCALE) and math.isclose(
        one.intercept, other.intercept, rel_tol=_SAME_SCALE, abs_tol=_SAME_SCALE * one.slope
    )


def _one(numbers: tuple[float, ...], default: float, name: str) -> float:
    """Return the number that all values of an element agree on."""
    if len(set(numbers)) > 1:
        raise UnusableInput("pixel_scale", f"has several values of its {name}; export it without scaling")
    return numbers[0] if numbers else default


def _ge_scale(header: Header) -> Scale:
    block = header.private(0x0011, "GEMS_GENIE_1")
    slope = _one(block.numbers(0x3B, "the pixel scale"), 1.0, "pixel scale")
    offset = _one(block.numbers(0x3C, "the pixel offset"), 0.0, "pixel offset")
    return Scale(slope, offset, "pixel scale of GE")


def _rescale(header: Header) -> Scale:
    slope = _one(header.numbers("RescaleSlope", -1e30, 1e30), 1.0, "RescaleSlope")
    intercept = _one(header.numbers("RescaleIntercept", -1e30, 1e30), 0.0, "RescaleIntercept")
    return Scale(slope, intercept, "RescaleSlope")


def _mappings(header: Header, stored: NDArray[Any]) -> list[Scale]:
    return [_mapping(item, stored) for item in header.items("RealWorldValueMappingSequence")]


def _mapping(item: Header, stored: NDArray[Any]) -> Scale:
    """Return a mapping to real-world values as a scale, if it is one straight line over all pixels."""
    slope = item.numbers("RealWorldValueSlope", -1e30, 1e30)
    intercept = item.numbers("RealWorldValueIntercept", -1e30, 1e30)
    if len(slope) != 1 or len(intercept) > 1:
        raise UnusableInput("pixel_scale", "maps its pixels to other values by a table; export it unmapped")
    scale = Scale(slope[0], intercept[0] if intercept else 0.0, "RealWorldValueMappingSequence")
    first = item.numbers("RealWorldValueFirstValueMapped", -1e30, 1e30)
    last = item.numbers("RealWorldValueLastValueMapped", -1e30, 1e30)
    covered = not (first and stored.min() < first[0]) and not (last and stored.max() > last[0])
    if not covered and not scale.is_identity:
        raise UnusableInput("pixel_scale", "maps some of its pixels only to other values; export it unmapped")
    return scale


def apply_scale(stored: NDArray[Any], scale: Scale) -> NDArray[Any]:
    """Return the values: the stored integers themselves where the scale is 1 and 0, else float64."""
    return stored if scale.is_identity else stored * scale.slope + scale.intercept


def full_scale(layout: Layout, scale: Scale) -> float:
    """Return the largest value that can be stored, as a value: what reaches it is saturated."""
    return layout.stored_range[1] * scale.slope + scale.intercept


def siemens_scale_remark(header: Header) -> list[Remark]:
    """Remark a pixel scale factor of Siemens: it belongs to maps, and is not applied to counts."""
    factors = header.private(0x0033, "SIEMENS MED NM").numbers(0x38, "the pixel scale factor")
    other = next((factor for factor in factors if factor != 1), None)
    text = "the pixel scale factor {:g} of Siemens was not applied to the counts"
    return [] if other is None else [Remark("nonstandard", text.format(other))]
