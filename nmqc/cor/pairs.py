"""Two detectors beside each other: axial shift, difference of their offsets, and relative phase."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmqc.cor.detector import Value, axial_mean, difference, mean_of, offset, weighted_mean_of
from nmqc.cor.sinusoid import Turn
from nmqc.errors import CannotMeasure

SAME_PLACE_MM = 30.0  # in which a source of one detector is that of the other
HALF_TURN_DEG = 170.0

Pairs = list[tuple[Turn, Turn]]


def matched(first: Sequence[Turn], second: Sequence[Turn]) -> Pairs:
    """Return the sources of two detectors, each beside itself: by place along the axis, and about it.

    A detector that is half a turn off, or mirrored, sees the sources on the other side of the axis: tried too.

    Raises
    ------
    CannotMeasure
        ``sources_differ``.
    """
    if len(first) != len(second):
        raise CannotMeasure(
            "sources_differ",
            f"one detector shows {len(first)} source{'s' if len(first) > 1 else ''}, the other {len(second)}: they "
            "must see the same sources",
        )
    tried = [_assignment(_apart(first, second, side)) for side in (1, -1)]
    order, farthest_mm = min(tried, key=lambda one: one[1])
    if farthest_mm > SAME_PLACE_MM:
        raise CannotMeasure(
            "sources_differ",
            "the sources of the two detectors do not lie at the same places: they were moved between the two, or the "
            "angles in the header are wrong",
        )
    return [(turn, second[column]) for turn, column in zip(first, order, strict=True)]


def _apart(first: Sequence[Turn], second: Sequence[Turn], side: int) -> np.ndarray:
    """Return the distances of all sources of the first from all of the second, the second seen from a side."""
    one, other = (
        np.array([(*(sign * at for at in turn.place_mm), float(turn.y_mm.mean())) for turn in turns])
        for turns, sign in ((first, 1), (second, side))
    )
    return np.asarray(np.linalg.norm(one[:, None, :] - other[None, :, :], axis=2))


def _assignment(distances: np.ndarray) -> tuple[list[int], float]:
    """Return which of the second belongs to each of the first, and how far the farthest two are apart.

    The nearest two are matched first; each belongs to one alone.
    """
    left, order = distances.copy(), np.zeros(len(distances), int)
    for _ in distances:
        row, column = np.unravel_index(int(left.argmin()), left.shape)
        order[row] = column
        left[row], left[:, column] = np.inf, np.inf
    return [int(column) for column in order], float(distances[np.arange(len(order)), order].max())


def axial_shift(pairs: Pairs) -> Value:
    """Return the mean over sources of the axial position of the first detector less that of the second, in mm."""
    return mean_of([difference(axial_mean(one), axial_mean(other)) for one, other in pairs])


def offset_difference(pairs: Pairs) -> Value:
    """Return the mean offset of the first detector less that of the second, in mm."""
    return mean_of([difference(offset(one), offset(other)) for one, other in pairs])


def phase_difference(pairs: Pairs) -> Value:
    """Return the phase of the second detector less that of the first, in degrees: 0 where the header is right.

    Of x = a + r cos(theta - alpha) alpha, the weighted mean of the sources that are off the axis; negative where the
    second head stands farther counter-clockwise than its header says.

    Raises
    ------
    CannotMeasure
        ``on_axis``.
    """
    off = [(one, other) for one, other in pairs if not (one.on_axis or other.on_axis)]
    if not off:
        raise CannotMeasure(
            "on_axis", "the sources lie on the axis: place one 50 mm or more from it for the relative phase"
        )
    turned = [(other.phase_rad - one.phase_rad + np.pi) % (2 * np.pi) - np.pi for one, other in off]
    middle = float(np.angle(np.exp(1j * np.array(turned)).sum()))
    values = []
    for (one, other), turn in zip(off, turned, strict=True):
        near = middle + (turn - middle + np.pi) % (2 * np.pi) - np.pi
        both = difference(
            Value(0.0, one.fit.parts(one.phase_variance)), Value(0.0, other.fit.parts(other.phase_variance))
        )
        parts = {name: float(np.degrees(part)) for name, part in both.parts.items()}
        values.append(Value(float(np.degrees(near)), parts))
    mean = weighted_mean_of(values)
    return Value((mean.value + 180) % 360 - 180, mean.parts)
