"""Long objects: the outline of the body phantom, its blur, and tilted ones against brute force."""

import math

import numpy as np
import pytest

from phantoms.pet_body import BlurredOutline, Pose, Prism, blurred_outline, inside_outline

AREA_MM2 = math.pi * 147**2 / 2 + 140 * 77 + math.pi * 77**2 / 2


def test_outline_is_that_of_the_standard() -> None:
    step = 0.5
    x, y = np.meshgrid(np.arange(-160, 160, step) + step / 2, np.arange(-130, 130, step) + step / 2)
    inside = inside_outline(x, y)
    assert inside.sum() * step**2 == pytest.approx(
        AREA_MM2, rel=2e-4
    )  # about 840 mm of border, 0.5 mm pixels
    # 294 mm wide and 224 mm high, centred on the ring's axis
    assert (x[inside].min(), x[inside].max()) == pytest.approx((-147, 147), abs=step)
    assert (y[inside].min(), y[inside].max()) == pytest.approx((-112, 112), abs=step)
    # flat over 140 mm at +y, round at -y
    assert np.ptp(x[inside & (y > 111)]) == pytest.approx(140, abs=30)
    assert np.ptp(x[inside & (y < -111)]) < 40
    assert np.array_equal(inside, inside[:, ::-1])


@pytest.mark.parametrize("sigma", [1.7, 3.0])
def test_blurred_outline_by_brute_force(sigma: float) -> None:
    """Sub-samples of the unblurred outline, 40 to a sigma, weighted with the Gaussian."""
    places = [(0, -112.5), (2, 111), (-70, 111.5), (100.5, 99), (146, 33), (-131, -32), (147.5, 40), (0, 0)]
    steps = (np.arange(-240, 240) + 0.5) / 40
    weight = np.exp(-(steps**2) / 2)
    weight /= weight.sum()
    table = BlurredOutline(sigma)
    for x, y in places:
        inside = inside_outline(x + sigma * steps[np.newaxis, :], y + sigma * steps[:, np.newaxis])
        summed = float(weight @ inside @ weight)
        # the strips of sub-samples along the border: 0.4 / 40 / 2 at worst where it runs along them
        assert float(table.at(np.array(float(x)), np.array(float(y)))) == pytest.approx(summed, abs=0.006)
    assert blurred_outline(sigma) is blurred_outline(sigma)


def test_blur_keeps_the_area() -> None:
    table = BlurredOutline(2.4)
    x, y = np.meshgrid(np.arange(-180, 180, 0.5) + 0.25, np.arange(-150, 150, 0.5) + 0.25)
    assert table.at(x, y).sum() * 0.25 == pytest.approx(AREA_MM2, rel=2e-5)  # curvature averages out


def test_pose() -> None:
    """Tilts are right-handed: about x, z grows with y; about y, z falls with x; first the turn, +x towards +y."""
    assert Pose((1.0, 2.0, 3.0), 90.0).place(10, 0, 0) == pytest.approx((1, 12, 3))
    x, y, z = Pose((1.0, 2.0, 3.0), 0.0, (5.0, 0.0)).place(0, 10, 0)
    assert (x, y - 2, z - 3) == pytest.approx(
        (1, 10 * math.cos(math.radians(5)), 10 * math.sin(math.radians(5)))
    )
    x, y, z = Pose((1.0, 2.0, 3.0), 0.0, (0.0, 5.0)).place(10, 0, 0)
    assert (x - 1, y, z - 3) == pytest.approx(
        (10 * math.cos(math.radians(5)), 2, -10 * math.sin(math.radians(5)))
    )
    axes = Pose((0.0, 0.0, 0.0), 33.0, (4.0, -7.0)).axes()
    assert axes.T @ axes == pytest.approx(np.eye(3), abs=1e-15)
    assert np.linalg.det(axes) == pytest.approx(1)


SIGMAS = (2.2, 2.2)
TILTED = Pose((3.0, -5.0, 7.0), 25.0, (6.0, -9.0))


def body(pose: Pose, sigmas: tuple[float, float] = SIGMAS) -> Prism:
    return Prism(pose, blurred_outline(sigmas[0]).at, (-40.0, 55.0), sigmas)


def test_tilted_body_by_brute_force() -> None:
    """Points of the volume near walls, ends and corners, against sub-samples of the sharp tilted object."""
    steps = (np.arange(-48, 48) + 0.5) / 10
    weight = np.exp(-(steps**2) / 2)
    weight /= weight.sum()
    turn = math.radians(25)
    places = [(147, -34, 0), (0, -112, 20), (0, 112, -39), (-60, 40, 55), (30, -20, -40), (143, -30, 54)]
    for own in places:
        x, y, z = TILTED.place(*own)
        offsets = np.meshgrid(*[steps * SIGMAS[0]] * 3, indexing="ij")
        at = np.stack([o.ravel() + c for o, c in zip(offsets, (x - 3, y + 5, z - 7), strict=True)])
        # undo the tilts by hand: about y by +9 degrees, about x by -6, then the turn
        a, b = math.radians(9), math.radians(6)
        at = np.stack(
            [at[0] * math.cos(a) + at[2] * math.sin(a), at[1], -at[0] * math.sin(a) + at[2] * math.cos(a)]
        )
        at = np.stack(
            [at[0], at[1] * math.cos(b) + at[2] * math.sin(b), -at[1] * math.sin(b) + at[2] * math.cos(b)]
        )
        px = at[0] * math.cos(turn) + at[1] * math.sin(turn)
        py = -at[0] * math.sin(turn) + at[1] * math.cos(turn)
        inside = inside_outline(px, py) & (at[2] > -40) & (at[2] < 55)
        summed = np.einsum("i,j,k,ijk->", weight, weight, weight, inside.reshape(96, 96, 96).astype(float))
        found = body(TILTED).sampled((np.array([z]), np.array([y]), np.array([x])))
        assert found[0, 0, 0] == pytest.approx(
            float(summed), abs=0.012
        )  # sub-samples 0.1 sigma apart: 0.04 / 4


@pytest.mark.parametrize("sigmas", [(2.2, 2.2), (2.5, 2.1)])
def test_voxels_of_tilted_and_straight_bodies_agree(sigmas: tuple[float, float]) -> None:
    """A tilt of a billionth of a degree takes the general way; voxels of 3.1 x 2.9 x 2.6 mm at FWHM of 5 to 6 mm."""
    edges = tuple((np.arange(n + 1) - n / 2) * size for n, size in ((50, 3.1), (110, 2.9), (130, 2.6)))
    straight = body(Pose((3.0, -5.0, 7.0), 25.0), sigmas).averaged(edges)
    general = body(Pose((3.0, -5.0, 7.0), 25.0, (1e-9, 0.0)), sigmas).averaged(edges)
    assert np.abs(straight - general).max() < 1e-3  # what the module promises
    assert straight.sum() * 3.1 * 2.9 * 2.6 == pytest.approx(AREA_MM2 * 95, rel=2e-4)


def test_ends_of_a_tilted_body_with_unequal_widths() -> None:
    """Far from its walls the exact blur of an end has the width of the Gaussian along the axis: off as promised."""
    pose, sigmas = Pose((3.0, -5.0, 7.0), 0.0, (10.0, 0.0)), (6 / 2.3548, 5 / 2.3548)
    turn = math.radians(10)
    width = math.hypot(sigmas[1] * math.cos(turn), sigmas[0] * math.sin(turn))
    worst = 0.0
    for beyond in np.linspace(-6, 6, 13):
        x, y, z = pose.place(90.0, 0.0, 55.0 + beyond)
        found = body(pose, sigmas).sampled((np.array([z]), np.array([y]), np.array([x])))[0, 0, 0]
        worst = max(worst, abs(float(found) - math.erfc(beyond / width / math.sqrt(2)) / 2))
    assert 1e-4 < worst < 3e-3


def test_voxels_are_means_of_points() -> None:
    coarse = (np.linspace(35.0, 83.0, 9), np.linspace(70.0, 118.0, 9), np.linspace(-125.0, -69.0, 9))
    fine = tuple(np.linspace(e[0], e[-1], 12 * 8 + 1)[:-1] + (e[1] - e[0]) / 24 for e in coarse)
    pose = Pose((3.0, -5.0, 7.0), 25.0)
    voxels = body(pose).averaged(coarse)
    assert voxels.min() < 0.01
    assert voxels.max() > 0.99  # a corner of the body lies in it
    means = body(pose).sampled(fine).reshape(8, 12, 8, 12, 8, 12).mean(axis=(1, 3, 5))
    # midpoints h = 0.5 mm apart of edges of sigma 2.2 mm: h^2 / 24 / 6 mm times 2 x 0.18 mm^-1, in three directions
    assert np.abs(voxels - means).max() < 2e-3
