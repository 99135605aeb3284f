"""The command line. It talks to the person: read, analyse, judge, record, show. No arithmetic.

Commands live in modules of their own and are imported when they are called, so that `nmqc --help` costs no
more than Click itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module

import click

from nmqc import __version__
from nmqc.errors import NmqcError

#: name of the command -> (module, one line of help). The line stands here so that help imports nothing.
COMMANDS: dict[str, tuple[str, str]] = {
    "uniformity": ("nmqc.cli.uniformity", "Flood uniformity (NEMA NU 1, 2.4) of planar gamma-camera images."),
    "resolution": ("nmqc.cli.resolution", "Spatial resolution: four-quadrant bars, slit mask, line sources."),
    "cor": ("nmqc.cli.cor", "Centre of rotation and detector alignment, by point sources."),
    "pet": ("nmqc.cli.pet", "PET: the IEC body phantom (NEMA NU 2, EARL), and a uniform cylinder."),
    "batch": ("nmqc.cli.batch", "Analyse a folder of acquisitions: each once, judged, and in the history."),
    "trend": ("nmqc.cli.trend", "What changed, and since when: charts, a report to sign, from the history."),
    "acceptance": ("nmqc.cli.acceptance", "Hold a folder of acquisitions against a protocol of acceptance."),
    "compare": ("nmqc.cli.compare", "Compare cameras side by side, from the history."),
    "identify": ("nmqc.cli.identify", "Say what files are, and which command analyses them."),
    "history": ("nmqc.cli.history", "List, show, exclude and export recorded results."),
    "baseline": ("nmqc.cli.baseline", "State which span of time is the baseline of a camera."),
    "event": ("nmqc.cli.event", "Keep what happened to a camera, for the charts."),
    "agree": ("nmqc.cli.agree", "Compare another program's numbers with the recorded ones."),
    "validate": ("nmqc.cli.validate", "Commission nmqc: every metric on phantoms, against requirements."),
    "revalidate": ("nmqc.cli.revalidate", "Analyse recorded images again, and list what differs."),
    "push": ("nmqc.cli.push", "Push recorded results to other programs."),
    "limits": ("nmqc.cli.limits", "Show which limits apply, and check a limits file."),
    "config": ("nmqc.cli.config", "Write, check and show the site's configuration."),
    "phantom": ("nmqc.cli.phantom", "Write synthetic DICOM files whose truth is known."),
    "demo": ("nmqc.cli.demo", "Make a synthetic flood, analyse it, and say what to type next."),
    "warm-up": ("nmqc.cli.warm_up", "Compile the fast kernels beforehand."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table: the daily work first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command; Click itself says so where there is none."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def show_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    """Print the version of nmqc and of the libraries its numbers rest on."""
    if not wanted or ctx.resilient_parsing:
        return
    from nmqc.report.document import versions

    click.echo(f"nmqc {__version__}")
    for name, version in versions().items():
        click.echo(f"  {name} {version}")
    ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_version,
    help="Show the versions of nmqc and its libraries.",
)
def command() -> None:
    """Quality control of gamma cameras and PET scanners.

    \b
    A first look:        nmqc demo
    This morning's flood: nmqc uniformity flood.dcm --pdf flood.pdf

    \b
    Exit status: 0 within limits or nothing to judge by, 2 wrong usage,
    3 something refused or not measurable, 4 out of limits.
    """


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit status.

    A refusal that no command caught becomes one line on standard error and status 3. The linear algebra of numpy is
    kept to one thread, unless the environment says otherwise: the matrices are small, and threads waiting for each
    other cost twice the time.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        return invoke(command, arguments, "nmqc")
    except click.ClickException as mistake:
        mistake.show()
        return mistake.exit_code
    except NmqcError as refusal:
        click.echo(f"nmqc: {refusal.reason}", err=True)
        return 3


def invoke(wanted: click.Command, arguments: Sequence[str], name: str) -> int:
    """Run one command and return its exit status.

    As Click's own `main`, but interruptions and closed pipes are left to the process, and NO_COLOR is honoured.
    """
    colour = False if os.environ.get("NO_COLOR") else None
    try:
        with wanted.make_context(name, list(arguments), color=colour) as context:
            outcome = wanted.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    return outcome if isinstance(outcome, int) else 0
