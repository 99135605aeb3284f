"""`nmqc acceptance`: a folder of acquisitions against a protocol."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmqc.cli import common
from nmqc.errors import HistoryUnavailable, NmqcError

if TYPE_CHECKING:
    from nmqc.acceptance.folder import Candidate, Found
    from nmqc.acceptance.outcome import Outcome
    from nmqc.acceptance.protocol import Options, Protocol
    from nmqc.batch.night import Means

RUN = "run"


class RunByDefault(click.Group):
    """A group that takes what is none of its commands for the arguments of `run`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `run` in front, where no command and no question for help stands there."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [RUN, *args]
        return super().parse_args(ctx, args)


@dataclass(frozen=True, slots=True)
class Typed:
    """The arguments and options, named as their parameters."""

    protocol: str
    folder: Path
    pdf: Path | None
    force: bool
    as_json: bool
    set_baseline: bool
    unit: str | None
    db: str | None
    no_record: bool
    config_file: Path | None
    jobs: int | None
    replicates: int | None


@click.group(cls=RunByDefault)
def command() -> None:
    """Hold a folder of acquisitions against a protocol of acceptance.

    `nmqc acceptance PROTOCOL FOLDER` is short for `nmqc acceptance run PROTOCOL FOLDER`.
    """


@command.command(RUN)
@click.argument("protocol", metavar="PROTOCOL|SYSTEM")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o", "--pdf", type=click.Path(path_type=Path), metavar="OUT", help="Write a PDF report to sign."
)
@click.option("--force", is_flag=True, help="Let --pdf replace a file that nmqc did not write.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option(
    "--set-baseline", is_flag=True, help="Where it is passed, let the baselines begin with these results."
)
@click.option("--unit", metavar="NAME", help="The camera, where the folder holds several of the kind.")
@click.option("--db", metavar="URL", help="The history: a file, or postgresql://...  [env: NMQC_DB]")
@click.option("--no-record", is_flag=True, help="Leave the history alone.")
@common.config_option
@click.option(
    "--jobs", type=click.IntRange(1, 1024), metavar="N", help="Processes at a time (default: one a core)."
)
@click.option(
    "--replicates",
    type=click.IntRange(2, 100_000),
    metavar="N",
    help="Splits of the counts for the uncertainties of floods (default: as for one flood).",
)
@click.pass_context
def run_command(ctx: click.Context, /, **typed: Any) -> None:
    """Hold a folder of acquisitions against a protocol.

    PROTOCOL is a TOML file, one of the built-in protocols (intevo, symbia-t2, brivo, vereos), or a camera of the
    site's configuration, by its name, whose kind has a built-in one. Every acquisition in the folder is analysed as
    `nmqc batch` does, and recorded. Each requirement is passed, failed, undecided (the uncertainty spans the limit),
    missing, or recorded where it has no limit.

    \b
    nmqc acceptance intevo /qc/acceptance -o acceptance.pdf
    nmqc acceptance contract.toml /qc/acceptance -o acceptance.pdf --set-baseline

    Exit status: 0 passed, or nothing to judge by; 2 wrong usage; 3 something missing or undecided, or not recorded;
    4 failed.
    """
    ctx.exit(_run(Typed(**typed)))


@command.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def check_command(ctx: click.Context, file: Path) -> None:
    """Say what is wrong in a protocol, one line per mistake; exit status 3 where there is any."""
    from nmqc.acceptance.protocol import check

    mistakes = check(file, _options(file))
    for mistake in mistakes:
        click.echo(str(mistake))
    if mistakes:
        ctx.exit(3)
    click.echo(f"{file}: no mistakes")


@command.command("show")
@click.argument("name", metavar="SYSTEM")
def show_command(name: str) -> None:
    """Print a built-in protocol, to begin your own with: nmqc acceptance show intevo > contract.toml."""
    from nmqc.acceptance.protocol import built_in, built_in_file

    if name not in built_in():
        raise click.UsageError(f"there is no built-in protocol {name!r}: there are {', '.join(built_in())}")
    click.echo(built_in_file(name).read_text(encoding="utf-8"), nl=False)


# --- running --------------------------------------------------------------------------------------------


def _run(typed: Typed) -> int:
    if typed.set_baseline and typed.no_record:
        raise click.UsageError("--set-baseline needs the history: leave out --no-record")
    try:
        return _accepted(typed)
    except NmqcError as reason:
        if typed.as_json:
            from nmqc.acceptance.outcome import refused

            _print(refused(reason.reason, common.now()))
        raise


def _accepted(typed: Typed) -> int:
    site = common.open_site(typed.config_file)
    if typed.pdf is not None:
        from nmqc.report.pdf import check_target

        check_target(typed.pdf, force=typed.force)
    protocol, unit = _protocol(typed, site)
    outcome, problems = _outcome(typed, site, protocol, unit)
    for one in outcome.refused:
        common.say(f"{', '.join(one.files)}: {one.reason}")
    _show(outcome, as_json=typed.as_json)
    if typed.pdf is not None:
        problems += _written(typed, outcome, site)
    if typed.set_baseline:
        problems += _baselines(typed, outcome, site)
    for problem in problems:
        common.say(problem)
    return max(outcome.status, 3) if problems else outcome.status


def _options(file: Path) -> Options:
    from nmqc.acceptance.protocol import Options
    from nmqc.cli import rule_options

    return Options(rule_options.known(), rule_options.reader(file.parent))


def _protocol(typed: Typed, site: common.Site) -> tuple[Protocol, str | None]:
    """Return the protocol that was named, and the camera where that was named instead."""
    from nmqc.acceptance.protocol import built_in, built_in_file, load

    file = Path(typed.protocol)
    if file.suffix == ".toml" or file.is_file():
        if not file.is_file():
            raise click.UsageError(f"{file}: there is no such file")
        return load(file, _options(file)), typed.unit
    named = typed.protocol.casefold()
    camera = next((one for one in site.config.systems if one.unit.casefold() == named), None)
    kind, unit = (camera.name, camera.unit) if camera is not None else (named, typed.unit)
    if kind not in built_in():
        cameras = [one.unit for one in site.config.systems if one.name in built_in()]
        known = ", ".join([*built_in(), *cameras])
        raise click.UsageError(f"{typed.protocol} is no protocol: give a TOML file, or one of {known}")
    return load(built_in_file(kind), _options(built_in_file(kind))), unit


def _outcome(
    typed: Typed, site: common.Site, protocol: Protocol, unit: str | None
) -> tuple[Outcome, list[str]]:
    """Analyse, record and judge; return what came of it, and what went wrong beside."""
    from nmqc.acceptance.choose import of_camera
    from nmqc.acceptance.folder import analysed
    from nmqc.acceptance.outcome import Outcome, assess

    found = analysed(typed.folder, _means(typed, site, protocol))
    candidates, problems = _recorded(typed, site, found)
    camera, mine = of_camera(protocol, unit, candidates)
    findings = assess(protocol, mine)
    return Outcome(protocol, camera, findings, found.refused, found.unknown, found.problems), problems


def _means(typed: Typed, site: common.Site, protocol: Protocol) -> Means:
    """Return with what the folder is analysed: the protocol's options go before the site's rules."""
    from nmqc.batch.night import Means, Progress, digest_of_rules
    from nmqc.batch.pool import processes
    from nmqc.batch.work import PRELOAD, Settings
    from nmqc.dicom import ReadOptions

    config = site.config
    rules = (*protocol.rules(), *config.rules)
    read = ReadOptions(site=config.systems, show_file_names=config.show_file_names)
    settings = Settings(read, rules, site.limits, typed.replicates, evidence=typed.pdf is not None)
    workers = typed.jobs or os.cpu_count() or 1
    digest = digest_of_rules(config.systems, rules)
    return Means(settings, digest, lambda: processes(workers, PRELOAD), workers, Progress(say=common.say))


def _recorded(typed: Typed, site: common.Site, found: Found) -> tuple[tuple[Candidate, ...], list[str]]:
    """Record what came of the folder; a history that cannot be had is said, and the results stand."""
    from nmqc.acceptance.folder import recorded
    from nmqc.history import History, find_address

    if typed.no_record:
        return found.candidates(), list(found.problems)
    try:
        with History.open(find_address(typed.db, site.config.database)) as history:
            return recorded(found, history), list(found.problems)
    except HistoryUnavailable as reason:
        return found.candidates(), [*found.problems, f"not recorded: {reason.reason}"]


def _written(typed: Typed, outcome: Outcome, site: common.Site) -> list[str]:
    from nmqc.acceptance.report import write

    assert typed.pdf is not None
    try:
        write(typed.pdf, outcome, common.header_of(site.config), force=typed.force)
    except NmqcError as problem:
        return [problem.reason]
    return []


def _baselines(typed: Typed, outcome: Outcome, site: common.Site) -> list[str]:
    """Let the baselines of every test begin with the acceptance, where it is passed; return what went wrong."""
    from nmqc.history import History, find_address

    if outcome.said not in ("pass", "recorded"):
        return ["no baseline was set: not everything is passed (`nmqc baseline set` sets one all the same)"]
    note = f"acceptance by {outcome.protocol.file}: {outcome.protocol.title}"
    try:
        with History.open(find_address(typed.db, site.config.database)) as history:
            for test, day in _first_days(outcome):
                history.set_baseline(outcome.unit, day, kind="acceptance", note=note, test=test)
                common.say(
                    f"{outcome.unit}, {test}: the acceptance baseline is of the first results from {day}"
                )
    except NmqcError as problem:
        return [f"no baseline was set: {problem.reason}"]
    return []


def _first_days(outcome: Outcome) -> list[tuple[str, str]]:
    """Return each test with the day of the first acquisition that the acceptance rests on."""
    days: dict[str, str] = {}
    for one in outcome.chosen():
        acquired = one.result.source.acquired
        if acquired is not None:
            days[one.result.test] = min(days.get(one.result.test, acquired), acquired)
    return [(test, acquired[:10]) for test, acquired in days.items()]


# --- showing --------------------------------------------------------------------------------------------


def _show(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        from nmqc.acceptance.outcome import document

        _print(document(outcome, common.now()))
        return
    from nmqc.acceptance.text import text

    encoding = sys.stdout.encoding or "ascii"
    click.echo(text(outcome).encode(encoding, "replace").decode(encoding))


def _print(document: dict[str, Any]) -> None:
    from nmqc.report.document import dump

    click.echo((dump(document) + "\n").encode(), nl=False)
