"""What a command imports: start-up is part of the answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Floods
from tests.cli.running import child, finished

HEAVY = {"scipy", "skimage", "matplotlib", "numba", "llvmlite", "typst", "pandas", "sqlalchemy", "psycopg"}
ANALYSIS = {"numpy", "pydicom", "rich", "sqlite3"}


def imported(*arguments: str | Path) -> set[str]:
    """The top-level packages in the import log of a command that must succeed."""
    process = child(*map(str, arguments), python=("-X", "importtime", "-m", "nmqc"))
    run = finished(process)
    assert run.status == 0, run.err[-2000:]
    log = [
        line.rsplit("|", 1)[-1].strip() for line in run.err.splitlines() if line.startswith("import time:")
    ]
    assert "click" in log
    return {name.split(".")[0] for name in log}


@pytest.mark.parametrize("arguments", [("--help",), ("-h",)], ids=" ".join)
def test_help_imports_nothing_but_click(arguments: tuple[str, ...]) -> None:
    assert imported(*arguments) & (HEAVY | ANALYSIS | {"phantoms", "asyncio", "importlib_metadata"}) == set()


@pytest.mark.parametrize(
    "command", ["uniformity", "resolution", "identify", "history", "limits", "demo", "warm-up"]
)
def test_the_help_of_a_command_imports_no_library(command: str) -> None:
    """Its options alone need none."""
    assert imported(command, "--help") & (HEAVY | {"pydicom", "rich", "phantoms"}) == set()


@pytest.mark.parametrize("command", ["uniformity", "resolution"])
def test_the_help_of_an_analysis_imports_no_numpy(command: str) -> None:
    assert "numpy" not in imported(command, "--help")


def test_the_morning_flood(floods: Floods, tmp_path: Path) -> None:
    """With its bootstrap, its record and its JSON."""
    found = imported("uniformity", floods.good, "--json", "--db", tmp_path / "history.sqlite")
    assert found & (HEAVY | {"rich", "phantoms"}) == set()
    assert {"numpy", "pydicom", "sqlite3"} <= found


def test_what_is_not_recorded_needs_no_database(floods: Floods) -> None:
    found = imported("uniformity", floods.good, "--json", "--no-record", "--replicates", "0")
    assert found & (HEAVY | {"rich", "sqlite3"}) == set()


def test_text_that_no_terminal_shows_needs_no_rich(floods: Floods) -> None:
    found = imported("uniformity", floods.good, "--no-record", "--replicates", "0")
    assert found & (HEAVY | {"rich"}) == set()


def test_a_history_is_listed_without_the_analysis(floods: Floods, tmp_path: Path) -> None:
    db = tmp_path / "history.sqlite"
    child("uniformity", floods.good, "--replicates", "0", "--db", db)
    assert imported("history", "list", "--db", db) & (HEAVY | {"numpy", "pydicom", "rich"}) == set()
