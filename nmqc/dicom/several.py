"""Several files on one command line: which are one acquisition, and which was given twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nmqc.dicom.interface import ReadOptions, ReadOutcome
from nmqc.dicom.nm import Reading, read_acquisition
from nmqc.dicom.safe import Content, open_dicom, read_content, refusing, silence
from nmqc.dicom.systems import check_patterns
from nmqc.dicom.values import clean
from nmqc.errors import UnusableInput
from nmqc.model import Acquisition, EnergyWindow, Frame, InputFile, Refusal, Remark

_HASH_SHOWN = 12
_GIVEN_TWICE = Remark("given_twice", "the same image was given more than once: it was analysed once")
_OTHER_PIXELS = Remark(
    "same_uid_other_pixels",
    "another file has the same SOP instance UID and other pixels: both were kept",
)


def read_files(paths: Sequence[Path], options: ReadOptions) -> ReadOutcome:
    """Read files one by one, drop what was given twice, and join what was acquired together."""
    check_patterns(options.site)
    readings: list[Reading] = []
    refused: list[Refusal] = []
    for number, path in enumerate(paths, start=1):
        outcome = _read_one(path, number, options)
        if isinstance(outcome, Refusal):
            refused.append(outcome)
        else:
            readings.append(outcome)
    return ReadOutcome(tuple(_joined(_with_other_pixels(_once(readings)))), tuple(refused))


def _read_one(path: Path, number: int, options: ReadOptions) -> Reading | Refusal:
    content: Content | None = None
    try:
        with refusing(), silence():
            content = read_content(path)
            name = shown_name(path, number, content, options)
            return read_acquisition(open_dicom(content), name, options, number)
    except UnusableInput as refusal:
        name = shown_name(path, number, content, options)
        sha256 = content.sha256 if content else ""
        return Refusal(name, refusal.code, refusal.reason, sha256=sha256, place=number)


def shown_name(path: Path, number: int, content: Content | None, options: ReadOptions) -> str:
    """Return how a file is called in results: its base name, or the start of its SHA-256.

    Where names are hidden, a file that cannot be read is called by its place on the command line.
    """
    if options.show_file_names:
        return clean(path.name or str(path), 255) or f"input {number}"
    return content.sha256[:_HASH_SHOWN] if content else f"input {number}"


def _once(readings: Sequence[Reading]) -> list[Reading]:
    """Return each image once, by SOP instance UID and pixels, with a remark on those given twice."""
    first: dict[tuple[str, str], Reading] = {}
    for reading in readings:
        file = _input(reading)
        key = (file.uid, file.pixels) if file.uid else ("", file.sha256)
        first[key] = _remarked(first[key], _GIVEN_TWICE) if key in first else reading
    return list(first.values())


def _with_other_pixels(readings: Sequence[Reading]) -> list[Reading]:
    """Remark images that share a SOP instance UID."""
    uids = [_input(reading).uid for reading in readings]
    return [
        _remarked(reading, _OTHER_PIXELS) if uid and uids.count(uid) > 1 else reading
        for reading, uid in zip(readings, uids, strict=True)
    ]


def _joined(readings: Sequence[Reading]) -> list[Acquisition]:
    """Return the acquisitions, files of several energy windows joined, in the order of their first files."""
    groups: list[list[Reading]] = []
    for reading in readings:
        group = next((group for group in groups if _belongs(reading, group)), None)
        if group is None:
            groups.append([reading])
        else:
            group.append(reading)
    return [_join([reading.acquisition for reading in group]) for group in groups]


def _belongs(reading: Reading, group: Sequence[Reading]) -> bool:
    """Say whether a file is another energy window of the acquisition that a group of files makes."""
    first = group[0]
    same = (
        reading.study == first.study != ""
        and _moment(reading) == _moment(first) is not None
        and _camera(reading) == _camera(first)
        and _geometry(reading) == _geometry(first)
    )
    windows, others = _windows(reading), [window for member in group for window in _windows(member)]
    return same and None not in (*windows, *others) and not set(windows) & set(others)


def _camera(reading: Reading) -> tuple[object, ...]:
    source = reading.acquisition.source
    return source.system, source.synthetic, reading.acquisition.kind


def _moment(reading: Reading) -> str | None:
    """Return the time by the header; the user's time is no evidence that two files belong together."""
    source = reading.acquisition.source
    return None if source.acquired_from == "user" else source.acquired


def _geometry(reading: Reading) -> set[tuple[object, ...]]:
    """Return what must be the same for every window of an acquisition."""
    return {_place(frame) for frame in reading.acquisition.frames}


def _place(frame: Frame) -> tuple[object, ...]:
    place = (frame.detector, frame.detector_source, frame.rotation, frame.view, frame.duration_s)
    return (*place, frame.counts.shape, frame.spacing_mm, frame.zoom, frame.collimator)


def _windows(reading: Reading) -> list[EnergyWindow | None]:
    return list(dict.fromkeys(frame.energy_window for frame in reading.acquisition.frames))


def _join(parts: Sequence[Acquisition]) -> Acquisition:
    """Return one acquisition of several, windows numbered in the order of the parts."""
    inputs = tuple(file for part in parts for file in part.source.inputs)
    nuclides = dict.fromkeys(part.source.radionuclide for part in parts if part.source.radionuclide)
    frames: list[Frame] = []
    for part in parts:
        before = max((frame.window_number for frame in frames), default=0)
        frames += [replace(frame, window_number=frame.window_number + before) for frame in part.frames]
    return replace(
        parts[0],
        source=replace(parts[0].source, inputs=inputs, radionuclide="+".join(nuclides)),
        frames=tuple(frames),
        remarks=tuple(dict.fromkeys(remark for part in parts for remark in part.remarks)),
    )


def _input(reading: Reading) -> InputFile:
    return reading.acquisition.source.inputs[0]


def _remarked(reading: Reading, remark: Remark) -> Reading:
    remarks = tuple(dict.fromkeys((*reading.acquisition.remarks, remark)))
    return replace(reading, acquisition=replace(reading.acquisition, remarks=remarks))
