"""Whether a measured value conforms to a specification, and how sure that is.

The measured quantity is taken as normally distributed about the measured value with its standard uncertainty u, so
that the probability that it lies within the specification is a difference of normal distribution functions. Passed
is what conforms with the wanted confidence, failed what does not conform with the same confidence; in between the
uncertainty spans the limit, and the measurement decides nothing. For one limit that is a guard band of 1.645 u on
either side of it at a confidence of 95 %.

References
----------
JCGM 106:2012, Evaluation of measurement data: the role of measurement uncertainty in conformity assessment:
clause 7 (probability of conformity with normal distributions), 8.3 (guarded acceptance, guarded rejection).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, hypot, sqrt
from typing import Literal

from nmqc.model import Ends, Measurement

Decision = Literal["pass", "fail", "undecided"]
Judged = Literal["value", "magnitude"]
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Specification:
    """What is required of a quantity: both ends are permitted. `of`: whether they hold for it or its magnitude."""

    ends: Ends
    of: Judged
    unit: str
    source: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a measured value is worth against a specification.

    Attributes
    ----------
    decision : "pass", "fail" or "undecided"
    uncertainty : standard uncertainty used, all parts together; None where none is known
    probability : that the quantity conforms; None where no uncertainty is known
    margin_percent : room to the nearer end in percent of the tolerance, negative beyond it; None where the
        tolerance is 0
    reason : why it is undecided, in words; "" otherwise
    """

    decision: Decision
    uncertainty: float | None
    probability: float | None
    margin_percent: float | None
    reason: str = ""


def judge(
    measurement: Measurement, wanted: Specification, further: float = 0.0, confidence: float = CONFIDENCE
) -> Judgement:
    """Return what a measurement says of a specification.

    Where noise alone would exceed the upper end (95th percentile of the noise floor), a value within it says
    nothing, and neither does one below that percentile: undecided. Without any uncertainty nothing is decided. A
    value within its ends does not fail, and one beyond them does not pass: where the uncertainty is so wide that the
    probability says the opposite, it decides nothing.

    Parameters
    ----------
    further : further standard uncertainty, in the unit of the measurement, added in quadrature
    confidence : probability from which on something is decided, above 0.5 and below 1
    """
    sigma = _together(measurement.uncertainty, further)
    margin = margin_percent(measurement.value, wanted)
    if sigma is None:
        reason = (
            "no uncertainty is known, so that it cannot be said how sure this is: state one in the protocol"
        )
        return Judgement("undecided", None, None, margin, reason)
    probability = conformity(measurement.value, sigma, wanted)
    hidden = _hidden(measurement, wanted)
    if hidden:
        return Judgement("undecided", sigma, probability, margin, hidden)
    conforms = conformity(measurement.value, 0.0, wanted) == 1
    decision = _decision(probability, confidence, conforms)
    reason = _spanning(probability) if decision == "undecided" else ""
    return Judgement(decision, sigma, probability, margin, reason)


def conformity(value: float, sigma: float, wanted: Specification) -> float:
    """Return the probability that a quantity lies within its specification.

    For ends L and U: F((U - value) / sigma) - F((L - value) / sigma), with F the normal distribution function; of a
    magnitude also what lies between -U and -L. With sigma 0 it is 1 or 0, and the ends conform.
    """
    return min(1.0, sum(_between(value, sigma, low, high) for low, high in _permitted(wanted)))


def margin_percent(value: float, wanted: Specification) -> float | None:
    """Return the room from a value to the nearer end in percent of the tolerance; negative where it is beyond.

    The tolerance is the magnitude of the one end there is, or half the distance between two.
    """
    judged = abs(value) if wanted.of == "magnitude" else value
    low, high = wanted.ends.low, wanted.ends.high
    if low is not None and high is not None:
        room, tolerance = min(judged - low, high - judged), (high - low) / 2
    elif high is not None:
        room, tolerance = high - judged, abs(high)
    elif low is not None:
        room, tolerance = judged - low, abs(low)
    else:
        return None
    return 100 * room / tolerance if tolerance else None


def _permitted(wanted: Specification) -> list[tuple[float | None, float | None]]:
    """Return the intervals that a quantity may lie in: of a magnitude one on either side of zero."""
    low, high = wanted.ends.low, wanted.ends.high
    if wanted.of == "value":
        return [(low, high)]
    if low is None or low <= 0:
        return [(None if high is None else -high, high)]
    return [(low, high), (None if high is None else -high, -low)]


def _between(value: float, sigma: float, low: float | None, high: float | None) -> float:
    if sigma == 0:
        return float(Ends(low, high).holds(value))
    above_high = 0.0 if high is None else _beyond((high - value) / sigma)
    below_low = 0.0 if low is None else _beyond((value - low) / sigma)
    return max(0.0, 1 - above_high - below_low)


def _beyond(deviations: float) -> float:
    """Return the probability of a normal quantity beyond so many standard deviations."""
    return 0.5 * erfc(deviations / sqrt(2))


def _together(own: float | None, further: float) -> float | None:
    if own is None:
        return further or None
    return hypot(own, further)


def _decision(probability: float, confidence: float, conforms: bool) -> Decision:
    """Return what is decided; nothing against what the value itself says, however wide its uncertainty."""
    if conforms:
        return "pass" if probability >= confidence else "undecided"
    return "fail" if 1 - probability >= confidence else "undecided"


def _spanning(probability: float) -> str:
    return f"the uncertainty spans the limit: it conforms with a probability of {100 * probability:.0f} %"


def _hidden(measurement: Measurement, wanted: Specification) -> str:
    """Return why noise hides what is to be judged; "" where it does not."""
    floor, high = measurement.noise_floor, wanted.ends.high
    if floor is None or high is None or floor.p95 <= high or measurement.value > floor.p95:
        return ""
    return (
        f"at these counts a perfect detector would read up to {floor.p95:.3g}, more than the limit: acquire "
        f"{(floor.p95 / (0.7 * high)) ** 2:.1f} times the counts"
        if high > 0
        else "at these counts noise alone exceeds the limit: no number of counts would do"
    )
