"""Which results of a folder a protocol's tests take."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from nmqc.acceptance.folder import Candidate
from nmqc.acceptance.protocol import Part, Protocol
from nmqc.errors import NmqcError
from nmqc.limits import facts_of
from nmqc.model import Result
from nmqc.report import wording


@dataclass(frozen=True, slots=True, eq=False)
class Left:
    """A result that a test does not take.

    Attributes
    ----------
    reason : why, with the names of its files
    of_kind : it was acquired as the test asks for it, and is left out for what became of it
    """

    candidate: Candidate
    reason: str
    of_kind: bool


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What a test has for one detector (None: for a pair of them, or for a system without detectors).

    Attributes
    ----------
    chosen : the results of the latest acquisition, one for each energy window; () where there is none
    others : those of earlier acquisitions, latest first
    left : results that come near, and are none of this test
    headless : why results of an unknown detector are none of it; "" where there are none
    """

    chosen: tuple[Candidate, ...]
    others: tuple[Candidate, ...]
    left: tuple[Left, ...]
    headless: str

    @property
    def why_not(self) -> tuple[str, ...]:
        """Of results that come near, why they are none of this test."""
        return self._reasons(self.left)

    def passed_over(self, used: Container[int]) -> tuple[str, ...]:
        """Return why results do not count that a reader may take for results of this test.

        Those of another kind of acquisition that fit a test of the protocol are none of them.

        Parameters
        ----------
        used : `id` of the results that fit a test of the protocol
        """
        return self._reasons(one for one in self.left if one.of_kind or id(one.candidate) not in used)

    def _reasons(self, left: Iterable[Left]) -> tuple[str, ...]:
        headless = (self.headless,) if self.headless else ()
        return tuple(dict.fromkeys((*headless, *(one.reason for one in left))))


def of_camera(
    protocol: Protocol, unit: str | None, candidates: Sequence[Candidate]
) -> tuple[str, list[Candidate]]:
    """Return the one camera that an acceptance is of, and its results.

    Parameters
    ----------
    unit : the camera that was asked for; None: the only one of the protocol's kind in the folder

    Raises
    ------
    NmqcError
        ``no_such_camera``, ``several_cameras``.
    """
    alike = [one for one in candidates if _kind(one.result) == protocol.system.casefold()]
    units = sorted({one.result.source.system.unit for one in alike})
    wanted = [one for one in units if unit is None or one.casefold() == unit.casefold()]
    if not wanted:
        raise NmqcError("no_such_camera", _nothing(protocol, unit, units, candidates))
    if len(wanted) > 1:
        listed = ", ".join(wanted)
        reason = f"the folder holds acquisitions of {len(wanted)} cameras ({listed}): say which with --unit"
        raise NmqcError("several_cameras", reason)
    return wanted[0], [one for one in alike if one.result.source.system.unit == wanted[0]]


def fits(part: Part, one: Candidate) -> bool:
    """Say whether a result is of a test, whether or not a later one counts instead of it."""
    return one.result.test == part.test.name and _left(part, one) is None


def taken(part: Part, detector: int | None, candidates: Iterable[Candidate]) -> Taken:
    """Return what a test takes of some results of one camera, for one detector.

    The latest acquisition counts. What the history excludes is left out.
    """
    of_test = [one for one in candidates if one.result.test == part.test.name]
    alike = [one for one in of_test if one.result.detector == detector]
    left = [found for found in (_left(part, one) for one in alike) if found is not None]
    unfit = {id(found.candidate) for found in left}
    ordered = sorted(_distinct(one for one in alike if id(one) not in unfit), key=_age, reverse=True)
    latest = [one for one in ordered if _time(one) == _time(ordered[0])]
    others = tuple(one for one in ordered if one not in latest)
    return Taken(tuple(reversed(latest)), others, tuple(left), _unknown_heads(of_test, detector))


def _kind(result: Result) -> str:
    return result.source.system.name.casefold()


def _nothing(protocol: Protocol, unit: str | None, units: Sequence[str], found: Sequence[Candidate]) -> str:
    if units:
        return f"the folder holds nothing of {unit}; of kind {protocol.system} it holds {', '.join(units)}"
    kinds = sorted({one.result.source.system.name for one in found})
    there = f"it holds results of {', '.join(kinds)}" if kinds else "nothing in it could be measured"
    return f"the folder holds no acquisition of a {protocol.system} that could be measured: {there}"


def _unknown_heads(of_test: Sequence[Candidate], detector: int | None) -> str:
    if detector is None or not any(_is_headless(one.result) for one in of_test):
        return ""
    return "some files do not say which detector they are of: tell it by [[system.head]] of the configuration"


def _is_headless(result: Result) -> bool:
    return any(remark.code == "head_unknown" for remark in result.remarks)


def _left(part: Part, one: Candidate) -> Left | None:
    """Return that a result is not of a test, and why; None where it is."""
    other = _other_kind(part, one)
    reason = other or _unusable(part, one)
    return Left(one, f"{wording.files(one.result)}: {reason}", of_kind=not other) if reason else None


def _other_kind(part: Part, one: Candidate) -> str:
    """Return what of a result's acquisition is not as a test asks for it; "" where all is."""
    result = one.result
    if not part.conditions.apply_to(facts_of(result)):
        asked = ", ".join(f"{name} {value}" for name, value in part.conditions.items())
        return f"not with {asked}"
    if part.description and not re.search(part.description, one.description, re.IGNORECASE):
        return "its series description is another"
    for name, value in part.parameters.items():
        if result.parameters.get(name) != value:
            return f"{name} is not {value}"
    return ""


def _unusable(part: Part, one: Candidate) -> str:
    """Return why a result of the kind that a test asks for does not count; "" where it does."""
    if one.excluded is not None:
        return f"excluded in the history ({one.excluded})"
    return next(iter(_unmet(part, one.result)), "")


def _unmet(part: Part, result: Result) -> list[str]:
    reasons = []
    for need in part.needs:
        found = next((m for m in result.measurements if m.metric == need.metric and m.of == ""), None)
        label = need.metric.label or need.metric.name
        if found is None:
            reasons.append(f"{label} could not be measured")
        elif not need.ends.holds(found.value):
            end = (
                need.ends.low if need.ends.low is not None and found.value < need.ends.low else need.ends.high
            )
            value = wording.with_unit(f"{found.value:.6g}", need.metric.unit)
            reasons.append(
                f"{label} is {value}, where {end:g} is {'needed' if end == need.ends.low else 'the most'}"
            )
    return reasons


def _distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return results of different pixels: a file that lies in the folder twice is one."""
    seen: dict[object, Candidate] = {}
    for one in candidates:
        window = one.result.energy_window
        pixels = tuple(sorted(source.pixels or source.sha256 for source in one.result.source.inputs))
        seen.setdefault((pixels, window), one)
    return list(seen.values())


def _time(one: Candidate) -> str:
    return one.result.source.acquired or ""


def _age(one: Candidate) -> tuple[str, str]:
    return _time(one), wording.window(one.result.energy_window)
