"""One analysis done again, with the options that it was done with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nmqc import catalogue
from nmqc.catalogue import Test
from nmqc.dicom import ReadOptions, ReadOutcome, read_nm, read_pet
from nmqc.errors import BadConfiguration, CannotMeasure, NmqcError
from nmqc.model import Acquisition, Analysis, FieldHint, Frame, Scan, System
from nmqc.revalidate.called import called_with
from nmqc.revalidate.compare import Compared, compared, not_compared
from nmqc.revalidate.jobs import ROLES, Job, Stored
from nmqc.scans import Said, fill_sheet_beside, scans_of, tests_for

#: where a field of view is from that today's configuration states no more
NO_LONGER_STATED = "record"


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an analysis, and the recorded options that this version does not have any more."""

    analysis: Analysis
    gone: tuple[str, ...] = ()


def again(job: Job, read: ReadOptions) -> list[Compared]:
    """Analyse the images of a job, and compare what comes with what was recorded.

    Parameters
    ----------
    read : how the site reads files
    """
    try:
        done = done_again(job, read)
        if done.gone:
            raise BadConfiguration("options_changed", "this version of nmqc has other options for it")
    except NmqcError as reason:
        return [not_compared(one, reason.code, reason.reason) for one in job.stored]
    return [compared(one, done.analysis.results) for one in job.stored]


def done_again(job: Job, read: ReadOptions, *, as_recorded: bool = False) -> Done:
    """Analyse the images of a job with the options that are recorded.

    Parameters
    ----------
    as_recorded : take camera and stated fields of view as they were recorded, whatever the site's configuration says
        today

    Raises
    ------
    NmqcError
        If the images cannot be read, or the options cannot be had again.
    """
    test = next((one for one in catalogue.TESTS if one.name == job.test), None)
    if test is None:
        raise CannotMeasure("no_such_test", f"this version of nmqc has no test {job.test}")
    if not test.kinds:
        return _pet(job, test, read)
    stored, data = job.stored[0], _read(job, read)
    images = _images_beside(job, read)
    if as_recorded:
        camera = data.source.system
        images = {name: _of_camera(one, camera, stored) for name, one in images.items()}
        data = _as_recorded(data, job, read)
    recorded = stored["options"]
    called = called_with(test, _told(stored) if recorded is None else recorded, images)
    return Done(test.analyse(data, called.options), called.gone)


# --- gamma-camera images ----------------------------------------------------------------------------------


def _read(job: Job, read: ReadOptions) -> Acquisition:
    """Return what the files hold, as one acquisition; with the pixel size that was used where they have none."""
    stored = job.stored[0]
    given = next((one["pixel_mm"] for one in stored["inputs"] if one["pixel_mm"] is not None), None)
    options = replace(read, detectors=job.detectors, pixel_mm=None if given is None else tuple(given))
    outcome = read_nm(job.paths, options)
    if any(one.code == "pixel_size_missing" for one in outcome.refused):
        down, along = stored["asked"]["pixel_mm"]
        outcome = read_nm(job.paths, replace(options, pixel_mm=(down, along)))
    return _one(outcome)


def _one(outcome: ReadOutcome) -> Acquisition:
    if outcome.refused:
        raise CannotMeasure(outcome.refused[0].code, outcome.refused[0].reason)
    parts = outcome.acquisitions
    inputs = tuple(one for part in parts for one in part.source.inputs)
    frames = tuple(frame for part in parts for frame in part.frames)
    return replace(parts[0], source=replace(parts[0].source, inputs=inputs), frames=frames)


def _as_recorded(data: Acquisition, job: Job, read: ReadOptions) -> Acquisition:
    """Return an acquisition as the site's configuration of then made it: its head, its camera and its fields."""
    stored = job.stored[0]
    head, fields = stored["detector"], stored["asked"].get("field")
    if head is not None and not job.detectors and head not in {frame.detector for frame in data.frames}:
        data = _read(replace(job, detectors=(head,) * len(job.paths)), read)
    if fields is not None:
        frames = tuple(replace(frame, field_hints=_hints(frame, fields)) for frame in data.frames)
        data = replace(data, frames=frames)
    return _of_camera(data, data.source.system, stored)


def _of_camera(data: Acquisition, camera: System, stored: Stored) -> Acquisition:
    """Return an acquisition of some camera as one of the recorded camera; of another one as it is."""
    if data.source.system != camera:
        return data
    return replace(data, source=replace(data.source, system=System(**stored["system"])))


def _hints(frame: Frame, recorded: Sequence[Sequence[Any]]) -> tuple[FieldHint, ...]:
    """Return the fields that were stated; where one is from is known as long as it is stated today."""
    today = {(hint.shape, hint.extents_mm): hint for hint in frame.field_hints}
    wanted = [(shape, tuple(extents)) for shape, *extents in recorded]
    return tuple(today.get(one) or FieldHint(*one, NO_LONGER_STATED) for one in wanted)


def _told(stored: Stored) -> dict[str, Any]:
    asked, parameters = stored["asked"], stored["parameters"]
    plain = ("edge_policy", "edge_margin_mm", "rebin", "separation_mm", "spacing_mm", "bars")
    chosen = {name: asked[name] for name in plain if asked.get(name) is not None}
    return chosen | {
        name: parameters[name]
        for name in ("source_distance_mm", "replicates")
        if parameters.get(name) is not None
    }


def _images_beside(job: Job, read: ReadOptions) -> dict[str, Acquisition]:
    """Return the image that others are compared with, by the name of its option."""
    wanted = {name: job.stored[0]["asked"].get(name) for name in ROLES}
    options = replace(read, detectors=job.beside_detectors)
    return {name: _beside(job, pixels, options) for name, pixels in wanted.items() if pixels is not None}


def _beside(job: Job, pixels: Sequence[str], options: ReadOptions) -> Acquisition:
    if len(job.beside) != len(pixels):
        raise CannotMeasure(
            "no_reference",
            "the flood that it was compared with was not found in the folders, or not recorded",
        )
    return _one(read_nm(job.beside, options))


# --- PET ------------------------------------------------------------------------------------------------


def _pet(job: Job, test: Test, read: ReadOptions) -> Done:
    stored = job.stored[0]
    reference = stored["asked"].get("reference")
    outcome = read_pet(job.paths, replace(read, reference=reference), all_series=True)
    if outcome.refused:
        raise CannotMeasure(outcome.refused[0].code, outcome.refused[0].reason)
    scans = scans_of(outcome.volumes)
    if len(scans) != 1:
        raise CannotMeasure("several_scans", "its files are no longer one scan, or replicates of one")
    if stored["options"] is not None:
        called = called_with(test, stored["options"], {})
        return Done(test.analyse(scans[0], called.options), called.gone)
    said, sheet = _said(stored, job.paths[0])
    found = [one.analyse(scans[0], options) for one, options in _tests(scans[0], test, said, sheet)]
    results = tuple(result for analysis in found for result in analysis.results)
    return Done(Analysis(results, tuple(refusal for analysis in found for refusal in analysis.refused)))


def _tests(scan: Scan, test: Test, said: Said, sheet: Path | None) -> list[tuple[Test, Any]]:
    return [pair for pair in tests_for(scan, test.shows, said, sheet) if pair[0].name == test.name]


def _said(stored: Stored, path: Path) -> tuple[Said, Path | None]:
    """Return what was said of the phantom, and the fill sheet beside it where one was used."""
    asked, truth = stored["asked"], stored["parameters"].get("truth") or {}
    if asked.get("background_rois") is not None:
        raise CannotMeasure(
            "own_regions", "it was measured with background regions of the site, which are not recorded"
        )
    sheet = fill_sheet_beside(path) if truth.get("fill_sheet") is not None else None
    if truth.get("fill_sheet") is not None and sheet is None:
        raise CannotMeasure("no_fill_sheet", "its fill sheet does not lie beside the series: put it there")
    hints = asked.get("hints") or [None, None]
    names = ("edition", "slice", "earl", "lung_background")
    chosen: dict[str, Any] = {name: asked[name] for name in names if name in asked}
    return Said(
        **chosen,
        lung_exclusion=asked.get("lung_exclusion_mm"),
        header_dose=bool(asked.get("header_dose")),
        sphere_phase=hints[0],
        sense=hints[1],
        **({} if sheet is not None else _typed_truth(truth)),
    ), sheet


def _typed_truth(truth: Mapping[str, Any]) -> dict[str, Any]:
    """Return the truth as it was typed: two concentrations make the ratio."""
    sphere, background = (_first(truth.get(name)) for name in ("sphere_bqml", "background_bqml"))
    both = sphere is not None and background is not None
    return {
        "ratio": None if both else truth.get("ratio"),
        "ratio_uncertainty": truth.get("ratio_uncertainty"),
        "sphere_bqml": sphere,
        "background_bqml": background,
    }


def _first(values: Any) -> float | None:
    return values[0] if values else None
