"""One recorded result made again from its files: whether it is the same to the last bit, or by how much and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nmqc.batch.walk import sha256_of, walk
from nmqc.dicom import ReadOptions, read_nm
from nmqc.errors import UnusableInput
from nmqc.model import Refusal, Result
from nmqc.report.document import made_with, result_json
from nmqc.revalidate.again import done_again
from nmqc.revalidate.compare import alike, place_of, place_of_stored
from nmqc.revalidate.jobs import ROLES, Images, Job, Stored, planned
from nmqc.revalidate.naming import Names

if TYPE_CHECKING:
    from nmqc.history import Entry

Status = Literal["identical", "rounding", "differs"]


@dataclass(frozen=True, slots=True)
class Number:
    """A number that is not the recorded one to the last bit; None where it is not there.

    Attributes
    ----------
    metric, of, unit : of its measurement
    what : "value", "uncertainty", "uncertainty_parts.counting", "noise_floor.p95", "at.max.x_mm", ...
    relative : the difference as a part of the recorded number; None where that is 0 or one of them is not there
    sigmas : the difference in recorded uncertainties; None where there is none
    """

    metric: str
    of: str
    unit: str
    what: str
    recorded: float | None
    now: float | None
    relative: float | None
    sigmas: float | None

    @property
    def is_rounding(self) -> bool:
        """True where another processor or library may have made the difference in the last digits."""
        return alike(self.recorded, self.now)


@dataclass(frozen=True, slots=True)
class Changed:
    """What is not as it was when the result was made, in words; None where it is not known or not there."""

    what: str
    then: str | None
    now: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Rerun:
    """A recorded result, and what its files give today.

    Attributes
    ----------
    stored : the recorded result
    result : of today, not judged; None where there is none
    refused : why there is none
    numbers : that were compared
    differences : the numbers that are not the same to the last bit
    gone, new : measurements that were recorded and are not had today, and the other way round
    changed : what is not as it was
    """

    stored: Stored
    result: Result | None
    refused: tuple[Refusal, ...]
    numbers: int
    differences: tuple[Number, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]
    changed: tuple[Changed, ...]

    @property
    def status(self) -> Status:
        """Say whether it is "identical" to the last bit, "rounding" in the last digits alone, or "differs".

        Where there is no result today it differs, whatever was recorded.
        """
        if self.result is None or self.gone or not all(one.is_rounding for one in self.differences):
            return "differs"
        return "rounding" if self.differences else "identical"


def rerun(entry: Entry, paths: Sequence[Path], read: ReadOptions) -> Rerun:
    """Make a recorded result again, with the options and fields of view that are recorded in it.

    Parameters
    ----------
    entry : of the history
    paths : its files, those that were given beside them, and folders that hold them
    read : how the site reads files

    Raises
    ------
    UnusableInput
        ``other_file``: a file is none of the result's. ``missing_file``: one of its files is not among them.
    NmqcError
        If the files cannot be read, or the options cannot be had again.
    """
    stored = entry.payload
    done = done_again(_job(entry, paths, read), read, as_recorded=True)
    results = [one for one in done.analysis.results if place_of(one) == place_of_stored(stored)]
    result = results[0] if results else None
    now = result_json(result, None) if result else None
    measured = [] if now is None else now["measurements"]
    today = {(one["name"], one["of"]): one for one in measured}
    then = {(one["name"], one["of"]): one for one in stored["measurements"]}
    pairs = [(one, today[key]) for key, one in then.items() if key in today]
    return Rerun(
        stored=stored,
        result=result,
        refused=done.analysis.refused if result is None else (),
        numbers=sum(len(_numbers(one)) for one, _ in pairs),
        differences=tuple(number for one, other in pairs for number in _differences(one, other)),
        gone=_names(key for key in then if key not in today),
        new=_names(key for key in today if key not in then),
        changed=tuple(_changed(entry, stored, now, done.gone)),
    )


def _names(keys: Iterator[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(f"{name} {of}".strip() for name, of in keys)


# --- the files ------------------------------------------------------------------------------------------


def _job(entry: Entry, paths: Sequence[Path], read: ReadOptions) -> Job:
    """Return the analysis to do again, with the files that it needs."""
    stored, names = entry.payload, Names(show=read.show_file_names)
    given = _by_bytes(paths, names)
    inputs, beside = stored["inputs"], [one for one in stored["beside"] if one["role"] in ROLES]
    known = {one["sha256"]: one["pixels"] for one in (*inputs, *stored["beside"])}
    other = [path for digest, path in given.items() if digest not in known]
    by_pixels = {known[digest]: path for digest, path in given.items() if known.get(digest)}
    wanted = {one for role in ROLES for one in stored["asked"].get(role) or ()}
    if other and not beside and wanted:  # an older record knows them by their pixels alone
        by_pixels |= _by_pixels(other, wanted, read)
    strange = [path for path in other if path not in by_pixels.values() and path in paths]
    if strange:
        raise _other_file(strange[0], entry.number, inputs, names)
    absent = [one for one in (*inputs, *beside) if one["sha256"] not in given]
    if absent:
        raise _missing_file(absent, len(inputs) + len(beside), names)
    if not wanted <= by_pixels.keys():
        raise UnusableInput("missing_file", "the flood that it was compared with was not given: give it too")
    heads = {one["sha256"]: one["head"] for one in inputs if one["head"] is not None}
    if stored["detector_source"] == "user" and stored["detector"] is not None:
        heads |= {one["sha256"]: stored["detector"] for one in inputs}
    return planned([entry], Images(given, by_pixels, heads)).jobs[0]


def _by_bytes(paths: Sequence[Path], names: Names) -> dict[str, Path]:
    """Return the files that were given, and those in the folders that were, by their SHA-256."""
    found: dict[str, Path] = {}
    problems: list[str] = []
    for path in paths:
        inside = [one.path for one in walk(path, problems)] if path.is_dir() else [path]
        for file in inside:
            digest = sha256_of(file)
            if not digest and file in paths:
                raise UnusableInput("unreadable", f"{names.of(file)} cannot be read: check its permissions")
            found.setdefault(digest, file)
    return found


def _by_pixels(paths: Sequence[Path], wanted: set[str], read: ReadOptions) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        for acquisition in read_nm([path], read).acquisitions:
            found |= {one.pixels: path for one in acquisition.source.inputs if one.pixels in wanted}
    return found


def _other_file(path: Path, number: int, inputs: Sequence[Stored], names: Names) -> UnusableInput:
    begins = names.begin(sha256_of(path))
    wanted = (
        f"{len(inputs)} files, none of which" if len(inputs) > 1 else f"{inputs[0]['file']}, whose SHA-256"
    )
    recorded = "is this" if len(inputs) > 1 else f"begins with {names.begin(inputs[0]['sha256'])}"
    return UnusableInput(
        "other_file",
        f"{names.of(path)} has a SHA-256 that begins with {begins}: result {number} was made from {wanted} "
        f"{recorded}; give the very file, unchanged (`nmqc history explain FILE` says what is known of this one)",
    )


def _missing_file(absent: Sequence[Stored], count: int, names: Names) -> UnusableInput:
    first = absent[0]
    role = {"reference": " (the reference flood)", "flood": " (the flood)"}.get(first.get("role", ""), "")
    return UnusableInput(
        "missing_file",
        f"{len(absent)} of the {count} files that it was made from are missing: first {first['file']}{role}, whose "
        f"SHA-256 begins with {names.begin(first['sha256'])}; give all of them, or a folder that holds them",
    )


# --- the numbers ----------------------------------------------------------------------------------------


def _numbers(measurement: Stored) -> dict[str, float | None]:
    """Return every number of a measurement but its limits, by what it is."""
    floor = measurement["noise_floor"] or {"mean": None, "p95": None}
    parts = {f"uncertainty_parts.{name}": value for name, value in measurement["uncertainty_parts"].items()}
    at = {
        f"at.{number}.{one['what']}.{axis}": one[axis]
        for number, one in enumerate(measurement["at"], start=1)
        for axis in ("x_mm", "y_mm")
    }
    named = {name: measurement[name] for name in ("value", "uncertainty")}
    return named | parts | {f"noise_floor.{name}": value for name, value in floor.items()} | at


def _differences(then: Stored, now: Stored) -> Iterator[Number]:
    recorded, today = _numbers(then), _numbers(now)
    for what in {**recorded, **today}:
        one, other = recorded.get(what), today.get(what)
        if _bits(one) != _bits(other):
            step = None if one is None or other is None else abs(other - one)
            sigma = then["uncertainty"] if what == "value" else None
            yield Number(
                then["name"],
                then["of"],
                then["unit"],
                what,
                one,
                other,
                step / abs(one) if step is not None and one else None,
                step / sigma if step is not None and sigma else None,
            )


def _bits(number: float | None) -> str | None:
    """Return a number to its last bit; 0.0 and -0.0 are two."""
    return None if number is None else float(number).hex()


# --- why ------------------------------------------------------------------------------------------------


def _changed(
    entry: Entry, stored: Stored, now: Mapping[str, Any] | None, gone: Sequence[str]
) -> Iterator[Changed]:
    """Yield what is not as it was: versions, processor, and what the analysis was asked."""
    today = made_with()
    then = stored["made_with"] or {"nmqc": entry.nmqc}
    for name, value in today.items():
        if then.get(name) != value:
            yield Changed(name, then.get(name), value)
    if now is not None and now["algorithm"] != stored["algorithm"]:
        yield Changed("algorithm", stored["algorithm"], now["algorithm"])
    for name in gone:
        yield Changed(f"option {name}", _words((stored["options"] or stored["asked"])[name]), None)
    asked = {} if now is None else now["asked"]
    for name in {**stored["asked"], **asked} if asked else ():
        if stored["asked"].get(name) != asked.get(name):
            yield Changed(f"asked {name}", _words(stored["asked"].get(name)), _words(asked.get(name)))


def _words(value: Any) -> str | None:
    from nmqc.report.document import dump

    return None if value is None else value if isinstance(value, str) else dump(value)
