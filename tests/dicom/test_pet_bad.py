"""What a department may give by mistake: each is refused, or limited, by its code, in one line with the next step."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from pydicom import FileDataset

from nmqc.model import Volume
from tests.dicom.pet_build import (
    FIRST_MM,
    ROWS,
    STEP_MM,
    Change,
    codes,
    pet_slice,
    read,
    refusal,
    series,
    slope,
    stored,
    values,
    volume,
    write,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
SLICES = 7


class Bad(NamedTuple):
    """How a folder is spoilt, the code of its refusal, what is wrong in words, and what to do next."""

    make: Callable[[Path], Path]
    code: str
    wrong: str
    next_step: str


def changed(change: Change) -> Callable[[Path], Path]:
    return lambda folder: series(folder, SLICES, change)


def without(*numbers: int) -> Callable[[Path], Path]:
    return lambda folder: series(folder, SLICES, skip=numbers)


def ct(folder: Path) -> Path:
    for k in range(SLICES):
        ds = pet_slice(k)
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = CT
        ds.Modality = "CT"
        write(ds, folder / f"CT{k}")
    return folder


def twice(folder: Path) -> Path:
    """One slice there twice, with other pixels."""
    ds = pet_slice(3)
    ds.PixelData = (stored(3) + 1).tobytes()
    write(ds, series(folder, SLICES) / "again")
    return folder


def flat(ds: FileDataset, k: int) -> None:
    ds.RescaleSlope = 0 if k == 4 else slope(k)


def out_of_step(ds: FileDataset, k: int) -> None:
    ds.ImagePositionPatient[2] += 1.25 if k == 5 else 0.0


def tilted(ds: FileDataset, k: int) -> None:
    """By 5 degrees about x, each slice straight above the one before along the normal."""
    c, s = math.cos(math.radians(5)), math.sin(math.radians(5))
    ds.ImageOrientationPatient = [1, 0, 0, 0, round(c, 8), round(s, 8)]
    ds.ImagePositionPatient = [0, -STEP_MM * s * k, STEP_MM * c * k]


BAD = {
    "a CT series": Bad(ct, "not_a_pet_image", "is a CT image", "give the images of one PET series"),
    "a missing slice": Bad(without(3), "missing_slices", "lacks 1 slice", "export the whole series"),
    "missing slices": Bad(without(2, 3, 4), "missing_slices", "lacks 3 slice", "export the whole series"),
    "a slice twice": Bad(twice, "duplicate_slices", "different slices at z = -91.5 mm", "leave out"),
    "a slope of zero": Bad(changed(flat), "zero_slope", "z = -88.5 mm", "export it anew"),
    "unequal spacing": Bad(changed(out_of_step), "unequal_spacing", "4.25 mm apart", "export one"),
    "tilted": Bad(changed(tilted), "oblique_slices", "5.0 degrees", "as it was reconstructed"),
}


@pytest.mark.parametrize("name", BAD)
def test_it_is_refused_by_its_code_and_says_what_to_do(tmp_path: Path, name: str) -> None:
    case = BAD[name]
    refused = refusal(case.make(tmp_path / "series"))
    assert refused.code == case.code
    wrong, _, next_step = refused.reason.partition("; ")
    assert case.wrong in wrong
    assert case.next_step in next_step


@pytest.mark.parametrize("name", BAD)
def test_it_stops_no_other(tmp_path: Path, name: str) -> None:
    """Of two folders the good one is read."""
    good = series(tmp_path / "good", SLICES, _of_another_series)
    outcome = read(BAD[name].make(tmp_path / "bad"), good)
    assert [one.code for one in outcome.refused] == [BAD[name].code]
    assert [one.place for one in outcome.refused] == [1]
    assert [found.values.shape[0] for found in outcome.volumes] == [SLICES]


def _of_another_series(ds: FileDataset, _k: int) -> None:
    ds.SeriesInstanceUID = "2.25.4444"


def test_ct_beside_pet(tmp_path: Path) -> None:
    """The PET series is read; the CT images are refused in one line that counts them."""
    outcome = read(series(ct(tmp_path), SLICES))
    (found,) = outcome.volumes
    (refused,) = outcome.refused
    assert found.values == pytest.approx(values(SLICES), rel=1e-7)  # float32 rounds to 6e-8
    assert (refused.code, refused.file) == ("not_a_pet_image", "CT0")
    assert refused.reason.endswith(f"(and so for {SLICES - 1} more of these files)")


def test_the_same_slice_twice_is_read_once(tmp_path: Path) -> None:
    folder = series(tmp_path, SLICES)
    (folder / "copy").write_bytes((folder / "IM017").read_bytes())
    assert codes(volume(folder)) == ["duplicate_slices"]


def test_counts_without_factors_are_good_for_ratios(tmp_path: Path) -> None:
    def counts(ds: FileDataset, _k: int) -> None:
        ds.Units = "CNTS"

    found = volume(series(tmp_path, SLICES, counts))
    assert (found.unit, found.quantitative, codes(found)) == ("counts", False, ["relative_units"])
    assert (
        "good for ratios, not for concentrations; export the series with its private" in found.remarks[0].text
    )
    assert found.values == pytest.approx(values(SLICES), rel=1e-7)  # float32 rounds to 6e-8


def test_sagittal_slices_are_laid_as_transverse_ones(tmp_path: Path) -> None:
    """The same object, cut into sagittal slices: slices run along z again, and no value moves."""
    block = np.stack([stored(k)[:, :6] for k in range(SLICES)])  # (z, y, x) of an object

    def sagittal(ds: FileDataset, k: int) -> None:
        """Slice k holds x = k: columns run along y, rows against z, as a viewer shows it."""
        ds.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        ds.ImagePositionPatient = [FIRST_MM[0] - 2.5 * k, FIRST_MM[1], FIRST_MM[2]]
        ds.PixelSpacing = [STEP_MM, 4.0]
        pixels = np.ascontiguousarray(block[::-1, :, k])
        ds.Rows, ds.Columns = pixels.shape
        ds.PixelData = pixels.tobytes()
        ds.RescaleSlope, ds.RescaleIntercept = 1, 0

    found = volume(series(tmp_path, 6, sagittal))
    assert codes(found) == ["reordered"]
    assert found.spacing_mm == pytest.approx((STEP_MM, 4.0, 2.5), rel=1e-9)  # arithmetic
    assert found.values.shape == (SLICES, ROWS, 6)
    assert found.directions[2] == (0, 0, -1)  # as the rows ran: nothing is flipped
    assert np.array_equal(_towards_the_patient(found), block)


def _towards_the_patient(found: Volume) -> np.ndarray:
    """The values with every axis running along the patient's x, y, z; x was from right to left in `block`."""
    x, y, z = (round(direction[axis]) for axis, direction in enumerate(found.directions))
    return found.values[::z, ::y, ::-x]
