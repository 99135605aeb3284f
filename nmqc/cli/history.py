"""`nmqc history`: list, show, explain, exclude and export what was recorded."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from nmqc.cli import history_care
from nmqc.cli.opened import address_of, as_json_flag, moment, opened, options, placed, site_of
from nmqc.errors import NmqcError, UnusableInput
from nmqc.history import Address, Entry, Filters
from nmqc.model import VERDICTS
from nmqc.whole_file import write_whole

_STANDARD_OUTPUT = Path("-")

filtered = options(
    click.option("--system", metavar="NAME", help='Kind of system, such as "intevo".'),
    click.option("--unit", "system_unit", metavar="NAME", help="One physical camera."),
    click.option("--test", metavar="NAME", help='Test, such as "uniformity.planar".'),
    click.option("--detector", type=click.IntRange(min=1), metavar="N", help="Head."),
    click.option("--metric", metavar="NAME", help='Results with this metric: "uniformity.integral.ufov".'),
    click.option("--from", "acquired_from", metavar="DATE", callback=moment, help="Acquired then or later."),
    click.option("--to", "acquired_to", metavar="DATE", callback=moment, help="Acquired then or earlier."),
    click.option("--verdict", type=click.Choice(VERDICTS), help="Verdict of the result."),
    click.option(
        "--excluded/--not-excluded",
        default=None,
        help="The excluded ones alone, or all but those; else both.",
    ),
)
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
    Made again, the same?      nmqc history show 1234 --rerun flood.dcm
    Why a file has no result:  nmqc history explain incoming/IM0001
    Is it whole:               nmqc history check
    A copy, at any time:       nmqc history backup /backup/history.sqlite
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
    with _answered(as_json), opened(db, config, read_only=True) as (address, history):
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
@click.option("--rerun", is_flag=True, help="Make it again from its files, and say whether it is the same.")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(exists=True, path_type=Path))
@as_json_flag
@placed
@click.pass_context
def show_command(
    ctx: click.Context,
    number: int,
    rerun: bool,
    files: tuple[Path, ...],
    db: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Show one result: all measurements, limits, remarks, and where it comes from.

    With --rerun it is made again from its files (and the flood that was given beside them), or from a folder that
    holds them, with the options and fields of view that are recorded in it. Every number is compared to the last
    bit; where one differs, by how much, and which versions, processor or options are not as they were. Its verdicts
    are given by the limits of then and of today. Nothing is recorded.

    \b
    nmqc history show 1234
    nmqc history show 1234 --rerun flood.dcm
    nmqc history show 1234 --rerun /archive/2026/iec --json

    Exit status of --rerun: 0 the same, to the last bit or but for the last digits; 2 wrong usage; 3 it could not be
    made again; 4 a number, or a verdict by the limits of then, is another.
    """
    if rerun != bool(files):
        raise click.UsageError("give --rerun and the files of the result, or neither")
    if rerun:
        from nmqc.cli import history_rerun

        ctx.exit(history_rerun.run(number, files, db, config, as_json))
    with _answered(as_json), opened(db, config, read_only=True) as (address, history):
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

    with _answered(as_json, explain.nothing), opened(db, config, read_only=True) as (address, history):
        asked = explain.asked_of(file, show_name=site_of(config).show_file_names)
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
    with opened(db, config) as (_, history):
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
    with opened(db, config) as (_, history):
        new = history.include(number, reason)
    click.echo(f"result {number} is included again" if new else f"result {number} is not excluded")


def _performer(_ctx: click.Context, _parameter: click.Parameter, typed: str | None) -> tuple[str, str] | None:
    """Return name and address of a person."""
    if typed is None:
        return None
    found = re.fullmatch(r"\s*([^<>]*[^<>\s])\s*<([^<>@\s]+@[^<>@\s.]+(?:\.[^<>@\s.]+)+)>\s*", typed)
    if found is None:
        raise click.BadParameter("write it as 'A. Physicist <physics@hospital.org>'")
    return found[1], found[2]


@command.command("export")
@filtered
@click.option(
    "--csv", "csv_file", type=click.Path(path_type=Path), help="Write a CSV table; - is standard output."
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write JSON; - is standard output."
)
@click.option(
    "--quaac",
    "quaac_file",
    type=click.Path(path_type=Path),
    help="Write a QuAAC document: YAML where the name ends in .yaml or .yml, else JSON; - is standard output.",
)
@click.option(
    "--performer",
    callback=_performer,
    metavar="'NAME <EMAIL>'",
    help="Who did the measurements, for QuAAC, which demands somebody (default: nmqc).",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is no earlier export.")
@placed
def export_command(
    db: str | None,
    config: Path | None,
    csv_file: Path | None,
    json_file: Path | None,
    quaac_file: Path | None,
    performer: tuple[str, str] | None,
    force: bool,
    **wanted: Any,
) -> None:
    """Write all results that the filters let through to a file.

    CSV has one row per measurement, JSON the results as they were recorded, QuAAC one data point per measurement.

    \b
    nmqc history export --csv history.csv
    nmqc history export --unit NM-1 --from 2026 --json -
    nmqc history export --quaac history.yaml
    """
    targets = [path for path in (csv_file, json_file, quaac_file) if path is not None]
    if not targets or len(set(targets)) < len(targets):
        raise click.UsageError("say what to write: --csv, --json or --quaac FILE; several to different files")
    filters = Filters(**wanted)
    with _answered(json_file == _STANDARD_OUTPUT), opened(db, config, read_only=True) as (address, history):
        entries = history.select(filters)
    if csv_file is not None:
        _write(csv_file, _csv(entries, filters.metric), b"result,recorded,", force)
    if json_file is not None:
        _write(json_file, _json(address, entries, len(entries)) + b"\n", b'{"schema": "nmqc.history/', force)
    if quaac_file is not None:
        _write_quaac(quaac_file, entries, filters.metric, performer, force)
    click.echo(f"{len(entries)} results exported", err=True)


command.add_command(history_care.check_command)
command.add_command(history_care.backup_command)


@command.command("path")
@placed
def path_command(db: str | None, config: Path | None) -> None:
    """Print where the history is, for instance to copy it.

    \b
    cp "$(nmqc history path)" /backup/
    """
    click.echo(address_of(db, config).shown)


# --- output ---------------------------------------------------------------------------------------------


@contextmanager
def _answered(as_json: bool, answer: Callable[[NmqcError], bytes] | None = None) -> Iterator[None]:
    """Print the JSON object also where something is refused; the refusal goes on to standard error."""
    try:
        yield
    except NmqcError as refusal:
        if as_json:
            click.echo(answer(refusal) if answer else _json(None, [], 0, refusal))
        raise


def _json(address: Address | None, entries: list[Entry], found: int, *refused: NmqcError) -> bytes:
    from nmqc.history.export import document
    from nmqc.report.document import dump

    return dump(document(address.shown if address else None, entries, found, refused)).encode()


def _csv(entries: list[Entry], metric: str | None) -> bytes:
    from nmqc.history.export import csv_text

    return csv_text(entries, metric).encode("utf-8", "replace")


def _write_quaac(
    path: Path, entries: list[Entry], metric: str | None, performer: tuple[str, str] | None, force: bool
) -> None:
    from nmqc.neighbours import quaac

    found = quaac.exported(entries, metric, performer or quaac.NOBODY)
    as_yaml = path.suffix.lower() in (".yaml", ".yml")
    text = quaac.yaml_text(found.document) if as_yaml else quaac.json_text(found.document)
    begins = quaac.YAML_BEGINS if as_yaml else quaac.JSON_BEGINS
    _write(path, text.encode("utf-8", "replace"), begins, force)
    if found.undated:
        click.echo(
            f"{len(found.undated)} results without a date, which QuAAC cannot hold, were left out", err=True
        )


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
        write_whole(path, content)
    except OSError as problem:
        raise UnusableInput(
            "cannot_write", f"{path} cannot be written ({problem.strerror}): choose another file"
        ) from None


def _check_beginning(path: Path, found: bytes, beginning: bytes) -> None:
    if found not in (b"", beginning):
        raise UnusableInput(
            "file_exists", f"{path} is no earlier export: choose another file, or give --force"
        )
