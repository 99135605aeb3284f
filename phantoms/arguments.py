"""What the options of the command line are made of."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from phantoms.dicom import FLAVOURS, TRANSFER_SYNTAXES
from phantoms.fields import Circle, CutCorners, Hexagon, Octagon, Outline, Rectangle

Group = argparse._ArgumentGroup
Commands = Any  # argparse names the type of its subcommands in private only

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


def add_noise_options(group: Group) -> None:
    """Add the seed of the Poisson noise, or none."""
    noise = group.add_mutually_exclusive_group()
    noise.add_argument("--seed", type=int, default=1, metavar="N", help="of the Poisson noise; default: 1")
    noise.add_argument("--noise-free", action="store_true", help="expected counts, rounded")


def add_file_options(group: Group) -> None:
    """Add which file is written, and how."""
    group.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    group.add_argument("--flavour", choices=FLAVOURS, default="strict", help="default: %(default)s")
    group.add_argument("--transfer-syntax", choices=sorted(TRANSFER_SYNTAXES), default="explicit-le")
    group.add_argument("--force", action="store_true", help="overwrite an existing file")


def add_option(
    group: Group,
    option: str,
    name: str,
    convert: Callable[[str], Any],
    metavar: str,
    text: str,
    kind: type[Any] | None = None,
    *,
    several: bool = False,
) -> None:
    """Add an option that sets an attribute; ``kind`` is the phantom whose default the help shows."""
    if kind is not None:
        text += f"; default: {_default(kind, name)}"
    action = "append" if several else "store"
    group.add_argument(
        option, dest=name, type=convert, action=action, default=argparse.SUPPRESS, metavar=metavar, help=text
    )


def add_flag(group: Group, option: str, name: str, value: bool, text: str) -> None:
    """Add an option without a value."""
    group.add_argument(
        option, dest=name, action="store_const", const=value, default=argparse.SUPPRESS, help=text
    )


def _default(kind: type[Any], name: str) -> str:
    """Return the default of an attribute as it would be typed."""
    value = next(item.default for item in dataclasses.fields(kind) if item.name == name)
    if isinstance(value, tuple):
        return ",".join(f"{part:g}" for part in value)
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
