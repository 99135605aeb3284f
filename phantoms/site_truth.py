"""What is true of a synthetic site: its cameras, its files, and what was planted in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

SCHEMA = "phantoms.site/1"
ANALYSED, UNKNOWN, REFUSED = "analysed", "unknown", "refused"
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Item:
    """One acquisition, or a file that is none.

    Attributes
    ----------
    files : relative to the site's folder, with slashes
    kind : "flood", "bars", "cor", "iec", "cylinder"; "other" for what shows no phantom or cannot be read
    status : "analysed"; "unknown": not an image of a camera; "refused": damaged
    system : the camera, or "" for a file of none
    detectors : heads whose images these are, () for PET and for files that are no images
    acquired : local time at the start, or None
    true : quantities behind the images, by name
    duplicate_of : the file that this one is a copy of, or ""
    """

    files: tuple[str, ...]
    kind: str
    status: str
    system: str = ""
    detectors: tuple[int, ...] = ()
    acquired: datetime | None = None
    true: Mapping[str, float] = field(default_factory=dict)
    duplicate_of: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something planted.

    Attributes
    ----------
    name : one word with underscores
    system, detector : of the camera, "" and None where it is of none, or of all its detectors
    first, last : days on which it is there; a drift is 0 on the first
    files : those that show it
    what : what was done
    seen : what should be seen
    test, metrics : where numbers should show it, "" and () where none do
    sizes : how large it is, by name
    """

    name: str
    system: str
    detector: int | None
    first: date
    last: date
    files: tuple[str, ...]
    what: str
    seen: str
    test: str = ""
    metrics: tuple[str, ...] = ()
    sizes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a camera, as a logbook has it."""

    system: str
    day: date
    text: str


@dataclass(frozen=True, slots=True)
class SiteTruth:
    """What is true of a whole site.

    Attributes
    ----------
    first, last : days, both included
    cameras : what their headers say of them, and how their files are named
    """

    seed: int
    first: date
    last: date
    cameras: tuple[Mapping[str, Any], ...]
    events: tuple[Event, ...]
    faults: tuple[Fault, ...]
    items: tuple[Item, ...]

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        items = sorted(self.items, key=lambda item: item.files)
        return {
            "schema": SCHEMA,
            "note": "Synthetic. What is true of the folder of this name; nothing in it was measured.",
            "seed": self.seed,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "days": (self.last - self.first).days + 1,
            "cameras": [dict(camera) for camera in self.cameras],
            "counts": counts(items),
            "events": [_values(event) for event in self.events],
            "faults": [_values(fault) for fault in self.faults],
            "items": [_values(item) for item in items],
        }


def counts(items: Sequence[Item]) -> dict[str, int]:
    """Return how many items there are of each kind and status, and how many files."""
    found: dict[str, int] = {"files": sum(len(item.files) for item in items)}
    for item in items:
        key = f"{item.kind} {item.status}"
        found[key] = found.get(key, 0) + 1
    return dict(sorted(found.items()))


def _values(record: Item | Fault | Event) -> dict[str, Any]:
    """Return a record as JSON values: days and times in ISO 8601."""
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in asdict(record).items()
    }
