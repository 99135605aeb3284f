"""What readings beside their truths say of a metric: bias, precision, and how true its stated uncertainty is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nmqc.validate.case import Basis
from nmqc.validate.run import Absent, Reading

Group = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Exact:
    """Readings without noise.

    Attributes
    ----------
    count : readings
    largest : magnitude of the largest error, in the unit of the metric; `case` is where
    largest_percent : likewise, in percent of a truth that is not 0; None where all truths are
    mean, mean_percent : of the errors
    """

    count: int
    largest: float
    largest_percent: float | None
    mean: float
    mean_percent: float | None
    case: str


@dataclass(frozen=True, slots=True)
class Noisy:
    """Readings with noise.

    Attributes
    ----------
    count, acquisitions : readings, and acquisitions that they are of
    bias, bias_error : mean of the errors, and its standard error; acquisitions are independent, what is measured in
        one of them is not
    bias_percent, bias_error_percent : likewise of errors in percent of the truth; None where a truth is 0
    sd, sd_percent : standard deviation over seeds, root mean square over all alike
    stated : root mean square of the stated uncertainties; None unless every reading has one
    within_1, within_2 : parts of the readings whose truth lies within one and two stated uncertainties; likewise
    freedom : degrees of freedom of the standard deviation, acquisitions counting once
    """

    count: int
    acquisitions: int
    bias: float
    bias_error: float
    bias_percent: float | None
    bias_error_percent: float | None
    sd: float
    sd_percent: float | None
    stated: float | None
    within_1: float | None
    within_2: float | None
    freedom: int

    @property
    def ratio(self) -> float | None:
        """The stated uncertainty over the standard deviation over seeds."""
        return None if self.stated is None or self.sd == 0 else self.stated / self.sd


@dataclass(frozen=True, slots=True)
class Summary:
    """One metric of one family.

    Attributes
    ----------
    bases : what its truths rest on
    truths : the least and the largest
    absent : what was not measured though it has a truth: number of times and reason, by code
    """

    group: Group
    bases: tuple[Basis, ...]
    truths: tuple[float, float]
    cases: tuple[str, ...]
    exact: Exact | None
    noisy: Noisy | None
    absent: dict[str, tuple[int, str]]

    @property
    def measured_part(self) -> float:
        """The part of what has a truth that was measured."""
        count = (self.exact.count if self.exact else 0) + (self.noisy.count if self.noisy else 0)
        missing = sum(number for number, _ in self.absent.values())
        return count / (count + missing) if count + missing else 0.0


def summarised(readings: Iterable[Reading], absent: Iterable[Absent]) -> dict[Group, Summary]:
    """Return a summary of each group, in the order of the groups' names."""
    grouped: dict[Group, list[Reading]] = {}
    missing: dict[Group, list[Absent]] = {}
    for one in readings:
        grouped.setdefault(one.group, []).append(one)
    for gone in absent:
        missing.setdefault(gone.group, []).append(gone)
    return {
        group: _summary(group, grouped.get(group, []), missing.get(group, []))
        for group in sorted(grouped.keys() | missing.keys())
    }


def _summary(group: Group, readings: Sequence[Reading], absent: Sequence[Absent]) -> Summary:
    still = [one for one in readings if one.seed is None]
    noisy = [one for one in readings if one.seed is not None]
    truths = [one.true for one in readings] or [0.0]
    told: dict[str, tuple[int, str]] = {}
    for one in absent:
        told[one.code] = told.get(one.code, (0, one.reason))[0] + 1, one.reason
    return Summary(
        group=group,
        bases=tuple(sorted({one.basis for one in readings})),
        truths=(min(truths), max(truths)),
        cases=tuple(dict.fromkeys(one.case for one in readings)),
        exact=_exact(still) if still else None,
        noisy=_noisy(noisy) if noisy else None,
        absent=told,
    )


def _exact(readings: Sequence[Reading]) -> Exact:
    worst = max(readings, key=lambda one: abs(one.error))
    percent = [100 * one.error / abs(one.true) for one in readings if one.true != 0]
    return Exact(
        count=len(readings),
        largest=abs(worst.error),
        largest_percent=max(map(abs, percent)) if percent else None,
        mean=_mean([one.error for one in readings]),
        mean_percent=_mean(percent) if percent else None,
        case=worst.case,
    )


def _noisy(readings: Sequence[Reading]) -> Noisy:
    errors = [one.error for one in readings]
    relative = all(one.true != 0 for one in readings)
    percent = [100 * one.error / abs(one.true) for one in readings] if relative else None
    known = [(abs(one.error), one.uncertainty) for one in readings if one.uncertainty is not None]
    stated = known if len(known) == len(readings) else None  # of a part of them it says nothing
    acquisitions = len({(one.case, one.seed) for one in readings})
    return Noisy(
        count=len(readings),
        acquisitions=acquisitions,
        bias=_mean(errors),
        bias_error=_standard_error(readings, errors),
        bias_percent=None if percent is None else _mean(percent),
        bias_error_percent=None if percent is None else _standard_error(readings, percent),
        sd=_spread(readings),
        sd_percent=None if percent is None else 100 * _spread(readings, relative=True),
        stated=None if stated is None else math.sqrt(_mean([sigma**2 for _, sigma in stated])),
        within_1=None if stated is None else _mean([float(error <= sigma) for error, sigma in stated]),
        within_2=None if stated is None else _mean([float(error <= 2 * sigma) for error, sigma in stated]),
        freedom=max(acquisitions - len({one.case for one in readings}), 0),
    )


def _standard_error(readings: Sequence[Reading], values: Sequence[float]) -> float:
    """Return the standard error of the mean, by the scatter between the acquisitions of each case."""
    of_case: dict[str, dict[int, list[float]]] = {}
    for one, value in zip(readings, values, strict=True):
        of_case.setdefault(one.case, {}).setdefault(one.seed or 0, []).append(value)
    square = 0.0
    for seeds in of_case.values():
        sums = np.array([sum(each) for each in seeds.values()])
        if sums.size > 1:
            square += sums.size * float(sums.var(ddof=1))
    return math.sqrt(square) / len(values)


def _spread(readings: Sequence[Reading], *, relative: bool = False) -> float:
    """Return the standard deviation over seeds of what is alike in the same case, root mean square."""
    alike: dict[tuple[object, ...], list[float]] = {}
    for one in readings:
        value = one.measured / abs(one.true) if relative else one.measured
        alike.setdefault((one.case, one.detector, one.of), []).append(value)
    squares, freedom = 0.0, 0
    for each in alike.values():
        squares += float(np.var(each)) * len(each)
        freedom += len(each) - 1
    return math.sqrt(squares / freedom) if freedom else 0.0


def _mean(values: Sequence[float]) -> float:
    return float(sum(values) / len(values))
