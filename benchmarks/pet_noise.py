"""Noisy IEC body phantoms of known truth for the validation: cells of many seeds, and whether their sigmas hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.pet_grid import OLDER, disc_ratio, slices_of, swapped
from benchmarks.pet_scans import (
    SPHERES,
    Floats,
    Looked,
    disc_mean,
    disc_weights,
    looked_at,
    truth_of,
    volume,
)
from nmqc.errors import CannotMeasure
from nmqc.pet.background import Placement
from nmqc.pet.fit import Estimate, JointFit, SphereFit, SphereFits
from phantoms.pet import COLD, SPHERES_MM, IecBody
from phantoms.pixels import FWHM_PER_SIGMA

SEED = 20_260_506
SEEDS, BLOCK = 100, 25
TOGETHER = "all"  # `of` of what all hot spheres give together
PLACES = ("sphere_x", "sphere_y", "sphere_z")


@dataclass(frozen=True, slots=True)
class Setting:
    """One phantom that is acquired many times; with `fit`, the model is fitted as well."""

    what: str
    body: IecBody
    fit: bool = True


def settings() -> tuple[Setting, ...]:
    """Return the phantoms of the validation, always the same: all with noise of 8 % of the background in a voxel."""
    return (
        Setting("A", _body((3.0, 2.6, 2.9), (6.0, 5.5), (5.0, 4.5), rotation_deg=97.0, sense=-1)),
        Setting(
            "B",
            _body(
                (2.4, 2.5, 2.3), (5.0, 5.6), (4.5, 5.0), noise_follows="activity", rotation_deg=201.0, sense=1
            ),
        ),
        Setting(
            "C", _body((4.0, 4.0, 4.0), (8.0, 8.0), (8.0, 8.0), states=OLDER, rotation_deg=318.0, sense=1)
        ),
        Setting(
            "D",
            _body((2.0, 2.0, 2.0), (6.0, 6.0), (6.0, 6.0), reach_mm=104.0, rotation_deg=22.0, sense=-1),
            fit=False,
        ),
        Setting(
            "E",
            _body(
                (3.27, 3.65, 3.65),
                (7.0, 6.0),
                (9.0, 6.0),
                ratio=10.0,
                noise_follows="activity",
                rotation_deg=150.0,
                sense=-1,
            ),
        ),
    )


def _body(
    voxel_mm: tuple[float, float, float],
    fwhm_mm: tuple[float, float],
    noise_fwhm_mm: tuple[float, float],
    *,
    reach_mm: float = 204.0,
    **more: Any,
) -> IecBody:
    """Return a phantom off the centre, its spheres' plane a fifth of a slice from the middle of one."""
    room = (reach_mm, 262.0, 332.0)
    slices, rows, columns = (math.ceil(one / size) for one, size in zip(room, voxel_mm, strict=True))
    middle = -12.0 if reach_mm > 150 else 0.0
    plane = (round(middle / voxel_mm[0]) + (0.5 if slices % 2 == 0 else 0.0) + 0.2) * voxel_mm[0]
    return IecBody(
        matrix=(rows, columns),
        slices=slices,
        voxel_mm=voxel_mm,
        fwhm_mm=fwhm_mm,
        centre_mm=(6.3, -7.9, plane),
        noise=0.08,
        noise_fwhm_mm=noise_fwhm_mm,
        **more,
    )


@dataclass(frozen=True, slots=True)
class Value:
    """One value of one seed: by which phantom, how far off the truth, and the sigma given with it."""

    setting: int
    metric: str
    of: str
    off: float
    sigma: float


@dataclass(frozen=True, slots=True)
class Block:
    """What some seeds of a phantom gave.

    Attributes
    ----------
    refused : codes of the volumes in which nothing was found
    absent : (metric, of, code) of what was not measured in the others
    swapped : volumes with a swapped label
    variability : (setting, seed) -> N of the six diameters; `predicted`: mean and standard deviation of each
    """

    values: tuple[Value, ...]
    refused: tuple[str, ...]
    absent: tuple[tuple[str, str, str], ...]
    swapped: int
    setting: int
    variability: tuple[tuple[float, ...], ...]
    predicted: tuple[tuple[float, float], ...]


def blocks(seeds: int = SEEDS) -> int:
    """Return how many blocks there are in all."""
    return len(settings()) * math.ceil(seeds / BLOCK)


def block(number: int, seeds: int = BLOCK) -> Block:
    """Return the outcome of a block of seeds, always the same for the same number."""
    at, part = number % len(settings()), number // len(settings())
    setting = settings()[at]
    exact = setting.body.voxels()
    true, clean = _truths(setting.body, exact)
    values: list[Value] = []
    refused, absent, swaps, variability = [], [], 0, []
    for seed in range(part * BLOCK, part * BLOCK + seeds):
        scan = volume(setting.body, setting.body.with_noise(exact, SEED + 1000 * at + seed))
        try:
            looked = looked_at(scan, truth_of(setting.body), fit=setting.fit)
        except CannotMeasure as refusal:
            refused.append(refusal.code)
            continue
        swaps += swapped(looked.found, setting.body)
        absent += [one for one in looked.absent if one not in clean.absent]
        values += _values(at, setting.body, looked, true)
        variability.append(tuple(looked.value("background_variability", of) for of in SPHERES))
    assert clean.placed is not None
    predicted = predicted_variability(setting.body, exact, clean.placed.placement)
    return Block(
        tuple(values), tuple(refused), tuple(absent), swaps, at, tuple(variability), tuple(predicted)
    )


def _truths(body: IecBody, exact: Floats) -> tuple[dict[tuple[str, str], float], Looked]:
    """Return the true value of what has one, by (metric, of), and what nmqc says of the voxels without noise.

    The ratio of a sphere's circle to the background, and so contrast, by hand at the true places. Recovery: what
    nmqc finds without noise.
    """
    clean = looked_at(volume(body, exact), truth_of(body))
    true = {("background", ""): body.background_bqml, ("lung_residual", ""): 100 * body.lung_residual}
    true["calibration", ""] = 1.0
    slices = slices_of(body)
    for index, of in enumerate(SPHERES):
        ratio = disc_ratio(body, exact, clean, index, slices[index])
        true["sphere_to_background", of] = ratio
        true["contrast_cold", of] = 100 * (1 - ratio)
        true["contrast_hot", of] = 100 * (ratio - 1) / (body.ratio - 1)
        for axis, name in enumerate(PLACES):
            true[name, of] = float(body.sphere_centres_mm()[index, axis])
        for name in ("rc_mean", "rc_max", "rc_peak"):
            if (name, of) in clean.values:
                true[name, of] = clean.value(name, of)
    return true, clean


def _values(at: int, body: IecBody, looked: Looked, true: dict[tuple[str, str], float]) -> Iterator[Value]:
    for (name, of), one in looked.values.items():
        if (name, of) in true and one.uncertainty:
            yield Value(at, name, of, one.value - true[name, of], one.uncertainty)
    if looked.fits is not None:
        yield from _fitted(at, body, looked.fits)


def _fitted(at: int, body: IecBody, fits: SphereFits) -> Iterator[Value]:
    """Yield the fits of each sphere alone, and of all together."""
    hot = body.ratio * body.background_bqml
    across, along = body.fwhm_mm
    for index, one in enumerate(fits.spheres):
        if isinstance(one, SphereFit):
            true = 0.0 if body.states[index] == COLD else hot
            yield _estimated(at, "fit_signal", SPHERES[index], one.signal, true)
            yield _estimated(at, "fwhm_transaxial", SPHERES[index], one.fwhm_transaxial_mm, across)
            yield _estimated(at, "fwhm_axial", SPHERES[index], one.fwhm_axial_mm, along)
    joint = fits.joint
    if isinstance(joint, JointFit):
        yield _estimated(at, "fwhm_transaxial", TOGETHER, joint.fwhm_transaxial_mm, across)
        yield _estimated(at, "fwhm_axial", TOGETHER, joint.fwhm_axial_mm, along)
        for diameter, signal in zip(joint.diameters_mm, joint.signals, strict=True):
            yield _estimated(at, "fit_signal, together", f"{diameter:g} mm", signal, hot)


def _estimated(at: int, metric: str, of: str, one: Estimate, true: float) -> Value:
    return Value(at, metric, of, one.value - true, one.sigma)


# --- background variability -----------------------------------------------------------------------------


def predicted_variability(body: IecBody, exact: Floats, placement: Placement) -> list[tuple[float, float]]:
    """Return the expected N of the six diameters in %, and its standard deviation from seed to seed.

    By the covariance S of the K means, from that of the voxels, white noise through a Gaussian: exp(-d^2 / 4 sigma^2)
    along each axis. With M = 1 - 1/K, the expected SD^2 is tr(M S) / (K - 1), its variance
    2 tr(M S M S) / (K - 1)^2, to which comes what the voxels without noise scatter.
    """
    between = _correlation(body, 0)[np.ix_(placement.slices, placement.slices)]
    found = []
    for diameter in SPHERES_MM:
        weights = [disc_weights(body, centre, diameter / 2) for centre in placement.centres_mm]
        means = [disc_mean(exact[k], one) for k in placement.slices for one in weights]
        shares = np.array([one / one.sum() for one in weights])
        down, along = _correlation(body, 1), _correlation(body, 2)
        spread = down @ shares @ along
        plane = np.tensordot(spread, shares, axes=((1, 2), (1, 2)))
        covariance = (
            np.asarray(np.kron(between, plane), np.float64) * (body.noise * body.background_bqml) ** 2
        )
        found.append(_sd(covariance, float(np.var(means, ddof=1)), float(np.mean(means))))
    return found


def _sd(covariance: Floats, structure: float, mean: float) -> tuple[float, float]:
    """Return mean and standard deviation of a sample's SD / mean, in per cent."""
    count = len(covariance)
    centred = covariance - covariance.mean(axis=0)
    square = float(np.trace(centred)) / (count - 1)
    variance = 2 * float(np.einsum("ij,ji->", centred, centred)) / (count - 1) ** 2
    total = square + structure
    size = math.sqrt(total) * (1 - variance / (8 * total**2))
    return 100 * size / mean, 100 * math.sqrt(variance / (4 * total)) / mean


def _correlation(body: IecBody, axis: int) -> Floats:
    """Return the correlation of the voxels along one axis, in closed form."""
    count, size = body.shape[axis], body.voxel_mm[axis]
    sigma = body.noise_fwhm_mm[0 if axis else 1] / FWHM_PER_SIGMA
    apart = size * (np.arange(count)[:, None] - np.arange(count))
    return np.asarray(np.exp(-(apart**2) / (4 * sigma**2)), dtype=np.float64)
