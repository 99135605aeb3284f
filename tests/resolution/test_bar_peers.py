"""Images on which other programs fail without a word: turned, mirrored, cropped, scaled, unresolved, other pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nmqc.resolution.bars import Options, analyse
from phantoms.bars import Bars
from phantoms.fields import Octagon
from tests.exam.acquisitions import planar, with_counts
from tests.resolution.barring import absent, check_located, found, named, noisy, refused, truths

# A phantom of 1/12 to 1/6 inch, intrinsic, on an octagonal field, 1.03 mm pixels
QUADRANTS = Bars(
    system="brivo",
    matrix=(300, 300),
    pixel_mm=(1.0325, 1.0325),
    field=Octagon(290.0),
    widths_mm=(4.23, 3.18, 2.54, 2.12),
    rotation_deg=0.4,
    centre_mm=(2.3, -1.7),
    fwhm_mm=(3.0, 3.0),
    cross_mm=6.0,
    scatter=0.1,
    counts=6e6,
)

VARIANTS = {
    "as it is": {},
    "rotated by 20 degrees": {"rotation_deg": 20.4},
    "rotated by 5 degrees": {"rotation_deg": 5.4},
    "rotated by 90 degrees": {"rotation_deg": 90.4},
    "mirrored": {"mirrored": True, "rotation_deg": -0.4},
    "shifted by 20 mm in x": {"centre_mm": (22.3, -1.7)},
    "shifted by 20 mm in x and y": {"centre_mm": (22.3, -21.7)},
    "pixels of 0.516 mm": {"matrix": (600, 600), "pixel_mm": (0.51625, 0.51625)},
    "cropped, rows and columns unlike": {"matrix": (240, 300)},
    "pixels not square": {"matrix": (300, 215), "pixel_mm": (1.0325, 1.44)},
    "lead that lets a tenth through": {"transmission": 0.1},
    "lead that lets three tenths through": {"transmission": 0.3},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_variant_is_measured_like_the_original(variant: str) -> None:
    """Every modulation, MTF and width lies within its uncertainty of what is true of this very image."""
    phantom = replace(QUADRANTS, **VARIANTS[variant])
    result, true = noisy(phantom, 6), truths(phantom)
    check_located(result, phantom)
    values = found(result)
    wanted = [("fwhm", ""), ("contrast", "")]
    wanted += [(name, of) for name in ("modulation", "mtf", "width") for of in named(phantom)]
    for key in wanted:
        m = values[key]
        assert m.uncertainty is not None
        assert m.uncertainty < 0.05 * m.value, key
        assert abs(m.value - true[key]) < 4 * m.uncertainty, key  # some hundred and fifty numbers in all


def test_matrix_of_256_leaves_out_what_its_pixels_cannot_show() -> None:
    """2.065 mm pixels show bars of 3.18 and 4.23 mm: two quadrants are no fit, and nothing is made up."""
    phantom = replace(QUADRANTS, matrix=(150, 150), pixel_mm=(2.065, 2.065))
    analysis = analyse(planar(phantom, 1), Options())
    for refusal in analysis.refused:
        assert len(refusal.reason) > 40
    for result in analysis.results:
        values = found(result)
        assert {of for name, of in values if name == "modulation"} <= {"3.18 mm", "4.23 mm", "2.54 mm"}
        if ("fwhm", "") in values:
            fwhm = values["fwhm", ""]
            assert fwhm.uncertainty is not None
            assert abs(fwhm.value - 3.0) < 4 * fwhm.uncertainty


def test_discs_are_in_millimetres() -> None:
    """The same phantom on pixels of half the size is measured in the same places."""
    coarse, fine = QUADRANTS, replace(QUADRANTS, **VARIANTS["pixels of 0.516 mm"])
    for one, other in zip(
        noisy(coarse, 1).parameters["quadrants"], noisy(fine, 2).parameters["quadrants"], strict=True
    ):
        assert one["bars"] == other["bars"]
        period = 2 * float(one["bars"].removesuffix(" mm"))
        # cells of about 5 mm tell how far the bars reach, the diameter is a whole number of periods
        assert other["diameter_mm"] == pytest.approx(one["diameter_mm"], abs=12.0 + period)
        assert (other["x_mm"], other["y_mm"]) == pytest.approx((one["x_mm"], one["y_mm"]), abs=15.0)


def test_nothing_but_noise() -> None:
    made = planar(QUADRANTS, 1)
    flat = np.random.default_rng(1).poisson(70, QUADRANTS.shape).astype(np.uint16)
    assert refused(with_counts(made, flat)).code == "not_bars"


def test_scaled_counts_are_not_taken_for_counts() -> None:
    """Counts times four, declared so: the same numbers as sure as before, but no moments."""
    made = planar(QUADRANTS, 1)
    raw = found(analyse(made, Options()).results[0])
    counts = made.frames[0].counts
    for scaled in (4 * counts.astype(np.int64), 0.3 * counts):
        (result,) = analyse(with_counts(made, scaled, raw_counts=False), Options()).results
        values, missing = found(result), absent(result)
        for key, m in raw.items():
            if "moments" in key[0]:
                assert missing[key].code == "not_raw_counts"
            elif key[0] in ("modulation", "mtf", "fwhm", "contrast"):
                assert m.uncertainty is not None
                assert values[key].value == pytest.approx(m.value, abs=0.3 * m.uncertainty), key
                assert values[key].uncertainty == pytest.approx(m.uncertainty, rel=0.1), key
        assert "not_raw_counts" in {one.code for one in result.remarks}


def test_undeclared_scaling_is_found_out_by_the_noise() -> None:
    """Counts times four that say they are raw: the residual is four times what it may be."""
    made = planar(QUADRANTS, 1)
    raw = found(analyse(made, Options()).results[0])
    (result,) = analyse(with_counts(made, 4 * made.frames[0].counts.astype(np.int64)), Options()).results
    values = found(result)
    assert "noise_not_poisson" in {one.code for one in result.remarks}
    for of in named(QUADRANTS):
        for name in ("modulation", "fwhm_moments"):
            m = raw[name, of]
            assert m.uncertainty is not None
            assert values[name, of].value == pytest.approx(m.value, abs=m.uncertainty), (name, of)


def test_repeated_widths_are_all_returned() -> None:
    phantom = replace(QUADRANTS, widths_mm=(3.5, 3.5, 2.5, 2.5))
    result = noisy(phantom, 1, (3.5, 3.5, 2.5, 2.5))
    check_located(result, phantom)
    values, true = found(result), truths(phantom)
    assert [of for name, of in values if name == "modulation"] == named(phantom)
    for of in named(phantom):
        m = values["modulation", of]
        assert m.uncertainty is not None
        assert abs(m.value - true["modulation", of]) < 4 * m.uncertainty


@pytest.mark.parametrize("transmission", [0.0, 0.1, 0.3])
def test_lead_that_lets_light_through_changes_the_contrast_alone(transmission: float) -> None:
    """Moments are right where pi/4 and the contrast cancel; the joint fit always is."""
    phantom = replace(QUADRANTS, transmission=transmission, scatter=0.0)
    values = found(noisy(phantom, 2))
    contrast = (1 - transmission) / (1 + transmission)
    assert phantom.truth().quadrants[0].contrast == pytest.approx(contrast, rel=1e-12)
    for key, true in ((("fwhm", ""), 3.0), (("contrast", ""), contrast)):
        m = values[key]
        assert m.uncertainty is not None
        assert abs(m.value - true) < 3.5 * m.uncertainty
    moments = values["fwhm_moments_pi4", "3.18 mm"].value
    assert (abs(moments - 3.0) < 0.1) == (transmission == 0.0)  # 3.25 and 3.8 with light in between
