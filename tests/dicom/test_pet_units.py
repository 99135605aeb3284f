"""What the values of a PET series mean: units, and the factors of Philips in the forms they are met in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import DataElement, FileDataset, dcmread

from tests.dicom.pet_build import (
    always,
    codes,
    pet_slice,
    philips,
    refusal,
    series,
    tracer_item,
    values,
    volume,
)

FACTOR = 12.625
SUV_FACTOR = 2.7634e-4
ROUNDED = 1e-7  # relative: float32 rounds to 6e-8

# Activity 50 MBq at 09:30, F-18, start of the series 10:15, 10 kg, in Bq per g: worked out apart from the reader.
DOSE_PER_GRAM = 50e6 / 10_000 * 2 ** (-2700 / 6586.2)


def counts(**factors: object) -> Callable[[FileDataset, int], None]:
    def change(ds: FileDataset, _k: int) -> None:
        ds.Units = "CNTS"
        philips(ds, **factors)  # type: ignore[arg-type]

    return change


@pytest.mark.parametrize("vr", ["DS", "UN", "implicit", "block 11"])
def test_counts_of_philips(tmp_path: Path, vr: str) -> None:
    """As the scanner writes the factor, as archives return it, and in another block."""

    def change(ds: FileDataset, k: int) -> None:
        ds.Units = "CNTS"
        if vr == "block 11":
            ds.private_block(0x7053, "SOMEONE ELSE", create=True).add_new(0x09, "DS", "4")
        philips(ds, concentration=b"12.625\0\0" if vr == "UN" else "12.625", vr="UN" if vr == "UN" else "DS")
        if vr == "implicit":
            ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"

    folder = series(tmp_path, 3, change)
    if vr == "block 11":
        assert (0x7053, 0x1109) in dcmread(folder / "IM002")
    found = volume(folder)
    assert (found.unit, found.quantitative, codes(found)) == ("Bq/mL", True, ["philips_factor"])
    assert "12.625" in found.remarks[0].text
    assert found.values == pytest.approx(values(3) * FACTOR, rel=ROUNDED)


@pytest.mark.parametrize("factor", ["0", "-3", None, b"no number", b"\xff\xfe", b"nan", b"inf"])
def test_counts_without_a_usable_factor(tmp_path: Path, factor: object) -> None:
    vr = "UN" if isinstance(factor, bytes) else "DS"
    found = volume(series(tmp_path, 3, counts(concentration=factor, vr=vr)))
    assert (found.unit, found.quantitative, codes(found)) == ("counts", False, ["relative_units"])
    assert found.values == pytest.approx(values(3), rel=ROUNDED)


def test_scales_beyond_the_largest_number(tmp_path: Path) -> None:
    """A factor and a slope that each could be, but whose product float32 cannot hold (3.4e38)."""

    def change(ds: FileDataset, k: int) -> None:
        counts(concentration="1e19")(ds, k)
        ds.RescaleSlope, ds.RescaleIntercept = "1e17", 0

    assert refusal(series(tmp_path, 3, change)).code == "bad_header_value"


def test_counts_of_another_maker(tmp_path: Path) -> None:
    def change(ds: FileDataset, _k: int) -> None:
        ds.Units = "CNTS"
        ds.private_block(0x7053, "SOMEONE ELSE", create=True).add_new(0x09, "DS", "4")

    assert volume(series(tmp_path, 3, change)).unit == "counts"


def test_the_suv_factor_alone(tmp_path: Path) -> None:
    """SUV x activity per gram, decayed to the time that the values refer to, is Bq/mL."""
    found = volume(series(tmp_path / "a", 3, counts(suv=SUV_FACTOR)))
    assert (found.unit, found.quantitative, codes(found)) == ("Bq/mL", True, ["philips_factor"])
    assert found.values == pytest.approx(values(3) * SUV_FACTOR * DOSE_PER_GRAM, rel=ROUNDED)

    def unweighed(ds: FileDataset, k: int) -> None:
        counts(suv=SUV_FACTOR)(ds, k)
        ds.PatientWeight = 0

    found = volume(series(tmp_path / "b", 3, unweighed))
    assert (found.unit, found.quantitative) == ("counts", False)


@pytest.mark.parametrize(
    ("ratio", "said"), [(1.005, []), (1.02, ["factors_disagree"]), (0.4, ["factors_disagree"])]
)
def test_factors_that_disagree(tmp_path: Path, ratio: float, said: list[str]) -> None:
    suv = round(ratio * FACTOR / DOSE_PER_GRAM, 10)
    found = volume(series(tmp_path, 3, counts(concentration=FACTOR, suv=suv)))
    assert codes(found) == ["philips_factor", *said]
    assert all(f"{ratio:.3f}" in one.text for one in found.remarks[1:])
    assert found.values == pytest.approx(values(3) * FACTOR, rel=ROUNDED)


@pytest.mark.parametrize("last", [FACTOR * 1.001, None])
def test_factors_of_several_series(tmp_path: Path, last: float | None) -> None:
    def change(ds: FileDataset, k: int) -> None:
        counts(concentration=FACTOR if k < 2 else last)(ds, k)

    assert refusal(series(tmp_path, 3, change)).code == "factors_differ"


@pytest.mark.parametrize(("factor", "said"), [("12.625", ["philips_factor_unused"]), ("1", []), ("0", [])])
def test_a_factor_beside_concentrations(tmp_path: Path, factor: str, said: list[str]) -> None:
    found = volume(series(tmp_path, 3, lambda ds, _k: philips(ds, concentration=factor)))
    assert (found.unit, found.quantitative, codes(found)) == ("Bq/mL", True, said)
    assert found.values == pytest.approx(values(3), rel=ROUNDED)


@pytest.mark.parametrize("term", ["PROPCNTS", "CPS", "CM2ML", None, "SOMETHING"])
def test_relative_units(tmp_path: Path, term: str | None) -> None:
    found = volume(series(tmp_path, 3, always(Units=term)))
    assert (found.unit, found.quantitative, codes(found)) == ("relative", False, ["relative_units"])
    assert "SOMETHING" not in found.remarks[0].text
    assert found.values == pytest.approx(values(3), rel=ROUNDED)


def test_suv(tmp_path: Path) -> None:
    found = volume(series(tmp_path / "a", 3, always(Units="GML")))
    assert (found.unit, found.quantitative, codes(found)) == ("g/mL", True, [])
    found = volume(series(tmp_path / "b", 3, always(Units="GML", SUVType="BW")))
    assert (found.unit, found.quantitative) == ("g/mL", True)
    found = volume(series(tmp_path / "c", 3, always(Units="GML", SUVType="LBM")))
    assert (found.unit, found.quantitative, codes(found)) == ("relative", False, ["relative_units"])


def test_suv_that_cannot_be_turned_back(tmp_path: Path) -> None:
    def change(ds: FileDataset, _k: int) -> None:
        ds.Units = "GML"
        del tracer_item(ds).RadionuclideTotalDose

    found = volume(series(tmp_path, 3, change))
    assert (found.unit, found.quantitative, codes(found)) == ("g/mL", False, ["relative_units"])


@pytest.mark.parametrize("term", ["MGMINML", "STDDEV", "MLMINML"])
def test_what_is_no_activity(tmp_path: Path, term: str) -> None:
    refused = refusal(series(tmp_path, 3, always(Units=term)))
    assert refused.code == "not_activity"
    assert term in refused.reason


def test_mixed_units(tmp_path: Path) -> None:
    def change(ds: FileDataset, k: int) -> None:
        ds.Units = "BQML" if k else "CNTS"

    assert refusal(series(tmp_path, 3, change)).code == "mixed_units"


def test_the_builder_writes_bytes_of_unknown_type(tmp_path: Path) -> None:
    """The UN of the test above is in the file, and pydicom's own value of it, read without help, is bytes."""
    ds = pet_slice(0)
    philips(ds, concentration=b"12.625\0\0", vr="UN")
    element = ds[0x7053, 0x1009]
    assert isinstance(element, DataElement)
    assert (element.VR, element.value) == ("UN", b"12.625\0\0")
