"""Reading and writing the history. Every statement here is standard SQL and either reads or appends."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Literal

from nmqc import __version__
from nmqc.errors import UnusableInput
from nmqc.history.address import Address
from nmqc.history.engines import Database, connect
from nmqc.history.entries import Entry, Event, Filters, Point, Recorded, RecordedRefusal
from nmqc.history.key import InputKey, Key, digest_of, key_of
from nmqc.history.query import ENTRY_COLUMNS, LATEST_EVENT, POINT_COLUMNS, where_clause
from nmqc.history.schema import bring_up_to_date, now
from nmqc.model import EnergyWindow, Measurement, Refusal, Remark, Result


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
        key = key_of(result)
        known = self._known(key)
        if known is not None:  # nothing is ever taken out: no lock is needed to trust this
            return Recorded(known, False, self._remark(key))
        with self._database.writing():
            known, remark = self._known(key), self._remark(key)
            if known is not None:
                return Recorded(known, False, remark)
            number = self._next("nmqc_results")
            self._append_result(number, key, result, _payload_text(payload, remark))
            return Recorded(number, True, remark)

    def record_refusal(self, refusal: Refusal, *, sha256: str, tool: str, configuration: str = "") -> bool:
        """Append an input that gave no result; return False where the same refusal stands there already.

        Parameters
        ----------
        sha256 : of the bytes of the file
        tool : version of the algorithm that refused it, or of nmqc
        configuration : hash of the configuration that was used; "" for none
        """
        window = _window_name(refusal.energy_window)
        same = {"sha256": sha256, "detector": refusal.detector, "energy_window": window, "code": refusal.code}
        same |= {"tool": tool, "configuration": configuration}
        key = digest_of(same)
        with self._database.writing():
            if self._database.rows("SELECT number FROM nmqc_refusals WHERE key = ?", (key,)):
                return False
            said = {"file": _storable(refusal.file), "reason": _storable(refusal.reason)}
            row = {"number": self._next("nmqc_refusals"), "key": key, **_stamp(), **same, **said}
            self._append("nmqc_refusals", [row])
        return True

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

    def _append_result(self, number: int, key: Key, result: Result, payload: str) -> None:
        facts = _facts(result) | {"payload": payload}
        self._append("nmqc_results", [{"number": number, "key": key.digest, **_stamp(), **facts}])
        inputs = [{"uid": one.uid, "pixels": one.pixels, "sha256": one.sha256} for one in key.inputs]
        self._append("nmqc_inputs", [{"result": number, **row} for row in inputs])
        measured = [_measurement(measurement) for measurement in result.measurements]
        rows = [{"result": number, "position": position, **row} for position, row in enumerate(measured)]
        self._append("nmqc_measurements", rows)

    def _append_event(self, number: int, event: Literal["excluded", "included"], reason: str) -> bool:
        reason = _storable(reason.strip())
        if not reason:
            raise UnusableInput(
                "no_reason", "a result is excluded or included for a reason: give one with --reason"
            )
        with self._database.writing():
            excluded = self.get(number).excluded
            if (excluded is None) if event == "included" else (excluded == reason):
                return False
            row = {"number": self._next("nmqc_events"), "result": number, "event": event, "reason": reason}
            self._append("nmqc_events", [row | _stamp()])
        return True

    def _append(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows that have the same columns."""
        if not rows:
            return
        columns = ", ".join(f'"{name}"' for name in rows[0])
        places = ", ".join("?" for _ in rows[0])
        statement = f"INSERT INTO {table} ({columns}) VALUES ({places})"
        self._database.run_each(statement, [tuple(row.values()) for row in rows])

    def _next(self, table: str) -> int:
        """Return the number after the last; the write lock is held, so it is nobody else's."""
        return int(self._database.rows(f"SELECT COALESCE(MAX(number), 0) + 1 FROM {table}")[0][0])

    def _known(self, key: Key) -> int | None:
        found = self._database.rows("SELECT number FROM nmqc_results WHERE key = ?", (key.digest,))
        return int(found[0][0]) if found else None

    def _remark(self, key: Key) -> Remark | None:
        """Return the remark for inputs whose UID is known with other pixels."""
        others = [number for one in key.inputs for number in self._with_other_pixels(one)]
        if not others:
            return None
        text = (
            f"result {min(others)} in the history was made from a file with the same SOP instance UID and "
            "other pixels: one of the two files was changed after the acquisition"
        )
        return Remark("same_uid_other_pixels", text)

    def _with_other_pixels(self, one: InputKey) -> list[int]:
        if one.uid is None:
            return []
        statement = "SELECT result FROM nmqc_inputs WHERE uid = ? AND pixels <> ?"
        return [int(row[0]) for row in self._database.rows(statement, (one.uid, one.pixels))]

    # --- reading ----------------------------------------------------------------------------------------

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

    def refusals(self, sha256: str | None = None) -> list[RecordedRefusal]:
        """Return the refused inputs, oldest first; of one file where the hash of its bytes is given."""
        columns = (
            "number, recorded, nmqc, sha256, file, detector, energy_window, code, reason, tool, configuration"
        )
        where, values = ("", ()) if sha256 is None else ("WHERE sha256 = ?", (sha256,))
        rows = self._database.rows(f"SELECT {columns} FROM nmqc_refusals {where} ORDER BY number", values)
        return [RecordedRefusal(*row) for row in rows]

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


def _facts(result: Result) -> dict[str, Any]:
    """Return the columns of a result that can be asked for."""
    return {
        "test": result.test,
        "algorithm": result.algorithm,
        "system": _storable(result.source.system.name),
        "system_unit": _storable(result.source.system.unit),
        "detector": result.detector,
        "energy_window": _window_name(result.energy_window),
        "acquired": result.source.acquired,
        "verdict": result.verdict,
        "collimator": _storable(result.collimator),
        "nuclide": _storable(result.source.radionuclide),
    }


def _measurement(measurement: Measurement) -> dict[str, Any]:
    return {
        "name": measurement.metric.name,
        "of": measurement.of,
        "value": float(measurement.value),
        "unit": measurement.metric.unit,
        "uncertainty": measurement.uncertainty,
        "verdict": measurement.verdict,
    }


def _stamp() -> dict[str, str]:
    return {"recorded": now(), "nmqc": __version__}


def _payload_text(payload: Mapping[str, Any], remark: Remark | None) -> str:
    """Return the JSON text that is stored: in ASCII, so that no encoding of a database can change it."""
    stored = {**payload, "history": None}
    if remark is not None:
        stored["remarks"] = [*payload.get("remarks", []), {"code": remark.code, "text": remark.text}]
    return json.dumps(stored, allow_nan=False)


def _window_name(window: EnergyWindow | None) -> str | None:
    if window is None:
        return None
    return _storable(window.name) or ", ".join(f"{low:g} to {high:g} keV" for low, high in window.ranges_kev)


def _storable(text: str) -> str:
    """Return text that both engines can keep: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
