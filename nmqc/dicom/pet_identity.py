"""What the PET series in folders and files are, for people: allow-listed facts, also where they would be refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nmqc.dicom.acquired import acquisition_time
from nmqc.dicom.interface import Identity, ReadOptions
from nmqc.dicom.nm import software
from nmqc.dicom.nuclides import radionuclide
from nmqc.dicom.pet import SeriesRead, read_every
from nmqc.dicom.pet_volume import reconstruction
from nmqc.dicom.systems import is_synthetic, recognise
from nmqc.model import Refusal, Volume

SERIES = "a PET series"
_BESIDE = {"not_a_pet_image": "another kind of image", "not_dicom": "not DICOM"}


def identify_folder(folder: Path, place: int, options: ReadOptions) -> list[Identity]:
    """Return what each PET series in a folder is, and what else would be refused; [] where it holds no PET series."""
    every, refused = read_every({place: folder}, options)
    return _described(every, refused, options) if every else []


def with_series_together(
    found: Sequence[Identity], slices: Sequence[Identity], paths: Sequence[Path], options: ReadOptions
) -> list[Identity]:
    """Return the same identities, but one for each PET series whose slices were named one by one.

    A slice that is alone stays a file.

    Parameters
    ----------
    found : in order of their places
    slices : those of PET images, each of one file
    """
    series: dict[str, list[Identity]] = {}
    for one in slices:
        series.setdefault(one.series, []).append(one)
    whole = [group for group in series.values() if len(group) > 1 or (group[0].frames or 1) > 1]
    gone = {one.places for group in whole for one in group}
    kept = [one for one in found if one.places not in gone]
    for group in whole:
        numbered = {place: paths[place - 1] for one in group for place in one.places}
        kept += _described(*read_every(numbered, options), options)
    return sorted(kept, key=lambda one: one.places[0])


def _described(
    every: Sequence[SeriesRead], refused: Sequence[Refusal], options: ReadOptions
) -> list[Identity]:
    return [*(_of_series(one, options) for one in every), *(_of_refused(one) for one in refused)]


def _of_series(one: SeriesRead, options: ReadOptions) -> Identity:
    volume = one.outcome if isinstance(one.outcome, Volume) else None
    facts = _header_facts(one, options) if volume is None else _volume_facts(volume)
    return Identity(
        one.file,
        SERIES,
        refused=one.outcome if isinstance(one.outcome, Refusal) else None,
        series=one.name,
        places=one.places,
        files=one.files,
        volume=volume,
        **facts,
    )


def _of_refused(refusal: Refusal) -> Identity:
    """Return files beside a series, or of one, that were refused alike."""
    content = _BESIDE.get(refusal.code, "a file that cannot be read")
    return Identity(refusal.file, content, sha256=refusal.sha256, refused=refusal, places=(refusal.place,))


def _volume_facts(volume: Volume) -> dict[str, Any]:
    """Return what a whole series tells."""
    slices, rows, columns = volume.values.shape
    step, *spacing = volume.spacing_mm
    return {
        "system": volume.source.system,
        "software": volume.source.software,
        "matrix": (rows, columns),
        "spacing_mm": tuple(spacing),
        "frames": slices,
        "durations_s": () if volume.duration_s is None else (volume.duration_s,),
        "radionuclide": volume.source.radionuclide,
        "acquired": volume.source.acquired,
        "acquired_from": volume.source.acquired_from,
        "synthetic": volume.source.synthetic,
        "remarks": volume.remarks,
        "unit": volume.unit,
        "step_mm": step,
        "reconstruction": volume.reconstruction,
        "tracer": volume.tracer,
    }


def _header_facts(one: SeriesRead, options: ReadOptions) -> dict[str, Any]:
    """Return what the first file of a series that cannot be read as a whole tells."""
    header = one.header
    acquired, acquired_from = acquisition_time(header, None)
    return {
        "system": recognise(header, options).system,
        "software": software(header),
        "frames": one.slices,
        "radionuclide": radionuclide(header),
        "acquired": acquired,
        "acquired_from": acquired_from,
        "synthetic": is_synthetic(header),
        "reconstruction": reconstruction(header),
    }
