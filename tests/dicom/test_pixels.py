"""What a stored value is worth, pixel sizes, and numbers that are none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from pydicom import FileDataset
from pydicom.dataelem import DataElement
from pydicom.uid import ImplicitVRLittleEndian

from nmqc.dicom import ReadOptions
from tests.dicom.build import (
    acquisition,
    codes,
    detector,
    distinct,
    ge,
    item,
    nm,
    patch,
    refusal,
    save,
    window,
)


def genie(ds: FileDataset, scale: float | None, offset: float | None = None, vr: str = "FD") -> None:
    """Put GE's pixel scale and offset into the second private block of group 0011, not the first."""
    ds.private_block(0x0011, "SOMEONE ELSE", create=True).add_new(0x3B, "FD", 99.0)
    block = ds.private_block(0x0011, "GEMS_GENIE_1", create=True)
    if scale is not None:
        block.add_new(0x3B, vr, scale if vr == "FD" else np.float64(scale).tobytes())
    if offset is not None:
        block.add_new(0x3C, "FD", offset)


# --- raw counts, and what is none -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2"])
def test_raw_counts_keep_their_integers(tmp_path: Path, dtype: str) -> None:
    pixels = distinct(1, 5, 10).astype(dtype)
    frame = acquisition(save(tmp_path / "flood.dcm", nm(pixels))).frames[0]
    assert frame.counts.dtype == np.dtype(dtype)
    assert np.array_equal(frame.counts, pixels[0])
    assert frame.raw_counts
    assert not frame.counts.flags.writeable
    assert frame.full_scale == {"u1": 255, "u2": 65535, "i2": 32767}[dtype]


def test_a_value_that_only_unsigned_words_hold(tmp_path: Path) -> None:
    pixels = np.full((1, 4, 6), 65535, "u2")
    frame = acquisition(save(tmp_path / "flood.dcm", nm(pixels))).frames[0]
    assert int(frame.counts.max()) == frame.full_scale == 65535


def test_signed_values_below_zero_are_kept_and_are_not_raw(tmp_path: Path) -> None:
    pixels = distinct(1).astype("i2") - 120
    found = acquisition(save(tmp_path / "flood.dcm", nm(pixels)))
    assert np.array_equal(found.frames[0].counts, pixels[0])
    assert not found.frames[0].raw_counts
    assert codes(found) == ["not_raw_counts", "head_unknown"]


def test_bits_stored_below_bits_allocated(tmp_path: Path) -> None:
    ds = nm(distinct(1))
    ds.BitsStored, ds.HighBit = 12, 11
    assert acquisition(save(tmp_path / "a.dcm", ds)).frames[0].full_scale == 4095
    ds = nm(distinct(1) + np.uint16(4000))
    ds.BitsStored, ds.HighBit = 12, 11
    assert refusal(save(tmp_path / "b.dcm", ds)).code == "bad_header_value"


@pytest.mark.parametrize(
    ("allocated", "stored", "high"), [(32, 32, 31), (16, 17, 16), (16, 12, 15), (12, 12, 11)]
)
def test_pixel_types_no_nm_image_has(tmp_path: Path, allocated: int, stored: int, high: int) -> None:
    ds = nm()
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = allocated, stored, high
    assert refusal(save(tmp_path / "flood.dcm", ds)).code == "bad_header_value"


def test_the_pixel_scale_of_ge(tmp_path: Path) -> None:
    """The scale of a public Discovery 670 file: 16380 stored is 68460.2351."""
    pixels = distinct(1)
    pixels[0, 2, 3] = 16380
    ds = ge(pixels=pixels)
    genie(ds, 4.179501533508301, 0.25)
    found = acquisition(save(tmp_path / "flood.dcm", ds))
    frame = found.frames[0]
    assert frame.counts.dtype == np.float64
    assert frame.counts[2, 3] == pytest.approx(68460.2351 + 0.25, abs=1e-4)  # four decimals in the header
    assert frame.counts[0, 1] == pytest.approx(101 * 4.179501533508301 + 0.25, rel=1e-12)  # arithmetic only
    assert not frame.raw_counts
    assert frame.full_scale == 65535 * 4.179501533508301 + 0.25
    assert "not_raw_counts" in codes(found)


@pytest.mark.parametrize(("scale", "offset"), [(1.0, None), (1.0, 0.0), (None, None)])
def test_a_pixel_scale_of_one_changes_nothing(
    tmp_path: Path, scale: float | None, offset: float | None
) -> None:
    ds = ge()
    genie(ds, scale, offset)
    found = acquisition(save(tmp_path / "flood.dcm", ds))
    assert found.frames[0].raw_counts
    assert found.frames[0].counts.dtype == np.uint16
    assert codes(found) == []


@pytest.mark.parametrize("syntax", [None, ImplicitVRLittleEndian])
@pytest.mark.parametrize("vr", ["FD", "UN"])
def test_the_pixel_scale_without_its_value_representation(
    tmp_path: Path, vr: str, syntax: str | None
) -> None:
    ds = ge()
    genie(ds, 2.5, vr=vr)
    frame = acquisition(save(tmp_path / "flood.dcm", ds, syntax)).frames[0]
    assert frame.counts[0, 0] == 250.0


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_an_unusable_pixel_scale(tmp_path: Path, scale: float) -> None:
    ds = ge()
    genie(ds, scale)
    assert refusal(save(tmp_path / "flood.dcm", ds)).code == "bad_header_value"


def test_an_empty_pixel_scale_and_several(tmp_path: Path) -> None:
    ds = ge()
    block = ds.private_block(0x0011, "GEMS_GENIE_1", create=True)
    block.add_new(0x3B, "FD", None)
    assert acquisition(save(tmp_path / "empty.dcm", ds)).frames[0].raw_counts
    block[0x3B].value = [2.0, 2.0]
    assert acquisition(save(tmp_path / "same.dcm", ds)).frames[0].counts[0, 0] == 200.0
    block[0x3B].value = [2.0, 3.0]
    assert refusal(save(tmp_path / "two.dcm", ds)).code == "pixel_scale"


def test_rescale_slope(tmp_path: Path) -> None:
    ds = nm()
    ds.RescaleSlope, ds.RescaleIntercept = 0.5, -2
    found = acquisition(save(tmp_path / "flood.dcm", ds))
    assert np.array_equal(found.frames[0].counts, distinct(1)[0] * 0.5 - 2)
    assert not found.frames[0].raw_counts
    ds.RescaleSlope, ds.RescaleIntercept = 1, 0
    assert acquisition(save(tmp_path / "one.dcm", ds)).frames[0].raw_counts


def mapping(slope: float, intercept: float = 0.0, last: int = 65535) -> list[object]:
    first = DataElement(0x00409216, "US", 0)
    one = item(RealWorldValueSlope=slope, RealWorldValueIntercept=intercept)
    one.add(first)
    one.add(DataElement(0x00409211, "US", last))
    return [one]


def test_real_world_values(tmp_path: Path) -> None:
    ds = nm()
    ds.RealWorldValueMappingSequence = mapping(3.0, 1.0)
    assert acquisition(save(tmp_path / "a.dcm", ds)).frames[0].counts[0, 1] == 101 * 3.0 + 1.0
    ds.RealWorldValueMappingSequence = mapping(3.0, last=120)  # the pixels reach 147
    assert refusal(save(tmp_path / "b.dcm", ds)).code == "pixel_scale"
    ds.RealWorldValueMappingSequence = mapping(1.0)
    assert acquisition(save(tmp_path / "c.dcm", ds)).frames[0].raw_counts
    ds.RealWorldValueMappingSequence = [item(RealWorldValueLUTData=[1.0, 4.0, 9.0])]
    assert refusal(save(tmp_path / "d.dcm", ds)).code == "pixel_scale"


def test_two_scales_must_agree(tmp_path: Path) -> None:
    ds = ge()
    genie(ds, 2.0)
    ds.RescaleSlope, ds.RescaleIntercept = 2, 0
    assert acquisition(save(tmp_path / "same.dcm", ds)).frames[0].counts[0, 1] == 202.0  # once, not twice
    ds.RescaleSlope = 3
    assert refusal(save(tmp_path / "other.dcm", ds)).code == "pixel_scale"


def test_the_factor_of_siemens_is_not_applied(tmp_path: Path) -> None:
    ds = nm()
    block = ds.private_block(0x0033, "SIEMENS MED NM", create=True)
    block.add_new(0x38, "FL", 1.0)
    assert codes(acquisition(save(tmp_path / "one.dcm", ds))) == ["head_unknown"]
    block[0x38].value = 2.0
    found = acquisition(save(tmp_path / "two.dcm", ds))
    assert found.frames[0].raw_counts
    assert found.frames[0].counts[0, 0] == 100
    assert "pixel scale factor 2 of Siemens was not applied" in " ".join(r.text for r in found.remarks)


@pytest.mark.parametrize(
    ("keyword", "value", "raw"),
    [
        ("CorrectedImage", ["UNIF", "NRGY", "LIN"], True),
        ("CorrectedImage", ["UNIF", "DECY"], False),
        ("ImageType", ["DERIVED", "PRIMARY", "STATIC", "EMISSION"], False),
    ],
)
def test_corrected_and_derived_images(tmp_path: Path, keyword: str, value: list[str], raw: bool) -> None:
    ds = nm()
    setattr(ds, keyword, value)
    assert acquisition(save(tmp_path / "flood.dcm", ds)).frames[0].raw_counts is raw


def test_corrections_are_those_of_the_standard_each_once(tmp_path: Path) -> None:
    ds = nm()
    ds.CorrectedImage = ["UNIF", "UNIF", "MEDISOIRIS", "LIN"]
    assert acquisition(save(tmp_path / "flood.dcm", ds)).source.corrected == ("UNIF", "LIN")


# --- how many frames ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 0])
def test_a_missing_number_of_frames_is_computed(tmp_path: Path, value: int | None) -> None:
    """pydicom alone would keep the first frame."""
    ds = nm(distinct(2), EnergyWindowVector=[1, 1], DetectorVector=[1, 2])
    ds.NumberOfFrames = value
    found = acquisition(save(tmp_path / "flood.dcm", ds))
    assert [int(frame.counts[0, 0]) for frame in found.frames] == [100, 200]
    assert "NumberOfFrames is missing: 2 frames" in found.remarks[0].text


def test_a_missing_number_of_frames_that_cannot_be_computed(tmp_path: Path) -> None:
    ds = nm(distinct(2), EnergyWindowVector=[1, 1], DetectorVector=[1, 2])
    del ds.NumberOfFrames
    ds.PixelData = ds.PixelData[:-4]
    assert refusal(save(tmp_path / "flood.dcm", ds)).code == "truncated"


def test_a_padding_byte_is_fine_and_more_is_remarked(tmp_path: Path) -> None:
    pixels = distinct(1, 5, 7).astype("u1")
    odd = nm(pixels)
    odd.PixelData = odd.PixelData + b"\0"
    found = acquisition(save(tmp_path / "odd.dcm", odd))
    assert np.array_equal(found.frames[0].counts, pixels[0])
    assert codes(found) == ["head_unknown"]
    more = nm()
    more.PixelData = more.PixelData + b"\7" * 6
    found = acquisition(save(tmp_path / "more.dcm", more))
    assert np.array_equal(found.frames[0].counts, distinct(1)[0])
    assert found.remarks[0].text == "6 bytes after the last pixel were left out"


@pytest.mark.parametrize("text", [b"-2", b"ab", b"2\\"])
def test_a_number_of_frames_that_is_none(tmp_path: Path, text: bytes) -> None:
    path = save(tmp_path / "flood.dcm", nm(distinct(2), EnergyWindowVector=[1, 1], DetectorVector=[1, 2]))
    head = b"\x28\x00\x08\x00IS\x02\x00"
    assert refusal(patch(path, head + b"2 ", head + text)).code == "bad_header_value"


def test_a_number_of_frames_that_is_not_whole(tmp_path: Path) -> None:
    """pydicom hands over 10.5 as a number of type ISfloat; int() alone would make it 10."""
    vectors = {"EnergyWindowVector": [1] * 1000, "DetectorVector": list(range(1, 1001))}
    path = save(tmp_path / "flood.dcm", nm(np.zeros((1000, 2, 2), "u1"), **vectors))
    head = b"\x28\x00\x08\x00IS\x04\x00"
    assert refusal(patch(path, head + b"1000", head + b"10.5")).code == "bad_header_value"


# --- the hash of the pixels -----------------------------------------------------------------------------


def test_the_hash_covers_values_shape_and_type(tmp_path: Path) -> None:
    def of(pixels: np.ndarray) -> str:
        count = len(pixels)
        vectors = {"EnergyWindowVector": [1] * count, "DetectorVector": list(range(1, count + 1))}
        return acquisition(save(tmp_path / "flood.dcm", nm(pixels, **vectors))).source.inputs[0].pixels

    base = distinct(2, 4, 6)
    other = base.copy()
    other[1, 3, 5] += 1
    assert of(base) == hashlib.sha256(b"(2, 4, 6) <u2" + base.tobytes()).hexdigest()
    hashes = {
        of(base),
        of(other),
        of(base.reshape(2, 6, 4)),
        of(base.reshape(1, 8, 6)),
        of(base.astype("i2")),
    }
    assert len(hashes) == 5


# --- pixel size -----------------------------------------------------------------------------------------


def test_the_first_spacing_is_down(tmp_path: Path) -> None:
    frame = acquisition(save(tmp_path / "flood.dcm", nm())).frames[0]
    assert frame.spacing_mm == (2.5, 2.4)
    assert frame.counts.shape == (6, 8)


@pytest.mark.parametrize("spacing", ["absent", None, [0, 0]])
def test_no_pixel_size(tmp_path: Path, spacing: object) -> None:
    ds = nm()
    if spacing == "absent":
        del ds.PixelSpacing
    else:
        ds.PixelSpacing = spacing
    path = save(tmp_path / "flood.dcm", ds)
    refused = refusal(path)
    assert refused.code == "pixel_size_missing"
    assert "--pixel-mm" in refused.reason
    found = acquisition(path, pixel_mm=(2.2, 2.1))
    assert found.frames[0].spacing_mm == (2.2, 2.1)
    assert "2.2 x 2.1 mm" in found.remarks[0].text


@pytest.mark.parametrize(
    "text",
    [
        b"2,5\\2.4 ",
        b"nan\\2.4 ",
        b"2.5     ",
        b"-2.5\\2.4",
        b"0\\2.4   ",
        b"900\\900 ",
        b"inf\\inf ",
        b"2.5\\\\2.4",
    ],
)
def test_a_pixel_size_that_is_none(tmp_path: Path, text: bytes) -> None:
    path = patch(save(tmp_path / "flood.dcm", nm()), b"2.5\\2.4 ", text)
    refused = refusal(path)
    assert refused.code == "bad_header_value"
    assert "--pixel-mm" in refused.reason
    assert acquisition(path, pixel_mm=(2.2, 2.1)).frames[0].spacing_mm == (2.2, 2.1)


@pytest.mark.parametrize(
    ("users", "kept"), [((2.52, 2.4), True), ((2.53, 2.4), False), ((2.5, 2.43), False), ((2.4, 2.5), False)]
)
def test_a_pixel_size_against_the_header(tmp_path: Path, users: tuple[float, float], kept: bool) -> None:
    """Within 1 % the header's stands; a pair given the wrong way round (4 % off) is a conflict."""
    path = save(tmp_path / "flood.dcm", nm())
    if kept:
        assert acquisition(path, pixel_mm=users).frames[0].spacing_mm == (2.5, 2.4)
    else:
        assert refusal(path, pixel_mm=users).code == "pixel_size_conflict"


@pytest.mark.parametrize(
    "options",
    [{"pixel_mm": (0.0, 2.0)}, {"pixel_mm": (float("nan"), 2.0)}, {"detector": 0}, {"acquired": "today"}],
)
def test_options_that_are_none(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"pixel size|numbered|isoformat"):
        ReadOptions(**options)  # type: ignore[arg-type]


# --- other numbers --------------------------------------------------------------------------------------


def test_harmless_values_are_left_out_and_named(tmp_path: Path) -> None:
    path = save(
        tmp_path / "flood.dcm",
        nm(detectors=[detector(ZoomFactor=[1.5, 1.5], FieldOfViewDimensions=[533, 387])]),
    )
    patch(path, b"300000", b"300,5 ")
    patch(path, b"1.5\\1.5 ", b"1,5\\1,5 ")
    patch(path, b"150.5 ", b"150,5 ")
    found = acquisition(path)
    frame = found.frames[0]
    assert frame.duration_s is None
    assert frame.energy_window is not None
    assert frame.energy_window.ranges_kev == ()
    text = next(remark.text for remark in found.remarks if "left out" in remark.text)
    assert text == "unusable values were left out: ActualFrameDuration, EnergyWindowUpperLimit, ZoomFactor"
    assert [hint.source for hint in frame.field_hints] == ["header"]  # no table: the zoom is not known


def test_a_harmless_value_that_pydicom_cannot_convert(tmp_path: Path) -> None:
    """1e999 is an infinity, and pydicom raises OverflowError at the first look."""
    found = acquisition(patch(save(tmp_path / "flood.dcm", nm()), b"300000", b"1e999 "))
    assert found.frames[0].duration_s is None
    assert codes(found) == ["head_unknown", "nonstandard"]


def test_what_is_not_needed_is_not_looked_at(tmp_path: Path) -> None:
    ds = nm()
    ds.TableHeight = 179.99
    path = patch(save(tmp_path / "flood.dcm", ds), b"179.99", b"179,99")
    assert codes(acquisition(path)) == ["head_unknown"]


@pytest.mark.parametrize(("total", "remarked"), [(None, False), (5928, False), (5927, True), (0, True)])
def test_counts_accumulated(tmp_path: Path, total: int | None, remarked: bool) -> None:
    assert int(distinct(1).sum()) == 5928
    ds = nm()
    ds.CountsAccumulated = total
    found = acquisition(save(tmp_path / "flood.dcm", ds))
    texts = [remark.text for remark in found.remarks if remark.code == "nonstandard"]
    assert texts == ([f"CountsAccumulated is {total}, the sum of the pixels 5928"] if remarked else [])


def test_the_total_of_scaled_values_is_not_compared(tmp_path: Path) -> None:
    ds = ge()
    genie(ds, 2.0)
    ds.CountsAccumulated = 5928
    assert codes(acquisition(save(tmp_path / "flood.dcm", ds))) == ["not_raw_counts"]


def test_an_energy_range_upside_down_is_no_range(tmp_path: Path) -> None:
    ds = nm(windows=[window("99m Technetium", 150.5, 129.5)])
    found = acquisition(save(tmp_path / "flood.dcm", ds)).frames[0].energy_window
    assert found is not None
    assert found.ranges_kev == ()


def test_several_ranges_summed_in_one_window(tmp_path: Path) -> None:
    ranges = [item(EnergyWindowLowerLimit=84, EnergyWindowUpperLimit=102)]
    ranges += [item(EnergyWindowLowerLimit=166, EnergyWindowUpperLimit=203)]
    ds = nm(windows=[item(EnergyWindowName="Ga67", EnergyWindowRangeSequence=ranges)])
    found = acquisition(save(tmp_path / "flood.dcm", ds)).frames[0].energy_window
    assert found is not None
    assert found.ranges_kev == ((84.0, 102.0), (166.0, 203.0))


@pytest.mark.parametrize(("value", "seconds"), [(0, None), (None, None), (1, 0.001), (299_994, 299.994)])
def test_durations(tmp_path: Path, value: int | None, seconds: float | None) -> None:
    ds = nm()
    ds.ActualFrameDuration = value
    assert acquisition(save(tmp_path / "flood.dcm", ds)).frames[0].duration_s == seconds
