"""Bar phantoms for the tests, their analysis, and what is true of them, under the names of the metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from nmqc.model import Acquisition, Measurement, NotMeasured, Refusal, Result
from nmqc.resolution.bars import Options, analyse
from phantoms.bars import Bars
from phantoms.fields import Rectangle
from tests.exam.acquisitions import countless, planar

Key = tuple[str, str]

# Small, so that it is quick: half a second. Rows unlike columns, pixels not square, off the centre, turned.
SMALL = Bars(
    system="symbia-t2",
    detector=2,
    matrix=(170, 165),
    pixel_mm=(1.0, 1.1),
    field=Rectangle(170.0, 150.0),
    widths_mm=(2.5, 3.5, 2.0, 3.0),
    across=(True, False, True, False),
    rotation_deg=7.0,
    centre_mm=(5.3, -3.7),
    fwhm_mm=(3.0, 3.0),
    scatter=0.1,
    phases=(0.1, 0.35, 0.7, 0.85),
    counts=2e6,
)
# Room for wider bars, and for a phantom that is shifted or turned by 45 degrees.
WIDE = replace(
    SMALL,
    matrix=(250, 255),
    field=Rectangle(270.0, 240.0),
    widths_mm=(3.97, 6.35, 3.18, 4.76),
    fwhm_mm=(4.2, 4.2),
    counts=4e6,
)


def result_of(made: Acquisition, bars: Sequence[float] | None = None) -> Result:
    """Return the only result of an acquisition of which nothing is refused."""
    analysis = analyse(made, Options(bars=None if bars is None else tuple(bars)))
    assert analysis.refused == ()
    (result,) = analysis.results
    return result


def exact(phantom: Bars, bars: Sequence[float] | None = None) -> Result:
    """Return the result of a phantom without noise."""
    return result_of(countless(phantom), bars)


def noisy(phantom: Bars, seed: int, bars: Sequence[float] | None = None) -> Result:
    """Return the result of a phantom with Poisson noise."""
    return result_of(planar(phantom, seed), bars)


@cache
def ensemble(phantom: Bars, seeds: int) -> tuple[Result, ...]:
    """Return the results of one phantom acquired many times."""
    return tuple(noisy(phantom, 1000 + seed) for seed in range(seeds))


def refused(made: Acquisition, bars: Sequence[float] | None = None) -> Refusal:
    """Return the only refusal of an acquisition that gives no result."""
    analysis = analyse(made, Options(bars=None if bars is None else tuple(bars)))
    assert analysis.results == ()
    (refusal,) = analysis.refused
    return refusal


def found(result: Result) -> dict[Key, Measurement]:
    """Return the measurements of a result by short name and variant."""
    return {(m.metric.name.removeprefix("resolution.bars."), m.of): m for m in result.measurements}


def absent(result: Result) -> dict[Key, NotMeasured]:
    """Return what a result lists as not measured, by short name and variant."""
    return {(one.name.removeprefix("resolution.bars."), one.of): one for one in result.not_measured}


def named(phantom: Bars) -> list[str]:
    """Return the names of the quadrants clockwise from the top left, equal widths being counted."""
    names: list[str] = []
    widths = [one.width_mm for one in phantom.truth().quadrants]
    for number, width in enumerate(widths):
        same = widths[: number + 1].count(width)
        names.append(f"{width:.2f} mm" + (f" ({same})" if same > 1 else ""))
    return names


def truths(phantom: Bars) -> dict[Key, float]:
    """Return what is true of a phantom, for a camera of one FWHM in all directions."""
    truth = phantom.truth()
    values = {
        ("fwhm", ""): phantom.fwhm_mm[0],
        ("contrast", ""): truth.quadrants[0].contrast,
        ("pixel_scale", ""): 1.0,
        ("rotation", ""): truth.rotation_deg,
        ("centre_x", ""): truth.centre_mm[0],
        ("centre_y", ""): truth.centre_mm[1],
    }
    for name, one in zip(named(phantom), truth.quadrants, strict=True):
        values |= {
            ("modulation", name): one.modulation,
            ("mtf", name): one.mtf,
            ("width", name): one.width_mm,
        }
    return values


def off_by(key: Key, value: float, true: float) -> float:
    """Return the difference; of angles, less the quarter turns in it."""
    difference = value - true
    return math.remainder(difference, 90.0) if key[0] == "rotation" else difference


def located(result: Result, phantom: Bars) -> Iterator[tuple[str, float, float, float]]:
    """Yield what is said of the phantom's place and bars: what, found, true, and the tolerance that is promised."""
    values, true = found(result), truths(phantom)
    for key, within in ((("centre_x", ""), 1.0), (("centre_y", ""), 1.0)):
        yield key[0], values[key].value, true[key], within
    yield "rotation", off_by(("rotation", ""), values["rotation", ""].value, true["rotation", ""]), 0.0, 0.2
    for name in named(phantom):
        if ("width", name) in values:
            yield name, values["width", name].value, true["width", name], 0.005 * true["width", name]


def check_located(result: Result, phantom: Bars) -> None:
    """Check that every quadrant is named as it is, and everything lies where it is promised to be found."""
    assert result.parameters["bars_mm"] == [one.width_mm for one in phantom.truth().quadrants]
    for what, value, true, within in located(result, phantom):
        assert abs(value - true) <= within, (what, value, true)
