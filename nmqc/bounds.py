"""What nmqc reads at most: the limits that keep a hostile or broken file from taking a machine (docs/security.md).

A call that keeps to them ends, for inputs of up to `PIXELS`, within 20 s of processor time and 1 s for each 4 million
pixels, and 1.5 GB of memory and 24 bytes a pixel.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

#: bytes of an image file, and of what is in a gzip file: twice the pixels below at 16 bits
IMAGE_BYTES = 256 << 20
#: of one image, and of one PET series; a matrix of 400 x 400 x 400
PIXELS = 64_000_000
SIDE_PX = 4096
#: rows times their distance, and columns: a whole body is 2 m long
SIDE_MM = 4000.0
FRAMES = 20_000
#: images in one file that are analysed, judged and recorded each by itself: frames of a static image, else pairs of
#: energy window and detector
IMAGES = 96
#: by how much compressed pixels may be longer than the pixels: run lengths of noise are, by 1 %
COMPRESSED_EXCESS = 1.1
#: bytes of a compressed frame beside its pixels: tables, marks, offsets
COMPRESSED_FRAME_BYTES = 4096

#: elements and items of a header, those in sequences of unknown length too
HEADER_ELEMENTS = 50_000
#: bytes of a value; a longer one is unusable. Explicit VR has 16 bits for the length of a number or a text
VALUE_BYTES = 65_535
#: bytes of a sequence; a longer one is unusable
SEQUENCE_BYTES = 256 << 10
#: sequences in each other
NESTING = 32
#: bytes of SpecificCharacterSet, which is taken apart while the header is read
CHARACTER_SET_BYTES = 1024

#: of a folder that stands for a PET series
FOLDER_FILES = 20_000
FOLDER_BYTES = 1 << 30
FOLDER_DEPTH = 8
#: of all files of one call of `nmqc pet`, by their headers
CALL_PIXELS = 4 * PIXELS

#: bytes of a TOML file: configuration, limits, fill sheet, protocol
TOML_BYTES = 256 << 10
TOML_NESTING = 16
#: mistakes that are told of one file
TOML_MISTAKES = 50
#: bytes of another program's table (CSV)
TABLE_BYTES = 16 << 20


class TooLarge(Exception):
    """A file that holds more than may be read; the message gives the limit in words."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file to read; links are followed, pipes and devices never waited for.

    Raises
    ------
    OSError
        IsADirectoryError for a folder; with a text of its own for what is no regular file.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file")
    with path.open("rb") as stream:
        yield stream


def read(path: Path, most_bytes: int) -> bytes:
    """Return the content of a regular file.

    Raises
    ------
    TooLarge
        If it holds more than `most_bytes`; no more than that is read.
    OSError
        If it cannot be read, or is no regular file.
    """
    with opened(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        content = stream.read(min(size, most_bytes) + 1)  # no more: room is made for it beforehand
    if len(content) > most_bytes:
        words = f"{most_bytes >> 20} MB" if most_bytes >= 1 << 20 else f"{most_bytes >> 10} kB"
        raise TooLarge(f"larger than {words}, the most that is read")
    return content
