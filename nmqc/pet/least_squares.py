"""Least squares over several spheres at once: which parameters they share, the solution, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.pet.correlation import Noise
from nmqc.pet.sphere import Floats
from nmqc.pet.sphere_image import BACKGROUND, Window, image

_STEPS = 40
_SETTLED = 1e-4  # mm, of the logarithm of sigma, and of the scale of the values
_HOPELESS = 1e8  # damping at which no step makes the fit better
_MOST = np.array([3.0, 3.0, 3.0, np.inf, np.inf, 0.4, 0.4])  # of one step, for each of the seven parameters
_CLOSE = 1 - 1e-9  # part of a bound at which a value lies on it


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A sphere in a fit.

    Attributes
    ----------
    around : its voxels
    start : shape (7,), the parameters at the start; those that are fixed stay there
    columns : shape (7,), which of the fit's parameters each is; -1 where it is fixed
    background_variance : of the background's level, where that is fixed; 0 where it is fitted
    """

    around: Window
    start: Floats
    columns: NDArray[np.intp]
    background_variance: float

    @property
    def free(self) -> NDArray[np.bool_]:
        """Which of the seven parameters are fitted."""
        return np.asarray(self.columns >= 0)

    def own(self, values: Floats) -> Floats:
        """Return the sphere's seven parameters."""
        return np.asarray(np.where(self.free, values[self.columns], self.start))

    def lift(self, count: int) -> Floats:
        """Return the matrix (7, count) that says which of the fit's parameters each of the seven is."""
        return np.asarray((self.columns[:, None] == np.arange(count)).astype(np.float64))


@dataclass(frozen=True)
class Fitted:
    """A sphere after a fit: its seven parameters, what is left, and the slopes, of the voxels used."""

    member: Member
    own: Floats

    @cached_property
    def _image(self) -> tuple[Floats, Floats]:
        return image(self.member.around, self.own)

    @property
    def expected(self) -> Floats:
        """Shape (n, m)."""
        return self._image[0]

    @cached_property
    def residuals(self) -> Floats:
        """Shape (n, m), 0 where a voxel is not used."""
        return np.asarray(np.where(self.member.around.used, self.member.around.values - self.expected, 0.0))

    @cached_property
    def slopes(self) -> Floats:
        """Shape (7, n, m), 0 where a voxel is not used."""
        return np.asarray(self._image[1] * self.member.around.used)

    @cached_property
    def gram(self) -> Floats:
        """Products of the slopes, shape (7, 7)."""
        each = np.moveaxis(self.slopes, 1, 0)
        return np.asarray((each @ np.swapaxes(each, 1, 2)).sum(axis=0))

    @property
    def pull(self) -> Floats:
        """Products of the slopes and the residuals, shape (7,)."""
        return np.asarray(np.einsum("anm,nm->a", self.slopes, self.residuals))

    def noisy(self, noise: Noise, variance: Floats) -> Floats:
        """Return the products of the slopes through the covariance of the voxels, shape (7, 7)."""
        weighted = self.member.around.block(self.slopes * np.sqrt(variance))
        return np.asarray(np.einsum("akji,bkji->ab", weighted, noise.spread(weighted)))


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The least-squares values of a fit's parameters, and its spheres."""

    values: Floats
    spheres: tuple[Fitted, ...]

    @property
    def inverse(self) -> Floats:
        """Inverse of the matrix of the normal equations."""
        count = self.values.size
        matrix = np.zeros((count, count))
        for one in self.spheres:
            up = one.member.lift(count)
            matrix += up.T @ one.gram @ up
        return _inverse(matrix)

    def covariance(self, noise: Noise, variances: Sequence[Floats]) -> tuple[Floats, float]:
        """Return the covariance of the parameters, and the part of the voxels' squared noise that they take up.

        (J' J)^-1 J' V J (J' J)^-1, V the voxels' covariance: least squares with equal weights, noise as it is. What
        the uncertainty of a fixed background does to the others is added.

        Parameters
        ----------
        noise : for its correlation
        variances : of every sphere's voxels, each of shape (n, m)
        """
        count = self.values.size
        inverse, middle, outer = self.inverse, np.zeros((count, count)), np.zeros((count, count))
        for one, variance in zip(self.spheres, variances, strict=True):
            up = one.member.lift(count)
            middle += up.T @ one.noisy(noise, variance) @ up
            by_background = up.T @ one.gram[BACKGROUND]
            outer += one.member.background_variance * np.outer(by_background, by_background)
        taken = float(np.einsum("ab,ba->", inverse, middle))
        return np.asarray(inverse @ (middle + outer) @ inverse), taken


def solve(members: Sequence[Member], bounds: Sequence[tuple[Floats, Floats]]) -> Solution:
    """Fit the free parameters of spheres to their voxels by least squares, every voxel alike.

    Parameters
    ----------
    members : the spheres; together they name the parameters 0, 1, 2, ...
    bounds : lowest and highest values of the seven parameters of every sphere, each of shape (7,)

    Raises
    ------
    CannotMeasure
        ``fit_not_settled``; ``fit_on_bound``, where a parameter ends at its bound.

    Notes
    -----
    Levenberg-Marquardt with steps of at most 3 mm and a factor of 1.5 in sigma, until a step is below 1e-4 mm and
    1e-4 of sigma.
    """
    count = 1 + max(int(one.columns.max()) for one in members)
    values = _gathered(members, [one.start for one in members], count)
    most = _gathered(members, [_MOST] * len(members), count)
    low, high = (_gathered(members, [pair[side] for pair in bounds], count) for side in (0, 1))
    at, damping = _spheres(members, values), 1e-3
    for _ in range(_STEPS):
        misfit, pull, matrix = _normal(at, count)
        step = np.clip(_step(matrix, pull, damping), -most, most)
        trial = np.clip(values + step, low, high)
        if float(np.abs(trial - values).max()) < _SETTLED or damping > _HOPELESS:
            break
        tried = _spheres(members, trial)
        better = _misfit(tried) <= misfit
        if better:
            at, values = tried, trial
        damping = damping / 10 if better else damping * 10
    else:
        raise CannotMeasure(
            "fit_not_settled",
            "the model of a blurred sphere does not settle on it: look at the sphere in the image",
        )
    _require_inside(values, low, high)
    return Solution(values, at)


def _gathered(members: Sequence[Member], each: Sequence[Floats], count: int) -> Floats:
    """Return what holds for every sphere's seven parameters as it holds for the fit's own."""
    gathered = np.zeros(count)
    for one, own in zip(members, each, strict=True):
        gathered[one.columns[one.free]] = own[one.free]
    return gathered


def _spheres(members: Sequence[Member], values: Floats) -> tuple[Fitted, ...]:
    return tuple(Fitted(one, one.own(values)) for one in members)


def _misfit(spheres: tuple[Fitted, ...]) -> float:
    return sum(float((one.residuals**2).sum()) for one in spheres)


def _normal(spheres: tuple[Fitted, ...], count: int) -> tuple[float, Floats, Floats]:
    """Return the sum of squares, and the right-hand side and the matrix of the normal equations."""
    pull, matrix = np.zeros(count), np.zeros((count, count))
    for one in spheres:
        up = one.member.lift(count)
        pull += up.T @ one.pull
        matrix += up.T @ one.gram @ up
    return _misfit(spheres), pull, matrix


def _step(matrix: Floats, pull: Floats, damping: float) -> Floats:
    """Return a damped step of the normal equations, each parameter scaled by its own slope."""
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    scaled = matrix * scale[:, None] * scale + damping * np.eye(pull.size)
    return np.asarray(scale * np.linalg.solve(scaled, scale * pull))


def _inverse(matrix: Floats) -> Floats:
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    return np.asarray(
        np.linalg.pinv(matrix * scale[:, None] * scale, hermitian=True) * scale[:, None] * scale
    )


def _require_inside(values: Floats, low: Floats, high: Floats) -> None:
    slack = (1 - _CLOSE) * np.maximum(1.0, np.where(np.isfinite(high - low), high - low, 1.0))
    if bool((values <= low + slack).any() or (values >= high - slack).any()):
        raise CannotMeasure(
            "fit_on_bound",
            "the model of a blurred sphere fits best at the end of what is allowed (centre, FWHM 1 to 20 mm, signal "
            "above 0): look at the sphere in the image",
        )


def noise_rise(spheres: Sequence[Fitted], background_variance: float) -> float:
    """Return how fast the variance of a voxel grows with what it shows above the background, never below 0.

    b in v = v_B + b (expected - B), by least squares from the squared residuals of each sphere; of all the median, so
    that one sphere that is no sphere does not count.
    """
    rises = []
    for one in spheres:
        above = (one.expected - one.own[BACKGROUND]) * one.member.around.used
        rises.append(float((above * (one.residuals**2 - background_variance)).sum() / (above**2).sum()))
    return max(float(np.median(rises)), 0.0) if rises else 0.0


def variance_of(sphere: Fitted, background_variance: float, rise: float) -> Floats:
    """Return the variance of every voxel of a sphere, shape (n, m), at least a tenth of the background's."""
    above = sphere.expected - sphere.own[BACKGROUND]
    return np.asarray(np.maximum(background_variance + rise * above, 0.1 * background_variance))
