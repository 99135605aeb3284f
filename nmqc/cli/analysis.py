"""What every command that analyses images does alike.

The options they share, then: read, analyse, judge, record, show, report, and the exit status. A command brings
the options of its own and says which tests run on which acquisitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmqc.cli import common
from nmqc.model import Acquisition, Analysis, Refusal, Result, Scan

if TYPE_CHECKING:
    from nmqc.catalogue import Test
    from nmqc.dicom import ReadOptions, ReadOutcome
    from nmqc.limits import LimitSet


@dataclass(frozen=True, slots=True)
class Call:
    """What was typed, as far as all analyses share it. The fields are named as the options' parameters.

    Those of heads and pixels have no meaning for PET, and are not offered there.
    """

    files: tuple[Path, ...]
    as_json: bool
    pdf: Path | None
    force: bool
    db: str | None
    no_record: bool
    config_file: Path | None
    system: str | None
    acquired: str | None
    strict_exit: bool
    quiet: bool
    dicom: Path | None = None
    detector: tuple[int, ...] = ()
    only_detector: int | None = None
    pixel_mm: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One test to run on one acquisition, or one PET scan."""

    test: Test
    data: Acquisition | Scan
    options: Any


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a call, in the order in which it is shown.

    `problems` are what else went wrong, in words: each raises the exit status to 3. `limits` were asked for, and
    judge beside the others.
    """

    results: tuple[Result, ...]
    refused: tuple[Refusal, ...]
    problems: tuple[str, ...] = ()
    limits: LimitSet | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files of a call, and how they are read."""

    call: Call
    options: ReadOptions

    def read(self) -> ReadOutcome:
        """Read the files that are to be analysed."""
        from nmqc.dicom import read_nm

        return read_nm(self.call.files, self.options)

    def beside(self, path: Path | None) -> tuple[Acquisition | None, tuple[Refusal, ...]]:
        """Read a file that the others are compared with; the time that was typed is not its own."""
        from nmqc.dicom import read_nm

        if path is None:
            return None, ()
        outcome = read_nm([path], replace(self.options, acquired=None, detectors=()))
        return (outcome.acquisitions or (None,))[0], outcome.refused


# --- options --------------------------------------------------------------------------------------------


def _pixel_size(
    _ctx: click.Context, _parameter: click.Parameter, typed: str | None
) -> tuple[float, float] | None:
    """Return (down, along) from one number for both, or two with a comma."""
    if typed is None:
        return None
    sizes = common.numbers(typed)
    if len(sizes) not in (1, 2) or not all(0.05 <= size <= 50 for size in sizes):
        raise click.BadParameter("give one pixel size in mm, or two: DOWN,ALONG; each 0.05 to 50")
    return sizes[0], sizes[-1]


def _detectors(_ctx: click.Context, _parameter: click.Parameter, typed: str | None) -> tuple[int, ...]:
    """Return the heads of the files: none, one for all, or one for each."""
    heads = common.numbers(typed) if typed is not None else ()
    if typed is not None and (not heads or not all(head >= 1 and head == int(head) for head in heads)):
        raise click.BadParameter("give the number of the head, from 1; or one for each file: 1,2")
    return tuple(int(head) for head in heads)


_OPTIONS = (
    common.files_argument,
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text."),
    click.option("--pdf", type=click.Path(path_type=Path), metavar="OUT", help="Write a PDF report."),
    click.option(
        "--dicom",
        type=click.Path(path_type=Path),
        metavar="OUT",
        help="Write the report as a DICOM object (encapsulated PDF) in the images' own study.",
    ),
    click.option(
        "--force", is_flag=True, help="Let --pdf and --dicom replace a file that nmqc did not write."
    ),
    click.option("--db", metavar="URL", help="The history: a file, or postgresql://...  [env: NMQC_DB]"),
    click.option("--no-record", is_flag=True, help="Leave the history alone."),
    common.config_option,
    click.option("--system", metavar="NAME", help="The system, where the header does not tell it rightly."),
    click.option("--acquired", metavar="TIME", help="Date and time, where the header has none (ISO 8601)."),
    click.option("--strict-exit", is_flag=True, help="Let a warning give exit status 4 too."),
    click.option("--quiet", is_flag=True, help="Print only what is not within limits, or not measured."),
)
_OF_HEADS = (
    click.option(
        "--detector",
        callback=_detectors,
        metavar="N[,N...]",
        help="The head that acquired the files; or one for each file, in their order.",
    ),
    click.option("--only-detector", type=click.IntRange(1), metavar="N", help="Analyse this head alone."),
    click.option(
        "--pixel-mm",
        callback=_pixel_size,
        metavar="MM",
        help="Pixel size, where the header has none; DOWN,ALONG if not square.",
    ),
)


def shared_options(command: Callable[..., int]) -> Callable[..., None]:
    """Give a command the options of `Call`, as its first argument, and leave with the status it returns."""
    return _sharing(command, (*_OPTIONS, *_OF_HEADS))


def shared_options_of_pet(command: Callable[..., int]) -> Callable[..., None]:
    """As `shared_options`, without those of heads and pixels."""
    return _sharing(command, _OPTIONS)


def _sharing(command: Callable[..., int], options: Sequence[Callable[..., Any]]) -> Callable[..., None]:
    @wraps(command)
    def packed(**typed: Any) -> None:
        call = Call(**{field.name: typed.pop(field.name) for field in fields(Call) if field.name in typed})
        click.get_current_context().exit(command(call, **typed))

    for option in reversed(options):
        option(packed)
    return packed


# --- the work -------------------------------------------------------------------------------------------


def run(call: Call, measure: Callable[[Inputs], Found]) -> int:
    """Read and measure the files of a call, then judge, record and show what was found.

    Returns
    -------
    int
        The exit status.
    """
    if len(call.detector) > 1 and len(call.detector) != len(call.files):
        raise click.UsageError(
            f"--detector gives {len(call.detector)} heads for {len(call.files)} file(s): give one for all, or one "
            "for each"
        )
    with common.answered(call.files, call.as_json):
        site = common.open_site(call.config_file)
        common.require_existing(call.files, site)
        if call.pdf is not None or call.dicom is not None:
            from nmqc.cli import reports

            reports.check(call)
        found = measure(Inputs(call, _read_options(call, site)))
        judged = common.judged(found.results, site.with_limits(found.limits))
    return _told(call, replace(found, results=tuple(judged)), site)


def _read_options(call: Call, site: common.Site) -> ReadOptions:
    from nmqc.dicom import ReadOptions

    try:
        return ReadOptions(
            pixel_mm=call.pixel_mm,
            acquired=call.acquired,
            detector=call.detector[0] if len(call.detector) == 1 else None,
            detectors=call.detector if len(call.detector) > 1 else (),
            system=call.system,
            site=site.config.systems,
            show_file_names=site.config.show_file_names,
        )
    except ValueError as mistake:
        raise click.UsageError(str(mistake)) from None


def analysed(jobs: Sequence[Job]) -> Analysis:
    """Run tests one after the other, with a bar that tells how far they are."""
    results: list[Result] = []
    refused: list[Refusal] = []
    with common.progress(len(jobs), "Analysing") as bar:
        for job in jobs:
            analysis = job.test.analyse(job.data, job.options)
            results += analysis.results
            refused += analysis.refused
            bar.update(1)
    return Analysis(tuple(results), tuple(refused))


def in_order(refused: Iterable[Refusal]) -> tuple[Refusal, ...]:
    """Return refusals in the order of the arguments; of many views that are refused alike, one."""
    return tuple(sorted(dict.fromkeys(refused), key=lambda refusal: refusal.place))


def _told(call: Call, found: Found, site: common.Site) -> int:
    """Record, show and report what was found; return the exit status."""
    kept: list[common.Recorded] = [(result, None) for result in found.results]
    problems = list(found.problems)
    if not call.no_record:
        kept, missing = common.recorded(found.results, found.refused, call.db, site)
        problems += [f"not recorded: {missing.reason}"] if missing else []
    common.say_refused(found.refused)
    language = site.config.report.language
    common.show(kept, found.refused, as_json=call.as_json, quiet=call.quiet, language=language)
    if call.pdf is not None or call.dicom is not None:
        from nmqc.cli import reports

        problems += reports.written(call, kept, found.refused, site)
    for problem in problems:
        common.say(problem)
    status = common.status_of(found.results, found.refused, strict=call.strict_exit)
    return max(status, 3) if problems else status
