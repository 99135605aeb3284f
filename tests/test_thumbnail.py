"""The small image of a result: what lies where, and how light it is."""

from __future__ import annotations

import base64
import io

import matplotlib.image
import numpy as np
import pytest

from nmqc.model import Curve, Label, Line, Picture, Sinogram
from nmqc.thumbnail import LONGEST, shrunk, thumbnail


def picture(image, spacing_mm=(2.0, 2.0), **more):
    return Picture(title="image", image=image, spacing_mm=spacing_mm, unit="counts", **more)


def greys(evidence):
    """Return the values of the PNG file, 0 to 255, as another program reads it."""
    read = matplotlib.image.imread(io.BytesIO(base64.b64decode(thumbnail(evidence))), format="png")
    return np.rint(read * 255).astype(int)


def test_a_bright_corner_stays_in_its_corner():
    image = np.full((192, 384), 50)
    image[:64, 256:] = 200  # top right
    seen = greys([picture(image)])
    assert seen.shape == (48, 96)
    assert (seen[:16, 64:] == 255).all()
    assert np.isin(seen[16:, :], (63, 64)).all()  # 50 / 200 of 255
    assert np.isin(seen[:16, :64], (63, 64)).all()


def test_pixels_become_square_in_mm():
    (small,) = shrunk([picture(np.ones((30, 40)), (4.0, 1.0))])  # 120 mm by 40 mm
    assert small.image.shape == (96, 32)
    assert small.spacing_mm == (1.25, 1.25)


def test_means_of_blocks_keep_the_mean_and_shrink_the_noise():
    image = np.random.default_rng(1).poisson(400, (480, 960)).astype(np.uint16)
    (small,) = shrunk([picture(image)])
    assert small.image.shape == (48, 96)
    assert small.image.mean() == pytest.approx(image.mean(), rel=1e-6)
    assert small.image.std() == pytest.approx(20 / 10, rel=0.05)  # 100 pixels each; 4,608 of them


def test_a_coarse_image_is_repeated():
    seen = greys([picture(np.array([[0, 10], [20, 40]]))])
    assert seen.shape == (LONGEST, LONGEST)
    assert [seen[10, 10], seen[10, 90], seen[90, 10], seen[90, 90]] == [0, 64, 128, 255]


def test_shrinking_again_changes_nothing():
    image = np.random.default_rng(2).poisson(90, (130, 201))
    once = shrunk([picture(image, (3.1, 2.7), labels=(Label("here", 0, 0),))])
    again = shrunk(once)
    assert np.array_equal(once[0].image, again[0].image)
    assert once[0].labels == ()
    assert thumbnail(once) == thumbnail([picture(image, (3.1, 2.7))])


def test_one_hot_pixel_darkens_nothing():
    image = np.full((100, 120), 100)
    image[40, 50] = 60000
    assert (np.median(greys([picture(image)]))) == 255


def test_what_is_no_number_is_black_and_empty_images_are_too():
    image = np.full((96, 96), 7.0)
    image[0, 0] = np.nan
    assert greys([picture(image)])[0, 0] == 0
    assert not greys([picture(np.zeros((8, 9)))]).any()


def test_of_views_and_columns_too_and_of_curves_none():
    views = Sinogram(title="views", image=np.ones((64, 128)), spacing_mm=4.8, unit="counts", tracks=())
    curve = Curve("profile", "x / mm", "counts", (Line("a", np.arange(3.0), np.arange(3.0)),))
    assert greys([curve, views]).shape == (48, 96)
    assert thumbnail([curve]) is None
    assert thumbnail([]) is None
