"""`nmqc batch`: a folder of acquisitions, every night."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from nmqc.cli import common

if TYPE_CHECKING:
    from nmqc.batch.night import Means, Wanted
    from nmqc.batch.summary import Night
    from nmqc.batch.walk import FoundFile
    from nmqc.config import Rule
    from nmqc.history import Address, History


@dataclass(frozen=True, slots=True)
class Typed:
    """The options, named as their parameters."""

    folder: Path
    as_json: bool
    db: str | None
    config_file: Path | None
    jobs: int | None
    since: datetime | None
    watch: float | None
    dry_run: bool
    reanalyse: bool
    rehash: bool
    replicates: int | None
    dask: str | None
    strict_exit: bool
    quiet: bool


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text (one a pass).")
@click.option("--db", metavar="URL", help="The history: a file, or postgresql://...  [env: NMQC_DB]")
@common.config_option
@click.option(
    "--jobs", type=click.IntRange(1, 1024), metavar="N", help="Processes at a time (default: one a core)."
)
@click.option(
    "--since", type=click.DateTime(), metavar="DATE", help="Only files that were changed since then."
)
@click.option(
    "--watch",
    type=click.FloatRange(1, 86400),
    callback=common.finite,
    metavar="SECONDS",
    help="Look again and again, after so many seconds; a file is taken when it has stopped changing.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would be done; do nothing.")
@click.option("--reanalyse", is_flag=True, help="Analyse again what gave a result before.")
@click.option(
    "--rehash", is_flag=True, help="Open every file, also those of the same size and time as before."
)
@click.option(
    "--replicates",
    type=click.IntRange(0, 100_000),
    metavar="N",
    help="Splits of the counts for the uncertainties of floods; 0: none (default: as for one flood).",
)
@click.option("--dask", metavar="ADDRESS", help="Let a Dask cluster do the work: tcp://host:8786.")
@click.option("--strict-exit", is_flag=True, help="Let a warning give exit status 4 too.")
@click.option("--quiet", is_flag=True, help="Print nothing but what somebody should look at.")
@click.pass_context
def command(ctx: click.Context, /, **typed: Any) -> None:
    """Analyse a folder of acquisitions: each once, judged, and in the history.

    The folder, and the folders in it, are looked through; what each file is is found out, rules of the site's
    configuration first. A second run does nothing again; a run that was killed goes on where it was. Nothing is
    written into the folder. What somebody should look at is one line each on standard error.

    \b
    nmqc batch /qc/incoming
    nmqc batch /qc/incoming --json > night.json
    nmqc batch /qc/incoming --dry-run
    nmqc batch /qc/incoming --watch 60

    Exit status, for this run alone: 0 within limits or nothing to judge by; 2 wrong usage; 3 something refused
    or not recorded; 4 out of limits.
    """
    ctx.exit(_run(Typed(**typed)))


def _run(typed: Typed) -> int:
    from nmqc.batch.night import is_still
    from nmqc.history import find_address

    site = common.open_site(typed.config_file)
    address = find_address(typed.db, site.config.database)
    with _means(typed, site) as means:
        if typed.watch is None:
            return _pass(typed, site, address, means, is_still(time.time_ns()))
        return _watch(typed, site, address, means, typed.watch)


def _watch(typed: Typed, site: common.Site, address: Address, means: Means, every_s: float) -> NoReturn:
    """Look again and again. A history that cannot be had now is said once, and may be had at the next pass."""
    from nmqc.errors import HistoryUnavailable

    seen: dict[str, tuple[int, int]] = {}
    said = ""
    while True:
        try:
            _pass(typed, site, address, means, lambda file: _unchanged(file, seen))
            said = ""
        except HistoryUnavailable as reason:
            if reason.code != said:
                common.say(reason.reason)
            said = reason.code
        time.sleep(every_s)


def _unchanged(file: FoundFile, seen: dict[str, tuple[int, int]]) -> bool:
    """Say whether a file is as it was when it was last looked at."""
    facts = (file.size, file.modified_ns)
    before, seen[file.key] = seen.get(file.key), facts
    return before == facts


@contextmanager
def _means(typed: Typed, site: common.Site) -> Iterator[Means]:
    """Yield with what the work is done: processes of this machine, or a cluster."""
    from nmqc.batch.night import Means, Progress, digest_of_rules
    from nmqc.batch.pool import dask, processes
    from nmqc.batch.work import PRELOAD, Settings
    from nmqc.dicom import ReadOptions

    config = site.config
    read = ReadOptions(site=config.systems, show_file_names=config.show_file_names)
    settings = Settings(read, config.rules, site.limits, typed.replicates)
    configuration = digest_of_rules(config.systems, config.rules, _files_named(config.rules))
    progress = Progress() if typed.quiet else Progress(say=common.say)
    if typed.dask is None:
        workers = typed.jobs or os.cpu_count() or 1
        yield Means(settings, configuration, lambda: processes(workers, PRELOAD), workers, progress)
        return
    make, close, workers = dask(typed.dask)
    try:
        yield Means(settings, configuration, make, workers, progress, here=False)
    finally:
        close()


def _files_named(rules: Sequence[Rule]) -> list[str]:
    """Return the hash of every file that a rule names: what it refused is tried again when the file is mended."""
    from nmqc.batch.walk import sha256_of
    from nmqc.cli.rule_options import OPTIONS

    return [
        sha256_of(Path(value))
        for rule in rules
        for name, value in sorted(rule.options.items())
        if OPTIONS[rule.test][name] == "file"
    ]


def _pass(
    typed: Typed, site: common.Site, address: Address, means: Means, whole: Callable[[FoundFile], bool]
) -> int:
    """Look through the folder once, and tell what was done; return the exit status."""
    from nmqc.batch.night import Wanted

    since_ns = 0 if typed.since is None else int(typed.since.timestamp() * 1e9)
    wanted = Wanted(typed.folder, since_ns, typed.dry_run, typed.reanalyse, typed.rehash)
    night = _night(wanted, site, address, means, whole, quiet=typed.quiet)
    for line in night.lines():
        common.say(line)
    if typed.as_json:
        from nmqc.report.document import dump

        click.echo((dump(night.document()) + "\n").encode(), nl=False)
    elif not typed.quiet:
        click.echo(f"{wanted.folder.name}: {night.sentence()}")
    if not typed.dry_run:
        _notify(night, site, address)
    return night.status(strict=typed.strict_exit)


def _night(
    wanted: Wanted,
    site: common.Site,
    address: Address,
    means: Means,
    whole: Callable[[FoundFile], bool],
    *,
    quiet: bool,
) -> Night:
    from nmqc.batch.night import one_pass
    from nmqc.history import History, exclusive

    if wanted.dry_run:
        with _read_only(address) as known:
            return one_pass(wanted, means, known, whole)
    with exclusive(address, "batch"), History.open(address) as history, _bar(means, hidden=quiet) as watched:
        night = one_pass(wanted, watched, history, whole)
        return replace(night, overdue=tuple(_overdue(site, history)))


@contextmanager
def _read_only(address: Address) -> Iterator[History | None]:
    """Yield the history to look into; None where there is none yet."""
    from nmqc.errors import HistoryUnavailable
    from nmqc.history import History

    try:
        history = History.open(address, read_only=True)
    except HistoryUnavailable as reason:
        if reason.code != "history_missing":
            raise
        yield None
        return
    with history:
        yield history


@contextmanager
def _bar(means: Means, *, hidden: bool) -> Iterator[Means]:
    """Yield the means with a progress bar on a terminal; where there is none, nothing is shown."""
    if hidden or not sys.stderr.isatty():
        yield means
        return
    with click.progressbar(length=0, label="Analysing", file=sys.stderr, show_eta=True) as bar:

        def begin(total: int) -> None:
            bar.length = total
            bar.render_progress()

        yield replace(means, progress=replace(means.progress, begin=begin, step=lambda: bar.update(1)))


def _overdue(site: common.Site, history: History) -> Iterator[dict[str, Any]]:
    """Yield what should have arrived and has not."""
    if not site.config.expected:
        return
    from nmqc.batch.expect import overdue
    from nmqc.history import Filters

    def latest(unit: str, test: str) -> Any:
        found = history.select(Filters(system_unit=unit, test=test, excluded=False, limit=1))
        acquired = found[0].acquired if found else None
        return None if acquired is None else datetime.fromisoformat(acquired).date()

    config = site.config
    for one in overdue(config.expected, latest, datetime.now().astimezone().date(), config.holidays):
        yield {
            "unit": one.unit,
            "test": one.test,
            "last": None if one.last is None else one.last.isoformat(),
            "due": one.due.isoformat(),
            "days_late": one.days_late,
        }


def _notify(night: Night, site: common.Site, address: Address) -> None:
    """Tell the site's command of a change of state."""
    if not site.config.on_problem:
        return
    from nmqc.batch.notify import notify
    from nmqc.report.document import dump

    said = notify(site.config.on_problem, dump(night.document()), _state_file(address), night.state())
    if said.problem:
        common.say(said.problem)


def _state_file(address: Address) -> Path:
    """Return where the state that was told last is kept: beside a file, or in the user's data folder."""
    from hashlib import sha256

    if address.engine == "sqlite":
        return Path(f"{address.target}.told")
    from platformdirs import user_data_path

    name = sha256(address.shown.encode()).hexdigest()[:16]
    return user_data_path("nmqc", ensure_exists=True) / f"{name}.told"
