"""The edge: how little the default policy hangs on the grid, how much the strict one does, and what is said of it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from nmqc.uniformity import flood as flood_module
from nmqc.uniformity.flood import Flood as Prepared
from nmqc.uniformity.flood import Options
from nmqc.uniformity.indices import integral, smooth, strict_fields
from nmqc.uniformity.phases import grid_spread
from phantoms.defects import DeadPatch, EdgePacking, LinearGradient, WeakTube
from phantoms.fields import Circle, CutCorners, Octagon, Outline, Rectangle
from phantoms.pixels import FWHM_PER_SIGMA
from tests.uniformity.floods import (
    at_phase,
    codes,
    expected,
    flood,
    hint,
    indices_at,
    measurement,
    prepared,
    result,
    texts,
    value,
)

FIELD = Rectangle(533.0, 387.0)
# matrix: pixel, native pixels per re-binned one
GRIDS = {1024: (0.5994, 11), 512: (1.1988, 5), 256: (2.3976, 3), 128: (4.7952, 1)}
# Smoothing (variance p^2 / 2) and the pixel (p^2 / 12), p = 6.6 mm, lower the centre of a tube of sigma 25 mm by
# sigma^2 / (sigma^2 + 0.583 p^2) = 0.961; half a pixel's diagonal off the grid by up to 1.7 % more.
BLUNTED = 0.06
PROMISED_SPREAD = 0.3  # points of integral uniformity over all phases, noise-free
# Where the native pixel is coarse the grid cannot reach every phase by itself: the field is moved under it.
FRACTIONS = {1024: (0.0,), 512: (0.0, 0.5), 256: (0.0, 0.3, 0.6), 128: (0.0, 0.2, 0.4, 0.6, 0.8)}


def inside_mm(edge_fwhm_mm: float) -> float:
    """Two sigmas of the edge: how far inside the promise begins."""
    return 2 * edge_fwhm_mm / FWHM_PER_SIGMA


def every_phase(
    field: Outline, matrix: int, defects: Any, edge_fwhm_mm: float, hints: Any = (), step: int = 1
) -> list[tuple[Prepared, dict[str, float]]]:
    """Return the prepared flood and its indices for every position of the grid on the field."""
    pixel, k = GRIDS[matrix]
    found = []
    for part in FRACTIONS[matrix]:
        offset = (1.37 + part * pixel, -2.21 - (1 - part) * pixel / 2)
        image = flood(field, matrix, pixel, defects, offset_mm=offset, edge_fwhm_mm=edge_fwhm_mm)
        made = prepared(expected(image, hints))
        shifts = itertools.product(range(0, k, step), repeat=2)
        found += [(made, indices_at(made, down, along)) for down, along in shifts]
    return found


def spread(phases: list[tuple[Prepared, dict[str, float]]], name: str = "integral.ufov") -> float:
    return float(np.ptp([one[name] for _, one in phases]))


def test_the_grid_as_analysed_is_one_of_those_examined_here() -> None:
    one = expected(flood(FIELD, 256, 2.3976, [WeakTube(-42.0, 17.0, 0.05)]))
    assert indices_at(prepared(one))["integral.ufov"] == value(result(one))


# The default policy hardly hangs on the grid


@pytest.mark.parametrize("edge_fwhm_mm", [3.0, 5.0])
@pytest.mark.parametrize("matrix", [512, 256, 128])
@pytest.mark.parametrize(
    "field",
    [FIELD, CutCorners(533.0, 387.0, 60.0), Circle(400.0), Octagon(420.0)],
    ids=lambda f: type(f).__name__,
)
def test_flat_flood_is_flat_in_every_phase(field: Outline, matrix: int, edge_fwhm_mm: float) -> None:
    phases = every_phase(field, matrix, (), edge_fwhm_mm)
    # The truth is 0: not the spread alone, the index itself is bound.
    assert max(one["integral.ufov"] for _, one in phases) < PROMISED_SPREAD
    assert max(one["differential.ufov"] for _, one in phases) < PROMISED_SPREAD


@pytest.mark.parametrize("off_mm", [(1, 1), (-1, -1), (1, 0), (0, -1), (-1, 1), (0.5, 0.5)])
@pytest.mark.parametrize("edge_fwhm_mm", [3.0, 5.0])
@pytest.mark.parametrize("matrix", [512, 256, 128])
def test_outline_up_to_a_millimetre_off(
    matrix: int, edge_fwhm_mm: float, off_mm: tuple[float, float]
) -> None:
    # An outline off by d at each side is wider by 2 d.
    stated = hint("RECTANGLE", 533 + 2 * off_mm[0], 387 + 2 * off_mm[1])
    tube = WeakTube(-533 / 2 + inside_mm(edge_fwhm_mm) + 8, 17.0, 0.05, 25.0)
    phases = every_phase(FIELD, matrix, [tube], edge_fwhm_mm, [stated])
    assert all(made.field.stated for made, _ in phases)
    assert spread(phases) < PROMISED_SPREAD


TUBES = {
    "in the middle": (-42.0, 17.0),
    "at the side": (-1.0, 17.0),
    "at the top": (30.0, -1.0),
    "in the corner": (1.0, 1.0),
}


@pytest.mark.parametrize("edge_fwhm_mm", [3.0, 5.0])
@pytest.mark.parametrize("matrix", list(GRIDS))
@pytest.mark.parametrize("where", list(TUBES))
def test_weak_tube_reads_alike_in_every_phase(where: str, matrix: int, edge_fwhm_mm: float) -> None:
    """Five per cent deep, of the width of a tube, its centre two edge sigmas inside."""
    x, y = (
        place if abs(place) > 1 else place * (half - inside_mm(edge_fwhm_mm))
        for place, half in zip(TUBES[where], (533 / 2, 387 / 2), strict=True)
    )
    phases = every_phase(
        FIELD, matrix, [WeakTube(x, y, 0.05, 25.0)], edge_fwhm_mm, step=3 if matrix == 1024 else 1
    )
    # In a corner the defect is one of the edge on two sides at once: its spread is reported, not promised (the
    # promise is for pixels that can lie over the defect's centre in every phase).
    assert spread(phases) < (0.5 if where == "in the corner" else PROMISED_SPREAD)


@pytest.mark.parametrize("matrix", [512, 256, 128])
def test_small_spot_well_inside_reads_alike_in_every_phase(matrix: int) -> None:
    assert spread(every_phase(FIELD, matrix, [WeakTube(-42.0, 17.0, 0.05, 8.0)], 3.5)) < PROMISED_SPREAD


@pytest.mark.slow
@pytest.mark.parametrize("edge_fwhm_mm", [3.0, 5.0])
def test_all_121_phases_of_the_finest_matrix(edge_fwhm_mm: float) -> None:
    tube = WeakTube(-533 / 2 + inside_mm(edge_fwhm_mm), 17.0, 0.05, 25.0)
    assert spread(every_phase(FIELD, 1024, [tube], edge_fwhm_mm)) < PROMISED_SPREAD


# The part of the uncertainty that the grid contributes

AT_EDGE = {
    "tube at the side": [WeakTube(-262.0, 17.0, 0.05, 25.0)],
    "tube in the corner": [WeakTube(262.0, 189.0, 0.05, 25.0)],
    "spot at the side": [WeakTube(-262.0, 17.0, 0.05, 10.0)],
    "spot in the corner": [WeakTube(262.0, -189.0, 0.05, 12.0)],
    "edge packing": [EdgePacking(0.05, 6.0)],
    "wide edge packing": [EdgePacking(0.05, 15.0)],
}


@pytest.mark.parametrize("edge_fwhm_mm", [3.0, 5.0])
@pytest.mark.parametrize("matrix", [512, 256])
@pytest.mark.parametrize("name", list(AT_EDGE))
def test_grid_part_is_the_spread_of_defects_at_the_edge(name: str, matrix: int, edge_fwhm_mm: float) -> None:
    phases = every_phase(FIELD, matrix, AT_EDGE[name], edge_fwhm_mm)
    made = phases[0][0]
    said = grid_spread(made.image, made.inner, made.central, made.rows, made.columns)["integral.ufov"]
    truth = float(np.std([one["integral.ufov"] for _, one in phases]))
    # Within a factor of two: 16 phases of a flood smoothed over 14 mm stand for all of a sharp one.
    assert truth / 2 <= said <= 2 * truth


@pytest.mark.parametrize("matrix", [1024, 512, 256, 128])
@pytest.mark.parametrize("x_mm", [-42.0, -236.0, -262.0])
def test_grid_part_of_a_dead_tube_is_a_part_of_a_hundred(matrix: int, x_mm: float) -> None:
    dead = DeadPatch(Circle(76.0), x_mm, 20.0)
    made = prepared(expected(flood(FIELD, matrix, GRIDS[matrix][0], [dead], edge_fwhm_mm=3.0)))
    said = grid_spread(made.image, made.inner, made.central, made.rows, made.columns)
    here = indices_at(made)
    assert (here["integral.ufov"], here["differential.ufov"]) == pytest.approx((100, 100), rel=1e-12)
    # Both stand at 100 % wherever the grid lies: a disc of 76 mm holds five pixels in a row.
    assert said["integral.ufov"] == pytest.approx(0, abs=1e-6)
    assert said["differential.ufov"] == pytest.approx(0, abs=1e-6)
    # No index leaves 0 to 100, so no standard deviation exceeds 50.
    assert all(0 <= part <= 50 for part in said.values())


# The strict policy hangs on it, and that is said


def strict_integral(made: Prepared, down: int, along: int) -> float:
    """Return the strict integral uniformity with the grid moved."""
    from nmqc.measure.outline import half_inside

    counts, _, (rows, columns) = at_phase(made, down, along)
    ufov, cfov = (half_inside(one, rows, columns) for one in (made.field.outline, made.central))
    left = strict_fields(counts, ufov, cfov).fields.ufov
    return float(integral(smooth(counts, left), left))


@pytest.mark.parametrize("edge_fwhm_mm", [0.0, 3.5])
def test_strict_jumps_with_the_phase_where_the_default_stays(edge_fwhm_mm: float) -> None:
    # 100 d / (2 - d) = 3.5 %: the true integral uniformity of a weak tube of depth d far inside.
    tube = WeakTube(-42.0, 17.0, 2 * 0.035 / 1.035, 25.0)
    made = prepared(expected(flood(FIELD, 1024, 0.5994, [tube], edge_fwhm_mm=edge_fwhm_mm)))
    shifts = list(itertools.product(range(0, 11, 2), repeat=2))
    strict = [strict_integral(made, *shift) for shift in shifts]
    default = [indices_at(made, *shift)["integral.ufov"] for shift in shifts]
    # An edge pixel of 75 to 100 % light stays: up to 100 (1 - 0.75) / (1 + 0.75) = 14 % before smoothing.
    assert min(strict) < 4.0
    assert max(strict) > 7.0
    assert np.ptp(default) < PROMISED_SPREAD
    assert default == pytest.approx([3.5] * len(shifts), rel=BLUNTED)


def phase_with_partly_lit_edge(monkeypatch: pytest.MonkeyPatch, made: Prepared) -> None:
    """Move the grid to where the strict reading is worst."""
    worst = max(range(11), key=lambda shift: strict_integral(made, shift, shift))
    real = flood_module.blocks_about
    monkeypatch.setattr(flood_module, "blocks_about", lambda *place: real(*place, worst))


@pytest.mark.parametrize("edge_fwhm_mm", [0.0, 3.5])
def test_what_hangs_on_the_edge_is_remarked(monkeypatch: pytest.MonkeyPatch, edge_fwhm_mm: float) -> None:
    tube = WeakTube(-42.0, 17.0, 2 * 0.035 / 1.035, 25.0)
    one = expected(flood(FIELD, 1024, 0.5994, [tube], edge_fwhm_mm=edge_fwhm_mm))
    phase_with_partly_lit_edge(monkeypatch, prepared(one))
    found = result(one)
    strict, default = value(found, of="strict"), value(found)
    assert strict > default + 3
    assert default == pytest.approx(3.5, rel=BLUNTED)
    assert f"{default:.2f}" in texts(found, "edge_limited")
    assert f"{strict:.2f}" in texts(found, "edge_limited")


def test_either_policy_is_judged_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    one = expected(flood(FIELD, 1024, 0.5994))
    phase_with_partly_lit_edge(monkeypatch, prepared(one))
    whole, literal = result(one), result(one, Options(edge_policy="strict", replicates=0))
    for name in ("integral.ufov", "differential.ufov", "integral.cfov", "differential_x.cfov"):
        assert value(whole, name) == value(literal, name, "whole-pixels")
        assert value(whole, name, "strict") == value(literal, name)


# A sharp field of whole re-binned pixels, 67 x 57 of 6.5934 mm, about the centre of native pixel 512.
QUIET, MIDDLE = Rectangle(67 * 6.5934, 57 * 6.5934), (0.2997, 0.2997)


def test_extremum_in_the_outermost_ring_is_remarked() -> None:
    # 1.9 % from side to side: both extremes lie at the rim, and the two policies differ by less than 0.5 points.
    slope = LinearGradient(x_per_mm=7e-5)
    found = result(expected(flood(QUIET, 1024, 0.5994, [slope], offset_mm=MIDDLE, edge_fwhm_mm=0.0)))
    assert abs(value(found) - value(found, of="strict")) < 0.5
    assert "outermost" in texts(found, "edge_limited")


def test_nothing_is_said_of_the_edge_where_nothing_hangs_on_it() -> None:
    hot, cold = WeakTube(60.0, 40.0, -0.04, 25.0), WeakTube(-42.0, 17.0, 0.05, 25.0)
    found = result(expected(flood(QUIET, 1024, 0.5994, [hot, cold], offset_mm=MIDDLE, edge_fwhm_mm=0.0)))
    assert abs(value(found) - value(found, of="strict")) < 0.5
    assert "edge_limited" not in codes(found)


def test_strict_that_falls_with_a_dead_patch_is_flagged() -> None:
    patches = [DeadPatch(Rectangle(40.0, 40.0), -42.0, 17.0, gain) for gain in (0.5, 0.1, 0.0)]
    found = [result(expected(flood(FIELD, 512, 1.1988, [one]))) for one in patches]
    strict = [value(one, of="strict") for one in found]
    default = [value(one) for one in found]
    # 100 (1 - g) / (1 + g), deep inside the patch.
    assert default == pytest.approx(
        [100 / 3, 900 / 11, 100], abs=0.1
    )  # 0.1 % of light lost at the blurred edge
    assert strict[0] == pytest.approx(100 / 3, abs=15)  # the partly lit edge pixels that stay
    assert strict[2] < strict[1]
    assert value(found[2], of="strict") < 50
    assert "hides a defect" in texts(found[2], "edge_limited")
    assert "hides a defect" not in texts(found[0], "edge_limited")


def test_margin_is_twice_the_sigma_or_as_asked() -> None:
    one = expected(flood(FIELD, 256, 2.3976, edge_fwhm_mm=4.0))
    found = result(one).parameters
    # The sigma is right to 0.1 mm (test_field.py).
    assert found["edge_margin_mm"] == pytest.approx(2 * 4.0 / FWHM_PER_SIGMA, abs=0.2)
    wide = result(one, Options(edge_margin_mm=9.5, replicates=0)).parameters
    assert wide["edge_margin_mm"] == 9.5
    assert wide["pixels_ufov"] < found["pixels_ufov"]
    assert (
        result(one, Options(edge_margin_mm=0.0, replicates=0)).parameters["pixels_ufov"]
        > found["pixels_ufov"]
    )


def test_whole_pixels_lie_inside_the_true_field_less_the_margin() -> None:
    one = expected(flood(FIELD, 256, 2.3976, offset_mm=(7.3, -4.4), edge_fwhm_mm=4.0))
    made = prepared(one)
    rows, columns = np.nonzero(made.fields.ufov)
    left, right = made.columns.edges_mm[columns.min()], made.columns.edges_mm[columns.max() + 1]
    top, bottom = made.rows.edges_mm[rows.min()], made.rows.edges_mm[rows.max() + 1]
    margin = 2 * 4.0 / FWHM_PER_SIGMA
    room = [left + 533 / 2 - 7.3, 533 / 2 + 7.3 - right, top + 387 / 2 + 4.4, 387 / 2 - 4.4 - bottom]
    # No less than the margin (to the 0.3 mm of outline and sigma), no more than a pixel beyond it.
    assert min(room) >= margin - 0.3
    assert max(room) <= margin + 7.1928 + 0.3
    assert made.fields.ufov.sum() == np.ptp(rows + 0) * np.ptp(columns) + np.ptp(rows) + np.ptp(columns) + 1


def test_the_edge_of_a_uniform_flood_is_no_measurement_of_it() -> None:
    """Twice the light makes no difference, and neither does the unit of the counts."""
    once = expected(flood(FIELD, 256, 2.3976, [WeakTube(200.0, 150.0, 0.05, 25.0)], counts_per_pixel=300.0))
    twice = expected(flood(FIELD, 256, 2.3976, [WeakTube(200.0, 150.0, 0.05, 25.0)], counts_per_pixel=600.0))
    # Arithmetic alone; the outline is fitted with weights that scale with the counts.
    assert measurement(result(twice)).value == pytest.approx(measurement(result(once)).value, rel=1e-6)
