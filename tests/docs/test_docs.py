"""The documents say what is there: the CLI reference, the names of the interface, links, examples."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def reference() -> str:
    """Run the generator in a process of its own: argparse's colours and widths follow the terminal."""
    program = (
        "import importlib.util, sys; sys.path.insert(0, '.');"
        "s = importlib.util.spec_from_file_location('m', 'tests/docs/cli_reference.py');"
        "m = importlib.util.module_from_spec(s); s.loader.exec_module(m); sys.stdout.write(m.page())"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, cwd=ROOT, encoding="utf-8", check=True
    )
    return run.stdout


def test_the_cli_reference_is_up_to_date() -> None:
    made = reference()
    kept = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert kept == made, "run: python tests/docs/cli_reference.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_documents_exist(page: Path) -> None:
    """Every `nmqc <command> --option` named in a document is a command with that option."""
    from nmqc.cli import COMMANDS

    known = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    for line in re.findall(r"nmqc ([a-z][a-z-]*(?: [^\n`|]*)?)", text):
        words = line.split()
        if words[0] not in COMMANDS:
            continue
        for option in re.findall(r"(?<!\S)(--[a-z][a-z-]+)", line):
            assert option in known, f"{page.name}: nmqc {line}"


def test_every_metric_and_code_is_in_the_interface_page() -> None:
    from nmqc.catalogue import TESTS

    text = (ROOT / "docs" / "interface.md").read_text(encoding="utf-8")
    for test in TESTS:
        assert f"`{test.name}`" in text
        for metric in test.metrics:
            assert f"`{metric.name}`" in text, metric.name
    for code in codes():
        assert f"`{code}`" in text, code


def codes() -> set[str]:
    """Return every code of a refusal, an absence or a remark that stands in the sources."""
    found: set[str] = set()
    pattern = re.compile(
        r'(?:Remark|CannotMeasure|UnusableInput|NotMeasured|Refused|refuse)\(\s*"([a-z][a-z_0-9]+)"'
    )
    for path in (ROOT / "nmqc").rglob("*.py"):
        found |= set(pattern.findall(path.read_text(encoding="utf-8")))
    return found
