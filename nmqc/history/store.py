"""Reading and writing the history. Every statement here is standard SQL and either reads or appends."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Literal

from nmqc import __version__
from nmqc.errors import UnusableInput
from nmqc.history import stating
from nmqc.history.address import Address
from nmqc.history.chunk import Chunk, prepare
from nmqc.history.engines import Database, connect
from nmqc.history.entries import Entry, Event, Filters, Point, Recorded, RecordedRefusal
from nmqc.history.files import Batched, Filed, FileMark, RecordedMark, Traces
from nmqc.history.query import (
    ENTRY_COLUMNS,
    FILE_COLUMNS,
    LATEST_EVENT,
    POINT_COLUMNS,
    cameras,
    latest_marks,
    rows_of,
    where_clause,
)
from nmqc.history.rows import append, mark_of, storable
from nmqc.history.schema import bring_up_to_date, now
from nmqc.history.series import SeriesRows, read_series
from nmqc.history.stated import BaselineEntry, BaselineSet, Kind, Note
from nmqc.model import Refusal, Result, Verdict

_NEXT_EVENT = "SELECT COALESCE(MAX(number), 0) + 1 FROM nmqc_events"


class History:
    """The record of every result. Open it with `History.open`, in a `with` statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, address: Address, *, timeout_s: float = 30, read_only: bool = False) -> History:
        """Open a history; where there is none yet it is made, unless `read_only`.

        Parameters
        ----------
        timeout_s : float
            How long a history that another program has locked is waited for.
        read_only : bool
            True never writes: it neither makes nor upgrades a history.

        Raises
        ------
        HistoryUnavailable
            If it cannot be opened, is no history, or is of a newer nmqc.
        """
        database = connect(address, timeout_s, read_only)
        try:
            bring_up_to_date(database, read_only)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def __enter__(self) -> History:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the history."""
        self._database.close()

    # --- writing ----------------------------------------------------------------------------------------

    def record(self, result: Result, payload: Mapping[str, Any]) -> Recorded:
        """Append a result, unless this very result stands there already.

        All of it is written or nothing. Where the history knows an input's SOP instance UID with other
        pixels, the remark `same_uid_other_pixels` is added to the stored payload and returned, for the caller
        to show.

        Parameters
        ----------
        payload : mapping of JSON values
            The contract's JSON object of the result; its "history" is filled in on reading.

        Raises
        ------
        HistoryUnavailable
            If it cannot be written; then nothing is.
        ValueError
            If the payload holds NaN or an infinity.
        """
        return self.record_batch([Batched(results=((result, payload),))])[0].results[0]

    def record_refusal(self, refusal: Refusal, *, sha256: str, tool: str, configuration: str = "") -> bool:
        """Append an input that gave no result; return False where the same refusal stands there already.

        Parameters
        ----------
        sha256 : of the bytes of the file
        tool : version of the algorithm that refused it, or of nmqc
        configuration : hash of the configuration that was used; "" for none
        """
        refused = (refusal, sha256, tool, configuration)
        return self.record_batch([Batched(refusals=(refused,))])[0].refusals[0]

    def record_batch(self, items: Sequence[Batched]) -> list[Filed]:
        """Append what stands not there already of many acquisitions, in one transaction.

        All of it is written or nothing, so that the same items may be given again: what stands there is not
        appended a second time, and a mark only where it differs from the latest of its path.

        Returns
        -------
        list of Filed
            What was done with each item, in their order.

        Raises
        ------
        HistoryUnavailable
            If it cannot be written; then nothing is. Open the history anew after `history_unreachable`.
        ValueError
            If a payload holds NaN or an infinity.
        """
        prepared = [prepare(item) for item in items]
        chunk = Chunk(self._database, prepared)
        if chunk.empty:  # nothing is ever taken out: no lock is needed to trust this
            return chunk.filed
        with self._database.writing():
            chunk = Chunk(self._database, prepared)
            for table, rows in chunk.rows.items():
                append(self._database, table, rows)
        return chunk.filed

    def exclude(self, number: int, reason: str) -> bool:
        """Take a result out of baselines and trends; return False where it is excluded for this very reason.

        The result stays as it is and stays visible: an event is appended.

        Raises
        ------
        UnusableInput
            If there is no such result, or no reason is given.
        """
        return self._append_event(number, "excluded", reason)

    def include(self, number: int, reason: str) -> bool:
        """Put an excluded result back; return False where it is not excluded.

        Raises
        ------
        UnusableInput
            If there is no such result, or no reason is given.
        """
        return self._append_event(number, "included", reason)

    def _append_event(self, number: int, event: Literal["excluded", "included"], reason: str) -> bool:
        reason = storable(reason.strip())
        if not reason:
            raise UnusableInput(
                "no_reason", "a result is excluded or included for a reason: give one with --reason"
            )
        with self._database.writing():
            excluded = self.get(number).excluded
            if (excluded is None) if event == "included" else (excluded == reason):
                return False
            number_of_event = int(self._database.rows(_NEXT_EVENT)[0][0])
            row = {"number": number_of_event, "result": number, "event": event, "reason": reason}
            append(self._database, "nmqc_events", [row | {"recorded": now(), "nmqc": __version__}])
        return True

    # --- stating ----------------------------------------------------------------------------------------

    def set_baseline(
        self,
        unit: str,
        first: str,
        last: str | None = None,
        *,
        kind: Kind,
        note: str,
        test: str = "",
        metric: str = "",
        detector: int | None = None,
    ) -> BaselineSet:
        """Append a span of time that is a baseline from now on, unless this very one holds already.

        Parameters
        ----------
        unit : the one physical camera
        first, last : str
            ISO days, or days and times, of the scanner; both belong to it. Without a last one the baseline is of
            the first 20 valid results of each series from `first` on, which may be still to come.
        note : why
        test, metric, detector : what it is for; "" and None: all of the camera

        Raises
        ------
        UnusableInput
            If the span lies in the future, has ended without a valid result, or runs backwards; if the history
            knows no such camera, test, metric or detector; if there is no note.
        """
        wanted = BaselineEntry(0, unit, test, metric, detector, first, last, kind, note, "")
        with self._database.writing():
            return stating.add_baseline(self._database, wanted)

    def end_baseline(self, number: int, note: str) -> bool:
        """Let a baseline hold no longer, and say why; return False where that is so already.

        Raises
        ------
        UnusableInput
            If there is no such baseline, or no note is given.
        """
        with self._database.writing():
            return stating.withdraw(self._database, "baseline", number, note)

    def add_note(self, unit: str, date: str, text: str, kind: Kind = "service") -> int:
        """Append what happened to a camera, unless that stands there already; return the number of the note.

        Raises
        ------
        UnusableInput
            If it lies in the future or says nothing, or the history knows no such camera.
        """
        with self._database.writing():
            return stating.add_note(self._database, Note(0, unit, date, kind, text, ""))

    def withdraw_note(self, number: int, reason: str) -> bool:
        """Withdraw a note, and say why; return False where it is withdrawn already.

        Raises
        ------
        UnusableInput
            If there is no such note, or no reason is given.
        """
        with self._database.writing():
            return stating.withdraw(self._database, "note", number, reason)

    def baselines(self, unit: str | None = None, *, ended: bool = False) -> list[BaselineEntry]:
        """Return the baselines that hold, in the order in which they were set; ended ones too if asked for."""
        return stating.baselines(self._database, unit, ended=ended)

    def notes(self, unit: str | None = None, *, withdrawn: bool = False) -> list[Note]:
        """Return what happened to a camera, or to all, by date; withdrawn notes too if asked for."""
        return stating.notes(self._database, unit, withdrawn=withdrawn)

    # --- reading ----------------------------------------------------------------------------------------

    def cameras(self) -> list[tuple[str, str]]:
        """Return (unit, kind of system) of every camera with a result."""
        return cameras(self._database)

    def unit_of(self, name: str) -> str:
        """Return the camera of this name, else the only one of this kind of system.

        Raises
        ------
        UnusableInput
            If there is none, or several.
        """
        return stating.unit_of(self._database, name)

    def get(self, number: int) -> Entry:
        """Return one result with its events.

        Raises
        ------
        UnusableInput
            If there is no result of this number.
        """
        found = self._entries("WHERE r.number = ?", (number,))
        if not found:
            raise UnusableInput(
                "no_such_result",
                f"the history holds no result {number}: `nmqc history list` shows those it holds",
            )
        return found[0]

    def select(self, filters: Filters | None = None) -> list[Entry]:
        """Return the results that the filters let through, latest acquisition first, unknown dates last."""
        where, values = where_clause(filters or Filters())
        order = "ORDER BY COALESCE(r.acquired, '') DESC, r.number DESC"
        chosen = f"SELECT r.number FROM nmqc_results r {LATEST_EVENT} {where} {order}"
        if filters is not None and filters.limit is not None:
            chosen, values = f"{chosen} LIMIT ?", (*values, filters.limit)
        return self._entries(
            f"WHERE r.number IN ({chosen}) {order}", values
        )  # payloads are not sorted in vain

    def count(self, filters: Filters | None = None) -> int:
        """Return how many results the filters let through, whatever their limit."""
        where, values = where_clause(filters or Filters())
        return int(
            self._database.rows(f"SELECT COUNT(*) FROM nmqc_results r {LATEST_EVENT} {where}", values)[0][0]
        )

    def points(self, filters: Filters) -> list[Point]:
        """Return measurements in order of acquisition, unknown dates first; the limit keeps the latest.

        Only those named by `filters.metric`, if it is given. The stored payloads are not read: a trend over
        ten years stays quick.
        """
        where, values = where_clause(filters, metric_column="m.name")
        limit, order = "", "COALESCE(r.acquired, '') DESC, r.number DESC, m.position DESC"
        if filters.limit is not None:
            limit, values = "LIMIT ?", (*values, filters.limit)
        tables = f"nmqc_results r JOIN nmqc_measurements m ON m.result = r.number {LATEST_EVENT}"
        rows = self._database.rows(
            f"SELECT {POINT_COLUMNS} FROM {tables} {where} ORDER BY {order} {limit}", values
        )
        return [Point(*row) for row in reversed(rows)]

    def series(self, filters: Filters) -> list[SeriesRows]:
        """Return measurements as series: of one quantity of one camera, acquired and analysed alike.

        Excluded ones are among them, unless the filters say otherwise. The limit keeps the latest results. Stored
        payloads are read of results that an older nmqc recorded alone.
        """
        return read_series(self._database, filters)

    def pictures(self, numbers: Collection[int]) -> dict[int, str]:
        """Return the small image of each of these results that has one: a PNG file in base64, by number."""
        asked = "SELECT result, png FROM nmqc_pictures WHERE result IN ({})"
        return dict(rows_of(self._database, asked, list(numbers)))

    def refusals(self, sha256: str | None = None) -> list[RecordedRefusal]:
        """Return the refused inputs, oldest first; of one file where the hash of its bytes is given."""
        columns = (
            "number, recorded, nmqc, sha256, file, detector, energy_window, code, reason, tool, configuration"
        )
        where, values = ("", ()) if sha256 is None else ("WHERE sha256 = ?", (sha256,))
        rows = self._database.rows(f"SELECT {columns} FROM nmqc_refusals {where} ORDER BY number", values)
        return [RecordedRefusal(*row) for row in rows]

    def marks(self, paths: Collection[str] | None = None) -> dict[str, FileMark]:
        """Return the latest mark of each path (`path_digest`) that has one; None asks for all paths."""
        return latest_marks(self._database, paths)

    def briefs(self, numbers: Collection[int]) -> dict[int, tuple[str, int | None, Verdict]]:
        """Return test, detector and verdict of the results with these numbers; their payloads are not read."""
        asked = "SELECT number, test, detector, verdict FROM nmqc_results WHERE number IN ({})"
        return {row[0]: (row[1], row[2], row[3]) for row in rows_of(self._database, asked, numbers)}

    def traces(self, path: str, sha256: str) -> Traces:
        """Return what is known of a file by its path (`path_digest`) and by its bytes.

        Parameters
        ----------
        sha256 : of its bytes; "" where they are not at hand: then what they were by the latest mark of the path
        """
        latest = self._marks_where("number = (SELECT MAX(number) FROM nmqc_files WHERE path = ?)", path)
        of_bytes = sha256 or (latest[0].mark.sha256 if latest else "")
        same = self._marks_where("sha256 = ?", of_bytes) if of_bytes else latest
        numbers = {number for one in same for number in one.mark.results}
        made_from = self._database.rows("SELECT result FROM nmqc_inputs WHERE sha256 = ?", (of_bytes,))
        marks = {one.number: one for one in (*latest, *same)}
        return Traces(
            tuple(marks[number] for number in sorted(marks)),
            tuple(self._numbered(sorted(numbers | {row[0] for row in made_from}))),
            tuple(self.refusals(of_bytes)),
        )

    def _numbered(self, numbers: Sequence[int]) -> list[Entry]:
        if not numbers:
            return []
        places = ", ".join("?" for _ in numbers)
        return self._entries(f"WHERE r.number IN ({places}) ORDER BY r.number", numbers)

    def _marks_where(self, condition: str, value: str) -> list[RecordedMark]:
        columns = f"number, recorded, nmqc, {FILE_COLUMNS}"
        found = self._database.rows(
            f"SELECT {columns} FROM nmqc_files WHERE {condition} ORDER BY number", (value,)
        )
        return [RecordedMark(row[0], row[1], row[2], mark_of(row[3:])) for row in found]

    def _entries(self, rest: str, values: Sequence[Any]) -> list[Entry]:
        rows = self._database.rows(
            f"SELECT {ENTRY_COLUMNS} FROM nmqc_results r {LATEST_EVENT} {rest}", values
        )
        events = self._events(rows[0][0] if len(rows) == 1 else None)
        return [replace(Entry(*row), events=tuple(events.get(row[0], ()))) for row in rows]

    def _events(self, number: int | None) -> dict[int, list[Event]]:
        """Return the events of one result, or of all: they are few."""
        where, values = ("", ()) if number is None else ("WHERE result = ?", (number,))
        columns = "result, event, reason, recorded"
        events: dict[int, list[Event]] = {}
        for row in self._database.rows(f"SELECT {columns} FROM nmqc_events {where} ORDER BY number", values):
            events.setdefault(row[0], []).append(Event(*row[1:]))
        return events
