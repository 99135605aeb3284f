"""Depth inside a region, beside an independent distance transform and by hand."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from nmqc.measure.depth import depth_mm


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_distance_transform(seed: int) -> None:
    random = np.random.default_rng(seed)
    inside = random.random((37, 23)) < (0.97 if seed % 2 else 0.6)
    pitch = (2.3, 1.1)
    expected = distance_transform_edt(np.pad(inside, 1), sampling=pitch)[1:-1, 1:-1]
    assert depth_mm(inside, pitch) == pytest.approx(expected, rel=1e-12)  # no noise: arithmetic only


def test_rows_and_columns_have_their_own_pitch() -> None:
    depth = depth_mm(np.ones((3, 9), bool), (10.0, 1.0))
    assert depth[1].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 4.0, 3.0, 2.0, 1.0]
    assert depth_mm(np.ones((3, 9), bool), (1.0, 10.0))[:, 4].tolist() == [1.0, 2.0, 1.0]


def test_nothing_inside_is_nowhere_deep() -> None:
    assert not depth_mm(np.zeros((4, 5), bool), (1.0, 1.0)).any()
