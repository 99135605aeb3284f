"""Which frames of which files a test analyses, where one command has several tests."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nmqc.model import Acquisition, Frame, Refusal, Remark, Result

if TYPE_CHECKING:
    from nmqc.catalogue import Recognition, Test


@dataclass(frozen=True, slots=True)
class Portion:
    """The frames of an acquisition that one test analyses; `said` are remarks on how that was decided."""

    test: Test
    acquisition: Acquisition
    said: tuple[Remark, ...] = ()


# --- what the images show -------------------------------------------------------------------------------


def of_one(acquisitions: Sequence[Acquisition], test: Test, only_detector: int | None) -> list[Portion]:
    """Return all frames of a detector, or all there are, for one test, whatever they show."""
    return [Portion(test, _with(one, _frames_of(one, only_detector) or one.frames)) for one in acquisitions]


def recognised(
    acquisitions: Sequence[Acquisition], tests: Sequence[Test], only_detector: int | None
) -> tuple[list[Portion], list[Refusal]]:
    """Return which frames each of some tests analyses, by what they show, and a refusal of every other frame.

    An acquisition without frames of the detector asked for goes to the first test, which says so.
    """
    portions: list[Portion] = []
    refused: list[Refusal] = []
    for acquisition in acquisitions:
        frames = _frames_of(acquisition, only_detector)
        if not frames:
            portions.append(Portion(tests[0], acquisition))
        for shown in _sorted_out(acquisition, frames, tests):
            if isinstance(shown, Portion):
                portions.append(shown)
            else:
                refused.append(shown)
    return portions, refused


def _frames_of(acquisition: Acquisition, detector: int | None) -> tuple[Frame, ...]:
    return tuple(frame for frame in acquisition.frames if detector in (None, frame.detector))


def _with(acquisition: Acquisition, frames: Sequence[Frame]) -> Acquisition:
    """Return an acquisition with some of its frames, and the files they came from."""
    files = tuple(dict.fromkeys(frame.input for frame in frames))
    return replace(acquisition, source=replace(acquisition.source, inputs=files), frames=tuple(frames))


def _sorted_out(
    acquisition: Acquisition, frames: Sequence[Frame], tests: Sequence[Test]
) -> Iterator[Portion | Refusal]:
    """Yield a refusal of every frame that no test accepts, and the frames that each test does."""
    from nmqc import catalogue

    accepted: dict[str, list[Frame]] = {}
    for frame in frames:
        alone = _with(acquisition, [frame])
        found = catalogue.recognise(alone, tests)
        if found.test is None:
            yield _not_recognised(alone, found, tests)
        else:
            accepted.setdefault(found.test.name, []).append(frame)
    for test in tests:
        if test.name in accepted:
            remark = Remark("phantom_recognised", f"recognised as {test.title} (--phantom {test.shows})")
            yield Portion(test, _with(acquisition, accepted[test.name]), (remark,))


def _not_recognised(alone: Acquisition, found: Recognition, tests: Sequence[Test]) -> Refusal:
    """Return the refusal of a frame that no test accepts, with the most that can be said of it.

    What all tests say alike (no counts, saturated, ...); else what another command makes of it; else what the only
    test says that does not just call it something else ("not_bars"): it saw its phantom, and something amiss.
    """
    from nmqc import catalogue

    if len({refusal.code for refusal in found.refused}) == 1:
        return found.refused[0]
    other = catalogue.recognise(alone, [test for test in catalogue.TESTS if test not in tests]).test
    amiss = [refusal for refusal in found.refused if not refusal.code.startswith("not_")]
    if other is None and len(amiss) == 1:
        return amiss[0]
    (frame,) = alone.frames
    return Refusal(
        frame.input.file,
        "not_recognised",
        _no_phantom(alone, tests) if other is None else _of_other(alone, other),
        frame.detector,
        frame.energy_window,
        frame.input.sha256,
        frame.input.place,
    )


def _of_other(alone: Acquisition, other: Test) -> str:
    typed = f"nmqc {other.command} {shlex.quote(alone.frames[0].input.file)}"
    return f"this is a {other.shows}: {typed}; or a phantom that is not resolved: say which with --phantom"


def _no_phantom(alone: Acquisition, tests: Sequence[Test]) -> str:
    if not any(test.takes(alone) for test in tests):
        return (
            f"this is a {alone.kind} acquisition: give a static planar image; `nmqc identify` says which command is "
            "for it"
        )
    titles = " nor ".join(test.title for test in tests)
    choices = " or ".join(test.shows for test in tests)
    return f"neither {titles} recognised: say what it is with --phantom {choices}, and that test says what is amiss"


# --- images of one camera -------------------------------------------------------------------------------


def together(portions: Sequence[Portion], shows: str, only_detector: int | None) -> list[Portion]:
    """Return the portions to analyse: images of one phantom that differ in file and time alone become one.

    What holds no frame of the detector asked for stays by itself, so that it is refused by itself.
    """
    groups: dict[Any, list[Portion]] = {}
    for number, portion in enumerate(portions):
        apart = portion.test.shows != shows or not _frames_of(portion.acquisition, only_detector)
        groups.setdefault(number if apart else _setting(portion.acquisition), []).append(portion)
    return [
        replace(group[0], acquisition=_joined([one.acquisition for one in group]))
        for group in groups.values()
    ]


def _setting(acquisition: Acquisition) -> tuple[object, ...]:
    """Return what images of one camera have in common."""
    return acquisition.kind, replace(acquisition.source, inputs=(), acquired=None, acquired_from=None)


def _joined(parts: Sequence[Acquisition]) -> Acquisition:
    """Return one acquisition of all frames; its time is the latest, by the scanner's own clock."""
    latest = max(parts, key=lambda part: part.source.acquired or "").source
    return replace(
        parts[0],
        source=replace(latest, inputs=tuple(file for part in parts for file in part.source.inputs)),
        frames=tuple(frame for part in parts for frame in part.frames),
        remarks=tuple(dict.fromkeys(remark for part in parts for remark in part.remarks)),
    )


def with_own_facts(result: Result, portions: Sequence[Portion]) -> Result:
    """Return a result with the time and the reader's remarks of its own files alone, and how they were recognised."""
    files = set(result.source.inputs)
    mine = [
        one for one in portions if one.test.name == result.test and files & set(one.acquisition.source.inputs)
    ]
    own = _joined([portion.acquisition for portion in mine])
    others = {remark for one in portions for remark in one.acquisition.remarks} - set(own.remarks)
    kept = [remark for remark in result.remarks if remark not in others]
    said = dict.fromkeys(remark for portion in mine for remark in portion.said)
    source = replace(own.source, inputs=result.source.inputs)
    return replace(result, source=source, remarks=(*kept, *said))


def in_order(results: Sequence[Result], acquisitions: Sequence[Acquisition]) -> tuple[Result, ...]:
    """Return results in the order of their frames; one of several files comes after the last of them."""
    frames = [frame for acquisition in acquisitions for frame in acquisition.frames]
    keys = [(frame.input, frame.energy_window, frame.detector) for frame in frames]
    rank = {key: number for number, key in reversed(list(enumerate(keys)))}

    def place(result: Result) -> tuple[int, int, str]:
        files = result.source.inputs
        found = [rank.get((file, result.energy_window, result.detector), -1) for file in files]
        return max(found), len(files), result.test

    return tuple(sorted(results, key=place))
