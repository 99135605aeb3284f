"""A phantom whose place is known beforehand, with voxels in closed form: nothing is found, nothing is shared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import erf

from nmqc.measure.frames import Findings
from nmqc.model import InputFile, Measurement, Source, System, Tracer, Volume
from nmqc.pet.phantom import IecPhantom, LungAxis, Ring, Sphere

DIAMETERS = (10.0, 13.0, 17.0, 22.0, 28.0, 37.0)
WIDTHS = 2 * math.sqrt(2 * math.log(2))
HOT = ("hot",) * 6
COLD = ("hot",) * 4 + ("cold",) * 2
NODES, SHARES = np.polynomial.legendre.leggauss(4)


def blurred(distance: NDArray[np.float64], radius: float, sigma: float) -> NDArray[np.float64]:
    """Return a ball of value 1 convolved with a Gaussian (Hofheinz 2010), at some distances from its centre."""
    r = np.maximum(distance, 1e-4)
    scale = math.sqrt(2) * sigma
    steps = 0.5 * (erf((r + radius) / scale) - erf((r - radius) / scale))
    bells = np.exp(-(((r - radius) / scale) ** 2)) - np.exp(-(((r + radius) / scale) ** 2))
    return np.asarray(steps - sigma / (math.sqrt(2 * math.pi) * r) * bells)


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """A filled phantom; every sphere at its corner but for `moved_mm`."""

    shape: tuple[int, int, int] = (45, 130, 162)
    spacing_mm: tuple[float, float, float] = (2.0, 2.0, 2.0)
    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    phase_deg: float = 20.0
    sense: int = 1
    states: Sequence[str] = HOT
    ratio: float = 4.0
    background: float = 1000.0
    fwhm_mm: float = 5.0
    wall_mm: float = 1.0
    averaged: bool = False
    lung: float = 0.0  # of the background
    lung_length_mm: float = 80.0
    turned_deg: float = 0.0  # of the body about the ring's axis
    sigma_mm: float = 0.0
    moved_mm: Sequence[tuple[float, float, float]] = ((0.0, 0.0, 0.0),) * 6

    def corners(self) -> NDArray[np.float64]:
        """Return (x, y, z) of the spheres from 10 to 37 mm."""
        angle = np.radians(self.phase_deg + self.sense * 60.0 * np.arange(5, -1, -1))
        flat = np.stack([57.2 * np.cos(angle), 57.2 * np.sin(angle), np.zeros(6)], axis=1)
        return flat + self.centre_mm + np.array(self.moved_mm)

    def axes(self) -> tuple[NDArray[np.float64], ...]:
        """Return z, y, x of the voxels' centres."""
        return tuple(
            (np.arange(n) - (n - 1) / 2) * d for n, d in zip(self.shape, self.spacing_mm, strict=True)
        )

    def body(self) -> NDArray[np.bool_]:
        """Return the inside of the wall by IEC 61675-1, flat side towards +y before the turn, on every slice."""
        _, y, x = self.axes()
        turn = math.radians(self.turned_deg)
        right, down = x[None, :] - self.centre_mm[0], y[:, None] - self.centre_mm[1]
        u = right * math.cos(turn) + down * math.sin(turn)
        q = 35.0 - (down * math.cos(turn) - right * math.sin(turn))
        upper = np.hypot(u, q) <= 147
        lower = np.where(np.abs(u) <= 70, q >= -77, np.hypot(np.abs(u) - 70, q) <= 77)
        return np.repeat(np.where(q >= 0, upper, lower)[None], self.shape[0], axis=0)

    def values(self) -> NDArray[np.float64]:
        """Return the voxels, sampled at their centres or averaged over themselves; the body's wall is sharp."""
        z, y, x = self.axes()
        image = np.where(self.body(), self.background, 0.0)
        image[:] *= np.where(
            np.hypot(x[None, :] - self.centre_mm[0], y[:, None] - self.centre_mm[1]) > 25, 1, self.lung
        )
        for place, diameter, state in zip(self.corners(), DIAMETERS, self.states, strict=True):
            cut = tuple(
                np.flatnonzero(np.abs(axis - middle) <= diameter / 2 + 3 * self.fwhm_mm)
                for axis, middle in zip((z, y, x), place[::-1], strict=True)
            )
            level = {"hot": self.ratio, "cold": 0.0, "absent": 1.0}[state]
            image[np.ix_(*cut)] += self.background * self._sphere(
                [axis[one] for axis, one in zip((z, y, x), cut, strict=True)], place, diameter, level
            )
        return image

    def _sphere(self, axes, place, diameter, level):
        if level == 1.0:
            return 0.0
        sigma = self.fwhm_mm / WIDTHS
        offs, shares = ([0.0], [1.0]) if not self.averaged else (NODES / 2, SHARES / 2)
        total = 0.0
        for dz, wz in zip(offs, shares, strict=True):
            for dy, wy in zip(offs, shares, strict=True):
                for dx, wx in zip(offs, shares, strict=True):
                    z, y, x = (
                        axis + part * pitch - middle
                        for axis, part, pitch, middle in zip(
                            axes, (dz, dy, dx), self.spacing_mm, place[::-1], strict=True
                        )
                    )
                    r = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
                    inner = blurred(r, diameter / 2, sigma)
                    outer = blurred(r, diameter / 2 + self.wall_mm, sigma)
                    total = total + wz * wy * wx * (level * inner - outer)
        return total

    def volume(self, values: NDArray[np.float64] | None = None) -> Volume:
        """Return the volume, of other values where given."""
        source = Source((InputFile("pet.dcm", "0" * 64),), System("vereos", "12345678", "P", "V"), None, None)
        unit = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
        tracer = Tracer("F-18", 6586.2, None, None, None, "2026-11-16T10:00:00", "series")
        data = self.values() if values is None else values
        return Volume(source, data, self.spacing_mm, "Bq/mL", True, tracer, "0" * 8, unit, (0.0, 0.0, 0.0))

    def phantom(self) -> IecPhantom:
        """Return where everything is."""
        spheres = tuple(
            Sphere(diameter, *map(float, place), self.sigma_mm, state)
            for diameter, place, state in zip(DIAMETERS, self.corners(), self.states, strict=True)
        )
        x, y, z = self.centre_mm
        ring = Ring(x, y, z, 57.2, self.phase_deg, self.sense, 0.0, 0.0, 0.0, ((0.0, 0.0, 0.0),) * 6)
        half = self.shape[0] * self.spacing_mm[0] / 2
        lung = LungAxis(x, y, 0.0, 0.0, z - self.lung_length_mm / 2, z + self.lung_length_mm / 2)
        return IecPhantom(
            spheres, ring, self.background, self.body(), -half, half, False, lung, False, self.ratio - 1
        )


def noise(shape, fwhm_voxels: float, seed: int) -> NDArray[np.float64]:
    """Return noise of unit standard deviation, white noise filtered by a Gaussian, scaled by its own theory."""
    white = np.random.default_rng(seed).standard_normal(shape)
    if fwhm_voxels == 0:
        return white
    sigma = fwhm_voxels / WIDTHS
    point = np.zeros(65)
    point[32] = 1
    kernel = gaussian_filter(point, sigma)
    return gaussian_filter(white, sigma, mode="wrap") / math.sqrt(float((kernel**2).sum()) ** 3)


def table(findings: Findings, name: str) -> list[float]:
    """Return the values of a metric in the order of the spheres."""
    return [m.value for m in findings.measurements if m.metric.name == name]


def of(findings: Findings, name: str, variant: str = "") -> Measurement:
    """Return one measurement."""
    (found,) = [m for m in findings.measurements if m.metric.name == name and m.of == variant]
    return found


def tilted(phantom: IecPhantom, tilt_x_deg: float) -> IecPhantom:
    """Return the phantom with another tilt said of its ring."""
    return replace(phantom, ring=replace(phantom.ring, tilt_x_deg=tilt_x_deg))
