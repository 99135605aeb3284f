"""What is no flood is refused, what is one is not, and the real files are told apart."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.model import Acquisition
from nmqc.uniformity.flood import Options
from nmqc.uniformity.planar import analyse
from phantoms.defects import Crack, DeadPatch, Defect, HydrationSpots, NearSource, TubeLattice, WeakTube
from phantoms.fields import Circle, Octagon, Outline, Rectangle
from tests.uniformity.floods import (
    acquisition,
    codes,
    flood,
    frame,
    indices_at,
    measurement,
    noisy,
    prepared,
    refusal,
    result,
    texts,
    value,
)

FIELD = Rectangle(533.0, 387.0)
PIXEL = 2.3976
SIDE = 256
Image = NDArray[np.float64]


def grid_mm(side: int = SIDE, pixel_mm: float = PIXEL) -> tuple[Image, Image]:
    """Return x and y of the centres of pixels, from a point off the middle of the matrix."""
    centres = (np.arange(side) - (side - 1) / 2) * pixel_mm
    return centres[np.newaxis, :] - 8.0, centres[:, np.newaxis] + 5.0


def detector(side: int = SIDE, pixel_mm: float = PIXEL) -> Image:
    """Return the detector's own field: 1 inside, 0 outside."""
    return flood(FIELD, side, pixel_mm, counts_per_pixel=1.0).expected()[0, 0]


def counted(image: Image, total: float, pixel_mm: float = PIXEL, **further: Any) -> Acquisition:
    """Return Poisson counts about an image scaled to a total."""
    random = np.random.default_rng(int(total) + image.shape[0])
    counts = random.poisson(image * (total / image.sum()))
    return acquisition(frame(counts.astype(np.uint32), (pixel_mm, pixel_mm), **further))


def refused_as(one: Acquisition, code: str) -> str:
    """Check the code of a refusal, and that the reason is one line without a number that is none."""
    said = refusal(one)
    assert said.code == code
    assert "\n" not in said.reason
    assert "nan" not in said.reason.lower().split()
    return said.reason


# Bars


def bars(widths_mm: tuple[float, ...], modulation: Any, side: int, pixel_mm: float) -> Image:
    """Return a four-quadrant bar phantom on the detector: square waves of the modulation of each width."""
    fine = 4
    centres = ((np.arange(side * fine) + 0.5) / fine - side / 2) * pixel_mm
    x, y = centres[np.newaxis, :] - 3.0, centres[:, np.newaxis] + 4.0
    turn = 0.05
    x, y = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    pattern = np.ones(x.shape)
    for index, width in enumerate(widths_mm):
        here = ((x >= 0) == (index % 2 == 1)) & ((y >= 0) == (index >= 2))
        along = x if index in (0, 3) else y
        pattern[here] += modulation(width) * np.sign(np.sin(np.pi * along[here] / width))
    return pattern.reshape(side, fine, side, fine).mean(axis=(1, 3)) * detector(side, pixel_mm)


@pytest.mark.parametrize("total", [1e6, 5e6, 30e6])
@pytest.mark.parametrize("modulation", [0.3, 0.5, 0.9])
@pytest.mark.parametrize(("side", "pixel_mm"), [(256, 2.3976), (512, 1.1988)])
def test_bars_of_equal_modulation(side: int, pixel_mm: float, modulation: float, total: float) -> None:
    image = bars((2.0, 3.18, 4.23, 6.35), lambda _: modulation, side, pixel_mm)
    assert "bars" in refused_as(counted(image, total, pixel_mm), "not_a_flood")


@pytest.mark.parametrize("modulation", [0.3, 0.9])
def test_bars_on_coarse_and_on_the_finest_pixels(modulation: float) -> None:
    for side, pixel_mm in ((128, 4.7952), (1024, 0.5994)):
        image = bars((2.0, 3.18, 4.23, 6.35), lambda _: modulation, side, pixel_mm)
        refused_as(counted(image, 10e6, pixel_mm), "not_a_flood")


@pytest.mark.parametrize(
    ("widths_mm", "fwhm_mm"),
    [
        ((2.0, 2.5, 3.0, 3.5), 3.5),
        ((2.0, 2.5, 3.0, 3.5), 4.4),
        ((2.12, 2.54, 3.18, 4.23), 4.4),
        ((3.18, 3.97, 4.76, 6.35), 4.4),
        ((3.18, 3.97, 4.76, 6.35), 7.0),
    ],
)
@pytest.mark.parametrize("total", [2e6, 10e6])
def test_bars_as_a_camera_sees_them(widths_mm: tuple[float, ...], fwhm_mm: float, total: float) -> None:
    """The modulation left by a Gaussian of this FWHM at the bars' frequency 1 / (2 w), intrinsic or collimated."""

    def modulation(width: float) -> float:
        sigma = fwhm_mm / 2.35482
        return min(1.0, 4 / np.pi * float(np.exp(-2 * (np.pi * sigma / (2 * width)) ** 2)))

    refused_as(counted(bars(widths_mm, modulation, SIDE, PIXEL), total), "not_a_flood")


@pytest.mark.parametrize("total", [200e3, 500e3])
def test_bars_of_few_counts_are_bars_still(total: float) -> None:
    refused_as(counted(bars((3.18, 3.97, 4.76, 6.35), lambda _: 0.9, SIDE, PIXEL), total), "not_a_flood")


# Sources in the air


def blurred_disc(diameter_mm: float, fwhm_mm: float) -> Image:
    edges = (np.arange(SIDE + 1) - SIDE / 2) * PIXEL
    return Circle(diameter_mm).coverage(edges - 20.0, edges + 12.0, fwhm_mm)


def spot(sigma_mm: float) -> Image:
    x, y = grid_mm()
    return np.exp(-(x**2 + y**2) / (2 * sigma_mm**2))


def rods() -> Image:
    x, y = grid_mm()
    return np.exp(-((0.98 * x + 0.2 * y - 30.0) ** 2) / (2 * 4.0**2)) * (np.abs(y) < 150)


def lying_cylinder(length_mm: float) -> Image:
    x, y = grid_mm()
    return np.sqrt(np.maximum(100.0**2 - x**2, 0)) / 100 * (np.abs(y) < length_mm / 2)


def standing_sphere() -> Image:
    x, y = grid_mm()
    return np.sqrt(np.maximum(110.0**2 - x**2 - y**2, 0))


NO_FLOODS: dict[str, Any] = {
    "point": lambda: spot(4.0),
    "wide point": lambda: spot(25.0),
    "very wide point": lambda: spot(90.0) * detector(),
    "line": rods,
    "four lines": lambda: sum(np.roll(rods(), shift, axis=1) for shift in (0, 20, 40, 60)),
    "lying cylinder": lambda: lying_cylinder(200.0),
    "long lying cylinder": lambda: lying_cylinder(300.0),
    "cylinder across the detector": lambda: lying_cylinder(900.0) * detector(),
    "sphere": standing_sphere,
    "disc in the air": lambda: blurred_disc(150.0, 15.0),
    "disc near the collimator": lambda: blurred_disc(150.0, 8.0),
    "larger disc": lambda: blurred_disc(250.0, 15.0),
    "disc with scatter": lambda: blurred_disc(200.0, 8.0) + 0.1 * detector(),
}


@pytest.mark.parametrize("total", [300e3, 5e6])
@pytest.mark.parametrize("name", list(NO_FLOODS))
def test_sources_smaller_than_the_detector(name: str, total: float) -> None:
    refused_as(counted(NO_FLOODS[name](), total), "not_a_flood")


# Images that hold nothing to measure


def whole_numbers(counts: Any, pixel_mm: float = PIXEL, **further: Any) -> Acquisition:
    return acquisition(frame(np.asarray(counts), (pixel_mm, pixel_mm), **further))


def good() -> NDArray[Any]:
    return np.rint(100 * detector()).astype(np.int32)


def test_no_counts_at_all() -> None:
    refused_as(whole_numbers(np.zeros((SIDE, SIDE), np.uint16)), "no_counts")


def test_one_lit_pixel() -> None:
    image = np.zeros((SIDE, SIDE), np.uint16)
    image[40, 70] = 500
    refused_as(whole_numbers(image), "not_a_flood")


@pytest.mark.parametrize("mean", [0.001, 0.02, 0.2])
def test_room_background_without_a_source(mean: float) -> None:
    empty = np.random.default_rng(1).poisson(mean, (SIDE, SIDE)).astype(np.uint16)
    assert refusal(whole_numbers(empty)).code in ("not_a_flood", "zoomed_field")


def test_negative_counts() -> None:
    image = good()
    image[5, 5] = -1
    refused_as(whole_numbers(image), "negative_counts")


@pytest.mark.parametrize("full_scale", [65535, 32767, 255])
def test_saturated(full_scale: int) -> None:
    image = good()
    image[100, 100] = full_scale
    assert str(full_scale) in refused_as(whole_numbers(image, full_scale=full_scale), "saturated")
    image[100, 100] = full_scale - 1
    assert analyse(whole_numbers(image, full_scale=full_scale), Options(replicates=0)).results


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [(120, 120), (1, 1)])
def test_values_that_are_no_numbers(bad: float, place: tuple[int, int]) -> None:
    image = 100 * detector()
    image[place] = bad
    assert refusal(acquisition(frame(image, (PIXEL, PIXEL)))).code


@pytest.mark.parametrize("kind", ["TOMO", "WHOLE BODY", "DYNAMIC", "GATED"])
def test_other_kinds_of_acquisition(kind: str) -> None:
    refused_as(acquisition(frame(good(), (PIXEL, PIXEL)), kind=kind), "not_a_flood")


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (1, 64), (64, 1), (1, 1000), (1000, 1), (2, 64), (64, 3), (8, 8), (5, 300), (16, 16), (32, 32)],
)
def test_tiny_images(shape: tuple[int, int]) -> None:
    refused_as(whole_numbers(np.full(shape, 100, np.uint16)), "not_a_flood")


@pytest.mark.parametrize("pixel_mm", [0.001, 0.01, 60.0, 1e4])
def test_absurd_pixels(pixel_mm: float) -> None:
    assert refusal(whole_numbers(np.full((64, 64), 100, np.uint16), pixel_mm)).code


def test_one_bad_frame_leaves_the_others() -> None:
    dark = frame(np.zeros((SIDE, SIDE), np.uint16), (PIXEL, PIXEL))
    found = analyse(acquisition(dark, frame(good(), (PIXEL, PIXEL))), Options(replicates=0))
    assert (len(found.results), [one.code for one in found.refused]) == (1, ["no_counts"])


# Floods that look odd and are floods


ODD: dict[str, tuple[Defect, ...]] = {
    "strong tube pattern": (TubeLattice(0.2),),
    "strong pattern of small tubes": (TubeLattice(0.2, 51.0),),
    "source at 700 mm": (NearSource(700.0),),
    "source at 700 mm off the axis": (NearSource(700.0, 60.0, -40.0),),
    "contamination": (WeakTube(80.0, 40.0, -4.0, 8.0),),
    "contamination at the edge": (WeakTube(260.0, 40.0, -4.0, 8.0),),
    "small contamination": (WeakTube(80.0, 40.0, -4.0, 3.0),),
    "crack": (Crack(20.0, 10.0, 30.0, 0.9, 4.0, 1.0),),
    "crystal gone wet": (HydrationSpots(60, 0.4, 5.0),),
    "dead tube in the middle": (DeadPatch(Circle(76.0), 3.0, 2.0),),
    "four dead tubes in the middle": (DeadPatch(Circle(150.0), 3.0, 2.0),),
}


@pytest.mark.parametrize("name", list(ODD))
def test_odd_floods_are_measured(name: str) -> None:
    made = prepared(noisy(flood(FIELD, SIDE, PIXEL, ODD[name], counts=20e6), seed=3))
    # 1 mm is what the default policy bears; strong structure at the edge bends the half height a little.
    assert made.field.outline.extents_mm() == pytest.approx((533, 387), abs=1.0)
    assert texts(made.field, "field_incomplete") == ""
    assert indices_at(made)["integral.ufov"] > 5  # they are bad ones, all the same


@pytest.mark.parametrize("background", [0.03, 0.12])
def test_scatter_outside_the_field_is_borne(background: float) -> None:
    found = result(noisy(flood(FIELD, SIDE, PIXEL, counts=20e6, background=background), seed=3))
    assert found.parameters["field_mm"] == pytest.approx([533, 387], abs=1.0)  # as above
    floor = measurement(found).noise_floor
    assert floor is not None
    assert value(found) < 1.3 * floor.p95  # a flat flood reads as noise


@pytest.mark.parametrize(
    ("field", "side", "pixel_mm"),
    [
        (FIELD, 64, 9.6),
        (FIELD, 256, PIXEL),
        (FIELD, 1024, 0.5994),
        (Circle(400.0), 256, PIXEL),
        (Octagon(420.0), 256, PIXEL),
    ],
)
def test_few_counts_are_measured_and_said_to_be_few(field: Outline, side: int, pixel_mm: float) -> None:
    found = result(noisy(flood(field, side, pixel_mm, counts=200e3), seed=3))
    assert "low_counts" in codes(found)
    # The outline to the 1 mm that the default policy bears, or a tenth of a coarse pixel.
    assert found.parameters["field_mm"] == pytest.approx(list(field.extents_mm), abs=max(1.0, pixel_mm / 10))
    floor = measurement(found).noise_floor
    assert floor is not None
    assert value(found) < 1.3 * floor.p95


def test_too_few_counts_are_refused_or_measured_but_never_break() -> None:
    for counts in (100.0, 1e3, 3e3, 1e4, 3e4):
        found = analyse(noisy(flood(FIELD, SIDE, PIXEL, counts=counts), seed=3), Options(replicates=5))
        assert len(found.results) + len(found.refused) == 1


# Real files

ROOT = os.environ.get("NMQC_REFERENCE_DATA")
real = pytest.mark.skipif(not ROOT, reason="NMQC_REFERENCE_DATA does not name the folder of real files")
OTHERS = (
    "bars-intevo16",
    "line-source-symbia-t2",
    "four-line-mediso",
    "slit-mask-mediso",
    "two-line-mediso",
    "petri-dish-ecam",
    "background-two-heads-ecam",
)


def read(name: str) -> Acquisition:
    from nmqc.dicom import ReadOptions, read_nm

    outcome = read_nm([Path(ROOT or ".") / "nm" / f"{name}.dcm"], ReadOptions())
    assert outcome.refused == ()
    (only,) = outcome.acquisitions
    return only


@real
@pytest.mark.parametrize("name", OTHERS)
def test_every_other_real_image_is_refused(name: str) -> None:
    found = analyse(read(name), Options(replicates=0))
    assert found.results == ()
    assert {one.code for one in found.refused} <= {"not_a_flood", "no_counts"}
    assert found.refused


@real
def test_the_real_flood() -> None:
    found = result(read("flood-mediso"), Options(replicates=40))
    # An octagonal field without a word of it in the header: 526.5 x 391 mm, cut corners.
    assert found.parameters["field"] == "rectangle with cut corners"
    assert found.parameters["field_source"] == "image"
    assert found.parameters["rebin"] == 3
    assert {"low_counts", "field_from_image"} <= codes(found)
    # A plain reading of NEMA at the same pixels, by another program, on a field without edge pixels. CFOV is the
    # same counts on another phase of the grid: two of the stated uncertainties.
    for name, other in (("integral.cfov", 3.03), ("differential.cfov", 2.43)):
        ours = measurement(found, name)
        assert ours.uncertainty is not None
        assert ours.value == pytest.approx(other, abs=2 * ours.uncertainty)
    # That field has no edge pixels; ours has, smoothed over fewer neighbours: the lowest of 5,000 lies among them.
    ours = measurement(found)
    assert ours.uncertainty is not None
    assert ours.value == pytest.approx(3.41, abs=3 * ours.uncertainty)
    assert value(found, "counts_per_pixel") == pytest.approx(
        3170, rel=0.05
    )  # its neighbourhood, by the median
    floor = measurement(found).noise_floor
    assert floor is not None
    # Poisson noise alone on these counts and pixels: 2.53, standard error of 100 trials 0.02; other mask: 3 %.
    assert floor.mean == pytest.approx(2.53, rel=0.05)
