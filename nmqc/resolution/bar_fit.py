"""The resolution of the camera from the modulations of bars of several widths: the joint Gaussian fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nmqc.errors import CannotMeasure
from nmqc.measure.chance import chi_squared_tail
from nmqc.measure.roots import root
from nmqc.resolution.bar_image import Floats
from nmqc.resolution.bar_quadrants import SEEN, Quadrant

GAUSSIAN = np.pi**2 / (4 * np.log(2))  # MTF = exp(-GAUSSIAN (F f)^2)
MEASURABLE = (
    0.05  # modulation; below what is wanted, so that few results hang on noise at this very threshold
)
FEWEST = 3  # measurable quadrants
RESOLVED = 0.08  # modulation at which bars count as resolved
STEPS = 60
MOST_ALIKE = (
    200.0  # condition number of the fit, beyond which widths are too much alike to tell FWHM and contrast
)
UNLIKELY = 0.001  # chance of a chi-squared beyond which the uncertainties are widened by it


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """One modulation that is fitted: the quadrant, and what the pixels leave of it."""

    quadrant: Quadrant
    aperture: float

    @property
    def blur(self) -> Floats:
        """GAUSSIAN times (fx^2, fy^2): what a squared FWHM in x and in y takes from -ln(MTF)."""
        return np.asarray(GAUSSIAN * np.array([self.quadrant.fx**2, self.quadrant.fy**2]))


@dataclass(frozen=True, slots=True, eq=False)
class JointFit:
    """What the joint fit gives.

    Attributes
    ----------
    fwhm_mm : shape (1,) or, for x and y apart, (2,)
    contrast : C0, the input contrast
    covariance : of (fwhm_mm..., contrast); widened by chi-squared over its degrees where that is unlikely
    chi_squared, degrees : of the fit
    widened : True where the covariance is widened
    pull : derivative of ln(contrast) by the squared modulation of every point
    spread : standard deviation of the squared modulation of every point, by the model
    apart : True where the FWHM is the mean of x and y, fitted apart
    """

    fwhm_mm: Floats
    contrast: float
    covariance: Floats
    chi_squared: float
    degrees: int
    widened: bool
    pull: Floats
    spread: Floats
    apart: bool = False

    @property
    def factor(self) -> float:
        """By how much the uncertainties are widened."""
        return float((self.chi_squared / self.degrees) ** 0.5) if self.widened else 1.0

    def parts(self, sigma: float) -> dict[str, float]:
        """Return the counting part of a widened standard deviation, and what an unlikely chi-squared adds."""
        if not self.widened:
            return {"counting": sigma}
        counting = sigma / self.factor
        return {"counting": counting, "fit": float((sigma**2 - counting**2) ** 0.5)}

    def sigma(self, number: int) -> float:
        """Standard deviation of one of (fwhm_mm..., contrast)."""
        return float(self.covariance[number, number] ** 0.5)


def point(quadrant: Quadrant, spacing_mm: tuple[float, float]) -> Point:
    """Return a quadrant with the factor sinc(fx px) sinc(fy py) by which the pixels lower its modulation."""
    down, along = spacing_mm
    return Point(quadrant, float(np.sinc(quadrant.fx * along) * np.sinc(quadrant.fy * down)))


def measurable(points: Sequence[Point]) -> list[Point]:
    """Return the points of which the modulation is at least 0.05 and five times its uncertainty."""
    return [
        one for one in points if one.quadrant.found.value >= MEASURABLE and one.quadrant.found.snr >= SEEN
    ]


def joint_fit(points: Sequence[Point], *, apart: bool = False) -> JointFit:
    """Fit FWHM and input contrast to the noise-corrected squared modulations of all quadrants.

    m^2 = (16 / pi^2) C0^2 exp(-pi^2 F^2 f^2 / (2 ln 2)) sinc^2(fx px) sinc^2(fy py), by weighted non-linear least
    squares with the variances 4 m^2 s^2 + 4 s^4, s^2 = (2 - m^2) / N, taken from the model. Negative values are kept
    and no quadrant is left out for a small modulation: that would bias the result towards a better camera.

    Parameters
    ----------
    points : the quadrants of one or several images
    apart : fit the FWHM in x and in y by themselves

    Raises
    ------
    CannotMeasure
        ``too_few_quadrants``: fewer than three have a modulation of 0.05 or more, known to a fifth of itself.
        ``not_separable``: the bars do not tell x from y, or FWHM from contrast.
        ``no_blur``: the modulations rise with the frequency.

    References
    ----------
    docs/methods/bars.md.
    """
    good = measurable(points)
    if len(good) < FEWEST:
        names = ", ".join(f"{one.quadrant.nominal_mm:g} mm" for one in good) or "none"
        raise CannotMeasure(
            "too_few_quadrants",
            f"fewer than {FEWEST} quadrants have a modulation of {MEASURABLE}, five times its uncertainty "
            f"({names}): use wider bars, or acquire more counts",
        )
    blur = np.array([one.blur if apart else [one.blur.sum()] for one in points])
    parameters = _start(good, blur, points)
    for _ in range(STEPS):
        parameters, move = _step(points, blur, parameters)
        if np.abs(move).max() < 1e-10:
            break
    return _result(points, blur, parameters)


def _start(good: Sequence[Point], blur: Floats, points: Sequence[Point]) -> Floats:
    """Return (F^2..., ln C0) by the straight line through ln(m / aperture)."""
    chosen = [points.index(one) for one in good]
    value = np.array([one.quadrant.found.value / one.aperture for one in good])
    weight = np.array([one.quadrant.found.snr for one in good])
    design = np.column_stack([-blur[chosen], np.ones(len(good))])
    if np.linalg.cond(design / np.linalg.norm(design, axis=0)) > MOST_ALIKE:
        raise _not_separable()
    logs = np.log(np.pi / 4 * value)
    return np.asarray(np.linalg.lstsq(design * weight[:, None], logs * weight, rcond=None)[0])


def _not_separable() -> CannotMeasure:
    return CannotMeasure(
        "not_separable",
        "bars of one width in a direction do not tell FWHM and contrast apart: use a phantom of several widths",
    )


def _model(points: Sequence[Point], blur: Floats, parameters: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the squared modulations, their derivatives by the parameters, and their standard deviations."""
    aperture = np.array([one.aperture for one in points])
    exponent = np.clip(2 * (parameters[-1] - blur @ parameters[:-1]), -80, 5)
    squared = (4 / np.pi * aperture) ** 2 * np.exp(exponent)
    slopes = squared[:, None] * np.column_stack([-2 * blur, np.full(len(points), 2.0)])
    # sigma^2 of the measurement is (2 - m^2) times the noise: with the model's m in place of the measured
    noise = np.array(
        [one.quadrant.found.sigma**2 / max(2 - one.quadrant.found.squared, 0.2) for one in points]
    )
    variance = np.maximum(2 - squared, 0.2) * noise
    return squared, slopes, np.sqrt(4 * squared * variance + 4 * variance**2)


def _step(points: Sequence[Point], blur: Floats, parameters: Floats) -> tuple[Floats, Floats]:
    squared, slopes, sigma = _model(points, blur, parameters)
    measured = np.array([one.quadrant.found.squared for one in points])
    move = np.linalg.lstsq(slopes / sigma[:, None], (measured - squared) / sigma, rcond=None)[0]
    limited = move / max(1.0, float(np.abs(move / np.append(np.full(blur.shape[1], 20.0), 0.5)).max()))
    return parameters + limited, limited


def _result(points: Sequence[Point], blur: Floats, parameters: Floats) -> JointFit:
    squared, slopes, sigma = _model(points, blur, parameters)
    measured = np.array([one.quadrant.found.squared for one in points])
    information = (slopes / sigma[:, None]).T @ (slopes / sigma[:, None])
    if np.linalg.cond(information) > 1e14:
        raise _not_separable()
    covariance = np.linalg.inv(information)
    if (parameters[:-1] <= 0).any():
        raise CannotMeasure(
            "no_blur",
            "narrow bars show no less modulation than wide ones: this is no image of a camera's blur",
        )
    fwhm, contrast = np.sqrt(parameters[:-1]), float(np.exp(parameters[-1]))
    scale = np.append(0.5 / fwhm, contrast)
    chi_squared = float((((measured - squared) / sigma) ** 2).sum())
    degrees = len(points) - len(parameters)
    widened = degrees > 0 and chi_squared_tail(degrees, chi_squared) < UNLIKELY
    covariance = covariance * np.outer(scale, scale) * (chi_squared / degrees if widened else 1.0)
    pull = (np.linalg.inv(information) @ (slopes / sigma[:, None] ** 2).T)[-1]
    return JointFit(fwhm, contrast, covariance, chi_squared, degrees, widened, pull, sigma)


def mtf_of(points: Sequence[Point], number: int, fit: JointFit) -> tuple[float, float]:
    """Return the MTF at one of the points that were fitted, (pi / 4) m / C0 without the pixels, and its uncertainty.

    The contrast hangs on the same modulations: d ln(MTF) = dm^2 / (2 m^2) - d ln(C0).
    """
    one = points[number]
    value = np.pi / 4 * one.quadrant.found.value / fit.contrast / one.aperture
    slopes = -fit.pull
    slopes[number] += 0.5 / one.quadrant.found.squared
    sigma = value * float(((slopes * fit.spread) ** 2).sum()) ** 0.5
    return float(value), float(sigma * fit.factor)


def camera_fit(points: Sequence[Point]) -> JointFit:
    """Return the joint fit with one FWHM; where the modulations contradict that, the mean of one in x and one in y.

    Bars in the two directions see the two blurs of the camera: where these differ, one Gaussian for both trades the
    difference for contrast and lands far off. The fit with both apart is taken where one alone is unlikely (a chance
    of 0.001) and both apart are not.

    Raises
    ------
    CannotMeasure
        As `joint_fit`.
    """
    alike = joint_fit(points)
    if not alike.widened:
        return alike
    try:
        apart = joint_fit(points, apart=True)
    except CannotMeasure:
        return alike
    return alike if apart.widened else averaged(apart)


def averaged(fit: JointFit) -> JointFit:
    """Return a fit whose one FWHM is the mean of those in x and in y."""
    number = fit.fwhm_mm.size
    mean = np.zeros((2, number + 1))
    mean[0, :number], mean[1, number] = 1 / number, 1.0
    return replace(
        fit, fwhm_mm=mean[:1, :number] @ fit.fwhm_mm, covariance=mean @ fit.covariance @ mean.T, apart=True
    )


def resolved_limit(fit: JointFit, spacing_mm: float) -> tuple[float, float]:
    """Return the bar width at which the fitted curve has a modulation of 0.08, and its uncertainty, in mm.

    The curve is that of the image, pixels included: bars along the rows or columns of square pixels.

    Raises
    ------
    CannotMeasure
        ``below_limit``: the curve stays below 0.08, or reaches it beyond bars of 1 to 20 mm.
    """
    fwhm, contrast = float(fit.fwhm_mm[0]), fit.contrast
    width = _limit(fwhm, contrast, spacing_mm)
    steps = 1e-4 * fwhm, 1e-4 * contrast
    slopes = np.array(
        [
            (_limit(fwhm + steps[0], contrast, spacing_mm) - width) / steps[0],
            (_limit(fwhm, contrast + steps[1], spacing_mm) - width) / steps[1],
        ]
    )
    part = fit.covariance[np.ix_([0, -1], [0, -1])]
    return width, float((slopes @ part @ slopes) ** 0.5)


def _limit(fwhm_mm: float, contrast: float, spacing_mm: float) -> float:
    def excess(width_mm: float) -> float:
        f = 0.5 / width_mm
        return (
            float(4 / np.pi * contrast * np.exp(-GAUSSIAN * (fwhm_mm * f) ** 2) * np.sinc(f * spacing_mm))
            - RESOLVED
        )

    low, high = max(1.0, 0.55 * spacing_mm), 20.0
    if excess(low) >= 0 or excess(high) <= 0:
        raise CannotMeasure(
            "below_limit",
            "the fitted curve does not cross a modulation of 0.08 between bars of 1 and 20 mm: "
            "is this an image as it was acquired?",
        )
    return root(excess, low, high)


def smallest_resolved(quadrants: Sequence[Quadrant], unmeasured_mm: Sequence[float] = ()) -> float:
    """Return the smallest bars in mm that are resolved, all wider ones being resolved too.

    Resolved: a modulation of 0.08 or more, and five times its uncertainty.

    Parameters
    ----------
    quadrants : those that were measured
    unmeasured_mm : widths of the bars that were not

    Raises
    ------
    CannotMeasure
        ``none_resolved``. ``not_all_measured``: the answer hangs on bars that were not measured.
    """
    smallest = None
    for one in sorted(quadrants, key=lambda one: -one.nominal_mm):
        if one.found.value < RESOLVED or one.found.snr < SEEN:
            known_to = one.nominal_mm
            break
        smallest = one.nominal_mm
    else:
        known_to = 0.0
    if any(width > known_to for width in unmeasured_mm):
        raise CannotMeasure(
            "not_all_measured",
            "the smallest resolved bars may be among those that could not be measured: put the whole phantom in the "
            "field, on pixels fine enough for its bars",
        )
    if smallest is None:
        raise CannotMeasure("none_resolved", "not even the widest bars are resolved: acquire more counts")
    return smallest
