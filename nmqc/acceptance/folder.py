"""What a folder holds for an acceptance: every acquisition in it, analysed as a batch analyses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from nmqc.batch.groups import Group
from nmqc.batch.night import TOOL, Means, batched, cards_of, worked
from nmqc.batch.plan import Versions, plan
from nmqc.batch.walk import walk
from nmqc.batch.work import Item
from nmqc.history import Batched, History
from nmqc.model import Result


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A result that a protocol may take.

    Attributes
    ----------
    description : of its series: to search in, never shown
    number : of its entry in the history; None where it is not recorded
    excluded : why it is excluded there; None where it is not
    """

    result: Result
    description: str
    number: int | None = None
    excluded: str | None = None


@dataclass(frozen=True, slots=True)
class Aside:
    """Files without a result, or with only some: their names, and why."""

    files: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What came of a folder.

    Attributes
    ----------
    items : each acquisition, with the group that it is of
    refused : what should have given a result and did not
    unknown : how many files show nothing that nmqc knows
    problems : what could not be looked at, in words
    configuration : digest of the rules that decided
    """

    items: tuple[tuple[Group, Item], ...]
    refused: tuple[Aside, ...]
    unknown: int
    problems: tuple[str, ...]
    configuration: str

    def candidates(self) -> tuple[Candidate, ...]:
        """Return every result, in the order of the files."""
        return tuple(
            Candidate(result, group.card.description)
            for group, item in self.items
            for result, _ in item.results
        )

    def batched(self) -> list[Batched]:
        """Return what is recorded of it; what batch knows of files by their paths is left to batch."""
        versions = Versions(TOOL, self.configuration)
        return [
            replace(batched(group.files, group.digest, item, versions), marks=())
            for group, item in self.items
        ]


def analysed(folder: Path, means: Means) -> Found:
    """Analyse every acquisition in a folder, and in the folders in it; nothing is recorded."""
    problems: list[str] = []
    files = walk(folder, problems, show_names=means.settings.read.show_file_names)
    cards = partial(cards_of, means=means, packed=means.settings.packed())
    planned = plan(files, {}, Versions(TOOL, means.configuration), cards)
    items = [(group, item) for group, done in worked(planned.groups, means) for item in done]
    items.sort(key=lambda pair: (pair[0].files[pair[1].files[0]].name, pair[1].kind))
    named = [(tuple(group.files[place].name for place in item.files), item) for group, item in items]
    named += [((file.name,), item) for file, item in planned.aside]
    refused = [Aside(names, item.reason) for names, item in named if _is_missed(item)]
    unknown = sum(len(names) for names, item in named if item.status == "unknown")
    return Found(tuple(items), tuple(refused), unknown, tuple(problems), means.configuration)


def recorded(found: Found, history: History) -> tuple[Candidate, ...]:
    """Record what came of a folder, all of it or nothing; return the results with their entries."""
    filed = history.record_batch(found.batched())
    entries = [entry for one in filed for entry in one.results]
    excluded = _excluded(history, [entry.number for entry in entries])
    return tuple(
        replace(
            candidate,
            result=candidate.result.with_remarks(entry.remark) if entry.remark else candidate.result,
            number=entry.number,
            excluded=excluded[entry.number],
        )
        for candidate, entry in zip(found.candidates(), entries, strict=True)
    )


def _excluded(history: History, numbers: Sequence[int]) -> Mapping[int, str | None]:
    return {number: history.get(number).excluded for number in sorted(set(numbers))}


def _is_missed(item: Item) -> bool:
    return item.status == "refused" or (item.status == "analysed" and bool(item.code))
