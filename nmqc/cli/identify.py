"""`nmqc identify`: what files are, and which command analyses them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmqc import __version__
from nmqc.cli import common
from nmqc.report import wording

if TYPE_CHECKING:
    from nmqc.catalogue import Test
    from nmqc.dicom import Identity, ReadOptions
    from nmqc.model import Acquisition, EnergyWindow, Refusal, Scan

SCHEMA = "nmqc.identify/1"


@dataclass(frozen=True, slots=True)
class Entry:
    """What one file, or one PET series, is: as JSON values, and the command to type ("" where there is none)."""

    facts: dict[str, Any]
    typed: str


@click.command()
@common.files_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@common.config_option
@click.pass_context
def command(ctx: click.Context, /, files: tuple[Path, ...], as_json: bool, config_file: Path | None) -> None:
    """Say what files are, and which command analyses them.

    System, unit, head, energy windows, matrix, counts and kind, what is unusual, and what would be refused and
    why. The slices of a PET series are described together, by its folder or its files. Only fields that name no
    person are shown.

    \b
    nmqc identify flood.dcm
    nmqc identify *.dcm --json
    nmqc identify pet-series/

    Exit status: 0, or 3 where a file cannot be read.
    """
    from nmqc.dicom import ReadOptions, identify

    site = common.open_site(config_file)
    common.require_existing(files, site)
    options = ReadOptions(site=site.config.systems, show_file_names=site.config.show_file_names)
    found = identify(files, options)
    entries = [_entry(identity, found, files, options) for identity in found]
    if as_json:
        from nmqc.report.document import dump

        document = {"schema": SCHEMA, "nmqc": __version__, "files": [one.facts for one in entries]}
        click.echo((dump(document) + "\n").encode(), nl=False)
    else:
        click.echo("\n".join(_text(one) for one in entries))
    ctx.exit(3 if any(one.facts["refused"] and one.facts["kind"] is None for one in entries) else 0)


def _entry(
    identity: Identity, found: Sequence[Identity], files: Sequence[Path], options: ReadOptions
) -> Entry:
    """Return the description of one among those that were found."""
    if identity.refused is not None:
        return Entry(_described(identity, None, None, (identity.refused,)), "")
    test, refused = _recognised(identity, files, options)
    if test is None:
        return Entry(_described(identity, "other", None, refused), "")
    facts = _described(identity, test.shows, test.command, refused)
    if identity.volume is None:
        return Entry(facts, f"nmqc {test.command} {shlex.quote(identity.file)}")
    return Entry(facts, _typed_for_pet(identity, test, found, files))


def _recognised(
    identity: Identity, files: Sequence[Path], options: ReadOptions
) -> tuple[Test | None, tuple[Refusal, ...]]:
    """Return the test that it is for, and what that would refuse; without a test what all say."""
    from nmqc import catalogue

    refused: tuple[Refusal, ...] = ()
    for data in _data(identity, files, options):
        recognised = catalogue.recognise(data, catalogue.TESTS)
        refused = recognised.refused
        if recognised.test is not None:
            return recognised.test, refused
    return None, refused


def _data(
    identity: Identity, files: Sequence[Path], options: ReadOptions
) -> tuple[Acquisition, ...] | tuple[Scan]:
    from nmqc.dicom import read_nm
    from nmqc.model import Scan

    if identity.volume is not None:
        return (Scan((identity.volume,), identity.file),)
    return read_nm([files[place - 1] for place in identity.places], options).acquisitions


def _typed_for_pet(identity: Identity, test: Test, found: Sequence[Identity], files: Sequence[Path]) -> str:
    """Return the command for a PET series: by its folder, and by its name where that may hold others."""
    alone = len(identity.places) == 1  # a folder, or one file with all slices
    words = ["nmqc", test.command, identity.file if alone else _folder(identity, files)]
    if not alone or sum(one.places == identity.places and bool(one.series) for one in found) > 1:
        words += ["--series", identity.series]
    return shlex.join([*words, *(["--phantom", test.shows] if test.shows == "cylinder" else [])])


def _folder(identity: Identity, files: Sequence[Path]) -> str:
    """Return the folder of files that were named one by one, as far as names are shown."""
    paths = [files[place - 1] for place in identity.places]
    parents = {path.parent for path in paths}
    if len(parents) > 1 or identity.file != wording.clean(paths[0].name):
        return "FOLDER"
    return wording.clean(parents.pop().name) or "."


def _described(
    identity: Identity, kind: str | None, test: str | None, refused: Sequence[Refusal]
) -> dict[str, Any]:
    """Return a description as JSON values."""
    return {
        "file": identity.file,
        "sha256": identity.sha256 or None,
        "content": identity.content,
        "kind": kind,
        "command": test,
        "image_type": identity.kind or None,
        "system": _system(identity),
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
        "pet": _of_pet(identity),
        "remarks": [{"code": remark.code, "text": remark.text} for remark in identity.remarks],
        "refused": [_refused(refusal) for refusal in refused],
    }


def _system(identity: Identity) -> dict[str, str] | None:
    system = identity.system
    if system is None:
        return None
    return {
        "name": system.name,
        "unit": system.unit,
        "manufacturer": system.manufacturer,
        "model": system.model,
    }


def _of_pet(identity: Identity) -> dict[str, Any] | None:
    """Return what only a PET image has; of a series that cannot be read, and of a single slice, the name alone."""
    if not identity.series:
        return None
    tracer = identity.tracer
    return {
        "series": identity.series,
        "files": identity.files,
        "slice_spacing_mm": identity.step_mm,
        "unit": identity.unit or None,
        "decay_correction": (tracer and tracer.decay_correction) or None,
        "reference": tracer and tracer.reference,
        "reference_from": (tracer and tracer.reference_from) or None,
        "reconstruction": identity.reconstruction or None,
    }


def _window(window: EnergyWindow) -> dict[str, Any]:
    return {"name": window.name, "ranges_kev": [list(one) for one in window.ranges_kev]}


def _refused(refusal: Refusal) -> dict[str, Any]:
    return {
        "detector": refusal.detector,
        "energy_window": None if refusal.energy_window is None else _window(refusal.energy_window),
        "code": refusal.code,
        "reason": refusal.reason,
    }


def _text(entry: Entry) -> str:
    """Return one description for people, within 80 columns where the values are short."""
    one = entry.facts
    rows = [("kind", _kind(one)), ("command", entry.typed), *_of_camera(one), *_of_image(one)]
    lines = [f"{one['file']}: {one['content']}" + ("  SYNTHETIC DATA" if one["synthetic"] else "")]
    lines += [f"  {name:<12}{value}" for name, value in rows if value]
    lines += [f"  {'remark':<12}{remark['text']} [{remark['code']}]" for remark in one["remarks"]]
    for refusal in one["refused"]:
        which = "" if refusal["detector"] is None else f"detector {refusal['detector']}: "
        lines.append(f"  {'refused':<12}{which}{refusal['reason']} [{refusal['code']}]")
    return "\n".join(lines) + "\n"


def _kind(one: dict[str, Any]) -> str:
    return " ".join(part for part in (one["kind"], one["image_type"] and f"({one['image_type']})") if part)


def _of_camera(one: dict[str, Any]) -> list[tuple[str, str]]:
    system = one["system"]
    return [
        (
            "system",
            f"{system['name']}, {system['manufacturer']} {system['model']}".rstrip(", ") if system else "",
        ),
        ("unit", system["unit"] if system else ""),
        ("software", one["software"] or ""),
        ("acquired", f"{one['acquired']} ({one['acquired_from']})" if one["acquired"] else ""),
    ]


def _of_image(one: dict[str, Any]) -> list[tuple[str, str]]:
    heads = [
        f"{head['detector'] or 'unknown'}" + (f" ({head['source']})" if head["source"] else "")
        for head in one["detectors"]
    ]
    windows = [
        f"{window['name']} {' + '.join(f'{low:g} to {high:g} keV' for low, high in window['ranges_kev'])}".strip()
        for window in one["energy_windows"]
    ]
    return [
        *(_pixels(one) if one["pet"] is None else _voxels(one, one["pet"])),
        ("duration", ", ".join(f"{seconds:g} s" for seconds in one["durations_s"])),
        ("detector", ", ".join(heads)),
        ("window", "; ".join(windows)),
        ("nuclide", one["radionuclide"] or ""),
        ("collimator", ", ".join(one["collimators"])),
    ]


def _pixels(one: dict[str, Any]) -> list[tuple[str, str]]:
    matrix, spacing = one["matrix"], one["spacing_mm"]
    return [
        ("matrix", f"{matrix[0]} x {matrix[1]}, {one['frames']} frame(s)" if matrix else ""),
        ("pixel", f"{spacing[0]:g} x {spacing[1]:g} mm (down x along)" if spacing else ""),
        ("counts", f"{one['counts']:,.0f}" if one["counts"] is not None else ""),
    ]


def _voxels(one: dict[str, Any], pet: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a PET image holds, and what its values refer to."""
    matrix, spacing, step = one["matrix"], one["spacing_mm"], pet["slice_spacing_mm"]
    slices = f"{one['frames']} slice(s)" if one["frames"] else ""
    size = f"{spacing[0]:g} x {spacing[1]:g} mm (down x along)" if spacing else ""
    reference = f"{pet['reference']} ({pet['reference_from']})" if pet["reference"] else ""
    return [
        ("series", f"{pet['series']}, {pet['files']} file(s)"),
        ("matrix", " of ".join(part for part in (slices, matrix and f"{matrix[0]} x {matrix[1]}") if part)),
        ("voxel", f"{size}, {step:g} mm between slices" if step else size),
        ("values", pet["unit"] or ""),
        ("decay", pet["decay_correction"] or ""),
        ("reference", reference),
        ("made by", pet["reconstruction"] or ""),
    ]
