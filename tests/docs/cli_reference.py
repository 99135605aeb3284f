"""Makes docs/cli.md from the commands' own help: `python tests/docs/cli_reference.py`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
HEAD = """# Commands

Made from the commands' own help by `python tests/docs/cli_reference.py`; a test compares the two.
"""
WIDTH = 100


def commands(command: object, context: object) -> Iterator[tuple[str, str]]:
    """Yield the path and the help text of a command and of all below it."""
    import click

    assert isinstance(command, click.Command)
    assert isinstance(context, click.Context)
    if command.name == "phantom":
        from phantoms.__main__ import parser

        top = parser("nmqc phantom")
        yield "nmqc phantom flood", top._subparsers._group_actions[0].choices["flood"].format_help()  # type: ignore[union-attr,index]
        return
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, below.make_context(name, [], parent=context, resilient_parsing=True))


def page() -> str:
    """Return the page as it should be."""

    from nmqc.cli import command

    os.environ["COLUMNS"] = str(WIDTH)
    context = command.make_context(
        "nmqc", [], resilient_parsing=True, terminal_width=WIDTH, max_content_width=WIDTH
    )
    parts = [HEAD]
    for path, text in commands(command, context):
        parts.append(f"\n## {path}\n\n```\n{text.strip()}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    sys.path.insert(0, str(PAGE.parents[1]))
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")
