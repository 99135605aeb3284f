"""`nmqc revalidate`: recorded images analysed again with this version."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmqc import __version__
from nmqc.cli import common
from nmqc.cli.opened import as_json_flag, moment, opened, options, placed
from nmqc.errors import NmqcError

if TYPE_CHECKING:
    from nmqc.history import Entry
    from nmqc.revalidate.compare import Compared, OfMetric
    from nmqc.revalidate.jobs import Job, Planned

SCHEMA = "nmqc.revalidate/1"
_MOST_SAID = 10

_filtered = options(
    click.option("--unit", "system_unit", metavar="NAME", help="One physical camera."),
    click.option("--test", metavar="NAME", help='Test, such as "uniformity.planar".'),
    click.option("--from", "acquired_from", metavar="DATE", callback=moment, help="Acquired then or later."),
    click.option("--to", "acquired_to", metavar="DATE", callback=moment, help="Acquired then or earlier."),
)


@click.command()
@click.option(
    "--folder",
    "folders",
    multiple=True,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the images may be, in it or in folders in it; may be repeated.",
)
@_filtered
@click.option(
    "--jobs", type=click.IntRange(1, 1024), metavar="N", help="Processes at a time (default: one a core)."
)
@as_json_flag
@placed
@click.pass_context
def command(ctx: click.Context, /, **typed: Any) -> None:
    """Analyse recorded images again with this version, and list what differs.

    The history keeps no files and no paths: every file in the folders is looked at, and known by its SHA-256. Each
    recorded result whose files are there is made again with the options that it was made with, and compared number
    by number. Nothing is recorded. Two numbers are the same where they differ by no more than a millionth of the
    larger.

    \b
    nmqc revalidate --folder /archive/qc
    nmqc revalidate --folder /archive/2025 --folder /archive/2026 --json

    Exit status: 0 every number that was compared is as it was, where images that are not found do not count; 2 wrong
    usage; 3 something could not be compared, or nothing was found; 4 a number differs, or can no longer be had.
    """
    ctx.exit(_run(**typed))


def _run(
    folders: tuple[Path, ...],
    jobs: int | None,
    as_json: bool,
    db: str | None,
    config: Path | None,
    **wanted: Any,
) -> int:
    from nmqc.revalidate.compare import by_metric
    from nmqc.revalidate.jobs import found_images, planned

    problems: list[str] = []
    where: str | None = None
    try:
        site = common.open_site(config)
        where, entries = _entries(db, config, wanted)
        plan = planned(entries, found_images(entries, folders, problems))
        found = sorted(_compared(plan.jobs, site, jobs or os.cpu_count() or 1), key=lambda one: one.number)
    except NmqcError as reason:
        if as_json:
            _print(_document(where, None, [], [], problems, reason))
        raise
    metrics = by_metric(found)
    if as_json:
        _print(_document(where, plan, found, metrics, problems))
    else:
        _show(plan, found, metrics)
    for line in (*problems, *_said(found)):
        common.say(line)
    return _status(found, problems)


def _entries(db: str | None, config: Path | None, wanted: dict[str, Any]) -> tuple[str, list[Entry]]:
    from nmqc.history import Filters

    with opened(db, config, read_only=True) as (address, history):
        return address.shown, history.select(Filters(**wanted))


def _compared(jobs: Sequence[Job], site: common.Site, workers: int) -> Iterator[Compared]:
    """Yield what came of each job, as it comes, by processes that may die one by one."""
    from nmqc.batch.pool import Died, Pool, processes
    from nmqc.dicom import ReadOptions
    from nmqc.revalidate.again import again
    from nmqc.revalidate.compare import not_compared

    if not jobs:
        return
    read = ReadOptions(site=site.config.systems, show_file_names=site.config.show_file_names)
    workers = min(workers, len(jobs))
    pool: Pool[Job, list[Compared]] = Pool(partial(processes, workers), workers, again)
    with common.progress(len(jobs), "Analysing") as bar:
        for job, came in pool.each(jobs, read):
            bar.update(1)
            if isinstance(came, Died):
                reason = (
                    f"the analysis stopped with an error ({came.error}): this is a defect of nmqc, report it"
                )
                yield from (not_compared(one, "crashed", reason) for one in job.stored)
            else:
                yield from came


def _status(found: Sequence[Compared], problems: Sequence[str]) -> int:
    statuses = {one.status for one in found}
    if "differs" in statuses:
        return 4
    return 3 if problems or not found or "not_compared" in statuses else 0


# --- output ---------------------------------------------------------------------------------------------


def _document(
    where: str | None,
    plan: Planned | None,
    found: Sequence[Compared],
    metrics: Sequence[OfMetric],
    problems: Sequence[str],
    *refused: NmqcError,
) -> dict[str, Any]:
    """Return the object of the JSON Schema ``docs/schema/nmqc.revalidate-1.json``."""
    return {
        "schema": SCHEMA,
        "nmqc": __version__,
        "history": where,
        "same": sum(one.status == "same" for one in found),
        "differ": sum(one.status == "differs" for one in found),
        "not_compared": sum(one.status == "not_compared" for one in found),
        "missing": list(plan.missing) if plan else [],
        "metrics": [asdict(one) for one in metrics],
        "results": [asdict(one) for one in found],
        "problems": list(problems),
        "refused": [{"code": reason.code, "reason": reason.reason} for reason in refused],
    }


def _print(document: dict[str, Any]) -> None:
    from nmqc.report.document import dump

    click.echo((dump(document) + "\n").encode(), nl=False)


def _show(plan: Planned, found: Sequence[Compared], metrics: Sequence[OfMetric]) -> None:
    same, differ = (sum(one.status == status for one in found) for status in ("same", "differs"))
    click.echo(
        f"{same} results as they were recorded, {differ} differ, {len(found) - same - differ} not compared; the "
        f"images of {len(plan.missing)} were not found"
    )
    different = [one for one in metrics if one.differ]
    for one in different:
        click.echo(f"  {one.metric}: {_words(one)}")
    differing = [one for one in found if one.status == "differs"]
    for each in differing[:_MOST_SAID]:
        versions = (
            each.algorithm if each.algorithm == each.now else f"{each.algorithm}, now {each.now or 'refused'}"
        )
        click.echo(f"  result {each.number} ({versions}): {len(each.differences)} numbers differ")
    if len(differing) > _MOST_SAID:
        click.echo(f"  and {len(differing) - _MOST_SAID} more results: --json lists all")


def _words(one: OfMetric) -> str:
    parts = [f"{one.differ} numbers differ in {one.compared} measurements"]
    if one.gone:
        parts.append(f"{one.gone} can no longer be had")
    if one.largest is not None:
        sigmas = "" if one.largest_sigmas is None else f" ({one.largest_sigmas:.2g} uncertainties)"
        parts.append(f"largest change of a value {one.largest:.3g} {one.unit}{sigmas}")
    return "; ".join(parts)


def _said(found: Sequence[Compared]) -> Iterator[str]:
    """Yield what could not be compared, and why: a line for each reason."""
    left: dict[tuple[str, str], list[int]] = {}
    for one in found:
        if one.status == "not_compared":
            left.setdefault((one.code, one.reason), []).append(one.number)
    for (_, reason), numbers in left.items():
        shown = ", ".join(str(number) for number in numbers[:_MOST_SAID])
        more = f" and {len(numbers) - _MOST_SAID} more" if len(numbers) > _MOST_SAID else ""
        yield f"not compared, result {shown}{more}: {reason}"
    if not found:
        yield "no image of a recorded result was found in the folders: nothing was compared"
