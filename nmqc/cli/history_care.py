"""`nmqc history check` and `nmqc history backup`: whether the record is whole, and a copy of it."""

from __future__ import annotations

from pathlib import Path

import click

from nmqc.cli import common
from nmqc.cli.opened import address_of, placed


@click.command("check")
@placed
@click.pass_context
def check_command(ctx: click.Context, db: str | None, config: Path | None) -> None:
    """Say whether the history is whole: every page, every row, and what each result says twice.

    It reads all of it, and changes nothing. One line for each thing that is wrong.

    \b
    nmqc history check

    Exit status: 0 it is whole; 3 it is not, or cannot be read.
    """
    from nmqc.history.care import problems

    address = address_of(db, config)
    count, found = problems(address)
    for one in found:
        click.echo(one)
    if found:
        common.say(
            f"the history {address.shown} is damaged: keep it as it is, and put its last copy back under its name; "
            "without one, `sqlite3 FILE .recover` may save the rest"
        )
        ctx.exit(3)
    click.echo(f"{address.shown}: whole, {count} results")


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace a file that is no earlier copy, or holds more results.")
@placed
def backup_command(file: Path, force: bool, db: str | None, config: Path | None) -> None:
    """Copy the history to FILE, as it is at one moment, also while others record.

    The copy is checked before it takes its name: what was there before stays where anything goes wrong. A damaged
    history is not copied.

    \b
    nmqc history backup /backup/history.sqlite

    Exit status: 0 copied; 3 not copied.
    """
    from nmqc.history.care import back_up

    count = back_up(address_of(db, config), file, force=force)
    click.echo(f"{file}: {count} results")
