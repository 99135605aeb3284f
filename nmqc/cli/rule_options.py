"""The options that a rule of the site's configuration may give to a test, and what they are on the command line.

A rule's option is the long option of the test's command, without its first dashes and with "_" for the others, and
takes what that takes: a number, a text, true or false, an array of numbers where the command line has commas, or a
file, relative to the folder of the configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import click

Kind = Literal["number", "text", "flag", "numbers", "file"]

EXPECTED: dict[Kind, str] = {
    "number": "a number",
    "text": "text",
    "flag": "true or false",
    "numbers": "an array of numbers",
    "file": "the name of a file",
}

_TRUTH: dict[str, Kind] = {"fill": "file", "background_bqml": "number"}
_IEC: dict[str, Kind] = {
    **_TRUTH,
    "ratio": "number",
    "ratio_uncertainty": "number",
    "sphere_bqml": "number",
    "earl": "number",
    "edition": "text",
    "slice": "text",
    "lung_exclusion": "number",
    "lung_background": "text",
    "bg_rois": "file",
    "header_dose": "flag",
    "sphere_phase": "number",
    "sense": "number",
}
#: test -> option -> what it is in the configuration. The tests of the IEC phantom are run together.
OPTIONS: dict[str, dict[str, Kind]] = {
    "uniformity.planar": {
        "reference": "file",
        "source_distance": "number",
        "edge_policy": "text",
        "edge_margin": "number",
        "rebin": "number",
        "replicates": "number",
    },
    "resolution.bars": {"bars": "numbers", "flood": "file"},
    "resolution.slits": {},
    "resolution.lines": {"separation": "number"},
    "cor.point-sources": {},
    "pet.image-quality": _IEC,
    "pet.recovery": _IEC,
    "pet.resolution-fit": _IEC,
    "pet.uniformity": _TRUTH,
}


def known() -> dict[str, frozenset[str]]:
    """Return the names of all tests, and of the options that each may be given."""
    return {test: frozenset(options) for test, options in OPTIONS.items()}


def reader(folder: Path) -> Callable[[str, str, Any], Any]:
    """Return what reads the value of an option, for a configuration in a folder.

    It takes test, option and value, and returns the value as the command line has it: an array is a list, a file its
    path from the root, as text. It raises ValueError, which says what is wrong, where the command would not take it.
    """

    def read(test: str, option: str, value: Any) -> Any:
        kind = OPTIONS[test][option]
        if not _is(value, kind):
            raise ValueError(f"expected {EXPECTED[kind]}")
        if kind != "file":
            return _checked(test, option, value, kind)
        path = (folder / value).absolute()
        if not path.is_file():
            raise ValueError(f"there is no file {path}")
        return str(path)

    return read


def _is(value: Any, kind: Kind) -> bool:
    if kind == "numbers":
        return isinstance(value, list) and all(_is(one, "number") for one in value)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, bool if kind == "flag" else str)


def _checked(test: str, option: str, value: Any, kind: Kind) -> Any:
    """Return what the command makes of a value; a number out of a few that it has as texts stays a number."""
    typed = ",".join(str(one) for one in value) if kind == "numbers" else value
    try:
        with click.Context(click.Command(None)) as context:
            made = _parameter(test, option).process_value(context, typed if kind == "flag" else str(typed))
    except click.BadParameter as problem:
        raise ValueError(problem.message) from None
    if kind == "numbers":
        return list(made)
    return value if isinstance(made, str) else made


def _parameter(test: str, option: str) -> click.Option:
    """Return the option of the test's command."""
    from nmqc import catalogue

    command = import_module(f"nmqc.cli.{catalogue.find(test).command}").command
    options = (one for one in command.params if isinstance(one, click.Option))
    return next(one for one in options if f"--{option.replace('_', '-')}" in one.opts)
