"""What is refused: no bars, not enough of them, pixels too coarse for them, bars that are not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.model import Acquisition
from nmqc.resolution.bars import Options, analyse, check
from phantoms.bars import Bars
from phantoms.fields import Rectangle
from tests.exam.acquisitions import planar, with_counts
from tests.resolution.barring import SMALL, WIDE, absent, found, noisy, refused, truths

SIGNS = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def of_counts(phantom: Bars, expected: NDArray[np.float64], seed: int = 1) -> Acquisition:
    """Return a phantom's acquisition with other expected counts, and Poisson noise."""
    noise = np.random.default_rng(seed).poisson(expected).astype(np.uint16)
    return with_counts(planar(phantom, seed), noise)


def covered(phantom: Bars, quadrants: Sequence[int], level: float) -> Acquisition:
    """Return a phantom of which some quadrants show `level` times their mean counts, everywhere alike."""
    expected, truth = phantom.expected(), phantom.truth()
    (rows, columns), (down, along) = phantom.shape, phantom.spacing_mm
    x = (np.arange(columns) - (columns - 1) / 2) * along - truth.centre_mm[0]
    y = (np.arange(rows) - (rows - 1) / 2) * down - truth.centre_mm[1]
    turn = np.radians(truth.cross_deg)
    u = x[None, :] * np.cos(turn) - y[:, None] * np.sin(turn)
    v = x[None, :] * np.sin(turn) + y[:, None] * np.cos(turn)
    lit = phantom._sensitivity()
    for number in quadrants:
        inside = (SIGNS[number][0] * u > 0) & (SIGNS[number][1] * v > 0)
        mean = expected[inside].sum() / lit[inside].sum()
        expected = np.where(inside, level * mean * lit, expected)
    return of_counts(phantom, expected)


def test_flood_is_no_bar_phantom() -> None:
    for seed in range(5):
        flood = np.random.default_rng(seed).poisson(60, (150, 160)).astype(np.uint16)
        refusal = refused(with_counts(planar(SMALL), flood, raw_counts=True))
        assert refusal.code == "not_bars"
        assert "bar phantom" in refusal.reason


def test_flood_with_structure_is_no_bar_phantom() -> None:
    """Photomultipliers 76 mm apart that show by 5 %, and a slope."""
    y, x = np.mgrid[:240, :260] * 2.0
    light = 1 + 0.05 * np.cos(2 * np.pi * x / 76) * np.cos(2 * np.pi * y / 66) + 4e-4 * x
    made = with_counts(planar(SMALL), np.random.default_rng(1).poisson(400 * light).astype(np.uint16))
    made = replace(made, frames=(replace(made.frames[0], spacing_mm=(2.0, 2.0), raw_counts=True),))
    assert refused(made).code == "not_bars"


def test_point_source_is_no_bar_phantom() -> None:
    y, x = np.mgrid[:256, :256] * 1.2
    light = 2000 * np.exp(-((x - 144) ** 2 + (y - 170) ** 2) / (2 * 4.5**2)) + 0.2
    refusal = refused(of_counts(replace(SMALL, matrix=(256, 256), pixel_mm=(1.2, 1.2)), light))
    assert refusal.code in ("not_bars", "too_few_quadrants")
    assert len(refusal.reason) > 40


def test_empty_and_broken_images() -> None:
    made = planar(SMALL, 1)
    counts = made.frames[0].counts
    for other, code in (
        (np.zeros_like(counts), "no_counts"),
        (np.zeros((0, 0), np.uint16), "not_bars"),
        (np.where(counts > 100, np.nan, counts.astype(float)), "not_numbers"),
        (counts.astype(float) - 50, "negative_counts"),
    ):
        broken = with_counts(made, other)
        assert refused(broken).code == code
        assert [one.code for one in check(broken)] == [code]
    tomo = replace(made, kind="TOMO")
    assert refused(tomo).code == "not_bars"
    assert "static" in refused(tomo).reason


def test_saturated_image() -> None:
    made = planar(SMALL, 1)
    counts = made.frames[0].counts
    full = int(np.percentile(counts, 99))
    refusal = refused(with_counts(made, np.minimum(counts, full), full_scale=float(full)))
    assert refusal.code == "saturated"
    assert "finer matrix" in refusal.reason


# --- pixels too coarse -----------------------------------------------------------------------------------

FINE, INCH = (2.0, 2.5, 3.0, 3.5), (3.18, 3.97, 4.76, 6.35)


@pytest.mark.parametrize("given", [False, True], ids=["", "--bars"])
@pytest.mark.parametrize("rotation", [0.0, 7.0, 33.0, 44.0])
@pytest.mark.parametrize(
    ("widths", "pixel"),
    [
        (FINE, (3.0, 3.0)),
        (FINE, (4.4, 4.4)),
        (FINE, (3.0, 2.6)),
        (FINE, (2.4, 2.4)),
        (FINE, (2.0, 2.0)),
        (INCH, (4.4, 4.4)),
        (INCH, (3.4, 3.4)),
    ],
)
def test_no_number_for_bars_that_the_pixels_fold(
    widths: tuple[float, ...], pixel: tuple[float, float], rotation: float, given: bool
) -> None:
    """Bars finer than 1.25 pixels show as other bars: refused, or that quadrant is said to be too fine."""
    first, second, third, fourth = widths
    phantom = Bars(
        matrix=(int(300 / pixel[0]), int(330 / pixel[1])),
        pixel_mm=pixel,
        field=Rectangle(300.0, 270.0),
        widths_mm=(third, first, fourth, second),
        rotation_deg=rotation,
        fwhm_mm=(3.2, 3.2),
        counts=8e6,
    )
    analysis = analyse(planar(phantom, 1), Options(bars=widths if given else None))
    assert len(analysis.results) + len(analysis.refused) == 1
    for refusal in analysis.refused:
        assert len(refusal.reason) > 40
    for result in analysis.results:
        values, missing = found(result), absent(result)
        assert result.parameters["bars_mm"] == [one.width_mm for one in phantom.truth().quadrants]
        for quadrant in phantom.truth().quadrants:
            name = f"{quadrant.width_mm:.2f} mm"
            if max(pixel) >= 0.8 * quadrant.width_mm:
                for metric in ("modulation", "mtf", "width", "fwhm_moments"):
                    assert (metric, name) not in values
                    assert missing[metric, name].code == "pixels_too_coarse"
                    assert "finer matrix" in missing[metric, name].reason
            elif ("modulation", name) in values:
                m = values["modulation", name]
                assert m.uncertainty is not None
                assert abs(m.value - abs(quadrant.modulation)) < 5 * m.uncertainty + 0.01
        if ("fwhm", "") in values:
            fwhm = values["fwhm", ""]
            assert fwhm.uncertainty is not None
            assert abs(fwhm.value - 3.2) < 4 * fwhm.uncertainty + 0.03


# --- quadrants that are not there ------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.02, 1.0, 2.0], ids=["lead", "uniform", "open"])
@pytest.mark.parametrize("width", [6.35, 4.76, 3.97])
def test_missing_quadrant_of_wide_bars_is_not_passed_over(width: float, level: float) -> None:
    """Where narrower bars are seen, these must be: they are not merely unresolved."""
    number = [one.width_mm for one in WIDE.truth().quadrants].index(width)
    refusal = refused(covered(WIDE, [number], level))
    assert refusal.code == "quadrant_missing"
    assert ("top left", "top right", "bottom right", "bottom left")[number] in refusal.reason
    assert "whole phantom" in refusal.reason


@pytest.mark.parametrize("level", [0.02, 1.0, 2.0], ids=["lead", "uniform", "open"])
def test_missing_quadrant_of_the_narrowest_bars_gives_none_of_its_numbers(level: float) -> None:
    """These may be unresolved, by all that the image tells; what is fitted without them must be right or unsure."""
    number = [one.width_mm for one in WIDE.truth().quadrants].index(3.18)
    (result,) = analyse(covered(WIDE, [number], level), Options()).results
    values, missing = found(result), absent(result)
    for metric in ("modulation", "mtf", "width"):
        assert (metric, "3.18 mm") not in values
        assert missing[metric, "3.18 mm"].code in ("not_resolved", "quadrant_missing")
    fwhm = values["fwhm", ""]
    assert fwhm.uncertainty is not None
    assert abs(fwhm.value - 4.2) < 3 * fwhm.uncertainty
    if level != 1.0:  # a uniform quadrant contradicts the others, which the chi-squared must tell
        assert fwhm.uncertainty < 0.05


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("missing", [(0, 1), (0, 2), (1, 3)])
def test_two_quadrants_are_too_few(missing: tuple[int, int], level: float) -> None:
    refusal = refused(covered(WIDE, missing, level))
    assert refusal.code == "too_few_quadrants"
    for number, name in enumerate(("top left", "top right", "bottom right", "bottom left")):
        assert (name in refusal.reason) == (number not in missing)


@pytest.mark.parametrize("centre", [(-105.0, -90.0), (105.0, 90.0), (0.0, -115.0)])
def test_phantom_half_outside_the_field(centre: tuple[float, float]) -> None:
    refusal = refused(planar(replace(WIDE, centre_mm=centre), 1))
    assert refusal.code in ("too_few_quadrants", "quadrant_missing")
    assert "whole phantom" in refusal.reason


def test_quadrant_without_room_for_five_periods_is_not_measured() -> None:
    """Shifted so that 48 mm are left beside the cross: 28 mm after the margins, two periods of 12.7 mm."""
    phantom = replace(WIDE, centre_mm=(-85.0, 2.0), rotation_deg=0.0, widths_mm=(6.35, 4.76, 3.97, 3.18))
    analysis = analyse(planar(phantom, 1), Options())
    for result in analysis.results:
        missing = absent(result)
        assert missing["modulation", "6.35 mm"].code == "quadrant_too_small"
        assert ("fwhm_moments", "6.35 mm") not in found(result)
    assert all(one.code in ("too_few_quadrants", "quadrant_missing") for one in analysis.refused)


def test_too_few_counts() -> None:
    refusal = refused(planar(replace(WIDE, counts=4e3), 1))
    assert refusal.code in ("not_bars", "too_few_quadrants")
    assert "more counts" in refusal.reason


def test_camera_that_resolves_two_quadrants_only_gives_no_fwhm() -> None:
    """At 8.5 mm: modulations of 0.003, 0.04, 0.13 and 0.35."""
    analysis = analyse(planar(replace(WIDE, fwhm_mm=(8.5, 8.5)), 1), Options())
    for result in analysis.results:
        assert ("fwhm", "") not in found(result) or found(result)["fwhm", ""].value == pytest.approx(
            8.5, rel=0.05
        )
    assert all(one.code == "too_few_quadrants" for one in analysis.refused)


# --- bars that are not known -----------------------------------------------------------------------------

ODD = (3.3, 6.0, 4.1, 5.2)


def test_unknown_bars_are_refused_and_given_ones_measured() -> None:
    phantom = replace(WIDE, widths_mm=ODD)
    refusal = refused(planar(phantom, 1))
    assert refusal.code == "unknown_bars"
    assert "3.30, 6.00, 4.10, 5.20" in refusal.reason
    assert "--bars" in refusal.reason
    result = noisy(phantom, 1, (6.0, 3.3, 5.2, 4.1))
    assert result.parameters["bars_mm"] == list(ODD)
    assert result.parameters["bars_from"] == "user"
    fwhm = found(result)["fwhm", ""]
    assert fwhm.uncertainty is not None
    assert abs(fwhm.value - truths(phantom)["fwhm", ""]) < 3.5 * fwhm.uncertainty


def test_wrong_bars_are_refused() -> None:
    refusal = refused(planar(WIDE, 1), FINE)
    assert refusal.code == "unknown_bars"
    assert "check --bars and the pixel size" in refusal.reason


def test_wrong_pixel_size_is_not_taken_for_other_bars() -> None:
    made = planar(WIDE, 1)
    frame = replace(made.frames[0], spacing_mm=(1.05, 1.155))
    assert refused(replace(made, frames=(frame,))).code == "unknown_bars"
    scaled = found(analyse(replace(made, frames=(frame,)), Options(bars=INCH)).results[0])["pixel_scale", ""]
    assert scaled.value == pytest.approx(1.05, abs=1e-3)


def test_ambiguous_bars_are_refused() -> None:
    phantom = replace(WIDE, widths_mm=(3.97, 4.01, 3.18, 6.35))
    assert refused(planar(phantom, 1), (3.97, 4.01, 3.18, 6.35)).code == "ambiguous_bars"
