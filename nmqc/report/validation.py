"""The report of a validation as PDF/A-3a: the verdict, then the tables of every test, with the object attached."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nmqc.report.document import dump
from nmqc.report.header import LOGO, Header
from nmqc.report.pdf import AUTHOR, NO_TIME, check_target, compiled, save

ATTACHMENT = "validation.json"
_TEMPLATE = Path(__file__).with_name("validation.typ")


def write(
    path: Path, data: Mapping[str, Any], document: Mapping[str, Any], header: Header, *, force: bool = False
) -> None:
    """Write the report, whole or not at all.

    Parameters
    ----------
    data : what it says, as `validation.typ` reads it
    document : the object of ``docs/schema/nmqc.validate-1.json``, which is attached
    force : replace a file that nmqc did not write

    Raises
    ------
    NmqcError
        If it cannot be written there, or the header's logo cannot be drawn.
    """
    check_target(path, force=force)
    save(path, build(data, document, header))


def build(data: Mapping[str, Any], document: Mapping[str, Any], header: Header) -> bytes:
    """Return the report as the bytes of a PDF/A-3a file; the same findings give the same bytes."""
    words = {
        "lines": list(header.lines),
        "logo": None if header.logo is None else LOGO,
        "author": AUTHOR,
        "keywords": [document["schema"]],
        "attachment": f"The validation as a JSON object, {document['schema']}",
        **data,
    }
    files = {ATTACHMENT: dump({**document, "analysed": None}).encode()}
    return compiled(_TEMPLATE, files, words, header, NO_TIME)
