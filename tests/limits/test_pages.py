"""The pages on limits and configuration: their examples work, and their numbers are those of the program."""

import re
from pathlib import Path

import pytest

from nmqc import catalogue
from nmqc.config import load as load_config
from nmqc.limits import check, load_builtin
from nmqc.model import Ends

from .makers import written

DOCS = Path(__file__).parents[2] / "docs"


def examples(page: str) -> list[str]:
    found = re.findall(
        r"^```toml\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert found
    return found


@pytest.mark.parametrize("example", examples("limits.md"))
def test_the_limits_on_the_page_are_without_mistake(tmp_path: Path, example: str) -> None:
    assert check(written(tmp_path, [example]), catalogue.metric_units()) == ()


@pytest.mark.parametrize("example", examples("configuration.md"))
def test_the_configuration_on_the_page_is_without_mistake(tmp_path: Path, example: str) -> None:
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    config = load_config(written(tmp_path, [example], "nmqc.toml"))
    assert [system.unit for system in config.systems] == ["Gamma 2", "Gamma 3"]
    assert [head.detector for head in config.systems[0].heads] == [1, 2]


def shown(ends: Ends, unit: str) -> str:
    """Return the two ends of a limit as the page writes them."""
    if ends.low is not None:
        return f"outside {ends.low:g} to {ends.high:g}"
    return "none" if ends.high is None else f"{ends.high:.1f} {unit}"


def test_the_table_of_builtin_limits_is_what_is_built_in() -> None:
    page = (DOCS / "limits.md").read_text(encoding="utf-8")
    table = page[page.index("| metric | warn above") : page.index("No FWHM is judged")]
    rows = re.findall(r"^\| `([a-z._]+)`.*? \| (.*?) \| (.*?) \|$", table, re.MULTILINE)
    assert {name: (warn, fail) for name, warn, fail in rows} == {
        entry.metric: (
            shown(entry.limits.warn, entry.limits.unit),
            shown(entry.limits.fail, entry.limits.unit),
        )
        for entry in load_builtin().entries
    }
