"""The whole analysis of bar phantoms: closed forms, uncertainties, and where the phantom is."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmqc.dicom import ReadOptions, read_nm
from nmqc.model import Acquisition, Result
from nmqc.resolution.bars import Options, analyse, check
from phantoms.bars import Bars
from phantoms.fields import Octagon, Rectangle
from tests.exam.acquisitions import countless, planar, together
from tests.resolution.barring import (
    SMALL,
    WIDE,
    absent,
    check_located,
    ensemble,
    exact,
    found,
    named,
    noisy,
    off_by,
    truths,
)

# --- without noise --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "phantom",
    [
        SMALL,
        WIDE,
        replace(WIDE, matrix=(430, 430), pixel_mm=(0.6, 0.6), fwhm_mm=(3.4, 3.4)),
        replace(WIDE, matrix=(115, 118), pixel_mm=(2.3, 2.4), fwhm_mm=(5.0, 5.0), rotation_deg=-31.0),
    ],
    ids=["fine bars", "inch bars", "pixels of 0.6 mm", "pixels of 2.4 mm"],
)
def test_closed_forms(phantom: Bars) -> None:
    """Everything that is had from frequencies and amplitudes is exact; the pixels are divided out."""
    values, true = found(exact(phantom)), truths(phantom)
    for key in true:
        if key[0] not in ("centre_x", "centre_y"):
            # No noise. Least squares of a model that leaves out harmonics from the fourth on, and what else folds on
            # the waves: 1e-4 on pixels of 2.4 mm, much less on finer ones.
            within = 1e-3 if phantom.spacing_mm[0] > 2 else 1e-5
            difference = off_by(key, values[key].value, true[key])
            assert abs(difference) <= within * max(abs(true[key]), 0.1), key


def test_smallest_bars_and_limit() -> None:
    """The limit is where the curve of the image, pixels included, has a modulation of 0.08."""
    values = found(exact(WIDE))
    assert values["smallest_resolved", ""].value == 3.18
    assert values["smallest_resolved", ""].uncertainty is None
    width = values["limit", ""].value
    f, pixel = 1 / (2 * width), max(WIDE.spacing_mm)
    blur = math.exp(-((math.pi * 4.2 * f) ** 2) / (4 * math.log(2)))
    sinc = math.sin(math.pi * f * pixel) / (math.pi * f * pixel)
    contrast = WIDE.truth().quadrants[0].contrast
    assert 4 / math.pi * contrast * blur * sinc == pytest.approx(0.08, rel=1e-4)  # no noise; of what fwhm is


def rotations(phantom: Bars, seed: int | None = None) -> list[Result]:
    """Return the results of one camera's phantom in four positions, a quarter turn apart, given together."""
    turned = [replace(phantom, rotation_deg=phantom.rotation_deg + turn) for turn in (0, 90, 180, 270)]
    made = together(
        [countless(one) if seed is None else planar(one, seed + n) for n, one in enumerate(turned)]
    )
    analysis = analyse(made, Options())
    assert analysis.refused == ()
    return list(analysis.results)


ANISOTROPIC = replace(WIDE, fwhm_mm=(3.6, 4.4))


def test_four_rotations_tell_x_from_y() -> None:
    *single, common = rotations(ANISOTROPIC)
    assert [one.parameters["cross_deg"] for one in single] == pytest.approx([7.0] * 4, abs=0.01)
    values = found(common)
    assert values["fwhm", "x"].value == pytest.approx(3.6, rel=1e-5)  # no noise
    assert values["fwhm", "y"].value == pytest.approx(4.4, rel=1e-5)
    assert values["fwhm", ""].value == pytest.approx(4.0, rel=1e-5)  # their mean
    assert values["contrast", ""].value == pytest.approx(1 / 1.1, rel=1e-5)
    assert values["smallest_resolved", ""].value == 3.18
    assert values["pixel_scale", ""].value == pytest.approx(1, abs=1e-5)
    per_image = {name for (name, of), one in absent(common).items() if one.code == "per_image"}
    assert {"modulation", "mtf", "width", "rotation", "centre_x", "linearity_sd"} <= per_image
    for one in single:
        missing = absent(one)
        assert {missing["fwhm", axis].code for axis in "xy"} == {"no_rotations"}


def test_four_noisy_rotations_agree_within_their_uncertainty() -> None:
    values = found(rotations(ANISOTROPIC, 40)[-1])
    for axis, true in (("x", 3.6), ("y", 4.4), ("", 4.0)):
        m = values["fwhm", axis]
        assert m.uncertainty is not None
        assert m.uncertainty < 0.03
        assert abs(m.value - true) < 3.5 * m.uncertainty


def test_images_of_two_detectors_are_not_fitted_together() -> None:
    first, second = planar(SMALL, 1), planar(replace(SMALL, detector=1), 2)
    results = analyse(together([first, second]), Options()).results
    assert [one.detector for one in results] == [2, 1]
    assert [one.detector for one in analyse(together([first, second]), Options(only_detector=1)).results] == [
        1
    ]
    (refusal,) = analyse(first, Options(only_detector=1)).refused
    assert refusal.code == "no_such_detector"


def test_same_image_twice_is_one_result_more() -> None:
    made = planar(SMALL, 1)
    results = analyse(together([made, made]), Options()).results
    assert len(results) == 3
    alone, twice = found(results[0])["fwhm", ""], found(results[2])["fwhm", ""]
    assert alone.uncertainty is not None
    # the mean of x and y, which one rotation hardly tells apart
    assert twice.value == pytest.approx(alone.value, abs=2 * alone.uncertainty)


# --- noise ----------------------------------------------------------------------------------------------

# The ensemble of few seeds is quick; that of many knows a scatter four times as well.
SEEDS = [24, pytest.param(100, marks=pytest.mark.slow)]
PER_QUADRANT = ("modulation", "mtf", "width", "fwhm_moments", "fwhm_moments_pi4")
SCATTERED = ("fwhm", "contrast", "limit", "rotation", "pixel_scale", *PER_QUADRANT)


def pulls(seeds: int, name: str) -> np.ndarray:
    """Return (value - mean) / uncertainty, shape (quadrants or 1, seeds)."""
    results = [found(one) for one in ensemble(SMALL, seeds)]
    keys = [key for key in results[0] if key[0] == name and all(key in one for one in results)]
    assert keys
    rows = []
    for key in keys:
        values = np.array([one[key].value for one in results])
        sigmas = np.array([one[key].uncertainty for one in results], dtype=float)
        rows.append((values - values.mean()) / sigmas)
    return np.array(rows)


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("name", SCATTERED)
def test_scatter_over_seeds_is_the_stated_uncertainty(name: str, seeds: int) -> None:
    off = pulls(seeds, name)
    ratio = float((off**2).sum() / (off.shape[0] * (seeds - 1))) ** 0.5
    # 0.85 to 1.15, and three times the error of a scatter of so many numbers on either side of it.
    error = 3 / (2 * off.shape[0] * (seeds - 1)) ** 0.5
    assert 0.85 / (1 + error) < ratio < 1.15 * (1 + error)


@pytest.mark.parametrize("seeds", SEEDS)
def test_means_over_seeds_are_true_and_intervals_cover(seeds: int) -> None:
    true, covered = truths(SMALL), []
    results = [found(one) for one in ensemble(SMALL, seeds)]
    for key in true:
        values = np.array([one[key].value for one in results])
        sigmas = np.array([one[key].uncertainty for one in results], dtype=float)
        off = np.array([off_by(key, value, true[key]) for value in values])
        if key[0] not in ("centre_x", "centre_y"):
            # four standard errors: some twenty quantities
            assert abs(off.mean()) < 4 * off.std(ddof=1) / seeds**0.5, key
            covered.append(np.abs(off) < sigmas)
        else:
            # what is said of the cross is as much the model's error as the noise's: within three sigmas, and 1 mm
            assert (np.abs(off) < np.minimum(3 * sigmas, 1.0)).all(), key
        assert (np.abs(off) < 4.5 * sigmas).all(), key
    # The quantities of an image hang together: as if a quarter of them were independent.
    error = (0.683 * 0.317 / (seeds * len(covered) / 4)) ** 0.5
    assert np.mean(covered) == pytest.approx(0.683, abs=0.03 + 3 * error)


def test_scale_of_the_pixels_is_told() -> None:
    """A camera whose pixels are 1 % larger than it says shows bars 1 % too narrow."""
    made = planar(WIDE, 1)
    frame = replace(made.frames[0], spacing_mm=(1.0 / 1.01, 1.1 / 1.01))
    result = analyse(replace(made, frames=(frame,)), Options()).results[0]
    scale = found(result)["pixel_scale", ""]
    assert scale.uncertainty is not None
    assert scale.value == pytest.approx(1 / 1.01, abs=4 * scale.uncertainty)
    assert "pixel_scale_off" not in {one.code for one in result.remarks}
    frame = replace(made.frames[0], spacing_mm=(1.0 / 1.015, 1.1 / 1.015))
    result = analyse(replace(made, frames=(frame,)), Options()).results[0]
    assert "pixel_scale_off" in {one.code for one in result.remarks}


# --- where it is ----------------------------------------------------------------------------------------

PLACES = {
    **{
        f"rotation {turn:g}": replace(WIDE, rotation_deg=turn)
        for turn in (0.0, 20.0, 89.0, 90.0, 133.0, 250.0)
    },
    "rotation 44.5": replace(WIDE, rotation_deg=44.5),
    "mirrored": replace(WIDE, mirrored=True, rotation_deg=-16.0),
    "shifted by 40 mm": replace(
        WIDE, matrix=(330, 350), field=Rectangle(370.0, 310.0), centre_mm=(40.0, -40.0)
    ),
    "narrowest first": replace(WIDE, widths_mm=(3.18, 3.97, 4.76, 6.35)),
    "another order": replace(WIDE, widths_mm=(6.35, 3.18, 4.76, 3.97)),
    "narrowest unresolved": replace(WIDE, fwhm_mm=(7.0, 7.0), counts=8e6),
    "zoomed": replace(WIDE, matrix=(256, 256), pixel_mm=(0.8, 0.8)),
    "clipped above and below": replace(WIDE, matrix=(205, 255)),
    "rows and columns unlike": replace(WIDE, matrix=(130, 300), pixel_mm=(2.0, 0.9)),
    "clear cross": replace(WIDE, cross_mm=12.0),
    "lead cross": replace(WIDE, cross_mm=12.0, cross_open=False),
    "dividing lines at 45 degrees": replace(WIDE, dividing_deg=45.0),
    "the same, mirrored": replace(WIDE, dividing_deg=45.0, mirrored=True, rotation_deg=20.0),
    "all bars parallel": replace(WIDE, across=(True,) * 4),
    "uneven source": replace(WIDE, gradient_per_mm=(1.5e-3, -1e-3), broad_scatter=0.3),
    "octagonal field": replace(WIDE, field=Octagon(260.0)),
    "round phantom": replace(WIDE, size_mm=240.0, round_phantom=True),
    "duty of 0.42, transmission": replace(WIDE, duty=0.42, transmission=0.1),
}


@pytest.mark.parametrize("place", PLACES)
def test_phantom_is_found_wherever_it_lies(place: str) -> None:
    """Names, rotation to 0.2 degrees, centre to 1 mm, widths to 0.5 %."""
    phantom = PLACES[place]
    result = noisy(phantom, 3)
    check_located(result, phantom)
    for one in result.parameters["quadrants"]:
        assert abs(math.remainder(one["wave_deg"] - phantom.rotation_deg, 90)) < 0.3


@pytest.mark.parametrize("rotation", [0.0, 7.0, 40.0])
def test_wide_bars_on_pixels_whose_cells_are_small(rotation: float) -> None:
    """Pixels of 1.7 mm: two of them make a cell for the level of the counts, over which bars must average out."""
    phantom = replace(
        WIDE,
        matrix=(235, 320),
        pixel_mm=(1.7, 1.7),
        field=Rectangle(533.0, 387.0),
        rotation_deg=rotation,
        fwhm_mm=(3.2, 3.2),
        counts=1e7,
    )
    check_located(noisy(phantom, 1), phantom)


def test_rotation_of_45_degrees_is_minus_45() -> None:
    """At 45 degrees noise decides which quadrant is called the first: each must lie where it is said to lie."""
    phantom = replace(WIDE, rotation_deg=45.0)
    result = noisy(phantom, 1)
    assert -45 <= found(result)["rotation", ""].value < 45
    truth = phantom.truth()
    for one in result.parameters["quadrants"]:
        place = np.subtract((one["x_mm"], one["y_mm"]), truth.centre_mm)
        towards = [place @ np.subtract(q.centre_mm, truth.centre_mm) for q in truth.quadrants]
        # of the true quadrants, the one whose bisector points that way
        assert one["bars"] == f"{truth.quadrants[int(np.argmax(towards))].width_mm:.2f} mm"


def test_unresolved_quadrant_is_measured_where_the_others_put_it() -> None:
    """Bars of 2 mm at a FWHM of 4.2 mm: modulation 0.03, in a noise of 0.013."""
    phantom = replace(SMALL, fwhm_mm=(4.2, 4.2), counts=3e5, widths_mm=(2.5, 3.5, 2.0, 3.0))
    result = noisy(phantom, 2)
    check_located(result, phantom)
    missing = absent(result)
    assert missing["modulation", "2.00 mm"].code == "not_resolved"
    assert missing["width", "2.00 mm"].code == "not_resolved"
    assert "quadrant_unresolved" in {one.code for one in result.remarks}
    (unseen,) = [one for one in result.parameters["quadrants"] if not one["seen"]]
    truth = next(one for one in phantom.truth().quadrants if one.width_mm == 2.0)
    assert math.remainder(unseen["wave_deg"] - (truth.bars_deg + 90), 180) == pytest.approx(0, abs=0.2)
    # a whole number of its own periods of 4 mm, which the other bars tell to 0.2 %
    assert math.remainder(unseen["diameter_mm"], 4.0) == pytest.approx(0, abs=0.002 * unseen["diameter_mm"])
    fwhm = found(result)["fwhm", ""]
    assert fwhm.uncertainty is not None
    assert abs(fwhm.value - 4.2) < 3.5 * fwhm.uncertainty


def test_equal_widths_are_counted_clockwise() -> None:
    phantom = replace(WIDE, widths_mm=(3.5, 2.5, 3.5, 2.5), fwhm_mm=(3.0, 3.0), rotation_deg=100.0)
    result = noisy(phantom, 1, (2.5, 2.5, 3.5, 3.5))
    check_located(result, phantom)
    assert named(phantom) == ["2.50 mm", "3.50 mm", "2.50 mm (2)", "3.50 mm (2)"]
    assert {of for name, of in found(result) if name == "modulation"} == set(named(phantom))


def test_transposed_image_has_the_transposed_answer() -> None:
    made = planar(replace(WIDE, matrix=(230, 270)), 5)
    frame = made.frames[0]
    turned = replace(frame, counts=np.ascontiguousarray(frame.counts.T), spacing_mm=frame.spacing_mm[::-1])
    result = analyse(made, Options()).results[0]
    other = analyse(replace(made, frames=(turned,)), Options()).results[0]
    before, after = found(result), found(other)
    assert after["rotation", ""].value == pytest.approx(-before["rotation", ""].value, abs=1e-6)
    assert after["centre_x", ""].value == pytest.approx(before["centre_y", ""].value, abs=1e-6)
    assert after["centre_y", ""].value == pytest.approx(before["centre_x", ""].value, abs=1e-6)
    first, second, third, fourth = result.parameters["bars_mm"]
    assert other.parameters["bars_mm"] == [first, fourth, third, second]
    for key in before:
        if key[0] not in ("rotation", "centre_x", "centre_y"):
            # the same least squares, in another order: rounding, and where the search began
            assert after[key].value == pytest.approx(before[key].value, rel=1e-6, abs=1e-7), key


# --- a real image ---------------------------------------------------------------------------------------


def real(times: int = 1) -> Acquisition:
    folder = os.environ.get("NMQC_REFERENCE_DATA")
    if not folder:
        pytest.skip("NMQC_REFERENCE_DATA is not set: it names the folder of real images")
    (made,) = read_nm([Path(folder) / "nm" / "bars-intevo16.dcm"], ReadOptions()).acquisitions
    return together([made] * times)


def test_bars_of_an_intevo() -> None:
    """Co-57, LEHR, zoom 1.455; our own trial of another program gave what is compared with."""
    made = real()
    assert check(made) == ()
    (result,) = analyse(made, Options()).results
    values = found(result)
    for width, measured in ((3.18, 3.191), (3.97, 3.981), (4.76, 4.774), (6.35, 6.383)):
        assert values["width", f"{width:.2f} mm"].value == pytest.approx(measured, rel=5e-3)
    assert 4.13 <= values["fwhm", ""].value <= 4.20
    assert 0.84 <= values["contrast", ""].value <= 0.87
    assert values["rotation", ""].value == pytest.approx(-1.7, abs=0.2)
    assert values["smallest_resolved", ""].value == 3.18


def test_four_times_the_same_real_image() -> None:
    """Given as four rotations, though it is not turned: x and y have what one rotation has of them, or say so."""
    analysis = analyse(real(4), Options())
    assert analysis.refused == ()
    assert len(analysis.results) == 5
    delivered = found(analysis.results[-1]) | absent(analysis.results[-1])
    assert {("fwhm", "x"), ("fwhm", "y")} <= delivered.keys()
