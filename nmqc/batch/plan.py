"""What there is to do in a folder: which files are new, and which belong together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nmqc.batch.groups import Group, groups_of
from nmqc.batch.walk import FoundFile, sha256_of
from nmqc.batch.work import OTHER, Item
from nmqc.dicom import Card
from nmqc.history import FileMark

ReadCards = Callable[[Sequence[Path]], list[Card | Item]]


@dataclass(frozen=True, slots=True)
class Versions:
    """What decides whether a file that gave nothing is tried again: of nmqc, and of the site's configuration."""

    tool: str
    configuration: str


@dataclass(slots=True)
class Plan:
    """What is to be done.

    Attributes
    ----------
    groups : to analyse
    aside : files that are no images of a camera, or cannot be read, each with what there is to say of it
    known : files that the history holds, with what it says of them
    """

    groups: list[Group] = field(default_factory=list)
    aside: list[tuple[FoundFile, Item]] = field(default_factory=list)
    known: list[tuple[FoundFile, FileMark]] = field(default_factory=list)


def plan(
    files: Sequence[FoundFile],
    marks: Mapping[str, FileMark],
    versions: Versions,
    read_cards: ReadCards,
    *,
    again: bool = False,
    rehash: bool = False,
) -> Plan:
    """Return what is to be done with some files.

    A file of the same size and time as the history has it is not opened. Where a new file belongs to files that were
    done before, such as the last slices of a series, all of them are done again.

    Parameters
    ----------
    marks : what the history says, by the files' keys
    again : do again what gave a result, too
    rehash : open every file, and go by its bytes
    """
    made = Plan()
    new: list[FoundFile] = []
    for file in files:
        mark = marks.get(file.key)
        if mark is not None and _done(file, mark, versions, again=again, rehash=rehash):
            made.known.append((file, mark))
        else:
            new.append(file)
    cards = _sorted_out(new, read_cards, made)
    touched = {group.digest for group in groups_of(cards)}
    late = [(file, mark) for file, mark in made.known if mark.group and mark.group in touched]
    if late:
        redone = {file.key for file, _ in late}
        made.known = [pair for pair in made.known if pair[0].key not in redone]
        cards += _sorted_out([file for file, _ in late], read_cards, made)
    made.groups = groups_of(sorted(cards, key=lambda pair: pair[0].name))
    return made


def _sorted_out(
    files: Sequence[FoundFile], read_cards: ReadCards, made: Plan
) -> list[tuple[FoundFile, Card]]:
    """Return the files of cameras with their cards; all others are put aside."""
    cards: list[tuple[FoundFile, Card]] = []
    for file, found in zip(files, read_cards([file.path for file in files]), strict=True):
        if isinstance(found, Item):
            made.aside.append((file, found))
        elif found.family == OTHER:
            item = Item((0,), OTHER, "unknown", code="not_an_nm_image", reason=f"is {found.content}")
            made.aside.append((file, item))
        else:
            cards.append((file, found))
    return cards


def _done(file: FoundFile, mark: FileMark, versions: Versions, *, again: bool, rehash: bool) -> bool:
    same = (mark.size, mark.modified_ns) == (file.size, file.modified_ns)
    if rehash and same:
        same = bool(mark.sha256) and mark.sha256 == sha256_of(file.path)
    if mark.state == "done":
        return same and not again
    if mark.state == "refused" and not mark.sha256:
        return False  # it could not even be read: permissions, shares and disks change without a trace in the file
    return same and (mark.tool, mark.configuration) == (versions.tool, versions.configuration)
