"""The sinusoid of a source by weighted linear least squares, its residuals, and what else they show."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nmqc.cor.centroids import Source
from nmqc.cor.views import Floats, Head, waves
from nmqc.measure.chance import chi_squared_tail

COUNTING, SCATTER = "counting", "scatter of the views"  # parts of uncertainties
UNLIKELY = 0.01  # chance below which residuals are more than counting explains
SPIKE_SIGMAS, SPIKE_MADS, SPIKE_MM = 5.0, 4.0, 0.3  # all three, for a view to stand out
MAD_TO_SIGMA = 1.4826
VIEWS_FOR_SHAPE = 16  # from which drift and sag are fitted when views that stand out are looked for
ON_AXIS_MM = 10.0  # radius, below which tilt and phase are not told


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Values fitted by weighted least squares.

    Attributes
    ----------
    values : the coefficients
    covariance : by counting alone
    widening : of the standard deviations, where the residuals are more than counting explains; 1 where not
    """

    values: Floats
    covariance: Floats
    widening: float

    def parts(self, variance: float) -> dict[str, float]:
        """Return the parts of the uncertainty of a quantity, from its variance by counting."""
        counting = float(variance) ** 0.5
        parts = {COUNTING: counting}
        if self.widening > 1:
            parts[SCATTER] = counting * (self.widening**2 - 1) ** 0.5
        return parts

    def sigma(self, number: int) -> float:
        """Return the standard deviation of a coefficient, everything included."""
        return float(self.covariance[number, number] ** 0.5 * self.widening)


def fitted(design: Floats, values: Floats, sigma: Floats, *, counting: bool = True) -> Fit:
    """Fit values by least squares with the weights 1 / sigma^2.

    Parameters
    ----------
    design : shape (values, coefficients)
    counting : False where sigma is not the noise: the residuals alone then tell it; where as many values as
        coefficients leave none, the covariance is 0
    """
    scaled = design / sigma[:, None]
    covariance = np.asarray(np.linalg.inv(scaled.T @ scaled), np.float64)
    found = np.asarray(covariance @ (scaled.T @ (values / sigma)))
    found += covariance @ (scaled.T @ ((values - design @ found) / sigma))  # once more: to the last bit
    degrees = values.size - design.shape[1]
    chi_squared = float((((values - design @ found) / sigma) ** 2).sum())
    if not counting:
        return Fit(found, np.asarray(covariance * chi_squared / max(degrees, 1) * (degrees > 0)), 1.0)
    widened = degrees > 0 and chi_squared_tail(degrees, chi_squared) < UNLIKELY
    return Fit(found, np.asarray(covariance), (chi_squared / degrees) ** 0.5 if widened else 1.0)


@dataclass(frozen=True, eq=False)
class Turn:
    """One source and its sinusoid x = a + b cos(theta) + c sin(theta), in mm from the centre of the matrix."""

    head: Head
    source: Source

    @cached_property
    def theta(self) -> Floats:
        """The angles of the views used."""
        return np.asarray(self.head.theta[self.source.used])

    @cached_property
    def view(self) -> Floats:
        """The views used, counted from the middle of the acquisition."""
        return np.asarray(np.flatnonzero(self.source.used) - (self.head.views - 1) / 2)

    @cached_property
    def x_mm(self) -> Floats:
        """The centroids of the views used."""
        return np.asarray(self.source.x_mm[self.source.used])

    @cached_property
    def y_mm(self) -> Floats:
        """The centroids along the axis of the views used."""
        return np.asarray(self.source.y_mm[self.source.used])

    @cached_property
    def sigma_x_mm(self) -> Floats:
        """Their standard deviations by counting."""
        return np.asarray(self.source.sigma_x_mm[self.source.used])

    @cached_property
    def sigma_y_mm(self) -> Floats:
        """Their standard deviations by counting."""
        return np.asarray(self.source.sigma_y_mm[self.source.used])

    @cached_property
    def waves(self) -> Floats:
        """Columns 1, cos and sin."""
        return waves(self.theta)

    @cached_property
    def fit(self) -> Fit:
        """The sinusoid: offset, and the amplitudes of cos and sin; on a full circle cos 2 and sin 2 follow.

        There a sag neither moves the offset, where the weights of the views differ, nor widens its uncertainty.
        """
        design = self.waves
        if self.head.full_circle and self.theta.size >= VIEWS_FOR_SHAPE:
            design = np.column_stack([self.waves, np.cos(2 * self.theta), np.sin(2 * self.theta)])
        return fitted(design, self.x_mm, self.sigma_x_mm, counting=self.counting)

    @cached_property
    def sinusoid_mm(self) -> Floats:
        """The fitted sinusoid in each view used, offset included, without the second harmonic."""
        return np.asarray(self.waves @ self.fit.values[:3])

    @property
    def counting(self) -> bool:
        """True where the noise is that of counts."""
        return self.head.first.raw_counts

    @cached_property
    def residuals_mm(self) -> Floats:
        """What the sinusoid leaves of the centroids."""
        return np.asarray(self.x_mm - self.sinusoid_mm)

    @property
    def place_mm(self) -> tuple[float, float]:
        """Where the source is: x to the patient's left, y to the back, from the axis."""
        b, c = self.fit.values[1:3] / self.head.blur
        return -float(b), float(c)

    @property
    def radius_mm(self) -> float:
        """Distance from the axis."""
        return float(np.hypot(*self.place_mm))

    @property
    def radius_variance(self) -> float:
        """Variance of the radius by counting."""
        way = self.fit.values[1:3] / max(float(np.hypot(*self.fit.values[1:3])), 1e-12)
        return float(way @ self.fit.covariance[1:3, 1:3] @ way) / self.head.blur**2

    @property
    def phase_rad(self) -> float:
        """The angle alpha of x = a + r cos(theta - alpha)."""
        return float(np.arctan2(self.fit.values[2], self.fit.values[1]))

    @property
    def phase_variance(self) -> float:
        """Variance of the phase by counting, in square radians."""
        b, c = self.fit.values[1:3]
        way = np.array([-c, b]) / (b * b + c * c)
        return float(way @ self.fit.covariance[1:3, 1:3] @ way)

    @property
    def on_axis(self) -> bool:
        """True where the source lies too near to the axis to tell tilt and phase."""
        return self.radius_mm < ON_AXIS_MM

    @property
    def depth_mm(self) -> Floats:
        """How far the source is from the plane through the axis, towards the detector, in each view used."""
        x, y = self.place_mm
        return np.asarray(self.head.blur * (x * np.sin(self.theta) + y * np.cos(self.theta)))

    @cached_property
    def columns(self) -> Floats:
        """Columns 1, cos, sin, view, and on a full circle cos 2 and sin 2: what a steady gantry may do."""
        columns = [*self.waves.T, self.view]
        if self.head.full_circle:
            columns += [np.cos(2 * self.theta), np.sin(2 * self.theta)]
        return np.column_stack(columns)

    @cached_property
    def spikes(self) -> NDArray[np.intp]:
        """Which of the views used stand out to a side.

        Where there are views enough, drift and sag are fitted too, that they do not hide a slip.
        """
        return self._standing_out(self._form, self.x_mm, self.sigma_x_mm)

    @cached_property
    def axial_spikes(self) -> NDArray[np.intp]:
        """Which of the views used stand out along the axis."""
        return self._standing_out(self.waves, self.y_mm, self.sigma_y_mm)

    @property
    def _form(self) -> Floats:
        return self.columns if self.theta.size >= VIEWS_FOR_SHAPE else self.waves

    def _standing_out(self, design: Floats, values: Floats, sigma: Floats) -> NDArray[np.intp]:
        """Return the views that stand out: the worst is taken out and the rest fitted again, until none does."""
        left = np.arange(values.size)
        while left.size > max(design.shape[1] + 3, values.size // 2):
            off = np.abs(self._off(design, values, sigma, left)[left])
            worst = int(off.argmax())
            scatter = MAD_TO_SIGMA * float(np.median(off))
            noise = float(sigma[left[worst]]) if self.counting else 0.0
            if off[worst] < max(SPIKE_MM, SPIKE_SIGMAS * noise, SPIKE_MADS * scatter):
                break
            left = np.delete(left, worst)
        return np.setdiff1d(np.arange(values.size), left)

    def _off(self, design: Floats, values: Floats, sigma: Floats, kept: NDArray[np.intp]) -> Floats:
        """Return how far all views are from a fit to some of them."""
        fit = fitted(design[kept], values[kept], sigma[kept], counting=self.counting)
        return np.asarray(values - design @ fit.values)

    @cached_property
    def axial_residuals_mm(self) -> Floats:
        """What a sinusoid through the views that do not stand out leaves of the axial positions."""
        kept = np.setdiff1d(np.arange(self.y_mm.size), self.axial_spikes)
        return self._off(self.waves, self.y_mm, self.sigma_y_mm, kept)

    @cached_property
    def steady(self) -> NDArray[np.intp]:
        """The views used that do not stand out."""
        return np.setdiff1d(np.arange(self.x_mm.size), self.spikes)

    @cached_property
    def slips_mm(self) -> Floats:
        """How far each of the views that stand out is from the fit to the others, to the right."""
        return self._off(self._form, self.x_mm, self.sigma_x_mm, self.steady)[self.spikes]

    @property
    def axial_slips_mm(self) -> Floats:
        """How far each of the views that stand out along the axis is from the fit to the others, down."""
        return np.asarray(self.axial_residuals_mm[self.axial_spikes])

    @cached_property
    def shape(self) -> Fit:
        """The fit of `columns`, without the views that stand out: a slipped view is no drift."""
        kept = self.steady
        return fitted(self.columns[kept], self.x_mm[kept], self.sigma_x_mm[kept], counting=self.counting)
