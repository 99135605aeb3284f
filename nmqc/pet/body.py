"""The body of the IEC phantom in a PET volume: its outline, its axis, how it is turned, and where it ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.grid import Axis
from nmqc.pet.coarse import Coarse, Floats, along, smoother

UPPER_MM, CORNER_MM, FLAT_MM = 147.0, 77.0, 70.0  # radii inside the wall, and half the flat side
RING_MM = 35.0  # from the centre of the upper semicircle to the ring's axis, away from the flat side
AREA_MM2 = (45_000.0, 60_000.0)
LENGTH_MM = (150.0, 230.0)
OVERLAP = 0.88  # least overlap of the outline with the nominal one, as a part of their union
COMPLETE = 0.93  # of the usual area: a slice that the body fills
SEED_MM = 80.0  # FWHM over which the middle of the largest object is looked for
OUTSIDE_MM, WALL_MM = 85.0, 15.0  # from the ring's axis and the wall: between them lies background alone
ABOVE_AIR = 0.25  # of the 99.5th percentile
BOUNDS = (0.6, 1.6)  # of the background: what its median is taken over

Mask = NDArray[np.bool_]


def _towards_flat_mm() -> float:
    """Return how far the centroid of the nominal outline lies from the ring's axis, towards the flat side."""
    areas = (math.pi * UPPER_MM**2 / 2, math.pi * CORNER_MM**2 / 2, 2 * FLAT_MM * CORNER_MM)
    places = (4 * UPPER_MM / (3 * math.pi), -4 * CORNER_MM / (3 * math.pi), -CORNER_MM / 2)
    return RING_MM - sum(a * q for a, q in zip(areas, places, strict=True)) / sum(areas)


TOWARDS_FLAT_MM = _towards_flat_mm()


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """The body as it was found.

    Attributes
    ----------
    mask : on the coarse grid, holes filled
    background : level well inside the body
    x_mm, y_mm, x_slope, y_slope : of the ring's axis, x = x_mm + x_slope z
    flat_deg : direction in which the flat side lies, from +x towards +y
    complete : the slices that the body fills, first and last + 1
    first_z_mm, last_z_mm : its ends; the volume's where it is cut
    cut : (at the first, at the last slice)
    """

    mask: Mask
    background: float
    x_mm: float
    y_mm: float
    x_slope: float
    y_slope: float
    flat_deg: float
    complete: tuple[int, int]
    first_z_mm: float
    last_z_mm: float
    cut: tuple[bool, bool]

    def axis_at(self, z_mm: Floats | float) -> tuple[Floats, Floats]:
        """Return (x, y) of the ring's axis at some z, in mm."""
        return np.asarray(self.x_mm + self.x_slope * z_mm), np.asarray(self.y_mm + self.y_slope * z_mm)

    def beside(
        self, slices: Axis, rows: Axis, columns: Axis, within: slice
    ) -> tuple[tuple[slice, slice, slice], Mask]:
        """Return a box of voxels about the body in some slices, and which of it hold nothing but background.

        Those that lie more than 85 mm from the ring's axis, and 15 mm inside the nominal wall.
        """
        z_mm = slices.centres_mm[within]
        x_mm, y_mm = self.axis_at(z_mm)
        cut = within, _reached(rows, y_mm), _reached(columns, x_mm)
        dx = (columns.centres_mm[cut[2]] - x_mm[:, None]).astype(np.float32)[:, None, :]
        dy = (rows.centres_mm[cut[1]] - y_mm[:, None]).astype(np.float32)[:, :, None]
        return cut, (dx**2 + dy**2 > OUTSIDE_MM**2) & (nominal_depth(dx, dy, self.flat_deg) > WALL_MM)


def _reached(axis: Axis, middles_mm: Floats) -> slice:
    """Return the part of an axis that the body can lie in."""
    ends = float(middles_mm.min()) - UPPER_MM, float(middles_mm.max()) + UPPER_MM
    low, high = np.searchsorted(axis.centres_mm, ends)
    return slice(int(low), int(high))


def nominal_depth(
    dx_mm: NDArray[np.floating], dy_mm: NDArray[np.floating], flat_deg: float
) -> NDArray[np.floating]:
    """Return how deep places lie inside the nominal wall, negative outside; (0, 0) is the ring's axis.

    Inside the wall: a semicircle of 147 mm, opposite it quarter circles of 77 mm whose centres lie 70 mm to either
    side on its diameter, and a flat side between them (IEC 61675-1).
    """
    cos, sin = math.cos(math.radians(flat_deg)), math.sin(math.radians(flat_deg))
    down, across = dx_mm * cos + dy_mm * sin - RING_MM, np.abs(dy_mm * cos - dx_mm * sin)
    lower = CORNER_MM - np.sqrt(np.maximum(across - FLAT_MM, 0) ** 2 + down**2)
    return np.where(down <= 0, UPPER_MM - np.sqrt(across**2 + down**2), lower)


def find_body(image: Coarse) -> Body:
    """Find the body in a volume.

    Its outline is at half the background, filled slice by slice; its axis is the straight line through the centroids
    of the slices that it fills.

    Raises
    ------
    CannotMeasure
        ``not_an_iec_phantom``: nothing in the volume has the body's cross-section or length.
    """
    level = background_level(image.values)
    mask = _filled(_largest(image.values > level / 2, image))
    areas = mask.sum(axis=(1, 2)) * image.rows.pitch_mm * image.columns.pitch_mm
    usual = float(np.median(areas[areas > areas.max() / 2])) if areas.any() else 0.0
    if not AREA_MM2[0] <= usual <= AREA_MM2[1]:
        raise _not_iec(f"its cross-section is {usual / 100:.0f} cm2, that of the IEC body 540 cm2")
    complete = _run(areas > COMPLETE * usual)
    first_z, last_z, cut = _ends(areas, usual, image.slices)
    _require_length(last_z - first_z, cut)
    line = _centroids(mask, image, complete)
    flat_deg = _flat_side(mask, image, complete, line)
    off = math.radians(flat_deg)
    x_mm, y_mm = line[0][0] - TOWARDS_FLAT_MM * math.cos(off), line[1][0] - TOWARDS_FLAT_MM * math.sin(off)
    return Body(mask, level, x_mm, y_mm, line[0][1], line[1][1], flat_deg, complete, first_z, last_z, cut)


def background_level(values: NDArray[np.floating]) -> float:
    """Return the level that most of what is not empty has.

    The median of what exceeds a quarter of the 99.5th percentile, which noise in air does not, then five times the
    median of what lies between 0.6 and 1.6 of it: no maximum is used, because the last slices can be noisier than any
    sphere is bright.

    Raises
    ------
    CannotMeasure
        ``not_an_iec_phantom``: the volume is empty.
    """
    some = values.ravel()[:: max(1, values.size // 200_000)]
    high = float(np.quantile(some, 0.995))
    if high <= 0:
        raise _not_iec("it is empty")
    level = float(np.median(some[some > ABOVE_AIR * high]))
    for _ in range(5):
        near = some[(some > BOUNDS[0] * level) & (some < BOUNDS[1] * level)]
        level = float(np.median(near)) if near.size else level
    return level


def _not_iec(why: str) -> CannotMeasure:
    return CannotMeasure(
        "not_an_iec_phantom",
        f"no IEC body phantom is seen: {why}; for a uniform cylinder use --phantom cylinder",
    )


def _require_length(length_mm: float, cut: tuple[bool, bool]) -> None:
    if length_mm > LENGTH_MM[1] or (length_mm < LENGTH_MM[0] and not any(cut)):
        raise _not_iec(f"what is seen is {length_mm:.0f} mm long, the body 180 to 195 mm")


def _largest(mask: Mask, image: Coarse) -> Mask:
    """Return what is connected with the middle of the largest object: spots beside the phantom are not."""
    cut = tuple(_extent(np.asarray(mask.any(axis=others))) for others in ((1, 2), (0, 2), (0, 1)))
    small = mask[cut][:, ::2, ::2]
    density = small.astype(np.float32)
    for number, axis in enumerate(image.axes):
        step = 2 if number else 1
        density = along(smoother(axis, SEED_MM)[cut[number], cut[number]][::step, ::step], density, number)
    reached = np.zeros_like(small)
    if small.size:
        reached[np.unravel_index(int((density * small).argmax()), small.shape)] = True
    reached &= small
    count = 0
    while count < (count := int(reached.sum())):
        reached = _spread(_spread(reached, small), small)
    wide = np.repeat(np.repeat(_spread(reached, np.ones_like(small)), 2, axis=1), 2, axis=2)
    whole = np.zeros_like(mask)
    whole[cut] = mask[cut] & wide[:, : mask[cut].shape[1], : mask[cut].shape[2]]
    return whole


def _extent(seen: Mask) -> slice:
    """Return the part of an axis from the first to the last True; nothing where there is none."""
    there = np.flatnonzero(seen)
    return slice(int(there[0]), int(there[-1]) + 1) if there.size else slice(0, 0)


def _spread(reached: Mask, within: Mask) -> Mask:
    """Return what was reached and its neighbours along each axis, one axis after the other."""
    for number in range(3):
        low, high = ((slice(None),) * number + (part,) for part in (slice(None, -1), slice(1, None)))
        grown = reached.copy()
        grown[high] |= reached[low]
        grown[low] |= reached[high]
        reached = grown & within
    return reached


def _filled(mask: Mask) -> Mask:
    """Return each slice with everything that lies between parts of it both along its row and along its column."""
    between = []
    for axis in (1, 2):
        before = np.logical_or.accumulate(mask, axis=axis)
        after = np.flip(np.logical_or.accumulate(np.flip(mask, axis), axis=axis), axis)
        between.append(before & after)
    return np.asarray(between[0] & between[1])


def _run(good: Mask) -> tuple[int, int]:
    """Return first and last + 1 of the longest run of True."""
    steps = np.flatnonzero(np.diff(np.concatenate(([False], good, [False])).astype(int)))
    starts, stops = steps[::2], steps[1::2]
    longest = int((stops - starts).argmax())
    return int(starts[longest]), int(stops[longest])


def _ends(areas: Floats, usual: float, slices: Axis) -> tuple[float, float, tuple[bool, bool]]:
    """Return the z at which the area passes half of the usual one, at both ends, and which end the volume cuts."""
    start, stop = _run(areas > usual / 2)
    cut = start == 0, stop == areas.size
    z = slices.centres_mm
    before, after = slice(start - 1, start + 1), slice(stop - 1, stop + 1)
    first = slices.edges_mm[0] if cut[0] else np.interp(usual / 2, areas[before], z[before])
    last = slices.edges_mm[-1] if cut[1] else np.interp(-usual / 2, -areas[after], z[after])
    return float(first), float(last), cut


def _centroids(
    mask: Mask, image: Coarse, complete: tuple[int, int]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return (value at z = 0, slope) of x and y of the straight line through the centroids of the complete slices."""
    inside = mask[slice(*complete)].astype(np.float64)
    total = inside.sum(axis=(1, 2))
    x = inside.sum(axis=1) @ image.columns.centres_mm / total
    y = inside.sum(axis=2) @ image.rows.centres_mm / total
    z = image.slices.centres_mm[slice(*complete)]
    if z.size < 3:
        return (float(x.mean()), 0.0), (float(y.mean()), 0.0)
    x_line, y_line = (np.polynomial.polynomial.polyfit(z, one, 1) for one in (x, y))
    return (float(x_line[0]), float(x_line[1])), (float(y_line[0]), float(y_line[1]))


def _flat_side(
    mask: Mask,
    image: Coarse,
    complete: tuple[int, int],
    line: tuple[tuple[float, float], tuple[float, float]],
) -> float:
    """Return the direction of the flat side: across the longest extent, towards where the nominal outline agrees.

    Raises
    ------
    CannotMeasure
        ``not_an_iec_phantom``: the outline is not that of the body.
    """
    middle = sum(complete) // 2
    z = image.slices.centres_mm[middle]
    dx = image.columns.centres_mm[None, :] - (line[0][0] + line[0][1] * z)
    dy = image.rows.centres_mm[:, None] - (line[1][0] + line[1][1] * z)
    inside = mask[middle]
    xx, yy, xy = (float((inside * one).sum()) for one in (dx**2, dy**2, dx * dy))
    long_deg = math.degrees(0.5 * math.atan2(2 * xy, xx - yy))
    tried = [(_overlap(inside, dx, dy, deg), deg) for deg in (long_deg + 90, long_deg - 90)]
    overlap, flat_deg = max(tried)
    if overlap < OVERLAP:
        raise _not_iec(f"its outline agrees with that of the body by {100 * overlap:.0f} % only")
    return flat_deg


def _overlap(inside: Mask, dx_mm: Floats, dy_mm: Floats, flat_deg: float) -> float:
    """Return the common part of an outline and the nominal one about the same centroid, over their union."""
    off = math.radians(flat_deg)
    from_axis = dx_mm + TOWARDS_FLAT_MM * math.cos(off), dy_mm + TOWARDS_FLAT_MM * math.sin(off)
    nominal = nominal_depth(*from_axis, flat_deg) > 0
    return float((inside & nominal).sum() / max((inside | nominal).sum(), 1))


def full_mask(body: Body, image: Coarse, axes: tuple[Axis, Axis, Axis]) -> Mask:
    """Return the body on the voxels of the volume: where the smoothed values, holes filled, exceed half the level."""
    held = np.where(body.mask, np.maximum(image.values, body.background), image.values)
    held = np.where(_spread(body.mask, np.ones_like(body.mask)), np.minimum(held, body.background), 0.0)
    held = held.astype(np.float32)
    for number, (here, there) in enumerate(zip(image.axes, axes, strict=True)):
        if here.count != there.count:
            held = along(_interpolator(here, there), held, number)
    return np.asarray(held > body.background / 2)


def _interpolator(here: Axis, there: Axis) -> Floats:
    """Return the matrix of linear interpolation from one axis to another; constant beyond the ends."""
    at = np.clip((there.centres_mm - here.centres_mm[0]) / here.pitch_mm, 0, here.count - 1)
    low = np.minimum(at.astype(int), max(here.count - 2, 0))
    matrix = np.zeros((there.count, here.count))
    rows = np.arange(there.count)
    matrix[rows, low] = 1 - (at - low)
    matrix[rows, np.minimum(low + 1, here.count - 1)] += at - low
    return matrix
