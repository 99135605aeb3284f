"""`nmqc identify`: what files are, and which command analyses them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmqc import __version__
from nmqc.cli import common

if TYPE_CHECKING:
    from nmqc.dicom import Identity, ReadOptions
    from nmqc.model import EnergyWindow, Refusal

SCHEMA = "nmqc.identify/1"


@click.command()
@common.files_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@common.config_option
@click.pass_context
def command(ctx: click.Context, /, files: tuple[Path, ...], as_json: bool, config_file: Path | None) -> None:
    """Say what files are, and which command analyses them.

    System, unit, head, energy windows, matrix, counts and kind, what is unusual, and what would be refused and
    why. Only fields that name no person are shown.

    \b
    nmqc identify flood.dcm
    nmqc identify *.dcm --json

    Exit status: 0, or 3 where a file cannot be read.
    """
    from nmqc.dicom import ReadOptions, identify

    site = common.open_site(config_file)
    common.require_existing(files, site)
    options = ReadOptions(site=site.config.systems, show_file_names=site.config.show_file_names)
    described = [
        _described(path, identity, options)
        for path, identity in zip(files, identify(files, options), strict=True)
    ]
    if as_json:
        from nmqc.report.document import dump

        document = {"schema": SCHEMA, "nmqc": __version__, "files": described}
        click.echo((dump(document) + "\n").encode(), nl=False)
    else:
        click.echo("\n".join(_text(one) for one in described))
    ctx.exit(3 if any(one["refused"] and one["kind"] is None for one in described) else 0)


def _described(path: Path, identity: Identity, options: ReadOptions) -> dict[str, Any]:
    """Return one file's description as JSON values."""
    kind, test, refused = _kind(path, identity, options)
    system = identity.system
    return {
        "file": identity.file,
        "sha256": identity.sha256 or None,
        "content": identity.content,
        "kind": kind,
        "command": test,
        "image_type": identity.kind or None,
        "system": None
        if system is None
        else {
            "name": system.name,
            "unit": system.unit,
            "manufacturer": system.manufacturer,
            "model": system.model,
        },
        "software": identity.software or None,
        "synthetic": identity.synthetic,
        "acquired": identity.acquired,
        "acquired_from": identity.acquired_from,
        "matrix": None if identity.matrix is None else list(identity.matrix),
        "spacing_mm": None if identity.spacing_mm is None else list(identity.spacing_mm),
        "frames": identity.frames,
        "counts": identity.counts,
        "durations_s": list(identity.durations_s),
        "detectors": [{"detector": number, "source": source} for number, source in identity.detectors],
        "energy_windows": [_window(window) for window in identity.energy_windows],
        "radionuclide": identity.radionuclide or None,
        "collimators": list(identity.collimators),
        "remarks": [{"code": remark.code, "text": remark.text} for remark in identity.remarks],
        "refused": [_refused(refusal) for refusal in refused],
    }


def _kind(
    path: Path, identity: Identity, options: ReadOptions
) -> tuple[str | None, str | None, tuple[Refusal, ...]]:
    """Return what the image shows, the command that analyses it, and what that would refuse."""
    from nmqc import catalogue
    from nmqc.dicom import read_nm

    if identity.refused is not None:
        return None, None, (identity.refused,)
    refused: tuple[Refusal, ...] = ()
    for acquisition in read_nm([path], options).acquisitions:
        recognised = catalogue.recognise(acquisition, catalogue.TESTS)
        refused = recognised.refused
        if recognised.test is not None:
            return recognised.test.shows, recognised.test.command, refused
    return "other", None, refused


def _window(window: EnergyWindow) -> dict[str, Any]:
    return {"name": window.name, "ranges_kev": [list(one) for one in window.ranges_kev]}


def _refused(refusal: Refusal) -> dict[str, Any]:
    return {
        "detector": refusal.detector,
        "energy_window": None if refusal.energy_window is None else _window(refusal.energy_window),
        "code": refusal.code,
        "reason": refusal.reason,
    }


def _text(one: dict[str, Any]) -> str:
    """Return one file's description for people, within 80 columns where the values are short."""
    lines = [f"{one['file']}: {one['content']}" + ("  SYNTHETIC DATA" if one["synthetic"] else "")]
    lines += [f"  {name:<12}{value}" for name, value in _rows(one) if value]
    lines += [f"  {'remark':<12}{remark['text']} [{remark['code']}]" for remark in one["remarks"]]
    for refusal in one["refused"]:
        which = "" if refusal["detector"] is None else f"detector {refusal['detector']}: "
        lines.append(f"  {'refused':<12}{which}{refusal['reason']} [{refusal['code']}]")
    return "\n".join(lines) + "\n"


def _rows(one: dict[str, Any]) -> list[tuple[str, str]]:
    system, matrix, spacing = one["system"], one["matrix"], one["spacing_mm"]
    heads = [
        f"{head['detector'] or 'unknown'}" + (f" ({head['source']})" if head["source"] else "")
        for head in one["detectors"]
    ]
    windows = [
        f"{window['name']} {' + '.join(f'{low:g} to {high:g} keV' for low, high in window['ranges_kev'])}".strip()
        for window in one["energy_windows"]
    ]
    return [
        (
            "kind",
            " ".join(part for part in (one["kind"], one["image_type"] and f"({one['image_type']})") if part),
        ),
        ("command", f"nmqc {one['command']} {shlex.quote(one['file'])}" if one["command"] else ""),
        ("system", f"{system['name']}, {system['manufacturer']} {system['model']}" if system else ""),
        ("unit", system["unit"] if system else ""),
        ("software", one["software"] or ""),
        ("acquired", f"{one['acquired']} ({one['acquired_from']})" if one["acquired"] else ""),
        ("matrix", f"{matrix[0]} x {matrix[1]}, {one['frames']} frame(s)" if matrix else ""),
        ("pixel", f"{spacing[0]:g} x {spacing[1]:g} mm (down x along)" if spacing else ""),
        ("counts", f"{one['counts']:,.0f}" if one["counts"] is not None else ""),
        ("duration", ", ".join(f"{seconds:g} s" for seconds in one["durations_s"])),
        ("detector", ", ".join(heads)),
        ("window", "; ".join(windows)),
        ("nuclide", one["radionuclide"] or ""),
        ("collimator", ", ".join(one["collimators"])),
    ]
