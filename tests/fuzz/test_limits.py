"""Every limit of `nmqc.bounds`: what keeps to it is read, one more is refused in a line before it costs anything."""

from __future__ import annotations

import os
import struct
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from fuzz.elements import PIXEL_DATA, UNDEFINED, Element, Tree, parse, write
from nmqc import bounds
from nmqc.dicom import ReadOptions, card, pet, read_pet
from nmqc.dicom.codestream import require_within
from nmqc.dicom.pet_slices import Allowance
from nmqc.dicom.safe import open_dicom, read_content, read_meta
from nmqc.errors import BadConfiguration, UnusableInput
from nmqc.toml_reader import BadFile, Document, shown
from tests.cli.running import call, child, finished
from tests.dicom.build import acquisition, detector, distinct, item, nm, refusal, save, window
from tests.dicom.pet_build import pet_slice, series

JPEG, J2K = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90"
EMPTY_ITEM = b"\xfe\xff\x00\xe0\0\0\0\0"
posix = pytest.mark.skipif(os.name != "posix", reason="pipes are of POSIX")


def implicit(path: Path, change: Callable[[Tree], None]) -> Path:
    """A small image in implicit VR, where every length has 32 bits, with elements that were changed."""
    save(path, nm())
    tree = parse(path.read_bytes())
    for element in tree.meta:
        if element.tag == 0x00020010:
            element.value = b"1.2.840.10008.1.2\0"
    change(tree)
    tree.dataset.sort(key=lambda element: element.tag)
    path.write_bytes(write(tree, "1.2.840.10008.1.2"))
    return path


def put(tag: int, value: bytes, length: int | None = None) -> Callable[[Tree], None]:
    """Replace an element, or add it."""

    def change(tree: Tree) -> None:
        tree.dataset[:] = [one for one in tree.dataset if one.tag != tag]
        tree.dataset.append(Element(tag, b"UN", value, length=length))

    return change


def peak_bytes(what: Callable[[], object]) -> int:
    """The most memory that was in use at once meanwhile."""
    tracemalloc.start()
    try:
        what()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# --- headers --------------------------------------------------------------------------------------------


def test_a_value_of_many_values_is_never_taken_apart(tmp_path: Path) -> None:
    """A text of four million empty values: pydicom would make an object of each, 250 MB of this file of 4 MB."""
    many = implicit(tmp_path / "flood.dcm", put(0x00181020, b"\\" * 4_000_000))
    read = []
    assert peak_bytes(lambda: read.append(acquisition(many))) < 40e6
    assert read[0].source.software == ""


@pytest.mark.parametrize(
    ("length", "refused"), [(bounds.VALUE_BYTES - 1, False), (bounds.VALUE_BYTES + 1, True)]
)
def test_the_length_of_a_value(tmp_path: Path, length: int, refused: bool) -> None:
    """A number with blanks around it, up to what explicit VR can hold."""
    path = implicit(tmp_path / "flood.dcm", put(0x00280008, b"1".ljust(length)))
    if refused:
        assert refusal(path).code == "bad_header_value"
    else:
        assert acquisition(path).frames[0].counts.sum() == distinct(1).sum()


@pytest.mark.parametrize("tag", [0x00540022, 0x00540012])
def test_a_sequence_that_is_too_long_is_not_one_that_is_missing(tmp_path: Path, tag: int) -> None:
    """Its items would change numbers: without it the file must not be read."""
    long = implicit(tmp_path / "flood.dcm", put(tag, EMPTY_ITEM * (bounds.SEQUENCE_BYTES // 8 + 1)))
    refused = refusal(long)
    assert (refused.code, "longer than any" in refused.reason) == ("bad_header_value", True)


def test_long_values_that_no_reader_looks_at_do_no_harm(tmp_path: Path) -> None:
    """Makers keep megabytes in private elements and in overlays."""
    change = put(0x00291010, b"\xab" * 300_000)
    path = implicit(
        tmp_path / "flood.dcm", lambda tree: [put(0x60003000, bytes(200_000))(tree), change(tree)]
    )
    assert acquisition(path).frames[0].counts.sum() == distinct(1).sum()


def test_the_name_of_a_private_block(tmp_path: Path) -> None:
    """Names of blocks are compared one by one: one of megabytes is none, and another's scale is still found."""
    scaled = nm()
    scaled.private_block(0x0011, "GEMS_GENIE_1", create=True).add_new(0x3B, "FD", 0.5)
    tree = parse(save(tmp_path / "scaled.dcm", scaled).read_bytes())
    place = next(i for i, one in enumerate(tree.dataset) if one.tag == 0x00110010)
    tree.dataset.insert(place, Element(0x0011000F + 2, b"UT", b"\\" * 3_000_000))
    tree.dataset.sort(key=lambda element: element.tag)
    (tmp_path / "flood.dcm").write_bytes(write(tree))
    found = []
    assert peak_bytes(lambda: found.append(acquisition(tmp_path / "flood.dcm"))) < 30e6
    assert found[0].frames[0].counts.sum() == distinct(1).sum() / 2


def test_character_sets_are_taken_apart_while_the_header_is_read(tmp_path: Path) -> None:
    path = implicit(tmp_path / "flood.dcm", put(0x00080005, b"\\" * (bounds.CHARACTER_SET_BYTES + 1)))
    assert "SpecificCharacterSet" in refusal(path).reason
    inside = nm()
    inside.DetectorInformationSequence = [detector(SpecificCharacterSet="ISO_IR 100\\" * 200)]
    inside["DetectorInformationSequence"].is_undefined_length = True
    path = save(tmp_path / "nested.dcm", inside, ImplicitVRLittleEndian)
    assert "SpecificCharacterSet" in refusal(path).reason


@pytest.mark.parametrize(
    ("items", "code"), [(200, "vector_mismatch"), (bounds.HEADER_ELEMENTS + 1, "too_large")]
)
def test_items_of_open_sequences_are_counted(tmp_path: Path, items: int, code: str) -> None:
    """Below the limit it is another refusal, or none: the count alone must not refuse."""
    value = EMPTY_ITEM * items + b"\xfe\xff\xdd\xe0\0\0\0\0"
    path = implicit(tmp_path / "flood.dcm", put(0x00081111, value, UNDEFINED))
    if code == "too_large":
        assert refusal(path).code == code
    else:
        assert acquisition(path)


def test_elements_are_counted(tmp_path: Path) -> None:
    """Empty ones, 8 bytes each: the smallest way to make a parser work."""
    empty = b"".join(
        struct.pack("<HHL", 0x0029 + 2 * (n >> 15), 0x1000 + (n & 0x7FFF), 0)
        for n in range(bounds.HEADER_ELEMENTS)
    )
    tag = struct.unpack_from("<HH", empty)
    path = implicit(tmp_path / "flood.dcm", put(tag[0] << 16 | tag[1], empty[8:], length=0))
    assert "elements in its header" in refusal(path).reason


@pytest.mark.parametrize(("levels", "read"), [(bounds.NESTING - 2, True), (bounds.NESTING + 2, False)])
def test_sequences_in_each_other(tmp_path: Path, levels: int, read: bool) -> None:
    inner = Dataset()
    for _ in range(levels):
        inner = item(ReferencedImageSequence=[inner])
        inner["ReferencedImageSequence"].is_undefined_length = True
        inner.is_undefined_length_sequence_item = True
    ds = nm()
    ds.ReferencedImageSequence = [inner]
    ds["ReferencedImageSequence"].is_undefined_length = True
    path = save(tmp_path / "flood.dcm", ds)
    if read:
        assert acquisition(path)
    else:
        assert "too deeply" in refusal(path).reason


def test_a_long_element_of_the_meta_group() -> None:
    value = b"\\" * (bounds.VALUE_BYTES + 1)
    element = b"\x02\x00\x10\x00UT\0\0" + struct.pack("<L", len(value)) + value
    with pytest.raises(UnusableInput, match="malformed file meta group"):
        read_meta(bytes(128) + b"DICM" + element)


def test_a_card_keeps_to_the_same_limits(tmp_path: Path) -> None:
    """Batch and acceptance sort files by their headers alone."""
    many = implicit(tmp_path / "flood.dcm", put(0x00080005, b"\\" * 5_000))
    with pytest.raises(UnusableInput, match="SpecificCharacterSet"):
        card(many, ReadOptions())
    long = implicit(tmp_path / "long.dcm", put(0x00091010, b"\\" * 3_000_000))
    assert peak_bytes(lambda: card(long, ReadOptions())) < 30e6


# --- sizes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "columns", "frames", "code"),
    [(4000, 4000, 4, "truncated"), (4000, 4000, 5, "too_large"), (4001, 4000, 4, "too_large")],
)
def test_more_pixels_than_are_read_are_refused_from_the_header(
    tmp_path: Path, rows: int, columns: int, frames: int, code: str
) -> None:
    """64 million are read: none of the pixels is there, so that the others are refused for what is missing."""
    ds = nm()
    ds.Rows, ds.Columns, ds.NumberOfFrames = rows, columns, frames
    assert refusal(save(tmp_path / "flood.dcm", ds)).code == code


def test_more_pixels_than_are_read_without_a_number_of_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "PIXELS", 3 * 48 - 1)  # the frames have 6 x 8 pixels
    ds = nm(distinct(3), windows=[], EnergyWindowVector=[1, 1, 1])
    del ds.NumberOfFrames
    assert refusal(save(tmp_path / "flood.dcm", ds)).code == "too_large"


@pytest.mark.parametrize(("columns", "read"), [(80, True), (81, False)])
def test_an_image_is_no_longer_than_a_room(tmp_path: Path, columns: int, read: bool) -> None:
    """4 m are read; a search in millimetres over more would be work without end."""
    wide = nm(distinct(1, 6, columns))
    wide.PixelSpacing = [50, 50]
    path = save(tmp_path / "flood.dcm", wide)
    if read:
        assert acquisition(path).frames[0].spacing_mm == (50, 50)
    else:
        assert " m long by its PixelSpacing" in refusal(path).reason


@pytest.mark.parametrize(
    ("rows", "columns", "spacing", "read"),
    [
        (60, 100, [48, 36], True),  # 2.9 m x 3.6 m; 4.8 m the other way round
        (100, 60, [36, 48], True),
        (60, 100, [36, 41], False),  # 4.1 m along; 3.6 m the other way round
        (100, 60, [41, 36], False),
    ],
)
def test_each_side_is_measured_with_its_own_distance(
    tmp_path: Path, rows: int, columns: int, spacing: list[int], read: bool
) -> None:
    image = nm(distinct(1, rows, columns))
    image.PixelSpacing = spacing
    path = save(tmp_path / "flood.dcm", image)
    if read:
        assert acquisition(path).frames[0].spacing_mm == tuple(spacing)
    else:
        assert " 4.1 m long" in refusal(path).reason


@pytest.mark.parametrize(("images", "read"), [(bounds.IMAGES, True), (bounds.IMAGES + 1, False)])
def test_images_that_are_no_views_of_one_acquisition(tmp_path: Path, images: int, read: bool) -> None:
    """Each would be analysed and recorded by itself. The frames of a tomographic acquisition are views: they may be
    more."""
    numbers = list(range(1, images + 1))
    floods = nm(distinct(images), DetectorVector=numbers)
    path = save(tmp_path / "flood.dcm", floods)
    if read:
        assert len(acquisition(path).frames) == images
    else:
        assert refusal(path).code == "too_large"
    turns = nm(distinct(images), kind="TOMO", RotationVector=[1] * images, AngularViewVector=numbers)
    assert len(acquisition(save(tmp_path / "tomo.dcm", turns)).frames) == images


@pytest.mark.parametrize(("windows", "read"), [(bounds.IMAGES // 2, True), (bounds.IMAGES // 2 + 1, False)])
def test_heads_and_energy_windows_of_a_turning_camera(tmp_path: Path, windows: int, read: bool) -> None:
    """Each pair of them is an image: two heads in every window."""
    numbers = [number for number in range(1, windows + 1) for _ in range(2)]
    turns = nm(
        distinct(2 * windows),
        kind="TOMO",
        windows=[window(f"{number}", 100 + number, 120 + number) for number in range(windows)],
        EnergyWindowVector=numbers,
        DetectorVector=[1, 2] * windows,
        RotationVector=[1] * len(numbers),
        AngularViewVector=[1] * len(numbers),
    )
    path = save(tmp_path / "tomo.dcm", turns)
    if read:
        assert len(acquisition(path).frames) == bounds.IMAGES
    else:
        assert refusal(path).code == "too_large"


def test_static_frames_that_only_a_view_tells_apart_are_images_too(tmp_path: Path) -> None:
    numbers = list(range(1, bounds.IMAGES + 2))
    floods = nm(distinct(len(numbers)), AngularViewVector=numbers)
    assert refusal(save(tmp_path / "flood.dcm", floods)).code == "too_large"


def test_a_series_of_more_pixels_than_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = series(tmp_path / "series")
    pixels = sum(volume.values.size for volume in read_pet([folder], ReadOptions()).volumes)
    monkeypatch.setattr(bounds, "PIXELS", pixels - 1)
    (refused,) = read_pet([folder], ReadOptions()).refused
    assert refused.code == "too_large"


def test_the_files_of_a_call_have_one_allowance() -> None:
    allowance = Allowance(100)
    allowance.take(0, 60)
    with pytest.raises(UnusableInput, match="in one call"):
        allowance.take(1, 41)
    allowance.pass_by(1)
    allowance.pass_by(2)
    allowance.take(3, 40)
    assert allowance.pixels == 0


def test_the_first_files_have_the_allowance_whichever_thread_is_the_first() -> None:
    allowance = Allowance(100)
    with ThreadPoolExecutor(3) as pool:
        later = [pool.submit(allowance.take, 2, 50), pool.submit(allowance.take, 1, 60)]
        time.sleep(0.05)  # they are waiting now, or will find that they must
        assert not any(one.done() for one in later)
        allowance.take(0, 50)
    assert [one.exception() is None for one in later] == [True, False]
    assert allowance.pixels == 0


@pytest.mark.parametrize("room", [5, 3, 0])
def test_a_series_that_is_cut_by_the_allowance_is_refused_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """Half of a phantom would be measured as if it were all of it; another series that has room is read."""
    first, second = series(tmp_path / "first", 6), tmp_path / "second"
    second.mkdir()
    for k in range(room):
        other = pet_slice(k)
        other.SeriesInstanceUID, other.SOPInstanceUID = "2.25.999", f"2.25.{900 + k}"
        save(second / f"{k}.dcm", other)
    one = 8 * 10  # pixels of a slice
    monkeypatch.setattr(pet, "Allowance", lambda: Allowance((room + 5) * one))
    found = read_pet([*([second] if room else []), first], ReadOptions())
    assert [len(volume.values) for volume in found.volumes] == ([room] if room else [])
    (refused,) = found.refused
    assert (refused.code, "for 5 more of these files" in refused.reason) == ("too_large", True)


# --- compressed pixels ----------------------------------------------------------------------------------


def rle(segments: list[bytes]) -> bytes:
    """A frame of run lengths."""
    starts = np.cumsum([64, *(len(segment) for segment in segments)])[:-1]
    head = struct.pack(
        "<16L", len(segments), *(int(start) for start in starts), *([0] * (15 - len(segments)))
    )
    return head + b"".join(segments)


def test_run_lengths_that_go_on_beyond_the_frame(tmp_path: Path) -> None:
    """A quarter of a megabyte that becomes 16 MB, of a frame of 48 pixels; the same for a file of any size."""
    ds = nm()
    ds.file_meta.TransferSyntaxUID = RLELossless
    endless = rle([b"\x81\x00" * 1000, b"\x81\x07" * 1000])
    ds.PixelData = encapsulate([endless])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    refused = refusal(save(tmp_path / "flood.dcm", ds))
    assert (refused.code, "another size" in refused.reason) == ("bad_header_value", True)


@pytest.mark.parametrize("first", [True, False])
def test_run_lengths_of_which_one_segment_alone_goes_on(first: bool) -> None:
    """The bytes of a pixel are a segment each: either of them may be the endless one."""
    good, endless = b"\x2f" + bytes(range(48)), b"\x81\x07" * 1000
    require_within(RLELossless, encapsulate([rle([good, good])]), 1, 6, 8)
    bad = rle([endless, good] if first else [good, endless])
    with pytest.raises(UnusableInput, match="another size"):
        require_within(RLELossless, encapsulate([bad]), 1, 6, 8)


def test_more_compressed_bytes_than_pixels(tmp_path: Path) -> None:
    """Runs of one byte each take twice the room and the longest to decode: no encoder writes them."""
    ds = nm(distinct(1, 100, 100))
    ds.file_meta.TransferSyntaxUID = RLELossless
    ds.PixelData = encapsulate([rle([b"\x00\x05" * 10_000] * 2)])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    assert "more compressed pixels" in refusal(save(tmp_path / "flood.dcm", ds)).reason


def jpeg(rows: int, columns: int, before: bytes = b"\xff\xe0\x00\x04ab") -> bytes:
    return (
        b"\xff\xd8"
        + before
        + b"\xff\xc3\x00\x0b\x10"
        + struct.pack(">HH", rows, columns)
        + b"\x01\x01\x11\x00" * 3
    )


def j2k(rows: int, columns: int) -> bytes:
    return (
        b"\xff\x4f\xff\x51" + struct.pack(">HH8L", 41, 0, columns + 3, rows + 2, 3, 2, 9, 9, 0, 0) + bytes(20)
    )


@pytest.mark.parametrize("frame", [jpeg, j2k])
def test_a_frame_says_how_large_it_becomes(frame: Callable[[int, int], bytes]) -> None:
    """Rows and columns, the right way round; 65535 x 65535 would be 8 GB of a file of a hundred bytes."""
    syntax = JPEG if frame is jpeg else J2K
    require_within(syntax, encapsulate([frame(6, 8)] * 2), 2, 6, 8)
    for rows, columns in ((8, 6), (65535, 65535), (0, 8)):
        with pytest.raises(UnusableInput, match="another size"):
            require_within(syntax, encapsulate([frame(6, 8), frame(rows, columns)]), 2, 6, 8)


@pytest.mark.parametrize(
    "frame", [b"\0", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8" + b"\xff\xe0\x00\x00" * 4, b"x" * 99]
)
def test_a_frame_that_does_not_say_its_size(frame: bytes) -> None:
    with pytest.raises(UnusableInput, match="another size"):
        require_within(JPEG, encapsulate([frame + b"\0" * (len(frame) % 2)]), 1, 6, 8)


def test_markers_without_a_segment_and_filling_bytes() -> None:
    """ISO/IEC 10918-1, B.1.1.2 and B.1.1.3."""
    require_within(JPEG, encapsulate([jpeg(6, 8, b"\xff\x01\xff\xff\xff\xc4\x00\x05abc")]), 1, 6, 8)


# --- files of text --------------------------------------------------------------------------------------


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a." * 5000 + "b = 1", "in each other"),
        ("x = " + "[" * 30 + "]" * 30, "in each other"),
        ("x = " + "[" * 5000 + "]" * 5000, "not TOML"),
        ("x = " + "{ a = " * 30 + "1" + " }" * 30, "in each other"),
    ],
)
def test_tables_in_each_other(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(BadFile, match=words):
        Document.open(text(tmp_path / "bad.toml", content))


def test_tables_in_each_other_as_people_write_them(tmp_path: Path) -> None:
    assert (
        Document.open(text(tmp_path / "good.toml", "[a.b.c.d]\nx = [[1, [2]]]\n")).line(
            ("a", "b", "c", "d", "x")
        )
        == 2
    )


def test_the_size_of_a_text_file(tmp_path: Path) -> None:
    good = "x = 1 # "
    Document.open(text(tmp_path / "good.toml", good.ljust(bounds.TOML_BYTES, "-")))
    with pytest.raises(BadConfiguration, match="larger than 256 kB"):
        Document.open(text(tmp_path / "bad.toml", good.ljust(bounds.TOML_BYTES + 1, "-")))


def test_an_array_of_many_lines_is_read_line_by_line_only_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every line of it would be parsed with all before it; a mistake is then told without its own line."""
    import tomllib

    parsed = []
    real = tomllib.loads
    monkeypatch.setattr(tomllib, "loads", lambda text: (parsed.append(len(text)), real(text))[1])
    document = Document.open(text(tmp_path / "long.toml", "x = [\n" + "1,\n" * 20_000 + "]\ny = 2\n"))
    assert sum(parsed) < 1.5e6
    assert document.root.value("y", int, "", True) == 2
    assert document.line(("y",)) == 1


def test_of_very_many_mistakes_the_first_are_told(tmp_path: Path) -> None:
    path = text(tmp_path / "bad.toml", "".join(f"k{n} = 1\n" for n in range(2000)))
    document = Document.open(path)
    with pytest.raises(BadFile) as bad:
        document.finish()
    assert len(bad.value.mistakes) == bounds.TOML_MISTAKES + 1
    assert "more mistakes" in str(bad.value.mistakes[-1])


def test_a_long_key_is_shortened() -> None:
    assert shown("k" * 5000) == '"' + "k" * 80 + '..."'
    assert shown("k" * 80) == '"' + "k" * 80 + '"'


def test_the_size_of_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "TABLE_BYTES", 10)
    run = call(
        "agree", "--with", text(tmp_path / "table.csv", "date,system\n"), "--db", tmp_path / "h.sqlite"
    )
    assert (run.status, "more" in run.said[0] or "larger" in run.said[0]) == (3, True)


@posix
@pytest.mark.parametrize(
    "arguments",
    [
        ("config", "check", "pipe"),
        ("limits", "check", "pipe"),
        ("acceptance", "check", "pipe"),
        ("agree", "--with", "pipe", "--db", "h.sqlite"),
        ("identify", "pipe"),
        ("pet", "pipe"),
    ],
)
def test_no_command_waits_for_a_pipe(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    os.mkfifo(tmp_path / "pipe")
    run = finished(child(*arguments, cwd=tmp_path, timeout=60))
    assert run.status in (2, 3)
    assert "regular file" in run.err + run.text


@posix
def test_a_device_without_end(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").symlink_to("/dev/zero")
    run = call("config", "check", tmp_path / "bad.toml")
    assert run.status in (2, 3)
    with pytest.raises(UnusableInput, match="not a regular file"):
        read_content(tmp_path / "bad.toml")


def test_what_keeps_to_every_limit_is_read(tmp_path: Path) -> None:
    """So that no limit refuses everything."""
    path = save(tmp_path / "flood.dcm", nm(), ExplicitVRLittleEndian)
    assert PIXEL_DATA in open_dicom(read_content(path)).dataset
