"""`nmqc pet`: the IEC body phantom by NEMA NU 2 and EARL, and a uniform cylinder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmqc.cli import analysis, common
from nmqc.errors import NmqcError
from nmqc.model import Refusal
from nmqc.report import wording

if TYPE_CHECKING:
    from nmqc.dicom import ReadOptions
    from nmqc.limits import LimitSet
    from nmqc.scans import Said

IEC, CYLINDER = "iec", "cylinder"
#: options that only the IEC body phantom uses
OF_IEC = (
    *("ratio", "ratio_uncertainty", "sphere_bqml", "edition", "slice", "lung_exclusion", "lung_background"),
    *("bg_rois", "earl", "header_dose", "sphere_phase", "sense"),
)


def _series(_ctx: click.Context, _parameter: click.Parameter, typed: str | None) -> tuple[str, ...]:
    """Return the names of series, in small letters."""
    names = tuple(name.strip().lower() for name in typed.split(",")) if typed else ()
    if not all(len(name) == 8 and set(name) <= set("0123456789abcdef") for name in names):
        raise click.BadParameter("give the 8 hexadecimal digits that nmqc lists; several with commas")
    return names


def _number(flag: str, name: str, metavar: str, text: str, low: float = 0.0) -> Any:
    return click.option(
        flag,
        name,
        type=click.FloatRange(low, min_open=low == 0.0),
        callback=common.finite,
        metavar=metavar,
        help=text,
    )


_OPTIONS = (
    click.option(
        "--phantom",
        type=click.Choice([IEC, CYLINDER]),
        default=IEC,
        show_default=True,
        help="The IEC body phantom, or a uniform cylinder.",
    ),
    _number("--ratio", "ratio", "R", "True concentration in the hot spheres over that of the background."),
    _number("--ratio-uncertainty", "ratio_uncertainty", "SD", "Standard deviation of that ratio."),
    click.option(
        "--fill",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="The fill sheet (TOML); without it a fill.toml beside the series.",
    ),
    _number("--sphere-bqml", "sphere_bqml", "BQML", "True concentration in the hot spheres, Bq/mL."),
    _number(
        "--background-bqml",
        "background_bqml",
        "BQML",
        "True concentration in the background, or the cylinder; both at the time that the image is corrected to.",
    ),
    click.option(
        "--earl", type=click.Choice(["1", "2"]), help="Judge recovery by the bands of this EARL standard."
    ),
    click.option(
        "--edition",
        type=click.Choice(["2007", "2012", "2018"]),
        help="Of NEMA NU 2 (default: by the fill sheet, else by the spheres found).",
    ),
    click.option(
        "--slice",
        type=click.Choice(["common", "own"]),
        help="One slice for all spheres, or for each the nearest (default: common, up to a tilt of 1 degree).",
    ),
    click.option(
        "--lung-exclusion",
        type=click.FloatRange(0, 100),
        callback=common.finite,
        metavar="MM",
        help="Left out at either end of the lung insert (default: by the edition).",
    ),
    click.option(
        "--lung-background",
        type=click.Choice(["all", "per-slice"]),
        help="What the lung insert is compared with: all 37 mm regions (default), or those of its own slice.",
    ),
    click.option(
        "--bg-rois",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="The site's own twelve places of the background (TOML).",
    ),
    click.option(
        "--header-dose",
        is_flag=True,
        help="Activity and weight in the header are the phantom's: give the SUV of the background.",
    ),
    click.option(
        "--sphere-phase",
        type=click.FloatRange(-360, 360),
        callback=common.finite,
        metavar="DEG",
        help="Direction of the 37 mm sphere, from right towards down, where the image does not tell.",
    ),
    click.option(
        "--sense",
        type=click.Choice(["1", "-1"]),
        help="1: the spheres get smaller from right towards down; -1: the other way.",
    ),
    click.option(
        "--series",
        callback=_series,
        metavar="ID[,ID...]",
        help="Of a folder with several series, this one; several that are alike are replicates.",
    ),
    click.option(
        "--reference-time",
        metavar="TIME",
        help="The time that the image is decay-corrected to, where the header has it wrong (ISO 8601).",
    ),
)


def _with_options(command: Any) -> Any:
    for option in reversed(_OPTIONS):
        option(command)
    return command


@click.command()
@_with_options
@analysis.shared_options_of_pet
def command(call: analysis.Call, **typed: Any) -> int:
    """PET image quality: the IEC body phantom, and a uniform cylinder.

    Give the folder of a series. The phantom and its six spheres are found wherever and however they lie. With the
    true ratio (--ratio, or a fill sheet): contrast recovery, background variability and lung residual of NEMA NU 2,
    and the reconstructed resolution; with the true concentrations the recovery coefficients of EARL and the
    calibration, too. Several series of one phantom in one place are replicates: means, and their scatter.

    \b
    nmqc pet iec --ratio 4.0 --pdf iec.pdf
    nmqc pet iec --fill fill.toml --earl 2
    nmqc pet iec --sphere-bqml 20400 --background-bqml 2050 --json > iec.json
    nmqc pet scan1 scan2 scan3 --ratio 4.0 --ratio-uncertainty 0.05
    nmqc pet cylinder --phantom cylinder --background-bqml 5300

    Exit status: 0 within limits or nothing to judge by; 2 wrong usage; 3 something refused or not measurable;
    4 out of limits.
    """
    said = _said(typed)
    _require_usable(typed, said)
    return analysis.run(call, lambda inputs: _measured(inputs, said, typed))


def _said(typed: dict[str, Any]) -> Said:
    """Return what was typed of the phantom."""
    from nmqc.scans import Said

    said = {name: typed[name] for name in (field.name for field in fields(Said))}
    whole = {name: None if said[name] is None else int(said[name]) for name in ("earl", "sense")}
    return Said(**{**said, **whole})


def _require_usable(typed: dict[str, Any], said: Said) -> None:
    """Refuse options that contradict each other."""
    for name in OF_IEC if typed["phantom"] == CYLINDER else ():
        if typed[name]:
            raise click.UsageError(f"--{name.replace('_', '-')} belongs to --phantom iec, not to cylinder")
    if said.fill is not None and said.truth:
        raise click.UsageError("give --fill, or the ratio and concentrations by options: not both")
    if said.ratio is not None and None not in (said.sphere_bqml, said.background_bqml):
        raise click.UsageError("give --ratio, or --sphere-bqml with --background-bqml, which make the ratio")
    if said.sphere_phase is None and said.sense is not None:
        raise click.UsageError("--sense needs --sphere-phase: the direction of the 37 mm sphere")


def _measured(inputs: analysis.Inputs, said: Said, typed: dict[str, Any]) -> analysis.Found:
    """Analyse every scan by the tests that are for it."""
    from nmqc.dicom import read_pet
    from nmqc.scans import fill_sheet_beside, scans_of, tests_for

    options = _read_options(inputs.options, typed["reference_time"])
    outcome = read_pet(inputs.call.files, options, typed["series"])
    jobs: list[analysis.Job] = []
    refused: list[Refusal] = []
    for scan in scans_of(outcome.volumes):
        first = scan.volumes[0].source.inputs[0]
        path = inputs.call.files[first.place - 1]
        named = replace(scan, name=_name(path, first.file, options))
        try:
            tests = tests_for(named, typed["phantom"], said, fill_sheet_beside(path))
        except NmqcError as reason:
            refused.append(Refusal(named.name, reason.code, reason.reason, place=first.place))
        else:
            jobs += [analysis.Job(test, named, chosen) for test, chosen in tests]
    done = analysis.analysed(jobs)
    return analysis.Found(
        done.results,
        analysis.in_order([*outcome.refused, *refused, *done.refused]),
        _unused(said, jobs),
        _limits(said),
    )


def _read_options(options: ReadOptions, reference: str | None) -> ReadOptions:
    try:
        return replace(options, reference=reference)
    except ValueError as mistake:
        raise click.UsageError(str(mistake)) from None


def _name(path: Path, first: str, options: ReadOptions) -> str:
    """Return what to call a scan by: its folder, or its first file."""
    return wording.clean(path.resolve().name) if path.is_dir() and options.show_file_names else first


def _limits(said: Said) -> LimitSet | None:
    if said.earl is None:
        return None
    from nmqc.earl import earl_limits

    return earl_limits(said.earl)


def _unused(said: Said, jobs: Sequence[analysis.Job]) -> tuple[str, ...]:
    """Return what was asked of recovery where there is none."""
    from nmqc.pet.metrics import RECOVERY

    if not jobs or any(job.test.name == RECOVERY for job in jobs):
        return ()
    asked_for = [name for name, on in (("--earl", said.earl), ("--header-dose", said.header_dose)) if on]
    return tuple(
        f"{name} was not used: recovery needs an image in Bq/mL and the true concentrations: give a fill sheet, or "
        "--sphere-bqml and --background-bqml"
        for name in asked_for
    )
