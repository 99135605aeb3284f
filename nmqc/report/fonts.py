"""The fonts of the report, those that matplotlib brings, and which characters they can show."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmqc.report import wording

if TYPE_CHECKING:
    import typst

FAMILY = "DejaVu Sans"

_FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")


def printable(value: Any) -> Any:
    """Return text, or JSON data with its texts, with every character that the fonts lack made visible."""
    if isinstance(value, dict):
        return {name: printable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [printable(item) for item in value]
    return _printable(value) if isinstance(value, str) else value


def _printable(text: str) -> str:
    cleaned = wording.clean(text)
    if cleaned.isascii():
        return cleaned
    return "".join(c if ord(c) in characters() else wording.UNPRINTABLE for c in cleaned)


@lru_cache(maxsize=1)
def characters() -> frozenset[int]:
    """Return the code points that all the fonts of the report can show."""
    from matplotlib.ft2font import FT2Font

    covered = [frozenset(FT2Font(str(_folder() / name)).get_charmap()) for name in _FILES]
    return frozenset.intersection(*covered)


@lru_cache(maxsize=1)
def prepare() -> None:
    """Let matplotlib list the computer's fonts, which it does once; that it takes a moment stays unsaid."""
    import logging

    log = logging.getLogger("matplotlib.font_manager")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        import matplotlib.font_manager  # noqa: F401  (the list is made by the import)
    finally:
        log.setLevel(before)


@lru_cache(maxsize=1)
def for_pdf() -> typst.Fonts:
    """Return the fonts for the PDF compiler: none of the computer's own, so that pages are the same anywhere."""
    import typst

    return typst.Fonts(include_system_fonts=False, font_paths=[str(_folder())])


def _folder() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"
