"""Header values and vectors that no camera writes, in every tag that the readers use: numbers, or a refusal."""

from __future__ import annotations

import ast
import struct
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, tag_for_keyword

import nmqc.dicom
from fuzz.corpus import Corpus
from fuzz.elements import BIG_ENDIAN, EXPLICIT, IMPLICIT, Element, Tree, declared, parse, write
from fuzz.inside import Finding, read

#: enough to find a reader that trusts a number; `pytest -m slow` looks a hundred times longer
QUICK, LONG = 60, 12_000
NUMERIC = {"US": "<H", "SS": "<h", "UL": "<L", "SL": "<l", "FL": "<f", "FD": "<d"}
PRIVATE = (
    *(
        (0x00110010, b"LO", b"GEMS_GENIE_1"),
        (0x0011103B, b"FD", struct.pack("<d", 0.5)),
        (0x0011103C, b"SL", bytes(4)),
    ),
    *((0x00330010, b"LO", b"SIEMENS MED NM"), (0x00331038, b"FD", struct.pack("<d", 2.0))),
    *(
        (0x70530010, b"LO", b"Philips PET Private Group "),
        (0x70531000, b"DS", b"0.5 "),
        (0x70531009, b"DS", b"1.5 "),
    ),
)


@cache
def keywords() -> tuple[tuple[int, str], ...]:
    """Tag and VR of every keyword that stands as a text in the readers' code."""
    folder = Path(nmqc.dicom.__file__).parent
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.py"))]
    texts = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    tags = {tag for text in texts if isinstance(text, str) and (tag := tag_for_keyword(text)) is not None}
    return tuple((tag, dictionary_VR(tag)) for tag in sorted(tags) if tag >> 16 != 0x7FE0)


@pytest.fixture(scope="module")
def files(corpus: Corpus) -> tuple[bytes, ...]:
    """Small good files of every kind, as bytes."""
    return tuple(content for content in corpus.contents() if len(content) < 100_000)


def number_texts() -> st.SearchStrategy[bytes]:
    """Decimal text: numbers of any size, what is no number, several of them, none."""
    odd = (
        "nan",
        "inf",
        "-Infinity",
        "1e999",
        "-0",
        "",
        " ",
        "1,5",
        "0x10",
        "1_0",
        "٣",
        "9" * 400,
        "A",
        "1 2",
        "--1",
    )
    floats = st.floats(width=32).map(lambda value: f"{value:g}")
    one = floats | st.integers(-3, 70_000).map(str) | st.sampled_from(odd)
    return st.lists(one, max_size=9).map(lambda values: "\\".join(values).encode())


def values_of(vr: str) -> st.SearchStrategy[bytes]:
    """Values of an element: of its own kind, of another, of a wrong length."""
    anything = number_texts() | st.binary(max_size=40) | st.text(max_size=20).map(lambda text: text.encode())
    if vr in NUMERIC:
        size = struct.calcsize(NUMERIC[vr])
        few = st.sampled_from((0, 1, 2, 3, 8, 255, 4096, 65535)).map(
            lambda n: (n % 256**size).to_bytes(size, "little")
        )
        return anything | st.lists(few, max_size=12).map(b"".join) | st.binary(min_size=size, max_size=size)
    return anything


@st.composite
def changes(draw: st.DrawFn) -> list[tuple[int, bytes, bytes | None]]:
    """Some elements, each with a VR and a value; None: it is taken away."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        tag, vr = draw(st.sampled_from(keywords()))
        vr = vr.split()[0]
        other = draw(st.sampled_from((vr, vr, vr, vr, "UN", "LO", "US", "DS", "SQ")))
        value = draw(st.none() | values_of(vr) | values_of(vr) | values_of(vr))
        found.append((tag, other.encode(), value))
    return found


def changed(tree: Tree, wanted: list[tuple[int, bytes, bytes | None]]) -> None:
    """Change every element with a tag, wherever it lies; where there is none, put it into the data set."""
    for tag, vr, value in wanted:
        places = [(elements, place) for elements, place in tree.every() if elements[place].tag == tag]
        for elements, place in reversed(places):
            if value is None:
                del elements[place]
            else:
                elements[place] = Element(tag, vr, value + b" " * (len(value) % 2))
        if not places and value is not None:
            tree.dataset.append(Element(tag, vr, value + b" " * (len(value) % 2)))
            tree.dataset.sort(key=lambda element: element.tag)


def hold(
    files: tuple[bytes, ...], which: int, wanted: list[tuple[int, bytes, bytes | None]], syntax: str
) -> None:
    tree = declared(parse(files[which % len(files)]), syntax)
    changed(tree, wanted)
    read(write(tree, syntax))


given_changes = given(
    st.integers(0, 5), changes(), st.sampled_from((EXPLICIT, EXPLICIT, IMPLICIT, BIG_ENDIAN))
)
relaxed = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "derandomize": True}


@settings(max_examples=QUICK, **relaxed)
@given_changes
def test_hostile_values(
    files: tuple[bytes, ...], which: int, wanted: list[tuple[int, bytes, bytes | None]], syntax: str
) -> None:
    hold(files, which, wanted, syntax)


@pytest.mark.slow
@settings(max_examples=LONG, **{**relaxed, "derandomize": False})
@given_changes
def test_hostile_values_for_long(
    files: tuple[bytes, ...], which: int, wanted: list[tuple[int, bytes, bytes | None]], syntax: str
) -> None:
    hold(files, which, wanted, syntax)


@settings(max_examples=QUICK // 2, **relaxed)
@given(
    st.integers(0, 5),
    st.sampled_from(PRIVATE),
    st.sampled_from(PRIVATE),
    number_texts() | st.binary(max_size=64),
)
def test_hostile_private_values(
    files: tuple[bytes, ...],
    which: int,
    one: tuple[int, bytes, bytes],
    other: tuple[int, bytes, bytes],
    value: bytes,
) -> None:
    """The private elements that scales and units are read from, one of them as no maker writes it."""
    block = [item for item in PRIVATE if item[0] != one[0]]
    hold(files, which, [*block, (one[0], other[1], value)], EXPLICIT)


def test_every_tag_alone(files: tuple[bytes, ...]) -> None:
    """Each tag that the readers use, once missing, once empty, once no number, in one image of each reader."""
    for content in (files[0], files[-1]):
        for tag, vr in keywords():
            for value in (None, b"", b"x ", b"\\" * 300):
                tree = parse(content)
                changed(tree, [(tag, vr.split()[0].encode(), value)])
                read(write(tree))


def test_the_tags_are_found() -> None:
    """So that no reader is left out unnoticed: vectors, times, doses, scales, geometry are all there."""
    tags = {tag for tag, _ in keywords()}
    for keyword in ("DetectorVector", "AngularStep", "RescaleSlope", "PixelSpacing", "RadionuclideTotalDose"):
        assert tag_for_keyword(keyword) in tags


def test_a_failure_of_ours_is_a_finding(monkeypatch: pytest.MonkeyPatch, files: tuple[bytes, ...]) -> None:
    """Wrong code: a reader that unpacks what it did not count."""

    def unpack(_header: object) -> None:
        (_only,) = (1, 2)

    monkeypatch.setattr("nmqc.dicom.nm.image_kind", unpack)
    unpack.__code__ = unpack.__code__.replace(co_filename="/x/nmqc/dicom/nm.py")
    with pytest.raises(Finding, match="too many values"):
        read(files[0])
