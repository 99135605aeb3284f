"""`nmqc validate`: commissioning in one command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmqc.cli import common
from nmqc.cli.opened import as_json_flag
from nmqc.errors import NmqcError

if TYPE_CHECKING:
    from nmqc.report.header import Header
    from nmqc.validate.agreement import Compared, Recorded
    from nmqc.validate.outcome import Outcome
    from nmqc.validate.run import Collected

LONGEST_S = 300.0  # for one real file
MADE_BY = "Made by `nmqc validate --markdown docs/validation.md`."
#: of a page that may be replaced; it stands in its beginning
OURS, BEGINNING_BYTES = b"Made by `nmqc validate ", 1000
#: from this line on a page is its owner's: it stays when the page is made again
KEPT = b"<!-- what follows is not made by nmqc validate, and stays -->"


@dataclass(frozen=True, slots=True)
class Typed:
    """The options, named as their parameters."""

    quick: bool
    data: Path | None
    pdf: Path | None
    markdown: Path | None
    force: bool
    as_json: bool
    workers: int | None
    requirements: Path | None
    config_file: Path | None


@click.command()
@click.option(
    "--quick", is_flag=True, help="A smaller grid: two minutes on two cores instead of half an hour."
)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Real files, and other programs' numbers in agreement.toml beside them.",
)
@click.option("-o", "--pdf", type=click.Path(path_type=Path), metavar="OUT", help="Write a PDF report.")
@click.option(
    "--markdown",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT",
    help="Write the tables as a page.",
)
@click.option(
    "--force", is_flag=True, help="Let --pdf and --markdown replace a file that nmqc did not write."
)
@as_json_flag
@click.option(
    "--workers", type=click.IntRange(1, 1024), metavar="N", help="Processes at a time (default: one a core)."
)
@click.option(
    "--requirements",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Your own requirements, in TOML (default: those that come with nmqc).",
)
@common.config_option
@click.pass_context
def command(ctx: click.Context, /, **typed: Any) -> None:
    """Measure every metric on phantoms of known truth, and hold it against requirements.

    Bias, precision, how true the stated uncertainties are, and the range in which all that holds, of every metric of
    every test: on digital phantoms of known truth, of four systems, in many sizes, positions, rotations and noises. A
    metric without a requirement fails, and so does one whose requirements would not notice a bias of 1 %.

    \b
    nmqc validate --quick -o validation.pdf
    nmqc validate -o validation.pdf --data /qc/reference

    Exit status: 0 every requirement is met; 2 wrong usage; 3 one could not be tested; 4 one is not met.
    """
    ctx.exit(_run(Typed(**typed)))


def _run(typed: Typed) -> int:
    try:
        site = common.open_site(typed.config_file)
        _require_writable(typed)
        outcome = _outcome(typed)
    except NmqcError as reason:
        if typed.as_json:
            from nmqc.validate.outcome import refused

            _print(refused(reason.code, reason.reason, common.now()))
        raise
    return _told(typed, outcome, common.header_of(site.config))


def _told(typed: Typed, outcome: Outcome, header: Header) -> int:
    """Write the files, print what was found, whether they could be written or not, and return the exit status."""
    from nmqc.validate.outcome import document

    found = document(outcome, common.now())
    unwritten = list(_unwritten(typed, found, header))
    found["refused"] = [{"code": one.code, "reason": one.reason} for one in unwritten]
    if typed.as_json:
        _print(found)
    else:
        _show(found)
    for problem in (*outcome.problems, *(one.reason for one in unwritten)):
        common.say(problem)
    return max(outcome.status, 3) if unwritten else outcome.status


def _unwritten(typed: Typed, found: dict[str, Any], header: Header) -> Iterator[NmqcError]:
    """Write the page and the report; yield why one could not be."""
    for write in (_write_page, _write_report):
        try:
            write(typed, found, header)
        except NmqcError as problem:
            yield problem


def _require_writable(typed: Typed) -> None:
    """Refuse, before anything is measured, what could not be written after it."""
    if typed.pdf and typed.markdown and typed.pdf.resolve() == typed.markdown.resolve():
        raise click.UsageError("give the page and the report each a file of its own")
    if typed.pdf is not None:
        from nmqc.report.pdf import check_target

        check_target(typed.pdf, force=typed.force)
    if typed.markdown is not None:
        _check_page(typed.markdown, force=typed.force)


def _check_page(path: Path, *, force: bool) -> None:
    if not path.resolve().parent.is_dir():
        raise NmqcError("no_folder", f"{path}: its folder does not exist: make it first")
    if path.exists() and not path.is_file():
        raise NmqcError("file_exists", f"{path} is no ordinary file: give another name")
    if path.exists() and not force and not _is_page(path):
        raise NmqcError(
            "file_exists",
            f"{path} is no earlier page of nmqc validate: give another name, or --force to replace it",
        )


def _is_page(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return OURS in stream.read(BEGINNING_BYTES)
    except OSError as problem:
        raise NmqcError(
            "file_exists", f"{path} cannot be read ({problem.strerror}): give another name"
        ) from None


def _outcome(typed: Typed) -> Outcome:
    from nmqc.validate.agreement import read
    from nmqc.validate.case import Level
    from nmqc.validate.judge import judged
    from nmqc.validate.outcome import Outcome
    from nmqc.validate.requirements import BUILT_IN, load

    requirements = load(typed.requirements or BUILT_IN)
    recorded = () if typed.data is None else read(typed.data)
    level: Level = "quick" if typed.quick else "whole"
    collected, cases, problems = _measured(level, typed.workers or os.cpu_count() or 1)
    compared = () if typed.data is None else tuple(_compared(recorded, typed.data))
    found = collected.in_order()
    metrics = judged(requirements, found.readings, found.absent)
    return Outcome(level, metrics, cases, tuple(found.trials), compared, tuple(problems))


def _measured(level: Any, workers: int) -> tuple[Collected, tuple[Any, ...], list[str]]:
    """Measure the grid by several processes; return what was found, its cases, and what could not be done."""
    from nmqc.batch.pool import Died, Pool, processes
    from nmqc.validate.grid import Piece, pieces
    from nmqc.validate.run import Collected, Done, work

    every = list(pieces(level))
    collected, problems = Collected(), []
    workers = min(workers, len(every))
    pool: Pool[Piece, Done] = Pool(partial(processes, workers, ("nmqc.validate.run",)), workers, work)
    with common.progress(len(every), "Measuring phantoms") as bar:
        for piece, done in pool.each(every):
            bar.update(1)
            if isinstance(done, Died):
                problems.append(f"{piece.case.test}: {piece.case.name}: stopped with {done.error}: report it")
            else:
                collected.add(done)
    cases = {(piece.case.test, piece.case.name): piece.case for piece in every}
    return collected, tuple(cases.values()), sorted(problems)


def _compared(recorded: Sequence[Recorded], folder: Path) -> Iterator[Compared]:
    """Yield every number of another program beside ours; each command runs once for each file."""
    from nmqc.validate.agreement import arguments, compared, laid_beside

    printed: dict[tuple[str, ...], Any] = {}
    for one in recorded:
        if not (folder / one.file).exists():
            yield laid_beside(one, None, None, "there is no such file in the folder")
            continue
        typed = tuple(arguments(one, folder))
        if typed not in printed:
            printed[typed] = _typed(typed)
        if isinstance(printed[typed], str):
            yield laid_beside(one, None, None, printed[typed])
        else:
            yield compared(one, printed[typed])


def _typed(arguments: Sequence[str]) -> dict[str, Any] | str:
    """Return the object that a command prints, in a process of its own; else why there is none."""
    try:
        run = subprocess.run(
            [sys.executable, "-m", "nmqc", *arguments], capture_output=True, timeout=LONGEST_S, check=False
        )
        found: dict[str, Any] = json.loads(run.stdout)
    except subprocess.TimeoutExpired:
        return f"the command took more than {LONGEST_S:.0f} s"
    except ValueError:
        return "the command was not understood: try it by itself"
    return found


def _print(document: dict[str, Any]) -> None:
    from nmqc.report.document import dump

    click.echo((dump(document) + "\n").encode(), nl=False)


def _show(document: dict[str, Any]) -> None:
    from nmqc.validate.words import text

    encoding = sys.stdout.encoding or "ascii"
    click.echo(text(document).encode(encoding, "replace").decode(encoding))


def _write_page(typed: Typed, document: dict[str, Any], _header: Header) -> None:
    if typed.markdown is None:
        return
    from nmqc.validate.words import markdown
    from nmqc.whole_file import write_whole

    path = typed.markdown
    try:
        before = path.read_bytes() if path.exists() else b""
        own = b"\n" + before[before.index(KEPT) :] if KEPT in before else b""
        write_whole(path, markdown(document, MADE_BY).encode() + own)
    except OSError as problem:
        raise NmqcError("not_written", f"{path}: cannot be written ({problem.strerror})") from None


def _write_report(typed: Typed, document: dict[str, Any], header: Header) -> None:
    if typed.pdf is None:
        return
    from nmqc.report import validation
    from nmqc.validate.report import data

    validation.write(typed.pdf, data(document), document, header, force=typed.force)
