"""Which sphere of the ring is which: every start and sense against the radial profiles of all six."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.gaussian import FWHM_PER_SIGMA
from nmqc.model import Volume
from nmqc.pet.coarse import Floats, axes_of
from nmqc.pet.correlation import Noise
from nmqc.pet.metrics import SPHERES_MM
from nmqc.pet.phantom import Hints
from nmqc.pet.ring import FEWEST, Places, sphere_angles
from nmqc.pet.sphere import profile

WALL_MM = 1.0  # of glass or plastic, without activity
REACH_MM = 30  # of a profile; its bins are 1 mm
CORE_MM, SHELL_MM = 6.0, 22.0  # the middle, and from where on there is background, whatever the sphere
FWHMS_MM = np.arange(2.5, 14.1, 0.5)
SEEN = 4.0  # of its own noise, by which the middle of a sphere that is seen differs from the background
FAINTEST = 0.2  # of the background, by which it differs at the least
NOT_SEEN = 9.0  # chi-squared that a sphere costs which should be seen and is not
SURE = 25.0  # by which chi-squared of any other order has to be larger
DESCRIBED = 0.1  # of the squares about the background: more is left where a sphere was filled otherwise
WITHIN_DEG = 31.0  # of a hint of the 37 mm sphere's direction


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """Means, places and numbers of voxels in shells of 1 mm about six places, shape (6, 30)."""

    means: Floats
    distances_mm: Floats
    voxels: Floats


@dataclass(frozen=True, slots=True)
class Order:
    """Which place holds which sphere.

    Attributes
    ----------
    places : number of the place of the spheres of 10, 13, 17, 22, 28, 37 mm
    sense : as in Ring
    sigma_mm : blur that describes all six best
    contrast : hot concentration / background - 1; 0 where none is hot
    """

    places: tuple[int, ...]
    sense: int
    sigma_mm: float
    contrast: float


@dataclass(frozen=True, slots=True, eq=False)
class _Tables:
    """Of place n, sphere j and blur s: squares left about the background, and of the sphere's profile, and products.

    yy, py, pp have the shape (6, 6, blurs): of the measured profile and the sphere's, each freed of the background's
    own profile, 1 minus that of the sphere with its wall. `flat`, shape (6,), are the squares left about the mean.
    """

    yy: Floats
    py: Floats
    pp: Floats
    flat: Floats


def radial_profiles(volume: Volume, places_mm: Floats) -> Profiles:
    """Return the radial profiles about places, shape (6, 3), x, y, z in mm."""
    sums = [_shells(volume, place) for place in places_mm]
    voxels, distances, values = (np.array(one) for one in zip(*sums, strict=True))
    there = np.maximum(voxels, 1.0)
    return Profiles(values / there, distances / there, voxels)


def _shells(volume: Volume, place_mm: Floats) -> tuple[Floats, Floats, Floats]:
    """Return numbers of voxels, sums of distances and of values in shells about one place."""
    values, distance = about(volume, place_mm, REACH_MM)
    inside = distance < REACH_MM
    shell, r, v = distance[inside].astype(np.intp), distance[inside], values[inside]
    voxels, distances, sums = (np.bincount(shell, one, REACH_MM) for one in (np.ones(shell.size), r, v))
    return np.asarray(voxels, np.float64), np.asarray(distances, np.float64), np.asarray(sums, np.float64)


def about(volume: Volume, place_mm: Floats, reach_mm: float) -> tuple[Floats, Floats]:
    """Return the voxels of the box about a place, and their distances from it in mm."""
    cut, apart = box(volume, place_mm, reach_mm)
    distance = np.sqrt(apart[0] ** 2 + apart[1] ** 2 + apart[2] ** 2)
    return np.asarray(volume.values[cut], np.float64), distance


def box(
    volume: Volume, place_mm: Floats, reach_mm: float
) -> tuple[tuple[slice, slice, slice], tuple[Floats, Floats, Floats]]:
    """Return the box of voxels within reach of a place, and how far they lie from it in z, y and x, to broadcast."""
    cut, apart = [], []
    for number, axis in enumerate(axes_of(volume)):
        centres = axis.centres_mm
        low, high = np.searchsorted(centres, place_mm[2 - number] + np.array([-reach_mm, reach_mm]))
        cut.append(slice(int(low), int(high)))
        apart.append(centres[int(low) : int(high)] - place_mm[2 - number])
    z, y, x = apart[0][:, None, None], apart[1][None, :, None], apart[2][None, None, :]
    return (cut[0], cut[1], cut[2]), (z, y, x)


def identify(volume: Volume, places: Places, noise: Noise, hints: Hints) -> Order:
    """Say which sphere lies at which place, from how wide and how bright all six are together.

    For each of six starts and two senses the profiles of all six are described by spheres of 10 to 37 mm with a wall
    of 1 mm, one blur, one concentration in those that are hot, one in those that are cold, and a background each. A
    sphere that is not seen may be described by the background alone. The squares left are counted in units of the
    noise, its correlation included, or of what the best order leaves where that is more.

    Raises
    ------
    CannotMeasure
        ``too_few_spheres``: fewer than four are seen. ``sphere_order_unknown``: another order describes them
        nearly as well.
    """
    found = radial_profiles(volume, places.xyz_mm)
    shared = noise.voxels_per_element
    contrast, error = _contrast(found, noise.sd, shared)
    seen = np.abs(contrast) > SEEN * error
    if seen.sum() < FEWEST:
        raise CannotMeasure(
            "too_few_spheres",
            f"{int(seen.sum())} of six spheres are seen, at least four are needed: acquire longer, and check the "
            "fill and that the spheres lie within the volume",
        )
    tables = _tables(found)
    unit = max(noise.sd**2 * shared, 1e-12 * float((found.means**2).max()))
    tried = [
        (*_cost(tables, _labels(start, sense), seen, contrast > 0, unit), start, sense)
        for start, sense in _orders(places, hints)
    ]
    tried.sort(key=lambda one: one[0])
    cost, blur, hot, start, sense = tried[0]
    scale = max(1.0, cost / float(found.voxels.sum() / shared))
    _require_sure([one[0] for one in tried], scale)
    _require_described(tried, unit * cost / max(float(tables.flat.sum()), 1e-300))
    order = tuple(int(n) for n in np.argsort(_labels(start, sense)))
    level = float(np.median(found.means[:, int(SHELL_MM) :]))
    return Order(order, sense, float(FWHMS_MM[blur]) / FWHM_PER_SIGMA, hot / level - 1 if hot else 0.0)


def _contrast(found: Profiles, sigma: float, shared: float) -> tuple[Floats, Floats]:
    """Return what the middle of each sphere lies above the background about it, and the noise of that."""
    middle, level, error = (np.zeros(6) for _ in range(3))
    for inside, mean in ((found.distances_mm < CORE_MM, middle), (found.distances_mm >= SHELL_MM, level)):
        weight = np.where(inside, found.voxels, 0.0)
        mean += (weight * found.means).sum(axis=1) / np.maximum(weight.sum(axis=1), 1.0)
        error += shared / np.maximum(weight.sum(axis=1), shared)
    return middle - level, np.maximum(sigma * np.sqrt(error), FAINTEST / SEEN * np.abs(level))


def _labels(start: int, sense: int) -> NDArray[np.intp]:
    """Return which sphere, 0 (10 mm) to 5 (37 mm), lies at each place where the 37 mm sphere is at `start`."""
    places = (start + np.round(sphere_angles(sense) / 60).astype(np.intp)) % 6
    return np.argsort(places)


def _orders(places: Places, hints: Hints) -> list[tuple[int, int]]:
    """Return the starts and senses that the hints allow."""
    senses = (1, -1) if hints.sense is None else (hints.sense,)
    starts = range(6)
    if hints.phase_deg is None:
        return [(start, sense) for start in starts for sense in senses]
    off = [(places.phase_deg + 60 * start - hints.phase_deg + 180) % 360 - 180 for start in starts]
    return [(start, sense) for start in starts for sense in senses if abs(off[start]) <= WITHIN_DEG]


def _tables(found: Profiles) -> _Tables:
    """Return the sums that every order is judged by."""
    weight, y = found.voxels[:, None, :], found.means[:, None, :]
    sums = []
    for fwhm in FWHMS_MM:
        sigma = float(fwhm) / FWHM_PER_SIGMA
        spheres, walls = (
            np.stack([profile(found.distances_mm, d / 2 + wall, sigma) for d in SPHERES_MM], axis=1)
            for wall in (0.0, WALL_MM)
        )
        level = 1 - walls
        norm = np.maximum((weight * level**2).sum(axis=2, keepdims=True), 1e-300)
        p = spheres - level * (weight * level * spheres).sum(axis=2, keepdims=True) / norm
        free = y - level * (weight * level * y).sum(axis=2, keepdims=True) / norm
        sums.append([(weight * a * b).sum(axis=2) for a, b in ((free, free), (p, free), (p, p))])
    yy, py, pp = (np.stack(one, axis=-1) for one in zip(*sums, strict=True))
    mean = (weight * y).sum(axis=2, keepdims=True) / np.maximum(weight.sum(axis=2, keepdims=True), 1.0)
    return _Tables(yy, py, pp, (weight * (y - mean) ** 2).sum(axis=2)[:, 0])


def _cost(
    tables: _Tables, labels: NDArray[np.intp], seen: NDArray[np.bool_], above: NDArray[np.bool_], unit: float
) -> tuple[float, int, float]:
    """Return chi-squared of an order, the number of its blur, and its hot concentration (0: none is hot)."""
    n = np.arange(6)
    yy, py, pp = (one[n, labels] for one in (tables.yy, tables.py, tables.pp))
    signals = [
        py[who].sum(axis=0) / np.maximum(pp[who].sum(axis=0), 1e-300) for who in (seen & above, seen & ~above)
    ]
    signals = [np.maximum(one, 0.0) for one in signals]
    hot, cold = ((yy - 2 * one * py + one**2 * pp) / unit for one in signals)
    flat = tables.flat[:, None] / unit + NOT_SEEN
    unseen = np.minimum(np.minimum(hot, cold), flat)
    each = np.where(seen[:, None], np.where(above[:, None], hot, cold), unseen)
    total = each.sum(axis=0)
    blur = int(total.argmin())
    return float(total[blur]), blur, float(signals[0][blur])


def _require_described(tried: Sequence[object], left: float) -> None:
    """Refuse where even the best order leaves much of what is seen: a sphere holds something else than the others."""
    if len(tried) > 1 and left > DESCRIBED:
        raise CannotMeasure(
            "sphere_order_unknown",
            f"no order of the six spheres describes what is seen ({100 * left:.0f} % of it is left over): a sphere "
            "leaks or was not filled like the others; see that, or give the direction of the 37 mm sphere with "
            "--sphere-phase and the sense of rotation with --sense",
        )


def _require_sure(costs: list[float], scale: float) -> None:
    if len(costs) > 1 and (costs[1] - costs[0]) / scale < SURE:
        raise CannotMeasure(
            "sphere_order_unknown",
            "the image does not say for sure which sphere is which: give the direction of the 37 mm sphere with "
            "--sphere-phase and the sense of rotation with --sense, or acquire longer",
        )
