"""What came of a night, as the JSON object that scripts read (docs/interface.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from nmqc import __version__
from nmqc.model import VERDICTS, Verdict

SCHEMA = "nmqc.batch/1"
State = Literal["analysed", "already_done", "unknown", "refused", "pending"]


@dataclass(frozen=True, slots=True)
class Brief:
    """A result in few words; `history` is its number there, None where it is not recorded."""

    test: str
    detector: int | None
    verdict: Verdict
    history: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """One acquisition, or a file that is none, as the summary tells it.

    `code` and `reason` say why there is no result, or not of everything; "" where nothing is missing.
    """

    files: tuple[str, ...]
    kind: str
    state: State
    results: tuple[Brief, ...] = ()
    code: str = ""
    reason: str = ""

    @property
    def verdict(self) -> Verdict | None:
        """The worst of its results; None without any."""
        return max((one.verdict for one in self.results), key=VERDICTS.index, default=None)


@dataclass(frozen=True, slots=True)
class Night:
    """What one pass over a folder did.

    `problems` are lines for a person: what could not be looked at, or not recorded. `overdue` as JSON values.
    """

    told: tuple[Told, ...]
    problems: tuple[str, ...] = ()
    overdue: tuple[Mapping[str, Any], ...] = ()

    def count(self, state: State) -> int:
        """Return how many acquisitions ended so."""
        return sum(one.state == state for one in self.told)

    @property
    def failed(self) -> int:
        """How many acquisitions that were analysed now are out of limits."""
        return sum(one.state == "analysed" and one.verdict == "fail" for one in self.told)

    @property
    def missing(self) -> int:
        """How many acquisitions, seen for the first time, were refused whole or in part."""
        return sum(
            one.state == "refused" or (one.state == "analysed" and bool(one.code)) for one in self.told
        )

    def status(self, *, strict: bool = False) -> int:
        """Return the exit status: 4 out of limits, 3 something refused or a problem, else 0."""
        warned = any(one.state == "analysed" and one.verdict == "warn" for one in self.told)
        if self.failed or (strict and warned):
            return 4
        return 3 if self.missing or self.problems else 0

    def state(self) -> str:
        """Return a digest of everything in the folder that is wrong, and of what is overdue; "" where nothing is."""
        wrong = [[*one.files, one.code] for one in self.told if one.verdict == "fail" or one.code]
        late = [[one["unit"], one["test"]] for one in self.overdue]
        if not wrong and not late and not self.problems:
            return ""
        return sha256(repr((sorted(wrong), sorted(late), sorted(self.problems))).encode()).hexdigest()

    def document(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "schema": SCHEMA,
            "nmqc": __version__,
            "found": len(self.told),
            "analysed": self.count("analysed"),
            "already_done": self.count("already_done"),
            "unknown": self.count("unknown"),
            "refused": self.count("refused"),
            "pending": self.count("pending"),
            "failed_limits": self.failed,
            "overdue": [dict(one) for one in self.overdue],
            "problems": list(self.problems),
            "items": [_item(one) for one in self.told],
        }

    def lines(self) -> list[str]:
        """Return one line for everything that somebody should look at."""
        wrong = [one for one in self.told if one.state == "refused" or (one.state == "analysed" and one.code)]
        out = [one for one in self.told if one.state == "analysed" and one.verdict in ("fail", "warn")]
        return [
            *(f"{_names(one.files)}: {_judged(one)}" for one in out),
            *(f"{_names(one.files)}: {one.reason}" for one in wrong),
            *(_late(one) for one in self.overdue),
            *self.problems,
        ]

    def sentence(self) -> str:
        """Return the counts in one line."""
        parts = [f"{len(self.told)} found"]
        states: Iterable[tuple[State, str]] = (
            ("analysed", "analysed"),
            ("already_done", "done before"),
            ("pending", "to do"),
            ("unknown", "unknown"),
            ("refused", "refused"),
        )
        parts += [f"{self.count(state)} {words}" for state, words in states if self.count(state)]
        parts += [f"{self.failed} out of limits"] if self.failed else []
        parts += [f"{len(self.overdue)} overdue"] if self.overdue else []
        return ", ".join(parts)


def _item(one: Told) -> dict[str, Any]:
    return {
        "files": list(one.files),
        "kind": one.kind,
        "status": one.state,
        "verdict": one.verdict,
        "results": [
            {"test": r.test, "detector": r.detector, "verdict": r.verdict, "history": r.history}
            for r in one.results
        ],
        "code": one.code or None,
        "reason": one.reason or None,
    }


def _judged(one: Told) -> str:
    parts = [
        f"{result.test}{'' if result.detector is None else f', detector {result.detector}'}: {result.verdict}"
        + ("" if result.history is None else f" (nmqc history show {result.history})")
        for result in one.results
        if result.verdict in ("fail", "warn")
    ]
    return "; ".join(parts)


def _late(one: Mapping[str, Any]) -> str:
    last = f"last {one['last']}" if one["last"] else "none recorded"
    return f"overdue: {one['unit']}, {one['test']}, due {one['due']} ({last})"


def _names(files: Sequence[str]) -> str:
    return ", ".join(files) if len(files) <= 2 else f"{files[0]} and {len(files) - 1} more"
