"""The figures of NEMA NU 1, 4.1, where the sources are arranged as it asks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmqc.cor.detector import Value, axial_range, difference
from nmqc.cor.pairs import Pairs
from nmqc.cor.sinusoid import Turn
from nmqc.errors import CannotMeasure

SOURCES = 3
MIDDLE_MM = 5.0  # from the axis, at most, for the middle source
OUTER_MM = 20.0  # from the axis, at least, for the others


def nema_head(turns: Sequence[Turn]) -> dict[str, Value]:
    """Return the largest |mean of X| and the largest range of Y of the three sources, in mm.

    Raises
    ------
    CannotMeasure
        ``not_nema_arrangement``.

    References
    ----------
    NEMA NU 1, 4.1 (text of the 2007 edition).
    """
    _require_arrangement(turns)
    offsets = [Value(abs(one.value), one.parts) for one in (_mean(turn, turn.x_mm) for turn in turns)]
    return {"nema_offset": _largest(offsets), "nema_axial": _largest([axial_range(turn) for turn in turns])}


def nema_pair(both: Pairs) -> dict[str, Value]:
    """Return the largest differences of mean X and of mean Y of a source between two detectors, in mm.

    Raises
    ------
    CannotMeasure
        ``not_nema_arrangement``.

    References
    ----------
    NEMA NU 1, 4.1 (text of the 2007 edition).
    """
    for side in (0, 1):
        _require_arrangement([pair[side] for pair in both])
    found: dict[str, list[Value]] = {"nema_pair_offset": [], "nema_pair_axial": []}
    for one, other in both:
        for name, first, second in (
            ("nema_pair_offset", _mean(one, one.x_mm), _mean(other, other.x_mm)),
            ("nema_pair_axial", _mean(one, one.y_mm, along=True), _mean(other, other.y_mm, along=True)),
        ):
            apart = difference(first, second)
            found[name].append(Value(abs(apart.value), apart.parts))
    return {name: _largest(values) for name, values in found.items()}


def _require_arrangement(turns: Sequence[Turn]) -> None:
    """Refuse what is not three sources, the middle one on the axis, in an even number of views of a full circle."""
    head = turns[0].head
    reasons = []
    if len(turns) != SOURCES:
        reasons.append(f"{SOURCES} sources, not {len(turns)}")
    elif turns[1].radius_mm > MIDDLE_MM or min(turns[0].radius_mm, turns[2].radius_mm) < OUTER_MM:
        reasons.append(f"the middle source within {MIDDLE_MM:g} mm of the axis and the others off it")
    if not head.full_circle or head.views % 2:
        reasons.append("an even number of views over 360 degrees")
    if any(not turn.source.used.all() for turn in turns):
        reasons.append("sources that do not cross")
    if reasons:
        raise CannotMeasure("not_nema_arrangement", f"NEMA NU 1, 4.1 asks for {'; and for '.join(reasons)}")


def _mean(turn: Turn, values: np.ndarray, along: bool = False) -> Value:
    """Return the mean over the views, all counting alike."""
    sigma = turn.sigma_y_mm if along else turn.sigma_x_mm
    counting = float(np.sqrt((sigma**2).sum())) / values.size if turn.counting else 0.0
    return Value(float(values.mean()), {"counting": counting})


def _largest(values: Sequence[Value]) -> Value:
    return max(values, key=lambda one: one.value)
