"""What people state beside the results: spans of time that are baselines, and what happened to a camera."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

Kind = Literal["acceptance", "service", "tune", "source", "software", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: a baseline without an end is of so many valid results of each series
FIRST_RESULTS = 20
_DAY = len("2026-11-16")


@dataclass(frozen=True, slots=True)
class BaselineEntry:
    """A span of time that was stated to be a baseline.

    Attributes
    ----------
    number : of the entry; never used again
    unit : the one physical camera
    test, metric : what it is for; "" all of them
    detector : None: all
    first, last : str
        ISO day, or day and time, in the scanner's local time; both belong to it, a day as a whole. A last of
        None: of the first 20 valid results of each series from `first` on.
    kind : why there is a new baseline
    note : in the words of whoever stated it
    recorded : ISO 8601 in UTC
    ended : why it no longer holds; None where it does
    """

    number: int
    unit: str
    test: str
    metric: str
    detector: int | None
    first: str
    last: str | None
    kind: Kind
    note: str
    recorded: str
    ended: str | None = None

    @property
    def begins(self) -> datetime:
        """The first moment that belongs to it."""
        return beginning_of(self.first)

    @property
    def ends(self) -> datetime | None:
        """The last moment that belongs to it; None where it has no end."""
        return None if self.last is None else end_of(self.last)

    def is_for(self, test: str, metric: str, detector: int | None) -> bool:
        """Say whether it is for a series of its camera."""
        return self.test in ("", test) and self.metric in ("", metric) and self.detector in (None, detector)


@dataclass(frozen=True, slots=True)
class Note:
    """What happened to a camera: a repair, a new source, new software.

    Attributes
    ----------
    number : of the entry; never used again
    unit : the one physical camera
    date : ISO day, or day and time, in the scanner's local time
    kind : what it was
    text : in the words of whoever noted it
    recorded : ISO 8601 in UTC
    withdrawn : why it was withdrawn; None where it stands
    """

    number: int
    unit: str
    date: str
    kind: Kind
    text: str
    recorded: str
    withdrawn: str | None = None

    @property
    def at(self) -> datetime:
        """The moment, the beginning of its day where no time is given."""
        return beginning_of(self.date)


@dataclass(frozen=True, slots=True)
class Covered:
    """How many valid results of a test and detector lie in a baseline; of one without an end 20 at most."""

    test: str
    detector: int | None
    results: int


@dataclass(frozen=True, slots=True)
class BaselineSet:
    """What setting a baseline did.

    Attributes
    ----------
    entry : as it stands in the history
    new : False where this very baseline held already
    covered : the results that it has so far
    across : events within it, oldest first: such a baseline is of two states of the camera
    """

    entry: BaselineEntry
    new: bool
    covered: tuple[Covered, ...]
    across: tuple[Note, ...]


def beginning_of(moment: str) -> datetime:
    """Return the first moment of an ISO day, or of a day and time; an offset from UTC is dropped.

    Raises
    ------
    ValueError
        If it is none.
    """
    if len(moment) < _DAY:
        raise ValueError(f"{moment} is no day")
    return datetime.fromisoformat(moment).replace(tzinfo=None)


def end_of(moment: str) -> datetime:
    """Return the last moment of an ISO day, or of the minute or second of a time.

    Raises
    ------
    ValueError
        If it is none.
    """
    lengths = {_DAY: timedelta(days=1), _DAY + 3: timedelta(hours=1), _DAY + 6: timedelta(minutes=1)}
    whole = lengths.get(len(moment), timedelta(seconds=1))
    return beginning_of(moment) + whole - timedelta(microseconds=1)
