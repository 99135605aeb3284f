"""`nmqc push`: recorded results to other programs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmqc import __version__
from nmqc.cli import common
from nmqc.cli.opened import as_json_flag, moment, opened, placed
from nmqc.errors import NmqcError, UnusableInput

if TYPE_CHECKING:
    from nmqc.neighbours.qatrack import Collection, Session
    from nmqc.neighbours.qatrack_server import Server

SCHEMA = "nmqc.push/1"
#: after these there is no use in asking the server for the next session
HOPELESS = (
    *("qatrack_unauthorized", "qatrack_forbidden", "qatrack_unreachable", "qatrack_timeout", "qatrack_error"),
    *("qatrack_certificate", "qatrack_redirect", "qatrack_other_server"),
)


@click.group()
def command() -> None:
    """Push recorded results to other programs.

    \b
    To QATrack+:  nmqc push qatrack --help
    """


def _macros(_ctx: click.Context, _parameter: click.Parameter, typed: tuple[str, ...]) -> dict[str, str]:
    """Return nmqc's macro -> the site's own."""
    found: dict[str, str] = {}
    for one in typed:
        theirs, separator, ours = one.partition("=")
        if not separator or not theirs.strip().isidentifier() or not ours.strip().isidentifier():
            raise click.BadParameter("write THEIRS=OURS, both names of macros; --dry-run lists ours")
        found[ours.strip()] = theirs.strip()
    return found


@dataclass(frozen=True, slots=True)
class Typed:
    """The options, named as their parameters."""

    url: str
    token_env: str | None
    token_file: Path | None
    unit: str
    test: str
    test_list: str
    qatrack_unit: str | None
    detector: int | None
    acquired_from: str | None
    acquired_to: str | None
    last: int
    macros: dict[str, str]
    timeout: float
    dry_run: bool
    as_json: bool
    db: str | None
    config: Path | None


@command.command("qatrack")
@click.option("--url", required=True, metavar="URL", help="Where QATrack+ is: https://qatrack.hospital.")
@click.option("--token-env", metavar="NAME", help="The environment variable that holds the API token.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Or a file that holds it, alone.",
)
@click.option("--unit", required=True, metavar="NAME", help="The camera, as the history has it.")
@click.option("--test", required=True, metavar="NAME", help='The test, such as "uniformity.planar".')
@click.option("--test-list", required=True, metavar="NAME", help="The test list, as QATrack+ has it.")
@click.option("--qatrack-unit", metavar="NAME", help="The camera, as QATrack+ has it (default: as --unit).")
@click.option("--detector", type=click.IntRange(min=1), metavar="N", help="Results of this head alone.")
@click.option("--from", "acquired_from", metavar="DATE", callback=moment, help="Acquired then or later.")
@click.option("--to", "acquired_to", metavar="DATE", callback=moment, help="Acquired then or earlier.")
@click.option(
    "--last",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="The latest N acquisitions; 0: all. What is there already is not sent again.",
)
@click.option(
    "--macro",
    "macros",
    multiple=True,
    callback=_macros,
    metavar="THEIRS=OURS",
    help="A test of the list that has another macro name than nmqc's; may be repeated.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600),
    default=30.0,
    show_default=True,
    callback=common.finite,
    metavar="SECONDS",
    help="How long an answer is waited for.",
)
@click.option("--dry-run", is_flag=True, help="Look up what is there, say what would be sent; send nothing.")
@as_json_flag
@placed
@click.pass_context
def qatrack_command(ctx: click.Context, /, **typed: Any) -> None:
    """Push results to QATrack+: one session of a test list for each acquisition.

    Values go to the tests of the list with nmqc's macro names, such as uniformity_integral_ufov_d1; all others are
    skipped. A session carries the SHA-256 of its files, by which QATrack+ knows it: run it as often as you like.
    Excluded results, and those without a date, are not pushed.

    \b
    nmqc push qatrack --url https://qatrack.hospital --token-env TOKEN \\
        --unit "Gamma 2" --test uniformity.planar --test-list "Daily" --dry-run

    Exit status: 0; 2 wrong usage; 3 something could not be pushed.
    """
    ctx.exit(_run(Typed(**typed)))


def _run(typed: Typed) -> int:
    told: list[dict[str, Any]] = []
    refused: list[NmqcError] = []
    try:
        for one in _pushed(typed):
            told.append(one)
            if not typed.as_json:
                click.echo(_line(one))
    except NmqcError as reason:
        refused.append(reason)
    if typed.as_json:
        _print(told, refused, typed)
    for refusal in refused:
        common.say(refusal.reason)
    return 3 if refused or any(one["status"] == "refused" for one in told) else 0


def _pushed(typed: Typed) -> Iterator[dict[str, Any]]:
    """Yield what was done with each session, the latest first."""
    from nmqc.neighbours.qatrack_server import Server

    server = Server(typed.url, _token(typed), typed.timeout)
    if server.in_clear:
        common.say("the address is http://: the token travels unencrypted; https:// is safer")
    waiting = _sessions(typed)
    collection = server.collection(typed.qatrack_unit or typed.unit, typed.test_list)
    for session in waiting:
        yield _one(server, collection, session, dry_run=typed.dry_run)


def _token(typed: Typed) -> str:
    if (typed.token_env is None) == (typed.token_file is None):
        raise click.UsageError("say where the token is: --token-env NAME or --token-file FILE")
    if typed.token_env is not None:
        if typed.token_env not in os.environ:
            raise click.UsageError("--token-env: there is no such variable; give its name, not the token")
        return os.environ[typed.token_env].strip()
    assert typed.token_file is not None
    try:
        return typed.token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise UnusableInput("qatrack_bad_token", "the file of the token cannot be read as text") from None


def _sessions(typed: Typed) -> list[Session]:
    from nmqc.history import Filters
    from nmqc.neighbours.qatrack import sessions

    wanted = Filters(
        test=typed.test,
        system_unit=typed.unit,
        acquired_from=typed.acquired_from,
        acquired_to=typed.acquired_to,
    )
    with opened(typed.db, typed.config, read_only=True) as (_, history):
        entries = [entry for entry in history.select(wanted) if entry.acquired is not None]
    found = sessions(entries, typed.detector, typed.macros)
    if not found:
        raise UnusableInput(
            "no_results",
            f"the history holds no result of {typed.test} of {typed.unit} that fits: `nmqc history list` shows what "
            "it holds",
        )
    return found[: typed.last] if typed.last else found


def _one(server: Server, collection: Collection, session: Session, *, dry_run: bool) -> dict[str, Any]:
    """Push one session, unless it is there; what makes the next one hopeless too is raised."""
    from nmqc.neighbours.qatrack import fitted

    said: dict[str, Any] = {
        "key": session.key,
        "acquired": session.acquired,
        "results": list(session.results),
        "verdict": session.verdict,
        "status": "refused",
        "url": None,
        "sent": [],
        "skipped": [],
        "left": [],
        "code": None,
        "reason": None,
    }
    try:
        fit = fitted(session, collection)
        said |= {"sent": list(fit.sent), "skipped": list(fit.skipped), "left": list(fit.left)}
        there = server.session(session.key)
        if there is not None:
            return said | {"status": "already_there", "url": there}
        if dry_run:
            return said | {"status": "would_push"}
        made = server.add(fit.body)
        return said | {"status": "already_there" if made is None else "pushed", "url": made}
    except NmqcError as reason:
        if reason.code in HOPELESS:
            raise
        return said | {"code": reason.code, "reason": reason.reason}


# --- output ---------------------------------------------------------------------------------------------

_WORDS = {
    "pushed": "pushed",
    "already_there": "is there",
    "would_push": "would be pushed",
    "refused": "REFUSED",
}


def _line(one: Mapping[str, Any]) -> str:
    numbers = ", ".join(str(number) for number in one["results"])
    words = f"{one['acquired'].replace('T', ' ')}  results {numbers}: {_WORDS[one['status']]}"
    if one["status"] == "refused":
        return f"{words}: {one['reason']}"
    if one["status"] == "would_push":
        lists = (("sent", "sent"), ("skipped", "skipped"), ("left", "not in the list"))
        return "\n  ".join([words, *(f"{title}: {_names(one[name])}" for name, title in lists)])
    return f"{words}, {len(one['sent'])} values" + (f", {one['url']}" if one["url"] else "")


def _names(names: list[str]) -> str:
    return ", ".join(names) or "none"


def _print(told: list[dict[str, Any]], refused: list[NmqcError], typed: Typed) -> None:
    from nmqc.report.document import dump

    document = {
        "schema": SCHEMA,
        "nmqc": __version__,
        "unit": typed.unit,
        "test": typed.test,
        "test_list": typed.test_list,
        "dry_run": typed.dry_run,
        "sessions": told,
        "refused": [{"code": reason.code, "reason": reason.reason} for reason in refused],
    }
    click.echo((dump(document) + "\n").encode(), nl=False)
