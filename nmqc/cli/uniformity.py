"""`nmqc uniformity`: flood uniformity of planar images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from nmqc.cli import common
from nmqc.errors import NmqcError
from nmqc.model import Acquisition, Refusal, Result


def _pixel_size(
    _ctx: click.Context, _parameter: click.Parameter, typed: str | None
) -> tuple[float, float] | None:
    """Return (down, along) from one number for both, or two with a comma."""
    if typed is None:
        return None
    try:
        sizes = [float(part) for part in typed.split(",")]
    except ValueError:
        sizes = []
    if len(sizes) not in (1, 2) or not all(0.05 <= size <= 50 for size in sizes):
        raise click.BadParameter("give one pixel size in mm, or two: DOWN,ALONG; each 0.05 to 50")
    return sizes[0], sizes[-1]


@click.command()
@common.files_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--pdf", type=click.Path(path_type=Path), metavar="OUT", help="Write a PDF report.")
@click.option("--force", is_flag=True, help="Let --pdf replace a file that nmqc did not write.")
@click.option("--db", metavar="URL", help="The history: a file, or postgresql://...  [env: NMQC_DB]")
@click.option("--no-record", is_flag=True, help="Leave the history alone.")
@common.config_option
@click.option("--system", metavar="NAME", help="The system, where the header does not tell it rightly.")
@click.option("--detector", type=click.IntRange(1), metavar="N", help="The head that acquired the files.")
@click.option("--only-detector", type=click.IntRange(1), metavar="N", help="Analyse this head alone.")
@click.option("--acquired", metavar="TIME", help="Date and time, where the header has none (ISO 8601).")
@click.option(
    "--pixel-mm",
    callback=_pixel_size,
    metavar="MM",
    help="Pixel size, where the header has none; DOWN,ALONG if not square.",
)
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A flood to compare with: the indices of the ratio are given too.",
)
@click.option(
    "--source-distance",
    type=click.FloatRange(300, 6000),
    callback=common.finite,
    metavar="MM",
    help="Distance of a near point source: the indices without its fall-off are given too.",
)
@click.option(
    "--edge-policy",
    type=click.Choice(["whole-pixels", "strict"]),
    default="whole-pixels",
    show_default=True,
    help="Which reading of the field's edge is judged; both are shown.",
)
@click.option(
    "--edge-margin",
    type=click.FloatRange(0, 50),
    callback=common.finite,
    metavar="MM",
    help="How far inside the outline whole pixels lie (default: twice the sigma of the edge).",
)
@click.option(
    "--rebin",
    type=click.IntRange(1, 64),
    metavar="K",
    help="Native pixels per analysed pixel (default: nearest to 6.4 mm).",
)
@click.option(
    "--replicates",
    type=click.IntRange(0, 100_000),
    default=200,
    show_default=True,
    metavar="N",
    help="Splits of the counts for the uncertainty; 0: none.",
)
@click.option("--strict-exit", is_flag=True, help="Let a warning give exit status 4 too.")
@click.option("--quiet", is_flag=True, help="Print only what is not within limits.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    files: tuple[Path, ...],
    as_json: bool,
    pdf: Path | None,
    force: bool,
    db: str | None,
    no_record: bool,
    config_file: Path | None,
    strict_exit: bool,
    quiet: bool,
    reference: Path | None,
    only_detector: int | None,
    **asked: Any,
) -> None:
    """Flood uniformity (NEMA NU 1, 2.4) of planar gamma-camera images.

    Every detector and energy window of every file is analysed by itself: integral and differential uniformity
    of UFOV and CFOV, each with its uncertainty and with what noise alone would give, and where the extremes
    are. Files of one acquisition (one per energy window) given together are one acquisition.

    \b
    nmqc uniformity flood.dcm
    nmqc uniformity flood.dcm --pdf flood.pdf --json > flood.json
    nmqc uniformity head1.dcm --detector 1
    nmqc uniformity today.dcm --reference accepted.dcm

    Exit status: 0 within limits or nothing to judge by; 2 wrong usage; 3 something refused or not measurable;
    4 out of limits.
    """
    with common.answered(files, as_json):
        site = common.open_site(config_file)
        common.require_existing(files, site)
        if pdf is not None:
            from nmqc.report.pdf import check_target

            check_target(pdf, force=force)
        results, refused = _analysed(files, reference, only_detector, asked, site)
        judged = common.judged(results, site)
    kept: list[common.Recorded] = [(result, None) for result in judged]
    problems: list[str] = []
    if not no_record:
        kept, missing = common.recorded(judged, refused, db, site)
        problems += [f"not recorded: {missing.reason}"] if missing else []
    common.say_refused(refused)
    common.show(kept, refused, as_json=as_json, quiet=quiet)
    if pdf is not None:
        problems += _written(pdf, kept, refused, force)
    for problem in problems:
        common.say(problem)
    status = common.status_of(judged, refused, strict=strict_exit)
    ctx.exit(max(status, 3) if problems else status)


def _written(pdf: Path, kept: list[common.Recorded], refused: list[Refusal], force: bool) -> list[str]:
    """Write the report; return the reason where it could not be."""
    from nmqc.report.pdf import write_pdf

    try:
        write_pdf(pdf, kept, refused, force=force)
    except NmqcError as problem:
        return [problem.reason]
    return []


def _analysed(
    files: tuple[Path, ...],
    reference: Path | None,
    only_detector: int | None,
    asked: dict[str, Any],
    site: common.Site,
) -> tuple[list[Result], list[Refusal]]:
    """Read and analyse the files; return results and refusals in the order of the arguments."""
    from nmqc import catalogue
    from nmqc.dicom import read_nm

    test = catalogue.find("uniformity.planar")
    read_options = _read_options(asked, site)
    outcome = read_nm(files, read_options)
    refused = list(outcome.refused)
    compared: Acquisition | None = None
    unusable: tuple[Refusal, ...] = ()
    if reference is not None:
        other = read_nm([reference], replace(read_options, acquired=None))
        compared = other.acquisitions[0] if other.acquisitions else None
        unusable = other.refused
    options = test.options(
        edge_policy=asked["edge_policy"],
        edge_margin_mm=asked["edge_margin"],
        rebin=asked["rebin"],
        source_distance_mm=asked["source_distance"],
        replicates=asked["replicates"],
        reference=compared,
        only_detector=only_detector,
    )
    results: list[Result] = []
    with common.progress(len(outcome.acquisitions), "Analysing") as bar:
        for acquisition in outcome.acquisitions:
            analysis = test.analyse(acquisition, options)
            results += analysis.results
            refused += analysis.refused
            bar.update(1)
    return results, [*sorted(refused, key=lambda refusal: refusal.place), *unusable]


def _read_options(asked: dict[str, Any], site: common.Site) -> Any:
    from nmqc.dicom import ReadOptions

    try:
        return ReadOptions(
            pixel_mm=asked["pixel_mm"],
            acquired=asked["acquired"],
            detector=asked["detector"],
            system=asked["system"],
            site=site.config.systems,
            show_file_names=site.config.show_file_names,
        )
    except ValueError as mistake:
        raise click.UsageError(str(mistake)) from None
