"""How strongly bars of a known frequency modulate the counts of a disc: regression, corrected for noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.grid import Axis
from nmqc.model import Frame
from nmqc.resolution.bar_image import Floats

POISSON = (0.9, 1.1)  # residual variance over mean within which the noise is that of counts
HARMONICS = (2, 3)  # taken out before the residual is looked at
HIGHEST_HARMONIC = 0.45  # cycles a pixel: at a half, cosine and sine are one and the same
STEPS = (0.3, 0.1, 0.03)  # of the frequency search, in parts of one over the diameter
POLISHED = 2  # steps of least squares from there


@dataclass(frozen=True, slots=True)
class Disc:
    """A circular region: its centre and radius in mm."""

    x_mm: float
    y_mm: float
    radius_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """The pixels of a frame whose centres lie in a disc.

    `counts` and `inside` are the box about the disc; `x_mm`, `y_mm` are measured from the centre of the disc.
    """

    counts: Floats
    inside: NDArray[np.bool_]
    x_mm: Floats
    y_mm: Floats

    @classmethod
    def of(cls, frame: Frame, disc: Disc) -> Patch:
        """Cut a disc out of a frame."""
        parts, places = [], []
        for size, pitch, middle in zip(
            frame.counts.shape, frame.spacing_mm, (disc.y_mm, disc.x_mm), strict=True
        ):
            at = Axis.of_matrix(size, pitch).centres_mm - middle
            near = np.flatnonzero(np.abs(at) <= disc.radius_mm)
            parts.append(slice(int(near[0]), int(near[-1]) + 1) if near.size else slice(0, 0))
            places.append(at[parts[-1]])
        y, x = places
        inside = np.hypot(y[:, None], x[None, :]) <= disc.radius_mm
        return cls(frame.counts[parts[0], parts[1]].astype(np.float64), inside, x, y)

    def values(self) -> tuple[Floats, Floats, Floats]:
        """Return counts, x and y of the pixels in the disc."""
        rows, columns = np.nonzero(self.inside)
        return self.counts[self.inside], self.x_mm[columns], self.y_mm[rows]


@dataclass(frozen=True, slots=True)
class Modulation:
    """The fundamental of bars in a disc.

    Attributes
    ----------
    squared : float
        m squared, less what noise adds: negative where there is nothing but noise.
    sigma : float
        Standard deviation of m as far as m is well above it: sqrt((2 - m^2) / counts), for Poisson noise.
    mean, pixels : c0, counts a pixel without the bars, and number of pixels
    noise : variance of the residual over the mean: 1 for raw counts
    phase_rad : phase of the cosine at the centre of the disc
    used : the variance over the mean that `squared` and `sigma` are made with
    """

    squared: float
    sigma: float
    mean: float
    pixels: int
    noise: float
    phase_rad: float
    used: float = 1.0

    @property
    def value(self) -> float:
        """The modulation m; 0 where the squared one is negative."""
        return float(max(self.squared, 0.0) ** 0.5)

    @property
    def snr(self) -> float:
        """The modulation over its standard deviation."""
        return self.value / self.sigma


def modulation(patch: Patch, fx: float, fy: float, *, raw_counts: bool) -> Modulation:
    """Regress the counts of a disc on the wave (fx, fy): method A.

    n = c0 + a cos + b sin + slopes and curvature of the background + harmonics; m^2 = (a^2 + b^2) / c0^2 - 4 / N, for
    N counts in the disc. Where the values are no raw counts, or the variance of the residual is not 0.9 to 1.1 of
    the mean, that variance stands for the mean in the noise; of raw counts never less than the mean, for a smaller
    variance is that of an image that was smoothed, whose noise hangs together.

    Raises
    ------
    CannotMeasure
        ``no_counts``: the disc holds no count.

    References
    ----------
    docs/methods/bars.md: derivation and validation.
    """
    counts, x, y = patch.values()
    if not counts.size or counts.mean() <= 0:
        raise CannotMeasure("no_counts", "a quadrant holds no count: is the whole phantom in the field?")
    basis = _basis(x, y, fx, fy, patch)
    coefficients = np.linalg.solve(basis @ basis.T, basis @ counts)
    mean = float(coefficients[0])  # not the mean of the counts: a disc does not hold whole periods everywhere
    residual = counts - coefficients @ basis
    noise = float(residual @ residual) / (counts.size - len(basis)) / mean
    used = noise if not raw_counts or noise > POISSON[1] else 1.0
    cosine, sine = float(coefficients[1]), float(coefficients[2])
    squared = (cosine**2 + sine**2) / mean**2 - 4 * used / (mean * counts.size)
    sigma = (max(2 - squared, 0.2) * used / (mean * counts.size)) ** 0.5
    phase = float(np.arctan2(-sine, cosine))
    return Modulation(squared, max(sigma, 1e-12), mean, counts.size, noise, phase, used)


def _basis(x: Floats, y: Floats, fx: float, fy: float, patch: Patch) -> Floats:
    """Return the rows 1, cos, sin, slopes, curvatures, and what harmonics the pixels can carry."""
    radius = max(float(np.abs(x).max()), float(np.abs(y).max()), 1e-9)
    u, v = x / radius, y / radius
    turn = np.exp(2j * np.pi * (fx * x + fy * y))
    rows = [np.ones(x.size), turn.real, turn.imag, u, v]
    rows += [one - one.mean() for one in (u * u, u * v, v * v)]
    pitches = [abs(float(at[1] - at[0])) if at.size > 1 else 1.0 for at in (patch.x_mm, patch.y_mm)]
    for order in HARMONICS:
        if order * max(abs(fx) * pitches[0], abs(fy) * pitches[1]) < HIGHEST_HARMONIC:
            harmonic = turn**order
            rows += [harmonic.real, harmonic.imag]
    return np.asarray(rows)


def search(patch: Patch, fx: float, fy: float) -> tuple[float, float]:
    """Return the frequency vector near (fx, fy) at which the power in the disc is greatest.

    The power on 3 x 3 frequencies is fitted by a paraboloid, with ever smaller steps.
    """
    counts, x, y = patch.values()
    plane = np.stack([np.ones(x.size), x, y])
    flat = np.zeros(patch.counts.shape)
    flat[patch.inside] = counts - np.linalg.solve(plane @ plane.T, plane @ counts) @ plane
    diameter = 2 * max(float(np.abs(patch.x_mm).max()), float(np.abs(patch.y_mm).max()))
    for step in STEPS:
        fx, fy = _climb(flat, patch, fx, fy, step / diameter)
    return fx, fy


def refine(patch: Patch, fx: float, fy: float) -> tuple[float, float]:
    """Return the frequency vector very near (fx, fy) at which the regression of `modulation` leaves least."""
    for _ in range(POLISHED):
        fx, fy = _polish(patch, fx, fy)
    return fx, fy


def _polish(patch: Patch, fx: float, fy: float) -> tuple[float, float]:
    """Take one step of least squares in the frequency and everything else that is fitted."""
    counts, x, y = patch.values()
    basis = _basis(x, y, fx, fy, patch)
    found = np.linalg.solve(basis @ basis.T, basis @ counts)
    slope = 2 * np.pi * (found[2] * basis[1] - found[1] * basis[2])
    whole = np.vstack([basis, x * slope, y * slope])
    scale = np.sqrt((whole**2).mean(axis=1))
    whole /= scale[:, None]
    move = np.linalg.lstsq(whole @ whole.T, whole @ counts, rcond=1e-12)[0][-2:] / scale[-2:]
    largest = STEPS[1] / (2 * float(np.abs(x).max()))
    return float(fx + np.clip(move[0], -largest, largest)), float(fy + np.clip(move[1], -largest, largest))


def _climb(flat: Floats, patch: Patch, fx: float, fy: float, step: float) -> tuple[float, float]:
    """Return the top of the paraboloid through the power about (fx, fy), at most 1.5 steps away."""
    moves = np.array([-1.0, 0.0, 1.0])
    along = np.exp(-2j * np.pi * np.outer(patch.x_mm, fx + step * moves))
    down = np.exp(-2j * np.pi * np.outer(fy + step * moves, patch.y_mm))
    power = np.abs(down @ (flat @ along)) ** 2
    gradient = np.array([power[1, 2] - power[1, 0], power[2, 1] - power[0, 1]]) / 2
    curves = power[1, [0, 2]].sum() - 2 * power[1, 1], power[[0, 2], 1].sum() - 2 * power[1, 1]
    mixed = (power[2, 2] - power[2, 0] - power[0, 2] + power[0, 0]) / 4
    bend = np.array([[curves[0], mixed], [mixed, curves[1]]])
    if np.linalg.det(bend) <= 0 or curves[0] >= 0:  # no top here: one step up
        move = np.sign(gradient)
    else:
        move = np.clip(np.linalg.solve(bend, -gradient), -1.5, 1.5)
    return float(fx + step * move[0]), float(fy + step * move[1])


def frequency_sigma(found: Modulation, disc: Disc) -> float:
    """Return the standard deviation of a frequency in any direction, cycles per mm.

    1 / (2 pi rms(x) m sqrt(N / 2)), with rms(x) = R / 2 in a disc: the bound of Cramer and Rao for a wave in noise.
    """
    return float(found.sigma / (max(found.value, 1e-9) * np.pi * disc.radius_mm))
