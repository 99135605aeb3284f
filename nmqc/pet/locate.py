"""From a PET volume to the IEC body phantom in it: body, ring, which sphere is which, centres, lung insert."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.model import Volume
from nmqc.pet.background_noise import background_noise
from nmqc.pet.body import find_body, full_mask
from nmqc.pet.centres import Centre, fit_at, fit_centre
from nmqc.pet.coarse import Floats, axes_of, coarse, require_numbers
from nmqc.pet.correlation import Noise
from nmqc.pet.identify import Order, identify
from nmqc.pet.lung import find_lung
from nmqc.pet.metrics import SPHERES_MM
from nmqc.pet.phantom import Hints, IecPhantom, Ring, Sphere, State
from nmqc.pet.ring import FEWEST, MADE_MM, Hexagon, fit_hexagon, ring_of, search, sphere_angles

SEEN = 4.0  # standard deviations by which a sphere that is seen differs from the background
FAINTEST = 0.35  # of the background: more than a wall makes in the middle of a sphere, be it there or not
GUARD_MM = (
    3.0  # from where the others say, at the most, three standard deviations aside, where it is not clear
)
CLEAR = 10.0  # standard deviations by which a sphere stands out that is where it is seen, wherever that be
PREDICTED_MM = 1.0  # standard deviation of a corner of the ring about a sphere, at the least


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """The fits of six spheres in the order of diameters, and which of them are where the others say.

    Those that are not are fitted with their centre held where the others say.
    """

    centres: tuple[Centre, ...]
    known: NDArray[np.bool_]
    ring: Ring


def locate(volume: Volume, hints: Hints) -> IecPhantom:
    """Find the phantom: `nmqc.pet.phantom.find_phantom`, which says what is raised."""
    require_numbers(volume)
    image = coarse(volume)
    body = find_body(image)
    places, _, _ = search(image, body)
    level, noise = background_noise(volume, body, float(places.xyz_mm[:, 2].mean()))
    order = identify(volume, places, noise, hints)
    fitted = _fit_all(volume, places.xyz_mm[list(order.places)], order, noise)
    spheres = tuple(_sphere(fitted, number) for number in range(6))
    _require_whole(volume, spheres)
    return IecPhantom(
        spheres=(spheres[0], spheres[1], spheres[2], spheres[3], spheres[4], spheres[5]),
        ring=fitted.ring,
        background=level,
        body=full_mask(body, image, axes_of(volume)),
        first_z_mm=body.first_z_mm,
        last_z_mm=body.last_z_mm,
        truncated=any(body.cut),
        lung=find_lung(image, body, fitted.ring),
        upside_down=math.sin(math.radians(body.flat_deg)) < 0,
        contrast=order.contrast,
    )


def _fit_all(volume: Volume, starts_mm: Floats, order: Order, noise: Noise) -> _Fitted:
    """Fit the six centres; those that are not where the others say are fitted again from there."""
    centres = [_fit(volume, start, number, order, noise) for number, start in enumerate(starts_mm)]
    known = _agreeing(centres, order.sense)
    corners = _hexagon(centres, known, order.sense).corners_mm
    for number in np.flatnonzero(~known):
        centres[number] = _fit(volume, corners[number], int(number), order, noise)
    known = _agreeing(centres, order.sense)
    places, sigmas = np.array([one.place_mm for one in centres]), np.array([one.sigma_mm for one in centres])
    ring, hexagon = ring_of(places, sigmas, known, order.sense)
    for number in np.flatnonzero(~known):
        corner = hexagon.corners_mm[number]
        centres[number] = fit_at(volume, corner, SPHERES_MM[number] / 2, order.sigma_mm, noise)
    return _Fitted(tuple(centres), known, ring)


def _fit(volume: Volume, start_mm: Floats, number: int, order: Order, noise: Noise) -> Centre:
    return fit_centre(volume, start_mm, SPHERES_MM[number] / 2, order.sigma_mm, noise)


def _hexagon(centres: list[Centre], known: NDArray[np.bool_], sense: int) -> Hexagon:
    places = np.array([one.place_mm for one in centres])
    weights = known / (np.array([one.sigma_mm for one in centres]) ** 2 + MADE_MM**2)
    return fit_hexagon(places, sphere_angles(sense), weights)


def _agreeing(centres: list[Centre], sense: int) -> NDArray[np.bool_]:
    """Return which spheres are seen and lie where the others say; the worst are left out one by one.

    Raises
    ------
    CannotMeasure
        ``too_few_spheres``: fewer than four are seen. ``ring_residual``: fewer than four agree.
    """
    known = np.array([state_of(one) != "absent" and one.settled for one in centres])
    if known.sum() < FEWEST:
        raise CannotMeasure(
            "too_few_spheres",
            f"{int(known.sum())} of six spheres are seen, at least four are needed: acquire longer, and check the "
            "fill and that the spheres lie within the volume",
        )
    while True:
        beyond = [_beyond(centres, known, number, sense) if known[number] else 0.0 for number in range(6)]
        worst = int(np.argmax(beyond))
        if beyond[worst] <= 0:
            return known
        known[worst] = False
        if known.sum() < FEWEST:
            raise CannotMeasure(
                "ring_residual",
                "fewer than four spheres lie on a regular ring: check the slice spacing, the pixel spacing and "
                "motion between beds",
            )


def _beyond(centres: list[Centre], known: NDArray[np.bool_], number: int, sense: int) -> float:
    """Return by how much a sphere that is not clear lies farther from where the others say than it may, in mm."""
    one, others = centres[number], known.copy()
    if abs(one.contrast) > CLEAR * one.contrast_error:
        return 0.0
    others[number] = False
    corner = _hexagon(centres, others, sense).corners_mm[number]
    return float(np.linalg.norm(one.place_mm - corner)) - GUARD_MM - 3 * one.sigma_mm


def state_of(centre: Centre) -> State:
    """Say whether a sphere is hotter or colder than its background, or cannot be told from it."""
    if abs(centre.contrast) <= max(SEEN * centre.contrast_error, FAINTEST * abs(centre.background)):
        return "absent"
    return "hot" if centre.contrast > 0 else "cold"


def _sphere(fitted: _Fitted, number: int) -> Sphere:
    """Return a sphere where it was fitted, or where the others say."""
    centre, known = fitted.centres[number], bool(fitted.known[number])
    sigma = centre.sigma_mm if known else max(PREDICTED_MM, fitted.ring.residual_mm)
    x_mm, y_mm, z_mm = (float(one) for one in centre.place_mm)
    return Sphere(SPHERES_MM[number], x_mm, y_mm, z_mm, sigma, state_of(centre), not known)


def _require_whole(volume: Volume, spheres: tuple[Sphere, ...]) -> None:
    """Refuse a volume that ends within a sphere."""
    half = volume.values.shape[0] * volume.spacing_mm[0] / 2
    cut = [f"{one.diameter_mm:g}" for one in spheres if abs(one.z_mm) + one.diameter_mm / 2 > half]
    if cut:
        raise CannotMeasure(
            "spheres_cut",
            f"the volume ends within the spheres of {', '.join(cut)} mm: acquire with the plane of the spheres in "
            "the middle of the axial field",
        )
