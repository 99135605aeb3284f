"""What the commands share that speak to the history alone: where it is, days as they are typed, opening it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nmqc.history import Address, History, find_address

if TYPE_CHECKING:
    from nmqc.config import Config

Function = TypeVar("Function", bound=Callable[..., Any])
_MOMENT = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d)?)?)?)?)?")
_EARLIEST = "0001-01-01T00:00:00"
_DAY = len("2026-11-16")


def moment(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """Accept the beginning of an ISO date and time that exists."""
    if text is None:
        return None
    found = text.strip().replace(" ", "T")
    if not _exists(found):
        raise click.BadParameter('write it as "2026-11-16", "2026-11" or "2026-11-16 07:12"')
    return found


def day(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """Accept a day that exists, or a time on it."""
    if text is None:
        return None
    found = text.strip().replace(" ", "T")
    if len(found) < _DAY or not _exists(found):
        raise click.BadParameter('write it as "2026-11-16" or "2026-11-16 07:12"')
    return found


def _exists(found: str) -> bool:
    try:
        datetime.fromisoformat(found + _EARLIEST[len(found) :])
    except ValueError:
        return False
    return _MOMENT.fullmatch(found) is not None


def options(*several: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Return a decorator that adds options in the order in which they are given."""

    def add(function: Function) -> Function:
        for option in reversed(several):
            function = option(function)
        return function

    return add


placed = options(
    click.option(
        "--db", metavar="URL", help="Another history: a file, or postgresql://... (default: NMQC_DB)."
    ),
    click.option(
        "--config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The site's configuration (default: NMQC_CONFIG, or nmqc.toml in the user's folder).",
    ),
)


def camera_option(*, required: bool) -> Callable[[Function], Function]:
    """Return the option that names a camera: by its own name, or by its kind where it is the only one."""
    return click.option(
        "--unit",
        "--system",
        "camera",
        required=required,
        metavar="NAME",
        help="The camera; or its kind, where there is one of it.",
    )


as_json_flag = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def address_of(db: str | None, config_file: Path | None) -> Address:
    """Return where the history is: as typed, else by NMQC_DB, the configuration, the default."""
    return find_address(db, site_of(config_file).database)


def site_of(config_file: Path | None) -> Config:
    """Return the site's configuration; its rules are not looked into."""
    from nmqc import config

    return config.load(config.find(config_file, os.environ))


@contextmanager
def opened(
    db: str | None, config_file: Path | None, read_only: bool = False
) -> Iterator[tuple[Address, History]]:
    """Open the history, and yield where it is with it."""
    address = address_of(db, config_file)
    with History.open(address, read_only=read_only) as history:
        yield address, history
