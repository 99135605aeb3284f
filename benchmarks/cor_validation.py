"""The figures of docs/methods/cor-validation.md: `python -m benchmarks cor-validation --write FILE`.

Point sources of `phantoms/` on an orbit, whose truth is known in closed form: without noise, and many times with it.
Two processes; some minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import cor_exact, cor_noise, cor_peers
from benchmarks.bars_validation import in_processes
from nmqc.cor.metrics import METRICS

HEAD = """# Validation of the centre of rotation

Made by `python -m benchmarks cor-validation --write docs/methods/cor-validation.md`. The sources are of `phantoms/`,
which shares no code with nmqc: Gaussians, integrated over the pixels, projected by the geometry of DICOM. Random
numbers are seeded. Off: value less truth. The method: [centre of rotation](cor.md).
"""

EXACT = """The expected counts themselves: nothing rounded. Each fault by itself, on {count} orbits: clockwise and
counter-clockwise, step and shoot and continuous, second head at 180, 90 and 76 degrees to the first, starts of
197.37, 33.3 and 351.9 degrees; 60 views over 360 degrees, pixels of 4.6 x 4.8 mm (down x along), FWHM 10 mm, one
source 67 mm from the axis, or five.

{table}
"""

PHASES = """Offset 3 mm; {count} orbits of 24 views without noise, one source, FWHM 10 mm.

{table}
A fit of amplitude, phase and frequency together, as pylinac 3.49 makes it, went wrong in 34 of 432 such cases (its
record: 60 views with noise), by up to 152 mm. Here the frequency is known, so that the fit is linear: there is
nothing to diverge.
"""

NOISE = """{seeds} acquisitions of each orbit: 20,000 counts a view and source, 60 views (three sources: 120),
pixels of 4.6 x 4.8 mm, FWHM 8 mm, two heads in one file (offsets 2.31 and -1.18 mm). Scatter: standard deviation over
the acquisitions. Stated: root mean square of the sigmas given with the values.

| required | found | outcome |
|---|---|---|
{required}

{offsets}"""

SAGGING = """
The offset of the head that sags has an uncertainty widened by what its sag leaves of the residuals (part `scatter of
the views`): the fit cannot know that a full circle takes sag out.
"""


def page(seeds: int) -> str:
    """Measure everything and return the page."""
    return HEAD + "".join(f"\n## {title}\n\n{text}" for title, text in _sections(seeds))


def _sections(seeds: int) -> Iterator[tuple[str, str]]:
    terms = in_processes(cor_exact.recovered, len(cor_exact.faults()), "without noise")
    table = cor_exact.terms_table(terms)
    yield "Every fault, without noise", EXACT.format(count=len(cor_exact.ARRANGEMENTS), table=table)
    groups = len(cor_exact.RADII_MM) * len(cor_exact.SENSES)
    phases = in_processes(cor_exact.phases, groups, "phases")
    count = groups * cor_exact.PHASES
    yield "All phases", PHASES.format(count=count, table=cor_exact.phases_table(phases))
    found = in_processes(cor_noise.block, cor_noise.blocks(seeds), "noise")
    yield from _noise(found)
    yield "A slipped view", cor_exact.slip_text()
    yield "Sag on an arc of 180 degrees", _sag()
    yield "Coarse pixels", _sampling()
    yield "Beside other programs", _peers()


def _noise(found: Sequence[cor_noise.Block]) -> Iterator[tuple[str, str]]:
    values = [value for one in found for value in one.values]
    seeds = cor_noise.BLOCK * len(found) // len(cor_noise.cells())
    required = "\n".join(
        f"| {what} | {outcome} | {'met' if enough else 'missed'} |"
        for what, outcome, enough in cor_noise.required(found)
    )
    yield (
        "The offset, with noise",
        NOISE.format(seeds=seeds, required=required, offsets=cor_noise.offsets(values)) + SAGGING,
    )
    units = {short: metric.unit for short, metric in METRICS.items()}
    yield (
        "Every metric, with noise",
        "All of these orbits, and values of single sources, together.\n\n" + cor_noise.metrics(values, units),
    )
    floors = cor_noise.floors([floor for one in found for floor in one.floors])
    yield (
        "Noise floors",
        f"Heads without fault (axial range: without tilt). Five of a hundred should exceed it.\n\n{floors}",
    )


def _sag() -> str:
    return (
        f"Sag of {cor_exact.SAG_MM:g} mm, offset 0, {cor_exact.SAG_VIEWS} views, no noise; beside it what least "
        f"squares give for the angles alone. On 180 degrees a sag is told from neither an offset nor a drift.\n\n"
        f"{cor_exact.sag_table()}"
    )


def _sampling() -> str:
    return (
        "Pixels of 4.8 mm, no noise; the largest error over four places between the pixels. Below an FWHM of 2 "
        f"pixels a centroid depends on where in a pixel the source lies.\n\n{cor_exact.sampling_table()}"
    )


def _peers() -> str:
    return (
        "Orbits like those on which other programs were run: source 80 mm from the axis, FWHM 10 mm, 4.8 mm pixels, "
        "20,000 counts a view and source. Their answers are as recorded then, on other noise: pylinac 3.49 "
        "(`CenterOfRotation`, x), the IAEA NMQC toolkit 0.2.2 (ImageJ), WAD-QC (`NM_COR_Siemens`). pylinac's "
        "deviation and the toolkit's sine are the largest residual of a sine, which an offset does not change.\n\n"
        f"{cor_peers.table()}"
    )


def main(arguments: Sequence[str]) -> int:
    """Measure every table and print or write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks cor-validation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=cor_noise.SEEDS, metavar="N", help="of each noisy orbit")
    parser.add_argument("--write", type=Path, metavar="FILE")
    asked = parser.parse_args(arguments)
    made = page(asked.seeds)
    if asked.write:
        asked.write.write_text(made, encoding="utf-8")
    else:
        print(made)
    return 0
