"""`nmqc event`: keep what happened to a camera, for the charts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nmqc.cli.opened import as_json_flag, camera_option, day, opened, placed
from nmqc.cli.stated import dumped, show, told_refusals
from nmqc.history import KINDS, Kind, Note
from nmqc.report.wording import clean

SCHEMA = "nmqc.events/1"


@click.group()
def command() -> None:
    """Keep what happened to a camera: it is drawn on the charts.

    An event changes no baseline: `nmqc baseline set` does.

    \b
    A repair:          nmqc event add --system intevo --date 2026-03-01 \\
                         --text "PMT 23 replaced"
    What is kept:      nmqc event list
    A mistaken one:    nmqc event withdraw 2 --note "wrong date"
    """


@command.command("add")
@camera_option(required=True)
@click.option(
    "--date", required=True, metavar="DATE", callback=day, help="The day or moment, at the scanner."
)
@click.option("--text", required=True, metavar="TEXT", help="What happened, in words.")
@click.option("--kind", type=click.Choice(KINDS), default="service", show_default=True, help="What it was.")
@placed
def add_command(camera: str, date: str, text: str, kind: Kind, db: str | None, config: Path | None) -> None:
    """Keep an event of a camera.

    \b
    nmqc event add --unit NM-1 --date "2026-03-01 14:30" --text "new software"
    """
    with opened(db, config) as (_, history):
        unit = history.unit_of(camera)
        known = {note.number for note in history.notes(unit)}
        number = history.add_note(unit, date, text, kind)
        (note,) = (one for one in history.notes(unit) if one.number == number)
    already = " is kept already, nothing was added" if number in known else ""
    click.echo(f"event {number}{already}: {_words(note)}")


@command.command("list")
@camera_option(required=False)
@as_json_flag
@placed
def list_command(camera: str | None, as_json: bool, db: str | None, config: Path | None) -> None:
    """List the events by date, withdrawn ones in brackets.

    \b
    nmqc event list --unit NM-1
    """
    with told_refusals(as_json, SCHEMA, "events"), opened(db, config, read_only=True) as (address, history):
        unit = None if camera is None else history.unit_of(camera)
        found = history.notes(unit, withdrawn=True)
    if as_json:
        click.echo(dumped(SCHEMA, address.shown, "events", [_json(note) for note in found]))
        return
    show([(note.number, _words(note), note.withdrawn) for note in found], "no event is kept")


@command.command("withdraw")
@click.argument("number", type=int)
@click.option("--note", required=True, metavar="TEXT", help="Why, for whoever reads it later.")
@placed
def withdraw_command(number: int, note: str, db: str | None, config: Path | None) -> None:
    """Withdraw an event, and say why. It stays in the list, and off the charts.

    \b
    nmqc event withdraw 2 --note "it was the other camera"
    """
    with opened(db, config) as (_, history):
        new = history.withdraw_note(number, note)
    click.echo(f"event {number} is withdrawn{'' if new else ' already: nothing was added'}")


def _words(note: Note) -> str:
    return clean(f"{note.date.replace('T', ' ')}, {note.unit}, {note.kind}: {note.text}")


def _json(note: Note) -> dict[str, Any]:
    names = ("number", "unit", "date", "kind", "text", "recorded", "withdrawn")
    return {name: getattr(note, name) for name in names}
