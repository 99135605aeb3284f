"""`nmqc cor`: centre of rotation and detector alignment."""

from __future__ import annotations

import click

from nmqc.cli import analysis


@click.command()
@analysis.shared_options
def command(call: analysis.Call) -> int:
    """Centre of rotation and detector alignment, by point sources.

    Tomographic acquisitions of one or more point sources in air: any number of sources and views, one or two
    heads at any angle, step and shoot or continuous, 360 or 180 degrees. For each detector the offset of the
    axis from the middle of the matrix (positive to the right, as the columns are stored), residuals, tilt, sag,
    drift, and resolution against distance; for each pair of detectors axial shift and relative phase. Three
    sources as NEMA NU 1, 4.1 has them give its figures too.

    \b
    nmqc cor cor.dcm
    nmqc cor cor.dcm --pdf cor.pdf
    nmqc cor head1.dcm head2.dcm --detector 1,2 --json > cor.json
    nmqc cor five-sources.dcm --only-detector 2

    Exit status: 0 within limits or nothing to judge by; 2 wrong usage; 3 something refused or not measurable;
    4 out of limits.
    """
    return analysis.run(call, _measured)


def _measured(inputs: analysis.Inputs) -> analysis.Found:
    """Analyse every acquisition of point sources."""
    from nmqc import catalogue

    test = catalogue.find("cor.point-sources")
    outcome = inputs.read()
    options = test.options(only_detector=inputs.call.only_detector)
    done = analysis.analysed([analysis.Job(test, one, options) for one in outcome.acquisitions])
    return analysis.Found(done.results, analysis.in_order([*outcome.refused, *done.refused]))
