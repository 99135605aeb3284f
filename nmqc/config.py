"""The site's configuration, `nmqc.toml`: cameras, rules, what is expected and when, limits, database, reports.

It is read whole before anything is analysed, and any mistake in it stops the command: a camera that is not
recognised because of a misspelt key would put its results into another series.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from nmqc.errors import BadConfiguration
from nmqc.model import FieldHint, HeadPattern, SiteSystem
from nmqc.toml_reader import Document, Table, nearest, shown

#: Attributes in which a head pattern is searched.
ATTRIBUTES: tuple[Literal["SeriesDescription", "ImageID", "ViewCode"], ...] = (
    "SeriesDescription",
    "ImageID",
    "ViewCode",
)
SQLITE = "sqlite:///"
#: Field shapes, and how many lengths each takes.
SHAPES = {"RECTANGLE": 2, "ROUND": 1, "HEXAGONAL": 1}
#: Kinds of system that nmqc recognises by itself, and what the others are called.
KINDS = ("intevo", "symbia-t2", "brivo", "vereos", "unknown")
#: Instead of a test, in a rule: the files are left alone.
IGNORE = "ignore"
#: The days of the week, from 0.
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: How dates may be written in reports.
DATES = ("iso", "de", "en", "es", "fr", "it", "nl", "pt")
MOST_DAYS = 3660
MOST_LINES = 6
MOST_WORDS = 100
MOST_LOGO_BYTES = 1_000_000
#: How the content of an image begins: PNG, JPEG, or SVG with what may stand before its element.
IMAGE = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|(?:\xef\xbb\xbf)?\s*<(?:.{0,4000}<)?(?:\w+:)?svg[\s>]", re.DOTALL
)

#: (test, option, value as written) -> value as it is used; or ValueError, which says what is wrong.
ReadOption = Callable[[str, str, Any], Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a batch does with files, whatever they show: the first rule whose conditions are all met counts.

    Attributes
    ----------
    test : str
        "uniformity.planar", ..., or "ignore".
    unit : str
        The one camera, as `system.unit` of a result has it; "": any.
    system : str
        The kind of system; "": any.
    description : str
        A regular expression searched in the series description, without regard to case; "": any.
    options : mapping
        Options of the test by the long names of the command line, without dashes in front and with "_" for others.
    """

    test: str
    unit: str = ""
    system: str = ""
    description: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What should arrive, and how often.

    Attributes
    ----------
    unit : str
        The one camera, as `system.unit` of a result has it.
    test : str
    every_days : int
        Days from one acquisition to the next, 1 or more.
    grace_days : int
        Days after the due day on which it may still arrive; days off do not count.
    days_off : tuple of int
        Days of the week on which nothing is due: 0 Monday ... 6 Sunday.
    """

    unit: str
    test: str
    every_days: int
    grace_days: int = 0
    days_off: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportHeader:
    """What stands at the head of the site's reports: lines of text, a logo, and how dates are written (`DATES`)."""

    text: tuple[str, ...] = ()
    logo: Path | None = None
    language: str = "iso"


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
    rules : tuple of Rule
        In the order of the file.
    expected : tuple of Expectation
        In the order of the file.
    on_problem : tuple of str
        A command and its arguments; () where there is none. They may hold a password: never shown.
    report : ReportHeader
    holidays : tuple of date
        Days on which nothing is due, in their order.
    """

    systems: tuple[SiteSystem, ...] = ()
    limits_file: Path | None = None
    database: str | None = None
    show_file_names: bool = True
    file: Path | None = None
    rules: tuple[Rule, ...] = ()
    expected: tuple[Expectation, ...] = ()
    on_problem: tuple[str, ...] = ()
    report: ReportHeader = ReportHeader()
    holidays: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class _Names:
    """What may be named: the tests with their options, or None where they are not known here; cameras and kinds."""

    tests: Mapping[str, frozenset[str]] | None
    read_option: ReadOption
    systems: tuple[SiteSystem, ...]


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
    usual = usual_file()
    try:
        return usual if usual.is_file() else None
    except OSError as problem:
        reason = f"{usual} cannot be read ({problem.strerror}): give --config or set NMQC_CONFIG"
        raise BadConfiguration("bad_configuration", reason) from None


def usual_file() -> Path:
    """Return where the configuration is looked for where nobody says otherwise."""
    from platformdirs import user_config_dir

    return Path(user_config_dir("nmqc")) / "nmqc.toml"


def load(
    path: Path | None,
    known: Mapping[str, frozenset[str]] | None = None,
    read_option: ReadOption = lambda _test, _option, value: value,
) -> Config:
    """Return the configuration in a file; the defaults for None.

    Parameters
    ----------
    path : Path or None
    known : mapping of the name of a test to the names of its options, or None
        The tests that nmqc knows; None leaves names of tests and options to whoever runs them.
    read_option : callable (test, option, value) -> value
        Returns the value of an option that is known as it is used, and raises ValueError where it cannot be.

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
    systems = _systems(root.tables("system"))
    names = _Names(known, read_option, systems)
    config = Config(
        systems=systems,
        limits_file=_limits_file(root, path.parent),
        database=_database(root, path.parent),
        show_file_names=root.flag("show_file_names", default=True),
        file=path,
        rules=tuple(_rule(table, names) for table in root.tables("rule")),
        expected=_expected(root.tables("expect"), names),
        on_problem=_on_problem(root, path.parent),
        report=_report(root.table("report", '[report] with hospital = ["..."]'), path.parent),
        holidays=_holidays(root.table("calendar", "[calendar] with holidays = [2026-12-25]")),
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


# --- rules ----------------------------------------------------------------------------------------------


def _rule(table: Table, names: _Names) -> Rule:
    test = _test(table, names, (IGNORE,))
    rule = Rule(
        test=test,
        unit=_camera(table, names.systems, required=False),
        system=_kind(table, names.systems),
        description=_pattern(table, "description"),
        options=_options(table.table("options", "[rule.options] with replicates = 0"), test, names),
    )
    if not any(table.holds(key) for key in ("unit", "system", "description")):
        table.mistake(None, "this rule is for every file: give unit, system or description")
    return rule


def _test(table: Table, names: _Names, others: tuple[str, ...] = ()) -> str:
    """Return the name of a test, or one of the other words that may stand there."""
    test = table.text("test", required=True) or ""
    if test and names.tests is not None and test not in (*names.tests, *others):
        table.mistake("test", f"test: there is no test {_or_known(test, (*names.tests, *others))}")
    return test


def _or_known(name: str, known: Sequence[str]) -> str:
    """Return a name that is not known in quotes, with the nearest that is, or with all of them."""
    listed = f"; known here: {', '.join(known)}" if known else "; none is known here"
    return shown(name) + (nearest(name, known) or listed)


def _camera(table: Table, systems: Sequence[SiteSystem], *, required: bool) -> str:
    """Return one camera as results name it: the site's name, however written, or else its 8 digits."""
    unit = table.text("unit", required=required) or ""
    for system in systems:
        if unit and unit.casefold() in (system.unit.casefold(), system.unit_id):
            return system.unit
    if unit and not re.fullmatch("[0-9a-fA-F]{8}", unit):
        units = [system.unit for system in systems if system.unit]
        table.mistake("unit", f"unit: no [[system]] has the unit {_or_known(unit, units)}")
        return unit
    return unit.lower()


def _kind(table: Table, systems: Sequence[SiteSystem]) -> str:
    """Return a kind of system, one of nmqc's or the site's own."""
    kind = table.text("system") or ""
    kinds = tuple(dict.fromkeys([*KINDS, *(system.name for system in systems if system.name)]))
    for known in kinds:
        if kind.casefold() == known.casefold():
            return known
    if kind:
        table.mistake("system", f"system: no camera is of the kind {_or_known(kind, kinds)}")
    return kind


def _options(table: Table | None, test: str, names: _Names) -> Mapping[str, Any]:
    if table is None:
        return {}
    if test == IGNORE:
        table.mistake(None, f'options: "{IGNORE}" takes none')
    return {key: _option(table, key, test, names) for key in table.keys()}  # noqa: SIM118  (a Table is no mapping)


def _option(table: Table, key: str, test: str, names: _Names) -> Any:
    value = table.plain(key)
    if names.tests is None or test not in names.tests or value is None:
        return value
    if key not in names.tests[test]:
        table.mistake(key, f"{test} has no option {_or_known(key, sorted(names.tests[test]))}")
        return value
    try:
        return names.read_option(test, key, value)
    except ValueError as problem:
        table.mistake(key, f"{key}: {problem}")
        return None


# --- what is expected -----------------------------------------------------------------------------------


def _expected(tables: Sequence[Table], names: _Names) -> tuple[Expectation, ...]:
    expected = tuple(_expectation(table, names) for table in tables)
    first: dict[tuple[str, str], int] = {}
    for table, one in zip(tables, expected, strict=True):
        line = first.setdefault((one.unit, one.test), table.line())
        if one.unit and one.test and line != table.line():
            table.mistake(None, f"{one.test} of this camera is expected in line {line} already")
    return expected


def _expectation(table: Table, names: _Names) -> Expectation:
    return Expectation(
        unit=_camera(table, names.systems, required=True),
        test=_test(table, names),
        every_days=_days(table, "every", least=1, required=True) or 1,
        grace_days=_days(table, "grace", least=0, required=False) or 0,
        days_off=_days_off(table),
    )


def _days(table: Table, key: str, *, least: int, required: bool) -> int | None:
    """Return a number of days, written as a whole number or as "7 days"."""
    words = f'whole days such as "7 days" or 7, from {least} to {MOST_DAYS}'
    value = table.value(key, (int, str), words, required)
    text = re.fullmatch("([0-9]{1,9}) days?", value) if isinstance(value, str) else None
    days = int(text[1]) if text else value
    if value is None or (isinstance(days, int) and least <= days <= MOST_DAYS):
        return days
    table.mistake(key, f"{key}: expected {words}")
    return None


def _days_off(table: Table) -> tuple[int, ...]:
    key, words = "days_off", 'days of the week such as ["Saturday", "Sunday"]'
    names = table.texts(key, words, most=len(WEEKDAYS))
    numbers = {day.casefold(): number for number, day in enumerate(WEEKDAYS)}
    for name in names:
        if name.casefold() not in numbers:
            table.mistake(key, f"{key}: there is no day {_or_known(name, WEEKDAYS)}")
    days = sorted({numbers[name.casefold()] for name in names if name.casefold() in numbers})
    if len(days) == len(WEEKDAYS):
        table.mistake(key, f"{key}: on no day of the week could anything be due")
    return tuple(days)


def _holidays(table: Table | None) -> tuple[date, ...]:
    return () if table is None else tuple(sorted(set(table.dates("holidays"))))


def _on_problem(root: Table, folder: Path) -> tuple[str, ...]:
    """Return the command and its arguments; a program named with a folder, relative to the configuration's own."""
    words = 'a command and its arguments, each a text of its own: ["program", "argument"]'
    command = root.texts("on_problem", words, most=MOST_WORDS, blank=True)
    if not command:
        return ()
    program = command[0]
    if not program.strip():
        root.mistake("on_problem", f"on_problem: expected {words}")
    if Path(program).name == program:
        return command
    return (str((folder / program).absolute()), *command[1:])


# --- reports --------------------------------------------------------------------------------------------


def _report(table: Table | None, folder: Path) -> ReportHeader:
    if table is None:
        return ReportHeader()
    words = f'1 to {MOST_LINES} lines of text, not empty: ["University Hospital", "Nuclear Medicine"]'
    return ReportHeader(
        text=table.texts("hospital", words, most=MOST_LINES),
        logo=_logo(table, folder),
        language=(table.choice("dates", DATES) if table.holds("dates") else None) or "iso",
    )


def _logo(table: Table, folder: Path) -> Path | None:
    """Return the logo, relative to the configuration's own folder."""
    name = table.text("logo")
    if not name:
        return None
    path = folder / name
    if problem := _unlike_a_logo(path):
        table.mistake("logo", f"logo: {problem}")
    return path


def _unlike_a_logo(path: Path) -> str:
    """Return why a file is no logo, by its content; "" where it may be one."""
    if not path.is_file():
        return f"there is no file {path}"
    try:
        with path.open("rb") as file:
            content = file.read(MOST_LOGO_BYTES + 1)
    except OSError as problem:
        return f"{path} cannot be read ({problem.strerror})"
    if len(content) > MOST_LOGO_BYTES:
        return f"{path} is larger than 1 MB: make it smaller, it goes into every report"
    return "" if IMAGE.match(content) else f"{path} is no PNG, SVG or JPEG image"
