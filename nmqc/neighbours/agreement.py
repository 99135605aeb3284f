"""Agreement of two methods of measurement, by Bland and Altman.

For pairs (a, b), with d = b - a: the bias is the mean of d; 95 % of the differences are expected between the limits
of agreement, bias -+ 1.96 s. docs/neighbours/agree.md says what they mean, and what they take for granted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmqc.errors import CannotMeasure

FEWEST_PAIRS = 3
CONFIDENCE = 0.95
WIDTH = 1.959963984540054  # of 95 % of a normal distribution, in standard deviations to either side


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and the ends of its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two methods agree, in the unit of the values.

    Attributes
    ----------
    count : pairs
    bias : mean difference, theirs minus ours
    sd : standard deviation of the differences, n - 1 in the denominator
    lower, upper : limits of agreement
    slope : of the differences over the means of the pairs; None where the means are all equal, or there are three
        pairs alone. An interval without 0: the difference depends on the value, and so do
        its limits
    """

    count: int
    bias: Estimate
    sd: float
    lower: Estimate
    upper: Estimate
    slope: Estimate | None


def agreement(ours: Sequence[float], theirs: Sequence[float]) -> Agreement:
    """Return bias and limits of agreement with exact 95 % confidence intervals.

    The interval of the bias is that of a mean (Student's t). That of a limit, bias + z s, follows from the noncentral
    t distribution: its ends are bias + s t(p; n - 1, z sqrt(n)) / sqrt(n) for p = 0.025 and 0.975.

    Parameters
    ----------
    ours, theirs : values of the same things, pair by pair

    Raises
    ------
    CannotMeasure
        ``too_few_pairs``: fewer than three.

    References
    ----------
    Bland JM, Altman DG, Lancet 1986;327:307, and Stat Methods Med Res 1999;8:135. Carkeet A, Optom Vis Sci
    2015;92:e71, for the intervals of the limits.
    """
    from scipy.special import stdtrit

    count = len(ours)
    if count < FEWEST_PAIRS:
        raise CannotMeasure(
            "too_few_pairs", f"{count} pairs: limits of agreement need {FEWEST_PAIRS}, and better 50 or more"
        )
    a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    differences = b - a
    bias, sd = float(differences.mean()), float(differences.std(ddof=1))
    half = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * sd / count**0.5
    return Agreement(
        count=count,
        bias=Estimate(bias, bias - half, bias + half),
        sd=sd,
        lower=_limit(bias, sd, count, -WIDTH),
        upper=_limit(bias, sd, count, WIDTH),
        slope=_slope((a + b) / 2, differences),
    )


def _limit(bias: float, sd: float, count: int, width: float) -> Estimate:
    """Return bias + width sd with its interval."""
    from scipy.special import nctdtrit

    centre = abs(width) * count**0.5
    near, far = (
        float(nctdtrit(count - 1, centre, part)) * sd / count**0.5
        for part in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
    )
    if width < 0:
        return Estimate(bias + width * sd, bias - far, bias - near)
    return Estimate(bias + width * sd, bias + near, bias + far)


def _slope(means: np.ndarray, differences: np.ndarray) -> Estimate | None:
    """Return the slope of a straight line through the differences, by least squares."""
    from scipy.special import stdtrit

    count = means.size
    around = means - means.mean()
    spread = float(around @ around)
    if count <= FEWEST_PAIRS or spread <= (1e-12 * float(np.abs(means).max())) ** 2 * count:
        return None
    slope = float(around @ differences) / spread
    left = differences - differences.mean() - slope * around
    error = float((left @ left) / (count - 2) / spread) ** 0.5
    half = float(stdtrit(count - 2, (1 + CONFIDENCE) / 2)) * error
    return Estimate(slope, slope - half, slope + half)
