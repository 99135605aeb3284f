"""`nmqc config`: write a configuration to fill in, check one, and say what holds."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from nmqc import config
from nmqc.cli import common
from nmqc.config import WEEKDAYS, Config, Expectation, Rule
from nmqc.errors import BadConfiguration, NmqcError
from nmqc.model import FieldHint, SiteSystem
from nmqc.toml_reader import BadFile, Document, Mistake, Place
from nmqc.whole_file import write_whole

TEMPLATE = Path(config.__file__).parent / "data" / "nmqc.toml"
WIDTH = 80


@click.group()
def command() -> None:
    """Write, check and show the site's configuration, nmqc.toml.

    It is looked for where --config says, then where the variable NMQC_CONFIG says, then in the user's configuration
    folder. nmqc works without any.

    \b
    nmqc config init
    nmqc config check
    nmqc config show
    """


# --- init -----------------------------------------------------------------------------------------------


@command.command("init")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init_command(file: Path | None, force: bool) -> None:
    """Write a configuration in which every setting is explained and switched off.

    Without FILE into the user's configuration folder, where nmqc finds it.
    """
    target = file or config.usual_file()
    _write(target, TEMPLATE.read_bytes(), force=force, make_folder=file is None)
    click.echo(f"wrote {target}")
    if config.find(None, os.environ) != target:
        click.echo(f"nmqc reads it with --config, or where the variable NMQC_CONFIG is {target.absolute()}")
    click.echo("Every setting in it is switched off. Edit it, then: nmqc config check")


def _write(target: Path, content: bytes, *, force: bool, make_folder: bool) -> None:
    """Write a file, whole or not at all; one that is there is replaced only by force."""
    try:
        if make_folder:
            target.parent.mkdir(parents=True, exist_ok=True)
        if not force and (target.exists() or target.is_symlink()):
            reason = f"{target} is there already: name another file, or give --force to replace it"
            raise NmqcError("file_exists", reason)
        write_whole(target, content)
    except OSError as problem:
        reason = f"{target} cannot be written ({problem.strerror}): name another file"
        raise NmqcError("cannot_write", reason) from None


# --- check ----------------------------------------------------------------------------------------------


@command.command("check")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def check_command(ctx: click.Context, file: Path | None) -> None:
    """Say what is wrong in the configuration and the limits that it names, one line per mistake.

    Without FILE the one that nmqc uses. Exit status 3 where there is any mistake.
    """
    path = file or config.find(None, os.environ)
    if path is None:
        click.echo("there is no configuration: what is built in holds (nmqc config init writes one)")
        return
    mistakes = tuple(_mistakes(path))
    for mistake in mistakes:
        click.echo(str(mistake))
    if mistakes:
        ctx.exit(3)
    click.echo(f"{path}: no mistakes")


def _mistakes(path: Path) -> Iterator[Mistake]:
    """Yield the mistakes of a configuration; only where it has none, those of what it names."""
    try:
        found = common.load_config(path)
    except BadFile as bad:
        yield from bad.mistakes
        return
    yield from _of_limits(found)
    places: dict[Place, str] = {("database",): _of_database(found), ("report", "logo"): _of_logo(found)}
    document = Document.open(path)
    for place, text in places.items():
        if text:
            yield Mistake(str(path), document.line(place), f"{place[-1]}: {text}")


def _of_limits(found: Config) -> tuple[Mistake, ...]:
    from nmqc.catalogue import metric_units
    from nmqc.limits import check

    return () if found.limits_file is None else check(found.limits_file, metric_units())


def _of_database(found: Config) -> str:
    from nmqc.history import find_address

    try:
        find_address(found.database)
    except BadConfiguration as problem:
        return problem.reason
    return ""


def _of_logo(found: Config) -> str:
    from nmqc.report.header import read_logo, require_drawable

    try:
        if found.report.logo is not None:
            require_drawable(read_logo(found.report.logo))
    except NmqcError as problem:
        return problem.reason
    return ""


# --- show -----------------------------------------------------------------------------------------------


@command.command("show")
@common.config_option
def show_command(config_file: Path | None) -> None:
    """Say what holds: the configuration with what nmqc makes of it.

    The user and the password of a database are not shown, nor are the arguments of on_problem.
    """
    found = common.load_config(config.find(config_file, os.environ))
    rows = list(_rows(found))
    width = max(len(name) for name, _ in rows) + 2
    for name, words in rows:
        lead = name.ljust(width)
        click.echo("\n".join(_wrapped(lead, words)))


def _wrapped(lead: str, words: str) -> list[str]:
    """Return text in lines beside its lead; a path is never cut, so that it can be copied."""
    return textwrap.wrap(
        words,
        WIDTH,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _rows(found: Config) -> Iterator[tuple[str, str]]:
    yield "file", str(found.file) if found.file else "none: what is built in holds"
    yield "history", _history(found)
    yield "limits", f"built-in, and {found.limits_file}" if found.limits_file else "built-in"
    yield "file names", "shown" if found.show_file_names else "not shown: the start of the SHA-256 instead"
    yield from (("camera", _camera(system)) for system in found.systems)
    yield from (("rule", _rule(rule)) for rule in found.rules)
    yield from (("expected", _expectation(one)) for one in found.expected)
    if found.holidays:
        yield "holidays", ", ".join(day.isoformat() for day in found.holidays)
    if found.on_problem:
        yield "on a problem", _on_problem(found.on_problem)
    yield from (("report", line) for line in found.report.text)
    if found.report.logo:
        yield "logo", str(found.report.logo)
    yield "dates", found.report.language


def _history(found: Config) -> str:
    from nmqc.history import find_address

    by = "by NMQC_DB: " if os.environ.get("NMQC_DB") else ""
    return by + find_address(None, found.database).shown


def _camera(system: SiteSystem) -> str:
    known_by = [f"unit_id {system.unit_id}"] if system.unit_id else []
    known_by += [f"model {system.model!r}"] if system.model else []
    heads = [f"detector {head.detector} by {head.attribute} {head.pattern!r}" for head in system.heads]
    field = [_field(system.field)] if system.field else []
    kind = f" ({system.name})" if system.name else ""
    return "; ".join([f"{system.unit}{kind}: {' and '.join(known_by)}", *field, *heads])


def _field(field: FieldHint) -> str:
    return f"field {field.shape} {' x '.join(f'{extent:g}' for extent in field.extents_mm)} mm"


def _rule(rule: Rule) -> str:
    conditions = {"camera": rule.unit, "system": rule.system, "description": rule.description}
    met = ", ".join(f"{name} {value!r}" for name, value in conditions.items() if value)
    options = ", ".join(f"{name} = {value}" for name, value in rule.options.items())
    return f"{met}: {rule.test}{f' with {options}' if options else ''}"


def _expectation(one: Expectation) -> str:
    days = ", ".join(WEEKDAYS[day] for day in one.days_off)
    grace = f", {_days(one.grace_days)} of grace" if one.grace_days else ""
    return f"{one.unit}: {one.test} every {_days(one.every_days)}{grace}{f', not on {days}' if days else ''}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _on_problem(program: tuple[str, ...]) -> str:
    from shutil import which

    missing = "" if which(program[0]) else " (no such program is found from here)"
    arguments = len(program) - 1
    given = f" with {arguments} argument{'s' * (arguments > 1)}, not shown" if arguments else ""
    return f"{program[0]}{missing}{given}"
