"""One analysis done again, with the options that it was done with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nmqc import catalogue
from nmqc.catalogue import Test
from nmqc.dicom import ReadOptions, ReadOutcome, read_nm, read_pet
from nmqc.errors import BadConfiguration, CannotMeasure, NmqcError
from nmqc.model import Acquisition, Result, Scan
from nmqc.revalidate.compare import Compared, compared, not_compared
from nmqc.revalidate.jobs import Job, Stored
from nmqc.scans import Said, fill_sheet_beside, scans_of, tests_for


def again(job: Job, read: ReadOptions) -> list[Compared]:
    """Analyse the images of a job, and compare what comes with what was recorded.

    Parameters
    ----------
    read : how the site reads files
    """
    try:
        results = _results(job, read)
    except NmqcError as reason:
        return [not_compared(one, reason.code, reason.reason) for one in job.stored]
    return [compared(one, results) for one in job.stored]


def _results(job: Job, read: ReadOptions) -> Sequence[Result]:
    """Return the results of a test; none where it refuses the images."""
    test = next((one for one in catalogue.TESTS if one.name == job.test), None)
    if test is None:
        raise CannotMeasure("no_such_test", f"this version of nmqc has no test {job.test}")
    if not test.kinds:
        return _pet(job, test, read)
    data = _read(job, read)
    return test.analyse(data, _options(job, test, read)).results


# --- gamma-camera images ----------------------------------------------------------------------------------


def _read(job: Job, read: ReadOptions) -> Acquisition:
    """Return what the files hold, as one acquisition; with the pixel size that was used where they have none."""
    options = replace(read, detectors=job.detectors)
    outcome = read_nm(job.paths, options)
    if any(one.code == "pixel_size_missing" for one in outcome.refused):
        down, along = job.stored[0]["asked"]["pixel_mm"]
        outcome = read_nm(job.paths, replace(options, pixel_mm=(down, along)))
    return _one(outcome)


def _one(outcome: ReadOutcome) -> Acquisition:
    if outcome.refused:
        raise CannotMeasure(outcome.refused[0].code, outcome.refused[0].reason)
    parts = outcome.acquisitions
    inputs = tuple(one for part in parts for one in part.source.inputs)
    frames = tuple(frame for part in parts for frame in part.frames)
    return replace(parts[0], source=replace(parts[0].source, inputs=inputs), frames=frames)


def _options(job: Job, test: Test, read: ReadOptions) -> Any:
    asked, parameters = job.stored[0]["asked"], job.stored[0]["parameters"]
    plain = ("edge_policy", "edge_margin_mm", "rebin", "separation_mm", "spacing_mm")
    chosen: dict[str, Any] = {name: asked[name] for name in plain if asked.get(name) is not None}
    chosen |= {
        name: parameters[name]
        for name in ("source_distance_mm", "replicates")
        if parameters.get(name) is not None
    }
    if asked.get("bars") is not None:
        chosen["bars"] = tuple(asked["bars"])
    for name in ("reference", "flood"):
        if asked.get(name) is not None:
            chosen[name] = _beside(job, asked[name], read)
    try:
        return test.options(**chosen)
    except (TypeError, ValueError):
        raise BadConfiguration("options_changed", "this version of nmqc has other options for it") from None


def _beside(job: Job, pixels: Sequence[str], read: ReadOptions) -> Acquisition:
    if len(job.beside) != len(pixels):
        raise CannotMeasure(
            "no_reference",
            "the flood that it was compared with was not found in the folders, or not recorded",
        )
    return _one(read_nm(job.beside, read))


# --- PET ------------------------------------------------------------------------------------------------


def _pet(job: Job, test: Test, read: ReadOptions) -> Sequence[Result]:
    stored = job.stored[0]
    reference = stored["asked"].get("reference")
    outcome = read_pet(job.paths, replace(read, reference=reference), all_series=True)
    if outcome.refused:
        raise CannotMeasure(outcome.refused[0].code, outcome.refused[0].reason)
    scans = scans_of(outcome.volumes)
    if len(scans) != 1:
        raise CannotMeasure("several_scans", "its files are no longer one scan, or replicates of one")
    said, sheet = _said(stored, job.paths[0])
    wanted = _tests(scans[0], test, said, sheet)
    return [result for one, options in wanted for result in one.analyse(scans[0], options).results]


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
