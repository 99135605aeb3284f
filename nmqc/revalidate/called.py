"""The options of a test, from what was recorded of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nmqc.catalogue import Test
from nmqc.errors import BadConfiguration
from nmqc.model import Acquisition, Remark


@dataclass(frozen=True, slots=True)
class Called:
    """Options as they were recorded, and the names of those that this version does not have any more."""

    options: Any
    gone: tuple[str, ...]


def called_with(test: Test, recorded: Mapping[str, Any], images: Mapping[str, Acquisition]) -> Called:
    """Return the options that a test was called with.

    Parameters
    ----------
    recorded : `Result.options`
    images : those among the options, by name

    Raises
    ------
    BadConfiguration
        ``options_changed``: this version does not take a value that was recorded.
    """
    known = test.option_names()
    gone = tuple(name for name in {**recorded, **images} if name not in known)
    try:
        values = {name: _value(name, value) for name, value in recorded.items()} | dict(images)
        chosen = {name: value for name, value in values.items() if name in known}
        return Called(test.options(**chosen), gone)
    except (TypeError, ValueError, KeyError):
        raise BadConfiguration(
            "options_changed", "this version of nmqc does not take the options that it was made with"
        ) from None


def _value(name: str, value: Any) -> Any:
    """Return a value as the test takes it: lists of numbers are tuples."""
    if value is None:
        return None
    if name in _MADE:
        return _MADE[name](value)
    return tuple(value) if isinstance(value, list) else value


def _truths(values: Any) -> Any:
    from nmqc.pet.truth import Truth

    return tuple(Truth(**{**one, "states": one["states"] and tuple(one["states"])}) for one in values)


def _hints(value: Any) -> Any:
    from nmqc.pet.phantom import Hints

    return Hints(**value)


def _regions(value: Any) -> Any:
    from nmqc.pet.background import Regions

    return Regions(**{**value, "centres_mm": tuple((x, y) for x, y in value["centres_mm"])})


_MADE: dict[str, Callable[[Any], Any]] = {
    "truth": _truths,
    "hints": _hints,
    "background_rois": _regions,
    "remarks": lambda values: tuple(Remark(**one) for one in values),
}
