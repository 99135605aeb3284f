"""Files that are hostile, damaged, or not what they seem: each is refused by its own code, in one line."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, FileDataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
)

import nmqc.dicom
from nmqc import bounds
from nmqc.dicom import ReadOptions, identify
from nmqc.dicom import safe as safe_module
from nmqc.errors import UnusableInput
from tests.dicom.build import NM, TC, acquisition, distinct, nm, patch, read, refusal, save


def encapsulated(pixels: np.ndarray, syntax: str = RLELossless) -> FileDataset:
    ds = nm(pixels)
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.compress(RLELossless)
    ds.file_meta.TransferSyntaxUID = syntax
    return ds


# --- what is no DICOM file ------------------------------------------------------------------------------


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path / "flood.dcm").code == "missing"
    refused = refusal(tmp_path)
    assert (refused.code, refused.reason) == (
        "folder",
        "is a folder; use nmqc batch, or nmqc pet for the folder of a PET series",
    )


@pytest.mark.parametrize("content", [b"", b"hello\n" * 100, b"\0" * 200, b"DICM" * 10])
def test_what_is_not_dicom(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert refusal(path).code == "not_dicom"


def test_no_preamble(tmp_path: Path) -> None:
    path = save(tmp_path / "flood.dcm", nm())
    path.write_bytes(path.read_bytes()[132:])
    assert refusal(path).code == "not_dicom"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.dcm"
    os.mkfifo(path)
    assert refusal(path).code == "unreadable"


def test_a_refusal_knows_the_bytes_it_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"hello")
    assert refusal(path).sha256 == hashlib.sha256(b"hello").hexdigest()
    (found,) = identify([path], ReadOptions())
    assert found.refused == refusal(path)
    assert refusal(tmp_path / "none.dcm").sha256 == ""


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = save(tmp_path / "flood.dcm", nm())
    monkeypatch.setattr(Path, "open", deny)
    refused = refusal(path)
    assert (refused.code, refused.reason) == (
        "unreadable",
        "cannot be opened: permission denied; check the file",
    )


def test_a_malformed_meta_group(tmp_path: Path) -> None:
    path = patch(save(tmp_path / "flood.dcm", nm()), b"\x02\x00\x10\x00UI", b"\x02\x00\x10\x00\x13\x00")
    assert refusal(path).code == "unreadable"


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00\x10\x00UI\xff\xff")
    good = save(tmp_path / "good.dcm", nm())
    outcome = read(tmp_path / "missing.dcm", good, bad)
    assert [a.source.inputs[0].file for a in outcome.acquisitions] == ["good.dcm"]
    assert [(r.file, r.code) for r in outcome.refused] == [
        ("missing.dcm", "missing"),
        ("bad.dcm", "truncated"),
    ]


def test_a_program_error_in_a_library_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "flood.dcm", nm())
    for error, code in ((KeyError("DOE^JANE"), "unreadable"), (MemoryError(), "too_large")):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("pydicom.dcmread", fail)
        refused = refusal(path)
        assert refused.code == code
        assert "DOE" not in refused.reason


# --- sizes ----------------------------------------------------------------------------------------------


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.dcm"
    with path.open("wb") as stream:
        stream.truncate(bounds.IMAGE_BYTES + 1)  # sparse: takes no space
    assert refusal(path).code == "too_large"


def test_gzip_is_read_within_bounds(tmp_path: Path) -> None:
    plain = save(tmp_path / "flood.dcm", nm())
    zipped = tmp_path / "flood.dcm.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    one, other = acquisition(plain), acquisition(zipped)
    assert np.array_equal(one.frames[0].counts, other.frames[0].counts)
    assert one.source.inputs[0].pixels == other.source.inputs[0].pixels
    assert one.source.inputs[0].sha256 != other.source.inputs[0].sha256


def test_a_gzip_bomb_and_a_gzip_cut_short(tmp_path: Path) -> None:
    bomb = safe_module.Content(gzip.compress(b"\0" * 1_000_001), "")
    with pytest.raises(UnusableInput, match="once unzipped") as caught:
        safe_module.open_dicom(bomb, limit=1_000_000)
    assert caught.value.code == "too_large"
    cut = tmp_path / "cut.dcm.gz"
    cut.write_bytes(gzip.compress(save(tmp_path / "flood.dcm", nm()).read_bytes())[:-40])
    assert refusal(cut).code == "truncated"


@pytest.mark.parametrize(
    ("keyword", "value"), [("Rows", 5000), ("Columns", 65535), ("NumberOfFrames", 20_001)]
)
def test_huge_announced_sizes(tmp_path: Path, keyword: str, value: int) -> None:
    ds = nm()
    setattr(ds, keyword, value)
    assert refusal(save(tmp_path / "flood.dcm", ds)).code == "too_large"


def test_huge_product_of_sizes_each_within_bounds(tmp_path: Path) -> None:
    ds = nm()
    ds.Rows = ds.Columns = 4096
    ds.NumberOfFrames = 100  # 3.4 GB
    assert refusal(save(tmp_path / "flood.dcm", ds)).code == "too_large"


def test_a_pixel_length_of_four_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    pixels = distinct(1)
    path = save(tmp_path / "flood.dcm", nm(pixels))
    head = b"\xe0\x7f\x10\x00OW\0\0"
    patch(path, head + struct.pack("<L", pixels.nbytes), head + struct.pack("<L", 0xFFFFFFF0))
    assert acquisition(path).frames[0].counts.sum() == pixels.sum()
    path.write_bytes(path.read_bytes()[:-2])
    assert refusal(path).code == "truncated"


@pytest.mark.parametrize("rows", [0, None])
def test_no_rows(tmp_path: Path, rows: int | None) -> None:
    ds = nm()
    ds.Rows = rows
    assert refusal(save(tmp_path / "flood.dcm", ds)).code == "bad_header_value"


# --- cut short ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_every_cut_is_refused(tmp_path: Path, syntax: str) -> None:
    """No prefix of a file gives a result, and all but clean breaks between two elements are named a cut."""
    whole = save(tmp_path / "flood.dcm", nm(), syntax).read_bytes()
    path = tmp_path / "cut.dcm"
    codes = []
    for length in range(132, len(whole)):
        path.write_bytes(whole[:length])
        codes.append(refusal(path).code)
    assert set(codes) <= {"truncated", "no_pixels", "not_an_nm_image", "bad_header_value"}
    assert codes.count("truncated") / len(codes) > 0.9
    assert codes[-96:] == ["truncated"] * 96  # the pixels themselves: 48 of two bytes


def test_undefined_length_sequences_cut_short(tmp_path: Path) -> None:
    ds = nm()
    ds["DetectorInformationSequence"].is_undefined_length = True
    ds["DetectorInformationSequence"].value[0].is_undefined_length_sequence_item = True
    whole = save(tmp_path / "flood.dcm", ds).read_bytes()
    start = whole.index(b"\x54\x00\x22\x00SQ") + 12
    path = tmp_path / "cut.dcm"
    for length in range(start + 1, start + 20):
        path.write_bytes(whole[:length])
        assert refusal(path).code == "truncated"


def test_missing_pixels_give_the_numbers(tmp_path: Path) -> None:
    ds = nm(distinct(2), EnergyWindowVector=[1, 1], DetectorVector=[1, 2])
    ds.PixelData = ds.PixelData[:-10]
    refused = refusal(save(tmp_path / "flood.dcm", ds))
    assert refused.code == "truncated"
    assert "192 bytes" in refused.reason
    assert "182" in refused.reason


@pytest.mark.parametrize("pixels", ["absent", "empty", "float"])
def test_no_pixels(tmp_path: Path, pixels: str) -> None:
    ds = nm()
    if pixels == "empty":
        ds.PixelData = b""
    else:
        del ds.PixelData
    if pixels == "float":
        ds.FloatPixelData = np.ones((6, 8), "f4").tobytes()
    refused = refusal(save(tmp_path / "flood.dcm", ds))
    assert refused.code == "no_pixels"
    assert ("floating-point" in refused.reason) == (pixels == "float")


# --- other kinds of object ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sop_class", "words"),
    [
        ("1.2.840.10008.5.1.4.1.1.2", "a CT image"),
        ("1.2.840.10008.5.1.4.1.1.128", "a PET image"),
        ("1.2.840.10008.5.1.4.1.1.130", "enhanced PET"),
        ("1.2.840.10008.5.1.4.1.1.7", "picture of a screen"),
        ("1.2.840.10008.5.1.4.1.1.7.2", "picture of a screen"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "structured report"),
        ("1.2.840.10008.5.1.4.1.1.66", "raw data"),
        ("1.2.840.10008.5.1.4.1.1.6.1", "Ultrasound Image Storage"),
        ("1.2.3.4.5", "an unknown kind"),
    ],
)
def test_other_objects_are_named(tmp_path: Path, sop_class: str, words: str) -> None:
    ds = nm()
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = sop_class
    refused = refusal(save(tmp_path / "object.dcm", ds))
    assert refused.code == "not_an_nm_image"
    assert words in refused.reason


def test_a_dicomdir(tmp_path: Path) -> None:
    ds = FileDataset(None, {}, preamble=b"\0" * 128, file_meta=FileMetaDataset())
    ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    ds.file_meta.MediaStorageSOPInstanceUID = "2.25.7"
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.FileSetID = "NM"
    ds.DirectoryRecordSequence = []
    refused = refusal(save(tmp_path / "DICOMDIR", ds))
    assert refused.code == "not_an_nm_image"
    assert "DICOMDIR" in refused.reason


def test_a_colour_picture_in_an_nm_object(tmp_path: Path) -> None:
    ds = nm(np.zeros((1, 6, 24), "u1"))
    ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 8, 3, "RGB", 0
    assert refusal(save(tmp_path / "screen.dcm", ds)).code == "not_an_nm_image"


def test_the_class_decides_and_not_the_modality(tmp_path: Path) -> None:
    ds = nm()
    ds.Modality = "OT"
    assert acquisition(save(tmp_path / "ot.dcm", ds)).kind == "STATIC"
    ds = nm()
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    assert refusal(save(tmp_path / "nm.dcm", ds)).code == "not_an_nm_image"


def test_the_retired_class_is_read(tmp_path: Path) -> None:
    ds = nm()
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.5"
    assert len(acquisition(save(tmp_path / "old.dcm", ds)).frames) == 1


# --- transfer syntaxes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u2", "i2", "u1"])
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
def test_the_same_image_in_every_transfer_syntax(tmp_path: Path, syntax: str, dtype: str) -> None:
    """A value of two unequal bytes tells swapped bytes; the hash of the pixels is the same for all."""
    pixels = (distinct(2) % (90 if dtype == "u1" else 30000) + 3).astype(dtype)
    vectors = {"EnergyWindowVector": [1, 1], "DetectorVector": [1, 2]}
    plain = acquisition(save(tmp_path / "plain.dcm", nm(pixels, **vectors)))
    ds = nm(pixels, **vectors)
    if syntax == RLELossless:
        ds.compress(RLELossless)
        path = save(tmp_path / "other.dcm", ds)
    else:
        path = save(tmp_path / "other.dcm", ds, syntax)
    other = acquisition(path)
    for one, two, truth in zip(plain.frames, other.frames, pixels, strict=True):
        assert one.counts.dtype == two.counts.dtype == np.dtype(dtype)
        assert np.array_equal(one.counts, truth)
        assert np.array_equal(two.counts, truth)
        assert two.counts.dtype.isnative
    assert plain.source.inputs[0].pixels == other.source.inputs[0].pixels
    assert other.remarks == plain.remarks


def test_eight_bits_as_words_in_big_endian(tmp_path: Path) -> None:
    """PS3.5 A.3: with OW the bytes of each 16-bit word are swapped."""
    pixels = distinct(1).astype("u1")
    ds = nm(pixels)
    ds["PixelData"].VR = "OW"
    path = save(tmp_path / "flood.dcm", ds, ExplicitVRBigEndian)
    assert np.array_equal(acquisition(path).frames[0].counts, pixels[0])


def test_deflated_is_refused_before_it_is_inflated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ds = nm()
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = save(tmp_path / "flood.dcm", ds)

    def inflate(*_: object, **__: object) -> bytes:
        raise AssertionError("inflated")

    monkeypatch.setattr(zlib, "decompress", inflate)
    assert refusal(path).code == "deflated"


def test_a_second_transfer_syntax_cannot_smuggle_a_deflated_one(tmp_path: Path) -> None:
    """pydicom takes the last of two like elements: a reader that takes the first would be led astray."""
    path = save(tmp_path / "flood.dcm", nm())
    data = path.read_bytes()
    start = data.index(b"\x02\x00\x10\x00UI")
    second = b"\x02\x00\x10\x00UI\x16\x00" + b"1.2.840.10008.1.2.1.99"
    end = start + 8 + struct.unpack_from("<H", data, start + 6)[0]
    path.write_bytes(data[:end] + second + data[end:])
    assert refusal(path).code == "unreadable"


def test_long_value_representations_of_the_meta_group_are_those_of_pydicom() -> None:
    from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

    assert {vr.decode() for vr in safe_module._LONG_VRS} == {str(vr) for vr in EXPLICIT_VR_LENGTH_32}


def test_compressed_without_a_decoder_names_the_plug_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safe_module, "_has_decoder", lambda _: False)
    path = save(tmp_path / "flood.dcm", encapsulated(distinct(1), JPEGLosslessSV1))
    refused = refusal(path)
    assert refused.code == "compressed"
    assert 'JPEG Lossless, whose decoder is not installed: pip install "pylibjpeg[libjpeg]"' in refused.reason


def test_compressed_with_loss(tmp_path: Path) -> None:
    assert refusal(save(tmp_path / "a.dcm", encapsulated(distinct(1), JPEGBaseline8Bit))).code == "compressed"
    ds = nm()
    ds.LossyImageCompression = "01"
    assert refusal(save(tmp_path / "b.dcm", ds)).code == "compressed"


@pytest.mark.parametrize(
    ("syntax", "words"),
    [("1.2.840.10008.1.2.4.100", "MPEG2"), ("1.3.46.670589.33.1.4.1", "of a maker or of an unknown kind")],
)
def test_video_and_private_transfer_syntaxes(tmp_path: Path, syntax: str, words: str) -> None:
    refused = refusal(save(tmp_path / "flood.dcm", encapsulated(distinct(1), syntax)))
    assert refused.code == "transfer_syntax"
    assert words in refused.reason


def test_a_compressed_ct_is_refused_as_a_ct(tmp_path: Path) -> None:
    ds = encapsulated(distinct(1), JPEGBaseline8Bit)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    assert refusal(save(tmp_path / "ct.dcm", ds)).code == "not_an_nm_image"


def test_rle_cut_short_or_damaged(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    whole = save(
        tmp_path / "flood.dcm", encapsulated(rng.integers(0, 999, (1, 30, 40)).astype("u2"))
    ).read_bytes()
    start = whole.rindex(b"\xfe\xff\x00\xe0")
    path = tmp_path / "cut.dcm"
    for length in range(start + 9, len(whole), 97):
        path.write_bytes(whole[:length])
        assert refusal(path).code == "truncated"
    ds = encapsulated(distinct(2))
    ds.NumberOfFrames = 1
    assert refusal(save(tmp_path / "many.dcm", ds)).code == "truncated"
    ds.NumberOfFrames = 3
    assert refusal(save(tmp_path / "few.dcm", ds)).code == "truncated"
    del ds.NumberOfFrames
    assert refusal(save(tmp_path / "untold.dcm", ds)).code == "bad_header_value"


def test_a_missing_transfer_syntax_is_told_from_the_data(tmp_path: Path) -> None:
    path = save(tmp_path / "flood.dcm", nm())
    data = path.read_bytes()
    start = data.index(b"\x02\x00\x10\x00UI")
    end = start + 8 + struct.unpack_from("<H", data, start + 6)[0]
    path.write_bytes(data[:start] + data[end:])
    found = acquisition(path)
    assert np.array_equal(found.frames[0].counts, distinct(1)[0])
    assert any("transfer syntax is missing" in remark.text for remark in found.remarks)


# --- nesting --------------------------------------------------------------------------------------------


def test_deep_nesting_is_a_refusal(tmp_path: Path) -> None:
    path = save(tmp_path / "flood.dcm", nm())
    data = path.read_bytes()
    depth = 2000
    opening = b"\x54\x00\x12\x00SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    at = data.index(b"\xe0\x7f\x10\x00OW")
    path.write_bytes(data[:at] + opening * depth + closing * depth + data[at:])
    refused = refusal(path)
    assert refused.code == "unreadable"
    assert "too deeply" in refused.reason


# --- names ----------------------------------------------------------------------------------------------


def test_names_shown_and_hidden(tmp_path: Path) -> None:
    good = save(tmp_path / "A\tB\x1b[31m.dcm", nm())
    bad = tmp_path / "DOE_JANE.txt"
    bad.write_bytes(b"no")
    gone = tmp_path / "DOE_JOHN.dcm"
    shown = read(good, bad, gone)
    assert shown.acquisitions[0].source.inputs[0].file == "A B [31m.dcm"
    hidden = read(good, bad, gone, show_file_names=False)
    name = hidden.acquisitions[0].source.inputs[0].file
    assert name == hidden.acquisitions[0].source.inputs[0].sha256[:12]
    assert hidden.acquisitions[0].frames[0].input.file == name
    assert "DOE" not in repr(hidden.refused)
    assert hidden.refused[1].file == "input 3"


def test_reading_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    path = save(tmp_path / "flood.dcm", nm())
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    acquisition(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert list(tmp_path.iterdir()) == [path]


def test_import_is_cheap() -> None:
    import subprocess
    import sys

    code = "import sys, nmqc.dicom; print([m for m in ('pydicom', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_code_is_in_the_table() -> None:
    import ast

    table = nmqc.dicom.__doc__ or ""
    folder = Path(nmqc.dicom.__file__).parent
    calls = (node for path in folder.glob("*.py") for node in ast.walk(ast.parse(path.read_text())))
    codes = {
        node.args[0].value
        for node in calls
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "UnusableInput"
        and isinstance(node.args[0], ast.Constant)
    }
    listed = {line.split()[0] for line in table.splitlines() if "  " in line.strip() and line[:1].isalpha()}
    assert codes == listed - {"code"}


def test_the_builder_makes_what_it_says() -> None:
    """The tests' own files hold what the tests believe, by another reader."""
    buffer = io.BytesIO()
    dcmwrite(
        buffer, nm(distinct(2), EnergyWindowVector=[1, 1], DetectorVector=[1, 2]), enforce_file_format=True
    )
    buffer.seek(0)
    ds: Dataset = dcmread(buffer)
    assert (ds.SOPClassUID, ds.Rows, ds.Columns) == (NM, 6, 8)
    assert np.array_equal(ds.pixel_array, distinct(2))
    assert ds.EnergyWindowInformationSequence[0].EnergyWindowName == TC.EnergyWindowName


def test_a_library_that_is_missing_is_no_fault_of_the_file() -> None:
    with pytest.raises(ModuleNotFoundError), safe_module.refusing():
        raise ModuleNotFoundError("no such library")
