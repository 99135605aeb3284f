"""Who may import whom, read from the syntax trees: imports inside functions count too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: part of nmqc -> other parts that it may import. Every part may import itself, `nmqc`, model and errors.
ALLOWED = {
    "bounds": set(),
    "model": set(),
    "errors": set(),
    "__main__": {"cli"},
    "cli": {
        "acceptance",
        "batch",
        "bounds",
        "catalogue",
        "compare",
        "config",
        "dicom",
        "earl",
        "history",
        "limits",
        "neighbours",
        "pet",
        "report",
        "revalidate",
        "scans",
        "toml_reader",
        "trend",
        "validate",
        "whole_file",
    },
    "catalogue": {"cor", "pet", "resolution", "uniformity"},
    "earl": {"limits", "pet"},
    "batch": {
        "catalogue",
        "config",
        "dicom",
        "earl",
        "history",
        "limits",
        "report",
        "scans",
        "thumbnail",
        "whole_file",
    },
    "acceptance": {"batch", "catalogue", "config", "history", "limits", "report", "toml_reader"},
    "compare": {"catalogue", "history", "limits", "report"},
    "csv_cells": set(),
    "whole_file": set(),
    "neighbours": {"history", "report"},
    "revalidate": {"batch", "catalogue", "dicom", "history", "pet", "report", "scans"},
    "config": {"toml_reader"},
    "limits": {"toml_reader"},
    "toml_reader": {"bounds"},
    "history": {"csv_cells", "thumbnail"},
    "thumbnail": set(),
    "dicom": {"bounds"},
    "measure": set(),
    "uniformity": {"measure"},
    "resolution": {"measure"},
    "cor": {"measure"},
    "pet": {"measure", "toml_reader"},
    "fill": {"pet", "toml_reader"},
    "scans": {"catalogue", "fill", "pet"},
    "report": {"whole_file"},
    "trend": {"csv_cells", "history"},
    "validate": {"catalogue", "dicom", "report", "scans", "toml_reader"},
}
#: part -> distributions that it may import beside the standard library
LIBRARIES = {
    "batch": {"distributed", "numpy"},
    "compare": {"scipy"},
    "cli": {"click", "numpy", "phantoms", "platformdirs"},
    "config": {"platformdirs"},
    "history": {"platformdirs", "psycopg"},
    "dicom": {"numpy", "pydicom"},
    "measure": {"numpy", "scipy", "skimage", "numba", "platformdirs"},
    "uniformity": {"numpy", "scipy", "skimage", "numba"},
    "resolution": {"numpy", "scipy", "skimage", "numba"},
    "cor": {"numpy"},
    "pet": {"numpy", "numba"},
    "neighbours": {"numpy", "scipy"},
    "report": {"matplotlib", "numpy", "rich", "typst"},
    "model": {"numpy"},
    "thumbnail": {"numpy"},
    "trend": {"numpy"},
    "validate": {"numpy", "phantoms", "scipy"},
    "phantoms": {"numpy", "scipy", "pydicom"},
}
#: commands that may write phantoms; beside them the part that validates by them, and nothing else in nmqc knows them
PHANTOM_COMMANDS = {"phantom.py", "demo.py"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return the full names of everything a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not used"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part_of(path: Path) -> str:
    return path.relative_to(ROOT / "nmqc").parts[0].removesuffix(".py")


def parts_imported(path: Path) -> set[str]:
    names = {name.split(".")[1] for name in imported(path) if name.startswith("nmqc.")}
    return {name for name in names if (ROOT / "nmqc" / name).is_dir() or (ROOT / f"nmqc/{name}.py").exists()}


def libraries(path: Path) -> set[str]:
    import sys

    tops = {name.split(".")[0] for name in imported(path)}
    return tops - set(sys.stdlib_module_names) - {"nmqc", "__future__"}


@pytest.mark.parametrize("path", modules("nmqc"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_part_imports_only_what_it_may(path: Path) -> None:
    part = part_of(path)
    if part == "__init__":
        assert imported(path) == set()
        return
    assert parts_imported(path) <= ALLOWED[part] | {part, "model", "errors"}
    assert libraries(path) <= LIBRARIES.get(part, set())
    if "phantoms" in libraries(path):
        assert path.name in PHANTOM_COMMANDS or part == "validate"


@pytest.mark.parametrize("path", modules("phantoms"), ids=lambda path: str(path.relative_to(ROOT)))
def test_phantoms_never_import_what_they_examine(path: Path) -> None:
    assert libraries(path) <= LIBRARIES["phantoms"] | {"phantoms"}
    assert not any(name == "nmqc" or name.startswith("nmqc.") for name in imported(path))


def test_only_figures_and_their_fonts_know_matplotlib() -> None:
    knowing = {path for path in modules("nmqc") if "matplotlib" in libraries(path)}
    drawing = {path for path in knowing if path.is_relative_to(ROOT / "nmqc" / "report" / "figures")}
    assert drawing
    assert knowing - drawing == {ROOT / "nmqc" / "report" / "fonts.py"}


def test_matplotlib_is_never_used_through_pyplot() -> None:
    assert not any("pyplot" in name for path in modules("nmqc") for name in imported(path))


def test_every_part_has_a_row() -> None:
    parts = {part_of(path) for path in modules("nmqc")} - {"__init__"}
    assert parts == set(ALLOWED)


def test_a_forbidden_import_would_be_seen(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden.py"
    hidden.write_text("def f():\n    from nmqc.report import pdf\n    import matplotlib.pyplot as plt\n")
    assert imported(hidden) == {"nmqc.report.pdf", "matplotlib.pyplot"}
