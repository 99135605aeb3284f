"""Which files a folder holds, and that looking through it never fails whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nmqc.batch import walk as walking
from nmqc.batch.walk import DEEPEST, HASH_SHOWN, sha256_of, walk
from nmqc.history import path_digest
from tests.cli.running import unprivileged


def names(folder: Path, problems: list[str] | None = None, **settings: bool) -> list[str]:
    return [file.name for file in walk(folder, [] if problems is None else problems, **settings)]


def test_files_of_all_folders_in_order(tmp_path: Path) -> None:
    for name in ("b/2", "a", "b/1", "c/d/e"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (file, *_) = walk(tmp_path, [])
    assert names(tmp_path) == ["a", "b/1", "b/2", "c/d/e"]
    facts = (tmp_path / "a").stat()
    assert (file.path, file.size, file.modified_ns) == (tmp_path / "a", 1, facts.st_mtime_ns)


def test_hidden_files_and_folders_are_left_aside(tmp_path: Path) -> None:
    (tmp_path / ".folder").mkdir()
    for name in (".hidden", ".folder/inside", "seen"):
        (tmp_path / name).touch()
    assert names(tmp_path) == ["seen"]


def test_links_lead_nowhere(tmp_path: Path) -> None:
    """A link to the folder itself would never end; one to the outside would analyse what nobody gave."""
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    for path in (folder, outside):
        path.mkdir()
        (path / "file").touch()
    (folder / "round").symlink_to(folder)
    (folder / "out").symlink_to(outside)
    (folder / "other").symlink_to(outside / "file")
    (folder / "nowhere").symlink_to(tmp_path / "nothing")
    problems: list[str] = []
    assert (names(folder, problems), problems) == (["file"], [])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes as POSIX has them")
def test_what_is_no_file_is_left_aside(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    assert names(tmp_path) == []


def test_the_depth_has_an_end_and_it_is_told(tmp_path: Path) -> None:
    folder = tmp_path
    for level in range(DEEPEST + 2):
        (folder / f"file {level:02d}").touch()
        folder = folder / "d"
        folder.mkdir()
    problems: list[str] = []
    assert len(names(tmp_path, problems)) == DEEPEST + 1
    assert len(problems) == 1
    assert problems[0].startswith("d/d/d/")


def test_a_folder_that_cannot_be_looked_into_is_one_line() -> None:
    with unprivileged() as home:
        (home / "closed").mkdir()
        (home / "closed" / "file").touch()
        (home / "open").mkdir()
        (home / "open" / "file").touch()
        (home / "closed").chmod(0)
        problems: list[str] = []
        try:
            assert names(home, problems) == ["open/file"]
        finally:
            (home / "closed").chmod(0o700)
    assert problems == ["closed: the folder cannot be looked into (permission denied)"]


def test_a_file_that_vanishes_meanwhile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "gone", "z"):
        (tmp_path / name).touch()
    original: Callable[[os.DirEntry[str]], tuple[bool, bool]] = walking._kind

    def kind(entry: os.DirEntry[str]) -> tuple[bool, bool]:
        found = original(entry)
        if entry.name == "gone":
            Path(entry.path).unlink()
        return found

    monkeypatch.setattr(walking, "_kind", kind)
    problems: list[str] = []
    assert names(tmp_path, problems) == ["a", "z"]
    assert problems == ["gone: vanished while the folder was looked through"]


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    problems: list[str] = []
    shutil.rmtree(tmp_path)
    assert names(tmp_path, problems) == []
    assert len(problems) == 1


def test_a_file_is_known_by_its_path_however_the_folder_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the history knows it: else a folder typed otherwise would be done again."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "file").touch()
    monkeypatch.chdir(folder)
    for typed in (folder, Path(), Path("../in"), folder / ".." / "in"):
        (found,) = walk(typed, [])
        assert (found.key, found.name) == (path_digest(folder / "file"), "file")


def test_names_are_hidden_everywhere(tmp_path: Path) -> None:
    (tmp_path / "Muster^Anna").mkdir()
    (tmp_path / "Muster^Anna" / "flood").touch()
    (file,) = walk(tmp_path, [], show_names=False)
    assert file.name == file.key[:HASH_SHOWN]


def test_names_that_would_break_a_line_are_cleaned(tmp_path: Path) -> None:
    (tmp_path / "a\nb\x1b[31m").touch()
    (found,) = names(tmp_path)
    assert found.isprintable()


def test_the_hash_of_what_cannot_be_read_is_empty(tmp_path: Path) -> None:
    assert sha256_of(tmp_path / "nothing") == ""
    (tmp_path / "empty").touch()
    assert sha256_of(tmp_path / "empty").startswith("e3b0c44298fc1c14")  # of no bytes: FIPS 180-4
