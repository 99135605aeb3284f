"""Lists of what people stated, baselines and events: as one JSON object, and as text."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from nmqc import __version__
from nmqc.errors import NmqcError

if TYPE_CHECKING:
    from nmqc.report.terminal import Screen


def dumped(
    schema: str, where: str | None, name: str, found: Sequence[dict[str, Any]], *refused: NmqcError
) -> bytes:
    """Return the JSON object of a list that is called `name`."""
    from nmqc.report.document import dump

    document = {
        "schema": schema,
        "nmqc": __version__,
        "history": where,
        name: list(found),
        "refused": [{"code": refusal.code, "reason": refusal.reason} for refusal in refused],
    }
    return dump(document).encode()


@contextmanager
def told_refusals(as_json: bool, schema: str, name: str) -> Iterator[None]:
    """Print the JSON object also where something is refused; the refusal goes on to standard error."""
    try:
        yield
    except NmqcError as refusal:
        if as_json:
            click.echo(dumped(schema, None, name, [], refusal))
        raise


def show(rows: Sequence[tuple[int, str, str | None]], nothing: str) -> None:
    """Print a list for people, or what is said where there is nothing."""
    if not rows:
        click.echo(nothing)
        return
    from nmqc.report.terminal import screen_of

    click.echo(spoken(rows, screen_of(sys.stdout, os.environ)), nl=False)


def spoken(rows: Sequence[tuple[int, str, str | None]], screen: Screen) -> str:
    """Return a paragraph for each (number, words, why it no longer holds), the number of such a one in brackets."""
    from nmqc.cli.history_text import wrapped

    named = [(f"{number}" if gone is None else f"({number})", words, gone) for number, words, gone in rows]
    width = max(len(name) for name, _, _ in named) + 4
    lines = []
    for name, words, gone in named:
        lines += wrapped(name, words if gone is None else f"{words} [no longer: {gone}]", width, screen)
    return "".join(f"{line}\n" for line in lines)
