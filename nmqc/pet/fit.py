"""The spheres of the IEC phantom as a model: reconstructed resolution, and recovered activity.

Each sphere is a uniform ball with a cold wall in a uniform background, blurred by a Gaussian that may be wider or
narrower along the axis than across it (`sphere_image`); its voxels are means over their width, unless the options say
that they are samples. Each is fitted alone, and all hot ones together with one resolution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nmqc.errors import CannotMeasure
from nmqc.measure.gaussian import FWHM_PER_SIGMA
from nmqc.model import Volume
from nmqc.pet.fit_members import Scene, bounds_of, joined, member_of, scene_of
from nmqc.pet.fits import Estimate, FitOptions, JointFit, NotFitted, SphereFit, SphereFits
from nmqc.pet.least_squares import Fitted, Solution, noise_rise, solve, variance_of
from nmqc.pet.phantom import IecPhantom, Sphere
from nmqc.pet.sphere import Floats
from nmqc.pet.sphere_image import BACKGROUND, LOG_ACROSS, LOG_ALONG, SIGNAL, X, Y, Z

__all__ = ["Estimate", "FitOptions", "JointFit", "NotFitted", "SphereFit", "SphereFits", "fit_spheres"]

UNCERTAIN = 0.5  # of the FWHM: a larger standard deviation does not tell it
SURPRISE_SIGMAS = 3.0  # from which residuals are more than noise
TELLS_NOISE_MM = 17.0  # diameter from which a fit leaves most of the noise to its residuals


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
    scene = scene_of(volume, phantom, options or FitOptions())
    alone = [_alone(scene, sphere) for sphere in phantom.spheres]
    hot = [
        one.spheres[0]
        for one, sphere in zip(alone, phantom.spheres, strict=True)
        if sphere.state == "hot" and not isinstance(one, NotFitted)
    ]
    large = [one for one in hot if 2 * one.member.around.radius_mm >= TELLS_NOISE_MM]
    rise = noise_rise(large or hot, scene.variance)
    fits = tuple(
        one if isinstance(one, NotFitted) else _described(scene, one, sphere.diameter_mm, rise)
        for one, sphere in zip(alone, phantom.spheres, strict=True)
    )
    return SphereFits(fits, _together(scene, hot, rise), scene.noise)


def _alone(scene: Scene, sphere: Sphere) -> Solution | NotFitted:
    """Fit one sphere, or say why not."""
    if sphere.state == "absent":
        return NotFitted(
            sphere.diameter_mm,
            "sphere_absent",
            "the sphere cannot be told from the background: there is nothing to fit",
        )
    try:
        member = member_of(scene, sphere)
        return solve([member], bounds_of([member], sphere.state == "hot"))
    except CannotMeasure as refusal:
        return NotFitted(sphere.diameter_mm, refusal.code, refusal.reason)


def _together(scene: Scene, alone: Sequence[Fitted], rise: float) -> JointFit | NotFitted:
    """Fit the hot spheres with one resolution, from where each ended alone."""
    if len(alone) < 2:
        reason = "fewer than two hot spheres could be fitted alone: there is nothing to fit together"
        return NotFitted(None, "too_few_spheres", reason)
    members = joined(alone, scene.options.common_signal)
    try:
        solution = solve(members, bounds_of(members, hot=True))
        return _joint(scene, solution, rise)
    except CannotMeasure as refusal:
        return NotFitted(None, refusal.code, refusal.reason)


def _covariance(scene: Scene, solution: Solution, rise: float) -> tuple[Floats, float]:
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


def _estimates(scene: Scene, one: Fitted, covariance: Floats) -> list[Estimate]:
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


def _described(scene: Scene, solution: Solution, diameter_mm: float, rise: float) -> SphereFit | NotFitted:
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


def _joint(scene: Scene, solution: Solution, rise: float) -> JointFit:
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
