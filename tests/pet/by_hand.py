"""A phantom whose place is known beforehand: nothing is found. Its voxels are those of `phantoms.pet`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmqc.measure.frames import Findings
from nmqc.model import Measurement, Tracer, Volume
from nmqc.pet.phantom import IecPhantom, LungAxis, Ring, Sphere
from phantoms.pet import IecBody
from phantoms.pet_noise import correlated_noise
from tests.pet.simulate import DIAMETERS, depth_in_body, volume_of

HOT = ("hot",) * 6
COLD = ("hot",) * 4 + ("cold",) * 2


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """A filled phantom that goes on beyond all slices; every sphere at its corner but for `moved_mm`."""

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
    lung_length_mm: float = 80.0  # that is told, not built
    turned_deg: float = 0.0  # of the body about the ring's axis
    sigma_mm: float = 0.0
    moved_mm: Sequence[tuple[float, float, float]] = ((0.0, 0.0, 0.0),) * 6

    def built(self) -> IecBody:
        """Return the phantom."""
        return IecBody(
            matrix=self.shape[1:],
            slices=self.shape[0],
            voxel_mm=self.spacing_mm,
            fwhm_mm=(self.fwhm_mm, self.fwhm_mm),
            voxels_are="averaged" if self.averaged else "sampled",
            background_bqml=self.background,
            noise=0.0,
            centre_mm=self.centre_mm,
            rotation_deg=self.phase_deg,
            sense=self.sense,
            body_rotation_deg=self.turned_deg,
            ratio=self.ratio,
            states=tuple(self.states),
            wall_mm=self.wall_mm,
            shifts_mm=tuple(self.moved_mm),
            lid_mm=500.0,
            length_mm=1000.0,
            lung_residual=self.lung,
        )

    def corners(self) -> NDArray[np.float64]:
        """Return (x, y, z) of the spheres from 10 to 37 mm."""
        return self.built().sphere_centres_mm()

    def axes(self) -> tuple[NDArray[np.float64], ...]:
        """Return z, y, x of the voxels' centres."""
        return self.built().centres_mm()

    def body(self) -> NDArray[np.bool_]:
        """Return the inside of the wall, flat side towards +y before the turn, on every slice."""
        _, y, x = self.axes()
        turn = math.radians(self.turned_deg)
        right, down = x[None, :] - self.centre_mm[0], y[:, None] - self.centre_mm[1]
        u = right * math.cos(turn) + down * math.sin(turn)
        v = down * math.cos(turn) - right * math.sin(turn)
        return np.repeat((depth_in_body(u, v) >= 0)[None], self.shape[0], axis=0)

    def values(self) -> NDArray[np.float64]:
        """Return the voxels, sampled at their centres or averaged over themselves."""
        return self.built().voxels()

    def volume(self, values: NDArray[np.float64] | None = None) -> Volume:
        """Return the volume, of other values where given."""
        tracer = Tracer("F-18", 6586.2, None, None, None, "2026-11-16T10:00:00", "series")
        made = volume_of(self.values() if values is None else values, self.spacing_mm)
        return replace(made, tracer=tracer)

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


def noise(shape: tuple[int, int, int], fwhm_voxels: float, seed: int) -> NDArray[np.float64]:
    """Return noise of unit standard deviation, white noise filtered by a Gaussian."""
    return correlated_noise(shape, (1.0, 1.0, 1.0), (fwhm_voxels, fwhm_voxels), seed)


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
