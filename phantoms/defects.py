"""What is wrong with a detector: its relative sensitivity (gain), point by point.

Every defect multiplies the expected counts. Positions are millimetres from the centre of the detector's
field, x to the right, y down. ``gain`` samples the defect at points; ``pixel_gain`` is its mean over
pixels; ``extremes`` gives the lowest and highest gain over the field where they have a closed form.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from phantoms.fields import Outline, Point
from phantoms.pixels import (
    TAIL_SIGMAS,
    ComplexArray,
    FloatArray,
    centres,
    gaussian_means,
    mean_where,
    node_count,
    normal_cdf,
)

PHOTOMULTIPLIER_PITCH_MM = 76.0  # tubes of 3 inches, close-packed
_RIM_FEWEST_NODES, _RIM_NODES_PER_EDGE = 3, 8


@dataclass(frozen=True, slots=True)
class Extremes:
    """The lowest and highest gain over a field, and where they are, from the field's centre.

    A place is None where the extreme is reached along a line or only far from the defect.
    """

    low: float
    high: float
    low_at_mm: Point | None
    high_at_mm: Point | None


class Defect(ABC):
    """A relative sensitivity over the detector."""

    __slots__ = ()

    @abstractmethod
    def gain(self, x_mm: ArrayLike, y_mm: ArrayLike, field: Outline) -> FloatArray:
        """Return the gain at points."""

    @abstractmethod
    def pixel_gain(self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, field: Outline) -> FloatArray:
        """Return the mean gain of each pixel, shape (rows, columns)."""

    def reach_mm(self) -> tuple[float, float, float, float] | None:
        """Return (left, right, top, bottom) of the box outside which the gain is 1; None: everywhere."""
        return None

    def extremes(self, field: Outline) -> Extremes | None:  # noqa: ARG002
        """Return the lowest and highest gain over the field, or None where no closed form holds."""
        return None


@dataclass(frozen=True, slots=True)
class LinearGradient(Defect):
    """A plane: gain 1 + x_per_mm x + y_per_mm y."""

    x_per_mm: float = 0.0
    y_per_mm: float = 0.0

    def gain(self, x_mm: ArrayLike, y_mm: ArrayLike, field: Outline) -> FloatArray:  # noqa: ARG002
        """Return the gain at points."""
        return np.asarray(1 + self.x_per_mm * np.asarray(x_mm) + self.y_per_mm * np.asarray(y_mm))

    def pixel_gain(self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, field: Outline) -> FloatArray:
        """Return the mean gain of each pixel: exactly the gain at its centre."""
        return self.gain(centres(x_edges_mm)[np.newaxis, :], centres(y_edges_mm)[:, np.newaxis], field)

    def extremes(self, field: Outline) -> Extremes | None:
        """Return the gains at the outline's farthest points up and down the slope."""
        if (self.x_per_mm, self.y_per_mm) == (0, 0):
            return Extremes(1.0, 1.0, None, None)
        x, y = field.support_mm(self.x_per_mm, self.y_per_mm)
        rise = self.x_per_mm * x + self.y_per_mm * y
        return Extremes(1 - rise, 1 + rise, (-x, -y), (x, y))


@dataclass(frozen=True, slots=True)
class WeakTube(Defect):
    """A weak photomultiplier: gain 1 - depth exp(-r^2 / (2 sigma^2)). A depth below 0: too strong a tube."""

    x_mm: float
    y_mm: float
    depth: float = 0.08
    sigma_mm: float = 25.0

    def __post_init__(self) -> None:
        _require_depth(self.depth)
        _require_size(self.sigma_mm)

    def gain(self, x_mm: ArrayLike, y_mm: ArrayLike, field: Outline) -> FloatArray:  # noqa: ARG002
        """Return the gain at points."""
        squared = _squared(x_mm, y_mm, self.x_mm, self.y_mm) / self.sigma_mm**2
        return np.asarray(1 - self.depth * np.exp(-squared / 2))

    def pixel_gain(self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, field: Outline) -> FloatArray:  # noqa: ARG002
        """Return the mean gain of each pixel, exact: a product of error functions."""
        along, _ = gaussian_means(x_edges_mm, self.x_mm, self.sigma_mm)
        down, _ = gaussian_means(y_edges_mm, self.y_mm, self.sigma_mm)
        return 1 - self.depth * np.multiply.outer(down, along)

    def reach_mm(self) -> tuple[float, float, float, float]:
        """Return the box outside which the gain is 1 to 1e-16."""
        return _box(self.x_mm, self.y_mm, 8.6 * self.sigma_mm)

    def extremes(self, field: Outline) -> Extremes | None:
        """Return the gain at the centre, and at the field's farthest point; None if the centre is outside."""
        if not field.contains(self.x_mm, self.y_mm):
            return None
        far, far_at = _far(self, field, self.x_mm, self.y_mm)
        return _ordered(1 - self.depth, (self.x_mm, self.y_mm), far, far_at)


@dataclass(frozen=True, slots=True)
class FailedTube(Defect):
    """A dead photomultiplier: a smooth disc with ``gain_inside`` (0: no counts at all).

    The gain is ``gain_inside`` up to radius - edge/2, 1 beyond radius + edge/2, and a half cosine between.
    """

    x_mm: float
    y_mm: float
    gain_inside: float = 0.0
    radius_mm: float = PHOTOMULTIPLIER_PITCH_MM / 2
    edge_mm: float = 15.0

    def __post_init__(self) -> None:
        _require_depth(1 - self.gain_inside)
        _require_size(self.radius_mm, self.edge_mm)
        if self.edge_mm > 2 * self.radius_mm:
            raise ValueError("a failed tube's edge must not be wider than the tube")

    def gain(self, x_mm: ArrayLike, y_mm: ArrayLike, field: Outline) -> FloatArray:  # noqa: ARG002
        """Return the gain at points."""
        distance = np.sqrt(_squared(x_mm, y_mm, self.x_mm, self.y_mm))
        part = np.clip((distance - self.radius_mm) / self.edge_mm + 0.5, 0, 1)
        return np.asarray(1 - (1 - self.gain_inside) * (1 + np.cos(math.pi * part)) / 2)

    def pixel_gain(self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, field: Outline) -> FloatArray:
        """Return the mean gain of each pixel, right to 1e-4: exact away from the disc's rim."""
        x, y = centres(x_edges_mm)[np.newaxis, :], centres(y_edges_mm)[:, np.newaxis]
        mean = self.gain(x, y, field)
        largest = max(float(np.max(np.diff(x_edges_mm))), float(np.max(np.diff(y_edges_mm))))
        distance = np.sqrt(_squared(x, y, self.x_mm, self.y_mm))
        at_rim = np.abs(distance - self.radius_mm) < self.edge_mm / 2 + largest
        nodes = _RIM_FEWEST_NODES + math.ceil(_RIM_NODES_PER_EDGE * largest / self.edge_mm)
        mean[at_rim] = mean_where(
            lambda at_x, at_y: self.gain(at_x, at_y, field), x_edges_mm, y_edges_mm, at_rim, nodes
        )
        return mean

    def reach_mm(self) -> tuple[float, float, float, float]:
        """Return the box around the disc and its rim."""
        return _box(self.x_mm, self.y_mm, self.radius_mm + self.edge_mm / 2)

    def extremes(self, field: Outline) -> Extremes | None:
        """Return the gain inside, and at the field's farthest point; None if the centre is outside."""
        if not field.contains(self.x_mm, self.y_mm):
            return None
        far, far_at = _far(self, field, self.x_mm, self.y_mm)
        return _ordered(self.gain_inside, (self.x_mm, self.y_mm), far, far_at)


@dataclass(frozen=True, slots=True)
class DriftedTube(Defect):
    """A drifted photomultiplier, which displaces counts.

    Gain 1 - depth (1 - u) exp(-u), with u = r^2 / (2 sigma^2). The centre is cold (depth > 0), the ring at
    r = 2 sigma hot by depth exp(-2); no counts are lost.
    """

    x_mm: float
    y_mm: float
    depth: float = 0.06
    sigma_mm: float = 22.0

    def __post_init__(self) -> None:
        _require_depth(self.depth)
        _require_size(self.sigma_mm)
        if self.depth * math.exp(-2) < -1:
            raise ValueError("a drifted tube's depth must be at least -exp(2), or its ring would be negative")

    def gain(self, x_mm: ArrayLike, y_mm: ArrayLike, field: Outline) -> FloatArray:  # noqa: ARG002
        """Return the gain at points."""
        u = _squared(x_mm, y_mm, self.x_mm, self.y_mm) / (2 * self.sigma_mm**2)
        return np.asarray(1 - self.depth * (1 - u) * np.exp(-u))

    def pixel_gain(self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, field: Outline) -> FloatArray:  # noqa: ARG002
        """Return the mean gain of each pixel, exact: products of error functions."""
        along, along_squared = gaussian_means(x_edges_mm, self.x_mm, self.sigma_mm)
        down, down_squared = gaussian_means(y_edges_mm, self.y_mm, self.sigma_mm)
        ring = np.multiply.outer(down, along - along_squared / 2) - np.multiply.outer(down_squared / 2, along)
        return 1 - self.depth * ring

    def reach_mm(self) -> tuple[float, float, float, float]:
        """Return the box outside which the gain is 1 to 1e-15."""
        return _box(self.x_mm, self.y_mm, 9 * self.sigma_mm)

    def extremes(self, field: Outline) -> Extremes | None:
        """Return the gain at the centre and on the ring; None unless the whole ring is inside."""
        if field.depth_mm(self.x_mm, self.y_mm) < 2 * self.sigma_mm:
            return None
        ring = (self.x_mm + 2 * self.sigma_mm, self.y_mm)
        return _ordered(1 - self.depth, (self.x_mm, self.y_mm), 1 + self.depth * math.exp(-2), ring)


@dataclass(frozen=True, slots=True)
class TubeLattice(Defect):
    """The pattern of a hexagonal array of photomultipliers: the sum of three plane waves, 120 degrees apart.

    The gain is 1 + amplitude on the tubes, ``pitch_mm`` apart, one of them at (x_mm, y_mm), and
    1 - amplitude / 2 at the points between three tubes. At 0 degrees the tubes stand in rows along x; the
    lattice is turned counter-clockwise as displayed.
    """

    amplitude: float = 0.01
    pitch_mm: float = PHOTOMULTIPLIER_PITCH_MM
    x_mm: float = 9.0
    y_mm: float = -5.0
    angle_deg: float = 0.0

    def __post_init__(self) -> None:
        _require_size(self.pitch_mm)
        if not -1 <= self.amplitude <= 2:
            raise ValueError("the lattice's amplitude must lie between -1 and 2")

    def _waves(self) -> list[tuple[float, float]]:
        wave = 4 * math.pi / (math.sqrt(3) * self.pitch_mm)
        angles = (math.radians(90 + turn - self.angle_deg) for turn in (0, 120, 240))
        return [(wave * math.cos(angle), wave * math.sin(angle)) for angle in angles]

    def gain(self, x_mm: ArrayLike, y_mm: ArrayLike, field: Outline) -> FloatArray:  # noqa: ARG002
        """Return the gain at points."""
        x, y = np.asarray(x_mm) - self.x_mm, np.asarray(y_mm) - self.y_mm
        waves = sum(np.cos(wave_x * x + wave_y * y) for wave_x, wave_y in self._waves())
        return np.asarray(1 + self.amplitude / 3 * waves)

    def pixel_gain(self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, field: Outline) -> FloatArray:  # noqa: ARG002
        """Return the mean gain of each pixel, exact: each wave's integrals over x and over y multiply."""
        total = np.ones((y_edges_mm.size - 1, x_edges_mm.size - 1))
        for wave_x, wave_y in self._waves():
            along = _mean_wave(x_edges_mm - self.x_mm, wave_x)
            down = _mean_wave(y_edges_mm - self.y_mm, wave_y)
            total += self.amplitude / 3 * np.multiply.outer(down.real, along.real)
            total -= self.amplitude / 3 * np.multiply.outer(down.imag, along.imag)
        return total

    def extremes(self, field: Outline) -> Extremes | None:
        """Return the gain on and between tubes; None if the field may be too small to hold both."""
        if field.depth_mm(0, 0) < self.pitch_mm / math.sqrt(3):
            return None
        return _ordered(1 - self.amplitude / 2, None, 1 + self.amplitude, None)


@dataclass(frozen=True, slots=True)
class EdgePacking(Defect):
    """A bright ring along the outline: gain 1 + amplitude exp(-t / width), t the distance inside."""

    amplitude: float = 0.05
    width_mm: float = 6.0

    def __post_init__(self) -> None:
        _require_depth(-self.amplitude)
        _require_size(self.width_mm)

    def gain(self, x_mm: ArrayLike, y_mm: ArrayLike, field: Outline) -> FloatArray:
        """Return the gain at points; outside the outline it is that of the outline."""
        depth = np.maximum(field.depth_mm(x_mm, y_mm), 0)
        return np.asarray(1 + self.amplitude * np.exp(-depth / self.width_mm))

    def pixel_gain(self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, field: Outline) -> FloatArray:
        """Return the mean gain of each pixel, right to 0.02 of the amplitude.

        That inexact only where the outline or the diagonal from a corner crosses the pixel; deeper than 12
        widths the gain of the pixel's centre is its mean to 1e-6 of the amplitude.
        """
        x, y = centres(x_edges_mm)[np.newaxis, :], centres(y_edges_mm)[:, np.newaxis]
        depth = field.depth_mm(x, y)
        mean = 1 + self.amplitude * np.exp(-np.maximum(depth, 0) / self.width_mm)
        mean[depth < 12 * self.width_mm] = mean_where(
            lambda at_x, at_y: self.gain(at_x, at_y, field),
            x_edges_mm,
            y_edges_mm,
            np.asarray(depth < 12 * self.width_mm),
            node_count(x_edges_mm, y_edges_mm, self.width_mm) - 1,
        )
        return np.asarray(mean)

    def extremes(self, field: Outline) -> Extremes | None:
        """Return the gain at the field's centre and on its outline."""
        centre = 1 + self.amplitude * math.exp(-float(field.depth_mm(0, 0)) / self.width_mm)
        return _ordered(centre, (0.0, 0.0), 1 + self.amplitude, None)


@dataclass(frozen=True, slots=True)
class Crack(Defect):
    """A cracked crystal: a cold line through (x_mm, y_mm), with bright flanks where asked for.

    Across the line, u = distance^2 / sigma^2: gain 1 - depth (1 - flanks u) exp(-u / 2). With flanks 1 the
    counts missing on the line are all found beside it. ``angle_deg``: from the x axis, counter-clockwise as
    displayed. ``length_mm``: None for a line across the whole detector, else its ends are blurred by sigma.
    """

    x_mm: float
    y_mm: float
    angle_deg: float = 30.0
    depth: float = 0.3
    sigma_mm: float = 2.5
    flanks: float = 0.0
    length_mm: float | None = None

    def __post_init__(self) -> None:
        _require_size(self.sigma_mm, self.length_mm or 1.0)
        if not (0 <= self.depth <= 1 and 0 <= self.flanks <= 1):
            raise ValueError("a crack's depth and flanks must lie between 0 and 1")

    def _frame(self, x_mm: ArrayLike, y_mm: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the positions along and across the line, in sigmas."""
        cos, sin = math.cos(math.radians(self.angle_deg)), math.sin(math.radians(self.angle_deg))
        x, y = np.asarray(x_mm) - self.x_mm, np.asarray(y_mm) - self.y_mm
        return np.asarray(x * cos - y * sin) / self.sigma_mm, np.asarray(x * sin + y * cos) / self.sigma_mm

    def gain(self, x_mm: ArrayLike, y_mm: ArrayLike, field: Outline) -> FloatArray:  # noqa: ARG002
        """Return the gain at points."""
        along, across = self._frame(x_mm, y_mm)
        u = across**2
        profile = (1 - self.flanks * u) * np.exp(-u / 2)
        if self.length_mm is not None:
            half = self.length_mm / 2 / self.sigma_mm
            profile = profile * (normal_cdf(along + half) - normal_cdf(along - half))
        return np.asarray(1 - self.depth * profile)

    def pixel_gain(self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, field: Outline) -> FloatArray:
        """Return the mean gain of each pixel, right to 1e-6."""
        mean = np.ones((y_edges_mm.size - 1, x_edges_mm.size - 1))
        _, across = self._frame(centres(x_edges_mm)[np.newaxis, :], centres(y_edges_mm)[:, np.newaxis])
        pixel = math.hypot(np.max(np.diff(x_edges_mm)), np.max(np.diff(y_edges_mm))) / self.sigma_mm
        near = np.abs(across) < TAIL_SIGMAS + 1.5 + pixel / 2
        mean[near] = mean_where(
            lambda at_x, at_y: self.gain(at_x, at_y, field),
            x_edges_mm,
            y_edges_mm,
            near,
            2 + node_count(x_edges_mm, y_edges_mm, self.sigma_mm),
        )
        return mean

    def reach_mm(self) -> tuple[float, float, float, float] | None:
        """Return the box around a crack of finite length."""
        if self.length_mm is None:
            return None
        return _box(self.x_mm, self.y_mm, self.length_mm / 2 + (TAIL_SIGMAS + 1.5) * self.sigma_mm)

    def extremes(self, field: Outline) -> Extremes | None:
        """Return the gain at (x_mm, y_mm), and on the flanks, or without flanks farthest from the line.

        The flanks are highest at u = 2 + 1 / flanks. None if one of the places is outside the field, or if a
        crack of finite length leaves no point of the field untouched.
        """
        cold, turn = (self.x_mm, self.y_mm), math.radians(self.angle_deg)
        if self.flanks > 0:
            away = self.sigma_mm * math.sqrt(2 + 1 / self.flanks)
            high_at = (self.x_mm + away * math.sin(turn), self.y_mm + away * math.cos(turn))
        else:
            x, y = field.support_mm(math.sin(turn), math.cos(turn))
            high_at = max([(x, y), (-x, -y)], key=lambda point: abs(float(self._frame(*point)[1])))
        high = float(self.gain(*high_at, field))
        if self.flanks == 0 and self.length_mm is not None and high < 1 - 1e-12:
            return None
        if not field.contains(*cold) or (self.flanks > 0 and not field.contains(*high_at)):
            return None
        return Extremes(float(self.gain(*cold, field)), high, cold, high_at if self.flanks > 0 else None)


@dataclass(frozen=True, slots=True)
class HydrationSpots(Defect):
    """Small cold spots of a crystal that has taken up water, scattered over the field.

    Each is a Gaussian of sigma 0.5 to 1 times ``sigma_mm`` and depth 0.5 to 1 times ``depth``; places and
    sizes are drawn with NumPy's default generator from ``seed``.
    """

    count: int = 12
    depth: float = 0.08
    sigma_mm: float = 5.0
    seed: int = 1

    def __post_init__(self) -> None:
        _require_depth(self.depth)
        _require_size(self.sigma_mm)
        if self.count < 1:
            raise ValueError("there must be at least one hydration spot")

    def spots(self, field: Outline) -> tuple[WeakTube, ...]:
        """Return the spots, all centred inside the field."""
        random = np.random.default_rng(self.seed)
        width, height = field.extents_mm
        spots: list[WeakTube] = []
        while len(spots) < self.count:
            x, y = float(random.uniform(-width, width) / 2), float(random.uniform(-height, height) / 2)
            depth, sigma = (random.uniform(0.5, 1, size=2) * (self.depth, self.sigma_mm)).tolist()
            if field.contains(x, y):
                spots.append(WeakTube(x, y, depth, sigma))
        return tuple(spots)

    def gain(self, x_mm: ArrayLike, y_mm: ArrayLike, field: Outline) -> FloatArray:
        """Return the gain at points: the product of all spots."""
        gain = np.ones(np.broadcast_shapes(np.shape(x_mm), np.shape(y_mm)))
        for spot in self.spots(field):
            gain = gain * spot.gain(x_mm, y_mm, field)
        return gain

    def pixel_gain(self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, field: Outline) -> FloatArray:
        """Return the product of the mean gains of the spots in each pixel."""
        gain = np.ones((y_edges_mm.size - 1, x_edges_mm.size - 1))
        for spot in self.spots(field):
            multiply_gain(gain, spot, x_edges_mm, y_edges_mm, field)
        return gain


@dataclass(frozen=True, slots=True)
class DeadPatch(Defect):
    """A patch of the given shape with the given gain, 0 to 1. Its edge is sharp unless blurred.

    A pixel that the patch covers in part loses just that part. A patch that is to kill the border of the
    field must reach beyond the outline: in a pixel on both edges the two parts multiply.
    """

    shape: Outline
    x_mm: float
    y_mm: float
    gain_inside: float = 0.0
    edge_fwhm_mm: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.gain_inside <= 1:
            raise ValueError("a dead patch's gain must lie between 0 and 1")

    def gain(self, x_mm: ArrayLike, y_mm: ArrayLike, field: Outline) -> FloatArray:  # noqa: ARG002
        """Return the gain at points, without the blur of the patch's edge."""
        x, y = np.asarray(x_mm) - self.x_mm, np.asarray(y_mm) - self.y_mm
        return np.where(self.shape.contains(x, y), self.gain_inside, 1.0)

    def pixel_gain(self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, field: Outline) -> FloatArray:  # noqa: ARG002
        """Return the mean gain of each pixel, by the exact area that the patch covers."""
        part = self.shape.coverage(x_edges_mm - self.x_mm, y_edges_mm - self.y_mm, self.edge_fwhm_mm)
        return 1 - (1 - self.gain_inside) * part

    def reach_mm(self) -> tuple[float, float, float, float]:
        """Return the box around the patch and its blur."""
        width, height = self.shape.extents_mm
        margin = 4 * self.edge_fwhm_mm
        return (
            self.x_mm - width / 2 - margin,
            self.x_mm + width / 2 + margin,
            self.y_mm - height / 2 - margin,
            self.y_mm + height / 2 + margin,
        )

    def extremes(self, field: Outline) -> Extremes | None:
        """Return the gain inside the patch, and 1; None if blurred, centred outside, or over all."""
        far = field.farthest_mm(self.x_mm, self.y_mm)
        covered = self.shape.contains(far[0] - self.x_mm, far[1] - self.y_mm)
        if self.edge_fwhm_mm > 0 or covered or not field.contains(self.x_mm, self.y_mm):
            return None
        return Extremes(self.gain_inside, 1.0, (self.x_mm, self.y_mm), None)


@dataclass(frozen=True, slots=True)
class NearSource(Defect):
    """A point source at ``distance_mm`` in front of (x_mm, y_mm): gain (1 + r^2 / D^2)^(-3/2).

    Inverse square and obliquity, for a thin flat detector.
    """

    distance_mm: float
    x_mm: float = 0.0
    y_mm: float = 0.0

    def __post_init__(self) -> None:
        _require_size(self.distance_mm)

    def gain(self, x_mm: ArrayLike, y_mm: ArrayLike, field: Outline) -> FloatArray:  # noqa: ARG002
        """Return the gain at points."""
        squared = _squared(x_mm, y_mm, self.x_mm, self.y_mm) / self.distance_mm**2
        return np.asarray((1 + squared) ** -1.5)

    def pixel_gain(self, x_edges_mm: FloatArray, y_edges_mm: FloatArray, field: Outline) -> FloatArray:  # noqa: ARG002
        """Return the mean gain of each pixel: the solid angle it subtends, over its area, times D^2.

        A rectangle from the foot of the source to the corner (a D, b D) subtends
        atan(a b / sqrt(1 + a^2 + b^2)); exact to 1e-9.
        """
        a = ((x_edges_mm - self.x_mm) / self.distance_mm)[np.newaxis, :]
        b = ((y_edges_mm - self.y_mm) / self.distance_mm)[:, np.newaxis]
        corner = np.arctan(a * b / np.sqrt(1 + a * a + b * b))
        return np.diff(np.diff(corner, axis=0), axis=1) / np.diff(b, axis=0) / np.diff(a, axis=1)

    def extremes(self, field: Outline) -> Extremes | None:
        """Return the gain at the field's farthest point, and 1; None if the source is beside the field."""
        if not field.contains(self.x_mm, self.y_mm):
            return None
        far = field.farthest_mm(self.x_mm, self.y_mm)
        return Extremes(float(self.gain(*far, field)), 1.0, far, (self.x_mm, self.y_mm))


def multiply_gain(
    image: FloatArray, defect: Defect, x_edges_mm: FloatArray, y_edges_mm: FloatArray, field: Outline
) -> None:
    """Multiply an image, shape (rows, columns), by a defect's mean gains, in place, within its reach."""
    rows, columns = slice(None), slice(None)
    x_edges, y_edges = x_edges_mm, y_edges_mm
    box = defect.reach_mm()
    if box is not None:
        columns, x_edges = _within(x_edges_mm, box[0], box[1])
        rows, y_edges = _within(y_edges_mm, box[2], box[3])
    if x_edges.size > 1 and y_edges.size > 1:
        image[rows, columns] *= defect.pixel_gain(x_edges, y_edges, field)


def _within(edges_mm: FloatArray, low_mm: float, high_mm: float) -> tuple[slice, FloatArray]:
    """Return the pixels that overlap an interval, and their edges."""
    first = max(int(np.searchsorted(edges_mm, low_mm, side="right")) - 1, 0)
    last = min(int(np.searchsorted(edges_mm, high_mm, side="left")), edges_mm.size - 1)
    return slice(first, max(last, first)), edges_mm[first : last + 1]


def _mean_wave(edges_mm: FloatArray, wave_per_mm: float) -> ComplexArray:
    """Return the mean of exp(i k x) over each interval: the middle's, times sin(k w / 2) / (k w / 2)."""
    shrink = np.sinc(wave_per_mm * np.diff(edges_mm) / (2 * math.pi))
    return np.asarray(np.exp(1j * wave_per_mm * centres(edges_mm)) * shrink, dtype=np.complex128)


def _squared(x_mm: ArrayLike, y_mm: ArrayLike, centre_x_mm: float, centre_y_mm: float) -> FloatArray:
    x, y = np.asarray(x_mm, dtype=np.float64) - centre_x_mm, np.asarray(y_mm, dtype=np.float64) - centre_y_mm
    return np.asarray(x * x + y * y)


def _box(x_mm: float, y_mm: float, half_mm: float) -> tuple[float, float, float, float]:
    return x_mm - half_mm, x_mm + half_mm, y_mm - half_mm, y_mm + half_mm


def _far(defect: Defect, field: Outline, x_mm: float, y_mm: float) -> tuple[float, Point | None]:
    """Return the gain at the field's farthest point from a place, and where; no place if it is 1 to 1e-12."""
    place = field.farthest_mm(x_mm, y_mm)
    gain = float(defect.gain(*place, field))
    return gain, (place if abs(gain - 1) > 1e-12 else None)


def _ordered(one: float, one_at: Point | None, other: float, other_at: Point | None) -> Extremes:
    """Return the extremes of two gains, the smaller first."""
    if one <= other:
        return Extremes(one, other, one_at, other_at)
    return Extremes(other, one, other_at, one_at)


def _require_depth(depth: float) -> None:
    if not -math.inf < depth <= 1:
        raise ValueError("a defect's depth must be at most 1: no gain is negative")


def _require_size(*sizes_mm: float) -> None:
    if not all(0 < size < math.inf for size in sizes_mm):
        raise ValueError("the sizes of a defect must be positive numbers of millimetres")
