"""DICOM files as a tree of elements that can be changed and written again, however wrong they then are.

No library reads or writes here: what one would correct, or refuse to write, has to reach nmqc as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

START = 132
IMPLICIT, EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
PIXEL_DATA = 0x7FE00010
UNDEFINED = 0xFFFFFFFF
LONG_VRS = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
WORDS = {b"US": 2, b"SS": 2, b"OW": 2, b"AT": 2, b"UL": 4, b"SL": 4, b"FL": 4, b"FD": 8}
_ITEM = 0xFFFEE000


@dataclass
class Element:
    """One element: a value, or the items of a sequence; `length` is declared instead of the true one."""

    tag: int
    vr: bytes
    value: bytes = b""
    items: list[list[Element]] = field(default_factory=list)
    length: int | None = None

    @property
    def is_sequence(self) -> bool:
        """True for a sequence, with items or without."""
        return self.vr == b"SQ"


@dataclass
class Tree:
    """A file: its meta group and its data set."""

    meta: list[Element]
    dataset: list[Element]

    def every(self) -> list[tuple[list[Element], int]]:
        """Return each element of the data set, nested ones too, as the list that holds it and its place there."""
        return list(_every(self.dataset))


def parse(data: bytes) -> Tree:
    """Return the tree of a good file in explicit VR little endian, as the phantoms write it."""
    meta, rest = [], START
    while data[rest : rest + 2] == b"\x02\x00":
        element, rest = _element(data, rest)
        meta.append(element)
    return Tree(meta, _elements(data, rest, len(data)))


def write(tree: Tree, syntax: str = EXPLICIT) -> bytes:
    """Return the bytes of a file; the transfer syntax that its meta group declares is left as it is."""
    head = b"".join(_written(element, EXPLICIT) for element in tree.meta)
    return b"\0" * 128 + b"DICM" + head + b"".join(_written(element, syntax) for element in tree.dataset)


def declared(tree: Tree, syntax: str) -> Tree:
    """Declare a transfer syntax in the meta group."""
    value = syntax.encode() + b"\0" * (len(syntax) % 2)
    for element in tree.meta:
        if element.tag == 0x00020010:
            element.value = value
    return tree


def _every(elements: list[Element]) -> Iterator[tuple[list[Element], int]]:
    for place, element in enumerate(elements):
        yield elements, place
        for item in element.items:
            yield from _every(item)


def _elements(data: bytes, start: int, end: int) -> list[Element]:
    found = []
    while start < end:
        element, start = _element(data, start)
        found.append(element)
    return found


def _element(data: bytes, start: int) -> tuple[Element, int]:
    group, number, vr = struct.unpack_from("<HH2s", data, start)
    if vr in LONG_VRS:
        length, start = struct.unpack_from("<L", data, start + 8)[0], start + 12
    else:
        length, start = struct.unpack_from("<H", data, start + 6)[0], start + 8
    element = Element(group << 16 | number, vr)
    if length == UNDEFINED:
        element.value, element.length = data[start:], UNDEFINED
        return element, len(data)
    if vr == b"SQ":
        element.items = _items(data, start, start + length)
    else:
        element.value = data[start : start + length]
    return element, start + length


def _items(data: bytes, start: int, end: int) -> list[list[Element]]:
    items = []
    while start < end:
        length = struct.unpack_from("<L", data, start + 4)[0]
        items.append(_elements(data, start + 8, start + 8 + length))
        start += 8 + length
    return items


def _written(element: Element, syntax: str) -> bytes:
    order = ">" if syntax == BIG_ENDIAN else "<"
    value = _value(element, syntax, order)
    length = len(value) if element.length is None else element.length
    tag = struct.pack(order + "HH", element.tag >> 16, element.tag & 0xFFFF)
    if syntax == IMPLICIT:
        return tag + struct.pack("<L", length) + value
    if element.vr in LONG_VRS:
        return tag + element.vr + b"\0\0" + struct.pack(order + "L", length & UNDEFINED) + value
    return tag + element.vr + struct.pack(order + "H", length & 0xFFFF) + value


def _value(element: Element, syntax: str, order: str) -> bytes:
    if not element.is_sequence or not element.items:
        word = WORDS.get(element.vr, 1) if order == ">" else 1
        return _swapped(element.value, word)
    items = (b"".join(_written(one, syntax) for one in item) for item in element.items)
    item_tag = struct.pack(order + "HH", _ITEM >> 16, _ITEM & 0xFFFF)
    return b"".join(item_tag + struct.pack(order + "L", len(item)) + item for item in items)


def _swapped(value: bytes, word: int) -> bytes:
    if word == 1 or len(value) % word:
        return value
    return b"".join(value[i : i + word][::-1] for i in range(0, len(value), word))
