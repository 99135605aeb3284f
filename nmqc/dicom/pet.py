"""Files and folders to PET volumes: one for each series."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from nmqc.dicom.interface import ReadOptions, VolumeOutcome
from nmqc.dicom.pet_files import Candidate, candidates
from nmqc.dicom.pet_slices import Allowance, NoRoom, PetSlice, read_slices, series_name
from nmqc.dicom.pet_volume import build_volume, reconstruction
from nmqc.dicom.safe import Content, OpenedFile, check_pet_class, open_dicom, read_content, refusing, silence
from nmqc.dicom.several import shown_name
from nmqc.dicom.systems import check_patterns
from nmqc.dicom.values import Header, clean
from nmqc.errors import UnusableInput
from nmqc.model import Refusal, Volume

_THREADS = 4
_SHOWN = 12
_NAME_LENGTH = 16

Group = Sequence[PetSlice]


@dataclass(frozen=True, slots=True)
class _Refused:
    """A refusal, and the group of files in which those alike are counted.

    `series` is that of a file for which there was no room: the others of it are of no use. Else "".
    """

    refusal: Refusal
    group: int
    series: str = ""


#: what came of one file
Outcome = tuple[PetSlice, ...] | _Refused


@dataclass(frozen=True, slots=True, eq=False)
class SeriesRead:
    """What came of one series.

    Attributes
    ----------
    name : first 8 hexadecimal digits of the SHA-256 of its UID
    file : its folder, or the first of its files, as it may be shown
    header : of its first file
    places : the numbers of its arguments
    files, slices : how many there are
    outcome : its volume, or why there is none
    """

    name: str
    file: str
    header: Header
    places: tuple[int, ...]
    files: int
    slices: int
    outcome: Volume | Refusal


def read_volumes(
    paths: Sequence[Path], options: ReadOptions, series: Sequence[str], all_series: bool
) -> VolumeOutcome:
    """Return a volume for each series that is asked for, and what was refused."""
    check_patterns(options.site)
    numbered = dict(enumerate(paths, start=1))
    named = _named(numbered, options)
    with silence():
        found, refused = _found(numbered, named, options)
        chosen, of_choice = _chosen(found, named, series, all_series)
        outcomes = [_built(members, named, options) for members in chosen.values()]
    refused += [*of_choice, *(one for one in outcomes if isinstance(one, Refusal))]
    volumes = tuple(one for one in outcomes if isinstance(one, Volume))
    return VolumeOutcome(volumes, tuple(sorted(refused, key=lambda one: one.place)))


def read_every(
    numbered: Mapping[int, Path], options: ReadOptions
) -> tuple[tuple[SeriesRead, ...], tuple[Refusal, ...]]:
    """Return what came of each series in some files and folders, and what else was refused of them.

    Parameters
    ----------
    numbered : each path by its number among the arguments
    """
    named = _named(numbered, options)
    with silence():
        found, refused = _found(numbered, named, options)
        every = tuple(_every(name, members, named, options) for name, members in found.items())
    return every, tuple(refused)


def _every(name: str, members: Group, named: Mapping[int, str], options: ReadOptions) -> SeriesRead:
    return SeriesRead(
        name,
        _called(members, named),
        members[0].header,
        tuple(sorted({one.input.place for one in members})),
        len({one.input for one in members}),
        len(members),
        _built(members, named, options),
    )


def _named(numbered: Mapping[int, Path], options: ReadOptions) -> dict[int, str]:
    return {place: shown_name(path, place, None, options) for place, path in numbered.items()}


def _found(
    numbered: Mapping[int, Path], named: Mapping[int, str], options: ReadOptions
) -> tuple[dict[str, Group], list[Refusal]]:
    """Return the slices of every series, and the refusals of files and folders."""
    files, refused = _gathered(numbered, named)
    slices, of_files = _read_all(files, options)
    return _series(slices), [*refused, *_counted(of_files)]


def _gathered(
    numbered: Mapping[int, Path], named: Mapping[int, str]
) -> tuple[list[Candidate], list[Refusal]]:
    files: list[Candidate] = []
    refused: list[Refusal] = []
    for place, path in numbered.items():
        try:
            files += candidates(path, place)
        except UnusableInput as refusal:
            refused.append(Refusal(named[place], refusal.code, refusal.reason, place=place))
    return files, refused


def _read_all(files: Sequence[Candidate], options: ReadOptions) -> tuple[list[PetSlice], list[_Refused]]:
    """Read files in a few threads: hashing, and waiting for a disk or a network, do not hold up the others."""
    allowance = Allowance()
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        numbers = range(len(files))
        outcomes = list(pool.map(lambda n: _read_one(files[n], options, allowance, n), numbers))
    outcomes = _without_cut_series(outcomes)
    slices = [one for outcome in outcomes if isinstance(outcome, tuple) for one in outcome]
    return slices, [outcome for outcome in outcomes if isinstance(outcome, _Refused)]


def _read_one(file: Candidate, options: ReadOptions, allowance: Allowance, number: int) -> Outcome:
    content: Content | None = None
    opened: OpenedFile | None = None
    try:
        with refusing():
            content = read_content(file.path)
            name = shown_name(file.path, file.place, content, options)
            opened = open_dicom(content, wanted=check_pet_class)
            take = partial(allowance.take, number)
            return read_slices(opened, name, options, file.place, file.group, take)
    except UnusableInput as refusal:
        name = shown_name(file.path, file.place, content, options)
        sha256 = content.sha256 if content else ""
        cut = opened if isinstance(refusal, NoRoom) else None
        return _Refused(
            Refusal(name, refusal.code, refusal.reason, sha256=sha256, place=file.place),
            file.group,
            series_name(Header(cut.dataset)) if cut else "",
        )
    finally:
        allowance.pass_by(number)


def _without_cut_series(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Refuse every file of a series of which one was refused for want of room: no part of it stands for all."""
    cut = {one.series: one.refusal for one in outcomes if isinstance(one, _Refused) and one.series}
    return [_refused_too(one, cut) for one in outcomes]


def _refused_too(outcome: Outcome, cut: Mapping[str, Refusal]) -> Outcome:
    if isinstance(outcome, _Refused) or outcome[0].series not in cut:
        return outcome
    first = outcome[0]
    file = first.input
    refusal = replace(cut[first.series], file=file.file, sha256=file.sha256, place=file.place)
    return _Refused(refusal, first.group)


def _counted(refused: Sequence[_Refused]) -> list[Refusal]:
    """Return one refusal for all files of a folder, or of those named, that are refused alike."""
    alike: dict[tuple[int, str, str], list[Refusal]] = {}
    for one in refused:
        alike.setdefault((one.group, one.refusal.code, one.refusal.reason), []).append(one.refusal)
    return [_together(refusals) for refusals in alike.values()]


def _together(refusals: Sequence[Refusal]) -> Refusal:
    first, others = refusals[0], len(refusals) - 1
    more = f" (and so for {others} more of these files)" if others else ""
    return replace(first, reason=first.reason + more)


def _series(slices: Sequence[PetSlice]) -> dict[str, Group]:
    """Return the slices of each series, in the order of the arguments."""
    found: dict[str, list[PetSlice]] = {}
    for one in slices:
        found.setdefault(one.series, []).append(one)
    return dict(found)


def _chosen(
    found: dict[str, Group], named: Mapping[int, str], series: Sequence[str], all_series: bool
) -> tuple[dict[str, Group], list[Refusal]]:
    """Return the series to read, and the refusals where they cannot be told."""
    if series:
        return _asked(found, [name.lower() for name in series], named)
    return (found, []) if all_series else _single(found, named)


def _asked(
    found: Mapping[str, Group], series: Sequence[str], named: Mapping[int, str]
) -> tuple[dict[str, Group], list[Refusal]]:
    """Return the series that are asked for, in their order; a refusal that lists all where one is not there."""
    chosen = {name: found[name] for name in series if name in found}
    missing = [clean(name, _NAME_LENGTH) for name in dict.fromkeys(series) if name not in found]
    if not missing or not found:
        return chosen, []
    members = next(iter(found.values()))
    reason = f"holds no series {' or '.join(missing)}, but {_listed(found)}; choose of these with --series"
    return chosen, [_refusal(members, named, UnusableInput("no_such_series", reason))]


def _single(found: Mapping[str, Group], named: Mapping[int, str]) -> tuple[dict[str, Group], list[Refusal]]:
    """Return the series that are alone in their folder, or among the files named one by one."""
    refused: list[Refusal] = []
    dropped: set[str] = set()
    for group in dict.fromkeys(one.group for members in found.values() for one in members):
        inside = {name: [one for one in members if one.group == group] for name, members in found.items()}
        inside = {name: members for name, members in inside.items() if members}
        if len(inside) > 1:
            reason = f"holds {len(inside)} series: {_listed(inside)}; choose one with --series"
            members = next(iter(inside.values()))
            refused.append(_refusal(members, named, UnusableInput("several_series", reason)))
            dropped |= inside.keys()
    return {name: members for name, members in found.items() if name not in dropped}, refused


def _listed(found: Mapping[str, Group]) -> str:
    """Return each series by its name, its slices and its reconstruction."""
    words = [_described(name, members) for name, members in found.items()]
    more = [f"{len(words) - _SHOWN} more"] if len(words) > _SHOWN else []
    return ", ".join([*words[:_SHOWN], *more])


def _described(name: str, members: Group) -> str:
    rows, columns = members[0].stored.shape
    words = f"{len(members)} slices of {rows} x {columns}, {reconstruction(members[0].header)}"
    return f"{name} ({words.rstrip(', ')})"


def _built(members: Group, named: Mapping[int, str], options: ReadOptions) -> Volume | Refusal:
    try:
        with refusing():
            return build_volume(members, options)
    except UnusableInput as refusal:
        return _refusal(members, named, refusal)


def _refusal(members: Group, named: Mapping[int, str], refusal: UnusableInput) -> Refusal:
    """Return the refusal of a series."""
    first = members[0]
    sha256 = first.input.sha256 if len(members) == 1 else ""
    file = _called(members, named)
    return Refusal(file, refusal.code, refusal.reason, sha256=sha256, place=first.input.place)


def _called(members: Group, named: Mapping[int, str]) -> str:
    """Return how a series is called: by its folder, or by the first of its files."""
    first = members[0]
    return named[first.group] if first.group else first.input.file
