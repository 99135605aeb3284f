"""Ways to break a DICOM file: of its bytes, of its elements, of its pixels. Each is reproducible from its seed."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from random import Random

from fuzz.elements import (
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    PIXEL_DATA,
    UNDEFINED,
    Element,
    Tree,
    declared,
    parse,
    write,
)

Mutator = Callable[[bytes, Random], bytes]
TreeMutator = Callable[[Tree, Random], None]

#: values of text and number elements that no camera writes
_TEXTS = (
    *(
        b"",
        b" ",
        b"\0",
        b"\\",
        b"\\" * 900,
        b"\\" * 70_000,
        b"nan",
        b"-nan",
        b"inf",
        b"-Infinity",
        b"1e999",
        b"-1e308",
    ),
    *(
        b"1e-320",
        b"0",
        b"-0",
        b"-1",
        b"1",
        b"2",
        b"3",
        b"0.0001",
        b"1,5",
        b"0x10",
        b"1_000",
        b"\xd9\xa1",
        b"9" * 5000,
    ),
    *(
        b"1\\2",
        b"1\\nan",
        b"2.5\\2.5\\2.5",
        b"0\\0",
        b"1\\0\\0\\0\\1\\0",
        b"0\\1\\0\\1\\0\\0",
        b"0.05\\50",
        b"50\\0.05",
    ),
    *(
        b"00000000",
        b"99991231",
        b"00010101",
        b"20260230",
        b"240000",
        b"235960.999999",
        b"99991231235959.999999+1400",
    ),
    *(
        b"\x1b[31m",
        b"\x1b$B\x1b(B",
        b"\xff\xfe",
        b"\xc3\x28",
        b"\xe2\x80\xae",
        b"A" * 70_000,
        b"../../../etc/passwd",
    ),
    *(
        b"TOMO",
        b"STATIC",
        b"RECON TOMO",
        b"DYNAMIC",
        b"GATED TOMO",
        b"ORIGINAL\\PRIMARY\\TOMO\\EMISSION",
        b"CW",
        b"CC",
    ),
    *(
        b"BQML",
        b"GML",
        b"CNTS",
        b"NONE",
        b"START",
        b"ADMIN",
        b"DECY\\ATTN",
        b"%n%s{0}",
        b"=1+1",
        b"ISO 2022 IR 87",
    ),
)
_NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    15,
    16,
    17,
    32,
    64,
    127,
    255,
    256,
    1023,
    4095,
    4096,
    4097,
    20_000,
    32767,
    32768,
    65535,
)
_VRS = (
    b"US",
    b"SS",
    b"UL",
    b"SL",
    b"DS",
    b"IS",
    b"LO",
    b"UT",
    b"FD",
    b"FL",
    b"UN",
    b"OB",
    b"SQ",
    b"AT",
    b"UI",
    b"PN",
)
_NUMERIC = {b"US": "<H", b"SS": "<h", b"UL": "<L", b"SL": "<l", b"FL": "<f", b"FD": "<d"}
_LENGTHS = (0, 1, 2, 3, 7, 0x7FFF, 0xFFFF, 0xFFFE, 0x7FFFFFFF, 0xFFFFFFF0, 0xFFFFFFFE, UNDEFINED)
_SYNTAXES = (
    *(
        IMPLICIT,
        EXPLICIT,
        BIG_ENDIAN,
        "1.2.840.10008.1.2.5",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.4.70",
    ),
    *(
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.100",
        "1.2.840.113619.5.2",
        "",
    ),
)
_CLASSES = (
    *("1.2.840.10008.5.1.4.1.1.20", "1.2.840.10008.5.1.4.1.1.128", "1.2.840.10008.5.1.4.1.1.130"),
    *("1.2.840.10008.1.3.10", "1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.7", ""),
)


def mutated(data: bytes, others: list[bytes], random: Random) -> bytes:
    """Return a broken copy: one to four changes of bytes, or of elements and then perhaps of bytes."""
    if random.random() < 0.35:
        return _several(data, others, random)
    try:
        tree = parse(data)
    except (struct.error, IndexError, RecursionError):
        return _several(data, others, random)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        random.choice(TREE_MUTATORS)(tree, random)
    syntax = random.choice((EXPLICIT,) * 6 + (IMPLICIT, BIG_ENDIAN))
    if syntax != EXPLICIT and random.random() < 0.9:
        declared(tree, syntax)
    broken = write(tree, syntax)
    return _several(broken, others, random) if random.random() < 0.1 else broken


def _several(data: bytes, others: list[bytes], random: Random) -> bytes:
    for _ in range(random.choice((1, 1, 2, 3, 4))):
        if random.random() < 0.1:
            data = spliced(data, random.choice(others), random)
        else:
            data = random.choice(BYTE_MUTATORS)(data, random)
    return data


# --- bytes ----------------------------------------------------------------------------------------------


def _place(data: bytes, random: Random) -> int:
    """Return a place, in the header as a rule."""
    end = len(data) if random.random() < 0.2 else min(len(data), 4096)
    return random.randrange(max(end, 1))


def flipped(data: bytes, random: Random) -> bytes:
    """Flip bits of one to sixteen bytes."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        if changed:
            changed[_place(data, random)] ^= 1 << random.randrange(8)
    return bytes(changed)


def overwritten(data: bytes, random: Random) -> bytes:
    """Write bytes that mean much over others."""
    words = (
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
        b"\xfe\xff\x00\xe0",
        b"\xfe\xff\x0d\xe0",
        b"\xfe\xff\xdd\xe0",
        b"SQ",
        b"UN",
    )
    word, at = random.choice(words), _place(data, random)
    return data[:at] + word + data[at + len(word) :]


def truncated(data: bytes, random: Random) -> bytes:
    """Cut the file, in the header as a rule."""
    return data[: _place(data, random)]


def removed(data: bytes, random: Random) -> bytes:
    """Take bytes out."""
    at = _place(data, random)
    return data[:at] + data[at + random.choice((1, 2, 4, 8, 100)) :]


def inserted(data: bytes, random: Random) -> bytes:
    """Put bytes in."""
    at = _place(data, random)
    return data[:at] + random.randbytes(random.choice((1, 2, 8, 64))) + data[at:]


def repeated(data: bytes, random: Random) -> bytes:
    """Write a part of the file several times."""
    at, length = _place(data, random), random.choice((8, 32, 256, 2048))
    return data[:at] + data[at : at + length] * random.choice((2, 3, 100)) + data[at + length :]


def zipped(data: bytes, random: Random) -> bytes:
    """Compress it by gzip, once or twice, whole or cut short."""
    packed = gzip.compress(data, 1)
    packed = gzip.compress(packed, 1) if random.random() < 0.3 else packed
    return packed if random.random() < 0.5 else flipped(packed[: random.randrange(len(packed)) + 1], random)


def spliced(data: bytes, other: bytes, random: Random) -> bytes:
    """Begin as one file and end as another."""
    return data[: _place(data, random)] + other[_place(other, random) :]


BYTE_MUTATORS: tuple[Mutator, ...] = (
    flipped,
    flipped,
    overwritten,
    truncated,
    removed,
    inserted,
    repeated,
    zipped,
)


# --- elements -------------------------------------------------------------------------------------------


def _any(tree: Tree, random: Random, *, pixels: bool = False) -> Element:
    found = [elements[place] for elements, place in tree.every()]
    found = [one for one in found if pixels or one.tag != PIXEL_DATA]
    return random.choice(found or [Element(0x00100010, b"PN")])


def hostile_value(tree: Tree, random: Random) -> None:
    """Give an element a value that no camera writes; numbers of fixed length as such."""
    element = _any(tree, random)
    if element.vr in _NUMERIC and random.random() < 0.8:
        element.value = _numbers(element, random)
    else:
        element.value = random.choice(_TEXTS)
    element.value += b" " * (len(element.value) % 2)
    element.items = []


def _numbers(element: Element, random: Random) -> bytes:
    code = _NUMERIC[element.vr]
    size = struct.calcsize(code)
    count = random.choice((1, 1, max(len(element.value) // size, 1), 0, 2, 3))
    if code in ("<f", "<d"):
        values: list[float] = [
            random.choice((0.0, -1.0, 1e30, float("nan"), float("inf"), 1e-30)) for _ in range(count)
        ]
        return b"".join(struct.pack(code, value) for value in values)
    whole = random.choice(_NUMBERS) if random.random() < 0.5 else None
    limit = 1 << (8 * size)
    picked = [random.choice(_NUMBERS) if whole is None else whole for _ in range(count)]
    return b"".join((value % limit).to_bytes(size, "little") for value in picked)


def other_vr(tree: Tree, random: Random) -> None:
    """Give an element another value representation."""
    element = _any(tree, random, pixels=True)
    if not element.is_sequence:
        element.vr = random.choice(_VRS)


def wrong_length(tree: Tree, random: Random) -> None:
    """Declare another length than the value has."""
    element = _any(tree, random, pixels=True)
    element.length = random.choice((*_LENGTHS, len(element.value) + random.choice((-2, -1, 1, 2))))
    element.length = max(element.length, 0)


def dropped(tree: Tree, random: Random) -> None:
    """Take an element away."""
    elements, place = random.choice(tree.every())
    del elements[place]


def doubled(tree: Tree, random: Random) -> None:
    """Write an element twice, or a hundred times."""
    elements, place = random.choice(tree.every())
    if elements[place].tag != PIXEL_DATA:
        elements[place:place] = [elements[place]] * random.choice((1, 1, 100))


def swapped_tags(tree: Tree, random: Random) -> None:
    """Exchange the tags of two elements."""
    one, other = _any(tree, random, pixels=True), _any(tree, random)
    one.tag, other.tag = other.tag, one.tag


def swapped_values(tree: Tree, random: Random) -> None:
    """Exchange the values of two elements."""
    one, other = _any(tree, random), _any(tree, random)
    one.value, other.value, one.items, other.items = other.value, one.value, other.items, one.items


def shuffled(tree: Tree, random: Random) -> None:
    """Write the elements in another order."""
    random.shuffle(tree.dataset)


def more_items(tree: Tree, random: Random) -> None:
    """Repeat the items of a sequence, or take them away."""
    sequences = [one for elements, place in tree.every() if (one := elements[place]).is_sequence]
    if sequences:
        sequence = random.choice(sequences)
        sequence.items = random.choice(
            ([], sequence.items * 2, sequence.items * 300, [[]] * 50, sequence.items[:1])
        )


def nested(tree: Tree, random: Random) -> None:
    """Put an element into sequences in each other, some or very many."""
    elements, place = random.choice(tree.every())
    inner = elements[place]
    if len(inner.value) > 4096:
        return
    for _ in range(random.choice((1, 3, 40, 60))):
        inner = Element(inner.tag, b"SQ", items=[[inner]])
    elements[place] = inner


def other_kind(tree: Tree, random: Random) -> None:
    """Declare another transfer syntax, another class of object, or both."""
    if random.random() < 0.6:
        declared(tree, random.choice(_SYNTAXES))
    if random.random() < 0.6:
        uid = random.choice(_CLASSES).encode()
        uid += b"\0" * (len(uid) % 2)
        for element in (*tree.meta, *tree.dataset):
            if element.tag in (0x00020002, 0x00080016) and random.random() < 0.8:
                element.value = uid


def other_matrix(tree: Tree, random: Random) -> None:
    """Declare another number of rows, columns or frames, the pixels fitting or not."""
    rows, columns, frames = (random.choice((0, 1, 2, 3, 8, 31, 64, 100, 4096, 65535)) for _ in range(3))
    told = {
        0x00280010: struct.pack("<H", rows),
        0x00280011: struct.pack("<H", columns),
        0x00280008: b"%d " % frames,
    }
    changed = random.sample(sorted(told), random.choice((1, 2, 3)))
    for element in tree.dataset:
        if element.tag in changed:
            element.value = told[element.tag]
        if element.tag == PIXEL_DATA and random.random() < 0.7:
            element.value = (element.value * 8)[: min(rows * columns * max(frames, 1) * 2, 1 << 21)]


def other_pixels(tree: Tree, random: Random) -> None:
    """Store other pixels: none, all alike, noise, one hot pixel, or fewer."""
    for element in tree.dataset:
        if element.tag == PIXEL_DATA:
            size = len(element.value)
            hot = bytearray(size)
            if size > 1:
                hot[random.randrange(size)] = 255
            choices = (
                b"",
                bytes(size),
                b"\xff" * size,
                b"\x01\0" * (size // 2),
                random.randbytes(size),
                bytes(hot),
            )
            element.value = random.choice((*choices, element.value[: size // 2], element.value + bytes(999)))


TREE_MUTATORS: tuple[TreeMutator, ...] = (
    *(hostile_value,) * 6,
    *(other_vr, wrong_length, dropped, dropped, doubled, swapped_tags, swapped_values, shuffled),
    *(more_items, nested, other_kind, other_matrix, other_pixels, other_pixels),
)
