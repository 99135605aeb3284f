"""Files as a nightly run knows them: what became of each, and what is recorded of them together."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nmqc.history.entries import Entry, Recorded, RecordedRefusal
from nmqc.model import Refusal, Result

State = Literal["done", "unknown", "refused"]


@dataclass(frozen=True, slots=True)
class FileMark:
    """What became of a file when it was last looked at: of equal path, size and time it need not be opened.

    Attributes
    ----------
    path : `path_digest` of the file: paths may name people
    size : in bytes
    modified_ns : time of the last change, nanoseconds since 1970
    group : digest of the files that belong together with it; "" alone
    state : "done", "unknown" (no test is for it) or "refused"
    code, reason : why it is unknown or refused; ""
    sha256 : of its bytes; "" where they could not be read
    tool : version of nmqc that decided
    configuration : digest of the rules and options that decided
    results : numbers of the results that it is part of
    """

    path: str
    size: int
    modified_ns: int
    group: str
    state: State
    code: str
    reason: str
    sha256: str
    tool: str
    configuration: str
    results: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedMark:
    """A mark as it stands in the history; `recorded` is ISO 8601 in UTC, `nmqc` the version that wrote it."""

    number: int
    recorded: str
    nmqc: str
    mark: FileMark


@dataclass(frozen=True, slots=True)
class Batched:
    """What is recorded of one acquisition.

    Attributes
    ----------
    results : (result, the contract's JSON object of it), as `History.record` takes them
    refusals : (refusal, SHA-256 of the file, version of what refused it, digest of the configuration)
    marks : of its files; the numbers of `results` are added to their own when they are recorded
    """

    results: tuple[tuple[Result, Mapping[str, Any]], ...] = ()
    refusals: tuple[tuple[Refusal, str, str, str], ...] = ()
    marks: tuple[FileMark, ...] = ()


@dataclass(frozen=True, slots=True)
class Filed:
    """What recording a `Batched` did, in the same order.

    `refusals` are True where the refusal is new; `marks` are as the history now holds them.
    """

    results: tuple[Recorded, ...]
    refusals: tuple[bool, ...]
    marks: tuple[FileMark, ...]


@dataclass(frozen=True, slots=True)
class Traces:
    """What a history knows of one file, oldest first.

    Attributes
    ----------
    marks : the latest of its path, and those of the same bytes under any path
    results : made from these bytes
    refusals : of these bytes
    """

    marks: tuple[RecordedMark, ...]
    results: tuple[Entry, ...]
    refusals: tuple[RecordedRefusal, ...]


def path_digest(path: str | Path) -> str:
    """Return the SHA-256 of the absolute path of a file: links are not followed, nothing is opened."""
    return hashlib.sha256(os.fsencode(os.path.normcase(os.path.abspath(path)))).hexdigest()  # noqa: PTH100
