"""The wheel is the same to the last byte, wherever and whenever it is built."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "nmqc", "phantoms")
BUILD = "import hatchling.build; print(hatchling.build.build_wheel('.'))"


def built(folder: Path, **environment: str) -> Path:
    """Build the wheel of a copy of the sources."""
    folder.mkdir(parents=True)
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder)
    return built_in(folder, **environment)


def built_in(folder: Path, **environment: str) -> Path:
    kept = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    run = subprocess.run(
        [sys.executable, "-c", BUILD],
        cwd=folder,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return folder / run.stdout.split()[-1]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_two_checkouts_make_the_same_wheel(tmp_path: Path) -> None:
    """In folders of other names and depths, with files of other times and permissions."""
    one = built(tmp_path / "one")
    other = tmp_path / "another" / "and deeper"
    built(other).unlink()
    for path in sorted(other.rglob("*")):
        path.chmod(path.stat().st_mode | 0o020)
        os.utime(path, (1924988400, 1924988400))
    again = built_in(other)
    assert digest(again) == digest(one)
    with zipfile.ZipFile(one) as wheel:
        names = wheel.namelist()
    assert {"nmqc/__init__.py", "nmqc/data/limits.toml", "phantoms/__init__.py"} <= set(names)
    assert not any(name.startswith(("tests", "docs")) or "__pycache__" in name for name in names)


def test_the_times_inside_are_those_that_are_asked_for(tmp_path: Path) -> None:
    """1 700 000 000 s is 2023-11-14 22:13:20 UTC."""
    with zipfile.ZipFile(built(tmp_path / "one", SOURCE_DATE_EPOCH="1700000000")) as wheel:
        assert {one.date_time for one in wheel.infolist()} == {(2023, 11, 14, 22, 13, 20)}
