"""The 50 % isocontour and the 1 mL peak: by hand on small arrays, and against closed forms."""

import math
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.model import Volume
from nmqc.pet.isocontour import isocontour, mean_above
from nmqc.pet.peak import RADIUS_MM, ball_weights, peak
from tests.pet.by_hand import ByHand
from tests.pet.simulate import DIAMETERS, FWHM_PER_SIGMA, ball


def small(**voxels: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return an array of ones with some voxels, named k2j3i4, and a search volume one voxel smaller all round."""
    values = np.ones((6, 7, 8))
    for name, value in voxels.items():
        values[int(name[1]), int(name[3]), int(name[5])] = value
    within = np.zeros(values.shape, bool)
    within[1:-1, 1:-1, 1:-1] = True
    return values, within


# --- isocontour -------------------------------------------------------------------------------------------


def test_voxels_that_share_a_face_alone_belong_together() -> None:
    """Threshold 1 + (9 - 1) / 2 = 5: 8 by a face, 7 by an edge of the 9, 6 by a face of the 8."""
    values, within = small(k2j3i3=9.0, k2j3i4=8.0, k2j4i2=7.0, k3j3i4=6.0, k4j5i6=5.5)
    found = isocontour(values, within, 1.0)
    assert found.threshold == 5.0
    assert found.voxels == 3
    assert found.mean == pytest.approx((9 + 8 + 6) / 3)
    assert found.mean_of_all == pytest.approx((9 + 8 + 7 + 6 + 5.5) / 5)
    assert not found.leaks


def test_the_threshold_itself_does_not_belong() -> None:
    values, within = small(k2j3i3=9.0, k2j3i4=5.0, k2j2i3=5.000001)
    assert isocontour(values, within, 1.0).voxels == 2


def test_the_threshold_is_adapted_to_the_background() -> None:
    """At 4.9 half of the maximum itself, 4.5, would be exceeded; half-way from 1 it is not."""
    values, within = small(k2j3i3=9.0, k2j3i4=4.9)
    assert isocontour(values, within, 1.0).voxels == 1
    assert isocontour(values, within, 0.0).voxels == 2


def test_of_equal_maxima_the_first_counts() -> None:
    values, within = small(k2j5i5=9.0, k3j2i2=9.0, k3j2i3=8.0)
    found = isocontour(values, within, 1.0)
    assert found.region[2, 5, 5]
    assert found.voxels == 1


def test_a_maximum_outside_the_search_volume_does_not_count() -> None:
    values, within = small(k0j3i3=50.0, k2j3i3=9.0)
    assert isocontour(values, within, 1.0).highest == 9.0


def test_a_region_that_may_go_on_beyond_leaks() -> None:
    values, within = small(k2j3i3=9.0, k1j3i3=8.0)  # the second lies beside a voxel outside
    assert isocontour(values, within, 1.0).leaks
    values, within = small(k2j3i3=9.0)
    assert isocontour(values, np.ones_like(within), 1.0).leaks is False
    values, within = small(k2j3i3=9.0, k1j3i3=8.0, k0j3i3=8.0)
    assert isocontour(values, np.ones_like(within), 1.0).leaks  # at the border of the array


def test_a_winding_region_is_followed_to_its_end() -> None:
    values, within = np.ones((3, 12, 12)), np.ones((3, 12, 12), bool)
    path = (
        [(1, 1, i) for i in range(1, 11)]
        + [(1, j, 10) for j in range(2, 11)]
        + [(1, 10, i) for i in range(1, 10)]
    )
    for place in path:
        values[place] = 8.0
    values[1, 1, 1] = 9.0
    assert isocontour(values, within, 1.0).voxels == len(path)


def test_nothing_above_the_background() -> None:
    values, within = small()
    with pytest.raises(CannotMeasure) as refusal:
        isocontour(values, within, 1.0)
    assert refusal.value.code == "no_maximum"


def test_the_mean_at_another_threshold() -> None:
    values, within = small(k2j3i3=9.0, k2j3i4=8.0, k2j4i2=7.0)
    assert mean_above(values, within, 6.5) == pytest.approx(8.5)
    assert mean_above(values, within, 8.5) == 9.0
    assert mean_above(values, within, 9.0) is None


# --- weights of a ball --------------------------------------------------------------------------------------


@pytest.mark.parametrize("off", [(0.0, 0.0, 0.0), (0.9, -1.3, 0.4), (-1.4, 1.0, -0.7)])
def test_weights_of_a_ball(off: tuple[float, float, float]) -> None:
    spacing = (3.0, 2.7, 1.6)
    weights = ball_weights(spacing, RADIUS_MM, off)
    steps = (np.arange(24) + 0.5) / 24 - 0.5
    axes = []
    for size, pitch, away in zip(weights.shape, spacing, off, strict=True):
        axes.append((((np.arange(size) - size // 2)[:, None] + steps) * pitch - away).ravel())
    z, y, x = axes
    inside = z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2 <= RADIUS_MM**2
    a, b, c = weights.shape
    share = inside.reshape(a, 24, b, 24, c, 24).mean(axis=(1, 3, 5))
    # 4 x 4 lines through a voxel, 0.7 mm apart; what the whole ball is off cancels in a mean
    assert weights == pytest.approx(share, abs=0.06)
    assert weights.sum() * math.prod(spacing) == pytest.approx(1000.0, rel=0.006)
    places = [np.arange(size) - size // 2 for size in weights.shape]
    middle = [
        float((weights.sum(axis=tuple({0, 1, 2} - {axis})) * place).sum() / weights.sum()) * spacing[axis]
        for axis, place in enumerate(places)
    ]
    assert middle == pytest.approx(off, abs=0.03)


# --- one sphere, 10:1, wall 1 mm --------------------------------------------------------------------------

#: FWHM -> centre value, A50 and peak over the true concentration, of 10, 13, 17, 22, 28, 37 mm, computed elsewhere
ORACLE = {
    4.0: (
        (0.966, 0.998, 1.0, 1.0, 1.0, 1.0),
        (0.716, 0.779, 0.824, 0.859, 0.886, 0.911),
        (0.471, 0.746, 0.957, 0.999, 1.0, 1.0),
    ),
    6.0: (
        (0.736, 0.914, 0.989, 1.0, 1.0, 1.0),
        (0.530, 0.665, 0.750, 0.800, 0.837, 0.872),
        (0.390, 0.611, 0.852, 0.977, 0.999, 1.0),
    ),
    8.0: (
        (0.499, 0.718, 0.905, 0.986, 0.999, 1.0),
        (0.368, 0.518, 0.657, 0.743, 0.793, 0.836),
        (0.315, 0.492, 0.725, 0.913, 0.988, 1.0),
    ),
}


def one_sphere(diameter: float, fwhm: float, pitch: float, off: tuple[float, float, float]) -> Volume:
    """Return a volume with a sphere of 10 in a background of 1, its centre off the middle by (x, y, z)."""
    count = 2 * math.ceil((diameter / 2 + 16) / pitch) + 1
    axis = (np.arange(count) - (count - 1) / 2) * pitch
    z, y, x = (axis - one for one in reversed(off))
    r = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
    sigma = fwhm / FWHM_PER_SIGMA
    values = 1 + 10 * ball(r, diameter / 2, sigma) - ball(r, diameter / 2 + 1, sigma)
    return ByHand(shape=values.shape, spacing_mm=(pitch,) * 3).volume(values)


@pytest.mark.parametrize(("fwhm", "index"), list(product(ORACLE, (0, 2, 5))))
def test_isocontour_and_peak_of_a_blurred_sphere(fwhm: float, index: int) -> None:
    diameter, pitch = DIAMETERS[index], 1.0 if index < 5 else 1.5
    volume = one_sphere(diameter, fwhm, pitch, (0.0, 0.0, 0.0))
    found = isocontour(volume.values, np.ones(volume.values.shape, bool), 1.0)
    centre, mean, highest = (column[index] for column in ORACLE[fwhm])
    assert found.highest / 10 == pytest.approx(centre, abs=0.001)
    # a region of whole voxels: its surface is off by part of a voxel, in a fall of 0.09 a mm at the most
    assert found.mean / 10 == pytest.approx(mean, abs=0.012)
    # the mean over voxels of 1 mm blurs by 0.46 mm^2 more: 0.005 of the smallest
    assert peak(volume, (0.0, 0.0, 0.0), diameter / 2 + 4).value / 10 == pytest.approx(highest, abs=0.006)


def test_the_peak_does_not_depend_on_where_voxels_lie() -> None:
    """Between four voxels of 3 mm the best voxel's centre reads low; the peak anywhere does not."""
    found = {}
    for off in ((0.0, 0.0, 0.0), (1.5, 1.5, 1.5), (0.8, -1.1, 0.4)):
        found[off] = peak(one_sphere(13.0, 6.0, 3.0, off), off, 10.5)
        # to an eighth of a voxel, 0.4 mm, along each axis
        assert found[off].centre_mm == pytest.approx(off, abs=0.4)
    values = [one.value for one in found.values()]
    # what is left: voxels of 3 mm, taken as constant; by the centre of a voxel it is 0.4
    assert max(values) - min(values) < 0.15
    at_voxel = [one.at_voxel for one in found.values()]
    assert max(at_voxel) - min(at_voxel) > 0.4


def test_the_peak_is_sought_within_reach_alone() -> None:
    volume = one_sphere(13.0, 6.0, 2.0, (0.0, 0.0, 0.0))
    here = peak(volume, (6.0, 0.0, 0.0), 4.0)
    assert math.dist(here.centre_mm, (6.0, 0.0, 0.0)) <= 4.0
    assert here.centre_mm[0] == pytest.approx(2.0, abs=0.01)
    assert here.value < peak(volume, (0.0, 0.0, 0.0), 4.0).value


def test_the_peak_beside_the_end_of_the_volume() -> None:
    """The sphere lies on the last slice: 1 mL fits 6.2 mm within it at the nearest, and nowhere in 5 slices."""
    volume = one_sphere(17.0, 6.0, 2.0, (0.0, 0.0, 0.0))
    middle = volume.values.shape[0] // 2
    cut = ByHand(shape=(middle + 1, *volume.values.shape[1:])).volume(volume.values[: middle + 1].copy())
    last_z = middle / 2 * 2.0
    found = peak(cut, (0.0, 0.0, last_z), 12.5)
    # a cap that reaches over no further than the first of 4 lines through a voxel counts for nothing
    assert found.centre_mm[2] <= last_z + 1.0 - RADIUS_MM + 2.0 / 8 + 1e-9
    assert found.centre_mm[2] == pytest.approx(last_z + 1.0 - RADIUS_MM, abs=2.0)
    thin = ByHand(shape=(5, *volume.values.shape[1:])).volume(volume.values[:5].copy())
    with pytest.raises(CannotMeasure) as refusal:
        peak(thin, (0.0, 0.0, 0.0), 12.5)
    assert refusal.value.code == "roi_outside"
