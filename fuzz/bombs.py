"""Files made by hand: small ones that ask for much, large ones, and what is no file at all."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fuzz.elements import EXPLICIT, IMPLICIT, PIXEL_DATA, UNDEFINED, Element, Tree, declared, parse, write

MILLION = 1_000_000
_EVERY = (
    ("uniformity", "bad", "--no-record"),
    ("uniformity", "bad", "good.dcm", "--no-record", "--json"),
    ("resolution", "bad", "--no-record"),
    ("resolution", "--phantom", "bars", "bad", "--no-record"),
    ("cor", "bad", "--no-record"),
    ("identify", "bad"),
    ("pet", "bad", "--ratio", "4", "--no-record"),
    ("uniformity", "bad", "--db", "h.sqlite"),
)
_TEXT = (
    ("config", "check", "bad"),
    ("limits", "check", "bad"),
    ("acceptance", "check", "bad"),
    ("uniformity", "good.dcm", "--config", "bad", "--no-record"),
    ("pet", "good.dcm", "--fill", "bad", "--no-record"),
    ("agree", "--with", "bad", "--db", "h.sqlite"),
)


@dataclass(frozen=True)
class Bomb:
    """How it is made of a good flood; the commands to give it to, `bad` standing for its path; its pixels."""

    make: Callable[[Path, bytes], None]
    commands: tuple[tuple[str, ...], ...] = _EVERY
    pixels: int = 0

    def made(self, folder: Path, good: bytes) -> tuple[Path, int]:
        """Write it into a folder; return its path, and how many pixels it holds by its header."""
        path = folder / "bad"
        self.make(path, good)
        return path, self.pixels


def _of_tree(change: Callable[[Tree], None], syntax: str = EXPLICIT) -> Callable[[Path, bytes], None]:
    def make(path: Path, good: bytes) -> None:
        tree = declared(parse(good), syntax)
        change(tree)
        path.write_bytes(write(tree, syntax))

    return make


def element_of(tree: Tree, tag: int, vr: bytes, value: bytes) -> Element:
    """Give an element of a data set a value; it is put in its place where it is not there."""
    found = next((one for one in tree.dataset if one.tag == tag), None)
    if found is None:
        found = Element(tag, vr)
        tree.dataset.append(found)
        tree.dataset.sort(key=lambda one: one.tag)
    found.vr, found.value, found.items = vr, value, []
    return found


def _value(
    tag: int, vr: bytes, value: Callable[[], bytes], syntax: str = IMPLICIT
) -> Callable[[Path, bytes], None]:
    def change(tree: Tree) -> None:
        element_of(tree, tag, vr, value())

    return _of_tree(change, syntax)


def _many_elements(tree: Tree) -> None:
    """Four million empty elements before the pixels."""
    place = next(i for i, one in enumerate(tree.dataset) if one.tag == PIXEL_DATA)
    empty = b"".join(struct.pack("<HHL", 0x0029 + 2 * (n >> 16), n & 0xFFFF, 0) for n in range(4 * MILLION))
    tag = (struct.unpack_from("<H", empty)[0] << 16) | struct.unpack_from("<H", empty, 2)[0]
    tree.dataset.insert(place, Element(tag, b"UN", empty[8:], length=0))


def _many_items(tree: Tree) -> None:
    """Four million empty items in a sequence of known length."""
    element_of(tree, 0x00540022, b"SQ", b"\xfe\xff\x00\xe0\0\0\0\0" * (4 * MILLION))


def _many_open_items(tree: Tree) -> None:
    """Two million empty items in a sequence of unknown length."""
    value = b"\xfe\xff\x00\xe0\0\0\0\0" * (2 * MILLION) + b"\xfe\xff\xdd\xe0\0\0\0\0"
    element_of(tree, 0x00540022, b"SQ", value).length = UNDEFINED


def _deep(tree: Tree, levels: int, closed: bool) -> None:
    """Sequences in each other, of known or of unknown length."""
    inner = b""
    for _ in range(levels):
        if closed:
            item = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(inner)) + inner
            inner = struct.pack("<HHL", 0x0054, 0x0022, len(item)) + item
        else:
            inner = (
                struct.pack("<HHL", 0x0054, 0x0022, UNDEFINED)
                + b"\xfe\xff\x00\xe0"
                + b"\xff\xff\xff\xff"
                + inner
            )
    element_of(tree, 0x00540022, b"SQ", inner[8:]).length = None if closed else UNDEFINED


def _matrix(rows: int, columns: int, frames: int, kind: bytes = b"") -> Callable[[Path, bytes], None]:
    """An image of this size, its pixels all there: a sparse file of a few counts."""

    def make(path: Path, good: bytes) -> None:
        tree = parse(good)
        sizes = {0x00280010: struct.pack("<H", rows), 0x00280011: struct.pack("<H", columns)}
        for tag, value in sizes.items():
            element_of(tree, tag, b"US", value)
        element_of(tree, 0x00280008, b"IS", (b"%d" % frames).ljust(8))
        element_of(tree, 0x00280030, b"DS", (b"%.4f\\%.4f" % (540 / rows, 540 / columns)).ljust(16))
        _numbered(tree, frames)
        if kind:
            element_of(
                tree,
                0x00080008,
                b"CS",
                b"ORIGINAL\\PRIMARY\\" + kind + b"\\EMISSION" + b" " * (len(kind) % 2 == 0),
            )
        size = rows * columns * frames * 2
        pixels = next(one for one in tree.dataset if one.tag == PIXEL_DATA)
        pixels.value, pixels.length = b"", size
        path.write_bytes(write(tree))
        _fill(path, size)

    return make


def enlarged(times: int, frames: int) -> Callable[[Path, bytes], None]:
    """A good image with every pixel as a square of many: a lit field with a border, to be analysed whole."""

    def make(path: Path, good: bytes) -> None:
        import numpy as np

        tree = parse(good)
        told = {element.tag: element.value for element in tree.dataset}
        rows, columns = (struct.unpack("<H", told[tag])[0] for tag in (0x00280010, 0x00280011))
        first = np.frombuffer(told[PIXEL_DATA], "<u2", rows * columns).reshape(rows, columns)
        large = (
            np.random.default_rng(1)
            .poisson(first.repeat(times, 0).repeat(times, 1) / times + 0.5)
            .astype("<u2")
        )
        down, along = (float(text) / times for text in told[0x00280030].split(b"\\"))
        element_of(tree, 0x00280010, b"US", struct.pack("<H", rows * times))
        element_of(tree, 0x00280011, b"US", struct.pack("<H", columns * times))
        element_of(tree, 0x00280030, b"DS", (b"%.5f\\%.5f" % (down, along)).ljust(16))
        element_of(tree, 0x00280008, b"IS", b"%d " % frames)
        _numbered(tree, frames)
        element_of(tree, PIXEL_DATA, b"OW", large.tobytes() * frames)
        path.write_bytes(write(tree))

    return make


def _many_floods(path: Path, good: bytes) -> None:
    """A good flood, over and over: as many heads as are read, all of them to be analysed."""
    tree = parse(good)
    pixels = next(one for one in tree.dataset if one.tag == PIXEL_DATA)
    pixels.value *= 24
    element_of(tree, 0x00280008, b"IS", b"96")
    _numbered(tree, 96)
    path.write_bytes(write(tree))


def _numbered(tree: Tree, frames: int) -> None:
    """Give every frame a window and a detector of its own."""
    windows = 2
    ones = [n % windows + 1 for n in range(frames)]
    heads = [n // windows + 1 for n in range(frames)]
    for tag, numbers in ((0x00540010, ones), (0x00540020, heads)):
        element_of(tree, tag, b"US", b"".join(struct.pack("<H", number) for number in numbers))
    element_of(tree, 0x00540011, b"US", struct.pack("<H", min(frames, windows)))
    element_of(tree, 0x00540021, b"US", struct.pack("<H", (frames + 1) // windows))


def _fill(path: Path, size: int) -> None:
    """Write pixels to the end of a file: a repeated mebibyte of counts near 100."""
    block = bytes(100 + (n * 7919 >> 5) % 23 if n % 2 == 0 else 0 for n in range(1 << 20))
    with path.open("ab") as stream:
        for _ in range(size >> 20):
            stream.write(block)
        stream.write(block[: size & ((1 << 20) - 1)])


def _announced(tree: Tree) -> None:
    """A hundred million pixels by the header, none behind it."""
    element_of(tree, 0x00280010, b"US", struct.pack("<H", 4096))
    element_of(tree, 0x00280011, b"US", struct.pack("<H", 4096))
    element_of(tree, 0x00280008, b"IS", b"6 ")


def _rle(path: Path, good: bytes) -> None:
    """RLE: a few bytes for each frame that announces 4096 x 4096."""
    tree = declared(parse(good), "1.2.840.10008.1.2.5")
    frames = 3
    _numbered(tree, frames)
    element_of(tree, 0x00280010, b"US", struct.pack("<H", 4096))
    element_of(tree, 0x00280011, b"US", struct.pack("<H", 4096))
    element_of(tree, 0x00280008, b"IS", b"%d " % frames)
    segment = b"\x81\x00" * (4096 * 4096 // 128)
    frame = struct.pack("<16L", 2, 64, 64 + len(segment), *([0] * 13)) + segment * 2
    item = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(frame)) + frame
    value = b"\xfe\xff\x00\xe0\0\0\0\0" + item * frames + b"\xfe\xff\xdd\xe0\0\0\0\0"
    pixels = element_of(tree, PIXEL_DATA, b"OB", value)
    pixels.length = UNDEFINED
    path.write_bytes(write(tree))


def _rle_small(path: Path, good: bytes) -> None:
    """RLE: segments that go on far beyond the frame that they are of."""
    tree = declared(parse(good), "1.2.840.10008.1.2.5")
    segment = b"\x81\x00" * 8 * MILLION
    frame = struct.pack("<16L", 2, 64, 64 + len(segment), *([0] * 13)) + segment * 2
    item = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(frame)) + frame
    value = b"\xfe\xff\x00\xe0\0\0\0\0" + item * 4 + b"\xfe\xff\xdd\xe0\0\0\0\0"
    element_of(tree, PIXEL_DATA, b"OB", value).length = UNDEFINED
    path.write_bytes(write(tree))


def _deflated(path: Path, good: bytes) -> None:
    """The deflated transfer syntax: half a megabyte that becomes half a gigabyte."""
    tree = declared(parse(good), "1.2.840.10008.1.2.1.99")
    whole = write(tree)
    head = write(Tree(tree.meta, []))
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(whole[len(head) :]) + packer.compress(bytes(512 * MILLION)) + packer.flush()
    path.write_bytes(head + packed)


def _gzip(path: Path, good: bytes) -> None:
    """A gzip file that becomes two gigabytes."""
    with gzip.open(path, "wb", 1) as stream:
        stream.write(good)
        for _ in range(2048):
            stream.write(bytes(1 << 20))


def _fifo(path: Path, _good: bytes) -> None:
    os.mkfifo(path)


def _link_to(target: str) -> Callable[[Path, bytes], None]:
    def make(path: Path, _good: bytes) -> None:
        path.symlink_to(target)

    return make


def _folder_of_specials(path: Path, good: bytes) -> None:
    """A folder with a FIFO, links out of it and in circles, a folder named as a file, and one good slice."""
    path.mkdir()
    os.mkfifo(path / "a.dcm")
    (path / "b.dcm").symlink_to("/dev/zero")
    (path / "c.dcm").symlink_to(path)
    (path / "d.dcm").mkdir()
    (path / "e.dcm").write_bytes(good)
    (path / "DICOMDIR").write_bytes(good)
    (path / "f\nnew\x1b[31m.dcm").write_bytes(b"x")


def _text(content: Callable[[], str]) -> Callable[[Path, bytes], None]:
    def make(path: Path, _good: bytes) -> None:
        path.write_text(content(), encoding="utf-8")

    return make


#: SoftwareVersions may have many values; the character set is read by every parser at once
_SOFTWARE, _CHARACTERS, _SPACING, _WINDOW_VECTOR = 0x00181020, 0x00080005, 0x00280030, 0x00540010

BOMBS: dict[str, Bomb] = {
    "a text of sixty million values": Bomb(_value(_SOFTWARE, b"LO", lambda: b"\\" * (60 * MILLION))),
    "twenty million numbers": Bomb(_value(_SPACING, b"DS", lambda: b"1\\" * (20 * MILLION))),
    "sixty million character sets": Bomb(_value(_CHARACTERS, b"CS", lambda: b"\\" * (60 * MILLION))),
    "a vector of a hundred million": Bomb(_value(_WINDOW_VECTOR, b"US", lambda: b"\1\0" * (100 * MILLION))),
    "a name of two hundred million letters": Bomb(_value(0x00081090, b"LO", lambda: b"A" * (200 * MILLION))),
    "a number of a million digits": Bomb(_value(0x00280008, b"IS", lambda: b"9" * MILLION)),
    "four million elements": Bomb(_of_tree(_many_elements, IMPLICIT)),
    "four million items": Bomb(_of_tree(_many_items, IMPLICIT)),
    "two million items in an open sequence": Bomb(_of_tree(_many_open_items, IMPLICIT)),
    "a hundred thousand sequences in each other": Bomb(
        _of_tree(lambda tree: _deep(tree, 100_000, False), IMPLICIT)
    ),
    "three thousand closed sequences in each other": Bomb(
        _of_tree(lambda tree: _deep(tree, 3000, True), IMPLICIT)
    ),
    "announced pixels": Bomb(_of_tree(_announced)),
    "more pixels than are read": Bomb(_matrix(4096, 4096, 4)),
    "a large image": Bomb(_matrix(4096, 4096, 1), pixels=4096 * 4096),
    "three large images": Bomb(_matrix(4096, 4096, 3), pixels=3 * 4096 * 4096),
    "a large flood": Bomb(enlarged(64, 1), pixels=4096 * 4096),
    "three large floods": Bomb(enlarged(64, 3), pixels=3 * 4096 * 4096),
    "very many floods": Bomb(_many_floods, pixels=96 * 64 * 64),
    "very many frames": Bomb(_matrix(56, 56, 20_000), pixels=56 * 56 * 20_000),
    "very many views": Bomb(_matrix(56, 56, 20_000, b"TOMO"), pixels=56 * 56 * 20_000),
    "very many small frames": Bomb(_matrix(8, 8, 20_000), pixels=8 * 8 * 20_000),
    "large run-length encoded frames": Bomb(_rle, pixels=3 * 4096 * 4096),
    "run lengths without end": Bomb(_rle_small),
    "deflated": Bomb(_deflated),
    "gzip": Bomb(_gzip),
    "a pipe": Bomb(_fifo, (*_EVERY, *_TEXT)),
    "a device without end": Bomb(_link_to("/dev/zero"), (*_EVERY, *_TEXT)),
    "a link to itself": Bomb(_link_to("bad"), (*_EVERY, *_TEXT)),
    "a folder of specials": Bomb(
        _folder_of_specials, (("pet", "bad", "--ratio", "4", "--no-record"), ("identify", "bad"))
    ),
    "keys in each other": Bomb(_text(lambda: "a." * 5000 + "b = 1\n"), _TEXT),
    "arrays in each other": Bomb(_text(lambda: "x = " + "[" * 5000 + "]" * 5000), _TEXT),
    "an array of a million lines": Bomb(_text(lambda: "x = [\n" + "1,\n" * MILLION + "]\n"), _TEXT),
    "a text of a million lines": Bomb(_text(lambda: 'x = """\n' + "a\n" * MILLION + '"""\n'), _TEXT),
    "a million tables": Bomb(_text(lambda: "[[limit]]\n" * MILLION), _TEXT),
    "a million unknown keys": Bomb(_text(lambda: "".join(f"k{n} = 1\n" for n in range(MILLION))), _TEXT),
}
