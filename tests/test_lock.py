"""The lock holds every dependency within its range but those of fuzzing, each with hashes, and names no place."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED = [
    *PROJECT["dependencies"],
    *(one for name, extra in PROJECT["optional-dependencies"].items() if name != "fuzz" for one in extra),
]


def locked() -> dict[str, list[Requirement]]:
    """Every pinned version of each distribution: several where they depend on the version of Python."""
    found: dict[str, list[Requirement]] = {}
    for line in LOCK.splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.removesuffix("\\"))
            found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


@pytest.mark.parametrize("declared", sorted(set(DECLARED)))
def test_what_is_declared_is_locked_within_its_range(declared: str) -> None:
    wanted = Requirement(declared)
    if wanted.name == "nmqc":
        return
    pinned = locked()[canonicalize_name(wanted.name)]
    for one in pinned:
        (specifier,) = one.specifier
        assert specifier.operator == "=="
        assert specifier.version in wanted.specifier, f"{one}: make requirements.lock anew (CONTRIBUTING.md)"


def test_each_has_hashes_and_none_a_place() -> None:
    blocks = re.split(r"\n(?=\S)", LOCK.strip())
    assert len(blocks) == sum(map(len, locked().values()))
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links|(?<![\w.])/\w", LOCK)
