"""The page for a hospital's IT says what the code holds."""

from __future__ import annotations

import re
from pathlib import Path

from nmqc import bounds

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")


def test_the_table_of_limits_is_that_of_the_code() -> None:
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| ([\d.]+) \|", PAGE, re.MULTILINE))
    held = {name: str(value) for name, value in vars(bounds).items() if name.isupper()}
    assert told == held


def test_the_promise_is_that_of_the_harness() -> None:
    from fuzz import promise

    assert f"within {promise.LEAST_S:.0f} s of one processor" in PAGE
    assert f"each {promise.PIXELS_A_SECOND / 1e6:.0f} million pixels" in PAGE
    assert f"{promise.LEAST_BYTES / 1e9:.1f} GB and {promise.BYTES_A_PIXEL} bytes a pixel" in PAGE


def test_no_header_makes_a_path() -> None:
    """The readers know no path but the one that is given: they join none."""
    folder = Path(bounds.__file__).parent / "dicom"
    for path in folder.glob("*.py"):
        code = path.read_text(encoding="utf-8")
        assert not re.search(r"joinpath|write_bytes|write_text|os\.path\.join|\bmkdir\b", code), path.name
        assert " / header" not in code, path.name
