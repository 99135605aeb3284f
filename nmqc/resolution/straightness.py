"""How straight the bars of a quadrant are: the displacement of their phase, point by point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.errors import CannotMeasure
from nmqc.measure.chance import largest_magnitude
from nmqc.measure.depth import depth_mm
from nmqc.measure.grid import Axis
from nmqc.model import NoiseFloor
from nmqc.resolution.bar_image import BarImage, Floats
from nmqc.resolution.bar_layout import Cross, Mask
from nmqc.resolution.bar_quadrants import MARGIN_MM, SEEN, Quadrant

SPREAD_PERIODS = 1.5  # sigma of the Gaussian in which the phase is fitted
STEP_PERIODS = 1.0
FEWEST_POINTS = 12
EXTREME = 6.0  # by which a smooth field has more chances of an extreme than independent points (simulated)
BLOCKS_A_SIGMA = 3.0
INSIDE_PART = 0.5  # of the Gaussian's weight that must fall on bars

Sums = tuple[Floats, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Displacements:
    """Displacements of the bars of one quadrant, across the bars, a plane being taken out.

    They are positive to the right, or downwards where the bars lie nearer to the rows.

    Attributes
    ----------
    x_mm, y_mm, moved_mm, sigma_mm : of every point
    independent : number of points among them whose squares are independent
    ripple_mm4 : sum over all pairs of points of the squared covariance of their noise
    area_mm2 : that one point stands for
    """

    quadrant: int
    x_mm: Floats
    y_mm: Floats
    moved_mm: Floats
    sigma_mm: Floats
    independent: float
    ripple_mm4: float
    area_mm2: float

    @property
    def left(self) -> float:
        """The part of the variance of the noise that the plane leaves: it takes three numbers out.

        A side of L holds 1 + L / (2 sqrt(pi) s) independent ones, for Gaussians of sigma s.
        """
        side = STEP_PERIODS * self.moved_mm.size**0.5
        return max(float(1 - 3 / (1 + side / (2 * np.pi**0.5 * SPREAD_PERIODS)) ** 2), 0.2)


@dataclass(frozen=True, slots=True)
class Straightness:
    """Standard deviation and largest displacement of all quadrants, with what noise alone would give."""

    sd_mm: float
    sd_sigma_mm: float
    sd_floor: NoiseFloor
    largest_mm: float
    largest_sigma_mm: float
    largest_floor: NoiseFloor
    x_mm: float
    y_mm: float


def displacements(image: BarImage, bars: Mask, cross: Cross, quadrant: Quadrant) -> Displacements | None:
    """Return how far the bars of a quadrant are displaced, at points one period apart; None where too few are known.

    About every point 1, cos and sin are fitted with the weights of a Gaussian of 1.5 periods; the displacement is
    phase / (2 pi f), of which a plane is taken out: it would be an error of the frequency. Points where the amplitude
    is less than five times its uncertainty are left out.
    """
    axes = image.rows, image.columns
    rows, columns = (
        _within(axis, one) for axis, one in zip(axes, _reach(image, bars, cross, quadrant), strict=True)
    )
    y, x = axes[0].centres_mm[rows], axes[1].centres_mm[columns]
    if min(x.size, y.size) < 8:
        return None
    inside = _on_bars(image, bars, cross, quadrant, x, y)
    sums, weight, at_x, at_y = _fields(image.counts[rows, columns], inside, x, y, quadrant)
    cosine, sine, variance, noise = _fitted(sums)
    amplitude = np.hypot(cosine, sine)
    sigma = np.sqrt(np.maximum(quadrant.found.used * noise, 1e-30))
    known = (weight > INSIDE_PART) & (amplitude > SEEN * sigma) & (variance > 0)
    if known.sum() < FEWEST_POINTS:
        return None
    wavelength = 1 / quadrant.frequency
    start = np.angle((cosine[known] + 1j * sine[known]).sum())
    phase = np.angle((cosine + 1j * sine)[known] * np.exp(-1j * start))
    moved = _to_the_right(quadrant) * phase * wavelength / (2 * np.pi)
    uncertain = sigma[known] / amplitude[known] * wavelength / (2 * np.pi)
    moved = moved - _plane(at_x[known], at_y[known], moved, uncertain)
    spread = SPREAD_PERIODS * wavelength
    independent = max(float(known.sum()) * (STEP_PERIODS * wavelength) ** 2 / (2 * np.pi * spread**2), 4.0)
    variance = np.zeros(known.shape)
    variance[known] = uncertain**2
    ripple = float((variance * _spread_out(variance)).sum())
    place = at_x[known], at_y[known]
    return Displacements(quadrant.number, *place, moved, uncertain, independent, ripple, wavelength**2)


def _spread_out(values: Floats) -> Floats:
    """Return the sums of values on the grid of points, weighted by the squared correlation of their noise.

    The noise of two points r apart is correlated as exp(-r^2 / 4 s^2), for Gaussians of sigma s.
    """
    kernels = []
    for count in values.shape:
        apart = STEP_PERIODS * (np.arange(count)[:, None] - np.arange(count)[None, :])
        kernels.append(np.exp(-((apart / SPREAD_PERIODS) ** 2) / 2))
    return np.asarray(kernels[0] @ values @ kernels[1])


def _to_the_right(quadrant: Quadrant) -> int:
    """Return the sign that turns a displacement along the wave into one to the right, or down if that is nearer."""
    along = quadrant.fx if abs(quadrant.fx) >= abs(quadrant.fy) else quadrant.fy
    return 1 if along > 0 else -1


def _reach(image: BarImage, bars: Mask, cross: Cross, quadrant: Quadrant) -> tuple[tuple[float, float], ...]:
    """Return the extent in (y, x) of the cells of a quadrant, in mm."""
    x, y = np.meshgrid(image.cell_columns.centres_mm, image.cell_rows.centres_mm)
    here = bars & cross.inside(quadrant.number, x, y, 0.0)
    if not here.any():
        return (0.0, 0.0), (0.0, 0.0)
    return (float(y[here].min()), float(y[here].max())), (float(x[here].min()), float(x[here].max()))


def _within(axis: Axis, ends: tuple[float, float]) -> slice:
    inside = np.flatnonzero((axis.centres_mm >= ends[0]) & (axis.centres_mm <= ends[1]))
    return slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(0, 0)


def _on_bars(
    image: BarImage, bars: Mask, cross: Cross, quadrant: Quadrant, x: Floats, y: Floats
) -> NDArray[np.bool_]:
    """Return which pixels lie on bars of the quadrant, 10 mm inside its borders."""
    rows, columns = image.cell_rows, image.cell_columns
    deep = depth_mm(bars, (rows.pitch_mm, columns.pitch_mm))
    row, column = (
        np.clip(((at - axis.start_mm) / axis.pitch_mm).astype(int), 0, axis.count - 1)
        for at, axis in ((y, rows), (x, columns))
    )
    away = deep[row[:, None], column[None, :]] >= MARGIN_MM
    at_x, at_y = np.meshgrid(x, y)
    return np.asarray(away & cross.inside(quadrant.number, at_x, at_y, MARGIN_MM))


def _fields(
    counts: Floats, inside: NDArray[np.bool_], x: Floats, y: Floats, quadrant: Quadrant
) -> tuple[Sums, Floats, Floats, Floats]:
    """Return the weighted sums that the local fits need, the part of the weight on bars, and the points' places."""
    wavelength = 1 / quadrant.frequency
    at_x, at_y = (np.arange(one[0], one[-1], STEP_PERIODS * wavelength) for one in (x, y))
    spread = SPREAD_PERIODS * wavelength
    turn = np.outer(
        np.exp(2j * np.pi * quadrant.fy * (y - quadrant.disc.y_mm)),
        np.exp(2j * np.pi * quadrant.fx * (x - quadrant.disc.x_mm)),
    )
    weight = inside.astype(np.float64)
    wanted = (weight, weight * turn, weight * turn**2, weight * counts, weight * counts * turn)
    blocks = _block(y, spread), _block(x, spread)
    kernel_y, kernel_x = (
        np.exp(-0.5 * ((at[:, None] - _means(one, block)[None, :]) / spread) ** 2)
        for at, one, block in zip((at_y, at_x), (y, x), blocks, strict=True)
    )
    sums = tuple(_averaged(_summed(one, blocks), kernel_y, kernel_x) for one in wanted)
    squares = (kernel_y**2 @ _summed(weight, blocks) @ (kernel_x**2).T,)
    full = blocks[0] * kernel_y.sum(axis=1).max() * blocks[1] * kernel_x.sum(axis=1).max()
    grid_x, grid_y = np.meshgrid(at_x, at_y)
    return sums + squares, np.real(sums[0]) / full, grid_x, grid_y


def _block(at: Floats, spread_mm: float) -> int:
    """Return how many pixels make a block of at most a third of the Gaussian's sigma: its weight is theirs."""
    return max(1, int(spread_mm / BLOCKS_A_SIGMA / abs(float(at[1] - at[0]))))


def _means(at: Floats, block: int) -> Floats:
    return np.asarray(at[: at.size // block * block].reshape(-1, block).mean(axis=1))


def _summed(values: NDArray[Any], blocks: tuple[int, int]) -> NDArray[Any]:
    """Return the sums over blocks of (rows, columns); pixels that fill no block are left out."""
    down, along = blocks
    rows, columns = values.shape[0] // down, values.shape[1] // along
    whole = values[: rows * down, : columns * along]
    return np.asarray(sum(whole[i::down, j::along] for i in range(down) for j in range(along)))


def _averaged(values: NDArray[Any], kernel_y: Floats, kernel_x: Floats) -> NDArray[Any]:
    """Return kernel_y values kernel_x^T; complex values in two contiguous parts, which is faster."""
    if not np.iscomplexobj(values):
        return np.asarray(kernel_y @ values @ kernel_x.T)
    real, imaginary = np.ascontiguousarray(values.real), np.ascontiguousarray(values.imag)
    return np.asarray(kernel_y @ real @ kernel_x.T + 1j * (kernel_y @ imaginary @ kernel_x.T))


def _fitted(sums: Sums) -> tuple[Floats, Floats, Floats, Floats]:
    """Solve the local fits: return cosine, sine, the determinant, and the variance of cosine and of sine each."""
    one, turn, double, counts, product, squares = sums
    safe = np.maximum(np.real(one), 1e-9)
    c, s = np.real(turn) / safe, np.imag(turn) / safe
    cc, ss = (1 + np.real(double) / safe) / 2, (1 - np.real(double) / safe) / 2
    cs = np.imag(double) / safe / 2
    mean = np.real(counts) / safe
    nc, ns = np.real(product) / safe - c * mean, np.imag(product) / safe - s * mean
    cc, ss, cs = cc - c * c, ss - s * s, cs - c * s
    determinant = cc * ss - cs * cs
    solid = np.where(determinant > 1e-3, determinant, 1.0)
    cosine, sine = (ss * nc - cs * ns) / solid, (cc * ns - cs * nc) / solid
    noise = 2 * mean * np.real(squares) / safe**2
    return cosine, sine, np.where(determinant > 1e-3, determinant, 0.0), noise


def _plane(x: Floats, y: Floats, values: Floats, sigma: Floats) -> Floats:
    """Return the plane of weighted least squares through values."""
    design = np.column_stack([np.ones(x.size), x, y])
    found = np.linalg.lstsq(design / sigma[:, None], values / sigma, rcond=None)[0]
    return np.asarray(design @ found)


def straightness(found: Sequence[Displacements]) -> Straightness:
    """Return standard deviation and largest magnitude of all displacements, each beside what noise alone gives.

    Raises
    ------
    CannotMeasure
        ``no_straightness``: no quadrant tells enough displacements.
    """
    if not found:
        raise CannotMeasure(
            "no_straightness",
            "the bars are seen too faintly to tell how straight they are: acquire more counts",
        )
    moved = np.concatenate([one.moved_mm for one in found])
    sigma = np.concatenate([one.sigma_mm for one in found])
    area = np.concatenate([np.full(one.moved_mm.size, one.area_mm2) for one in found])
    part = np.concatenate([np.full(one.moved_mm.size, one.independent / one.moved_mm.size) for one in found])
    left = np.concatenate([np.full(one.moved_mm.size, one.left**0.5) for one in found])
    weight = area / area.sum()
    sd, noise = float(np.sqrt(weight @ moved**2)), float(np.sqrt(weight @ (sigma * left) ** 2))
    ripple = sum(2 * one.ripple_mm4 * one.area_mm2**2 for one in found) ** 0.5 / float(area.sum())
    spread = ripple * (1 + 2 * max(sd**2 - noise**2, 0.0) / noise**2) ** 0.5  # of sd squared
    worst = int(np.abs(moved).argmax())
    return Straightness(
        sd_mm=sd,
        sd_sigma_mm=spread / (2 * max(sd, 1e-12)),
        sd_floor=NoiseFloor(noise, float((noise**2 + 1.645 * ripple) ** 0.5)),
        largest_mm=float(abs(moved[worst])),
        largest_sigma_mm=float(sigma[worst]),
        largest_floor=largest_magnitude(np.asarray(sigma * left), np.asarray(EXTREME * part)),
        x_mm=float(np.concatenate([one.x_mm for one in found])[worst]),
        y_mm=float(np.concatenate([one.y_mm for one in found])[worst]),
    )
