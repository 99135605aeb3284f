"""`nmqc compare`: cameras side by side, from the history."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmqc.cli import common
from nmqc.errors import NmqcError

if TYPE_CHECKING:
    from nmqc.compare.comparison import Comparison
    from nmqc.history import SeriesRows


@dataclass(frozen=True, slots=True)
class Typed:
    """The arguments and options, named as their parameters."""

    cameras: tuple[str, ...]
    test: str | None
    metric: str | None
    acquired_from: str | None
    acquired_to: str | None
    pdf: Path | None
    force: bool
    as_json: bool
    db: tuple[str, ...]
    config_file: Path | None


def _moment(_ctx: click.Context, _parameter: click.Parameter, typed: str | None) -> str | None:
    from nmqc.cli.opened import moment

    return moment(_ctx, _parameter, typed)


@click.command()
@click.argument("cameras", nargs=-1, required=True, metavar="UNIT...")
@click.option("--test", metavar="NAME", help="Only this test.")
@click.option("--metric", metavar="NAME", help="Only this metric (default: the main ones of each test).")
@click.option("--from", "acquired_from", callback=_moment, metavar="DATE", help="Acquired then or later.")
@click.option("--to", "acquired_to", callback=_moment, metavar="DATE", help="Acquired then or earlier.")
@click.option("-o", "--pdf", type=click.Path(path_type=Path), metavar="OUT", help="Write a PDF report.")
@click.option("--force", is_flag=True, help="Let --pdf replace a file that nmqc did not write.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option(
    "--db", metavar="URL", multiple=True, help="A history; give several of several sites.  [env: NMQC_DB]"
)
@common.config_option
@click.pass_context
def command(ctx: click.Context, /, **typed: Any) -> None:
    """Compare cameras side by side, from the history.

    UNIT is a camera as the history names it, or a kind of system: all cameras of it. Of each quantity, for each
    head of each camera: the median over the span, the spread, the difference from the mean of all with its
    uncertainty, and whether they are alike.

    \b
    nmqc compare "Gamma 1" "Gamma 2" --from 2026-01 -o compare.pdf
    nmqc compare intevo symbia-t2 --db here.sqlite --db there.sqlite

    Exit status: 0 whatever it finds; 2 wrong usage; 3 where there is nothing to compare, or a file cannot be written.
    """
    ctx.exit(_run(Typed(**typed)))


def _run(typed: Typed) -> int:
    _require_known(typed)
    try:
        return _told(typed)
    except NmqcError as reason:
        if typed.as_json:
            _print(typed, [], [], [reason.reason])
        raise


def _told(typed: Typed) -> int:
    site = common.open_site(typed.config_file)
    if typed.pdf is not None:
        from nmqc.report.pdf import check_target

        check_target(typed.pdf, force=typed.force)
    found = _named(typed.cameras, _series(typed, site))
    comparisons = _compared(typed, found)
    cameras = list(dict.fromkeys(camera for camera, _ in found))
    span = (typed.acquired_from, typed.acquired_to)
    if not comparisons:
        reason = "nothing to compare: no quantity is of two heads or cameras in this span"
        raise NmqcError("nothing_to_compare", reason)
    if typed.pdf is not None:
        from nmqc.compare.report import write

        write(typed.pdf, comparisons, cameras, span, common.header_of(site.config), force=typed.force)
    _show(typed, comparisons, cameras)
    return 0


def _require_known(typed: Typed) -> None:
    from nmqc.catalogue import TESTS, metric_units
    from nmqc.toml_reader import nearest

    tests, metrics = [test.name for test in TESTS], list(metric_units())
    for option, name, known in (("--test", typed.test, tests), ("--metric", typed.metric, metrics)):
        if name is not None and name not in known:
            raise click.UsageError(f"{option}: there is no {name!r}{nearest(name, known)}")


def _series(typed: Typed, site: common.Site) -> list[tuple[str, SeriesRows]]:
    """Return every series of the histories, with the camera's name; with a number where several histories have it."""
    from nmqc.history import Filters, History, find_address, without_superseded

    filters = Filters(
        test=typed.test,
        metric=typed.metric,
        acquired_from=typed.acquired_from,
        acquired_to=typed.acquired_to,
    )
    found: list[tuple[int, SeriesRows]] = []
    for place, address in enumerate(typed.db or (None,), 1):
        with History.open(find_address(address, site.config.database), read_only=True) as history:
            series = without_superseded(history.series(filters))
            found += [(place, valid) for valid in map(_valid, series) if valid.points]
    holding = Counter(unit for unit, _ in {(series.key.unit, place) for place, series in found})
    return [
        (f"{one.key.unit} (history {place})" if holding[one.key.unit] > 1 else one.key.unit, one)
        for place, one in found
    ]


def _valid(series: SeriesRows) -> SeriesRows:
    """Return a series without the results that are excluded."""
    return replace(series, points=tuple(point for point in series.points if point.excluded is None))


def _named(wanted: Sequence[str], found: Sequence[tuple[str, SeriesRows]]) -> list[tuple[str, SeriesRows]]:
    """Return the series of the cameras that were named.

    Raises
    ------
    NmqcError
        ``no_such_camera``.
    """
    for name in wanted:
        if not any(_is_called(name, series) for _, series in found):
            known = ", ".join(dict.fromkeys(series.key.unit for _, series in found)) or "none"
            reason = f"the history holds nothing of {name} in this span; cameras that it holds: {known}"
            raise NmqcError("no_such_camera", reason)
    return [pair for pair in found if any(_is_called(name, pair[1]) for name in wanted)]


def _is_called(name: str, series: SeriesRows) -> bool:
    return name.casefold() in (series.key.unit.casefold(), series.key.system.casefold())


def _compared(typed: Typed, found: Sequence[tuple[str, SeriesRows]]) -> list[Comparison]:
    from nmqc.compare.comparison import compare, is_headline

    return compare(pair for pair in found if typed.metric is not None or is_headline(pair[1]))


def _show(typed: Typed, comparisons: Sequence[Comparison], cameras: Sequence[str]) -> None:
    if typed.as_json:
        _print(typed, comparisons, cameras)
        return
    from nmqc.compare.words import text

    encoding = sys.stdout.encoding or "ascii"
    click.echo(text(comparisons).encode(encoding, "replace").decode(encoding))


def _print(
    typed: Typed, comparisons: Sequence[Comparison], cameras: Sequence[str], problems: Sequence[str] = ()
) -> None:
    from nmqc.compare.comparison import document
    from nmqc.report.document import dump

    made = document(comparisons, cameras, typed.acquired_from, typed.acquired_to, problems)
    click.echo((dump(made) + "\n").encode(), nl=False)
