"""`nmqc trend`: what changed, and since when, from the history alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmqc import __version__
from nmqc.cli.opened import Function, as_json_flag, camera_option, moment, options, placed
from nmqc.errors import NmqcError, UnusableInput

if TYPE_CHECKING:
    from nmqc.config import Config
    from nmqc.history import Filters, History, SeriesRows
    from nmqc.report.header import Header

Json = dict[str, Any]

_EARLIEST = "0001-01-01T00:00:00"


def _rules(_ctx: click.Context, _parameter: click.Parameter, typed: str | None) -> tuple[str, ...]:
    """Accept names of rules with commas between them."""
    from nmqc.trend.rules import DEFAULT_RULES, RULES

    if typed is None:
        return DEFAULT_RULES
    names = tuple(dict.fromkeys(part.strip() for part in typed.split(",")))
    unknown = [name for name in names if name not in RULES]
    if unknown:
        raise click.BadParameter(f"no rule {unknown[0]!r}: there are {', '.join(RULES)}")
    return names


def _file(*names: str, words: str) -> Callable[[Function], Function]:
    return click.option(*names, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=words)


@dataclass(frozen=True, slots=True)
class Typed:
    """The options, named as their parameters."""

    camera: str | None
    test: str | None
    metric: str | None
    acquired_from: str | None
    acquired_to: str | None
    pdf: Path | None
    html: Path | None
    csv_file: Path | None
    as_json: bool
    rules: tuple[str, ...]
    force: bool
    db: str | None
    config: Path | None


asked_for = options(
    camera_option(required=False),
    click.option("--test", metavar="NAME", help='Test, such as "uniformity.planar".'),
    click.option("--metric", metavar="NAME", help='Metric, such as "uniformity.integral.ufov".'),
    click.option(
        "--from",
        "acquired_from",
        metavar="DATE",
        callback=moment,
        help="Show values from then on; assessed are earlier ones too.",
    ),
    click.option(
        "--to",
        "acquired_to",
        metavar="DATE",
        callback=moment,
        help="As it was then: later values do not count.",
    ),
)


@click.command()
@asked_for
@_file("-o", "--pdf", "pdf", words="Write the report to sign, as PDF/A.")
@_file("--html", "html", words="Write one page of HTML with charts to point at; it works offline.")
@_file("--csv", "csv_file", words="Write a CSV table of all values.")
@as_json_flag
@click.option(
    "--rules",
    callback=_rules,
    metavar="NAME,...",
    help="Rules of the control charts (default: three-sigma,ewma); also xmr, cusum, western-electric, nelson.",
)
@click.option("--force", is_flag=True, help="Replace files that nmqc did not write.")
@placed
@click.pass_context
def command(ctx: click.Context, /, **typed: Any) -> None:
    """Tell what changed, and since when: each camera and test by its limits, and by its trend.

    The limit decides, the trend informs. Only the history is read, never an image. Without a file to write, the first
    page of the report is printed.

    \b
    nmqc trend
    nmqc trend -o trend.pdf --html trend.html
    nmqc trend --system intevo --test cor.point-sources --from 2026 --csv t.csv

    Exit status: 0 whatever is found; 2 wrong usage; 3 where nothing can be told.
    """
    ctx.exit(_run(Typed(**typed)))


def _run(typed: Typed) -> int:
    from nmqc.cli.opened import site_of

    with _answered(typed):
        config = site_of(typed.config)
        header = _header(config, typed)
        _check_targets(typed)
        document = _document(typed, config)
    if typed.as_json:
        _print(document)
    _tell_undated(document["undated"])
    _write(typed, document, header)
    if not any((typed.as_json, typed.pdf, typed.html, typed.csv_file)):
        from nmqc.report import trend_text
        from nmqc.report.terminal import screen_of

        click.echo(
            trend_text.page(document, screen_of(sys.stdout, os.environ), config.report.language), nl=False
        )
    return 0


@contextmanager
def _answered(typed: Typed) -> Iterator[None]:
    """Print the JSON object also where nothing can be told; the reason goes on to standard error."""
    try:
        yield
    except NmqcError as refusal:
        if typed.as_json:
            from nmqc.trend.report import document

            refused = [{"code": refusal.code, "reason": refusal.reason}]
            _print(document([], _asked(typed), __version__) | {"refused": refused})
        raise


def _print(document: Json) -> None:
    from nmqc.report.document import dump

    click.echo((dump(document) + "\n").encode(), nl=False)


def _tell_undated(count: int) -> None:
    """Say on standard error how many results are not in the trend since they have no date."""
    if count:
        results = "1 result" if count == 1 else f"{count} results"
        click.echo(
            f"{results} without a date {'is' if count == 1 else 'are'} not in the trend: `nmqc history list` shows "
            "them; exclude what needs no date",
            err=True,
        )


def _header(config: Config, typed: Typed) -> Header:
    from nmqc.cli.common import header_of

    if typed.pdf is None and typed.html is None:
        from nmqc.report.header import Header

        return Header()
    return header_of(config)


# --- what is known --------------------------------------------------------------------------------------


def _document(typed: Typed, config: Config) -> Json:
    """Return the report as plain data."""
    from nmqc.cli.opened import opened
    from nmqc.history import Filters
    from nmqc.trend.gather import gathered
    from nmqc.trend.latest import add_images
    from nmqc.trend.report import Logged, document

    with opened(typed.db, typed.config, read_only=True) as (_, history):
        unit = _unit(typed, history)
        filters = Filters(
            system_unit=unit, test=typed.test, metric=typed.metric, acquired_to=typed.acquired_to
        )
        rows = history.series(filters)
        baselines, notes = history.baselines(unit), history.notes(unit)
        asked = _asked(typed)
        if asked.last is not None:
            notes = [one for one in notes if one.at <= asked.last]
            baselines = [one for one in baselines if one.begins <= asked.last]
        watched = gathered(rows, baselines, notes, typed.rules)
        logged = [Logged(one.unit, one.date, one.kind, one.text) for one in notes]
        late = list(_overdue(config, rows, filters, asked.today))
        undated = len({number for one in rows for number in one.undated})
        found = document(watched, asked, __version__, logged, late, undated)
        add_images(found, history.pictures)
    return found


def _unit(typed: Typed, history: History) -> str | None:
    return None if typed.camera is None else history.unit_of(typed.camera)


def _asked(typed: Typed) -> Any:
    """Return what was asked for: the words of the catalogue, the period, and the day by which something is late."""
    from nmqc.catalogue import TESTS
    from nmqc.trend.report import Asked

    first, last = typed.acquired_from, typed.acquired_to
    end = None if last is None else _end_of(last)
    today = datetime.now().astimezone().date()
    return Asked(
        first=None if first is None else datetime.fromisoformat(first + _EARLIEST[len(first) :]),
        last=end,
        today=today if end is None else min(today, end.date()),
        rules=typed.rules,
        labels={metric.name: metric.label or metric.name for test in TESTS for metric in test.metrics},
        titles={test.name: test.title for test in TESTS},
    )


def _end_of(moment: str) -> datetime:
    """Return the last moment of a year, a month, a day, or a time."""
    from calendar import monthrange

    if len(moment) == len("2026"):
        moment += "-12"
    if len(moment) == len("2026-11"):
        moment += f"-{monthrange(int(moment[:4]), int(moment[5:]))[1]}"
    latest = "2026-11-16T23:59:59"
    return datetime.fromisoformat(moment + latest[len(moment) :])


def _overdue(
    config: Config, rows: Sequence[SeriesRows], filters: Filters, today: date
) -> Iterator[Mapping[str, Any]]:
    """Yield what should have arrived and has not, of what was asked for."""
    from nmqc.batch.expect import overdue

    last: dict[tuple[str, str], date] = {}
    for one in rows:
        for point in one.points:
            if point.excluded is None:
                key = one.key.unit, one.key.test
                last[key] = max(point.acquired.date(), last.get(key, date.min))
    expected = [
        one
        for one in config.expected
        if filters.system_unit in (None, one.unit)
        and filters.test in (None, one.test)
        and filters.metric is None
    ]
    for late in overdue(expected, lambda unit, test: last.get((unit, test)), today, config.holidays):
        yield {
            "unit": late.unit,
            "test": late.test,
            "last": None if late.last is None else late.last.isoformat(),
            "due": late.due.isoformat(),
            "days_late": late.days_late,
        }


# --- files ----------------------------------------------------------------------------------------------


def _check_targets(typed: Typed) -> None:
    """Make sure, before any work, that what was asked for may be written."""
    wanted = [path for path in (typed.pdf, typed.html, typed.csv_file) if path is not None]
    if len({path.resolve() for path in wanted}) < len(wanted):
        raise click.UsageError("give each report a file of its own")
    if typed.pdf is not None:
        from nmqc.report.pdf import check_target

        check_target(typed.pdf, force=typed.force)
    if typed.html is not None:
        from nmqc.report.trend_page import check_page

        check_page(typed.html, force=typed.force)
    if typed.csv_file is not None:
        _check_table(typed.csv_file, force=typed.force)


def _check_table(path: Path, *, force: bool) -> None:
    from nmqc.trend.table import BEGINNING

    if not path.resolve().parent.is_dir():
        raise UnusableInput("cannot_write", f"{path}: its folder does not exist: make it first")
    try:
        if path.exists() and not force and not path.read_bytes()[:1000].startswith(BEGINNING.encode()):
            raise UnusableInput(
                "file_exists", f"{path} is no earlier table of trends: choose another file, or give --force"
            )
    except OSError as problem:
        raise UnusableInput(
            "cannot_write", f"{path} cannot be read ({problem.strerror}): choose another file"
        ) from None


def _write(typed: Typed, document: Json, header: Header) -> None:
    if typed.pdf is not None:
        from nmqc.report.trend import write_pdf

        write_pdf(typed.pdf, document, header, force=typed.force)
    if typed.html is not None:
        from nmqc.report.trend_page import write_page

        write_page(typed.html, document, header, force=typed.force)
    if typed.csv_file is not None:
        from nmqc.report.pdf import save
        from nmqc.trend.table import csv_text

        save(typed.csv_file, csv_text(document).encode("utf-8", "replace"))
