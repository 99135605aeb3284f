"""The record of every result: append-only, in SQLite by default, in PostgreSQL by address.

Nothing that was written is ever changed or taken out: a correction is a new entry; an exclusion, a baseline, what
happened to a camera are appended. `find_address` settles where the history is, `History` reads and writes it,
`key_of` says which results are the same one, `exclusive` lets one process at a time do a thing. No SOP instance UID
is stored, only hashes.
"""

from nmqc.history.address import Address, find_address
from nmqc.history.entries import Entry, Event, Filters, Point, Recorded, RecordedRefusal
from nmqc.history.files import Batched, Filed, FileMark, RecordedMark, Traces, path_digest
from nmqc.history.key import InputKey, Key, key_of
from nmqc.history.lock import exclusive
from nmqc.history.series import SeriesKey, SeriesPoint, SeriesRows
from nmqc.history.stated import FIRST_RESULTS, KINDS, BaselineEntry, BaselineSet, Covered, Kind, Note
from nmqc.history.store import History
from nmqc.history.superseded import without_superseded

__all__ = [
    "FIRST_RESULTS",
    "KINDS",
    "Address",
    "BaselineEntry",
    "BaselineSet",
    "Batched",
    "Covered",
    "Entry",
    "Event",
    "FileMark",
    "Filed",
    "Filters",
    "History",
    "InputKey",
    "Key",
    "Kind",
    "Note",
    "Point",
    "Recorded",
    "RecordedMark",
    "RecordedRefusal",
    "SeriesKey",
    "SeriesPoint",
    "SeriesRows",
    "Traces",
    "exclusive",
    "find_address",
    "key_of",
    "path_digest",
    "without_superseded",
]
