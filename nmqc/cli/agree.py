"""`nmqc agree`: another program's numbers beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmqc import bounds
from nmqc.cli import common
from nmqc.cli.opened import as_json_flag, moment, placed, site_of
from nmqc.errors import NmqcError, UnusableInput

if TYPE_CHECKING:
    from nmqc.config import Config
    from nmqc.history import Point
    from nmqc.neighbours.vendor import Matched


@click.command()
@click.option(
    "--with",
    "table",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The other program's numbers: CSV with the columns date, system, detector, metric, of, value, unit.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="This metric alone; or what the numbers are, where the table has no such column.",
)
@click.option("--system", metavar="NAME", help="The camera, where the table has no such column.")
@click.option("--detector", type=click.IntRange(min=1), metavar="N", help="The head, likewise.")
@click.option("--from", "acquired_from", metavar="DATE", callback=moment, help="Acquired then or later.")
@click.option("--to", "acquired_to", metavar="DATE", callback=moment, help="Acquired then or earlier.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="OUT", help="Write a PDF report.")
@click.option("--force", is_flag=True, help="Let -o replace a file that nmqc did not write.")
@as_json_flag
@placed
@click.pass_context
def command(ctx: click.Context, /, **typed: Any) -> None:
    """Compare another program's numbers with the recorded ones, by Bland and Altman.

    Each row of the table is matched with the result of its day, system, detector and metric: bias, limits of
    agreement with their confidence intervals, and pictures, for each metric. A row that cannot be matched is left
    out, counted, and told with its line.

    \b
    nmqc agree --with vendor.csv -o agree.pdf
    nmqc agree --with vendor.csv --metric uniformity.integral.ufov --json

    Exit status: 0; 2 wrong usage; 3 rows that could not be matched, or none that could.
    """
    ctx.exit(_run(**typed))


def _run(
    table: Path,
    as_json: bool,
    output: Path | None,
    force: bool,
    db: str | None,
    config: Path | None,
    **wanted: Any,
) -> int:
    from nmqc.neighbours import agreement_report as report
    from nmqc.neighbours.vendor import Matched

    try:
        if output is not None:
            from nmqc.report.pdf import check_target

            check_target(output, force=force)
        site = site_of(config)
        where, matched = _matched(table, db, site, **wanted)
    except NmqcError as reason:
        if as_json:
            _print(report.document(None, Matched((), ()), [], reason))
        raise
    groups = report.groups_of(matched.pairs)
    found = report.document(where, matched, groups)
    for line in _said(matched):
        common.say(line)
    if as_json:
        _print(found)
    else:
        _show(groups)
    if output is not None:
        _write(output, report.contents(matched, groups, found, _name(table, site)), site)
    return 3 if matched.unmatched or not matched.pairs else 0


def _matched(
    table: Path,
    db: str | None,
    site: Config,
    metrics: tuple[str, ...],
    system: str | None,
    detector: int | None,
    acquired_from: str | None,
    acquired_to: str | None,
) -> tuple[str, Matched]:
    """Read the table, and match it with the history."""
    from dataclasses import replace

    from nmqc.history import Filters, History, find_address
    from nmqc.neighbours.vendor import acquired_within, matched, read_table

    given = {
        name: str(value) for name, value in (("system", system), ("detector", detector)) if value is not None
    }
    if len(metrics) == 1:
        given["metric"] = metrics[0]
    try:
        content = bounds.read(table, bounds.TABLE_BYTES)
    except bounds.TooLarge as limit:
        raise UnusableInput("bad_table", f"the table is {limit}: give one camera at a time") from None
    except OSError as problem:
        raise UnusableInput("bad_table", f"the table cannot be read ({problem.strerror})") from None
    every, bad = read_table(content, given, metrics)
    rows = [row for row in every if acquired_within(row, acquired_from, acquired_to)]
    address = find_address(db, site.database)
    with History.open(address, read_only=True) as history:
        points: list[Point] = []
        for metric in sorted({row.metric for row in rows}):
            points += history.points(
                Filters(metric=metric, acquired_from=acquired_from, acquired_to=acquired_to)
            )
    found = matched(rows, points)
    unmatched = sorted((*bad, *found.unmatched), key=lambda one: one.line)
    return address.shown, replace(found, unmatched=tuple(unmatched))


def _said(matched: Matched) -> list[str]:
    """Return what is told on standard error: how many rows were left out, why, and where the first is."""
    lines = []
    for code, count in matched.counts.items():
        first = next(one for one in matched.unmatched if one.code == code)
        lines.append(
            f"{count} row{'s' if count > 1 else ''} left out, {code}: line {first.line}: {first.reason}"
        )
    if not matched.pairs:
        lines.append("no row has a result of nmqc beside it: nothing to compare")
    return lines


def _print(document: dict[str, Any]) -> None:
    from nmqc.report.document import dump

    click.echo((dump(document) + "\n").encode(), nl=False)


def _show(groups: Any) -> None:
    for group in groups:
        found = group.agreement
        if found is None:
            click.echo(f"{group.title}: {len(group.pairs)} pairs, too few for limits of agreement")
            continue
        click.echo(f"{group.title}: {found.count} pairs, the other program minus nmqc, {group.unit or '1'}")
        for name, one in (("bias", found.bias), ("lower limit", found.lower), ("upper limit", found.upper)):
            click.echo(f"  {name:<12} {one.value:9.4g}   95 %: {one.low:.4g} to {one.high:.4g}")


def _name(table: Path, site: Config) -> str:
    """Return how the table is called in the report."""
    from nmqc.report.wording import clean

    return clean(table.name) if site.show_file_names else "The table"


def _write(output: Path, contents: Any, site: Config) -> None:
    from nmqc.report.agreement import build
    from nmqc.report.pdf import save

    save(output, build(contents, common.header_of(site)))
