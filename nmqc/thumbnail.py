"""The small image that is kept of a result, to be looked at when the file is long gone."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from struct import pack
from typing import TYPE_CHECKING, Any
from zlib import compress, crc32

from nmqc.model import Evidence, Picture, Sinogram

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: pixels of the longer side; percentile of the values that is drawn white, so that one hot pixel darkens nothing
LONGEST, WHITE = 96, 99.8


def shrunk(evidence: Sequence[Evidence]) -> tuple[Picture | Sinogram, ...]:
    """Return the first image of some evidence, made small; nothing where there is none.

    Pixels become square in mm, those of a sinogram as they are: means of what lies in them, or repeated where the
    image is coarser. Shrinking again changes nothing.
    """
    first = next((one for one in evidence if isinstance(one, Picture | Sinogram)), None)
    if first is None:
        return ()
    rows, columns = first.image.shape
    down, along = first.spacing_mm if isinstance(first, Picture) else (1.0, 1.0)
    pixel = max(rows * down, columns * along) / LONGEST
    shape = max(1, round(rows * down / pixel)), max(1, round(columns * along / pixel))
    image = _resampled(_resampled(first.image, shape[0]).T, shape[1]).T
    if isinstance(first, Sinogram):
        return (replace(first, image=image, tracks=()),)
    return (
        replace(first, image=image, spacing_mm=(pixel, pixel), shown=None, regions=(), marks=(), labels=()),
    )


def _resampled(image: NDArray[Any], rows: int) -> NDArray[np.float32]:
    """Return an image of so many rows, each the mean of those that begin in it, or the one in which it lies."""
    import numpy as np

    first = np.arange(rows) * image.shape[0] // rows
    if rows > image.shape[0]:
        return np.asarray(image[first], np.float32)
    counts = np.diff(np.append(first, image.shape[0]))
    sums = np.add.reduceat(image.astype(np.float64), first, axis=0)
    return np.asarray(sums / counts[:, np.newaxis], np.float32)


def thumbnail(evidence: Sequence[Evidence]) -> str | None:
    """Return the first image of some evidence as a small PNG file in base64: black is zero, and light is high."""
    found = shrunk(evidence)
    return b64encode(_png(_greys(found[0].image))).decode("ascii") if found else None


def _greys(image: NDArray[Any]) -> NDArray[np.uint8]:
    import numpy as np

    values = np.nan_to_num(image.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    white = float(np.percentile(values, WHITE)) or float(values.max())
    return np.clip(values * (255 / white) if white > 0 else values * 0, 0, 255).round().astype(np.uint8)


def _png(greys: NDArray[np.uint8]) -> bytes:
    """Return a PNG file of 8-bit greys (ISO/IEC 15948): each row is led by its filter, none."""
    rows, columns = greys.shape
    header = pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    pixels = compress(b"".join(b"\0" + row.tobytes() for row in greys))
    parts = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))
