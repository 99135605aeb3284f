"""Point sources on an orbit against what geometry says, view by view."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.special import erf

from phantoms.cor import (
    Orbit,
    OrbitHead,
    PointSource,
    default_orbit_heads,
    five_sources,
    nema_sources,
    one_source,
)
from phantoms.flood import Window
from phantoms.spread import node_count
from phantoms.systems import SYSTEMS

SIGMA = 1 / math.sqrt(8 * math.log(2))  # standard deviation of a Gaussian of FWHM 1
SOURCE = PointSource(58.0, -33.0, 12.0)
# Neither the matrix nor the pixels are square, and nothing is cut off: the source moves by 70 mm about the middle of
# 200 x 280 mm, with a sigma of 4.2 mm. First moments over pixels of at most sigma / 1.4 are those of the Gaussian to
# exp(-2 pi^2 1.4^2) = 2e-17 of a pixel.
FINE = Orbit(
    matrix=(84, 100),
    pixel_mm=(2.4, 2.8),
    sources=(SOURCE,),
    heads=(OrbitHead(start_deg=198.4),),
    views=24,
    fwhm_mm=10.0,
)
EXACT = 1e-6  # mm: what the phantom promises; rounding is 1e-10


def moments_mm(orbit: Orbit, images: np.ndarray) -> np.ndarray:
    """Return the first moments (right, down) of images (..., rows, columns), from the middle of the matrix."""
    (rows, columns), (down, along) = orbit.shape, orbit.spacing_mm
    x = (np.arange(columns) - (columns - 1) / 2) * along
    y = (np.arange(rows) - (rows - 1) / 2) * down
    totals = images.sum(axis=(-2, -1))
    right = (images.sum(axis=-2) @ x) / totals
    return np.stack([right, (images.sum(axis=-1) @ y) / totals], axis=-1)


def seen_mm(orbit: Orbit, head: int = 0) -> np.ndarray:
    return moments_mm(orbit, orbit.expected()[0, head, 0])


def with_head(orbit: Orbit = FINE, **faults: object) -> Orbit:
    return dataclasses.replace(orbit, heads=(OrbitHead(start_deg=198.4, **faults),))


@pytest.mark.parametrize("clockwise", [True, False])
def test_an_axis_at_column_66_of_128(clockwise: bool) -> None:
    """The vector of the contract: 12.0 mm in pixels of 4.8 mm, on either head and in either sense."""
    heads = (
        OrbitHead(start_deg=180.0, offset_mm=12.0),
        OrbitHead(start_deg=0.0, offset_mm=12.0, mirrored=True),
    )
    orbit = Orbit(
        matrix=128, pixel_mm=(4.8, 4.8), sources=(SOURCE,), heads=heads, clockwise=clockwise, fwhm_mm=12.0
    )
    for head in (0, 1):
        images = orbit.expected()[0, head, 0]
        columns = images.sum(axis=1) @ np.arange(128) / images.sum(axis=(1, 2))
        assert columns.mean() == pytest.approx(66.0, abs=1e-6)
        assert (columns.min(), columns.max()) == pytest.approx((66 - 66.73 / 4.8, 66 + 66.73 / 4.8), abs=0.02)
        assert orbit.truth()[head].axis_column == pytest.approx(66.0, abs=1e-12)


@pytest.mark.parametrize(
    ("angle_deg", "right_mm", "towards_head_mm"),
    [
        (0, -30.0, 50.0),  # from the back: the patient's left is on the image's left
        (90, 50.0, 30.0),  # from the patient's left: the back is on the right
        (180, 30.0, -50.0),  # from the front: the patient's left is on the right
        (270, -50.0, -30.0),  # from the patient's right: the back is on the left
    ],
)
def test_views_from_four_sides(angle_deg: int, right_mm: float, towards_head_mm: float) -> None:
    """A source 30 mm to the patient's left, 50 mm to the back and 20 mm to the head, as a person sees it."""
    orbit = dataclasses.replace(
        FINE,
        sources=(PointSource(30.0, 50.0, 20.0),),
        heads=(OrbitHead(start_deg=float(angle_deg)),),
        views=1,
        radius_mm=220.0,
        fwhm_per_mm=0.02,
    )
    assert seen_mm(orbit)[0] == pytest.approx((right_mm, -20.0), abs=EXACT)  # the head is up
    width = (10.0 + 0.02 * (220.0 - towards_head_mm - 200.0)) * SIGMA
    assert spread_mm(orbit)[0, 0] == pytest.approx(width, rel=1e-6)


def spread_mm(orbit: Orbit) -> np.ndarray:
    """Return the sigmas (right, down) of each view, without the pixel."""
    images, middle = orbit.expected()[0, 0, 0], seen_mm(orbit)
    (rows, columns), (down, along) = orbit.shape, orbit.spacing_mm
    x = (np.arange(columns) - (columns - 1) / 2) * along - middle[:, :1]
    y = (np.arange(rows) - (rows - 1) / 2) * down - middle[:, 1:]
    totals = images.sum(axis=(1, 2))
    across = (images.sum(axis=1) * x**2).sum(axis=1) / totals - along**2 / 12
    return np.sqrt(
        np.stack([across, (images.sum(axis=2) * y**2).sum(axis=1) / totals - down**2 / 12], axis=-1)
    )


def test_angles_of_both_senses() -> None:
    """Start angle, step and sense as DICOM has them: CW decreases."""
    heads = (OrbitHead(start_deg=-0.0), OrbitHead(start_deg=198.0))
    orbit = Orbit(heads=heads, views=4, arc_deg=180.0, rotations=3)
    assert orbit.step_deg == 45.0
    assert orbit.theta_deg(0).tolist() == [0.0, 315.0, 270.0, 225.0]
    assert orbit.theta_deg(1).tolist() == [198.0, 153.0, 108.0, 63.0]
    assert orbit.theta_deg(1, 1).tolist() == [198.0, 243.0, 288.0, 333.0]  # the second rotation turns back
    assert orbit.theta_deg(1, 2).tolist() == orbit.theta_deg(1).tolist()
    other = dataclasses.replace(orbit, clockwise=False)
    assert other.theta_deg(1).tolist() == [198.0, 243.0, 288.0, 333.0]
    sources = orbit.positions_mm(1), other.positions_mm(1, 1)
    assert np.array_equal(*sources)


TERMS = {
    "offset_mm": 6.3,
    "axial_mm": -4.1,
    "tilt_deg": 0.5,
    "turn_deg": 90.0,
    "sag_mm": 0.7,
    "drift_mm": 0.02,
    "slips": ((7, 3.0, -1.5),),
    "mirrored": True,
    "sensitivity": 0.3,
}


def added_by_hand(name: str, theta: np.ndarray, s: np.ndarray, depth: np.ndarray) -> tuple[object, object]:
    """Return what each of the terms above adds to (right, down) in 24 views of a source at z = 12."""
    view = np.arange(1, 25)
    return {
        "offset_mm": (6.3, 0),
        "axial_mm": (0, -4.1),
        "tilt_deg": (0, -depth * 0.008726867790758),  # the tangent of 0.5 degrees; lower where farther
        "turn_deg": (-12 - s, -s + 12),  # what was on the right is on top, what was on top on the left
        "sag_mm": (0.7 * (np.cos(theta) ** 2 - np.sin(theta) ** 2), 0),
        "drift_mm": (0.02 * (view - 12.5), 0),
        "slips": (np.where(view == 7, 3, 0), np.where(view == 7, -1.5, 0)),
        "mirrored": (-2 * s, 0),
        "sensitivity": (0, 0),
    }[name]


@pytest.mark.parametrize("clockwise", [True, False])
@pytest.mark.parametrize("name", TERMS)
def test_each_term_by_hand(name: str, clockwise: bool) -> None:
    orbit = dataclasses.replace(with_head(**{name: TERMS[name]}), clockwise=clockwise)
    theta = np.radians(198.4 + (-15.0 if clockwise else 15.0) * np.arange(24))
    s = -58 * np.cos(theta) - 33 * np.sin(theta)
    depth = 58 * np.sin(theta) - 33 * np.cos(theta)
    right, down = added_by_hand(name, theta, s, depth)
    expected = np.stack([s + right, np.broadcast_to(-12 + down, 24)], axis=-1)
    assert np.abs(seen_mm(orbit) - expected).max() < EXACT
    assert np.abs(orbit.positions_mm(0)[0] - expected).max() < 1e-10


def test_the_phase_of_the_sag_and_the_error_of_the_angle() -> None:
    theta = np.radians(FINE.theta_deg(0) + 7.0)
    s = -58 * np.cos(theta) - 33 * np.sin(theta)
    turned = with_head(angle_error_deg=7.0)
    assert np.abs(seen_mm(turned)[:, 0] - s).max() < EXACT
    assert np.array_equal(turned.theta_deg(0), FINE.theta_deg(0))  # the header does not know
    sagging = with_head(angle_error_deg=7.0, sag_mm=0.7, sag_phase_deg=35.0)
    moved = 0.7 * np.cos(2 * theta - math.radians(35.0))
    assert np.abs(seen_mm(sagging)[:, 0] - s - moved).max() < EXACT


def test_terms_add_up_on_heads_unlike_one_another() -> None:
    first = {
        "offset_mm": 3.1,
        "axial_mm": -2.2,
        "tilt_deg": 1.3,
        "turn_deg": -4.0,
        "sag_mm": 0.4,
        "drift_mm": 0.03,
    }
    second = {
        "offset_mm": -5.0,
        "axial_mm": 6.0,
        "tilt_deg": -0.7,
        "turn_deg": 2.0,
        "sag_mm": 0.9,
        "mirrored": True,
    }
    heads = (OrbitHead(start_deg=12.3, **first), OrbitHead(start_deg=88.3, slips=((3, 2.0, 1.0),), **second))
    orbit = dataclasses.replace(FINE, heads=heads, views=9, arc_deg=200.0, clockwise=False)
    for number, head in enumerate(heads):
        for view in range(1, 10):
            theta = math.radians(head.start_deg + 200 / 9 * (view - 1))
            s = -58 * math.cos(theta) - 33 * math.sin(theta)
            depth = 58 * math.sin(theta) - 33 * math.cos(theta)
            t = -12 - depth * math.tan(math.radians(head.tilt_deg))
            at = complex(-s if head.mirrored else s, -t) * complex(
                math.cos(math.radians(head.turn_deg)), math.sin(math.radians(head.turn_deg))
            )  # turned counter-clockwise with the imaginary axis upwards
            slip = (2.0, 1.0) if (number, view) == (1, 3) else (0.0, 0.0)
            right = (
                at.real
                + head.offset_mm
                + head.sag_mm * math.cos(2 * theta)
                + head.drift_mm * (view - 5)
                + slip[0]
            )
            down = -at.imag + head.axial_mm + slip[1]
            assert seen_mm(orbit, number)[view - 1] == pytest.approx((right, down), abs=EXACT)


def test_each_pixel_holds_its_part_of_the_gaussian() -> None:
    """Pixel by pixel: products of differences of erf, in pixels so large that sampling would be wrong."""
    orbit = dataclasses.replace(FINE, pixel_mm=(7.9, 6.1), matrix=(30, 40), fwhm_mm=7.0)
    place = orbit.positions_mm(0)[0]
    x = (np.arange(41) - 20) * 6.1
    y = (np.arange(31) - 15) * 7.9
    for view, image in enumerate(orbit.expected()[0, 0, 0]):
        along = np.diff(erf((x - place[view, 0]) / (7 * SIGMA * math.sqrt(2)))) / 2
        down = np.diff(erf((y - place[view, 1]) / (7 * SIGMA * math.sqrt(2)))) / 2
        assert (
            np.abs(image - 20_000 * np.outer(down, along)).max() < 20_000 * 1e-14
        )  # rounding, and the tail's end


def test_counts_background_decay_and_windows() -> None:
    windows = (Window("peak", ((126.0, 154.0),)), Window("scatter", ((108.0, 126.0),), 0.31))
    sources = (dataclasses.replace(SOURCE, counts=3000.0), PointSource(-20.0, 10.0, -40.0, 1500.0))
    heads = (OrbitHead(), OrbitHead(start_deg=76.0, sensitivity=0.8))
    orbit = dataclasses.replace(
        FINE,
        sources=sources,
        heads=heads,
        windows=windows,
        views=5,
        rotations=2,
        half_life_s=300.0,
        background=0.25,
    )
    expected = orbit.expected()
    assert expected.shape == (2, 2, 2, 5, 84, 100)
    passed = 20.0 * np.arange(10).reshape(2, 5)  # the second rotation comes after the first
    strength = 4500 * np.exp(-math.log(2) * passed / 300)
    for window, share in enumerate((1.0, 0.31)):
        for head, sensitivity in enumerate((1.0, 0.8)):
            totals = expected[window, head].sum(axis=(-2, -1))
            assert totals == pytest.approx(
                strength * share * sensitivity + 0.25 * 84 * 100, rel=1e-12
            )  # rounding


def test_the_blur_follows_each_view_of_a_contoured_orbit() -> None:
    radii = tuple(160.0 + 9 * view for view in range(24))
    orbit = dataclasses.replace(FINE, radius_mm=radii, fwhm_per_mm=0.015)
    theta = np.radians(FINE.theta_deg(0))
    depth = 58 * np.sin(theta) - 33 * np.cos(theta)
    width = (10 + 0.015 * (np.array(radii) - depth - 200)) * SIGMA
    assert spread_mm(orbit) == pytest.approx(np.stack([width, width], axis=-1), rel=1e-6)
    assert np.abs(seen_mm(orbit) - seen_mm(FINE)).max() < EXACT


@pytest.mark.parametrize("clockwise", [True, False])
@pytest.mark.parametrize("views", [8, 60])
def test_continuous_motion_shrinks_the_sinusoid(views: int, clockwise: bool) -> None:
    """The mean of a sinusoid over an angle h is the one at its middle, times sin(h / 2) / (h / 2)."""
    orbit = dataclasses.replace(
        with_head(offset_mm=3.0, sag_mm=0.9, tilt_deg=2.0), continuous=True, views=views, clockwise=clockwise
    )
    step = math.radians(360 / views)
    sense = -1 if clockwise else 1
    middle = np.radians(198.4) + sense * step * (np.arange(views) + 0.5)
    shrunk, twice = math.sin(step / 2) / (step / 2), math.sin(step) / step
    right = 3 + shrunk * (-58 * np.cos(middle) - 33 * np.sin(middle)) + 0.9 * twice * np.cos(2 * middle)
    down = -12 - shrunk * (58 * np.sin(middle) - 33 * np.cos(middle)) * math.tan(math.radians(2.0))
    expected = np.stack([right, down], axis=-1)
    assert np.abs(orbit.positions_mm(0)[0] - expected).max() < 1e-9
    assert np.abs(seen_mm(orbit) - expected).max() < EXACT


def test_continuous_motion_blurs_as_many_small_steps_do() -> None:
    """Against midpoints of 4000 steps; their error is (0.0131 mm x 1 / sigma)^2 / 24 of the blur's peak: 4e-7."""
    orbit = dataclasses.replace(FINE, views=8, continuous=True, fwhm_per_mm=0.02, clockwise=False)
    many = 4000
    steps = dataclasses.replace(
        orbit, continuous=False, views=many, arc_deg=45.0, heads=(OrbitHead(start_deg=198.4 + 45 / many / 2),)
    )
    x = (np.arange(101) - 50) * 2.8
    y = (np.arange(85) - 42) * 2.4
    theta = np.radians(steps.theta_deg(0))
    sigma = (10 + 0.02 * (-58 * np.sin(theta) + 33 * np.cos(theta))) * SIGMA
    place = steps.positions_mm(0)[0]
    along = np.diff(erf((x - place[:, :1]) / sigma[:, None] / math.sqrt(2)), axis=1) / 2
    down = np.diff(erf((y - place[:, 1:]) / sigma[:, None] / math.sqrt(2)), axis=1) / 2
    expected = 20_000 / many * down.T @ along
    image = orbit.expected()[0, 0, 0, 0]
    assert np.abs(image - expected).max() < 1e-6 * expected.max()


@pytest.mark.parametrize(
    ("sources", "head"),
    [(five_sources(), OrbitHead(start_deg=76.0)), ((PointSource(1.0, 2.0),), OrbitHead(sag_mm=60.0))],
    ids=["far off", "sagging"],
)
def test_nodes_have_converged(
    sources: tuple[PointSource, ...], head: OrbitHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    orbit = dataclasses.replace(
        FINE, sources=sources, heads=(head,), matrix=(120, 120), views=10, continuous=True, fwhm_mm=4.0
    )
    plain = orbit.expected()
    monkeypatch.setattr("phantoms.cor.node_count", lambda sigmas: node_count(sigmas) + 6)
    finer = orbit.expected()
    assert np.abs(plain - finer).max() < 1e-9 * finer.max()
    monkeypatch.setattr("phantoms.cor.node_count", lambda sigmas: node_count(sigmas) // 2)
    assert np.abs(orbit.expected() - finer).max() > 1e-9 * finer.max()  # so many are needed


def test_what_falls_outside_the_matrix_is_lost() -> None:
    """Half of a source on the edge of the matrix; none of one beyond it."""
    edge = dataclasses.replace(FINE, sources=(PointSource(-140.0, 0.0),), heads=(OrbitHead(),), views=1)
    assert edge.expected().sum() == pytest.approx(
        10_000, rel=1e-12
    )  # the middle of the Gaussian is on the edge
    beyond = dataclasses.replace(edge, sources=(PointSource(-200.0, 0.0),))
    assert beyond.expected().sum() == 0


@pytest.mark.parametrize("continuous", [False, True])
@pytest.mark.parametrize(
    "head",
    [
        OrbitHead(start_deg=198.4, offset_mm=2.0, axial_mm=-3.0),
        OrbitHead(start_deg=30.0, tilt_deg=3.0, turn_deg=-25.0, angle_error_deg=4.0),
        OrbitHead(start_deg=76.0, tilt_deg=-3.0, turn_deg=25.0, mirrored=True, offset_mm=1.0),
    ],
)
def test_truth_is_the_sinusoid_of_the_images(head: OrbitHead, continuous: bool) -> None:
    orbit = dataclasses.replace(
        FINE, heads=(head,), continuous=continuous, sources=(PointSource(40.0, 31.0, -17.0),)
    )
    middle = orbit.theta_deg(0) - (orbit.step_deg / 2 if continuous else 0)
    theta = np.radians(middle)
    waves = np.stack([np.ones(24), np.cos(theta), np.sin(theta)], axis=1)
    (mean, cosine, sine), down = (
        np.linalg.lstsq(waves, seen_mm(orbit)[:, axis], rcond=None)[0] for axis in (0, 1)
    )
    (source,) = orbit.truth()[0].sources
    assert source.radius_mm == pytest.approx(math.hypot(40, 31), rel=1e-12)
    assert source.offset_mm == pytest.approx(mean, abs=EXACT)
    assert source.axial_mm == pytest.approx(down[0], abs=EXACT)
    assert source.amplitude_mm == pytest.approx(math.hypot(cosine, sine), abs=EXACT)
    assert source.phase_deg == pytest.approx(
        math.degrees(math.atan2(sine, cosine)) % 360, abs=1e-5
    )  # 1e-6 mm at 50
    assert orbit.truth()[0].detector == 1
    assert orbit.truth()[0].head is orbit.heads[0]


def test_noise() -> None:
    orbit = dataclasses.replace(FINE, background=2.0, half_life_s=900.0)
    expected, noisy = orbit.expected(), orbit.noisy(4)
    assert noisy.dtype == np.uint16
    assert np.array_equal(noisy, orbit.noisy(4))
    assert not np.array_equal(noisy, orbit.noisy(5))
    total = expected.sum()
    assert abs(noisy.sum(dtype=np.int64) - total) < 5 * math.sqrt(total)  # Poisson
    # Of n pixels the mean of (n - mu)^2 / mu is 1 with an SD of sqrt((2 + 1 / mu) / n); mu is at least 2.
    scatter = ((noisy - expected) ** 2 / expected).mean()
    assert scatter == pytest.approx(1.0, abs=5 * math.sqrt(2.5 / expected.size))
    assert np.abs(orbit.rounded() - expected).max() <= 0.5


def test_many_counts_need_32_bits() -> None:
    bright = dataclasses.replace(FINE, views=1, sources=(dataclasses.replace(SOURCE, counts=5e6),))
    assert bright.noisy(1).dtype == np.uint32


@pytest.mark.parametrize("system", SYSTEMS)
def test_defaults(system: str) -> None:
    orbit = Orbit(system=system, views=3)
    assert orbit.sources == nema_sources()
    assert orbit.heads == default_orbit_heads(system)
    assert len(orbit.heads) == SYSTEMS[system].heads
    assert len({dataclasses.replace(head, start_deg=0.0) for head in orbit.heads}) == len(orbit.heads)
    assert orbit.windows[0].ranges_kev[0][0] > 120
    assert orbit.expected().shape == (1, len(orbit.heads), 1, 3, 128, 128)


def test_sets_of_sources() -> None:
    left, middle, right = nema_sources()
    assert middle.radius_mm <= 3
    assert [(abs(side.x_mm), abs(side.z_mm)) for side in (left, right)] == [(75.0, 50.0)] * 2
    assert (left.x_mm, left.z_mm) == (-right.x_mm, -right.z_mm)
    five = five_sources()
    levels = [source.z_mm for source in five]
    assert levels == sorted(levels, reverse=True)
    assert np.diff(levels).max() < -50
    assert sorted(source.radius_mm for source in five) == pytest.approx([30, 52, 76, 97, 118])
    assert max(abs(level) for level in levels) < 387 / 2  # inside the Siemens field
    (one,) = one_source()
    assert one.radius_mm > 50


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"system": "other"}, "no such system"),
        ({"system": "brivo", "heads": (OrbitHead(), OrbitHead())}, "1 detector"),
        ({"radionuclide": "I-131"}, "radionuclide"),
        ({"matrix": 0}, "matrix"),
        ({"zoom": 0.0}, "zoom"),
        ({"duration_s": math.inf}, "duration"),
        ({"pixel_mm": (2.0, -1.0)}, "pixel size"),
        ({"views": 0}, "one view"),
        ({"rotations": 0}, "one rotation"),
        ({"arc_deg": -360.0}, "arc"),
        ({"radius_mm": (200.0, 201.0)}, "2 radii for 24 views"),
        ({"radius_mm": 0.0}, "radius"),
        ({"heads": (OrbitHead(slips=((25, 1.0, 0.0),)),)}, "1 to 24"),
        ({"fwhm_mm": 0.0}, "FWHM"),
        (
            {"fwhm_per_mm": 0.2},
            r"-3\.3\d* mm at 133",
        ),  # the source comes 66.7 mm nearer than 200 mm: 10 - 13.3
        ({"fwhm_per_mm": math.nan}, "FWHM"),
        ({"background": -1.0}, "background"),
        ({"half_life_s": 0.0}, "half-life"),
    ],
)
def test_impossible_orbits_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(FINE, **changes)


@pytest.mark.parametrize(
    "make",
    [
        lambda: PointSource(math.nan, 0.0),
        lambda: PointSource(1.0, 0.0, counts=0.0),
        lambda: OrbitHead(tilt_deg=90.0),
        lambda: OrbitHead(sag_mm=math.inf),
        lambda: OrbitHead(slips=((1, math.nan, 0.0),)),
        lambda: OrbitHead(sensitivity=0.0),
    ],
)
def test_impossible_sources_and_heads_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"number|90 degrees"):
        make()
