"""Bar phantoms against truths that are had in other ways."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from phantoms.bars import Bars
from phantoms.defects import DeadPatch
from phantoms.fields import Circle, Octagon, Rectangle

# Rows unlike columns, pixels not square, off the centre, no special angle, unequal blur and quadrants.
OBLIQUE = Bars(
    system="symbia-t2",
    detector=2,
    matrix=(110, 84),
    pixel_mm=(1.1, 1.5),
    field=Rectangle(400.0, 400.0),
    widths_mm=(6.1, 4.9, 4.2, 3.4),
    rotation_deg=17.0,
    centre_mm=(4.3, -7.9),
    fwhm_mm=(3.4, 4.6),
    duty=0.42,
    transmission=0.13,
    phases=(0.1, 0.35, 0.7, 0.85),
    counts=1e6,
)


def centres_mm(bars: Bars) -> tuple[np.ndarray, np.ndarray]:
    (rows, columns), (down, along) = bars.shape, bars.spacing_mm
    x = (np.arange(columns) - (columns - 1) / 2) * along
    y = (np.arange(rows) - (rows - 1) / 2) * down
    return np.meshgrid(x, y)


def in_frame(bars: Bars, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn image positions back into the frame of the cross-less phantom: complex numbers, y up."""
    z = (x - bars.centre_mm[0]) - 1j * (y - bars.centre_mm[1])
    z = z * np.exp(-1j * math.radians(bars.rotation_deg))
    return (-z.real if bars.mirrored else z.real), -z.imag


def brute_force(bars: Bars, oversampling: int = 12) -> np.ndarray:
    """Draw the lead on a fine grid, blur it there, and add up the fine pixels of each pixel."""
    margin, (rows, columns), (down, along) = 12, bars.shape, bars.spacing_mm
    fine = dataclasses.replace(
        bars,
        matrix=((rows + 2 * margin) * oversampling, (columns + 2 * margin) * oversampling),
        pixel_mm=(down / oversampling, along / oversampling),
    )
    u, v = in_frame(bars, *centres_mm(fine))
    quadrant = np.where(v < 0, np.where(u < 0, 0, 1), np.where(u < 0, 3, 2))
    distance = np.abs(np.where(np.array(bars.across)[quadrant], u, v))
    period = 2 * np.array(bars.widths_mm)[quadrant]
    part = (distance / period - np.array(bars.phases)[quadrant]) % 1
    light = np.where(part >= 1 - bars.duty, 1.0, bars.transmission)
    sigma_x, sigma_y = (width / math.sqrt(8 * math.log(2)) * oversampling for width in bars.fwhm_mm)
    blurred = gaussian_filter(light, (sigma_y / down, sigma_x / along), truncate=6)
    blocks = blurred.reshape(rows + 2 * margin, oversampling, columns + 2 * margin, oversampling)
    whole = blocks.mean(axis=(1, 3))[margin:-margin, margin:-margin]
    return whole * bars.counts / whole.sum()


@pytest.mark.parametrize("mirrored", [False, True])
def test_pattern_is_that_of_brute_force(mirrored: bool) -> None:
    bars = dataclasses.replace(OBLIQUE, mirrored=mirrored)
    expected, drawn = bars.expected(), brute_force(bars)
    u, v = in_frame(bars, *centres_mm(bars))
    # 3 sigma of the camera with half a pixel's diagonal: nearer to the cross it is an approximation
    away = np.minimum(np.abs(u), np.abs(v)) > 3 * 4.6 / 2.3548 + 0.95
    scaled = drawn * expected[away].sum() / drawn[away].sum()
    mean = expected.mean()
    # The fine grid, 0.09 x 0.125 mm, places an edge to half a fine pixel of a period of 7 to 12 mm, at random
    # along the bars: some 1e-3 after the blur over 4 mm. Exchanged axes, no pixel, another duty: more than 0.02.
    assert np.abs(expected - scaled)[away].max() < 2e-3 * mean
    assert np.abs(expected - scaled).max() < 0.4 * mean  # at the cross: masks times stripes, not their blur


def fourier(
    image: np.ndarray, bars: Bars, frequency: tuple[float, float], where: tuple[slice, slice]
) -> float:
    """Return the modulation at a frequency: twice the amplitude over the mean, by a direct sum."""
    x, y = (position[where] for position in centres_mm(bars))
    wave = np.exp(-2j * math.pi * (frequency[0] * x + frequency[1] * y))
    return float(2 * abs((image[where] * wave).mean()) / image[where].mean())


def upright(**changes: object) -> Bars:
    """Bars along the axes, whose periods of 10 and 12 pixels fit into regions of whole periods."""
    bars = Bars(
        matrix=(216, 180),
        pixel_mm=(1.1, 1.3),
        widths_mm=(6.5, 6.6, 5.2, 5.5),
        rotation_deg=0.0,
        centre_mm=(-6.2, 4.1),
        fwhm_mm=(4.4, 5.3),
        field=Rectangle(500.0, 500.0),
    )
    return dataclasses.replace(bars, **changes)


# Rows and columns of regions of whole periods, 20 mm from the cross; clockwise from top left.
REGIONS = (
    (slice(6, 86), slice(6, 66)),
    (slice(6, 90), slice(104, 164)),
    (slice(126, 206), slice(104, 168)),
    (slice(126, 206), slice(6, 66)),
)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"duty": 0.4, "transmission": 0.17},
        {"scatter": 0.3},
        {"mirrored": True, "widths_mm": (6.6, 6.5, 5.5, 5.2), "across": (False, True, False, True)},
    ],
)
def test_modulation_is_the_fundamental_of_the_image(changes: dict[str, object]) -> None:
    bars = upright(**changes)
    image, truth = bars.expected(), bars.truth()
    for quadrant, where in zip(truth.quadrants, REGIONS, strict=True):
        measured = fourier(image, bars, quadrant.frequency_per_mm, where)
        assert measured == pytest.approx(quadrant.modulation, rel=1e-9)  # whole periods: arithmetic only
        assert quadrant.modulation == pytest.approx(
            4 / math.pi * quadrant.contrast * quadrant.mtf * quadrant.pixel_mtf, rel=1e-14
        )


def test_truth_in_closed_form() -> None:
    """The published modulations of FWHM 3.5 mm, pixel 0, are 4/pi times exp(-(pi F f)^2 / (4 ln 2))."""
    for width, modulation in ((2.0, 0.0834), (2.5, 0.2225), (3.0, 0.3792), (3.5, 0.5229)):
        bars = upright(fwhm_mm=(3.5, 3.5), widths_mm=(width,) * 4, pixel_mm=(1e-6, 1e-6))
        first = bars.truth().quadrants[0]
        published = math.sqrt(2 * variance_of(first.mtf))  # of the first harmonic alone
        assert published == pytest.approx(4 / math.pi * first.mtf, rel=1e-12)
        assert first.modulation == pytest.approx(
            modulation, abs=1.1e-4
        )  # four digits, the third harmonic left out
        assert first.pixel_mtf == pytest.approx(1, abs=1e-12)


def variance_of(mtf: float) -> float:
    return (4 / math.pi * mtf) ** 2 / 2


@pytest.mark.parametrize(("duty", "transmission"), [(0.5, 0.0), (0.37, 0.0), (0.5, 0.2), (0.61, 0.3)])
def test_contrast_is_that_of_the_square_wave(duty: float, transmission: float) -> None:
    position = (np.arange(100_000) + 0.5) / 100_000
    light = np.where(position < duty, 1.0, transmission)
    modulation = 2 * abs((light * np.exp(-2j * math.pi * position)).mean()) / light.mean()
    contrast = upright(duty=duty, transmission=transmission, scatter=0.25).truth().quadrants[2].contrast
    assert contrast == pytest.approx(math.pi / 4 * modulation / 1.25, abs=1e-5)  # 100,000 steps


def test_mtf_follows_the_direction() -> None:
    quadrants = dataclasses.replace(OBLIQUE, rotation_deg=30.0).truth().quadrants
    for quadrant, (weight_x, weight_y) in zip(quadrants, ((0.75, 0.25), (0.25, 0.75)) * 2, strict=True):
        fwhm = math.sqrt(weight_x * 3.4**2 + weight_y * 4.6**2)
        frequency = 1 / (2 * quadrant.width_mm)
        assert math.hypot(*quadrant.frequency_per_mm) == pytest.approx(frequency, rel=1e-14)
        assert quadrant.mtf == pytest.approx(
            math.exp(-((math.pi * fwhm * frequency) ** 2) / (4 * math.log(2))), rel=1e-12
        )


def transposed(bars: Bars) -> Bars:
    """Return the bars whose image has rows and columns exchanged: mirrored, and turned the other way by 90."""
    return dataclasses.replace(
        bars,
        matrix=bars.shape[::-1],
        pixel_mm=bars.spacing_mm[::-1],
        mirrored=not bars.mirrored,
        rotation_deg=90.0 - bars.rotation_deg,
        centre_mm=bars.centre_mm[::-1],
        fwhm_mm=bars.fwhm_mm[::-1],
        field_offset_mm=bars.field_offset_mm[::-1],
    )


@pytest.mark.parametrize("dividing_deg", [0.0, 45.0])
def test_transposed_image_of_transposed_bars(dividing_deg: float) -> None:
    bars = dataclasses.replace(OBLIQUE, size_mm=90.0, cross_mm=3.0, dividing_deg=dividing_deg, scatter=0.1)
    other = transposed(bars)
    assert np.allclose(other.expected(), bars.expected().T, rtol=1e-9)  # the angle is rounded
    a, b = bars.truth(), other.truth()
    for first, second in zip(a.quadrants, (b.quadrants[0], *b.quadrants[:0:-1]), strict=True):
        assert first.given == second.given
        assert first.modulation == pytest.approx(second.modulation, rel=1e-9)
        assert first.centre_mm == pytest.approx(second.centre_mm[::-1], abs=0.26)  # steps of 0.25 mm
        assert first.bars_deg == pytest.approx((270 - second.bars_deg) % 180, abs=1e-9)


@pytest.mark.parametrize("mirrored", [False, True])
def test_turned_by_90_degrees(mirrored: bool) -> None:
    bars = dataclasses.replace(OBLIQUE, size_mm=90.0, cross_mm=3.0, mirrored=mirrored)
    (x, y), (offset_x, offset_y) = bars.centre_mm, bars.field_offset_mm
    turned = dataclasses.replace(
        bars,
        matrix=bars.shape[::-1],
        pixel_mm=bars.spacing_mm[::-1],
        rotation_deg=bars.rotation_deg + 90,
        centre_mm=(y, -x),
        fwhm_mm=bars.fwhm_mm[::-1],
        field_offset_mm=(offset_y, -offset_x),
    )
    assert np.allclose(turned.expected(), np.rot90(bars.expected()), rtol=1e-9)
    before, after = bars.truth(), turned.truth()
    assert after.rotation_deg == pytest.approx(17.0)
    # counter-clockwise: what was at the top right is now at the top left
    assert [q.given for q in after.quadrants] == [before.quadrants[i].given for i in (1, 2, 3, 0)]
    assert [q.width_mm for q in before.quadrants] == (
        [4.9, 6.1, 3.4, 4.2] if mirrored else [6.1, 4.9, 4.2, 3.4]
    )


@pytest.mark.parametrize(
    ("rotation", "normalised", "first"),
    [
        (0, 0, 0),
        (44.9, 44.9, 0),
        (45, -45, 1),
        (100, 10, 1),
        (200, 20, 2),
        (-50, 40, 3),
        (-45, -45, 0),
        (359, -1, 0),
    ],
)
def test_rotation_and_order(rotation: float, normalised: float, first: int) -> None:
    truth = dataclasses.replace(OBLIQUE, rotation_deg=float(rotation)).truth()
    assert truth.rotation_deg == pytest.approx(normalised, abs=1e-12)
    assert [quadrant.given for quadrant in truth.quadrants] == [(first + place) % 4 for place in range(4)]
    for quadrant, angle in zip(truth.quadrants, (135, 45, -45, -135), strict=True):
        x, y = np.subtract(quadrant.centre_mm, truth.centre_mm)
        off = (math.degrees(math.atan2(-y, x)) - angle - normalised + 180) % 360 - 180
        assert off == pytest.approx(0, abs=1e-9)


def test_bars_run_where_the_truth_says() -> None:
    """Along the bars nothing changes; across them, by half a period, open becomes lead."""
    bars = dataclasses.replace(OBLIQUE, matrix=(700, 500), pixel_mm=(0.25, 0.3), duty=0.5, transmission=0.0)
    image = bars.expected()
    for quadrant in bars.truth().quadrants:
        along = math.radians(quadrant.bars_deg)
        step = np.array([math.cos(along), -math.sin(along)])
        assert abs(np.dot(step, quadrant.frequency_per_mm)) < 1e-12
        assert quadrant.frequency_per_mm[0] > 0
        half = np.array(quadrant.frequency_per_mm) * 2 * quadrant.width_mm**2
        across = [at(image, bars, quadrant.centre_mm + part * half) for part in np.linspace(0, 2, 17)]
        top = np.linspace(0, 2, 17)[int(np.argmax(across))]
        open_line = [at(image, bars, quadrant.centre_mm + top * half + t * step) for t in (-9, -4, 0, 5, 10)]
        lead_line = [
            at(image, bars, quadrant.centre_mm + (top + 1) * half + t * step) for t in (-9, -4, 0, 5, 10)
        ]
        assert min(open_line) > 1.5 * max(lead_line)


def at(image: np.ndarray, bars: Bars, place: np.ndarray) -> float:
    (rows, columns), (down, along) = bars.shape, bars.spacing_mm
    row, column = round(place[1] / down + (rows - 1) / 2), round(place[0] / along + (columns - 1) / 2)
    return float(image[row, column])


def test_first_bar_at_the_cross_is_lead_and_phases_move_it() -> None:
    bars = upright(pixel_mm=(0.2, 0.2), matrix=(500, 400), fwhm_mm=(0.4, 0.4), widths_mm=(6, 7, 8, 9))
    image = bars.expected()
    x, y = bars.centre_mm
    for sign_x, sign_y, step, width in (
        (-1, -1, (1, 0), 6),
        (1, -1, (0, 1), 7),
        (1, 1, (1, 0), 8),
        (-1, 1, (0, 1), 9),
    ):
        start = np.array([x + 30 * sign_x * (1 - step[0]), y + 30 * sign_y * (1 - step[1])])
        out = np.array([sign_x * step[0], sign_y * step[1]])
        bar, gap = at(image, bars, start + out * width / 2), at(image, bars, start + out * width * 1.5)
        assert bar < 1e-6 * gap
    moved = dataclasses.replace(bars, phases=(0.5,) * 4).expected()
    place = np.array([x - 3, y - 30])
    assert at(moved, bars, place) > 100 * max(at(image, bars, place), 1e-9)


@pytest.mark.parametrize("surround_open", [False, True])
@pytest.mark.parametrize("round_phantom", [False, True])
def test_edge_and_cross(round_phantom: bool, surround_open: bool) -> None:
    bars = upright(
        size_mm=140.0,
        round_phantom=round_phantom,
        surround_open=surround_open,
        cross_mm=9.0,
        cross_open=False,
        transmission=0.01,
        rotation_deg=20.0,
        fwhm_mm=(1.0, 1.0),
    )
    image = bars.expected()
    z = np.exp(1j * math.radians(20))
    places = [(65 + 65j) * z, (74 + 1j) * z, (60 + 2j) * z]  # a corner; beyond the edge; on the cross
    corner, beyond, cross = (at(image, bars, bars.centre_mm + np.array([p.real, -p.imag])) for p in places)
    outside = image.max() if surround_open else 0.01 * image.max()
    assert beyond == pytest.approx(outside, rel=0.02)  # 4 mm from an edge blurred by 1 mm
    assert cross == pytest.approx(0.01 * image.max(), rel=0.02)
    if round_phantom:
        assert corner == pytest.approx(outside, rel=0.02)


def test_dividing_cross_at_45_degrees_leaves_the_bars() -> None:
    straight, slanted = OBLIQUE.truth(), dataclasses.replace(OBLIQUE, dividing_deg=45.0).truth()
    assert slanted.rotation_deg == straight.rotation_deg == 17.0
    assert slanted.cross_deg == pytest.approx(62 - 90)
    by_given = {quadrant.given: quadrant for quadrant in straight.quadrants}
    for quadrant in slanted.quadrants:
        assert quadrant.bars_deg == pytest.approx(by_given[quadrant.given].bars_deg)
        # each quadrant's bisector has turned by 45 degrees, counter-clockwise
        places = (quadrant.centre_mm, by_given[quadrant.given].centre_mm)
        angles = [math.atan2(-(y + 7.9), x - 4.3) for x, y in places]
        assert math.degrees(angles[0] - angles[1]) % 360 == pytest.approx(45)
    mirrored = dataclasses.replace(OBLIQUE, dividing_deg=30.0, mirrored=True).truth()
    assert mirrored.cross_deg == pytest.approx(17 - 30)


def test_broad_scatter_lowers_the_contrast_where_it_is() -> None:
    bars = upright(broad_scatter=0.4, broad_fwhm_mm=3000.0)  # almost flat over the image
    image = bars.expected()
    for quadrant, where in zip(bars.truth().quadrants, REGIONS, strict=True):
        # flat to 1.5 % of 0.4 over 200 mm; the measured region's mean and the bisector differ by less
        assert fourier(image, bars, quadrant.frequency_per_mm, where) == pytest.approx(
            quadrant.modulation, rel=2e-3
        )
        assert quadrant.contrast == pytest.approx(1 / 1.4, rel=5e-3)
    narrow = upright(broad_scatter=0.4, broad_fwhm_mm=100.0).truth().quadrants[0]
    distance = math.dist(narrow.centre_mm, bars.centre_mm)
    assert narrow.contrast == pytest.approx(1 / (1 + 0.4 * 2 ** (-((distance / 50) ** 2))), rel=1e-12)


def test_distortion_moves_the_bars() -> None:
    """Displaced by a wave, a pixel shows what an undistorted camera shows at the displaced place."""
    still = upright(matrix=(432, 360), pixel_mm=(0.55, 0.65), field=Rectangle(5000.0, 5000.0))
    uniform = dataclasses.replace(still, wave=(0.65, 1e9, 0.0, 90.0))  # everywhere by one pixel to the right
    assert np.allclose(uniform.expected()[:, 1:], still.expected()[:, :-1], rtol=5e-3)  # totals differ
    ratio = uniform.expected()[:, 1:] / still.expected()[:, :-1]
    assert ratio.max() / ratio.min() == pytest.approx(1, abs=1e-7)
    waved = dataclasses.replace(still, wave=(0.9, 150.0, 25.0, 40.0, 70.0))
    x, y = np.array([31.0, -55.0]), np.array([-40.0, 62.0])
    size = 0.9 * np.sin(
        2 * np.pi * (x * math.cos(math.radians(70)) - y * math.sin(math.radians(70))) / 150 + math.radians(40)
    )
    moved_x, moved_y = waved.displacement_mm(x, y)
    assert moved_x == pytest.approx(size * math.cos(math.radians(25)))
    assert moved_y == pytest.approx(-size * math.sin(math.radians(25)))
    assert waved.displacement_mm(0.0, 0.0)[0] == pytest.approx(
        0.9 * math.sin(math.radians(40)) * math.cos(math.radians(25))
    )


def test_both_ways_of_summing_agree() -> None:
    """Without distortion the harmonics are summed by a product of matrices, with it by a recurrence."""
    waved = dataclasses.replace(OBLIQUE, wave=(1e-12, 100.0, 10.0))
    assert np.allclose(waved.expected(), OBLIQUE.expected(), rtol=1e-9)


def test_totals_noise_and_shape() -> None:
    assert OBLIQUE.expected().sum() == pytest.approx(1e6, rel=1e-12)
    assert OBLIQUE.noisy(3).shape == OBLIQUE.shape == (110, 84)
    assert np.array_equal(OBLIQUE.noisy(3), OBLIQUE.noisy(3))
    assert not np.array_equal(OBLIQUE.noisy(3), OBLIQUE.noisy(4))
    deviation = (OBLIQUE.noisy(3) - OBLIQUE.expected()) / np.sqrt(OBLIQUE.expected())
    assert np.mean(deviation**2) == pytest.approx(1, abs=4 * math.sqrt(2 / deviation.size))  # 4 sigma
    assert np.abs(OBLIQUE.rounded() - OBLIQUE.expected()).max() <= 0.5


def test_gradient_defects_and_field() -> None:
    plain = upright()
    sloped = dataclasses.replace(plain, gradient_per_mm=(1e-3, -2e-3)).expected() / plain.expected()
    x, y = centres_mm(plain)
    plane = 1 + 1e-3 * x - 2e-3 * y
    assert np.allclose(sloped / sloped[0, 0], plane / plane[0, 0], rtol=1e-9)
    dead = dataclasses.replace(plain, defects=(DeadPatch(Circle(30.0), 20.0, -35.0),))
    zero = np.argwhere(dead.expected() == 0).mean(axis=0)
    place = ((zero[1] - 89.5) * 1.3, (zero[0] - 107.5) * 1.1)
    assert place == pytest.approx((20.23, -35.41), abs=0.3)  # from the field's centre; a part of a pixel
    octagon = dataclasses.replace(plain, field=Octagon(150.0), field_offset_mm=(9.0, -14.0)).expected() > 0.05
    assert np.argwhere(octagon).mean(axis=0) == pytest.approx((107.5 - 14 / 1.1, 89.5 + 9 / 1.3), abs=0.5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"system": "other"}, "no such system"),
        ({"system": "brivo", "detector": 2}, "1 detector"),
        ({"detector": 0}, "detector"),
        ({"radionuclide": "I-131"}, "radionuclide"),
        ({"matrix": 0}, "matrix"),
        ({"pixel_mm": (1.0, -1.0)}, "pixel size"),
        ({"counts": 0.0}, "counts"),
        ({"widths_mm": (3.0, 3.0, 3.0, 0.0)}, "widths"),
        ({"widths_mm": (3.0, 3.0, 3.0)}, "four quadrants"),
        ({"fwhm_mm": (3.0, 0.0)}, "FWHM"),
        ({"duty": 1.0}, "duty"),
        ({"transmission": 1.0}, "transmission"),
        ({"scatter": -0.1}, "scatter"),
        ({"size_mm": 10.0, "cross_mm": 6.0}, "cross"),
        ({"rotation_deg": math.inf}, "angles"),
        ({"wave": (1.0, 0.0, 0.0)}, "wavelength"),
    ],
)
def test_mistakes_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(OBLIQUE, **changes)


def test_impossible_images_are_refused() -> None:
    with pytest.raises(ValueError, match="too small for these bars"):
        dataclasses.replace(OBLIQUE, fwhm_mm=(1e-3, 1e-3)).expected()
    with pytest.raises(ValueError, match="negative"):
        dataclasses.replace(OBLIQUE, gradient_per_mm=(0.05, 0.0)).expected()
    with pytest.raises(ValueError, match="no counts"):
        dataclasses.replace(OBLIQUE, field=Circle(20.0), field_offset_mm=(900.0, 0.0)).expected()
