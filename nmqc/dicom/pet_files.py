"""Which files may hold the slices of a PET series: those named, and those in a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from nmqc import bounds
from nmqc.errors import UnusableInput

#: What lies beside the images of an export and is none: notes, tables, pictures, a fill sheet.
_BESIDE = frozenset(
    (
        *(".bat", ".exe", ".inf", ".ini", ".log"),
        *(".csv", ".json", ".toml", ".xml", ".yaml", ".yml"),
        *(".doc", ".docx", ".htm", ".html", ".md", ".ods", ".odt", ".pdf", ".txt", ".xls", ".xlsx"),
        *(".gif", ".jpeg", ".jpg", ".png"),
    )
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may hold a slice.

    `place` is the number of its argument, from 1; `group` that of its folder, 0 for all files that were named one
    by one.
    """

    path: Path
    place: int
    group: int


def is_folder(path: Path) -> bool:
    """Say whether a path is a folder; what cannot be looked at is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def candidates(path: Path, place: int) -> list[Candidate]:
    """Return the files of one argument: itself, or those of a folder, by name.

    Of a folder its own files are taken, not those of its folders; where it holds nothing but one folder, that one's.
    Hidden files, a DICOMDIR, and notes, tables and pictures beside the images are left aside, by their names.

    Raises
    ------
    UnusableInput
        ``no_images``, ``several_folders``, ``too_large``, ``unreadable``.
    """
    if not is_folder(path):
        return [Candidate(path, place, 0)]
    try:
        files = _files(path)
        total = sum(file.stat().st_size for file in files)
    except OSError as error:
        words = (error.strerror or "unknown error").lower()
        raise UnusableInput("unreadable", f"cannot be opened: {words}; check the folder") from None
    if len(files) > bounds.FOLDER_FILES or total > bounds.FOLDER_BYTES:
        raise UnusableInput(
            "too_large",
            f"holds more than {bounds.FOLDER_FILES} files or {bounds.FOLDER_BYTES >> 30} GB; give the folder of one "
            "PET series",
        )
    if not files:
        raise UnusableInput("no_images", "is a folder without images; give the folder of one PET series")
    return [Candidate(file, place, place) for file in files]


def _files(folder: Path, depth: int = 0) -> list[Path]:
    """Return the files of a folder, or of the only folder in it."""
    with os.scandir(folder) as found:
        entries = sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda e: e.name)
    files = [Path(entry.path) for entry in entries if entry.is_file() and _may_be_a_slice(Path(entry.path))]
    folders = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    if files or not folders:
        return files
    if len(folders) > 1 or depth == bounds.FOLDER_DEPTH:
        raise UnusableInput(
            "several_folders",
            f"holds {len(folders)} folder(s) and no image; give the folder of one PET series",
        )
    return _files(folders[0], depth + 1)


def _may_be_a_slice(file: Path) -> bool:
    return file.suffix.lower() not in _BESIDE and file.name.upper() != "DICOMDIR"
