"""Which files belong together: they are read, and analysed, as one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nmqc.batch.walk import FoundFile
from nmqc.dicom import Card


@dataclass(frozen=True, slots=True)
class Group:
    """Files that may be one acquisition.

    Attributes
    ----------
    family : "nm" or "pet"
    files : in the order of their names
    digest : of what they have in common: a file that arrives later and has it too belongs to them
    card : of the first file
    """

    family: Literal["nm", "pet"]
    files: tuple[FoundFile, ...]
    digest: str
    card: Card


def groups_of(cards: Iterable[tuple[FoundFile, Card]]) -> list[Group]:
    """Return the groups that some files make, in the order of their first files.

    A PET series in one folder is one. Gamma-camera files are one where study, time, camera and kind are the same, in
    one folder: windows, or heads, of one acquisition; the reader decides. A file without study or time is alone.
    """
    found: dict[str, list[tuple[FoundFile, Card]]] = {}
    for file, card in cards:
        if card.family != "other":
            found.setdefault(_digest(file, card), []).append((file, card))
    groups = []
    for digest, members in found.items():
        files = tuple(sorted((file for file, _ in members), key=lambda file: file.name))
        first = members[0][1]
        groups.append(Group("pet" if first.family == "pet" else "nm", files, digest, first))
    return groups


def _digest(file: FoundFile, card: Card) -> str:
    folder = str(file.path.parent)
    common: tuple[object, ...]
    if card.family == "pet" and card.series:
        common = (folder, card.series)
    elif card.study and card.acquired:
        common = (folder, card.study, card.acquired, card.system, card.kind)
    else:
        common = (str(Path(file.path)),)
    return hashlib.sha256(repr((card.family, *common)).encode()).hexdigest()[:32]
