"""What the history says of one file, for whoever asks why it has no result."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nmqc import __version__
from nmqc.cli.history_text import listing, wrapped
from nmqc.errors import NmqcError
from nmqc.history import History, RecordedMark, Traces, path_digest
from nmqc.report import wording
from nmqc.report.terminal import Screen

SCHEMA = "nmqc.explain/1"
_HASH_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Asked:
    """A file that is asked about.

    Attributes
    ----------
    name : what it is called by
    path : `path_digest` of it
    sha256 : of its bytes; "" where they cannot be read
    size, modified_ns : as it lies there; None where it cannot be looked at
    """

    name: str
    path: str
    sha256: str
    size: int | None
    modified_ns: int | None


def asked_of(path: Path, *, show_name: bool) -> Asked:
    """Look at a file, and call it by its name or by the start of its SHA-256."""
    digest = path_digest(path)
    try:
        facts = path.stat() if path.is_file() else None
        sha256 = _sha256(path) if facts else ""
    except OSError:
        facts, sha256 = None, ""
    name = wording.clean(path.name) if show_name else sha256[:_HASH_SHOWN] or "the file"
    return Asked(name, digest, sha256, facts.st_size if facts else None, facts.st_mtime_ns if facts else None)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def traces_of(asked: Asked, history: History) -> Traces:
    """Return what the history knows of a file."""
    return history.traces(asked.path, asked.sha256)


def _unchanged(asked: Asked, traces: Traces) -> bool | None:
    """Say whether the file is as its latest mark has it; None where it is not there, or has no mark."""
    own = [one.mark for one in traces.marks if one.mark.path == asked.path]
    if asked.size is None or not own:
        return None
    latest = own[-1]
    return (latest.size, latest.modified_ns, latest.sha256) == (asked.size, asked.modified_ns, asked.sha256)


# --- JSON -----------------------------------------------------------------------------------------------


def document(where: str, asked: Asked, traces: Traces) -> bytes:
    """Return the object of the JSON Schema ``docs/schema/nmqc.explain-1.json``."""
    return _dumped(where, asked, traces)


def nothing(refusal: NmqcError) -> bytes:
    """Return the same object where nothing can be said at all, with the reason."""
    return _dumped(None, None, Traces((), (), ()), refusal)


def _dumped(where: str | None, asked: Asked | None, traces: Traces, *refused: NmqcError) -> bytes:
    from nmqc.history.export import entry_json
    from nmqc.report.document import dump

    found = {
        "schema": SCHEMA,
        "nmqc": __version__,
        "history": where,
        "file": asked.name if asked else None,
        "sha256": (asked.sha256 or None) if asked else None,
        "unchanged": _unchanged(asked, traces) if asked else None,
        "marks": [_mark_json(one, asked) for one in traces.marks],
        "results": [entry_json(entry) for entry in traces.results],
        "refusals": [asdict(refusal) for refusal in traces.refusals],
        "refused": [{"code": refusal.code, "reason": refusal.reason} for refusal in refused],
    }
    return dump(found).encode()


def _mark_json(one: RecordedMark, asked: Asked | None) -> dict[str, Any]:
    mark = one.mark
    return {
        "recorded": one.recorded,
        "nmqc": one.nmqc,
        "this_path": asked is not None and mark.path == asked.path,
        "state": mark.state,
        "code": mark.code or None,
        "reason": mark.reason or None,
        "size": mark.size,
        "sha256": mark.sha256 or None,
        "tool": mark.tool,
        "configuration": mark.configuration,
        "results": list(mark.results),
    }


# --- text -----------------------------------------------------------------------------------------------


def explained(asked: Asked, traces: Traces, screen: Screen) -> str:
    """Return what is known of a file, in the order in which it was recorded."""
    rows = [("SHA-256", asked.sha256 or "not known: the file is not there, or not readable")]
    rows += [_mark_words(one, asked) for one in traces.marks]
    told = {(one.mark.code, one.mark.reason) for one in traces.marks}
    rows += [
        ("refused", f"{one.recorded} by {one.tool}, {_frame(one.detector)}{one.code}: {one.reason}")
        for one in traces.refusals
        if (one.code, one.reason) not in told
    ]
    width = max(len(name) for name, _ in rows) + 4
    lines = [asked.name, *(line for name, words in rows for line in wrapped(name, words, width, screen))]
    if traces.results:
        lines += ["", *listing(traces.results, None, screen).splitlines()]
    lines += ["", *_advice(asked, traces, screen)]
    return "".join(f"{line}\n" for line in lines)


def _mark_words(one: RecordedMark, asked: Asked) -> tuple[str, str]:
    mark = one.mark
    why = f", {mark.code}: {mark.reason}" if mark.code else ""
    where = "batch" if mark.path == asked.path else "same bytes"
    numbers = ", ".join(str(number) for number in mark.results)
    results = f", result{'s' if len(mark.results) > 1 else ''} {numbers}" if numbers else ""
    return where, f"{one.recorded} by {mark.tool}: {mark.state}{results}{why}"


def _frame(detector: int | None) -> str:
    return "" if detector is None else f"detector {detector}, "


def _advice(asked: Asked, traces: Traces, screen: Screen) -> list[str]:
    """Return what follows for the person, in a line or two."""
    if not (traces.marks or traces.results or traces.refusals):
        words = (
            "The history knows nothing of it: `nmqc identify` says what it is and which command analyses it."
        )
    elif asked.size is None:
        words = "It cannot be looked at now: this is what was recorded."
    elif _unchanged(asked, traces) is False:
        words = "It has changed since batch looked at it: the next `nmqc batch` opens it again."
    elif traces.results:
        words = "`nmqc history show NUMBER` shows a result whole."
    else:
        words = "`nmqc identify` says more of it; batch opens it again when it, nmqc or the rules change."
    return wrapped("", words, 0, screen)
