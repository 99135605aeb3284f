"""What an acceptance says: of each requirement, of each test, and in all."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from nmqc import __version__
from nmqc.acceptance.choose import Taken, fits, taken
from nmqc.acceptance.folder import Aside, Candidate
from nmqc.acceptance.judge import Judgement, judge
from nmqc.acceptance.protocol import Part, Protocol, Requirement
from nmqc.model import Ends, Limits, Measurement, Result, Verdict
from nmqc.report.document import result_json, versions, window_json

SCHEMA = "nmqc.acceptance/1"
Said = Literal["pass", "fail", "undecided", "missing", "recorded"]
#: from the best to the worst; what is recorded was asked for without a limit
ORDER: tuple[Said, ...] = ("recorded", "pass", "undecided", "missing", "fail")
#: k = 2: a normal quantity lies within it with a probability of 95.4 %
COVERAGE = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What there is of one requirement for one detector and energy window.

    Attributes
    ----------
    measurement, candidate : None where it is missing
    judgement : None where it is missing, or where nothing is specified
    reason : why it is missing or undecided; "" otherwise
    others : what earlier acquisitions of the folder gave for it, latest first
    passed_over : why results of the folder that may be taken for the test's do not count; () where it is missing
    """

    part: Part
    requirement: Requirement
    detector: int | None
    said: Said
    measurement: Measurement | None = None
    candidate: Candidate | None = None
    judgement: Judgement | None = None
    reason: str = ""
    others: tuple[Measurement, ...] = ()
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """An acceptance.

    Attributes
    ----------
    unit : the camera
    findings : in the order of the protocol, then of the detectors
    refused : what in the folder should have given a result and did not
    unknown : how many files show nothing that nmqc knows
    """

    protocol: Protocol
    unit: str
    findings: tuple[Finding, ...]
    refused: tuple[Aside, ...] = ()
    unknown: int = 0
    problems: tuple[str, ...] = ()

    def count(self, said: Said) -> int:
        """Return of how many findings this is said."""
        return sum(one.said == said for one in self.findings)

    @property
    def said(self) -> Said:
        """The worst that is said of any requirement."""
        return max((one.said for one in self.findings), key=ORDER.index, default="missing")

    @property
    def status(self) -> int:
        """The exit status: 4 failed, 3 missing or undecided, else 0."""
        return {"fail": 4, "missing": 3, "undecided": 3}.get(self.said, 0)

    @property
    def unverified(self) -> int:
        """How many judged findings rest on a specification that nobody has verified."""
        judged = [one.requirement.specification for one in self.findings if one.said != "recorded"]
        return sum(one is not None and not one.verified for one in judged)

    def chosen(self) -> list[Candidate]:
        """Return the results that findings rest on, each once, in their order."""
        found = [one.candidate for one in self.findings if one.candidate is not None]
        return list({id(one): one for one in found}.values())

    def of_result(self, candidate: Candidate) -> list[Finding]:
        """Return the findings that rest on a result."""
        return [one for one in self.findings if one.candidate is candidate]

    def sentence(self) -> str:
        """Return the counts in one line."""
        words = {
            "pass": "passed",
            "fail": "failed",
            "undecided": "undecided",
            "missing": "missing",
            "recorded": "recorded without a limit",
        }
        order: tuple[Said, ...] = ("fail", "missing", "undecided", "pass", "recorded")
        parts = [f"{self.count(said)} {words[said]}" for said in order if self.count(said)]
        return f"{len(self.findings)} requirements: {', '.join(parts)}"


def assess(protocol: Protocol, candidates: Sequence[Candidate]) -> tuple[Finding, ...]:
    """Hold the results of one camera against a protocol."""
    used = {id(one) for part in protocol.parts for one in candidates if fits(part, one)}
    return tuple(one for part in protocol.parts for one in _of_part(part, protocol, candidates, used))


def as_judged(result: Result, findings: Sequence[Finding]) -> Result:
    """Return a result whose measurements carry the protocol's limits and verdicts, and no others.

    What is undecided is "unjudged". A measurement that several tests use carries the worst of its verdicts.
    """
    worst_last = sorted(findings, key=lambda one: ORDER.index(one.said))
    by_key = {(one.requirement.metric.name, one.requirement.of): one for one in worst_last}
    measurements = tuple(
        judged_measurement(m, by_key.get((m.metric.name, m.of))) for m in result.measurements
    )
    remarks = tuple(remark for remark in result.remarks if remark.code != "limit_below_noise")
    return replace(result, measurements=measurements, remarks=remarks)


def judged_measurement(measurement: Measurement, finding: Finding | None) -> Measurement:
    """Return a measurement with the limits and the verdict of its finding; without any where there is none."""
    wanted = None if finding is None else finding.requirement.specification
    if finding is None or wanted is None:
        return replace(measurement, limits=None, verdict="unjudged")
    limits = Limits(Ends(), wanted.ends, wanted.of, wanted.unit, wanted.source, wanted.verified)
    verdicts: dict[Said, Verdict] = {"pass": "pass", "fail": "fail"}
    return replace(measurement, limits=limits, verdict=verdicts.get(finding.said, "unjudged"))


# --- findings -------------------------------------------------------------------------------------------


def _of_part(
    part: Part, protocol: Protocol, candidates: Sequence[Candidate], used: Container[int]
) -> Iterator[Finding]:
    heads: tuple[int | None, ...] = protocol.heads or (None,)
    by_head = {head: taken(part, head, candidates) for head in (*heads, None)}
    for requirement in part.requirements:
        for head in (None,) if requirement.of_a_pair else heads:
            bare = Finding(part, requirement, head, "missing")
            yield from _of_head(bare, by_head[head], used, protocol.confidence)


def _of_head(bare: Finding, found: Taken, used: Container[int], confidence: float) -> Iterator[Finding]:
    requirement = bare.requirement
    chosen = [one for one in found.chosen if not requirement.of_a_pair or _is_of(one.result, requirement)]
    if not chosen:
        yield replace(bare, reason=_why_missing(found))
    others = tuple(m for one in found.others for m in one.result.measurements if _is_meant(m, requirement))
    present = replace(bare, others=others, passed_over=found.passed_over(used))
    for candidate in chosen:
        yield _measured(replace(present, candidate=candidate), requirement, candidate.result, confidence)


def _measured(finding: Finding, requirement: Requirement, result: Result, confidence: float) -> Finding:
    measurement = next((m for m in result.measurements if _is_meant(m, requirement)), None)
    if measurement is None:
        return replace(finding, reason=_why_not_measured(result, requirement))
    finding = replace(finding, measurement=measurement)
    if requirement.specification is None:
        return replace(finding, said="recorded")
    judgement = judge(measurement, requirement.specification, requirement.further_uncertainty, confidence)
    return replace(finding, said=judgement.decision, judgement=judgement, reason=judgement.reason)


def _is_meant(measurement: Measurement, requirement: Requirement) -> bool:
    return (measurement.metric.name, measurement.of) == (requirement.metric.name, requirement.of)


def _is_of(result: Result, requirement: Requirement) -> bool:
    """Say whether a result is of the pair of detectors that a requirement is of."""
    known = [*(m.of for m in result.measurements), *(absent.of for absent in result.not_measured)]
    return requirement.of in known


def _why_missing(found: Taken) -> str:
    nothing = "no such acquisition in the folder"
    return f"{nothing} ({'; '.join(found.why_not)})" if found.why_not else nothing


def _why_not_measured(result: Result, requirement: Requirement) -> str:
    for absent in result.not_measured:
        if (absent.name, absent.of) == (requirement.metric.name, requirement.of):
            return f"not measured: {absent.reason}"
    of = f' of "{requirement.of}"' if requirement.of else ""
    return f"the acquisition gives no {requirement.metric.name}{of}"


# --- JSON -----------------------------------------------------------------------------------------------


def document(outcome: Outcome, analysed: str | None) -> dict[str, Any]:
    """Return the JSON object; `analysed` ISO 8601 in UTC, None in what a PDF carries."""
    chosen = outcome.chosen()
    places = {id(one): place for place, one in enumerate(chosen)}
    protocol = outcome.protocol
    return {
        "schema": SCHEMA,
        "nmqc": __version__,
        "versions": versions(),
        "analysed": analysed,
        "protocol": {
            "title": protocol.title,
            "system": protocol.system,
            "file": protocol.file,
            "sha256": protocol.sha256,
            "confidence": protocol.confidence,
            "elsewhere": list(protocol.elsewhere),
        },
        "unit": outcome.unit,
        "verdict": outcome.said,
        "counts": {said: outcome.count(said) for said in ORDER},
        "unverified": outcome.unverified,
        "requirements": [_finding_json(one, places) for one in outcome.findings],
        "results": [result_json(one.result, one.number) for one in chosen],
        "refused": [{"files": list(one.files), "reason": one.reason} for one in outcome.refused],
        "unknown": outcome.unknown,
        "problems": list(outcome.problems),
    }


def refused(reason: str, analysed: str) -> dict[str, Any]:
    """Return the JSON object where nothing could be held against the protocol, or there is none that can be used."""
    return {
        "schema": SCHEMA,
        "nmqc": __version__,
        "versions": versions(),
        "analysed": analysed,
        "protocol": None,
        "unit": None,
        "verdict": "missing",
        "counts": dict.fromkeys(ORDER, 0),
        "unverified": 0,
        "requirements": [],
        "results": [],
        "refused": [],
        "unknown": 0,
        "problems": [reason],
    }


def _finding_json(one: Finding, places: dict[int, int]) -> dict[str, Any]:
    requirement, measured, judged = one.requirement, one.measurement, one.judgement
    wanted = requirement.specification
    uncertainty = judged.uncertainty if judged else measured.uncertainty if measured else None
    return {
        "test": one.part.name,
        "title": one.part.title,
        "measured_by": one.part.test.name,
        "clause": one.part.clause,
        "name": requirement.metric.name,
        "label": requirement.metric.label or None,
        "of": requirement.of,
        "unit": requirement.metric.unit,
        "detector": one.detector,
        "energy_window": None if one.candidate is None else window_json(one.candidate.result.energy_window),
        "specification": None
        if wanted is None
        else {
            "low": wanted.ends.low,
            "high": wanted.ends.high,
            "of": wanted.of,
            "source": wanted.source,
            "verified": wanted.verified,
        },
        "value": None if measured is None else float(measured.value),
        "uncertainty": uncertainty,
        "further_uncertainty": requirement.further_uncertainty,
        "expanded_uncertainty": None if uncertainty is None else COVERAGE * uncertainty,
        "margin_percent": judged.margin_percent if judged else None,
        "probability": judged.probability if judged else None,
        "verdict": one.said,
        "reason": one.reason or None,
        "result": None if one.candidate is None else places[id(one.candidate)],
        "earlier": [float(other.value) for other in one.others],
        "passed_over": list(one.passed_over),
    }
