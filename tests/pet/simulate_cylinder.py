"""A uniform cylinder in closed form, for tests of what measures it. It shares nothing with nmqc or phantoms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from nmqc.model import Volume
from tests.pet.simulate import FWHM_PER_SIGMA, field, volume_of


@dataclass(frozen=True, kw_only=True)
class Tube:
    """x = centre + slope z is the axis; all in mm. Off the centre, not cubic, not square, unless a test says so."""

    shape: tuple[int, int, int] = (75, 110, 128)
    spacing: tuple[float, float, float] = (3.0, 2.5, 2.2)
    centre: tuple[float, float, float] = (7.0, -12.0, 5.0)
    slopes: tuple[float, float] = (0.0, 0.0)
    radius: float = 100.0
    length: float = 180.0
    level: float = 5000.0
    fwhm: float = 6.0
    axial_percent_per_mm: float = 0.0  # a straight slope along z, about the cylinder's middle
    bump: tuple[float, float, float] | None = None  # (z, width, percent): slices brighter by a step
    across_percent_per_mm: float = 0.0  # along x, about the axis
    ring: tuple[float, float, float] | None = None  # (radius, width, percent)
    widened: float = 1.0  # of x: an oval

    def axes(self):
        return tuple((np.arange(n) - (n - 1) / 2) * s for n, s in zip(self.shape, self.spacing, strict=True))

    def values(self) -> np.ndarray:
        z, y, x = self.axes()
        z = z[:, None, None]
        u = (x - self.centre[0] - self.slopes[0] * (z - self.centre[2])) / self.widened
        v = y[:, None] - self.centre[1] - self.slopes[1] * (z - self.centre[2])
        r, w = np.hypot(u, v), z - self.centre[2]
        edge = np.sqrt(2) * self.fwhm / FWHM_PER_SIGMA
        image = 0.5 * (1 + erf((self.radius - r) / edge))
        image = image * 0.5 * (erf((w + self.length / 2) / edge) - erf((w - self.length / 2) / edge))
        image = image * (1 + self.axial_percent_per_mm / 100 * w) * (1 + self.across_percent_per_mm / 100 * u)
        if self.bump:
            image = image * (1 + self.bump[2] / 100 * (np.abs(z - self.bump[0]) < self.bump[1] / 2))
        if self.ring:
            image = image * (1 + self.ring[2] / 100 * (np.abs(r - self.ring[0]) < self.ring[1] / 2))
        return self.level * image

    def volume(self, noise=0.0, seed=0, correlation=6.0, spots=()) -> Volume:
        """`noise` parts of the level, correlated; `spots` of (x, y, z, value), 10 mm wide."""
        return self.noisy(self.values(), noise, seed, correlation, spots)

    def noisy(self, values, noise, seed, correlation=6.0, spots=()) -> Volume:
        z, y, x = self.axes()
        for at_x, at_y, at_z, height in spots:
            far = (x - at_x) ** 2 + (y[:, None] - at_y) ** 2 + (z[:, None, None] - at_z) ** 2
            values = values + height * np.exp(-far / 2 / 25)
        if noise:
            values = values + noise * self.level * field(self.shape, self.spacing, correlation, seed)
        return volume_of(values.astype(np.float32), self.spacing)
