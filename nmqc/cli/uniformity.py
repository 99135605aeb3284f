"""`nmqc uniformity`: flood uniformity of planar images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nmqc.cli import analysis, common


@click.command()
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A flood to compare with: the indices of the ratio are given too.",
)
@click.option(
    "--source-distance",
    "source_distance_mm",
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
    "edge_margin_mm",
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
@analysis.shared_options
def command(call: analysis.Call, reference: Path | None, **asked: Any) -> int:
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
    return analysis.run(call, lambda inputs: _measured(inputs, reference, asked))


def _measured(inputs: analysis.Inputs, reference: Path | None, asked: dict[str, Any]) -> analysis.Found:
    """Analyse every acquisition as a flood."""
    from nmqc import catalogue

    test = catalogue.find("uniformity.planar")
    outcome = inputs.read()
    compared, unusable = inputs.beside(reference)
    options = test.options(reference=compared, only_detector=inputs.call.only_detector, **asked)
    done = analysis.analysed([analysis.Job(test, one, options) for one in outcome.acquisitions])
    refused = analysis.in_order([*outcome.refused, *done.refused])
    return analysis.Found(done.results, (*refused, *unusable))
