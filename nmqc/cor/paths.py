"""Point sources counted and followed: which spot of each view belongs to which source.

A source that turns about the axis leaves a sinusoid, in the columns and (by tilt) in the rows. Three views of a
spot tell a sinusoid; those that most other views agree with are sources. A source is found again behind a
crossing, where two make one spot; where it is nowhere, that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from nmqc.cor.spots import Spots
from nmqc.cor.views import Floats, Head, Ints, waves
from nmqc.errors import CannotMeasure

TRIPLES = 8  # of views that sinusoids are tried on
MOST_TRIED = 60
NEAR_MM = 6.0  # of a sinusoid, within which a spot agrees with it
LEVEL_MM = 25.0  # by which the spots of one source may differ along the axis, at first
OFF_AXIS_MM = 60.0  # an axis farther from the middle of the matrix is none
FEWEST, FEWEST_PART = 5, 0.35  # views that must agree
MERGED_MM = 30.0  # two sources nearer than this in a view may make one spot
SLIPPED_MM = 40.0  # how far from its sinusoid a source is looked for
MOST_SPOTS = 12  # of one view, the brightest
SAME_MM = 12.0  # a second sinusoid this near to a source is the same source
STRAY_PART, STRAY_FEWEST = 0.05, 3  # of the views with spots of no source, from which it is not ignored


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """One source as it was followed.

    Attributes
    ----------
    x, y : shape (3,), coefficients of 1, cos and sin of the angle, in mm
    spot : shape (views,), number of its spot in each view; -1 where it makes one spot with another source
    """

    x: Floats
    y: Floats
    spot: Ints

    def places_mm(self, head: Head) -> tuple[Floats, Floats]:
        """Return where the source is expected in each view."""
        columns = waves(head.theta)
        return columns @ self.x, columns @ self.y


def find_paths(head: Head, spots: Spots) -> list[Path]:
    """Return the sources of a detector's views.

    Raises
    ------
    CannotMeasure
        ``not_cor``: nothing turns about an axis; ``stray_spots``, ``source_outside``, ``source_lost``.
    """
    table = _table(head, spots)
    found = _sinusoids(head, spots, table)
    if not found:
        raise CannotMeasure(
            "not_cor",
            "no point source is seen that moves on a sinusoid through the views: give a tomographic acquisition of "
            "point sources in air, with enough counts in each view",
        )
    paths = _followed(head, spots, found)
    _require_explained(head, spots, paths)
    return paths


def _table(head: Head, spots: Spots) -> Ints:
    """Return the numbers of the spots of each view, the brightest first, shape (views, most); -1 where none."""
    table = np.full((head.views, MOST_SPOTS), -1)
    for view in range(head.views):
        here = np.flatnonzero(spots.view == view)
        here = here[np.argsort(-spots.height[here])][:MOST_SPOTS]
        table[view, : here.size] = here
    return table


def _sinusoids(head: Head, spots: Spots, table: Ints) -> list[tuple[Floats, Floats]]:
    """Return the coefficients (x, y) of the sinusoids that most views agree with, one for each source."""
    fewest = max(FEWEST, round(FEWEST_PART * head.views))
    free = np.ones(spots.view.size, bool)
    tried = np.array([one for triple in _triples(head) for one in _through(head, spots, table, triple)])
    found: list[tuple[Floats, Floats]] = []
    for _ in range(MOST_TRIED):
        if not tried.size:
            break
        agree = _agreement(head, spots, table, tried, free)
        best = int(agree.argmax())
        if agree[best] < fewest:
            break
        x, y, used = _refined(head, spots, free, tried[best])
        if used.sum() >= fewest and not any(_same(head, (x, y), other) for other in found):
            found.append((x, y))
        free &= ~used
        free[_nearest(head, spots, free, x, y, SAME_MM)] = False
        tried = np.delete(tried, best, axis=0)
    return found


def _triples(head: Head) -> Iterator[tuple[int, int, int]]:
    """Yield three views that lie a third of the arc apart, several times."""
    order = np.argsort(head.theta % (2 * np.pi), kind="stable")
    third = head.views // 3
    for start in np.unique(np.linspace(0, third, TRIPLES, endpoint=False).astype(int)):
        yield int(order[start]), int(order[start + third]), int(order[start + 2 * third])


def _through(head: Head, spots: Spots, table: Ints, triple: tuple[int, int, int]) -> Iterator[Floats]:
    """Yield (1, cos, sin; height) of the sinusoids through one spot of each of three views."""
    columns = waves(head.theta[list(triple)])
    if np.linalg.cond(columns) > 1e3:
        return
    inverse = np.linalg.inv(columns)
    for three in product(*(table[view][table[view] >= 0] for view in triple)):
        chosen = np.array(three)
        y = spots.y_mm[chosen]
        x = inverse @ spots.x_mm[chosen]
        if np.ptp(y) < LEVEL_MM and abs(x[0]) < OFF_AXIS_MM:
            yield np.array([*x, y.mean(), 0.0, 0.0])


def _agreement(head: Head, spots: Spots, table: Ints, tried: Floats, free: NDArray[np.bool_]) -> Ints:
    """Return in how many views a free spot lies near each sinusoid."""
    columns = waves(head.theta)
    there = (table >= 0) & free[table]
    x, y = np.where(there, spots.x_mm[table], np.inf), spots.y_mm[table]
    expected_x, expected_y = tried[:, :3] @ columns.T, tried[:, 3:] @ columns.T
    near = np.zeros(expected_x.shape, bool)
    for number in np.flatnonzero(there.any(axis=0)):
        near |= (np.abs(x[:, number] - expected_x) < NEAR_MM) & (np.abs(y[:, number] - expected_y) < LEVEL_MM)
    return np.asarray(near.sum(axis=1))


def _nearest(
    head: Head, spots: Spots, free: NDArray[np.bool_], x: Floats, y: Floats, level_mm: float
) -> Ints:
    """Return the free spots near a sinusoid, the nearest one of each view."""
    columns = waves(head.theta)[spots.view]
    off_x, off_y = np.abs(spots.x_mm - columns @ x), np.abs(spots.y_mm - columns @ y)
    near = np.flatnonzero(free & (off_x < NEAR_MM) & (off_y < level_mm))
    order = near[np.argsort(np.hypot(off_x, off_y)[near], kind="stable")]
    _, first = np.unique(spots.view[order], return_index=True)
    return order[first]


def _refined(
    head: Head, spots: Spots, free: NDArray[np.bool_], start: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return the sinusoid by least squares through the spots near it, and which spots these are."""
    x, y, level_mm = start[:3], start[3:], LEVEL_MM
    for _ in range(3):
        mine = _nearest(head, spots, free, x, y, level_mm)
        columns = waves(head.theta[spots.view[mine]])
        x, y = (
            np.asarray(np.linalg.lstsq(columns, at[mine], rcond=None)[0], np.float64)
            for at in (spots.x_mm, spots.y_mm)
        )
        level_mm = NEAR_MM
    used = np.zeros(spots.view.size, bool)
    used[_nearest(head, spots, free, x, y, level_mm)] = True
    return x, y, used


def _same(head: Head, one: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> bool:
    """Say whether two sinusoids run beside each other through most views: two maxima of one source."""
    columns = waves(head.theta)
    apart = np.hypot(columns @ (one[0] - other[0]), columns @ (one[1] - other[1]))
    return bool(np.median(apart) < SAME_MM)


# --- through the views ----------------------------------------------------------------------------------


def _followed(head: Head, spots: Spots, found: Sequence[tuple[Floats, Floats]]) -> list[Path]:
    """Return the spot of every source in every view, or refuse with the views where one is missing."""
    columns = waves(head.theta)
    at_x, at_y = (np.array([columns @ pair[axis] for pair in found]) for axis in (0, 1))
    taken = np.zeros(spots.view.size, bool)
    chosen = np.full(at_x.shape, -1)
    for number in range(len(found)):
        mine = _nearest(head, spots, np.ones(taken.size, bool), *found[number], NEAR_MM)
        chosen[number, spots.view[mine]] = mine
        taken[mine] = True
    merged = _merged(at_x, at_y)
    missing = []
    for number, view in zip(*np.nonzero((chosen < 0) & ~merged), strict=True):
        spot = _slipped(spots, taken, int(view), float(at_x[number, view]), float(at_y[number, view]))
        if spot is None:
            missing.append((int(number), int(view)))
        else:
            chosen[number, view] = spot
            taken[spot] = True
    if missing:
        raise _missing(head, at_x, at_y, missing)
    return [Path(x, y, chosen[number]) for number, (x, y) in enumerate(found)]


def _merged(at_x: Floats, at_y: Floats) -> NDArray[np.bool_]:
    """Return where a source lies so near another one that the two may make one spot, shape (sources, views)."""
    merged = np.zeros(at_x.shape, bool)
    for one in range(len(at_x)):
        for other in range(len(at_x)):
            if one != other:
                merged[one] |= np.hypot(at_x[one] - at_x[other], at_y[one] - at_y[other]) < MERGED_MM
    return merged


def _slipped(spots: Spots, taken: NDArray[np.bool_], view: int, x_mm: float, y_mm: float) -> int | None:
    """Return the nearest spot of a view that no source has, within 40 mm of where one is expected."""
    there = np.flatnonzero((spots.view == view) & ~taken)
    apart = np.hypot(spots.x_mm[there] - x_mm, spots.y_mm[there] - y_mm)
    return int(there[apart.argmin()]) if apart.size and apart.min() < SLIPPED_MM else None


def _missing(head: Head, at_x: Floats, at_y: Floats, missing: Sequence[tuple[int, int]]) -> CannotMeasure:
    """Return the refusal of a source that is not seen in some views."""
    views = sorted({view for _, view in missing})
    outside = [
        abs(at_x[number, view]) > -head.columns.start_mm - NEAR_MM
        or abs(at_y[number, view]) > -head.rows.start_mm - NEAR_MM
        for number, view in missing
    ]
    if all(outside):
        return CannotMeasure(
            "source_outside",
            f"a source leaves the field in {head.names(views)}: move it nearer to the axis, or use no zoom",
        )
    return CannotMeasure(
        "source_lost",
        f"a source is not seen in {head.names(views)}, where it must be by the other views: acquire anew, with "
        "enough counts in every view and nothing in front of the sources",
    )


def _require_explained(head: Head, spots: Spots, paths: Sequence[Path]) -> None:
    """Refuse spots that are no source's, in more than a few views: something else is in the field, or moved."""
    mine = np.zeros(spots.view.size, bool)
    for path in paths:
        mine[path.spot[path.spot >= 0]] = True
        x, y = (at[spots.view] for at in path.places_mm(head))
        mine |= np.hypot(spots.x_mm - x, spots.y_mm - y) < MERGED_MM / 2
    views = np.unique(spots.view[~mine])
    if views.size >= max(STRAY_FEWEST, STRAY_PART * head.views):
        raise CannotMeasure(
            "stray_spots",
            f"{head.names(views)} show a spot that does not move as a source on an orbit does: a source that leaves "
            "the field or was moved, or contamination; remove it, and acquire anew",
        )
