"""What is measured in a validation: cases of phantoms, and what is true of them.

A family knows one test of the catalogue: the grid of its cases, how a case is acquired, and the truth. It never asks
nmqc for a truth. Where the arithmetic has to know which of several alike objects a number is of, or where a region
was placed, it takes that, and that alone, from the result.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from nmqc import catalogue
from nmqc.model import Acquisition, Result, Scan

#: how much is measured: a few cases for the tests of this package; what `--quick` does; all
Level = Literal["least", "quick", "whole"]
#: what a truth rests on: what the phantom was made with; a formula; another, slower reading of the same pixels; a
#: number that nmqc gave before
Basis = Literal["parameter", "closed form", "independent reading", "recorded number"]
Made = Acquisition | Scan


@dataclass(frozen=True, slots=True)
class Truth:
    """What a measurement should be.

    Attributes
    ----------
    metric, of : as in the result
    family : of which alike ones it is, which requirements name: "each source" for "source 2"; None: its own `of`
    """

    metric: str
    of: str
    value: float
    basis: Basis
    family: str | None = None

    @property
    def group(self) -> tuple[str, str]:
        """The metric, and the family of which requirements speak."""
        return self.metric, self.of if self.family is None else self.family


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A phantom, and how it is measured.

    Attributes
    ----------
    test : a name in the catalogue
    name : told in reports, its own within the test
    phantom : or several, as the family of the test has it
    options : for the family, which makes those of the test of them
    about : what of the grid it is: "system", "pixels", "noise", "position", "rotation"
    acquisitions : with noise, each of its own seed; 0: one without noise
    refused : the code with which it must be refused, "" where it must be measured
    """

    test: str
    name: str
    phantom: Any
    options: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    acquisitions: int = 0
    refused: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A case as it was acquired: without noise (seed None), or with the noise of a seed."""

    case: Case
    seed: int | None
    made: Made


@dataclass(frozen=True, slots=True, eq=False)
class Seen(Taken):
    """A case as it was acquired, and one result of its test."""

    result: Result


class Family(ABC):
    """One test of the catalogue, and the phantoms that it is measured on."""

    test: ClassVar[str]

    @abstractmethod
    def cases(self, level: Level) -> Iterator[Case]:
        """Yield the grid."""

    @abstractmethod
    def acquire(self, case: Case, seed: int | None) -> Made:
        """Return the case without noise, or with the noise of a seed, then read from DICOM files."""

    @abstractmethod
    def truths(self, seen: Seen) -> Iterator[Truth]:
        """Yield what is true of one result of a case."""

    def due(self, taken: Taken) -> frozenset[int | None]:
        """Return the detectors that must have a result; None: a result of no detector."""
        made = taken.made
        if not isinstance(made, Acquisition):
            return frozenset({None})
        return frozenset(frame.detector for frame in made.frames)

    def options(self, taken: Taken) -> Any:
        """Return the options of the test."""
        return catalogue.find(self.test).options(**taken.case.options)


def each(values: Mapping[tuple[str, str], float], basis: Basis, prefix: str = "") -> Iterator[Truth]:
    """Yield truths of a table from (metric without its prefix, of) to value."""
    for (metric, of), value in values.items():
        yield Truth(f"{prefix}{metric}", of, float(value), basis)
