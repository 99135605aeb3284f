"""Opening a file that may be anything, without harm: the only place where bytes become a data set.

The order of the checks matters: kind of file, size, DICM mark, file meta group, transfer syntax, class of
object, and only then pydicom. A deflated file is refused before pydicom could inflate it (half a megabyte
becomes half a gigabyte, even when only the header is asked for). Values never reach a message: pydicom's
warnings and exceptions quote them, and are swallowed here.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import logging
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from nmqc import bounds
from nmqc.dicom.values import TOO_LONG, Header
from nmqc.errors import NmqcError, UnusableInput

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset
    from pydicom.dataelem import RawDataElement

PIXEL_DATA = 0x7FE00010

NM_CLASSES = ("1.2.840.10008.5.1.4.1.1.20", "1.2.840.10008.5.1.4.1.1.5")
PET_CLASS = "1.2.840.10008.5.1.4.1.1.128"
_ENHANCED_PET = ("1.2.840.10008.5.1.4.1.1.130", "1.2.840.10008.5.1.4.1.1.128.1")
_OTHER_CLASSES = {
    PET_CLASS: "a PET image",
    _ENHANCED_PET[0]: "an enhanced PET image",
    _ENHANCED_PET[1]: "an enhanced PET image (legacy converted)",
    "1.2.840.10008.5.1.4.1.1.2": "a CT image",
    "1.2.840.10008.5.1.4.1.1.2.1": "an enhanced CT image",
    "1.2.840.10008.5.1.4.1.1.4": "an MR image",
    "1.2.840.10008.1.3.10": "a DICOMDIR, an index of other files",
    "1.2.840.10008.5.1.4.1.1.66": "raw data of the maker",
    "1.2.840.10008.5.1.4.1.1.104.1": "a PDF document",
}
#: what to do with an object that another command takes
_INSTEAD = {
    PET_CLASS: "give the folder of its whole series to nmqc pet: nmqc pet FOLDER",
    **dict.fromkeys(_ENHANCED_PET, "export it as classic PET images, and give their folder to nmqc pet"),
}
_CLASS_FAMILIES = (
    ("1.2.840.10008.5.1.4.1.1.7", "a secondary capture, a picture of a screen"),
    ("1.2.840.10008.5.1.4.1.1.88", "a structured report"),
)

_IMPLICIT = "1.2.840.10008.1.2"
_DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
_NATIVE = (_IMPLICIT, "1.2.840.10008.1.2.1", BIG_ENDIAN)
_LOSSLESS = {
    "1.2.840.10008.1.2.5": ("RLE", ""),
    "1.2.840.10008.1.2.4.57": ("JPEG Lossless", "pylibjpeg[libjpeg]"),
    "1.2.840.10008.1.2.4.70": ("JPEG Lossless", "pylibjpeg[libjpeg]"),
    "1.2.840.10008.1.2.4.80": ("JPEG-LS Lossless", "pyjpegls"),
    "1.2.840.10008.1.2.4.90": ("JPEG 2000 Lossless", "pylibjpeg[openjpeg]"),
    "1.2.840.10008.1.2.4.201": ("High-Throughput JPEG 2000 Lossless", "pylibjpeg[openjpeg]"),
    "1.2.840.10008.1.2.4.202": ("High-Throughput JPEG 2000 Lossless", "pylibjpeg[openjpeg]"),
}
_LOSSY = {
    "1.2.840.10008.1.2.4.50": "JPEG Baseline",
    "1.2.840.10008.1.2.4.51": "JPEG Extended",
    "1.2.840.10008.1.2.4.81": "JPEG-LS Near-Lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.4.203": "High-Throughput JPEG 2000",
}
_EXPORT_NATIVE = "export it as Explicit VR Little Endian"
_ELEMENT_HEAD = 8  # bytes: what pydicom reads first of each element
_CHARACTER_SET = (b"\x08\0\x05\0", b"\0\x08\0\x05")
_FIRST_ITEM = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
_PIXEL_GROUP = 0x7FE0
_CUT_HEADER = "ends in the middle of its header; copy or export it again"
_TOO_DEEP = "nests its sequences too deeply to be read; export it anew"
_LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a file as they are stored, and their SHA-256."""

    data: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class Meta:
    """What the file meta group says; "" where it is silent."""

    sop_class: str
    transfer_syntax: str


@dataclass(frozen=True, slots=True, eq=False)
class OpenedFile:
    """A parsed data set, whole up to its pixels."""

    dataset: Dataset
    sop_class: str
    transfer_syntax: str
    sha256: str

    @property
    def encapsulated(self) -> bool:
        """True where the pixels are compressed (without loss, by a method that can be decoded here)."""
        return self.transfer_syntax in _LOSSLESS


class _Watched(io.BytesIO):
    """A stream that remembers that it was asked for more bytes than were left, unless it went back.

    It counts the elements and items that are asked for, and refuses what pydicom would take apart without bounds.
    """

    cut = False
    refused: UnusableInput | None = None
    _heads = 0
    _head = b""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > bounds.CHARACTER_SET_BYTES and self._head.startswith(_CHARACTER_SET):
            self._refuse("bad_header_value", "has a SpecificCharacterSet that is none; export it anew")
        data = super().read(size)
        if size == _ELEMENT_HEAD:
            self._count(data)
        at_end_of_element = size == _ELEMENT_HEAD and not data
        if size is not None and len(data) < size and not at_end_of_element:
            self.cut = True
        return data

    def _count(self, head: bytes) -> None:
        self._heads, self._head = self._heads + 1, head
        if self._heads > bounds.HEADER_ELEMENTS:
            self._refuse(
                "too_large",
                f"has more than {bounds.HEADER_ELEMENTS} elements in its header; export it without private ones",
            )

    def _refuse(self, code: str, reason: str) -> NoReturn:
        """Raise a refusal, and keep it: pydicom makes another exception of one inside a sequence."""
        self.refused = UnusableInput(code, reason)
        raise self.refused

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self.cut = False
        return super().seek(offset, whence)


@contextmanager
def refusing() -> Iterator[None]:
    """Turn whatever goes wrong inside into a refusal that quotes nothing from the file."""
    try:
        yield
    except (NmqcError, ModuleNotFoundError):  # a library that is missing is no fault of the file
        raise
    except MemoryError:
        raise UnusableInput(
            "too_large", "does not fit into memory; export fewer frames in one file"
        ) from None
    except Exception as error:
        if isinstance(error, RecursionError) or isinstance(error.__context__, RecursionError):
            raise UnusableInput("unreadable", _TOO_DEEP) from None
        name = type(error).__name__
        raise UnusableInput("unreadable", f"is damaged ({name}); export the file anew") from None


@contextmanager
def silence() -> Iterator[None]:
    """Keep the warnings and the log of pydicom, which quote header values, from every output."""
    logger = logging.getLogger("pydicom")
    was_disabled = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = was_disabled


def read_content(path: Path, limit: int = bounds.IMAGE_BYTES) -> Content:
    """Return the bytes of a regular file of bounded size.

    Raises
    ------
    UnusableInput
        ``missing``, ``folder``, ``unreadable``, or ``too_large``.
    """
    with opening():
        data = bounds.read(path, limit)
    return Content(data, hashlib.sha256(data).hexdigest())


@contextmanager
def opening() -> Iterator[None]:
    """Turn what goes wrong when a file is opened into a refusal, as `read_content` does."""
    try:
        yield
    except bounds.TooLarge as limit:
        raise UnusableInput("too_large", f"is {limit}; export fewer frames in one file") from None
    except FileNotFoundError:
        raise UnusableInput("missing", "does not exist; check its name and folder") from None
    except IsADirectoryError:
        raise UnusableInput(
            "folder", "is a folder; use nmqc batch, or nmqc pet for the folder of a PET series"
        ) from None
    except OSError as error:
        words = (error.strerror or "unknown error").lower()
        raise UnusableInput("unreadable", f"cannot be opened: {words}; check the file") from None


def open_dicom(
    content: Content, limit: int = bounds.IMAGE_BYTES, wanted: Callable[[str], None] | None = None
) -> OpenedFile:
    """Return the parsed data set of any object in a transfer syntax that can be read within bounds.

    `wanted` refuses a class of object that is not asked for (`check_class` without it), where the transfer syntax
    cannot be read.

    Raises
    ------
    UnusableInput
        ``not_dicom``, ``truncated``, ``too_large``, ``compressed``, ``deflated``, ``transfer_syntax`` or
        ``unreadable``; what `wanted` raises for another class of object whose transfer syntax is not readable.
    """
    data = _unzipped(content.data, limit)
    if not data:
        raise UnusableInput("not_dicom", "is empty; copy or export it again")
    if data[128:132] != b"DICM":
        raise UnusableInput("not_dicom", "is not a DICOM file (no DICM mark at byte 128); export it as DICOM")
    meta = read_meta(data)
    check_transfer_syntax(meta, wanted or check_class)
    dataset = parsed(data)
    sop_class = Header(dataset).text("SOPClassUID") or meta.sop_class
    return OpenedFile(dataset, sop_class, meta.transfer_syntax, content.sha256)


def parsed(data: bytes, tags: Sequence[str] = (), *, whole: bool = True) -> Dataset:
    """Return the data set, if the data do not end within its header: pydicom would not tell.

    Values that are longer than any that a reader looks at are replaced by one that is none.

    Parameters
    ----------
    tags : keywords of the elements that are wanted, and no pixels then; () for everything
    whole : whether a file may end where the data end; False for its first bytes, which may end between two elements

    Raises
    ------
    UnusableInput
        ``truncated``, and what a header without bounds is refused for.
    """
    from pydicom import dcmread

    stream = _Watched(data)
    try:
        dataset = dcmread(stream, stop_before_pixels=bool(tags), specific_tags=list(tags) or None)
    except (MemoryError, RecursionError):
        raise
    except Exception:
        if stream.refused:
            raise stream.refused from None
        if stream.cut or stream.tell() >= len(data):
            raise UnusableInput("truncated", _CUT_HEADER) from None
        raise
    _bound_values(dataset)
    if tags:
        _require_end(stream, len(data), whole=whole)
        return dataset
    has_pixels = PIXEL_DATA in dataset and dataset.get_item(PIXEL_DATA).value
    if (stream.cut or stream.tell() < len(data)) and not has_pixels:
        raise UnusableInput("truncated", _CUT_HEADER)
    return dataset


def _require_end(stream: _Watched, size: int, *, whole: bool) -> None:
    """Refuse data that end before the pixels: values that are not wanted are passed over, beyond the end too."""
    place = stream.tell()
    if stream.cut or place > size or (place == size and not whole):
        raise UnusableInput("truncated", _CUT_HEADER)


def _bound_values(dataset: Dataset) -> None:
    """Replace values that are too long to be looked at, before pydicom takes one apart: those of pixels are kept."""
    from pydicom import DataElement

    waiting = [(dataset, 0)]
    while waiting:
        inner, depth = waiting.pop()
        if depth > bounds.NESTING:
            raise UnusableInput("unreadable", _TOO_DEEP)
        elements = [inner.get_item(tag) for tag in inner.keys()]  # noqa: SIM118 - values would be taken apart
        too_long = [one.tag for one in elements if one.tag.group != _PIXEL_GROUP and _is_too_long(one)]
        for tag in sorted(
            too_long, key=lambda tag: tag.element
        ):  # names of private blocks before what is in them
            inner[tag] = DataElement(tag, "OB", TOO_LONG)  # of UN pydicom would make what the dictionary says
        parsed_sequences = (one for one in elements if not one.is_raw and one.VR == "SQ")
        waiting += [(item, depth + 1) for one in parsed_sequences for item in one.value]


def _is_too_long(element: DataElement | RawDataElement) -> bool:
    value = element.value
    if not isinstance(value, bytes):
        return False
    most = bounds.SEQUENCE_BYTES if value.startswith(_FIRST_ITEM) else bounds.VALUE_BYTES
    return len(value) > most


def read_meta(data: bytes) -> Meta:
    """Return class and transfer syntax from the file meta group (PS3.10, 7.1), without parsing the data set.

    Raises
    ------
    UnusableInput
        ``truncated`` if the data end within the group; ``unreadable`` if it is malformed or repeats itself.
    """
    found: dict[int, str] = {}
    position = 132
    while data[position : position + 2] == b"\x02\x00":
        element, start, length = _meta_element(data, position)
        position = start + length
        if position > len(data):
            raise UnusableInput("truncated", _CUT_HEADER)
        if length > bounds.VALUE_BYTES:
            raise UnusableInput("unreadable", "has a malformed file meta group; export it anew")
        if element in found:
            raise UnusableInput("unreadable", "repeats an element of its file meta group; export it anew")
        value = data[start:position].rstrip(b"\0 ") if length <= 64 else b""
        found[element] = value.decode("ascii", "replace")
    return Meta(found.get(0x0002, ""), found.get(0x0010, ""))


def _meta_element(data: bytes, position: int) -> tuple[int, int, int]:
    """Return (element number, start of the value, its length) of an element in explicit VR little endian."""
    if position + _ELEMENT_HEAD > len(data):
        raise UnusableInput("truncated", _CUT_HEADER)
    head = data[position : position + 12].ljust(12, b"\0")
    element, vr, short = struct.unpack_from("<H2sH", head, 2)
    if not (vr.isalpha() and vr.isupper()):
        raise UnusableInput("unreadable", "has a malformed file meta group; export it anew")
    if vr in _LONG_VRS:
        return element, position + 12, struct.unpack_from("<L", head, 8)[0]
    return element, position + 8, short


def check_transfer_syntax(meta: Meta, wanted: Callable[[str], None]) -> None:
    """Refuse what cannot be read without loss and within bounds; a missing transfer syntax is let pass.

    Raises
    ------
    UnusableInput
        ``compressed``, ``deflated`` or ``transfer_syntax``; before them what `wanted` says of a class that is not
        asked for, because that is then the more useful answer.
    """
    syntax = meta.transfer_syntax
    if syntax in _NATIVE or syntax == "" or (syntax in _LOSSLESS and _has_decoder(syntax)):
        return
    if meta.sop_class:
        wanted(meta.sop_class)
    if syntax in _LOSSLESS:
        name, plugin = _LOSSLESS[syntax]
        raise UnusableInput(
            "compressed", f'is compressed with {name}, whose decoder is not installed: pip install "{plugin}"'
        )
    if syntax in _LOSSY:
        raise UnusableInput(
            "compressed",
            f"was compressed with loss ({_LOSSY[syntax]}), its counts are changed; {_EXPORT_NATIVE}",
        )
    if syntax == _DEFLATED:
        raise UnusableInput("deflated", f"uses the deflated transfer syntax; {_EXPORT_NATIVE}")
    name = _syntax_name(syntax)
    raise UnusableInput("transfer_syntax", f"uses the transfer syntax {name}; {_EXPORT_NATIVE}")


def check_class(sop_class: str) -> None:
    """Refuse any object but an NM image, by name.

    Raises
    ------
    UnusableInput
        ``not_an_nm_image``.
    """
    if sop_class not in NM_CLASSES:
        next_step = _INSTEAD.get(sop_class, "give NM images of a gamma camera")
        raise UnusableInput("not_an_nm_image", f"is {class_name(sop_class)}; {next_step}")


def check_pet_class(sop_class: str) -> None:
    """Refuse any object but a PET image of one file a slice, by name.

    Raises
    ------
    UnusableInput
        ``enhanced_pet`` or ``not_a_pet_image``.
    """
    if sop_class in _ENHANCED_PET:
        raise UnusableInput(
            "enhanced_pet", f"is {class_name(sop_class)}; export it as classic PET images, one file a slice"
        )
    if sop_class != PET_CLASS:
        raise UnusableInput(
            "not_a_pet_image", f"is {class_name(sop_class)}; give the images of one PET series alone"
        )


def class_name(sop_class: str) -> str:
    """Return what an object is, in words, by its SOP class; nothing of an unknown class is quoted."""
    if sop_class in NM_CLASSES:
        return "an NM image"
    if sop_class in _OTHER_CLASSES:
        return _OTHER_CLASSES[sop_class]
    for start, words in _CLASS_FAMILIES:
        if sop_class == start or sop_class.startswith(start + "."):
            return words
    return _dictionary_name(sop_class, "SOP Class") or "an object of an unknown kind"


def _syntax_name(syntax: str) -> str:
    return _dictionary_name(syntax, "Transfer Syntax") or "of a maker or of an unknown kind"


def _dictionary_name(uid: str, kind: str) -> str:
    """Return the standard's name of a UID of some kind; "" where the standard does not know it."""
    from pydicom.uid import UID

    known = UID(uid)
    return known.name if known.type == kind else ""


def _has_decoder(syntax: str) -> bool:
    from pydicom.pixels.decoders.base import get_decoder

    return bool(get_decoder(syntax).is_available)


def _unzipped(data: bytes, limit: int) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            unzipped = stream.read(limit + 1)
    except EOFError:
        raise UnusableInput("truncated", "is a gzip file that was cut short; copy it again") from None
    if len(unzipped) > limit:
        raise UnusableInput(
            "too_large", f"holds more than {limit >> 20} MB once unzipped; give the unzipped files"
        )
    return unzipped
