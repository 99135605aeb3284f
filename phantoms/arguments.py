"""What the options of the command line are made of."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from phantoms.fields import Circle, CutCorners, Hexagon, Octagon, Outline, Rectangle

_FIELDS: dict[str, tuple[type[Outline], int]] = {
    "rectangle": (Rectangle, 2),
    "cut": (CutCorners, 3),
    "circle": (Circle, 1),
    "hexagon": (Hexagon, 1),
    "octagon": (Octagon, 1),
}


def numbers(count: int) -> Callable[[str], tuple[float, ...]]:
    """Return a converter of ``count`` numbers with commas between."""

    def convert(text: str) -> tuple[float, ...]:
        return tuple(some_numbers(text.split(","), count, count))

    return convert


def some_numbers(texts: list[str], least: int, most: int) -> list[float]:
    """Return texts as numbers, if there are as many as there may be."""
    if not least <= len(texts) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise argparse.ArgumentTypeError(f"expected {wanted} number(s), got {len(texts)}")
    try:
        return [float(text) for text in texts]
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a number in {','.join(texts)!r}") from None


def matrix(text: str) -> int | tuple[int, int]:
    """Return the sides of a matrix."""
    try:
        sides = [int(side) for side in text.lower().split("x")]
    except ValueError:
        raise argparse.ArgumentTypeError("N or ROWSxCOLUMNS expected") from None
    if len(sides) > 2:
        raise argparse.ArgumentTypeError("N or ROWSxCOLUMNS expected")
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def field(text: str) -> Outline:
    """Return the outline of a field: a name of ``_FIELDS``, a colon, and its sizes with x between."""
    name, _, sizes = text.partition(":")
    if name not in _FIELDS:
        raise argparse.ArgumentTypeError(f"one of {', '.join(_FIELDS)}, then a colon and its sizes")
    make, count = _FIELDS[name]
    try:
        return make(*some_numbers(sizes.split("x"), count, count))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
