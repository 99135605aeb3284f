"""Line sources against truths that are had in other ways."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.special import erf

from phantoms.fields import Rectangle
from phantoms.lines import Lines, LineSource, square_of_lines, two_parallel, two_perpendicular
from phantoms.spread import node_count

SIGMA = 1 / math.sqrt(8 * math.log(2))  # standard deviation of a Gaussian of FWHM 1
OBLIQUE = Lines(
    system="symbia-t2",
    detector=2,
    matrix=(80, 110),
    pixel_mm=(1.9, 1.3),
    field=Rectangle(600.0, 600.0),
    lines=(
        LineSource(-12.3, 21.4, 70.0, 27.0, 1.0, 0.4, ((-20.0, -9.0), (14.0, 17.0))),
        LineSource(38.0, -30.0, 45.0, 96.0, 0.6),
    ),
    fwhm_mm=(6.1, 7.9),
    counts=1e6,
)


def edges_mm(lines: Lines) -> tuple[np.ndarray, np.ndarray]:
    (rows, columns), (down, along) = lines.shape, lines.spacing_mm
    return (np.arange(columns + 1) - columns / 2) * along, (np.arange(rows + 1) - rows / 2) * down


def part_of_pixels(edges: np.ndarray, places: np.ndarray, sigma: float) -> np.ndarray:
    """Return the part of a Gaussian about each place that falls into each pixel, shape (places, pixels)."""
    t = (edges[np.newaxis, :] - places[:, np.newaxis]) / (sigma * math.sqrt(2))
    return np.diff(erf(t), axis=1) / 2


def row_of_points(lines: Lines) -> np.ndarray:
    """Draw each line as many points, each blurred and integrated over the pixels exactly: no nodes."""
    x_edges, y_edges = edges_mm(lines)
    image = np.zeros(lines.shape)
    for line in lines.lines:
        step = 0.05
        s = np.arange(-line.length_mm / 2 + step / 2, line.length_mm / 2, step)
        activity = line.activity * (1 + line.slope * 2 * s / line.length_mm)
        for start, end in line.gaps_mm:
            activity[(s > start) & (s < end)] = 0
        x = line.x_mm + s * math.cos(math.radians(line.angle_deg))
        y = line.y_mm - s * math.sin(math.radians(line.angle_deg))
        parts = [
            (1 - lines.tail_part, *lines.fwhm_mm),
            (lines.tail_part, lines.tail_fwhm_mm, lines.tail_fwhm_mm),
        ]
        for part, wide, high in parts:
            along = part_of_pixels(x_edges, x, wide * SIGMA)
            down = part_of_pixels(y_edges, y, high * SIGMA)
            image += part * (down * activity[:, np.newaxis]).T @ along
    return image


@pytest.mark.parametrize("tail_part", [0.0, 0.2])
def test_lines_are_rows_of_points(tail_part: float) -> None:
    lines = dataclasses.replace(OBLIQUE, tail_part=tail_part, tail_fwhm_mm=15.0)
    image, drawn = lines.expected(), row_of_points(lines)
    # Midpoints every 0.05 mm of a blur of sigma 2.6 mm: (0.05 / 2.6)^2 / 24 = 1.5e-5 at the lines' ends
    assert np.abs(image / image.sum() - drawn / drawn.sum()).max() < 3e-5 * (drawn / drawn.sum()).max()


def test_nodes_have_converged(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = dataclasses.replace(OBLIQUE, fwhm_mm=(2.0, 3.1), wave=(0.5, 80.0, 10.0, 0.0, 60.0))
    plain = lines.expected()
    monkeypatch.setattr("phantoms.lines.node_count", lambda sigmas: node_count(sigmas) + 7)
    finer = lines.expected()
    assert np.abs(plain - finer).max() < 1e-9 * finer.max()
    monkeypatch.setattr("phantoms.lines.node_count", lambda sigmas: node_count(sigmas) // 2)
    assert np.abs(lines.expected() - finer).max() > 1e-8 * finer.max()  # so many are needed


def test_a_level_line_in_closed_form() -> None:
    """Along x the image is a product: across, differences of erf; along, second differences."""
    line = LineSource(3.2, -7.7, 40.0, 0.0)
    lines = dataclasses.replace(OBLIQUE, lines=(line,))
    x_edges, y_edges = edges_mm(lines)

    def smooth(t: np.ndarray, sigma: float) -> np.ndarray:
        """The integral of the normal cumulative distribution of t / sigma."""
        return (t * (1 + erf(t / sigma / math.sqrt(2)))) / 2 + sigma / math.sqrt(2 * math.pi) * np.exp(
            -((t / sigma) ** 2) / 2
        )

    across = part_of_pixels(y_edges, np.array([-7.7]), 7.9 * SIGMA)[0]
    along = np.diff(smooth(x_edges - 3.2 + 20, 6.1 * SIGMA) - smooth(x_edges - 3.2 - 20, 6.1 * SIGMA))
    product = np.outer(across, along)
    image = lines.expected()
    assert (
        np.abs(image / image.sum() - product / product.sum()).max() < 1e-9 * (product / product.sum()).max()
    )


def test_widths() -> None:
    """FWHM across an oblique line, by the projected covariance; with the pixel, by sampling."""
    truth = OBLIQUE.truth().lines[0]
    turn = math.radians(27)
    sigma = SIGMA * math.hypot(math.sin(turn) * 6.1, math.cos(turn) * 7.9)
    assert truth.fwhm_without_pixel_mm == pytest.approx(sigma / SIGMA, rel=1e-12)
    assert truth.fwtm_without_pixel_mm == pytest.approx(sigma * math.sqrt(8 * math.log(10)), rel=1e-12)
    step = 2e-3
    s = np.arange(-20, 20, step)
    profile = np.exp(-((s / sigma) ** 2) / 2)
    for box in (1.3 * math.sin(turn), 1.9 * math.cos(turn)):
        size = 2 * round(box / 2 / step) + 1
        profile = np.convolve(profile, np.full(size, 1 / size), mode="same")
    for part, width in ((0.5, truth.fwhm_mm), (0.1, truth.fwtm_mm)):
        assert np.count_nonzero(profile >= part * profile.max()) * step == pytest.approx(width, abs=3 * step)


def test_image_has_that_width() -> None:
    """A long level line: the width of its column, in pixels too small to matter, is the camera's along y."""
    lines = dataclasses.replace(
        OBLIQUE,
        matrix=(600, 40),
        pixel_mm=(0.1, 2.0),
        lines=(LineSource(0.0, 3.3, 400.0, 0.0),),
        tail_part=0.15,
    )
    profile = lines.expected()[:, 20]
    level = profile.max() / 2
    assert np.count_nonzero(profile > level) * 0.1 == pytest.approx(lines.truth().lines[0].fwhm_mm, abs=0.1)
    assert lines.truth().lines[0].fwhm_mm > 8.0  # the tails widen it


@pytest.mark.parametrize("angle", [0.0, 33.0, 90.0, 140.0, -60.0])
def test_angle_and_middle_are_those_of_the_image(angle: float) -> None:
    lines = dataclasses.replace(
        OBLIQUE, lines=(LineSource(4.4, -6.5, 60.0, angle),), field=Rectangle(900.0, 900.0)
    )
    image = lines.expected()
    x_edges, y_edges = edges_mm(lines)
    x, y = np.meshgrid((x_edges[:-1] + x_edges[1:]) / 2, (y_edges[:-1] + y_edges[1:]) / 2)
    total = image.sum()
    middle = (image * x).sum() / total, (image * y).sum() / total
    assert middle == pytest.approx(
        (4.4, -6.5), abs=1e-6
    )  # moments of pixel means are exact, but for the tails
    xx = (image * (x - middle[0]) ** 2).sum() / total - (6.1 * SIGMA) ** 2 - 1.3**2 / 12
    yy = (image * (y - middle[1]) ** 2).sum() / total - (7.9 * SIGMA) ** 2 - 1.9**2 / 12
    xy = (image * (x - middle[0]) * (y - middle[1])).sum() / total
    found = math.degrees(math.atan2(-2 * xy, xx - yy)) / 2
    assert (found - angle + 90) % 180 - 90 == pytest.approx(0, abs=1e-4)
    assert xx + yy == pytest.approx(60.0**2 / 12, rel=1e-5)
    truth = lines.truth().lines[0]
    assert -90 <= truth.angle_deg < 90
    assert (truth.angle_deg - angle) % 180 == pytest.approx(0)


def test_transposed() -> None:
    """Rows and columns exchanged: x and y too, and an angle a becomes -90 - a."""
    other = dataclasses.replace(
        OBLIQUE,
        matrix=(110, 80),
        pixel_mm=(1.3, 1.9),
        fwhm_mm=(7.9, 6.1),
        field_offset_mm=OBLIQUE.field_offset_mm[::-1],
        lines=tuple(
            dataclasses.replace(line, x_mm=line.y_mm, y_mm=line.x_mm, angle_deg=-90 - line.angle_deg)
            for line in OBLIQUE.lines
        ),
    )
    assert np.allclose(other.expected(), OBLIQUE.expected().T, rtol=1e-9, atol=1e-9)
    widths = [line.fwhm_mm for line in OBLIQUE.truth().lines]
    assert [line.fwhm_mm for line in other.truth().lines] == pytest.approx(widths, rel=1e-12)


def test_a_wave_displaces() -> None:
    still = dataclasses.replace(OBLIQUE, field=Rectangle(900.0, 900.0))
    moved = dataclasses.replace(still, wave=(2.6, 1e9, 0.0, 90.0)).expected()  # by two pixels to the right
    assert np.allclose(moved[:, 2:], still.expected()[:, :-2], atol=1e-5 * moved.max())


def test_counts_and_background() -> None:
    assert OBLIQUE.expected().sum() == pytest.approx(1e6, rel=1e-12)
    even = dataclasses.replace(OBLIQUE, background=0.25, field=Rectangle(500.0, 500.0)).expected()
    assert even[0, 0] == pytest.approx(1e6 * 0.2 / even.size, rel=1e-6)  # 0.25 of the lines', 0.2 of all
    assert np.allclose((even - even[0, 0]) / 0.8, OBLIQUE.expected(), atol=1e-6 * even.max())
    assert OBLIQUE.noisy(2).sum() == pytest.approx(1e6, abs=5e3)  # 5 sigma


def distance_mm(first: LineSource, second: LineSource) -> float:
    """Return the distance of the second's middle from the first's straight line."""
    turn = math.radians(first.angle_deg)
    return abs((second.x_mm - first.x_mm) * math.sin(turn) + (second.y_mm - first.y_mm) * math.cos(turn))


def test_arrangements() -> None:
    first, second = two_parallel(100.0, centre_mm=(3.0, 40.0), angle_deg=20.0)
    assert distance_mm(first, second) == pytest.approx(100)
    assert ((first.x_mm + second.x_mm) / 2, (first.y_mm + second.y_mm) / 2) == pytest.approx((3, 40))
    assert first.y_mm < second.y_mm  # to the left of a line to the right: above
    four = square_of_lines(120.0, length_mm=70.0, centre_mm=(3.0, 40.0), rotation_deg=10.0)
    assert distance_mm(four[0], four[2]) == distance_mm(four[1], four[3]) == pytest.approx(120)
    assert four[0].x_mm > four[1].x_mm > four[2].x_mm  # right, upper, left
    assert four[1].y_mm < four[0].y_mm < four[3].y_mm
    assert four[0].y_mm < 40  # the right one, turned counter-clockwise, is higher
    assert {round(line.angle_deg % 180, 9) for line in four} == {10.0, 100.0}
    level, upright = two_perpendicular(angle_deg=7.0)
    assert (level.angle_deg, upright.angle_deg) == (7.0, 97.0)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: LineSource(0, 0, 0.0), "length"),
        (lambda: LineSource(0, 0, 50.0, activity=0.0), "activity"),
        (lambda: LineSource(0, 0, 50.0, slope=1.1), "slope"),
        (lambda: LineSource(0, 0, 50.0, gaps_mm=((-10.0, 5.0), (0.0, 8.0))), "gaps"),
        (lambda: LineSource(0, 0, 50.0, gaps_mm=((20.0, 26.0),)), "gaps"),
        (lambda: dataclasses.replace(OBLIQUE, lines=()), "at least one"),
        (lambda: dataclasses.replace(OBLIQUE, background=-1.0), "background"),
        (lambda: dataclasses.replace(OBLIQUE, fwhm_mm=(0.05, 5.0)), "too small"),
    ],
)
def test_mistakes_are_refused(make: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()
