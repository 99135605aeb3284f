"""The field of view: found in the image without any hint, as stated, and cut off by a zoom."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from nmqc.measure.field import cuts_of
from nmqc.uniformity.indices import INDEX_NAMES
from nmqc.uniformity.planar import Options
from phantoms.defects import DeadPatch
from phantoms.fields import Circle, CutCorners, Hexagon, Octagon, Outline, Rectangle
from phantoms.pixels import FWHM_PER_SIGMA
from tests.uniformity.floods import (
    SlantedCuts,
    codes,
    expected,
    field_of,
    flood,
    hint,
    noisy,
    prepared,
    refusal,
    result,
    texts,
    value,
)

SYSTEM_FIELD = Rectangle(533.0, 387.0)
MATRICES = {64: 9.6, 128: 4.7952, 256: 2.3976, 512: 1.1988, 1024: 0.5994}
SHAPES: dict[str, tuple[Outline, str]] = {
    "rectangle": (SYSTEM_FIELD, "rectangle"),
    "upright rectangle": (Rectangle(387.0, 533.0), "rectangle"),
    "square": (Rectangle(400.0, 400.0), "rectangle"),
    "small cut": (CutCorners(533.0, 387.0, 20.0), "rectangle with cut corners"),
    "cut": (CutCorners(533.0, 387.0, 60.0), "rectangle with cut corners"),
    "large cut": (CutCorners(533.0, 387.0, 140.0), "rectangle with cut corners"),
    "flat cut": (SlantedCuts(533.0, 387.0, 80.0, 40.0), "rectangle with cut corners"),
    "steep cut": (SlantedCuts(533.0, 387.0, 40.0, 80.0), "rectangle with cut corners"),
    "circle": (Circle(400.0), "circle"),
    "hexagon, flat right": (Hexagon(420.0), "regular hexagon"),
    "hexagon, corner right": (Hexagon(420.0, 30.0), "regular hexagon"),
    "octagon": (Octagon(420.0), "regular octagon"),
}
OFFSETS = [(1.37, -2.21), (-11.3, 17.9)]


def tolerance_mm(pixel_mm: float) -> float:
    """An outline up to 1 mm off is promised to do no harm: half of that, or a tenth of a coarse pixel."""
    return max(0.5, 0.1 * pixel_mm)


def sigma_tolerance_mm(pixel_mm: float) -> float:
    """The margin is twice the sigma: 0.2 mm of it, or a twelfth of a pixel."""
    return max(0.1, pixel_mm / 24)


def assert_found(found: Any, shape: Outline, offset: tuple[float, float], within_mm: float) -> None:
    assert found.outline.extents_mm() == pytest.approx(shape.extents_mm, abs=within_mm)
    assert found.outline.centre_mm == pytest.approx(offset, abs=within_mm)
    assert not found.stated
    assert found.clipped == ()
    # A sound field lacks nothing: a false alarm each morning would end the trust in the remark.
    assert texts(found, "field_incomplete") == ""


# From the image alone


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("name", list(SHAPES))
def test_outline_of_every_shape(name: str, offset: tuple[float, float]) -> None:
    shape, word = SHAPES[name]
    found = field_of(expected(flood(shape, 256, 2.3976, offset_mm=offset)))
    assert found.outline.name == word
    assert_found(found, shape, offset, tolerance_mm(2.3976))
    assert found.edge_sigma_mm == pytest.approx(3.5 / FWHM_PER_SIGMA, abs=sigma_tolerance_mm(2.3976))


@pytest.mark.parametrize(
    ("matrix", "edge_fwhm_mm"),
    [(matrix, fwhm) for matrix in (64, 128, 256, 512) for fwhm in (3.0, 5.0, 6.0)] + [(1024, 5.0)],
)
@pytest.mark.parametrize("name", ["rectangle", "square", "cut", "circle", "hexagon, flat right", "octagon"])
def test_outline_and_blur_on_every_matrix(name: str, matrix: int, edge_fwhm_mm: float) -> None:
    (shape, word), pixel = SHAPES[name], MATRICES[matrix]
    found = field_of(expected(flood(shape, matrix, pixel, edge_fwhm_mm=edge_fwhm_mm)))
    assert found.outline.name == word
    assert_found(found, shape, OFFSETS[0], tolerance_mm(pixel))
    assert found.edge_sigma_mm == pytest.approx(edge_fwhm_mm / FWHM_PER_SIGMA, abs=sigma_tolerance_mm(pixel))


@pytest.mark.parametrize("matrix", [64, 128, 256, 512])
@pytest.mark.parametrize("name", ["rectangle", "cut", "circle", "octagon"])
def test_sharp_edge_asks_for_no_margin(name: str, matrix: int) -> None:
    (shape, word), pixel = SHAPES[name], MATRICES[matrix]
    found = field_of(expected(flood(shape, matrix, pixel, edge_fwhm_mm=0.0)))
    assert found.outline.name == word
    assert_found(found, shape, OFFSETS[0], tolerance_mm(pixel))
    # The uniform distribution over the coarse pixel, p / sqrt(12), bounds what a partly lit pixel can feign.
    assert found.edge_sigma_mm <= max(pixel, 2.4) / 12**0.5


@pytest.mark.parametrize("cut_mm", [5.0, 10.0, 15.0, 20.0, 30.0])
@pytest.mark.parametrize("matrix", [128, 256, 512])
@pytest.mark.parametrize("offset", OFFSETS)
def test_small_cuts_are_cuts_and_no_defect(cut_mm: float, matrix: int, offset: tuple[float, float]) -> None:
    shape = CutCorners(533.0, 387.0, cut_mm)
    found = field_of(expected(flood(shape, matrix, MATRICES[matrix], offset_mm=offset)))
    assert_found(found, shape, offset, tolerance_mm(MATRICES[matrix]))
    # Corners that differ by 2 mm along the diagonal are alike by definition: 2 sqrt(2) mm along a side. A cut of
    # 5 mm may be told from a sharp corner or not.
    cut = (0.0, 0.0) if found.outline.is_rectangle else cuts_of(found.outline)
    assert cut == pytest.approx((cut_mm, cut_mm), abs=5.01 if cut_mm == 5.0 else 2 * 2**0.5)


@pytest.mark.parametrize(("cut_x_mm", "cut_y_mm"), [(40.0, 80.0), (80.0, 40.0), (30.0, 60.0), (20.0, 50.0)])
@pytest.mark.parametrize("offset", OFFSETS)
def test_slope_of_the_cut(cut_x_mm: float, cut_y_mm: float, offset: tuple[float, float]) -> None:
    shape = SlantedCuts(533.0, 387.0, cut_x_mm, cut_y_mm)
    found = field_of(expected(flood(shape, 256, 2.3976, offset_mm=offset)))
    assert_found(found, shape, offset, tolerance_mm(2.3976))
    # 2 mm along the diagonal, as above.
    assert cuts_of(found.outline) == pytest.approx((cut_x_mm, cut_y_mm), abs=2 * 2**0.5)


@pytest.mark.parametrize("counts", [1e6, 5e6, 60e6])
@pytest.mark.parametrize(
    "name", ["rectangle", "small cut", "cut", "circle", "octagon", "hexagon, flat right"]
)
def test_outline_of_noisy_floods(name: str, counts: float) -> None:
    shape, word = SHAPES[name]
    found = field_of(noisy(flood(shape, 256, 2.3976, counts=counts), seed=7))
    assert found.outline.name == word
    # 30 counts a pixel at the least: an edge of 300 mm is placed to 0.05 mm, far below the tolerance.
    assert_found(found, shape, OFFSETS[0], tolerance_mm(2.3976))
    assert found.edge_sigma_mm == pytest.approx(3.5 / FWHM_PER_SIGMA, abs=0.15)


@pytest.mark.parametrize("offset", [(20.0, -20.0), (0.0, 0.0), (-7.3, 0.9)])
def test_off_centre_fields_are_found_where_they_are(offset: tuple[float, float]) -> None:
    found = field_of(expected(flood(SYSTEM_FIELD, 256, 2.3976, offset_mm=offset)))
    assert_found(found, SYSTEM_FIELD, offset, tolerance_mm(2.3976))
    assert bool(texts(found, "field_off_centre")) == (max(map(abs, offset)) > 4)


@pytest.mark.parametrize(
    ("matrix", "pixel_mm"),
    [
        ((300, 256), (2.4, 2.4)),
        ((256, 256), (2.065, 2.4)),
        ((300, 256), (2.05, 2.4)),
        ((256, 128), (2.3976, 4.7952)),
        ((128, 256), (4.13, 2.065)),
    ],
)
@pytest.mark.parametrize("name", ["rectangle", "cut", "octagon", "circle"])
def test_matrices_and_pixels_that_are_not_square(
    name: str, matrix: tuple[int, int], pixel_mm: tuple[float, float]
) -> None:
    shape, word = SHAPES[name]
    if pixel_mm == (4.13, 2.065) and shape.extents_mm[0] > 520:
        shape, word = Rectangle(480.0, 387.0), "rectangle"
    found = field_of(expected(flood(shape, matrix, pixel_mm)))
    assert found.outline.name == word
    assert_found(found, shape, OFFSETS[0], tolerance_mm(max(pixel_mm)))


@pytest.mark.parametrize("name", ["rectangle", "steep cut", "hexagon, flat right", "circle"])
@pytest.mark.parametrize("pixel_mm", [(2.3976, 2.3976), (2.3976, 1.9)])
def test_transposed_image_has_the_transposed_outline(name: str, pixel_mm: tuple[float, float]) -> None:
    made = flood(Rectangle(420.0, 387.0) if name == "rectangle" else SHAPES[name][0], (256, 300), pixel_mm)
    upright = expected(made)
    (first,) = upright.frames
    turned = dataclasses.replace(
        upright,
        frames=(dataclasses.replace(first, counts=first.counts.T.copy(), spacing_mm=pixel_mm[::-1]),),
    )
    here, there = field_of(upright), field_of(turned)
    # The same numbers in another order of summation: rounding alone.
    assert there.outline.extents_mm() == pytest.approx(here.outline.extents_mm()[::-1], abs=1e-6)
    assert there.outline.centre_mm == pytest.approx(here.outline.centre_mm[::-1], abs=1e-6)
    assert there.edge_sigma_mm == pytest.approx(here.edge_sigma_mm, abs=1e-6)


@pytest.mark.parametrize("background", [0.02, 0.05, 0.12])
@pytest.mark.parametrize("name", ["rectangle", "circle"])
def test_scatter_about_the_field_is_not_blur(name: str, background: float) -> None:
    shape, _ = SHAPES[name]
    found = field_of(noisy(flood(shape, 256, 2.3976, counts=20e6, background=background), seed=3))
    assert_found(found, shape, OFFSETS[0], tolerance_mm(2.3976))
    assert found.edge_sigma_mm == pytest.approx(3.5 / FWHM_PER_SIGMA, abs=0.15)  # as for noisy floods


@pytest.mark.parametrize("diameter_mm", [120.0, 200.0, 300.0])
def test_blur_of_small_circles_is_measured_not_taken_for_sharp(diameter_mm: float) -> None:
    found = field_of(expected(flood(Circle(diameter_mm), 256, 2.3976, edge_fwhm_mm=5.0)))
    assert found.edge_sigma_mm == pytest.approx(5.0 / FWHM_PER_SIGMA, abs=sigma_tolerance_mm(2.3976))


# As stated


@pytest.mark.parametrize("pair", [(533.0, 387.0), (387.0, 533.0)])
def test_either_order_of_the_pair(pair: tuple[float, float]) -> None:
    found = field_of(expected(flood(SYSTEM_FIELD, 256, 2.3976), [hint("RECTANGLE", *pair)]))
    assert (found.stated, found.source) == (True, "header")
    assert found.outline.extents_mm() == pytest.approx((533.0, 387.0), abs=1e-9)  # as stated
    assert found.outline.centre_mm == pytest.approx(OFFSETS[0], abs=tolerance_mm(2.3976))
    assert texts(found, "field_from_image") == ""


@pytest.mark.parametrize(
    ("matrix", "stated", "agrees"),
    [
        (256, (533.0 / (1 - 0.029), 387.0), True),
        (256, (533.0 / (1 - 0.031), 387.0), False),
        (256, (533.0 / (1 + 0.029), 387.0), True),
        (256, (533.0 / (1 + 0.031), 387.0), False),
        (256, (533.0, 387.0 / (1 - 0.029)), True),
        (256, (533.0, 387.0 / (1 - 0.031)), False),
        (256, (533.0, 387.0 / (1 + 0.031)), False),
        # Two native pixels of 9.6 mm are more than 3 % of 387 mm.
        (64, (533.0, 387.0 + 18.7), True),
        (64, (533.0, 387.0 + 19.7), False),
        (64, (533.0, 387.0 - 18.7), True),
        (64, (533.0, 387.0 - 19.7), False),
    ],
)
def test_agreement_within_three_percent_or_two_pixels(
    matrix: int, stated: tuple[float, float], agrees: bool
) -> None:
    found = field_of(expected(flood(SYSTEM_FIELD, matrix, MATRICES[matrix]), [hint("RECTANGLE", *stated)]))
    assert found.stated == agrees
    wanted = stated if agrees else SYSTEM_FIELD.extents_mm
    assert found.outline.extents_mm() == pytest.approx(wanted, abs=tolerance_mm(MATRICES[matrix]))
    assert bool(texts(found, "field_from_image")) != agrees
    # Whatever is stated, nothing dark is analysed: the lit outline is never larger than the image's.
    assert max(np.subtract(found.lit.extents_mm(), SYSTEM_FIELD.extents_mm)) <= tolerance_mm(MATRICES[matrix])


@pytest.mark.parametrize(
    "wrong",
    [
        hint("RECTANGLE", 600, 500),
        hint("ROUND", 533),
        hint("HEXAGONAL", 533),
        hint("", 0, 0),
        hint("RECTANGLE", 533, 533),
        hint("RECTANGLE", 1, 1),
    ],
    ids=lambda one: f"{one.shape} {one.extents_mm}",
)
def test_wrong_statement_falls_back_to_the_image_and_says_so(wrong: Any) -> None:
    found = field_of(expected(flood(SYSTEM_FIELD, 256, 2.3976), [wrong]))
    assert_found(found, SYSTEM_FIELD, OFFSETS[0], tolerance_mm(2.3976))
    assert "not used" in texts(found, "field_from_image")


def test_the_most_trusted_statement_that_agrees_is_taken() -> None:
    image = flood(SYSTEM_FIELD, 256, 2.3976)
    table, header = hint("RECTANGLE", 531, 386, source="table"), hint("RECTANGLE", 533, 387)
    assert field_of(expected(image, [table, header])).source == "table"
    found = field_of(expected(image, [hint("RECTANGLE", 560, 387, source="site"), table, header]))
    assert found.source == "table"
    assert found.outline.extents_mm() == pytest.approx((531, 386), abs=1e-9)
    assert "site" in texts(found, "field_from_image")


@pytest.mark.parametrize(
    ("shape", "stated", "extents"),
    [
        (Circle(400.0), hint("ROUND", 403), (403.0, 403.0)),
        (Hexagon(420.0), hint("HEXAGONAL", 484), (484 * 0.75**0.5, 484.0)),
        (Hexagon(420.0, 30.0), hint("HEXAGONAL", 484), (484.0, 484 * 0.75**0.5)),
    ],
)
def test_round_and_hexagonal_statements(shape: Outline, stated: Any, extents: tuple[float, float]) -> None:
    # DICOM: the diameter of a round field; of a hexagonal one, that of the circle around it.
    found = field_of(expected(flood(shape, 256, 2.3976), [stated]))
    assert found.stated
    assert found.outline.extents_mm() == pytest.approx(extents, abs=1e-6)


def test_stated_rectangle_keeps_the_cut_corners_of_the_image() -> None:
    shape = CutCorners(533.0, 387.0, 60.0)
    found = field_of(expected(flood(shape, 256, 2.3976), [hint("RECTANGLE", 533, 387)]))
    assert (found.stated, found.outline.name) == (True, "rectangle with cut corners")
    assert cuts_of(found.outline) == pytest.approx((60, 60), abs=2 * 2**0.5)  # 2 mm along the diagonal


@pytest.mark.parametrize(
    ("side", "x", "y"),
    [("left", -533 / 2, 0.0), ("right", 533 / 2, 0.0), ("top", 0.0, -387 / 2), ("bottom", 0.0, 387 / 2)],
)
def test_a_dead_row_of_tubes_is_not_the_end_of_the_stated_field(side: str, x: float, y: float) -> None:
    dark = DeadPatch(Rectangle(80.0, 500.0) if x else Rectangle(600.0, 80.0), x, y)  # the outer 40 mm
    image = flood(SYSTEM_FIELD, 256, 2.3976, [dark])
    found = refusal(expected(image, [hint("RECTANGLE", 533, 387, source="site")]))
    assert found.code == "field_incomplete"
    assert f"as if a strip at the {side} of the detector were dark" in found.reason


def test_half_a_dead_detector_is_never_a_good_flood() -> None:
    dark = DeadPatch(Rectangle(533.0, 500.0), -533 / 2, 0.0)
    for hints in ((), [hint("RECTANGLE", 533, 387, source="table")]):
        assert refusal(expected(flood(SYSTEM_FIELD, 256, 2.3976, [dark]), hints)).code == "field_incomplete"


def test_a_wrong_statement_about_a_centred_field_is_no_dark_strip() -> None:
    one = expected(flood(SYSTEM_FIELD, 256, 2.3976), [hint("RECTANGLE", 560, 387, source="table")])
    found = result(one)
    assert found.parameters["field_source"] == "image"
    assert {"field_from_image", "field_incomplete"} <= codes(found)


# Cut off by a zoom


def zoomed(pixel_mm: float, *hints: Any, field: Outline = SYSTEM_FIELD, **head: Any) -> Any:
    return expected(flood(field, 256, pixel_mm, **head), hints)


STATED = hint("RECTANGLE", 533, 387, source="table")


def test_zoomed_field_of_unknown_size_is_refused() -> None:
    # 256 pixels of 1.648 mm are 421.9 mm.
    assert refusal(zoomed(1.648)).code == "zoomed_field"


@pytest.mark.parametrize("pixel_mm", [1.648, 1.8, 2.0])
def test_zoomed_field_of_known_size_gives_the_cfov_alone(pixel_mm: float) -> None:
    one = zoomed(pixel_mm, STATED)
    found = result(one)
    measured = {(m.metric.name, m.of) for m in found.measurements}
    assert not {name for name, _ in measured if name.endswith(".ufov")}
    absent = {(a.name, a.of): a.code for a in found.not_measured}
    for index in ("integral", "differential_x", "differential_y", "differential", "cov", "structural_cov"):
        assert absent[f"uniformity.{index}.ufov", ""] == "zoomed_field"
    for index in ("rows", "columns", "tilt", "centre_to_edge"):
        assert absent[f"uniformity.{index}", ""] == "zoomed_field"
    assert value(found, "integral.cfov") == pytest.approx(0.0, abs=1e-9)  # a flat flood
    made = prepared(one)
    width = np.ptp(np.flatnonzero(made.fields.cfov.any(axis=0))) * made.columns.pitch_mm
    # 0.75 x 533 mm, by whole pixels.
    assert width + made.columns.pitch_mm == pytest.approx(399.75, abs=made.columns.pitch_mm)


def test_variants_of_a_zoomed_field_are_of_the_cfov_alone_too() -> None:
    dead = DeadPatch(Rectangle(9.0, 7.0), 30.0, 20.0)
    one, other = zoomed(1.8, STATED), zoomed(1.8, STATED, defects=(dead,))
    found = result(one, Options(replicates=0, reference=other, source_distance_mm=2500.0))
    for of in ("reference", "near-source", "strict"):
        told = {m.metric.name for m in found.measurements if m.of == of}
        lost = {item.name for item in found.not_measured if (item.of, item.code) == (of, "zoomed_field")}
        assert not any(name.endswith(".ufov") for name in told)
        assert {f"uniformity.{index}.ufov" for index in INDEX_NAMES} <= lost
        if of == "reference":
            assert told == {f"uniformity.{index}.cfov" for index in INDEX_NAMES}


@pytest.mark.parametrize("pair", [(421.0, 385.0), (421.0, 387.0), (422.0, 387.0)])
def test_a_pair_cut_off_by_the_same_zoom_proves_nothing(pair: tuple[float, float]) -> None:
    # The header of a zoomed image gives the field as far as the matrix shows it: 421 mm of 533.
    assert refusal(zoomed(1.648, hint("RECTANGLE", *pair))).code == "zoomed_field"


@pytest.mark.parametrize("pixel_mm", [1.5, 1.3, 1.0])
def test_zoom_that_cuts_the_cfov_is_refused(pixel_mm: float) -> None:
    # 384, 333 and 256 mm of the CFOV's 399.75 x 290.25 mm.
    assert refusal(zoomed(pixel_mm, STATED)).code == "zoomed_field"


@pytest.mark.parametrize(
    "field", [Circle(400.0), Octagon(400.0), Hexagon(400.0)], ids=["circle", "octagon", "hexagon"]
)
def test_zoomed_fields_that_are_no_rectangles(field: Outline) -> None:
    # 256 pixels of 1.4 mm are 358 mm: the matrix cuts 21 mm off each side.
    assert refusal(zoomed(1.4, field=field)).code == "zoomed_field"


@pytest.mark.parametrize("offset_x_mm", [10.0, 25.0, 40.0])
def test_field_cut_off_at_one_side_keeps_its_centre_or_is_refused(offset_x_mm: float) -> None:
    one = zoomed(2.1, STATED, offset_mm=(offset_x_mm, 6.0))
    # The left side is in the image, and the width is stated: the middle is known.
    made = prepared(one)
    assert made.field.clipped == ("right",)
    assert made.field.outline.centre_mm == pytest.approx((offset_x_mm, 6.0), abs=tolerance_mm(2.1))


def test_light_in_the_whole_matrix_is_no_field() -> None:
    full = zoomed(2.3976, field=Rectangle(900.0, 900.0))
    assert refusal(full).code == "zoomed_field"


@pytest.mark.parametrize(
    "field", [Rectangle(526.6, 391.0), CutCorners(526.6, 391.0, 82.0)], ids=["rectangle", "cut"]
)
def test_half_lit_columns_at_the_border_of_the_matrix(field: Outline) -> None:
    # 256 pixels of 2.065 mm are 528.64 mm: the outermost columns are half lit, and the field is whole.
    one = zoomed(2.065, field=field, offset_mm=(0.0, 0.3), edge_fwhm_mm=0.0)
    found = field_of(one)
    assert found.clipped == ()
    assert found.outline.extents_mm() == pytest.approx(field.extents_mm, abs=tolerance_mm(2.065))
    assert value(result(one)) < 0.3  # the promise for all grid phases, on a flat flood
