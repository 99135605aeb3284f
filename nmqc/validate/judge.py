"""Holding what was measured against the requirements."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nmqc.catalogue import TESTS
from nmqc.model import Metric
from nmqc.validate.requirements import OF_TRUTH, Requirement
from nmqc.validate.run import Absent, Reading, Trial
from nmqc.validate.statistics import Group, Noisy, Summary, summarised

Said = Literal["met", "not met", "untested"]
SAIDS: tuple[Said, ...] = ("met", "untested", "not met")
#: what can be held against readings alone that all have an uncertainty
OF_UNCERTAINTY = ("stated", "within_1", "within_2")
#: how many standard errors a mean, a ratio or a part may be off by chance
ERRORS_ALLOWED = 3.0
#: a bias of a metric, as a factor, that its requirements have to notice
PLANTED = (0.99, 1.01)


@dataclass(frozen=True, slots=True)
class Finding:
    """A requirement, held against one group.

    Attributes
    ----------
    value : in the unit of the requirement; None where there was nothing to take it from
    allowed : by how much the value may lie beyond an end, by chance alone
    """

    requirement: Requirement
    group: Group
    value: float | None
    allowed: float
    said: Said


@dataclass(frozen=True, slots=True)
class OfMetric:
    """One metric of one test: its groups, what was found, and what it lacks.

    Attributes
    ----------
    lacks : "" where it has requirements that would notice a bias of 1 %; else what is missing
    """

    test: str
    metric: Metric
    summaries: tuple[Summary, ...]
    findings: tuple[Finding, ...]
    lacks: str
    said: Said


def judged(
    requirements: Sequence[Requirement], readings: Sequence[Reading], absent: Sequence[Absent]
) -> tuple[OfMetric, ...]:
    """Return every metric of the catalogue with what is asked of it, and whether it holds."""
    summaries = summarised(readings, absent)
    pairs: dict[Group, list[tuple[float, float]]] = {}
    for one in readings:
        if one.seed is None:
            pairs.setdefault(one.group, []).append((one.true, one.measured))
    found = []
    for test in TESTS:
        for metric in test.metrics:
            own = tuple(
                summary for group, summary in summaries.items() if group[:2] == (test.name, metric.name)
            )
            found.append(_of_metric(test.name, metric, own, requirements, pairs))
    return tuple(found)


def worst(said: Iterable[Said]) -> Said:
    """Return the worst of several."""
    return max(said, key=SAIDS.index, default="met")


def unmet_trials(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Return what was refused though it must be measured, and what was measured though it must be refused."""
    return tuple(trial for trial in trials if not trial.as_due)


def _of_metric(
    test: str,
    metric: Metric,
    summaries: tuple[Summary, ...],
    requirements: Sequence[Requirement],
    pairs: Mapping[Group, Sequence[tuple[float, float]]],
) -> OfMetric:
    asked = [one for one in requirements if not one.metrics or metric.name in one.metrics]
    findings = [finding for one in asked for finding in _findings(one, test, metric, summaries)]
    off = any(one.requirement.what == "exact" and one.said == "not met" for one in findings)
    lacks = "" if off else _lacks(metric, asked, summaries, pairs)  # what is off was noticed
    said = worst([*(one.said for one in findings), "not met" if lacks else "met"])
    return OfMetric(test, metric, summaries, tuple(findings), lacks, said)


def _lacks(
    metric: Metric,
    asked: Sequence[Requirement],
    summaries: Sequence[Summary],
    pairs: Mapping[Group, Sequence[tuple[float, float]]],
) -> str:
    """Say what keeps a bias of 1 % from being noticed: no requirement, no reading, or one too wide."""
    exact = [one for one in asked if one.what == "exact"]
    if not exact:
        return f"nothing is asked of {metric.name}: give it a requirement"
    known = [
        (one, pairs[s.group]) for one in exact for s in summaries if one.is_of(s.group) and s.group in pairs
    ]
    for factor in PLANTED:
        if not any(_notices(one, readings, factor) for one, readings in known):
            planted = f"a bias of {100 * (factor - 1):+.0f} %"
            return f"{planted} would not be noticed: no exact reading of {metric.name} is tight enough"
    return ""


def _notices(requirement: Requirement, readings: Sequence[tuple[float, float]], factor: float) -> bool:
    assert requirement.high is not None
    relative = requirement.unit == OF_TRUTH
    for true, measured in readings:
        error = abs(factor * measured - true)
        if relative and true == 0:
            continue
        if (100 * error / abs(true) if relative else error) > requirement.high:
            return True
    return False


def _findings(
    requirement: Requirement, test: str, metric: Metric, summaries: Sequence[Summary]
) -> Iterator[Finding]:
    """Yield what became of a requirement for each group that it is asked of.

    Untested is one without readings that tell, a family that is named and has no readings, and what is asked of
    uncertainties where a reading has none.
    """
    mine = [summary for summary in summaries if requirement.is_of(summary.group)]
    known = {summary.group[2] for summary in mine}
    untested = [of for of in requirement.ofs if of not in known]
    held = [found for found in (_held(requirement, summary) for summary in mine) if found is not None]
    if requirement.what in OF_UNCERTAINTY:
        told = {found.group for found in held}
        untested += [one.group[2] for one in mine if one.noisy is not None and one.group not in told]
    if not held and not untested and requirement.metrics:
        untested = [mine[0].group[2] if mine else ""]
    yield from held
    for family in untested:
        yield Finding(requirement, (test, metric.name, family), None, 0.0, "untested")


def _held(requirement: Requirement, summary: Summary) -> Finding | None:
    value, allowed = _value(requirement, summary)
    if value is None:
        return None
    low = -math.inf if requirement.low is None else requirement.low
    high = math.inf if requirement.high is None else requirement.high
    met = low - allowed <= value <= high + allowed
    return Finding(requirement, summary.group, value, allowed, "met" if met else "not met")


def _value(requirement: Requirement, summary: Summary) -> tuple[float | None, float]:
    """Return the value that is asked for, and what chance is allowed."""
    relative = requirement.unit == OF_TRUTH
    if requirement.what == "measured":
        return summary.measured_part, 0.0
    if requirement.what == "exact":
        exact = summary.exact
        if exact is None:
            return None, 0.0
        return (exact.largest_percent if relative else exact.largest), 0.0
    return (None, 0.0) if summary.noisy is None else _with_noise(requirement, summary.noisy, relative)


def _with_noise(requirement: Requirement, noisy: Noisy, relative: bool) -> tuple[float | None, float]:
    if requirement.what == "bias":
        bias, error = noisy.bias, noisy.bias_error
        if relative:
            if noisy.bias_percent is None or noisy.bias_error_percent is None:
                return None, 0.0
            bias, error = noisy.bias_percent, noisy.bias_error_percent
        return abs(bias), ERRORS_ALLOWED * error
    of_spread = ERRORS_ALLOWED / math.sqrt(2 * max(noisy.freedom, 1))
    if requirement.what == "sd":
        value = noisy.sd_percent if relative else noisy.sd
        return value, 0.0 if value is None else value * of_spread / (1 + of_spread)
    if requirement.what == "stated":
        ratio = noisy.ratio
        return ratio, 0.0 if ratio is None else ratio * of_spread
    part = noisy.within_1 if requirement.what == "within_1" else noisy.within_2
    bound = requirement.low or 0.0
    return part, ERRORS_ALLOWED * math.sqrt(bound * (1 - bound) / max(noisy.acquisitions, 1))
