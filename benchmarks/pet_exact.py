"""The tables of contrast and recovery without noise, by the closed form of a blurred sphere, digit for digit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.pet.peak import RADIUS_MM as PEAK_RADIUS_MM
from nmqc.pet.sphere import profile
from phantoms.pet import SPHERES_MM
from phantoms.pet_blur import sphere_profile
from phantoms.pixels import FWHM_PER_SIGMA

Floats = NDArray[np.float64]
Profile = Callable[[Floats, float, float], Floats]

NODES = 400
WALL_MM, RECOVERY_RATIO = 1.0, 10.0

#: FWHM -> (ratio, wall, cold) -> printed contrast of 10 to 37 mm, in %
CONTRASTS: dict[float, dict[tuple[float, float, bool], str]] = {
    4.0: {
        (4, 0, False): "67.2 75.7 82.1 86.5 89.6 92.3",
        (4, 1, False): "61.6 71.5 78.9 84.1 87.7 90.8",
        (8, 1, False): "64.8 73.9 80.7 85.4 88.8 91.6",
        (4, 1, True): "84.0 88.4 91.6 93.8 95.3 96.5",
    },
    5.0: {
        (4, 0, False): "57.7 68.6 76.9 82.7 86.7 90.2",
        (4, 1, False): "51.9 64.2 73.6 80.2 84.7 88.7",
        (8, 1, False): "55.2 66.7 75.5 81.6 85.9 89.5",
        (4, 1, True): "75.1 82.0 87.1 90.5 92.8 94.7",
    },
    6.0: {
        (4, 0, False): "48.6 61.3 71.6 78.8 83.8 88.1",
        (4, 1, False): "42.9 56.8 68.1 76.2 81.7 86.5",
        (8, 1, False): "46.2 59.4 70.1 77.7 82.9 87.4",
        (4, 1, True): "65.7 75.1 82.1 86.8 90.1 92.7",
    },
    7.0: {
        (4, 0, False): "40.4 54.1 66.1 74.8 80.8 85.9",
        (4, 1, False): "35.0 49.6 62.5 72.0 78.7 84.3",
        (8, 1, False): "38.1 52.2 64.5 73.6 79.9 85.2",
        (4, 1, True): "56.6 67.8 76.8 83.0 87.2 90.7",
    },
    8.0: {
        (4, 0, False): "33.4 47.3 60.5 70.6 77.7 83.7",
        (4, 1, False): "28.5 42.9 56.9 67.8 75.5 82.0",
        (8, 1, False): "31.3 45.4 58.9 69.4 76.8 83.0",
        (4, 1, True): "48.1 60.6 71.3 79.0 84.2 88.6",
    },
}
#: FWHM -> what -> printed recovery of 10 to 37 mm at 10:1 with a wall of 1 mm
RECOVERIES: dict[float, dict[str, str]] = {
    4.0: {
        "centre": ".966 .998 1 1 1 1",
        "A50": ".716 .779 .824 .859 .886 .911",
        "peak": ".471 .746 .957 .999 1 1",
    },
    5.0: {
        "centre": ".869 .976 .999 1 1 1",
        "A50": ".628 .728 .787 .829 .861 .891",
        "peak": ".430 .677 .909 .993 1 1",
    },
    6.0: {
        "centre": ".736 .914 .989 1 1 1",
        "A50": ".530 .665 .750 .800 .837 .872",
        "peak": ".390 .611 .852 .977 .999 1",
    },
    7.0: {
        "centre": ".607 .821 .959 .997 1 1",
        "A50": ".441 .592 .708 .772 .814 .854",
        "peak": ".351 .549 .789 .951 .996 1",
    },
    8.0: {
        "centre": ".499 .718 .905 .986 .999 1",
        "A50": ".368 .518 .657 .743 .793 .836",
        "peak": ".315 .492 .725 .913 .988 1",
    },
}


def shown(
    r_mm: Floats, radius_mm: float, ratio: float, wall_mm: float, sigma_mm: float, of: Profile
) -> Floats:
    """Return what an image shows at distances from a sphere's centre, in parts of the background."""
    return ratio * of(r_mm, radius_mm, sigma_mm) + 1 - of(r_mm, radius_mm + wall_mm, sigma_mm)


@lru_cache(maxsize=1)
def _nodes() -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(NODES)


def mean_within(value: Callable[[Floats], Floats], reach_mm: float, dimensions: int) -> float:
    """Return the mean over a disc (2) or a ball (3) of what depends on the distance alone, by Gauss-Legendre."""
    at, weight = _nodes()
    r = reach_mm * (at + 1) / 2
    share = weight / 2 * reach_mm * dimensions * r ** (dimensions - 1) / reach_mm**dimensions
    return float((share * value(r)).sum())


def contrast(
    fwhm_mm: float, diameter_mm: float, ratio: float, wall_mm: float, cold: bool, of: Profile = sphere_profile
) -> float:
    """Return Q_H or Q_C of the disc through the middle of a blurred sphere, in per cent."""
    sigma, radius = fwhm_mm / FWHM_PER_SIGMA, diameter_mm / 2
    inside = 0.0 if cold else ratio
    value = partial(shown, radius_mm=radius, ratio=inside, wall_mm=wall_mm, sigma_mm=sigma, of=of)
    mean = mean_within(value, radius, 2)
    return 100 * (1 - mean) if cold else 100 * (mean - 1) / (ratio - 1)


def recoveries(fwhm_mm: float, diameter_mm: float, of: Profile = sphere_profile) -> dict[str, float]:
    """Return the recovery of the centre, of the 50 % isocontour and of the peak, at 10:1 with a wall of 1 mm."""
    from scipy.optimize import brentq

    sigma, radius = fwhm_mm / FWHM_PER_SIGMA, diameter_mm / 2
    value = partial(shown, radius_mm=radius, ratio=RECOVERY_RATIO, wall_mm=WALL_MM, sigma_mm=sigma, of=of)
    highest = float(value(np.zeros(1))[0])
    half = 1 + (highest - 1) / 2
    edge = float(brentq(lambda r: float(value(np.array([r]))[0]) - half, 0.0, radius + 3 * sigma))
    found = {
        "centre": highest,
        "A50": mean_within(value, edge, 3),
        "peak": mean_within(value, PEAK_RADIUS_MM, 3),
    }
    return {name: one / RECOVERY_RATIO for name, one in found.items()}


def differences(of: Profile) -> Iterator[tuple[str, float, str, float, int]]:
    """Yield table, FWHM, what, the difference of a printed number from the closed form, and its decimals."""
    for fwhm, columns in CONTRASTS.items():
        for (ratio, wall, cold), printed in columns.items():
            for diameter, text in zip(SPHERES_MM, printed.split(), strict=True):
                off = contrast(fwhm, diameter, ratio, wall, cold, of) - float(text)
                yield (
                    "contrast",
                    fwhm,
                    f"{ratio:g}:1, wall {wall:g} mm{', cold' * cold}, {diameter:g} mm",
                    off,
                    1,
                )
    for fwhm, rows in RECOVERIES.items():
        each = [recoveries(fwhm, diameter, of) for diameter in SPHERES_MM]
        for name, printed in rows.items():
            for diameter, one, text in zip(SPHERES_MM, each, printed.split(), strict=True):
                yield "recovery", fwhm, f"{name}, {diameter:g} mm", one[name] - float(text), 3


def unlike(of: Profile) -> list[tuple[str, float, str, float]]:
    """Return the printed numbers that the closed form does not round to: table, FWHM, what, difference."""
    # 1e-9: of the quadrature
    return [
        (table, fwhm, what, off)
        for table, fwhm, what, off, decimals in differences(of)
        if abs(off) > 0.5 * 10.0**-decimals + 1e-9
    ]


def profiles() -> dict[str, Any]:
    """Return the two closed forms: of the phantoms, and of nmqc."""
    return {"phantoms": sphere_profile, "nmqc": profile}
