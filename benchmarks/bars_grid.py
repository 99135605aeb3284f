"""The grid of bar phantoms for the validation: cells drawn at random, measured, and set beside their truth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmqc.model import Acquisition, Analysis, Frame, InputFile, Measurement, Result, Source, System
from nmqc.resolution import bars
from phantoms.bars import Bars, BarsTruth
from phantoms.bars import Quadrant as TrueQuadrant
from phantoms.fields import Rectangle

#: bar widths in mm: sets that nmqc knows, and two wide ones that it is told (for an FWHM of up to 9 mm)
KNOWN = ((2.0, 2.5, 3.0, 3.5), (2.12, 2.54, 3.18, 4.23), (3.0, 3.5, 4.0, 4.5), (3.18, 3.97, 4.76, 6.35))
GIVEN = ((4.0, 4.8, 5.6, 6.4), (4.5, 5.3, 6.1, 6.9))
FWHM_MM, PIXEL_MM, COUNTS, SHIFT_MM = (3.0, 9.0), (0.6, 2.4), (2e6, 20e6), 40.0
MEASURABLE, COARSE, ENOUGH = 0.1, 0.8, 3
SUITED = 0.7  # share of the cells of which FWHM and pixels are drawn to suit the bars
RESOLVED = 0.08
HANDER = 1.058
SEED = 20_260_101


@dataclass(frozen=True, slots=True)
class Cell:
    """One bar phantom of the grid. `number` is all that is needed to draw it again."""

    number: int
    phantom: Bars
    given_mm: tuple[float, ...] | None

    @property
    def good(self) -> bool:
        """True where three quadrants or more have a modulation of 0.1 and bars of more than pixel / 0.8."""
        pixel = max(self.phantom.spacing_mm)
        fit = [abs(one.modulation) >= MEASURABLE and pixel < COARSE * one.width_mm for one in self.quadrants]
        return sum(fit) >= ENOUGH

    @property
    def quadrants(self) -> tuple[TrueQuadrant, ...]:
        """What is true of the quadrants, clockwise from the top left."""
        return self.phantom.truth().quadrants

    @property
    def fwhm_mm(self) -> float:
        """The camera's FWHM, the same in x and y."""
        return self.phantom.fwhm_mm[0]

    @property
    def set_mm(self) -> tuple[float, ...]:
        """The bar widths, the smallest first."""
        return tuple(sorted(self.phantom.widths_mm))

    def __str__(self) -> str:
        down, along = self.phantom.spacing_mm
        modulations = ", ".join(f"{one.modulation:.3f}" for one in self.quadrants)
        return (
            f"cell {self.number}: FWHM {self.fwhm_mm:.2f} mm, bars {widths_text(self.set_mm)} mm, "
            f"pixels {down:.2f} x {along:.2f} mm, {self.phantom.counts / 1e6:.1f} M counts, "
            f"turned {self.phantom.rotation_deg:.1f} deg, modulations {modulations}"
        )


def widths_text(widths_mm: Sequence[float]) -> str:
    """Return bar widths as they are written: "2, 2.5, 3, 3.5"."""
    return ", ".join(f"{width:g}" for width in widths_mm)


def draw(number: int) -> Cell:
    """Return a cell of the grid, always the same for the same number."""
    random = np.random.default_rng([SEED, number])
    sets = KNOWN + GIVEN
    chosen = sets[int(random.integers(len(sets)))]
    scatter, transmission = (float(random.uniform(0, most)) for most in (0.3, 0.1))
    contrast = (1 - transmission) / (1 + transmission) / (1 + scatter)
    fwhm, pixels = _camera(random, chosen, contrast)
    wide, high = (533.0, 387.0) if random.random() < 0.7 else (400.0, 540.0)
    cut = 0.85 if random.random() < 0.2 else 1.0
    along_first = bool(random.random() < 0.5)
    phantom = Bars(
        matrix=(int(cut * (high + 20) / pixels[0]), int((wide + 30) / pixels[1])),
        pixel_mm=pixels,
        field=Rectangle(wide, high),
        widths_mm=_shuffled(random, chosen),
        across=(along_first, not along_first, along_first, not along_first),
        rotation_deg=float(random.uniform(0, 89)),
        centre_mm=_two(random, SHIFT_MM),
        mirrored=bool(random.random() < 0.5),
        fwhm_mm=(fwhm, fwhm),
        transmission=transmission,
        scatter=scatter,
        phases=tuple(float(one) for one in random.uniform(0, 1, 4)),  # type: ignore[arg-type]
        cross_mm=float(random.choice([0.0, 0.0, 6.0, 12.0])),
        cross_open=bool(random.random() < 0.7),
        dividing_deg=45.0 if random.random() < 0.15 else 0.0,
        size_mm=None if random.random() < 0.7 else float(random.uniform(330, 420)),
        gradient_per_mm=_two(random, 2e-4),
        counts=float(np.exp(random.uniform(*np.log(COUNTS)))),
    )
    return Cell(number, phantom, chosen if chosen in GIVEN else None)


def _two(random: np.random.Generator, most: float) -> tuple[float, float]:
    first, second = random.uniform(-most, most, 2)
    return float(first), float(second)


def _shuffled(random: np.random.Generator, widths: tuple[float, ...]) -> tuple[float, float, float, float]:
    first, second, third, fourth = random.permutation(widths)
    return float(first), float(second), float(third), float(fourth)


def _camera(
    random: np.random.Generator, widths_mm: tuple[float, ...], contrast: float
) -> tuple[float, tuple[float, float]]:
    """Return FWHM and pixels (down, along): of some cells over the whole ranges, of most to suit the bars."""
    fwhm_most, pixel_most = FWHM_MM[1], PIXEL_MM[1]
    if random.random() < SUITED:
        third = sorted(widths_mm)[1]
        log = math.log(4 / math.pi * contrast / MEASURABLE)
        fwhm_most = min(fwhm_most, 2 * math.sqrt(math.log(2) * log) / math.pi * 2 * third)
        pixel_most = min(pixel_most, COARSE * third)
    fwhm = float(random.uniform(FWHM_MM[0], fwhm_most))
    first = math.exp(random.uniform(math.log(PIXEL_MM[0]), math.log(pixel_most)))
    second = first if random.random() < 0.7 else first * random.uniform(0.85, 1.15)
    down, along = (round(float(np.clip(one, *PIXEL_MM)), 3) for one in (second, first))
    return fwhm, (down, along)


def acquisition(*images: tuple[NDArray[np.integer], tuple[float, float]]) -> Acquisition:
    """Return images with their pixels (down, along) as an acquisition of one detector."""
    files = [InputFile(f"bars-{place}.dcm", f"{place:064d}", f"{place:064d}") for place in range(len(images))]
    frames = tuple(
        Frame(image, spacing, 1, "single-head", None, file, full_scale=65535.0)
        for file, (image, spacing) in zip(files, images, strict=True)
    )
    source = Source(tuple(files), System("unknown", "grid", "", ""), None, None)
    return Acquisition(source, "STATIC", frames)


def analysed(cell: Cell, expected: NDArray[np.float64]) -> Analysis:
    """Return the analysis of a cell's image: Poisson counts about the expected ones, seeded by its number."""
    counts = np.random.default_rng(cell.number).poisson(expected)
    return bars.analyse(acquisition((counts, cell.phantom.spacing_mm)), bars.Options(bars=cell.given_mm))


@dataclass(frozen=True, slots=True)
class Value:
    """A returned value beside its truth."""

    metric: str
    of: str
    off: float
    sigma: float
    truth: float

    @property
    def sigmas(self) -> float:
        """By how many of its standard deviations the value is off."""
        return self.off / self.sigma

    @property
    def part(self) -> float:
        """By which part of the truth the value is off."""
        return self.off / self.truth


@dataclass(frozen=True, slots=True)
class Straight:
    """A figure of straightness: bars of the grid are straight, so that noise alone makes it."""

    metric: str
    value: float
    floor: float
    p95: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a cell.

    Attributes
    ----------
    good : whether the cell is a good one
    refused : code of the refusal; "" where there is a result
    codes : of what could not be measured, "fwhm: too_few_quadrants"
    wrong : quadrants that were taken for others, "top left: 3.5 mm for 3 mm"
    values, straight : what was returned, of the metrics that have a truth
    """

    cell: Cell
    good: bool
    refused: str
    codes: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    values: tuple[Value, ...] = ()
    straight: tuple[Straight, ...] = ()

    @property
    def has_fwhm(self) -> bool:
        """True where the joint FWHM was given."""
        return any(one.metric == "fwhm" for one in self.values)

    def of(self, *metrics: str) -> list[Value]:
        """Return the values of some metrics."""
        return [one for one in self.values if one.metric in metrics]


def measure(cell: Cell) -> Outcome:
    """Analyse a cell and set every value beside its truth."""
    expected = cell.phantom.expected()
    found = analysed(cell, expected)
    if found.refused:
        return Outcome(cell, cell.good, found.refused[0].code)
    (result,) = found.results
    codes = {f"{_short(one.name)}: {one.code}" for one in result.not_measured}
    wrong = _wrong(result, cell.phantom.truth())
    truth = _truth(cell) | ({} if wrong else _of_quadrants(cell, expected, result.parameters["quadrants"]))
    values = [
        Value(_short(one.metric.name), one.of, _off(one, truth), one.uncertainty, truth[_key(one)])
        for one in result.measurements
        if _key(one) in truth and one.uncertainty
    ]
    straight = tuple(_straightness(result))
    return Outcome(cell, cell.good, "", tuple(sorted(codes)), wrong, tuple(values), straight)


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _key(measured: Measurement) -> tuple[str, str]:
    return _short(measured.metric.name), measured.of


def _off(measured: Measurement, truth: Mapping[tuple[str, str], float]) -> float:
    off = measured.value - truth[_key(measured)]
    return (off + 45) % 90 - 45 if measured.metric.name.endswith("rotation") else off


def _straightness(result: Result) -> Iterator[Straight]:
    for one in result.measurements:
        if one.noise_floor is not None:
            yield Straight(_short(one.metric.name), one.value, one.noise_floor.mean, one.noise_floor.p95)


def _wrong(result: Result, truth: BarsTruth) -> tuple[str, ...]:
    """Return the quadrants that were taken for others.

    A cross at 45 degrees has no top left quadrant: within 0.2 degrees of it the count may start one further.
    """
    taken, true = result.parameters["bars_mm"], [one.width_mm for one in truth.quadrants]
    starts = (0, 1, 3) if abs(truth.cross_deg) > 45 - 0.2 else (0,)
    if any(np.allclose(taken, true[start:] + true[:start]) for start in starts):
        return ()
    return tuple(
        f"{one:g} mm for {other:g} mm" for one, other in zip(taken, true, strict=True) if one != other
    )


def _truth(cell: Cell) -> dict[tuple[str, str], float]:
    """Return the truth of the whole image by metric and `of`."""
    whole: BarsTruth = cell.phantom.truth()
    contrast = whole.quadrants[0].contrast
    return {
        ("fwhm", ""): cell.fwhm_mm,
        ("contrast", ""): contrast,
        ("limit", ""): true_limit(cell.fwhm_mm, contrast, max(cell.phantom.spacing_mm)),
        ("rotation", ""): whole.rotation_deg,
        ("centre_x", ""): whole.centre_mm[0],
        ("centre_y", ""): whole.centre_mm[1],
        ("pixel_scale", ""): 1.0,
    }


def _of_quadrants(
    cell: Cell, expected: NDArray[np.float64], described: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], float]:
    """Return the truth of the single quadrants; of the moments, what their formula gives without noise."""
    discs = {one["bars"]: one for one in described}
    truth: dict[tuple[str, str], float] = {}
    for one in cell.quadrants:
        name = f"{one.width_mm:.2f} mm"
        truth |= {
            ("modulation", name): abs(one.modulation),
            ("mtf", name): one.mtf,
            ("width", name): one.width_mm,
        }
        if name in discs:
            by_moments = _moments(expected, cell.phantom.spacing_mm, discs[name])
            for metric, factor in (("fwhm_moments", 1.0), ("fwhm_moments_pi4", math.pi / 4)):
                truth[metric, name] = HANDER * one.width_mm * max(-math.log(factor * by_moments), 0.0) ** 0.5
    return truth


def _moments(expected: NDArray[np.float64], spacing: tuple[float, float], disc: Mapping[str, float]) -> float:
    """Return sqrt(2) SD / mean of the expected counts in a disc."""
    y, x = (
        (np.arange(size) - (size - 1) / 2) * pitch - middle
        for size, pitch, middle in zip(expected.shape, spacing, (disc["y_mm"], disc["x_mm"]), strict=True)
    )
    inside = np.hypot(y[:, None], x[None, :]) <= disc["diameter_mm"] / 2
    return float(2**0.5 * expected[inside].std() / expected[inside].mean())


def true_limit(fwhm_mm: float, contrast: float, pixel_mm: float) -> float:
    """Return the width of bars along the pixels that have a modulation of 0.08, by halving."""
    low, high = 0.55 * pixel_mm, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        f = 0.5 / middle
        mtf = math.exp(-((math.pi * fwhm_mm * f) ** 2) / (4 * math.log(2)))
        seen = 4 / math.pi * contrast * mtf * float(np.sinc(f * pixel_mm))
        low, high = (middle, high) if seen < RESOLVED else (low, middle)
    return (low + high) / 2


def outcome(number: int) -> Outcome:
    """Draw a cell and measure it."""
    return measure(draw(number))
