"""Measuring the cases: a piece of work in, readings out, so that processes can share the grid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from nmqc import catalogue
from nmqc.errors import NmqcError
from nmqc.model import Measurement, Refusal
from nmqc.validate.case import Basis, Case, Seen, Taken, Truth
from nmqc.validate.grid import Piece, family_of


@dataclass(frozen=True, slots=True)
class Reading:
    """A measurement beside its truth.

    Attributes
    ----------
    family : which requirements name: the measurement's `of`, or what it is one of several of
    seed : of the noise; None: without noise
    detector : None where the result has none
    uncertainty : as stated, one standard deviation; None where none is
    """

    test: str
    metric: str
    family: str
    of: str
    case: str
    seed: int | None
    detector: int | None
    true: float
    measured: float
    uncertainty: float | None
    basis: Basis

    @property
    def error(self) -> float:
        """Measured less true."""
        return self.measured - self.true

    @property
    def group(self) -> tuple[str, str, str]:
        """What it is judged together with."""
        return self.test, self.metric, self.family


@dataclass(frozen=True, slots=True)
class Absent:
    """A metric that has a truth in a case, and was not measured there."""

    test: str
    metric: str
    family: str
    case: str
    seed: int | None
    code: str
    reason: str

    @property
    def group(self) -> tuple[str, str, str]:
        """What it is judged together with."""
        return self.test, self.metric, self.family


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one acquisition of a case as a whole.

    Attributes
    ----------
    expected : the code with which it must be refused, "" where it must be measured
    code, reason : of its refusal; "" where it was measured
    """

    test: str
    case: str
    seed: int | None
    expected: str
    code: str = ""
    reason: str = ""

    @property
    def as_due(self) -> bool:
        """True where it was measured, or refused, as it must be."""
        return self.code == self.expected


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a piece of work."""

    readings: tuple[Reading, ...] = ()
    absent: tuple[Absent, ...] = ()
    trials: tuple[Trial, ...] = ()


@dataclass(slots=True)
class Collected:
    """Everything measured so far."""

    readings: list[Reading] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)

    def add(self, done: Done) -> None:
        """Add what came of a piece."""
        self.readings += done.readings
        self.absent += done.absent
        self.trials += done.trials

    def in_order(self) -> Collected:
        """Return the same in an order that does not hang on which process was the first."""
        return Collected(
            sorted(self.readings, key=_place),
            sorted(self.absent, key=lambda one: (one.group, one.case, one.seed or 0)),
            sorted(self.trials, key=lambda one: (one.test, one.case, one.seed or 0)),
        )


def work(piece: Piece) -> Done:
    """Measure a case once for each of its seeds."""
    collected = Collected()
    for seed in piece.seeds:
        collected.add(_once(piece.case, seed))
    return Done(tuple(collected.readings), tuple(collected.absent), tuple(collected.trials))


def biased(readings: Sequence[Reading], metric: str, factor: float) -> list[Reading]:
    """Return readings of which one metric's values are multiplied, as a mistake in its code would."""
    return [replace(one, measured=factor * one.measured) if one.metric == metric else one for one in readings]


def _place(one: Reading) -> tuple[object, ...]:
    return (*one.group, one.case, one.seed or 0, one.detector or 0, one.of)


def _once(case: Case, seed: int | None) -> Done:
    """Acquire a case, run its test, and lay what was measured beside what is true."""
    family, test = family_of(case.test), catalogue.find(case.test)
    trial = Trial(case.test, case.name, seed, case.refused)
    try:
        taken = Taken(case, seed, family.acquire(case, seed))
        analysis = test.analyse(taken.made, family.options(taken))
    except NmqcError as reason:
        return Done(trials=(replace(trial, code=reason.code, reason=reason.reason),))
    refused: Sequence[Refusal] = analysis.refused
    if refused:
        return Done(trials=(replace(trial, code=refused[0].code, reason=refused[0].reason),))
    lost = family.due(taken) - {result.detector for result in analysis.results}
    if lost:
        return Done(trials=(replace(trial, code="not_told", reason=_without_result(lost)),))
    readings: list[Reading] = []
    absent: list[Absent] = []
    for result in analysis.results:
        for found in _compared(Seen(case, seed, taken.made, result)):
            if isinstance(found, Reading):
                readings.append(found)
            else:
                absent.append(found)
    return Done(tuple(readings), tuple(absent), (trial,))


def _without_result(lost: Iterable[int | None]) -> str:
    """Say of which detectors there is neither a result nor a refusal."""
    names = sorted("all detectors together" if one is None else f"detector {one}" for one in lost)
    return f"no result of {' and '.join(names)}, and no refusal"


def _compared(seen: Seen) -> Iterator[Reading | Absent]:
    result, case = seen.result, seen.case
    measured = {(m.metric.name, m.of): m for m in result.measurements}
    missing = {(one.name, one.of): one for one in result.not_measured}
    for truth in family_of(case.test).truths(seen):
        key = truth.metric, truth.of
        if key in measured:
            yield _reading(seen, truth, measured[key])
        else:
            told = missing.get(key)
            code, reason = (
                (told.code, told.reason) if told else ("not_told", "neither measured nor said to be absent")
            )
            yield Absent(case.test, *truth.group, case.name, seen.seed, code, reason)


def _reading(seen: Seen, truth: Truth, m: Measurement) -> Reading:
    return Reading(
        test=seen.case.test,
        metric=truth.metric,
        family=truth.group[1],
        of=truth.of,
        case=seen.case.name,
        seed=seen.seed,
        detector=seen.result.detector,
        true=truth.value,
        measured=m.value,
        uncertainty=m.uncertainty,
        basis=truth.basis,
    )
