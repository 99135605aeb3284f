"""How sure a uniformity index is, and what noise alone would give.

Integral and differential uniformity are extreme values: noise makes them larger, never smaller. Two figures tell
what to make of one: its spread over repeated acquisitions, by binomial thinning, and its noise floor, what a
perfect detector would read with these counts on this mask.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.measure.chance import normal
from nmqc.measure.engine import use_numba
from nmqc.model import NoiseFloor
from nmqc.uniformity.indices import Fields, all_indices, smooth
from nmqc.uniformity.structure import Shapes, sums

CHUNK = 20  # images at a time: they stay in the processor's cache
MANY = 1000  # counts of a pixel from which on the binomial distribution is taken as normal
EXACT = 2**23  # counts of a pixel below which single precision holds every half of them
FLOOR_TRIALS = 1000
FLOOR_LEVELS = (
    25.0,
    100.0,
    400.0,
    1600.0,
)  # counts a pixel; above the last the floor goes as 1 / sqrt(counts)

Stack = NDArray[Any]
Numbers = dict[str, NDArray[Any]]


def thinning(
    counts: NDArray[np.integer[Any]], measure: Callable[[Stack], Numbers], replicates: int
) -> dict[str, float]:
    """Return the standard deviation of indices over repeated acquisitions at these counts.

    Each split sends every count to one of two halves by the toss of a coin, X1 ~ Bin(X, 1/2) and X2 = X - X1. The
    halves are independent acquisitions at half the counts, whatever the flood looks like, so that

        u = sqrt(mean over splits of (I1 - I2)^2) / 2

    The random numbers are seeded from the counts: the same image gives the same figure. Of `MANY` counts and more the
    half is a rounded normal deviate, as symmetric as the binomial one, whose kurtosis differs by 2 / X and whose
    variance is larger by 1 / 12.

    Parameters
    ----------
    counts : shape (rows, columns), raw counts, re-binned
    measure : what to measure on a stack of images, shape (n, rows, columns): name -> n values
    replicates : number of splits
    """
    random = np.random.default_rng(_seed(counts))
    kind = np.int32 if 16 * int(counts.max(initial=0)) < 2**31 else np.int64  # 16: weights of the smoothing
    whole: Stack = counts.astype(kind)
    squares: dict[str, float] = {}
    for size in _chunks(replicates):
        both = np.empty((2 * size, *counts.shape), kind)
        both[:size] = _halves(random, counts, size)
        np.subtract(whole, both[:size], out=both[size:])
        found = measure(both)
        for name, values in found.items():
            squares[name] = squares.get(name, 0.0) + float(((values[:size] - values[size:]) ** 2).sum())
    return {name: (total / replicates) ** 0.5 / 2 for name, total in squares.items()}


def _halves(random: np.random.Generator, counts: NDArray[np.integer[Any]], size: int) -> Stack:
    """Return so many draws of Bin(counts, 1/2)."""
    few = (counts > 0) & (counts < MANY)
    half: Stack = _normals(random, (size, *counts.shape))
    if counts.max(initial=0) >= EXACT:
        half = half.astype(np.float64)
    half *= (np.sqrt(counts) / 2).astype(half.dtype)
    half += (counts / 2).astype(half.dtype)
    np.rint(half, out=half)
    half[:, few] = random.binomial(counts[few], 0.5, (size, int(few.sum())))
    return half


def _normals(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return normal deviates, each one of 65,536 equally likely ones: four for each number that is drawn."""
    count = math.prod(shape)
    drawn = random.integers(0, 2**64, -(-count // 4), np.uint64).astype("<u8", copy=False)
    return np.take(_quantiles(), drawn.view("<u2")[:count], mode="wrap").reshape(shape)


@lru_cache(maxsize=1)
def _quantiles() -> NDArray[np.float32]:
    """Return 65,536 quantiles of the normal distribution, each in the middle of its part; their variance is 1."""
    t = np.linspace(-6, 6, 12001)
    middles = (np.arange(65536) + 0.5) / 65536
    found = np.interp(middles, normal(t)[0], t)
    return np.asarray(found / found.std(), np.float32)


def noise_floor(fields: Fields, mean_counts: float) -> dict[str, NoiseFloor]:
    """Return what a perfect detector would read with this mean count a pixel on this mask.

    A function of the mask and the mean count alone. It is simulated at fixed levels of counts; between them the
    floor times the square root of the counts is interpolated over 1 / sqrt(counts).
    """
    fields = fields.cropped()
    key = (np.packbits(fields.ufov).tobytes(), np.packbits(fields.cfov).tobytes(), fields.ufov.shape)
    level = max(mean_counts, FLOOR_LEVELS[0])
    above = min((one for one in FLOOR_LEVELS if one >= level), default=FLOOR_LEVELS[-1])
    below = max(one for one in FLOOR_LEVELS if one <= level)
    low, high = _simulated_floor(*key, below), _simulated_floor(*key, above)
    part = 0.0 if above == below else (below**-0.5 - level**-0.5) / (below**-0.5 - above**-0.5)
    return {
        name: NoiseFloor(
            mean=min(100.0, ((1 - part) * low[name][0] + part * high[name][0]) / mean_counts**0.5),
            p95=min(100.0, ((1 - part) * low[name][1] + part * high[name][1]) / mean_counts**0.5),
        )
        for name in low
    }


@lru_cache(maxsize=64)
def _simulated_floor(
    ufov: bytes, cfov: bytes, shape: tuple[int, int], level: float
) -> dict[str, tuple[float, float]]:
    """Return mean and 95th percentile of each index, times the square root of the level."""
    fields = Fields(_unpack(ufov, shape), _unpack(cfov, shape))
    random = np.random.default_rng(_seed(np.packbits(fields.ufov), np.packbits(fields.cfov)))
    measure = index_measure(fields, FLOOR_TRIALS * fields.ufov.size)
    parts: dict[str, list[NDArray[np.float64]]] = {}
    for size in _chunks(FLOOR_TRIALS):
        for name, values in measure(_poisson(random, level, (size, *shape))).items():
            parts.setdefault(name, []).append(values)
    root = level**0.5
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    return {name: (root * float(v.mean()), root * float(np.quantile(v, 0.95))) for name, v in joined.items()}


def _poisson(random: np.random.Generator, mean: float, shape: tuple[int, ...]) -> Stack:
    """Return Poisson counts of one mean; above 100 by the normal deviate z, m + sqrt(m) z + (z^2 - 1) / 6.

    The last term gives the skewness of the Poisson distribution; what is left out is of the order 1 / sqrt(m).
    """
    if mean <= 100:
        return random.poisson(mean, shape)
    normal = random.standard_normal(shape, dtype=np.float32)
    return np.asarray(np.rint(mean + (mean**0.5 + normal / 6) * normal - 1 / 6), np.int32)


def index_measure(
    fields: Fields, pixels: int, kind: type[np.floating[Any]] = np.float32
) -> Callable[[Stack], Numbers]:
    """Return what measures every uniformity index of stacks of re-binned images, by the engine that suits the work.

    Both engines do the same steps in the same order: the same numbers, bit for bit.

    Parameters
    ----------
    fields : of all images, or of each of a stack
    pixels : the whole work, in pixels
    kind : type of the indices
    """
    if use_numba(pixels):
        from nmqc.uniformity._kernels import CompiledIndices

        return CompiledIndices(fields, kind)
    return lambda stack: all_indices(smooth(stack, fields.ufov, kind), fields)


def shape_measure(fields: Fields, pixels: int) -> Callable[[Stack], Numbers]:
    """Return what measures `structure.shapes` of stacks of whole numbers, as `index_measure` does."""
    prepared = Shapes(fields)
    if use_numba(pixels):
        from nmqc.uniformity._kernels import sums_numba

        return lambda stack: prepared.of(sums_numba(stack, fields))
    return lambda stack: prepared.of(sums(stack, fields))


def _chunks(total: int) -> Iterator[int]:
    for start in range(0, total, CHUNK):
        yield min(CHUNK, total - start)


def _seed(*arrays: NDArray[Any]) -> int:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return int.from_bytes(digest.digest()[:8], "little")


def _unpack(packed: bytes, shape: tuple[int, int]) -> NDArray[np.bool_]:
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=shape[0] * shape[1])
    return np.asarray(bits.reshape(shape).astype(bool))
