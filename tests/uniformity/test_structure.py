"""Spread, rows, columns, tilt, centre against edge: closed forms, the slow twin, and errors against the scatter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.uniformity.flood import Options, prepare
from nmqc.uniformity.indices import Fields
from nmqc.uniformity.noise import thinning
from nmqc.uniformity.structure import (
    centre_to_edge,
    column_uniformity,
    row_uniformity,
    shapes,
    structural_variation,
    tilt,
    variation,
)
from phantoms.defects import LinearGradient
from phantoms.fields import Rectangle
from phantoms.flood import Flood, Head
from tests.exam.acquisitions import acquisition
from tests.reference import uniformity as slow

Mask = NDArray[np.bool_]
EXACT: dict[str, Any] = {"rel": 1e-11, "abs": 1e-11}  # no noise: arithmetic only, a few thousand sums


def rectangle(rows: int, columns: int) -> Mask:
    """Return a field of rows x columns pixels in a larger matrix, not in its middle."""
    mask = np.zeros((rows + 7, columns + 9), bool)
    mask[2 : rows + 2, 6 : columns + 6] = True
    return mask


def plane(mask: Mask, per_row: float, per_column: float, level: float = 1000.0) -> NDArray[np.float64]:
    """Return a plane that has its level in the middle of a rectangular field."""
    row, column = np.indices(mask.shape)
    middle_row, middle_column = np.argwhere(mask).mean(axis=0)
    return level * (1 + per_row * (row - middle_row) + per_column * (column - middle_column))


def lopsided() -> tuple[NDArray[np.int64], Mask, Mask]:
    """Return counts on an L-shaped field with a hole, and a central field."""
    mask = rectangle(19, 26)
    mask[2:9, 20:] = mask[12, 11] = False
    central = np.zeros_like(mask)
    central[6:16, 9:24] = True
    image = np.random.default_rng(3).poisson(plane(mask, 0.01, -0.004, 700.0).clip(1))
    image[~mask] = 10**6  # outside: it does not matter
    return image, mask, central


# --- closed forms ---------------------------------------------------------------------------------------


def test_rows_and_columns_of_a_plane() -> None:
    mask = rectangle(17, 24)
    image = plane(mask, 2.0e-3, -1.1e-3)
    # Means of lines are linear: their extremes lie (n - 1) / 2 lines from the middle.
    assert row_uniformity(image, mask) == pytest.approx(100 * 2.0e-3 * 8, **EXACT)
    assert column_uniformity(image, mask) == pytest.approx(100 * 1.1e-3 * 11.5, **EXACT)


def test_tilt_of_a_plane() -> None:
    mask = rectangle(17, 24)
    expected = 100 * (2.0e-3 * 16 + 1.1e-3 * 23)  # from corner to corner, over the mean
    assert tilt(plane(mask, 2.0e-3, -1.1e-3), mask) == pytest.approx(expected, **EXACT)
    assert tilt(plane(mask, 2.0e-3, 0.0), mask) == pytest.approx(100 * 2.0e-3 * 16, **EXACT)
    assert tilt(plane(mask, 0.0, 0.0), mask) == pytest.approx(0.0, abs=1e-11)  # arithmetic only


def test_tilt_does_not_see_what_is_even_about_the_middle() -> None:
    mask = rectangle(17, 24)
    row, column = np.indices(mask.shape)
    bowl = 1 + 1e-3 * (row - 10.0) ** 2 + 2e-3 * (column - 17.5) ** 2
    # The field's middle is row 10, column 17.5: a bowl about it has no slope.
    assert tilt(bowl, mask) == pytest.approx(0.0, abs=1e-10)  # arithmetic only
    both = plane(mask, 3e-3, 1e-3, 1.0) + bowl - 1
    expected = 100 * (3e-3 * 16 + 1e-3 * 23) / both[mask].mean()
    assert tilt(both, mask) == pytest.approx(expected, **EXACT)


def test_centre_to_edge_of_two_levels() -> None:
    ufov, cfov = rectangle(20, 30), np.zeros((27, 39), bool)
    cfov[5:17, 9:28] = True
    image = np.where(cfov, 1050.0, 1000.0)
    assert centre_to_edge(image, ufov, cfov) == pytest.approx(5.0, **EXACT)
    assert centre_to_edge(2050 - image, ufov, cfov) == pytest.approx(100 * (1000 / 1050 - 1), **EXACT)


def test_variation_of_a_chessboard() -> None:
    mask = rectangle(10, 12)
    image = np.where(np.indices(mask.shape).sum(axis=0) % 2, 10_300.0, 9_700.0)
    expected = 3 * (120 / 119) ** 0.5  # of 120 pixels, with n - 1
    assert variation(image, mask)[0] == pytest.approx(expected, **EXACT)
    structure = (expected**2 - 1e4 / 10_000) ** 0.5
    assert structural_variation(image, mask)[0] == pytest.approx(structure, **EXACT)


def test_even_field_has_no_variation() -> None:
    mask = rectangle(10, 12)
    assert variation(np.full(mask.shape, 400), mask) == (0.0, 0.0)
    value, error = structural_variation(np.full(mask.shape, 400), mask)
    assert value == 0
    assert error > 0


def test_dead_row_is_seen_by_rows_alone() -> None:
    mask = rectangle(17, 24)
    image = np.full(mask.shape, 500)
    image[9] = 0
    assert row_uniformity(image, mask) == 100
    assert column_uniformity(image, mask) == 0


def test_short_lines_do_not_count() -> None:
    mask = rectangle(17, 24)
    mask[2, 6:19] = False  # 11 of 24 left
    image = np.full(mask.shape, 500)
    image[2] = 0
    assert row_uniformity(image, mask) == 0
    mask[2, 18] = True  # 12 of 24: half
    assert row_uniformity(image, mask) == 100


# --- the slow twin --------------------------------------------------------------------------------------


def test_all_agree_with_the_slow_twin_on_a_lopsided_field() -> None:
    image, mask, central = lopsided()
    assert row_uniformity(image, mask) == pytest.approx(slow.row_uniformity(image, mask), **EXACT)
    assert column_uniformity(image, mask) == pytest.approx(slow.column_uniformity(image, mask), **EXACT)
    assert tilt(image, mask) == pytest.approx(slow.plane_tilt(image, mask), **EXACT)
    found = centre_to_edge(image, mask, mask & central)
    assert found == pytest.approx(slow.centre_to_edge(image, mask, central), **EXACT)
    for region in (mask, mask & central):
        assert variation(image, region)[0] == pytest.approx(
            slow.coefficient_of_variation(image, region), **EXACT
        )
        assert structural_variation(image, region)[0] == pytest.approx(
            slow.structural_cov(image, region), rel=1e-9, abs=1e-9
        )


def test_transposed_image_swaps_rows_and_columns() -> None:
    image, mask, central = lopsided()
    found = shapes(image, Fields(mask, mask & central))
    turned = shapes(image.T, Fields(mask.T, (mask & central).T))
    assert turned["rows"] == pytest.approx(float(found["columns"]), **EXACT)
    assert turned["columns"] == pytest.approx(float(found["rows"]), **EXACT)
    for name in ("tilt", "centre_to_edge"):
        assert turned[name] == pytest.approx(float(found[name]), **EXACT)
    assert found["rows"] != pytest.approx(float(found["columns"]), rel=0.05)


def test_stack_gives_what_each_image_gives() -> None:
    image, mask, central = lopsided()
    fields = Fields(mask, mask & central)
    stack = np.random.default_rng(4).poisson(np.minimum(image, 2000), (5, *image.shape))
    together = shapes(stack, fields)
    for number, one in enumerate(stack):
        alone = shapes(one, fields)
        for name, values in together.items():
            assert values[number] == pytest.approx(float(alone[name]), rel=1e-13)  # arithmetic only


@pytest.mark.parametrize("turned", [False, True])
def test_counts_per_pixel_are_those_of_the_middle_of_the_field(turned: bool) -> None:
    # Pixels of 2.2 x 2.3 mm, re-binned by 3: 9 x 1,000 counts in the middle, 1.4 % more or less a pixel further on.
    slope = (0.0, 2e-3) if turned else (2e-3, 0.0)
    head = Head(
        field=Rectangle(133.0, 201.0) if turned else Rectangle(201.0, 133.0),
        offset_mm=(19.0, -5.0),
        counts_per_pixel=1_000.0,
        defects=(LinearGradient(*slope),),
    )
    made = Flood(matrix=(112, 117), pixel_mm=(2.2, 2.3), heads=(head,))
    median, centre = prepare(acquisition(made, seed=1).frames[0], Options()).middle_counts()
    # A pixel beside the middle, and the noise of a median or of one pixel.
    assert median == pytest.approx(9_000.0, rel=0.02)
    assert centre == pytest.approx(9_000.0, rel=0.014 + 3 / 95)


# --- standard errors ------------------------------------------------------------------------------------

SEEDS = 600
SCATTER = 3 / (2 * SEEDS) ** 0.5  # 600 floods: their standard deviation to 2.9 %, three times that


def scatter(
    measure: Callable[[NDArray[Any], Mask], tuple[float, float]], expected: NDArray[Any], mask: Mask
) -> tuple[float, float, float]:
    """Return the mean of a measure over floods, its standard deviation, and its mean standard error."""
    found = [measure(np.random.default_rng(seed).poisson(expected), mask) for seed in range(SEEDS)]
    values, errors = np.array(found).T
    return float(values.mean()), float(values.std(ddof=1)), float(errors.mean())


@pytest.mark.parametrize("counts", [60.0, 4_000.0])
@pytest.mark.parametrize("slope", [0.0, 2e-3, 2e-2])
def test_error_of_the_variation_is_its_scatter(counts: float, slope: float) -> None:
    mask = rectangle(17, 24)
    expected = plane(mask, slope, -slope / 2, counts).clip(0)
    value, spread, error = scatter(variation, expected, mask)
    assert error == pytest.approx(spread, rel=SCATTER)
    structure = expected[mask].var(ddof=1) / counts**2
    truth = 100 * (structure + 1 / counts) ** 0.5
    assert value == pytest.approx(truth, abs=3 * spread / SEEDS**0.5 + 1e-3 * truth)  # curvature of the root


@pytest.mark.parametrize(("counts", "slope"), [(400.0, 2e-2), (4_000.0, 1e-2), (40_000.0, 2e-3)])
def test_structure_is_found_beneath_the_noise_and_its_error_is_its_scatter(
    counts: float, slope: float
) -> None:
    mask = rectangle(17, 24)
    expected = plane(mask, slope, -slope / 2, counts).clip(0)
    value, spread, error = scatter(structural_variation, expected, mask)
    truth = 100 * (expected[mask].var(ddof=1)) ** 0.5 / counts
    assert value == pytest.approx(truth, abs=3 * spread / SEEDS**0.5 + 2e-3 * truth)  # curvature of the root
    assert error == pytest.approx(spread, rel=SCATTER)


@pytest.mark.parametrize(("counts", "slope"), [(100.0, 0.0), (2_500.0, 4e-3)])
def test_uncertainty_of_the_shapes_by_thinning_is_their_scatter(counts: float, slope: float) -> None:
    mask, central = rectangle(17, 24), np.zeros((24, 33), bool)
    central[4:17, 9:27] = True
    fields = Fields(mask, central)
    expected = plane(mask, slope, -slope / 2, counts)
    values: dict[str, list[float]] = {}
    stated: dict[str, list[float]] = {}
    for seed in range(200):
        image = np.random.default_rng(seed).poisson(expected)
        for name, value in shapes(image, fields).items():
            values.setdefault(name, []).append(float(value))
        for name, spread in thinning(image, lambda stack: shapes(stack, fields), 30).items():
            stated.setdefault(name, []).append(spread)
    for name, spreads in stated.items():
        # As for the indices: 0.85 to 1.15, wider by three times the 6 % to which the scatter of 200 is known.
        ratio = float(np.mean(spreads) / np.std(values[name], ddof=1))
        assert 0.85 * 0.82 <= ratio <= 1.15 * 1.18, (name, ratio)


def test_flat_flood_hides_less_structure_than_the_error_says() -> None:
    mask = rectangle(17, 24)
    expected = np.full(mask.shape, 900.0)
    found = [structural_variation(np.random.default_rng(seed).poisson(expected), mask) for seed in range(300)]
    # The error of a value near nothing is the structure that would still be missed by one standard deviation of
    # the variance: of flat floods, 84 % lie below it.
    below = np.mean([value <= error for value, error in found])
    assert below == pytest.approx(0.84, abs=3 * (0.84 * 0.16 / 300) ** 0.5)
    exact = 100 * (2 / 900**2 / mask.sum()) ** 0.25
    assert np.median([error for _, error in found]) == pytest.approx(
        exact, rel=0.1
    )  # the counts' own scatter


# --- nothing to measure ---------------------------------------------------------------------------------


def test_what_cannot_be_measured_is_refused() -> None:
    image, mask, central = lopsided()
    nothing, one = np.zeros_like(mask), np.zeros_like(mask)
    one[5, 8] = True
    line = np.zeros_like(mask)
    line[5, 6:20] = True
    dark = 0 * image
    refusals: list[tuple[Callable[[], Any], str]] = [
        (lambda: row_uniformity(image, nothing), "empty_field"),
        (lambda: row_uniformity(image, line), "empty_field"),
        (lambda: column_uniformity(image, one), "empty_field"),
        (lambda: row_uniformity(dark, mask), "no_counts"),
        (lambda: tilt(image, one), "empty_field"),
        (lambda: tilt(dark, mask), "no_counts"),
        (lambda: centre_to_edge(image, mask, nothing), "empty_field"),
        (lambda: centre_to_edge(image, mask, mask), "empty_field"),
        (lambda: centre_to_edge(dark, mask, mask & central), "no_counts"),
        (lambda: variation(image, one), "no_counts"),
        (lambda: variation(dark, mask), "no_counts"),
        (lambda: structural_variation(dark, mask), "no_counts"),
    ]
    for measure, code in refusals:
        with pytest.raises(CannotMeasure) as refusal:
            measure()
        assert refusal.value.code == code
