"""PET series to volumes: which slices, in which order, and where their voxels lie."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from pydicom import FileDataset
from pydicom.datadict import tag_for_keyword

from nmqc.dicom import Identity, ReadOptions, identify
from nmqc.model import Volume
from tests.dicom.pet_build import (
    ALONG_MM,
    COLUMNS,
    DOWN_MM,
    FIRST_MM,
    ROWS,
    SERIES,
    STEP_MM,
    always,
    codes,
    intercept,
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

NAME = hashlib.sha256(SERIES.encode()).hexdigest()[:8]
OTHER = "2.25.777"
OTHER_NAME = hashlib.sha256(OTHER.encode()).hexdigest()[:8]
ROUNDED = 1e-7  # relative: float32 rounds to 6e-8


def of_other_series(ds: FileDataset, k: int) -> None:
    ds.SeriesInstanceUID, ds.SOPInstanceUID = OTHER, f"2.25.{900 + k}"
    ds.ReconstructionMethod = "BLOB-OS-TF"


def write_ct(folder: Path, number: int) -> None:
    for k in range(number):
        ds = pet_slice(k % 4)
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        write(ds, folder / f"CT{k:03d}")


# --- what is read ---------------------------------------------------------------------------------------


def test_all_that_is_read_of_a_series(tmp_path: Path) -> None:
    found = volume(series(tmp_path))
    assert found.values == pytest.approx(values(6), rel=ROUNDED)
    assert found.values.dtype == np.float32
    assert not found.values.flags.writeable
    assert found.spacing_mm == pytest.approx((STEP_MM, DOWN_MM, ALONG_MM), rel=1e-12)  # arithmetic only
    assert found.origin_mm == FIRST_MM
    assert found.directions == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert (found.unit, found.quantitative, found.series) == ("Bq/mL", True, NAME)
    assert (found.duration_s, found.reconstruction) == (600.0, "OSEM:i3s15")
    assert found.corrections == ("DECY", "RADL", "ATTN", "SCAT", "DTIM", "RAN", "NORM")
    assert found.remarks == ()
    source = found.source
    assert (source.system.name, source.radionuclide, source.acquired) == (
        "vereos",
        "F-18",
        "2026-11-16T10:15:00",
    )
    assert [one.file for one in source.inputs] == ["IM002", "IM007", "IM012", "IM017", "IM022", "IM027"]
    assert {one.place for one in source.inputs} == {1}


def test_slices_are_sorted_by_place_alone(tmp_path: Path) -> None:
    """Neither by name, number, slice location nor time: each runs against z, or not at all."""

    def shuffle(ds: FileDataset, k: int) -> None:
        ds.InstanceNumber, ds.SliceLocation = (3 * k) % 7, -k
        ds.AcquisitionTime = f"10{15 + (2 * k) % 5}00"

    found = volume(series(tmp_path / "a", 6, shuffle))
    assert found.values == pytest.approx(values(6), rel=ROUNDED)
    without = volume(series(tmp_path / "b", 6, always(InstanceNumber=None)))
    assert without.values == pytest.approx(values(6), rel=ROUNDED)


def test_files_in_any_order(tmp_path: Path) -> None:
    paths = sorted(series(tmp_path).iterdir())[::-1]
    found = volume(*paths)
    assert found.values == pytest.approx(values(6), rel=ROUNDED)
    assert [one.place for one in found.source.inputs] == [6, 5, 4, 3, 2, 1]


def test_signed_pixels(tmp_path: Path) -> None:
    pixels = [(stored(k).astype("i2") - 3000) for k in range(4)]

    def signed(ds: FileDataset, k: int) -> None:
        ds.PixelRepresentation, ds.PixelData = 1, pixels[k].tobytes()

    found = volume(series(tmp_path, 4, signed))
    expected = np.stack([pixels[k] * slope(k) + intercept(k) for k in range(4)])
    assert expected.min() < 0
    assert found.values == pytest.approx(expected, rel=ROUNDED)


def test_slopes_of_any_size(tmp_path: Path) -> None:
    def tiny(ds: FileDataset, k: int) -> None:
        ds.RescaleSlope, ds.RescaleIntercept = f"{3 + k}.5e-12", 0

    expected = np.stack([stored(k) * (3.5 + k) * 1e-12 for k in range(3)])
    assert volume(series(tmp_path, 3, tiny)).values == pytest.approx(expected, rel=ROUNDED)


# --- where voxels lie -----------------------------------------------------------------------------------


def places(found: Volume) -> np.ndarray:
    """Where each voxel is in the patient's axes, by the volume."""
    k, j, i = np.indices(found.values.shape)
    (across, down, up), (dz, dy, dx) = np.array(found.directions), found.spacing_mm
    steps = (i[..., None] * dx * across, j[..., None] * dy * down, k[..., None] * dz * up)
    return np.asarray(found.origin_mm) + sum(steps)


def places_by_value(cosines: list[float], slices: int) -> dict[float, np.ndarray]:
    """Where each voxel is, by the equation of DICOM PS3.3, C.7.6.2.1.1; values of the series are all different."""
    along, down = np.array(cosines[:3]), np.array(cosines[3:])
    normal = np.cross(along, down)
    found = {}
    for k, image in enumerate(values(slices)):
        corner = np.asarray(FIRST_MM) + k * STEP_MM * normal
        for (j, i), value in np.ndenumerate(image):
            found[float(np.float32(value))] = corner + i * ALONG_MM * along + j * DOWN_MM * down
    return found


@pytest.mark.parametrize(
    ("cosines", "shape", "order"),
    [
        ([1, 0, 0, 0, 1, 0], (5, ROWS, COLUMNS), ()),
        ([-1, 0, 0, 0, 1, 0], (5, ROWS, COLUMNS), ()),
        ([1, 0, 0, 0, -1, 0], (5, ROWS, COLUMNS), ()),
        ([-1, 0, 0, 0, -1, 0], (5, ROWS, COLUMNS), ()),
        ([0, 1, 0, 1, 0, 0], (5, ROWS, COLUMNS), ()),
        ([0, -1, 0, 1, 0, 0], (5, ROWS, COLUMNS), ()),
        ([0, 1, 0, 0, 0, -1], (ROWS, COLUMNS, 5), ("reordered",)),  # sagittal
        ([1, 0, 0, 0, 0, -1], (ROWS, 5, COLUMNS), ("reordered",)),  # coronal
        ([0, 0, 1, 1, 0, 0], (COLUMNS, 5, ROWS), ("reordered",)),  # coronal, rows along the patient
    ],
)
def test_every_voxel_is_where_the_standard_puts_it(
    tmp_path: Path, cosines: list[float], shape: tuple[int, ...], order: tuple[str, ...]
) -> None:
    normal = np.cross(cosines[:3], cosines[3:])

    def turn(ds: FileDataset, k: int) -> None:
        ds.ImageOrientationPatient = cosines
        ds.ImagePositionPatient = list(np.asarray(FIRST_MM) + k * STEP_MM * normal)

    found = volume(series(tmp_path, 5, turn))
    assert found.values.shape == shape
    assert tuple(codes(found)) == order
    expected = places_by_value(cosines, 5)
    assert len(expected) == 5 * ROWS * COLUMNS  # no two voxels alike
    actual = places(found)
    for index, value in np.ndenumerate(found.values):
        assert actual[index] == pytest.approx(expected[float(value)], abs=1e-9)  # mm, arithmetic only
    assert abs(found.directions[2][2]) == 1  # slices follow each other along the patient


def test_the_first_slice_is_the_lowest_along_the_normal(tmp_path: Path) -> None:
    """Of columns that run to the left and rows that run down, the normal points against z."""
    found = volume(series(tmp_path, 4, always(ImageOrientationPatient=[-1, 0, 0, 0, 1, 0])))
    assert found.values == pytest.approx(values(4)[::-1], rel=ROUNDED)
    assert found.directions[2] == (0, 0, -1)
    assert found.origin_mm[2] == FIRST_MM[2] + 3 * STEP_MM


@pytest.mark.parametrize("angle_deg", [5.0, 0.3])
def test_tilted_slices_are_refused(tmp_path: Path, angle_deg: float) -> None:
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))

    def tilt(ds: FileDataset, k: int) -> None:
        ds.ImageOrientationPatient = [1, 0, 0, 0, float(f"{cos:.9f}"), float(f"{sin:.9f}")]
        normal = np.array([0, -sin, cos])
        ds.ImagePositionPatient = [float(f"{x:.6f}") for x in np.asarray(FIRST_MM) + k * STEP_MM * normal]

    refused = refusal(series(tmp_path, 4, tilt))
    assert refused.code == "oblique_slices"
    assert f"{angle_deg:.1f} degrees" in refused.reason


def test_a_tilt_of_rounding_is_let_pass(tmp_path: Path) -> None:
    found = volume(series(tmp_path, 4, always(ImageOrientationPatient=[1, 0, 0.0005, 0, 1, 0])))
    assert found.directions[0] == pytest.approx(
        (1, 0, 0.0005), abs=1e-6
    )  # normalised: half of 0.0005 squared


@pytest.mark.parametrize(
    ("cosines", "code"),
    [
        ([1, 0, 0, 0.1, 0.995, 0], "bad_header_value"),
        ([2, 0, 0, 0, 1, 0], "bad_header_value"),
        ([0, 0, 0, 0, 1, 0], "bad_header_value"),
        ([1, 0, 0], "no_position"),
        (None, "no_position"),
    ],
)
def test_directions_that_are_none(tmp_path: Path, cosines: list[float] | None, code: str) -> None:
    refused = refusal(series(tmp_path, 3, always(ImageOrientationPatient=cosines)))
    assert refused.code == code
    assert "2 more of these files" in refused.reason


def test_without_a_position(tmp_path: Path) -> None:
    assert refusal(series(tmp_path, 3, always(ImagePositionPatient=None))).code == "no_position"


# --- gaps, duplicates, drift ----------------------------------------------------------------------------


@pytest.mark.parametrize(("skip", "words"), [((3,), "lacks 1 slice(s)"), ((3, 4), "lacks 2 slice(s)")])
def test_a_gap_is_refused_with_its_place(tmp_path: Path, skip: tuple[int, ...], words: str) -> None:
    refused = refusal(series(tmp_path, 9, skip=skip))
    assert (refused.code, refused.file) == ("missing_slices", tmp_path.name)
    assert words in refused.reason
    after = FIRST_MM[2] + STEP_MM * (max(skip) + 1)
    assert f"between z = {FIRST_MM[2] + 2 * STEP_MM:.1f} and {after:.1f} mm" in refused.reason


def test_a_gap_among_few_slices(tmp_path: Path) -> None:
    assert refusal(series(tmp_path, 4, skip=(1,))).code == "missing_slices"


def test_slices_out_of_step(tmp_path: Path) -> None:
    def moved(ds: FileDataset, k: int) -> None:
        ds.ImagePositionPatient[2] += 0.9 if k >= 4 else 0.0

    refused = refusal(series(tmp_path, 8, moved))
    assert refused.code == "unequal_spacing"
    assert "3.90 mm apart between z = -91.5 and -87.6 mm, elsewhere 3.00 mm" in refused.reason


def test_steps_of_rounded_positions_are_even(tmp_path: Path) -> None:
    def rounded(ds: FileDataset, k: int) -> None:
        ds.ImagePositionPatient = [*FIRST_MM[:2], round(2.78 * k, 1)]  # steps of 2.7 and 2.8: 0.1 mm of 2.78

    def fine(ds: FileDataset, k: int) -> None:
        ds.ImagePositionPatient = [*FIRST_MM[:2], round(2.78 * k + 0.004, 2)]

    assert refusal(series(tmp_path / "a", 9, rounded)).code == "unequal_spacing"
    found = volume(series(tmp_path / "b", 9, fine))
    assert found.spacing_mm[0] == pytest.approx(2.78, abs=0.01 / 8)  # 8 steps between two rounded places


def test_the_step_is_the_mean_over_all_slices(tmp_path: Path) -> None:
    """Not one step, whose rounding would add up over the slices."""

    def rounded(ds: FileDataset, k: int) -> None:
        ds.ImagePositionPatient = [*FIRST_MM[:2], round(2.006 * k, 2)]

    found = volume(series(tmp_path, 11, rounded))
    assert found.spacing_mm[0] == pytest.approx(2.006, rel=1e-9)  # 20.06 mm in 10 steps, each of 2.00 or 2.01


def test_slices_missing_at_an_end_are_remarked(tmp_path: Path) -> None:
    found = volume(series(tmp_path, 8, skip=(6, 7)))
    assert codes(found) == ["fewer_slices"]
    assert "announces 8 slices, there are 6" in found.remarks[0].text


def test_the_same_slice_twice(tmp_path: Path) -> None:
    folder = series(tmp_path, 5)
    (folder / "copy").write_bytes((folder / "IM007").read_bytes())
    found = volume(folder)
    assert codes(found) == ["duplicate_slices"]
    assert found.values == pytest.approx(values(5), rel=ROUNDED)
    assert len(found.source.inputs) == 5


@pytest.mark.parametrize("what", ["pixels", "slope"])
def test_two_slices_at_one_place(tmp_path: Path, what: str) -> None:
    folder = series(tmp_path, 5)
    ds = pet_slice(2)
    if what == "pixels":
        ds.PixelData = stored(7).tobytes()
    else:
        ds.RescaleSlope = 3.5
    write(ds, folder / "other")
    refused = refusal(folder)
    assert refused.code == "duplicate_slices"
    assert "z = -94.5 mm (IM012 and other)" in refused.reason


def test_time_frames(tmp_path: Path) -> None:
    folder = series(tmp_path, 4)
    for k in range(4):
        ds = pet_slice(k)
        ds.PixelData = stored(k + 10).tobytes()
        write(ds, folder / f"later{k}")
    refused = refusal(folder)
    assert refused.code == "dynamic_series"
    assert "2 time frames or gates of 4 slices" in refused.reason


def test_slices_that_drift_aside(tmp_path: Path) -> None:
    def drifting(ds: FileDataset, k: int) -> None:
        ds.ImagePositionPatient[1] += 0.04 * k

    assert volume(series(tmp_path / "a", 3, drifting)).spacing_mm[0] == pytest.approx(STEP_MM)
    refused = refusal(series(tmp_path / "b", 5, drifting))
    assert refused.code == "sheared_slices"
    assert "at z = -91.5 mm 0.1 mm aside" in refused.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"PixelSpacing": [4.0, 2.6]}, "pixel size"),
        ({"ImageOrientationPatient": [0, 1, 0, -1, 0, 0]}, "orientation"),
        ({"FrameOfReferenceUID": "2.25.9"}, "frame of reference"),
        ({"Rows": COLUMNS, "Columns": ROWS}, "matrix"),
    ],
)
def test_slices_that_do_not_belong_together(tmp_path: Path, change: dict[str, object], words: str) -> None:
    def last(ds: FileDataset, k: int) -> None:
        if k == 4:
            always(**change)(ds, k)

    refused = refusal(series(tmp_path, 5, last))
    assert refused.code == "mixed_geometry"
    assert f"differ in {words};" in refused.reason


def test_one_slice(tmp_path: Path) -> None:
    refused = refusal(write(pet_slice(0), tmp_path / "slice.dcm"))
    assert (refused.code, refused.file, len(refused.sha256)) == ("one_slice", "slice.dcm", 64)


def test_projections(tmp_path: Path) -> None:
    change = always(SeriesType=["WHOLE BODY", "REPROJECTION"])
    assert refusal(series(tmp_path, 3, change)).code == "reprojection"


# --- slopes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "code"), [(0, "zero_slope"), (None, "no_slope"), (-0.5, "bad_header_value")]
)
def test_a_slope_that_is_none(tmp_path: Path, value: float | None, code: str) -> None:
    def last(ds: FileDataset, k: int) -> None:
        if k == 4:
            always(RescaleSlope=value)(ds, k)

    refused = refusal(series(tmp_path, 5, last))
    assert (refused.code, refused.file) == (code, tmp_path.name)
    assert "at z = -88.5 mm (IM022)" in refused.reason


def test_a_missing_intercept_is_none(tmp_path: Path) -> None:
    found = volume(series(tmp_path, 3, always(RescaleIntercept=None)))
    assert found.values == pytest.approx(np.stack([stored(k) * slope(k) for k in range(3)]), rel=ROUNDED)


def test_a_slope_that_is_no_number(tmp_path: Path) -> None:
    folder = series(tmp_path, 3)
    path = folder / "IM012"
    data = path.read_bytes()
    assert data.count(b"0.5 ") == 1
    path.write_bytes(data.replace(b"0.5 ", b"0,5 "))
    outcome = read(folder)
    assert [(one.file, one.code) for one in outcome.refused] == [("IM012", "bad_header_value")]


# --- multi-frame files ----------------------------------------------------------------------------------


def frames(step_mm: float | None, number: int = 4) -> FileDataset:
    ds = pet_slice(0)
    ds.NumberOfFrames, ds.NumberOfSlices = number, number
    ds.PixelData = b"".join(stored(k).tobytes() for k in range(number))
    ds["PixelData"].VR = "OW"
    if step_mm is not None:
        ds.SpacingBetweenSlices = step_mm
    return ds


@pytest.mark.parametrize(("step_mm", "order"), [(3.25, 1), (-3.25, -1)])
def test_one_file_of_many_frames(tmp_path: Path, step_mm: float, order: int) -> None:
    found = volume(write(frames(step_mm), tmp_path / "all.dcm"))
    expected = np.stack([stored(k) * slope(0) + intercept(0) for k in range(4)])
    assert found.values == pytest.approx(expected[::order], rel=ROUNDED)
    assert found.spacing_mm[0] == pytest.approx(3.25)
    assert found.origin_mm[2] == pytest.approx(FIRST_MM[2] + min(0, 3 * step_mm))
    assert len(found.source.inputs) == 1


def test_frames_in_another_order(tmp_path: Path) -> None:
    ds = frames(3.25)
    ds.SliceVector = [3, 1, 4, 2]
    found = volume(write(ds, tmp_path / "all.dcm"))
    expected = np.stack([stored(k) * slope(0) for k in (1, 3, 0, 2)])
    assert found.values == pytest.approx(expected, rel=ROUNDED)


@pytest.mark.parametrize(
    ("step_mm", "vector", "code"),
    [(None, None, "no_position"), (0, None, "no_position"), (3, [1, 1, 2, 3], "vector_mismatch")],
)
def test_frames_without_a_place(
    tmp_path: Path, step_mm: float | None, vector: list[int] | None, code: str
) -> None:
    ds = frames(step_mm)
    if vector:
        ds.SliceVector = vector
    assert refusal(write(ds, tmp_path / "all.dcm")).code == code


# --- which series ---------------------------------------------------------------------------------------


def two_series(folder: Path) -> Path:
    series(folder, 4)
    for k in range(3):
        ds = pet_slice(k, 3)
        of_other_series(ds, k)
        write(ds, folder / f"other{k}")
    return folder


def test_several_series_are_listed(tmp_path: Path) -> None:
    refused = refusal(two_series(tmp_path))
    assert (refused.code, refused.file) == ("several_series", tmp_path.name)
    assert f"{NAME} (4 slices of 8 x 10, OSEM:i3s15)" in refused.reason
    assert f"{OTHER_NAME} (3 slices of 8 x 10, BLOB-OS-TF)" in refused.reason
    assert "--series" in refused.reason


def test_one_series_is_chosen(tmp_path: Path) -> None:
    folder = two_series(tmp_path)
    assert volume(folder, series=[OTHER_NAME.upper()]).values.shape == (3, ROWS, COLUMNS)
    assert volume(folder, series=[NAME]).values.shape == (4, ROWS, COLUMNS)
    refused = refusal(folder, series=["00000000"])
    assert refused.code == "no_such_series"
    assert NAME in refused.reason
    assert OTHER_NAME in refused.reason


def test_several_series_are_chosen(tmp_path: Path) -> None:
    """In the order in which they are asked for, each once."""
    folder = two_series(tmp_path)
    for k in range(3):
        ds = pet_slice(k, 3)
        ds.SeriesInstanceUID = "2.25.888"
        write(ds, folder / f"third{k}")
    assert read(folder).volumes == ()
    outcome = read(folder, series=[OTHER_NAME, NAME, OTHER_NAME])
    assert outcome.refused == ()
    assert [found.series for found in outcome.volumes] == [OTHER_NAME, NAME]


def test_series_that_are_not_there(tmp_path: Path) -> None:
    """They stop no other; what was typed is shown as far as it can be printed."""
    outcome = read(two_series(tmp_path), series=["0\x1b[31m", NAME, "ffffffff"])
    assert [found.series for found in outcome.volumes] == [NAME]
    (refused,) = outcome.refused
    assert (refused.code, refused.file) == ("no_such_series", tmp_path.name)
    assert refused.reason.startswith(f"holds no series 0 [31m or ffffffff, but {NAME} (4 slices")
    assert "; choose of these with --series" in refused.reason


def test_all_series(tmp_path: Path) -> None:
    outcome = read(two_series(tmp_path), all_series=True)
    assert outcome.refused == ()
    assert [found.series for found in outcome.volumes] == [NAME, OTHER_NAME]


def test_a_bad_series_stops_no_other(tmp_path: Path) -> None:
    folder = two_series(tmp_path)
    ds = pet_slice(1)
    of_other_series(ds, 1)
    ds.RescaleSlope = 0
    write(ds, folder / "other1")
    outcome = read(folder, all_series=True)
    assert [found.series for found in outcome.volumes] == [NAME]
    assert [one.code for one in outcome.refused] == ["zero_slope"]


def test_each_folder_stands_for_itself(tmp_path: Path) -> None:
    first = series(tmp_path / "a", 4)
    second = series(tmp_path / "b", 3, of_other_series)
    outcome = read(second, first)
    assert outcome.refused == ()
    assert [found.series for found in outcome.volumes] == [OTHER_NAME, NAME]
    assert refusal(*first.iterdir(), *second.iterdir()).code == "several_series"


def test_a_folder_in_a_folder(tmp_path: Path) -> None:
    series(tmp_path / "study" / "series", 3)
    assert volume(tmp_path).values.shape == (3, ROWS, COLUMNS)
    series(tmp_path / "study" / "more", 3)
    refused = refusal(tmp_path)
    assert (refused.code, refused.file) == ("several_folders", tmp_path.name)


def test_a_folder_within_is_not_read(tmp_path: Path) -> None:
    series(tmp_path / "older", 3, of_other_series)
    assert volume(series(tmp_path, 4)).series == NAME


def test_what_lies_beside(tmp_path: Path) -> None:
    folder = series(tmp_path, 3)
    for name in ("fill.toml", "notes.TXT", ".hidden", "DICOMDIR"):
        (folder / name).write_bytes(b"hello")
    assert volume(folder).values.shape == (3, ROWS, COLUMNS)


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "fill.toml").write_bytes(b"")
    refused = refusal(tmp_path)
    assert (refused.code, refused.file) == ("no_images", tmp_path.name)


# --- what is refused ------------------------------------------------------------------------------------


def test_other_images_are_counted(tmp_path: Path) -> None:
    folder = series(tmp_path, 4)
    write_ct(folder, 30)
    (folder / "empty").write_bytes(b"")
    outcome = read(folder)
    assert len(outcome.volumes) == 1
    assert [(one.file, one.code) for one in outcome.refused] == [
        ("CT000", "not_a_pet_image"),
        ("empty", "not_dicom"),
    ]
    assert "is a CT image; " in outcome.refused[0].reason
    assert "29 more of these files" in outcome.refused[0].reason


def test_a_ct_series(tmp_path: Path) -> None:
    write_ct(tmp_path, 5)
    assert refusal(tmp_path).code == "not_a_pet_image"


@pytest.mark.parametrize("sop_class", ["1.2.840.10008.5.1.4.1.1.130", "1.2.840.10008.5.1.4.1.1.128.1"])
def test_enhanced_pet(tmp_path: Path, sop_class: str) -> None:
    ds = pet_slice(0)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = sop_class
    refused = refusal(write(ds, tmp_path / "enhanced.dcm"))
    assert refused.code == "enhanced_pet"
    assert "one file a slice" in refused.reason


def test_the_private_transfer_syntax_of_philips(tmp_path: Path) -> None:
    path = write(pet_slice(0), tmp_path / "slice")
    data = path.read_bytes()
    uid = b"1.2.840.10008.1.2.1\0"
    assert data.count(uid) == 1
    path.write_bytes(data.replace(uid, b"1.3.46.670589.33.1.4"))
    refused = refusal(path)
    assert refused.code == "transfer_syntax"
    assert "Explicit VR Little Endian" in refused.reason


def test_a_colour_picture(tmp_path: Path) -> None:
    ds = pet_slice(0)
    ds.SamplesPerPixel = 3
    assert refusal(write(ds, tmp_path / "slice")).code == "not_a_pet_image"


def test_a_truncated_slice(tmp_path: Path) -> None:
    folder = series(tmp_path, 6)
    path = folder / "IM012"
    path.write_bytes(path.read_bytes()[:-40])
    outcome = read(folder)
    assert outcome.volumes == ()
    assert {(one.file, one.code) for one in outcome.refused} == {
        ("IM012", "truncated"),
        (folder.name, "missing_slices"),
    }


def test_what_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none").code == "missing"


def test_pixel_size_of_the_user(tmp_path: Path) -> None:
    folder = series(tmp_path, 3, always(PixelSpacing=None))
    refused = refusal(folder)
    assert (refused.code, "export the series anew" in refused.reason) == ("pixel_size_missing", True)
    found = volume(folder, pixel_mm=(4.0, 2.5))
    assert found.spacing_mm[1:] == (4.0, 2.5)
    assert codes(found) == ["nonstandard"]


# --- what is said of it ---------------------------------------------------------------------------------


def test_corrections_that_are_not_named(tmp_path: Path) -> None:
    found = volume(series(tmp_path / "a", 3, always(CorrectedImage=["DECY", "ATTN", "RANSNG", "SLSENS"])))
    assert codes(found) == ["corrections_missing"]
    assert "scatter, dead time, the detectors' differing efficiency" in found.remarks[0].text
    assert "randoms" not in found.remarks[0].text
    assert found.corrections == ("DECY", "ATTN")


def test_a_scanner_without_a_name(tmp_path: Path) -> None:
    found = volume(series(tmp_path, 3, always(StationName=None, DeviceSerialNumber=None)))
    assert (found.source.system.unit, codes(found)) == ("unidentified", ["unit_unidentified"])


def test_durations_that_differ(tmp_path: Path) -> None:
    def longer(ds: FileDataset, k: int) -> None:
        ds.ActualFrameDuration = 1000 * (400 + k)

    assert volume(series(tmp_path, 3, longer)).duration_s is None


def test_names_can_be_hidden(tmp_path: Path) -> None:
    folder = two_series(tmp_path)
    refused = refusal(folder, show_file_names=False)
    assert refused.file == "input 1"
    found = volume(folder, show_file_names=False, series=[NAME])
    assert all(one.file == one.sha256[:12] for one in found.source.inputs)


def identified(*paths: Path, **options: object) -> tuple[Identity, ...]:
    return identify(list(paths), ReadOptions(**options))  # type: ignore[arg-type]


def test_identify_a_folder(tmp_path: Path) -> None:
    (found,) = identified(series(tmp_path / "a", 4))
    assert (found.file, found.content, found.refused, found.sha256) == ("a", "a PET series", None, "")
    assert (found.matrix, found.spacing_mm, found.step_mm) == ((8, 10), (4.0, 2.5), pytest.approx(3.0))
    assert (found.frames, found.files, found.places) == (4, 4, (1,))
    assert (found.series, found.unit) == (NAME, "Bq/mL")
    assert (found.radionuclide, found.reconstruction) == ("F-18", "OSEM:i3s15")
    assert found.tracer is not None
    assert (found.tracer.decay_correction, found.tracer.reference) == ("START", "2026-11-16T10:15:00")
    assert found.volume is not None
    assert found.volume.values == pytest.approx(values(4), rel=ROUNDED)


def test_identify_the_series_of_a_folder(tmp_path: Path) -> None:
    """One entry each; what else lies there is said once."""
    folder = two_series(tmp_path / "b")
    write_ct(folder, 7)
    first, second, ct = identified(folder)
    assert [(one.file, one.series, one.frames) for one in (first, second)] == [
        ("b", NAME, 4),
        ("b", OTHER_NAME, 3),
    ]
    assert ct.refused is not None
    assert (ct.file, ct.content, ct.refused.code) == ("CT000", "another kind of image", "not_a_pet_image")
    assert "6 more of these files" in ct.refused.reason


def test_identify_the_files_of_series(tmp_path: Path) -> None:
    """Files named one by one, two series among each other and something else between them."""
    files = sorted(two_series(tmp_path).iterdir())
    text = tmp_path / "text"
    text.write_bytes(b"hello")
    first, other, second = identified(files[0], text, files[4], *files[1:4], *files[5:])
    assert (first.file, first.series, first.frames, first.places) == ("IM002", NAME, 4, (1, 4, 5, 6))
    assert (other.content, other.places) == ("not DICOM", (2,))
    assert (second.file, second.series, second.frames) == ("other0", OTHER_NAME, 3)
    assert second.places == (3, 7, 8)
    assert first.volume is not None
    assert first.volume.values == pytest.approx(values(4), rel=ROUNDED)


def test_identify_one_slice(tmp_path: Path) -> None:
    (one,) = identified(series(tmp_path, 4) / "IM002")
    assert (one.content, one.series, one.frames, one.volume) == ("a PET image", NAME, None, None)
    assert one.refused is not None
    assert one.refused.code == "not_an_nm_image"
    assert "nmqc pet FOLDER" in one.refused.reason


def test_identify_one_file_of_many_frames(tmp_path: Path) -> None:
    (found,) = identified(write(frames(3.0, 5), tmp_path / "series.dcm"))
    assert (found.content, found.file, found.frames, found.files) == ("a PET series", "series.dcm", 5, 1)


def test_identify_a_series_that_would_be_refused(tmp_path: Path) -> None:
    folder = series(tmp_path / "a", 6, skip=(2,))
    (found,) = identified(folder)
    assert found.refused is not None
    assert (found.content, found.refused.code, found.volume) == ("a PET series", "missing_slices", None)
    assert (found.series, found.frames, found.radionuclide) == (NAME, 5, "F-18")
    assert found.system is not None
    assert found.system.name == "vereos"
    (by_files,) = identified(*sorted(folder.iterdir()))
    assert by_files.refused is not None
    assert (by_files.file, by_files.refused.code) == ("IM002", "missing_slices")


def test_identify_slices_that_are_all_refused(tmp_path: Path) -> None:
    """One entry that counts them."""
    folder = series(tmp_path, 6, always(ImagePositionPatient=None))
    (found,) = identified(*sorted(folder.iterdir()))
    assert found.refused is not None
    assert (found.file, found.refused.code) == ("IM002", "no_position")
    assert "5 more of these files" in found.refused.reason


def test_identify_names_that_are_hidden(tmp_path: Path) -> None:
    folder = series(tmp_path / "DOE", 3)
    text = tmp_path / "text"
    text.write_bytes(b"hello")
    hidden, found = identified(text, folder, show_file_names=False)
    assert (hidden.file, found.file) == (hidden.sha256[:12], "input 2")


# --- nothing of a person --------------------------------------------------------------------------------

SECRET = "DOE^JANE"


def test_no_planted_value_comes_out(tmp_path: Path) -> None:
    def plant(ds: FileDataset, k: int) -> None:
        for keyword in (
            *("PatientName", "PatientID", "PatientComments", "InstitutionName", "OperatorsName", "StudyID"),
            *("SeriesDescription", "StudyDescription", "ProtocolName", "ImageComments", "AccessionNumber"),
            *(
                "ReferringPhysicianName",
                "StationName",
                "DeviceSerialNumber",
                "SeriesType",
                "Units",
                "SUVType",
            ),
            *("DecayCorrection", "CorrectedImage", "SeriesDate", "AcquisitionTime", "PatientWeight"),
        ):
            ds.add_new(tag_for_keyword(keyword), "LO", SECRET)
        ds.RadiopharmaceuticalInformationSequence[0].Radiopharmaceutical = SECRET
        ds.SeriesInstanceUID = f"2.25.555{k // 2}"

    folder = series(tmp_path / "series", 4, plant)
    outcome = read(folder, all_series=True)
    said = repr(outcome) + repr(read(folder)) + repr(identify([folder], ReadOptions()))
    assert len(outcome.volumes) == 2
    assert "DOE" not in said
    assert "JANE" not in said
    assert "2.25.555" not in said


def test_warnings_quote_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    folder = series(tmp_path / "series", 20)
    path = folder / "IM007"
    data = path.read_bytes()
    assert data.count(b"20261116") >= 1
    path.write_bytes(data.replace(b"2.25.200", b"DOE^JANE").replace(b"20261116", b"DOE^JANE"))
    outcome = read(folder)
    said = repr(outcome) + "".join(capfd.readouterr()) + "".join(str(one.message) for one in recwarn)
    assert len(outcome.volumes) == 1
    assert "DOE" not in said
