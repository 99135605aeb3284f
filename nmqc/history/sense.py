"""What makes no sense of a baseline or a note is refused; and which results a baseline is of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from nmqc.errors import UnusableInput
from nmqc.history.engines import Database
from nmqc.history.query import LATEST_EVENT, cameras
from nmqc.history.rows import storable
from nmqc.history.stated import FIRST_RESULTS, KINDS, BaselineEntry, Note, beginning_of, end_of

#: times of results by (test, detector)
Moments = dict[tuple[str, int | None], list[datetime]]
_TOLERANCE = timedelta(days=1)  # a site's clock may be some hours ahead of this computer's


def no_such_unit(name: str, known: Sequence[str]) -> UnusableInput:
    """Return the refusal for a camera without any result."""
    return UnusableInput("no_such_unit", f"no result is of a camera {name!r}: {_listed(known, '')}")


def words(text: str, code: str, what: str) -> str:
    """Return text as it is stored; refuse it where there is none."""
    found = storable(text.strip())
    if not found:
        raise UnusableInput(code, f"no words were given: say {what}")
    return found


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise UnusableInput("no_such_kind", f"the kind {kind!r} is none of {', '.join(KINDS)}")


def _beginning(moment: str) -> datetime:
    try:
        return beginning_of(moment)
    except ValueError:
        raise UnusableInput(
            "bad_date", f'{moment!r} is no day: write it as "2026-11-16" or "2026-11-16T07:12"'
        ) from None


def _latest(database: Database, unit: str) -> datetime:
    """Return the last moment that is not in the future: now, or of a later result of the camera, and a day more."""
    asked = "SELECT MAX(acquired) FROM nmqc_results WHERE system_unit = ?"
    here = datetime.now()
    acquired = database.rows(asked, (unit,))[0][0]
    return max(here, beginning_of(acquired) if acquired else here) + _TOLERANCE


def check_baseline(database: Database, wanted: BaselineEntry) -> None:
    """Refuse a span, a kind or a name that makes no sense."""
    _check_kind(wanted.kind)
    _check_names(database, wanted)
    _check_span(wanted, _latest(database, wanted.unit))


def check_note(database: Database, wanted: Note) -> None:
    """Refuse what has not happened yet, or happened to no known camera."""
    _check_kind(wanted.kind)
    _check_unit(database, wanted.unit)
    if _beginning(wanted.date) > _latest(database, wanted.unit):
        raise UnusableInput(
            "event_in_future", f"{wanted.date} has not come yet: record the event when it has happened"
        )


def _check_span(wanted: BaselineEntry, latest: datetime) -> None:
    first, last = _beginning(wanted.first), wanted.last
    if first > latest:
        raise UnusableInput(
            "baseline_in_future",
            f"a baseline from {wanted.first} on lies in the future: set it on the day it begins",
        )
    if last is not None and _beginning(last) > latest:
        raise UnusableInput(
            "baseline_in_future",
            f"the baseline would end in the future, at {last}: leave out --to, and it is of the first "
            f"{FIRST_RESULTS} valid results from {wanted.first} on",
        )
    if last is not None and end_of(last) < first:
        raise UnusableInput(
            "baseline_backwards",
            f"the baseline would end at {last}, before it begins at {wanted.first}: exchange --from and --to",
        )


def _check_unit(database: Database, unit: str) -> None:
    known = [one for one, _ in cameras(database)]
    if unit not in known:
        raise no_such_unit(unit, known)


def _check_names(database: Database, wanted: BaselineEntry) -> None:
    """Refuse a camera, test, metric or detector without any result."""
    _check_unit(database, wanted.unit)
    tests = _column(database, "test", wanted.unit, {})
    if wanted.test and wanted.test not in tests:
        raise _unknown("test", wanted.test, wanted.unit, tests)
    detectors = _column(database, "detector", wanted.unit, {"test": wanted.test})
    if wanted.detector is not None and wanted.detector not in detectors:
        raise _unknown(
            "detector", wanted.detector, wanted.unit, [one for one in detectors if one is not None]
        )
    if wanted.metric:
        narrowed = {"test": wanted.test, "detector": wanted.detector}
        metrics = _column(database, "name", wanted.unit, narrowed)
        if wanted.metric not in metrics:
            raise _unknown("metric", wanted.metric, wanted.unit, metrics)


def _column(database: Database, column: str, unit: str, narrowed: dict[str, Any]) -> list[Any]:
    """Return the distinct values of a column of a camera's results, or the names of its metrics."""
    asked = {f"r.{name} = ?": value for name, value in narrowed.items() if value not in ("", None)}
    conditions = " AND ".join(["r.system_unit = ?", *asked])
    source, order = (
        ("nmqc_results r JOIN nmqc_measurements m ON m.result = r.number", f"m.{column}")
        if column == "name"
        else ("nmqc_results r", f"r.{column}")
    )
    rows = database.rows(
        f"SELECT DISTINCT {order} FROM {source} WHERE {conditions} ORDER BY 1", (unit, *asked.values())
    )
    return [row[0] for row in rows]


def _unknown(what: str, asked: str | int, unit: str, known: Iterable[object]) -> UnusableInput:
    reason = f"no result of {unit} is of {what} {asked}: {_listed([str(one) for one in known], str(asked))}"
    return UnusableInput(f"no_such_{what}", reason)


def _listed(known: Sequence[str], asked: str) -> str:
    """Return what there is, in words: what is spelled alike where there is much."""
    if not known:
        return "the history knows none"
    alike = get_close_matches(asked, known, n=5, cutoff=0.5) if len(known) > 8 else []
    return f"the history knows {', '.join(alike or known)}"


# --- the results within a baseline ------------------------------------------------------------------------


def valid_results(database: Database, wanted: BaselineEntry) -> Moments:
    """Return the times of the valid results that a baseline may be of, by test and detector, in order."""
    asked = {
        "r.system_unit = ?": wanted.unit,
        "r.test = ?": wanted.test or None,
        "r.detector = ?": wanted.detector,
    }
    given = {condition: value for condition, value in asked.items() if value is not None}
    values: list[Any] = list(given.values())
    conditions = [*given, "r.acquired IS NOT NULL", "COALESCE(e.event, 'included') = 'included'"]
    if wanted.metric:
        conditions.append(
            "EXISTS (SELECT 1 FROM nmqc_measurements h WHERE h.name = ? AND h.result = r.number)"
        )
        values.append(wanted.metric)
    rows = database.rows(
        f"SELECT r.test, r.detector, r.acquired FROM nmqc_results r {LATEST_EVENT} "
        f"WHERE {' AND '.join(conditions)}",
        values,
    )
    found: Moments = {}
    for test, detector, acquired in rows:
        found.setdefault((test, detector), []).append(datetime.fromisoformat(acquired).replace(tzinfo=None))
    ordered = sorted(found.items(), key=lambda item: (item[0][0], item[0][1] or 0))
    return {which: sorted(moments) for which, moments in ordered}


def check_results(wanted: BaselineEntry, acquired: Moments) -> None:
    """Refuse a span that has ended without a valid result; one without an end may wait for its first."""
    if wanted.last is None or covered_by(wanted, acquired):
        return
    every = [moment for moments in acquired.values() for moment in moments]
    where = (
        f"its valid results are from {min(every):%Y-%m-%d} to {max(every):%Y-%m-%d}"
        if every
        else "there is no valid result with a date"
    )
    raise UnusableInput(
        "baseline_without_results",
        f"no valid result of {_scope(wanted)} lies between {wanted.first} and {wanted.last}: {where}",
    )


def _scope(wanted: BaselineEntry) -> str:
    detector = "" if wanted.detector is None else f"detector {wanted.detector}"
    return ", ".join(part for part in (wanted.unit, wanted.test, wanted.metric, detector) if part)


def covered_by(wanted: BaselineEntry, acquired: Moments) -> Moments:
    """Return the times that lie in a baseline; of one without an end, of the first 20 of each."""
    first = beginning_of(wanted.first)
    last = datetime.max if wanted.last is None else end_of(wanted.last)
    most = FIRST_RESULTS if wanted.last is None else None
    inside = {
        which: [moment for moment in moments if first <= moment <= last][:most]
        for which, moments in acquired.items()
    }
    return {which: moments for which, moments in inside.items() if moments}


def within(known: Sequence[Note], covered: Moments) -> tuple[Note, ...]:
    """Return the notes that lie between the first and the last result of a series in a baseline.

    A day without a time counts from its beginning: a result of that day may be of before or after.
    """
    return tuple(
        note for note in known if any(moments[0] < note.at <= moments[-1] for moments in covered.values())
    )
