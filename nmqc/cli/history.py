"""`nmqc history`: list, show, explain, exclude and export what was recorded."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nmqc.errors import NmqcError, UnusableInput
from nmqc.history import Address, Entry, Filters, History, find_address
from nmqc.model import VERDICTS

if TYPE_CHECKING:
    from nmqc.config import Config

Function = TypeVar("Function", bound=Callable[..., Any])
_MOMENT = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d)?)?)?)?)?")
_EARLIEST = "0001-01-01T00:00:00"
_STANDARD_OUTPUT = Path("-")


def _moment(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """Accept the beginning of an ISO date and time that exists."""
    if text is None:
        return None
    moment = text.strip().replace(" ", "T")
    try:
        if not _MOMENT.fullmatch(moment):
            raise ValueError
        datetime.fromisoformat(moment + _EARLIEST[len(moment) :])
    except ValueError:
        raise click.BadParameter('write it as "2026-11-16", "2026-11" or "2026-11-16 07:12"') from None
    return moment


def _options(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    def add(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return add


placed = _options(
    click.option(
        "--db", metavar="URL", help="Another history: a file, or postgresql://... (default: NMQC_DB)."
    ),
    click.option(
        "--config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The site's configuration (default: NMQC_CONFIG, or nmqc.toml in the user's folder).",
    ),
)
filtered = _options(
    click.option("--system", metavar="NAME", help='Kind of system, such as "intevo".'),
    click.option("--unit", "system_unit", metavar="NAME", help="One physical camera."),
    click.option("--test", metavar="NAME", help='Test, such as "uniformity.planar".'),
    click.option("--detector", type=click.IntRange(min=1), metavar="N", help="Head."),
    click.option("--metric", metavar="NAME", help='Results with this metric: "uniformity.integral.ufov".'),
    click.option("--from", "acquired_from", metavar="DATE", callback=_moment, help="Acquired then or later."),
    click.option("--to", "acquired_to", metavar="DATE", callback=_moment, help="Acquired then or earlier."),
    click.option("--verdict", type=click.Choice(VERDICTS), help="Verdict of the result."),
    click.option(
        "--excluded/--not-excluded",
        default=None,
        help="The excluded ones alone, or all but those; else both.",
    ),
)
as_json_flag = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
reason_given = click.option(
    "--reason", required=True, metavar="TEXT", help="Why, for whoever reads it later."
)
number_given = click.argument("number", type=int)


@click.group()
def command() -> None:
    """List, show, exclude and export recorded results.

    Every analysis is recorded unless --no-record is given. Nothing is ever changed or taken out.

    \b
    The latest results:        nmqc history list
    One camera since January:  nmqc history list --unit "Gamma 2" --from 2026-01
    One number over time:      nmqc history list --metric uniformity.integral.ufov
    One result, whole:         nmqc history show 1234
    Why a file has no result:  nmqc history explain incoming/IM0001
    Out of trends:             nmqc history exclude 1234 --reason "source leaked"
    For a spreadsheet:         nmqc history export --csv floods.csv
    """


@command.command("list")
@filtered
@click.option(
    "--limit", type=click.IntRange(min=0), default=50, show_default=True, help="Most results; 0: all."
)
@as_json_flag
@click.option("--csv", "as_csv", is_flag=True, help="Print a CSV table, one row per measurement.")
@placed
def list_command(
    db: str | None, config: Path | None, as_json: bool, as_csv: bool, limit: int, **wanted: Any
) -> None:
    """List results, the latest acquisition first.

    \b
    nmqc history list --unit NM-1 --detector 2 --from 2026-11 --to 2026-11
    nmqc history list --verdict fail --limit 0
    """
    if as_json and as_csv:
        raise click.UsageError("give --json or --csv, not both")
    filters = Filters(**wanted, limit=limit or None)
    with _answered(as_json), _history(db, config, read_only=True) as (address, history):
        entries, found = history.select(filters), history.count(filters)
    if as_json:
        click.echo(_json(address, entries, found))
    elif as_csv:
        click.echo(_csv(entries, filters.metric), nl=False)
    else:
        click.echo(_list_text(entries, filters.metric), nl=False)
    if found > len(entries):
        click.echo(f"the latest {len(entries)} of {found} results; --limit 0 lists all", err=True)


@command.command("show")
@number_given
@as_json_flag
@placed
def show_command(number: int, db: str | None, config: Path | None, as_json: bool) -> None:
    """Show one result: all measurements, limits, remarks, and where it comes from."""
    with _answered(as_json), _history(db, config, read_only=True) as (address, history):
        entry = history.get(number)
    if as_json:
        click.echo(_json(address, [entry], 1))
        return
    from nmqc.cli.history_text import page
    from nmqc.report.terminal import screen_of

    click.echo(page(entry, screen_of(sys.stdout, os.environ)), nl=False)


@command.command("explain")
@click.argument("file", type=click.Path(dir_okay=False, readable=False, path_type=Path))
@as_json_flag
@placed
def explain_command(file: Path, as_json: bool, db: str | None, config: Path | None) -> None:
    """Say what is known of a file, and why it has no result.

    What batch made of it, its results, and why it or a detector in it was refused. It is looked up by its path
    and by its bytes, so that a copy is found too.

    \b
    nmqc history explain incoming/IM0001
    """
    from nmqc.cli import history_explain as explain

    with _answered(as_json, explain.nothing), _history(db, config, read_only=True) as (address, history):
        asked = explain.asked_of(file, show_name=_site(config).show_file_names)
        traces = explain.traces_of(asked, history)
    if asked.size is None and not traces.marks:
        raise click.UsageError(f"{asked.name}: there is no such file, and batch met none of this path")
    if as_json:
        click.echo(explain.document(address.shown, asked, traces))
        return
    from nmqc.report.terminal import screen_of

    click.echo(explain.explained(asked, traces, screen_of(sys.stdout, os.environ)), nl=False)


@command.command("exclude")
@number_given
@reason_given
@placed
def exclude_command(number: int, reason: str, db: str | None, config: Path | None) -> None:
    """Take a result out of baselines and trends, and say why. It stays visible.

    \b
    nmqc history exclude 1234 --reason "source leaked onto the collimator"
    """
    with _history(db, config) as (_, history):
        new = history.exclude(number, reason)
    added = "" if new else " already, for this very reason: nothing was added"
    click.echo(f"result {number} is excluded{added}")


@command.command("include")
@number_given
@reason_given
@placed
def include_command(number: int, reason: str, db: str | None, config: Path | None) -> None:
    """Put an excluded result back into baselines and trends, and say why.

    \b
    nmqc history include 1234 --reason "no leak was found"
    """
    with _history(db, config) as (_, history):
        new = history.include(number, reason)
    click.echo(f"result {number} is included again" if new else f"result {number} is not excluded")


@command.command("export")
@filtered
@click.option(
    "--csv", "csv_file", type=click.Path(path_type=Path), help="Write a CSV table; - is standard output."
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write JSON; - is standard output."
)
@click.option("--force", is_flag=True, help="Overwrite a file that is no earlier export.")
@placed
def export_command(
    db: str | None,
    config: Path | None,
    csv_file: Path | None,
    json_file: Path | None,
    force: bool,
    **wanted: Any,
) -> None:
    """Write all results that the filters let through to a file.

    CSV has one row per measurement, JSON the results as they were recorded.

    \b
    nmqc history export --csv history.csv
    nmqc history export --unit NM-1 --from 2026 --json -
    """
    if (csv_file or json_file) is None or csv_file == json_file:
        raise click.UsageError("say what to write: --csv FILE, --json FILE, or both to two files")
    filters = Filters(**wanted)
    with _answered(json_file == _STANDARD_OUTPUT), _history(db, config, read_only=True) as (address, history):
        entries = history.select(filters)
    if csv_file is not None:
        _write(csv_file, _csv(entries, filters.metric), b"result,recorded,", force)
    if json_file is not None:
        _write(json_file, _json(address, entries, len(entries)) + b"\n", b'{"schema": "nmqc.history/', force)
    click.echo(f"{len(entries)} results exported", err=True)


@command.command("path")
@placed
def path_command(db: str | None, config: Path | None) -> None:
    """Print where the history is, for instance to copy it.

    \b
    cp "$(nmqc history path)" /backup/
    """
    click.echo(_address(db, config).shown)


# --- the history ----------------------------------------------------------------------------------------


def _address(db: str | None, config_file: Path | None) -> Address:
    return find_address(db, _site(config_file).database)


def _site(config_file: Path | None) -> Config:
    from nmqc import config

    return config.load(config.find(config_file, os.environ))


@contextmanager
def _history(
    db: str | None, config_file: Path | None, read_only: bool = False
) -> Iterator[tuple[Address, History]]:
    address = _address(db, config_file)
    with History.open(address, read_only=read_only) as history:
        yield address, history


@contextmanager
def _answered(as_json: bool, answer: Callable[[NmqcError], bytes] | None = None) -> Iterator[None]:
    """Print the JSON object also where something is refused; the refusal goes on to standard error."""
    try:
        yield
    except NmqcError as refusal:
        if as_json:
            click.echo(answer(refusal) if answer else _json(None, [], 0, refusal))
        raise


# --- output ---------------------------------------------------------------------------------------------


def _json(address: Address | None, entries: list[Entry], found: int, *refused: NmqcError) -> bytes:
    from nmqc.history.export import document
    from nmqc.report.document import dump

    return dump(document(address.shown if address else None, entries, found, refused)).encode()


def _csv(entries: list[Entry], metric: str | None) -> bytes:
    from nmqc.history.export import csv_text

    return csv_text(entries, metric).encode("utf-8", "replace")


def _list_text(entries: list[Entry], metric: str | None) -> str:
    if not entries:
        return "no result is recorded that fits\n"
    from nmqc.cli.history_text import listing
    from nmqc.report.terminal import screen_of

    return listing(entries, metric, screen_of(sys.stdout, os.environ))


def _write(path: Path, content: bytes, beginning: bytes, force: bool) -> None:
    """Write an export; a file that is no earlier export is not overwritten unless asked for."""
    if path == _STANDARD_OUTPUT:
        click.echo(content, nl=False)
        return
    try:
        if path.is_file() and not force:
            with path.open("rb") as earlier:
                _check_beginning(path, earlier.read(len(beginning)), beginning)
        path.write_bytes(content)
    except OSError as problem:
        raise UnusableInput(
            "cannot_write", f"{path} cannot be written ({problem.strerror}): choose another file"
        ) from None


def _check_beginning(path: Path, found: bytes, beginning: bytes) -> None:
    if found not in (b"", beginning):
        raise UnusableInput(
            "file_exists", f"{path} is no earlier export: choose another file, or give --force"
        )
