"""What many seeds of noisy IEC phantoms say, in words and tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.pet_grid_tables import Required
from benchmarks.pet_noise import PLACES, TOGETHER, Block, Value, settings
from benchmarks.pet_scans import SPHERES, Floats
from phantoms.pet import COLD

LOCALISED_MM, FROM = 0.3, 3  # 22 mm and larger
COVERED, COVERED_BY = 68.0, 10.0
#: metrics whose uncertainty is judged, and whether about their own mean: a maximum of noise is biased by definition
JUDGED = {
    "contrast_hot": False,
    "contrast_cold": False,
    "sphere_to_background": False,
    "background": False,
    "lung_residual": False,
    "calibration": False,
    "rc_mean": True,
    "rc_max": True,
    "rc_peak": True,
    "fwhm_transaxial": False,
    "fwhm_axial": False,
    "fit_signal": False,
    "fit_signal, together": False,
}
ONLY_ROWS = ("background", "lung_residual", "calibration")


@dataclass(frozen=True, slots=True)
class Summary:
    """Of some values: mean of off and its standard error, scatter, RMS of sigma, shares within one sigma in %."""

    count: int
    bias: float
    error: float
    scatter: float
    stated: float
    within: float
    within_of_mean: float

    @property
    def ratio(self) -> float:
        """Return the scatter over the sigma given."""
        return self.scatter / self.stated


def summary(values: Sequence[Value]) -> Summary:
    """Return what the values of one quantity have in common."""
    off, sigma = np.array([one.off for one in values]), np.array([one.sigma for one in values])
    scatter = float(off.std(ddof=1))
    return Summary(
        count=off.size,
        bias=float(off.mean()),
        error=scatter / math.sqrt(off.size),
        scatter=scatter,
        stated=float(np.sqrt((sigma**2).mean())),
        within=100 * float((np.abs(off) <= sigma).mean()),
        within_of_mean=100 * float((np.abs(off - off.mean()) <= sigma).mean()),
    )


Grouped = dict[tuple[int, str, str], list[Value]]


def grouped(blocks: Sequence[Block]) -> Grouped:
    """Return the values of every quantity: (phantom, metric, of) -> values."""
    found: Grouped = {}
    for one in (value for block in blocks for value in block.values):
        found.setdefault((one.setting, one.metric, one.of), []).append(one)
    return found


# --- places ---------------------------------------------------------------------------------------------


def _offsets(groups: Grouped, setting: int, of: str) -> tuple[Floats, Floats]:
    """Return x, y, z off, shape (seeds, 3), and the sigma of each seed, of one sphere."""
    each = [groups[setting, name, of] for name in PLACES]
    off = np.array([[one.off for one in some] for some in each]).T
    return off, np.array([one.sigma for one in each[0]])


def _root(off: Floats) -> float:
    return float(np.sqrt((off**2).sum(axis=1).mean()))


def places_text(groups: Grouped) -> str:
    """Return the table of the places, phantom by phantom and sphere by sphere."""
    lines = [
        "| phantom | sphere | RMS of the distance / mm | 68 % / mm | 95 % / mm | sigma of an axis / mm "
        "| scatter / sigma | axes within 1 sigma | distances within 3.76 sigma |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for number, setting in enumerate(settings()):
        for of in SPHERES:
            off, sigma = _offsets(groups, number, of)
            away = np.linalg.norm(off, axis=1)
            ratio = math.sqrt(float((off**2).mean())) / math.sqrt(float((sigma**2).mean()))
            inside = 100 * float((np.abs(off) <= sigma[:, None]).mean())
            near = 100 * float((away <= 3.76 * sigma).mean())
            low, high = np.percentile(away, (68, 95))
            lines.append(
                f"| {setting.what} | {of} | {_root(off):.3f} | {low:.3f} | {high:.3f} | {sigma.mean():.3f} | "
                f"{ratio:.2f} | {inside:.0f} % | {near:.1f} % |"
            )
    return "\n".join(lines) + "\n"


def _places_required(groups: Grouped) -> Iterator[Required]:
    root = {
        (setting.what, of): (_root(_offsets(groups, number, of)[0]), setting.body.states[index] == COLD)
        for number, setting in enumerate(settings())
        for index, of in enumerate(SPHERES)
        if index >= FROM
    }
    for cold in (False, True):
        worst = max((one for one in root if root[one][1] == cold), key=lambda one: root[one][0])
        yield (
            f"noise of 8 %: {'cold' if cold else 'hot'} spheres of 22 mm and more to {LOCALISED_MM:g} mm (RMS over "
            "the seeds)",
            f"largest RMS {root[worst][0]:.3f} mm ({', '.join(worst)})",
            None
            if cold
            else root[worst][0] <= LOCALISED_MM,  # a cold sphere has a contrast of 1, required is 3
        )
    far = 100 * float(
        np.mean([_beyond(groups, n, of) for n in range(len(settings())) for of in SPHERES[:FROM]])
    )
    yield (
        "noise of 8 %: spheres below 22 mm within 3 of the sigmas given (axis by axis; 99.7 % of a normal error)",
        f"{100 - far:.2f} % within",
        far <= 1.0,
    )
    shares = {}
    for number, setting in enumerate(settings()):
        each = [_offsets(groups, number, of) for of in SPHERES]
        shares[setting.what] = 100 * float(np.mean([np.abs(off) <= sigma[:, None] for off, sigma in each]))
    yield _verdict("places of the spheres", shares)


def _beyond(groups: Grouped, setting: int, of: str) -> float:
    off, sigma = _offsets(groups, setting, of)
    return float((np.abs(off) > 3 * sigma[:, None]).mean())


# --- background variability -----------------------------------------------------------------------------


def _variability(blocks: Sequence[Block], setting: int) -> tuple[Floats, Floats]:
    """Return N of every seed, shape (seeds, 6), and mean and SD predicted, shape (6, 2)."""
    mine = [block for block in blocks if block.setting == setting]
    return np.concatenate([np.array(one.variability) for one in mine]), np.array(mine[0].predicted)


def variability_text(blocks: Sequence[Block]) -> str:
    """Return N beside the prediction."""
    lines = [
        "| phantom | diameter | N predicted / % | N, mean of the seeds / % | off, in standard errors of the mean "
        "| seeds within 2 standard errors | scatter / predicted |",
        "|---|---|---|---|---|---|---|",
    ]
    for number, setting in enumerate(settings()):
        found, predicted = _variability(blocks, number)
        for index, of in enumerate(SPHERES):
            mean, error = predicted[index]
            values = found[:, index]
            off = (values.mean() - mean) / (error / math.sqrt(values.size))
            within = 100 * float((np.abs(values - mean) <= 2 * error).mean())
            lines.append(
                f"| {setting.what} | {of} | {mean:.3f} +- {error:.3f} | {values.mean():.3f} | {off:+.1f} | "
                f"{within:.0f} % | {values.std(ddof=1) / error:.2f} |"
            )
    return "\n".join(lines) + "\n"


def _variability_required(blocks: Sequence[Block]) -> Iterator[Required]:
    inside, means = [], []
    for number in range(len(settings())):
        found, predicted = _variability(blocks, number)
        inside.append(np.abs(found - predicted[:, 0]) <= 2 * predicted[:, 1])
        means.append((found.mean(axis=0) - predicted[:, 0]) / (predicted[:, 1] / math.sqrt(len(found))))
    share, most = 100 * float(np.concatenate(inside).mean()), float(np.abs(means).max())
    yield (
        "N within two standard errors of the value predicted (95 % of the seeds)",
        f"{share:.1f} % of {sum(one.size for one in inside):,}; means of the seeds off by {most:.1f} of their "
        "standard errors at most",
        share >= 92 and most <= 4,  # of 30 means, six of a phantom alike: beyond 4 one in 500
    )


# --- uncertainties --------------------------------------------------------------------------------------


def coverage_text(groups: Grouped) -> str:
    """Return the shares within one sigma, and scatter over sigma, of every metric, phantom and sphere."""
    lines = [
        f"| metric | phantom | {' | '.join(SPHERES)} | {TOGETHER} |",
        "|" + "---|" * (len(SPHERES) + 3),
    ]
    for metric, of_mean in JUDGED.items():
        for number, setting in enumerate(settings()):
            cells = [_cell(groups.get((number, metric, of)), of_mean) for of in (*SPHERES, TOGETHER)]
            if metric in ONLY_ROWS:
                cells[-1] = _cell(groups.get((number, metric, "")), of_mean)
            if any(cells):
                note = " (of their mean)" if of_mean else ""
                lines.append(f"| `{metric}`{note} | {setting.what} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(values: Sequence[Value] | None, of_mean: bool) -> str:
    if not values:
        return ""
    one = summary(values)
    return f"{one.within_of_mean if of_mean else one.within:.0f} % ({one.ratio:.2f})"


def bias_text(groups: Grouped) -> str:
    """Return mean of off over the sigma given, of every metric, phantom and sphere."""
    lines = [
        f"| metric | phantom | {' | '.join(SPHERES)} | {TOGETHER} |",
        "|" + "---|" * (len(SPHERES) + 3),
    ]
    for metric in JUDGED:
        for number, setting in enumerate(settings()):
            cells = [_bias(groups.get((number, metric, of))) for of in (*SPHERES, TOGETHER)]
            if metric in ONLY_ROWS:
                cells[-1] = _bias(groups.get((number, metric, "")))
            if any(cells):
                lines.append(f"| `{metric}` | {setting.what} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _bias(values: Sequence[Value] | None) -> str:
    if not values:
        return ""
    one = summary(values)
    return f"{one.bias / one.stated:+.2f}"


def _coverage_required(groups: Grouped) -> Iterator[Required]:
    for metric, of_mean in JUDGED.items():
        shares = {
            setting.what: share
            for number, setting in enumerate(settings())
            if (share := _share(groups, number, metric, of_mean)) is not None
        }
        yield _verdict(f"`{metric}`", shares, " of their mean" if of_mean else "")


def _share(groups: Grouped, setting: int, metric: str, of_mean: bool) -> float | None:
    """Return the share of a phantom's values, all spheres together, within one sigma, in per cent."""
    mine = [summary(some) for key, some in groups.items() if key[:2] == (setting, metric)]
    if not mine:
        return None
    within = [one.within_of_mean if of_mean else one.within for one in mine]
    return float(np.average(within, weights=[one.count for one in mine]))


def _verdict(what: str, shares: dict[str, float], about: str = "") -> Required:
    """Return whether sigmas cover: at least 58 % of each phantom's values within one."""
    low, high = min(shares, key=lambda key: shares[key]), max(shares, key=lambda key: shares[key])
    wide = ": wider than needed" if shares[high] > COVERED + COVERED_BY else ""
    return (
        f"{what}: at least {COVERED - COVERED_BY:g} % within one sigma{about} in every phantom",
        f"{shares[low]:.0f} % ({low}) to {shares[high]:.0f} % ({high}{wide})",
        shares[low] >= COVERED - COVERED_BY,
    )


# --- together -------------------------------------------------------------------------------------------


def required(blocks: Sequence[Block]) -> Iterator[Required]:
    """Yield what is required of the noisy phantoms, what was measured, and whether that is enough."""
    groups = grouped(blocks)
    volumes = sum(len(one.variability) + len(one.refused) for one in blocks)
    refused, swaps = sum(len(one.refused) for one in blocks), sum(one.swapped for one in blocks)
    yield (
        "noise of 8 %: every phantom found, no label swapped",
        f"{refused} refused, {swaps} swapped of {volumes}",
        not refused and not swaps,
    )
    yield from _places_required(groups)
    yield from _variability_required(blocks)
    yield from _coverage_required(groups)


def settings_text() -> str:
    """Return what the phantoms are."""
    lines = [
        "| phantom | voxels / mm | FWHM across, along / mm | noise through / mm | noise follows | spheres |",
        "|---|---|---|---|---|---|",
    ]
    for one in settings():
        phantom = one.body
        cold = "28 and 37 mm cold" if "cold" in phantom.states else "all hot"
        lines.append(
            f"| {one.what} | {' x '.join(f'{size:g}' for size in phantom.voxel_mm)} | "
            f"{phantom.fwhm_mm[0]:g}, {phantom.fwhm_mm[1]:g} | "
            f"{phantom.noise_fwhm_mm[0]:g}, {phantom.noise_fwhm_mm[1]:g} | {phantom.noise_follows} | "
            f"{phantom.ratio:g}:1, {cold} |"
        )
    return "\n".join(lines) + "\n"


def absent_text(blocks: Sequence[Block]) -> str:
    """Return what was not measured in the noisy volumes though it was without noise."""
    codes = Counter(one for block in blocks for one in block.absent)
    if not codes:
        return "Nothing that was measured without noise was missing with it.\n"
    said = ", ".join(f"{count} `{name}` {of} (`{code}`)" for (name, of, code), count in codes.items())
    return f"Missing with noise: {said}.\n"
