"""The command that writes a synthetic site: site."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from phantoms.arguments import Commands
from phantoms.site import truth_path, write_site
from phantoms.site_configuration import configuration_path
from phantoms.site_plan import FEWEST_DAYS, MOST_DAYS, Plan
from phantoms.site_truth import SiteTruth, counts

_QUICK_DAYS = 40
_DESCRIPTION = """\
Write what four cameras of a site acquire: floods on every working day, bars and point sources for the centre of
rotation every week, a PET cylinder every week, the IEC body phantom every month. Faults are planted in it: a
photomultiplier that drifts, a step after service, a centre of rotation that jumps, a week without floods, and files
that are damaged, mislabelled, sent twice or foreign. What is true of it is written beside it, to DIR.truth.json, and
its configuration, with names for the cameras, their heads and what is due, to DIR.nmqc.toml.
"""
_EPILOG = """\
example: a short one, and what a night over it finds
  %(prog)s site --quick
  nmqc batch site --config site.nmqc.toml --db site.sqlite
"""


def add_command(commands: Commands) -> None:
    """Add the command to those of the command line."""
    command = commands.add_parser(
        "site",
        help="a year of four cameras, with planted faults, as folders of files",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("folder", type=Path, metavar="DIR", help="new, or empty")
    span = command.add_mutually_exclusive_group()
    span.add_argument(
        "--days", type=int, default=400, metavar="N", help=f"{FEWEST_DAYS} to {MOST_DAYS}; default: 400"
    )
    span.add_argument(
        "--quick",
        dest="days",
        action="store_const",
        const=_QUICK_DAYS,
        help=f"{_QUICK_DAYS} days",
    )
    command.add_argument(
        "--from",
        dest="start",
        type=date.fromisoformat,
        default=date(2025, 10, 1),
        metavar="DATE",
        help="the first day; default: 2025-10-01",
    )
    command.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of all noise and scatter; default: 1"
    )


def write(options: argparse.Namespace) -> list[str]:
    """Write the site that was asked for, and return what is to be said of it."""
    plan = Plan(options.start, options.days, options.seed)
    truth = write_site(plan, options.folder, _Progress(plan))
    folder = options.folder.absolute()
    beside = (truth_path(folder), configuration_path(folder))
    return [f"wrote {options.folder}", *(f"wrote {path}" for path in beside), *truths(truth)]


def truths(truth: SiteTruth) -> list[str]:
    """Return what is true of the site, in lines of text."""
    found = counts(truth.items)
    span = f"{truth.first.isoformat()} to {truth.last.isoformat()}, {found.pop('files'):,} files"
    lines = [span, *(f"  {number:5d} {what}" for what, number in found.items())]
    for fault in truth.faults:
        days = fault.first.isoformat() + ("" if fault.first == fault.last else f" to {fault.last}")
        detector = "" if fault.detector is None else f" detector {fault.detector}"
        lines.append(f"{days} {fault.system}{detector}: {fault.what}")
    return lines


class _Progress:
    """One line on a terminal that tells how far the making is."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __call__(self, day: date) -> None:
        if not sys.stderr.isatty():
            return
        last = day == self._plan.working_days[-1]
        sys.stderr.write(f"\r{day.isoformat()} of {self._plan.end.isoformat()}" + ("\n" if last else ""))
        sys.stderr.flush()
