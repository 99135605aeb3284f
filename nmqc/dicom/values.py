"""Header values made safe: numbers that are numbers, text that can be printed.

pydicom hands over what a file says: a decimal comma comes back as text, NaN as a number, 1.5 where a whole
number belongs. Nothing else in this package takes a value from a data set.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nmqc.errors import UnusableInput

if TYPE_CHECKING:
    from pydicom import Dataset

TEXT_LENGTH = 64
_UNREADABLE = object()
#: stands for the value of an element that is too long to be looked at: no number, no text, no sequence
TOO_LONG = b"too long"


def clean(text: str, length: int = TEXT_LENGTH) -> str:
    """Return the text without control and formatting characters, single-spaced, of bounded length."""
    if text.isascii() and text.isprintable():
        return " ".join(text[: 4 * length].split())[:length]
    printable = (" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text[: 4 * length])
    return " ".join("".join(printable).split())[:length]


def as_number(value: object) -> float | None:
    """Return a finite number, or None for anything else (text, NaN, an infinity, bytes)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value) if isinstance(value, float) else int(value)
    return number if abs(number) <= 1e300 and math.isfinite(number) else None


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """A data set, or an item of a sequence, read value by value.

    `unusable` collects the keywords of values that were ignored; items share the list of their data set.
    """

    dataset: Dataset
    unusable: list[str] = field(default_factory=list)
    _known: dict[str, tuple[Any, ...]] = field(default_factory=dict, repr=False)

    def values(self, keyword: str) -> tuple[Any, ...]:
        """Return the values of an element; () where it is absent or empty."""
        if keyword not in self._known:
            self._known[keyword] = self._fetched(keyword)
        return self._known[keyword]

    def _fetched(self, keyword: str) -> tuple[Any, ...]:
        from pydicom.datadict import tag_for_keyword

        tag = tag_for_keyword(keyword)
        if tag is None or tag not in self.dataset:
            return ()
        try:
            value = self.dataset[tag].value
        except Exception:  # pydicom fails in many ways on a damaged value
            return (_UNREADABLE,)
        if value is None or isinstance(value, str | bytes):
            return (value,) if value else ()
        return tuple(value) if isinstance(value, Iterable) else (value,)

    def texts(self, keyword: str, length: int = TEXT_LENGTH) -> tuple[str, ...]:
        """Return each value of a text, cleaned; values that are not text are left out."""
        return tuple(clean(str(value), length) for value in self.values(keyword) if isinstance(value, str))

    def text(self, keyword: str, length: int = TEXT_LENGTH) -> str:
        """Return a text, cleaned; "" where there is none."""
        return clean(" ".join(self.texts(keyword, length)), length)

    def numbers(self, keyword: str, low: float, high: float) -> tuple[float, ...]:
        """Return the numbers of an element that changes results; () where it is absent or empty.

        Raises
        ------
        UnusableInput
            ``bad_header_value`` if a value is not a number, or outside `low` to `high`.
        """
        numbers = self._numbers(keyword, low, high)
        if numbers is None:
            raise UnusableInput(
                "bad_header_value",
                f"{keyword} in its header is not a number between {low:g} and {high:g}; export the file anew",
            )
        return numbers

    def harmless(self, keyword: str, low: float, high: float) -> tuple[float, ...]:
        """Return the numbers of an element that can be done without; () where one of them is unusable."""
        numbers = self._numbers(keyword, low, high)
        if numbers is None and keyword not in self.unusable:
            self.unusable.append(keyword)
        return numbers or ()

    def integer(self, keyword: str, low: int, high: int) -> int | None:
        """Return a whole number that changes results; None where it is absent.

        Raises
        ------
        UnusableInput
            ``bad_header_value`` if it is not one whole number between `low` and `high`.
        """
        numbers = self.numbers(keyword, low, high)
        if len(numbers) > 1 or any(number != int(number) for number in numbers):
            raise UnusableInput(
                "bad_header_value", f"{keyword} in its header is not one whole number; export the file anew"
            )
        return int(numbers[0]) if numbers else None

    def items(self, keyword: str) -> tuple[Header, ...]:
        """Return the items of a sequence; () where it is absent, or not a sequence.

        Raises
        ------
        UnusableInput
            ``bad_header_value`` if it is too long to be looked at.
        """
        found = self.values(keyword)
        if found == (TOO_LONG,):
            raise UnusableInput(
                "bad_header_value",
                f"{keyword} in its header is longer than any of a camera; export the file anew",
            )
        return tuple(Header(item, self.unusable) for item in found if hasattr(item, "private_block"))

    def private(self, group: int, creator: str) -> PrivateBlock:
        """Return the private block that a maker reserved in a group, empty where there is none."""
        try:
            block: Any = self.dataset.private_block(group, creator)
        except Exception:  # no such block, or a damaged one
            block = None
        return PrivateBlock(block, creator)

    def _numbers(self, keyword: str, low: float, high: float) -> tuple[float, ...] | None:
        return _checked(self.values(keyword), low, high)


@dataclass(frozen=True, slots=True, eq=False)
class PrivateBlock:
    """The private elements of one maker in one group."""

    block: Any
    creator: str

    def text(self, element: int) -> str:
        """Return an element as cleaned text, "" where it is absent or unreadable.

        Archives store what they do not know as bytes (VR UN): these are read as ASCII. Numbers stored as text come
        back as they were written.
        """
        try:
            value = self.block[element].value if self.block is not None and element in self.block else ""
        except Exception:  # pydicom fails in many ways on a damaged value
            return ""
        if value == TOO_LONG:
            return ""
        if isinstance(value, bytes):
            value = value.rstrip(b"\0 ").decode("ascii", "replace")
        return clean(str(value)) if isinstance(value, str | int | float) else ""

    def numbers(self, element: int, name: str) -> tuple[float, ...]:
        """Return the numbers of an element; () where it is absent or empty.

        Raises
        ------
        UnusableInput
            ``bad_header_value`` if a value is not a number.
        """
        if self.block is None or element not in self.block:
            return ()
        value = self.block[element].value
        if value is None or (isinstance(value, str | bytes) and not value):
            return ()
        several = isinstance(value, Iterable) and not isinstance(value, str | bytes)
        numbers = _checked(tuple(value) if several else (value,), -1e30, 1e30)
        if numbers is None:
            raise UnusableInput(
                "bad_header_value",
                f"{name} in the private header of {self.creator} is no number; export it anew",
            )
        return numbers


def _checked(values: tuple[Any, ...], low: float, high: float) -> tuple[float, ...] | None:
    """Return the values as numbers; None where one is not a number between `low` and `high`."""
    numbers = [as_number(value) for value in values]
    good = [number for number in numbers if number is not None and low <= number <= high]
    return tuple(good) if len(good) == len(values) else None
