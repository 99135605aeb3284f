"""What every call must keep, whatever the bytes: docs/security.md says it in words."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from fuzz.child import Outcome

STATUSES = (0, 2, 3, 4)
LEAST_S, PIXELS_A_SECOND = 20.0, 4e6
LEAST_BYTES, BYTES_A_PIXEL = 1_500_000_000, 24
LONGEST_LINE = 1500
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_USAGE = ("Usage: nmqc", "Try 'nmqc", "Error: ", "")


def broken(outcome: Outcome, pixels: int) -> list[str]:
    """Return how a call broke the promise; [] where it kept it.

    `pixels` are those of all its inputs by their headers. Time is that of the processor: the machine is shared.
    """
    found = []
    if outcome.hung:
        found.append("hangs")
    elif outcome.signal or outcome.status not in STATUSES:
        found.append(f"status {outcome.status}, signal {outcome.signal}")
    if b"Traceback" in outcome.err or b"Traceback" in outcome.out:
        found.append("traceback")
    if b"Warning: " in outcome.err:
        found.append("a warning of a library")
    if outcome.cpu_s > LEAST_S + pixels / PIXELS_A_SECOND:
        found.append(f"{outcome.cpu_s:.0f} s")
    if outcome.peak_bytes > LEAST_BYTES + BYTES_A_PIXEL * pixels:
        found.append(f"{outcome.peak_bytes / 1e6:.0f} MB")
    return found + _badly_said(outcome)


def _badly_said(outcome: Outcome) -> list[str]:
    found = []
    if outcome.status in (2, 3) and not (outcome.err + outcome.out).strip():
        found.append("no reason is given")
    if _CONTROL.search(outcome.err) or _CONTROL.search(outcome.out):
        found.append("control characters")
    lines = outcome.err.decode("utf-8", "replace").splitlines()
    if any(len(line) > LONGEST_LINE for line in lines):
        found.append("a line without end")
    return found


def document(outcome: Outcome) -> dict[str, object]:
    """Return the one JSON object on standard output.

    Raises
    ------
    ValueError
        If it is none, or holds NaN or an infinity.
    """
    found = json.loads(outcome.out.decode("utf-8"), parse_constant=_no_number)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} in the output")


def results_of(found: dict[str, object], file: str) -> str:
    """Return the results of one file as text that can be compared: without when, and where it was recorded."""
    results = found.get("results")
    assert isinstance(results, list)
    own = [one for one in results if [image["file"] for image in one["inputs"]] == [file]]
    return json.dumps(
        [{key: value for key, value in one.items() if key != "history"} for one in own], sort_keys=True
    )


def state(folder: Path) -> dict[str, str]:
    """Return what lies in a folder and the folders in it: each path with the digest of its content."""
    return {str(path.relative_to(folder)): _digest(path) for path in sorted(folder.rglob("*"))}


def _digest(path: Path) -> str:
    if path.is_symlink() or not path.is_file():
        return "no file"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def strayed(before: dict[str, str], after: dict[str, str], outputs: Iterable[str]) -> list[str]:
    """Return what was written, changed or removed beside the outputs that were asked for."""
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return sorted(f"wrote {name}" for name in names - set(outputs))
