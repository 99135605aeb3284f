"""`nmqc resolution`: four-quadrant bars, slit mask and line sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmqc.cli import analysis, common, portions
from nmqc.model import Acquisition, Refusal

if TYPE_CHECKING:
    from nmqc.catalogue import Test

AUTO = "auto"
#: the phantom that an option belongs to
BELONGS = {"--bars": "bars", "--flood": "bars", "--separation": "lines"}
#: images of this phantom by one camera, its rotations, are analysed together
TOGETHER = "bars"

Widths = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of this command alone."""

    phantom: str
    bars: Widths | None
    flood: Path | None
    separation_mm: float | None

    @property
    def given(self) -> list[str]:
        """The options that only one of the phantoms uses, as far as they were typed."""
        values = {"--bars": self.bars, "--flood": self.flood, "--separation": self.separation_mm}
        return [name for name, value in values.items() if value is not None]


def _bar_widths(_ctx: click.Context, _parameter: click.Parameter, typed: str | None) -> Widths | None:
    """Return the four widths of a bar phantom, in mm."""
    if typed is None:
        return None
    widths = common.numbers(typed)
    if len(widths) != 4 or not all(1 <= width <= 10 for width in widths):
        raise click.BadParameter("give four bar widths in mm, such as 2.0,2.5,3.0,3.5; each 1 to 10")
    return widths[0], widths[1], widths[2], widths[3]


@click.command()
@click.option(
    "--phantom",
    type=click.Choice([AUTO, "bars", "slits", "lines"]),
    default=AUTO,
    show_default=True,
    help="What the images show; auto finds out, and says so.",
)
@click.option(
    "--bars",
    callback=_bar_widths,
    metavar="MM,MM,MM,MM",
    help="The widths of the bars, in any order (default: measured, and matched to the usual sets).",
)
@click.option(
    "--flood",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A flood of the same camera: its non-uniformity is taken off the moments of the bars.",
)
@click.option(
    "--separation",
    "separation_mm",
    type=click.FloatRange(5, 1000),
    callback=common.finite,
    metavar="MM",
    help="The distance of parallel lines: the pixel size is measured too.",
)
@analysis.shared_options
def command(call: analysis.Call, **typed: Any) -> int:
    """Spatial resolution: four-quadrant bars, slit mask, line sources.

    What an image shows is found out, and a remark says so; --phantom says it instead. Bars are found however
    they lie; several images of one camera given together, such as four rotations of the phantom, are also
    fitted together, x and y apart. A slit mask (NEMA NU 1, 2.1 and 2.2) gives intrinsic resolution and
    linearity; lines, at any angle, give FWHM and FWTM.

    \b
    nmqc resolution bars.dcm
    nmqc resolution bars.dcm --bars 2.0,2.5,3.0,3.5 --pdf bars.pdf
    nmqc resolution bars-0.dcm bars-90.dcm bars-180.dcm bars-270.dcm
    nmqc resolution slits-x.dcm slits-y.dcm --json > slits.json
    nmqc resolution lines.dcm --phantom lines --separation 100

    Exit status: 0 within limits or nothing to judge by; 2 wrong usage; 3 something refused or not measurable;
    4 out of limits.
    """
    asked = Asked(**typed)
    for option in asked.given:
        if asked.phantom not in (AUTO, BELONGS[option]):
            raise click.UsageError(f"{option} belongs to --phantom {BELONGS[option]}, not to {asked.phantom}")
    return analysis.run(call, lambda inputs: _measured(inputs, asked))


def _measured(inputs: analysis.Inputs, asked: Asked) -> analysis.Found:
    """Find out what the images show, and analyse each by its test."""
    only = inputs.call.only_detector
    outcome = inputs.read()
    found, refused = _shown(outcome.acquisitions, asked.phantom, only)
    unused = _unused(asked, {portion.test.shows for portion in found}) if outcome.acquisitions else {}
    flood, unusable = (None, ()) if "--flood" in unused else _flood(inputs, asked.flood)
    jobs = [
        analysis.Job(portion.test, portion.acquisition, _options(portion.test, asked, flood, only))
        for portion in portions.together(found, TOGETHER, only)
    ]
    done = analysis.analysed(jobs)
    results = [portions.with_own_facts(result, found) for result in done.results]
    everything = analysis.in_order([*outcome.refused, *refused, *done.refused])
    return analysis.Found(
        portions.in_order(results, outcome.acquisitions), (*everything, *unusable), tuple(unused.values())
    )


def _shown(
    acquisitions: Sequence[Acquisition], phantom: str, only_detector: int | None
) -> tuple[list[portions.Portion], list[Refusal]]:
    """Return what each test analyses, by what was typed or by what the images show."""
    from nmqc import catalogue

    tests = catalogue.of_command("resolution")
    if phantom == AUTO:
        return portions.recognised(acquisitions, tests, only_detector)
    (test,) = [test for test in tests if test.shows == phantom]
    return portions.of_one(acquisitions, test, only_detector), []


def _unused(asked: Asked, shown: set[str]) -> dict[str, str]:
    """Return the options that were typed for a phantom that no image shows, and what to say of each."""
    return {
        option: f"{option} was not used: no image was recognised as {BELONGS[option]}; leave it out, or say "
        f"--phantom {BELONGS[option]}"
        for option in asked.given
        if BELONGS[option] not in shown
    }


def _options(test: Test, asked: Asked, flood: Acquisition | None, only_detector: int | None) -> Any:
    """Return the options of a test: those of the command that belong to it."""
    own: dict[str, dict[str, Any]] = {
        "bars": {"bars": asked.bars, "flood": flood},
        "lines": {"separation_mm": asked.separation_mm},
    }
    return test.options(only_detector=only_detector, **own.get(test.shows, {}))


def _flood(inputs: analysis.Inputs, path: Path | None) -> tuple[Acquisition | None, tuple[Refusal, ...]]:
    """Read the flood; an image that shows a phantom is none, and is refused."""
    from nmqc import catalogue

    flood, unusable = inputs.beside(path)
    if flood is None:
        return None, unusable
    test = catalogue.recognise(flood, catalogue.of_command("resolution")).test
    if test is None:
        return flood, unusable
    first = flood.source.inputs[0]
    reason = f"this shows {test.title}: give with --flood a flood without a phantom"
    return None, (*unusable, Refusal(first.file, "not_a_flood", reason, sha256=first.sha256))
