"""Weights and means over discs: against closed forms, sub-samples, and a second way of cutting the circle."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.discs import disc_mean, disc_means, disc_weights
from nmqc.measure.grid import Axis

ROWS, COLUMNS = Axis.of_matrix(31, 2.7), Axis.of_matrix(44, 1.9)
CENTRES = [(0.0, 0.0), (3.123, -5.871), (-12.7, 9.3), (-0.95, 1.35), (1.9, -2.7)]
RADII = [0.4, 5.0, 6.5, 18.5]


def weights(centre: tuple[float, float], radius: float) -> NDArray[np.float64]:
    """Return the weights as an image of the whole matrix."""
    image = np.zeros((ROWS.count, COLUMNS.count))
    down, along, part = disc_weights(COLUMNS.edges_mm, ROWS.edges_mm, centre, radius)
    image[down, along] = part
    return image


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("centre", CENTRES)
def test_weights_add_up_to_the_area_and_to_its_middle(centre: tuple[float, float], radius: float) -> None:
    image = weights(centre, radius)
    pixel = ROWS.pitch_mm * COLUMNS.pitch_mm
    # arithmetic only; differences of areas of up to pi R^2, so that a disc inside one pixel loses nothing
    assert image.sum() * pixel == pytest.approx(math.pi * radius**2, rel=1e-12)
    assert image.min() >= 0
    assert image.max() <= 1


@pytest.mark.parametrize("radius", [5.0, 18.5])
@pytest.mark.parametrize("centre", CENTRES)
def test_every_weight_is_the_share_of_sub_samples(centre: tuple[float, float], radius: float) -> None:
    steps = (np.arange(100) + 0.5) / 100
    x = (COLUMNS.edges_mm[:-1, None] + steps * COLUMNS.pitch_mm).ravel() - centre[0]
    y = (ROWS.edges_mm[:-1, None] + steps * ROWS.pitch_mm).ravel() - centre[1]
    inside = x[None, :] ** 2 + y[:, None] ** 2 <= radius**2
    share = inside.reshape(ROWS.count, 100, COLUMNS.count, 100).mean(axis=(1, 3))
    # a border crosses at most about 200 of 10,000 sub-samples of a pixel, each half wrong at most
    assert weights(centre, radius) == pytest.approx(share, abs=0.01)
    assert abs((weights(centre, radius) - share).mean()) < 2e-5


@pytest.mark.parametrize("radius", RADII)
def test_a_shift_by_whole_pixels_moves_the_weights(radius: float) -> None:
    here = weights((1.234, -2.345), radius)
    there = weights((1.234 + 3 * 1.9, -2.345 - 2 * 2.7), radius)
    assert there == pytest.approx(np.roll(here, (-2, 3), (0, 1)), abs=1e-12)


def test_a_mirrored_disc_has_mirrored_weights() -> None:
    here = weights((4.3, -6.1), 6.5)
    assert weights((-4.3, -6.1), 6.5) == pytest.approx(here[:, ::-1], abs=1e-12)
    assert weights((4.3, 6.1), 6.5) == pytest.approx(here[::-1], abs=1e-12)


def test_one_pixel_cut_by_hand() -> None:
    """A quarter of the unit disc in a pixel of 1 mm; and a segment of it: acos(d) - d sqrt(1 - d^2)."""
    edges = np.array([0.0, 1.0, 3.0])
    _, _, part = disc_weights(edges, edges, (0.0, 0.0), 1.0)
    assert part == pytest.approx(np.array([[math.pi / 4]]), rel=1e-14)
    tall = np.array([-2.0, 2.0])
    _, _, part = disc_weights(np.array([0.3, 5.0]), tall, (0.0, 0.0), 1.0)
    segment = math.acos(0.3) - 0.3 * math.sqrt(1 - 0.09)
    assert part[0, 0] * 4.7 * 4 == pytest.approx(segment, rel=1e-14)


def test_the_mean_of_a_plane_is_its_value_at_the_centre() -> None:
    """To the pixels' own size: the plane is averaged over each pixel, which for a covered part is not exact."""
    y, x = np.meshgrid(ROWS.centres_mm, COLUMNS.centres_mm, indexing="ij")
    image = 100 + 2.0 * x - 3.0 * y
    exact = 100 + 2 * 2.2 + 3 * 4.1
    # a pixel cut at the rim counts at its centre, at most half a pixel away, over the rim's share of the area
    assert disc_mean(image, ROWS, COLUMNS, (2.2, -4.1), 18.5) == pytest.approx(exact, abs=0.1)
    assert disc_mean(np.full(image.shape, 7.25), ROWS, COLUMNS, (2.2, -4.1), 5.0) == pytest.approx(
        7.25, rel=1e-15
    )


def test_several_images_give_what_each_gives_alone() -> None:
    images = np.random.default_rng(4).normal(size=(3, ROWS.count, COLUMNS.count)).astype(np.float32)
    together = disc_means(images, ROWS, COLUMNS, (5.1, 7.7), 11.0)
    alone = [disc_mean(one, ROWS, COLUMNS, (5.1, 7.7), 11.0) for one in images]
    assert together.tolist() == alone


@pytest.mark.parametrize("centre", [(23.4, 0.0), (-23.4, 0.0), (0.0, 23.4), (0.0, -23.4), (0.0, 500.0)])
def test_a_disc_at_the_border_is_refused(centre: tuple[float, float]) -> None:
    """Half widths are 41.8 and 41.85 mm: a disc of 18.5 mm at 23.4 reaches beyond, at 23.2 it does not."""
    image = np.ones((ROWS.count, COLUMNS.count))
    with pytest.raises(CannotMeasure) as refusal:
        disc_mean(image, ROWS, COLUMNS, centre, 18.5)
    assert refusal.value.code == "roi_outside"
    assert disc_mean(image, ROWS, COLUMNS, (23.2, -23.2), 18.5) == pytest.approx(1.0)
