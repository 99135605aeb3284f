"""What the grid of bar phantoms shows, as the text and tables of its page."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.bars_grid import (
    COARSE,
    COUNTS,
    FWHM_MM,
    GIVEN,
    KNOWN,
    MEASURABLE,
    PIXEL_MM,
    SUITED,
    Outcome,
    Value,
    widths_text,
)
from benchmarks.validation import table

FEWEST_GOOD = 200
BIAS, COVERAGE, COVERAGE_OFF, BEYOND = 0.01, 0.68, 0.07, 0.01
CENTRE_MM, ROTATION_DEG, WIDTH = 1.0, 0.2, 0.005
SHOWN = 12  # cells named in one line
ORDER = (
    "fwhm",
    "contrast",
    "limit",
    "modulation",
    "mtf",
    "width",
    "fwhm_moments",
    "fwhm_moments_pi4",
    "pixel_scale",
    "rotation",
    "centre_x",
    "centre_y",
)
RELATIVE = frozenset(ORDER[:9])


def good(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the good cells."""
    return [one for one in outcomes if one.good]


def other(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the cells that are not good."""
    return [one for one in outcomes if not one.good]


def values(outcomes: Sequence[Outcome], *metrics: str) -> list[Value]:
    """Return all values of some metrics."""
    return [value for one in outcomes for value in one.of(*metrics)]


def drawn(outcomes: Sequence[Outcome]) -> str:
    """Say how the cells were drawn, and how many of them are good."""
    sets, given = ("; ".join(widths_text(one) for one in those) for those in (KNOWN, GIVEN))
    return (
        f"{len(outcomes)} cells, drawn at random; none is left out. Bars of {sets} mm, found by nmqc, and {given} "
        "mm, given with `--bars`, each set in any order of the quadrants, mirrored or not. "
        f"FWHM {FWHM_MM[0]:g} to {FWHM_MM[1]:g} mm; pixels {PIXEL_MM[0]:g} to {PIXEL_MM[1]:g} mm, in three of ten "
        "cells up to 15 % longer one way than the other; turned by 0 to 89 degrees; the centre up to 40 mm off in x "
        f"and in y; {COUNTS[0] / 1e6:g} to {COUNTS[1] / 1e6:g} million counts; fields of 533 x 387 and 400 x 540 mm, "
        "one in five cut by the matrix; scatter up to 0.3 of the mean and lead that lets through up to 0.1 (the "
        "contrast is 0.63 to 1); a cross of 0, 6 or 12 mm, open or leaded, in some at 45 degrees to the bars; "
        "phantoms larger and smaller than the field; a source up to 4 % weaker 200 mm off.\n\n"
        f"A cell is *good* where three quadrants or more have a true modulation of {MEASURABLE:g} or more, of bars "
        f"with pixels under {COARSE:g} of their width: {len(good(outcomes))} of them. In {100 * SUITED:.0f} % of the "
        "cells FWHM and pixels are drawn from as far as that can be met, in the others from all of the range.\n"
    )


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of what is required: what was found, and the cells that miss it."""

    what: str
    found: str
    missed: tuple[int, ...]
    met: bool

    def row(self) -> tuple[str, str, str]:
        """Return the line."""
        if self.met:
            return self.what, self.found, "met"
        named = ", ".join(str(one) for one in self.missed[:SHOWN])
        more = f" and {len(self.missed) - SHOWN} more" if len(self.missed) > SHOWN else ""
        return self.what, self.found, f"missed{': cells ' + named + more if named else ''}"


def required(outcomes: Sequence[Outcome]) -> str:
    """Return the table of what is required, what was found, and which cells miss it."""
    rows = [one.row() for one in requirements(outcomes)]
    return table(("required", "found", "outcome"), rows)


def requirements(outcomes: Sequence[Outcome]) -> list[Requirement]:
    """Return everything that is required of the grid."""
    return [
        _enough(outcomes),
        _given(outcomes),
        _bias(outcomes),
        _coverage(outcomes),
        _beyond(outcomes),
        _largest(outcomes, "centre: to 1 mm, in every result", _centre, CENTRE_MM, "mm"),
        _largest(outcomes, "rotation: to 0.2 degrees, in every result", _rotation, ROTATION_DEG, "deg"),
        _largest(outcomes, "bar widths: to 0.5 %, in every result", _width, 100 * WIDTH, "%"),
        _wrong(outcomes),
        _says(outcomes),
    ]


def _enough(outcomes: Sequence[Outcome]) -> Requirement:
    number = len(good(outcomes))
    return Requirement(f"{FEWEST_GOOD} good cells or more", str(number), (), number >= FEWEST_GOOD)


def _given(outcomes: Sequence[Outcome]) -> Requirement:
    missed = tuple(one.cell.number for one in good(outcomes) if not one.has_fwhm)
    found = f"{len(good(outcomes)) - len(missed)} of {len(good(outcomes))}"
    return Requirement("a joint FWHM in every good cell", found, missed, not missed)


def _bias(outcomes: Sequence[Outcome]) -> Requirement:
    found = [value.part for value in values(good(outcomes), "fwhm")]
    met = bool(found) and abs(float(np.mean(found))) <= BIAS
    return Requirement("joint FWHM: bias within 1 %", f"{_percent(found)} %", (), met)


def _coverage(outcomes: Sequence[Outcome]) -> Requirement:
    within = [abs(value.sigmas) <= 1 for value in values(good(outcomes), "fwhm")]
    what = "joint FWHM: within one sigma 68 +- 7 %"
    if not within:
        return Requirement(what, "no FWHM at all", (), False)
    part, spread = sum(within) / len(within), (COVERAGE * (1 - COVERAGE) / len(within)) ** 0.5
    found = f"{100 * part:.0f} % (68 +- {100 * spread:.0f} % by chance)"
    return Requirement(what, found, (), abs(part - COVERAGE) <= COVERAGE_OFF)


def _beyond(outcomes: Sequence[Outcome]) -> Requirement:
    every = [(one.cell.number, abs(value.sigmas) > 3) for one in outcomes for value in one.values]
    beyond = [number for number, far in every if far]
    part = len(beyond) / max(len(every), 1)
    missed = tuple(number for number, _ in Counter(beyond).most_common())
    found = f"{len(beyond)} of {len(every):,d} ({100 * part:.1f} %), in {len(missed)} cells"
    return Requirement("all values of all results: 1 % or less off by 3 sigma", found, missed, part <= BEYOND)


def _largest(
    outcomes: Sequence[Outcome], what: str, off: Callable[[Outcome], float], most: float, unit: str
) -> Requirement:
    found = {one.cell.number: off(one) for one in outcomes if not one.refused}
    largest = max(found.values(), default=0.0)
    missed = tuple(number for number, value in found.items() if value > most)
    return Requirement(what, f"at most {largest:.2f} {unit} off ({len(found)} results)", missed, not missed)


def _centre(one: Outcome) -> float:
    return math.hypot(*(value.off for value in one.of("centre_x", "centre_y")))


def _rotation(one: Outcome) -> float:
    return max(abs(value.off) for value in one.of("rotation"))


def _width(one: Outcome) -> float:
    return max((100 * abs(value.part) for value in one.of("width")), default=0.0)


def _wrong(outcomes: Sequence[Outcome]) -> Requirement:
    missed = tuple(one.cell.number for one in outcomes if one.wrong)
    results = sum(not one.refused for one in outcomes)
    return Requirement(
        "no quadrant taken for another", f"{len(missed)} of {results} results", missed, not missed
    )


def _says(outcomes: Sequence[Outcome]) -> Requirement:
    silent = [
        one.cell.number
        for one in outcomes
        if not one.refused and not one.has_fwhm and not any(code.startswith("fwhm: ") for code in one.codes)
    ]
    return Requirement(
        "every result without a joint FWHM says why", f"{len(silent)} do not", tuple(silent), not silent
    )


def _percent(parts: Sequence[float]) -> str:
    """Return a mean of parts in percent, with its standard error."""
    if not parts:
        return "-"
    error = np.std(parts, ddof=1) / len(parts) ** 0.5 if len(parts) > 1 else 0.0
    return f"{100 * np.mean(parts):+.2f} +- {100 * error:.2f}"


def metrics(outcomes: Sequence[Outcome]) -> str:
    """Return the table of every metric in the good cells."""
    text = (
        "Off: value less truth, of the truth where it is in %. Sigma is the uncertainty given with the value. The "
        "truth of the moments is what their formula gives without noise in the same disc.\n\n"
    )
    columns = ("metric", "values", "mean off", "largest off", "RMS of off / sigma", "within 1", "beyond 3")
    return text + table(columns, list(_metric_rows(good(outcomes))))


def _metric_rows(outcomes: Sequence[Outcome]) -> Iterator[Sequence[str]]:
    for metric in ORDER:
        found = values(outcomes, metric)
        if not found:
            continue
        off = np.array([100 * one.part if metric in RELATIVE else one.off for one in found])
        sigmas = np.abs([one.sigmas for one in found])
        unit = "%" if metric in RELATIVE else "deg" if metric == "rotation" else "mm"
        yield (
            f"`{metric}`",
            f"{len(found):,d}",
            f"{off.mean():+.3f} {unit}",
            f"{np.abs(off).max():.2g} {unit}",
            f"{(sigmas**2).mean() ** 0.5:.2f}",
            f"{100 * (sigmas <= 1).mean():.0f} %",
            f"{100 * (sigmas > 3).mean():.1f} %",
        )


def parts(outcomes: Sequence[Outcome]) -> str:
    """Return the table of the joint FWHM over parts of the grid."""
    columns = ("good cells", "number", "bias (%)", "mean sigma (%)", "within 1 sigma", "beyond 3")
    return table(columns, list(_part_rows(good(outcomes))))


def _part_rows(outcomes: Sequence[Outcome]) -> Iterator[Sequence[str]]:
    for name, belongs in _divisions():
        found = values([one for one in outcomes if belongs(one)], "fwhm")
        if found:
            sigmas = np.abs([one.sigmas for one in found])
            yield (
                name,
                str(len(found)),
                _percent([one.part for one in found]),
                f"{100 * np.mean([one.sigma / one.truth for one in found]):.2f}",
                f"{100 * (sigmas <= 1).mean():.0f} %",
                str(int((sigmas > 3).sum())),
            )


def _divisions() -> Iterator[tuple[str, Callable[[Outcome], bool]]]:
    yield "all", lambda _: True
    for low, high in ((3.0, 4.0), (4.0, 5.0), (5.0, 6.5), (6.5, 9.0)):
        yield f"FWHM {low:g} to {high:g} mm", _between(lambda one: one.cell.fwhm_mm, low, high)
    for low, high in ((0.6, 1.0), (1.0, 1.6), (1.6, 2.4)):
        yield (
            f"pixels {low:g} to {high:g} mm",
            _between(lambda one: max(one.cell.phantom.spacing_mm), low, high),
        )
    yield "pixels not square", lambda one: len(set(one.cell.phantom.spacing_mm)) > 1
    for low, high in ((2.0, 6.0), (6.0, 20.0)):
        yield f"{low:g} to {high:g} M counts", _between(lambda one: one.cell.phantom.counts / 1e6, low, high)
    for widths in KNOWN + GIVEN:
        yield f"bars of {widths_text(widths)} mm", _of_set(widths)


def _between(value: Callable[[Outcome], float], low: float, high: float) -> Callable[[Outcome], bool]:
    return lambda one: low <= value(one) < high or value(one) == high == PIXEL_MM[1]


def _of_set(widths_mm: tuple[float, ...]) -> Callable[[Outcome], bool]:
    return lambda one: one.cell.set_mm == widths_mm


def others(outcomes: Sequence[Outcome]) -> str:
    """Say what became of the cells that are not good."""
    left = other(outcomes)
    counted = Counter(_fate(one) for one in left)
    found = values(left, *ORDER)
    beyond = sum(abs(one.sigmas) > 3 for one in found)
    text = (
        f"{len(left)} cells. Their results, as far as there are any, say of every quadrant what could not be "
        f"measured. Off by more than three sigma: {beyond} of the {len(found)} values that are given.\n\n"
    )
    return text + table(("outcome", "cells"), [(fate, str(number)) for fate, number in counted.most_common()])


def _fate(one: Outcome) -> str:
    if one.refused:
        return f"refused: `{one.refused}`"
    if one.has_fwhm:
        return "measured, joint FWHM given"
    (code,) = [code.split(": ")[1] for code in one.codes if code.startswith("fwhm: ") and "rot" not in code]
    return f"measured, without joint FWHM: `{code}`"


def straightness(outcomes: Sequence[Outcome]) -> str:
    """Return the table of the straightness of bars that are straight."""
    text = (
        "The bars of the grid are straight: what is read is noise. Five of a hundred should exceed the 95th "
        "percentile given with the value.\n\n"
    )
    columns = ("metric", "results", "value over the floor's mean", "above the 95th percentile", "largest")
    return text + table(columns, list(_straight_rows(outcomes)))


def _straight_rows(outcomes: Sequence[Outcome]) -> Iterator[Sequence[str]]:
    for metric in ("linearity_sd", "linearity_max"):
        found = [
            (one.cell.number, each) for one in outcomes for each in one.straight if each.metric == metric
        ]
        if not found:
            continue
        number, largest = max(found, key=lambda one: one[1].value)
        yield (
            f"`{metric}`",
            str(len(found)),
            f"{np.mean([one.value / one.floor for _, one in found]):.2f}",
            f"{100 * np.mean([one.value > one.p95 for _, one in found]):.0f} %",
            f"{largest.value:.2f} mm (cell {number}; its floor {largest.floor:.2f}, 95 % {largest.p95:.2f})",
        )
