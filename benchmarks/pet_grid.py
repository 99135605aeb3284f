"""IEC body phantoms that lie anyhow, for the validation: where the spheres are found, and contrast without noise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.pet_scans import (
    Floats,
    Looked,
    disc_mean,
    disc_weights,
    looked_at,
    places_mm,
    sigmas_mm,
    truth_of,
    volume,
)
from nmqc.errors import CannotMeasure
from nmqc.pet.phantom import Hints, IecPhantom, find_phantom
from phantoms.pet import COLD, HOT, SPHERES_MM, IecBody

SEED = 20_260_505
OFF_MM, AXIAL_OFF_MM, TILT_DEG = 30.0, 10.0, 3.0
ROOM_MM = (204.0, 300.0, 370.0)  # of the volume at least: the body wherever it lies
FWHM_MM = ((4.0, 4.0), (4.0, 4.5), (5.0, 4.6), (6.0, 6.0), (6.0, 5.2), (7.0, 7.4), (8.0, 8.0), (8.0, 7.0))
VOXELS_MM = (
    (2.0, 2.0, 2.0),
    (2.78, 2.0833, 2.0833),
    (2.4, 3.1, 2.7),
    (3.0, 2.6, 2.9),
    (3.27, 3.6, 3.4),
    (2.0, 4.0, 4.0),
    (4.0, 3.5, 3.8),
    (4.0, 4.0, 4.0),
)
OLDER = (HOT,) * 4 + (COLD,) * 2
NOISES = ((0.08, 1.0), (0.15, 1.0), (0.15, 3.0))  # of a voxel, and how many times more in the last slices
WRONG_MM = 2.0
WRONG_SIGMAS = 3.76  # of an axis: within it lie as many normal errors in three dimensions as within 3 in one
OWN_FROM_DEG = 1.0


def body(number: int) -> IecBody:
    """Return a phantom of the grid: twelve rotations in turn, either sense, all else drawn."""
    draw = np.random.default_rng([SEED, number])
    voxel = VOXELS_MM[(number + number // 12) % len(VOXELS_MM)]
    tilt, about = TILT_DEG * math.sqrt(draw.uniform()), draw.uniform(0, 2 * math.pi)
    off, towards = OFF_MM * (1.0 if number % 3 == 0 else draw.uniform()), draw.uniform(0, 2 * math.pi)
    slices, rows, columns = (math.ceil(room / size) for room, size in zip(ROOM_MM, voxel, strict=True))
    return IecBody(
        matrix=(rows, columns),
        slices=slices,
        voxel_mm=voxel,
        fwhm_mm=FWHM_MM[int(draw.integers(len(FWHM_MM)))],
        centre_mm=(
            off * math.cos(towards),
            off * math.sin(towards),
            float(draw.uniform(-AXIAL_OFF_MM, AXIAL_OFF_MM)) - 20,
        ),
        rotation_deg=30.0 * (number % 12) + float(draw.uniform(-14, 14)),
        sense=1 if number // 12 % 2 else -1,
        tilt_deg=(tilt * math.cos(about), tilt * math.sin(about)),
        upside_down=number % 5 == 4,
        reversed=False,
        states=OLDER if number % 4 == 3 else (HOT,) * 6,
        noise_fwhm_mm=FWHM_MM[int(draw.integers(len(FWHM_MM)))],
    )


@dataclass(frozen=True, slots=True)
class Noisy:
    """What became of one noisy volume: error and sigma of each sphere in mm, or the code of its refusal."""

    noise: float
    end_noise: float
    refused: str
    swapped: bool
    errors_mm: tuple[float, ...]
    sigmas_mm: tuple[float, ...]

    @property
    def wrong(self) -> bool:
        """Return True for a swapped label, or a sphere off by more than 2 mm and than its sigma allows."""
        far = zip(self.errors_mm, self.sigmas_mm, strict=True)
        return self.swapped or any(e > WRONG_SIGMAS * s and e > WRONG_MM for e, s in far)


@dataclass(frozen=True, slots=True)
class Cell:
    """What was found of one phantom of the grid.

    Attributes
    ----------
    refused : code, where nothing was found without noise
    errors_mm : of the six spheres without noise
    contrasts : (diameter, nmqc, by hand at the true places) in %, hot or cold
    slices_differ : spheres measured on another slice than the true places say
    noisy : of every noise
    """

    number: int
    refused: str
    swapped: bool
    errors_mm: tuple[float, ...]
    contrasts: tuple[tuple[float, float, float], ...]
    slices_differ: int
    noisy: tuple[Noisy, ...]


def swapped(found: IecPhantom, phantom: IecBody) -> bool:
    """Return True where a sphere is nearer to the true place of another than to its own."""
    apart = np.linalg.norm(places_mm(found)[:, None] - phantom.sphere_centres_mm()[None], axis=2)
    return bool((apart.argmin(axis=1) != np.arange(6)).any()) or found.ring.sense != phantom.sense


def errors_mm(found: IecPhantom, phantom: IecBody) -> tuple[float, ...]:
    """Return how far each sphere is from its true place."""
    return tuple(np.linalg.norm(places_mm(found) - phantom.sphere_centres_mm(), axis=1).tolist())


def cell(number: int) -> Cell:
    """Return the outcome of one phantom, always the same for the same number."""
    phantom = body(number)
    exact = phantom.voxels()
    noisy = tuple(_noisy(phantom, exact, number, at) for at in range(len(NOISES)))
    try:
        looked = looked_at(volume(phantom, exact), truth_of(phantom))
    except CannotMeasure as refusal:
        return Cell(number, refusal.code, False, (), (), 0, noisy)
    contrasts, differ = compared(phantom, exact, looked)
    return Cell(
        number, "", swapped(looked.found, phantom), errors_mm(looked.found, phantom), contrasts, differ, noisy
    )


def _noisy(phantom: IecBody, exact: Floats, number: int, at: int) -> Noisy:
    size, ends = NOISES[at]
    noisier = replace(phantom, noise=size, end_noise=ends)
    scan = volume(noisier, noisier.with_noise(exact, SEED + 100 * number + at))
    try:
        found = find_phantom(scan, Hints())
    except CannotMeasure as refusal:
        return Noisy(size, ends, refusal.code, False, (), ())
    sigmas = tuple(sigmas_mm(found).tolist())
    return Noisy(size, ends, "", swapped(found, phantom), errors_mm(found, phantom), sigmas)


# --- contrast by hand -----------------------------------------------------------------------------------


def slices_of(phantom: IecBody) -> list[int]:
    """Return the slice that each sphere belongs to by the true places: its own from a tilt of 1 degree on."""
    z = phantom.centres_mm()[0]
    places = phantom.sphere_centres_mm()[:, 2]
    own = math.hypot(*phantom.tilt_deg) > OWN_FROM_DEG
    return [int(np.abs(z - (at if own else np.median(places))).argmin()) for at in places]


def compared(
    phantom: IecBody, exact: Floats, looked: Looked
) -> tuple[tuple[tuple[float, float, float], ...], int]:
    """Return (diameter, contrast by nmqc, by hand) of every sphere, and on how many the slices differ.

    By hand: the exactly integrated voxels, the true places, the slices by them; the background by the same circles
    where nmqc put them.
    """
    assert looked.placed is not None
    slices, regions = slices_of(phantom), looked.placed.regions
    differ = sum(region is None or region.slice != own for region, own in zip(regions, slices, strict=True))
    found = []
    for index, diameter in enumerate(SPHERES_MM):
        ratio = disc_ratio(phantom, exact, looked, index, slices[index])
        cold = phantom.states[index] == COLD
        by_hand = 100 * (1 - ratio) if cold else 100 * (ratio - 1) / (phantom.ratio - 1)
        name = "contrast_cold" if cold else "contrast_hot"
        found.append((diameter, looked.value(name, f"{diameter:g} mm"), by_hand))
    return tuple(found), differ


def disc_ratio(phantom: IecBody, exact: Floats, looked: Looked, index: int, at: int) -> float:
    """Return the mean of a sphere's circle over that of the background's circles of its size, by hand."""
    assert looked.placed is not None
    x, y, _ = phantom.sphere_centres_mm()[index]
    radius = SPHERES_MM[index] / 2
    inside = disc_mean(exact[at], disc_weights(phantom, (float(x), float(y)), radius))
    place = looked.placed.placement
    each = [disc_weights(phantom, centre, radius) for centre in place.centres_mm]
    around = [disc_mean(exact[k], weights) for weights in each for k in place.slices]
    return inside / float(np.mean(around))


# --- the closed form ------------------------------------------------------------------------------------


def fine_bodies() -> Iterator[tuple[IecBody, bool]]:
    """Yield phantoms with voxels of a quarter of the FWHM, and whether the plane lies between two slices."""
    for fwhm, reach in ((8.0, 1.0), (6.0, 1.0), (4.0, 1.0)):
        size = fwhm / 4
        for between in (False, True):
            yield _fine(fwhm, size * reach, between), between


def _fine(fwhm_mm: float, size_mm: float, between: bool) -> IecBody:
    slices = 2 * math.ceil(33 / size_mm) + 1
    rows, columns = (math.ceil(room / size_mm) for room in (250.0, 320.0))
    return IecBody(
        matrix=(rows, columns),
        slices=slices,
        voxel_mm=(size_mm,) * 3,
        fwhm_mm=(fwhm_mm, fwhm_mm),
        centre_mm=(3.3, -2.1, size_mm / 2 if between else 0.0),
        rotation_deg=71.0,
        sense=1,
    )


@dataclass(frozen=True, slots=True)
class Continuous:
    """Contrast in fine voxels beside the closed form: FWHM, voxel, whether between slices, (nmqc, closed form)."""

    fwhm_mm: float
    voxel_mm: float
    between: bool
    pairs: tuple[tuple[float, float], ...]


def continuous(number: int) -> Continuous:
    """Return one of the comparisons with the closed form."""
    from benchmarks.pet_exact import contrast

    phantom, between = list(fine_bodies())[number]
    looked = looked_at(volume(phantom, phantom.voxels()), truth_of(phantom))
    fwhm = phantom.fwhm_mm[0]
    pairs = [
        (
            looked.value("contrast_hot", f"{d:g} mm"),
            contrast(fwhm, d, phantom.ratio, phantom.wall_mm, cold=False),
        )
        for d in SPHERES_MM
    ]
    return Continuous(fwhm, phantom.voxel_mm[0], between, tuple(pairs))
