"""Looking for what was planted in bytes of any kind: as text, UTF-16, hexadecimal, base64, and inside containers."""

from __future__ import annotations

import base64
import gzip
import io
import re
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pikepdf
from pydicom import Dataset, dcmread

from tests.privacy.planting import DAY, NUMBER, TEXT, TIME, UID

DEEPEST = 4
SHOWN = 24
_DATE = f"{DAY[:4]}-{DAY[4:6]}-{DAY[6:]}"
_CLOCK = f"{TIME[:2]}:{TIME[2:4]}:{TIME[4:6]}"
#: how a person could be told from a page: each as it was written, and as a program would print it
WORDS = (TEXT, TEXT.lower(), TEXT.title(), UID, DAY, _DATE, TIME, _CLOCK, NUMBER, "97,557.01", "975570123")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{100,}={0,2}")
_ZLIB = re.compile(rb"x[\x01\x5e\x9c\xda]")
_GZIP = b"\x1f\x8b\x08"


def _in_base64(word: bytes) -> Iterator[bytes]:
    """Yield what a word becomes in base64, wherever it begins: without the letters that its neighbours change."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + word)
        start = -(-before * 8 // 6)
        yield whole[start : (before + len(word)) * 8 // 6]


def _forms(word: str) -> Iterator[bytes]:
    plain = word.encode()
    for one in (plain, word.encode("utf-16-le"), word.encode("utf-16-be")):
        yield one
        yield one.hex().encode()
        yield one.hex().upper().encode()
        yield from _in_base64(one)


FORMS = tuple(dict.fromkeys(form for word in WORDS for form in _forms(word)))
_ANY = re.compile(b"|".join(re.escape(form) for form in sorted(FORMS, key=len, reverse=True)))


def found_in(name: str, content: bytes, deep: int = 0) -> Iterator[str]:
    """Yield where a trace is, and what stands around it.

    Parameters
    ----------
    name : of what was written
    content : its bytes: text, PDF, DICOM, a database, or anything with compressed parts
    """
    for hit in _ANY.finditer(content):
        yield f"{name}: {content[max(0, hit.start() - SHOWN) : hit.end() + SHOWN]!r}"
    if deep < DEEPEST:
        for part, inner in _parts(content):
            yield from found_in(f"{name}, {part}", inner, deep + 1)


def _parts(content: bytes) -> Iterator[tuple[str, bytes]]:
    if content.startswith(b"%PDF-"):
        yield from parts_of_pdf(content)
    elif content[128:132] == b"DICM":
        yield from _parts_of_dicom(content)
    else:
        yield from _packed(content)


def _packed(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what is compressed, or written in base64, somewhere in other bytes."""
    for found in _BASE64.finditer(content):
        with suppress(ValueError):
            letters = found[0].rstrip(b"=")
            inner = base64.b64decode(letters + b"=" * (-len(letters) % 4))
            if len(inner) > len(TEXT) and not inner.isascii():  # readable text is found by its form
                yield "base64", inner
    for found in _ZLIB.finditer(content):
        with suppress(zlib.error):
            yield "zlib", zlib.decompressobj().decompress(content[found.start() :])
    at = content.find(_GZIP)
    while at >= 0:
        with suppress(OSError, EOFError, zlib.error):
            yield "gzip", gzip.GzipFile(fileobj=io.BytesIO(content[at:])).read()
        at = content.find(_GZIP, at + 1)


@lru_cache(maxsize=64)  # the same report is attached to, and wrapped into, other files
def parts_of_pdf(content: bytes) -> tuple[tuple[str, bytes], ...]:
    """Return all of a PDF without its compression: objects, streams, attachments, metadata, the text of its pages."""
    found = []
    with pikepdf.open(io.BytesIO(content)) as file:
        for number, item in enumerate(file.objects):
            found.append((f"object {number}", item.unparse()))
            if isinstance(item, pikepdf.Stream) and item.get("/Subtype") != "/Image":
                found.append((f"stream {number}", item.read_bytes()))
        for name in file.attachments:
            found.append(
                (f"attachment {name}", name.encode() + file.attachments[name].get_file().read_bytes())
            )
        found.append(("document", repr(file.docinfo).encode()))
    if program := shutil.which("pdftotext"):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "x.pdf"
            path.write_bytes(content)
            done = subprocess.run([program, "-raw", str(path), "-"], capture_output=True, check=True)
        found.append(("text of the pages", done.stdout))
    return tuple(found)


def _parts_of_dicom(content: bytes) -> Iterator[tuple[str, bytes]]:
    dataset = dcmread(io.BytesIO(content))
    if "EncapsulatedDocument" in dataset:
        yield "document", dataset.EncapsulatedDocument
    yield "header", str(dataset).encode()


def in_report(name: str, content: bytes, allowed: frozenset[str]) -> Iterator[str]:
    """Yield the traces in a report that is a DICOM object, apart from what is copied there on purpose.

    Parameters
    ----------
    allowed : keywords of the patient and the study, and of the references to the images
    """
    dataset: Dataset = dcmread(io.BytesIO(content))
    for element in dataset.iterall():
        if element.VR != "SQ" and element.keyword not in allowed:
            value = element.value if isinstance(element.value, bytes) else str(element.value).encode()
            yield from found_in(f"{name}, {element.keyword or element.tag}", value)
    yield from found_in(f"{name}, file meta group", str(dataset.file_meta).encode())
