"""What a validation came to: its verdict, its exit status, and the object that it prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nmqc import __version__, catalogue
from nmqc.report.document import library_version, versions
from nmqc.validate.agreement import Compared
from nmqc.validate.case import Case, Level
from nmqc.validate.judge import OF_UNCERTAINTY, Finding, OfMetric, Said, unmet_trials, worst
from nmqc.validate.run import Trial
from nmqc.validate.statistics import Summary

SCHEMA = "nmqc.validate/1"
WORDS: dict[Said, str] = {"met": "met", "not met": "NOT MET", "untested": "not tested"}
STATUS: dict[Said, int] = {"met": 0, "untested": 3, "not met": 4}
ABOUT = ("system", "pixels", "noise", "position", "rotation")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that a validation found.

    Attributes
    ----------
    metrics : of the whole catalogue
    cases : the grid
    trials : what became of each acquisition
    compared : real files beside other programs' numbers
    problems : pieces of work that could not be done, in words
    """

    level: Level
    metrics: tuple[OfMetric, ...]
    cases: tuple[Case, ...]
    trials: tuple[Trial, ...]
    compared: tuple[Compared, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def said(self) -> Said:
        """The worst of all."""
        parts: list[Said] = [one.said for one in self.metrics]
        parts += ["not met" for _ in unmet_trials(self.trials)]
        parts += [one.said for one in self.compared]
        parts += ["untested" for _ in self.problems]
        return worst(parts)

    @property
    def status(self) -> int:
        """The exit status: 4 where a requirement is not met, 3 where one could not be tested, else 0."""
        return STATUS[self.said]

    def unmet(self) -> Iterator[str]:
        """Yield what is not met or was not tested, each in a line."""
        for one in self.metrics:
            if one.lacks:
                yield f"{one.test}: {one.lacks}"
            for finding in one.findings:
                if finding.said != "met":
                    yield f"{one.test}: {sentence(finding)}"
        for trial in dict.fromkeys(
            (t.test, t.case, t.code, t.expected, t.reason) for t in unmet_trials(self.trials)
        ):
            yield _of_trial(*trial)
        for compared in self.compared:
            if compared.said != "met":
                yield compared.sentence()
        yield from self.problems


def sentence(finding: Finding) -> str:
    """Say what a requirement asks, and what was found."""
    _, metric, of = finding.group
    what = f"{metric} ({of})" if of else metric
    asked = f"{finding.requirement.what} {finding.requirement.bound}"
    if finding.value is None:
        lost = ", or one without an uncertainty" if finding.requirement.what in OF_UNCERTAINTY else ""
        return f"{what}: {asked}: not tested, there is no reading{lost}"
    chance = f" (by chance {finding.allowed:.3g} more are allowed)" if finding.allowed else ""
    return f"{what}: {asked}: found {finding.value:.4g}{chance}: {finding.said}"


def document(outcome: Outcome, analysed: str | None) -> Json:
    """Return the object of ``docs/schema/nmqc.validate-1.json``.

    Parameters
    ----------
    analysed : ISO 8601 in UTC; None in what has to be the same for the same findings
    """
    used = {**versions(), "scipy": library_version("scipy")}
    return {
        "schema": SCHEMA,
        "nmqc": __version__,
        "versions": used,
        "analysed": analysed,
        "grid": outcome.level,
        "verdict": outcome.said.replace(" ", "_"),
        "cases": len(outcome.cases),
        "acquisitions": len(outcome.trials),
        "tests": [_test(test.name, outcome) for test in catalogue.TESTS],
        "agreement": [asdict(one) | {"said": one.said.replace(" ", "_")} for one in outcome.compared],
        "not_met": list(outcome.unmet()),
        "problems": list(outcome.problems),
        "refused": [],
    }


def refused(code: str, reason: str, analysed: str) -> Json:
    """Return the object of a validation that could not begin."""
    empty = document(Outcome("quick", (), (), ()), analysed)
    for test in empty["tests"]:
        test["verdict"] = "untested"
    return {**empty, "verdict": "untested", "refused": [{"code": code, "reason": reason}]}


def _test(name: str, outcome: Outcome) -> Json:
    metrics = [one for one in outcome.metrics if one.test == name]
    trials = [one for one in outcome.trials if one.test == name]
    cases = [one for one in outcome.cases if one.test == name]
    parts: list[Said] = [one.said for one in metrics]
    said = worst([*parts, "not met"] if unmet_trials(trials) else parts)
    return {
        "test": name,
        "title": catalogue.find(name).title,
        "verdict": said.replace(" ", "_"),
        "metrics": [row for one in metrics for row in _metric(one)],
        "range": {key: _several(case.about.get(key, "") for case in cases) for key in ABOUT},
        "cases": len(cases),
        "acquisitions": len(trials),
        "refused_as_due": [
            {"case": case, "code": code, "reason": reason}
            for case, code, reason in dict.fromkeys(
                (t.case, t.code, t.reason) for t in trials if t.code and t.as_due
            )
        ],
        "not_as_due": [
            {
                "case": t.case,
                "expected": t.expected or None,
                "code": t.code or None,
                "reason": t.reason or None,
            }
            for t in unmet_trials(trials)
        ],
    }


def _several(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]


def _metric(one: OfMetric) -> Iterator[Json]:
    """Yield a row for each group of a metric; one without numbers where there is no group."""
    for summary in one.summaries:
        mine = [finding for finding in one.findings if finding.group == summary.group]
        yield _row(one, summary.group[2], summary, mine)
    known = {summary.group for summary in one.summaries}
    lost = [finding for finding in one.findings if finding.group not in known]
    if lost or not one.summaries:
        yield _row(one, lost[0].group[2] if lost else "", None, lost)


def _row(one: OfMetric, of: str, summary: Summary | None, findings: Sequence[Finding]) -> Json:
    said = worst([*(finding.said for finding in findings), "not met" if one.lacks else "met"])
    return {
        "name": one.metric.name,
        "label": one.metric.label or None,
        "of": of,
        "unit": one.metric.unit,
        "basis": list(summary.bases) if summary else [],
        "truths": list(summary.truths) if summary else None,
        "cases": len(summary.cases) if summary else 0,
        "exact": asdict(summary.exact) if summary and summary.exact else None,
        "noisy": _noisy(summary),
        "measured_part": summary.measured_part if summary else None,
        "not_measured": [
            {"code": code, "count": count, "reason": reason}
            for code, (count, reason) in (summary.absent if summary else {}).items()
        ],
        "requirements": [_finding(finding) for finding in findings],
        "lacks": one.lacks or None,
        "verdict": said.replace(" ", "_"),
    }


def _noisy(summary: Summary | None) -> Json | None:
    if summary is None or summary.noisy is None:
        return None
    return {**asdict(summary.noisy), "ratio": summary.noisy.ratio}


def _finding(finding: Finding) -> Json:
    asked = finding.requirement
    return {
        "what": asked.what,
        "low": asked.low,
        "high": asked.high,
        "unit": asked.unit,
        "why": asked.why,
        "value": finding.value,
        "allowed": finding.allowed,
        "said": finding.said.replace(" ", "_"),
    }


def _of_trial(test: str, case: str, code: str, expected: str, reason: str) -> str:
    if not code:
        return f"{test}: {case}: was measured, and must be refused ({expected})"
    due = f"must be refused for {expected}" if expected else "must be measured"
    return f"{test}: {case}: {due}, and was refused: {reason} [{code}]"
