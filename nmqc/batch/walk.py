"""The files in a folder, and the folders in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nmqc.report.wording import clean

DEEPEST = 32
HASH_SHOWN = 12


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file as it lies in the folder.

    `name` is its path in it, with slashes, or where names are hidden the start of `key`: the digest of its whole
    path, as `nmqc.history.path_digest` has it.
    """

    path: Path
    name: str
    size: int
    modified_ns: int
    key: str = field(compare=False)


def walk(folder: Path, problems: list[str], *, show_names: bool = True) -> list[FoundFile]:
    """Return the regular files in a folder, and in the folders in it, by name.

    Hidden files and folders are left aside, and links are not followed: none leads out of the folder, and none round
    in circles. What cannot be looked into is a line in `problems`.
    """
    root = Path(os.path.abspath(folder))  # noqa: PTH100 - as `path_digest`: no links are followed
    return sorted(_Walk(root, problems, show_names).files(root, 0), key=lambda file: file.name)


@dataclass(frozen=True, slots=True)
class _Walk:
    root: Path
    problems: list[str]
    show_names: bool

    def files(self, folder: Path, depth: int) -> Iterator[FoundFile]:
        if depth > DEEPEST:
            self._say(folder, f"more than {DEEPEST} folders in each other; nothing below was looked at")
            return
        try:
            with os.scandir(folder) as found:
                entries = [(entry, *_kind(entry)) for entry in found if not entry.name.startswith(".")]
        except OSError as error:
            self._say(
                folder, f"the folder cannot be looked into ({(error.strerror or 'unknown error').lower()})"
            )
            return
        for entry, is_folder, is_file in entries:
            if is_folder:
                yield from self.files(Path(entry.path), depth + 1)
            elif is_file:
                yield from self._file(entry)

    def _file(self, entry: os.DirEntry[str]) -> Iterator[FoundFile]:
        path = Path(entry.path)
        try:
            facts = entry.stat(follow_symlinks=False)
        except OSError:
            self._say(path, "vanished while the folder was looked through")
            return
        key = _key(path)
        name = clean(path.relative_to(self.root).as_posix()) if self.show_names else key[:HASH_SHOWN]
        yield FoundFile(path, name, facts.st_size, facts.st_mtime_ns, key)

    def _say(self, path: Path, what: str) -> None:
        name = path.relative_to(self.root).as_posix() if self.show_names else _key(path)[:HASH_SHOWN]
        self.problems.append(f"{clean(name)}: {what}")


def _kind(entry: os.DirEntry[str]) -> tuple[bool, bool]:
    """Say whether an entry is a folder, and whether it is a regular file: a link is neither.

    What vanishes meanwhile may be taken for a file: it is told when it is looked at.
    """
    try:
        return entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False)
    except OSError:
        return False, True


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes; "" where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()


def _key(path: Path) -> str:
    return hashlib.sha256(os.fsencode(os.path.normcase(path))).hexdigest()
