"""`nmqc baseline`: state which span of time is the baseline of a camera."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nmqc.cli.common import say
from nmqc.cli.opened import as_json_flag, camera_option, day, opened, placed
from nmqc.cli.stated import dumped, show, told_refusals
from nmqc.history import FIRST_RESULTS, KINDS, BaselineEntry, BaselineSet
from nmqc.report.wording import clean

SCHEMA = "nmqc.baselines/1"


@click.group()
def command() -> None:
    """State, list and end baselines: how a camera measures while all is well.

    Without one the first 20 valid results of each series are its baseline. Who sets one is not stored, unless the
    note says so.

    \b
    After a repair:       nmqc baseline set --unit "Gamma 2" --from 2026-03-02 \\
                            --kind service --note "PMT 23 replaced"
    Of a stated span:     nmqc baseline set --system intevo --from 2026-01-05 \\
                            --to 2026-02-13 --kind acceptance --note "accepted"
    Those that hold:      nmqc baseline list
    One set by mistake:   nmqc baseline end 3 --note "wrong camera"
    """


@command.command("set")
@camera_option(required=True)
@click.option("--test", default="", metavar="NAME", help="For this test alone.")
@click.option("--metric", default="", metavar="NAME", help="For this metric alone.")
@click.option("--detector", type=click.IntRange(min=1), metavar="N", help="For this head alone.")
@click.option("--from", "first", required=True, metavar="DATE", callback=day, help="Its first day or moment.")
@click.option(
    "--to",
    "last",
    metavar="DATE",
    callback=day,
    help=f"Its last day or moment; without: the first {FIRST_RESULTS} valid results.",
)
@click.option("--kind", required=True, type=click.Choice(KINDS), help="Why there is a new baseline.")
@click.option("--note", required=True, metavar="TEXT", help="Why, in words, for whoever reads it later.")
@placed
def set_command(camera: str, first: str, db: str | None, config: Path | None, **wanted: Any) -> None:
    """State that a span of time is the baseline from now on.

    The one that begins last holds; the latest of the kind "acceptance" stays on the charts beside it.

    \b
    nmqc baseline set --unit NM-1 --from 2026-03-02 --kind source --note "Co-57"
    """
    with opened(db, config) as (_, history):
        done = history.set_baseline(history.unit_of(camera), first, **wanted)
    already = "" if done.new else " holds already, nothing was added"
    click.echo(f"baseline {done.entry.number}{already}: {_words(done.entry)}")
    for one in done.covered:
        detector = "" if one.detector is None else f", detector {one.detector}"
        few = "" if one.results >= FIRST_RESULTS else f" (frozen from {FIRST_RESULTS} on)"
        click.echo(f"  {one.test}{detector}: {one.results} valid results so far{few}")
    if not done.covered:
        click.echo("  no valid result so far: it waits for the first")
    _say_across(done)


def _say_across(done: BaselineSet) -> None:
    number = done.entry.number
    for note in done.across:
        what = clean(f"{note.date}, {note.kind}: {note.text}")
        say(
            f"event {note.number} ({what}) lies within this baseline, which is then of two states of the camera: end "
            f"it (`nmqc baseline end {number}`), and set one from {note.date} on or one that ends before"
        )


@command.command("list")
@camera_option(required=False)
@as_json_flag
@placed
def list_command(camera: str | None, as_json: bool, db: str | None, config: Path | None) -> None:
    """List the baselines, those that no longer hold in brackets.

    \b
    nmqc baseline list --unit NM-1
    """
    with (
        told_refusals(as_json, SCHEMA, "baselines"),
        opened(db, config, read_only=True) as (address, history),
    ):
        unit = None if camera is None else history.unit_of(camera)
        found = history.baselines(unit, ended=True)
    if as_json:
        click.echo(dumped(SCHEMA, address.shown, "baselines", [_json(one) for one in found]))
        return
    nothing = f"no baseline is stated: the first {FIRST_RESULTS} valid results of each series count"
    show([(one.number, _words(one), one.ended) for one in found], nothing)


@command.command("end")
@click.argument("number", type=int)
@click.option("--note", required=True, metavar="TEXT", help="Why, for whoever reads it later.")
@placed
def end_command(number: int, note: str, db: str | None, config: Path | None) -> None:
    """Let a baseline hold no longer, and say why. It stays in the list.

    \b
    nmqc baseline end 3 --note "set for the wrong camera"
    """
    with opened(db, config) as (_, history):
        new = history.end_baseline(number, note)
    click.echo(f"baseline {number} no longer holds{'' if new else ' already: nothing was added'}")


def _words(one: BaselineEntry) -> str:
    detector = "" if one.detector is None else f"detector {one.detector}"
    what = ", ".join(part for part in (one.unit, one.test, one.metric, detector) if part)
    first, last = (text.replace("T", " ") for text in (one.first, one.last or ""))
    span = f"from {first} to {last}" if last else f"the first {FIRST_RESULTS} valid results from {first} on"
    return clean(f"{what}, {span}, {one.kind}: {one.note}")


def _json(one: BaselineEntry) -> dict[str, Any]:
    return {
        "number": one.number,
        "unit": one.unit,
        "test": one.test or None,
        "metric": one.metric or None,
        "detector": one.detector,
        "from": one.first,
        "to": one.last,
        "kind": one.kind,
        "note": one.note,
        "recorded": one.recorded,
        "ended": one.ended,
    }
