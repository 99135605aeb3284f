"""`nmqc phantom`: digital phantoms as DICOM files. Its options are those of `python -m phantoms`."""

from __future__ import annotations

import click


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []}, add_help_option=False
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(ctx: click.Context, /, arguments: tuple[str, ...]) -> None:
    """Write synthetic DICOM files whose truth is known.

    \b
    nmqc phantom --help
    nmqc phantom flood --system intevo --counts 60e6 --weak-tube 2,-96,57,0.08 -o flood.dcm
    """
    from phantoms.__main__ import main

    ctx.exit(main(arguments, prog="nmqc phantom"))
