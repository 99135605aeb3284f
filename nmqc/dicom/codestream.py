"""How large compressed frames become, by what they say themselves: before a decoder makes room for it.

The header of the file announces a size that has been bounded; a frame that unpacks to another, or never ends, is
refused. Sources: PS3.5 annex G (run lengths), ISO/IEC 10918-1 B.2.2 (JPEG frame header, the same for JPEG-LS),
ISO/IEC 15444-1 A.5.1 (JPEG 2000, SIZ; the same for high-throughput JPEG 2000).
"""

from __future__ import annotations

import struct

from nmqc.errors import UnusableInput

_RLE = "1.2.840.10008.1.2.5"
_RLE_HEAD = struct.Struct("<16L")
_JPEG_START, _J2K_START, _J2K_SIZE = b"\xff\xd8", b"\xff\x4f", b"\xff\x51"
#: markers of frame headers: SOF0 to SOF15 without DHT, JPG and DAC; SOF55 of JPEG-LS
_FRAME_HEADS = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a segment
_OTHER_SIZE = "holds compressed pixels of another size than its header announces; copy or export it again"


def require_within(syntax: str, data: bytes, frames: int, rows: int, columns: int) -> None:
    """Refuse encapsulated pixels of which a frame does not unpack to the announced size.

    Parameters
    ----------
    syntax : transfer syntax, one that can be decoded
    data : the value of PixelData
    frames, rows, columns : as announced, within bounds

    Raises
    ------
    UnusableInput
        ``bad_header_value``.
    """
    from pydicom.encaps import generate_frames

    for frame in generate_frames(data, number_of_frames=frames):
        fits = _run_lengths_fit(frame, rows * columns) if syntax == _RLE else _size(frame) == (rows, columns)
        if not fits:
            raise UnusableInput("bad_header_value", _OTHER_SIZE)


def _run_lengths_fit(frame: bytes, pixels: int) -> bool:
    """Say whether no segment of a frame goes on far beyond its pixels: a byte of padding may follow."""
    if len(frame) < _RLE_HEAD.size:
        return True  # the decoder says that it is cut short
    count, *offsets = _RLE_HEAD.unpack_from(frame)
    ends = [*offsets[1:count], len(frame)]
    segments = (frame[start:end] for start, end in zip(offsets[: min(count, 15)], ends, strict=False))
    return all(_unpacked_bytes(segment, pixels) <= pixels + 1 for segment in segments)


def _unpacked_bytes(segment: bytes, most: int) -> int:
    """Return to how many bytes a segment unpacks; where they are more than `most`, that they are."""
    unpacked = place = 0
    end = len(segment)
    while place < end and unpacked <= most + 1:
        control = segment[place]
        if control < 128:
            unpacked += control + 1
            place += control + 2
        else:
            unpacked += 257 - control if control > 128 else 0
            place += 2 if control > 128 else 1
    return unpacked


def _size(frame: bytes) -> tuple[int, int] | None:
    """Return (rows, columns) of a JPEG, JPEG-LS or JPEG 2000 frame; None where it does not tell."""
    if frame.startswith(_J2K_START + _J2K_SIZE) and len(frame) >= 24:
        right, bottom, left, top = struct.unpack_from(">4L", frame, 8)
        return bottom - top, right - left
    return _jpeg_size(frame) if frame.startswith(_JPEG_START) else None


def _jpeg_size(frame: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(frame) and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker in _FRAME_HEADS:
            rows, columns = struct.unpack_from(">HH", frame, place + 5)
            return rows, columns
        fill = marker == 0xFF
        place += 1 if fill else 2
        if not fill and marker not in _ALONE:
            place += struct.unpack_from(">H", frame, place)[0]
    return None
