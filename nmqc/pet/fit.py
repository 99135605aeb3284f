"""The spheres of the IEC phantom as a model: reconstructed resolution, and recovered activity.

Each sphere is a uniform ball with a cold wall in a uniform background, blurred by a Gaussian that may be wider or
narrower along the axis than across it (`sphere_image`); its voxels are means over their width, unless the options say
that they are samples. Each is fitted alone, and all hot ones together with one resolution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nmqc.errors import CannotMeasure
from nmqc.measure.gaussian import FWHM_PER_SIGMA
from nmqc.model import Volume
from nmqc.pet.correlation import Noise, noise_of
from nmqc.pet.fit_regions import near_lung, quiet_background, shell_median
from nmqc.pet.least_squares import Fitted, Member, Solution, noise_rise, solve, variance_of
from nmqc.pet.phantom import IecPhantom, Sphere
from nmqc.pet.sphere import Floats
from nmqc.pet.sphere_image import (
    BACKGROUND,
    LOG_ACROSS,
    LOG_ALONG,
    PARAMETERS,
    SIGNAL,
    Voxels,
    Window,
    X,
    Y,
    Z,
    image,
    window,
)

FWHM_START_MM, FWHM_BOUNDS_MM = 6.0, (1.0, 20.0)
WANDERS_MM = 8.0  # of a centre, from where it was found
UNCERTAIN = 0.5  # of the FWHM: a larger standard deviation does not tell it
SURPRISE_SIGMAS = 3.0  # from which residuals are more than noise
TELLS_NOISE_MM = 17.0  # diameter from which a fit leaves most of the noise to its residuals
LEAST_NOISE = 1e-7  # of the largest value: that of rounding


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How the spheres are fitted.

    Attributes
    ----------
    wall_mm : thickness of the spheres' cold wall
    voxels : "averaged": a voxel shows the mean over its width, and the FWHM is that of the image without it;
        "sampled": it shows the value at its centre, and the FWHM includes the voxel, as other programs' does
    common_signal : fitted together, all hot spheres have one activity
    free_background_from_mm : from this diameter on the background is fitted; of smaller spheres it is the median of a
        shell about them, because they trade it for the FWHM
    reach_mm : how far from a sphere's surface voxels are used
    """

    wall_mm: float = 1.0
    voxels: Voxels = "averaged"
    common_signal: bool = False
    free_background_from_mm: float = 22.0
    reach_mm: float = 10.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A fitted value and one standard deviation, from the noise of the voxels and its correlation."""

    value: float
    sigma: float


@dataclass(frozen=True, slots=True)
class SphereFit:
    """One sphere, fitted alone.

    Attributes
    ----------
    diameter_mm : nominal
    x_mm, y_mm, z_mm : its centre
    signal, background : activity in it and about it, in the unit of the volume
    fwhm_transaxial_mm, fwhm_axial_mm : of the Gaussian
    background_fitted : False where the background is the median of the shell
    residual : root mean square of what the model leaves, in parts of the background
    excess : standard deviation of what is left, in parts of the noise expected; above 1 where more is left than noise
        explains: the uncertainties are widened by it
    """

    diameter_mm: float
    x_mm: Estimate
    y_mm: Estimate
    z_mm: Estimate
    signal: Estimate
    background: Estimate
    fwhm_transaxial_mm: Estimate
    fwhm_axial_mm: Estimate
    background_fitted: bool
    residual: float
    excess: float


@dataclass(frozen=True, slots=True)
class NotFitted:
    """Why there is no fit. `diameter_mm` is None for the spheres together."""

    diameter_mm: float | None
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class JointFit:
    """All hot spheres fitted together: one resolution.

    `diameters_mm`, `centres_mm` and `signals` belong together, `signals` all alike with a common signal.
    """

    diameters_mm: tuple[float, ...]
    centres_mm: tuple[tuple[float, float, float], ...]
    signals: tuple[Estimate, ...]
    fwhm_transaxial_mm: Estimate
    fwhm_axial_mm: Estimate
    excess: float


@dataclass(frozen=True, slots=True, eq=False)
class SphereFits:
    """The six spheres, in their order, and the hot ones together; and the noise of the background."""

    spheres: tuple[SphereFit | NotFitted, ...]
    joint: JointFit | NotFitted
    noise: Noise


def fit_spheres(volume: Volume, phantom: IecPhantom, options: FitOptions | None = None) -> SphereFits:
    """Fit the model to every sphere that is seen, and to all hot ones together.

    Parameters
    ----------
    volume, phantom : the image, and the phantom as it was found in it
    options : see `FitOptions`

    Returns
    -------
    SphereFits
        A sphere that cannot be fitted is there as NotFitted, with codes ``sphere_absent``, ``sphere_cut``,
        ``fit_not_settled``, ``fit_on_bound``, ``fit_undetermined``; all together: ``too_few_spheres`` too.

    Raises
    ------
    CannotMeasure
        ``no_background``, where too few voxels tell the noise.

    Notes
    -----
    Least squares with equal weights over the voxels within 10 mm of the sphere's surface and not within 10 mm of the
    lung insert. Uncertainties: the noise of the background and its correlation along the three axes (`correlation`),
    its growth with activity (`least_squares.spread_of`), taken through the fit; for a background that is not fitted,
    the uncertainty of the shell's median; widened where the residuals are more than that.

    References
    ----------
    Hofheinz et al., Z Med Phys 2010;20:64.
    """
    scene = _scene(volume, phantom, options or FitOptions())
    alone = [_alone(scene, sphere) for sphere in phantom.spheres]
    hot = [
        one
        for one, sphere in zip(alone, phantom.spheres, strict=True)
        if sphere.state == "hot" and not isinstance(one, NotFitted)
    ]
    large = [one.spheres[0] for one in hot if 2 * one.spheres[0].member.around.radius_mm >= TELLS_NOISE_MM]
    rise = noise_rise(large or [one.spheres[0] for one in hot], scene.variance)
    fits = tuple(
        one if isinstance(one, NotFitted) else _described(scene, one, sphere.diameter_mm, rise)
        for one, sphere in zip(alone, phantom.spheres, strict=True)
    )
    return SphereFits(fits, _together(scene, [one.spheres[0] for one in hot], rise), scene.noise)


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """What the fits share. Values are divided by `scale`; `variance` is that of a voxel of the background."""

    volume: Volume
    phantom: IecPhantom
    options: FitOptions
    noise: Noise
    scale: float
    variance: float


def _scene(volume: Volume, phantom: IecPhantom, options: FitOptions) -> _Scene:
    noise = noise_of(volume.values, quiet_background(volume, phantom), volume.spacing_mm)
    scale = float(np.abs(volume.values).max()) or 1.0
    return _Scene(volume, phantom, options, noise, scale, max(noise.sd / scale, LEAST_NOISE) ** 2)


def _alone(scene: _Scene, sphere: Sphere) -> Solution | NotFitted:
    """Fit one sphere, or say why not."""
    if sphere.state == "absent":
        return NotFitted(
            sphere.diameter_mm,
            "sphere_absent",
            "the sphere cannot be told from the background: there is nothing to fit",
        )
    try:
        member = _member(scene, sphere)
        return solve([member], _bounds([member], sphere.state == "hot"))
    except CannotMeasure as refusal:
        return NotFitted(sphere.diameter_mm, refusal.code, refusal.reason)


def _member(scene: _Scene, sphere: Sphere) -> Member:
    """Return a sphere with its voxels and where to start."""
    options, radius_mm = scene.options, sphere.diameter_mm / 2
    around = _window(scene, sphere)
    inner_mm = radius_mm + options.reach_mm
    level, level_sigma = shell_median(scene.volume, scene.phantom, sphere, inner_mm, scene.noise)
    free = sphere.diameter_mm >= options.free_background_from_mm
    columns = np.array([0, 1, 2, 3, 6 if free else -1, 4, 5])
    sigma = math.log(FWHM_START_MM / FWHM_PER_SIGMA)
    start = np.array([sphere.x_mm, sphere.y_mm, sphere.z_mm, 0.0, level / scene.scale, sigma, sigma])
    _, slopes = image(around, start)
    shape, left = slopes[SIGNAL], around.values - start[BACKGROUND] * slopes[BACKGROUND]
    start[SIGNAL] = float((left * shape * around.used).sum() / (shape**2 * around.used).sum())
    return Member(around, start, columns, 0.0 if free else (level_sigma / scene.scale) ** 2)


def _window(scene: _Scene, sphere: Sphere) -> Window:
    """Return the voxels about a sphere, without those that the lung insert reaches."""
    options = scene.options
    around = window(
        scene.volume,
        (sphere.x_mm, sphere.y_mm, sphere.z_mm),
        sphere.diameter_mm / 2,
        reach_mm=options.reach_mm,
        wall_mm=options.wall_mm,
        voxels=options.voxels,
    )
    lung = near_lung(scene.phantom.lung, around.x_mm[:, None], around.y_mm[:, None], around.z_mm)
    return replace(around, values=around.values / scene.scale, used=around.used & ~lung)


def _bounds(members: Sequence[Member], hot: bool) -> list[tuple[Floats, Floats]]:
    """Return the lowest and the highest values of each sphere's seven parameters."""
    sigma = [math.log(fwhm / FWHM_PER_SIGMA) for fwhm in FWHM_BOUNDS_MM]
    below, above = (np.array([side * WANDERS_MM] * 3 + [side * np.inf] * 2 + [0.0] * 2) for side in (-1, 1))
    bounds = []
    for one in members:
        low, high = one.start + below, one.start + above
        low[LOG_ACROSS:], high[LOG_ACROSS:] = sigma
        low[SIGNAL] = 0.0 if hot else -np.inf
        bounds.append((low, high))
    return bounds


def _together(scene: _Scene, alone: Sequence[Fitted], rise: float) -> JointFit | NotFitted:
    """Fit the hot spheres with one resolution, from where each ended alone."""
    if len(alone) < 2:
        reason = "fewer than two hot spheres could be fitted alone: there is nothing to fit together"
        return NotFitted(None, "too_few_spheres", reason)
    members = _joined(alone, scene.options.common_signal)
    try:
        solution = solve(members, _bounds(members, hot=True))
        return _joint(scene, solution, rise)
    except CannotMeasure as refusal:
        return NotFitted(None, refusal.code, refusal.reason)


def _joined(alone: Sequence[Fitted], common_signal: bool) -> list[Member]:
    """Return the spheres with sigma across and along in common (parameters 0 and 1), and if asked the signal (2)."""
    members, used = [], 3 if common_signal else 2
    for one in alone:
        columns = np.full(PARAMETERS, -1)
        columns[LOG_ACROSS:] = 0, 1
        own = [number for number in range(BACKGROUND + 1) if one.member.columns[number] >= 0]
        if common_signal:
            columns[SIGNAL] = 2
            own.remove(SIGNAL)
        columns[own] = used + np.arange(len(own))
        used += len(own)
        members.append(replace(one.member, start=one.own, columns=columns))
    return members


def _covariance(scene: _Scene, solution: Solution, rise: float) -> tuple[Floats, float]:
    """Return the covariance of a fit's parameters, and the excess of its residuals."""
    variances = [variance_of(one, scene.variance, rise) for one in solution.spheres]
    covariance, taken = solution.covariance(scene.noise, variances)
    left = sum(float((one.residuals**2).sum()) for one in solution.spheres)
    used = [one.member.around.used for one in solution.spheres]
    expected = sum(float(each[mask].sum()) for each, mask in zip(variances, used, strict=True)) - taken
    independent = sum(int(mask.sum()) for mask in used) * scene.noise.independent / scene.noise.voxels
    ratio = left / expected if expected > 0 else 1.0
    surprising = ratio > 1 + SURPRISE_SIGMAS * math.sqrt(2 / max(independent, 1.0))
    return covariance * (ratio if surprising else 1.0), math.sqrt(ratio)


def _estimates(scene: _Scene, one: Fitted, covariance: Floats) -> list[Estimate]:
    """Return the seven parameters in their units: mm, the volume's unit, and the FWHM in mm."""
    up = one.member.lift(len(covariance))
    own = up @ covariance @ up.T
    own[BACKGROUND, BACKGROUND] += one.member.background_variance
    sigmas = np.sqrt(np.maximum(np.diag(own), 0.0))
    values = one.own.copy()
    for number in (SIGNAL, BACKGROUND):
        values[number], sigmas[number] = values[number] * scene.scale, sigmas[number] * scene.scale
    for number in (LOG_ACROSS, LOG_ALONG):
        if sigmas[number] > UNCERTAIN:
            raise CannotMeasure(
                "fit_undetermined",
                f"the noise leaves the FWHM uncertain by {100 * sigmas[number]:.0f} %: acquire for longer",
            )
        values[number] = FWHM_PER_SIGMA * math.exp(values[number])
        sigmas[number] *= values[number]
    return [Estimate(float(value), float(sigma)) for value, sigma in zip(values, sigmas, strict=True)]


def _described(scene: _Scene, solution: Solution, diameter_mm: float, rise: float) -> SphereFit | NotFitted:
    """Return the fit of one sphere alone."""
    one = solution.spheres[0]
    covariance, excess = _covariance(scene, solution, rise)
    try:
        x, y, z, signal, background, across, along = _estimates(scene, one, covariance)
    except CannotMeasure as refusal:
        return NotFitted(diameter_mm, refusal.code, refusal.reason)
    residual = math.sqrt(float((one.residuals**2).sum()) / int(one.member.around.used.sum()))
    return SphereFit(
        diameter_mm,
        x,
        y,
        z,
        signal,
        background,
        across,
        along,
        background_fitted=bool(one.member.columns[BACKGROUND] >= 0),
        residual=residual * scene.scale / abs(background.value) if background.value else 0.0,
        excess=excess,
    )


def _joint(scene: _Scene, solution: Solution, rise: float) -> JointFit:
    """Return the fit of the hot spheres together."""
    covariance, excess = _covariance(scene, solution, rise)
    each = [_estimates(scene, one, covariance) for one in solution.spheres]
    return JointFit(
        diameters_mm=tuple(2 * one.member.around.radius_mm for one in solution.spheres),
        centres_mm=tuple((one[X].value, one[Y].value, one[Z].value) for one in each),
        signals=tuple(one[SIGNAL] for one in each),
        fwhm_transaxial_mm=each[0][LOG_ACROSS],
        fwhm_axial_mm=each[0][LOG_ALONG],
        excess=excess,
    )
