"""NEMA NU 1, 2.4: the published vectors, the slow twin on random images, and what must not change the answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.grid import Axis
from nmqc.measure.outline import half_inside, rectangle
from nmqc.uniformity.indices import (
    INDEX_NAMES,
    Fields,
    StrictFields,
    all_indices,
    differential,
    extremes,
    integral,
    outer_ring,
    smooth,
    strict_fields,
    windows,
)
from tests.reference import uniformity as slow

Mask = NDArray[np.bool_]
# No noise: the sums are of whole numbers, one division each.
EXACT: dict[str, Any] = {"rel": 1e-12, "abs": 1e-12}
# The vectors are printed to seven decimals.
PRINTED: dict[str, Any] = {"rel": 0, "abs": 5.1e-8}
FIELD_NAMES = ("ufov", "cfov")


def whole_matrix(rows: int, columns: int) -> tuple[Mask, Mask]:
    """Return UFOV and CFOV where the whole matrix, of 6.4 mm pixels, is the UFOV."""
    field = rectangle((0.0, 0.0), 6.4 * columns, 6.4 * rows)
    axes = Axis.of_matrix(rows, 6.4), Axis.of_matrix(columns, 6.4)
    return half_inside(field, *axes), half_inside(field.scaled(0.75), *axes)


def strict(image: NDArray[Any]) -> tuple[StrictFields, NDArray[Any], dict[str, float]]:
    """Return what the literal reading leaves of a matrix that is all field, the smoothed image, the indices."""
    left = strict_fields(image, *whole_matrix(*image.shape))
    smoothed = smooth(image, left.fields.ufov)
    return left, smoothed, {name: float(v) for name, v in all_indices(smoothed, left.fields).items()}


def flat(rows: int, columns: int) -> NDArray[np.int64]:
    return np.full((rows, columns), 10_000)


# --- the vectors ----------------------------------------------------------------------------------------


def test_vector_1_constant_flood() -> None:
    left, smoothed, found = strict(flat(100, 100))
    assert set(found.values()) == {0.0}
    assert (smoothed == 10_000).all()
    assert left.fields.cfov.sum() == 5772
    assert (left.removed_edge, left.removed_neighbour) == (0, 0)


def test_vector_2_one_warm_pixel() -> None:
    image = flat(40, 60)
    image[17, 41] = 11_000
    _, smoothed, found = strict(image)
    assert smoothed[17, 41] == 10_250
    assert found == pytest.approx(dict.fromkeys(found, 100 * 250 / 20_250), **EXACT)
    assert found["integral.ufov"] == pytest.approx(1.2345679, **PRINTED)


@pytest.mark.parametrize("turned", [False, True])
def test_vector_3_ramp(turned: bool) -> None:
    image = flat(40, 60) + 10 * np.arange(60)
    _, smoothed, found = strict(image.T if turned else image)
    smoothed = smoothed.T if turned else smoothed
    rising, level = ("differential_y", "differential_x") if turned else ("differential_x", "differential_y")
    assert smoothed[:, 0] == pytest.approx(np.full(40, 10_003 + 1 / 3), **EXACT)
    assert smoothed[:, 59] == pytest.approx(np.full(40, 10_586 + 2 / 3), **EXACT)
    assert found["integral.ufov"] == pytest.approx(2.8330905, **PRINTED)
    assert found[f"{rising}.ufov"] == pytest.approx(0.1994018, **PRINTED)
    assert found[f"{rising}.ufov"] == pytest.approx(100 * 40 / (10_010 + 10_050), **EXACT)
    assert found[f"{level}.ufov"] == 0
    assert found["differential.ufov"] == found[f"{rising}.ufov"]


def test_vector_4_warm_corner() -> None:
    image = flat(40, 60)
    image[0, 0] = 11_000
    _, smoothed, found = strict(image)
    assert smoothed[0, 0] == pytest.approx(10_444 + 4 / 9, **EXACT)
    assert found["integral.ufov"] == pytest.approx(2.1739130, **PRINTED)
    assert found["integral.cfov"] == 0


@pytest.mark.parametrize("turned", [False, True])
def test_vector_5_one_cold_line(turned: bool) -> None:
    image = flat(60, 40) if turned else flat(40, 60)
    (image.T if turned else image)[:, 22] = 9_900
    _, _, found = strict(image)
    across, along = ("differential_y", "differential_x") if turned else ("differential_x", "differential_y")
    assert found["integral.ufov"] == pytest.approx(0.2506266, **PRINTED)
    assert found[f"{across}.ufov"] == pytest.approx(0.2506266, **PRINTED)
    assert found[f"{along}.ufov"] == 0


def test_vector_6_cold_border_is_removed_in_a_single_pass() -> None:
    image = np.full((100, 100), 50)
    image[4:-4, 4:-4] = 10_000
    left, _, found = strict(image)
    assert (left.removed_edge, left.removed_neighbour) == (396, 388)
    assert left.fields.ufov.sum() == 96 * 96
    for name, value in found.items():
        assert value == (0 if name.endswith("cfov") else pytest.approx(99.0049751, **PRINTED))


def test_vector_8_twenty_poisson_floods() -> None:
    whole = whole_matrix(60, 83)
    values = []
    for seed in range(20):
        image = np.random.default_rng(seed).poisson(10_000, (60, 83))
        left = strict_fields(image, *whole)
        values.append(float(integral(smooth(image, left.fields.ufov), left.fields.ufov)))
    # The vector's own range for a flood, and its mean: 0.12 is the scatter of one, 20 floods here and there.
    assert all(1.1 <= value <= 1.8 for value in values)
    assert np.mean(values) == pytest.approx(1.39, abs=3 * 0.12 * (2 / 20) ** 0.5)


def test_vector_9_cold_ring_and_one_cold_pixel() -> None:
    image = np.full((100, 100), 5_000)
    image[1:-1, 1:-1] = 10_000
    image[12, 50] = 5_000
    left, _, found = strict(image)
    assert (left.removed_edge, left.removed_neighbour) == (396, 388)
    assert found["integral.cfov"] == pytest.approx(6.6666667, **PRINTED)
    assert found["integral.ufov"] == pytest.approx(6.6666667, **PRINTED)


# --- the slow twin --------------------------------------------------------------------------------------


def random_flood(seed: int) -> tuple[NDArray[np.int64], Mask, Mask]:
    """Return counts with zeros and lines among them, and ragged fields that are no rectangles."""
    random = np.random.default_rng(seed)
    shape = tuple(int(size) for size in random.integers(9, 21, 2))
    level = [3, 300, 40_000][seed % 3]
    image = random.poisson(level, shape)
    image[random.random(shape) < 0.03] = 0
    image[:, int(random.integers(shape[1]))] //= 2
    image[int(random.integers(shape[0]))] //= 3
    row, column = np.indices(shape)
    middle = np.array(shape) / 2 + random.uniform(-1, 1, 2)
    radius = ((row - middle[0]) / shape[0]) ** 2 + ((column - middle[1]) / shape[1]) ** 2
    ufov = (radius < 0.23) & (random.random(shape) > 0.02)
    central = 0.13 if seed % 5 else 0.03  # the small ones have no run of five
    return image, ufov, (radius < central) & (random.random(shape) > 0.01)


def compare(found: dict[str, Any], smoothed: NDArray[Any], fields: Fields, expected: dict[str, Any]) -> None:
    np.testing.assert_allclose(smoothed, expected["smoothed"], rtol=1e-14, atol=0)  # one division each
    for field_name, mask in fields.each():
        for index in INDEX_NAMES:
            value = expected[field_name][index]
            assert found[f"{index}.{field_name}"] == pytest.approx(value, **EXACT), (index, field_name)
        places = extremes(smoothed, mask)
        for what in ("max", "min"):  # of equal extremes either may be named
            there = smoothed[expected[field_name][what]]
            assert mask[places[what].first]
            assert smoothed[places[what].first] == pytest.approx(there, **EXACT)
        for what, axis in (("worst window, x", 1), ("worst window, y", 0)):
            (top, left), (bottom, right) = places[what].first, places[what].last
            assert (bottom - top, right - left) == ((0, 4) if axis else (4, 0))
            run, inside = (array[top : bottom + 1, left : right + 1] for array in (smoothed, mask))
            assert inside.all()
            high, low = run.max(), run.min()
            spread = 100 * (high - low) / (high + low) if high > 0 else 0.0
            name = f"differential_{'x' if axis else 'y'}"
            assert spread == pytest.approx(expected[field_name][name], **EXACT)


@pytest.mark.parametrize("seed", range(45))
def test_nothing_removed_agrees_with_the_slow_twin(seed: int) -> None:
    image, ufov, cfov = random_flood(seed)
    fields = Fields(ufov, ufov & cfov)
    expected = slow.plain(image, ufov, cfov)
    smoothed = smooth(image, ufov)
    missing = [
        field_name
        for field_name in FIELD_NAMES
        if None in (expected[field_name]["differential_x"], expected[field_name]["differential_y"])
    ]
    if missing:
        with pytest.raises(CannotMeasure, match="run of five") as refusal:
            all_indices(smoothed, fields)
        assert refusal.value.code == "no_window"
        return
    compare(all_indices(smoothed, fields), smoothed, fields, expected)


@pytest.mark.parametrize("seed", range(45))
def test_literal_reading_agrees_with_the_slow_twin(seed: int) -> None:
    random = np.random.default_rng(1000 + seed)
    shape = (int(random.integers(16, 22)), int(random.integers(18, 26)))
    image = random.poisson([40, 2000, 60_000][seed % 3], shape)
    image[random.random(shape) < 0.01] = 0
    ufov = np.ones(shape, bool)
    ufov[: 2 + seed % 3, : 1 + seed % 4] = ufov[-1, 5:] = False
    ufov[-3:, -2:] = False
    ring = np.argwhere(outer_ring(ufov))
    for row, column in random.permutation(ring)[:6]:
        image[row, column] = image[row, column] * 2 // 3
    cfov = np.zeros(shape, bool)
    cfov[3:-3, 2:-4] = True
    expected = slow.strict(image, ufov, cfov)
    if expected["kept_fraction"] < 0.8:
        with pytest.raises(CannotMeasure, match="80 %"):
            strict_fields(image, ufov, cfov)
        return
    left = strict_fields(image, ufov, cfov)
    np.testing.assert_array_equal(left.fields.ufov, expected["analysed"])
    np.testing.assert_array_equal(left.fields.cfov, expected["analysed"] & cfov)
    removed = expected["removed_step4"].sum(), expected["removed_step5"].sum()
    assert (left.removed_edge, left.removed_neighbour) == removed
    smoothed = smooth(image, left.fields.ufov)
    compare(all_indices(smoothed, left.fields), smoothed, left.fields, expected)


def test_random_images_exercise_every_case() -> None:
    floods = [random_flood(seed) for seed in range(45)]
    assert any((image[ufov] == 0).any() for image, ufov, _ in floods)
    runs = [windows(ufov & cfov, axis).any() for _, ufov, cfov in floods for axis in (0, 1)]
    assert any(runs)
    assert not all(runs)
    assert any((ufov & ~cfov).any() and (cfov & ~ufov).any() for _, ufov, cfov in floods)


@pytest.mark.parametrize("seed", [1, 4])
def test_outer_ring_is_that_of_the_slow_twin(seed: int) -> None:
    _, ufov, _ = random_flood(seed)
    np.testing.assert_array_equal(outer_ring(ufov), slow.edge_pixels(ufov))


# --- what must not change the answer, and what must -----------------------------------------------------


def usable_flood() -> tuple[NDArray[np.int64], Fields]:
    """Return a flood on an L-shaped field, with zeros inside and rubbish outside."""
    random = np.random.default_rng(7)
    image = random.poisson(800, (23, 31))
    ufov = np.zeros((23, 31), bool)
    ufov[2:20, 3:28] = True
    ufov[2:8, 18:] = False
    image[10, 9] = 0
    cfov = np.zeros_like(ufov)
    cfov[5:17, 6:22] = True
    return image, Fields(ufov, ufov & cfov)


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.float64])
def test_stack_gives_what_each_image_gives(kind: type) -> None:
    image, fields = usable_flood()
    random = np.random.default_rng(8)
    stack = random.poisson(image, (2, 3, *image.shape)).astype(kind)
    together = all_indices(smooth(stack, fields.ufov), fields)
    for place in np.ndindex(2, 3):
        alone = all_indices(smooth(stack[place], fields.ufov), fields)
        assert {name: values[place] for name, values in together.items()} == alone


def test_masks_of_a_stack_are_each_its_own() -> None:
    image, fields = usable_flood()
    other = Fields(np.roll(fields.ufov, 1, axis=1), np.roll(fields.cfov, 1, axis=1))
    both = Fields(np.stack([fields.ufov, other.ufov]), np.stack([fields.cfov, other.cfov]))
    together = all_indices(smooth(np.stack([image, image]), both.ufov), both)
    for number, one in enumerate((fields, other)):
        alone = all_indices(smooth(image, one.ufov), one)
        assert {name: values[number] for name, values in together.items()} == alone


def test_transposed_image_swaps_x_and_y_exactly() -> None:
    image, fields = usable_flood()
    found = all_indices(smooth(image, fields.ufov), fields)
    turned_fields = Fields(fields.ufov.T, fields.cfov.T)
    turned = all_indices(smooth(image.T, turned_fields.ufov), turned_fields)
    swapped = {"differential_x": "differential_y", "differential_y": "differential_x"}
    for name, value in found.items():
        index, field_name = name.split(".")
        assert turned[f"{swapped.get(index, index)}.{field_name}"] == value
    assert found["differential_x.ufov"] != found["differential_y.ufov"]


def test_counts_outside_the_field_do_not_matter() -> None:
    image, fields = usable_flood()
    found = all_indices(smooth(image, fields.ufov), fields)
    for rubbish in (0, 10**6):
        other = np.where(fields.ufov, image, rubbish)
        assert all_indices(smooth(other, fields.ufov), fields) == found


def test_counts_doubled_give_the_same() -> None:
    image, fields = usable_flood()
    assert all_indices(smooth(2 * image, fields.ufov), fields) == all_indices(
        smooth(image, fields.ufov), fields
    )


def test_input_is_left_as_it_was() -> None:
    image, fields = usable_flood()
    before = image.copy()
    for array in (image, fields.ufov, fields.cfov):
        array.flags.writeable = False
    smoothed = smooth(image, fields.ufov)
    smoothed.flags.writeable = False
    all_indices(smoothed, fields)
    extremes(smoothed, fields.ufov)
    strict_fields(np.maximum(image, 1), fields.ufov, fields.cfov)
    np.testing.assert_array_equal(image, before)


def test_cfov_is_smoothed_with_its_neighbours_in_the_ufov() -> None:
    image = np.full((15, 17), 1600)
    fields = Fields(np.ones(image.shape, bool), np.zeros(image.shape, bool))
    fields.cfov[4:11, 4:13] = True
    image[3, 8] = 2400  # outside the CFOV, beside it: 2/16 of 800 enter pixel (4, 8)
    found = all_indices(smooth(image, fields.ufov), fields)
    assert found["integral.cfov"] == pytest.approx(100 * 100 / 3300, **EXACT)


def test_dead_patch_is_measured_and_reaches_a_hundred() -> None:
    rows = []
    for gain in np.linspace(1, 0, 21):
        image = np.full((30, 40), 10_000.0)
        image[12:15, 20:23] *= gain
        fields = Fields(*whole_matrix(30, 40))
        found = all_indices(smooth(image, fields.ufov), fields)
        rows.append(found)
        assert found["integral.ufov"] == pytest.approx(100 * (1 - gain) / (1 + gain), **EXACT)
        assert found["integral.cfov"] == found["integral.ufov"]
    for name in rows[0]:
        values = [float(found[name]) for found in rows]
        assert all(np.diff(values) > 0)
        assert (values[0], values[-1]) == (0, 100)


def test_literal_reading_hides_a_dead_patch() -> None:
    image = np.full((30, 40), 10_000)
    image[12:15, 20:23] = 0
    left, _, found = strict(image)
    assert found["integral.ufov"] == 0
    assert left.removed_neighbour == 9 + 12


@pytest.mark.parametrize(("counts", "removed"), [(7_500, 0), (7_499, 1)])
def test_three_quarters_are_enough_for_an_edge_pixel(counts: int, removed: int) -> None:
    image = flat(20, 30)
    image[0, 11] = counts
    assert strict(image)[0].removed_edge == removed
    image[0, 11], image[7, 11] = 10_000, counts  # not an edge pixel: it stays
    assert strict(image)[0].removed_edge == 0


@pytest.mark.parametrize(("columns", "left"), [(5, 1 - 6 / 30), (6, 1 - 7 / 30)])
def test_literal_reading_that_leaves_too_little_is_refused(columns: int, left: float) -> None:
    image = flat(20, 30)
    image[:, :columns] = 0  # and with them the next column
    if left >= 0.8:
        assert strict(image)[0].fields.ufov.mean() == pytest.approx(left)
        return
    with pytest.raises(CannotMeasure, match="80 %") as refusal:
        strict(image)
    assert refusal.value.code == "field_not_filled"


# --- nothing to measure ---------------------------------------------------------------------------------


def test_empty_fields_and_empty_images_are_refused() -> None:
    image, fields = usable_flood()
    nothing = np.zeros_like(fields.ufov)
    for measure, code in (
        (lambda: integral(smooth(image, fields.ufov), nothing), "empty_field"),
        (lambda: differential(smooth(image, fields.ufov), nothing, 1), "no_window"),
        (lambda: integral(smooth(0 * image, fields.ufov), fields.ufov), "no_counts"),
        (lambda: strict_fields(image, fields.ufov, nothing), "empty_field"),
    ):
        with pytest.raises(CannotMeasure) as refusal:
            measure()
        assert refusal.value.code == code


def test_one_empty_image_of_a_stack_is_refused() -> None:
    image, fields = usable_flood()
    with pytest.raises(CannotMeasure, match="no count"):
        all_indices(smooth(np.stack([image, 0 * image]), fields.ufov), fields)


def test_a_line_of_four_pixels_has_no_window() -> None:
    mask = np.zeros((9, 9), bool)
    mask[4, 2:6] = True
    assert not windows(mask, 1).any()
    mask[4, 6] = True
    assert np.argwhere(windows(mask, 1)).tolist() == [[4, 2]]
    assert not windows(mask, 0).any()
