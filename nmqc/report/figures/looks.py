"""What tells one line from another: a colour, dashes or a marker for each name, in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from nmqc.model import Line

COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7")
GUIDE_COLOUR = "#555555"
BAND_COLOUR = "#d9d9d9"
GUIDE_DASHES: Any = (0, (1, 1.5))
MARKERS = ("o", "s", "^", "D", "v")
BAND_ALPHA = 0.2

Look = TypeVar("Look")


def in_turn(lines: Sequence[Line], looks: Sequence[Look]) -> list[Look]:
    """Return a look for each line: lines of one name share theirs, and a line without a name has its own."""
    names = [line.label or number for number, line in enumerate(lines)]
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return [looks[places[name] % len(looks)] for name in names]
