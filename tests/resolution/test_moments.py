"""Method B: the moments of Hander et al., against the closed form of a blurred square wave."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from nmqc.errors import CannotMeasure
from nmqc.model import Acquisition
from nmqc.resolution.bars import Options, analyse
from nmqc.resolution.modulation import Disc, Patch
from nmqc.resolution.moments import Moments, fwhm_of_moments, moments
from phantoms.bars import Bars
from phantoms.defects import WeakTube
from phantoms.fields import Rectangle
from phantoms.flood import Flood, Head
from tests.exam.acquisitions import acquisition, planar, with_counts
from tests.resolution.barring import WIDE, absent, found, noisy

# FWHM 3.5 mm, pixels of no size: bar width, M, FWHM as published, with pi/4 (gamma-camera.md, Corrections to 2.5)
TABLE = (
    (2.0, 0.0834, 3.335, 3.493),
    (2.5, 0.2225, 3.242, 3.493),
    (3.0, 0.3792, 3.126, 3.493),
    (3.5, 0.5229, 2.982, 3.493),
    (4.76, 0.7870, 2.465, 3.493),
    (6.35, 0.9723, 1.125, 3.489),
)


def closed_form(width_mm: float, fwhm_mm: float, pixel_mm: float = 0.0) -> float:
    """Return sqrt(2) times the standard deviation over the mean of a square wave blurred by a Gaussian."""
    total = 0.0
    for order in range(1, 200, 2):
        f = order / (2 * width_mm)
        amplitude = 4 / (math.pi * order) * math.exp(-((math.pi * fwhm_mm * f) ** 2) / (4 * math.log(2)))
        total += (amplitude * np.sinc(f * pixel_mm)) ** 2
    return total**0.5


@pytest.mark.parametrize(("width_mm", "value", "published", "with_pi4"), TABLE)
def test_table_of_the_closed_form(width_mm: float, value: float, published: float, with_pi4: float) -> None:
    exact = closed_form(width_mm, 3.5)
    assert exact == pytest.approx(value, abs=5.1e-5)  # printed to four decimals
    for pi4, fwhm in ((False, published), (True, with_pi4)):
        # printed to three decimals
        assert fwhm_of_moments(Moments(exact, 0.0), width_mm, pi4=pi4)[0] == pytest.approx(fwhm, abs=5.1e-4)


def stripes(width_mm: float, counts: float = 1e6) -> Bars:
    """Return upright bars all over an image of small pixels; a whole number of periods of them is 60 mm or so."""
    return Bars(
        matrix=(80, 1000),
        pixel_mm=(0.8, 0.08),
        field=Rectangle(4000.0, 4000.0),
        widths_mm=(width_mm,) * 4,
        across=(True,) * 4,
        rotation_deg=0.0,
        centre_mm=(-39.0, -30.0),
        fwhm_mm=(3.5, 3.5),
        counts=counts,
    )


@pytest.mark.parametrize(("width_mm", "value"), [row[:2] for row in TABLE if 0.1 < row[1] < 0.9])
def test_moments_of_an_image_are_the_closed_form(width_mm: float, value: float) -> None:
    """In a disc a whole number of periods is so only on average: the more of them, the nearer."""
    frame = planar(stripes(width_mm)).frames[0]
    disc = Disc(5.0, 2.0, round(28.0 / (2 * width_mm)) * width_mm * 2)
    # No noise. Over 10 to 28 periods the mean of the bars in the disc is off by 2 J1(pi n)/(pi n), up to 0.4 % at
    # 6 periods to a radius, and their mean square likewise; pixels of 0.08 mm are no pixels to 1e-4.
    found = moments(Patch.of(frame, disc), noise=0.0)
    assert found.value == pytest.approx(value, rel=0.01)


@pytest.mark.parametrize("width_mm", [2.0, 6.35])
def test_moments_outside_their_range_are_refused(width_mm: float) -> None:
    frame = planar(stripes(width_mm)).frames[0]
    with pytest.raises(CannotMeasure) as refusal:
        moments(Patch.of(frame, Disc(5.0, 2.0, 24.0)), noise=0.0)
    assert refusal.value.code == "modulation_out_of_range"


def test_noise_alone_is_not_resolved() -> None:
    """Where the variance is below the mean there is no square root to take: no number, and no crash."""
    codes, still = [], planar(stripes(3.0)).frames[0]
    for seed in range(20):
        counts = np.random.default_rng(seed).poisson(20, (80, 1000)).astype(np.uint16)
        frame = replace(still, counts=counts, raw_counts=True)
        with pytest.raises(CannotMeasure) as refusal:
            moments(Patch.of(frame, Disc(5.0, 2.0, 24.0)), noise=1.0)
        codes.append(refusal.value.code)
    assert set(codes) == {"no_modulation", "modulation_out_of_range"}  # either side of nought


def test_moments_scatter_as_they_say_and_noise_does_not_raise_them() -> None:
    """100 seeds at 4 counts a pixel: without its Poisson part the variance would be ten times too large."""
    phantom, disc = stripes(3.0, counts=3.2e5), Disc(5.0, 2.0, 24.0)
    frame = planar(phantom).frames[0]
    noise = (np.random.default_rng(seed).poisson(frame.counts).astype(np.uint16) for seed in range(100))
    found = [moments(Patch.of(replace(frame, counts=counts), disc), noise=1.0) for counts in noise]
    values, stated = np.array([one.value for one in found]), float(np.mean([one.sigma for one in found]))
    exact = moments(Patch.of(planar(phantom).frames[0], disc), noise=0.0).value
    assert values.mean() == pytest.approx(exact, abs=3.5 * stated / 10)  # 3.5 standard errors
    assert values.std(ddof=1) / stated == pytest.approx(1.0, abs=0.2)  # a scatter of 100 is known to 7 %


def test_uncertainty_of_the_fwhm_is_its_slope_times_that_of_the_modulation() -> None:
    for pi4 in (False, True):
        fwhm, sigma = fwhm_of_moments(Moments(0.4, 0.004), 3.0, pi4=pi4)
        low = fwhm_of_moments(Moments(0.4 + 1e-6, 0.0), 3.0, pi4=pi4)[0]
        assert sigma == pytest.approx((fwhm - low) / 1e-6 * 0.004, rel=1e-4)  # a difference for a derivative


# --- the whole analysis -------------------------------------------------------------------------------------


def tube_mm(phantom: Bars) -> WeakTube:
    """Return a photomultiplier of 40 % less, in the middle of the quadrant at the bottom right."""
    x, y = phantom.truth().quadrants[2].centre_mm
    return WeakTube(x, y, 0.4, 22.0)


def flood_of(phantom: Bars, tube: WeakTube, seed: int = 3) -> Acquisition:
    head = Head(
        field=phantom.field, offset_mm=phantom.field_offset_mm, counts_per_pixel=400.0, defects=(tube,)
    )
    flood = Flood(system="brivo", matrix=phantom.shape, pixel_mm=phantom.spacing_mm, heads=(head,))
    made = acquisition(flood, seed)
    return with_counts(made, made.frames[0].counts, detector=phantom.detector)


def test_flood_corrects_for_non_uniformity() -> None:
    tube = tube_mm(WIDE)
    phantom = replace(WIDE, defects=(tube,))
    width = phantom.truth().quadrants[2].width_mm
    key = ("fwhm_moments_pi4", f"{width:.2f} mm")
    flood = flood_of(phantom, tube)
    plain = found(noisy(WIDE, 4))[key]
    uneven = found(analyse(planar(phantom, 4), Options()).results[0])[key]
    corrected = found(analyse(planar(phantom, 4), Options(flood=flood)).results[0])[key]
    assert plain.uncertainty is not None
    assert abs(uneven.value - plain.value) > 10 * plain.uncertainty
    # Two images with noises of their own; what the formula leaves out (bars times tube) is of second order.
    assert corrected.value == pytest.approx(plain.value, abs=4 * 2**0.5 * plain.uncertainty)


def test_flood_of_another_matrix_is_not_used() -> None:
    tube = tube_mm(WIDE)
    other = flood_of(replace(WIDE, matrix=(240, 255)), tube)
    head = flood_of(WIDE, tube)
    head = replace(head, frames=tuple(replace(one, detector=1) for one in head.frames))
    for flood in (other, head):
        result = analyse(planar(WIDE, 4), Options(flood=flood)).results[0]
        missing = {key: one.code for key, one in absent(result).items() if "moments" in key[0]}
        assert len(missing) == 8
        assert set(missing.values()) == {"flood_differs"}


def test_moments_need_raw_counts() -> None:
    made = planar(WIDE, 4)
    scaled = with_counts(made, 4 * made.frames[0].counts, raw_counts=False)
    result = analyse(scaled, Options()).results[0]
    missing = {key: one.code for key, one in absent(result).items() if "moments" in key[0]}
    assert set(missing.values()) == {"not_raw_counts"}
    assert len(missing) == 8
