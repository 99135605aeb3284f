"""Medians with their uncertainties, and whether several of them are alike.

A value far out moves neither the median nor the spread much. Days in turn resemble each other; what that takes from
the number of independent values is taken off.

References
----------
Croux and Rousseeuw, Time-efficient algorithms for two highly robust estimators of scale, Compstat 1992: the factors
of the median absolute deviation for few values.
Welch, Biometrika 1951;38:330: whether several means are alike where the variances differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import pi, sqrt
from statistics import fmean, median

#: values needed to say whether cameras are alike
FEWEST = 5
#: of few values: factors by which their median absolute deviation is too small
_FEW = {2: 1.196, 3: 1.495, 4: 1.363, 5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129, 9: 1.107}
_NORMAL = 1.4826
#: values farther out than so many spreads count as if they stood there
_CLIPPED = 3.0
_MOST_CORRELATED = 0.95
#: values needed for their correlation to be told
_ENOUGH = 10
_OF_THE_MEDIAN = sqrt(pi / 2)


@dataclass(frozen=True, slots=True)
class Level:
    """Where the values of a series lie.

    Attributes
    ----------
    count : of the values
    independent : how many independent values they are worth
    median : of the values
    spread : standard deviation of the values about it, outliers clipped; None of one value
    uncertainty : standard uncertainty of the median; None where it is not known
    correlation : of neighbours in time, 0 where it is not above 0 or there are few values
    """

    count: int
    independent: float
    median: float
    spread: float | None
    uncertainty: float | None
    correlation: float


def level_of(values: Sequence[float], uncertainties: Sequence[float | None]) -> Level:
    """Return where values lie, which are in order of time; at least one.

    The uncertainty of the median is sqrt(pi / 2) spread / sqrt(independent values); never below what the values' own
    uncertainties give, which is all that is known of fewer than five.
    """
    middle = median(values)
    spread = _spread(values, middle) if len(values) > 1 else None
    correlation = _correlation(values, middle, spread) if spread else 0.0
    independent = len(values) * (1 - correlation) / (1 + correlation)
    own = _own(uncertainties)
    known = [] if own is None else [_of_median(own, len(values))]
    if spread is not None and len(values) >= FEWEST:
        known.append(_of_median(spread, independent))
    return Level(len(values), independent, middle, spread, max(known, default=None), correlation)


def chance_alike(levels: Sequence[Level]) -> float | None:
    """Return the probability that medians differ so much by chance; None where it cannot be said.

    Welch's test, with the uncertainties of the medians. It cannot be said of fewer than two series, of fewer than
    five values in one of them, or where nothing scatters.
    """
    from scipy.special import fdtrc

    known = [one.uncertainty for one in levels if one.uncertainty and one.count >= FEWEST]
    number = len(levels)
    if number < 2 or len(known) < number:
        return None
    weights = [1 / sigma**2 for sigma in known]
    whole = sum(weights)
    mean = sum(w * one.median for w, one in zip(weights, levels, strict=True)) / whole
    between = sum(w * (one.median - mean) ** 2 for w, one in zip(weights, levels, strict=True))
    few = sum(
        (1 - w / whole) ** 2 / max(one.independent - 1, 1) for w, one in zip(weights, levels, strict=True)
    )
    ratio = between / (number - 1) / (1 + 2 * (number - 2) / (number**2 - 1) * few)
    return float(fdtrc(number - 1, (number**2 - 1) / (3 * few), ratio))


def from_the_mean(levels: Sequence[Level]) -> list[tuple[float, float | None]]:
    """Return of each median its difference from the mean of all, with its standard uncertainty."""
    number, mean = len(levels), fmean(one.median for one in levels)
    known = [one.uncertainty for one in levels]
    variances = [sigma**2 for sigma in known if sigma is not None]
    if len(variances) < number:
        return [(one.median - mean, None) for one in levels]
    others = sum(variances) / number**2
    return [
        (one.median - mean, sqrt(variance * (1 - 2 / number) + others))
        for one, variance in zip(levels, variances, strict=True)
    ]


def _of_median(spread: float, independent: float) -> float:
    factor = _OF_THE_MEDIAN if independent > 2 else 1.0  # the median of one value, or of two, is their mean
    return factor * spread / sqrt(max(independent, 1.0))


def _own(uncertainties: Sequence[float | None]) -> float | None:
    """Return the median of the values' own uncertainties; None where fewer than half are known."""
    known = [one for one in uncertainties if one is not None]
    return median(known) if 2 * len(known) >= len(uncertainties) else None


def _spread(values: Sequence[float], middle: float) -> float:
    robust = _NORMAL * median(abs(value - middle) for value in values)
    robust *= _FEW.get(len(values), len(values) / (len(values) - 0.8))
    clipped = _clip(values, middle, robust)
    mean = fmean(clipped)
    return sqrt(sum((value - mean) ** 2 for value in clipped) / (len(values) - 1))


def _clip(values: Sequence[float], middle: float, spread: float) -> list[float]:
    low, high = middle - _CLIPPED * spread, middle + _CLIPPED * spread
    return [min(max(value, low), high) for value in values]


def _correlation(values: Sequence[float], middle: float, spread: float) -> float:
    """Return the correlation of neighbours; 0 where it is not above 0, or of fewer than ten values."""
    if len(values) < _ENOUGH:
        return 0.0
    apart = [value - middle for value in _clip(values, middle, spread)]
    whole = sum(one**2 for one in apart)
    if not whole:
        return 0.0
    raw = sum(a * b for a, b in pairwise(apart)) / whole
    return min(max(raw, 0.0), _MOST_CORRELATED)
