"""What a site puts at the head of its reports: lines of text and a logo; and how it writes dates."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmqc.errors import NmqcError
from nmqc.report.dates import ISO

#: The file that the logo is for the template: a JSON array of its bytes, as its files can only be text.
LOGO = "logo.json"
NEXT_STEP = "save it again with another program, as PNG without layers"
_ALONE = f'#set page(width: 80mm)\n#set document(title: "Logo")\n#image(bytes(json("{LOGO}")), alt: "Logo")'


@dataclass(frozen=True, slots=True)
class Header:
    """The head of the first page.

    Attributes
    ----------
    lines : tuple of str
        The first is the site's name.
    logo : bytes or None
        The content of a PNG, SVG or JPEG file.
    language : str
        How dates are written in the report, one of `nmqc.report.dates.LANGUAGES`.
    """

    lines: tuple[str, ...] = ()
    logo: bytes | None = None
    language: str = ISO


def read_logo(path: Path) -> bytes:
    """Return the content of a logo.

    Raises
    ------
    NmqcError
        If the file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as problem:
        raise NmqcError(
            "bad_logo", f"the logo {path.name} cannot be read ({problem.strerror}): see nmqc config check"
        ) from None


def packed(picture: bytes) -> bytes:
    """Return a logo, or another picture that is no text, as a template reads it."""
    return json.dumps(list(picture)).encode()


def require_drawable(logo: bytes) -> None:
    """Draw a logo as a report does, and leave it at that.

    Raises
    ------
    NmqcError
        If it cannot be drawn.
    """
    import typst

    compile_files: Any = typst.compile
    try:
        compile_files({"main.typ": _ALONE.encode(), LOGO: packed(logo)}, format="pdf", pdf_standards="a-3a")
    except typst.TypstError as problem:
        lines = str(problem).splitlines() or [""]
        raise NmqcError("bad_logo", f"the logo cannot be drawn ({lines[0]}): {NEXT_STEP}") from None
