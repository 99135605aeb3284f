"""The site's configuration, `nmqc.toml`: its cameras, its limits, its database, what may be shown.

It is read whole before anything is analysed, and any mistake in it stops the command: a camera that is not
recognised because of a misspelt key would put its results into another series.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nmqc.errors import BadConfiguration
from nmqc.model import FieldHint, HeadPattern, SiteSystem
from nmqc.toml_reader import Document, Table

#: Attributes in which a head pattern is searched.
ATTRIBUTES: tuple[Literal["SeriesDescription", "ImageID", "ViewCode"], ...] = (
    "SeriesDescription",
    "ImageID",
    "ViewCode",
)
SQLITE = "sqlite:///"
#: Field shapes, and how many lengths each takes.
SHAPES = {"RECTANGLE": 2, "ROUND": 1, "HEXAGONAL": 1}


@dataclass(frozen=True, slots=True)
class Config:
    """What a site has configured. Each default is what holds without a configuration.

    Attributes
    ----------
    systems : tuple of SiteSystem
        The site's cameras, in the order of the file.
    limits_file : Path or None
        The site's own limits.
    database : str or None
        Address of the history. It may hold a password: never shown.
    show_file_names : bool
        False: files are named by the start of their SHA-256.
    file : Path or None
        The file it was read from; None: there is none.
    """

    systems: tuple[SiteSystem, ...] = ()
    limits_file: Path | None = None
    database: str | None = None
    show_file_names: bool = True
    file: Path | None = None


def find(path: Path | None, environment: Mapping[str, str]) -> Path | None:
    """Return the configuration file to read, or None where the site has none.

    In turn: the path that was asked for, the variable NMQC_CONFIG, `nmqc.toml` in the user's configuration
    folder. The first two must exist when they are read; the last need not.

    Raises
    ------
    BadConfiguration
        If the user's configuration folder may not be looked into.
    """
    if path is not None:
        return path
    if environment.get("NMQC_CONFIG"):
        return Path(environment["NMQC_CONFIG"])
    from platformdirs import user_config_dir

    usual = Path(user_config_dir("nmqc")) / "nmqc.toml"
    try:
        return usual if usual.is_file() else None
    except OSError as problem:
        reason = f"{usual} cannot be read ({problem.strerror}): give --config or set NMQC_CONFIG"
        raise BadConfiguration("bad_configuration", reason) from None


def load(path: Path | None) -> Config:
    """Return the configuration in a file; the defaults for None.

    Raises
    ------
    BadFile
        If the file holds mistakes: all of them, each with its line.
    BadConfiguration
        If it cannot be read.
    """
    if path is None:
        return Config()
    document = Document.open(path)
    root = document.root
    config = Config(
        systems=_systems(root.tables("system")),
        limits_file=_limits_file(root, path.parent),
        database=_database(root, path.parent),
        show_file_names=root.flag("show_file_names", default=True),
        file=path,
    )
    document.finish()
    return config


def _limits_file(root: Table, folder: Path) -> Path | None:
    """Return the limits file, relative to the configuration's own folder."""
    name = root.text("limits")
    if not name:
        return None
    path = folder / name
    if not path.is_file():
        root.mistake("limits", f"limits: there is no file {path}")
    return path


def _database(root: Table, folder: Path) -> str | None:
    """Return the address of the history, a file relative to the configuration's own folder.

    A mistake never quotes it.
    """
    address = root.text("database")
    if not address or address.startswith(("postgresql://", "postgres://")):
        return address
    if not address.startswith(SQLITE):
        root.mistake("database", f'database: expected "{SQLITE}FILE" or "postgresql://..."')
        return address
    return SQLITE + str((folder / address.removeprefix(SQLITE)).absolute())


def _systems(tables: Sequence[Table]) -> tuple[SiteSystem, ...]:
    systems = tuple(_system(table) for table in tables)
    _refuse_repeated("unit", tables, [system.unit for system in systems])
    _refuse_repeated("unit_id", tables, [system.unit_id for system in systems])
    return systems


def _refuse_repeated(key: str, tables: Sequence[Table], values: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for table, value in zip(tables, values, strict=True):
        line = first.setdefault(value.casefold(), table.line(key))
        if value and line != table.line(key):
            table.mistake(key, f"{key}: the same as in line {line}; each camera needs its own")


def _system(table: Table) -> SiteSystem:
    system = SiteSystem(
        unit=_unit(table),
        name=table.text("name") or "",
        unit_id=_unit_id(table),
        model=_pattern(table, "model"),
        field=_field(table.table("field", '{ shape = "RECTANGLE", extents_mm = [533, 387] }')),
        heads=tuple(_head(head) for head in table.tables("head")),
    )
    if not (table.holds("unit_id") or table.holds("model")):
        table.mistake(None, "nothing recognises this camera: give unit_id (see `nmqc identify`) or model")
    return system


def _unit(table: Table) -> str:
    unit = table.text("unit", required=True) or ""
    if unit.casefold() == "unidentified":
        table.mistake("unit", "unit: this word stands for cameras that are not known; choose another name")
    return unit


def _unit_id(table: Table) -> str:
    unit_id = table.text("unit_id") or ""
    if unit_id and not re.fullmatch("[0-9a-fA-F]{8}", unit_id):
        table.mistake("unit_id", "unit_id: expected the 8 hexadecimal digits that `nmqc identify` shows")
    return unit_id.lower()


def _pattern(table: Table, key: str, *, required: bool = False) -> str:
    """Return a regular expression that compiles, and that not every text meets."""
    pattern = table.text(key, required=required) or ""
    try:
        if pattern and re.search(pattern, "") is not None:
            table.mistake(key, f"{key}: this expression is found in every text, even in none")
    except re.error as problem:
        table.mistake(key, f"{key}: not a regular expression: {problem}")
    return pattern


def _field(table: Table | None) -> FieldHint | None:
    if table is None:
        return None
    shape = table.choice("shape", tuple(SHAPES))
    extents = table.numbers("extents_mm", "lengths in mm: two sides [533, 387], or one diameter [400]")
    if shape and extents and len(extents) != SHAPES[shape]:
        expected = "two sides" if SHAPES[shape] == 2 else "one diameter"
        table.mistake("extents_mm", f"extents_mm: a {shape} takes {expected}, not {len(extents)} lengths")
    return FieldHint(shape or "", extents, "site configuration")


def _head(table: Table) -> HeadPattern:
    return HeadPattern(
        detector=table.from_one("detector", required=True) or 0,
        attribute=table.choice("attribute", ATTRIBUTES) or ATTRIBUTES[0],
        pattern=_pattern(table, "pattern", required=True),
    )
