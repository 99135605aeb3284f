"""The parts of an uncertainty."""

from __future__ import annotations

from collections.abc import Mapping


def known(parts: Mapping[str, float]) -> dict[str, float]:
    """Return the parts that are above 0: a part of 0 is one that does not occur."""
    return {name: part for name, part in parts.items() if part > 0}
