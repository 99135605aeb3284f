"""Which bar phantom is this? Measured widths matched to known sets, or to the widths that the user gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from nmqc.errors import CannotMeasure

#: sets of bar widths in mm (a bar is as wide as a gap): usual catalogue sets, and inch sets as makers round them
KNOWN_SETS_MM: tuple[tuple[float, ...], ...] = (
    (2.0, 2.5, 3.0, 3.5),
    (3.18, 3.97, 4.76, 6.35),
    (2.12, 2.54, 3.18, 4.23),
    (3.0, 3.5, 4.0, 4.5),
)
LARGEST_RMS = 0.015  # of the logarithms of measured over nominal width
LARGEST_SCALE, LARGEST_SCALE_GIVEN = (
    0.02,
    0.10,
)  # of a common scale off 1: of a known set, of one that the user gives
DIFFERENT = 0.01  # widths further apart than this are told apart


@dataclass(frozen=True, slots=True)
class Match:
    """Nominal widths of the four quadrants, clockwise from the top left, and measured over nominal."""

    widths_mm: tuple[float, float, float, float]
    scale: float
    rms: float

    @property
    def widths_mm_sorted(self) -> tuple[float, ...]:
        """The widths of the set, the smallest first."""
        return tuple(sorted(self.widths_mm))


def match_bars(measured_mm: Sequence[float | None], given_mm: Sequence[float] | None = None) -> Match:
    """Assign nominal widths to the quadrants by the measured ones, never by how well they are resolved.

    Over the sets and the permutations the root mean square of ln(measured / (s nominal)) is least, s being common.

    Parameters
    ----------
    measured_mm : four widths clockwise from the top left; None where no bars are seen
    given_mm : the widths of the phantom; None: one of the known sets

    Raises
    ------
    CannotMeasure
        ``unknown_bars``: no set fits within 1.5 % at a common scale within 2 % (10 % for the user's own).
        ``ambiguous_bars``: two assignments fit that differ.
    """
    sets = KNOWN_SETS_MM if given_mm is None else (tuple(given_mm),)
    largest = LARGEST_SCALE if given_mm is None else LARGEST_SCALE_GIVEN
    fits = [
        one
        for widths in sets
        for one in _assignments(measured_mm, widths)
        if one.rms < LARGEST_RMS and abs(one.scale - 1) < largest
    ]
    shown = ", ".join("-" if one is None else f"{one:.2f}" for one in measured_mm)
    if not fits:
        if given_mm is None:
            reason = f"the bars measure {shown} mm (clockwise): no known set has such widths; give them with --bars"
        else:
            wanted = ", ".join(f"{one:g}" for one in given_mm)
            reason = (
                f"the bars measure {shown} mm (clockwise), not {wanted} mm: check --bars and the pixel size"
            )
        raise CannotMeasure("unknown_bars", reason)
    best = min(fits, key=lambda one: one.rms)
    if any(_differ(best, one) for one in fits):
        raise CannotMeasure(
            "ambiguous_bars", f"the bars measure {shown} mm (clockwise), which fits several sets: give --bars"
        )
    return best


def _assignments(measured_mm: Sequence[float | None], widths_mm: Sequence[float]) -> list[Match]:
    found = []
    for order in sorted(set(permutations(widths_mm))):
        ratios = [np.log(m / w) for m, w in zip(measured_mm, order, strict=True) if m is not None]
        middle = float(np.mean(ratios))
        rms = float(np.sqrt(np.mean((np.asarray(ratios) - middle) ** 2)))
        first, second, third, fourth = order
        found.append(Match((first, second, third, fourth), float(np.exp(middle)), rms))
    return found


def _differ(best: Match, other: Match) -> bool:
    """Say whether two assignments name a quadrant differently."""
    return any(abs(a / b - 1) > DIFFERENT for a, b in zip(best.widths_mm, other.widths_mm, strict=True))
