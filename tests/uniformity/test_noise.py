"""The uncertainty against the scatter of repeated floods, and the noise floor against simulated perfect detectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.uniformity.indices import Fields, all_indices, smooth
from nmqc.uniformity.noise import Numbers, _poisson, _simulated_floor, index_measure, noise_floor, thinning
from nmqc.uniformity.planar import Options, analyse
from phantoms.defects import DeadPatch, Defect, LinearGradient, WeakTube
from phantoms.fields import Outline, Rectangle
from phantoms.flood import Flood, Head
from tests.exam.acquisitions import acquisition

DEFECTS: dict[str, tuple[Defect, ...]] = {
    "flat": (),
    "gradient": (LinearGradient(2.0e-4, -1.1e-4),),
    "weak tube": (WeakTube(-71.0, 43.0, 0.08, 25.0),),
    "dead patch": (DeadPatch(Rectangle(13.5, 11.0), 62.0, -37.0),),
}
SCATTER_SEEDS, SCATTER_SPLITS = 1000, 50  # 50 splits: u is half a per cent low for the root of a mean square


def re_binned(field: Outline, shape: tuple[int, int], counts: float, *defects: Defect) -> tuple[Any, Fields]:
    """Return a flood on pixels of 6.6 x 6.3 mm (down x along), off centre, with its whole pixels and its CFOV."""
    head = Head(field=field, offset_mm=(1.7, -1.1), counts_per_pixel=counts, defects=defects)
    flood = Flood(matrix=shape, pixel_mm=(6.6, 6.3), heads=(head,))
    x, y = flood._edges_mm(0)
    whole = field.coverage(x, y) > 1 - 1e-9
    scale = 1 / 0.75
    central = field.coverage(x * scale, y * scale) >= 0.5
    return flood.expected()[0, 0], Fields(whole, whole & central)


def scatter_and_uncertainty(
    expected: NDArray[np.float64], fields: Fields, seeds: range, splits: int
) -> dict[str, tuple[float, float]]:
    """Return, for each index, its standard deviation over Poisson floods and the mean uncertainty by thinning."""

    def measure(stack: NDArray[Any]) -> Numbers:
        return index_measure(fields, 0)(stack)

    values: dict[str, list[float]] = {}
    stated: dict[str, list[float]] = {}
    for seed in seeds:
        counts = np.random.default_rng(seed).poisson(expected)
        for name, value in measure(counts[None]).items():
            values.setdefault(name, []).append(float(value[0]))
        for name, spread in thinning(counts, measure, splits).items():
            stated.setdefault(name, []).append(spread)
    return {name: (float(np.std(values[name], ddof=1)), float(np.mean(stated[name]))) for name in values}


@pytest.mark.slow
@pytest.mark.parametrize("counts", [600, 4_000, 30_000])
@pytest.mark.parametrize("defect", DEFECTS)
def test_uncertainty_is_the_scatter_over_a_thousand_floods(defect: str, counts: int) -> None:
    expected, fields = re_binned(Rectangle(533.0, 387.0), (61, 88), counts, *DEFECTS[defect])
    found = scatter_and_uncertainty(expected, fields, range(SCATTER_SEEDS), SCATTER_SPLITS)
    ratios = {name: stated / scatter for name, (scatter, stated) in found.items()}
    print(defect, counts, *(f"{name} {ratio:.3f}" for name, ratio in ratios.items()), sep=" | ")
    # The requirement itself; the scatter of 1,000 floods is known to 2 to 3 % (extreme values). One defect at the
    # fewest counts is an exception that the method page names: a window across the flank of the tube wins or loses
    # against noise, less often so at the half counts that thinning sees.
    lowest = 0.80 if (defect, counts) == ("weak tube", 600) else 0.85
    assert {name: ratio for name, ratio in ratios.items() if not lowest <= ratio <= 1.15} == {}


@pytest.mark.parametrize(
    ("defect", "counts"), [("flat", 600), ("gradient", 30_000), ("weak tube", 4_000), ("dead patch", 2_000)]
)
def test_uncertainty_is_about_the_scatter_of_fewer_floods(defect: str, counts: int) -> None:
    expected, fields = re_binned(Rectangle(250.0, 190.0), (33, 46), counts, *DEFECTS[defect])
    found = scatter_and_uncertainty(expected, fields, range(150), 40)
    ratios = {name: stated / scatter for name, (scatter, stated) in found.items()}
    # The scatter of an extreme value over 150 floods is known to sqrt((4 - 1) / (4 x 150)) = 7 % (kurtosis about 4):
    # 0.85 to 1.15, wider by three times that. Their mean, of eight that go partly together, by half of it.
    assert {name: ratio for name, ratio in ratios.items() if not 0.85 * 0.79 <= ratio <= 1.15 * 1.21} == {}
    assert 0.85 * 0.9 <= np.mean(list(ratios.values())) <= 1.15 * 1.1


def test_dead_patch_of_three_pixels_square_is_certain() -> None:
    dead = DeadPatch(Rectangle(30.0, 30.0), 22.0, -17.0)
    expected, fields = re_binned(Rectangle(250.0, 190.0), (33, 46), 900, dead)
    found = scatter_and_uncertainty(expected, fields, range(3), 10)
    # Every index is 100 % in every flood, to the seven digits of single precision.
    assert all(max(scatter, stated) < 1e-5 for scatter, stated in found.values())


def test_uncertainty_falls_as_the_root_of_the_counts() -> None:
    spreads = []
    for counts in (1_000, 16_000):
        expected, fields = re_binned(Rectangle(250.0, 190.0), (33, 46), counts)
        found = scatter_and_uncertainty(expected, fields, range(20), 40)
        spreads.append(np.mean([stated for _, stated in found.values()]))
    # 20 floods of 40 splits: each mean to 2 to 3 %, and 8 indices.
    assert spreads[0] / spreads[1] == pytest.approx(4.0, rel=0.08)


def test_thinning_by_hand() -> None:
    # The index is the sum of an image: the halves X1 and X - X1 of 900 counts differ by 2 X1 - X, whose variance is
    # 900, so that u = sqrt(900) / 2. (A sum is no index: it doubles with the counts.)
    counts = np.full((3, 4), 75)

    def total(stack: NDArray[Any]) -> Numbers:
        return {"total": stack.sum(axis=(1, 2), dtype=float)}

    # 4,000 splits: sqrt(1 / 8000) = 1.1 %, three times that.
    assert thinning(counts, total, 4_000)["total"] == pytest.approx(15.0, rel=0.034)


def test_thinning_splits_the_very_counts_and_is_seeded_by_them() -> None:
    counts = np.random.default_rng(1).poisson(20.0, (6, 7))
    seen: list[NDArray[Any]] = []

    def measure(stack: NDArray[Any]) -> Numbers:
        seen.append(stack)
        return {"corner": stack[:, 0, 0].astype(float)}

    first = thinning(counts, measure, 33)
    again = thinning(counts, measure, 33)
    assert first == again
    assert sum(len(stack) for stack in seen) == 2 * 2 * 33
    for stack in seen:
        halves = len(stack) // 2
        np.testing.assert_array_equal(
            stack[:halves] + stack[halves:], np.broadcast_to(counts, (halves, 6, 7))
        )
        assert stack.min() >= 0
    assert thinning(counts + np.eye(6, 7, dtype=int), measure, 33) != first


# --- the noise floor ------------------------------------------------------------------------------------

TABLE: dict[int, tuple[float, ...]] = {
    # counts: IU UFOV, IU CFOV, DU UFOV, DU CFOV
    1_000: (4.43, 4.10, 3.51, 3.29),
    2_500: (2.82, 2.60, 2.22, 2.08),
    5_000: (1.98, 1.82, 1.58, 1.46),
    10_000: (1.41, 1.29, 1.12, 1.04),
    15_000: (1.17, 1.06, 0.91, 0.84),
    20_000: (0.99, 0.92, 0.79, 0.74),
    50_000: (0.63, 0.58, 0.50, 0.47),
    100_000: (0.44, 0.41, 0.35, 0.33),
}
TABLE_P95: dict[int, tuple[float | None, ...]] = {
    1_000: (4.95, None, None, None),
    10_000: (1.59, 1.47, 1.29, 1.21),
}
COLUMNS = ("integral.ufov", "integral.cfov", "differential.ufov", "differential.cfov")
PRINTED = 0.005  # the table has two decimals


def table_fields() -> Fields:
    """Return the field of the table: 533 x 387 mm on pixels of 6.4 mm, 83 x 60 of them."""
    field, x, y = Rectangle(533.0, 387.0), (np.arange(86) - 42.5) * 6.4, (np.arange(63) - 31) * 6.4
    ufov = field.coverage(x, y) >= 0.5
    assert ufov.sum() == 60 * 83
    return Fields(ufov, ufov & (field.coverage(x / 0.75, y / 0.75) >= 0.5))


@pytest.mark.parametrize("counts", TABLE)
def test_floor_reproduces_the_table(counts: int) -> None:
    floor = noise_floor(table_fields(), counts)
    for name, mean in zip(COLUMNS, TABLE[counts], strict=True):
        assert floor[name].mean == pytest.approx(mean, abs=0.03 * mean + PRINTED), name
    for name, p95 in zip(COLUMNS, TABLE_P95.get(counts, ()), strict=False):
        if p95 is not None:
            # The table's own percentile, of 200 trials, is known to about 1.5 %.
            assert floor[name].p95 == pytest.approx(p95, abs=0.03 * p95 + PRINTED), name


@pytest.mark.parametrize(("name", "factor"), [*zip(COLUMNS, (141, 130, 112, 104), strict=True)])
def test_floor_follows_the_rules_of_thumb(name: str, factor: float) -> None:
    for counts in (2_000, 9_000, 70_000):
        assert noise_floor(table_fields(), counts)[name].mean == pytest.approx(factor / counts**0.5, rel=0.03)
    if name == "integral.ufov":
        assert noise_floor(table_fields(), 9_000)[name].p95 == pytest.approx(160 / 9_000**0.5, rel=0.03)


def small_fields() -> Fields:
    """Return a small field with one corner missing."""
    _, fields = re_binned(Rectangle(210.0, 160.0), (29, 38), 1.0)
    fields.ufov[:8, :12] = False
    return Fields(fields.ufov, fields.ufov & fields.cfov)


def simulated(fields: Fields, counts: float, trials: int, seed: int = 5) -> dict[str, NDArray[np.float64]]:
    """Return the indices of flat Poisson floods, by NumPy's own generator in double precision."""
    random = np.random.default_rng(seed)
    parts = []
    for _ in range(trials // 100):
        stack = random.poisson(counts, (100, *fields.ufov.shape))
        parts.append(all_indices(smooth(stack, fields.ufov), fields))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.mark.parametrize("counts", [25.0, 37.0, 63.0, 100.0, 230.0, 400.0, 900.0, 1600.0, 50_000.0])
def test_floor_at_and_between_its_levels_is_that_of_true_poisson_floods(counts: float) -> None:
    # At 25 and 100 the levels are Poisson themselves; at 400 and 1600 a normal deviate made skew stands for it.
    fields = small_fields()
    floor = noise_floor(fields, counts)
    for name, values in simulated(fields, counts, 2_000).items():
        sigma = values.std()
        # 2,000 floods here, 1,000 there; 1 % for the line between two levels.
        error = sigma * (1 / 2_000 + 1 / 1_000) ** 0.5
        assert floor[name].mean == pytest.approx(values.mean(), abs=3 * error + 0.01 * values.mean()), name
        # A 95th percentile of a Gumbel-like distribution is known 3 times worse than the mean.
        expected = np.quantile(values, 0.95)
        assert floor[name].p95 == pytest.approx(expected, abs=9 * error + 0.01 * expected), name


@pytest.mark.parametrize(("counts", "tolerance"), [(4.0, 0.06), (10.0, 0.03), (16.0, 0.03)])
def test_floor_below_its_lowest_level(counts: float, tolerance: float) -> None:
    fields = small_fields()
    floor = noise_floor(fields, counts)
    for name, values in simulated(fields, counts, 600).items():
        assert floor[name].mean <= floor[name].p95 <= 100
        # Three per cent, as for the table; at 4 counts a pixel, where the index nears 100, 1 / sqrt gives 5 % more.
        assert floor[name].mean == pytest.approx(values.mean(), rel=tolerance), name


def test_floor_falls_with_the_counts_and_never_jumps() -> None:
    fields = small_fields()
    levels = [20.0, 24.99, 25.0, 25.01, 99.9, 100.0, 100.1, 399.0, 400.0, 401.0, 1599.0, 1600.0, 1601.0]
    floors = [noise_floor(fields, counts) for counts in levels]
    for name in floors[0]:
        scaled = [floor[name].mean * counts**0.5 for floor, counts in zip(floors, levels, strict=True)]
        assert all(np.diff([floor[name].mean for floor in floors]) < 0)
        for before, after in ((1, 2), (2, 3), (4, 5), (5, 6), (7, 8), (8, 9), (10, 11), (11, 12)):
            assert scaled[before] == pytest.approx(scaled[after], rel=2e-3)


@pytest.mark.parametrize("mean", [101.0, 400.0, 1600.0])
def test_skewed_normal_deviate_stands_for_poisson(mean: float) -> None:
    from scipy.stats import poisson

    counts = _poisson(np.random.default_rng(2), mean, (400_000,)).astype(float)
    # 400,000 draws; the standard errors of mean, variance and skewness, three times each; 0.15 of the variance is
    # that of rounding and of the term for the skewness.
    assert counts.mean() == pytest.approx(mean, abs=3 * (mean / 4e5) ** 0.5)
    assert counts.var() == pytest.approx(mean, abs=3 * mean * (2 / 4e5) ** 0.5 + 0.15)
    skewness = ((counts - counts.mean()) ** 3).mean() / counts.std() ** 3
    assert skewness == pytest.approx(mean**-0.5, abs=3 * (6 / 4e5) ** 0.5)
    for part in (1e-4, 1e-2, 0.5, 0.99, 1 - 1e-4):
        exact = poisson.ppf(part, mean)
        density = max(poisson.pmf(exact, mean), 1e-12)
        error = (part * (1 - part) / 4e5) ** 0.5 / density
        assert np.quantile(counts, part) == pytest.approx(
            exact, abs=1 + 3 * error
        )  # a whole count either way


def test_floor_is_a_function_of_the_mask_and_the_mean_alone() -> None:
    fields = small_fields()
    other = Fields(fields.ufov.copy(), fields.cfov.copy())
    other.ufov[tuple(np.argwhere(fields.ufov)[0])] = False
    alone = noise_floor(fields, 777.0)
    _simulated_floor.cache_clear()
    np.random.default_rng(0).random()
    noise_floor(other, 60.0)  # as in a batch: another mask and other counts before it
    noise_floor(fields, 90.0)
    assert noise_floor(Fields(fields.ufov.copy(), fields.cfov.copy()), 777.0) == alone
    # A pixel less is another mask: other random numbers, and a floor that is alike, two means of 1,000 floods.
    for name, floor in noise_floor(other, 777.0).items():
        assert floor.mean == pytest.approx(alone[name].mean, rel=0.02)
        assert floor.mean != alone[name].mean


def test_floor_does_not_depend_on_where_the_field_lies_in_its_matrix() -> None:
    fields = small_fields()
    moved = [np.pad(mask, ((3, 0), (1, 8))) for mask in (fields.ufov, fields.cfov)]
    assert noise_floor(Fields(*moved), 777.0) == noise_floor(fields, 777.0)


def test_floor_does_not_depend_on_the_chunks_of_the_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = small_fields()
    alone = noise_floor(fields, 1_234.0)
    monkeypatch.setenv("NMQC_ENGINE", "numpy")
    _simulated_floor.cache_clear()
    assert noise_floor(fields, 1_234.0) == alone


def test_analysis_gives_the_same_floor_alone_and_in_a_batch() -> None:
    head = Head(field=Rectangle(180.0, 150.0), offset_mm=(4.0, -7.0), counts_per_pixel=90.0)
    flood = Flood(matrix=(90, 98), pixel_mm=(2.3, 2.4), heads=(head,))
    batch = [analyse(acquisition(flood, seed), Options(replicates=0)).results[0] for seed in (1, 2, 1)]
    _simulated_floor.cache_clear()
    alone = analyse(acquisition(flood, 1), Options(replicates=0)).results[0]
    floors = [[m.noise_floor for m in result.measurements if m.noise_floor] for result in (*batch, alone)]
    assert len(floors[0]) == 8
    assert floors[0] == floors[2] == floors[3]
    mean = batch[0].parameters["mean_counts"]
    shift = (batch[1].parameters["mean_counts"] / mean) ** -0.5
    for one, other in zip(floors[0], floors[1], strict=True):  # other counts on the same mask
        assert other.mean == pytest.approx(one.mean * shift, rel=1e-3)


def test_floor_needs_raw_counts() -> None:
    head = Head(field=Rectangle(180.0, 150.0), offset_mm=(4.0, -7.0), counts_per_pixel=90.0)
    made = acquisition(Flood(matrix=(90, 98), pixel_mm=(2.3, 2.4), heads=(head,)))
    (result,) = analyse(made, Options(replicates=20)).results
    indices = [m for m in result.measurements if "integral" in m.metric.name or "diff" in m.metric.name]
    assert indices
    assert {m.noise_floor for m in indices} == {None}
    assert all("counting" not in m.uncertainty_parts for m in result.measurements)


def test_daily_flood_cannot_be_told_from_noise() -> None:
    # 3 million counts on 533 x 387 mm at 6.6 mm: the floor is near 6 %.
    flood = Flood(matrix=256, heads=(Head(offset_mm=(1.2, -0.7), edge_fwhm_mm=3.5, counts=3e6),))
    (result,) = analyse(acquisition(flood, 4), Options(replicates=0)).results
    (integral,) = [
        m for m in result.measurements if (m.metric.name, m.of) == ("uniformity.integral.ufov", "")
    ]
    assert integral.noise_floor is not None
    per_pixel = result.parameters["mean_counts"]
    assert integral.noise_floor.mean == pytest.approx(138.9 / per_pixel**0.5, rel=0.03)  # pixels of 7.193 mm
    assert 4.5 < integral.noise_floor.mean < 6.5
