"""What the history gives back: entries, events, points of a trend, refusals; and what may be asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from nmqc.errors import HistoryUnavailable
from nmqc.model import Remark, Verdict

#: what the object of a result has had since the first version
_NEEDED = ("test", "algorithm", "inputs", "system", "parameters", "measurements", "not_measured", "remarks")


def stored_object(text: str, what: str) -> dict[str, Any]:
    """Return the JSON object of a result.

    Raises
    ------
    HistoryUnavailable
        ``history_damaged`` if it is none.
    """
    try:
        stored = json.loads(text)
        if not all(name in stored for name in _NEEDED):
            raise KeyError
    except (ValueError, TypeError, KeyError):
        raise HistoryUnavailable(
            "history_damaged",
            f"the history is damaged, {what} cannot be read: see `nmqc history check`; keep it as it is, and put its "
            "last copy back under its name",
        ) from None
    return dict(stored)


_OF_INPUTS = ("head", "pixel_mm")
_OF_RESULTS = ("options", "made_with")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which results are wanted; None asks nothing.

    Attributes
    ----------
    test, system, system_unit, metric : str or None
        Exact names; `metric` keeps the results that hold a measurement of this name.
    detector : int or None
    acquired_from, acquired_to : str or None
        The beginning of an ISO date and time in the scanner's local time ("2026", "2026-11-16",
        "2026-11-16T07:12"); both ends belong to it, so that to "2026-11" holds the whole month. Results
        without a date are left out where one of the two is given.
    verdict : of the result
    excluded : bool or None
        True: the excluded ones alone; False: all but those; None: both.
    limit : int or None
        The largest number of results, the latest acquisitions first.
    """

    test: str | None = None
    system: str | None = None
    system_unit: str | None = None
    detector: int | None = None
    metric: str | None = None
    acquired_from: str | None = None
    acquired_to: str | None = None
    verdict: Verdict | None = None
    excluded: bool | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A result was excluded or included again: why, and when (UTC)."""

    event: Literal["excluded", "included"]
    reason: str
    recorded: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored result with what happened to it since.

    Attributes
    ----------
    recorded : when it was written, ISO 8601 in UTC
    nmqc : version of nmqc that wrote it
    energy_window : its name, else its ranges in keV; None where there is none
    acquired : the scanner's local time; None where it is unknown
    payload_text : the stored JSON text
    events : exclusions and inclusions, oldest first
    """

    number: int
    recorded: str
    nmqc: str
    test: str
    algorithm: str
    system: str
    system_unit: str
    detector: int | None
    energy_window: str | None
    acquired: str | None
    verdict: Verdict
    collimator: str
    nuclide: str
    payload_text: str = field(repr=False)
    events: tuple[Event, ...] = ()

    @property
    def payload(self) -> dict[str, Any]:
        """The contract's JSON object of the result, as it was recorded, with its number under "history".

        Keys that the version which wrote it did not know are null or empty.
        """
        stored = stored_object(self.payload_text, f"result {self.number}")
        inputs = [{**one, **{key: one.get(key) for key in _OF_INPUTS}} for one in stored["inputs"]]
        known = {"beside": stored.get("beside", []), **{key: stored.get(key) for key in _OF_RESULTS}}
        return {**stored, **known, "inputs": inputs, "history": self.number}

    @property
    def excluded(self) -> str | None:
        """Why the result is excluded; None where it is not."""
        if self.events and self.events[-1].event == "excluded":
            return self.events[-1].reason
        return None


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement in its series, for trends. `excluded` is the reason, None where it is not excluded."""

    number: int
    test: str
    algorithm: str
    system: str
    system_unit: str
    detector: int | None
    energy_window: str | None
    acquired: str | None
    collimator: str
    nuclide: str
    metric: str
    of: str
    value: float
    unit: str
    uncertainty: float | None
    verdict: Verdict
    excluded: str | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording did.

    Attributes
    ----------
    number : of the entry
    new : bool
        False where this very result stood in the history already, under this number.
    remark : Remark or None
        `same_uid_other_pixels` where the history knows an input's UID with other pixels; for a new entry it
        stands in the stored payload too.
    """

    number: int
    new: bool
    remark: Remark | None = None

    @property
    def same_uid_other_pixels(self) -> bool:
        """Say whether the history knows one of the inputs with other pixels."""
        return self.remark is not None


@dataclass(frozen=True, slots=True)
class RecordedRefusal:
    """An input that gave no result. It is worth another try where `tool` or `configuration` has changed."""

    number: int
    recorded: str
    nmqc: str
    sha256: str
    file: str
    detector: int | None
    energy_window: str | None
    code: str
    reason: str
    tool: str
    configuration: str
