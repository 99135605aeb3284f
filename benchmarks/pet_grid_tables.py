"""What the grid of IEC phantoms says, in words and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.pet_grid import (
    FWHM_MM,
    NOISES,
    VOXELS_MM,
    WRONG_MM,
    WRONG_SIGMAS,
    Cell,
    Continuous,
    Noisy,
    body,
)
from phantoms.pet import SPHERES_MM

NOISE_FREE_MM, CONTRAST_POINTS, CONTINUOUS_POINTS, FROM_MM = 0.3, 0.3, 1.5, 13.0

#: what is required, what was measured, and whether that is enough; None: for information
Required = tuple[str, str, bool | None]


def required(cells: Sequence[Cell], fine: Sequence[Continuous]) -> Iterator[Required]:
    """Yield what is required of the grid, what was measured, and whether that is enough."""
    found = [one for one in cells if not one.refused]
    worst = max(max(one.errors_mm) for one in found)
    yield (
        f"every sphere to {NOISE_FREE_MM:g} mm without noise",
        f"largest error {worst:.4f} mm of {6 * len(found)} spheres; {len(cells) - len(found)} phantoms refused",
        worst <= NOISE_FREE_MM and len(found) == len(cells),
    )
    noisy = [one for cell in cells for one in cell.noisy]
    swaps = sum(one.swapped for one in cells) + sum(one.swapped for one in noisy)
    yield "no label ever swapped (grid)", f"{swaps} of {len(cells) + len(noisy)} volumes", not swaps
    strong = [one for one in noisy if one.noise > 0.1]
    wrong, refused = sum(one.wrong for one in strong), sum(bool(one.refused) for one in strong)
    yield (
        f"noise of 15 %: found or refused, never wrong (swapped, or a sphere off by more than "
        f"{WRONG_MM:g} mm and than {WRONG_SIGMAS:g} sigma of an axis)",
        f"{len(strong) - refused} found, {refused} refused, {wrong} wrong of {len(strong)}",
        not wrong,
    )
    off = max(abs(ours - hand) for cell in found for _, ours, hand in cell.contrasts)
    differ = sum(cell.slices_differ for cell in found)
    yield (
        f"contrast without noise within {CONTRAST_POINTS:g} points of that by hand from the exact voxels",
        f"largest difference {off:.3f} points of {6 * len(found)}; {differ} on another slice",
        off <= CONTRAST_POINTS,
    )
    for between in (False, True):
        most = max(
            abs(ours - exact)
            for one in fine
            if one.between == between
            for diameter, (ours, exact) in zip(SPHERES_MM, one.pairs, strict=True)
            if diameter >= FROM_MM
        )
        where = "half-way between two slices" if between else "in a slice"
        yield (
            f"within {CONTINUOUS_POINTS:g} points of the closed form: voxels of FWHM / 4, spheres of "
            f"{FROM_MM:g} mm or more, plane {where}",
            f"largest difference {most:.2f} points",
            None if between else most <= CONTINUOUS_POINTS,
        )


def grid_text(cells: Sequence[Cell]) -> str:
    """Return the errors without noise by voxel and by FWHM."""
    lines = [
        "| of the phantoms with | phantoms | largest error / mm | RMS / mm | contrast, largest / points |"
    ]
    lines.append("|---|---|---|---|---|")
    groups: list[tuple[str, list[Cell]]] = []
    for voxel in VOXELS_MM:
        mine = [one for one in cells if body(one.number).voxel_mm == voxel and not one.refused]
        groups.append((f"voxels of {' x '.join(f'{size:g}' for size in voxel)} mm", mine))
    for fwhm in FWHM_MM:
        mine = [one for one in cells if body(one.number).fwhm_mm == fwhm and not one.refused]
        groups.append((f"FWHM {fwhm[0]:g} across, {fwhm[1]:g} mm along", mine))
    for what, mine in groups:
        if mine:
            errors = np.array([one.errors_mm for one in mine])
            off = max(abs(ours - hand) for one in mine for _, ours, hand in one.contrasts)
            rms = float(np.sqrt((errors**2).mean()))
            lines.append(f"| {what} | {len(mine)} | {errors.max():.4f} | {rms:.4f} | {off:.3f} |")
    return "\n".join(lines) + "\n"


def noisy_text(cells: Sequence[Cell]) -> str:
    """Return what became of the noisy volumes of the grid."""
    lines = [
        "| noise | volumes | refused | swapped | a sphere beyond 2 mm | of these beyond 3 sigma "
        "| beyond 3.76 sigma |",
        "|---|---|---|---|---|---|---|",
    ]
    for size, ends in NOISES:
        mine = [one for cell in cells for one in cell.noisy if (one.noise, one.end_noise) == (size, ends)]
        codes = Counter(one.refused for one in mine if one.refused)
        said = ", ".join(f"{count} `{code}`" for code, count in codes.items()) or "0"
        more = f", {ends:g} times as much in the last slices" if ends > 1 else ""
        counts = [sum(_far(one, sigmas) for one in mine) for sigmas in (0.0, 3.0, WRONG_SIGMAS)]
        lines.append(
            f"| {100 * size:g} %{more} | {len(mine)} | {said} | {sum(one.swapped for one in mine)} | "
            f"{' | '.join(str(count) for count in counts)} |"
        )
    return "\n".join(lines) + "\n"


def _far(one: Noisy, sigmas: float) -> int:
    """Return how many spheres are off by more than 2 mm and some sigmas."""
    pairs = zip(one.errors_mm, one.sigmas_mm, strict=True)
    return sum(error > WRONG_MM and error > sigmas * sigma for error, sigma in pairs)


def fine_text(fine: Sequence[Continuous]) -> str:
    """Return contrast in fine voxels less the closed form."""
    lines = [
        "| FWHM / mm | voxel / mm | plane | less the closed form, 10 to 37 mm / points |",
        "|---|---|---|---|",
    ]
    for one in fine:
        where = "between two slices" if one.between else "in a slice"
        off = " ".join(f"{ours - exact:+.2f}" for ours, exact in one.pairs)
        lines.append(f"| {one.fwhm_mm:g} | {one.voxel_mm:g} | {where} | {off} |")
    return "\n".join(lines) + "\n"
