"""Several files on one command line: which are one acquisition, and which was given twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
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
        outcome = _read_one(path, number, options.of_file(number))
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
    """Return the acquisitions, in the order of their first files: energy windows joined, then the heads."""
    heads = _merged(readings, _is_another_window, _join_windows)
    return [reading.acquisition for reading in _merged(heads, _is_another_head, _join_heads)]


def _merged(
    readings: Sequence[Reading],
    belongs: Callable[[Reading, Sequence[Reading]], bool],
    join: Callable[[Sequence[Acquisition]], Acquisition],
) -> list[Reading]:
    """Return the readings, each that belongs to earlier ones joined to the first such group."""
    groups: list[list[Reading]] = []
    for reading in readings:
        group = next((group for group in groups if belongs(reading, group)), None)
        if group is None:
            groups.append([reading])
        else:
            group.append(reading)
    return [
        replace(group[0], acquisition=join([one.acquisition for one in group])) if group[1:] else group[0]
        for group in groups
    ]


def _is_another_window(reading: Reading, group: Sequence[Reading]) -> bool:
    """Say whether a file is another energy window of the acquisition that a group of files makes."""
    same = _together(reading, group[0]) and _geometry(reading) == _geometry(group[0])
    windows, others = _windows(reading), [window for member in group for window in _windows(member)]
    return same and None not in (*windows, *others) and not set(windows) & set(others)


def _is_another_head(reading: Reading, group: Sequence[Reading]) -> bool:
    """Say whether a file is another head of the tomographic acquisition that a group of files makes.

    Each must be of one known head, in the same energy windows and views.
    """
    first = group[0]
    same = _together(reading, first) and _scan(reading) == _scan(first) and reading.acquisition.kind == "TOMO"
    heads, windows = [_only_head(member) for member in (*group, reading)], _windows(first)
    return same and all(None not in each and len(set(each)) == len(each) for each in (heads, windows))


def _together(reading: Reading, other: Reading) -> bool:
    """Say whether two files were made at the same time in one study by one camera, and are of one kind."""
    return (
        reading.study == other.study != ""
        and _moment(reading) == _moment(other) is not None
        and _camera(reading) == _camera(other)
    )


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
    place = (frame.detector, frame.detector_source, frame.rotation, frame.view, frame.gantry)
    return (*place, frame.duration_s, frame.counts.shape, frame.spacing_mm, frame.zoom, frame.collimator)


def _only_head(reading: Reading) -> int | None:
    """Return the head that made all frames; None where it is unknown, or there are several."""
    heads = {frame.detector for frame in reading.acquisition.frames}
    return heads.pop() if len(heads) == 1 else None


def _scan(reading: Reading) -> Counter[tuple[object, ...]]:
    """Return what must be the same for every head of an acquisition: windows, views and matrix."""
    return Counter(
        (frame.energy_window, frame.rotation, frame.view, frame.counts.shape, frame.spacing_mm)
        for frame in reading.acquisition.frames
    )


def _windows(reading: Reading) -> list[EnergyWindow | None]:
    """Return the energy windows, one for each number, even where the header describes two alike."""
    return list({frame.window_number: frame.energy_window for frame in reading.acquisition.frames}.values())


def _join_windows(parts: Sequence[Acquisition]) -> Acquisition:
    """Return one acquisition of several, windows numbered in the order of the parts."""
    frames: list[Frame] = []
    for part in parts:
        before = max((frame.window_number for frame in frames), default=0)
        frames += [replace(frame, window_number=frame.window_number + before) for frame in part.frames]
    return _join(parts, frames)


def _join_heads(parts: Sequence[Acquisition]) -> Acquisition:
    """Return one acquisition of the heads, windows numbered as in the first part."""
    numbers = {frame.energy_window: frame.window_number for frame in parts[0].frames}
    frames = [
        replace(frame, window_number=numbers[frame.energy_window]) for part in parts for frame in part.frames
    ]
    return _join(parts, sorted(frames, key=lambda frame: (frame.window_number, frame.detector or 0)))


def _join(parts: Sequence[Acquisition], frames: Sequence[Frame]) -> Acquisition:
    """Return one acquisition of these frames, with the files and remarks of its parts."""
    inputs = tuple(file for part in parts for file in part.source.inputs)
    nuclides = dict.fromkeys(part.source.radionuclide for part in parts if part.source.radionuclide)
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
