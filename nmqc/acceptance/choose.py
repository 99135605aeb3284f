"""Which results of a folder a protocol's tests take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nmqc.acceptance.folder import Candidate
from nmqc.acceptance.protocol import Part, Protocol
from nmqc.errors import NmqcError
from nmqc.limits import facts_of
from nmqc.model import Result
from nmqc.report import wording


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What a test has for one detector (None: for a pair of them, or for a system without detectors).

    Attributes
    ----------
    chosen : the results of the latest acquisition, one for each energy window; () where there is none
    others : those of earlier acquisitions, latest first
    why_not : of results that come near, why they are none of this test
    """

    chosen: tuple[Candidate, ...]
    others: tuple[Candidate, ...]
    why_not: tuple[str, ...]


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


def taken(part: Part, detector: int | None, candidates: Iterable[Candidate]) -> Taken:
    """Return what a test takes of some results of one camera, for one detector.

    The latest acquisition counts. What the history excludes is left out.
    """
    of_test = [one for one in candidates if one.result.test == part.test.name]
    alike = [one for one in of_test if one.result.detector == detector]
    fitting, why_not = [], _unknown_heads(of_test, detector)
    for one in alike:
        reason = _unfit(part, one)
        if reason:
            why_not.append(f"{wording.files(one.result)}: {reason}")
        else:
            fitting.append(one)
    ordered = sorted(_distinct(fitting), key=_age, reverse=True)
    latest = [one for one in ordered if _time(one) == _time(ordered[0])]
    others = tuple(one for one in ordered if one not in latest)
    return Taken(tuple(reversed(latest)), others, tuple(dict.fromkeys(why_not)))


def _kind(result: Result) -> str:
    return result.source.system.name.casefold()


def _nothing(protocol: Protocol, unit: str | None, units: Sequence[str], found: Sequence[Candidate]) -> str:
    if units:
        return f"the folder holds nothing of {unit}; of kind {protocol.system} it holds {', '.join(units)}"
    kinds = sorted({one.result.source.system.name for one in found})
    there = f"it holds results of {', '.join(kinds)}" if kinds else "nothing in it could be measured"
    return f"the folder holds no acquisition of a {protocol.system} that could be measured: {there}"


def _unknown_heads(of_test: Sequence[Candidate], detector: int | None) -> list[str]:
    if detector is None or not any(_is_headless(one.result) for one in of_test):
        return []
    return [
        "some files do not say which detector they are of: tell it by [[system.head]] of the configuration"
    ]


def _is_headless(result: Result) -> bool:
    return any(remark.code == "head_unknown" for remark in result.remarks)


def _unfit(part: Part, one: Candidate) -> str:
    """Return why a result is not of a test; "" where it is."""
    result = one.result
    if one.excluded is not None:
        return f"excluded in the history ({one.excluded})"
    if not part.conditions.apply_to(facts_of(result)):
        asked = ", ".join(f"{name} {value}" for name, value in part.conditions.items())
        return f"not with {asked}"
    if part.description and not re.search(part.description, one.description, re.IGNORECASE):
        return "its series description is another"
    for name, value in part.parameters.items():
        if result.parameters.get(name) != value:
            return f"{name} is not {value}"
    return next((reason for reason in (_unmet(part, result)) if reason), "")


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
