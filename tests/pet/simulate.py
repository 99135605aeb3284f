"""An IEC body phantom in closed form, the twin of `phantoms.pet.IecBody`: it shares nothing with nmqc or phantoms.

What finds and fits the phantom is tested against it, what measures in known places against `phantoms.pet`
(`by_hand`), and the whole command against files of `phantoms.pet`: no error of either phantom goes unseen.

The centre of the ring is the origin of the phantom's own axes: u to the right, v towards the flat side, w along the
axis, the lid at w = -70. World = centre + turn (u, v, w).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import erf

from nmqc.model import InputFile, Source, System, Tracer, Volume

DIAMETERS = (10.0, 13.0, 17.0, 22.0, 28.0, 37.0)
HOT = dict.fromkeys(DIAMETERS, 4.0)
COLD_LARGE = HOT | {28.0: 0.0, 37.0: 0.0}
FWHM_PER_SIGMA = 2.3548200450309493


def source() -> Source:
    return Source(
        (InputFile("pet.dcm", "0" * 64),), System("vereos", "12345678", "PHILIPS", "Vereos"), None, None
    )


def volume_of(values, spacing) -> Volume:
    axes = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    return Volume(source(), values, spacing, "Bq/mL", True, Tracer(), "0" * 8, axes, (0.0, 0.0, 0.0))


def turn_about(axis: int, degrees: float) -> np.ndarray:
    """Right-handed about x, y or z."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix[first, first] = matrix[second, second] = cos
    matrix[first, second], matrix[second, first] = -sin, sin
    return matrix


def ball(r, radius, sigma):
    """A ball of unit value convolved with an isotropic Gaussian, at a distance from its centre (Hofheinz 2010)."""
    z = np.maximum(r, 1e-3) / (np.sqrt(2) * sigma)
    big = radius / (np.sqrt(2) * sigma)
    low, high = np.exp(-((z - big) ** 2)), np.exp(-((z + big) ** 2))
    return 0.5 * (erf(z + big) - erf(z - big)) - (low - high) / (2 * np.sqrt(np.pi) * z)


def depth_in_body(u, v):
    """Depth below the wall of the nominal outline (IEC 61675-1); v towards the flat side, from the ring's axis."""
    q = 35.0 - v
    upper = 147.0 - np.hypot(u, q)
    corner = 77.0 - np.hypot(np.abs(u) - 70.0, q)
    return np.where(q >= 0, upper, np.where(np.abs(u) > 70, corner, 77.0 + q))


@dataclass(frozen=True, kw_only=True)
class Body:
    """What is simulated; `phase_deg` and `sense` as in nmqc.pet.phantom.Ring, before the tilt."""

    shape: tuple[int, int, int] = (61, 128, 120)
    spacing: tuple[float, float, float] = (3.0, 3.0, 3.0)
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    phase_deg: float = 20.0
    sense: int = 1
    tilt_x_deg: float = 0.0
    tilt_y_deg: float = 0.0
    body_deg: float = 0.0  # 180: upside down
    reversed_: bool = False
    length: float = 180.0
    ratios: dict | None = None  # of every diameter: sphere / background; None: no sphere at all
    fwhm: float = 6.0
    background: float = 1000.0
    lung: float | None = 0.0
    ring_mm: float = 57.2
    moved: dict | None = None  # diameter -> (u, v, w) off its corner
    averaged: bool = True
    sizes: tuple[float, ...] = DIAMETERS  # of what is at each diameter's corner

    @property
    def turn(self) -> np.ndarray:
        return turn_about(1, self.tilt_y_deg) @ turn_about(0, self.tilt_x_deg)

    def centres(self) -> np.ndarray:
        """Of the spheres, in order of diameter: x, y, z."""
        angles = np.radians(self.phase_deg + self.sense * 60.0 * np.arange(5, -1, -1))
        own = self.ring_mm * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
        for diameter, shift in (self.moved or {}).items():
            own[DIAMETERS.index(diameter)] += shift
        return np.asarray(self.centre) + own @ self.turn.T

    def axes(self):
        return tuple((np.arange(n) - (n - 1) / 2) * s for n, s in zip(self.shape, self.spacing, strict=True))

    def own_axes(self):
        """u, v, w of every voxel: the phantom's own axes, about the ring's centre."""
        z, y, x = self.axes()
        inverse = (self.turn @ turn_about(2, self.body_deg)).T
        at = [
            x[None, None, :] - self.centre[0],
            y[None, :, None] - self.centre[1],
            z[:, None, None] - self.centre[2],
        ]
        return tuple(sum(inverse[i, j] * at[j] for j in range(3)) for i in range(3))

    def values(self) -> np.ndarray:
        sigma = self.fwhm / FWHM_PER_SIGMA
        u, v, w = self.own_axes()
        w = -w if self.reversed_ else w
        edge = np.sqrt(2) * sigma
        image = 0.5 * (1 + erf(depth_in_body(u, v) / edge))
        image *= 0.25 * (1 + erf((w + 70) / edge)) * (1 + erf((self.length - 70 - w) / edge))
        if self.lung is not None:
            image *= 1 - (1 - self.lung) * 0.5 * (1 + erf((25.0 - np.hypot(u, v)) / edge))
        if self.ratios is not None:
            for diameter, size, centre in zip(DIAMETERS, self.sizes, self.centres(), strict=True):
                self._add(image, size / 2, self.ratios[diameter], centre, sigma)
        return self.background * image

    def _add(self, image, radius, ratio, centre, sigma):
        if ratio is None:
            return
        cut = tuple(
            slice(*np.searchsorted(axis, (c - radius - 16, c + radius + 16)))
            for axis, c in zip(self.axes(), centre[::-1], strict=True)
        )
        nodes, weights = np.polynomial.legendre.leggauss(3) if self.averaged else ([0.0], [2.0])
        for a, wa in zip(nodes, weights, strict=True):
            for b, wb in zip(nodes, weights, strict=True):
                for c, wc in zip(nodes, weights, strict=True):
                    z, y, x = (
                        axis[part] - centre[2 - i] + shift * self.spacing[i] / 2
                        for i, (axis, part, shift) in enumerate(zip(self.axes(), cut, (a, b, c), strict=True))
                    )
                    r = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
                    part = ratio * ball(r, radius, sigma) - ball(r, radius + 1.0, sigma)
                    image[cut] += wa * wb * wc / 8 * part

    def volume(self, noise=0.0, seed=0, correlation=None, ends=0.0) -> Volume:
        """A volume with correlated noise of `noise` parts of the background, and `ends` parts in the end slices."""
        return noisy(self, self.values(), noise, seed, correlation, ends)


def field(shape, spacing, fwhm: float, seed: int) -> np.ndarray:
    """White noise filtered by a Gaussian of a FWHM in mm, of standard deviation 1."""
    sigmas = [fwhm / FWHM_PER_SIGMA / one for one in spacing]
    filtered = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), sigmas, mode="wrap")
    return filtered / filtered.std()


def noisy(body: Body, values, noise=0.0, seed=0, correlation=None, ends=0.0) -> Volume:
    if noise or ends:
        size = np.full(body.shape[0], noise)
        size[:3] += ends
        size[-3:] += ends
        values = values + body.background * size[:, None, None] * field(
            body.shape, body.spacing, correlation or body.fwhm, seed
        )
    return volume_of(values.astype(np.float32), body.spacing)
