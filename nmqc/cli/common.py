"""What several commands share: the site's settings, judging, recording, showing, and the exit status."""

from __future__ import annotations

import errno
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmqc import __version__
from nmqc import config as site_config
from nmqc import limits as limit_tables
from nmqc.errors import HistoryUnavailable, NmqcError
from nmqc.model import EXPECTED_ABSENCES, NotMeasured, Refusal, Result
from nmqc.report import wording

if TYPE_CHECKING:
    from nmqc.history import Recorded as Entered
    from nmqc.report.header import Header

Recorded = tuple[Result, int | None]

files_argument = click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The site's configuration (default: NMQC_CONFIG, or nmqc.toml in the user's configuration folder).",
)


@dataclass(frozen=True, slots=True)
class Site:
    """The site's configuration with its limits."""

    config: site_config.Config
    limits: limit_tables.LimitSet

    def with_limits(self, asked: limit_tables.LimitSet | None) -> Site:
        """Return the same with limits that were asked for; the site's own go before them."""
        return self if asked is None else replace(self, limits=asked.with_site(self.limits))


def open_site(config_file: Path | None) -> Site:
    """Read the site's configuration and limits; what is built in where there are none.

    Raises
    ------
    BadConfiguration
        With every mistake of the files.
    """
    config = load_config(site_config.find(config_file, os.environ))
    limits = limit_tables.load_builtin()
    if config.limits_file is not None:
        from nmqc.catalogue import metric_units

        limits = limits.with_site(limit_tables.load(config.limits_file, metric_units()))
    return Site(config, limits)


def load_config(path: Path | None) -> site_config.Config:
    """Return the configuration in a file, with the names and options of tests that its rules may use.

    Raises
    ------
    BadConfiguration
        With every mistake of the file.
    """
    from nmqc.cli import rule_options

    folder = Path() if path is None else path.parent
    return site_config.load(path, rule_options.known(), rule_options.reader(folder))


def header_of(config: site_config.Config) -> Header:
    """Return what the site puts at the head of its reports.

    Raises
    ------
    NmqcError
        If the logo cannot be read.
    """
    from nmqc.report.header import Header, read_logo

    logo = None if config.report.logo is None else read_logo(config.report.logo)
    return Header(config.report.text, logo, config.report.language)


def require_existing(files: Sequence[Path], site: Site) -> None:
    """Refuse, as wrong usage, a single path that does not exist; among several it is refused by itself."""
    if len(files) != 1 or _may_exist(files[0]):
        return
    name = wording.clean(files[0].name) if site.config.show_file_names else "the file"
    raise click.UsageError(f"{name}: there is no such file")


def _may_exist(path: Path) -> bool:
    """Say whether a path may exist; what cannot be looked at is left to the reader, which says why."""
    try:
        return path.exists()
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG


def finite(_ctx: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    """Refuse NaN and infinities, which Click's ranges let pass."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter("give a number")
    return value


def numbers(typed: str) -> list[float]:
    """Return the numbers of a list with commas between them; none where a part of it is no number."""
    try:
        return [float(part) for part in typed.split(",")]
    except ValueError:
        return []


@contextmanager
def answered(files: Sequence[Path], as_json: bool) -> Iterator[None]:
    """Print the one JSON object also where no input can be done at all; the reason goes on to standard error.

    The inputs are counted, not named: whether names may be shown is not known where the configuration is wrong.
    """
    try:
        yield
    except NmqcError as reason:
        if as_json:
            refused = [Refusal(f"input {n}", reason.code, reason.reason) for n in range(1, len(files) + 1)]
            show([], refused, as_json=True)
        raise


def judged(results: Sequence[Result], site: Site) -> list[Result]:
    """Judge every result by the site's limits."""
    return [limit_tables.judge(result, site.limits) for result in results]


def recorded(
    results: Sequence[Result], refused: Sequence[Refusal], address: str | None, site: Site
) -> tuple[list[Recorded], NmqcError | None]:
    """Record results and refusals, all of them or none.

    A history that cannot be had is returned as the reason, not raised.
    """
    from nmqc.history import Batched, History, find_address
    from nmqc.report.document import result_json

    tool = f"nmqc {__version__}"
    whole = Batched(
        results=tuple((result, result_json(result, None)) for result in results),
        refusals=tuple((refusal, refusal.sha256, tool, "") for refusal in refused if refusal.sha256),
    )
    try:
        with History.open(find_address(address, site.config.database)) as history:
            (filed,) = history.record_batch([whole])
    except HistoryUnavailable as reason:
        return [(result, None) for result in results], reason
    return [_kept(result, entry) for result, entry in zip(results, filed.results, strict=True)], None


def _kept(result: Result, entry: Entered) -> Recorded:
    """Return a result with what recording remarked, and the number of its entry."""
    if not entry.new:
        say(f"{wording.files(result)}: already in the history, as entry {entry.number}")
    return result.with_remarks(entry.remark) if entry.remark else result, entry.number


def now() -> str:
    """Return the time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def say(line: str) -> None:
    """Print one line to standard error."""
    click.echo(f"nmqc: {line}", err=True)


def say_refused(refused: Sequence[Refusal]) -> None:
    """Print one line to standard error for everything that was refused."""
    for refusal in refused:
        which = "" if refusal.detector is None else f", detector {refusal.detector}"
        named = refusal.energy_window.name if refusal.energy_window else ""
        window = f", {named}" if named else ""
        say(f"{refusal.file}{which}{window}: {refusal.reason}")


def status_of(results: Sequence[Result], refused: Sequence[Refusal], *, strict: bool) -> int:
    """Return the exit status (docs/interface.md): 4 out of limits, 3 refused or not measured, else 0."""
    verdicts = {result.verdict for result in results}
    if "fail" in verdicts or (strict and "warn" in verdicts):
        return 4
    return 3 if refused or any(_missing(result) for result in results) else 0


def _missing(result: Result) -> list[NotMeasured]:
    """Return what was not measured and should have been."""
    return [one for one in result.not_measured if one.code not in EXPECTED_ABSENCES]


def show(
    results: Sequence[Recorded],
    refused: Sequence[Refusal],
    *,
    as_json: bool,
    quiet: bool = False,
    language: str = "iso",
) -> None:
    """Print results to standard output: one JSON object, or text for people with dates in a language.

    `quiet` prints a line for each result that is not within limits, or not whole, and nothing else.
    """
    if as_json:
        from nmqc.report.document import dump, results_document

        click.echo((dump(results_document(results, refused, now())) + "\n").encode(), nl=False)
        return
    if quiet:
        for result, _ in results:
            if words := _in_a_line(result):
                click.echo(f"{wording.files(result)}: {words}")
        return
    from nmqc.report import terminal

    screen = terminal.screen_of(sys.stdout, os.environ)
    click.echo(
        terminal.show(
            results,
            refused,
            width=screen.width,
            colour=screen.colour,
            unicode=screen.unicode,
            language=language,
        )
    )


def _in_a_line(result: Result) -> str:
    """Return what somebody should look at in a result; "" where there is nothing."""
    missing = _missing(result)
    words: list[str] = [result.verdict] if result.verdict in ("fail", "warn") else []
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        words.append(f"{missing[0].name} was not measured: {missing[0].reason}{more}")
    return "; ".join(words)


def progress(total: int, label: str) -> Any:
    """Return a progress bar on standard error; hidden where that is no terminal or there is little to do."""
    hidden = total < 4 or not sys.stderr.isatty()
    return click.progressbar(length=total, label=label, file=sys.stderr, hidden=hidden)
