"""The ring of spheres: a search of the whole body for six places 60 degrees apart, and the hexagon through them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.pet.body import Body
from nmqc.pet.coarse import Coarse, Floats
from nmqc.pet.phantom import Ring

RADIUS_MM = 57.2
RADIUS_TOLERANCE_MM = 3.0
LARGEST_RMS_MM = 3.0
FEWEST = 4  # spheres that have to be seen
FROM_END_MM = 30.0  # kept from an end of the body: no sphere lies nearer than 50 mm to it
OFFSETS_MM = np.arange(-9.0, 10.0, 3.0)  # of the ring's centre from the body's axis
STEP_DEG = 2.0
NOISES = 2.5  # of a slice, which a place has to stand out by
WINDOW_MM = 18.0  # about a place, in which its sphere's centroid is taken
FARTHEST_MM = 12.0  # from where the search saw a sphere to its centroid
MADE_MM = 0.5  # typical distance of a sphere from its place on the ring, by the making


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where the spheres are, roughly: shape (6, 3), x, y, z in mm, every 60 degrees from +x towards +y."""

    xyz_mm: Floats
    phase_deg: float


@dataclass(frozen=True, slots=True, eq=False)
class Hexagon:
    """A regular hexagon in space: corner n is centre + radius (turn @ corners)[n]; shape (6, 3), x, y, z."""

    centre_mm: Floats
    radius_mm: float
    turn: Floats
    corners_mm: Floats


def contrast_image(image: Coarse, body: Body) -> tuple[Floats, Floats]:
    """Return what each voxel is above or below the background of its slice, and the noise of each slice.

    Both are those between 85 mm from the ring's axis and 15 mm from the wall, where there is nothing else: their
    median, and 1.4826 times the median of the distances from it. Slices that the body does not
    fill are 0; these and those within 30 mm of its end have an infinite noise.
    """
    start, stop = body.complete
    kept = range(*_kept(image, body))
    cut, free = body.beside(*image.axes, slice(start, stop))
    contrast, noise = np.zeros(image.values.shape, np.float32), np.full(image.slices.count, np.inf)
    for k, there in zip(range(start, stop), free, strict=True):
        held = image.values[(k, *cut[1:])][there]
        if held.size:
            level = float(np.median(held))
            contrast[k] = image.values[k] - level
            noise[k] = 1.4826 * float(np.median(np.abs(held - level))) if k in kept else np.inf
    return contrast, noise


def _kept(image: Coarse, body: Body) -> tuple[int, int]:
    """Return the first and last + 1 of the slices that spheres are looked for in."""
    off = math.ceil(FROM_END_MM / image.slices.pitch_mm)
    start, stop = body.complete
    return start + (0 if body.cut[0] else off), stop - (0 if body.cut[1] else off)


def search(image: Coarse, body: Body) -> tuple[Places, Floats, Floats]:
    """Find six places 60 degrees apart on a circle of 57.2 mm, square to the body's axis, where something stands out.

    Over all slices, offsets of the centre and phases the sum over the six places of the square root of how far the
    smoothed image lies beyond 2.5 times its slice's noise, on either side of the background: the root keeps the
    largest sphere from deciding, either side lets spheres be cold, and the noise keeps out the last slices.

    Returns
    -------
    places, contrast image, noise of each slice

    Raises
    ------
    CannotMeasure
        ``ring_not_found``: nothing stands out.
    """
    contrast, noise = contrast_image(image, body)
    excess = np.maximum(
        np.abs(contrast) - NOISES * np.where(np.isfinite(noise), noise, 0.0)[:, None, None], 0.0
    )
    root = np.where(np.isfinite(noise)[:, None, None], np.sqrt(excess), 0.0).astype(np.float32)
    slices = np.flatnonzero(np.isfinite(noise))
    best: tuple[float, Floats, float] | None = None
    for y_off in OFFSETS_MM:
        for x_off in OFFSETS_MM:
            found = _best_phase(image, body, root, slices, (float(x_off), float(y_off)))
            if best is None or found[0] > best[0]:
                best = found
    if best is None or best[0] <= 0:
        raise CannotMeasure(
            "ring_not_found",
            "no ring of spheres is seen in the body: check that they were filled and lie within the volume; "
            "for a uniform phantom use --phantom cylinder",
        )
    return _settled(image, contrast, noise, best[1]), contrast, noise


def circle(image: Coarse, body: Body, slices: NDArray[np.intp], offset_mm: tuple[float, float]) -> Floats:
    """Return the places of a circle about the axis, square to it, in each slice: shape (slices, phases, 3), in mm.

    `offset_mm` (x, y) of its centre from the axis; phases every 2 degrees from +x towards +y; places x, y, z.
    """
    angle = np.radians(np.arange(0.0, 360.0, STEP_DEG))
    z_mm = image.slices.centres_mm[slices]
    x_mm, y_mm = body.axis_at(z_mm)
    dx, dy = RADIUS_MM * np.cos(angle), RADIUS_MM * np.sin(angle)
    dz = -body.x_slope * dx - body.y_slope * dy
    places = [
        x_mm[:, None] + offset_mm[0] + dx,
        y_mm[:, None] + offset_mm[1] + dy,
        z_mm[:, None] + dz,
    ]
    return np.stack(places, axis=-1)


def _best_phase(
    image: Coarse,
    body: Body,
    root: NDArray[np.float32],
    slices: NDArray[np.intp],
    offset_mm: tuple[float, float],
) -> tuple[float, Floats, float]:
    """Return the largest score for one offset, its six places and its phase."""
    places = circle(image, body, slices, offset_mm)
    value = looked_up(image, root, places)
    per_side = int(60 / STEP_DEG)
    score = value.reshape(slices.size, 6, per_side).sum(axis=1)
    k, phase = np.unravel_index(int(score.argmax()), score.shape)
    return float(score[k, phase]), places[k, phase::per_side], float(phase * STEP_DEG)


def looked_up(image: Coarse, values: NDArray[np.floating], places_mm: Floats) -> NDArray[np.floating]:
    """Return the values of the voxels that hold some places (x, y, z); 0 outside the volume."""
    at, inside = [], np.ones(places_mm.shape[:-1], bool)
    for number, axis in enumerate(image.axes):
        index = np.floor((places_mm[..., 2 - number] - axis.start_mm) / axis.pitch_mm).astype(np.intp)
        inside &= (index >= 0) & (index < axis.count)
        at.append(np.clip(index, 0, axis.count - 1))
    return np.where(inside, values[tuple(at)], 0)


def _settled(image: Coarse, contrast: Floats, noise: Floats, places_mm: Floats) -> Places:
    """Return the places moved to the centroids of what stands out about them; where nothing does, on one hexagon."""
    moved = places_mm.copy()
    for _ in range(3):
        seen = np.zeros(6, bool)
        found = moved.copy()
        for n in range(6):
            found[n], seen[n] = _centroid(image, contrast, noise, moved[n])
            seen[n] &= bool(np.linalg.norm(found[n] - places_mm[n]) < FARTHEST_MM)
        if seen.sum() < 3:
            break
        hexagon = fit_hexagon(found, np.arange(6) * 60.0, seen.astype(float))
        off = np.linalg.norm(found - hexagon.corners_mm, axis=1)
        good = seen & (off < max(6.0, 2 * float(np.median(off[seen]))))
        if good.sum() >= 3:
            hexagon = fit_hexagon(found, np.arange(6) * 60.0, good.astype(float))
        moved = np.where(good[:, None], found, hexagon.corners_mm)
    first = moved[0] - moved.mean(axis=0)
    return Places(moved, math.degrees(math.atan2(first[1], first[0])))


def _centroid(image: Coarse, contrast: Floats, noise: Floats, place_mm: Floats) -> tuple[Floats, bool]:
    """Return the centroid of what exceeds half of the largest contrast near a place, and whether it stands out."""
    cut, r2, grids = near(image, place_mm, WINDOW_MM)
    part = np.where(r2 < WINDOW_MM**2, contrast[cut], 0.0)
    usual = noise[cut[0]]
    usual = usual[np.isfinite(usual)]
    core = np.where(r2 < (WINDOW_MM / 2) ** 2, part, 0.0)
    if not core.size or not usual.size:
        return place_mm, False
    peak = float(core.flat[int(np.abs(core).argmax())])
    weight = np.maximum(np.sign(peak) * part - abs(peak) / 2, 0.0)
    total = float(weight.sum())
    if abs(peak) < 3 * float(usual.mean()) or total <= 0:
        return place_mm, False
    return np.array([float((weight * grid).sum()) / total for grid in grids]), True


def near(
    image: Coarse, place_mm: Floats, reach_mm: float
) -> tuple[tuple[slice, slice, slice], Floats, tuple[Floats, Floats, Floats]]:
    """Return the box of voxels about a place, the squared distances from it, and the boxes' x, y and z, in mm."""
    cut, at = [], []
    for number, axis in enumerate(image.axes):
        centres = axis.centres_mm
        low, high = np.searchsorted(centres, place_mm[2 - number] + np.array([-reach_mm, reach_mm]))
        cut.append(slice(int(low), int(high)))
        at.append(centres[int(low) : int(high)])
    z, y, x = at[0][:, None, None], at[1][None, :, None], at[2][None, None, :]
    r2 = (x - place_mm[0]) ** 2 + (y - place_mm[1]) ** 2 + (z - place_mm[2]) ** 2
    return (cut[0], cut[1], cut[2]), r2, (x, y, z)


def fit_hexagon(places_mm: Floats, angles_deg: Floats, weights: Floats) -> Hexagon:
    """Return the regular hexagon nearest to places whose angles on it are known.

    Centre, radius and turn are those for which the sum of w |place - corner|^2 is smallest: with the places and the
    unit corners taken from their weighted means the turn is U V^T of the singular values of their product, made
    proper (Umeyama 1991).

    Parameters
    ----------
    places_mm : shape (6, 3)
    angles_deg : shape (6,), of each place within the plane, from the plane's own +x towards its +y
    weights : shape (6,), 0 for places that are not known
    """
    unit = np.stack([np.cos(np.radians(angles_deg)), np.sin(np.radians(angles_deg)), np.zeros(6)], axis=1)
    share = weights / weights.sum()
    from_mean, unit_from_mean = places_mm - share @ places_mm, unit - share @ unit
    u, values, vt = np.linalg.svd((from_mean * share[:, None]).T @ unit_from_mean)
    proper = np.array([1.0, 1.0, float(np.sign(np.linalg.det(u @ vt)))])
    turn = (u * proper) @ vt
    radius = float((values * proper).sum() / (share @ (unit_from_mean**2).sum(axis=1)))
    centre = share @ places_mm - radius * turn @ (share @ unit)
    return Hexagon(centre, radius, turn, centre + radius * unit @ turn.T)


def sphere_angles(sense: int) -> Floats:
    """Return the angles of the spheres of 10 to 37 mm on the ring, from that of 37 mm, in degrees."""
    return sense * 60.0 * np.arange(5, -1, -1)


def ring_of(
    places_mm: Floats, sigma_mm: Floats, known: NDArray[np.bool_], sense: int
) -> tuple[Ring, Hexagon]:
    """Return the ring through spheres of 10 to 37 mm, with the weights 1 / (sigma^2 + (0.5 mm)^2).

    Raises
    ------
    CannotMeasure
        ``ring_residual``, ``ring_radius``: what was found is not the ring of spheres.
    """
    weights = known / (sigma_mm**2 + MADE_MM**2)
    hexagon = fit_hexagon(places_mm, sphere_angles(sense), weights)
    residuals = np.where(known[:, None], places_mm - hexagon.corners_mm, 0.0)
    rms = math.sqrt(float((residuals**2).sum()) / int(known.sum()))
    if rms > LARGEST_RMS_MM:
        raise CannotMeasure(
            "ring_residual",
            f"the spheres lie {rms:.1f} mm (RMS) from a regular ring, at most {LARGEST_RMS_MM:g} mm is accepted: "
            "check the slice spacing, the pixel spacing and motion between beds",
        )
    if abs(hexagon.radius_mm - RADIUS_MM) > RADIUS_TOLERANCE_MM:
        raise CannotMeasure(
            "ring_radius",
            f"the spheres lie on a ring of radius {hexagon.radius_mm:.1f} mm, not 57.2 +- 3 mm: check the pixel "
            "spacing, and that this is the IEC body phantom",
        )
    return _ring(hexagon, sense, rms, residuals), hexagon


def _ring(hexagon: Hexagon, sense: int, rms_mm: float, residuals_mm: Floats) -> Ring:
    normal, first = hexagon.turn[:, 2], hexagon.turn[:, 0]
    x_mm, y_mm, z_mm = (float(one) for one in hexagon.centre_mm)
    return Ring(
        x_mm=x_mm,
        y_mm=y_mm,
        z_mm=z_mm,
        radius_mm=hexagon.radius_mm,
        phase_deg=math.degrees(math.atan2(first[1], first[0])) % 360,
        sense=sense,
        tilt_x_deg=math.degrees(math.atan2(-normal[1], normal[2])),
        tilt_y_deg=math.degrees(math.atan2(normal[0], normal[2])),
        residual_mm=rms_mm,
        residuals_mm=tuple((float(x), float(y), float(z)) for x, y, z in residuals_mm),
    )
