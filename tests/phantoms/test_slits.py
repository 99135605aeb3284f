"""Slit masks against truths that are had in other ways."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr

from phantoms.defects import DeadPatch
from phantoms.fields import Rectangle
from phantoms.slits import Slits
from phantoms.spread import node_count

SIGMA = 1 / math.sqrt(8 * math.log(2))  # standard deviation of a Gaussian of FWHM 1
SLANTED = Slits(
    system="symbia-t2",
    detector=2,
    matrix=(60, 90),
    pixel_mm=(1.3, 0.9),
    field=Rectangle(400.0, 300.0),
    pitch_mm=26.0,
    slit_mm=1.2,
    tilt_deg=2.5,
    offset_mm=-3.4,
    fwhm_mm=(3.4, 4.6),
    counts=1e6,
)


def centres_mm(slits: Slits) -> tuple[np.ndarray, np.ndarray]:
    (rows, columns), (down, along) = slits.shape, slits.spacing_mm
    return (np.arange(columns) - (columns - 1) / 2) * along, (np.arange(rows) - (rows - 1) / 2) * down


def second_antiderivative(t: np.ndarray) -> np.ndarray:
    """Return the antiderivative of the normal cumulative distribution."""
    return t * ndtr(t) + np.exp(-t * t / 2) / math.sqrt(2 * math.pi)


@pytest.mark.parametrize("fwhm", [2.0, 3.4])
def test_upright_slits_in_closed_form(fwhm: float) -> None:
    """Along the axes, the mean over a pixel is a second difference: another formula than the nodes."""
    slits = dataclasses.replace(SLANTED, tilt_deg=0.0, fwhm_mm=(fwhm, 9.0))
    x, _ = centres_mm(slits)
    sigma = fwhm * SIGMA
    row = np.zeros(x.size)
    for number in range(-4, 5):
        t = x - (-3.4 + 26 * number)
        for sign, shift in ((1, 1.05), (-1, 0.15), (-1, -0.15), (1, -1.05)):
            row += sign * sigma / 0.9 * second_antiderivative((t + shift) / sigma)
    image = slits.expected()
    assert np.ptp(image, axis=0).max() < 1e-12 * image.max()  # nothing changes along the slits
    # 1e-9 of the peak: nodes; 4e-11: tails cut off at 6.5 sigma
    assert np.allclose(
        image[0] / image[0].sum(), row / row.sum(), atol=1e-9 * (row / row.sum()).max(), rtol=0
    )


@pytest.mark.parametrize("along", ["x", "y"])
@pytest.mark.parametrize("wave", [None, (0.8, 90.0, 20.0, 50.0, 75.0)])
def test_slanted_slits_by_brute_force(along: str, wave: tuple[float, ...] | None) -> None:
    """Midpoints of 40 x 40 parts of a few pixels, each the closed form at a point."""
    slits = dataclasses.replace(SLANTED, along=along, wave=wave, tail_part=0.15, tail_fwhm_mm=9.0)
    image = slits.expected()
    turn = math.radians(2.5)
    normal = (math.cos(turn), -math.sin(turn)) if along == "y" else (math.sin(turn), math.cos(turn))
    sigma = SIGMA * math.hypot(normal[0] * 3.4, normal[1] * 4.6)
    x, y = centres_mm(slits)
    parts = (np.arange(40) + 0.5) / 40 - 0.5
    chosen = [(row, column) for row in (3, 21, 40, 58) for column in (2, 17, 38, 44, 60, 85)]
    drawn = np.empty(len(chosen))
    for place, (row, column) in enumerate(chosen):
        at_x, at_y = np.meshgrid(x[column] + parts * 0.9, y[row] + parts * 1.3)
        if wave is not None:
            k = (at_x * math.cos(math.radians(75)) - at_y * math.sin(math.radians(75))) / 90
            size = 0.8 * np.sin(2 * math.pi * k + math.radians(50))
            at_x, at_y = at_x - size * math.cos(math.radians(20)), at_y + size * math.sin(math.radians(20))
        s = at_x * normal[0] + at_y * normal[1]
        drawn[place] = sum(
            part * (ndtr((s - c + 0.6) / width) - ndtr((s - c - 0.6) / width)).mean()
            for part, width in ((0.85, sigma), (0.15, 9.0 * SIGMA))
            for c in -3.4 + 26 * np.arange(-5, 6)
        )
    found = np.array([image[row, column] for row, column in chosen])
    scale = (found @ drawn) / (drawn @ drawn)
    # 40 midpoints: (1.3 mm / 40)^2 / 24 of the second derivative, 1 / sigma^2: 2e-5 of the peak
    assert np.abs(found - scale * drawn).max() < 2e-5 * found.max()


@pytest.mark.parametrize("fwhm", [3.4, 0.3])
def test_nodes_have_converged(fwhm: float, monkeypatch: pytest.MonkeyPatch) -> None:
    slits = dataclasses.replace(SLANTED, tilt_deg=20.0, fwhm_mm=(fwhm, 1.2 * fwhm), wave=(0.5, 80.0, 10.0))
    plain = slits.expected()
    monkeypatch.setattr("phantoms.slits.node_count", lambda sigmas: node_count(sigmas) + 7)
    finer = slits.expected()
    assert np.abs(plain - finer).max() < 1e-9 * finer.max()
    monkeypatch.setattr("phantoms.slits.node_count", lambda sigmas: node_count(sigmas) // 2)
    assert np.abs(slits.expected() - finer).max() > 1e-8 * finer.max()  # so many are needed


def width_by_sampling(profile: np.ndarray, position: np.ndarray, part: float) -> float:
    level = part * profile.max()
    inside = np.flatnonzero(profile >= level)
    first, last = inside[0], inside[-1]
    left = np.interp(level, profile[first - 1 : first + 1], position[first - 1 : first + 1])
    right = np.interp(level, profile[last : last + 2][::-1], position[last : last + 2][::-1])
    return float(right - left)


def test_widths_are_those_of_three_top_hats_and_a_gaussian() -> None:
    slits = dataclasses.replace(SLANTED, tilt_deg=30.0, tail_part=0.1, tail_fwhm_mm=9.0, transmission=0.01)
    truth = slits.truth()
    position = np.arange(-20.0, 20.0, 2e-3)
    sigma = SIGMA * math.hypot(3.4 * math.cos(math.radians(30)), 4.6 * 0.5)
    curve = sum(
        part * np.exp(-((position / width) ** 2) / 2) / width
        for part, width in ((0.9, sigma), (0.1, 9 * SIGMA))
    )
    boxes = (1.2, 0.9 * math.cos(math.radians(30)), 1.3 * 0.5)
    for count, fwhm, fwtm in (
        (1, truth.fwhm_without_pixel_mm, truth.fwtm_without_pixel_mm),
        (3, truth.fwhm_mm, truth.fwtm_mm),
    ):
        profile = curve / (curve.sum() * 2e-3) * 1.2  # the area of a slit's top-hat of height 1
        for box in boxes[:count]:
            size = 2 * round(box / 4e-3) + 1
            profile = np.convolve(profile, np.full(size, 1 / size), mode="same")
        profile = 0.01 + 0.99 * profile
        # boxes of whole steps of 0.002 mm
        assert fwhm == pytest.approx(width_by_sampling(profile, position, 0.5), abs=4e-3)
        assert fwtm == pytest.approx(width_by_sampling(profile, position, 0.1), abs=8e-3)
    assert truth.camera_fwhm_mm == pytest.approx(sigma / SIGMA, rel=1e-12)


def test_known_widths() -> None:
    """A slit of 1 mm turns 3.70 into 3.76 mm; a narrow one leaves the Gaussian's, and its tenth width."""
    one = dataclasses.replace(SLANTED, tilt_deg=0.0, slit_mm=1.0, fwhm_mm=(3.7, 9.0)).truth()
    assert one.fwhm_without_pixel_mm == pytest.approx(3.763, abs=5e-4)
    narrow = dataclasses.replace(SLANTED, tilt_deg=0.0, slit_mm=1e-3, fwhm_mm=(3.7, 9.0)).truth()
    assert narrow.fwhm_without_pixel_mm == pytest.approx(3.7, abs=1e-6)
    assert narrow.fwtm_without_pixel_mm == pytest.approx(
        3.7 * math.sqrt(math.log(10) / math.log(2)), abs=1e-6
    )
    thick = dataclasses.replace(SLANTED, transmission=0.2).truth()
    assert thick.fwtm_mm is None  # the mask's penetration is above a tenth of the peak


@pytest.mark.parametrize("along", ["x", "y"])
def test_positions_are_the_centroids_of_the_image(along: str) -> None:
    slits = dataclasses.replace(SLANTED, along=along, shifts_mm=((-1, 0.7), (0, -0.4)), tilt_deg=0.0)
    truth, image = slits.truth(), slits.expected()
    x, y = centres_mm(slits)
    profile, position = (image.sum(axis=0), x) if along == "y" else (image.sum(axis=1), y)
    for number, place in zip(truth.numbers, truth.positions_mm, strict=True):
        near = np.abs(position - place) < 12
        if abs(place) > position[-1] - 12:
            continue  # cut off by the matrix
        # the window of 12 mm ends where neighbours 26 mm away begin: 1e-6; with pixels 0.01 of a pixel's jitter
        assert (profile * position)[near].sum() / profile[near].sum() == pytest.approx(place, abs=1e-3)
        shift = {-1: 0.7, 0: -0.4}.get(number, 0.0)
        assert place == pytest.approx(-3.4 + 26 * number + shift, abs=1e-12)


def test_a_tilt_is_counter_clockwise() -> None:
    """Upright slits turned counter-clockwise lean to the left at the top; level ones rise to the right."""
    image = dataclasses.replace(SLANTED, tilt_deg=8.0).expected()
    x, y = centres_mm(SLANTED)
    near = np.abs(x + 3.4) < 13
    top, bottom = (np.sum(image[row, near] * x[near]) / image[row, near].sum() for row in (10, 49))
    assert (bottom - top) == pytest.approx(
        math.tan(math.radians(8)) * (y[49] - y[10]), rel=0.02
    )  # windows cut
    slits = dataclasses.replace(SLANTED, tilt_deg=8.0)
    assert slits.positions_mm(0, y[49]) - slits.positions_mm(0, y[10]) == pytest.approx(
        math.tan(math.radians(8)) * (y[49] - y[10])
    )
    level = dataclasses.replace(slits, along="x")
    assert level.positions_mm(0, 30.0) - level.positions_mm(0, -30.0) == pytest.approx(
        -60 * math.tan(math.radians(8))
    )


def test_distorted_positions_lead_back_to_the_slit() -> None:
    slits = dataclasses.replace(SLANTED, wave=(1.5, 70.0, 30.0, 20.0, 100.0))
    along = np.linspace(-30, 30, 7)
    x = slits.positions_mm(1, along)
    moved_x, moved_y = slits.displacement_mm(x, along)
    straight = (x - moved_x) * math.cos(math.radians(2.5)) - (along - moved_y) * math.sin(math.radians(2.5))
    assert np.allclose(straight, -3.4 + 26, atol=1e-12)
    assert np.ptp(x - np.polynomial.Polynomial.fit(along, x, 1)(along)) > 0.5
    image = dataclasses.replace(slits, matrix=(120, 180), pixel_mm=(0.65, 0.45)).expected()
    x_mm = (np.arange(180) - 89.5) * 0.45
    for row in (10, 60, 110):
        place = float(slits.positions_mm(0, (row - 59.5) * 0.65))
        near = np.abs(x_mm - place) < 5
        peak = np.polynomial.Polynomial.fit(x_mm[near], np.log(image[row, near]), 4).deriv().roots()
        # the slope of the wave, 0.06 per mm at most, skews the peak by some 0.01 mm
        assert min(abs(peak - place)) < 0.02


def test_linearity() -> None:
    """A wave along the slits, over whole periods: its standard deviation and its amplitude."""
    slits = dataclasses.replace(SLANTED, tilt_deg=0.0, wave=(0.4, 60.0, 0.0, 90.0, 90.0))
    along = np.arange(-298.75, 300.0, 2.5)  # 24 places in each of 10 periods of a cosine, even: no line in it
    differential, absolute = slits.linearity_mm([-1, 0, 1], along)
    assert differential == pytest.approx(0.4 / math.sqrt(2), rel=1e-9)
    assert absolute == pytest.approx(0.4 * math.cos(math.pi / 24), rel=1e-9)
    shifted = dataclasses.replace(SLANTED, shifts_mm=((1, 0.6),))
    differential, absolute = shifted.linearity_mm([-1, 0, 1, 2], along)
    assert differential == pytest.approx(0, abs=1e-9)
    # residuals of (0, 0, 0.6, 0) to the best line: 0.6 (1 - 1/4 - 0.5^2 / 5) = 0.42
    assert absolute == pytest.approx(0.42 / math.cos(math.radians(2.5)), rel=1e-9)
    assert SLANTED.linearity_mm([-1, 0, 1], along) == pytest.approx((0, 0), abs=1e-9)


def test_transposed() -> None:
    other = dataclasses.replace(
        SLANTED,
        matrix=(90, 60),
        pixel_mm=(0.9, 1.3),
        along="x",
        tilt_deg=-2.5,
        fwhm_mm=(4.6, 3.4),
        field=Rectangle(300.0, 400.0),
        field_offset_mm=SLANTED.field_offset_mm[::-1],
    )
    assert np.allclose(other.expected(), SLANTED.expected().T, rtol=1e-9, atol=1e-9)
    assert other.truth().positions_mm == pytest.approx(SLANTED.truth().positions_mm)
    assert other.truth().fwhm_mm == pytest.approx(SLANTED.truth().fwhm_mm, rel=1e-12)


def test_counts_penetration_and_dead_patch() -> None:
    image = SLANTED.expected()
    assert image.sum() == pytest.approx(1e6, rel=1e-12)
    assert image.min() < 1e-6 * image.max()
    leaky = dataclasses.replace(SLANTED, transmission=0.05).expected()
    opening = quad(lambda s: ndtr((s + 0.6) / 1.4) - ndtr((s - 0.6) / 1.4), -9, 9)[0]
    assert leaky.min() / leaky.sum() == pytest.approx(
        0.05 / (leaky.size * (0.05 + 0.95 * opening / 26)), rel=0.05
    )  # a part of a slit more or less in the matrix
    patch = DeadPatch(Rectangle(6.0, 20.0), -3.4, 10.0)
    dead = dataclasses.replace(SLANTED, defects=(patch,)).expected()
    x, y = centres_mm(SLANTED)
    inside = (np.abs(x - 0.23 + 3.4) < 2.5)[np.newaxis, :] & (np.abs(y + 0.41 - 10) < 9.3)[:, np.newaxis]
    assert dead[inside].max() == 0
    assert dead[0].sum() > 0.9 * image[0].sum()
    assert SLANTED.noisy(5).sum() == pytest.approx(1e6, abs=5e3)  # 5 sigma


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"along": "z"}, "along"),
        ({"pitch_mm": 1.0}, "slit width"),
        ({"slit_mm": 0.0}, "slit width"),
        ({"tilt_deg": 50.0}, "tilt"),
        ({"offset_mm": math.nan}, "offset"),
        ({"transmission": 1.0}, "transmission"),
        ({"fwhm_mm": (0.01, 0.01)}, "too small for these pixels"),
        ({"fwhm_mm": (-1.0, 3.0)}, "FWHM"),
        ({"tail_part": 1.0}, "tails"),
    ],
)
def test_mistakes_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(SLANTED, **changes)


def test_unresolved_slits_have_no_width() -> None:
    truth = dataclasses.replace(SLANTED, fwhm_mm=(40.0, 40.0)).truth()
    assert truth.fwhm_mm is truth.fwhm_without_pixel_mm is truth.fwtm_mm is None
