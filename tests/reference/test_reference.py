"""The reference against published test vectors and against cases small enough to do by hand."""

import math
from typing import Any

import numpy as np
import pytest

from . import uniformity as nema

# No noise, and sums of whole numbers: arithmetic only.
EXACT: dict[str, Any] = {"rel": 1e-12, "abs": 1e-12}
# The vectors are printed to seven decimals.
PRINTED: dict[str, Any] = {"abs": 5.1e-8}


def whole(rows: int, columns: int) -> tuple[nema.Mask, nema.Mask]:
    """Return the fields of view when the whole matrix is the UFOV."""
    return nema.rectangle_fields((rows, columns), 6.4, 6.4 * columns, 6.4 * rows)


def flat(rows: int, columns: int) -> nema.Counts:
    """Return a flood of 10,000 counts a pixel."""
    return np.full((rows, columns), 10_000)


def strict_whole(image: nema.Counts) -> dict[str, Any]:
    """Return the strict analysis of a matrix that is all field."""
    return nema.strict(image, *whole(*image.shape))


# The vectors


def test_vector_1_constant_flood_and_the_pixels_of_its_cfov() -> None:
    result = strict_whole(flat(100, 100))
    for field in ("ufov", "cfov"):
        assert [result[field][name] for name in nema.INDICES] == [0, 0, 0, 0]
    cfov = whole(100, 100)[1]
    expected = np.zeros((100, 100), dtype=bool)
    expected[12:88, 12:88] = True
    expected[[12, 12, 87, 87], [12, 87, 12, 87]] = False
    assert cfov.sum() == 5772
    assert np.array_equal(cfov, expected)


def test_vector_2_one_warm_pixel() -> None:
    image = flat(40, 60)
    image[17, 41] = 11_000
    result = strict_whole(image)
    assert result["smoothed"][17, 41] == 10_250
    assert result["ufov"]["max"] == result["cfov"]["max"] == (17, 41)
    for name in nema.INDICES:
        assert result["ufov"][name] == result["cfov"][name] == pytest.approx(1.2345679, **PRINTED)


def test_vector_3_ramp_along_x() -> None:
    result = strict_whole(flat(40, 60) + 10 * np.arange(60))
    assert result["smoothed"][7, 0] == pytest.approx(10_003 + 1 / 3, **EXACT)
    assert result["smoothed"][7, 59] == pytest.approx(10_586 + 2 / 3, **EXACT)
    assert result["ufov"]["integral"] == pytest.approx(2.8330905, **PRINTED)
    assert result["ufov"]["differential_x"] == pytest.approx(0.1994018, **PRINTED)
    assert result["ufov"]["differential_y"] == 0
    # The run that begins at the edge is flatter (10003 1/3 to 10040) than the next one (10010 to 10050).
    assert result["ufov"]["worst_x"] == (0, 3)


def test_vector_4_warm_corner() -> None:
    image = flat(40, 60)
    image[0, 0] = 11_000
    result = strict_whole(image)
    assert result["smoothed"][0, 0] == pytest.approx(10_444 + 4 / 9, **EXACT)
    assert result["ufov"]["integral"] == pytest.approx(2.1739130, **PRINTED)
    assert result["ufov"]["max"] == (0, 0)
    assert result["cfov"]["integral"] == 0


def test_vector_5_one_cold_column() -> None:
    image = flat(40, 60)
    image[:, 22] = 9_900
    result = strict_whole(image)
    assert result["ufov"]["integral"] == pytest.approx(0.2506266, **PRINTED)
    assert result["ufov"]["differential_x"] == pytest.approx(0.2506266, **PRINTED)
    assert result["ufov"]["differential_y"] == 0


def test_vector_6_cold_border_is_removed_in_a_single_pass() -> None:
    image = np.full((100, 100), 50)
    image[4:-4, 4:-4] = 10_000
    result = strict_whole(image)
    assert result["removed_step4"].sum() == 396
    assert result["removed_step5"].sum() == 388
    assert result["analysed"].sum() == 96 * 96
    assert result["kept_fraction"] == 0.9216
    for name in nema.INDICES:
        assert result["ufov"][name] == pytest.approx(99.0049751, **PRINTED)
        assert result["cfov"][name] == 0


@pytest.mark.parametrize(("extent_px", "first", "last"), [(7.2, 1, 8), (6.8, 2, 7)])
def test_vector_7_half_area_rule(extent_px: float, first: int, last: int) -> None:
    coverage = nema.rectangle_coverage((1, 10), 1.0, -extent_px / 2, extent_px / 2, -0.5, 0.5)
    assert coverage[0, 1] == pytest.approx({7.2: 0.6, 6.8: 0.4}[extent_px], **EXACT)
    assert np.flatnonzero(nema.half_area_mask(coverage)[0]).tolist() == list(range(first, last + 1))


def test_vector_8_poisson_flood_of_one_seed() -> None:
    ufov, cfov = nema.rectangle_fields((62, 85), 6.4, 533, 387)
    assert ufov.sum() == 60 * 83
    image = np.random.default_rng(20).poisson(10_000, ufov.shape)
    # The range that the vector gives for twenty seeds.
    assert 1.1 <= nema.strict(image, ufov, cfov)["ufov"]["integral"] <= 1.8


def test_vector_9_cold_ring_and_one_cold_pixel_in_the_cfov() -> None:
    image = np.full((100, 100), 5_000)
    image[1:-1, 1:-1] = 10_000
    image[12, 50] = 5_000
    result = strict_whole(image)
    assert result["removed_step4"].sum() == 396
    assert result["removed_step5"].sum() == 388
    for field in ("ufov", "cfov"):
        assert result[field]["integral"] == pytest.approx(6.6666667, **PRINTED)
        assert result[field]["min"] == (12, 50)


@pytest.mark.parametrize(
    ("pixel_mm", "k"),
    [(0.5994, 11), (1.1988, 5), (2.3976, 3), (4.7952, 1), (0.5523, 12), (1.1045, 6), (2.2090, 3)],
)
def test_vector_10_and_the_table_of_cameras(pixel_mm: float, k: int) -> None:
    assert nema.choose_rebin(pixel_mm) == k


# Re-binning


@pytest.mark.parametrize(("pixel_mm", "k"), [(4.48, 1), (8.32, 1), (2.56, 2), (6.4, 1), (4.16, 2)])
def test_ends_of_the_range_belong_to_it_and_a_tie_takes_the_smaller(pixel_mm: float, k: int) -> None:
    assert nema.choose_rebin(pixel_mm) == k


@pytest.mark.parametrize("pixel_mm", [4.418, 8.836, 4.47, 8.33])
def test_pixels_without_a_fitting_factor_are_refused(pixel_mm: float) -> None:
    with pytest.raises(ValueError, match=r"between 4\.48 and 8\.32"):
        nema.choose_rebin(pixel_mm)


def test_rebin_sums_whole_blocks_from_the_given_pixel() -> None:
    image = np.arange(5 * 8).reshape(5, 8)
    # The block at row 1, column 2 holds 10 + 11 + 18 + 19; rows 1 to 4 and columns 2 to 7 are used.
    assert nema.rebin(image, 2, 1, 2).tolist() == [[58, 66, 74], [122, 130, 138]]
    # Blocks of three from column 1: one row of two blocks, column 7 and rows 3 and 4 are dropped.
    assert nema.rebin(image, 3, 0, 1).tolist() == [[90, 117]]
    # From row 2, one row of blocks of two is whole: 22 + 23 + 30 + 31.
    assert nema.rebin(image, 2, 2, 6).tolist() == [[106]]


# Fields of view


def test_rectangle_off_centre_on_pixels_that_are_not_square() -> None:
    # Pixels 2 mm down, 3 mm along: sides at x = -4.5, -1.5, 1.5, 4.5 and y = -2, 0, 2.
    coverage = nema.rectangle_coverage((2, 3), (2.0, 3.0), -3.0, 1.5, -0.5, 2.0)
    assert coverage.tolist() == [[0.125, 0.25, 0], [0.5, 1, 0]]
    assert nema.half_area_mask(coverage).tolist() == [[False, False, False], [True, True, False]]


def test_polygon_of_a_rectangle_is_the_rectangle() -> None:
    corners = [(-3.0, -0.5), (1.5, -0.5), (1.5, 2.0), (-3.0, 2.0)]
    expected = nema.rectangle_coverage((4, 5), (1.1, 1.7), -3.0, 1.5, -0.5, 2.0)
    for vertices in (corners, corners[::-1]):
        assert nema.polygon_coverage((4, 5), (1.1, 1.7), vertices) == pytest.approx(expected, **EXACT)


def test_polygon_of_a_triangle_by_hand() -> None:
    # Pixels of 1 mm, x sides -1.5, -0.5, 0.5, 1.5 and y sides -1, 0, 1; the right angle at the top left.
    # The long side, y = 1 - 2 (x + 1.5) / 3, leaves the areas below, 3 in all.
    coverage = nema.polygon_coverage((2, 3), 1.0, [(-1.5, -1.0), (1.5, -1.0), (-1.5, 1.0)])
    by_hand = [[1.0, 11 / 12, 1 / 3], [2 / 3, 1 / 12, 0.0]]
    assert coverage == pytest.approx(np.array(by_hand), **EXACT)


def test_polygon_keeps_its_area_and_scales_about_the_given_centre() -> None:
    angles = [0.2 + math.pi * number / 3 for number in range(6)]
    hexagon = [(0.3 + 7 * math.cos(angle), -0.4 + 5 * math.sin(angle)) for angle in angles]
    area_mm2 = 35 * 6 * math.sin(math.pi / 3) / 2
    for factor in (1.0, 0.75):
        outline = nema.scale_outline(hexagon, factor, (0.3, -0.4))
        coverage = nema.polygon_coverage((14, 12), (0.9, 1.4), outline)
        assert coverage.sum() * 0.9 * 1.4 == pytest.approx(factor**2 * area_mm2, rel=1e-12)
        assert coverage.max() == pytest.approx(1, **EXACT)
    assert nema.scale_outline([(5.0, 2.0)], 0.75, (1.0, -2.0)) == [(4.0, 1.0)]


# The steps


def test_edge_of_a_field_with_a_cut_corner() -> None:
    ufov = np.ones((4, 5), dtype=bool)
    ufov[0, 0] = False
    # (1, 1) touches the missing corner by a corner only: it is not an edge pixel.
    inner = np.array([[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]], dtype=bool)
    assert np.array_equal(nema.edge_pixels(ufov), ufov & ~inner)


def test_edge_rule_compares_with_the_mean_of_the_cfov() -> None:
    image = flat(12, 16)
    ufov, cfov = whole(12, 16)
    image[cfov] = 13_333
    assert not nema.strict(image, ufov, cfov)["removed_step4"].any()
    image[cfov] = 13_334
    # 0.75 x 13334 = 10000.5: the ring of 2 x (12 + 16) - 4 pixels goes. The mean of the UFOV would keep it.
    assert nema.strict(image, ufov, cfov)["removed_step4"].sum() == 52


def test_edge_rule_is_for_edge_pixels_alone_and_three_quarters_are_enough() -> None:
    image = flat(20, 24)
    image[0, 5] = 7_500
    image[1, 9] = 100
    result = strict_whole(image)
    # The cold pixel in the second row lies outside the CFOV, whose mean is 10,000.
    assert not whole(20, 24)[1][1, 9]
    assert not result["removed_step4"].any()
    assert not result["removed_step5"].any()
    image[0, 5] = 7_499
    result = strict_whole(image)
    assert np.argwhere(result["removed_step4"]).tolist() == [[0, 5]]
    assert np.argwhere(result["removed_step5"]).tolist() == [[0, 4], [0, 6], [1, 5]]


def test_dead_pixel_hides_under_strict_and_shows_under_plain() -> None:
    image = flat(12, 16)
    image[6, 9] = 0
    result = strict_whole(image)
    assert not result["removed_step4"].any()
    assert np.argwhere(result["removed_step5"]).tolist() == [[5, 9], [6, 8], [6, 9], [6, 10], [7, 9]]
    assert result["ufov"]["integral"] == 0
    result = nema.plain(image, *whole(12, 16))
    assert result["analysed"].all()
    # Three quarters of the counts are left: 100 x 0.25 / 1.75.
    assert result["ufov"]["integral"] == pytest.approx(100 / 7, **EXACT)
    assert result["ufov"]["min"] == (6, 9)


def test_dead_patch_reaches_100_under_plain() -> None:
    image = flat(14, 18)
    image[2:9, 9:16] = 0
    result = nema.plain(image, *whole(14, 18))
    # The runs inside the patch, 5 x 5 after smoothing, hold no count and do not stop the analysis.
    assert [result["ufov"][name] for name in nema.INDICES] == [100, 100, 100, 100]
    assert result["ufov"]["min"] == (3, 10)


def test_smoothing_of_a_corner_by_hand() -> None:
    image = np.array([[100, 200, 400], [800, 1600, 3200]])
    analysed = np.array([[True, True, True], [True, True, False]])
    smoothed = nema.smooth(image, analysed)
    expected = [
        [(400 + 400 + 1600 + 1600) / 9, (200 + 800 + 800 + 800 + 3200) / 11, (1600 + 400 + 1600) / 7],
        [(200 + 200 + 3200 + 3200) / 9, (100 + 400 + 400 + 1600 + 6400) / 10, 0],
    ]
    assert smoothed == pytest.approx(np.array(expected), **EXACT)


def test_runs_do_not_cross_a_gap_nor_the_end_of_a_row() -> None:
    row = np.array([[1, 2, 4, 8, 16, 512, 9, 9, 9, 9, 3]])
    region = np.ones(row.shape, dtype=bool)
    region[0, 5] = False
    # The runs 1 2 4 8 16 and 9 9 9 9 3: 100 x 15 / 17 and 100 x 6 / 12.
    worst, where = nema.differential(row, region, 0, 1)
    assert worst == pytest.approx(1500 / 17, **EXACT)
    assert where == (0, 2)
    assert nema.differential(row, region, 1, 0) == (None, None)
    region[0, 2] = False
    worst, where = nema.differential(row, region, 0, 1)
    assert worst == pytest.approx(50, **EXACT)
    assert where == (0, 8)


def test_runs_of_the_cfov_lie_wholly_in_it() -> None:
    # A cold column two pixels left of the CFOV: smoothing carries nothing into it, runs of the UFOV see it.
    image = flat(40, 64)
    image[:, 6] = 9_000
    result = strict_whole(image)
    assert np.flatnonzero(whole(40, 64)[1].any(axis=0))[0] == 8
    assert result["cfov"]["differential_x"] == 0
    # 9,500 of 10,000 after smoothing: 100 x 500 / 19500.
    assert result["ufov"]["differential_x"] == pytest.approx(100 / 39, **EXACT)


def test_cfov_is_smoothed_with_its_neighbours_outside() -> None:
    image = flat(40, 64)
    image[:, 7] = 9_000
    # Column 8, the first of the CFOV, takes a quarter of column 7: 9,750.
    assert strict_whole(image)["cfov"]["integral"] == pytest.approx(100 * 250 / 19_750, **EXACT)


@pytest.mark.parametrize("measure", [nema.strict, nema.plain])
def test_transposed_image_transposes_the_answer(measure: Any) -> None:
    image = np.random.default_rng(3).poisson(900, (17, 26))
    image[0, 3] = 20
    ufov, cfov = nema.rectangle_fields((17, 26), (5.0, 6.0), 151, 82, (1.2, -0.9))
    upright = measure(image, ufov, cfov)
    turned = measure(image.T, ufov.T, cfov.T)
    assert np.array_equal(upright["smoothed"], turned["smoothed"].T)
    for field in ("ufov", "cfov"):
        assert upright[field]["integral"] == turned[field]["integral"]
        assert upright[field]["differential_x"] == turned[field]["differential_y"]
        assert upright[field]["differential_y"] == turned[field]["differential_x"]
        assert upright[field]["differential_x"] != upright[field]["differential_y"]
        assert upright[field]["worst_x"] == turned[field]["worst_y"][::-1]


def test_regions_without_pixels_or_counts_are_refused() -> None:
    ufov, cfov = whole(6, 8)
    with pytest.raises(ValueError, match="no pixel"):
        nema.strict(flat(6, 8), ufov, np.zeros_like(cfov))
    for measure in (nema.strict, nema.plain):
        with pytest.raises(ValueError, match=r"no pixel|no count"):
            measure(np.zeros((6, 8)), ufov, cfov)


# Noise


class FixedHalf:
    """A random generator that always gives the same first half."""

    def __init__(self, first: nema.Counts) -> None:
        self.first = first

    def binomial(self, counts: nema.Counts, part: float) -> nema.Counts:
        """Return the fixed half of the counts."""
        assert part == 0.5
        assert (self.first <= counts).all()
        return self.first


def test_thinning_by_hand() -> None:
    image = np.full((40, 60), 20_000)
    image[17, 41] = 21_000
    first = flat(40, 60)
    first[17, 41] = 10_900
    generator: Any = FixedHalf(first)
    uncertainty = nema.thinning_uncertainty(image, *whole(40, 60), splits=3, rng=generator)
    # Smoothed peaks of 10,225 and 10,025 on 10,000.
    expected = (100 * 225 / 20_225 - 100 * 25 / 20_025) / 2
    for field in ("ufov", "cfov"):
        for name in nema.INDICES:
            assert uncertainty[field][name] == pytest.approx(expected, **EXACT)


def test_percentile_by_hand() -> None:
    assert nema.percentile([4.0, 1.0, 2.0, 3.0, 5.0], 0.95) == pytest.approx(4.8, **EXACT)
    assert nema.percentile([7.0], 0.95) == 7.0


def test_noise_floor_is_the_mean_of_its_trials() -> None:
    ufov, cfov = whole(9, 12)
    floor = nema.noise_floor(ufov, 400, 4, np.random.default_rng(5), cfov)
    generator = np.random.default_rng(5)
    found = [nema.plain(generator.poisson(400, (9, 12)), ufov, cfov) for _ in range(4)]
    for field in ("ufov", "cfov"):
        for name in nema.INDICES:
            values = sorted(result[field][name] for result in found)
            assert floor[field][name]["mean"] == pytest.approx(sum(values) / 4, **EXACT)
            # 0.95 x 3 = 2.85 of the way along four sorted values.
            assert floor[field][name]["p95"] == pytest.approx(0.15 * values[2] + 0.85 * values[3], **EXACT)


@pytest.mark.slow
@pytest.mark.parametrize("defect", [0.0, 0.08])
def test_thinning_agrees_with_the_scatter_over_seeds(defect: float) -> None:
    ufov, cfov = whole(20, 24)
    mean = np.full((20, 24), 2_000.0)
    mean[5:8, 13:16] *= 1 - defect
    floods = [np.random.default_rng(seed).poisson(mean) for seed in range(300)]
    scatter = np.std([nema.plain(flood, ufov, cfov)["ufov"]["integral"] for flood in floods], ddof=1)
    rng = np.random.default_rng(11)
    found = [nema.thinning_uncertainty(f, ufov, cfov, 20, rng)["ufov"]["integral"] for f in floods[:60]]
    # 0.85 to 1.15 is what the method is held to; 300 seeds give the scatter to 4 %.
    assert 0.85 <= np.mean(found) / scatter <= 1.15


@pytest.mark.slow
def test_poisson_table() -> None:
    published = {
        1_000: (4.43, 4.10, 3.51, 3.29),
        10_000: (1.41, 1.29, 1.12, 1.04),
        100_000: (0.44, 0.41, 0.35, 0.33),
    }
    table = nema.poisson_table(list(published), 200, np.random.default_rng(7))
    for level, means in published.items():
        found = [table[level][f][n]["mean"] for n in ("integral", "differential") for f in ("ufov", "cfov")]
        # 200 trials on either side: 0.8 % (one standard deviation); printed to 0.005.
        assert found == pytest.approx(means, rel=0.025, abs=0.005)
    # The 95th percentile of 200 trials is good to 1 % (one standard deviation), on either side.
    p95 = [table[10_000][f][n]["p95"] for n in ("integral", "differential") for f in ("ufov", "cfov")]
    assert p95 == pytest.approx([1.59, 1.47, 1.29, 1.21], rel=0.045)


# Structure


def test_coefficient_of_variation_by_hand() -> None:
    image = np.array([[90, 110, 1], [100, 140, 60]])
    region = np.array([[True, True, False], [True, True, True]])
    # Mean 100, squares 100 + 100 + 0 + 1600 + 1600 = 3400 over 4.
    assert nema.coefficient_of_variation(image, region) == pytest.approx(math.sqrt(850), **EXACT)
    # The Poisson part is 10 % of the mean: 850 - 100.
    assert nema.structural_cov(image, region) == pytest.approx(math.sqrt(750), **EXACT)
    assert nema.structural_cov(flat(3, 4), np.ones((3, 4), dtype=bool)) == 0


def test_rows_and_columns_by_hand() -> None:
    image = np.array([[500, 1, 1, 1], [1, 100, 110, 1], [80, 100, 90, 90], [100, 120, 1, 1]])
    region = np.array([[1, 0, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 0, 0]], dtype=bool)
    # Row 0 has one pixel of a width of four and does not count; the means are 105, 90, 110.
    assert nema.row_uniformity(image, region) == pytest.approx(10, **EXACT)
    # Column 3 has one pixel of a height of four; the means are 680 / 3, 320 / 3, 100.
    assert nema.column_uniformity(image, region) == pytest.approx(100 * 380 / 980, **EXACT)


def test_plane_is_recovered_on_a_lopsided_region() -> None:
    rows, columns = np.mgrid[0:7, 0:11]
    region = (rows + columns < 12) & (columns > 1)
    image = 1_000 + 3.0 * columns - 5.0 * rows
    # Highest at (0, 10), lowest at (6, 2): 24 + 30 = 54 counts.
    # Least squares in double precision.
    assert nema.plane_tilt(image, region) == pytest.approx(5400 / image[region].mean(), rel=1e-10)


def test_plane_of_a_bent_surface_by_hand() -> None:
    # One row 0, 0, 0, 12 above 100: slope 3.6 by least squares, over three steps; mean 103.
    image = np.array([[100, 100, 100, 112], [100, 100, 100, 112]])
    assert nema.plane_tilt(image, np.ones((2, 4), dtype=bool)) == pytest.approx(1080 / 103, rel=1e-10)


def test_centre_to_edge_by_hand() -> None:
    image = np.array([[100, 200, 300, 999], [400, 500, 600, 999]])
    analysed = np.array([[True, True, True, False], [True, True, True, False]])
    cfov = np.array([[False, False, False, False], [False, True, True, True]])
    # 550 over the mean of 100, 200, 300, 400.
    assert nema.centre_to_edge(image, analysed, cfov) == pytest.approx(120, **EXACT)
