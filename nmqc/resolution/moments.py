"""Resolution of bars by statistical moments: the variance of the counts in a disc, as Hander et al. published it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmqc.errors import CannotMeasure
from nmqc.resolution.modulation import POISSON, Patch

PUBLISHED = 1.058  # of Hander's formula; exactly 2 sqrt(ln 2) 2 / pi = 1.0600
VALID = (0.1, 0.9)  # of the modulation, within which the method is published


@dataclass(frozen=True, slots=True)
class Moments:
    """Modulation by moments and its standard deviation."""

    value: float
    sigma: float


def moments(patch: Patch, noise: float, flood: Patch | None = None) -> Moments:
    """Return M = sqrt(2 (s^2 - mu)) / mu of the counts in a disc.

    Parameters
    ----------
    patch : the disc
    noise : residual variance over mean; where it is not 0.9 to 1.1, it times mu stands for the Poisson variance mu
    flood : the same disc of a flood: (mu / mu_f)^2 (s_f^2 - mu_f) is subtracted from the variance

    Raises
    ------
    CannotMeasure
        ``no_modulation``: the variance is not above that of the noise; ``modulation_out_of_range``: M not 0.1 to 0.9.

    References
    ----------
    Hander TA et al., Med Phys 1997;24:327.
    """
    counts = patch.values()[0]
    mu, factor = float(counts.mean()), 1.0 if POISSON[0] <= noise <= POISSON[1] else noise
    structure = float(counts.var(ddof=1)) - factor * mu
    if flood is not None:
        even = flood.values()[0]
        level = float(even.mean())
        if level <= 0:
            raise CannotMeasure("no_counts", "the flood holds no count in this quadrant")
        structure -= (mu / level) ** 2 * (float(even.var(ddof=1)) - level)
    if structure <= 0:
        raise CannotMeasure("no_modulation", "the variance is not above that of the noise: not resolved")
    value = float((2 * structure) ** 0.5 / mu)
    if not VALID[0] <= value <= VALID[1]:
        raise CannotMeasure(
            "modulation_out_of_range",
            f"the modulation by moments is {value:.2f}: the method holds from {VALID[0]} to {VALID[1]}",
        )
    variance = (2 * (factor * mu) ** 2 + 4 * factor * mu * structure) / counts.size
    return Moments(value, variance**0.5 / (mu**2 * value))


def fwhm_of_moments(found: Moments, width_mm: float, *, pi4: bool) -> tuple[float, float]:
    """Return FWHM = 1.058 w sqrt(ln(1 / M)) in mm and its uncertainty; with `pi4`, pi / 4 M stands for M.

    M is 4 / pi times the MTF of fully modulated bars: the published formula leaves that out.
    """
    value = found.value * (np.pi / 4 if pi4 else 1.0)
    log = float(np.log(1 / value))
    fwhm = PUBLISHED * width_mm * log**0.5
    return float(fwhm), float(fwhm * found.sigma / (2 * found.value * log))
