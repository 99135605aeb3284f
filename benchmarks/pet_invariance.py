"""One noisy IEC phantom in other volumes, for the validation: shifted, transposed, cropped to other matrices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pet_scans import SPHERES, Floats, Looked, looked_at, places_mm, truth_of, volume
from nmqc.model import Volume
from nmqc.pet.fit import JointFit, SphereFit
from phantoms.pet import IecBody

SEED = 20_260_508
SHIFT_MM = 24.0
#: (between slices, down, along): 24 mm are whole voxels
VOXELS_MM = ((3.0, 2.0, 2.4), (4.0, 4.0, 3.0))
ROOM_MM = (240.0, 312.0, 384.0)
WHAT = (
    "shifted by 24 mm along +x and -y",
    "shifted by 24 mm along +z",
    "transposed",
    "in a matrix smaller by pairs of voxels",
    "in a matrix smaller by single voxels",
    "slices in reverse",
)


@dataclass(frozen=True, slots=True)
class Change:
    """How much a quantity changed at most: in its unit, and in parts of the sigma given with it."""

    what: str
    voxel_mm: tuple[float, float, float]
    metric: str
    most: float
    sigmas: float


def changes(number: int) -> list[Change]:
    """Return what changed of a phantom with some voxels, in every variant."""
    phantom, whole = _whole(VOXELS_MM[number])
    usual = _variants(phantom, whole)
    reference, first = next(usual)
    truth = truth_of(phantom)
    before = _numbers(looked_at(reference, truth, fit=True), first)
    found = []
    for what, (scan, turn) in zip(WHAT, usual, strict=True):
        after = _numbers(looked_at(scan, truth, fit=True), turn)
        found += list(_compared(what, phantom.voxel_mm, before, after))
    return found


def _whole(voxel_mm: tuple[float, float, float]) -> tuple[IecBody, Floats]:
    """Return a phantom in a volume with room on all sides, and its noisy voxels."""
    slices, rows, columns = (2 * round(room / size / 2) for room, size in zip(ROOM_MM, voxel_mm, strict=True))
    phantom = IecBody(
        matrix=(rows, columns),
        slices=slices,
        voxel_mm=voxel_mm,
        fwhm_mm=(6.0, 5.0),
        centre_mm=(4.3, -3.7, -19.3),
        rotation_deg=67.0,
        sense=-1,
        tilt_deg=(0.4, -0.3),
    )
    return phantom, phantom.noisy(SEED)


Turn = tuple[tuple[int, int, int], tuple[int, int, int], Floats]
_AS_IT_IS = ((0, 1, 2), (1, 1, 1))


def _variants(phantom: IecBody, whole: Floats) -> Iterator[tuple[Volume, Turn]]:
    """Yield the reference and every variant: the volume, and how places in it become those of the reference."""
    z, y, x = (round(SHIFT_MM / size) for size in phantom.voxel_mm)
    deep, high, wide = whole.shape
    part = whole[z:, y:, : wide - x]
    half = np.array([SHIFT_MM / 2] * 3)  # from the centre of the whole to that of the part: -x, +y, +z
    middle = half * (-1, 1, 1)
    yield _volume(phantom, part), (*_AS_IT_IS, middle)
    yield _volume(phantom, whole[z:, : high - y, x:]), (*_AS_IT_IS, half * (1, -1, 1))
    yield _volume(phantom, whole[: deep - z, y:, : wide - x]), (*_AS_IT_IS, half * (-1, 1, -1))
    between, down, along = phantom.voxel_mm
    across = replace(phantom, voxel_mm=(between, along, down))
    yield _volume(across, part.transpose(0, 2, 1)), ((1, 0, 2), (1, 1, 1), middle)
    yield _volume(phantom, whole[z:, y:, 4:]), (*_AS_IT_IS, _between(phantom, z, y, 4))
    yield _volume(phantom, whole[z - 1 :, y - 1 :, 3:]), (*_AS_IT_IS, _between(phantom, z - 1, y - 1, 3))
    yield _volume(phantom, part[::-1]), ((0, 1, 2), (1, 1, -1), middle)


def _between(phantom: IecBody, slices: int, rows: int, columns: int) -> Floats:
    """Return x, y, z from the centre of the whole to that of the part without so many of the first."""
    dz, dy, dx = phantom.voxel_mm
    return np.array([columns * dx, rows * dy, slices * dz]) / 2


def _volume(phantom: IecBody, values: NDArray[Any]) -> Volume:
    return volume(phantom, np.ascontiguousarray(values))


def _numbers(looked: Looked, turn: Turn) -> dict[tuple[str, str], tuple[float, float]]:
    """Return every number with its sigma, by (metric, of); places in those of the whole."""
    order, signs, middle = turn
    places = places_mm(looked.found)[:, order] * signs + middle
    numbers = {
        (name, of): (one.value, one.uncertainty or 0.0)
        for (name, of), one in looked.values.items()
        if not name.startswith("sphere_") or name == "sphere_to_background"
    }
    for of, place, sphere in zip(SPHERES, places, looked.found.spheres, strict=True):
        for axis, value in zip("xyz", place.tolist(), strict=True):
            numbers["place", f"{of} {axis}"] = (value, sphere.sigma_mm)
    return numbers | _fitted(looked)


def _fitted(looked: Looked) -> dict[tuple[str, str], tuple[float, float]]:
    numbers = {}
    assert looked.fits is not None
    for of, one in zip(SPHERES, looked.fits.spheres, strict=True):
        if isinstance(one, SphereFit):
            numbers["fit_signal", of] = (one.signal.value, one.signal.sigma)
            numbers["fwhm_transaxial", of] = (one.fwhm_transaxial_mm.value, one.fwhm_transaxial_mm.sigma)
            numbers["fwhm_axial", of] = (one.fwhm_axial_mm.value, one.fwhm_axial_mm.sigma)
    if isinstance(looked.fits.joint, JointFit):
        joint = looked.fits.joint
        numbers["fwhm_transaxial", "all"] = (joint.fwhm_transaxial_mm.value, joint.fwhm_transaxial_mm.sigma)
        numbers["fwhm_axial", "all"] = (joint.fwhm_axial_mm.value, joint.fwhm_axial_mm.sigma)
    return numbers


def _compared(
    what: str,
    voxel_mm: tuple[float, float, float],
    before: dict[tuple[str, str], tuple[float, float]],
    after: dict[tuple[str, str], tuple[float, float]],
) -> Iterator[Change]:
    """Yield the largest change of each metric; an infinite one where a number is there once only."""
    for metric in dict.fromkeys(name for name, _ in (*before, *after)):
        keys = [key for key in dict.fromkeys((*before, *after)) if key[0] == metric]
        pairs = [(before.get(key), after.get(key)) for key in keys]
        if any(one is None or other is None for one, other in pairs):
            yield Change(what, voxel_mm, metric, np.inf, np.inf)
            continue
        off = [abs(other[0] - one[0]) for one, other in pairs if one and other]
        sigmas = [one[1] for one, _ in pairs if one]
        yield Change(
            what, voxel_mm, metric, max(off), max(o / s for o, s in zip(off, sigmas, strict=True) if s)
        )


def most_changed(found: Sequence[Change]) -> dict[str, Change]:
    """Return the largest change of each metric over all variants, by its sigma."""
    return {
        metric: max((one for one in found if one.metric == metric), key=lambda one: one.sigmas)
        for metric in dict.fromkeys(one.metric for one in found)
    }


# --- in words -------------------------------------------------------------------------------------------

SAME_SIGMAS = 0.01
_UNITS = {
    "contrast_hot": "points",
    "background_variability": "points",
    "lung_residual": "points",
    "background": "Bq/mL of 5300",
    "place": "mm",
    "fit_signal": "Bq/mL of 21200",
    "fwhm_transaxial": "mm",
    "fwhm_axial": "mm",
}


def required(found: Sequence[Change]) -> Iterator[tuple[str, str, bool]]:
    """Yield what is required of the variants, what was measured, and whether that is enough."""
    for what in WHAT:
        mine = [one for one in found if one.what == what]
        worst = max(mine, key=lambda one: one.sigmas)
        yield (
            f"the same numbers: {what}",
            f"largest change {worst.sigmas:.1g} of a sigma (`{worst.metric}`, {_amount(worst)})",
            worst.sigmas <= SAME_SIGMAS,
        )


def _amount(one: Change) -> str:
    return f"{one.most:.1g} {_UNITS.get(one.metric, '')}".strip()


def metrics_table(found: Sequence[Change]) -> str:
    """Return the largest change of each metric."""
    lines = ["| quantity | largest change | in sigmas | where |", "|---|---|---|---|"]
    for metric, one in most_changed(found).items():
        voxel = " x ".join(f"{size:g}" for size in one.voxel_mm)
        lines.append(f"| `{metric}` | {_amount(one)} | {one.sigmas:.1g} | {one.what}, {voxel} mm |")
    return "\n".join(lines) + "\n"


def variants_table(found: Sequence[Change]) -> str:
    """Return the largest change of each variant, for all voxels."""
    lines = ["| volume | voxels / mm | largest change in sigmas | of |", "|---|---|---|---|"]
    for what in WHAT:
        for voxel in dict.fromkeys(one.voxel_mm for one in found):
            mine = [one for one in found if (one.what, one.voxel_mm) == (what, voxel)]
            worst = max(mine, key=lambda one: one.sigmas)
            sizes = " x ".join(f"{size:g}" for size in voxel)
            lines.append(f"| {what} | {sizes} | {worst.sigmas:.1g} | `{worst.metric}` |")
    return "\n".join(lines) + "\n"
