"""Results as QATrack+ takes them: one session of a test list for each acquisition.

A value goes to the test of the list whose macro name is its own (`macro_of`), or the one that the site says. A
session carries the SHA-256 of its files as `user_key`, which QATrack+ holds once: what is pushed twice is there once.
docs/neighbours/qatrack.md says how to set up the test list.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nmqc.errors import UnusableInput

if TYPE_CHECKING:
    from nmqc.history import Entry

#: macros that are no measurements: the verdict in a word, and the results' JSON for an upload test
VERDICT, RESULTS = "nmqc_verdict", "nmqc_results"
#: kinds of tests of QATrack+ that take what nmqc has
NUMBERS, WORDS, UPLOAD = ("simple", "wraparound"), ("string",), ("upload",)
#: kinds that QATrack+ fills by itself
ITS_OWN = ("constant", "composite", "scomposite")
_WORST = ("unjudged", "pass", "warn", "fail")
_NOT_OF_A_NAME = re.compile(r"[^0-9a-z]+")
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Value:
    """A number for a test, and what is said beside it."""

    value: float
    comment: str


@dataclass(frozen=True, slots=True)
class Session:
    """What is pushed of one acquisition.

    Attributes
    ----------
    key : what QATrack+ knows it by
    acquired : ISO 8601
    results : numbers of the entries of the history
    values : macro -> value
    verdict : the worst of them
    comment : on the whole session
    document : JSON text of the results, files named by the start of their SHA-256
    """

    key: str
    acquired: str
    results: tuple[int, ...]
    values: Mapping[str, Value]
    verdict: str
    comment: str
    document: str


@dataclass(frozen=True, slots=True)
class Collection:
    """A test list of a unit, as QATrack+ has it: its address, and the kind of each of its tests by macro."""

    url: str
    tests: Mapping[str, str]


def sessions(
    entries: Iterable[Entry], detector: int | None = None, macros: Mapping[str, str] | None = None
) -> list[Session]:
    """Return the sessions that some results of one unit and one test are, latest acquisition first.

    The results of one acquisition are those of the same files; of results of the same detector and energy window
    (another version of nmqc, other options) the last one recorded counts. Excluded results, and those of other
    detectors than the one that is asked for, are in no session; but their energy windows count among those of their
    acquisition, so that the macro of a value does not depend on what is left out.

    Parameters
    ----------
    entries : of one unit and test, in the order of the history, each with a date; all of an acquisition
    detector : the one whose results they are; None: of all
    macros : macro by `macro_of` -> the site's own name

    Raises
    ------
    UnusableInput
        ``macro_twice``: two values for one macro.
    """
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        groups.setdefault(tuple(sorted({one["sha256"] for one in entry.payload["inputs"]})), []).append(entry)
    made = (_session(hashes, group, detector, macros or {}) for hashes, group in groups.items())
    found = [one for one in made if one is not None]
    return sorted(found, key=lambda one: (one.acquired, one.key), reverse=True)


def _session(
    hashes: tuple[str, ...], group: Sequence[Entry], detector: int | None, macros: Mapping[str, str]
) -> Session | None:
    """Return the session of one acquisition; None where no result of it is to be pushed."""
    windows = list(dict.fromkeys(entry.energy_window for entry in sorted(group, key=_lowest_kev)))
    valid = [one for one in group if one.excluded is None and detector in (None, one.detector)]
    latest = {(entry.detector, entry.energy_window): entry for entry in sorted(valid, key=lambda e: e.number)}
    kept = sorted(latest.values(), key=lambda entry: (_lowest_kev(entry), entry.detector or 0))
    if not kept:
        return None
    values: dict[str, Value] = {}
    for entry in kept:
        for measured in entry.payload["measurements"]:
            ours = macro_of(
                measured["name"], measured["of"], entry.detector, windows.index(entry.energy_window) + 1
            )
            _add(values, macros.get(ours, ours), measured)
    return Session(
        key=_key(kept[0].test, hashes, detector),
        acquired=max(entry.acquired or "" for entry in kept),
        results=tuple(entry.number for entry in kept),
        values=values,
        verdict=max((entry.verdict for entry in kept), key=_WORST.index),
        comment=_comment(kept, hashes),
        document=json.dumps([_without_names(entry.payload) for entry in kept], allow_nan=False),
    )


def macro_of(name: str, of: str, detector: int | None, window: int = 1) -> str:
    """Return the macro name of a measurement: "uniformity_integral_ufov_d1".

    The metric, then what it is of, the detector as "d1", and "w2" for the second energy window, by its keV.
    """
    parts = [name, of, "" if detector is None else f"d{detector}", "" if window == 1 else f"w{window}"]
    return _NOT_OF_A_NAME.sub("_", "_".join(part for part in parts if part).lower()).strip("_")


def _add(values: dict[str, Value], macro: str, measured: Mapping[str, Any]) -> None:
    if macro in values:
        raise UnusableInput(
            "macro_twice", f"two values are for the macro {macro}: give them different names with --macro"
        )
    values[macro] = Value(measured["value"], _said(measured))


def _said(measured: Mapping[str, Any]) -> str:
    uncertainty, limits = measured["uncertainty"], measured["limits"]
    unit = measured["unit"]
    words = [] if uncertainty is None else [f"+- {uncertainty:.2g} {unit}".strip()]
    if limits is not None:
        ends = (f"{level} {_ends(limits[level])}" for level in ("warn", "fail"))
        words += [*ends, "" if limits["verified"] else "limit not verified"]
    return "; ".join(word for word in [*words, measured["verdict"]] if word)


def _ends(ends: Mapping[str, float | None]) -> str:
    low, high = ends["low"], ends["high"]
    if low is None and high is None:
        return "none"
    return f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}"


def _comment(entries: Sequence[Entry], hashes: Sequence[str]) -> str:
    first = entries[0]
    numbers = ", ".join(str(entry.number) for entry in entries)
    files = ", ".join(hashes[:_SHOWN]) + (f" and {len(hashes) - _SHOWN} more" if len(hashes) > _SHOWN else "")
    verdict = max((entry.verdict for entry in entries), key=_WORST.index)
    return (
        f"nmqc {first.nmqc}, {first.algorithm}: {verdict}. History: {numbers}. SHA-256 of the files: {files}"
    )


def _key(test: str, hashes: Sequence[str], detector: int | None) -> str:
    """Return what QATrack+ is to know a session by: test, files, and the detector where there is one alone."""
    digest = hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
    return f"nmqc:{test}:{digest}" + ("" if detector is None else f":d{detector}")


def _lowest_kev(entry: Entry) -> float:
    window = entry.payload["energy_window"]
    return min((low for low, _ in window["ranges_kev"]), default=0.0) if window else 0.0


def _without_names(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {**payload, "inputs": [{**one, "file": one["sha256"][:12]} for one in payload["inputs"]]}


# --- what is sent ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fitted:
    """A session as one test list takes it.

    Attributes
    ----------
    body : the object that is posted
    sent : macros that have a value
    skipped : tests of the list that nmqc has no value for; QATrack+ wants every test to be named
    left : macros that the list has no test for
    """

    body: dict[str, Any]
    sent: tuple[str, ...]
    skipped: tuple[str, ...]
    left: tuple[str, ...]


def fitted(session: Session, collection: Collection) -> Fitted:
    """Return what is posted of a session to a test list.

    Raises
    ------
    UnusableInput
        ``no_macro_fits``: no test of the list is one that nmqc has a value for.
    """
    numbers = {name for name, kind in collection.tests.items() if kind in NUMBERS}
    tests: dict[str, dict[str, Any]] = {
        macro: {"value": one.value, "comment": one.comment}
        for macro, one in session.values.items()
        if macro in numbers
    }
    if not tests:
        raise UnusableInput("no_macro_fits", _no_fit(session, collection))
    if collection.tests.get(VERDICT) in WORDS:
        tests[VERDICT] = {"value": session.verdict}
    if collection.tests.get(RESULTS) in UPLOAD:
        tests[RESULTS] = {"filename": "results.json", "value": session.document, "encoding": "text"}
    others = [name for name, kind in collection.tests.items() if name not in tests and kind not in ITS_OWN]
    skipped = {
        name: {"value": None, "skipped": True, "comment": "nmqc has no value for it"} for name in others
    }
    body = {
        "unit_test_collection": collection.url,
        "in_progress": False,
        "work_started": session.acquired,
        "work_completed": session.acquired,
        "user_key": session.key,
        "comment": session.comment,
        "tests": tests | skipped,
    }
    left = tuple(macro for macro in session.values if macro not in numbers)
    return Fitted(body, tuple(tests), tuple(others), left)


def _no_fit(session: Session, collection: Collection) -> str:
    ours = ", ".join(list(session.values)[:_SHOWN])
    theirs = ", ".join(list(collection.tests)[:_SHOWN]) or "none"
    return (
        f"no test of the list takes a value of nmqc: its macros are {theirs}; nmqc has {ours}, ...: name the tests "
        "so, or say with --macro which is which"
    )
